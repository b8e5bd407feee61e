"""A provider on 127.0.0.1: it checks requests as Anthropic, OpenAI, Bedrock and Gemini document it, and keeps a cache.

For tests of what is really sent: the SDKs talk to it over HTTP. A request that the provider would refuse gets the
status 400, and one whose marked prefix was written before gets cached tokens in its usage (a character is a token).
As documented, a marker finds entries that end up to 20 blocks before it, a top-level `cache_control` is a marker on the
last block, and Gemini needs no marker. What a test has planned comes first: answers of another kind, failures, silence.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

Body = dict[str, Any]  # JSON as it arrived: the tests look into any part of it

MINUTES = {"5m": 5, "1h": 60}
LOOKBACK = 20  # blocks before a marker in which an entry is looked for


class RefusedError(Exception):
    """The provider's answer to a request that breaks its rules: status 400."""


class FailedError(Exception):
    """An answer that a test has planned."""


class Failure(NamedTuple):
    """A planned answer that is an error: its status, its type (`code` for OpenAI), and what it says."""

    status: int
    kind: str = "api_error"
    message: str = "planned"


SILENCE = "silence"  # a planned answer that does not come before the server ends


class Loopback:
    """The server, as a context manager: `bodies` are the requests that arrived, `usages` the answers' figures.

    `plan` holds what the next requests get: a Failure, SILENCE, or what is to be different in the usual answer.
    """

    def __init__(self, minimum: int = 0) -> None:
        self.bodies: list[Body] = []
        self.usages: list[Body] = []
        self.cache: set[str] = set()
        self.minimum = minimum  # a prefix of fewer characters is not cached, as documented without a word about it
        self.plan: list[Failure | str | Body] = []
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, body: Body) -> Body:
        self.bodies.append(body)
        planned = self.plan.pop(0) if self.plan else {}
        if isinstance(planned, Failure):
            raise FailedError(planned)
        if isinstance(planned, str):
            self._ended.wait(60)
            raise FailedError(Failure(500, message="the test is over"))
        answer = self._usual_answer(path, body)
        self.usages.append(answer.get("usage") or answer["usageMetadata"])
        return answer | planned

    def _usual_answer(self, path: str, body: Body) -> Body:
        if path.endswith("/messages"):
            return self._anthropic(body)
        if path.endswith("/responses"):
            return self._responses(body)
        if path.endswith("/chat/completions"):
            return self._chat(body)
        if path.endswith("/converse"):
            return self._converse(path, body)
        if path.endswith(":generateContent"):
            return self._gemini(path, body)
        raise RefusedError(f"no such path: {path}")

    def _anthropic(self, body: Body) -> Body:
        check_anthropic(body)
        *before, tail = anthropic_prefix(body)
        if body.get("cache_control"):
            tail = {**tail, "cache_control": body["cache_control"]}
        read, written = self._lookup(body["model"], [*before, tail], "cache_control")
        warming = body["max_tokens"] == 0
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [] if warming else [{"type": "text", "text": "ok"}],
            "stop_reason": "max_tokens" if warming else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 1,
                "output_tokens": 0 if warming else 1,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": written,
            },
        }

    def _responses(self, body: Body) -> Body:
        parts = list(responses_parts(body))
        check_responses(body, parts)
        read, written = self._lookup(body["model"], parts, "prompt_cache_breakpoint")
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 0,
            "model": body["model"],
            "status": "completed",
            "output": [said("ok")],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 1,
                "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
                "output_tokens": 0,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 1,
            },
        }

    def _chat(self, body: Body) -> Body:
        parts = list(chat_parts(body))
        check_breakpoints(body["model"], parts, "text")
        read, written = self._lookup(body["model"], parts, "prompt_cache_breakpoint")
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        details = {"cached_tokens": read, "cache_write_tokens": written}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "prompt_tokens_details": details}
        answer = {"id": "chat_1", "object": "chat.completion", "created": 0, "model": body["model"]}
        return answer | {"choices": [choice], "usage": usage}

    def _converse(self, path: str, body: Body) -> Body:
        blocks = converse_prefix(body)
        check_converse(blocks)
        read, written = self._lookup(path, blocks, "cachePoint")
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}},
            "stopReason": "end_turn",
            "usage": usage | {"cacheReadInputTokens": read, "cacheWriteInputTokens": written},
            "metrics": {"latencyMs": 1},
        }

    def _gemini(self, path: str, body: Body) -> Body:
        parts = [*body.get("systemInstruction", {}).get("parts", ()), *body["contents"]]
        _refuse_if(any(not part.get("text", "x").strip() for part in parts), "a blank part")
        read, _ = self._lookup(path, [{**part, "implicit": True} for part in parts], "implicit")
        usage = {"promptTokenCount": 1, "cachedContentTokenCount": read, "totalTokenCount": 2}
        candidate = {"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}
        return {"candidates": [candidate], "usageMetadata": usage}

    def _lookup(self, model: str, prefix: list[Body], marker: str) -> tuple[int, int]:
        """Read and write the cache at each marker: an entry is the whole prefix up to it, without the markers."""
        bare = [{key: value for key, value in block.items() if key != marker} for block in prefix]
        entries = [json.dumps([model, bare[:end]]) for end in range(1, len(bare) + 1)]
        marked = [i for i, block in enumerate(prefix) if block.get(marker) and len(entries[i]) >= self.minimum]
        near = {entry for index in marked for entry in entries[max(0, index - LOOKBACK) : index + 1]}
        read = max(map(len, near & self.cache), default=0)
        self.cache.update(entries[index] for index in marked)
        return read, max([len(entries[index]) - read for index in marked], default=0)


def said(text: str) -> Body:
    """Return an item of OpenAI's output: a message with this text."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def check_anthropic(body: Body) -> None:
    """Refuse what "Prompt caching" and "Messages" say is refused."""
    blocks = anthropic_prefix(body)
    for block in blocks:
        if block.get("cache_control"):
            _refuse_if(block.get("type") in ("thinking", "redacted_thinking"), "cache_control on a thinking block")
            _refuse_if(block.get("defer_loading"), "Tools with defer_loading cannot use prompt caching.")
        if block.get("type") == "text" and not block["text"].strip():
            _refuse_if("cache_control" in block, "cache_control cannot be set for empty text blocks")
            raise RefusedError("text content blocks must contain non-whitespace text")
    _refuse_if(not body["messages"] or body["messages"][0]["role"] != "user", "the first message must be the user's")
    markers = [block["cache_control"] for block in blocks if block.get("cache_control")]
    markers += [body["cache_control"]] if body.get("cache_control") else []
    _check_lifetimes(markers)
    names = [tool["name"] for tool in body.get("tools", ())]
    _refuse_if(len(names) != len(set(names)), "tools: Tool names must be unique.")
    if body["max_tokens"] == 0:
        _check_prewarm(body)


def _check_lifetimes(markers: list[Body]) -> None:
    found = f"A maximum of 4 blocks with cache_control may be provided. Found {len(markers)}."
    _refuse_if(len(markers) > 4, found)
    minutes = [MINUTES[marker.get("ttl", "5m")] for marker in markers]
    _refuse_if(minutes != sorted(minutes, reverse=True), "a longer ttl must come before a shorter one")


def _check_prewarm(body: Body) -> None:
    _refuse_if(body.get("stream"), "max_tokens: 0 cannot be streamed")
    _refuse_if(body.get("thinking", {}).get("type") == "enabled", "max_tokens: 0 with thinking enabled")
    _refuse_if(body.get("output_config", {}).get("format"), "max_tokens: 0 with an output format")
    _refuse_if(body.get("tool_choice", {}).get("type") in ("tool", "any"), "max_tokens: 0 with a forced tool")


def anthropic_prefix(body: Body) -> list[Body]:
    """Return the blocks of a request in the order of the cached prefix: tools, system, messages."""
    system = body.get("system", [])
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else list(system)
    for message in body["messages"]:
        content = message["content"]
        blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*body.get("tools", ()), *blocks]


def responses_parts(body: Body) -> Iterator[Body]:
    """Yield what the prefix of a request to Responses is made of: tools, then the parts of the input."""
    yield from body.get("tools", ())
    for item in body["input"]:
        content = item.get("content")
        if content is None:
            yield item  # a tool's call, or its output
            continue
        parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        yield from ({"role": item["role"], **part} for part in parts)


def chat_parts(body: Body) -> Iterator[Body]:
    """Yield what the prefix of a chat is made of: tools, then the parts of the messages."""
    yield from body.get("tools", ())
    for message in body["messages"]:
        content = message["content"]
        roles = ("system", "developer", "user", "assistant", "tool")
        _refuse_if(message["role"] not in roles, f"unknown role {message['role']!r}")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        yield from ({"role": message["role"], **part} for part in parts)


def converse_prefix(body: Body) -> list[Body]:
    """Return the blocks of a request to Converse in the order of the prefix; a cache point marks the one before it."""
    contents = [block for message in body["messages"] for block in message["content"]]
    blocks: list[Body] = []
    for block in [*body.get("toolConfig", {}).get("tools", ()), *body.get("system", ()), *contents]:
        if "cachePoint" not in block:
            blocks.append(block)
            continue
        _refuse_if(not blocks or "cachePoint" in blocks[-1], "a cachePoint after nothing")
        blocks[-1] = {**blocks[-1], **block}
    return blocks


def check_converse(blocks: list[Body]) -> None:
    """Refuse what Bedrock's "Prompt caching" says is refused."""
    _refuse_if(any("text" in block and not block["text"].strip() for block in blocks), "a blank text field")
    _check_lifetimes([block["cachePoint"] for block in blocks if "cachePoint" in block])


def check_responses(body: Body, parts: list[Body]) -> None:
    """Refuse what OpenAI's "Prompt caching" says cannot be."""
    _refuse_if(not isinstance(body.get("instructions", ""), str), "instructions must be a string: no breakpoint there")
    check_breakpoints(body["model"], parts, "input_text")


def check_breakpoints(model: str, parts: list[Body], kind: str) -> None:
    """Refuse breakpoints of models that have none, of another form, and elsewhere than in a text part."""
    marked = [part for part in parts if "prompt_cache_breakpoint" in part]
    _refuse_if(marked and not _takes_breakpoints(model), "prompt_cache_breakpoint is not supported by the model")
    for part in marked:
        form = {"mode": "explicit", "ttl": "30m", **part["prompt_cache_breakpoint"]}
        known = form["mode"] == "explicit" and form["ttl"] in ("30m", "12h") and len(form) == 2
        _refuse_if(not known, "unknown breakpoint")
        _refuse_if(part.get("type") != kind, "a breakpoint outside an input block")
    _refuse_if(len(marked) > 4, "more than 4 cache writes")
    _refuse_if(any(not part["text"].strip() for part in parts if "text" in part), "a blank text")


def _takes_breakpoints(model: str) -> bool:
    version = re.match(r"gpt-(\d+)(?:\.(\d+))?", model)
    return version is not None and (int(version[1]), int(version[2] or 0)) >= (5, 6)


def _refuse_if(wrong: object, message: str) -> None:
    if wrong:
        raise RefusedError(message)


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._send(200, loopback.answer(self.path, body))
            except RefusedError as refused:
                self._fail(Failure(400, "invalid_request_error", str(refused)))
            except FailedError as failed:
                self._fail(failed.args[0])

        def _fail(self, failure: Failure) -> None:
            error = {"type": failure.kind, "code": failure.kind, "message": failure.message}
            with suppress(OSError):  # whoever asked may have gone
                self._send(failure.status, {"type": "error", "error": error, "message": failure.message})

        def _send(self, status: int, answer: Body) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("retry-after-ms", "1")  # the SDKs try again at once
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests read `bodies`."""

    return Handler
