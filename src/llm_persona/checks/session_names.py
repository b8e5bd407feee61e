"""The names of a session: what personas and templates ask for, beside what the handler passes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from ..codes import finding
from ..errors import NOWHERE, Location, PersonaError, Problem, TemplateError
from ..names import did_you_mean, nearest, shorten
from ..persona.provenance import origin_of
from ..prompts.texts import PersonaTexts
from ..templating.templates import Template
from .findings import Findings
from .rehearsals import Rehearsal

Asking = tuple[PersonaTexts, Template]  # what asks for names: a persona and its template
_SLIP = 0.8  # likeness, as `difflib` counts it
DEFAULT_STANDS = "the session never has this variable, so its default stands in every prompt"


def check_constants(rehearsal: Rehearsal, names: frozenset[str], findings: Findings) -> None:
    """Find the constants of a persona that the handler passes, always or sometimes: no session gives one."""
    for name in rehearsal.persona.constants:
        if name in names or name in rehearsal.session.optional:
            origin = origin_of(rehearsal.lineage, ("constants", name))
            message = f"the session has {shorten(name)!r}, which is a constant of this persona"
            hint = "do not pass it: no session moves a constant"
            findings.add(findings.at(origin, "session-constant", message, hint), rehearsal.persona.key)


def check_defaults(rehearsal: Rehearsal, names: frozenset[str], findings: Findings) -> None:
    """Find the variables in use whose default always stands, as the handler never passes them: they are constants."""
    texts, template = rehearsal.texts, rehearsal.template
    used = texts.placeholders | template.session_names
    passed = names | rehearsal.session.optional
    slips = [nearest(each, texts.defaults, _SLIP) for each in passed - texts.names - template.session_names]
    for name in texts.defaults:
        if name in used and name not in passed and name not in slips:
            origin = origin_of(rehearsal.lineage, ("variables", name))
            hint = "write it below constants"
            if name in template.session_names:
                hint += f", and persona.constants.{name} in the template"
            hint += f"; where it is passed sometimes, name it: -s {name}?"
            findings.add(findings.at(origin, "default-always-used", DEFAULT_STANDS, hint), rehearsal.persona.key)


def check_names(rehearsal: Rehearsal, names: frozenset[str], findings: Findings) -> set[str]:
    """Find the names that the persona or its template asks for and that the handler does not always pass; return them."""
    key, optional = rehearsal.persona.key, rehearsal.session.optional
    greeting = rehearsal.texts.greeting_required
    for name, path in {**greeting, **rehearsal.required}.items():
        if name not in names:
            code = "session-lacks" if name in rehearsal.required else "greeting-lacks"
            origin = origin_of(rehearsal.lineage, path)
            hint = _always(name, names, optional) or "pass it, or give it a default under variables"
            findings.add(findings.at(origin, code, _lacks(name, optional), hint), key)
    # All that the persona requires is in every recording, so what a template finds absent is nothing of that.
    asked = {name: where for name, where in rehearsal.like.lacking.items() if name not in rehearsal.persona.constants}
    for name, where in asked.items():
        findings.add(_lacking(name, where, names, optional), key)
    return {*asked, *rehearsal.required, *greeting} - names


def _lacks(name: str, optional: Collection[str]) -> str:
    return f"the session {'may lack' if name in optional else 'lacks'} {shorten(name)!r}"


def _always(name: str, names: Iterable[str], optional: Collection[str]) -> str | None:
    """Return the hint for a name that is not always passed, unless that goes without saying."""
    return "pass it always, or give it a default under variables" if name in optional else did_you_mean(name, names)


def _lacking(name: str, where: PersonaError, names: Iterable[str], optional: Collection[str]) -> Problem:
    asked = f"session.{name}" if name.isidentifier() else f"session[{name!r}]"
    near = None if name in optional else did_you_mean(name, names)
    pass_it = "pass it always" if name in optional else "pass it"
    hint = near or f"{pass_it}, give it a default under variables, or test '{asked} is defined' first"
    return finding("session-lacks", _lacks(name, optional), hint, _location(where))


def _location(error: PersonaError) -> Location:
    return Location(error.path, error.line, error.column) if isinstance(error, TemplateError) else NOWHERE


def check_slips(asking: Iterable[Asking], names: frozenset[str], lacking: Set[str], findings: Findings) -> None:
    """Find the names that are passed, that no persona uses, and that are slips of names that are not passed.

    Those that are `lacking` are told already, with what may have been meant.
    """
    asking = list(asking)
    if any(template.dynamic for _, template in asking):
        return
    known = {"extra_sections"}.union(
        *(texts.names | template.session_names | texts.persona.constants.keys() for texts, template in asking)
    )
    defaulted = set().union(*(texts.defaults for texts, _ in asking)) - names
    for name in sorted(names - known - {"template"}):
        # A slip of a name with a default is refused by each persona that has it.
        if nearest(name, lacking) is None and nearest(name, defaulted, _SLIP) is None:
            near = nearest(name, known - names, _SLIP)
            if near is not None:
                message = f"the session has {shorten(name)!r}, which nothing uses"
                findings.add(finding("session-unused", message, f"did you mean {near!r}?"))
