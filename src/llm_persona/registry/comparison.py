"""What changed between two personas, or two registries: as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from ..arguments import mapping_of
from ..checks.stable_shares import defined_tools, sent_tools
from ..errors import PersonaError, field_text
from ..fields import LISTS, TABLES, TEXTS
from ..frozen import ALL, thaw
from ..names import shorten, split_reference
from ..persona.persona import Persona, binding_of, check_settled
from ..persona.rollouts import Rollout
from ..prompts.prompt import Prompt
from ..prompts.texts import RENDERED

COMPARED = (*TEXTS, *LISTS, *TABLES, "description")
ORDERED = (*LISTS, "custom_sections")  # fields whose order reaches a prompt
Kind = Literal["added", "removed", "changed", "moved"]
SIGNS: Mapping[Kind, str] = {"added": "+", "removed": "-", "changed": "~", "moved": "="}


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a registry is compared, or of several as one."""

    references: tuple[str, ...]
    has: Callable[[str], bool]  # what `complete` finds
    complete: Callable[[str], Persona]
    rollouts: Mapping[str, Rollout]
    replaced: Mapping[str, str | None]
    require_unit: tuple[str, ...]

    @classmethod
    def joined(cls, several: Sequence[Contents]) -> Contents:
        """Return several as one: a name means what the first that has it says."""

        def complete(name: str) -> Persona:
            return next((each for each in several if each.has(name)), several[0]).complete(name)

        return cls(
            references=tuple(dict.fromkeys(key for each in several for key in each.references)),
            has=lambda name: any(each.has(name) for each in several),
            complete=complete,
            rollouts={name: each.rollouts[name] for each in reversed(several) for name in each.rollouts},
            replaced={key: line for each in reversed(several) for key, line in each.replaced.items()},
            require_unit=tuple(dict.fromkeys(name for each in several for name in each.require_unit)),
        )


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, list item or entry that differs.

    `before` is None for what was added, `after` for what was removed; so is the default of a variable that must be
    given. The path of a list item counts from 0, in the list where it stands. Where the order alone differs, the whole
    field `moved`: its items, or the names of its entries.
    """

    path: tuple[str | int, ...]
    kind: Kind
    before: object
    after: object

    def __str__(self) -> str:
        if self.kind == "moved":
            return f"{SIGNS[self.kind]} {field_text(self.path)}: in another order"
        values = {"added": (self.after,), "removed": (self.before,)}.get(self.kind, (self.before, self.after))
        return f"{SIGNS[self.kind]} {field_text(self.path)}: {' -> '.join(map(self._shown, values))}"

    def _shown(self, value: object) -> str:
        if value is None:
            return "required" if self.path[0] == "variables" else "none"
        return repr(shorten(value)) if isinstance(value, str) else shorten(repr(thaw(value)))


@dataclass(frozen=True, slots=True)
class PersonaChange:
    """How one persona differs from another, both complete and each in its own template.

    A prompt is None where it cannot be rendered with the session given, and `why_not` says why. `prefix_rewritten` tells
    whether a provider's cache has to be filled anew, as what its tools are or do or the stable part changed: an entry is
    found whole or not at all. None where nothing was cached, or that cannot be told. `tools` has the names of tools that
    came, went, or are defined in another way, where both have a catalogue and not the same.
    """

    before: Persona
    after: Persona
    fields: tuple[FieldChange, ...]
    template_changed: bool
    prompt_before: Prompt | None
    prompt_after: Prompt | None
    prefix_rewritten: bool | None
    why_not: str | None = None
    tools: tuple[tuple[Kind, str], ...] = ()

    @property
    def same_version(self) -> bool:
        """Whether both claim one name and version: then content must not differ."""
        return self.before.version is not None and self.before.ref == self.after.ref

    @property
    def content_changed(self) -> bool:
        """Whether anything that can reach a prompt differs: a field, an ancestor's, the template or what it uses.

        The key, the version and what tools are said to do count where the template looks at them.
        """
        told = self.before.name != self.after.name or any(change.path[0] in RENDERED for change in self.fields)
        beside = _looked_at(self.before) != _looked_at(self.after)
        return told or beside or self.template_changed or self.prompt_changed

    @property
    def prompt_changed(self) -> bool:
        """Whether the prompts differ, as far as both can be rendered."""
        return None not in (self.prompt_before, self.prompt_after) and self.prompt_before != self.prompt_after

    def __bool__(self) -> bool:
        told = bool(self.fields) or self.before.ref != self.after.ref or self.content_changed
        return told or bool(self.prefix_rewritten)  # by what its tools are: the prompt may not say so


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """A rollout that differs. Where one side has none, all its units get the served version."""

    name: str
    before: Rollout
    after: Rollout

    @property
    def moved(self) -> float:
        """The share of units, 0 to 1, that get another version than before."""
        return self.before.moved(self.after)


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """How one registry differs from another: references that came and went, personas and rollouts that changed.

    A reference is what `get` takes: a served version that stays as `Maya@1` beside a new one has not gone. `changed`
    compares what stands under one key, `thawed` the versions whose content changed although their name and version did
    not. `replaced` has the references that lead to something else now, each with the one that stands in its place, None
    where it was retired; `lost` those of which nothing is left, not even a line; `revived` those that had a line and now
    are a persona that says something else than who asked for them was given. `unit_required` has the names that
    `$require_unit` names now, `unit_not_required` those that it does not name any more. Abstract personas count through
    their children alone.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[PersonaChange, ...]
    rollouts: tuple[RolloutChange, ...]
    thawed: tuple[PersonaChange, ...]
    replaced: tuple[tuple[str, str | None], ...] = ()
    lost: tuple[str, ...] = ()
    revived: tuple[str, ...] = ()
    unit_required: tuple[str, ...] = ()
    unit_not_required: tuple[str, ...] = ()

    @property
    def unversioned(self) -> tuple[str, ...]:
        """The keys whose content changed and which have no version, so that nothing could hold them."""
        return tuple(each.after.key for each in self.changed if each.after.version is None and each.content_changed)

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


def compare(before: Persona, after: Persona, session: Mapping[str, Any] | None = None) -> PersonaChange:
    """Compare two complete personas. Variables that the session lacks are printed as they are written: `{user_name}`.

    Raises InheritanceError for a persona whose parent was not applied yet.
    """
    for persona in (before, after):
        check_settled(persona)
    old, old_error = _rendered(before, session or {})
    new, new_error = _rendered(after, session or {})
    errors = {"before": old_error, "after": new_error}
    return PersonaChange(
        before=before,
        after=after,
        fields=tuple(_field_changes(before, after)),
        template_changed=_template_fingerprint(before) != _template_fingerprint(after),
        prompt_before=old,
        prompt_after=new,
        prefix_rewritten=_prefix_rewritten((before, old), (after, new)) if old and new and old.shared else None,
        why_not="\n".join(f"{side}: {error}" for side, error in errors.items() if error) or None,
        tools=() if sent_tools(before) == sent_tools(after) else tuple(_tool_changes(before, after)),
    )


def compare_registries(before: Contents, after: Contents, session: Mapping[str, Any] | None = None) -> RegistryChange:
    """Compare what two registries serve under each key, and their rollouts."""
    session = None if session is None else mapping_of(session, "session")
    known: dict[tuple[str, str], PersonaChange] = {}

    def compared(old: str, new: str) -> PersonaChange:
        if (old, new) not in known:
            known[old, new] = compare(before.complete(old), after.complete(new), session)
        return known[old, new]

    keys, pinned = set(before.references), _pinned(before)
    changes = [compared(key, key) for key in after.references if key in keys]
    refs = [compared(pinned[ref], key) for ref, key in _pinned(after).items() if ref in pinned]
    removed = (*_new_references(after, before), *_lines_removed(before, after))
    return RegistryChange(
        added=tuple(_new_references(before, after)),
        removed=removed,
        changed=tuple(change for change in changes if change),
        rollouts=tuple(_rollout_changes(before, after)),
        thawed=tuple(change for change in refs if change.content_changed),
        replaced=tuple(_replacements(before, after, removed)),
        lost=tuple(_losses(removed, after)),
        revived=tuple(
            key for key in _defined_again(before, after) if not before.has(key) or compared(key, key).content_changed
        ),
        unit_required=tuple(_requiring(after, before)),
        unit_not_required=tuple(_requiring(before, after)),
    )


def _pinned(registry: Contents) -> dict[str, str]:
    """Return every name with a version, `Maya@1`, and the key that it stands under."""
    personas = map(registry.complete, registry.references)
    return {persona.ref: persona.key for persona in personas if persona.version is not None}


def _new_references(old: Contents, new: Contents) -> Iterator[str]:
    known = {*old.references, *_pinned(old)}
    for key in new.references:
        if key not in known:
            yield key
        elif new.complete(key).ref not in known:
            yield new.complete(key).ref


def _lines_removed(before: Contents, after: Contents) -> Iterator[str]:
    """Yield what was gone, and replaced, and leads nowhere now."""
    for key in before.replaced:
        if before.has(key) and not after.has(key) and not _has_line(after, key):
            yield key


def _replacements(before: Contents, after: Contents, removed: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for reference in dict.fromkeys((*removed, *after.replaced)):
        if _has_line(after, reference):
            now = after.complete(reference).ref if after.has(reference) else None
            then = before.complete(reference).ref if _has_line(before, reference) and before.has(reference) else None
            if not _has_line(before, reference) or now != then:
                yield reference, now


def _losses(removed: Sequence[str], after: Contents) -> Iterator[str]:
    """Yield those of which nothing is left; a name stands for its versions too."""
    lost = {reference for reference in removed if not _is_kept(reference, after)}
    for reference in removed:
        name = split_reference(reference)[0]
        if reference in lost and (reference == name or name not in lost):
            yield reference


def _is_kept(reference: str, after: Contents) -> bool:
    """Tell whether a reference still leads to a persona that can serve, or to a line that says it was retired."""
    return not after.complete(reference).abstract if after.has(reference) else _has_line(after, reference)


def _has_line(registry: Contents, reference: str) -> bool:
    return reference in registry.replaced or split_reference(reference)[0] in registry.replaced


def _defined_again(before: Contents, after: Contents) -> Iterator[str]:
    """Yield what had a line, and is a persona of its own again."""
    for key in before.replaced:
        if after.has(key) and not _has_line(after, key) and not after.complete(key).abstract:
            yield key


def _requiring(one: Contents, other: Contents) -> Iterator[str]:
    """Yield the names for which one registry requires a unit and the other, which serves them too, does not."""
    for name in one.require_unit:
        if other.has(name) and not _has_line(other, name) and name not in other.require_unit:
            yield name


def _field_changes(before: Persona, after: Persona) -> Iterator[FieldChange]:
    for name in COMPARED:
        if name == "description" and before.key != after.key:
            continue  # it is not inherited, and describes one of the two
        old, new = getattr(before, name), getattr(after, name)
        if old is ALL or new is ALL:
            if old is not new:
                yield FieldChange((name,), "changed", old, new)
        elif name in LISTS:
            yield from _list_changes((name,), old, new)
        elif name in TABLES and old is not None and new is not None:
            yield from _table_changes(name, old, new)
        elif old != new:
            yield FieldChange((name,), "added" if old is None else "removed" if new is None else "changed", old, new)


def _list_changes(path: tuple[str, ...], old: Sequence[str], new: Sequence[str]) -> Iterator[FieldChange]:
    old_left, new_left = _left_over(old, new), _left_over(new, old)
    for index in old_left:
        yield FieldChange((*path, index), "removed", old[index], None)
    for index in new_left:
        yield FieldChange((*path, index), "added", None, new[index])
    if _without(old, old_left) != _without(new, new_left):
        yield FieldChange(path, "moved", tuple(old), tuple(new))


def _left_over(texts: Sequence[str], others: Sequence[str]) -> list[int]:
    """Return where a text stands that the others lack, or have fewer times."""
    counts = Counter(others)
    left = []
    for index, text in enumerate(texts):
        if counts[text]:
            counts[text] -= 1
        else:
            left.append(index)
    return left


def _without(texts: Sequence[str], places: Sequence[int]) -> list[str]:
    gone = set(places)
    return [text for index, text in enumerate(texts) if index not in gone]


def _table_changes(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[FieldChange]:
    for entry in dict.fromkeys((*old, *new)):
        path = (name, entry)
        if entry not in new:
            yield FieldChange(path, "removed", old[entry], None)
        elif entry not in old:
            yield FieldChange(path, "added", None, new[entry])
        elif name == "custom_sections" and type(before := old[entry]) is type(after := new[entry]) is tuple:
            yield from _list_changes(path, before, after)
        elif repr(old[entry]) != repr(new[entry]):  # `==` takes 1 for True
            yield FieldChange(path, "changed", old[entry], new[entry])
    if name in ORDERED and [entry for entry in old if entry in new] != [entry for entry in new if entry in old]:
        yield FieldChange((name,), "moved", tuple(old), tuple(new))


def _looked_at(persona: Persona) -> dict[str, object]:
    """Return what a persona's template looks at that stands in none of its fields."""
    try:
        looked_at = persona.own_template().fields
    except PersonaError:
        return {}
    besides = {"key": persona.key, "version": persona.version, "tool_descriptions": _tools(persona)}
    return {name: value for name, value in besides.items() if name in looked_at}


def _tools(persona: Persona) -> dict[str, str | None]:
    """Return what the tools that a persona names are said to do, in its order."""
    bound = binding_of(persona)
    tools = (bound.tools if bound else None) or {}
    return {name: tools.get(name) for name in (tools if persona.tools is ALL else persona.tools)}


def _prefix_rewritten(before: tuple[Persona, Prompt], after: tuple[Persona, Prompt]) -> bool:
    """Tell whether what a provider's cache holds differs: the tools come first, and their order counts."""
    (one, old), (other, new) = before, after
    return old.shared != new.shared or _tools_differ(one, other)


def _tools_differ(before: Persona, after: Persona) -> bool:
    """Compare as much as both know: definitions, else what tools are said to do; their names where one has no catalogue."""
    defined, now = sent_tools(before), sent_tools(after)
    if defined is not None and now is not None:
        return defined != now
    if not (_has_catalogue(before) and _has_catalogue(after)):
        return before.tools != after.tools
    return list(_tools(before).items()) != list(_tools(after).items())


def _tool_changes(before: Persona, after: Persona) -> Iterator[tuple[Kind, str]]:
    old, new = defined_tools(before), defined_tools(after)
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield "removed", name
        elif name not in old:
            yield "added", name
        elif repr(old[name]) != repr(new[name]):  # `==` takes 1 for True, and order counts for a cache
            yield "changed", name


def _has_catalogue(persona: Persona) -> bool:
    bound = binding_of(persona)
    return bound is not None and bound.tools is not None


def _template_fingerprint(persona: Persona) -> str | None:
    try:
        return persona.own_template().fingerprint
    except PersonaError:
        return None


def _rendered(persona: Persona, session: Mapping[str, Any]) -> tuple[Prompt | None, str | None]:
    try:
        return persona.render(**{**persona.sample_session(), **session}), None
    except PersonaError as error:
        return None, str(error)


def _rollout_changes(before: Contents, after: Contents) -> Iterator[RolloutChange]:
    for name in dict.fromkeys((*before.rollouts, *after.rollouts)):
        old, new = _rollout(before, name), _rollout(after, name)
        if old is not None and new is not None and old != new:
            yield RolloutChange(name, old, new)


def _rollout(registry: Contents, name: str) -> Rollout | None:
    """Return a name's rollout; without one all units get the served version."""
    if name in registry.rollouts:
        return registry.rollouts[name]
    version = registry.complete(name).version if registry.has(name) else None
    return None if version is None else Rollout(name, {}, served=version)
