from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.errors import InvalidValueError
from llm_persona.names import (
    MAX_NAME,
    Guesses,
    check_name,
    did_you_mean,
    join_reference,
    kind_of,
    nearest,
    shorten,
    shown,
    spell,
    spelled,
    split_reference,
)

ALIKE = st.text(st.sampled_from("abAB\u00e9\u0130"), max_size=6)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"], exclude_characters="/\\@$"), min_size=1
)


@pytest.mark.parametrize(
    "name", ["Maya", "Xavier XX", "m", "x" * 128, "Maya Müller", "客服", "a.b-c_d", "a$", "👩‍🚀", "No 5", "true"]
)
def test_good_names(name: str) -> None:
    """A name may be any text of a language, up to 128 characters."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "name is empty"),
        (" \t", "name is empty"),
        ("x" * 129, "has 129 characters; at most 128 are allowed"),
        ("$rollouts", "name '$rollouts' begins with '$', which is kept for the file's own keys"),
        ("a/b", "name 'a/b' holds '/', which no name may"),
        ("a\\b", "holds '\\', which no name may"),
        ("a@b", "holds '@', which no name may"),
        ("a\nb", "name 'a\\nb' holds U+000A, which no name may"),
        ("a\x00", "holds U+0000"),
        ("a\x7f", "holds U+007F"),
        ("a\x85", "holds U+0085"),
        ("a\u2028", "holds U+2028"),
        ("a\u2029", "holds U+2029"),
        ("a\x80", "holds U+0080"),
        ("a/\n", "name 'a/\\n' holds '/', which"),
        ("\ud800", "holds U+D800"),
        (5, "name must be a text, not a number; quote it"),
        (None, "name must be a text, not null; quote it"),
        (True, "name must be a text, not a truth value (true); quote it"),
    ],
)
def test_bad_names(name: object, message: str) -> None:
    """What no name may be is refused with the character or the limit at fault."""
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        check_name(name)


@given(NAMES, st.none() | NAMES)
def test_references_come_back(name: str, version: str | None) -> None:
    """Any name and version, joined into a reference, are split into the same again."""
    assert split_reference(join_reference(name, version)) == (name, version)


def test_a_second_at_belongs_to_the_version() -> None:
    """Only the first @ parts name and version, so that the second is seen and refused as part of the version."""
    assert split_reference("a@1@2") == ("a", "1@2")
    assert split_reference("a@") == ("a", "")


@pytest.mark.parametrize(
    ("name", "near"), [("maya", "Maya"), ("MAYA", "Maya"), ("Mya", "Maya"), ("Zoltan", None), ("", None)]
)
def test_nearest(name: str, near: str | None) -> None:
    """A slip of letters or case finds the name that was meant, and something else finds nothing."""
    assert nearest(name, ["Alex", "Maya"]) == near
    assert did_you_mean(name, ["Alex", "Maya"]) == (f"did you mean {near!r}?" if near else None)


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Known names, and one of them in another case or without its end."""
    known = draw(st.lists(ALIKE.map("a{}".format), min_size=1, max_size=5))
    meant = draw(st.sampled_from(known))
    end = draw(st.integers(len(meant) // 2 + 1, len(meant)))
    return draw(st.sampled_from([str.upper, str.lower, str.swapcase]))(meant[:end]), known


@given(slips())
def test_nearest_is_one_of_the_known(slip: tuple[str, list[str]]) -> None:
    """What is proposed is always one of the names there are, as it is written."""
    assert nearest(*slip) in slip[1]


def test_nearest_of_a_very_long_name() -> None:
    """A name of a megabyte costs no more than a short one to compare."""
    assert nearest("x" * 1_000_000, ["Maya"]) is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a truth value (true)"),
        (False, "a truth value (false)"),
        (1, "a number"),
        (1.5, "a number"),
        ("x", "a text"),
        ([], "a list"),
        ((), "a list"),
        ({}, "a mapping"),
        (b"", "bytes"),
        (datetime.date(2026, 1, 1), "a date"),
        (object(), "an object"),
    ],
)
def test_kind_of(value: object, kind: str) -> None:
    """A value's kind is said in the words of somebody who edits files."""
    assert kind_of(value) == kind


def test_characters_are_spelled() -> None:
    """What would not be seen, or would be taken for something else, is spelled."""
    assert spell("/") == "'/'"
    assert spell("\u200b") == "U+200B"
    assert spelled("role") == "'role'"
    assert spelled("r\u043ele") == "'r\u043ele' (with U+043E)"


@given(st.text(max_size=20), st.characters())
def test_shorten(text: str, more: str) -> None:
    """A text that is longer than asked for loses its end, and one that fits is left."""
    longer = text + more
    assert shorten(longer, len(longer)) == longer
    assert shorten(longer + more, len(longer)) == text + "…"


def test_the_limit_of_a_name_is_its_last_character() -> None:
    """128 characters are a name, whatever they are made of, and 129 are none; other text types come back as text."""

    class Text(str):
        pass

    assert check_name("é" * MAX_NAME) == "é" * MAX_NAME
    with pytest.raises(InvalidValueError, match="has 129 characters; at most 128 are allowed"):
        check_name("é" * (MAX_NAME + 1))
    found = check_name(Text("Maya"))
    assert (found, type(found)) == ("Maya", str)
    same = "".join(["Ma", "ya"])
    assert check_name(same) is same
    with pytest.raises(InvalidValueError, match=r"^version is empty; write one$"):
        check_name("  ", "version")
    with pytest.raises(InvalidValueError, match=r"^version 'a/b' holds '/', which no version may; take it out$"):
        check_name("a/b", "version")


def test_characters_are_spelled_where_they_cannot_be_seen() -> None:
    """ASCII that shows stands as it is, up to the tilde; all else is a code point."""
    assert [spell(ch) for ch in "a~ \x7f\x1fé\u200b"] == ["'a'", "'~'", "' '", "U+007F", "U+001F", "U+00E9", "U+200B"]
    assert spelled("a~ b") == "'a~ b'"
    assert spelled("a\x1f") == r"'a\x1f' (with U+001F)"
    assert spelled("é" * 9) == f"'{'é' * 9}' (with {', '.join(['U+00E9'] * 8)})"


def test_a_text_is_shortened_by_what_does_not_fit() -> None:
    """60 characters unless it is said otherwise; what fits is left to the last character."""
    assert shorten("a" * 60) == "a" * 60
    assert shorten("a" * 61) == "a" * 59 + "…"
    assert (shorten("abc", 3), shorten("abcd", 3), shorten("ab", 1)) == ("abc", "ab…", "…")


def test_the_nearest_name_is_the_only_one_told() -> None:
    """Of several the best, compared without regard to case; beyond a name's length nothing counts."""
    assert nearest("mayo", ["Mayor", "MAYO", "x"]) == "MAYO"
    assert nearest("a" * MAX_NAME + "b" * 900, ["a" * MAX_NAME]) == "a" * MAX_NAME
    assert (nearest("abcd", ["abxy"]), nearest("abcd", ["abxy"], 0.5)) == (None, "abxy")


class Whole(int):
    """A number of a caller's own type."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a\n", r"'a\n'"),
        (1.5, "1.5"),
        (True, "True"),
        (None, "None"),
        (-7, "-7"),
        ("x" * 99, f"'{'x' * 58}…"),
        (2**255 - 1, f"{str(2**255)[:59]}…"),
        (2**255, "(a number)"),
        (Whole(7), "(a number)"),
        ([1], "(a list)"),
        (b"x", "(bytes)"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_only_plain_values_are_shown(value: object, told: str) -> None:
    """What can say anything of itself, or is too long to be written quickly, is told by its kind."""
    assert shown(value) == told


def test_guesses_end() -> None:
    """Two hundred among few names; among 10,000 names each counts as eleven."""
    few, many = Guesses(), Guesses()
    assert [few("mya", ["Maya"]) for _ in range(201)] == ["Maya"] * 200 + [None]
    assert few.hint("mya", ["Maya"]) is None
    assert Guesses().hint("mya", ["Maya"]) == "did you mean 'Maya'?"
    names = ["Maya", *(str(number) for number in range(9_999))]
    assert [many("mya", names) for _ in range(19)] == ["Maya"] * 18 + [None]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Maya\n", "take it off its end"),
        ("Maya\r\n", "take it off"),
        ("Ma\nya", "take it out"),
        ("Ma/ya", "take it out"),
    ],
)
def test_what_a_name_ends_in_is_told_from_what_is_inside(name: str, hint: str) -> None:
    """A line break at its end comes from how YAML was written, and the hint says what to write."""
    with pytest.raises(InvalidValueError) as caught:
        check_name(name)
    assert str(caught.value.hint).startswith(hint)
