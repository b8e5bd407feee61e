"""A prompt with keys beside it, which is what agent files, editors' rules and Codex agents have in common.

The prompt is foreign prose: it becomes one section, word for word, rendered in `verbatim`, in which no `{placeholder}` is
active. Name, description and tools (a list, or a text with commas) are a persona's own, all other keys are its metadata.
There is no role and no tone. A file that names no tools has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..errors import Location, Problem
from ..limits import Limits, setting
from ..persona.persona import Persona
from ..persona.resolution import written
from .foreign import OWN_KEY, definition, name_of_file, named, plain, rendered, safe_name

SECTION: Final = "Instructions"
OWN_ORDER: Final = ("name", "description", "tools")

_DIVIDER = re.compile(r"[,()]")
_NO_NAME = object()


def persona_of(
    front: Mapping[str, object], text: str, form: Mapping[str, object], path: str, own_name: object = None
) -> Persona:
    """Return the persona of a prompt and its keys; `own_name` is the key, where a file of ours says it."""
    name = front.get("name", _NO_NAME)
    key = str(own_name or safe_name(name) or name_of_file(path))
    form = dict(form) if name is not _NO_NAME else {**form, "name": "file"}
    fields, metadata = _fields(front)
    fields |= {"template": "verbatim", "variables": {}}
    if text:
        fields["custom_sections"] = {SECTION: text}
    if form:
        metadata[OWN_KEY] = form
    return named(key, key if name is _NO_NAME else name, fields, metadata)


def warnings_of(front: Mapping[str, object], text: str, path: str) -> Iterator[Problem]:
    """Yield what a persona cannot say of a file that has these keys."""
    if not text.strip():
        message = "there is no prompt: the persona says nothing"
        yield Location(path).problem(message, "write one below the keys", "warning")
    if isinstance(front.get("tools"), Mapping) and _switched(front["tools"]) is None:
        message = "a persona's tools cannot be all but some: it has none here, and the metadata what is written"
        yield Location(path, field="tools").problem(message, "name those that it has", "warning")


def unfit(text: str, body: str, path: str, limits: Limits) -> Problem | None:
    """Say where a text holds what no prompt can, or that its body is too long."""
    nul = text.find("\0")
    if nul >= 0:
        line, column = text.count("\n", 0, nul) + 1, nul - text.rfind("\n", 0, nul)
        return Location(path, line, column).problem("holds U+0000, which no prompt can carry", "remove it")
    if len(body) > limits.text_characters:
        message = f"a text of {len(body):,} characters; at most {limits.text_characters:,} are allowed"
        line = text[: len(text) - len(body)].count("\n") + 1
        return Location(path, line, 1).problem(message, f"shorten it, or set {setting('text_characters')}")
    return None


def as_imported(persona: Persona) -> tuple[dict[str, object], str, dict[str, object]] | None:
    """Return the keys, the prompt and the form of the file that a persona may have been imported from.

    None where it has other sections than such a file gives.
    """
    text = persona.custom_sections.get(SECTION, "")
    if not persona.custom_sections.keys() <= {SECTION} or not isinstance(text, str) or persona.parent is not None:
        return None
    metadata = plain(persona)
    form = metadata.pop(OWN_KEY, {})
    form = form if isinstance(form, dict) else {}
    return _in_order(_native(persona, metadata, form), form), text, form


def with_definition(persona: Persona) -> tuple[dict[str, object], str]:
    """Return keys and prompt of a persona that was not imported: others read its prompt, and `import` its definition."""
    body = rendered(persona)
    front: dict[str, object] = {"name": persona.key, "description": persona.description or persona.role or persona.name}
    if list(persona.tools):
        front["tools"] = _written_tools(list(persona.tools))
    front |= {key: value for key, value in plain(persona).items() if key not in (*OWN_ORDER, OWN_KEY)}
    return {**front, OWN_KEY: definition(persona, [front, body.strip()])}, body


def unusual_order(front: Mapping[str, object]) -> list[str]:
    """Return the order of the keys, where an export would not come to it by itself."""
    usual = [key for key in OWN_ORDER if key in front]
    return [] if list(front) == usual + [key for key in front if key not in OWN_ORDER] else list(front)


def _in_order(front: dict[str, object], form: Mapping[str, object]) -> dict[str, object]:
    order = form.get("keys")
    if not isinstance(order, list):
        return front
    return {key: front[key] for key in dict.fromkeys([*order, *front]) if key in front}


def _fields(front: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split keys into a persona's own fields and the metadata, where all goes that fields cannot give back."""
    fields: dict[str, object] = {}
    metadata = {key: value for key, value in front.items() if key not in OWN_ORDER}
    description, tools = front.get("description"), front.get("tools")
    if isinstance(description, str) and description:
        fields["description"] = description
    elif "description" in front:
        metadata["description"] = description
    fields |= _own_tools(tools)
    listed = _listed(fields)
    if "tools" in front and not (listed and tools == ", ".join(listed)):
        metadata["tools"] = tools
    return fields, metadata


def _listed(fields: Mapping[str, object]) -> list[str]:
    tools = fields.get("tools")
    return tools if isinstance(tools, list) else []


def _own_tools(value: object) -> dict[str, object]:
    """Return the field of the tools; all where the file names none, and nothing where none of a list are left."""
    if value in (None, "*", ["*"]) or (isinstance(value, Mapping) and _switched(value) == "all"):
        return {"tools": "all"}
    tools = _switched(value) if isinstance(value, Mapping) else _tools(value)
    return {"tools": tools} if tools else {}


def _switched(value: object) -> list[str] | str | None:
    """Return the tools of a mapping that switches them on and off, as OpenCode's; None for all but some."""
    switches = value if isinstance(value, Mapping) else {}
    rest = switches.get("*", True)
    if rest is False:
        return [str(name) for name, is_on in switches.items() if is_on is True]
    return "all" if all(is_on is True for is_on in switches.values()) else None


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


def _native(persona: Persona, metadata: dict[str, object], form: Mapping[str, object]) -> dict[str, object]:
    """Return the keys of a persona with this metadata; what it edited since the import counts."""
    front: dict[str, object] = {}
    if form.get("name") != "file" or "name" in metadata:
        front["name"] = metadata.pop("name", persona.key)
    if persona.description is not None:
        front["description"] = persona.description
    elif "description" in metadata:
        front["description"] = metadata.pop("description")
    as_written = {"tools": metadata.pop("tools")} if "tools" in metadata else {}
    tools = list(persona.tools)
    if as_written and _own_tools(as_written["tools"]).get("tools", []) == (tools or _all(persona)):
        front |= as_written
    elif tools:
        front["tools"] = _written_tools(tools)
    return front | metadata


def _all(persona: Persona) -> list[str] | str:
    return "all" if written(persona).get("tools") == "all" else []


def _written_tools(tools: list[str]) -> object:
    text = ", ".join(tools)
    return text if _tools(text) == tools else tools
