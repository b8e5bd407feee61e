"""Where a complete persona's values were written: which ancestor, which file, which line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FieldPath
from ..fields import LISTS, OWN, TABLES, TEXTS
from ..files.reading import Document
from ..frozen import ALL, FrozenDict
from .inheritance import Lineage, as_edit, edit_of, merged
from .persona import Persona, gives

Places = Mapping[str, Document]  # a definition's key -> the file that it stands in


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: the persona's key, and the way to it in that persona. No persona: the default."""

    persona: str | None
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who gave a value: the persona's key (None for a default), and the place in its file (None without a file)."""

    persona: str | None
    path: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.persona is None:
            return "default"
        place = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        return f"{self.persona} ({place})" if place else self.persona


@dataclass(frozen=True, slots=True)
class Explanation:
    """The provenance of every value of a persona: of its fields, of list items in order, of entries by name."""

    persona: str
    fields: Mapping[str, Provenance]
    lists: Mapping[str, tuple[Provenance, ...]]
    tables: Mapping[str, Mapping[str, Provenance]]
    sections: Mapping[str, tuple[Provenance, ...]] = FrozenDict()  # of the items of those that are lists

    def __getitem__(self, field: str) -> Provenance | tuple[Provenance, ...] | Mapping[str, Provenance]:
        if field in self.lists:
            return self.lists[field]
        return self.tables[field] if field in self.tables else self.fields[field]

    def origin(self, path: FieldPath) -> Provenance:
        """Return the provenance of the value at a path of the complete persona, such as `("capabilities", 1)`."""
        if len(path) == 3:
            return self.sections[str(path[1])][int(path[2])]
        found = self[str(path[0])]
        if isinstance(found, tuple):
            return found[int(path[1])]
        return found[str(path[1])] if isinstance(found, Mapping) else found

    def __iter__(self) -> Iterator[str]:
        yield from self.fields
        yield from self.lists
        yield from self.tables


def located(origin: Origin, places: Places) -> Provenance:
    """Look up an origin in the files that were read."""
    document = places.get(origin.persona or "")
    if origin.persona is None or document is None:
        return Provenance(origin.persona)
    line, column = document.locate((origin.persona, *origin.path))
    return Provenance(origin.persona, document.path, line, column)


def explanation(lineage: Lineage, places: Places) -> Explanation:
    """Look up every origin of a lineage in the files that were read."""

    def found(origin: Origin) -> Provenance:
        return located(origin, places)

    return Explanation(
        persona=lineage.persona.key,
        fields={name: found(_field_origin(lineage, name)) for name in (*TEXTS, *OWN)},
        lists={name: tuple(map(found, _list_origins(lineage, name))) for name in LISTS},
        tables={
            name: {entry: found(origin) for entry, origin in _table_origins(lineage, name).items()} for name in TABLES
        },
        sections={
            entry: tuple(map(found, _section_origins(lineage, entry)))
            for entry, value in lineage.persona.custom_sections.items()
            if type(value) is tuple
        },
    )


def origin_of(lineage: Lineage, path: FieldPath) -> Origin:
    """Return the origin of the value at a path of the complete persona, such as `("capabilities", 1)`."""
    name = str(path[0])
    if name in LISTS and isinstance(path[1], int):
        return _list_origins(lineage, name)[path[1]]
    if name in TABLES:
        if len(path) == 3 and isinstance(path[2], int):
            return _section_origins(lineage, str(path[1]))[path[2]]
        return _table_origins(lineage, name)[str(path[1])]
    return _field_origin(lineage, name)


def _field_origin(lineage: Lineage, name: str) -> Origin:
    current: Lineage | None = lineage
    while current is not None:
        if gives(current.definition, name):
            return Origin(current.definition.key, (name,))
        current = current.inherited if name in TEXTS else None
    return Origin(None)


def _list_origins(lineage: Lineage, name: str) -> tuple[Origin, ...]:
    definition = lineage.definition
    edit = edit_of(definition, name)
    if getattr(definition, name) is ALL:
        return (Origin(definition.key, (name,)),)
    own = tuple(Origin(definition.key, path) for path in _paths(definition, name))
    if lineage.inherited is None:
        return own
    texts: tuple[str, ...] = getattr(lineage.inherited.persona, name)
    if texts is ALL and getattr(lineage.persona, name) is not ALL:
        return own
    if texts is ALL:
        return _list_origins(lineage.inherited, name)
    return tuple(merged(texts, _list_origins(lineage.inherited, name), edit, own))


def _section_origins(lineage: Lineage, entry: str) -> tuple[Origin, ...]:
    """Return the origin of each item of a section that is a list."""
    definition = lineage.definition
    written: Any = definition.custom_sections.get(entry) or ()
    path = ("custom_sections", entry)
    own = tuple(Origin(definition.key, each) for each in _items(path, written))
    inherited: Any = None if lineage.inherited is None else lineage.inherited.persona.custom_sections.get(entry)
    if lineage.inherited is None or type(inherited) is not tuple:
        return own
    return tuple(merged(inherited, _section_origins(lineage.inherited, entry), as_edit(written), own))


def _paths(definition: Persona, name: str) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to each text that a definition writes into a list, in order."""
    return _items((name,), getattr(definition, name) if gives(definition, name) else ())


def _items(path: tuple[str, ...], written: tuple[str, ...]) -> Iterator[tuple[str | int, ...]]:
    edit = as_edit(written)
    for word, texts in (("replace", edit.replace or ()), ("add", edit.add)):
        for index in range(len(texts)):
            yield (*path, index) if type(written) is tuple else (*path, word, index)


def _table_origins(lineage: Lineage, name: str) -> dict[str, Origin]:
    definition = lineage.definition
    before = {} if lineage.inherited is None else _table_origins(lineage.inherited, name)
    own = getattr(definition, name) if gives(definition, name) else {}
    entries = getattr(lineage.persona, name) or {}
    return {entry: Origin(definition.key, (name, entry)) if entry in own else before[entry] for entry in entries}
