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

from llm_persona import Persona
from llm_persona.errors import InvalidValueError
from llm_persona.tools import select_tools, tool_descriptions, tool_name

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
BEDROCK: list[dict[str, Any]] = [
    {"toolSpec": {"name": "refund", "description": "Give money back.", "inputSchema": {"json": SCHEMA}}},
    {"toolSpec": {"name": "lookup_order", "description": "Find an order.", "inputSchema": {"json": SCHEMA}}},
]
CRM: dict[str, Any] = {
    "type": "namespace",
    "name": "crm",
    "description": "Who our customers are.",
    "tools": [
        {"type": "function", "name": "find", "description": "Find a customer."},
        {"type": "function", "name": "merge"},
        {"type": "custom", "name": "note"},
    ],
}
SHOP: dict[str, Any] = {
    "type": "namespace",
    "name": "shop",
    "description": "What they bought.",
    "tools": [{"type": "function", "name": "find", "description": "Find an order."}],
}
UNNAMED: list[dict[str, Any]] = [
    {"type": "web_search"},
    {"type": "mcp_toolset", "mcp_server_name": "crm"},
    {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com"},
    {"cachePoint": {"type": "default"}},
    {"google_search": {}},
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
        ({"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}, "f"),
        ({"systemTool": {"name": "nova_grounding"}}, "nova_grounding"),
        ({"type": "namespace", "name": "g", "tools": []}, "g"),
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
    assert tool_descriptions(catalog) == {"search": "", "refund": ""}


def test_catalogue_may_be_read_once() -> None:
    """A catalogue that can be gone through only once is enough."""
    assert select_tools(["refund"], iter(ANTHROPIC)) == ANTHROPIC[:1]
    assert tool_descriptions(iter(ANTHROPIC))["refund"] == "Give money back."


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
    with pytest.raises(InvalidValueError) as caught:
        select_tools(names, ANTHROPIC)
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


@pytest.mark.parametrize("catalog", [BEDROCK, CHAT, RESPONSES, ANTHROPIC])
def test_every_providers_definitions_are_chosen_by_one_name(catalog: list[Any]) -> None:
    """One persona's tools are found in the catalogue of any provider, as they are."""
    chosen = select_tools(["lookup_order", "refund"], catalog)
    assert [tool_name(one) for one in chosen] == ["lookup_order", "refund"]
    assert all(any(one is definition for definition in catalog) for one in chosen)


def test_namespace_comes_with_the_tools_that_are_named() -> None:
    """A persona that may use one tool of a namespace is not given the others; the catalogue stays as it was."""
    before = json.dumps([CRM, ANTHROPIC])
    chosen: list[Any] = select_tools(["note", "refund", "find"], [CRM, *ANTHROPIC])
    assert chosen == [{**CRM, "tools": [CRM["tools"][0], CRM["tools"][2]]}, ANTHROPIC[0]]
    assert json.dumps([CRM, ANTHROPIC]) == before


@pytest.mark.parametrize("names", [["crm"], ["find", "merge", "note"], ["note", "crm"]])
def test_namespace_is_whole_by_its_name_or_all_of_its_tools(names: list[str]) -> None:
    """The namespace itself, as the product wrote it."""
    (chosen,) = select_tools(names, [CRM])
    assert chosen is CRM
    (chosen,) = select_tools(names, {"crm": CRM})
    assert chosen is CRM


@given(st.lists(st.sampled_from(["crm", "crm.find", "shop.find", "merge", "note", "shop"])))
def test_namespaces_hold_what_was_asked_for_and_no_more(names: list[str]) -> None:
    """For any names, each namespace is there once, with the tools that are named, in its own order."""
    chosen: dict[str, Any] = {one["name"]: one for one in select_tools(names, [CRM, SHOP])}
    for space in (CRM, SHOP):
        wanted = [
            tool
            for tool in space["tools"]
            if {space["name"], tool["name"], f"{space['name']}.{tool['name']}"} & set(names)
        ]
        assert chosen.get(space["name"], {"tools": []})["tools"] == wanted
    assert len(chosen) == len(select_tools(names, [CRM, SHOP]))


def test_tools_of_one_name_in_two_namespaces() -> None:
    """They go by their namespace's name as well, and who asks for less is told."""
    assert list(tool_descriptions([CRM, SHOP])) == ["crm", "shop", "crm.find", "merge", "note", "shop.find"]
    assert tool_descriptions([CRM, SHOP])["shop.find"] == "Find an order."
    with pytest.raises(InvalidValueError, match=r"there is no tool 'find'; did you mean 'crm\.find'\?"):
        select_tools(["find"], [CRM, SHOP])
    with pytest.raises(InvalidValueError, match=r"the tool catalogue defines 'crm\.find' twice"):
        select_tools([], [{**CRM, "tools": CRM["tools"][:1] * 2}])
    with pytest.raises(InvalidValueError, match="the tools of the namespace 'crm' must be a list, not a text"):
        select_tools([], [{**CRM, "tools": "find"}])


def test_entries_without_a_name_are_kept_or_left_out() -> None:
    """What a provider runs has no name: it comes last, in its order, or not at all, and somebody says which."""
    catalog: list[Any] = [*UNNAMED[:2], *ANTHROPIC, *UNNAMED[2:]]
    assert select_tools(["refund"], catalog, unnamed="keep") == [ANTHROPIC[0], *UNNAMED]
    assert select_tools(["refund"], iter(catalog), unnamed="drop") == [ANTHROPIC[0]]
    assert select_tools([], UNNAMED, unnamed="keep") == UNNAMED
    assert tool_descriptions(catalog) == tool_descriptions(ANTHROPIC)
    for entry in UNNAMED:
        with pytest.raises(
            InvalidValueError, match=r'^a tool definition has no name; pass unnamed="keep" or unnamed="drop"'
        ):
            select_tools([], [entry])


@pytest.mark.parametrize(
    "definition",
    [
        {"type": "function", "function": {}},
        {"type": "function"},
        {"type": "custom", "nmae": "a"},
        {"nmae": "a", "input_schema": {}},
        {"toolSpec": {"description": "a"}},
        {"type": "namespace", "tools": []},
        {"type": "web_search", "name": ""},
        {"name": 5},
        {},
    ],
)
def test_what_lost_its_name_is_not_passed_by(definition: dict[str, Any]) -> None:
    """A tool of the product's own needs its name, whatever becomes of those that have none."""
    for unnamed in (None, "keep", "drop"):
        with pytest.raises(InvalidValueError, match=r"a tool definition has no name|name must be a text, not a number"):
            select_tools([], [definition], unnamed=unnamed)  # type: ignore[arg-type]  # literals, as texts


def test_other_ways_with_the_unnamed_are_refused() -> None:
    """What becomes of them is one of two things."""
    with pytest.raises(InvalidValueError, match="unnamed must be 'keep' or 'drop', not True"):
        select_tools([], [], unnamed=True)  # type: ignore[arg-type]  # what this test is about


def test_descriptions_are_texts() -> None:
    """The descriptions of a catalogue are those of its definitions, whatever their shape."""
    expected = {"lookup_order": "Find an order.", "refund": "Give money back."}
    assert tool_descriptions(ANTHROPIC) == expected | {"web_search": ""}
    assert tool_descriptions(CHAT) == expected
    assert tool_descriptions(RESPONSES) == expected | {"lookup_order": ""}
    assert tool_descriptions(BEDROCK) == expected


def test_description_that_is_no_text_is_refused() -> None:
    """A description is printed in prompts, so it is a text."""
    with pytest.raises(InvalidValueError, match="the description of tool 'a' must be a text, not a list"):
        tool_descriptions([{"name": "a", "description": ["x"]}])


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
        gpt.responses.create(
            model="gpt-5.6",
            input=[{"role": "user", "content": "x"}],
            tools=select_tools(["note"], [CRM, UNNAMED[0]], unnamed="keep"),  # type: ignore[arg-type]  # plain data
        )
    sent = [body["tools"] for body in provider.bodies]
    assert sent[:3] == [[ANTHROPIC[2], ANTHROPIC[0]], [RESPONSES[1], RESPONSES[0]], [CHAT[1], CHAT[0]]]
    assert sent[3] == [{**CRM, "tools": CRM["tools"][2:]}, UNNAMED[0]]


def test_a_catalogue_that_is_read_once_is_whole() -> None:
    maya = Persona("Maya", role="Guide", tools="all")
    catalogue = [{"toolSpec": {"name": "a"}}, {"cachePoint": {"type": "default"}}]
    for unnamed, chosen in (("keep", catalogue), ("drop", catalogue[:1])):
        assert maya.select_tools(iter(catalogue), unnamed=unnamed) == chosen  # type: ignore[arg-type]  # of those two


@pytest.mark.parametrize("names", ["all", "find", b"find"])
def test_a_text_is_no_list_of_names(names: Any) -> None:
    """Its letters are no tools."""
    with pytest.raises(InvalidValueError, match="names must be a list of the names of tools, not"):
        select_tools(names, [{"name": "find"}])
