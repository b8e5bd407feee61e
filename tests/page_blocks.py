"""The pages of the documentation as tests read them: their fenced blocks, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
FILES = REPOSITORY / "docs" / "personas.md"  # begins with the files that the examples of all pages go on with

FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:# |\{#- |// )([\w./-]+\.(?:yaml|yml|j2|py|ini|toml|js))(?: -#\})?\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and its line in the page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that the block is, by its first line."""
        named = FILE_NAME.match(self.text)
        return named[1] if named else None


def blocks(page: str) -> list[Block]:
    return [Block(found[1], found[2], page[: found.start()].count("\n") + 1) for found in FENCE.finditer(page)]


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows, each under the name in its first line."""
    return {block.file: block.text for block in blocks(page) if block.file is not None}


def all_pages() -> list[Path]:
    return [README, *sorted((REPOSITORY / "docs").glob("*.md"))]


def written(page: str, folder: Path) -> Path:
    """Write the files of a page into a folder, and return it."""
    for name, text in files(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder
