"""What made a prompt differ from its snapshot, as recordings know it: fields, templates' lines, the session's values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ..errors import PersonaError, field_text
from ..fields import AS_WRITTEN, FIELDS, FILLED, NEVER_RENDERED
from ..persona.inheritance import Lineage
from ..persona.persona import Persona, binding_of, settled_with, texts_of
from ..persona.prompt_lines import Segment, is_own, lines_of, origin_of, segments
from ..persona.provenance import Explanation, Provenance, explanation
from ..placeholders import Placeholder, Placeholders
from ..prompts.explorations import take
from ..prompts.parts import Path
from ..prompts.texts import PersonaTexts
from ..registry.registry import state_of
from ..templating.session import neutralise
from .cases import PromptCase

Span = tuple[int, int]
Source = tuple[str | int | None, ...]  # a template's line, or the path of a field or of a session's variable
Lines = list[tuple[Segment, ...]]

PLAIN = "llm_persona/markdown"  # prints every field, whatever the product's template drops
BUNDLED = "llm_persona/"
_TAKEN_BACK = [name for name in (*FILLED, *AS_WRITTEN) if name not in (*NEVER_RENDERED, "constants")]


_NAMED = ("name", "company")  # what a text may ask for
_ROOTS = frozenset([*FIELDS, "key", "session"])  # what paths begin with


class Cause(NamedTuple):
    """What a change may come from, and where that is written: `personas.yaml:8`, empty where it is in no file."""

    what: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.place})" if self.place else self.what


class Change(NamedTuple):
    """One difference: what a failure says of it, and what it may come from, the likeliest first.

    `follows` where it comes and goes with what else changed: the own text of a bundled template, which nobody edits.
    """

    text: str
    causes: tuple[Cause, ...]
    follows: bool = False


class Kept(NamedTuple):
    """What made the lines that did not change: templates' lines by their own text, and fields."""

    templates: frozenset[tuple[str, int | None]]
    fields: frozenset[Path | None]


class Origins:
    """Tells what made the lines of one case's prompt. Raises PersonaError where that cannot be told."""

    def __init__(self, case: PromptCase, text: str) -> None:
        state = state_of(case.registry)
        self.case = case
        self.persona = case.registry.complete(case.key)
        self._places = state.places
        self._lineage: Lineage = state.lineages[self.persona.key]
        self._template = self.persona.own_template(None if case.own else case.template)
        self._explained = explanation(self._lineage, self._places)
        self.lines = self._recorded(texts_of(self.persona))
        if text != "\n".join(map(_text, self.lines)):
            raise PersonaError(f"{case}: what the test compares is not the prompt itself")

    def _recorded(self, texts: PersonaTexts, template: str | None = None) -> Lines:
        """Return the lines of a persona's prompt by what made them; none where they cannot be told."""
        run = self._template if template is None else self.persona.own_template(template)
        taken = take(texts, run, neutralise(self.case.variables, run.family).values)
        return [] if taken.error is not None or taken.doubtful else list(lines_of(segments(taken)))

    def kept(self, numbers: Iterable[int]) -> Kept:
        """Return what made these lines, which are as they were."""
        found = [segment for number in numbers for segment in self.lines[number] if segment.text.strip()]
        return Kept(
            frozenset((each.template, each.line) for each in found if is_own(each)),
            frozenset(each.path for each in found if not is_own(each)),
        )

    def _named(self, segment: Segment) -> list[Source]:
        """Return `{name}` and `{company}` where a segment's text has them: they were filled in before it was recorded."""
        raw = self._lineage.persona
        texts = [text_at(raw, path) for path in (segment.path, *segment.of) if path is not None]
        placeholders = Placeholders(self.persona.variables, self.persona.constants)
        parts = [part for text in texts if text for part in placeholders.parse(text)]
        return [(part.name,) for part in parts if isinstance(part, Placeholder) and part.name in _NAMED]

    def _is_as_written(self, segment: Segment) -> bool:
        """Tell whether a segment is the template's own, or says what it prints as its author wrote it."""
        texts = [text_at(self.persona, path) for path in (segment.path, *segment.of) if path is not None]
        return not texts or any(text is not None and segment.text in text for text in texts)

    def _sources(self, segment: Segment) -> list[Source]:
        return list(dict.fromkeys([*_sources(segment), *self._named(segment)]))

    def changed(self, number: int, old: str, kept: Kept) -> Iterator[Change]:
        """Yield what made a line other than the old one in its place: any source that alone may have, else several."""
        line = self.lines[number]
        made_of = [(segment, self._sources(segment)) for segment in line]
        held: dict[Source, int] = {}  # characters of the line
        for segment, each in made_of:
            for source in each:
                if source == segment.path or source not in kept.fields or source[0] not in _NAMED:
                    held[source] = held.get(source, 0) + len(segment.text)
        sources = sorted(held, key=lambda source: (_is_line(source), held[source]))
        sources += [(segment.template, segment.line) for segment in line]
        if old.casefold() == _text(line).casefold():  # a filter was edited, where one made the line
            filtered = [segment for segment in line if not self._is_as_written(segment)]
            if filtered:
                lines = [(segment.template, segment.line) for segment in filtered]
                yield self._change(filtered[0], [*lines, *(each for _, found in made_of for each in found)])
                return
        fitting = [source for source in dict.fromkeys(sources) if _may_have_made(source, made_of, old)]
        if fitting:
            edited = [source for source in fitting if not _is_bundled(source)] or fitting
            holding = next((segment for segment, each in made_of if edited[0] in each), line[0])
            yield self._change(holding, edited)
            return
        begins, ends, old_ends = _difference(old, _text(line))
        gone = old[begins:old_ends]
        touched = [
            segment
            for segment, (first, last) in _placed(line)
            if _touch((first, last), (begins, ends)) and not (begins <= first and last <= ends and segment.text in gone)
        ]
        values = [segment for segment in touched if not is_own(segment)]
        for segment in values or touched[:1] or line[:1]:
            yield self._change(segment, self._sources(segment))

    def came(self, number: int, kept: Kept) -> Change:
        """Tell what made a line that is new: what it prints, or the template's line that prints it."""
        line = [segment for segment in self.lines[number] if segment.text.strip()]
        values = sorted([each for each in line if not is_own(each)], key=lambda each: -len(each.text))
        printing = next((each for each in line if is_own(each)), line[0])
        own: Source = (printing.template, printing.line)
        if not values:
            return self._change(printing, [own])
        sources = [source for each in values for source in _sources(each)]
        if not _is_bundled(own) and own not in kept.templates:
            sources.insert(0 if values[0].path in kept.fields else len(sources), own)
        return self._change(values[0], sources)

    def _change(self, holding: Segment, sources: Iterable[Source]) -> Change:
        """Return a change that any of the sources may have made, the first of which the segment holds."""
        ordered = list(dict.fromkeys(sources))
        causes = tuple(dict.fromkeys(map(self._cause, ordered))) or (self._cause(("session", "")),)
        printing = self._cause((holding.template, holding.line)).place
        if ordered and _is_line(ordered[0]):
            return Change(f"the template's line {causes[0].place}", causes, _is_bundled(ordered[0]))
        holders = [path for path in holding.of if path[0] not in ("variables", "session") and path not in ordered[:1]]
        inside = f" in {self.field(holders[0])}" if len(holders) == 1 else ""
        return Change(f"{causes[0]}{inside}{f', printed by {printing}' if holding.line else ''}", causes)

    def _cause(self, source: Source) -> Cause:
        if _is_line(source):
            name, line = source
            syntax = self._template.syntaxes.get(str(name))
            where = str(name) if syntax is None else syntax.path
            return Cause("the template's line", where if line is None else f"{where}:{line}")
        if source[0] == "session":
            name = f"{source[1]!r} of " if len(source) > 1 and source[1] else ""
            return Cause(f"{name}the test's session {self.case.session!r}")
        return self.field(tuple([part for part in source if part is not None]))

    def field(self, path: Path, explained: Explanation | None = None) -> Cause:
        """Return a field by who gave it: `AcmeBase.tone (personas.yaml:8)`."""
        given = origin_of(path, explained or self._explained)
        if path[0] == "name":
            if given is None or given.line is None or self.persona.display_name is None:
                return Cause(f"the name {self.case.key}", self._place(self.persona.key, ()))
            path = ("display_name",)
        if given is None:
            return Cause(f"the persona's {field_text(path)}")
        if given.persona is None:
            return Cause(f"{field_text(path)} (the default)")
        return Cause(f"{self.case.registry.definition(given.persona).ref}.{field_text(path)}", _file_line(given))

    def _place(self, key: str, path: Path) -> str:
        document = self._places.get(key)
        return "" if document is None else f"{document.path}:{document.locate((key, *path), key=True)[0]}"

    # ---- what is gone

    def removed(self, line: str, shown: str) -> Change:
        """Say why a line is gone: the template leaves out what the persona says, an edit took it, or nobody says it."""
        gone = f"{shown} is gone: "
        bare = _bare(line)
        if bare in self._said:
            name = self.case.template
            text = f"{gone}{self.field(self._said[bare])} says it still, and the template {name!r} does not print it"
            return _alone(text, self._template.syntaxes[str(self._template.compiled.name)].path)
        for taker, giver, found in self._ancestors:
            if line in found:
                path = found[line]
                given = self.field(path, explanation(giver, self._places))
                text = f"{gone}{given} says it, and {taker.definition.ref} takes it away"
                return _alone(text, self._place(taker.definition.key, path[:1]))
        for syntax in self._template.syntaxes.values():
            if (number := syntax.own_lines.get(line.strip())) is not None:
                place = f"{syntax.path}:{number}"
                text = f"{gone}the template's line {place} says it still, and is not come to"
                return Change(text, (Cause(text),), follows=syntax.path.startswith(BUNDLED))
        return _alone(f"{gone}no field and no template says it any more")

    @cached_property
    def _said(self) -> dict[str, Path]:
        """What the persona says, line by line and without bullets, and in which field."""
        return {
            _bare(_text(line)): line[-1].path
            for line in self._recorded(texts_of(self.persona), PLAIN)
            if line and line[-1].path is not None and all(each.text == "- " for each in line if is_own(each))
        }

    @cached_property
    def _ancestors(self) -> Sequence[tuple[Lineage, Lineage, dict[str, Path]]]:
        """For each ancestor: who stands right below it, its own lineage, and the lines that the prompt would have with
        the ancestor's fields, by the field that says them."""
        found = []
        below = self._lineage
        while below.inherited is not None:
            ancestor = below.inherited
            values = {name: value for name in _TAKEN_BACK if (value := getattr(ancestor.persona, name))}
            bound = binding_of(self.persona)
            texts = PersonaTexts(settled_with(self.persona, values), None if bound is None else bound.tools)
            lines = {}
            for line in self._recorded(texts):
                said = [each.path for each in line if each.path is not None and each.path[0] in values]
                if said:
                    lines[_text(line)] = said[-1]
            found.append((below, ancestor, lines))
            below = ancestor
        return found


def _alone(text: str, place: str = "") -> Change:
    return Change(text, (Cause(text, place),))


def text_at(persona: Persona, path: Path) -> str | None:
    """Return a text of a persona, None where there is none."""
    found = getattr(persona, str(path[0]), None)
    if len(path) == 3 and isinstance(found, Mapping):
        found, path = found.get(str(path[1])), path[1:]
    if len(path) == 2 and isinstance(found, tuple):
        found = found[int(path[1])] if int(path[1]) < len(found) else None
    elif len(path) == 2 and isinstance(found, Mapping):
        found = found.get(str(path[1]))
    return found if isinstance(found, str) else None


def _sources(segment: Segment) -> list[Source]:
    """Return what a segment was made of: the template's line, or fields and the session's variables."""
    if is_own(segment):
        return [(segment.template, segment.line)]
    made_of: list[Source] = sorted(segment.of, key=str)
    if segment.path is not None or segment.variable is not None:  # of the rest, the text that it stands in
        made_of = [path for path in made_of if path[0] not in ("variables", "session")]
    if segment.variable is not None:
        made_of.insert(0, ("session", segment.variable))
    elif segment.path is not None:
        made_of.insert(0, segment.path)
    else:  # mixed, maybe with the template's own text
        made_of.append((segment.template, segment.line))
    return list(dict.fromkeys(made_of))


def _is_line(source: Source) -> bool:
    return len(source) == 2 and source[0] not in _ROOTS


def _is_bundled(source: Source) -> bool:
    return _is_line(source) and str(source[0]).startswith(BUNDLED)


def _may_have_made(source: Source, line: Sequence[tuple[Segment, list[Source]]], old: str) -> bool:
    """Tell whether the old line may be this one with other text from one source: all else stands in it, in order."""
    rest: list[str | None] = []  # None where anything may have stood
    for segment, made_of in line:
        changed = source in made_of
        is_around = _is_line(source) and (segment.template, segment.line) == source  # beside what it printed
        rest += [None] if changed else [None, segment.text, None] if is_around else [segment.text]
    at = 0
    parts = _runs(rest)
    for index, (text, is_free) in enumerate(parts):
        if index == len(parts) - 1 and rest[-1] is not None:
            return old.endswith(text) and (at <= len(old) - len(text) if is_free else at == len(old) - len(text))
        found = old.find(text, at) if is_free else (at if old.startswith(text, at) else -1)
        if found < 0:
            return False
        at = found + len(text)
    return bool(rest) and rest[-1] is None


def _runs(rest: Iterable[str | None]) -> list[tuple[str, bool]]:
    """Return the texts that must stand in a line, and whether anything may stand before each of them."""
    runs: list[tuple[str, bool]] = []
    is_free = False
    for text in rest:
        if text is None:
            is_free = True
        elif runs and not is_free:
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        else:
            runs.append((text, is_free))
            is_free = False
    return runs


def _text(line: Iterable[Segment]) -> str:
    return "".join(segment.text for segment in line)


def _file_line(given: Provenance) -> str:
    return f"{given.path}:{given.line}" if given.path and given.line else ""


def _bare(line: str) -> str:
    return line.strip().removeprefix("- ").strip()


def _placed(line: Iterable[Segment]) -> Iterator[tuple[Segment, Span]]:
    begins = 0
    for segment in line:
        yield segment, (begins, begins + len(segment.text))
        begins += len(segment.text)


def _touch(span: Span, changed: Span) -> bool:
    return (
        span[0] <= changed[0] <= span[1] if changed[0] == changed[1] else span[0] < changed[1] and changed[0] < span[1]
    )


def _difference(old: str, new: str) -> tuple[int, int, int]:
    """Return where two texts begin to differ, and where in the new and in the old one they are the same again."""
    begins = _common(old, new)
    same = _common(old[begins:][::-1], new[begins:][::-1])
    return begins, len(new) - same, len(old) - same


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next(
        (count for count, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
