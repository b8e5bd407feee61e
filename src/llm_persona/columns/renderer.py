"""`BatchRenderer`: the prompts of a batch of rows, each the one that its persona builds for the row's session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from json import dumps, loads
from typing import Any, Self

from ..arguments import is_path, path_of, text_of
from ..errors import InvalidValueError, PersonaError
from ..fields import FIELDS
from ..kinds import plain
from ..names import did_you_mean, kind_of, shorten
from ..persona.binding import bundled
from ..persona.file_keys import Folders
from ..prompts.prompt import Prompt
from ..registry.registry import PersonaRegistry
from ..templating.session import printable
from .batches import opened, with_texts
from .options import Added, Options
from .own_personas import OPTIONAL, OwnPersonas
from .registered import Registered
from .rendered import of_row
from .sessions import Sessions
from .values import is_missing

Source = Registered | OwnPersonas


class BatchRenderer:
    """A callable over batches: takes columns, and returns the same kind of table with the prompts beside them.

    A batch is a dict of columns (lists, numpy's arrays), an Arrow table or record batch, or a pandas or polars frame.
    `source` is a registry, or the path of its file; it is taken as it is now. `persona_column` names each row's persona,
    `unit_column` what its rollout chooses by. `session_columns` are the session's variables: names, or a mapping of
    variables to columns; those of `multiline` and `trusted` are marked so, and `extra_sections` maps the names of
    sections to columns. None, NaN, NaT and NA mean that a row does not give a value.

    `prompt_column`, `ref_column` and `fingerprint_column` are what is added, None for nothing. A fingerprint is that of all
    that a prompt is made from, so rows that have one need not be rendered again. A row that cannot be rendered has None in them, and in `error_column`
    what is wrong: the library's words, never a value. With `error_column=None` it is raised. Pickles by content: equal
    definitions and arguments are equal bytes. Raises InvalidValueError for arguments that say nothing, and for a batch
    that is no table or lacks a column; otherwise as `PersonaRegistry.from_file`.
    """

    def __init__(
        self,
        source: PersonaRegistry | str | os.PathLike[str],
        persona_column: str = "agent",
        session_columns: Mapping[str, str] | Iterable[str] = (),
        unit_column: str | None = None,
        template: str | None = None,
        prompt_column: str | None = "prompt",
        ref_column: str | None = "prompt_ref",
        error_column: str | None = "prompt_error",
        *,
        fingerprint_column: str | None = None,
        multiline: Iterable[str] = (),
        trusted: Iterable[str] = (),
        extra_sections: Mapping[str, str] | None = None,
    ) -> None:
        added = Added(prompt_column, ref_column, error_column, fingerprint_column)
        self._options = Options.of(session_columns, template, multiline, trusted, extra_sections, added)
        unit = None if unit_column is None else text_of(unit_column, "unit_column")
        self._source: Source = Registered(_taken(source), text_of(persona_column, "persona_column"), unit)

    @classmethod
    def of_personas(
        cls,
        template: str | None = None,
        name: str = "name",
        role: str = "role",
        *,
        templates: Folders | None = None,
        session_columns: Mapping[str, str] | Iterable[str] = (),
        prompt_column: str | None = "prompt",
        ref_column: str | None = "prompt_ref",
        error_column: str | None = "prompt_error",
        fingerprint_column: str | None = None,
        multiline: Iterable[str] = (),
        trusted: Iterable[str] = (),
        extra_sections: Mapping[str, str] | None = None,
        **fields: str,
    ) -> BatchRenderer:
        """Return a renderer of rows that are personas, one each: `fields` are columns by the fields that they give.

        What is not named is read from the columns `company`, `tone`, `capabilities`, `constraints`, `greeting` and
        `custom_sections`, where a batch has them. The prompts are those of `Persona(**row).build_system_prompt(template,
        **session)`. `templates` is a folder, or several, as a registry takes them. Raises as the class does, and
        TemplateError for a template that is not there.
        """
        given = {"name": name, "role": role, **fields}
        strange = next((field for field in given if field not in FIELDS), None)
        if strange is not None:
            hint = did_you_mean(strange, FIELDS) or "see Persona"
            raise InvalidValueError(f"a persona has no field {shorten(strange)!r}", hint=hint)
        columns = {field: text_of(column, f"the column of {field}") for field, column in given.items()}
        added = Added(prompt_column, ref_column, error_column, fingerprint_column)
        options = Options.of(session_columns, template, multiline, trusted, extra_sections, added)
        bound = bundled() if templates is None else PersonaRegistry(templates).bound
        bound.template(None, options.template)
        whole = {**{field: field for field in OPTIONAL}, **columns}
        return cls._of(OwnPersonas(bound, whole, columns), options)

    @classmethod
    def _of(cls, source: Source, options: Options) -> Self:
        renderer = cls.__new__(cls)
        renderer._source, renderer._options = source, options
        return renderer

    def __call__(self, batch: Any) -> Any:
        """Return the batch with the columns that are asked for. Raises as the class says."""
        table = opened(batch)
        return with_texts(table, self._source.render(table, self._options).columns())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, but those that a batch may lack."""
        return (*self._source.columns_asked, *self._options.columns)

    def prompts(self, batch: Any, message: str | None = None) -> Iterator[tuple[Prompt | None, str | None, str | None]]:
        """Yield for each row its prompt, as `Persona.render` returns it, with the text in the column `message`; or what is wrong.

        Raises as a call does.
        """
        table = opened(batch)
        sessions = Sessions(table, self._options)
        texts = [None] * len(table) if message is None else table.column(message)
        for row, found in enumerate(self._source.personas(table)):
            name = None
            try:
                persona = found()
                name = persona.name
                said = None if message is None else _message(texts[row], message)
                yield persona.render(self._options.template, **sessions.given(row)), said, None
            except PersonaError as error:
                yield None, None, str(of_row(error, name))

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), *self._source.content(), dumps(self._options).encode())


def _message(value: object, column: str) -> str:
    text = None if is_missing(value) else printable(plain(value))
    if text is None or not text.strip():
        raise InvalidValueError(
            f"the row has no text in {shorten(column)!r}", hint="a request says something to the model"
        )
    return text


def _taken(source: object) -> PersonaRegistry:
    """Return a registry that nobody changes."""
    if isinstance(source, PersonaRegistry):
        return copy(source)
    if not is_path(plain(source)):
        hint = "pass PersonaRegistry.from_file(...), or its path"
        raise InvalidValueError(f"the source is a registry or a path, not {kind_of(source)}", hint=hint)
    return PersonaRegistry.from_file(path_of(source, "source"))


def _restored(cls: type[BatchRenderer], held: PersonaRegistry | bytes, source: bytes, options: bytes) -> BatchRenderer:
    arguments = loads(source)
    made = OwnPersonas.restored(held, *arguments) if isinstance(held, bytes) else Registered(held, *arguments)
    return cls._of(made, Options.restored(loads(options)))
