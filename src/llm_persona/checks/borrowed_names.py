"""Names of others in a persona's texts: "Hi, I'm Maya" in what one prints that calls itself Alex."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from ..persona.inheritance import Lineage, texts
from ..persona.provenance import origin_of
from ..persona.resolution import State
from ..placeholders import Placeholders
from ..wording import quoted
from .findings import Findings

_WORD = re.compile(r"\w+")
_SPEAKING = ("greeting", "custom_sections")  # a list may well name a colleague: "Hand refunds over to Dora"
_DESCRIBING = ("role", "company")  # what stands there is a word in the other texts too, and no name

Names = Mapping[str, list[tuple[str, int]]]  # by their first word, and where in the name that is


def check_borrowed_names(state: State, findings: Findings) -> None:
    """Find the names of ancestors, of other versions and of display names in the texts of one that has another name."""
    versions: dict[str, set[str]] = {}
    displayed: set[str] = set()
    for lineage in state.lineages.values():
        versions.setdefault(lineage.persona.name, set()).update(_spoken(lineage))
        if lineage.persona.display_name:
            displayed.update(_spoken(lineage))
    everybody = _by_word(displayed - _words(displayed, state.lineages.values()))
    for key, lineage in state.lineages.items():
        kin = versions[lineage.persona.name].union(_ancestors(lineage))
        if lineage.persona.abstract or not (displayed or len(kin) > 1):
            continue
        for path, name in _borrowed(lineage, _by_word(kin), everybody):
            origin = origin_of(lineage, path)
            message, hint = _told(lineage, name, is_own=origin.persona == key)
            findings.add(findings.at(origin, "another-name", message, hint), key)


def _spoken(lineage: Lineage) -> list[str]:
    """Return the name that a persona speaks; none for one that is never rendered, and whose key is no name."""
    persona = lineage.persona
    name = persona.display_name if persona.abstract else persona.spoken_name
    return [name] if name else []


def _ancestors(lineage: Lineage) -> Iterator[str]:
    while lineage.inherited is not None:
        lineage = lineage.inherited
        yield from _spoken(lineage)


def _by_word(names: Iterable[str]) -> Names:
    index: dict[str, list[tuple[str, int]]] = {}
    for name in sorted(names):
        first = _WORD.search(name)
        if first is not None and len(name) > 1:  # a single letter is none
            index.setdefault(first[0], []).append((name, first.start()))
    return index


def _words(names: set[str], lineages: Iterable[Lineage]) -> set[str]:
    """Return the names that are words as well, as Note or Sales: those that some text writes in small letters."""
    if not names:
        return set()
    lowered = {name.lower(): name for name in names}
    index = _by_word(lowered)
    said = (_said(_prose(text), "", index) for each in lineages for _, text in texts(each.persona))
    return {lowered[name] for name in chain.from_iterable(said)}


def _is_prose(word: str) -> bool:
    return "@" not in word and "/" not in word


def _prose(text: str) -> str:
    """Return a text without addresses and handles, which write a name small."""
    return text if "@" not in text and "/" not in text else " ".join(filter(_is_prose, text.split()))


def _borrowed(lineage: Lineage, kin: Names, everybody: Names) -> Iterator[tuple[tuple[str | int, ...], str]]:
    persona = lineage.persona
    described = f"{persona.role}\n{persona.company or ''}".casefold()
    for path, text in texts(persona):
        if path[0] not in _DESCRIBING:
            said = _said(text, persona.spoken_name, kin, everybody if path[0] in _SPEAKING else {})
            yield from ((path, name) for name in dict.fromkeys(said) if not _describes(described, name))


def _said(text: str, own: str, *indexes: Names) -> Iterator[str]:
    """Yield the names that stand in a text as words, and not as a part of the own name there."""
    for match in _WORD.finditer(text):
        for index in indexes:
            for name, offset in index.get(match[0], ()):
                start = match.start() - offset
                if name != own and _stands(text, name, start) and not _is_within(own, name, text, start):
                    yield name


def _stands(text: str, name: str, start: int) -> bool:
    goes_on = _WORD.match(name[-1]) and _WORD.match(text, start + len(name))
    return start >= 0 and text.startswith(name, start) and not goes_on


def _is_within(own: str, name: str, text: str, start: int) -> bool:
    """Tell whether the name stands there as a part of the own one: Maya in Maya Premium."""
    places = (at for at in range(min(len(own), start + 1)) if own.startswith(name, at))
    return any(text.startswith(own, start - at) for at in places)


def _describes(described: str, name: str) -> bool:
    return any(_said(described, "", _by_word([name.casefold()])))


def _told(lineage: Lineage, name: str, *, is_own: bool) -> tuple[str, str]:
    """Return the message and the hint."""
    own = quoted(lineage.persona.spoken_name)
    who = f"and the persona calls itself {own}" if is_own else "and is inherited by one of another name"
    fills = Placeholders(lineage.persona.variables, lineage.persona.constants).active
    hint = f"write {'{name}' if fills else 'the own name'} where the persona itself is meant"
    return f"says {quoted(name)}, {who}", hint
