"""One run of a template, recorded in full: all that it says, for people who ask.

What was printed, from which source each part of it comes and which line of a template printed it; which questions were
asked of the session, and with which answers. Where values of the session are not known, a recording takes the answers
that it is told to.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from decimal import Decimal
from types import FrameType, MappingProxyType, MethodType
from typing import Any, NamedTuple, cast

from jinja2 import Environment, Undefined
from jinja2.runtime import Context, LoopContext

from ..errors import let_through
from ..templating.cost import length_of, running, spend
from ..templating.events import Pieces
from ..templating.filters import items as items_of
from ..templating.filters import text_of
from ..templating.jinja_internals import GroupTuple, running_at
from ..templating.markers import Machine, Marker, answered, defaulted, machine_of, token_of
from ..templating.recorder import ARRANGING
from ..templating.session import printable
from .facts import Facts, can_be_told
from .parts import BY_LETTER, Line, Part, Path, Printed, mixed, retraced, tidied_parts

MANY = 16  # parts of a text, beyond which each takes a step
FOLLOWED = 6  # steps of whatever is followed
ASKED = 8  # of a question, and as many of one that is new
MIN_TURNS = 2  # that the longest loop over a list of unknown length has
MAX_TOLD = 10  # turns of one whose length a template compares

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

# Those of them that take not any number or text beside what they are used on.
_PARTICULAR = frozenset(["truncate", "indent", "round"])

# What makes of a text one that says the same.
KEEPING_FILTERS = frozenset(["upper", "lower", "capitalize", "title", "trim", "indent", "string", "escape"])


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


class Recording(Machine):
    """One run: holds the values, answers for them, and writes down what was asked."""

    def __init__(self, answers: Mapping[object, Any] = MappingProxyType({}), turns: int = MIN_TURNS) -> None:
        self._told = answers
        self._turns = turns
        self._known: dict[object, Any] = {}
        self._places: Counter[int] = Counter()  # of what is known
        self._facts: dict[object, Facts] = {}
        self._lengths: dict[int, tuple[object, int]] = {}  # each with what it is of, which keeps its number
        self.asked: list[tuple[Asked, Any]] = []
        self.doubtful: list[Line | None] = []
        self.looked = False  # at what a text of the persona says, and not only at whether it is there

    # ---- markers

    def stand_for(
        self, value: Any, parts: tuple[Part, ...], *, of: frozenset[Path] | None = None, **more: Any
    ) -> Marker:
        steps = FOLLOWED + (len(parts) if len(parts) > MANY else 0) + self._length(more.get("how")) // MANY
        running.get().take(steps)
        if of is None:
            of = frozenset([part.path for part in parts if part.path is not None])
        return Marker(self, Token(value, parts, of=of, **more))

    def _length(self, how: object) -> int:
        """Return how much there is to look at in what a value is, to know a question again: all of it, each time."""
        if type(how) is not tuple:
            return 1
        known = self._lengths.get(id(how))
        if known is None:
            known = self._lengths[id(how)] = how, 1 + sum(map(self._length, how))
        return known[1]

    def variable(self, name: str, value: object, *, unknown: bool, wild: bool) -> Marker:
        """Return what stands for a variable of the session."""
        part = Part(len(printable(value) or ""), ("session", name), True, name)
        return self.stand_for(value, (part,), unknown=unknown, name=name, how=("session", name), wild=wild)

    def choose(self, what: object, *answers: Any) -> Any:
        """Return the answer to a question about what is not known: always the same in one run."""
        if what not in self._known:
            running.get().take(ASKED + self._met(hash(what)))
            answer = self._known[what] = self._told.get(what, answers[0])
            self.asked.append((Asked(what, answers), answer))
        return self._known[what]

    def _met(self, place: int) -> int:
        """Return how many questions were met that Python gives the same place: each new one is held against all."""
        self._places[place] += 1
        return self._places[place] - 1

    def _holds(self, how: object, facts: Facts, relation: str, constant: Any, likely: bool) -> bool:
        """Return whether a relation holds for a value, as far as what was told of it leaves that open."""
        running.get().take(len(facts) // MANY)
        possible = [holds for holds in (likely, not likely) if facts.allow(relation, constant, holds)]
        if len(possible) == 1:
            return possible[0]
        holds = bool(self.choose((relation, how, type(constant), constant), *(possible or [likely])))
        facts.tell(relation, constant, holds)
        return holds

    def _length_of(self, token: Token) -> Facts:
        """Return what was told of the length of a list or a text; no text that is given is empty."""
        least = int(isinstance(token.value, str) and token.name is not None and not token.wild)
        return self._facts.setdefault(("length", token.how), Facts(whole=True, least=least))

    def _is_longer(self, token: Token, length: int) -> bool:
        """Return whether a list or a text has more than so many items."""
        if not token.unknown or token.sized:
            return len(token.value) > length
        if isinstance(token.value, list | tuple) and not token.value:
            return False
        likely = len(token.value) > length
        return self._holds(("length", token.how), self._length_of(token), "gt", length, likely)

    def _of_value(self, token: Token) -> Facts | None:
        """Return what was told of a text or a number that is not known; None where that is not kept."""
        value = token.value
        if not token.unknown or not can_be_told(value) or (token.wild and not isinstance(value, str)):
            return None
        if isinstance(value, float) and token.name is None:
            return None  # what is worked out may be no number, which is neither above nor below any
        if type(token.how) is tuple and token.how[0] == "length":
            return self._facts.setdefault(token.how, Facts(whole=True, least=0))
        return self._facts.setdefault(token.how, Facts(whole=isinstance(value, int)))

    def _settled(self, value: Any) -> Any:
        """Return what stands for a value, and for the only one that it can be where its recording was told so."""
        if type(value) is not Marker:
            return value
        token = token_of(value)
        facts = self._facts.get(token.how) if token.unknown and token.how is not None else None
        if facts is None or facts.value is None:
            return value
        kind = type(token.value)
        known = facts.value if isinstance(facts.value, str) else facts.value.numerator
        if not isinstance(facts.value, str) and (not isinstance(token.value, int) or facts.value.denominator != 1):
            known = float(facts.value) if isinstance(token.value, float) else Decimal(known) / facts.value.denominator
        return Marker(self, token._replace(value=kind(known), unknown=False, wild=False))

    def _look(self, *tokens: Token) -> None:
        """Note that it is asked what texts say; the names of sections and defaults of variables are known without."""
        for token in tokens:
            if not (type(token.how) is tuple and token.how[0] == "name"):
                self.looked |= any(path[0] not in ("session", "variables") for path in token.of)

    def ask(self, kind: str, marker: Marker, other: object = None) -> bool:
        tokens = [token_of(each) for each in (marker, other) if type(each) is Marker]
        if kind != "bool" or not _is_field(tokens[0]):
            self._look(*tokens)
        marker, other = self._settled(marker), self._settled(other)
        tokens = [token_of(each) for each in (marker, other) if type(each) is Marker]
        running.get().take(ASKED)
        how = (kind, *map(_how, (marker, other)))
        value = tokens[0].value
        if kind != "bool":
            for token in tokens:
                running.get().looked(token.value)
        try:
            answer = answered(kind, value, actual(other))
        except TypeError:
            if not any(token.wild for token in tokens):
                raise
            return bool(self.choose(how, True, False))
        if not any(token.unknown for token in tokens) or not _is_open(kind, tokens[0], other):
            return answer
        told = self._told_before(kind, tokens[0], other, answer)
        return bool(self.choose(how, answer, not answer)) if told is None else told

    def _told_before(self, kind: str, token: Token, other: object, answer: bool) -> bool | None:
        """Return what was told of a value where a question is about it and a constant; None where it is about more."""
        value = token.value
        if kind == "bool" and isinstance(value, str | list | tuple) and not token.wild:
            return self._is_longer(token, 0)
        if type(other) is Marker:
            if token_of(other).unknown:
                return None
            other = token_of(other).value
        facts = self._of_value(token)
        if kind == "bool" and not isinstance(value, str):
            other, kind, answer = (True, "eq", answer) if isinstance(value, bool) else (0, "ne", answer)
        is_alike = isinstance(value, str) == isinstance(other, str) and isinstance(value, bool) == isinstance(
            other, bool
        )
        if facts is None or not is_alike or not can_be_told(other):
            return None
        if isinstance(other, str):
            if kind not in ("eq", "ne"):
                return None
            if not token.wild and not self._length_of(token).allow_value(len(other)):
                return kind == "ne"
        if kind == "ne":
            return not self._holds(token.how, facts, "eq", other, not answer)
        return self._holds(token.how, facts, kind, other, answer)

    def count(self, marker: Marker) -> int:
        token = token_of(marker)
        self._look(token)
        length = len(token.value)
        if not token.unknown or token.sized or not (token.wild or isinstance(token.value, list | tuple)):
            return length
        if not length:
            return 0
        facts = self._length_of(token)
        if facts.value is not None:
            return int(facts.value)
        told = [constant + step for constant in facts.constants() for step in (0, 1) if constant < MAX_TOLD]
        lengths = [each for each in dict.fromkeys((1, 0, self._turns, *told)) if facts.allow_value(each)]
        count = int(self.choose(("count", token.how), *lengths)) if lengths else 0
        facts.tell("eq", count, True)
        return count

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
        items, is_mapping = list(token.value), isinstance(token.value, Mapping)
        for index in range(self.count(marker)):
            value = items[index % len(items)]
            yield self._of(token, value, ("name" if is_mapping else "item", index, token.how))

    def _of(self, token: Token, value: Any, how: object, parts: tuple[Part, ...] | None = None) -> Any:
        """Return what stands for a value that was made of another."""
        if value is None or isinstance(value, Undefined):
            return value
        if isinstance(value, bool) and not token.unknown:
            return value
        if type(value) is GroupTuple:  # always a pair
            return GroupTuple(*[self._of(token, each, (how, index)) for index, each in enumerate(value)])
        if parts is None:
            parts = mixed(token.parts, value)
        return self.stand_for(value, parts, unknown=token.unknown, whole=False, how=how, of=token.of, wild=token.wild)

    def derive(self, function: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """Return what a function makes of values, some of which are markers."""
        arguments = tuple(map(self._settled, arguments))
        if len(arguments) > 1 and type(arguments[1]) is Marker and token_of(arguments[1]).unknown:
            names = getattr(arguments[0], "__self__", None)
            if isinstance(names, Mapping) and getattr(arguments[0], "__name__", "") == "get":
                return function(arguments[0], self._key(arguments[1], names), *arguments[2:], **named)
        held = None if named else _mapping_asked(arguments)
        if held is not None:
            pairs = self._items(held)
            kind = token_of(arguments[0]).value.__name__  # type: ignore[arg-type]  # a marker
            return pairs if kind == "items" else [pair[kind == "values"] for pair in pairs]
        tokens = list(_tokens((*arguments, *named.values())))
        self._look(*tokens)
        if any(token.unknown for token in tokens) and _may_fail(arguments):
            self.doubt()
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
        if unknown and callable(value) and not isinstance(value, Undefined):
            return self.stand_for(value, parts, unknown=True, how=how, of=of, wild=whole.wild)
        return self._of(whole, value, how)

    def operate(self, operator: str, function: Callable[..., Any], left: object, right: object) -> Any:
        """Return what arithmetic makes of two values; whether a number is zero is a question of who divides by it."""
        left, right = self._settled(left), self._settled(right)
        if operator in ("/", "//", "%") and type(right) is Marker and token_of(right).unknown:
            is_number = isinstance(token_of(right).value, int | float | Decimal)
            if is_number and not self.ask("bool", right):
                right = 0
            elif is_number and token_of(right).value == 0:
                right = 1
        return self.derive(function, left, right)

    def item(self, function: Callable[..., Any], holder: object, key: object) -> Any:
        """Return an item; where it may not be there for other values, that is a question."""
        holder, key = self._settled(holder), self._settled(key)
        token = token_of(holder) if type(holder) is Marker else None
        self._look(*_tokens((holder, key)))
        where = (_how(holder), _how(key))
        if token is not None and token.unknown and type(key) is int and isinstance(token.value, str | list | tuple):
            if not token.wild and not self._is_longer(token, key if key >= 0 else -key - 1):
                return function(type(token.value)(), key)
            long = (token.value or "x") * (abs(key) + 1) if abs(key) < MAX_TOLD else token.value
            holder = Marker(self, token._replace(value=long))
        elif token is not None and type(key) is Marker and _is_name_in(token_of(key), token):
            names = list(token.value)
            index = cast("tuple[Any, ...]", token_of(key).how)[1]
            return self._of(token, token.value[names[index % len(names)]], ("value", index, token.how))
        elif token is not None and token.unknown and isinstance(actual(key), int):
            if not token.wild and not self.choose(("item", *where), True, False):
                return function(type(token.value)(), actual(key))
        elif type(key) is Marker and token_of(key).unknown and isinstance(actual(holder), Mapping):
            key = self._key(key, actual(holder))
            return self.derive(function, holder, key) if key in actual(holder) else function(actual(holder), key)
        elif (
            (type(key) is Marker and token_of(key).unknown)
            and isinstance(actual(holder), Sequence)
            and not self.choose(("item", *where), True, False)
        ):
            return function(actual(holder), len(actual(holder)))
        return self.derive(function, holder, key)

    def _key(self, key: Marker, names: Mapping[Any, Any]) -> Any:
        """Return the name of a mapping that a value is, or one that the mapping does not have."""
        for name in names:
            if self.ask("eq", key, name):
                return name
        missing = actual(key)
        while missing in names:
            missing = f"{missing}?"
        return missing

    def doubt(self) -> None:
        """Note that something is done here that may fail for other values."""
        self.doubtful.append(place_now(sys._getframe(2)))

    # ---- what the environment asks

    def filter(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> Any:
        if name in ARRANGING and _is_arrangeable(arguments):
            return self.arranged(function, arguments, named)
        if name in _APART and not any(type(each) is Marker for each in (*arguments, *named.values())):
            return function(*arguments, **named)  # a list with markers in it
        arguments = tuple(map(self._settled, arguments))
        if name in ("length", "count") and len(arguments) == 1 and type(arguments[0]) is Marker:
            token = token_of(arguments[0])
            if token.sized:
                return self._of(token._replace(unknown=False), len(token.value), ("length", token.how))
            if token.unknown and not token.wild and isinstance(token.value, str | list | tuple):
                self._look(token)
                self._length_of(token)
                return self._of(token, len(token.value), ("length", token.how))
        if name in ("first", "last") and type(arguments[-1]) is Marker and len(arguments) < 3:
            token = token_of(arguments[-1])
            if isinstance(token.value, str) and token.unknown and not token.wild and not self._is_longer(token, 0):
                return function(*arguments[:-1], "")
        arguments = tuple(map(self._of_length, arguments))
        value = next((each for each in arguments if type(each) is Marker), None)
        if name in ("default", "d") and type(arguments[0]) is Marker:
            return defaulted(*arguments, **named)
        if name == "items" and value is not None:
            return self._items(value)
        if name == "dictsort" and value is not None and isinstance(token_of(value).value, Mapping):
            function(*map(actual, arguments), **{key: actual(each) for key, each in named.items()})
            return self._items(value)
        if name in ("int", "float") and value is not None and (odd := self._odd_number(name, token_of(value))):
            return self.stand_for(odd, token_of(value).parts, unknown=True, how=("odd", odd, _how(value)))
        tokens = list(_tokens((*arguments, *named.values())))
        if name not in TOTAL_FILTERS:
            risky = tokens
        else:
            others = [*arguments[_first(arguments) + 1 :], *named.values()]
            risky = list(_tokens(others)) if name in _PARTICULAR else []
        if any(token.unknown for token in risky):
            self.doubt()
        if name not in KEEPING_FILTERS or len(tokens) > 1 or (name == "trim" and (named or len(arguments) > 1)):
            self._look(*tokens)
        made = self._derived(tokens, function, arguments, named)
        if type(made) is not Marker:
            return made
        if name in _CHOOSING:
            return self._some(made, arguments[1])
        return self._retraced(made, name, function, arguments, named) if len(tokens) == 1 else made

    def _retraced(
        self,
        made: Marker,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> Marker:
        """Return what a filter made of one text, with the parts that it is from where they can be told."""
        at, token = _first(arguments), token_of(made)
        if not (isinstance(token.value, str) and type(arguments[at]) is Marker):
            return made
        before = token_of(arguments[at])
        parts = retraced(
            lambda text: function(*arguments[:at], text, *arguments[at + 1 :], **named),
            text_of(before.value) if isinstance(before.value, str) else "",
            before.parts,
            token.value,
            by_letter=name in BY_LETTER,
        )
        return made if parts is None else Marker(self, token._replace(parts=parts))

    def _some(self, made: Marker, chosen_from: object) -> Marker:
        """Return what stands for those of a list that a filter chooses: all of them, or none."""
        token, whole = token_of(made), actual(chosen_from)
        if not token.unknown or token.wild or not isinstance(whole, list | tuple):
            return made
        count = self.choose(("chosen", token.how), *dict.fromkeys((len(whole), 0)))
        return Marker(self, token._replace(value=list(whole)[:count], sized=True, how=("chosen", count, token.how)))

    def arranged(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Return what a filter makes of items that it puts in order or picks from: each remains what it is."""
        at = _first(arguments)
        if type(arguments[at]) is not Marker and issubclass(type(arguments[at]), Sized):
            spend(running.get().ticks, FOLLOWED * length_of(arguments[at]))
        items = _Items(self, arguments[at])
        found = function(*arguments[:at], items, *arguments[at + 1 :], **named)
        if isinstance(found, Iterator):
            return map(items.again, found)
        return [items.again(each) for each in found] if items.is_several(found) else items.again(found)

    def looked_at(self, item: object) -> bool:
        """Note that it is asked what an item says; tell whether that is known."""
        tokens = list(_tokens((item,)))
        self._look(*tokens)
        return not any(token.unknown for token in tokens)

    def unsure(self, item: object) -> object:
        """Return what stands for an item that may be in the place of another."""
        if type(item) is not Marker:
            return tuple(map(self.unsure, item)) if isinstance(item, tuple) else item
        token = token_of(item)
        return Marker(self, token._replace(unknown=True, name=None, how=("moved", token.how)))

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
        if name in ("true", "false") and len(arguments) == 1 and type(arguments[0]) is Marker:
            is_bool = isinstance(token_of(arguments[0]).value, bool)
            return is_bool and self.ask("bool", arguments[0]) == (name == "true")
        if (kind := _COMPARED.get(name)) and len(arguments) == 2 and type(arguments[0]) is Marker and not named:
            return self.ask(kind, arguments[0], arguments[1])
        arguments = tuple(map(self._settled, arguments))
        if name == "divisibleby" and len(arguments) == 2 and type(arguments[1]) is Marker:
            token = token_of(arguments[1])
            if token.unknown and isinstance(token.value, int) and not self.ask("bool", arguments[1]):
                arguments = (arguments[0], 0)
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
        return mixed(token_of(part).parts if type(part) is Marker else (), text)

    def caught(self, pieces: list[Any], concat: Callable[[list[Any]], str]) -> Marker:
        """Return what stands for the text of a macro, a set block or `super()`."""
        kept = concat(pieces)
        parts = tuple(tidied_parts(pieces))
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
            parts = mixed(parts, text)
        printed = Printed(text)
        printed.parts, printed.name, printed.whole, printed.unknown = parts, token.name, token.whole, token.unknown
        printed.of = token.of
        printed.line = place_now(sys._getframe(2))
        return [printed]


class _Items:
    """Items for a filter that puts them in order or picks from them: what they are, and each again for what it gives."""

    def __init__(self, recording: Recording, items: Any) -> None:
        self._recording = recording
        self._items = items
        self._known = True
        self._given: dict[int, deque[tuple[object, object]]] = {}  # by what the filter saw, which is kept with it

    def _seen(self, items: Any) -> Iterator[Any]:
        for item in items:  # each when it is reached, as in a run
            self._known &= self._recording.looked_at(item)
            value = actual(item)
            self._given.setdefault(id(value), deque()).append((value, item))
            yield value

    def __iter__(self) -> Iterator[Any]:
        return self._seen(self._items)

    def items(self) -> Iterator[Any]:
        return self._seen(self._items.items())

    def is_several(self, found: object) -> bool:
        return type(found) is list and id(found) not in self._given

    def again(self, value: object) -> object:
        """Return the item that was given as this value: of several, the first that is left, as no filter swaps them."""
        given = self._given.get(id(value))
        if not given:
            return value
        item = given.popleft()[1]
        return item if self._known else self._recording.unsure(item)


_OF_KINDS = frozenset(
    [
        "defined",
        "undefined",
        "boolean",
        "callable",
        "float",
        "integer",
        "iterable",
        "mapping",
        "none",
        "number",
        "sequence",
        "string",
    ]
)


_COMPARED = {
    **{kind: kind for kind in ("eq", "ne", "lt", "le", "gt", "ge")},
    "equalto": "eq",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "lessthan": "lt",
    "<=": "le",
    ">": "gt",
    "greaterthan": "gt",
    ">=": "ge",
}

# Filters that only take a list apart, and leave what is in it as it is.
_APART = frozenset(["first", "last", "list", "map", "reverse", "select", "reject", "length", "count", "items", "join"])
_CHOOSING = frozenset(["select", "reject", "selectattr", "rejectattr"])
_LARGE = 10**12  # beyond what templates calculate with


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


def _first(arguments: Sequence[object]) -> int:
    """Return which argument of a filter is what it is used on: some take the environment before it."""
    return int(issubclass(type(arguments[0]), Environment))  # a marker has no class


def _is_arrangeable(arguments: Sequence[object]) -> bool:
    """Tell whether the markers of a filter are in a list of texts that nobody named: any of them may be in any place."""
    items = arguments[_first(arguments)]
    if type(items) is not list:
        return False
    tokens = [*_tokens(items)]
    return len(tokens) == len([*_tokens(arguments)]) and not any(
        token.unknown and (token.wild or token.name is not None or not isinstance(token.value, str)) for token in tokens
    )


def _how(value: object) -> object:
    if type(value) is Marker:
        return token_of(value).how
    if isinstance(value, dict):
        return tuple((_how(name), _how(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_how, value))
    if isinstance(value, Environment | Context):
        return type(value)  # another one in every run
    if isinstance(value, LoopContext):  # likewise
        return LoopContext, value.depth0, value.index0
    if isinstance(value, MethodType):
        return value.__name__, _how(value.__self__)
    try:
        hash(value)
    except TypeError:
        return type(value), repr(value)
    return type(value), value


def _may_fail(arguments: Sequence[object]) -> bool:
    """Tell whether a call is of a method that fails for some values: `index`, where there is none; `split`, by nothing."""
    name = getattr(actual(arguments[0]), "__name__", "") if arguments else ""
    if name in ("index", "rindex"):
        return True
    given = arguments[1:]
    return name in ("split", "rsplit", "partition", "rpartition") and any(token.unknown for token in _tokens(given))


def _called(function: Callable[..., Any]) -> object:
    return getattr(function, "__qualname__", None) or getattr(function, "func", function).__class__


def _mapping_asked(arguments: Sequence[object]) -> Marker | None:
    """Return what stands for the mapping whose items, keys or values a call asks for."""
    if len(arguments) != 1 or type(arguments[0]) is not Marker:
        return None
    token = token_of(arguments[0])
    held = getattr(token.value, "__self__", None) if callable(token.value) else None
    if not isinstance(held, Mapping) or token.value.__name__ not in ("items", "keys", "values"):
        return None
    return Marker(machine_of(arguments[0]), token._replace(value=held, how=token.how[1]))


def _is_name_in(key: Token, holder: Token) -> bool:
    """Tell whether a key is one that a loop over this mapping gave."""
    return type(key.how) is tuple and key.how[0] == "name" and key.how[2:] == (holder.how,)


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


def place_now(frame: FrameType | None) -> Line | None:
    """Return the line of the template that is running innermost."""
    found = running_at(frame)
    return None if found is None else Line(*found)
