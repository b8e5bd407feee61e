"""A request handler around the Anthropic SDK: one persona for the primary and the fallback path.

`answer` is what a web handler calls for every message of a user. It runs the tools that the model asks for, goes to the
next route when one fails, and keeps `conversation.ref`, so a conversation stays with the version of the persona that it
began with, whatever the rollout says later.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anthropic import Anthropic, APIConnectionError, APIError, APIStatusError
from anthropic.types import Message, MessageParam, ToolParam, ToolResultBlockParam, ToolUseBlock

from llm_persona import Persona, PersonaRegistry, Prompt, multiline

ACME = Path(__file__).parent / "acme"
TOOLS: list[ToolParam] = json.loads((ACME / "tools.json").read_text(encoding="utf-8"))
ROUNDS = 8  # requests for one message of a user: a model that asks for tools without end is stopped
SORRY = "I can't help with that here. Shall I ask a colleague?"

log = logging.getLogger("acme")

# At start-up: a mistake in the file, or a tool that is not in the catalogue, stops the program here and not a request.
registry = PersonaRegistry.from_file(ACME / "personas.yaml")
registry.check(session={"user_name", "plan"}, optional={"ticket"})

# The product's own: a tool's name and input give what came of it. A user may ask again after a failure: a refund that
# was given must not be given twice.
RunTool = Callable[[str, Mapping[str, Any]], str]


@dataclass(frozen=True)
class User:
    first_name: str
    plan: str = "free"


@dataclass
class Conversation:
    """What the product stores of a conversation; `ref` is the persona and version that it began with."""

    id: str
    ref: str | None = None
    ticket: str | None = None
    messages: list[MessageParam] = field(default_factory=list)


@dataclass(frozen=True)
class Route:
    """One way to an answer. A template of None is the persona's own."""

    name: str
    client: Anthropic
    model: str
    template: str | None = None


def connect(**where: Any) -> Anthropic:
    """Return a client that waits 20 seconds and tries twice; then it is the next route's turn."""
    return Anthropic(timeout=20.0, max_retries=1, **where)


def answer(conversation: Conversation, user: User, text: str, routes: Sequence[Route], run_tool: RunTool) -> str:
    """Answer a user's message by the first route that works. Raises the last route's error when none does.

    What was refused, cut off or left empty is no answer, and is not kept: a model that reads its refusal refuses again.
    """
    persona = registry.get(conversation.ref or "Maya", unit=conversation.id)
    left = list(routes)
    messages: list[MessageParam] = [*conversation.messages, {"role": "user", "content": text}]
    for _ in range(ROUNDS):
        reply = _first_that_works(left, persona, conversation, user, messages)
        messages.append({"role": "assistant", "content": reply.content})
        if reply.stop_reason != "tool_use":
            break
        calls = [block for block in reply.content if block.type == "tool_use"]
        messages.append({"role": "user", "content": [_result(call, persona, run_tool) for call in calls]})
    said = "".join(block.text for block in reply.content if block.type == "text")
    if reply.stop_reason not in ("end_turn", "stop_sequence") or not said.strip():
        return SORRY
    conversation.ref = persona.ref
    conversation.messages = (
        messages  # with the tools' results, as they were sent: the next turn reads them from the cache
    )
    return said


def _first_that_works(
    routes: list[Route], persona: Persona, conversation: Conversation, user: User, messages: list[MessageParam]
) -> Message:
    """Ask the first route; one that fails is left out for the rest of this message."""
    while True:
        try:
            return _ask(routes[0], persona, conversation, user, messages)
        except APIError as error:
            if len(routes) == 1 or not is_worth_another_route(error):
                raise
            log.warning("route %s failed: %r", routes.pop(0).name, error)


def is_worth_another_route(error: APIError) -> bool:
    """Whether another model may do better: nobody answered, it is busy or broken, or there is no such model any more.

    Any other refusal, a 400 above all, is of what was sent, and would be the next route's answer too.
    """
    if isinstance(error, APIStatusError):
        return error.status_code in (404, 408, 409, 429) or error.status_code >= 500  # 404: the model was retired
    return isinstance(error, APIConnectionError)  # time-outs are among these


def _ask(
    route: Route, persona: Persona, conversation: Conversation, user: User, messages: list[MessageParam]
) -> Message:
    prompt = render(persona, conversation, user, route.template)
    reply = route.client.messages.create(
        model=route.model,
        max_tokens=1024,
        system=prompt.anthropic_system(),  # the part that all sessions share is marked for the cache
        tools=persona.select_tools(TOOLS),
        messages=messages,
        cache_control={"type": "ephemeral"},  # and so is the conversation: the larger part of the bill
    )
    line = {"route": route.name, "model": reply.model, "ref": prompt.ref, "stop": reply.stop_reason}
    log.info("%s", json.dumps(line | {"usage": reply.usage.to_dict(mode="json"), "stamp": prompt.stamp()}))
    return reply


def render(persona: Persona, conversation: Conversation, user: User, template: str | None) -> Prompt:
    """The one place that says what a session holds: both paths pass the same."""
    ticket = None if conversation.ticket is None else multiline(conversation.ticket)
    return persona.render(template, user_name=user.first_name, plan=user.plan, ticket=ticket)


def _result(call: ToolUseBlock, persona: Persona, run_tool: RunTool) -> ToolResultBlockParam:
    """Run one of the persona's tools. That it failed is told to the model, and why only to the log."""
    try:
        if call.name not in {tool["name"] for tool in persona.select_tools(TOOLS)}:
            raise LookupError(f"{persona.ref} has no such tool")
        return {"type": "tool_result", "tool_use_id": call.id, "content": run_tool(call.name, call.input)}
    except Exception:
        log.exception("tool %s failed", call.name)
        return {"type": "tool_result", "tool_use_id": call.id, "content": "failed", "is_error": True}


def main() -> None:
    """Answer one message with the real API; the key is taken from ANTHROPIC_API_KEY."""
    logging.basicConfig(level=logging.INFO)
    client = connect()
    # The fallback caches from 1,024 tokens on. Haiku 4.5 needs 4,096, which tools and prompt do not reach here.
    routes = [Route("primary", client, "claude-opus-5"), Route("fallback", client, "claude-sonnet-5")]
    conversation = Conversation("c-1", ticket="Order 1001 has not arrived.\nIt was due on Monday.")
    print(answer(conversation, User("Jo"), "Where is my order?", routes, lambda name, arguments: "shipped on Friday"))
    print(f"answered by {conversation.ref}")


if __name__ == "__main__":
    main()
