"""A prompt says who the persona is: a place in it comes from the persona's name, or `check` tells and fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import PersonaFileError, PersonaRegistry
from llm_persona.templating.templates import Templates

NEVER = "template-never-says-name"
SOMETIMES = "template-sometimes-says-name"
ALL_BUT_THE_NAME = """\
You are {{ persona.role }} at {{ persona.company }}, {{ persona.tone }}.
{% for capability in persona.capabilities %}
- {{ capability }}
{% endfor %}
{% for name, text in persona.custom_sections|items %}
In short: {{ text }}
{% endfor %}
"""


def registry(folder: Path, template: str, **fields: Any) -> PersonaRegistry:
    (folder / "own.j2").write_text(template, encoding="utf-8")
    data = {"Maya": {"role": "Writer", "template": "own", **fields}}
    return PersonaRegistry.from_dict(data, templates=folder)


def codes(found: PersonaRegistry, session: Any = None) -> list[str | None]:
    return [problem.code for problem in found.problems(session) if problem.code in (NEVER, SOMETIMES)]


def test_a_prompt_that_never_says_the_name_fails_until_it_is_accepted(tmp_path: Path) -> None:
    """Whoever the template says it is, is not the persona; that it is meant can be said for a persona by name."""
    (tmp_path / "own.j2").write_text("You are Alex, a {{ persona.role }}. Tone: {{ persona.tone }}", encoding="utf-8")
    path = tmp_path / "personas.yaml"
    text = "$templates: .\nBase: {abstract: true, template: own}\nMaya: {parent: Base, role: x}\nDora: {parent: Base, role: y}\n"
    path.write_text(text, encoding="utf-8")
    found = PersonaRegistry.from_file(path)
    with pytest.raises(PersonaFileError) as refused:
        found.check()
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in refused.value.problems] == [
        (
            "personas.yaml:2:34: Base.template: template 'own' never says the persona's name (for Maya, Dora); "
            f"print {{{{ persona.name }}}}, or accept this where it is meant [{NEVER}]"
        )
    ]
    with pytest.raises(PersonaFileError, match="never says the persona's name \\(for Maya\\)"):
        found.check(accept=[f"{NEVER}:Dora"])
    path.write_text(f"$accept: {{{NEVER}: [Maya, Dora]}}\n{text}", encoding="utf-8")
    PersonaRegistry.from_file(path).check()


def test_a_default_template_that_never_says_it_is_told_at_the_persona(tmp_path: Path) -> None:
    """Nobody wrote which template it is rendered with."""
    (tmp_path / "own.j2").write_text("You are {{ persona.role }}.", encoding="utf-8")
    found = PersonaRegistry.from_dict({"Maya": {"role": "x"}}, templates=tmp_path, default_template="own")
    (problem,) = found.problems()
    assert (problem.persona, problem.field, problem.code) == ("Maya", None, NEVER)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("You are {{ session.agent }}, {{ persona.role }}.", "'agent'"),
        ("\n{{ session.first }} {{ session['last'] }} {{ session.first }}\n{{ session.x }} {{ persona.role }}", "'first', 'last'"),
        ("{% set who %}{{ session.agent|upper }}{% endset %}\nI am {{ who }}. {{ persona.role }}", "'agent'"),
        ("Hello.\nI am {{ session.agent }}, {{ persona.role }}.", None),
    ],
)  # fmt: skip
def test_what_the_session_prints_on_the_first_line_is_named(template: str, names: str | None, tmp_path: Path) -> None:
    """For it may be what says who speaks."""
    (problem,) = (each for each in registry(tmp_path, template).problems() if each.code == NEVER)
    first = "template 'own' never says the persona's name"
    assert problem.message == (f"{first}; its first line prints the session's {names}" if names else first)


@pytest.mark.parametrize(
    "template",
    [
        "{{ persona.name }}",
        "{{ persona.display_name or persona.name }}",
        "{{ persona['name']|upper }}",
        "{{ persona.name|lower|replace('a', 'b') }}",
        "{{ persona.name|truncate(6) }}",
        "{{ persona.name[0] }}",
        "{{ 'I am ' ~ persona.name }}",
        "{% set x %}{{ persona.name }}{% endset %}{{ x }}",
        "{% macro m(who) %}{{ who }}{% endmacro %}{{ m(persona.name) }}",
        "{% filter upper %}{{ persona.name }}{% endfilter %}",
        "{% include 'part.j2' %}",
        "{% extends 'default.j2' %}",
        "{% if session.plan == 'pro' %}{{ persona.name }}!{% else %}{{ persona.name }}.{% endif %}",
    ],
)
@pytest.mark.parametrize("more", [{}, {"display_name": "May the Great"}])
def test_a_place_that_comes_from_the_name_says_it(template: str, more: Mapping[str, str], tmp_path: Path) -> None:
    """However it is printed."""
    (tmp_path / "part.j2").write_text("{{ persona.name }}", encoding="utf-8")
    assert codes(registry(tmp_path, template, **more)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "a friend called {name}"},
        {"tone": "as {name} would"},
        {"capabilities": ["Sing", "Be {name}"]},
        {"custom_sections": {"Who": "{name}, and {{name}}"}},
        {"company": "{name} & Sons"},
        {"role": "{name} for {user}"},
        {"role": "{name}", "variables": {"user": None}, "constraints": []},
    ],
)
def test_a_text_that_holds_it_says_it(fields: Mapping[str, Any], tmp_path: Path) -> None:
    """`{name}` in a text that is printed is the persona's name."""
    assert codes(registry(tmp_path, ALL_BUT_THE_NAME, **{"company": "Acme", **fields})) == []


def test_a_company_that_holds_it_says_it_wherever_it_stands(tmp_path: Path) -> None:
    """`{company}` in another text is the company, with the name in it."""
    assert (
        codes(registry(tmp_path, "You are {{ persona.role }}.", company="{name} & Sons", role="head of {company}"))
        == []
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "the writer whom all call Maya"},
        {"role": "the user of {{name}}"},
        {"role": "{name}", "variables": {}},
        {"role": "head of {company}"},
        {"greeting": "I'm {name}"},
        {"constraints": ["Never call yourself {name}"]},
    ],
)
def test_a_text_that_only_looks_like_it_does_not(fields: Mapping[str, Any], tmp_path: Path) -> None:
    """The word itself, braces that print, foreign text, a text that the template never prints."""
    assert codes(registry(tmp_path, ALL_BUT_THE_NAME, company="Acme", **fields)) == [NEVER]


def test_a_greeting_that_is_printed_says_it(tmp_path: Path) -> None:
    """As any text."""
    assert codes(registry(tmp_path, "{{ persona.role }}: {{ persona.greeting }}", greeting="I'm {name}, {user}")) == []


@pytest.mark.parametrize("condition", ["session.known", "session.plan == 'pro'", "session.plan is defined"])
def test_a_name_for_some_sessions_only_is_a_warning(condition: str, tmp_path: Path) -> None:
    """The others do not hear who speaks."""
    template = f"You are {{{{ persona.role }}}}{{% if {condition} %}}, {{{{ persona.name }}}}{{% endif %}}."
    found = registry(tmp_path, template)
    assert codes(found) == [SOMETIMES]
    found.check()


def test_a_name_that_only_steers_is_not_said(tmp_path: Path) -> None:
    """What a template decides by the name is no place that comes from it."""
    assert codes(registry(tmp_path, "{% if persona.name == 'Maya' %}You are {{ persona.role }}.{% endif %}")) == [NEVER]


def test_where_a_template_ends_is_known(tmp_path: Path) -> None:
    """A bundled one by its short name, wherever `extends` leads."""
    (tmp_path / "own.j2").write_text("{% extends 'xml.j2' %}", encoding="utf-8")
    (tmp_path / "child.j2").write_text("{% extends 'own.j2' %}", encoding="utf-8")
    (tmp_path / "alone.j2").write_text("{% include 'xml.j2' %}", encoding="utf-8")
    templates = Templates(tmp_path)
    assert [templates.get(name).ends_in("xml") for name in ("xml", "own", "child", "alone", "default")] == [
        True,
        True,
        True,
        False,
        False,
    ]


TEXTS = st.text(st.characters(exclude_characters="{}$", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)


@settings(max_examples=30)
@given(TEXTS, st.fixed_dictionaries({"role": TEXTS, "company": TEXTS, "capabilities": st.lists(TEXTS, max_size=2)}))
def test_whatever_the_name_and_the_texts_are(tmp_path_factory: Any, name: str, fields: Mapping[str, Any]) -> None:
    """A template without a place for the name is always told, also where texts hold the same letters; with one, never."""
    folder = tmp_path_factory.mktemp("names")
    assert codes(registry(folder, ALL_BUT_THE_NAME, display_name=name, **fields)) == [NEVER]
    assert codes(registry(folder, "{{ persona.name }}" + ALL_BUT_THE_NAME, display_name=name, **fields)) == []
