"""`diff`: what changed between two versions, two personas, or two files."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from ..comparison import PersonaChange, RegistryChange, RolloutChange, compare, compare_registries
from ..errors import one_line
from ..frozen import thaw
from ..prompt import Prompt
from ..registry import PersonaRegistry
from ..terminal import counted, line, painted, print_json, safe
from .options import PersonaFiles, persona_files, session, session_values

ENDINGS = (".yaml", ".yml", ".json")
COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan", "@": "cyan"}


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
    give stands as {its_name}. A persona without a version is never held by --frozen.

    \b
    Examples:
      llm-persona diff Maya Maya@2
      git show main:personas.yaml | llm-persona diff - personas.yaml --frozen
    """
    values = session(pairs)
    if _is_file(before) != _is_file(after):
        raise click.UsageError("compare two personas, or two files; a file and a persona cannot be compared")
    if _is_file(before):
        if before == after == "-":
            raise click.UsageError("only one of the two can be standard input")
        change = compare_registries(_registry(before, after, files), _registry(after, before, files), values)
    else:
        registry = files.registry()
        found = compare(registry.get(before), registry.get(after), values)
        change = RegistryChange((), (), (found,) if found else (), (), (found,) if found.same_version and found else ())
    if form == "json":
        print_json(_data(change))
    else:
        _print(change, side_by_side=side_by_side)
    if frozen and change.thawed:
        for each in change.thawed:
            line(_thawed(each), err=True)
        sys.exit(1)


def _is_file(name: str) -> bool:
    return name == "-" or name.lower().endswith(ENDINGS)


def _registry(path: str, other: str, files: PersonaFiles) -> PersonaRegistry:
    """Read one file; standard input as if it lay beside the other, whose templates it shares."""
    alone = replace(files, paths=(path,))
    return alone.registry(os.path.dirname(other) if path == "-" else "")


def _thawed(change: PersonaChange) -> str:
    why = "its template" if change.template_changed and not change.fields else "its content"
    text = f"{change.after.ref}: {why} changed under an unchanged version; give it a new one"
    return f"{painted('frozen:', 'red', bold=True, err=True)} {one_line(text)}"


def _print(change: RegistryChange, *, side_by_side: bool) -> None:
    for key in change.added:
        line(painted(f"+ {safe(key)} is new", "green"))
    for key in change.removed:
        line(painted(f"- {safe(key)} is gone", "red"))
    for persona in change.changed:
        _print_persona(persona, side_by_side=side_by_side)
    for rollout in change.rollouts:
        line(_rollout(rollout))
    if not change:
        line("no difference")


def _print_persona(change: PersonaChange, *, side_by_side: bool) -> None:
    old, new = change.before, change.after
    names = new.key if old.key == new.key else f"{old.key} -> {new.key}"
    versions = f" (version {old.version} -> {new.version})" if old.version != new.version else ""
    line(painted(f"{safe(names)}{safe(versions)}", bold=True))
    for field in change.fields:
        text = str(field)
        line(f"  {painted(one_line(text), COLOURS[text[0]])}")
    if change.template_changed:
        line(f"  {painted('~ the template, or what it uses', COLOURS['~'])}")
    if change.prompt_before is None or change.prompt_after is None:
        line(f"  the prompts cannot be compared: {one_line(change.why_not or '')}")
        return
    if change.stable_kept is not None:
        line(f"  {change.stable_kept:.0%} of the old stable prefix survives ({_kept(change)})")
    lines = _columns(change) if side_by_side else _unified(change.prompt_before, change.prompt_after)
    for each in lines:
        line(f"  {each}")


def _kept(change: PersonaChange) -> str:
    length = change.prompt_before.stable_length if change.prompt_before else 0
    return f"{round((change.stable_kept or 0) * length):,} of {counted(length, 'character')}"


def _unified(before: Prompt, after: Prompt) -> Iterator[str]:
    old, new = (f"{prompt.ref} in {prompt.template}" for prompt in (before, after))
    for text in difflib.unified_diff(before.text.split("\n"), after.text.split("\n"), old, new, lineterm=""):
        yield painted(one_line(text), COLOURS.get(text[0]), dim=text[0] == " ")


def _columns(change: PersonaChange) -> Iterator[str]:
    assert change.prompt_before is not None
    assert change.prompt_after is not None
    old, new = change.prompt_before.text.split("\n"), change.prompt_after.text.split("\n")
    width = max(20, _width() // 2 - 4)
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        left, right = _wrapped(old[start:end], width), _wrapped(new[new_start:new_end], width)
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else ""
            other = right[index] if index < len(right) else ""
            sign = " " if tag == "equal" else "|" if one and other else "<" if one else ">"
            colours = (None, None) if tag == "equal" else ("red", "green")
            yield f"{painted(one.ljust(width), colours[0])} {sign} {painted(other, colours[1])}".rstrip()


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Cut lines to a width, so that both columns stay in place; an empty line is one line."""
    spelled = [one_line(text) for text in lines]
    return [text[at : at + width] for text in spelled for at in range(0, max(len(text), 1), width)]


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 160


def _rollout(change: RolloutChange) -> str:
    def shown(weights: Any) -> str:
        return ", ".join(f"{version}: {percent}%" for version, percent in weights.items() if percent)

    text = (
        f"rollout of {change.name}: {shown(change.before)} -> {shown(change.after)}; {change.moved:.1%} of units move"
    )
    return painted(one_line(text), COLOURS["~"])


def _data(change: RegistryChange) -> dict[str, object]:
    """Return a change ready for JSON."""
    return {
        "added": list(change.added),
        "removed": list(change.removed),
        "changed": [_persona_data(each) for each in change.changed],
        "rollouts": [
            {"name": each.name, "before": dict(each.before), "after": dict(each.after), "moved": each.moved}
            for each in change.rollouts
        ],
        "frozen_violations": [each.after.ref for each in change.thawed],
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
        "prompt_before": None if change.prompt_before is None else change.prompt_before.text,
        "prompt_after": None if change.prompt_after is None else change.prompt_after.text,
    }
