"""Reading alone, beside the plain parsers, in one run: `python benchmarks/bench_reading.py [PERSONAS ...]`.

Times are CPU seconds, the best of several rounds that take turns; memory is what the result holds, by tracemalloc.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Literal

import yaml

from llm_persona.reading import Document, parse
from llm_persona.writing import dump_json, dump_yaml

WORDS = [
    "please",
    "answer",
    "every",
    "question",
    "about",
    "orders",
    "refunds",
    "and",
    "delivery",
    "dates",
    "without",
    "promising",
    "what",
    "no",
    "courier",
    "keeps",
]


def sentence(chooser: random.Random, words: int) -> str:
    return " ".join(chooser.choices(WORDS, k=words)).capitalize()


def personas(count: int) -> dict[str, object]:
    """Return as many personas of about 2.5 kB, always the same."""
    chooser = random.Random(1)
    return {f"Persona {number}": persona(chooser) for number in range(count)}


def persona(chooser: random.Random) -> dict[str, object]:
    return {
        "role": sentence(chooser, 3),
        "company": "Acme Corp",
        "tone": "helpful, concise, empathetic",
        "version": 1,
        "capabilities": [sentence(chooser, 10) for _ in range(9)],
        "constraints": [sentence(chooser, 12) for _ in range(9)],
        "greeting": "Hi {user_name}, I'm {name} from {company}.",
        "custom_sections": {
            "escalation": "\n".join(sentence(chooser, 12) for _ in range(6)),
            "style": sentence(chooser, 30),
        },
        "variables": {"user_name": None, "plan": "free"},
        "template": "support",
    }


def fastest(rounds: int, *readers: Callable[[], object]) -> list[float]:
    best = [float("inf")] * len(readers)
    for _ in range(rounds):
        for position, reader in enumerate(readers):
            gc.collect()
            start = time.process_time()
            reader()
            best[position] = min(best[position], time.process_time() - start)
    return best


def held(reader: Callable[[], object]) -> int:
    """Return the bytes that the result of a reader holds."""
    reader()
    gc.collect()
    tracemalloc.start()
    result = reader()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert result is not None
    return size


def compare(count: int, kind: Literal["yaml", "json"], text: bytes, plain: Callable[[bytes], object]) -> None:
    """Print our time and memory as parts of the plain parser's; a document may keep its own copy of the text."""

    def ours() -> Document:
        return parse(bytes(bytearray(text)), f"personas.{kind}", kind=kind)

    rounds = 2 if count > 5_000 else 5
    before, after = fastest(rounds, lambda: plain(text), ours)
    memory = f"{held(ours) / held(lambda: plain(text)):.2f}" if count <= 1_000 else "-"
    kilobytes = len(text) / count / 1_000
    print(
        f"{count:>6} {kind}, {kilobytes:.1f} kB each {before:8.3f} s {after:8.3f} s   time {after / before:.2f}   memory {memory}"
    )


def main() -> None:
    for count in map(int, sys.argv[1:] or ["10", "1000", "10000"]):
        data = personas(count)
        as_yaml, as_json = dump_yaml(data).encode(), dump_json(data).encode()
        compare(count, "yaml", as_yaml, lambda text: yaml.load(text, yaml.CSafeLoader))
        compare(count, "json", as_json, json.loads)


if __name__ == "__main__":
    main()
