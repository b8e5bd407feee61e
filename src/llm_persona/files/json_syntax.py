"""JSON at the speed of the standard parser, where all is well with it.

What `load_json` does not like `json_reader` reads again, one value at a time. The two agree on every file that the
first accepts; a test holds it.
"""

from __future__ import annotations

import json
import math
import re

from ..errors import let_through
from ..limits import Limits
from .source import LINE_BREAK, Nodes

_DOUBTFUL_ESCAPE = re.compile(
    r"\\u0000"
    r"|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])"  # a first half without its second
    r"|\\u(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F]"  # a second half without its first
    r"|\\\\u[dD][89abAB]"  # an escaped backslash, which only looks like a first half
)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[^\s,:\[\]{}"]+')


class _DoubtfulError(ValueError):
    pass


def load_json(text: str, limits: Limits, size: int) -> dict[str, object] | None:
    """Return the data of a file that is in order at first sight, else None: then JsonReader must say what is wrong."""
    if _DOUBTFUL_ESCAPE.search(text):
        return None
    try:
        data = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        let_through(error)
        return None
    if not isinstance(data, dict) or len(data) > limits.personas:
        return None
    return data if _within(data, limits, limits.most_nodes(size)) else None


def _refuse(text: str) -> object:
    raise _DoubtfulError(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _DoubtfulError
    return value


def _within(data: dict[str, object], limits: Limits, most_nodes: int) -> bool:
    """Tell whether data keeps the limits of depth, nodes and the length of texts."""
    level: list[dict[str, object] | list[object]] = [data]
    longest, nodes = limits.text_characters, 1
    for _ in range(limits.depth):
        below: list[dict[str, object] | list[object]] = []
        for container in level:
            nodes += len(container)
            values = container
            if type(container) is dict:
                nodes += len(container)
                values = container.values()  # type: ignore[assignment]  # either is only walked
            for value in values:
                if type(value) is str:
                    if len(value) > longest:
                        return False
                elif type(value) is dict or type(value) is list:
                    below.append(value)
        if nodes > most_nodes:
            return False
        if not below:
            return True
        level = below
    return False


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise _DoubtfulError
    return data


def locate_json(text: str) -> Nodes:
    """Return the places of a text that load_json took: of its tokens, that is, all but the marks between them."""
    nodes = Nodes()
    starts = [0, *(found.end() for found in LINE_BREAK.finditer(text)), len(text) + 1]
    line = 0
    for token in _TOKEN.finditer(text):
        at = token.start()
        while at >= starts[line + 1]:
            line += 1
        if text[at] not in '"[{':
            nodes.written_at.append(len(nodes))
            nodes.written.append(token[0])
        nodes.add(line, at - starts[line])
    return nodes
