"""The macros of character cards, `{{char}}` and `{{user}}`, as placeholders of a persona, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..errors import Location
from ..persona.persona import Persona
from ..persona.resolution import written
from ..placeholders import Placeholder, Placeholders
from .card_forms import Form
from .foreign import Reading
from .macros import filled_back, split_at, written_with

KEPT: Final = "kept"

_MACRO = re.compile(r"\{\{(char|user)\}\}", re.IGNORECASE)
_OTHER = re.compile(r"\{\{[^\W\d]\w*\}\}")
_OLD = re.compile(r"<(USER|BOT|CHAR)>")
_NAMES = {"char": "name", "user": "user"}
_SPELLED = {"name": "{{char}}", "user": "{{user}}"}


def fill_macros(fields: dict[str, object], reading: Reading, path: str) -> object:
    """Put placeholders in the place of macros in the fields of a card; return what its form has to say of them.

    Where one text cannot say with placeholders what it says with macros, all keep them, with a warning; so they do where
    the caller asked for it. A card that has none of them is foreign text: nothing in it is filled.
    """
    texts = _texts(fields)
    found = {title: [each[0] for each in _MACRO.finditer(text)] for title, text in texts.items()}
    if old := sorted({each for text in texts.values() for each in _OLD.findall(text)}):
        reading.warn(
            Location(path),
            f"{', '.join(f'<{each}>' for each in old)} is not filled: it stays in the text",
            "write {{char}} or {{user}}",
        )
    fields["variables"] = {}
    if not any(found.values()):
        return None
    if reading.keep_macros:
        return KEPT
    said = {title: _written(text) for title, text in texts.items()}
    if None in said.values():
        reading.warn(Location(path), _why_kept(texts))
        return None
    _put(fields, {title: text for title, text in said.items() if text is not None})
    if any(each.lower() == "{{user}}" for spelled in found.values() for each in spelled):
        fields["variables"] = {"user": None}
    else:
        del fields["variables"]
    odd = {title: spelled for title, spelled in found.items() if any(each != each.lower() for each in spelled)}
    return odd or None


def filled_texts(persona: Persona) -> dict[str, str] | None:
    """Return sections by their titles, and the greeting, with macros again; None for what no card could say."""
    texts = _texts({"custom_sections": dict(persona.custom_sections), "greeting": persona.greeting})
    if not persona.custom_sections.keys() <= texts.keys():  # a list is no card's
        return None
    if "variables" in written(persona) and not persona.variables:
        return texts
    spelled = Form.of(persona).macros
    return _back(texts, spelled if isinstance(spelled, Mapping) else {})


def _back(texts: Mapping[str, str], spelled: Mapping[str, object]) -> dict[str, str] | None:
    found = {title: _text_back(text, spelled.get(title)) for title, text in texts.items()}
    return None if None in found.values() else {title: text for title, text in found.items() if text is not None}


def _text_back(text: str, spelled: object) -> str | None:
    """Return a text with macros again, as the card spelled them where it still has as many."""
    count = sum(isinstance(part, Placeholder) for part in Placeholders(None).parse(text))
    each = iter(spelled) if isinstance(spelled, list | tuple) and len(spelled) == count else None
    return filled_back(text, lambda name: str(next(each)) if each is not None else _SPELLED.get(name))


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    sections = fields.get("custom_sections")
    texts: Mapping[str, object] = sections if isinstance(sections, dict) else {}
    return {
        title: text for title, text in {**texts, "greeting": fields.get("greeting")}.items() if isinstance(text, str)
    }


def _put(fields: dict[str, object], texts: dict[str, str]) -> None:
    if "greeting" in texts:
        fields["greeting"] = texts.pop("greeting")
    if texts:
        fields["custom_sections"] = texts


def _written(text: str) -> str | None:
    return written_with(split_at(text, _MACRO, lambda found: _NAMES[found[1].lower()]))


def _why_kept(texts: Mapping[str, str]) -> str:
    others = dict.fromkeys(
        each for text in texts.values() for each in _OTHER.findall(text) if not _MACRO.fullmatch(each)
    )
    what = f"{next(iter(others))} stands beside them" if others else "other braces stand beside one of them"
    return f"the macros are kept as they are written, and nothing is filled: {what}, and would lose a brace"
