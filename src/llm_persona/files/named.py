"""The persona files that a path names: itself, those of a folder, or those that match a pattern."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator

from ..errors import PersonaError, shorten
from ..limits import Limits
from .reading import ENDINGS, Document, read

USUAL_FILE = "personas.yaml"

_PATTERN = re.compile(r"[*?[]")


def persona_files(paths: Iterable[str], limits: Limits | None = None) -> tuple[str, ...]:
    """Return the files that these paths name, each once, in their order; those of one folder or pattern are sorted.

    A folder stands for the persona files that lie in it: its `.yaml`, `.yml` and `.json` files, but those that a `$tools`
    or a `$schema` there names, and those that begin with a dot. A pattern is `*`, `?`, `[...]` and `**`. Raises
    PersonaError for a folder or a pattern without a file.
    """
    return tuple(dict.fromkeys(file for path in paths for file in _named(path, limits)))


def _named(path: str, limits: Limits | None) -> list[str]:
    if os.path.isdir(path):
        return _of_folder(path, limits)
    if path == "-" or os.path.lexists(path) or not _PATTERN.search(path):
        return [path]
    found = sorted(each for each in glob.glob(path, recursive=True) if os.path.isfile(each))
    if not found:
        raise PersonaError(f"no file matches {shorten(path)!r}", hint="name the files, or the folder that they lie in")
    return found


def _of_folder(folder: str, limits: Limits | None) -> list[str]:
    found = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if may_be_one(name)]
    files = [path for path in found if os.path.isfile(path)]
    others = {os.path.normpath(each) for path in files for each in beside(read(path, limits=limits))}
    chosen = [path for path in files if os.path.normpath(path) not in others]
    if not chosen:
        raise PersonaError(f"the folder {folder!r} has no persona file", hint="they end in .yaml, .yml or .json")
    return chosen


def may_be_one(name: str) -> bool:
    """Tell whether a file of a folder may be a persona file, by its name."""
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def beside(document: Document) -> Iterator[str]:
    """Yield the files that a persona file names, and that are none themselves."""
    for key in ("$tools", "$schema"):
        path = document.data.get(key)
        if isinstance(path, str):
            yield os.path.join(document.folder, path)
