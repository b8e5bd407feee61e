"""Tests of writing: what is written reads back equal."""

from __future__ import annotations

import json
from collections import OrderedDict

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_persona.errors import InvalidValueError
from llm_persona.files.reading import parse
from llm_persona.files.writing import dump_json, dump_yaml

ODD = (
    *(
        "",
        " ",
        "no",
        "On",
        "~",
        "null",
        "1.10",
        "1_000",
        "0x1F",
        "12:30",
        "2026-01-01",
        ".nan",
        "<<",
        "=",
        "---",
        "...",
        "? a",
        ": a",
    ),
    *(
        "- x",
        "a: b",
        "a #b",
        "#a",
        "@a",
        "`a`",
        "%a",
        "*a",
        "&a",
        "!a",
        "{a}",
        "[a]",
        "'a'",
        '"a"',
        "a\\b",
        "|",
        ">",
        ",",
        "a:",
        "a :b",
    ),
    *(
        "a\nb",
        "a\nb\n",
        "a\nb\n\n\n",
        "\na\nb",
        " a\nb",
        "\ta\nb",
        "a \nb",
        "a\n \nb",
        "a\n  b\n c",
        "a\r\nb",
        "a\rb",
        "\n",
        "\n\n",
        "\n \n",
    ),
    *(
        "a\x85b",
        "a\u2028b\nc",
        "\ufeffa",
        "a\ufeffb\n",
        "\x7f",
        "\x1b[0m\nx",
        "\t",
        "a\tb",
        "a\n\tb",
        "é",
        "👩‍👩‍👧",
        "x" * 5_000,
        "a " * 5_000,
    ),
    *("\\", "a\\\nb ", "a\n\\ b ", "a\n b\n ", "#a\nb", "a\n#b\n- c\n---\n...\nd", "%a\nb", "\u00a0a\nb\u00a0"),
)
TEXT = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.text("ab \n\t:-#'\"\\|>\r\x85\u2028\ufeff{}[],&*!%@é", max_size=12),
)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXT
)
DATA = st.dictionaries(
    TEXT,
    st.recursive(
        PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8
    ),
    min_size=1,
    max_size=4,
)


@given(DATA)
@settings(max_examples=400)
def test_yaml_reads_back_equal(data: dict[str, object]) -> None:
    """Any data written as YAML is read back equal, in the same order, by us and by the safe loader."""
    document = parse(dump_yaml(data), "x.yaml", kind="yaml")
    assert document.problems == ()
    assert json.dumps(document.data) == json.dumps(data)
    assert yaml.load(dump_yaml(data), yaml.CSafeLoader) == data


@given(DATA)
@settings(max_examples=200)
def test_json_reads_back_equal(data: dict[str, object]) -> None:
    """Any data written as JSON is read back equal, in the same order."""
    document = parse(dump_json(data), "x.json", kind="json")
    assert document.problems == ()
    assert json.dumps(document.data) == json.dumps(data)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    "wrap",
    [lambda text: {"a": text, "b": 1}, lambda text: {"a": [text, text]}, lambda text: {"a": {text: text}, text: "x"}],
)
def test_odd_texts_read_back_equal(text: str, wrap: object) -> None:
    """Texts that YAML would read as something else come back exactly, as value, as item and as key."""
    data = wrap(text)  # type: ignore[operator]  # one of the functions above
    document = parse(dump_yaml(data), "x.yaml", kind="yaml")
    assert document.problems == ()
    assert document.data == data


def test_yaml_is_pleasant_to_review() -> None:
    """Plain texts stand bare, several lines are blocks, and order is kept."""
    data = OrderedDict(
        Maya={
            "role": "Customer Support Specialist",
            "version": "1.10",
            "capabilities": ("Look up order status", "Process refunds under $50", "Never do: refunds"),
            "greeting": "Hi {user_name}, I'm {name}.",
            "custom_sections": {"escalation": "Ask a human.\nBe quick.\n", "style": "short\nwarm", "spaced": "a \n  b"},
            "variables": {"user_name": None, "plan": "free"},
            "tools": [],
        },
        Dora={"role": "Guide", "abstract": True, "metadata": {"scale": 1e17, "rows": [{"a": 1}, [2, 3]]}},
    )
    assert dump_yaml(data) == (
        "Maya:\n"
        "  role: Customer Support Specialist\n"
        '  version: "1.10"\n'
        "  capabilities:\n"
        "    - Look up order status\n"
        "    - Process refunds under $50\n"
        '    - "Never do: refunds"\n'
        '  greeting: "Hi {user_name}, I\'m {name}."\n'
        "  custom_sections:\n"
        "    escalation: |\n"
        "      Ask a human.\n"
        "      Be quick.\n"
        "    style: |-\n"
        "      short\n"
        "      warm\n"
        '    spaced: "a \\n\\\n'
        '      \\  b"\n'
        "  variables:\n"
        "    user_name: null\n"
        "    plan: free\n"
        "  tools: []\n"
        "\n"
        "Dora:\n"
        "  role: Guide\n"
        "  abstract: true\n"
        "  metadata:\n"
        "    scale: 1.0e+17\n"
        "    rows:\n"
        "      - a: 1\n"
        "      - - 2\n"
        "        - 3\n"
    )


def test_a_long_key_reads_back_equal() -> None:
    """A key that is too long for YAML's short form is written in its long one."""
    data: dict[str, object] = {
        "k" * 3_000: {"é" * 1_100: ["x"]},
        "b": [{"k" * 1_100: 1, "c": [[[{"k" * 1_100: "a\nb"}]]]}],
    }
    assert parse(dump_yaml(data), "x.yaml", kind="yaml").data == data


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\0b", "\ud800", b"x", object(), {1: "x"}, {"\0": 1}])
@pytest.mark.parametrize("dump", [dump_yaml, dump_json])
def test_what_no_file_can_hold_is_refused(dump: object, value: object) -> None:
    """What would not be read back is refused when it is written."""
    with pytest.raises(InvalidValueError):
        dump({"a": {"b": [value]}})  # type: ignore[operator]  # one of the functions above


@given(TEXT)
@example("a\n\n")
@settings(max_examples=100)
def test_the_end_of_a_text_is_kept_before_another_key(text: str) -> None:
    """The line breaks at the end of a text are neither lost nor added, in the middle of a file or at its end."""
    data: dict[str, object] = {"a": {"x": text, "y": text}, "b": text}
    assert parse(dump_yaml(data), "x.yaml", kind="yaml").data == data
