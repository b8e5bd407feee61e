"""What stands for a text or a number is taken for it, wherever texts come in; what only claims to be one is told.

The values are those of the libraries themselves: numpy, pandas, Django, werkzeug and Babel.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pandas as pd
import pytest
from babel.support import LazyProxy
from django.conf import settings as django_settings
from django.utils.functional import Promise, SimpleLazyObject, lazy, lazystr
from django.utils.text import format_lazy
from django.utils.translation import ngettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.local import Local, LocalProxy

from llm_persona import (
    InvalidValueError,
    MissingVariableError,
    Persona,
    PersonaError,
    PersonaFileError,
    PersonaRegistry,
    multiline,
    trusted,
)
from llm_persona.kinds import MAX_LAYERS, plain
from llm_persona.names import kind_of
from llm_persona.templating.session import printable

WHOLE = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.longlong, np.intp]
BROKEN = [np.float16, np.float32, np.float64]
LAZY: dict[str, Callable[[Any], Any]] = {
    "LocalProxy": lambda value: LocalProxy(lambda: value),
    "SimpleLazyObject": lambda value: SimpleLazyObject(lambda: value),
    "Promise": lambda value: lazy(lambda: value, type(value))(),
    "LazyProxy": lambda value: LazyProxy(lambda: value),
    "LazyProxy, not cached": lambda value: LazyProxy(lambda: value, enable_cache=False),
    "LocalProxy of SimpleLazyObject": lambda value: LocalProxy(lambda: SimpleLazyObject(lambda: value)),
}
TEXTS = {**LAZY, "numpy.str_": np.str_, "lazystr": lazystr, "format_lazy": lambda text: format_lazy("{}", text)}
lazy_ways = pytest.mark.parametrize("way", LAZY.values(), ids=LAZY)
text_ways = pytest.mark.parametrize("way", TEXTS.values(), ids=TEXTS)


@pytest.fixture(autouse=True, scope="module")
def _django() -> None:
    if not django_settings.configured:
        django_settings.configure(USE_I18N=False)


def in_prompt(value: object, *, template: str = "default") -> str:
    """What a prompt shows of a value of the session."""
    text = Persona(name="Maya", role="({x})").build_system_prompt(template, x=value)
    return text.partition("(")[2].partition(")")[0]


# numpy's numbers


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_numbers_of_numpy(kind: Any) -> None:
    """Every integer of numpy prints as `str` prints it, at its limits too, and counts as an int in a template."""
    for number in (kind(7), np.iinfo(kind).min, np.iinfo(kind).max):
        value = kind(number)
        assert in_prompt(value) == str(value)
        assert type(plain(value)) is int


@given(st.sampled_from(BROKEN).flatmap(lambda kind: st.floats(width=np.dtype(kind).itemsize * 8).map(kind)))  # type: ignore[arg-type]
def test_floats_of_numpy(value: Any) -> None:
    """A float of any width prints as `str` prints it: a float32 of 0.1 is 0.1, and not 0.10000000149011612."""
    if np.isnan(value):
        with pytest.raises(InvalidValueError, match="'x' is NaN; pass None"):
            in_prompt(value)
    elif np.isinf(value):
        with pytest.raises(InvalidValueError, match="'x' is not a finite number"):
            in_prompt(value)
    else:
        assert in_prompt(value) == str(value)


@pytest.mark.parametrize("written", ["0.1", "1", "-2.5", "1e300", "0.33333333333333333334"])
def test_long_doubles(written: str) -> None:
    """What no float can say prints the same."""
    value = np.longdouble(written)
    assert in_prompt(value) == str(value)


def test_a_long_double_beyond_any_float_is_told() -> None:
    """It would be infinite in every comparison."""
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        with pytest.raises(InvalidValueError, match="'x' is not a finite number"):
            in_prompt(np.longdouble("1e4000"))


def test_numbers_of_numpy_in_templates(tmp_path: Path) -> None:
    """They count and compare as what they print, and an explained prompt shows them so."""
    (tmp_path / "own.j2").write_text(
        "{{ persona.name }} {{ session.n + 1 }} {{ session.f == 0.1 }} {{ session.big }} {{ session.big ~ '' }}"
        "{% if session.t %} yes{% endif %}".replace("{{ session.f == 0.1 }}", "{{ 'same' if session.f == 0.1 }}")
    )
    registry = PersonaRegistry(tmp_path)
    registry.define(Persona(name="Maya", role="r", template="own"))
    values = {"n": np.int64(2), "f": np.float32(0.1), "big": np.float32(1e6), "t": np.True_}
    prompt = registry.get("Maya").render(**values)
    assert prompt.text == f"Maya 3 same {np.float32(1e6)!s} {np.float32(1e6)!s} yes"
    assert [line.text for line in prompt.explain()] == [prompt.text]


def test_truth_of_numpy() -> None:
    """numpy's truth values follow the rules of bool: tested, not printed."""
    persona = PersonaRegistry.from_dict({"Maya": {"role": "r"}}).get("Maya")
    assert persona.render(x=np.True_).text == persona.render(x=True).text
    with pytest.raises(InvalidValueError, match="'x' is a truth value"):
        in_prompt(np.bool_(True))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (pd.NaT, "is NaT"),
        (pd.NA, "is NA"),
        (np.datetime64("NaT", "D"), "is NaT"),
        (np.timedelta64("NaT", "D"), "is NaT"),
        (float("nan"), "is NaN"),
        (np.float32("nan"), "is NaN"),
        (Decimal("NaN"), "is NaN"),
    ],
)
def test_what_stands_for_nothing_is_told(value: object, told: str) -> None:
    """NaT, NA and NaN are named as such in a session, in lists of it, and in fields."""
    for given_value in (value, [value], {"k": value}, LocalProxy(lambda: value)):
        with pytest.raises(InvalidValueError, match=rf"'x' {told}; pass None where nothing is given"):
            in_prompt(given_value)
    with pytest.raises(InvalidValueError, match=rf"Maya.role: must be a text, not {told.split()[1]}"):
        Persona(name="Maya", role=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [np.datetime64("2026-01-02"), np.timedelta64(1, "D"), np.complex64(1), np.bytes_(b"x"), np.array([1])]
)
def test_what_numpy_has_beside_numbers(value: Any) -> None:
    """It is refused by the name of its type."""
    with pytest.raises(InvalidValueError, match=f"'x' is {kind_of(value)}, which a session cannot hold"):
        in_prompt(value)


def test_times_of_pandas_are_times() -> None:
    """A Timestamp is a datetime, and prints in ISO 8601."""
    assert in_prompt(pd.Timestamp("2026-01-02T03:04:05")) == "2026-01-02T03:04:05"


# Lazy values


@lazy_ways
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Jo", "Jo"),
        (5, "5"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        (np.int64(3), "3"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_lazy_values_are_what_they_stand_for(way: Callable[[Any], Any], value: object, shown: str) -> None:
    """Whatever a lazy value stands for is taken as if it had been passed itself."""
    assert in_prompt(way(value)) == shown


@text_ways
def test_texts_wherever_they_come_in(way: Callable[[str], Any]) -> None:
    """A lazy text, or numpy's, is a text in sessions, in marks, in extra sections, in fields, in data and as a name."""
    assert in_prompt(way("a\nb")) == "a b"
    jo = way("Jo")
    assert multiline(way("a\nb")) == trusted(way("a\nb")) == "a\nb"
    key: Callable[[str], Any] = str if type(jo) is LazyProxy else way  # which has no hash
    extra = Persona(name="Maya", role="r").render(extra_sections={key("Orders"): way("1001")}).text
    assert extra.endswith("Orders:\n    1001")
    persona = Persona(
        name=way("Maya"),
        role=way("Agent"),
        company=way("Acme"),
        tone=way("calm"),
        capabilities=[way("Read {x}")],
        constraints=[way("No lies")],
        greeting=way("Hi"),
        custom_sections={key("Style"): way("Short")},
        display_name=way("May"),
        version=way("2"),
        variables={key("x"): way("y")},
        template=way("compact"),
        tools=[way("look")],
        description=way("d"),
        metadata={key("k"): [way("v"), {key("n"): np.int64(1)}]},
    )
    fields = persona.given()
    assert all(type(leaf) in (str, int) for leaf in leaves(fields)), fields
    registry = PersonaRegistry()
    registry.define(persona)
    assert registry.get(way("Maya")) is registry.get("Maya")
    assert registry.get(way("Maya"), version=way("2"), unit=way("u")) is registry.get("Maya")
    assert way("Maya") in registry
    assert registry.versions(way("Maya")) == ["2"]
    loaded = PersonaRegistry.from_dict({key("Maya"): {key("role"): way("Agent"), "tools": [way("look")]}})
    assert loaded == PersonaRegistry.from_dict({"Maya": {"role": "Agent", "tools": ["look"]}})
    assert (
        Persona(name="Maya", role="r").build_system_prompt(way("default"))
        == Persona(name="Maya", role="r").build_system_prompt()
    )


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict) or hasattr(value, "items"):
        for key, item in value.items():  # type: ignore[attr-defined]
            yield key
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@lazy_ways
def test_nested_lazy_values(way: Callable[[Any], Any]) -> None:
    """They are taken in lists and mappings, as keys too, and a lazy list is a list."""
    registry = PersonaRegistry()
    persona = Persona(name="Maya", role="r")
    registry.define(persona)
    nested = {"k" if type(way(1)) is LazyProxy else way("k"): [way("a\nb"), (way(5),)]}
    assert registry.get("Maya").render(x=nested).folded == ("x",)
    assert registry.get("Maya").render(x=way(["a\nb"])).folded == ("x",)


def test_what_a_lazy_value_raises_is_raised() -> None:
    """A function of the caller's that fails, or is timed out, is no mistake in a session: its exception goes through."""

    class OutOfTimeError(Exception):
        pass

    def late() -> str:
        raise OutOfTimeError

    for value in (LocalProxy(late), SimpleLazyObject(late), lazy(late, str)(), LazyProxy(late)):
        with pytest.raises(OutOfTimeError):
            in_prompt(value)


@lazy_ways
def test_a_lazy_value_of_none_is_not_given(way: Callable[[Any], Any]) -> None:
    """In a session, in lists and mappings of it, in extra sections, for a template, a version or a unit, in `check`."""
    nothing: Any = way(None)
    persona = Persona(name="Maya", role="{x}", greeting="{x}", variables={"x": "Jo"}, version="1")
    prompt = persona.render(nothing, x=nothing, extra_sections=nothing)
    assert prompt == persona.render()
    assert prompt.stamp() == persona.render().stamp()
    assert persona.build_system_prompt(nothing, x=nothing) == prompt
    assert persona.build_greeting(x=nothing) == "Jo"
    assert persona.render(y=[nothing, {"k": nothing}], extra_sections={"A": nothing}).folded == ()
    registry = PersonaRegistry.from_dict({"Maya": {"role": "{x}"}})
    registry.get("Maya", version=nothing, unit=nothing)
    with pytest.raises(MissingVariableError, match="'x'"):
        registry.get("Maya").render(x=nothing)
    assert [problem.code for problem in registry.problems({"x": nothing})] == ["session-lacks"]


def test_a_lazy_text_that_waits_for_its_number_is_told() -> None:
    """Django's plural by a key comes to nothing before `%` gives it the number; then it is a text."""
    for waiting in (ngettext_lazy("%(n)d a", "%(n)d b", "n"), ngettext_lazy("%d a", "%d b")):
        with pytest.raises(InvalidValueError, match="'x' is a lazy text that waits for its number, which a session"):
            in_prompt(waiting)
        with pytest.raises(
            InvalidValueError, match=r"Maya.role: must be a text, not a lazy text that waits for its number"
        ):
            Persona(name="Maya", role=waiting)
    assert in_prompt(ngettext_lazy("%(n)d a", "%(n)d b", "n") % {"n": 2}) == "2 b"
    assert in_prompt(ngettext_lazy("one", "more", 2)) == "more"


def test_a_promise_of_another_make_is_told_by_its_type() -> None:
    """Only the ways in which Django pickles its own are known."""

    class Vow(Promise):
        pass

    with pytest.raises(InvalidValueError, match="'x' is a Vow, which a session cannot hold"):
        in_prompt(Vow())


def test_a_proxy_of_nothing_is_told() -> None:
    """werkzeug's proxy outside of a request stands for nothing, and the error names the variable."""
    with pytest.raises(InvalidValueError, match="'x' is a LocalProxy that stands for nothing here; pass None"):
        in_prompt(Local()("user"))


def test_a_lazy_value_that_stands_for_itself_ends() -> None:
    """Layers of lazy values are bounded."""
    itself: list[Any] = []
    itself.append(LocalProxy(lambda: itself[0]))
    with pytest.raises(InvalidValueError, match="is a LocalProxy, which a session cannot hold"):
        in_prompt(itself[0])
    deep: Any = "Jo"
    for _ in range(MAX_LAYERS):
        deep = (lambda inner: LocalProxy(lambda: inner))(deep)
    assert in_prompt(deep) == "Jo"


# What only claims


class Liar:
    """Says that it is of another class."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return self._kind


CLAIMED: list[Any] = [str, int, float, bool, Decimal, date, datetime, list, tuple, dict, Enum, Persona]


@pytest.mark.parametrize("kind", CLAIMED)
@pytest.mark.parametrize("make", [lambda kind: Mock(spec=kind), lambda kind: MagicMock(spec=kind), Liar])
def test_what_claims_to_be_something_is_told_by_its_type(make: Callable[[type], Any], kind: type) -> None:
    """A mock of a text is no text: one message, with the variable or the field and the true type, from each way in."""
    value = make(kind)
    said = kind_of(value)
    assert said in ("a Mock", "a MagicMock", "a Liar")
    persona = Persona(name="Maya", role="r", greeting="Hi {x}")
    registry = PersonaRegistry()
    for given_value in (value, [value], {"k": value}):
        with pytest.raises(InvalidValueError, match=rf"'x' is {said}, which a session cannot hold"):
            persona.render(x=given_value)
        with pytest.raises(InvalidValueError, match=rf"'x' is {said}, which a session cannot hold"):
            persona.build_greeting(x=given_value)
    tries: list[tuple[Callable[[], object], str]] = [
        (lambda: multiline(value), rf"multiline\(\) takes a text, not {said}"),
        (lambda: trusted(value), rf"trusted\(\) takes a text, not {said}"),
        (lambda: persona.render(x="a", extra_sections=value), rf"must be a mapping of names to texts, not {said}"),
        (lambda: persona.render(x="a", extra_sections={"a": value}), rf"{said} in it is not a text"),
        (lambda: persona.render(x="a", extra_sections={value: "a"}), rf"{said} in it is not a text"),
        (lambda: persona.render(value, x="a"), rf"a template's name is a text, not {said}"),
        (lambda: registry.get(value), rf"a persona's name is a text, not {said}"),
        (lambda: registry.get("Maya", unit=value), rf"unit must be a text, not {said}"),
        (lambda: registry.get("Maya", version=value), rf"a version is a text, not {said}"),
        (lambda: registry.versions(value), rf"a persona's name is a text, not {said}"),
        (lambda: registry.define(value), rf"define takes personas, not {said}"),
        (lambda: Persona(name=value, role="r"), rf"name must be a text, not {said}"),
    ]
    for attempt, message in tries:
        with pytest.raises(PersonaError, match=message):
            attempt()
    assert value not in registry
    for name in ("role", "company", "tone", "capabilities", "constraints", "greeting", "custom_sections", "abstract",
                 "display_name", "parent", "version", "variables", "template", "tools", "description", "metadata"):  # fmt: skip
        with pytest.raises(InvalidValueError, match=rf"Maya.{name}: must be .*, not {said}"):
            Persona(**{"name": "Maya", "role": "r", name: value})
    for data in (value, {"Maya": value}, {"Maya": {"role": value}}, {"Maya": {"role": "r", "tools": [value]}}):
        with pytest.raises(PersonaFileError, match=f"not {said}"):
            PersonaRegistry.from_dict(data)  # type: ignore[arg-type]
    with pytest.raises(PersonaFileError, match=rf"the key \({said}\), which is not a text"):
        PersonaRegistry.from_dict({value: {"role": "r"}})


def test_known_by_their_classes_alone() -> None:
    """None of these libraries is imported for it."""
    code = (
        "import sys; from llm_persona import Persona; Persona(name='M', role='{x}').render(x=1, y=[object][:0]);"
        "print(sorted({'numpy', 'pandas', 'django', 'werkzeug', 'babel'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_is_plain_is_not_looked_at() -> None:
    """A plain value is itself, and prints as ever."""
    for value in ("a", 1, 1.5, True, None, ["a"], ("a",), {"a": 1}):
        assert plain(value) is value
    assert printable(plain(Decimal("1.10"))) == "1.10"


@pytest.mark.parametrize("number", [10**4300, -(10**4300), 10**20_000], ids=["least", "negative", "far"])
def test_a_whole_number_that_no_file_can_hold_is_told(number: int) -> None:
    """Python writes none of more than 4,300 digits: neither repr nor to_yaml could say what the metadata is."""
    message = "a number of more than 4,300 digits"
    for metadata in ({"a": number}, {"a": [{"b": number}]}):
        with pytest.raises(InvalidValueError, match=rf"Maya.metadata.a.*: is {message}"):
            Persona(name="Maya", role="r", metadata=metadata)
        with pytest.raises(PersonaFileError, match=rf"Maya.metadata.a.*: is {message}"):
            PersonaRegistry.from_dict({"Maya": {"role": "r", "metadata": metadata}})
    largest = (abs(number) // number) * (10**4300 - 1)
    for persona in (
        Persona(name="Maya", role="r", metadata={"a": largest}),
        PersonaRegistry.from_dict({"Maya": {"role": "r", "metadata": {"a": largest}}}).get("Maya"),
    ):
        assert str(largest) in repr(persona)
        registry = PersonaRegistry()
        registry.define(persona)
        assert str(largest) in registry.to_yaml()


def test_whole_numbers_of_a_file_in_other_bases_have_the_same_limit(tmp_path: Path) -> None:
    """A hexadecimal digit says more than a decimal one."""
    path = tmp_path / "personas.yaml"
    path.write_text(f"Maya: {{role: r, metadata: {{a: 0x{'f' * 4000}}}}}\n")
    with pytest.raises(PersonaFileError, match="is a number of more than 4,300 digits"):
        PersonaRegistry.from_file(path)


@pytest.mark.parametrize("value", [pd.Series([1]), pd.DataFrame({"a": [1]})], ids=["Series", "DataFrame"])
def test_a_column_is_no_mapping(value: object) -> None:
    """pandas' own have keys, and are told by their names."""
    with pytest.raises(InvalidValueError, match=f"'x' is a {type(value).__name__}, which a session cannot hold"):
        Persona("Maya", "r").render(x=value)
