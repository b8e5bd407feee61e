"""What the benchmarks compare prints the same, so that they compare like with like. No test measures time."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest

from llm_persona import PersonaRegistry


@pytest.fixture(scope="module")
def products(repository: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(repository / "benchmarks"))
    import products

    yield products
    sys.path.remove(str(repository / "benchmarks"))


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_the_files_hold_the_personas(products: Any, tmp_path: Path, suffix: str) -> None:
    """Both kinds of file say what `personas` returns."""
    path = getattr(products, f"write_{suffix}")(tmp_path / f"p.{suffix}", 3)
    assert PersonaRegistry.from_file(path) == PersonaRegistry.from_dict(products.personas(3))


def test_plain_jinja_prints_the_same_bytes(products: Any) -> None:
    """The templates for plain Jinja2 print what the bundled ones print, and the persona is as long as is said."""
    registry = PersonaRegistry.from_dict(products.personas(2))
    for name, source in products.TEMPLATES.items():
        template = jinja2.Environment(keep_trailing_newline=True).from_string(source)
        for key, fields in products.personas(2).items():
            text = template.render(persona={"name": key, **fields}, session=products.SESSION)
            assert registry.get(key).build_system_prompt(name, **products.SESSION) == text
            assert 2_300 <= len(text) <= 2_700
    assert set(products.TEMPLATES) == {"default", "markdown", "xml", "compact"}


def written(figure: float) -> str:
    """Write a figure as README does."""
    digits = 0 if figure >= 100 else 1 if figure >= 2 else 2
    return f"{figure:,.{digits}f}"


def test_readme_has_the_figures_that_were_measured(repository: Path) -> None:
    """Every row of its tables is one of `benchmarks/results`, and all of the warm render are there."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## How fast")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?:(?:`\w+`)? \| )?([^|`]*[a-z][^|]*?) \| ([\d.,]+) \|", section, re.MULTILINE)
    results = [json.loads(path.read_text("utf-8")) for path in (repository / "benchmarks/results").glob("*.json")]
    figures = {name: figure for result in results for name, figure in result["figures"].items()}
    assert {name: written(figures[name]) for name, _ in rows} == dict(rows)
    warm = next(result["figures"] for result in results if result["question"] == "warm_render")
    assert warm.keys() <= dict(rows).keys()
    assert len(rows) >= len(warm) + 20
