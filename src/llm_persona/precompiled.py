"""Prompts prepared for a set of session names: literal pieces, and places for the values.

A persona and a template do not change between requests. So a template is run once with a marker in the place of each
session value; a later render only makes the values harmless and joins. That is the same as running the template, as
long as the template does nothing with a value but print it. A marker sees to that: whatever else is done to it, be it
a test, a filter or a comparison, ends the attempt, and the template is run for every request instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .assembly import Assembled, Watch
from .markers import NUL, Marker, Steered, marker_text
from .placeholders import Placeholder
from .session import Family, Verbatim, escape, printable
from .views import Filling, Text


class MarkedFilling(Filling):
    """Fills with markers: `\\0` and the variable's name and `\\0`, which no text of a persona or a session can hold."""

    __slots__ = ("filled",)

    def __init__(
        self, owner: str, values: Mapping[str, object], watch: Watch, safe: Callable[[str], str] | None = None
    ) -> None:
        super().__init__(owner, values, watch, safe)
        self.filled: set[str] = set()

    def fill(self, text: str | Text) -> str:
        if not isinstance(text, Text):
            return text
        self.watch.touched = True
        return Marker("".join([self._piece(part) for part in text.parts]))  # type: ignore[return-value]  # stands for one

    def _piece(self, part: str | Placeholder) -> str:
        if isinstance(part, str):
            return part
        value = self.values[part.name]
        if type(value) is not Marker:
            return self._shown(value)
        self.filled.add(part.name)
        return marker_text(value)

    def _shown(self, value: object) -> str:
        shown = printable(value)
        if shown is None:
            raise Steered
        return shown


Pieces = tuple[str, ...]  # literal, name, literal, name, ..., literal


@dataclass(frozen=True, slots=True)
class Precompiled:
    """A prompt with places for the values of its session names."""

    pieces: list[str | None]  # None where a value belongs
    places: tuple[tuple[int, str], ...]  # its index, and the name of the value
    escapes: bool
    stable: int
    sections: Mapping[str, Pieces]

    def join(self, values: Mapping[str, object]) -> str | None:
        """Return the text for neutralised values; None where the template has to be run for them.

        An empty value may empty a line or a whole block, and one that cannot be printed is an error with its line.
        """
        pieces = self.pieces.copy()
        for index, name in self.places:
            text = self._text(values[name])
            if not text:
                return None
            pieces[index] = text
        return "".join(pieces)  # type: ignore[arg-type]  # every None was filled

    def assemble(self, values: Mapping[str, object]) -> Assembled | None:
        """Return the text with its sections, or None as `join` does."""
        text = self.join(values)
        if text is None:
            return None
        sections = {name: pieces[0] for name, pieces in self.sections.items()}
        for name, pieces in self.sections.items():
            if len(pieces) > 1:
                filled = [self._text(values[piece]) if index % 2 else piece for index, piece in enumerate(pieces)]
                sections[name] = "".join(filled)  # type: ignore[arg-type]  # `join` found no None
        return Assembled(text, self.stable, sections)

    def _text(self, value: object) -> str | None:
        text = printable(value)
        if self.escapes and text is not None:
            html = getattr(text, "__html__", None)
            return str.__str__(html()) if html is not None else escape(text)
        return text


def precompile(
    run: Callable[[MarkedFilling], Assembled],
    owner: str,
    defaults: Mapping[str, object],
    names: Iterable[str],
    family: Family,
) -> Precompiled | None:
    """Run a template with a marker for each session name; None where it does more with one than print it."""
    markers = {name: Marker(f"{NUL}{name}{NUL}") for name in names}
    if "extra_sections" in markers:
        return None
    filling = MarkedFilling(owner, {**defaults, **markers}, Watch(), Verbatim if family.escapes else None)
    try:
        assembled = run(filling)
    except (Steered, Exception):
        return None  # what is wrong, if anything is, the ordinary render says
    pieces = assembled.text.split(NUL)
    if not filling.filled.issubset(pieces[1::2]):
        return None  # a text was filled and not printed: a value that cannot be printed is an error there too
    return Precompiled(
        pieces=[None if index % 2 else piece for index, piece in enumerate(pieces)],
        places=tuple((index, piece) for index, piece in enumerate(pieces) if index % 2),
        escapes=family.escapes,
        stable=assembled.stable,
        sections={name: tuple(text.split(NUL)) for name, text in assembled.sections.items()},
    )
