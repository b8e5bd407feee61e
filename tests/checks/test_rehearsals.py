"""What `check` lets pass renders: random personas in random templates, with random names, some passed only sometimes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_persona import PersonaError, PersonaRegistry, multiline
from llm_persona.codes import CODES

NAMES = ("a", "b", "c", "plan")
WORDS = ("pro", "free", "5")
ACCEPTED = [code for code, row in CODES.items() if row.acceptable]

names = st.sampled_from(NAMES)
words = st.sampled_from(WORDS)
fields = st.sampled_from(["name", "role", "tone", "company", "greeting", "key"])


def _in(shape: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts of a shape, `<n>` in it taken from the strategy n."""

    def made(drawn: dict[str, str]) -> str:
        text = shape
        for part, value in drawn.items():
            text = text.replace(f"<{part}>", value)
        return text

    return st.fixed_dictionaries({"n": names, "w": words, "f": fields, **parts}).map(made)


PRINTS = [
    "{{ session.<n> }}",
    "{{ session['<n>'] }}",
    "{{ persona.<f> }}",
    "{{ persona.custom_sections|items|length }} {{ persona.tools|join(', ') }}",
]
CAREFUL = [
    "{{ session.<n>|default('-') }}",
    "{{ session.<n>|upper }} {{ session.<n>|length }}",
    "{{ session.<n>|truncate(5) }} {{ session.<n>|replace('o', '0') }} {{ (session.<n> ~ persona.role)|trim }}",
    "{{ session.<n>|int }}",
    "{{ {'pro': 'Pro', 'free': 'Free'}.get(session.<n>, 'None') }}",
    "{{ session.<n>[:3] }} {{ session.<n>|reverse }} {{ session.<n>.upper() }} {{ session.<n> ~ session.<n> }}",
    "{{ session.<n>|default('<w>', true) }} {{ 'yes' if session.<n> == '<w>' else 'no' }}",
    "{{ session.<n>|first }} {{ session.<n>|list|join('-') }} {{ session.<n>|wordcount + 1 }}",
    "{% with x = session.<n> %}{{ x|lower }}{% endwith %}{% for k, v in session.extra_sections|items %}{{ k }}{% endfor %}",
]
CARELESS = [
    "{{ session.<n> + 1 }}",
    "{{ session.<n>|int + 1 }}",
    "{{ session.<n>|float }}",
    "{{ 10 / session.<n>|int }}",
    "{{ {'pro': 'Pro'}[session.<n>] }}",
    "{{ session.<n>.split()[0] }}",
    "{{ session.<n>[3] }}",
    "{% for x in session.<n> %}{{ x.id }}{% endfor %}",
    "{% if session.<n> == '<w>' %}{{ persona.capabilities }}{% endif %}",
    "{% if session.<n>|int > 3 %}{{ session.nothing }}{% endif %}",
    "{{ session.<n>|int // 2 }} {{ 7 % session.<n>|length }} {{ 'ab'[session.<n>|length - 9] }}",
    "{{ session.<n>.split(' ')[1] }} {{ session.<n>|list|last }}",
    "{% for x in session.<n>.split(',') %}{{ x.strip()[0] }}{% endfor %}",
    "{{ ['a', 'b'][session.<n>|int] }} {{ session.<n> * 2 }}",
    "{% for k, v in session.<n>|items %}{{ v }}{% endfor %}{{ session.<n>|dictsort }}",
    "{% for x in range(session.<n>|int) %}{{ x }}{% endfor %}",
    "{{ session.<n>|sort|first }} {{ session.<n>|unique|list|length }} {{ session.<n>|max }}",
]
CONDITIONS = st.sampled_from(
    [
        "session.<n>",
        "not session.<n>",
        "session.<n> == '<w>'",
        "session.<n> in ('pro', '<w>')",
        "session.<n> is defined",
        "session.<n> is defined and session.<n> != '<w>'",
        "session.<n>|int > 3",
        "persona.<f>",
        "session.<n>|length > 20",
        "session.<n> is string and session.<n> is not number",
        "'<w>' in session.<n>",
        "session.<n> < '<w>'",
        "session.<n>|lower == persona.<f>|lower",
        "session.<n>|int is divisibleby 3 or session.<n>|int is odd",
        "session.<n> is in ['pro', persona.<f>]",
        "session.<n>.startswith('<w>')",
    ]
).flatmap(_in)

LEAVES = st.one_of(
    st.sampled_from([*PRINTS, *PRINTS, *CAREFUL]).flatmap(_in),
    st.sampled_from([*PRINTS, *CAREFUL, *CARELESS]).flatmap(_in),
    st.just("Hello.\n"),
    st.just("{% include 'part.j2' %}"),
)


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return what may stand around a piece: ways, loops, and every form of capturing."""
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("\n".join),
        _in("{% if <c> %}<i>{% else %}<j>{% endif %}", c=CONDITIONS, i=inner, j=inner),
        _in("{% for x in persona.capabilities %}{{ x }} <i>{% endfor %}", i=inner),
        _in("{% for x in session.<n> %}{{ x }}{% endfor %}<i>", i=inner),
        _in("{% set s %}<i>{% endset %}{{ s }}{% if s == '<w>' %}!{% endif %}", i=inner),
        _in("{% filter upper %}<i>{% endfilter %}", i=inner),
        _in("{% call framed() %}<i>{% endcall %}", i=inner),
        _in("{{ macro(session.<n>) }}<i>", i=inner),
        _in("{% set x = session.<n> %}{{ x }}<i>", i=inner),
        _in("{% if <c> %}<i>{% elif <d> %}<j>{% endif %}", c=CONDITIONS, d=CONDITIONS, i=inner, j=inner),
        _in(
            "{% for x in persona.constraints %}{% if loop.last and <c> %}<i>{% endif %}{% endfor %}",
            c=CONDITIONS,
            i=inner,
        ),
        _in("{% from 'macros.j2' import shout with context %}{{ shout(session.<n>) }}<i>", i=inner),
        _in(
            "{% for x in session.<n>|list %}{{ loop.index }}{{ x if loop.first }}{% endfor %}<i>",
            i=inner,
        ),
    )


BODIES = st.recursive(LEAVES, _around, max_leaves=6)
SHOUT = (
    "{% macro shout(v) %}{{ v|upper }}{% if v is defined %}!{% endif %}{{ 'a' if session.a is defined }}{% endmacro %}"
)
MACROS = "{% macro macro(v) %}[{{ v }}]{% endmacro %}{% macro framed() %}<{{ caller() }}>{% endmacro %}"


@st.composite
def templates(draw: st.DrawFn) -> dict[str, str]:
    """Return a product's template, by itself or over a bundled one, and the part that it may include."""
    body = MACROS + draw(BODIES)
    if draw(st.booleans()):
        parent = draw(st.sampled_from(["default", "markdown", "xml", "compact"]))
        block = draw(st.sampled_from(["identity", "sections", "session", "capabilities"]))
        before = draw(st.sampled_from(["{{ super() }}", "{% set s %}{{ super() }}{% endset %}{{ s }}", ""]))
        body = f"{{% extends '{parent}.j2' %}}{{% block {block} %}}{before}{body}{{% endblock %}}"
    elif draw(st.booleans()):
        above = (
            "{{ persona.name }}{% block one %}" + draw(LEAVES) + "{% endblock %}{% block two scoped %}.{% endblock %}"
        )
        over = draw(st.sampled_from(["{{ super() }}", "{{ super()|upper }}", "{{ self.two() }}", ""]))
        body = f"{{% extends 'above.j2' %}}{MACROS}{{% block one %}}{over}{draw(LEAVES)}{{% endblock %}}"
        return {"own": body, "above": above, "macros": SHOUT, "part": draw(st.sampled_from(PRINTS).flatmap(_in))}
    return {"own": body, "macros": SHOUT, "part": draw(st.sampled_from([*PRINTS, *CAREFUL]).flatmap(_in))}


WRITTEN = st.lists(
    st.sampled_from(["word ", "{a} ", "{b}", "{plan}", "{name} ", "{company}", "pro", "{{a}}"]), min_size=1, max_size=3
).map("".join)


@st.composite
def personas(draw: st.DrawFn) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": draw(WRITTEN), "template": "own"}
    for name in ("company", "greeting", "tone"):
        if draw(st.booleans()):
            fields[name] = draw(WRITTEN)
    if draw(st.booleans()):
        fields["capabilities"] = draw(st.lists(WRITTEN, max_size=2))
    if draw(st.booleans()):
        fields["custom_sections"] = {"One": draw(WRITTEN)}
    if draw(st.booleans()):
        values = st.none() | st.sampled_from(WORDS)
        fields["variables"] = dict.fromkeys(NAMES, "x") | draw(st.dictionaries(names, values))
    elif draw(st.booleans()):
        fields["variables"] = {}
    return fields


ANY_TEXT = st.one_of(
    st.sampled_from([*WORDS, " ", "0", "-1", "\n", "inf", "nan", "1e999", "99999999999"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30),
)


def registry(folder: Path, persona: dict[str, Any], templates: dict[str, str]) -> PersonaRegistry:
    for name, text in templates.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return PersonaRegistry.from_dict({"Maya": persona}, templates=folder)


def passes(found: PersonaRegistry, session: Any, optional: Any = ()) -> bool:
    try:
        found.check(session, optional, accept=ACCEPTED)
    except PersonaError:
        return False
    return True


def test_what_check_lets_pass_renders(tmp_path: Path) -> None:
    """With any texts for the names, whether or not those are given that are passed only sometimes."""
    counts = {"passed": 0, "refused": 0, "steered": 0, "sometimes": 0}

    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    @given(personas(), templates(), st.sets(names, min_size=1), st.sets(names, max_size=2), st.data())
    def property_of(
        persona: dict[str, Any], sources: dict[str, str], session: set[str], optional: set[str], data: st.DataObject
    ) -> None:
        try:
            found = registry(tmp_path, persona, sources)
        except PersonaError:
            return  # `{undeclared}`, for one
        session = session | set(data.draw(st.sampled_from([NAMES, ()])))
        if not passes(found, session, optional):
            counts["refused"] += 1
            return
        counts["passed"] += 1
        counts["steered"] += "session" in sources["own"]
        counts["sometimes"] += bool(optional)
        maya = found.get("Maya")
        for _ in range(3):
            given = (session - optional) | data.draw(
                st.sets(st.sampled_from(sorted(optional))) if optional else st.just(set())
            )
            maya.render(**{name: data.draw(ANY_TEXT) for name in sorted(given)})

    property_of()
    assert counts["passed"] > 100, counts
    assert counts["steered"] > 60, counts
    assert counts["sometimes"] > 20, counts
    assert counts["refused"] > 40, counts


class Plan(Enum):
    FREE = "free"
    PRO = "pro"


KINDS: list[tuple[str, Any, Callable[[], st.SearchStrategy[Any]]]] = [
    ("a text", "pro", lambda: ANY_TEXT),
    ("a number", 3, lambda: st.integers(-100, 100)),
    ("a fraction", 0.5, lambda: st.floats(-10, 10, allow_nan=False)),
    ("a decimal", Decimal("1.5"), lambda: st.decimals(-10, 10, allow_nan=False, places=2)),
    ("a truth value", True, st.booleans),
    ("a date", date(2025, 1, 2), st.dates),
    ("an enum", Plan.PRO, lambda: st.sampled_from(Plan)),
    ("lines", multiline("a\nb"), lambda: ANY_TEXT.map(multiline)),
    ("a list", ["a"], lambda: st.lists(ANY_TEXT, max_size=3)),
    (
        "a list of mappings",
        [{"id": 1}],
        lambda: st.lists(st.fixed_dictionaries({"id": st.integers(-9, 9)}), max_size=3),
    ),
    ("a mapping", {"id": "x"}, lambda: st.fixed_dictionaries({"id": ANY_TEXT})),
]
USES = [
    *[use.replace("<n>", "a").replace("<w>", "pro").replace("<f>", "role") for use in [*PRINTS, *CAREFUL, *CARELESS]],
    "{{ 10 / session.a }}",
    "{{ session.a.id }}",
    "{{ session.a['id']|upper }}",
    "{% for x in session.a %}{{ x }}{% endfor %}",
    "{% for x in session.a %}{{ 10 // x.id }}{% endfor %}",
    "{{ session.a|join(', ') }}",
    "{{ (session.a|first).id }}",
    "{{ session.a.isoformat() }}",
    "{% if session.a %}yes{% endif %}",
    "{{ {'pro': 1, 'free': 2}[session.a] }}",
    "{% if session.a > 3 %}{{ persona.capabilities }}{% endif %}",
]


@pytest.mark.parametrize(("sample", "values"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_what_check_lets_pass_with_samples_renders_with_their_kinds(
    sample: Any, values: Callable[[], st.SearchStrategy[Any]], tmp_path: Path
) -> None:
    """Whatever is done with a value: what a sample of its kind lets pass renders with any of that kind."""
    passed = []
    for number, use in enumerate(USES):
        template = f"You are {{{{ persona.name }}}}. {use}"
        found = registry(tmp_path, {"role": "Pilot", "template": f"t{number}"}, {f"t{number}": template})
        if passes(found, {"a": sample}):
            passed.append((use, found.get("Maya")))
    assert 1 <= len(passed) < len(USES)

    @settings(max_examples=40)
    @given(values())
    def property_of(value: Any) -> None:
        for use, maya in passed:
            try:
                maya.render(a=value)
            except PersonaError as error:
                raise AssertionError(f"{use} let pass {sample!r} and fails with {value!r}") from error

    property_of()


def told(found: PersonaRegistry, session: Any, optional: Any = ()) -> list[str]:
    return [
        f"{each.line}: {each.code}: {each.message}"
        for each in found.problems(session, optional, accept=ACCEPTED)
        if each.severity == "error"
    ]


@pytest.mark.parametrize(
    ("template", "session", "optional", "expected"),
    [
        ("{{ session.plan }}", {"plan"}, (), []),
        ("{{ session.plan }}", (), {"plan"}, ["1: session-lacks: the session may lack 'plan' (for Maya)"]),
        ("{{ session.plan|default('-') }}", (), {"plan"}, []),
        ("{% if session.a is defined %}{{ session.b }}{% endif %}", (), {"a", "b"}, ["1: session-lacks: the session may lack 'b' (for Maya)"]),
        ("{% if session.a is defined and session.b is defined %}{{ persona.tools }}{% endif %}", (), {"a", "b"}, ["1: render-fails: for some sessions: this prints a list (for Maya)"]),
        ("{{ session.seats + 1 }}", {"seats"}, (), ["1: render-fails: '+' works on numbers here, not on a text (for Maya)"]),
        ("{{ session.seats + 1 }}", {"seats": 3}, (), []),
        ("{{ 10 / session.seats }}", {"seats": 3}, (), ["1: render-fails: for some sessions: division by zero (for Maya)"]),
        ("{{ {'pro': 1}[session.plan] }}", {"plan"}, (), ["1: render-fails: for some sessions: a mapping has no item of the name that it is asked for (for Maya)"]),
        ("{{ {'pro': 1, 'free': 2}[session.plan] }}", {"plan": Plan.PRO}, (), []),
        ("{{ ['a', 'b'][session.seats] }}", {"seats": 1}, (), ["1: render-fails: for some sessions: a list has no item 2 (for Maya)"]),
        ("{{ (session.orders|first).id }}", {"orders": [{"id": 1}]}, (), ["1: render-fails: for some sessions: No first item, sequence was empty (for Maya)"]),
    ],
)  # fmt: skip
def test_what_does_not_render_for_all_is_told(
    template: str, session: Any, optional: Any, expected: list[str], tmp_path: Path
) -> None:
    """With its line, and whether it is for some sessions only."""
    found = registry(tmp_path, {"role": "Pilot", "template": "own"}, {"own": f"{{{{ persona.name }}}} {template}"})
    assert told(found, session, optional) == expected


SAMPLES = {"d": {"a": "b"}, "l": ["a"], "o": [{"n": "a", "p": 1}], "u": "ann", "b": True, "n": 3}
RENDER = [
    "{% if session.u|lower == persona.name|lower %}it{% else %}{{ session.u }}{% endif %}",
    "{% if session.u == persona.name and session.u == 'b' %}{{ persona.tools }}{% endif %}",
    "{{ 'as' if session.u in [persona.role, session.l|join] else 'not' }}",
    "{{ 'more' if session.n > session.l|length }}",
    "{% for k, v in session.d.items() %}{{ k }}: {{ v }}{% endfor %}",
    "{% for k, v in session.d|dictsort %}{{ k }}: {{ v }}{% endfor %}",
    "{% for x in session.o %}{% for k, v in x.items() %}{{ k }}: {{ v }}{% endfor %}{% endfor %}",
    "{% for k in session.d %}{{ session.d[k] }}{% endfor %}",
    "{% for k in session.d.keys() %}{{ session.d[k] }}{% endfor %}",
    "{% for v in session.d.values() %}{{ v }}{% endfor %}",
    "{% if session.l %}{{ session.l[0] }}{% endif %}",
    "{{ (session.l|first) if session.l else '' }}",
    "{% if session.l|length > 1 %}{{ session.l[1] }}{% endif %}",
    "{% if session.l|count == 1 %}{{ session.l|last }}{% endif %}",
    "{% if session.u|length > 3 %}{{ session.u[3] }}{% endif %}",
    "{{ session.l|first|default('x') }}",
    "{{ session.l|map('upper')|join(',') }}",
    "{{ session.o|map(attribute='n')|join(', ') }}",
    "{% for x in session.o|selectattr('p') %}{{ x.n }}{% endfor %}",
    "{% if session.u == 'a' and session.u == 'b' %}{{ persona.tools }}{% endif %}",
    "{% if session.u in ['a'] %}{{ {'a': 'x'}[session.u] }}{% endif %}",
    "{% if session.u in {'a': 'x'} %}{{ {'a': 'x'}[session.u] }}{% endif %}",
    "{% if session.u in persona.custom_sections %}{{ persona.custom_sections[session.u] }}{% endif %}",
    "{{ 'x' if session.u not in 'abc' and 'a' in session.u }}{{ 'y' if session.u in persona.tone }}",
    "{% for n, items in session.o|groupby('n') %}{{ n }}{% for x in items %}{{ x.n }}{% endfor %}{% endfor %}",
    "{% for group in session.o|groupby('n') %}{{ group[0] }}{{ group.grouper }}{{ group.list|length }}{% endfor %}",
    "{% if session.n > 0 %}{{ 10 / session.n }}{% endif %}",
    "{% if session.n > 3 and session.n < 4 %}{{ persona.tools }}{% endif %}",
    "{{ {'a': 'k'}.get(session.u, '') }}",
    "{% if session.n %}{{ 'x' if 12 is divisibleby(session.n) }}{% endif %}",
    "{% for x in session.l %}{{ loop.index }}. {{ x }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for x in session.o if x.p > 3 %}{{ x.n }}{% else %}none{% endfor %}",
    "{{ session.l|reject('equalto', 'x')|first|default('-') }}",
    "{% if session.b is true and not session.b %}{{ persona.tools }}{% endif %}",
    "{{ session.u|truncate(20) }}{{ session.u|replace(session.u, 'x') }}{{ session.l|join(session.u) }}",
    "{{ session.u.split(',')|join(' ') }}{{ session.u.find('a') + 1 }}",
    "{% for x in session.l %}{% if loop.index <= 10 %}{{ x|upper }}{% endif %}{% endfor %}",
]
FAIL = [
    "{% if session.u|lower == persona.name|lower %}x{% else %}{{ persona.tools }}{% endif %}",
    "{% if session.u == session.l[0] %}{{ persona.tools }}{% endif %}",
    "{% if session.n < session.l|length %}{{ persona.tools }}{% endif %}",
    "{{ persona.tools if session.b is false }}",
    "{{ 'x' if session.b is true else persona.tools }}",
    "{{ session.u|trim|first }}",
    "{{ session.u[1:]|first }}",
    "{{ (session.u|trim)[0] }}",
    "{% if session.l|length > 1 %}{{ session.l[2] }}{% endif %}",
    "{% if session.u|length > 3 %}{{ session.u[4] }}{% endif %}",
    "{% if session.l|length > 5 %}{{ persona.tools }}{% endif %}",
    "{% if session.n > 3 and session.n < 5 %}{{ persona.tools }}{% endif %}",
    "{% if session.n >= 0 %}{{ 10 / session.n }}{% endif %}",
    "{% if session.u != 'b' %}{{ {'a': 'x'}[session.u] }}{% endif %}",
    "{% for x in session.l %}{{ ['1st', '2nd'][loop.index0] }}{% endfor %}",
    "{% for x in session.l %}{{ ['1st', '2nd', '3rd', '4th'][loop.index0] }}{% endfor %}",
    "{% for x in session.l %}{% if loop.length > 2 %}{{ persona.tools }}{% endif %}{% endfor %}",
    "{% for x in session.l %}{% if not loop.first and not loop.last %}{{ persona.tools }}{% endif %}{% endfor %}",
    "{{ {'a': ['k']}.get(session.u, '') }}",
    "{% for x in session.l|select('equalto', 'x') %}{{ persona.tools }}{% endfor %}",
    "{{ session.l|reject('equalto', 'x')|first }}",
    "{{ 'x' if 12 is divisibleby(session.n) }}",
    "{% for x in session.l %}{{ 'abcdefghij'[loop.index0] }}{% endfor %}",
    "{% for x in session.l %}{{ ('a', 'b', 'c', 'd', 'e', 'f', 'g')[loop.index0] }}{% endfor %}",
    "{% for x in session.l %}{{ persona.capabilities[loop.index0] }}{% endfor %}",
    "{% for x in session.l %}{{ persona.tools if loop.index > 500 }}{% endfor %}",
    "{{ session.u|truncate(session.n) }}",
    "{{ persona.name|truncate(session.u|length) }}",
    "{{ 3.5|round(session.n) }}",
    "{{ session.l.index('a') }}",
    "{{ session.u.split(session.u|trim)|first }}",
    "{{ persona.tools if session.u in {'a': 'x'} }}",
    "{{ persona.tools if session.u not in persona.custom_sections }}",
    "{{ persona.tools if session.u in 'abc' }}",
]


def _told_of(template: str, folder: Path) -> list[str]:
    found = registry(
        folder,
        {"role": "Pilot", "template": "own", "capabilities": list("abcd")},
        {"own": f"{{{{ persona.name }}}} {template}"},
    )
    names = {name: value for name, value in SAMPLES.items() if f"session.{name}" in template}
    return [each.code for each in found.problems(names) if each.code in ("render-fails", "check-incomplete")]


@pytest.mark.parametrize("template", RENDER)
def test_what_renders_for_all_is_not_refused(template: str, tmp_path: Path) -> None:
    """What a template asks before it does something counts, and so does where a key or a pair is from."""
    assert _told_of(template, tmp_path) == []


@pytest.mark.parametrize("template", FAIL)
def test_what_fails_for_some_is_refused(template: str, tmp_path: Path) -> None:
    """Also where what was asked before leaves one value for which it fails."""
    assert _told_of(template, tmp_path) != []
