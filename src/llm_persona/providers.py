"""What providers are sent: plain data of a prompt's two parts, and no SDK.

`stable` does not depend on the session, `rest` does, and `stable + rest` is the whole prompt. The joined texts of what
is returned are the prompt, always, and a marked text is `stable` to the byte: that is what makes two sessions share a
cache entry. Sources: Anthropic, "Prompt caching" and "Messages"; OpenAI, "Prompt caching" and "Responses".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, cast, overload

from .arguments import items_of, truth_of
from .errors import InvalidValueError
from .kinds import is_mapping, is_text
from .names import kind_of, shown

TTL: TypeAlias = Literal["5m", "1h"]
MAX_MARKERS = 4  # over tools, system and messages together: Anthropic, "Prompt caching"
MINUTES = {"5m": 5, "1h": 60}

# TypedDicts are invariant, and here the SDKs declare unions with types of their own: a plain `str` or `list` would not
# be accepted where theirs is expected. The alias says what is really there.
SDKText: TypeAlias = Any  # a str
SDKParts: TypeAlias = Any  # a list[InputText]
SDKUnset: TypeAlias = Any  # never there; declared because the SDK's type has it


class SystemMessage(TypedDict):
    role: Literal["system"]
    content: SDKText
    name: NotRequired[str]


class DeveloperMessage(TypedDict):
    role: Literal["developer"]
    content: SDKText
    name: NotRequired[str]


class CacheControl(TypedDict):
    type: Literal["ephemeral"]
    ttl: NotRequired[TTL]


class TextBlock(TypedDict):
    """A text block of Anthropic's `system`."""

    type: Literal["text"]
    text: str
    cache_control: NotRequired[CacheControl | None]
    citations: NotRequired[SDKUnset]


class CacheBreakpoint(TypedDict):
    mode: Literal["explicit"]
    ttl: NotRequired[Literal["30m", "12h"]]


class InputText(TypedDict):
    """A text part of a message of OpenAI's Responses."""

    type: Literal["input_text"]
    text: str
    prompt_cache_breakpoint: NotRequired[CacheBreakpoint]


class InputMessage(TypedDict):
    """A message of OpenAI's Responses; ours are always a developer's."""

    role: Literal["user", "assistant", "system", "developer"]
    content: SDKParts
    phase: NotRequired[SDKUnset]
    type: NotRequired[Literal["message"]]


@overload
def message(text: str, role: Literal["system"] = "system") -> SystemMessage: ...
@overload
def message(text: str, role: Literal["developer"]) -> DeveloperMessage: ...
@overload
def message(text: str, role: str) -> SystemMessage | DeveloperMessage: ...
def message(text: str, role: str = "system") -> SystemMessage | DeveloperMessage:
    """Return the prompt as one message for OpenAI-style chats.

    Raises InvalidValueError for a blank prompt, and for a role other than `system` and `developer`: what the product
    says has no other.
    """
    _check_not_blank(text)
    if not is_text(role):
        raise InvalidValueError(f"role must be 'system' or 'developer', not {kind_of(role)}")
    if role == "system":
        return {"role": "system", "content": text}
    if role == "developer":
        return {"role": "developer", "content": text}
    raise InvalidValueError(f"role must be 'system' or 'developer', not {role!r}")


def anthropic_system(stable: str, rest: str, *, cache: bool = True, ttl: TTL | None = None) -> list[TextBlock]:
    """Return the blocks for `system`: the stable part with `cache_control`, the rest without.

    One block without a marker where there is no stable part, where `cache` is false, or where the rest is white space
    only: that may not be a block of its own, and in the marked one it would make the cached text vary. `ttl` is
    Anthropic's: five minutes unless `1h` is asked for. Raises InvalidValueError for another, and for a blank prompt.
    """
    marker = _cache_control(ttl)
    shared, own = _parts(stable, rest) if truth_of(cache, "cache") else ("", stable + rest)
    _check_not_blank(shared + own)
    blocks: list[TextBlock] = [{"type": "text", "text": shared, "cache_control": marker}] if shared else []
    return [*blocks, {"type": "text", "text": own}] if own else blocks


def openai_input(stable: str, rest: str, *, cache: bool = True) -> list[InputMessage]:
    """Return one developer message for `input`, its stable part ending in an explicit cache breakpoint.

    A message, as top-level `instructions` can carry no breakpoint; explicit, as the implicit one comes after the user's
    first words, which differ. Without a marker where `anthropic_system` has none: `cache` must be false for models
    before gpt-5.6, which answer a breakpoint with 400. Raises InvalidValueError for a blank prompt.
    """
    shared, own = _parts(stable, rest) if truth_of(cache, "cache") else ("", stable + rest)
    _check_not_blank(shared + own)
    parts: list[InputText] = []
    if shared:
        parts.append({"type": "input_text", "text": shared, "prompt_cache_breakpoint": {"mode": "explicit"}})
    if own:
        parts.append({"type": "input_text", "text": own})
    return [{"role": "developer", "content": parts}]


def anthropic_prewarm(
    system: Sequence[TextBlock],
    /,
    *,
    model: str,
    tools: Iterable[Mapping[str, object]] | None = None,
    **same_as_real_traffic: object,
) -> dict[str, Any]:  # keyword arguments: `create(**...)` checks none of their types
    """Return the keyword arguments of the `client.messages.create` that fills the cache and generates nothing.

    `system` are the blocks of a real request; those after the last marked one are left out, as they differ. Model,
    tools, thinking and effort must be those of real traffic, or another entry is filled. Anthropic, "Prompt caching",
    "Pre-warming the cache". Raises InvalidValueError for what the API refuses with it, and where nothing is marked.
    """
    shared = _up_to_the_last_marker(system)
    tools = None if tools is None else [_tool(tool) for tool in items_of(tools, "tools", "a list of definitions")]
    _check_traffic(same_as_real_traffic)
    _check_markers([*(tools or ()), *shared])
    request: dict[str, Any] = {"model": model, **same_as_real_traffic}
    if tools:
        request["tools"] = tools
    if shared:
        request["system"] = shared
    return {**request, "max_tokens": 0, "messages": [{"role": "user", "content": "warmup"}]}


def _tool(tool: object) -> Mapping[str, object]:
    if not is_mapping(tool):
        raise InvalidValueError(f"a tool definition must be a mapping, not {kind_of(tool)}")
    return cast("Mapping[str, object]", tool)


def _parts(stable: str, rest: str) -> tuple[str, str]:
    """Return the text to mark and the text to leave unmarked: either may be empty, neither is blank."""
    if not stable.strip() or (rest and not rest.strip()):
        return "", stable + rest
    return stable, rest


def _check_not_blank(text: str) -> None:
    if not text.strip():
        raise InvalidValueError("the prompt is blank: its template printed nothing")


def _cache_control(ttl: TTL | None) -> CacheControl:
    if ttl is None:
        return {"type": "ephemeral"}
    if is_text(ttl) and ttl in ("5m", "1h"):
        return {"type": "ephemeral", "ttl": cast(TTL, ttl)}
    raise InvalidValueError(f"ttl must be None, '5m' or '1h', not {shown(ttl)}")


def _up_to_the_last_marker(system: Sequence[TextBlock]) -> list[TextBlock]:
    if isinstance(system, str):
        raise InvalidValueError(
            "system must be a list of blocks, not a text", hint="pass what anthropic_system returns"
        )
    marked = [index for index, block in enumerate(system) if block.get("cache_control")]
    return list(system[: marked[-1] + 1]) if marked else []


def _check_traffic(traffic: Mapping[str, object]) -> None:
    for name in ("max_tokens", "messages", "system"):
        if name in traffic:
            raise _refused(name, "is set by the pre-warming itself")
    if traffic.get("stream"):
        raise _refused("stream", "cannot be true: nothing is generated")
    if traffic.get("cache_control"):
        raise _refused("cache_control", "would mark the placeholder message: the stable block has its own marker")
    if _entry(traffic, "thinking", "type") == "enabled":
        raise _refused("thinking", "of type 'enabled' is refused by the API when pre-warming")
    if _entry(traffic, "tool_choice", "type") in ("tool", "any"):
        raise _refused("tool_choice", "of type 'tool' or 'any' is refused by the API when pre-warming")
    if _entry(traffic, "output_config", "format"):
        raise _refused("output_config", "with a format is refused by the API when pre-warming", "leave out its format")


def _entry(traffic: Mapping[str, object], name: str, key: str) -> object:
    value = traffic.get(name)
    return value.get(key) if isinstance(value, Mapping) else None


def _refused(name: str, why: str, hint: str = "leave it out") -> InvalidValueError:
    return InvalidValueError(f"{name} {why}", hint=hint)


def _check_markers(blocks: Iterable[Mapping[str, object]]) -> None:
    """Hold the API's rules for markers, in the order of the prefix: tools, then system."""
    markers = [marker for block in blocks if isinstance(marker := block.get("cache_control"), Mapping)]
    if not markers:
        raise InvalidValueError("nothing to warm: the prompt has no stable part and no tool is marked")
    if len(markers) > MAX_MARKERS:
        raise InvalidValueError(f"{len(markers)} blocks have cache_control; the API takes at most {MAX_MARKERS}")
    minutes = [MINUTES.get(str(marker.get("ttl") or "5m"), 0) for marker in markers]
    if minutes != sorted(minutes, reverse=True):
        hint = 'ask for ttl="1h" in all that come before'
        raise InvalidValueError("a cache_control with ttl '5m' comes before one with '1h'", hint=hint)
