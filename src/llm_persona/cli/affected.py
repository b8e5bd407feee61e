"""Templates on the command line: each stands for the persona files that are rendered with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..files.reading import ENDINGS, read
from ..persona.file_keys import lies_in

_TEMPLATE = ".j2"
_KEY = b"$templates"
_OTHERS = ("node_modules", "__pycache__")  # what others wrote, and what nobody did


def persona_files_for(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths, in the place of each template those of the persona files whose template folders it lies in.

    They are looked for in the working folder and below. A template that no file looks for stands for none.
    """
    if not any(map(_is_template, paths)):
        return tuple(paths)
    known = {path: _folders(path) for path in _with_folders()}
    files = {os.path.normpath(path): path for path in paths if not _is_template(path)}
    for template in filter(_is_template, paths):
        for path in (path for path, its in known.items() if any(lies_in(template, each) for each in its)):
            files.setdefault(path, path)
    return tuple(files.values())


def _is_template(path: str) -> bool:
    return path.endswith(_TEMPLATE) and not os.path.isdir(path)


def _with_folders() -> Iterator[str]:
    """Yield the files in the working folder and below that may be persona files with template folders of their own."""
    for folder, below, names in os.walk(os.curdir):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in _OTHERS)
        for name in sorted(names):
            path = os.path.normpath(os.path.join(folder, name))
            if name.lower().endswith(ENDINGS) and _mentions_folders(path):
                yield path


def _mentions_folders(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return _KEY in file.read()
    except OSError:
        return False


def _folders(path: str) -> list[str]:
    document = read(path)
    named = document.data.get(_KEY.decode())
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return [os.path.join(document.folder, each) for each in listed if isinstance(each, str)]
