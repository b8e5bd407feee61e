"""What the command line prints: UTF-8 everywhere, colours and tables on a terminal only, and nothing that acts there.

Text of files and personas may hold control characters, which a terminal would obey. The streams themselves spell them,
so no command has to think of it; what goes to a pipe or a file is exact.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

import click

from .progress import Progress

GAP = "  "  # between columns
_ESCAPE = "\x1b"
_CODE = f"{_ESCAPE}{os.urandom(8).hex()}"  # begins a colour code of ours: no text that was read can hold it


class Coloured:
    """A stream that `painted` may colour: all else goes on exactly as it is."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.progress: Progress | None = None  # that the next print ends

    def __getattr__(self, name: str) -> Any:  # whatever else a stream has
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        if self.progress is not None:
            self.progress.end()
        return self.stream.write(text.replace(_CODE, _ESCAPE))


class Terminal(Coloured):
    """A stream to a terminal, which acts on what `painted` made and on nothing else."""

    def write(self, text: str) -> int:
        from ..files.output import safe

        return super().write(_CODE.join(map(safe, text.split(_CODE))))


def speak_utf8() -> None:
    """Make both streams write UTF-8 and plain line feeds, whatever the locale; what UTF-8 cannot write is spelled."""
    sys.stdout, sys.stderr = _speaking_utf8(sys.stdout), _speaking_utf8(sys.stderr)


def _speaking_utf8(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
        if stream.isatty():
            return cast(TextIO, Terminal(stream))
        return cast(TextIO, Coloured(stream)) if _are_forced() else stream
    return stream


@contextlib.contextmanager
def showing_progress() -> Iterator[None]:
    """Tell a terminal of what takes longer than a second, until something is printed."""
    streams = [stream for stream in (sys.stderr, sys.stdout) if isinstance(stream, Coloured)]
    if not on_terminal(err=True) or os.environ.get("TERM") == "dumb":
        yield
        return
    progress = Progress(streams[0].stream)
    for stream in streams:
        stream.progress = progress
    try:
        yield
    finally:
        progress.end()


def on_terminal(*, err: bool = False) -> bool:
    return isinstance(sys.stderr if err else sys.stdout, Terminal)


def line(text: str = "", *, err: bool = False) -> None:
    """Print one line."""
    write(f"{text}\n", err=err)


def write(text: str, *, err: bool = False) -> None:
    """Print a text as it is. Raises PersonaError where standard output is closed."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:
        stream.write(text)
        stream.flush()
    elif not err:
        from ..errors import PersonaError

        raise PersonaError("standard output is closed", hint="write to a file: -o FILE, or > FILE")


def painted(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False, err: bool = False) -> str:
    """Colour a text for standard output, or for standard error, if that is a terminal which wants colours."""
    if not (colour or bold or dim) or not _has_colours(err):
        return text
    code = click.style("", fg=colour, bold=bold or None, dim=dim or None, reset=False)  # False would end a line's own
    return f"{code.replace(_ESCAPE, _CODE)}{text}{_CODE}[0m"


def _has_colours(err: bool) -> bool:
    if not isinstance(sys.stderr if err else sys.stdout, Coloured) or os.environ.get("NO_COLOR"):
        return False
    return _are_forced() or (os.environ.get("TERM") != "dumb" and os.environ.get("FORCE_COLOR") != "0")


def _are_forced() -> bool:
    """Whether colours are wanted whatever the stream is: force-color.org, and 0 for none as other programs have it."""
    return os.environ.get("FORCE_COLOR", "0") not in ("", "0")


def width(of_a_pipe: int) -> int:
    """Return how many cells a line of standard output may have: of what is no terminal, as many as are given."""
    return shutil.get_terminal_size((of_a_pipe, 24)).columns if on_terminal() else of_a_pipe


def print_json(value: object) -> None:
    """Print JSON for people and programs: characters that nobody sees, or that a terminal obeys, are escaped."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    line("".join(ch if ch.isprintable() or ch == "\n" else json.dumps(ch)[1:-1] for ch in text))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns under titles: fitted to the width of a terminal, and else a line each, never cut."""
    from ..errors import one_line

    shown = [[one_line(cell) for cell in row] for row in rows]
    if not on_terminal():
        head, *rest = columns([titles, *shown])
        line(painted(head, bold=True))
        for row in rest:
            line(row)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for each in shown:
        table.add_row(*map(Text, each))
    for segments in Console().render_lines(table, pad=False):
        line("".join(painted(text, bold=bool(style and style.bold)) for text, style, _ in segments))


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells below one another; wide characters count as two."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
