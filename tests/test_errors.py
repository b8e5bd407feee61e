from __future__ import annotations

import copy
import ctypes
import pickle
import random
import signal
import sys
import threading
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_persona
from llm_persona import Persona, PersonaRegistry, validate_file
from llm_persona.errors import (
    DuplicatePersonaError,
    InheritanceError,
    InvalidValueError,
    MissingVariableError,
    PersonaError,
    PersonaFileError,
    Problem,
    TemplateError,
    UnknownPersonaError,
    UnknownVersionError,
    field_text,
    one_line,
)
from llm_persona.page.page import preview

KINDS = [
    DuplicatePersonaError,
    InheritanceError,
    InvalidValueError,
    MissingVariableError,
    TemplateError,
    UnknownPersonaError,
    UnknownVersionError,
]


@pytest.mark.parametrize("kind", [PersonaError, *KINDS])
def test_every_error_pickles(kind: type[PersonaError]) -> None:
    """Any error comes out of a process pool, or a deep copy, as it went in."""
    error = kind("is wrong", persona="Maya", field=("capabilities", 1), hint="mend it")
    for other in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(other) is kind
        assert str(other) == str(error) == "Maya.capabilities[2]: is wrong; mend it"
        assert (other.persona, other.field, other.hint) == ("Maya", ("capabilities", 1), "mend it")


def test_missing_names_survive_pickling() -> None:
    """The names of the missing variables are still there in another process."""
    error = MissingVariableError("the session lacks 'a' and 'b'")
    error.names = ("a", "b")
    assert pickle.loads(pickle.dumps(error)).names == ("a", "b")


def test_file_error_survives_pickling() -> None:
    """A refused file keeps all its problems through pickle, and says them one a line."""
    problems = [Problem("a.yaml", 1, 2, "A", "role", "is empty"), Problem("a.yaml", 3, 1, "B", None, "is odd", "mend")]
    error = PersonaFileError(problems)
    assert pickle.loads(pickle.dumps(error)).problems == tuple(problems)
    assert str(error) == "a.yaml:1:2: A.role: is empty\na.yaml:3:1: B: is odd; mend"


@pytest.mark.parametrize("kind", [UnknownPersonaError, UnknownVersionError])
def test_unknown_is_a_key_error_that_reads_well(kind: type[PersonaError]) -> None:
    """Whoever catches KeyError catches these, and their text is a sentence and not its repr."""
    error = kind("no persona 'maya'", hint="did you mean 'Maya'?")
    assert isinstance(error, KeyError)
    assert str(error) == "no persona 'maya'; did you mean 'Maya'?"


@pytest.mark.parametrize("kind", [InvalidValueError, DuplicatePersonaError, InheritanceError, PersonaFileError])
def test_what_is_wrong_with_a_value_is_a_value_error(kind: type[Exception]) -> None:
    """Errors about what was written are ValueErrors, and all errors have one root."""
    assert issubclass(kind, ValueError)
    assert issubclass(kind, PersonaError)


def test_all_errors_are_public() -> None:
    """Every error that can be raised can be caught by a name of the package, and has the one root."""
    for kind in [PersonaError, PersonaFileError, *KINDS]:
        assert getattr(llm_persona, kind.__name__) is kind
        assert issubclass(kind, PersonaError)


def test_template_error_points_into_the_source() -> None:
    """A template's error has its place, the source line, and a mark below the column, tabs kept."""
    error = TemplateError("session has no 'usr'", hint="did you mean 'user'?")
    error.path, error.line, error.column, error.source = "support.j2", 12, 4, "\t- {{ session.usr }}"
    assert str(error) == (
        "support.j2:12:4: session has no 'usr'; did you mean 'user'?\n    \t- {{ session.usr }}\n    \t  ^"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem("a.yaml", 14, 17, "Maya", "tone", "is empty", "write it"),
            "a.yaml:14:17: Maya.tone: is empty; write it",
        ),
        (Problem(None, None, None, "Maya", None, "is empty"), "Maya: is empty"),
        (Problem("a.yaml", 1, 1, None, None, "is empty"), "a.yaml:1:1: is empty"),
        (Problem("a.yaml", 2, None, "Maya", "role", "odd", None, "warning"), "a.yaml:2: warning: Maya.role: odd"),
    ],
)
def test_problem_as_text(problem: Problem, text: str) -> None:
    """A problem reads as editors and CI expect it: place, persona and field, what is wrong, what to do."""
    assert str(problem) == text


@given(st.text())
def test_problem_is_one_line(text: str) -> None:
    """Whatever a file holds, its problem stays on one line, and can be printed."""
    problem = Problem("a.yaml", 1, 1, text, text, text, text)
    assert len(str(problem).splitlines()) == 1
    assert str(problem).isprintable()
    str(problem).encode()


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"])))
def test_one_line_leaves_plain_text(text: str) -> None:
    """A text that can be printed is left as it is."""
    assert one_line(text) == text


def test_field_text() -> None:
    """The way to a field is written as its author counts: from one."""
    assert field_text(("capabilities", 1)) == "capabilities[2]"
    assert field_text(("custom_sections", "escalation")) == "custom_sections.escalation"
    assert field_text(("capabilities", "add", 0)) == "capabilities.add[1]"
    assert field_text(()) == ""


# What a signal handler raises


class OutOfTimeError(Exception):
    """As a task queue's soft time limit raises it, in whatever its signal finds the process doing."""


PERSONAS = """
$templates: TEMPLATES
Base: {abstract: true, company: Acme, constraints: [Never lie, "Never pay more than {limit}"], variables: {limit: $50, user: null, plan: free}}
Maya: {parent: Base, role: "Agent of {user}", greeting: "Hi {user}", template: steered, custom_sections: {Hours: 9 to 5}}
Alex: {parent: Base, role: Agent, greeting: "Hi {user}", template: plain, display_name: Al}
"""
STEERED = """{% extends "markdown.j2" %}
{% block session %}
{% if session.plan is sequence and session.plan != "free" %}- Plan: {{ session.plan|upper }} {{ "a\\"b" }}{% endif %}
{% for order in session.orders %}- {{ order.title|truncate(20) }}: {{ order.price * 2 }}
{% endfor %}
{% endblock %}"""
PLAIN = '{% extends "default.j2" %}{% block session %}For {{ session.user }}, {{ session.plan }}.{% endblock %}'
SESSION: dict[str, object] = {"user": "Jo", "plan": "pro", "orders": [{"title": "Shoes", "price": 2}] * 3}


@pytest.fixture
def personas(tmp_path: Path) -> Path:
    (tmp_path / "TEMPLATES").mkdir()
    (tmp_path / "TEMPLATES" / "steered.j2").write_text(STEERED)
    (tmp_path / "TEMPLATES" / "plain.j2").write_text(PLAIN)
    path = tmp_path / "personas.yaml"
    path.write_text(PERSONAS)
    PersonaRegistry.from_file(path).to_json(tmp_path / "personas.json")
    return path


def _load(path: Path) -> Callable[[], object]:
    return lambda: PersonaRegistry.from_file(path) == PersonaRegistry.from_file(path.with_suffix(".json"))


def _validate(path: Path) -> Callable[[], object]:
    path.write_text(PERSONAS + "Bad: {role: 1, unknown: 2}\n")
    return lambda: [str(problem) for problem in validate_file(path)]


def _first(path: Path) -> Callable[[], object]:
    """Load, compile, precompile and render for the first time."""

    def first() -> object:
        registry = PersonaRegistry.from_file(path)
        return [registry.get(name).build_system_prompt(**SESSION) for name in registry]

    return first


def _render(path: Path) -> Callable[[], object]:
    registry = PersonaRegistry.from_file(path)
    return lambda: [registry.get(name).render(**SESSION).text for name in registry for _ in range(50)]


def _check(path: Path) -> Callable[[], object]:
    registry = PersonaRegistry.from_file(path)
    return lambda: [str(problem) for problem in registry.problems({"user", "plan"})]


def _explain(path: Path) -> Callable[[], object]:
    registry = PersonaRegistry.from_file(path)
    return lambda: [str(line) for line in registry.get("Maya").render(**SESSION).explain()]


def _page(path: Path) -> Callable[[], object]:
    registry = PersonaRegistry.from_file(path)
    return lambda: len(preview(registry, SESSION))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
@pytest.mark.parametrize(
    ("work", "kind"),
    [
        *((work, OutOfTimeError) for work in (_load, _validate, _first, _render, _check, _explain, _page)),
        *((work, TimeoutError) for work in (_load, _first)),  # which is an OSError
    ],
)
def test_what_a_signal_handler_raises_goes_through(
    work: Callable[[Path], Callable[[], object]], kind: type[Exception], personas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes, it comes out as it was raised: never swallowed, never told as a template's or a file's error.

    What is done again afterwards comes out as if nothing had been.
    """
    task = work(personas)
    expected = task()
    lasts = min(timeit.repeat(task, number=1, repeat=3))
    thrown: list[Exception] = []
    lost: list[object] = []  # Python itself drops what is raised in a finaliser

    def interrupt(*_: object) -> None:
        thrown.append(kind("late"))
        raise thrown[-1]

    monkeypatch.setattr(sys, "unraisablehook", lambda told: lost.append(told.exc_value))
    before = signal.signal(signal.SIGALRM, interrupt)
    came_out = 0
    try:
        for step in range(MOMENTS):
            caught: BaseException | None = None
            count = len(thrown)
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, lasts * (step + 0.5) / MOMENTS + 1e-6)
                    found = task()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except BaseException as error:
                caught = error
            if len(thrown) > count and thrown[-1] not in lost:
                assert caught is thrown[-1]
                came_out += 1
            else:
                assert caught is None
                assert found == expected
            assert task() == expected
    finally:
        signal.signal(signal.SIGALRM, before)
    assert came_out > MOMENTS // 4


MOMENTS = 20


def test_what_comes_while_a_template_is_read_goes_through(personas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jinja2 makes a syntax error of whatever is raised while it reads a text; it is not told as one."""
    task = _first(personas)

    def interrupted(*_: object) -> str:
        raise OutOfTimeError("late")

    monkeypatch.setattr("jinja2.lexer.Lexer._normalize_newlines", interrupted)
    with pytest.raises(OutOfTimeError):
        task()


def test_what_another_thread_throws_in_goes_through(personas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that was thrown into the thread has no frame of its own; its class tells it."""
    render = _render(personas)
    lost: list[object] = []  # Python itself drops what is raised in a finaliser
    monkeypatch.setattr(sys, "unraisablehook", lambda told: lost.append(told.exc_type))
    came_out = 0
    for _ in range(20):
        try:
            _repeat_until_thrown_at(render, lost)
        except OutOfTimeError:
            came_out += 1
    assert came_out + len(lost) == 20
    assert came_out > 10


def _repeat_until_thrown_at(work: Callable[[], object], lost: list[object]) -> None:
    before, end = len(lost), time.monotonic() + 60
    threading.Timer(random.uniform(0, 0.003), _throw, (threading.get_ident(),)).start()
    while len(lost) == before:
        work()
        assert time.monotonic() < end, "what was thrown in never came out"


def _throw(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(OutOfTimeError))


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "call",
    [
        lambda: PersonaRegistry.from_file(f"{LONG}.yaml"),
        lambda: PersonaRegistry.from_file(LONG),
        lambda: PersonaRegistry(tools=f"{LONG}.json"),
        lambda: PersonaRegistry.from_dict({"A": {"role": "r", "greeting": f"{{{LONG}}}", "variables": {"a": None}}}),
        lambda: PersonaRegistry.from_dict({"A": {"role": "r"}, f"${LONG}": 1}),
        lambda: PersonaRegistry.from_dict({"A": {"role": "r", "custom_sections": {LONG: 5}}}),
        lambda: PersonaRegistry.from_dict({"A": {"role": [LONG]}}),
        lambda: Persona("A", "r", custom_sections={LONG: 5}),  # type: ignore[dict-item]
        lambda: Persona("A", f"{{{LONG}}}").render(),
    ],
)
def test_no_message_repeats_what_is_endless(call: Callable[[], object]) -> None:
    """A path, a name or a text that is far longer than any is shown by its beginning."""
    with pytest.raises(PersonaError) as raised:
        call()
    assert 30 < len(str(raised.value)) < 1_000
    assert "xxx…" in str(raised.value)
