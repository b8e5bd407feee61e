from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback

from llm_persona.errors import InvalidValueError
from llm_persona.providers import TTL, anthropic_prewarm, anthropic_system, message, openai_input

STABLE = "You are Maya, a Guide.\n\n"
MODEL = "claude-opus-5"
# White space and text in all mixtures: the parts of a prompt are often blank, and blanks are what providers refuse.
PARTS = st.text(st.sampled_from(" \n\t\u00a0\u2028aé😀"), max_size=6) | st.text(st.characters(codec="utf-8"))


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


def tool(name: str, ttl: TTL | None = None, *, marked: bool = True) -> Any:
    definition: dict[str, Any] = {"name": name, "description": name, "input_schema": {"type": "object"}}
    if marked:
        definition["cache_control"] = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    return definition


@pytest.mark.hits(0.6)
@given(PARTS, PARTS, st.booleans(), st.sampled_from([None, "5m", "1h"]))
def test_blocks_hold_the_prompt(stable: str, rest: str, cache: bool, ttl: TTL | None) -> bool:
    """For any parts the joined blocks are the prompt, no block is blank, and only the whole stable part is marked."""
    if not (stable + rest).strip():
        with pytest.raises(InvalidValueError, match="the prompt is blank"):
            anthropic_system(stable, rest, cache=cache, ttl=ttl)
        return False
    blocks = anthropic_system(stable, rest, cache=cache, ttl=ttl)
    assert "".join(block["text"] for block in blocks) == stable + rest
    assert all(block["text"].strip() for block in blocks)
    marked = [block["text"] for block in blocks if "cache_control" in block]
    may_be_marked = cache and stable.strip() and (not rest or rest.strip())
    assert marked == ([stable] if may_be_marked else [])
    return True


@pytest.mark.hits(0.6)
@given(PARTS, PARTS, st.booleans())
def test_input_holds_the_prompt(stable: str, rest: str, cache: bool) -> bool:
    """For any parts the joined input is the prompt, marked exactly where the system blocks are."""
    if not (stable + rest).strip():
        with pytest.raises(InvalidValueError, match="the prompt is blank"):
            openai_input(stable, rest, cache=cache)
        return False
    [developer] = openai_input(stable, rest, cache=cache)
    parts = [(part["text"], "prompt_cache_breakpoint" in part) for part in developer["content"]]
    blocks = anthropic_system(stable, rest, cache=cache)
    assert parts == [(block["text"], "cache_control" in block) for block in blocks]
    return True


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
    for part in ({"text": " "}, {"text": "a", "prompt_cache_breakpoint": {"mode": "implicit"}}):
        request: dict[str, Any] = {"input": [{"role": "developer", "content": [{"type": "input_text", **part}]}]}
        with pytest.raises(openai.BadRequestError):
            gpt.responses.create(model="gpt-5.6", **request)
