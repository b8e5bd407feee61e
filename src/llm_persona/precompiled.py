"""Prompts prepared for a set of session names: literal pieces, and places for the values.

A persona and a template do not change between requests. So a template is run once with a marker in the place of each
session value; a later render only makes the values harmless and joins. That is the same as running the template, as
long as the template does nothing with a value but print it. A marker sees to that: whatever else is done to it, be it
a test, a filter or a comparison, ends the attempt. Then the template is run for every request, and the same is tried
with each of its parts (see `parting`), so that what is run is what the session steers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

from .assembly import BEGINNING, Assembled, Assembler, Span, State, Trace
from .errors import let_through
from .events import Event, Part, Watch
from .markers import NUL, Marker, Steered, marker_text
from .placeholders import Placeholder
from .session import Family, Verbatim, escape, printable, shown
from .templates import Template
from .texts import PersonaTexts
from .views import Field, Filling, Text

SHORT = 64  # characters of a piece that is kept once for all prompts
MAX_KNOWN = 256  # parts of one template, times the states of white space that they were met in


class MarkedFilling(Filling):
    """Fills with markers: `\\0` and the variable's name and `\\0`, which no text of a persona or a session can hold."""

    __slots__ = ("filled",)

    def __init__(self, owner: str, values: Mapping[str, object], family: Family) -> None:
        super().__init__(owner, values, Watch(), Verbatim if family.escapes else None)
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
        if type(value) is Marker:
            self.filled.add(part.name)
            return marker_text(value)
        text = printable(value)
        if text is None:
            raise Steered
        return text


Section = tuple[str, int, int, int, int]  # its name, and where it begins and ends: the index of a piece, a place in it


@dataclass(frozen=True, slots=True)
class Places:
    """Which values a prompt takes: the same for all personas whose texts and session have the same names."""

    names: tuple[str, ...]  # of the values that are printed, in the order of their places
    others: tuple[str, ...]  # of those that are not
    count: int  # of all names
    escapes: bool


@lru_cache(maxsize=4096)
def _kept_once(piece: str) -> str:
    """Return the piece, one object for all that are equal: then less has to come into the processor's cache.

    Not `sys.intern`: since Python 3.12 an interned text lives as long as the process.
    """
    return piece


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...], given: tuple[str, ...], escapes: bool) -> Places:
    return Places(names, tuple([name for name in given if name not in names]), len(given), escapes)


@dataclass(frozen=True, slots=True)
class Precompiled:
    """What a template, or a part of one, comes to, with places for the values of its session names."""

    pieces: tuple[str, ...]  # every second one, from the second on, stands for a value
    places: Places
    sections: tuple[Section, ...]
    stable: int | None  # where the stable prefix ends; None where nothing looks at the session

    def fill(self, given: Mapping[str, object]) -> str | None:
        """Return the text for values as a caller gave them, where each is plain text of one line; else None.

        Raises KeyError where these may be other names.
        """
        places = self.places
        if len(given) != places.count:
            return None
        pieces = [*self.pieces]
        place = 1
        for name in places.names:
            value = given[name]
            # What is printable has no line break, control character or surrogate: nothing to fold.
            if type(value) is not str or not value or not value.isprintable():
                return None
            pieces[place] = escape(value) if places.escapes else value
            place += 2
        for name in places.others:
            value = given[name]
            if type(value) is not str or not value.isprintable():
                return None
        return "".join(pieces)

    def filled(self, values: Mapping[str, object]) -> list[str] | None:
        """Return the text in pieces for neutralised values; None where the template has to be run for them.

        An empty value may empty a line or a whole block, and one that cannot be printed is an error with its line.
        """
        pieces = [*self.pieces]
        place = 1
        for name in self.places.names:
            value = values[name]
            # In an xml prompt no value is just a str.
            text = value if type(value) is str else shown(value, escapes=self.places.escapes)
            if not text:
                return None
            pieces[place] = text
            place += 2
        return pieces

    def spans(self, filled: list[str]) -> tuple[Span, ...]:
        """Return where the sections are in a filled text."""
        begins = [0, *accumulate(map(len, filled))]
        return tuple([(name, begins[i] + start, begins[j] + end) for name, i, start, j, end in self.sections])

    def assembled(self, values: Mapping[str, object]) -> Assembled | None:
        """Return the whole prompt for neutralised values, or None as `filled` does."""
        filled = self.filled(values)
        if filled is None:
            return None
        text = "".join(filled)
        return Assembled(text, len(text) if self.stable is None else max(self.stable, 0), self.spans(filled))


def _sections(spans: Iterable[Span], pieces: list[str]) -> tuple[Section, ...]:
    """Return where sections begin and end by piece; `spans` are of the text with its markers, NUL at both their ends."""
    begins = [0, *accumulate([len(piece) + len(NUL) for piece in pieces])]

    def placed(place: int) -> tuple[int, int]:
        # A section has all of a marker or nothing: one that begins or ends with a marker does so at its NUL, which
        # is where the piece before ends, or behind it, where the piece after begins.
        index = bisect_right(begins, place, hi=len(pieces)) - 1
        return index, place - begins[index]

    return tuple([(name, *placed(start), *placed(end)) for name, start, end in spans])


class Precompiler:
    """Precompiles one template for one persona and set of session names: as a whole, or part by part.

    Without `names` there is a marker in the place of the whole session, and what never looks at it is known. Safe for
    threads; what is known of parts is bounded, a full memo is emptied.
    """

    __slots__ = ("_defaults", "_fields", "_known", "_names", "_owner", "_template", "steered")

    def __init__(self, texts: PersonaTexts, template: Template, names: tuple[str, ...] | None) -> None:
        self._owner = texts.persona.key
        self._fields, self._defaults = texts.ready_for(template.family)
        self._template = template
        self._names = names
        self._known: dict[tuple[str, State], tuple[Precompiled, Trace]] = {}
        self.steered: frozenset[str] = frozenset()  # names of parts that are run

    def __len__(self) -> int:
        return len(self._known)

    def whole(self) -> Precompiled | None:
        """Return what the template comes to; None where the session steers it, or the template asks what a marker is."""
        if not self._template.precompilable:
            return None
        trace = self._trace(self._template.events, BEGINNING)
        return None if trace is None else self._precompiled(trace)

    def known(self, part: Part, state: State) -> tuple[Precompiled, Trace] | None:
        """Return what a part comes to where a prompt is in this state; None where it has to be run."""
        name = part[0]
        found = self._known.get((name, state))
        if found is None and name not in self.steered:
            trace = self._trace(partial(self._template.events_of, part), state)
            if trace is None:
                self.steered |= {name}
                return None
            found = self._precompiled(trace), trace._replace(text="", spans=())
            if len(self._known) >= MAX_KNOWN:
                self._known = {}
            self._known[name, state] = found
        return found

    def run(self, values: Mapping[str, object]) -> Assembled:
        """Run the template for neutralised values, but for its parts that are known. Raises as `Template.run`."""
        escapes = self._template.family.escapes
        filling = Filling(self._owner, {**self._defaults, **values}, Watch(), Verbatim if escapes else None)
        return self._template.run(self._fields, filling, Assembler(filling.watch, self, filling.values))

    def _trace(
        self, events: Callable[[Mapping[str, Field], MarkedFilling], Iterable[Event]], state: State
    ) -> Trace | None:
        """Run a template, or a part of one, with markers; None where it does more with a value than print it."""
        filling = self._filling()
        try:
            trace = Assembler(filling.watch).trace(events(self._fields, filling), state)
        except (Steered, Exception) as error:
            let_through(error)
            return None  # what is wrong, if anything is, the ordinary render says
        # A text that was filled and not printed: a value that cannot be printed is an error there too.
        return trace if filling.filled.issubset(trace.text.split(NUL)[1::2]) else None

    def _filling(self) -> MarkedFilling:
        values: Any = Marker("")
        if self._names is not None:
            values = {**self._defaults, **{name: Marker(f"{NUL}{name}{NUL}") for name in self._names}}
        return MarkedFilling(self._owner, values, self._template.family)

    def _precompiled(self, trace: Trace) -> Precompiled:
        pieces = trace.text.split(NUL)
        return Precompiled(
            pieces=tuple([_kept_once(piece) if len(piece) <= SHORT else piece for piece in pieces]),
            places=_places(tuple(pieces[1::2]), self._names or (), self._template.family.escapes),
            sections=_sections(trace.spans, pieces),
            stable=trace.stable,
        )
