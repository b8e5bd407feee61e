"""Session values: made harmless before anything sees them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_persona import multiline, trusted
from llm_persona.errors import InvalidValueError
from llm_persona.templating.session import (
    MARKDOWN,
    PLAIN,
    XML,
    Family,
    Multiline,
    Record,
    SessionText,
    Verbatim,
    at_once,
    escape,
    neutralise,
    printable,
)
from llm_persona.templating.session import shown as shown_in_text

FAMILIES = [PLAIN, MARKDOWN, XML]
families = st.sampled_from(FAMILIES)
# Text that a session may hold: no NUL, no lone surrogates (st.text makes none), many line breaks of all kinds.
texts = st.text(
    st.sampled_from("a<>&'\" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\x7f\x9b\u200b{}")
    | st.characters(exclude_categories=["Cs"])
).map(lambda text: text.replace("\0", ""))


def only(value: object, family: Family = PLAIN) -> object:
    return neutralise({"x": value}, family).values["x"]


def shown(value: object, family: Family) -> str:
    """What a template of a family prints of a value."""
    text = printable(value)
    assert text is not None
    return str.__str__(Verbatim.escape(text)) if family.escapes else text


@given(texts, families)
def test_text_is_one_line(text: str, family: Family) -> None:
    """Every run of line breaks and control characters becomes one space, tabs aside, and nothing else changes."""
    line = only(text, family)
    assert isinstance(line, str)
    assert line == re.sub(r"(?:[\x00-\x08\x0a-\x1f\x7f-\x9f]|\u2028|\u2029)+", " ", text)
    assert len(line.splitlines()) <= 1
    assert not re.search("[\n\r\v\f\x1b]", line)
    assert neutralise({"x": text}, family).folded == (() if line == text else ("x",))


@given(texts)
def test_xml_text_compares_as_it_is_and_prints_escaped(text: str) -> None:
    """`session.plan == "R&D"` is true in an xml template, which prints R&amp;D."""
    line = only(text, XML)
    assert line == only(text, PLAIN)
    assert not set("<>") & set(shown(line, XML))
    assert shown(line, XML).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == line


@given(texts, families)
@example("\x1e", XML)
def test_every_line_of_multiline_text_is_set_off(text: str, family: Family) -> None:
    """No line of it can pass for the template's own."""
    kept = only(multiline(text), family)
    assert isinstance(kept, str)
    lines = shown(kept, family).split("\n") if text else []
    assert len(lines) == len(text.splitlines())
    if family.escapes:
        assert not set("<>") & set("".join(lines))
    else:
        assert all(line.startswith(family.prefix) for line in lines)
    assert all(len(line.splitlines()) <= 1 for line in lines)


@given(texts, families)
def test_trusted_text_is_exact(text: str, family: Family) -> None:
    """`trusted` text is printed as it is, in every family, and is no fold."""
    session = neutralise({"x": trusted(text)}, family)
    assert shown(session.values["x"], family) == text
    assert session.folded == ()


@given(st.dictionaries(texts, texts, max_size=4), families)
def test_extra_sections_have_names_of_one_line_and_texts_set_off(sections: dict[str, str], family: Family) -> None:
    """A name of an extra section adds no line, and its text's lines are all set off; empty ones are left out."""
    record = only_sections(sections, family)
    assert len(record) <= sum(1 for text in sections.values() if text)
    for name, text in record.items():
        assert isinstance(text, str)
        assert len(name.splitlines()) <= 1
        assert family.escapes or all(line.startswith(family.prefix) for line in text.split("\n"))


def only_sections(sections: object, family: Family = PLAIN) -> Record:
    record = neutralise({"extra_sections": sections}, family).values["extra_sections"]
    assert isinstance(record, Record)
    return record


class Colour(StrEnum):
    RED = "red\nblue"


class Level(IntEnum):
    HIGH = 3


class Price(Enum):
    LOW = Decimal("1.50")


class Odd(Enum):
    LIST = ("a",)
    TRUE = True


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (0, "0"),
        (-7, "-7"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red blue"),
        (Level.HIGH, "3"),
        (Price.LOW, "1.50"),
    ],
)
def test_what_can_be_printed(value: object, text: str) -> None:
    """Texts, numbers, dates in ISO 8601, UUIDs, and enums of text or number."""
    assert printable(only(value)) == text


@pytest.mark.parametrize("value", [True, False, ["a"], ("a",), {"a": 1}])
def test_what_may_be_tested_or_looped_over_but_not_printed(value: object) -> None:
    """Truth values, lists and mappings are taken, and have no text."""
    assert printable(only(value)) is None


class Sneaky(str):
    """A text that lies about itself."""

    def __str__(self) -> str:
        return "a\nb"

    def __html__(self) -> str:
        return "<b>"

    def replace(self, *args: object) -> str:  # type: ignore[override]
        return "\n"

    def splitlines(self, *args: object) -> list[str]:  # type: ignore[override]
        return ["x"]

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True


class Int(int):
    def __str__(self) -> str:
        return "a\nb"

    __repr__ = __format__ = __str__  # type: ignore[assignment]

    def __index__(self) -> int:
        raise RuntimeError

    def bit_length(self) -> int:
        return 10**9


class Float(float):
    def __str__(self) -> str:
        return "a\nb"

    def __float__(self) -> float:
        return math.nan


class Money(Decimal):
    def __str__(self, *args: object) -> str:
        return "a\nb"

    def is_finite(self) -> bool:
        return True


class Day(date):
    def isoformat(self) -> str:
        return "a\nb"


class Time(datetime):
    def isoformat(self, *args: object) -> str:  # type: ignore[override]
        return "a\nb"


class Id(UUID):
    def __str__(self) -> str:
        return "a\nb"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Sneaky("x<\n"), "x< "),
        (Int(5), "5"),
        (Float(1.5), "1.5"),
        (Money("2"), "2"),
        (Day(2026, 1, 2), "2026-01-02"),
        (Time(2026, 1, 2), "2026-01-02T00:00:00"),
        (Id(int=1), "00000000-0000-0000-0000-000000000001"),
        (multiline(Sneaky("a\nb")), "    a\n    b"),
        (trusted(Sneaky("<\n")), "<\n"),
        (datetime(2026, 1, 2, tzinfo=type("Zone", (type(UTC),), {}) if False else UTC), "2026-01-02T00:00:00+00:00"),
    ],
)
def test_subclasses_are_taken_for_their_plain_value(value: object, text: str) -> None:
    """No method of a caller's class decides what is printed."""
    kept = only(value)
    assert printable(kept) == text
    assert type(kept).__module__ in ("builtins", "datetime", "decimal", "uuid")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"x", "is bytes"),
        (bytearray(b"x"), "is bytes"),
        (object(), "is an object"),
        ({"a", "b"}, "is a set"),
        (iter("ab"), "which a session cannot hold"),
        (1j, "which a session cannot hold"),
        (math.nan, "is NaN; pass None where nothing is given"),
        (math.inf, "is not a finite number"),
        (Decimal("NaN"), "is NaN"),
        (Decimal("sNaN"), "is NaN"),
        (Decimal("-Infinity"), "is not a finite number"),
        (10**4001, "digits"),
        (-(10**4001), "digits"),
        (Decimal("1E+4000"), "digits"),
        (Decimal("1E-4001"), "digits"),
        (Decimal("0E+999999999"), "digits"),
        (Odd.LIST, "is an enum of neither text nor number"),
        (Odd.TRUE, "is an enum of neither text nor number"),
        (Sneaky("a\0"), "holds NUL"),
        ("secret\0", "holds NUL"),
        ("secret\ud800", "holds a lone surrogate (U+D800)"),
        (multiline("\0"), "holds NUL"),
        (trusted("\udfff"), "holds a lone surrogate (U+DFFF)"),
        (["secret\0"], "holds NUL"),
        ({"secret\0": 1}, "holds NUL"),
        ({1: "a"}, "holds a mapping with a key that is not a text but a number"),
        ({None: "a"}, "holds a mapping with a key that is not a text but null"),
        ([b"x"], "is bytes"),
        (str, "which a session cannot hold"),
    ],
)
def test_what_cannot_be_taken_is_named_and_never_shown(value: object, why: str) -> None:
    """The error names the variable, says why, and holds no value."""
    with pytest.raises(InvalidValueError) as raised:
        neutralise({"x": value})
    assert "'x'" in str(raised.value)
    assert why in str(raised.value)
    assert "secret" not in str(raised.value)


def test_none_counts_as_not_given() -> None:
    """A variable that is None is not there."""
    assert neutralise({"x": None}).values == {}


@pytest.mark.parametrize("name", ["_", "__class__", "_x", "__html__"])
def test_names_with_a_leading_underscore_are_refused(name: str) -> None:
    """Such names are Python's own; even None does not pass under them."""
    with pytest.raises(InvalidValueError, match="begins with '_'"):
        neutralise({name: None})


@pytest.mark.parametrize(
    "name", ["items", "keys", "get", "self", "persona", "session", "template", "values", "user-name", ""]
)
def test_any_other_name_is_a_variable(name: str) -> None:
    """No name is kept for Python or for templates."""
    assert neutralise({name: "a"}).values == {name: "a"}


def test_lists_that_hold_themselves_are_refused() -> None:
    """A cycle, and nesting that nobody means, end in an error and not in a RecursionError."""
    cyclic: list[object] = []
    cyclic.append(cyclic)
    looped: dict[str, object] = {}
    looped["a"] = [looped]
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (cyclic, looped, deep):
        with pytest.raises(InvalidValueError, match="holds itself"):
            neutralise({"x": value})


def test_lists_and_mappings_are_copied_at_the_call() -> None:
    """What the caller changes afterwards changes no session."""
    given_list, given_mapping = ["a"], {"k": ["a\nb"]}
    session = neutralise({"x": given_list, "y": given_mapping})
    given_list.append("b")
    given_mapping["z"] = []
    assert session.values["x"] == ("a",)
    assert session.values["y"] == {"k": ("a b",)}
    assert session.folded == ("y",)


def test_nested_text_is_folded_and_escaped_too() -> None:
    """Keys as well as values, at any depth; None stays, to be tested."""
    value = only([{"a\n<": ["b\n<", None]}], XML)
    assert isinstance(value, tuple)
    (record,) = value
    assert list(record) == ["a <"]
    assert isinstance(next(iter(record)), SessionText)
    assert record["a <"] == ("b <", None)
    assert isinstance(record["a <"][0], SessionText)


@pytest.mark.parametrize("sections", ["text", ["a"], {"a": 1}, {1: "a"}, {"a": ["b"]}, 5, {"a": b"x"}, {"a": True}])
def test_extra_sections_must_be_texts(sections: object) -> None:
    """extra_sections is a mapping of names to texts, and says so."""
    with pytest.raises(InvalidValueError, match=r"extra_sections.*must be a mapping of names to texts"):
        neutralise({"extra_sections": sections})


@pytest.mark.parametrize(
    ("sections", "kind"),
    [({1: "a"}, "a number"), ({"a": ["b"]}, "a list"), ({1: ["b"]}, "a list"), ({1: None}, "a number")],
)
def test_what_is_wrong_in_extra_sections_is_named(sections: object, kind: str) -> None:
    """The text that is none, else the name."""
    with pytest.raises(InvalidValueError, match=f"and {kind} in it is not a text"):
        neutralise({"extra_sections": sections})


def test_sections_whose_names_fold_to_one_are_both_kept() -> None:
    """Nothing that was passed is lost without a word."""
    assert dict(only_sections({"a\nb": "x", "a b": "y"})) == {"a b": "    x\n    y"}


def test_control_characters_in_lines_that_are_kept_count_as_folded() -> None:
    """`folded` tells of every change but the setting off of lines."""
    assert neutralise({"x": multiline("a\r\nb")}).folded == ()
    assert neutralise({"x": multiline("a\x1b[0m")}).folded == ("x",)


def test_an_empty_extra_section_is_left_out() -> None:
    """An empty text and None print nothing."""
    assert dict(only_sections({"a": "", "b": None, "c": "x"})) == {"c": "    x"}


def test_a_trusted_extra_section_is_exact() -> None:
    """`trusted` is the way to a section that is not set off."""
    assert only_sections({"a": trusted("x\ny")})["a"] == "x\ny"


@pytest.mark.parametrize("value", [None, 1, b"x", ["a"]])
def test_the_two_ways_out_take_texts(value: object) -> None:
    """`multiline` and `trusted` mark texts, and nothing else."""
    for mark, name in ((multiline, "multiline"), (trusted, "trusted")):
        with pytest.raises(InvalidValueError, match=f"{name}\\(\\) takes a text"):
            mark(value)  # type: ignore[arg-type]


def test_only_three_characters_are_escaped() -> None:
    """O'Brien stays O'Brien."""
    assert escape('O\'Brien "&" <b>') == 'O\'Brien "&amp;" &lt;b&gt;'


def test_floats_that_are_not_finite_have_no_text() -> None:
    """Neither nan nor inf lands in a prompt, wherever it was worked out."""
    assert printable(math.nan) is printable(math.inf) is None


# The very edge


def nested(depth: int, wrap: Callable[[object], object]) -> object:
    value: object = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: (inner,), lambda inner: {"a": inner}])
def test_how_deep_lists_and_mappings_may_be(wrap: Callable[[object], object]) -> None:
    """Sixteen inside one another are the most."""
    assert only(nested(16, wrap))
    with pytest.raises(InvalidValueError, match="'x' is nested more than 16 deep"):
        only(nested(17, wrap))


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: dict.fromkeys(map(str, items))])
def test_how_many_values_a_variable_may_hold(wrap: Callable[[range], object]) -> None:
    """200,000 are the most, those that hold others among them, however they are spread."""
    full = [wrap(range(99_999)), wrap(range(99_999))]
    assert len(only(full)) == 2  # and 2 that hold the others
    with pytest.raises(
        InvalidValueError, match="'x' holds more than 200,000 values; pass what the prompt needs of them"
    ):
        only([*full, 1])
    with pytest.raises(InvalidValueError, match="'x' holds more than 200,000 values"):
        only([wrap(range(99_999)), wrap(range(100_000))])


def test_how_long_a_whole_number_may_be() -> None:
    """About four thousand digits, on either side of nought: to the bit."""
    most = 2**12_000 - 1
    assert (only(most), only(-most)) == (most, -most)
    for number in (most + 1, -most - 1):
        with pytest.raises(InvalidValueError, match="'x' is a number of more than about 4000 digits"):
            only(number)


@pytest.mark.parametrize("digits", [4_000, -4_000])
def test_how_long_a_decimal_may_be(digits: int) -> None:
    """Four thousand digits before its point, or behind it."""
    edge = Decimal(f"1E{digits - 1}") if digits > 0 else Decimal(f"1E{digits}")
    assert only(edge) == edge
    with pytest.raises(InvalidValueError, match="more than 4,000 digits before or after its point"):
        only(edge.scaleb(1 if digits > 0 else -1))


@pytest.mark.parametrize(("text", "printed"), [(">", "&gt;"), ("<", "&lt;"), ("&", "&amp;"), ("'", "'"), ('"', '"')])
def test_a_character_alone_is_escaped(text: str, printed: str) -> None:
    """Each of the three by itself, and no other; in a persona's text as in a template."""
    assert escape(text) == printed
    assert shown(only(text, XML), XML) == printed
    assert shown_in_text(only(text, XML), escapes=True) == printed
    assert shown_in_text(only(text, PLAIN), escapes=False) == text
    assert shown_in_text(only(trusted(text), XML), escapes=True) == text


values = (
    texts
    | texts.map(multiline)
    | texts.map(trusted)
    | st.text(st.sampled_from("a\n\0\ud800")).flatmap(lambda text: st.sampled_from([text, multiline(text)]))
    | st.integers()
    | st.integers(10**3990, 10**4010)
    | st.sampled_from([None, True, 1.5, Decimal(1), [], SessionText("a\nb"), IntEnum("E", "A").A])
)


@given(values, families)
def test_what_is_printed_at_once_is_what_a_closer_look_finds(value: object, family: Family) -> None:
    """A text or a whole number as it is printed in the end; nothing for what is null, refused or anything else."""
    text = at_once(family, value)
    if text is not None:
        found = shown_in_text(only(value, family), escapes=family.escapes)
        assert (escape(text) if family.escapes else text) == found
    elif type(value) in (str, int, Multiline):
        with pytest.raises(InvalidValueError):
            neutralise({"x": value}, family)


def test_extra_sections_whose_names_fold_to_one_are_one() -> None:
    """Both texts are kept, in order, each set off or escaped as it is alone; what is trusted stays so."""
    sections = {"a\nb": "1 <x>\n2", "a b": "3 <y>", "c": "4", "a\tb": "5", "a\r\nb": trusted("<t>")}
    found = only_sections(sections, XML)
    assert {name: shown(text, XML) for name, text in found.items()} == {
        "a b": "1 &lt;x&gt;\n2\n3 &lt;y&gt;\n<t>",
        "c": "4",
        "a\tb": "5",
    }
    assert dict(only_sections(sections, MARKDOWN)) == {"a b": "> 1 <x>\n> 2\n> 3 <y>\n<t>", "c": "> 4", "a\tb": "> 5"}
    assert dict(only_sections(sections, PLAIN))["a b"] == "    1 <x>\n    2\n    3 <y>\n<t>"


def test_what_is_folded_is_told() -> None:
    """A text with a line break, wherever it is in a value; one that is set off or trusted keeps its lines and is not."""
    given = {
        "plain": "a",
        "tab": "a\tb",
        "line": "a\nb",
        "kept": multiline("a\nb"),
        "control": multiline("a\nb\x1b"),
        "exact": trusted("a\nb"),
        "inner": [{"k": ["a\nb"]}],
        "key": {"k\n": 1},
        "none": None,
    }
    session = neutralise(given)
    assert session.folded == ("line", "control", "inner", "key")
    assert list(session.values) == [name for name in given if name != "none"]
    assert session.values["control"] == "    a\n    b "


def test_names_that_begin_with_an_underscore_are_refused() -> None:
    """Whatever they hold; one with it elsewhere is fine."""
    with pytest.raises(InvalidValueError, match=r"^session variable '_x' begins with '_'"):
        neutralise({"_x": None})
    assert neutralise({"x_": 1, "": 2}).values == {"x_": 1, "": 2}
