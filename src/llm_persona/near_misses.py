"""Placeholders that are none: a known name in brackets that nothing fills, and braces where nothing is filled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from .findings import Findings
from .inheritance import texts
from .names import shorten
from .persona import Persona
from .placeholders import OWN_NAMES, Placeholders, normal
from .provenance import Origin, Places, origin_of
from .rehearsals import Rehearsal
from .suspicions import looks_like_jinja

MOST = 10  # told of one text

# What other formats write: {{n}}, { n }, ${n:default}, {n|filter}, {session.n}, {the-name}, {{{n}}}.
_BRACES = re.compile(r"(\$?)((?<!\{)\{++)([^{}\n]{1,80})(\}++)")
_IN_BRACES = re.compile(r"\s*[-#^&]?\s*(?:session\.|persona\.)?([^\W\d]\w*(?:[-. ]\w+)*)\s*-?\s*(?:![rsa]|\|.*|(:.*))?")
_IN_PARENTHESES = re.compile(r"[%$]\(\s*([^\W\d]\w{0,79})\s*\)[-#+ ]?\d{0,3}[sdrifg]?|%([^\W\d]\w{0,79})%")
# Prose has words in these, as [optional] or <b>: here it takes an underscore to make a name.
_IN_OTHERS = re.compile(
    r"(?<![\w\])])(?:\[\[?\s?([^\W\d]\w{0,79})\s?\]\]?(?![(:\w])|<<?\s?([^\W\d]\w{0,79})\s?>>?(?!\w))"
)

_DOLLAR = re.compile(r"(?<!\$)\$\{([^\W\d]\w*)\}(?!\})")

Miss = tuple[str, str]  # what a prompt shows, and the name that is meant


def check_near_misses(rehearsal: Rehearsal, places: Places, findings: Findings) -> None:
    """Find the names that a session or the persona has, where their value will not stand in the prompt."""
    persona = rehearsal.persona
    placeholders = Placeholders(persona.variables)
    if not placeholders.active:
        return
    known = {_key(name): name for name in sorted(_names(rehearsal))}
    for path, text in texts(rehearsal.lineage.persona):
        for shown, name in dict.fromkeys(islice(_misses(text, known), MOST)):
            origin = origin_of(rehearsal.lineage, path)
            # Of a file, this is told already.
            if not (origin.persona in places and looks_like_jinja(shown)):
                hint = _remedy(shown, name, placeholders)
                findings.add(findings.at(origin, "near-placeholder", f"prints {_printed(shown)}", hint), persona.key)
    for origin, text, what in _never_filled(rehearsal):
        names = placeholders.names(text) + (placeholders.undeclared(text) if what != "a default" else [])
        missed = (shown for shown, _ in islice(_misses(text, known), MOST))
        for shown in dict.fromkeys((*(f"{{{name}}}" for name in names), *missed)):
            message = f"prints {shorten(shown)}, as nothing is filled in {what}"
            findings.add(findings.at(origin, "never-filled", message, "write it out"), persona.key)


def _names(rehearsal: Rehearsal) -> frozenset[str]:
    """Return the names that are known: the persona's, its template's, and those that the handler passes."""
    session, template = rehearsal.session, rehearsal.template
    names = rehearsal.texts.names.union(template.session_names, session.names or (), session.optional, OWN_NAMES)
    return names.union(_undeclared(rehearsal.lineage.persona)) - {"extra_sections"}


def _undeclared(persona: Persona) -> list[str]:
    """Return the names in `${name}` where any name may be a placeholder, and some are."""
    if persona.variables is not None:
        return []
    placeholders = Placeholders(None)
    found = [text for _, text in texts(persona, "{")]
    return _DOLLAR.findall("\0".join(found)) if any(map(placeholders.names, found)) else []


def _misses(text: str, known: Mapping[str, str]) -> Iterator[Miss]:
    for written, shown in _bracketed(text):
        name = known.get(_key(written))
        if name is not None:
            yield shown, name


def _bracketed(text: str) -> Iterator[tuple[str, str]]:
    """Yield each name in brackets that do not fill, and with its brackets."""
    if "{" in text:
        for match in _BRACES.finditer(text):
            inner = _IN_BRACES.fullmatch(match[3])
            fills = not match[1] and len(match[2]) == len(match[4]) == 1 and match[3].isidentifier()
            # A colon makes a default after ${ alone; elsewhere it is data, as {name: "Bo"}.
            if inner is not None and not fills and (match[1] or not inner[2]):
                yield inner[1], match[0]
    if "%" in text or "$(" in text:
        yield from ((match[1] or match[2], match[0]) for match in _IN_PARENTHESES.finditer(text))
    if "_" in text and ("[" in text or "<" in text):
        for match in _IN_OTHERS.finditer(text):
            written = match[1] or match[2]
            if "_" in written and f"</{written}>" not in text:
                yield written, match[0]


def _key(name: str) -> str:
    """Return a name as it compares with near ones: `User-Name` is `user_name`."""
    return re.sub("[-_. ]", "", normal(name)).casefold()


def _is_escape(shown: str) -> bool:
    return shown[:2] == "{{" and shown[2:-2].isidentifier() and shown[-2:] == "}}"


def _printed(shown: str) -> str:
    return shorten(shown[1:-1] if _is_escape(shown) else shown)


def _remedy(shown: str, name: str, placeholders: Placeholders) -> str:
    how = " with one brace" if _is_escape(shown) else " without the $" if shown[:2] == "${" else ""
    declared = placeholders.names(f"{{{name}}}") != []
    write = f"write {{{name}}}{how} to fill it"
    return write if declared else f"declare {name!r} under variables, and {write}"


def _never_filled(rehearsal: Rehearsal) -> Iterator[tuple[Origin, str, str]]:
    """Yield what is printed as it is written: where it stands, its text, and what it is."""
    persona, lineage = rehearsal.persona, rehearsal.lineage
    if persona.display_name:
        yield origin_of(lineage, ("display_name",)), persona.display_name, "a display name"
    elif "{" in persona.name:
        yield Origin(persona.key), persona.name, "a name"
    for name in persona.custom_sections:
        if "{" in name and name in rehearsal.plain.text:  # not every template prints them
            yield origin_of(lineage, ("custom_sections", name)), name, "a section's name"
    for name, default in (persona.variables or {}).items():
        if default:
            yield origin_of(lineage, ("variables", name)), default, "a default"
