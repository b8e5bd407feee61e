"""What is said twice: items of one list that are alike, and texts that a child would inherit anyway."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry, validate_file
from llm_persona.checks.repeats import like

CODES = ("alike-items", "same-as-parent")
WORDS = st.lists(st.from_regex(r"[A-Za-z]{1,8}", fullmatch=True), min_size=1, max_size=5)


def told(tmp_path: Path, text: str) -> list[str]:
    """Return what is found of repeats in a file, without its path."""
    path = tmp_path / "personas.yaml"
    path.write_text(text, encoding="utf-8")
    problems = validate_file(path)
    assert {problem.severity for problem in problems} <= {"warning"}, problems
    return [str(problem).removeprefix(str(path)) for problem in problems if problem.code in CODES]


@pytest.mark.parametrize("field", ["capabilities", "constraints"])
def test_items_that_are_alike_are_told_at_the_later_one(tmp_path: Path, field: str) -> None:
    """Case, blanks and full stops do not count; which one it repeats is said."""
    text = f"Maya:\n  role: x\n  {field}:\n  - Never guess\n  - Never lie.\n  - never  guess.\n  - Never guess\n"
    message = "says the same as 'Never guess', but for case, blanks and full stops; keep one of the two [alike-items]"
    assert told(tmp_path, text) == [
        f":6:5: warning: Maya.{field}[3]: {message}",
        f":7:5: warning: Maya.{field}[4]: {message}",
    ]


def test_an_item_like_an_inherited_one_is_told_of_the_child_that_wrote_it(tmp_path: Path) -> None:
    """Once, and not of the children below it."""
    text = (
        "Base: {role: x, abstract: true, constraints: [Never guess]}\n"
        "Maya: {parent: Base, constraints: {add: [NEVER GUESS.]}}\n"
        "More: {parent: Maya, display_name: Maya}\n"
    )
    (found,) = told(tmp_path, text)
    assert found.startswith(":2:42: warning: Maya.constraints.add[1]: says the same as 'Never guess'")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refund up to $1.50", "Refund up to $150"),
        ("Never guess", "Never guess!"),
        ("Never guess", "Never, guess"),
        ("Say yes", "Say no"),
    ],
)
def test_what_differs_in_more_is_left_in_peace(tmp_path: Path, one: str, other: str) -> None:
    """A point between two digits is no full stop, and any other sign is a difference."""
    assert told(tmp_path, f"Maya: {{role: x, constraints: ['{one}', '{other}'], capabilities: ['{one}']}}") == []


@settings(max_examples=40)
@given(words=WORDS, blank=st.sampled_from([" ", "  ", "\u00a0", " \t"]), stops=st.sampled_from(["", ".", "..."]))
def test_case_blanks_and_full_stops_never_count(words: list[str], blank: str, stops: str) -> None:
    """However a text is written in them, it is like itself."""
    assert like(blank.join(words).upper() + stops) == like(" ".join(words))


@settings(max_examples=60)
@given(one=st.text(min_size=1), other=st.text(min_size=1))
def test_nothing_else_is_left_out(one: str, other: str) -> None:
    """Two texts that are alike have the same characters, but for case, blanks and full stops."""
    rest = ["".join(ch for ch in text.casefold() if not ch.isspace() and ch != ".") for text in (one, other)]
    assert like(one) != like(other) or rest[0] == rest[1]


PARENT = (
    "Base:\n  role: Guide\n  abstract: true\n  company: Acme\n  tone: warm\n  greeting: Hi, I'm {name}\n"
    "  display_name: May\n  constraints: [Never guess]\n  capabilities: [Look up]\n  constants: {limit: $50}\n"
    "  variables: {plan: free, user: null}\n  custom_sections: {notes: 'Plan {plan} {user} {limit}', steps: [Ask, Answer]}\n"
)


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("role: Guide", "role"),
        ("company: Acme", "company"),
        ("tone: warm", "tone"),
        ("greeting: Hi, I'm {name}", "greeting"),
        ("display_name: May", "display_name"),
        ("constraints: [Never guess]", "constraints[1]"),
        ("capabilities: {add: [Look up]}", "capabilities.add[1]"),
        ("constants: {limit: $50}", "constants.limit"),
        ("variables: {plan: free}", "variables.plan"),
        ("custom_sections: {notes: 'Plan {plan} {user} {limit}'}", "custom_sections.notes"),
        ("custom_sections: {notes: {replace: 'Plan {plan} {user} {limit}'}}", "custom_sections.notes"),
        ("custom_sections: {steps: [Ask]}", "custom_sections.steps[1]"),
    ],
)
def test_a_text_equal_to_the_parents_is_told(tmp_path: Path, written: str, field: str) -> None:
    """In every field that holds people's words, with its place; and nothing changes without it."""
    (found,) = told(tmp_path, f"{PARENT}Maya:\n  parent: Base\n  {written}\n")
    assert f": warning: Maya.{field}: is what 'Base' gives it anyway" in found
    assert found.startswith(":15:")
    with_it = PersonaRegistry.from_file(tmp_path / "personas.yaml").get("Maya")
    (tmp_path / "personas.yaml").write_text(f"{PARENT}Maya:\n  parent: Base\n", encoding="utf-8")
    assert PersonaRegistry.from_file(tmp_path / "personas.yaml").get("Maya") == with_it


@pytest.mark.parametrize(
    "written",
    [
        "role: guide",
        "tone: warm.",
        "company: null",
        "constraints: {remove: [Never guess], add: [Never guess]}",
        "constraints: {replace: [Never guess]}",
        "variables: {user: null}",
        "template: default",
        "metadata: {owner: x}",
        "description: warm",
    ],
)
def test_what_says_something_of_its_own_is_left_in_peace(tmp_path: Path, written: str) -> None:
    """Another text, an item that moves to the end, a list that is replaced, what no prompt says."""
    assert (
        told(tmp_path, f"{PARENT}  metadata: {{owner: x}}\n  description: warm\nMaya:\n  parent: Base\n  {written}\n")
        == []
    )


def test_both_can_be_accepted(tmp_path: Path) -> None:
    """Where they are meant, as every warning can."""
    text = "Maya: {parent: Base, tone: warm, constraints: [Wait, wait.]}\nBase: {role: x, tone: warm, abstract: true}\n"
    assert len(told(tmp_path, text)) == 2
    assert told(tmp_path, f"$accept: {{alike-items: [Maya], same-as-parent: [Maya]}}\n{text}") == []


def test_a_registry_from_python_is_told_too() -> None:
    """Without places, by persona and field."""
    registry = PersonaRegistry()
    registry.define(Persona("Maya", "Guide", constraints=["Wait", "wait."]))
    (found,) = [problem for problem in registry.problems() if problem.code in CODES]
    assert (found.path, found.persona, found.field, found.code) == (None, "Maya", "constraints[2]", "alike-items")
