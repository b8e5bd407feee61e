"""JSON as the programs read it whose files these are: of two equal keys the last counts, half a character is one unknown."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import replace

from ..files.reading import Document, parse
from .foreign import Reading

_UNFIT = re.compile("[\0\ud800-\udfff]")


def parse_leniently(content: bytes, path: str, reading: Reading) -> Document:
    """Return the data of a JSON file; what persona files may not hold is a warning, where other programs take it."""
    document = parse(content, path, kind="json", limits=reading.limits)
    data = _as_others_read(content) if document.problems and len(content) <= reading.limits.file_bytes else None
    if data is None:
        return document
    reading.warnings += [
        replace(problem, persona=None, field=None, severity="warning", hint="other programs read on here")
        for problem in document.problems
    ]
    return Document(path, data)


def _as_others_read(content: bytes) -> dict[str, object] | None:
    try:
        data = json.loads(content.removeprefix(codecs.BOM_UTF8).decode(), strict=False, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    fit = _fit(data)
    return fit if isinstance(fit, dict) else None


def _fit(value: object) -> object:
    """Return data in which U+FFFD stands for what no text can hold, and the text for a number that is none."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {str(_fit(key)): _fit(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fit(item) for item in value]
    return str(value) if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
