"""What a template's source says, read without running it: its parents, blocks and names, and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeVar

from jinja2 import Environment, meta, nodes

from ..errors import TemplateError
from ..names import did_you_mean, shorten
from .filters import FILTERS, TESTS
from .generation import ROOTS
from .jinja_internals import Unfolded
from .messages import unavailable
from .sandbox import GLOBALS
from .views import unknown_field

N = TypeVar("N", bound=nodes.Node)

_SHOWN = 200  # characters of a source line
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


class Syntax:
    """One template's source, parsed."""

    def __init__(self, name: str, path: str, source: str) -> None:
        self.name = name
        self.path = path
        self.source = source
        self.tree = nodes.Template([])
        self.nodes: tuple[nodes.Node, ...] = ()  # all of the tree, in order
        self.extends: str | None = None
        self.uses: dict[str, str] = {}  # templates it extends, includes or imports: as written -> full name
        self.used_at: dict[str, int] = {}  # as written -> line
        self.blocks: dict[str, int] = {}  # name -> line
        self.outer_blocks: dict[str, int] = {}  # those that stand in no other
        self.unknown: dict[str, int] = {}  # names it reads that nothing here gives -> line
        self.stored: frozenset[str] = frozenset()  # names it sets
        self.session_names: dict[str, int] = {}
        self.fields: frozenset[str] = frozenset()  # of persona
        self.dynamic = False  # asks the session for a name that is worked out, or hands it on
        self.any_field = False  # does likewise with persona

    def find_all(self, kind: type[N] | tuple[type[N], ...]) -> list[N]:
        return [node for node in self.nodes if isinstance(node, kind)]

    def own_texts(self) -> Iterator[tuple[int, str]]:
        """Yield what it prints as it stands, each text with the line that it begins on."""
        yield from ((node.lineno, node.data) for node in self.find_all(nodes.TemplateData))

    @cached_property
    def own_lines(self) -> dict[str, int]:
        """The texts of its own that fill a line, without white space around them, and their numbers."""
        lines: dict[str, int] = {}
        for begins, data in self.own_texts():
            for number, text in enumerate(data.split("\n"), begins):
                lines.setdefault(text.strip(), number)
        return lines

    def error(
        self, message: str, line: int | None, *, hint: str | None = None, near: str | None = None
    ) -> TemplateError:
        return place(TemplateError(message, hint=hint), self, line, near)


def place(error: TemplateError, syntax: Syntax, line: int | None, near: str | None = None) -> TemplateError:
    """Say where in its template an error happened; the column only where `near` is found on the line."""
    if error.line is None:
        error.template, error.path, error.line = syntax.name, syntax.path, line
        lines = syntax.source.split("\n")
        if line is not None and 1 <= line <= len(lines):
            found = re.search(rf"(?<!\w){re.escape(near)}(?!\w)", lines[line - 1]) if near else None
            error.column = found.start() + 1 if found else None
            error.source = shorten(lines[line - 1], max(_SHOWN, (error.column or 0) + 40))
    return error


def read_syntax(environment: Environment, syntax: Syntax) -> None:
    """Parse a template. Raises TemplateError, with the line, for all that can be known of it alone."""
    tree = syntax.tree = environment.parse(syntax.source, syntax.name, syntax.path)
    syntax.nodes = tuple(tree.find_all(nodes.Node))
    syntax.extends = _parent(syntax)
    for written, line in _used(syntax):
        syntax.uses[written] = ""
        syntax.used_at.setdefault(written, line)
    syntax.blocks = {block.name: block.lineno for block in syntax.find_all(nodes.Block)}
    syntax.outer_blocks = {node.name: node.lineno for node in tree.body if isinstance(node, nodes.Block)}
    _check_lost(syntax, tree.body)
    _check_escaping(syntax)
    _check_constants(syntax)
    _check_filters(syntax)
    _read_names(syntax)


def _parent(syntax: Syntax) -> str | None:
    found = syntax.find_all(nodes.Extends)
    if not found:
        return None
    if len(found) > 1 or found[0] not in syntax.tree.body:
        raise syntax.error(
            "a template extends one other, always", found[-1].lineno, hint="write one {% extends %} at its top"
        )
    return _constant(syntax, found[0].template, found[0].lineno, "extends")


def _used(syntax: Syntax) -> Iterator[tuple[str, int]]:
    """Yield the templates that this one extends, includes or imports, as written, and their lines."""
    if syntax.extends is not None:
        yield syntax.extends, syntax.find_all(nodes.Extends)[0].lineno
    for node in syntax.find_all((nodes.Include, nodes.Import, nodes.FromImport)):
        assert isinstance(node, nodes.Include | nodes.Import | nodes.FromImport)
        word = "include" if isinstance(node, nodes.Include) else "import"
        yield _constant(syntax, node.template, node.lineno, word), node.lineno


def _constant(syntax: Syntax, expression: nodes.Expr, line: int, word: str) -> str:
    if isinstance(expression, nodes.Const) and isinstance(expression.value, str):
        return expression.value
    raise syntax.error(f"{word} takes the name of one template, in quotes", line, near=word)


def _check_lost(syntax: Syntax, body: Iterable[nodes.Node]) -> None:
    """Refuse what a template that extends another writes outside of its blocks: nobody would print it."""
    if syntax.extends is None:
        return
    for node in body:
        if isinstance(node, nodes.Output):
            line = _first_line(node)
        elif isinstance(node, nodes.Include | nodes.CallBlock | nodes.FilterBlock):
            line = node.lineno
        elif isinstance(node, nodes.If | nodes.For | nodes.With | nodes.Scope):
            _check_lost(syntax, node.iter_child_nodes())
            line = next((block.lineno for block in node.find_all(nodes.Block)), None)
        else:
            continue
        if line is not None:
            raise syntax.error(
                f"this is outside of every block, and {syntax.extends!r}, which is extended here, would not print it",
                line,
                hint="move it into a block",
            )


def _first_line(output: nodes.Output) -> int | None:
    """Return the line of the first thing that is more than white space."""
    for part in output.nodes:
        if not isinstance(part, nodes.TemplateData):
            return part.lineno
        if part.data.strip():
            return part.lineno + part.data[: len(part.data) - len(part.data.lstrip())].count("\n")
    return None


def _check_escaping(syntax: Syntax) -> None:
    for node in syntax.find_all(nodes.EvalContextModifier):
        raise syntax.error("'autoescape' is not available: xml templates escape by themselves", node.lineno)


def _check_constants(syntax: Syntax) -> None:
    for constant in syntax.find_all(nodes.Const):
        value = constant.value
        if isinstance(value, float) and not math.isfinite(value):
            raise syntax.error("a number here is too large", constant.lineno)
        if isinstance(value, str) and (match := _UNWRITABLE.search(value)):
            raise syntax.error(f"a text here holds U+{ord(match[0]):04X}, which no prompt can carry", constant.lineno)


def _check_filters(syntax: Syntax) -> None:
    for node in syntax.find_all((nodes.Filter, nodes.Test)):
        assert isinstance(node, nodes.Filter | nodes.Test)
        kind, known = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
        if node.name not in known and (kind == "filter" or node.name.isalpha()):
            message, hint = unavailable(kind, node.name, known)
            raise syntax.error(message, node.lineno, hint=hint, near=node.name)


class _Tracking(Unfolded, meta.TrackingCodeGenerator):
    pass


def _undeclared(tree: nodes.Template) -> set[str]:
    assert tree.environment is not None
    tracking = _Tracking(tree.environment)
    tracking.visit(tree)
    return tracking.undeclared_identifiers


def _read_names(syntax: Syntax) -> None:
    stored: dict[str, int] = {}
    read: dict[str, int] = {}
    for used in syntax.find_all(nodes.Name):
        (read if used.ctx == "load" else stored).setdefault(used.name, used.lineno)
    for node in syntax.find_all((nodes.Macro, nodes.Import)):
        assert isinstance(node, nodes.Macro | nodes.Import)
        stored.setdefault(node.name if isinstance(node, nodes.Macro) else node.target, node.lineno)
    for imported in syntax.find_all(nodes.FromImport):
        for written in imported.names:
            stored.setdefault(written if isinstance(written, str) else written[1], imported.lineno)
    for root in (*ROOTS, *GLOBALS):
        if root in stored:
            raise syntax.error(f"{root!r} cannot be set: it is what the template is given", stored[root], near=root)
    syntax.stored = frozenset(stored)
    undeclared = _undeclared(syntax.tree) - set(ROOTS) - set(GLOBALS)
    syntax.unknown = {
        name: read.get(name, 1) for name in sorted(undeclared, key=lambda name: (read.get(name, 1), name))
    }
    syntax.fields = frozenset(name for name, _ in asked_of("persona", syntax.nodes))
    for name, line in asked_of("session", syntax.nodes):
        syntax.session_names.setdefault(name, line)
    syntax.any_field = _handed_on(syntax, "persona")
    syntax.dynamic = _handed_on(syntax, "session")


def asked_of(root: str, among: Iterable[nodes.Node]) -> Iterator[tuple[str, int]]:
    """Yield what is asked of `persona` or `session` by a name that is written, and the line."""
    for node in among:
        if not (isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name)):
            continue
        if node.node.name != root:
            continue
        if isinstance(node, nodes.Getattr):
            yield node.attr, node.lineno
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            yield node.arg.value, node.lineno


def _handed_on(syntax: Syntax, root: str) -> bool:
    """Say whether `persona` or `session` is used other than by asking it for a name that is written."""
    uses = sum(name.name == root for name in syntax.find_all(nodes.Name))
    return uses > sum(1 for _ in asked_of(root, syntax.nodes))


_NO_LOOP = "what is included sees none: {% set number = loop.index %} before the include, and print number"


def check_closure(chain: Iterable[Syntax], fields: Iterable[str]) -> None:
    """Check what can only be known of a template together with all that it uses; the first of `chain` is itself.

    Raises TemplateError for a name that nothing gives, a persona field that is none, and a block without an ancestor.
    """
    members = list(chain)
    known = frozenset().union(*(member.stored for member in members))
    fields = tuple(fields)
    by_name = {member.name: member for member in members}
    for member in members:
        for name, line in member.unknown.items():
            if name not in known:
                hint = _NO_LOOP if name == "loop" else did_you_mean(name, (*ROOTS, *known, *GLOBALS))
                where = " outside of a loop" if name == "loop" else " in a template"
                raise member.error(f"there is no {name!r}{where}", line, hint=hint, near=name)
        for name in sorted(member.fields.difference(fields)):
            line = next(line for field_name, line in asked_of("persona", member.nodes) if field_name == name)
            raise place(unknown_field(name, fields), member, line, name)
        if member.extends is not None:
            _check_blocks(member, by_name)


def _check_blocks(member: Syntax, by_name: dict[str, Syntax]) -> None:
    ancestors: dict[str, int] = {}
    parent: Syntax | None = member
    while parent is not None and parent.extends is not None:
        parent = by_name[parent.uses[parent.extends]]
        ancestors |= parent.blocks
    for block, line in member.outer_blocks.items():
        if block not in ancestors:
            raise member.error(
                f"no template that this one extends has a block {block!r}, so it is never printed",
                line,
                hint=did_you_mean(block, ancestors) or f"its blocks are {', '.join(ancestors)}",
                near=block,
            )


def turns_asked_for(syntaxes: Iterable[Syntax]) -> int | None:
    """Return the last turn of a loop that templates ask for by its number, 0 where they ask for the turn in another way;
    None where they ask for none, or only for the first, or only for the last."""
    asked: set[str] = set()
    numbers = [0]
    for syntax in syntaxes:
        printed = {id(each) for output in syntax.find_all(nodes.Output) for each in output.nodes}
        asked |= {node.attr for node in _of_loops(syntax.nodes) if id(node) not in printed}
        for compared in syntax.find_all(nodes.Compare):
            if _of_loops(compared.find_all(nodes.Getattr)):
                numbers += [each.value for each in compared.find_all(nodes.Const) if type(each.value) is int]
        if any(_of_loops([each.arg, *each.arg.find_all(nodes.Getattr)]) for each in syntax.find_all(nodes.Getitem)):
            numbers += [len(each.items) for each in syntax.find_all(nodes.List)]
            numbers += [len(each.items) for each in syntax.find_all(nodes.Tuple)]
            numbers += [len(each.value) for each in syntax.find_all(nodes.Const) if isinstance(each.value, str)]
    return None if asked in ({"first"}, {"last"}, set()) else max(numbers)


def _of_loops(among: Iterable[nodes.Node]) -> list[nodes.Getattr]:
    return [
        node
        for node in among
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "loop"
    ]
