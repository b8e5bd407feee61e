"""Values that remember where they are from: what a prompt is made of, while it is explained."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar, cast
from uuid import UUID

from .events import Pieces
from .kinds import Written
from .session import Record, Verbatim
from .views import Text, TextTable

T = TypeVar("T")
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a printed text: its length, the field or variable it is from, and whether the session gave it."""

    length: int
    path: Path | None  # None where several are mixed
    session: bool


class Traced:
    """What remembers where it is from; all parts of a text together are the text.

    What a method of a text made, `upper()` of a Markup, may be of the same class, and remembers nothing.
    """

    parts: tuple[Part, ...] = ()


class TracedText(Traced, str):
    pass


class TracedVerbatim(Traced, Verbatim):
    """The same, as persona text of an xml prompt."""


class TracedInt(Traced, int):
    pass


class TracedFloat(Traced, float):
    pass


class TracedWritten(Traced, Written):
    pass


class TracedDecimal(Traced, Decimal):
    pass


class TracedDate(Traced, date):
    pass


class TracedDatetime(Traced, datetime):
    pass


class TracedUUID(Traced, UUID):
    pass


def _copy(value: object) -> Traced | None:
    """Return a printable value as one that can remember something, or None for what cannot be printed."""
    if isinstance(value, Verbatim):
        return TracedVerbatim(value)
    if isinstance(value, str):
        return TracedText(str.__str__(value))
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return TracedInt(value)
    if isinstance(value, Written):
        return TracedWritten(value.written)
    if isinstance(value, float):
        return TracedFloat(value)
    if isinstance(value, Decimal):
        return TracedDecimal(value)
    if isinstance(value, datetime):
        return TracedDatetime.fromisoformat(value.isoformat())
    if isinstance(value, date):
        return TracedDate(value.year, value.month, value.day)
    return TracedUUID(int=value.int) if isinstance(value, UUID) else None


def traced(value: T, parts: tuple[Part, ...]) -> T:
    traced = _copy(value)
    if traced is None:
        return value
    object.__setattr__(traced, "parts", parts)  # a UUID refuses the plain way
    return cast("T", traced)


def tracing(value: object, path: Path, *, session: bool = False) -> object:
    """Return a value whose texts and numbers remember where they are from."""
    if isinstance(value, tuple):
        return tuple(tracing(item, (*path, index), session=session) for index, item in enumerate(value))
    if isinstance(value, TextTable):
        entries = {name: tracing(text, (*path, str(name))) for name, text in value.entries.items()}
        return TextTable(cast("Mapping[str, str | Text]", entries))
    if isinstance(value, Record):
        return Record(
            {
                traced(name, (Part(len(name), path, session),)): tracing(item, (*path, name), session=session)
                for name, item in value.items()
            }
        )
    return traced(value, (Part(len(value) if isinstance(value, str) else 0, path, session),))


def remembering(function: Callable[..., object]) -> Callable[..., object]:
    """Return a filter whose text remembers what its arguments remember; several fields are none."""

    @functools.wraps(function)
    def remembered(*arguments: object, **named: object) -> object:
        result = function(*arguments, **named)
        parts = [part for each in (*arguments, *named.values()) if isinstance(each, Traced) for part in each.parts]
        if not parts or not isinstance(result, str) or isinstance(result, Pieces):
            return result
        paths = {part.path for part in parts}
        path = paths.pop() if len(paths) == 1 else None
        return traced(result, (Part(len(result), path, any(part.session for part in parts)),))

    return remembered
