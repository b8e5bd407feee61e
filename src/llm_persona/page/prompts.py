"""A prompt as the page shows it: its text, and which ancestor, field and line each part of it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ..checks.stable_shares import token_range
from ..errors import let_through
from ..files.invisible import runs
from ..persona.persona import Persona
from ..persona.prompt_lines import Span, explain_parts
from ..persona.provenance import Explanation
from ..prompts.prompt import Prompt
from ..templating.session import neutralise

Source = tuple[str, str, str, str, bool]  # ancestor or "", field, place, the template's line, session text in it
Size = tuple[str, int, int, int]  # a section, its characters, its tokens at least and at most

UNKNOWN = -1  # the source of all where the origins are not known


@dataclass(frozen=True, slots=True)
class PromptBody:
    """A prompt ready for the page's script. Lengths and places count UTF-16 units, as the script's texts do.

    `parts` are pairs of a length and an index into `sources`; together they make the text. `hidden` are pairs of a
    place and a length: characters that nobody sees. `sizes` are those of the template's blocks, in order.
    """

    ref: str
    template: str
    text: str
    stable: int
    ancestors: tuple[tuple[str, int], ...]  # their keys and the numbers of their colours
    parts: tuple[tuple[int, int], ...]
    sources: tuple[Source, ...]
    hidden: tuple[tuple[int, int], ...]
    sizes: tuple[Size, ...]

    @property
    def characters(self) -> int:
        return len(self.text)

    @property
    def tokens(self) -> tuple[int, int]:
        return token_range(self.text)

    def data(self) -> dict[str, object]:
        """Return what the script needs, ready for JSON."""
        return {
            "ref": self.ref,
            "text": self.text,
            "stable": self.stable,
            "ancestors": self.ancestors,
            "parts": [number for part in self.parts for number in part],
            "sources": self.sources,
            "hidden": [number for place in self.hidden for number in place],
            "sizes": self.sizes,
        }


def prompt_body(
    persona: Persona,
    session: Mapping[str, object],
    ancestors: tuple[tuple[str, int], ...],
    explanation: Explanation,
) -> PromptBody:
    """Render a persona; variables that the session lacks are printed as they are written. Raises what `render` does."""
    values = {**persona.sample_session(), **session}
    prompt = persona.render(**values)
    units = _Units(prompt.text)
    parts, sources = _parts(prompt, _spans(persona, values, explanation), units)
    return PromptBody(
        ref=prompt.ref,
        template=prompt.template,
        text=prompt.text,
        stable=units.before(len(prompt.stable)),
        ancestors=ancestors,
        parts=parts,
        sources=sources,
        hidden=tuple(units.place(run.start, len(run.characters)) for run in runs(prompt.text)),
        sizes=tuple((name, len(text), *token_range(text)) for name, text in prompt.sections.items()),
    )


def _spans(persona: Persona, values: Mapping[str, object], explanation: Explanation) -> Sequence[Span]:
    try:
        template = persona.own_template()
        return explain_parts(persona, template, neutralise(values, template.family).values, explanation)
    except Exception as error:
        let_through(error)  # whatever else it is: a prompt without colours is better than no page
        return ()


def _parts(
    prompt: Prompt, spans: Sequence[Span], units: _Units
) -> tuple[tuple[tuple[int, int], ...], tuple[Source, ...]]:
    """Return the prompt's parts with their sources; one part of no source where the spans do not make its text."""
    if "".join([span.text for span in spans]) != prompt.text:
        return ((units.before(len(prompt.text)), UNKNOWN),), ()
    known: dict[Source, int] = {}
    parts: list[tuple[int, int]] = []
    start = 0
    for span in spans:
        _, length = units.place(start, len(span.text))
        parts.append((length, known.setdefault(_source(span), len(known))))
        start += len(span.text)
    return tuple(parts), tuple(known)


def _source(span: Span) -> Source:
    written = shown_place(span.template, span.line)
    if span.origin is None:
        return "", span.field or "", "", written, span.session
    origin = span.origin
    return origin.persona or "", span.field or "", shown_place(origin.path, origin.line), written, span.session


def shown_place(path: str | None, line: int | None) -> str:
    """Write a place without the folders of the machine that made the page."""
    if not path:
        return ""
    shown = PurePath(path).name if os.path.isabs(path) else path
    return shown if line is None else f"{shown}:{line}"


class _Units:
    """Places in a text by characters, told in UTF-16 units: they are the same but behind a character above U+FFFF."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_plain = text.isascii() or len(text.encode("utf-16-le")) == 2 * len(text)

    def before(self, end: int) -> int:
        return end if self._is_plain else len(self._text[:end].encode("utf-16-le")) // 2

    def place(self, start: int, length: int) -> tuple[int, int]:
        """Return where a part begins, and its length."""
        begins = self.before(start)
        return begins, self.before(start + length) - begins
