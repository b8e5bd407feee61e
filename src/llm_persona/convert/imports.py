"""Importing files and folders: every file becomes a persona or is told why not; none is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..arguments import path_of
from ..errors import Problem
from ..limits import Limits
from ..persona.persona import Persona
from .agents import read_agent
from .cards import read_card
from .foreign import free_name, renamed

Reader = Callable[[str, Limits | None, list[Problem]], Persona | tuple[Problem, ...]]

_READERS: dict[str, Reader] = {".md": read_agent, ".markdown": read_agent, ".json": read_card}


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of importing files: a persona for each of `files`, in order, and for each of `refused` its problems.

    Warnings of what was lost are among the problems.
    """

    personas: tuple[Persona, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    refused: tuple[str, ...]


def import_files(path: str | os.PathLike[str], *more: str | os.PathLike[str], limits: Limits | None = None) -> Imported:
    """Import agent Markdown (.md) and character cards (.json): files, and folders with all that is in them.

    A file that is refused does not keep the others out. A name that is taken gets a number (`reviewer-2`); the persona
    still calls itself what it did. Hidden files and folders are left out, and files in a folder that end otherwise.
    """
    return _imported((path, *more), (".md", ".markdown", ".json"), limits)


def load_agents(path: str | os.PathLike[str], *more: str | os.PathLike[str], limits: Limits | None = None) -> Imported:
    """Import agent Markdown alone; as `import_files` otherwise."""
    return _imported((path, *more), (".md", ".markdown"), limits)


def _imported(paths: Sequence[str | os.PathLike[str]], endings: tuple[str, ...], limits: Limits | None) -> Imported:
    personas: dict[str, Persona] = {}
    problems: list[Problem] = []
    files: list[str] = []
    refused: list[str] = []
    for path in dict.fromkeys(
        file for each in paths for file in _files(path_of(each, "the path of a file to import"), endings)
    ):
        found = _read(path, endings, limits, problems)
        if isinstance(found, Persona):
            persona = found if found.key not in personas else renamed(found, free_name(found.name, personas))
            personas[persona.key] = persona
            files.append(path)
        else:
            problems += found
            refused.append(path)
    return Imported(tuple(personas.values()), tuple(problems), tuple(files), tuple(refused))


def _files(path: str, endings: tuple[str, ...]) -> Iterator[str]:
    """Yield a file itself, or the files of a folder with these endings, sorted."""
    if not os.path.isdir(path):
        yield path
        return
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(folder, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings
        ]
    yield from sorted(found) or [path]


def _read(
    path: str, endings: tuple[str, ...], limits: Limits | None, warnings: list[Problem]
) -> Persona | tuple[Problem, ...]:
    shown = " and ".join(endings[::2])
    if os.path.isdir(path):
        message = f"there is no file in it that ends in {shown}"
        return (Problem(path, None, None, None, None, message, "check the path"),)
    ending = os.path.splitext(path)[1].lower()
    if ending not in endings:
        hint = "rename it" if ending != ".png" else "export the card as JSON"
        return (Problem(path, None, None, None, None, f"a file to import must end in {shown}", hint),)
    return _READERS[ending](path, limits, warnings)
