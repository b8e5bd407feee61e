"""Options that several commands share: which files, which templates, which session."""

from __future__ import annotations

import codecs
import functools
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import click

from ..errors import InvalidValueError, PersonaError, PersonaFileError, one_line
from ..files.named import USUAL_FILE
from ..files.named import persona_files as files_named
from ..files.output import Input
from ..limits import Limits
from ..names import did_you_mean, shorten, split_reference
from ..persona.file_keys import Arguments
from ..persona.persona import Persona
from ..registry.registry import PersonaRegistry, state_of
from ..wording import WHOLE_NUMBER
from .completions import session_names
from .problems import Lines, print_problems
from .terminal import line, painted

STANDARD_INPUT = 0  # its descriptor
LIMITS = tuple(each.name for each in fields(Limits))

Command = Callable[..., None]  # click passes what the options of a command say


@dataclass(frozen=True, slots=True)
class PersonaFiles:
    """The files of one registry, as the command line names them."""

    paths: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    default_template: str | None = None
    tools: str | None = None
    limits: Limits | None = None

    def chosen(self) -> tuple[str, ...]:
        """Return the files to read. Raises PersonaError where none was named and the usual one is not there."""
        if not self.paths and not os.path.exists(USUAL_FILE):
            raise PersonaError(f"there is no {USUAL_FILE} in this folder", hint="name the file: -f FILE")
        return self.paths or (USUAL_FILE,)

    def arguments(self) -> Arguments:
        """Return what holds for files that say nothing of it. Raises PersonaError for tools that cannot be read."""
        return Arguments.of(self.templates, self.default_template, self.tools, self.limits)

    def read(self, folder: str = "") -> PersonaRegistry:
        """Read the files, standard input as if it lay in `folder`. Raises PersonaFileError for what is wrong with them."""
        return PersonaRegistry.from_file(
            *self.chosen(),
            templates=self.templates,
            default_template=self.default_template,
            tools=self.tools,
            limits=self.limits,
            folder=folder,
        )

    def registry(self, folder: str = "") -> PersonaRegistry:
        """Read the files as `read` does. A file that is refused ends the command: its problems are printed, with their lines."""
        lines = Lines(kept_standard_input(self.limits) if "-" in self.chosen() else None)
        try:
            return self.read(folder)
        except PersonaFileError as error:
            print_problems(error.problems, lines, err=True)
            raise click.exceptions.Exit(1) from None

    def inputs(self, registry: PersonaRegistry) -> Iterator[Input]:
        """Yield the files that a registry was made of: persona files, the templates of its folders, catalogues."""
        yield from (STANDARD_INPUT if path == "-" else path for path in self.chosen())
        yield from state_of(registry).bounds.files()


_NO_LIMIT = "is not NAME=NUMBER, such as nodes=5000000"
_LARGE = re.compile(r"[1-9][0-9]{18,}")


def limit(written: str) -> tuple[str, int]:
    """Read `nodes=5000000`. Raises BadParameter."""
    name, _, number = written.partition("=")
    if not WHOLE_NUMBER.fullmatch(number):
        fault = "has a number of more than 18 digits; write a smaller one" if _LARGE.fullmatch(number) else _NO_LIMIT
        raise click.BadParameter(f"{shorten(written)!r} {fault}")
    if name not in LIMITS:
        hint = did_you_mean(name, LIMITS) or f"there are {', '.join(LIMITS)}"
        raise click.BadParameter(f"there is no limit {name!r}; {hint}")
    return name, int(number)


def _limits(context: click.Context, option: click.Parameter, pairs: Sequence[tuple[str, int]]) -> Limits | None:
    return Limits(**dict(pairs)) if pairs else None


file_limits = click.option(
    "--limit",
    "limits",
    multiple=True,
    type=limit,
    callback=_limits,
    metavar="NAME=NUMBER",
    help="How large a file may be, or what a template may cost: a limit that an error names, as nodes=5000000. May be repeated.",
)


def persona_files(command: Command) -> Command:
    """Add -f, --templates, --default-template, --tools and --limit, and hand them to the command as `files`."""

    @click.option(
        "-f",
        "--file",
        "paths",
        multiple=True,
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help="A persona file, a pattern, or a folder of persona files; - is standard input. May be repeated: all make one "
        f"registry.  [default: {USUAL_FILE}]",
    )
    @click.option(
        "--templates",
        multiple=True,
        metavar="FOLDER",
        type=click.Path(),
        help="A template folder, for files that name none. May be repeated.",
    )
    @click.option(
        "--default-template",
        metavar="NAME",
        help="The template of personas that name none, for files that have no $default_template.  [default: default]",
    )
    @click.option(
        "--tools",
        metavar="FILE.json",
        type=click.Path(),
        help="The catalogue that the personas' tools are in, for files that have no $tools.",
    )
    @file_limits
    @functools.wraps(command)
    def with_files(
        paths: tuple[str, ...],
        templates: tuple[str, ...],
        default_template: str | None,
        tools: str | None,
        limits: Limits | None,
        **arguments: Any,
    ) -> None:
        if paths.count("-") > 1:
            raise click.UsageError("standard input can be read only once: give '-f -' once")
        named = files_named(paths, limits)
        command(files=PersonaFiles(named, templates, default_template, tools, limits), **arguments)

    return with_files


def asked_for(registry: PersonaRegistry, name: str, unit: str | None = None) -> Persona:
    """Return the persona that was asked for. Where it is gone, a note on standard error says what stands in its place."""
    persona = registry.complete(name) if unit is None else registry.get(name, unit=unit)
    if name in registry.replaced or split_reference(name)[0] in registry.replaced:
        note = f"{name} is gone; {persona.ref} stands in its place"
        line(f"{painted('note:', 'yellow', err=True)} {one_line(note)}", err=True)
    return persona


def kept_standard_input(limits: Limits | None = None) -> str:
    """Read standard input and put it back, so that its lines can be shown beside what is wrong with them."""
    content = sys.stdin.buffer.read((limits or Limits()).file_bytes + 1)
    sys.stdin = io.TextIOWrapper(io.BytesIO(content))
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def session_value(written: str) -> tuple[str, object]:
    """Read `key=value` as a text, `key|=value` as one of several lines, `key:=JSON` as anything else. Raises BadParameter."""
    name, equals, text = written.partition("=")
    if not equals or not name.strip(":|"):
        raise click.BadParameter(f"{written!r} is neither key=value, for a text, nor key:=JSON, for anything else")
    if name.endswith("|"):
        return name[:-1], _multiline(text)
    if not name.endswith(":"):
        return name, text
    name = name[:-1]
    try:
        return name, json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"what follows {name}:= is no JSON: {error}; for a text write {name}=...") from None


def _multiline(text: str) -> object:
    from ..templating.session import multiline

    try:
        return multiline(text)
    except InvalidValueError as error:
        raise click.BadParameter(str(error)) from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON's")


def session(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return the session of -s options. A name that is given twice is wrong usage: no one could say which counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise click.BadParameter(f"{twice!r} is given twice", param_hint="'-s' / '--session'")
    return values


session_values = click.option(
    "-s",
    "--session",
    "pairs",
    multiple=True,
    type=session_value,
    metavar="KEY=VALUE",
    shell_complete=session_names,
    help="A session value: key=value is a text, key|=value one whose lines are kept (multiline), key:=JSON anything else. "
    "May be repeated.",
)

watch = click.option("--watch", is_flag=True, help="Do it anew at each save of a file, until Ctrl-C.")
