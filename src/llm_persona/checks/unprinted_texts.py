"""Texts of a persona that its own template never prints: a dropped constraint is what no reviewer sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from ..fields import EXPECTED
from ..persona.provenance import Origin, origin_of
from ..prompts.explorations import Take
from ..prompts.texts import Path
from ..templating.views import Field, Text, TextTable
from .findings import Findings
from .rehearsals import Rehearsal

_BEGINNING = 12  # characters that show a text to be there, but cut

WHOLE = "prints {it}"
NEVER, CUT, SOMETIMES = "never prints {it}", "prints only the beginning of {it}", "prints {it} for some sessions only"
_CODES = {NEVER: "never-printed", CUT: "cut", SOMETIMES: "sometimes-printed"}


def check_unprinted_texts(rehearsal: Rehearsal, findings: Findings) -> None:
    """Find what is never printed, and constraints that are printed for some sessions only."""
    lost = _lost(rehearsal)
    for origin, verdict, is_whole in _grouped(rehearsal, lost):
        code = f"{'constraint' if origin.path[0] == 'constraints' else 'text'}-{_CODES[verdict]}"
        what = verdict.format(it="them" if is_whole else "it")
        message = f"template {rehearsal.template.name!r} {what}"
        findings.add(findings.at(origin, code, message, _hint(origin, verdict)), rehearsal.persona.key)


def _hint(origin: Origin, verdict: str) -> str:
    name = str(origin.path[0])
    if verdict is SOMETIMES:
        return "print it whatever the session holds"
    if verdict is CUT:
        return "print it whole, or shorten it"
    one = {"constraints": "constraint", "capabilities": "capability"}.get(name)
    if one is not None:
        return f"print each: {{% for {one} in persona.{name} %}}- {{{{ {one} }}}}"
    if name == "custom_sections":
        return "print each: {% for name, text in persona.custom_sections|items %}{{ text }}"
    return f"print {{{{ persona.{name} }}}}"


def _lost(rehearsal: Rehearsal) -> dict[Path, str]:
    """Return the texts that are lost, and how."""
    lost = rehearsal.once(_unprinted)
    if not lost:
        return {}
    company = _folded(rehearsal.persona.company or "")
    if ("company",) in lost and any(company in _folded(taken.text) for taken in rehearsal.good):
        lost = {path: verdict for path, verdict in lost.items() if path != ("company",)}  # other texts speak of it
    if ("role",) in lost and _is_in_a_section(rehearsal, lost):
        lost = {path: verdict for path, verdict in lost.items() if path != ("role",)}
    return {path: lost[path] for path in rehearsal.paths if path in lost}


def _is_in_a_section(rehearsal: Rehearsal, lost: Mapping[Path, str]) -> bool:
    """Whether a section that is printed says the role, as the prompt of a crew's agent does."""
    texts = dict(_all_texts(rehearsal.texts.fields))
    role = _folded(texts[("role",)])
    said = (text for path, text in texts.items() if path[0] == "custom_sections" and path not in lost)
    return any(role in _folded(text) for text in said)


def _unprinted(rehearsal: Rehearsal) -> dict[Path, str]:
    """Return the texts that the template loses, given or not."""
    texts = dict(_all_texts(rehearsal.texts.fields))
    if not rehearsal.good:
        # No recording tells what this template does: believe what it mentions.
        return {path: NEVER for path in texts if path[0] not in rehearsal.template.fields}
    printed = [_printed(taken, texts) for taken in rehearsal.good]
    lost: dict[Path, str] = {}
    for path in texts:
        verdicts = {each.get(path, NEVER) for each in printed}
        if WHOLE not in verdicts:
            lost[path] = CUT if CUT in verdicts else NEVER
        elif len(verdicts) > 1 and path[0] == "constraints":
            lost[path] = SOMETIMES
    return lost


def _printed(taken: Take, texts: Mapping[Path, str]) -> dict[Path, str]:
    """Return the texts that a prompt has, each whole or only its beginning."""
    found: dict[Path, str] = {}
    for piece in taken.printed:
        for path in piece.of & texts.keys():
            verdict = WHOLE if piece.whole else _verdict(texts[path], piece)
            if verdict is not None and found.get(path) is not WHOLE:
                found[path] = verdict
    return found


def _verdict(text: str, made_of_it: str) -> str | None:
    """Tell whether what a filter made of a text still says all of it, or its beginning; None for something else."""
    text, made = _folded(text), _folded(made_of_it)
    if text in made or not text:
        return WHOLE
    if text.startswith(made.rstrip(".… ")) or (text[:_BEGINNING] in made[: len(text)] and len(made) < len(text)):
        return CUT if len(text) > _BEGINNING and len(made.rstrip(".… ")) >= _BEGINNING else None
    return WHOLE if 2 * len(made) >= len(text) else None


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).casefold()


def _all_texts(fields: Mapping[str, Field]) -> Iterator[tuple[Path, str]]:
    for name in EXPECTED:
        value = fields[name]
        if isinstance(value, tuple):
            yield from (((name, index), _written(text)) for index, text in enumerate(value))
        elif isinstance(value, TextTable):
            yield from _all_entries(name, value)
        elif isinstance(value, str | Text):
            yield (name,), _written(value)


def _all_entries(name: str, table: TextTable) -> Iterator[tuple[Path, str]]:
    for entry, value in table.entries.items():
        if isinstance(value, tuple):
            yield from (((name, str(entry), index), _written(text)) for index, text in enumerate(value))
        else:
            yield (name, str(entry)), _written(value)


def _written(text: str | Text) -> str:
    if isinstance(text, str):
        return text
    return "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in text.parts)


def _grouped(rehearsal: Rehearsal, lost: Mapping[Path, str]) -> Iterator[tuple[Origin, str, bool]]:
    """Yield what was lost by where it was written; where a list is lost, its items together."""

    def field(path: Path) -> str:
        return str(path[0])

    for name, of_field in groupby(lost, field):
        paths = list(of_field)
        verdicts = {lost[path] for path in paths}
        is_all = (
            len(paths) > 1 and len(verdicts) == 1 and len(paths) == sum(path[0] == name for path in rehearsal.paths)
        )
        if not is_all or CUT in verdicts:
            yield from ((origin_of(rehearsal.lineage, path), lost[path], False) for path in paths)
            continue
        origins = [origin_of(rehearsal.lineage, path) for path in paths]
        for origin in dict.fromkeys(Origin(each.persona, each.path[:-1]) for each in origins):
            yield origin, verdicts.copy().pop(), True
