"""Markers: what stands for a value while a template is recorded.

A marker carries a token and never a value. Whatever is asked of it is asked of the recording that it is from, which
writes the question down; what a recording does not follow on purpose ends it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn


class Unfollowed(Exception):  # noqa: N818 - it says no error: the template has to be run
    """A template does with a value what its recording does not follow. Never leaves this package.

    No filter or test of Jinja2 can swallow it: none is called with a marker.
    """


class Machine:
    """What answers for markers: it holds the values, or knows where to find them. What it does not answer ends it."""

    spent = 0  # steps, of all that was run for it

    def ask(self, question: str, marker: Marker, other: object = None) -> bool:
        raise Unfollowed

    def count(self, marker: Marker) -> int:
        raise Unfollowed

    def each(self, marker: Marker) -> Iterator[object]:
        raise Unfollowed

    def derive(self, function: Callable[..., Any], *arguments: object, **named: object) -> Any:
        raise Unfollowed

    def operate(self, operator: str, function: Callable[..., Any], left: object, right: object) -> Any:
        raise Unfollowed

    def item(self, function: Callable[..., Any], holder: object, key: object) -> Any:
        raise Unfollowed

    def filter(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> Any:
        raise Unfollowed

    def arranged(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        raise Unfollowed

    def test(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> bool:
        raise Unfollowed

    def joined(self, environment: Any, parts: tuple[object, ...]) -> Any:
        raise Unfollowed

    def printed(self, environment: Any, marker: Marker) -> list[Any]:
        raise Unfollowed

    def caught(self, pieces: list[Any], concat: Callable[[list[Any]], str]) -> Any:
        raise Unfollowed


class Marker:
    """Stands for a value. Nothing can be read from it, not even its class."""

    __slots__ = ("_machine", "_token")

    def __init__(self, machine: Machine, token: Any) -> None:
        _set_machine(self, machine)
        _set_token(self, token)

    def __getattribute__(self, name: str) -> NoReturn:
        raise Unfollowed(name)


_set_machine: Callable[[Marker, Machine], None] = Marker.__dict__["_machine"].__set__
_set_token: Callable[[Marker, Any], None] = Marker.__dict__["_token"].__set__
machine_of: Callable[[Marker], Any] = Marker.__dict__["_machine"].__get__
token_of: Callable[[Marker], Any] = Marker.__dict__["_token"].__get__


def marker_in(*values: object) -> Marker | None:
    """Return the first marker among values, and in the lists and mappings among them."""
    for value in values:
        if type(value) is Marker:
            return value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        if inner and (found := marker_in(*inner)) is not None:
            return found
    return None


def _refused(*_: object, **__: object) -> NoReturn:
    raise Unfollowed


def _asking(question: str) -> Callable[..., bool]:
    return lambda self, *others: machine_of(self).ask(question, self, *others)


def _deriving(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *others: machine_of(self).derive(function, self, *others)


def _swapped(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda right, left: function(left, right)


QUESTIONS: dict[str, Callable[..., Any]] = {
    "bool": operator.truth,
    "contains": operator.contains,
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
}


def answered(question: str, value: object, other: object) -> bool:
    """Return what a value answers to a question, `other` aside where it is whether it is true. May raise TypeError."""
    return bool(QUESTIONS[question](value) if question == "bool" else QUESTIONS[question](value, other))


def defaulted(value: Marker, default_value: object = "", boolean: object = False) -> object:
    """Return what the filter `default` makes of a value that is given."""
    return value if not boolean or value else default_value


_DERIVED: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("getitem", "abs", "neg", "pos")},
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "mod", "pow", "truediv", "floordiv")},
}
_DERIVED |= {
    f"r{name}": _swapped(_DERIVED[name]) for name in ("add", "sub", "mul", "mod", "pow", "truediv", "floordiv")
}
for _name in QUESTIONS:
    setattr(Marker, f"__{_name}__", _asking(_name))
for _name, _function in _DERIVED.items():
    setattr(Marker, f"__{_name}__", _deriving(_function))
setattr(Marker, "__len__", lambda self: machine_of(self).count(self))  # noqa: B010 - the class refuses attributes
setattr(Marker, "__iter__", lambda self: machine_of(self).each(self))  # noqa: B010 - as above
for _name in [
    "str",
    "repr",
    "format",
    "hash",
    "next",
    "reversed",
    "call",
    "int",
    "float",
    "complex",
    "index",
    "trunc",
    "round",
    "invert",
    "and",
    "rand",
    "or",
    "ror",
    "xor",
    "rxor",
    "bytes",
    "fspath",
    "setattr",
    "delattr",
]:
    setattr(Marker, f"__{_name}__", _refused)
