from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import random
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import (
    DuplicatePersonaError,
    InheritanceError,
    InvalidValueError,
    Persona,
    PersonaError,
    PersonaFileError,
    PersonaRegistry,
    TemplateError,
    UnknownPersonaError,
    UnknownVersionError,
)

FILE = """\
$templates: templates
$rollouts:
  Maya: {2: 10}
Base:
  abstract: true
  company: Acme Corp
  template: support
Maya:
  parent: Base
  version: 1
  role: Support
  greeting: "Hi {user}, I'm {name} from {company}."
  capabilities: [Look up orders, "Refund up to {limit}"]
  variables: {user: null, limit: $50}
Maya@2:
  parent: Maya
  tone: warm
Premium:
  parent: Maya
  display_name: Maya
  capabilities: {remove: [Look up orders], add: [Look up any order]}
"""
TEMPLATE = '{% extends "markdown.j2" %}\n{% block session %}\n- User: {{ session.user }}\n{% endblock %}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "support.j2").write_text(TEMPLATE)
    (tmp_path / "personas.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def registry(folder: Path) -> PersonaRegistry:
    return PersonaRegistry.from_file(folder / "personas.yaml")


def registry_of(*personas: Persona) -> PersonaRegistry:
    registry = PersonaRegistry()
    registry.define(*personas)
    return registry


def everything(registry: PersonaRegistry) -> dict[str, object]:
    """Return all that a registry gives, objects and all."""
    names = registry.references(abstract=True)
    return {
        "names": names,
        "listed": registry.list_names(),
        "personas": [
            (id(registry.get(name)), registry.get(name).fingerprint if not registry.get(name).abstract else "")
            for name in names
        ],
        "data": registry.to_dict(),
        "explained": [registry.explain(name) for name in names],
        "rollouts": registry.rollouts,
    }


BAD: list[tuple[type[PersonaError], list[Any]]] = [
    (DuplicatePersonaError, [Persona("New", "r"), Persona("Maya", "other", version="1")]),
    (DuplicatePersonaError, [Persona("New", "r"), Persona("New", "s")]),
    (DuplicatePersonaError, [Persona("New", "r"), Persona("Maya@1", "r")]),
    (InheritanceError, [Persona("New", "r"), Persona("Kim", parent="Nobody")]),
    (InheritanceError, [Persona("New", "r"), Persona("A", parent="B"), Persona("B", parent="A")]),
    (InheritanceError, [Persona("New", "r"), Persona("Kim", parent="Maya", tools={"remove": ["x"]})]),  # type: ignore[arg-type]
    (InvalidValueError, [Persona("New", "r"), Persona("Kim@2", "r")]),
    (InvalidValueError, [Persona("New", "r"), Persona("Kim", "r", variables=["a"], tone="{b}")]),  # type: ignore[arg-type]
    (InvalidValueError, [Persona("New", "r"), Persona("Premium@2", "r")]),
    (InvalidValueError, [Persona("New", "r"), "Maya"]),
    (InvalidValueError, [Persona("New", "r"), {"name": "Maya"}]),
    (TemplateError, [Persona("New", "r"), Persona("Kim", "r", template="suport")]),
]


@pytest.mark.parametrize(("kind", "personas"), BAD)
def test_all_or_nothing(registry: PersonaRegistry, kind: type[PersonaError], personas: list[Any]) -> None:
    """After a call that fails, whatever for, the registry gives exactly what it gave before."""
    before = everything(registry)
    for order in (personas, personas[::-1]):
        with pytest.raises(kind):
            registry.define(*order)
        assert everything(registry) == before


REPLACEMENTS: list[tuple[type[PersonaError], Persona]] = [
    (InheritanceError, Persona("Maya", "r", version="1", variables={"user": None, "limit": "1"})),  # Premium's removal
    (InvalidValueError, Persona("Base", abstract=True, variables={"user": None}, tone="{usr}")),  # the children's texts
    (InheritanceError, Persona("Base", abstract=True, parent="Premium")),
    (InvalidValueError, Persona("Maya", parent="Base", abstract=True, version="1")),  # its rollout
    (InvalidValueError, Persona("Maya", "r", version=None)),
    (DuplicatePersonaError, Persona("Maya", "r", version="2")),
    (TemplateError, Persona("Base", abstract=True, template="nope")),
]


@pytest.mark.parametrize(("kind", "persona"), REPLACEMENTS)
def test_replacing_all_or_nothing(registry: PersonaRegistry, kind: type[PersonaError], persona: Persona) -> None:
    """What its descendants, versions or rollout do not stand replaces nothing."""
    before = everything(registry)
    with pytest.raises(kind):
        registry.define(Persona("New", "r"), persona, replace=True)
    assert everything(registry) == before


def test_defining_the_same_again_does_nothing(registry: PersonaRegistry) -> None:
    """The same content is no news, one by one or all at once, with replace or without."""
    before = everything(registry)
    definitions = [registry.definition(name) for name in registry.references(abstract=True)]
    registry.define(*definitions)
    registry.define(*definitions, *definitions, replace=True)
    assert everything(registry) == before


def test_other_content_under_a_known_name() -> None:
    """Other content is refused, with both ways out, unless replace says so."""
    registry = registry_of(Persona("Maya", "r"))
    with pytest.raises(
        DuplicatePersonaError,
        match=r"'Maya' is defined already, with other content; pass replace=True, or name it Maya@VERSION",
    ):
        registry.define(Persona("Maya", "s"))
    with pytest.raises(DuplicatePersonaError):
        registry.define(Persona("Maya", "r", metadata={"a": 1}))
    registry.define(Persona("Maya", "s"), replace=True)
    assert registry.get("Maya").role == "s"


def test_replacing_a_parent_changes_its_children(registry: PersonaRegistry) -> None:
    """Children, their children and side versions follow what is replaced; what was got before stays as it was."""
    before = registry.get("Premium")
    registry.define(Persona("Base", abstract=True, company="Initech"), replace=True)
    assert [registry.get(name).company for name in ("Maya", "Maya@2", "Premium")] == ["Initech"] * 3
    assert registry.get("Premium").greeting == "Hi {user}, I'm Maya from Initech."
    assert before.company == "Acme Corp"


def test_order_of_definition_is_kept() -> None:
    """Names come in order of definition; replacing keeps the place."""
    registry = registry_of(Persona("B", "r"), Persona("A", "r"), Persona("C", "r"))
    registry.define(Persona("B", "s"), replace=True)
    assert registry.list_names() == list(registry) == ["B", "A", "C"]


def test_the_loop_over_safe_load() -> None:
    """The loop that everybody writes first works for files without keys of the file's own, parents first."""
    registry = PersonaRegistry()
    for name, config in yaml.safe_load(
        "Base: {role: r, version: 1}\nKim: {parent: Base, tone: warm}\nBase@2: {role: s}\n"
    ).items():
        registry.define(Persona(name=name, **config))
    assert registry.list_names() == ["Base", "Kim"]
    assert registry.get("Base@2").role == "s"


def test_names(registry: PersonaRegistry) -> None:
    """Neither abstract ones nor side versions are listed, counted or iterated; all are `in` and can be got."""
    assert registry.list_names() == list(registry) == ["Maya", "Premium"]
    assert len(registry) == 2
    assert registry.references() == ["Maya", "Maya@2", "Premium"]
    assert registry.references(abstract=True) == ["Base", "Maya", "Maya@2", "Premium"]
    assert all(name in registry for name in ("Base", "Maya", "Maya@1", "Maya@2", "Premium"))
    assert registry.versions("Maya") == ["1", "2"]
    assert registry.versions("Premium") == []
    assert repr(registry) == "<PersonaRegistry: Maya, Premium>"
    assert repr(PersonaRegistry()) == "<PersonaRegistry: empty>"


@pytest.mark.parametrize(
    "odd", [None, 5, True, b"Maya", [], {}, ("Maya",), "maya", "", "@", "Maya@", "Maya@3", "Maya@1@1", "Premium@1"]
)
def test_what_is_not_in(registry: PersonaRegistry, odd: object) -> None:
    """Whatever is no name of a persona is not in the registry, and getting it is an error of ours."""
    assert odd not in registry
    for use in (registry.get, registry.versions, registry.explain, registry.definition):
        with pytest.raises(PersonaError):
            use(odd)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        (lambda r: r.get("maya"), UnknownPersonaError, "no persona 'maya'; did you mean 'Maya'?"),
        (lambda r: r.get("Zoltan"), UnknownPersonaError, "no persona 'Zoltan'; there are 'Base', 'Maya', 'Premium'"),
        (lambda r: r.get("maya@2"), UnknownPersonaError, "no persona 'maya'; did you mean 'Maya'?"),
        (lambda r: r.get("Maya@3"), UnknownVersionError, "Maya: has no version '3'; there are 1, 2"),
        (lambda r: r.get("Premium@1"), UnknownVersionError, "Premium: has no version '1'; it has none"),
        (lambda r: r.get("Maya", version="x"), UnknownVersionError, "Maya: has no version 'x'; there are 1, 2"),
        (lambda r: r.versions("Mya"), UnknownPersonaError, "no persona 'Mya'; did you mean 'Maya'?"),
        (lambda r: r.get("Maya@1", version="2"), InvalidValueError, "Maya: 'Maya@1' and the version '2' disagree"),
        (lambda r: r.get("Maya", version=True), InvalidValueError, "a version is a text, not a truth value (true)"),
        (lambda r: r.get("Maya", version=1.0), InvalidValueError, "a version is a text, not a number"),
        (lambda r: r.get(None), InvalidValueError, "a persona's name is a text, not null"),
        (
            lambda r: r.get("Maya", unit=5),
            InvalidValueError,
            "unit must be a text, not a number; pass str(unit), everywhere",
        ),
        (
            lambda r: r.get("Premium", unit=5),
            InvalidValueError,
            "unit must be a text, not a number; pass str(unit), everywhere",
        ),
        (lambda r: PersonaRegistry().get("Maya"), UnknownPersonaError, "no persona 'Maya'; no persona is defined"),
    ],
)
def test_messages(registry: PersonaRegistry, use: Any, kind: type[PersonaError], message: str) -> None:
    """What cannot be got is told with what there is; unknown names and versions are KeyErrors too."""
    with pytest.raises(kind) as caught:
        use(registry)
    assert str(caught.value) == message
    assert isinstance(caught.value, KeyError) == (kind in (UnknownPersonaError, UnknownVersionError))


def test_get_by_version(registry: PersonaRegistry) -> None:
    """A version is named in the reference or beside it, as a text or a whole number."""
    side = registry.get("Maya@2")
    assert (
        registry.get("Maya", version="2")
        is registry.get("Maya", version=2)
        is registry.get("Maya@2", version="2")
        is side
    )
    assert registry.get("Maya", version="1") is registry.get("Maya@1") is registry.get("Maya")


def test_a_reference_means_what_is_defined_now() -> None:
    """However often it was asked for before: what is looked up once is looked up anew after each change."""
    registry = PersonaRegistry()
    registry.define(Persona("Maya", "Helper", version="1"))
    for reference in ("Maya", "Maya@1", "Maya@1"):
        assert registry.get(reference).role == "Helper"
    registry.define(Persona("Maya", "Guide", version="2"), Persona("Maya@1", "Helper", tone="kind"), replace=True)
    assert [registry.get(reference).ref for reference in ("Maya", "Maya@1", "Maya@2")] == ["Maya@2", "Maya@1", "Maya@2"]
    assert registry.get("Maya@1").tone == "kind"
    registry.define(Persona("Maya@1", replaced_by="2"), replace=True)
    assert registry.get("Maya@1").ref == registry.get("Maya@1").ref == "Maya@2"


def test_get_by_unit(registry: PersonaRegistry) -> None:
    """A unit gets one version of those with a share, always the same; a named version, or none to choose from, is that."""
    units = [f"u{number}" for number in range(1_000)]
    got = {unit: registry.get("Maya", unit=unit).version for unit in units}
    assert 60 < sum(version == "2" for version in got.values()) < 140
    assert {unit: registry.get("Maya", unit=unit).version for unit in units} == got
    moved = next(unit for unit, version in got.items() if version == "2")
    assert registry.get("Maya@1", unit=moved).version == "1"
    assert registry.get("Maya", version="1", unit=moved).version == "1"
    assert registry.get("Premium", unit=moved) is registry.get("Premium")
    assert registry.get("Maya", unit=None) is registry.get("Maya")


def test_a_rollout_follows_the_served_version(registry: PersonaRegistry) -> None:
    """When what is served moves on, the rest of the units get the new one."""
    registry.define(
        Persona("Maya", parent="Base", role="r", version="3", capabilities=("Look up orders",)), replace=True
    )
    versions = {registry.get("Maya", unit=f"u{number}").version for number in range(200)}
    assert versions == {"2", "3"}


def test_the_product_templates(folder: Path, registry: PersonaRegistry) -> None:
    """The file's templates, relative to it, are looked in first; those that are passed are for files that name none."""
    assert "- User: Jo" in registry.get("Maya").build_system_prompt(user="Jo")
    more = folder / "more"
    more.mkdir()
    (more / "support.j2").write_text("Mine: {{ persona.name }}")
    with pytest.raises(PersonaFileError, match="says 'templates', and the argument templates says"):
        PersonaRegistry.from_file(folder / "personas.yaml", templates=more)
    (folder / "personas.yaml").write_text(FILE.replace("$templates: templates", ""))
    other = PersonaRegistry.from_file(folder / "personas.yaml", templates=more)
    assert other.get("Maya").build_system_prompt(user="Jo") == "Mine: Maya"
    plain = PersonaRegistry(templates=[more], default_template="support")
    plain.define(Persona("Kim", "r"))
    assert plain.get("Kim").build_system_prompt() == "Mine: Kim"


def test_a_template_folder_that_is_missing(tmp_path: Path) -> None:
    """A folder that is not there is an error when the registry is made."""
    with pytest.raises(TemplateError, match="nowhere' is missing"):
        PersonaRegistry(templates=tmp_path / "nowhere")
    with pytest.raises(TemplateError):
        PersonaRegistry.from_dict({"A": {"role": "r"}}, templates=tmp_path / "nowhere")


def test_tools_of_a_catalogue() -> None:
    """With a catalogue every tool that is named must be in it, an inherited one told where it was written."""
    catalog = [{"name": "find", "description": "Find it", "input_schema": {"type": "object"}}]
    registry = PersonaRegistry(tools=catalog)
    registry.define(Persona("Kim", "r", tools=("find",)))
    with pytest.raises(InvalidValueError, match=r"Base\.tools\[1\]: there is no tool 'fnd'; did you mean 'find'\?"):
        registry.define(Persona("Base", "r", abstract=True, tools=("fnd",)), Persona("Kid", parent="Base"))
    with pytest.raises(PersonaFileError, match=r"A\.tools\[2\]: there is no tool 'zzz'; add it to the catalogue"):
        PersonaRegistry.from_dict({"A": {"role": "r", "tools": ["find", "zzz"]}}, tools=catalog)


def test_verify(folder: Path, registry: PersonaRegistry) -> None:
    """A stamp tells what changed since: nothing, the persona, the template, and whether the stable prefix did."""
    stamp = json.loads(json.dumps(registry.get("Maya").render(user="Jo", extra_sections={"a": "b"}).stamp()))
    assert registry.verify(stamp) == ()
    assert PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp) == ()
    (folder / "personas.yaml").write_text(FILE.replace("role: Support", "role: Sales"))
    assert PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp) == ("persona.role", "stable")
    (folder / "personas.yaml").write_text(FILE.replace("from {company}", "at {company}"))
    assert PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp) == ("persona.greeting",)
    (folder / "personas.yaml").write_text(FILE.replace("limit: $50", "limit: $50, more: null"))
    assert PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp) == ("persona.variables",)
    (folder / "personas.yaml").write_text(FILE)
    (folder / "templates" / "support.j2").write_text(TEMPLATE.replace("- User", "* User"))
    assert PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp) == ("template",)
    (folder / "personas.yaml").write_text(FILE.replace("version: 1", "version: 3"))
    with pytest.raises(UnknownVersionError):
        PersonaRegistry.from_file(folder / "personas.yaml").verify(stamp)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": None}, "pass what prompt.stamp"),
        ({"ref": 5}, "'ref' must be a text, not a number"),
        ({"session": "user"}, "'session' must be a list of names"),
        ({"session": [5]}, "'session' must be a list of names"),
        ({"stable_fingerprint": None}, "'stable_fingerprint' must be a text"),
    ],
)
def test_bad_stamps(registry: PersonaRegistry, change: dict[str, object], message: str) -> None:
    """A stamp that is malformed, or of a newer format, is told as such."""
    stamp = registry.get("Maya").render(user="Jo").stamp()
    with pytest.raises(InvalidValueError, match=message):
        registry.verify({**stamp, **change})
    with pytest.raises(InvalidValueError, match="a stamp is a mapping"):
        registry.verify([])  # type: ignore[arg-type]


def test_copies(registry: PersonaRegistry) -> None:
    """A copy begins with what the registry has, and goes its own way."""
    for other in (copy.copy(registry), copy.deepcopy(registry), pickle.loads(pickle.dumps(registry))):
        assert other == registry
        assert other is not registry
        other.define(Persona("New", "r"))
        assert "New" not in registry
        assert other != registry
    assert registry != "Maya"
    with pytest.raises(TypeError):
        hash(registry)


def test_copies_explain_their_own_prompts(tmp_path: Path) -> None:
    """What one of them defines takes nothing from what the other knows."""
    path = tmp_path / "personas.yaml"
    path.write_text("Maya: {role: Helper}\nMax: {role: Guide}\n", encoding="utf-8")
    registry = PersonaRegistry.from_file(path)
    other = copy.copy(registry)
    other.define(Persona("Maya", "Other"), replace=True)
    registry.define(Persona("Max", "Other"), replace=True)
    for one, name, line in ((registry, "Maya", 1), (other, "Max", 2)):
        spans = [span for each in one.get(name).render().explain() for span in each.spans if span.field == "role"]
        assert [span.origin and span.origin.line for span in spans] == [line]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_defines() -> None:
    """A child process can define and get, whatever another thread was doing at the fork."""
    registry = registry_of(Persona("Maya", "r"))
    with registry._lock:
        child = os.fork()
        if child == 0:
            worker = threading.Thread(target=lambda: registry.define(Persona("New", "r")), daemon=True)
            worker.start()
            worker.join(20)
            os._exit(0 if "New" in registry else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_eight_threads() -> None:
    """A reader sees all of a change or nothing, and never an old definition after define has returned."""
    registry = registry_of(
        Persona("Base", "0", abstract=True), Persona("A", parent="Base"), Persona("B", parent="Base")
    )
    done = threading.Event()
    latest = 0

    def write() -> None:
        nonlocal latest
        for number in range(1, 150):
            registry.define(
                Persona("Base", str(number), abstract=True, greeting=str(number)),
                Persona(f"N{number}", parent="Base"),
                replace=True,
            )
            latest = number
        done.set()

    def read() -> int:
        seen = 0
        while not done.is_set():
            least = latest
            for name in ("A", "B"):
                persona = registry.get(name)
                assert persona.greeting in (persona.role, None)
                assert int(persona.role) >= max(least, seen)
                seen = int(persona.role)
                assert persona.build_system_prompt() == f"You are {name}, a {seen}.\n\nTone: helpful and professional"
            names = registry.list_names()
            assert names == ["A", "B", *(f"N{number}" for number in range(1, len(names) - 1))]
        return seen

    def add(worker: int) -> int:
        for number in range(50):
            registry.define(Persona(f"W{worker}-{number}", "r"))
            assert registry.get(f"W{worker}-{number}").role == "r"
        return 0

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(6)]
        writer = pool.submit(write)
        writer.result(120)
        for reader in readers:
            reader.result(120)
        for adder in [pool.submit(add, worker) for worker in range(8)]:
            adder.result(120)
    assert len(registry) == 2 + 149 + 8 * 50


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0{}"), min_size=1).filter(str.strip)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OPTIONAL = {
    "company": st.none() | TEXT,
    "tone": TEXT,
    "capabilities": st.lists(TEXT, max_size=3),
    "constraints": st.lists(TEXT, max_size=3),
    "greeting": st.none() | TEXT,
    "custom_sections": st.dictionaries(TEXT, TEXT, max_size=3),
    "display_name": st.none() | TEXT,
    "variables": st.dictionaries(st.sampled_from(["a", "b"]), st.none() | TEXT),
    "tools": st.none() | st.lists(TEXT, max_size=2),
    "template": st.sampled_from([None, "markdown", "xml"]),
    "description": st.none() | TEXT,
    "metadata": st.dictionaries(TEXT, PLAIN, max_size=2),
}


@st.composite
def registries(draw: st.DrawFn) -> PersonaRegistry:
    """Any registry: versions, rollouts, edits, nulls, abstract bases, any text."""
    fields = st.fixed_dictionaries({}, optional=OPTIONAL)
    data: dict[str, Any] = {
        "Base": {**draw(fields), "role": draw(TEXT), "abstract": draw(st.booleans())},
        "Maya": {
            **draw(fields),
            "role": draw(TEXT),
            "parent": "Base",
            "version": "1",
            "capabilities": {"add": draw(st.lists(TEXT, max_size=1))},
        },
        "Maya@x y": {
            **draw(fields),
            "parent": draw(st.sampled_from(["Maya", "Maya@1", "Base"])),
            "constraints": {"replace": draw(st.lists(TEXT, max_size=2))},
        },
    }
    for child in ("Maya", "Maya@x y"):  # there, null takes an entry away, and an entry that is not there is an error
        notes = data[child].get("metadata", {})
        data[child]["metadata"] = {name: note for name, note in notes.items() if note is not None}
    if draw(st.booleans()):
        data["$rollouts"] = {"Maya": {"x y": draw(st.integers(0, 100)), **draw(st.sampled_from([{}, {"salt": "s"}]))}}
    return PersonaRegistry.from_dict(data)


@settings(max_examples=60)
@given(registries())
def test_written_registries_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, registry: PersonaRegistry
) -> None:
    """Any registry comes back equal through data, YAML and JSON, with its order and fingerprints."""
    folder = tmp_path_factory.mktemp("written")
    registry.to_yaml(folder / "p.yaml")
    registry.to_json(folder / "p.json")
    for other in (
        PersonaRegistry.from_dict(registry.to_dict()),
        PersonaRegistry.from_file(folder / "p.yaml"),
        PersonaRegistry.from_file(folder / "p.json"),
    ):
        assert other == registry
        assert other.to_dict() == registry.to_dict()
        assert other.references(abstract=True) == registry.references(abstract=True)
        for name in registry.references():
            assert other.get(name) == registry.get(name)
            assert other.get(name).fingerprint == registry.get(name).fingerprint


def test_written_template_folders_are_relative(folder: Path, registry: PersonaRegistry) -> None:
    """The template folder is written relative to the file, so that both can move together."""
    registry.to_yaml(folder / "written.yaml")
    assert '"$templates": templates\n' in (folder / "written.yaml").read_text()
    moved = shutil.copytree(folder, folder / "moved")
    shutil.rmtree(folder / "templates")
    other = PersonaRegistry.from_file(moved / "written.yaml")
    assert other.get("Maya").render(user="Jo") == registry.get("Maya").render(user="Jo")


def test_a_write_that_fails_leaves_the_old_file(folder: Path, registry: PersonaRegistry) -> None:
    """A file is replaced whole or not at all, and nothing is left beside it."""
    names = sorted(os.listdir(folder))
    with pytest.raises(OSError):  # noqa: PT011  # whatever the system calls it
        registry.to_yaml(folder / "templates")
    assert sorted(os.listdir(folder)) == names
    assert (folder / "personas.yaml").read_text() == FILE


def test_many_definitions_one_at_a_time() -> None:
    """Thousands can be defined one at a time, and a change leaves all that it does not bear on as it is."""
    registry = PersonaRegistry()
    order = list(range(3_000))
    random.Random(1).shuffle(order)
    for number in order:
        registry.define(Persona(f"P{number}", "r"))
    assert len(registry) == 3_000
    untouched = registry.get("P1")
    registry.define(Persona("P2", "s"), replace=True)
    assert registry.get("P1") is untouched


def test_what_was_replaced_is_let_go() -> None:
    """The 10,000th definition of a name, with no text or name that was there before, takes no more than the 5,000th.

    Blocks of memory are counted, as an interned text is one that nothing lets go since Python 3.12.
    """
    registry = PersonaRegistry()
    blocks = []
    for number in range(10_000):
        persona = Persona(
            "Maya",
            f"Guide {number}",
            f"Acme{number}",
            tone=f"warm{number}",
            capabilities=[f"cap{number}", f"Look {{var_{number}}} up"],
            constraints=[f"never{number}"],
            greeting=f"Hi{number} {{var_{number}}}",
            custom_sections={f"section_{number}": f"text{number}"},
            variables={f"var_{number}": None},
            tools=[f"tool_{number}"],
            metadata={f"key_{number}": f"value_{number}"},
        )
        registry.define(persona, replace=True)
        complete = registry.get("Maya")
        template = ("default", "markdown", "xml", "compact")[number % 4]
        assert f"value{number}" in complete.render(template, **{f"var_{number}": f"value{number}"})
        assert complete.build_greeting(**{f"var_{number}": f"value{number}"}) == f"Hi{number} value{number}"
        if number in (4_999, 9_999):
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    assert blocks[1] - blocks[0] < 1_000
