"""Placeholders that are none: what reaches the model with its brackets, told with what would fill it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry
from llm_persona.codes import CODES

DATA = Path(__file__).parents[3] / "shared" / "data"
NAMES = {"user_name": None, "plan": "free"}

BRACKETS = """{user_name:} {user_name:>10} {user_name:Jo} {{user_name:Jo}} {user_name?} {user_name!} {user_name.first}
    {self.user_name} {inputs.user_name} {input[user_name]} {session["user_name"]} {vars['user_name']} {$user_name}
    {{$user_name}} {{>user_name}} {{@user_name}} {=user_name} <%=user_name%> <%=@user_name-%> <user-name> [user-name]
    {%user_name%} {user\u2011name} \uff5buser_name\uff5d \u3010user_name\u3011 \u00abuser_name\u00bb
    \u27e8user_name\u27e9"""


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
        ("up to {plan", "{plan", "write {plan} to fill it"),
        ("up to {plan or more", "{plan", "write {plan} to fill it"),
        ("on plan}, always", "plan}", "write {plan} to fill it"),
        ("{{ plan, if any", "{{ plan", "write {plan} to fill it"),
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
    "form",
    BRACKETS.split(),
)
def test_whatever_brackets_others_write_are_known(form: str) -> None:
    """Defaults, formats, owners and items, sigils, other signs between words, other brackets."""
    assert told({"tone": f"Dear {form}!", "variables": NAMES, "greeting": "{plan} {user_name}"}) == [
        f"tone: prints {form}; write {{user_name}} to fill it"
    ]


@pytest.mark.parametrize("text", ["{ plan", "{plan: 1, more", '{"a": {"plan": 1}', "a } of plan", "if (x) { plan"])
def test_braces_of_other_things_are_left_alone(text: str) -> None:
    assert told({"tone": text, "greeting": "{plan}"}) == []


def test_half_a_brace_in_a_template_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("{{ persona.name }}\n- Guest: session.guest }}\n- {guest\n- {{ session.guest }}\n")
    registry = PersonaRegistry(tmp_path, "a")
    registry.define(Persona("Maya", "r"))
    found = [problem for problem in registry.problems({"guest"}) if problem.code == "near-placeholder"]
    assert [(problem.line, problem.column, problem.message) for problem in found] == [
        (2, 10, "template prints session.guest }} (for Maya)"),
        (3, 3, "template prints {guest (for Maya)"),
    ]


def test_brackets_may_stand_on_lines_of_their_own() -> None:
    """YAML's folding and editors break lines anywhere."""
    assert len(told({"tone": "Dear {\nuser_name\n}, <% user_name %>, {\n  plan\n}.", "variables": NAMES})) == 3


def test_a_slip_of_a_declared_name_in_double_braces_is_told() -> None:
    """With one brace it would be refused when the file is read."""
    hint = "write {user_name} with one brace to fill it"
    texts = {"tone": "{{usr_name}} {{user_nam}} {{ticket}} {{word}}", "greeting": "{user_name} {plan}"}
    assert told({**texts, "variables": NAMES}) == [
        f"tone: prints {{usr_name}}; {hint}",
        f"tone: prints {{user_nam}}; {hint}",
    ]


def test_what_a_child_calls_foreign_and_its_parent_fills_is_told(tmp_path: Path) -> None:
    """The complete persona decides; of several that look like Jinja, the first alone is told as that."""
    path = tmp_path / "personas.yaml"
    path.write_text(
        "Base: {abstract: true, role: r, variables: {plan: x}}\n"
        "Maya: {parent: Base, variables: {}, greeting: 'On {plan}', tone: 'For {{ plan }}'}\n"
        "Dora: {parent: Base, tone: 'see {{ foo }} for {{ plan }}, {plan}'}\n"
    )
    found = [(p.persona, p.code, p.message) for p in PersonaRegistry.from_file(path).problems()]
    assert found == [
        ("Maya", "near-placeholder", "prints {{ plan }}"),
        ("Dora", "jinja-in-text", "'{{ foo }}' looks like Jinja, which is not run in persona text"),
        ("Dora", "near-placeholder", "prints {{ plan }}"),
    ]


def test_a_template_fills_what_jinja_runs_alone(tmp_path: Path) -> None:
    """Brackets around a known name in a template's own text reach the model, with their place in the template."""
    (tmp_path / "own.j2").write_text(
        "{% if session.user_name %}\n  User: {user_name}, [user_name]\n{% endif %}\n"
        "{{ persona.name }} or {name}, {word} ${plan}\n"
    )
    data = {name: {"role": "r", "template": "own"} for name in ("Maya", "Dora")}
    for variables in ({}, {"variables": {}}):
        registry = PersonaRegistry.from_dict({n: {**p, **variables} for n, p in data.items()}, templates=tmp_path)
        found = [p for p in registry.problems({"user_name", "plan"}) if p.code == "near-placeholder"]
        assert [(p.line, p.column, p.message, p.hint) for p in found] == [
            (2, 9, "template prints {user_name} (for Maya, Dora)", "write {{ session.user_name }} to fill it"),
            (2, 22, "template prints [user_name] (for Maya, Dora)", "write {{ session.user_name }} to fill it"),
            (4, 23, "template prints {name} (for Maya, Dora)", "write {{ persona.name }} to fill it"),
            (4, 38, "template prints ${plan} (for Maya, Dora)", "write {{ session.plan }} to fill it"),
        ]


@pytest.mark.parametrize(
    "text",
    [
        "const { name } = user; let { plan } = x; import { name } from 'x'",
        "run({ name }) and ({ user_name }) => {}",
        "100%name% 5%plan%",
        '{plan: "x"} {plan:"x"} {plan:[1]} {plan:1,b:2} {name:x} {plan: x}',
        "{name.first} {item.name} {row[name]} [plan-b] <user-names>",
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
    default, other = (
        f"variables.plan: prints {{{name}}}, as nothing is filled in a default; write it out"
        for name in ("user_name", "trial")
    )
    section = "custom_sections.About {plan}: prints {plan}, as nothing is filled in a section's name; write it out"
    assert sorted(told(persona, code="never-filled")) == sorted([*names, default, other])
    assert sorted(told({**persona, "template": "markdown"}, code="never-filled")) == sorted(
        [*names, default, other, section]
    )
    assert told({"display_name": "Maya {plan}", "variables": {}}, code="never-filled") == []
    registry = PersonaRegistry.from_dict({"Maya {plan}": {"role": "r"}})
    (problem,) = registry.problems()
    assert (problem.code, problem.message) == ("never-filled", "prints {plan}, as nothing is filled in a name")


def test_the_place_in_a_template_is_right_with_any_line_ends(tmp_path: Path) -> None:
    """A carriage return alone ends a line too."""
    for end in ("\r", "\r\n", "\n"):
        (tmp_path / "own.j2").write_bytes(f"{{{{ persona.name }}}}{end}{end} {{plan}}{end}".encode())
        registry = PersonaRegistry.from_dict({"Maya": {"role": "r", "template": "own"}}, templates=tmp_path)
        (found,) = (p for p in registry.problems({"plan"}) if p.code == "near-placeholder")
        assert (found.line, found.column) == (3, 2)


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
