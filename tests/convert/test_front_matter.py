"""Tests of front matter that is no YAML: whatever stands in it comes in, and goes out as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_persona import Limits, PersonaFileError
from llm_persona.convert.agents import agent, to_agent_markdown
from llm_persona.convert.foreign import Reading

words = st.sampled_from(
    [
        *(
            "a",
            "b: c",
            "[x] [y]",
            "**/*",
            "*",
            "&a",
            "@all",
            "- ",
            "'",
            '"',
            "#x",
            " # x",
            "{",
            "}",
            "|",
            ">",
            "!t",
            "%",
        ),
        *("2025-01-02", "1.10", "0x1F", "no", "12:30", "\\", "`", "? ", "\u2028", "\x07", "\ufeff", "null", "~", "<<"),
        *("\t", "ü"),
    ]
)
line_texts = st.lists(words, max_size=4).map(" ".join)
fronts = st.lists(
    st.tuples(st.sampled_from(["name", "description", "globs", "x-y", "k k", "tools"]), line_texts), max_size=4
)


@given(fronts, st.lists(line_texts, max_size=2), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=120)
@example([("globs", "**/*")], ["  - a: b: c", "x"], "\n")
@example([("description", "'a' b"), ("description", "|")], [], "\n")
@example([("description", '"a" b')], ["c: "], "\n")
@example([("k k", "")], [" - x", "? : y"], "\r\n")
def test_any_lines_of_keys_come_in_and_go_out(front: list[tuple[str, str]], below: list[str], line_break: str) -> None:
    """No line is refused and none raises; the prompt is the text below; what is exported is read as the same persona."""
    lines = ["---", "model: m", *(f"{key}: {text}" for key, text in front), "last: x", *below, "---"]
    text = line_break.join([*lines, "", f"Be {{kind}}.{line_break}"])
    persona = agent(text, "x.md")
    assert persona.build_system_prompt() == f"Be {{kind}}.{line_break}"
    assert persona.metadata["model"] == "m"
    exported = to_agent_markdown(persona, "x.md")
    assert agent(exported, "x.md") == persona
    # Quotes that are not closed on their line may go on where the lines are written otherwise.
    assert "sha256:" not in exported or any(mark in text for mark in "'\"")


@given(
    st.dictionaries(st.sampled_from(["description", "globs", "created", "argument-hint", "x"]), line_texts, min_size=1)
)
@settings(max_examples=60)
def test_a_value_that_no_yaml_reader_takes_is_the_rest_of_its_line(front: dict[str, str]) -> None:
    """Each that is told of, is kept as it stands, and written as it stood."""
    lines = [f"{key}: {text}" for key, text in front.items()]
    reading = Reading()
    persona = agent("\n".join(["---", *lines, "---", "Hi"]), "x.md", reading)
    exported = to_agent_markdown(persona, "x.md").split("\n")
    for warning in reading.warnings:
        if "the rest of the line is taken as the text" in warning.message and warning.field in front:
            text = front[warning.field].strip(" \t")
            kept = persona.description if warning.field == "description" else persona.metadata[warning.field]
            assert (kept or "") == text
            assert warning.line == 2 + list(front).index(warning.field)
            assert not text or f"{warning.field}: {text}" in exported


@pytest.mark.parametrize("value", ["&a {", "[a", "{a: [b", '"a', "&a [ # b"])
@pytest.mark.parametrize("below", ["", "model: m\n"])
def test_what_is_open_at_the_end_of_a_key_is_told_in_its_line(value: str, below: str) -> None:
    reading = Reading()
    agent(f"---\ndescription: {value}\n{below}---\nHi", "x.md", reading)
    (warning,) = (each for each in reading.warnings if each.field == "description")
    assert (warning.line, 1 < (warning.column or 0) <= len(f"description: {value}") + 1) == (2, True)


def test_what_meets_a_limit_is_refused_and_not_taken_as_a_text() -> None:
    """However it is written: leniency has no way round a limit."""
    limits = Limits(depth=3, text_characters=50)
    with pytest.raises(PersonaFileError, match=r"nested more than 3 deep"):
        agent("---\nname: a\nx: [[[[1]]]]\n---\nHi", "x.md", Reading(limits))
    with pytest.raises(PersonaFileError, match=r"at most 50 are allowed"):
        agent(f"---\ndescription: {'a: b ' * 20}\n---\nHi", "x.md", Reading(limits))
    with pytest.raises(PersonaFileError, match=r"at most 50 are allowed"):
        agent(f"---\nname: a\n---\n{'x' * 51}", "x.md", Reading(limits))


def test_many_broken_lines_take_no_time() -> None:
    """Each key is read for itself, once."""
    lines = "\n".join(f"k{number}: a: b" for number in range(3_000))
    assert len(agent(f"---\n{lines}\n---\nHi", "x.md").metadata) == 3_001


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("---\nA rule, and no keys.\n---\nBelow.", "---\nA rule, and no keys.\n---\nBelow."),
        ("---\n- a\n- b\n---\nBelow.", "---\n- a\n- b\n---\nBelow."),
        ("---\n\n---\nBelow.", "Below."),
        ("\n\n---\nname: a\n---\nBelow.", "Below."),
        ("----\nname: a\n----\n", "----\nname: a\n----\n"),
        ("Above.\n---\nname: a\n---\n", "Above.\n---\nname: a\n---\n"),
    ],
)
def test_a_rule_in_the_text_is_no_front_matter(text: str, prompt: str) -> None:
    """Front matter begins the file and has keys; all else is the prompt, and goes out as it was."""
    persona = agent(text, "x.md")
    assert persona.build_system_prompt() == prompt
    assert agent(to_agent_markdown(persona, "x.md"), "x.md") == persona
