"""From what a template writes to the prompt in pieces: white space, sections, and the stable prefix."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

from .events import OUTER, Begin, End, TemplateText, Watch, tidy

Place = tuple[int, int]  # the index of a piece, and a character in it
Span = tuple[str, Place, Place]  # a section's name, and where it begins and ends
Section = tuple[str, int, int]  # its name, and where it begins and ends in the text


class Cut(NamedTuple):
    """Where a run looked at the session: right there ends a line, or what may differ begins with the last line before."""

    pieces: int  # that stand before it
    of_line: bool

    def length(self, before: str) -> int:
        """Return how many characters of a text do not depend on it, of which `before` is what stands before it."""
        return len(before) if self.of_line else max(before.rfind("\n"), 0)


class Assembled(NamedTuple):
    """A prompt in pieces, none of them empty, with its sections.

    `shared` is what ends the part that is the same for all, `stable` what ends the one that goes on over what
    `with_session` gave: None where nothing does.
    """

    pieces: list[Any]
    spans: list[Span]
    shared: Cut | None = None
    stable: Cut | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def shared_length(self) -> int:
        """How many characters of the text are the same for all."""
        return self._length(self.shared)

    @property
    def stable_length(self) -> int:
        """How many characters of the text are stable."""
        return self._length(self.stable)

    def _length(self, end: Cut | None) -> int:
        if end is None:
            return len(self.text)
        return end.length("".join(self.pieces[: end.pieces]))

    @property
    def sections(self) -> tuple[Section, ...]:
        begins = [0, *accumulate(map(len, self.pieces))]
        return tuple([(name, begins[i] + first, begins[j] + last) for name, (i, first), (j, last) in self.spans])


# How far the putting together of a prompt is: what `put_together` begins with.
Stand = tuple[Any, ...]
NOWHERE: Stand = ([], (), [], [], "", True, None, 0, 0)


def joined(stand: Stand) -> Stand:
    """Return the same with one text in the place of its pieces."""
    out, ends, spans, begun, *rest = stand  # it is before what looks at the session: nothing ends there
    begins = [0, *accumulate(map(len, out))]

    def moved(place: Place) -> Place:
        return 0, begins[place[0]] + place[1]

    spans = [(name, moved(first), moved(last)) for name, first, last in spans]
    begun = [None if first is None else moved(first) for first in begun]
    return (["".join(out)] if out else [], ends, spans, begun, *rest)


class Beginning(NamedTuple):
    """What a template writes before it looks at the session: the same in every run for a persona and a set of names."""

    steps: list[int]  # of the functions that are not at their end there, the outermost last
    passed: int  # pieces that they write nevertheless
    stand: Stand
    spent: int  # steps of the cost


class Remembered(list[Any]):
    """What a part of a template comes to, in pieces."""

    __slots__ = ("steps",)
    steps: int  # of the cost, that it takes to run


class Known(dict[str, Any]):
    """What parts of a template come to that mention nothing but the persona, and what all its prompts begin with.

    Nothing is kept of a first run: most that are asked for once never come again.
    """

    seen = False  # a run
    beginning: Beginning | None = None


class _Touch:
    """Where the session was looked at first, or a value of the call's own."""


_TOUCH = _Touch()


def assemble(watch: Watch) -> Assembled:
    """Put together what a template wrote under a watch.

    Invariant: white space that a template writes is pending until something follows it. What is emitted is never
    taken back, so what was emitted before the session was looked at is the same for every session.
    """
    if watch.own_at is not None and watch.own_at != watch.at:
        watch.pieces.insert(watch.own_at, _TOUCH)
    if watch.at is not None:
        watch.pieces.insert(watch.at, _TOUCH)
    beginning = watch.beginning
    pieces, since = (
        (watch.pieces, NOWHERE) if beginning is None else (watch.pieces[beginning.passed :], beginning.stand)
    )
    out, ends, spans, *_ = put_together(pieces, since)
    return Assembled(out, spans, ends[0] if ends else None, None if watch.own_at is None else ends[-1])


def put_together(pieces: list[Any], since: Stand = NOWHERE) -> Stand:
    """Return how far a prompt is after more pieces. In one function, as every run goes through it with each of them."""
    (
        out,
        ends,  # of what is shared, and of what is stable
        spans,
        begun,  # where each open block begins
        pending,
        dropping,  # at the start of all, and of a block that a blank line sets apart: white space is dropped
        between,  # what the template wrote since a block ended, if only white space
        waiting,  # open blocks, the innermost ones, that printed nothing yet
        inner,  # open blocks that are not OUTER
    ) = since
    out, spans, begun = out[:], spans[:], begun[:]
    emit = out.append
    for piece in pieces:
        kind = type(piece)
        if kind is TemplateText:
            text = piece.body
            if not text:
                if between is not None:
                    between += piece
                if not dropping:
                    pending += piece
                continue
            if dropping:
                text = tidy(pending + text.lstrip())
            elif pending:
                text = piece.known.get(pending) or piece.after(pending)
            if waiting:
                begun[-waiting:] = [(len(out), len(text) - len(text.lstrip()))] * waiting
                waiting = 0
            emit(text)
            pending = piece.tail
            dropping = False
            between = None
        elif kind is Begin:
            begun.append(None)
            waiting += 1
            if not inner:  # a block within another stands in its lines
                if between is not None and (not between or "\n" in between):
                    pending = "\n\n" if out else ""
                    dropping = True
                elif not out:
                    dropping = True
                between = None
            if piece != OUTER:
                inner += 1
        elif kind is End:
            first = begun.pop()
            if first is None:
                waiting -= 1
            if piece != OUTER:
                inner -= 1
            if not inner:
                between = ""
                if first is not None and piece != OUTER:
                    spans.append((str.__str__(piece), first, (len(out), 0)))
        elif kind is _Touch:
            # A pending line break, or the start of a block, ends the line before.
            ends = (*ends, Cut(len(out), "\n" in pending))
        elif piece:  # data, or what stands for it: it comes out as it is, and what is empty leaves no trace
            if pending:
                emit(_TIDY.get(pending) or tidy(pending))
                pending = ""
            if waiting:
                begun[-waiting:] = [(len(out), 0)] * waiting
                waiting = 0
            emit(piece)
            dropping = False
            between = None
    return out, ends, spans, begun, pending, dropping, between, waiting, inner


def condensed(pieces: list[Any]) -> list[Any]:
    """Return fewer pieces that come to the same in any prompt: a text, and the white space at its two ends."""
    solid = [number for number, piece in enumerate(pieces) if (piece.body if type(piece) is TemplateText else piece)]
    if not solid:
        return [TemplateText("".join(pieces))]
    first, last = solid[0], solid[-1]
    begins, ends = pieces[first], pieces[last]
    lead, tail = "".join(pieces[:first]), "".join(pieces[last + 1 :])
    if type(ends) is TemplateText:
        tail = ends.tail + tail
    if type(begins) is TemplateText:
        lead += begins[: len(begins) - len(begins.lstrip())]
        begins = TemplateText(begins.lstrip())
    out, *_ = put_together([begins, *pieces[first + 1 : last + 1]])
    found = [TemplateText(lead), "".join(out), TemplateText(tail)]
    return [piece for piece in found if piece]


_TIDY = {white: white for white in (" ", "\n", "\n\n")}  # what most often stands before data
