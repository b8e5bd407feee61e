"""From what a template yields to the prompt's text: white space, sections, and the stable prefix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .events import OUTER, Event, Part, Pieces, Watch, tidy

Span = tuple[str, int, int]  # a section's name, and where it begins and ends in a text

# What a part could depend on of the prompt so far: whether anything was printed, whether it stands in a block, and the
# white space that is not decided yet (see Assembler).
State = tuple[bool, bool, str, bool, str | None]
BEGINNING: State = (False, False, "", False, None)

BEFORE = -1  # a place before the part that it is told of


class Assembled(NamedTuple):
    """A prompt's text; how many of its characters cannot depend on the session; where its sections are."""

    text: str
    stable: int
    spans: tuple[Span, ...] = ()


class Trace(NamedTuple):
    """What running a part added to a prompt, and what it left undecided. Places count from the part's beginning."""

    text: str
    begins: int  # where what it prints begins, after the white space before it; BEFORE where it prints nothing
    line: int  # its last line break, or BEFORE
    stable: int | None  # where the stable prefix ends, as the part looks at the session; None where it does not
    spans: tuple[Span, ...]
    after: tuple[str, bool, str | None]  # the white space that is not decided yet


if TYPE_CHECKING:

    class Known(Protocol):
        """The text of a part, for any values of the session."""

        @property
        def sections(self) -> tuple[object, ...]: ...

        def filled(self, values: Mapping[str, object]) -> list[str] | None:
            """Return the text in pieces; None where the part has to be run for these values."""
            ...

        def spans(self, filled: list[str]) -> tuple[Span, ...]:
            """Return where its sections are in these pieces."""
            ...

    class Parts(Protocol):
        """What is known of the parts of one template."""

        def known(self, part: Part, state: State) -> tuple[Known, Trace] | None: ...


class Assembler:
    """Takes events in order and builds the text.

    Invariant: white space that a template writes is pending until something follows it. What is emitted is never
    taken back, so what was emitted before the session was looked at is the same for every session.
    """

    __slots__ = (
        "_between",
        "_blocks",
        "_inner",
        "_joined",
        "_length",
        "_line",
        "_out",
        "_parts",
        "_pending",
        "_sections",
        "_stable",
        "_values",
        "_watch",
    )

    def __init__(self, watch: Watch, parts: Parts | None = None, values: Mapping[str, object] | None = None) -> None:
        self._watch = watch
        self._parts = parts
        self._values = values or {}
        self._out: list[str] = []
        self._length = 0
        self._line = 0  # where the last emitted line break stands; the stable prefix may be cut there
        self._pending = ""
        self._joined = False  # at the start of a block that a blank line sets apart: white space is dropped
        self._between: str | None = None  # what the template wrote since a block ended, if only white space
        self._blocks: list[tuple[str, int]] = []  # open blocks, and their first character or -1
        self._inner = 0  # of them, those that are not OUTER
        self._sections: list[Span] = []
        self._stable: int | None = None

    def assemble(self, events: Iterable[Event]) -> Assembled:
        self._take_all(events)
        text = "".join(self._out)
        return Assembled(text, len(text) if self._stable is None else self._stable, tuple(self._sections))

    def trace(self, events: Iterable[Event], state: State) -> Trace:
        """Return what these events come to where a prompt is in this state. For a new assembler."""
        begun, within, self._pending, self._joined, self._between = state
        first = self._length = int(begun)  # all that is asked of the length is whether there is any
        self._line = first + BEFORE
        self._inner = int(within)
        self._blocks.append((OUTER, -1))
        self._take_all(events)
        begins = self._blocks.pop()[1]
        return Trace(
            text="".join(self._out),
            begins=BEFORE if begins < 0 else begins - first,
            line=self._line - first,
            stable=None if self._stable is None else self._stable - first,
            spans=tuple((name, start - first, end - first) for name, start, end in self._sections),
            after=(self._pending, self._joined, self._between),
        )

    def _take_all(self, events: Iterable[Event]) -> None:
        watch, take = self._watch, self._take
        for event in events:
            if watch.touched and self._stable is None:
                self._touch()
            take(event)
        if watch.touched and self._stable is None:
            self._touch()

    def _take(self, event: Event) -> None:
        if type(event) is str:
            self._write(event)
        elif type(event) is tuple:
            if len(event) == 1:
                self._print(event[0])
            elif len(event) == 3:
                self._take_part(event)
            elif event[1]:
                self._begin(event[0])
            else:
                self._end()
        elif isinstance(event, Pieces):
            for inner in event.events:
                self._take(inner)

    def _take_part(self, part: Part) -> None:
        """Take a part: as it is known, or by running it."""
        if self._parts is not None:
            state = (self._length > 0, self._inner > 0, self._pending, self._joined, self._between)
            known = self._parts.known(part, state)
            if known is not None:
                filled = known[0].filled(self._values)
                if filled is not None:
                    self._repeat(*known, filled)
                    return
        _, run, context = part
        self._take_all(run(context))  # what stands within may be known

    def _repeat(self, known: Known, trace: Trace, filled: list[str]) -> None:
        length = self._length
        if trace.stable is not None and self._stable is None:
            self._stable = self._line if trace.stable == BEFORE else length + trace.stable
            self._watch.touched = True
        if trace.begins != BEFORE:
            self._open(length + trace.begins)
            self._out += filled
            self._length += sum(map(len, filled))
        if trace.line != BEFORE:
            self._line = length + trace.line
        if known.sections:
            self._sections += [(name, length + start, length + end) for name, start, end in known.spans(filled)]
        self._pending, self._joined, self._between = trace.after

    def _touch(self) -> None:
        # A pending line break, or the start of a block, ends the line before: nothing can be added to it.
        self._stable = self._length if "\n" in self._pending else self._line

    def _write(self, text: str) -> None:
        """Take text that the template wrote."""
        body = text.rstrip()
        if self._between is not None:
            self._between = None if body else self._between + text
        if not body:
            if not self._joined and self._length:
                self._pending += text
            return
        tail = text[len(body) :]
        if self._joined or not self._length:
            body = body.lstrip()
        self._emit(tidy(self._pending + body), pending=False)
        self._pending = tail

    def _print(self, text: str) -> None:
        """Take data: it comes out as it is, and what is empty leaves no trace."""
        if text:
            self._between = None
            self._emit(text, pending=True)

    def _emit(self, text: str, *, pending: bool) -> None:
        if pending and self._pending:
            self._put(tidy(self._pending))
        start = self._length
        if not pending:
            start += len(text) - len(text.lstrip())
        self._pending = ""
        self._joined = False
        self._open(start)
        self._put(text)

    def _open(self, start: int) -> None:
        """Let the open blocks that printed nothing yet begin here."""
        if not self._blocks or self._blocks[-1][1] >= 0:  # where a block has begun, those around it have
            return
        for index, (name, first) in enumerate(self._blocks):
            if first < 0:
                self._blocks[index] = (name, start)

    def _put(self, text: str) -> None:
        cut = text.rfind("\n")
        if cut >= 0:
            self._line = self._length + cut
        self._out.append(text)
        self._length += len(text)

    def _begin(self, name: str) -> None:
        within = self._inner
        self._blocks.append((name, -1))
        self._inner += name != OUTER
        if within:  # a block within another stands in its lines
            return
        if self._between is not None and (not self._between or "\n" in self._between):
            self._pending = "\n\n" if self._length else ""
            self._joined = True
        elif not self._length:
            self._joined = True
        self._between = None

    def _end(self) -> None:
        name, start = self._blocks.pop()
        self._inner -= name != OUTER
        if self._inner:
            return
        if start >= 0 and name != OUTER:
            self._sections.append((name, start, self._length))
        self._between = ""
