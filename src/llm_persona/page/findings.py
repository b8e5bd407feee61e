"""What is known of a registry beside what it says: what `check` finds, and where its files stand in their history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Problem
from ..names import split_reference
from .prompts import shown_place


@dataclass(frozen=True, slots=True)
class FileHistory:
    """A file of a registry: the commit that changed it last and that commit's date; `edited` if it changed since.

    Without a repository, or before its first commit, it has neither.
    """

    path: str
    commit: str = ""
    date: str = ""
    edited: bool = False

    @property
    def shown(self) -> str:
        return shown_place(self.path, None)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of `check`, as words to show."""

    level: str
    code: str
    place: str
    about: str
    message: str
    hint: str | None


def by_persona(problems: Iterable[Problem]) -> dict[str | None, list[Finding]]:
    """Return findings by the name of the persona that they are placed in; None has those of templates and files."""
    found: dict[str | None, list[Finding]] = {}
    for problem in problems:
        name = None if problem.persona is None else split_reference(problem.persona)[0]
        found.setdefault(name, []).append(_finding(problem))
    return found


def _finding(problem: Problem) -> Finding:
    about = ".".join(part for part in (problem.persona, problem.field) if part)
    where = shown_place(problem.path, problem.line)
    return Finding(problem.severity, problem.code or "", where, about, problem.message, problem.hint)
