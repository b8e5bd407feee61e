"""What the command line prints: UTF-8 everywhere, colours and tables on a terminal only, and nothing that acts there.

Text of files and personas may hold control characters, which a terminal would obey: `safe` spells them.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence

import click
from rich.cells import cell_len

from .errors import one_line

GAP = "  "  # between columns


def speak_utf8() -> None:
    """Make both streams write UTF-8 and plain line feeds, whatever the locale; what UTF-8 cannot write is spelled."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def safe(text: str) -> str:
    """Spell what a terminal would act on; tabs and line feeds stay."""
    return "".join(ch if ch in "\t\n" else one_line(ch) for ch in text)


def line(text: str = "", *, err: bool = False) -> None:
    """Print one line; escape codes are left out where there is no terminal."""
    click.echo(text, err=err)


def painted(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False, err: bool = False) -> str:
    """Colour a text for standard output, or for standard error, if that is a terminal which wants colours."""
    if not (colour or bold or dim) or not _has_colours(err):
        return text
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)  # False would end what a line began


def _has_colours(err: bool) -> bool:
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_json(value: object) -> None:
    """Print JSON for people and programs: characters that nobody sees, or that a terminal obeys, are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    line("".join(ch if ch.isprintable() or ch == "\n" else json.dumps(ch)[1:-1] for ch in text))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns under titles: fitted to the width of a terminal, and else a line each, never cut."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in columns([titles, *cells]):
            line(row)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold" if _has_colours(err=False) else "")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row_of_cells in cells:
        table.add_row(*(Text(cell) for cell in row_of_cells))
    Console(file=sys.stdout).print(table)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells below one another; wide characters count as two."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
