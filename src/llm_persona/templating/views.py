"""What a template sees: `persona` and `session`, and a watch on the first look at what the session gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import InvalidValueError, TemplateError
from ..fields import NEVER_RENDERED
from ..names import did_you_mean, kind_of, shorten
from ..placeholders import Parts
from .assembly import Known
from .cost import running, spend
from .events import Watch
from .messages import Unsaid
from .session import Record, shown


class Text:
    """A persona's text that names session variables: filled when a template reaches it."""

    __slots__ = ("field", "names", "parts")

    def __init__(self, parts: Parts, field: tuple[str | int, ...]) -> None:
        self.parts = parts
        self.field = field
        self.names = tuple([part.name for part in parts if type(part) is not str])  # type: ignore[union-attr]  # placeholders


Entry = str | Text | tuple[str | Text, ...]


class TextTable:
    """A mapping of names to texts, some of them waiting to be filled."""

    __slots__ = ("entries",)

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = entries


class Undescribed:
    """The descriptions of tools for which there is no catalogue, or all their names: to ask for them is an error."""

    __slots__ = ("field", "tools")

    def __init__(self, tools: Sequence[str], field: str = "tool_descriptions") -> None:
        self.tools = tools
        self.field = field

    def error(self) -> TemplateError:
        if not self.tools:
            message = f"persona.{self.field}: it has all tools, and there is no catalogue that says which there are"
            return TemplateError(message, hint="name it in the persona file: $tools: tools.json")
        names = ", ".join(repr(shorten(name)) for name in self.tools[:3]) + (", …" if len(self.tools) > 3 else "")
        return TemplateError(
            f"persona.tool_descriptions: there is no catalogue that describes {names}",
            hint="name it in the persona file: $tools: tools.json",
        )


# A field ready for templates: a text, one to fill, a list or a table of these, or None.
Field = str | Text | tuple[str | Text, ...] | TextTable | Record | Undescribed | None


class Ready(NamedTuple):
    """A persona's fields for one set of given names and one family of templates."""

    owner: str  # the persona's key
    fields: dict[str, object]  # as templates see them
    waiting: Mapping[str, Field]  # those that the session's values are filled into
    defaults: Mapping[str, object]  # of the variables that are not given
    known: Known  # what parts of a template come to that mention nothing but the persona
    shared: frozenset[str] = frozenset()  # names that `with_session` gave


class Filling:
    """The values of one render, and whether they were looked at."""

    __slots__ = ("_owner", "safe", "values", "watch")

    def __init__(
        self, owner: str, values: Mapping[str, object], watch: Watch, safe: Callable[[str], str] | None = None
    ) -> None:
        self._owner = owner
        self.safe = safe  # in an xml prompt: makes filled persona text count as escaped
        self.values = values
        self.watch = watch

    def fill(self, text: str | Text) -> str:
        """Return the text with its placeholders filled, in one pass."""
        if type(text) is not Text:
            return text  # type: ignore[return-value]  # a str
        self.watch.touch(text.names)
        values, escapes = self.values, self.safe is not None
        pieces: list[str] = []
        for part in text.parts:
            if type(part) is not str:
                value = values[part.name]  # type: ignore[union-attr]  # a Placeholder
                if type(value) is not str or escapes:
                    value = self.shown(value, part.name, text)  # type: ignore[union-attr]  # as above
                pieces.append(value)
            else:
                pieces.append(part)
        filled = "".join(pieces)
        return filled if self.safe is None else self.safe(filled)

    def entry(self, entry: Entry) -> str | Lines:
        """Return a named text, or list of texts, as templates see it."""
        return Lines(entry, self) if type(entry) is tuple else self.fill(entry)  # type: ignore[arg-type]  # a text

    def ready(self, field: Field) -> object:
        """Return a field as templates see it: what waits to be filled is filled when it is reached."""
        kind = type(field)
        if kind is TextTable:
            return Table(field.entries, self)  # type: ignore[union-attr]  # a TextTable
        if kind is Text:
            return self.fill(field)  # type: ignore[arg-type]  # a Text
        if kind is tuple:
            return Texts(field, self)  # type: ignore[arg-type]  # a tuple
        if isinstance(field, Undescribed):
            raise field.error()
        return field

    def shown(self, value: object, name: str, asking: Text) -> str:
        text = shown(value, escapes=self.safe is not None)
        if text is None:
            raise InvalidValueError(
                f"session variable {name!r} is {kind_of(value)}, which cannot be printed",
                persona=self._owner,
                field=asking.field,
                hint="pass a text or a number",
            )
        return text


class Texts(Sequence[str]):
    """A list of persona texts, each filled when it is reached."""

    __slots__ = ("_filling", "_texts")

    def __init__(self, texts: tuple[str | Text, ...], filling: Filling) -> None:
        self._texts = texts
        self._filling = filling

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int | slice) -> str | Texts:  # type: ignore[override]  # one class for both
        chosen = self._texts[index]
        return Texts(chosen, self._filling) if isinstance(chosen, tuple) else self._filling.fill(chosen)

    def __iter__(self) -> Iterator[str]:
        return map(self._filling.fill, self._texts)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Texts | list | tuple) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list


class Lines(Texts):
    """A list of persona texts that stands where a text may: printed, each is a line of its own behind `- `."""

    __slots__ = ()

    @property
    def pieces(self) -> Iterator[str]:
        """Yield what is printed of it."""
        for index, text in enumerate(self):
            yield "\n- " if index else "- "
            yield text


class Table(Mapping[str, "str | Lines"]):
    """Named persona texts in order, each filled when it is reached."""

    __slots__ = ("_entries", "_filling")

    def __init__(self, entries: Mapping[str, Entry], filling: Filling) -> None:
        self._entries = entries
        self._filling = filling

    def __getitem__(self, name: str) -> str | Lines:
        return self._filling.entry(self._entries[name])

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would fill the text

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> Any:  # Mapping's own looks each name up again
        entry = self._filling.entry
        return ((name, entry(each)) for name, each in self._entries.items())


class PersonaView:
    """`persona` in a template. Its fields are attributes, for generated code to reach at once; one that waits for the
    session is made ready when it is asked for."""

    __slots__ = ("__dict__", "_filling", "_waiting")

    def __init__(self, fields: dict[str, object], waiting: Mapping[str, Field], filling: Filling) -> None:
        self._waiting = waiting
        self._filling = filling
        self.__dict__ = fields  # nothing changes it: templates set no attributes

    def __getattr__(self, name: str) -> object:
        try:
            field = self._waiting[name]
        except KeyError:
            raise AttributeError(name) from None
        return self._filling.ready(field)

    def lookup(self, name: str) -> object:
        """Return a field by its name. Raises TemplateError for one that there is not."""
        if name not in self.__dict__ and name not in self._waiting:
            raise unknown_field(name, (*self.__dict__, *self._waiting))
        return self.__dict__[name] if name in self.__dict__ else self.__getattr__(name)


class SessionView:
    """`session` in a template: `session.x` is the variable x, whatever it is called."""

    __slots__ = ("_given", "_undefined", "_values", "_watch")

    def __init__(
        self,
        values: Mapping[str, object],
        given: Collection[str],
        watch: Watch,
        undefined: Callable[[str, str], object],
    ) -> None:
        self._values = values  # what is declared with a default and not given is among them
        self._given = given
        self._watch = watch
        self._undefined = undefined  # makes what templates find in the place of a variable that is absent

    def lookup(self, name: str) -> object:
        """Return a variable's value. What is not given is the same for every session that gives the same names."""
        value = self._values.get(name, _ABSENT)
        if value is _ABSENT:
            return NO_SECTIONS if name == "extra_sections" else self._undefined(self._absent(name), name)
        if name in self._given:
            self._watch.touch((name,))
        return value

    def has(self, name: str) -> bool:
        """Tell whether a variable is defined: given, or declared with a default."""
        return name in self._values or name == "extra_sections"

    def _absent(self, name: str) -> str:
        """Say that a variable is absent, and how a template may ask for it."""
        spend(running.get().ticks, 16 + 4 * len(self._values))
        if type(name) is Unsaid:
            return "session has no variable of the name that it is asked for"
        shown = shorten(name)
        if name.startswith("_"):
            return f"session has no {shown!r}; names that begin with '_' are not for sessions"
        hint = did_you_mean(name, self._values)
        asked = f"session.{shown}" if name.isidentifier() else f"session[{shown!r}]"
        return f"session has no {shown!r}; " + (hint or f"where it may be absent, test '{asked} is defined' first")


def settled_entries(table: TextTable) -> dict[str, object]:
    """Return named texts that wait for nothing as templates see them."""
    filling = Filling("", {}, Watch())
    return {name: filling.entry(each) for name, each in table.entries.items()}


NO_SECTIONS = Record()
_ABSENT = object()


def unknown_field(name: str, known: Mapping[str, object] | Sequence[str]) -> TemplateError:
    if name in NEVER_RENDERED:
        return TemplateError(f"persona.{name} is never rendered", hint="it is for people and programs, not for prompts")
    if type(name) is Unsaid:
        return TemplateError("persona has no field of the name that it is asked for")
    return TemplateError(f"persona has no {name!r}", hint=did_you_mean(name, known))
