"""`diff`: what changed between two versions, two personas, two files, or since a git reference; and what is held."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import click

from ...errors import one_line
from ...files.reading import ENDINGS
from ...names import split_reference
from ...prompts.texts import RENDERED
from ...registry.comparison import Contents, PersonaChange, RegistryChange, compare, compare_registries
from ...registry.registry import PersonaRegistry, contents_of
from ..changes import change_data, print_change
from ..completions import personas
from ..options import PersonaFiles, asked_for, persona_files, session, session_values
from ..revision import Revision
from ..terminal import line, painted, print_json


class Comparison(NamedTuple):
    """What changed, and the registry that it changed to; `files` are its files where several are compared."""

    change: RegistryChange
    after: Contents
    files: str = ""
    unheld: tuple[str, ...] = ()  # what the files name that is not as the reference had it, or cannot be told to be


@click.command()
@click.argument("names", nargs=-1, metavar="A B | [FILE]...", shell_complete=personas)
@click.option("--against", metavar="REF", help="Compare with the files of a git reference: a branch, a tag, a commit.")
@click.option("--side-by-side", is_flag=True, help="Show the prompts beside each other, not as a unified diff.")
@click.option(
    "--frozen",
    is_flag=True,
    help="Exit 1 when a name or version is gone without a line, or changed under an unchanged version.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@session_values
@persona_files
def diff(
    names: tuple[str, ...],
    against: str | None,
    side_by_side: bool,
    frozen: bool,
    form: str,
    pairs: Sequence[tuple[str, object]],
    files: PersonaFiles,
) -> None:
    """Show what B changes about A: fields and list items, the rendered prompts, and how much of the cached part stays.

    A and B are personas or versions of the file (Maya, Maya@2), or two files; '-' is a file on standard input, and
    is taken to lie beside the other, whose templates it has. Each persona is rendered in its own template; a variable
    that -s does not give stands as {its_name}.

    --against REF compares the files with those of a git reference, and takes the templates and tools that they name
    from there too. Each FILE is a registry of its own, those of -f are one; without any it is personas.yaml. A file
    that is not in REF is new with all that is in it.

    --frozen ends with 1 when a conversation that is running would lose its persona or change its prompt: when a name
    or a version is gone and leaves no line (Maya@1: {replaced_by: 2}), or had one and is back as something else, when
    $require_unit drops a name, and when what a version prints changed, by a field of its own, a parent's, a default of
    the file or a template. A persona without a version may change. Files beside those that are compared, and gone now,
    are held too. Templates and tools that no reference of the repository has cannot be held, and that fails.

    \b
    Example:
      llm-persona diff Maya Maya@2
      llm-persona diff --against origin/main --frozen
    """
    values = session(pairs)
    found = list(_compared(names, against, files, values))
    if form == "json":
        several = [{"file": each.files, **change_data(each.change)} for each in found]
        print_json(several if len(found) > 1 else change_data(found[0].change))
    else:
        for each in found:
            if each.files:
                line(painted(one_line(f"{each.files}:"), bold=True))
            print_change(each.change, side_by_side=side_by_side)
    broken = [hold(each) for each in found] if frozen else []
    if any(broken):
        sys.exit(1)


def _compared(
    names: tuple[str, ...], against: str | None, files: PersonaFiles, values: Mapping[str, object]
) -> Iterator[Comparison]:
    if against is not None:
        yield from _since(against, names, files, values)
        return
    if len(names) != 2:
        raise click.UsageError("name two personas or two files, A and B, or a git reference: --against REF")
    before, after = names
    if _is_file(before) != _is_file(after):
        raise click.UsageError("compare two personas, or two files; a file and a persona cannot be compared")
    yield (_files if _is_file(before) else _personas)(before, after, files, values)


def _personas(before: str, after: str, files: PersonaFiles, values: Mapping[str, object]) -> Comparison:
    registry = files.registry()
    change = compare(asked_for(registry, before), asked_for(registry, after), values)
    # One file has one content for a version.
    return Comparison(RegistryChange((), (), (change,) if change else (), (), ()), contents_of(registry))


def _files(before: str, after: str, files: PersonaFiles, values: Mapping[str, object]) -> Comparison:
    if before == after == "-":
        raise click.UsageError("only one of the two can be standard input")
    if files.paths:
        raise click.UsageError("-f says in which file two personas stand; two files are compared by themselves")
    old, new = _registry(before, after, files), _registry(after, before, files)
    return Comparison(old.diff(new, session=values), contents_of(new))


def _registry(path: str, other: str, files: PersonaFiles) -> PersonaRegistry:
    """Read one file; standard input as if it lay beside the other, whose templates it shares."""
    alone = replace(files, paths=(path,))
    return alone.registry(os.path.dirname(other) if path == "-" else "")


def _since(
    reference: str, names: tuple[str, ...], files: PersonaFiles, values: Mapping[str, object]
) -> Iterator[Comparison]:
    """Yield how each registry changed since a git reference."""
    if names and files.paths:
        raise click.UsageError("name files with -f, for one registry of all, or without, for one each")
    strange = [name for name in (*names, *files.paths) if name == "-" or not _is_file(name)]
    if strange:
        what = "standard input has no history" if strange[0] == "-" else f"{strange[0]!r} is no persona file"
        raise click.UsageError(f"{what}; --against compares files: .yaml, .yml or .json")
    chosen = [replace(files, paths=(name,)) for name in names] or [files]
    after = {each: each.registry() for each in chosen}
    told: set[str] = set()
    for each, new in after.items():
        paths = each.chosen()
        with closing(Revision(reference, os.path.dirname(paths[0]))) as revision:
            old = revision.registry(each)
            for path in paths:
                if not revision.holds(path):
                    _say("note", "yellow", f"{path} is not in {reference}: all that is in it is new")
            for path in revision.outside:
                _say("note", "yellow", f"{path} is not in {reference}: it is taken as it is now, and not held")
            change = revision.named(old.diff(new, session=values))
            yield Comparison(
                change, contents_of(new), ", ".join(paths) if len(names) > 1 else "", _unheld(revision, old)
            )
            for path in revision.gone_beside(paths):
                if os.path.abspath(path) not in told:
                    told.add(os.path.abspath(path))
                    yield from _gone(
                        path, each, revision, Contents.joined(list(map(contents_of, after.values()))), values
                    )


def _unheld(revision: Revision, old: PersonaRegistry) -> tuple[str, ...]:
    versioned = any(old.complete(key).version is not None for key in old.references())
    return tuple(revision.outside) if versioned else ()


def _gone(
    path: str, files: PersonaFiles, revision: Revision, after: Contents, values: Mapping[str, object]
) -> Iterator[Comparison]:
    """Yield how what a file had that is gone is found again in the files of now; nothing for what was no persona file."""
    old = revision.persona_file(path, files)
    if old is None:
        _say("note", "yellow", f"{path} is gone, and was no persona file by itself: it is not held")
    elif old.references() or old.replaced:
        change = revision.named(compare_registries(contents_of(old), after, values))
        _say("note", "yellow", f"{path} is gone: what it had is looked for in the files that are there")
        yield Comparison(replace(change, added=(), unit_required=()), after, path)


def _is_file(name: str) -> bool:
    return name == "-" or name.lower().endswith(ENDINGS)


def hold(compared: Comparison) -> bool:
    """Say what was not kept of what conversations may be pinned to, and tell whether anything was not."""
    change = compared.change
    if change.unversioned:
        names = ", ".join(change.unversioned)
        _say("note", "yellow", f"changed, and not held, as without a version they promise nothing: {names}")
    for reference in change.lost:
        _say("frozen", "red", f"{reference}: {_lost(reference, compared.after)}")
    for reference in change.revived:
        again = "was gone, and is back as something else; keep its line, and take a name or version that was never used"
        _say("frozen", "red", f"{reference}: {again}")
    for name in change.unit_not_required:
        _say("frozen", "red", f"{name}: $require_unit does not name it any more; keep it there")
    for each in change.thawed:
        _say(
            "frozen", "red", f"{each.after.ref}: {_thawed(each)} changed under an unchanged version; give it a new one"
        )
    for path in compared.unheld:
        _say(
            "frozen",
            "red",
            f"{path} is in no reference of this repository, so what it makes of a prompt cannot be held; keep it here",
        )
    return bool(compared.unheld or change.lost or change.revived or change.unit_not_required or change.thawed)


def _say(word: str, colour: str, text: str) -> None:
    line(f"{painted(f'{word}:', colour, bold=True, err=True)} {one_line(text)}", err=True)


def _lost(reference: str, after: Contents) -> str:
    """Say how a reference was lost, and which line would hold it."""
    if after.has(reference):
        return "is abstract now, and would serve nobody; make it a persona, or leave a line for another"
    name, version = split_reference(reference)
    if version is None:
        return f'is gone; keep it, or leave a line: "{name}: {{replaced_by: NAME}}", null for none'
    served = after.complete(name).version if after.has(name) else None
    why = f", as {name} has no version any more" if after.has(name) and served is None else ""
    return f'is gone{why}; keep it, or leave a line: "{reference}: {{replaced_by: {served or "null"}}}"'


def _thawed(change: PersonaChange) -> str:
    """Name what changed: `tone, constraints and its template`."""
    fields = dict.fromkeys(str(each.path[0]) for each in change.fields if each.path[0] in (*RENDERED, "template"))
    named = [", ".join(fields)] if fields else []
    if change.template_changed and "template" not in fields:
        named.append("its template")
    return " and ".join(named) or "its prompt"
