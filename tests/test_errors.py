from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_persona
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
