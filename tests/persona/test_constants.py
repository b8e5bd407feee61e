"""Constants: a persona's own values for placeholders, which no session gives and none moves."""

from __future__ import annotations

import dataclasses
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import (
    InvalidValueError,
    MissingVariableError,
    Persona,
    PersonaError,
    PersonaFileError,
    PersonaRegistry,
    TemplateError,
)
from llm_persona.placeholders import Placeholder, Placeholders

FILE = """\
Acme:
  abstract: true
  company: Acme Corp
  constants:
    refund_limit: $50
    mail: "help@acme.example ({name}, {company})"
Maya:
  parent: Acme
  role: Guide
  greeting: "Hi {user_name}, write to {mail}."
  capabilities: ["Refund up to {refund_limit}", "{refund_limit}"]
  variables: {user_name: null}
Premium:
  parent: Maya
  constants: {refund_limit: $500}
"""


def problems(text: str, tmp_path: Path, **templates: str) -> list[str]:
    """Return what is wrong with a file, without its folder."""
    registry_file = tmp_path / "p.yaml"
    registry_file.write_text(text)
    for name, source in templates.items():
        (tmp_path / f"{name}.j2").write_text(source)
    try:
        registry = PersonaRegistry.from_file(registry_file, templates=tmp_path)
    except PersonaFileError as error:
        return [str(problem).replace(f"{tmp_path}/", "") for problem in error.problems]
    return [str(problem).replace(f"{tmp_path}/", "") for problem in registry.problems()]


def test_a_complete_persona_has_its_constants_filled_in(tmp_path: Path) -> None:
    """As its name and company are: only what a session gives is left in its texts. Each child has its own values."""
    (tmp_path / "p.yaml").write_text(FILE)
    registry = PersonaRegistry.from_file(tmp_path / "p.yaml")
    maya, premium = registry.get("Maya"), registry.get("Premium")
    assert maya.capabilities == ("Refund up to $50", "$50")
    assert premium.capabilities == ("Refund up to $500", "$500")
    assert maya.greeting == "Hi {user_name}, write to help@acme.example (Maya, Acme Corp)."
    assert premium.constants == {"refund_limit": "$500", "mail": "help@acme.example (Premium, Acme Corp)"}
    assert "- Refund up to $500\n- $500" in premium.build_system_prompt(user_name="Jo")
    assert premium.build_greeting(user_name="Jo") == "Hi Jo, write to help@acme.example (Premium, Acme Corp)."


def test_every_part_of_a_prompt_says_who_wrote_it(tmp_path: Path) -> None:
    """What a constant filled stands in the line of the constant, the text around it in its own."""
    (tmp_path / "p.yaml").write_text(FILE)
    registry = PersonaRegistry.from_file(tmp_path / "p.yaml")
    for name, value, line in (("Maya", "$50", 5), ("Premium", "$500", 15)):
        spans = {
            (span.text, span.field): span.origin.line
            for each in registry.get(name).render(user_name="Jo").explain()
            for span in each.spans
            if span.origin is not None
        }
        assert spans["Refund up to ", "capabilities[1]"] == 11
        assert spans[value, "constants.refund_limit"] == line
    assert registry.explain("Premium").tables["constants"]["mail"].line == 6


def test_no_session_gives_a_constant(tmp_path: Path) -> None:
    """Neither a prompt nor a greeting takes one, used there or not, and `check` tells it before."""
    (tmp_path / "p.yaml").write_text(FILE)
    registry = PersonaRegistry.from_file(tmp_path / "p.yaml")
    maya = registry.get("Maya")
    for call in (maya.build_system_prompt, maya.render, maya.build_greeting, maya.with_session):
        with pytest.raises(
            InvalidValueError, match="'refund_limit', which is a constant of this persona; leave it out"
        ):
            call(user_name="Jo", refund_limit="$9")
        call(user_name="Jo", refund_limit=None)  # counts as not given
    for names in ({"session": {"user_name", "mail"}}, {"session": {"user_name"}, "optional": {"mail"}}):
        with pytest.raises(PersonaFileError) as caught:
            registry.check(**names)  # type: ignore[arg-type]
        (problem,) = caught.value.problems
        assert (problem.code, problem.line, problem.column) == ("session-constant", 6, 11)
    registry.check(session={"user_name"})


CASES = {
    "a variable too": (
        "A: {role: r, constants: {a: x}, variables: {a: y}}",
        "p.yaml:1:29: A.constants.a: 'a' is a variable of this persona too",
    ),
    "a variable of a child": (
        "A: {role: r, constants: {a: x}}\nB: {parent: A, variables: [a]}",
        "p.yaml:1:29: A.constants.a: 'a' is a variable of this persona too",
    ),
    "the name": ("A: {role: r, constants: {name: x}}", "A.constants: constant 'name' cannot be declared"),
    "the company": ("A: {role: r, constants: {company: x}}", "A.constants: constant 'company' cannot be declared"),
    "no identifier": ("A: {role: r, constants: {a-b: x}}", "constant 'a-b' is not a name that a placeholder can have"),
    "a number": ("A: {role: r, constants: {a: 5}}", 'A.constants.a: must be a text, not a number; quote it: "5"'),
    "null without a parent": ("A: {role: r, constants: {a: null}}", "A.constants.a: must be a text, not null"),
    "null of nothing": (
        "A: {role: r}\nB: {parent: A, constants: {a: null}}",
        "B.constants.a: is null, and no parent has it to take away",
    ),
    "in the display name": (
        "A: {role: r, display_name: 'The {a}', constants: {a: x}}",
        "p.yaml:1:28: A.display_name: '{a}' is a constant, and none is filled into the display_name",
    ),
    "in the company": (
        'A: {role: r, company: "{a} Inc", constants: {a: x}}',
        "p.yaml:1:23: A.company: '{a}' is a constant, and none is filled into the company",
    ),
    "a company that waits": (
        'A: {role: r, company: "{u} Inc", constants: {a: "{company}"}}',
        "A.constants.a: speaks of '{company}', which waits for the session's 'u'",
    ),
    "taken away and used": (
        'A: {abstract: true, role: r, greeting: "{a}", constants: {a: x}}\nB: {parent: A, constants: {a: null}}',
        "p.yaml:1:40: A.greeting: '{a}' is a constant that B takes away",
    ),
    "taken away where names are declared": (
        """
A: {abstract: true, greeting: "{a}{b}", constants: {a: x}}
B: {parent: A, role: r, constants: {a: null}, variables: [b]}
""",
        "A.greeting: '{a}' is no declared variable; 'B' takes the constant away: leave the constant, or write",
    ),
    "foreign text that gets one": (
        'A: {abstract: true, role: r, greeting: "{x}", variables: {}}\nB: {parent: A, constants: {a: x}}\nC: {parent: B}',
        "write '{{x}}' to print it, as 'B' declares names",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_constant_may_not_be_is_told_at_load(case: str, tmp_path: Path) -> None:
    """With its place, and what to do."""
    text, told = CASES[case]
    found = problems(text, tmp_path)
    assert told in found[0]


def test_python_refuses_what_a_file_may_not_have() -> None:
    """A persona without a parent is complete, and judged where it is made."""
    with pytest.raises(InvalidValueError, match=r"^A\.constants\.a: 'a' is a variable of this persona too"):
        Persona("A", "r", variables=["a"], constants={"a": "x"})
    with pytest.raises(InvalidValueError, match="none is filled into the company"):
        Persona("A", "r", company="{a}", constants={"a": "x"})
    Persona("A", "r", variables=["a"], constants={"a": "x"}, abstract=True)  # a child may take it away


def test_a_template_asks_the_persona_for_a_constant(tmp_path: Path) -> None:
    """`persona.constants.x` is always the constant x; to ask the session for it is an error that says so."""
    (tmp_path / "good.j2").write_text("{{ persona.name }}: {{ persona.constants.items }}, {{ persona.constants['a'] }}")
    (tmp_path / "bad.j2").write_text("{{ persona.name }}\n{{ session.a }}")
    (tmp_path / "slip.j2").write_text("{{ persona.name }}\n{{ persona.constants.itms }}")
    registry = PersonaRegistry(templates=tmp_path)
    registry.define(Persona("Maya", "r", constants={"items": "5 {name}", "a": "{b}"}))
    maya = registry.get("Maya")
    assert maya.build_system_prompt("good") == "Maya: 5 Maya, {b}"
    with pytest.raises(TemplateError, match=r"bad\.j2:2: .*constant.*; write persona\.constants\.a"):
        maya.build_system_prompt("bad")
    with pytest.raises(TemplateError, match="did you mean 'items'"):
        maya.build_system_prompt("slip")


def test_check_finds_what_asks_the_session_for_a_constant(tmp_path: Path) -> None:
    """Whether it is told what the handler passes or not."""
    text = "A: {role: r, template: bad, constants: {a: x}}"
    found = problems(
        text, tmp_path, bad="{{ persona.name }} {{ persona.role }}{% if session.a is defined %}{% endif %}"
    )
    (told,) = found
    assert told.startswith("bad.j2:1: session.a: 'a' is a constant of the persona, which no session gives")


def test_check_suggests_a_constant_for_a_slip_of_one(tmp_path: Path) -> None:
    """Where any name may be a placeholder, a slip would wait for the session for ever."""
    text = 'A: {role: r, constants: {refund_limit: x}, greeting: "{refnd_limit} {other}"}'
    (told,) = problems(text, tmp_path)
    assert "'{refnd_limit}' is no constant of the persona" in told
    assert "did you mean '{refund_limit}'?" in told
    registry = PersonaRegistry.from_file(tmp_path / "p.yaml")
    assert "near-constant" not in [each.code for each in registry.problems({"refnd_limit", "other"})]  # it is passed
    with pytest.raises(MissingVariableError, match="did you mean the constant 'refund_limit'"):
        registry.get("A").build_greeting()


def test_check_finds_variables_that_are_constants(tmp_path: Path) -> None:
    """A default that the handler never overrides stands in every prompt, and yet ends the stable part where it is given."""
    (tmp_path / "p.yaml").write_text(
        'A: {role: r, variables: {u: null, limit: $5, plan: free, idle: x}, greeting: "{u}", capabilities: ["{limit}", "{plan}"]}'
    )
    registry = PersonaRegistry.from_file(tmp_path / "p.yaml")

    def always(session: set[str], *optional: str) -> list[str | None]:
        return [each.field for each in registry.problems(session, optional) if each.code == "default-always-used"]

    assert always({"u"}) == ["variables.limit", "variables.plan"]
    assert always({"u", "plan"}) == ["variables.limit"]
    assert always({"u", "plan"}, "limit") == []
    assert [each for each in registry.problems() if each.code == "default-always-used"] == []


def test_a_stamp_names_constants(tmp_path: Path) -> None:
    """A constant that changed is told by its own name, used or not."""
    before = PersonaRegistry.from_dict({"A": {"role": "r", "constants": {"a": "x"}}})
    stamp = before.get("A").render().stamp()
    after = PersonaRegistry.from_dict({"A": {"role": "r", "constants": {"a": "y"}}})
    assert before.verify(stamp) == ()
    assert after.verify(stamp) == ("persona.constants",)
    assert before.get("A").fingerprint != after.get("A").fingerprint


def test_texts_that_are_filled_speak_of_no_other_constants() -> None:
    """`dataclasses.replace` cannot give a complete persona another constant, as its texts have the old one."""
    registry = PersonaRegistry.from_dict({"A": {"role": "r", "greeting": "{a}", "constants": {"a": "x"}}})
    persona = registry.get("A")
    for each in (persona, pickle.loads(pickle.dumps(persona))):
        with pytest.raises(InvalidValueError, match="its constants are filled in already"):
            dataclasses.replace(each, constants={"a": "y"})
    again = dataclasses.replace(registry.definition("A"), constants={"a": "y"})
    assert again.build_greeting() == "y"


# What a constant may hold: braces, escapes and names, so that what is filled in could be taken for a placeholder.
PIECES = st.sampled_from(["{a}", "{b}", "{u}", "{name}", "{company}", "{{a}}", "{{u}}", "{", "}", "$", "x", " ", "é"])
WRITTEN = st.lists(PIECES, max_size=5).map("".join)
VALUES = st.sampled_from(["Jo", "{a}", "{name}", "{{a}}", "x{", "}", "$"])


def filled(text: str, values: dict[str, str]) -> str:
    """Fill a text in one pass, in the plainest way."""
    parts = Placeholders(values.keys() | {"a", "b", "u"}).parse(text)
    return "".join(values[part.name] if isinstance(part, Placeholder) else part for part in parts)


@given(WRITTEN, WRITTEN, WRITTEN, VALUES, st.booleans())
def test_no_session_value_moves_a_constant(a: str, b: str, text: str, value: str, declares: bool) -> None:
    """A constant prints the same for every session, and what is filled in is never scanned again."""
    fields = {"role": "r", "company": "Acme", "constants": {"a": a, "b": b}, "custom_sections": {"s": f"|{text}|"}}
    registry = PersonaRegistry.from_dict({"May": fields | ({"variables": ["u"]} if declares else {})})
    own = {"name": "May", "company": "Acme"}
    constants = {name: filled_constant(each, own) for name, each in (("a", a), ("b", b))}
    expected = filled(f"|{text}|", {**own, **constants, "u": value})
    may = registry.get("May")
    for persona in (may, registry.definition("May"), pickle.loads(pickle.dumps(may))):
        assert persona.build_system_prompt(u=value).endswith(expected)
    assert "\n".join(line.text for line in may.render(u=value).explain()) == may.build_system_prompt(u=value)


def filled_constant(text: str, own: dict[str, str]) -> str:
    """Fill the name and the company, and nothing else; escapes print what they print everywhere."""
    parts = Placeholders.of_constants("Acme").parse(text)
    return "".join(own[part.name] if isinstance(part, Placeholder) else part for part in parts)


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.dictionaries(NAMES, st.none() | WRITTEN, max_size=3), min_size=1, max_size=4))
def test_constants_are_inherited_as_a_mapping_is_merged(
    chain: list[dict[str, str | None]],
) -> None:
    """By key, where null removes: as merging by hand; what is written back as a file says the same."""
    merged: dict[str, str | None] = {}
    definitions: dict[str, dict[str, object]] = {}
    for index, own in enumerate(chain):
        own = {name: text for name, text in own.items() if text is not None or name in merged}
        merged = {name: text for name, text in {**merged, **own}.items() if text is not None}
        definitions[f"P{index}"] = {"role": "r", "constants": own, **({"parent": f"P{index - 1}"} if index else {})}
    registry = PersonaRegistry.from_dict(definitions)
    last = f"P{len(chain) - 1}"
    by_hand = PersonaRegistry.from_dict({last: {"role": "r", "constants": merged}})
    constants = registry.get(last).constants
    assert dict(constants) == dict(by_hand.get(last).constants)
    assert registry.get(last).build_system_prompt() == by_hand.get(last).build_system_prompt()
    assert set(registry.explain(last).tables["constants"]) == set(merged)


@given(st.dictionaries(NAMES, WRITTEN, min_size=1, max_size=3), WRITTEN)
def test_what_is_written_as_a_file_reads_back(constants: dict[str, str], text: str) -> None:
    """Constants and the texts that use them, as they were defined."""
    definition = {"role": "r", "greeting": f"hi {text}", "constants": constants}
    registry = PersonaRegistry.from_dict({"May": definition})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.yaml"
        registry.to_yaml(path)
        again = PersonaRegistry.from_file(path)
    assert again.definition("May") == registry.definition("May")
    assert again.get("May").greeting == registry.get("May").greeting


@pytest.mark.parametrize(("kind", "name"), [("constants", "name"), ("constants", "company"), ("variables", "name")])
def test_a_name_that_is_kept_is_to_be_another(kind: str, name: str) -> None:
    """Letters would not help: the remedy is the same for a file and in Python."""
    with pytest.raises(PersonaError) as from_data:
        PersonaRegistry.from_dict({"Maya": {"role": "r", kind: {name: "x"}}})
    with pytest.raises(PersonaError) as in_python:
        Persona("Maya", "r", **{kind: {name: "x"}})
    for caught in (from_data, in_python):
        assert "it is kept for the persona's own; rename it" in str(caught.value)
