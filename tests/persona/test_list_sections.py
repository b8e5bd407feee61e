"""Sections that are lists of texts: one list, which a template prints as lines or goes through item by item."""

from __future__ import annotations

import base64
import copy
import pickle
import re
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import InheritanceError, InvalidValueError, Persona, PersonaError, PersonaFileError, PersonaRegistry
from llm_persona.cli.main import cli

FILE = """\
Base:
  abstract: true
  role: Guide
  constants: {limit: $5}
  custom_sections:
    steps: ["Ask {user}", "Pay {limit}"]
    note: One text.
May: {parent: Base, custom_sections: {steps: [Say goodbye]}}
Kim: {parent: Base, custom_sections: {steps: {remove: ["Ask {user}"], add: [Smile]}, note: {replace: [a, b]}}}
Sam: {parent: Base, custom_sections: {steps: {replace: As one text.}, note: null}}
"""
OWN = (
    "{{ persona.name }}, {{ persona.role }}: {{ persona.custom_sections.steps|join('; ') }}\\n"
    "{% for step in persona.custom_sections.steps %}{{ loop.index }}/{{ loop.length }} {{ step }}. {% endfor %}\\n\\n"
    "{{ persona.custom_sections.steps|upper }}"
)


@pytest.fixture
def registry(tmp_path: Path) -> PersonaRegistry:
    (tmp_path / "p.yaml").write_text(FILE)
    (tmp_path / "own.j2").write_text(OWN.replace("\\n", "\n"))
    return PersonaRegistry.from_file(tmp_path / "p.yaml", templates=tmp_path)


def test_a_list_is_inherited_as_lists_are(registry: PersonaRegistry) -> None:
    """The child's items come after the parent's; edits take items away, or put a text or a list in its place."""
    sections = {name: dict(registry.get(name).custom_sections) for name in registry.list_names()}
    assert sections == {
        "May": {"steps": ("Ask {user}", "Pay $5", "Say goodbye"), "note": "One text."},
        "Kim": {"steps": ("Pay $5", "Smile"), "note": ("a", "b")},
        "Sam": {"steps": "As one text."},
    }


@pytest.mark.parametrize("template", ["default", "markdown", "xml", "compact", "verbatim"])
def test_every_bundled_template_prints_it_as_lines(registry: PersonaRegistry, template: str) -> None:
    """Where it prints a text: each item behind `- `, its placeholders filled; in xml the session's alone is escaped."""
    shown = "&lt;Jo&gt;" if template == "xml" else "<Jo>"
    prompt = registry.get("May").build_system_prompt(template, user="<Jo>")
    assert f"- Ask {shown}\n- Pay $5\n- Say goodbye" in prompt
    assert registry.get("May").build_system_prompt(template, user="<Jo>") == prompt
    explained = registry.get("May").render(template, user="<Jo>").explain()
    assert "\n".join(line.text for line in explained) == prompt


def test_a_template_goes_through_its_items(registry: PersonaRegistry) -> None:
    """A loop, a filter of lists, and a filter of texts, each by what it takes."""
    prompt = registry.get("May").render("own", user="Jo")
    assert prompt == (
        "May, Guide: Ask Jo; Pay $5; Say goodbye\n"
        "1/3 Ask Jo. 2/3 Pay $5. 3/3 Say goodbye.\n"
        "- ASK JO\n- PAY $5\n- SAY GOODBYE"
    )
    assert "\n".join(line.text for line in prompt.explain()) == prompt


def test_every_item_says_who_wrote_it(registry: PersonaRegistry) -> None:
    """With file and line, in prompts, in what is lacking, and in what the command line shows."""
    spans = {
        span.text: (span.field, span.origin.line)
        for line in registry.get("Kim").render().explain()
        for span in line.spans
        if span.origin is not None
    }
    assert spans["Pay "] == ("custom_sections.steps[1]", 6)
    assert spans["$5"] == ("constants.limit", 4)
    assert spans["Smile"] == ("custom_sections.steps[2]", 9)
    assert spans["b"] == ("custom_sections.note[2]", 9)
    assert [each.line for each in registry.explain("May").sections["steps"]] == [6, 6, 8]
    with pytest.raises(PersonaError, match=r"May: the session lacks 'user' \(custom_sections\.steps\[1\]\)"):
        registry.get("May").render()


def test_check_finds_items_that_are_never_printed(tmp_path: Path) -> None:
    """Item by item, or all where none is printed."""
    (tmp_path / "own.j2").write_text("{{ persona.name }} {{ persona.role }} {{ persona.custom_sections.steps[0] }}")
    registry = PersonaRegistry(templates=tmp_path, default_template="own")
    registry.define(Persona("May", "r", custom_sections={"steps": ["first of all", "then the rest"]}))
    assert [(each.code, each.field) for each in registry.problems()] == [
        ("text-never-printed", "custom_sections.steps[2]")
    ]


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "text over list": (
        {"steps": "x"},
        "custom_sections.steps: is a text, and the parent's is a list; write {replace: …}",
    ),
    "list over text": (
        {"note": ["x"]},
        "custom_sections.note: is a list, and the parent's is a text; write {replace: …}",
    ),
    "edit of a text": ({"note": {"add": ["x"]}}, "custom_sections.note: is a list, and the parent's is a text"),
    "edit of nothing": ({"new": {"add": ["x"]}}, "custom_sections.new: edits a list, and no parent has one"),
    "not there": ({"steps": {"remove": ["Paid"]}}, "custom_sections.steps.remove[1]: 'Paid' is not there to remove"),
}


@pytest.mark.parametrize("case", CASES)
def test_text_and_list_replace_one_another_by_word_alone(case: str) -> None:
    """What would silently be lost is an error that says how to mean it."""
    sections, message = CASES[case]
    base = Persona("Base", "r", custom_sections={"steps": ["Ask"], "note": "One."})
    with pytest.raises(InheritanceError) as caught:
        PersonaRegistry().define(base, Persona("Kid", parent="Base", custom_sections=sections))
    assert message in str(caught.value)


WRONG: dict[str, tuple[Any, str]] = {
    "a number": (5, "custom_sections.a: must be a text or a list of texts, not a number"),
    "an item": (["x", 5], "custom_sections.a[2]: must be a text, not a number"),
    "an empty item": (["x", " "], "custom_sections.a[2]: is empty"),
    "an edit without a parent": ({"add": ["x"]}, "custom_sections.a: must be a text or a list of texts, not a mapping"),
    "an unknown edit": ({"ad": ["x"]}, "custom_sections.a: unknown edit 'ad'; did you mean 'add'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_python_and_files_refuse_in_the_same_words(case: str) -> None:
    """Of the same place."""
    value, message = WRONG[case]
    with pytest.raises((InvalidValueError, InheritanceError)) as in_python:
        Persona("A", "r", custom_sections={"a": value})
    with pytest.raises(PersonaFileError) as in_data:
        PersonaRegistry.from_dict({"A": {"role": "r", "custom_sections": {"a": value}}})
    assert message in str(in_python.value)
    assert message in str(in_data.value.problems[0])


def test_what_changed_is_told_item_by_item(registry: PersonaRegistry) -> None:
    """In differences, stamps and fingerprints."""
    one = PersonaRegistry.from_dict({"A": {"role": "r", "custom_sections": {"s": ["a", "b"]}}})
    two = PersonaRegistry.from_dict({"A": {"role": "r", "custom_sections": {"s": ["a", "c"]}}})
    three = PersonaRegistry.from_dict({"A": {"role": "r", "custom_sections": {"s": "- a\n- b"}}})
    told = [str(each) for each in one.diff(two).changed[0].fields]
    assert told == ["- custom_sections.s[2]: 'b'", "+ custom_sections.s[2]: 'c'"]
    stamp = one.get("A").render().stamp()
    assert two.verify(stamp) == ("persona.custom_sections", "stable")
    assert three.get("A").build_system_prompt() == one.get("A").build_system_prompt()
    assert three.get("A").fingerprint != one.get("A").fingerprint


ITEMS = st.lists(st.sampled_from(["a", "b {u}", "{{c}}", "d\ne", "- f"]), max_size=3)
EDITS = st.none() | ITEMS | st.builds(lambda items: {"replace": items}, ITEMS | st.sampled_from(["t", "{u}"]))


@given(st.lists(EDITS, min_size=1, max_size=4))
def test_sections_are_inherited_as_merging_by_hand(chain: list[Any]) -> None:
    """And come back from files, pickles and copies as they were."""
    merged: Any = None
    definitions: dict[str, Any] = {"P": {"role": "r"}}
    last = "P"
    for index, own in enumerate(chain):
        if own is None:
            sections = {} if merged is None else {"s": None}
            merged = None
        elif isinstance(own, dict):
            merged, sections = own["replace"], {"s": own}
        elif isinstance(merged, str):
            sections = {}
        else:
            before = merged or []
            merged, sections = [*before, *(each for each in own if each not in before)], {"s": own}
        definitions[f"P{index}"] = {"parent": last, "custom_sections": sections}
        last = f"P{index}"
    registry = PersonaRegistry.from_dict(definitions)
    persona = registry.get(last)
    by_hand = {} if merged is None else {"s": merged}
    expected = PersonaRegistry.from_dict({last: {"role": "r", "custom_sections": by_hand}}).get(last)
    assert dict(persona.custom_sections) == dict(expected.custom_sections)
    prompt = expected.build_system_prompt(u="Jo")
    with tempfile.TemporaryDirectory() as folder:
        registry.to_yaml(Path(folder) / "p.yaml")
        again = PersonaRegistry.from_file(Path(folder) / "p.yaml")
    assert again.definition(last) == registry.definition(last)
    for each in (persona, again.get(last), pickle.loads(pickle.dumps(persona)), copy.deepcopy(persona)):
        assert each.build_system_prompt(u="Jo") == prompt
        assert hash(each) == hash(persona)


ENDINGS = {"agent": "md", "card": "json"}


def test_it_goes_out_and_comes_in(registry: PersonaRegistry, tmp_path: Path) -> None:
    """As agent Markdown and as a character card, and is shown item by item."""
    for name, form in (("May", "agent"), ("Kim", "card")):
        written, read = tmp_path / f"out.{ENDINGS[form]}", tmp_path / f"{name}.yaml"
        for arguments in (
            ["export", name, "--format", form, "-f", str(tmp_path / "p.yaml"), "-o", str(written)],
            ["import", str(written), "-o", str(read)],
        ):
            assert CliRunner().invoke(cli, arguments).exit_code == 0
        assert PersonaRegistry.from_file(read).get(name).custom_sections == registry.get(name).custom_sections
    shown = CliRunner().invoke(cli, ["show", "Kim", "-f", str(tmp_path / "p.yaml")]).output
    items = [line.split()[1:] for line in shown.splitlines() if "    - " in line]
    assert items == [["Base", "-", "Pay", "$5"], ["Kim", "-", "Smile"], ["Kim", "-", "a"], ["Kim", "-", "b"]]
    page = tmp_path / "page.html"
    CliRunner().invoke(cli, ["preview", "-f", str(tmp_path / "p.yaml"), "-s", "user=Jo", "-o", str(page)])
    prompts = re.search(r'<script type="application/octet-stream" id="prompts">([^<]*)', page.read_text("utf-8"))
    assert prompts is not None
    assert b"Smile" in zlib.decompress(base64.b64decode(prompts[1]))
