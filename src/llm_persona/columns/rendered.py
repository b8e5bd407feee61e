"""What comes of a batch: a prompt or an error for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import PersonaError, let_through
from ..fingerprints import fingerprint
from ..names import shorten
from ..persona.persona import Persona, texts_of
from ..templating.session import neutralise
from ..templating.templates import Template
from .options import Options


class Rendered:
    """The columns that a renderer adds; a row has a prompt with its reference, or an error."""

    def __init__(self, count: int, options: Options) -> None:
        self.prompts: list[str | None] = [None] * count
        self.refs: list[str | None] = [None] * count
        self.errors: list[str | None] = [None] * count
        self.fingerprints: list[str | None] = [None] * count
        self._options = options

    def columns(self) -> dict[str, list[str | None]]:
        """Return what is asked for, by its name."""
        options = self._options
        named = {
            options.prompt: self.prompts,
            options.ref: self.refs,
            options.error: self.errors,
            options.fingerprint: self.fingerprints,
        }
        return {name: column for name, column in named.items() if name is not None}

    def attempt(self, row: int, name: object, render: Callable[[], str]) -> None:
        """Render one row. What is wrong is kept, or raised where no column is for it."""
        try:
            self.prompts[row] = render()
        except PersonaError as error:
            self._fail(row, of_row(error, name))
        except Exception as error:
            let_through(error)
            self._fail(row, of_row(PersonaError(f"cannot be rendered: {type(error).__name__}"), name))

    def _fail(self, row: int, error: PersonaError) -> None:
        if self._options.error is None:
            raise error
        self.errors[row] = str(error)

    def identify(self, row: int, persona: Persona, session: dict[str, Any]) -> None:
        """Note what a prompt is made from: all of the persona and its template that can reach it, and the session."""
        template: Template = persona.own_template(self._options.template)
        values = neutralise(session, template.family).values
        made_of = [texts_of(persona).fingerprint(template), template.fingerprint, persona.ref, values_of(values)]
        self.fingerprints[row] = fingerprint("row", made_of)


def values_of(session: dict[str, Any]) -> list[list[str]]:
    """Return neutralised values as data: equal for equal ones, and for others different."""
    return [[name, type(value).__name__, repr(value)] for name, value in sorted(session.items())]


def of_row(error: PersonaError, name: object) -> PersonaError:
    """Return an error that says whose row it is."""
    if error.persona is None and isinstance(name, str):
        error.persona = shorten(str(name))
    return error
