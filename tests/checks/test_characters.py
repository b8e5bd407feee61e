"""Warnings: what nobody sees is named, what writing needs is left in peace, and the text stays as it is."""

from __future__ import annotations

import copy
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.checks.characters import character_findings
from llm_persona.files.invisible import runs
from llm_persona.files.reading import Document

SEEN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
HIDDEN = [
    chr(point)
    for point in (0xAD, 0x34F, 0x61C, 0x115F, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x202E, 0x2028, 0x2060, 0x2066)
] + [chr(point) for point in (0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xE0001, 0xE0041, 0xE0100, 0x00, 0x1B, 0x85)]
JINJA = ["{{ x }}", "{{- x -}}", "{{x.y}}", "{{x|upper}}", "{% if x %}", "{%- endif -%}", "{# note #}", "{{ f(1) }}"]
NO_JINJA = ["{x}", "{{x}}", "{}", '{"a": {"b": 1}}', "100%} #}", "{{{x}}}", "${x}", "{ {x} }", "{{}}", "{%}", "{#}"]


def warned(text: str, field: str = "tone", **more: object) -> list[str]:
    found = character_findings(Document("<data>", {"Maya": {"role": "a", field: text, **more}}))
    assert all(problem.severity == "warning" for problem in found)
    return [str(problem) for problem in found]


@pytest.mark.parametrize("character", HIDDEN, ids=lambda character: f"U+{ord(character):04X}")
def test_a_hidden_character_between_latin_letters_is_named(character: str) -> None:
    """By its code point, whatever it is."""
    (warning,) = warned(f"never{character}share")
    assert f"U+{ord(character):04X}" in warning
    assert "after 'never'" in warning


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧",
        "❤️",
        "❤️‍🔥",
        "1️⃣",
        "👩🏽‍💻",
        "🏳️‍🌈",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "🏴󠁧󠁢󠁷󠁬󠁳󠁿",
        "می‌خواهم",
        "क्‍ष",
        "שלום\u200f!",
        "葛󠄀",
        "ℹ️",
        "a\tb\r\nc\n",
    ],
)
def test_what_writing_needs_is_left_in_peace(text: str) -> None:
    """Emoji, the three flags, Persian, Hindi, right-to-left text, ideographs with variants."""
    assert warned(text) == []


@pytest.mark.parametrize(
    "text",
    ["🏴󠁵󠁳󠁴󠁸󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿󠁩󠁧", "❤️️", "a️", "می‌‌خواهم", "a‌b", "1️ of 2", "😀󠄀󠄁", "شa‮b"],
)
def test_the_same_characters_elsewhere_are_not(text: str) -> None:
    """Another flag, a longer tag sequence, two selectors or joiners in a row: room for a hidden message."""
    assert len(warned(text)) == 1


@given(SEEN)
def test_plain_text_has_no_hidden_characters(text: str) -> None:
    """What can be seen on every keyboard is never flagged as hidden."""
    assert list(runs(text)) == []


MIXED = st.text(st.sampled_from([*HIDDEN, *"a1ש❤👩"]) | st.characters())


@given(st.builds(lambda before, hidden, after: before + hidden + after, MIXED, st.text(HIDDEN, min_size=1), MIXED))
def test_runs_hold_what_the_text_holds(text: str) -> bool:
    """A run is a piece of the text, in order, and never one that overlaps another."""
    end = 0
    for run in runs(text):
        assert run.start >= end
        end = run.start + len(run.characters)
        assert text[run.start : end] == run.characters
        assert run.characters
    return end > 0


ODD = st.text(st.sampled_from([*HIDDEN, *"ab{}%x "]) | st.characters(), max_size=9) | st.sampled_from(JINJA)


@pytest.mark.hits(0.65)
@given(st.dictionaries(ODD, st.dictionaries(st.sampled_from(["role", "tone"]) | ODD, ODD | st.none()), min_size=1))
def test_warnings_change_nothing_and_never_fail(data: dict[str, object]) -> bool:
    """Nothing is stripped, nothing is normalised."""
    before = copy.deepcopy(data)
    found = character_findings(Document("<data>", data))
    assert data == before
    return bool(found)


@pytest.mark.parametrize("text", JINJA)
def test_jinja_in_persona_text_is_warned_of(text: str) -> None:
    """It comes out as it stands, which is not what its author expects; in foreign text that is what was asked for."""
    assert len(warned(text)) == 1
    assert warned(text, variables={}) == []
    assert warned(text, "description") == []


@pytest.mark.parametrize("text", NO_JINJA)
def test_braces_that_are_no_jinja_are_text(text: str) -> None:
    """Placeholders, their escape, JSON."""
    assert warned(text) == []


@given(st.text(st.characters(categories=("L", "N", "Zs")) | st.sampled_from("aéßİ"), min_size=1, max_size=8))
def test_names_that_differ_in_case_or_normalisation_are_told(name: str) -> bool:
    """Whichever way the twin is written."""
    told = 0
    for twin in {name.swapcase(), unicodedata.normalize("NFD", name), unicodedata.normalize("NFC", name)} - {name}:
        found = character_findings(Document("<data>", {name: {}, twin: {}}))
        same = unicodedata.normalize("NFC", twin).casefold() == unicodedata.normalize("NFC", name).casefold()
        if same:
            assert any("only in" in problem.message for problem in found)
            told += 1
    return told > 0


def test_a_text_made_of_hidden_characters_costs_little() -> None:
    """The first ten of a text are named, and what a text holds is looked at once: no text takes long."""
    start = time.perf_counter()
    assert len(warned("\u200ea" * 250_000)) == 10
    assert warned("\u200ea" * 250_000 + "ש") == []
    warned("{{ a " * 200_000)
    assert time.perf_counter() - start < 10  # a hundred times what it takes
