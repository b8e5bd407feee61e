"""How changes between registries are shown: on the terminal, and as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ..errors import one_line
from ..frozen import thaw
from ..persona.rollouts import Rollout
from ..prompts.prompt import Prompt
from ..registry.comparison import SIGNS, PersonaChange, RegistryChange, RolloutChange
from .columns import COLOURS, columns, title
from .terminal import counted, line, painted


def print_change(change: RegistryChange, *, side_by_side: bool) -> None:
    """Print what changed: for each persona its fields, and its prompt before and after."""
    for name in change.added:
        line(painted(f"+ {one_line(name)} is new", COLOURS["+"]))
    replaced = dict(change.replaced)
    for name in change.removed:
        stead = f"; {_stead(replaced.pop(name))}" if name in replaced else ""
        line(painted(one_line(f"- {name} is gone{stead}"), COLOURS["-"]))
    for name, now in replaced.items():
        line(painted(one_line(f"~ {name}: {_stead(now)}"), COLOURS["~"]))
    for persona in dict.fromkeys((*change.changed, *change.thawed)):
        _print_persona(persona, side_by_side=side_by_side)
    for rollout in change.rollouts:
        line(painted(one_line(_rollout(rollout)), COLOURS["~"]))
    for name in change.unit_required:
        line(painted(one_line(f"~ {name}: $require_unit names it now"), COLOURS["~"]))
    for name in change.unit_not_required:
        line(painted(one_line(f"~ {name}: $require_unit does not name it any more"), COLOURS["~"]))
    if not change:
        line("no difference")


def _stead(reference: str | None) -> str:
    return "it was retired" if reference is None else f"{reference} stands in its place"


def _print_persona(change: PersonaChange, *, side_by_side: bool) -> None:
    old, new = change.before, change.after
    names = new.key if old.key == new.key else f"{old.key} -> {new.key}"
    versions = f" (version {old.version or 'none'} -> {new.version or 'none'})" if old.version != new.version else ""
    line(painted(one_line(f"{names}{versions}"), bold=True))
    for field in change.fields:
        text = str(field)
        line(f"  {painted(one_line(text), COLOURS[text[0]])}")
    for kind, tool in change.tools:
        text = f"{SIGNS[kind]} tool {tool!r}{' is defined in another way' if kind == 'changed' else ''}"
        line(f"  {painted(one_line(text), COLOURS[text[0]])}")
    if change.template_changed:
        line(f"  {painted('~ the template, or what it uses', COLOURS['~'])}")
    if change.prompt_before is None or change.prompt_after is None:
        line("  the prompts cannot be compared:")
        for text in (change.why_not or "").split("\n"):
            line(f"    {one_line(text)}")
        return
    if change.prefix_rewritten is not None and (change.prefix_rewritten or change.prompt_changed):
        line(f"  {_prefix(change, change.prompt_before, rewritten=change.prefix_rewritten)}")
    if not change.prompt_changed:
        line("  the prompt is the same")
        return
    lines = (columns if side_by_side else _unified)(change.prompt_before, change.prompt_after)
    for each in lines:
        line(f"  {each}")


def _prefix(change: PersonaChange, before: Prompt, *, rewritten: bool) -> str:
    """Say what becomes of the cached prefix: a provider finds it whole, or not at all."""
    tools = "tools, and " if change.before.tools or change.after.tools else ""
    what = f"the cached prefix ({tools}{counted(before.shared_length, 'character')} of the prompt)"
    return f"{what} is rewritten: conversations begin with a new one" if rewritten else f"{what} stays"


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


def change_data(change: RegistryChange) -> dict[str, object]:
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
        "replaced": dict(change.replaced),
        "lost": list(change.lost),
        "revived": list(change.revived),
        "unit_required": list(change.unit_required),
        "unit_not_required": list(change.unit_not_required),
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
        "prefix_rewritten": change.prefix_rewritten,
        "tools": [{"name": name, "kind": kind} for kind, name in change.tools],
        "why_not": change.why_not,
        "prompt_before": None if change.prompt_before is None else change.prompt_before.text,
        "prompt_after": None if change.prompt_after is None else change.prompt_after.text,
    }
