"""Where every line of a prompt comes from: the template's line, the persona's field, the ancestor that gave it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import GeneratorType
from typing import cast

from jinja2 import Template as JinjaTemplate

from .assembly import Assembled, Assembler
from .errors import field_text
from .events import Data, Event, Pieces, Watch
from .filters import FILTERS, XML_FILTERS
from .persona import Persona
from .placeholders import Placeholder
from .provenance import Explanation, Provenance
from .sandbox import Sandbox, XmlSandbox
from .session import Verbatim
from .syntax import Syntax
from .templates import Template
from .tracing import Part, Path, Traced, remembering, traced, tracing
from .views import Field, Filling, Text, TextTable

_Source = tuple[int, Path | None, bool]  # a length, a field's path, and whether session text is in it
_MENTIONED = re.compile(r"\b(persona|session)\s*(?:\.\s*(\w+)|\[\s*['\"]([^'\"]+)['\"]\s*\])")


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


class _Filling(Filling):
    __slots__ = ()

    def fill(self, text: str | Text) -> str:
        if not isinstance(text, Text):
            return text
        return traced(super().fill(text), tuple(self._part(part, text) for part in text.parts))

    def _part(self, part: str | Placeholder, text: Text) -> Part:
        if isinstance(part, str):
            return Part(len(part), text.field, session=False)
        value = self.values[part.name]
        session = not isinstance(value, Traced) or value.parts[0].session
        # A default has its own author; what the session gave stands in the field that asked for it.
        return Part(len(self._value(part, text)), text.field if session else ("variables", part.name), session)


def _printed(value: object, data: Data | Pieces) -> Data | Pieces:
    if isinstance(data, tuple) and isinstance(value, Traced) and value.parts:
        return (traced(str.__str__(data[0]), value.parts),)
    return data


_FILTERS = {name: remembering(each) for name, each in FILTERS.items()}
_XML_FILTERS = {name: remembering(each) for name, each in XML_FILTERS.items()}


class _Sandbox(Sandbox):
    available = _FILTERS

    def printed(self, value: object) -> Data | Pieces:
        return _printed(value, super().printed(value))


class _XmlSandbox(XmlSandbox):
    available = _XML_FILTERS

    def printed(self, value: object) -> Data | Pieces:
        return _printed(value, super().printed(value))


@dataclass(slots=True)
class _Written:
    """What one event wrote: the length of its text, and where the template stood."""

    length: int
    template: str
    line: int | None
    data: str | None


class _TracingAssembler(Assembler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self.written: list[_Written] = []
        self._place: tuple[str, int | None] = ("", None)
        self._data: str | None = None

    def assemble(self, events: Iterable[Event]) -> Assembled:
        return super().assemble(self._watched(cast("GeneratorType[Event, None, None]", events)))

    def _watched(self, events: GeneratorType[Event, None, None]) -> Iterable[Event]:
        for event in events:
            self._place = _place_in(events)
            yield event

    def _take(self, event: Event) -> None:
        self._data = event[0] if isinstance(event, tuple) and len(event) == 1 else None
        super()._take(event)

    def _put(self, text: str) -> None:
        self.written.append(_Written(len(text), *self._place, text if text is self._data else None))
        super()._put(text)


def _place_in(events: GeneratorType[Event, None, None]) -> tuple[str, int | None]:
    """Return the template and the line at which a running template stands: those of its innermost generator."""
    name, line = "", None
    current: object = events
    while isinstance(current, GeneratorType) and current.gi_frame is not None:
        frame = current.gi_frame
        template = frame.f_globals.get("__jinja_template__")
        if isinstance(template, JinjaTemplate):
            name, line = str(template.name), template.get_corresponding_lineno(frame.f_lineno)
        current = current.gi_yieldfrom or frame.f_locals.get("gen")
    return name, line


def explain(
    persona: Persona, template: Template, session: Mapping[str, object], explanation: Explanation | None
) -> tuple[Line, ...]:
    """Return the lines of the prompt that a persona has in a template, each with where it came from.

    The session's values are those that were neutralised for it. Raises as `render` does.
    """
    texts = persona._prepared()
    fields, defaults = texts.ready_for(template.family)
    values: dict[str, object] = {name: tracing(text, ("variables", name)) for name, text in defaults.items()}
    values |= {name: tracing(value, ("session", name), session=True) for name, value in session.items()}
    filling = _Filling(persona.key, values, Watch(), Verbatim if template.family.escapes else None)
    compiled = template.compiled_by(_XmlSandbox if template.family.escapes else _Sandbox)
    traced_fields = {name: tracing(value, (name,)) for name, value in fields.items()}
    assembler = _TracingAssembler(filling.watch)
    assembled = compiled.run(cast("Mapping[str, Field]", traced_fields), filling, assembler)
    sources = [(piece, source) for piece in assembler.written for source in _sources(piece, template, fields)]
    return tuple(_lines(assembled.text, sources, template, explanation))


def _lines(
    text: str, sources: Iterable[tuple[_Written, _Source]], template: Template, explanation: Explanation | None
) -> Iterable[Line]:
    spans: list[Span] = []
    offset = 0
    for piece, (length, path, session) in sources:
        chunk = text[offset : offset + length]
        offset += length
        *ended, last = chunk.split("\n")
        for part in ended:
            _add(spans, _span(part, piece, path, session, template, explanation))
            yield Line("".join(span.text for span in spans), tuple(spans))
            spans = []
        _add(spans, _span(last, piece, path, session, template, explanation))
    yield Line("".join(span.text for span in spans), tuple(spans))


def _add(spans: list[Span], span: Span | None) -> None:
    """Add a span; what the template itself wrote in pieces is one."""
    if span is None:
        return
    before = spans[-1] if spans else None
    plain = span.field is None and not span.session
    if plain and before is not None and (before.field, before.session, before.template) == (None, False, span.template):
        spans[-1] = replace(before, text=before.text + span.text)
    else:
        spans.append(span)


def _span(
    text: str,
    piece: _Written,
    path: Path | None,
    session: bool,
    template: Template,
    explanation: Explanation | None,
) -> Span | None:
    if not text:
        return None
    syntax = template.syntaxes.get(piece.template)
    field = None if path is None else field_text(path)
    origin = None if path is None or explanation is None else _origin(path, explanation)
    where = piece.template if syntax is None else syntax.path
    return Span(text, where, _line_of(text, piece, syntax), field, origin, session)


def _line_of(text: str, piece: _Written, syntax: Syntax | None) -> int | None:
    """Return the line that wrote a piece; of a template's own text of several lines, the one where this line stands."""
    if piece.data is not None or piece.line is None or syntax is None:
        return piece.line
    lines = enumerate(syntax.source.split("\n")[piece.line - 1 :], piece.line)
    return next((number for number, line in lines if text.strip() in line), piece.line)


def _origin(path: Path, explanation: Explanation) -> Provenance | None:
    name = str(path[0])
    if name == "name":
        given = explanation.origin(("display_name",))
        return given if given.persona is not None else Provenance(explanation.persona)
    if name in explanation.fields:
        return explanation.origin((name,))
    whole = len(path) == 1 and (name in explanation.lists or name in explanation.tables)
    return None if whole or name not in explanation else explanation.origin(path)


def _sources(piece: _Written, template: Template, fields: Mapping[str, Field]) -> Iterable[_Source]:
    """Yield, for each part of what was written, its length, the persona's field, and whether session text is in it.

    What a method made of a text, or a filter of a list, has forgotten where it was from: then the template's line says
    what it may be, and which field only where the line mentions one field and nothing else.
    """
    if piece.data is None:
        yield piece.length, None, False
    elif not isinstance(piece.data, Traced) or not piece.data.parts:
        yield piece.length, *_mentioned(piece, template, fields)
    elif len(piece.data.parts) == 1:  # escaping may have made it longer
        (part,) = piece.data.parts
        yield piece.length, None if part.path and part.path[0] == "session" else part.path, part.session
    else:
        for part in piece.data.parts:
            yield part.length, part.path, part.session


def _mentioned(piece: _Written, template: Template, fields: Mapping[str, Field]) -> tuple[Path | None, bool]:
    syntax = template.syntaxes.get(piece.template)
    line = "" if syntax is None or piece.line is None else _line(syntax.source, piece.line)
    found = {(match[1], match[2] or match[3]) for match in _MENTIONED.finditer(line)}
    names = [name for root, name in found if root == "persona"]
    session = len(names) < len(found) or any(_is_filled(fields.get(name)) for name in names)
    return (names[0],) if len(found) == 1 and names else None, session


def _is_filled(field: Field) -> bool:
    """Tell whether session values may be filled into a field."""
    if isinstance(field, TextTable):
        return any(map(_is_filled, field.entries.values()))
    return any(map(_is_filled, field)) if isinstance(field, tuple) else isinstance(field, Text)


def _line(source: str, number: int) -> str:
    lines = source.split("\n")
    return lines[number - 1] if 1 <= number <= len(lines) else ""
