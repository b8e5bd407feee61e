"""How long does a file take to load, everything checked, beside a bare parser? And `check`?

With the path of another checkout's Python in the environment as BEFORE, `check` is measured beside that one's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml
from harness import interleaved, multiples
from products import write_json, write_yaml

from llm_persona import PersonaRegistry

LOADED, CHECKED = 1_000, 10_000
CHECK = """\
import json, sys, time
from llm_persona import PersonaRegistry
start = time.process_time()
registry = PersonaRegistry.from_file(sys.argv[1])
loaded = time.process_time()
found = registry.problems({"user_name", "plan"})
print(json.dumps({"load": loaded - start, "check": time.process_time() - loaded, "found": len(found)}))
"""


def check(path: Path, *python: str) -> dict[str, float]:
    """Return the CPU seconds of loading and checking a file in a new process of this Python, and how many findings."""
    ran = subprocess.run([*python, "-c", CHECK, path], capture_output=True, check=True)
    return json.loads(ran.stdout)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path, as_json = write_yaml(Path(folder, "p.yaml"), LOADED), write_json(Path(folder, "p.json"), LOADED)
        many = write_yaml(Path(folder, "many.yaml"), CHECKED)
        functions: dict[str, Callable[[], object]] = {
            "YAML": partial(PersonaRegistry.from_file, path),
            "yaml.load": lambda: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader),
            "JSON": partial(PersonaRegistry.from_file, as_json),
            "json.loads": lambda: json.loads(as_json.read_text(encoding="utf-8")),
        }
        taken = interleaved(functions, rounds=5)
        now = check(many, sys.executable)
        figures = {
            "from_file of 1,000 personas in YAML / yaml.load(CSafeLoader)": multiples(taken, "yaml.load")["YAML"],
            "from_file of 1,000 personas in JSON / json.loads": multiples(taken, "json.loads")["JSON"],
            "check of 10,000 personas / from_file of them": now["check"] / now["load"],
        }
        if python := os.environ.get("BEFORE"):
            before = check(many, python, "-E")  # whatever PYTHONPATH says of this checkout
            assert now["found"] == before["found"], "other findings"
            figures["check of 10,000 personas / before"] = now["check"] / before["check"]
        return figures
