"""Placeholders that are none: what reaches the model with its brackets, told with what would fill it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import PersonaRegistry
from llm_persona.codes import CODES

DATA = Path(__file__).parents[2] / "shared" / "data"
NAMES = {"user_name": None, "plan": "free"}


def told(persona: dict[str, Any], session: Any = None, code: str = "near-placeholder") -> list[str]:
    registry = PersonaRegistry.from_dict({"Maya": {"role": "r", **persona}})
    found = [problem for problem in registry.problems(session) if problem.code == code]
    assert all(problem.severity == "warning" == CODES[code].level for problem in found)
    return [f"{problem.field}: {problem.message}; {problem.hint}" for problem in found]


@pytest.mark.parametrize(
    ("text", "prints", "hint"),
    [
        ("{{user_name}}", "{user_name}", "write {user_name} with one brace to fill it"),
        ("{ user_name }", "{ user_name }", "write {user_name} to fill it"),
        ("{user_name }", "{user_name }", "write {user_name} to fill it"),
        ("%(user_name)s", "%(user_name)s", "write {user_name} to fill it"),
        ("%user_name%", "%user_name%", "write {user_name} to fill it"),
        ("{user-name}", "{user-name}", "write {user_name} to fill it"),
        ("{User Name}", "{User Name}", "write {user_name} to fill it"),
        ("{user.name}", "{user.name}", "write {user_name} to fill it"),
        ("{session.plan}", "{session.plan}", "write {plan} to fill it"),
        ("${plan}", "${plan}", "write {plan} without the $ to fill it"),
        ("${plan:pro}", "${plan:pro}", "write {plan} without the $ to fill it"),
        ("$(plan)", "$(plan)", "write {plan} to fill it"),
        ("{{{plan}}}", "{{{plan}}}", "write {plan} to fill it"),
        ("{plan|upper}", "{plan|upper}", "write {plan} to fill it"),
        ("{plan!r}", "{plan!r}", "write {plan} to fill it"),
        ("Dear [user_name],", "[user_name]", "write {user_name} to fill it"),
        ("Dear <user_name>,", "<user_name>", "write {user_name} to fill it"),
        ("{{name}}", "{name}", "write {name} with one brace to fill it"),
        ("at ${company}", "${company}", "write {company} without the $ to fill it"),
        (
            "see {{ticket}}",
            "{ticket}",
            "declare 'ticket' under variables, and write {ticket} with one brace to fill it",
        ),
    ],
)
def test_a_known_name_in_brackets_that_do_not_fill_is_told(text: str, prints: str, hint: str) -> None:
    """Declared, passed or the persona's own: with what the prompt shows, which it does, and what to write."""
    persona = {"tone": text, "variables": NAMES, "greeting": "Hi {user_name} on {plan}"}
    assert told(persona, {"user_name", "ticket"}) == [f"tone: prints {prints}; {hint}"]
    prompt = (
        PersonaRegistry.from_dict({"Maya": {"role": "r", **persona}}).get("Maya").build_system_prompt(user_name="Jo")
    )
    assert prints in prompt
    assert told({"tone": text, "variables": {}}, {"user_name", "ticket", "plan"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "{user_name} on {plan}, {name} of {company}",
        "{{word}} { word } ${word} %(word)s {other-word}",
        '{"plan": {"name": 1}} {name: "x"} {"user_name"} { } {{}} {0}',
        "[plan] <plan> [name] row[user_name] [user_name](https://x) a<b>c",
        "<user_name>{user_name}</user_name>",
        "100% plan% of %plan",
    ],
)
def test_what_fills_and_what_is_no_name_is_left_in_peace(text: str) -> None:
    """Placeholders, JSON, tags around a value, prose in brackets, names that nobody knows."""
    assert told({"tone": text, "variables": NAMES}) == []


def test_where_nothing_is_declared_what_is_used_or_passed_is_known() -> None:
    """A `$` before a brace is told where the persona has placeholders at all: of real prompts, one in five has it."""
    assert told({"tone": "pay ${refund_limit}", "capabilities": ["Hand {{refund_limit}} out"]}) == []
    without = "prints ${refund_limit}; write {refund_limit} without the $ to fill it"
    assert told({"tone": "pay ${refund_limit}", "greeting": "I'm {name}"}) == [f"tone: {without}"]
    assert told({"tone": "pay ${refund_limit}"}, {"refund_limit"}) == [f"tone: {without}"]
    assert told({"tone": "{limit}, {{limit}}"}) == ["tone: prints {limit}; write {limit} with one brace to fill it"]


def test_it_is_told_once_where_it_is_written(tmp_path: Path) -> None:
    """With its place and all that it bears on; what looks like Jinja in a file is told as that."""
    path = tmp_path / "personas.yaml"
    path.write_text(
        "Base: {abstract: true, role: r, constraints: ['For {{plan}}', 'Of {{ plan }}'], variables: {plan: x}}\n"
        "Maya: {parent: Base, greeting: 'On {plan}'}\nDora: {parent: Base, tone: '{plan}'}\n"
    )
    found = PersonaRegistry.from_file(path).problems()
    assert [str(problem).replace(f"{path}:", "") for problem in found] == [
        (
            "1:47: warning: Base.constraints[1]: prints {plan} (for Maya, Dora); write {plan} with one brace to fill it "
            "[near-placeholder]"
        ),
        (
            "1:63: warning: Base.constraints[2]: '{{ plan }}' looks like Jinja, which is not run in persona text; "
            "write {variable} for a placeholder, or put logic into a template [jinja-in-text]"
        ),
    ]


def test_what_is_written_where_nothing_is_filled_is_told() -> None:
    """Names and defaults are printed as they are written; a section's name only in templates that print it."""
    persona = {
        "display_name": "Maya {plan} {x}",
        "variables": {"plan": "for {user_name}, {trial}", "user_name": None},
        "tone": "{plan} {user_name}",
        "custom_sections": {"About {plan}": "x"},
    }
    names = [
        f"display_name: prints {{{name}}}, as nothing is filled in a display name; write it out"
        for name in ("plan", "x")
    ]
    default = "variables.plan: prints {user_name}, as nothing is filled in a default; write it out"
    section = "custom_sections.About {plan}: prints {plan}, as nothing is filled in a section's name; write it out"
    assert sorted(told(persona, code="never-filled")) == sorted([*names, default])
    assert sorted(told({**persona, "template": "markdown"}, code="never-filled")) == sorted([*names, default, section])
    assert told({"display_name": "Maya {plan}", "variables": {}}, code="never-filled") == []
    registry = PersonaRegistry.from_dict({"Maya {plan}": {"role": "r"}})
    (problem,) = registry.problems()
    assert (problem.code, problem.message) == ("never-filled", "prints {plan}, as nothing is filled in a name")


@settings(max_examples=60)
@given(st.text(st.sampled_from("{}$%()[]<>_ |:-.nplaname"), max_size=40))
def test_what_is_told_is_in_the_prompt(text: str) -> None:
    """Whatever stands in a text: the brackets that are told of are printed."""
    persona = {"tone": f"a{text}", "variables": {"n": "1", "pla_n": "2"}, "greeting": "{n} {pla_n}"}
    try:
        registry = PersonaRegistry.from_dict({"Maya": {"role": "r", **persona}})
    except ValueError:
        return
    prompt = registry.get("Maya").build_system_prompt()
    for problem in registry.problems():
        if problem.code == "near-placeholder":
            assert problem.message.removeprefix("prints ") in prompt


def test_hostile_texts_cost_little() -> None:
    """A long text of opening brackets is looked through once."""
    for text in (
        "{" * 300_000,
        "{a" * 150_000,
        "%(" * 150_000,
        "[a_" * 100_000,
        "${" * 150_000,
        "<" * 300_000,
        "{ " * 150_000,
    ):
        assert told({"tone": text, "variables": NAMES, "greeting": "{user_name} {plan}"}) == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the real prompts are not here: ../shared/data")
def test_real_prompts_are_left_in_peace() -> None:
    """Of 1,561 prompts and 178 agents fewer than one in a hundred are told of: those that other formats would fill."""
    prompts = json.loads((DATA / "ai-personas.json").read_text("utf-8"))
    texts = [entry["prompt"] for entry in prompts.values() if entry["prompt"]]
    texts += [path.read_text("utf-8") for path in sorted((DATA / "agents").glob("*.md"))]
    data = {f"P{n}": {"role": "r", "custom_sections": {"t": text}} for n, text in enumerate(texts)}
    found = [p for p in PersonaRegistry.from_dict(data).problems() if p.code == "near-placeholder"]
    assert 5 < len({problem.persona for problem in found}) < len(texts) / 100
