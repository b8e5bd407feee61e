"""A request handler around the Anthropic SDK: one persona for the primary and the fallback path.

`answer` is what a web handler calls for every message of a user. It keeps `conversation.ref`, so a conversation stays
with the version of the persona that it began with, whatever the rollout says later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anthropic import Anthropic, APIConnectionError, InternalServerError
from anthropic.types import Message, MessageParam, ToolParam

from llm_persona import Persona, PersonaRegistry, Prompt, multiline

ACME = Path(__file__).parent / "acme"
TOOLS: list[ToolParam] = json.loads((ACME / "tools.json").read_text(encoding="utf-8"))

# At start-up: a mistake in the file, or a tool that is not in the catalogue, stops the program here and not a request.
registry = PersonaRegistry.from_file(ACME / "personas.yaml")


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

    client: Anthropic
    model: str
    template: str | None = None


def answer(conversation: Conversation, user: User, text: str, routes: Sequence[Route]) -> str:
    """Answer a user's message by the first route that works. Raises the last route's error when none does."""
    persona = registry.get(conversation.ref or "Maya", unit=conversation.id)
    conversation.ref = persona.ref
    messages: list[MessageParam] = [*conversation.messages, {"role": "user", "content": text}]
    reply = _first_that_works(routes, persona, conversation, user, messages)
    said = "".join(block.text for block in reply.content if block.type == "text")
    conversation.messages = [*messages, {"role": "assistant", "content": said}]
    return said


def _first_that_works(
    routes: Sequence[Route], persona: Persona, conversation: Conversation, user: User, messages: list[MessageParam]
) -> Message:
    *others, last = routes
    for route in others:
        try:
            return _ask(route, persona, conversation, user, messages)
        except (APIConnectionError, InternalServerError):
            continue
    return _ask(last, persona, conversation, user, messages)


def _ask(
    route: Route, persona: Persona, conversation: Conversation, user: User, messages: list[MessageParam]
) -> Message:
    prompt = render(persona, conversation, user, route.template)
    return route.client.messages.create(
        model=route.model,
        max_tokens=1024,
        system=prompt.anthropic_system(),  # the part that all sessions share is marked for the cache
        tools=persona.select_tools(TOOLS),
        messages=messages,
        cache_control={"type": "ephemeral"},  # and so is the conversation: the larger part of the bill
    )


def render(persona: Persona, conversation: Conversation, user: User, template: str | None) -> Prompt:
    """The one place that says what a session holds: both paths pass the same."""
    ticket = None if conversation.ticket is None else multiline(conversation.ticket)
    return persona.render(template, user_name=user.first_name, plan=user.plan, ticket=ticket)


def main() -> None:
    """Answer one message with the real API; the key is taken from ANTHROPIC_API_KEY."""
    client = Anthropic()
    routes = [Route(client, "claude-opus-5"), Route(client, "claude-haiku-4-5", template="compact")]
    conversation = Conversation("c-1", ticket="Order 1001 has not arrived.\nIt was due on Monday.")
    print(answer(conversation, User("Jo"), "Where is my order?", routes))
    print(f"answered by {conversation.ref}")


if __name__ == "__main__":
    main()
