"""The request handler of a product with three agents, around the real `anthropic` and `openai` SDKs.

One registry for all paths: the primary goes to Anthropic, the fallback to OpenAI, and both ask for the same persona, so
neither can introduce itself as somebody else. `warm_up` fills the provider's cache at start, `answer` is what a web
handler calls for every message, and `conversation.ref` pins a conversation to the version it began with.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from llm_persona import Persona, PersonaRegistry, Prompt

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
FALLBACK_MODEL = "gpt-5.6"  # the first that takes a breakpoint, so that it caches what its conversations share
FALLBACK_TEMPLATE: str | None = None  # the persona's own: a shorter one may be too short for any cache
ROUNDS = 8  # requests for one message of a user: a model that asks for tools without end is stopped
SORRY = "I can't help with that here. Shall I ask a colleague?"

log = logging.getLogger("acme")

# A mistake in the file, a tool that is not in the catalogue, or a variable that `session` does not pass stops the
# program here, at its start, and no request.
registry = PersonaRegistry.from_file(HERE / "personas.yaml")
registry.check(session={"user_name", "plan"}, optional={"flags"})

RunTool = Callable[[str, Mapping[str, Any]], str]  # the product's own: a tool's name, its input, and what came of it


@dataclass(frozen=True)
class User:
    first_name: str
    plan: str = "free"
    flags: tuple[str, ...] = ()


@dataclass
class Conversation:
    """What the product stores: `ref` says who speaks, `messages` what was said, in no provider's own form."""

    id: str
    agent: str = "Maya"
    ref: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Clients:
    primary: anthropic.Anthropic
    fallback: openai.OpenAI


@dataclass(frozen=True)
class Tools:
    """The persona's tools for one message. A call is run once, whoever asks for it: a fallback begins anew."""

    persona: Persona
    run: RunTool
    done: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, arguments: str) -> str:
        """Return what came of a call, its arguments as JSON. That it failed is told to the model, why to the log alone."""
        try:
            given = json.loads(arguments)
            call = json.dumps([name, given], sort_keys=True)
            if name not in {tool["name"] for tool in self.persona.select_tools(ANTHROPIC_TOOLS)}:
                raise LookupError(f"{self.persona.ref} has no such tool")
            if call not in self.done:
                self.done[call] = self.run(name, given)
            return self.done[call]
        except Exception:
            log.exception("tool %s failed", name)
            return "failed"


def connect(primary: Mapping[str, Any], fallback: Mapping[str, Any]) -> Clients:
    """Return clients that wait 20 seconds and try twice; what else they need is given, or in the environment."""
    return Clients(
        anthropic.Anthropic(timeout=20.0, max_retries=1, **primary),
        openai.OpenAI(timeout=20.0, max_retries=1, **fallback),
    )


def session(user: User) -> dict[str, object]:
    """The one place that says what a session holds: every path passes the same."""
    return {"user_name": user.first_name, "plan": user.plan, "flags": user.flags or None}


def served() -> Iterator[Persona]:
    """Yield every persona that a user may get: the served ones, and the versions that a rollout tries out."""
    for name in registry.list_names():
        yield registry.complete(name)  # nobody is served: it needs no unit
        rollout = registry.rollouts.get(name)
        for version in rollout.percents if rollout else ():
            yield registry.get(f"{name}@{version}")


def warm_up(clients: Clients) -> int:
    """Fill the cache with the part that all sessions of a persona share; return the tokens that were written.

    What fails is only colder, and later than it could be: no reason not to start.
    """
    written = 0
    for persona in served():
        prompt = persona.render(**session(User("Somebody")))
        request = prompt.anthropic_prewarm(model=PRIMARY_MODEL, tools=persona.select_tools(ANTHROPIC_TOOLS))
        try:
            written += clients.primary.messages.create(**request).usage.cache_creation_input_tokens or 0
        except anthropic.APIError as error:
            log.warning("%s is not warm: %r", persona.ref, error)
    return written


def answer(clients: Clients, conversation: Conversation, user: User, text: str, run_tool: RunTool) -> str:
    """Answer a user's message; when the primary provider does not, the fallback does, as the same persona.

    What was refused, cut off or left empty is no answer, and is not kept: a model that reads its refusal refuses again.
    """
    persona = registry.get(conversation.ref or conversation.agent, unit=conversation.id)
    messages = [*conversation.messages, {"role": "user", "content": text}]
    tools = Tools(persona, run_tool)
    try:
        said = _ask_anthropic(clients.primary, persona.render(**session(user)), messages, tools)
    except anthropic.APIError as error:
        if not is_worth_another_route(error):
            raise
        log.warning("route primary failed: %r", error)
        said = _ask_openai(clients.fallback, persona.render(FALLBACK_TEMPLATE, **session(user)), messages, tools)
    if not said.strip():
        return SORRY
    conversation.ref = persona.ref
    conversation.messages = [*messages, {"role": "assistant", "content": said}]
    return said


def is_worth_another_route(error: anthropic.APIError) -> bool:
    """Whether another provider may do better: nobody answered, it is busy or broken, or the model was retired.

    Any other refusal, a 400 above all, is of what was sent: a fallback would hide it.
    """
    if isinstance(error, anthropic.APIStatusError):
        return error.status_code in (404, 408, 409, 429) or error.status_code >= 500  # 404: there is no such model
    return isinstance(error, anthropic.APIConnectionError)  # time-outs are among these


def _ask_anthropic(client: anthropic.Anthropic, prompt: Prompt, messages: list[Any], tools: Tools) -> str:
    turn = list(messages)
    for _ in range(ROUNDS):
        reply = client.messages.create(
            model=PRIMARY_MODEL,
            max_tokens=1024,
            system=prompt.anthropic_system(),
            tools=tools.persona.select_tools(ANTHROPIC_TOOLS),
            messages=turn,
            cache_control={"type": "ephemeral"},  # the conversation is cached too: the larger part of the bill
        )
        _log("primary", prompt, reply, reply.stop_reason)
        if reply.stop_reason != "tool_use":
            break
        calls = [block for block in reply.content if block.type == "tool_use"]
        results = [(call.id, tools(call.name, json.dumps(call.input))) for call in calls]
        turn.append({"role": "assistant", "content": reply.content})
        blocks = [{"type": "tool_result", "tool_use_id": key, "content": result} for key, result in results]
        turn.append({"role": "user", "content": blocks})
    if reply.stop_reason not in ("end_turn", "stop_sequence"):
        return ""
    return "".join(block.text for block in reply.content if block.type == "text")


def _ask_openai(client: openai.OpenAI, prompt: Prompt, messages: list[Any], tools: Tools) -> str:
    items: list[Any] = [*prompt.openai_input(), *messages]  # with a breakpoint after what its conversations share
    for _ in range(ROUNDS):
        reply = client.responses.create(
            model=FALLBACK_MODEL, input=items, tools=tools.persona.select_tools(OPENAI_TOOLS)
        )
        _log("fallback", prompt, reply, reply.status)
        calls = [item for item in reply.output if item.type == "function_call"]
        if not calls:
            return reply.output_text if reply.status == "completed" else ""  # a refusal is no output_text
        results = [(call.call_id, tools(call.name, call.arguments)) for call in calls]
        items += reply.output
        items += [{"type": "function_call_output", "call_id": key, "output": result} for key, result in results]
    return ""


def _log(route: str, prompt: Prompt, reply: Any, stop: str | None) -> None:
    """Write the one line from which a bill, and later the prompt itself, can be told."""
    line = {"route": route, "model": reply.model, "ref": prompt.ref, "stop": stop}
    log.info("%s", json.dumps(line | {"usage": reply.usage.to_dict(mode="json"), "stamp": prompt.stamp()}))


def main() -> None:
    """Answer one message with the real APIs; the keys are taken from the environment."""
    logging.basicConfig(level=logging.INFO)
    clients = connect({}, {})
    print(f"{warm_up(clients):,} tokens are in the cache")
    conversation = Conversation("c-1")
    user = User("Jo", "pro", ("refunds without asking",))
    print(answer(clients, conversation, user, "Where is order 1001?", lambda name, arguments: "shipped on Friday"))
    print(f"answered by {conversation.ref}")


if __name__ == "__main__":
    main()
