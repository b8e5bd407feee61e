"""What agent files and character cards have in common: foreign names, and a definition that travels in a foreign file.

A format holds of a persona what it has a place for. Two things it may have to be told beside that, under the key
`llm_persona`: the persona's key, where it is not what the foreign name gives, and the whole definition of a persona that
was not imported. All else in such a file was made from the definition, so the two are compared when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ..arguments import path_of
from ..errors import InvalidValueError, Location, PersonaError, PersonaFileError, Problem
from ..files.reading import Document
from ..frozen import thaw
from ..limits import Limits
from ..names import MAX_NAME, kind_of
from ..persona.persona import Persona
from ..persona.resolution import written

Text = TypeVar("Text")

OWN_KEY: Final = "llm_persona"

_DEEPEST = 80  # lists and mappings; a persona's own metadata may nest 64 deep
_ENDING = re.compile(r"(?:\.(?:agent|chatmode|instructions|prompt))?\.[^.]*$", re.IGNORECASE)
_UNFIT = frozenset(("Cc", "Cs", "Zl", "Zp"))


@dataclass(slots=True)
class Reading:
    """How files are read, and the warnings of what was left out or read otherwise than it stands."""

    limits: Limits = field(default_factory=lambda: roomy(None))
    keep_macros: bool = False
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, at: Location, message: str, hint: str | None = None) -> None:
        self.warnings.append(at.problem(message, hint, "warning"))


Reader = Callable[[str, Reading], tuple[Persona, ...]]  # raises PersonaFileError


def roomy(limits: Limits | None) -> Limits:
    """Return limits under which every definition that a persona can hold may be read."""
    return limits or Limits(depth=_DEEPEST)


def loaded(read: Reader, path: str | os.PathLike[str], what: str, limits: Limits | None) -> Persona:
    """Return the persona of a file that holds one. Raises PersonaFileError, with lines and columns of that file."""
    (persona,) = read(path_of(path, f"the path of {what}"), Reading(roomy(limits)))
    return persona


def safe_name(name: object) -> str:
    """Return a name that a persona may have for a foreign one; "" where nothing is left of it."""
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        return ""
    text = "".join("-" if ch in "/\\@" or unicodedata.category(ch) in _UNFIT else ch for ch in str(name))
    kept = text.lstrip("$")[:MAX_NAME]
    return kept if re.search(r"[^\s$-]", kept) else ""


def free_name(name: str, taken: Collection[str]) -> str:
    """Return the name, or with the first number from 2 on that makes it one that nobody has."""
    number, free = 2, name
    while free in taken:
        end = f"-{number}"
        free = name[: MAX_NAME - len(end)] + end
        number += 1
    return free


def name_of_file(path: str) -> str:
    """Return the name that a file gives: of `x.agent.md`, `x`."""
    return safe_name(_ENDING.sub("", os.path.basename(path))) or "imported"


def file_of(persona: Persona, ending: str) -> str:
    """Return the name of a file for a persona, from which its own is read again, where a file may be called so."""
    return f"{safe_name(persona.key)}{ending}"


def named(key: str, name: object, fields: Mapping[str, object], metadata: Mapping[str, object]) -> Persona:
    """Return a persona with a key; a foreign name that is not its key is kept, and spoken where it is a text."""
    fields, metadata = dict(fields), dict(metadata)
    if name != key:
        metadata["name"] = name
        if isinstance(name, str) and name.strip():
            fields.setdefault("display_name", name)
    if metadata:
        fields["metadata"] = metadata
    return Persona(key, **fields)  # type: ignore[arg-type]  # checked there


def renamed(persona: Persona, key: str) -> Persona:
    """Return a persona under another key, which still calls itself what it did."""
    if is_named_by_file(persona):
        return Persona(key, **written(persona))  # type: ignore[arg-type]  # its own fields
    fields = {"display_name": persona.spoken_name, **written(persona)}
    fields["metadata"] = {**persona.metadata, "name": persona.metadata.get("name", persona.name)}
    return Persona(key, **fields)  # type: ignore[arg-type]  # its own fields


def is_named_by_file(persona: Persona) -> bool:
    """Whether the file of an imported persona said no name, so that the file's own is the key."""
    return form_of(persona).get("name") == "file"


def form_of(persona: Persona) -> dict[str, object]:
    """Return what the metadata says of how the file of an imported persona was written."""
    form = plain(persona).get(OWN_KEY)
    return form if isinstance(form, dict) else {}


def definition(persona: Persona, rest: object) -> dict[str, object]:
    """Return what a file holds under `llm_persona` so that the persona comes back, whatever the format has no place for."""
    return {"name": persona.key, "fields": written(persona), "rest": _digest(rest)}


def defined(own: Mapping[str, object], rest: object) -> Persona:
    """Return the persona that `definition` wrote down.

    Raises InvalidValueError where the rest of the file was changed since: what was meant cannot be known.
    """
    fields = own.get("fields")
    if not isinstance(fields, dict) or not isinstance(own.get("name"), str):
        raise InvalidValueError("is not what an export writes", field=(OWN_KEY,), hint="export the persona again")
    if own.get("rest") != _digest(rest):
        raise InvalidValueError(
            "the file was changed since it was exported, its definition here was not",
            field=(OWN_KEY,),
            hint=f"change the persona and export it again, or remove {OWN_KEY!r} to import the text as it stands",
        )
    return Persona(str(own["name"]), **fields)


def own_part(value: object) -> dict[str, object]:
    """Return the mapping under `llm_persona`, {} where there is none. Raises InvalidValueError for another value."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"must be what an export writes, not {kind_of(value)}", field=(OWN_KEY,))
    return dict(value)


def given_back(
    persona: Persona, made: Callable[[Persona, Mapping[str, object]], Text | None], read: Callable[[Text], Persona]
) -> Text | None:
    """Return what an imported persona is written as, with its key where it would not come back; None for all others."""
    for own in ({}, {"name": persona.key}):
        text = made(persona, own)
        if text is not None and _comes_back(text, read, persona):
            return text
    return None


def _comes_back(text: Text, read: Callable[[Text], Persona], persona: Persona) -> bool:
    try:
        return read(text) == persona
    except PersonaFileError:
        return False


def plain(persona: Persona) -> dict[str, object]:
    """Return the metadata as plain dicts and lists."""
    metadata = thaw(persona.metadata)
    return metadata if isinstance(metadata, dict) else {}


def rendered(persona: Persona) -> str:
    """Return the system prompt in the persona's own template; what only a session knows stays written as `{variable}`."""
    return persona.render(**persona.sample_session()).text


def problem_of(error: PersonaError, document: Document, shift: tuple[str, ...] = ()) -> Problem:
    """Return an error of a foreign persona as a problem, at the place in its file if it has one there."""
    path = error.field[1:] if error.field[:1] == ("metadata",) else error.field
    way = ("extensions", *path) if shift and path == (OWN_KEY,) else path
    return place_of(document, (*shift, *way), key=path == (OWN_KEY,)).problem(error.message, error.hint)


def place_of(document: Document, path: tuple[str | int, ...], *, key: bool = False) -> Location:
    """Return where in a foreign file something is wrong: the way to it is its field, whose persona it is in is not told."""
    return Location(document.path, *document.locate(path, key=key), field=".".join(map(str, path)) or None)


def _digest(rest: object) -> str:
    """Line breaks and blank ends do not count: checkouts and editors change them."""
    text = json.dumps(rest, sort_keys=True).replace("\\r\\n", "\\n")
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
