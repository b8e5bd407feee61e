"""Where a complete persona's values were written: which ancestor, which file, which line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .inheritance import LISTS, TABLES, Lineage, Origin
from .reading import Document

Places = dict[str, Document]  # a definition's key -> the file that it stands in


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

    def __getitem__(self, field: str) -> Provenance | tuple[Provenance, ...] | Mapping[str, Provenance]:
        for part in (self.fields, self.lists, self.tables):
            if field in part:
                return part[field]  # type: ignore[no-any-return,index]  # one of the three mappings
        raise KeyError(field)

    def __iter__(self) -> Iterator[str]:
        yield from self.fields
        yield from self.lists
        yield from self.tables


def explanation(lineage: Lineage, places: Places) -> Explanation:
    """Look up every origin of a lineage in the files that were read."""

    def located(origin: Origin) -> Provenance:
        document = places.get(origin.persona or "")
        if origin.persona is None or document is None:
            return Provenance(origin.persona)
        line, column = document.locate((origin.persona, *origin.path))
        return Provenance(origin.persona, document.path, line, column)

    origins = lineage.origins
    return Explanation(
        persona=lineage.persona.key,
        fields={name: located(origin) for name, origin in origins.items() if name not in (*LISTS, *TABLES)},
        lists={name: tuple(located(origin) for origin in origins[name]) for name in LISTS},
        tables={name: {entry: located(origin) for entry, origin in origins[name].items()} for name in TABLES},
    )
