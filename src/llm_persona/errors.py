"""Everything that can go wrong, as values: one root, the author's words, what to do.

Messages are lower case and never hold a session value. Every error pickles, so it survives a process pool.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

_LONGEST_PATH = 4_096  # characters
_LONGEST_FIELD = 300

FieldPath = Sequence[str | int]


def field_text(path: FieldPath) -> str:
    """Write the way to a field as its author would: `capabilities[2]`, `custom_sections.escalation`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shorten(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def path_text(path: str) -> str:
    """Return a path as messages have it: whole, but for one that is longer than any system's."""
    return path if len(path) <= _LONGEST_PATH else shorten(path)


def one_line(text: str) -> str:
    """Spell line breaks and control characters, so that a message stays on its line."""
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


class PersonaError(Exception):
    """The root of all errors of this package.

    `message` says what is wrong, `hint` what to do; `persona` and `field` say where, when that is known.
    """

    def __init__(
        self, message: str, *, persona: str | None = None, field: FieldPath = (), hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.persona = persona
        self.field = tuple(field)
        self.hint = hint

    def __str__(self) -> str:
        return _sentence(self.persona, field_text(self.field), self.message, self.hint)


class InvalidValueError(PersonaError, ValueError):
    """A field of a persona, or a value of a session, is not what it may be."""


class UnknownPersonaError(PersonaError, KeyError):
    """No persona of that name is defined."""


class UnknownVersionError(PersonaError, KeyError):
    """The persona is defined, that version of it is not."""


class MissingVariableError(PersonaError, ValueError):
    """The session lacks variables that the persona requires: `names` has all of them."""

    names: tuple[str, ...] = ()


class DuplicatePersonaError(PersonaError, ValueError):
    """The name and version are taken by a persona with other content."""


class InheritanceError(PersonaError, ValueError):
    """A parent is unknown, a chain of parents is a cycle or too deep, or an edit does not fit its parent."""


class TemplateError(PersonaError):
    """A template is unknown, does not compile, or asks for what it cannot have.

    `template` is its name, `line` (1-based) and `column` (1-based, where it could be found) the place in its
    file, and `source` the line itself. `limit` is the limit that was met, as `Limits` has it, where one was. `others` is
    what else can be told to be wrong with the template without running it.
    """

    limit: str | None = None
    others: tuple[TemplateError, ...] = ()
    template: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    source: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path or self.template, self.line, self.column) if part is not None)
        text = f"{place}: {super().__str__()}" if place else super().__str__()
        if self.source:
            text += f"\n    {self.source}"
            if self.column:
                lead = "".join("\t" if ch == "\t" else " " for ch in self.source[: self.column - 1])
                text += f"\n    {lead}^"
        return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file, or suspicious in it, and where.

    `line` and `column` are 1-based and count characters; None where a problem has no place. `code` names the kind of a
    finding of `check`. `str()` is one line that editors and CI can jump to.
    """

    path: str | None
    line: int | None
    column: int | None
    persona: str | None
    field: str | None
    message: str
    hint: str | None = None
    severity: Literal["error", "warning"] = "error"
    code: str | None = None

    def __str__(self) -> str:
        path = None if self.path is None else path_text(self.path)
        place = ":".join(str(part) for part in (path, self.line, self.column) if part is not None)
        sentence = _sentence(self.persona, self.field or "", self.message, self.hint)
        if self.severity == "warning":
            sentence = f"warning: {sentence}"
        if self.code is not None:
            sentence = f"{sentence} [{self.code}]"
        return one_line(f"{place}: {sentence}" if place else sentence)


class Location(NamedTuple):
    """Where something is wrong: a file, a line and a column in it, a persona and its field, as far as they are known.

    Whoever has found something makes a problem here: nothing else does.
    """

    path: str | None = None
    line: int | None = None
    column: int | None = None
    persona: str | None = None
    field: str | None = None

    def problem(
        self,
        message: str,
        hint: str | None = None,
        severity: Literal["error", "warning"] = "error",
        code: str | None = None,
    ) -> Problem:
        return Problem(*self, message, hint, severity, code)


NOWHERE = Location()


class PersonaFileError(PersonaError, ValueError):
    """A file, or data like that of a file, was refused: `problems` has all that is wrong with it, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
        self.args = (self.problems,)


# Whose classes and frames an error of this package's own work may have, beside the standard library's and templates'.
_INSIDE = frozenset(
    ("builtins", "jinja2", "markupsafe", "yaml", "jsonschema_rs", "click", "rich", __name__.partition(".")[0])
)


_TEMPLATE = frozenset(("__jinja_template__", "__jinja_exception__"))  # what a template's code, or its stand-in, has


def let_through(error: BaseException) -> None:
    """Raise a caught error where it was thrown in from outside; return where it came of what was done here.

    A signal handler, such as a task queue's time limit, raises wherever Python happens to be, and another thread may
    throw something in: neither says anything of a file or a template. Nothing that is tried here calls code of others,
    so a frame of theirs in the traceback, or a class of theirs, tells it. Whoever catches Exception, or a class that a
    handler may well raise (TimeoutError is an OSError), asks here first.
    """
    for each in (error.__cause__, error):  # Jinja2 raises a syntax error for whatever comes while it reads a text
        if each is not None and _from_outside(each):
            raise each


def _from_outside(error: BaseException) -> bool:
    if not _is_inside(type(error).__module__):
        return True
    traceback = error.__traceback__
    while traceback is not None:
        names = traceback.tb_frame.f_globals
        if not (_TEMPLATE.intersection(names) or _is_inside(names.get("__name__", ""))):
            return True
        traceback = traceback.tb_next
    return False


def _is_inside(module: str) -> bool:
    package = module.partition(".")[0]
    # A named tuple's `__new__` is in a module of its own.
    return package in _INSIDE or package in sys.stdlib_module_names or package.startswith("namedtuple_")


def _sentence(persona: str | None, field: str, message: str, hint: str | None) -> str:
    field = field.removesuffix(".")  # of a key that nothing is left of
    parts = (shorten(part, _LONGEST_FIELD) for part in (persona, field) if part)
    where = ".".join(parts).replace(".[", "[", 1)
    text = f"{where}: {message}" if where else message
    return f"{text}; {hint}" if hint else text
