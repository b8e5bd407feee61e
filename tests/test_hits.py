"""Tests of how properties are counted: one that does not reach what it is about fails."""

from __future__ import annotations

import pytest
from hits import counted
from hypothesis import assume, given, settings
from hypothesis import strategies as st


@settings(database=None)
@given(st.integers(0, 99))
def a_property(number: int) -> bool:
    assume(number % 4)
    assert number < 100
    return number % 2 == 0


@settings(database=None)
@given(st.integers())
def wrong(number: int) -> None:
    assert number < 10


def test_a_property_that_reaches_its_assertion_passes() -> None:
    """And runs as it did: what it returns is no business of hypothesis."""
    with counted(a_property, 0.05):
        a_property()


def test_one_that_mostly_does_not_fails() -> None:
    """The message says how many did; what an assumption sorts out is no hit."""
    with pytest.raises(AssertionError, match=r"\d+ of \d+ examples reach the assertion"), counted(a_property, 0.9):
        a_property()


def test_one_that_is_wrong_fails_as_it_would() -> None:
    """With hypothesis's own report, and is itself again afterwards."""
    inner = wrong.hypothesis.inner_test  # type: ignore[attr-defined]  # hypothesis puts it there
    with pytest.raises(AssertionError, match="assert"), counted(wrong):
        wrong()
    assert wrong.hypothesis.inner_test is inner  # type: ignore[attr-defined]


def test_one_without_examples_fails() -> None:
    """A test that ran nothing has shown nothing."""
    with pytest.raises(AssertionError, match="no example was tried"), counted(a_property):
        pass
