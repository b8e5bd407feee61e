"""A persona's texts made ready: what they need, and that nothing of a session changes who speaks."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry
from llm_persona.errors import InvalidValueError, MissingVariableError

values = st.text(st.sampled_from("{}$ab\n<"), max_size=8) | st.sampled_from(
    ["{name}", "{company}", "{{name}}", "{user}"]
)


@given(values.filter(str.strip), values.filter(bool), values)
def test_own_values_are_text_once_they_are_filled_in(spoken: str, default: str, user: str) -> None:
    """A spoken name, a default or a session value that looks like a placeholder is printed as it is."""
    spoken = spoken.replace("\n", "") or "Maya"
    persona = Persona(
        name="M",
        role="R",
        display_name=spoken,
        tone="{name}|{default}|{user}|{{name}}",
        variables={"user": None, "default": default},
    )
    folded = re.sub("\n+", " ", user)
    assert persona.build_system_prompt(user=user).endswith(f"Tone: {spoken}|{default}|{folded}|{{name}}")


def test_the_company_of_a_complete_persona_has_the_spoken_name_in_it() -> None:
    """`persona.company` is what prompt and greeting say; `{company}` inside it is not the company itself."""
    registry = PersonaRegistry()
    texts = {"role": "Guide at {company}", "company": "The {name} Company", "greeting": "{name} of {company}"}
    registry.define(
        Persona("Maya", **texts), Persona("May", parent="Maya"), Persona("Sam", "x", company="{name} {company}")
    )
    maya = registry.get("Maya")
    assert (maya.company, maya.role) == ("The Maya Company", "Guide at The Maya Company")
    assert maya.greeting == maya.build_greeting() == "Maya of The Maya Company"
    assert maya.build_system_prompt().startswith("You are Maya, a Guide at The Maya Company at The Maya Company.")
    assert registry.get("May").company == "The May Company"
    assert registry.get("Sam").company == "Sam {company}"
    assert registry.definition("Maya").company == "The {name} Company"


def test_the_company_inside_the_company_is_the_sessions() -> None:
    """Only there, and where the persona has none, does `{company}` take the session's."""
    persona = Persona(name="M", role="R", company="{company} Ltd", tone="of {company}")
    assert persona.build_system_prompt(company="Acme") == "You are M, a R at Acme Ltd.\n\nTone: of Acme Ltd"
    with pytest.raises(MissingVariableError) as raised:
        persona.render()
    assert raised.value.names == ("company",)
    without = Persona(name="M", role="R", tone="of {company}")
    assert without.build_system_prompt(company="Acme") == "You are M, a R.\n\nTone: of Acme"
    fixed = Persona(name="M", role="R", company="Acme", tone="of {company}")
    assert "Evil" not in fixed.build_system_prompt(company="Evil", name="Evil", role="Evil")


def test_all_that_is_missing_is_told_at_once() -> None:
    """Whatever the template prints; with the field that asks for it, and what was meant."""
    persona = Persona(
        name="M",
        role="{a}",
        capabilities=["x", "{bcd}"],
        variables={"a": None, "bcd": None, "unprinted": None, "d": "x"},
    )
    with pytest.raises(MissingVariableError) as raised:
        persona.render("compact", bcc="1")
    assert raised.value.names == ("a", "bcd", "unprinted")
    assert str(raised.value) == (
        "M: the session lacks 'a' (role), 'bcd' (capabilities[2]; did you mean 'bcd' by 'bcc'?), 'unprinted' (variables.unprinted)"
    )
    assert pickle.loads(pickle.dumps(raised.value)).names == raised.value.names


def test_a_greetings_variables_count_where_it_is_built_or_printed() -> None:
    """A prompt that does not print the greeting needs none of them."""
    persona = Persona(name="M", role="R", greeting="Hi {user}, {name} here.")
    assert persona.build_system_prompt() == "You are M, a R.\n\nTone: helpful and professional"
    assert persona.build_greeting(user="Jo\nX") == "Hi Jo X, M here."
    with pytest.raises(MissingVariableError, match="'user'"):
        persona.build_greeting()
    assert Persona(name="M", role="R").build_greeting() is None


def test_a_slip_of_a_name_whose_default_was_used_is_an_error() -> None:
    """And an unused name that is like none is fine."""
    persona = Persona(name="M", role="R", tone="{refund_limit}", variables={"refund_limit": "$50"})
    with pytest.raises(InvalidValueError, match="did you mean 'refund_limit'"):
        persona.render(refund_limt="$500")
    assert persona.render(locale="de").unused == ("locale",)


@given(st.sampled_from(["plann", "pla", "plan_", "Plan"]), st.sampled_from(["Hi {plan}", "Hi", "Hi {user}"]))
def test_a_slip_is_the_same_error_in_the_greeting_and_in_the_prompt(slip: str, greeting: str) -> None:
    """Whatever the greeting prints: one session goes to both."""
    persona = Persona("M", "R", greeting=greeting, variables={"user": None, "plan": "free"})
    with pytest.raises(InvalidValueError) as prompt:
        persona.render(user="Jo", **{slip: "secret"})
    with pytest.raises(InvalidValueError) as greeted:
        persona.build_greeting(user="Jo", **{slip: "secret"})
    assert str(greeted.value) == str(prompt.value)
    assert str(prompt.value) == (
        f"M: the session has {slip!r}, which nothing uses, and not 'plan', whose default would be used; "
        "did you mean 'plan'?"
    )


def test_a_name_that_the_template_asks_for_is_no_slip_in_the_greeting(tmp_path: Path) -> None:
    """A handler passes one session to both, and what the persona's own template prints is in it."""
    (tmp_path / "own.j2").write_text("{{ persona.role }} {{ session.plans }}")
    registry = PersonaRegistry(tmp_path, "own")
    registry.define(Persona("M", "R", greeting="Hi on {plan}", variables={"plan": "free"}))
    persona = registry.get("M")
    assert persona.build_greeting(plans="all") == "Hi on free"
    assert persona.build_greeting(plan="pro", planned="x") == "Hi on pro"
    with pytest.raises(InvalidValueError, match="did you mean 'plan'"):
        persona.build_greeting(plann="x")


@pytest.mark.parametrize(
    ("session", "call"),
    [
        ({}, 'persona.render("markdown")'),
        ({"user": "Jo"}, 'persona.render("markdown", user=…)'),
        (dict.fromkeys("abcde", "x"), 'persona.render("markdown", a=…, b=…, c=…, …)'),
    ],
)
def test_a_template_that_is_passed_like_a_variable_is_an_error(session: dict[str, object], call: str) -> None:
    """Somebody meant the first argument; the message shows the right call, and no value."""
    persona = Persona("M", "R")
    for build in (persona.render, persona.build_system_prompt):
        with pytest.raises(InvalidValueError) as raised:
            build(template="compact", **session)
        assert str(raised.value) == (
            f"M: the session has 'template', which nothing uses; a template is the first argument: {call}"
        )
    assert persona.build_system_prompt(template=None) == persona.build_system_prompt()
    with pytest.raises(InvalidValueError, match="a greeting is the same in every template: leave it out"):
        Persona("M", "R", greeting="Hi").build_greeting(template="compact")


def test_a_variable_called_template_is_fine_where_something_uses_it(tmp_path: Path) -> None:
    """A text, a declaration, or the template itself, also one that works names out while it renders."""
    assert Persona("M", "R", tone="{template}").build_system_prompt(template="x").endswith("Tone: x")
    assert Persona("M", "R", variables=["template"], greeting="Hi").build_greeting(template="x") == "Hi"
    (tmp_path / "names.j2").write_text("{{ persona.role }} {{ session.template }}")
    (tmp_path / "any.j2").write_text("{{ persona.role }} {% for name in ['template'] %}{{ session[name] }}{% endfor %}")
    registry = PersonaRegistry(tmp_path)
    registry.define(Persona("M", "R"))
    assert registry.get("M").build_system_prompt("names", template="x") == "R x"
    assert registry.get("M").build_system_prompt("any", template="x") == "R x"


def test_none_takes_the_default() -> None:
    """None counts as not given, and an empty text as given."""
    persona = Persona(name="M", role="R", tone="t{plan}", variables={"plan": " free\n"})
    assert persona.build_system_prompt(plan=None).endswith("Tone: t free\n")
    assert persona.build_system_prompt(plan="").endswith("Tone: t")


def test_defaults_are_the_authors_text() -> None:
    """Neither folded nor escaped; session values are."""
    persona = Persona(name="M", role="R", tone="{a}", variables={"a": "<b>\n&"})
    assert "<tone>\n<b>\n&\n</tone>" in persona.build_system_prompt("xml")
    assert "<tone>\n&lt;b&gt; &amp;\n</tone>" in persona.build_system_prompt("xml", a="<b>\n&")


def test_fingerprints_are_of_what_can_reach_a_prompt() -> None:
    """Description and metadata are in none; the order of sections is."""
    one = Persona(name="M", role="R", custom_sections={"a": "1", "b": "2"})
    other = Persona(name="M", role="R", custom_sections={"b": "2", "a": "1"})
    told = Persona(name="M", role="R", custom_sections={"a": "1", "b": "2"}, description="d", metadata={"x": 1})
    prints = [persona.render().persona_fingerprint for persona in (one, other, told)]
    assert prints[0] == prints[2] != prints[1]


def test_a_template_of_its_own_sees_every_field(tmp_path: Path) -> None:
    """Fields of texts, and what the product's tools are."""
    from llm_persona import PersonaRegistry

    (tmp_path / "t.j2").write_text(
        "{{ persona.key }} {{ persona.name }} {{ persona.version }} {{ persona.tools|join }} {{ persona.greeting }}"
    )
    registry = PersonaRegistry(templates=tmp_path)
    registry.define(Persona(name="M", role="R", display_name="Maya", version="3", tools=["a", "b"], greeting="Hi {u}"))
    assert registry.get("M").build_system_prompt("t", u="Jo") == "M Maya 3 ab Hi Jo"
