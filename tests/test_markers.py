"""Markers: nothing can be asked of what stands for a session value."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
from jinja2 import Undefined
from jinja2 import filters as jinja

from llm_persona.events import Pieces
from llm_persona.markers import NUL, Marker, Steered, marker_text

QUESTIONS: dict[str, Callable[[Marker], object]] = {
    "str": str,
    "repr": repr,
    "format": lambda marker: f"{marker:>3}",
    "bool": bool,
    "len": len,
    "list": list,
    "hash": hash,
    "int": int,
    "float": float,
    "equal": lambda marker: marker == "x",
    "unequal": lambda marker: marker != "x",
    "less": lambda marker: marker < 1,
    "greater, from the other side": lambda marker: operator.gt(1, marker),
    "in": lambda marker: "x" in marker,  # type: ignore[operator]
    "among": lambda marker: marker in ["x"],
    "item": lambda marker: marker[0],  # type: ignore[index]
    "attribute": lambda marker: marker.upper,  # type: ignore[attr-defined]
    "class": lambda marker: marker.__class__,
    "kind": lambda marker: isinstance(marker, str),
    "call": lambda marker: marker(),  # type: ignore[operator]
    "sum": lambda marker: marker + "x",  # type: ignore[operator]
    "sum, from the other side": lambda marker: 1 + marker,  # type: ignore[operator]
    "text joined": lambda marker: ",".join([marker]),  # type: ignore[list-item]
    "default of Jinja2": lambda marker: jinja.do_default(marker, "x", True),
    "int of Jinja2": lambda marker: jinja.do_int(marker),
    "float of Jinja2": lambda marker: jinja.do_float(marker),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_a_marker_answers_nothing(ask: Callable[[Marker], object]) -> None:
    """Whatever is asked of a marker ends the attempt, also where Jinja2 swallows errors."""
    try:
        answer = ask(Marker(f"{NUL}a{NUL}"))
    except Steered:
        return
    except TypeError:
        assert ask is QUESTIONS["text joined"]  # Python looks at the type alone, and refuses
        return
    raise AssertionError(f"the marker answered {answer!r}")


def test_a_marker_is_read_and_told_by_its_type() -> None:
    """The renderer reads its text; `is defined` looks at the type, which a marker cannot hide."""
    marker = Marker(f"{NUL}a{NUL}")
    assert marker_text(marker) == f"{NUL}a{NUL}"
    assert type(marker) is Marker
    assert not issubclass(type(marker), Undefined)


def test_text_that_holds_a_marker_is_not_caught() -> None:
    """What a block or a macro printed is no text to go on with when a marker is in it."""
    assert Pieces(["a", ("b",)]) == "ab"
    with pytest.raises(Steered):
        Pieces(["a", (f"{NUL}a{NUL}",)])
