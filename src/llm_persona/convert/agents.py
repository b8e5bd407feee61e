"""Agent Markdown: front matter, and below it the prompt, as Claude Code, GitHub Copilot and OpenCode have it.

Files of agents, commands and instructions: `x.md`, `x.agent.md`, `x.chatmode.md`, `x.instructions.md`, `x.prompt.md`. The
front matter's fields are those of https://code.claude.com/docs/en/sub-agents#supported-frontmatter-fields and of the
others like it; what becomes of them, `prose` says. The front matter may be TOML between `+++` lines, or missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..errors import Location, PersonaError, PersonaFileError
from ..files.reading import read_text
from ..files.writing import dump_yaml
from ..limits import Limits
from ..persona.persona import Persona
from .foreign import OWN_KEY, Reading, defined, file_of, given_back, loaded, own_part, problem_of
from .front_matter import Front, Parts, lines_of, read_front, split
from .prose import SECTION as SECTION
from .prose import as_imported, persona_of, unfit, unusual_order, warnings_of, with_definition
from .toml import dump_toml

__all__ = ["SECTION", "agent", "load_agent", "read_agent", "to_agent_markdown"]

_MARKED = re.compile(r"\.(agent|chatmode|instructions|prompt)\.(md|markdown)$", re.IGNORECASE)
_OTHERS = re.compile(
    r"(readme|licen[cs]e|contributing|changelog|code[_-]of[_-]conduct|skill)([._-].*)?\.(md|markdown)$", re.IGNORECASE
)
_COMMANDS = frozenset(("commands", "command"))
_MARKS = frozenset(
    (
        *("name", "tools", "model", "mode", "agent", "applyTo", "allowed-tools", "argument-hint", "temperature"),
        *("disallowedTools", "permission", "permissionMode", "subtask", "handoffs", OWN_KEY),
    )
)
_PAGES = frozenset(("title", "layout", "slug", "sidebar_position", "sidebar_label"))  # of a site's pages
_FENCES = {"toml": "+++", "none": ""}


def load_agent(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Persona:
    """Read one agent file. Raises PersonaFileError, with lines and columns of the Markdown file."""
    return loaded(read_agent, path, "an agent file", limits)


def read_agent(path: str, reading: Reading) -> tuple[Persona]:
    """Return the persona of an agent file, as `agent` does."""
    return (agent(read_text(path, reading.limits), path, reading),)


def agent(text: str, path: str, reading: Reading | None = None) -> Persona:
    """Return the persona that the text of an agent file describes; warn of what was read otherwise than it stands.

    A text without front matter is a prompt; a file without a name is named after itself. Raises PersonaFileError.
    """
    reading = reading or Reading()
    parts, odd = split(text, path)
    front = read_front(parts, path, reading.limits)
    if not front.data and not parts.body.strip():
        raise PersonaFileError([Location(path, 1, 1).problem("the file is empty", "write a prompt in it")])
    if problem := unfit(text, parts.body, path, reading.limits):
        raise PersonaFileError([problem])
    try:
        persona = _persona(front, parts, path)
    except PersonaError as error:
        raise PersonaFileError([problem_of(error, front.document)]) from None
    reading.warnings += [*odd, *front.warnings, *warnings_of(front.data, parts.body, path)]
    return persona


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Return why a file of a folder is no agent; None where it bears the marks of one."""
    name = os.path.basename(path)
    if _OTHERS.match(name):
        return "a file about the folder" if not name.lower().startswith("skill") else "a skill, which agents load"
    if _MARKED.search(name) or _COMMANDS & {
        *os.path.relpath(path, os.path.dirname(os.path.abspath(folder))).split(os.sep)
    }:
        return None
    try:
        parts, _ = split(read_text(path, limits), path)
        keys = read_front(parts, path, limits).data.keys()
    except PersonaFileError:
        return None  # what is wrong is told when it is read
    if not parts.fence:
        return "no front matter"
    marks = _MARKS if keys & _PAGES else _MARKS | {"description"}
    return None if keys & marks else "its front matter has no key that agents have"


def to_agent_markdown(persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
    """Return an agent file that imports back equal, from a file of this path.

    `defined_as` is what a registry's file says of the persona, with `{name}` not filled yet.

    Of an imported agent it is what was imported: the same keys, the same prompt. Of any other persona the body is the
    system prompt in its own template, with defaults filled in and `{variables}` that only a session knows left as
    they are; the definition itself is in the front matter, under `llm_persona`. Raises what `render` raises: a persona
    with a parent has to come from a registry.
    """
    path = path or file_of(persona, ".md")
    return given_back(defined_as or persona, _as_imported, lambda text: agent(text, path)) or _with_definition(persona)


def _persona(front: Front, parts: Parts, path: str) -> Persona:
    own = own_part(front.data.get(OWN_KEY))
    data = {key: value for key, value in front.data.items() if key != OWN_KEY}
    if "fields" in own:
        return defined(own, [data, parts.body.strip()])
    text, form = _prompt(parts)
    if order := unusual_order(data):
        form["keys"] = order
    if plain := [key for key in data if key in front.plain]:
        form["plain"] = plain
    return persona_of(data, text, form, path, own.get("name"))


def _prompt(parts: Parts) -> tuple[str, dict[str, object]]:
    """Split off the blank line between front matter and prompt; say in what the file's form is not the usual one."""
    body, line_break = parts.body, parts.line_break
    if not parts.fence:
        return body, {"front_matter": "none"}
    form: dict[str, object] = {"front_matter": "toml"} if parts.fence == "+++" else {}
    if parts.before:
        form["before"] = parts.before
    if line_break == "\r\n":
        form["line_breaks"] = "crlf"
    if line_break and body.startswith(line_break):
        return body[len(line_break) :], form
    if line_break:
        form["blank_line"] = False
    return body, form


def _as_imported(persona: Persona, own: Mapping[str, object]) -> str | None:
    """Return the agent file that a persona may have been imported from; None where it has other sections."""
    found = as_imported(persona)
    if found is None:
        return None
    front, text, form = found
    front |= {OWN_KEY: own} if own else {}
    fence = _FENCES.get(str(form.get("front_matter")), "---")
    if not fence:
        return text if not front else None
    plain = form.get("plain")
    head = _markdown(
        fence, front, plain if isinstance(plain, list) else (), "" if form.get("blank_line") is False else "\n"
    )
    if form.get("line_breaks") == "crlf":
        head = head.replace("\n", "\r\n")
    return f"{form.get('before', '')}{head}{text}"


def _with_definition(persona: Persona) -> str:
    front, body = with_definition(persona)
    return _markdown("---", front, (), f"\n{body}\n")


def _markdown(fence: str, front: Mapping[str, object], plain: list[str] | tuple[str, ...], body: str) -> str:
    lines = dump_toml(front, tuple(plain)) if fence == "+++" else _yaml(front, plain)
    return f"{fence}\n{lines}{fence}\n{body}"


def _yaml(front: Mapping[str, object], plain: list[str] | tuple[str, ...]) -> str:
    return lines_of(front, plain, {key: dump_yaml({key: value}) for key, value in front.items()})
