"""Templates by name: the product's folders first, then the bundled ones, read once and compiled once."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from jinja2 import BaseLoader, Environment, TemplateSyntaxError, UndefinedError
from jinja2 import Template as JinjaTemplate

from ..errors import InvalidValueError, PersonaError, TemplateError, let_through
from ..fields import TEMPLATE_FIELDS
from ..fingerprints import fingerprint
from ..kinds import plain
from ..limits import DEFAULTS, Limits
from ..locks import ForkedLock
from ..names import did_you_mean, kind_of, shorten
from .assembly import Assembled, Known, assemble
from .cost import Compiling, Cost, running, too_large
from .events import Watch
from .folders import ENDING, Source, Sources, is_folder, name_problem, read_folder, within_tokens
from .generation import NOTHING_KNOWN, parent_of
from .jinja_internals import line_read, ran_last
from .messages import explain, with_open_line
from .reach import names_in_reach
from .sandbox import GLOBALS, Sandbox, XmlSandbox
from .session import MARKDOWN, PLAIN, XML, Family, Verbatim
from .syntax import Syntax, check_closure, place, read_syntax
from .views import Filling, PersonaView, Ready, SessionView

if TYPE_CHECKING:
    from .markers import Machine
    from .recorder import Recorder

VERBATIM = "verbatim"  # prints foreign prompts, which say themselves who they are; so does what extends it
BUNDLED_PREFIX = "llm_persona/"
_LISTED = 12  # names of templates in a message
_QUOTED = re.compile(r"""'[^']*\w[^']*'|"[^"]*\w[^"]*\"""")  # more than an operator
MAX_USED = 500  # templates that one uses
MAX_FILES = 4  # of the largest that may be, which these have the characters of
MAX_DEPTH = 32  # templates that extend or include one another in a chain

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Template:
    """One template, compiled, with what is known of it and of all that it extends, includes or imports."""

    name: str
    family: Family
    session_names: frozenset[str]  # that it asks for by name
    dynamic: bool  # asks the session for a name that is worked out while rendering
    fields: frozenset[str]  # of the persona that it reads
    compiled: JinjaTemplate
    syntaxes: Mapping[str, Syntax]

    @cached_property
    def fingerprint(self) -> str:
        sources = [[used, syntax.source] for used, syntax in self.syntaxes.items()]
        return fingerprint("template", [self.family.name, sources])

    @cached_property
    def names_in_reach(self) -> frozenset[str]:
        """Of the names that it asks for, those that a run may ask for."""
        return names_in_reach(str(self.compiled.name), self.syntaxes)

    def ends_in(self, bundled: str) -> bool:
        """Tell whether this is a bundled template, by its short name, or extends it in the end."""
        lineage = _lineage(self.syntaxes[str(self.compiled.name)], self.syntaxes)
        return any(syntax.name == BUNDLED_PREFIX + bundled for syntax in lineage)

    def run(self, ready: Ready, given: Mapping[str, object]) -> Assembled:
        """Run the template for neutralised values. Raises TemplateError with file and line for whatever goes wrong."""
        values = {**ready.defaults, **given} if ready.defaults else given
        filling = Filling(ready.owner, values, Watch(ready.shared), Verbatim if self.family.escapes else None)
        environment = cast(Sandbox, self.compiled.environment)
        try:
            cost = Cost(environment.limits, environment.over, self._names)
            _run(environment, self.compiled, ready, filling, self.session(filling, given), ready.known, cost)
            made = assemble(filling.watch)
            if (length := sum(map(len, made.pieces))) > environment.limits.size:
                raise self._too_long(filling.watch, length)
            return made
        except Exception as error:
            let_through(error)
            raise self.translated(error) from None

    def session(self, filling: Filling, given: Collection[str]) -> SessionView:
        """Return what the template sees as `session`."""
        environment = cast(Sandbox, self.compiled.environment)
        return SessionView(filling.values, given, filling.watch, environment.absent_variable)

    def record(
        self, ready: Ready, filling: Filling, session: SessionView, machine: Machine
    ) -> tuple[Assembled, list[Any]]:
        """Run the template with a recording's markers among its values; return also the pieces as they were written.

        The recording is told what it took, also where it came to no end. Raises Unfollowed, and what Jinja2 raises.
        """
        cost = Cost(self.limits, self._recorder.over, self._names)
        try:
            with self._recorder.recording(machine):
                compiled = self._recorder.get_template(str(self.compiled.name))
                _run(self._recorder, compiled, ready, filling, session, NOTHING_KNOWN, cost)
        finally:
            machine.spent += cost.spent
        written = list(filling.watch.pieces)
        made = assemble(filling.watch)
        if (length := sum(map(len, made.pieces))) > self.limits.size:
            raise self._too_long(filling.watch, length)
        return made, written

    @property
    def limits(self) -> Limits:
        """What a run may cost."""
        return cast(Sandbox, self.compiled.environment).limits

    def _too_long(self, watch: Watch, length: int) -> TemplateError:
        """Return what is wrong with a prompt of so many characters, at the line that wrote too much."""
        name, line, left = str(self.compiled.name), 1, self.limits.size
        for piece in watch.pieces:
            if isinstance(piece, str):
                left -= len(piece)
            name, line = getattr(piece, "line", None) or (name, line)
            if left < 0:
                break
        return place(too_large("a prompt of", length, "characters", self.limits), self.syntaxes[name], line)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset().union(*(syntax.names for syntax in self.syntaxes.values()))

    @cached_property
    def _recorder(self) -> Recorder:
        from .recorder import Recorder, XmlRecorder  # only now: one prompt alone is not recorded

        sandbox = cast(Sandbox, self.compiled.environment)
        return (XmlRecorder if sandbox.escapes else Recorder)(sandbox)

    def translated(self, error: Exception) -> PersonaError:
        name, line = ran_last(error) or (None, None)
        syntax = self.syntaxes[name or str(self.compiled.name)]
        if isinstance(error, PersonaError):
            return place(error, syntax, line) if isinstance(error, TemplateError) else error
        message, near = explain(error)
        if not isinstance(error, UndefinedError):  # whose words are the library's own
            message = _QUOTED.sub(self._written, message)
        return syntax.error(message, line, near=near)

    def _written(self, quoted: re.Match[str]) -> str:
        """Return what an error quotes where a template writes it: anything else may be a value of a session."""
        return quoted[0] if any(quoted[0][1:-1] in each.source for each in self.syntaxes.values()) else "'…'"


def _run(
    environment: Sandbox,
    compiled: JinjaTemplate,
    ready: Ready,
    filling: Filling,
    session: SessionView,
    known: Known,
    cost: Cost,
) -> None:
    """Run a template with all that it is given, and count what it costs."""
    persona = PersonaView(ready.fields, ready.waiting, filling)
    before = running.set(cost)
    try:
        environment.run(compiled, {**GLOBALS, "persona": persona, "session": session}, filling.watch, known)
        if cost.owed:
            cost.close()
    finally:
        running.reset(before)


class Templates:
    """The templates of one registry. Sources are read when it is made, so editing a file changes nothing later.

    Raises TemplateError for a folder that is missing. Safe for threads; pickles as its sources.
    """

    def __init__(
        self,
        folders: Folder | Iterable[Folder] | None = None,
        default: str = "default",
        limits: Limits = DEFAULTS,
        held: Sources | None = None,
    ) -> None:
        """With `held`, what was read of each folder before is taken, and nothing is read."""
        if folders is None:
            folders = ()
        elif isinstance(folders, str | os.PathLike):
            folders = (folders,)
        self.folders = tuple(_folder_path(folder) for folder in _folder_list(folders))
        self.default = default
        self.limits = limits
        self.partial = False
        self._start()
        self._sources: dict[str, Source] = self._read(held)

    def _start(self) -> None:
        self._lock = ForkedLock()
        self._syntaxes: dict[str, Syntax] = {}
        self._templates: dict[str, Template] = {}
        self._compiling = Compiling(self.limits)
        self._reading = Sandbox(BaseLoader(), self.limits, self._compiling)
        self._environments: dict[bool, Sandbox] = {}  # in which templates are compiled, by whether they escape

    @classmethod
    def of_sources(
        cls,
        own: Mapping[str, Source],
        default: str = "default",
        partial: bool = False,
        limits: Limits = DEFAULTS,
    ) -> Templates:
        """Return the templates with these product's own sources by name: for equal ones the same, compiled once.

        They are `partial` where the product has others that did not come along.
        """
        content = default, partial, limits, tuple(sorted(own.items()))
        found = _of_sources.get(content)
        if found is None:
            found = cls.__new__(cls)
            found.folders, found.default, found.partial, found.limits = (), default, partial, limits
            found._start()
            found._sources = {**found._bundled(), **own}
            _of_sources[content] = found
        return found

    def __reduce__(self) -> tuple[object, ...]:
        own = {name: source._replace(path=name + ENDING) for name, source in self.own_sources().items()}
        return Templates.of_sources, (own, self.default, self.partial, self.limits)

    def __eq__(self, other: object) -> bool:
        """Tell whether both have the same product's own templates, to the character, and the same default."""
        if not isinstance(other, Templates):
            return NotImplemented
        return self is other or (self.default, self._texts()) == (other.default, other._texts())

    def own_sources(self) -> dict[str, Source]:
        """Return the product's own sources by name."""
        return {name: source for name, source in self.sources().items() if not name.startswith(BUNDLED_PREFIX)}

    def _texts(self) -> dict[str, tuple[str, str | None]]:
        return {name: (source.text, source.problem) for name, source in self.own_sources().items()}

    def bundled_names(self) -> set[str]:
        return {name.removeprefix(BUNDLED_PREFIX) for name in self.sources() if name.startswith(BUNDLED_PREFIX)}

    @cached_property
    def bundled_fingerprint(self) -> str:
        """The fingerprint of the bundled templates' sources, used or not."""
        sources = self.sources().items()
        return fingerprint("bundled", [[n, each.text] for n, each in sources if n.startswith(BUNDLED_PREFIX)])

    def __repr__(self) -> str:
        return f"Templates({list(self.folders)!r}, default={self.default!r})"

    def names(self) -> list[str]:
        """Return the names of all templates that can be asked for, sorted, bundled ones included."""
        return sorted(
            {name.removeprefix(BUNDLED_PREFIX) for name, source in self.sources().items() if source.problem is None}
        )

    def get(self, name: str) -> Template:
        """Return a template by its name, with or without `.j2`.

        Raises TemplateError where there is none, or for whatever is wrong with it or with what it uses.
        """
        if type(name) is str and (template := self._templates.get(name)) is not None:
            return template
        name = template_name(name)
        full = self.find(name)
        with self._lock:
            template = self._templates.get(full) or self._compile(full)
            self._templates[full] = self._templates[name] = template
            return template

    def find(self, name: str, asking: Syntax | None = None) -> str:
        """Return the full name of the template that is meant: `default` may be `llm_persona/default`."""
        problem = name_problem(name)
        if problem is not None:
            raise _no_template(asking, problem, name)
        sources = self.sources()
        stem = name.removesuffix(ENDING)
        for candidate in (stem, BUNDLED_PREFIX + stem):
            found = sources.get(candidate)
            # A product's own `markdown` may extend `markdown`: the bundled one, not itself.
            shadowed = asking is not None and candidate == asking.name and BUNDLED_PREFIX + stem in sources
            if found is None or (shadowed and candidate == stem):
                continue
            if found.problem is not None:
                raise _unusable(found, asking, name)
            return candidate
        known = [candidate.removeprefix(BUNDLED_PREFIX) for candidate in sources]
        last = stem.rpartition("/")[2]
        hint = did_you_mean(last if last in known else stem, known) or f"there are {_some(sorted(set(known)))}"
        if self.partial:
            hint = "this persona was pickled with its own template alone: pickle its registry"
        raise _no_template(asking, f"there is no template {shorten(name)!r}", name, hint)

    def sources(self) -> dict[str, Source]:
        """Return all sources by name, bundled ones with their prefix. They are read once."""
        return self._sources

    def _read(self, held: Sources | None) -> dict[str, Source]:
        found = self._bundled()
        for folder in self.folders:
            for name, product in read_folder(Path(folder), folder, self.limits) if held is None else held[folder]:
                if not name.startswith(BUNDLED_PREFIX):
                    found.setdefault(name, product)
        own = {name: each for name, each in found.items() if not name.startswith(BUNDLED_PREFIX)}
        return found | within_tokens(own, self.limits)

    def _bundled(self) -> dict[str, Source]:
        return {BUNDLED_PREFIX + name: each for name, each in read_folder(_bundled_folder(), shown="llm_persona")}

    def _compile(self, name: str) -> Template:
        chain = self._closure(name)
        family = _family(chain[name], chain)
        check_closure(chain.values(), TEMPLATE_FIELDS)
        environment = self._environment(family.escapes)
        for used, syntax in chain.items():
            with _translating(syntax):
                environment.get_template(used)
        short = name.removeprefix(BUNDLED_PREFIX)
        return Template(
            name=name if short in self.sources() else short,
            family=family,
            session_names=frozenset().union(*(syntax.session_names for syntax in chain.values())),
            dynamic=any(syntax.dynamic for syntax in chain.values()),
            fields=frozenset(TEMPLATE_FIELDS)
            if any(syntax.any_field for syntax in chain.values())
            else frozenset().union(*(syntax.fields for syntax in chain.values())),
            compiled=environment.get_template(name),
            syntaxes=chain,
        )

    def _environment(self, escapes: bool) -> Sandbox:
        """Return where templates are compiled, each once for all that use it; what one may cost is counted anew."""
        if escapes not in self._environments:
            made = (XmlSandbox if escapes else Sandbox)(_Loader(self._syntaxes), self.limits)
            self._environments[escapes] = made
        self._environments[escapes].compiling = Compiling(self.limits)
        return self._environments[escapes]

    def _closure(self, name: str) -> dict[str, Syntax]:
        """Return the template and all that it uses, by full name, itself first."""
        chain: dict[str, Syntax] = {}

        def add(current: str, path: tuple[str, ...]) -> None:
            syntax = chain[current] = self._syntax(current)
            for written, used in syntax.uses.items():
                line = syntax.used_at[written]
                if used in (*path, current):
                    circle = " -> ".join((*path, current, used))
                    raise syntax.error(f"templates use one another in a circle: {circle}", line)
                if len(path) >= MAX_DEPTH:
                    raise syntax.error(f"more than {MAX_DEPTH} templates use one another in a chain", line)
                if len(chain) > MAX_USED:
                    raise syntax.error(f"more than {MAX_USED} templates use one another", line)
                if used not in chain:
                    add(used, (*path, current))

        add(name, ())
        if sum(len(each.source) for each in chain.values()) > MAX_FILES * self.limits.template_bytes:
            raise chain[name].error(f"is larger than {MAX_FILES} files may be, with all that it uses", 1)
        return chain

    def _syntax(self, name: str) -> Syntax:
        if name not in self._syntaxes:
            source = self.sources()[name]
            syntax = Syntax(name, source.path, source.text)
            with _translating(syntax):
                read_syntax(self._reading, syntax)
            for used in syntax.uses:
                syntax.uses[used] = self.find(used, syntax)
            self._syntaxes[name] = syntax
        return self._syntaxes[name]


# Sets of templates that came without a folder, by their content, for as long as somebody holds them.
_of_sources: WeakValueDictionary[tuple[object, ...], Templates] = WeakValueDictionary()


class _Loader(BaseLoader):
    """Hands environments what was read and checked, and nothing else; each template is compiled once for all of them."""

    def __init__(self, chain: Mapping[str, Syntax]) -> None:
        self.chain = chain
        self.parents: dict[str, str | None] = {}  # as `generation.parent_of` tells
        self._codes: dict[str, CodeType] = {}

    def load(
        self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> JinjaTemplate:
        if name not in self._codes:
            tree = self.chain[name].tree
            self.parents[name] = parent_of(tree)
            try:
                self._codes[name] = environment.compile(tree, name, self.chain[name].path)
            except TemplateSyntaxError as error:  # what a signal handler raises meanwhile is no error of its syntax
                let_through(error)
                raise
        return environment.template_class.from_code(environment, self._codes[name], globals or {})


def _bundled_folder() -> Path:
    """Return where the bundled templates are: in the package, or beside `src` in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "bundled"
    return installed if is_folder(installed) else package.parents[1] / "templates"


def _folder_list(folders: object) -> Iterable[object]:
    if isinstance(folders, Iterable) and not isinstance(folders, bytes):
        return folders
    raise InvalidValueError(f"templates must be the path of a folder, or a list of paths, not {kind_of(folders)}")


def _folder_path(folder: object) -> str:
    path = os.fspath(folder) if isinstance(folder, str | os.PathLike) else folder
    if isinstance(path, str) and path and "\0" not in path:
        return path
    raise InvalidValueError(f"the path of a template folder must be a text, not {kind_of(path)}")


def template_name(name: object) -> str:
    """Return the name of a template as a plain text. Raises TemplateError for what can be none."""
    name = plain(name)
    problem = name_problem(name)
    if problem is not None:
        raise _no_template(None, problem, "")
    return str(name)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _no_template(asking: Syntax | None, message: str, name: str, hint: str | None = None) -> TemplateError:
    error = TemplateError(message, hint=hint or "names are letters, digits, '_', '-' and '.', in folders parted by '/'")
    return error if asking is None else place(error, asking, asking.used_at.get(name))


def _unusable(source: Source, asking: Syntax | None, name: str) -> TemplateError:
    """Say why a file that is there is no template: at its own place, or where it was asked for."""
    if asking is not None:
        where = source.path if source.line is None else f"{source.path}:{source.line}"
        return place(TemplateError(f"{where} {source.problem}"), asking, asking.used_at.get(name))
    error = TemplateError(str(source.problem))
    error.template, error.path, error.line = name.removesuffix(ENDING), source.path, source.line
    return error


def _family(syntax: Syntax, chain: Mapping[str, Syntax]) -> Family:
    named = {BUNDLED_PREFIX + family.name: family for family in (MARKDOWN, XML)}
    return next((named[each.name] for each in _lineage(syntax, chain) if each.name in named), PLAIN)


def _lineage(syntax: Syntax, chain: Mapping[str, Syntax]) -> Iterator[Syntax]:
    """Yield a template, what it extends, what that extends, and so on."""
    yield syntax
    while syntax.extends is not None:
        syntax = chain[syntax.uses[syntax.extends]]
        yield syntax


@contextmanager
def _translating(syntax: Syntax) -> Iterator[None]:
    """Turn what parsing and compiling raise into a TemplateError with file and line."""
    try:
        yield
    except TemplateSyntaxError as error:
        let_through(error)
        message, near = explain(error)
        raise syntax.error(with_open_line(message, syntax.source, error.lineno), error.lineno, near=near) from None
    except Exception as error:
        let_through(error)
        if isinstance(error, TemplateError):
            raise place(error, syntax, _line_read(error)) from None
        if isinstance(error, PersonaError):
            raise
        raise syntax.error(explain(error)[0], _line_read(error)) from None


def _line_read(error: Exception) -> int:
    """Return the line that was parsed or compiled when an error came."""
    if isinstance(error, SyntaxError) and error.text is None and error.lineno:
        return error.lineno
    return line_read(error)
