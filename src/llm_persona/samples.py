"""Values that stand for session values of which only the names are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn


class Choices:
    """What a sample answers whenever a template asks it a question: always the same, but for one time."""

    __slots__ = ("made", "odd", "usual")

    def __init__(self, usual: bool, odd: int | None = None) -> None:
        self.usual = usual
        self.odd = odd
        self.made = 0

    def answer(self) -> bool:
        self.made += 1
        return self.usual != (self.made - 1 == self.odd)


def _no_method(self: Sample) -> NoReturn:
    raise AttributeError


class Sample(str):
    """A text that has every attribute and item, each a sample again, and answers every question by its choices.

    So a template that loops over `session.orders` and prints `order.title` runs without a single real order.
    """

    _choices: Choices

    # Names that an entry of a session's mapping may well have, before the text's own methods.
    count = format = index = title = property(_no_method)

    def _answer(self, _: object = None) -> bool:
        return self._choices.answer()

    def _same(self, *_: object, **__: object) -> Sample:
        return self

    def __iter__(self) -> Iterator[Sample]:
        yield self

    def __index__(self) -> int:
        return 1

    def __hash__(self) -> int:
        return str.__hash__(self)

    __bool__ = __contains__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _answer
    __getitem__ = __call__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __rfloordiv__ = __neg__ = __pos__ = __abs__ = __round__ = _same


def sample(text: str, choices: Choices) -> Sample:
    made = Sample(text)
    made._choices = choices
    return made


class Tagged(str):
    """A persona's text with a tag behind it, by which it is found in a prompt; compares as the text itself does."""

    _plain: str

    def __eq__(self, other: object) -> bool:
        return self._plain == (other._plain if isinstance(other, Tagged) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._plain)


def tagged(text: str, tag: str) -> Tagged:
    made = Tagged(str.__str__(text) + tag)
    made._plain = str.__str__(text)
    return made
