"""Data that came from no file, such as a database's or another parser's: copied as a file could have held it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import FieldPath, Location, Problem, field_text
from ..kinds import TOO_LONG, is_list, is_mapping, is_text, plain, too_long
from ..limits import Limits
from ..names import kind_of, shown
from ..wording import QUOTE_IT, must_be
from .reading import NO_PATH, Document
from .source import MOST_PROBLEMS

MAX_DEPTH = 64  # mappings and lists inside one another

_PLAIN = "a text, a number, true, false, null, a list or a mapping"


def plain_document(data: object, limits: Limits | None = None) -> Document:
    """Return a document of the data. Whatever no file could hold is a problem of it and never raised.

    A list or mapping that stands in several places is copied once. Of the limits those of keys and values hold.
    """
    data = plain(data)
    if not is_mapping(data):
        return Document(NO_PATH, {}, [_problem((), must_be("a mapping of names to personas", data))])
    copy = _Copy(limits or Limits())
    try:
        copied = {key: _unnamed(key, entry) for key, entry in copy.document(data).items()}
    except _TooMuchError as error:
        return Document(NO_PATH, {}, [_problem((), *error.args)])
    return Document(NO_PATH, copied, copy.problems, more=copy.more, shares=copy.shares)


def _unnamed(key: str, entry: object) -> object:
    """Return an entry without its own name, which `Persona.to_dict` writes and the key says already."""
    if isinstance(entry, dict) and entry.get("name") == key:
        return {field: value for field, value in entry.items() if field != "name"}  # others may share it
    return entry


class _TooMuchError(Exception):
    pass


class _Kept(NamedTuple):
    original: object  # held, so that its id stays its own
    copy: object
    nodes: int
    height: int


class _Copy:
    """A copy in plain lists and dicts, and what was wrong on the way."""

    def __init__(self, limits: Limits) -> None:
        self.problems: list[Problem] = []
        self.more = 0
        self.shares = False
        self._limits = limits
        self._most = limits.most_nodes(0)
        self._written = self._expanded = 1  # keys and values
        self._deepest = 0
        self._kept: dict[int, _Kept] = {}

    def document(self, data: Mapping[object, object]) -> dict[str, object]:
        copied = self._mapping(data, (), ())
        most = self._limits.most_expanded_nodes(self._written)
        if self._expanded > most:
            message = f"with what stands in several places, the data comes to more than {most:,} keys and values"
            raise _TooMuchError(message, "hold less of it in common, or set Limits(expanded_nodes=...)")
        return copied

    def _count(self) -> None:
        self._written += 1
        self._expanded += 1
        if self._written > self._most:
            message = f"the data holds more than {self._most:,} keys and values"
            raise _TooMuchError(message, "split it, or set Limits(nodes=...)")

    def _mapping(self, data: Mapping[object, object], path: FieldPath, above: tuple[int, ...]) -> dict[str, object]:
        copied: dict[str, object] = {}
        for key, value in data.items():
            key = plain(key)
            if not is_text(key):
                self._refuse(path, f"has the key {shown(key)}, which is not a text", QUOTE_IT)
                continue
            self._count()
            copied[self._text(key, path)] = self._value(value, (*path, key), (*above, id(data)))
        return copied

    def _value(self, value: object, path: FieldPath, above: tuple[int, ...]) -> object:
        value = plain(value)
        if id(value) in self._kept and len(path) + self._kept[id(value)].height <= MAX_DEPTH:
            return self._again(self._kept[id(value)], path)
        self._count()
        if is_text(value):
            return self._text(value, path)
        kind = type(value)
        if issubclass(kind, int) and too_long(value):  # type: ignore[arg-type]  # an int
            return self._stand_in(value, path, TOO_LONG)
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
        return self._container(value, path, above)

    def _container(self, value: object, path: FieldPath, above: tuple[int, ...]) -> object:
        """Copy a list or mapping, and keep the copy for the next place that it stands in."""
        nodes, around = self._expanded, self._deepest
        self._deepest = len(path)
        copied: object
        if is_mapping(value):
            copied = self._mapping(value, path, above)
        else:
            items: Iterable[object] = value  # type: ignore[assignment]  # a list
            inside = (*above, id(value))
            copied = [self._value(item, (*path, index), inside) for index, item in enumerate(items)]
        self._kept[id(value)] = _Kept(value, copied, self._expanded - nodes + 1, self._deepest - len(path))
        self._deepest = max(self._deepest, around)
        return copied

    def _again(self, kept: _Kept, path: FieldPath) -> object:
        self.shares = True
        self._written += 1
        self._expanded += kept.nodes
        self._deepest = max(self._deepest, len(path) + kept.height)
        return kept.copy

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
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(_problem(path, message, hint))
        else:
            self.more += 1


def _problem(path: FieldPath, message: str, hint: str | None = None) -> Problem:
    persona = str(path[0]) if path else None
    return Location(persona=persona, field=field_text(path[1:6]) or None).problem(message, hint)
