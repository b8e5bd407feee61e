"""Character cards: Character Card V2 and V3 in JSON, read; V3, written.

After https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v2.md and
https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md. What a card gives its model (system_prompt,
description, personality, scenario, mes_example, post_history_instructions) becomes sections, in that order and word for
word: `{{char}}` and `{{user}}` stay as they are, no placeholder is active. first_mes is the greeting, nickname what the
character calls itself, character_version the version, and creator_notes, which no prompt may hold, the description. All
else is metadata. A mandatory field that is empty says nothing and is written again on export. A role, which cards do not
have, is "character".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ..arguments import path_of
from ..errors import PersonaError, PersonaFileError, Problem
from ..files.reading import Document, read
from ..limits import Limits
from ..names import check_name, kind_of
from ..persona.persona import Persona
from .foreign import (
    OWN_KEY,
    defined,
    definition,
    name_of_file,
    named,
    other_file,
    own_part,
    plain,
    problem_of,
    rendered,
    roomy,
    safe_name,
)

ROLE: Final = "character"
SECTIONS: Final = {
    "system_prompt": "System prompt",
    "description": "Description",
    "personality": "Personality",
    "scenario": "Scenario",
    "mes_example": "Example dialogue",
    "post_history_instructions": "Post-history instructions",
}

_FIELDS = {"first_mes": "greeting", "creator_notes": "description", "character_version": "version"}
_SPECS = {"chara_card_v2": "2.0", "chara_card_v3": "3.0"}
_NO_NAME = object()


def load_card(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Persona:
    """Read one Character Card V2 or V3. Raises PersonaFileError, with lines and columns of the JSON file."""
    found = read_card(path_of(path, "the path of a card"), limits)
    if isinstance(found, Persona):
        return found
    raise PersonaFileError(found)


def read_card(
    path: str, limits: Limits | None = None, warnings: list[Problem] | None = None
) -> Persona | tuple[Problem, ...]:
    """Return the persona of a card, or all that is wrong with its file. JSON cuts nothing: there are no `warnings`."""
    document = read(path, limits=roomy(limits))
    return _card(document)


def from_card(card: Mapping[str, object], path: str = "<data>") -> Persona:
    """Return the persona of a card that is at hand as data. Raises PersonaFileError."""
    found = _card(Document(path, dict(card)))
    if isinstance(found, Persona):
        return found
    raise PersonaFileError(found)


def to_card(persona: Persona) -> dict[str, object]:
    """Return a Character Card V3, as data for `json.dumps`, that imports back equal.

    Of an imported card it is what was imported. Of any other persona the card's description is the system prompt in its
    own template, with defaults filled in and `{variables}` left as they are; the definition itself is in the card's
    `extensions`, under `llm_persona`. Raises what `render` raises: a persona with a parent has to come from a registry.
    """
    for own in ({}, {"name": persona.key}):
        card = _as_imported(persona, own)
        if card is not None and _card(Document(other_file(persona), card)) == persona:
            return card
    return _with_definition(persona)


def _card(document: Document) -> Persona | tuple[Problem, ...]:
    if document.problems:
        return tuple(_without_persona(problem) for problem in document.problems)
    card = document.data
    if problem := _not_a_card(card, document):
        return (problem,)
    try:
        return _persona(card, document.path)
    except PersonaError as error:
        return (problem_of(error, document, ("data",)),)


def _without_persona(problem: Problem) -> Problem:
    field = ".".join(part for part in (problem.persona, problem.field) if part) or None
    message = problem.message.replace("a mapping of names to personas", "a character card")
    return Problem(problem.path, problem.line, problem.column, None, field, message, problem.hint, problem.severity)


def _not_a_card(card: Mapping[str, object], document: Document) -> Problem | None:
    spec, data = card.get("spec"), card.get("data")
    if spec not in _SPECS:
        line, column = document.locate(("spec",))
        known = " or ".join(map(repr, _SPECS))
        message = f"is {spec!r}" if isinstance(spec, str) else f"is {kind_of(spec)}" if "spec" in card else "is missing"
        hint = f"a Character Card V2 or V3 has {known}"
        return Problem(document.path, line, column, None, "spec", message, hint)
    if not isinstance(data, dict):
        line, column = document.locate(("data",))
        message = f"must be a mapping, not {kind_of(data)}" if "data" in card else "is missing"
        return Problem(document.path, line, column, None, "data", message, "write the character's fields in it")
    return None


def _persona(card: Mapping[str, object], path: str) -> Persona:
    data = dict(_mapping(card["data"]))
    extensions = data.get("extensions", {})
    own: dict[str, object] = {}
    if isinstance(extensions, dict) and OWN_KEY in extensions:
        own = own_part(extensions[OWN_KEY])
        data["extensions"] = {key: value for key, value in extensions.items() if key != OWN_KEY}
    if "extensions" in own:
        data["extensions"] = own["extensions"]
    if "fields" in own:
        return defined(own, data)
    name = data.pop("name", _NO_NAME)
    key = str(own.get("name") or safe_name(name) or name_of_file(path))
    fields, metadata = _fields({field: value for field, value in data.items() if not _says_nothing(field, value)}, name)
    if form := _form(card, own):
        metadata[OWN_KEY] = form
    return named(key, key if name is _NO_NAME else name, fields, metadata)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _fields(data: Mapping[str, object], name: object) -> tuple[dict[str, object], dict[str, object]]:
    """Split a card's data into a persona's fields and the metadata, where all goes that has no field."""
    fields: dict[str, object] = {"role": ROLE, "variables": {}}
    metadata = dict(data)
    sections = {title: metadata.pop(field) for field, title in SECTIONS.items() if isinstance(data.get(field), str)}
    if sections:
        fields["custom_sections"] = sections
    for field, own in _FIELDS.items():
        value = data.get(field)
        if isinstance(value, str) and (field != "character_version" or _is_version(value)):
            fields[own] = metadata.pop(field)
    nickname = data.get("nickname")
    if isinstance(nickname, str) and nickname.strip() and nickname != name:
        fields["display_name"] = metadata.pop("nickname")
    return fields, metadata


def _is_version(text: str) -> bool:
    try:
        return bool(check_name(text, "version"))
    except PersonaError:
        return False


def _empty() -> dict[str, object]:
    """Return the mandatory fields of a V3 card, as a card has them that says nothing in them."""
    texts = ("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes")
    more = ("system_prompt", "post_history_instructions", "creator", "character_version")
    lists = ("alternate_greetings", "group_only_greetings", "tags")
    return {**dict.fromkeys((*texts, *more), ""), **{field: [] for field in lists}, "extensions": {}}


def _says_nothing(field: str, value: object) -> bool:
    empty = _empty().get(field)
    return field != "name" and type(value) is type(empty) and empty is not None and value == empty


def _form(card: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """Return what a card has beside its data: an unusual version of its format, and keys of older formats."""
    form = dict(_mapping(own.get("form")))
    spec, version = str(card["spec"]), card.get("spec_version")
    if "spec_version" in card and version != _SPECS[spec]:
        form["spec_version"] = version
    if beside := {key: value for key, value in card.items() if key not in ("spec", "spec_version", "data")}:
        form["beside"] = beside
    return form


def _as_imported(persona: Persona, own: Mapping[str, object]) -> dict[str, object] | None:
    """Return the card that a persona may have been imported from; None where it has other sections."""
    fields = {title: field for field, title in SECTIONS.items()}
    sections = persona.custom_sections
    if persona.parent is not None or not sections.keys() <= fields.keys():
        return None
    if not all(isinstance(each, str) for each in sections.values()):
        return None
    metadata = plain(persona)
    form = metadata.pop(OWN_KEY, {})
    name = metadata.pop("name", persona.key)
    given = {fields[title]: text for title, text in persona.custom_sections.items()}
    given |= {field: value for field, own in _FIELDS.items() if isinstance(value := getattr(persona, own), str)}
    if persona.display_name is not None and persona.display_name != name:
        given["nickname"] = persona.display_name
    return _v3({"name": name, **given}, metadata, {**own, **({"form": form} if form else {})})


def _with_definition(persona: Persona) -> dict[str, object]:
    data: dict[str, object] = {"name": persona.key, "description": rendered(persona)}
    for field, own in _FIELDS.items():
        if isinstance(value := getattr(persona, own), str):
            data[field] = value
    if persona.display_name is not None:
        data["nickname"] = persona.display_name
    metadata = {key: value for key, value in plain(persona).items() if key not in (*data, *SECTIONS, OWN_KEY)}
    without = _mapping(_v3(data, metadata, {})["data"])
    return _v3(data, metadata, definition(persona, without))


def _v3(data: Mapping[str, object], metadata: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """Return a V3 card of fields and metadata, which keeps its order, and of our own part of the extensions."""
    missing = {field: value for field, value in _empty().items() if field not in metadata}
    whole: dict[str, object] = {**missing, **data, **metadata}
    if own:
        extensions = whole["extensions"]
        if isinstance(extensions, dict):
            whole["extensions"] = {**extensions, OWN_KEY: dict(own)}
        else:
            whole["extensions"] = {OWN_KEY: {**own, "extensions": extensions}}
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": whole}
