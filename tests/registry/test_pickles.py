"""Pickles of registries and personas: they say the same in any process, folder and hour, and equal ones are equal bytes."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError, PersonaRegistry, TemplateError
from llm_persona.persona.binding import bundled
from llm_persona.templating import templates

FILE = """\
$templates: tpl
$default_template: usual
$tools: tools.json
$rollouts: {Maya: {2: 10}}
Base: {abstract: true, company: Acme, template: support, constraints: [Never shout]}
Maya:
  parent: Base
  version: 1
  role: Guide
  greeting: "Hi {user}, I'm {name} of {company}"
  variables: {user: null, plan: free}
  tools: [find]
  custom_sections: {Zeta: z, Alpha: a}
  metadata: {b: [1, true, 1.5, null], a: {x: y}}
Maya@2: {parent: Maya, tone: brief, constraints: {remove: [Never shout]}}
Old: {replaced_by: Maya}
Dora: {role: Writer}
Mark: {role: Writer, template: markdown}
"""
TEMPLATES = {
    "support.j2": '{% extends "shared.j2" %}{% block session %}{{ session.plan }} {% include "part.j2" %}{% endblock %}',
    "shared.j2": '{% extends "markdown.j2" %}',
    "part.j2": "{% for n, d in persona.tool_descriptions|items %}{{ n }}: {{ d }}{% endfor %}",
    "usual.j2": "Usual {{ persona.name }}",
    "compact.j2": "our own compact, {{ persona.name }}",
    "broken.j2": "{% if %}",
}
SESSION = {"user": "Jo"}


def write(folder: Path) -> Path:
    (folder / "tpl").mkdir(parents=True)
    for name, text in TEMPLATES.items():
        (folder / "tpl" / name).write_text(text)
    (folder / "tools.json").write_text('[{"name": "find", "description": "Finds it", "input_schema": {}}]')
    (folder / "personas.yaml").write_text(FILE)
    return folder / "personas.yaml"


@pytest.fixture
def registry(tmp_path: Path) -> PersonaRegistry:
    return PersonaRegistry.from_file(write(tmp_path / "here"))


def told(registry: PersonaRegistry) -> list[Any]:
    """All that a registry says, and from what."""
    made = [registry.get(key).render(**SESSION) for key in registry.references()]
    return [[p.text, p.template, p.stamp(), p.stable] for p in made] + [registry.get("Maya", unit="u7").ref]


def in_another_process(code: str, *arguments: str, stdin: bytes, cwd: Path, seed: str = "random") -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


TELL = """
import json, pickle, sys
registry = pickle.load(sys.stdin.buffer)
made = [registry.get(key).render(user="Jo") for key in registry.references()]
print(json.dumps([[p.text, p.template, p.stamp(), p.stable] for p in made] + [registry.get("Maya", unit="u7").ref]))
"""


def test_a_pickle_says_the_same_in_any_folder_and_hour(tmp_path: Path, registry: PersonaRegistry) -> None:
    """The sources travel: another folder of the same name, an edit in between, or no folder at all change nothing."""
    expected, sent = told(registry), pickle.dumps(registry)
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere)
    (elsewhere / "tpl" / "support.j2").write_text("Another")
    os.chdir(tmp_path / "here")
    try:
        sent_from_inside = pickle.dumps(PersonaRegistry.from_file("personas.yaml"))
    finally:
        os.chdir(elsewhere)
    (tmp_path / "here" / "tpl" / "support.j2").write_text("Edited")
    for content in (sent, sent_from_inside):
        assert json.loads(in_another_process(TELL, stdin=content, cwd=elsewhere)) == json.loads(json.dumps(expected))
    shutil.rmtree(tmp_path / "here")
    again = pickle.loads(sent)
    assert told(again) == expected
    assert again == registry
    assert again.to_dict  # it is a registry like any other
    again.define(Persona("New", "r", template="support"))
    assert "Finds" not in again.get("New").build_system_prompt(plan="x")


def test_a_persona_takes_its_own_template_along(tmp_path: Path, registry: PersonaRegistry) -> None:
    """A pickled persona carries its own template with all that it uses, and no other of the product's."""
    for key in registry.references():
        persona = registry.get(key)
        expected = persona.render(**SESSION)
        again = pickle.loads(pickle.dumps(persona))
        assert again == persona
        assert again.render(**SESSION).stamp() == expected.stamp()
        assert again.build_greeting(**SESSION) == persona.build_greeting(**SESSION)
        assert pickle.loads(pickle.dumps(again)).render(**SESSION) == expected
        assert pickle.dumps(again) == pickle.dumps(persona)
    maya = pickle.dumps(registry.get("Maya"))
    assert b"Usual" not in maya
    assert b"our own compact" not in maya
    again = pickle.loads(maya)
    assert again.build_system_prompt("markdown", **SESSION) == registry.get("Maya").build_system_prompt(
        "markdown", **SESSION
    )
    with pytest.raises(TemplateError, match="'usual'; this persona was pickled with its own template alone: pickle"):
        again.render("usual", **SESSION)


def test_a_name_of_a_template_never_means_another(registry: PersonaRegistry) -> None:
    """Where the product's `compact` was left behind, that name is an error, and not the bundled one."""
    maya, dora = registry.get("Maya"), registry.get("Dora")
    assert maya.build_system_prompt("compact", **SESSION).startswith("our own compact")
    for persona in (maya, dora):
        again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(persona))))
        with pytest.raises(TemplateError, match=r"compact.j2: was not pickled with the persona: pickle its registry"):
            again.render("compact", **SESSION)


def test_files_that_differ_travel_apart(tmp_path: Path) -> None:
    """Each file's templates and tools go along for what it writes; a persona takes those of both that it needs."""
    for team in "ab":
        (tmp_path / team / "t").mkdir(parents=True)
        (tmp_path / team / "t" / "support.j2").write_text(f"{team}: {{{{ persona.name }}}}")
        (tmp_path / team / "t" / "usual.j2").write_text(f"usual {team}")
    (tmp_path / "a" / "p.yaml").write_text("$templates: t\nA: {role: r, template: support}\n")
    (tmp_path / "b" / "p.yaml").write_text("$templates: t\n$default_template: usual\nKid: {parent: A}\nB: {role: r}\n")
    registry = PersonaRegistry.from_file(tmp_path / "a" / "p.yaml", tmp_path / "b" / "p.yaml")
    expected = {"A": "a: A", "Kid": "a: Kid", "B": "usual b"}
    again = pickle.loads(pickle.dumps(registry))
    assert {key: again.get(key).build_system_prompt() for key in expected} == expected
    assert again == registry
    assert pickle.dumps(again) == pickle.dumps(registry)
    kid = registry.get("Kid")
    sent = pickle.loads(pickle.dumps(kid))
    assert sent.build_system_prompt() == "a: Kid"
    assert kid.build_system_prompt("support") == "b: Kid"
    with pytest.raises(TemplateError, match="pickled with its own template alone"):
        sent.build_system_prompt("support")  # in Kid's file that is another one


def test_equal_definitions_are_equal_bytes(tmp_path: Path, registry: PersonaRegistry) -> None:
    """Whatever was rendered, wherever it was read, however its file was written and in whichever process."""
    before = pickle.dumps(registry)
    people = {key: pickle.dumps(registry.get(key)) for key in registry.references()}
    told(registry)
    registry.problems(SESSION)
    for key in registry.references():
        registry.get(key).render("markdown", other="x", **SESSION)
    assert pickle.dumps(registry) == before
    assert {key: pickle.dumps(registry.get(key)) for key in people} == people
    copied = Path(shutil.copytree(tmp_path / "here", tmp_path / "copy"))
    assert pickle.dumps(PersonaRegistry.from_file(copied / "personas.yaml")) == before
    registry.to_json(tmp_path / "here" / "personas.json")
    assert pickle.dumps(PersonaRegistry.from_file(tmp_path / "here" / "personas.json")) == before
    assert pickle.dumps(pickle.loads(before)) == before
    code = (
        "import hashlib, pickle, sys; from llm_persona import PersonaRegistry\n"
        "made = PersonaRegistry.from_file(sys.argv[1]); made.get('Maya').render(user='x')\n"
        "print(hashlib.sha256(pickle.dumps(made, 4)).hexdigest(), hashlib.sha256(pickle.dumps(made.get('Maya'), 4)).hexdigest())"
    )
    path = str(tmp_path / "here" / "personas.yaml")
    seen = {in_another_process(code, path, stdin=b"", cwd=tmp_path, seed=seed) for seed in ("0", "1", "2")}
    assert len(seen) == 1


def test_what_differs_is_other_bytes(tmp_path: Path, registry: PersonaRegistry) -> None:
    """A word of a template, a tool's description, a default, a field: each is other bytes."""
    before = pickle.dumps(registry)
    for name, text in (
        ("tpl/part.j2", "other"),
        ("tools.json", '[{"name": "find", "description": "Loses it"}]'),
        ("personas.yaml", FILE.replace("usual", "support")),
        ("personas.yaml", FILE.replace("role: Writer", "role: writer")),
    ):
        other = Path(shutil.copytree(tmp_path / "here", tmp_path / "other"))
        (other / name).write_text(text)
        changed = PersonaRegistry.from_file(other / "personas.yaml")
        assert pickle.dumps(changed) != before
        assert changed != registry
        shutil.rmtree(other)


def test_a_pickle_holds_no_path_and_no_session(tmp_path: Path, registry: PersonaRegistry) -> None:
    """Neither folders nor lines of origin nor anything that was filled in goes along."""
    registry.get("Maya").render(user="Scheherazade")
    for content in (pickle.dumps(registry), pickle.dumps(registry.get("Maya"))):
        for trace in (str(tmp_path), "personas.yaml", "tpl", "tools.json", "Scheherazade", "Environment", "_thread"):
            assert trace.encode() not in content, trace


def test_copies_share_one_compiled_set(registry: PersonaRegistry) -> None:
    """Unpickled copies with equal sources share what was compiled, and nothing is kept when they are gone."""
    sent, one = pickle.dumps(registry), pickle.dumps(registry.get("Maya"))
    copies = [pickle.loads(sent) for _ in range(3)]
    assert len({id(each.templates) for each in copies}) == 1
    assert copies[0].get("Maya").own_template() is copies[1].get("Maya").own_template()
    people = [pickle.loads(one) for _ in range(3)]
    assert len({id(each.own_template()) for each in people}) == 1
    plain = [pickle.loads(pickle.dumps(Persona("A", "r"))), pickle.loads(pickle.dumps(PersonaRegistry()))]
    assert plain[1].templates is bundled().templates
    kept = len(templates._of_sources)
    assert kept >= 2
    del copies, people, plain
    gc.collect()
    assert len(templates._of_sources) <= kept - 2


def test_other_bundled_templates_are_refused(registry: PersonaRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library whose bundled templates differ says so, and makes no other prompt."""
    for each in (registry, registry.get("Maya"), Persona("A", "r")):
        content = pickle.dumps(each)
        monkeypatch.setattr(bundled().templates, "bundled_fingerprint", "sha256:0")
        with pytest.raises(PersonaError, match="with other bundled templates than this library has"):
            pickle.loads(content)
        monkeypatch.undo()
        assert pickle.loads(content) == each
    old = pickle.dumps(Persona("A", "r"), 0).replace(b"llm-persona/pickle/1", b"llm-persona/pickle/0")
    with pytest.raises(PersonaError, match="this pickle has the format 'llm-persona/pickle/0'"):
        pickle.loads(old)


def test_what_came_with_a_pickle_names_no_folder(registry: PersonaRegistry) -> None:
    """`to_yaml` of templates that lie in no folder is an error that says so, and not a file without them."""
    with pytest.raises(PersonaError, match="its templates came with a pickle, and lie in no folder"):
        pickle.loads(pickle.dumps(registry)).to_yaml()


def test_errors_of_templates_still_say_where(registry: PersonaRegistry) -> None:
    """A template that came with a pickle is called by its name in messages."""
    with pytest.raises(TemplateError, match=r"^broken.j2:1"):
        pickle.loads(pickle.dumps(registry)).get("Dora").render("broken")


def _tell(registry: PersonaRegistry, persona: Persona) -> tuple[list[Any], str]:
    return told(registry), persona.build_system_prompt(**SESSION)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_say_the_same(registry: PersonaRegistry, method: str) -> None:
    """Forked and spawned workers say what their parent says, also while another thread of it renders."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            pickle.loads(pickle.dumps(registry)).get("Maya").render(**SESSION)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        with multiprocessing.get_context(method).Pool(2) as pool:
            results = pool.starmap_async(_tell, [(registry, registry.get("Maya"))] * 4).get(timeout=120)
    finally:
        stop.set()
        thread.join()
    assert results == [_tell(registry, registry.get("Maya"))] * 4


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=8).filter(
    str.strip
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=80)
@given(
    st.fixed_dictionaries(
        {"role": TEXT},
        optional={
            "company": TEXT | st.none(),
            "tone": TEXT,
            "capabilities": st.lists(TEXT, max_size=3),
            "custom_sections": st.dictionaries(TEXT, TEXT, max_size=3),
            "variables": st.just({}),
            "metadata": st.dictionaries(TEXT, PLAIN, max_size=3),
            "version": st.just("1"),
            "abstract": st.just(False),
        },
    ),
    st.fixed_dictionaries(
        {"parent": st.just("Maya")},
        optional={"company": st.none(), "capabilities": st.fixed_dictionaries({"add": st.lists(TEXT)}) | st.none()},
    ),
)
def test_any_persona_comes_back(fields: dict[str, Any], child: dict[str, Any]) -> None:
    """What was given, what was not, edits, order and every kind of metadata come back, and the bytes are the same."""
    registry = PersonaRegistry()
    registry.define(Persona("Maya", **fields), Persona("Kid", **child))
    again = pickle.loads(pickle.dumps(registry))
    assert again == registry
    assert pickle.dumps(again) == pickle.dumps(registry)
    for name in ("Maya", "Kid"):
        assert again.get(name) == registry.get(name)
        assert repr(again.get(name).metadata) == repr(registry.get(name).metadata)
        assert again.get(name).build_system_prompt() == registry.get(name).build_system_prompt()
        for persona in (registry.get(name), registry.definition(name)):
            sent = pickle.loads(pickle.dumps(persona))
            assert (sent, sent.given()) == (persona, persona.given())
            assert Persona(**persona.to_dict()) == persona
            assert json.loads(json.dumps(persona.to_dict())) == persona.to_dict()
            data = {"Maya": registry.definition("Maya").to_dict(), persona.key: persona.to_dict()}
            assert PersonaRegistry.from_dict(data).definition(name) == persona
            assert pickle.dumps(sent) == pickle.dumps(persona)


def test_what_comes_back_is_completed_when_it_is_asked_for() -> None:
    """Parents are applied late, in any order, and all that looks at ancestors finds them; what is gone has none."""
    fields = {"capabilities": {"add": ["x"]}, "parent": "Base"}
    data = {"Ana": fields, "Bob": {"parent": "Ana", "role": "r"}, "Base": {"abstract": True, "role": "b"}}
    registry = PersonaRegistry.from_dict({**data, "Old": {"replaced_by": "Bob"}})
    copy = pickle.loads(pickle.dumps(registry))
    assert copy.get("Old") == registry.get("Bob")
    assert copy.explain("Bob").lists["capabilities"][0].persona == "Ana"
    assert pickle.dumps(copy) == pickle.dumps(registry)
    assert copy == registry
    again = pickle.loads(pickle.dumps(copy))
    again.define(Persona("Cleo", "c", parent="Bob"))
    assert again.get("Cleo").capabilities == ("x",)
    assert len(again.problems()) >= len(copy.problems())
