"""The filters and tests of templates: those of Jinja2 that neither vary, pad nor loop without bound.

What makes a text of a value takes only what may be printed, so that no object's address, `None` or `['a']` becomes
text by a detour. `Verbatim` text, which exists in xml templates only, stays so, and escapes what is joined to it.
"""

from __future__ import annotations

import decimal
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2 import filters as jinja
from markupsafe import Markup

from ..errors import TemplateError, let_through
from .cost import MANY, SHORT, running, spend
from .events import Pieces
from .messages import described, unprintable
from .session import ARITHMETIC, MAX_DIGITS, Record, SessionText, Verbatim, escape, printable
from .views import Lines, Table

MAX_PRECISION = 30  # digits
ROUNDING = ARITHMETIC.copy()
ROUNDING.prec = 2 * MAX_DIGITS  # drops no digit before the point

TESTS = frozenset(
    [
        "boolean",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "even",
        "false",
        "float",
        "ge",
        "greaterthan",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lessthan",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sequence",
        "string",
        "true",
        "undefined",
        "upper",
    ]
)


_TEXTS = frozenset((str, SessionText, Verbatim))


def text_of(value: object) -> str:
    """Return the text of a value that may be printed. Raises TemplateError or UndefinedError for any other."""
    if type(value) in _TEXTS:
        if len(value) > SHORT:  # type: ignore[arg-type]  # one of these
            running.get().looked(value)
        return value  # type: ignore[return-value]  # one of these
    if isinstance(value, Pieces):
        return value.tidied()
    if type(value) is Lines:
        return joined(value.pieces)
    if type(value) is Undefined:  # an inline `if` without `else`
        return ""
    running.get().number(value)
    text = printable(value)
    if text is not None and len(text) > SHORT:
        running.get().room(len(text))
    return unprintable(value) if text is None else text


def joined(parts: Iterable[object]) -> str:
    """Join what may be printed: what `~` does."""
    texts = [text_of(part) for part in parts]
    length = sum(map(len, texts))
    if length > SHORT:
        running.get().room(length)
    if any(isinstance(text, Markup) for text in texts):
        return Verbatim("".join([Verbatim.escape(text) for text in texts]))
    return "".join(texts)


def upper(value: object) -> str:
    return text_of(value).upper()


def lower(value: object) -> str:
    return text_of(value).lower()


def capitalize(value: object) -> str:
    return text_of(value).capitalize()


def title(value: object) -> str:
    text = text_of(value)
    running.get().method(text, "title", ())
    return type(text)(jinja.do_title(text)) if isinstance(text, Markup) else jinja.do_title(text)


def trim(value: object, chars: str | None = None) -> str:
    text = text_of(value)
    if chars is not None:
        running.get().method(text, "strip", (chars,))
    return text.strip(chars)


_TABLES = frozenset((Record, Table))


@pass_environment
def truncate(environment: Environment, value: object, *args: Any, **options: Any) -> str:
    return jinja.do_truncate(environment, text_of(value), *args, **options)


def indent(value: object, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Indent the lines of a text, all but the first and empty ones, by spaces or by a text."""
    text, cost = text_of(value), running.get()
    lines = text.count("\n")
    spend(cost.ticks, lines)
    if isinstance(width, int):
        cost.room(width)
    prefix = " " * width if isinstance(width, int) else text_of(width)
    cost.room(len(text) + lines * len(prefix))
    parts: list[str] = []
    for index, line in enumerate(text.split("\n")):
        parts += ["\n"] * bool(index) + [prefix] * bool((index or first) and (line or blank)) + [line]
    return joined(parts)


def replace(value: object, old: object, new: object, count: int = -1) -> str:
    text, found, by, cost = text_of(value), text_of(old), text_of(new), running.get()
    times = text.count(found) if count < 0 else min(count, text.count(found))
    cost.room(len(text) + times * (len(by) - len(found)))
    if not isinstance(by, Markup):
        return text.replace(found, by, count)
    spend(cost.ticks, times)
    parts: list[str] = []
    for part in text.split(found, count):
        parts += [by, part] if parts else [part]
    return joined(parts)


@pass_environment
def join(environment: Environment, value: Iterable[object], d: object = "", attribute: str | int | None = None) -> str:
    items = value if attribute is None else map(jinja.make_attrgetter(environment, attribute), value)
    parts: list[object] = []
    for item in items:
        parts += [item] if not parts else [d, item]
    return environment.joined(parts)  # type: ignore[attr-defined, no-any-return]  # a Sandbox


def sequence(value: Any) -> bool:
    try:
        len(value)
        value.__getitem__  # noqa: B018 - whether it has one
    except Exception as error:
        let_through(error)
        return False
    return True


def wordcount(value: object) -> int:
    return len(re.findall(r"\w+", text_of(value)))


def reverse(value: Any) -> Any:
    return text_of(value)[::-1] if isinstance(value, str) else list(value)[::-1]


def items(value: Any) -> Iterable[tuple[str, object]]:
    """Return the names and values of a mapping, each value when it is reached."""
    if isinstance(value, Undefined):
        unprintable(value)
    if type(value) not in _TABLES and not isinstance(value, Mapping):  # these are sooner known
        raise TemplateError(f"'items' takes a mapping, not {described(value)}")
    return value.items()  # type: ignore[no-any-return]  # a mapping


def rounded(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > MAX_PRECISION:
        raise TemplateError(f"round takes at most {MAX_PRECISION} digits")
    with decimal.localcontext(ROUNDING):
        return jinja.do_round(value, precision, method)


def calculating(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or a test that works Decimals out as every template does."""

    @functools.wraps(function)
    def calculated(*arguments: object, **options: object) -> object:
        with decimal.localcontext(ARITHMETIC):
            return function(*arguments, **options)

    return calculated


def xml_attribute(value: object) -> Verbatim:
    """Escape a text for an attribute in double quotes."""
    text = text_of(value)
    once = str.__str__(text) if isinstance(text, Markup) else escaped(text)
    if len(once) > SHORT:
        running.get().room(len(once) + 5 * once.count('"'))
    return Verbatim(once.replace('"', "&quot;"))


def _plain(filter_: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: str.__str__(filter_(value))


def escaped(text: str) -> str:
    """Escape a text as `escape` does, where there is room for it."""
    if len(text) > SHORT:
        running.get().room(len(text) + 4 * text.count("&") + 3 * (text.count("<") + text.count(">")))
    return escape(text)


def _escaped(value: object) -> Verbatim:
    text = text_of(value)
    return Verbatim(text) if isinstance(text, Markup) else Verbatim(escaped(text))


def _escaped_again(value: object) -> Verbatim:
    return Verbatim(escaped(text_of(value)))


_OWN: dict[str, Callable[..., Any]] = {
    "capitalize": capitalize,
    "indent": indent,
    "items": items,
    "join": join,
    "lower": lower,
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "string": text_of,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "upper": upper,
    "wordcount": wordcount,
}
_OF_JINJA = [
    "abs",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "int",
    "last",
    "length",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "select",
    "selectattr",
    "sort",
    "sum",
]
_ESCAPES: dict[str, Callable[[object], str]] = {
    "e": _escaped,
    "escape": _escaped,
    "forceescape": _escaped_again,
    "xml_attribute": xml_attribute,
}


@pass_environment
def summed(environment: Environment, value: Iterable[Any], attribute: str | int | None = None, start: Any = 0) -> Any:
    """Add up what is in a list; lists in it become one, in the time that it takes to read them."""
    items = value if attribute is None else map(jinja.make_attrgetter(environment, attribute), value)
    kind = type(start)
    if kind is not list and kind is not tuple:
        return sum(items, start)
    joined_, cost = [*start], running.get()
    for each in items:
        cost.list_room(len(joined_) + len(each) if isinstance(each, kind) else len(start + each))
        joined_ += each
    return kind(joined_)


@pass_environment
def unique(
    environment: Environment, value: Any, case_sensitive: bool = False, attribute: str | int | None = None
) -> Any:
    running.get().hashed(map(jinja.make_attrgetter(environment, attribute), value))
    return jinja.FILTERS["unique"](environment, value, case_sensitive, attribute)


_CALCULATED = {"abs": calculating(jinja.FILTERS["abs"]), "sum": calculating(summed)}
_ALL: dict[str, Callable[..., Any]] = {
    **{n: jinja.FILTERS[n] for n in _OF_JINJA},
    **_CALCULATED,
    "unique": unique,
    **_OWN,
    **_ESCAPES,
}

_ITEM_BY_ITEM = frozenset(("map", "reject", "rejectattr", "select", "selectattr"))  # look at each when it is asked for
_OF_LISTS = frozenset(("dictsort", "groupby", "join", "list", "max", "min", "reverse", "sort", "sum", "unique"))
_OF_ANY = frozenset(
    ("int", "float", "round", "abs")
)  # all others of texts ask `text_of`, and what makes longer ones asks for room
LOOKING = (  # tests that look at all of what they are given
    *("eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=", "in"),
    *("lower", "upper"),
)


def looking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test that takes the steps of looking through what it is given."""

    @functools.wraps(function)
    def looked(*values: Any) -> Any:
        cost = running.get()
        spend(cost.ticks, len(values))
        for value in values:
            cost.looked(value)
        return function(*values)

    return looked


def _weighed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that takes the steps of what it looks through, and of what it makes."""
    at = 1 if hasattr(function, "jinja_pass_arg") else 0  # where the value stands

    @functools.wraps(function)
    def looked(*arguments: Any, **named: Any) -> Any:
        value, cost = arguments[at] if len(arguments) > at else None, running.get()
        cost.looked(value)
        if isinstance(value, str):
            spend(cost.ticks, min(len(value), MAX_DIGITS) // MANY)
        return cost.made(function(*arguments, **named))

    @functools.wraps(function)
    def of_list(*arguments: Any, **named: Any) -> Any:
        cost = running.get()
        if len(arguments) <= at:
            return function(*arguments, **named)
        value = cost.listed(arguments[at])
        if isinstance(value, str):
            cost.list_room(len(value))
        cost.looked(value)
        cost.looked(value)  # and an attribute of each, or how it compares
        for other in (*arguments[at + 1 :], *named.values()):
            if isinstance(other, str) and isinstance(value, Sized):  # it may stand for each
                cost.repeated(other, len(value))
        return cost.made(function(*arguments[:at], value, *arguments[at + 1 :], **named))

    @functools.wraps(function)
    def item_by_item(*arguments: Any, **named: Any) -> Any:
        # Of nothing a filter asks nothing, not even whether what it is to do is there.
        value = arguments[at] if len(arguments) > at else None
        each = running.get().each(value) if value else value
        return function(*arguments[:at], each, *arguments[at + 1 :], **named)

    if name in _ITEM_BY_ITEM:
        return item_by_item
    return of_list if name in _OF_LISTS else looked if name in _OF_ANY else function


XML_FILTERS = {name: _weighed(name, function) for name, function in _ALL.items()}
FILTERS = XML_FILTERS | {name: _weighed(name, _plain(function)) for name, function in _ESCAPES.items()}
