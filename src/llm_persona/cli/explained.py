"""An explained prompt: every line with its sources beside it, in colour on a terminal, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.cells import cell_len

from ..errors import one_line
from ..registry.explanation import Line, Span
from .terminal import line, painted, print_json

WIDTH = 72  # cells of a prompt's line before its sources; a longer line is never cut
COLOURS = ("cyan", "green", "magenta", "blue")  # of ancestors, in order of appearance
SESSION = "yellow"


def print_explained(lines: Sequence[Line], form: str) -> None:
    """Print where each line comes from: the template's line, and for each value its field and ancestor."""
    if form == "json":
        print_json([asdict(each) for each in lines])
        return
    colours: dict[str, str] = {}
    for each in lines:
        text = "".join(_painted(span, colours) for span in each.spans)
        gap = " " * max(2, WIDTH - cell_len(one_line(each.text)))
        line(f"{text}{gap}{painted(_sources(each), dim=True)}" if each.spans else "")


def _painted(span: Span, colours: dict[str, str]) -> str:
    if span.session:
        return painted(one_line(span.text), SESSION)
    if span.origin is None or span.origin.persona is None:
        return painted(one_line(span.text), None)
    colour = colours.setdefault(span.origin.persona, COLOURS[len(colours) % len(COLOURS)])
    return painted(one_line(span.text), colour)


def _sources(explained: Line) -> str:
    """Return the sources of a line, each once: `markdown.j2:6 · role: Maya (personas.yaml:25) · session`."""
    last = {span.template: span.line for span in explained.spans}
    sources = dict.fromkeys(f"{template}:{number}" if number else template for template, number in last.items())
    for span in explained.spans:
        if span.field is not None:
            sources[f"{span.field}: {span.origin}" if span.origin is not None else span.field] = None
        if span.session:
            sources["session"] = None
    return one_line("# " + " · ".join(sources))
