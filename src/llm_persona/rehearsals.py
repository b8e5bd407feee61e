"""A persona's rehearsal: the trial renders in its own template that tell what every session would see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from functools import cached_property

from .attempts import SessionSample, failures
from .errors import PersonaError
from .inheritance import Lineage, texts
from .persona import Persona
from .placeholders import Placeholders
from .samples import Choices
from .session import neutralise
from .texts import Path, PersonaTexts
from .trials import Trial, Trials, with_mask, with_tags
from .views import Field

MAX_QUESTIONS = 24  # that a template asks of the session, each answered both ways
_PLAIN: tuple[object, ...] = ("x", 1, ["x"], {"x": "x"})


class Rehearsal:
    """One persona in its own template."""

    def __init__(self, persona: Persona, lineage: Lineage, trials: Trials, session: SessionSample) -> None:
        self.persona = persona
        self.lineage = lineage
        self.template = trials.template
        self.texts: PersonaTexts = persona._prepared()
        self.session = session
        self._trials = trials
        self.paths = tuple(_printed_paths(persona))

    @cached_property
    def required(self) -> Mapping[str, Path]:
        """The names that a session must have, and what of the persona asks for each."""
        return self.texts.required_by(self.template)

    @cached_property
    def without_optional(self) -> Rehearsal:
        """The rehearsal for a session without the names that are passed only sometimes."""
        if not self.session.optional:
            return self
        return Rehearsal(self.persona, self.lineage, self._trials, replace(self.session, optional=frozenset()))

    @cached_property
    def everything(self) -> frozenset[str]:
        """The names that a session may have, and those that it must have."""
        known = self.session.names
        names = (self.texts.names | self.template.session_names) if known is None else known | self.session.optional
        return (names | self.required.keys() | self.texts._greeting_required.keys()) - {"extra_sections"}

    @cached_property
    def full(self) -> tuple[Trial, Trial]:
        """Trials for a session with everything, every question of the template answered yes, and no."""
        yes = self.run(Choices(True))
        return yes, yes if yes.error is None and not yes.questions else self.run(Choices(False))

    @cached_property
    def smallest(self) -> Trial:
        """A trial for a session that has nothing but what is required."""
        asks_nothing = not self.template.dynamic and not self.template.session_names - {"extra_sections"}
        if asks_nothing and self.full[0].error is None:
            return self.full[0]
        return self._try(frozenset(self.required) | self.texts._greeting_required.keys(), Choices(False), self._tagged)

    @cached_property
    def others(self) -> tuple[Trial, ...]:
        """Trials in which one question is answered otherwise than the rest."""
        return tuple(
            self.run(Choices(usual, odd))
            for usual, trial in zip((True, False), self.full, strict=True)
            for odd in range(min(trial.questions, MAX_QUESTIONS))
        )

    @cached_property
    def plain(self) -> Trial:
        """The trial for a session with everything, without tags behind the persona's texts."""
        return self._try(self.everything, Choices(True), None)

    def masked(self, path: Path) -> Trial:
        """Return the trial that `plain` is, with another text of the same length at a path."""
        fields, _ = self.texts.ready_for(self.template.family)
        return self._try(self.everything, Choices(True), with_mask(fields, path))

    @cached_property
    def sampled(self) -> Trial:
        """The trial with the values given for trying out, and samples for what is required and not among them."""
        given = self.session.given
        if not given:
            return self.plain
        values = neutralise(given, self.template.family).values
        return self._trials.run(self.texts, values, self.required.keys() - given.keys(), Choices(True))

    @property
    def greeting_only(self) -> Set[str]:
        """The names that only the greeting must have."""
        return self.texts._greeting_required.keys() - self.required.keys()

    @property
    def failures(self) -> tuple[list[PersonaError], bool]:
        """What goes wrong for sessions that the handler may pass, each once, and whether no session does any better."""
        return failures(self.texts, self.template, self.session)

    @cached_property
    def failure(self) -> PersonaError | None:
        """What every session fails with, whatever it holds; None where one may do, or where that is not known."""
        errors = [self.plain.error, *(self._with_plain(value, self.everything, None).error for value in _PLAIN)]
        return errors[0] if len({str(error) for error in errors}) == 1 else None

    def run(self, choices: Choices) -> Trial:
        return self._try(self.everything, choices, self._tagged)

    def _try(self, names: Set[str], choices: Choices, fields: Mapping[str, Field] | None) -> Trial:
        """Run with samples, else with plain values, for a template that does with them what samples cannot stand for."""
        first = self._trials.run(self.texts, {}, names, choices, fields)
        if first.error is None:
            return first
        trials = (self._with_plain(value, names, fields) for value in _PLAIN)
        return next((trial for trial in trials if trial.error is None), first)

    def _with_plain(self, value: object, names: Set[str], fields: Mapping[str, Field] | None) -> Trial:
        given = neutralise(dict.fromkeys(names, value), self.template.family).values
        return self._trials.run(self.texts, given, frozenset(), Choices(True), fields)

    @cached_property
    def _tagged(self) -> Mapping[str, Field]:
        numbers = {path: number for number, path in enumerate(self.paths)}
        return with_tags(self.texts.ready_for(self.template.family)[0], numbers, {("name",), *self.named})

    @property
    def named(self) -> set[Path]:
        """The ways to the texts that hold the persona's name as `{name}`, or `{company}` where that holds it."""
        persona = self.lineage.persona  # its own name is not filled in yet
        placeholders = Placeholders(persona.variables)
        names = {"name"}
        if persona.company and "name" in placeholders.names(persona.company):
            names.add("company")
        return {path for path, text in texts(persona, "{") if names.intersection(placeholders.names(text))}


def _printed_paths(persona: Persona) -> Iterator[Path]:
    """Yield the way to every text of the persona that was given and that its prompt should have."""
    for name in ("role", "company", "tone"):
        if persona._gives(name) and getattr(persona, name):
            yield (name,)
    for name in ("capabilities", "constraints"):
        for index in range(len(getattr(persona, name))):
            yield (name, index)
    for name, text in persona.custom_sections.items():
        if text:
            yield ("custom_sections", name)
