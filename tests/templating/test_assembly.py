"""White space and the stable prefix: of events, and of generated templates run in the real environment."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError, Prompt
from llm_persona.persona.binding import Bound
from llm_persona.templating.assembly import Assembled, assemble, condensed
from llm_persona.templating.events import Begin, End, TemplateText, Watch
from llm_persona.templating.templates import Templates

# ---- events by hand


Event = str | tuple[object, ...] | list[object]  # a template's text, (data,), (a block's name, whether it begins)


def pieces(events: Iterable[object]) -> list[object]:
    made: list[object] = []
    for event in events:
        if isinstance(event, str):
            made.append(TemplateText(event))
        elif isinstance(event, list):
            made += ["", *pieces(event), ""]  # caught, and printed
        elif len(event) == 1:  # type: ignore[arg-type]  # a tuple
            made.append(event[0])  # type: ignore[index]
        else:
            made.append((Begin if event[1] else End)(event[0]))  # type: ignore[index]
    return made


def assembled(*events: Event) -> Assembled:
    watch = Watch()
    watch.pieces = pieces(events)
    return assemble(watch)


def block(name: str, *events: Event) -> list[Event]:
    return [(name, True), *events, (name, False)]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([], ""),
        ([" \n\t "], ""),
        (["a"], "a"),
        (["\n\n  a \n\n"], "a"),
        (["a  \nb\t\n"], "a\nb"),
        (["a\n\n\n\nb"], "a\n\nb"),
        (["a\n", "\n\n", "\n b"], "a\n\n b"),
        (["a\n \n \n b"], "a\n\n b"),
        (["a\n", ("",), "\n\n", "b"], "a\n\nb"),
        (["Tone: ", ("",), "\n"], "Tone:"),
        (["Tone: ", ("",), "\nx"], "Tone:\nx"),
        (["Tone: ", ("x  ",), "  \n", "b"], "Tone: x  \nb"),
        ([("x\n\n\n\ny \n",)], "x\n\n\n\ny \n"),
        ([(" \n ",)], " \n "),
        (["\n", (" a",), "\n"], " a"),
        (["- ", (" a\r\n\t",), "\n"], "-  a\r\n\t"),
        ([*block("a", "\nA\n"), "\n\n\n", *block("b", "\n  B\n")], "A\n\nB"),
        ([*block("a", "\nA\n"), *block("b", "\n", ("B",), "\n")], "A\n\nB"),
        ([*block("a", "\nA\n"), "\n", *block("b", "\n \n"), "\n", *block("c", "C")], "A\n\nC"),
        ([*block("a", " "), *block("b", "B")], "B"),
        (["Hi ", *block("a", "Jo"), "!"], "Hi Jo!"),
        (["Hi ", *block("a"), "!"], "Hi !"),
        ([*block("a", "A"), " ", *block("b", "B")], "A B"),
        ([*block("a", "A"), "\nx\n", *block("b", "B")], "A\nx\nB"),
        ([*block("a", ("A\n",)), "\n", *block("b", "B")], "A\n\n\nB"),
        ([["\na\n", ("b ",), "\n"], "c"], "a\nb \nc"),
    ],
)
def test_what_becomes_of_white_space(events: list[Event], text: str) -> None:
    """A template's own white space is tidied, data is not, blocks are parted by one blank line."""
    assert assembled(*events).text == text


def test_sections_are_the_blocks_that_print() -> None:
    """Each outer block's text by name and in order; the outermost `prompt` is where they stand, not one of them."""
    inner = block("b", "B", *block("nested", "N"), ("\nD ",), "\n")
    events = block("prompt", *block("a", "\nA\n"), "\n", *block("empty"), "\n", *inner, *block("a", "again"))
    done = assembled(*events)
    assert [(name, done.text[start:end]) for name, start, end in done.sections] == [
        ("a", "A"),
        ("b", "BN\nD "),
        ("a", "again"),
    ]
    assert done.text == "A\n\nBN\nD \n\nagain"


BLANKS = st.text(st.sampled_from(" \n\t"), max_size=3)
WRITTEN = st.builds(lambda a, body, b: a + body + b, BLANKS, st.sampled_from(["", "a", "- ", "a\n\n\nb"]), BLANKS)
EVENTS = st.lists(WRITTEN | st.tuples(st.sampled_from(["", "x", " y \n", "\n"])), max_size=6)


@given(EVENTS, EVENTS, EVENTS, st.booleans())
def test_what_is_condensed_comes_to_the_same_wherever_it_stands(
    before: list[Event], events: list[Event], after: list[Event], in_block: bool
) -> None:
    """Before, after and among other pieces, at the beginning of a prompt or of a block, and with sections as before."""
    watch, short = Watch(), Watch()
    outer, end = (["\n", ("b", True)], [("b", False), "\n", *block("c", "C")]) if in_block else ([], [])
    first, last = pieces([*before, *outer]), pieces([*after, *end])
    watch.pieces = [*first, *pieces(events), *last]
    short.pieces = [*first, *condensed(pieces(events)), *last]
    one, other = assemble(watch), assemble(short)
    assert (one.text, one.sections) == (other.text, other.sections)


# ---- generated templates

PERSONA = Persona(
    name="Maya",
    role="Helper",
    company="Acme",
    tone="kind \n",
    capabilities=["one", "two {u}", "three\n\n\n"],
    constraints=["never"],
    custom_sections={"A": "\n alpha \n\n", "B": "{u}", "C": "plain"},
    variables={"u": None, "v": "", "w": "d"},
)
NAMES = ["u", "v", "w", "absent"]
PRINTS = [
    "{{ persona.name }}",
    "{{ persona.tone }}",
    "{{ persona.capabilities[0] }}",
    "{{ persona.capabilities|length }}",
    "{{ persona.capabilities|join(', ') }}",
    "{{ persona.custom_sections.A }}",
    "{{ session.u }}",
    "{{ session.v }}",
    "{{ session.v|upper }}",
    "{{ session.u ~ persona.name }}",
    "{{ session.absent|default('none') }}",
    "{{ session.l|join }}",
    "{{ session.u|length }}",
    "{{ '' }}",
    "{{ 'x' if session.v }}",
    "{{ 1 if session.u == session.v else 2 }}",
    "{{ m(session.u) }}",
    "{{ m('') }}",
    "{{ n() }}",
    "{{ n()|trim }}",
    "{{ persona.capabilities|map('upper')|first }}",
    "{{ session.l|first|default('e') }}",
]
texts = st.sampled_from(
    ["a", "b ", " ", "\n", "\n\n", "\n\n\n", "  \n", "\t", "- ", "x\n", "\ny", "# h\n\n", ".", "<t>"]
)
prints = st.sampled_from(PRINTS)
conditions = st.sampled_from(
    [
        "session.u",
        "session.v",
        "not session.v",
        "session.absent is defined",
        "session.u == 'x'",
        "session.l",
        "persona.company",
        "persona.capabilities",
        "'x' in session.u",
        "session.u is string",
        "true",
        "false",
        "n()|trim",
    ]
)
lists = st.sampled_from(
    [
        "persona.capabilities",
        "session.l",
        "persona.constraints",
        "range(2)",
        "session.l|sort",
        "[]",
        "persona.custom_sections",
    ]
)
dash = st.sampled_from(["", "-", "+"])


def bodies(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=4).map("".join)
    loops = st.builds(
        lambda items, text, more, a, b: (
            f"{{%{a} for i in {items} %}}{text}{{{{ i }}}}{more}{{% if loop.last %}}END{{% endif %}}{{% endfor {b}%}}"
        ),
        lists,
        body,
        body,
        dash.filter(lambda d: d != "+"),
        dash,
    )
    plain_loops = st.builds(
        lambda items, text: f"{{% for i in {items} %}}- {{{{ i }}}}\n{text}{{% endfor %}}", lists, body
    )
    ifs = st.builds(
        lambda test, text, other, a, b: f"{{%{a} if {test} {b}%}}{text}{{% else %}}{other}{{% endif %}}",
        conditions,
        body,
        body,
        dash,
        dash.filter(lambda d: d != "+"),
    )
    sets = st.builds(lambda text, more: f"{{% set q %}}{text}{{% endset %}}{more}{{{{ q }}}}", body, body)
    values = st.builds(lambda text: f"{{% set q = session.u %}}{text}{{{{ q }}}}", body)
    filters = st.builds(
        lambda name, text: f"{{% filter {name} %}}{text}{{% endfilter %}}",
        st.sampled_from(["upper", "indent(2)", "trim", "replace('a', '')"]),
        body,
    )
    calls = st.builds(lambda text: f"{{% call k() %}}{text}{{% endcall %}}", body)
    withs = st.builds(lambda text: f"{{% with z = session.w %}}{text}{{{{ z }}}}{{% endwith %}}", body)
    return loops | plain_loops | ifs | sets | values | filters | calls | withs


leaves = texts | prints | st.sampled_from(["{% include 'part' %}", "{# note #}", "{%- if true %}t{% endif -%}"])
sources = st.lists(st.recursive(leaves, bodies, max_leaves=12), max_size=6).map("".join)
MACROS = (
    "{% macro m(x) %}[{{ x }}]\n{% endmacro %}{% macro n() %}\n{% if session.v %}full{% endif %}\n{% endmacro %}"
    "{% macro k() %}<\n{{ caller() }}\n>{% endmacro %}\n"
)
PART = "part: {{ persona.role }}\n{% if session.v %}{{ session.v }}{% endif %}\n"


def blocks(source: list[str]) -> str:
    return "\n\n".join(f"{{% block b{i} %}}\n{text}\n{{% endblock %}}" for i, text in enumerate(source))


alone = sources.map(lambda source: {"t": MACROS + source, "part": PART})
in_blocks = st.lists(sources, min_size=1, max_size=3).map(
    lambda parts: {"t": MACROS + blocks([MACROS + p for p in parts]), "part": PART}
)
override = st.builds(
    lambda name, source, parent, again: {
        "t": f'{{% extends "{parent}" %}}{{% block {name} %}}\n{MACROS}{source}{again}\n{{% endblock %}}',
        "part": PART,
    },
    st.sampled_from(["identity", "tone", "capabilities", "sections", "session", "prompt", "extra"]),
    sources,
    st.sampled_from(["default", "markdown", "xml", "compact"]),
    st.sampled_from(["", "{{ super() }}", "{{ super()|trim }}", "{{ super() }}{{ session.v }}"]),
)
files = alone | in_blocks | override

lines = st.text(st.sampled_from("ab <&\n\t"), max_size=4)
values = st.fixed_dictionaries(
    {
        "u": lines | st.integers(),
        "v": lines,
        "w": lines,
        "l": st.lists(lines, max_size=2),
        "extra_sections": st.dictionaries(lines, lines, max_size=2),
    }
)


def bound(sources: Mapping[str, str]) -> Persona:
    """Return the persona with these templates."""
    return _bound(tuple(sorted(sources.items())))


@cache
def _bound(sources: tuple[tuple[str, str], ...]) -> Persona:
    with tempfile.TemporaryDirectory() as folder:
        for name, source in sources:
            Path(folder, f"{name}.j2").write_text(source, encoding="utf-8", newline="")
        templates = Templates(folder)
    return dataclasses.replace(PERSONA, _bound=Bound(templates))


def rendered(persona: Persona, session: Mapping[str, object]) -> Prompt | None:
    try:
        return persona.render("t", **session)
    except PersonaError:
        return None


@settings(max_examples=150)
@given(files, values, values)
def test_prompts_of_one_template_share_their_stable_prefix(
    sources: dict[str, str], one: dict[str, object], other: dict[str, object]
) -> bool:
    """Whatever the session's values, two prompts with the same session names begin with the same stable text."""
    persona = bound(sources)
    first, second = rendered(persona, one), rendered(persona, other)
    for prompt in (first, second):
        if prompt is not None:
            assert prompt.stable + prompt.rest == prompt.text
    if first is None or second is None:
        return False
    assert second.text.startswith(first.stable)
    assert first.text.startswith(second.stable)
    assert first.stable == second.stable
    return True


@settings(max_examples=60)
@given(files, values)
def test_a_prompt_never_differs_between_two_renders(sources: dict[str, str], session: dict[str, object]) -> bool:
    """The same persona, template and session give the same prompt, in the same registry and in a new one."""
    persona = bound(sources)
    first = rendered(persona, session)
    _bound.cache_clear()
    for again in (rendered(persona, session), rendered(bound(sources), session)):
        assert (again and again.text, again and again.stamp()) == (first and first.text, first and first.stamp())
    return first is not None


CLEAN = Persona(
    name="Maya",
    role="Helper",
    company="Acme",
    tone="kind",
    capabilities=["one", "two"],
    custom_sections={"A": "said"},
    variables={"v": "", "u": "x"},
)


@settings(max_examples=100)
@given(files)
def test_templates_write_no_untidy_white_space(sources: dict[str, str]) -> bool:
    """With data that has no white space of its own: LF only, no trailing spaces, no two blank lines, none at the ends."""
    for name, source in sources.items():
        # What a filter returns is data: it may end in what it was given.
        source = source.replace("n()|trim", "n()").replace("{% endfilter %}", "{% endif %}").replace("upper", "lower")
        sources[name] = re.sub(r"{% filter .*? %}", "{% if true %}", source).replace("\n", "\r\n")
    persona = dataclasses.replace(CLEAN, _bound=bound(sources)._bound)
    prompt = rendered(persona, {"l": ["a"], "w": "b"})
    if prompt is None:
        return False
    assert "\r" not in prompt.text
    assert not re.search(r"[ \t]\n", prompt.text)
    assert "\n\n\n" not in prompt.text
    assert prompt.text == prompt.text.strip()
    return True


@settings(max_examples=100)
@given(
    st.text(st.sampled_from(" \n\t\ra\x0b\u2028"), min_size=1),
    st.sampled_from(["default", "markdown", "xml", "compact"]),
)
def test_authors_text_is_never_touched(text: str, template: str) -> None:
    """Trailing spaces and newlines, CR, tabs, texts of white space alone: each stands in the prompt as it was written."""
    fields = {"tone": text, "capabilities": [text], "constraints": [text]} if text.strip() else {}
    persona = Persona(name="M", role="R", custom_sections={"S": f"{text}|", "T": text}, variables={}, **fields)
    prompt = persona.build_system_prompt(template)
    assert f"{text}|\n" in prompt
    if fields:
        assert f"- {text}\n" in prompt
        assert text in prompt.split("Tone", 1)[1] if template in ("default", "compact", "markdown") else text in prompt
    if template == "default":
        assert prompt.endswith(f"{text}|\n\n{text}")
