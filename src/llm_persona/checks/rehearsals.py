"""A persona's rehearsal: the recordings in its own template that tell what every session would see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar, cast

from ..errors import PersonaError, TemplateError
from ..fields import EXPECTED
from ..persona.inheritance import Lineage, texts
from ..persona.persona import Persona, gives, texts_of
from ..placeholders import Placeholders
from ..prompts.explorations import Exploration, Take, explore
from ..prompts.parts import Line
from ..prompts.shapes import shape_of
from ..prompts.texts import Path, PersonaTexts
from ..templating.session import Family, neutralise
from ..templating.templates import Template

EXTRA = "extra_sections"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionSample:
    """What a handler passes: the names, and values for trying them out where there are some. None: nobody knows."""

    names: frozenset[str] | None = None  # that are always passed
    given: Mapping[str, object] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()  # that are passed only sometimes
    _neutral: dict[tuple[str, Family], Mapping[str, object]] = field(default_factory=dict, repr=False, compare=False)

    def neutral(self, name: str, family: Family) -> Mapping[str, object]:
        """Return a sample, neutralised once for all personas, below its name; nothing where it stands for nothing."""
        found = self._neutral.get((name, family))
        if found is None:
            found = self._neutral[name, family] = neutralise({name: self.given[name]}, family).values
        return found


class Rehearsal:
    """One persona in its own template."""

    def __init__(
        self,
        persona: Persona,
        lineage: Lineage,
        template: Template,
        session: SessionSample,
        alike: dict[Hashable, Rehearsal],
        cut: Counter[int],
    ) -> None:
        """Take a persona, those rehearsals that were the first of their shape, and how many of each template were cut off."""
        self.persona = persona
        self.lineage = lineage
        self.template = template
        self.texts: PersonaTexts = texts_of(persona)
        self.session = session
        self._cut = cut
        self._told: dict[object, Any] = {}
        self._first = alike.setdefault((id(template), shape_of(self.texts)), self)

    @cached_property
    def like(self) -> Rehearsal:
        """The one whose recordings tell what this one's would: another's, unless they look at what texts say."""
        return self if self._first._looks else self._first

    @cached_property
    def _looks(self) -> bool:
        return any(taken.looked for taken in self.takes)

    def once(self, tell: Callable[[Rehearsal], T]) -> T:
        """Return what recordings tell: worked out once for all personas whose recordings would say the same."""
        told = self.like._told
        if tell not in told:
            told[tell] = tell(self.like)
        return cast(T, told[tell])

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The ways to the texts that were given and that a prompt should have."""
        return tuple(_printed_paths(self.persona))

    @cached_property
    def required(self) -> Mapping[str, Path]:
        """The names that a session must have, and what of the persona asks for each."""
        return self.texts.required_by(self.template)

    @property
    def greeting_only(self) -> Set[str]:
        """The names that only the greeting must have."""
        return self.texts.greeting_required.keys() - self.required.keys()

    @cached_property
    def exploration(self) -> Exploration:
        """Recordings for every session that the handler may pass; what is required is given to all."""
        known, must = self.session.names, self.required.keys() | self.texts.greeting_required.keys()
        if known is None:
            known = frozenset()
            optional = (self.texts.names | self.template.session_names) - must - {EXTRA}
        else:
            optional = self.session.optional - must
        constants = self.persona.constants.keys()  # no session gives one
        return self._explore((known | must | optional) - constants, frozenset(optional - constants))

    def _explore(self, names: Set[str], optional: frozenset[str]) -> Exploration:
        samples = self.session.given
        family, given = self.template.family, dict[str, object]()
        for name in sorted(names):
            if name in samples:
                given |= self.session.neutral(name, family)
            elif not name.startswith("_"):
                given |= neutralise({name: {"x": "x"} if name == EXTRA else f"{{{name}}}"}, family).values
        members = {
            name: tuple(neutralise({name: each}, family).values[name] for each in type(sample))
            for name, sample in samples.items()
            if isinstance(sample, Enum) and name in given
        }
        any_kind = given.keys() - samples.keys() - {EXTRA} if self.session.names is None else ()
        # A template that asks too much was said to before, and is tried less for each persona after the first.
        made = explore(
            self.texts,
            self.template,
            given,
            unknown=frozenset(given.keys() - members.keys()),
            wild=frozenset(any_kind),
            optional=optional,
            members=members,
            grant=True,
            allowed=self.template.limits.steps // (1 + self._cut[id(self.template)]),
        )
        self._cut[id(self.template)] += made.cut
        return made

    @property
    def takes(self) -> tuple[Take, ...]:
        return self.exploration.takes

    @cached_property
    def good(self) -> list[Take]:
        """The recordings that went to their end."""
        return [taken for taken in self.takes if taken.error is None and None not in taken.doubtful]

    @cached_property
    def lacking(self) -> Mapping[str, PersonaError]:
        """The names that the template uses though they are not given, and where."""
        lacking: dict[str, PersonaError] = {}
        for taken in self.takes:
            lacking = {**taken.lacking, **lacking}
        return lacking

    @cached_property
    def failures(self) -> tuple[list[PersonaError], bool]:
        """What goes wrong for sessions that the handler may pass, the first at each place, and whether no session does better."""
        found: dict[object, PersonaError] = {}
        try:
            self.texts.check_template(self.template)
        except PersonaError as refused:
            return [refused], True
        if self.session.names is not None:
            for error in self._slips():
                found.setdefault(str(error), error)
        for taken in self.takes:
            if taken.error is not None:
                found.setdefault(_place(taken.error), taken.error)
        return list(found.values()), all(taken.error is not None for taken in self.takes)

    def _slips(self) -> Iterator[PersonaError]:
        """Yield what is wrong with the names that the handler passes, with and without those that it passes sometimes."""
        must = self.required.keys() | self.texts.greeting_required.keys()
        always = (self.session.names or frozenset()) | must
        for names in dict.fromkeys((always, always | self.session.optional)):
            values = dict.fromkeys(sorted(names - self.persona.constants.keys()), "x")
            try:
                self.texts.check_names(self.template, values, values)
            except PersonaError as error:
                yield error

    @property
    def failure(self) -> PersonaError | None:
        """What every session fails with, whatever it holds; None where one may do."""
        errors, always = self.failures
        return errors[0] if always else None

    @cached_property
    def halted(self) -> list[Line]:
        """Where a template does what cannot be followed at all."""
        return [*dict.fromkeys(taken.halted for taken in self.takes if taken.halted is not None)]

    @cached_property
    def doubts(self) -> list[Line | None]:
        """Where a template does what cannot be followed for every session: None where that has no place."""
        followed = (taken for taken in self.takes if taken.halted is None)
        doubts = dict.fromkeys(line for taken in followed for line in taken.doubtful)
        return [*doubts, *([None] if self.exploration.untaken and None not in doubts else [])]

    @property
    def named(self) -> set[Path]:
        """The ways to the texts that hold the persona's name as `{name}`, or `{company}` where that holds it."""
        persona = self.lineage.persona  # its own name is not filled in yet
        placeholders = Placeholders(persona.variables, persona.constants)
        names = {"name"}
        if persona.company and "name" in placeholders.names(persona.company):
            names.add("company")
        return {path for path, text in texts(persona, "{") if names.intersection(placeholders.names(text))}


def _place(error: PersonaError) -> object:
    """Return where an error is, or all that it says: what else it says may hang on the value that was tried."""
    return (error.path, error.line) if isinstance(error, TemplateError) else error.field or str(error)


def _printed_paths(persona: Persona) -> Iterator[Path]:
    """Yield the way to every text of the persona that was given and that its prompt should have."""
    given = [name for name in EXPECTED if gives(persona, name)]
    yield from (path for path, _ in texts(persona, fields=given))
