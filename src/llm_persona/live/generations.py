"""What a live registry serves at a time, and what it says of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Location, PersonaError, PersonaFileError, Problem
from ..persona.persona import Persona
from ..registry.registry import PersonaRegistry


class Generation(PersonaRegistry):
    """One set, whole, as its source had it. Nothing is defined in it: it changes with its source alone."""

    def define(self, *personas: Persona, replace: bool = False) -> None:
        """Raises PersonaError: what a live registry serves is a function of its source."""
        raise PersonaError("what a live registry serves comes from its source alone", hint="edit the source")


@dataclass(frozen=True, slots=True)
class Status:
    """What a live registry serves, and what it could not take up; for an endpoint that tells whether a process is well.

    `ready` is whether there is anything to serve; `fingerprint` that of the set, the same wherever it is served; `gone`
    the names that the last change took away. `refused` has what is wrong with what the source has now, and is empty
    where that is served. `release` is what a store's pointer says of the set: who published it, when, and why.
    """

    source: str
    ready: bool = False
    fingerprint: str | None = None
    loaded_at: datetime | None = None  # UTC
    gone: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()
    release: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "source": self.source,
            "ready": self.ready,
            "fingerprint": self.fingerprint,
            "loaded_at": None if self.loaded_at is None else self.loaded_at.isoformat(),
            "gone": list(self.gone),
            "refused": [str(problem) for problem in self.refused],
            "release": dict(self.release),
        }


def problems_of(error: PersonaError, source: str) -> tuple[Problem, ...]:
    """Return what is wrong, as problems: those of a file, or the one that the error is."""
    if isinstance(error, PersonaFileError):
        return error.problems
    return (Location(source, persona=error.persona).problem(error.message, error.hint),)
