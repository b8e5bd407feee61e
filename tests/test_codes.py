"""The table of findings, and the code that makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_persona.codes import CODES, finding
from llm_persona.errors import Location

PACKAGE = Path(__file__).parents[1] / "src" / "llm_persona"
LIST = Path(__file__).parents[1] / "docs" / "findings.md"


def written() -> Iterator[str]:
    """Yield every text of the package's modules, the table of codes aside."""
    for path in PACKAGE.rglob("*.py"):
        if path.name != "codes.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


MADE = {f"{of}-{how}" for of in ("constraint", "text") for how in ("never-printed", "cut", "sometimes-printed")}


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_table_is_given_to_something(code: str) -> None:
    """What nothing finds any more leaves the table."""
    assert code in {*written(), *MADE}


@pytest.mark.parametrize("code", CODES)
def test_a_finding_has_the_level_of_its_code(code: str) -> None:
    """Whoever makes it names the code alone, and people read the code behind the sentence."""
    problem = finding(code, "is odd", "mend it", Location("a.yaml", 1, 2, "Maya", "tone"))
    level = "warning: " if CODES[code].level == "warning" else ""
    assert str(problem) == f"a.yaml:1:2: {level}Maya.tone: is odd; mend it [{code}]"


def test_codes_read_as_one_table() -> None:
    """Kebab-case; one sentence each; what cannot be accepted is an error."""
    for code, row in CODES.items():
        assert code.replace("-", "").isalpha()
        assert code == code.lower()
        assert row.meaning[0].isupper()
        assert row.meaning.endswith(".")
        assert ". " not in row.meaning
        assert row.acceptable or row.level == "error"


def test_the_documentation_lists_every_code() -> None:
    """With what the table says of it, in its words, and no code that is not there."""
    rows = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{code}` | {row.level}{'' if row.acceptable else ', not to be accepted'} | {row.found} | {row.meaning} |"
        for code, row in sorted(CODES.items())
    ]
