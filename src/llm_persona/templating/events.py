"""What a template writes while it runs: one list of pieces.

Its own text comes as `TemplateText`, so it may be tidied; what it printed of the persona or the session comes as a plain
`str`, which is never touched; blocks stand between `Begin` and `End`. What was caught and is printed adds the pieces that
it was made of. In a recording, what stands for a value comes as itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .cost import PIECES, SHORT, running, spend

# The block that bundled templates keep the others in; it is where they stand, not one of them.
OUTER = "prompt"

_TRAILING = re.compile(r"[ \t]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")
_KNOWN = 8  # white spaces before a text that it is kept for


class TemplateText(str):
    """A template's own text, a constant of its code: cut into what comes out and the white space at its end."""

    __slots__ = ("body", "known", "line", "tail")
    body: str
    tail: str
    known: dict[str, str]  # what comes out, by the white space before it
    line: tuple[str, int] | None  # of a template, by its full name, where it begins

    def __new__(cls, text: str, template: str | None = None, line: int = 1) -> TemplateText:
        written = super().__new__(cls, text)
        written.line = None if template is None else (template, line)
        body = text.rstrip()
        written.body = tidy(body)
        written.tail = text[len(body) :]
        written.known = {}
        return written

    def after(self, pending: str) -> str:
        """Return what comes out behind white space that was written before."""
        text = tidy(pending + self.body)
        if len(self.known) < _KNOWN:
            self.known[pending] = text
        return text


class Begin(str):
    """Where the block of this name begins."""

    __slots__ = ()


class End(str):
    """Where the block of this name ends."""

    __slots__ = ()


class Pieces(str):
    """The text of a macro, a set block or `super()`, which remembers the pieces it was made of.

    For the stable prefix it counts as one piece: a template may have decided by its content whether to print it.
    """

    pieces: list[Any]

    def __new__(cls, pieces: Iterable[Any]) -> Pieces:
        kept = list(pieces)
        texts = [piece for piece in kept if type(piece) is not Begin and type(piece) is not End]
        length = sum(map(len, texts))
        if length > SHORT or len(kept) > PIECES:
            cost = running.get()
            cost.room(length)
            spend(cost.ticks, len(kept) // PIECES)
        made = super().__new__(cls, "".join(texts))
        made.pieces = kept
        return made

    def tidied(self) -> str:
        """Return the text for a filter, tidied inside; the white space at its two ends is kept."""
        if len(self.pieces) > PIECES:
            spend(running.get().ticks, len(self.pieces) // PIECES)
        text = ""
        written = ""
        for piece in flat(self.pieces):
            if type(piece) is TemplateText:
                written += piece
            elif piece:
                text += tidy(written) + piece
                written = ""
        return text + tidy(written)


class Watch:
    """How often a run has looked at the session, and how many pieces it had written when it did first.

    `at` is before the first look at any value that is given, `own_at` before that at one of the call's own: one that
    is not `shared` with others.
    """

    __slots__ = ("at", "beginning", "looks", "own_at", "pieces", "shared")

    def __init__(self, shared: frozenset[str] = frozenset()) -> None:
        self.pieces: list[Any] = []
        self.shared = shared
        self.at: int | None = None
        self.own_at: int | None = None
        self.looks = 0
        self.beginning: Any = None  # what was passed over (see `assembly`)

    def touch(self, names: Iterable[str]) -> None:
        """Note that values of these names are looked at, all at once."""
        self.looks += 1
        if self.own_at is None:
            if self.at is None:
                self.at = len(self.pieces)
            if not (self.shared and self.shared.issuperset(names)):
                self.own_at = len(self.pieces)


def flat(pieces: Iterable[Any]) -> Iterator[Any]:
    """Yield what was written and what was printed, without the marks of blocks."""
    return (piece for piece in pieces if type(piece) is not Begin and type(piece) is not End)


def trimmed(pieces: list[Any]) -> list[Any]:
    """Return the pieces without the white space that the template writes at their two ends."""
    for index, strip in ((0, str.lstrip), (-1, str.rstrip)):
        while pieces and type(pieces[index]) is TemplateText:
            pieces[index] = _part(pieces[index], strip(pieces[index]))
            if pieces[index]:
                break
            del pieces[index]
    return pieces


def _part(whole: TemplateText, text: str) -> TemplateText:
    """Return what is left of a text, with the line where it begins."""
    template, line = whole.line or (None, 1)
    return TemplateText(text, template, line + whole[: whole.find(text)].count("\n"))


def white_ends(pieces: list[Any]) -> tuple[TemplateText, TemplateText]:
    """Return the white space that the template writes at the two ends of a block."""
    text = "".join([piece if type(piece) is TemplateText else "x" for piece in pieces])
    trail = text[len(text.rstrip()) :] if text.strip() else ""
    return TemplateText(text[: len(text) - len(text.lstrip())]), TemplateText(trail)


def tidy(written: str) -> str:
    """Drop spaces at the ends of lines, and all blank lines in a row but one."""
    if " \n" not in written and "\t\n" not in written and "\n\n\n" not in written:
        return written if type(written) is str else str.__str__(written)
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", written))
