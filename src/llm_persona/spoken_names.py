"""Whether a prompt says the persona's name: whoever a prompt without it says it is, is not the persona."""

from __future__ import annotations

from .findings import Findings
from .names import shorten
from .provenance import Origin, origin_of
from .rehearsals import Rehearsal
from .trials import MARK, MASK, Trial

WORD_FOR_WORD = "verbatim"  # prints foreign prompts, which say themselves who they are; so does what extends it


def check_spoken_name(rehearsal: Rehearsal, findings: Findings) -> None:
    """Find a prompt in which no place comes from the persona's name: `persona.name`, or `{name}` in a text."""
    if rehearsal.template.ends_in(WORD_FOR_WORD):
        return
    certain = [trial for trial in (*rehearsal.full, rehearsal.smallest) if trial.error is None]
    if not certain:
        # Samples cannot stand for what this template does with the session: believe what it mentions.
        said = _mentioned(rehearsal)
    else:
        said = any(each.says_name for each in (*certain, *rehearsal.others)) or _prints_a_part(rehearsal)
    if not said:
        _tell(rehearsal, findings, "template-never-says-name", "never says the persona's name", certain)
    elif silent := [trial for trial in certain if not trial.says_name and any(each.says_name for each in certain)]:
        what = "says the persona's name for some sessions only"
        _tell(rehearsal, findings, "template-sometimes-says-name", what, silent)


def _mentioned(rehearsal: Rehearsal) -> bool:
    printed = {str(path[0]) for path in rehearsal.named} | {"name", "display_name"}
    return not printed.isdisjoint(rehearsal.template.fields)


def _prints_a_part(rehearsal: Rehearsal) -> bool:
    """Tell whether a part of the name is printed, as where a filter cut it."""
    return rehearsal.masked(("name",)).text.count(MASK) > rehearsal.plain.text.count(MASK)


def _tell(rehearsal: Rehearsal, findings: Findings, code: str, what: str, trials: list[Trial]) -> None:
    persona = rehearsal.persona
    origin = origin_of(rehearsal.lineage, ("template",))
    place = origin if origin.persona is not None else Origin(persona.key)
    message = f"template {rehearsal.template.name!r} {what}"
    if names := _on_first_line(trials):
        message += f"; its first line prints the session's {', '.join(repr(shorten(name)) for name in names)}"
    findings.add(
        findings.at(place, code, message, "print {{ persona.name }}, or accept this where it is meant"), persona.key
    )


def _on_first_line(trials: list[Trial]) -> list[str]:
    """Return the names of the session's values that stand on the first line of a prompt."""
    for trial in trials:
        first = trial.text.lstrip().partition("\n")[0]
        return list(dict.fromkeys(trial.sources[int(number)].name for number in MARK.findall(first)))
    return []
