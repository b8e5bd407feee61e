"""What a template yields while it runs.

Its own text comes as `str`, so it may be tidied; what it printed of the persona or the session comes as a tuple of one
text, which is never touched; a block begins and ends with a pair; a part that was set apart comes as a tuple of three,
and is run where it is not known what it comes to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from .markers import NUL, Steered

Data = tuple[str]
Mark = tuple[str, bool]  # a block's name, and whether it begins here

# The block that bundled templates keep the others in; it is where they stand, not one of them.
OUTER = "prompt"

_TRAILING = re.compile(r"[ \t]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")


class Pieces(str):
    """The text of a macro, a set block or `super()`, which remembers the events it was made of.

    For the stable prefix it counts as one piece: a template may have decided by its content whether to print it.
    """

    events: list[Event]

    def __new__(cls, events: Iterable[Event]) -> Pieces:
        kept = list(events)
        text = "".join([event if isinstance(event, str) else event[0] for event in flat(kept)])
        if NUL in text:  # a session value's marker, which a template could change from here on without its knowing
            raise Steered
        pieces = super().__new__(cls, text)
        pieces.events = kept
        return pieces

    def tidied(self) -> str:
        """Return the text for a filter, tidied inside; the white space at its two ends is kept."""
        text = ""
        written = ""
        for event in flat(self.events):
            if type(event) is str:
                written += event
            elif event[0]:
                text += tidy(written) + event[0]
                written = ""
        return text + tidy(written)


# A part that was set apart: its name, what yields its events, and the context to run it in.
Part = tuple[str, Callable[[Any], Iterable[Any]], Any]
Event = str | Data | Mark | Pieces | Part


class Watch:
    """Whether a render has looked at the session yet."""

    __slots__ = ("touched",)

    def __init__(self) -> None:
        self.touched = False


def flat(events: Iterable[Event]) -> Iterable[str | Data]:
    """Yield what was written and what was printed, without the marks of blocks."""
    for event in events:
        if isinstance(event, Pieces):
            yield from flat(event.events)
        elif isinstance(event, str) or len(event) == 1:
            yield event


def tidy(written: str) -> str:
    """Drop spaces at the ends of lines, and all blank lines in a row but one."""
    if " \n" not in written and "\t\n" not in written and "\n\n\n" not in written:
        return written
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", written))
