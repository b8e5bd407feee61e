"""What checks find, each thing once: with its place, and the personas that it bears on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ..codes import Found, finding
from ..errors import NOWHERE, Problem, field_text
from ..persona.acceptances import Acceptances
from ..persona.provenance import Origin, Places


class Findings:
    """What was found and is not accepted: a finding that bears on several personas is told for those that are left."""

    def __init__(self, places: Places, accepted: Acceptances, more: Acceptances | None = None) -> None:
        """Take what the files accept, of which those that nothing is found for are told, and what a caller does."""
        self._places = places
        self._accepted = accepted
        self._more = more or Acceptances()
        self._found: dict[Problem, dict[str | None, None]] = {}

    def add(self, problem: Problem, persona: str | None = None) -> None:
        """Note a problem that bears on a persona; without one, on that which it is placed in."""
        self._found.setdefault(problem, {})[persona or problem.persona] = None

    def at(self, origin: Origin, code: str, message: str, hint: str | None) -> Problem:
        """Return a finding at the place where a persona's text was written."""
        document = self._places.get(origin.persona or "")
        path = (origin.persona or "", *origin.path)
        place = NOWHERE if document is None else document.location(path, key=not origin.path)
        place = place._replace(persona=origin.persona, field=field_text(origin.path) or None)
        return finding(code, message, hint, place)

    def problems(self, found: Collection[Found] = ()) -> list[Problem]:
        """Return all, in file order; what stands in templates comes after, and what has no place last.

        `found` is what was looked for: what is accepted of these kinds and was not met is told too.
        """
        self._all_left()
        for problem in self._accepted.unmatched(found):
            self.add(problem)
        left = self._all_left()
        errors = {_said(problem) for problem, personas in left.items() if personas and problem.severity == "error"}
        told = [
            _telling(problem, personas)
            for problem, personas in left.items()
            if personas and (problem.severity == "error" or _said(problem) not in errors)
        ]
        documents: dict[str, int] = {}
        for document in self._places.values():
            documents.setdefault(document.path, len(documents))
        last = len(documents)
        return sorted(
            told,
            key=lambda p: (
                p.path is None,
                documents.get(p.path or "", last),
                "" if p.path in documents else p.path or "",
                p.line or 0,
                p.column or 0,
            ),
        )

    def _all_left(self) -> dict[Problem, list[str | None]]:
        """Return the problems, each with the personas that it bears on and for which nobody accepts it."""

        def is_left(code: str | None, persona: str | None) -> bool:
            return not self._accepted.accept(code, persona) | self._more.accept(code, persona)  # both are to know

        return {
            problem: [persona for persona in personas if is_left(problem.code, persona)]
            for problem, personas in self._found.items()
        }


def _said(problem: Problem) -> Problem:
    """Return what a problem says, whatever its level: a warning of what is an error elsewhere is told once."""
    return replace(problem, severity="error", code=None)


def _telling(problem: Problem, personas: Iterable[str | None]) -> Problem:
    others = [persona for persona in personas if persona is not None and persona != problem.persona]
    return replace(problem, message=f"{problem.message} (for {_listed(others)})") if others else problem


def _listed(personas: list[str]) -> str:
    shown = ", ".join(personas[:2])
    return shown if len(personas) < 3 else f"{shown} and {len(personas) - 2} more"
