"""What aliases share, so that it is checked once: the first time that it stands in a field, for all others there too."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidValueError
from ..fields import LISTS, TABLES
from ..names import check_name, split_reference
from ..wording import LIST_EDITS

_SHARABLE = (*LISTS, *TABLES)
_STAND_IN = ["x"]  # a list of texts that is well


class Shared:
    """A file's data without what was there before in the same field, and who has that too."""

    def __init__(self) -> None:
        self.data: dict[str, object] = {}
        # Who has a value in a field too, beside the first that has it there: by the value, and by the first.
        self._by_value: dict[tuple[str, bool, int], list[str]] = {}
        self._by_first: dict[tuple[str, str], list[str]] = {}

    def is_new(self, name: str, field: str, value: object, has_parent: bool) -> bool:
        """Note that a persona has a value in a field; what the schema says of it depends on these alone."""
        key = (field, has_parent, id(value))
        others = self._by_value.get(key)
        if others is None:
            self._by_value[key] = self._by_first[name, field] = []
            return True
        others.append(name)
        return False

    def sharers(self, path: Sequence[str | int]) -> set[str]:
        """Return the personas beside the first that have what a path leads through."""
        if len(path) < 2:
            return set()
        name, *fields = map(str, path[:3])
        return {*self._by_first.get((name, fields[0]), ()), *self._by_first.get((name, ".".join(fields)), ())}


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
    fields = dict(entry)
    has_parent = isinstance(entry.get("parent"), str)
    for field in _SHARABLE:
        value = entry.get(field)
        if not isinstance(value, (dict, list)):  # twice as fast here as a union
            continue
        if field == "metadata" and isinstance(value, dict):
            fields[field] = dict.fromkeys(value)  # anything may stand below its keys
        elif not shared.is_new(name, field, value, has_parent):
            del fields[field]
        elif isinstance(value, dict):
            fields[field] = _edit(name, field, value, shared)
    return fields


def _edit(name: str, field: str, value: dict[str, object], shared: Shared) -> dict[str, object]:
    """Return an edit of a list with stand-ins for the lists that other edits have too; other mappings as they are."""
    if field not in LISTS:
        return value
    return {
        word: _STAND_IN
        if word in LIST_EDITS and isinstance(texts, list) and not shared.is_new(name, f"{field}.{word}", texts, False)
        else texts
        for word, texts in value.items()
    }
