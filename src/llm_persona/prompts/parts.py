"""The parts of a recorded text: where each is from, and what is left of them when a filter made another text of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from ..errors import let_through
from ..templating.events import TemplateText, flat, tidy
from ..templating.session import printable

Path = tuple[str | int, ...]

# Filters that make one letter of each letter, though another one where a word begins.
BY_LETTER = frozenset(["upper", "lower", "capitalize", "title"])


class Part(NamedTuple):
    """A part of a text: its length, the persona's field or the session's variable that it is from, and whether a value
    of the session is in it, of which variable. None where several are mixed, or none is known."""

    length: int
    path: Path | None
    session: bool
    variable: str | None = None


class Line(NamedTuple):
    """A line of a template, by the template's full name."""

    template: str
    number: int


class Printed(str):
    """A text that a template printed: the parts that it consists of, and the line that printed it."""

    __slots__ = ("line", "name", "of", "parts", "unknown", "whole")
    of: frozenset[Path]  # all sources that it was made of
    unknown: bool  # worked out from values of which only the kind is known
    parts: tuple[Part, ...]
    line: Line | None
    name: str | None  # the variable of the session that it is, printed by the template itself
    whole: bool  # a text as its author wrote it; else what a filter or another text made of it


def cut(text: str, parts: Sequence[Part]) -> list[str]:
    """Return the text in its parts."""
    return [text[begins:ends] for begins, ends in pairwise([0, *accumulate(part.length for part in parts)])]


def retraced(
    function: Callable[[str], object], text: str, parts: Sequence[Part], made: str, *, by_letter: bool
) -> tuple[Part, ...] | None:
    """Return the parts of what a function made of a text; None where they cannot be told.

    They can where it makes the same of the whole as of each part for itself, where it makes one letter of each, and where
    it only took something away at the ends.
    """
    if len(parts) < 2 or sum(part.length for part in parts) != len(text):
        return None
    try:
        each = [str(function(piece)) for piece in cut(text, parts)]
    except Exception as error:  # what it makes of the whole is known, of a part it need make nothing
        let_through(error)
        return None
    if "".join(each) == made or (by_letter and len(made) == len(text)):
        lengths = map(len, each) if "".join(each) == made else (part.length for part in parts)
        return tuple([part._replace(length=length) for part, length in zip(parts, lengths, strict=True)])
    begins = text.find(made)
    return None if begins < 0 or not made else tuple(_within(parts, begins, begins + len(made)))


def _within(parts: Iterable[Part], begins: int, ends: int) -> Iterator[Part]:
    """Yield what lies of each part between two places of the text."""
    at = 0
    for part in parts:
        length = min(at + part.length, ends) - max(at, begins)
        at += part.length
        if length > 0:
            yield part._replace(length=length)


def tidied_parts(pieces: Iterable[Any]) -> Iterator[Part]:
    """Yield the parts of what was caught, as `Pieces.tidied` gives it to a filter: white space is tidied in what the
    template wrote itself."""
    written = ""
    for piece in flat(pieces):
        if type(piece) is TemplateText:
            written += piece
        elif piece:
            yield from _own(written)
            written = ""
            yield from piece.parts if type(piece) is Printed else (Part(len(piece), None, session=False),)
    yield from _own(written)


def _own(written: str) -> Iterator[Part]:
    if written:
        yield Part(len(tidy(written)), None, session=False)


def mixed(parts: Sequence[Part], value: object) -> tuple[Part, ...]:
    """Return one part for all that a value was made of."""
    length = len(value) if isinstance(value, str) else len(printable(value) or "")
    made_of = [part for part in parts if part.length or len(parts) == 1]
    paths, variables = {part.path for part in made_of}, {part.variable for part in made_of if part.session}
    path = paths.pop() if len(paths) == 1 else None
    variable = variables.pop() if len(variables) == 1 else None
    return (Part(length, path, any(part.session for part in parts), variable),)
