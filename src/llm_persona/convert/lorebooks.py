"""The lorebook of a character card: entries that are always in the prompt are sections, the others are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from .foreign import free_name

_TITLE: Final = "Lorebook"


def constant_sections(book: object, taken: Iterable[str]) -> dict[str, str]:
    """Return the texts of the entries that are always in the prompt, by their order in it, under titles of their own."""
    found: dict[str, str] = {}
    for entry in sorted(filter(_is_constant, _entries(book)), key=_order):
        title = free_name(_title(entry), {*taken, *found})
        found[title] = str(entry["content"])
    return found


def told_of_book(book: object) -> Iterator[str]:
    """Yield how many entries of a lorebook no prompt sees."""
    entries = list(_entries(book))
    left = sum(not _is_constant(entry) for entry in entries)
    if left:
        yield (
            f"{left:,} of {len(entries):,} entries of the lorebook are in no prompt: they are switched off, empty, or wait for"
            " a keyword; they are kept in the metadata"
        )


def _entries(book: object) -> Iterator[Mapping[str, object]]:
    entries = book.get("entries") if isinstance(book, Mapping) else None
    listed = list(entries.values()) if isinstance(entries, Mapping) else entries
    return (entry for entry in listed if isinstance(entry, Mapping)) if isinstance(listed, list) else iter(())


def _is_constant(entry: Mapping[str, object]) -> bool:
    content = entry.get("content")
    is_on = entry.get("constant") is True and entry.get("enabled", True) is not False
    return is_on and isinstance(content, str) and bool(content.strip())


def _order(entry: Mapping[str, object]) -> float:
    order = entry.get("insertion_order", 0)
    return order if isinstance(order, int | float) else 0


def _title(entry: Mapping[str, object]) -> str:
    label = next((text for key in ("name", "comment") if isinstance(text := entry.get(key), str) and text.strip()), "")
    return f"{_TITLE}: {' '.join(label.split())}"[:100] if label else _TITLE
