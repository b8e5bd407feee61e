"""What is legal in a file but suspicious: characters that nobody sees, names that look alike, Jinja in persona text.

Nothing is stripped and nothing normalised: a warning names the character and its place, and the text stays as
it is. What needs more than the file itself is warned of by those who know more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice

from ..codes import finding
from ..errors import Problem
from ..fields import AS_WRITTEN, FILLED
from ..files.invisible import Run, may_hide, runs
from ..files.reading import NO_PATH, Document
from ..names import shorten

MOST_RUNS = 10  # hidden runs named in one text

# What Jinja would run. `{{word}}` without blanks is how an author prints braces, so it is none of these.
_JINJA = re.compile(
    r"\{\{[-+]?\s+[^{}\s][^{}]*\}\}|\{\{[-+]?[A-Za-z_]\w*+[ .|(\[][^{}]*\}\}"
    r"|\{%[-+]?\s*[a-z]++\b[^%{}]*%\}|\{#[^{}]*#\}"
)
_JINJA_START = re.compile(r"\{[{%#]")
# A Latin letter beside a Greek or a Cyrillic one in a name.
_MIXED = re.compile("[A-Za-z]([\u0370-\u03ff\u0400-\u052f])|([\u0370-\u03ff\u0400-\u052f])[A-Za-z]")
_PRINTED = frozenset([*FILLED, *AS_WRITTEN])

Path = tuple[str | int, ...]


def character_findings(document: Document) -> list[Problem]:
    """Return what is legal in the document and suspicious all the same, as warnings in file order."""
    return sorted(_found(document), key=lambda problem: (problem.line or 0, problem.column or 0))


def _found(document: Document) -> Iterator[Problem]:
    yield from document.warnings
    yield from _alike_names(document)
    yield from _in_texts(document)


def _warning(document: Document, code: str, path: Path, message: str, hint: str, *, key: bool = False) -> Problem:
    return finding(code, message, hint, document.location(path, key=key))


def _in_texts(document: Document) -> Iterator[Problem]:
    for name, persona in document.data.items():
        if _is_unusual_key(name) or not _is_plain(persona):
            yield from _in_persona(document, {name: persona})


def _in_persona(document: Document, entry: Mapping[str, object]) -> Iterator[Problem]:
    for path, text, is_key in _unusual(entry, ()):
        yield from _hidden(document, path, text, is_key)
        if is_key:
            yield from _mixed_scripts(document, path, text)
        elif "{" in text:
            yield from _jinja(document, path, text)


def _is_plain(value: object) -> bool:
    """Whether nothing below a value is worth a look: nearly all personas, so this decides what the warnings cost."""
    if isinstance(value, str):
        return not _is_unusual(value)
    if isinstance(value, dict):
        return not any(map(_is_unusual_key, value)) and all(map(_is_plain, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_plain, value))


def _is_unusual(text: str) -> bool:
    return may_hide(text) or ("{" in text and _JINJA_START.search(text) is not None)


def _is_unusual_key(key: str) -> bool:
    return not key.isascii() or may_hide(key)


def _unusual(value: object, path: Path) -> Iterator[tuple[Path, str, bool]]:
    """Yield the keys and texts below a value that are worth a look: not plain ASCII, or with a brace."""
    if isinstance(value, str):
        if _is_unusual(value):
            yield path, value, False
    elif isinstance(value, Mapping):
        for key, below in value.items():
            # A field of that kind is unknown: check_document names it, and its characters.
            if len(path) != 1 and _is_unusual_key(key):
                yield (*path, key), key, True
            yield from _unusual(below, (*path, key))
    elif isinstance(value, list | tuple):
        for place, below in enumerate(value):
            yield from _unusual(below, (*path, place))


def _hidden(document: Document, path: Path, text: str, is_key: bool) -> Iterator[Problem]:
    for run in islice(runs(text), MOST_RUNS):
        before = text[max(0, run.start - 20) : run.start].split("\n")[-1].strip()
        message = f"holds {_described(run)}{f', after {before!r}' if before else ''}"
        hint = "remove it, or write it as an escape in double quotes if it is meant to be there"
        yield _warning(
            document, "hidden-character", path, f"its key {message}" if is_key else message, hint, key=is_key
        )


def _described(run: Run) -> str:
    points = dict.fromkeys(f"U+{ord(ch):04X}" for ch in run.characters)
    kind = "bidirectional" if run.bidirectional else "invisible"
    if len(run.characters) == 1:
        return f"the {kind} character {next(iter(points))}{_name(run.characters)}"
    shown = ", ".join(islice(points, 8)) + (", …" if len(points) > 8 else "")
    says = f", which spell {shorten(run.message)!r}" if run.message else ""
    return f"{len(run.characters)} {kind} characters, {shown}{says}"


def _name(character: str) -> str:
    name = unicodedata.name(character, "").lower()
    return f" ({name})" if name else ""


def _mixed_scripts(document: Document, path: Path, key: str) -> Iterator[Problem]:
    match = _MIXED.search(key)
    if match is not None:
        odd = match[1] or match[2]
        message = f"the name mixes Latin letters with U+{ord(odd):04X}{_name(odd)}, which looks like one"
        yield _warning(document, "mixed-scripts", path, message, "write the name in letters of one script", key=True)


def told_as_jinja(document: Document, key: str, text: str) -> str | None:
    """Return what looks like Jinja in a text of a persona, the first of it, which is all that is told; None for nothing."""
    persona = document.data.get(key)
    # `variables: {}` says that the text is foreign, and comes out word for word.
    if isinstance(persona, Mapping) and persona.get("variables") == {}:
        return None
    match = _JINJA.search(text)
    return None if match is None else match[0]


def _jinja(document: Document, path: Path, text: str) -> Iterator[Problem]:
    if len(path) < 2 or path[1] not in _PRINTED or str(path[0]).startswith("$"):
        return
    found = told_as_jinja(document, str(path[0]), text)
    if found is not None:
        message = f"{shorten(found)!r} looks like Jinja, which is not run in persona text"
        hint = "write {variable} for a placeholder, or put logic into a template"
        yield _warning(document, "jinja-in-text", path, message, hint)


def _alike_names(document: Document) -> Iterator[Problem]:
    """Find personas whose names differ only in case, in blanks or in how Unicode writes the same letters."""
    first: dict[str, str] = {}
    for name in document.data:
        if name.startswith("$"):
            continue
        other = first.setdefault(_folded(name), name)
        if other != name:
            at = "" if document.path == NO_PATH else f" (line {document.locate((other,), key=True)[0]})"
            message = f"the name differs from {other!r}{at} only in {_difference(name, other)}"
            hint = "rename one, so that nobody takes one for the other"
            yield _warning(document, "alike-names", (name,), message, hint, key=True)


def _folded(name: str) -> str:
    if name.isascii():
        return " ".join(name.casefold().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def _difference(name: str, other: str) -> str:
    if name.casefold() == other.casefold():
        return "case"
    if "".join(name.split()) == "".join(other.split()):
        return "blanks"
    return "how Unicode writes it"
