"""Persona files that went wrong as files do: a byte changed, a part cut out, repeated, or put inside another."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

GOOD = Path(__file__).parent / "personas" / "good"

LIMITS = ["Be kind", "Be brief"]
SECTIONS = {"FAQ": "Ask {name}\nor read.", "Ünder": "{plan}"}
ALIASED: dict[str, Any] = {
    "Base": {"abstract": True, "company": "Acme", "constraints": LIMITS},
    "Maya": {"role": "Guide", "constraints": LIMITS, "custom_sections": SECTIONS},
    "Dora": {"parent": "Base", "role": "R", "version": "2", "custom_sections": SECTIONS, "metadata": {"of": [LIMITS]}},
    "Dora@3": {"parent": "Dora", "capabilities": {"replace": LIMITS}, "variables": {"plan": "free"}},
    "$rollouts": {"Dora": {"3": 10}},
}


def good_files(ending: str) -> list[bytes]:
    """Return the content of good persona files: YAML by hand and as PyYAML writes it, or JSON."""
    # odd-names has versions beside none that is served: well to the schema, and no registry.
    found = [path.read_bytes() for path in sorted(GOOD.glob(f"*{ending}")) if path.stem != "odd-names"]
    return [*found, *(_written(ALIASED, ending, flat) for flat in (True, False))]


def _written(data: object, ending: str, flat: bool = False) -> bytes:
    if ending == ".yaml":
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=flat).encode()
    return json.dumps(data, indent=None if flat else 2).encode()


MARKS = [b"", b"[", b"]", b"{", b"}", b":", b": ", b"- ", b",", b'"', b"'", b"*", b"&a ", b"<<: ", b"\n", b"\0", b"\\0"]
MARKS += [b"#", b" #", b"@", b"/", b"$", b"~", b"null", b"1.10", b"2026-01-01", b"\t", b"\xff", b"\xc2\x85", b"|", b">"]


@st.composite
def broken_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Return the content after one accident."""
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 12) | st.integers(0, 400)))
    before, part, after = content[:start], content[start:end], content[end:]
    match draw(st.sampled_from(["change", "cut out", "cut off", "repeat", "nest", "move"])):
        case "change":
            return before + draw(st.sampled_from(MARKS) | st.binary(min_size=1, max_size=1)) + content[start + 1 :]
        case "cut out":
            return before + after
        case "cut off":
            return before
        case "repeat":
            return before + part * draw(st.integers(2, 4)) + after
        case "nest":
            left, right = draw(st.sampled_from([(b"[", b"]"), (b'{"a": ', b"}"), (b"{", b"}"), (b'"', b'"')]))
            return before + left + part + right + after
    rest = before + after
    at = draw(st.integers(0, len(rest)))
    return rest[:at] + part + rest[at:]


ODD_KEYS = [
    "",
    " ",
    "$x",
    "$rollouts",
    "role",
    "name",
    "rolle",
    "Maya",
    "Maya@2",
    "@",
    "a/b",
    "0@0",
    "\x07",
    "\u200b",
    "\ufb01",
]
ODD_VALUES = [None, True, 0, 7, 1.5, "", " ", "{", "{name}", "{plan} {", "x" * 200, "\x07", [], {}, [None], {"add": []}]


@st.composite
def broken_data(draw: st.DrawFn, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with one key or value in another's place."""
    data = copy.deepcopy(data)
    holder = draw(st.sampled_from(list(_mappings(data))))
    keys = list(holder) or [""]
    key = draw(st.sampled_from(keys))
    other = draw(st.sampled_from(ODD_KEYS) | st.text(max_size=3))
    match draw(st.sampled_from(["value", "text", "text", "rename", "remove", "repeat", "nest", "add"])):
        case "value":
            holder[key] = draw(st.sampled_from(ODD_VALUES))
        case "text":
            holder[key] = draw(st.text(max_size=9)) if isinstance(holder.get(key), str) else holder.get(key)
        case "rename":
            holder[other] = holder.pop(key, None)
        case "remove":
            holder.pop(key, None)
        case "repeat":
            holder[other] = holder.get(key)
        case "nest":
            holder[key] = draw(st.sampled_from([[holder.get(key)], {other: holder.get(key)}]))
        case "add":
            holder[other] = draw(st.sampled_from(ODD_VALUES))
    return data


def _mappings(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(below)


@st.composite
def broken_files(draw: st.DrawFn, ending: str) -> bytes:
    """Return a file that is good, or whose data went wrong, or its bytes, or both."""
    content = draw(st.sampled_from(good_files(ending)))
    if draw(st.booleans()):
        data: dict[str, Any] = yaml.safe_load(content.decode("utf-8-sig"))
        for _ in range(draw(st.integers(1, 2))):
            data = draw(broken_data(data))
        content = _written(data, ending, draw(st.booleans()))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        content = draw(broken_bytes(content))
    return content
