"""Which parts of a template are set apart when it is compiled: those that do nothing with the session but print it.

A template whose session values steer it is run at every render. Most of it looks at the persona alone, or prints a
value, so what that comes to can be known before (see `precompiled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from jinja2 import nodes

_GIVEN = frozenset(("persona", "range", "loop"))
_EXPORTING = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Import, nodes.FromImport)
_MOVING = (*_EXPORTING, nodes.Include, nodes.Extends, nodes.CallBlock, nodes.ExprStmt)


def is_part(block: str) -> bool:
    """Tell a part that was set apart from a template's own blocks, whose names cannot begin with a digit."""
    return block[0].isdecimal() and block.isascii()


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


class Parting:
    """Sets parts of the templates of one chain apart, the first of which is the one that is rendered.

    A part is "fixed" here where nothing but the persona can reach it, or what it prints of the session.
    """

    def __init__(self, lineage: Iterable[nodes.Template], chain: Iterable[nodes.Template]) -> None:
        self._numbers = count()
        self._blocks: dict[str, nodes.Block] = {}  # by name, as the template that is rendered has them
        for tree in lineage:
            for block in tree.find_all(nodes.Block):
                self._blocks.setdefault(block.name, block)
        self._exported = frozenset(name for tree in chain for name in _exported(tree))
        self._answers: dict[str, bool] = {}

    def part(self, tree: nodes.Template) -> None:
        """Put runs of fixed statements into blocks of their own, in the body of the template and of every block."""
        blocks = list(tree.find_all(nodes.Block))
        if tree.find(nodes.Extends) is None:
            tree.body = self._parted(tree.body)
        for block in blocks:
            block.body = self._parted(block.body)

    def _parted(self, body: Iterable[nodes.Node]) -> list[nodes.Node]:
        parted: list[nodes.Node] = []
        run: list[nodes.Node] = []
        for node in _single(body):
            if self._is_fixed(node):
                run.append(node)
                continue
            parted += self._set_apart(run)
            run = []
            parted.append(self._within(node))
        return parted + self._set_apart(run)

    def _within(self, node: nodes.Node) -> nodes.Node:
        if isinstance(node, nodes.If):
            node.body = self._parted(node.body)
            node.else_ = self._parted(node.else_)
            for branch in node.elif_:
                self._within(branch)
        return node

    def _set_apart(self, run: list[nodes.Node]) -> list[nodes.Node]:
        if all(isinstance(node, nodes.Output) and _is_data(node) for node in run):
            return run
        if len(run) > 1:
            # Where a part turns out to be steered, by a persona's text with a placeholder, most within it is not.
            run = [self._part([node]) if isinstance(node, nodes.For | nodes.If) else node for node in run]
        return [self._part(run)]

    def _part(self, run: list[nodes.Node]) -> nodes.Block:
        line, environment = run[0].lineno, run[0].environment
        return nodes.Block(str(next(self._numbers)), run, False, False, lineno=line, environment=environment)

    def _is_fixed(self, node: nodes.Node) -> bool:
        if isinstance(node, _MOVING) or next(node.find_all(_MOVING), None) is not None:
            return False
        names = list(node.find_all(nodes.Name))
        known = _GIVEN.union(name.name for name in names if name.ctx != "load") - self._exported
        printed = {id(name) for name in _printed_sessions(node)}
        if not all(name.name in known or id(name) in printed for name in names if name.ctx == "load"):
            return False
        blocks = [node] if isinstance(node, nodes.Block) else []
        return all(self._is_fixed_block(block) for block in (*blocks, *node.find_all(nodes.Block)))

    def _is_fixed_block(self, block: nodes.Block) -> bool:
        if block.scoped or block.required:
            return False
        if block.name not in self._answers:
            self._answers[block.name] = False  # what stands in itself is not asked again
            found = self._blocks.get(block.name, block)
            self._answers[block.name] = not found.required and all(self._is_fixed(node) for node in found.body)
        return self._answers[block.name]


def _printed_sessions(node: nodes.Node) -> Iterator[nodes.Name]:
    """Yield each `session` of which one variable is printed, and no more done with it."""
    for output in (node, *node.find_all(nodes.Output)):
        for asked in output.nodes if isinstance(output, nodes.Output) else ():
            by_name = isinstance(asked, nodes.Getitem) and isinstance(asked.arg, nodes.Const)
            if by_name or isinstance(asked, nodes.Getattr):
                assert isinstance(asked, nodes.Getitem | nodes.Getattr)
                if isinstance(asked.node, nodes.Name) and asked.node.name == "session":
                    yield asked.node


def _single(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield statements, each that prints cut into its parts; text of the template stays in one piece."""
    for node in body:
        if not isinstance(node, nodes.Output):
            yield node
            continue
        data: list[nodes.Expr] = []
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                data.append(child)
                continue
            if data:
                yield _output(data)
                data = []
            yield _output([child])
        if data:
            yield _output(data)


def _output(parts: list[nodes.Expr]) -> nodes.Output:
    return nodes.Output(parts, lineno=parts[0].lineno, environment=parts[0].environment)


def _exported(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all(_EXPORTING):
        if isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            yield from (
                name.name for name in (node.target, *node.target.find_all(nodes.Name)) if isinstance(name, nodes.Name)
            )
