"""Names of others in a persona's texts: told where they are written, for those whose name is another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import PersonaRegistry
from llm_persona.codes import CODES

MAYA = {"role": "Guide", "version": 1, "greeting": "Hi, I'm Maya."}
ALEX = {"parent": "Maya", "version": 1, "display_name": "Alex"}
INHERITED = 'Maya.greeting: says "Maya", and is inherited by one of another name'


def told(**personas: dict[str, Any]) -> list[str]:
    """Return what is told of personas; `Maya_2` is Maya@2."""
    registry = PersonaRegistry.from_dict({name.replace("_", "@"): fields for name, fields in personas.items()})
    found = [problem for problem in registry.problems() if problem.code == "another-name"]
    assert all(problem.severity == "warning" == CODES["another-name"].level for problem in found)
    return [f"{problem.persona}.{problem.field}: {problem.message}" for problem in found]


def test_the_name_of_an_ancestor_is_told_where_it_is_inherited_from() -> None:
    """In any text that is printed, for all whose name is another; `{name}` is the remedy."""
    assert told(Maya=MAYA, Alex=ALEX) == [f"{INHERITED} (for Alex)"]
    assert told(Maya=MAYA, Alex=ALEX, Ben={"parent": "Alex", "display_name": "Ben"}) == [f"{INHERITED} (for Alex, Ben)"]
    texts = {
        "tone": "as Maya is",
        "constraints": ["Never claim that Maya can refund"],
        "custom_sections": {"a": "Maya's"},
    }
    assert sorted(told(Maya={**MAYA, **texts}, Alex=ALEX)) == [
        f'Maya.{field}: says "Maya", and is inherited by one of another name (for Alex)'
        for field in ("constraints[1]", "custom_sections.a", "greeting", "tone")
    ]
    registry = PersonaRegistry.from_dict({"Maya": {**MAYA, "greeting": "Hi, I'm {name}."}, "Alex": ALEX})
    assert registry.problems() == []
    assert registry.get("Alex").greeting == "Hi, I'm Alex."


def test_the_name_of_an_own_version_is_told() -> None:
    """Whichever way they inherit."""
    assert told(Maya=MAYA, Maya_2={"parent": "Maya", "display_name": "Alex"}) == [f"{INHERITED} (for Maya@2)"]
    assert told(Maya={**MAYA, "greeting": "I'm Alex"}, Maya_0={**MAYA, "version": 0, "display_name": "Alex"}) == [
        'Maya.greeting: says "Alex", and the persona calls itself "Maya"',
        'Maya@0.greeting: says "Maya", and the persona calls itself "Alex"',
    ]


def test_a_display_name_of_anybody_is_told_in_a_greeting_or_a_section() -> None:
    """A list may hand over to a colleague, and a name that texts write in small letters is a word."""
    dora = {
        "role": "r",
        "greeting": "I'm Alex",
        "custom_sections": {"a": "Ask Alex"},
        "capabilities": ["Hand over to Alex"],
    }
    expected = [
        f'Dora.{field}: says "Alex", and the persona calls itself "Dora"' for field in ("greeting", "custom_sections.a")
    ]
    alex = {"role": "r", "display_name": "Alex"}
    assert told(Dora=dora, A=alex) == expected
    assert told(Dora=dora, A={**alex, "tone": "mail to alex@example.com"}) == expected
    assert told(Dora=dora, Alex={"role": "r"}) == []
    note = {"role": "r", "custom_sections": {"a": "Note: be kind", "b": "Take a note"}}
    assert told(Dora=note, N={"role": "r", "display_name": "Note"}) == []


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("I'm Mayari, not maya or MAYA", "Alex"),
        ("I'm Maya Premium", "Maya Premium"),
        ("I'm the Premium Maya.", "the Premium Maya"),
        ("I'm {name}", "Alex"),
        (None, "Alex"),
    ],
)
def test_what_is_no_name_or_the_own_one_is_left_in_peace(greeting: str | None, name: str) -> None:
    """Another word, another case, a part of the own name, a placeholder, nothing."""
    assert told(Maya=MAYA, Alex={**ALEX, "display_name": name, "greeting": greeting}) == []


def test_words_of_the_role_or_the_company_and_bases_are_no_names() -> None:
    """An abstract base is never rendered, so nobody goes by its key; by its display name somebody does."""
    support = {"role": "Support agent", "greeting": "Support is here", "company": "Acme"}
    assert told(Support=support, Acme={"parent": "Support", "display_name": "Jo", "greeting": "Support of Acme"}) == []
    base = {"abstract": True, "role": "r", "constraints": ["Base answers on facts"]}
    assert told(Base=base, Alex={"parent": "Base", "display_name": "Alex"}) == []
    assert told(
        Base={**base, "display_name": "Maya", "greeting": "I'm Maya"}, Alex={"parent": "Base", "display_name": "Alex"}
    ) == ['Base.greeting: says "Maya", and is inherited by one of another name (for Alex)']


def test_foreign_text_is_told_without_a_placeholder() -> None:
    """Nothing is filled there."""
    registry = PersonaRegistry.from_dict({"Maya": {**MAYA, "variables": {}}, "Alex": {**ALEX, "variables": {}}})
    (problem,) = registry.problems()
    assert problem.hint == "write the own name where the persona itself is meant"


NAMES = st.text(st.sampled_from("ab -@."), min_size=2, max_size=5).map(str.strip).filter(lambda name: len(name) > 1)


@settings(max_examples=60)
@given(NAMES, NAMES)
def test_a_name_is_told_where_it_stands_alone(own: str, other: str) -> None:
    """Whatever it is made of, as long as there is a word in it; where the own name stands, nothing is."""
    base = {"role": "x", "version": 1, "display_name": other}
    child = {"parent": "Maya", "version": 1, "display_name": own}
    found = told(Maya={**base, "greeting": f"( {other} )"}, Alex=child)
    assert bool(found) == (own != other and any(character.isalpha() for character in other))
    assert told(Maya={**base, "display_name": own}, Alex={**child, "greeting": f"( {own} )"}) == []
