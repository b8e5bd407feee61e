"""How long does a file take to load, everything checked, beside a bare parser? And how much memory stays?"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import yaml
from harness import interleaved, report, versions
from products import write_json, write_yaml

from llm_persona import PersonaRegistry

COUNTS = (10, 1_000, 10_000)


def held(function: Callable[[], object]) -> int:
    """Return the bytes that the result holds."""
    gc.collect()
    tracemalloc.start()
    result = function()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result
    return size


def main() -> None:
    counts = COUNTS[: int(sys.argv[1])] if len(sys.argv) > 1 else COUNTS
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            path, json_path = (
                write_yaml(Path(folder, f"{count}.yaml"), count),
                write_json(Path(folder, f"{count}.json"), count),
            )
            functions: dict[str, Callable[[], object]] = {
                "yaml": lambda path=path: yaml.load(path.read_text("utf-8"), yaml.CSafeLoader),  # type: ignore[misc]
                "ours": lambda path=path: PersonaRegistry.from_file(path),  # type: ignore[misc]
                "json": lambda path=json_path: json.loads(path.read_text("utf-8")),  # type: ignore[misc]
                "ours json": lambda path=json_path: PersonaRegistry.from_file(path),  # type: ignore[misc]
            }
            rounds = 15 if count < 1000 else 7 if count == 1000 else 3
            times = interleaved(functions, rounds=rounds)
            figures[f"{count:,} personas: from_file of YAML / yaml.load(CSafeLoader)"] = times["ours"] / times["yaml"]
            figures[f"{count:,} personas: from_file of JSON / json.loads"] = times["ours json"] / times["json"]
            figures[f"{count:,} personas: microseconds a persona, YAML"] = times["ours"] / count * 1e6
            figures[f"{count:,} personas: memory held / that of yaml.load"] = held(functions["ours"]) / held(
                functions["yaml"]
            )
    report("loading", figures, versions("llm-persona", "pyyaml", "jsonschema-rs"))


if __name__ == "__main__":
    main()
