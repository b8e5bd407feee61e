"""From documents to what a registry is made of, with all problems of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ..errors import NOWHERE, Location, PersonaError, PersonaFileError, Problem, TemplateError, field_text, let_through
from ..fields import LISTS
from ..files.reading import NO_PATH, Document
from ..files.source import MOST_PROBLEMS
from ..files.validation import check_document
from ..names import did_you_mean, shorten, split_reference
from ..wording import said_of
from .acceptances import read_acceptances
from .bindings import Bounds
from .file_keys import Arguments, file_bounds
from .inheritance import versions
from .persona import Persona, is_gone, is_side, read_entry, successor_of
from .resolution import State, complete

if TYPE_CHECKING:
    from .provenance import Places
    from .rollouts import Rollout


class Loaded:
    """What documents say, and what is wrong with it."""

    def __init__(self, bounds: Bounds, problems: list[Problem], more: int = 0) -> None:
        self.places: dict[str, Document] = {}
        self.state = State.empty(bounds, self.places)
        self.problems = problems
        self.more = more
        self.more_warnings = 0

    def told(self) -> list[Problem]:
        """Return the problems as they are told: those that do not fit a list of 1,000 are counted in its last line."""
        return shown(self.problems, self.more, self.more_warnings)

    def finished(self) -> State:
        """Return what a registry is made of. Raises PersonaFileError where a problem is an error."""
        if self.more or any(problem.severity == "error" for problem in self.problems):
            raise PersonaFileError(self.told())
        return self.state


def load_documents(documents: Iterable[Document], arguments: Arguments | None = None) -> Loaded:
    """Return what the documents say together, as one registry. Nothing is raised for what is wrong in them."""
    documents = list(documents)
    problems: list[Problem] = []
    broken: set[str] = set()
    more = 0
    for document in documents:
        checked = check_document(document)
        broken |= {problem.persona for problem in document.problems if problem.persona is not None} | checked.broken
        problems += [*document.problems, *checked.problems]
        more += document.more + checked.more
    bounds, own, missing = file_bounds(documents, arguments or Arguments())
    loaded = Loaded(bounds, [*problems, *missing], more)
    definitions = _definitions(documents, loaded, broken)
    if own:
        others = {key: own[document.path] for key, document in loaded.places.items()}
        loaded.state = State.empty(Bounds(bounds.usual, others), loaded.places)
    state, errors = complete(definitions, definitions, loaded.state, broken)
    loaded.problems += [_problem(error, loaded.places) for error in errors]
    rollouts = _rollouts(documents, state.definitions, loaded, broken)
    accepted, faults = read_acceptances(documents)
    required = _required_units(documents, state.definitions, loaded, broken)
    loaded.state = replace(state, rollouts=rollouts, accepted=accepted, require_unit=required)
    loaded.problems += faults
    loaded.problems += _default_problems(documents, state)
    loaded.problems = in_file_order(loaded.problems, documents)
    return loaded


def _definitions(documents: Iterable[Document], loaded: Loaded, broken: set[str]) -> dict[str, Persona]:
    definitions: dict[str, Persona] = {}
    for document in documents:
        for key, config in document.data.items():
            if key.startswith("$"):
                continue
            if key in loaded.places:
                loaded.problems.append(_twice(key, document, loaded.places[key]))
                continue
            loaded.places[key] = document
            if key in broken or not isinstance(config, dict):
                broken.add(key)
                continue
            try:
                definitions[key] = Persona(key, **config) if document.path == NO_PATH else _read(key, config)
            except PersonaError as error:
                error.persona = key
                broken.add(key)
                loaded.problems.append(_problem(error, loaded.places))
            except TypeError as error:  # the schema refuses an unknown field before this can
                let_through(error)
                broken.add(key)
    return definitions


def _read(key: str, config: dict[str, Any]) -> Persona:
    """Return the persona of a file's entry, whose lists are from now on those that the persona keeps."""
    persona = read_entry(key, config)
    for name in LISTS:
        if type(config.get(name)) is list:
            config[name] = getattr(persona, name)
    return persona


def _twice(key: str, document: Document, first: Document) -> Problem:
    where = f"{first.path}:{first.locate((key,), key=True)[0]}"
    return document.location((key,), key=True).problem(f"is defined already, in {where}", "rename or remove one")


def _problem(error: PersonaError, places: Places) -> Problem:
    """Return an error as a problem, with its place in the file or in the template."""
    if isinstance(error, TemplateError) and error.path is not None:
        return Location(error.path, error.line, error.column).problem(error.message, error.hint)
    document = places.get(error.persona or "")
    path = (error.persona or "", *error.field)
    at = NOWHERE if document is None else document.location(path, key=not error.field)
    return at._replace(persona=error.persona, field=field_text(error.field) or None).problem(error.message, error.hint)


def _default_problems(documents: Iterable[Document], state: State) -> Iterator[Problem]:
    """Yield what is wrong with default templates: those that a file names, and those that a persona is rendered with."""
    written = {document.path: document for document in documents if "$default_template" in document.data}
    needed = {
        id(state.bounds.of(key))
        for key, lineage in state.lineages.items()
        if not lineage.persona.abstract and lineage.persona.template is None
    }
    for bound in state.bounds:
        document = written.get(bound.path or NO_PATH)
        if document is None and id(bound) not in needed:
            continue
        try:
            bound.templates.get(bound.templates.default)
        except TemplateError as error:
            if document is None or error.path is not None:
                yield from (_problem(each, {}) for each in (error, *error.others))
            else:
                yield document.location(("$default_template",)).problem(error.message, error.hint)


def _required_units(
    documents: Iterable[Document], definitions: Mapping[str, Persona], loaded: Loaded, broken: set[str]
) -> dict[str, None]:
    required: dict[str, None] = {}
    for document in documents:
        names = document.data.get("$require_unit")
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if not isinstance(name, str) or not name.strip():
                continue  # the schema refuses it
            if name not in broken and (fault := _why_it_serves_nobody(name, definitions)):
                loaded.problems.append(document.location(("$require_unit", index)).problem(*fault))
            required[name] = None
    return required


def _why_it_serves_nobody(name: str, definitions: Mapping[str, Persona]) -> tuple[str, str | None] | None:
    """Say why a name can have no rollout and require no unit, and what to do."""
    persona = definitions.get(name)
    if persona is None or is_side(persona):
        names = [key for key, each in definitions.items() if not is_side(each) and not is_gone(each)]
        return f"there is no persona {shorten(name)!r}", did_you_mean(split_reference(name)[0], names)
    if is_gone(persona):
        hint = f"write {successor_of(persona)!r} in its place" if successor_of(persona) else "take it out"
        return f"{name!r} {said_of(successor_of(persona))}: it serves nobody", hint
    return (f"{name!r} is abstract: it serves nobody", "name its children") if persona.abstract else None


def _rollouts(
    documents: Iterable[Document], definitions: Mapping[str, Persona], loaded: Loaded, broken: set[str]
) -> dict[str, Rollout]:
    rollouts: dict[str, Rollout] = {}
    places: dict[str, Document] = {}
    told = [problem.field for problem in loaded.problems if problem.field and problem.field.startswith("$rollouts.")]
    for document in documents:
        entries = document.data.get("$rollouts")
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if any(f"{field}.".startswith(f"$rollouts.{name}.") for field in told):
                places.setdefault(name, document)
                continue
            for message, hint, path in _rollout_problems(name, entry, definitions, places, broken):
                location = document.location(("$rollouts", name, *path), key=not path)
                loaded.problems.append(location.problem(message, hint))
                places.setdefault(name, document)
            if name in places or name in broken:
                continue
            places[name] = document
            from .rollouts import Rollout  # few files have any

            rollouts[name] = Rollout.from_entry(name, entry, served=str(definitions[name].version))
    return rollouts


def _rollout_problems(
    name: str, entry: Any, definitions: Mapping[str, Persona], places: Mapping[str, Document], broken: set[str]
) -> Iterator[tuple[str, str | None, tuple[str | int, ...]]]:
    """Yield the message, the hint and the path within the entry of all that is wrong with a rollout."""
    if name in places:
        yield f"the rollout of {name!r} stands in {places[name].path} already", "keep one", ()
        return
    if name in broken:
        return
    if fault := _why_it_serves_nobody(name, definitions):
        yield (*fault, ())
    elif (served := definitions[name].version) is None:
        yield f"{name!r} has no version, so there is nothing to choose from", "give it one: version: 1", ()
    else:
        parts = (split_reference(key) for key in broken)
        known = [*versions(definitions, name), *(version for base, version in parts if base == name and version)]
        for version in entry if isinstance(entry, dict) else ():
            side = definitions.get(f"{name}@{version}")
            if side is not None and is_gone(side):
                known.append(version)
                yield f"{side.key} {said_of(successor_of(side))}: it serves nobody", "take it out", (version,)
            elif side is not None and side.abstract:
                yield f"{side.key} is abstract: it serves nobody", "take it out, or make it a persona", (version,)
        from . import rollouts as rules

        for error in rules.problems(name, entry, served=served, known=known):
            path = error.field[2:] if error.field[:1] == ("$rollouts",) else error.field
            yield error.message, error.hint, tuple(path)


def shown(problems: list[Problem], more: int = 0, more_warnings: int = 0) -> list[Problem]:
    """Return the first 1,000 problems, errors first where not all fit, and a last line for those left out."""
    if len(problems) <= MOST_PROBLEMS and not more and not more_warnings:
        return problems
    order = sorted(range(len(problems)), key=lambda at: problems[at].severity != "error")  # stable
    left_out = [problems[at] for at in order[MOST_PROBLEMS:]]
    severity: Literal["error", "warning"] = (
        "error" if more or any(problem.severity == "error" for problem in left_out) else "warning"
    )
    count = more + more_warnings + len(left_out)
    message = f"and {count:,} more problem{'' if count == 1 else 's'}"
    last = NOWHERE.problem(message, "mend these first", severity)
    return [*(problems[at] for at in sorted(order[:MOST_PROBLEMS])), last]


def in_file_order(problems: list[Problem], documents: Iterable[Document]) -> list[Problem]:
    """Sort problems by file and place, each once; those of no file, such as templates', come last."""
    order = {document.path: index for index, document in enumerate(documents)}
    unique = dict.fromkeys(replace(p, path=None, line=None, column=None) if p.path == NO_PATH else p for p in problems)
    for problem in unique:  # the templates' files as they were met
        if problem.path is not None:
            order.setdefault(problem.path, len(order))
    return sorted(unique, key=lambda p: (len(order) if p.path is None else order[p.path], p.line or 0, p.column or 0))
