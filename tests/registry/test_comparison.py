from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry
from llm_persona.errors import InheritanceError
from llm_persona.registry.comparison import COMPARED, FieldChange, PersonaChange, compare

TEXT = st.sampled_from(["a", "b", "c", "d {x}", "line\nline", "{name}"])
TEXTS = st.lists(TEXT, max_size=5)
NAMED = st.dictionaries(st.sampled_from("abcd"), TEXT, max_size=4)
FIELDS = st.fixed_dictionaries(
    {"role": TEXT},
    optional={
        "company": TEXT,
        "tone": TEXT,
        "greeting": TEXT,
        "display_name": st.sampled_from(["May", "Mia"]),
        "template": st.sampled_from(["markdown", "xml", "compact"]),
        "capabilities": TEXTS,
        "constraints": TEXTS,
        "tools": st.lists(st.sampled_from("tuv"), max_size=3),
        "custom_sections": NAMED,
        "variables": st.fixed_dictionaries({"x": st.sampled_from([None, "required", "1"])}),
        "metadata": st.dictionaries(st.sampled_from("mn"), st.sampled_from([1, True, 1.0, "1", [1], [True]])),
        "description": TEXT,
        "version": st.sampled_from(["1", "2"]),
    },
)
DEFINITIONS = st.builds(
    lambda served, sides, others: {
        "Maya": {**served, "version": "1"},
        **{f"Maya@{key}": without_version(fields) for key, fields in sides.items()},
        **others,
    },
    FIELDS,
    st.dictionaries(st.sampled_from("23"), FIELDS, max_size=2),
    st.dictionaries(st.sampled_from(["Dora", "Max"]), FIELDS, max_size=2),
)
REGISTRIES = DEFINITIONS.map(lambda data: defined(data))


@st.composite
def edits(draw: st.DrawFn) -> tuple[PersonaRegistry, PersonaRegistry]:
    """Two registries: the second has some personas of the first as they are, and others anew."""
    one, other = draw(DEFINITIONS), draw(DEFINITIONS)
    kept = draw(st.sets(st.sampled_from(sorted(one)), min_size=1))
    return defined(one), defined({**other, **{key: one[key] for key in kept}})


def defined(data: dict[str, dict[str, Any]]) -> PersonaRegistry:
    return registry(*(Persona(key, **fields) for key, fields in data.items()))


def registry(*personas: Persona) -> PersonaRegistry:
    made = PersonaRegistry(precompile=False)
    made.define(*personas)
    return made


def without_version(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "version"}


def alone(**fields: Any) -> Persona:
    return registry(Persona(**{"name": "Maya", "role": "Guide", **fields})).get("Maya")


def shown(before: Persona, after: Persona) -> list[str]:
    return [str(change) for change in compare(before, after).fields]


# Fields


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"tone": "kind"}, {"tone": "brief"}, ["~ tone: 'kind' -> 'brief'"]),
        ({}, {"greeting": "Hi"}, ["+ greeting: 'Hi'"]),
        ({"greeting": "Hi"}, {}, ["- greeting: 'Hi'"]),
        ({"constraints": ["a", "b"]}, {"constraints": ["b", "c"]}, ["- constraints[1]: 'a'", "+ constraints[2]: 'c'"]),
        ({"constraints": ["a", "b"]}, {"constraints": ["b", "a"]}, ["= constraints: in another order"]),
        (
            {"constraints": ["a", "b"]},
            {"constraints": ["b", "c", "a"]},
            ["+ constraints[2]: 'c'", "= constraints: in another order"],
        ),
        ({"constraints": ["a", "a"]}, {"constraints": ["a"]}, ["- constraints[2]: 'a'"]),
        ({"custom_sections": {"A": "x"}}, {"custom_sections": {"A": "y"}}, ["~ custom_sections.A: 'x' -> 'y'"]),
        (
            {"custom_sections": {"A": "x", "B": "y"}},
            {"custom_sections": {"B": "y", "A": "x"}},
            ["= custom_sections: in another order"],
        ),
        ({"variables": {"x": "1"}}, {"variables": {"x": None}}, ["~ variables.x: '1' -> required"]),
        ({"variables": {"x": "required"}}, {"variables": {"x": None}}, ["~ variables.x: 'required' -> required"]),
        ({"variables": {"x": "1"}}, {"variables": {"x": "1", "y": None}}, ["+ variables.y: required"]),
        ({"variables": {"x": "1", "y": "2"}}, {"variables": {"y": "2", "x": "1"}}, []),
        ({}, {"variables": {}}, ["+ variables: {}"]),
        ({"metadata": {"n": 1}}, {"metadata": {"n": True}}, ["~ metadata.n: 1 -> True"]),
        ({"description": "x"}, {}, ["- description: 'x'"]),
        ({"tone": "t" * 100}, {"tone": "u"}, [f"~ tone: '{'t' * 59}…' -> 'u'"]),
    ],
)
def test_field_changes(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    """Every change is one entry: its sign, the field as its author would write it, and the values that differ."""
    assert shown(alone(**before), alone(**after)) == expected


@pytest.mark.hits(0.65)
@given(FIELDS, FIELDS)
def test_every_field_change_is_reported(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """A field is among the changes if and only if it differs; the types of metadata and the order of sections count."""

    def notes(persona: Persona) -> dict[str, object]:
        fields = {name: repr(getattr(persona, name)) for name in COMPARED}
        unordered = {name: sorted((getattr(persona, name) or {}).items()) for name in ("variables", "metadata")}
        declared = persona.variables is None
        return {
            **fields,
            "metadata": repr(unordered["metadata"]),
            "variables": (declared, repr(unordered["variables"])),
        }

    old, new = alone(**before), alone(**after)
    differing = {name for name in COMPARED if notes(old)[name] != notes(new)[name]}
    assert {change.path[0] for change in compare(old, new).fields} == differing
    return bool(differing)


@pytest.mark.hits(0.5)
@given(TEXTS, TEXTS.filter(bool))
def test_list_changes_are_complete(before: list[str], after: list[str]) -> bool:
    """What was removed, taken out of the old list, and what was added, out of the new, leave the same items."""
    changes = compare(alone(constraints=before), alone(constraints=after)).fields
    removed = {change.path[1] for change in changes if change.kind == "removed"}
    added = {change.path[1] for change in changes if change.kind == "added"}
    kept = [text for index, text in enumerate(alone(constraints=before).constraints) if index not in removed]
    stayed = [text for index, text in enumerate(alone(constraints=after).constraints) if index not in added]
    assert sorted(kept) == sorted(stayed)
    assert (kept != stayed) == any(change.kind == "moved" for change in changes)
    return bool(changes)


def test_description_is_compared_under_one_key_only() -> None:
    """A description says something of one persona: between two, it is no change."""
    made = registry(Persona("A", "Guide", description="the first"), Persona("B", "Guide", description="the second"))
    assert compare(made.get("A"), made.get("B")).fields == ()


# Personas


def test_unresolved_persona_is_refused() -> None:
    """A persona whose parent is not applied has no fields to compare."""
    with pytest.raises(InheritanceError, match="is not applied yet"):
        compare(Persona("A", parent="B"), alone())


def test_change_of_nothing_is_false() -> None:
    """A persona compared with itself has no changes, and the cached prefix stays."""
    change = compare(alone(), alone())
    assert (bool(change), change.fields, change.prefix_rewritten, change.why_not) == (False, (), False, None)


def test_metadata_is_no_content() -> None:
    """What can reach no prompt is a change, and none of the content."""
    change = compare(alone(), alone(description="x", metadata={"a": 1}))
    assert (bool(change), change.content_changed) == (True, False)


def test_the_cached_prefix_is_rewritten_or_stays() -> None:
    """A provider finds what it cached whole or not at all: the last item counts as the first, what follows does not."""
    before = alone(tone="kind", constraints=["a", "{x}"], tools=["one", "two"])
    for changes in ({"constraints": ["b", "{x}"]}, {"tone": "{x}"}, {"tools": ["two", "one"]}, {"tools": ["one"]}):
        assert compare(before, dataclasses.replace(before, **changes), {"x": "kind"}).prefix_rewritten is True
    for changes in ({"constraints": ["a", "{x}!"]}, {"description": "d"}, {"greeting": "Hi"}):
        assert compare(before, dataclasses.replace(before, **changes), {"x": "kind"}).prefix_rewritten is False
    assert compare(alone(role="{x}"), alone(role="{x}!")).prefix_rewritten is None


def test_what_a_tool_is_said_to_do_is_cached_before_the_prompt() -> None:
    """It rewrites the prefix of a prompt that is the same."""
    made = [
        PersonaRegistry.from_dict({"A": {"role": "Guide", "tools": ["t"]}}, tools=[{"name": "t", "description": what}])
        for what in ("finds", "finds orders")
    ]
    change = compare(*[each.get("A") for each in made])
    assert (change.prompt_changed, change.prefix_rewritten) == (False, True)


def test_variables_that_are_not_given_stand_as_they_are_written() -> None:
    """Prompts are rendered with what is given, and `{its_name}` for the rest."""
    change = compare(alone(tone="{x} {y}"), alone(tone="{y} {x}"), {"x": "X"})
    assert change.prompt_before is not None
    assert change.prompt_after is not None
    assert ("Tone: X {y}" in change.prompt_before, "Tone: {y} X" in change.prompt_after) == (True, True)


def test_persona_that_cannot_be_rendered(tmp_path: Path) -> None:
    """Where a prompt cannot be made, the other one is there still, and why_not says which failed, and why."""
    (tmp_path / "bad.j2").write_text("{{ session.x + 1 }}")
    made = PersonaRegistry(tmp_path)
    made.define(Persona("A", "Guide"), Persona("B", "Guide", template="bad"))
    change = compare(made.get("A"), made.get("B"))
    assert change.prompt_before is not None
    assert (change.prompt_after, change.prefix_rewritten) == (None, None)
    assert change.why_not is not None
    assert change.why_not.startswith("after: ")
    assert "bad.j2:1" in change.why_not


# Registries


def key_of(change: PersonaChange) -> tuple[str, str]:
    return change.before.key, change.after.key


def mirrored(change: FieldChange) -> FieldChange:
    kinds = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    return FieldChange(change.path, kinds[change.kind], change.after, change.before)  # type: ignore[arg-type]


@given(REGISTRIES)
def test_registry_is_no_different_from_itself(made: PersonaRegistry) -> None:
    """Any registry compared with itself, or with itself written out and read back, has no changes."""
    assert not made.diff(made)
    assert not made.diff(PersonaRegistry.from_dict(made.to_dict()))


@pytest.mark.hits(0.7)
@given(st.tuples(REGISTRIES, REGISTRIES))
def test_difference_is_mirrored(made: tuple[PersonaRegistry, PersonaRegistry]) -> bool:
    """Seen from the other side, what was added was removed, and every change leads back."""
    one, other = made
    there, back = one.diff(other), other.diff(one)
    assert (there.added, there.removed) == (back.removed, back.added)
    for name in ("changed", "thawed"):
        forth = {key_of(change): change for change in getattr(there, name)}
        home = {key_of(change)[::-1]: change for change in getattr(back, name)}
        assert forth.keys() == home.keys()
        for key, change in forth.items():
            assert set(map(repr, map(mirrored, change.fields))) == set(map(repr, home[key].fields))
            assert (change.prompt_before, change.prompt_after) == (home[key].prompt_after, home[key].prompt_before)
            assert change.template_changed == home[key].template_changed
    return bool(there.changed or there.thawed)


@given(edits())
def test_no_difference_means_the_same_prompts(made: tuple[PersonaRegistry, PersonaRegistry]) -> bool:
    """What is not among the changes says the same in both; a version that did not thaw has one stamp in both."""
    one, other = made
    change = one.diff(other)
    changed = {each.before.key for each in change.changed}
    same = set(one.references()) & set(other.references()) - changed
    for key in same:
        assert one.get(key).render(x="1") == other.get(key).render(x="1")
    thawed = {each.after.ref for each in change.thawed}
    pinned = {each.get(key).ref for each in made for key in each.references() if each.get(key).version}
    for ref in sorted(pinned - thawed):
        if ref in one and ref in other:
            assert one.get(ref).render(x="1").stamp() == other.get(ref).render(x="1").stamp()
    return bool(same)


def test_version_that_moves_has_not_gone() -> None:
    """`Maya` becomes version 2 and `Maya@1` stays beside it: nothing is gone, nothing thawed, one version is new."""
    first = Persona("Maya", "Guide", version="1")
    change = registry(first).diff(registry(Persona("Maya", "Chief", version="2"), Persona("Maya@1", "Guide")))
    assert (change.added, change.removed, change.thawed) == (("Maya@2",), (), ())
    assert [key_of(each) for each in change.changed] == [("Maya", "Maya")]


def test_version_that_was_not_kept_is_gone() -> None:
    """A version that nothing answers to any more is told: conversations may be pinned to it."""
    before, after = registry(Persona("Maya", "Guide", version="1")), registry(Persona("Maya", "Chief", version="2"))
    assert before.diff(after).removed == ("Maya@1",)


def test_version_that_changes_as_it_moves_has_thawed() -> None:
    """A kept version is held under its new key, and a tried one when it is served."""
    before = registry(Persona("Maya", "Guide", version="1"), Persona("Maya@2", "Chief"))
    after = registry(Persona("Maya", "Boss", version="2"), Persona("Maya@1", "Guide!"))
    assert sorted(map(key_of, before.diff(after).thawed)) == [("Maya", "Maya@1"), ("Maya@2", "Maya")]


def test_parents_edit_thaws_the_child() -> None:
    """A version is as its ancestors make it, abstract ones and pinned ones included."""

    def made(tone: str) -> PersonaRegistry:
        return registry(Persona("Base", abstract=True, tone=tone), Persona("Maya", "Guide", parent="Base", version="1"))

    assert [each.after.ref for each in made("kind").diff(made("brief")).thawed] == ["Maya@1"]


def test_key_that_a_template_prints_is_content(tmp_path: Path) -> None:
    """A prompt that differs has thawed: where a template prints it, the key of a kept version is another."""
    (tmp_path / "key.j2").write_text("{{ persona.key }}")
    before, after = PersonaRegistry(tmp_path), PersonaRegistry(tmp_path)
    before.define(Persona("Maya", "Guide", version="1", template="key"))
    after.define(Persona("Maya", "Chief", version="2"), Persona("Maya@1", "Guide", template="key"))
    assert before.get("Maya").fingerprint != after.get("Maya@1").fingerprint
    assert [each.after.ref for each in before.diff(after).thawed] == ["Maya@1"]


def test_unversioned_personas_are_named() -> None:
    """Personas that changed and have no version are named: nothing holds them. A note for people changes no content."""
    before = registry(Persona("A", "Guide"), Persona("B", "Guide"), Persona("C", "Guide", version="1"))
    after = registry(Persona("A", "Chief"), Persona("B", "Guide", description="x"), Persona("C", "Chief", version="2"))
    change = before.diff(after)
    assert (change.unversioned, change.thawed) == (("A",), ())


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ({"2": 10}, {"2": 25}, 0.15),
        ({"2": 10}, {}, 0.1),
        ({}, {"2": 10}, 0.1),
        ({"2": 10}, {"2": 10, "salt": "again"}, 0.18),
    ],
)
def test_share_of_units_that_move(before: dict[str, Any], after: dict[str, Any], moved: float) -> None:
    """A rollout that changed, came, went, or got another salt says which share of units gets another version."""
    data = {"Maya": {"role": "Guide", "version": "1"}, "Maya@2": {"role": "Chief"}}
    old, new = (
        PersonaRegistry.from_dict({**({"$rollouts": {"Maya": r}} if r else {}), **data}) for r in (before, after)
    )
    (change,) = old.diff(new).rollouts
    assert change.moved == pytest.approx(moved)
    units = [f"u{number}" for number in range(4_000)]
    measured = sum(old.get("Maya", unit=u).ref != new.get("Maya", unit=u).ref for u in units) / len(units)
    assert measured == pytest.approx(moved, abs=0.03)
    assert not old.diff(old).rollouts


def test_prompts_are_rendered_with_the_session() -> None:
    """`diff(session=...)` renders with the values given."""
    change = registry(Persona("A", "{x}")).diff(registry(Persona("A", "not {x}")), session={"x": "Chief"})
    assert change.changed[0].prompt_after == "You are A, a not Chief.\n\nTone: helpful and professional"


FIND = {"name": "find", "description": "d", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("catalogue", "rewritten", "tools"),
    [
        ([FIND], [], set()),
        ([{**FIND, "description": "e"}], ["Maya", "Dora"], {("changed", "find")}),
        (
            [{**FIND, "input_schema": {"type": "object", "required": ["order"]}}],
            ["Maya", "Dora"],
            {("changed", "find")},
        ),
        ([FIND, {"name": "refund"}], ["Dora"], {("added", "refund")}),
        ([FIND, {"type": "web_search"}], ["Maya", "Dora"], set()),  # which has no name
    ],
)
def test_a_catalogue_that_changes_rewrites_the_cached_prefix(
    catalogue: list[dict[str, Any]], rewritten: list[str], tools: set[tuple[str, str]], tmp_path: Path
) -> None:
    """The tools come first in it, though no prompt says what they are: who may use one of them pays anew."""

    def holding(name: str, catalogue: list[dict[str, Any]]) -> PersonaRegistry:
        personas = "$tools: tools.json\nMaya: {role: r, tools: [find]}\nDora: {role: r, tools: all}\nSam: {role: r}\n"
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text(personas, encoding="utf-8")
        (tmp_path / name / "tools.json").write_text(json.dumps(catalogue), encoding="utf-8")
        return PersonaRegistry.from_file(tmp_path / name / "p.yaml")

    change = holding("before", [FIND]).diff(holding("after", catalogue))
    assert [each.after.key for each in change.changed] == rewritten
    assert all(each.prefix_rewritten and not each.prompt_changed for each in change.changed)
    assert change.thawed == ()
    assert {tool for each in change.changed for tool in each.tools} == tools


@pytest.mark.parametrize("tools", [["find"], "all"])
def test_a_catalogue_that_is_named_first_rewrites_nothing(tools: Any) -> None:
    """What was sent before came from elsewhere."""
    data = {"Maya": {"role": "r", "tools": tools}}
    assert not PersonaRegistry.from_dict(data).diff(PersonaRegistry.from_dict(data, tools=[FIND]))
