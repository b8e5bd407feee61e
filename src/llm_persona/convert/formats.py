"""The table of formats: how each is recognised, read and written. `docs/import.md` has it as it is here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..errors import InvalidValueError
from ..limits import Limits
from ..persona.persona import Persona
from . import agents, cards, codex, crews, png_cards, rules
from .foreign import Reader

Recogniser = Callable[[str, str, Limits], str | None]  # a path, the folder gone through: why the file is left, or None
Writer = Callable[[Persona, str | None, Persona | None], str]  # a persona, its file's path, what it is defined as


@dataclass(frozen=True, slots=True)
class Format:
    """One format of other programs' files.

    `marks` says in words what `why_left` looks for, `reading` and `writing` what becomes of a file. Without `write` it is
    read alone. `joins` says that the texts of several personas make one file.
    """

    name: str
    programs: str
    endings: tuple[str, ...]
    marks: str
    reading: str
    writing: str
    why_left: Recogniser
    read: Reader
    write: Writer | None = None
    joins: bool = False

    @property
    def file_name(self) -> str:
        """What a file of several personas is called, which none of them gives its name to."""
        return f"agents{self.endings[0]}"

    def text_of(self, persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
        """Return the file of a persona, to be read from this path; raises what `render` raises.

        `defined_as` is what a registry's file says of the persona: `{name}` is not filled in it yet.
        """
        if self.write is None:
            raise InvalidValueError(f"{self.name} is read, and not written", hint=f"known are {', '.join(WRITTEN)}")
        return self.write(persona, path, defined_as)


AGENT: Final = Format(
    "agent",
    "agents, commands and instructions in Markdown: Claude Code, GitHub Copilot, OpenCode",
    (".md", ".markdown"),
    "front matter with a key that agents have, `.agent.md`, `.chatmode.md`, `.instructions.md` or `.prompt.md`, or any"
    " that lies in a folder `commands`; no README, licence or skill",
    "the text below the front matter is the section Instructions",
    "`NAME.md`, with the keys and the text that were read",
    agents.why_left,
    agents.read_agent,
    agents.to_agent_markdown,
)

FORMATS: Final = (
    AGENT,
    Format(
        "cursor",
        "rules of Cursor",
        (".mdc",),
        "the ending",
        "as an agent; a rule has no name, so its file's is the key",
        "`NAME.mdc`, `globs` as Cursor writes them, without quotes",
        rules.why_left,
        rules.read_rule,
        rules.to_rule,
    ),
    Format(
        "crewai",
        "`agents.yaml` of crewAI",
        (".yaml", ".yml"),
        "an entry with `role`, `goal` and `backstory`",
        "a persona for each entry; the prompt is the one that crewAI makes of the three, `{x}` a variable",
        "an entry of `agents.yaml`; several are one file",
        crews.why_left,
        crews.read_crew,
        crews.to_crew,
        joins=True,
    ),
    Format(
        "codex",
        "agents of Codex",
        (".toml",),
        "`developer_instructions`",
        "`developer_instructions` are the section Instructions",
        "`NAME.toml`",
        codex.why_left,
        codex.read_codex,
        codex.to_codex,
    ),
    Format(
        "card",
        "Character Cards V1, V2 and V3",
        (".json",),
        "`spec`, or fields of V1",
        "sections in the order of the prompt, `{{char}}` and `{{user}}` as `{name}` and `{user}`",
        "a card of the version that was read, else V3",
        cards.why_left,
        cards.read_card,
        cards.to_card_text,
    ),
    Format(
        "png",
        "Character Cards in PNG images",
        (".png",),
        "a text chunk `ccv3` or `chara`",
        "as a card; of two the V3 one counts",
        "not written: export gives the card as JSON",
        png_cards.why_left,
        png_cards.read_png_card,
    ),
)

WRITTEN: Final = {each.name: each for each in FORMATS if each.write}
ENDINGS: Final = ", ".join(ending for each in FORMATS for ending in each.endings)


def format_of(path: str) -> Format | None:
    """Return the format that files with this ending may have."""
    ending = os.path.splitext(path)[1].lower()
    return next((each for each in FORMATS if ending in each.endings), None)
