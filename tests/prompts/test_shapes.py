"""What is told of one persona of a shape holds for the others: sharing recordings changes no finding."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_persona import PersonaError, PersonaRegistry
from llm_persona.checks.coverage import check
from llm_persona.prompts.shapes import shape_of
from llm_persona.registry.registry import state_of

TEXTS = st.sampled_from(
    ["word", "pro", "Two words", "a\nb", "a\n", "\n", " x", "x ", "{u}", "{u} b", "b {u}", "a\n{u}", "a {u}\nb", "{name}", "{a} {u}"]
)  # fmt: skip
LISTS = st.lists(TEXTS, max_size=3)
FIELDS = st.fixed_dictionaries(
    {"role": TEXTS.filter(str.strip)},
    optional={
        "tone": TEXTS.filter(str.strip),
        "company": st.sampled_from(["Acme", "word", "pro"]),
        "capabilities": LISTS.map(lambda texts: [text for text in texts if text.strip()]),
        "constraints": LISTS.map(lambda texts: [text for text in texts if text.strip()]),
        "greeting": TEXTS.filter(str.strip),
        "custom_sections": st.dictionaries(st.sampled_from(["One", "Two", "pro"]), TEXTS, max_size=2),
        "variables": st.fixed_dictionaries({"u": st.sampled_from([None, "pro"]), "a": st.sampled_from([None, "x"])}),
    },
)
WORDS = ["word", "pro", "Two words"]


def like(value: Any) -> st.SearchStrategy[Any]:
    """Return values in which words may be others."""
    if isinstance(value, dict):
        return st.fixed_dictionaries(
            {name: like(each) if name != "variables" else st.just(each) for name, each in value.items()}
        )
    if isinstance(value, list):
        return st.tuples(*map(like, value)).map(list)
    return st.sampled_from(WORDS) if value in WORDS else st.just(value)


PRINTED = [
    "{{ persona.name }}",
    "{{ persona.role }}",
    "{{ persona.role|upper }} {{ persona.tone|trim }}",
    "{{ persona.tone|truncate(3) }}",
    "{{ persona.role|replace('word', '') }}",
    "{{ persona.tone|indent }}",
    "{% if persona.role == 'pro' %}{{ persona.constraints|join(', ') }}{% endif %}",
    "{% if persona.company %}{{ persona.company }}{% else %}{{ session.u }}{% endif %}",
    "{% if persona.name == 'Maya' %}{{ session.missing }}{% endif %}",
    "{% if 'pro' in persona.constraints %}{{ persona.name }}{% endif %}",
    "{% if persona.tone|length > 4 %}{{ persona.tools }}{% endif %}",
    "{% for text in persona.constraints %}- {{ text }}\n{% endfor %}",
    "{% for text in persona.capabilities %}{{ text|title }}{{ session.u }}\n{% endfor %}",
    "{% for name, text in persona.custom_sections|items %}{{ name }}{{ text }}{{ session.u }}{% endfor %}",
    "{{ persona.custom_sections.One }}",
    "{% set x %}{{ persona.role }}{{ session.u }}{% endset %}{{ x }}{% if x == 'word' %}!{% endif %}",
    "{{ persona.role ~ session.u }}",
    "{{ (persona.capabilities|first)|default('-') }}",
    "{{ persona.constraints|sort|join(', ') }}",
    "\n{{ session.u }} {% if session.u == persona.role %}{{ persona.role[0] }}{% endif %}",
    "{u} {% if persona.greeting %}{{ persona.greeting }}{% endif %}",
]
TEMPLATES = st.one_of(
    st.lists(st.sampled_from(PRINTED), min_size=1, max_size=5).map("\n".join),
    st.tuples(st.sampled_from(["default", "markdown", "xml"]), st.sampled_from(PRINTED)).map(
        lambda drawn: (
            f"{{% extends '{drawn[0]}.j2' %}}{{% block sections %}}{{{{ super() }}}}{drawn[1]}{{% endblock %}}"
        )
    ),
)


def found(folder: Path, template: str, personas: dict[str, Any], session: set[str] | None) -> set[str]:
    """Return the findings of recordings, each as often as it bears on a persona."""
    (folder / "own.j2").write_text(template, encoding="utf-8")
    registry = PersonaRegistry.from_dict(personas, templates=folder, default_template="own")
    told = set()
    for problem in check(state_of(registry), session):
        message, _, others = problem.message.partition(" (for ")
        for key in {*re.findall(r"\w+", others), *([problem.persona] if problem.persona else [])} or {"nobody"}:
            told.add(f"{key}: {problem.field}: {problem.line}: {problem.code}: {message}")
    return told


@pytest.mark.hits(0.2)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(FIELDS, FIELDS, TEMPLATES, st.sampled_from([None, {"u"}, {"u", "a"}]), st.data())
def test_what_is_told_of_two_is_what_is_told_of_each(
    tmp_path_factory: pytest.TempPathFactory,
    maya: dict[str, Any],
    other: dict[str, Any],
    template: str,
    session: set[str] | None,
    data: st.DataObject,
) -> bool:
    """Mostly of one shape: the second persona has the first one's fields, with other words in them."""
    alex = data.draw(like(maya)) if data.draw(st.integers(0, 9)) else other
    folder = tmp_path_factory.mktemp("templates")
    try:
        each = [found(folder, template, {name: fields}, session) for name, fields in (("Maya", maya), ("Alex", alex))]
    except PersonaError:
        return False
    assert found(folder, template, {"Maya": maya, "Alex": alex}, session) == each[0] | each[1]
    assert found(folder, template, {"Alex": alex, "Maya": maya}, session) == each[0] | each[1]
    registry = PersonaRegistry.from_dict({"Maya": maya, "Alex": alex})
    one, two = (shape_of(registry.get(name)._prepared()) for name in ("Maya", "Alex"))
    return one == two


def test_a_thousand_of_one_shape_are_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as their template does not look at what their texts say."""
    from llm_persona.prompts import explorations

    runs = []
    take = explorations.take
    monkeypatch.setattr(explorations, "take", lambda *given, **named: (runs.append(1), take(*given, **named))[1])
    personas = {f"P{number}": {"role": f"Role {number}", "tone": f"Tone {number}"} for number in range(100)}
    for template, expected in (
        ("{{ persona.name }} {{ persona.role|upper }} {{ persona.tone }}", 1),
        ("{{ persona.name|replace('P', '') }}", 100),
    ):
        runs.clear()
        (tmp_path / "own.j2").write_text(template, encoding="utf-8")
        check(state_of(PersonaRegistry.from_dict(personas, templates=tmp_path, default_template="own")))
        assert len(runs) == expected
