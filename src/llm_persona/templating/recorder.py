"""The environments that templates are recorded in: those of `sandbox`, with an ear for markers.

They run the code that the sandbox compiled. Whatever a template does with a marker is left to the recording that the
marker is from; everything else is done as in a plain run.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from jinja2.runtime import BlockReference, Context, Macro

from .cost import running, spend
from .events import TemplateText, flat
from .jinja_internals import without_scope
from .markers import Machine, Marker, machine_of, marker_in
from .sandbox import Sandbox, XmlSandbox
from .views import Lines

# Filters that take a list for what it is; for all others one that stands for a text is that text.
OF_LISTS = frozenset(
    [
        "join",
        "length",
        "count",
        "list",
        "first",
        "last",
        "map",
        "select",
        "reject",
        "selectattr",
        "rejectattr",
        "sort",
        "unique",
        "reverse",
        "batch",
        "slice",
        "groupby",
        "sum",
        "min",
        "max",
        "default",
        "d",
        "tojson",
    ]
)

# Filters that put items in order or pick from them, and leave each as it is.
ARRANGING = frozenset(["sort", "unique", "min", "max", "dictsort"])


class Recorder(Sandbox):
    """The environment in which plain and markdown templates are recorded."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(cast(Any, sandbox.loader), sandbox.limits)
        self._now = threading.local()
        self.filters = {
            name: self._followed(name, each, "filter", None if name in OF_LISTS else self._as_text)
            for name, each in self.available.items()
        }
        self.tests = {
            name: each if name in ("defined", "undefined") else self._followed(name, cast(Any, each), "test")
            for name, each in self.tests.items()
        }

    def concat(self, pieces: Iterable[Any]) -> Any:  # what stands for values is no text yet
        kept = list(pieces)
        if all(type(piece) is str or type(piece) is TemplateText for piece in flat(kept)):
            return super().concat(kept)
        spend(running.get().ticks, len(kept))
        return self._now.machine.caught(kept, super().concat)

    def _followed(
        self, name: str, function: Callable[..., Any], kind: str, read: Callable[[object], object] | None = None
    ) -> Callable[..., Any]:
        """Return a filter or test that leaves to a marker's recording what becomes of it."""

        @functools.wraps(function)
        def followed(*arguments: Any, **named: Any) -> Any:
            if read is not None:
                arguments = tuple(map(read, arguments))
            marker = marker_in(*arguments, *named.values())
            if marker is not None:
                machine = machine_of(marker)
                return (machine.filter if kind == "filter" else machine.test)(name, function, arguments, named)
            if name in ARRANGING:  # the texts of a persona: nobody sees which are markers before they are reached
                return self._now.machine.arranged(function, arguments, named)
            return function(*arguments, **named)

        return followed

    @contextmanager
    def recording(self, machine: Machine) -> Iterator[None]:
        """Let what is caught within, in this thread, be of this recording."""
        before = getattr(self._now, "machine", None)
        self._now.machine = machine
        try:
            yield
        finally:
            self._now.machine = before

    def joined(self, parts: Iterable[object]) -> Any:
        parts = tuple(map(self._as_text, parts))
        marker = marker_in(*parts)
        return super().joined(parts) if marker is None else machine_of(marker).joined(self, parts)

    def _as_text(self, value: object) -> object:
        """Return what a list that stands for a text says, as one; any other value as it is."""
        return self.joined(list(value.pieces)) if type(value) is Lines else value

    def printed(self, value: object) -> Any:
        return machine_of(value).printed(self, value) if type(value) is Marker else super().printed(value)

    @staticmethod
    def searched(holder: Any) -> Any:
        return holder if type(holder) is Marker else _Searched(holder)

    def _found(self, obj: Any, name: object, found: Any) -> Any:
        return found if type(found) is Marker else super()._found(obj, name, found)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is Marker:
            return machine_of(obj).derive(super().getattr, obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        marker = obj if type(obj) is Marker else argument
        if type(marker) is Marker:
            return machine_of(marker).item(super().getitem, obj, argument)
        return super().getitem(obj, argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2
        spend(running.get().ticks, 3)
        named = without_scope(kwargs)
        marker = __obj if type(__obj) is Marker else None
        if marker is None and not isinstance(__obj, Macro | BlockReference):
            marker = marker_in(*args, *named.values())
        if marker is None:
            return super().call(__context, __obj, *args, **kwargs)
        return machine_of(marker).derive(functools.partial(super().call, __context), __obj, *args, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        marker = marker_in(left, right)
        if marker is None:
            return super().call_binop(context, operator, left, right)
        return machine_of(marker).operate(
            operator, functools.partial(super().call_binop, context, operator), left, right
        )

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        if type(arg) is Marker:
            return machine_of(arg).derive(functools.partial(super().call_unop, context, operator), arg)
        return super().call_unop(context, operator, arg)


class _Searched:
    """A text or a mapping that a template looks for a value in, which what stands for one cannot be looked up in."""

    __slots__ = ("_holder",)

    def __init__(self, holder: Any) -> None:
        self._holder = holder

    def __contains__(self, item: object) -> bool:
        holder = self._holder
        if type(item) is Marker and isinstance(holder, str):
            return bool(machine_of(item).derive(operator.contains, holder, item))
        if type(item) is Marker and isinstance(holder, Mapping):
            return any(name == item for name in holder)
        return item in holder


class XmlRecorder(Recorder, XmlSandbox):
    """The environment in which xml templates are recorded."""
