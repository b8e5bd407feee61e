"""Findings that somebody has looked at and accepts: `$accept` in a file, for its personas; `--accept` for one run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from ..arguments import items_of
from ..codes import CODES, Found, finding
from ..errors import NOWHERE, InvalidValueError, Location, Problem
from ..files.reading import Document
from ..frozen import FrozenDict
from ..kinds import is_text, plain
from ..names import did_you_mean, kind_of, shorten

UNMATCHED = "acceptance-unmatched"

Accepted = Mapping[str, tuple[str, ...]]  # codes -> the personas that they are accepted for


class Acceptance(NamedTuple):
    """A code that is accepted for one persona, or for all (None), and where that is written."""

    code: str
    persona: str | None = None
    place: Location = NOWHERE

    @classmethod
    def parse(cls, written: str) -> Acceptance:
        """Read `CODE:PERSONA`, or `CODE` for all personas. Raises InvalidValueError for no code, or one that cannot be."""
        if not is_text(written):
            raise InvalidValueError(f"accept must hold texts, CODE or CODE:PERSONA, not {kind_of(written)}")
        code, colon, persona = written.partition(":")
        if fault := _fault(code):
            raise InvalidValueError(fault[0], hint=fault[1])
        return cls(code, persona if colon else None)


class Acceptances:
    """What is accepted, and which of it a finding was met for."""

    def __init__(self, wanted: Iterable[Acceptance] = ()) -> None:
        self._wanted = tuple(wanted)
        self._met: set[Acceptance] = set()

    @classmethod
    def parse(cls, written: Iterable[str]) -> Acceptances:
        """Read texts as `Acceptance.parse` does."""
        listed = items_of(written, "accept", "a list of CODE or CODE:PERSONA")
        return cls(map(Acceptance.parse, [cast(Any, plain(each)) for each in listed]))

    @classmethod
    def of(cls, accepted: Accepted, documents: Iterable[Document]) -> Acceptances:
        """Return what files accept, each at its place where the file is known."""
        return cls(
            Acceptance(code, persona, _written(code, persona, documents))
            for code, personas in accepted.items()
            for persona in personas
        )

    def accept(self, code: str | None, persona: str | None) -> bool:
        """Tell whether a finding is accepted that bears on a persona, and remember that there was one."""
        met = {each for each in self._wanted if each.code == code and each.persona in (None, persona)}
        self._met |= met
        return bool(met)

    def unmatched(self, found: Collection[Found]) -> Iterator[Problem]:
        """Yield a warning for each that no finding was met for, of those kinds that were looked for."""
        for each in self._wanted:
            if each not in self._met and each.code != UNMATCHED and CODES[each.code].found in found:
                whom = "any persona" if each.persona is None else repr(shorten(each.persona))
                message = f"no finding {each.code!r} bears on {whom}: there is nothing to accept"
                yield finding(UNMATCHED, message, "take it out", each.place)


def read_acceptances(documents: Iterable[Document]) -> tuple[Accepted, list[Problem]]:
    """Return what the documents accept, and what is wrong with it. A file accepts for the personas that it writes."""
    documents = list(documents)
    accepted: dict[str, dict[str, None]] = {}
    problems: list[Problem] = []
    for document in documents:
        entries = document.data.get("$accept")
        for code, personas in entries.items() if isinstance(entries, dict) else ():
            if fault := _fault(code):
                problems.append(_problem(document, (code,), *fault))
                continue
            for index, persona in enumerate(personas if isinstance(personas, list) else ()):
                if not isinstance(persona, str) or not persona.strip():
                    continue  # the schema refuses it
                if persona.startswith("$") or persona not in document.data:
                    problems.append(_problem(document, (code, index), *_no_persona(persona, document, documents)))
                accepted.setdefault(code, {})[persona] = None
    return FrozenDict({code: tuple(personas) for code, personas in accepted.items()}), problems


def _fault(code: str) -> tuple[str, str] | None:
    """Say why a code cannot be accepted; None where it can."""
    if code not in CODES:
        hint = did_you_mean(code, CODES) or "each finding has its code behind it, in brackets"
        return f"no finding has the code {shorten(code)!r}", hint
    if not CODES[code].acceptable:
        return f"{code!r} cannot be accepted: the prompt would not render", "mend what it tells of"
    return None


def _no_persona(persona: str, document: Document, documents: Iterable[Document]) -> tuple[str, str | None]:
    shown = shorten(persona)
    for other in documents:
        if persona in other.data and not persona.startswith("$"):
            return f"{shown!r} is not written in this file", f"accept it in {other.path}"
    names = [name for name in document.data if not name.startswith("$")]
    return f"there is no persona {shown!r}", did_you_mean(persona, names)


def _problem(document: Document, path: tuple[str | int, ...], message: str, hint: str | None) -> Problem:
    return document.location(("$accept", *path), key=len(path) == 1).problem(message, hint)


def _written(code: str, persona: str, documents: Iterable[Document]) -> Location:
    """Return where a file accepts a code for a persona."""
    for document in documents:
        entries = document.data.get("$accept")
        personas = entries.get(code) if isinstance(entries, dict) else None
        if isinstance(personas, list) and persona in personas:
            return document.location(("$accept", code, personas.index(persona)))
    return NOWHERE
