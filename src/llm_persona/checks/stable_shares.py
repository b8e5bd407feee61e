"""How much of each prompt is the same for every session, and what ends that part."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import index
from typing import SupportsIndex

from ..codes import finding
from ..errors import NOWHERE, InvalidValueError, Location, Problem, field_text
from ..frozen import ALL
from ..names import kind_of, shorten, shown
from ..persona.persona import Persona, binding_of
from ..persona.provenance import Origin, Places, origin_of
from ..prompts.explorations import Take
from ..prompts.parts import Part, Printed
from ..tools import select_tools, tool_descriptions
from .findings import Findings
from .rehearsals import Rehearsal

# A token of one of today's models is 3 to 6 bytes of UTF-8, in English as in Japanese.
FEWEST_BYTES, MOST_BYTES = 3, 6
BEHIND = 200  # characters behind a placeholder that are worth a word

Count = Callable[[str], int]


def token_range(text: str) -> tuple[int, int]:
    """Return how many tokens a text has, at least and at most, by its bytes."""
    size = len(text.encode("utf-8", "replace"))
    return size // MOST_BYTES, -(-size // FEWEST_BYTES)


@dataclass(frozen=True, slots=True)
class StableShare:
    """How many characters of a prompt are stable, and what ended them.

    `given` of its characters come from values of the session: the share is of the others. `prefix` is what a provider's
    cache holds, the definitions of its tools and then the stable part; `has_tools` is false where it has tools and no
    file their definitions, None where it has none. `path` and `line` are those of the template; `field` is the persona's field whose text looked
    at the session, if that was it, by its `placeholder`, and `field_path`, `field_line` the place where it was written.
    All None where nothing ends it.
    """

    persona: str
    template: str
    stable: int
    characters: int
    given: int = 0
    path: str | None = None
    line: int | None = None
    field: str | None = None
    field_path: str | None = None
    field_line: int | None = None
    prefix: str = dataclasses.field(default="", repr=False)
    placeholder: str | None = None
    has_tools: bool | None = None

    @property
    def share(self) -> float:
        """The stable share of the characters that come from no value of the session, from 0 to 1."""
        own = self.characters - self.given
        return self.stable / own if own else 1.0

    def tokens(self, count: Count | None = None) -> tuple[int, int]:
        """Return how many tokens the prefix has, at least and at most: counted, or a range from its bytes.

        Raises InvalidValueError where the function returns no whole number, and what it raises.
        """
        if count is None:
            return token_range(self.prefix)
        number = _whole(count(self.prefix))
        return number, number

    @property
    def _of(self) -> str:
        if self.has_tools is None:
            return "in all"
        return "with its tools" if self.has_tools else "without its tools, which no $tools has,"

    @property
    def ended_by(self) -> str | None:
        """What ends the stable part: the template's line, and the persona's field and placeholder if that was it; None for nothing."""
        if self.path is None:
            return None
        printed = f"{self.path}:{self.line}"
        if self.field is None:
            return printed
        written = f" ({self.field_path}:{self.field_line})" if self.field_path else ""
        named = f"{{{shorten(self.placeholder)}}} in " if self.placeholder else ""
        return f"{named}{self.field}{written}, which {printed} prints"

    def __str__(self) -> str:
        return self.said()

    def said(self, count: Count | None = None) -> str:
        """Say all of it in one line, with the tokens of its prefix."""
        least, most = self.tokens(count)
        own = self.characters - self.given
        stable = f"{_percent(self.share)}% stable ({self.stable:,} of {own:,} characters"
        stable += f", {self.given:,} more are the session's)" if self.given else ")"
        tokens = f"{most:,} tokens" if least == most else f"{least:,} to {most:,} tokens"
        text = f"{self.persona} in {self.template}: {stable}; {self._of} {tokens}"
        return text if self.ended_by is None else f"{text}; ended by {self.ended_by}"


@dataclass(frozen=True, slots=True)
class Least:
    """What is asked of every prompt: percent that are stable, and tokens that a cache holds."""

    stable: float | None = None
    cached: int | None = None
    count: Count | None = None

    @property
    def asked(self) -> bool:
        return self.stable is not None or self.cached is not None

    def problems(self, share: StableShare, persona: str) -> Iterator[Problem]:
        """Yield what a persona's prompt falls short of, at the line that ends its stable part."""
        ended = None if share.ended_by is None else f"print later what ends the stable part, {share.ended_by}"
        place = (share.path, share.line) if share.field_path is None else (share.field_path, share.field_line)
        at = Location(*place, persona=persona)
        if self.stable is not None and share.share * 100 < self.stable:
            told = f"in {share.template!r} {_percent(share.share)}% of what no session gives is stable, and not {self.stable:g}%"
            yield finding("stable-part-small", told, ended, at)
        if self.cached is None:
            return
        least, most = share.tokens(self.count)
        if least < self.cached:
            tokens = f"{most:,}" if least == most else f"{least:,} to {most:,}"
            counted = "its tools and the stable part have" if share.has_tools else "the stable part has"
            told = f"in {share.template!r} {counted} {tokens} tokens, and not {self.cached:,}"
            more = "it takes more text, or a model that caches less" if most < self.cached else "count them: --count"
            if share.has_tools is False:
                more = "name the catalogue of its tools, which are cached too: $tools in the file, or --tools"
            yield finding("cached-part-small", told, (None if share.has_tools is False else ended) or more, at)


def _whole(number: object) -> int:
    """Return what counted tokens, as a whole number: numpy's is one. Raises InvalidValueError for any other."""
    if isinstance(number, bool) or not isinstance(number, SupportsIndex):
        told = shown(number) if type(number) is float else kind_of(number)  # a text may be the prompt's
        raise InvalidValueError(f"what counts tokens must return a whole number, not {told}")
    if (found := index(number)) < 0:
        raise InvalidValueError(f"what counts tokens must return a number of 0 or more, not {found}")
    return found


def _percent(share: float) -> int:
    """Return a share as percent, rounded down: what is said to be all is all."""
    return int(share * 100 + 1e-9)


def stable_share(rehearsal: Rehearsal, places: Places) -> StableShare | None:
    """Return the stable share of a persona in its template, or None where it cannot be rendered.

    It is that of the sessions of which least is stable, and `prefix` that of those with the shortest one: their values
    may decide what is printed, and names that are passed only sometimes end it where they are. Names without a value
    count as long as `{name}` is.
    """
    taken = _least(rehearsal)
    if taken is None:
        return None
    persona = rehearsal.persona
    stable, characters = taken.assembled.stable_length, len(taken.text)
    tools = sent_tools(persona)
    shortest = min((each.text[: each.assembled.stable_length] for each in rehearsal.good), key=len)
    share = StableShare(
        persona.ref,
        rehearsal.template.name,
        stable,
        characters,
        _given(taken),
        prefix=(tools or "") + shortest,
        has_tools=None if tools == "" else tools is not None,
    )
    if taken.touched is None or stable == characters:
        return share
    touched, where, variable = taken.touched
    path, line = (None, None) if where is None else (rehearsal.template.syntaxes[where.template].path, where.number)
    if touched is None:
        return replace(share, path=path, line=line)
    origin = origin_of(rehearsal.lineage, touched)
    written = f"{origin.persona}.{field_text(origin.path)}"
    at, number = _place(origin, places)
    return replace(share, path=path, line=line, field=written, field_path=at, field_line=number, placeholder=variable)


def check_stable_part(rehearsal: Rehearsal, findings: Findings) -> None:
    """Find the placeholder of a persona's text that most of a prompt stands behind, and so in no cache."""
    if not rehearsal.once(_ends_in_text) or (taken := _least(rehearsal)) is None:
        return
    touched, _, variable = taken.touched or (None, None, None)
    if touched is None or variable is None:
        return
    stable, own = taken.assembled.stable_length, len(taken.text) - _given(taken)
    if own - stable >= max(BEHIND, stable + 1):
        message = f"{{{shorten(variable)}}} ends the stable part, and most of the prompt is printed behind it"
        hint = "say it in a text that is printed later, or below constants where no session gives it"
        origin = origin_of(rehearsal.lineage, touched)
        findings.add(findings.at(origin, "stable-part-ends-early", message, hint), rehearsal.persona.key)


def _ends_in_text(rehearsal: Rehearsal) -> bool:
    """Tell whether a placeholder of the persona's texts ends the stable part, for some session."""
    return any(taken.touched is not None and taken.touched[2] is not None for taken in rehearsal.takes)


def _least(rehearsal: Rehearsal) -> Take | None:
    """Return the recording of the session of which least is stable, as a share of what no session gives."""
    return min(rehearsal.good, key=_share, default=None)


def _share(taken: Take) -> float:
    own = len(taken.text) - _given(taken)
    return taken.assembled.stable_length / own if own else 1.0


def _given(taken: Take) -> int:
    """Return how many characters come from values of the session."""
    return sum(part.length for each in taken.assembled.pieces for part in _parts(each) if part.session)


def _parts(piece: object) -> tuple[Part, ...]:
    return piece.parts if isinstance(piece, Printed) else ()


def sent_tools(persona: Persona) -> str | None:
    """Return the definitions of its tools as JSON, as the catalogue's file has them; None where no file has any."""
    if not (persona.tools is ALL or persona.tools):
        return ""
    bound = binding_of(persona)
    if bound is None or bound.definitions is None:
        return None
    sent = persona.select_tools(bound.definitions, unnamed="keep")
    return json.dumps(sent, ensure_ascii=False, separators=(",", ":"))


def defined_tools(persona: Persona) -> dict[str, object]:
    """Return the definition of each of its tools by its name; nothing where no file has any."""
    bound = binding_of(persona)
    if bound is None or bound.definitions is None:
        return {}
    names = tool_descriptions(bound.definitions) if persona.tools is ALL else persona.tools
    return {name: select_tools([name], bound.definitions, unnamed="drop")[0] for name in names}


def _place(origin: Origin, places: Places) -> tuple[str | None, int | None]:
    document = places.get(origin.persona or "")
    return (NOWHERE if document is None else document.location((origin.persona or "", *origin.path)))[:2]
