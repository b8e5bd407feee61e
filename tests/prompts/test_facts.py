"""What was told of a value that nobody knows leaves open what some value would do, and nothing else."""

from __future__ import annotations

import operator
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from llm_persona.prompts.facts import Facts

RELATIONS = ("eq", "lt", "le", "gt", "ge")
# With all constants among these, what lies in quarters from -3 to 6 is of every kind that there is.
NUMBERS = st.one_of(st.integers(-1, 4), st.sampled_from([0.5, 1.5, 2.5]), st.booleans())
LINE = [Fraction(each, 4) for each in range(-12, 25)]
WORDS = ["", "a", "b", "c", "another"]

told_of_numbers = st.lists(st.tuples(st.sampled_from(RELATIONS), NUMBERS, st.booleans()), max_size=12)
told_of_texts = st.lists(st.tuples(st.just("eq"), st.sampled_from(WORDS[:-1]), st.booleans()), max_size=8)


def _agree(value: object, told: list[tuple[str, object, bool]]) -> bool:
    return all(getattr(operator, relation)(value, constant) is holds for relation, constant, holds in told)


def _compare(facts: Facts, told: list[tuple[str, object, bool]], values: list[object]) -> None:
    """Tell what can be told one after the other, and hold what is left open against all values that there are."""
    left = [value for value in values if facts.allow_value(value)]
    for relation, constant, holds in told:
        kept = [value for value in left if _agree(value, [(relation, constant, holds)])]
        assert facts.allow(relation, constant, holds) is bool(kept)
        if kept:
            facts.tell(relation, constant, holds)
            left = kept
        assert [value for value in values if facts.allow_value(value)] == left
        assert facts.value is None or [facts.value] == left


@given(told_of_numbers, st.sampled_from([None, 0, 1]))
def test_of_a_whole_number_all_is_open_that_some_whole_number_does(
    told: list[tuple[str, object, bool]], least: int | None
) -> None:
    """From the least that it may be."""
    _compare(Facts(whole=True, least=least), told, [each for each in LINE if each.denominator == 1])


@given(told_of_numbers)
def test_of_a_number_all_is_open_that_some_number_does(told: list[tuple[str, object, bool]]) -> None:
    """There is always one between two others."""
    facts = Facts()
    for relation, constant, holds in told:
        is_open = facts.allow(relation, constant, holds)
        if is_open:
            facts.tell(relation, constant, holds)
        values = [each for each in LINE if facts.allow_value(each)]
        assert is_open or facts.allow(relation, constant, not holds)
        assert all(_agree(each, [(relation, constant, holds is is_open)]) for each in values)


@given(told_of_texts)
def test_of_a_text_all_is_open_that_some_text_does(told: list[tuple[str, object, bool]]) -> None:
    """There is always another than those that it is not."""
    _compare(Facts(), told, list(WORDS))
