"""What Jinja2 makes of a template's source: Python code that appends pieces to a list (see `events`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from jinja2 import Template, Undefined, nodes
from jinja2.compiler import Frame, MacroRef
from jinja2.runtime import BlockReference, Context
from jinja2.utils import missing

from .assembly import Beginning, Known, Remembered, condensed, joined, put_together
from .cost import CALL, CHARACTERS, LARGE, Cost, running
from .events import Pieces, Watch, tidy
from .jinja_internals import PRINTED_ALONE, OpenReference, Unfolded, calling_parents, read_directly

ROOTS = ("persona", "session")  # what a template is given


def session_variable(node: nodes.Node) -> str | None:
    """Return the name of the session's variable that an expression is, if it is one."""
    if isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        return name if node.node.name == "session" and isinstance(name, str) else None
    return None


def parent_of(tree: nodes.Template) -> str | None:
    """Return the template that this one does nothing but extend; None where it extends none, "" where it does more."""
    found = next(tree.find_all(nodes.Extends), None)
    if found is None:
        return None
    idle = (node for node in tree.body if not isinstance(node, nodes.Extends | nodes.Block))
    if all(isinstance(node, nodes.Output) and _is_data(node) for node in idle):
        assert isinstance(found.template, nodes.Const)
        return str(found.template.value)
    return ""


def _is_data(output: nodes.Output) -> bool:
    return all(isinstance(part, nodes.TemplateData) for part in output.nodes)


def _is_of_persona(node: nodes.Node) -> bool:
    """Tell whether a statement prints, and mentions nothing that is not its own but `persona`."""
    if not isinstance(node, nodes.Output | nodes.For | nodes.If):
        return False
    if not all(isinstance(each, nodes.Output | nodes.For | nodes.If) for each in node.find_all(nodes.Stmt)):
        return False
    names = [*node.find_all(nodes.Name)]
    own = {"persona", "range", *(name.name for name in names if name.ctx == "store")}
    if isinstance(node, nodes.For):
        own.add("loop")
    return all(name.name in own for name in names)


def _kind(node: nodes.Node) -> tuple[bool, int]:
    """Return what statements must have in common to be remembered as one; a loop over a list stands alone."""
    return _is_of_persona(node), 0 if isinstance(node, nodes.Output) else id(node)


def _single(statements: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield statements, each that prints cut where what it prints begins to be of another kind; text goes with either."""
    for node in statements:
        if not isinstance(node, nodes.Output):
            yield node
            continue
        for _, group in groupby(_by_kind(node.nodes), itemgetter(0)):
            yield _output([part for _, part in group])


def _by_kind(parts: Iterable[nodes.Expr]) -> Iterator[tuple[bool, nodes.Expr]]:
    """Yield what is printed, with whether it is of the persona; a template's text is of the kind of what it follows."""
    of_persona = True
    for part in parts:
        if not isinstance(part, nodes.TemplateData):
            of_persona = _is_of_persona(_output([part]))
        yield of_persona, part


def _output(parts: list[nodes.Expr]) -> nodes.Output:
    return nodes.Output(parts, lineno=parts[0].lineno, environment=parts[0].environment)


_AT_HAND = {  # in every function, by name
    "resolve": "resolve = context.resolve_or_missing",
    "out": "out = context.pieces",
    "known": "known = context.known",
    "way": "way = context.way",
    "cost": "cost = context.cost",
    "ticks": "ticks = context.ticks",
}
_NAMES_AT_HAND = re.compile(rf"\b(?:{'|'.join(_AT_HAND)})\b")
_SILENT = (nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport, nodes.Macro)  # what writes nothing


def _sets(node: nodes.Node) -> bool:
    """Tell whether a statement may write, and set what others after it see."""
    return isinstance(node, nodes.If) and any(True for _ in node.find_all(_SILENT))


_STATEMENTS = (nodes.For, nodes.If, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock, nodes.With)
_CALLED = (nodes.For, nodes.Macro, nodes.CallBlock)  # those of which each turn or call takes steps
_COSTLY = (nodes.For, nodes.Filter, nodes.Concat, nodes.Call)  # what of the persona alone may take steps
_APART = (nodes.Block, nodes.Include, nodes.Import, nodes.FromImport)  # run code of their own
_PARTS = 16  # of a step, which are what nodes take; one where nothing is said
_FREE = 2  # steps of statements within others that are not counted where they are run, but with these others
_TAKES: dict[type[nodes.Node], int] = {
    nodes.TemplateData: 2,
    nodes.Getattr: 20,
    nodes.Getitem: 20,
    nodes.Operand: 6,
    nodes.Pair: 4,
    nodes.Test: 16,
    nodes.Filter: 24,
    nodes.Concat: 16,
    nodes.With: _PARTS,
    nodes.AssignBlock: 3 * _PARTS,
    nodes.FilterBlock: _PARTS * CALL,
    nodes.Macro: 2 * _PARTS,
    **dict.fromkeys((nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod), 16),
    **dict.fromkeys((nodes.Neg, nodes.Pos), 24),
    nodes.Call: 64,
    nodes.CallBlock: _PARTS * CALL,
    **dict.fromkeys(_APART, _PARTS * CALL),
}
_OF_ROOT = 8  # what a look-up in `persona` or `session` takes


def _weight(statements: Iterable[nodes.Node]) -> int:
    """Return the steps that statements take, each run once; those within others are counted where they are run."""
    return _parts(statements) // _PARTS


def _parts(statements: Iterable[nodes.Node]) -> int:
    parts = 0
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        parts += _own_parts(node)
        if isinstance(node, nodes.Block):
            continue
        within = _within(node)
        if not isinstance(node, _CALLED):
            parts += sum(few for each in within if (few := _parts(each)) < (_FREE + 1) * _PARTS)
        inside = {id(each) for body in within for each in body}
        waiting += [each for each in node.iter_child_nodes() if id(each) not in inside]
    return parts


def _within(node: nodes.Node) -> list[list[nodes.Node]]:
    """Return the statements within another that are counted apart from it."""
    if isinstance(node, nodes.For | nodes.If):
        return [node.body, node.else_]
    return [node.body] if isinstance(node, _STATEMENTS) else []


def _own_parts(node: nodes.Node) -> int:
    """Return what a node takes but for those in it."""
    if isinstance(node, nodes.Output):
        return 1 + sum(8 for part in node.nodes if not isinstance(part, nodes.TemplateData))
    if (
        isinstance(node, nodes.Getattr | nodes.Getitem)
        and isinstance(node.node, nodes.Name)
        and node.node.name in ROOTS
    ):
        return _OF_ROOT
    if isinstance(node, nodes.Compare):  # it takes as long as what is written there
        written = [each.value for each in node.find_all(nodes.Const) if isinstance(each.value, str)]
        return 1 + sum(map(len, written)) * _PARTS // CHARACTERS
    if isinstance(node, nodes.Dict):
        return 1 + _alike(node) ** 2
    return _TAKES.get(type(node), 1)


def _alike(node: nodes.Dict) -> int:
    """Return how many keys of a mapping may be looked for in one and the same place: Python spreads only small numbers."""
    return sum(isinstance(pair.key, nodes.Const) and not _is_small(pair.key.value) for pair in node.items)


def _is_small(key: object) -> bool:
    return isinstance(key, str) or (isinstance(key, int) and abs(key) < LARGE)


class Generator(Unfolded):
    """Appends what a template writes and prints to a list, `out`, apart from one another; marks blocks in it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._constants: list[str] = []
        self._remembering = self._stepping = False
        self._turns: list[list[nodes.Node]] = []  # what is run in each turn of the loops around
        self._paid: set[int] = set()  # of loops that take the steps of their turns before the first
        self._calls: list[list[nodes.Node]] = []  # of macros that are about to be written
        self._arguments: list[int] = []  # the steps that theirs take
        self._within: dict[int, tuple[str, str]] = {}  # what is written before and after a node

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - jinja2's name
        super().visit_Template(node, frame)
        # What Jinja2 makes local in every function is the same for all of a module.
        self.writeline("undefined = environment.undefined")
        self.writeline("concat = environment.concat")
        self.writeline("cond_expr_undefined = Undefined")
        self.writeline("running, islice = environment.running, environment.islice")
        for number, constant in enumerate(self._constants):
            self.writeline(f"c_{number} = environment.{constant}")

    def _constant(self, made: str) -> str:
        self._constants.append(made)
        return f"c_{len(self._constants) - 1}"

    def write_commons(self) -> None:
        for line in _AT_HAND.values():
            self.writeline(line)

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        frame.buffer = frame.buffer or "out"

    def leave_frame(self, frame: Frame, with_python_scope: bool = False) -> None:
        super().leave_frame(frame, with_python_scope)
        if frame.rootlevel and not self.extends_so_far:
            self.writeline("return out")  # for a template that is imported

    def visit(self, node: nodes.Node, *arguments: Any, **named: Any) -> Any:
        before, after = self._within.get(id(node), ("", ""))
        self.write(before)
        made = super().visit(node, *arguments, **named)
        self.write(after)
        return made

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """A loop takes the steps of its turns before the first, where it is known what each takes."""
        steps = max(_weight(node.body), 1)
        apart = any(isinstance(each, _APART) for each in node.body)
        if node.test is not None:
            self._within[id(node.test)] = "next(ticks) or ", ""
        elif not node.recursive and not apart:
            self._within[id(node.iter)] = "cost.turns(", f", {steps})"
            self._paid.add(id(node.body))
        self._turns.append(node.body)
        super().visit_For(node, frame)
        self._turns.pop()

    def signature(
        self,
        node: nodes.Call | nodes.Filter | nodes.Test,
        frame: Frame,
        extra_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """What a list or a mapping is handed over as, argument by argument, takes steps for each."""
        for each in (node.dyn_args, node.dyn_kwargs):
            if each is not None:
                self._within[id(each)] = "running.get().handed(", ")"
        super().signature(node, frame, extra_kwargs)

    def dump_local_context(self, frame: Frame) -> str:
        """Write all names that are set, for what runs on its own: each as often as it is written, as if it stood there."""
        names = frame.symbols.dump_stores()
        self.environment.compiling.take(len(names))  # type: ignore[attr-defined]  # a Sandbox
        return "{" + ", ".join(f"{name!r}: {target}" for name, target in names.items()) + "}"

    def macro_body(self, node: nodes.Macro | nodes.CallBlock, frame: Frame) -> tuple[Frame, MacroRef]:
        # It may be called in another run than the one that made it: what is imported is kept.
        self._calls.append(node.body)
        self._arguments.append((4 * len(node.args) + _parts(node.defaults)) // _PARTS)
        return super().macro_body(node, frame)

    def _count(self, statements: list[nodes.Node]) -> None:
        """Write that statements take their steps: a turn of a loop takes one at least."""
        if id(statements) in self._paid:
            return
        steps = _weight(statements)
        is_turn = bool(self._turns) and statements is self._turns[-1]
        is_call = bool(self._calls) and statements is self._calls[-1]
        if is_call:
            self._calls.pop()
            self.writeline("cost = running.get()")
            self.writeline("ticks = cost.ticks")
            steps += CALL // 2 + self._arguments.pop()
        if (is_turn or is_call) and any(isinstance(node, _APART) for node in statements):
            self.writeline(f"cost.settle({steps})")
        elif (is_turn or is_call or self._turns) and steps > 2:
            self.writeline(f"any(islice(ticks, {steps}))")
        elif is_turn:
            self.writeline("; ".join(["next(ticks)"] * max(steps, 1)))
        elif steps > CALL:
            self.writeline(f"cost.owed += {steps}")

    def blockvisit(self, statements: Iterable[nodes.Node], frame: Frame) -> None:
        """Write statements; a run of them in which nothing but the persona is mentioned comes to the same each time."""
        statements = statements if isinstance(statements, list) else list(statements)
        self._count(statements)
        if frame.buffer != "out" or self._remembering or frame.require_output_check:
            super().blockvisit(statements, frame)
            return
        runs = [list(run) for _, run in groupby(_single(statements), _kind)]
        if self._stepping:
            self.writeline("pass")
            self._visit_runs(runs, frame)
        else:
            self._stepping = True
            self._visit_steps(runs, frame)
            self._stepping = False

    def _visit_steps(self, runs: list[list[nodes.Node]], frame: Frame) -> None:
        """Write the statements of a function, of which a run may pass over the first."""
        self.writeline("step = way.pop() if way else 1")
        for number, run in enumerate(runs, 1):
            if isinstance(run[0], _SILENT):
                self._visit_runs([run], frame)
                continue
            leads_on = isinstance(run[0], nodes.Block) and not run[0].scoped
            self.writeline(f"if step <= {number}:")
            self.indent()
            self.writeline(f"if step < 1: way.reach(step, {number}, {leads_on})")
            if any(map(_sets, run)):
                self._visit_runs(runs[number - 1 :], frame)
                self.outdent()
                break
            self._visit_runs([run], frame)
            self.outdent()

    def _visit_runs(self, runs: list[list[nodes.Node]], frame: Frame) -> None:
        for run in runs:
            if _is_of_persona(run[0]) and not all(isinstance(node, nodes.Output) and _is_data(node) for node in run):
                self._remember(run, frame)
            else:
                super().blockvisit(run, frame)

    def _remember(self, statements: list[nodes.Node], frame: Frame) -> None:
        """Write statements that are run until it is known what they come to, unless they look at the session."""
        found, before = self.temporary_identifier(), self.temporary_identifier()
        key = repr(f"{self.name}:{found}")
        self._remembering = True
        self.writeline(f"{found} = known.get({key})")
        self.writeline(f"if {found}:")
        self.indent()
        self.writeline(f"out += {found}")
        if any(True for node in statements for _ in node.find_all(_COSTLY)):
            self.writeline(f"cost.owed += {found}.steps")
        self.outdent()
        self.writeline("else:")
        self.indent()
        self.writeline(f"{before} = (context.watch.looks, len(out), running.get().spent) if {found} is None else ()")
        super().blockvisit(statements, frame)
        self.writeline(f"if {found} is None:")
        self.indent()
        self.writeline(f"context.remember({key}, out, *{before})")
        self.outdent(2)
        self._remembering = False

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """Append one piece after the other, for the watch to count; only what looks at nothing comes with its neighbours."""
        if frame.require_output_check and self.has_known_extends:
            return
        at = 0
        while at < len(node.nodes):
            at += self._visit_line(node.nodes[at : at + 3], frame) or self._visit_part(node.nodes[at], frame)

    def _visit_line(self, parts: list[nodes.Expr], frame: Frame) -> int:
        """Write the lines of most lists, `- {{ item }}`, as one text where the item is one; return how many parts it had."""
        text, name, after = (*parts, None, None)[:3]
        if self.environment.escapes or not isinstance(text, nodes.TemplateData) or not _stays(text.data):  # type: ignore[attr-defined]  # a Sandbox
            return 0
        if not isinstance(name, nodes.Name):
            return 0
        end = f"{self._text(after)}," if isinstance(after, nodes.TemplateData) else ""
        self.writeline(f"{frame.buffer} += ({text.data!r} + t_v,{end}) if type(t_v := ", name)
        self.visit(name, frame)
        self.write(f") is str and t_v else ({self._text(text)}, *environment.finalize(t_v),{end})")
        return 3 if end else 2

    def _visit_part(self, part: nodes.Expr, frame: Frame) -> int:
        if isinstance(part, nodes.TemplateData):
            self.writeline(f"{frame.buffer}.append({self._text(part)})", part)
        elif self.environment.escapes:  # type: ignore[attr-defined]  # a Sandbox
            self.start_write(frame, part)
            self.visit(part, frame)
            self.end_write(frame)
        else:  # a plain text is printed as it is; everything else is looked at
            self.writeline(f"{frame.buffer} += (t_v,) if type(t_v := ", part)
            self.visit(part, frame)
            self.write(") is str else environment.finalize(t_v)")
        return 1

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        self.writeline(f"{frame.buffer} += environment.finalize(", node)

    def end_write(self, frame: Frame) -> None:
        self.write(")")

    def _text(self, part: nodes.TemplateData) -> str:
        return self._constant(f"written({part.data!r}, {self.name!r}, {part.lineno})")

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self.writeline("template = environment.get_template(", node)
        self.visit(node.template, frame)
        self.write(f", {self.name!r})")
        if node.with_context:
            self.writeline(f"context.include(template, {frame.buffer}, {self.dump_local_context(frame)})", node)
        else:
            self.writeline(f"{frame.buffer}.extend(environment.standing({PRINTED_ALONE}))", node)

    def visit_Block(self, node: nodes.Block, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if frame.toplevel and self.has_known_extends:
            return
        context = self.derive_context(frame) if node.scoped else self.get_context_ref()
        if node.required:
            self.writeline(f"if len(context.blocks[{node.name!r}]) <= 1:", node)
            self.indent()
            self.writeline(f'raise TemplateRuntimeError("Required block {node.name!r} not found")', node)
            self.outdent()
        block = f"context.blocks[{node.name!r}][0]"
        self.writeline(f"{frame.buffer}.append({self._constant(f'begin({node.name!r})')})")
        if frame.buffer == "out":
            self.writeline(f"{block}({context})", node)
        else:
            self.writeline(f"{frame.buffer}.extend({context}.caught({block}))", node)
        self.writeline(f"{frame.buffer}.append({self._constant(f'end({node.name!r})')})")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if not self._visit_root(node.node, node.attr, frame):
            super().visit_Getattr(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        name = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(node.arg, nodes.Slice):
            self.write("running.get().made(")
            super().visit_Getitem(node, frame)
            self.write(")")
        elif not isinstance(name, str) or not self._visit_root(node.node, name, frame):
            super().visit_Getitem(node, frame)

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """Whether a variable is given is no look at its value."""
        asked = session_variable(node.node) if node.name in ("defined", "undefined") else None
        if asked is None:
            super().visit_Test(node, frame)
            return
        self.write("(" if node.name == "defined" else "(not ")
        self.visit(node.node.node, frame)  # type: ignore[attr-defined]  # session
        self.write(f".has({asked!r}))")

    def _visit_root(self, root: nodes.Node, name: str, frame: Frame) -> bool:
        """Write the direct way to a field of `persona`, or to a variable of `session`; nothing for others."""
        if not isinstance(root, nodes.Name) or root.name not in ROOTS or name.startswith("_"):
            return False
        if root.name == "persona" and not (name.isidentifier() and name.isascii()):
            return False
        self.visit(root, frame)
        self.write(f".{name}" if root.name == "persona" else f".lookup({name!r})")
        return True

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """Comparing takes as long as what is compared, where no side of it is written here."""
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        searched = [operand.expr for operand in node.ops if operand.op in ("in", "notin")]
        open_ = [each for each in sides if not isinstance(each, nodes.Const)]
        for each in open_ if len(open_) > 1 else searched:
            if not isinstance(each, nodes.Const) and not _is_constant(each):
                self._within[id(each)] = "running.get().looked(", ")"
        if len(node.ops) == 1 and searched and not isinstance(searched[0], nodes.List | nodes.Tuple):
            before, after = self._within.get(id(searched[0]), ("", ""))
            self._within[id(searched[0])] = f"environment.searched({before}", f"{after})"
        super().visit_Compare(node, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self._visit_literal(super().visit_List, node, frame, _is_constant(node))

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self._visit_literal(super().visit_Tuple, node, frame, node.ctx != "load" or _is_constant(node))

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self._visit_literal(
            super().visit_Dict,
            node,
            frame,
            all(isinstance(each, nodes.Const) for pair in node.items for each in (pair.key, pair.value)),
        )

    def _visit_literal(
        self, visit: Callable[[Any, Frame], None], node: nodes.Expr, frame: Frame, is_flat: bool
    ) -> None:
        if is_flat:
            visit(node, frame)
            return
        self.write("running.get().held(")
        visit(node, frame)
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
        with self.filtering(node, frame):
            self.write(f"environment.captured({frame.buffer})")


def _is_constant(node: nodes.Node) -> bool:
    """Tell whether a list is of constants that are written in it."""
    return isinstance(node, nodes.List | nodes.Tuple) and all(isinstance(each, nodes.Const) for each in node.items)


def appending(source: str) -> str:
    """Return generated code whose functions append to `out`, where Jinja2 would have them yield."""
    functions = calling_parents(read_directly(source, ROOTS)).split("\ndef ")
    return "\ndef ".join(map(_without_unused, functions))


def _without_unused(function: str) -> str:
    """Return a function's code without what it has at hand and does not use."""
    used = Counter(_NAMES_AT_HAND.findall(function))
    for name, line in _AT_HAND.items():
        if used[name] == _NAMES_AT_HAND.findall(line).count(name):
            function = function.replace(line, "pass", 1)
    return function


def _stays(text: str) -> bool:
    """Tell whether a template's text comes out as it is in front of data: it neither begins with white space nor ends
    in a line break."""
    body = text.rstrip()
    return bool(body) and not text[0].isspace() and "\n" not in text[len(body) :] and tidy(text) == text


class SuperReference(OpenReference):
    """`super()`, without the white space that the template writes at the two ends of the block."""

    def __call__(self) -> Pieces:
        running.get().settle(CALL)
        caught: Pieces = self.context.environment.captured(self.context.caught(self.block))
        return caught

    @property
    def super(self) -> BlockReference | Undefined:
        parent = super().super
        return parent if isinstance(parent, Undefined) else SuperReference.of(parent)


class _NothingKnown(Known):
    """Remembers nothing."""

    seen = True

    def get(self, key: str, default: object = None) -> bool:
        return False


NOTHING_KNOWN = _NothingKnown()


class Reached:
    """The way of a run to where it looks at the session: the steps that it takes, of functions that call one another.

    Only a step that does nothing but to print a block leads on to the next function.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        # Its number, the pieces before its function and before it, and likewise the steps of its cost.
        self._steps: list[tuple[int, int, int, int, int]] = []
        self._descends = True

    def pop(self) -> int:
        """Return what a function is known by; 1 for one that is not on the way."""
        if not self._descends or self._watch.at is not None:
            return 1
        self._descends = False
        pieces, spent = len(self._watch.pieces), running.get().spent
        self._steps.append((1, pieces, pieces, spent, spent))
        return 1 - len(self._steps)

    def reach(self, function: int, number: int, descends: bool) -> None:
        """Note that a function takes a step."""
        if self._watch.at is None:
            _, before, _, spent, _ = self._steps[-function]
            self._steps[-function:] = [(number, before, len(self._watch.pieces), spent, running.get().spent)]
            self._descends = descends

    def beginning(self) -> Beginning:
        """Return what was written before the last step on the way."""
        passed = sum(inner[1] - outer[2] for outer, inner in pairwise(self._steps))
        stand = put_together(self._watch.pieces[: self._steps[-1][2] if self._steps else 0])
        spent = sum(step[4] - step[3] for step in self._steps)
        return Beginning([step[0] for step in reversed(self._steps)], passed, joined(stand), spent)


class Start(NamedTuple):
    """Where the run of a template begins, and its blocks with those of the templates that were passed over."""

    root: Callable[[Context], Any]
    blocks: dict[str, list[Any]]
    whole: bool  # no more blocks come while it runs
    context: EventContext  # like that of every run


class EventContext(Context):
    """A context with the list that the templates in it append to."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.pieces: list[Any] = []
        self.watch = Watch()
        self.known: Known = NOTHING_KNOWN
        self.way: Any = ()  # the steps to begin with, or what notes them
        self.cost = running.get()
        self.ticks = self.cost.ticks
        self.cost.settle(CALL)
        self.persona = self.parent.get("persona", missing)
        self.session = self.parent.get("session", missing)

    @classmethod
    def of(
        cls,
        like: EventContext,
        names: dict[str, Any],
        blocks: dict[str, list[Any]],
        watch: Watch,
        known: Known,
        way: Reached | list[int] | tuple[()],
        cost: Cost,
    ) -> EventContext:
        """Return a context for a run, as `__init__` would make it: what is the same in every run is that of another."""
        context = object.__new__(cls)
        context.parent, context.persona, context.session = names, names["persona"], names["session"]
        context.vars, context.exported_vars, context.blocks = {}, set(), blocks
        context.pieces, context.watch, context.known, context.way = watch.pieces, watch, known, way
        context.cost, context.ticks = cost, cost.ticks
        context.environment, context.eval_ctx = like.environment, like.eval_ctx
        context.name, context.globals_keys = like.name, like.globals_keys
        return context

    def remember(self, key: str, pieces: list[Any], looks: int, first: int, spent: int) -> None:
        """Keep what was written since there were so many looks and pieces, where no look came; else, that one did.

        What it cost is kept too: a run costs the same, whatever is known of it.
        """
        if self.watch.looks != looks:
            self.known[key] = False
            return
        kept = self.known[key] = Remembered(condensed(pieces[first:]))
        kept.steps = running.get().spent - spent

    def super(self, name: str, current: Callable[[Context], Iterator[str]]) -> BlockReference | Undefined:
        parent = super().super(name, current)
        return parent if isinstance(parent, Undefined) else SuperReference.of(parent)

    def derived(self, locals: dict[str, Any] | None = None) -> EventContext:
        twin = super().derived(locals)
        assert isinstance(twin, EventContext)
        twin.pieces, twin.watch, twin.known = self.pieces, self.watch, self.known
        return twin

    def caught(self, block: Callable[[Context], Any]) -> list[Any]:
        """Return what a block appends. All of it is run: what is remembered comes to the same in a prompt alone."""
        before = self.pieces, self.known, self.way
        self.pieces, self.known, self.way = [], NOTHING_KNOWN, ()
        try:
            block(self)
            return self.pieces
        finally:
            self.pieces, self.known, self.way = before

    def include(self, template: Template, pieces: list[Any], locals: dict[str, Any]) -> None:
        """Run another template in this context, which appends to a list."""
        inner: Any = template.new_context(self.get_all(), True, locals)
        inner.pieces, inner.watch, inner.known = pieces, self.watch, self.known
        template.root_render_func(inner)
