"""What a call may be given: the arguments that are neither texts of a persona nor values of a session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .errors import InvalidValueError
from .kinds import is_mapping, is_text, plain
from .names import kind_of

Path = str | os.PathLike[str]


def is_path(value: object) -> bool:
    return issubclass(type(value), str | os.PathLike)


def path_of(path: object, what: str) -> str:
    """Return a path as text. Raises InvalidValueError for what is none."""
    path = plain(path)
    if not is_text(path) and is_path(path):
        path = type(path).__fspath__(path)  # type: ignore[attr-defined]  # it has it, and may say anything
    if not issubclass(type(path), str | bytes):
        raise InvalidValueError(f"{what} must be a path, which is a text, not {kind_of(path)}")
    return os.fsdecode(path)  # type: ignore[arg-type]  # it is one of the two


def target_of(path: object, what: str) -> str:
    """Return the path of what is to be written. Raises InvalidValueError also for one that the system cannot have."""
    name = path_of(path, what)
    if not name:
        raise InvalidValueError(f"{what} is empty", hint="name one")
    try:
        if b"\0" not in os.fsencode(name):
            return name
    except UnicodeEncodeError:
        pass
    raise InvalidValueError(f"{what} holds a character that no path can hold")


def items_of(items: object, what: str, expected: str) -> Iterable[object]:
    """Return what may be gone through, a text aside. Raises InvalidValueError for anything else."""
    items = plain(items)
    kind = type(items)
    if issubclass(kind, str | bytes | bytearray) or not issubclass(kind, Iterable):
        raise InvalidValueError(f"{what} must be {expected}, not {kind_of(items)}")
    return items  # type: ignore[return-value]  # its type says so


def mapping_of(value: object, what: str) -> Mapping[str, object]:
    """Return a mapping of names. Raises InvalidValueError for what is none."""
    value = plain(value)
    if not is_mapping(value):
        raise InvalidValueError(f"{what} must be a mapping of names to values, not {kind_of(value)}")
    strange = next((name for name in value if not is_text(name)), None)
    if strange is not None:
        raise InvalidValueError(f"{what} must have names, which are texts, not {kind_of(strange)}")
    return value  # type: ignore[return-value]  # all its names are texts


def truth_of(value: object, what: str) -> bool:
    """Return a truth value. Raises InvalidValueError for what is none."""
    value = plain(value)
    if type(value) is not bool:
        raise InvalidValueError(f"{what} must be true or false, not {kind_of(value)}")
    return value


def is_one_of(value: object, *choices: str) -> bool:
    """Tell whether a value is one of a few texts. What is no text is not asked: an array, say, answers with a list."""
    return isinstance(value, str) and value in choices


def text_of(value: object, what: str) -> str:
    """Return a plain text. Raises InvalidValueError for what is none."""
    value = plain(value)
    if not is_text(value):
        raise InvalidValueError(f"{what} must be a text, not {kind_of(value)}")
    return str.__str__(value)


def unit_of(value: object) -> str:
    """Return the unit that a rollout is asked with. Raises InvalidValueError for what says of nobody who is served."""
    value = plain(value)
    if not is_text(value):
        raise InvalidValueError(f"unit must be a text, not {kind_of(value)}", hint="pass str(unit), everywhere")
    if not value.strip():
        hint = "pass an id that is never empty, such as the conversation's, or no unit for the served version"
        raise InvalidValueError("unit is empty", hint=hint)
    return str.__str__(value)
