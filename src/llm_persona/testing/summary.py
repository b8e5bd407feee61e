"""How a failing run of prompt tests ends: what made the prompts change, and one command that accepts them all."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .causes import Cause

MOST_CAUSES = 20  # lines

Causes = tuple[Cause, ...]  # what one change may come from, the likeliest first


class Failure(NamedTuple):
    """A test whose prompt is not its snapshot."""

    test: str  # as pytest is asked for it
    function: str  # likewise, with all of its prompts
    prompts: int  # of the function; 0 where they are not to be counted
    left: int  # snapshots of its module that no prompt has any more
    causes: tuple[Causes, ...]

    def written(self) -> list[Any]:
        """Return it as plain data, for it may go to another process."""
        causes = [[list(cause) for cause in each] for each in self.causes]
        return [self.test, self.function, self.prompts, self.left, causes]

    @classmethod
    def read(cls, data: Sequence[Any]) -> Failure:
        test, function, prompts, left, causes = data
        return cls(test, function, prompts, left, tuple([tuple([Cause(*cause) for cause in each]) for each in causes]))


def causes_of(failures: Sequence[Failure]) -> list[tuple[str, int]]:
    """Return what made prompts change, the most frequent first, and of how many prompts.

    A change that may come from several places is taken for that of the place which explains the most prompts: one edit
    of a template that prints another field of each persona is one cause.
    """
    open_changes: dict[Cause, dict[tuple[int, Causes], None]] = {}
    for number, failure in enumerate(failures):
        for alternatives in failure.causes:
            for cause in alternatives:
                open_changes.setdefault(cause, {})[number, alternatives] = None
    explained: set[tuple[int, Causes]] = set()
    found = []
    for cause, changes in _largest_first(open_changes, explained):
        same = _that_explain_the_same(cause, changes, open_changes, explained)
        explained |= changes
        found.append((" or ".join(map(_shown, [cause, *same])), len({number for number, _ in changes})))
    return sorted(found, key=lambda each: -each[1])


def _largest_first(
    open_changes: dict[Cause, dict[tuple[int, Causes], None]], explained: set[tuple[int, Causes]]
) -> Iterator[tuple[Cause, set[tuple[int, Causes]]]]:
    """Yield, each time, the cause of the most prompts among those whose changes are not explained yet."""
    # A cause explains ever less, so one that was counted anew and is still the first of the heap is the largest.
    order = {cause: rank for rank, cause in enumerate(open_changes)}
    heap = [(-len(changes), order[cause], cause) for cause, changes in open_changes.items()]
    heapq.heapify(heap)
    while heap:
        _, rank, cause = heapq.heappop(heap)
        left = open_changes[cause].keys() - explained
        size = -len({number for number, _ in left})
        if heap and (size, rank) > heap[0][:2]:
            heapq.heappush(heap, (size, rank, cause))
        elif left:
            yield cause, left


def _that_explain_the_same(
    cause: Cause,
    changes: set[tuple[int, Causes]],
    open_changes: dict[Cause, dict[tuple[int, Causes], None]],
    explained: set[tuple[int, Causes]],
) -> list[Cause]:
    """Return the other causes that explain just these changes, so that nothing tells which of them it was."""
    _, alternatives = next(iter(changes))
    return [each for each in alternatives if each != cause and open_changes[each].keys() - explained == changes]


def _shown(cause: Cause) -> str:
    return f"{cause.place}, {cause.what}" if cause.place else cause.what


def as_few_as_can_be(failures: Sequence[Failure]) -> list[str]:
    """Return what to ask pytest for, to run these tests and no other: a function by its name where all of it failed."""
    failed: dict[str, dict[str, int]] = {}
    for failure in failures:
        failed.setdefault(failure.function, {})[failure.test] = failure.prompts
    tests: list[str] = []
    for function, each in failed.items():
        tests += [function] if len(each) == next(iter(each.values())) else each
    return tests


def left_in(failures: Sequence[Failure]) -> dict[str, int]:
    """Return the modules with snapshots that no prompt has any more, and how many they are."""
    return {failure.test.partition("::")[0]: failure.left for failure in failures if failure.left}


def summary(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield the lines that say what made the prompts change."""
    causes = causes_of(failures)
    for what, prompts in causes[:MOST_CAUSES]:
        yield f"{what} ({prompts:,} prompt{'' if prompts == 1 else 's'})"
    if len(causes) > MOST_CAUSES:
        yield f"and {len(causes) - MOST_CAUSES:,} more"
