"""`diff`: what changed between two versions, two personas, or two files."""

from __future__ import annotations

import difflib
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import click

from ..comparison import PersonaChange, RegistryChange, RolloutChange, compare
from ..errors import one_line
from ..frozen import thaw
from ..prompt import Prompt
from ..registry import PersonaRegistry
from ..rollouts import Rollout
from ..terminal import counted, line, painted, print_json
from .columns import COLOURS, columns, title
from .options import PersonaFiles, persona_files, session, session_values

ENDINGS = (".yaml", ".yml", ".json")
NEVER_RENDERED = ("description", "metadata")


@click.command(short_help="Show what changed between two versions, personas or files.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--side-by-side", is_flag=True, help="Show the prompts beside each other, not as a unified diff.")
@click.option(
    "--frozen",
    is_flag=True,
    help="Exit 1 when content changed under an unchanged version: a field's, a parent's or a template's.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@session_values
@persona_files
def diff(
    before: str,
    after: str,
    side_by_side: bool,
    frozen: bool,
    form: str,
    pairs: Sequence[tuple[str, object]],
    files: PersonaFiles,
) -> None:
    """Show what B changes about A: fields and list items, the rendered prompts, and how much of the cached part stays.

    A and B are personas or versions of the file (Maya, Maya@2), or two files; '-' is a file on standard input, and
    is taken to lie beside the other. Each persona is rendered in its own template; a variable that -s does not
    give stands as {its_name}.

    --frozen ends with 1 when content changed under an unchanged version: a field, a parent's, or a template's. A
    persona without a version is not held. Standard input has the templates of the other file, as they are now: to
    hold templates too, compare the files of two checkouts (git worktree add ../main main).

    \b
    Example:
      llm-persona diff Maya Maya@2
      git show main:personas.yaml | llm-persona diff - personas.yaml --frozen
    """
    values = session(pairs)
    if _is_file(before) != _is_file(after):
        raise click.UsageError("compare two personas, or two files; a file and a persona cannot be compared")
    change = _files(before, after, files, values) if _is_file(before) else _personas(before, after, files, values)
    if form == "json":
        print_json(_data(change))
    else:
        _print(change, side_by_side=side_by_side)
    if frozen:
        _hold(change)


def _personas(before: str, after: str, files: PersonaFiles, values: Mapping[str, object]) -> RegistryChange:
    registry = files.registry()
    change = compare(registry.complete(before), registry.complete(after), values)
    return RegistryChange((), (), (change,) if change else (), (), ())  # one file has one content for a version


def _files(before: str, after: str, files: PersonaFiles, values: Mapping[str, object]) -> RegistryChange:
    if before == after == "-":
        raise click.UsageError("only one of the two can be standard input")
    if files.paths:
        raise click.UsageError("-f says in which file two personas stand; two files are compared by themselves")
    return _registry(before, after, files).diff(_registry(after, before, files), session=values)


def _hold(change: RegistryChange) -> None:
    """Say which versions did not keep their content, and end with 1 if there are any."""
    if change.unversioned:
        names = ", ".join(change.unversioned)
        _say("note", "yellow", f"changed, and not held, as without a version they promise nothing: {names}")
    for each in change.thawed:
        _say(
            "frozen", "red", f"{each.after.ref}: {_thawed(each)} changed under an unchanged version; give it a new one"
        )
    if change.thawed:
        sys.exit(1)


def _say(word: str, colour: str, text: str) -> None:
    line(f"{painted(f'{word}:', colour, bold=True, err=True)} {one_line(text)}", err=True)


def _thawed(change: PersonaChange) -> str:
    """Name what changed: `tone, constraints and its template`."""
    fields = dict.fromkeys(str(each.path[0]) for each in change.fields if each.path[0] not in NEVER_RENDERED)
    named = [", ".join(fields)] if fields else []
    if change.template_changed and "template" not in fields:
        named.append("its template")
    return " and ".join(named) or "its prompt"


def _is_file(name: str) -> bool:
    return name == "-" or name.lower().endswith(ENDINGS)


def _registry(path: str, other: str, files: PersonaFiles) -> PersonaRegistry:
    """Read one file; standard input as if it lay beside the other, whose templates it shares."""
    alone = replace(files, paths=(path,))
    return alone.registry(os.path.dirname(other) if path == "-" else "")


def _print(change: RegistryChange, *, side_by_side: bool) -> None:
    for name in change.added:
        line(painted(f"+ {one_line(name)} is new", COLOURS["+"]))
    for name in change.removed:
        line(painted(f"- {one_line(name)} is gone", COLOURS["-"]))
    for persona in dict.fromkeys((*change.changed, *change.thawed)):
        _print_persona(persona, side_by_side=side_by_side)
    for rollout in change.rollouts:
        line(painted(one_line(_rollout(rollout)), COLOURS["~"]))
    if not change:
        line("no difference")


def _print_persona(change: PersonaChange, *, side_by_side: bool) -> None:
    old, new = change.before, change.after
    names = new.key if old.key == new.key else f"{old.key} -> {new.key}"
    versions = f" (version {old.version or 'none'} -> {new.version or 'none'})" if old.version != new.version else ""
    line(painted(one_line(f"{names}{versions}"), bold=True))
    for field in change.fields:
        text = str(field)
        line(f"  {painted(one_line(text), COLOURS[text[0]])}")
    if change.template_changed:
        line(f"  {painted('~ the template, or what it uses', COLOURS['~'])}")
    if change.prompt_before is None or change.prompt_after is None:
        line("  the prompts cannot be compared:")
        for text in (change.why_not or "").split("\n"):
            line(f"    {one_line(text)}")
        return
    if not change.prompt_changed:
        line("  the prompt is the same")
        return
    if change.stable_kept is not None:
        line(f"  {_kept(change.stable_kept, change.prompt_before.stable_length)}")
    lines = (columns if side_by_side else _unified)(change.prompt_before, change.prompt_after)
    for each in lines:
        line(f"  {each}")


def _kept(share: float, length: int) -> str:
    """Say how much is kept; all of it only where it is all."""
    kept = f"{round(share * length):,} of {counted(length, 'character')}"
    return f"{math.floor(share * 100)}% of the old stable prefix survives ({kept})"


def _unified(before: Prompt, after: Prompt) -> Iterator[str]:
    old, new = title(before), title(after)
    for text in difflib.unified_diff(before.text.split("\n"), after.text.split("\n"), old, new, lineterm=""):
        yield painted(one_line(text), COLOURS.get(text[0]), dim=text[0] == " ")


def _rollout(change: RolloutChange) -> str:
    salted = " with another salt" if change.before.salt != change.after.salt else ""
    shares = f"{_shares(change.before)} -> {_shares(change.after)}{salted}"
    return f"rollout of {change.name}: {shares}; {change.moved:.1%} of units move"


def _shares(rollout: Rollout) -> str:
    """Write the shares, the served version first: `1: 90%, 2: 10%`."""
    shares = sorted(rollout.weights, key=lambda each: each[0] != rollout.served)
    return ", ".join(f"{version}: {percent}%" for version, percent in shares if percent or version == rollout.served)


def _data(change: RegistryChange) -> dict[str, object]:
    """Return a change ready for JSON."""
    return {
        "added": list(change.added),
        "removed": list(change.removed),
        "changed": [_persona_data(each) for each in change.changed],
        "rollouts": [
            {
                "name": each.name,
                "before": dict(each.before.weights),
                "after": dict(each.after.weights),
                "moved": each.moved,
            }
            for each in change.rollouts
        ],
        "frozen_violations": [{"ref": each.after.ref, **_persona_data(each)} for each in change.thawed],
        "unversioned": list(change.unversioned),
    }


def _persona_data(change: PersonaChange) -> dict[str, object]:
    return {
        "before": change.before.key,
        "after": change.after.key,
        "version_before": change.before.version,
        "version_after": change.after.version,
        "fields": [
            {"path": list(f.path), "kind": f.kind, "before": thaw(f.before), "after": thaw(f.after)}
            for f in change.fields
        ],
        "template_changed": change.template_changed,
        "stable_kept": change.stable_kept,
        "why_not": change.why_not,
        "prompt_before": None if change.prompt_before is None else change.prompt_before.text,
        "prompt_after": None if change.prompt_after is None else change.prompt_after.text,
    }
