"""One call of each SDK with what a prompt gives it: mypy holds them against the SDKs' own types, the tests run them."""

from __future__ import annotations

from anthropic import Anthropic
from anthropic.types import Message, MessageParam, ToolUnionParam
from google.genai import Client as Gemini
from google.genai.types import GenerateContentConfig, GenerateContentResponse
from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
from mypy_boto3_bedrock_runtime.type_defs import ConverseResponseTypeDef, MessageTypeDef, ToolTypeDef
from openai import OpenAI
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from llm_persona import Prompt, mark_last_message, mark_last_tool


def to_anthropic(
    client: Anthropic, prompt: Prompt, messages: list[MessageParam], tools: list[ToolUnionParam] | None = None
) -> Message:
    """As interfaces need it that refuse the field on top: all markers are in the blocks."""
    return client.messages.create(
        model="claude-opus-5",
        max_tokens=9,
        tools=mark_last_tool(tools or [], ttl="1h"),
        system=prompt.anthropic_system(ttl="1h"),
        messages=mark_last_message(messages),
    )


def to_responses(client: OpenAI, prompt: Prompt, said: str) -> Response:
    return client.responses.create(
        model="gpt-5.6", input=[*prompt.openai_input(ttl="12h"), {"role": "user", "content": said}]
    )


def to_chat(client: OpenAI, prompt: Prompt, said: str) -> ChatCompletion:
    return client.chat.completions.create(
        model="gpt-5.6",
        messages=[prompt.message("developer", cache="openai", ttl="30m"), {"role": "user", "content": said}],
    )


def to_bedrock(
    client: BedrockRuntimeClient, prompt: Prompt, messages: list[MessageTypeDef], tools: list[ToolTypeDef]
) -> ConverseResponseTypeDef:
    return client.converse(
        modelId="anthropic.claude-opus-5",
        system=prompt.bedrock_system(ttl="1h"),
        messages=mark_last_message(messages),
        toolConfig={"tools": mark_last_tool(tools, ttl="1h")},
    )


def to_gemini(client: Gemini, prompt: Prompt, said: str) -> GenerateContentResponse:
    config = GenerateContentConfig(system_instruction=prompt.gemini_system())
    return client.models.generate_content(model="gemini-3.1-pro", contents=said, config=config)
