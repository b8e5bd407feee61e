from __future__ import annotations

import re

import pytest

from llm_persona import (
    DuplicatePersonaError,
    InvalidValueError,
    Persona,
    PersonaError,
    PersonaFileError,
    PersonaRegistry,
    UnknownVersionError,
)
from llm_persona.persona.inheritance import find, versions
from llm_persona.persona.resolution import affected, definition_fingerprint, same_content


def registry_of(*personas: Persona) -> PersonaRegistry:
    registry = PersonaRegistry()
    registry.define(*personas)
    return registry


@pytest.mark.parametrize(
    ("personas", "kind", "message"),
    [
        (
            [Persona("Maya@2", "r")],
            InvalidValueError,
            "Maya@2: 'Maya' is not defined, so no version is served; define 'Maya'; 'Maya@2' is a version beside it",
        ),
        (
            [Persona("Maya", "r"), Persona("Maya@2", "r"), Persona("Maya@3", "r")],
            InvalidValueError,
            "Maya.version: has no version, and other versions stand beside it; give it one: version: 1",
        ),
        (
            [Persona("Maya", "r", version="2"), Persona("Maya@2", "r")],
            DuplicatePersonaError,
            "Maya@2: version '2' of 'Maya' is defined twice: it is the served one too; remove 'Maya@2', or give",
        ),
    ],
)
def test_version_rules(personas: list[Persona], kind: type[PersonaError], message: str) -> None:
    """A side version needs a served one that has a version, and another one. Each is one problem, in any order."""
    for order in (personas, personas[::-1]):
        registry = registry_of(Persona("Alex", "a"))
        with pytest.raises(kind, match=re.escape(message)):
            registry.define(*order)
        assert registry.references() == ["Alex"]
    data = {p.key: {"role": "r"} | ({"version": p.version} if p.version and p.key == p.name else {}) for p in personas}
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict(data)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)


def test_version_rules_hold_one_by_one() -> None:
    """The rules hold for what comes later, and for what is replaced."""
    registry = registry_of(Persona("Maya", "r"))
    with pytest.raises(InvalidValueError, match="has no version"):
        registry.define(Persona("Maya@2", "r"))
    registry.define(Persona("Maya", "r", version="1"), replace=True)
    registry.define(Persona("Maya@2", "r"))
    with pytest.raises(InvalidValueError, match="has no version"):
        registry.define(Persona("Maya", "r"), replace=True)
    with pytest.raises(DuplicatePersonaError, match="defined twice"):
        registry.define(Persona("Maya", "r", version="2"), replace=True)
    assert registry.versions("Maya") == ["1", "2"]


def test_a_key_and_a_version_that_disagree() -> None:
    """`Maya@2:` with `version: 3` is an error in files too, and one that agrees is fine."""
    with pytest.raises(PersonaFileError, match="'Maya@2' and the version '3' disagree"):
        PersonaRegistry.from_dict({"Maya": {"role": "r", "version": 1}, "Maya@2": {"role": "r", "version": 3}})
    registry = PersonaRegistry.from_dict({"Maya": {"role": "r", "version": 1}, "Maya@2": {"role": "r", "version": 2}})
    assert registry.versions("Maya") == ["1", "2"]


def test_an_old_version_is_kept_when_the_persona_moves_on() -> None:
    """`Maya@1` is what it was after `Maya` became 2, and conversations pinned to it find it."""
    registry = registry_of(Persona("Maya", "one", version="1"))
    before = registry.get("Maya@1")
    assert before is registry.get("Maya")
    registry.define(Persona("Maya", "two", version="2"), Persona("Maya@1", "one"), replace=True)
    assert registry.get("Maya@1").role == "one"
    assert registry.get("Maya@1").ref == before.ref == "Maya@1"
    assert registry.get("Maya").ref == "Maya@2"
    assert registry.get("Maya@1").render().persona_fingerprint == before.render().persona_fingerprint
    registry.define(Persona("Maya", "three", version="3"), replace=True)
    with pytest.raises(UnknownVersionError, match="Maya: has no version '2'"):
        registry.get("Maya@2")


def test_side_versions_of_an_abstract_base() -> None:
    """An abstract base may have versions, children pin them, and neither is listed nor rendered."""
    registry = registry_of(
        Persona("Base", "r", abstract=True, version="1"),
        Persona("Base@2", "s", abstract=True),
        Persona("A", parent="Base"),
        Persona("B", parent="Base@2"),
    )
    assert [registry.get(name).role for name in ("A", "B")] == ["r", "s"]
    assert registry.list_names() == registry.references() == ["A", "B"]
    assert registry.references(abstract=True) == ["Base", "Base@2", "A", "B"]


def test_find() -> None:
    """A reference finds the served one by its name or its version, and others by theirs."""
    one, two = Persona("Maya", "r", version="1"), Persona("Maya@2", "r")
    definitions = {"Maya": one, "Maya@2": two}
    assert [find(definitions, reference) for reference in ("Maya", "Maya@1", "Maya@2", "Maya@3", "maya")] == [
        one,
        one,
        two,
        None,
        None,
    ]
    assert versions(definitions, "Maya") == ["1", "2"]
    assert versions(definitions, "Alex") == []


def test_affected() -> None:
    """A replaced definition bears on its versions, its children, and theirs; on nothing else."""
    definitions = {
        persona.key: persona
        for persona in (
            Persona("A", "r", version="1"),
            Persona("A@2", "r"),
            Persona("B", parent="A@2"),
            Persona("C", parent="B"),
            Persona("D", "r"),
        )
    }
    assert set(affected(definitions, ["A"])) == {"A", "A@2", "B", "C"}
    assert set(affected(definitions, ["B"])) == {"B", "C"}
    assert affected(definitions, []) == []


def test_untouched_personas_stay_the_same_objects() -> None:
    """A change prepares again only what it bears on."""
    registry = registry_of(Persona("A", "r"), Persona("B", parent="A"), Persona("C", "r"))
    before = {name: registry.get(name) for name in "ABC"}
    registry.define(Persona("D", parent="C"))
    assert all(registry.get(name) is before[name] for name in "ABC")
    registry.define(Persona("A", "other"), replace=True)
    assert registry.get("B").role == "other"
    assert registry.get("C") is before["C"]


def test_same_content_tells_truth_from_numbers() -> None:
    """Content is compared as it would be written: 1 is not true, and notes count."""
    one = Persona("Maya", "r", metadata={"a": 1})
    assert not same_content(one, Persona("Maya", "r", metadata={"a": True}))
    assert not same_content(one, Persona("Maya", "r", metadata={"a": 1.0}))
    assert not same_content(one, Persona("Maya", "r", metadata={"a": 1}, description="x"))
    assert same_content(one, Persona("Maya", role="r", metadata={"a": 1}))


def test_definition_fingerprint() -> None:
    """A definition's fingerprint is of what its author wrote, notes apart, sections in their order."""
    plain = definition_fingerprint(Persona("Maya", "r"))
    assert definition_fingerprint(Persona("Maya", "r", description="x", metadata={"a": 1.5})) == plain
    assert definition_fingerprint(Persona("Maya", "r", company=None)) != plain
    assert definition_fingerprint(Persona("Maya@1", "r")) != plain
    ab, ba = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    one, other = (Persona("Maya", "r", custom_sections=sections) for sections in (ab, ba))
    assert definition_fingerprint(one) != definition_fingerprint(other)
