"""Data that came from no file, such as a database's or another parser's: copied as a file could have held it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .errors import FieldPath, Problem, field_text
from .kinds import is_list, is_mapping, is_text, plain
from .names import kind_of, shown
from .reading import NO_PATH, Document
from .wording import QUOTE_IT, must_be

MAX_DEPTH = 64  # mappings and lists inside one another
MAX_VALUES = 1_000_000  # aliases make small data large

_PLAIN = "a text, a number, true, false, null, a list or a mapping"


def plain_document(data: object) -> Document:
    """Return a document of the data. Whatever no file could hold is a problem of it and never raised."""
    data = plain(data)
    if not is_mapping(data):
        return Document(NO_PATH, {}, [_problem((), must_be("a mapping of names to personas", data))])
    copy = _Copy()
    try:
        copied = {key: _unnamed(key, entry) for key, entry in copy.mapping(data, (), ()).items()}
    except _TooMuchError:
        return Document(NO_PATH, {}, [_problem((), f"the data holds more than {MAX_VALUES:,} values", "split it")])
    return Document(NO_PATH, copied, copy.problems)


def _unnamed(key: str, entry: object) -> object:
    """Return an entry without its own name, which `Persona.to_dict` writes and the key says already."""
    if isinstance(entry, dict) and entry.get("name") == key:
        del entry["name"]
    return entry


class _TooMuchError(Exception):
    pass


class _Copy:
    """A copy in plain lists and dicts, and what was wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._left = MAX_VALUES

    def mapping(self, data: Mapping[object, object], path: FieldPath, above: tuple[int, ...]) -> dict[str, object]:
        copied: dict[str, object] = {}
        for key, value in data.items():
            key = plain(key)
            if not is_text(key):
                self._refuse(path, f"has the key {shown(key)}, which is not a text", QUOTE_IT)
                continue
            copied[self._text(key, path)] = self._value(value, (*path, key), (*above, id(data)))
        return copied

    def _value(self, value: object, path: FieldPath, above: tuple[int, ...]) -> object:
        self._left -= 1
        if self._left < 0:
            raise _TooMuchError
        value = plain(value)
        if is_text(value):
            return self._text(value, path)
        kind = type(value)
        if value is None or issubclass(kind, bool | int):
            return value
        if issubclass(kind, float):
            finite = math.isfinite(value)  # type: ignore[arg-type]  # a float
            return value if finite else self._stand_in(value, path, f"{value} is no number of a file")
        if not is_mapping(value) and not is_list(value):
            if len(path) == 1:
                self._refuse(path, must_be("a mapping of fields", value), "pass plain data, as a file has it")
                return {"abstract": True}  # so that this is told once
            return self._stand_in(value, path, must_be(_PLAIN, value))
        if id(value) in above:
            return self._stand_in(value, path, "holds itself")
        if len(path) > MAX_DEPTH:
            return self._stand_in(value, path, f"is nested more than {MAX_DEPTH} deep")
        if is_mapping(value):
            return self.mapping(value, path, above)
        return [self._value(item, (*path, index), (*above, id(value))) for index, item in enumerate(value)]

    def _text(self, text: str, path: FieldPath) -> str:
        exact = str.__str__(text)
        try:
            exact.encode()
        except UnicodeEncodeError:
            self._refuse(path, "holds a lone surrogate, which no prompt can carry", "remove it")
            return exact.encode(errors="replace").decode()
        return exact

    def _stand_in(self, value: object, path: FieldPath, message: str) -> str:
        """Note the problem, and return a text to go on with."""
        self._refuse(path, message, "pass plain data, as a file has it")
        return f"({kind_of(value)})"

    def _refuse(self, path: FieldPath, message: str, hint: str) -> None:
        if len(self.problems) < 1_000:
            self.problems.append(_problem(path, message, hint))


def _problem(path: FieldPath, message: str, hint: str | None = None) -> Problem:
    persona = str(path[0]) if path else None
    return Problem(None, None, None, persona, field_text(path[1:6]) or None, message, hint)
