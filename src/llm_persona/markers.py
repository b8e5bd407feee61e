"""Markers: what stands for a session value while a prompt is precompiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

NUL = "\0"  # around a marker's name; no text of a persona, a template or a session holds one


class Steered(BaseException):
    """A template did something with a session value but print it.

    Not an Exception: the filters and tests of Jinja2 swallow those, and would answer for the marker.
    """


class Marker:
    """Stands for a session value, or for a text that holds some. Nothing can be asked of it, not even its class."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        _set_text(self, text)

    def __getattribute__(self, name: str) -> NoReturn:
        raise Steered


_set_text: Callable[[Marker, str], None] = Marker.__dict__["_text"].__set__
marker_text: Callable[[Marker], str] = Marker.__dict__["_text"].__get__


def _steer(*_: object) -> NoReturn:
    raise Steered


for _operation in [
    "str",
    "repr",
    "format",
    "hash",
    "bool",
    "len",
    "iter",
    "next",
    "reversed",
    "contains",
    "getitem",
    "call",
    "int",
    "float",
    "complex",
    "index",
    "trunc",
    "round",
    "abs",
    "neg",
    "pos",
    "invert",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "mod",
    "rmod",
    "pow",
    "rpow",
    "truediv",
    "rtruediv",
    "floordiv",
    "rfloordiv",
    "and",
    "rand",
    "or",
    "ror",
    "xor",
    "rxor",
    "bytes",
    "fspath",
    "setattr",
]:
    setattr(Marker, f"__{_operation}__", _steer)
