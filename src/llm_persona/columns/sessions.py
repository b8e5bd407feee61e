"""The sessions of a batch of rows: columns for what is prepared, and a row's own values for what is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from ..templating.session import Family, Multiline, Trusted
from .batches import Batch
from .options import Options
from .values import HAS_TEXT, OTHER, SessionColumn, is_missing


class Sessions:
    """What each row of a batch gives, by variable."""

    def __init__(self, batch: Batch, options: Options) -> None:
        marks: dict[str, Any] = dict.fromkeys(options.multiline, Multiline)
        marks |= dict.fromkeys(options.trusted, Trusted)
        self.count = len(batch)
        self.columns = {
            name: SessionColumn(batch.column(column), marks.get(name)) for name, column in options.session.items()
        }
        self._sections = {name: batch.column(column) for name, column in options.sections.items()}
        self._marked = {name: each.states for name, each in self.columns.items() if each.states is not None}
        self._texts: dict[Family, list[list[str]]] = {}

    @property
    def varying(self) -> tuple[str, ...]:
        """The variables that not every row has a text for."""
        return tuple(self._marked)

    @property
    def filled(self) -> bool:
        """Whether any of them may be filled in: extra sections never are."""
        return not self._sections

    # Iterators, as a list of a tuple for each row is work for the garbage collector.

    def masks(self) -> Iterator[tuple[int, ...]]:
        """Yield what stands in these for each row."""
        return zip(*self._marked.values(), strict=True)

    def mask(self, row: int) -> tuple[int, ...]:
        return tuple([states[row] for states in self._marked.values()])

    def rows(self, family: Family) -> Iterator[tuple[str, ...]]:
        """Yield the texts of each row, as templates of a family print them."""
        columns = self._columns_of(family)
        return zip(*columns, strict=True) if columns else repeat((), self.count)

    def row(self, family: Family, row: int) -> tuple[str, ...]:
        return tuple([column[row] for column in self._columns_of(family)])

    def _columns_of(self, family: Family) -> list[list[str]]:
        if family not in self._texts:
            self._texts[family] = [column.texts(family) for column in self.columns.values()]
        return self._texts[family]

    def has_text(self, mask: Sequence[int]) -> dict[str, bool | None] | None:
        """Return by variable whether a row has a text for it, None for nothing; None where it takes a closer look."""
        if OTHER in mask:
            return None
        return {**dict.fromkeys(self.columns, True), **dict(zip(self._marked, map(HAS_TEXT.get, mask), strict=True))}

    def given(self, row: int) -> dict[str, Any]:
        """Return what a call for a row is given."""
        given = {name: column.values[row] for name, column in self.columns.items()}
        session = {name: value for name, value in given.items() if value is not None}
        sections = {name: column[row] for name, column in self._sections.items() if not is_missing(column[row])}
        return {**session, "extra_sections": sections} if sections else session
