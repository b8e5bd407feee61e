"""A registry as the data of files again: of one, or, where its files say different things, of one for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidValueError
from ..files.reading import ENDINGS
from ..persona.binding import Bound
from ..persona.file_keys import lies_in
from ..persona.resolution import State, written
from ..persona.rollouts import Rollout

NAME = "personas"  # of the file of those that no file wrote

Data = dict[str, Any]


def as_data(state: State, start: str | None = None) -> Data:
    """Return what one file says that lies in the folder `start`; without it, paths stay as they are.

    Raises InvalidValueError for a registry of files that differ.
    """
    bounds = list(state.bounds)
    if len(bounds) == 1:
        return _file(state, bounds[0], start)
    raise InvalidValueError(
        f"its files differ in $templates, $default_template or $tools: {', '.join(map(_shown, bounds))}",
        hint="give a folder to write one file for each: to_yaml(FOLDER)",
    )


def as_files(state: State, path: str, ending: str) -> dict[str, Data]:
    """Return by path what to write: one file, or one for each file of the registry, in the folder that is given.

    Raises InvalidValueError for the path of a file that would be read as what it is not.
    """
    if len(list(state.bounds)) == 1 or (path.lower().endswith(ENDINGS) and not os.path.isdir(path)):
        _check_ending(path, ending)
        return {path: as_data(state, os.path.dirname(os.path.abspath(path)))}
    files: dict[str, Data] = {}
    for bound in state.bounds:
        data = _file(state, bound, os.path.abspath(path))
        if bound.path is not None or any(not key.startswith("$") for key in data):
            files[_free(path, bound, ending, files)] = data
    return files


def _check_ending(path: str, ending: str) -> None:
    own = os.path.splitext(path)[1].lower()
    if own in ENDINGS and (own == ".json") != (ending == ".json"):
        kind, method = ("JSON", "to_yaml") if ending == ".json" else ("YAML", "to_json")
        raise InvalidValueError(
            f"what ends in {own} is not read as {kind}, which this writes",
            hint=f"name a file that ends in {ending}, or call {method}",
        )


def _free(folder: str, bound: Bound, ending: str, taken: Mapping[str, object]) -> str:
    """Return the path of a bound's file: its old name, with a number where another has that."""
    name = NAME if bound.path is None else os.path.splitext(os.path.basename(bound.path))[0]
    paths = (os.path.join(folder, f"{name}{number}{ending}") for number in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(path for path in paths if path not in taken)


def _shown(bound: Bound) -> str:
    return "what was defined in Python" if bound.path is None else bound.path


def _file(state: State, bound: Bound, start: str | None) -> Data:
    keys = dict.fromkeys(key for key in state.definitions if state.bounds.of(key) is bound)
    rollouts = {name: _rollout(rollout) for name, rollout in state.rollouts.items() if name in keys}
    own = dict(_own_keys(bound, start))
    if rollouts:
        own["$rollouts"] = rollouts
    if required := [name for name in state.require_unit if name in keys]:
        own["$require_unit"] = required
    theirs = {code: [each for each in personas if each in keys] for code, personas in state.accepted.items()}
    if accepted := {code: personas for code, personas in theirs.items() if personas}:
        own["$accept"] = accepted
    return own | {key: written(state.definitions[key]) for key in keys}


def _own_keys(bound: Bound, start: str | None) -> Iterator[tuple[str, object]]:
    """Yield the keys that decide prompts. A catalogue that was passed as data has no file, and is passed again."""
    if bound.templates.own_sources() and not bound.templates.folders:
        raise InvalidValueError(
            "its templates came with a pickle, and lie in no folder that a file could name",
            hint="write the file where the registry was read",
        )
    if folders := [_relative(folder, bound, start) for folder in bound.templates.folders]:
        yield "$templates", folders[0] if len(folders) == 1 else folders
    if bound.templates.default != "default":
        yield "$default_template", bound.templates.default
    if bound.tools_path is not None:
        if start is not None and not lies_in(bound.found(bound.tools_path), start):
            raise InvalidValueError(
                f"the tool catalogue {bound.tools_path!r} lies outside of the folder of the file",
                hint="write the file where the catalogue is, or above",
            )
        yield "$tools", _relative(bound.tools_path, bound, start)


def _relative(path: str, bound: Bound, start: str | None) -> str:
    """Return how a path is written that was read from where the process stood then, wherever it stands now."""
    found = bound.found(path)
    if start is None:
        return path if os.path.abspath(path) == os.path.abspath(found) else found
    return os.path.relpath(found, start)


def _rollout(rollout: Rollout) -> dict[str, Any]:
    entry: dict[str, Any] = dict(rollout.percents)
    return entry if rollout.salt == rollout.name else {**entry, "salt": rollout.salt}
