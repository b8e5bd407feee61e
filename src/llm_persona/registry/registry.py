"""The registry: every persona under one name, and every code path asks here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from ..arguments import target_of, truth_of, unit_of
from ..errors import (
    DuplicatePersonaError,
    InvalidValueError,
    PersonaError,
    PersonaFileError,
    Problem,
    UnknownPersonaError,
    UnknownVersionError,
)
from ..files.reading import STANDARD_INPUT, read
from ..fingerprints import text_fingerprint
from ..kinds import is_text, plain
from ..limits import Limits
from ..locks import ForkedLock
from ..names import did_you_mean, join_reference, kind_of, nearest, shorten, split_reference
from ..persona.binding import Bound
from ..persona.bindings import Bounds
from ..persona.file_keys import Arguments, Folders
from ..persona.inheritance import Definitions, became, find, standing, versions
from ..persona.loading import Loaded, load_documents
from ..persona.persona import Persona, is_gone, is_side, successor_of, texts_of
from ..persona.resolution import State, affected, complete, same_content
from ..persona.tool_catalogue import Catalog
from ..prompts.budget import Budget
from ..prompts.prompt import check_stamp
from ..templating.templates import Template, Templates
from ..wording import said_of
from .file_data import as_data, as_files
from .pickles import pack_state, unpack_state

if TYPE_CHECKING:  # what a service that loads and renders never needs is imported where it is used
    from ..checks.stable_shares import StableShare
    from ..persona.prompt_lines import Line
    from ..persona.provenance import Explanation
    from ..persona.rollouts import Rollout
    from .comparison import Contents, RegistryChange


class PersonaRegistry:
    """Personas by name, with the templates of one product.

    `templates` is a folder, or several in order, looked in before the bundled templates; `default_template` renders
    personas that name none. With `tools`, a catalogue of tool definitions of any provider or the path of a JSON file
    that has one, every tool that a persona names must be in it. All three may stand in a file (`$templates`,
    `$default_template`, `$tools`) and then hold for what that file writes. Without `precompile` a template is run for every prompt, but for what never looks at the session:
    the prompts are the same. Safe for threads: a reader sees all of a change or nothing of it. Templates are read and
    compiled once; assign a new registry to take up edited files: one that fails to load leaves the old in use.

    `limits` says what a template may cost, and how large files may be.

    Raises TemplateError for a template folder or a default template that is missing, InvalidValueError or
    PersonaFileError for tools that are no catalogue.
    """

    def __init__(
        self,
        templates: Folders | None = None,
        default_template: str | None = None,
        *,
        tools: Catalog | None = None,
        limits: Limits | None = None,
        precompile: bool = True,
    ) -> None:
        self._lock = ForkedLock()
        bound = Arguments.of(templates, default_template, tools, limits, precompile).bound(Budget())
        if default_template is not None:
            bound.templates.find(bound.templates.default)
        self._state = State.empty(Bounds(bound)).explained_by(self.explain_prompt)

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (type(self), pack_state(self._state))

    def __copy__(self) -> PersonaRegistry:
        """Return a registry of its own with what this one holds; definitions and templates are immutable, and shared."""
        return self._holding(self._state)

    def __deepcopy__(self, memo: dict[int, Any]) -> PersonaRegistry:
        return self.__copy__()

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *more: str | os.PathLike[str],
        templates: Folders | None = None,
        default_template: str | None = None,
        tools: Catalog | None = None,
        limits: Limits | None = None,
        folder: str = "",
        precompile: bool = True,
    ) -> PersonaRegistry:
        """Read one registry from YAML or JSON files, by their endings; `-` is standard input, taken to lie in `folder`.

        What `templates`, `default_template` and `tools` say holds for files that say nothing of it; where a file says
        otherwise, that is an error. Raises PersonaFileError with all that is wrong with the files, and nothing is left
        half loaded.
        """
        arguments = Arguments.of(templates, default_template, tools, limits, precompile)
        documents = (read(each, limits=limits) for each in (path, *more))
        placed = [each.lying_in(folder) if each.path == STANDARD_INPUT else each for each in documents]
        return cls._from(load_documents(placed, arguments))

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        templates: Folders | None = None,
        default_template: str | None = None,
        tools: Catalog | None = None,
        limits: Limits | None = None,
        precompile: bool = True,
    ) -> PersonaRegistry:
        """Make a registry of data as a file has it: the same rules, the same PersonaFileError, without lines."""
        from ..files.plain_data import plain_document

        arguments = Arguments.of(templates, default_template, tools, limits, precompile)
        document = plain_document(data, limits)
        return cls._from(load_documents([document], arguments))

    @classmethod
    def _from(cls, loaded: Loaded) -> PersonaRegistry:
        return cls._holding(loaded.finished())

    @classmethod
    def _holding(cls, state: State) -> Self:
        registry = cls.__new__(cls)
        registry._lock = ForkedLock()
        registry._state = state.explained_by(registry.explain_prompt)
        return registry

    @property
    def templates(self) -> Templates:
        """The templates of its files, where they agree; else those that were passed for what no file writes."""
        return self._state.bounds.usual.templates

    @property
    def bound(self) -> Bound:
        """What it lends personas that no file writes: its templates and its tools."""
        return self._state.bounds.usual

    @property
    def require_unit(self) -> tuple[str, ...]:
        """The names for which `get` has to be given a unit or a version."""
        return tuple(self._state.require_unit)

    @property
    def rollouts(self) -> Mapping[str, Rollout]:
        """The rollouts by persona name."""
        return dict(self._state.rollouts)

    def define(self, *personas: Persona, replace: bool = False) -> None:
        """Add personas, parents and children in any order: all of them, or none.

        Defining the same content again does nothing. Raises DuplicatePersonaError for other content under a known name,
        unless `replace` is true; InheritanceError, InvalidValueError or TemplateError for what does not fit, also in
        the children of what is replaced.
        """
        replace = truth_of(replace, "replace")
        with self._lock:
            state = self._state
            changed = _changes(state.definitions, personas, replace)
            if changed:
                self._state = _changed(state, changed)

    def get(self, name: str, *, version: str | int | None = None, unit: str | None = None) -> Persona:
        """Return a complete persona: its parents applied, its own name and company filled in.

        `Maya@2`, or `version`, names one version. `unit`, such as a user's id, chooses by the persona's rollout, always
        the same version on every machine; without a rollout, or where a version is named, it does nothing. For what is
        gone and replaced it returns what stands in its place, whose `ref` says so. Raises UnknownPersonaError or
        UnknownVersionError (both KeyErrors) with what may have been meant, or for one that was retired, and
        InvalidValueError for a unit that is empty, or where a file's `$require_unit` names the persona and neither unit
        nor version is given.
        """
        state = self._state
        if unit is not None and version is None and type(unit) is type(name) is str:
            rollout = state.rollouts.get(name)
            if rollout is not None:
                name, unit = f"{name}@{rollout.choose(unit)}", None
        if version is not None or unit is not None or type(name) is not str:
            return self._look_up(state, name, version, unit)
        asked = state.complete.asked
        found = asked.get(name)
        if found is None:
            found = asked[name] = self._look_up(state, name)
        return found

    def complete(self, name: str) -> Persona:
        """Return the persona that `get` returns for a name, to look at it: nobody is served, so it needs no unit.

        Raises as `get` does.
        """
        return self._look_up(self._state, name, serving=False)

    def _look_up(
        self, state: State, name: object, version: object = None, unit: object = None, *, serving: bool = True
    ) -> Persona:
        name = _name(name)
        base, pinned = split_reference(name)
        unit = plain(unit)
        if unit is not None:
            unit = unit_of(unit)
        version = plain(version)
        if version is not None:
            if not is_text(version) and not (type(version) is int and 0 <= version < 10**18):
                raise InvalidValueError(f"a version is a text, not {kind_of(version)}")
            version = str(version)
            if pinned is not None and pinned != version:
                raise InvalidValueError(
                    f"{shorten(name)!r} and the version {shorten(version)!r} disagree", persona=base
                )
            pinned = version
        found = standing(state.definitions, join_reference(base, pinned))
        if found is not None and is_gone(found):
            successor = _successor(state.definitions, found, pinned)
            if pinned is not None:  # a version was named: no rollout and no unit have a say
                return self._look_up(state, successor, serving=False)
            return self._look_up(state, successor, None, unit, serving=serving)
        if serving and pinned is None and unit is None and base in state.require_unit:
            raise InvalidValueError(
                "a unit or a version is required: $require_unit says so, so that no path forgets its rollout",
                persona=base,
                hint="pass unit=, such as the conversation's id, or the ref that it was pinned to",
            )
        if pinned is None and unit is not None and base in state.rollouts:
            pinned = state.rollouts[base].choose(unit)
            found = standing(state.definitions, join_reference(base, pinned))
        if found is None and base not in state.definitions:
            raise UnknownPersonaError(f"no persona {shorten(base)!r}", hint=self._meant(state, base))
        if found is None:
            there = versions(state.definitions, base)
            known = f"there are {', '.join(there)}" if there else "it has none"
            hint = f"did you mean {nearest(pinned or '', there)!r}?" if nearest(pinned or "", there) else known
            raise UnknownVersionError(f"has no version {shorten(pinned or '')!r}", persona=base, hint=hint)
        return state.complete[found.key]

    def _meant(self, state: State, name: str) -> str:
        names = [key for key, persona in state.definitions.items() if not is_side(persona) and not is_gone(persona)]
        if not names:
            return "no persona is defined"
        shown = ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
        return did_you_mean(name, names) or f"there are {shown}"

    def __contains__(self, name: object) -> bool:
        """Tell whether `get` finds it: also what is replaced, and not what was retired."""
        name = plain(name)
        return is_text(name) and find(self._state.definitions, name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_names())

    def __len__(self) -> int:
        return len(self.list_names())

    def list_names(self) -> list[str]:
        """Return the names that are served, in order of definition: neither abstract ones, nor side versions, nor what is
        replaced."""
        personas = self._state.definitions.items()
        return [key for key, each in personas if not is_side(each) and not each.abstract and not is_gone(each)]

    def references(self, *, abstract: bool = False) -> list[str]:
        """Return every key in order of definition, side versions included, and abstract ones if asked for."""
        personas = self._state.definitions.items()
        return [key for key, each in personas if (abstract or not each.abstract) and not is_gone(each)]

    @property
    def replaced(self) -> Mapping[str, str | None]:
        """What is gone and left a line, each with what stands there in its place: `Maya@2` for `Maya@1`; None where it
        was retired."""
        return {key: successor_of(line) for key, line in self._state.definitions.items() if is_gone(line)}

    def versions(self, name: str) -> list[str]:
        """Return the versions of a persona, the served one's first; none where it has no version.

        Raises UnknownPersonaError, also for a name that is replaced.
        """
        state = self._state
        name = _name(name)
        if name not in state.definitions:
            raise UnknownPersonaError(f"no persona {shorten(name)!r}", hint=self._meant(state, name))
        if is_gone(state.definitions[name]):
            raise UnknownPersonaError(became(state.definitions, state.definitions[name]), persona=name)
        return versions(state.definitions, name)

    def definition(self, name: str) -> Persona:
        """Return a persona as it was defined, its parent not applied. Raises as `get` does."""
        state = self._state
        return state.definitions[self._look_up(state, name, serving=False).key]

    def explain(self, name: str) -> Explanation:
        """Return, for every field and list item of a persona, the ancestor that gave it, with file and line.

        Raises as `get` does.
        """
        from ..persona.provenance import explanation

        state = self._state
        return explanation(state.lineages[self._look_up(state, name, serving=False).key], state.places)

    def explain_prompt(self, persona: Persona, template: Template, session: Mapping[str, object]) -> tuple[Line, ...]:
        """Return the lines of a prompt, each with where it came from: what `prompt.explain()` calls."""
        from ..persona.prompt_lines import explain

        known = self._state.complete.made.get(persona.key) is persona
        return explain(persona, template, session, self.explain(persona.key) if known else None)

    def verify(self, stamp: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what changed since a stamp was made, () for nothing: the persona's fields that can reach the prompt, as
        "persona.tone", "template" and "stable"; ("format",) for a stamp of an older or unknown format.

        Where the call named no template, "template" is also that the persona has another one now, its own or the default
        one. "persona.key" counts where the template reads it; "persona" alone says that the stamp's own parts disagree.
        "stable" is the prompt's prefix, compared where it can be made without the session's values. Raises
        InvalidValueError for what is no stamp, and as `get` and templates do for what is not there any more.
        """
        known = check_stamp(stamp)
        return ("format",) if known is None else tuple(self._changes_since(known))

    def _changes_since(self, stamp: Mapping[str, Any]) -> list[str]:
        persona = self.complete(stamp["ref"])
        named = stamp["template"] if stamp["template_named"] else None
        template = persona.own_template(named)
        texts = texts_of(persona)
        same_template = (template.name, template.fingerprint) == (stamp["template"], stamp["template_fingerprint"])
        odd = same_template and texts.fingerprint(template) != stamp["persona_fingerprint"]
        then, now = stamp["persona_fields"], texts.field_fingerprints(template)
        compared = [name for name in now if name != "key" or "key" in then]  # else the template did not read it
        changed = [f"persona.{name}" for name in compared if now[name] != then.get(name)] or ["persona"] * odd
        if not same_template:
            changed.append("template")
        if changed:
            try:
                again = persona.render(named, **_stand_ins(persona, named, stamp)).stamp()
            except PersonaError:
                again = {}
            if again.get("stable_fingerprint") != stamp["stable_fingerprint"]:
                changed.append("stable")
        return changed

    def check(
        self,
        session: Mapping[str, Any] | Iterable[str] | None = None,
        optional: Iterable[str] = (),
        *,
        accept: Iterable[str] = (),
    ) -> None:
        """Check that every persona can be rendered with what the handler passes, and that no constraint is dropped.

        `session` has the names that it passes, or sample values by name, which are then tried out; `optional` the names
        that it passes only sometimes. Without both nothing is said of names. Raises PersonaFileError with all errors at
        once, but for those that its files' `$accept` or `accept` names; `problems` has the warnings too.
        """
        problems = self.problems(session, optional, accept=accept)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise PersonaFileError(errors)

    def problems(
        self,
        session: Mapping[str, Any] | Iterable[str] | None = None,
        optional: Iterable[str] = (),
        *,
        accept: Iterable[str] = (),
    ) -> list[Problem]:
        """Return what is wrong or suspicious between personas, their templates and the session, in file order.

        Each has a `code`, which says what kind of finding it is. `accept` holds codes of what is accepted, for one persona
        (`template-never-says-name:Summarizer`) or for all; what matches nothing is a warning. Raises InvalidValueError
        for a session that is neither names nor a mapping, and for a code that cannot be accepted.
        """
        from ..checks.coverage import check, looked_for
        from ..persona.acceptances import Acceptances

        accepted = Acceptances.parse(accept)
        found = check(self._state, session, optional, accepted)
        return [*found, *accepted.unmatched(looked_for(session, optional))]

    def stable_shares(
        self, session: Mapping[str, Any] | Iterable[str] | None = None, optional: Iterable[str] = ()
    ) -> list[StableShare]:
        """Return how much of each prompt is the same for every session, and what ends that part.

        Of the sessions that may come it is told of the one of which least is. A persona whose prompt cannot be made is
        left out. Raises as `problems` does.
        """
        from ..checks.coverage import stable_shares

        return stable_shares(self._state, session, optional)

    def diff(self, other: PersonaRegistry, *, session: Mapping[str, Any] | None = None) -> RegistryChange:
        """Return what `other` changes about this registry, as data.

        Prompts are rendered with the session given; variables that it lacks are printed as they are written.
        """
        from .comparison import compare_registries

        if not issubclass(type(other), PersonaRegistry):
            raise InvalidValueError(f"diff takes a registry, not {kind_of(other)}")
        return compare_registries(contents_of(self), contents_of(other), session)

    def to_dict(self) -> dict[str, Any]:
        """Return the registry as data that `from_dict` reads back equal: every field, version, edit and rollout.

        A catalogue of tools that was passed as data is not in it. Raises InvalidValueError where files differ in what
        decides their prompts.
        """
        return as_data(self._state)

    def to_yaml(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the registry as YAML that reads back equal, and write it to `path`, if given, in one step.

        Template folders and the catalogue are written relative to the path's folder. Where files differ in what decides
        their prompts, `path` is a folder, and gets one file for each; without one that is an InvalidValueError. Raises
        as `to_dict` does, InvalidValueError for a path that ends as JSON does, and OSError.
        """
        from ..files.writing import dump_yaml

        return self._write(path, ".yaml", dump_yaml)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the registry as JSON; as `to_yaml` otherwise."""
        from ..files.writing import dump_json

        return self._write(path, ".json", dump_json)

    def _write(
        self, path: str | os.PathLike[str] | None, ending: str, dump: Callable[[Mapping[str, object]], str]
    ) -> str:
        if path is None:
            return dump(self.to_dict())
        from ..files.output import write_file, write_files

        path = target_of(path, "the path of the file")
        texts = {file: dump(data) for file, data in as_files(self._state, path, ending).items()}
        if (alone := texts.get(path)) is not None:
            write_file(path, alone)
        else:
            write_files(path, texts)
        return "\n".join(texts.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PersonaRegistry):
            return NotImplemented
        mine, theirs = self._state, other._state
        return (dict(mine.definitions), dict(mine.rollouts), {*mine.require_unit}) == (
            dict(theirs.definitions),
            dict(theirs.rollouts),
            {*theirs.require_unit},
        ) and all(mine.bounds.of(key) == theirs.bounds.of(key) for key in (None, *mine.definitions))

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        names = self.list_names()
        shown = ", ".join(names[:5]) + (f", … {len(names)} in all" if len(names) > 5 else "")
        return f"<PersonaRegistry: {shown or 'empty'}>"


def _unpickled(cls: type[PersonaRegistry], content: bytes) -> PersonaRegistry:
    return cls._holding(unpack_state(content))


def _name(name: object) -> str:
    name = plain(name)
    if not is_text(name):
        raise InvalidValueError(f"a persona's name is a text, not {kind_of(name)}")
    return str.__str__(name)


def _changes(definitions: Definitions, personas: Iterable[Persona], replace: bool) -> dict[str, Persona]:
    """Return by key what is new or has other content. Raises DuplicatePersonaError where that may not be."""
    changed: dict[str, Persona] = {}
    for persona in personas:
        if not issubclass(type(persona), Persona):
            raise InvalidValueError(f"define takes personas, not {kind_of(persona)}", hint="pass Persona(name=...)")
        key = persona.key
        if persona.shared_names:
            raise InvalidValueError(
                "with_session gave it values of a session, and a definition has none",
                persona=key,
                hint="define it without them, and call with_session on what registry.get returns",
            )
        old = changed.get(key) or definitions.get(key)
        if old is None or (replace and key not in changed and not same_content(old, persona)):
            changed[key] = persona
        elif not same_content(old, persona):
            raise DuplicatePersonaError(
                f"{key!r} is defined already, with other content",
                persona=key,
                hint=f"pass replace=True, or name it {persona.name}@VERSION to stand beside it",
            )
    return changed


def _changed(state: State, changed: Mapping[str, Persona]) -> State:
    """Return the state with these definitions. What they do not bear on stays the same objects, prepared as they are."""
    definitions = {**state.definitions, **changed}
    # A line that is new may change what a reference to its name means.
    bears = {key for key, persona in changed.items() if key in state.definitions or is_gone(persona)}
    keys = dict.fromkeys([*changed, *affected(definitions, bears)])
    new, errors = complete(definitions, keys, state)
    if errors:
        raise errors[0]
    rollouts = dict(state.rollouts)
    for name in rollouts.keys() & {persona.name for persona in changed.values()}:
        rollouts[name] = _follow(rollouts[name], definitions)
    places = dict(state.places)
    for key in changed:
        places.pop(key, None)
        if key in state.require_unit and changed[key].abstract:
            raise InvalidValueError("is abstract, and $require_unit names it: it would serve nobody", persona=key)
    return replace(new, rollouts=rollouts, places=places)


def _stand_ins(persona: Persona, named: str | None, stamp: Mapping[str, Any]) -> dict[str, object]:
    """Return a session of the names that a stamp has and the persona asks for: the stable part depends on no value."""
    session: dict[str, object] = {**persona.sample_session(named), **dict.fromkeys(stamp["session"], "x")}
    return {**session, "extra_sections": {"x": "x"}} if "extra_sections" in session else session


def state_of(registry: PersonaRegistry) -> State:
    """Return what a registry holds now, as one value."""
    return registry._state


def contents_of(registry: PersonaRegistry) -> Contents:
    """Return what of a registry is compared."""
    from .comparison import Contents  # few registries are

    return Contents(
        references=tuple(registry.references()),
        has=registry.__contains__,
        complete=registry.complete,
        rollouts=registry.rollouts,
        replaced=registry.replaced,
        require_unit=registry.require_unit,
    )


def registry_of(loaded: Loaded, kind: type[PersonaRegistry] = PersonaRegistry) -> PersonaRegistry:
    """Return the registry of documents that were loaded. Raises PersonaFileError where a problem is an error."""
    return kind._from(loaded)


def fingerprint_of(registry: PersonaRegistry) -> str:
    """Return the fingerprint of all that decides what a registry says: the same for equal ones, wherever they are read."""
    return text_fingerprint(pack_state(registry._state).decode())


def _successor(definitions: Definitions, line: Persona, pinned: str | None) -> str:
    """Return the reference of what replaces it at once. Raises UnknownPersonaError, or UnknownVersionError where a
    version was asked for, if the chain ends in one that was retired."""
    successor = successor_of(line)
    if successor is not None and find(definitions, successor) is not None:
        return successor
    unknown = UnknownPersonaError if pinned is None else UnknownVersionError
    raise unknown(became(definitions, line), persona=line.key, hint="nothing stands in its place: ask for another")


def _follow(rollout: Rollout, definitions: Definitions) -> Rollout:
    """Return a rollout for what is served now. Raises InvalidValueError where it would serve what is not there."""
    served = definitions[rollout.name]
    lines = [definitions.get(f"{rollout.name}@{version}") for version in rollout.percents]
    for gone in (served, *lines):
        if gone is not None and is_gone(gone):
            message = f"{said_of(successor_of(gone))}, and the rollout of {rollout.name!r} names it"
            raise InvalidValueError(message, persona=gone.key, hint="take it out of $rollouts")
    if served.abstract:
        raise InvalidValueError("is abstract, and has a rollout: it would serve nobody", persona=served.key)
    if served.version is None or served.version == rollout.served:
        return rollout
    from ..persona.rollouts import Rollout

    return Rollout(rollout.name, rollout.percents, served=served.version, salt=rollout.salt)
