"""Rows whose personas are in a registry: prepared by persona, and by which columns a row has a text in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from json import dumps

from ..errors import InvalidValueError, PersonaError
from ..kinds import is_text, plain
from ..persona.persona import Persona, plans_of
from ..prompts.rows import RowFill, row_fill
from ..registry.registry import PersonaRegistry
from ..templating.session import PLAIN, Family
from .batches import Batch
from .fills import MAX_FILLS, Fills
from .options import Options
from .rendered import Rendered, of_row
from .sessions import Sessions
from .values import is_missing

TRIES = 4  # rows of a kind that are run, before it counts as one that no prompt is prepared for


class Registered:
    """The personas of a registry, which a column names; a unit chooses by their rollouts."""

    def __init__(self, registry: PersonaRegistry, persona_column: str, unit_column: str | None) -> None:
        self.registry = registry
        self.persona_column = persona_column
        self.unit_column = unit_column
        self._personas: dict[Hashable, Persona] = {}  # by what a call is given: a name, or a name and a unit
        self._fills: dict[tuple[str, ...], Fills] = {}  # by the variables that not every row has a text for
        self._tries: dict[Hashable, int] = {}

    @property
    def columns_asked(self) -> tuple[str, ...]:
        """The columns that are read beside those of the session."""
        return (self.persona_column,) if self.unit_column is None else (self.persona_column, self.unit_column)

    def personas(self, batch: Batch) -> Iterator[Callable[[], Persona]]:
        """Yield for each row what returns its persona, and raises what is wrong with it."""
        names = batch.column(self.persona_column)
        units = [None] * len(batch) if self.unit_column is None else batch.column(self.unit_column)
        for name, unit in zip(names, units, strict=True):
            yield partial(self._named, name, unit)

    def _named(self, name: object, unit: object) -> Persona:
        try:
            return self.get(name, unit)
        except PersonaError as error:
            raise of_row(error, name) from None

    def content(self) -> tuple[PersonaRegistry, bytes]:
        """Return all that decides what comes of a batch."""
        return self.registry, dumps([self.persona_column, self.unit_column]).encode()

    def render(self, batch: Batch, options: Options) -> Rendered:
        """Return what comes of a batch. Raises InvalidValueError where it lacks a column."""
        return _Rows(self, batch, options).rendered

    def get(self, name: object, unit: object = None) -> Persona:
        """Return the persona of a row. Raises as `PersonaRegistry.get` does."""
        if is_missing(name):
            raise InvalidValueError(f"the row names no persona in {self.persona_column!r}")
        name = plain(name)
        if is_missing(unit):
            found = self._personas.get(name) if is_text(name) else None
            return found or self._kept(name)
        return self.registry.get(name, unit=plain(unit))  # type: ignore[arg-type]  # it says what is wrong

    def _kept(self, name: object) -> Persona:
        found = self.registry.get(name)  # type: ignore[arg-type]  # as above
        self._personas[name] = found
        return found

    def fills(self, varying: tuple[str, ...]) -> Fills:
        """Return what fills rows, of which not all have a text for these variables."""
        return self._fills.setdefault(varying, Fills())

    def learn(self, varying: tuple[str, ...], key: Hashable, fill: RowFill | None) -> None:
        """Keep what fills the rows of a kind, one of which was just run; where nothing does, not for ever."""
        tries = self._tries[varying, key] = self._tries.get((varying, key), 0) + 1
        if fill is not None or tries == TRIES:
            self.fills(varying).keep(key, fill)
        if len(self._tries) > MAX_FILLS:
            self._tries.clear()


class _Rows:
    """One batch: filled by columns as far as prompts are prepared, and run row by row beyond."""

    def __init__(self, source: Registered, batch: Batch, options: Options) -> None:
        self._source = source
        self._options = options
        self._names = batch.column(source.persona_column)
        self._units = None if source.unit_column is None else batch.column(source.unit_column)
        self._sessions = Sessions(batch, options)
        self._personas: list[Persona | None] = self._found()
        self._each = dict(zip(map(id, self._personas), self._personas, strict=True))
        self.rendered = Rendered(self._sessions.count, options)
        if self._sessions.filled:
            self._fill()
        self._run()
        self._tell()

    def _found(self) -> list[Persona | None]:
        """Return the persona of each row, None where there is none: its run says why."""
        asked = self._names if self._units is None else [*zip(self._names, self._units, strict=True)]
        try:
            known = {each: self._look_up(each) for each in {*asked}}
        except TypeError:  # one is nothing that a mapping can have, and no name
            return [self._look_up(each) for each in asked]
        return [*map(known.__getitem__, asked)]

    def _look_up(self, asked: object) -> Persona | None:
        try:
            return self._source.get(asked) if self._units is None else self._source.get(*asked)  # type: ignore[misc]  # a pair
        except PersonaError:
            return None

    def _fill(self) -> None:
        fills = self._source.fills(self._sessions.varying)
        pairs = zip(self._keys(), self._rows(), strict=True)
        self.rendered.prompts = [fills[key](row) for key, row in pairs]

    def _keys(self) -> Iterable[Hashable]:
        """Return the kind of each row: whose it is, and where not all rows have a text, which of these it has."""
        keys = {identity: None if persona is None else persona.key for identity, persona in self._each.items()}
        who = map(keys.__getitem__, map(id, self._personas))
        return zip(who, self._sessions.masks(), strict=True) if self._sessions.varying else who

    def _key(self, row: int) -> Hashable:
        persona = self._personas[row]
        key = None if persona is None else persona.key
        return (key, self._sessions.mask(row)) if self._sessions.varying else key

    def _rows(self) -> Iterator[tuple[str, ...]]:
        families = {identity: self._family(persona) for identity, persona in self._each.items()}
        if len({*families.values()}) <= 1:
            return self._sessions.rows(next(iter(families.values()), PLAIN))
        of = map(families.__getitem__, map(id, self._personas))
        return (self._sessions.row(family, row) for row, family in enumerate(of))

    def _family(self, persona: Persona | None) -> Family:
        try:
            return PLAIN if persona is None else persona.own_template(self._options.template).family
        except PersonaError:
            return PLAIN

    def _run(self) -> None:
        prompts = self.rendered.prompts
        if None not in prompts:
            return
        for row in [row for row, prompt in enumerate(prompts) if prompt is None]:
            if self._sessions.filled:
                prompts[row] = self._filled(row)
            if prompts[row] is None:
                self.rendered.attempt(row, self._names[row], partial(self._run_row, row))
                if self._sessions.filled and prompts[row] is not None:
                    self._learn(row)

    def _filled(self, row: int) -> str | None:
        """Return the prompt of a row, where one of its kind was run meanwhile."""
        fill = self._source.fills(self._sessions.varying).get(self._key(row))
        return None if fill is None else fill(self._sessions.row(self._family(self._personas[row]), row))

    def _run_row(self, row: int) -> str:
        persona = self._personas[row] or self._source.get(
            self._names[row], None if self._units is None else self._units[row]
        )
        return persona.build_system_prompt(self._options.template, **self._sessions.given(row))

    def _learn(self, row: int) -> None:
        varying, key, persona = self._sessions.varying, self._key(row), self._personas[row]
        has_text = self._sessions.has_text(self._sessions.mask(row))
        if has_text is not None and persona is not None and key not in self._source.fills(varying):
            self._source.learn(varying, key, row_fill(plans_of(persona), self._options.template, has_text))

    def _tell(self) -> None:
        """Say of each prompt whose it is, and what it was made from where that is asked for."""
        rendered = self.rendered
        refs = {identity: None if persona is None else persona.ref for identity, persona in self._each.items()}
        rendered.refs = [*map(refs.__getitem__, map(id, self._personas))]
        if None in rendered.prompts:
            pairs = zip(rendered.prompts, rendered.refs, strict=True)
            rendered.refs = [None if text is None else ref for text, ref in pairs]
        if self._options.fingerprint is not None:
            for row, persona in enumerate(self._personas):
                if rendered.prompts[row] is not None and persona is not None:
                    rendered.identify(row, persona, self._sessions.given(row))
