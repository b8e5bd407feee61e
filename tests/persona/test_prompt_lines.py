from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry, multiline, trusted
from llm_persona.errors import PersonaError, field_text
from llm_persona.persona.inheritance import texts
from llm_persona.persona.prompt_lines import Line, Span

TEMPLATES = {
    "plain": "{{ persona.name }}: {{ session.plan }}\n{{ persona.tone }}",
    "blocks": '{% extends "markdown.j2" %}\n{% block session %}\n- Plan: {{ session.plan }}\n{% endblock %}\n',
    "inxml": '{% extends "xml.j2" %}\n{% block tools %}\n<plan>{{ session.plan }}</plan>\n{% endblock %}\n'
    "{% block tone %}\n{{ super() }}\n<b>{{ persona.tone|upper }}</b>{% endblock %}",
    "macros": "{% macro line(text) %}\n* {{ text }}\n\n\n{% endmacro %}\n{% import 'parts.j2' as parts %}\n"
    "{{ line(persona.role) }}{% for c in persona.constraints %}\n{{ line(c) }}\n{% endfor %}\n{{ parts.shout(session.plan) }}",
    "includes": "{% include 'part.j2' %}\n{% set kept %}\n a {{ persona.tone }} \n{% endset %}\n[{{ kept }}]\n"
    "{% set plan = session.plan %}\nPlan: {{ plan }}",
    "filters": "{{ persona.capabilities|join(', ') }}\n{{ persona.name|upper }} {{ persona.tone|lower }}\n"
    "{{ persona.role ~ ' of ' ~ session.plan }}\n{{ session.plan|title }}\n{{ persona.role|default('-') }}\n{{ persona.role.upper() }}{{ persona.tone }}\n{% filter upper %}x {{ persona.role }}{% endfilter %}",
    "loops": "{% for n, t in persona.custom_sections.items() %}\n{{ n }}:\n\n\n{{ t }}\n{% endfor %}\n"
    "{% for v in session.many %}\n- {{ v }} {{ loop.index }}\n{% endfor %}\n"
    "{% for k, v in session.table.items() %}\n{{ k }}={{ v }}\n{% endfor %}",
    "part": "Here is {{ persona.name }}.\n\n\n\n\n   \n{% for c in persona.capabilities %}\n- {{ c }}\n{% endfor %}\n",
    "parts": "{% macro shout(text) %}\n<{{ text }}>\n{% endmacro %}",
}
NAMES = [*TEMPLATES, "default", "markdown", "xml", "compact"]
TEXT = st.text(st.sampled_from("aZ <&>\"'\n\t\r\x85 é😀"), min_size=1, max_size=8).map(lambda text: f"p{text}")
PERSONA_TEXT = st.builds(
    lambda text, name: text + name, TEXT, st.sampled_from(["", "{plan}", " {given}{days}", "{name}"])
)
SESSION_TEXT = st.text(st.sampled_from("aZ <&>\n{}\x85é😀"), max_size=8)
VALUE = (
    SESSION_TEXT
    | SESSION_TEXT.map(multiline)
    | SESSION_TEXT.map(trusted)
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.dates()
    | st.datetimes()
    | st.uuids()
)
SEEN = VALUE.map(lambda value: type(value)(f"a{value}") if isinstance(value, str) else value)
FIELDS = st.fixed_dictionaries(
    {"role": PERSONA_TEXT, "variables": st.just({"plan": None, "given": "default", "days": "14"})},
    optional={
        "company": PERSONA_TEXT,
        "tone": PERSONA_TEXT,
        "greeting": PERSONA_TEXT,
        "display_name": st.sampled_from(["May", "<b>Mia</b>"]),
        "capabilities": st.lists(PERSONA_TEXT, max_size=3),
        "constraints": st.lists(PERSONA_TEXT, max_size=3),
        "custom_sections": st.dictionaries(st.sampled_from(["A", "B <&>", "C\nd"]), PERSONA_TEXT, max_size=3),
    },
)
SESSION = st.fixed_dictionaries(
    {"plan": VALUE, "many": st.lists(VALUE, max_size=3), "table": st.dictionaries(SESSION_TEXT, VALUE, max_size=2)},
    optional={
        "given": VALUE,
        "days": VALUE,
        "extra_sections": st.dictionaries(SESSION_TEXT, SESSION_TEXT, max_size=2),
    },
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PersonaRegistry:
    folder = tmp_path_factory.mktemp("templates")
    for name, text in TEMPLATES.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return PersonaRegistry(folder, "plain", precompile=False)


def spans(lines: tuple[Line, ...]) -> Iterator[Span]:
    for line in lines:
        yield from line.spans


def defined(registry: PersonaRegistry, fields: dict[str, Any]) -> Persona:
    registry.define(Persona("Maya", **{"role": "Guide", **fields}), replace=True)
    return registry.get("Maya")


@given(st.sampled_from(NAMES), FIELDS, SESSION)
@settings(max_examples=200)
def test_lines_are_the_prompt(
    registry: PersonaRegistry, template: str, fields: dict[str, Any], session: dict[str, Any]
) -> None:
    """For any persona, template and session the lines make the prompt, to the character, and the spans their line."""
    prompt = defined(registry, fields).render(template, **session)
    lines = prompt.explain()
    assert "\n".join(line.text for line in lines) == prompt.text
    for line in lines:
        assert "".join(span.text for span in line.spans) == line.text == str(line)
        assert all(span.text for span in line.spans)


@pytest.mark.hits(0.65)
@given(st.sampled_from([name for name in NAMES if name != "filters"]), FIELDS, SESSION)
@settings(max_examples=150)
def test_fields_are_what_they_say(
    registry: PersonaRegistry, template: str, fields: dict[str, Any], session: dict[str, Any]
) -> bool:
    """A span with a field holds that field's text; what the session filled in there is marked."""
    persona = defined(registry, fields)
    known = {field_text(path): text for path, text in texts(persona)}
    known |= {f"variables.{name}": text or "" for name, text in (persona.variables or {}).items()}
    known |= {"name": persona.spoken_name}
    known |= {f"custom_sections.{name}": f"{name}\n{text}" for name, text in persona.custom_sections.items()}
    told = [span for span in spans(persona.render(template, **session).explain()) if span.field is not None]
    for span in told:
        if not span.session:
            haystack = known[str(span.field)]
            assert span.text in haystack or span.text in haystack.upper()
            assert span.origin is None or span.origin.persona in ("Maya", None)
    return not all(span.session for span in told)


@pytest.mark.hits(0.65)
@given(st.sampled_from([name for name in NAMES if name not in ("filters", "part", "parts")]), st.data())
@settings(max_examples=150)
def test_session_text_is_marked(registry: PersonaRegistry, template: str, data: st.DataObject) -> bool:
    """Whatever the session gave stands in marked spans, and nothing else does: numbers, lists and names of sections too."""
    marks = "QXJK"

    def marked(value: object) -> object:
        if isinstance(value, str):
            return type(value)("".join(marks[ord(ch) % len(marks)] if ch.isalnum() else ch for ch in value))
        if isinstance(value, list):
            return [marked(item) for item in value]
        return {marked(key): marked(item) for key, item in value.items()} if isinstance(value, dict) else "Q"

    fields = data.draw(FIELDS) | {"tone": "mild {plan}"}
    session = {name: marked(value) for name, value in (data.draw(SESSION) | {"plan": data.draw(SEEN)}).items()}
    printed = list(spans(defined(registry, fields).render(template, **session).explain()))
    for span in printed:
        assert span.session or not set(span.text) & set(marks), span
    return any(set(span.text) & set(marks) for span in printed)


@pytest.mark.parametrize(
    "value",
    [
        7,
        2.5,
        Decimal("3.10"),
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3),
        UUID(int=5),
        "x",
        multiline("x\ny"),
        trusted("x"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("template", ["includes", "inxml"])
def test_any_kind_of_value_is_marked(registry: PersonaRegistry, template: str, value: object) -> None:
    """A value of any kind that can be printed is marked where it is printed, also after it was set aside."""
    session = [span for span in spans(defined(registry, {}).render(template, plan=value).explain()) if span.session]
    assert [span.field for span in session] == [None] * len(session)
    shown = "2026-01-02" if isinstance(value, date) else str(value).splitlines()[-1]
    assert shown in "\n".join(span.text for span in session)


def test_defaults_are_their_authors(registry: PersonaRegistry) -> None:
    """A text with placeholders is parted: the author's words, a default with who declared it, and what the session gave."""
    registry.define(
        Persona("Base", abstract=True, tone="from {given} to {plan}!", variables={"given": "old", "plan": None}),
        Persona("Maya", "Guide", parent="Base", variables={"given": "new"}),
        replace=True,
    )
    *_, line = registry.get("Maya").render(plan="pro").explain()
    assert [(span.text, span.field, str(span.origin), span.session) for span in line.spans] == [
        ("from ", "tone", "Base", False),
        ("new", "variables.given", "Maya", False),
        (" to ", "tone", "Base", False),
        ("pro", "tone", "Base", True),
        ("!", "tone", "Base", False),
    ]


def test_filtered_values_are_what_they_were_made_of(registry: PersonaRegistry) -> None:
    """What a filter, a method or `~` made of a text is that text's, each part its own where it can be told apart."""
    lines = defined(registry, {"capabilities": ["a", "b"], "tone": "KIND"}).render("filters", plan="pro").explain()
    found = [[(span.text, span.field, span.session) for span in line.spans] for line in lines]
    assert found == [
        [("a", "capabilities[1]", False), (", ", None, False), ("b", "capabilities[2]", False)],
        [("MAYA", "name", False), (" ", None, False), ("kind", "tone", False)],
        [("Guide", "role", False), (" of ", None, False), ("pro", None, True)],
        [("Pro", None, True)],
        [("Guide", "role", False)],
        [("GUIDE", "role", False), ("KIND", "tone", False)],
        [("X ", None, False), ("GUIDE", "role", False)],
    ]


# Whose letters: what a filter adds or makes of one letter is its own's.
OWNERS = {"name": "abc", "role": "def", "tone": "ghi", "company": "jkl", None: "uvwxy"}
OF_THE_SESSION = "mno"
FIELDS_OF = {name: letters for name, letters in OWNERS.items() if name}
CHANGES = ["upper", "lower", "title", "capitalize", "trim", "replace('d', 'ee')", "replace('G', '')"]
VALUES = [*(f"persona.{name}" for name in FIELDS_OF), "session.plan", "persona.role ~ ' vw ' ~ session.plan"]
CHAINS = st.lists(st.sampled_from(CHANGES), max_size=3).map(lambda names: "".join(f"|{name}" for name in names))
PRINTS = st.builds("{{{{ ({}){} }}}}".format, st.sampled_from(VALUES), CHAINS)
LINES = st.lists(st.sampled_from([" ", "\n", "uv ", "wx\n", "y"]) | PRINTS, min_size=1, max_size=6).map("".join)


@st.composite
def caught(draw: st.DrawFn) -> str:
    """A template that prints texts in every way that passes through a filter."""
    parts = [
        f"{{% set kept %}}{draw(LINES)}{{% endset %}}{{{{ kept{draw(CHAINS)} }}}}",
        f"{{% macro of(text) %}}{draw(LINES)}{{{{ text }}}}{{% endmacro %}}{{{{ of(persona.tone){draw(CHAINS)} }}}}",
        f"{{% filter {draw(st.sampled_from(CHANGES))} %}}{draw(LINES)}{{% endfilter %}}",
        f"{{% block whole %}}{draw(LINES)}{{% endblock %}}\n{{{{ self.whole(){draw(CHAINS)} }}}}",
        draw(LINES),
    ]
    return "\nu\n".join(draw(st.permutations(parts)))


@pytest.mark.hits(0.5)
@settings(max_examples=60)
@given(caught(), st.data())
def test_each_part_keeps_its_source_behind_filters(
    tmp_path_factory: pytest.TempPathFactory, source: str, data: st.DataObject
) -> bool:
    """What filters make of a text that a macro, a block, a set block or `~` put together is told apart part by part: no
    span that has one source holds a letter of another."""
    folder = tmp_path_factory.mktemp("caught")
    (folder / "own.j2").write_text(source)
    words = {
        name: data.draw(st.text(letters + " ", min_size=1).map(str.strip).filter(bool))
        for name, letters in FIELDS_OF.items()
    }
    made = PersonaRegistry(folder)
    fields = {name: text for name, text in words.items() if name != "name"} | {"display_name": words["name"]}
    fields["tone"] += " {plan}"
    made.define(Persona("Maya", template="own", variables={"plan": None}, **fields))
    prompt = made.get("Maya").render(plan=data.draw(st.text("mno", min_size=1)))
    lines = prompt.explain()
    assert "\n".join(map(str, lines)) == prompt.text
    exact = [span for span in spans(lines) if not (span.field is None and span.session)]
    for span in exact:
        letters = set(span.text.casefold()) - {" "}
        own = OF_THE_SESSION if span.session else OWNERS[span.field] + "e" * (span.field in ("role", None))
        assert letters <= set(own), (span, source)
    return len(exact) > 2


@pytest.mark.parametrize(
    ("items", "order"),
    [
        ("persona.constraints|sort", [2, 3, 1, 4]),
        ("persona.constraints|sort(reverse=true)", [1, 4, 3, 2]),
        ("persona.constraints|list|sort", [2, 3, 1, 4]),
        ("persona.constraints[1:]|map('lower')|sort", [2, 3, 4]),
        ("persona.constraints|unique", [1, 2, 3]),
        ("[persona.constraints|min, persona.constraints|max]", [2, 1]),
        ("(persona.custom_sections|dictsort(by='value')|last)[1:]", ["A"]),
        ("persona.custom_sections.values()|sort", ["B", "A"]),
    ],
)
@pytest.mark.parametrize("within", ["{}", "{{% block whole %}}{{% set of = persona.role %}}{}{{% endblock %}}"])
@pytest.mark.parametrize("session", [{}, {"plan": "pro"}])
def test_what_is_put_in_order_keeps_its_source(
    tmp_path: Path, items: str, order: list[int | str], session: dict[str, str], within: str
) -> None:
    """However a template orders texts or picks from them; and such a template can be checked for any session."""
    loop = f"{{% for each in {items} %}}\n{{{{ each }}}}\n{{% endfor %}}"
    (tmp_path / "own.j2").write_text(within.format(loop))
    plan = "{plan}" if session else "pro"
    persona = Persona(
        "Maya",
        "Guide",
        constraints=[f"z {plan}", f"a {plan}", "c", f"z {plan}"],
        custom_sections={"A": f"y {plan}", "B": "b"},
        variables={"plan": None} if session else {},
        template="own",
    )
    registry = PersonaRegistry(tmp_path)
    registry.define(persona)
    lines = registry.get("Maya").render(**session).explain()
    fields = [f"constraints[{each}]" if isinstance(each, int) else f"custom_sections.{each}" for each in order]
    assert [line.spans[0].field for line in lines] == fields
    assert "\n".join(map(str, lines)) == str(registry.get("Maya").render(**session))
    assert "check-incomplete" not in [problem.code for problem in registry.problems(session)]


def test_ancestors_files_and_lines(tmp_path: Path) -> None:
    """Each span names its template's file and line, and each field the ancestor that gave it, with file and line."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "acme.j2").write_text(
        '{% extends "markdown.j2" %}\n{% block tone %}\n# Tone\n\n\n## {{ persona.tone }}{% endblock %}'
    )
    path = tmp_path / "personas.yaml"
    path.write_text(
        "$templates: t\nBase:\n  abstract: true\n  constraints: [Never shout]\nMaya:\n  parent: Base\n  role: Guide\n"
        "  tone: kind\n  template: acme\n  constraints: [Never lie]\n"
    )
    lines = {line.text: line.spans for line in PersonaRegistry.from_file(path).get("Maya").render().explain()}
    product = str(tmp_path / "t" / "acme.j2")
    assert [(span.template, span.line) for span in lines["# Tone"]] == [(product, 3)]
    assert [(span.template, span.line, span.field) for span in lines["## kind"]] == [
        (product, 6, None),
        (product, 6, "tone"),
    ]
    origins = {text: lines[text][-1].origin for text in ("- Never shout", "- Never lie", "## kind")}
    assert {text: (o.persona, o.path, o.line) for text, o in origins.items() if o} == {
        "- Never shout": ("Base", str(path), 4),
        "- Never lie": ("Maya", str(path), 10),
        "## kind": ("Maya", str(path), 8),
    }
    assert lines["# Maya"][-1].template == "llm_persona/markdown.j2"
    assert lines[""] == ()


def test_default_has_no_ancestor() -> None:
    """A tone that nobody gave is the default; a name is its persona's, or its display name's author's."""
    made = PersonaRegistry()
    made.define(Persona("Base", "Guide", display_name="May"), Persona("Maya", parent="Base"), Persona("Max", "Guide"))
    origins = {s.field: str(s.origin) for s in spans(made.get("Maya").render().explain()) if s.field}
    assert origins == {"name": "Base", "role": "Base", "tone": "default"}
    assert {s.field: str(s.origin) for s in spans(made.get("Max").render().explain()) if s.field}["name"] == "Max"


def test_prompt_of_no_registry_says_so() -> None:
    """A prompt that was pickled, or made without a registry, cannot be explained and says why."""
    made = PersonaRegistry()
    made.define(Persona("Maya", "Guide"))
    prompt = made.get("Maya").render()
    assert prompt.explain()
    for other in (pickle.loads(pickle.dumps(prompt)), Persona("Maya", "Guide").render()):
        assert other == prompt
        with pytest.raises(PersonaError, match="only a prompt that a registry's persona rendered"):
            other.explain()


def test_what_the_caller_does_later_changes_nothing(registry: PersonaRegistry) -> None:
    """A prompt is explained with the session that it was rendered with, though the caller's list has grown since."""
    many = ["a", multiline("b\nc")]
    prompt = defined(registry, {}).render("loops", many=many, table={})
    many.append("d")
    assert "\n".join(map(str, prompt.explain())) == prompt.text


def test_persona_that_was_replaced_keeps_its_text() -> None:
    """A prompt of a persona that was replaced since is explained as it is, without ancestors that may have changed."""
    made = PersonaRegistry()
    made.define(Persona("Maya", "Guide", tone="kind"))
    prompt = made.get("Maya").render()
    made.define(Persona("Maya", "Chief"), replace=True)
    lines = prompt.explain()
    assert "\n".join(map(str, lines)) == prompt.text
    assert {span.origin for span in spans(lines)} == {None}
