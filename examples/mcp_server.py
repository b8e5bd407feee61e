"""A server of prompts for the Model Context Protocol: every persona is a prompt, and its variables are the prompt's arguments.

`python mcp_server.py [PERSONAS.yaml]` speaks over standard input and output, as clients start it. Needs the package `mcp`, from
2.0 on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcp import MCPError
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from llm_persona import Persona, PersonaError, PersonaRegistry

ACME = Path(__file__).parent / "acme" / "personas.yaml"


def serving(registry: PersonaRegistry) -> Server[Any]:
    """Return a server of all personas that are served."""

    async def on_list(context: object, params: object) -> ListPromptsResult:
        return ListPromptsResult(prompts=[prompt_of(registry.complete(name)) for name in registry.list_names()])

    async def on_get(context: object, params: GetPromptRequestParams) -> GetPromptResult:
        try:  # the message of an error holds no value of the session
            persona = registry.get(params.name)
            text = persona.build_system_prompt(**(params.arguments or {}))
        except PersonaError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from None
        message = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=persona.description, messages=[message])

    return Server("llm-persona", on_list_prompts=on_list, on_get_prompt=on_get)


def prompt_of(persona: Persona) -> Prompt:
    return Prompt(name=persona.key, description=persona.description or persona.role, arguments=[*arguments(persona)])


def arguments(persona: Persona) -> Iterator[PromptArgument]:
    """Yield what a session may give: what the persona declares, and what its template asks for beside."""
    declared = persona.variables
    for name in dict.fromkeys((*(declared or ()), *persona.sample_session())):
        required = declared is None or (name in declared and declared[name] is None)
        default = (declared or {}).get(name)
        yield PromptArgument(name=name, required=required, description=f"else {default!r}" if default else None)


async def main(path: Path) -> None:
    server = serving(PersonaRegistry.from_file(path))
    async with stdio_server() as (reads, writes):
        await server.run(reads, writes, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ACME))
