"""`check`: all that can be known of persona files and their templates without a session."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from math import isnan
from typing import Any, cast

import click

from ...checks.coverage import check as check_registry
from ...checks.coverage import check_bill, looked_for
from ...checks.files import inspect_documents
from ...checks.stable_shares import Count, Least, StableShare
from ...codes import Found
from ...errors import InvalidValueError, Problem, one_line
from ...files.reading import read
from ...names import shorten
from ...persona.acceptances import Acceptance, Acceptances
from ...registry.registry import PersonaRegistry, registry_of, state_of
from ..affected import persona_files_for
from ..completions import session_names
from ..options import PersonaFiles, kept_standard_input, persona_files, session, session_value
from ..problems import Lines, print_problems, print_problems_for_github, problem_data
from ..progress import going_through
from ..terminal import counted, line, print_json


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


def counting(written: str) -> Count:
    """Find `module:function`, in the folder of now too. Raises BadParameter."""
    module, colon, name = written.partition(":")
    if not (module and colon and name):
        raise click.BadParameter(f"{written!r} is not MODULE:FUNCTION, such as counting:tokens")
    sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), name, None)
    except Exception as error:  # their module's, whatever it is
        raise click.BadParameter(f"{module!r} cannot be imported: {one_line(str(error))}") from None
    finally:
        sys.path.remove("")
    if not callable(found):
        raise click.BadParameter(f"{module!r} has no function {name!r}")

    def count(text: str) -> int:
        try:
            return cast(int, found(text))
        except Exception as error:  # their function's
            raise click.ClickException(
                f"{written} fails: {type(error).__name__}: {shorten(one_line(str(error)), 200)}"
            ) from None

    return count


class Percent(click.FloatRange):
    """A number from 0 to 100; `nan` is none: nothing would fall short of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        return self.fail(f"{value!r} is no number from 0 to 100.", param, ctx) if isnan(found) else found


def acceptance(written: str) -> Acceptance:
    try:
        return Acceptance.parse(written)
    except InvalidValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("each", nargs=-1, metavar="[FILES]...", type=click.Path(allow_dash=True))
@click.option(
    "-s",
    "--session",
    "entries",
    multiple=True,
    type=session_entry,
    metavar="NAME",
    shell_complete=session_names,
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
    help="Show the share of each prompt that no session changes, and what ends it; with json, {problems, stable}.",
)
@click.option(
    "--min-stable",
    type=Percent(0, 100),
    metavar="PERCENT",
    help="Of the characters that come from no session value, so many must be stable in every prompt.",
)
@click.option(
    "--min-cached",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="The tools and the stable part of every prompt must have so many: what is shorter, a provider does not cache.",
)
@click.option(
    "--count",
    type=counting,
    metavar="MODULE:FUNCTION",
    help="What counts the tokens of a text; else they are a range, 3 to 6 bytes each, and the least counts.",
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
    min_stable: float | None,
    min_cached: int | None,
    count: Count | None,
    form: str,
    files: PersonaFiles,
) -> None:
    """Check persona files and their templates: every mistake with its place and the remedy.

    Files of one registry go together with -f; FILES are checked each by itself, as a pre-commit hook gives them. A template
    among them stands for the persona files, here and below, whose $templates it lies in.
    Ends with 1 if there is an error; warnings alone are no errors. What is meant as it is can be accepted, with --accept
    or in the file ($accept: {CODE: [PERSONA]}); what would not render cannot.

    \b
    Example:
      llm-persona check -s user_name -s plan --min-stable 80 --format github
    """
    if each and files.paths:
        raise click.UsageError("give FILES, each a registry of its own, or the files of one registry with -f: not both")
    if each.count("-") > 1:
        raise click.UsageError("standard input can be read only once: give '-' once")
    named = [(path,) for path in persona_files_for(each)] if each else [files.chosen()]
    registries = [replace(files, paths=paths) for paths in named]
    reads_input = any("-" in registry.paths for registry in registries)
    lines = Lines(kept_standard_input(files.limits) if reads_input else None)
    passed, acceptances = Passed.of(entries), Acceptances(accepted)
    if count is not None and not stable and min_cached is None:
        raise click.UsageError("--count goes with --stable or --min-cached")
    least = Least(min_stable, min_cached, count)
    checked = [_check(each, passed, acceptances) for each in going_through(registries, "file")]
    problems = [problem for found, _ in checked for problem in found]
    shares: list[StableShare] = []
    for registry in (registry for _, registry in checked if registry is not None and (stable or least.asked)):
        told = registry.stable_shares(passed.session, passed.optional)
        problems += check_bill(state_of(registry), told, least, acceptances)
        shares += told
    if all(registry is not None for _, registry in checked):
        more: list[Found] = ["with a least"] if least.asked else []
        problems += acceptances.unmatched(["in files", *looked_for(passed.session, passed.optional), *more])
    if strict:
        problems = [replace(problem, severity="error") for problem in problems]
    if form == "json":
        print_json(
            {"problems": problem_data(problems), "stable": _data(shares, count)} if stable else problem_data(problems)
        )
    else:
        _print(problems, lines, form, sum(len(registry.paths) for registry in registries))
    if stable and form == "text":
        for share in shares:
            line(share.said(count))
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


def _data(shares: Sequence[StableShare], count: Count | None) -> list[dict[str, object]]:
    """Return shares ready for JSON: what they hold, the share from 0 to 1, and tokens at least and at most."""
    plain = [{name: value for name, value in asdict(share).items() if name != "prefix"} for share in shares]
    return [
        {**data, "share": share.share, "tokens": share.tokens(count), "ended_by": share.ended_by}
        for data, share in zip(plain, shares, strict=True)
    ]


def _print(problems: Sequence[Problem], lines: Lines, form: str, files: int) -> None:
    if form == "github":
        print_problems_for_github(problems)
        line(f"{counted(len(problems), 'problem') if problems else 'no problems'} in {counted(files, 'file')}")
    elif problems:
        print_problems(problems, lines)
    else:
        line(f"no problems in {counted(files, 'file')}")
