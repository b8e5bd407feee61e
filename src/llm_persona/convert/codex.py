"""Codex agents: one in a TOML file, whose `developer_instructions` are the prompt.

After https://developers.openai.com/codex/subagents: name, description and developer_instructions, and beside them keys of
Codex's configuration, which are metadata.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Location, PersonaError, PersonaFileError
from ..files.reading import Document, read_text
from ..limits import Limits
from ..persona.persona import Persona
from .foreign import OWN_KEY, Reading, defined, file_of, given_back, own_part, problem_of
from .prose import as_imported, persona_of, unusual_order, warnings_of, with_definition
from .toml import dump_toml, read_toml

PROMPT = "developer_instructions"


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Return why a file of a folder is no agent; None where it has instructions, or is no TOML."""
    try:
        data, _ = read_toml(read_text(path, limits), path)
    except PersonaFileError:
        return None
    return None if PROMPT in data else f"no {PROMPT}"


def read_codex(path: str, reading: Reading) -> tuple[Persona]:
    """Return the persona of an agent file. Raises PersonaFileError."""
    return (codex_agent(read_text(path, reading.limits), path, reading),)


def codex_agent(text: str, path: str, reading: Reading | None = None) -> Persona:
    """Return the persona that the text of a Codex agent describes. Raises PersonaFileError."""
    data, unquoted = read_toml(text, path)
    prompt = data.get(PROMPT)
    if not isinstance(prompt, str):
        message = "is missing" if prompt is None else "must be a text"
        raise PersonaFileError([Location(path, 1, 1, field=PROMPT).problem(message, "write the agent's prompt in it")])
    front = {key: value for key, value in data.items() if key != PROMPT}
    try:
        persona = _persona(front, prompt, unquoted, path)
    except PersonaError as error:
        raise PersonaFileError([problem_of(error, Document(path, {}))]) from None
    if reading is not None:
        reading.warnings += warnings_of(front, prompt, path)
    return persona


def to_codex(persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
    """Return a Codex agent that imports back equal, from a file of this path; what it holds, `to_agent_markdown` says."""
    path = path or file_of(persona, ".toml")
    found = given_back(defined_as or persona, _as_imported, lambda text: codex_agent(text, path))
    return dump_toml(_with_prompt(*with_definition(persona))) if found is None else found


def _persona(data: Mapping[str, object], prompt: str, unquoted: tuple[str, ...], path: str) -> Persona:
    own = own_part(data.get(OWN_KEY))
    front = {key: value for key, value in data.items() if key != OWN_KEY}
    if "fields" in own:
        return defined(own, [front, prompt.strip()])
    form: dict[str, object] = {"keys": order} if (order := unusual_order(front)) else {}
    if unquoted:
        form["plain"] = list(unquoted)
    return persona_of(front, prompt, form, path, own.get("name"))


def _as_imported(persona: Persona, own: Mapping[str, object]) -> str | None:
    found = as_imported(persona)
    if found is None:
        return None
    front, prompt, form = found
    front |= {OWN_KEY: own} if own else {}
    plain = form.get("plain")
    return dump_toml(_with_prompt(front, prompt), tuple(plain) if isinstance(plain, list) else ())


def _with_prompt(front: Mapping[str, object], prompt: str) -> dict[str, object]:
    return {**front, PROMPT: prompt}
