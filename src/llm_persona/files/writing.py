"""The text of persona files: plain data as YAML or JSON that reads back equal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping

from ..errors import InvalidValueError
from ..names import kind_of

_PLAIN = re.compile(r"[^\W\d_](?:[\w $%+/=.,;!?()'@^~-]|:(?=\S)|[^\x00-\x7f])*", re.ASCII)
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u2028\u2029\ufeff\ufffe\uffff]")
_REFUSED = re.compile("[\0\ud800-\udfff]")
_STEP = "  "
_LONGEST_KEY = 1_000  # characters; libyaml looks for the colon of a longer one in vain


def dump_json(data: Mapping[str, object]) -> str:
    """Return JSON that reads back as the data; raise InvalidValueError for what a file cannot hold."""
    return json.dumps(_checked(data), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def dump_yaml(data: Mapping[str, object]) -> str:
    """Return YAML that reads back as the data, a persona a paragraph; raise InvalidValueError for what a file cannot hold.

    Texts of several lines are blocks (`|`) where every character would come back; others are in double quotes.
    """
    checked = _checked(data)
    if not checked:
        return "{}\n"
    return "\n".join("\n".join(_entry(key, value, "")) + "\n" for key, value in checked.items())


def _checked(data: Mapping[str, object]) -> dict[str, object]:
    if not isinstance(data, Mapping):
        raise InvalidValueError(f"a file holds a mapping, not {kind_of(data)}")
    return {_text(key): _plain(value) for key, value in data.items()}


def _plain(value: object) -> object:
    """Return plain lists and dicts of what a file can hold."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return _checked(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise InvalidValueError(f"a file cannot hold {kind_of(value)}: {value!r}")


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidValueError(f"a key of a file must be a text, not {kind_of(text)}")
    refused = _REFUSED.search(text)
    if refused:
        raise InvalidValueError(f"a file cannot hold the character U+{ord(refused[0]):04X}")
    return text


def _entry(key: str, value: object, indent: str) -> Iterator[str]:
    """Yield the lines of a key and its value."""
    name = _scalar(key)
    if len(name) > _LONGEST_KEY:
        yield f"{indent}? {name}"
        name = ""
    yield from _after(f"{indent}{name}:", value, indent)


def _after(lead: str, value: object, indent: str) -> Iterator[str]:
    """Yield the lines of a value that follows `key:` or `-`."""
    inner = indent + _STEP
    if isinstance(value, dict) and value:
        yield lead
        for key, below in value.items():
            yield from _entry(key, below, inner)
    elif isinstance(value, list) and value:
        yield lead
        for item in value:
            yield from _item(item, inner)
    elif isinstance(value, str) and "\n" in value.strip("\n"):
        yield from _several_lines(lead, value, inner)
    else:
        yield f"{lead} {_scalar(value)}"


def _item(item: object, indent: str) -> Iterator[str]:
    """Yield the lines of a list's item; a mapping or list begins on the line of its dash."""
    if isinstance(item, dict | list) and item:
        _, first, *further = _after("", item, indent)
        yield f"{indent}- {first.removeprefix(indent + _STEP)}"
        yield from further
    else:
        yield from _after(f"{indent}-", item, indent)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _one_line(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)  # null, true, an integer, [] or {}


def _one_line(text: str) -> str:
    safe = _PLAIN.fullmatch(text) and not text.endswith(" ") and not _UNSEEN.search(text)
    return text if safe and text.lower() not in _WORDS else f'"{_escaped(text)}"'


def _float(value: float) -> str:
    """YAML knows `1.0e+17`, and takes Python's `1e+17` for a text."""
    digits, e, exponent = repr(value).partition("e")
    return digits + ("" if "." in digits else ".0") + e + exponent


def _escaped(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _several_lines(lead: str, text: str, indent: str) -> Iterator[str]:
    lines = text.split("\n")
    # Editors strip spaces and blank lines at ends: a text that has them is safer in quotes.
    if _UNSEEN.search(text) or text.endswith("\n\n") or any(line != line.rstrip() for line in lines):
        yield from _quoted_lines(lead, lines, indent)
        return
    # A first line that is blank or begins with a space would hide how far the block is indented.
    depth = str(len(_STEP)) if text[0] in " \t\n" else ""
    chomp = "" if text.endswith("\n") else "-"
    yield f"{lead} |{depth}{chomp}"
    yield from (f"{indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n"))


def _quoted_lines(lead: str, lines: list[str], indent: str) -> Iterator[str]:
    r"""Yield double quotes over several lines: each ends in `\n\`, which keeps what no block could."""
    escaped = [_escaped(line) for line in lines]
    # The reader drops the indent of each further line: a space that is the text's own has to be escaped.
    further = [f"\\{line}" if line.startswith(" ") else line for line in escaped[1:]]
    parts = [escaped[0], *further]
    yield f'{lead} "' + parts[0] + "\\n\\"
    yield from (f"{indent}{part}\\n\\" for part in parts[1:-1])
    yield f'{indent}{parts[-1]}"'
