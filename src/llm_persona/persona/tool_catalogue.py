"""Catalogues of tools: what each tool is said to do, from a file as the provider takes it or from data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..arguments import is_path, path_of
from ..errors import InvalidValueError, Location, PersonaFileError, Problem, one_line
from ..files.reading import read_text
from ..limits import Limits
from ..tools import tool_descriptions

Definitions = Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]]
Catalog = Definitions | str | os.PathLike[str]  # the definitions, or the path of the JSON file that has them


class Catalogue(NamedTuple):
    """The descriptions of a product's tools by name, and the file that they were read from, with what stands there."""

    descriptions: Mapping[str, str]
    path: str | None = None
    definitions: Definitions = ()


def catalogue(given: Catalog, limits: Limits | None = None) -> Catalogue:
    """Return the catalogue of these definitions, or of the file with this path.

    Raises InvalidValueError for definitions that are none, PersonaFileError for a file that is none or cannot be read.
    """
    if is_path(given):
        return read_catalogue(path_of(given, "the path of a tool catalogue"), limits)
    return Catalogue(tool_descriptions(cast(Any, given)))


def read_catalogue(path: str, limits: Limits | None = None, at: str | None = None) -> Catalogue:
    """Return the catalogue of a JSON file: a list of definitions, or a mapping of their names. It lies `at` another path,
    where one is given.

    Only a regular file within the limits is read. Raises PersonaFileError with one problem of that file.
    """
    if not path.lower().endswith(".json"):
        raise PersonaFileError([_problem(path, "a tool catalogue must be a .json file", "write it as JSON")])
    return parse_catalogue(read_text(path, limits or Limits(), at), path)


def parse_catalogue(content: str, path: str) -> Catalogue:
    """Return the catalogue of a text at hand; `path` is the name that its problem gives it. Raises PersonaFileError."""
    try:
        definitions = json.loads(content)
        return Catalogue(tool_descriptions(definitions), path, definitions)
    except InvalidValueError as error:
        problem = _problem(path, error.message, error.hint)
    except json.JSONDecodeError as error:
        problem = Location(path, error.lineno, error.colno).problem(f"this is no JSON: {one_line(error.msg)}")
    except RecursionError:
        problem = _problem(path, "holds lists and mappings too deep inside one another", "make it flatter")
    except ValueError:
        problem = _problem(path, "holds a number with too many digits", "write it as a text")
    raise PersonaFileError([problem])


def _problem(path: str, message: str, hint: str | None) -> Problem:
    return Location(path).problem(message, hint)
