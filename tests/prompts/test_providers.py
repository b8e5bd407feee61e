from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import anthropic
import boto3
import openai
import pytest
import sdk_calls
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai.types import HttpOptions
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback

from llm_persona import Prompt, mark_last_message, mark_last_tool
from llm_persona.errors import InvalidValueError
from llm_persona.prompts.providers import (
    TTL,
    anthropic_prewarm,
    anthropic_system,
    bedrock_system,
    gemini_system,
    message,
    openai_input,
)

STABLE = "You are Maya, a Guide.\n\n"
MODEL = "claude-opus-5"
# White space and text in all mixtures: the parts of a prompt are often blank, and blanks are what providers refuse.
PART = st.text(st.sampled_from(" \n\t\u00a0\u2028aé😀"), max_size=6) | st.text(st.characters(codec="utf-8"))
PARTS = st.tuples(PART, PART).filter(lambda parts: "".join(parts).strip())
BLANK = st.text(st.sampled_from(" \n\t\u00a0\u2028"), max_size=6)


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def claude(provider: Loopback) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(api_key="none", base_url=provider.url, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
def gpt(provider: Loopback) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(api_key="none", base_url=provider.url, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
def bedrock(provider: Loopback) -> Iterator[Any]:
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    client = boto3.client("bedrock-runtime", endpoint_url=provider.url, config=config, **keys)
    yield client
    client.close()


@pytest.fixture
def gemini(provider: Loopback) -> Iterator[genai.Client]:
    options = HttpOptions(base_url=provider.url, client_args={"trust_env": False})
    with genai.Client(api_key="none", http_options=options) as client:
        yield client


def prompt_of(stable: str, rest: str) -> Prompt:
    return Prompt(stable + rest, "Maya", None, "default", len(stable))


def tool(name: str, ttl: TTL | None = None, *, marked: bool = True) -> Any:
    definition: dict[str, Any] = {"name": name, "description": name, "input_schema": {"type": "object"}}
    if marked:
        definition["cache_control"] = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    return definition


@given(BLANK, BLANK)
def test_a_blank_prompt_is_refused(stable: str, rest: str) -> None:
    """Providers refuse it too, later and in other words."""
    for form in (anthropic_system, openai_input, bedrock_system, gemini_system, message):
        with pytest.raises(InvalidValueError, match="the prompt is blank"):
            form(stable, rest)


@given(PARTS, st.booleans(), st.sampled_from([None, "5m", "1h"]))
def test_blocks_hold_the_prompt(parts: tuple[str, str], cache: bool, ttl: TTL | None) -> None:
    """For any parts the joined blocks are the prompt, no block is blank, and only the whole stable part is marked."""
    stable, rest = parts
    blocks = anthropic_system(stable, rest, cache=cache, ttl=ttl)
    assert "".join(block["text"] for block in blocks) == stable + rest
    assert all(block["text"].strip() for block in blocks)
    marked = [block["text"] for block in blocks if "cache_control" in block]
    may_be_marked = cache and stable.strip() and (not rest or rest.strip())
    assert marked == ([stable] if may_be_marked else [])


@given(PARTS, st.booleans())
def test_every_form_holds_the_prompt(parts: tuple[str, str], cache: bool) -> None:
    """For any parts every provider is sent the prompt, in the pieces and with the marks of the system blocks."""
    stable, rest = parts
    blocks = [(block["text"], "cache_control" in block) for block in anthropic_system(stable, rest, cache=cache)]
    [developer] = openai_input(stable, rest, cache=cache)
    assert [(part["text"], "prompt_cache_breakpoint" in part) for part in developer["content"]] == blocks
    converse = [
        one
        for text, marked in blocks
        for one in ({"text": text}, *([{"cachePoint": {"type": "default"}}] if marked else []))
    ]
    assert bedrock_system(stable, rest, cache=cache) == converse
    if cache:
        assert gemini_system(stable, rest) == [text for text, _ in blocks]
        for name, marker in (("openai", "prompt_cache_breakpoint"), ("anthropic", "cache_control")):
            content = message(stable, rest, cache=name)["content"]  # type: ignore[call-overload]  # literals, as texts
            assert [(part["text"], marker in part) for part in content] == blocks
    else:
        assert message(stable, rest)["content"] == stable + rest


@given(st.lists(PART, min_size=1, max_size=4).filter(lambda parts: "".join(parts).strip()))
def test_a_cache_ends_after_every_part_but_the_last(parts: list[str]) -> None:
    """However many parts a prompt has, no block is blank, their texts are it, and what is marked ends where a part ends."""
    blocks = anthropic_system(*parts)
    assert "".join(block["text"] for block in blocks) == "".join(parts)
    assert all(block["text"].strip() for block in blocks)
    ends = {len("".join(parts[: n + 1])) for n in range(len(parts) - 1)}
    so_far = 0
    for block in blocks:
        so_far += len(block["text"])
        assert so_far in ends or "cache_control" not in block
    if all(part.strip() for part in parts):
        assert ["cache_control" in block for block in blocks] == [True] * (len(parts) - 1) + [False]


def test_system_blocks() -> None:
    """The stable part is a block with a marker, the rest one without."""
    assert anthropic_system(STABLE, "Hi Jo") == [
        {"type": "text", "text": STABLE, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Hi Jo"},
    ]
    assert anthropic_system(STABLE, "", ttl="1h") == [
        {"type": "text", "text": STABLE, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert anthropic_system(STABLE, "Hi", cache=False) == [{"type": "text", "text": f"{STABLE}Hi"}]


def test_lifetimes_stand_in_the_markers() -> None:
    """Each provider's marker says how long, where it was asked for."""
    assert openai_input("a", "b", ttl="12h")[0]["content"][0]["prompt_cache_breakpoint"] == {
        "mode": "explicit",
        "ttl": "12h",
    }
    assert bedrock_system("a", "b", ttl="1h")[1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert message("a", "b", cache="anthropic", ttl="1h")["content"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b"},
    ]
    assert message("a", "b", role="developer", cache="openai", ttl="30m")["content"][0] == {
        "type": "text",
        "text": "a",
        "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"ttl": "1h"}, "ttl is a cache's, and there is none; pass cache='openai' or 'anthropic' with it"),
        ({"cache": "openai", "ttl": "1h"}, "ttl must be None, '30m' or '12h', not '1h'"),
        ({"cache": "anthropic", "ttl": "30m"}, "ttl must be None, '5m' or '1h', not '30m'"),
        ({"cache": True}, "cache must be None, 'openai' or 'anthropic', not True"),
        ({"cache": "gemini"}, "cache must be None, 'openai' or 'anthropic', not 'gemini'"),
    ],
)
def test_what_a_message_cannot_have(arguments: dict[str, Any], expected: str) -> None:
    """A cache that no chat has, or a lifetime that the cache has not, is refused in words."""
    with pytest.raises(InvalidValueError) as caught:
        message("a", "b", **arguments)
    assert str(caught.value) == expected
    with pytest.raises(InvalidValueError, match="ttl must be None, '30m' or '12h', not '5m'"):
        openai_input("a", "b", ttl="5m")  # type: ignore[arg-type]  # what this test is about
    with pytest.raises(InvalidValueError, match="ttl must be None, '5m' or '1h', not '12h'"):
        bedrock_system("a", "b", ttl="12h")  # type: ignore[arg-type]  # what this test is about


@pytest.mark.parametrize("ttl", ["2h", "", 5, True, "5M"])
def test_other_ttl_is_refused(ttl: Any) -> None:
    """A lifetime that Anthropic does not have is refused, whether or not something is marked."""
    with pytest.raises(InvalidValueError, match="ttl must be None, '5m' or '1h', not "):
        anthropic_system("", "x", cache=False, ttl=ttl)


def test_input_message() -> None:
    """The stable part ends in an explicit breakpoint, the rest does not."""
    marked = {"type": "input_text", "text": STABLE, "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert openai_input(STABLE, "Hi Jo") == [
        {"role": "developer", "content": [marked, {"type": "input_text", "text": "Hi Jo"}]}
    ]
    assert openai_input(STABLE, "Hi Jo", cache=False) == [
        {"role": "developer", "content": [{"type": "input_text", "text": f"{STABLE}Hi Jo"}]}
    ]


def test_message_has_the_roles_of_a_product() -> None:
    """The prompt is a message of the system or the developer, and of nobody else."""
    assert message("x") == {"role": "system", "content": "x"}
    assert message("x", role="developer") == {"role": "developer", "content": "x"}
    for role, shown in (("user", "'user'"), ("assistant", "'assistant'"), (None, "null")):
        with pytest.raises(InvalidValueError, match=f"^role must be 'system' or 'developer', not {shown}$"):
            message("x", role=role)  # type: ignore[arg-type]  # None is what this test is about
    with pytest.raises(InvalidValueError, match="the prompt is blank"):
        message(" \n")


@pytest.mark.parametrize("ttl", [None, "5m", "1h"])
def test_anthropic_takes_the_blocks(provider: Loopback, claude: anthropic.Anthropic, ttl: TTL | None) -> None:
    """The real SDK sends the blocks as they are, and two sessions share the cached block."""
    used = []
    for name in ("Jo", "Ana"):
        system = anthropic_system(STABLE, f"Hi {name}", ttl=ttl)
        reply = claude.messages.create(
            model=MODEL, max_tokens=9, system=system, messages=[{"role": "user", "content": name}]
        )
        assert provider.bodies[-1]["system"] == system
        used.append((bool(reply.usage.cache_creation_input_tokens), bool(reply.usage.cache_read_input_tokens)))
    assert used == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("stable", "rest"), [("", "Hi"), (STABLE, ""), (STABLE, "Hi"), (STABLE, " \n"), ("\n", "Hi"), ("\n", "\nHi\n")]
)
def test_both_providers_take_blank_parts(
    provider: Loopback, claude: anthropic.Anthropic, gpt: openai.OpenAI, stable: str, rest: str
) -> None:
    """A prompt with a blank or missing part is accepted, and what arrives is its text."""
    claude.messages.create(
        model=MODEL, max_tokens=9, system=anthropic_system(stable, rest), messages=[{"role": "user", "content": "x"}]
    )
    assert "".join(block["text"] for block in provider.bodies[-1]["system"]) == stable + rest
    gpt.responses.create(model="gpt-5.6", input=[*openai_input(stable, rest), {"role": "user", "content": "x"}])
    assert "".join(part["text"] for part in provider.bodies[-1]["input"][0]["content"]) == stable + rest


def test_openai_takes_the_input(provider: Loopback, gpt: openai.OpenAI) -> None:
    """The real SDK sends the breakpoint, and two sessions with other first words share the cached part."""
    cached = []
    for name in ("Jo", "Ana"):
        reply = gpt.responses.create(
            model="gpt-5.6", input=[*openai_input(STABLE, f"Hi {name}"), {"role": "user", "content": name}]
        )
        assert provider.bodies[-1]["input"][0] == openai_input(STABLE, f"Hi {name}")[0]
        assert reply.usage is not None
        cached.append(reply.usage.input_tokens_details.cached_tokens > 0)
    assert cached == [False, True]


@pytest.mark.parametrize(
    ("model", "takes_it"), [("gpt-5.6-sol", True), ("gpt-6", True), ("gpt-5.5", False), ("gpt-5", False), ("o3", False)]
)
def test_models_that_know_no_breakpoint(provider: Loopback, gpt: openai.OpenAI, model: str, takes_it: bool) -> None:
    """What a model before gpt-5.6 refuses can be left out, and every model gets the same text."""
    user: Any = {"role": "user", "content": "x"}
    with nullcontext() if takes_it else pytest.raises(openai.BadRequestError, match="prompt_cache_breakpoint"):
        gpt.responses.create(model=model, input=[*openai_input(STABLE, "Hi Jo"), user])
    gpt.responses.create(model=model, input=[*openai_input(STABLE, "Hi Jo", cache=False), user])
    sent, again = (body["input"][0]["content"] for body in provider.bodies)
    assert "".join(part["text"] for part in sent) == "".join(part["text"] for part in again) == f"{STABLE}Hi Jo"


def test_conversation_is_cached_as_it_grows(provider: Loopback, claude: anthropic.Anthropic) -> None:
    """With the marker on top, too, each turn reads all that the turn before it sent, and writes its own words alone."""
    messages: list[Any] = []
    sent = 0
    for turn in range(30):
        messages.append({"role": "user", "content": f"question {turn}"})
        usage = claude.messages.create(
            model=MODEL,
            max_tokens=9,
            system=anthropic_system(STABLE, "Hi Jo"),
            messages=messages,
            cache_control={"type": "ephemeral"},
        ).usage
        assert usage.cache_read_input_tokens == sent
        sent += usage.cache_creation_input_tokens or 0
        messages.append({"role": "assistant", "content": f"answer {turn}"})
    assert provider.bodies[-1]["system"] == anthropic_system(STABLE, "Hi Jo")
    assert sent > 30 * len("question answer ")


def test_marker_on_top_may_not_outlive_those_before_it(claude: anthropic.Anthropic) -> None:
    """A conversation that is kept for an hour needs a prompt that is: the provider refuses the shorter one before it."""
    request: dict[str, Any] = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    for system, whole, refused in ((None, "1h", True), ("1h", "1h", False), ("1h", "5m", False)):
        request["system"] = anthropic_system(STABLE, "Hi", ttl=system)  # type: ignore[arg-type]  # literals, as texts
        with pytest.raises(anthropic.BadRequestError) if refused else nullcontext():
            claude.messages.create(**request, cache_control={"type": "ephemeral", "ttl": whole})


def test_openai_takes_the_message(provider: Loopback, gpt: openai.OpenAI) -> None:
    """The real SDK takes the message for a chat, in both roles."""
    gpt.chat.completions.create(
        model="gpt-5.6", messages=[message("a"), message("b", role="developer"), {"role": "user", "content": "c"}]
    )
    sent = [(one["role"], one["content"]) for one in provider.bodies[-1]["messages"]]
    assert sent == [("system", "a"), ("developer", "b"), ("user", "c")]


def test_chats_share_the_cached_part(provider: Loopback, gpt: openai.OpenAI) -> None:
    """In a chat the parts of the developer's message are marked, and two sessions share what they have in common."""
    cached = []
    for name in ("Jo", "Ana"):
        reply = sdk_calls.to_chat(gpt, prompt_of(STABLE, f"Hi {name}"), name)
        assert reply.usage is not None
        assert reply.usage.prompt_tokens_details is not None
        cached.append((reply.usage.prompt_tokens_details.cached_tokens or 0) > 0)
    assert cached == [False, True]
    with pytest.raises(openai.BadRequestError, match="prompt_cache_breakpoint"):
        gpt.chat.completions.create(model="gpt-5.4", messages=[prompt_of(STABLE, "x").message(cache="openai")])


def test_bedrock_takes_the_blocks(provider: Loopback, bedrock: Any) -> None:
    """The real SDK takes the cache points of tools, system and messages, and a session reads what another wrote."""
    tools = [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}}]
    usages = []
    for name in ("Jo", "Ana"):
        messages = [{"role": "user", "content": [{"text": name}]}]
        reply = sdk_calls.to_bedrock(bedrock, prompt_of(STABLE, f"Hi {name}"), messages, tools)  # type: ignore[arg-type]  # plain data
        usages.append((reply["usage"]["cacheReadInputTokens"] > 0, reply["usage"]["cacheWriteInputTokens"] > 0))
    assert usages == [(False, True), (True, True)]
    body = provider.bodies[-1]
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["system"] == [{"text": STABLE}, point, {"text": "Hi Ana"}]
    assert body["toolConfig"]["tools"] == [*tools, point]
    assert body["messages"][0]["content"] == [{"text": "Ana"}, {"cachePoint": {"type": "default"}}]


def test_bedrock_refuses_what_outlives_what_is_before_it(bedrock: Any) -> None:
    """The server of these tests holds Bedrock's order of lifetimes: the test above could fail."""
    with pytest.raises(ClientError, match="a longer ttl must come before"):
        bedrock.converse(
            modelId="m",
            system=bedrock_system(STABLE, "Hi", ttl="1h"),
            messages=[{"role": "user", "content": [{"text": "x"}]}],
            toolConfig={"tools": mark_last_tool([{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}])},
        )


def test_gemini_takes_the_texts(provider: Loopback, gemini: genai.Client) -> None:
    """The real SDK sends the parts as they are, and a session reads what another sent without any mark."""
    cached = []
    for name in ("Jo", "Ana"):
        reply = sdk_calls.to_gemini(gemini, prompt_of(STABLE, f"Hi {name}"), name)
        assert reply.usage_metadata is not None
        cached.append((reply.usage_metadata.cached_content_token_count or 0) > 0)
    assert cached == [False, True]
    assert provider.bodies[-1]["systemInstruction"]["parts"] == [{"text": STABLE}, {"text": "Hi Ana"}]


def test_marks_in_the_blocks_do_what_the_field_on_top_does(provider: Loopback, claude: anthropic.Anthropic) -> None:
    """Where the field on top is refused, each turn of a tool loop still reads all that the turn before it sent."""
    messages: list[Any] = []
    tools: list[Any] = [tool("a", marked=False), tool("b", marked=False)]
    sent = 0
    for turn in range(12):
        messages.append({"role": "user", "content": f"question {turn}"})
        for after_tool in (False, True):
            before = repr((messages, tools))
            usage = sdk_calls.to_anthropic(claude, prompt_of(STABLE, "Hi Jo"), messages, tools).usage
            assert repr((messages, tools)) == before
            assert usage.cache_read_input_tokens == sent
            sent += usage.cache_creation_input_tokens or 0
            if not after_tool:
                use = {"type": "tool_use", "id": f"t{turn}", "name": "a", "input": {}}
                messages.append({"role": "assistant", "content": [use]})
                result = {"type": "tool_result", "tool_use_id": f"t{turn}", "content": "done"}
                messages.append({"role": "user", "content": [result]})
        messages.append({"role": "assistant", "content": f"answer {turn}"})


def test_tools_of_a_prompt_without_a_stable_part_are_cached(provider: Loopback, claude: anthropic.Anthropic) -> None:
    """The last tool's marker is then the only one that two sessions share."""
    read = []
    for name in ("Jo", "Ana"):
        messages: list[Any] = [{"role": "user", "content": name}]
        tools: list[Any] = [tool("a", marked=False)]
        usage = sdk_calls.to_anthropic(claude, prompt_of("", f"Hi {name}"), messages, tools).usage
        read.append((usage.cache_read_input_tokens or 0) > 0)
    assert read == [False, True]


CONTROL = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "x"}
THOUGHT = {"type": "thinking", "thinking": "x", "signature": "x"}


@pytest.mark.parametrize(
    ("content", "marked"),
    [
        ("x", [{**TEXT, **CONTROL}]),
        ([TEXT, TEXT], [TEXT, {**TEXT, **CONTROL}]),
        ([TEXT, THOUGHT], [{**TEXT, **CONTROL}, THOUGHT]),
        ([TEXT, {"type": "text", "text": " "}], [{**TEXT, **CONTROL}, {"type": "text", "text": " "}]),
        ([{"type": "tool_result", "tool_use_id": "1"}], [{"type": "tool_result", "tool_use_id": "1", **CONTROL}]),
        ([TEXT, object], [{**TEXT, **CONTROL}, object]),
        ([{"text": "x"}], [{"text": "x"}, {"cachePoint": {"type": "default"}}]),
        ([{"text": "x"}, {"cachePoint": {"type": "default"}}], [{"text": "x"}, {"cachePoint": {"type": "default"}}]),
    ],
)
def test_last_block_that_may_be_marked(content: Any, marked: Any) -> None:
    """The marker goes where the provider takes one: not on a thought, not on a blank text; what was given stays."""
    before = repr(content)
    messages = [{"role": "user", "content": "first"}, {"role": "user", "content": content}]
    assert mark_last_message(messages) == [messages[0], {"role": "user", "content": marked}]
    assert repr(content) == before
    assert mark_last_message(mark_last_message(messages)) == mark_last_message(messages)


@pytest.mark.parametrize("content", ["", " \n", [], [THOUGHT], None, 5])
def test_message_before_is_marked_where_the_last_cannot_be(content: Any) -> None:
    """A message that can hold no marker leaves it to the one before; where none can, there is none."""
    last = {"role": "assistant", "content": content}
    assert mark_last_message([{"role": "user", "content": "x"}, last]) == [
        {"role": "user", "content": [{**TEXT, **CONTROL}]},
        last,
    ]
    assert mark_last_message([last]) == [last]
    assert mark_last_message([]) == []


def test_last_tool_is_marked() -> None:
    """The last tool that is in the prompt gets the marker; Converse gets a cache point, and one is enough."""
    deferred = {"name": "c", "defer_loading": True}
    assert mark_last_tool([{"name": "a"}, {"name": "b"}, deferred], ttl="1h") == [
        {"name": "a"},
        {"name": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        deferred,
    ]
    assert mark_last_tool(iter([{"type": "mcp_toolset"}])) == [{"type": "mcp_toolset", **CONTROL}]
    assert mark_last_tool([deferred]) == [deferred]
    assert mark_last_tool([]) == []
    point = {"cachePoint": {"type": "default"}}
    spec: dict[str, Any] = {"toolSpec": {"name": "a"}}
    assert mark_last_tool([spec]) == mark_last_tool([spec, point]) == [spec, point]
    hour = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert mark_last_tool([spec, point], ttl="1h") == [spec, hour]  # as a `cache_control` is replaced
    assert mark_last_tool([spec, hour]) == [spec, point]
    said = [{"role": "user", "content": [{"text": "x"}, point]}]
    assert mark_last_message(said, ttl="1h") == [{"role": "user", "content": [{"text": "x"}, hour]}]


BLOCKS = st.sampled_from([TEXT, {"type": "text", "text": " "}, THOUGHT, {"type": "image", "source": {}}, object()])
CONTENTS = st.one_of(st.sampled_from(["x", "", None]), st.lists(BLOCKS, max_size=3), st.just([{"text": "x"}]))
ENTRIES = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant"]), CONTENTS
)


@pytest.mark.hits(0.5)
@given(st.lists(ENTRIES, max_size=4))
def test_marking_changes_nothing_but_the_mark(messages: list[dict[str, Any]]) -> bool:
    """For any messages one mark at most is there, as late as it may be, and without it they are what they were."""

    def bare(content: Any) -> Any:
        if not isinstance(content, list):
            return [{"type": "text", "text": content}] if content else []
        blocks = [{k: v for k, v in b.items() if k != "cache_control"} if isinstance(b, dict) else b for b in content]
        return [block for block in blocks if not isinstance(block, dict) or "cachePoint" not in block]

    marked = mark_last_message(messages)
    marks = [
        index
        for index, one in enumerate(marked)
        for block in one["content"] or ()
        if isinstance(block, dict) and ("cache_control" in block or "cachePoint" in block)
    ]
    assert [(one["role"], bare(one["content"])) for one in marked] == [
        (one["role"], bare(one["content"])) for one in messages
    ]
    assert len(marks) <= 1
    tail = messages[marks[0] + 1 :] if marks else messages
    assert mark_last_message(tail) == tail
    return bool(marks)


LITELLM = """
import json, sys
import litellm
from llm_persona import Persona, PersonaRegistry, mark_last_message
registry = PersonaRegistry()
registry.define(Persona("Maya", "Guide", capabilities=["Help {user}"]))
prompt = registry.get("Maya").render(user="Jo")
for model, cache in (("anthropic/claude-opus-5", "anthropic"), ("openai/gpt-5.6", "openai")):
    messages = [prompt.message(cache=cache), {"role": "user", "content": "x"}]
    litellm.completion(
        model=model, api_base=sys.argv[1], api_key="none", max_tokens=9,
        messages=mark_last_message(messages) if cache == "anthropic" else messages,
    )
"""


@pytest.mark.skipif(
    find_spec("litellm") is None,
    reason="litellm is not installed: 300 MB with what it needs, and it loads prices from the net",
)
def test_litellm_passes_the_marks_on(provider: Loopback) -> None:
    """A chat of LiteLLM's reaches Anthropic and OpenAI with the marks of the message."""
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    script = [sys.executable, "-c", LITELLM, provider.url]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    claude, gpt = provider.bodies
    assert ["cache_control" in block for block in claude["system"]] == [True, False]
    assert claude["messages"][0]["content"] == [{**TEXT, **CONTROL}]
    assert ["prompt_cache_breakpoint" in part for part in gpt["messages"][0]["content"]] == [True, False]


@pytest.mark.parametrize("mark", [mark_last_message, mark_last_tool])
def test_what_cannot_be_marked_is_told(mark: Any) -> None:
    """A text, an entry that is none, and a lifetime that is none are refused."""
    for wrong in ("x", None, 5, ["x"], [None]):
        with pytest.raises(InvalidValueError, match=r"must be a (list|mapping)"):
            mark(wrong)
    with pytest.raises(InvalidValueError, match="ttl must be None, '5m' or '1h', not '30m'"):
        mark([], ttl="30m")


def test_prewarming_warms_real_traffic(provider: Loopback, claude: anthropic.Anthropic) -> None:
    """After one pre-warming request, which generates nothing, the first real request reads the cache."""
    tools = [tool("search", "1h"), tool("refund", marked=False)]
    traffic: dict[str, Any] = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    system = anthropic_system(STABLE, "Hi Jo", ttl="1h")
    warm = claude.messages.create(**anthropic_prewarm(system, model=MODEL, tools=tools, **traffic))
    assert (warm.content, warm.usage.output_tokens) == ([], 0)
    assert provider.bodies[-1] == {
        "model": MODEL,
        "max_tokens": 0,
        "tools": tools,
        "system": system[:1],
        "messages": [{"role": "user", "content": "warmup"}],
        **traffic,
    }
    real = claude.messages.create(
        model=MODEL,
        max_tokens=9,
        tools=tools,
        system=anthropic_system(STABLE, "Hi Ana", ttl="1h"),
        messages=[{"role": "user", "content": "x"}],
        **traffic,
    )
    assert real.usage.cache_read_input_tokens
    assert not real.usage.cache_creation_input_tokens


def test_prewarming_of_tools_alone(provider: Loopback, claude: anthropic.Anthropic) -> None:
    """A prompt without a stable part still has its tools to warm, where they are marked."""
    claude.messages.create(**anthropic_prewarm(anthropic_system("", "Hi"), model=MODEL, tools=iter([tool("a")])))
    assert provider.bodies[-1]["tools"] == [tool("a")]
    assert "system" not in provider.bodies[-1]


def test_prewarming_nothing_is_refused() -> None:
    """A request that would write nothing is refused before it is sent."""
    for tools in (None, [], [tool("a", marked=False)]):
        with pytest.raises(InvalidValueError, match="nothing to warm: the prompt has no stable part"):
            anthropic_prewarm(anthropic_system("", "Hi"), model=MODEL, tools=tools)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"stream": True}, "stream cannot be true: nothing is generated; leave it out"),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking of type 'enabled' is refused by the API"),
    ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, "output_config with a format is refused"),
    ({"tool_choice": {"type": "any"}}, "tool_choice of type 'tool' or 'any' is refused by the API"),
    ({"tool_choice": {"type": "tool", "name": "a"}}, "tool_choice of type 'tool' or 'any' is refused by the API"),
    ({"tools": [tool(name) for name in "abcd"]}, "5 blocks have cache_control; the API takes at most 4"),
]


@pytest.mark.parametrize(("traffic", "expected"), REFUSED)
def test_refused_as_the_api_refuses(claude: anthropic.Anthropic, traffic: dict[str, Any], expected: str) -> None:
    """What the API refuses in a pre-warming request is refused before it is sent, and says why."""
    system = anthropic_system(STABLE, "")
    with pytest.raises(InvalidValueError) as caught:
        anthropic_prewarm(system, model=MODEL, **traffic)
    assert str(caught.value).startswith(expected)
    request = {**anthropic_prewarm(system, model=MODEL), **traffic}
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(**request)


def test_shorter_ttl_before_longer_is_refused(claude: anthropic.Anthropic) -> None:
    """A tool that is kept for five minutes before a prompt that is kept for an hour is refused here and there."""
    system = anthropic_system(STABLE, "", ttl="1h")
    with pytest.raises(InvalidValueError, match="a cache_control with ttl '5m' comes before one with '1h'"):
        anthropic_prewarm(system, model=MODEL, tools=[tool("a")])
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(**{**anthropic_prewarm(system, model=MODEL), "tools": [tool("a")]})
    claude.messages.create(**anthropic_prewarm(anthropic_system(STABLE, ""), model=MODEL, tools=[tool("a", "1h")]))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_tokens", 1024, "max_tokens is set by the pre-warming itself; leave it out"),
        ("messages", [], "messages is set by the pre-warming itself; leave it out"),
        ("system", "x", "system is set by the pre-warming itself; leave it out"),
        ("cache_control", {"type": "ephemeral"}, "cache_control would mark the placeholder message"),
    ],
)
def test_what_prewarming_sets_is_not_the_callers(name: str, value: object, expected: str) -> None:
    """What makes the request a pre-warming one cannot be given, so it cannot be undone by accident."""
    traffic: dict[str, Any] = {name: value}
    with pytest.raises(InvalidValueError) as caught:
        anthropic_prewarm(anthropic_system(STABLE, ""), model=MODEL, **traffic)
    assert str(caught.value).startswith(expected)


def test_traffic_that_is_fine_goes_through(claude: anthropic.Anthropic, provider: Loopback) -> None:
    """Settings that the API takes with it are sent unchanged, the SDK's own "not given" included."""
    request = anthropic_prewarm(
        anthropic_system(STABLE, "Hi"),
        model=MODEL,
        stream=False,
        thinking={"type": "disabled"},
        tool_choice={"type": "auto"},
        metadata={"user_id": "u"},
        cache_control=None,
        output_config=anthropic.NOT_GIVEN,
        extra_headers={"x-team": "support"},
    )
    claude.messages.create(**request)
    sent = provider.bodies[-1]
    assert (sent["thinking"], sent["tool_choice"], sent["metadata"]) == (
        {"type": "disabled"},
        {"type": "auto"},
        {"user_id": "u"},
    )


def test_system_text_is_no_blocks() -> None:
    """A prompt's text in the place of its blocks is refused: it holds no marker to warm."""
    with pytest.raises(InvalidValueError, match="system must be a list of blocks, not a text; pass what anthropic_sys"):
        anthropic_prewarm(STABLE, model=MODEL)  # type: ignore[arg-type]  # what this test is about


@pytest.mark.parametrize(
    "change",
    [
        {"system": [{"type": "text", "text": " ", "cache_control": {"type": "ephemeral"}}]},
        {"system": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]},
        {"system": [{"type": "text", "text": f"{n}", "cache_control": {"type": "ephemeral"}} for n in range(5)]},
        {"tools": [tool("a", marked=False), tool("a", marked=False)]},
        {"messages": []},
        {"tools": [{**tool("a"), "defer_loading": True}]},
        {"messages": [{"role": "user", "content": [{**THOUGHT, **CONTROL}]}]},
    ],
)
def test_loopback_refuses(claude: anthropic.Anthropic, change: dict[str, Any]) -> None:
    """The server of these tests does refuse what Anthropic refuses: the tests above could fail."""
    request: dict[str, Any] = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    claude.messages.create(**request)
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(**{**request, **change})


def test_loopback_refuses_for_openai(gpt: openai.OpenAI) -> None:
    """The server of these tests refuses a blank input and a breakpoint of another kind."""
    for part in (
        {"text": " "},
        {"text": "a", "prompt_cache_breakpoint": {"mode": "implicit"}},
        {"text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}},
    ):
        request: dict[str, Any] = {"input": [{"role": "developer", "content": [{"type": "input_text", **part}]}]}
        with pytest.raises(openai.BadRequestError):
            gpt.responses.create(model="gpt-5.6", **request)
