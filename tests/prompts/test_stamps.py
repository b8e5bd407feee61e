"""Stamps and fingerprints: what they stay the same under, what changes them, and what they never hold."""

from __future__ import annotations

import hmac
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llm_persona
from llm_persona import Persona, PersonaRegistry
from llm_persona.errors import InvalidValueError, TemplateError, UnknownVersionError

PERSONAS: dict[str, Any] = {
    "$templates": "templates",
    "Base": {"abstract": True, "company": "Acme", "template": "support", "constraints": ["Never shout"]},
    "Maya": {
        "parent": "Base",
        "version": "1",
        "role": "Guide",
        "tone": "kind",
        "greeting": "Hi {user}",
        "capabilities": ["Help {user}", "Refund {limit}"],
        "custom_sections": {"First": "1", "Second": "2"},
        "variables": {"user": None, "limit": "$50"},
        "tools": ["orders"],
        "description": "for people",
        "metadata": {"team": "a"},
    },
    "Maya@2": {"parent": "Maya", "tone": "brief"},
}
TEMPLATES = {
    "support.j2": '{% extends "shared.j2" %}\n{% block session %}\n{% include "plan.j2" %}\n{% endblock %}\n',
    "shared.j2": '{% extends "markdown.j2" %}\n',
    "plan.j2": '{% import "words.j2" as words %}\n- {{ words.plan(session.plan) }}\n',
    "words.j2": "{% macro plan(name) %}Plan: {{ name }}{% endmacro %}\n",
}


def write(folder: Path, data: dict[str, Any] = PERSONAS, templates: dict[str, str] = TEMPLATES) -> Path:
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    for name, text in templates.items():
        (folder / "templates" / name).write_bytes(text.encode())
    path = folder / "personas.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def stamps(registry: PersonaRegistry) -> dict[str, dict[str, Any]]:
    return {key: registry.get(key).render(user="Jo", plan="pro").stamp() for key in ("Maya", "Maya@2")}


@pytest.fixture
def registry(tmp_path: Path) -> PersonaRegistry:
    return PersonaRegistry.from_file(write(tmp_path / "here"))


# What changes nothing


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_another_process_stamps_the_same(tmp_path: Path, registry: PersonaRegistry, seed: str) -> None:
    """Another process, whatever its hash seed, gives the same stamps and fingerprints, for personas sent to it too."""
    code = (
        "import json, pickle, sys; from llm_persona import PersonaRegistry\n"
        "sent = pickle.loads(open(sys.argv[2], 'rb').read())\n"
        "for made in (PersonaRegistry.from_file(sys.argv[1]), sent):\n"
        "    prompts = [made.get(key).render(user='Jo', plan='pro') for key in ('Maya', 'Maya@2')]\n"
        "    print(json.dumps([[p.stamp(), p.fingerprint, p.otel_attributes()] for p in prompts]))\n"
    )
    (tmp_path / "sent").write_bytes(pickle.dumps(registry))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "here" / "personas.json"), str(tmp_path / "sent")],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=tmp_path,
    )
    prompts = [registry.get(key).render(user="Jo", plan="pro") for key in ("Maya", "Maya@2")]
    here = json.loads(json.dumps([[p.stamp(), p.fingerprint, p.otel_attributes()] for p in prompts]))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [here, here]


def test_pickled_persona_stamps_the_same(registry: PersonaRegistry) -> None:
    """A persona that was pickled alone keeps its fingerprint and its prompt's stamp, and a prompt keeps its own."""
    persona = registry.get("Maya")
    again = pickle.loads(pickle.dumps(persona))
    prompt = persona.render(user="Jo", plan="pro")
    assert again.fingerprint == persona.fingerprint
    assert again.render(user="Jo", plan="pro").stamp() == prompt.stamp() == pickle.loads(pickle.dumps(prompt)).stamp()


def test_another_folder_stamps_the_same(tmp_path: Path, registry: PersonaRegistry) -> None:
    """The same project elsewhere, relative or absolute, gives the same stamps."""
    elsewhere = PersonaRegistry.from_file(write(tmp_path / "else" / "where"))
    absolute = PersonaRegistry.from_dict({**PERSONAS, "$templates": str(tmp_path / "here" / "templates")})
    assert stamps(elsewhere) == stamps(absolute) == stamps(registry)


def test_writing_style_stamps_the_same(tmp_path: Path, registry: PersonaRegistry) -> None:
    """YAML or JSON, the order of personas and of fields, line ends and a BOM are no part of any fingerprint."""
    yaml = tmp_path / "here" / "personas.yaml"
    yaml.write_bytes(b"\xef\xbb\xbf" + registry.to_yaml(yaml).replace("\n", "\r\n").encode())
    turned = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in PERSONAS.items()
    }
    templates = {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in TEMPLATES.items()}
    other = write(tmp_path / "turned", dict(reversed(turned.items())), templates)
    assert stamps(PersonaRegistry.from_file(yaml)) == stamps(registry)
    assert stamps(PersonaRegistry.from_file(other)) == stamps(registry)


def test_python_stamps_as_files_do(tmp_path: Path, registry: PersonaRegistry) -> None:
    """Personas defined in Python, children first, have the fingerprints that files give them."""
    made = PersonaRegistry(tmp_path / "here" / "templates")
    fields = {name: value for name, value in PERSONAS.items() if name != "$templates"}
    made.define(*(Persona(name, **value) for name, value in reversed(fields.items())))
    assert stamps(made) == stamps(registry)


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "for others"},
        {"metadata": {"team": "b"}},
        {"variables": {"limit": "$50", "user": None}},
        {"template": "support.j2"},
        {"constraints": []},
    ],
    ids=str,
)
def test_what_reaches_no_prompt_changes_nothing(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Notes for people, the order of variables, and saying what is inherited anyway are in no fingerprint."""
    before = PersonaRegistry.from_file(write(tmp_path / "a"))
    after = PersonaRegistry.from_file(write(tmp_path / "b", {**PERSONAS, "Maya": {**PERSONAS["Maya"], **fields}}))
    assert len(stamps(before)) > 1
    for key, stamp in stamps(before).items():
        prints = {name: value for name, value in stamp.items() if name.endswith("fingerprint")}
        assert prints.items() <= stamps(after)[key].items()
        assert after.verify(stamp) == ()


def test_version_that_moves_keeps_its_fingerprint(tmp_path: Path) -> None:
    """`Maya` of version 1, kept as `Maya@1` when `Maya` moves on, has the same stamp: the key is no part of it."""
    before = PersonaRegistry.from_file(write(tmp_path / "a"))
    kept = {name: value for name, value in PERSONAS["Maya"].items() if name != "version"}
    moved = {**PERSONAS, "Maya": {**kept, "version": "3", "tone": "new"}, "Maya@1": kept}
    moved["Maya@2"] = {"parent": "Maya@1", "tone": "brief"}
    after = PersonaRegistry.from_file(write(tmp_path / "b", moved))
    assert (before.get("Maya@1").key, after.get("Maya@1").key) == ("Maya", "Maya@1")
    for ref in ("Maya@1", "Maya@2"):
        stamp = before.get(ref).render(user="Jo", plan="pro").stamp()
        assert after.get(ref).render(user="Jo", plan="pro").stamp() == stamp
        assert after.verify(stamp) == ()


# What changes something


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "Chief"},
        {"tone": "brief"},
        {"company": "Other"},
        {"greeting": "Hello {user}"},
        {"display_name": "May"},
        {"capabilities": ["Refund {limit}", "Help {user}"]},
        {"capabilities": ["Help {user}", "Refund {limit}", "Refund {limit}"]},
        {"constraints": ["Never lie"]},
        {"constraints": {"remove": ["Never shout"]}},
        {"custom_sections": {"Second": "2", "First": "1"}},
        {"custom_sections": {"First": "1", "Second": "2 "}},
        {"variables": {"user": None, "limit": "$60"}},
        {"variables": {"user": None, "limit": None}},
        {"tools": ["orders", "mail"]},
    ],
    ids=str,
)
def test_what_reaches_a_prompt_changes_the_persona(
    registry: PersonaRegistry, tmp_path: Path, fields: dict[str, Any]
) -> None:
    """Any field that a template can print or a placeholder can use changes the persona's fingerprint, and no other's."""
    after = PersonaRegistry.from_file(write(tmp_path / "b", {**PERSONAS, "Maya": {**PERSONAS["Maya"], **fields}}))
    stamp = stamps(registry)["Maya"]
    (name,) = fields
    assert f"persona.{name}" in after.verify(stamp)
    assert {changed for changed in after.verify(stamp) if changed != "stable"} == {f"persona.{name}"}
    assert (
        after.get("Maya").render(user="Jo", plan="pro", limit="$1").stamp()["template_fingerprint"]
        == stamp["template_fingerprint"]
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_any_template_in_use_changes_the_template(registry: PersonaRegistry, tmp_path: Path, name: str) -> None:
    """An edit of whatever a template extends, includes or imports changes its fingerprint, and not the persona's."""
    templates = {**TEMPLATES, name: "{# edited #}\n" + TEMPLATES[name]}
    after = PersonaRegistry.from_file(write(tmp_path / "b", templates=templates))
    assert after.verify(stamps(registry)["Maya"]) == ("template",)


def test_a_template_that_nothing_uses_changes_nothing(registry: PersonaRegistry, tmp_path: Path) -> None:
    """A template beside them changes no fingerprint, not even one that shadows a bundled one which is not asked for."""
    after = PersonaRegistry.from_file(write(tmp_path / "b", templates={**TEMPLATES, "compact.j2": "x", "y.j2": "y"}))
    assert stamps(after) == stamps(registry)


@pytest.mark.parametrize("tools", [None, [{"name": "orders", "description": "Looks up orders"}]])
def test_tool_descriptions_reach_prompts(tmp_path: Path, tools: list[dict[str, Any]] | None) -> None:
    """What a tool is said to do is part of the persona, as templates may print it."""
    path = write(tmp_path)
    other = [{"name": "orders", "description": "Looks up any order"}]
    before, after = PersonaRegistry.from_file(path, tools=tools), PersonaRegistry.from_file(path, tools=other)
    assert "persona.tool_descriptions" in after.verify(stamps(before)["Maya"])


# What a call took from the registry


def of_two(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], name: str = "Maya") -> tuple[str, ...]:
    """Return what the second registry says of a stamp that the first one's persona made without naming a template."""
    old, new = (PersonaRegistry.from_file(write(tmp_path / side, data)) for side, data in (("a", before), ("b", after)))
    stamp = old.get(name).render(user="Jo", plan="pro").stamp()
    assert old.verify(stamp) == ()
    assert new.verify(old.get(name).render("compact", user="Jo", plan="pro").stamp()) == ()  # named: it stays
    return new.verify(stamp)


def test_another_own_template_is_a_change(tmp_path: Path) -> None:
    """A persona that is edited to another template has other prompts, where the call named none."""
    edited = {**PERSONAS, "Maya": {**PERSONAS["Maya"], "template": "markdown"}}
    assert of_two(tmp_path, PERSONAS, edited) == ("template",)


def test_another_default_template_is_a_change(tmp_path: Path) -> None:
    """So has one that names none when the default is another: that of the file, or of the arguments."""
    plain = {**PERSONAS, "Base": {name: value for name, value in PERSONAS["Base"].items() if name != "template"}}
    assert of_two(tmp_path / "1", plain, {"$default_template": "compact", **plain}) == ("template", "stable")
    old = PersonaRegistry.from_file(write(tmp_path / "2", plain))
    new = PersonaRegistry.from_file(tmp_path / "2" / "personas.json", default_template="support")
    assert "template" in new.verify(stamps(old)["Maya"])


def test_the_key_counts_where_a_template_reads_it(tmp_path: Path) -> None:
    """A version that is promoted has another key: another prompt where that is printed, and the same one elsewhere."""
    keyed = {**TEMPLATES, "support.j2": "{% if session.plan %}{% endif %}{{ persona.key }} rest"}
    side = {name: value for name, value in PERSONAS["Maya"].items() if name != "version"}
    promoted = {"$templates": "templates", "Base": PERSONAS["Base"], "Maya": {**side, "tone": "brief", "version": "2"}}
    for templates, expected in ((keyed, ("persona.key",)), (TEMPLATES, ())):
        old = PersonaRegistry.from_file(write(tmp_path / f"a{len(expected)}", templates=templates))
        new = PersonaRegistry.from_file(write(tmp_path / f"b{len(expected)}", promoted, templates))
        before, after = (each.get("Maya@2").render(user="Jo", plan="pro") for each in (old, new))
        assert (before == after) == (before.stamp() == after.stamp()) == (not expected)
        assert new.verify(before.stamp()) == expected
        assert (old.get("Maya@2").fingerprint == new.get("Maya@2").fingerprint) == (not expected)


def test_a_stamp_names_the_library_and_compares_it_not(registry: PersonaRegistry) -> None:
    """The library's version is for people."""
    stamp = stamps(registry)["Maya"]
    assert stamp["library"] == llm_persona.__version__
    assert registry.verify({**stamp, "library": "99"}) == ()


# What a stamp holds


SECRETS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=4, max_size=12)


@given(st.lists(SECRETS, min_size=5, max_size=5, unique=True))
@settings(max_examples=50)
def test_stamp_holds_no_session_value(values: list[str]) -> None:
    """A stamp is plain JSON, and neither it nor the span attributes hold anything of a session but its names."""
    user, plan, unused, section, text = values
    registry = PersonaRegistry()
    registry.define(Persona("Maya", "Guide of {user}", version="1", constraints=["{plan}"]))
    prompt = registry.get("Maya").render(
        "markdown", user=user, plan=plan, other=[unused, {unused: unused}], extra_sections={section: text}
    )
    stamp = prompt.stamp()
    written = json.dumps([stamp, prompt.otel_attributes()], ensure_ascii=False)
    assert json.loads(json.dumps(stamp)) == stamp
    assert not [value for value in values if value in written]
    assert all(value in prompt for value in (user, plan, section, text))
    assert stamp["session"] == ["extra_sections", "other", "plan", "user"]
    assert registry.verify(json.loads(json.dumps(stamp))) == ()


def test_stamp_has_what_made_the_prompt(registry: PersonaRegistry) -> None:
    """A stamp names its format, the version, the template and the session's names; every fingerprint its algorithm."""
    stamp = stamps(registry)["Maya"]
    assert {name: stamp[name] for name in ("format", "ref", "template", "session")} == {
        "format": "llm-persona/stamp/2",
        "ref": "Maya@1",
        "template": "support",
        "session": ["plan", "user"],
    }
    prints = [value for name, value in stamp.items() if name.endswith("_fingerprint")]
    assert len(prints) == len(set(prints)) == 3
    assert all(value.startswith("sha256:") and len(value) == 71 for value in prints)


def test_stable_fingerprint_is_of_every_session(registry: PersonaRegistry) -> None:
    """The stable part has one fingerprint, whatever the session: that of its bytes."""
    one = registry.get("Maya").render(user="Jo", plan="pro")
    other = registry.get("Maya").render(user="Ana", plan="free", limit="$1")
    assert one.stable
    assert one != other
    assert one.stamp()["stable_fingerprint"] == other.stamp()["stable_fingerprint"]


def test_span_attributes_are_texts(registry: PersonaRegistry) -> None:
    """OpenTelemetry gets texts alone: the convention's two names, the rest under the project's own."""
    attributes = registry.get("Maya").render(user="Jo", plan="pro").otel_attributes()
    assert (attributes["gen_ai.prompt.name"], attributes["gen_ai.prompt.version"]) == ("Maya", "1")
    assert all(type(value) is str and value for value in attributes.values())
    assert all(name.startswith(("gen_ai.prompt.", "llm_persona.")) for name in attributes)
    made = PersonaRegistry()
    made.define(Persona("Max", "Guide"))
    assert "gen_ai.prompt.version" not in made.get("Max").render().otel_attributes()


def test_span_attributes_give_no_session_value_away(registry: PersonaRegistry) -> None:
    """Two sessions have the same attributes, so none can be told from them; under a key, only its holder can tell."""
    jo, ana = (registry.get("Maya").render(user=user, plan="pro") for user in ("Jo", "Ana"))
    assert jo.otel_attributes() == ana.otel_attributes()
    digest = hmac.new(b"secret", jo.text.encode(), "sha256").hexdigest()
    keyed = {"llm_persona.prompt.fingerprint": f"hmac-sha256:{digest}"}
    assert jo.otel_attributes("secret") == jo.otel_attributes(b"secret") == jo.otel_attributes() | keyed
    assert jo.otel_attributes("secret") != ana.otel_attributes("secret")
    assert jo.otel_attributes("secret") != jo.otel_attributes("other")


@pytest.mark.parametrize(
    ("key", "message"), [("", "is empty"), (b"", "is empty"), (5, "must be a text or bytes, not a")]
)
def test_key_of_a_fingerprint(registry: PersonaRegistry, key: Any, message: str) -> None:
    """A key that protects nothing is refused, as is what is none."""
    with pytest.raises(InvalidValueError, match=f"^the key of a fingerprint {message}"):
        registry.get("Maya").render(user="Jo", plan="pro").otel_attributes(key)


# Stamps that cannot be read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "pass what prompt.stamp"),
        ({"format": None}, "pass what prompt.stamp"),
        ({"template_named": None}, "'template_named' must be true or false"),
        ({"persona_fields": []}, "'persona_fields' must be a mapping of names to fingerprints"),
        ({"ref": None}, "'ref' must be a text, not null"),
        ({"template": ""}, "'template' must be a text"),
        ({"persona_fingerprint": 5}, "'persona_fingerprint' must be a text, not a number"),
        ({"stable_fingerprint": ["sha256:"]}, "'stable_fingerprint' must be a text, not a list"),
        ({"session": "user"}, "'session' must be a list of names"),
        ({"session": [1]}, "'session' must be a list of names"),
        ({"session": None}, "'session' must be a list of names"),
    ],
)
def test_malformed_stamp(registry: PersonaRegistry, change: dict[str, Any], message: str) -> None:
    """A stamp that is malformed is an error that says what is wrong."""
    with pytest.raises(InvalidValueError, match=message):
        registry.verify({**stamps(registry)["Maya"], **change})


@pytest.mark.parametrize("form", ["llm-persona/stamp/1", "llm-persona/stamp/3", "other"])
def test_a_stamp_of_another_format_is_told(registry: PersonaRegistry, form: str) -> None:
    """Older or unknown: `verify` says so and never raises, whatever else is or is not in it."""
    for stamp in ({**stamps(registry)["Maya"], "format": form}, {"format": form}, {"format": form, "ref": "Gone@9"}):
        assert registry.verify(stamp) == ("format",)


@pytest.mark.parametrize("stamp", [None, "Maya@1", 5, [], {}])
def test_no_stamp(registry: PersonaRegistry, stamp: Any) -> None:
    """What is no stamp at all is refused as such."""
    with pytest.raises(InvalidValueError, match=r"a stamp is a mapping|a stamp's 'format' must be a text, not null"):
        registry.verify(stamp)


def test_what_a_stamp_names_may_be_gone(registry: PersonaRegistry) -> None:
    """A version or a template that is not there any more is the usual error, with what there is."""
    stamp = stamps(registry)["Maya"]
    with pytest.raises(UnknownVersionError, match="has no version '3'"):
        registry.verify({**stamp, "ref": "Maya@3"})
    with pytest.raises(TemplateError, match="there is no template 'suport'"):
        registry.verify({**stamp, "template": "suport", "template_named": True})


@pytest.mark.parametrize("odd", ["", "_x", "a b", "extra_sections", "name", "self"])
def test_session_names_of_a_stamp_are_only_names(registry: PersonaRegistry, odd: str) -> None:
    """A stamp with odd session names is verified all the same: no name makes it fail."""
    stamp = {**stamps(registry)["Maya"], "session": ["user", odd]}
    assert registry.verify(stamp) == ()
    assert "persona" in registry.verify({**stamp, "persona_fingerprint": "sha256:0"})
