"""The cases of a prompt matrix: every concrete persona and version, in its templates, for every named session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..arguments import is_path, path_of
from ..errors import InvalidValueError, MissingVariableError, PersonaError
from ..names import kind_of, split_reference
from ..prompts.prompt import Prompt
from ..registry.registry import PersonaRegistry
from .file_names import ENDING, file_stem, shared_name

Session = Mapping[str, object]
MOST_CONFLICTS = 20  # that one message tells of


@dataclass(frozen=True)
class PromptCase:
    """One prompt to be pinned: a persona by its key, a template and a session by their names."""

    registry: PersonaRegistry
    key: str
    ref: str
    template: str
    session: str
    variables: Session
    own: bool = False  # no template was asked for: it is the persona's own

    @cached_property
    def stem(self) -> str:
        return file_stem(self.ref, self.template, self.session)

    @property
    def file(self) -> str:
        return self.stem + ENDING

    @property
    def shared_name(self) -> str:
        return shared_name(self.ref, self.template, self.session)

    def __str__(self) -> str:
        return f"{self.ref} in {self.template!r}, session {self.session!r}"

    def render(self) -> Prompt:
        """Render the prompt; whatever cannot be rendered is told with the case that asked for it."""
        try:
            return self.registry.complete(self.key).render(None if self.own else self.template, **self.variables)
        except MissingVariableError as error:
            names = ", ".join(f"{name!r}: ..." for name in error.names)
            raise PersonaError(f"{self}: {error}", hint=f"add {names} to sessions[{self.session!r}]") from None
        except PersonaError as error:
            raise PersonaError(f"{self}: {error}") from None

    def same(self, other: PromptCase) -> bool:
        """Whether the other one is sure to give the same prompt."""
        return self.registry is other.registry and (
            (self.key, self.template, self.session, self.variables)
            == (other.key, other.template, other.session, other.variables)
        )


@dataclass(frozen=True)
class PromptMatrix:
    """What `prompt_matrix` was given, not looked at yet."""

    source: PersonaRegistry | str | os.PathLike[str]
    sessions: Mapping[str, Session]
    templates: Iterable[str] | str | None

    def cases(self, folder: Path, loaded: dict[str, PersonaRegistry]) -> list[PromptCase]:
        """Return the cases in the registry's order; `folder` is what a relative path starts from.

        `loaded` keeps the registries that were read. Raises PersonaError for what cannot be a matrix, or be read.
        """
        registry = self._registry(folder, loaded)
        sessions = _checked_sessions(self.sessions)
        templates = _checked_templates(self.templates)
        cases = [
            PromptCase(registry, key, ref, template.removesuffix(".j2"), session, variables, own=not templates)
            for key, ref, own in _personas(registry)
            for template in templates or (own,)
            for session, variables in sessions.items()
        ]
        if not cases:
            raise InvalidValueError("prompt_matrix has nothing to pin: the registry defines no concrete persona")
        return cases

    def _registry(self, folder: Path, loaded: dict[str, PersonaRegistry]) -> PersonaRegistry:
        if isinstance(self.source, PersonaRegistry):
            return self.source
        if not is_path(self.source):
            raise InvalidValueError(f"prompt_matrix takes a registry or a file, not {kind_of(self.source)}")
        path = os.path.abspath(folder / path_of(self.source, "what prompt_matrix takes"))
        if path not in loaded:
            loaded[path] = PersonaRegistry.from_file(shown_path(path))
        return loaded[path]


def shown_path(path: str | os.PathLike[str], start: str | os.PathLike[str] = os.curdir) -> str:
    """Return a path as somebody who stands in the folder `start` would write it."""
    try:
        near = os.path.relpath(path, start)
    except ValueError:  # another drive
        return os.fspath(path)
    return os.fspath(path) if near.startswith(os.pardir) else near


def _personas(registry: PersonaRegistry) -> Iterator[tuple[str, str, str]]:
    for key in registry.references():
        persona = registry.complete(key)
        yield key, persona.ref, persona.template_name


def _checked_sessions(sessions: object) -> dict[str, Session]:
    if not isinstance(sessions, Mapping) or not sessions:
        raise InvalidValueError(
            f"sessions must be a mapping of names to variables, not {kind_of(sessions) if sessions else 'empty'}",
            hint='write sessions={"plain": {}} for one without any',
        )
    for name, variables in sessions.items():
        if not isinstance(name, str):
            raise InvalidValueError(f"a session's name must be a text, not {kind_of(name)}")
        if not isinstance(variables, Mapping) or not all(isinstance(key, str) for key in variables):
            raise InvalidValueError(f"sessions[{name!r}] must be a mapping of variables' names to values")
    return dict(sessions)


def _checked_templates(templates: object) -> tuple[str, ...]:
    if templates is None:
        return ()
    named = (templates,) if isinstance(templates, str) else templates
    if not isinstance(named, Iterable) or not (found := tuple(named)) or not all(isinstance(n, str) for n in found):
        raise InvalidValueError("templates must be a list of templates' names", hint="leave it out for each its own")
    return found


def check_files(cases: Iterable[PromptCase], claimed: dict[str, PromptCase]) -> None:
    """Claim the file of every case. Raises InvalidValueError with all that differ and would share one on some disk."""
    pairs = [(case, claimed.setdefault(case.shared_name, case)) for case in cases]
    conflicts = [_conflict(case, other) for case, other in pairs if case is not other and not case.same(other)]
    if conflicts:
        more = [f"and {len(conflicts) - MOST_CONFLICTS} more"] if len(conflicts) > MOST_CONFLICTS else []
        raise InvalidValueError("\n".join([*conflicts[:MOST_CONFLICTS], *more]))


def _conflict(case: PromptCase, other: PromptCase) -> str:
    if case.stem == other.stem:
        return f"two prompts would be kept in {case.file!r}; give their sessions names of their own"
    name = split_reference(case.ref)[0]
    renamed = "persona" if name != split_reference(other.ref)[0] else "session or version"
    return (
        f"{case.file!r} and {other.file!r} differ only by case or normalisation, so they share a file on some disks; "
        f"rename a {renamed}"
    )
