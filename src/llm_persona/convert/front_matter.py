"""Front matter: keys between two `---` lines as YAML, or between two `+++` lines as TOML, and below them a text.

It is read as leniently as the programs do whose files these are: where a key and its value are no YAML, the rest of the
line is the text, and a warning names the line. What YAML would make a date of, or a number that is written otherwise, is
kept as the text that it is. Persona files are read strictly: of this nothing is known there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ..errors import Location, PersonaFileError, Problem
from ..files.reading import Document, parse
from ..files.writing import dump_yaml
from ..limits import Limits, setting
from .toml import read_toml

_OPENING = re.compile(r"(?P<before>(?:[ \t]*\r?\n)*)(?P<fence>---|\+\+\+)[ \t]*(?:\r?\n|\Z)")
_CLOSING = {fence: re.compile(rf"^{re.escape(fence)}[ \t]*(\r?\n|\Z)", re.MULTILINE) for fence in ("---", "+++")}
_KEY = {
    "---": re.compile(
        r"""(?P<key>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s#"'\[\]{}:-](?:[^:\n]|:(?=\S))*?)[ \t]*:(?=\s|\Z)"""
    ),
    "+++": re.compile(r"""[ \t]*(?:\[|[^=\n]+=)"""),
}
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BLANKS = " \t\r"
_COMMENT = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_REASON: Final = "quote it: "  # how the hint begins for a plain text that YAML takes for something else


class Parts(NamedTuple):
    """A file cut into what stands before its front matter, the front matter, and the text below it.

    `fence` is `---` or `+++`, and "" where there is no front matter: the file is the text then. `line_break` is how the
    line of the closing fence ends.
    """

    before: str
    fence: str
    front: str
    body: str
    line_break: str


@dataclass(frozen=True, slots=True)
class Front:
    """What front matter says, with its places; the values of `plain` are written as they are, to the end of the line."""

    document: Document
    plain: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def data(self) -> dict[str, object]:
        return self.document.data


def split(text: str, path: str) -> tuple[Parts, tuple[Problem, ...]]:
    """Cut a file; where the lines after a `---` are none of front matter, the whole is the text, and a warning says so.

    Raises PersonaFileError where keys have no end.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return Parts("", "", "", text, ""), ()
    fence, line = opening["fence"], opening["before"].count("\n") + 1
    closing = _CLOSING[fence].search(text, opening.end())
    front = text[opening.end() : closing.start() if closing else None]
    if not _has_keys(front, fence) and (closing is None or not _is_blank(front)):
        message = "no keys follow this line: it is taken as a part of the text"
        return Parts("", "", "", text, ""), (Location(path, line, 1).problem(message, severity="warning"),)
    if closing is None:
        message = "the front matter that begins here has no end"
        raise PersonaFileError([Location(path, line, 1).problem(message, f"close it with a line of its own: {fence}")])
    return Parts(opening["before"], fence, front, text[closing.end() :], closing[1]), ()


def read_front(parts: Parts, path: str, limits: Limits) -> Front:
    """Read front matter at the lines it has in its file. Raises PersonaFileError for what no program could read."""
    above = parts.before.count("\n") + 1
    if not parts.fence or _is_blank(parts.front):
        return Front(Document(path, {}))
    if len(parts.front) > limits.text_characters:
        message = f"front matter of {len(parts.front):,} characters; at most {limits.text_characters:,} are allowed"
        hint = f"shorten it, or set {setting('text_characters')}"
        raise PersonaFileError([Location(path, above + 1, 1).problem(message, hint)])
    if parts.fence == "+++":
        data, plain = read_toml("\n" * above + parts.front, path)
        return Front(Document(path, data), plain)
    return read_keys(parts.front, above, path, limits) or _lenient(parts.front, above, path, limits)


def plain_line(key: str, value: object) -> str | None:
    """Return the line of a value that stands as it is, to the end of its line; None where it would not."""
    text = value if isinstance(value, str) else ""
    fits = text and text == text.strip(_BLANKS) and "\n" not in text and _KEY["---"].fullmatch(f"{key}:")
    return f"{key}: {text}\n" if fits else None


def _has_keys(front: str, fence: str) -> bool:
    first = next((line for line in _LINE.findall(front) if not _COMMENT.fullmatch(line)), "")
    return _KEY[fence].match(first) is not None or (fence == "---" and bool(parse(front, "", kind="yaml").data))


def _is_blank(front: str) -> bool:
    return all(_COMMENT.fullmatch(line) for line in _LINE.findall(front))


def read_keys(front: str, above: int, path: str, limits: Limits) -> Front | None:
    """Read what is YAML as it stands; None for all else. A text that YAML would read as a date is no fault.

    Raises PersonaFileError for what meets a limit.
    """
    document = parse_keys(front, above, path, limits)
    if document is None:
        return None
    data = {key: _as_written(value, document, (key,)) for key, value in document.data.items()}
    plain = tuple(key for key, value in data.items() if isinstance(value, str) and _was_plain(key, document))
    document.data, document.problems = data, ()
    return Front(document, plain, tuple(reworded(warning) for warning in document.warnings))


def parse_keys(front: str, above: int, path: str, limits: Limits) -> Document | None:
    """Return what is YAML as it stands, below so many lines; what it would read as a date is the text that it is.

    None for all else. Raises PersonaFileError for what meets a limit.
    """
    document = parse("\n" * above + front, path, kind="yaml", limits=limits)
    if met := [problem for problem in document.problems if "Limits(" in (problem.hint or "")]:
        raise PersonaFileError(map(reworded, met))
    return document if document.data and all(map(_is_misread, document.problems)) else None


def _is_misread(problem: Problem) -> bool:
    return (problem.hint or "").startswith(_REASON) and not problem.message.startswith("the key ")


def _was_plain(key: str, document: Document) -> bool:
    """Whether a text is one only because nobody made a date or a number of it."""
    misread = any(problem.persona == key and problem.field is None for problem in document.problems)
    return misread or isinstance(document.data[key], int | float)


def _as_written(value: object, document: Document, way: tuple[str | int, ...]) -> object:
    """Return a value in which each number that would be written otherwise is the text that the file has."""
    if isinstance(value, dict):
        return {key: _as_written(item, document, (*way, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_written(item, document, (*way, at)) for at, item in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    text = document.written(way)
    return value if text is None or dump_yaml({"x": value}) == f"x: {text}\n" else text


def _lenient(front: str, above: int, path: str, limits: Limits) -> Front:
    """Read each top-level key for itself. Of two equal ones the last counts, as it does to other readers."""
    data: dict[str, object] = {}
    plain: dict[str, None] = {}
    warnings: list[Problem] = []
    for line, entry in _entries(front, above + 1):
        found = _entry_of(entry, line, path, limits)
        for key in found.data.keys() & data.keys():
            message = "the key stands here once more: what it said before is left out"
            warnings.append(Location(path, line, 1, field=key).problem(message, "keep one of them", "warning"))
            plain.pop(key, None)
        data |= found.data
        plain |= dict.fromkeys(found.plain)
        warnings += found.warnings
    return Front(Document(path, data), tuple(plain), tuple(warnings))


def _entry_of(entry: str, line: int, path: str, limits: Limits) -> Front:
    """Read one key, as if it were alone: blank lines above it would cost more than it does."""
    try:
        found = read_keys(entry, 0, path, limits) or _rest_of_line(entry, path, limits)
    except PersonaFileError as error:
        raise PersonaFileError(_below(problem, line - 1) for problem in error.problems) from None
    return replace(found, warnings=tuple(_below(warning, line - 1) for warning in found.warnings))


def _below(problem: Problem, lines: int) -> Problem:
    return replace(problem, line=(problem.line or 1) + lines)


def _entries(front: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield each top-level key with all that follows it up to the next one, and the number of its line."""
    entry, start = "", line
    for number, text in enumerate(_LINE.findall(front), line):
        if _KEY["---"].match(text) and not _is_blank(entry):
            yield start, entry
            entry = ""
        start = start if entry else number
        entry += text
    if not _is_blank(entry):
        yield start, entry


def _rest_of_line(entry: str, path: str, limits: Limits) -> Front:
    """Take what follows a key as a text, with a warning that says why it is no YAML."""
    skipped = sum(1 for _ in _leading_comments(entry))
    first, _, below = "".join(_LINE.findall(entry)[skipped:]).partition("\n")
    found = _KEY["---"].match(first)
    key, text = (found["key"].strip("\"'"), first[found.end() :].strip(_BLANKS)) if found else ("", first)
    more = not _is_blank(below)
    value = "\n".join(filter(None, [text, below.rstrip().replace("\r\n", "\n")])) if more else text
    warning = _why_no_yaml(entry, key, "these lines are" if more else "the rest of the line is", path, limits)
    return Front(Document(path, {key: value}), (key,) if _is_no_yaml(key, value, limits) else (), (warning,))


def _is_no_yaml(key: str, value: str, limits: Limits) -> bool:
    """Whether the value, when it is written to the end of its line, is once more what only this reader takes for it."""
    line = plain_line(key, value)
    found = read_keys(line, 0, "", limits) if line else None
    return line is not None and (found is None or key in found.plain)


def _why_no_yaml(entry: str, key: str, taken: str, path: str, limits: Limits) -> Problem:
    problem = next(iter(parse(entry, path, kind="yaml", limits=limits).problems), None)
    line, column = (problem.line or 1, problem.column or 1) if problem else (1, 1)
    lines = _LINE.findall(entry.rstrip("\r\n"))
    if line > len(lines):  # what is open at the end is told behind it, which is another key's line, or a fence's
        line, column = len(lines), len(lines[-1]) + 1
    # What names a line counts from the key on, which its reader does not.
    reason = f"; {problem.message}" if problem and " line " not in problem.message else ""
    message = f"is no YAML, and {taken} taken as the text{reason}"
    return Location(path, line, column, field=key or None).problem(message, "quote the text", "warning")


def _leading_comments(entry: str) -> Iterator[str]:
    for text in _LINE.findall(entry):
        if not _COMMENT.fullmatch(text):
            return
        yield text


def reworded(problem: Problem) -> Problem:
    """Return a problem of a persona file in words that fit a file whose top keys are no personas."""
    field = ".".join(part for part in (problem.persona, problem.field) if part) or None
    return replace(problem, persona=None, field=field)


def lines_of(front: Mapping[str, object], plain: Sequence[str], dump: Mapping[str, str]) -> str:
    """Return the lines of keys: as they are for the `plain` ones, as `dump` has them for all others."""
    return "".join((plain_line(key, value) if key in plain else None) or dump[key] for key, value in front.items())
