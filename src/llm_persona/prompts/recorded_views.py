"""What a template sees while it is recorded: texts that remember where each part is from, and markers for values."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import UndefinedError

from ..placeholders import Constant
from ..templating.events import Watch
from ..templating.markers import Marker, token_of
from ..templating.session import Record, Verbatim
from ..templating.templates import Template
from ..templating.views import NO_SECTIONS, Filling, SessionView, Table, Text, TextTable
from .parts import Line, Part, Path
from .recordings import Recording, Token, place_now


class Lacking(UndefinedError):  # noqa: N818 - the run is begun anew, with the variable granted
    """A template uses a session variable that is not given. Never leaves this package."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class SourcedFilling(Filling):
    """Fills a persona's texts with markers that remember where each part is from."""

    __slots__ = ("_defaults", "_optional", "_recording")

    def __init__(
        self,
        owner: str,
        given: Mapping[str, Marker],
        defaults: Mapping[str, Marker],
        optional: frozenset[str],
        recording: Recording,
        template: Template,
    ) -> None:
        super().__init__(owner, {**defaults, **given}, _Watch(), Verbatim if template.family.escapes else None)
        self._defaults = defaults
        self._optional = optional
        self._recording = recording

    def value(self, name: str) -> Marker | None:
        """Return what stands for a variable, or for its default where it is not given; None where it has none."""
        if name in self._optional and not self._recording.choose(("given", name), True, False):
            return self._defaults.get(name)
        return self.values.get(name)  # type: ignore[return-value]  # all are markers

    def fill(self, text: str | Text) -> Any:
        if not isinstance(text, Text):
            return text
        pieces: list[str] = []
        parts: list[Part] = []
        tokens: list[Token] = []
        for part in text.parts:
            if isinstance(part, str):
                pieces.append(part)
                path = ("constants", part.name) if type(part) is Constant else text.field
                parts.append(Part(len(part), path, session=False))
                continue
            found = self.value(part.name)
            if found is None:
                raise Lacking(part.name, f"the session lacks {part.name!r}")
            token = token_of(found)
            is_default = token.parts[0].path == ("variables", part.name)
            tokens += [] if is_default else [token]
            shown = self.shown(token.value, part.name, text)
            pieces.append(shown)
            # A default has its own author; what the session gave stands in the field that asked for it.
            path = ("variables", part.name) if is_default else text.field
            parts.append(Part(len(shown), path, not is_default, None if is_default else part.name))
        if tokens:
            self.watch.touch(text.names, text.field, tokens[0].name)  # type: ignore[call-arg]  # a _Watch
        filled = "".join(pieces)
        value = filled if self.safe is None else self.safe(filled)
        unknown = any(token.unknown for token in tokens)
        of = frozenset((text.field, *(part.path for part in parts if part.path is not None)))
        return self._recording.stand_for(value, tuple(parts), unknown=unknown, how=("field", text.field), of=of)

    def ready(self, field: Any) -> object:
        if isinstance(field, TextTable):
            return _Names(field.entries, self, self._recording)
        return super().ready(field)


class _Names(Table):
    """Named texts whose names remember that they are names."""

    __slots__ = ("_field", "_recorded", "_recording")

    def __init__(self, entries: Mapping[str, Any], filling: Filling, recording: Recording) -> None:
        super().__init__(entries, filling)
        self._recorded = entries
        self._recording = recording
        first = next(iter(entries.values()), None)
        text = first[0] if type(first) is tuple else first
        self._field = "" if text is None else str(text.field[0])

    def __iter__(self) -> Iterator[str]:  # for filters too, which take no markers
        return map(self._shown, self._recorded)

    def items(self) -> Any:
        for name, text in self._recorded.items():
            path = (self._field, str(name))
            part = Part(len(name), path, session=False)
            how = ("name", path)
            marker = self._recording.stand_for(self._shown(name), (part,), whole=False, how=how, of=frozenset())
            yield marker, self._filling.entry(text)

    def _shown(self, name: str) -> str:
        return name if self._filling.safe is None else self._filling.safe(name)


class _Watch(Watch):
    """Remembers what looked at the session first."""

    __slots__ = ("touched",)

    def __init__(self) -> None:
        super().__init__()
        self.touched: tuple[Path | None, Line | None, str | None] | None = None

    def touch(self, names: Iterable[str], path: Path | None = None, variable: str | None = None) -> None:
        if self.touched is None:
            self.touched = (path, place_now(sys._getframe(1)), variable)
        super().touch(names)


class OpenSession(SessionView):
    """A session some of whose variables may be given or not."""

    __slots__ = ("_filling",)

    def __init__(self, filling: SourcedFilling, given: frozenset[str]) -> None:
        super().__init__(filling.values, given, filling.watch, _absent)
        self._filling = filling

    def has(self, name: str) -> bool:
        return name == "extra_sections" or self._filling.value(name) is not None

    def lookup(self, name: str) -> object:
        found = self._filling.value(name)
        if found is None:
            return NO_SECTIONS if name == "extra_sections" else _absent(self._absent(name), name)
        if token_of(found).parts[0].session:
            self._filling.watch.touch((name,))
        return found


def _absent(message: str, name: str) -> Undefined:
    return StrictUndefined(hint=message, name=name, exc=partial(Lacking, name))  # type: ignore[arg-type]  # makes one


def as_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as texts that know where they are from."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, TextTable | Record):
            entries = value.entries if isinstance(value, TextTable) else value
            made[name] = TextTable({n: _as_entry(each, (name, str(n))) for n, each in entries.items()})
        elif isinstance(value, tuple):
            made[name] = tuple([_as_text(text, (name, index)) for index, text in enumerate(value)])
        else:
            made[name] = _as_text(value, (name,)) if isinstance(value, str | Text) else value
    return made


def _as_entry(entry: Any, path: Path) -> Text | tuple[Text, ...]:
    if not isinstance(entry, tuple):
        return _as_text(entry, path)
    return tuple([_as_text(text, (*path, index)) for index, text in enumerate(entry)])


def _as_text(text: Any, path: Path) -> Text:
    return text if isinstance(text, Text) else Text((str(text),), path)
