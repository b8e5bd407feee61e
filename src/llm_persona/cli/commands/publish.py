"""`publish`: a checked set of personas becomes an immutable bundle in a store, and the store's pointer moves to it."""

from __future__ import annotations

import sys

import click

from ...errors import PersonaError
from ...files.named import persona_files as named_files
from ...live.bundles import unpack
from ...live.local_files import LocalFiles
from ...live.publishing import Draft, draft, move_back, move_to, published
from ...live.registry import is_store
from ...live.stores import Pointer, Store
from ...registry.registry import contents_of
from ..options import PersonaFiles, persona_files
from ..problems import Lines, print_problems
from ..terminal import line
from .diff import Comparison, hold


@click.command(short_help="Publish a checked set of personas to a store, for a fleet to take up.")
@click.argument("target", metavar="URL")
@click.option("-m", "--message", default="", metavar="TEXT", help="Why; it stands in the pointer.")
@click.option("--by", metavar="NAME", help="Who publishes.  [default: the user]")
@click.option("--previous", is_flag=True, help="Move the pointer back to the set before; nothing is read from files.")
@click.option(
    "--afresh", is_flag=True, help="Hold nothing against what is there: for a store whose set cannot be read any more."
)
@persona_files
def publish(target: str, message: str, by: str | None, previous: bool, afresh: bool, files: PersonaFiles) -> None:
    """Check personas, pack them with their templates and tools into one bundle, and move the pointer at URL to it.

    A bundle is named by its SHA-256, lies beside the pointer, and never changes. What errors of check would stop, or
    diff --frozen refuses against the set that is served now, is not published. Where two publish at once, one of them
    wins, and the other is told.

    \b
    Example:
      llm-persona publish -f personas.yaml s3://bucket/current.json -m "Maya is kinder"
      llm-persona publish --previous s3://bucket/current.json
    """
    if not is_store(target):
        raise click.UsageError(f"{target!r} is no URL of a store, such as s3://bucket/current.json")
    store = Store(target, timeout=30.0)
    try:
        pointer = move_back(store, message, by) if previous else _publish(store, files, message, by, afresh)
    except PersonaError as error:
        if hasattr(error, "problems") or target in str(error):
            raise
        raise PersonaError(f"{target}: {error}") from None
    line(f"{target}: {pointer.bundle}")


def _publish(store: Store, files: PersonaFiles, message: str, by: str | None, afresh: bool) -> Pointer:
    files.registry()  # tells what is wrong with the files, with their lines
    made = draft(LocalFiles(named_files(files.chosen(), files.limits), files.arguments(), files.tools), files.limits)
    _check(made)
    before = published(store, afresh=afresh)
    if before is not None and before.pointer is not None and not afresh:
        _hold(store, before.pointer, made)
    return move_to(store, made.bundle, before, message, by)


def _check(made: Draft) -> None:
    errors = [problem for problem in made.registry.problems() if problem.severity == "error"]
    if errors:
        print_problems(errors, Lines(None), err=True)
        raise click.exceptions.Exit(1)


def _hold(store: Store, before: Pointer, made: Draft) -> None:
    """End the command where a conversation that runs would lose its persona, or change its prompt."""
    try:
        old = unpack(store.bundle(before))
    except PersonaError as error:
        hint = "move back with --previous, or hold nothing against it with --afresh"
        raise PersonaError(f"what is published now cannot be read: {error}", hint=hint) from None
    if hold(Comparison(old.diff(made.registry), contents_of(made.registry))):
        sys.exit(1)
