"""What a run of a template may cost, counted in one place: steps, and the size of what is made.

A step is a turn of a loop, a call, or about as much work as that; what a text or a list takes to make is weighed into
steps by its length. The steps of a run are an iterator of C, so that a loop counts its turns in the time of one
addition: whoever draws the last one meets the error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized
from contextvars import ContextVar
from decimal import Decimal
from itertools import chain, islice, repeat
from math import log2
from operator import itemgetter, length_hint
from typing import Any

from ..errors import TemplateError
from ..frozen import FrozenDict
from ..limits import Limits, setting

_BUNDLED = 10_000  # tokens, of the bundled templates and of texts between braces
PIECES = 4  # of a text that are gone through in a step
CALL = 8  # steps of a call of a macro or a block
SHORT = 256  # characters of a text that is made within its step
CHARACTERS = 64  # that are made in a step
BITS = 64  # of a number that is written or read in a step
LARGE = 2**60  # from which on Python gives different whole numbers one place in a mapping
_CUTTING = frozenset(("split", "rsplit", "splitlines", "title"))  # methods of texts that make many small ones
_PRODUCTS = frozenset(("rsplit", "strip", "lstrip", "rstrip"))  # that may look for each character of one in another
_NESTING = frozenset((list, tuple, dict, str))
_TEXT = {str}
_SCALARS = frozenset((int, float, bool, type(None)))
_LONG = frozenset((int, Decimal))  # numbers of any number of digits
_ALIKE = frozenset((int, Decimal, tuple))  # keys that somebody may choose so that Python gives them one place
_SEARCHING = frozenset(("count", "index"))
MANY = 16  # of anything that is gone through at once
MAX_DIGITS = 4_300  # of a whole number: as many as Python prints
MAX_BITS = int(MAX_DIGITS * log2(10))
_FIRST = itemgetter(0)


class Cost:
    """What is left to one run."""

    __slots__ = ("_left", "limits", "names", "owed", "ticks")

    def __init__(self, limits: Limits, over: Iterator[None], names: Set[str] = frozenset()) -> None:
        """`over` is what comes after the last step (see `exceeding`): it is the same for all runs. `names` are those that
        errors may say, as templates write them."""
        self.limits = limits
        self.names = names
        self._left = left = repeat(None, limits.steps)
        self.ticks: Iterator[None] = chain(left, over)
        self.owed = 0  # steps of what was run once, or was passed over, which are taken with those of the next call

    @property
    def spent(self) -> int:
        return self.limits.steps - length_hint(self._left) + self.owed

    def settle(self, more: int = 0) -> None:
        """Take the steps that are owed, and so many more."""
        owed, self.owed = self.owed + more, 0
        any(islice(self.ticks, owed))

    def close(self) -> None:
        """Raise TemplateError where more was owed in the end than was left."""
        if self.owed > length_hint(self._left):
            self.settle()

    def room(self, length: int) -> None:
        """Take the steps of a text of so many characters, before it is made. Raises TemplateError where it is too long."""
        if length > SHORT:
            if length > self.limits.size:
                raise too_large("a text of", length, "characters", self.limits)
            spend(self.ticks, length // CHARACTERS)

    def list_room(self, length: int) -> None:
        """Likewise of a list of so many items."""
        if length > self.limits.size:
            raise too_large("a list of", length, "items", self.limits)
        spend(self.ticks, length)

    def turns(self, values: Any, steps: int) -> Any:
        """Return what a loop goes through, its turns of so many steps taken: before the first, where it is known how
        many there are, else one by one."""
        kind = type(values)
        if hasattr(kind, "__len__"):
            self.take(length_of(values) * steps)
        elif issubclass(kind, Iterator):
            return self.each(values, steps) if steps <= MANY else self._turns(values, steps)
        return values

    def _turns(self, values: Iterator[Any], steps: int) -> Iterator[Any]:
        for value in values:
            spend(self.ticks, steps)
            yield value

    def take(self, steps: int) -> None:
        spend(self.ticks, min(steps, sys.maxsize))

    def handed(self, values: Any) -> Any:
        """Return what is handed over argument by argument."""
        return self.turns(values, 1)

    def listed(self, values: Any) -> Any:
        """Return what a filter goes through as what can be gone through twice."""
        if not issubclass(type(values), Iterator):
            return values
        found = list(self.each(values))
        self.list_room(len(found))
        return found

    def number(self, value: Any) -> None:
        """Take the steps of writing or reading a number; a whole one grows to no more digits than can be printed."""
        kind = type(value)
        if kind is int:
            if (bits := value.bit_length()) > BITS:
                if bits > MAX_BITS:
                    raise TemplateError(
                        f"a number of more than {MAX_DIGITS:,} digits is made here", hint="make less of it"
                    )
                spend(self.ticks, bits // BITS)
        elif kind is Decimal:
            spend(self.ticks, CALL)

    def hashed(self, keys: Iterable[Any]) -> None:
        """Take the steps of looking for keys in a mapping, of which those that Python gives one place are gone through."""
        kept: dict[int, int] = {}
        for key in keys:
            if type(key) in _ALIKE:
                place = hash(key)
                kept[place] = before = kept.get(place, -1) + 1
                if before > MANY:
                    spend(self.ticks, before // MANY)

    def repeated(self, value: Any, times: int) -> None:
        """Take the steps of a text that may be gone through so many times."""
        if issubclass(type(value), str) and len(value) > SHORT:
            self.take(len(value) // CHARACTERS * times)

    def made(self, value: Any) -> Any:
        """Return what a filter or a call made, its steps taken."""
        kind = type(value)
        if issubclass(kind, str):
            if len(value) > SHORT:
                self.room(len(value))
        elif issubclass(kind, list | tuple | dict):
            self.list_room(len(value))
        elif kind in _LONG:
            self.number(value)
        return value

    def looked(self, value: Any) -> Any:
        """Return what is looked through, with all that is in it, the steps of that taken."""
        kind = type(value)
        if issubclass(kind, str):
            if len(value) > SHORT:
                spend(self.ticks, len(value) // CHARACTERS)
        elif issubclass(kind, list | tuple | dict | FrozenDict):
            spend(self.ticks, len(value))
            items = value.values() if issubclass(kind, dict | FrozenDict) else value
            kinds = set(map(type, items))
            if kinds == _TEXT:
                length = sum(map(len, items))
                if length > SHORT:
                    spend(self.ticks, length // CHARACTERS)
            elif kinds <= _SCALARS:
                bits = sum(each.bit_length() for each in items if type(each) is int) if int in kinds else 0
                if bits > BITS * len(value):
                    spend(self.ticks, bits // BITS)
            else:
                for each in items:
                    self.looked(each)
        elif issubclass(kind, Sequence | Mapping):  # a persona's own, whose texts are filled when they are reached
            spend(self.ticks, length_of(value))
        elif kind in _LONG:
            self.number(value)
        return value

    def held(self, value: Any) -> Any:
        """Return what is written as a list or a mapping; one that has others in it counts all that these hold."""
        inner = value.values() if type(value) is dict else value
        if type(value) is dict:
            self.hashed(value)
        return value if _NESTING.isdisjoint(map(type, inner)) else self.looked(value)

    def method(self, owner: Any, name: str, arguments: tuple[Any, ...]) -> None:
        """Take the steps of a method of a text or a list, before it is called."""
        if not issubclass(type(owner), str):
            if name in _SEARCHING:
                self.looked(owner)
            return
        text = owner
        length = len(text)
        if name in _PRODUCTS:
            length *= 1 + sum([len(each) for each in arguments if issubclass(type(each), str)])
        if length > SHORT:
            spend(self.ticks, length // (2 if name in _CUTTING else CHARACTERS))

    def each(self, values: Iterable[Any], steps: int = 2) -> Iterator[Any]:
        """Yield values, which something is done to: so many steps for each."""
        return map(_FIRST, zip(values, *[self.ticks] * steps))  # noqa: B905 - the ticks never end


def printed_again(caught: Any) -> list[Any]:
    """Return the pieces of what was caught, to be printed: their steps taken."""
    if len(caught.pieces) > PIECES:
        spend(running.get().ticks, len(caught.pieces) // PIECES)
    return ["", *caught.pieces, ""]


def spend(ticks: Iterator[None], steps: int) -> None:
    """Take so many steps."""
    any(islice(ticks, steps))  # all of them are None


def length_of(value: Sized) -> int:
    try:
        return len(value)
    except OverflowError:  # a range that is longer than any list
        return sys.maxsize


def exceeding(limits: Limits) -> Iterator[None]:
    """Return what comes after the last step of a run: the error, again and again."""
    return map(_exceeded, repeat(limits))


def _exceeded(limits: Limits) -> None:
    error = TemplateError(
        f"this run takes more than {limits.steps:,} steps: turns of loops, calls, and what they make",
        hint=f"loop over less, make less in a loop, or set {setting('steps')}",
    )
    error.limit = "steps"
    raise error


def too_large(what: str, length: int, unit: str, limits: Limits) -> TemplateError:
    error = TemplateError(
        f"{what} {length:,} {unit} is made here; at most {limits.size:,} are allowed",
        hint=f"make less, or set {setting('size')}",
    )
    error.limit = "size"
    return error


class Compiling:
    """What is left to the compiling of a registry's templates.

    What their sources have within braces was counted before, roughly (see `folders`): here it is met only by what hides.
    """

    __slots__ = ("_ticks",)

    def __init__(self, limits: Limits) -> None:
        self._ticks = chain(repeat(None, 3 * limits.template_tokens + _BUNDLED), map(_compiled, repeat(limits)))

    def each(self, tokens: Iterable[Any]) -> Iterator[Any]:
        for token in tokens:
            value = token[2]
            if type(value) is int and value >= LARGE:
                self.take(MANY + value.bit_length())
            self.take(1 + (len(value) // 4 if token[1] == "name" else 0))
            yield token

    def take(self, tokens: int) -> None:
        spend(self._ticks, tokens)


def _compiled(limits: Limits) -> None:
    error = TemplateError(
        f"the templates of this registry have more than {limits.template_tokens:,} names, constants and signs within braces",
        hint=f"write fewer, or set {setting('template_tokens')}",
    )
    error.limit = "template_tokens"
    raise error


class _Unbounded(Cost):
    """Outside of a run there is nothing to count."""

    __slots__ = ()

    def __init__(self) -> None:
        self.limits = Limits(size=sys.maxsize)
        self.names = frozenset()
        self.ticks = repeat(None)
        self.owed = 0


# Of the run that is under way in a thread.
running: ContextVar[Cost] = ContextVar("running", default=_Unbounded())  # noqa: B039 - nothing in it changes
