"""What checks find, each thing once: with its place, and the personas that it bears on."""

from __future__ import annotations

from dataclasses import replace

from .codes import NOWHERE, finding
from .errors import Problem, field_text
from .provenance import Origin, Places
from .reading import NO_PATH


class Findings:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._found: dict[Problem, dict[str, None]] = {}

    def add(self, problem: Problem, persona: str | None = None) -> None:
        """Note a problem that bears on a persona, unless that is the one it is placed in."""
        bears_on = self._found.setdefault(problem, {})
        if persona is not None and persona != problem.persona:
            bears_on[persona] = None

    def at(self, origin: Origin, code: str, message: str, hint: str | None) -> Problem:
        """Return a finding at the place where a persona's text was written."""
        document = self._places.get(origin.persona or "")
        place = NOWHERE
        if document is not None and document.path != NO_PATH:
            place = (document.path, *document.locate((origin.persona or "", *origin.path), key=not origin.path))
        return finding(code, message, hint, place, persona=origin.persona, field=field_text(origin.path) or None)

    def problems(self) -> list[Problem]:
        """Return all, in file order; what stands in templates comes after, and what has no place last."""
        errors = {_said(problem) for problem in self._found if problem.severity == "error"}
        found = [
            _telling(problem, list(personas))
            for problem, personas in self._found.items()
            if problem.severity == "error" or _said(problem) not in errors
        ]
        documents: dict[str, int] = {}
        for document in self._places.values():
            documents.setdefault(document.path, len(documents))
        last = len(documents)
        return sorted(
            found,
            key=lambda p: (
                p.path is None,
                documents.get(p.path or "", last),
                "" if p.path in documents else p.path or "",
                p.line or 0,
                p.column or 0,
            ),
        )


def _said(problem: Problem) -> Problem:
    """Return what a problem says, whatever its level: a warning of what is an error elsewhere is told once."""
    return replace(problem, severity="error", code=None)


def _telling(problem: Problem, personas: list[str]) -> Problem:
    if not personas:
        return problem
    return replace(problem, message=f"{problem.message} (for {_listed(personas)})")


def _listed(personas: list[str]) -> str:
    shown = ", ".join(personas[:2])
    return shown if len(personas) < 3 else f"{shown} and {len(personas) - 2} more"
