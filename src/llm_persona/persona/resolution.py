"""From definitions to complete personas, with all that is wrong among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from ..errors import DuplicatePersonaError, InvalidValueError, PersonaError, TemplateError
from ..fingerprints import fingerprint
from ..frozen import FrozenDict, thaw
from ..names import Guesses, did_you_mean, shorten, split_reference
from ..placeholders import Placeholders
from ..templating.templates import VERBATIM
from ..wording import said_of
from .bindings import Bounds
from .inheritance import (
    Definitions,
    Lineage,
    filled,
    joined_texts,
    resolve,
    standing,
    steps,
    texts,
    versions,
)
from .persona import Explain, Persona, constant_faults, gives, is_gone, is_side, successor_of

if TYPE_CHECKING:  # what a file in order never needs is imported where it is used
    from .acceptances import Accepted
    from .provenance import Places
    from .rollouts import Rollout


class Complete(Mapping[str, Persona]):
    """Complete personas by key: parents applied, bound to their file's templates. Each is made when first asked for.

    All was checked before; what is made stays the same object. `made` has those that are there already, `asked` what
    `PersonaRegistry.get` returned for a reference and nothing else. `explain` tells the lines of their prompts.
    """

    __slots__ = ("_bounds", "_lineages", "asked", "explain", "made")

    def __init__(
        self,
        lineages: Mapping[str, Lineage],
        bounds: Bounds,
        made: dict[str, Persona],
        explain: Explain | None = None,
    ) -> None:
        self._lineages = lineages
        self._bounds = bounds
        self.made = made
        self.explain = explain
        self.asked: dict[str, Persona] = {}

    def __getitem__(self, key: str) -> Persona:
        found = self.made.get(key)
        if found is None:
            lineage = self._lineages[key]
            # Two threads may both make it; both get the one that was there first.
            bound = self._bounds.binding(lineage)
            settled = lineage.persona._settled(filled(lineage), bound, explain=self.explain)
            found = self.made.setdefault(key, settled)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._lineages)

    def __len__(self) -> int:
        return len(self._lineages)


@dataclass(frozen=True, slots=True)
class State:
    """All that a registry knows at one moment. Never changed: a new one takes its place."""

    definitions: Definitions
    lineages: Mapping[str, Lineage]
    complete: Complete
    rollouts: Mapping[str, Rollout]
    places: Places
    bounds: Bounds
    accepted: Accepted = field(default_factory=FrozenDict)
    require_unit: Mapping[str, None] = field(default_factory=dict)  # the names, in order

    @classmethod
    def empty(cls, bounds: Bounds, places: Places | None = None) -> State:
        return cls({}, {}, Complete({}, bounds, {}), {}, {} if places is None else places, bounds)

    def explained_by(self, explain: Explain) -> State:
        """Return the same for a registry, which makes its complete personas itself and explains their prompts."""
        return replace(self, complete=Complete(self.lineages, self.bounds, {}, explain))


def affected(definitions: Definitions, replaced: Collection[str]) -> list[str]:
    """Return the keys of all that these replaced definitions bear on, themselves included: descendants and versions."""
    if not replaced:
        return []
    near: dict[str, list[str]] = {}  # a name -> the keys that refer to it
    for key, persona in definitions.items():
        for name in {
            persona.name,
            *(split_reference(each or "")[0] for each in (persona.parent, successor_of(persona))),
        }:
            near.setdefault(name, []).append(key)
    found = dict.fromkeys(replaced)
    waiting = list(replaced)
    while waiting:
        for key in near.get(definitions[waiting.pop()].name, ()):
            if key not in found:
                found[key] = None
                waiting.append(key)
    return list(found)


def complete(
    definitions: Definitions, keys: Iterable[str], before: State, broken: Iterable[str] = ()
) -> tuple[State, list[PersonaError]]:
    """Return the state of these definitions, and all errors among them.

    Only the definitions under `keys` are looked at, the others are as they were `before`; `broken` are keys whose own
    errors are known already, so that a child of one is not blamed for it.
    """
    keys = list(keys)
    lineages, made = dict(before.lineages), dict(before.complete.made)
    for key in keys:
        lineages.pop(key, None)
        made.pop(key, None)
    errors: dict[tuple[object, ...], PersonaError] = {}
    bad = set(broken)
    guess = Guesses()
    for error in chain(_version_errors(definitions, keys, bad), _line_errors(definitions, keys, bad)):
        _note(error, errors, bad)
    for key in keys:
        if is_gone(definitions[key]) or (bad and _descends_from(key, definitions, bad)):
            continue
        try:
            lineage = resolve(key, definitions, lineages, guess)
        except PersonaError as error:
            _note(error, errors, bad)
            continue
        if not lineage.persona.abstract:
            faults = _undeclared(lineage, guess), _constants(lineage), _unfit(lineage, before.bounds)
            for unfit in chain(*faults, _without_role(lineage, before.bounds)):
                # What is wrong with an ancestor shows in every child; it is told once.
                errors.setdefault((unfit.persona, unfit.field, str(unfit)), unfit)
    complete = Complete(lineages, before.bounds, made, before.complete.explain)
    return replace(before, definitions=definitions, lineages=lineages, complete=complete), list(errors.values())


def _note(error: PersonaError, errors: dict[tuple[object, ...], PersonaError], bad: set[str]) -> None:
    errors.setdefault((error.persona, error.field, str(error)), error)
    if error.persona is not None:
        bad.add(error.persona)


def _descends_from(key: str, definitions: Definitions, bad: set[str]) -> bool:
    """Tell whether a persona, an ancestor of it or what replaces one is among the bad ones; if so, all on the way are
    from now on."""
    path: dict[str, None] = {}
    while key not in bad and key not in path:
        path[key] = None
        persona = definitions.get(key)
        onward = None if persona is None else successor_of(persona) or persona.parent
        if onward is None:
            return False
        found = standing(definitions, onward)
        key = found.key if found is not None else onward if onward in bad else split_reference(onward)[0]
    if key in bad:
        bad.update(path)
        return True
    return False


LEAVE_IT = "leave the constant, or write the text without it"


def _undeclared(lineage: Lineage, guess: Guesses) -> Iterator[InvalidValueError]:
    """Yield an error for every `{identifier}` that is none of the names that a persona with some declares."""
    persona = lineage.persona
    if persona.variables is None or not (persona.variables or persona.constants):
        return
    placeholders = Placeholders(persona.variables, persona.constants)
    if not placeholders.undeclared(joined_texts(persona)):
        return
    declaring, taken = _first_declaring(lineage).key, _taken_away(lineage)
    for path, text in texts(persona, "{"):
        for name in placeholders.undeclared(text) if path[0] != "constants" else ():
            from .provenance import origin_of

            source = origin_of(lineage, path)
            if name in taken:
                hint = f"{shorten(taken[name])!r} takes the constant away: {LEAVE_IT}"
            else:
                near = guess.hint(name, (*persona.variables, *persona.constants, "name", "company"))
                hint = _declare_it(shorten(name), near, None if source.persona == declaring else declaring)
            message = f"'{{{shorten(name)}}}' is no declared variable"
            yield InvalidValueError(message, persona=source.persona, field=source.path, hint=hint)


def _declare_it(name: str, near: str | None, declaring: str | None) -> str:
    because = "" if declaring is None else f", as {shorten(declaring)!r} declares names"
    declare = f"declare it under variables, or write '{{{{{name}}}}}' to print it{because}"
    return f"{near} If not, {declare}" if near else declare


def _first_declaring(lineage: Lineage) -> Persona:
    """Return the definition from which on no other names than the declared ones are placeholders."""
    above = lineage.inherited
    while above is not None and above.persona.variables is not None:
        if not above.persona.variables and not above.persona.constants:
            break
        lineage, above = above, above.inherited
    return lineage.definition


def _constants(lineage: Lineage) -> Iterator[InvalidValueError]:
    """Yield what is wrong with the constants of a persona, and with the use of those that it took away."""
    persona = lineage.persona
    if persona.constants:
        for fault in constant_faults(persona):
            from .provenance import origin_of

            source = origin_of(lineage, fault.field)
            fault.persona, fault.field = source.persona, source.path
            yield fault
    taken = {} if persona.variables is not None else _taken_away(lineage)  # with names declared, it is no declared one
    if not taken:
        return
    placeholders = Placeholders(persona.variables)
    for path, text in texts(persona, "{"):
        for name in placeholders.names(text) if path[0] != "constants" else ():
            if name in taken:
                from .provenance import origin_of

                source = origin_of(lineage, path)
                message = f"'{{{shorten(name)}}}' is a constant that {taken[name]} takes away"
                yield InvalidValueError(message, persona=source.persona, field=source.path, hint=LEAVE_IT)


def _taken_away(lineage: Lineage) -> dict[str, str]:
    """Return the constants that a persona inherits no more, each with the definition that says so."""
    taken: dict[str, str] = {}
    found: Lineage | None = lineage
    while found is not None:
        for name, text in found.definition.constants.items():
            if text is None and name not in lineage.persona.constants:
                taken.setdefault(name, found.definition.key)
        found = found.inherited
    return taken


def _without_role(lineage: Lineage, bounds: Bounds) -> Iterator[InvalidValueError]:
    """Yield an error for a persona without a role, unless its template prints foreign prompts word for word."""
    persona = lineage.persona
    if persona.role:
        return
    bound = bounds.binding(lineage)
    try:
        template = bound.template(persona.template)
    except TemplateError:  # told as such
        return
    if not template.ends_in(VERBATIM):
        is_child = lineage.inherited is not None
        yield InvalidValueError(
            f"role is missing{', here and in its parents' if is_child else ''}",
            persona=lineage.definition.key,
            hint=f'write "role: …"{" in one of them" if is_child else ", or name a parent"}',
        )


def _unfit(lineage: Lineage, bounds: Bounds) -> Iterator[PersonaError]:
    """Yield what does not fit the files: a template that is not there, tools that the catalogue has not."""
    persona = lineage.persona
    if persona.template is not None:
        try:
            bounds.naming(lineage).get(persona.template)
        except TemplateError as error:
            if error.path is None:
                from .provenance import origin_of

                source = origin_of(lineage, ("template",))
                error.persona, error.field = source.persona, source.path
            yield error
            yield from error.others
    for index, tool in enumerate(persona.tools):
        catalogue = bounds.tools(lineage, ("tools", index))
        if catalogue is not None and tool not in catalogue:
            from .provenance import origin_of

            source = origin_of(lineage, ("tools", index))
            yield InvalidValueError(
                f"there is no tool {tool!r}",
                persona=source.persona,
                field=source.path,
                hint=did_you_mean(tool, catalogue) or "add it to the catalogue",
            )


def _version_errors(definitions: Definitions, keys: Iterable[str], bad: set[str]) -> Iterator[PersonaError]:
    """Yield what is wrong between the side versions among these keys and those that are served, but for `bad` ones."""
    for key in keys:
        persona = definitions[key]
        if not is_side(persona):
            continue
        served = definitions.get(persona.name)
        if is_gone(persona):
            if served is not None and served.version == persona.version:
                yield DuplicatePersonaError(
                    f"version {persona.version!r} of {persona.name!r} is the served one: it is not gone",
                    persona=key,
                    hint=f"remove {key!r}, or give {persona.name!r} a new version",
                )
        elif served is None and persona.name not in bad:
            yield InvalidValueError(
                f"{persona.name!r} is not defined, so no version is served",
                persona=key,
                hint=f"define {persona.name!r}; {key!r} is a version beside it",
            )
        elif served is None:  # told as such
            continue
        elif is_gone(served):
            yield InvalidValueError(
                f"{persona.name!r} {said_of(successor_of(served))}, so no version of it is served",
                persona=key,
                hint=f"remove {key!r}, or define {persona.name!r}",
            )
        elif served.version is None:
            yield InvalidValueError(
                "has no version, and other versions stand beside it",
                persona=persona.name,
                field=("version",),
                hint="give it one: version: 1",
            )
        elif served.version == persona.version:
            yield DuplicatePersonaError(
                f"version {persona.version!r} of {persona.name!r} is defined twice: it is the served one too",
                persona=key,
                hint=f"remove {key!r}, or give {persona.name!r} a new version",
            )


def _line_errors(definitions: Definitions, keys: Iterable[str], bad: set[str]) -> Iterator[InvalidValueError]:
    """Yield what is wrong with the lines of what is gone: they lead nowhere, to what serves nobody, or in a circle."""
    for key in keys:
        line = definitions[key]
        if not is_gone(line) or successor_of(line) is None or (bad and _descends_from(key, definitions, bad)):
            continue
        *passed, last = steps(definitions, line)
        if last is not None and not last.abstract:
            continue
        lost = passed[-1]
        assert lost is not None
        successor = successor_of(lost)
        assert successor is not None
        if last is not None:
            message = f"{shorten(successor)!r} is abstract, and would serve nobody"
            hint = "name one that is not; null says that it was retired"
            yield InvalidValueError(message, persona=lost.key, field=("replaced_by",), hint=hint)
            continue
        following = standing(definitions, successor)
        if following is None or (following is lost and successor != lost.key):
            yield _unknown_successor(lost, successor, definitions)
        else:
            names = [each.key for each in passed if each is not None]
            shown = " -> ".join(map(shorten, [*names[names.index(following.key) :], following.key]))
            hint = "let it end in one that is there, or in null"
            yield InvalidValueError(
                f"is replaced by itself: {shown}", persona=following.key, field=("replaced_by",), hint=hint
            )


def _unknown_successor(line: Persona, successor: str, definitions: Definitions) -> InvalidValueError:
    name, version = split_reference(successor)
    if is_side(line):
        there = versions(definitions, name)
        known = f"its versions are {', '.join(there)}" if there else "it has no versions"
        message = f"{name!r} has no version {shorten(version or '')!r}"
        hint = did_you_mean(version or "", there) or f"{known}; null says that it was retired"
    else:
        message = f"there is no persona {shorten(successor)!r}"
        names = [key for key, persona in definitions.items() if not is_gone(persona)]
        hint = did_you_mean(successor, names) or "name one that is there; null says that it was retired"
    return InvalidValueError(message, persona=line.key, field=("replaced_by",), hint=hint)


def definition_fingerprint(persona: Persona) -> str:
    """Return the fingerprint of a definition: what was given, apart from description and metadata."""
    data = {name: value for name, value in written(persona).items() if name not in ("description", "metadata")}
    if "custom_sections" in data:
        data["custom_sections"] = [[name, thaw(each)] for name, each in persona.custom_sections.items()]
    return fingerprint("definition", [persona.key, data])


def written(persona: Persona) -> dict[str, object]:
    """Return the fields that were given, as a file writes them."""
    fields = persona.to_dict()
    del fields["name"]
    return fields


def same_content(one: Persona, other: Persona) -> bool:
    """Tell whether two definitions say the same. By fingerprint: `==` takes `1` for `True`."""

    def notes(persona: Persona) -> tuple[object, ...]:
        return persona.description, repr(persona.metadata), gives(persona, "metadata")

    return definition_fingerprint(one) == definition_fingerprint(other) and notes(one) == notes(other)
