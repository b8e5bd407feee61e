"""Prompts of personas that are rendered once each: prepared for all that are alike in which fields they have.

Such a persona is a row of texts. A template is recorded with places for them, as it is for the values of a session; where
it asks what a text of the persona says, it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import let_through
from ..fields import TEMPLATE_FIELDS
from ..frozen import FrozenDict
from ..placeholders import Placeholder
from ..templating.assembly import Known
from ..templating.session import Record, Verbatim
from ..templating.templates import Template
from ..templating.views import Ready, Text, TextTable
from .prepared import Key, Prepared, record
from .rows import RowFill, maker

if TYPE_CHECKING:
    from .texts import Complete

MAX_SHAPES = 4_096
_NEVER = "\0"  # begins what no variable of a session is called
_FIELDS = ("name", "key", "role", "tone")  # that each of them has
_OPTIONAL = ("company", "greeting", "version", "display_name")

Shape = tuple[Hashable, ...]
Names = Mapping[str, "bool | None"]  # of a session, and whether there is a text


class Alike:
    """What fills the prompts of personas, by their shape. A full memo is begun anew."""

    def __init__(self) -> None:
        self._fills: dict[Hashable, RowFill | None] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return Alike, ()

    def text(self, persona: Complete, called: str | None, template: Callable[[], Template]) -> str | None:
        """Return the prompt for no session; None where it has to be made in another way. Raises what `template` does."""
        shape, row = shape_and_row(persona)
        key = called, shape
        fill = self._fills.get(key, _unknown)
        if fill is _unknown:
            fill = alike_fill(template(), shape, row)
            if len(self._fills) >= MAX_SHAPES:
                self._fills.clear()
            self._fills[key] = fill
        return None if fill is None or "{" in "".join(row) else fill(row)


def _unknown(row: Sequence[str]) -> str | None:
    raise NotImplementedError


def shape_and_row(persona: Complete) -> tuple[Shape, list[str]]:
    """Return which fields a persona has and how many items, and all of its texts in order, empty where it has none."""
    company, greeting, version, display_name = persona.company, persona.greeting, persona.version, persona.display_name
    row = [persona.spoken_name, persona.key, persona.role, persona.tone]
    row += (company or "", greeting or "", version or "", display_name or "")
    row += persona.capabilities
    row += persona.constraints
    entries, texts = sections_of(persona.custom_sections) if persona.custom_sections else ((), ())
    row += texts
    given = company is not None, greeting is not None, version is not None, display_name is not None
    return (*given, len(persona.capabilities), len(persona.constraints), entries), row


def sections_of(sections: Mapping[str, Any]) -> tuple[Shape, list[str]]:
    """Return the names of sections, each with the number of items where it is a list, and their texts."""
    texts: list[str] = []
    for each in sections.values():
        if type(each) is str:
            texts.append(each)
        else:
            texts += each
    return tuple([(name, -1 if type(each) is str else len(each)) for name, each in sections.items()]), texts


def alike_fill(
    template: Template,
    shape: Shape,
    row: Sequence[str],
    session: Names = MappingProxyType({}),
    texts: Sequence[str] = (),
) -> RowFill | None:
    """Return what fills rows of a shape, each followed by the texts of a session; None where they have to be run.

    One row of the shape is recorded, with whether the variables of the session have a text, and what they have.
    """
    fields, names = _places(shape)
    told = {name: text for (name, has_text), text in zip(session.items(), texts, strict=True) if has_text is not None}
    values = {name: text for name, text in zip(names, row, strict=True) if text}
    try:
        recording, prompt = record(template, _ready(fields, template), {**values, **told})
    except Exception as error:  # what is wrong, if anything is, the plain run says
        let_through(error)
        return None
    if prompt is None or any(question.kind != "text" for question, _ in recording.questions):
        return None
    return _filling(prompt, [*names, *session])


def _filling(prompt: Prepared, columns: Sequence[Key]) -> RowFill:
    make = maker(len(columns), tuple([columns.index(place) for place in prompt.places]))
    return make(prompt.most - sum(map(len, prompt.pieces)), *prompt.pieces)


def _places(shape: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a shape with places for texts, and the names of the places in the order of a row."""
    *given, capabilities, constraints, entries = shape
    names: list[str] = []

    def place(*path: str | int) -> Text:
        names.append(_NEVER + ".".join(map(str, path)))
        return Text((Placeholder(names[-1]),), path)

    fields: dict[str, Any] = {name: place(name) for name in _FIELDS}
    optional = {name: place(name) for name in _OPTIONAL}
    fields |= {name: optional[name] if there else None for name, there in zip(_OPTIONAL, given, strict=True)}
    fields["capabilities"] = tuple([place("capabilities", index) for index in range(capabilities)])
    fields["constraints"] = tuple([place("constraints", index) for index in range(constraints)])
    fields["custom_sections"] = TextTable(
        {
            name: place("custom_sections", name)
            if count < 0
            else tuple([place("custom_sections", name, i) for i in range(count)])
            for name, count in entries
        }
    )
    return fields, names


def _ready(fields: dict[str, Any], template: Template) -> Ready:
    """Return the fields as templates get them; what no row has is as a persona without it has it."""
    if template.family.escapes:
        entries: dict[str, Any] = {Verbatim(name): each for name, each in fields["custom_sections"].entries.items()}
        fields = {**fields, "custom_sections": TextTable(entries)}
    empty: dict[str, Any] = {"constants": Record(), "tools": (), "tool_descriptions": Record()}
    there = {name: value for name, value in fields.items() if value}
    absent = {name: value for name, value in fields.items() if not value}
    assert {*fields, *empty} == {*TEMPLATE_FIELDS}
    return Ready("", {**absent, **empty}, there, FrozenDict(), Known())
