"""Where every line of a prompt comes from: the template's line, the persona's field, the ancestor that gave it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..errors import PersonaError, field_text
from ..prompts.explorations import Take, take
from ..prompts.parts import Path, Printed
from ..templating.events import TemplateText
from ..templating.templates import Template
from .persona import Persona, texts_of
from .provenance import Explanation, Provenance


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line that has one source.

    `template` and `line` say which line of which template file wrote it; `field` is the persona's field that it
    printed, and `origin` the ancestor that gave that field; `session` is true where session text is in it.
    """

    text: str
    template: str
    line: int | None
    field: str | None = None
    origin: Provenance | None = None
    session: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a prompt, without its line break, and its spans in order. An empty line has none."""

    text: str
    spans: tuple[Span, ...]

    def __str__(self) -> str:
        return self.text


class Segment(NamedTuple):
    """A part of a prompt that has one source: a line of a template, by its full name, and what that printed."""

    text: str
    template: str = ""
    line: int | None = None
    path: Path | None = None
    session: bool = False
    variable: str | None = None  # of the session, whose value it is
    of: frozenset[Path] = frozenset()  # all sources of what was printed there at once


def explain(
    persona: Persona, template: Template, session: Mapping[str, object], explanation: Explanation | None
) -> tuple[Line, ...]:
    """Return the lines of the prompt that a persona has in a template, each with where it came from.

    The session's values are those that were neutralised for it. Raises as `render` does.
    """
    taken = _followed(persona, template, session)
    return tuple([_line(each, template, explanation) for each in lines_of(segments(taken))])


def explain_parts(
    persona: Persona, template: Template, session: Mapping[str, object], explanation: Explanation | None
) -> tuple[Span, ...]:
    """Return what `explain` does, not cut into lines: a text of a hundred lines is one span. Together they are the text."""
    found: list[Span] = []
    for segment in segments(_followed(persona, template, session)):
        if segment.text:
            _add(found, _span(segment, template, explanation))
    return tuple(found)


def _followed(persona: Persona, template: Template, session: Mapping[str, object]) -> Take:
    taken = take(texts_of(persona), template, session)
    if taken.error is not None:
        raise taken.error
    if taken.doubtful:
        raise PersonaError(f"template {template.name!r} does what cannot be followed", persona=persona.key)
    return taken


def segments(taken: Take) -> Iterator[Segment]:
    """Yield the parts of a recorded prompt in order; together they are its text."""
    written = iter(_solid(taken.written))
    waiting, last = next(written, _END)
    for piece in taken.assembled.pieces:
        if isinstance(waiting, TemplateText):
            yield from _of_template(piece, waiting)
        elif waiting is not piece:
            yield from _of_template(piece, last)  # white space that was pending
            continue
        elif isinstance(piece, Printed):
            yield from _of_value(piece)
        else:
            yield Segment(str(piece), *_end_of(last))
        waiting, last = next(written, _END)


def _end_of(text: TemplateText | None) -> tuple[str, int | None]:
    """Return the line of a template where its own text ends."""
    if text is None or text.line is None:
        return "", None
    template, first = text.line
    return template, first + text.count("\n")


_END: tuple[object, TemplateText | None] = (None, None)


def _solid(pieces: Iterable[object]) -> Iterator[tuple[object, TemplateText | None]]:
    """Yield what comes out, in order, of what a template wrote, with its own text that was written last.

    White space may come out before any of it.
    """
    last: TemplateText | None = None
    for piece in pieces:
        if isinstance(piece, TemplateText):
            last = piece or last
            if piece.body:
                yield piece, last
        elif piece and (type(piece) is str or isinstance(piece, Printed)):
            yield piece, last


def _of_template(piece: str, text: TemplateText | None) -> Iterator[Segment]:
    """Yield the lines of what a template wrote itself, each with its line break."""
    lines = re.findall("[^\n]*\n|[^\n]+", piece)
    if text is None or text.line is None:
        yield Segment(piece)
        return
    template, first = text.line
    if piece.isspace():
        yield from (Segment(line, *_end_of(text)) for line in lines)
        return
    # Only blank lines are dropped when a text is tidied, and others come before it.
    numbers = iter([first + number for number, line in enumerate(text.split("\n")) if line.strip()])
    number = first
    for line in lines:
        number = next(numbers, number) if line.strip() else number
        yield Segment(line, template, number)


def _of_value(piece: Printed) -> Iterator[Segment]:
    template, line = piece.line if piece.line is not None else ("", None)
    begins = 0
    for part in piece.parts:
        path = None if part.path is None or part.path[0] == "session" else part.path
        text = piece[begins : begins + part.length]
        # What stands between others, as of a join, is the template's own.
        is_value = part.path is not None or part.session or len(piece.parts) == 1
        of = piece.of if is_value else frozenset[Path]()
        yield Segment(text, template, line, path, part.session, part.variable, of)
        begins += part.length


def lines_of(found: Iterable[Segment]) -> Iterator[tuple[Segment, ...]]:
    """Yield the segments of each line, without line breaks and none of them empty."""
    line: list[Segment] = []
    for segment in found:
        *ended, last = segment.text.split("\n")
        for part in ended:
            _join(line, segment._replace(text=part))
            yield tuple(line)
            line = []
        _join(line, segment._replace(text=last))
    yield tuple(line)


def _join(line: list[Segment], segment: Segment) -> None:
    """Add a segment to a line; what one line of a template wrote itself, in pieces, is one."""
    if line and line[-1][1:] == segment[1:] and is_own(segment):
        line[-1] = segment._replace(text=line[-1].text + segment.text)
    elif segment.text:
        line.append(segment)


def is_own(segment: Segment) -> bool:
    """Tell whether a template wrote it itself."""
    return segment.path is None and not segment.session and not segment.of


def _line(found: Iterable[Segment], template: Template, explanation: Explanation | None) -> Line:
    spans: list[Span] = []
    for segment in found:
        _add(spans, _span(segment, template, explanation))
    return Line("".join(span.text for span in spans), tuple(spans))


def _add(spans: list[Span], span: Span) -> None:
    """Add a span; what the template itself wrote in pieces is one."""
    before = spans[-1] if spans else None
    plain = span.field is None and not span.session
    if plain and before is not None and (before.field, before.session, before.template) == (None, False, span.template):
        spans[-1] = replace(before, text=before.text + span.text)
    else:
        spans.append(span)


def _span(segment: Segment, template: Template, explanation: Explanation | None) -> Span:
    syntax = template.syntaxes.get(segment.template)
    paths = [path for path in segment.of if path[0] != "session"] if segment.path is None else [segment.path]
    path = paths[0] if len(paths) == 1 and not (segment.path is None and segment.session) else None
    field = None if path is None else field_text(path)
    origin = None if path is None or explanation is None else origin_of(path, explanation)
    where = segment.template if syntax is None else syntax.path
    return Span(segment.text, where, segment.line, field, origin, segment.session)


def origin_of(path: Path, explanation: Explanation) -> Provenance | None:
    """Return where what a template printed was written."""
    name = str(path[0])
    if name == "name":
        given = explanation.origin(("display_name",))
        return given if given.persona is not None else Provenance(explanation.persona)
    if name in explanation.fields:
        return explanation.origin((name,))
    whole = len(path) == 1 and (name in explanation.lists or name in explanation.tables)
    return None if whole or name not in explanation else explanation.origin(path)
