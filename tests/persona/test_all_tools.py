"""`tools: all`: a persona that may use every tool there is, whichever the catalogue has."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import InheritanceError, InvalidValueError, Persona, PersonaFileError, PersonaRegistry, TemplateError
from llm_persona.frozen import ALL

CATALOGUE = [{"name": "find", "description": "Finds."}, {"name": "refund"}, {"type": "web_search"}]
FILE = """\
$tools: tools.json
Base: {abstract: true, tools: all, role: Guide}
Every: {parent: Base}
Some: {parent: Base, tools: [find]}
Again: {parent: Some, tools: all}
Gone: {parent: Base, tools: null}
Swapped: {parent: Base, tools: {replace: [refund]}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> PersonaRegistry:
    (tmp_path / "tools.json").write_text(json.dumps(CATALOGUE[:2]))
    (tmp_path / "personas.yaml").write_text(FILE)
    return PersonaRegistry.from_file(tmp_path / "personas.yaml")


def test_all_and_a_list_replace_one_another(registry: PersonaRegistry) -> None:
    """Whichever is written last in the chain."""
    tools = {name: registry.get(name).tools for name in registry.list_names()}
    assert tools == {"Every": "all", "Some": ("find",), "Again": "all", "Gone": (), "Swapped": ("refund",)}
    origins = {name: [each.line for each in registry.explain(name).lists["tools"]] for name in registry.list_names()}
    assert origins == {"Every": [2], "Some": [4], "Again": [5], "Gone": [], "Swapped": [7]}


def test_the_whole_catalogue_is_selected(registry: PersonaRegistry) -> None:
    """In its order, each the product's own object; what has no name as the call says."""
    every = registry.get("Every")
    assert every.select_tools(CATALOGUE[:2]) == CATALOGUE[:2]
    assert every.select_tools({"b": {}, "a": {}}) == [{}, {}]
    assert every.select_tools([CATALOGUE[2], *CATALOGUE[:2]], unnamed="keep") == [CATALOGUE[2], *CATALOGUE[:2]]
    assert every.select_tools(CATALOGUE, unnamed="drop") == CATALOGUE[:2]
    with pytest.raises(InvalidValueError, match="a tool definition has no name"):
        every.select_tools(CATALOGUE)
    assert every.select_tools([]) == []


@pytest.mark.parametrize("edit", [{"add": ["x"]}, {"remove": ["x"]}, {"remove": ["x"], "add": ["y"]}])
def test_all_is_no_list_to_edit(edit: dict[str, list[str]]) -> None:
    """Neither adding to it nor removing from it means anything that stays true when the catalogue grows."""
    with pytest.raises(
        InheritanceError, match=r"Kid\.tools\.(add|remove): edits the parent's, which is all and no list"
    ):
        PersonaRegistry().define(Persona("Base", "r", tools="all"), Persona("Kid", parent="Base", tools=edit))


def test_nothing_but_all_is_all(tmp_path: Path) -> None:
    """Another text is told as what it is not, in a file and in Python alike; a list may hold the word."""
    message = 'must be a list of texts, or all, not a text; write "- every"'
    with pytest.raises(InvalidValueError, match=message):
        Persona("A", "r", tools="every")  # type: ignore[arg-type]
    (tmp_path / "p.yaml").write_text("A: {role: r, tools: every}\nB: {role: r, tools: 5}\n")
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(tmp_path / "p.yaml")
    assert message in str(caught.value.problems[0])
    assert "B.tools: must be a list of texts, or all, not a number" in str(caught.value.problems[1])
    assert Persona("A", "r", tools=["all"]).tools == ("all",)
    assert Persona("A", "r", tools=["all"]) != Persona("A", "r", tools="all")


def test_templates_see_what_the_catalogue_has(registry: PersonaRegistry, tmp_path: Path) -> None:
    """Without a catalogue nobody knows which tools there are, and asking is an error."""
    (tmp_path / "own.j2").write_text(
        "{{ persona.name }}: {{ persona.tools|join(', ') }}"
        "{% for name, text in persona.tool_descriptions|items %} {{ name }}={{ text }}{% endfor %}"
    )
    known = PersonaRegistry(templates=tmp_path, tools=CATALOGUE[:2])
    known.define(Persona("May", "r", tools="all", template="own"))
    for each in (known.get("May"), pickle.loads(pickle.dumps(known.get("May")))):
        assert each.build_system_prompt() == "May: find, refund find=Finds. refund="
    for template in ("own", "names"):
        (tmp_path / "names.j2").write_text("{{ persona.name }}{{ persona.tool_descriptions|length }}")
        unknown = PersonaRegistry(templates=tmp_path)
        unknown.define(Persona("May", "r", tools="all"))
        with pytest.raises(TemplateError, match="it has all tools, and there is no catalogue"):
            unknown.get("May").build_system_prompt(template)


def test_all_is_written_compared_and_told(registry: PersonaRegistry, tmp_path: Path) -> None:
    """In files, pickles, fingerprints and differences it is the word."""
    every, some = registry.get("Every"), registry.get("Some")
    for again in (pickle.loads(pickle.dumps(every)), copy.deepcopy(every), dataclasses.replace(every, tone="x")):
        assert again.tools is ALL
    assert every.to_dict()["tools"] == "all"
    registry.to_yaml(tmp_path / "again.yaml")
    assert PersonaRegistry.from_file(tmp_path / "again.yaml").get("Again").tools is ALL
    changed = registry.diff(PersonaRegistry.from_dict({"Every": {"role": "Guide", "tools": ["find"]}}))
    assert "~ tools: 'all' -> ('find',)" in [
        str(each).replace("['find']", "('find',)") for each in changed.changed[0].fields
    ]
    assert every.fingerprint != some.fingerprint
    assert "tools='all'" in repr(every)


TOOLS = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.none() | st.just("all") | st.lists(TOOLS, unique=True), max_size=4))
def test_tools_are_inherited_as_written_last(chain: list[object]) -> None:
    """A list adds to lists, and stands in the place of `all`; null empties either."""
    expected: object = ()
    definitions: dict[str, object] = {"P": {"role": "r"}}
    last = "P"
    for index, own in enumerate(chain):
        definitions[f"P{index}"] = {"parent": last, "tools": own}
        last = f"P{index}"
        if own is None or own == "all":
            expected = own or ()
        else:
            before = () if expected == "all" else expected
            expected = (*before, *(each for each in own if each not in before))  # type: ignore[misc,has-type,attr-defined]
    assert PersonaRegistry.from_dict(definitions).get(last).tools == expected
