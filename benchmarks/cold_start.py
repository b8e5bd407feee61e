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

ROUNDS = 15


def run(code: str) -> tuple[float, float]:
    """Return the wall seconds and the peak megabytes of a fresh interpreter that runs the code."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
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
            "import llm_persona": "import llm_persona",
            "import both": "import jinja2, yaml, llm_persona",
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
                sample = run(code)
                if turn:  # the first fills the disk's cache
                    samples[name].append(sample)
    wall = {name: statistics.median(seconds for seconds, _ in taken) for name, taken in samples.items()}
    memory = {name: statistics.median(peak for _, peak in taken) for name, taken in samples.items()}
    bare = wall["import jinja2, yaml"] - wall["nothing"]
    figures: dict[str, object] = {
        "import llm_persona adds to import jinja2, yaml (share)": (wall["import both"] - wall["import jinja2, yaml"])
        / bare,
        "file to first prompt, 1,000 personas: llm-persona / (yaml.load + Jinja2), wall": wall["llm-persona"]
        / wall["yaml.load + Jinja2"],
        "the same, peak memory": memory["llm-persona"] / memory["yaml.load + Jinja2"],
    }
    report("cold_start", figures, versions("llm-persona", "jinja2", "pyyaml"))


if __name__ == "__main__":
    main()
