"""What a test says of a prompt that is not its snapshot: what changed, what made it, and how to accept it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import PersonaError
from ..names import split_reference
from .cases import PromptCase, shown_path
from .causes import Cause, Change, Origins
from .file_names import ENDING, file_stem

if TYPE_CHECKING:
    from syrupy.assertion import AssertionResult

MOST_LINES = 200  # of a difference that are shown
MOST_CAUSES = 20
LONGEST_LINE = 400  # characters
NEW_LINES = 30  # of a prompt that has no snapshot
SHORT = 60  # characters of a line that is gone
MOST_LEFT = 200  # files that are looked at for a name of before
ALIKE = 0.5  # of the lines: less are two personas

Found = list[tuple[Change, int]]  # with the line of the new prompt where it shows


class Mismatch(NamedTuple):
    """What a test says of its prompt, and what each change of it may come from, the likeliest first."""

    report: str
    causes: tuple[tuple[Cause, ...], ...]


def mismatch(case: PromptCase, result: AssertionResult, command: str, left: Sequence[str] = ()) -> Mismatch:
    """Say what syrupy's comparison found; the last line is the command that accepts the prompt.

    `left` are the files of prompts that are no more: a prompt without a snapshot may be one of them by a new name.
    """
    if result.exception is not None and result.asserted_data is None:
        return Mismatch(str(result.exception), ())
    path = shown_path(result.snapshot_location)
    new = _text(result.asserted_data)
    if result.recalled_data is not None:
        old = _text(result.recalled_data)
        found = _changes(case, old.split("\n"), new.split("\n"))
        parts = [_headline(case), *_changed(case, old, new, path, found)]
        causes = tuple(dict.fromkeys(change.causes for change, _ in found)) or (_unknown(old, new),)
    else:
        other = _other_version(case, result.snapshot_location)
        before = _renamed(case, new, left) if other is None else None
        parts = [_missing(case, new, path, other) if before is None else _new_name(case, new, path, before)]
        told = (
            "a prompt that has no snapshot yet"
            if before is None
            else f"{case.ref}: a new name of {before[0]}, or a new persona"
        )
        causes = ((Cause(told),),)
    return Mismatch("\n\n".join([*parts, f"To accept it:\n{command}"]), causes)


def _same_lines(old: str, new: str) -> bool:
    return old.replace("\r\n", "\n") == new.replace("\r\n", "\n")


def _unknown(old: str, new: str) -> tuple[Cause, ...]:
    return (Cause("blank lines or the ends of lines" if old.split() == new.split() else "nothing that can be told"),)


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


def _changed(case: PromptCase, old: str, new: str, path: str, found: Found) -> Iterator[str]:
    if _same_lines(old, new):
        yield (
            "Only the ends of lines differ. Where git writes CRLF on checkout, add this line to .gitattributes:\n"
            "**/__snapshots__/** -text"
        )
    before, after = old.split("\n"), new.split("\n")
    yield _shown(difflib.unified_diff(before, after, path, str(case), lineterm=""), MOST_LINES)
    causes: dict[str, list[int]] = {}
    for change, number in found:
        causes.setdefault(change.text, []).append(number)
    if causes:
        shown = [f"- {cause} ({_lines(numbers)})" for cause, numbers in islice(causes.items(), MOST_CAUSES)]
        more = [f"- and {len(causes) - MOST_CAUSES} more"] if len(causes) > MOST_CAUSES else []
        yield "\n".join(["What made it:", *shown, *more])


def _missing(case: PromptCase, new: str, path: str, other: tuple[str, str] | None) -> str:
    if other is None:
        return f"{case} has no snapshot yet ({path}):\n\n{_shown(iter(new.split(chr(10))), NEW_LINES)}"
    ref = other[0]
    gone = (
        "" if ref in case.registry else f"\n{ref} is not defined any more: keep it for what is pinned to it, or let go."
    )
    said = f"{case} has no snapshot yet ({path}). This is what sets it apart from {ref}:{gone}"
    return _apart(case, new, said, other)


def _new_name(case: PromptCase, new: str, path: str, before: tuple[str, str]) -> str:
    said = (
        f"{case} has no snapshot yet ({path}).\n{before[0]} has one and is not defined any more. "
        f"If it was renamed, this is what sets them apart:"
    )
    return _apart(case, new, said, before)


def _apart(case: PromptCase, new: str, said: str, before: tuple[str, str]) -> str:
    ref, old = before
    if old == new:
        return f"{said} nothing."
    return "\n\n".join([said, *_changed(case, old, new, ref, _changes(case, old.split("\n"), new.split("\n")))])


def _renamed(case: PromptCase, new: str, left: Sequence[str]) -> tuple[str, str] | None:
    """Return what may be the prompt's name of before, and its text: the likest file of the same template and session."""
    ending = file_stem("", case.template, case.session).removeprefix("%") + ENDING
    best, share = None, ALIKE
    for file in islice((each for each in left if each.endswith(ending)), MOST_LEFT):
        with open(file, "rb") as snapshot:
            old = _text(snapshot.read())
        alike = difflib.SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=True).ratio()
        if alike > share:
            best, share = (os.path.basename(file).removesuffix(ending), old), alike
    return best


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


def _changes(case: PromptCase, before: list[str], after: list[str]) -> Found:
    """Return what made the difference; what only follows from something else counts where there is nothing else."""
    try:
        origins = Origins(case, "\n".join(after))
    except PersonaError:
        return []
    codes = difflib.SequenceMatcher(None, before, after, autojunk=True).get_opcodes()
    kept = origins.kept(number for kind, _, _, start, end in codes if kind == "equal" for number in range(start, end))
    found: Found = []
    for kind, old_start, old_end, start, end in codes:
        if kind == "equal":
            continue
        gone, came = before[old_start:old_end], after[start:end]
        paired = len(gone) == len(came)
        for offset, line in enumerate(came):
            if line.strip():
                is_new = not paired or not gone[offset].strip()
                number = start + offset
                made = [origins.came(number, kept)] if is_new else origins.changed(number, gone[offset], kept)
                found += [(change, start + offset + 1) for change in made]
        found += [
            (origins.removed(line, repr(_visible(line.strip(), SHORT))), start + 1)
            for offset, line in enumerate(gone)
            if line.strip() and line not in after and not (paired and came[offset].strip())
        ]
    return [each for each in found if not each[0].follows] or found


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
