"""The Jinja2 environments that templates run in: strict, immutable, and the same on every run.

Templates are trusted to be the product's own, so this is no defence against a hostile author's cost; it keeps a
template to `persona` and `session`, and refuses what varies, pads or loops without bound, or reaches attributes by
name (see the README's decisions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.loaders import BaseLoader
from jinja2.runtime import BlockReference, Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from markupsafe import Markup

from .assembly import Data, Event, Pieces
from .errors import TemplateError
from .names import kind_of
from .session import Record, escape, printable
from .views import PersonaView, SessionView, Table, Texts

FILTERS = frozenset(
    [
        "abs",
        "batch",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "float",
        "forceescape",
        "groupby",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "select",
        "selectattr",
        "slice",
        "sort",
        "string",
        "striptags",
        "sum",
        "title",
        "trim",
        "truncate",
        "unique",
        "upper",
        "wordcount",
        "xml_attribute",
    ]
)
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
        "sameas",
        "sequence",
        "string",
        "true",
        "undefined",
        "upper",
    ]
)
GLOBALS: dict[str, object] = {"range": safe_range}

# What a template may ask of a value; methods that pad, format or translate are not among it.
_STR = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "isalnum",
        "isalpha",
        "isascii",
        "isdigit",
        "islower",
        "isupper",
        "lower",
        "lstrip",
        "removeprefix",
        "removesuffix",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
        "rsplit",
        "partition",
    ]
)
_MAPPING = frozenset(("get", "items", "keys", "values"))
_DATE = frozenset(
    ["day", "hour", "isoformat", "isoweekday", "microsecond", "minute", "month", "second", "weekday", "year", "date"]
)
_SEQUENCE = frozenset(("count", "index"))


class _CodeGenerator(CodeGenerator):
    """Yields what was printed as it is, apart from the template's own text, and marks where blocks begin and end."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible  # folding would run an expression at compile time, and hide it among the text
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(finalize.src)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")

    def visit_Block(self, node: nodes.Block, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if frame.toplevel and self.has_known_extends:
            return
        self.simple_write(repr((node.name, True)), frame)
        super().visit_Block(node, frame)
        self.simple_write(repr((node.name, False)), frame)


class _BlockReference(BlockReference):
    """`super()`, without the white space that the template writes at the two ends of the block."""

    def __call__(self) -> Pieces:
        return Pieces(_trimmed(list(self._stack[self._depth](self._context))))

    @property
    def super(self) -> BlockReference | Undefined:
        parent = super().super
        return parent if isinstance(parent, Undefined) else _own(parent)


class _Context(Context):
    def super(self, name: str, current: Callable[[Context], Iterator[str]]) -> BlockReference | Undefined:
        parent = super().super(name, current)
        return parent if isinstance(parent, Undefined) else _own(parent)


def _own(parent: BlockReference) -> _BlockReference:
    return _BlockReference(parent.name, parent._context, parent._stack, parent._depth)


def _trimmed(events: list[Event]) -> list[Event]:
    for index, strip in ((0, str.lstrip), (-1, str.rstrip)):
        while events and type(events[index]) is str:
            events[index] = strip(str(events[index]))
            if events[index]:
                break
            del events[index]
    return events


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of the plain and the markdown templates."""

    code_generator_class = _CodeGenerator
    context_class = _Context
    intercepted_binops = frozenset(("*", "**", "%", "+"))
    concat = staticmethod(Pieces)  # a str that keeps its events

    def __init__(self, loader: BaseLoader, *, autoescape: bool = False) -> None:
        super().__init__(
            loader=loader,
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            optimized=False,
            cache_size=-1,
            auto_reload=False,
            finalize=self.printed,
        )
        self.filters["xml_attribute"] = xml_attribute
        self.filters = {name: self.filters[name] for name in FILTERS if name in self.filters}
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS or not name.isalpha()}
        self.globals = dict(GLOBALS)

    def join_path(self, template: str, parent: str) -> str:
        """Return the full name of what a template calls another: a product's `markdown` may extend `markdown`."""
        return str(self.loader.chain[parent].uses[template])  # type: ignore[union-attr]  # the registry's own loader

    def printed(self, value: object) -> Data | Pieces:
        """Return the data of what a template prints; raises TemplateError for what may not be printed."""
        if type(value) is Pieces:
            return value
        text = printable(value)
        return (str.__str__(text) if text is not None else _unprintable(value),)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is SessionView:
            return self._variable(obj, attribute)
        if type(obj) is PersonaView:
            return obj.lookup(attribute)
        if isinstance(obj, Record | Table) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) is SessionView and isinstance(argument, str):
            return self._variable(obj, argument)
        if type(obj) is PersonaView and isinstance(argument, str):
            return obj.lookup(argument)
        return super().getitem(obj, argument)

    def _variable(self, session: SessionView, name: str) -> object:
        try:
            return session.lookup(name)
        except KeyError:
            return self.undefined(hint=session.absent(name), name=name)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _STR
        if isinstance(obj, Record | Table | dict):
            return attr in _MAPPING
        if isinstance(obj, date):
            return attr in _DATE
        if isinstance(obj, Texts | tuple | list):
            return attr in _SEQUENCE
        if isinstance(obj, int | float):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and not isinstance(left, int | float):
            return left + right
        for operand in (left, right):
            if not isinstance(operand, int | float) or abs(operand) > 10**9:
                raise TemplateError(
                    f"'{operator}' works on numbers up to 1,000,000,000 here, not on {kind_of(operand)}"
                )
        if operator == "**":
            raise TemplateError("'**' is not available in templates")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        return None  # `format` is refused by is_safe_attribute; jinja2 would hand out a wrapped one before it is asked


class XmlSandbox(Sandbox):
    """The environment of the xml templates: what is printed is escaped, but for the persona's own text."""

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(loader, autoescape=True)

    def printed(self, value: object) -> Data | Pieces:
        if type(value) is Pieces:
            return value
        if isinstance(value, Markup):
            return (str.__str__(value),)
        text = printable(value)
        return (escape(text) if text is not None else _unprintable(value),)


def _unprintable(value: object) -> str:
    if isinstance(value, Undefined):
        if type(value) is Undefined:  # an inline `if` without `else`
            return ""
        value._fail_with_undefined_error()
    if value is None:
        raise TemplateError("this prints null: nothing was given here", hint="test it first: {% if persona.company %}")
    if isinstance(value, PersonaView | SessionView):
        raise TemplateError("this prints an object", hint="print one of its fields, such as persona.name")
    if isinstance(value, Texts | list | tuple):
        raise TemplateError("this prints a list", hint="loop over it: {% for item in ... %}, or join it: |join(', ')")
    raise TemplateError(f"this prints {kind_of(value)}, which has no text of its own", hint="print a text or a number")


def xml_attribute(value: str) -> Markup:
    """Escape a text for an attribute in double quotes."""
    text = str.__str__(value) if isinstance(value, Markup) else escape(value)
    return Markup(text.replace('"', "&quot;"))


def unavailable(kind: str, name: str, known: Iterable[str]) -> str:
    """Say why a filter or test cannot be used."""
    if kind == "filter" and name in JINJA_FILTERS:
        return f"filter {name!r} is not available: it varies, pads without bound, or reaches into objects"
    return f"there is no {kind} {name!r}"
