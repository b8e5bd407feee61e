"""What a recording has been told of values that are not known: that a number is above 3, that a text is 'pro'."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


class Facts:
    """All that was told of one value: relations to constants, each of which holds or does not."""

    __slots__ = ("_told", "_whole")

    def __init__(self, *, whole: bool = False, least: int | None = None) -> None:
        """Begin with nothing told of a text or a number; `whole` for an integer, that may be no less than `least`."""
        self._told: list[tuple[str, Any, bool]] = [] if least is None else [("ge", Fraction(least), True)]
        self._whole = whole

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, relation: str, constant: Any, holds: bool) -> None:
        self._told.append((relation, _plain(constant), holds))

    def allow(self, relation: str, constant: Any, holds: bool) -> bool:
        """Tell whether some value is as told, and as this says."""
        told = [*self._told, (relation, _plain(constant), holds)]
        return any(_all_hold(told, value) for value in reversed(self._tried(told)))  # new ones most often are

    def allow_value(self, value: Any) -> bool:
        return _all_hold(self._told, _plain(value))

    @property
    def value(self) -> Any:
        """The only value that is as told; None where nothing says which."""
        return next((constant for relation, constant, holds in self._told if (relation, holds) == ("eq", True)), None)

    def constants(self) -> Iterable[int]:
        return [math.floor(constant) for _, constant, _ in self._told]

    def _tried(self, told: list[tuple[str, Any, bool]]) -> Sequence[Any]:
        """Return values of which one is as told where any is."""
        constants = sorted({constant for _, constant, _ in told})
        if isinstance(constants[0], str):
            return [*constants, max(constants, key=len) + "?"]
        if self._whole:
            return [math.floor(constant) + step for constant in constants for step in (-1, 0, 1)]
        between = [(low + high) / 2 for low, high in itertools.pairwise(constants)]
        return [constants[0] - 1, *constants, *between, constants[-1] + 1]


def _all_hold(told: Iterable[tuple[str, Any, bool]], value: Any) -> bool:
    return all(_RELATIONS[relation](value, constant) is holds for relation, constant, holds in told)


def _plain(constant: Any) -> Any:
    return str.__str__(constant) if isinstance(constant, str) else Fraction(constant)


def can_be_told(constant: object) -> bool:
    """Tell whether a constant is one that facts are of: a text, or a number that is somewhere on the line."""
    if isinstance(constant, str | int):
        return True
    return isinstance(constant, float | Decimal) and math.isfinite(constant)
