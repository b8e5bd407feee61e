"""Where every line of a prompt comes from: the template's line, the persona's field, the ancestor that gave it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import GeneratorType
from typing import cast

from jinja2 import BaseLoader
from jinja2 import Template as JinjaTemplate

from .assembly import Assembled, Assembler, Data, Event, Pieces, Watch
from .errors import field_text
from .persona import Persona
from .provenance import Explanation, Provenance
from .sandbox import Sandbox, XmlSandbox
from .session import Record, Verbatim, neutralise
from .templates import Template
from .views import Field, Filling, Text, TextTable

Path = tuple[str | int, ...]

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


class _Traced(str):
    """A text that remembers the field or the variable that it is."""

    path: Path
    session: bool


class _TracedVerbatim(Verbatim, _Traced):
    """The same, as persona text of an xml prompt."""


def _traced(text: str, path: Path, *, session: bool = False) -> str:
    kind: type[_Traced] = _TracedVerbatim if isinstance(text, Verbatim) else _Traced
    traced = kind(text)
    traced.path, traced.session = path, session
    return traced


class _Filling(Filling):
    __slots__ = ()

    def fill(self, text: str | Text) -> str:
        return _traced(super().fill(text), text.field, session=True) if isinstance(text, Text) else text


def _printed(value: object, data: Data | Pieces) -> Data | Pieces:
    if isinstance(data, tuple) and isinstance(value, _Traced):
        return (_traced(str.__str__(data[0]), value.path, session=value.session),)
    return data


class _Sandbox(Sandbox):
    def printed(self, value: object) -> Data | Pieces:
        return _printed(value, super().printed(value))


class _XmlSandbox(XmlSandbox):
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
    persona: Persona, template: Template, given: Mapping[str, object], explanation: Explanation | None
) -> tuple[Line, ...]:
    """Return the lines of the prompt that a persona has in a template, each with where it came from.

    Raises as `render` does.
    """
    texts = persona._prepared()
    fields, defaults = texts.ready_for(template.family)
    session = neutralise(given, template.family)
    values: dict[str, object] = {name: _tracing(text, ("variables", name)) for name, text in defaults.items()}
    values |= {name: _tracing(value, ("session", name), session=True) for name, value in session.values.items()}
    filling = _Filling(persona.key, values, Watch(), Verbatim if template.family.escapes else None)
    environment = (_XmlSandbox if template.family.escapes else _Sandbox)(
        cast("BaseLoader", template.compiled.environment.loader)
    )
    compiled = environment.get_template(str(template.compiled.name))
    traced = {name: _tracing(value, (name,)) for name, value in fields.items()}
    assembler = _TracingAssembler(filling.watch)
    traced_template = replace(template, compiled=compiled)
    assembled = traced_template.run(cast("Mapping[str, Field]", traced), filling, assembler)
    return tuple(_lines(assembled.text, assembler.written, template, explanation))


def _tracing(value: object, path: Path, *, session: bool = False) -> object:
    """Return a value whose texts remember where they are from."""
    if isinstance(value, str):
        return _traced(value, path, session=session)
    if isinstance(value, tuple):
        return tuple(_tracing(item, (*path, index), session=session) for index, item in enumerate(value))
    if isinstance(value, TextTable):
        entries = {name: _tracing(text, (*path, str(name))) for name, text in value.entries.items()}
        return TextTable(cast("Mapping[str, str | Text]", entries))
    if isinstance(value, Record):
        return Record(
            {
                _traced(name, path, session=session): _tracing(item, (*path, name), session=session)
                for name, item in value.items()
            }
        )
    return value


def _lines(text: str, written: list[_Written], template: Template, explanation: Explanation | None) -> Iterable[Line]:
    spans: list[Span] = []
    offset = 0
    for piece in written:
        chunk = text[offset : offset + piece.length]
        offset += piece.length
        *ended, last = chunk.split("\n")
        for part in ended:
            _add(spans, _span(part, piece, template, explanation))
            yield Line("".join(span.text for span in spans), tuple(spans))
            spans = []
        _add(spans, _span(last, piece, template, explanation))
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


def _span(text: str, piece: _Written, template: Template, explanation: Explanation | None) -> Span | None:
    if not text:
        return None
    syntax = template.syntaxes.get(piece.template)
    path, session = _source(piece, "" if syntax is None or piece.line is None else _line(syntax.source, piece.line))
    field = None if path is None else field_text(path)
    origin = None if path is None or explanation is None else _origin(path, explanation)
    where = piece.template if syntax is None else syntax.path
    return Span(text, where, piece.line, field, origin, session)


def _origin(path: Path, explanation: Explanation) -> Provenance | None:
    name = str(path[0])
    if name == "name":
        given = explanation.origin(("display_name",))
        return given if given.persona is not None else Provenance(explanation.persona)
    if name in explanation.fields:
        return explanation.origin((name,))
    whole = len(path) == 1 and (name in explanation.lists or name in explanation.tables)
    return None if whole or name not in explanation else explanation.origin(path)


def _source(piece: _Written, line: str) -> tuple[Path | None, bool]:
    """Return the persona's field a piece printed, and whether it holds session text.

    What a filter made of a text has forgotten where it was from: then the template's line says what it may be.
    """
    if piece.data is None:
        return None, False
    if isinstance(piece.data, _Traced):
        return None if piece.data.path[0] == "session" else piece.data.path, piece.data.session
    mentioned = [(match[1], match[2] or match[3]) for match in _MENTIONED.finditer(line)]
    field = next((name for root, name in mentioned if root == "persona"), None)
    return (None if field is None else (field,)), any(root == "session" for root, _ in mentioned)


def _line(source: str, number: int) -> str:
    lines = source.split("\n")
    return lines[number - 1] if 1 <= number <= len(lines) else ""
