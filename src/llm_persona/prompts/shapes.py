"""The shape of a persona: all that a template can tell of it without looking at what its texts say.

What is recorded of one persona holds for every other one of its shape, as long as no template looks.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..placeholders import Constant, Placeholder
from ..templating.session import Record
from ..templating.views import Field, Text, TextTable, Undescribed
from .texts import PersonaTexts


def shape_of(texts: PersonaTexts) -> Hashable:
    """Return what is equal for personas of one shape: fields, list items, section names, variables and their defaults."""
    variables = tuple((texts.persona.variables or {}).items())
    return variables, tuple([_shape(value) for value in texts.fields_by_source().values()])


def _shape(field: Field) -> Hashable:
    if isinstance(field, str):
        return _ends(field)
    if isinstance(field, Text):
        return ("text", *map(_shape_of_part, field.parts))
    if isinstance(field, tuple):
        return tuple([_ends(text) if type(text) is str else _shape(text) for text in field])
    if isinstance(field, TextTable | Record):
        entries = field.entries if isinstance(field, TextTable) else field
        return tuple([(name, _shape(text)) for name, text in entries.items()])  # type: ignore[arg-type]  # texts
    return (field.field, *field.tools) if isinstance(field, Undescribed) else field


def _shape_of_part(part: str | Placeholder) -> Hashable:
    if isinstance(part, Placeholder):
        return part.name
    return (part.name, _ends(part)) if isinstance(part, Constant) else _ends(part)


def _ends(text: str) -> Hashable:
    """Return whether a text is blank, has several lines, and how it begins and ends: what else may stand on its lines."""
    if not text or text.isspace():
        return "blank", text
    return text[0].isspace(), "\n" in text, text[-1].isspace() and text[len(text.rstrip()) :]
