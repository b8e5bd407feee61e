"""Where the lines of a prompt come from: the field, its ancestor and its place, or the template's line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .errors import field_text
from .inheritance import texts
from .persona import Persona
from .placeholders import Placeholder, Placeholders
from .prompt_cases import PromptCase
from .provenance import Explanation, Provenance
from .registry import PersonaRegistry
from .syntax import Syntax

Span = tuple[int, int]
Path = Sequence[str | int]

_CODE = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}|\{[%#].*?[%#]\}")
_BLOCK = re.compile(r"\{%[-+]?\s*(?:(block)\s+(\w+)|(endblock))")
_FIELD = re.compile(r"\s*persona\.(\w+)\s*")
_VARIABLE = re.compile(r"\s*session\.(\w+)\s*")
_SAME_WORD = 2  # characters; what is shorter is found by chance


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line of a persona's text, as a pattern: placeholders match anything."""

    path: tuple[str | int, ...]
    pattern: re.Pattern[str]
    variables: tuple[str, ...]  # by group


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """One line of a template, as a pattern: what it prints matches anything."""

    place: str
    pattern: re.Pattern[str]
    printed: tuple[str, ...]  # by group
    weight: int  # characters of its own
    block: list[str] = field(default_factory=list)  # the lines of the block around it


class Origins:
    """Tells what made the lines of one case's prompt."""

    def __init__(self, case: PromptCase) -> None:
        self.case = case
        self.persona: Persona = case.registry.complete(case.key)
        self._explained: Explanation = case.registry.explain(case.key)
        self._fields = list(_field_lines(self.persona))
        syntaxes = self.persona.own_template(None if case.own else case.template).syntaxes.values()
        self._template = [line for syntax in syntaxes for line in _template_lines(syntax)]

    def of(self, line: str, changed: Span) -> str | None:
        """Name what made the changed characters of a line, or None where nothing that is known did."""
        found = self._field_of(line, changed)
        if found is None:
            return self._template_of(line, changed)
        path, what = found
        printed = self._template_line(line, str(path[0]))
        return f"{what}, printed by {printed.place}" if printed else what

    def field_with(self, line: str) -> str | None:
        """Name the field that holds the whole of a line, bullet aside."""
        path = self._path_with(line)
        return self.field(path) if path else None

    def giver_of(self, line: str) -> str | None:
        """Name the ancestor's field that holds a line which the persona has not."""
        return next((_at(persona, path) for persona, path in self._ancestors_with(line)), None)

    def field(self, path: Path) -> str:
        """Write a field with who gave it: `AcmeBase.tone (personas.yaml:8)`."""
        given = self._provenance(path)
        if given.persona is None:
            return f"{field_text(path)} (the default)"
        owner = self.case.registry.definition(given.persona)
        name = f"{owner.ref}.{field_text(path)}"
        return f"{name} ({given.path}:{given.line})" if given.path and given.line else name

    def _provenance(self, path: Path) -> Provenance:
        found: object = self._explained[str(path[0])]
        for part in path[1:]:
            found = found[part]  # type: ignore[index]  # a tuple by numbers, or a mapping by names
        return found if isinstance(found, Provenance) else Provenance(None)

    def _path_with(self, line: str) -> Path | None:
        text = _bare(line)
        return next((each.path for each in self._fields if each.pattern.fullmatch(text)), None)

    def _ancestors_with(self, line: str) -> Iterator[tuple[Persona, Path]]:
        text = _bare(line)
        for ancestor in _ancestors(self.case.registry, self.case.registry.definition(self.case.key)):
            for each in _field_lines(ancestor):
                if each.pattern.fullmatch(text):
                    yield ancestor, each.path

    def _field_of(self, line: str, changed: Span) -> tuple[Path, str] | None:
        """Return the field whose text is the longest around the change."""
        best: tuple[int, FieldLine, re.Match[str]] | None = None
        for each in self._fields:
            for match in each.pattern.finditer(line):
                size = match.end() - match.start()
                if size >= _SAME_WORD and _touch(match.span(), changed) and (best is None or size > best[0]):
                    best = (size, each, match)
        if best is None:
            return None
        _, each, match = best
        for group, name in enumerate(each.variables, 1):
            if _within(changed, match.span(group)):
                return each.path, f"{self._variable(name)} in {self.field(each.path)}"
        return each.path, self.field(each.path)

    def _variable(self, name: str) -> str:
        if self.case.variables.get(name) is not None:
            return f"{name!r} of the test's session {self.case.session!r}"
        if name in (self.persona.variables or {}):
            return self.field(("variables", name))
        return repr(name)

    def _template_line(self, line: str, mentioned: str = "") -> TemplateLine | None:
        fitting = [each for each in self._template if each.pattern.fullmatch(line)]
        if not fitting:
            return None
        named = [each for each in fitting if mentioned and any(mentioned in text for text in each.block)]
        return max(named or fitting, key=lambda each: each.weight)

    def _template_of(self, line: str, changed: Span) -> str | None:
        found = self._template_line(line)
        match = found.pattern.fullmatch(line) if found else None
        if found is None or match is None or not found.weight:
            return None
        for group, expression in enumerate(found.printed, 1):
            if _within(changed, match.span(group)):
                return f"{self._expression(expression)}, printed by {found.place}"
        return f"the template's line {found.place}"

    def _expression(self, expression: str) -> str:
        if of_persona := _FIELD.fullmatch(expression):
            name = of_persona[1]
            if name == "name":
                return self.field(("display_name",)) if self.persona.display_name else f"the name {self.case.key}"
            return self.field((name,)) if name in self._explained.fields else f"the persona's {name}"
        if of_session := _VARIABLE.fullmatch(expression):
            return self._variable(of_session[1])
        return expression.strip()


def _at(persona: Persona, path: Path) -> str:
    return f"{persona.ref}.{field_text(path)}"


def _ancestors(registry: PersonaRegistry, persona: Persona) -> Iterator[Persona]:
    while persona.parent is not None:
        persona = registry.definition(persona.parent)
        yield persona


def _field_lines(persona: Persona) -> Iterator[FieldLine]:
    placeholders = Placeholders(persona.variables)
    for path, text in _texts(persona):
        for line in text.splitlines():
            if line.strip():
                parts = placeholders.parse(line.strip())
                pattern = "".join("(.*?)" if isinstance(part, Placeholder) else re.escape(part) for part in parts)
                if pattern.endswith("?)"):
                    pattern = pattern.removesuffix("?)") + ")"  # nothing follows that would make it grow
                names = tuple(part.name for part in parts if isinstance(part, Placeholder))
                if any(isinstance(part, str) and part.strip() for part in parts):
                    yield FieldLine(tuple(path), re.compile(pattern), names)


def _texts(persona: Persona) -> Iterator[tuple[Path, str]]:
    for path, text in texts(persona):
        if isinstance(text, str):  # an ancestor's section may be null, and its list an edit
            yield path, text


def _template_lines(syntax: Syntax) -> Iterator[TemplateLine]:
    blocks: list[list[str]] = [[]]
    for number, line in enumerate(syntax.source.split("\n"), 1):
        for mark in _BLOCK.finditer(line):
            if mark[1]:
                blocks.append([])
            elif len(blocks) > 1:
                blocks.pop()
        blocks[-1].append(line)
        pattern, printed, own = _line_pattern(line.strip())
        if printed or own:
            yield TemplateLine(f"{syntax.path}:{number}", re.compile(pattern), printed, own, blocks[-1])


def _line_pattern(line: str) -> tuple[str, tuple[str, ...], int]:
    """Return the pattern of what a template's line prints, what it prints by group, and how much of it is fixed."""
    pattern, printed, end = [], [], 0
    fixed = 0
    for code in _CODE.finditer(line):
        literal = line[end : code.start()]
        fixed += len(literal.strip())
        pattern.append(re.escape(literal))
        if code[1] is not None:
            pattern.append("(.*?)")
            printed.append(code[1])
        end = code.end()
    fixed += len(line[end:].strip())
    pattern.append(re.escape(line[end:]))
    return "".join(pattern), tuple(printed), fixed


def _bare(line: str) -> str:
    return line.strip().removeprefix("- ").strip()


def _touch(span: Span, changed: Span) -> bool:
    return (
        span[0] <= changed[0] <= span[1] if changed[0] == changed[1] else span[0] < changed[1] and changed[0] < span[1]
    )


def _within(changed: Span, span: Span) -> bool:
    return span[0] <= changed[0] and changed[1] <= span[1]
