"""What is gone and left a line: `Maya@1: {replaced_by: 2}`. It is no persona, and whoever asks gets what replaces it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import (
    InheritanceError,
    InvalidValueError,
    Persona,
    PersonaError,
    PersonaFileError,
    PersonaRegistry,
    Problem,
    UnknownPersonaError,
    UnknownVersionError,
    validate_file,
)

FILE = """\
$rollouts: {Maya: {3: 50}}
Maya: {role: Guide, version: 2}
Maya@3: {role: Chief}
Maya@1: {replaced_by: 2}
Maya@0: {replaced_by: 1, description: the first one}
Dora: {replaced_by: Maya}
Max: {replaced_by: Maya@3}
Zed: {replaced_by: null}
Yan: {replaced_by: Zed}
"""


def registry(text: str) -> PersonaRegistry:
    return PersonaRegistry.from_dict(yaml.safe_load(text))


@pytest.fixture
def made(tmp_path: Path) -> PersonaRegistry:
    (tmp_path / "personas.yaml").write_text(FILE)
    return PersonaRegistry.from_file(tmp_path / "personas.yaml")


# Asking


@pytest.mark.parametrize(
    ("asked", "ref"),
    [("Maya@1", "Maya@2"), ("Maya@0", "Maya@2"), ("Dora", "Maya@2"), ("Max", "Maya@3"), ("Dora@7", "Maya@2")],
)
def test_who_asks_gets_what_replaces_it(made: PersonaRegistry, asked: str, ref: str) -> None:
    """A version, a name, and every version of a name that is gone: the persona is the one in its place, as its ref says."""
    assert made.get(asked).ref == ref
    assert made.get(asked) is made.get(ref)
    assert made.get(asked).render() == made.get(ref).render()
    name, _, version = asked.partition("@")
    if version:
        assert made.get(name, version=int(version)) is made.get(ref)
    assert asked in made
    assert made.definition(asked) == made.definition(ref)
    assert made.explain(asked) == made.explain(ref)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ("Zed", UnknownPersonaError, "Zed: was retired; nothing stands in its place: ask for another"),
        ("Zed@4", UnknownVersionError, "Zed: was retired; nothing stands in its place: ask for another"),
        (
            "Yan",
            UnknownPersonaError,
            "Yan: is replaced by 'Zed', which was retired; nothing stands in its place: ask for another",
        ),
    ],
)
def test_what_was_retired_says_so(made: PersonaRegistry, asked: str, error: type[PersonaError], message: str) -> None:
    """`replaced_by: null`, at once or at the end of a chain, is an error that says so, and `in` says no."""
    with pytest.raises(error) as raised:
        made.get(asked)
    assert str(raised.value) == message
    assert asked not in made
    assert pickle.loads(pickle.dumps(raised.value)).message == raised.value.message


def test_a_line_is_no_persona(made: PersonaRegistry) -> None:
    """Neither names, nor references, versions, length and iteration know it; `replaced` does."""
    assert made.list_names() == list(made) == ["Maya"]
    assert made.references(abstract=True) == ["Maya", "Maya@3"]
    assert (len(made), made.versions("Maya")) == (1, ["2", "3"])
    assert dict(made.replaced) == {
        "Maya@1": "Maya@2",
        "Maya@0": "Maya@1",
        "Dora": "Maya",
        "Max": "Maya@3",
        "Zed": None,
        "Yan": "Zed",
    }
    with pytest.raises(UnknownPersonaError) as raised:
        made.versions("Dora")
    assert str(raised.value) == "Dora: is replaced by 'Maya'"
    assert made.problems() == []


def test_units_are_those_of_what_replaces_it(made: PersonaRegistry) -> None:
    """The rollout of what replaces a name chooses for whoever asks for the old name, as for who asks for the new."""
    served = {unit: made.get("Maya", unit=unit).ref for unit in map(str, range(40))}
    assert set(served.values()) == {"Maya@2", "Maya@3"}
    assert {unit: made.get("Dora", unit=unit).ref for unit in served} == served
    assert {made.get("Max", unit=unit).ref for unit in served} == {"Maya@3"}
    assert {made.get("Dora@1", unit=unit).ref for unit in served} == {"Maya@2"}  # a version was named


def test_a_unit_is_required_of_who_asks_by_the_old_name() -> None:
    """`$require_unit` of what replaces a name holds for the old name too, but for no conversation that is pinned to it."""
    made = registry("$require_unit: [Maya]\nMaya: {role: x, version: 1}\nDora: {replaced_by: Maya}\n")
    with pytest.raises(InvalidValueError, match="Maya: a unit or a version is required"):
        made.get("Dora")
    assert made.get("Dora", unit="jo").ref == made.get("Dora@7").ref == "Maya@1"


def test_unknown_names_are_not_said_to_be_like_what_is_gone(made: PersonaRegistry) -> None:
    """What may have been meant is there to be asked for."""
    with pytest.raises(UnknownPersonaError, match="no persona 'Dara'; there are 'Maya'"):
        made.get("Dara")


# Parents


def test_a_pinned_parent_that_is_gone_is_what_replaces_it(tmp_path: Path) -> None:
    """A parent is asked for as by `get`: the child inherits from what stands in its place, and is warned of."""
    path = tmp_path / "personas.yaml"
    path.write_text(FILE + "Ann: {parent: Maya@1, display_name: Ann}\nBob: {parent: Max, display_name: Bob}\n")
    made = PersonaRegistry.from_file(path)
    assert (made.get("Ann").role, made.get("Bob").role) == ("Guide", "Chief")
    assert made.explain("Bob")["role"].persona == "Maya@3"  # type: ignore[union-attr]
    told = [str(problem) for problem in validate_file(path) if problem.code == "parent-replaced"]
    assert told == [
        (
            f"{path}:10:15: warning: Ann.parent: parent \"Maya@1\" is replaced by 'Maya@2', which is inherited instead; "
            "name that one, or another [parent-replaced]"
        ),
        (
            f"{path}:11:15: warning: Bob.parent: parent \"Max\" is replaced by 'Maya@3', which is inherited instead; "
            "name that one, or another [parent-replaced]"
        ),
    ]


def test_a_child_follows_what_replaces_its_parent() -> None:
    """A new definition of what replaces a parent reaches the child, whichever name it names."""
    made = registry("Maya: {role: Guide}\nDora: {replaced_by: Maya}\nAnn: {parent: Dora, display_name: Ann}\n")
    made.define(Persona("Maya", "Chief"), replace=True)
    assert made.get("Ann").role == "Chief"
    made.define(Persona("Max", "Helper"), Persona("Dora", replaced_by="Max"), replace=True)
    assert made.get("Ann").role == "Helper"
    made.define(Persona("Dora", "Seller"), replace=True)
    assert (made.get("Ann").role, dict(made.replaced)) == ("Seller", {})


# Files


def problems(tmp_path: Path, text: str) -> list[Problem]:
    path = tmp_path / "personas.yaml"
    path.write_text(text)
    found = [problem for problem in validate_file(path) if problem.severity == "error"]
    with pytest.raises(PersonaFileError) as raised:
        PersonaRegistry.from_file(path)
    assert list(raised.value.problems) == found
    return found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Dora: {replaced_by: Mya}", "2:21: Dora.replaced_by: there is no persona 'Mya'; did you mean 'Maya'?"),
        (
            "Dora: {replaced_by: 3}",
            "2:21: Dora.replaced_by: there is no persona '3'; name one that is there; null says that it was retired",
        ),
        (
            "Dora: {replaced_by: Dora@2}",
            "2:21: Dora.replaced_by: there is no persona 'Dora@2'; name one that is there; null says that it was retired",
        ),
        (
            "Maya@1: {replaced_by: 3}",
            "2:23: Maya@1.replaced_by: 'Maya' has no version '3'; its versions are 2; null says that it was retired",
        ),
        (
            "Maya@1: {replaced_by: Maya}",
            "2:23: Maya@1.replaced_by: 'Maya' has no version 'Maya'; its versions are 2; null says that it was retired",
        ),
        (
            "Maya@1: {replaced_by: Maya@2}",
            "2:23: Maya@1.replaced_by: must be a version of 'Maya'; write replaced_by: 2",
        ),
        (
            "Dora@1: {replaced_by: Maya@2}",
            (
                "2:23: Dora@1.replaced_by: must be a version of 'Dora'; "
                "a name that goes takes its versions with it: Dora: {replaced_by: Maya}"
            ),
        ),
        (
            "Dora@1: {replaced_by: 2}",
            "2:23: Dora@1.replaced_by: 'Dora' has no version '2'; it has no versions; null says that it was retired",
        ),
        (
            "Maya@2: {replaced_by: null}",
            (
                "2:1: Maya@2: version '2' of 'Maya' is the served one: it is not gone; "
                "remove 'Maya@2', or give 'Maya' a new version"
            ),
        ),
        (
            "Dora: {replaced_by: Dora}",
            "2:21: Dora.replaced_by: is replaced by itself: Dora -> Dora; let it end in one that is there, or in null",
        ),
        (
            "Maya@1: {replaced_by: 1}",
            (
                "2:23: Maya@1.replaced_by: is replaced by itself: Maya@1 -> Maya@1; "
                "let it end in one that is there, or in null"
            ),
        ),
        (
            "Dora: {replaced_by: Max}\nMax: {replaced_by: Zed}\nZed: {replaced_by: Max}\nAnn: {parent: Dora}",
            "3:20: Max.replaced_by: is replaced by itself: Max -> Zed -> Max; let it end in one that is there, or in null",
        ),
        (
            "Dora: {replaced_by: Maya}\nDora@1: {role: x}",
            (
                "3:1: Dora@1: 'Dora' is replaced by 'Maya', so no version of it is served; "
                "remove 'Dora@1', or define 'Dora'"
            ),
        ),
        (
            "Dora: {replaced_by: Max}\nMax: {replaced_by: Base}\nBase: {abstract: true}",
            (
                "3:20: Max.replaced_by: 'Base' is abstract, and would serve nobody; "
                "name one that is not; null says that it was retired"
            ),
        ),
        (
            "Ann: {parent: Zed}\nZed: {replaced_by: null}",
            "2:15: Ann.parent: parent 'Zed' was retired; name another parent, or none",
        ),
        (
            "Ann: {parent: Zed@1}\nZed: {replaced_by: Yan}\nYan: {replaced_by: null}",
            "2:15: Ann.parent: parent 'Zed@1' is replaced by 'Yan', which was retired; name another parent, or none",
        ),
        (
            "Maya@1: {replaced_by: 3}\nMaya@3: {parent: Maya@1}",
            "3:18: Maya@3.parent: is its own ancestor: Maya@3 -> Maya@1 -> Maya@3; take one of these parents away",
        ),
        (
            "$rollouts: {Maya: {1: 10}}\nMaya@1: {replaced_by: 2}",
            "2:23: $rollouts.Maya.1: Maya@1 is replaced by 'Maya@2': it serves nobody; take it out",
        ),
        (
            "$rollouts: {Dora: {1: 10}}\nDora: {replaced_by: Maya}",
            "2:13: $rollouts.Dora: 'Dora' is replaced by 'Maya': it serves nobody; write 'Maya' in its place",
        ),
        (
            "$rollouts: {Dora: {1: 10}}\nDora: {replaced_by: null}",
            "2:13: $rollouts.Dora: 'Dora' was retired: it serves nobody; take it out",
        ),
    ],
)
def test_a_line_that_leads_nowhere_is_a_problem_of_the_file(tmp_path: Path, line: str, told: str) -> None:
    """Unknown targets, circles, versions that are served, and who builds on what was retired: one problem at its place."""
    found = problems(tmp_path, f"Maya: {{role: Guide, version: 2}}\n{line}\n")
    assert [str(problem).removeprefix(f"{tmp_path}/personas.yaml:") for problem in found] == [told]


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    """Who is replaced by a definition that is wrong in itself, and who inherits from there, is not blamed for it."""
    found = problems(
        tmp_path, "Maya: {role: 5}\nDora: {replaced_by: Maya}\nAnn: {parent: Dora}\nMaya@1: {replaced_by: 2}\n"
    )
    assert [(problem.persona, problem.field) for problem in found] == [("Maya", "role")]


def test_lines_and_targets_may_stand_in_several_files(tmp_path: Path) -> None:
    """Several files are one registry for them too; a line and a definition under one name are a name that is there twice."""
    (tmp_path / "gone.yaml").write_text("Dora: {replaced_by: Maya}\n")
    (tmp_path / "there.json").write_text('{"Maya": {"role": "Guide"}}')
    made = PersonaRegistry.from_file(tmp_path / "gone.yaml", tmp_path / "there.json")
    assert made.get("Dora").key == "Maya"
    (tmp_path / "there.json").write_text('{"Maya": {"role": "Guide"}, "Dora": {"role": "x"}}')
    (twice,) = validate_file(tmp_path / "gone.yaml", tmp_path / "there.json")
    assert "is defined already" in twice.message


# Python


def test_it_is_defined_as_a_persona_is(made: PersonaRegistry) -> None:
    """The loop over a file's data makes the registry that reading it makes, versions as numbers and all."""
    defined = PersonaRegistry()
    data = yaml.safe_load(FILE)
    del data["$rollouts"]
    defined.define(*(Persona(name=name, **config) for name, config in data.items()))
    assert dict(defined.replaced) == dict(made.replaced)
    assert defined == PersonaRegistry.from_dict(data)
    assert defined.get("Maya@0").ref == "Maya@2"
    again = defined.definition("Maya")
    defined.define(again, Persona("Dora", replaced_by="Maya"))
    assert defined.get("Dora") is defined.get("Maya")


def test_a_persona_may_be_replaced_while_it_is_served(made: PersonaRegistry) -> None:
    """One `define` moves on: the new version, and the line of the old one. Without `replace` it is an error."""
    defined = PersonaRegistry()
    defined.define(Persona("Maya", "Guide", version=1), Persona("Dora", "Helper"))
    changes = (
        Persona("Maya", "Guide", version=2),
        Persona("Maya@1", replaced_by=2),
        Persona("Dora", replaced_by="Maya"),
    )
    with pytest.raises(PersonaError, match="defined already"):
        defined.define(*changes)
    assert defined.list_names() == ["Maya", "Dora"]
    defined.define(*changes, replace=True)
    assert defined.list_names() == ["Maya"]
    assert defined.get("Dora").ref == defined.get("Maya@1").ref == "Maya@2"


@pytest.mark.parametrize(
    ("personas", "told"),
    [
        ([Persona("Dora", replaced_by="Mya")], "Dora.replaced_by: there is no persona 'Mya'; did you mean 'Maya'?"),
        (
            [Persona("Maya", replaced_by=None), Persona("Maya@3", replaced_by=2)],
            "Maya: was retired, and the rollout of 'Maya' names it; take it out of $rollouts",
        ),
        (
            [Persona("Maya@3", replaced_by=2)],
            "Maya@3: is replaced by 'Maya@2', and the rollout of 'Maya' names it; take it out of $rollouts",
        ),
        (
            [Persona("Zed", replaced_by="Yan")],
            "Zed.replaced_by: is replaced by itself: Zed -> Yan -> Zed; let it end in one that is there, or in null",
        ),
    ],
)
def test_what_does_not_fit_changes_nothing(made: PersonaRegistry, personas: list[Persona], told: str) -> None:
    """A line that leads nowhere, and one for what a rollout serves, is refused in the words of a file's problem."""
    before = made.to_yaml()
    with pytest.raises(PersonaError) as raised:
        made.define(*personas, replace=True)
    assert (str(raised.value), made.to_yaml()) == (told, before)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"name": "Dora", "replaced_by": "Maya", "role": "x"},
            (
                "Dora.role: stands beside replaced_by, which stands alone; "
                "take it away: what is replaced keeps at most a description"
            ),
        ),
        (
            {"name": "Dora", "replaced_by": None, "version": "1"},
            (
                "Dora.version: stands beside replaced_by, which stands alone; "
                "take it away: what is replaced keeps at most a description"
            ),
        ),
        ({"name": "Dora", "replaced_by": ""}, "Dora.replaced_by: is empty"),
        ({"name": "Dora", "replaced_by": 1.5}, "Dora.replaced_by: must be a text, not a number; quote it"),
        ({"name": "Dora", "replaced_by": -1}, "Dora.replaced_by: must be a text, not a number; quote it"),
        (
            {"name": "Dora", "replaced_by": "a/b"},
            "Dora.replaced_by: name 'a/b' holds '/', which no name may; take it out",
        ),
        (
            {"name": "Maya@1", "replaced_by": "Maya@2"},
            "Maya@1.replaced_by: must be a version of 'Maya'; write replaced_by: 2",
        ),
    ],
)
def test_python_refuses_what_a_file_does(fields: dict[str, Any], told: str) -> None:
    """`replaced_by` stands alone but for a description, and is a name, or a version below a version."""
    with pytest.raises(InvalidValueError) as raised:
        Persona(**fields)
    assert str(raised.value) == told


def test_a_line_is_not_rendered() -> None:
    """Taken from no registry it has nothing to render, and says what became of it."""
    line = Persona("Maya@1", replaced_by=2)
    assert (repr(line), line.key, line.replaced_by) == ("Persona(name='Maya@1', replaced_by='2')", "Maya@1", "2")
    for use in (line.render, line.build_system_prompt, line.build_greeting, lambda: line.fingerprint):
        with pytest.raises(PersonaError) as raised:
            use()
        assert str(raised.value) == "Maya@1: is replaced by 'Maya@2'; ask a registry for it: registry.get('Maya@1')"
    with pytest.raises(PersonaError) as raised:
        Persona("Zed", replaced_by=None).render()
    assert str(raised.value) == "Zed: was retired"
    assert pickle.loads(pickle.dumps(line)) == line
    with pytest.raises(InheritanceError):
        Persona("Ann", parent="Zed").render()


# Kept


def test_lines_are_written_read_and_pickled(made: PersonaRegistry, tmp_path: Path) -> None:
    """What a registry writes has every line, descriptions too, and reads back equal; a pickled one answers as it did."""
    made.to_yaml(tmp_path / "new.yaml")
    made.to_json(tmp_path / "new.json")
    copies = [
        PersonaRegistry.from_file(tmp_path / "new.yaml"),
        PersonaRegistry.from_file(tmp_path / "new.json"),
        PersonaRegistry.from_dict(made.to_dict()),
        pickle.loads(pickle.dumps(made)),
    ]
    for copy in copies:
        assert copy == made
        assert dict(copy.replaced) == dict(made.replaced)
        assert copy.get("Maya@0").ref == "Maya@2"
    assert json.loads((tmp_path / "new.json").read_text())["Maya@0"] == {
        "replaced_by": "1",
        "description": "the first one",
    }
    other = PersonaRegistry.from_dict({**made.to_dict(), "Dora": {"replaced_by": "Maya@3"}})
    assert other != made


@st.composite
def chains(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Draw names that are served or gone, with lines of versions: each leads to a later one, or to what was retired."""
    data: dict[str, dict[str, Any]] = {}
    for name, later in (("A", ["B", "C", "B@2", "C@1"]), ("B", ["C", "C@1"]), ("C", [])):
        served = not later or draw(st.booleans())
        if served:
            data[name] = {"role": "r", "version": "3"}
        else:
            data[name] = {"replaced_by": draw(st.sampled_from([None, *later]))}
        for version, following in (("1", ["2", "3"]), ("2", ["3"])):
            if name == "C" or draw(st.booleans()):
                data[f"{name}@{version}"] = {"replaced_by": draw(st.sampled_from([None, *following]))}
    return dict(draw(st.permutations(list(data.items()))))


def at_the_end(data: Mapping[str, Any], asked: str) -> str | None:
    """Return the key that a reference leads to, by the words of the documentation; None for what was retired or unknown."""
    for _ in range(20):
        name, _, version = asked.partition("@")
        served = data.get(name, {})
        if version and "replaced_by" not in served and served.get("version") == version:
            return name
        key = asked if asked in data else name if "replaced_by" in served else None
        if key is None or "replaced_by" not in data[key]:
            return key
        target = data[key]["replaced_by"]
        if target is None:
            return None
        asked = f"{name}@{target}" if "@" in key else target
    return None


@pytest.mark.hits(0.5)
@settings(max_examples=200)
@given(chains())
def test_every_chain_that_loads_ends(data: dict[str, dict[str, Any]]) -> bool:
    """Whatever loads answers for every key and version as the chain of lines says, in any order of its entries."""
    try:
        made = PersonaRegistry.from_dict(data)
    except PersonaFileError:
        return False
    ends = {asked: at_the_end(data, asked) for asked in [*data, "A@1", "B@2", "C@1"]}
    for asked, end in ends.items():
        assert (asked in made) is (end is not None)
        if end is not None:
            assert made.get(asked).key == end
            continue
        with pytest.raises((UnknownPersonaError, UnknownVersionError)):
            made.get(asked)
    return any(made.replaced.values())


@settings(max_examples=50)
@given(st.permutations("ABCDE"), st.integers(1, 5), st.permutations("ABCDE"))
def test_no_circle_loads(order: list[str], length: int, written: list[str]) -> None:
    """However many lines a circle has, and in whatever order they stand: it is one problem, and who leads there has none."""
    circle = order[:length]
    targets = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
    data: dict[str, dict[str, Any]] = {name: {"replaced_by": targets.get(name, circle[0])} for name in written}
    with pytest.raises(PersonaFileError) as raised:
        PersonaRegistry.from_dict(data)
    (problem,) = raised.value.problems
    assert problem.message.startswith("is replaced by itself: ")
    assert problem.persona in circle
    assert problem.message.count(" -> ") == length
