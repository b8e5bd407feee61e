"""What a template or a text says legally and probably does not mean: a lost indent, a value that begins a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from ..codes import finding
from ..errors import Location, Problem
from ..persona.provenance import origin_of
from ..prompts.parts import Line, Part, Printed
from ..templating.session import Multiline, Trusted
from ..templating.syntax import Syntax
from .findings import Findings
from .rehearsals import Rehearsal

_INCLUDE = re.compile(r"([ \t]+)\{%[-+]?\s*include\s+(['\"])(.+?)\2")
_ALONE = re.compile(r"([ \t]*)\{%\+?\s*include\s+(['\"])(.+?)\2[^%]*[^-%]%\}[ \t]*")
# Text, a print, the next turn of a loop, or another include.
_PRINTS = re.compile(r"[ \t]*(?:[^\s{]|\{(?![%#])|\{%\+?\s*(?:endfor|include)\b)")
_TAGS = re.compile(r"\{%.*?%\}|\{#.*?#\}")
_ENDS = re.compile(r"(.*)\{%[-+]?\s*(endif|endfor|endblock|endcall|endfilter|endwith)\b[^%]*(?<![-+])%\}")
# What a line of its own begins with: a word, a mark of Markdown, a print; perhaps in an `if` or a `for`.
_BEGINS = re.compile(r"(?:\{%\s*(?:if|for|with)\b[^%]*(?<!-)%\})*[ \t]*(?:[-*#>\w\"']|\{\{(?!-))")
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
            Location(syntax.path, index + 1, column),
        )


def includes_that_run_on(syntax: Syntax, sources: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning for every `{% include %}` on a line of its own that what follows is printed right behind.

    Jinja drops the line break behind a tag, and the one at the end of what is included.
    """
    lines = syntax.source.split("\n")
    for index, (line, following) in enumerate(pairwise(lines)):
        match = _ALONE.fullmatch(line)
        if match is None or not _PRINTS.match(following):
            continue
        included = sources.get(syntax.uses.get(match[3], ""), "")
        if included.strip() and not included.rstrip(" \t").removesuffix("\n").rstrip(" \t").endswith("\n"):
            message = f"what follows is printed in the line that {match[3]!r} ends with"
            at = Location(syntax.path, index + 1, len(match[1]) + 1)
            yield finding("include-runs-on", message, "leave a blank line after the include", at)


def lines_that_run_on(syntax: Syntax) -> Iterator[Problem]:
    """Yield a warning for every line that ends with a tag, and that the next line is printed right behind.

    Jinja drops the line break behind a tag (`trim_blocks`), also where there is text before it.
    """
    lines = syntax.source.split("\n")
    for index, (line, following) in enumerate(pairwise(lines)):
        match = _ENDS.fullmatch(line)
        if match is None or not _BEGINS.match(following):
            continue
        printed = _TAGS.sub("", match[1])
        if printed.strip() and (match[2] == "endfor" or not printed[-1:].isspace()):
            message = "the next line is printed behind this one: a tag at the end of a line takes the line break"
            at = Location(syntax.path, index + 1, len(match[1]) + 1)
            yield finding("line-runs-on", message, f"end it with +%}}: {{% {match[2]} +%}}", at)


def _is_layout(lines: list[str], index: int, indent: str) -> bool:
    """Say whether the indent only shows that the include stands in an `if` or a `for`."""
    before = next((line for line in reversed(lines[:index]) if line.strip()), "")
    opening = _OPENING.fullmatch(before)
    return opening is not None and len(opening[1]) < len(indent)


def check_line_starts(rehearsal: Rehearsal, findings: Findings) -> None:
    """Warn of session values that begin a line of the prompt, where they could pass for the template's own words."""
    if rehearsal.template.family.escapes:
        return
    for part, line in rehearsal.once(_at_line_starts):
        if isinstance(rehearsal.session.given.get(part.variable or ""), Multiline | Trusted):
            continue
        if part.path is not None and part.path[0] != "session":
            origin = origin_of(rehearsal.lineage, part.path)
            message = f"the value of '{{{part.variable}}}' begins a line, and could pass for your own words there"
            findings.add(findings.at(origin, "value-begins-line", message, "put words before it"))
        elif line is not None and part.variable is not None:
            findings.add(_printed_at(part.variable, line, rehearsal), None)


def _at_line_starts(rehearsal: Rehearsal) -> list[tuple[Part, Line | None]]:
    """Return the parts that a session gave and that begin a line, each with the template's line that printed it."""
    found: dict[tuple[Part, Line | None], None] = {}
    for taken in rehearsal.good:
        blank = True  # nothing but blanks stands on the line so far
        for piece in taken.assembled.pieces:
            begins = 0
            for part in piece.parts if isinstance(piece, Printed) else (Part(len(piece), None, session=False),):
                text = piece[begins : begins + part.length]
                begins += part.length
                if part.session and blank and text:
                    found[part._replace(length=0), piece.line] = None
                last = text.rpartition("\n")[2]
                blank = not last.strip(" \t") and (blank or "\n" in text) and not (part.session and text)
    return list(found)


def _printed_at(variable: str, where: Line, rehearsal: Rehearsal) -> Problem:
    syntax = rehearsal.template.syntaxes[where.template]
    column = syntax.source.split("\n")[where.number - 1].find(variable) + 1
    message = f"the value of session variable {variable!r} begins a line, and could pass for your own words there"
    hint = "put words before it, or pass it as multiline(…), which sets it off"
    return finding("value-begins-line", message, hint, Location(syntax.path, where.number, column or None))
