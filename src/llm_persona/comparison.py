"""What changed between two personas, or two registries: as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .errors import FieldPath, PersonaError, field_text
from .frozen import thaw
from .inheritance import LISTS, TABLES, TEXTS
from .persona import Persona
from .prompt import Prompt
from .rollouts import Rollout

COMPARED = (*TEXTS, *LISTS, *TABLES, "description")


class Registry(Protocol):
    """What of a registry is compared."""

    @property
    def rollouts(self) -> Mapping[str, Rollout]: ...
    def references(self) -> list[str]: ...
    def get(self, name: str) -> Persona: ...
    def __contains__(self, name: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, list item or entry that differs. `before` is None for what was added, `after` for what was removed."""

    path: tuple[str | int, ...]
    kind: Literal["added", "removed", "changed", "moved"]
    before: object
    after: object

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~", "moved": "="}[self.kind]
        values = " -> ".join(repr(thaw(value)) for value in (self.before, self.after) if value is not None)
        return f"{sign} {field_text(self.path)}: {values}"


@dataclass(frozen=True, slots=True)
class PersonaChange:
    """How one persona differs from another, both complete and each in its own template.

    The prompts are None where they cannot be rendered with the session given, and `why_not` says why.
    `stable_kept` is the share, 0 to 1, of the old stable prefix that the new prompt begins with.
    """

    before: Persona
    after: Persona
    fields: tuple[FieldChange, ...]
    template_changed: bool
    prompt_before: Prompt | None
    prompt_after: Prompt | None
    stable_kept: float | None
    why_not: str | None = None

    @property
    def same_version(self) -> bool:
        """Whether both claim one name and version: then content must not differ."""
        return self.before.version is not None and self.before.ref == self.after.ref

    @property
    def content_changed(self) -> bool:
        """Whether anything that can reach a prompt differs: a field, an ancestor's, the template or what it uses."""
        return self.template_changed or self.before.fingerprint != self.after.fingerprint

    def __bool__(self) -> bool:
        return bool(self.fields) or self.content_changed


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """A rollout that differs, and the share of units, 0 to 1, that get another version than before."""

    name: str
    before: Mapping[str, int]
    after: Mapping[str, int]
    moved: float


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """How one registry differs from another: keys that came and went, personas and rollouts that changed.

    `thawed` are the versions whose content changed although their name and version did not, abstract ones aside.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[PersonaChange, ...]
    rollouts: tuple[RolloutChange, ...]
    thawed: tuple[PersonaChange, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.rollouts or self.thawed)


def compare(before: Persona, after: Persona, session: Mapping[str, Any] | None = None) -> PersonaChange:
    """Compare two complete personas. Variables that the session lacks are printed as they are written: `{user_name}`."""
    prompts, why_not = _prompts(before, after, session or {})
    kept = None
    if prompts is not None:
        kept = _common(prompts[0].stable, prompts[1].text) / len(prompts[0].stable) if prompts[0].stable else None
    return PersonaChange(
        before=before,
        after=after,
        fields=tuple(_field_changes(before, after)),
        template_changed=_template_fingerprint(before) != _template_fingerprint(after),
        prompt_before=prompts[0] if prompts else None,
        prompt_after=prompts[1] if prompts else None,
        stable_kept=kept,
        why_not=why_not,
    )


def compare_registries(before: Registry, after: Registry, session: Mapping[str, Any] | None = None) -> RegistryChange:
    """Compare what two registries serve under each key, and their rollouts."""
    old, new = before.references(), after.references()
    both = [key for key in new if key in old]
    changes = [compare(before.get(key), after.get(key), session) for key in both]
    pinned = {before.get(key).ref: key for key in old if before.get(key).version is not None}
    same = [key for key in new if after.get(key).version is not None and after.get(key).ref in pinned]
    refs = [compare(before.get(pinned[after.get(key).ref]), after.get(key), session) for key in same]
    return RegistryChange(
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed=tuple(change for change in changes if change),
        rollouts=tuple(_rollout_changes(before, after)),
        thawed=tuple(change for change in refs if change.content_changed),
    )


def _field_changes(before: Persona, after: Persona) -> Iterator[FieldChange]:
    for name in COMPARED:
        if name == "description" and before.key != after.key:
            continue  # it is not inherited, and describes one of the two
        old, new = getattr(before, name), getattr(after, name)
        if name in LISTS:
            yield from _list_changes(name, old, new)
        elif name in TABLES:
            yield from _table_changes(name, old, new)
        elif old != new:
            yield _change((name,), old, new)


def _change(path: FieldPath, old: object, new: object) -> FieldChange:
    kind: Literal["added", "removed", "changed"] = "added" if old is None else "removed" if new is None else "changed"
    return FieldChange(tuple(path), kind, old, new)


def _list_changes(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[FieldChange]:
    for index, text in enumerate(old):
        if text not in new:
            yield FieldChange((name, index), "removed", text, None)
    for index, text in enumerate(new):
        if text not in old:
            yield FieldChange((name, index), "added", None, text)
    if old != new and sorted(old) == sorted(new):
        yield FieldChange((name,), "moved", old, new)


def _table_changes(
    name: str, old: Mapping[str, object] | None, new: Mapping[str, object] | None
) -> Iterator[FieldChange]:
    if (old is None) != (new is None):
        yield FieldChange(
            (name,), "changed", "none declared" if old is None else old, "none declared" if new is None else new
        )
        return
    old, new = old or {}, new or {}
    for entry in dict.fromkeys((*old, *new)):
        if entry not in new:
            yield FieldChange((name, entry), "removed", _shown(old[entry]), None)
        elif entry not in old:
            yield FieldChange((name, entry), "added", None, _shown(new[entry]))
        elif old[entry] != new[entry]:
            yield FieldChange((name, entry), "changed", _shown(old[entry]), _shown(new[entry]))
    if name == "custom_sections" and list(old) != list(new) and sorted(old) == sorted(new):
        yield FieldChange((name,), "moved", tuple(old), tuple(new))


def _shown(value: object) -> object:
    return "required" if value is None else value


def _template_fingerprint(persona: Persona) -> str | None:
    try:
        return persona.own_template().fingerprint
    except PersonaError:
        return None


def _prompts(
    before: Persona, after: Persona, session: Mapping[str, Any]
) -> tuple[tuple[Prompt, Prompt] | None, str | None]:
    try:
        return (_rendered(before, session), _rendered(after, session)), None
    except PersonaError as error:
        return None, str(error)


def _rendered(persona: Persona, session: Mapping[str, Any]) -> Prompt:
    return persona.render(**{**persona.sample_session(), **session})


def _common(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def _rollout_changes(before: Registry, after: Registry) -> Iterator[RolloutChange]:
    for name in dict.fromkeys((*before.rollouts, *after.rollouts)):
        old, new = _rollout(before, name), _rollout(after, name)
        if old is not None and new is not None and old != new:
            yield RolloutChange(name, dict(old.weights), dict(new.weights), old.moved(new))


def _rollout(registry: Registry, name: str) -> Rollout | None:
    """Return a name's rollout; without one all units get the served version."""
    if name in registry.rollouts:
        return registry.rollouts[name]
    version = registry.get(name).version if name in registry else None
    return None if version is None else Rollout(name, {}, served=version)
