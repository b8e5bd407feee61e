"""Placeholders that are none: a known name in brackets that nothing fills, and braces where nothing is filled."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from ..codes import finding
from ..errors import Location
from ..files.source import LINE_BREAK
from ..names import nearest, shorten
from ..persona.inheritance import Path, joined_texts, texts
from ..persona.persona import Persona
from ..persona.provenance import Origin, Places, origin_of
from ..placeholders import OWN_NAMES, Placeholders, normal
from ..templating.syntax import Syntax
from .characters import told_as_jinja
from .findings import Findings
from .rehearsals import Rehearsal

MOST = 10  # told of one text

# What stands between the words of a name: `user_name`, `user-name`, `user.name`, `User Name`.
_BETWEEN = "\\-_. \u00a0\u2010-\u2015\u2212"
_NAME = rf"([^\W\d]\w*(?:[{_BETWEEN}]\w+)*)"
# What other formats write: {{n}}, { n }, ${n:default}, {n|filter}, {session.n}, {the-name}, {{{n}}}, {input[n]}.
_BRACES = re.compile(r"(\$?)((?<!\{)\{++)([^{}]{1,80})(\}++)")
_IN_BRACES = re.compile(rf"\s*[-#^&>$@=%]{{0,2}}\s*{_NAME}[-%?!\s]{{0,3}}(?:![rsa])?(?:\s*\|.*|\s*(:)(.*))?", re.DOTALL)
_ITEM = re.compile(r"\s*\$?[^\W\d]\w*\[[\"']?(\w+)[\"']?\]\s*")
_OWNERS = frozenset(
    (
        "self",
        "this",
        "input",
        "inputs",
        "vars",
        "variables",
        "context",
        "ctx",
        "data",
        "args",
        "params",
        "kwargs",
        "state",
    )
)
_SPECIFIER = re.compile(r"(?:.?[<>=^])?[-+ ]?#?0?\d*[,_]?(?:\.\d+)?[sdfeg%]?")
_SHORT_DEFAULT = re.compile(r"(?!\s)[^\"'\[\],:;()]*")
# In code, as `const { name } = user` and `import { name } from`, braces with blanks take a value apart.
_CODE_BEFORE = re.compile(r"(?:\b(?:const|let|var|import|export|return|type|function)|\w\(|=)\s*$")
_CODE_AFTER = re.compile(r"\s*(?:=|from\b|\)\s*(?:=>|\{))")
# A brace that has no other: `{n`, `session.n }}`.
_OPENED = re.compile(r"(?<!\{)(?:\{|\{\{\s?)([^\W\d]\w{0,79})(?![^{}]*\})(?=[^\w{:]|$)")
_CLOSED = re.compile(r"(?<![\w.{}])((?:session\.|persona\.)?[^\W\d]\w{0,79})\s?\}{1,2}")
_IN_PARENTHESES = re.compile(
    r"[%$]\(\s*([^\W\d]\w{0,79})\s*\)[-#+ ]?\d{0,3}[sdrifg]?|(?<![\w%{])%([^\W\d]\w{0,79})%(?!\w)"
    r"|<%[-=]?\s*@?([^\W\d]\w{0,79})\s*-?%>"
)
# Prose has words in these, as [optional] or <b>: here it takes two of them to make a name.
_TWO_WORDS = rf"([^\W\d][\w{_BETWEEN}]{{0,78}}\w)"
_IN_OTHERS = re.compile(
    rf"(?<![\w\])])(?:\[\[?\s?{_TWO_WORDS}\s?\]\]?(?![(:\w])|<<?\s?{_TWO_WORDS}\s?>>?(?!\w))"
    rf"|[｛【〈《「『［＜«‹⟨]\s?{_TWO_WORDS}\s?[｝】〉》」』］＞»›⟩]"
)
_OTHERS = re.compile("[\\[<｛【〈《「『［＜«‹⟨]")
_SEPARATED = re.compile(rf"[{_BETWEEN}]")
_MOST_SLIPS = 200  # names in double braces of one text that are compared with the declared ones
_SLIP = 0.8  # likeness, as `difflib` counts it

_CONSTANT = "a constant but {name} and {company}"

_DOLLAR = re.compile(r"(?<!\$)\$\{([^\W\d]\w*)\}(?!\})")

Bracketed = tuple[tuple[str, ...], str]  # the names that may be meant, and what a prompt shows
Miss = tuple[str, str]  # what a prompt shows, and the name that is meant


def check_near_misses(rehearsal: Rehearsal, places: Places, findings: Findings) -> None:
    """Find the names that a session or the persona has, where their value will not stand in the prompt."""
    persona = rehearsal.persona
    placeholders = Placeholders(persona.variables, persona.constants)
    suspects = [(path, text, _bracketed(text)) for path, text in _suspects(rehearsal)] if placeholders.active else []
    suspects = [suspect for suspect in suspects if suspect[2]]
    in_templates = rehearsal.once(_in_templates)
    never_filled = list(_never_filled(rehearsal)) if placeholders.active else []
    _check_constants(rehearsal, findings)
    if not (suspects or in_templates or never_filled):
        return
    known = {_key(name): name for name in sorted(_names(rehearsal))}
    _check_templates(in_templates, known, rehearsal, findings)
    for path, text, bracketed in suspects:
        for shown, name in dict.fromkeys(islice(_misses(bracketed, known, persona.variables or ()), MOST)):
            origin = origin_of(rehearsal.lineage, path)
            # Of a file, this is told already.
            document = places.get(origin.persona or "")
            if document is None or told_as_jinja(document, str(origin.persona), text) != shown:
                hint = _hint(shown, name, placeholders)
                findings.add(findings.at(origin, "near-placeholder", f"prints {_printed(shown)}", hint), persona.key)
    in_constants = Placeholders.of_constants(persona.company)
    for origin, text, what in never_filled:
        missed = (shown for shown, _ in islice(_misses(_bracketed(text), known), MOST))
        filled = in_constants.names(text) if what == _CONSTANT else ()
        names = placeholders.names(text) + placeholders.undeclared(text)
        fillers = (f"{{{name}}}" for name in names if name not in filled)
        for shown in dict.fromkeys((*fillers, *missed)):
            message = f"prints {shorten(shown)}, as nothing is filled in {what}"
            findings.add(findings.at(origin, "never-filled", message, "write it out"), persona.key)


def _check_constants(rehearsal: Rehearsal, findings: Findings) -> None:
    """Find the placeholders that are slips of constants, where any `{identifier}` is one."""
    persona, session = rehearsal.lineage.persona, rehearsal.session
    if persona.variables is not None or not persona.constants:
        return
    placeholders = Placeholders(None)
    passed = {*persona.constants, *OWN_NAMES, *(session.names or ()), *session.optional}
    for path, text in texts(persona, "{"):
        for name in placeholders.names(text) if path[0] != "constants" else ():
            near = None if name in passed else nearest(name, persona.constants, _SLIP)
            if near is not None:
                origin = origin_of(rehearsal.lineage, path)
                message = f"'{{{shorten(name)}}}' is no constant of the persona, and waits for the session"
                findings.add(findings.at(origin, "near-constant", message, f"did you mean '{{{near}}}'?"), persona.key)


def _suspects(rehearsal: Rehearsal) -> list[tuple[Path, str]]:
    """Return the persona's texts that may have a name in brackets."""
    persona = rehearsal.lineage.persona
    joined = joined_texts(persona)
    whole = _is_bare(joined) and joined.count("{") == joined.count("}")
    found = texts(persona, "{" if whole else "")
    return [each for each in found if each[0][0] != "constants"]  # in which next to nothing is filled


def _is_bare(text: str) -> bool:
    """Tell whether no bracket but a brace is in a text."""
    return text.isascii() and not any(mark in text for mark in ("%", "$(", "[", "<"))


def _in_templates(rehearsal: Rehearsal) -> list[tuple[Syntax, int, str, list[str], list[Bracketed]]]:
    """Return the templates' own texts with what may be names in brackets, each with the line that it begins on."""
    found = [
        (syntax, first, text, Placeholders(None).names(text), _bracketed(text))
        for syntax in rehearsal.template.syntaxes.values()
        for first, text in syntax.own_texts()
    ]
    return [each for each in found if each[3] or each[4]]


def _check_templates(
    found: Iterable[tuple[Syntax, int, str, list[str], list[Bracketed]]],
    known: Mapping[str, str],
    rehearsal: Rehearsal,
    findings: Findings,
) -> None:
    """Find known names in brackets that a template's own text has, where nothing but what Jinja runs is filled."""
    names = frozenset(known.values())
    for syntax, first, text, placeholders, bracketed in found:
        filled = ((name, f"{{{name}}}") for name in placeholders if name in names)
        missed = ((name, shown) for shown, name in islice(_misses(bracketed, known), MOST))
        for name, shown in dict.fromkeys((*filled, *missed)):
            line = first + text[: text.index(shown)].count("\n")
            column = LINE_BREAK.split(syntax.source)[line - 1].find(shown.partition("\n")[0]) + 1
            is_constant = name in rehearsal.persona.constants
            hint = f"write {{{{ {f'persona.constants.{name}' if is_constant else _expression(name)} }}}} to fill it"
            place = Location(syntax.path, line, column or 1)
            message = f"template prints {shorten(shown)}"
            findings.add(finding("near-placeholder", message, hint, place), rehearsal.persona.key)


def _expression(name: str) -> str:
    return f"persona.{name}" if name in OWN_NAMES else f"session.{name}"


def _names(rehearsal: Rehearsal) -> frozenset[str]:
    """Return the names that are known: the persona's, its template's, and those that the handler passes."""
    session, template = rehearsal.session, rehearsal.template
    names = rehearsal.texts.names.union(template.session_names, session.names or (), session.optional, OWN_NAMES)
    names = names.union(_undeclared(rehearsal.lineage.persona), rehearsal.persona.constants)
    return names - {"extra_sections"}


def _undeclared(persona: Persona) -> list[str]:
    """Return the names in `${name}` where any name may be a placeholder, and some are."""
    if persona.variables is not None:
        return []
    placeholders = Placeholders(None)
    found = [text for _, text in texts(persona, "{")]
    return _DOLLAR.findall("\0".join(found)) if any(map(placeholders.names, found)) else []


def _misses(bracketed: Iterable[Bracketed], known: Mapping[str, str], declared: Collection[str] = ()) -> Iterator[Miss]:
    """Yield the known names in brackets that do not fill; in double braces the slips of declared ones too."""
    slips = _MOST_SLIPS if declared else 0
    for candidates, shown in bracketed:
        found = (known.get(_key(written)) for written in candidates)
        name = next((name for name in found if name is not None), None)
        if name is None and slips and shown[:2] == "{{":
            slips -= 1
            name = nearest(candidates[0], declared, _SLIP)
        if name is not None:
            yield shown, name


def _bracketed(text: str) -> list[Bracketed]:
    """Return what may be names in brackets that do not fill, and what is shown of each."""
    found = [_in_braces(match, text) for match in _BRACES.finditer(text)] if "{" in text else []
    if text.count("{") != text.count("}"):
        found += _halves(text)
    if "%" in text or "$(" in text:
        found += [((match[1] or match[2] or match[3],), match[0]) for match in _IN_PARENTHESES.finditer(text)]
    if _OTHERS.search(text):
        for match in _IN_OTHERS.finditer(text):
            written = match[1] or match[2] or match[3]
            if _SEPARATED.search(written) and f"</{written}>" not in text:
                found.append(((written,), match[0]))
    return [each for each in found if each is not None]


def _halves(text: str) -> Iterator[Bracketed]:
    """Yield what may be names with one of their braces."""
    yield from ((_readings(match[1]), match[0]) for match in _OPENED.finditer(text))
    for match in _CLOSED.finditer(text):
        before = text[: match.start()]
        if before.count("{") <= before.count("}"):
            yield _readings(match[1]), match[0]


def _in_braces(match: re.Match[str], text: str) -> Bracketed | None:
    single = not match[1] and len(match[2]) == len(match[4]) == 1
    if single and (match[3].isidentifier() or (match[3] != match[3].strip() and _is_code(match, text))):
        return None
    item = _ITEM.fullmatch(match[3])
    if item is not None:
        return None if item[1] in OWN_NAMES else ((item[1],), match[0])
    inner = _IN_BRACES.fullmatch(match[3])
    if inner is None or (single and inner[2] and not _is_default(inner[1], inner[3])):
        return None
    return _readings(inner[1]), match[0]


def _is_code(match: re.Match[str], text: str) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    return bool(_CODE_BEFORE.search(before) or _CODE_AFTER.match(text, match.end()))


def _is_default(name: str, rest: str) -> bool:
    """Tell what formats write after a colon from data, as {name: "Bo"} and {name:value}."""
    return (_SPECIFIER if name in OWN_NAMES else _SHORT_DEFAULT).fullmatch(rest) is not None


def _readings(written: str) -> tuple[str, ...]:
    """Return the names that may be meant: all of it, what it is of, as `{session.n}`, what is asked of it, as `{n.first}`."""
    first, dot, rest = written.partition(".")
    if not dot:
        return (written,)
    if first in ("session", "persona"):
        return rest, written
    readings = (written, *((rest,) if first in _OWNERS else ()), first)
    return tuple(each for each in readings if each not in OWN_NAMES)


def _key(name: str) -> str:
    """Return a name as it compares with near ones: `User-Name` is `user_name`."""
    return re.sub(_SEPARATED, "", normal(name)).casefold()


def _is_escape(shown: str) -> bool:
    return shown[:2] == "{{" and shown[2:-2].isidentifier() and shown[-2:] == "}}"


def _printed(shown: str) -> str:
    return shorten(shown[1:-1] if _is_escape(shown) else shown)


def _hint(shown: str, name: str, placeholders: Placeholders) -> str:
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
        if "{" in name and any(name in taken.text for taken in rehearsal.good):  # not every template prints them
            yield origin_of(lineage, ("custom_sections", name)), name, "a section's name"
    for name, default in (persona.variables or {}).items():
        if default and ("{" in default or not _is_bare(default)):
            yield origin_of(lineage, ("variables", name)), default, "a default"
    for name, text in lineage.persona.constants.items():
        if "{" in text or not _is_bare(text):
            yield origin_of(lineage, ("constants", name)), text, _CONSTANT
