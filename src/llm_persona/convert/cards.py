"""Character cards in JSON: V1, V2 and V3, read and written; `png_cards` reads those in images.

After https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v2.md and
https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md. What a card gives its model becomes sections, in the
order of the prompt and rendered in `verbatim`; what of its lorebook is always there, too (`lorebooks`). `{{char}}` is `{name}`
and `{{user}}` a variable `user`; every other brace is printed as it was written. first_mes is the greeting, nickname what
the character calls itself, character_version the version, and creator_notes, which no prompt may hold, the description.
All else is metadata. A mandatory field that is empty says nothing and is written again on export.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from ..errors import Location, PersonaError, PersonaFileError, Problem
from ..files.reading import Document, parse, read_bytes
from ..files.writing import dump_json
from ..limits import Limits
from ..names import check_name, kind_of
from ..persona.persona import Persona
from .card_forms import V1, V1_FIELDS, Form, form_of_card, is_v1, mandatory, says_nothing
from .card_macros import fill_macros, filled_texts
from .foreign import (
    OWN_KEY,
    Reading,
    defined,
    definition,
    given_back,
    loaded,
    name_of_file,
    named,
    own_part,
    place_of,
    plain,
    problem_of,
    rendered,
    safe_name,
)
from .json_text import parse_leniently
from .lorebooks import constant_sections, told_of_book

SECTIONS: Final = {
    "system_prompt": "System prompt",
    "description": "Description",
    "personality": "Personality",
    "scenario": "Scenario",
    "mes_example": "Example dialogue",
    "post_history_instructions": "Post-history instructions",
}

_AFTER_BOOK: Final = ("mes_example", "post_history_instructions")
_FIELDS = {"first_mes": "greeting", "creator_notes": "description", "character_version": "version"}
_SPECS = ("chara_card_v2", "chara_card_v3")
_NO_NAME = object()


def load_card(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Persona:
    """Read one character card in JSON. Raises PersonaFileError, with lines and columns of the file."""
    return loaded(read_card, path, "a card", limits)


def read_card(path: str, reading: Reading) -> tuple[Persona]:
    """Return the persona of a card. Raises PersonaFileError."""
    return (card_of(parse_leniently(read_bytes(path, reading.limits), path, reading), reading),)


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Return why a file of a folder is no card; None where it has a card's `spec`, or the fields of V1."""
    try:
        card = parse(read_bytes(path, limits), path, kind="json", limits=limits).data
    except PersonaFileError:
        return None
    return None if str(card.get("spec", "")).startswith("chara_card_v") or is_v1(card) else "no character card"


def from_card(card: Mapping[str, object], path: str = "<data>", *, keep_macros: bool = False) -> Persona:
    """Return the persona of a card that is at hand as data. Raises PersonaFileError."""
    return card_of(Document(path, dict(card)), Reading(keep_macros=keep_macros))


def card_of(document: Document, reading: Reading) -> Persona:
    """Return the persona of a card, and warn of what its prompt will lack. Raises PersonaFileError."""
    if document.problems:
        raise PersonaFileError(map(_without_persona, document.problems))
    card = document.data
    if problem := _not_a_card(card, document):
        raise PersonaFileError([problem])
    try:
        return _persona(card, document.path, reading)
    except PersonaError as error:
        raise PersonaFileError([problem_of(error, document, () if is_v1(card) else ("data",))]) from None


def to_card(persona: Persona, defined_as: Persona | None = None) -> dict[str, object]:
    """Return a character card, as data for `json.dumps`, that imports back equal.

    Of an imported card it is what was imported, in its version. Of any other persona it is a V3 card whose description
    is the system prompt in its own template, with defaults filled in and `{variables}` left as they are; the definition
    itself is in the card's `extensions`, under `llm_persona`. Raises what `render` raises: a persona with a parent has to
    come from a registry; `defined_as` is what its file says of it, with `{name}`, a macro, not filled yet.
    """
    kept = Form.of(persona).macros == "kept"
    # From a file whose name gives no other key: a card says by itself who it is.
    path = "a.json" if persona.key != "a" else "b.json"
    found = given_back(defined_as or persona, _as_imported, lambda card: from_card(card, path, keep_macros=kept))
    return _with_definition(persona) if found is None else found


def to_card_text(persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
    """Return a card as the text of a JSON file."""
    return dump_json(to_card(persona, defined_as))


def _without_persona(problem: Problem) -> Problem:
    field = ".".join(part for part in (problem.persona, problem.field) if part) or None
    message = problem.message.replace("a mapping of names to personas", "a character card")
    return replace(problem, persona=None, field=field, message=message)


def _not_a_card(card: Mapping[str, object], document: Document) -> Problem | None:
    spec, data = card.get("spec"), card.get("data")
    if is_v1(card):
        return None
    if spec not in _SPECS:
        known = " or ".join(map(repr, _SPECS))
        message = f"is {spec!r}" if isinstance(spec, str) else f"is {kind_of(spec)}" if "spec" in card else "is missing"
        hint = f"a Character Card V2 or V3 has {known}, a V1 card {', '.join(V1_FIELDS)}"
        return place_of(document, ("spec",)).problem(message, hint)
    if not isinstance(data, dict):
        message = f"must be a mapping, not {kind_of(data)}" if "data" in card else "is missing"
        return place_of(document, ("data",)).problem(message, "write the character's fields in it")
    return None


def _persona(card: Mapping[str, object], path: str, reading: Reading) -> Persona:
    data = dict(card if is_v1(card) else _mapping(card["data"]))
    own = _take_own(data)
    if "fields" in own:
        return defined(own, data)
    form = form_of_card(card, data)
    name = data.pop("name", _NO_NAME)
    key = str(own.get("name") or safe_name(name) or name_of_file(path))
    said = {field: value for field, value in data.items() if not says_nothing(form.spec, field, value)}
    fields, metadata = _fields(said, name)
    macros = fill_macros(fields, reading, path)
    form.macros = macros
    if written := form.written():
        metadata[OWN_KEY] = written
    for message in _told(said, fields):
        reading.warn(Location(path), message)
    return named(key, key if name is _NO_NAME else name, {**fields, "template": "verbatim"}, metadata)


def _take_own(data: dict[str, object]) -> dict[str, object]:
    """Take out of a card's data, and return, what of its extensions is our own."""
    extensions = data.get("extensions")
    if not isinstance(extensions, dict) or OWN_KEY not in extensions:
        return {}
    own = own_part(extensions[OWN_KEY])
    rest = own.get("extensions", {key: value for key, value in extensions.items() if key != OWN_KEY})
    data["extensions"] = rest
    if own.get("absent") == ["extensions"]:
        del data["extensions"]
    return own


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _fields(data: Mapping[str, object], name: object) -> tuple[dict[str, object], dict[str, object]]:
    """Split a card's data into a persona's fields and the metadata, where all goes that has no field."""
    metadata = dict(data)
    texts = {field: metadata.pop(field) for field in SECTIONS if isinstance(text := data.get(field), str) and text}
    late = {field: texts.pop(field) for field in _AFTER_BOOK if field in texts}
    sections = {SECTIONS[field]: text for field, text in texts.items()}
    sections |= constant_sections(data.get("character_book"), SECTIONS.values())
    sections |= {SECTIONS[field]: text for field, text in late.items()}
    fields: dict[str, object] = {"custom_sections": sections} if sections else {}
    for field, own in _FIELDS.items():
        value = data.get(field)
        if isinstance(value, str) and (field != "character_version" or _is_version(value)):
            fields[own] = metadata.pop(field)
    nickname = data.get("nickname")
    if isinstance(nickname, str) and nickname.strip() and nickname != name:
        fields["display_name"] = metadata.pop("nickname")
    return fields, metadata


def _told(data: Mapping[str, object], fields: Mapping[str, object]) -> Iterator[str]:
    """Yield what the prompt of a card lacks, or holds though other programs drop it."""
    if not any(isinstance(text, str) and text.strip() for text in _mapping(fields.get("custom_sections")).values()):
        yield "the card gives its model no text: the persona says nothing"
    greetings = data.get("alternate_greetings")
    if isinstance(greetings, list) and greetings:
        yield f"alternate greetings are kept in the metadata, {len(greetings):,} of them; the greeting is the first"
    if SECTIONS["mes_example"] in _mapping(fields.get("custom_sections")):
        yield "the example dialogue is a section, which stands in the prompt of every turn"
    yield from told_of_book(data.get("character_book"))


def _is_version(text: str) -> bool:
    try:
        return bool(check_name(text, "version"))
    except PersonaError:
        return False


def _as_imported(persona: Persona, own: Mapping[str, object]) -> dict[str, object] | None:
    """Return the card that a persona may have been imported from; None where it has other sections."""
    texts = filled_texts(persona)
    metadata = plain(persona)
    book = constant_sections(metadata.get("character_book"), SECTIONS.values())
    if texts is None or persona.parent is not None or not texts.keys() <= {*SECTIONS.values(), *book, "greeting"}:
        return None
    metadata.pop(OWN_KEY, None)
    given: dict[str, object] = {field: texts[title] for field, title in SECTIONS.items() if title in texts}
    given |= {field: value for field, own in _FIELDS.items() if isinstance(value := getattr(persona, own), str)}
    if "greeting" in texts:
        given["first_mes"] = texts["greeting"]
    name = metadata.pop("name", persona.key)
    if persona.display_name is not None and persona.display_name != name:
        given["nickname"] = persona.display_name
    form = Form.of(persona)
    named = {} if "name" in form.absent and name == persona.key else {"name": name}
    return _card({**named, **given}, metadata, own, form)


def _with_definition(persona: Persona) -> dict[str, object]:
    data: dict[str, object] = {"name": persona.key, "description": rendered(persona)}
    for field, own in _FIELDS.items():
        if isinstance(value := getattr(persona, own), str):
            data[field] = value
    if persona.display_name is not None:
        data["nickname"] = persona.display_name
    metadata = {key: value for key, value in plain(persona).items() if key not in (*data, *SECTIONS, OWN_KEY)}
    without = _mapping(_card(data, metadata, {}, Form())["data"])
    return _card(data, metadata, definition(persona, without), Form())


def _card(
    data: Mapping[str, object], metadata: Mapping[str, object], own: Mapping[str, object], form: Form
) -> dict[str, object]:
    """Return a card of fields and metadata, which keeps its order, and of our own part of the extensions."""
    empty = {field: value for field, value in mandatory(form.spec).items() if field not in (*form.absent, *metadata)}
    whole: dict[str, object] = {**empty, **data, **metadata}
    if own:
        absent = {} if "extensions" in whole else {"absent": ["extensions"]}
        extensions = whole.get("extensions", {})
        beside = extensions if isinstance(extensions, dict) else {}
        odd = {} if isinstance(extensions, dict) else {"extensions": extensions}
        whole["extensions"] = {**beside, OWN_KEY: {**own, **odd, **absent}}
    return whole if form.spec == V1 else {**form.head(), "data": whole}
