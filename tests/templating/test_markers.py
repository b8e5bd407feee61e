"""Markers: nothing can be read from what stands for a value; what is asked of it is asked of its recording."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import Undefined
from jinja2 import filters as jinja

from llm_persona.templating.markers import Marker, Unfollowed, machine_of, marker_in, token_of

READ: dict[str, Callable[[Any], object]] = {
    "str": str,
    "repr": repr,
    "format": lambda marker: f"{marker:>3}",
    "hash": hash,
    "int": int,
    "float": float,
    "index": operator.index,
    "attribute": lambda marker: marker.upper,
    "class": lambda marker: marker.__class__,
    "kind": lambda marker: isinstance(marker, str),
    "call": lambda marker: marker(),
    "and": lambda marker: marker & 1,
    "set": lambda marker: setattr(marker, "x", 1),
    "default of Jinja2": lambda marker: jinja.do_default(marker, "x", True),
    "int of Jinja2": lambda marker: jinja.do_int(marker),
    "float of Jinja2": lambda marker: jinja.do_float(marker),
}


class Asked:
    """A recording that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def ask(self, kind: str, marker: Marker, other: object = None) -> bool:
        self.asked.append((kind, token_of(marker), other))
        return True

    def count(self, marker: Marker) -> int:
        self.asked.append(("count", token_of(marker)))
        return 2

    def each(self, marker: Marker) -> Any:
        self.asked.append(("each", token_of(marker)))
        return iter("ab")

    def derive(self, function: Callable[..., Any], *arguments: object) -> object:
        self.asked.append((function.__name__, *(token_of(a) if type(a) is Marker else a for a in arguments)))
        return "derived"


def marked(machine: Asked) -> Any:
    return Marker(machine, "token")  # type: ignore[arg-type]  # it can only be asked


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_nothing_can_be_read_from_a_marker(read: Callable[[Any], object]) -> None:
    """Whoever tries is told to run the template, and no filter of Jinja2 can answer for it."""
    machine = Asked()
    with pytest.raises(Unfollowed):
        read(marked(machine))
    assert machine.asked == []


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (bool, ("bool", "token", None)),
        (lambda marker: marker == "x", ("eq", "token", "x")),
        (lambda marker: marker != "x", ("ne", "token", "x")),
        (lambda marker: marker < 1, ("lt", "token", 1)),
        (lambda marker: operator.gt(1, marker), ("lt", "token", 1)),
        (lambda marker: "x" in marker, ("contains", "token", "x")),
        (lambda marker: marker in ["x"], ("eq", "token", "x")),
        (len, ("count", "token")),
        (lambda marker: next(iter(marker)), ("each", "token")),
        (lambda marker: marker[1:], ("getitem", "token", slice(1, None))),
        (lambda marker: marker + "x", ("add", "token", "x")),
        (lambda marker: -marker, ("neg", "token")),
    ],
)
def test_a_question_is_asked_of_the_recording(ask: Callable[[Any], object], asked: tuple[object, ...]) -> None:
    """What a template asks by operators is written down, with what it is compared with."""
    machine = Asked()
    ask(marked(machine))
    assert machine.asked == [asked]


def test_a_marker_is_told_by_its_type() -> None:
    """`is defined` looks at the type, which a marker cannot hide; its token and its recording are for this package."""
    machine = Asked()
    marker = marked(machine)
    assert type(marker) is Marker
    assert not issubclass(type(marker), Undefined)
    assert (token_of(marker), machine_of(marker)) == ("token", machine)


def test_markers_are_found_in_lists_and_mappings() -> None:
    """So that no filter is called with one hidden in a list."""
    marker = marked(Asked())
    assert marker_in("a", [1, ("b", {"c": marker})]) is marker
    assert marker_in("a", [1, ("b", {"c": "d"})]) is None
