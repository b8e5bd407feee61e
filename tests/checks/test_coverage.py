"""What is known before the first request: dropped texts, names nobody passes, broken templates, stable shares."""

from __future__ import annotations

import json
import os
import re
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_persona import InvalidValueError, Persona, PersonaFileError, PersonaRegistry, multiline
from llm_persona.checks.coverage import check, check_bill
from llm_persona.checks.stable_shares import Least
from llm_persona.codes import CODES
from llm_persona.registry.registry import state_of

EVERYTHING = """\
You are {{ persona.name }}, {{ persona.role }}{% if persona.company %} at {{ persona.company }}{% endif %}, {{ persona.tone }}.
{% for capability in persona.capabilities %}
- {{ capability }}
{% endfor %}
{% for constraint in persona.constraints %}
- not: {{ constraint }}
{% endfor %}
{% for name, text in persona.custom_sections|items %}
In short: {{ text }}
{% endfor %}
"""
PERSONAS = """\
$templates: templates
Acme:
  abstract: true
  template: own
  company: Acme Corp
  constraints:
    - Never promise specific delivery dates
    - Never share a customer's data
Maya:
  parent: Acme
  version: 1
  role: Customer Support Specialist
  capabilities: [Look up order status]
Dora:
  parent: Acme
  role: Guide to the documentation
  constraints: [Never invent an API]
"""


def registry(folder: Path, personas: str = PERSONAS, **templates: str) -> PersonaRegistry:
    (folder / "templates").mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / "templates" / f"{name}.j2").write_text(text, encoding="utf-8")
    (folder / "personas.yaml").write_text(personas, encoding="utf-8")
    return PersonaRegistry.from_file(folder / "personas.yaml")


def told(registry: PersonaRegistry, folder: Path, session: Any = None, optional: Any = ()) -> list[str]:
    """Return the findings without their codes, each of which is in the table with its level."""
    problems = registry.problems(session, optional)
    assert [CODES[str(problem.code)].level for problem in problems] == [problem.severity for problem in problems]
    return [str(replace(problem, code=None)).replace(f"{folder}/", "") for problem in problems]


def only(prompt: str) -> str:
    """Return a persona file of one persona whose template prints all of it, and what is given of it."""
    return "$templates: templates\n" + textwrap.dedent(prompt)


def test_nothing_is_said_of_what_is_well(tmp_path: Path) -> None:
    """A template that prints all fields, and a session that has all it asks for, are no problem."""
    well = registry(tmp_path, own=EVERYTHING + "Plan: {{ session.plan }}\n")
    assert told(well, tmp_path, {"plan"}) == []
    well.check({"plan"})


@pytest.mark.parametrize("template", ["default", "markdown", "xml", "compact"])
def test_the_bundled_templates_drop_nothing(template: str, tmp_path: Path) -> None:
    """Every bundled template prints every field of a persona that has all of them."""
    personas = PERSONAS.replace("template: own", f"template: {template}\n  display_name: May\n  tone: calm")
    personas += "  custom_sections: {Escalation: Hand over to a person}\n"
    assert told(registry(tmp_path, personas), tmp_path) == []


def test_a_dropped_constraint_is_an_error_at_the_ancestor_that_gave_it(tmp_path: Path) -> None:
    """A list that is never printed is one error for each ancestor that wrote a part of it, with all it bears on."""
    silent = registry(tmp_path, own=EVERYTHING.replace("{{ constraint }}", ""))
    each = "print each: {% for constraint in persona.constraints %}- {{ constraint }}"
    assert told(silent, tmp_path) == [
        f"personas.yaml:7:5: Acme.constraints: template 'own' never prints them (for Maya, Dora); {each}",
        f"personas.yaml:17:16: Dora.constraints: template 'own' never prints them; {each}",
    ]
    with pytest.raises(PersonaFileError) as refused:
        silent.check()
    assert list(refused.value.problems) == silent.problems()


@pytest.mark.parametrize(
    "printed", ["{{ persona.constraints|first }}", "{{ persona.constraints[0] }}", "{{ persona.constraints[:1]|join }}"]
)
def test_single_items_that_are_dropped_are_named(printed: str, tmp_path: Path) -> None:
    """Where some items are printed and others not, each of the others is an error of its own."""
    personas = PERSONAS.partition("Dora:")[0]
    template = EVERYTHING.replace("{% for constraint in persona.constraints %}\n- not: {{ constraint }}\n", printed)
    template = template.replace(f"{printed}{{% endfor %}}", f"First: {printed}")
    assert told(registry(tmp_path, personas, own=template), tmp_path) == [
        (
            "personas.yaml:8:7: Acme.constraints[2]: template 'own' never prints it (for Maya); "
            "print each: {% for constraint in persona.constraints %}- {{ constraint }}"
        )
    ]


@pytest.mark.parametrize(
    "filtered",
    [
        "constraint|upper",
        "constraint|title",
        "constraint|capitalize",
        "constraint|trim|indent(4)",
        "constraint|replace('.', '!')",
        "constraint|truncate(40)",
        "constraint ~ '!'",
        "'<b>' ~ constraint|escape",
    ],
)
def test_a_filter_drops_nothing_that_it_keeps(filtered: str, tmp_path: Path) -> None:
    """A constraint is there whatever its case, its indent and what is put around it."""
    assert told(registry(tmp_path, own=EVERYTHING.replace("{{ constraint }}", f"{{{{ {filtered} }}}}")), tmp_path) == []


def test_a_text_that_is_cut_is_said_to_be_cut(tmp_path: Path) -> None:
    """What `truncate` takes the end of is not there: the end may be what matters."""
    short = EVERYTHING.replace("{{ constraint }}", "{{ constraint|truncate(20) }}")
    assert told(registry(tmp_path, PERSONAS.partition("Dora:")[0], own=short), tmp_path) == [
        f"personas.yaml:{line}:7: Acme.constraints[{line - 6}]: template 'own' prints only the beginning of it "
        "(for Maya); print it whole, or shorten it"
        for line in (7, 8)
    ]


@pytest.mark.parametrize(
    ("field", "entry", "hint"),
    [
        ("role", "role: Poet", "print {{ persona.role }}"),
        ("tone", "tone: calm", "print {{ persona.tone }}"),
        ("company", "company: Acme Corp", "print {{ persona.company }}"),
        (
            "capabilities[1]",
            "capabilities: [Sing]",
            "print each: {% for capability in persona.capabilities %}- {{ capability }}",
        ),
        (
            "custom_sections.Rhymes",
            "custom_sections: {Rhymes: Only clean ones}",
            "print each: {% for name, text in persona.custom_sections|items %}{{ text }}",
        ),
    ],
)
def test_any_other_field_that_is_never_printed_is_a_warning(field: str, entry: str, hint: str, tmp_path: Path) -> None:
    """Each field that is given and not printed is warned of; `check` raises nothing for warnings."""
    role = "" if field == "role" else "  role: Poet\n"
    poet = registry(
        tmp_path,
        f"$templates: templates\nPoet:\n  template: own\n{role}  {entry}\n",
        own="I'm {{ persona.name }}. {{ persona.role }}" if role else "I'm {{ persona.name }}.",
    )
    (warning,) = told(poet, tmp_path)
    assert warning.partition(": warning: ")[2] == f"Poet.{field}: template 'own' never prints it; {hint}"
    poet.check()


def test_what_is_not_given_and_what_no_prompt_needs_is_not_missed(tmp_path: Path) -> None:
    """A tone that is the default, a greeting, a description and tools may be absent from a prompt."""
    personas = """\
        Poet: {role: Poet, template: own, greeting: Hello, description: d, tools: [search], metadata: {a: 1}}
        """
    assert (
        told(registry(tmp_path, only(personas), own="You are {{ persona.name }}, a {{ persona.role }}."), tmp_path)
        == []
    )


def test_a_company_that_other_texts_speak_of_is_printed(tmp_path: Path) -> None:
    """A company or a spoken name that the prompt has, by whatever text, is not missed."""
    personas = """\
        Poet: {role: "{name}, the poet of {company}", company: Acme Corp, display_name: Bo, template: own}
        """
    assert told(registry(tmp_path, only(personas), own="You are {{ persona.role }}."), tmp_path) == []


@pytest.mark.parametrize(
    "condition",
    [
        "session.plan == 'pro'",
        "session.plan != 'pro'",
        "session.vip",
        "not session.vip",
        "session.plan is defined",
        "session.plan is not defined",
        "session.plan in ('pro', 'team') and session.seats > 5",
        "session.plan == 'free' or session.seats < 2",
    ],
)
def test_a_constraint_for_some_sessions_only_is_a_warning(condition: str, tmp_path: Path) -> None:
    """Nobody dropped it, and nobody may have meant that the other sessions go without."""
    template = EVERYTHING.replace("{% for con", f"{{% if {condition} %}}{{% for con")
    template = template.replace("{% endfor %}\n{% for name", "{% endfor %}{% endif %}\n{% for name")
    (warning,) = told(registry(tmp_path, PERSONAS.partition("Dora:")[0], own=template), tmp_path)
    assert warning == (
        "personas.yaml:7:5: warning: Acme.constraints: template 'own' prints them for some sessions only (for Maya); "
        "print it whatever the session holds"
    )


def test_a_constraint_in_one_of_many_branches_is_found(tmp_path: Path) -> None:
    """Each branch of an `if` is tried, so that one which no other trial reaches counts too."""
    template = EVERYTHING.replace(
        "{% for con",
        "{% if session.plan == 'free' %}a{% elif session.plan == 'pro' %}b{% elif session.plan == 'team' %}{% for con",
    ).replace("{% endfor %}\n{% for name", "{% endfor %}{% else %}d{% endif %}\n{% for name")
    assert [problem.severity for problem in registry(tmp_path, own=template).problems()] == ["warning", "warning"]


def test_a_handler_that_always_takes_one_way_drops_the_other(tmp_path: Path) -> None:
    """What is printed only with a variable that the handler never passes is dropped."""
    template = EVERYTHING.replace("{% for con", "{% if session.vip is defined %}{% for con")
    template = template.replace("{% endfor %}\n{% for name", "{% endfor %}{% endif %}\n{% for name")
    found = registry(tmp_path, own=template)
    assert found.problems({"vip"}) == []
    assert {problem.severity for problem in found.problems({"plan"}, optional={"vip"})} == {"warning"}
    assert {problem.severity for problem in found.problems({"plan"})} == {"error"}


def test_templates_may_do_with_session_values_what_they_like(tmp_path: Path) -> None:
    """Loops, items, methods, arithmetic and comparisons on values of which only the name is known are no problem."""
    template = (
        EVERYTHING
        + """\
{% for order in session.orders %}
- {{ order.id }}: {{ order.title|upper }}, {{ order.total / 2 + 1 }}, {{ order["count"] * 2 }}
{% endfor %}
Since: {{ session.since.isoformat() }}, {{ session.name.title() }}, {{ session.tags|join(", ") }}, {{ session.n|int }}
{% for name, text in session.notes|items %}
About {{ name }}: {{ text }}
{% endfor %}
Plan: {{ {"free": "small", "pro": "large"}[session.plan] }}
"""
    )
    assert told(registry(tmp_path, own=template), tmp_path) == []


def test_what_no_session_can_render_is_an_error(tmp_path: Path) -> None:
    """A template that fails whatever the session holds is told, with the line that fails."""
    assert told(registry(tmp_path, own=EVERYTHING + "All: {{ persona.capabilities }}\n"), tmp_path) == [
        (
            "templates/own.j2:11: this prints a list (for Maya, Dora); "
            "loop over it: {% for item in ... %}, or join it: |join(', ')"
        )
    ]


@pytest.mark.parametrize(
    "capturing",
    [
        "{% set x %}{{ session.u }}, {{ persona.role }}{% endset %}{{ x }}",
        "{% set x %}{{ session.u }}{{ persona.role }}{% endset %}{{ x|upper }}{% if x == 'a' %}b{% endif %}",
        "{% set x %}{% include 'part.j2' %}{% endset %}{{ x }}",
        "{% macro m(a) %}[{{ a }} {{ session.u }} {{ persona.role }}]{% endmacro %}{{ m(session.u) }}",
        "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ session.u }} {{ persona.role }}{% endcall %}",
        "{% from 'macros.j2' import m with context %}{{ m(session.u) }}",
        "{% import 'macros.j2' as macros with context %}{% set x = macros.m(session.u) %}{{ x }}",
        "{% filter upper %}{{ session.u }} {{ persona.role }}{% endfilter %}",
        "{% filter truncate(500) %}{% filter lower %}{{ session.u }} {{ persona.role }}{% endfilter %}{% endfilter %}",
        "{% block b %}{{ session.u }} {{ persona.role }}{% endblock %}{{ self.b() }}{% set x = self.b() %}{{ x }}",
        "{% for text in persona.capabilities %}{% set x %}{{ text }}{% endset %}{{ x }}{% endfor %}{{ persona.role }}",
    ],
)
@pytest.mark.parametrize("parent", [None, "default", "markdown", "xml"])
def test_a_template_may_capture_what_session_values_stand_in(
    capturing: str, parent: str | None, tmp_path: Path
) -> None:
    """Every form of capturing, of a session's value and of a persona's text with one, is rehearsed like any other."""
    personas = only("Maya: {role: 'Friend of {u}', capabilities: ['Sing for {u}'], template: own}")
    template = f"{{{{ persona.name }}}} {{{{ persona.capabilities|join }}}} {capturing}"
    if parent is not None:
        template = f"{{% extends '{parent}.j2' %}}{{% block session %}}{template}{{% endblock %}}"
    part = "{{ session.u }}, {{ persona.role }}"
    found = registry(
        tmp_path, personas, own=template, part=part, macros=f"{{% macro m(a) %}}{{{{ a }}}} {part}{{% endmacro %}}"
    )
    for session in (None, {"u"}, {"u": "Jo"}):
        assert told(found, tmp_path, session) == []
    assert len(found.stable_shares({"u"})) == 1


@pytest.mark.parametrize("block", ["identity", "sections", "capabilities", "prompt"])
@pytest.mark.parametrize("inner", ["{{ super() }}", "{% set x %}{{ super() }}{% endset %}{{ x }}"])
def test_a_template_may_print_its_parents_block(block: str, inner: str, tmp_path: Path) -> None:
    """`super()` is captured as well, whichever text of the persona holds a session's value."""
    personas = only("""\
        Maya:
          role: Friend of {u}
          capabilities: ["Sing for {u}"]
          custom_sections: {D: "for {u}"}
          template: own
        """)
    for parent in ("default", "markdown", "xml", "compact"):
        template = f"{{% extends '{parent}.j2' %}}{{% block {block} %}}{inner}{{% endblock %}}"
        found = registry(tmp_path, personas, own=template)
        assert told(found, tmp_path, {"u"}) == []
        found.check()


NAMES = """\
$templates: templates
Maya:
  role: Helper of {customer}
  template: own
  greeting: Hi {user_name}
  variables: {customer: null, user_name: null, plan: free}
"""


PLAN_STANDS = (
    "personas.yaml:6:54: warning: Maya.variables.plan: the session never has this variable, so its default stands in "
    "every prompt; write it below constants, and persona.constants.plan in the template; where it is passed sometimes, "
    "name it: -s plan?"
)


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"customer", "user_name", "region"}, []),
        (["customer", "user_name", "region", "plan"], []),
        (
            {"customer", "user_name"},
            [
                (
                    "templates/own.j2:2:20: the session lacks 'region' (for Maya); pass it, give it a default under "
                    "variables, or test 'session.region is defined' first"
                )
            ],
        ),
        (
            {"customr", "user_name", "region"},
            ["personas.yaml:3:9: Maya.role: the session lacks 'customer'; did you mean 'customr'?"],
        ),
        (
            {"customer", "region"},
            [
                (
                    "personas.yaml:5:13: warning: Maya.greeting: the session lacks 'user_name'; "
                    "pass it, or give it a default under variables"
                )
            ],
        ),
        (
            {"customer", "user_name", "regoin"},
            ["templates/own.j2:2:20: the session lacks 'region' (for Maya); did you mean 'regoin'?"],
        ),
        (
            {"customer", "user_name", "region", "plans"},
            [
                (
                    "the session has 'plans', which nothing uses, and not 'plan', whose default would be used (for Maya); "
                    "did you mean 'plan'?"
                )
            ],
        ),
        (
            {"customer", "user_name", "region", "tickets"},
            ["warning: the session has 'tickets', which nothing uses; did you mean 'ticket'?"],
        ),
        ({"customer", "user_name", "region", "something_else", "extra_sections"}, []),
        (
            {"customer", "user_name", "region", "_secret"},
            ["session variable '_secret' begins with '_'; such names are not for sessions"],
        ),
    ],
)
def test_the_names_that_a_handler_passes_are_compared_with_those_asked_for(
    session: set[str], expected: list[str], tmp_path: Path
) -> None:
    """What is missing and what is misspelt is told, at the line that asks for it."""
    template = (
        "You are {{ persona.name }}, {{ persona.role }}, on {{ session.plan }}.\nRegion: {{ session.region }}\n"
        "{% if session.ticket is defined %}Ticket: {{ session.ticket }}{% endif %} {{ session.note|default('-') }}\n"
    )
    found = told(registry(tmp_path, NAMES, own=template), tmp_path, session)
    assert [each for each in found if each != PLAN_STANDS] == expected
    assert (PLAN_STANDS in found) == {"plan", "plans"}.isdisjoint(session)


def test_without_a_session_nothing_is_said_of_names(tmp_path: Path) -> None:
    """Nobody knows what is passed then."""
    template = "{{ persona.role }} {{ session.x }} {{ session.y }} {{ session.plan }}"
    assert told(registry(tmp_path, NAMES, own=f"{{{{ persona.name }}}}: {template}"), tmp_path) == []


def test_what_files_and_registry_show_alone_is_found_too(tmp_path: Path) -> None:
    """One question has all answers: characters that nobody sees, names that variants speak, unused variables."""
    personas = "Maya: {role: 'a\u200bb', tone: x #y\n}\nMore: {parent: Maya, variables: [u]}\n".replace("'", '"')
    codes = [problem.code for problem in registry(tmp_path, personas).problems()]
    assert codes == ["hidden-character", "cut-at-hash", "unnamed-variant", "unused-variable"]
    python = PersonaRegistry()
    python.define(Persona("Maya", "R"), Persona("More", parent="Maya", variables=["u"]))
    assert [problem.code for problem in python.problems()] == ["unnamed-variant", "unused-variable"]


@pytest.mark.parametrize(
    "guarded",
    [
        "{% if session.x is defined %}X: {{ session.x }}{% endif %}",
        "{% if session.x is defined and session.x > 3 %}x{% endif %}",
        "{% if session.x is undefined %}none{% else %}X: {{ session.x }}{% endif %}",
        "{% set has = session.x is defined %}{% if has %}X: {{ session.x }}{% endif %}",
        "X: {{ session.x|default('') }} {{ session['x']|d('') }}",
        "{% if session.x is defined %}{% include 'part.j2' %}{% endif %}",
        "{% macro m() %}X: {{ session.x }}{% endmacro %}{% if session.x is defined %}{{ m() }}{% endif %}",
    ],
)
def test_a_name_that_is_asked_for_with_care_may_be_absent(guarded: str, tmp_path: Path) -> None:
    """However the template sees to it that an absent variable is not used."""
    found = registry(tmp_path, own=f"{EVERYTHING}{guarded}\n", part="It is {{ session.x }}")
    assert told(found, tmp_path, {"y"}) == []


def test_all_absent_names_are_told_at_once(tmp_path: Path) -> None:
    """Also those in branches, and each once for all personas."""
    template = (
        EVERYTHING
        + "A: {{ session.a }}\n{% if session.plan == 'x' %}B: {{ session.b }}{% else %}C: {{ session.c }}{% endif %}\n"
    )
    found = told(registry(tmp_path, own=template), tmp_path, {"plan"})
    assert [line.partition(";")[0] for line in found] == [
        "templates/own.j2:11:15: the session lacks 'a' (for Maya, Dora)",
        "templates/own.j2:12:43: the session lacks 'b' (for Maya, Dora)",
        "templates/own.j2:12:71: the session lacks 'c' (for Maya, Dora)",
    ]


def test_sample_values_are_tried_out(tmp_path: Path) -> None:
    """A value that cannot be printed is told with the line that prints it; one that no session may hold, by its name."""
    found = registry(tmp_path, own=EVERYTHING + "Plan: {{ session.plan }}\n")
    assert told(found, tmp_path, {"plan": "pro"}) == []
    assert told(found, tmp_path, {"plan": True}) == [
        (
            "templates/own.j2:11: this prints a truth value, which has no text of its own (for Maya, Dora); "
            "print a text or a number"
        )
    ]
    assert told(found, tmp_path, {"plan": object()}) == [
        "session variable 'plan' is an object, which a session cannot hold; pass a text or a number"
    ]
    assert [line.partition(";")[0] for line in told(found, tmp_path, {"plan": None})] == [
        "templates/own.j2:11:18: the session lacks 'plan' (for Maya, Dora)"
    ]


def test_a_value_that_a_persona_cannot_print_is_told_at_its_text(tmp_path: Path) -> None:
    """The persona's file and line are named, not the template's."""
    found = registry(
        tmp_path, only("Poet: {role: 'Poet of {town}', template: own}"), own="{{ persona.name }}, {{ persona.role }}"
    )
    assert told(found, tmp_path, {"town": ["a"]}) == [
        (
            "personas.yaml:2:14: Poet.role: session variable 'town' is a list, which cannot be printed; "
            "pass a text or a number"
        )
    ]


@pytest.mark.parametrize("session", ["user_name", 3, b"x", [1], {1: "x"}])
def test_what_is_no_session_is_refused(session: Any, tmp_path: Path) -> None:
    """A text is not taken for the names of its letters."""
    with pytest.raises(InvalidValueError, match="session must"):
        registry(tmp_path, own=EVERYTHING).problems(session)


def test_templates_that_do_not_compile_are_all_told(tmp_path: Path) -> None:
    """Those that no persona uses as warnings; a part that only others can use is none of them."""
    found = registry(
        tmp_path,
        own=EVERYTHING + "{% for x in [1] %}{% include 'part.j2' %}{% endfor %}\n",
        part="{{ x }}",
        broken="a\n{% if %}\n",
        lost="{% extends 'markdown.j2' %}\n{% block sesion %}x{% endblock %}\n",
    )
    assert told(found, tmp_path) == [
        "templates/broken.j2:2:7: warning: expected an expression, got '%}'",
        (
            "templates/lost.j2:2:10: warning: no template that this one extends has a block 'sesion', so it is never "
            "printed; did you mean 'session'?"
        ),
    ]
    found.check()


def test_all_that_is_wrong_with_a_template_is_told_at_once(tmp_path: Path) -> None:
    """Names, fields, filters, tests and what is set, top to bottom, also of what it includes; in the file's error too."""
    (tmp_path / "a.j2").write_text(
        "{{ persona.tnoe }}{{ persona.role|nofilter }}\n{% if persna is bar %}x{% endif %}{% set session = 1 %}\n"
        "{% include 'b.j2' %}",
        encoding="utf-8",
    )
    (tmp_path / "b.j2").write_text("{{ persona.nam }}", encoding="utf-8")
    path = tmp_path / "personas.yaml"
    path.write_text(
        "$templates: .\nMaya: {role: Guide, template: a}\nDora: {role: Guide, template: a}\n", encoding="utf-8"
    )
    with pytest.raises(PersonaFileError) as refused:
        PersonaRegistry.from_file(path)
    assert [str(problem).replace(os.path.join(tmp_path, ".", ""), "") for problem in refused.value.problems] == [
        "a.j2:1:12: persona has no 'tnoe'; did you mean 'tone'?",
        "a.j2:1:35: there is no filter 'nofilter'",
        "a.j2:2:7: there is no 'persna' in a template; did you mean 'persona'?",
        "a.j2:2:17: there is no test 'bar'",
        "a.j2:2:42: 'session' cannot be set: it is what the template is given",
        "b.j2:1:12: persona has no 'nam'; did you mean 'name'?",
    ]


def test_a_default_template_that_is_broken_is_an_error(tmp_path: Path) -> None:
    """Personas that name no template are rendered with it."""
    (tmp_path / "house.j2").write_text("{{ perona.name }}", encoding="utf-8")
    house = PersonaRegistry(tmp_path, "house")
    house.define(Persona(name="Maya", role="Poet"))
    assert told(house, tmp_path) == [
        "house.j2:1:4: there is no 'perona' in a template; did you mean 'persona'?",
    ]


def test_an_include_that_loses_its_indent_is_a_warning(tmp_path: Path) -> None:
    """Where it has more than one line, and where the indent is not that of an `if` or a `for` around it."""
    template = (
        "Rules:\n    {% include 'many.j2' %}\n{% if persona.company %}\n    {% include 'many.j2' %}\n{% endif %}\n"
    )
    template += "{% include 'many.j2' %}\n\n  {% include 'one.j2' %}\n\n" + EVERYTHING
    found = registry(tmp_path, own=template, many="- a\n- b\n", one="- c\n")
    assert told(found, tmp_path) == [
        (
            "templates/own.j2:2:5: warning: the lines of 'many.j2' will not be indented as this include is; write "
            "{% filter indent(4, first=true) %} before it and {% endfilter %} after it, or no indent"
        )
    ]


def test_the_remedy_for_a_lost_indent_works(tmp_path: Path) -> None:
    """What the warning says to write indents every line, and ends the warning."""
    template = (
        "{{ persona.name }}'s rules:\n{% filter indent(4, first=true) %}\n{% include 'many.j2' %}\n{% endfilter %}\n"
    )
    found = registry(tmp_path, only("Poet: {role: Poet, template: own}"), own=template, many="- a\n- b\n")
    assert "Poet's rules:\n    - a\n    - b" in found.get("Poet").render().text
    assert [problem.field for problem in found.problems()] == ["role"]


@pytest.mark.parametrize(
    ("part", "behind", "printed"),
    [
        ("part\n", "Next", "partNext"),
        ("part", "Next", "partNext"),
        ("part\n\n", "Next", "partNext"),
        ("part\n", "{{ persona.role }}", "partPoet"),
        ("part\n", '{% include "part.j2" %}', "partpart"),
        ("part\n", "\nNext", "part\nNext"),
        ("part\n\n\n", "Next", "part\nNext"),
        ("", "Next", "\nNext"),
    ],
)
def test_an_include_that_what_follows_runs_on_behind_is_a_warning(
    part: str, behind: str, printed: str, tmp_path: Path
) -> None:
    """Exactly where it is printed so; a blank line behind the include, as the warning says, begins the next line."""
    template = '{{ persona.name }}, {{ persona.role }}\n{% include "part.j2" %}\n'
    found = registry(tmp_path, only("Poet: {role: Poet, template: own}"), own=template + behind, part=part)
    assert printed in found.get("Poet").build_system_prompt()
    problems = [each for each in found.problems() if each.code == "include-runs-on"]
    assert [each.line for each in problems] == ([2] if "\n" not in printed else [])


@pytest.mark.parametrize(
    ("line", "following", "printed"),
    [
        ("- Plan: {% if session.plan %}x{% endif %}", "- End", "- Plan: x- End"),
        ("- Of {% for c in persona.capabilities %}{{ c }} {% endfor %}", "{{ persona.role }}", "- Of a b Poet"),
        ("{% if session.plan %}- A{% endif %}", "{% if session.plan %}- B{% endif %}", "- A- B"),
        ("- Plan: {% if session.plan %}x{% endif +%}", "- End", "- Plan: x\n- End"),
        ("- Plan: {% if session.plan %}x, {% endif %}", "and more", "- Plan: x, and more"),  # as one line is broken
        ("- Plan: {% if session.plan %}x{% endif %}", ", and more", "- Plan: x, and more"),
        ("- Plan: {% if session.plan %}x{% endif %}", "", "- Plan: x\n- Z"),
        ("{% if session.plan %}{% endif %}", "- End", "- End"),
    ],
)
def test_a_line_that_the_next_runs_on_behind_is_a_warning(
    line: str, following: str, printed: str, tmp_path: Path
) -> None:
    template = f"{{{{ persona.name }}}}\n{line}\n{following}\n- Z\n"
    personas = only("Poet: {role: Poet, template: own, capabilities: [a, b]}")
    found = registry(tmp_path, personas, own=template)
    assert printed in found.get("Poet").build_system_prompt(plan="p")
    problems = [each for each in found.problems({"plan"}) if (each.code, each.line) == ("line-runs-on", 2)]
    runs_on = "\n" not in printed and ", " not in printed and printed != "- End"
    assert [(each.line, each.hint) for each in problems] == (
        [(2, f"end it with +%}}: {{% {'endfor' if 'for' in line else 'endif'} +%}}")] if runs_on else []
    )


def test_a_line_that_cannot_be_followed_is_named(tmp_path: Path) -> None:
    """With what that means for the rest of the template."""
    template = "{{ persona.name }}, {{ persona.role }}\n\nCut: {{ session.text[session.number:] }}\n"
    found = registry(tmp_path, only("Poet: {role: Poet, template: own}"), own=template)
    assert [(each.line, each.message) for each in found.problems({"text", "number"}) if each.severity == "error"] == [
        (3, "what this line does with a value cannot be followed, so nothing behind it was tried (for Poet)")
    ]


def test_what_a_loop_asks_of_its_turns_is_one_question_in_each_run(tmp_path: Path) -> None:
    """The loop is another in every run."""
    template = "{{ persona.name }}{% for one in session.some %}{% if loop.changed(one) %}c{% endif %}{% endfor %}"
    found = registry(tmp_path, only("Poet: {role: Poet, template: own}"), own=template)
    assert "check-incomplete" not in [each.code for each in found.problems({"some": ["a", "b"]})]


def test_turns_of_a_loop_run_on_too(tmp_path: Path) -> None:
    """What follows the last line of a loop is its first."""
    template = "{{ persona.name }}\n{% for rule in persona.constraints %}\n{% include 'part.j2' %}\n{% endfor %}"
    personas = only("Poet: {role: Poet, template: own, constraints: [a, b]}")
    found = registry(tmp_path, personas, own=template, part="- {{ rule }}\n")
    assert "- a- b" in found.get("Poet").build_system_prompt()
    assert "include-runs-on" in [each.code for each in found.problems()]
    mended = registry(tmp_path, personas, own=template.replace(" %}\n{% endfor", " %}\n\n{% endfor"))
    assert "- a\n- b" in mended.get("Poet").build_system_prompt()
    assert "include-runs-on" not in [each.code for each in mended.problems()]


def test_a_value_that_begins_a_line_is_a_warning(tmp_path: Path) -> None:
    """Where the persona's text or the template puts it there; not where words stand before it."""
    personas = """\
        Poet:
          role: "{town}'s poet"
          tone: "{mood}"
          template: own
          custom_sections:
            Rules: |-
              Be kind.
              {user_name} is always right.
        """
    template = (
        "You are {{ persona.name }}, {{ persona.role }}.\n{{ persona.tone }}\n{{ persona.custom_sections.Rules }}\n"
    )
    template += "Plan: {{ session.plan }}\n  {{ session.ticket }}\n"
    found = registry(tmp_path, only(personas), own=template)
    own_words = "begins a line, and could pass for your own words there; put words before it"
    assert told(found, tmp_path) == [
        f"personas.yaml:4:9: warning: Poet.tone: the value of '{{mood}}' {own_words}",
        f"personas.yaml:7:12: warning: Poet.custom_sections.Rules: the value of '{{user_name}}' {own_words}",
        (
            f"templates/own.j2:5:14: warning: the value of session variable 'ticket' {own_words}, "
            "or pass it as multiline(…), which sets it off"
        ),
    ]
    values = {"town": "Ulm", "mood": "calm", "user_name": "Jo", "plan": "free"}
    assert len(found.problems({**values, "ticket": "a"})) == 3
    assert len(found.problems({**values, "ticket": multiline("a\nb")})) == 2


def test_in_xml_a_value_may_begin_a_line(tmp_path: Path) -> None:
    """It stands between tags there, and is escaped."""
    template = (
        "{% extends 'xml.j2' %}\n{% block session %}\n<ticket>\n{{ session.ticket }}\n</ticket>\n{% endblock %}\n"
    )
    assert told(registry(tmp_path, own=template), tmp_path) == []


STABLE = """\
$templates: templates
Maya:
  version: 2
  role: Poet
  template: own
Dora:
  role: Poet
  template: own
  capabilities: [Write, "Sing for {user_name}"]
Sam: {role: Poet, template: default}
"""


def test_the_stable_share_of_every_prompt_is_told(tmp_path: Path) -> None:
    """With the template's line, or the persona's text, that ends it."""
    template = "{% extends 'default.j2' %}\n{% block session %}\nPlan: {{ session.plan }}\n{% endblock %}\n"
    found = registry(tmp_path, STABLE, own=template)
    shares = found.stable_shares({"plan", "user_name"})
    assert [str(share).replace(f"{tmp_path}/", "") for share in shares] == [
        (
            "Maya@2 in own: 88% stable (54 of 61 characters, 6 more are the session's); in all 9 to 18 tokens; "
            "ended by templates/own.j2:3"
        ),
        (
            "Dora in own: 78% stable (71 of 91 characters, 17 more are the session's); in all 11 to 24 tokens; "
            "ended by {user_name} in Dora.capabilities[2] (personas.yaml:9), which llm_persona/base.j2:15 prints"
        ),
        "Sam in default: 100% stable (52 of 52 characters); in all 8 to 18 tokens",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"capabilities": ["Refund {plan}"], "constraints": ["x" * 300]}, ["capabilities[1]"]),
        ({"capabilities": ["Refund {limit}"], "constraints": ["x" * 300]}, ["capabilities[1]"]),  # it may be given
        ({"capabilities": ["Refund {fee}"], "constraints": ["x" * 300]}, []),
        ({"capabilities": ["Refund {plan}"], "constraints": ["x" * 30]}, []),
        ({"capabilities": ["x" * 300], "constraints": ["Never {plan}", "y" * 200]}, []),
        ({"tone": "warm {plan}", "constraints": ["x" * 300]}, ["tone"]),
    ],
)
def test_a_placeholder_that_most_of_a_prompt_stands_behind_is_told(
    fields: dict[str, Any], told: list[str], tmp_path: Path
) -> None:
    """With where it is written; not what ends little, and no constant."""
    own = {"role": "Pilot", "variables": {"plan": None, "limit": "5"}, "constants": {"fee": "7"}, **fields}
    found = [
        each
        for each in registry(tmp_path, json.dumps({"Maya": own})).problems({"plan", "limit"})
        if each.code == "stable-part-ends-early"
    ]
    assert [each.field for each in found] == told
    for each in found:
        assert "} ends the stable part, and most of the prompt is printed behind it" in each.message
        assert each.severity == "warning"
        assert each.line


def test_the_stable_share_is_that_of_the_prompt(tmp_path: Path) -> None:
    """With sample values it counts what `render` counts."""
    found = registry(tmp_path, STABLE, own="You are {{ persona.role }}.\nPlan: {{ session.plan }}\n")
    values = {"plan": "pro", "user_name": "Ana"}
    assert len(found.stable_shares(values)) == len(list(found)) > 1
    for share, name in zip(found.stable_shares(values), found, strict=True):
        prompt = found.get(name).render(**values)
        assert (share.stable, share.characters) == (prompt.stable_length, len(prompt.text))


@pytest.mark.parametrize("session", [{"plan": "free"}, {"plan": "pro"}, {"plan"}])
def test_the_stable_share_is_that_of_the_session_of_which_least_is(session: Any, tmp_path: Path) -> None:
    """A question to the session may print more: a gate that looked at one answer would let the others through."""
    more = "{% if session.plan == 'pro' %}\n" + "x" * 150 + "\n{% endif %}"
    source = "You are {{ persona.name }}, a {{ persona.role }}.\n" + more
    (share,) = registry(tmp_path, "$templates: templates\nMaya: {role: Poet, template: own}", own=source).stable_shares(
        session
    )
    assert str(share).startswith("Maya in own: 12% stable (21 of 172 characters)")
    assert str(share).endswith("own.j2:2")


def test_a_name_that_is_passed_only_sometimes_ends_the_stable_part_where_it_is(tmp_path: Path) -> None:
    """The share and the prefix are those of a session that has it."""
    maya = {"role": "Poet", "variables": {"plan": "free"}, "capabilities": ["For {plan}"], "constraints": ["x" * 300]}
    found = registry(tmp_path, json.dumps({"Maya": maya}))
    (never,), (sometimes,) = found.stable_shares(()), found.stable_shares((), optional={"plan"})
    assert (never.share, never.ended_by) == (1.0, None)
    assert sometimes.share < 0.3
    assert len(sometimes.prefix) == sometimes.stable < len(never.prefix)
    assert str(sometimes.ended_by).startswith("{plan} in Maya.capabilities[1]")


def test_tools_that_no_catalogue_has_are_told(tmp_path: Path) -> None:
    """Their tokens would be cached and cannot be counted; without tools there are none to count."""
    found = registry(tmp_path, "Maya: {role: Poet, tools: [sing]}\nDora: {role: Poet}\nSam: {role: Poet, tools: all}")
    without = "without its tools, which no $tools has, "
    assert [without in str(share) for share in found.stable_shares()] == [True, False, True]
    shares = found.stable_shares()
    problems = check_bill(state_of(found), shares, Least(cached=10_000))
    assert ["name the catalogue" in str(problem.hint) for problem in problems] == [True, False, True]
    assert ["the stable part has" in problem.message for problem in problems] == [True] * 3
    assert [share.has_tools for share in shares] == [False, None, False]


@pytest.mark.parametrize(
    ("odd", "told"), [(-1, "-1"), (1.5, "1.5"), (True, "a truth value (true)"), ("secret", "a text"), (None, "null")]
)
def test_what_counts_tokens_returns_a_whole_number(odd: Any, told: str, tmp_path: Path) -> None:
    """numpy's is one; of what is none a number is shown, and no text, which may hold the prompt."""
    (share,) = registry(tmp_path, "Maya: {role: Poet}").stable_shares()
    assert share.tokens(lambda text: numpy.int64(len(text))) == (share.stable, share.stable)
    with pytest.raises(InvalidValueError, match=rf"^what counts tokens must return a .*, not {re.escape(told)}$"):
        share.tokens(lambda text: odd)


def test_checking_changes_nothing_and_is_repeatable(tmp_path: Path) -> None:
    """The same registry says the same again, and renders what it rendered before."""
    found = registry(tmp_path, own=EVERYTHING + "Plan: {{ session.plan }}\n{{ session.x }}\n")
    before = found.get("Maya").render(plan="a", x="b").text
    assert check(state_of(found), {"plan"}) == check(state_of(found), {"plan"}) != []
    assert found.get("Maya").render(plan="a", x="b").text == before


TEXTS = st.text(st.characters(exclude_characters="{}$", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)


@st.composite
def personas(draw: st.DrawFn) -> Mapping[str, Any]:
    fields = {"role": draw(TEXTS), "constraints": draw(st.lists(TEXTS, min_size=1, max_size=4))}
    for name in ("company", "tone", "display_name"):
        if draw(st.booleans()):
            fields[name] = draw(TEXTS)
    fields["capabilities"] = draw(st.lists(TEXTS, max_size=3))
    fields["custom_sections"] = draw(st.dictionaries(TEXTS, TEXTS, max_size=2))
    return fields


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as made:
        path = Path(made)
        (path / "all.j2").write_text(EVERYTHING, encoding="utf-8")
        silent = EVERYTHING.replace("- not: {{ constraint }}\n", "")
        (path / "silent.j2").write_text(silent, encoding="utf-8")
        yield path


@settings(max_examples=50)
@given(personas())
def test_a_template_that_prints_all_is_never_reported(folder: Path, fields: Mapping[str, Any]) -> None:
    """Whatever the texts are."""
    found = PersonaRegistry.from_dict({"Maya": {**fields, "template": "all"}}, templates=folder)
    assert [problem for problem in found.problems() if CODES[str(problem.code)].found == "in templates"] == []


@settings(max_examples=50)
@given(personas())
@example({"role": "r", "constraints": ["A"], "capabilities": [], "custom_sections": {}})
def test_a_template_without_constraints_always_is(folder: Path, fields: Mapping[str, Any]) -> None:
    """Whatever the texts are, also where another field says the same."""
    found = PersonaRegistry.from_dict({"Maya": {**fields, "template": "silent"}}, templates=folder)
    errors = [problem for problem in found.problems() if problem.severity == "error"]
    assert {(problem.persona, str(problem.field).partition("[")[0]) for problem in errors} == {("Maya", "constraints")}
    with pytest.raises(PersonaFileError):
        found.check()


@pytest.mark.parametrize("sample", [["a"], {"a": "b"}, True])
def test_a_sample_that_the_greeting_cannot_print_is_a_warning(sample: Any, tmp_path: Path) -> None:
    """The template loops over it, or asks whether it is true; who greets has to pass a text. A handler may never greet."""
    personas = "$templates: templates\nMaya: {role: x, template: own, greeting: 'Hi {plan} {a}'}\n"
    found = registry(tmp_path, personas, own="{{ persona.name }} {{ persona.role }}{% if session.plan %}!{% endif %}")
    (warning,) = told(found, tmp_path, {"plan": sample, "a": "b"})
    assert warning.startswith("personas.yaml:2:42: warning: Maya.greeting: session variable 'plan' is ")
    assert warning.endswith("which cannot be printed; pass a text or a number")
    for well in ("text", 3):
        assert told(found, tmp_path, {"plan": well, "a": "b"}) == []


def test_a_bill_is_held(tmp_path: Path) -> None:
    """What falls short is named with the line, or the text, that ends the stable part; values of the session count nowhere."""
    template = "{% extends 'default.j2' %}\n{% block session %}\nPlan: {{ session.plan }}\n{% endblock %}\n"
    found = registry(tmp_path, STABLE, own=template)
    state = state_of(found)

    def told(**least: Any) -> list[str]:
        shares = found.stable_shares({"plan": "p" * 1000, "user_name": "u" * 1000})
        return [str(each).replace(f"{tmp_path}/", "") for each in check_bill(state, shares, Least(**least))]

    assert told(stable=80) == [
        (
            "personas.yaml:9: Dora: in 'own' 78% of what no session gives is stable, and not 80%; print later what ends the "
            "stable part, {user_name} in Dora.capabilities[2] (personas.yaml:9), which llm_persona/base.j2:15 prints [stable-part-small]"
        )
    ]
    assert [each.split(":")[0] for each in told(stable=100)] == ["personas.yaml", "templates/own.j2"]
    assert told(stable=0) == []
    assert len(told(cached=1_000)) == 3
    assert told(cached=50, count=len) == []
    assert told(cached=53, count=len) == [
        (
            "Sam: in 'default' the stable part has 52 tokens, and not 53; it takes more text, or a model that "
            "caches less [cached-part-small]"
        )
    ]


def test_tools_are_cached_before_the_prompt(tmp_path: Path) -> None:
    """As they are sent, those alone that the persona names."""
    tools = [{"name": "look_up", "description": "d" * 600}, {"name": "other", "description": "e" * 6000}]
    (tmp_path / "tools.json").write_text(json.dumps(tools), encoding="utf-8")
    found = registry(tmp_path, "$tools: tools.json\nMaya: {role: Guide, tools: [look_up]}\n")
    (share,) = found.stable_shares()
    assert share.tokens(len) == (share.stable + len(json.dumps(tools[:1], separators=(",", ":"))),) * 2
    everything = registry(tmp_path, "$tools: tools.json\nMaya: {role: Guide, tools: all}\n").stable_shares()
    assert everything[0].tokens(len) == (share.stable + len(json.dumps(tools, separators=(",", ":"))),) * 2
    least, most = share.tokens()
    assert least < share.tokens(len)[0] / 4 < most
    with pytest.raises(InvalidValueError, match=r"^what counts tokens must return a whole number, not "):
        share.tokens(lambda text: len(text) / 4)  # type: ignore[arg-type, return-value]


def test_a_list_that_is_passed_by_its_name_alone_is_to_have_a_sample(tmp_path: Path) -> None:
    """A name stands for texts; the remedy is no attribute of theirs."""
    own = "{{ persona.name }}, {{ persona.role }}{% for each in session.orders %}{{ each.id }}{% endfor %}"
    found = registry(tmp_path, only("Poet: {role: Poet, template: own}"), own=own)
    (problem,) = [each for each in found.problems({"orders"}) if each.code == "render-fails"]
    assert problem.hint == "if the session gives no text there, give a sample of what it gives: -s NAME:=JSON"
    assert found.problems({"orders": [{"id": 1}]}) == []
