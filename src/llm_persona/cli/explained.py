"""An explained prompt: every line with its sources beside it, in colour on a terminal, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from ..errors import one_line
from ..persona.prompt_lines import Line, Span
from .terminal import cells, line, painted, print_json, width

PIPE_WIDTH = 80  # of the sources, where there is no terminal
LEAD = "    # "  # of the sources, and what goes on with them on a further line
FURTHER = "    #   "
COLOURS = ("cyan", "green", "magenta", "blue")  # of ancestors, in order of appearance
SESSION = "yellow"


def print_explained(lines: Sequence[Line], form: str) -> None:
    """Print each line, and below it where it comes from: the template's line, and for each value its field and ancestor.

    No line of the prompt is cut; its sources fit the width of the terminal, where each of them does.
    """
    if form == "json":
        print_json([asdict(each) for each in lines])
        return
    colours: dict[str, str] = {}
    for each in lines:
        line("".join(_painted(span, colours) for span in each.spans))
        for sources in _rows(_sources(each), width(PIPE_WIDTH)) if each.spans else ():
            line(painted(sources, dim=True))


def _painted(span: Span, colours: dict[str, str]) -> str:
    if span.session:
        return painted(one_line(span.text), SESSION)
    if span.origin is None or span.origin.persona is None:
        return painted(one_line(span.text), None)
    colour = colours.setdefault(span.origin.persona, COLOURS[len(colours) % len(COLOURS)])
    return painted(one_line(span.text), colour)


def _rows(sources: Iterable[str], most: int) -> Iterator[str]:
    """Yield the sources behind the lead, with dots between them, in as few lines of that many cells as hold them."""
    row = ""
    for source in sources:
        longer = f"{row} · {source}" if row else f"{LEAD}{source}"
        if row and cells(longer) > most:
            yield row
            longer = f"{FURTHER}{source}"
        row = longer
    yield row


def _sources(explained: Line) -> list[str]:
    """Return the sources of a line, each once: `markdown.j2:6`, `role: Maya (personas.yaml:25)`, `session`."""
    last = {span.template: span.line for span in explained.spans}
    sources = dict.fromkeys(f"{template}:{number}" if number else template for template, number in last.items())
    for span in explained.spans:
        if span.field is not None:
            sources[f"{span.field}: {span.origin}" if span.origin is not None else span.field] = None
        if span.session:
            sources["session"] = None
    return list(map(one_line, sources))
