from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from llm_persona.testing.causes import Cause
from llm_persona.testing.summary import MOST_CAUSES, Failure, as_few_as_can_be, causes_of, summary

BASE, MAYA, LINE = (
    Cause("Base.tone", "p.yaml:2"),
    Cause("Maya.tone", "p.yaml:9"),
    Cause("the template's line", "a.j2:3"),
)


def failing(*causes: tuple[Cause, ...], test: str = "t.py::test[a]", prompts: int = 0) -> Failure:
    return Failure(test, test.partition("[")[0], prompts, 0, causes)


def test_causes_are_sorted_by_how_many_prompts_they_changed() -> None:
    """A cause that two prompts have comes before one that another has, and each says where it is and what."""
    failures = [failing((MAYA,)), failing((BASE,)), failing((BASE,), (LINE,)), failing((BASE,))]
    assert list(summary(failures)) == [
        "p.yaml:2, Base.tone (3 prompts)",
        "p.yaml:9, Maya.tone (1 prompt)",
        "a.j2:3, the template's line (1 prompt)",
    ]


def test_what_explains_the_most_prompts_is_their_cause() -> None:
    """A template that prints another field of each persona is one cause; where nothing tells two apart, both are named."""
    failures = [failing((Cause(f"P{number}.tone", f"p.yaml:{number}"), LINE)) for number in range(5)]
    assert causes_of(failures) == [("a.j2:3, the template's line", 5)]
    assert causes_of([failing((BASE, LINE))] * 2) == [("p.yaml:2, Base.tone or a.j2:3, the template's line", 2)]
    assert causes_of([failing((BASE, LINE)), failing((BASE,))]) == [("p.yaml:2, Base.tone", 2)]


def test_many_causes_are_cut() -> None:
    """No more lines than can be read; how many there are besides is told."""
    lines = list(summary([failing((Cause(f"cause {number}"),)) for number in range(2_000)]))
    assert len(lines) == MOST_CAUSES + 1
    assert lines[-1] == f"and {2_000 - MOST_CAUSES:,} more"


def test_a_function_is_named_once_where_all_of_it_failed() -> None:
    """Otherwise each test is, and so are those of a function whose number of prompts is not known."""
    all_of_one = [failing(test=f"t.py::one[{name}]", prompts=2) for name in "ab"]
    some = [failing(test=f"t.py::two[{name}]", prompts=3) for name in "ab"]
    unknown = [failing(test="t.py::three[a]")]
    assert as_few_as_can_be([*all_of_one, *some, *unknown]) == [
        "t.py::one",
        "t.py::two[a]",
        "t.py::two[b]",
        "t.py::three[a]",
    ]


CAUSE = st.builds(Cause, st.sampled_from("abcd"), st.sampled_from(["", "p.yaml:1"]))
CHANGES = st.lists(st.lists(CAUSE, min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=4, unique=True)


@given(st.lists(CHANGES, min_size=1, max_size=8))
def test_each_prompt_has_its_cause(prompts: list[list[tuple[Cause, ...]]]) -> None:
    """Each prompt that changed counts for at least one cause, none for more than it has changes, and none is counted for
    a cause that it does not name; another process tells the same."""
    failures = [failing(*changes) for changes in prompts]
    found = causes_of([Failure.read(json.loads(json.dumps(failure.written()))) for failure in failures])
    assert found == causes_of(failures)
    assert len(prompts) <= sum(number for _, number in found) <= sum(map(len, prompts))
    assert [number for _, number in found] == sorted([number for _, number in found], reverse=True)
    for what, number in found:
        first = what.split(" or ")[0]
        naming = [each for each in prompts if any(first in (c.what, f"{c.place}, {c.what}") for cs in each for c in cs)]
        assert 0 < number <= len(naming)
