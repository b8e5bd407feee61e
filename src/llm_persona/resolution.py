"""From definitions to complete personas, with all that is wrong among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .bound import Bound
from .errors import DuplicatePersonaError, InvalidValueError, PersonaError, TemplateError
from .fingerprints import fingerprint
from .frozen import FrozenDict, ListEdit, thaw
from .inheritance import Lineage, filled, resolve, undeclared
from .names import did_you_mean, join_reference, split_reference
from .persona import Persona
from .rollouts import Rollout

Definitions = Mapping[str, Persona]


@dataclass(frozen=True, slots=True)
class State:
    """All that a registry knows at one moment. Never changed: a new one takes its place."""

    definitions: Definitions = field(default_factory=dict)  # key -> as it was defined
    lineages: Mapping[str, Lineage] = field(default_factory=dict)
    complete: Definitions = field(default_factory=dict)  # key -> parents applied, bound to the registry's templates
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)


def find(definitions: Definitions, reference: str) -> Persona | None:
    """Return the definition that a reference means: `Maya` is the served one, `Maya@1` may be it too."""
    name, version = split_reference(reference)
    served = definitions.get(name)
    if version is None or (served is not None and served.version == version):
        return served
    return definitions.get(reference)


def versions(definitions: Definitions, name: str) -> list[str]:
    """Return the versions of a persona, the served one's first, then the others in order of definition."""
    served = definitions.get(name)
    found = [served.version] if served is not None and served.version is not None else []
    return found + [p.version for p in definitions.values() if p.name == name and p._side and p.version is not None]


def complete(
    definitions: Definitions, bound: Bound, known: Mapping[str, Lineage], broken: Iterable[str] = ()
) -> tuple[State, list[PersonaError]]:
    """Return the state of these definitions, and all errors among them.

    `known` are lineages that need no second look; `broken` are keys whose own errors are known already, so that a
    child of one is not blamed for it.
    """
    lineages = dict(known)
    finished: dict[str, Persona] = {}
    errors = list(_version_errors(definitions))
    bad = set(broken) | {error.persona for error in errors if error.persona is not None}
    checked: dict[tuple[str | None, tuple[str | int, ...], str], None] = {}

    def found(reference: str) -> Persona | None:
        return find(definitions, reference)

    for key, definition in definitions.items():
        if key in bad or (bad and _leads_to(definition, definitions, bad)):
            continue
        try:
            lineage = resolve(key, found, lineages)
            if not definition.abstract and key not in known:
                for error in (*undeclared(lineage), *_unfit(lineage, bound)):
                    # An ancestor's mistake shows in every child; it is one mistake.
                    if checked.setdefault((error.persona, error.field, str(error)), None) is None:
                        checked[error.persona, error.field, str(error)] = None
                        errors.append(error)
        except PersonaError as error:
            if str(error) not in {str(other) for other in errors}:
                errors.append(error)
            continue
        finished[key] = _bound_to(filled(lineage), bound)
    return State(definitions, lineages, finished), errors


def _leads_to(definition: Persona, definitions: Definitions, bad: set[str]) -> bool:
    """Tell whether an ancestor is among the bad ones."""
    seen: set[str] = set()
    current: Persona | None = definition
    while current is not None and current.parent is not None and current.key not in seen:
        seen.add(current.key)
        if current.parent in bad or join_reference(*split_reference(current.parent)) in bad:
            return True
        current = find(definitions, current.parent)
        if current is not None and current.key in bad:
            return True
    return False


def _bound_to(persona: Persona, bound: Bound) -> Persona:
    return Persona(persona.key, **persona.given(), _bound=bound)  # type: ignore[arg-type]  # its own fields


def _unfit(lineage: Lineage, bound: Bound) -> Iterator[PersonaError]:
    """Yield what does not fit the registry: a template that is not there, tools that the catalogue has not."""
    persona = lineage.persona
    if persona.template is not None:
        try:
            bound.templates.get(persona.template)
        except TemplateError as error:
            if error.path is None:
                origin = lineage.origin(("template",))
                error.persona, error.field = origin.persona, origin.path
            yield error
    for index, tool in enumerate(persona.tools if bound.tools is not None else ()):
        if tool not in (bound.tools or ()):
            origin = lineage.origin(("tools", index))
            yield InvalidValueError(
                f"there is no tool {tool!r}",
                persona=origin.persona,
                field=origin.path,
                hint=did_you_mean(tool, bound.tools or ()) or "add it to the catalogue",
            )


def _version_errors(definitions: Definitions) -> Iterator[PersonaError]:
    for key, persona in definitions.items():
        if not persona._side:
            continue
        served = definitions.get(persona.name)
        if served is None:
            yield InvalidValueError(
                f"{persona.name!r} is not defined, so no version is served",
                persona=key,
                hint=f"define {persona.name!r}; {key!r} is a version beside it",
            )
        elif served.version is None:
            yield InvalidValueError(
                f"has no version, and {key!r} stands beside it",
                persona=persona.name,
                field=("version",),
                hint="give it one: version: 1",
            )
        elif served.version == persona.version:
            yield DuplicatePersonaError(
                f"version {persona.version!r} of {persona.name!r} is defined twice: it is the served one too",
                persona=key,
            )


def definition_fingerprint(persona: Persona) -> str:
    """Return the fingerprint of a definition: what was given, apart from description and metadata."""
    data = {name: value for name, value in written(persona).items() if name not in ("description", "metadata")}
    if "custom_sections" in data:
        data["custom_sections"] = [list(entry) for entry in persona.custom_sections.items()]
    return fingerprint("definition", [persona.key, data])


def written(persona: Persona) -> dict[str, object]:
    """Return the fields that were given, as a file writes them."""
    fields: dict[str, object] = {}
    for name, value in persona.given().items():
        if name == "version" and persona._side:
            continue  # the key has it
        fields[name] = value.written() if isinstance(value, ListEdit) else thaw(value)
    return fields


def same_content(one: Persona, other: Persona) -> bool:
    """Tell whether two definitions say the same. By fingerprint: `==` takes `1` for `True`."""

    def notes(persona: Persona) -> tuple[object, ...]:
        metadata = persona.metadata if isinstance(persona.metadata, FrozenDict) else {}
        return persona.description, repr(metadata), "metadata" in persona.given()

    return definition_fingerprint(one) == definition_fingerprint(other) and notes(one) == notes(other)
