"""The bundled template `verbatim`: foreign prompts, word for word, of personas that need no role."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import InvalidValueError, Persona, PersonaFileError, PersonaRegistry, TemplateError

FOREIGN = "You are a blunt critic.\n\n  Say {this} and {{that}}; never {% x %}.  \n"


def test_sections_come_out_word_for_word() -> None:
    """The texts alone: no name, no role, no tone, and none of the sections' names."""
    critic = Persona("critic", custom_sections={"prompt": FOREIGN}, variables={}, template="verbatim")
    assert critic.build_system_prompt() == FOREIGN
    assert (
        Persona("critic", custom_sections={"prompt": FOREIGN}, variables={}).build_system_prompt("verbatim") == FOREIGN
    )
    two = Persona("critic", "r", tone="t", custom_sections={"a": "x", "b": "y"}, template="verbatim")
    assert two.build_system_prompt() == "x\n\ny"
    extra = critic.build_system_prompt(extra_sections={"Order": "1\n2"})
    assert extra == f"{FOREIGN}\n\nOrder:\n    1\n    2"


def test_a_product_extends_it(tmp_path: Path) -> None:
    """What extends `verbatim` needs no role either, and may say more."""
    (tmp_path / "own.j2").write_text(
        '{% extends "verbatim.j2" %}\n{% block session %}\nPlan: {{ session.plan }}\n{% endblock %}\n'
    )
    (tmp_path / "personas.yaml").write_text(
        "$templates: .\n$default_template: own\ncritic: {custom_sections: {prompt: Be blunt.}}\n"
    )
    registry = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    assert registry.get("critic").build_system_prompt(plan="pro") == "Be blunt.\n\nPlan: pro"
    assert registry.problems({"plan"}) == []  # nor does it say the persona's name


def test_every_other_persona_needs_a_role(tmp_path: Path) -> None:
    """Judged where it is complete: by its own template, an ancestor's, or its file's default."""
    path = tmp_path / "personas.yaml"
    path.write_text(
        "Base: {template: verbatim, custom_sections: {a: x}, abstract: true}\n"
        "Good: {parent: Base}\n"
        "Bad: {parent: Base, template: markdown}\n"
        "Worse: {tone: calm}\n"
        "Gone: {parent: Base, template: nowhere}\n"
    )
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(path)
    assert [(each.line, each.persona, each.message) for each in caught.value.problems] == [
        (3, "Bad", "role is missing, here and in its parents"),
        (4, "Worse", "role is missing"),
        (5, "Gone", "there is no template 'nowhere'"),
    ]
    registry = PersonaRegistry(default_template="verbatim")
    registry.define(Persona("Good", custom_sections={"a": "x"}))
    assert registry.get("Good").build_system_prompt() == "x"
    with pytest.raises(InvalidValueError, match="role is missing"):
        registry.define(Persona("Bad", template="xml"))
    assert registry.list_names() == ["Good"]


def test_a_template_that_prints_a_role_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Whichever a call names; one may test it first."""
    (tmp_path / "own.j2").write_text("{{ persona.name }}{% if persona.role %}, {{ persona.role }}{% endif %}")
    registry = PersonaRegistry(templates=tmp_path, default_template="verbatim")
    registry.define(Persona("Critic", custom_sections={"a": "x"}))
    critic = registry.get("Critic")
    assert critic.build_system_prompt("own") == "Critic"
    for template in ("default", "markdown", "xml", "compact"):
        with pytest.raises(TemplateError, match=r"prints persona\.role, and 'Critic' has no role; give it one"):
            critic.build_system_prompt(template)


def test_a_constraint_is_not_lost_in_it() -> None:
    """It prints none, so `check` tells one that is given, as in any template that drops it."""
    registry = PersonaRegistry(default_template="verbatim")
    registry.define(Persona("Critic", constraints=["Never lie"], custom_sections={"a": "x"}))
    assert [each.code for each in registry.problems()] == ["constraint-never-printed"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1))
def test_no_text_changes(text: str) -> None:
    """Whatever it is made of, where it is declared to be foreign."""
    critic = Persona("critic", custom_sections={"prompt": text}, variables={}, template="verbatim")
    assert critic.build_system_prompt() == text
