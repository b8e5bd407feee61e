"""Time functions side by side in one run: interleaved rounds, medians, ratios. Machines are noisy; ratios are less so."""

from __future__ import annotations

import gc
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llm_persona.output import write_file

RESULTS = Path(__file__).parent / "results"


def interleaved(
    functions: Mapping[str, Callable[[], object]], *, seconds: float = 0.02, rounds: int = 25
) -> dict[str, float]:
    """Return the median seconds of one call of each function; every round runs each for about `seconds`."""
    loops = {name: _loops(function, seconds) for name, function in functions.items()}
    samples: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                gc.collect()  # what the last one left behind is not to make this one look for memory
                samples[name].append(_timed(function, loops[name]) / loops[name])
    finally:
        gc.enable()
    return {name: statistics.median(times) for name, times in samples.items()}


def _loops(function: Callable[[], object], seconds: float) -> int:
    function()  # what is made at the first call is not what is asked about
    loops = 1
    while (spent := _timed(function, loops)) < seconds and loops < 10_000_000:
        loops = max(loops * 2, int(loops * seconds / max(spent, 1e-9)))
    return loops


def _timed(function: Callable[[], object], loops: int) -> float:
    repeat = range(loops)
    start = time.perf_counter()
    for _ in repeat:
        function()
    return time.perf_counter() - start


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of installed packages, and of Python."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def report(question: str, figures: Mapping[str, object], used: Mapping[str, str]) -> None:
    """Print the figures and keep them as JSON in `results`, with the versions and the kind of machine."""
    RESULTS.mkdir(exist_ok=True)
    machine = f"{platform.system()} {platform.machine()}"
    data = {"question": question, "machine": machine, "versions": dict(used), "figures": dict(figures)}
    write_file(RESULTS / f"{question}.json", json.dumps(data, indent=2) + "\n")
    print(f"\n{question} ({machine}; {', '.join(f'{name} {number}' for name, number in used.items())})")
    width = max(map(len, figures), default=0)
    for name, value in figures.items():
        print(f"  {name:<{width}}  {value if isinstance(value, str) else f'{value:,.2f}'}")
