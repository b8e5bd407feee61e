"""What a template's source says, read without running it: its parents, blocks and names, and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TypeVar

from jinja2 import Environment, meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

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
        self.stored: dict[str, int] = {}  # names it sets -> line
        self.session_names: dict[str, int] = {}
        self.fields: frozenset[str] = frozenset()  # of persona
        self.dynamic = False  # asks the session for a name that is worked out, or hands it on
        self.any_field = False  # does likewise with persona
        self.faults: tuple[TemplateError, ...] = ()  # what else is wrong with it, by itself

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

    @cached_property
    def names(self) -> frozenset[str]:
        """The texts that are written in it, which it may ask for something by; filters take several with dots between."""
        texts = {node.value for node in self.find_all(nodes.Const) if isinstance(node.value, str)}
        return frozenset(texts.union(*(text.split(".") for text in texts)))

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
            error.column = _column(near, lines[line - 1]) if near else None
            error.source = shorten(lines[line - 1], max(_SHOWN, (error.column or 0) + 40))
    return error


_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")


def _column(near: str, line: str) -> int | None:
    """Return where a word is on a line, or a sign that is there once; of `}` the first that ends no tag."""
    if near.isidentifier():
        found = re.search(rf"(?<!\w){near}(?!\w)", line)
        return found.start() + 1 if found else None
    if near == "}":
        open_ = _TAG.sub(lambda tag: " " * len(tag[0]), line)
        if near not in open_ and len(_TAG.findall(line)) > 1:
            return None
        return (open_ if near in open_ else line).find(near) + 1 or None
    return line.find(near) + 1 if line.count(near) == 1 else None


def read_syntax(environment: Environment, syntax: Syntax) -> None:
    """Parse a template, and note all that can be known to be wrong with it alone.

    Raises TemplateError, with the line, where it cannot be parsed or what it uses cannot be told.
    """
    tree = syntax.tree = environment.parse(syntax.source, syntax.name, syntax.path)
    syntax.nodes = tuple(tree.find_all(nodes.Node))
    syntax.extends = _parent(syntax)
    for written, line in _used(syntax):
        syntax.uses[written] = ""
        syntax.used_at.setdefault(written, line)
    syntax.blocks = {block.name: block.lineno for block in syntax.find_all(nodes.Block)}
    syntax.outer_blocks = {node.name: node.lineno for node in tree.body if isinstance(node, nodes.Block)}
    _read_names(syntax)
    checks = (_lost(syntax, tree.body), _escaping(syntax), _constants(syntax), _filters(syntax), _set(syntax))
    syntax.faults = tuple(chain.from_iterable(checks))


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


def _lost(syntax: Syntax, body: Iterable[nodes.Node]) -> Iterator[TemplateError]:
    """Yield what a template that extends another writes outside of its blocks: nobody would print it."""
    if syntax.extends is None:
        return
    for node in body:
        if isinstance(node, nodes.Output):
            line = _first_line(node)
        elif isinstance(node, nodes.Include | nodes.CallBlock | nodes.FilterBlock):
            line = node.lineno
        elif isinstance(node, nodes.If | nodes.For | nodes.With | nodes.Scope):
            yield from _lost(syntax, node.iter_child_nodes())
            line = next((block.lineno for block in node.find_all(nodes.Block)), None)
        else:
            continue
        if line is not None:
            yield syntax.error(
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


def _escaping(syntax: Syntax) -> Iterator[TemplateError]:
    for node in syntax.find_all(nodes.EvalContextModifier):
        yield syntax.error("'autoescape' is not available: xml templates escape by themselves", node.lineno)


def _constants(syntax: Syntax) -> Iterator[TemplateError]:
    for constant in syntax.find_all(nodes.Const):
        value = constant.value
        if isinstance(value, float) and not math.isfinite(value):
            yield syntax.error("a number here is too large", constant.lineno)
        if isinstance(value, str) and (match := _UNWRITABLE.search(value)):
            yield syntax.error(f"a text here holds U+{ord(match[0]):04X}, which no prompt can carry", constant.lineno)


def _filters(syntax: Syntax) -> Iterator[TemplateError]:
    for node in syntax.find_all((nodes.Filter, nodes.Test)):
        assert isinstance(node, nodes.Filter | nodes.Test)
        kind, known = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
        if node.name not in known and (kind == "filter" or node.name.isalpha()):
            message, hint = unavailable(kind, node.name, known)
            yield syntax.error(message, node.lineno, hint=hint, near=node.name)


class _Tracking(Unfolded, meta.TrackingCodeGenerator):
    def fail(self, msg: str, lineno: int) -> None:  # type: ignore[override]  # goes on where `_filters` tells it
        if not msg.startswith(("No filter named ", "No test named ")):
            super().fail(msg, lineno)


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
    for spaced in syntax.find_all(nodes.NSRef):
        assert isinstance(spaced, nodes.NSRef)
        read.setdefault(spaced.name, spaced.lineno)
    for node in syntax.find_all((nodes.Macro, nodes.Import)):
        assert isinstance(node, nodes.Macro | nodes.Import)
        stored.setdefault(node.name if isinstance(node, nodes.Macro) else node.target, node.lineno)
    for imported in syntax.find_all(nodes.FromImport):
        for written in imported.names:
            stored.setdefault(written if isinstance(written, str) else written[1], imported.lineno)
    syntax.stored = stored
    known = ROOTS | GLOBALS.keys()
    undeclared = _undeclared(syntax.tree) - known if read.keys() - known else set()  # to be found costs as much as code
    syntax.unknown = {
        name: read.get(name, 1) for name in sorted(undeclared, key=lambda name: (read.get(name, 1), name))
    }
    syntax.fields = frozenset(name for name, _ in asked_of("persona", syntax.nodes))
    for name, line in asked_of("session", syntax.nodes):
        syntax.session_names.setdefault(name, line)
    syntax.any_field = _handed_on(syntax, "persona")
    syntax.dynamic = _handed_on(syntax, "session")


def _set(syntax: Syntax) -> Iterator[TemplateError]:
    for root in (*ROOTS, *GLOBALS):
        if root in syntax.stored:
            line = syntax.stored[root]
            yield syntax.error(f"{root!r} cannot be set: it is what the template is given", line, near=root)


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


_INSTEAD = {
    "loop": "what is included sees none: {% set number = loop.index %} before the include, and print number",
    "namespace": "what a loop sets is gone after its turn; count with |length or |sum, or by loop.index",
}


def check_closure(members: Iterable[Syntax], fields: Iterable[str]) -> None:
    """Check a template together with all that it uses; the first of `members` is itself.

    Raises TemplateError for all that is wrong with each of them alone, for a name that nothing gives, a persona field that is
    none, and a block without an ancestor: the first of them, which has the others.
    """
    by_name = {member.name: member for member in members}
    fields = tuple(fields)
    errors: list[TemplateError] = []
    for member in by_name.values():
        found = chain(member.faults, _strange_names(member, by_name), _strange_fields(member, fields))
        errors += sorted(chain(found, _lost_blocks(member, by_name)), key=lambda error: (error.line, error.column or 0))
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]


def _strange_names(member: Syntax, by_name: Mapping[str, Syntax]) -> Iterator[TemplateError]:
    known = frozenset().union(*(each.stored for each in by_name.values()))
    for name, line in member.unknown.items():
        if name not in known:
            hint = _INSTEAD.get(name) or did_you_mean(name, (*ROOTS, *known, *GLOBALS)) or _of_session(name)
            where = " outside of a loop" if name == "loop" else " in a template"
            yield member.error(f"there is no {name!r}{where}", line, hint=hint, near=name)


def _of_session(name: str) -> str | None:
    """Say what a plain name may be meant for, unless it is one of Jinja2's own."""
    if name in DEFAULT_NAMESPACE or name in ("caller", "varargs", "kwargs", "self"):
        return None
    return f"a value of the session is session.{name}, a constant persona.constants.{name}"


def _strange_fields(member: Syntax, fields: tuple[str, ...]) -> Iterator[TemplateError]:
    strange = member.fields.difference(fields)
    if strange:
        for name, line in dict(reversed([*asked_of("persona", member.nodes)])).items():
            if name in strange:
                yield place(unknown_field(name, fields), member, line, name)


def _lost_blocks(member: Syntax, by_name: Mapping[str, Syntax]) -> Iterator[TemplateError]:
    if member.extends is None:
        return
    ancestors: dict[str, int] = {}
    parent: Syntax | None = member
    while parent is not None and parent.extends is not None:
        parent = by_name[parent.uses[parent.extends]]
        ancestors |= parent.blocks
    for block, line in member.outer_blocks.items():
        if block not in ancestors:
            yield member.error(
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
