"""Whole processes: what does the import add, and how long from a file of 1,000 personas to the first prompt?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from harness import multiples
from products import TEMPLATES, write_yaml

ROUNDS = 5
SHORT = "You are {{ name }}, a {{ role }}.\n\nTone: helpful and professional"
SCRIPTS = {
    "nothing": "pass",
    "both": "import jinja2, yaml",
    "registry": "import jinja2, yaml; from llm_persona import PersonaRegistry",
    "one, jinja": f"import jinja2\nprint(jinja2.Template({SHORT!r}).render(name='Maya', role='Guide'))",
    "one": "from llm_persona import Persona\nprint(Persona('Maya', 'Guide').build_system_prompt())",
    "file, jinja": "import jinja2, sys, yaml\npersonas = yaml.load(open(sys.argv[1], encoding='utf-8'), yaml.CSafeLoader)\n"
    f"template = jinja2.Environment().from_string({TEMPLATES['default']!r})\n"
    "session = {'user_name': 'Ana', 'plan': 'free'}\n"
    "print(template.render(persona={'name': 'Agent7', **personas['Agent7']}, session=session))",
    "file": "import sys\nfrom llm_persona import PersonaRegistry\n"
    "print(PersonaRegistry.from_file(sys.argv[1]).get('Agent7').build_system_prompt(user_name='Ana'))",
}


def run(name: str, folder: Path) -> tuple[bytes, float, float]:
    """Return what a fresh interpreter prints that runs a script, its CPU seconds and its peak megabytes.

    All modules have their bytecode, in a folder of its own, as those of an installed package do.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", SCRIPTS[name], folder / "personas.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, name
    return printed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_yaml(folder / "personas.yaml", 1_000)
        first = {name: run(name, folder) for name in SCRIPTS}  # which also writes the bytecode
        assert first["one"][0] == first["one, jinja"][0]
        assert first["file"][0] == first["file, jinja"][0]
        rounds = [{name: run(name, folder) for name in SCRIPTS} for _ in range(ROUNDS)]
    taken = {name: [turn[name][1] for turn in rounds] for name in SCRIPTS}
    spent = {name: median(seconds) for name, seconds in taken.items()}
    imports = spent["both"] - spent["nothing"]
    return {
        "import of PersonaRegistry, beside import jinja2, yaml": (spent["registry"] - spent["both"]) / imports,
        "first prompt of one persona in a new process / a Jinja2 template's": multiples(taken, "one, jinja")["one"],
        "file of 1,000 personas to first prompt / yaml.load and Jinja2": multiples(taken, "file, jinja")["file"],
        "peak memory of that / yaml.load and Jinja2": median(
            turn["file"][2] / turn["file, jinja"][2] for turn in rounds
        ),
    }
