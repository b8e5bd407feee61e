"""Inheritance: a persona with all that its ancestors give it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from ..errors import InheritanceError
from ..fields import FILLED, LISTS, OWN, TABLES, TEXTS, Kind, Words, those
from ..frozen import ALL, FrozenDict, ListEdit, Replacing
from ..names import Guesses, did_you_mean, shorten, split_reference
from ..placeholders import Placeholders
from ..wording import said_of
from .persona import Persona, gives, is_gone, is_side, successor_of

Path = tuple[str | int, ...]
MAX_DEPTH = 32  # parents above one another

Definitions = Mapping[str, Persona]  # key -> as it was defined
T = TypeVar("T")


class Lineage(NamedTuple):
    """A persona with its ancestors applied: `definition` is what it says itself, `inherited` its parent's lineage.

    `persona` still holds `{name}` and `{company}` as they were written, as a child's may differ.
    """

    persona: Persona
    definition: Persona
    inherited: Lineage | None = None

    @property
    def depth(self) -> int:
        """How many ancestors it has."""
        return 0 if self.inherited is None else self.inherited.depth + 1


def standing(definitions: Definitions, reference: str) -> Persona | None:
    """Return what stands under a reference: `Maya` is the served one, `Maya@1` may be it too.

    It may be the line of one that is gone; a name that is gone takes its versions with it.
    """
    name, version = split_reference(reference)
    served = definitions.get(name)
    if version is None or (served is not None and served.version == version):
        return served
    found = definitions.get(reference)
    return served if found is None and served is not None and is_gone(served) else found


def find(definitions: Definitions, reference: str) -> Persona | None:
    """Return the definition that a reference means: for one that is gone, what stands in its place at the end."""
    found = standing(definitions, reference)
    return found if found is None or not is_gone(found) else _end(definitions, found)


def _end(definitions: Definitions, line: Persona) -> Persona | None:
    *_, last = steps(definitions, line)
    return last if last is not None and not is_gone(last) else None


def steps(definitions: Definitions, line: Persona) -> Iterator[Persona | None]:
    """Yield a line and where it leads, step by step: to a definition, to the line of one that was retired, or to None
    where nothing stands there or the chain is a circle."""
    passed: set[str] = set()
    current: Persona | None = line
    while current is not None and current.key not in passed:
        passed.add(current.key)
        yield current
        successor = successor_of(current)
        if successor is None:  # retired, or a definition
            return
        following = standing(definitions, successor)
        current = None if following is current else following
    yield None


def versions(definitions: Definitions, name: str) -> list[str]:
    """Return the versions of a persona that are there, the served one's first, then the others in order of definition."""
    served = definitions.get(name)
    found = [served.version] if served is not None and served.version is not None else []
    return found + [
        p.version
        for p in definitions.values()
        if is_side(p) and p.name == name and p.version is not None and not is_gone(p)
    ]


def resolve(key: str, definitions: Definitions, known: dict[str, Lineage], guess: Guesses) -> Lineage:
    """Return the lineage of the persona under a key; `known` holds those resolved before, and takes the new ones.

    Raises InheritanceError for a parent that is not there, a cycle, a chain of more than 32, and an edit that does
    not fit what is inherited.
    """
    definition = definitions[key]
    if definition.parent is None:
        return known.setdefault(key, Lineage(definition, definition))
    for persona in reversed(_chain(key, definitions, known, guess)):
        parent = None if persona.parent is None else find(definitions, persona.parent)
        known[persona.key] = Lineage(persona, persona) if parent is None else _child(persona, known[parent.key])
    return known[key]


class LateLineages(Mapping[str, Lineage]):
    """The lineages of definitions that were resolved before, and are known to fit: each is made when first asked for."""

    __slots__ = ("_definitions", "_guess", "_known", "_order")

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._known: dict[str, Lineage] = {}
        self._guess = Guesses()
        self._order = [key for key, persona in definitions.items() if not is_gone(persona)]

    def __getitem__(self, key: str) -> Lineage:
        found = self._known.get(key)
        if found is not None:
            return found
        if key not in self._definitions or is_gone(self._definitions[key]):
            raise KeyError(key)
        return resolve(key, self._definitions, self._known, self._guess)

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)


def _chain(key: str, definitions: Definitions, known: Mapping[str, Lineage], guess: Guesses) -> list[Persona]:
    """Return the persona and its ancestors, up to the first that is resolved already."""
    chain: dict[str, Persona] = {}
    current: Persona | None = definitions[key]
    while current is not None and current.key not in known:
        if current.key in chain:
            keys = list(chain)
            around = [chain[key] for key in keys[keys.index(current.key) :]]
            circle = [step for persona in around for step in _steps_up(persona, definitions)] + [current.key]
            raise InheritanceError(
                f"is its own ancestor: {_arrows(circle)}",
                persona=current.key,
                field=("parent",),
                hint="take one of these parents away",
            )
        chain[current.key] = current
        if current.parent is None:
            break
        parent = find(definitions, current.parent)
        if parent is None:
            raise _unknown_parent(current, [*chain, current.parent], definitions, guess)
        current = parent
    return list(chain.values())


def _steps_up(persona: Persona, definitions: Definitions) -> list[str]:
    """Return the key of a persona, and the parent that it names where that is gone: the parent it has is another."""
    named = standing(definitions, persona.parent or "")
    return [persona.key, str(persona.parent)] if named is not None and is_gone(named) else [persona.key]


def became(definitions: Definitions, line: Persona) -> str:
    """Say what a line leads to: `was retired`, `is replaced by 'Maya@2'`, `is replaced by 'Maya@2', which was retired`."""
    *passed, last = steps(definitions, line)
    if last is line:
        return said_of(None)
    replaced = said_of(successor_of(passed[-1]) if passed[-1] is not None else None)
    return f"{replaced}, which {said_of(None)}" if last is not None and is_gone(last) else replaced


def _unknown_parent(child: Persona, chain: list[str], definitions: Definitions, guess: Guesses) -> InheritanceError:
    parent = str(child.parent)
    name, _ = split_reference(parent)
    line = standing(definitions, parent)
    if line is not None:
        message, hint = f"parent {shorten(parent)!r} {became(definitions, line)}", "name another parent, or none"
        return InheritanceError(message, persona=child.key, field=("parent",), hint=hint)
    if name in definitions:
        there = versions(definitions, name)
        hint = f"its versions are {', '.join(there)}" if there else f"{name!r} has no version: write parent: {name}"
    else:
        near = guess(parent, definitions)  # nobody means a persona to be its own parent
        hint = (
            f"did you mean {near!r}?"
            if near not in (None, child.key)
            else "define it, in this file or before its children"
        )
    message = f"parent {shorten(parent)!r} is not defined"
    if len(chain) > 2:
        message += f" ({_arrows(chain)})"
    return InheritanceError(message, persona=child.key, field=("parent",), hint=hint)


def _arrows(keys: list[str]) -> str:
    shown = keys if len(keys) <= MAX_DEPTH + 2 else [*keys[:4], "…", *keys[-2:]]
    return " -> ".join(map(shorten, shown))


def _child(child: Persona, inherited: Lineage) -> Lineage:
    if inherited.depth == MAX_DEPTH:
        raise InheritanceError(
            f"has more than {MAX_DEPTH} ancestors",
            persona=child.key,
            field=("parent",),
            hint="let it inherit from one nearer to the root",
        )
    parent, own = inherited.persona, child.given()
    values: dict[str, Any] = {name: own[name] for name in OWN if name in own and name != "parent"}
    values |= {name: own.get(name, getattr(parent, name)) for name in TEXTS if name in own or gives(parent, name)}
    for name in LISTS:
        if name in own or gives(parent, name):
            values[name] = _merged_list(child, name, getattr(parent, name))
    for name in TABLES:
        if name in own or gives(parent, name):
            values[name] = _merged_table(child, name, getattr(parent, name))
    return Lineage(child._settled(values, filled_for=parent._filled_for), child, inherited)


def _merged_list(child: Persona, name: str, inherited: tuple[str, ...]) -> tuple[str, ...]:
    edit = edit_of(child, name)
    if inherited is ALL or getattr(child, name) is ALL:
        return _instead_of_all(child, name, edit)
    return _edited(child, (name,), edit, inherited)


def _edited(child: Persona, path: Path, edit: ListEdit, inherited: tuple[str, ...]) -> tuple[str, ...]:
    there = frozenset(inherited) if edit.remove else frozenset()
    for index, text in enumerate(edit.remove):
        if text not in there:
            raise InheritanceError(
                f"{shorten(text)!r} is not there to remove",
                persona=child.key,
                field=(*path, "remove", index),
                hint=did_you_mean(text, inherited) or _there(inherited),
            )
    return tuple(merged(inherited, inherited, edit, tuple(edit)))


def _there(inherited: tuple[str, ...]) -> str:
    if not inherited:
        return "the list is empty: take it out of the edit"
    shown = ", ".join(repr(shorten(text, 40)) for text in inherited[:5])
    return f"there {'is' if len(inherited) == 1 else 'are'} {shown}{', …' if len(inherited) > 5 else ''}"


def _instead_of_all(child: Persona, name: str, edit: ListEdit) -> tuple[str, ...]:
    """Return `all`, or the list in its place, which replace one another: there is no list that could be edited."""
    own = getattr(child, name)
    if not gives(child, name) or own is ALL:
        return ALL
    if isinstance(own, ListEdit) and own.replace is None:
        raise InheritanceError(
            "edits the parent's, which is all and no list",
            persona=child.key,
            field=(name, "remove" if edit.remove else "add"),
            hint="write the list itself, or leave it out",
        )
    return tuple(edit)


def edit_of(child: Persona, name: str) -> ListEdit:
    """Return what a persona does to an inherited list: a plain list adds to it."""
    return as_edit(getattr(child, name) if gives(child, name) else ())


def as_edit(written: tuple[str, ...]) -> ListEdit:
    """Return what a list does to one that is inherited: a plain one adds to it."""
    return written if isinstance(written, ListEdit) else ListEdit(add=written)


def merged(texts: tuple[str, ...], inherited: tuple[T, ...], edit: ListEdit, own: tuple[T, ...]) -> Iterator[T]:
    """Yield what of the parent's items is left, and then the child's, exact repeats of inherited ones dropped.

    `texts` are the parent's; `inherited` is what to yield for each of them, `own` for each text of the edit.
    """
    if edit.replace is not None:
        yield from own
        return
    removed = set(edit.remove)
    left = set(texts) - removed
    yield from (item for text, item in zip(texts, inherited, strict=True) if text not in removed)
    yield from (item for text, item in zip(edit.add, own, strict=True) if text not in left)


def _merged_table(child: Persona, name: str, inherited: Mapping[str, Any] | None) -> FrozenDict[Any]:
    """Return the parent's entries with the child's over them. Null takes a section or an entry of metadata away; of a
    variable it says that it is required."""
    values: dict[str, Any] = dict(inherited or {})
    for entry, value in getattr(child, name).items() if gives(child, name) else ():
        if name == "custom_sections" and value is not None:
            values[entry] = _merged_section(child, entry, value, values.get(entry) or None)
        elif value is not None or name == "variables":
            values[entry] = value
        elif entry in values:
            del values[entry]
        else:
            raise InheritanceError(
                "is null, and no parent has it to take away",
                persona=child.key,
                field=(name, entry),
                hint=did_you_mean(entry, values) or "write its text, or remove the line",
            )
    return FrozenDict(values)


def _merged_section(
    child: Persona, entry: str, written: str | tuple[str, ...], inherited: str | tuple[str, ...] | None
) -> str | tuple[str, ...]:
    """Return a section: a text stands in the place of a text, a list adds to a list, and `replace` to either."""
    if type(written) is Replacing:
        return str.__str__(written)
    if isinstance(written, ListEdit) and written.replace is not None:
        return written.replace
    is_list = not isinstance(written, str)
    if inherited is not None and isinstance(inherited, str) is is_list:
        kind, other = ("list", "text") if is_list else ("text", "list")
        raise _does_not_fit(
            child, entry, f"is a {kind}, and the parent's is a {other}", "write {replace: …} to replace it"
        )
    if isinstance(written, str):
        return written
    if inherited is None and isinstance(written, ListEdit):
        raise _does_not_fit(child, entry, "edits a list, and no parent has one", "write the list itself")
    return _edited(child, ("custom_sections", entry), as_edit(written), tuple(inherited or ()))


def _does_not_fit(child: Persona, entry: str, message: str, hint: str) -> InheritanceError:
    return InheritanceError(message, persona=child.key, field=("custom_sections", entry), hint=hint)


def filled(lineage: Lineage) -> dict[str, Any]:
    """Return the fields that change when what is the persona's own is filled in: `{name}`, `{company}`, constants.

    Session variables are left in the texts.
    """
    persona = lineage.persona
    found = texts(persona, "{")
    if not found:
        return {}
    placeholders = Placeholders(persona.variables, persona.constants)
    own = {"name": persona.spoken_name}
    if persona.company:
        own["company"] = placeholders.fill_own(persona.company, own)
    in_constants = Placeholders.of_constants(persona.company)
    constants = {name: in_constants.fill_own(text, own) for name, text in persona.constants.items()}
    changes: dict[str, Any] = {}
    for path, text in found:
        field = str(path[0])
        if field == "constants":
            new = constants[str(path[1])]
        else:
            new = own["company"] if field == "company" else placeholders.fill_own(text, {**own, **constants})
        if len(path) == 1:
            changes[field] = new
        elif len(path) == 2:
            changes.setdefault(field, {})[path[1]] = new
        else:
            items = changes.setdefault(field, {}).setdefault(path[1], list(getattr(persona, field)[path[1]]))
            items[path[2]] = new
    for field, new in changes.items():
        if field in LISTS:
            changes[field] = tuple(new.get(index, text) for index, text in enumerate(getattr(persona, field)))
        elif field in TABLES:
            entries = {entry: tuple(each) if type(each) is list else each for entry, each in new.items()}
            changes[field] = FrozenDict({**getattr(persona, field), **entries})
    return changes


def texts(persona: Persona, holding: str = "", fields: Iterable[str] = FILLED) -> list[tuple[Path, str]]:
    """Return every text of some fields that holds this, with its path; of all that may hold placeholders, if not told."""
    found: list[tuple[Path, str]] = []
    for field in fields:
        value = getattr(persona, field)
        if not value:
            continue
        if field in LISTS:
            found += [((field, index), text) for index, text in enumerate(value) if holding in text]
        elif field in TABLES:
            found += [each for each in _entry_texts(field, value) if holding in each[1]]
        elif holding in value:
            found.append(((field,), value))
    return found


def _entry_texts(field: str, entries: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the texts of named entries; a list has several."""
    for entry, value in entries.items():
        if type(value) is tuple:
            yield from (((field, entry, index), text) for index, text in enumerate(value))
        elif value:
            yield (field, entry), value


def joined_texts(persona: Persona) -> str:
    """Return the texts that may hold placeholders as one, parted by NUL, which none of them holds: for a first look."""
    found = [text for text in _filled_texts(persona) if text]
    for items in _filled_lists(persona):
        found += items
    for entries in _filled_tables(persona):
        found += [text for _, text in _entry_texts("", entries)]
    return "\0".join(found)


def _getter(names: Iterable[str]) -> Callable[[Persona], list[Any]]:
    getters = [attrgetter(name) for name in names]
    return lambda persona: [get(persona) for get in getters]


_filled_texts = _getter(those(kind=Kind.TEXT, words=Words.FILLED))
_filled_lists = _getter(those(kind=Kind.TEXTS, words=Words.FILLED))
_filled_tables = _getter(those(kind=Kind.ENTRIES, words=Words.FILLED))
