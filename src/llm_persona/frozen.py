"""Values that cannot change: an ordered mapping, and the edit of an inherited list."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Generic, NoReturn, TypeVar

from .errors import InvalidValueError

V = TypeVar("V", covariant=True)


class FrozenDict(Mapping[str, V], Generic[V]):
    """An ordered mapping from text that cannot change: hashable, picklable; order counts in equality, and 1 is not true."""

    __slots__ = ("_entries",)
    _entries: dict[str, V]

    def __init__(self, entries: Mapping[str, V] = {}) -> None:
        object.__setattr__(self, "_entries", dict(entries))

    @classmethod
    def over(cls, entries: dict[str, V]) -> FrozenDict[V]:
        """Return one over this very dict, which nobody changes from now on."""
        made = cls.__new__(cls)
        _set_entries(made, entries)
        return made

    def __getitem__(self, key: str) -> V:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # Mapping has both, in Python; the dict's own are several times as fast.
    def items(self) -> ItemsView[str, V]:
        return self._entries.items()

    def values(self) -> ValuesView[V]:
        return self._entries.values()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenDict):
            mine, theirs = list(self._entries.items()), list(other._entries.items())
            return mine == theirs and _kinds(tuple(self._entries.values())) == _kinds(tuple(other._entries.values()))
        return self._entries == other

    def __hash__(self) -> int:
        return hash(tuple(self._entries.items()))

    def __repr__(self) -> str:
        return repr(self._entries)

    def __reduce__(self) -> tuple[type[FrozenDict[V]], tuple[dict[str, V]]]:
        return type(self), (self._entries,)


_set_entries = FrozenDict._entries.__set__  # type: ignore[attr-defined,misc]  # a slot


def _kinds(value: object) -> object:
    """Return what tells 1 and true apart, which are equal in Python and are not written alike."""
    return [_kinds(item) for item in value] if isinstance(value, tuple) else type(value)


class Given(frozenset[str]):
    """The names of the fields that were given. `dataclasses.asdict`, which would lose them, copies it and is refused."""

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise no_asdict()


def no_asdict() -> InvalidValueError:
    message = "dataclasses.asdict and astuple cannot tell what was given to a persona from its defaults"
    return InvalidValueError(message, hint="persona.to_dict() returns plain data that Persona(**data) takes back")


class ListEdit(tuple[str, ...]):
    """An edit of an inherited list. As a tuple it holds the texts that it writes; the parent's are not in it."""

    replace: tuple[str, ...] | None
    remove: tuple[str, ...]
    add: tuple[str, ...]

    def __new__(
        cls, replace: tuple[str, ...] | None = None, remove: tuple[str, ...] = (), add: tuple[str, ...] = ()
    ) -> ListEdit:
        if not isinstance(replace, tuple | None):
            raise no_asdict()  # which makes a tuple anew of its items
        edit = super().__new__(cls, (replace or ()) + add)
        edit.__dict__.update(replace=replace, remove=remove, add=add)
        return edit

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("ListEdit cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("ListEdit cannot be changed")

    def _key(self) -> tuple[object, ...]:
        return ListEdit, self.replace, self.remove, self.add

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListEdit) and self._key() == other._key()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return repr(self.written())

    def __reduce__(self) -> tuple[type[ListEdit], tuple[object, ...]]:
        return ListEdit, (self.replace, self.remove, self.add)

    def written(self) -> dict[str, list[str]] | None:
        """Return the edit as a file writes it; None empties the list."""
        if self.replace is not None:
            return {"replace": list(self.replace)} if self.replace else None
        return {name: list(texts) for name, texts in (("remove", self.remove), ("add", self.add)) if texts} or {
            "add": []
        }


class Replacing(str):
    """A text that stands in the place of an inherited one or of a list: `{replace: …}`."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Replacing) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Replacing, str.__str__(self)))

    def __reduce__(self) -> tuple[type[Replacing], tuple[str]]:
        return Replacing, (str.__str__(self),)

    def written(self) -> dict[str, str]:
        """Return it as a file writes it."""
        return {"replace": str.__str__(self)}


class Everything(tuple[str, ...]):
    """What stands for every tool there is, where a list would name some: equal to the text `all`, and with no items."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Everything) or other == "all"

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash("all")

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "'all'"

    def __reduce__(self) -> str:
        return "ALL"


ALL = Everything()


def thaw(value: object) -> object:
    """Return plain dicts and lists for frozen ones: what json and schema libraries understand."""
    if value is ALL:
        return "all"
    if isinstance(value, ListEdit | Replacing):
        return value.written() or {"replace": []}
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value
