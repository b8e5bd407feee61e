"""Session values that many conversations share: `Persona.with_session`, and the three parts of its prompts."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import pytest

from llm_persona import InvalidValueError, Persona, PersonaError, PersonaRegistry, multiline, trusted

DESK = """{% extends "markdown.j2" %}
{% block sections %}
{{ super() }}

## Rules of {{ session.tenant }}
{{ session.rules }}
{% endblock %}
{% block session %}
- Plan: {{ session.plan }}, for {{ session.tenant }}
{% endblock %}
"""
MAYA = {"role": "Guide", "company": "Acme", "greeting": "Hi {user} of {tenant}", "capabilities": ["Look up orders"]}
VARIABLES = {"user": "you", "plan": "free", "tenant": None, "rules": None}
RULES = multiline("Be brief.\nNever shout.")


@pytest.fixture
def desk(tmp_path: Path) -> PersonaRegistry:
    (tmp_path / "desk.j2").write_text(DESK, encoding="utf-8")
    data = {"Maya": {**MAYA, "variables": VARIABLES, "template": "desk"}}
    return PersonaRegistry.from_dict(data, templates=tmp_path)


@pytest.fixture
def maya(desk: PersonaRegistry) -> Persona:
    return desk.get("Maya")


def test_a_prompt_has_three_parts(maya: Persona) -> None:
    """What is the same for everybody, what goes on over the tenant's values, and what is the call's own."""
    tenant = maya.with_session(tenant="Globex", rules=RULES)
    for _ in range(3):
        prompt = tenant.render(plan="pro")
        assert prompt == maya.render(plan="pro", tenant="Globex", rules=RULES)
        assert prompt.shared.endswith("- Look up orders\n")
        assert prompt.stable == f"{prompt.shared}\n## Rules of Globex\n> Be brief.\n> Never shout.\n"
        assert prompt.rest == "\n- Plan: pro, for Globex"
        assert prompt.stable + prompt.rest == prompt.text
        assert tenant.build_system_prompt(plan="pro") == prompt


def test_without_it_what_is_shared_is_what_is_stable(maya: Persona) -> None:
    for _ in range(3):
        prompt = maya.render(plan="pro", tenant="Globex", rules=RULES)
        assert prompt.shared == prompt.stable
        assert maya.with_session() is maya
        assert maya.with_session(tenant=None) is maya


def test_what_comes_to_a_value_of_the_call_first_has_no_middle_part(maya: Persona) -> None:
    prompt = maya.with_session(plan="pro").render(tenant="Globex", rules="none")
    assert prompt.shared == prompt.stable
    assert prompt.rest.endswith("- Plan: pro, for Globex")


def test_what_nothing_of_the_call_is_in_is_stable_to_its_end(maya: Persona) -> None:
    prompt = maya.with_session(tenant="Globex", rules=RULES, plan="pro").render()
    assert (prompt.stable, prompt.rest) == (prompt.text, "")
    assert prompt.shared.endswith("- Look up orders\n")


def test_providers_are_told_of_both_ends(maya: Persona) -> None:
    """Each of the two parts that others share has its marker, and the texts joined are the prompt."""
    tenant = maya.with_session(tenant="Globex", rules=RULES)
    prompt = tenant.render(plan="pro")
    parts = [prompt.shared, prompt.stable[len(prompt.shared) :], prompt.rest]
    anthropic = prompt.anthropic_system(ttl="1h")
    assert [block["text"] for block in anthropic] == parts
    assert ["cache_control" in block for block in anthropic] == [True, True, False]
    openai = prompt.openai_input()[0]["content"]
    assert [part["text"] for part in openai] == parts
    assert ["prompt_cache_breakpoint" in part for part in openai] == [True, True, False]
    chat = prompt.message("developer", cache="openai")["content"]
    assert [part["text"] for part in chat] == parts
    assert ["prompt_cache_breakpoint" in part for part in chat] == [True, True, False]
    bedrock = prompt.bedrock_system()
    assert [block.get("text", "|") for block in bedrock] == [parts[0], "|", parts[1], "|", parts[2]]
    assert "".join(prompt.gemini_system()) == prompt
    assert prompt.message()["content"] == prompt
    warm = prompt.anthropic_prewarm(model="m")
    assert [block["text"] for block in warm["system"]] == parts[:2]
    assert [block["text"] for block in tenant.render(plan="x").anthropic_prewarm(model="m")["system"]] == parts[:2]


def test_it_adds_and_never_replaces(maya: Persona) -> None:
    one = maya.with_session(tenant="Globex").with_session(rules=RULES)
    assert one == maya.with_session(rules=RULES, tenant="Globex") == one.with_session(tenant="Globex")
    assert hash(one) == hash(maya.with_session(rules=RULES, tenant="Globex"))
    assert one.shared_names == {"tenant", "rules"}
    assert maya.shared_names == frozenset()
    assert one.render(plan="pro", tenant=None) == one.render(plan="pro") == one.render(plan="pro", tenant="Globex")
    for again in (one.with_session, one.render, one.build_system_prompt, one.build_greeting):
        with pytest.raises(
            InvalidValueError, match=r"^session variable 'tenant' is given by with_session already"
        ) as told:
            again(tenant="Initech")
        assert "Globex" not in str(told.value)
        assert "Initech" not in str(told.value)


def test_the_greeting_knows_the_values(maya: Persona) -> None:
    assert maya.with_session(tenant="Globex").build_greeting(user="Jo") == "Hi Jo of Globex"


def test_what_is_missing_or_a_slip_is_told_as_ever(maya: Persona) -> None:
    with pytest.raises(PersonaError, match=r"lacks 'rules'"):
        maya.with_session(tenant="Globex").render()
    with pytest.raises(InvalidValueError, match=r"'plann', which nothing uses"):
        maya.with_session(tenant="Globex", rules=RULES).render(plann="pro")
    prompt = maya.with_session(tenant="Globex", rules=RULES, account="7").render()
    assert prompt.unused == ("account",)
    assert maya.with_session(tenant="Globex").sample_session() == {"rules": "{rules}"}


@pytest.mark.parametrize("value", [object(), float("nan"), "a\0b", {1: "x"}], ids=["object", "nan", "nul", "key"])
def test_what_a_session_cannot_hold_is_refused_at_once(maya: Persona, value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"^session variable 'tenant' "):
        maya.with_session(tenant=value)
    with pytest.raises(InvalidValueError, match="begins with '_'"):
        maya.with_session(_tenant="x")


def test_values_count_in_equality_and_are_shown_nowhere(desk: PersonaRegistry, maya: Persona) -> None:
    tenant, other = maya.with_session(tenant="Globex"), maya.with_session(tenant="Initech")
    assert len({maya, tenant, other, maya.with_session(tenant="Globex")}) == 3
    assert tenant != other
    assert tenant != maya
    assert repr(tenant) == repr(maya)
    assert tenant.to_dict() == maya.to_dict()
    assert tenant.fingerprint == maya.fingerprint
    assert "Globex" not in repr(tenant._shared)
    given = {"rules": RULES, "plan": "pro"}
    assert tenant.render(**given).stamp() == other.render(**given).stamp() == maya.render(tenant="x", **given).stamp()
    assert desk.verify(tenant.render(**given).stamp()) == ()
    assert [line.text for line in tenant.render(**given).explain()] == tenant.render(**given).split("\n")
    assert any(span.origin for line in tenant.render(**given).explain() for span in line.spans)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (1, True), (1, 1.0), (Decimal("1.0"), Decimal("1")), ("x", multiline("x")), ("x", trusted("x"))],
)
def test_values_that_are_equal_and_of_another_kind_are_two(maya: Persona, one: object, other: object) -> None:
    """Equal personas print the same: 1 and 1.0 do not, nor a text that is set off and one that is not."""
    assert maya.with_session(tenant=one) != maya.with_session(tenant=other)


def test_values_are_taken_as_they_are(maya: Persona) -> None:
    """What becomes of a list or a mapping later is nothing to the persona."""
    sections, rows = {"Orders": "7"}, ["a", "b"]
    tenant = maya.with_session(tenant="Globex", rules="none", extra_sections=sections, rows=rows)
    before, key = tenant.render().text, hash(tenant)
    sections["More"] = "8"
    rows.append("c")
    assert tenant.render().text == before
    assert hash(tenant) == key
    assert before.endswith("## Orders\n\n> 7")


def test_a_definition_has_no_session(desk: PersonaRegistry, maya: Persona) -> None:
    with pytest.raises(InvalidValueError, match=r"^Maya: with_session gave it values of a session, and a definition"):
        desk.define(maya.with_session(tenant="Globex"), replace=True)
    assert desk.get("Maya") is maya
    base = Persona("Base", abstract=True)
    with pytest.raises(PersonaError, match="is abstract"):
        base.with_session(tenant="Globex")
    with pytest.raises(PersonaError, match="its parent 'Base' is not applied yet"):
        Persona("Kid", parent="Base").with_session(tenant="Globex")


def test_replace_keeps_the_values(maya: Persona) -> None:
    tenant = replace(maya.with_session(tenant="Globex", rules=RULES), tone="dry")
    assert tenant.shared_names == {"tenant", "rules"}
    assert "Rules of Globex" in tenant.render().stable
    assert replace(maya.with_session(tenant="Globex"), tone=maya.tone) == maya.with_session(tenant="Globex")


class Tier(Enum):
    GOLD = "gold"


VALUES: dict[str, object] = {
    "text": "Globex\nInc",
    "number": 10**3600,
    "float": -0.1,
    "decimal": Decimal("1.50"),
    "day": date(2026, 2, 3),
    "time": datetime(2026, 2, 3, 4, 5, tzinfo=UTC),
    "id": UUID(int=7),
    "flag": True,
    "tier": Tier.GOLD,
    "rows": [{"a": 1, "b": None}, ["x", multiline("y\nz")]],
    "rules": RULES,
    "tenant": trusted("<b>\n</b>"),
    "extra_sections": {"Orders": "7\n8", "None": None},
}


def test_a_pickle_has_the_values_whatever_they_are(maya: Persona) -> None:
    """The persona says the same in another process, and equal ones are equal bytes, whatever was rendered."""
    tenant = maya.with_session(**VALUES)
    bytes_before = pickle.dumps(tenant)
    assert pickle.dumps(maya.with_session(**dict(reversed(VALUES.items())))) == bytes_before
    prompt = tenant.render(plan="pro")
    assert pickle.dumps(tenant) == bytes_before
    again = pickle.loads(bytes_before)
    assert again == tenant
    assert hash(again) == hash(tenant)
    assert (again.render(plan="pro"), again.render(plan="pro").stable) == (prompt, prompt.stable)
    code = "import json, pickle, sys; p = pickle.load(sys.stdin.buffer).render(plan='pro'); print(json.dumps([p.shared, p.stable, p.text]))"
    told = subprocess.run([sys.executable, "-c", code], input=bytes_before, capture_output=True, check=True).stdout
    assert json.loads(told) == [prompt.shared, prompt.stable, prompt.text]


def test_a_pickled_prompt_has_its_three_parts(maya: Persona) -> None:
    prompt = maya.with_session(tenant="Globex", rules=RULES).render()
    again = pickle.loads(pickle.dumps(prompt))
    assert (again.shared, again.stable, again.rest) == (prompt.shared, prompt.stable, prompt.rest)
    assert again.anthropic_system() == prompt.anthropic_system()
    assert again.stamp() == prompt.stamp()


def test_plans_are_of_names_and_not_of_tenants(maya: Persona) -> None:
    """A thousand tenants cost what one does: what is prepared knows their variables' names only."""
    for number in range(1000):
        tenant = maya.with_session(tenant=f"T{number}", rules="none")
        assert f"Rules of T{number}" in tenant.render(plan="pro")
    within = maya._planned()._within
    assert [len(plans) for plans in within.values()] == [1]
    (plans,) = within.values()
    assert [plan.tree.leaves for plan in plans._plans.values()] == [1]
