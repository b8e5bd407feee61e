"""A prompt: its text, and where it came from."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from llm_persona import Persona, PersonaRegistry, multiline
from llm_persona.errors import InvalidValueError
from llm_persona.prompts.prompt import Prompt, check_stamp

MAYA = Persona(name="Maya", role="Helper", version="1", tone="kind to {user}", variables={"user": None, "plan": "free"})
SESSION = {"user": "secret\nvalue", "extra": "other secret", "doc": multiline("a\nb")}


def test_it_compares_as_its_text_does() -> None:
    """With a str and with another prompt, whatever they came from; and with nothing else."""
    prompt = MAYA.render(user="Jo")
    same = Prompt(text=prompt.text, persona="Other", version=None, template="x")
    assert prompt == prompt.text == str(prompt)
    assert prompt.text == prompt
    assert prompt == same
    assert hash(prompt) == hash(same) == hash(prompt.text)
    assert prompt != MAYA.render(user="Ana")
    assert prompt != prompt.text + " "
    assert prompt.__eq__(5) is NotImplemented
    assert {prompt.text: 1}[prompt] == 1  # type: ignore[index]
    assert "kind to Jo" in prompt
    assert "Ana" not in prompt


ARGUMENTS: list[tuple[object, ...]] = [
    (),
    ("",),
    ("x",),
    ("x", "y"),
    (0,),
    (3,),
    (300,),
    ((),),
    ({},),
    (slice(None),),
    (["a"],),
]


@pytest.mark.parametrize("text", ["", "plain", "Two\nlines", "Braces {{}}, 100%%"])
def test_every_method_of_str_gives_what_it_gives_of_the_text_and_no_prompt(text: str) -> None:
    """Also where there is nothing to do, and str gives the text itself back."""
    prompt = Prompt(text, "Maya", None, "t")
    tried = set()
    kept = {
        "__class__",
        "__new__",
        "__init__",
        "__getattribute__",
        "__repr__",
        "__reduce__",
        "__reduce_ex__",
        "__sizeof__",
    }
    for name in sorted(set(dir(str)) - kept - {"__dir__", "__doc__", "__getstate__", "__init_subclass__"}):
        for arguments in ARGUMENTS:
            try:
                expected = getattr(text, name)(*arguments)
            except Exception:
                continue
            found = getattr(prompt, name)(*arguments)
            if name not in ("__hash__", "__subclasshook__", "__iter__"):
                assert (found, type(found)) == (expected, type(expected)), (name, arguments)
                tried.add(name)
    assert len(tried) > 60


def test_it_cannot_change() -> None:
    """A prompt is a value."""
    with pytest.raises(AttributeError):
        MAYA.render(user="Jo").text = "x"  # type: ignore[misc]


def test_stable_and_rest_are_its_text() -> None:
    """The stable part comes first and ends a line before the first session value."""
    prompt = MAYA.render(user="Jo")
    assert prompt.stable + prompt.rest == prompt.text
    assert prompt.stable == "You are Maya, a Helper.\n"
    assert prompt.rest == "\nTone: kind to Jo"


def test_repr_shows_no_session_value() -> None:
    """Logs get the reference, the template and lengths."""
    prompt = MAYA.render(**SESSION)
    assert repr(prompt) == f"<Prompt Maya@1 in 'default': {len(prompt.text)} characters, {prompt.stable_length} stable>"


def test_the_stamp_is_ready_for_json_and_holds_no_value() -> None:
    """It says what made the prompt: names and fingerprints, never what a session said."""
    prompt = MAYA.render(**SESSION)
    stamp = prompt.stamp()
    assert json.loads(json.dumps(stamp)) == stamp
    assert "secret" not in json.dumps(stamp)
    assert stamp["ref"] == prompt.ref == "Maya@1"
    assert stamp["session"] == ["doc", "extra", "user"]
    assert check_stamp(stamp) == stamp
    assert stamp == MAYA.render(**{**SESSION, "user": "another", "extra": "x"}).stamp()
    assert stamp != MAYA.render("compact", **SESSION).stamp()


def test_it_pickles_with_all_it_knows() -> None:
    """To another process, with the same fingerprints."""
    prompt = MAYA.render(**SESSION)
    again = pickle.loads(pickle.dumps(prompt))
    assert (again, again.stamp(), again.fingerprint) == (prompt, prompt.stamp(), prompt.fingerprint)
    assert (again.unused, again.folded, again.sections) == (prompt.unused, prompt.folded, prompt.sections)


def test_unused_and_folded_name_variables() -> None:
    """`unused`: what neither persona nor template mentions; `folded`: what was made one line."""
    prompt = MAYA.render(**SESSION)
    assert prompt.unused == ("extra", "doc")
    assert prompt.folded == ("user",)
    assert MAYA.render(user="Jo", extra_sections={"a\nb": "c"}).unused == ()
    assert MAYA.render(user="Jo", extra_sections={"a\nb": "c"}).folded == ("extra_sections",)


def test_extra_sections_that_the_template_drops_are_unused(tmp_path: Path) -> None:
    """Every bundled template prints them; one that extends none of those may not."""
    (tmp_path / "own.j2").write_text("You are {{ persona.name }}.")
    (tmp_path / "asks.j2").write_text(
        "You are {{ persona.name }}.{% if session.extra_sections is defined %} More.{% endif %}"
    )
    registry = PersonaRegistry(tmp_path)
    registry.define(Persona("Maya", "R", variables={"extra_section": "x"}))
    maya = registry.get("Maya")
    assert maya.render("own", extra_sections={"a": "b"}, other="x").unused == ("extra_sections", "other")
    for template in ("asks", "default", "markdown", "xml", "compact"):
        assert maya.render(template, extra_sections={"a": "b"}).unused == ()


EXTRA = "{% block extra %}{% endblock %}"
SUPER = "{% block extra %}{{ super() }}{% endblock %}"
PROMPT = "{% block prompt %}{% block identity %}{{ super() }}{% endblock %}"


@pytest.mark.parametrize(
    ("source", "unused"),
    [
        (f"{{% extends 'markdown.j2' %}}{EXTRA}", True),
        (f"{{% extends 'markdown.j2' %}}{SUPER}", False),
        ("{% extends 'markdown.j2' %}" + PROMPT + "{% endblock %}", True),
        ("{% extends 'markdown.j2' %}" + PROMPT + SUPER + "{% endblock %}", False),
        ("{% extends 'markdown.j2' %}" + PROMPT + "{{ self.extra() }}{% endblock %}", False),
        ("{% extends 'markdown.j2' %}{% block prompt %}{{ super() }}{% endblock %}", False),
        (f"{{% extends 'drops.j2' %}}{SUPER}", True),
        ("{% extends 'drops.j2' %}", True),
        ("{% extends 'drops.j2' %}{% block session %}{{ session.extra_sections|length }}{% endblock %}", False),
        ("{% extends 'drops.j2' %}{% block session %}{% include 'asks.j2' %}{% endblock %}", False),
        (
            "{% extends 'drops.j2' %}{% block session %}{% set n = 'extra_sections' %}{{ session[n]|length }}{% endblock %}",
            False,
        ),
    ],
)
def test_extra_sections_of_a_block_that_is_dropped_are_unused(source: str, unused: bool, tmp_path: Path) -> None:
    """An ancestor asks for them in a block that another takes the place of: nothing prints them."""
    (tmp_path / "own.j2").write_text(source)
    (tmp_path / "drops.j2").write_text(f"{{% extends 'markdown.j2' %}}{EXTRA}")
    (tmp_path / "asks.j2").write_text("{% for name, text in session.extra_sections|items %}{{ text }}{% endfor %}")
    registry = PersonaRegistry(tmp_path)
    registry.define(Persona("Maya", "R"))
    prompt = registry.get("Maya").render("own", extra_sections={"a": "bcd"})
    assert prompt.unused == (("extra_sections",) if unused else ())
    if unused:
        assert "bcd" not in prompt


def test_the_reference_without_a_version_is_the_name() -> None:
    """`Maya@1`, or `Maya`; the persona's key, whatever it calls itself."""
    assert Persona(name="Maya", role="R", display_name="Alex").render().ref == "Maya"
    assert Persona(name="Maya@2", role="R").render().ref == "Maya@2"


def test_a_registry_verifies_a_stamp() -> None:
    """What `stamp` wrote, `verify` reads."""
    registry = PersonaRegistry()
    registry.define(MAYA)
    assert not registry.verify(registry.get("Maya").render(user="Jo").stamp())


STAMP = MAYA.render(user="Jo").stamp()


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        [],
        "text",
        {},
        {**STAMP, "template_named": None},
        {**STAMP, "persona_fields": {"tone": 5}},
        {**STAMP, "persona_fields": None},
        {**STAMP, "format": 1},
        {**STAMP, "ref": ""},
        {**STAMP, "ref": None},
        {**STAMP, "template_fingerprint": 5},
        {**STAMP, "session": "user"},
        {**STAMP, "session": [1]},
        {name: value for name, value in STAMP.items() if name != "session"},
    ],
)
def test_a_malformed_stamp_is_refused(stamp: object) -> None:
    """In words that say what is wrong with it."""
    with pytest.raises(InvalidValueError, match="stamp"):
        check_stamp(stamp)


def test_a_section_is_all_that_its_block_printed() -> None:
    """Sections come by name and in order; a block that a template prints twice is one section."""
    prompt = Prompt("A\n\nB\n\na", "Maya", None, "t", _spans=(("x", 0, 1), ("y", 3, 4), ("x", 6, 7)))
    assert prompt.sections == {"x": "A\n\na", "y": "B"}
    assert list(prompt.sections) == ["x", "y"]
