"""What is wrong with a file, in its author's words: each break of the schema as a sentence with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..errors import InvalidValueError, Problem
from ..fields import FIELDS, NAME_IT, TABLES, name_fault
from ..names import Guesses, check_name, shorten, spelled, split_reference
from ..wording import (
    BESIDE_REPLACED_BY,
    EMPTY,
    LINE_FIELDS,
    LINE_HOLDS,
    LIST,
    LIST_EDITS,
    LIST_OR_ALL,
    REPLACED_BY_ALONE,
    SECTION,
    TEXT,
    is_blank,
    must_be,
    quote_it,
)
from . import wrong_types
from .source import at
from .unknown_fields import meant

if TYPE_CHECKING:
    from .reading import Document

FILE_KEYS = ("$schema", "$templates", "$default_template", "$tools", "$rollouts", "$require_unit", "$accept")
NOT_A_NAME: tuple[str, str | None] = ("is not a name", "write a shorter name, without / and \\")
WITHOUT_VERSION = "write the name alone; versions stand below it"
EDITS_ARE = "a list is edited by add, remove and replace"


@dataclass(frozen=True, slots=True)
class PathProblem:
    """What is wrong at a place of the data, or with a key in the mapping at that place."""

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    key: str | None = None  # the key at fault in the mapping at `path`
    at_key: bool = False  # whether to point to the key of `path`, as its value shows nowhere

    @property
    def entry(self) -> str:
        """The key in the file that it is below, or is."""
        return str(self.path[0] if self.path else self.key)

    def problem(self, document: Document) -> Problem:
        path, by_key = (self.path, self.at_key) if self.key is None else ((*self.path, self.key), True)
        return at(document.path, document.locate(path, key=by_key), self.path or path).problem(self.message, self.hint)


@dataclass(frozen=True, slots=True)
class Violation:
    """One place that breaks one keyword of the schema; `title` says in words what that part of it expects.

    What only a child may say, and this is none, breaks the keyword `whole`.
    """

    path: tuple[str | int, ...]
    value: object
    keyword: str
    title: str


def explained(document: Document, violation: Violation, guess: Guesses) -> Iterator[PathProblem]:
    path, value, title = violation.path, violation.value, violation.title
    match violation.keyword:
        case "additionalProperties" if title == REPLACED_BY_ALONE:
            beside = (key for key in cast(Mapping[str, object], value) if key in FIELDS[1:] and key not in LINE_FIELDS)
            yield from (PathProblem((*path, key), BESIDE_REPLACED_BY, LINE_HOLDS, at_key=True) for key in beside)
        case "additionalProperties":
            found = list(_unknown_keys(document, path, cast(Mapping[str, object], value), guess))
            yield from found or [PathProblem(path, "has a name that may not stand here", "check the names below it")]
        case "type":
            yield _wrong_type(document, path, value, title)
        case "whole":
            yield _nothing_to_edit(path, value, title)
        case "pattern":
            yield _wrong_text(document, path, str(value), title)
        case "uniqueItems":
            yield from _repeats(path, cast(list[object], value))
        case "minimum" | "maximum":
            yield _out_of_range(document, path, value, title)
        case "minProperties":
            yield PathProblem(path, "edits nothing", "write add, remove or replace below it, or remove the line")
        case "maxProperties":
            hint = "replace alone gives the whole list; add and remove edit the parent's"
            yield PathProblem(path, "replace stands beside another edit", hint, key="replace")
        case _:
            yield PathProblem(path, must_be(title, value))


def _unknown_keys(
    document: Document, path: tuple[str | int, ...], value: Mapping[str, object], guess: Guesses
) -> Iterator[PathProblem]:
    if not path:
        yield from (_file_key(key, guess) for key in value if key not in FILE_KEYS and _reference_fault(key))
    elif path[0] == "$rollouts":
        what = "name" if len(path) == 1 else "version"
        bad_names = ((key, _name_fault(key, what)) for key in value)
        yield from (PathProblem((*path, key), *fault, at_key=True) for key, fault in bad_names if fault)
    elif len(path) == 1:
        yield from (_unknown_field(path, key, value[key]) for key in value if key not in FIELDS or key == "name")
    elif path[-1] in TABLES:
        blank = [] if path[-1] == "variables" else [key for key in value if is_blank(key)]
        yield from (PathProblem(path, "has an empty name", "write the name", key=key) for key in blank)
        kind = {"variables": "variable", "constants": "constant"}.get(str(path[-1]))
        named = [] if kind is None else [(key, name_fault(kind, key)) for key in value if key not in blank]
        yield from (PathProblem(path, *fault, key=key) for key, fault in named if fault)
    else:
        yield from _unknown_edits(document, path, value, guess)


def _file_key(key: str, guess: Guesses) -> PathProblem:
    if key.startswith("$"):
        hint = guess.hint(key, FILE_KEYS) or f"keys that begin with $ are the file's own: {', '.join(FILE_KEYS)}"
        return PathProblem((), f"unknown key {spelled(shorten(key))}", hint, key=key)
    return PathProblem((), *(_reference_fault(key) or NOT_A_NAME), key=key)


def _reference_fault(key: str) -> tuple[str, str | None] | None:
    """Say what is wrong with a persona's key: its name, or with the version behind an @."""
    name, version = split_reference(key)
    return _name_fault(name) or (None if version is None else _name_fault(version, "version"))


def _name_fault(name: str, what: str = "name") -> tuple[str, str | None] | None:
    try:
        check_name(name, what)
    except InvalidValueError as error:
        return error.message, WITHOUT_VERSION if "@" in name and what == "name" else error.hint
    return None


def _unknown_field(path: tuple[str | int, ...], key: str, value: object) -> PathProblem:
    if key.casefold() == "name":
        return PathProblem(path, f"unknown field {key!r}", f"the key {str(path[0])!r} is the name", key=key)
    if isinstance(value, dict) and value and value.keys() <= {*FIELDS}:  # a persona
        hint = f"a persona stands at the top of the file: take {shorten(str(path[0]))!r} away, and its indent"
        return PathProblem(path, f"unknown field {spelled(shorten(key))}", hint, key=key)
    return PathProblem(path, f"unknown field {spelled(shorten(key))}", meant(key).hint, key=key)


def _unknown_edits(
    document: Document, path: tuple[str | int, ...], value: Mapping[str, object], guess: Guesses
) -> Iterator[PathProblem]:
    strange = [key for key in value if key not in LIST_EDITS]
    if len(strange) == len(value) and not any(guess(key, LIST_EDITS) for key in strange[:8]):
        if path[-1] not in FIELDS:
            yield _wrong_type(document, path, value, SECTION)
        else:
            yield PathProblem(path, must_be(LIST_OR_ALL if path[-1] == "tools" else LIST, value), wrong_types.EACH_ITEM)
        return
    for key in strange:
        yield PathProblem(
            path, f"unknown edit {spelled(shorten(key))}", guess.hint(key, LIST_EDITS) or EDITS_ARE, key=key
        )


def _wrong_type(document: Document, path: tuple[str | int, ...], value: object, title: str) -> PathProblem:
    why, hint = wrong_types.of_wrong_type(document, path, value, title)
    message = must_be(title, value)
    return PathProblem(path, f"{message}: {why}" if why else message, hint, at_key=value is None)


def _nothing_to_edit(path: tuple[str | int, ...], value: object, title: str) -> PathProblem:
    if value is None:
        hint = "write its text, or remove the line: without a parent there is nothing to remove"
        return PathProblem(path, must_be(title, value), hint, at_key=True)
    why = "without a parent there is no list to edit"
    return PathProblem(path, f"{must_be(title, value)}: {why}", "write the list itself, or name a parent")


def _wrong_text(document: Document, path: tuple[str | int, ...], text: str, title: str) -> PathProblem:
    if title == LIST_OR_ALL:
        return _wrong_type(document, path, text, title)
    if is_blank(text):
        return PathProblem(path, EMPTY, wrong_types.of_nothing(path, TEXT))
    if path[-1] in ("parent", "version", "replaced_by"):
        fault = _name_fault(text, "version") if path[-1] == "version" else _reference_fault(text)
        return PathProblem(path, *(fault or NOT_A_NAME))
    return PathProblem(path, *(name_fault("variable", text) or ("is not a name", NAME_IT)))


def _repeats(path: tuple[str | int, ...], names: list[object]) -> Iterator[PathProblem]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if isinstance(name, str):
            if name in seen:
                yield PathProblem((*path, place), f"{shorten(name)!r} stands in the list twice", "remove one")
            seen.add(name)


def _out_of_range(document: Document, path: tuple[str | int, ...], value: object, title: str) -> PathProblem:
    written = wrong_types.scalar_text(document, path, value)
    if path[-1] in ("version", "replaced_by"):
        return PathProblem(path, must_be(title, value), quote_it(written))
    return PathProblem(path, f"must be {title}, not {shorten(written)}")


def misread(document: Document, path: tuple[str | int, ...], value: object) -> PathProblem:
    """Say that a number is none that a file may have there, as it was written in another way than plain digits."""
    if path[0] == "$rollouts":
        return _out_of_range(document, path, value, "a whole number from 0 to 100")
    return _wrong_type(document, path, value, TEXT)
