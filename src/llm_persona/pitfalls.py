"""What a template or a text says legally and probably does not mean: a lost indent, a value that begins a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .codes import finding
from .errors import Problem
from .findings import Findings
from .provenance import origin_of
from .rehearsals import Rehearsal
from .session import Multiline, Trusted
from .syntax import Syntax
from .trials import MARK, Source, Trial

_LINE_START = re.compile(f"^[ \t]*{MARK.pattern}", re.MULTILINE)
_INCLUDE = re.compile(r"([ \t]+)\{%[-+]?\s*include\s+(['\"])(.+?)\2")
_OPENING = re.compile(r"([ \t]*)\{%[-+]?\s*(?:if|elif|else|for|with)\b[^%]*%\}\s*")


def indented_includes(syntax: Syntax, sources: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning for every `{% include %}` of several lines that stands indented: none of them will be."""
    lines = syntax.source.split("\n")
    for index, line in enumerate(lines):
        match = _INCLUDE.match(line)
        if match is None or _is_layout(lines, index, match[1]):
            continue
        name = match[3]
        if "\n" not in sources.get(syntax.uses.get(name, ""), ""):
            continue
        column, width = len(match[1]) + 1, len(match[1].expandtabs(4))
        yield finding(
            "include-not-indented",
            f"the lines of {name!r} will not be indented as this include is",
            f"write {{% filter indent({width}, first=true) %}} before it and {{% endfilter %}} after it, or no indent",
            (syntax.path, index + 1, column),
        )


def _is_layout(lines: list[str], index: int, indent: str) -> bool:
    """Say whether the indent only shows that the include stands in an `if` or a `for`."""
    before = next((line for line in reversed(lines[:index]) if line.strip()), "")
    opening = _OPENING.fullmatch(before)
    return opening is not None and len(opening[1]) < len(indent)


def check_line_starts(rehearsal: Rehearsal, findings: Findings) -> None:
    """Warn of session values that begin a line of the prompt, where they could pass for the template's own words."""
    if rehearsal.template.family.escapes:
        return
    for source in _at_line_starts((*rehearsal.full, rehearsal.smallest)):
        if isinstance(rehearsal.session.given.get(source.name), Multiline | Trusted):
            continue
        if source.field is not None:
            origin = origin_of(rehearsal.lineage, source.field)
            message = f"the value of '{{{source.name}}}' begins a line, and could pass for your own words there"
            findings.add(findings.at(origin, "value-begins-line", message, "put words before it"))
        elif source.place is not None:
            findings.add(_printed_at(source, rehearsal), None)


def _at_line_starts(trials: tuple[Trial, ...]) -> dict[Source, None]:
    found: dict[Source, None] = {}
    for trial in trials:
        for match in _LINE_START.finditer(trial.text):
            found[trial.sources[int(match[1])]] = None
    return found


def _printed_at(source: Source, rehearsal: Rehearsal) -> Problem:
    assert source.place is not None
    name, line = source.place
    syntax = rehearsal.template.syntaxes[name]
    column = syntax.source.split("\n")[line - 1].find(source.name) + 1
    message = f"the value of session variable {source.name!r} begins a line, and could pass for your own words there"
    hint = "put words before it, or pass it as multiline(…), which sets it off"
    return finding("value-begins-line", message, hint, (syntax.path, line, column or None))
