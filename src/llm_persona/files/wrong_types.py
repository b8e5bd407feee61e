"""What to write instead of a value that has the wrong type.

YAML turns what people write into something else without a word: a colon makes a mapping of a list item, braces
make one of a placeholder, and `no`, `12:30` and `1.10` are no texts. The remedy shows their own text, quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..names import shorten
from ..wording import LIST, LIST_OR_ALL, SECTION, TEXT, TRUTH, as_item, quote_it, quoted

if TYPE_CHECKING:
    from ..errors import FieldPath
    from .reading import Document

EACH_ITEM = 'begin each item with "- "'
VARIABLE = "a name"  # what the schema calls an item of a list of variables


def of_wrong_type(document: Document, path: FieldPath, value: object, expected: str) -> tuple[str | None, str | None]:
    """Return why the value may be what it is, and what to write instead; None where nothing helpful can be said."""
    if isinstance(value, Mapping) and expected not in (TRUTH, LIST, LIST_OR_ALL, VARIABLE) and not _is_json(document):
        misread = _misread_mapping(document, path, value)
        if misread is not None:
            return misread
    return None, _hint(document, path, value, expected)


def scalar_text(document: Document, path: FieldPath, value: object) -> str:
    """Return a number or truth value as its author wrote it, where that is known."""
    return document.written(path) or _shown(value)


def _hint(document: Document, path: FieldPath, value: object, expected: str) -> str | None:
    if not path:
        return 'write "NAME:", and below it the fields of that persona'
    if value is None:
        return of_nothing(path, expected)
    if expected == VARIABLE and isinstance(value, Mapping):
        return 'write all of them without "- ", as a mapping of names to defaults'
    if expected in (TEXT, VARIABLE) or (expected == SECTION and "custom_sections" in path):
        return _as_text(document, path, value)
    if expected in (LIST, LIST_OR_ALL):
        return _as_list(document, path, value)
    if expected == TRUTH:
        return "write true or false, without quotes" if isinstance(value, str) else "write true or false"
    return _as_mapping(path, value, expected)


def _as_text(document: Document, path: FieldPath, value: object) -> str | None:
    if isinstance(value, bool | int | float):
        return _reread(scalar_text(document, path, value), _shown(value))
    if _is_json(document):
        return "write one text in quotes"
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and isinstance(path[-1], str):
        return f"write {quoted(f'{path[-1]}: {value[0]}')}"
    if isinstance(path[-1], int):
        return "write each item as one text"
    return 'write one text; "|" begins a text of several lines'


def _reread(written: str, shown: str) -> str:
    hint = quote_it(written)
    return hint if written == shown else f"{shorten(written)} is read as {shorten(shown)}; {hint}"


def _as_list(document: Document, path: FieldPath, value: object) -> str:
    if _is_json(document):
        return f"write [{quoted(value)}]" if isinstance(value, str) else 'write its texts as ["…", "…"]'
    if isinstance(value, str):
        return as_item(value)
    if isinstance(value, bool | int | float):
        return f"write - {quoted(scalar_text(document, path, value))}"
    return EACH_ITEM


def _as_mapping(path: FieldPath, value: object, expected: str) -> str | None:
    if path[0] == "$rollouts":
        return _as_rollout(path, value)
    if path[0] == "$accept":
        return 'write "CODE: [PERSONA]"'
    if path[-1] == "custom_sections":
        return 'write "name: text" on each line, without "- "'
    if len(path) == 1 and isinstance(value, str):
        return f"write {quoted(f'role: {value}')} on a line of its own below the name"
    if len(path) == 1 and isinstance(value, list):
        return 'write the fields below the name, without "- "'
    return f"write {expected}"


def _as_rollout(path: FieldPath, value: object) -> str:
    if len(path) == 3:
        return "write it without % and quotes" if isinstance(value, str) else "write a whole number"
    return f'write "{path[1]}: {{VERSION: PERCENT}}"' if len(path) == 2 else 'write "NAME: {VERSION: PERCENT}"'


def of_nothing(path: FieldPath, expected: str) -> str:
    """Return what to write where there is null, or a blank text."""
    last = path[-1]
    if isinstance(last, int):
        return "write the item, or remove the line"
    if len(path) == 1 and not last.startswith("$"):
        return 'write its fields below it, "role: …" at least'
    if last == "role":
        return "write what the persona is"
    if last == "variables":
        return 'remove the line, or write "variables: {}" where the text has no placeholders'
    return f"write {expected}, or remove the line"


def _misread_mapping(
    document: Document, path: FieldPath, value: Mapping[object, object]
) -> tuple[str | None, str | None] | None:
    """Find the text that became a mapping, by braces `{user_name}` or by a colon `Never do: refunds`."""
    if not value or not all(isinstance(key, str) for key in value):
        return None
    first = next(iter(value))
    # A block mapping begins where its first key does; one in braces begins at the brace, before it.
    in_braces = document.locate(path) != document.locate([*path, str(first)], key=True)
    if in_braces and all(item is None for item in value.values()):
        text = "{" + ", ".join(str(key) for key in value) + "}"
        return "the braces made it one", quote_it(text)
    if in_braces or len(value) != 1 or not isinstance(path[-1], int):
        return None
    item = value[first]
    if isinstance(item, Mapping | list):
        return None
    tail = (
        ""
        if item is None
        else f" {item if isinstance(item, str) else scalar_text(document, [*path, str(first)], item)}"
    )
    return "the colon made it one", quote_it(f"{first}:{tail}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "a number"


def _is_json(document: Document) -> bool:
    return document.path.casefold().endswith(".json")
