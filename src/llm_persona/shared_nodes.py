"""What aliases share, so that it is checked once: the first time that it stands in a field, for all others there too."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InvalidValueError
from .names import check_name, split_reference
from .wording import LIST_EDITS, LIST_FIELDS, MAPPING_FIELDS

_STAND_IN = ["x"]  # a list of texts that is well


class Shared:
    """A file's data without what was there before in the same field, and who has that too."""

    def __init__(self) -> None:
        self.data: dict[str, object] = {}
        self._first: dict[tuple[str, bool, int], tuple[str, str]] = {}
        self._sharers: dict[tuple[str, str], set[str]] = {}

    def is_new(self, name: str, field: str, value: object, has_parent: bool) -> bool:
        """Note that a persona has a value in a field; what the schema says of it depends on these alone."""
        first = self._first.setdefault((field, has_parent, id(value)), (name, field))
        if first[0] == name:
            return True
        self._sharers.setdefault(first, set()).add(name)
        return False

    def sharers(self, path: Sequence[str | int]) -> set[str]:
        """Return the personas beside the first that have what a path leads through."""
        if len(path) < 2:
            return set()
        name, *fields = map(str, path[:3])
        return self._sharers.get((name, fields[0]), set()) | self._sharers.get((name, ".".join(fields)), set())


def once(data: dict[str, object]) -> Shared:
    """Return the data as the schema has to see it: each shared list and mapping of a field in the first place only."""
    shared = Shared()
    for name, entry in data.items():
        is_persona = isinstance(entry, dict) and "replaced_by" not in entry and _is_reference(name)
        shared.data[name] = _fields(name, entry, shared) if isinstance(entry, dict) and is_persona else entry
    return shared


def _is_reference(key: str) -> bool:
    """Whether the schema looks below this key."""
    name, version = split_reference(key)
    try:
        check_name(name)
        check_name("1" if version is None else version)
    except InvalidValueError:
        return False
    return True


def _fields(name: str, entry: dict[str, object], shared: Shared) -> dict[str, object]:
    fields: dict[str, object] = {}
    has_parent = isinstance(entry.get("parent"), str)
    for field, value in entry.items():
        if field == "metadata" and isinstance(value, dict):
            fields[field] = dict.fromkeys(value)  # anything may stand below its keys
        elif not isinstance(value, dict | list) or field not in (*LIST_FIELDS, *MAPPING_FIELDS):
            fields[field] = value
        elif shared.is_new(name, field, value, has_parent):
            fields[field] = _edit(name, field, value, shared) if isinstance(value, dict) else value
    return fields


def _edit(name: str, field: str, value: dict[str, object], shared: Shared) -> dict[str, object]:
    """Return an edit of a list with stand-ins for the lists that other edits have too; other mappings as they are."""
    if field not in LIST_FIELDS:
        return value
    return {
        word: _STAND_IN
        if word in LIST_EDITS and isinstance(texts, list) and not shared.is_new(name, f"{field}.{word}", texts, False)
        else texts
        for word, texts in value.items()
    }
