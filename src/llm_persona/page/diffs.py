"""Two texts side by side: which lines stayed, and which words of the others changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

CONTEXT = 2  # unchanged lines shown around a change

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 4_000  # of two lines together; the comparison's cost grows with the square

Words = tuple[tuple[str, bool], ...]  # text, and whether it changed


@dataclass(frozen=True, slots=True)
class Row:
    """A line on both sides; None where a side has none. `skipped` counts unchanged lines that are left out."""

    kind: Literal["same", "changed", "added", "removed", "skipped"]
    left: Words | None = None
    right: Words | None = None
    skipped: int = 0


def side_by_side(before: str, after: str) -> tuple[Row, ...]:
    """Return the rows of a comparison, long unchanged stretches left out; none where the texts are equal."""
    if before == after:
        return ()
    old, new = before.split("\n"), after.split("\n")
    return tuple(_shortened(list(_rows(old, new))))


def _rows(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Row("same", _whole(line), _whole(line)) for line in old[a:b])
            continue
        paired = min(b - a, d - c)
        for left, right in zip(old[a : a + paired], new[c : c + paired], strict=True):
            yield Row("changed", *_words(left, right))
        yield from (Row("removed", left=_whole(line, changed=True)) for line in old[a + paired : b])
        yield from (Row("added", right=_whole(line, changed=True)) for line in new[c + paired : d])


def _whole(line: str, *, changed: bool = False) -> Words:
    return ((line, changed),) if line else ()


def _words(left: str, right: str) -> tuple[Words, Words]:
    old, new = _WORD.findall(left), _WORD.findall(right)
    if len(old) + len(new) > _MOST_WORDS:
        return _whole(left, changed=True), _whole(right, changed=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.3:
        return _whole(left, changed=True), _whole(right, changed=True)
    codes = matcher.get_opcodes()
    lefts = tuple(("".join(old[a:b]), tag != "equal") for tag, a, b, _, _ in codes if a < b)
    rights = tuple(("".join(new[c:d]), tag != "equal") for tag, _, _, c, d in codes if c < d)
    return lefts, rights


def _shortened(rows: list[Row]) -> Iterator[Row]:
    near = {
        index
        for place, row in enumerate(rows)
        if row.kind != "same"
        for index in range(place - CONTEXT, place + CONTEXT + 1)
    }
    skipped = 0
    for index, row in enumerate(rows):
        if index not in near:
            skipped += 1
            continue
        if skipped:
            yield Row("skipped", skipped=skipped)
            skipped = 0
        yield row
    if skipped:
        yield Row("skipped", skipped=skipped)
