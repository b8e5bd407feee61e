"""Inheritance: a persona with all that its ancestors give it, and which of them gave what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import FieldPath, InheritanceError, InvalidValueError
from .fields import DEFAULTS
from .frozen import FrozenDict, ListEdit
from .names import did_you_mean, shorten
from .persona import Persona
from .placeholders import Placeholders

MAX_DEPTH = 32  # parents above one another
TEXTS = ("role", "company", "tone", "greeting", "display_name", "template")
LISTS = ("capabilities", "constraints", "tools")
TABLES = ("custom_sections", "metadata", "variables")
OWN = ("parent", "version", "abstract", "description")

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: the persona's key, and the way to it in that persona. No persona: the default."""

    persona: str | None
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A persona with its ancestors applied, and the origin of every field, list item and entry.

    `persona` still holds `{name}` and `{company}` as they were written, as a child's may differ.
    """

    persona: Persona
    origins: Mapping[str, Any]  # field -> Origin, or a tuple of them for lists, or name -> Origin for mappings

    def origin(self, path: FieldPath) -> Origin:
        """Return the origin of the value at a path such as `("capabilities", 1)`."""
        found = self.origins[str(path[0])]
        for part in path[1:]:
            found = found[part]
        return found if isinstance(found, Origin) else Origin(self.persona.key, tuple(path))


def resolve(
    key: str, find: Callable[[str], Persona | None], known: dict[str, Lineage], *, path: tuple[str, ...] = ()
) -> Lineage:
    """Return the lineage of the persona under a key; `known` holds those resolved before, and takes the new ones.

    Raises InheritanceError for a parent that is not there, a cycle, a chain of more than 32, and an edit that does
    not fit what is inherited.
    """
    if key in known:
        return known[key]
    chain: list[Persona] = []
    keys: list[str] = []
    current: Persona | None = find(key)
    assert current is not None
    while current is not None and current.key not in known:
        if current.key in keys:
            circle = " -> ".join([*keys[keys.index(current.key) :], current.key])
            raise InheritanceError(f"is its own ancestor: {circle}", persona=current.key, field=("parent",))
        keys.append(current.key)
        chain.append(current)
        if len(chain) > MAX_DEPTH:
            raise InheritanceError(
                f"has more than {MAX_DEPTH} ancestors: {' -> '.join(keys[:4])} -> …", persona=key, field=("parent",)
            )
        current = _parent(current, find, keys)
    for persona in reversed(chain):
        parent = None if persona.parent is None else find(persona.parent)
        inherited = None if parent is None else known[parent.key]
        if inherited is not None and _depth(persona, find) > MAX_DEPTH:
            raise InheritanceError(f"has more than {MAX_DEPTH} ancestors", persona=persona.key, field=("parent",))
        known[persona.key] = _root(persona) if inherited is None else _child(persona, inherited)
    return known[key]


def _parent(persona: Persona, find: Callable[[str], Persona | None], keys: list[str]) -> Persona | None:
    if persona.parent is None:
        return None
    parent = find(persona.parent)
    if parent is None:
        raise InheritanceError(
            f"parent {shorten(persona.parent)!r} is not defined ({' -> '.join([*keys, persona.parent])})",
            persona=persona.key,
            field=("parent",),
        )
    return parent


def _depth(persona: Persona, find: Callable[[str], Persona | None]) -> int:
    depth = 0
    current: Persona | None = persona
    while current is not None and current.parent is not None and depth <= MAX_DEPTH:
        current = find(current.parent)
        depth += 1
    return depth


def _root(persona: Persona) -> Lineage:
    return Lineage(persona, {name: _own_origin(persona, name) for name in DEFAULTS})


def _own_origin(persona: Persona, name: str) -> Any:
    if name not in persona.given():
        return Origin(None) if name not in (*LISTS, *TABLES) else () if name in LISTS else {}
    value = getattr(persona, name)
    if name in LISTS:
        return tuple(Origin(persona.key, (name, index)) for index in range(len(value)))
    if name in TABLES:
        return {entry: Origin(persona.key, (name, entry)) for entry in value}
    return Origin(persona.key, (name,))


def _child(child: Persona, inherited: Lineage) -> Lineage:
    parent, given = inherited.persona, child.given()
    origins: dict[str, Any] = {name: _own_origin(child, name) for name in OWN}
    values: dict[str, Any] = {name: given[name] for name in OWN if name in given and name != "parent"}
    for name in TEXTS:
        source = inherited if name not in given else None
        origins[name] = source.origins[name] if source else Origin(child.key, (name,))
        if source is None or name in parent.given():
            values[name] = given[name] if source is None else getattr(parent, name)
    for name in LISTS:
        texts, origins[name] = _merged_list(child, name, getattr(parent, name), inherited.origins[name])
        if name in given or name in parent.given():
            values[name] = texts
    for name in TABLES:
        if name in given or name in parent.given():
            values[name], origins[name] = _merged_table(child, name, getattr(parent, name), inherited.origins[name])
        else:
            origins[name] = {}
    if not values.get("role") and not child.abstract:
        raise InvalidValueError("role is missing, here and in its parents", persona=child.key, hint="say what it is")
    return Lineage(Persona(child.key, **values), origins)


def _merged_list(child: Persona, name: str, texts: tuple[str, ...], origins: Any) -> tuple[tuple[str, ...], Any]:
    """Return the parent's items, edited, and the child's after them; exact repeats of inherited ones are dropped."""
    written = getattr(child, name) if name in child.given() else ()
    edit = written if isinstance(written, ListEdit) else ListEdit(add=tuple(written))
    items = list(zip(texts, origins, strict=True))
    if edit.replace is not None:
        items = [(text, Origin(child.key, (name, "replace", index))) for index, text in enumerate(edit.replace)]
    for index, text in enumerate(edit.remove):
        if not any(text == item for item, _ in items):
            raise InheritanceError(
                f"{shorten(text)!r} is not there to remove",
                persona=child.key,
                field=(name, "remove", index),
                hint=did_you_mean(text, [item for item, _ in items]) or "take it out of the edit",
            )
        items = [(item, origin) for item, origin in items if item != text]
    before = {item for item, _ in items}
    path: tuple[str | int, ...] = (name, "add") if isinstance(written, ListEdit) else (name,)
    items += [(text, Origin(child.key, (*path, index))) for index, text in enumerate(edit.add) if text not in before]
    return tuple(item for item, _ in items), tuple(origin for _, origin in items)


def _merged_table(child: Persona, name: str, inherited: Mapping[str, V] | None, origins: Any) -> tuple[Any, Any]:
    """Return the parent's entries with the child's over them. Null takes a section or an entry of metadata away; of a
    variable it says that it is required."""
    values: dict[str, Any] = dict(inherited or {})
    places = dict(origins)
    written = getattr(child, name) if name in child.given() else {}
    for entry, value in written.items():
        if value is None and name != "variables":
            if entry not in values:
                raise InheritanceError(
                    "is null, and no parent has it to take away",
                    persona=child.key,
                    field=(name, entry),
                    hint=did_you_mean(entry, values) or "write its text, or remove the line",
                )
            del values[entry], places[entry]
        else:
            values[entry] = value
            places[entry] = Origin(child.key, (name, entry))
    return FrozenDict(values), places


def filled(lineage: Lineage) -> Persona:
    """Return the persona with its own `{name}` and `{company}` in its texts; session variables are left in them."""
    persona = lineage.persona
    placeholders = Placeholders(persona.variables)
    own = {"name": persona.spoken_name}
    changes: dict[str, Any] = {}
    if persona.company and "{" in persona.company:
        changes["company"] = placeholders.fill_own(persona.company, own)
    if persona.company:
        own["company"] = changes.get("company", persona.company)
    for name in ("role", "tone", "greeting"):
        text = getattr(persona, name)
        if text and "{" in text:
            changes[name] = placeholders.fill_own(text, own)
    for name in ("capabilities", "constraints"):
        texts = getattr(persona, name)
        if any("{" in text for text in texts):
            changes[name] = tuple(placeholders.fill_own(text, own) for text in texts)
    sections = persona.custom_sections
    if any(text and "{" in text for text in sections.values()):
        changes["custom_sections"] = {
            name: text and placeholders.fill_own(text, own) for name, text in sections.items()
        }
    changes = {name: value for name, value in changes.items() if value != getattr(persona, name)}
    return Persona(persona.key, **{**persona.given(), **changes}) if changes else persona


def undeclared(lineage: Lineage) -> Iterator[InvalidValueError]:
    """Yield an error for every `{identifier}` that a persona with declared variables forgot to declare."""
    persona = lineage.persona
    if not persona.variables:
        return
    placeholders = Placeholders(persona.variables)
    for path, text in texts(persona):
        for name in placeholders.undeclared(text):
            origin = lineage.origin(path)
            near = did_you_mean(name, (*persona.variables, "name", "company"))
            yield InvalidValueError(
                f"'{{{name}}}' is no declared variable",
                persona=origin.persona,
                field=origin.path,
                hint=f"{near + ' If not, ' if near else ''}declare it under variables, or write '{{{{{name}}}}}' to print it",
            )


def texts(persona: Persona) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text of a persona that may hold placeholders, with its path."""
    for name in ("role", "company", "tone", "greeting"):
        if text := getattr(persona, name):
            yield (name,), text
    for name in ("capabilities", "constraints"):
        for index, text in enumerate(getattr(persona, name)):
            yield (name, index), text
    for name, text in persona.custom_sections.items():
        if text:
            yield ("custom_sections", name), text
