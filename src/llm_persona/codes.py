"""Every finding of `check` by its code: its level, whether it can be accepted, and what it says. The one table of them.

Whoever finds something makes a problem of it by `finding`, so that a code means one level everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .errors import NOWHERE, Location, Problem

Severity = Literal["error", "warning"]
# What has to be known to look for it.
Found = Literal["in files", "in templates", "with a session", "with a least"]


class Code(NamedTuple):
    """What a code says of its findings."""

    level: Severity
    found: Found
    acceptable: bool
    meaning: str


def _error(found: Found, meaning: str) -> Code:
    return Code("error", found, True, meaning)


def _fatal(found: Found, meaning: str) -> Code:
    """Return a code of what would not render: no acceptance could make it."""
    return Code("error", found, False, meaning)


def _warning(found: Found, meaning: str) -> Code:
    return Code("warning", found, True, meaning)


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "acceptance-unmatched": _warning("in files", "What is accepted was not found: there is nothing to accept."),
        "alike-items": _warning(
            "in files", "Two capabilities or constraints are the same but for case, blanks and full stops."
        ),
        "alike-names": _warning("in files", "Two names differ only in case, blanks or how Unicode writes them."),
        "another-name": _warning("in files", "A text says the name of another persona than the one that prints it."),
        "constraints-kept-out": _warning(
            "in files", "A child replaces its parent's constraints: some are not in force."
        ),
        "cut-at-hash": _warning("in files", "YAML takes the end of a text for a comment, from a # after a blank on."),
        "ends-in-line-break": _warning("in files", "A text inside a line of the prompt ends in a line break."),
        "hidden-character": _warning("in files", "A text or a key holds characters that nobody sees."),
        "jinja-in-text": _warning("in files", "A persona's text looks like Jinja, which is not run there."),
        "mixed-scripts": _warning("in files", "A name mixes letters that look alike from different scripts."),
        "parent-replaced": _warning("in files", "A parent is gone: what replaces it is inherited."),
        "same-as-parent": _warning("in files", "A child writes a text that it inherits anyway."),
        "unnamed-variant": _warning("in files", "A variant would introduce itself by its key, unlike its parent."),
        "unpinned-ref": _warning("in files", "A persona has no version, and one that it inherits from has."),
        "unused-variable": _warning("in files", "No text and no template uses a declared variable."),
        "constraint-cut": _error("in templates", "The template prints only the beginning of a constraint."),
        "constraint-never-printed": _error("in templates", "The template never prints a constraint."),
        "constraint-sometimes-printed": _warning("in templates", "A constraint is printed for some sessions only."),
        "include-runs-on": _warning(
            "in templates", "What follows an include is printed in the line that it ends with."
        ),
        "line-runs-on": _warning(
            "in templates", "A line ends with a tag, and the next one is printed right behind it."
        ),
        "include-not-indented": _warning("in templates", "The lines of an include will not be indented as it is."),
        "never-filled": _warning(
            "in templates", "A placeholder stands where none is filled, in a name, a default or a constant."
        ),
        "render-fails": _fatal("in templates", "The persona cannot be rendered in its template."),
        "template-broken": _fatal("in templates", "A template that a persona is rendered with cannot be used."),
        "template-broken-unused": _warning("in templates", "A template that no persona names cannot be used."),
        "template-never-says-name": _error("in templates", "No place of the prompt comes from the persona's name."),
        "template-sometimes-says-name": _warning("in templates", "The prompt says the name for some sessions only."),
        "text-cut": _warning("in templates", "The template prints only the beginning of a text."),
        "text-never-printed": _warning("in templates", "The template never prints a text that the persona gives."),
        "value-begins-line": _warning("in templates", "A session value begins a line, as the template's own words do."),
        "greeting-fails": _warning("with a session", "The greeting cannot be built with values of the samples' kind."),
        "greeting-lacks": _warning("with a session", "The session lacks a variable that only the greeting asks for."),
        "check-incomplete": _error("with a session", "Not every session that the handler may pass could be tried."),
        "default-always-used": _warning(
            "with a session", "The session never has a variable: its default always stands."
        ),
        "near-constant": _warning("with a session", "A placeholder is close to the name of a constant, and is none."),
        "near-placeholder": _warning("with a session", "A known name stands in brackets that do not fill."),
        "session-constant": _fatal("with a session", "The session has what is a constant of a persona."),
        "session-lacks": _fatal("with a session", "The session lacks a variable that the prompt needs."),
        "session-refused": _fatal("with a session", "No session may hold this name or this value."),
        "session-slip": _fatal("with a session", "A passed name is a slip of one whose default would be used."),
        "stable-part-ends-early": _warning(
            "with a session", "A placeholder ends the stable part, and most of the prompt stands behind it."
        ),
        "cached-part-small": _error("with a least", "Tools and stable part have fewer tokens than --min-cached."),
        "stable-part-small": _error("with a least", "A smaller share of a prompt is stable than --min-stable."),
        "session-unused": _warning("with a session", "Nothing uses a passed name, which is close to one that is used."),
    }
)


def finding(code: str, message: str, hint: str | None = None, at: Location = NOWHERE) -> Problem:
    """Return a finding as a problem, with the level of its code."""
    return at.problem(message, hint, CODES[code].level, code)
