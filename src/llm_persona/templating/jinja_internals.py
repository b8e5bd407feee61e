"""What is private in Jinja2 and used here, each use with the release that it was read in.

No other module asks Jinja2 for a name that begins with `_`, or counts on the words of the code that it writes. When what
was read changes, a test of this module fails: read it again there, and mend it here.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import groupby
from types import CodeType, FrameType, TracebackType
from typing import Any, NoReturn

from jinja2 import Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import _GroupTuple as GroupTuple  # 3.1.6: the pairs of `groupby`
from jinja2.parser import Parser
from jinja2.runtime import BlockReference, Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["GroupTuple"]  # and all that is defined here

# 3.1.6: how the code that is written for `include` says what a template prints where it is given no context.
PRINTED_ALONE = "template._get_default_module()._body_stream"


class OpenEnvironment(ImmutableSandboxedEnvironment):
    """An environment that hands over the tokens and the code of each template."""

    def tokens(self, tokens: Iterable[Any]) -> Iterator[Any]:
        """Return the tokens of a template's source, all but the first, as they are to be parsed."""
        return iter(tokens)

    def generated(self, source: str) -> str:
        """Return the code of a template, as it is to be compiled."""
        return source

    def _tokenize(self, source: str, name: str | None, filename: str | None = None, state: str | None = None) -> Any:
        # 3.1.6: every parser gets its tokens here, and the stream takes them from an iterator of its own.
        stream = super()._tokenize(source, name, filename, state)
        stream._iter = self.tokens(stream._iter)
        return stream

    def _generate(self, source: nodes.Template, *args: Any, **options: Any) -> str:
        # 3.1.6: what is compiled is the text that this returns.
        return self.generated(super()._generate(source, *args, **options))

    def _compile(self, source: str, filename: str) -> CodeType:
        try:
            return super()._compile(source, filename)
        except SyntaxError as error:
            # Its line is one of generated code. 3.1.6: that ends with the pairs `template line=generated line`.
            pairs = re.findall(r"(\d+)=(\d+)", source[source.rfind("debug_info = ") :])
            line = max((int(line) for line, made in pairs if int(made) <= (error.lineno or 0)), default=1)
            raise SyntaxError(error.msg, (filename, line, None, None)) from None


class Unfolded(CodeGenerator):
    """Writes every expression as it stands.

    Jinja2's own tries to work out what it can, and passes over whatever is raised meanwhile. What a signal handler
    raises would be lost, and leave the template's own text to be printed as data.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.optimizer = None  # 3.1.6: asked by every method that is marked `optimizeconst`

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        # 3.1.6: as Jinja2's own, which works out constants here whether there is an optimizer or not.
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

    def filtering(self, node: nodes.Filter, frame: Frame) -> AbstractContextManager[None]:
        """Write the call of a filter around what is written within."""
        return self._filter_test_common(node, frame, True)  # 3.1.6: of `visit_Filter` and `visit_Test`


def read_directly(source: str, roots: Iterable[str]) -> str:
    """Return generated code that looks up what every template is given as attributes of the context."""
    return re.sub(rf"resolve\('({'|'.join(roots)})'\)", r"context.\1", source)  # 3.1.6: as `enter_frame` writes it


def calling_parents(source: str) -> str:
    """Return generated code that calls the template that it extends, where it would hand on what that yields."""
    # 3.1.6: as `visit_Template` writes it
    return source.replace("yield from parent_template.root_render_func", "return parent_template.root_render_func")


def subject_of(undefined: Undefined) -> object:
    """Return what was asked for that which it does not have."""
    return undefined._undefined_obj  # 3.1.6: set by `__init__`, and by that alone


def fail(undefined: Undefined) -> NoReturn:
    """Raise what using this raises."""
    undefined._fail_with_undefined_error()  # 3.1.6: what all operators of Undefined are


class OpenReference(BlockReference):
    """`super()` in a template."""

    @classmethod
    def of(cls, other: BlockReference) -> BlockReference:
        """Return a reference of this class to what another one refers to. 3.1.6: as `super` makes them."""
        return cls(other.name, other._context, other._stack, other._depth)

    @property
    def context(self) -> Any:
        """The context that the block runs in."""
        return self._context

    @property
    def block(self) -> Callable[[Context], Any]:
        """The code of the block that is called. 3.1.6: at this place among those of its name."""
        return self._stack[self._depth]


def without_scope(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a template wrote. 3.1.6: generated code adds what a loop or a block has set."""
    return {name: value for name, value in named.items() if name not in ("_loop_vars", "_block_vars")}


def running_at(frame: FrameType | None) -> tuple[str, int] | None:
    """Return the template that is running innermost, by its name, and its line; None where none is."""
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")  # 3.1.6: set by `Template._from_namespace`
        if template is not None:
            return str(template.name), _line_of(template, frame.f_lineno)
        frame = frame.f_back
    return None


def ran_last(error: BaseException) -> tuple[str, int] | None:
    """Return the template and the line that ran last before an error, or where it began to call itself without end."""
    ran = [each for each in _walk(error.__traceback__) if "__jinja_template__" in each.tb_frame.f_globals]
    if not ran:
        return None
    last = ran[-1]
    if isinstance(error, RecursionError):
        # Where Python's limit strikes depends on how deep the caller stands.
        times = Counter(each.tb_frame.f_code for each in ran)
        last = next((each for each in ran if times[each.tb_frame.f_code] > 1), last)
    template = last.tb_frame.f_globals["__jinja_template__"]
    return str(template.name), _line_of(template, last.tb_lineno)


def _line_of(template: Template, generated: int) -> int:
    """Return the line of a template that a line of its code was made of.

    3.1.6: its own `get_corresponding_lineno` does the same, and parses the table each time.
    """
    table = template.__dict__.get("line_table")
    if table is None:
        table = template.__dict__["line_table"] = sorted((made, line) for line, made in template.debug_info)
    index = bisect_right(table, (generated, sys.maxsize)) - 1
    return int(table[index][1]) if index >= 0 else 1


def line_read(error: BaseException) -> int:
    """Return the line that was parsed or compiled when an error came. 3.1.6: in the frames of the parser's methods, or
    of the code generator's."""
    line = 1
    for each in _walk(error.__traceback__):
        names = each.tb_frame.f_locals
        for reading in (names.get("self"), names.get("node")):
            if isinstance(reading, Parser):
                return reading.stream.current.lineno
            if isinstance(reading, nodes.Node):
                line = reading.lineno or line
    return line


def _walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
