"""Two prompts beside each other, as wide as the terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from ..errors import one_line
from ..prompts.prompt import Prompt
from .terminal import painted, width

PIPE_WIDTH = 160  # of both, where there is no terminal
MIN_COLUMN = 20
COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan", "@": "cyan"}


def title(prompt: Prompt) -> str:
    return f"{prompt.ref} in {prompt.template}"


def columns(before: Prompt, after: Prompt) -> Iterator[str]:
    """Yield the prompts beside each other: `|` between lines that differ, `<` and `>` where one side has none."""
    cells = max(MIN_COLUMN, (width(PIPE_WIDTH) - len("   ") - 2) // 2)
    yield painted(_row(_wrapped(title(before), cells)[0], " ", _wrapped(title(after), cells)[0], cells), bold=True)
    old, new = before.text.split("\n"), after.text.split("\n")
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        colours = (None, None) if tag == "equal" else (COLOURS["-"], COLOURS["+"])
        for one, other in zip_longest(old[start:end], new[new_start:new_end]):
            sign = " " if tag == "equal" else "<" if other is None else ">" if one is None else "|"
            for left, right in zip_longest(_wrapped(one, cells), _wrapped(other, cells), fillvalue=""):
                yield _row(left, sign, right, cells, colours)


def _row(one: str, sign: str, other: str, cells: int, colours: tuple[str | None, str | None] = (None, None)) -> str:
    padding = " " * (cells - cell_len(one))
    left = painted(one, colours[0]) if one else ""
    return f"{left}{padding} {sign} {painted(other, colours[1]) if other else ''}".rstrip()


def _wrapped(text: str | None, cells: int) -> list[str]:
    """Cut a line to a width in cells, so that both columns stay in place."""
    return chop_cells(one_line(text or ""), cells) or [""]
