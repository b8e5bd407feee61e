"""The fields of a persona: their defaults, and what each may hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import Enum

from .errors import FieldPath, InvalidValueError
from .frozen import FrozenDict, ListEdit, freeze
from .names import check_name, did_you_mean, spelled, split_reference
from .wording import (
    EMPTY,
    LIST,
    LIST_EDITS,
    MAPPING,
    QUOTE_IT,
    TEXT,
    TEXT_OR_NULL,
    TRUTH,
    WHOLE_NUMBER,
    as_item,
    is_blank,
    must_be,
)

DEFAULT_TONE = "helpful and professional"


class _NotGiven(Enum):
    """Tells a field that was not given from one that was given its default."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN = _NotGiven.NOT_GIVEN

# Every field but the name, in the constructor's order.
DEFAULTS: dict[str, object] = {
    "role": "",
    "company": None,
    "tone": DEFAULT_TONE,
    "capabilities": (),
    "constraints": (),
    "greeting": None,
    "custom_sections": FrozenDict(),
    "display_name": None,
    "parent": None,
    "version": None,
    "variables": None,
    "template": None,
    "tools": (),
    "abstract": False,
    "description": None,
    "metadata": FrozenDict(),
}

_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")


def checked(name: str, value: object, persona: str) -> object:
    """Return a field's value as the persona keeps it. Raises InvalidValueError for one that it may not hold."""
    try:
        return _CHECKS[name](value, (name,))
    except InvalidValueError as error:
        error.persona = persona
        if not error.field:
            error.field = (name,)
        raise


def _wrong(message: str, path: FieldPath, hint: str | None = None) -> InvalidValueError:
    return InvalidValueError(message, field=path, hint=hint)


def text(value: object, path: FieldPath) -> str:
    if not isinstance(value, str):
        raise _wrong(must_be(TEXT, value), path, QUOTE_IT if isinstance(value, bool | int | float) else None)
    if match := _UNPRINTABLE.search(value):
        raise _wrong(f"holds U+{ord(match[0]):04X}, which no prompt can carry", path, "remove it")
    return value if type(value) is str else str.__str__(value)


def _required_text(value: object, path: FieldPath) -> str:
    if is_blank(written := text(value, path)):
        raise _wrong(EMPTY, path)
    return written


def _optional_text(value: object, path: FieldPath) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _wrong(must_be(TEXT_OR_NULL, value), path, QUOTE_IT if isinstance(value, bool | int | float) else None)
    return None if value is None else text(value, path) or None


def _texts(value: object, path: FieldPath) -> tuple[str, ...]:
    if isinstance(value, str):
        raise _wrong(must_be(LIST, value), path, as_item(value))
    if not isinstance(value, list | tuple):
        raise _wrong(must_be(LIST, value), path)
    return tuple(_required_text(item, (*path, index)) for index, item in enumerate(value))


def _list(value: object, path: FieldPath) -> tuple[str, ...]:
    if isinstance(value, ListEdit):
        return value
    if value is None:
        return ListEdit(replace=())
    if not isinstance(value, Mapping):
        return _texts(value, path)
    for word in value:
        if word not in LIST_EDITS:
            hint = did_you_mean(word, LIST_EDITS) if isinstance(word, str) else None
            raise _wrong(f"unknown edit {word!r} of a list", path, hint or "the edits are add, remove and replace")
    if not value or ("replace" in value and len(value) > 1):
        raise _wrong("must be a list, {add: ..., remove: ...}, or {replace: ...} alone", path)
    edits = {word: _texts(value[word], (*path, word)) for word in value}
    return ListEdit(edits.get("replace"), edits.get("remove", ()), edits.get("add", ()))


def _sections(value: object, path: FieldPath) -> FrozenDict[str | None]:
    return FrozenDict(
        {name: None if item is None else text(item, (*path, name)) for name, item in _mapping(value, path).items()}
    )


def _mapping(value: object, path: FieldPath) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong(must_be(MAPPING, value), path, "remove it" if value is None else None)
    for name in value:
        if not isinstance(name, str) or is_blank(name):
            raise _wrong(
                f"has the name {name!r}, which is not a text" if name != "" else "has an empty name", path, QUOTE_IT
            )
        text(name, path)
    return value


def _variables(value: object, path: FieldPath) -> FrozenDict[str | None] | None:
    if isinstance(value, list | tuple):
        names = _texts(value, path)
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise _wrong(f"names {repeated!r} twice", path)
        value = dict.fromkeys(names)
    elif value is None:
        raise _wrong(must_be("a mapping or a list of names", value), path, "write {} for no variables, or remove it")
    declared = {}
    for name, default in _mapping(value, path).items():
        plain = unicodedata.normalize("NFKC", name)
        if not name.isidentifier():
            raise _wrong(f"{spelled(name)} is not a name that {{...}} can hold", path, "use letters, digits and '_'")
        if plain.startswith("_") or plain in ("name", "extra_sections"):
            raise _wrong(f"{name!r} cannot be a session variable: it is kept for the persona's own", path, "rename it")
        declared[plain] = None if default is None else text(default, (*path, name))
    return FrozenDict(declared)


def _version(value: object, path: FieldPath) -> str | None:
    if type(value) is int and WHOLE_NUMBER.fullmatch(str(value) if value.bit_length() < 64 else ""):
        value = str(value)
    written = _optional_text(value, path)
    return written if written is None else check_name(written, "version")


def _parent(value: object, path: FieldPath) -> str | None:
    if value is None:
        return None
    name, version = split_reference(text(value, path))
    check_name(name, "parent")
    if version is not None:
        check_name(version, "version")
    return str(value)


def _truth(value: object, path: FieldPath) -> bool:
    if not isinstance(value, bool):
        raise _wrong(must_be(TRUTH, value), path)
    return value


def _metadata(value: object, path: FieldPath) -> object:
    _check_plain(_mapping(value, path), path)
    return freeze(value)


def _check_plain(value: object, path: FieldPath) -> None:
    if len(path) > 64:
        raise _wrong("is nested too deeply", path[:2])
    if isinstance(value, Mapping):
        for name, item in _mapping(value, path).items():
            _check_plain(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_plain(item, (*path, index))
    elif isinstance(value, str):
        text(value, path)
    elif value is not None and not isinstance(value, bool | int | float):
        raise _wrong(must_be("a text, a number, true, false, null, a list or a mapping", value), path, QUOTE_IT)


_CHECKS: dict[str, Callable[[object, FieldPath], object]] = {
    "role": _required_text,
    "tone": _required_text,
    "company": _optional_text,
    "greeting": _optional_text,
    "display_name": _optional_text,
    "template": _optional_text,
    "description": _optional_text,
    "parent": _parent,
    "version": _version,
    "capabilities": _list,
    "constraints": _list,
    "tools": _list,
    "custom_sections": _sections,
    "variables": _variables,
    "abstract": _truth,
    "metadata": _metadata,
}
