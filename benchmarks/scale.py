"""Prompts for 1,000 personas in 4 templates: how many a second beside plain Jinja2, and at what memory?

`python benchmarks/scale.py [PROMPTS]`, a million unless it says otherwise. The personas come from one YAML file, each
with texts of its own; the templates of plain Jinja2 print the same bytes.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import yaml
from harness import report, versions
from products import TEMPLATES, write_yaml

from llm_persona import PersonaRegistry

PERSONAS = 1_000
COUNTS = (10, 100, 1_000, 10_000)
NAMES = tuple(TEMPLATES)
TURNS = 10
PROCESSES = 5

Render = Callable[[int], str]


def ours(path: Path) -> Render:
    registry = PersonaRegistry.from_file(path)
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


def seconds(render: Render, numbers: range) -> float:
    start = time.perf_counter()
    for number in numbers:
        render(number)
    return (time.perf_counter() - start) / len(numbers)


def side_by_side(path: Path, count: int, prompts: int) -> dict[str, float]:
    """Return the median seconds of one prompt, of turns over all personas and templates."""
    renders = {"ours": ours(path), "jinja": raw_jinja(path)}
    for number in range(4 * count):  # also fills what is kept
        assert renders["ours"](number) == renders["jinja"](number), f"they print different things: {number}"
    renders["floor"] = prepared(renders["ours"], count)
    samples: dict[str, list[float]] = {name: [] for name in renders}
    for turn in range(TURNS):  # as the machine's speed drifts
        for name, render in renders.items():
            share = prompts // TURNS if name == "ours" else max(prompts // TURNS // 10, 1_000)
            samples[name].append(seconds(render, range(turn * share, (turn + 1) * share)))
    return {name: statistics.median(times) for name, times in samples.items()}


def peak() -> float:
    """Return this process's peak memory in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(path: Path, prompts: int) -> tuple[float, float]:
    """Return the peak once every prompt was made, and what all further prompts add to it."""
    render = ours(path)
    seconds(render, range(8 * PERSONAS))
    before = peak()
    seconds(render, range(prompts))
    return before, peak() - before


def loaded(path: Path) -> float:
    data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return peak() + 0 * len(data)


def worker(path: Path, prompts: int, together: Any) -> float:
    render = ours(path)
    seconds(render, range(8 * PERSONAS))
    together.wait()
    start = time.perf_counter()
    for number in range(prompts):
        render(number)
    return prompts / (time.perf_counter() - start)


def processes(path: Path, prompts: int, count: int) -> float:
    """Return the prompts a second of this many processes together."""
    with multiprocessing.Manager() as manager, multiprocessing.get_context("spawn").Pool(count) as pool:
        together = manager.Barrier(count)
        return sum(pool.starmap(worker, [(path, prompts, together)] * count, chunksize=1))


def apart(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main() -> None:
    prompts = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = write_yaml(Path(folder, f"{count}.yaml"), count)
            share = prompts if count == PERSONAS else prompts // 5
            # Where in memory things come to lie is another matter in each process.
            runs = [apart(side_by_side, path, count, share) for _ in range(PROCESSES)]
            ratios = [(run["jinja"] / run["ours"], run["ours"] / run["floor"]) for run in runs]
            figures[f"{count:,} personas: prompts a second / plain Jinja2's"] = statistics.median(r for r, _ in ratios)
            figures[f"{count:,} personas: time / an f-string's over prepared text"] = statistics.median(
                r for _, r in ratios
            )
            if count == PERSONAS:
                figures["the least and the most of the runs"] = " to ".join(
                    f"{r:.1f}" for r in sorted(r for r, _ in ratios)[:: PROCESSES - 1]
                )
        path = Path(folder, f"{PERSONAS}.yaml")
        full, added = apart(memory, path, prompts)
        figures["peak memory, every prompt made once / the file parsed by yaml.load"] = full / apart(loaded, path)
        figures[f"peak memory, {prompts:,} prompts / every prompt made once"] = (full + added) / full
        one, two = zip(*((processes(path, prompts, 1), processes(path, prompts, 2)) for _ in range(3)), strict=True)
        figures["prompts a second, two processes / one"] = statistics.median(two) / statistics.median(one)
    report("scale", figures, versions("llm-persona", "jinja2", "pyyaml"))


if __name__ == "__main__":
    main()
