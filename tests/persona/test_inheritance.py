from __future__ import annotations

import dataclasses
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import InheritanceError, InvalidValueError, Persona, PersonaFileError, PersonaRegistry
from llm_persona.fields import DEFAULT_TONE

BASE = {
    "role": "helper",
    "company": "Acme",
    "tone": "calm",
    "greeting": "Hi, I'm {name} from {company}",
    "capabilities": ["a", "b", "c"],
    "custom_sections": {"x": "1", "y": "2"},
    "display_name": "Bo",
    "template": "markdown",
    "metadata": {"m": 1, "n": 2},
    "description": "of the base",
}

TEXTS = st.sampled_from(["a", "b", "c", "d", "{name} of {company}", "{u}"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "role": TEXTS,
        "company": st.none() | TEXTS,
        "tone": TEXTS,
        "greeting": st.none() | TEXTS,
        "display_name": st.none() | TEXTS,
        "capabilities": st.none() | st.lists(TEXTS, max_size=3),
        "constraints": st.lists(TEXTS, max_size=3) | st.lists(TEXTS, max_size=2).map(lambda texts: {"replace": texts}),
        "custom_sections": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "description": TEXTS,
        "metadata": st.dictionaries(TEXTS, st.integers(), max_size=2),
        "tools": st.lists(st.sampled_from(["t", "u"]), max_size=2),
    },
)


@st.composite
def families(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Any family of up to six personas, a parent before its children, as a file has it."""
    data: dict[str, dict[str, Any]] = {}
    for index in range(draw(st.integers(1, 6))):
        fields = draw(FIELDS)
        parent = draw(st.none() | st.sampled_from(list(data))) if data else None
        if parent is None:
            fields.setdefault("role", "helper")
            if isinstance(fields.get("constraints"), dict):
                del fields["constraints"]
        else:
            fields["parent"] = parent
        data[f"P{index}"] = fields
    return data


def defined(data: dict[str, dict[str, Any]]) -> list[Persona]:
    return [Persona(name, **fields) for name, fields in data.items()]


def registry_of(*personas: Persona) -> PersonaRegistry:
    registry = PersonaRegistry()
    registry.define(*personas)
    return registry


def complete(registry: PersonaRegistry) -> dict[str, tuple[Persona, str]]:
    return {name: (registry.get(name), registry.get(name).fingerprint) for name in registry.references()}


def child(**fields: Any) -> Persona:
    """Return Kim, the complete child of BASE."""
    return registry_of(Persona("Base", **BASE), Persona("Kim", parent="Base", **fields)).get("Kim")


def test_a_child_takes_what_it_does_not_mention() -> None:
    """Every field that inherits does; name, version, abstract, parent and description do not."""
    kim = child()
    assert (kim.role, kim.company, kim.tone, kim.template) == ("helper", "Acme", "calm", "markdown")
    assert kim.capabilities == ("a", "b", "c")
    assert kim.custom_sections == {"x": "1", "y": "2"}
    assert kim.metadata == {"m": 1, "n": 2}
    assert (kim.name, kim.parent, kim.version, kim.abstract, kim.description) == ("Kim", None, None, False, None)


def test_own_fields_are_not_inherited() -> None:
    """A child of an abstract base is not abstract, and a child of a version has none."""
    registry = registry_of(Persona("Base", "r", abstract=True, version="1"), Persona("Kim", parent="Base"))
    assert not registry.get("Kim").abstract
    assert registry.get("Kim").ref == "Kim"


@pytest.mark.parametrize("field", ["role", "company", "tone", "greeting", "display_name", "template"])
def test_texts_of_the_child_win(field: str) -> None:
    """A child's text takes the place of its parent's, the default's own text too."""
    text = "xml" if field == "template" else "else"
    assert getattr(child(**{field: text}), field) == text
    assert child(tone=DEFAULT_TONE).tone == DEFAULT_TONE


@pytest.mark.parametrize("field", ["company", "greeting", "display_name", "template"])
def test_null_takes_a_text_away(field: str) -> None:
    """Null takes an optional text away, for the child and its own children."""
    assert getattr(child(**{field: None}), field) is None
    registry = registry_of(
        Persona("Base", **BASE), Persona("Kim", parent="Base", **{field: None}), Persona("Kid", parent="Kim")
    )
    assert getattr(registry.get("Kid"), field) is None


@pytest.mark.parametrize(
    ("written", "got"),
    [
        (["d"], "a b c d"),
        (["a", "d"], "a b c d"),
        (["d", "d"], "a b c d d"),
        ([], "a b c"),
        ({"add": ["d"]}, "a b c d"),
        ({"remove": ["b"]}, "a c"),
        ({"remove": ["a", "c"], "add": ["d"]}, "b d"),
        ({"remove": ["a"], "add": ["a"]}, "b c a"),
        ({"replace": ["d"]}, "d"),
        ({"replace": ["d", "d", "a"]}, "d d a"),
        ({"replace": []}, ""),
        ({"add": []}, "a b c"),
        (None, ""),
    ],
)
def test_lists(written: Any, got: str) -> None:
    """A child's items come after its parent's, exact repeats dropped; edits do as they say, null empties."""
    assert child(capabilities=written).capabilities == tuple(got.split())


def test_a_repeat_within_one_list_is_kept() -> None:
    """What an author wrote twice in one list stands twice, in children too, and is removed as one."""
    parent = Persona("Base", "r", capabilities=("a", "a", "b"))
    kim = registry_of(parent, Persona("Kim", parent="Base")).get("Kim")
    assert kim.capabilities == ("a", "a", "b")
    kim = registry_of(parent, Persona("Kim", parent="Base", capabilities={"remove": ["a"]})).get("Kim")  # type: ignore[arg-type]
    assert kim.capabilities == ("b",)


def test_removing_what_is_not_there() -> None:
    """To remove an item that the parent has not is an error that names the item and what may have been meant."""
    with pytest.raises(InheritanceError) as caught:
        child(capabilities={"remove": ["b", "cc"]})
    assert str(caught.value).startswith("Kim.capabilities.remove[2]: 'cc' is not there to remove; did you mean 'c'?")


def test_tables_are_merged_by_key() -> None:
    """Sections and metadata are merged by key; the child's text stands where the parent's stood, null removes."""
    kim = child(custom_sections={"x": "9", "z": "3"}, metadata={"m": None, "o": 3})
    assert list(kim.custom_sections.items()) == [("x", "9"), ("y", "2"), ("z", "3")]
    assert kim.metadata == {"n": 2, "o": 3}
    assert list(child(custom_sections={"x": None}).custom_sections) == ["y"]


def test_a_null_that_takes_nothing_away() -> None:
    """To take away a section that no parent has is an error with a hint."""
    with pytest.raises(InheritanceError, match=r"Kim\.custom_sections\.xx: is null, .*did you mean 'x'\?"):
        child(custom_sections={"xx": None})


def test_variables_are_merged() -> None:
    """Variables are merged by key; null makes one required, and none can be removed."""
    base = Persona("Base", "{a}{b}", variables={"a": None, "b": "x"})
    kim = registry_of(base, Persona("Kim", parent="Base", variables={"a": "y", "b": None, "c": "z"})).get("Kim")
    assert kim.variables == {"a": "y", "b": None, "c": "z"}
    assert registry_of(base, Persona("Kim", parent="Base", variables={})).get("Kim").variables == base.variables
    assert registry_of(base, Persona("Kim", parent="Base")).get("Kim").variables == base.variables


@pytest.mark.parametrize(
    ("above", "own", "active"),
    [
        (None, None, True),
        ({}, None, False),
        (None, {}, False),
        ({"u": None}, None, True),
        ({"u": None}, {}, True),
        ({}, {"u": None}, True),
    ],
)
def test_three_cases_of_placeholders(above: Any, own: Any, active: bool) -> None:
    """Whether {identifier} is a placeholder is decided on the complete persona, the variables of all ancestors merged."""
    text = "{name} {{name}} {u} {{u}}"
    base = {"role": text} | ({} if above is None else {"variables": above})
    kim = {} if own is None else {"variables": own}
    prompt = registry_of(Persona("Base", **base), Persona("Kim", parent="Base", **kim)).get("Kim").render(u="Jo")
    assert prompt.text.startswith(f"You are Kim, a {'Kim {name} Jo {u}' if active else text}.")


def test_name_and_company_are_the_childs_own() -> None:
    """Inherited texts speak of the child: by its display name, else its own name, and of its company."""
    assert child().greeting == "Hi, I'm Bo from Acme"
    assert child(display_name=None).greeting == "Hi, I'm Kim from Acme"
    assert child(display_name="Kay", company="Initech").greeting == "Hi, I'm Kay from Initech"
    assert child(company=None).greeting == "Hi, I'm Bo from {company}"
    assert child(greeting=None).greeting is None
    assert child(company="{name} & Sons").greeting == "Hi, I'm Bo from Bo & Sons"


@pytest.mark.parametrize("odd", ["{u}", "a}", "{", "x$", "{{", "}}"])
def test_odd_names_make_no_placeholders(odd: str) -> None:
    """A name with braces in it is printed as it is, and never makes a placeholder with its neighbours."""
    kim = registry_of(Persona("Kim", "{{name}} {name}{u} {{{name}}} {name}", display_name=odd)).get("Kim")
    text = kim.build_system_prompt(u="Jo").splitlines()[0]
    assert text == f"You are {odd}, a {{name}} {odd}Jo {{{{{{name}}}}}} {odd}."


def test_a_chain_of_32_works_and_33_does_not() -> None:
    """32 ancestors are allowed, in whatever order they are defined; one more is told of the first that has too many."""
    chain = [Persona("P0", "r", capabilities=("p0",))]
    chain += [Persona(f"P{n}", parent=f"P{n - 1}", capabilities=(f"p{n}",)) for n in range(1, 33)]
    for order in (chain, chain[::-1], random.Random(1).sample(chain, len(chain))):
        assert registry_of(*order).get("P32").capabilities == tuple(f"p{n}" for n in range(33))
    longer = [*chain, Persona("P33", parent="P32"), Persona("P34", parent="P33")]
    for order in (longer, longer[::-1]):
        with pytest.raises(InheritanceError, match="has more than 32 ancestors") as caught:
            registry_of(*order)
        assert caught.value.persona == "P33"
    one_by_one = registry_of(*chain)
    with pytest.raises(InheritanceError, match=r"P33\.parent: has more than 32"):
        one_by_one.define(longer[33])


def test_a_very_long_chain_is_refused_in_time() -> None:
    """A chain of 20,000, upside down, is one problem and not 20,000 walks."""
    data = {f"P{n}": {"parent": f"P{n - 1}"} for n in range(20_000, 0, -1)} | {"P0": {"role": "r"}}
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict(data)
    assert [str(problem) for problem in caught.value.problems] == [
        "P33.parent: has more than 32 ancestors; let it inherit from one nearer to the root"
    ]


@pytest.mark.parametrize(
    ("parents", "circle"),
    [({"A": "A"}, "A -> A"), ({"A": "B", "B": "A"}, "A -> B -> A"), ({"A": "B", "B": "C", "C": "B"}, "B -> C -> B")],
)
def test_cycles_show_the_chain(parents: dict[str, str], circle: str) -> None:
    """A persona that is its own ancestor is one error, and shows the circle."""
    personas = [Persona(name, "r", parent=parent) for name, parent in parents.items()]
    with pytest.raises(InheritanceError, match=f"is its own ancestor: {circle}"):
        registry_of(*personas)
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict({name: {"role": "r", "parent": parent} for name, parent in parents.items()})
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("length", "circle"),
    [(33, [*(f"P{n}" for n in range(33)), "P0"]), (34, ["P0", "P1", "P2", "P3", "…", "P33", "P0"])],
)
def test_a_long_circle_is_shown_in_part(length: int, circle: list[str]) -> None:
    """As long as a chain may be, it is shown whole; one that is longer by its two ends."""
    around = [Persona(f"P{n}", "r", parent=f"P{(n + 1) % length}") for n in range(length)]
    with pytest.raises(InheritanceError) as caught:
        registry_of(*around)
    assert caught.value.message == f"is its own ancestor: {' -> '.join(circle)}"


def test_the_chain_to_an_unknown_parent_is_shown() -> None:
    """Where it was come to by a child; a persona alone and its parent need no chain."""
    with pytest.raises(InheritanceError) as caught:
        registry_of(Persona("Kim", parent="Mid"), Persona("Mid", "r", parent="Top"))
    assert caught.value.persona == "Mid"
    assert caught.value.message == "parent 'Top' is not defined (Kim -> Mid -> Top)"
    with pytest.raises(InheritanceError) as caught:
        registry_of(Persona("Mid", "r", parent="Top"))
    assert caught.value.message == "parent 'Top' is not defined"


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("Bse", "Kim.parent: parent 'Bse' is not defined; did you mean 'Base'?"),
        ("Zzz", "Kim.parent: parent 'Zzz' is not defined; define it, in this file or before its children"),
        ("Kin", "Kim.parent: parent 'Kin' is not defined; define it, in this file or before its children"),
        ("Base@3", "Kim.parent: parent 'Base@3' is not defined; its versions are 1, 2"),
        ("Plain@3", "Kim.parent: parent 'Plain@3' is not defined; 'Plain' has no version: write parent: Plain"),
    ],
)
def test_unknown_parents(parent: str, message: str) -> None:
    """A parent that is not there is told with what may have been meant."""
    registry = registry_of(Persona("Base", "r", version="1"), Persona("Base@2", "r"), Persona("Plain", "r"))
    with pytest.raises(InheritanceError, match=re.escape(message)):
        registry.define(Persona("Kim", parent=parent))
    assert "Kim" not in registry


def test_pinned_parents() -> None:
    """`Maya` means what is served; `Maya@1` that version, be it the served one or one beside it."""
    registry = registry_of(
        Persona("Maya", "two", version="2"),
        Persona("Maya@1", "one"),
        Persona("A", parent="Maya"),
        Persona("B", parent="Maya@1"),
        Persona("C", parent="Maya@2"),
    )
    assert [registry.get(name).role for name in "ABC"] == ["two", "one", "two"]
    registry.define(Persona("Maya", "three", version="3"), Persona("Maya@2", "two"), replace=True)
    assert [registry.get(name).role for name in "ABC"] == ["three", "one", "two"]


def test_a_side_version_may_inherit_from_the_served_one() -> None:
    """The three lines of a try-out: the rest is what is served."""
    registry = registry_of(
        Persona("Maya", "r", version="1", greeting="I'm {name}"), Persona("Maya@2", parent="Maya", tone="warm")
    )
    side = registry.get("Maya@2")
    assert (side.role, side.tone, side.greeting, side.version) == ("r", "warm", "I'm Maya", "2")


def test_a_child_without_any_role() -> None:
    """Only an abstract persona may lack a role, its own and its parents'."""
    with pytest.raises(InvalidValueError, match="Kim: role is missing, here and in its parents"):
        registry_of(Persona("Base", abstract=True), Persona("Kim", parent="Base"))
    registry_of(
        Persona("Base", abstract=True), Persona("Mid", parent="Base", abstract=True), Persona("Kim", "r", parent="Mid")
    )


def test_undeclared_placeholders_are_told_where_they_were_written(tmp_path: Path) -> None:
    """A placeholder that nobody declared is one problem, at the ancestor's text, however many inherit it."""
    path = tmp_path / "p.yaml"
    path.write_text(
        "Base:\n  abstract: true\n  constraints: [ok, 'never {refnd}']\n"
        "A: {parent: Base, role: r, variables: {refund: x}}\nB: {parent: A}\n"
    )
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.persona, problem.field) == (3, 21, "Base", "constraints[2]")
    assert "'{refnd}' is no declared variable; did you mean 'refund'?" in problem.message + "; " + str(problem.hint)


@given(families())
def test_three_ways_to_define_are_one(data: dict[str, dict[str, Any]]) -> None:
    """Any family is the same from Python, from data and from JSON."""
    registry = registry_of(*defined(data))
    assert complete(PersonaRegistry.from_dict(data)) == complete(registry)
    assert complete(PersonaRegistry.from_dict(json.loads(registry.to_json()))) == complete(registry)


@given(families(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_order_means_nothing(data: dict[str, dict[str, Any]], chance: random.Random, cut: int) -> None:
    """Any family gives the same personas in any order, at once or in two calls of define, and parents never change."""
    personas = defined(data)
    before = [persona.given() for persona in personas]
    expected = complete(registry_of(*personas))
    shuffled = personas.copy()
    chance.shuffle(shuffled)
    assert complete(registry_of(*shuffled)) == expected
    in_two = registry_of(*personas[:cut])
    in_two.define(*personas[cut:])
    assert complete(in_two) == expected
    assert [persona.given() for persona in personas] == before


@given(families(), families(), st.randoms(use_true_random=False))
def test_replacing_is_as_defining_anew(
    old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]], chance: random.Random
) -> None:
    """A registry whose personas were replaced, in whatever order, gives what a fresh one gives."""
    registry = registry_of(*defined(old))
    registry.define(*defined(new), replace=True)
    assert complete(registry) == complete(registry_of(*defined(old | new)))


@settings(max_examples=30)
@given(families(), st.integers(0, 6))
def test_splitting_into_files_means_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], cut: int
) -> None:
    """Any family in two files, children before parents, is the same as in one."""
    folder = tmp_path_factory.mktemp("files")
    names = list(data)
    for path, part in (("a.json", names[cut:]), ("b.json", names[:cut])):
        (folder / path).write_text(json.dumps({name: data[name] for name in part} or {"$schema": "x"}))
    registry = PersonaRegistry.from_file(folder / "a.json", folder / "b.json")
    assert complete(registry) == complete(registry_of(*defined(data)))


def test_texts_that_are_filled_speak_for_no_child() -> None:
    """A complete persona of another registry speaks of itself: a child, or a copy, of another name or company is refused."""
    one, other = PersonaRegistry(), PersonaRegistry()
    one.define(Persona("Maya", "Guide", "Acme", greeting="I'm {name} of {company}"))
    maya = one.get("Maya")
    other.define(maya)
    other.define(Persona("Same", parent="Maya", display_name="Maya"))
    assert other.get("Maya").greeting == other.get("Same").greeting == "I'm Maya of Acme"
    for changes in ({"display_name": "Alex"}, {"company": "Globex"}):
        with pytest.raises(InvalidValueError, match=r"Kid: its \{name\} and \{company\} are filled in already"):
            other.define(Persona("Kid", parent="Maya", **{"display_name": "Maya", **changes}))
        for parent in ("Maya", "Same"):
            with pytest.raises(InvalidValueError, match="are filled in already"):
                dataclasses.replace(other.get(parent), **changes)


def test_removing_half_of_a_long_list_takes_time_that_grows_with_it() -> None:
    """Of 60,000 items: looked up one in all of the others, each, they took nine seconds."""
    items = [f"item {number}" for number in range(60_000)]
    registry = PersonaRegistry()
    registry.define(Persona("Base", "r", capabilities=items))
    before = time.thread_time()
    registry.define(Persona("Child", parent="Base", capabilities={"remove": items[::2]}))
    assert time.thread_time() - before < 3
    assert registry.get("Child").capabilities == tuple(items[1::2])


@pytest.mark.parametrize(
    ("inherited", "told"),
    [
        (["Fly", "Swim"], "there are 'Fly', 'Swim'"),
        (["Fly"], "there is 'Fly'"),
        ([], "the list is empty: take it out of the edit"),
        (["Fly", "Swim", "Dig", "Sing", "Rest", "Eat"], "there are 'Fly', 'Swim', 'Dig', 'Sing', 'Rest', …"),
    ],
)
def test_what_is_not_there_to_remove_is_told_beside_what_is(inherited: list[str], told: str) -> None:
    parent = {"role": "r", "capabilities": inherited}
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict({"A": parent, "B": {"parent": "A", "capabilities": {"remove": ["Waive fees"]}}})
    assert str(caught.value).endswith(f"'Waive fees' is not there to remove; {told}")
