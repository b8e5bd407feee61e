"""The Jinja2 environments that templates run in: strict, immutable, and the same on every run.

They keep a template to `persona` and `session`, and refuse what varies, or reaches attributes by name; what a run may
cost is counted (see `cost`, and docs/decisions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, localcontext
from itertools import islice
from types import BuiltinMethodType
from typing import Any, cast

from jinja2 import StrictUndefined, Template, Undefined
from jinja2.environment import TemplateModule
from jinja2.exceptions import UndefinedError
from jinja2.loaders import BaseLoader
from jinja2.runtime import BlockReference, Context, LoopContext, TemplateReference
from markupsafe import Markup

from ..errors import TemplateError
from ..limits import DEFAULTS, Limits
from .assembly import Known
from .cost import CALL, PIECES, SHORT, Compiling, exceeding, printed_again, running, spend
from .events import Begin, End, Pieces, TemplateText, Watch, trimmed, white_ends
from .filters import FILTERS, LOOKING, TESTS, XML_FILTERS, calculating, escaped, joined, looking, sequence, text_of
from .generation import NOTHING_KNOWN, EventContext, Generator, Reached, Start, SuperReference, appending
from .jinja_internals import GroupTuple, OpenEnvironment, subject_of
from .messages import Unsaid, absent, described
from .session import ARITHMETIC, Record, Verbatim, escape
from .views import Lines, PersonaView, SessionView, Table, Texts

MAX_NUMBER = 10**9  # in arithmetic


def _numbers(*bounds: int) -> range:
    return range(*bounds)


GLOBALS: dict[str, object] = {"range": _numbers}

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
_LOOP = frozenset(
    [
        "changed",
        "cycle",
        "depth",
        "depth0",
        "first",
        "index",
        "index0",
        "last",
        "length",
        "nextitem",
        "previtem",
        "revindex",
        "revindex0",
    ]
)
ATTRIBUTES: list[tuple[type | tuple[type, ...], frozenset[str]]] = [
    (str, _STR),
    ((Record, Table, dict), _MAPPING),
    (date, _DATE),
    (GroupTuple, _SEQUENCE | {"grouper", "list"}),
    ((Texts, tuple, list, range), _SEQUENCE),
    (LoopContext, _LOOP),
    (BlockReference, frozenset(["super"])),
]


class XmlPieces(Pieces):
    """Pieces of an xml prompt: what is in them is escaped already."""

    def tidied(self) -> str:
        return Verbatim(super().tidied())


class Sandbox(OpenEnvironment):
    """The environment of the plain and the markdown templates."""

    code_generator_class = Generator
    context_class = EventContext
    intercepted_binops = frozenset(("*", "**", "%", "+", "-", "/", "//"))
    intercepted_unops = frozenset(("-", "+"))
    available: Mapping[str, Callable[..., Any]] = FILTERS
    concat = staticmethod(Pieces)  # a str that keeps its events
    joined: Callable[[Iterable[object]], Any] = staticmethod(joined)
    escapes = False
    running = running
    islice = islice
    written = staticmethod(TemplateText)
    begin = staticmethod(Begin)
    end = staticmethod(End)

    def __init__(self, loader: BaseLoader, limits: Limits = DEFAULTS, compiling: Compiling | None = None) -> None:
        # Nothing is left to Jinja2's escaping, which escapes quotes too and forgets the events of macros:
        # XmlSandbox escapes where it prints.
        super().__init__(
            loader=loader,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            optimized=False,
            cache_size=-1,
            auto_reload=False,
            finalize=self.printed,
        )
        self.limits = limits
        self.over = exceeding(limits)
        self.compiling = compiling or Compiling(limits)
        self.filters = dict(self.available)
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS or not name.isalpha()}
        self.tests |= {
            name: looking(calculating(cast(Any, self.tests[name]))) for name in ("divisibleby", "even", "odd")
        }
        self.tests |= {name: looking(cast(Any, self.tests[name])) for name in LOOKING if name in self.tests}
        self.tests |= {"defined": _defined, "undefined": lambda value: not _defined(value), "sequence": sequence}
        self.globals = dict(GLOBALS)
        self._starts: dict[str, Start] = {}

    def join_path(self, template: str, parent: str) -> str:
        """Return the full name of what a template calls another: a product's `markdown` may extend `markdown`."""
        return str(self.loader.chain[parent].uses[template])  # type: ignore[union-attr]  # the registry's own loader

    def tokens(self, tokens: Iterable[Any]) -> Iterator[Any]:
        return self.compiling.each(tokens)

    def generated(self, source: str) -> str:
        return appending(source)

    def run(self, compiled: Template, names: dict[str, Any], watch: Watch, known: Known) -> None:
        """Run a template with these names under a watch; `known` is what was found before of its parts."""
        start = self._starts.get(str(compiled.name))
        if start is None:
            start = self._starts[str(compiled.name)] = self._start(compiled)
        blocks = start.blocks if start.whole else {name: list(stack) for name, stack in start.blocks.items()}
        if not known.seen:
            known.seen, known = True, NOTHING_KNOWN
        watch.beginning = known.beginning
        way: Any = ()
        cost = running.get()
        if watch.beginning is not None:
            way = watch.beginning.steps[:]
            cost.owed = watch.beginning.spent
        elif known is not NOTHING_KNOWN and start.whole:
            way = Reached(watch)
        start.root(EventContext.of(start.context, names, blocks, watch, known, way, cost))
        if type(way) is Reached:
            known.beginning = way.beginning()

    def _start(self, compiled: Template) -> Start:
        """Return where a template begins: a parent's beginning, where all that it does is to give it blocks."""
        blocks: dict[str, list[Any]] = {}
        context = EventContext(self, {}, compiled.name, {})
        while True:
            for name, block in compiled.blocks.items():
                blocks.setdefault(name, []).append(block)
            parent = self.loader.parents[str(compiled.name)]  # type: ignore[union-attr]  # the registry's own loader
            if not parent:
                return Start(compiled.root_render_func, blocks, parent is None, context)
            compiled = self.get_template(parent, compiled.name)

    def captured(self, pieces: list[Any]) -> Any:
        """Return what a block wrote, without the white space that the template writes at its two ends."""
        return self.concat(trimmed(list(pieces)))

    def standing(self, pieces: list[Any]) -> list[Any]:
        """Return the pieces of a template that is included without what is around it: the same each time."""
        spend(running.get().ticks, CALL + len(pieces) // PIECES)
        return pieces

    def framed(self, pieces: list[Any], filtered: object) -> Any:
        """Return what the filter of a block gave, within the white space at the block's two ends."""
        lead, trail = white_ends(pieces)
        return self.concat([lead, *self.printed(filtered), trail])

    def printed(self, value: object) -> list[Any]:
        """Return the pieces that a template prints; raises TemplateError for what may not be printed.

        What was caught is data: the white space in it is not that of the block that it is printed in.
        """
        if type(value) is Lines:
            spend(running.get().ticks, len(value))
            return [piece for each in value.pieces for piece in self.printed(each)]
        if isinstance(value, Pieces):
            return printed_again(value)
        return [str.__str__(text_of(value))]

    @staticmethod
    def searched(holder: Any) -> Any:
        """Return what `in` is asked of."""
        return holder

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, SessionView | PersonaView):
            return obj.lookup(attribute)
        if isinstance(obj, Record | Table) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Pieces):
            obj = obj.tidied()
        return self._found(obj, attribute, super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str) and isinstance(obj, Record | Table) and argument in obj:
            return obj[argument]
        if isinstance(argument, str) and argument not in running.get().names:
            argument = Unsaid(argument)
        if isinstance(argument, str) and isinstance(obj, SessionView | PersonaView):
            return obj.lookup(argument)
        if isinstance(obj, Pieces):
            obj = obj.tidied()
        return self._found(obj, argument, super().getitem(obj, argument))

    def _found(self, obj: Any, name: object, found: Any) -> Any:
        if type(found) is BlockReference:
            return SuperReference.of(found)
        if isinstance(found, Undefined) and subject_of(found) is obj:
            entries = obj if isinstance(obj, Record | Table) and len(obj) <= _COMPARED else ()
            known = (*_attributes(obj), *entries)
            spend(running.get().ticks, 16 + 4 * len(known))
            return self.undefined(absent(obj, name, known), name=str(name), exc=UndefinedError)
        return found

    def absent_variable(self, message: str, name: str) -> Undefined:
        """Return what a template finds in the place of a session variable that is absent."""
        return self.undefined(hint=message, name=name)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, TemplateModule | TemplateReference):
            return not attr.startswith("_")
        return attr in _attributes(obj)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return joined((left, right))
        if operator == "+" and isinstance(left, _LISTS) and isinstance(right, _LISTS):
            running.get().list_room(len(left) + len(right))
            return [*left, *right]
        if operator == "**":
            raise TemplateError("'**' is not available in templates")
        if isinstance(left, Decimal) or isinstance(right, Decimal):
            if isinstance(left, float) or isinstance(right, float):
                raise TemplateError(
                    f"'{operator}' does not mix a Decimal and a float", hint="make one the other: |float"
                )
            return self._calculated(context, operator, left, right)
        if operator in _UNBOUND:
            running.get().number(left)
            running.get().number(right)
            return super().call_binop(context, operator, left, right)
        for operand in (left, right):
            if not isinstance(operand, int | float):
                hint = "join texts with '~'" if isinstance(left, str) or isinstance(right, str) else None
                raise TemplateError(f"'{operator}' works on numbers here, not on {described(operand)}", hint=hint)
            if abs(operand) > MAX_NUMBER:
                raise TemplateError(f"'{operator}' works on numbers up to {MAX_NUMBER:,} here")
        return super().call_binop(context, operator, left, right)

    def _calculated(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator in ("/", "//", "%") and right == 0:
            raise ZeroDivisionError  # a Decimal would tell it as an invalid operation
        with localcontext(ARITHMETIC):
            return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2
        if type(__obj) is not BuiltinMethodType and __self.is_safe_callable(__obj):
            return __context.call(__obj, *args, **kwargs)  # what a template wrote weighs what it makes by itself
        cost, owner = running.get(), getattr(__obj, "__self__", None)
        if owner is not None and type(owner) is not dict:
            cost.method(owner, __obj.__name__, args)
        return cost.made(super().call(__context, __obj, *args, **kwargs))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        running.get().number(arg)
        with localcontext(ARITHMETIC):
            return super().call_unop(context, operator, arg)

    def wrap_str_format(self, value: Any) -> Any:
        return None  # `format` is refused by is_safe_attribute; jinja2 would hand out a wrapped one before it is asked


class XmlSandbox(Sandbox):
    """The environment of the xml templates: what is printed is escaped, but for the persona's own text."""

    available = XML_FILTERS
    concat = staticmethod(XmlPieces)
    escapes = True

    def printed(self, value: object) -> list[Any]:
        if type(value) is Lines:
            return super().printed(value)
        if type(value) is not Verbatim and isinstance(value, Pieces):
            return printed_again(value)
        text = text_of(value)
        if isinstance(text, Markup):
            return [str.__str__(text)]
        return [escape(text) if len(text) <= SHORT else escaped(text)]


_COMPARED = 200  # names that may have been meant by another
_LISTS = (Texts, list, tuple)
_UNBOUND = frozenset(("-", "/", "//"))  # operators that make no number much longer


def _defined(value: object) -> bool:
    """Tell whether a value is there: by its type alone, of which a marker in its place can say nothing else."""
    return not issubclass(type(value), Undefined)


def _attributes(value: object) -> frozenset[str]:
    """Return what a template may ask of a value by name."""
    for kinds, names in ATTRIBUTES:
        if isinstance(value, kinds):
            return names
    from uuid import UUID  # only now: few sessions hold one

    return frozenset(["hex"]) if isinstance(value, UUID) else frozenset()
