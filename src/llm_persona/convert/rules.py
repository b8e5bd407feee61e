"""Cursor's rules: Markdown with front matter of its own, `globs: **/*` among it, which no YAML reader takes.

A rule has no name: its file's is the persona's key. All else is as in `agents`.
"""

from __future__ import annotations

from ..limits import Limits
from ..persona.persona import Persona
from .agents import read_agent, to_agent_markdown
from .foreign import Reading, file_of


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Leave none: nothing else ends in `.mdc`."""
    return None


def read_rule(path: str, reading: Reading) -> tuple[Persona]:
    """Return the persona of a rule. Raises PersonaFileError."""
    return read_agent(path, reading)


def to_rule(persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
    """Return a rule that imports back equal, from a file of this path."""
    return to_agent_markdown(persona, path or file_of(persona, ".mdc"), defined_as)
