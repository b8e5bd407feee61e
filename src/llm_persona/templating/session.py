"""Session values, made harmless before anything sees them.

Text from a session is folded to one line, so no value can add a line to a prompt; in an xml prompt it is escaped
when it is printed, so none can add a tag. `multiline` and `trusted` are the two ways out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from markupsafe import Markup

from ..errors import InvalidValueError
from ..frozen import FrozenDict
from ..kinds import Written, is_list, is_mapping, is_text, nothing, plain
from ..names import kind_of, shorten

MAX_DEPTH = 16  # lists and mappings inside one another
MAX_HELD = 200_000  # values that one variable holds, with all that these hold
MAX_BITS = 12_000  # of a whole number: about 4,000 digits; Python refuses to print much more
MAX_DIGITS = 4000  # of a whole number, and of a Decimal on either side of its point; Python refuses to print much more

# What Decimals are printed and worked out with, whatever the caller's thread has set: a persona says the same in each.
ARITHMETIC = Context(
    prec=28,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)

# Runs of what `str.splitlines` ends a line at, and of control characters; tabs are kept.
_FOLDED = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]+")
_REFUSED = re.compile("[\x00\ud800-\udfff]")


class Multiline(str):
    """A text whose lines are kept, each set off so that none passes for the template's own."""

    __slots__ = ()


class Trusted(str):
    """A text that is printed exactly as it is."""

    __slots__ = ()


def multiline(text: str) -> Multiline:
    """Mark session text whose line breaks are wanted, such as a ticket or a document.

    Each line is set off: `> ` in markdown templates, four spaces elsewhere; in xml templates it is escaped instead.
    Raises InvalidValueError for what is not a text.
    """
    return Multiline(_only_text(text, "multiline()"))


def trusted(text: str) -> Trusted:
    """Mark session text that is printed as it is, lines, tags and all: only for text that you wrote yourself.

    Raises InvalidValueError for what is not a text.
    """
    return Trusted(_only_text(text, "trusted()"))


class Family(NamedTuple):
    """How the templates over one bundled root set session text off: by a prefix on lines, or by escaping."""

    name: str
    prefix: str
    escapes: bool = False


PLAIN = Family("plain", "    ")
MARKDOWN = Family("markdown", "> ")
XML = Family("xml", "", escapes=True)


class SessionText(str):
    """Session text in an xml prompt: compares as it is, prints escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        return escape(self)


class Verbatim(Markup):
    """Text that an xml prompt prints as it is: the persona's own, or trusted. What is joined to it is escaped."""

    __slots__ = ()

    @classmethod
    def escape(cls, text: object) -> Verbatim:
        """Return a text as an xml prompt prints it."""
        if isinstance(text, Markup):
            return cls(text)
        return cls(escape(str(text)))


class Record(FrozenDict[object]):
    """A mapping handed to a template: `record.x` is always the entry x."""

    __slots__ = ()


class Session(NamedTuple):
    """The values of one call, ready for templates of one family."""

    values: dict[str, object]
    folded: tuple[str, ...]


def neutralise(given: Mapping[str, object], family: Family = PLAIN) -> Session:
    """Return the session's values as templates may see them; None counts as not given.

    A whole number has at most about 4,000 digits, a Decimal at most 4,000 on either side of its point. Raises
    InvalidValueError, naming the variable and never its value, for what cannot be taken.
    """
    values: dict[str, object] = {}
    folded: list[str] = []
    for name, value in given.items():
        if name[:1] == "_":
            raise InvalidValueError(
                f"session variable {shorten(name)!r} begins with '_'; such names are not for sessions"
            )
        if value is None:
            continue
        # What is printable has no line break, control character or surrogate.
        if type(value) is str and value.isprintable() and name != "extra_sections":
            values[name] = SessionText(value) if family.escapes else value
            continue
        neutral = _Neutraliser(name, family)
        kept = neutral.extra_sections(value) if name == "extra_sections" else neutral.value(value)
        if kept is not None:
            values[name] = kept
        if neutral.folded:
            folded.append(name)
    return Session(values, tuple(folded))


def at_once(family: Family, value: object) -> str | None:
    """Return the text that `neutralise` and `shown` make of a text or a number; None for what takes a closer look."""
    kind = type(value)
    if kind is str:
        return _folded(value)  # type: ignore[arg-type]  # a str
    if kind is int:
        return str(value) if value.bit_length() <= MAX_BITS else None  # type: ignore[attr-defined]  # an int
    if kind is Multiline:
        lines = [_folded(line) for line in value.splitlines()]  # type: ignore[attr-defined]  # a str
        return None if None in lines else _set_off(lines, family)  # type: ignore[arg-type]  # no None in it
    return None


def _folded(line: str) -> str | None:
    """Return a text as one line; None for one that no prompt can carry."""
    if line.isprintable():  # no line break, control character or surrogate
        return line
    return None if _REFUSED.search(line) else _FOLDED.sub(" ", line)


def _set_off(lines: Sequence[str], family: Family) -> str:
    return family.prefix + f"\n{family.prefix}".join(lines) if lines else ""


class _Neutraliser:
    __slots__ = ("_family", "_left", "_name", "folded")

    def __init__(self, name: str, family: Family) -> None:
        self._name = name
        self._family = family
        self._left = MAX_HELD
        self.folded = False

    def value(self, value: object, depth: int = 0) -> object:
        """Return a value as templates see it; None where it stands for nothing."""
        if type(value) not in self._EXACTLY:
            value = plain(value)
            if value is None:
                return None
            if issubclass(type(value), Enum):
                value = plain(value.value)  # type: ignore[attr-defined]  # an enum's
                if isinstance(value, bool) or not issubclass(type(value), str | int | float | Decimal):
                    raise self._refused("is an enum of neither text nor number")
        take = self._EXACTLY.get(type(value))
        if take is not None:
            return take(self, value)
        if is_text(value):
            return self.line(value)
        if is_list(value) or is_mapping(value):
            return self._nested(value, depth)
        return self._scalar(value)

    def as_it_is(self, text: str) -> str:
        if _REFUSED.search(text):
            raise self._unprintable(text)
        return Verbatim(str.__str__(text)) if self._family.escapes else str.__str__(text)

    def line(self, text: str) -> str:
        line = self._folded(str.__str__(text))
        return SessionText(line) if self._family.escapes else line

    def set_off(self, text: str) -> str:
        kept = _set_off([self._folded(line) for line in str.splitlines(text)], self._family)
        return SessionText(kept) if self._family.escapes else kept

    def _folded(self, line: str) -> str:
        kept = _folded(line)
        if kept is None:
            raise self._unprintable(line)
        self.folded |= kept != line
        return kept

    def extra_sections(self, value: object) -> Record | None:
        value = plain(value)
        if value is None:
            return None
        if not is_mapping(value):
            raise self._refused(f"must be a mapping of names to texts, not {kind_of(value)}")
        sections: dict[str, str] = {}
        for name, text in value.items():
            name, text = plain(name), plain(text)
            if not is_text(name) or not (text is None or is_text(text)):
                wrong = name if text is None or is_text(text) else text
                raise self._refused(f"must be a mapping of names to texts, and {kind_of(wrong)} in it is not a text")
            if text:
                line = self.line(name)
                kept = self.as_it_is(text) if type(text) is Trusted else self.set_off(text)
                sections[line] = self._both(sections[line], kept) if line in sections else kept
        return Record(sections)

    def _both(self, text: str, more: str) -> str:
        return Verbatim.escape(text) + "\n" + more if self._family.escapes else f"{text}\n{more}"

    def _nested(self, value: Any, depth: int) -> object:
        if depth >= MAX_DEPTH:
            raise self._refused(f"is nested more than {MAX_DEPTH} deep, or holds itself")
        depth += 1
        self._left -= len(value)
        if self._left < 0:
            raise self._refused(f"holds more than {MAX_HELD:,} values; pass what the prompt needs of them")
        if type(value) is not dict and is_list(value):
            return tuple([self._item(item, depth) for item in value])
        return Record.over({self._key(key): self._item(item, depth) for key, item in value.items()})

    def _item(self, value: object, depth: int) -> object:
        if type(value) is str and value.isprintable():
            return SessionText(value) if self._family.escapes else value
        return self._nested(value, depth) if type(value) is dict else self.value(value, depth)

    def _key(self, key: object) -> str:
        if type(key) is str and key.isprintable():
            return SessionText(key) if self._family.escapes else key
        key = plain(key)
        if not is_text(key):
            raise self._refused(f"holds a mapping with a key that is not a text but {kind_of(key)}")
        return self.line(key)

    def _scalar(self, value: object) -> object:
        # Subclasses are copied to the plain type: their own attributes and `str` could say anything.
        kind = type(value)
        if nothing(value) is not None:
            raise self._unusable(value)
        take = next((take for known, take in self._TAKEN if issubclass(kind, known)), None)
        if take is not None:
            return take(self, value)
        from uuid import UUID

        if issubclass(kind, UUID):
            return UUID(int=value.int)  # type: ignore[attr-defined]  # a UUID's
        raise self._refused(f"is {kind_of(value)}, which a session cannot hold; pass a text or a number")

    def _whole(self, number: int) -> int:
        if int.bit_length(number) > MAX_BITS:
            raise self._refused(f"is a number of more than about {MAX_DIGITS} digits")
        return int.__index__(number)

    def _float(self, number: float) -> float:
        if not math.isfinite(number):
            raise self._unusable(number)
        return number if type(number) is Written else float.__float__(number)

    def _decimal(self, number: Decimal) -> Decimal:
        if not Decimal.is_finite(number):
            raise self._unusable(number)
        _, _, exponent = Decimal.as_tuple(number)
        if Decimal.adjusted(number) >= MAX_DIGITS or exponent < -MAX_DIGITS:  # type: ignore[operator]  # it is finite
            raise self._refused(f"is a number of more than {MAX_DIGITS:,} digits before or after its point")
        return Decimal(number)

    def _time(self, time: datetime) -> datetime:
        return datetime.fromisoformat(datetime.isoformat(time))

    def _date(self, day: date) -> date:
        return date(day.year, day.month, day.day)

    _TAKEN: ClassVar[list[tuple[type, Callable[[Any, Any], object]]]] = [
        (int, _whole),
        (float, _float),
        (Decimal, _decimal),
        (datetime, _time),
        (date, _date),
    ]
    _EXACTLY: ClassVar[dict[type, Callable[[Any, Any], object]]] = {
        str: line,
        Multiline: set_off,
        Trusted: as_it_is,
        bool: lambda _, truth: truth,
        **dict(_TAKEN),
    }

    def _unprintable(self, text: str) -> InvalidValueError:
        found = _REFUSED.findall(text)[0]
        what = "NUL" if found == "\0" else f"a lone surrogate (U+{ord(found):04X})"
        return self._refused(f"holds {what}, which no prompt can carry")

    def _unusable(self, value: object) -> InvalidValueError:
        missing = nothing(value)
        said = "not a finite number" if missing is None else f"{missing}; pass None where nothing is given"
        return self._refused(f"is {said}")

    def _refused(self, why: str) -> InvalidValueError:
        return InvalidValueError(f"session variable {shorten(self._name)!r} {why}")


def escape(text: str) -> str:
    """Escape `&`, `<` and `>`, and nothing else: `O'Brien` stays O'Brien."""
    if "&" in text or "<" in text or ">" in text:
        return str.__str__(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text if type(text) is str else str.__str__(text)


def printable(value: object) -> str | None:
    """Return the text of a value that may be printed, or None for one that may not (bool, list, mapping, object)."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, Decimal):
        return ARITHMETIC.to_sci_string(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    from uuid import UUID

    return str(value) if isinstance(value, UUID) else None


def shown(value: object, *, escapes: bool) -> str | None:
    """Return the text of a value as a persona's text shows it, escaped for an xml prompt; None as `printable` does."""
    text = printable(value)
    if text is None or not escapes:
        return text
    marked = getattr(text, "__html__", None)
    return str.__str__(marked()) if marked is not None else escape(text)


def _only_text(text: object, what: str) -> str:
    text = plain(text)
    if not is_text(text):
        raise InvalidValueError(f"{what} takes a text, not {kind_of(text)}")
    return str.__str__(text)
