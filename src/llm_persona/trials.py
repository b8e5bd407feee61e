"""Trial renders: a persona in its template with samples for the session, and what became of each."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, cast

from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context

from .assembly import Assembled, Assembler
from .errors import PersonaError, TemplateError, let_through
from .events import Data, Pieces, Watch
from .placeholders import Placeholder
from .samples import Choices, Sample, sample, tagged
from .sandbox import GLOBALS, Sandbox, XmlSandbox
from .session import Family, Verbatim
from .templates import Template
from .texts import PersonaTexts
from .views import Field, Filling, PersonaView, SessionView, Text, TextTable

MASK = "\ue000"  # for private use: no template writes it
MAX_ASKED = 100  # names that one trial grants, one after the other

# No text of a persona or a session can hold lone surrogates, and NUL is another's mark (see `markers`).
MARK = re.compile("\ud800([0-9]+)\udfff")
_TAG = re.compile("zq([0-9]+)qz")
_NAME_TAG = "zqnqz"

Path = tuple[str | int, ...]
Place = tuple[str, int]  # a template's full name, and a line


@dataclass(frozen=True, slots=True)
class Source:
    """What a mark in a prompt stands for: a session variable, and the persona's field or the template's line."""

    name: str
    field: Path | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a run. `error` is None where it went to its end."""

    text: str = ""
    stable: int = 0  # characters
    sources: tuple[Source, ...] = ()  # by the number of their mark
    asked: Mapping[str, TemplateError] = field(default_factory=dict)  # absent names -> where they were asked for
    questions: int = 0  # answered by samples
    touched: Source | None = None  # what first looked at the session
    error: PersonaError | None = None

    def tags(self) -> set[int]:
        """Return the tags that are in the prompt, whatever filters made of their case."""
        return {int(number) for number in _TAG.findall(self.text.lower())}

    @property
    def says_name(self) -> bool:
        """Whether a place of the prompt comes from the persona's name."""
        return _NAME_TAG in self.text.lower()


class AbsentError(UndefinedError):
    """A template used a session variable that is absent; the message is its name, quoted."""


class _Marks:
    def __init__(self) -> None:
        self.sources: list[Source] = []

    def mark(self, source: Source) -> str:
        self.sources.append(source)
        return f"\ud800{len(self.sources) - 1}\udfff"


class _Watch(Watch):
    """Remembers where a template stood when it first looked at the session."""

    __slots__ = ("_touched", "place")

    def __init__(self) -> None:
        self.place: Place | None = None
        self._touched = False

    @property
    def touched(self) -> bool:
        return self._touched

    @touched.setter
    def touched(self, value: bool) -> None:
        if value and not self._touched:
            self.place = _place_now(sys._getframe(1))
        self._touched = value


class _Filling(Filling):
    """Fills texts with marks in the place of samples, and remembers which text looked at the session first."""

    __slots__ = ("first", "marks")

    def __init__(self, owner: str, values: Mapping[str, object], marks: _Marks, family: Family) -> None:
        super().__init__(owner, values, _Watch(), Verbatim if family.escapes else None)
        self.marks = marks
        self.first: Path | None = None

    def fill(self, text: str | Text) -> str:
        if not isinstance(text, Text):
            return text
        if not self.watch.touched:
            self.first = text.field
        return super().fill(text)

    def _value(self, part: str | Placeholder, text: Text) -> str:
        assert isinstance(part, Placeholder)
        if isinstance(self.values[part.name], Sample):
            return self.marks.mark(Source(part.name, field=text.field))
        return super()._value(part, text)


class _Trying(Sandbox):
    """The part of the two environments that knows samples."""

    marks: _Marks

    def printed(self, value: object) -> Data | Pieces:
        if isinstance(value, Sample) and (match := MARK.fullmatch(str.__str__(value))):
            name = self.marks.sources[int(match[1])].name
            return (self.marks.mark(Source(name, place=_place_now(sys._getframe(1)))),)
        return super().printed(value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = [each for each in (left, right) if isinstance(each, int | float) or each is None]
        if numbers and (isinstance(left, Sample) or isinstance(right, Sample)):
            return left if isinstance(left, Sample) else right
        return super().call_binop(context, operator, left, right)

    def _variable(self, session: SessionView, name: str) -> object:
        try:
            return session.lookup(name)
        except KeyError:
            return self.undefined(hint=repr(name), name=name, exc=AbsentError)


class _XmlTrying(_Trying, XmlSandbox):
    pass


class Environments:
    """The environments of trials, one a family: what several templates extend or include is compiled once."""

    def __init__(self) -> None:
        self._made: dict[bool, _Trying] = {}

    def holding(self, template: Template) -> _Trying:
        """Return the environment that has this template."""
        loader: Any = template.compiled.environment.loader
        escapes = template.family.escapes
        if escapes not in self._made:
            self._made[escapes] = (_XmlTrying if escapes else _Trying)(type(loader)({}))
        environment = self._made[escapes]
        cast(Any, environment.loader).chain.update(loader.chain)
        return environment


class Trials:
    """Runs one template, for any persona and session."""

    def __init__(self, template: Template, environments: Environments) -> None:
        self.template = template
        self._environment = environments.holding(template)
        self._compiled = self._environment.get_template(str(template.compiled.name))

    def run(
        self,
        texts: PersonaTexts,
        given: Mapping[str, object],
        names: Set[str] = frozenset(),
        choices: Choices | None = None,
        fields: Mapping[str, Field] | None = None,
    ) -> Trial:
        """Run it with these neutralised values, and with samples for the names; absent ones are granted when used."""
        own, defaults = texts.ready_for(self.template.family)
        asked: dict[str, TemplateError] = {}
        usual, odd = (True, None) if choices is None else (choices.usual, choices.odd)
        while True:
            choices, marks = Choices(usual, odd), _Marks()
            values = {**defaults, **given}
            values |= {name: sample(marks.mark(Source(name)), choices) for name in (*names, *asked)}
            filling = _Filling(texts.persona.key, values, marks, self.template.family)
            self._environment.marks = marks
            try:
                assembled = self._assemble(own if fields is None else fields, filling)
            except AbsentError as error:
                name = str(error)[1:-1]
                if name in asked or len(asked) >= MAX_ASKED:
                    return Trial(asked=asked, error=self.template._translated(error))
                asked[name] = cast(TemplateError, self.template._translated(error))
            except Exception as error:
                let_through(error)
                return Trial(asked=asked, questions=choices.made, error=self.template._translated(error))
            else:
                watch = cast(_Watch, filling.watch)
                touched = Source("", filling.first, watch.place) if watch.touched else None
                text, stable = assembled.text, assembled.stable
                return Trial(text, stable, tuple(marks.sources), asked, choices.made, touched)

    def _assemble(self, fields: Mapping[str, Field], filling: _Filling) -> Assembled:
        names = {**GLOBALS, "persona": PersonaView(fields, filling), "session": SessionView(filling)}
        compiled = self._compiled
        context = self._environment.context_class(self._environment, names, compiled.name, compiled.blocks)
        return Assembler(filling.watch).assemble(compiled.root_render_func(context))


def _place_now(frame: FrameType | None) -> Place | None:
    """Return the line of the template that is running innermost."""
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return template.name, template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back
    return None


def with_tags(fields: Mapping[str, Field], paths: Mapping[Path, int], named: Set[Path]) -> dict[str, Field]:
    """Return the fields with a tag behind each text that has a number, and one for the name behind those that hold it."""

    def tag(path: Path) -> str:
        number = f"zq{paths[path]}qz" if path in paths else ""
        return number + _NAME_TAG if path in named else number

    return _changed(fields, {*paths, *named}, lambda path, text: _tag(text, tag(path)))


def with_mask(fields: Mapping[str, Field], path: Path) -> dict[str, Field]:
    """Return the fields with another text of the same length at a path."""
    return _changed(fields, (path,), lambda each, text: _masked(text) if each == path else text)


def _changed(
    fields: Mapping[str, Field], paths: Iterable[Path], change: Callable[[Path, str | Text], str | Text]
) -> dict[str, Field]:
    changed = dict(fields)
    paths = tuple(paths)
    for name in {str(path[0]) for path in paths}:
        value = fields[name]
        if isinstance(value, tuple):
            changed[name] = tuple(change((name, index), text) for index, text in enumerate(value))
        elif isinstance(value, TextTable):
            entries = {entry: change((name, str(entry)), text) for entry, text in value.entries.items()}
            changed[name] = TextTable(entries)
        elif isinstance(value, str | Text):
            changed[name] = change((name,), value)
    if ("name",) in paths and fields["display_name"]:
        changed["display_name"] = changed["name"]  # which is what is spoken
    return changed


def _tag(text: str | Text, tag: str) -> str | Text:
    if not tag:
        return text
    return Text((*text.parts, tag), text.field) if isinstance(text, Text) else tagged(text, tag)


def _masked(text: str | Text) -> str | Text:
    if isinstance(text, Text):
        return Text(tuple(MASK * len(part) if isinstance(part, str) else part for part in text.parts), text.field)
    return type(text)(MASK * len(text))
