"""Explorations: recordings of a template for a persona, one for given values or one for each answer of a session."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import PersonaError, TemplateError, let_through
from ..fields import LISTS
from ..templating.assembly import Assembled, Known
from ..templating.jinja_internals import ran_last
from ..templating.markers import Marker, Unfollowed
from ..templating.session import Verbatim
from ..templating.syntax import turns_asked_for
from ..templating.templates import Template
from ..templating.views import Ready
from .parts import Line, Part, Path, Printed
from .recorded_views import Lacking, OpenSession, SourcedFilling, as_fields
from .recordings import MIN_TURNS, Asked, Recording
from .texts import PersonaTexts

MAX_RUNS = 256  # of one template, persona and set of names
MAX_TURNS = 64  # of a loop in a template that asks which turn it is in
MAX_GRANTED = 100  # variables that one recording takes for given


@dataclass(slots=True)
class Take:
    """What came of a run. `error` is None where it went to its end, which it did where `assembled` has pieces."""

    told: Mapping[object, Any]  # answers that it was to take
    asked: list[tuple[Asked, Any]]  # the questions, with the answers taken
    doubtful: list[Line | None]  # where something is done that may fail for other values, or that cannot be followed
    lacking: Mapping[str, PersonaError]  # variables that were granted, and where they are used
    looked: bool = False  # at what a text of the persona says
    assembled: Assembled = Assembled([], [])  # noqa: RUF009 - never changed
    written: list[Any] = field(default_factory=list)  # the pieces as the template wrote them
    # What first looked at the session: a field, the line, and the variable that the field names.
    touched: tuple[Path | None, Line | None, str | None] | None = None
    error: PersonaError | None = None
    halted: Line | None = None  # where it did what cannot be followed, so that it did not go on
    spent: int = 0  # steps, with those of the runs before that found what is lacking

    @property
    def text(self) -> str:
        return self.assembled.text

    @property
    def printed(self) -> Iterator[Printed]:
        return (piece for piece in self.assembled.pieces if type(piece) is Printed)


def take(
    texts: PersonaTexts,
    template: Template,
    given: Mapping[str, object],
    *,
    unknown: frozenset[str] = frozenset(),
    wild: frozenset[str] = frozenset(),
    optional: frozenset[str] = frozenset(),
    members: Mapping[str, tuple[object, ...]] = MappingProxyType({}),
    answers: Mapping[object, Any] = MappingProxyType({}),
    grant: bool = False,
    turns: int = MIN_TURNS,
    allowed: int = sys.maxsize,
) -> Take:
    """Record a template for a persona and neutralised values, of which those of `unknown` stand for any of their kind,
    those of `wild` for any at all.

    Variables of `optional` may be given or not, and those of `members` have one of these values. With `grant`, those that are used and not given are taken for any text, for each of which it
    is run again, until that took the steps that are `allowed`.
    """
    lacking: dict[str, PersonaError] = {}
    spent = 0
    while True:
        recording = Recording(answers, turns)
        recording.spent = spent
        granted = {name: f"{{{name}}}" for name in lacking}
        chosen = {name: recording.choose(("member", name), *values) for name, values in members.items()}
        markers = {
            name: recording.variable(
                name, value, unknown=name in unknown or name in granted, wild=name in wild or name in granted
            )
            for name, value in {**given, **granted, **chosen}.items()
        }
        maybe = optional - lacking.keys()
        defaults = {name: text for name, text in texts.defaults.items() if name not in markers or name in maybe}
        owner, marked = texts.persona.key, _defaults(defaults, template, recording)
        filling = SourcedFilling(owner, markers, marked, maybe, recording, template)
        ready = Ready(owner, {}, as_fields(texts.fields_by_source()), {}, Known())
        session = OpenSession(filling, frozenset(markers))
        made = Take(told=answers, asked=recording.asked, doubtful=recording.doubtful, lacking=lacking)
        try:
            made.assembled, made.written = template.record(ready, filling, session, recording)
        except Unfollowed as error:
            recording.doubtful.append(None)
            found = ran_last(error)
            made.halted = None if found is None else Line(*found)
        except Lacking as error:
            made.error = template.translated(error)
            if grant and error.name not in lacking and len(lacking) < MAX_GRANTED and recording.spent < allowed:
                spent = recording.spent
                lacking[error.name] = made.error
                continue
        except Exception as error:
            let_through(error)
            made.error = template.translated(error)
        made.looked, made.spent = recording.looked, recording.spent
        made.touched = filling.watch.touched  # type: ignore[attr-defined]  # a _Watch
        return made


def _defaults(defaults: Mapping[str, str], template: Template, recording: Recording) -> dict[str, Marker]:
    """Return markers of the defaults that no given value overrides."""
    return {
        name: recording.stand_for(
            Verbatim(text) if template.family.escapes else text,
            (Part(len(text), ("variables", name), session=False),),
            how=("default", name),
        )
        for name, text in defaults.items()
    }


class Exploration(NamedTuple):
    """Recordings of one template for one persona, with each answer that the session may give to each of its questions."""

    takes: tuple[Take, ...]
    untaken: tuple[Asked, ...]  # questions some of whose answers no recording took: there are too many
    cut: bool = False  # where more would take more steps than are allowed


def explore(
    texts: PersonaTexts,
    template: Template,
    given: Mapping[str, object],
    *,
    unknown: frozenset[str],
    wild: frozenset[str] = frozenset(),
    optional: frozenset[str] = frozenset(),
    members: Mapping[str, tuple[object, ...]] = MappingProxyType({}),
    grant: bool = False,
    allowed: int,
) -> Exploration:
    """Record a template again and again, until each question of it got each answer; otherwise as `take`.

    All recordings together take about as many steps as are `allowed`, and the first what it takes.
    """
    takes: list[Take] = []
    wanted = _turns(template, texts)
    turns = min(wanted, MAX_TURNS)
    longer = () if wanted == turns else (Asked(("turns", wanted), (wanted,)),)
    spent = dearest = 0
    for told in _untried(takes):
        if len(takes) == MAX_RUNS or spent + dearest > allowed:
            return Exploration(tuple(takes), (*_untaken(takes), *longer), cut=len(takes) < MAX_RUNS)
        one = take(
            texts,
            template,
            given,
            unknown=unknown,
            wild=wild,
            optional=optional,
            members=members,
            answers=told,
            grant=grant,
            turns=turns,
            allowed=allowed - spent,
        )
        takes.append(one)
        if isinstance(one.error, TemplateError) and one.error.limit is not None:
            return Exploration(tuple(takes), ())  # what it would do else is no matter until it costs less
        spent += one.spent
        dearest = max(dearest, one.spent)
    return Exploration(tuple(takes), longer)


def _untried(takes: Sequence[Take]) -> Iterator[Mapping[object, Any]]:
    """Yield the answers that a recording is to take: first none, then for each question of a recording, as they come in,
    those that it took before, and another."""
    yield {}
    for one in takes:
        taken: dict[object, Any] = {}
        for asked, answer in one.asked:
            if asked.what not in one.told:
                yield from ({**taken, asked.what: other} for other in asked.answers if other != answer)
            taken[asked.what] = answer


def _untaken(takes: Sequence[Take]) -> list[Asked]:
    """Return the questions some of whose answers no recording took."""
    got = {(asked.what, answer) for each in takes for asked, answer in each.asked}
    every = dict.fromkeys(asked for each in takes for asked, _ in each.asked)
    return [asked for asked in every if any((asked.what, answer) not in got for answer in asked.answers)]


def _turns(template: Template, texts: PersonaTexts) -> int:
    """Return how many turns a loop has to have: where a template asks for one by its number, or for their number, one
    more than it may know of."""
    asked = turns_asked_for(template.syntaxes.values())
    held = [len(getattr(texts.persona, name)) for name in (*LISTS, "custom_sections")]
    return MIN_TURNS if asked is None else max(asked, MIN_TURNS, *held) + 1
