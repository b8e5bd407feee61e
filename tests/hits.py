"""How many of a property's examples reach what the property is about: below a share it has shown nothing.

Each property of the suite is counted. An example is a hit unless the property returns False, or an assumption of it does
not hold.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LEAST = 0.75  # of the examples; a property of which fewer can be hits says so: @pytest.mark.hits(0.4)


class Hits:
    """Counts the examples of a property, and those that reached its assertion."""

    def __init__(self) -> None:
        self.tried = 0
        self.reached = 0

    def count(self, reached: bool) -> bool:
        self.tried += 1
        self.reached += reached
        return reached


@contextmanager
def share_of_hits(least: float) -> Iterator[Hits]:
    """Fail at the end where a smaller share of the examples than this was a hit."""
    hits = Hits()
    yield hits
    assert hits.tried > 0, "no example was tried"
    assert hits.reached / hits.tried >= least, f"{hits.reached} of {hits.tried} examples reach the assertion"


@contextmanager
def counted(test: Any, least: float = LEAST) -> Iterator[None]:
    """Count the examples of a property while it runs, and fail as `share_of_hits` does."""
    inner: Callable[..., object] = test.hypothesis.inner_test

    @functools.wraps(inner)
    def counting(*arguments: Any, **named: Any) -> None:
        reached = False
        try:
            reached = inner(*arguments, **named) is not False
        finally:
            hits.count(reached)

    with share_of_hits(least) as hits:
        test.hypothesis.inner_test = counting
        try:
            yield
        finally:
            test.hypothesis.inner_test = inner
