"""The sentences in which a wrong value is refused: the same from a file, from Python, and from data."""

from __future__ import annotations

import json
import re

from .names import kind_of, shorten

TEXT = "a text"
LIST = "a list of texts"
SECTION = "a text or a list of texts"
LIST_OR_ALL = "a list of texts, or all"
MAPPING = "a mapping"
TRUTH = "true or false"

LIST_EDITS = ("add", "remove", "replace")
LINE_FIELDS = ("replaced_by", "description")  # what the line may hold that a persona or version leaves when it goes

REPLACED_BY_ALONE = "replaced_by alone"  # what the schema calls such a line
BESIDE_REPLACED_BY = "stands beside replaced_by, which stands alone"
LINE_HOLDS = "take it away: what is replaced keeps at most a description"
EMPTY = "is empty"
QUOTE_IT = "quote it"
PRINTS_NULL = "this prints null: nothing was given here"
WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")  # what may be written for a text without quotes, with fullmatch


def must_be(expected: str, value: object) -> str:
    """Say what was expected and what stands there: `must be a text, not a list`."""
    return f"must be {expected}, not {kind_of(value)}"


def said_of(successor: str | None) -> str:
    """Say what became of a persona or version that is gone."""
    return "was retired" if successor is None else f"is replaced by {shorten(successor)!r}"


def quoted(text: str, most: int = 60) -> str:
    """Write a text as YAML and JSON both quote it, on one line and not too long."""
    return json.dumps(shorten(text, most), ensure_ascii=False)


def quote_it(written: str) -> str:
    """Give the remedy for a text that was read as something else: `quote it: "1.10"`."""
    return f"{QUOTE_IT}: {quoted(written)}"


def as_item(text: str) -> str:
    """Give the remedy for a text where a list belongs: `write "- Look up order status"`."""
    return f'write "- {shorten(text.strip().partition(chr(10))[0])}"'


def is_blank(text: str) -> bool:
    return not text.strip()
