"""The first prompt of a persona that no registry holds is that of every other, whatever it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError, PersonaRegistry
from llm_persona.prompts.alike import MAX_SHAPES, Alike

TEXTS = st.sampled_from(
    ["Guide", " two\nlines \n", "<b> & co", "{user}", "{{user}}", "{name} here", "a\u2028b", "\\", "'\"", "{p0}", "}"]
)
ROWS = st.fixed_dictionaries(
    {"name": st.sampled_from(["Maya", "Ana <3", "Maya@2"])},
    optional={
        "role": TEXTS,
        "company": TEXTS,
        "tone": TEXTS,
        "greeting": TEXTS,
        "display_name": st.sampled_from(["May", "<i>"]),
        "capabilities": st.lists(TEXTS, max_size=2),
        "constraints": st.lists(TEXTS, max_size=2),
        "custom_sections": st.dictionaries(
            st.sampled_from(["a", "<b>"]), TEXTS | st.lists(TEXTS, min_size=1, max_size=2), max_size=2
        ),
        "template": st.sampled_from(["xml", "nowhere"]),
        "version": st.just("2"),
        "tools": st.just(["look"]),
        "variables": st.sampled_from([{}, {"user": "x"}]),
        "constants": st.just({"user": "x"}),
        "abstract": st.booleans(),
    },
)


def outcome(build: Any) -> Any:
    try:
        return build()
    except PersonaError as error:
        return type(error), str(error)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.sampled_from([None, "default", "markdown.j2", "xml", "compact", "verbatim", "nowhere", ["x"]]))
def test_the_first_prompt_is_that_of_a_run(row: dict[str, Any], template: Any) -> None:
    """In every bundled template: what was prepared for others alike says what a run of the template says, errors too."""
    persona = outcome(lambda: Persona(**row))
    if isinstance(persona, Persona):
        first = outcome(lambda: persona.build_system_prompt(template))
        again = Persona(**row)
        assert first == outcome(lambda: str(again.render(template)))
        assert first == outcome(lambda: persona.build_system_prompt(template))
        assert first == outcome(lambda: persona.build_system_prompt(template))


TEMPLATES = {
    "asks": "{% if persona.role == 'Guide' %}A guide{% else %}{{ persona.role }}{% endif %}",
    "filters": "{{ persona.role|upper }} of {{ persona.capabilities|length }}",
    "loops": "{% for each in persona.capabilities %}{{ loop.index }}{{ each }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "keeps": "{% set who %}{{ persona.name }}{% endset %}{{ who }}: {{ persona.key }} {{ persona.company or 'alone' }}",
    "sections": "{% for name, text in persona.custom_sections.items() %}{{ name }}={{ text }};{% endfor %}",
    "tools": "{{ persona.tools|join(',') }}{% if persona.version %}v{{ persona.version }}{% endif %}",
    "brace": "{literal} {{ persona.name }}",
}


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=8, deadline=None)
@given(rows=st.lists(ROWS, min_size=3, max_size=3))
def test_what_a_product_asks_of_texts_is_run(
    name: str, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """One memo for all personas: what it learned of one holds for the others, or it does not fill them."""
    folder = folder_of(tmp_path_factory, name)
    registry = PersonaRegistry(templates=folder)
    template, alike = registry.templates.get(name), Alike()
    for row in rows:
        persona = outcome(
            lambda row=row: Persona(**{**row, "template": None, "name": "Maya", "role": row.get("role", "Guide")})
        )
        if (
            not isinstance(persona, Persona)
            or persona.abstract
            or persona.tools
            or persona.constants
            or persona.variables is not None
        ):
            continue
        text = alike.text(persona, name, lambda: template)
        own = PersonaRegistry(templates=folder)
        own.define(persona)
        if text is not None:
            assert text == own.get("Maya").build_system_prompt(name)


def folder_of(factory: pytest.TempPathFactory, name: str) -> Path:
    folder = factory.getbasetemp() / f"alike-{name}"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.j2").write_text(TEMPLATES[name])
    return folder


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of more shapes than are kept have their prompts all the same."""
    monkeypatch.setattr("llm_persona.prompts.alike.MAX_SHAPES", 3)
    alike = Alike()
    for count in range(9):
        persona = Persona("Maya", "Guide", capabilities=["x"] * count)
        assert alike.text(persona, None, persona.own_template) == str(persona.render())
    assert len(alike._fills) <= 3 < MAX_SHAPES
