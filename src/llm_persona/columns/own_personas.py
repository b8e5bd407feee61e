"""Rows that are personas: prepared for all that are alike in which fields they have, and never registered."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from json import dumps
from typing import Any

from ..errors import InvalidValueError
from ..fields import DEFAULT_TONE
from ..frozen import FrozenDict
from ..kinds import is_mapping
from ..persona.binding import Bound, bundled
from ..persona.persona import Persona, bound_to
from ..persona.pickles import pack_bound, packed, unpack_bound, unpacked
from ..prompts.alike import alike_fill, sections_of
from ..prompts.budget import Budget
from ..usual_fields import are_usual, are_usual_names
from .batches import Batch
from .fills import Fills
from .options import Options
from .rendered import Rendered
from .sessions import Sessions
from .values import is_missing

OPTIONAL = (
    "company",
    "tone",
    "capabilities",
    "constraints",
    "greeting",
    "custom_sections",
)  # read where they are there
TEXTS = ("name", "role", "tone", "company", "greeting")
LISTS = ("capabilities", "constraints")
_NOBODY = "the row gives no name"


class OwnPersonas:
    """Personas whose fields are columns."""

    def __init__(self, bound: Bound, fields: Mapping[str, str], asked: Iterable[str]) -> None:
        self.bound = bound
        self.fields = fields  # a field -> its column
        self.asked = tuple(asked)  # fields that every batch has to have
        self._fills: dict[tuple[str, ...], Fills] = {}

    @property
    def columns_asked(self) -> tuple[str, ...]:
        """The columns that every batch has to have beside those of the session."""
        return tuple([self.fields[field] for field in self.asked])

    def personas(self, batch: Batch) -> Iterator[Callable[[], Persona]]:
        """Yield for each row what returns its persona, and raises what is wrong with it."""
        columns = self.columns(batch)
        for row in range(len(batch)):
            yield partial(self.persona, given_fields(columns, row))

    def content(self) -> tuple[bytes, bytes]:
        """Return all that decides what comes of a batch."""
        return packed(pack_bound(self.bound)), dumps([self.fields, self.asked]).encode()

    @classmethod
    def restored(cls, content: bytes, fields: Mapping[str, str], asked: Iterable[str]) -> OwnPersonas:
        """Return the same again. Raises PersonaError where this library would make other prompts."""
        bound = unpack_bound(unpacked(content), Budget())
        return cls(bundled() if bound == bundled() else bound, fields, asked)

    def render(self, batch: Batch, options: Options) -> Rendered:
        """Return what comes of a batch. Raises InvalidValueError where it lacks a column."""
        return _PersonaRows(self, batch, options).rendered

    def fills(self, varying: tuple[str, ...]) -> Fills:
        """Return what fills rows, of which not all have a text for these variables of a session."""
        return self._fills.setdefault(varying, Fills())

    def columns(self, batch: Batch) -> dict[str, list[Any]]:
        """Return the fields that a batch has."""
        return {
            field: batch.column(column)
            for field, column in self.fields.items()
            if field in self.asked or column in batch.names
        }

    def persona(self, fields: Mapping[str, Any]) -> Persona:
        """Return the persona of a row. Raises as `Persona` does."""
        if "name" not in fields:
            raise InvalidValueError(_NOBODY, hint=f"fill the column {self.fields['name']!r}")
        persona = Persona(**fields)
        return persona if self.bound is bundled() else bound_to(persona, self.bound)


class _PersonaRows:
    """One batch: filled by columns as far as rows are usual, and made persona by persona beyond."""

    def __init__(self, source: OwnPersonas, batch: Batch, options: Options) -> None:
        self._source = source
        self._options = options
        self._columns = source.columns(batch)
        self._sessions = Sessions(batch, options)
        self.rendered = Rendered(self._sessions.count, options)
        self._template = source.bound.template(None, options.template)
        # A name that no session has, or that might be meant for a template, is told of row by row.
        strange = any(name == "template" or name.startswith("_") for name in self._sessions.columns)
        if self._sessions.filled and not strange:
            self._fill()
        self._run()

    def _fill(self) -> None:
        usual = UsualRows(self._columns, self._sessions.count)
        fills = self._source.fills(self._sessions.varying)
        pairs = zip(self._keys(usual), self._rows(usual), strict=True)
        prompts = [fills[key](row) for key, row in pairs]
        for row in usual.odd:
            prompts[row] = None
        if None in prompts:
            for row in [row for row, prompt in enumerate(prompts) if prompt is None and row not in usual.odd]:
                prompts[row] = self._learned(fills, usual, row)
        self.rendered.prompts = prompts
        names = self._columns["name"]
        self.rendered.refs = [None if text is None else name for text, name in zip(prompts, names, strict=True)]

    def _keys(self, usual: UsualRows) -> Iterator[Hashable]:
        return zip(usual.shapes(), self._sessions.masks(), strict=True) if self._sessions.varying else usual.shapes()

    def _rows(self, usual: UsualRows) -> Iterator[tuple[str, ...]]:
        if not self._sessions.columns:
            return usual.rows()
        texts = self._sessions.rows(self._template.family)
        return ((*row, *more) for row, more in zip(usual.rows(), texts, strict=True))

    def _learned(self, fills: Fills, usual: UsualRows, number: int) -> str | None:
        """Return the prompt of a row, where rows of its kind can be filled."""
        shape, row = usual.at(number)
        mask = self._sessions.mask(number)
        key = (shape, mask) if self._sessions.varying else shape
        texts = self._sessions.row(self._template.family, number)
        has_text = self._sessions.has_text(mask)
        if key not in fills and has_text is not None:
            fills.keep(key, alike_fill(self._template, shape, row, has_text, texts))
        return fills[key]((*row, *texts))

    def _run(self) -> None:
        for row, prompt in enumerate(self.rendered.prompts):
            if prompt is None:
                name = self._columns["name"][row]
                self.rendered.attempt(row, name, partial(self._run_row, row))
            elif self._options.fingerprint is not None:
                self.rendered.identify(row, self._persona(row), self._sessions.given(row))

    def _run_row(self, row: int) -> str:
        persona, session = self._persona(row), self._sessions.given(row)
        prompt = persona.build_system_prompt(self._options.template, **session)
        self.rendered.refs[row] = persona.ref
        if self._options.fingerprint is not None:
            self.rendered.identify(row, persona, session)
        return prompt

    def _persona(self, row: int) -> Persona:
        return self._source.persona(given_fields(self._columns, row))


def given_fields(columns: Mapping[str, list[Any]], row: int) -> dict[str, Any]:
    """Return the fields that a row gives."""
    fields = {name: column[row] for name, column in columns.items()}
    return {name: _given(value) for name, value in fields.items() if not is_missing(value)}


def _given(value: Any) -> Any:
    """Return a field as it is given: what a table has for an entry that is not there is left out."""
    return {name: each for name, each in value.items() if each is not None} if type(value) is dict else value


class UsualRows:
    """The texts of rows, and the shape of each; `odd` are those that have to be made personas first."""

    def __init__(self, columns: Mapping[str, list[Any]], count: int) -> None:
        self.odd: set[int] = set()
        self._count = count
        self._columns = {name: column for name, column in columns.items() if name in (*TEXTS, *LISTS)}
        self._mark_others({name: column for name, column in columns.items() if name not in self._columns})
        sections = self._sections(columns.get("custom_sections"))
        texts = {name: self._texts(name) for name in TEXTS}
        lists = {name: self._lists(name) for name in LISTS}
        given = [[*map(bool, texts[name])] for name in ("company", "greeting")]
        lengths = [[*map(len, column)] for column in lists.values()]
        no = [False] * count  # version, and display_name
        self._shapes: list[Sequence[Any]] = [*given, no, no, *lengths, [names for names, _ in sections]]
        names, roles, tones, companies, greetings = texts.values()
        none = [""] * count
        self._heads = [names, names, roles, tones, companies, greetings, none, none]
        self._rest = [*lists.values(), [more for _, more in sections]]

    def shapes(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._shapes, strict=True)

    def rows(self) -> Iterator[tuple[str, ...]]:
        rest = zip(zip(*self._heads, strict=True), *self._rest, strict=True)
        return ((*head, *first, *second, *more) for head, first, second, more in rest)

    def at(self, row: int) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """Return the shape of a row, and its texts."""
        texts = chain.from_iterable(column[row] for column in self._rest)
        return tuple([column[row] for column in self._shapes]), (*[column[row] for column in self._heads], *texts)

    def _mark_others(self, columns: Mapping[str, list[Any]]) -> None:
        """Mark the rows that give what is not looked at by columns."""
        for name, column in columns.items():
            if name != "custom_sections":
                self.odd.update(row for row, value in enumerate(column) if not is_missing(value))

    def _texts(self, name: str) -> list[str]:
        column: list[Any] | None = self._columns.get(name)
        default = DEFAULT_TONE if name == "tone" else ""
        if column is None:
            return [default] * self._count
        if not _are_ready(column) or (name == "name" and not are_usual_names(column)):
            return [self._text(name, row, value, default) for row, value in enumerate(column)]
        return column

    def _text(self, name: str, row: int, value: Any, default: str) -> str:
        if is_missing(value) and name not in ("name", "role"):
            return default
        if type(value) is str and _are_ready((value,)) and (name != "name" or are_usual_names((value,))):
            return value
        self.odd.add(row)
        return ""

    def _lists(self, name: str) -> Sequence[Sequence[str]]:
        column: list[Any] | None = self._columns.get(name)
        if column is None:
            return [()] * self._count
        if {*map(type, column)} <= {list} and _are_ready([*chain.from_iterable(column)]):
            return column
        return [self._list(row, value) for row, value in enumerate(column)]

    def _list(self, row: int, value: Any) -> Sequence[str]:
        if type(value) is list and _are_ready(value):
            return value
        if not is_missing(value):
            self.odd.add(row)
        return ()

    def _sections(self, column: list[Any] | None) -> list[tuple[Any, Sequence[str]]]:
        if column is None:
            return [((), ())] * self._count
        return [self._entries(row, value) for row, value in enumerate(column)]

    def _entries(self, row: int, value: Any) -> tuple[Any, Sequence[str]]:
        if is_missing(value):
            return (), ()
        if is_mapping(value):
            value = {name: each for name, each in value.items() if each is not None}
            if _are_ready([*value]) and _are_ready([*value.values()]):
                return sections_of(FrozenDict(value))
        self.odd.add(row)
        return (), ()


def _are_ready(texts: Sequence[Any]) -> bool:
    """Tell whether all are texts with which nothing is wrong, and none has a placeholder."""
    return not texts or (are_usual(texts) and "{" not in "".join(texts))
