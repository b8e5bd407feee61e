from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import ToolUnionParam
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback
from openai.types.chat import ChatCompletionToolParam
from openai.types.responses import ToolParam

from llm_persona.errors import InvalidValueError
from llm_persona.tools import select_tools, tool_descriptions, tool_name, tools_by_name

SCHEMA: dict[str, object] = {"type": "object", "properties": {"order": {"type": "string"}}}
ANTHROPIC: list[ToolUnionParam] = [
    {"name": "refund", "description": "Give money back.", "input_schema": {"type": "object"}},
    {"type": "web_search_20250305", "name": "web_search"},
    {"type": "custom", "name": "lookup_order", "description": "Find an order.", "input_schema": {"type": "object"}},
]
CHAT: list[ChatCompletionToolParam] = [
    {"type": "function", "function": {"name": "refund", "description": "Give money back.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "lookup_order", "description": "Find an order."}},
]
RESPONSES: list[ToolParam] = [
    {"type": "function", "name": "refund", "description": "Give money back.", "parameters": SCHEMA, "strict": True},
    {"type": "function", "name": "lookup_order", "parameters": SCHEMA, "strict": False},
]


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ({"name": "a", "input_schema": {}}, "a"),
        ({"type": "web_search_20250305", "name": "web_search"}, "web_search"),
        ({"type": "function", "function": {"name": "b"}}, "b"),
        ({"type": "custom", "custom": {"name": "c"}}, "c"),
        ({"type": "function", "name": "d"}, "d"),
        ({"type": "function", "name": "e", "function": {"name": "other"}}, "e"),
    ],
)
def test_name_of_a_definition(definition: Mapping[str, object], name: str) -> None:
    """The name is found where each provider's definitions have it."""
    assert tool_name(definition) == name


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            {"type": "web_search"},
            "a tool definition has no name; give the catalogue as a mapping of names to definitions",
        ),
        ({"type": "function", "function": {}}, "a tool definition has no name"),
        ({"type": "function", "function": "x"}, "a tool definition has no name"),
        ({"name": ""}, "a tool definition has no name"),
        ({"name": 5}, "a tool's name must be a text, not a number"),
        ("refund", "a tool definition must be a mapping, not a text"),
        (None, "a tool definition must be a mapping, not null"),
    ],
)
def test_definition_without_a_name(definition: object, message: str) -> None:
    """What has no name cannot be chosen by name, and says so."""
    with pytest.raises(InvalidValueError) as caught:
        tool_name(definition)
    assert str(caught.value).startswith(message)


def test_selected_as_the_persona_says() -> None:
    """A persona gets its tools in its own order, each once, and they are the product's own objects."""
    before = json.dumps(ANTHROPIC)
    chosen = select_tools(["lookup_order", "refund", "lookup_order"], ANTHROPIC)
    assert [id(one) for one in chosen] == [id(ANTHROPIC[2]), id(ANTHROPIC[0])]
    assert json.dumps(ANTHROPIC) == before
    assert select_tools([], ANTHROPIC) == []


@given(st.permutations(list("abcdef")), st.permutations(list("abcdef")), st.integers(0, 6))
def test_order_of_the_catalogue_does_not_count(names: list[str], catalog: list[str], count: int) -> None:
    """Whatever order the catalogue is in, the tools come in the persona's: the cached prefix stays the same."""
    wanted = names[:count]
    assert [one["name"] for one in select_tools(wanted, [{"name": name} for name in catalog])] == wanted


def test_catalogue_may_be_a_mapping() -> None:
    """A mapping gives a name to tools that have none of their own, as those which a provider runs."""
    search: dict[str, object] = {"type": "web_search"}
    catalog: dict[str, Mapping[str, object]] = {"search": search, "refund": {"name": "refund"}}
    assert select_tools(["search"], catalog)[0] is search
    assert tools_by_name(catalog) == catalog
    assert tool_descriptions(["search"], catalog) == (("search", ""),)


def test_catalogue_may_be_read_once() -> None:
    """A catalogue that can be gone through only once is enough."""
    assert select_tools(["refund"], iter(ANTHROPIC)) == ANTHROPIC[:1]
    assert tool_descriptions(["refund"], iter(ANTHROPIC)) == (("refund", "Give money back."),)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lookup_ordr"], "tools: there is no tool 'lookup_ordr'; did you mean 'lookup_order'?"),
        (["fly"], "tools: there is no tool 'fly'; add it to the catalogue"),
        (
            ["refund", "Refunds", "fly"],
            "tools: there are no tools 'Refunds' (did you mean 'refund'?), 'fly'; add them to the catalogue",
        ),
    ],
)
def test_unknown_tool(names: list[str], message: str) -> None:
    """All tools that the catalogue does not have are named, with what may have been meant."""
    for call in (select_tools, tool_descriptions):
        with pytest.raises(InvalidValueError) as caught:
            call(names, ANTHROPIC)
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], "the tool catalogue defines 'a' twice"),
        (
            [{"name": "a"}, {"type": "function", "function": {"name": "a"}}],
            "the tool catalogue defines 'a' twice",
        ),
        (
            {"a": {"name": "b"}},
            "the tool catalogue calls 'a' what its definition calls 'b'; use the definition's name as the key",
        ),
        ({"a": "b"}, "a tool definition must be a mapping, not a text"),
        ({1: {"name": "a"}}, "a key of the tool catalogue must be a name, not a number"),
        ({"": {"type": "web_search"}}, "a key of the tool catalogue must be a name, not ''"),
        (["a"], "a tool definition must be a mapping, not a text"),
        ("refund", "the tool catalogue must be a list or a mapping, not a text"),
        (None, "the tool catalogue must be a list or a mapping, not null"),
    ],
)
def test_catalogue_is_refused(catalog: Any, message: str) -> None:
    """A catalogue in which a name does not mean one tool is refused, even where nothing is chosen from it."""
    with pytest.raises(InvalidValueError) as caught:
        select_tools([], catalog)
    assert str(caught.value) == message


def test_descriptions_are_texts() -> None:
    """A template gets names and descriptions, in the persona's order, from either shape of definition."""
    expected = (("lookup_order", "Find an order."), ("refund", "Give money back."))
    assert tool_descriptions(("lookup_order", "refund"), ANTHROPIC) == expected
    assert tool_descriptions(("lookup_order", "refund"), CHAT) == expected
    assert tool_descriptions(("lookup_order",), RESPONSES) == (("lookup_order", ""),)


def test_description_that_is_no_text_is_refused() -> None:
    """A description is printed in prompts, so it is a text."""
    with pytest.raises(InvalidValueError, match="the description of tool 'a' must be a text, not a list"):
        tool_descriptions(["a"], [{"name": "a", "description": ["x"]}])


def test_sdks_take_the_tools(provider: Loopback) -> None:
    """The real SDKs send the chosen definitions in the persona's order, unchanged."""
    wanted = ["lookup_order", "refund"]
    claude_http = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(api_key="x", base_url=provider.url, max_retries=0, http_client=claude_http) as claude:
        claude.messages.create(
            model="claude-opus-5",
            max_tokens=9,
            tools=select_tools(wanted, ANTHROPIC),
            messages=[{"role": "user", "content": "x"}],
        )
    gpt_http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(api_key="x", base_url=provider.url, max_retries=0, http_client=gpt_http) as gpt:
        gpt.responses.create(
            model="gpt-5.6", input=[{"role": "user", "content": "x"}], tools=select_tools(wanted, RESPONSES)
        )
        gpt.chat.completions.create(
            model="gpt-5.6", messages=[{"role": "user", "content": "x"}], tools=select_tools(wanted, CHAT)
        )
    sent = [body["tools"] for body in provider.bodies]
    assert sent == [[ANTHROPIC[2], ANTHROPIC[0]], [RESPONSES[1], RESPONSES[0]], [CHAT[1], CHAT[0]]]
