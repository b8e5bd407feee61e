"""The request handler of a product with three agents, around the real `anthropic` and `openai` SDKs.

One registry for all paths: the primary goes to Anthropic, the fallback to OpenAI, and both ask for the same persona, so
neither can introduce itself as somebody else. `warm_up` fills the provider's cache at start, `answer` is what a web
handler calls for every message, and `conversation.ref` pins a conversation to the version it began with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from llm_persona import Persona, PersonaRegistry

HERE = Path(__file__).parent
# The catalogue that personas.yaml names: the prompts print its descriptions, and each provider's form is made of it.
ANTHROPIC_TOOLS: list[Any] = json.loads((HERE / "tools.json").read_text(encoding="utf-8"))
OPENAI_TOOLS: list[Any] = [
    {
        "type": "function",
        "name": tool["name"],
        "description": tool["description"],
        "parameters": tool["input_schema"],
        "strict": False,
    }
    for tool in ANTHROPIC_TOOLS
]

PRIMARY_MODEL = "claude-opus-5"
FALLBACK_MODEL = "gpt-5.4"  # before gpt-5.6, so it takes no breakpoint in its input

# A mistake in the file, a tool that is not in the catalogue, or a variable that `session` does not pass stops the
# program here, at its start, and no request.
registry = PersonaRegistry.from_file(HERE / "personas.yaml")
registry.check(session={"user_name", "plan", "flags"})


@dataclass(frozen=True)
class User:
    first_name: str
    plan: str | None = None
    flags: tuple[str, ...] = ()


@dataclass
class Conversation:
    """What the product stores: `ref` says who speaks, `log` which prompt every answer came from."""

    id: str
    agent: str = "Maya"
    ref: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)
    log: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Clients:
    primary: anthropic.Anthropic
    fallback: openai.OpenAI


def session(user: User) -> dict[str, object]:
    """The one place that says what a session holds: every path passes the same."""
    return {"user_name": user.first_name, "plan": user.plan, "flags": user.flags or None}


def warm_up(clients: Clients) -> int:
    """Fill the cache with the part that all sessions of a persona share; return the tokens that were written."""
    written = 0
    for name in registry.list_names():
        persona = registry.complete(name)  # nobody is served: it needs no unit
        prompt = persona.render(**persona.sample_session())
        request = prompt.anthropic_prewarm(model=PRIMARY_MODEL, tools=persona.select_tools(ANTHROPIC_TOOLS))
        written += clients.primary.messages.create(**request).usage.cache_creation_input_tokens or 0
    return written


def answer(clients: Clients, conversation: Conversation, user: User, text: str) -> str:
    """Answer a user's message; when the primary provider does not, the fallback does, as the same persona."""
    persona = registry.get(conversation.ref or conversation.agent, unit=conversation.id)
    messages = [*conversation.messages, {"role": "user", "content": text}]
    try:
        said = _ask_anthropic(clients.primary, persona, user, messages)
    except (anthropic.APIConnectionError, anthropic.InternalServerError):
        said = _ask_openai(clients.fallback, persona, user, messages)
    conversation.ref = persona.ref
    conversation.messages = [*messages, {"role": "assistant", "content": said}]
    conversation.log.append(persona.render(**session(user)).stamp())
    return said


def _ask_anthropic(client: anthropic.Anthropic, persona: Persona, user: User, messages: list[Any]) -> str:
    reply = client.messages.create(
        model=PRIMARY_MODEL,
        max_tokens=1024,
        system=persona.render(**session(user)).anthropic_system(),
        tools=persona.select_tools(ANTHROPIC_TOOLS),
        messages=messages,
        cache_control={"type": "ephemeral"},  # the conversation is cached too: the larger part of the bill
    )
    return "".join(block.text for block in reply.content if block.type == "text")


def _ask_openai(client: openai.OpenAI, persona: Persona, user: User, messages: list[Any]) -> str:
    reply = client.responses.create(
        model=FALLBACK_MODEL,
        input=[*persona.render(**session(user)).openai_input(cache=False), *messages],
        tools=persona.select_tools(OPENAI_TOOLS),
    )
    return reply.output_text


def main() -> None:
    """Answer one message with the real APIs; the keys are taken from the environment."""
    clients = Clients(anthropic.Anthropic(), openai.OpenAI())
    print(f"{warm_up(clients):,} tokens are in the cache")
    conversation = Conversation("c-1")
    print(answer(clients, conversation, User("Jo", "pro", ("refunds without asking",)), "Where is order 1001?"))
    print(f"answered by {conversation.ref}")


if __name__ == "__main__":
    main()
