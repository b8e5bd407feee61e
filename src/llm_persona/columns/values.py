"""A column of session values, looked at as a whole: most are all texts, and of one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..kinds import is_text, nothing, plain
from ..templating.session import PLAIN, Family, Multiline, Trusted, at_once, escape

Mark = type[Multiline] | type[Trusted] | None


# What stands in a column for a row: nothing, an empty text, a text, and what takes a closer look than a column gets.
NOTHING, EMPTY, TEXT, OTHER = range(4)
HAS_TEXT = {NOTHING: None, EMPTY: False, TEXT: True}
_FEW = 2**63  # what columns of whole numbers hold


class SessionColumn:
    """The values of one session variable, None where a row gives none; `states` is None where all have a text."""

    def __init__(self, values: Sequence[object], mark: Mark = None) -> None:
        self._mark = mark
        self.values: Sequence[Any] = values
        self._lines: list[str] = []
        self.states: list[int] | None = None
        self._has_marks = False  # multiline and trusted texts, which each family of templates prints in its own way
        kinds = {*map(type, values)}
        if mark is None and kinds <= {str, type(None)}:
            self._read_texts(values, has_none=len(kinds) > 1 or kinds == {type(None)})  # type: ignore[arg-type]  # texts and None
        elif mark is None and kinds == {int} and not any(abs(value) >= _FEW for value in _ends(values)):
            self._lines = [*map(str, values)]
        else:
            self._read_each(values)

    def _read_texts(self, values: Sequence[str | None], *, has_none: bool) -> None:
        lines = [value or "" for value in values] if has_none else values
        if not "".join(lines).isprintable():  # type: ignore[arg-type]  # texts
            self._read_each(values)
            return
        self._lines = lines  # type: ignore[assignment]  # texts
        if has_none or not all(values):
            self.states = [NOTHING if each is None else TEXT if each else EMPTY for each in values]

    def _read_each(self, values: Sequence[object]) -> None:
        read = [_read(value, self._mark) for value in values]
        self.values = [value for value, _, _ in read]
        self._lines = [text for _, text, _ in read]
        self._has_marks = not {Multiline, Trusted}.isdisjoint(map(type, self.values))
        self.states = [state for _, _, state in read]
        if {*self.states} <= {TEXT}:
            self.states = None

    def texts(self, family: Family) -> list[str]:
        """Return what a template of a family prints of each, where it is a text."""
        lines = self._lines
        if self._has_marks:
            return [_printed(family, value, text) for value, text in zip(self.values, lines, strict=True)]
        return [*map(escape, lines)] if family.escapes and _has_signs("".join(lines)) else lines


def _printed(family: Family, value: object, text: str) -> str:
    """Return what a template of a family prints of a value, with its own marks or its column's."""
    if type(value) is Trusted:
        return text
    if type(value) is Multiline:
        text = at_once(family, value) or ""
    return escape(text) if family.escapes else text


def is_missing(value: object) -> bool:
    """Tell whether a value stands for none: None, NaN, NaT or NA."""
    value = plain(value)
    return value is None or nothing(value) in _MISSING


def _ends(values: Any) -> tuple[Any, ...]:
    return min(values), max(values)


def _has_signs(text: str) -> bool:
    return "&" in text or "<" in text or ">" in text


def _read(value: Any, mark: Mark) -> tuple[object, str, int]:
    """Return a value as a call is given it, the text that is printed of it, and what it is."""
    if type(value) is not str and is_missing(value):
        return None, "", NOTHING
    if mark is not None and is_text(value):
        value = mark(value)
    text = _text(value)
    return value, text or "", OTHER if text is None else TEXT if text else EMPTY


def _text(value: Any) -> str | None:
    kind = type(value)
    if kind is float:
        return str(value) if math.isfinite(value) else None
    if kind is Trusted:
        return str.__str__(value) if value.isprintable() else None
    return at_once(PLAIN, value)


_MISSING = ("NaN", "NaT", "NA")
