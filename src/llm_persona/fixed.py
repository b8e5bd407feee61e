"""Fixed parts of templates: what is the same at every render of one persona, whatever the session.

A template whose session values steer it is run at every render. Most of it looks at the persona alone, so what that
comes to is kept: a part is set apart when its template is compiled, if nothing but the persona can reach it, and kept
when it was run once and did not look at the session on the way, as a persona's text with a placeholder does.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_KEPT = 256  # parts of one template, times the states of white space that they were met in


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a part adds to a prompt, and the white space it leaves; places count from where it begins."""

    text: str
    start: int  # of what it prints, after the white space before it; -1 where it prints nothing
    line: int  # its last line break, or -1
    sections: tuple[tuple[str, int, int], ...]
    pending: str
    joined: bool
    between: str | None


# A part's name, and what of the prompt so far it could depend on.
State = tuple[str, bool, bool, str, bool, str | None]


class Kept:
    """The fixed parts of one persona in one template. Safe for threads; a full one is emptied."""

    __slots__ = ("_found", "moving")

    def __init__(self) -> None:
        self._found: dict[State, Fixed] = {}
        self.moving: set[str] = set()  # parts that look at the session after all, through the persona's texts

    def __len__(self) -> int:
        return len(self._found)

    def get(self, state: State) -> Fixed | None:
        return self._found.get(state)

    def keep(self, state: State, fixed: Fixed) -> None:
        if len(self._found) >= MAX_KEPT:
            self._found = {}
        self._found[state] = fixed
