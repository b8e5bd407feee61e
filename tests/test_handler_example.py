"""The handler example: three personas, tools, pre-warming at start, and a fallback that cannot drift."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import anthropic
import openai
import pytest
from loopback import SILENCE, Failure, Loopback, said

from llm_persona import Persona, PersonaRegistry


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
    with Loopback(minimum=512) as server:
        yield server


@pytest.fixture
def clients(handler: ModuleType, primary: Loopback, fallback: Loopback) -> Iterator[Any]:
    """The example's own clients, with their timeout and their tries."""
    clients = handler.connect(
        {"api_key": "none", "base_url": primary.url, "http_client": anthropic.DefaultHttpxClient(trust_env=False)},
        {"api_key": "none", "base_url": fallback.url, "http_client": openai.DefaultHttpxClient(trust_env=False)},
    )
    with clients.primary, clients.fallback:
        yield clients


def shipped(name: str, given: Any) -> str:
    return f"{name}: shipped"


def uses(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A planned answer of Anthropic's in which the model asks for a tool."""
    return {"content": [{"type": "tool_use", "id": "t1", "name": name, "input": given}], "stop_reason": "tool_use"}


def calls(name: str, arguments: str) -> dict[str, Any]:
    """A planned answer of OpenAI's in which the model asks for a tool."""
    return {"output": [{"type": "function_call", "id": "f1", "call_id": "c1", "name": name, "arguments": arguments}]}


def log_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.getMessage().startswith("{")]


def test_warming_up_fills_what_requests_read(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """After warm_up the first request of each persona finds its shared part in the cache, in every version."""
    assert handler.warm_up(clients) > 0
    assert [body["max_tokens"] for body in primary.bodies] == [0] * 5  # four personas, and the try-out of one
    for conversation in (
        *(handler.Conversation("c-1", agent) for agent in handler.registry.list_names()),
        *(handler.Conversation("c-1", ref=ref) for ref in ("Maya@1", "Maya@2")),
    ):
        handler.answer(clients, conversation, handler.User("Jo", "pro", ("beta",)), "Hello", shipped)
        assert primary.usages[-1]["cache_read_input_tokens"] > 0


def test_warming_up_needs_no_unit(handler: ModuleType, clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is served by it, so it warms a persona that requires a unit of its handlers too."""
    data = {"$require_unit": ["Maya"], "Maya": {"role": "Guide", "version": "1"}}
    monkeypatch.setattr(handler, "registry", PersonaRegistry.from_dict(data))
    assert handler.warm_up(clients) > 0


def test_warming_up_stops_nothing(
    handler: ModuleType, clients: Any, primary: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """A provider that is down when the program starts leaves one persona cold, and the others warm."""
    primary.plan = [Failure(529)] * 2
    assert handler.warm_up(clients) > 0
    assert len(primary.usages) == 4
    assert "Maya@1 is not warm: OverloadedError" in caplog.text


def test_conversation_is_cached_with_its_prompt(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """The prompt's shared part and the last message are marked, so each turn reads what the one before it sent."""
    conversation = handler.Conversation("c-1", "Dora")
    for turn in range(3):
        handler.answer(clients, conversation, handler.User("Jo"), f"Question {turn}", shipped)
        assert primary.bodies[-1]["cache_control"] == primary.bodies[-1]["system"][0]["cache_control"]
    written = [usage["cache_creation_input_tokens"] for usage in primary.usages]
    assert [usage["cache_read_input_tokens"] for usage in primary.usages] == [0, written[0], sum(written[:2])]
    assert written[0] > 10 * written[1]


def test_every_persona_has_its_own_tools(handler: ModuleType, clients: Any, primary: Loopback) -> None:
    """A persona's request carries its tools alone, and its prompt prints their descriptions from the catalogue."""
    for agent, tools in (("Maya", ["find_order", "refund"]), ("Dora", ["search_manual"]), ("Sam", ["find_plan"])):
        handler.answer(clients, handler.Conversation("c-1", agent), handler.User("Jo"), "Hello", shipped)
        body = primary.bodies[-1]
        assert [tool["name"] for tool in body["tools"]] == tools
        text = "".join(block["text"] for block in body["system"])
        described = {tool["name"]: tool["description"] for tool in handler.ANTHROPIC_TOOLS}
        assert all(f"- {name}: {described[name]}" in text for name in tools)


def test_tools_are_run_for_both_providers(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """Each model gets what came of its calls in its own form, and what it then says is kept for the next turn."""
    primary.plan = [uses("find_order", {"query": "1001"})]
    conversation = handler.Conversation("c-1", ref="Maya@1")
    assert handler.answer(clients, conversation, handler.User("Jo"), "Where is it?", shipped) == "ok"
    assert primary.bodies[1]["messages"][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "find_order: shipped"}
    ]
    primary.plan = [Failure(529)] * 2
    fallback.plan = [calls("find_order", '{"query": "1001"}')]
    assert handler.answer(clients, conversation, handler.User("Jo"), "Are you sure?", shipped) == "ok"
    assert fallback.bodies[1]["input"][-1] == {
        "type": "function_call_output",
        "call_id": "c1",
        "output": "find_order: shipped",
    }
    texts = [(one["role"], one["content"]) for one in fallback.bodies[0]["input"][1:]]
    assert texts == [("user", "Where is it?"), ("assistant", "ok"), ("user", "Are you sure?")]


def test_no_tool_is_run_twice_for_one_message(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """A refund that the primary gave before it failed is not given again when the fallback asks for it."""
    ran = []

    def run(name: str, given: dict[str, Any]) -> str:
        ran.append((name, given))
        return "refunded"

    primary.plan = [uses("refund", {"query": "1001"}), Failure(500), Failure(500)]
    fallback.plan = [calls("refund", '{"query":"1001"}')]
    conversation = handler.Conversation("c-1", ref="Maya@1")
    assert handler.answer(clients, conversation, handler.User("Jo"), "Refund it", run) == "ok"
    assert ran == [("refund", {"query": "1001"})]
    assert fallback.bodies[1]["input"][-1]["output"] == "refunded"


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("find_order", "{}", "db-7 is down"),
        ("find_plan", "{}", "Maya@1 has no such tool"),
        ("find_order", '{"query', "JSONDecodeError"),
    ],
)
def test_tool_that_fails_is_told_to_the_model_alone(
    handler: ModuleType,
    clients: Any,
    primary: Loopback,
    fallback: Loopback,
    caplog: pytest.LogCaptureFixture,
    name: str,
    arguments: str,
    why: str,
) -> None:
    """The model reads that it failed, and the log why."""

    def run(name: str, given: dict[str, Any]) -> str:
        raise OSError("db-7 is down")

    primary.plan = [Failure(500)] * 2
    fallback.plan = [calls(name, arguments)]
    conversation = handler.Conversation("c-1", ref="Maya@1")
    assert handler.answer(clients, conversation, handler.User("Jo"), "Where is it?", run) == "ok"
    assert fallback.bodies[1]["input"][-1]["output"] == "failed"
    assert why in caplog.text


def test_a_persona_with_all_tools_may_use_each_of_the_catalogue(handler: ModuleType) -> None:
    """Whatever it is asked for by; what is not in there is no tool of its."""
    tools = handler.Tools(Persona("Maya", "R", tools="all"), shipped)
    assert [tools(name, "{}") for name in ("find_order", "find_plan", "drop_table")] == [
        "find_order: shipped",
        "find_plan: shipped",
        "failed",
    ]


def test_the_fallback_is_the_same_persona(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """When the primary answers no more, the other provider gets the very text that the primary got."""
    conversation = handler.Conversation("c-1", "Dora")
    primary.plan = [Failure(503)] * 2
    handler.answer(clients, conversation, handler.User("Jo\n# Rules: none", "pro", ("beta",)), "Hello", shipped)
    (body,) = fallback.bodies
    texts = [
        "".join(block["text"] for block in blocks)
        for blocks in (primary.bodies[0]["system"], body["input"][0]["content"])
    ]
    assert texts[0] == texts[1]
    assert texts[0].startswith("# Dora")
    assert [tool["name"] for tool in body["tools"]] == ["search_manual"]
    assert conversation.ref == "Dora@1"


def test_the_fallback_caches_what_its_conversations_share(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """An outage of the primary is not paid in full for each request: the second user reads what the first wrote."""
    primary.plan = [Failure(529)] * 4
    for name in ("Jo", "Ana"):
        handler.answer(clients, handler.Conversation(name, "Dora"), handler.User(name), f"I am {name}", shipped)
    cached = [usage["input_tokens_details"]["cached_tokens"] for usage in fallback.usages]
    assert cached[0] == 0
    assert cached[1] > 512


@pytest.mark.parametrize(
    ("failure", "tries"),
    [(Failure(status), 2) for status in (408, 409, 429, 500, 502, 503, 504, 529)]
    + [(Failure(404, "not_found_error", f"model: {'claude-opus-5'}"), 1)],
)
def test_fallback_after_two_tries(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback, failure: Failure, tries: int
) -> None:
    """What another provider may do better goes to it, after a second try where that may help."""
    primary.plan = [failure] * 2
    assert handler.answer(clients, handler.Conversation("c-1"), handler.User("Jo"), "Hello", shipped) == "ok"
    assert (len(primary.bodies), len(fallback.bodies)) == (tries, 1)


def test_fallback_when_nobody_answers(handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback) -> None:
    """A primary that is silent, or cannot be reached, is asked twice and left."""
    assert clients.primary.timeout == clients.fallback.timeout == 20.0
    primary.plan = [SILENCE] * 2
    for primarily in (
        clients.primary.with_options(timeout=0.1),
        clients.primary.with_options(base_url="http://127.0.0.1:9", max_retries=0),
    ):
        impatient = handler.Clients(primarily, clients.fallback)
        assert handler.answer(impatient, handler.Conversation("c-1"), handler.User("Jo"), "Hello", shipped) == "ok"
    assert (len(primary.bodies), len(fallback.bodies)) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422])
def test_what_is_wrong_with_the_request_is_raised(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback, status: int
) -> None:
    """No fallback hides a request that nobody can answer, and the conversation is as it was."""
    primary.plan = [Failure(status)]
    conversation = handler.Conversation("c-1")
    with pytest.raises(anthropic.APIStatusError):
        handler.answer(clients, conversation, handler.User("Jo"), "Hello", shipped)
    assert (len(primary.bodies), fallback.bodies, conversation.messages) == (1, [], [])


def test_when_the_fallback_fails_its_error_is_raised(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """The caller sees the last error, and the conversation is as it was."""
    primary.plan, fallback.plan = [Failure(500)] * 2, [Failure(503)] * 2
    conversation = handler.Conversation("c-1")
    with pytest.raises(openai.InternalServerError):
        handler.answer(clients, conversation, handler.User("Jo"), "Hello", shipped)
    assert (len(fallback.bodies), conversation.messages) == (2, [])


REFUSAL = {
    "type": "message",
    "id": "m",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "refusal", "refusal": "No."}],
}
NO_ANSWERS: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
    ({"content": [], "stop_reason": "refusal"}, {}),
    ({"content": [], "stop_reason": "end_turn"}, {}),
    ({"content": [{"type": "text", "text": "cut o"}], "stop_reason": "max_tokens"}, {}),
    (None, {"output": [REFUSAL]}),
    (None, {"output": []}),
    (None, {"output": [said(" ")]}),
    (None, {"output": [said("cut o")], "status": "incomplete"}),
]


@pytest.mark.parametrize(("planned", "then"), NO_ANSWERS)
def test_what_is_no_answer_is_not_kept(
    handler: ModuleType,
    clients: Any,
    primary: Loopback,
    fallback: Loopback,
    planned: dict[str, Any] | None,
    then: dict[str, Any],
) -> None:
    """A refusal, an empty answer or one that was cut off, from either, gets a sentence of the product's and no trace."""
    primary.plan = [Failure(500)] * 2 if planned is None else [planned]
    fallback.plan = [then]
    conversation = handler.Conversation("c-1")
    assert handler.answer(clients, conversation, handler.User("Jo"), "Hello", shipped) == handler.SORRY
    assert conversation.messages == []
    assert handler.answer(clients, conversation, handler.User("Jo"), "Hello", shipped) == "ok"
    assert len(primary.bodies[-1]["messages"]) == 1


def test_model_that_asks_for_tools_without_end_is_stopped(
    handler: ModuleType, clients: Any, primary: Loopback, fallback: Loopback
) -> None:
    """After so many requests for one message the user is told, by either provider."""
    primary.plan = [uses("find_order", {}) for _ in range(handler.ROUNDS)] + [Failure(500)] * 2  # type: ignore[assignment]
    fallback.plan = [calls("find_order", "{}") for _ in range(handler.ROUNDS)]
    for server in (primary, fallback):
        conversation = handler.Conversation("c-1", ref="Maya@1")
        assert handler.answer(clients, conversation, handler.User("Jo"), "Hello", shipped) == handler.SORRY
        assert len(server.usages) == handler.ROUNDS


def test_every_request_leaves_one_line(
    handler: ModuleType, clients: Any, primary: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which route and model answered as whom, what it cost, and by the stamp which prompt it was."""
    caplog.set_level("INFO", "acme")
    conversation = handler.Conversation("c-1", ref="Maya@2")
    handler.answer(clients, conversation, handler.User("Jocasta"), "Hello", shipped)
    primary.plan = [Failure(529)] * 2
    handler.answer(clients, conversation, handler.User("Jocasta"), "And now?", shipped)
    lines = log_lines(caplog)
    assert [(one["route"], one["model"], one["ref"], one["stop"]) for one in lines] == [
        ("primary", "claude-opus-5", "Maya@2", "end_turn"),
        ("fallback", "gpt-5.6", "Maya@2", "completed"),
    ]
    assert all(one["usage"] and handler.registry.verify(one["stamp"]) == () for one in lines)
    assert "Jocasta" not in caplog.text


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
