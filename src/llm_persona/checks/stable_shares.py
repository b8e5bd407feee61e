"""How much of each prompt is the same for every session, and what ends that part."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import field_text
from ..files.reading import NO_PATH
from ..persona.provenance import Origin, Places, origin_of
from .rehearsals import Rehearsal


@dataclass(frozen=True, slots=True)
class StableShare:
    """How many characters of a prompt are stable, and what ended them.

    `path` and `line` are those of the template; `field` is the persona's field whose text looked at the session, if
    that was it, and `field_path`, `field_line` the place where it was written. All None where nothing ends it.
    """

    persona: str
    template: str
    stable: int
    characters: int
    path: str | None = None
    line: int | None = None
    field: str | None = None
    field_path: str | None = None
    field_line: int | None = None

    @property
    def share(self) -> float:
        """The stable share, from 0 to 1."""
        return self.stable / self.characters if self.characters else 1.0

    def __str__(self) -> str:
        text = f"{self.persona} in {self.template}: {self.share:.0%} stable ({self.stable:,} of {self.characters:,} characters)"
        if self.path is None:
            return text
        printed = f"{self.path}:{self.line}"
        if self.field is None:
            return f"{text}; ended by {printed}"
        written = f" ({self.field_path}:{self.field_line})" if self.field_path else ""
        return f"{text}; ended by {self.field}{written}, which {printed} prints"


def stable_share(rehearsal: Rehearsal, places: Places) -> StableShare | None:
    """Return the stable share of a persona in its template, or None where it cannot be rendered.

    Names without a value count as long as `{name}` is.
    """
    taken = rehearsal.takes[0]
    if taken.error is not None:
        return None
    persona = rehearsal.persona
    stable, characters = taken.assembled.stable_length, len(taken.text)
    share = StableShare(persona.ref, rehearsal.template.name, stable, characters)
    if taken.touched is None or stable == characters:
        return share
    field, where = taken.touched
    path, line = (None, None) if where is None else (rehearsal.template.syntaxes[where.template].path, where.number)
    if field is None:
        return StableShare(persona.ref, share.template, share.stable, characters, path, line)
    origin = origin_of(rehearsal.lineage, field)
    written = f"{origin.persona}.{field_text(origin.path)}"
    return StableShare(
        persona.ref, share.template, share.stable, characters, path, line, written, *_place(origin, places)
    )


def _place(origin: Origin, places: Places) -> tuple[str | None, int | None]:
    document = places.get(origin.persona or "")
    if document is None or document.path == NO_PATH:
        return None, None
    return document.path, document.locate((origin.persona or "", *origin.path))[0]
