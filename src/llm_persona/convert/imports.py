"""Importing files and folders: every file becomes personas or is told why not; none is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ..arguments import path_of
from ..errors import Location, PersonaFileError, Problem
from ..files.reading import read_text
from ..limits import Limits
from ..persona.persona import Persona
from .foreign import OWN_KEY, Reading, free_name, renamed, roomy
from .formats import AGENT, ENDINGS, FORMATS, Format, format_of

HIDDEN_FOLDERS: Final = frozenset((".claude", ".codex", ".cursor", ".github", ".opencode"))
"""Folders that are gone through though they are hidden: programs keep their agents there."""

_DEFINITION = re.compile(rf"{OWN_KEY}.*sha256:[0-9a-f]{{64}}", re.DOTALL)  # what `foreign.definition` writes
_OF_PACKAGES = frozenset(("node_modules", "__pycache__"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was found in a folder: taken in the format of this name, or left and why."""

    path: str
    taken: str | None
    why_left: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: " + (f"taken as {self.taken}" if self.taken else f"left: {self.why_left}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of importing: the personas of `files`, in order, and for each of `refused` its problems.

    Warnings of what was left out or read otherwise are among the problems. `seen` has every file of the folders.
    """

    personas: tuple[Persona, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    refused: tuple[str, ...]
    seen: tuple[Seen, ...] = ()


def import_files(
    path: str | os.PathLike[str],
    *more: str | os.PathLike[str],
    limits: Limits | None = None,
    keep_macros: bool = False,
) -> Imported:
    """Import files of the formats in `formats`, and folders with all that is in them and bears a format's marks.

    A file that is refused does not keep the others out. A name that is taken gets a number (`reviewer-2`); the persona
    still calls itself what it did. `keep_macros` leaves `{{char}}` and `{{user}}` of cards as they are written.
    """
    return _Import(FORMATS, roomy(limits), keep_macros).of((path, *more))


def load_agents(path: str | os.PathLike[str], *more: str | os.PathLike[str], limits: Limits | None = None) -> Imported:
    """Import agent Markdown alone; as `import_files` otherwise."""
    return _Import((AGENT,), roomy(limits)).of((path, *more))


def exported_in(folder: str) -> Iterator[str]:
    """Yield the files of a folder that hold the definition of a persona, as `export` writes it."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        known = format_of(path)
        if known and os.path.isfile(path) and _DEFINITION.search(_text(path)):
            yield path


def _text(path: str) -> str:
    try:
        return read_text(path, Limits())
    except PersonaFileError:
        return ""


@dataclass(slots=True)
class _Import:
    formats: tuple[Format, ...]
    limits: Limits
    keep_macros: bool = False
    personas: dict[str, Persona] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, None] = field(default_factory=dict)
    refused: dict[str, None] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def of(self, paths: Iterable[str | os.PathLike[str]]) -> Imported:
        for each in paths:
            path = path_of(each, "the path of a file to import")
            if os.path.isdir(path):
                self._folder(path)
            else:
                self._file(path, format_of(path))
        personas, seen = tuple(self.personas.values()), tuple(self.seen)
        return Imported(personas, tuple(self.problems), tuple(self.files), tuple(self.refused), seen)

    def _folder(self, folder: str) -> None:
        before = len(self.files) + len(self.refused)
        for path in _files(folder, self.seen):
            known = format_of(path)
            left = "no format that is known" if known not in self.formats else known.why_left(path, folder, self.limits)
            self.seen.append(Seen(path, None if left or not known else known.name, left))
            if not left:
                self._file(path, known)
        if len(self.files) + len(self.refused) == before:
            self._refuse(folder, "nothing in it bears the marks of a format that is known", "name the files themselves")

    def _file(self, path: str, known: Format | None) -> None:
        if path in self.files or path in self.refused:
            return
        if known not in self.formats or known is None:
            what = "there is no such file" if not os.path.lexists(path) else "no format that is known ends so"
            self._refuse(path, what, "check the path" if not os.path.lexists(path) else f"known are {ENDINGS}")
            return
        reading = Reading(self.limits, self.keep_macros)
        try:
            found = known.read(path, reading)
        except PersonaFileError as error:
            self.problems += error.problems
            self.refused[path] = None
            return
        self.problems += reading.warnings
        self.files[path] = None
        for persona in found:
            self._add(persona)

    def _add(self, found: Persona) -> None:
        persona = found if found.key not in self.personas else renamed(found, free_name(found.name, self.personas))
        self.personas[persona.key] = persona

    def _refuse(self, path: str, message: str, hint: str) -> None:
        self.refused[path] = None
        self.problems.append(Location(path).problem(message, hint))


def _files(folder: str, seen: list[Seen]) -> Iterator[str]:
    """Yield the files of a folder and of those in it, sorted; add the folders that are not gone through to `seen`."""
    for entry in sorted(os.scandir(folder), key=lambda entry: (entry.is_dir(), entry.name)):
        if not entry.is_dir():
            yield entry.path
        elif why := _why_not_entered(entry):
            seen.append(Seen(entry.path, None, why))
        else:
            yield from _files(entry.path, seen)


def _why_not_entered(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return "a link to a folder"
    if entry.name.startswith(".") and entry.name not in HIDDEN_FOLDERS:
        return "a hidden folder"
    return "a folder of packages" if entry.name in _OF_PACKAGES else None
