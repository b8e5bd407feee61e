"""Problems of persona files as people, programs and GitHub read them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from ..errors import Problem, let_through, one_line
from ..files.output import safe
from ..files.source import LINE_BREAK
from ..limits import Limits
from .terminal import cells, counted, line, painted

UNCODED = "persona file"  # the title of what has no code: a file that is refused
LONGEST_LINE = 120  # characters of a source line that are shown

_TAB = " " * 4


class Lines:
    """The lines that problems point at, of files that are read when first asked for, and of standard input."""

    def __init__(self, standard_input: str | None = None) -> None:
        self._files: dict[str, list[str]] = {}
        if standard_input is not None:
            self._files["<stdin>"] = LINE_BREAK.split(standard_input)

    def of(self, problem: Problem) -> str | None:
        """Return the line of a problem, or None where there is none to show."""
        if problem.path is None or problem.line is None:
            return None
        if problem.path not in self._files:
            self._files[problem.path] = _file_lines(problem.path)
        lines = self._files[problem.path]
        found = lines[problem.line - 1] if problem.line <= len(lines) else ""
        return found if found.strip() else None


def _file_lines(path: str) -> list[str]:
    try:
        status = os.stat(path)
        # Opening a FIFO would wait for a writer; a device may have no end.
        if not stat.S_ISREG(status.st_mode) or status.st_size > Limits().file_bytes:
            return []
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            return LINE_BREAK.split(file.read())
    except (OSError, ValueError) as error:
        let_through(error)
        return []


def print_problems(problems: Iterable[Problem], lines: Lines, *, err: bool = False) -> None:
    """Print each problem with its source line and a caret, and how many there are."""
    problems = list(problems)
    for problem in problems:
        text = str(problem)
        if problem.severity == "warning":
            text = text.replace("warning:", painted("warning:", "yellow", bold=True, err=err), 1)
        line(text, err=err)
        source = lines.of(problem)
        if source is not None:
            for shown in snippet(source, problem.column):
                line(f"    {painted(shown, dim=True, err=err)}", err=err)
    if problems:
        line(f"\n{count(problems)}", err=err)


def snippet(source: str, column: int | None) -> list[str]:
    """Return a source line, cut to what stands around a column (1-based), and a line with a caret below it.

    Without a column there is no caret: nothing is known to be wrong at the line's begin.
    """
    known, column = column is not None, min(column or 1, len(source) + 1)
    start = (
        0 if len(source) <= LONGEST_LINE else max(0, min(column - 1 - LONGEST_LINE // 2, len(source) - LONGEST_LINE))
    )
    lead = ("…" if start else "") + _visible(source[start : column - 1])
    rest = _visible(source[column - 1 : start + LONGEST_LINE]) + ("…" if start + LONGEST_LINE < len(source) else "")
    return [(lead + rest).rstrip(), *([" " * cells(lead) + "^"] if known else [])]


def _visible(text: str) -> str:
    return safe(one_line(text.replace("\t", _TAB)))


def count(problems: Sequence[Problem]) -> str:
    """Say how many errors and warnings there are."""
    warnings = sum(problem.severity == "warning" for problem in problems)
    errors = len(problems) - warnings
    parts = [counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    return ", ".join(parts) or "no problems"


def problem_data(problems: Sequence[Problem]) -> list[dict[str, object]]:
    """Return problems ready for JSON."""
    return [asdict(problem) for problem in problems]


def print_problems_for_github(problems: Sequence[Problem]) -> None:
    """Print workflow commands, which GitHub Actions shows beside the lines of a pull request."""
    for problem in problems:
        line(annotation(problem))


def annotation(problem: Problem) -> str:
    """Return the workflow command for a problem. GitHub, "Workflow commands": its data and properties are escaped."""
    where = ".".join(part for part in (problem.persona, problem.field) if part)
    properties = {
        "title": problem.code or UNCODED,
        "file": None if problem.path in (None, "<stdin>") else in_repository(str(problem.path)),
        "line": problem.line,
        "col": problem.column,
    }
    shown = ",".join(f"{name}={_escaped(str(value), '%:,')}" for name, value in properties.items() if value is not None)
    sentence = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity} {shown}::{_escaped(one_line(f'{where}: {sentence}' if where else sentence), '%')}"


def in_repository(path: str) -> str:
    """Return a path as GitHub has it in a pull request: from the repository's folder on, with slashes."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if workspace:
        whole, root = os.path.realpath(path), os.path.realpath(workspace)
        if os.path.splitdrive(whole)[0] == os.path.splitdrive(root)[0] and os.path.commonpath([whole, root]) == root:
            path = os.path.relpath(whole, root)
    return path.replace(os.sep, "/")


def _escaped(text: str, special: str) -> str:
    return re.sub(f"[{special}\r\n]", lambda found: f"%{ord(found[0]):02X}", text)
