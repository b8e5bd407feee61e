"""What a renderer is told: which columns hold a session, and which are added. As data, so that equal ones are equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..arguments import items_of, mapping_of, text_of
from ..errors import InvalidValueError
from ..kinds import is_mapping, plain
from ..names import did_you_mean, shorten


class Added(NamedTuple):
    """The columns that are asked for, None for those that are not."""

    prompt_column: object
    ref_column: object
    error_column: object
    fingerprint_column: object


class Options(NamedTuple):
    """How rows become prompts, whoever their personas are."""

    session: Mapping[str, str]  # a variable -> its column
    template: str | None
    multiline: tuple[str, ...]  # variables
    trusted: tuple[str, ...]
    sections: Mapping[str, str]  # the name of an extra section -> its column
    prompt: str | None
    ref: str | None
    error: str | None
    fingerprint: str | None

    @classmethod
    def of(
        cls,
        session: object,
        template: object,
        multiline: object,
        trusted: object,
        sections: object,
        added: Added,
    ) -> Options:
        """Return what was passed. Raises InvalidValueError for what says nothing, or two things at once."""
        variables = columns_of(session, "session_columns")
        marks = {"multiline": _names(multiline, "multiline"), "trusted": _names(trusted, "trusted")}
        for what, names in marks.items():
            for name in names:
                if name not in variables:
                    hint = did_you_mean(name, variables) or "name it in session_columns too"
                    raise InvalidValueError(f"{what} has {shorten(name)!r}, which is no session column", hint=hint)
        twice = [name for name in marks["multiline"] if name in marks["trusted"]]
        if twice:
            raise InvalidValueError(f"{shorten(twice[0])!r} is both multiline and trusted", hint="say one of them")
        return cls(
            variables,
            None if plain(template) is None else text_of(template, "template"),
            marks["multiline"],
            marks["trusted"],
            {} if sections is None else columns_of(mapping_of(sections, "extra_sections"), "extra_sections"),
            *_added(added),
        )

    @classmethod
    def restored(cls, data: Sequence[Any]) -> Options:
        """Return what was written as JSON."""
        session, template, multiline, trusted, *rest = data
        return cls(session, template, tuple(multiline), tuple(trusted), *rest)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read for a session."""
        return (*self.session.values(), *self.sections.values())


def columns_of(columns: object, what: str) -> dict[str, str]:
    """Return columns by what they give: a mapping as it is, names each under its own. Raises InvalidValueError."""
    columns = plain(columns)
    if is_mapping(columns):
        return {text_of(name, what): text_of(column, f"{what}: a column") for name, column in columns.items()}
    return {name: name for name in _names(columns, what)}


def _names(names: object, what: str) -> tuple[str, ...]:
    return tuple([text_of(name, f"a name of {what}") for name in items_of(names, what, "a list of names")])


def _added(added: Added) -> tuple[Any, ...]:
    named = {what: None if plain(name) is None else text_of(name, what) for what, name in added._asdict().items()}
    seen: dict[str, str] = {}
    for what, name in named.items():
        if name is not None and seen.setdefault(name, what) != what:
            raise InvalidValueError(f"{seen[name]} and {what} are both {shorten(name)!r}", hint="rename one")
    return tuple(named.values())
