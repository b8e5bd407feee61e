"""What a test says of a prompt that is not its snapshot: what changed, what made it, and how to accept it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from .errors import PersonaError
from .names import split_reference
from .prompt_cases import PromptCase, shown_path
from .prompt_files import ENDING, file_stem
from .prompt_origins import Origins, Span

if TYPE_CHECKING:
    from syrupy.assertion import AssertionResult

MOST_LINES = 200  # of a difference that are shown
MOST_CAUSES = 20
LONGEST_LINE = 400  # characters
NEW_LINES = 30  # of a prompt that has no snapshot

_Code = tuple[str, int, int, int, int]


def mismatch_report(case: PromptCase, result: AssertionResult, command: str) -> str:
    """Say what syrupy's comparison found; the last line is the command that accepts the prompt."""
    if result.exception is not None and result.asserted_data is None:
        return str(result.exception)
    path = shown_path(result.snapshot_location)
    new = _text(result.asserted_data)
    if result.recalled_data is not None:
        parts = [_headline(case), *_changed(case, _text(result.recalled_data), new, path)]
    else:
        parts = [_missing(case, new, result.snapshot_location, path)]
    return "\n\n".join([*parts, f"To accept it:\n{command}"])


def _text(data: Any) -> str:
    return bytes(data or b"").decode("utf-8", "backslashreplace")


def _headline(case: PromptCase) -> str:
    name, version = split_reference(case.ref)
    where = f"in {case.template!r}, session {case.session!r}"
    if version is None:
        return f"{name} changed {where}: its prompt is not its snapshot any more."
    return (
        f"{case.ref} changed under an unchanged version: {where}, conversations pinned to {case.ref} would go on with "
        f"another prompt.\nGive the change a version of its own, or accept it."
    )


def _changed(case: PromptCase, old: str, new: str, path: str) -> Iterator[str]:
    if old.replace("\r\n", "\n") == new.replace("\r\n", "\n"):
        yield (
            "Only the ends of lines differ. Where git writes CRLF on checkout, add this line to .gitattributes:\n"
            "**/__snapshots__/** -text"
        )
    before, after = old.split("\n"), new.split("\n")
    yield _shown(difflib.unified_diff(before, after, path, str(case), lineterm=""), MOST_LINES)
    if causes := _causes(case, before, after):
        shown = [f"- {cause} ({_lines(numbers)})" for cause, numbers in islice(causes.items(), MOST_CAUSES)]
        more = [f"- and {len(causes) - MOST_CAUSES} more"] if len(causes) > MOST_CAUSES else []
        yield "\n".join(["What made it:", *shown, *more])


def _missing(case: PromptCase, new: str, location: str, path: str) -> str:
    other = _other_version(case, location)
    if other is None:
        return f"{case} has no snapshot yet ({path}):\n\n{_shown(iter(new.split(chr(10))), NEW_LINES)}"
    ref, old = other
    gone = (
        "" if ref in case.registry else f"\n{ref} is not defined any more: keep it for what is pinned to it, or let go."
    )
    parts = [f"{case} has no snapshot yet ({path}). This is what sets it apart from {ref}:{gone}"]
    if old == new:
        return f"{parts[0]} nothing."
    return "\n\n".join([*parts, *_changed(case, old, new, ref)])


def _other_version(case: PromptCase, location: str) -> tuple[str, str] | None:
    """Return another version of the persona that has a snapshot, and its text: the served one's, else the last."""
    folder = os.path.dirname(location)
    name, _ = split_reference(case.ref)
    known = [name, *(f"{name}@{version}" for version in case.registry.versions(name))]
    served = case.registry.complete(name).ref if name in case.registry else name
    for ref in dict.fromkeys((served, *reversed(known), *_kept(case, folder, name))):
        file = os.path.join(folder, file_stem(ref, case.template, case.session) + ENDING)
        if ref != case.ref and os.path.isfile(file):
            with open(file, "rb") as snapshot:
                return ref, _text(snapshot.read())
    return None


def _kept(case: PromptCase, folder: str, name: str) -> list[str]:
    """Return the versions, by their plain references, whose files are there although the registry has them no more."""
    start = file_stem(f"{name}@", "", "").partition("@")[0] + "@"
    files = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []
    return [f"{name}@{file.removeprefix(start).partition('.')[0]}" for file in files if file.startswith(start)]


def _causes(case: PromptCase, before: list[str], after: list[str]) -> dict[str, list[int]]:
    """Map what made the difference to the lines of the new prompt where it shows."""
    try:
        origins = Origins(case)
    except PersonaError:
        return {}
    causes: dict[str, list[int]] = {}
    codes = difflib.SequenceMatcher(None, before, after, autojunk=True).get_opcodes()
    for code in codes:
        for cause, number in _causes_of(origins, code, before, after):
            causes.setdefault(cause, []).append(number)
    return causes


def _causes_of(origins: Origins, code: _Code, before: list[str], after: list[str]) -> Iterator[tuple[str, int]]:
    kind, old_start, old_end, new_start, new_end = code
    if kind == "equal":
        return
    gone, came = before[old_start:old_end], after[new_start:new_end]
    paired = len(gone) == len(came)
    for offset, line in enumerate(came):
        if line.strip():
            old = gone[offset] if paired else ""
            cause = origins.of(line.strip(), _changed_span(old.strip(), line.strip()))
            yield cause or "nothing that is known here: a template's logic", new_start + offset + 1
    if not paired:
        remaining = {line.strip() for line in after}
        for line in gone:
            if line.strip() and line.strip() not in remaining:
                yield _removed(origins, line), new_start + 1


def _removed(origins: Origins, line: str) -> str:
    """Say why a line is gone: the template leaves out what the persona says, an edit took it, or nobody says it."""
    text = _visible(line.strip(), 60)
    if there := origins.field_with(line):
        return f"{text!r} is gone: {there} says it still, and the template {origins.case.template!r} does not print it"
    if giver := origins.giver_of(line):
        return f"{text!r} is gone: {giver} says it, and {origins.case.ref} takes it away"
    return f"{text!r} is gone: no field and no template says it any more"


def _changed_span(old: str, new: str) -> Span:
    """Return which characters of the new line are not in the old one."""
    start = _common(old, new)
    return start, len(new) - _common(old[start:][::-1], new[start:][::-1])


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next(
        (count for count, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, sorted(set(numbers))[:8]))
    return f"line{'s' if len(set(numbers)) > 1 else ''} {shown}{', …' if len(set(numbers)) > 8 else ''}"


def _shown(lines: Iterator[str], most: int) -> str:
    first = [_visible(line, LONGEST_LINE) for line in islice(lines, most)]
    rest = sum(1 for _ in lines)
    return "\n".join([*first, *([f"… and {rest:,} more lines"] if rest else [])])


def _visible(line: str, most: int) -> str:
    """Show what would not be seen: trailing spaces, control characters, invisible ones."""
    body = line.rstrip(" ")
    spaces = len(line) - len(body)
    shown = "".join(ch if ch.isprintable() or ch == "\t" else _spelled(ch) for ch in body)
    if body and spaces:
        shown += "·" * spaces
    else:
        shown += " " * spaces
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _spelled(ch: str) -> str:
    return "␍" if ch == "\r" else ch.encode("unicode_escape", "backslashreplace").decode()
