"""The places that a change is attributed to are those that were really edited, whatever a template does with a text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import AssertionResult

from llm_persona import PersonaRegistry
from llm_persona.testing.cases import PromptCase, PromptMatrix
from llm_persona.testing.changes import mismatch

PERSONAS = """\
$templates: templates
Base:
  abstract: true
  company: <0>
  tone: <1>
  constraints:
    - <2>
    - <3>
Middle:
  abstract: true
  parent: Base
  custom_sections:
    Refunds: <4>
  constraints:
    add:
    - <5>
Maya:
  parent: Middle
  template: product
  role: <6>
  display_name: <7>
  capabilities:
    - <8>
    - <9>
  variables:
    limit: <10>
"""
HELD = {
    number: line for line, text in enumerate(PERSONAS.split("\n"), 1) for number in range(11) if f"<{number}>" in text
}
TEMPLATES = {
    "product": """\
{% extends "markdown.j2" %}
{% from "parts.j2" import bullet %}
{% block tone %}
Note {{ super() }} over

Loud {{ persona.tone|upper }} stop
{% endblock %}
{% block capabilities %}
Can {{ persona.capabilities|join(', ') }} now
{% for c in persona.capabilities %}
{{ bullet(c) }}
{% endfor %}
{% endblock %}
{% block session %}
{% set kept %}

Kept {{ persona.company|replace('a', 'o') }} here
{% endset %}
{{ kept }}


{% include "part.j2" %}
Plan {{ session.plan }} with {{ persona.role ~ ' of ' ~ session.plan }}
{% filter upper %}
Whole {{ persona.tone }}
{% endfilter %}
All {{ persona.constraints|join('; ')|upper }}
{% if persona.company %}
Last
{%- endif %}
 one
{% endblock %}
""",
    "parts": "{% macro bullet(text) %}\n\nItem {{ text|trim }}.\n{% endmacro %}\n",
    "part": "{# a comment\n of two lines #}\nPart {{ persona.role }} of {{ persona.name }}\n",
}
WORDS = ["Note", "over", "Loud", "stop", "Can", "now", "Kept", "here", "Plan", "with", "All", "Last", " one"]
EDITABLE = [*(("product", word) for word in WORDS), ("parts", "Item"), ("part", "Part"), ("part", " of ")]
TEXT = st.text("ab C", min_size=1, max_size=6).map(str.strip).filter(bool)
COMMAND = "pytest"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("edited")
    (folder / "templates").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def written(folder: Path, texts: list[str], templates: dict[str, str]) -> PromptCase:
    """Write the files, and return the case that reads them."""
    personas = PERSONAS
    for number, text in enumerate(texts):
        personas = personas.replace(f"<{number}>", json.dumps(text))
    (folder / "personas.yaml").write_text(personas, "utf-8")
    for name, text in templates.items():
        (folder / "templates" / f"{name}.j2").write_text(text, "utf-8")
    matrix = PromptMatrix(PersonaRegistry.from_file("personas.yaml"), {"free": {"plan": "pro"}}, None)
    return matrix.cases(folder, {})[0]


def places(case: PromptCase, old: str) -> list[list[str]]:
    """Return the places that each change of a prompt is attributed to, none where it is as it was."""
    if str(case.render()) == old:
        return []
    values: dict[str, Any] = dict.fromkeys(AssertionResult.__dataclass_fields__)
    values |= {"snapshot_location": "x.md", "asserted_data": str(case.render()).encode(), "recalled_data": old.encode()}
    return [[cause.place for cause in causes] for causes in mismatch(case, AssertionResult(**values), COMMAND).causes]


@st.composite
def persona_texts(draw: st.DrawFn) -> list[str]:
    # No two are equal: of equal lines nobody can tell which one was edited.
    texts = [draw(TEXT) + letter for letter in "abcdefghijk"]
    texts[8] += draw(st.sampled_from(["", " {limit}", "{limit}!"]))
    texts[2] += draw(st.sampled_from(["", " {name}"]))
    return texts


@given(persona_texts(), st.integers(0, 10), TEXT)
@settings(max_examples=100)
def test_an_edited_text_is_what_made_each_change(folder: Path, texts: list[str], edited: int, text: str) -> bool:
    """Whatever text is edited, in whichever ancestor, each changed line is attributed to its line in the file."""
    old = str(written(folder, texts, TEMPLATES).render())
    texts[edited] = f"{text}z"
    found = places(written(folder, texts, TEMPLATES), old)
    for each in found:
        assert f"personas.yaml:{HELD[edited]}" in each, (HELD[edited], found)
    return bool(found)


@pytest.mark.hits(0.6)
@given(persona_texts(), st.sampled_from(EDITABLE), TEXT)
@settings(max_examples=100)
def test_an_edited_line_of_a_template_is_what_made_each_change(
    folder: Path, texts: list[str], edited: tuple[str, str], text: str
) -> bool:
    """Whatever line of whichever template is edited, each changed line is attributed to it.

    (But what a template writes inside a filter block, which comes out as one text: that is attributed to the block's line.)
    """
    name, word = edited
    old = str(written(folder, texts, TEMPLATES).render())
    before, _, after = TEMPLATES[name].partition(word)
    found = places(
        written(folder, texts, {**TEMPLATES, name: f"{before}{word.replace(word.strip(), text)}{after}"}), old
    )
    for each in found:
        assert f"templates/{name}.j2:{before.count(chr(10)) + 1}" in each, found
    return bool(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("persona.tone|upper", "persona.tone|lower"),
        ("join('; ')|upper", "join('; ')|lower"),
        ("{% filter upper %}", "{% filter lower %}"),
        ("{{ super() }} over", "{{ super()|upper }} over"),
    ],
)
def test_an_edited_filter_is_what_made_each_change(folder: Path, before: str, after: str) -> None:
    """A line that differs in nothing but capitals, of a text that is not printed as it was written, is the template's."""
    texts = [f"Abc Def{letter}" for letter in "abcdefghijk"]
    product = TEMPLATES["product"]
    edited = product.replace(before, after)
    assert edited != product
    old = str(written(folder, texts, TEMPLATES).render())
    found = places(written(folder, texts, {**TEMPLATES, "product": edited}), old)
    begins = product[: product.index(before)].count("\n") + 1
    ends = begins + (before.startswith("{% filter"))
    assert found
    for first, *_ in found:
        assert first in [f"templates/product.j2:{line}" for line in range(begins, ends + 1)]
