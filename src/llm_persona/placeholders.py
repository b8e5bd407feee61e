"""Placeholders in persona text: `{variable}`, and `{{variable}}` to print it.

Persona text is data. It never meets `str.format` or a template engine: 35% of real prompts break the first, and
most agent files embed JSON. One compiled expression scans a text once; what is filled in is never scanned again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

# A run of braces, an identifier, a run of braces. The look-behind starts each run once, so scanning is linear, and
# leaves `${n}` alone; it stands behind the first brace, which is what the search for a start looks for.
_CANDIDATE = re.compile(r"(\{(?<![{$]\{)\{*+)([^\W\d]\w*+)(\}++)")

_WORD = re.compile(r"\w*")

OWN_NAMES = ("name", "company")


class Placeholder(NamedTuple):
    """A place that the value of the variable `name` fills."""

    name: str


class Constant(str):
    """The text of the constant `name`, where it matters which part of a text is one."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, text: str) -> Constant:
        constant = super().__new__(cls, text)
        constant.name = name
        return constant


Parts = tuple[str | Placeholder, ...]


class Placeholders:
    """Which `{identifier}`s of a persona's texts are placeholders: DESIGN's three cases.

    `variables` is None where none were declared: every identifier is one. Otherwise the variables and the constants
    are, with `{name}` and `{company}`; where there are neither, the text is foreign and none is.
    """

    __slots__ = ("_names",)

    def __init__(self, variables: Iterable[str] | None, constants: Iterable[str] = ()) -> None:
        names = None if variables is None else frozenset((*variables, *constants))
        self._names = names.union(OWN_NAMES) if names else names

    @classmethod
    def of_constants(cls, company: str | None) -> Placeholders:
        """Return those of a constant's own text: `{name}`, and `{company}` where there is a company."""
        made = cls(None)
        made._names = frozenset(OWN_NAMES if company else OWN_NAMES[:1])
        return made

    @property
    def active(self) -> bool:
        return self._names is None or bool(self._names)

    def parse(self, text: str) -> Parts:
        """Split a text into literal pieces and placeholders; escapes become what they print."""
        if "{" not in text or not self.active:
            return (text,) if text else ()
        parts: list[str | Placeholder] = []
        literal: list[str] = []
        end = 0
        for match in _CANDIDATE.finditer(text):
            name = self._placeholder(match)
            if name is None and not _is_escape(match):
                continue
            literal.append(text[end : match.start()])
            end = match.end()
            if name is None:
                literal.append(match[0][1:-1])
                continue
            if piece := "".join(literal):
                parts.append(piece)
            literal.clear()
            parts.append(Placeholder(name))
        literal.append(text[end:])
        if piece := "".join(literal):
            parts.append(piece)
        return tuple(parts)

    def names(self, text: str) -> list[str]:
        """Return the names of the placeholders in a text, in order, each once."""
        return list(dict.fromkeys(part.name for part in self.parse(text) if isinstance(part, Placeholder)))

    def undeclared(self, text: str) -> list[str]:
        """Return the `{identifier}`s of a text that a persona with declared variables forgot to declare."""
        if not self._names:
            return []
        singles = [name for opening, name, closing in _CANDIDATE.findall(text) if len(opening) == len(closing) == 1]
        return [name for name in dict.fromkeys(singles) if not self._known(name) and name.isidentifier()]

    def fill_own(self, text: str, own: Mapping[str, str]) -> str:
        """Fill what is the persona's own, `{name}`, `{company}` and constants, and leave all else as it is written.

        A value with a brace in it, a `$` at its end, or in a word behind a brace could make a placeholder together
        with its neighbours: it is left for `parse` to fill.
        """
        if "{" not in text or not self.active:
            return text

        def replace(match: re.Match[str]) -> str:
            value = own.get(self._placeholder(match) or "")
            if value is None or "{" in value or "}" in value or value.endswith("$"):
                return match[0]
            brace = text.rfind("{", 0, match.start())
            is_in_word = brace >= 0 and _WORD.fullmatch(text, brace + 1, match.start())
            return match[0] if is_in_word else value

        return _CANDIDATE.sub(replace, text)

    def _placeholder(self, match: re.Match[str]) -> str | None:
        single = len(match[1]) == len(match[3]) == 1 and match[2].isidentifier()
        return normal(match[2]) if single and self._known(match[2]) else None

    def _known(self, identifier: str) -> bool:
        return self._names is None or normal(identifier) in self._names


def normal(identifier: str) -> str:
    """Return an identifier as Python compares keyword arguments: NFKC, so that `ﬁ` is `fi`."""
    return identifier if identifier.isascii() else unicodedata.normalize("NFKC", identifier)


def resolve(parts: Parts, replace: Callable[[str], Parts | None]) -> Parts:
    """Put pieces in the place of those placeholders for which `replace` has some, and join neighbours."""
    resolved: list[str | Placeholder] = []
    for part in parts:
        new = replace(part.name) if isinstance(part, Placeholder) else None
        for piece in (part,) if new is None else new:
            if type(piece) is str and resolved and type(before := resolved[-1]) is str:
                resolved[-1] = before + piece
            else:
                resolved.append(piece)
    return tuple(resolved)


def _is_escape(match: re.Match[str]) -> bool:
    return len(match[1]) == len(match[3]) == 2 and match[2].isidentifier()
