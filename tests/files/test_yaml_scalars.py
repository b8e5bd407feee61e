"""What a plain YAML text means, at the very edge of what is still a number."""

from __future__ import annotations

import pytest
from yaml.resolver import Resolver

from llm_persona.files.yaml_scalars import Misread, may_be_no_text, resolve, why
from llm_persona.kinds import TOO_LONG


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 4_300, int("9" * 4_300)),
        ("9" * 4_301, Misread("is a number of 4,301 digits")),
        ("9" * 65, int("9" * 65)),
        ("11" + ":1" * 31, sum(60**place for place in range(31)) + 11 * 60**31),
        ("111" + ":1" * 31, Misread("is a number of 65 digits")),
        ("1e5", "1e5"),
        ("1.0e+5", 1e5),
        (".inf", Misread("is not a finite number")),
        ("0b_", Misread("is read as a number, and is none")),
        ("2026-01-01", Misread("is read as a date")),
        ("~", None),
        ("", None),
        ("no", False),
        ("=", "="),
        ("falsey", "falsey"),
        ("FALSE", False),
        ("0x" + "f" * 4_298, Misread(TOO_LONG)),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_a_plain_text_is(text: str, value: object) -> None:
    """As the safe loader has it, with a limit on digits; and whatever is no text is looked at."""
    found = resolve(text)
    assert (type(found), found) == (type(value), value)
    assert may_be_no_text(text) or found == text


def test_most_texts_are_known_for_texts_at_once() -> None:
    """By how they begin, and by their length where it is a letter."""
    firsts = [first for first in Resolver.yaml_implicit_resolvers if first.isalpha()]
    assert not any(map(may_be_no_text, ["Be kind", "x", "É", *(first * 6 for first in firsts)]))
    assert all(map(may_be_no_text, firsts))


def test_it_is_told_in_words() -> None:
    """What a text was read as, for a message."""
    assert [why(resolve(text)) for text in ("~", "no", "12", "2026-01-01")] == [
        "is read as null",
        "is read as a truth value",
        "is read as a number",
        "is read as a date",
    ]
