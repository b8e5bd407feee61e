"""What a file may say, and what is wrong with one: the shipped JSON Schema, in its author's words.

The schema is the one source of what is allowed. Its titles are the words of the messages ("must be a list of
texts"), and what it reports is given back with the line, the persona, the field and the remedy. What a schema
cannot say (parents, placeholders, rollouts, templates) is checked by those who know it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import Problem
from ..wording import WHOLE_NUMBER
from .shared_nodes import once
from .source import MOST_PROBLEMS

if TYPE_CHECKING:  # for a file that is well, nobody has to find words
    import jsonschema_rs

    from .reading import Document
    from .schema_messages import PathProblem, Violation

# The parts of the schema that refuse what only a child may say: moot where the value is wrong in itself.
WHOLE = "whole"


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of persona files: for editors, and what the reader applies."""
    path = os.path.join(os.path.dirname(__file__), "persona.schema.json")
    with open(path, encoding="utf-8") as file:
        return cast(dict[str, object], json.load(file))


class Checked(NamedTuple):
    """What is wrong with what a document says.

    `problems` are in file order, without those at places that the reader's own name: one of them is reported once.
    `more` of them are only counted. `broken` are the document's entries that are no personas, all of them.
    """

    problems: list[Problem]
    more: int
    broken: set[str]


def check_document(document: Document) -> Checked:
    problems: list[Problem] = []
    more, broken = 0, set()
    named = _Named(document.problems)
    shared = once(document.data) if document.has_aliases else None
    for found in _path_problems(document, document.data if shared is None else shared.data):
        broken.add(found.entry)
        if shared is not None:
            broken |= shared.sharers(found.path)
        if len(problems) >= MOST_PROBLEMS:
            more += 1
        elif (problem := found.problem(document)) not in named:
            problems.append(problem)
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return Checked(problems, more, broken)


def _path_problems(document: Document, data: dict[str, object]) -> Iterator[PathProblem]:
    yield from _against_schema(document, data)
    for path, value in _misread_numbers(document):
        from .schema_messages import misread

        yield misread(document, path, value)


def _misread_numbers(document: Document) -> Iterator[tuple[tuple[str, ...], object]]:
    """Find whole numbers that their author wrote in another way: `010`, `12:30`, `0x1F`, `1_000`, `2.0`.

    To the schema they are the whole numbers that YAML makes of them.
    """
    for name, entry in document.data.items():
        if not isinstance(entry, Mapping):
            continue
        if name != "$rollouts":
            for field in ("version", "replaced_by"):
                if field in entry and _is_misread(document, (name, field), entry[field], 10**18 - 1):
                    yield (name, field), entry[field]
            continue
        for persona, shares in entry.items():
            for version, percent in shares.items() if isinstance(shares, Mapping) else ():
                if _is_misread(document, path := (name, persona, version), percent, 100):
                    yield path, percent


def _is_misread(document: Document, path: tuple[str, ...], value: object, most: int) -> bool:
    """Whether the schema takes the value for a whole number and its author did not write one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or value % 1:
        return False  # no number, or one that the schema refuses
    written = document.written(path)
    return isinstance(value, float) if written is None else not WHOLE_NUMBER.fullmatch(written)


class _Named:
    """The places that problems name: by line and column, and by field."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        problems = tuple(problems)
        self._places = {(p.line, p.column) for p in problems if p.line is not None}
        self._fields = {(p.persona, p.field) for p in problems if p.field is not None}

    def __contains__(self, problem: Problem) -> bool:
        return (problem.line, problem.column) in self._places or (problem.persona, problem.field) in self._fields


@cache
def _validator() -> jsonschema_rs.Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema())


@cache
def _titles() -> dict[str, str]:
    """Map the place of every part of the schema to its title: `#/$defs/list` to `a list of texts`."""
    titles: dict[str, str] = {}

    def collect(part: object, place: str, title: str) -> None:
        if isinstance(part, Mapping):
            title = str(part.get("title", title))
            titles[place] = title
            for key, below in part.items():
                collect(below, f"{place}/{_escaped(str(key))}", title)

    collect(schema(), "#", "")
    return titles


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _against_schema(document: Document, data: Any) -> Iterator[PathProblem]:
    try:
        well = _validator().is_valid(data)
    except UnicodeEncodeError:  # a lone surrogate, which the reader names
        data = _without_surrogates(data)
        well = False
    if well:
        return
    from ..names import Guesses
    from .schema_messages import explained

    violations = list(_violations(data))
    told = {v.path for v in violations if v.keyword != WHOLE}
    guess = Guesses()
    for violation in violations:
        if violation.keyword != WHOLE or violation.path not in told:
            yield from explained(document, violation, guess)


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


def _violations(data: Any) -> Iterator[Violation]:
    from .schema_messages import Violation

    titles = _titles()
    # The standard output of a validator, not its exceptions: these take "007" in a path for the number 7,
    # and cost 20 µs each.
    for error in _validator().evaluate(data).errors():
        place, _, keyword = error["schemaLocation"].partition("#")[2].rpartition("/")
        path, value = _followed(data, error["instanceLocation"])
        keyword = WHOLE if place.startswith(f"/$defs/{WHOLE}_") else keyword
        yield Violation(path, value, keyword, titles[f"#{place}"])


def _followed(data: Any, pointer: str) -> tuple[tuple[str | int, ...], object]:
    """Follow a JSON pointer: its path, with numbers for list items, and the value it leads to."""
    path: list[str | int] = []
    for part in pointer.split("/")[1:]:
        step = int(part) if isinstance(data, list) else part.replace("~1", "/").replace("~0", "~")
        data = data[step]
        path.append(step)
    return tuple(path), data
