"""What a name that is no field means: what other formats call things, spelling where a letter is wrong, else both places."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.fields import FIELDS
from llm_persona.files.unknown_fields import _BY_NAME, _MEANT, FOR_EITHER, _plain, meant


def all_to(field: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), field)


# By the format that calls it so.
CREW_AI = {"goal": "custom_sections", "backstory": "custom_sections", "llm": "metadata", "allow_delegation": "metadata"}
ELIZA_OS = {
    "bio": "custom_sections",
    "lore": "custom_sections",
    "messageExamples": "custom_sections",
    "modelProvider": "metadata",
}
TINY_TROUPE = {
    "occupation": "role",
    "skills": "capabilities",
    "personality": "custom_sections",
    "long_term_goals": "custom_sections",
}
CARDS = {
    "first_mes": "greeting",
    "system_prompt": "custom_sections",
    "post_history_instructions": "custom_sections",
    "mes_example": "custom_sections",
    "creator": "metadata",
}
PROMPTY = {"system": "custom_sections", "inputs": "variables", "authors": "metadata", "model": "metadata"}
DOTPROMPT = {"input": "variables", "config": "metadata", "model": "metadata"}
AGENTS = {
    "allowed-tools": "tools",
    "disallowedTools": "metadata",
    "permissionMode": "metadata",
    "mcpServers": "metadata",
}
ASSISTANTS = {
    "instructions": "custom_sections",
    "temperature": "metadata",
    "response_format": "metadata",
    "tool_resources": "metadata",
}
LOBE = {"openingMessage": "greeting", "systemRole": "custom_sections", "tags": "metadata"}
ANYWHERE = {
    "prohibitions": "constraints",
    "dont": "constraints",
    "don'ts": "constraints",
    "never": "constraints",
    "do_not": "constraints",
    "must_not": "constraints",
    "negative_prompt": "constraints",
    "never_say": "constraints",
}
ANYWHERE |= {
    "abilities": "capabilities",
    "expertise": "capabilities",
    "welcome": "greeting",
    "greeting_message": "greeting",
    "introduction": "greeting",
}
ANYWHERE |= {
    "base": "parent",
    "extends": "parent",
    "inherits": "parent",
    "based_on": "parent",
    "job": "role",
    "organisation": "company",
    "voice": "tone",
    "nickname": "display_name",
    "max_tokens": "metadata",
}
ANYWHERE |= {
    "prompt": "custom_sections",
    "Custom-Instructions": "custom_sections",
    "agentPrompt": "custom_sections",
    "DO": "custom_sections",
}
ANYWHERE |= all_to(
    "constraints",
    """anti_goals nonGoals non-goals negative_constraints things_to_avoid topicsToAvoid what_not_to_do
    should_never_say topics_it_must_not_discuss what_it_cannot_do off_limits off-limit-topics blacklist denylist blocklist
    blocked_topics banned_words restricted_topics excluded_topics exclusions out_of_scope out_of_scope_requests
    avoid_topics no_rules""",
)
ANYWHERE |= all_to(
    "capabilities",
    """features actions talents know_how can_do what_it_can_do areas_of_expertise domain_expertise core_capabilities
    keyStrengths""",
)
ANYWHERE |= all_to(
    "greeting",
    """welcome_text intro_message first_words openingWords initial_line starting_message hello_text
    introduction_text""",
)
ANYWHERE |= all_to(
    "parent",
    """inherit_from inheritsFrom parent_persona parent_agent base_character extends_from derived_from based_upon
    child_of""",
)
ANYWHERE |= {"constant": "constants", "CONSTANT": "constants", "secrets": "metadata", "disallowed_models": "metadata"}
FORMATS = (CREW_AI, ELIZA_OS, TINY_TROUPE, CARDS, PROMPTY, DOTPROMPT, AGENTS, ASSISTANTS, LOBE, ANYWHERE)


@pytest.mark.parametrize(("name", "field"), [each for names in FORMATS for each in names.items()])
def test_what_other_formats_call_things_goes_where_it_means_the_same(name: str, field: str) -> None:
    """Prompt texts to custom_sections, prohibitions to constraints, first messages to greeting; programs' to metadata."""
    found = meant(name)
    assert found.field == field
    assert field in found.hint


@pytest.mark.parametrize(
    "name", ["rules", "guardrails", "guidelines", "policy", "limitations", "dos_and_donts", "do's and don'ts"]
)
def test_what_may_be_either_is_told_both_ways(name: str) -> None:
    """A rule may forbid or ask: nobody but its author knows."""
    assert meant(name).field is None
    assert "constraints" in meant(name).hint
    assert "custom_sections" in meant(name).hint


@pytest.mark.parametrize(
    "name",
    ["foo", "vision", "mode", "meeting2", "prompt_tokens", "x", "", "\x07", "日本", "language", "no_cache", "settings"],
)
def test_of_any_other_name_both_places_are_said(name: str) -> None:
    """And no field is guessed."""
    assert meant(name) == (None, FOR_EITHER)


@pytest.mark.parametrize("name", ["about", "summary", "Overview"])
def test_what_may_be_for_people_or_for_the_prompt_is_told_both_ways(name: str) -> None:
    """A description is never rendered: a text that was for the model would be lost there."""
    assert meant(name) == (None, "for the prompt: custom_sections; for people alone: description")


def test_a_constant_is_no_constraint() -> None:
    """They sound alike, and below constraints it would be printed as what the persona must not do."""
    assert [meant(name).field for name in ("constant", "constnts", "Constants")] == ["constants"] * 3


def test_no_name_of_the_table_means_two_things_or_is_a_field() -> None:
    """In any case and number."""
    names = [_plain(name) for _, words in _MEANT.values() for name in words.split()]
    assert len(set(names)) == len(names)
    assert set(names) == set(_BY_NAME)
    assert not set(names) & {_plain(field) for field in FIELDS}
    assert {field for field, _ in _MEANT.values() if field} < set(FIELDS)


@pytest.mark.parametrize("field", FIELDS[1:])
def test_case_dashes_and_number_are_no_other_name(field: str) -> None:
    """CAPABILITIES, display-name, customSections and constraint are told what they are."""
    words = field.split("_")
    camel = words[0] + "".join(word.title() for word in words[1:])
    for written in (
        field.upper(),
        field.title(),
        field.replace("_", "-"),
        field.replace("_", " "),
        camel,
        field.removesuffix("s"),
        field + "s",
    ):
        assert meant(written) == (field, f"did you mean {field!r}?") or written == field
    assert meant("capability").field == "capabilities"


def slips(field: str) -> Iterator[str]:
    """Yield every way to write a name with one letter missing, added, another or in its neighbour's place."""
    for at in range(len(field)):
        yield field[:at] + field[at + 1 :]
        yield field[:at] + field[at : at + 2][::-1] + field[at + 2 :]
        for letter in ascii_lowercase:
            yield field[:at] + letter + field[at:]
            yield field[:at] + letter + field[at + 1 :]


@pytest.mark.parametrize("field", FIELDS[1:])
def test_one_wrong_letter_is_found(field: str) -> None:
    """The field is named, but where the slip is a word of its own, or is as near to another field."""
    as_near = {"rone", "tole", "tonls", "tooes", "constrants", "constaints"}
    tried = [
        each for each in slips(field) if _plain(each) not in _BY_NAME and each not in as_near and len(_plain(each)) > 2
    ]
    assert len(tried) > 100
    assert [each for each in tried if meant(each).hint != f"did you mean {field!r}?"] == []


@given(st.text(max_size=80))
def test_every_name_has_a_remedy(name: str) -> None:
    """One line, which names at least one field."""
    found = meant(name)
    assert found.hint.isprintable()
    assert any(field in found.hint for field in FIELDS)
