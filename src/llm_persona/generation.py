"""What Jinja2 makes of a template's source: Python code that yields events (see `events`) and not texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import BlockReference, Context

from .events import Event, Pieces
from .parting import is_part


class Unfolded(CodeGenerator):
    """Writes every expression as it stands.

    Jinja2's own tries to work out what it can, and passes over whatever is raised meanwhile. What a signal handler
    raises would be lost, and leave the template's own text to be printed as data.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.optimizer = None

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if frame.require_output_check:
            if self.has_known_extends:
                return
            self.writeline("if parent_template is None:")
            self.indent()
        finalize = self._make_finalize()
        for is_own, parts in groupby(node.nodes, lambda part: isinstance(part, nodes.TemplateData)):
            if is_own:
                self.simple_write(repr("".join([part.data for part in parts])), frame)  # type: ignore[attr-defined]  # its text
                continue
            for part in parts:
                self.start_write(frame, part)
                self._output_child_pre(part, frame, finalize)
                self.visit(part, frame)
                self._output_child_post(part, frame, finalize)
                self.end_write(frame)
        if frame.require_output_check:
            self.outdent()


class Generator(Unfolded):
    """Yields what was printed as it is, apart from the template's own text, and marks where blocks begin and end."""

    _captured = False  # the block that is written now is called where a template catches what it prints

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(finalize.src)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        # What a filter gives back is data, as where it stands in an expression; around it is the template's white space.
        within = frame.inner()
        within.symbols.analyze_node(node)
        self.enter_frame(within)
        self.buffer(within)
        self.blockvisit(node.body, within)
        self.start_write(frame, node)
        self.write(f"environment.framed({within.buffer}, ")
        self.visit_Filter(node.filter, within)
        self.write(")")
        self.end_write(frame)
        self.leave_frame(within)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if node.node is not None:
            super().visit_Filter(node, frame)
            return
        with self._filter_test_common(node, frame, True):
            self.write(f"environment.captured({frame.buffer})")

    def visit_Block(self, node: nodes.Block, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if frame.toplevel and self.has_known_extends:
            return
        if is_part(node.name):
            self._visit_part(node)
            return
        self.simple_write(repr((node.name, True)), frame)
        self._captured = frame.buffer is not None
        super().visit_Block(node, frame)
        self._captured = False
        self.simple_write(repr((node.name, False)), frame)

    def _visit_part(self, node: nodes.Block) -> None:
        self.writeline("if context.streaming:", node)
        self.indent()
        self.writeline(f"yield ({node.name!r}, block_{node.name}, context)")
        self.outdent()
        self.writeline("else:")
        self.indent()
        self.writeline(f"yield from block_{node.name}(context)")
        self.outdent()

    def get_context_ref(self) -> str:
        reference = super().get_context_ref()
        return f"{reference}.capturing()" if self._captured else reference


class SuperReference(BlockReference):
    """`super()`, without the white space that the template writes at the two ends of the block."""

    def __call__(self) -> Pieces:
        environment = self._context.environment
        return environment.captured(self._stack[self._depth](self._context))  # type: ignore[attr-defined, no-any-return]  # a Sandbox

    @property
    def super(self) -> BlockReference | Undefined:
        parent = super().super
        return parent if isinstance(parent, Undefined) else own(parent)


class Start(NamedTuple):
    """Where the run of a template begins, and its blocks with those of the templates that were passed over."""

    root: Callable[[Context], Iterable[Any]]
    blocks: dict[str, list[Any]]
    whole: bool  # no more blocks come while it runs


class EventContext(Context):
    streaming = False  # what is yielded reaches the assembler one by one: parts may be left to it

    def seeing(self, names: dict[str, Any]) -> EventContext:
        """Return a context with the same blocks, and these names in the place of all others."""
        twin = EventContext(self.environment, names, self.name, {})
        twin.blocks, twin.streaming = self.blocks, self.streaming
        return twin

    def capturing(self) -> EventContext:
        """Return this context for where what is yielded is caught: parts are run there."""
        if not self.streaming:
            return self
        twin = copy(self)
        twin.streaming = False
        return twin

    def super(self, name: str, current: Callable[[Context], Iterator[str]]) -> BlockReference | Undefined:
        parent = super().super(name, current)
        return parent if isinstance(parent, Undefined) else own(parent)


def own(parent: BlockReference) -> SuperReference:
    context: EventContext = parent._context  # type: ignore[assignment]  # a Sandbox makes no other
    return SuperReference(parent.name, context.capturing(), parent._stack, parent._depth)


def trimmed(events: list[Event]) -> list[Event]:
    for index, strip in ((0, str.lstrip), (-1, str.rstrip)):
        while events and type(events[index]) is str:
            events[index] = strip(str(events[index]))
            if events[index]:
                break
            del events[index]
    return events


def white_ends(events: list[Event]) -> tuple[str, str]:
    """Return the white space that the template writes at the two ends of a block."""
    written = [event if type(event) is str else "x" for event in events]
    text = "".join(written)
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :] if text.strip() else ""
