"""The names of a session: what personas and templates ask for, beside what the handler passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .errors import Problem, TemplateError
from .findings import Findings, Severity
from .names import did_you_mean, nearest, shorten
from .provenance import origin_of
from .rehearsals import Rehearsal

_SLIP = 0.8  # likeness, as `difflib` counts it


def check_names(rehearsal: Rehearsal, names: frozenset[str], findings: Findings) -> None:
    """Find the names that the persona or its template asks for and that the handler never passes."""
    key = rehearsal.persona.key
    greeting = rehearsal.texts._greeting_required
    for name, path in {**greeting, **rehearsal.required}.items():
        if name not in names:
            severity: Severity = "error" if name in rehearsal.required else "warning"
            origin = origin_of(rehearsal.lineage, path)
            hint = did_you_mean(name, names) or "pass it, or give it a default under variables"
            findings.add(findings.at(origin, f"the session lacks {name!r}", hint, severity), key)
    for name, where in _asked(rehearsal).items():
        if name not in names and name not in rehearsal.required and name not in greeting:
            findings.add(_lacking(name, where, names), key)


def _asked(rehearsal: Rehearsal) -> Mapping[str, TemplateError]:
    asked: dict[str, TemplateError] = {}
    for trial in (*rehearsal.full, *rehearsal.others):
        asked = {**trial.asked, **asked}
    return asked


def _lacking(name: str, where: TemplateError, names: Iterable[str]) -> Problem:
    asked = f"session.{name}" if name.isidentifier() else f"session[{name!r}]"
    hint = (
        did_you_mean(name, names) or f"pass it, give it a default under variables, or test '{asked} is defined' first"
    )
    return Problem(where.path, where.line, where.column, None, None, f"the session lacks {shorten(name)!r}", hint)


def check_slips(rehearsals: Iterable[Rehearsal], names: frozenset[str], findings: Findings) -> None:
    """Find the names that are passed, that nothing uses, and that are slips of names that are not passed."""
    rehearsals = list(rehearsals)
    if any(rehearsal.template.dynamic for rehearsal in rehearsals):
        return
    known: set[str] = {"extra_sections"}
    for rehearsal in rehearsals:
        known |= rehearsal.texts.names | rehearsal.template.session_names
    for name in sorted(names - known):
        for rehearsal in rehearsals:
            if (near := nearest(name, rehearsal.texts._defaults.keys() - names, cutoff=_SLIP)) is not None:
                message = f"the session has {shorten(name)!r}, which nothing uses, and not {near!r}, whose default would be used"
                problem = Problem(None, None, None, None, None, message, f"did you mean {near!r}?")
                findings.add(problem, rehearsal.persona.key)
                break
        else:
            if (near := nearest(name, known - names, cutoff=_SLIP)) is not None:
                message = f"the session has {shorten(name)!r}, which nothing uses"
                findings.add(Problem(None, None, None, None, None, message, f"did you mean {near!r}?", "warning"))
