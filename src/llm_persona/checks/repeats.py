"""What is said twice: an item that is like another of its list, and a text that would be inherited anyway.

Texts are compared and not understood: nothing is said of two that mean the same in other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..fields import AS_WRITTEN, FILLED
from ..names import shorten
from ..persona.inheritance import Lineage, Path, as_edit
from ..persona.persona import Persona, gives
from ..persona.provenance import Origin, origin_of
from ..persona.resolution import State
from .findings import Findings

_LISTED = ("capabilities", "constraints")
_SPOKEN = (*FILLED, *AS_WRITTEN)
_LEFT_OUT = re.compile(r"\s+|(?<!\d)\.|\.(?!\d)")  # between two digits it is no full stop


def check_repeats(state: State, findings: Findings) -> None:
    """Find what a definition says a second time, in the same list or after its parent."""
    for lineage in state.lineages.values():
        for field in _LISTED:
            for path, first in _alike(lineage, field):
                _tell_alike(lineage, path, first, findings)
        if lineage.inherited is not None:
            _tell_inherited(lineage.definition, lineage.inherited.persona, findings)


def like(text: str) -> str:
    """Return a text without what does not count: case, blanks and full stops."""
    return _LEFT_OUT.sub("", text.casefold())


def _alike(lineage: Lineage, field: str) -> Iterator[tuple[Path, str]]:
    """Yield the items that a definition writes and that are like one before them, with that one."""
    if not gives(lineage.definition, field):
        return
    texts: tuple[str, ...] = getattr(lineage.persona, field)
    firsts: dict[str, int] = {}
    for index, text in enumerate(texts):
        first = firsts.setdefault(like(text), index)
        if first != index:
            yield (field, index), texts[first]


def _tell_alike(lineage: Lineage, path: Path, first: str, findings: Findings) -> None:
    origin = origin_of(lineage, path)
    if origin.persona != lineage.definition.key:
        return  # told of the ancestor that wrote it
    message = f"says the same as {shorten(first)!r}, but for case, blanks and full stops"
    findings.add(findings.at(origin, "alike-items", message, "keep one of the two"))


def _tell_inherited(child: Persona, parent: Persona, findings: Findings) -> None:
    message = f"is what {shorten(parent.key)!r} gives it anyway"
    hint = "leave it out, or accept this where it is to stay when the parent's changes"
    for path in _inherited_anyway(child, parent):
        findings.add(findings.at(Origin(child.key, path), "same-as-parent", message, hint))


def _inherited_anyway(child: Persona, parent: Persona) -> Iterator[Path]:
    """Yield where a definition writes a text that it has from its parent already."""
    for field in _SPOKEN:
        if gives(child, field):
            yield from _equal((field,), getattr(child, field), getattr(parent, field))


def _equal(path: Path, written: object, inherited: object) -> Iterator[Path]:
    if isinstance(written, str):
        if isinstance(inherited, str) and str.__str__(written) == inherited:
            yield path
    elif isinstance(written, tuple) and isinstance(inherited, tuple):
        yield from _added_again(path, written, inherited)
    elif isinstance(written, Mapping) and isinstance(inherited, Mapping):
        for entry, value in written.items():
            yield from _equal((*path, entry), value, inherited.get(entry))


def _added_again(path: Path, written: tuple[str, ...], inherited: tuple[str, ...]) -> Iterator[Path]:
    edit = as_edit(written)
    left = set(inherited) - set(edit.remove)
    for index, text in enumerate(edit.add):
        if text in left:
            yield (*path, index) if type(written) is tuple else (*path, "add", index)
