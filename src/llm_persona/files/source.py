"""The text of a persona file: its limits, its problems, and the places of what is written in it.

It knows nothing of YAML or JSON; `yaml_syntax` and `json_syntax` fill it, `reading` hands it on.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import takewhile

from ..errors import Location, Problem, field_text
from ..limits import Limits, setting

MOST_PROBLEMS = 1_000  # noted one by one, of a file and of a registry: a list must not outgrow the file
LINE_BREAK = re.compile(r"\r\n|\r|\n")

Position = tuple[int, int]  # a line and a column, 1-based and in characters


class SyntaxStop(Exception):  # noqa: N818 - ends the reading of a file whose problems are noted; never leaves it
    pass


class Nodes:
    """Where every key and value of a file begins, in reading order, and how those that are not texts were written.

    A mapping counts one, then each key one and its value; so the data, walked in the same order, finds its places again.
    """

    __slots__ = ("aliases", "columns", "lines", "written", "written_at")

    def __init__(self) -> None:
        self.lines = array("I")  # 0-based, as the columns are
        self.columns = array("I")
        self.written_at = array("I")
        self.written: list[str] = []
        self.aliases: dict[int, int] = {}  # the node of an alias -> the node of its anchor

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, node: int) -> Position:
        return self.lines[node] + 1, self.columns[node] + 1

    def add(self, line: int, column: int) -> None:
        """Note the next node; line and column are 0-based."""
        self.lines.append(line)
        self.columns.append(column)

    def written_for(self, node: int) -> str | None:
        found = bisect_left(self.written_at, node)
        if found < len(self.written_at) and self.written_at[found] == node:
            return self.written[found]
        return None

    def cut(self, count: int) -> None:
        """Forget all nodes but the first `count`: what they held is not in the data."""
        del self.lines[count:], self.columns[count:]
        kept = bisect_left(self.written_at, count)
        del self.written_at[kept:]
        del self.written[kept:]
        while self.aliases and next(reversed(self.aliases)) >= count:  # they are in reading order
            self.aliases.popitem()

    def children(self, container: object, node: int) -> Iterator[tuple[str | int, object, int]]:
        """Yield the part, the value and the value's node for everything in the list or mapping at a node.

        The node of a mapping's key is the one before its value's.
        """
        node = self.aliases.get(node, node) + 1
        if node == 0:  # its anchor stood in what was left out of the data
            return
        if isinstance(container, dict):
            for key, value in container.items():
                yield key, value, node + 1
                node = self._after(value, node + 1)
        elif isinstance(container, list | tuple):
            for position, value in enumerate(container):
                yield position, value, node
                node = self._after(value, node)

    def _after(self, value: object, node: int) -> int:
        """Return the first node after a value; an alias is one node, whatever it stands for."""
        if node in self.aliases or not isinstance(value, dict | list | tuple):
            return node + 1
        following = node + 1
        if isinstance(value, dict):
            for child in value.values():
                following = self._after(child, following + 1)
        else:
            for child in value:
                following = self._after(child, following)
        return following


class Source:
    """A file's text on its way to data, and what was found wrong with it so far."""

    __slots__ = ("limits", "more", "more_warnings", "path", "problems", "size", "text", "warnings", "way")

    def __init__(self, path: str, text: str, limits: Limits, size: int) -> None:
        self.path = path
        self.text = text
        self.limits = limits
        self.size = size  # bytes
        self.way: list[str | int] = []  # keys and positions that lead to what is being read
        self.problems: list[Problem] = []
        self.more = 0  # problems that are not among them
        self.warnings: list[Problem] = []  # findings that only the text shows
        self.more_warnings = 0  # that are not among them

    @property
    def most_nodes(self) -> int:
        return self.limits.most_nodes(self.size)

    def report(
        self, place: Position, message: str, hint: str | None = None, *, way: Sequence[str | int] | None = None
    ) -> None:
        """Note a problem of the file and go on; those beyond the first 1,000 are only counted."""
        if len(self.problems) >= MOST_PROBLEMS:
            self.more += 1
            return
        self.problems.append(at(self.path, place, self.way if way is None else way).problem(message, hint))

    def stop(
        self, place: Position, message: str, hint: str | None = None, *, way: Sequence[str | int] | None = None
    ) -> SyntaxStop:
        """Note a problem that ends the reading, and return what to raise."""
        self.report(place, message, hint, way=way)
        return SyntaxStop()

    def lines(self) -> list[str]:
        return LINE_BREAK.split(self.text)

    def too_many_nodes(self, place: Position) -> SyntaxStop:
        message = f"the file has more than {self.most_nodes:,} keys and values"
        return self.stop(place, message, f"split the file, or set {setting('nodes')}", way=())

    def check_expanded(self, written: int, expanded: int, first_alias: Position) -> None:
        """Refuse aliases that come to more than they may: `expanded` keys and values where so many are written."""
        most = self.limits.most_expanded_nodes(written)
        if expanded > most:
            message = (
                f"with its aliases, of which this is the first, the file comes to more than {most:,} keys and values"
            )
            raise self.stop(first_alias, message, f"write fewer, or set {setting('expanded_nodes')}", way=())

    def too_deep(self, place: Position) -> SyntaxStop:
        message = f"lists and mappings are nested more than {self.limits.depth} deep"
        keys = list(takewhile(lambda part: isinstance(part, str), self.way[:-1]))
        return self.stop(place, message, f"use fewer levels, or set {setting('depth')}", way=keys)

    def too_many_personas(self, place: Position) -> SyntaxStop:
        message = f"the file has more than {self.limits.personas:,} personas"
        return self.stop(place, message, f"split the file, or set {setting('personas')}", way=())

    def check_length(self, text: str, place: Position) -> None:
        if len(text) > self.limits.text_characters:
            message = f"a text of {len(text):,} characters; at most {self.limits.text_characters:,} are allowed"
            self.report(place, message, f"shorten it, or set {setting('text_characters')}")


def where(way: Sequence[str | int]) -> tuple[str | None, str | None]:
    """Split the way to a value into its persona and its field; keys of the file itself (`$rollouts`) have no persona."""
    if not way or not isinstance(way[0], str):
        return None, None
    if not way[0].startswith("$"):
        return way[0], field_text(way[1:]) or None
    return None, field_text(way)


def at(path: str, position: Position, way: Sequence[str | int]) -> Location:
    """Return where in a file something is wrong, and the way to it."""
    return Location(path, *position, *where(way))
