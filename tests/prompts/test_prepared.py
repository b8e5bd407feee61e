"""Prepared prompts: the same text and the same errors as running the template, for every template and session."""

from __future__ import annotations

import dataclasses
import json
import pickle
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaError, PersonaRegistry, Prompt, multiline, trusted
from llm_persona.persona.binding import Bound
from llm_persona.prompts.budget import Budget
from llm_persona.prompts.explorations import take
from llm_persona.prompts.plans import Plans
from llm_persona.prompts.prepared import MAX_LEAVES, Branch, Prepared, Tree
from llm_persona.templating.session import neutralise
from llm_persona.templating.templates import Template, Templates

SECONDS = 10  # that threads define and render

# ---- generated templates

VALUES = ["session.a", "session.b", "session['c']", "session.l", "persona.tone", "persona.capabilities[0]", "x"]
LIST = "session.l"
TEXTS = [value for value in VALUES if value != LIST]
OF_ANY = [
    "{v}|length",
    "{v}|int",
    "{v}|join('+')",
    "{v}|list|join",
    "{v}|first",
    "({v}, 1)|last",
    "{v} and persona.name",
    "1 if {v} == session.b else 2",
    "1 if 'a' in {v} else 2",
    "1 if {v} in ['a', 'b'] else 2",
    "{v}[0]",
    "n()",
    "n()|trim",
    "persona.capabilities|map('lower')|join(', ')",
    "persona.constraints|length",
    "''",
]
OF_A_TEXT = [
    "{v}",
    "{v}|default('none')",
    "{v}|default('none', true)",
    "{v}|upper",
    "{v}|string",
    "{v}|trim",
    "{v}|e",
    "{v}|replace('a', '<')",
    "[{v}, session.b]|join(', ')",
    "[{v}, session.b]|first",
    "[{v}]|map('upper')|join",
    "{{'a': {v}}}.a",
    "{v} ~ persona.name",
    "{v} ~ '<'",
    "{v} + 'z'",
    "{v} if {v} else 'empty'",
    "{v} if {v} is defined",
    "{v} or 'other'",
    "{v}.upper()",
    "m({v})",
    "persona.capabilities|join({v})",
]
OF_NONE = [  # of these values: they fail, or what they give cannot be printed
    "{{'a': {v}}}",
    "{v} + 1",
    "{v} * 2",
    "-{v}",
    "not {v}",
    "{v} == 'a'",
    "{v}.a",
    "{v}()",
    "persona[{v}]",
    "session[{v}]",
    "'%s' % {v}",
]
SET = [form.replace("{v}", "session.a") for form in OF_A_TEXT[:8]]
TESTS = [
    "none",
    "string",
    "true",
    "defined",
    "number",
    "mapping",
    "iterable",
    "sequence",
    "false",
    "undefined",
    "upper",
]
CONDITIONS = [
    "{v}",
    "not {v}",
    "{v} == 'a'",
    "{v} != session.b",
    "{v} is defined",
    "{v} is none",
    "{v} is true",
    "'a' in {v}",
    "persona.company",
    "persona.capabilities",
    "true",
]
LOOPED = [
    "persona.capabilities",
    "persona.constraints",
    "session.l",
    "range(session.b|default(2)|int)",
    "range(2)",
    "persona.custom_sections",
    "session.l|default([])",
    "[session.a, session.b]",
    "persona.capabilities|sort",
    "persona.constraints|map('upper')|sort(reverse=true)",
    "persona.capabilities|unique",
    "persona.custom_sections.values()|sort",
    "[persona.capabilities|max]",
]
asked = st.sampled_from(VALUES)


def formed(forms: list[str], values: list[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda form, v: form.format(v=v), st.sampled_from(forms), st.sampled_from(values))


tested = st.builds(
    lambda v, test, wrong: f"'yes' if {v} is {wrong}{test} else 'no'",
    asked,
    st.sampled_from(TESTS),
    st.sampled_from(["", "not "]),
)
SIMPLE = st.sampled_from(["session.a", "session.b", "persona.tone", "session.a|upper", "session.b ~ persona.name"])
usual = formed(OF_ANY, VALUES) | formed(OF_A_TEXT, TEXTS) | tested | st.sampled_from(TEXTS) | SIMPLE
odd = formed(OF_NONE, VALUES) | formed(OF_A_TEXT, [LIST]) | st.just("1 if session.a > 1 else 2")
conditions = st.builds(lambda form, v: form.format(v=v), st.sampled_from(CONDITIONS), asked)
texts = st.sampled_from(["a", "b ", " ", "\n", "\n\n", "\n\n\n", "  \n", "\t", "- ", "x\n", "# h\n\n", ".", "<t>", "&"])
dash = st.sampled_from(["", "", "-"])
LOOP_ENDS = ["", "{% if loop.last %}.{% else %},{% endif %}", "{% if loop.first %}!{% endif %}", "{{ loop.index }}"]


def bodies(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=3).map("".join)
    loops = st.builds(
        lambda items, text, end, a, b: f"{{%{a} for x in {items} {b}%}}{text}{{{{ x }}}}{end}{{% endfor %}}",
        st.sampled_from(LOOPED),
        body,
        st.sampled_from(LOOP_ENDS),
        dash,
        dash,
    )
    ifs = st.builds(
        lambda test, text, other, a, b: f"{{%{a} if {test} {b}%}}{text}{{% else %}}{other}{{%{a} endif {b}%}}",
        conditions,
        body,
        body,
        dash,
        dash,
    )
    sets = st.builds(
        lambda text, more, back: f"{{% set q %}}{text}{{% endset %}}{more}{{{{ q{back} }}}}",
        body,
        body,
        st.sampled_from(["", "|upper", "|length", "|trim"]),
    )
    values = st.builds(lambda value, text: f"{{% set x = {value} %}}{text}{{{{ x }}}}", st.sampled_from(SET), body)
    filters = st.builds(
        lambda name, text: f"{{% filter {name} %}}{text}{{% endfilter %}}",
        st.sampled_from(["upper", "trim", "replace('a', '')", "length", "default('d')"]),
        body,
    )
    calls = body.map("{{% call k() %}}{}{{% endcall %}}".format)
    withs = st.builds(
        lambda v, text: f"{{% with x = {v} %}}{text}{{{{ x }}}}{{% endwith %}}", st.sampled_from(TEXTS), body
    )
    return loops | ifs | sets | values | filters | calls | withs


INCLUDES = ["{% include 'part' %}", "{% include 'marks' without context %}", "{# note #}"]
MACROS = (
    "{% set x = persona.role %}{% macro m(x) %}[{{ x }}]\n{% endmacro %}{% macro n() %}\n{{ session.a }}\n"
    "{% endmacro %}{% macro k() %}<\n{{ caller() }}\n>{% endmacro %}\n"
)
PARTS = {"part": "part: {{ persona.role }}\n{{ session.a }}\n", "marks": "{{ 'p' if persona is defined }}|{{ 'm' }}\n"}
FAMILIES = ["default", "markdown", "xml", "compact"]
AGAIN = ["", "", "{{ super() }}", "{{ super()|upper }}", "{{ self.tone() }}", "{{ self.tone()|length }}"]


def blocks(found: list[str]) -> str:
    return "\n\n".join(f"{{% block b{i} %}}\n{MACROS}{text}\n{{% endblock %}}" for i, text in enumerate(found))


def templates_of(expressions: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    """Templates alone and over others, which print what these expressions give."""
    prints = expressions.map("{{{{ {} }}}}".format)
    leaves = texts | prints | st.sampled_from(INCLUDES)
    sources = st.lists(leaves | st.recursive(leaves, bodies, max_leaves=8), min_size=1, max_size=4).map("".join)
    alone = sources.map(lambda source: {"t": MACROS + source})
    in_blocks = st.lists(sources, min_size=1, max_size=2).map(lambda found: {"t": blocks(found)})
    override = st.builds(
        lambda name, source, parent, again: {
            "t": f'{{% extends "{parent}" %}}{{% block {name} %}}\n{MACROS}{source}{again if name != "tone" else ""}\n{{% endblock %}}'
        },  # a block that calls itself fails in whatever line Python's limit strikes
        st.sampled_from(["identity", "tone", "capabilities", "sections", "session", "prompt", "extra"]),
        sources,
        st.sampled_from(FAMILIES),
        st.sampled_from(AGAIN),
    )
    twice = st.builds(
        lambda first, second, parent, again: {
            "t": f"{{% extends 'middle' %}}{{% block session %}}{MACROS}{second}{again}{{% endblock %}}",
            "middle": f"{{% extends '{parent}' %}}{{% block tone %}}{MACROS}{first}{{% endblock %}}"
            f"{{% block session %}}S: {{{{ session.b }}}}\n{{% endblock %}}",
        },
        sources,
        sources,
        st.sampled_from(FAMILIES),
        st.sampled_from(AGAIN),
    )
    return (alone | in_blocks | override | twice).map(lambda files: PARTS | files)


usually, sometimes = templates_of(usual), templates_of(usual | odd)
templates = st.sampled_from([usually] * 4 + [sometimes]).flatmap(lambda found: found)

# ---- generated personas and sessions

said = st.sampled_from(
    ["plain", "with {a}", "{a}", "{b} and {a}", "{company}: {name}", " {a}\n\n", "<b> & {{a}}", "x \n"]
)
COMPANIES = ["Acme", "Acme {a}"]
BOTH: list[dict[str, str | None] | None] = [None, {"a": None, "b": "d"}, {"a": "", "b": "<i>"}, {"a": "2", "b": "x"}]
BOTH += [{"a": "x", "b": None, "first_name": "y"}]


def persona_of(variables: dict[str, str | None] | None, **fields: Any) -> Persona:
    return Persona("Maya", **fields) if variables is None else Persona("Maya", **fields, variables=variables)


personas = st.builds(
    persona_of,
    role=said,
    company=st.sampled_from([*COMPANIES * 4, None]),
    tone=said,
    capabilities=st.lists(said, max_size=3),
    constraints=st.lists(said, max_size=2),
    greeting=st.none() | said,
    custom_sections=st.dictionaries(st.sampled_from(["A", "B <b>"]), said, max_size=2),
    variables=st.sampled_from([*BOTH * 3, {"a": "2"}]),  # without b, a text that uses it is an error
)
lines = st.text(st.sampled_from("ab1 <&>\"'\n\t\x85é\u200b"), max_size=4)
scalars = (
    lines
    | lines.filter(bool)
    | st.sampled_from(["a", "pro", "A", 0, 1, 3, -1.5, True, False, None, Decimal("1.10"), date(2024, 5, 1)])
    | lines.map(multiline)
    | lines.map(trusted)
)
nested = (
    scalars
    | st.lists(scalars, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "items"]), scalars, max_size=2)
    | st.sampled_from([b"bytes", float("nan"), "\0", object])
)
printable = lines | lines.filter(bool) | lines.map(multiline) | lines.map(trusted)
LIKELY: dict[str, st.SearchStrategy[object]] = {
    "l": st.lists(printable, max_size=3),
    "b": printable | st.integers(0, 3),
}
SESSIONS = [
    *[["a", "b", "c", "l"]] * 20,
    *[["a", "b"]] * 2,
    ["a"],
    ["a", "b"],
    ["b", "a"],
    ["a", "b", "c", "l"],
    ["a", "b", "l"],
    ["a", "firstname"],
    [],
    ["a", "b", "first_nam"],
]


@st.composite
def sessions(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, object]]:
    """Two sessions of the same names."""
    names = draw(st.sampled_from(SESSIONS))
    values = {name: LIKELY.get(name, printable) for name in names}
    if names and draw(st.integers(0, 5)) == 0:  # what may be an error, and mostly is none
        values[draw(st.sampled_from(names))] = scalars | nested
    if draw(st.integers(0, 4)) == 0:
        values["extra_sections"] = st.dictionaries(lines, lines, max_size=2)
    return draw(st.fixed_dictionaries(values)), draw(st.fixed_dictionaries(values))


def compiled(files: Mapping[str, str]) -> Templates:
    with tempfile.TemporaryDirectory() as folder:
        for name, source in files.items():
            Path(folder, f"{name}.j2").write_text(source, encoding="utf-8", newline="")
        return Templates(folder)


def built(persona: Persona, template: str | None, session: Mapping[str, object]) -> str:
    try:
        return persona.build_system_prompt(template, **session)
    except PersonaError as error:
        return f"{type(error).__name__}: {error}"


def outcome(persona: Persona, template: str | None, session: Mapping[str, object]) -> tuple[object, ...]:
    """Return all that a caller can see of a prompt, or of the error."""
    try:
        prompt = persona.render(template, **session)
    except PersonaError as error:
        return type(error), str(error), built(persona, template, session)
    assert built(persona, template, session) == prompt.text
    return shown(prompt)


def failing(made: Templates) -> tuple[object, ...] | None:
    """Return the outcome of a template that cannot be compiled."""
    try:
        made.get("t")
    except PersonaError as error:
        return type(error), str(error), f"{type(error).__name__}: {error}"
    return None


def wholly_run(persona: Persona, template: Template, session: Mapping[str, object]) -> tuple[object, ...]:
    """Return what `outcome` does, of a prompt of which nothing was kept from other renders."""
    try:
        persona._check_complete()
        prompt = Plans(persona._prepared(), Budget(), lambda _: template, precompile=False).render("t", session)
    except PersonaError as error:
        return type(error), str(error), f"{type(error).__name__}: {error}"
    return shown(prompt)


def shown(prompt: Prompt) -> tuple[object, ...]:
    sections = list(prompt.sections.items())
    return prompt.text, prompt.stable, prompt.rest, sections, prompt.unused, prompt.folded, prompt.stamp()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.hits(0.4)
@given(templates, personas, sessions())
def test_a_prepared_prompt_is_the_ordinary_one(
    files: dict[str, str], persona: Persona, given: tuple[dict[str, object], dict[str, object]]
) -> bool:
    """Text, stable part, sections, unused and folded names, errors: the same in every call, whatever the template does."""
    made = compiled(files)
    ordinary = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
    prepared = dataclasses.replace(persona, _bound=Bound(made))
    run = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
    for session in (*given, *given, given[0]):  # what runs keep is used from the third on
        expected = failing(made) or wholly_run(run, made.get("t"), session)
        assert outcome(ordinary, "t", session) == expected
        for _ in range(2):  # run, then recorded or filled
            assert outcome(prepared, "t", session) == expected
    return isinstance(expected[0], str)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.hits(0.4)
@given(templates, personas, sessions())
def test_a_recording_says_what_a_run_prints(
    files: dict[str, str], persona: Persona, given: tuple[dict[str, object], dict[str, object]]
) -> bool:
    """The same text, stable part and error, for the values that it was made with; and nothing is beyond it."""
    made = compiled(files)
    bound = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
    if failing(made) is not None:
        return False
    template = made.get("t")
    try:
        values = neutralise(given[0], template.family).values
        bound._prepared().check_names(template, values, values)
    except PersonaError:
        return False
    taken = take(bound._prepared(), template, values)
    assert taken.doubtful == []
    assert taken.asked == []  # all is known
    expected = outcome(bound, "t", given[0])
    if taken.error is not None:
        assert expected[:2] == (type(taken.error), str(taken.error))
        return False
    assert (taken.text, taken.text[: taken.assembled.stable_length]) == expected[:2]
    return True


@pytest.mark.parametrize("family", ["base", "xml"])
@pytest.mark.parametrize(
    "loop",
    [
        "{% for x in persona.custom_sections %}{{ x }}{{ persona.custom_sections[x] }}{% endfor %}",
        "{% for x in persona.custom_sections.keys() %}{{ x }}{% endfor %}",
        "{% for x in persona.custom_sections.values() %}{{ x }}{% endfor %}",
        "{% for x, y in persona.custom_sections.items() %}{{ x }}{{ y }}{% endfor %}",
        "{% for x in persona.custom_sections|sort %}{{ x }}{% endfor %}",
        "{{ persona.custom_sections|list|join(', ') }}{{ persona.custom_sections|first }}",
        "{% for x, y in persona.custom_sections|dictsort %}{{ x }}{{ y }}{% endfor %}",
        "{% for x, y in persona.custom_sections|dictsort(by='value') %}{{ x }}{{ y }}{% endfor %}",
    ],
)
def test_a_recording_prints_the_names_and_texts_of_sections_as_a_run_does(family: str, loop: str) -> None:
    """However a template walks through them, and whatever stands in them."""
    made = compiled({"t": f"{{% extends '{family}' %}}{{% block session %}}{loop}{{{{ session.a }}}}{{% endblock %}}"})
    persona = Persona("Maya", "Guide", custom_sections={"B <b>": "x & y", "A": "with {a}"})
    bound = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
    values: dict[str, object] = {"a": "<i>"}
    taken = take(bound._prepared(), made.get("t"), neutralise(values, made.get("t").family).values)
    assert (taken.error, taken.text) == (None, outcome(bound, "t", values)[0])


@pytest.mark.parametrize("asked", ["session[session.l]", "persona[session.l]", "session[1]", "session.l[session.l]"])
def test_a_recording_and_a_run_say_alike_what_cannot_be_asked_for(asked: str) -> None:
    """A session is a session in an error, whoever stands in for it."""
    made = compiled({"t": f"{{{{ {asked} }}}}"})
    bound = dataclasses.replace(Persona("Maya", "Guide"), _bound=Bound(made, precompile=False))
    values: dict[str, object] = {"l": ["a"]}
    taken = take(bound._prepared(), made.get("t"), neutralise(values, made.get("t").family).values)
    kind, message, *_ = outcome(bound, "t", values)
    assert taken.error is not None
    assert (type(taken.error), str(taken.error)) == (kind, message)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(personas, sessions(), st.sampled_from(FAMILIES))
def test_a_bundled_template_is_prepared_the_same(
    persona: Persona, given: tuple[dict[str, object], dict[str, object]], template: str
) -> bool:
    """The bundled templates, with any persona and session."""
    made = Templates()
    ordinary = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
    prepared = dataclasses.replace(persona, _bound=Bound(made))
    for session in (given[0], given[1], given[0]):
        expected = outcome(ordinary, template, session)
        assert outcome(prepared, template, session) == expected
    return isinstance(expected[0], str)


any_names = st.dictionaries(st.sampled_from(["a", "b", "c", "other", "extra_sections"]), scalars | nested, max_size=4)
all_names = st.fixed_dictionaries(
    {"a": printable, "b": printable, "c": printable, "l": st.lists(printable, max_size=2)}
)
calls = st.lists(
    st.tuples(
        st.sampled_from(["t", "t", *FAMILIES, None]),
        st.sampled_from([any_names, all_names, all_names]).flatmap(lambda found: found),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.hits(0.35)
@given(templates, personas, calls)
def test_calls_of_any_names_in_any_order_are_those_of_a_new_persona(
    files: dict[str, str], persona: Persona, calls: list[tuple[str | None, dict[str, object]]]
) -> bool:
    """What one call leaves behind changes no other, whatever its template, its names and its values."""
    made = compiled(files)
    kept = dataclasses.replace(persona, _bound=Bound(made))
    prompts = 0
    for template, session in calls:
        new = dataclasses.replace(persona, _bound=Bound(made, precompile=False))
        text = built(kept, template, session)
        assert text == built(new, template, session)
        expected = outcome(new, template, session)
        assert outcome(kept, template, session) == expected
        prompts += isinstance(expected[0], str)
    return prompts > 1


# ---- what is prepared, and what is run

PERSONA = Persona(
    name="Maya", role="Helper", tone="kind to {a}", capabilities=["one", "two {a}"], variables={"a": None, "b": "d"}
)


def tree(source: str, *sessions: dict[str, object]) -> Tree:
    """Return what is kept of a template after each of these sessions was rendered twice."""
    persona = dataclasses.replace(PERSONA, _bound=Bound(compiled({**PARTS, "t": source})))
    for session in (sessions or ({"a": "Ana", "b": "pro"},)) * 2:
        persona.render("t", **session)
    (plan,) = persona._planned()._plans.values()
    return plan.tree


def leaves(node: object) -> list[object]:
    return [leaf for each in node.answers.values() for leaf in leaves(each)] if isinstance(node, Branch) else [node]


@pytest.mark.parametrize(
    "source",
    [
        "{{ session.a }}",
        "{{ session['a'] }} and {{ session.b }}",
        "{{ persona.tone }}{% for c in persona.capabilities %}{{ c }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% extends 'markdown' %}{% block session %}- Plan: {{ session.b }}{% endblock %}",
        "{% extends 'xml' %}{% block session %}{{ session.b }}{% endblock %}",
        "{% set x = session.a %}{{ x }}",
        "{% include 'part' %}",
        "{% if session.a is defined %}{{ session.a }}{% endif %}",
        "{% if persona.company %}{{ session.a }}{% endif %}",
        "{{ session.a|default('x', true) }}",
        "{{ session.a ~ 'x' }}",
        "{{ 'x' if session.a == 'Ana' }}",
        "{{ 'x' if session.a in ['Bo', 'Ana'] }}",
        "{% if session.a %}x{% else %}{{ session.b }}{% endif %}",
        "{% if session.b != 'free' and session.a > 'A' %}x{% endif %}",
        "{% set q %}{{ session.a }}{% endset %}{{ q }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(session.a) }}",
        "{% extends 'default' %}{% block tone %}{{ super() }}!{% endblock %}",
        "{% set t = persona.tone %}a",
        "{{ persona.capabilities|join(', ') }}",
    ],
)
def test_what_is_printed_or_asked_with_few_answers_is_prepared(source: str) -> None:
    """A template that prints session values, and asks whether they are there, true or equal to a constant, is not run."""
    kept = tree(source)
    assert kept.leaves == 1
    assert all(isinstance(leaf, Prepared) for leaf in leaves(kept.root))


@pytest.mark.parametrize(
    "source",
    [
        "{{ session.a|upper }}",
        "{{ session.a|length }}",
        "{{ persona.tone|upper }}",
        "{{ 'x' if session.a is string }}",
        "{{ 'x' if session.a == session.b }}",
        "{{ {'a': session.a}|length }}{{ {'Ana': 1}[session.a] }}",
        "{% for c in session.a %}{{ c }}{% endfor %}",
        "{% set q %}{{ session.a }}{% endset %}{{ q|upper }}",
        "{% set q %}{{ session.a }}{% endset %}{{ 'x' if q == 'Ana' }}",
        "{% filter upper %}{{ session.a }}{% endfilter %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(session.a)|upper }}",
        "{{ [session.a, session.b]|sort|first }}",
        "{{ 'x' if 'n' in session.a }}",
    ],
)
def test_what_is_worked_out_of_values_is_run(source: str) -> None:
    """A template that filters a session value, loops over it or works with it is run for every session."""
    assert set(leaves(tree(source).root)) == {None}


def test_each_answer_has_its_prompt() -> None:
    """An empty value may empty a line or a block: that it is empty is an answer like others."""
    source = "A\n\n{{ session.b }}\n\n{% if session.a == 'Ana' %}B{% endif %}"
    sessions: list[dict[str, object]] = [{"a": a, "b": b} for a in ("Ana", "Bo", "Cy") for b in ("-", "", "x")]
    assert tree(source, *sessions).leaves == 4
    persona = dataclasses.replace(PERSONA, _bound=Bound(compiled({"t": source})))
    for _ in range(3):
        texts = [persona.build_system_prompt("t", **session) for session in sessions]
        assert texts == ["A\n\n-\n\nB", "A\n\nB", "A\n\nx\n\nB", *["A\n\n-", "A", "A\n\nx"] * 2]


@pytest.mark.parametrize(
    "source",
    [
        "{% set x %}{{ session.a }}{% endset %}{% if x %}yes{% else %}no{% endif %}",
        "{% set x = persona.role %}{% macro m() %}{{ session.a }}{% endmacro %}text",
        "{% macro m() %}{{ session.a }}{% endmacro %}{% if m() %}yes{% else %}no{% endif %}",
    ],
)
def test_an_empty_value_is_told_from_a_text_that_is_asked_for_and_not_printed(source: str) -> None:
    made = compiled({"t": source})
    role = dataclasses.replace(PERSONA, role="with {a}")
    prepared = dataclasses.replace(role, _bound=Bound(made))
    for value in ("1", "1", "1", "", "", "1", ""):
        ordinary = dataclasses.replace(role, _bound=Bound(made, precompile=False))
        assert outcome(prepared, "t", {"a": value}) == outcome(ordinary, "t", {"a": value}), value


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 100, 110])
def test_a_value_may_be_printed_any_number_of_times(count: int) -> None:
    """A prompt with so many places for one variable, and one for another, is filled as it is run."""
    made = PersonaRegistry()
    made.define(Persona("Maya", "Guide {b}", tone="-" + "-".join(["{a}"] * count), variables={"a": "A", "b": "B"}))
    maya = made.get("Maya")
    prompts = {maya.build_system_prompt(a="x" * 3, b="y") for _ in range(4)}
    (prompt,) = prompts
    assert prompt.count("xxx") == count
    assert maya._planned().ready[None].fill({"a": "xxx", "b": "y"}) == prompt


def test_what_one_call_gives_in_vain_may_be_missing_in_the_next() -> None:
    """Both calls have one plan: it asks for nothing that only one of them gives."""
    persona = dataclasses.replace(PERSONA, _bound=Bound(compiled({"t": "{{ session.a }}"})))
    for _ in range(3):
        assert persona.render("t", a="Ana", extra_sections={"Plan": "pro"}) == "Ana"
    assert [persona.build_system_prompt("t", a=a) for a in ("Bo", "", "Bo")] == ["Bo", "", "Bo"]


def test_what_a_prompt_knows_outlives_the_tree_that_filled_it() -> None:
    """It is asked for late, when the template may have had too many answers."""
    numbers = range(MAX_LEAVES + 5)
    source = "".join(f"{{% if session.a == '{number}' %}}{number}{{% endif %}}" for number in numbers)
    persona = dataclasses.replace(PERSONA, _bound=Bound(compiled({"t": source})))
    prompts = [persona.render("t", a=str(number)) for number in (0, 0, 0)]
    for number in (*numbers, *numbers):
        persona.render("t", a=str(number))
    assert [shown(prompt) for prompt in prompts] == [shown(persona.render("t", a="0"))] * 3


def test_a_template_with_too_many_answers_is_run() -> None:
    """Nothing is kept of it any more, and it prints the same."""
    source = "".join(f"{{% if session.a == '{number}' %}}{number}{{% endif %}}" for number in range(MAX_LEAVES + 5))
    sessions: list[dict[str, object]] = [{"a": str(number)} for number in range(MAX_LEAVES + 5)]
    kept = tree(source, *sessions)
    assert kept.leaves > MAX_LEAVES
    assert (kept.root, kept.size) == (None, 0)


def test_extra_sections_are_prepared_by_their_number() -> None:
    """One or two of them are places like any other; a prompt with many is run."""
    persona = dataclasses.replace(PERSONA, _bound=Bound(Templates()))
    for number in (1, 2, 9):
        extra = {f"Name {each}": f"text\n{each}" for each in range(number)}
        texts = {persona.build_system_prompt("default", a="Ana", extra_sections=extra) for _ in range(4)}
        (text,) = texts
        for each in range(number):
            assert f"Name {each}:\n    text\n    {each}" in text


def test_a_registry_may_switch_it_off(tmp_path: Path) -> None:
    """With `precompile=False` every prompt is made by running its template, however the registry came to be."""
    data = {"Maya": {"role": "Helper", "tone": "kind to {a}", "variables": {"a": None}}}
    path = tmp_path / "personas.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    texts = set()
    for precompile in (True, False):
        made = PersonaRegistry(precompile=precompile)
        made.define(Persona("Maya", "Helper", tone="kind to {a}", variables={"a": None}))
        read = PersonaRegistry.from_file(path, precompile=precompile)
        for registry in (
            made,
            read,
            PersonaRegistry.from_dict(data, precompile=precompile),
            pickle.loads(pickle.dumps(read)),
        ):
            maya = registry.get("Maya")
            texts |= {maya.build_system_prompt(a="Ana") for _ in range(3)}
            assert [found.tree.leaves > 0 for found in maya._planned()._plans.values()] == [precompile]
    assert texts == {"You are Maya, a Helper.\n\nTone: kind to Ana"}


@pytest.mark.parametrize(
    ("tone", "length"), [("a\n\n\n\nb {{ persona.role }}", 13), ("b {{ persona.greeting or '' }}", 2)]
)
def test_what_is_caught_is_the_same_in_every_run(tone: str, length: int) -> None:
    """What is remembered of a block for prompts is tidied, and what is caught of it is not: its length stays the same."""
    template = f"{{% extends 'default' %}}{{% block tone %}}{tone}{{% endblock %}}"
    made = compiled({"t": template + "{% block session %}{{ self.tone()|length }}{{ session.a|upper }}{% endblock %}"})
    persona = dataclasses.replace(Persona("Maya", role="Helper"), _bound=Bound(made, precompile=False))
    assert {persona.render("t", a="x").sections["session"] for _ in range(4)} == {f"{length}X"}


@pytest.mark.parametrize("precompile", [True, False])
def test_what_mentions_the_persona_alone_is_run_once(precompile: bool) -> None:
    """Where a template is run for each session, its parts that look at nothing but the persona come to the same each time."""
    source = "{% for c in persona.constraints %}- {{ c }}\n{% endfor %}\n{{ persona.tone }}\n\n{{ session.b|upper }}"
    persona = dataclasses.replace(
        PERSONA, constraints=["x", "y"], _bound=Bound(compiled({"t": source}), precompile=precompile)
    )
    prompts = [persona.render("t", a=a, b="pro") for a in ("Ana", "Bo", "Cy")]
    assert prompts == [f"- x\n- y\nkind to {a}\n\nPRO" for a in ("Ana", "Bo", "Cy")]
    assert {prompt.stable for prompt in prompts} == {"- x\n- y"}
    (plan,) = persona._planned()._plans.values()
    known = plan._ready.known
    assert sum(bool(each) for each in known.values()) == 1  # the tone waits for the session


# ---- threads

STEERED = (
    "{% extends 'markdown' %}{% block session %}- Plan: {{ session.b }}\n"
    "{% if session.b == 'pro' %}Pro{% else %}Free{% endif %}{% endblock %}"
)


def test_no_thread_sees_an_old_definition(tmp_path: Path) -> None:
    """While others define, replace and render, a prompt made after `define` returned is never of an older definition.

    Nor is one of a child whose parent was replaced; in templates that are filled in, and in one that is run.
    """
    (tmp_path / "t.j2").write_text(STEERED)
    registry = PersonaRegistry(tmp_path)
    for number in range(4):
        registry.define(
            Persona(f"P{number}", role="role 0", tone="kind to {a}"), Persona(f"C{number}", parent=f"P{number}")
        )
    served = [0] * 4  # what define has returned for
    stop = time.monotonic() + SECONDS
    failures: list[str] = []
    rendered = [0] * 4

    def define(number: int) -> None:
        count = 0
        while time.monotonic() < stop and not failures:
            count += 1
            registry.define(
                Persona(f"P{number}", role=f"role {count}", tone="kind to {a}"), Persona("All", role="r"), replace=True
            )
            served[number] = count

    def render(number: int) -> None:
        while time.monotonic() < stop and not failures:
            turn = rendered[number]
            other, template = turn % 4, (*FAMILIES, "t")[turn % 5]
            known = served[other]
            persona = registry.get(f"{'PC'[turn // 4 % 2]}{other}")
            prompt = persona.build_system_prompt(template, a=f"Ana{turn}", b="pro")
            seen = int(prompt.partition("role ")[2].partition(".")[0])
            if seen < known or f"Ana{turn}" not in prompt:
                failures.append(f"after {known} was defined: {prompt}")
            rendered[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4) for work in (define, render)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(rendered) > 0
    assert min(served) > 1
