"""The filters and tests of templates: those of Jinja2 that neither vary, pad nor loop without bound.

What makes a text of a value takes only what may be printed, so that no object's address, `None` or `['a']` becomes
text by a detour. `Verbatim` text, which exists in xml templates only, stays so, and escapes what is joined to it.
"""

from __future__ import annotations

import decimal
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2 import filters as jinja
from markupsafe import Markup

from ..errors import TemplateError, let_through
from .events import Pieces
from .messages import described, unprintable
from .session import ARITHMETIC, MAX_DIGITS, Record, SessionText, Verbatim, escape, printable
from .views import Lines, Table

MAX_INDENT = 200  # characters
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
        return value  # type: ignore[return-value]  # one of these
    if isinstance(value, Pieces):
        return value.tidied()
    if type(value) is Lines:
        return joined(value.pieces)
    if type(value) is Undefined:  # an inline `if` without `else`
        return ""
    text = printable(value)
    return unprintable(value) if text is None else text


def joined(parts: Iterable[object]) -> str:
    """Join what may be printed: what `~` does."""
    texts = [text_of(part) for part in parts]
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
    return type(text)(jinja.do_title(text)) if isinstance(text, Markup) else jinja.do_title(text)


def trim(value: object, chars: str | None = None) -> str:
    return text_of(value).strip(chars)


_TABLES = frozenset((Record, Table))


@pass_environment
def truncate(environment: Environment, value: object, *args: Any, **options: Any) -> str:
    return jinja.do_truncate(environment, text_of(value), *args, **options)


def indent(value: object, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Indent the lines of a text, all but the first and empty ones, by spaces or by a text."""
    if isinstance(width, int) and width > MAX_INDENT:
        raise TemplateError(f"indent takes at most {MAX_INDENT} characters, not {width}")
    prefix = " " * width if isinstance(width, int) else text_of(width)
    parts: list[str] = []
    for index, line in enumerate(text_of(value).split("\n")):
        parts += ["\n"] * bool(index) + [prefix] * bool((index or first) and (line or blank)) + [line]
    return joined(parts)


def replace(value: object, old: object, new: object, count: int = -1) -> str:
    text, by = text_of(value), text_of(new)
    if not isinstance(by, Markup):
        return text.replace(text_of(old), by, count)
    parts: list[str] = []
    for part in text.split(text_of(old), count):
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
    escaped = str.__str__(text) if isinstance(text, Markup) else escape(text)
    return Verbatim(escaped.replace('"', "&quot;"))


def _plain(filter_: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: str.__str__(filter_(value))


def _escaped(value: object) -> Verbatim:
    return Verbatim.escape(text_of(value))


def _escaped_again(value: object) -> Verbatim:
    return Verbatim(escape(text_of(value)))


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
    "unique",
]
_ESCAPES: dict[str, Callable[[object], str]] = {
    "e": _escaped,
    "escape": _escaped,
    "forceescape": _escaped_again,
    "xml_attribute": xml_attribute,
}
_CALCULATED = {name: calculating(jinja.FILTERS[name]) for name in ("abs", "sum")}
XML_FILTERS: dict[str, Callable[..., Any]] = {
    **{n: jinja.FILTERS[n] for n in _OF_JINJA},
    **_CALCULATED,
    **_OWN,
    **_ESCAPES,
}
FILTERS = XML_FILTERS | {name: _plain(filter_) for name, filter_ in _ESCAPES.items()}
