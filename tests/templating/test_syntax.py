"""What a template's source says, read without running it."""

from __future__ import annotations

import pytest
from jinja2 import BaseLoader

from llm_persona.errors import TemplateError
from llm_persona.templating.sandbox import Sandbox
from llm_persona.templating.syntax import Syntax, place, read_syntax


def read(source: str) -> Syntax:
    syntax = Syntax("t", "folder/t.j2", source)
    read_syntax(Sandbox(BaseLoader()), syntax)
    return syntax


def test_it_knows_what_a_template_uses() -> None:
    """Its parent first; each name with its line; blocks, and those that stand in no other."""
    syntax = read(
        '{% extends "a" %}\n{% import "b" as b %}\n{% from "c" import d %}\n'
        '{% block x %}\n{% include "e" %}{% block y %}{% endblock %}\n{% endblock %}'
    )
    assert syntax.extends == "a"
    assert syntax.used_at == {"a": 1, "b": 2, "c": 3, "e": 5}
    assert next(iter(syntax.uses)) == "a"
    assert set(syntax.blocks) == {"x", "y"}
    assert set(syntax.outer_blocks) == {"x"}


def test_it_knows_what_is_asked_of_persona_and_session() -> None:
    """Names that are written, in branches that are not taken too."""
    syntax = read(
        "{{ persona.name }}{% if false %}{{ persona['role'] }}{{ session.plan }}{% endif %}\n"
        "{% for t in persona.tools %}{{ t }}{{ session['user-name'] }}{% endfor %}"
    )
    assert syntax.fields == {"name", "role", "tools"}
    assert syntax.session_names == {"plan": 1, "user-name": 2}
    assert not syntax.dynamic
    assert not syntax.any_field


@pytest.mark.parametrize(
    "source",
    [
        "{{ session[persona.name] }}",
        "{% set s = session %}",
        "{{ m(session) }}",
        "{{ [session]|map(attribute='x')|join }}",
        "{% with s = session %}{% endwith %}",
        "{{ session[0] }}",
        "{% for s in [session] %}{{ s.x }}{% endfor %}",
    ],
)
def test_a_session_that_is_handed_on_may_be_asked_for_anything(source: str) -> None:
    """Then nobody can tell which variables are used; persona likewise."""
    assert read(source).dynamic
    assert read(source.replace("persona", "p").replace("session", "persona")).any_field


def test_names_that_nothing_gives_are_unknown() -> None:
    """But for those that the template sets, loops over, imports or is given."""
    syntax = read(
        "{% set a = 1 %}{% for b in [a] %}{{ loop.index }}{{ b }}{% endfor %}{% macro c(d, e=2) %}{{ d }}{{ varargs }}{% endmacro %}\n"
        "{{ c(1) }}{{ range(2)|length }}{{ persona.name }}{{ session.x }}{{ f }}\n{{ g.h }}"
    )
    assert syntax.unknown == {"f": 2, "g": 3}


def test_an_error_stays_where_it_was_first_placed() -> None:
    """The innermost template knows best; the column is where the word is found on the line."""
    syntax = Syntax("t", "folder/t.j2", "a\n\t{{ xy.x }}")
    error = place(TemplateError("no"), syntax, 2, "x")
    assert (error.template, error.path, error.line, error.column) == ("t", "folder/t.j2", 2, 8)
    assert place(error, Syntax("other", "o.j2", "b"), 1).path == "folder/t.j2"
    assert str(error) == "folder/t.j2:2:8: no\n    \t{{ xy.x }}\n    \t      ^"


def test_a_long_line_is_shown_short() -> None:
    """As far as the place that is meant."""
    syntax = Syntax("t", "t.j2", "x" * 5000)
    assert len(place(TemplateError("no"), syntax, 1).source or "") == 200
    syntax = Syntax("t", "t.j2", "." * 1000 + "word" + "." * 1000)
    error = place(TemplateError("no"), syntax, 1, "word")
    assert error.column == 1001
    assert "word" in (error.source or "")
    assert len(error.source or "") < 1100
