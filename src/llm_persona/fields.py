"""The table of a persona's fields: of what kind each is, what it may hold, and what becomes of it."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from .errors import FieldPath, InvalidValueError
from .frozen import ALL, FrozenDict, ListEdit, Replacing
from .kinds import TOO_LONG, is_list, is_mapping, is_text, plain, too_long
from .names import check_name, did_you_mean, nearest, shorten, shown, spelled, split_reference
from .placeholders import normal
from .wording import (
    EMPTY,
    LIST,
    LIST_EDITS,
    LIST_OR_ALL,
    MAPPING,
    QUOTE_IT,
    SECTION,
    TEXT,
    TRUTH,
    WHOLE_NUMBER,
    as_item,
    is_blank,
    must_be,
)

DEFAULT_TONE = "helpful and professional"


class _NotGiven(Enum):
    """Tells a field that was not given from one that was given its default."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN = _NotGiven.NOT_GIVEN

VARIABLES = "a mapping of names to defaults, or a list of names"
TEXT_MAPPING = "a mapping of names to texts"

# Names that a placeholder has for something else.
KEPT = {"variable": ("name", "extra_sections"), "constant": ("name", "company", "extra_sections")}
NAME_IT = "name it with letters, digits and _"

_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")


def checked(name: str, value: object, persona: str) -> object:
    """Return a field's value as the persona keeps it. Raises InvalidValueError for one that it may not hold."""
    try:
        return TABLE[name].check(plain(value), (name,))
    except InvalidValueError as error:
        error.persona = persona
        if not error.field:
            error.field = (name,)
        raise


def _wrong(message: str, path: FieldPath, hint: str | None = None) -> InvalidValueError:
    return InvalidValueError(message, field=path, hint=hint)


def text(value: object, path: FieldPath) -> str:
    value = plain(value)
    if not is_text(value):
        raise _wrong(must_be(TEXT, value), path, QUOTE_IT if isinstance(value, bool | int | float) else None)
    if match := _UNPRINTABLE.search(value):
        raise _wrong(f"holds U+{ord(match[0]):04X}, which no prompt can carry", path, "remove it")
    return value if type(value) is str else str.__str__(value)


def _required_text(value: object, path: FieldPath) -> str:
    if is_blank(written := text(value, path)):
        raise _wrong(EMPTY, path)
    return written


def _optional_text(value: object, path: FieldPath) -> str | None:
    return None if value is None else text(value, path) or None


def _texts(value: object, path: FieldPath, expected: str = LIST) -> tuple[str, ...]:
    if is_text(value):
        raise _wrong(must_be(expected, value), path, as_item(value))
    if not is_list(value):
        is_text_unquoted = expected == SECTION and isinstance(value, bool | int | float)
        raise _wrong(must_be(expected, value), path, QUOTE_IT if is_text_unquoted else None)
    return tuple(_required_text(item, (*path, index)) for index, item in enumerate(value))


def _tools(value: object, path: FieldPath) -> tuple[str, ...]:
    """Return what names some tools, or all of them."""
    if value is ALL or (is_text(value) and value == "all"):
        return ALL
    return _list(value, path, LIST_OR_ALL)


def _list(value: object, path: FieldPath, expected: str = LIST) -> tuple[str, ...]:
    if type(value) is ListEdit:
        return value
    if value is None:
        return ListEdit(replace=())
    if not is_mapping(value):
        return _texts(value, path, expected)
    if not value:
        raise _wrong("edits nothing", path, "write add, remove or replace, or leave it out")
    strange = [word for word in value if not is_text(word) or word not in LIST_EDITS]
    if len(strange) == len(value) and not any(is_text(word) and nearest(word, LIST_EDITS) for word in strange):
        raise _wrong(must_be(expected, value), path)
    if strange:
        hint = did_you_mean(strange[0], LIST_EDITS) if is_text(strange[0]) else None
        message = f"unknown edit {shorten(repr(strange[0])) if is_text(strange[0]) else shown(strange[0])}"
        raise _wrong(message, path, hint or "a list is edited by add, remove and replace")
    if "replace" in value and len(value) > 1:
        message = "replace stands beside another edit"
        raise _wrong(message, path, "replace alone gives the whole list; add and remove edit the parent's")
    edits = {str(word): _texts(plain(texts), (*path, str(word))) for word, texts in value.items()}
    return ListEdit(edits.get("replace"), edits.get("remove", ()), edits.get("add", ()))


def _sections(value: object, path: FieldPath) -> FrozenDict[str | tuple[str, ...] | None]:
    return FrozenDict(
        {
            name: None if item is None else _section(item, (*path, name))
            for name, item in _mapping(value, path, TEXT_MAPPING).items()
        }
    )


def _section(value: object, path: FieldPath) -> str | tuple[str, ...]:
    """Return a text, a list of texts, or an edit of what is inherited."""
    if type(value) is Replacing or is_text(value):
        return value if type(value) is Replacing else text(value, path)
    if is_mapping(value) and len(value) == 1 and is_text(plain(value.get("replace"))):
        return Replacing(text(plain(value["replace"]), (*path, "replace")))
    return _list(value, path, SECTION)


def _mapping(value: object, path: FieldPath, expected: str = MAPPING) -> dict[str, object]:
    if not is_mapping(value):
        raise _wrong(must_be(expected, value), path, "leave it out" if value is None else None)
    entries: dict[str, object] = {}
    for name, item in value.items():
        name = plain(name)
        if not is_text(name):
            raise _wrong(f"has the name {shown(name)}, which is not a text", path, QUOTE_IT)
        if expected is not VARIABLES and is_blank(name):
            raise _wrong("has an empty name", path, "write the name")
        entries[text(name, path)] = plain(item)
    return entries


def _variables(value: object, path: FieldPath) -> FrozenDict[str | None]:
    if is_list(value):
        return FrozenDict(dict.fromkeys(_names(value, path)))
    return _values("variable", _mapping(value, path, VARIABLES), path)


def _constants(value: object, path: FieldPath) -> FrozenDict[str | None]:
    return _values("constant", _mapping(value, path, TEXT_MAPPING), path)


def _values(what: str, values: Mapping[str, object], path: FieldPath) -> FrozenDict[str | None]:
    """Return what stands in the place of placeholders, by their names as Python compares keyword arguments."""
    found: dict[str, str | None] = {}
    for name, value in values.items():
        known = _placeholder(what, name, path)
        if known in found:
            raise _wrong(f"{spelled(name)} and another name are both {known!r} to Python", path, "rename one")
        found[known] = None if value is None else text(value, (*path, name))
    return FrozenDict(found)


def _names(value: Sequence[object], path: FieldPath) -> Iterator[str]:
    seen: set[str] = set()
    for index, name in enumerate(map(plain, value)):
        if not is_text(name):
            raise _wrong(must_be("a name", name), (*path, index))
        known = _placeholder("variable", name, (*path, index))
        if known in seen:
            raise _wrong(f"{shorten(name)!r} stands in the list twice", (*path, index), "remove one")
        seen.add(known)
        yield known


def _placeholder(what: str, name: str, path: FieldPath) -> str:
    """Return the name as Python compares keyword arguments: `ﬁ` is `fi`."""
    if fault := name_fault(what, name):
        message, hint = fault
        raise _wrong(message, path, hint)
    return normal(name)


def name_fault(what: str, name: str) -> tuple[str, str] | None:
    """Say why a variable or a constant may not have this name, and what to do; None where it may."""
    if normal(name) in KEPT[what]:
        return f"{what} {name!r} cannot be declared: it is kept for the persona's own", "rename it"
    if not name.isidentifier() or normal(name).startswith("_"):
        return f"{what} {spelled(shorten(name))} is not a name that a placeholder can have", NAME_IT
    return None


def _version(value: object, path: FieldPath) -> str | None:
    written = _text_if_any(_as_text(value), path)
    return written if written is None else check_name(written, "version")


def _as_text(value: object) -> object:
    """Return a plain whole number as its text, anything else as it is."""
    whole = type(value) is int and WHOLE_NUMBER.fullmatch(str(value) if value.bit_length() < 64 else "")
    return str(value) if whole else value


def _replaced_by(value: object, path: FieldPath) -> str | None:
    return _reference(_as_text(value), path)


def _reference(value: object, path: FieldPath) -> str | None:
    reference = _text_if_any(value, path)
    if reference is not None:
        name, version = split_reference(reference)
        check_name(name)
        if version is not None:
            check_name(version, "version")
    return reference


def _text_if_any(value: object, path: FieldPath) -> str | None:
    """Return null, or a text that may not be blank."""
    return None if value is None else _required_text(value, path)


def _display_name(value: object, path: FieldPath) -> str | None:
    return _text_if_any(None if is_text(value) and not value else value, path)


def _truth(value: object, path: FieldPath) -> bool:
    if type(value) is not bool:
        raise _wrong(must_be(TRUTH, value), path)
    return value


def _metadata(value: object, path: FieldPath) -> object:
    return FrozenDict({name: _plain(item, (*path, name)) for name, item in _mapping(value, path).items()})


def _plain(value: object, path: FieldPath) -> object:
    """Return plain data that cannot change, copied all the way down."""
    if len(path) > 64:
        raise _wrong("is nested too deeply", path[:2])
    value = plain(value)
    if is_mapping(value):
        return FrozenDict({name: _plain(item, (*path, name)) for name, item in _mapping(value, path).items()})
    if is_list(value):
        return tuple(_plain(item, (*path, index)) for index, item in enumerate(value))
    if is_text(value):
        return text(value, path)
    kind = type(value)
    if issubclass(kind, float) and not math.isfinite(value):  # type: ignore[arg-type]  # a float
        raise _wrong(f"{value} is no number that a file can hold", path)
    if issubclass(kind, int) and too_long(value):  # type: ignore[arg-type]  # an int
        raise _wrong(TOO_LONG, path, QUOTE_IT)
    if value is None or issubclass(kind, bool | int | float):
        return value
    raise _wrong(must_be("a text, a number, true, false, null, a list or a mapping", value), path, QUOTE_IT)


def as_read(name: str, value: object, persona: str) -> object:
    """Return the value of a field of a file, which was read and checked there, as the persona keeps it."""
    keep = _AS_READ.get((TABLE[name].check, type(value)))
    kept = None if keep is None else keep(value)
    return checked(name, value, persona) if kept is None else kept


def _same(value: Any) -> object:
    return value


def _plain_sections(value: Any) -> object | None:
    """Return sections as they are kept, where all are texts."""
    return FrozenDict.over(value) if all(type(each) is str for each in value.values()) else None


def _or_none(value: Any) -> object:
    return value or None


def _ascii_names(value: Any) -> object | None:
    """Return entries as they are kept, where NFKC changes no name of theirs."""
    return FrozenDict.over(value) if "".join(value).isascii() else None


def _read_metadata(value: Any) -> object:
    """Return plain data of a file as it is kept: what a name below may be is all that was not looked at yet."""
    try:
        return _frozen(value)
    except _BlankNameError:
        return _metadata(value, ("metadata",))


class _BlankNameError(ValueError):
    pass


def _frozen(value: Any) -> object:
    if type(value) is list:
        return tuple([_frozen(item) if type(item) in (list, dict) else item for item in value])
    if not all(map(str.strip, value)):
        raise _BlankNameError
    return FrozenDict.over(
        {name: _frozen(item) if type(item) in (list, dict) else item for name, item in value.items()}
    )


# What needs no second look: by the check and the value's type.
_AS_READ: dict[tuple[Callable[..., object], type], Callable[[Any], object]] = {
    **{(check, str): _same for check in (_required_text, _reference, _text_if_any)},
    **{(check, str): _or_none for check in (_optional_text, _display_name)},
    (_list, list): tuple,
    (_tools, list): tuple,
    (_sections, dict): _plain_sections,
    (_variables, dict): _ascii_names,
    (_constants, dict): _ascii_names,
    (_metadata, dict): _read_metadata,
    (_truth, bool): _same,
}


class Kind(Enum):
    """What a field holds."""

    TEXT = TEXT
    TEXTS = LIST
    ENTRIES = MAPPING  # names to values
    TRUTH = TRUTH


class Words(Enum):
    """What a field's texts are."""

    FILLED = "people's words, in which placeholders are filled"
    AS_WRITTEN = "people's words, printed as they are written"
    NONE = "no words of a prompt: names, notes, switches"


class PersonaField(NamedTuple):
    """What is known of a field: all lists of fields are made of this."""

    name: str
    kind: Kind
    default: object
    check: Callable[[object, FieldPath], object]  # returns the value as it is kept, or raises InvalidValueError
    words: Words
    place: (
        str | None
    )  # what the bundled templates make of it: "sentence", part of one; "line"; "paragraph"; None: nothing
    inherited: bool
    printed: bool  # whether a template may ask for it


def _field(
    kind: Kind,
    check: Callable[[object, FieldPath], object],
    default: object = None,
    words: Words = Words.NONE,
    place: str | None = None,
    *,
    inherited: bool = True,
    printed: bool = True,
) -> Any:
    row = (kind, default, check, words, place, inherited, printed)
    return dataclasses.field(default=NOT_GIVEN, metadata={"row": row})


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """Every field of a persona, in the order of its constructor, as it is kept."""

    name: str
    role: str = _field(Kind.TEXT, _required_text, "", Words.FILLED, "sentence")
    company: str | None = _field(Kind.TEXT, _optional_text, None, Words.FILLED, "sentence")
    tone: str = _field(Kind.TEXT, _required_text, DEFAULT_TONE, Words.FILLED, "line")
    capabilities: tuple[str, ...] = _field(Kind.TEXTS, _list, (), Words.FILLED, "line")
    constraints: tuple[str, ...] = _field(Kind.TEXTS, _list, (), Words.FILLED, "line")
    greeting: str | None = _field(Kind.TEXT, _optional_text, None, Words.FILLED)
    custom_sections: Mapping[str, str | tuple[str, ...]] = _field(
        Kind.ENTRIES, _sections, FrozenDict(), Words.FILLED, "paragraph"
    )
    _: dataclasses.KW_ONLY
    display_name: str | None = _field(Kind.TEXT, _display_name, None, Words.AS_WRITTEN, "sentence")
    parent: str | None = _field(Kind.TEXT, _reference, inherited=False, printed=False)
    version: str | None = _field(Kind.TEXT, _version, inherited=False)
    # A default reaches a prompt where a text names the variable.
    variables: Mapping[str, str | None] | None = _field(Kind.ENTRIES, _variables, None, Words.AS_WRITTEN, printed=False)
    constants: Mapping[str, str] = _field(Kind.ENTRIES, _constants, FrozenDict(), Words.FILLED)
    template: str | None = _field(Kind.TEXT, _text_if_any, printed=False)
    tools: tuple[str, ...] = _field(Kind.TEXTS, _tools, ())  # or ALL
    abstract: bool = _field(Kind.TRUTH, _truth, False, inherited=False, printed=False)
    description: str | None = _field(Kind.TEXT, _optional_text, inherited=False, printed=False)
    metadata: Mapping[str, Any] = _field(Kind.ENTRIES, _metadata, FrozenDict(), printed=False)
    replaced_by: str | None = _field(Kind.TEXT, _replaced_by, inherited=False, printed=False)


# Every field but the name.
TABLE = {
    each.name: PersonaField(each.name, *each.metadata["row"]) for each in dataclasses.fields(Fields) if each.metadata
}
DEFAULTS = {name: field.default for name, field in TABLE.items()}
FIELDS = ("name", *TABLE)


def those(**properties: object) -> tuple[str, ...]:
    """Return the names of the fields of which all of this is true: `those(kind=Kind.TEXTS, inherited=True)`."""
    return tuple(
        field.name for field in TABLE.values() if all(getattr(field, key) == value for key, value in properties.items())
    )


LISTS = those(kind=Kind.TEXTS)
TABLES = those(kind=Kind.ENTRIES)
TEXTS = those(kind=Kind.TEXT, inherited=True)
OWN = tuple(name for name in those(inherited=False) if name != "replaced_by")  # of a persona; that is of a line
FILLED = those(words=Words.FILLED)
AS_WRITTEN = those(words=Words.AS_WRITTEN)
NEVER_RENDERED = those(printed=False)
TEMPLATE_FIELDS = ("name", *those(printed=True), "key", "tool_descriptions")
# What a prompt is expected to have of a persona, beside its name.
EXPECTED = tuple(name for name in FILLED if TABLE[name].place)
