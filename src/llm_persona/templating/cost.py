"""What a run of a template may cost, counted in one place: steps, and the size of what is made.

A step is a turn of a loop, a call, or about as much work as that; what a text or a list takes to make is weighed into
steps by its length. The steps of a run are an iterator of C, so that a loop counts its turns in the time of one
addition: whoever draws the last one meets the error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextvars import ContextVar
from itertools import chain, islice, repeat
from operator import itemgetter, length_hint
from typing import Any

from ..errors import TemplateError
from ..frozen import FrozenDict
from ..limits import Limits, setting

_BUNDLED = 10_000  # tokens, of the bundled templates and of texts between braces
MANY = 64  # pieces of a text that are gone through within its step
CALL = 8  # steps of a call of a macro or a block
SHORT = 256  # characters of a text that is made within its step
CHARACTERS = 64  # that are made in a step
_CUTTING = frozenset(("split", "rsplit", "splitlines"))  # methods of texts that make many small ones
_PRODUCTS = frozenset(("rsplit", "strip", "lstrip", "rstrip"))  # that may look for each character of one in another
_NESTING = frozenset((list, tuple, dict, str))
_TEXT = {str}
_SCALARS = frozenset((int, float, bool, type(None)))
_FIRST = itemgetter(0)


class Cost:
    """What is left to one run."""

    __slots__ = ("_left", "limits", "owed", "ticks")

    def __init__(self, limits: Limits, over: Iterator[None]) -> None:
        """`over` is what comes after the last step (see `exceeding`): it is the same for all runs."""
        self.limits = limits
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

    def made(self, value: Any) -> Any:
        """Return what a filter or a call made, its steps taken."""
        kind = type(value)
        if issubclass(kind, str):
            if len(value) > SHORT:
                self.room(len(value))
        elif issubclass(kind, list | tuple | dict):
            self.list_room(len(value))
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
            elif not kinds <= _SCALARS:
                for each in items:
                    self.looked(each)
        elif issubclass(kind, Sequence | Mapping):  # a persona's own, whose texts are filled when they are reached
            spend(self.ticks, length_of(value))
        return value

    def held(self, value: Any) -> Any:
        """Return what is written as a list or a mapping; one that has others in it counts all that these hold."""
        inner = value.values() if type(value) is dict else value
        return value if _NESTING.isdisjoint(map(type, inner)) else self.looked(value)

    def method(self, text: str, name: str, arguments: tuple[Any, ...]) -> None:
        """Take the steps of a method of a text, before it is called."""
        length = len(text)
        if name in _PRODUCTS:
            length *= 1 + sum([len(each) for each in arguments if issubclass(type(each), str)])
        if length > SHORT:
            spend(self.ticks, length // (4 if name in _CUTTING else CHARACTERS))

    def each(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield values, which a filter does something to: two steps for each."""
        return map(_FIRST, zip(values, self.ticks, self.ticks))  # noqa: B905 - the ticks never end


def printed_again(caught: Any) -> list[Any]:
    """Return the pieces of what was caught, to be printed: their steps taken."""
    if len(caught.pieces) > MANY:
        spend(running.get().ticks, len(caught.pieces) // 8)
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
        return map(_FIRST, zip(tokens, self._ticks))  # noqa: B905 - the ticks never end


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
        self.ticks = repeat(None)
        self.owed = 0


# Of the run that is under way in a thread.
running: ContextVar[Cost] = ContextVar("running", default=_Unbounded())  # noqa: B039 - nothing in it changes
