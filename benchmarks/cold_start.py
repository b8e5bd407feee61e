"""Whole processes: what does the import add, and how long from a file of 1,000 personas to the first prompt?"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import report, versions
from products import TEMPLATES, write_yaml

ROUNDS = 25
SHORT = "You are {{ name }}, a {{ role }}.\n\nTone: helpful and professional"


def run(code: str, bytecode: str) -> tuple[float, float]:
    """Return the wall seconds and the peak megabytes of a fresh interpreter that runs the code.

    All modules have their bytecode, in a folder of its own, as those of an installed package do.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, code
    return time.perf_counter() - start, usage.ru_maxrss / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_yaml(Path(folder, "personas.yaml"), 1_000)
        scripts = {
            "nothing": "pass",
            "import jinja2, yaml": "import jinja2, yaml",
            "import both": "import jinja2, yaml, llm_persona",
            "import all": "import jinja2, yaml; from llm_persona import Persona, PersonaRegistry",
            "first prompt, Jinja2": f"import jinja2\nprint(jinja2.Template({SHORT!r}).render(name='Maya', role='Guide'))",
            "first prompt": "from llm_persona import Persona\nprint(Persona('Maya', 'Guide').build_system_prompt())",
            "yaml.load + Jinja2": (
                f"import jinja2, yaml\npersonas = yaml.load(open({str(path)!r}, encoding='utf-8'), yaml.CSafeLoader)\n"
                f"template = jinja2.Environment().from_string({TEMPLATES['default']!r})\n"
                "print(template.render(persona={'name': 'Agent7', **personas['Agent7']}, "
                "session={'user_name': 'Ana', 'plan': 'free'}))"
            ),
            "llm-persona": (
                "from llm_persona import PersonaRegistry\n"
                f"print(PersonaRegistry.from_file({str(path)!r}).get('Agent7').build_system_prompt(user_name='Ana'))"
            ),
        }
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in scripts}
        for turn in range(ROUNDS + 1):
            for name, code in scripts.items():
                sample = run(code, os.path.join(folder, "bytecode"))
                if turn:  # the first writes the bytecode
                    samples[name].append(sample)
    wall = {name: statistics.median(seconds for seconds, _ in taken) for name, taken in samples.items()}
    memory = {name: statistics.median(peak for _, peak in taken) for name, taken in samples.items()}
    bare = wall["import jinja2, yaml"] - wall["nothing"]
    figures: dict[str, object] = {
        "import llm_persona adds to import jinja2, yaml": (wall["import both"] - wall["import jinja2, yaml"]) / bare,
        "importing its PersonaRegistry adds": (wall["import all"] - wall["import jinja2, yaml"]) / bare,
        "first prompt of one persona / a Jinja2 template's": wall["first prompt"] / wall["first prompt, Jinja2"],
        "file of 1,000 personas to first prompt / yaml.load and Jinja2": wall["llm-persona"]
        / wall["yaml.load + Jinja2"],
        "peak memory of that / yaml.load and Jinja2": memory["llm-persona"] / memory["yaml.load + Jinja2"],
    }
    report("cold_start", figures, versions("llm-persona", "jinja2", "pyyaml"))


if __name__ == "__main__":
    main()
