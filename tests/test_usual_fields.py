"""Fields that are usual are looked at as a whole, and kept as they are where each is checked by itself."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError

TEXTS = st.sampled_from(
    ["Guide", "a b", "", " ", "\t", "a\nb", "\0", "\ud800", "{x}", "Zoë", "\u2028", "$x", "a/b", "M@2", "M" * 129]
)
ODD = st.sampled_from(
    [None, 1, True, b"x", ["a"], ("a", "b"), {"a": "b"}, {"add": ["x"]}, {"a": ["b"]}, {"": "x"}, {1: "x"}]
)
LISTS = st.lists(TEXTS, max_size=3)
FIELDS = {
    "name": TEXTS | st.just("Maya"),
    "role": TEXTS | ODD,
    "company": TEXTS | ODD,
    "tone": TEXTS | ODD,
    "greeting": TEXTS | ODD,
    "capabilities": LISTS | ODD | TEXTS,
    "constraints": LISTS | ODD,
    "custom_sections": st.dictionaries(TEXTS, TEXTS, max_size=2) | ODD,
    "display_name": TEXTS,
    "version": TEXTS | st.just(2),
}
OPTIONAL = {name: values for name, values in FIELDS.items() if name != "name"}


class Text(str):
    """Not a plain text, so that each field is checked by itself."""


def made(fields: dict[str, Any]) -> tuple[Any, ...]:
    try:
        persona = Persona(**fields)
    except PersonaError as error:
        return type(error), str(error)
    return persona, persona.given(), hash(persona), repr(persona), persona.key, pickle.dumps(persona)


@settings(max_examples=120)
@given(
    st.fixed_dictionaries({"name": FIELDS["name"]}, optional=OPTIONAL)
    | st.fixed_dictionaries(
        {"name": st.just("Maya")},
        optional={
            n: st.just(v)
            for n, v in {
                "role": "r",
                "tone": "t",
                "capabilities": ["a"],
                "constraints": [],
                "custom_sections": {"b": "c"},
                "company": "d",
            }.items()
        },
    )
)
def test_a_persona_is_the_same_however_its_fields_are_checked(fields: dict[str, Any]) -> None:
    """Whatever stands in a field: the same persona, or the same words on what is wrong."""
    name = fields["name"]
    assert made(fields) == made({**fields, "name": Text(name)})
    positional = {key: value for key, value in fields.items() if key != "name"}
    try:
        persona = Persona(name, **positional)
    except PersonaError:
        return
    assert persona == Persona(**fields)


def test_lists_and_mappings_are_copied() -> None:
    capabilities, sections = ["a"], {"x": "y"}
    persona = Persona(name="Maya", role="r", capabilities=capabilities, custom_sections=sections)
    capabilities.append("b")
    sections["z"] = "w"
    assert persona.capabilities == ("a",)
    assert persona.custom_sections == {"x": "y"}
