"""TOML, read with the standard library and written for its files: Codex agents, and front matter between `+++` lines."""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping

from ..errors import Location, PersonaFileError, Problem

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r"(?P<message>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def read_toml(text: str, path: str) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what TOML says, and its top-level keys that are written without quotes though they are texts here: dates.

    Raises PersonaFileError with the line and the column of what is no TOML.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PersonaFileError([_problem(error, text, path)]) from None
    except RecursionError:
        message = "lists and tables are nested too deep"
        raise PersonaFileError([Location(path, 1, 1).problem(message, "use fewer levels")]) from None
    unquoted = tuple(key for key, value in data.items() if _is_told(value))
    return _tables_last({key: _as_text(value) for key, value in data.items()}), unquoted


def dump_toml(data: Mapping[str, object], unquoted: tuple[str, ...] = ()) -> str:
    """Return TOML that reads back as the data; what is null is left out, as TOML has none of it."""
    return "".join(_table(data, (), frozenset(unquoted)))


def _problem(error: tomllib.TOMLDecodeError, text: str, path: str) -> Problem:
    found = _PLACE.fullmatch(str(error))
    message = (found["message"] if found else str(error)).lower()
    line = int(found["line"]) if found and found["line"] else text.count("\n") + 1
    column = int(found["column"]) if found and found["column"] else 1
    return Location(path, line, column).problem(f"this is no TOML: {message}", "look at the quotes around it")


def _is_told(value: object) -> bool:
    """Whether a value is one that a persona's metadata cannot hold: it is kept as its text."""
    return isinstance(value, datetime.date | datetime.time) or (isinstance(value, float) and not math.isfinite(value))


def _as_text(value: object) -> object:
    if isinstance(value, dict):
        return _tables_last({key: _as_text(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if _is_told(value) else value


def _tables_last(data: dict[str, object]) -> dict[str, object]:
    """Return a table in the order in which it is written: what stands in no table of its own has to come first."""
    return dict(sorted(data.items(), key=lambda item: _is_table(item[1])))


def _table(data: Mapping[str, object], way: tuple[str, ...], unquoted: frozenset[str]) -> Iterator[str]:
    """Yield the lines of a table: its own values first, then the tables below it."""
    for key, value in data.items():
        if value is not None and not _is_table(value):
            yield f"{_key(key)} = {value if key in unquoted and _reads_unquoted(value) else _value(value, True)}\n"
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            if not all(map(_is_table, value.values())):
                yield f"\n[{'.'.join(map(_key, (*way, key)))}]\n"
            yield from _table(value, (*way, key), frozenset())


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _reads_unquoted(value: object) -> bool:
    try:
        return isinstance(value, str) and _as_text(tomllib.loads(f"x = {value}")["x"]) == value
    except tomllib.TOMLDecodeError:
        return False


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _one_line(key)


def _value(value: object, lines: bool = False) -> str:
    if isinstance(value, str):
        return _several_lines(value) if lines and "\n" in value else _one_line(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in _given(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    if isinstance(value, float) and "e" in repr(value):
        return repr(value).replace("e+", "e")
    return json.dumps(value)


def _given(value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    return ((key, item) for key, item in value.items() if item is not None)


def _one_line(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _several_lines(text: str) -> str:
    """Return a text of several lines as one in TOML, each line of it escaped as in quotes."""
    return '"""\n' + "\n".join(_one_line(line)[1:-1] for line in text.split("\n")) + '"""'
