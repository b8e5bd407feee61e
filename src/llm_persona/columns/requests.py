"""What batch services take: one request as JSON, and how many of them a file may hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..prompts.prompt import Prompt
from ..prompts.providers import Role


class Request(NamedTuple):
    """What a request is made of."""

    custom_id: str
    prompt: Prompt
    message: str | None
    model: str | None
    max_tokens: int | None


class Service(NamedTuple):
    """The files of one service."""

    name: str
    body: Callable[[Request], Mapping[str, Any]]
    ending: str = ".jsonl"
    begin: str = ""  # of a file
    between: str = "\n"
    end: str = "\n"
    most: int | None = None  # requests
    most_bytes: int | None = None
    sends: bool = True  # a model and a user's message
    limits_tokens: bool = False  # so it has to be told how many there may be

    def written(self, request: Request) -> bytes:
        """Return a request as its file has it. Raises InvalidValueError for a blank prompt, which no service takes."""
        return json.dumps(self.body(request), ensure_ascii=False, separators=(",", ":")).encode()


def _text(request: Request) -> Mapping[str, Any]:
    prompt = request.prompt
    user = {} if request.message is None else {"message": request.message}
    return {"custom_id": request.custom_id, "ref": prompt.ref, "prompt": prompt.text, **user}


def _vllm(request: Request) -> Mapping[str, Any]:
    return _chat(request, "system", "max_tokens")


def _openai(request: Request) -> Mapping[str, Any]:
    return _chat(request, "developer", "max_completion_tokens")


def _chat(request: Request, role: Role, limit: str) -> Mapping[str, Any]:
    limited = {} if request.max_tokens is None else {limit: request.max_tokens}
    messages = [request.prompt.message(role), {"role": "user", "content": request.message}]
    body = {"model": request.model, "messages": messages, **limited}
    return {"custom_id": request.custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def _anthropic(request: Request) -> Mapping[str, Any]:
    params = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": request.prompt.anthropic_system(),
        "messages": [{"role": "user", "content": request.message}],
    }
    return {"custom_id": request.custom_id, "params": params}


_SERVICES = (
    Service("text", _text, sends=False),
    Service("openai", _openai, most=50_000, most_bytes=200_000_000),
    # The body of one call: POST /v1/messages/batches.
    Service(
        "anthropic",
        _anthropic,
        ".json",
        '{"requests":[\n',
        ",\n",
        "\n]}\n",
        most=100_000,
        most_bytes=256_000_000,
        limits_tokens=True,
    ),
    Service("vllm", _vllm),
)
SERVICES = {form.name: form for form in _SERVICES}
