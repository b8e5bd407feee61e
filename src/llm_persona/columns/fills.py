"""What fills rows, by their kind: prepared prompts as functions of the texts of a row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..prompts.rows import RowFill

MAX_FILLS = 16_384  # kinds of rows


class Fills(dict[Hashable, RowFill]):
    """What fills the rows of each kind; what is not prepared fills none. A full one is begun anew."""

    def __missing__(self, key: Hashable) -> RowFill:
        return unfilled

    def keep(self, key: Hashable, fill: RowFill | None) -> None:
        """Keep what fills the rows of a kind; None for those that have to be run."""
        if len(self) >= MAX_FILLS:
            self.clear()
        self[key] = fill or unfilled


def unfilled(row: Sequence[str]) -> str | None:
    """Fill no row: what there is for kinds that have to be run."""
    return None
