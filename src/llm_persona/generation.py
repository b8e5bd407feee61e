"""What Jinja2 makes of a template's source: Python code that yields events (see `assembly`) and not texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import BlockReference, Context

from .assembly import Event, Pieces


class Generator(CodeGenerator):
    """Yields what was printed as it is, apart from the template's own text, and marks where blocks begin and end."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible  # folding would run an expression at compile time, and hide it among the text
        return super()._output_child_to_const(node, frame, finalize)

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
        self.simple_write(repr((node.name, True)), frame)
        super().visit_Block(node, frame)
        self.simple_write(repr((node.name, False)), frame)


class SuperReference(BlockReference):
    """`super()`, without the white space that the template writes at the two ends of the block."""

    def __call__(self) -> Pieces:
        environment = self._context.environment
        return environment.captured(self._stack[self._depth](self._context))  # type: ignore[attr-defined, no-any-return]  # a Sandbox

    @property
    def super(self) -> BlockReference | Undefined:
        parent = super().super
        return parent if isinstance(parent, Undefined) else own(parent)


class EventContext(Context):
    def super(self, name: str, current: Callable[[Context], Iterator[str]]) -> BlockReference | Undefined:
        parent = super().super(name, current)
        return parent if isinstance(parent, Undefined) else own(parent)


def own(parent: BlockReference) -> SuperReference:
    return SuperReference(parent.name, parent._context, parent._stack, parent._depth)


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
