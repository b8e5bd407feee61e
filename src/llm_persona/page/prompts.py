"""A prompt as the page shows it: its text, and which ancestor, field and line each part of it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ..errors import let_through
from ..files.invisible import runs
from ..persona.persona import Persona
from ..persona.prompt_lines import Line, Span
from ..prompts.prompt import Prompt

Source = tuple[str, str, str, str, bool]  # ancestor or "", field, place, the template's line, session text in it

UNKNOWN = -1  # the source of line breaks, and of all where the origins are not known


@dataclass(frozen=True, slots=True)
class PromptBody:
    """A prompt ready for the page's script. Lengths and places count UTF-16 units, as the script's texts do.

    `parts` are pairs of a length and an index into `sources`; together they make the text. `hidden` are pairs of a
    place and a length: characters that nobody sees.
    """

    ref: str
    template: str
    text: str
    stable: int
    ancestors: tuple[tuple[str, int], ...]  # their keys and the numbers of their colours
    parts: tuple[tuple[int, int], ...]
    sources: tuple[Source, ...]
    hidden: tuple[tuple[int, int], ...]

    @property
    def characters(self) -> int:
        return len(self.text)

    def data(self) -> dict[str, object]:
        """Return what the script needs, ready for JSON."""
        return {
            "text": self.text,
            "stable": self.stable,
            "ancestors": self.ancestors,
            "parts": [number for part in self.parts for number in part],
            "sources": self.sources,
            "hidden": [number for place in self.hidden for number in place],
        }


def prompt_body(persona: Persona, session: Mapping[str, object], ancestors: tuple[tuple[str, int], ...]) -> PromptBody:
    """Render a persona; variables that the session lacks are printed as they are written. Raises what `render` does."""
    prompt = persona.render(**{**persona.sample_session(), **session})
    parts, sources = _parts(prompt, _lines(prompt))
    return PromptBody(
        ref=prompt.ref,
        template=prompt.template,
        text=prompt.text,
        stable=_units(prompt.stable),
        ancestors=ancestors,
        parts=parts,
        sources=sources,
        hidden=tuple((_units(prompt.text[: run.start]), _units(run.characters)) for run in runs(prompt.text)),
    )


def _lines(prompt: Prompt) -> Sequence[Line]:
    try:
        return prompt.explain()
    except Exception as error:
        let_through(error)  # whatever else it is: a prompt without colours is better than no page
        return ()


def _parts(prompt: Prompt, lines: Sequence[Line]) -> tuple[tuple[tuple[int, int], ...], tuple[Source, ...]]:
    """Return the prompt's parts with their sources; one part of no source where the lines do not make its text."""
    if "\n".join(line.text for line in lines) != prompt.text:
        return ((_units(prompt.text), UNKNOWN),), ()
    known: dict[Source, int] = {}
    parts: list[tuple[int, int]] = []
    for line in lines:
        if parts:
            parts.append((1, UNKNOWN))
        for span in line.spans:
            parts.append((_units(span.text), known.setdefault(_source(span), len(known))))
    return tuple(parts), tuple(known)


def _source(span: Span) -> Source:
    written = _place(span.template, span.line)
    if span.origin is None:
        return "", span.field or "", "", written, span.session
    place = _place(span.origin.path, span.origin.line)
    return span.origin.persona or "", span.field or "", place, written, span.session


def _place(path: str | None, line: int | None) -> str:
    """Write a place without the folders of the machine that made the page."""
    if not path:
        return ""
    shown = PurePath(path).name if os.path.isabs(path) else path
    return shown if line is None else f"{shown}:{line}"


def _units(text: str) -> int:
    """Return a text's length in UTF-16 units."""
    return len(text) + sum(ch > "\uffff" for ch in text) if not text.isascii() else len(text)
