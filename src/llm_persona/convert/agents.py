"""Agent Markdown: YAML front matter between two `---` lines, and below it the prompt, as Claude Code's agents have it.

The front matter's fields are those of https://code.claude.com/docs/en/sub-agents#supported-frontmatter-fields: name,
description and tools (a list, or a text with commas) are a persona's own; all others, known or not, are its metadata.
The prompt is foreign prose: it becomes one section, word for word, in which no `{placeholder}` is active. A role, which
agents do not have, is made of the words of the name. An agent that names no tools has all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from ..arguments import path_of
from ..errors import PersonaError, PersonaFileError, Problem
from ..files.reading import Document, parse
from ..files.writing import dump_yaml
from ..limits import Limits, setting
from ..persona.persona import Persona
from .foreign import (
    OWN_KEY,
    defined,
    definition,
    name_of_file,
    named,
    other_file,
    own_part,
    plain,
    problem_of,
    read_text,
    rendered,
    roomy,
    safe_name,
)

SECTION: Final = "Instructions"

_FENCE = re.compile(r"^---[ \t]*(\r?\n|\Z)", re.MULTILINE)
_DIVIDER = re.compile(r"[,()]")
_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z))*+\Z")
_OWN_ORDER = ("name", "description", "tools")
_NO_NAME = object()


def load_agent(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Persona:
    """Read one agent file. Raises PersonaFileError, with lines and columns of the Markdown file."""
    found = read_agent(path_of(path, "the path of an agent file"), limits)
    if isinstance(found, Persona):
        return found
    raise PersonaFileError(found)


def read_agent(
    path: str, limits: Limits | None = None, warnings: list[Problem] | None = None
) -> Persona | tuple[Problem, ...]:
    """Return the persona of an agent file, or all that is wrong with the file; add to `warnings` as `agent` does."""
    limits = roomy(limits)
    text = read_text(path, limits)
    return (text,) if isinstance(text, Problem) else agent(text, path, limits, warnings)


def agent(
    text: str, path: str, limits: Limits | None = None, warnings: list[Problem] | None = None
) -> Persona | tuple[Problem, ...]:
    """Return the persona that the text of an agent file describes, or all that is wrong with it.

    A text without front matter is a prompt, named after its file. What YAML cut from the front matter is added to
    `warnings`, if given.
    """
    limits = roomy(limits)
    opening = _FENCE.match(text)
    if opening is None:
        front, body, line_break = "", text, ""
        document = Document(path, {})
    else:
        closing = _FENCE.search(text, opening.end())
        if closing is None:
            message = "the front matter that begins here has no end"
            return (Problem(path, 1, 1, None, None, message, "close it with a line of its own: ---"),)
        front, body, line_break = text[opening.end() : closing.start()], text[closing.end() :], closing[1]
        document = _front_matter(front, path, limits)
    if warnings is not None:
        warnings += document.warnings
    if document.problems:
        return document.problems
    if not front and not body.strip():
        return (Problem(path, 1, 1, None, None, "the file is empty", "write a prompt in it"),)
    if problem := _unfit_body(text, body, path, limits):
        return (problem,)
    try:
        return _persona(document.data, body, line_break, path)
    except PersonaError as error:
        return (problem_of(error, document),)


def to_agent_markdown(persona: Persona) -> str:
    """Return an agent file that imports back equal.

    Of an imported agent it is what was imported: the same keys, the same prompt. Of any other persona the body is the
    system prompt in its own template, with defaults filled in and `{variables}` that only a session knows left as
    they are; the definition itself is in the front matter, under `llm_persona`. Raises what `render` raises: a persona
    with a parent has to come from a registry.
    """
    for own in ({}, {"name": persona.key}):
        text = _as_imported(persona, own)
        if text is not None and agent(text, other_file(persona)) == persona:
            return text
    return _with_definition(persona)


def _front_matter(front: str, path: str, limits: Limits) -> Document:
    """Read front matter at the lines it has in its file."""
    if _COMMENTS.match(front):
        return Document(path, {})
    document = parse(f"\n{front}", path, kind="yaml", limits=limits)
    document.problems = tuple(_reworded(problem) for problem in document.problems)
    document.warnings = tuple(_reworded(problem) for problem in document.warnings)
    return document


def _reworded(problem: Problem) -> Problem:
    """Return a problem of a persona file in words that fit front matter, whose top keys are no personas."""
    message, hint = problem.message, problem.hint
    if message.startswith("the file must be a mapping"):
        kind = message.rpartition(", not ")[2]
        message, hint = f"the front matter must be a mapping, not {kind}", 'begin with a key and a colon, as "name:"'
    elif "merge keys" in message:
        hint = "write the keys out"
    field = ".".join(part for part in (problem.persona, problem.field) if part) or None
    return replace(problem, persona=None, field=field, message=message, hint=hint)


def _unfit_body(text: str, body: str, path: str, limits: Limits) -> Problem | None:
    """Say where a body holds what no prompt can, or that it is too long."""
    nul = body.find("\0")
    if nul >= 0:
        before = text[: len(text) - len(body) + nul]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return Problem(path, line, column, None, None, "holds U+0000, which no prompt can carry", "remove it")
    if len(body) > limits.text_characters:
        message = f"a text of {len(body):,} characters; at most {limits.text_characters:,} are allowed"
        line = text[: len(text) - len(body)].count("\n") + 1
        return Problem(path, line, 1, None, None, message, f"shorten it, or set {setting('text_characters')}")
    return None


def _persona(data: Mapping[str, object], body: str, line_break: str, path: str) -> Persona:
    own = own_part(data.get(OWN_KEY))
    front = {key: value for key, value in data.items() if key != OWN_KEY}
    if "fields" in own:
        return defined(own, [front, body.strip()])
    name = front.get("name", _NO_NAME)
    key = own.get("name") or safe_name(name) or name_of_file(path)
    text, form = _prompt(body, line_break)
    if order := _unusual_order(front):
        form["keys"] = order
    fields, metadata = _fields(front)
    spoken = name if isinstance(name, str) and name.strip() else str(key)
    fields["role"] = " ".join(re.split(r"[-_\s]+", spoken)).strip() or spoken
    fields |= {"custom_sections": {SECTION: text}, "variables": {}}
    if form:
        metadata[OWN_KEY] = form
    return named(str(key), key if name is _NO_NAME else name, fields, metadata)


def _fields(front: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split front matter into a persona's own fields and the metadata, where all goes that fields cannot give back."""
    fields: dict[str, object] = {}
    metadata: dict[str, object] = {}
    for key, value in front.items():
        if key == "name":
            continue
        if key == "description" and isinstance(value, str) and value:
            fields[key] = value
        elif key == "tools" and (tools := _tools(value)):
            fields[key] = tools
            if value != ", ".join(tools):
                metadata[key] = value
        else:
            metadata[key] = value
    if front.get("tools") in (None, "*", ["*"]):
        fields["tools"] = "all"
    return fields, metadata


def _tools(value: object) -> list[str]:
    """Return the names of tools; none for what is no list of names. `*` names none: it is every tool."""
    if isinstance(value, str):
        value = [tool.strip() for tool in _divided(value) if tool.strip()]
    if not isinstance(value, list) or value == ["*"]:
        return []
    return value if all(isinstance(tool, str) and tool.strip() for tool in value) else []


def _divided(text: str) -> Iterator[str]:
    """Yield what stands between commas, those in `Bash(git log, git diff)` aside."""
    start = depth = 0
    for found in _DIVIDER.finditer(text):
        if found[0] == "," and not depth:
            yield text[start : found.start()]
            start = found.end()
        elif found[0] != ",":
            depth = max(0, depth + (1 if found[0] == "(" else -1))
    yield text[start:]


def _prompt(body: str, line_break: str) -> tuple[str, dict[str, object]]:
    """Split off the blank line between front matter and prompt; say in what the file's form is not the usual one."""
    form: dict[str, object] = {"line_breaks": "crlf"} if line_break == "\r\n" else {}
    if line_break and body.startswith(line_break):
        return body[len(line_break) :], form
    if body and line_break:
        form["blank_line"] = False
    return body, form


def _unusual_order(front: Mapping[str, object]) -> list[str]:
    """Return the order of the keys, where an export would not come to it by itself."""
    keys = [key for key in front if key != "name"] if next(iter(front), "name") == "name" else list(front)
    usual = [key for key in _OWN_ORDER if key in keys]
    return [] if keys == usual + [key for key in keys if key not in _OWN_ORDER] else keys


def _as_imported(persona: Persona, own: Mapping[str, object]) -> str | None:
    """Return the agent file that a persona may have been imported from; None where it has other sections."""
    text = persona.custom_sections.get(SECTION)
    if len(persona.custom_sections) != 1 or not isinstance(text, str) or persona.parent is not None:
        return None
    metadata = plain(persona)
    form = metadata.pop(OWN_KEY, {})
    form = form if isinstance(form, dict) else {}
    front = _native(persona, metadata)
    order = form.get("keys")
    if isinstance(order, list):
        order = order if "name" in order else ["name", *order]
        front = {key: front[key] for key in dict.fromkeys([*order, *front]) if key in front}
    front |= {OWN_KEY: own} if own else {}
    head = _markdown(front, "" if form.get("blank_line") is False else "\n")
    if form.get("line_breaks") == "crlf":
        head = head.replace("\n", "\r\n")
    return head + text


def _native(persona: Persona, metadata: dict[str, object]) -> dict[str, object]:
    """Return the front matter of a persona with this metadata; what it edited since the import counts."""
    front: dict[str, object] = {"name": metadata.pop("name", persona.key)}
    if persona.description is not None:
        front["description"] = persona.description
    elif "description" in metadata:
        front["description"] = metadata.pop("description")
    tools = list(persona.tools)
    as_written = metadata.pop("tools", None) if tools or "tools" in metadata else None
    if tools:
        front["tools"] = as_written if _tools(as_written) == tools else _written_tools(tools)
    elif "tools" in persona.metadata:
        front["tools"] = as_written
    return front | metadata


def _written_tools(tools: list[str]) -> object:
    text = ", ".join(tools)
    return text if _tools(text) == tools else tools


def _with_definition(persona: Persona) -> str:
    body = rendered(persona)
    front: dict[str, object] = {"name": persona.key, "description": persona.description or persona.role}
    if list(persona.tools):
        front["tools"] = _written_tools(list(persona.tools))
    front |= {key: value for key, value in plain(persona).items() if key not in (*_OWN_ORDER, OWN_KEY)}
    return _markdown({**front, OWN_KEY: definition(persona, [front, body.strip()])}, f"\n{body}\n")


def _markdown(front: Mapping[str, object], body: str) -> str:
    return "---\n" + "".join(dump_yaml({key: value}) for key, value in front.items()) + f"---\n{body}"
