from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import InheritanceError, InvalidValueError, Persona, PersonaError, PersonaRegistry, TemplateError
from llm_persona.fields import DEFAULT_TONE, DEFAULTS

FULL: dict[str, Any] = {
    "role": "Support",
    "company": "Acme",
    "tone": "calm",
    "capabilities": ["a", "b"],
    "constraints": ["c"],
    "greeting": "Hi {user}",
    "custom_sections": {"x": "1", "y": "2"},
    "display_name": "May",
    "version": "3",
    "variables": {"user": None},
    "template": "markdown",
    "tools": ["t"],
    "description": "about",
    "metadata": {"owner": ["me", {"a": 1}]},
}

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)
OPTIONAL = st.fixed_dictionaries(
    {"role": TEXT},
    optional={
        "company": st.none() | TEXT,
        "tone": TEXT,
        "capabilities": st.lists(TEXT, max_size=3),
        "constraints": st.lists(TEXT, max_size=3),
        "greeting": st.none() | TEXT,
        "custom_sections": st.dictionaries(TEXT, TEXT, max_size=3),
        "display_name": st.none() | TEXT,
        "version": st.sampled_from(["1", "2"]),
        "variables": st.dictionaries(st.sampled_from(["a", "b"]), st.none() | TEXT),
        "abstract": st.booleans(),
        "description": st.none() | TEXT,
        "metadata": st.dictionaries(TEXT, st.none() | st.integers() | st.lists(TEXT)),
    },
)


def test_positional_order() -> None:
    """The eight fields that a simple user meets come in the order of the documentation, the rest by keyword only."""
    persona = Persona("Maya", "r", "Acme", "calm", ["a"], ["b"], "Hi", {"s": "t"})  # type: ignore[arg-type]
    assert persona == Persona(
        name="Maya",
        role="r",
        company="Acme",
        tone="calm",
        capabilities=("a",),
        constraints=("b",),
        greeting="Hi",
        custom_sections={"s": "t"},
    )
    with pytest.raises(TypeError):
        Persona("Maya", "r", None, "calm", (), (), None, {}, "May")  # type: ignore[misc]


def test_defaults() -> None:
    """What is not given has its default, and lists are tuples always."""
    persona = Persona("Maya", "r")
    assert {name: getattr(persona, name) for name in DEFAULTS} == {**DEFAULTS, "role": "r"}
    assert type(persona.capabilities) is tuple
    assert persona.tone == DEFAULT_TONE == "helpful and professional"


def test_arguments_are_copied() -> None:
    """Changing what a persona was made from changes nothing in it."""
    fields = copy.deepcopy(FULL)
    persona, same = Persona("Maya", **fields), Persona("Maya", **FULL)
    for name in ("capabilities", "constraints", "tools"):
        fields[name].append("more")
    for name in ("custom_sections", "variables", "metadata"):
        fields[name]["more"] = "more"
    fields["metadata"]["owner"][1]["a"] = 2
    assert persona == same
    assert hash(persona) == hash(same)


@pytest.mark.parametrize("name", ["role", "tone", "capabilities", "metadata"])
def test_frozen(name: str) -> None:
    """No field can be set or deleted, nor an entry of a mapping, however deep."""
    persona = Persona("Maya", **FULL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(persona, name, "x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(persona, name)
    with pytest.raises(TypeError):
        persona.metadata["owner"][1]["a"] = 5
    with pytest.raises(TypeError):
        persona.custom_sections["x"] = "5"  # type: ignore[index]


def test_order_of_sections_counts() -> None:
    """Sections in another order are another persona, in equality and in the fingerprint."""
    one = Persona("Maya", "r", custom_sections={"a": "1", "b": "2"})
    other = Persona("Maya", "r", custom_sections={"b": "2", "a": "1"})
    assert one != other
    assert one.fingerprint != other.fingerprint


def test_notes_are_in_no_fingerprint() -> None:
    """description and metadata tell two personas apart, but not their fingerprints."""
    one, other = Persona("Maya", "r"), Persona("Maya", "r", description="x", metadata={"a": 1})
    assert one != other
    assert one.fingerprint == other.fingerprint


def test_given_is_told_apart_from_default() -> None:
    """A field given its default is given; one that was not mentioned is not."""
    assert Persona("Maya", "r", tone=DEFAULT_TONE).given() == {"role": "r", "tone": DEFAULT_TONE}
    assert Persona("Maya", "r").given() == {"role": "r"}
    assert list(Persona("Maya", **FULL).given()) == list(FULL)


def test_replace_keeps_what_was_not_given() -> None:
    """dataclasses.replace changes what it is told to: the rest is as given, or as little given, as before."""
    child = Persona("Maya", parent="Base", greeting="Hi")
    changed = dataclasses.replace(child, tone="calm")
    assert changed.given() == {"tone": "calm", "greeting": "Hi", "parent": "Base"}
    registry = PersonaRegistry()
    registry.define(Persona("Base", "r", company="Acme", tone="odd", capabilities=("a",)), changed)
    got = registry.get("Maya")
    assert (got.company, got.tone, got.capabilities) == ("Acme", "calm", ("a",))


@given(OPTIONAL)
def test_replace_with_nothing(fields: dict[str, Any]) -> None:
    """Any persona replaced with no change is the same, and so are its copies through pickle and copy."""
    persona = Persona("Maya", **fields)
    for other in (
        dataclasses.replace(persona),
        pickle.loads(pickle.dumps(persona)),
        copy.copy(persona),
        copy.deepcopy(persona),
        Persona("Maya", **fields),
    ):
        assert other == persona
        assert hash(other) == hash(persona)
        assert other.given() == persona.given()
        assert repr(other) == repr(persona)


def test_replace_a_version() -> None:
    """A side version takes another number, and without one it is no side version any more."""
    side = Persona("Maya@2", "r")
    assert dataclasses.replace(side, version="3").key == "Maya@3"
    assert dataclasses.replace(side, version="3") == Persona("Maya@3", "r")
    assert dataclasses.replace(side, version=None).key == "Maya"


def test_key_and_ref() -> None:
    """`Maya@2` is name Maya, version 2, beside the served one; a served one's ref has its version too."""
    side, served, plain = Persona("Maya@2", "r"), Persona("Maya", "r", version=2), Persona("Maya", "r")  # type: ignore[arg-type]
    assert [(p.name, p.version, p.key, p.ref) for p in (side, served, plain)] == [
        ("Maya", "2", "Maya@2", "Maya@2"),
        ("Maya", "2", "Maya", "Maya@2"),
        ("Maya", None, "Maya", "Maya"),
    ]
    assert side != served
    assert Persona("Maya@2", "r", version="2") == side


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Maya@", "version is empty"),
        ("@2", "name is empty"),
        ("a@b@c", "version 'b@c' holds '@', which no version may"),
        ("$x", "begins with '$'"),
        ("a/b", "holds '/', which no name may"),
        ("x" * 129, "has 129 characters"),
        ("a\x1bb", "holds U+001B"),
        (5, "name must be a text, not a number"),
        (None, "name must be a text, not null"),
    ],
)
def test_bad_names(name: Any, message: str) -> None:
    """A name that no file and no reference could hold is refused."""
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        Persona(name, "r")


def test_key_and_version_disagree() -> None:
    """Two versions for one persona are a mistake, not a choice."""
    with pytest.raises(InvalidValueError, match="'Maya@2' and the version '3' disagree"):
        Persona("Maya@2", "r", version="3")


def test_errors_name_the_version() -> None:
    """What is wrong with a side version is told of it, not of the served one."""
    with pytest.raises(InvalidValueError) as caught:
        Persona("Maya@2", 5)  # type: ignore[arg-type]
    assert caught.value.persona == "Maya@2"


def test_role_is_required_unless_inherited_or_abstract() -> None:
    """A persona that is complete has a role."""
    with pytest.raises(InvalidValueError, match='Maya: role is missing; write "role: …", or name a parent'):
        PersonaRegistry().define(Persona("Maya"))
    with pytest.raises(TemplateError, match=r"base\.j2:5: this prints persona\.role, and 'Maya' has no role"):
        Persona("Maya").render()
    assert Persona("Maya", parent="Base").role == ""
    assert Persona("Maya", abstract=True).role == ""


@pytest.mark.parametrize("edit", [{"add": ["a"]}, {"remove": ["a"]}, {"replace": ["a"]}, {"add": []}])
def test_edit_without_a_parent(edit: Any) -> None:
    """There is no list to edit without a parent; null is an empty list there."""
    with pytest.raises(InheritanceError, match="without a parent there is no list to edit"):
        Persona("Maya", "r", constraints=edit)
    assert Persona("Maya", "r", constraints=None).constraints == ()  # type: ignore[arg-type]


def test_null_section_without_a_parent() -> None:
    """Null takes a parent's section away; without a parent it is a slip."""
    with pytest.raises(InvalidValueError, match=r"custom_sections\.x: must be a text or a list of texts, not null"):
        Persona("Maya", "r", custom_sections={"x": None})  # type: ignore[dict-item]


def test_repr_is_short_and_says_what_was_given() -> None:
    """A repr has the given fields, long texts and lists cut."""
    assert repr(Persona("Maya@2", "r", capabilities=("a",))) == "Persona(name='Maya@2', role='r', capabilities=('a',))"
    long = Persona("Maya", "x" * 1_000, capabilities=("y" * 1_000,) * 50, custom_sections={"s": "z" * 1_000})
    assert len(repr(long)) < 500
    assert "… 50 in all" in repr(long)


def test_a_child_alone_cannot_be_rendered() -> None:
    """A persona whose parent was not applied says to get it from a registry."""
    child = Persona("Maya", parent="Base")
    for use in (child.render, child.build_system_prompt, child.build_greeting, lambda: child.select_tools([])):
        with pytest.raises(InheritanceError, match=r"parent 'Base' is not applied yet; .*registry\.get\('Maya'\)"):
            use()


def test_abstract_is_never_rendered() -> None:
    """A base for others is refused by every way to a prompt."""
    base = Persona("Base", "r", abstract=True, greeting="Hi")
    for use in (base.render, base.build_system_prompt, base.build_greeting, lambda: base.select_tools([])):
        with pytest.raises(PersonaError, match="Base: is abstract"):
            use()


def test_a_bare_persona_renders_with_the_bundled_templates() -> None:
    """Without a registry a persona renders all the same, and names are filled."""
    persona = Persona("Maya", "helper", company="Acme", greeting="I'm {name} from {company}")
    assert persona.build_system_prompt().startswith("You are Maya, a helper at Acme.\n\n")
    assert persona.build_system_prompt("markdown").startswith("# Maya\n")
    assert persona.build_greeting() == "I'm Maya from Acme"
    assert persona.greeting == "I'm {name} from {company}"


def test_binding_is_no_part_of_equality() -> None:
    """A persona from a registry equals a bare one of the same content, hashes alike and shows alike."""
    registry = PersonaRegistry()
    registry.define(Persona("Maya", **FULL))
    bare, got = Persona("Maya", **FULL), registry.get("Maya")
    assert got == bare
    assert hash(got) == hash(bare)
    assert repr(got) == repr(bare)


def test_another_process_has_the_same_fingerprints() -> None:
    """A pickled persona is the same in a process with other hashes, and so are its fingerprint and its prompt's."""
    persona = Persona("Maya", **FULL)
    code = (
        "import pickle, sys; p = pickle.load(sys.stdin.buffer);"
        "print(p.fingerprint, p.render(user='Jo').fingerprint, len({p, pickle.loads(pickle.dumps(p))}))"
    )
    for seed in ("0", "1", "random"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps(persona),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        expected = [persona.fingerprint, persona.render(user="Jo").fingerprint, "1"]
        assert run.stdout.decode().split() == expected


def test_session_names_are_free() -> None:
    """A session variable may be called self, template or persona."""
    persona = Persona("Maya", "{self} {template} {persona}")
    assert "a 1 2 3." in persona.build_system_prompt(self="1", template="2", persona="3")


# What the standard library makes of it

FILLED = {
    "Base": {"abstract": True, "company": "Acme"},
    "Maya": {
        "parent": "Base",
        "role": "Guide",
        "greeting": "I'm {name} of {company}",
        "capabilities": {"add": ["Help"]},
    },
    "Plain": {"role": "Guide", "company": "Acme", "greeting": "Hi {user}"},
}


@pytest.mark.parametrize(
    "changes", [{"display_name": "Alex"}, {"company": "Beta"}, {"company": None}, {"name": "Alex"}], ids=str
)
def test_replacing_a_filled_persona_is_right_or_refused(changes: dict[str, Any]) -> None:
    """No prompt says Alex where its greeting says Maya: texts that are filled in are not filled in again."""
    registry = PersonaRegistry.from_dict(FILLED)
    maya = registry.get("Maya")
    for each in (maya, pickle.loads(pickle.dumps(maya)), dataclasses.replace(maya, tone="kind")):
        with pytest.raises(InvalidValueError, match=r"^(Maya|Alex): its \{name\} and .* filled in already.*definition"):
            dataclasses.replace(each, **changes)
        assert dataclasses.replace(each, tone="brief").build_greeting() == "I'm Maya of Acme"
    defined = dataclasses.replace(registry.definition("Maya"), **changes)
    registry.define(defined, replace=True)
    again = registry.get(defined.key)
    session = {} if again.company else {"company": "Nowhere"}
    assert again.build_greeting(**session) == f"I'm {again.spoken_name} of {again.company or 'Nowhere'}"
    plain = dataclasses.replace(registry.get("Plain"), **changes)  # nothing of its texts was filled in
    assert plain.build_greeting(user="Jo") == "Hi Jo"
    assert plain.build_system_prompt(user="Jo").startswith(f"You are {plain.spoken_name}, a Guide")


@pytest.mark.parametrize("convert", [dataclasses.asdict, dataclasses.astuple])
def test_asdict_is_refused_in_words(convert: Any) -> None:
    """The same before a render and after it, of a definition and of what a registry returns; `to_dict` is the way."""
    registry = PersonaRegistry.from_dict(FILLED)
    bare = Persona("Maya", "Guide", metadata={"a": [1, {"b": None}]})
    for persona in (bare, registry.get("Maya"), registry.definition("Maya"), registry.definition("Base")):
        for _ in range(2):
            with pytest.raises(
                InvalidValueError, match=r"asdict and astuple cannot tell .*persona.to_dict\(\) returns"
            ):
                convert(persona)
            if persona.parent is None and not persona.abstract:
                persona.render()
        assert Persona(**persona.to_dict()) == persona
        assert json.loads(json.dumps(persona.to_dict())) == persona.to_dict()
    assert bare.to_dict() == {"name": "Maya", "role": "Guide", "metadata": {"a": [1, {"b": None}]}}
    assert registry.definition("Maya").to_dict()["capabilities"] == {"add": ["Help"]}
