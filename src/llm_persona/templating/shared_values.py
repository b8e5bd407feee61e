"""Session values that many conversations share, a tenant's or an account's, kept for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from ..errors import InvalidValueError
from ..kinds import Written, is_list, is_mapping, is_text, plain
from ..names import shorten
from .session import Multiline, Trusted, neutralise, printable

Data = tuple[Any, ...]  # a kind, and a text or what is in it: nothing that json does not know


class SharedValues:
    """The values by name. They never change, compare as what is printed for them, and are no part of a repr."""

    __slots__ = ("data", "values")

    def __init__(self, data: Iterable[tuple[str, Data]]) -> None:
        self.data = tuple(sorted(data))
        self.values: Mapping[str, object] = {name: _read(value) for name, value in self.data}

    @classmethod
    def of(cls, values: Mapping[str, object]) -> SharedValues:
        """Return the values as they are now; None counts as not given. Raises InvalidValueError as a session does."""
        neutralise(values)
        written = {name: _written(value) for name, value in values.items()}
        return cls([(name, value) for name, value in written.items() if value != _NOTHING])

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.values)

    def and_more(self, more: SharedValues) -> SharedValues:
        """Return these and others. Raises InvalidValueError where both have a name, with another value."""
        both = {**dict(more.data), **dict(self.data)}
        for name, value in more.data:
            if both[name] != value:
                raise _twice(name)
        return SharedValues(both.items())

    def with_session(self, session: Mapping[str, object]) -> Mapping[str, object]:
        """Return these values and those of one call. Raises InvalidValueError where a call gives another one."""
        both = {**self.values, **session}
        if len(both) == len(self.values) + len(session):
            return both
        again = {name: value for name, value in session.items() if name in self.values}
        self.and_more(SharedValues.of(again))
        return {**both, **{name: self.values[name] for name in again}}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharedValues) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"<values of {', '.join(self.values)}>"


def _twice(name: str) -> InvalidValueError:
    return InvalidValueError(
        f"session variable {shorten(name)!r} is given by with_session already, with another value",
        hint="give it once: with_session is called on what registry.get returns",
    )


def as_data(data: Any) -> Data:
    """Return what json made of `SharedValues.data` as it was."""
    return tuple([as_data(each) for each in data]) if type(data) is list else data


def _written(value: object) -> Data:
    """Return a value that a session can hold as plain data, equal for those that print alike and are of one kind."""
    value = plain(value)
    if issubclass(type(value), Enum):
        value = plain(value.value)  # type: ignore[attr-defined]  # an enum's
    if value is None:
        return _NOTHING
    if is_text(value):
        return _TEXTS.get(type(value), "text"), str.__str__(value)
    if is_list(value):
        return "list", tuple(map(_written, value))
    if is_mapping(value):
        return "mapping", tuple([(str.__str__(plain(name)), _written(each)) for name, each in value.items()])
    value = neutralise({"it": value}).values["it"]  # of the plain type
    return type(value).__name__, str(value) if type(value) is bool else printable(value)


def _read(data: Data) -> object:
    kind, what = data
    return _READ[kind](what)


def _uuid(text: str) -> object:
    from uuid import UUID

    return UUID(text)


_NOTHING: Data = ("nothing", "")
_TEXTS = {Multiline: "multiline", Trusted: "trusted"}
_READ: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _: None,
    "text": str,
    "multiline": Multiline,
    "trusted": Trusted,
    "list": lambda items: tuple(map(_read, items)),
    "mapping": lambda pairs: {name: _read(value) for name, value in pairs},
    "bool": "True".__eq__,
    "int": int,
    "float": float,
    "Written": Written,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "UUID": _uuid,
}
