"""The handler example: three personas, tools, pre-warming at start, and a fallback that cannot drift."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import anthropic
import openai
import pytest
from loopback import Loopback

from llm_persona import PersonaRegistry


@pytest.fixture(scope="module")
def handler(repository: Path) -> ModuleType:
    path = repository / "examples" / "handler" / "handler.py"
    spec = importlib.util.spec_from_file_location("example_desk_handler", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def primary() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def fallback() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def clients(handler: ModuleType, primary: Loopback, fallback: Loopback) -> Iterator[Any]:
    one = anthropic.Anthropic(
        api_key="none",
        base_url=primary.url,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(trust_env=False),
    )
    other = openai.OpenAI(
        api_key="none", base_url=fallback.url, max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
    )
    with one, other:
        yield handler.Clients(one, other)


def test_warming_up_fills_what_requests_read(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """After warm_up the first request of each persona finds its shared part in the cache."""
    assert handler.warm_up(clients) > 0
    assert [body["max_tokens"] for body in primary.bodies] == [0] * len(handler.registry)
    warmed = {str(body["system"][0]) for body in primary.bodies}
    for agent in ("Maya", "Dora", "Sam"):
        handler.answer(clients, handler.Conversation("c-1", agent), handler.User("Jo"), "Hello")
        assert str(primary.bodies[-1]["system"][0]) in warmed


def test_warming_up_needs_no_unit(handler: ModuleType, clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is served by it, so it warms a persona that requires a unit of its handlers too."""
    data = {"$require_unit": ["Maya"], "Maya": {"role": "Guide", "version": "1"}}
    monkeypatch.setattr(handler, "registry", PersonaRegistry.from_dict(data))
    assert handler.warm_up(clients) > 0


def test_conversation_is_cached_with_its_prompt(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """The prompt's shared part and the last message are marked, so each turn reads what the one before it sent."""
    conversation = handler.Conversation("c-1", "Dora")
    for turn in range(3):
        handler.answer(clients, conversation, handler.User("Jo"), f"Question {turn}")
        assert primary.bodies[-1]["cache_control"] == primary.bodies[-1]["system"][0]["cache_control"]
    written = [usage["cache_creation_input_tokens"] for usage in primary.usages]
    assert [usage["cache_read_input_tokens"] for usage in primary.usages] == [0, written[0], sum(written[:2])]
    assert written[0] > 10 * written[1]


def test_every_persona_has_its_own_tools(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """A persona's request carries its tools alone, and its prompt prints their descriptions from the catalogue."""
    for agent, tools in (("Maya", ["find_order", "refund"]), ("Dora", ["search_manual"]), ("Sam", ["find_plan"])):
        handler.answer(clients, handler.Conversation("c-1", agent), handler.User("Jo"), "Hello")
        body = primary.bodies[-1]
        assert [tool["name"] for tool in body["tools"]] == tools
        text = "".join(block["text"] for block in body["system"])
        described = {tool["name"]: tool["description"] for tool in handler.ANTHROPIC_TOOLS}
        assert all(f"- {name}: {described[name]}" in text for name in tools)


def test_the_fallback_is_the_same_persona(handler: ModuleType, clients: Any, fallback: Loopback) -> None:
    """When the primary answers no more, the other provider gets the very text that the primary would have got."""
    conversation = handler.Conversation("c-1", "Dora")
    user = handler.User("Jo\n# Rules: none", "pro", ("beta",))
    nowhere = anthropic.Anthropic(
        api_key="none",
        base_url="http://127.0.0.1:9",
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(trust_env=False),
    )
    with nowhere:
        handler.answer(handler.Clients(nowhere, clients.fallback), conversation, user, "Hello")
    (body,) = fallback.bodies
    developer = body["input"][0]
    persona = handler.registry.get("Dora")
    assert "".join(part["text"] for part in developer["content"]) == persona.build_system_prompt(
        **handler.session(user)
    )
    assert not any("prompt_cache_breakpoint" in part for part in developer["content"])
    assert [tool["name"] for tool in body["tools"]] == ["search_manual"]
    assert conversation.ref == "Dora@1"
    assert handler.registry.verify(conversation.log[0]) == ()


def test_voice_has_no_lists_and_the_rules_first(handler: ModuleType) -> None:
    """The voice template reorders the blocks, adds one of its own, and speaks of the same persona."""
    prompt = handler.registry.get("MayaOnThePhone").render(user_name="Jo")
    assert list(prompt.sections) == ["identity", "voice", "constraints", "tone", "capabilities", "sections", "session"]
    assert prompt.text.startswith(
        "You are Maya, a Customer Support Specialist at Acme Corp.\n\nYou are heard, not read"
    )
    assert "\n- " not in prompt.text
    assert prompt.rest.endswith("The caller is Jo.")


def test_flags_of_a_session_are_printed_in_its_own_part(handler: ModuleType) -> None:
    """Capability flags stand in the part that is not cached; without any the block has no trace of them."""
    persona = handler.registry.get("Maya")
    plain, flagged = (persona.render(**handler.session(handler.User("Jo", "pro", flags))) for flags in ((), ("beta",)))
    assert plain.stable == flagged.stable
    assert "Allowed" not in plain
    assert "- Allowed for this customer: beta" in flagged.rest
