"""The names of a session: what personas and templates ask for, beside what the handler passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from .codes import finding
from .errors import Problem, TemplateError
from .findings import Findings
from .names import did_you_mean, nearest, shorten
from .provenance import origin_of
from .rehearsals import Rehearsal

_SLIP = 0.8  # likeness, as `difflib` counts it


def check_names(rehearsal: Rehearsal, names: frozenset[str], findings: Findings) -> set[str]:
    """Find the names that the persona or its template asks for and that the handler never passes; return them."""
    key = rehearsal.persona.key
    greeting = rehearsal.texts._greeting_required
    for name, path in {**greeting, **rehearsal.required}.items():
        if name not in names:
            code = "session-lacks" if name in rehearsal.required else "greeting-lacks"
            origin = origin_of(rehearsal.lineage, path)
            hint = did_you_mean(name, names) or "pass it, or give it a default under variables"
            findings.add(findings.at(origin, code, f"the session lacks {name!r}", hint), key)
    # All that the persona requires is in every trial, so what a template finds absent is nothing of that.
    asked = _asked(rehearsal, names)
    for name, where in asked.items():
        findings.add(_lacking(name, where, names), key)
    return {*asked, *rehearsal.required, *greeting} - names


def _asked(rehearsal: Rehearsal, names: Set[str]) -> Mapping[str, TemplateError]:
    """Return what the template uses though it is absent, and where, on any of its ways."""
    template = rehearsal.template
    if (
        not template.dynamic
        and template.session_names <= names | rehearsal.texts._defaults.keys() | rehearsal.everything
    ):
        return {}
    asked: dict[str, TemplateError] = {}
    for trial in (*rehearsal.full, *rehearsal.others):
        asked = {**trial.asked, **asked}
    return asked


def _lacking(name: str, where: TemplateError, names: Iterable[str]) -> Problem:
    asked = f"session.{name}" if name.isidentifier() else f"session[{name!r}]"
    hint = (
        did_you_mean(name, names) or f"pass it, give it a default under variables, or test '{asked} is defined' first"
    )
    place = where.path, where.line, where.column
    return finding("session-lacks", f"the session lacks {shorten(name)!r}", hint, place)


def check_slips(rehearsals: Iterable[Rehearsal], names: frozenset[str], lacking: Set[str], findings: Findings) -> None:
    """Find the names that are passed, that nothing uses, and that are slips of names that are not passed.

    Those that are `lacking` are told already, with what may have been meant.
    """
    rehearsals = list(rehearsals)
    if any(rehearsal.template.dynamic for rehearsal in rehearsals):
        return
    known = {"extra_sections"}.union(*(each.texts.names | each.template.session_names for each in rehearsals))
    defaulted = set().union(*(each.texts._defaults for each in rehearsals)) - names
    for name in sorted(names - known):
        if nearest(name, lacking) is not None:
            continue
        message = f"the session has {shorten(name)!r}, which nothing uses"
        if (near := nearest(name, defaulted, _SLIP)) is not None:
            message += f", and not {near!r}, whose default would be used"
            findings.add(finding("session-slip", message, f"did you mean {near!r}?"))
        elif (near := nearest(name, known - names, _SLIP)) is not None:
            findings.add(finding("session-unused", message, f"did you mean {near!r}?"))
