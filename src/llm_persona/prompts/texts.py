"""A persona made ready to be rendered: its texts parsed once, its variables known, for any template."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from typing import TYPE_CHECKING, Protocol

from ..errors import InvalidValueError, MissingVariableError, TemplateError, field_text
from ..fields import FILLED, TABLE, TEMPLATE_FIELDS, Kind, PersonaField, Words
from ..fingerprints import fingerprint
from ..frozen import ALL, FrozenDict, thaw
from ..names import nearest, shorten
from ..placeholders import Constant, Parts, Placeholder, Placeholders, resolve
from ..templating.assembly import Known
from ..templating.events import Watch
from ..templating.session import Family, Record, Verbatim, neutralise
from ..templating.templates import Template
from ..templating.views import Field, Filling, Ready, Text, TextTable, Undescribed, settled_entries
from ..wording import PRINTS_NULL

Path = tuple[str | int, ...]
SLIP = 0.8  # likeness, as `difflib` counts it
FIELD_PRINT = len("sha256:") + 12  # characters
BESIDE = ("name", "key", "version", "tool_descriptions")  # what counts apart
_SOURCED = tuple(name for name in FILLED if name not in ("company", "constants"))  # what may hold constants
RENDERED = (*(name for name in TEMPLATE_FIELDS if name not in BESIDE), "variables")  # what reaches a prompt


if TYPE_CHECKING:

    class Complete(Protocol):
        """A persona whose parent is applied, as its fields."""

        @property
        def name(self) -> str: ...
        @property
        def key(self) -> str: ...
        @property
        def ref(self) -> str: ...
        @property
        def spoken_name(self) -> str: ...

        @property
        def role(self) -> str: ...
        @property
        def company(self) -> str | None: ...
        @property
        def tone(self) -> str: ...
        @property
        def capabilities(self) -> tuple[str, ...]: ...
        @property
        def constraints(self) -> tuple[str, ...]: ...
        @property
        def greeting(self) -> str | None: ...
        @property
        def custom_sections(self) -> Mapping[str, str | tuple[str, ...]]: ...
        @property
        def display_name(self) -> str | None: ...
        @property
        def version(self) -> str | None: ...
        @property
        def variables(self) -> Mapping[str, str | None] | None: ...
        @property
        def constants(self) -> Mapping[str, str]: ...
        @property
        def tools(self) -> tuple[str, ...]: ...


class PersonaTexts:
    """The texts of one complete persona. Rendering is a pure function of this, a template and a session."""

    def __init__(self, persona: Complete, tools: Mapping[str, str] | None, unfilled: Complete | None = None) -> None:
        """Take a persona, the descriptions of tools, and the persona as it was before constants were filled in."""
        self.persona = persona
        self._unfilled = unfilled or persona
        self._placeholders = Placeholders(persona.variables, persona.constants)
        self._declared: Mapping[str, str | None] = persona.variables or {}
        self._company = self._company_parts()
        self._constants = self._constant_texts()
        self._needs: dict[str, Path] = {}  # session names in texts -> the field that names them first
        self.greeting_needs: dict[str, Path] = {}
        self.fields = self._fields(tools)
        self._open = frozenset(name for name, value in self.fields.items() if _waits(value))
        known, named = tools or {}, persona.tools
        self._tools = {name: known[name] for name in (known if named is ALL else named) if name in known}
        self.defaults = {name: text for name, text in self._declared.items() if text is not None}
        greeting_only = self.greeting_needs.keys() - self._needs.keys()
        declared: dict[str, Path] = {name: ("variables", name) for name in self._declared if name not in greeting_only}
        self._required = self._without_default({**declared, **self._needs})
        self.greeting_required = self._without_default(self.greeting_needs)
        self.names = frozenset((*self._declared, *self._needs, *self.greeting_needs))
        self._fingerprints: dict[bool, str] = {}
        self._field_fingerprints: dict[
            bool, Mapping[str, str]
        ] = {}  # each, like the one above, by whether it holds the key
        self._greeted: tuple[str, ...] = ()  # the names of the last session that was greeted

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the session in the persona's texts."""
        return frozenset((*self._needs, *self.greeting_needs))

    def _without_default(self, needs: Mapping[str, Path]) -> dict[str, Path]:
        return {name: path for name, path in needs.items() if name not in self.defaults}

    def fingerprint(self, template: Template) -> str:
        """The fingerprint of all that can reach a prompt of a template: fields, defaults, tool descriptions; the key
        where the template reads it, so that a version which moves to another key keeps its fingerprint elsewhere."""
        keyed = "key" in template.fields
        if keyed not in self._fingerprints:
            self._fingerprints[keyed] = fingerprint("persona", self._rendered(template))
        return self._fingerprints[keyed]

    def field_fingerprints(self, template: Template | None = None) -> Mapping[str, str]:
        """Return the beginning of a fingerprint of each of these, by its name: enough to tell which one changed."""
        keyed = template is not None and "key" in template.fields
        if keyed not in self._field_fingerprints:
            data = self._rendered(template)
            prints = {name: fingerprint("field", data[name])[:FIELD_PRINT] for name in sorted(data)}
            self._field_fingerprints[keyed] = FrozenDict(prints)
        return self._field_fingerprints[keyed]

    def _rendered(self, template: Template | None) -> dict[str, object]:
        data = {name: thaw(getattr(self.persona, name)) for name in RENDERED}
        data |= {"name": self.persona.name, "version": self.persona.version, "tool_descriptions": self._tools}
        data["custom_sections"] = [[name, thaw(each)] for name, each in self.persona.custom_sections.items()]
        return data if template is None or "key" not in template.fields else {**data, "key": self.persona.key}

    def check_names(
        self, template: Template, values: Mapping[str, object], given: Mapping[str, object]
    ) -> tuple[str, ...]:
        """Return the names that nothing uses. Raises for names that are missing, or slips of others."""
        self.check_template(template)
        self.check_moves_none(values)
        self._check_given(self.required_by(template), values, given)
        unused = self._unused(values, template)
        self._check_unused(unused, values, f"a template is the first argument: {_right_call(values)}")
        return unused if template.dynamic else self._dropped(values, template.names_in_reach)

    def check_template(self, template: Template) -> None:
        """Refuse a template that asks the session for a constant of the persona. Raises TemplateError."""
        for name in sorted(template.session_names & self._constants.keys()):
            syntax = next(each for each in template.syntaxes.values() if name in each.session_names)
            message = f"session.{name}: {name!r} is a constant of the persona, which no session gives"
            error = TemplateError(message, persona=self.persona.key, hint=f"write persona.constants.{name}")
            error.path, error.line = syntax.path, syntax.session_names[name]
            raise error

    def without_role(self, error: TemplateError) -> TemplateError:
        """Return what went wrong in a template, in better words where it printed a role that is not there."""
        if not self.persona.role and error.message == PRINTS_NULL and "persona.role" in (error.source or ""):
            error.message = f"this prints persona.role, and {shorten(self.persona.key)!r} has no role"
            error.hint = "give it one, or render it in 'verbatim'"
        return error

    def check_moves_none(self, values: Iterable[str]) -> None:
        """Refuse a session that gives a constant."""
        for name in values:
            if name in self._constants:
                message = f"the session has {shorten(name)!r}, which is a constant of this persona"
                hint = "leave it out: no session moves a constant"
                raise InvalidValueError(message, persona=self.persona.key, hint=hint)

    def required_by(self, template: Template) -> dict[str, Path]:
        """Return what a session must hold for a template, and the field that names it.

        What the greeting alone names counts where the greeting is printed, or where the template asks for it itself.
        """
        asks_for_all = "greeting" in template.fields
        greeting = self.greeting_required.items()
        return self._required | {n: path for n, path in greeting if asks_for_all or n in template.session_names}

    def sample_session(self, template: Template) -> dict[str, str]:
        """Return `{name}` for every variable without a default that the persona or the template asks for."""
        asked = [*self.required_by(template)]
        asked += sorted(template.session_names - self.defaults.keys() - self._constants.keys() - {"extra_sections"})
        return {name: f"{{{name}}}" for name in dict.fromkeys(asked)}

    def greet(self, given: Mapping[str, object], template: Callable[[], Template]) -> str | None:
        """Return the greeting for a session that may hold what the persona's template asks for as well."""
        greeting = self.fields["greeting"]
        if not isinstance(greeting, str | Text):
            return None
        session = neutralise(given)
        self.check_moves_none(session.values)
        self._check_given(self.greeting_required, session.values, given)
        self._check_greeted(session.values, template)
        return Filling(self.persona.key, {**self.defaults, **session.values}, Watch()).fill(greeting)

    def _check_greeted(self, values: Mapping[str, object], template: Callable[[], Template]) -> None:
        names = tuple(values)
        if names != self._greeted and not self.names.issuperset(names):
            unused = self._unused(values, template())
            self._check_unused(unused, values, "a greeting is the same in every template: leave it out")
        self._greeted = names

    def _company_parts(self) -> Parts | None:
        if not self.persona.company:
            return None
        return resolve(self._placeholders.parse(self.persona.company), self._own_name)

    def _own_name(self, name: str) -> Parts | None:
        return (self.persona.spoken_name,) if name == "name" else None

    def _constant_texts(self) -> dict[str, str]:
        """Return the constants as they are printed: with the own name and company filled in, and nothing else."""
        placeholders = Placeholders.of_constants(self.persona.company)
        own = {"name": (self.persona.spoken_name,), "company": self._company}
        return {
            name: "".join(map(str, resolve(placeholders.parse(text), own.get)))
            for name, text in self.persona.constants.items()
        }

    def _own(self, name: str) -> Parts | None:
        text = self._constants.get(name)
        if text is not None:
            return (text,) if text else ()
        return self._company if name == "company" else self._own_name(name)

    def _own_by_source(self, name: str) -> Parts | None:
        text = self._constants.get(name)
        return self._own(name) if not text else (Constant(name, text),)

    def fields_by_source(self) -> Mapping[str, Field]:
        """Return the fields, each text in parts of which the constants know what they are."""
        if not self._constants:
            return self.fields
        sourced = {name: self._field(TABLE[name], self._unfilled, self._by_source) for name in _SOURCED}
        return {**self.fields, **sourced}

    def _by_source(self, text: str, path: Path) -> str | Text:
        return Text(resolve(self._placeholders.parse(text), self._own_by_source), path)

    def _fields(self, tools: Mapping[str, str] | None) -> dict[str, Field]:
        persona = self.persona
        named = tuple(tools or {}) if persona.tools is ALL else persona.tools
        undescribed = [name for name in named if name not in (tools or {})]
        lacks = bool(undescribed) or (persona.tools is ALL and tools is None)
        described = Undescribed(undescribed) if lacks else Record({name: (tools or {})[name] for name in named})
        found = {name: self._field(field, persona, self._text) for name, field in TABLE.items() if field.printed}
        if persona.tools is ALL:
            found["tools"] = Undescribed((), "tools") if tools is None else named
        return {"name": persona.spoken_name, "key": persona.key, **found, "tool_descriptions": described}

    def _field(self, field: PersonaField, persona: Complete, text_of: Callable[[str, Path], str | Text]) -> Field:
        """Return a field as templates get it: what holds placeholders waits to be filled."""
        name, value = field.name, getattr(persona, field.name)
        if value == "":
            return None  # a role that is not there
        if field.words is not Words.FILLED or value is None:
            return value  # type: ignore[no-any-return]  # a text, or texts
        if name == "constants":
            return Record(self._constants)
        if field.kind is Kind.TEXTS:
            return tuple([text_of(text, (name, index)) for index, text in enumerate(value)])
        if field.kind is Kind.ENTRIES:
            return TextTable({entry: _entry(each, (name, entry), text_of) for entry, each in value.items() if each})
        if name == "company":
            return self._ready(self._company or (), (name,), self._needs)
        return text_of(value, (name,))

    def _text(self, text: str, path: Path) -> str | Text:
        if "{" not in text:
            return text
        parts = resolve(self._placeholders.parse(text), self._own)
        return self._ready(parts, path, self.greeting_needs if path[0] == "greeting" else self._needs)

    def _ready(self, parts: Parts, path: Path, needs: dict[str, Path]) -> str | Text:
        names = [part.name for part in parts if isinstance(part, Placeholder)]
        for name in names:
            needs.setdefault(name, path)
        return Text(parts, path) if names else "".join(map(str, parts))

    def ready_for(self, family: Family, given: Collection[str], shared: frozenset[str] = frozenset()) -> Ready:
        """Return the fields for templates of a family and a session that gives these names, `shared` with others.

        A default that is not overridden is filled in: it is the same for every session that gives the same names.
        """
        defaults = {name: text for name, text in self.defaults.items() if name not in given}
        fields: dict[str, object] = {}
        waiting: dict[str, Field] = {}
        for name, value in self.fields.items():
            field = _settled(value, defaults) if name in self._open else value
            if family.escapes:
                field = _marked(field)
            if isinstance(field, Undescribed) or (name in self._open and _waits(field)):
                waiting[name] = field
            else:
                fields[name] = Record(settled_entries(field)) if isinstance(field, TextTable) else field
        texts = {name: Verbatim(text) for name, text in defaults.items()} if family.escapes else defaults
        return Ready(self.persona.key, fields, waiting, texts, Known(), shared)

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes to be ready for one set of names, with what a template makes of the texts."""
        return 2_000 + 100 * len(self.names) + 2 * sum(len(str(getattr(self.persona, name))) for name in FILLED)

    def _check_given(
        self, required: Mapping[str, Path], values: Mapping[str, object], given: Mapping[str, object]
    ) -> None:
        missing = [name for name in required if name not in values]
        if missing:
            spare = [name for name in given if name not in self.names]
            error = MissingVariableError(
                f"the session lacks {', '.join(_missing(name, required[name], spare, self._constants) for name in missing)}",
                persona=self.persona.key,
            )
            error.names = tuple(missing)
            raise error

    def _unused(self, values: Mapping[str, object], template: Template) -> tuple[str, ...]:
        if template.dynamic:
            return ()
        return self._dropped(values, template.session_names)

    def _dropped(self, values: Mapping[str, object], asked: Set[str]) -> tuple[str, ...]:
        return tuple(name for name in values if name not in self.names and name not in asked)

    def _check_unused(self, unused: Iterable[str], values: Mapping[str, object], hint: str) -> None:
        """Refuse a template that is passed like a variable, and a slip of a name whose default would be used instead."""
        defaulted = [name for name in self.defaults if name not in values]
        for name in unused:
            if name == "template":
                raise self._useless(name, "which nothing uses", hint)
            # What every bundled template asks for is spelt as it is meant.
            near = nearest(name, defaulted, cutoff=SLIP) if name != "extra_sections" else None
            if near is not None:
                why = f"which nothing uses, and not {near!r}, whose default would be used"
                raise self._useless(name, why, f"did you mean {near!r}?")

    def _useless(self, name: str, why: str, hint: str) -> InvalidValueError:
        return InvalidValueError(f"the session has {shorten(name)!r}, {why}", persona=self.persona.key, hint=hint)


def _entry(
    value: str | tuple[str, ...], path: Path, text_of: Callable[[str, Path], str | Text]
) -> str | Text | tuple[str | Text, ...]:
    if isinstance(value, str):
        return text_of(value, path)
    return tuple([text_of(text, (*path, index)) for index, text in enumerate(value)])


def _missing(name: str, path: Path, spare: Iterable[str], constants: Iterable[str]) -> str:
    near, constant = nearest(name, spare), nearest(name, constants, cutoff=SLIP)
    hint = f"; did you mean {name!r} by {near!r}?" if near else ""
    if constant is not None and not near:
        hint = f"; did you mean the constant {constant!r}?"
    name = shorten(name)
    return f"{name!r} ({field_text(path)}{hint})"


def _settled(value: Field, defaults: Mapping[str, str]) -> Field:
    """Return a field with these values filled in; a text that waits for no other is a plain text."""
    if isinstance(value, Text):
        parts = resolve(value.parts, lambda name: (defaults[name],) if name in defaults else None)
        waits = any(isinstance(part, Placeholder) for part in parts)
        return Text(parts, value.field) if waits else "".join(map(str, parts))
    if isinstance(value, tuple):
        return tuple([_settled(text, defaults) for text in value])  # type: ignore[misc]  # texts
    if isinstance(value, TextTable):
        return TextTable({name: _settled(text, defaults) for name, text in value.entries.items()})  # type: ignore[misc]  # texts
    return value


def _waits(value: Field) -> bool:
    """Tell whether session values are to be filled into a field."""
    if isinstance(value, TextTable):
        return any(_waits(entry) for entry in value.entries.values())
    return any(isinstance(text, Text) for text in value) if isinstance(value, tuple) else isinstance(value, Text)


def _right_call(names: Iterable[str]) -> str:
    """Return the call that names a template and passes the rest of these names."""
    passed = [f"{name}=…" for name in names if name != "template"]
    arguments = ['"markdown"', *passed[:3], *(["…"] if len(passed) > 3 else [])]
    return f"persona.render({', '.join(arguments)})"


def _marked(value: Field) -> Field:
    """Mark persona text as text that an xml prompt prints as it is."""
    if isinstance(value, str):
        return Verbatim(value)
    if isinstance(value, tuple):
        return tuple(Verbatim(text) if isinstance(text, str) else text for text in value)
    if isinstance(value, TextTable):
        return TextTable({Verbatim(name): _marked(entry) for name, entry in value.entries.items()})  # type: ignore[misc]  # texts
    if isinstance(value, Record):
        return Record({Verbatim(name): Verbatim(str(text)) for name, text in value.items()})
    return value
