"""One run of a template, recorded in full: all that it says, for people who ask.

What was printed, from which source each part of it comes and which line of a template printed it; which questions were
asked of the session, and with which answers. Where values of the session are not known, a recording takes the answers
that it is told to.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import FrameType, MappingProxyType
from typing import Any, NamedTuple, cast

from jinja2 import Undefined

from ..errors import let_through
from ..templating.events import Pieces, flat
from ..templating.filters import items as items_of
from ..templating.markers import Marker, answered, defaulted, token_of
from ..templating.session import printable

Path = tuple[str | int, ...]
MAX_TURNS = 2  # of a loop over a list of unknown length

# What a filter or a method makes of any text, without failing: a text, a number or a list.
TOTAL_FILTERS = frozenset(
    [
        "upper",
        "lower",
        "capitalize",
        "title",
        "trim",
        "replace",
        "default",
        "d",
        "length",
        "count",
        "e",
        "escape",
        "forceescape",
        "xml_attribute",
        "indent",
        "string",
        "wordcount",
        "reverse",
        "list",
        "first",
        "last",
        "int",
        "float",
        "join",
        "truncate",
        "items",
        "unique",
        "sort",
        "map",
        "dictsort",
        "round",
        "abs",
        "sum",
        "min",
        "max",
        "batch",
        "slice",
        "select",
        "reject",
        "selectattr",
        "rejectattr",
        "groupby",
    ]
)

# What makes of a text one that says the same.
KEEPING_FILTERS = frozenset(["upper", "lower", "capitalize", "title", "trim", "indent", "string", "escape"])


class Part(NamedTuple):
    """A part of a text: its length, the persona's field or the session's variable that it is from, and whether a value
    of the session is in it, of which variable. None where several are mixed, or none is known."""

    length: int
    path: Path | None
    session: bool
    variable: str | None = None


class Line(NamedTuple):
    """A line of a template, by the template's full name."""

    template: str
    number: int


class Printed(str):
    """A text that a template printed: the parts that it consists of, and the line that printed it."""

    __slots__ = ("line", "name", "of", "parts", "unknown", "whole")
    of: frozenset[Path]  # all sources that it was made of
    unknown: bool  # worked out from values of which only the kind is known
    parts: tuple[Part, ...]
    line: Line | None
    name: str | None  # the variable of the session that it is, printed by the template itself
    whole: bool  # a text as its author wrote it; else what a filter or another text made of it


class Token(NamedTuple):
    """What a marker stands for. `unknown` where it is worked out from values of which only the kind is known."""

    value: Any
    parts: tuple[Part, ...]
    unknown: bool = False
    name: str | None = None  # of the variable that it is
    whole: bool = True
    how: object = None  # what it is, to know a question again
    of: frozenset[Path] = frozenset()  # all sources that it was made of
    wild: bool = False  # of any kind: whatever fails for one might do for another
    sized: bool = False  # a list whose length is known


class Asked(NamedTuple):
    """A question of a template about what is not known, and the answers that it may get."""

    what: object
    answers: tuple[Any, ...]


class Recording:
    """One run: holds the values, answers for them, and writes down what was asked."""

    def __init__(self, answers: Mapping[object, Any] = MappingProxyType({})) -> None:
        self._told = answers
        self._known: dict[object, Any] = {}
        self.asked: list[tuple[Asked, Any]] = []
        self.doubtful: list[Line | None] = []
        self.looked = False  # at what a text of the persona says, and not only at whether it is there

    # ---- markers

    def stand_for(
        self, value: Any, parts: tuple[Part, ...], *, of: frozenset[Path] | None = None, **more: Any
    ) -> Marker:
        if of is None:
            of = frozenset([part.path for part in parts if part.path is not None])
        return Marker(self, Token(value, parts, of=of, **more))

    def variable(self, name: str, value: object, *, unknown: bool, wild: bool) -> Marker:
        """Return what stands for a variable of the session."""
        part = Part(len(printable(value) or ""), ("session", name), True, name)
        return self.stand_for(value, (part,), unknown=unknown, name=name, how=("session", name), wild=wild)

    def choose(self, what: object, *answers: Any) -> Any:
        """Return the answer to a question about what is not known: always the same in one run."""
        if what not in self._known:
            answer = self._known[what] = self._told.get(what, answers[0])
            self.asked.append((Asked(what, answers), answer))
        return self._known[what]

    def _look(self, *tokens: Token) -> None:
        """Note that it is asked what texts say; the names of sections and defaults of variables are known without."""
        for token in tokens:
            if not (type(token.how) is tuple and token.how[0] == "name"):
                self.looked |= any(path[0] not in ("session", "variables") for path in token.of)

    def ask(self, kind: str, marker: Marker, other: object = None) -> bool:
        tokens = [token_of(each) for each in (marker, other) if type(each) is Marker]
        if kind != "bool" or not _is_field(tokens[0]):
            self._look(*tokens)
        how = (kind, *map(_how, (marker, other)))
        value = tokens[0].value
        try:
            answer = answered(kind, value, actual(other))
        except TypeError:
            if not any(token.wild for token in tokens):
                raise
            return bool(self.choose(how, True, False))
        if not any(token.unknown for token in tokens) or not _is_open(kind, tokens[0], other):
            return answer
        return bool(self.choose(how, answer, not answer))

    def count(self, marker: Marker) -> int:
        token = token_of(marker)
        self._look(token)
        length = len(token.value)
        if not token.unknown or token.sized or not (token.wild or isinstance(token.value, list | tuple)):
            return length
        return int(self.choose(("len", _how(marker)), *dict.fromkeys((min(length, 1), 0, min(length, 1) * MAX_TURNS))))

    def _of_length(self, value: Any) -> Any:
        """Return what stands for a list of a length that is chosen, for a filter to see."""
        if type(value) is not Marker:
            return value
        token = token_of(value)
        if not token.unknown or token.sized or token.wild or not isinstance(token.value, list | tuple):
            return value
        items = list(token.value)
        chosen = [items[index % len(items)] for index in range(self.count(value))]
        return Marker(self, token._replace(value=chosen, sized=True, how=("sized", len(chosen), token.how)))

    def each(self, marker: Marker) -> Iterator[object]:
        token = token_of(marker)
        items = list(token.value)
        for index in range(self.count(marker)):
            value = items[index % len(items)]
            yield self._of(token, value, ("item", index, token.how))

    def _of(self, token: Token, value: Any, how: object, parts: tuple[Part, ...] | None = None) -> Any:
        """Return what stands for a value that was made of another."""
        if value is None or isinstance(value, Undefined):
            return value
        if isinstance(value, bool) and not token.unknown:
            return value
        if parts is None:
            parts = _mixed(token.parts, value)
        return self.stand_for(value, parts, unknown=token.unknown, whole=False, how=how, of=token.of, wild=token.wild)

    def derive(self, function: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """Return what a function makes of values, some of which are markers."""
        tokens = list(_tokens((*arguments, *named.values())))
        self._look(*tokens)
        return self._derived(tokens, function, arguments, named)

    def _derived(
        self, tokens: Sequence[Token], function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]
    ) -> Any:
        wild = next((token for token in tokens if token.wild), None)
        try:
            value = function(*map(actual, arguments), **{name: actual(each) for name, each in named.items()})
        except Exception as error:
            let_through(error)
            if wild is None:
                raise
            value = wild.value
        if type(value) is Marker:
            return value
        if isinstance(value, Undefined) and wild is not None:
            value = wild.value
        if isinstance(value, Iterator):
            value = list(value)
        unknown = any(token.unknown for token in tokens)
        how = (_called(function), *map(_how, arguments), *((name, _how(each)) for name, each in named.items()))
        if isinstance(value, bool) and unknown:
            return bool(self.choose(how, value, not value))
        of = frozenset().union(*(token.of for token in tokens))
        parts = tuple(part for token in tokens for part in token.parts)
        whole = Token(value, parts, unknown, of=of, wild=wild is not None)
        if unknown and callable(value):
            return self.stand_for(value, parts, unknown=True, how=how, of=of, wild=whole.wild)
        return self._of(whole, value, how)

    def operate(self, operator: str, function: Callable[..., Any], left: object, right: object) -> Any:
        """Return what arithmetic makes of two values; whether a number is zero is a question of who divides by it."""
        if operator in ("/", "//", "%") and type(right) is Marker and token_of(right).unknown:
            is_number = isinstance(token_of(right).value, int | float | Decimal)
            if is_number and self.choose(("zero", _how(right)), False, True):
                right = 0
            elif is_number and token_of(right).value == 0:
                right = 1
        return self.derive(function, left, right)

    def item(self, function: Callable[..., Any], holder: object, key: object) -> Any:
        """Return an item; where it may not be there for other values, that is a question."""
        token = token_of(holder) if type(holder) is Marker else None
        self._look(*_tokens((holder, key)))
        where = (_how(holder), _how(key))
        if token is not None and token.unknown and isinstance(actual(key), int):
            there = token.wild or (isinstance(token.value, str) and token.name is not None and actual(key) in (0, -1))
            if not there and not self.choose(("item", *where), True, False):
                return function(type(token.value)(), actual(key))
        elif type(key) is Marker and token_of(key).unknown and isinstance(actual(holder), Mapping):
            found = self.choose(("key", *where), *actual(holder), _NONE)
            if found is not _NONE:
                return self.derive(function, holder, found)
            missing = actual(key)
            while missing in actual(holder):
                missing = f"{missing}?"
            return function(actual(holder), missing)
        elif (
            (type(key) is Marker and token_of(key).unknown)
            and isinstance(actual(holder), Sequence)
            and not self.choose(("item", *where), True, False)
        ):
            return function(actual(holder), len(actual(holder)))
        return self.derive(function, holder, key)

    def doubt(self) -> None:
        """Note that something is done here that may fail for other values."""
        self.doubtful.append(place_now(sys._getframe(2)))

    # ---- what the environment asks

    def filter(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> Any:
        if name in _APART and not any(type(each) is Marker for each in (*arguments, *named.values())):
            return function(*arguments, **named)  # a list with markers in it
        arguments = tuple(map(self._of_length, arguments))
        value = next((each for each in arguments if type(each) is Marker), None)
        if name in ("default", "d") and type(arguments[0]) is Marker:
            return defaulted(*arguments, **named)
        if name == "items" and value is not None:
            return self._items(value)
        if name in ("int", "float") and value is not None and (odd := self._odd_number(name, token_of(value))):
            return self.stand_for(odd, token_of(value).parts, unknown=True, how=("odd", odd, _how(value)))
        tokens = list(_tokens((*arguments, *named.values())))
        if name not in TOTAL_FILTERS and any(token.unknown for token in tokens):
            self.doubt()
        if name not in KEEPING_FILTERS or len(tokens) > 1 or (name == "trim" and (named or len(arguments) > 1)):
            self._look(*tokens)
        return self._derived(tokens, function, arguments, named)

    def _odd_number(self, name: str, token: Token) -> float | None:
        """Choose whether a text is one that Python takes for a number with which hardly anything can be done."""
        if not token.unknown or not isinstance(token.value, str):
            return None
        odd = (_LARGE, math.inf) if name == "float" else (_LARGE,)
        return cast("float | None", self.choose(("number", name, token.how), None, *odd))

    def _items(self, marker: Marker) -> Any:
        token = token_of(marker)
        if not isinstance(token.value, Mapping):
            return self.derive(items_of, marker)
        pairs = [(k, v) for k, v in token.value.items()]
        count = self.count(self.stand_for(pairs, token.parts, unknown=token.unknown, how=("items", token.how)))
        return [
            (
                self._of(token, pairs[i % len(pairs)][0], ("name", i, token.how)),
                self._of(token, pairs[i % len(pairs)][1], ("value", i, token.how)),
            )
            for i in range(count)
        ]

    def test(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> bool:
        answer = bool(function(*map(actual, arguments), **{key: actual(each) for key, each in named.items()}))
        if name not in _OF_KINDS:
            self._look(*_tokens((*arguments, *named.values())))
        if name in _OF_KINDS or not any(token.unknown for token in _tokens((*arguments, *named.values()))):
            return answer
        return bool(self.choose((name, *map(_how, arguments)), answer, not answer))

    def joined(self, environment: Any, parts: tuple[object, ...]) -> Marker:
        value = environment.joined(map(actual, parts))
        found = [self._joined(environment, part) for part in parts]
        unknown = any(token.unknown for token in _tokens(parts))
        if sum(part.length for each in found for part in each) != len(value):
            return cast(Marker, self.derive(lambda *them: environment.joined(them), *parts))  # escaping made it longer
        how = ("~", *map(_how, parts))
        of = frozenset().union(*(token.of for token in _tokens(parts)))
        parted = tuple(part for each in found for part in each)
        return self.stand_for(value, parted, unknown=unknown, how=how, of=of)

    def _joined(self, environment: Any, part: object) -> tuple[Part, ...]:
        text = environment.joined((actual(part),))
        if type(part) is Marker and sum(each.length for each in token_of(part).parts) == len(text):
            return cast("tuple[Part, ...]", token_of(part).parts)
        return _mixed(token_of(part).parts if type(part) is Marker else (), text)

    def caught(self, pieces: list[Any], concat: Callable[[list[Any]], str]) -> Marker:
        """Return what stands for the text of a macro, a set block or `super()`."""
        kept = concat(pieces)
        parts = tuple(part for piece in flat(pieces) for part in _parts_of(piece))
        made_of = [piece for piece in pieces if type(piece) is Printed]
        unknown = any(piece.unknown for piece in made_of)
        of = frozenset().union(*(piece.of for piece in made_of))
        return self.stand_for(kept, parts, unknown=unknown, how=("caught", str.__str__(kept)), of=of)

    def printed(self, environment: Any, marker: Marker) -> list[Any]:
        token = token_of(marker)
        if isinstance(token.value, Pieces):
            return ["", *token.value.pieces, ""]
        (text,) = environment.printed(token.value)
        parts = token.parts
        if sum([part.length for part in parts]) != len(text):
            parts = _mixed(parts, text)
        printed = Printed(text)
        printed.parts, printed.name, printed.whole, printed.unknown = parts, token.name, token.whole, token.unknown
        printed.of = token.of
        printed.line = place_now(sys._getframe(2))
        return [printed]


_OF_KINDS = frozenset(
    [
        "defined",
        "undefined",
        "boolean",
        "callable",
        "false",
        "float",
        "integer",
        "iterable",
        "mapping",
        "none",
        "number",
        "sequence",
        "string",
        "true",
    ]
)


# Filters that only take a list apart, and leave what is in it as it is.
_APART = frozenset(["first", "last", "list", "map", "reverse", "select", "reject", "length", "count", "items", "join"])
_LARGE = 10**12  # beyond what templates calculate with
_NONE = "\0"  # no key of a mapping


def actual(value: object) -> Any:
    """Return the value that a marker stands for, also in lists and mappings."""
    if type(value) is Marker:
        return token_of(value).value
    if isinstance(value, list | tuple) and any(
        type(each) is Marker or isinstance(each, list | tuple | dict) for each in value
    ):
        return type(value)([actual(each) for each in value]) if type(value) in (list, tuple) else value
    if isinstance(value, dict) and not isinstance(value, Pieces):
        return {actual(name): actual(each) for name, each in value.items()}
    return value


def _tokens(values: Sequence[object]) -> Iterator[Token]:
    for value in values:
        if type(value) is Marker:
            yield token_of(value)
        elif isinstance(value, list | tuple):
            yield from _tokens(value)
        elif isinstance(value, dict):
            yield from _tokens([*value.values()])


def _how(value: object) -> object:
    if type(value) is Marker:
        return token_of(value).how
    if isinstance(value, dict):
        return tuple((_how(name), _how(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_how, value))
    try:
        hash(value)
    except TypeError:
        return type(value), repr(value)
    return type(value), value


def _called(function: Callable[..., Any]) -> object:
    return getattr(function, "__qualname__", None) or getattr(function, "func", function).__class__


def _is_field(token: Token) -> bool:
    return type(token.how) is tuple and token.how[0] == "field"


def _is_open(kind: str, token: Token, other: object) -> bool:
    """Tell whether other values of the kind could have another answer."""
    is_text = isinstance(token.value, str)
    sampled = token.name is not None and is_text and not token.wild
    if kind == "bool":
        return not sampled  # no text that is given is empty
    if kind in ("eq", "ne") and sampled:
        return type(other) is Marker or (isinstance(other, str) and other != "")
    return True


def _mixed(parts: Sequence[Part], value: object) -> tuple[Part, ...]:
    """Return one part for all that a value was made of."""
    length = len(value) if isinstance(value, str) else len(printable(value) or "")
    made_of = [part for part in parts if part.length or len(parts) == 1]
    paths, variables = {part.path for part in made_of}, {part.variable for part in made_of if part.session}
    path = paths.pop() if len(paths) == 1 else None
    variable = variables.pop() if len(variables) == 1 else None
    return (Part(length, path, any(part.session for part in parts), variable),)


def _parts_of(piece: object) -> tuple[Part, ...]:
    if type(piece) is Printed:
        return piece.parts
    return (Part(len(str(piece)), None, False),)


def place_now(frame: FrameType | None) -> Line | None:
    """Return the line of the template that is running innermost."""
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return Line(str(template.name), line_of(template, frame.f_lineno))
        frame = frame.f_back
    return None


def line_of(template: Any, generated: int) -> int:
    """Return the line of a template that a line of its code was made of; Jinja2's own look-up parses its table each time."""
    table = template.__dict__.get("line_table")
    if table is None:
        table = template.line_table = sorted((made, line) for line, made in template.debug_info)
    index = bisect_right(table, (generated, sys.maxsize)) - 1
    return int(table[index][1]) if index >= 0 else 1
