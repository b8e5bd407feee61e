"""What a value is, asked of its type and never of the value; and what stands for a text or a number, taken for it.

`isinstance` believes a value that claims to be of another class, as mocks and proxies do, and then its methods fail.
Numbers and lazy texts of other libraries are known by the names of their classes: none of these libraries is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import index
from types import NoneType
from typing import Any, TypeGuard

TOO_LONG = "is a number of more than 4,300 digits"

MAX_LAYERS = 8  # lazy values that stand for one another

_MOST_DIGITS = 4_300
_FEW_BITS = 3 * _MOST_DIGITS  # nothing of so many is too long
_PLAIN = frozenset((str, int, float, bool, NoneType, list, tuple, dict))


def is_text(value: object) -> TypeGuard[str]:
    return issubclass(type(value), str)


def is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return issubclass(type(value), list | tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return issubclass(type(value), Mapping)


def plain(value: object) -> object:
    """Return what a lazy value or a number of another library stands for, and any other value as it is.

    What a lazy value raises when it is asked is raised: it is the caller's own code that fails.
    """
    if type(value) in _PLAIN:
        return value
    for _ in range(MAX_LAYERS):
        take = None if type(value) in _PLAIN else _way_to_take(type(value))
        if take is None:
            return value
        value = take(value)
    return value


def too_long(number: int) -> bool:
    """Tell whether a whole number has more digits than Python writes, or reads from a file."""
    return int.bit_length(number) > _FEW_BITS and abs(int.__index__(number)) >= 10**_MOST_DIGITS


def nothing(value: object) -> str | None:
    """Say what a value is that stands for a missing one, NaN, NaT or NA say; None for any other."""
    kind = type(value)
    if kind is _Unbound:
        return "a LocalProxy that stands for nothing here"
    if issubclass(kind, float):
        return "NaN" if math.isnan(value) else None  # type: ignore[arg-type]  # a float
    if issubclass(kind, Decimal):
        return "NaN" if Decimal.is_nan(value) else None  # type: ignore[arg-type]  # a Decimal
    names = [_name(base) for base in kind.__mro__]
    if ("numpy", "datetime64") in names or ("numpy", "timedelta64") in names:
        return "NaT" if str(value) == "NaT" else None
    return next((_MISSING[name] for name in names if name in _MISSING), None)


def _name(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__


def _way_to_take(kind: type) -> Callable[[Any], object] | None:
    return next((_STANDS_FOR[name] for name in map(_name, kind.__mro__) if name in _STANDS_FOR), None)


class Written(float):
    """A float that prints as another library prints it: a million of float32 is `1e+06`."""

    written: str

    def __new__(cls, written: str) -> Written:
        made = super().__new__(cls, written)
        made.written = written
        return made

    def __str__(self) -> str:
        return self.written


def _float(number: Any) -> float:
    """Return the float that prints as this one of numpy's does: a float32 of 0.1 is 0.1, not 0.10000000149011612."""
    written = str(number)
    plain = float(written)
    return plain if str(plain) == written else Written(written)


class _Unbound:
    """What a proxy stands for outside of a request."""


class Unnumbered:
    """What Django's plural stands for before `%` gives it the number that it is chosen by."""


def _current(proxy: Any) -> object:
    try:
        return proxy._get_current_object()
    except RuntimeError as error:
        # The caller's own function may raise one too.
        if _innermost(error) != "werkzeug.local":
            raise
        return _Unbound()


def _innermost(error: Exception) -> str:
    """Return the name of the module that raised an error."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__"))


def _translated(text: Any) -> object:
    """Return what Django's `gettext_lazy` and its like come to: pickling one gives the function and its arguments."""
    way, parts = text.__reduce__()
    known = getattr(way, "__name__", None)
    if known == "_lazy_number_unpickle":
        return Unnumbered()
    if known != "_lazy_proxy_unpickle":
        return text
    function, arguments, options, *_ = parts
    return function(*arguments, **options)


_STANDS_FOR: dict[tuple[str, str], Callable[[Any], object] | None] = {
    ("numpy", "timedelta64"): None,  # to numpy it is an integer
    ("numpy", "integer"): index,
    ("numpy", "floating"): _float,
    ("numpy", "bool"): bool,
    ("numpy", "bool_"): bool,  # its name before numpy 2
    ("werkzeug.local", "LocalProxy"): _current,
    ("django.utils.functional", "LazyObject"): lambda lazy: lazy.__reduce__()[1][0],
    ("django.utils.functional", "Promise"): _translated,
    ("babel.support", "LazyProxy"): lambda proxy: proxy.value,
    ("flask_babel.speaklater", "LazyString"): str,
}
_MISSING = {
    ("pandas._libs.missing", "C_NAType"): "NA",
    ("pandas._libs.tslibs.nattype", "_NaT"): "NaT",
}
