"""What a template sees: `persona` and `session`, and a watch on the first look at the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from .errors import InvalidValueError, TemplateError
from .events import Watch
from .names import did_you_mean, kind_of, shorten
from .placeholders import Parts, Placeholder
from .session import Record, shown


class Text:
    """A persona's text that names session variables: filled when a template reaches it."""

    __slots__ = ("field", "parts")

    def __init__(self, parts: Parts, field: tuple[str | int, ...]) -> None:
        self.parts = parts
        self.field = field


class TextTable:
    """A mapping of names to texts, some of them waiting to be filled."""

    __slots__ = ("entries",)

    def __init__(self, entries: Mapping[str, str | Text]) -> None:
        self.entries = entries


class Undescribed:
    """The descriptions of tools for which there is no catalogue: to ask for them is an error."""

    __slots__ = ("tools",)

    def __init__(self, tools: Sequence[str]) -> None:
        self.tools = tools

    def error(self) -> TemplateError:
        names = ", ".join(repr(shorten(name)) for name in self.tools[:3]) + (", …" if len(self.tools) > 3 else "")
        return TemplateError(
            f"persona.tool_descriptions: there is no catalogue that describes {names}",
            hint="name it in the persona file: $tools: tools.json",
        )


# A field ready for templates: a text, one to fill, a list or a table of these, or None.
Field = str | Text | tuple[str | Text, ...] | TextTable | Record | Undescribed | None


class Filling:
    """The values of one render, and whether they were looked at."""

    __slots__ = ("_owner", "_safe", "values", "watch")

    def __init__(
        self, owner: str, values: Mapping[str, object], watch: Watch, safe: Callable[[str], str] | None = None
    ) -> None:
        self._owner = owner
        self._safe = safe  # in an xml prompt: makes filled persona text count as escaped
        self.values = values
        self.watch = watch

    def fill(self, text: str | Text) -> str:
        """Return the text with its placeholders filled, in one pass."""
        if not isinstance(text, Text):
            return text
        self.watch.touched = True
        filled = "".join([part if type(part) is str else self._value(part, text) for part in text.parts])
        return filled if self._safe is None else self._safe(filled)

    def _value(self, part: str | Placeholder, asking: Text) -> str:
        assert isinstance(part, Placeholder)
        value = self.values[part.name]
        text = shown(value, escapes=self._safe is not None)
        if text is None:
            raise InvalidValueError(
                f"session variable {part.name!r} is {kind_of(value)}, which cannot be printed",
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


class Table(Mapping[str, str]):
    """Named persona texts in order, each filled when it is reached."""

    __slots__ = ("_entries", "_filling")

    def __init__(self, entries: Mapping[str, str | Text], filling: Filling) -> None:
        self._entries = entries
        self._filling = filling

    def __getitem__(self, name: str) -> str:
        return self._filling.fill(self._entries[name])

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would fill the text

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class PersonaView:
    """`persona` in a template."""

    __slots__ = ("_fields", "_filling")

    def __init__(self, fields: Mapping[str, Field], filling: Filling) -> None:
        self._fields = fields
        self._filling = filling

    def lookup(self, name: str) -> object:
        """Return a field's value. Raises TemplateError, with what may have been meant, for one that is none."""
        try:
            value = self._fields[name]
        except KeyError:
            raise unknown_field(name, self._fields) from None
        if isinstance(value, Text):
            return self._filling.fill(value)
        if isinstance(value, tuple):
            return Texts(value, self._filling)
        if isinstance(value, TextTable):
            return Table(value.entries, self._filling)
        if isinstance(value, Undescribed):
            raise value.error()
        return value


class SessionView:
    """`session` in a template: `session.x` is the variable x, whatever it is called."""

    __slots__ = ("_filling",)

    def __init__(self, filling: Filling) -> None:
        self._filling = filling

    def lookup(self, name: str) -> object:
        """Return a variable's value. Raises KeyError for one that was neither given nor declared with a default."""
        self._filling.watch.touched = True
        if name == "extra_sections" and name not in self._filling.values:
            return NO_SECTIONS
        return self._filling.values[name]

    def absent(self, name: str) -> str:
        """Say that a variable is absent, and how a template may ask for it."""
        shown = shorten(name)
        if name.startswith("_"):
            return f"session has no {shown!r}; names that begin with '_' are not for sessions"
        hint = did_you_mean(name, self._filling.values)
        asked = f"session.{shown}" if name.isidentifier() else f"session[{shown!r}]"
        return f"session has no {shown!r}; " + (hint or f"where it may be absent, test '{asked} is defined' first")


NO_SECTIONS = Record()

NEVER_RENDERED = ("description", "metadata", "parent", "abstract", "variables", "template")


def unknown_field(name: str, known: Mapping[str, object] | Sequence[str]) -> TemplateError:
    if name in NEVER_RENDERED:
        return TemplateError(f"persona.{name} is never rendered", hint="it is for people and programs, not for prompts")
    return TemplateError(f"persona has no {name!r}", hint=did_you_mean(name, known))
