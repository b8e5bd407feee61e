"""The environments: what an expression may reach, and what comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import BaseLoader, StrictUndefined

from llm_persona.placeholders import Placeholder
from llm_persona.templating.assembly import assemble
from llm_persona.templating.events import Watch
from llm_persona.templating.sandbox import Sandbox, XmlSandbox
from llm_persona.templating.session import XML, Record, Verbatim, neutralise
from llm_persona.templating.views import Filling, PersonaView, SessionView, Text, TextTable

FIELDS = {
    "name": "Maya",
    "tone": Text(("<", Placeholder("u"), ">"), ("tone",)),
    "company": None,
    "capabilities": ("a", Text((Placeholder("u"),), ("capabilities", 1))),
    "custom_sections": TextTable({"items": "section"}),
    "tool_descriptions": Record({}),
}


def run(source: str, session: dict[str, object], *, xml: bool = False) -> str:
    environment = (XmlSandbox if xml else Sandbox)(BaseLoader())
    values = neutralise(session, XML).values if xml else neutralise(session).values
    fields = {name: Verbatim(value) if xml and isinstance(value, str) else value for name, value in FIELDS.items()}
    filling = Filling("Maya", values, Watch(), Verbatim if xml else None)
    template = environment.from_string(source)
    session_view = SessionView(values, values, filling.watch, environment.absent_variable)
    names = {"persona": PersonaView({}, fields, filling), "session": session_view}
    context = environment.context_class(environment, names, "t", template.blocks)
    context.watch = filling.watch
    context.pieces = filling.watch.pieces
    template.root_render_func(context)
    return assemble(filling.watch).text


atoms = st.sampled_from(
    [
        "persona",
        "session",
        "persona.name",
        "persona.tone",
        "persona.company",
        "persona.capabilities",
        "persona.custom_sections",
        "persona.tool_descriptions",
        "session.u",
        "session.l",
        "session.r",
        "session.absent",
        "session.flag",
        "range",
        "range(3)",
        "self",
        "none",
        "true",
        "'text'",
        "1",
        "1.5",
        "[]",
        "{}",
        "{'a': session}",
        "[persona, none]",
        "('x', 1)",
    ]
)
ATTRIBUTES = [
    "__class__", "__init__", "__globals__", "__dict__", "__mro__", "_filling", "_fields", "_entries", "_texts", "values",
    "items", "keys", "get", "name", "format", "format_map", "append", "upper", "split", "index", "count", "lookup", "fill",
    "absent", "watch", "parts", "gi_frame", "f_globals", "start", "real", "from_bytes", "fromkeys", "escape", "unescape",
    "striptags", "encode", "join", "translate", "zfill", "cycle", "__html__", "mro", "entries",
]  # fmt: skip
FILTERS = [
    "string", "upper", "list", "first", "last", "join", "join(session.u)", "join(persona)", "items|list", "dictsort", "sort",
    "unique|list", "map('upper')|list", "map('string')|list", "map(attribute='__class__')|list", "map(attribute='name')|list",
    "groupby('__class__')", "selectattr('__class__')|list", "select|list", "length", "default('d')", "d('', true)", "replace('a', session.u)",
    "replace('a', persona)", "trim", "title", "truncate(3)", "indent", "reverse", "e", "xml_attribute", "int", "float", "abs",
    "sum", "max", "min", "round", "wordcount", "capitalize", "lower", "forceescape",
]  # fmt: skip


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    attribute = st.sampled_from(ATTRIBUTES)
    return (
        st.builds(lambda a, b: f"{a}.{b}", inner, attribute)
        | st.builds(lambda a, b: f"{a}['{b}']", inner, attribute)
        | st.builds(lambda a, b: f"{a}[{b}]", inner, inner)
        | st.builds(lambda a, b: f"({a}|{b})", inner, st.sampled_from(FILTERS))
        | st.builds(
            lambda a, op, b: f"({a} {op} {b})",
            inner,
            st.sampled_from(["~", "+", "==", "in", "and", "or", "%", "*", "<"]),
            inner,
        )
        | st.builds(lambda a: f"{a}()", inner)
        | st.builds(lambda a, b: f"{a}({b})", inner, inner)
        | st.builds(lambda a, b: f"({a} if {b})", inner, inner)
    )


# What mostly prints, made of the same parts: texts, and lists that are joined in the end.
PRINTED = ["string", "upper", "first", "last", "trim", "title", "indent", "lower", "e", "forceescape", "capitalize"]
LISTED = ["list", "sort", "unique|list", "reverse|list", "map('upper')|list", "map('string')|list", "select|list"]
texts = st.recursive(
    st.sampled_from(
        ["persona.name", "persona.tone", "session.u", "session.l[0]", "persona.capabilities|first", "'text'"]
    ),
    lambda inner: (
        st.builds(
            lambda a, b: f"({a}|{b})", inner, st.sampled_from([*PRINTED, "replace('a', session.u)", "d('', true)"])
        )
        | st.builds(lambda a, b: f"({a} ~ {b})", inner, inner | st.sampled_from(["1", "persona.capabilities|length"]))
        | st.builds(lambda a, b: f"({a} if {b} else session.u)", inner, atoms)
        | st.builds(lambda a, b, c: f"({a}|{b}|join({c}))", inner, st.sampled_from(LISTED), inner)
    ),
    max_leaves=6,
)
expressions = st.sampled_from([texts, texts, st.recursive(atoms, grow, max_leaves=6)]).flatmap(lambda found: found)
SESSION: dict[str, object] = {"u": "<u>&\n&#10;a", "l": ["<l>", None], "r": {"<k>": ["v"]}, "flag": True}


@settings(max_examples=800)
@pytest.mark.hits(0.4)
@given(expressions, st.booleans())
def test_no_expression_prints_what_it_must_not(expression: str, xml: bool) -> bool:
    """It gives text of the persona, the session or its own, or an error; never an object's own text."""
    try:
        text = run(f"{{{{ {expression} }}}}", SESSION, xml=xml)
    except Exception:  # Template.run makes a TemplateError of each
        return False
    for leak in (
        "object at",
        "<class",
        "<function",
        "<bound",
        "<built-in",
        "None",
        "True",
        "False",
        "['",
        "{'",
        "range(",
        "Undefined",
    ):
        assert leak.lower() not in text.lower()
    assert "\n" not in text
    if xml and "forceescape" not in expression:
        assert "<u>" not in text.lower()
        assert "<l>" not in text.lower()
        assert "<k>" not in text.lower()
    return True


@pytest.mark.parametrize("sandbox", [Sandbox, XmlSandbox])
def test_the_environment_is_strict_and_the_same_on_every_run(sandbox: type[Sandbox]) -> None:
    """No global but a bounded range, nothing undefined that prints, nothing reloaded."""
    environment = sandbox(BaseLoader())
    assert set(environment.globals) == {"range"}
    assert environment.undefined is StrictUndefined
    assert not environment.auto_reload
    assert not environment.optimized
    assert environment.trim_blocks
    assert environment.lstrip_blocks
    assert environment.extensions == {}


@pytest.mark.parametrize(
    ("expression", "text"),
    [("session.u", "&lt;u&gt;&amp; &amp;#10;a"), ("persona.tone", "<&lt;u&gt;&amp; &amp;#10;a>")],
)
def test_xml_escapes_the_session_and_not_the_persona(expression: str, text: str) -> None:
    """Where it prints, and nowhere else."""
    assert run(f"{{{{ {expression} }}}}", SESSION, xml=True) == text


def test_nothing_is_worked_out_when_a_template_is_compiled() -> None:
    """What would fail, or take long, does so only where it is run."""
    assert run("{% if false %}{{ 'a' * 10 ** 9 }}{{ 1 / 0 }}{% endif %}ok", {}) == "ok"
