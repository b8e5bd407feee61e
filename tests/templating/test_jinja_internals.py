"""What is private in Jinja2 is as it was read, and nothing but one module asks for it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2 import DictLoader, Environment, Undefined
from jinja2.compiler import CodeGenerator, optimizeconst
from jinja2.environment import Template
from jinja2.lexer import TokenStream
from jinja2.runtime import BlockReference, Context, TemplateReference

import llm_persona
from llm_persona.templating import jinja_internals as internals
from llm_persona.templating.jinja_internals import GroupTuple, OpenEnvironment, OpenReference

PACKAGE = Path(llm_persona.__file__).parent


def of_property(kind: type, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = vars(kind)[name].fget
    return found


# A digest of each part of Jinja2 3.1.6 that `jinja_internals` uses, overrides or counts on.
READ: dict[Callable[..., Any], str] = {
    BlockReference: "68003295a8",
    CodeGenerator.__init__: "17ed762918",
    CodeGenerator._filter_test_common: "1f73fcb225",
    CodeGenerator._make_finalize: "6566519ec0",
    CodeGenerator._output_child_post: "22f9856ea8",
    CodeGenerator._output_child_pre: "0f98e61f04",
    CodeGenerator.enter_frame: "c4a51ea389",
    CodeGenerator.visit_Include: "702a181e57",
    CodeGenerator.visit_Output: "e3ec89f4fd",
    CodeGenerator.visit_Template: "106dc327c1",
    optimizeconst: "f46514780a",
    Context.__init__: "f030da22ef",
    Context.call: "936ba362f9",
    Environment._compile: "32a630e1bf",
    Environment._generate: "a69b10e8b0",
    Environment._tokenize: "f87c66587c",
    Environment.compile: "129cb4690a",
    Template._from_namespace: "2884ea8ac0",
    Template._get_default_module: "8ab56c2337",
    of_property(Template, "debug_info"): "e059959425",
    TemplateReference: "9c051fb1f6",
    TokenStream: "94a0689f1c",
    Undefined.__init__: "c9d1171069",
    Undefined._fail_with_undefined_error: "0253033b53",
    of_property(Undefined, "_undefined_message"): "8cfa58d1e4",
    GroupTuple: "652340f439",
}


def digest(read: Callable[..., Any]) -> str:
    lines = [line.strip() for line in inspect.getsource(read).splitlines()]
    return hashlib.sha256("\n".join(filter(None, lines)).encode()).hexdigest()[:10]


@pytest.mark.parametrize("read", READ, ids=lambda read: read.__qualname__)
def test_what_is_private_in_jinja2_is_as_it_was_read(read: Callable[..., Any]) -> None:
    """Where it has changed: read it again, mend what `jinja_internals` makes of it, then note the new digest."""
    assert digest(read) == READ[read]


def private_names() -> set[str]:
    """Return the private names that Jinja2's modules define."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(jinja2.__path__):
        for node in ast.walk(ast.parse((Path(jinja2.__path__[0]) / f"{module.name}.py").read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef() | ast.ClassDef():
                    found.add(node.name)
                case ast.Attribute(ctx=ast.Store()):
                    found.add(node.attr)
                case ast.Name(ctx=ast.Store()):
                    found.add(node.id)
    return {name for name in found if re.match("_[^_]", name)}


def defined_here(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                yield node.name
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Constant(value=str() as slot):
                yield slot


def asked_for(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a module asks others for: of an object, by import, or in code that it writes."""
    own = set(defined_here(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) if name not in own:
                yield name
            case ast.ImportFrom(module=str() as module, names=names) if module.startswith("jinja2"):
                yield from (alias.name for alias in names)
            case ast.Constant(value=str() as text):
                yield from re.findall(r"\.(_\w+)", text)


def test_no_other_module_asks_jinja2_for_what_is_private() -> None:
    """Each such name stands in `jinja_internals`."""
    private = private_names()
    assert {"_tokenize", "_GroupTuple", "_undefined_obj", "_get_default_module"} <= private
    asking = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if private.intersection(asked_for(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert asking == {"jinja_internals.py"}


def test_no_other_class_overrides_what_is_private_in_jinja2() -> None:
    """A private method of Jinja2's classes is overridden in `jinja_internals` alone."""
    from llm_persona.templating import generation, recorder, sandbox

    for module in (generation, sandbox, recorder):
        for kind in filter(inspect.isclass, vars(module).values()):
            if kind.__module__ != module.__name__:
                continue
            theirs = {name for base in kind.__mro__ if base.__module__.startswith("jinja2") for name in vars(base)}
            overridden = {name for name in vars(kind) if re.match("_[^_]", name)} & theirs
            assert overridden - {"_abc_impl"} == set(), kind


# ---- and it does what it is used for


def test_an_open_environment_hands_over_tokens_and_code() -> None:
    """What it gives back is parsed, and compiled."""

    class Shouting(OpenEnvironment):
        def tokens(self, tokens: Any) -> Iterator[Any]:
            return (
                token if token.type != "data" else type(token)(token.lineno, "data", token.value.upper())
                for token in tokens
            )

        def generated(self, source: str) -> str:
            return source.replace("' A'", "' An'")

    assert Shouting().from_string("{{ x }} a").render(x=1) == "1 An"


def test_code_that_cannot_be_compiled_is_told_with_the_line_of_its_template() -> None:
    """Jinja2 tells the line of the code."""

    class Wrong(OpenEnvironment):
        def generated(self, source: str) -> str:
            return source.replace("'wrong'", "return = 1")

    with pytest.raises(SyntaxError) as caught:
        Wrong().from_string("\n\n{{ x }}\n{{ 'wrong' ~ x }}")
    assert caught.value.lineno in (3, 4)


def generated(source: str, **others: str) -> str:
    environment = Environment(loader=DictLoader(others))
    return str(environment.compile(source, "t", "t", raw=True))


def test_generated_code_says_what_is_looked_for_in_it() -> None:
    """How it looks names up, hands on to a parent, prints an include, and ends."""
    looked_up = generated("{{ persona.name }}")
    assert "resolve('persona')" in looked_up
    assert internals.read_directly(looked_up, ("persona", "session")).count("context.persona") == 1
    extending = generated("{% extends 'p' %}", p="")
    assert "return parent_template.root_render_func(context)" in internals.calling_parents(extending)
    assert internals.PRINTED_ALONE in generated("{% include 'p' without context %}", p="")
    assert re.search(r"\ndebug_info = '1=\d+'\Z", looked_up)


def test_what_is_set_around_a_call_is_told_from_its_arguments() -> None:
    """Generated code gives both with the call of a function."""
    seen: list[dict[str, Any]] = []

    class Listening(OpenEnvironment):
        def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2
            seen.append(kwargs)
            return super().call(__context, __obj, *args, **kwargs)

    source = "{% block b %}{{ f(a=1) }}{% for i in [1] %}{{ f(a=i) }}{% endfor %}{% endblock %}"
    Listening().from_string(source).render(f=lambda a: a)
    assert [set(each) for each in seen] == [{"a", "_block_vars"}, {"a", "_loop_vars"}]
    assert [internals.without_scope(each) for each in seen] == [{"a": 1}, {"a": 1}]


def test_a_group_is_of_the_class_that_is_named() -> None:
    """What `groupby` gives."""
    source = "{% for g in items|groupby(0) %}{{ kind(g) }}{% endfor %}"
    assert Environment().from_string(source).render(items=["ab"], kind=lambda g: type(g) is GroupTuple) == "True"


def test_what_is_undefined_knows_what_was_asked_for_it() -> None:
    """And raises what its use would."""
    owner = object()
    absent = Environment().getattr(owner, "x")
    assert internals.subject_of(absent) is owner
    with pytest.raises(jinja2.UndefinedError, match="has no attribute 'x'"):
        internals.fail(absent)


def test_a_reference_to_a_block_is_made_again_of_another_class() -> None:
    """It calls the same block, in the same context."""
    parent, child = "{% block b %}old{% endblock %}", "{% extends 'p' %}{% block b %}{{ seen(super) }}{% endblock %}"
    found: list[OpenReference] = []

    def seen(reference: BlockReference) -> str:
        again = OpenReference.of(reference)
        assert isinstance(again, OpenReference)
        found.append(again)
        return str(again())

    environment = Environment(loader=DictLoader({"p": parent, "c": child}))
    assert environment.get_template("c").render(seen=seen) == "old"
    assert "".join(found[0].block(found[0].context)) == "old"


def run(template: Template, **names: Any) -> None:
    """Run a template with the traceback of its code, in which `render` puts that of its source."""
    list(template.root_render_func(template.new_context(names)))


def test_the_line_that_runs_is_known() -> None:
    """Also the one that ran when an error came, which is where it began to call itself for one without end."""
    source = "\n{{ where() }}{{ 1 / x }}"
    told: list[object] = []
    template = Environment(loader=DictLoader({"t": source})).get_template("t")
    with pytest.raises(ZeroDivisionError) as caught:
        run(template, where=lambda: told.append(internals.running_at(sys._getframe())), x=0)
    assert told == [("t", 2)]
    assert internals.ran_last(caught.value) == ("t", 2)
    assert internals.ran_last(ValueError()) is None
    circle = "{% macro m() %}\n{{ m() }}{% endmacro %}\n\n{{ m() }}"
    with pytest.raises(RecursionError) as endless:
        run(Environment(loader=DictLoader({"t": circle})).get_template("t"))
    assert internals.ran_last(endless.value) == ("t", 2)


def test_the_line_that_was_read_when_an_error_came_is_known() -> None:
    """By the parser, and by what writes code."""

    class Stopping(OpenEnvironment):
        def tokens(self, tokens: Any) -> Iterator[Any]:
            for token in tokens:
                if token.value == "stop":
                    raise ArithmeticError
                yield token

    with pytest.raises(ArithmeticError) as parsing:
        Stopping().parse("\n\n{{ a }}\n{{ stop }}")
    assert internals.line_read(parsing.value) == 4

    class Failing(CodeGenerator):
        def visit_Const(self, node: Any, frame: Any) -> None:  # noqa: N802 - jinja2's name
            raise ArithmeticError

    environment = Environment(optimized=False)
    environment.code_generator_class = Failing
    with pytest.raises(ArithmeticError) as writing:
        environment.compile(environment.parse("\n{{ x }}\n{{ x + 1 }}"))
    assert internals.line_read(writing.value) == 3
    assert internals.line_read(ValueError()) == 1
