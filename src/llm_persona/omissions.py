"""Texts of a persona that its own template never prints: a dropped constraint is what no reviewer sees."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

from .findings import Findings
from .provenance import Origin, origin_of
from .rehearsals import Rehearsal
from .texts import Path
from .trials import MARK, Trial
from .views import Field, Text, TextTable

_BEGINNING = 12  # characters that show a text to be there, but cut

NEVER, CUT, SOMETIMES = "never prints {it}", "prints only the beginning of {it}", "prints {it} for some sessions only"
_CODES = {NEVER: "never-printed", CUT: "cut", SOMETIMES: "sometimes-printed"}


def check_omissions(rehearsal: Rehearsal, findings: Findings) -> None:
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
    paths = rehearsal.paths
    certain = [trial.tags() for trial in (*rehearsal.full, rehearsal.smallest) if trial.error is None]
    if not certain:
        # Samples cannot stand for what this template does with the session: believe what it mentions.
        return {path: NEVER for path in paths if not _mentioned(path, rehearsal.template.fields)}
    always = set.intersection(*certain)
    if len(always) == len(paths):
        return {}
    missing: set[int] = set(range(len(paths))).difference(*certain)
    if missing:
        for trial in rehearsal.others:
            missing -= trial.tags() if trial.error is None else set()
    lost = {paths[number]: SOMETIMES for number in sorted(set(range(len(paths))) - always - missing)}
    lost = {path: verdict for path, verdict in lost.items() if path[0] == "constraints"}
    return lost | dict(_unfound({paths[number] for number in missing}, rehearsal))


def _mentioned(path: Path, fields: Collection[str]) -> bool:
    return path[0] in fields


def _unfound(missing: set[Path], rehearsal: Rehearsal) -> Iterator[tuple[Path, str]]:
    """Yield those of the missing texts that are really not in the prompt.

    A tag makes a text longer, so a template that shortens or measures may lose the tag alone.
    """
    plain: Trial = rehearsal.plain
    if not missing or plain.error is not None:
        yield from ((path, NEVER) for path in missing)
        return
    prompt = _folded(MARK.sub("\0", plain.text))
    texts = {path: _folded(text) for path, text in _all_texts(rehearsal.texts.fields)}
    for path in missing:
        text = texts.get(path, "")
        elsewhere = [other for each, other in texts.items() if each != path and each not in missing]
        if text in prompt:
            if path[0] == "company":  # other texts may speak of it
                continue
            is_own = not any(text in other for other in elsewhere)
            # A short text may stand in the prompt by chance: in another word.
            if is_own and rehearsal.masked(path).text != plain.text:
                continue
        beginning = text.partition("\0")[0][:_BEGINNING]
        is_cut = len(beginning) == _BEGINNING and beginning in prompt and not any(beginning in o for o in elsewhere)
        yield path, CUT if is_cut else NEVER


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).casefold()


def _all_texts(fields: Mapping[str, Field]) -> Iterator[tuple[Path, str]]:
    for name in ("role", "company", "tone", "display_name", "capabilities", "constraints", "custom_sections"):
        value = fields[name]
        if isinstance(value, tuple):
            yield from (((name, index), _written(text)) for index, text in enumerate(value))
        elif isinstance(value, TextTable):
            yield from (((name, str(entry)), _written(text)) for entry, text in value.entries.items())
        elif isinstance(value, str | Text):
            yield (name,), _written(value)


def _written(text: str | Text) -> str:
    return "".join(part if isinstance(part, str) else "\0" for part in text.parts) if isinstance(text, Text) else text


def _grouped(rehearsal: Rehearsal, lost: Mapping[Path, str]) -> Iterator[tuple[Origin, str, bool]]:
    """Yield what was lost by where it was written; where a list is lost, its items together."""

    def field(path: Path) -> str:
        return str(path[0])

    for name, of_field in groupby(sorted(lost, key=rehearsal.paths.index), field):
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
