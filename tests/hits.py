"""How many of a property's examples reach what the property is about: below a share it has shown nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
    assert hits.tried > 0
    assert hits.reached / hits.tried >= least, f"{hits.reached} of {hits.tried} examples reach the assertion"
