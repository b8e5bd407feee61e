"""Templates by name: the product's folders first, then the bundled ones, read once and compiled once."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import BaseLoader, TemplateSyntaxError
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.exceptions import TemplateError as JinjaError

from .assembly import Assembled, Assembler
from .errors import PersonaError, TemplateError
from .fingerprints import fingerprint
from .names import did_you_mean, kind_of, shorten
from .sandbox import GLOBALS, Sandbox, XmlSandbox
from .session import MARKDOWN, PLAIN, XML, Family
from .syntax import Syntax, check_closure, place, read_syntax
from .views import Field, Filling, PersonaView, SessionView

BUNDLED_PREFIX = "llm_persona/"
ENDING = ".j2"
MAX_TEMPLATE = 1_000_000  # bytes of one file
MAX_TEMPLATES = 10_000  # files in the folders of one registry
TEMPLATE_FIELDS = [
    "name",
    "key",
    "version",
    "role",
    "company",
    "tone",
    "greeting",
    "capabilities",
    "constraints",
    "custom_sections",
    "display_name",
    "tools",
    "tool_descriptions",
]

_PART = re.compile(r"[A-Za-z0-9_.-]+")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # names that Windows opens as devices

Folder = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Source:
    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Template:
    """One template, compiled, with what is known of it and of all that it extends, includes or imports."""

    name: str
    family: Family
    fingerprint: str
    session_names: frozenset[str]  # that it asks for by name
    dynamic: bool  # asks the session for a name that is worked out while rendering
    fields: frozenset[str]  # of the persona that it reads
    compiled: JinjaTemplate
    syntaxes: Mapping[str, Syntax]

    def run(self, fields: Mapping[str, Field], filling: Filling) -> Assembled:
        """Run the template. Raises TemplateError with file and line for whatever goes wrong in it."""
        environment = self.compiled.environment
        names = {**GLOBALS, "persona": PersonaView(fields, filling), "session": SessionView(filling)}
        context = environment.context_class(environment, names, self.name, self.compiled.blocks)
        try:
            return Assembler(filling.watch).assemble(self.compiled.root_render_func(context))
        except Exception as error:
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> PersonaError:
        name, line = _last_place(error.__traceback__)
        syntax = self.syntaxes[name or str(self.compiled.name)]
        if isinstance(error, PersonaError):
            return place(error, syntax, line) if isinstance(error, TemplateError) else error
        message, near = _explain(error)
        return syntax.error(message, line, near=near)


class Templates:
    """The templates of one registry. Sources are read when it is made, so editing a file changes nothing later.

    Raises TemplateError for a folder that is missing. Safe for threads; pickles as its folders' paths.
    """

    def __init__(self, folders: Folder | Iterable[Folder] | None = None, default: str = "default") -> None:
        if folders is None:
            folders = ()
        elif isinstance(folders, str | os.PathLike):
            folders = (folders,)
        self.folders = tuple(os.fspath(folder) for folder in folders)
        self.default = default
        self._start()
        self._read()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._sources: dict[str, Source | str] | None = None
        self._syntaxes: dict[str, Syntax] = {}
        self._templates: dict[str, Template] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"folders": self.folders, "default": self.default}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.folders, self.default = state["folders"], state["default"]
        self._start()

    def __repr__(self) -> str:
        return f"Templates({list(self.folders)!r}, default={self.default!r})"

    def names(self) -> list[str]:
        """Return the names of all templates that can be asked for, sorted, bundled ones included."""
        return sorted(
            {name.removeprefix(BUNDLED_PREFIX) for name, found in self._read().items() if isinstance(found, Source)}
        )

    def get(self, name: str) -> Template:
        """Return a template by its name, with or without `.j2`.

        Raises TemplateError where there is none, or for whatever is wrong with it or with what it uses.
        """
        if type(name) is str and (template := self._templates.get(name)) is not None:
            return template
        full = self._find(name)
        with self._lock:
            template = self._templates.get(full) or self._compile(full)
            self._templates[full] = self._templates[name] = template
            return template

    def _find(self, name: str, asking: Syntax | None = None) -> str:
        """Return the full name of the template that is meant: `default` may be `llm_persona/default`."""
        problem = _name_problem(name)
        if problem is not None:
            raise _complaint(asking, problem, name)
        sources = self._read()
        stem = name.removesuffix(ENDING)
        for candidate in (stem, BUNDLED_PREFIX + stem):
            found = sources.get(candidate)
            # A product's own `markdown` may extend `markdown`: the bundled one, not itself.
            shadowed = asking is not None and candidate == asking.name and BUNDLED_PREFIX + stem in sources
            if found is None or (shadowed and candidate == stem):
                continue
            if isinstance(found, str):
                raise _complaint(asking, found, name)
            return candidate
        known = [candidate.removeprefix(BUNDLED_PREFIX) for candidate in sources]
        hint = did_you_mean(stem, known) or f"there are {', '.join(sorted(set(known)))}"
        raise _complaint(asking, f"there is no template {shorten(name)!r}", name, hint)

    def _read(self) -> dict[str, Source | str]:
        if self._sources is None:
            found: dict[str, Source | str] = {}
            for name, source in _read_folder(_bundled_folder(), shown="llm_persona"):
                found[BUNDLED_PREFIX + name] = source
            for folder in self.folders:
                for name, product in _read_folder(Path(folder), shown=folder):
                    if not name.startswith(BUNDLED_PREFIX):
                        found.setdefault(name, product)
            self._sources = found
        return self._sources

    def _compile(self, name: str) -> Template:
        chain = self._closure(name)
        family = _family(chain[name], chain)
        check_closure(chain.values(), TEMPLATE_FIELDS)
        environment = (XmlSandbox if family.escapes else Sandbox)(_Loader(chain))
        for used, syntax in chain.items():
            with _translating(syntax):
                environment.get_template(used)
        short = name.removeprefix(BUNDLED_PREFIX)
        return Template(
            name=name if short in self._read() else short,
            family=family,
            fingerprint=fingerprint(
                "template", [family.name, [[used, syntax.source] for used, syntax in chain.items()]]
            ),
            session_names=frozenset().union(*(syntax.session_names for syntax in chain.values())),
            dynamic=any(syntax.dynamic for syntax in chain.values()),
            fields=frozenset().union(*(syntax.fields for syntax in chain.values())),
            compiled=environment.get_template(name),
            syntaxes=chain,
        )

    def _closure(self, name: str) -> dict[str, Syntax]:
        """Return the template and all that it uses, by full name, itself first."""
        chain: dict[str, Syntax] = {}

        def add(current: str, path: tuple[str, ...]) -> None:
            syntax = chain[current] = self._syntax(current)
            for written, used in syntax.uses.items():
                if used in (*path, current):
                    circle = " -> ".join((*path, current, used))
                    raise syntax.error(f"templates use one another in a circle: {circle}", _line_of(syntax, written))
                add(used, (*path, current))

        add(name, ())
        return chain

    def _syntax(self, name: str) -> Syntax:
        if name not in self._syntaxes:
            source = self._read()[name]
            assert isinstance(source, Source)
            syntax = Syntax(name, source.path, source.text)
            with _translating(syntax):
                read_syntax(Sandbox(BaseLoader()), syntax)
            for used in syntax.uses:
                syntax.uses[used] = self._find(used, syntax)
            self._syntaxes[name] = syntax
        return self._syntaxes[name]


class _Loader(BaseLoader):
    """Hands the environment the sources that were read and checked, and no others."""

    def __init__(self, chain: Mapping[str, Syntax]) -> None:
        self.chain = chain

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        syntax = self.chain[template]
        return syntax.source, syntax.path, lambda: True


def _bundled_folder() -> Path:
    """Return where the bundled templates are: in the package, or beside `src` in a checkout."""
    package = Path(__file__).parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parents[1] / "templates"


def _read_folder(folder: Path, shown: str) -> Iterator[tuple[str, Source | str]]:
    """Yield the name of every template below a folder, with its source or with what forbids to read it.

    Raises TemplateError where the folder is missing.
    """
    if not folder.is_dir():
        raise TemplateError(f"the template folder {shown!r} is {'not a folder' if folder.exists() else 'missing'}")
    root = folder.resolve(strict=True)
    count = 0
    for place_, subfolders, files in os.walk(root):
        # Names that begin with a dot are not templates; Kubernetes keeps its copies under names that begin with two.
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for file in sorted(files):
            path = Path(place_, file)
            name = path.relative_to(root).as_posix().removesuffix(ENDING)
            if not file.endswith(ENDING) or file.startswith(".") or _name_problem(name):
                continue
            count += 1
            if count > MAX_TEMPLATES:
                raise TemplateError(f"the template folder {shown!r} holds more than {MAX_TEMPLATES:,} templates")
            yield name, _read_source(path, root, f"{shown}/{name}{ENDING}")


def _read_source(path: Path, root: Path, shown: str) -> Source | str:
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root):
            return f"{shown} links to a place outside of its folder"
        with open(real, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return f"{shown} is not a regular file"
            data = file.read(MAX_TEMPLATE + 1)
    except OSError as error:
        return f"{shown} cannot be read: {error.strerror}"
    if len(data) > MAX_TEMPLATE:
        return f"{shown} is larger than {MAX_TEMPLATE:,} bytes"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return f"{shown}:{line} is not UTF-8"
    return Source(text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n"), shown)


def _name_problem(name: object) -> str | None:
    """Say why a name can be no template's, before anything looks for it."""
    if not isinstance(name, str):
        return f"a template's name is a text, not {kind_of(name)}"
    parts = name.removesuffix(ENDING).split("/")
    if all(_PART.fullmatch(part) and part.strip(".") and not _DEVICES.match(part) for part in parts):
        return None
    return f"{shorten(name)!r} cannot be a template's name"


def _complaint(asking: Syntax | None, message: str, name: object, hint: str | None = None) -> TemplateError:
    error = TemplateError(message, hint=hint or "names are letters, digits, '_', '-' and '.', in folders parted by '/'")
    return error if asking is None else place(error, asking, _line_of(asking, name))


def _line_of(syntax: Syntax, name: object) -> int | None:
    lines = syntax.source.split("\n")
    return next((number for number, line in enumerate(lines, 1) if isinstance(name, str) and name in line), 1)


def _family(syntax: Syntax, chain: Mapping[str, Syntax]) -> Family:
    named = {BUNDLED_PREFIX + family.name: family for family in (MARKDOWN, XML)}
    while syntax.name not in named and syntax.extends is not None:
        syntax = chain[syntax.uses[syntax.extends]]
    return named.get(syntax.name, PLAIN)


@contextmanager
def _translating(syntax: Syntax) -> Iterator[None]:
    """Turn what parsing and compiling raise into a TemplateError with file and line."""
    try:
        yield
    except TemplateSyntaxError as error:
        raise syntax.error(_lower(error.message or "is not valid"), error.lineno) from None
    except Exception as error:
        if isinstance(error, PersonaError):
            raise
        raise syntax.error(_explain(error)[0], 1) from None


def _last_place(traceback: TracebackType | None) -> tuple[str | None, int | None]:
    """Return the template and the line that ran last before an error."""
    name, line = None, None
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            name, line = template.name, template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return name, line


def _explain(error: Exception) -> tuple[str, str | None]:
    """Say in our words what Jinja2 or Python raised, and which word of the line it is about."""
    text = str(error)
    if isinstance(error, UndefinedError):
        quoted = re.findall(r"'([^']+)'", text)
        return text, quoted[0] if quoted else None
    if isinstance(error, SecurityError):
        quoted = re.findall(r"'([^']+)'", text)
        return f"{_lower(text).rstrip('.')}: templates may not reach it", quoted[0] if quoted else None
    if isinstance(error, JinjaError):
        return _lower(text), None
    if isinstance(error, RecursionError):
        return "is nested too deeply, or a macro calls itself without end", None
    if isinstance(error, SyntaxError):
        return f"cannot be compiled: {error.msg}", None
    if isinstance(error, MemoryError):
        return "needs more memory than there is", None
    return f"{_lower(text)} ({type(error).__name__})", None


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
