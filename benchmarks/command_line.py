"""The start of the command line: what does a process of it cost, beside a Python that does nothing?

What counts is an environment that holds the package with its extra `cli` and nothing else, as a user has it: other packages
may make the Python that does nothing slow to start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import multiples

ROUNDS = 7
ACME = Path(__file__).parents[1] / "examples/acme/personas.yaml"
NOTHING = "a Python that does nothing"
COMMANDS = {
    NOTHING: ["-c", "pass"],
    "llm-persona --help": ["-m", "llm_persona", "--help"],
    "llm-persona --version": ["-m", "llm_persona", "--version"],
    "llm-persona list, of the example product": ["-m", "llm_persona", "list", "-f", str(ACME)],
}


def spent(name: str, folder: str) -> float:
    """Return the CPU seconds of a process; all modules have their bytecode, as those of an installed package do."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen([sys.executable, *COMMANDS[name]], stdout=subprocess.DEVNULL, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, name
    return usage.ru_utime + usage.ru_stime


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        for name in COMMANDS:  # which writes the bytecode
            spent(name, folder)
        taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(ROUNDS):
            for name, times in taken.items():
                times.append(spent(name, folder))
    figures = multiples(taken, NOTHING)
    return {f"{name} / {NOTHING}": figures[name] for name in COMMANDS if name != NOTHING}
