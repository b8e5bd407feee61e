"""`check`: all that can be known of persona files and their templates without a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import click

from ...checks.coverage import check as check_registry
from ...checks.coverage import looked_for
from ...checks.files import inspect_documents
from ...errors import InvalidValueError, Problem
from ...files.reading import read
from ...persona.acceptances import Acceptance, Acceptances
from ...registry.registry import PersonaRegistry, registry_of, state_of
from ..options import PersonaFiles, kept_standard_input, persona_files, session, session_value
from ..problems import Lines, print_problems, print_problems_as_json, print_problems_for_github
from ..terminal import counted, line


@dataclass(frozen=True, slots=True)
class Passed:
    """What the product passes: names, some with a sample value, and names that it passes only sometimes."""

    session: Mapping[str, object] | frozenset[str] | None
    optional: frozenset[str]

    @classmethod
    def of(cls, entries: Sequence[tuple[str, object]]) -> Passed:
        """Take names with what follows them: a value, None for nothing, or the question mark."""
        named = session(entries)
        always = {name: value for name, value in named.items() if value is not _SOMETIMES}
        samples = {name: "x" if value is None else value for name, value in always.items()}  # a text, as any may come
        with_samples = any(value is not None for value in always.values())
        passed = samples if with_samples else frozenset(always) if named else None
        return cls(passed, frozenset(named.keys() - always.keys()))


_SOMETIMES = object()


def session_entry(written: str) -> tuple[str, object]:
    """Read `plan`, `plan?`, `plan=pro` or `seats:=3` as a name with nothing, _SOMETIMES or a sample. Raises BadParameter."""
    if "=" in written:
        return session_value(written)
    name = written.removesuffix("?")
    if not name:
        raise click.BadParameter(
            f"{written!r} has no name; write -s plan, or -s plan? for one that is not always passed"
        )
    return name, None if name == written else _SOMETIMES


def acceptance(written: str) -> Acceptance:
    try:
        return Acceptance.parse(written)
    except InvalidValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(short_help="Check persona files and their templates.")
@click.argument("each", nargs=-1, metavar="[FILES]...", type=click.Path(allow_dash=True))
@click.option(
    "-s",
    "--session",
    "entries",
    multiple=True,
    type=session_entry,
    metavar="NAME",
    help="A session variable that the product passes, NAME? one that it passes only sometimes: with these, can every "
    "persona be rendered with any texts? NAME=TEXT or NAME:=JSON is a sample, for what is no text. May be repeated.",
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    type=acceptance,
    metavar="CODE[:PERSONA]",
    help="A finding that is no problem, for one persona or for all: its code stands in brackets. May be repeated.",
)
@click.option(
    "--stable",
    is_flag=True,
    help="Show the share of each prompt that no session changes, and what ends it (text only).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="text shows the lines; json is for programs; github makes annotations in GitHub Actions.",
)
@persona_files
def check(
    each: tuple[str, ...],
    entries: tuple[tuple[str, object], ...],
    strict: bool,
    accepted: tuple[Acceptance, ...],
    stable: bool,
    form: str,
    files: PersonaFiles,
) -> None:
    """Check persona files and their templates: every mistake with its place and the remedy.

    Files of one registry go together with -f; FILES are checked each by itself, as a pre-commit hook gives them.
    Ends with 1 if there is an error; warnings alone are no errors. What is meant as it is can be accepted, with --accept
    or in the file ($accept: {CODE: [PERSONA]}); what would not render cannot.

    \b
    Example:
      llm-persona check -s user_name -s plan --format github
    """
    if each and files.paths:
        raise click.UsageError("give FILES, each a registry of its own, or the files of one registry with -f: not both")
    if each.count("-") > 1:
        raise click.UsageError("standard input can be read only once: give '-' once")
    registries = [replace(files, paths=(path,)) for path in each] or [replace(files, paths=files.chosen())]
    reads_input = any("-" in registry.paths for registry in registries)
    lines = Lines(kept_standard_input(files.limits) if reads_input else None)
    passed, acceptances = Passed.of(entries), Acceptances(accepted)
    checked = [_check(registry, passed, acceptances) for registry in registries]
    problems = [problem for found, _ in checked for problem in found]
    if all(registry is not None for _, registry in checked):
        problems += acceptances.unmatched(["in files", *looked_for(passed.session, passed.optional)])
    if strict:
        problems = [replace(problem, severity="error") for problem in problems]
    _print(problems, lines, form, sum(len(registry.paths) for registry in registries))
    if stable and form == "text":
        _print_shares([registry for _, registry in checked if registry is not None], passed)
    if any(problem.severity == "error" for problem in problems):
        raise click.exceptions.Exit(1)


def _check(files: PersonaFiles, passed: Passed, accepted: Acceptances) -> tuple[list[Problem], PersonaRegistry | None]:
    """Return what is wrong with the files of one registry, and the registry, if there can be one."""
    loaded = inspect_documents([read(path, limits=files.limits) for path in files.paths], files.arguments(), accepted)
    if any(problem.severity == "error" for problem in loaded.told()):
        return loaded.told(), None
    registry = registry_of(loaded)
    found = check_registry(state_of(registry), passed.session, passed.optional, accepted)
    return list(dict.fromkeys([*loaded.problems, *found])), registry  # what files alone show is in both


def _print_shares(registries: Sequence[PersonaRegistry], passed: Passed) -> None:
    for registry in registries:
        for share in registry.stable_shares(passed.session):
            line(str(share))


def _print(problems: Sequence[Problem], lines: Lines, form: str, files: int) -> None:
    if form == "json":
        print_problems_as_json(problems)
    elif form == "github":
        print_problems_for_github(problems)
    elif problems:
        print_problems(problems, lines)
    else:
        line(f"no problems in {counted(files, 'file')}")
