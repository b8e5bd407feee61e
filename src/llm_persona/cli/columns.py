"""Two prompts beside each other, as wide as the terminal."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from ..errors import one_line
from ..prompts.prompt import Prompt
from .terminal import on_terminal, painted

PIPE_WIDTH = 160  # of both, where there is no terminal
MIN_COLUMN = 20
COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan", "@": "cyan"}


def title(prompt: Prompt) -> str:
    return f"{prompt.ref} in {prompt.template}"


def columns(before: Prompt, after: Prompt) -> Iterator[str]:
    """Yield the prompts beside each other: `|` between lines that differ, `<` and `>` where one side has none."""
    width = max(MIN_COLUMN, (_width() - len("   ") - 2) // 2)
    yield painted(_row(_wrapped(title(before), width)[0], " ", _wrapped(title(after), width)[0], width), bold=True)
    old, new = before.text.split("\n"), after.text.split("\n")
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        colours = (None, None) if tag == "equal" else (COLOURS["-"], COLOURS["+"])
        for one, other in zip_longest(old[start:end], new[new_start:new_end]):
            sign = " " if tag == "equal" else "<" if other is None else ">" if one is None else "|"
            for left, right in zip_longest(_wrapped(one, width), _wrapped(other, width), fillvalue=""):
                yield _row(left, sign, right, width, colours)


def _row(one: str, sign: str, other: str, width: int, colours: tuple[str | None, str | None] = (None, None)) -> str:
    padding = " " * (width - cell_len(one))
    left = painted(one, colours[0]) if one else ""
    return f"{left}{padding} {sign} {painted(other, colours[1]) if other else ''}".rstrip()


def _wrapped(text: str | None, width: int) -> list[str]:
    """Cut a line to a width in cells, so that both columns stay in place."""
    return chop_cells(one_line(text or ""), width) or [""]


def _width() -> int:
    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if on_terminal() else PIPE_WIDTH
