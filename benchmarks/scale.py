"""A million prompts for 1,000 personas in 4 templates: how many in a second beside plain Jinja2, and at what memory?

The personas come from one YAML file, each with texts of its own; the templates of plain Jinja2 print the same bytes.
"""

from __future__ import annotations

import gc
import resource
import tempfile
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
import yaml
from harness import multiples, spent
from kinds_of_request import OPTIONAL, SETS
from products import TEMPLATES, write_yaml

from llm_persona import PersonaRegistry

PROMPTS = 1_000_000
COUNTS = (10, 1_000)
NAMES = tuple(TEMPLATES)
TURNS = 10
SMALL = 500_000

Render = Callable[[int], str]


def ours(registry: PersonaRegistry) -> Render:
    names = registry.list_names()
    count = len(names)

    def render(number: int) -> str:
        persona = registry.get(names[number % count])
        return persona.build_system_prompt(NAMES[number // count % 4], user_name=f"user {number}", plan="pro")

    return render


def raw_jinja(path: Path) -> Render:
    environment = jinja2.Environment(keep_trailing_newline=True)
    templates = [environment.from_string(TEMPLATES[name]) for name in NAMES]
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    personas = [{"name": name, **fields} for name, fields in data.items()]
    count = len(personas)

    def render(number: int) -> str:
        session = {"user_name": f"user {number}", "plan": "pro"}
        return templates[number // count % 4].render(persona=personas[number % count], session=session)

    return render


def prepared(render: Render, count: int) -> Render:
    """The floor: join pieces that were prepared for every persona and template, without a look at what is joined."""
    pieces = []
    for number in range(4 * count):
        head, _, rest = render(number).partition(f"user {number}")
        middle, _, tail = rest.partition("pro")
        pieces.append((head, middle, tail))

    def fill(number: int) -> str:
        head, middle, tail = pieces[number % len(pieces)]
        return f"{head}user {number}{middle}pro{tail}"

    return fill


def every(render: Render, numbers: range) -> None:
    for number in numbers:
        render(number)


def side_by_side(path: Path, count: int, prompts: int) -> dict[str, float]:
    """Return what turns over all personas and templates take beside plain Jinja2 and the floor, and what they add to memory."""
    renders = {"ours": ours(PersonaRegistry.from_file(path)), "jinja": raw_jinja(path)}
    for number in range(8 * count):  # also fills what is kept
        assert renders["ours"](number) == renders["jinja"](number), f"they print different things: {number}"
    renders["floor"] = prepared(renders["ours"], count)
    taken: dict[str, list[float]] = {name: [] for name in renders}
    before = peak()
    for turn in range(TURNS):
        for name, render in renders.items():
            share = prompts // TURNS if name == "ours" else max(prompts // TURNS // 10, 4 * count)
            taken[name].append(spent(partial(every, render, range(turn * share, (turn + 1) * share))) / share)
    said = f"{count:,} personas"
    figures = {
        f"{said}: prompts a second / plain Jinja2's": multiples(taken, "ours")["jinja"],
        f"{said}: time / an f-string's over prepared text": multiples(taken, "floor")["ours"],
    }
    if prompts == PROMPTS:
        figures |= {
            f"{said}: microseconds a prompt": median(taken["ours"]) * 1e6,
            f"{said}: peak memory, after a million prompts / before": peak() / before,
        }
    return figures


def peak() -> float:
    """Return this process's peak memory in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def held() -> int:
    """Return the bytes that are held since tracemalloc began."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def kept(path: Path, count: int) -> dict[str, float]:
    """Return what a persona of a file keeps, and what prepared prompts take of a small budget where many are asked for."""
    every(ours(PersonaRegistry.from_file(path)), range(8 * count))  # what is made once in a process is made now
    gc.collect()
    tracemalloc.start()
    registry = PersonaRegistry.from_file(path)
    loaded = held()
    every(ours(registry), range(8 * count))
    figures = {
        "kB a persona, loaded": loaded / count / 1_000,
        "kB a persona, after four templates": held() / count / 1_000,
    }
    maya = PersonaRegistry.from_dict({"Maya": OPTIONAL}).get("Maya")
    maya._bound.budget.most = SMALL  # which nothing public sets
    for number in range(8 * len(SETS)):
        if number == 8:  # each template was asked for twice
            before = held()
        maya.build_system_prompt(NAMES[number % 4], **SETS[number // 8])
    figures[f"memory of {4 * len(SETS)} kinds of prompt / a budget of {SMALL:,} bytes"] = (held() - before) / SMALL
    tracemalloc.stop()
    return figures


def measure() -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = write_yaml(Path(folder, f"{count}.yaml"), count)
            figures |= side_by_side(path, count, PROMPTS if count == max(COUNTS) else PROMPTS // 10)
        return figures | kept(write_yaml(Path(folder, "few.yaml"), 50), 50)
