"""Whether a prompt says the persona's name: whoever a prompt without it says it is, is not the persona."""

from __future__ import annotations

from ..names import shorten
from ..persona.provenance import Origin, origin_of
from ..prompts.explorations import Take
from ..prompts.parts import Path, Printed
from ..templating.templates import VERBATIM
from .findings import Findings
from .rehearsals import Rehearsal

NAME: Path = ("name",)
NEVER = "never says the persona's name"
SOMETIMES = "says the persona's name for some sessions only"


def check_spoken_name(rehearsal: Rehearsal, findings: Findings) -> None:
    """Find a prompt in which no place comes from the persona's name: `persona.name`, or `{name}` in a text."""
    said = rehearsal.once(_said)
    if (said and all(NAME in each for each in said)) or rehearsal.template.ends_in(VERBATIM):
        return
    names = {NAME, *rehearsal.named, *([("display_name",)] if rehearsal.persona.display_name else [])}
    if not said:
        # No recording tells what this template does: believe what it mentions.
        if rehearsal.template.fields.isdisjoint({str(path[0]) for path in names} | {"display_name"}):
            _tell(rehearsal, findings, "template-never-says-name", NEVER, [])
        return
    silent = [taken for taken, each in zip(rehearsal.like.good, said, strict=True) if not names & each]
    if len(silent) == len(said):
        _tell(rehearsal, findings, "template-never-says-name", NEVER, silent)
    elif silent:
        _tell(rehearsal, findings, "template-sometimes-says-name", SOMETIMES, silent)


def _said(rehearsal: Rehearsal) -> list[frozenset[Path]]:
    """Return what each prompt says something of."""
    return [frozenset().union(*(piece.of for piece in taken.printed if piece)) for taken in rehearsal.good]


def _tell(rehearsal: Rehearsal, findings: Findings, code: str, what: str, takes: list[Take]) -> None:
    persona = rehearsal.persona
    origin = origin_of(rehearsal.lineage, ("template",))
    place = origin if origin.persona is not None else Origin(persona.key)
    message = f"template {rehearsal.template.name!r} {what}"
    if names := _on_first_line(takes):
        message += f"; its first line prints the session's {', '.join(repr(shorten(name)) for name in names)}"
    findings.add(
        findings.at(place, code, message, "print {{ persona.name }}, or accept this where it is meant"), persona.key
    )


def _on_first_line(takes: list[Take]) -> list[str]:
    """Return the names of the session's values that stand on the first line of a prompt."""
    names: dict[str, None] = {}
    for piece in takes[0].assembled.pieces if takes else ():
        line, _, more = (piece if names else piece.lstrip()).partition("\n")
        if isinstance(piece, Printed) and line:
            names |= dict.fromkeys(part.variable for part in piece.parts if part.variable is not None)
        if more or piece.endswith("\n"):
            break
    return list(names)
