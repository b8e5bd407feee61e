"""What a recording has been told of values that are not known: that a number is above 3, that a text is 'pro'."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}
_OPPOSITES = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}

# A number, with 1 where only what is above it is meant, -1 where only what is below: a tuple compares as the bound does.
Bound = tuple[Any, int]


class Facts:
    """All that was told of one value: relations to constants, each of which holds or does not.

    What is left of the line is kept, so that a question of many takes no longer than one of few.
    """

    __slots__ = ("_constants", "_high", "_low", "_others", "_whole", "value")

    def __init__(self, *, whole: bool = False, least: int | None = None) -> None:
        """Begin with nothing told of a text or a number; `whole` for an integer, that may be no less than `least`."""
        self._whole = whole
        self._low: Bound = (-math.inf, 0)
        self._high: Bound = (math.inf, 0)
        self._others: set[Any] = set()  # that it is not
        self._constants: list[Any] = []
        self.value: Any = None  # the only one that is as told; None where nothing says which
        if least is not None:
            self.tell("ge", least, True)

    def __len__(self) -> int:
        """Return how many values a question may have to pass over: of texts, and of what is between two numbers, there
        is always another."""
        return len(self._others) if self._whole else 0

    def tell(self, relation: str, constant: Any, holds: bool) -> None:
        relation, constant = relation if holds else _OPPOSITES[relation], _plain(constant)
        self._constants.append(constant)
        if relation == "ne":
            self._others.add(constant)
        elif relation != "eq":
            self._low, self._high = self._between(relation, constant)
        elif self.value is None:
            self.value = constant

    def allow(self, relation: str, constant: Any, holds: bool) -> bool:
        """Tell whether some value is as told, and as this says."""
        relation, constant = relation if holds else _OPPOSITES[relation], _plain(constant)
        if self.value is not None:
            return _RELATIONS[relation](self.value, constant)
        if relation == "eq":
            return self.allow_value(constant)
        if relation == "ne":
            return self._holds_any(self._low, self._high, constant)
        return self._holds_any(*self._between(relation, constant))

    def allow_value(self, value: Any) -> bool:
        value = _plain(value)
        if self.value is not None:
            return bool(value == self.value)
        if isinstance(value, str):
            return value not in self._others
        fits = value.denominator == 1 or not self._whole
        return fits and self._low <= (value, 0) <= self._high and value not in self._others

    def constants(self) -> Iterable[int]:
        return map(math.floor, self._constants)

    def _between(self, relation: str, constant: Any) -> tuple[Bound, Bound]:
        """Return what is left of the line where one more relation holds."""
        low, high = self._low, self._high
        if relation in ("gt", "ge"):
            return max(low, self._bound(constant, 1 if relation == "gt" else 0, math.ceil)), high
        return low, min(high, self._bound(constant, -1 if relation == "lt" else 0, math.floor))

    def _bound(self, constant: Any, beyond: int, rounded: Callable[[Any], int]) -> Bound:
        if not self._whole:
            return constant, beyond
        return (rounded(constant) + (beyond if constant.denominator == 1 else 0), 0)

    def _holds_any(self, low: Bound, high: Bound, other: Any = None) -> bool:
        """Tell whether there is a value between two bounds that is not said to be another."""
        if self._whole and -math.inf < low[0] and high[0] < math.inf:
            return any(each != other and each not in self._others for each in range(low[0], high[0] + 1))
        return low[0] < high[0] or (low == high and low[0] != other and low[0] not in self._others)


def _plain(constant: Any) -> Any:
    if isinstance(constant, str):
        return str.__str__(constant)
    return int(constant) if isinstance(constant, int) else Fraction(constant)


def can_be_told(constant: object) -> bool:
    """Tell whether a constant is one that facts are of: a text, or a number that is somewhere on the line."""
    if isinstance(constant, str | int):
        return True
    return isinstance(constant, float | Decimal) and math.isfinite(constant)
