"""What providers are sent: plain data of a prompt's parts, and no SDK.

A prompt comes in parts: the last one varies with the session, and a cache can end after each of those before it. The
joined texts of what is returned are the prompt, always, and a marked text is a part to the byte: that is what makes two
sessions share a cache entry. Sources: Anthropic, "Prompt caching" and "Messages"; OpenAI, "Prompt caching", "Responses"
and "Chat Completions"; Bedrock, "Converse" and "Prompt caching"; Gemini, "Context caching".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, TypeVar, cast, overload

from ..arguments import is_one_of, items_of, truth_of
from ..errors import InvalidValueError
from ..kinds import is_list, is_mapping, is_text
from ..names import kind_of, shown

TTL: TypeAlias = Literal["5m", "1h"]
OpenAITTL: TypeAlias = Literal["30m", "12h"]
Role: TypeAlias = Literal["system", "developer"]
Cache: TypeAlias = Literal["openai", "anthropic"]
TTLS = ("5m", "1h")  # of Anthropic and Bedrock; five minutes where none is given
OPENAI_TTLS = ("30m", "12h")  # that of the request where none is given
MAX_MARKERS = 4  # over tools, system and messages together: Anthropic, "Prompt caching"
MINUTES = {"5m": 5, "1h": 60}
UNMARKABLE = ("thinking", "redacted_thinking")  # blocks that Anthropic takes no marker on

# TypedDicts are invariant, and here the SDKs declare unions with types of their own: a plain `str` or `list` would not
# be accepted where theirs is expected. The alias says what is really there.
SDKText: TypeAlias = Any  # a str, or a list[TextPart]
SDKParts: TypeAlias = Any  # a list[InputText]
SDKPoint: TypeAlias = Any  # a CachePoint
SDKTexts: TypeAlias = list[Any]  # of str
SDKUnset: TypeAlias = Any  # never there; declared because the SDK's type has it

Entry = TypeVar("Entry", bound=Mapping[str, object])
T = TypeVar("T")


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
    ttl: NotRequired[OpenAITTL]


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


class TextPart(TypedDict):
    """A text part of a chat's message, with the marker of the provider that the chat goes to."""

    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: NotRequired[CacheBreakpoint]
    cache_control: NotRequired[CacheControl]


class CachePoint(TypedDict):
    type: Literal["default"]
    ttl: NotRequired[TTL]


class SystemContentBlock(TypedDict):
    """A block of Bedrock's `system`: a text, or the point up to which the cache holds."""

    text: NotRequired[str]
    cachePoint: NotRequired[SDKPoint]
    guardContent: NotRequired[SDKUnset]


def pieces(parts: Sequence[str], cache: bool) -> list[tuple[str, bool]]:
    """Return a prompt as it is sent, in texts that are never blank, each with whether a cache ends after it.

    It ends after each part but the last, which varies.

    The one place that says what is marked. Providers refuse blank blocks: a blank part goes with the next one, and where
    the last is blank, the one before it goes with that and is not marked, as its text would vary. Raises
    InvalidValueError for a blank prompt.
    """
    *shared, own = parts if cache is True or truth_of(cache, "cache") else ["".join(parts)]
    found: list[tuple[str, bool]] = []
    held = ""
    for part in shared:
        held += part
        if held and not held.isspace():
            found.append((held, True))
            held = ""
    own = held + own
    if own.isspace():
        own = (found.pop()[0] if found else "") + own
    if not found and (not own or own.isspace()):
        raise InvalidValueError("the prompt is blank: its template printed nothing")
    if own:
        found.append((own, False))
    return found


@overload
def message(
    *parts: str, role: Literal["system"] = "system", cache: Cache | None = None, ttl: str | None = None
) -> SystemMessage: ...
@overload
def message(
    *parts: str, role: Literal["developer"], cache: Cache | None = None, ttl: str | None = None
) -> DeveloperMessage: ...
@overload
def message(
    *parts: str, role: str, cache: Cache | None = None, ttl: str | None = None
) -> SystemMessage | DeveloperMessage: ...
def message(
    *parts: str, role: str = "system", cache: Cache | None = None, ttl: str | None = None
) -> SystemMessage | DeveloperMessage:
    """Return the prompt as one message for OpenAI-style chats: its text, or text parts with a provider's markers.

    `cache` is "openai" for Chat Completions, from gpt-5.6 on, and "anthropic" for what takes Anthropic's markers in a
    chat, as LiteLLM. Raises InvalidValueError for a blank prompt, another cache or ttl than there is, and for a role
    other than `system` and `developer`: what the product says has no other.
    """
    content = _content(parts, cache, ttl)
    if not is_text(role):
        raise InvalidValueError(f"role must be 'system' or 'developer', not {kind_of(role)}")
    if role == "system":
        return {"role": "system", "content": content}
    if role == "developer":
        return {"role": "developer", "content": content}
    raise InvalidValueError(f"role must be 'system' or 'developer', not {role!r}")


def _content(parts: Sequence[str], cache: Cache | None, ttl: str | None) -> str | list[TextPart]:
    marker: dict[str, Any]
    if cache is None:
        if ttl is not None:
            raise InvalidValueError(
                "ttl is a cache's, and there is none", hint="pass cache='openai' or 'anthropic' with it"
            )
        return "".join([text for text, _ in pieces(parts, cache=False)])
    if is_one_of(cache, "openai"):
        marker = {"prompt_cache_breakpoint": _breakpoint(ttl)}
    elif is_one_of(cache, "anthropic"):
        marker = {"cache_control": _cache_control(ttl)}
    else:
        raise InvalidValueError(f"cache must be None, 'openai' or 'anthropic', not {shown(cache)}")
    found = [{"type": "text", "text": text, **(marker if cached else {})} for text, cached in pieces(parts, cache=True)]
    return cast("list[TextPart]", found)


def anthropic_system(*parts: str, cache: bool = True, ttl: TTL | None = None) -> list[TextBlock]:
    """Return the blocks for `system`: each part that sessions share with `cache_control`, the rest without.

    No marker where there is no stable part, where `cache` is false, or where the rest is white space only: that may not
    be a block of its own, and in the marked one it would make the cached text vary. `ttl` is Anthropic's: five minutes
    unless `1h` is asked for. Raises InvalidValueError for another, and for a blank prompt.
    """
    return anthropic_blocks(parts, cache, ttl)


def anthropic_blocks(parts: Sequence[str], cache: bool, ttl: TTL | None) -> list[TextBlock]:
    """Return what `anthropic_system` does; for requests, which pass nothing by name."""
    marker = _cache_control(ttl)
    return [
        {"type": "text", "text": text, "cache_control": marker} if cached else {"type": "text", "text": text}
        for text, cached in pieces(parts, cache)
    ]


def openai_input(*parts: str, cache: bool = True, ttl: OpenAITTL | None = None) -> list[InputMessage]:
    """Return one developer message for `input`, its stable part ending in an explicit cache breakpoint.

    A message, as top-level `instructions` can carry no breakpoint; explicit, as the implicit one comes after the user's
    first words, which differ. Without a marker where `anthropic_system` has none: `cache` must be false for models
    before gpt-5.6, which answer a breakpoint with 400. `ttl` is `30m` or `12h`, else the request's. Raises
    InvalidValueError for another, and for a blank prompt.
    """
    marker = _breakpoint(ttl)
    content: list[InputText] = [
        {"type": "input_text", "text": text, "prompt_cache_breakpoint": marker}
        if cached
        else {"type": "input_text", "text": text}
        for text, cached in pieces(parts, cache)
    ]
    return [{"role": "developer", "content": content}]


def bedrock_system(*parts: str, cache: bool = True, ttl: TTL | None = None) -> list[SystemContentBlock]:
    """Return the blocks for `system` of Converse, a `cachePoint` after each part that sessions share.

    None where `anthropic_system` marks nothing. `ttl` is `5m` or `1h`. Raises InvalidValueError for another, and for a
    blank prompt.
    """
    point = _cache_point(ttl)
    blocks: list[SystemContentBlock] = []
    for text, cached in pieces(parts, cache):
        blocks.append({"text": text})
        if cached:
            blocks.append({"cachePoint": point})
    return blocks


def gemini_system(*parts: str) -> SDKTexts:
    """Return the texts for `system_instruction`, what sessions share first: Gemini caches a prefix by itself.

    Raises InvalidValueError for a blank prompt.
    """
    return [text for text, _ in pieces(parts, cache=True)]


def mark_last_message(messages: Iterable[Entry], *, ttl: TTL | None = None) -> list[Entry]:
    """Return the messages with a cache marker at the end of the last one, for one call; those given stay as they are.

    For interfaces that refuse Anthropic's `cache_control` field on top, which does the same: Bedrock's older ones, with
    messages of Anthropic (`cache_control` in the last block that may have one) or of Converse (a `cachePoint` after the
    last block), and chats of LiteLLM. Keep your own messages and mark them for each call: marks add up, and more than
    four are refused. `ttl` may not be longer than that of the prompt. Raises InvalidValueError for another ttl.
    """
    marked = list(cast("Iterable[Entry]", items_of(messages, "messages", "a list of messages")))
    control, point = _cache_control(ttl), _cache_point(ttl)
    for index in range(len(marked) - 1, -1, -1):
        content = _marked_content(_entry_of(marked[index], "a message").get("content"), control, point)
        if content is not None:
            marked[index] = cast(Entry, {**marked[index], "content": content})
            break
    return marked


def mark_last_tool(tools: Iterable[Entry], *, ttl: TTL | None = None) -> list[Entry]:
    """Return the tools with a cache marker at the end, for one call; those given stay as they are.

    For Anthropic, and for Bedrock's Converse (a `cachePoint` after the last). The marker of a prompt's stable part
    covers the tools too: it is needed where a prompt has no such part. Not on tools that are loaded when they are
    searched for: those are in no cache. `ttl` may not be shorter than that of the prompt. Raises InvalidValueError for
    another ttl.
    """
    marked = [
        cast(Entry, _entry_of(tool, "a tool definition")) for tool in items_of(tools, "tools", "a list of definitions")
    ]
    control, point = _cache_control(ttl), _cache_point(ttl)
    if marked and _is_bedrock_tool(marked[-1]):
        return [*_without_point(marked), cast(Entry, {"cachePoint": point})]
    last = next((index for index, tool in reversed(list(enumerate(marked))) if not tool.get("defer_loading")), None)
    if last is not None:
        marked[last] = cast(Entry, {**marked[last], "cache_control": control})
    return marked


def _marked_content(content: object, control: CacheControl, point: CachePoint) -> str | list[object] | None:
    """Return a message's content with a marker on its last block that may have one; None where none may."""
    if is_text(content):
        return [{"type": "text", "text": content, "cache_control": control}] if content.strip() else None
    blocks = list(content) if is_list(content) else []
    if blocks and is_mapping(blocks[-1]) and "type" not in blocks[-1]:  # Converse: a block's one key says what it is
        return [*_without_point(blocks), {"cachePoint": point}]
    for index in range(len(blocks) - 1, -1, -1):
        block = blocks[index]
        if is_mapping(block) and _may_be_marked(block):
            return [*blocks[:index], {**block, "cache_control": control}, *blocks[index + 1 :]]
    return None


def _without_point(entries: list[T]) -> list[T]:
    """Return Converse's entries without the point that ends them: a new one takes its place, as `cache_control` does."""
    last = entries[-1]
    return entries[:-1] if is_mapping(last) and "cachePoint" in last else entries


def _may_be_marked(block: Mapping[object, object]) -> bool:
    text = block.get("text")
    return block.get("type") not in UNMARKABLE and not (block.get("type") == "text" and not str(text).strip())


def _is_bedrock_tool(tool: Mapping[str, object]) -> bool:
    return len(tool) == 1 and not {"toolSpec", "systemTool", "cachePoint"}.isdisjoint(tool)


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
    tools = (
        None
        if tools is None
        else [_entry_of(tool, "a tool definition") for tool in items_of(tools, "tools", "a list of definitions")]
    )
    _check_traffic(same_as_real_traffic)
    _check_markers([*(tools or ()), *shared])
    request: dict[str, Any] = {"model": model, **same_as_real_traffic}
    if tools:
        request["tools"] = tools
    if shared:
        request["system"] = shared
    return {**request, "max_tokens": 0, "messages": [{"role": "user", "content": "warmup"}]}


def _entry_of(entry: object, what: str) -> Mapping[str, object]:
    if not is_mapping(entry):
        raise InvalidValueError(f"{what} must be a mapping, not {kind_of(entry)}")
    return cast("Mapping[str, object]", entry)


def _cache_control(ttl: str | None) -> CacheControl:
    return {"type": "ephemeral"} if ttl is None else cast(CacheControl, {"type": "ephemeral"} | _lifetime(ttl, TTLS))


def _cache_point(ttl: str | None) -> CachePoint:
    return cast(CachePoint, {"type": "default"} | _lifetime(ttl, TTLS))


def _breakpoint(ttl: str | None) -> CacheBreakpoint:
    return cast(CacheBreakpoint, {"mode": "explicit"} | _lifetime(ttl, OPENAI_TTLS))


def _lifetime(ttl: str | None, known: tuple[str, str]) -> dict[str, str]:
    """Return what a marker says of its lifetime: nothing, where the provider's own is meant."""
    if ttl is None:
        return {}
    if is_text(ttl) and ttl in known:
        return {"ttl": ttl}
    raise InvalidValueError(f"ttl must be None, {known[0]!r} or {known[1]!r}, not {shown(ttl)}")


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
        hint = "mark the tools with mark_last_tool, here and in real traffic"
        raise InvalidValueError("nothing to warm: the prompt has no stable part and no tool is marked", hint=hint)
    if len(markers) > MAX_MARKERS:
        raise InvalidValueError(f"{len(markers)} blocks have cache_control; the API takes at most {MAX_MARKERS}")
    minutes = [MINUTES.get(str(marker.get("ttl") or "5m"), 0) for marker in markers]
    if minutes != sorted(minutes, reverse=True):
        hint = 'ask for ttl="1h" in all that come before'
        raise InvalidValueError("a cache_control with ttl '5m' comes before one with '1h'", hint=hint)
