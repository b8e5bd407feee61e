"""`check`: all that can be known of persona files and their templates without a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from ..errors import Problem
from ..loading import inspect_documents
from ..reading import read
from ..registry import PersonaRegistry
from ..terminal import counted, line
from .options import PersonaFiles, kept_standard_input, persona_files
from .problems import Lines, print_problems, print_problems_as_json, print_problems_for_github


def session_name(written: str) -> str:
    if not written or "=" in written:
        plain = written.partition("=")[0].removesuffix(":") or "plan"
        raise click.BadParameter(f"{written!r} has a value, and here only names count: -s {plain}")
    return written


@click.command(short_help="Check persona files and their templates.")
@click.argument("each", nargs=-1, metavar="[FILES]...", type=click.Path(allow_dash=True))
@click.option(
    "-s",
    "--session",
    "names",
    multiple=True,
    type=session_name,
    metavar="NAME",
    help="A session variable that the product passes: with these, can every persona be rendered? May be repeated.",
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
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
    each: tuple[str, ...], names: tuple[str, ...], strict: bool, stable: bool, form: str, files: PersonaFiles
) -> None:
    """Check persona files and their templates: every mistake with its place and the remedy.

    Files of one registry go together with -f; FILES are checked each by itself, as a pre-commit hook gives them.
    Ends with 1 if there is an error; warnings alone are no errors.

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
    lines = Lines(kept_standard_input() if reads_input else None)
    session = set(names) or None
    checked = [_check(registry, session) for registry in registries]
    problems = [problem for found, _ in checked for problem in found]
    if strict:
        problems = [replace(problem, severity="error") for problem in problems]
    _print(problems, lines, form, sum(len(registry.paths) for registry in registries))
    if stable and form == "text":
        _print_shares([registry for _, registry in checked if registry is not None], session)
    if any(problem.severity == "error" for problem in problems):
        raise click.exceptions.Exit(1)


def _check(files: PersonaFiles, session: set[str] | None) -> tuple[list[Problem], PersonaRegistry | None]:
    """Return what is wrong with the files of one registry, and the registry, if there can be one."""
    loaded = inspect_documents([read(path) for path in files.paths], files.templates, files.default_template)
    if any(problem.severity == "error" for problem in loaded.problems):
        return loaded.problems, None
    registry = PersonaRegistry._from(loaded)
    return loaded.problems + registry.problems(session), registry


def _print_shares(registries: Sequence[PersonaRegistry], session: set[str] | None) -> None:
    for registry in registries:
        for share in registry.stable_shares(session):
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
