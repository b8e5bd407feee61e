"""The tables of the page on performance: their rows are the figures in `results`.

A row is `| name | median | least to most |`, with `at most 3.3 |` or `at least 12 |` behind it where a figure is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness import Figure, results

from llm_persona.files.output import write_file

REPOSITORY = Path(__file__).parents[1]
PAGES = (REPOSITORY / "docs/performance.md",)

_ROW = re.compile(
    r"^\| (?P<name>[^|\n]+) \|[^|\n]*\|[^|\n]*\|(?P<wanted> (?P<bound>at (?:most|least)) (?P<limit>[\d.,]+)[^|\n]*\|)?",
    re.MULTILINE,
)


def main() -> None:
    for page in PAGES:
        write_file(page, filled(page.read_text(encoding="utf-8"), all_figures()))


def all_figures() -> dict[str, Figure]:
    return {name: figure for figures in results().values() for name, figure in figures.items()}


def filled(text: str, figures: Mapping[str, Figure]) -> str:
    """Return the text with these figures in its rows, and said of each that is wanted and not reached."""
    return _ROW.sub(lambda row: _row(row, figures), text)


def _row(row: re.Match[str], figures: Mapping[str, Figure]) -> str:
    if (figure := figures.get(row["name"])) is None:
        return row[0]
    middle, least, most = (written(figure[each]) for each in ("median", "least", "most"))
    said = f"| {row['name']} | {middle} | {least} to {most} |"
    if row["wanted"]:
        value, limit = (float(each.replace(",", "")) for each in (middle, row["limit"]))
        reached = value <= limit if row["bound"] == "at most" else value >= limit
        said += f" {row['bound']} {row['limit']}{'' if reached else ': not reached'} |"
    return said


def written(figure: float) -> str:
    """Write a figure as the pages do."""
    digits = 0 if figure >= 100 else 1 if figure >= 2 else 2
    return f"{figure:,.{digits}f}"
