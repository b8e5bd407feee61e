"""Figures that others can repeat: CPU time of the thread, side by side, each question asked of five processes.

Where in memory things come to lie is another matter in each process, so beside each median stand the least and the most.
The garbage collector runs as it does for a user, for everybody alike.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from llm_persona.files.output import write_file

PROCESSES = 5
RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    *("llm-persona", "jinja2", "pyyaml", "jsonschema-rs"),
    *("minijinja", "banks", "langchain-core", "haystack-ai", "prompty"),
)

Figure = Mapping[str, float]  # its median, least and most


def interleaved(
    functions: Mapping[str, Callable[[], object]], *, seconds: float = 0.01, rounds: int = 9
) -> dict[str, list[float]]:
    """Return the seconds of one call of each function, once a round, which runs each for about `seconds`.

    All take turns, each round in another order, as the machine's speed drifts and one's garbage is another's work.
    """
    loops = {name: _loops(function, seconds) for name, function in functions.items()}
    taken: dict[str, list[float]] = {name: [] for name in functions}
    turns = random.Random(0)
    for _ in range(rounds):
        for name in turns.sample(list(functions), len(functions)):
            taken[name].append(spent(functions[name], loops[name]))
    return taken


def multiples(taken: Mapping[str, list[float]], unit: str) -> dict[str, float]:
    """Return what each takes as a multiple of the one called `unit`, by the median of the rounds."""
    ones = taken[unit]
    return {name: median(time / one for time, one in zip(times, ones, strict=True)) for name, times in taken.items()}


def _loops(function: Callable[[], object], seconds: float) -> int:
    function()  # what is made at the first call is not what is asked about
    loops = 1
    while (one := spent(function, loops)) * loops < seconds:
        loops = max(loops * 2, int(seconds / max(one, 1e-9)))
    return loops


def spent(function: Callable[[], object], loops: int = 1) -> float:
    """Return the seconds that this thread works for one call."""
    repeat = range(loops)
    start = time.thread_time()
    for _ in repeat:
        function()
    return (time.thread_time() - start) / loops


def ask(question: str) -> None:
    """Have five processes, one after the other, measure what the module of this name does; keep and print what they say."""
    start = time.monotonic()
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = [pool.apply(import_module(question).measure) for _ in range(PROCESSES)]
    each = {name: [run[name] for run in runs] for name in runs[0]}
    figures = {name: {"median": median(of), "least": min(of), "most": max(of)} for name, of in each.items()}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    kept = {"question": question, "machine": machine, "versions": _versions(), "figures": figures}
    RESULTS.mkdir(exist_ok=True)
    write_file(RESULTS / f"{question}.json", json.dumps(kept, indent=2) + "\n")
    print(f"\n{question} ({machine}; {time.monotonic() - start:.0f} s)")
    for name, figure in figures.items():
        print(f"  {name:<70}  {figure['median']:10,.2f}  {figure['least']:10,.2f} to {figure['most']:,.2f}", flush=True)


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            print(f"not installed, and so left out: {package}")
    return found


def results() -> dict[str, dict[str, Figure]]:
    """Return the figures that are kept, by question."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    return {result["question"]: result["figures"] for result in kept}
