"""Names: of personas, versions and variables, and the names somebody may have meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from .errors import InvalidValueError
from .errors import shorten as shorten
from .kinds import Unnumbered, is_text, nothing, plain

MAX_NAME = 128  # characters

_ORDINARY = re.compile(f"[A-Za-z0-9][A-Za-z0-9_. -]{{0,{MAX_NAME - 1}}}")  # names that need no second look: nearly all


def split_reference(reference: str) -> tuple[str, str | None]:
    """Split `Maya@2` into the name `Maya` and the version `2`; the version of `Maya` is None."""
    name, at, version = reference.partition("@")
    return name, version if at else None


def join_reference(name: str, version: str | None) -> str:
    return name if version is None else f"{name}@{version}"


def check_name(name: object, what: str = "name") -> str:
    """Return the name, or raise InvalidValueError where it is not 1 to 128 characters of text that a name may hold."""
    if type(name) is str and _ORDINARY.fullmatch(name):
        return name
    name = plain(name)
    if not is_text(name):
        raise InvalidValueError(f"{what} must be a text, not {kind_of(name)}", hint="quote it")
    shown = shorten(name)
    if not name.strip():
        raise InvalidValueError(f"{what} is empty", hint="write one")
    if len(name) > MAX_NAME:
        raise InvalidValueError(f"{what} {shown!r} has {len(name):,} characters; at most {MAX_NAME} are allowed")
    if name.startswith("$"):
        message = f"{what} {shown!r} begins with '$', which is kept for the file's own keys"
        raise InvalidValueError(message, hint="begin it with another character")
    for character in name:
        if character in "/\\@" or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            is_end = character in "\r\n" and character not in name.rstrip("\r\n")
            hint = "take it off its end: in YAML, write >- for >, |- for |" if is_end else "take it out"
            raise InvalidValueError(f"{what} {shown!r} holds {spell(character)}, which no {what} may", hint=hint)
    return name if type(name) is str else str.__str__(name)


def spell(character: str) -> str:
    """Write a character so that it can be seen: `'/'`, or `U+200B` where nothing would show."""
    return f"'{character}'" if character.isprintable() and ord(character) < 0x7F else f"U+{ord(character):04X}"


def spelled(text: str) -> str:
    """Quote a text; where characters look like others or are not seen, add their code points."""
    odd = [f"U+{ord(ch):04X}" for ch in text if not (ch.isascii() and ch.isprintable())]
    return f"{text!r} (with {', '.join(odd[:8])})" if odd else repr(text)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that was most likely meant, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    import difflib

    close = difflib.get_close_matches(name.casefold()[:MAX_NAME], folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the hint `did you mean 'x'?`, or None where nothing is near."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near is not None else None


def shown(value: object) -> str:
    """Write a plain value; of any other, which may say what it likes, say in brackets what it is."""
    if type(value) in (str, float, bool, type(None)) or (type(value) is int and value.bit_length() < 256):
        return shorten(repr(value))
    return f"({kind_of(value)})"


class Guesses:
    """Finds the names that were meant, for the first of very many unknown ones: each costs a microsecond a known name."""

    def __init__(self) -> None:
        self._left = 200

    def __call__(self, name: str, known: Collection[str]) -> str | None:
        """Return the known name that was most likely meant."""
        self._left -= 1 + len(known) // 1_000
        return nearest(name, known) if self._left >= 0 else None

    def hint(self, name: str, known: Collection[str]) -> str | None:
        near = self(name, known)
        return None if near is None else f"did you mean {near!r}?"


def kind_of(value: object) -> str:
    """Say what a value is in the words of somebody who edits files, not of Python."""
    kind = type(value)
    if value is None:
        return "null"
    if issubclass(kind, bool):
        return f"a truth value ({str(value).lower()})"
    if (missing := nothing(value)) is not None:
        return missing
    for kinds, words in _WORDS:
        if issubclass(kind, kinds):
            return words
    if hasattr(kind, "keys") and not hasattr(kind, "__array__"):  # as a Series of pandas has both
        return "a mapping"
    name = kind.__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


_WORDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Unnumbered, "a lazy text that waits for its number"),
    ((int, float), "a number"),
    (str, "a text"),
    ((list, tuple), "a list"),
    ((set, frozenset), "a set"),
    ((bytes, bytearray), "bytes"),
)
