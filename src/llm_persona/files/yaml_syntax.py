"""YAML, read in one pass over libyaml's events: data and places together, and problems in the author's words.

Plain scalars mean what PyYAML's safe loader makes of them. libyaml alone is used: its pure-Python twin reads some
files differently, and a prompt must not depend on the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from ..errors import let_through
from ..names import shorten
from ..wording import quoted
from .source import LINE_BREAK, MOST_PROBLEMS, Nodes, Position, Source, at
from .yaml_scalars import Misread, may_be_no_text, quote, resolve, why
from .yaml_text import check_text, cut_below, cut_off, may_be_cut

_SHARED = 24  # characters up to which equal texts are held once
_ENDLESS = 10**15
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")


def read_yaml(source: Source) -> tuple[dict[str, object], Nodes]:
    """Return the data and the places of a file; raise SyntaxStop where a problem, noted in the source, ended it."""
    check_text(source)
    if not yaml.__with_libyaml__:
        raise source.stop(
            (1, 1), "YAML cannot be read: PyYAML has no libyaml here", "install a PyYAML wheel, or use JSON"
        )
    reader = (_CutReader if may_be_cut(source.text) else _Reader)(source)
    try:
        return reader.document(), reader.nodes
    except MarkedYAMLError as error:
        from .yaml_messages import explain  # only now: most files are well

        place, message, hint = explain(error, source.lines(), reader.last_place())
        raise source.stop(place, message, hint, way=reader.way_at(place)) from None
    except (yaml.YAMLError, ValueError) as error:  # bytes that libyaml passes on and PyYAML cannot decode: `!%ff`
        let_through(error)
        raise source.stop(reader.last_place(), "this cannot be read as YAML", "quote the text") from None


if TYPE_CHECKING:

    class _Mark:
        line: int
        column: int
        index: int  # in characters

    class _Event:
        """What libyaml's events have among them; each kind has some of it."""

        start_mark: _Mark
        end_mark: _Mark
        anchor: str | None
        tag: str | None
        value: str
        implicit: tuple[bool, bool]
        style: str | None
        flow_style: bool


class _Anchor:
    __slots__ = ("characters", "height", "node", "nodes", "value")

    def __init__(self, value: object, node: int, nodes: int, characters: int, height: int) -> None:
        self.value = value
        self.node = node  # -1 where its text was left out of the data
        self.nodes = nodes  # with all aliases in it written out, as its characters are
        self.characters = characters
        self.height = height  # lists and mappings inside one another, itself the first


class _Reader:
    """One pass over one file's events."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes = Nodes()
        self._lines, self._columns = self.nodes.lines, self.nodes.columns
        parser: Any = yaml.CSafeLoader(source.text)  # types-PyYAML does not know its get_event
        self._events: Iterator[_Event] = iter(parser.get_event, None)
        self._way = source.way
        self._most_nodes = source.most_nodes
        self._keys: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._plain: dict[str, object] = {}
        self._anchors: dict[str, _Anchor | None] = {}  # None: still open
        self._closed: list[_Anchor] = []  # those whose text is in the data
        self._end_index = 0  # characters before the end of the container that was read last
        self._first_alias: Position | None = None
        self._repeated_nodes = 0
        self._repeated_characters = 0
        self._deepest = 0  # of what was read since the last anchor was met, in and around it
        self._longest = source.limits.text_characters
        self._shared = min(_SHARED, self._longest)

    def last_place(self) -> Position:
        return self.nodes.place(len(self.nodes) - 1) if self.nodes else (1, 1)

    def way_at(self, place: Position) -> list[str | int]:
        """Return the way to the value that was being read, as far as it can be trusted at the place of an error."""
        on_line = bool(self.nodes) and self.last_place()[0] == place[0]
        return self._way if on_line else self._way[:1] if place[1] > 1 else []

    def document(self) -> dict[str, object]:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), StreamEndEvent):
            raise self.source.stop((1, 1), "the file is empty", "write personas in it")
        event = next(self._events)
        place = _place(event.start_mark)
        data = self._value(event)
        if not isinstance(data, dict):
            self._refuse_cut_key(place)
            raise self.source.stop(place, *_not_a_mapping(event, data), way=())
        self._end(next(self._events))
        if self._first_alias is not None:
            written = len(self.nodes)
            characters = max(0, self._repeated_characters - 20 * len(self.source.text))
            repeated = self._repeated_nodes + characters // 1_000
            self.source.check_expanded(written, written + repeated, self._first_alias)
        return data

    def _refuse_cut_key(self, place: Position) -> None:
        """Say of the key of the first persona, as `Maya #1:`, that it has no colon to YAML."""
        from .yaml_messages import cut_key

        lines = self.source.lines()
        found = cut_key(lines[place[0] - 1]) if place[0] <= len(lines) else None  # `---` alone: nothing, on no line
        if found is not None:
            raise self.source.stop((place[0], found[0]), *found[1:], way=())

    def _end(self, event: _Event) -> None:
        """Refuse whatever follows the first document, without asking libyaml, which is slow with many of them."""
        number, column = _place(event.end_mark)
        rest = self.source.text[event.end_mark.index :]
        for line in re.split(r"\r\n|\r|\n", rest):
            content = line.strip()
            if content and content[0] != "#":
                place = number, column + line.index(content)
                if content.startswith(("---", "%")):
                    raise self.source.stop(
                        place, "a second document begins here ('---')", "put all into one, or into two files", way=()
                    )
                message = f"{shorten(content, 30)!r} follows the end of the file's mapping"
                raise self.source.stop(place, message, "remove it, or mend the brackets before it", way=())
            number, column = number + 1, 1

    def _value(self, event: _Event) -> object:
        """Note a value's place and return it."""
        mark = event.start_mark
        self._lines.append(mark.line)
        self._columns.append(mark.column)
        if isinstance(event, ScalarEvent) and event.anchor is None and event.tag is None:
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            self._refuse_tag(event)
        if event.anchor is not None:
            return self._anchored(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        return self._mapping(event) if isinstance(event, MappingStartEvent) else self._sequence(event)

    def _mapping(self, start: _Event) -> dict[str, object]:
        data: dict[str, object] = {}
        keys, events, way = self._keys, self._events, self._way
        lines, columns = self._lines, self._columns
        firsts: dict[str | int, int] | None = None  # key -> its node; made when the first duplicate is met
        start_node = len(lines) - 1
        self._enter("", start)
        for event in events:
            if isinstance(event, MappingEndEvent):
                self._end_index = event.end_mark.index
                break
            mark = event.start_mark
            node = len(lines)
            lines.append(mark.line)
            columns.append(mark.column)
            is_known = isinstance(event, ScalarEvent) and event.value in keys and not event.anchor and event.tag is None
            key = keys[event.value] if is_known else self._key(event)
            if key is None or key in data:
                if key is not None:
                    firsts = firsts or {part: at - 1 for part, _, at in self.nodes.children(data, start_node)}
                    self._report_duplicate(key, firsts[key], mark)
                self._drop(next(events), node)
                continue
            if firsts is not None:
                firsts[key] = node
            way[-1] = key
            data[key] = self._value(next(events))
            if len(lines) > self._most_nodes:
                raise self.source.too_many_nodes(_place(mark))
            if len(way) == 1 and len(data) > self.source.limits.personas:
                self._check_personas(data, mark)
        way.pop()
        return data

    def _enter(self, part: str | int, start: _Event) -> None:
        self._way.append(part)
        self._reach(len(self._way), start)

    def _reach(self, depth: int, event: _Event) -> None:
        if depth > self._deepest:
            self._deepest = depth
            if depth > self.source.limits.depth:
                raise self.source.too_deep(_place(event.start_mark))

    def _report_duplicate(self, key: str, first: int, mark: _Mark) -> None:
        self._way[-1] = key
        line, _ = self.nodes.place(first)
        message = f"duplicate key {shorten(key)!r}: it is already on line {line}"
        self.source.report(_place(mark), message, "keep one of them")

    def _sequence(self, start: _Event) -> list[object]:
        data: list[object] = []
        way, lines, most_nodes = self._way, self._lines, self._most_nodes
        self._enter(0, start)
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                self._end_index = event.end_mark.index
                break
            way[-1] = len(data)
            data.append(self._value(event))
            if len(lines) > most_nodes:
                raise self.source.too_many_nodes(_place(event.start_mark))
        way.pop()
        return data

    def _drop(self, event: _Event, node: int) -> None:
        """Read a value for its problems, and keep nothing of it and of its key, whose node is given."""
        self._value(event)
        self.nodes.cut(node)
        while self._closed and self._closed[-1].node >= node:
            self._closed.pop().node = -1

    def _check_personas(self, data: dict[str, object], mark: _Mark) -> None:
        if sum(not key.startswith("$") for key in data) > self.source.limits.personas:
            raise self.source.too_many_personas(_place(mark))

    def _scalar(self, event: _Event) -> object:
        text = event.value
        if not event.style:
            if may_be_no_text(text):
                return self._resolved(text, event)
        elif event.style == '"' and "\0" in text:
            text = self._without_nul(text, event)
        if len(text) <= self._shared:
            return self._texts.setdefault(text, text)
        if len(text) > self._longest:
            self.source.check_length(text, _place(event.start_mark))
        return text

    def _resolved(self, text: str, event: _Event) -> object:
        """Return what the safe loader makes of a plain text; a date, or no real number, is a problem and stays a text."""
        value = self._plain.get(text, self)
        if value is self:
            value = self._plain[text] = resolve(text)
        if isinstance(value, Misread):
            self.source.report(_place(event.start_mark), f"{shorten(text)} {value.why}", quote(text))
            return text
        if not isinstance(value, str):
            self.nodes.written_at.append(len(self.nodes) - 1)
            self.nodes.written.append(self._texts.setdefault(text, text))
        return value

    def _key(self, event: _Event) -> str | None:
        """Return a mapping's key; None for one whose value cannot be kept."""
        if isinstance(event, ScalarEvent) and event.tag is None and event.anchor is None:
            text = event.value
            if not event.style and may_be_no_text(text):
                return self._plain_key(text, event)
            if "\0" in text:
                text = self._without_nul(text, event)
            # Only keys that mean the same with quotes and without are kept as known.
            return self._texts.setdefault(text, text) if may_be_no_text(text) else self._keys.setdefault(text, text)
        self.nodes.cut(len(self.nodes) - 1)
        value = self._value(event) if not isinstance(event, MappingStartEvent | SequenceStartEvent) else None
        if isinstance(value, str):
            return value
        raise self.source.stop(_place(event.start_mark), *_complex_key(event, value), way=self._way[:-1])

    def _plain_key(self, text: str, event: _Event) -> str | None:
        place = _place(event.start_mark)
        if text == "<<":
            self._way[-1] = text
            hint = "write the keys out; a persona takes another's fields with 'parent:'"
            self.source.report(place, "merge keys ('<<') are not allowed", hint)
            return None
        value = resolve(text)
        own = len(self._way) > 1 and isinstance(self._way[0], str) and self._way[0].startswith("$")
        if not isinstance(value, str) and not (own and _WHOLE.fullmatch(text)):
            self._way[-1] = text
            self.source.report(place, f"the key {shorten(text) or 'before the colon'} {why(value)}", quote(text))
        return self._texts.setdefault(text, text)

    def _anchored(self, event: _Event) -> object:
        name, node = event.anchor or "", len(self.nodes) - 1
        if name in self._anchors:
            message = f"the anchor '&{name}' is already defined above"
            self.source.report(_place(event.start_mark), message, "give one of them another name")
        self._anchors[name] = None
        nodes, characters = self._repeated_nodes, self._repeated_characters
        depth, around = len(self._way), self._deepest
        self._deepest = depth
        if isinstance(event, ScalarEvent):
            value, end = self._scalar(event), event.end_mark.index
        else:
            value = self._mapping(event) if isinstance(event, MappingStartEvent) else self._sequence(event)
            end = self._end_index
        anchor = _Anchor(
            value,
            node,
            # Beyond this the sums would grow with every alias of aliases, digit by digit.
            min(len(self.nodes) - node + self._repeated_nodes - nodes, _ENDLESS),
            min(end - event.start_mark.index + self._repeated_characters - characters, _ENDLESS),
            self._deepest - depth,
        )
        self._deepest = max(self._deepest, around)
        self._anchors[name] = anchor
        self._closed.append(anchor)
        return value

    def _alias(self, event: _Event) -> object:
        """Return the anchor's own value, and count what it would be if it were written out."""
        name, place = event.anchor or "", _place(event.start_mark)
        self._first_alias = self._first_alias or place
        if name not in self._anchors:
            hint = f"write '&{shorten(name)}' before the value meant, or quote the text if it should begin with '*'"
            raise self.source.stop(place, f"the alias '*{shorten(name)}' has no anchor above it", hint)
        anchor = self._anchors[name]
        if anchor is None:
            raise self.source.stop(
                place, f"the alias '*{shorten(name)}' stands inside its own anchor", "write the value out"
            )
        self._repeated_nodes += anchor.nodes - 1
        self._repeated_characters += anchor.characters
        self._reach(len(self._way) + anchor.height, event)
        self.nodes.aliases[len(self.nodes) - 1] = anchor.node
        return anchor.value

    def _refuse_tag(self, event: _Event) -> None:
        tag = (event.tag or "").replace(_TAG, "!!", 1)
        hint = "remove it, or quote the text if it should begin with '!'"
        self.source.report(_place(event.start_mark), f"the tag {shorten(tag)} is not allowed", hint)

    def _without_nul(self, text: str, event: _Event) -> str:
        self.source.report(_place(event.start_mark), "the text holds the character U+0000", "remove the '\\0'")
        return text.replace("\0", "")


class _CutReader(_Reader):
    """Reads a file in which a `#` may have cut a text, as `- Close ticket #42`, and warns of each that it did cut."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._starts: list[_Event] = []  # of the lists and mappings on the way

    def _enter(self, part: str | int, start: _Event) -> None:
        super()._enter(part, start)
        self._starts[len(self._way) - 1 :] = [start]

    def _scalar(self, event: _Event) -> object:
        value = super()._scalar(event)
        # What is no text, as in `version: 2 #old`, can only be meant so.
        if not event.style and (isinstance(value, str) or not event.value):
            self._check_end(event)
        return value

    def _check_end(self, event: _Event) -> None:
        end = event.end_mark
        found = cut_off(self.source.text, end.index) or (event.value and self._below(event)) or None
        if found is None:
            return
        if len(self.source.warnings) >= MOST_PROBLEMS:
            self.source.more_warnings += 1
            return
        from ..codes import finding  # few files need it

        rest, start = found
        first, *further = LINE_BREAK.split(self.source.text[end.index : start])
        whole = f"{event.value}{' ' if further else first}{rest}".strip()
        line = "line" if further else "rest of the line"
        message = f"the text ends before {quoted(rest, 30)}: YAML takes the {line} for a comment"
        hint = f"quote the whole text: {quoted(whole)}, or put a blank after the # of a comment"
        column = len(further[-1]) + 1 if further else end.column + 1 + len(first)
        location = at(self.source.path, (end.line + 1 + len(further), column), self._way)
        self.source.warnings.append(finding("cut-at-hash", message, hint, location))

    def _below(self, event: _Event) -> tuple[str, int] | None:
        """Find what stands below a text, as its next line. Where it may as well be the next item, it is a comment."""
        if not self._way:
            return None  # no mapping is around it, which is what is wrong with the file
        around = self._starts[len(self._way) - 1]
        found = cut_below(self.source.text, event.end_mark.index, 0 if around.flow_style else around.start_mark.column)
        if found is None or not around.flow_style:
            return found
        begins = found[1] - 1 - max(self.source.text.rfind(end, 0, found[1]) for end in "\r\n")
        return None if begins == event.start_mark.column else found


def _place(mark: _Mark) -> Position:
    return mark.line + 1, mark.column + 1


def _not_a_mapping(event: _Event, data: object) -> tuple[str, str | None]:
    if data is None and event.value == "":
        return "the file is empty", "write personas in it"
    kind = "a list" if isinstance(data, list) else "a text" if isinstance(data, str) else "a single value"
    return f"the file must be a mapping of names to personas, not {kind}", 'begin with a name and a colon, as "Maya:"'


def _complex_key(event: _Event, value: object) -> tuple[str, str]:
    if isinstance(event, MappingStartEvent) and event.flow_style:
        return "braces inside braces make a mapping the key of another", "quote the whole text that begins with '{'"
    if isinstance(event, AliasEvent | ScalarEvent):
        return f"a key must be a text, but {why(value)}", "quote it"
    kind = "a mapping" if isinstance(event, MappingStartEvent) else "a list"
    return f"a key must be a text, not {kind}", "quote it"
