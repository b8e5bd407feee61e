"""A persona: plain, frozen data that knows which of its fields were given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial, wraps
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..errors import InheritanceError, InvalidValueError, PersonaError, let_through
from ..fields import DEFAULTS, LISTS, NOT_GIVEN, Fields, as_read, checked
from ..frozen import FrozenDict, Given, ListEdit, Replacing, thaw
from ..kinds import is_text, plain
from ..names import check_name, join_reference, kind_of, shorten, split_reference
from ..placeholders import Placeholders
from ..prompts.budget import Budget
from ..prompts.plans import Call, FillsWithin, Plans
from ..prompts.prompt import Prompt
from ..prompts.texts import PersonaTexts
from ..templating.shared_values import SharedValues, as_data
from ..templating.templates import Template, Templates, template_name
from ..usual_fields import usual
from ..wording import BESIDE_REPLACED_BY, LINE_FIELDS, LINE_HOLDS, SECTION, TEXT, said_of
from .binding import Bound, bundled
from .pickles import pack_alone, packed, unpack_bound, unpacked

Definition = TypeVar("Definition", bound=Mapping[str, Any])
Texts = Sequence[str] | Mapping[str, Sequence[str]] | None  # a list, an edit of the parent's, or null to empty it
Own = tuple[str, str | None, Mapping[str, str]]  # what fills a persona's texts whoever it talks to
# What is asked for the lines of a persona's prompt in a template, each with where it came from, by the session's values.
Explain = Callable[["Persona", Template, Mapping[str, object]], tuple[Any, ...]]


@dataclass(frozen=True, slots=True, repr=False)
class Persona(Fields):
    """Who an agent is: a name, a role, and how it speaks. Presentation is the templates' affair.

    `Persona(name="Maya@2")` is version 2 of Maya, beside the one that is served. Fields that were not given are told
    apart from those given their default: a child that does not mention its tone takes its parent's. (What
    `dataclasses.replace` sets back to the default counts as not given.) Texts, lists of texts and mappings are
    copied and never change; nothing may hold NUL or a lone surrogate. `Persona("Dora", replaced_by="Maya")` is the line
    that a name or version leaves when it goes: it holds nothing else but a description, and is never rendered. Raises InvalidValueError for a field that is
    not what it may be, InheritanceError for an edit of a list that no parent has.
    """

    _: dataclasses.KW_ONLY
    # Fields, and not attributes beside them, so that `dataclasses.replace` and pickle carry them along.
    _given: Given | None = None
    _side: bool = False
    _bound: Bound | None = field(default=None, compare=False)
    # What a registry filled into its texts, where it did: its name, its company and its constants.
    _filled_for: Own | None = field(default=None, compare=False)
    # Of the registry that made it complete.
    _explain: Explain | None = field(default=None, compare=False)
    _shared: SharedValues | None = None  # what `with_session` gave
    # The same with its texts as they were written, where a registry filled constants into them: who wrote which part.
    _unfilled: Persona | None = field(default=None, init=False, compare=False)
    _plans: Plans | None = field(default=None, init=False, compare=False)
    # Of the plans.
    _ready: Mapping[str | None, Call] | FillsWithin | None = field(default=None, init=False, compare=False)

    if TYPE_CHECKING:  # what may be given; the fields say what is kept

        def __init__(
            self,
            name: str,
            role: str = ...,
            company: str | None = ...,
            tone: str = ...,
            capabilities: Texts = ...,
            constraints: Texts = ...,
            greeting: str | None = ...,
            custom_sections: Mapping[str, str | Texts] = ...,
            *,
            display_name: str | None = ...,
            parent: str | None = ...,
            version: str | int | None = ...,
            variables: Mapping[str, str | None] | Sequence[str] = ...,
            constants: Mapping[str, str | None] = ...,
            template: str | None = ...,
            tools: Texts | Literal["all"] = ...,
            abstract: bool = ...,
            description: str | None = ...,
            metadata: Mapping[str, Any] = ...,
            replaced_by: str | int | None = ...,
            _given: Given | None = ...,
            _side: bool = ...,
            _bound: Bound | None = ...,
            _filled_for: Own | None = ...,
            _explain: Explain | None = ...,
            _shared: SharedValues | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        name, version = self._split_name()
        before = self._given
        given = set()
        for name_of_field, default in DEFAULTS.items():
            value = getattr(self, name_of_field)
            untouched = value is NOT_GIVEN
            if not untouched and before is not None and name_of_field not in before:
                untouched = type(value) in _PLAIN and bool(value == default)
            if untouched:
                value = default
            else:
                value = checked(name_of_field, value, self.name)
                given.add(name_of_field)
            object.__setattr__(self, name_of_field, value)
        if version is not None:
            if self.version not in (None, version):
                raise InvalidValueError(
                    f"the name {self.name!r} and the version {self.version!r} disagree",
                    persona=self.name,
                    field=("version",),
                    hint="leave the version out: the name has it",
                )
            object.__setattr__(self, "version", version)
            given.add("version")
        object.__setattr__(self, "_side", self.version is not None and (self._side or version is not None))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_given", Given(given))
        self._check_filled()
        self._check_as_a_whole()

    def _split_name(self) -> tuple[str, str | None]:
        given = plain(self.name)
        if not is_text(given):
            raise InvalidValueError(f"name must be a text, not {kind_of(given)}", hint="quote it")
        object.__setattr__(self, "name", str.__str__(given))
        name, version = split_reference(self.name)
        return check_name(name), None if version is None else check_name(version, "version")

    def _check_filled(self) -> None:
        """Refuse what `dataclasses.replace` would make of it: texts that still speak of another name, say."""
        if self._filled_for not in (None, _own(self)):
            is_named = self._filled_for is None or self._filled_for[:2] == _own(self)[:2]
            filled, others = (
                ("constants", "others") if is_named else ("{name} and {company}", "another name or company")
            )
            raise InvalidValueError(
                f"its {filled} are filled in already, so {others} would not reach its texts",
                persona=self.key,
                hint="replace what was defined, and define that: dataclasses.replace(registry.definition(...), ...)",
            )

    def _check_as_a_whole(self) -> None:
        if is_gone(self):
            self._check_line()
        elif self.parent is None:
            for name in LISTS:
                edit = getattr(self, name)
                if isinstance(edit, ListEdit):
                    if edit.written() is None:
                        object.__setattr__(self, name, ())
                        continue
                    raise InheritanceError(
                        "must be a list of texts, not a mapping: without a parent there is no list to edit",
                        persona=self.key,
                        field=(name,),
                        hint="write the list itself, or name a parent",
                    )
            for name in ("custom_sections", "constants"):
                for entry, text in getattr(self, name).items():
                    if text is None:
                        raise InvalidValueError(
                            f"must be {SECTION if name == 'custom_sections' else TEXT}, not null",
                            persona=self.key,
                            field=(name, entry),
                            hint="write its text, or leave it out: without a parent there is nothing to remove",
                        )
                    if isinstance(text, ListEdit | Replacing):
                        raise InheritanceError(
                            "must be a text or a list of texts, not a mapping: without a parent there is no list to edit",
                            persona=self.key,
                            field=(name, entry),
                            hint="write the list itself, or name a parent",
                        )
            if self.constants and not self.abstract:
                for fault in constant_faults(self):
                    raise fault

    def _check_line(self) -> None:
        """Check that `replaced_by` stands alone, and that a version is replaced by a version of the same name."""
        for name in self.given():
            if name not in LINE_FIELDS and not (name == "version" and self._side):
                raise InvalidValueError(BESIDE_REPLACED_BY, persona=self.key, field=(name,), hint=LINE_HOLDS)
        if self._side and "@" in (self.replaced_by or ""):
            name, version = split_reference(self.replaced_by or "")
            whole = f"a name that goes takes its versions with it: {self.name}: {{replaced_by: {name}}}"
            hint = f"write replaced_by: {version}" if name == self.name else whole
            raise InvalidValueError(
                f"must be a version of {self.name!r}", persona=self.key, field=("replaced_by",), hint=hint
            )

    @property
    def key(self) -> str:
        """What a registry and a file call it: `Maya`, or `Maya@2` for a version beside the served one."""
        return join_reference(self.name, self.version) if self._side else self.name

    @property
    def ref(self) -> str:
        """The name with the version, if it has one: what pins a conversation."""
        return join_reference(self.name, self.version)

    @property
    def spoken_name(self) -> str:
        """What it calls itself: display_name, else its name."""
        return self.display_name or self.name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of all of it that can reach a prompt of its own template. Raises as `render` does."""
        self._check_complete()
        return self._prepared().fingerprint(self.own_template())

    def own_template(self, name: str | None = None, /) -> Template:
        """Return the template that renders it: the one named, else its own, else its file's default.

        Raises TemplateError.
        """
        return (self._bound or bundled()).template(self.template, name)

    @property
    def template_name(self) -> str:
        """The name of the template that renders it where a call names none: its own, else its file's default."""
        return (self._bound or bundled()).template_name(self.template)

    @property
    def naming(self) -> Templates:
        """The templates among which `template_name` is looked up."""
        bound = self._bound or bundled()
        return bound.templates if self.template is None or bound.naming is None else bound.naming

    def sample_session(self, template: str | None = None, /) -> dict[str, str]:
        """Return a session that a template can be tried with: every variable that a call must give, as `{its_name}`."""
        self._check_complete()
        sample = self._prepared().sample_session(self.own_template(template))
        return {name: text for name, text in sample.items() if name not in self.shared_names}

    def given(self) -> dict[str, object]:
        """Return the fields that were given, as they were given, in the order of the constructor."""
        return {name: getattr(self, name) for name in DEFAULTS if gives(self, name)}

    @classmethod
    def _read(cls, key: str, config: Mapping[str, Any]) -> Persona:
        """Return the persona of a file's entry. The schema has checked it, so its texts are not looked at again."""
        name, version = split_reference(key)
        values = dict(_UNREAD)
        for field_name, value in config.items():
            values[field_name] = as_read(field_name, value, key)
        if (
            version is not None
            or "replaced_by" in config
            or (values["parent"] is None and ListEdit in map(type, _lists(values)))
        ):
            return cls(key, **config)
        values["name"], values["_given"] = name, _names_given(tuple(config))
        return _made(values.values())

    def _settled(
        self,
        values: Mapping[str, Any],
        bound: Bound | None = None,
        filled_for: Own | None = None,
        explain: Explain | None = None,
    ) -> Persona:
        """Return this persona with these values and without its parent, which gave them. They are not checked again.

        `filled_for` is what its parent's texts speak of already; raises InvalidValueError where it has others.
        """
        filled_for = self._filled_for or filled_for
        given = Given((self._given or frozenset()).union(values) - {"parent"})
        filled = bound is not None and any(getattr(self, name) != value for name, value in values.items())
        changes = {**values, "parent": None, "_given": given, "_bound": bound, "_explain": explain, "_plans": None}
        changes |= {"_filled_for": filled_for, "_unfilled": self if filled and self.constants else None, "_ready": None}
        settled = _made([changes.get(name, value) for name, value in zip(_SLOTS, _values(self), strict=True)])
        if filled:
            object.__setattr__(settled, "_filled_for", _own(settled))
        if filled_for is not None:
            settled._check_filled()
        return settled

    def build_system_prompt(self, template: str | None = None, /, **session: object) -> str:
        """Return the system prompt as text; what may be raised is what `render` raises."""
        ready = self._ready
        if ready is None:
            if not session and (text := self._built_once(template)) is not None:
                return text
        else:
            try:
                fill = ready[template].fill
            except (KeyError, TypeError) as error:  # not ready; or, a list, say, is no template's name
                let_through(error)
            else:
                text = fill(session)
                if text is not None:
                    return text
        plans = self._plans
        if plans is None or not plans.ready:
            plans = self._rendering()
        given = session if self._shared is None else self._shared.with_session(session)
        return plans.text(None if template is None else _name_called(template), given)

    def _built_once(self, template: str | None) -> str | None:
        """Return the first prompt of a persona that no registry holds, which may well be its last: it is made of what was
        prepared for others like it. None where it is made as all others are."""
        if self._bound is not None or not is_bare(self):
            return None
        object.__setattr__(self, "_ready", {})  # the next one is worth preparing
        name = self.template if template is None else _name_called(template)
        return bundled().alike.text(self, name, partial(self.own_template, name))

    def render(self, template: str | None = None, /, **session: object) -> Prompt:
        """Render the persona for a session with the template named, else its own, else its file's default.

        Raises MissingVariableError when the session lacks what the persona requires, InvalidValueError for a value
        that a session cannot hold, TemplateError for what is wrong with the template, InheritanceError where a
        parent was not applied yet, and PersonaError for an abstract persona.
        """
        plans = self._plans
        if plans is None or not plans.ready:
            plans = self._rendering()
        given = session if self._shared is None else self._shared.with_session(session)
        return plans.render(None if template is None else _name_called(template), given)

    def with_session(self, /, **values: object) -> Persona:
        """Return this persona with these session values given, for conversations that share them: those of a tenant, say.

        A call gives the others; its prompts have a part of their own that goes on over these (`Prompt.shared`). Values
        are taken as they are now, and add to those given so before. They count in equality, hash and pickle, and are in
        no repr, `to_dict`, fingerprint or stamp; a registry defines no such persona. Raises InvalidValueError for a value
        that a session cannot hold, and for another value of a name that was given so; otherwise as `render`.
        """
        self._check_complete()
        shared = SharedValues.of(values)
        if not shared.names:
            return self
        self._prepared().check_moves_none(shared.names)
        if self._shared is not None:
            shared = self._shared.and_more(shared)
        plans = self._planned().within(shared.names)
        changes = {"_shared": shared, "_plans": plans, "_ready": FillsWithin(plans.ready, shared)}
        return _made([changes.get(name, value) for name, value in zip(_SLOTS, _values(self), strict=True)])

    @property
    def shared_names(self) -> frozenset[str]:
        """The session variables that `with_session` gave."""
        return frozenset() if self._shared is None else self._shared.names

    def _rendering(self) -> Plans:
        self._check_complete()  # once: what was rendered is complete
        return self._planned()

    def build_greeting(self, **session: object) -> str | None:
        """Return the greeting with its placeholders filled, or None where there is none; raises what `render` does."""
        self._check_complete()
        given = session if self._shared is None else self._shared.with_session(session)
        return self._prepared().greet(given, self.own_template)

    def select_tools(
        self,
        catalog: Sequence[Definition] | Mapping[str, Definition],
        *,
        unnamed: Literal["keep", "drop"] | None = None,
    ) -> list[Definition]:
        """Return the definitions of the tools that this persona may use, in its order, unchanged.

        `catalog` holds tool definitions of Anthropic, OpenAI (of a namespace: those that it may use alone) or Bedrock.
        `unnamed` is "keep" or "drop" for what has no name there, as tools that a provider runs. Raises InvalidValueError
        for a tool that is not in it, and for such an entry unless `unnamed` is given.
        """
        from ..tools import select_tools

        self._check_complete()
        return select_tools(self.tools, catalog, unnamed=unnamed)

    def _check_complete(self) -> None:
        self._check_settled()
        if self.abstract:
            raise PersonaError(
                "is abstract: a base for others, never rendered", persona=self.key, hint="render one of its children"
            )

    def _check_settled(self) -> None:
        if is_gone(self):
            hint = f"ask a registry for it: registry.get({self.key!r})" if self.replaced_by else None
            raise PersonaError(said_of(successor_of(self)), persona=self.key, hint=hint)
        if self.parent is not None:
            raise InheritanceError(
                f"its parent {self.parent!r} is not applied yet",
                persona=self.key,
                hint=f"define it in a registry and take it from there: registry.get({self.key!r})",
            )

    def _planned(self) -> Plans:
        if self._plans is None:
            bound = self._bound or bundled()
            # Two threads may both make it; they make the same.
            texts = PersonaTexts(self, bound.tools, self._unfilled)
            explain = None if self._explain is None else partial(self._explain, self)
            plans = Plans(texts, bound.budget, self.own_template, explain, precompile=bound.precompile)
            ready: Mapping[str | None, Call] | FillsWithin = plans.ready
            if self._shared is not None:
                plans = plans.within(self._shared.names)
                ready = FillsWithin(plans.ready, self._shared)
            object.__setattr__(self, "_plans", plans)
            object.__setattr__(self, "_ready", ready)
        assert self._plans is not None
        return self._plans

    def _prepared(self) -> PersonaTexts:
        return self._planned().texts

    def __repr__(self) -> str:
        shown = [f"name={self.key!r}"]
        for name, value in self.given().items():
            if name != "version" or not self._side:
                shown.append(f"{name}={_short(value)}")
        return f"Persona({', '.join(shown)})"

    def _repr_html_(self) -> str:
        """Return what notebooks show: its fields as a table, in which every text is text."""
        from ..prompts.notebooks import table_html

        return table_html(self.key, self._notebook_fields())

    def _repr_markdown_(self) -> str:
        """Return what notebooks without HTML show: its fields as they would stand in a file."""
        from ..files.writing import dump_yaml
        from ..prompts.notebooks import block

        return block(dump_yaml({self.key: self._notebook_fields()}).rstrip("\n"), "yaml")

    def _notebook_fields(self) -> dict[str, Any]:
        return {name: value for name, value in self.to_dict().items() if name != "name"}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that were given, as plain data: `Persona(**data)` is equal to this one.

        `PersonaRegistry.from_dict({persona.key: data})` takes it too.
        """
        fields: dict[str, Any] = {"name": self.key}
        for name, value in self.given().items():
            if name != "version" or not self._side:  # the key has it
                fields[name] = value.written() if isinstance(value, ListEdit) else thaw(value)
        return fields

    def __reduce__(self) -> tuple[object, ...]:
        # As text, so that equal personas are equal bytes, whatever was rendered and whichever process asks.
        bound = None if self._bound is None else pack_alone(self._bound, self.template, self.tools)
        data = {"persona": self.to_dict(), "bound": bound, "filled": self._filled_for is not None}
        return _unpickled, (packed(data if self._shared is None else {**data, "shared": self._shared.data}),)

    def __copy__(self) -> Persona:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Persona:
        return self


def gives(persona: Persona, name: str) -> bool:
    """Whether a field was given, and not left to its default or its parent."""
    return name in (persona._given or ())


def texts_of(persona: Persona) -> PersonaTexts:
    """Return its texts as they are made ready for templates, once for all that ask."""
    return persona._prepared()


def is_bare(persona: Persona) -> bool:
    """Whether nothing but its own texts, none of which a session fills, decides its prompts: whoever is alike has the same
    template, and other texts."""
    return (
        persona.parent is None
        and persona.variables is None
        and bool(persona.role)
        and not (persona.constants or persona.abstract or persona.tools)
        and persona._shared is None
        and not is_gone(persona)
    )


def plans_of(persona: Persona) -> Plans:
    """Return its prompts, once for all that ask."""
    return persona._planned()


def bound_to(persona: Persona, bound: Bound) -> Persona:
    """Return a persona that no registry holds with what a file would lend it."""
    values = zip(_SLOTS, _values(persona), strict=True)
    return _made([bound if name == "_bound" else value for name, value in values])


def binding_of(persona: Persona) -> Bound | None:
    """Return what its file lends it; None where it comes from no registry."""
    return persona._bound


def read_entry(key: str, config: Mapping[str, Any]) -> Persona:
    """Return the persona of a file's entry, which the schema has checked: its texts are not looked at again."""
    return Persona._read(key, config)


def settled_with(persona: Persona, values: Mapping[str, Any]) -> Persona:
    """Return a persona whose parent is applied, with these values in the place of its own."""
    return persona._settled(values)


def check_settled(persona: Persona) -> None:
    """Raise InheritanceError where a parent was not applied, and PersonaError for what is gone."""
    persona._check_settled()


def is_side(persona: Persona) -> bool:
    """Whether this is a version beside the served one."""
    return persona._side


def is_gone(persona: Persona) -> bool:
    """Whether this is no persona, but the line that one leaves: what replaces it, or null."""
    return gives(persona, "replaced_by")


def successor_of(persona: Persona) -> str | None:
    """Return the reference of what replaces it; None where it was retired."""
    if persona.replaced_by is None or not persona._side:
        return persona.replaced_by
    return join_reference(persona.name, persona.replaced_by)


_PLAIN = frozenset((str, bool, type(None), tuple, list, dict, FrozenDict, ListEdit))  # what a default may equal
_SLOTS = tuple(each.name for each in dataclasses.fields(Persona))
_lists = itemgetter(*LISTS)
_UNREAD: dict[str, Any] = {**dict.fromkeys(_SLOTS), **DEFAULTS, "_side": False}  # in the order of _SLOTS
_values = attrgetter(*_SLOTS)
_SET = [getattr(Persona, name).__set__ for name in _SLOTS]


@wraps(Persona.__init__)
def _begin(self: Persona, *arguments: Any, **fields: Any) -> None:
    """Check all fields at once where they are usual, else one by one."""
    kept = None if arguments else usual(fields)
    if kept is None:
        _begin_checked(self, *arguments, **fields)
        return
    given = _names_given(tuple([name for name in kept if name != "name"]))
    for set_value, value in zip(_SET, (_UNREAD | kept | {"_given": given}).values(), strict=True):
        set_value(self, value)


_begin_checked = Persona.__init__
Persona.__init__ = _begin  # type: ignore[method-assign]  # the dataclass's own sets and checks each field by itself


def _own(persona: Persona) -> Own:
    return persona.spoken_name, persona.company, persona.constants


def constant_faults(persona: Persona) -> Iterator[InvalidValueError]:
    """Yield what is wrong with the constants of a complete persona: a session would have to give one, or move one."""
    constants, company = persona.constants, persona.company or ""
    placeholders = Placeholders(persona.variables, constants)
    in_company = placeholders.names(company)
    in_name = placeholders.names(persona.display_name or "")
    waits = [name for name in in_company if name != "name" and name not in constants]
    for name, text in constants.items():
        fault, path, hint = None, ("constants", name), ""
        if name in (persona.variables or {}):
            fault = f"{name!r} is a variable of this persona too"
            hint = "a session gives a variable, and none gives a constant: rename or remove one of them"
        elif waits and "company" in Placeholders.of_constants(company).names(text):
            fault = f"speaks of '{{company}}', which waits for the session's {', '.join(map(repr, waits))}"
            hint = "write it out: no session moves a constant"
        if fault is not None:
            yield InvalidValueError(fault, persona=persona.key, field=path, hint=hint)
        for where, there in (("company", in_company), ("display_name", in_name)):
            if name in there:
                fault = f"'{{{shorten(name)}}}' is a constant, and none is filled into the {where}"
                yield InvalidValueError(fault, persona=persona.key, field=(where,), hint="write it out")


def _name_called(template: object) -> str | None:
    """Return the name of the template that a call names, None where it names none, be it by a lazy value."""
    template = plain(template)
    return None if template is None else template_name(template)


@lru_cache(maxsize=256)
def _names_given(names: tuple[str, ...]) -> Given:
    """Return the names as a set: one for all personas that give the same fields."""
    return Given(names)


def _made(values: Iterable[Any]) -> Persona:
    """Return a persona of these values, in the order of _SLOTS, all of which were checked before."""
    persona = object.__new__(Persona)
    for set_value, value in zip(_SET, values, strict=True):
        set_value(persona, value)
    return persona


def _unpickled(content: bytes) -> Persona:
    data = unpacked(content)
    persona = Persona._read(data["persona"].pop("name"), data["persona"])
    if data["bound"] is not None:
        object.__setattr__(persona, "_bound", unpack_bound(data["bound"], Budget()))
    if data["filled"]:
        object.__setattr__(persona, "_filled_for", _own(persona))
    if "shared" in data:
        object.__setattr__(persona, "_shared", SharedValues(as_data(data["shared"])))
    return persona


def _short(value: object) -> str:
    if isinstance(value, str):
        return repr(shorten(value))
    if type(value) is tuple:
        shown = ", ".join(repr(shorten(item)) if isinstance(item, str) else repr(item) for item in value[:3])
        return f"({shown}, … {len(value)} in all)" if len(value) > 3 else f"({shown}{',' if len(value) == 1 else ''})"
    if isinstance(value, FrozenDict):
        return f"{{{', '.join(f'{name!r}: {_short(item)}' for name, item in value.items())}}}"
    return repr(value)
