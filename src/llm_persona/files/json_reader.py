"""JSON read with care: places of all that is in it, and problems in the author's words."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]  # has no stub

from ..names import shorten
from .source import LINE_BREAK, Nodes, Position, Source

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[^\s,:{}\[\]\"']+")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 4_300  # what Python itself turns into an int


class JsonReader:
    """One careful pass over a text, with places and with problems in the author's words."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.nodes = Nodes()
        self._starts = [0, *(found.end() for found in LINE_BREAK.finditer(self.text))]
        self._most_nodes = source.most_nodes
        self._scan = scanstring

    def document(self) -> dict[str, object]:
        at = self._skip(0)
        if at == len(self.text):
            raise self.source.stop((1, 1), "the file is empty", "write personas in it")
        data, end = self._value(at)
        after = self._skip(end)
        if after < len(self.text):
            self._refuse_comment(after)
            raise self._stop(after, "there is extra text after the end of the file's mapping", "remove it", whole=True)
        if not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else "a text" if isinstance(data, str) else "a single value"
            message = f"the file must be a mapping of names to personas, not {kind}"
            raise self._stop(at, message, 'begin with {"Maya": {', whole=True)
        return data

    def _place(self, at: int) -> Position:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def _stop(self, at: int, message: str, hint: str | None, *, whole: bool = False) -> Exception:
        return self.source.stop(self._place(at), message, hint, way=() if whole else None)

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _add(self, at: int) -> None:
        line, column = self._place(at)
        self.nodes.add(line - 1, column - 1)
        if len(self.nodes) > self._most_nodes:
            raise self.source.too_many_nodes((line, column))

    def _value(self, at: int) -> tuple[object, int]:
        self._add(at)
        character = self.text[at : at + 1]
        if character == '"':
            return self._string(at)
        if character == "{":
            return self._mapping(at)
        if character == "[":
            return self._sequence(at)
        return self._single(at)

    def _mapping(self, start: int) -> tuple[dict[str, object], int]:
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        way, at = self._enter("", start), self._skip(start + 1)
        if self.text[at : at + 1] != "}":
            while True:
                node = len(self.nodes)
                if self.text[at : at + 1] != '"':
                    raise self._no_key(at, start, comma=bool(data))
                self._add(at)
                key, after = self._string(at)
                way[-1] = key
                at = self._colon(self._skip(after), key)
                duplicate = key in data
                if duplicate:
                    message = f"duplicate key {shorten(key)!r}: it is already on line {lines[key]}"
                    place = self.nodes.place(node)
                    self.source.report(place, message, "keep one of them")
                value, at = self._value(at)
                if duplicate:
                    self.nodes.cut(node)
                else:
                    data[key] = value
                    lines[key] = self.nodes.place(node)[0]
                    if len(way) == 1:
                        self._check_personas(data, node)
                at, ended = self._next(self._skip(at), start, "}")
                if ended:
                    break
        way.pop()
        return data, at + 1

    def _sequence(self, start: int) -> tuple[list[object], int]:
        data: list[object] = []
        way, at = self._enter(0, start), self._skip(start + 1)
        if self.text[at : at + 1] != "]":
            while True:
                way[-1] = len(data)
                if data and self.text[at : at + 1] == "]":
                    raise self._stop(at, "a comma stands before ']'", "remove the comma")
                value, at = self._value(at)
                data.append(value)
                at, ended = self._next(self._skip(at), start, "]")
                if ended:
                    break
        way.pop()
        return data, at + 1

    def _enter(self, part: str | int, at: int) -> list[str | int]:
        self.source.way.append(part)
        if len(self.source.way) > self.source.limits.depth:
            raise self.source.too_deep(self._place(at))
        return self.source.way

    def _check_personas(self, data: dict[str, object], node: int) -> None:
        most = self.source.limits.personas
        if len(data) > most and sum(not key.startswith("$") for key in data) > most:
            raise self.source.too_many_personas(self.nodes.place(node))

    def _colon(self, at: int, key: str) -> int:
        if self.text[at : at + 1] != ":":
            if at >= len(self.text):
                raise self._cut_off(at)
            raise self._stop(at, f"expected ':' after the key {shorten(key)!r}", "write a colon")
        return self._skip(at + 1)

    def _next(self, at: int, start: int, closing: str) -> tuple[int, bool]:
        """Go on behind a comma, or tell that the container ends here."""
        character = self.text[at : at + 1]
        if character == closing:
            return at, True
        if character == ",":
            return self._skip(at + 1), False
        if not character:
            message = f"the '{self.text[start]}' that opens here is never closed; the text ends first"
            raise self._stop(start, message, "the file may have been cut off")
        self._refuse_comment(at)
        if character in "]}":
            message = f"'{character}' does not close the '{self.text[start]}' on line {self._place(start)[0]}"
            raise self._stop(at, message, f"write '{closing}'")
        raise self._stop(at, f"expected ',' or '{closing}' here", "write a comma between two values")

    def _no_key(self, at: int, start: int, *, comma: bool) -> Exception:
        character = self.text[at : at + 1]
        if not character:
            message = f"the '{self.text[start]}' that opens here is never closed; the text ends first"
            return self._stop(start, message, "the file may have been cut off")
        self._refuse_comment(at)
        if character == "}" and comma:
            return self._stop(at, "a comma stands before '}'", "remove the comma")
        if character == "'":
            return self._stop(at, "JSON knows no single quotes", 'use double quotes: "name"')
        return self._stop(at, "a key must be a text in double quotes", 'write "name":')

    def _refuse_comment(self, at: int) -> None:
        if self.text.startswith(("//", "/*", "#"), at):
            raise self._stop(at, "JSON has no comments", "remove it, or keep the file as YAML")

    def _cut_off(self, at: int) -> Exception:
        return self._stop(at, "the file ends before its mapping does", "it may have been cut off")

    def _string(self, at: int) -> tuple[str, int]:
        try:
            text, end = self._scan(self.text, at + 1, True)
        except json.JSONDecodeError as error:
            raise self._bad_string(at, error) from None
        if "\0" in text:
            self.source.report(self._place(at), "the text holds the character U+0000", "remove the '\\u0000'")
            text = text.replace("\0", "")
        surrogate = _SURROGATE.search(text)
        if surrogate:
            code = f"U+{ord(surrogate[0]):04X}"
            message = f"the text holds {code}, a lone surrogate: half of a character"
            self.source.report(self._place(at), message, "write the character itself")
            text = _SURROGATE.sub("\ufffd", text)
        self.source.check_length(text, self._place(at))
        return text, end

    def _bad_string(self, at: int, error: json.JSONDecodeError) -> Exception:
        where = min(error.pos, len(self.text) - 1)
        if "Unterminated" in error.msg:
            return self._stop(at, "the double quote that opens here is never closed", 'close it with "')
        if "control character" in error.msg:
            character = self.text[where]
            if character in "\r\n":
                return self._stop(
                    at, "the double quote that opens here is not closed on its line", "write \\n for a new line"
                )
            shown = "a tab" if character == "\t" else f"the character U+{ord(character):04X}"
            escape = "\\t" if character == "\t" else f"\\u{ord(character):04x}"
            return self._stop(where, f"{shown} cannot stand in a JSON text", f"write {escape}")
        where = self.text.rfind("\\", at, where + 1)
        shown = self.text[where : where + 2]
        return self._stop(where, f"'{shown}' is no escape that JSON knows", "write two backslashes (\\\\) for one")

    def _single(self, at: int) -> tuple[object, int]:
        """Read a number, true, false or null."""
        number = _NUMBER.match(self.text, at)
        word = _WORD.match(self.text, at)
        shown = word[0] if word else self.text[at : at + 1]
        self.nodes.written_at.append(len(self.nodes) - 1)
        self.nodes.written.append(shown)
        if shown in _WORDS:
            return _WORDS[shown], at + len(shown)
        if number and number[0] == shown:
            return self._number(shown, at), number.end()
        if shown in ("NaN", "Infinity", "-Infinity"):
            self.source.report(self._place(at), f"{shown} is no number of JSON", f'quote it: "{shown}"')
            return shown, at + len(shown)
        if not shown:
            raise self._cut_off(at)
        raise self._bad_value(shown, at, is_number=bool(number))

    def _number(self, text: str, at: int) -> int | float | str:
        if len(text) > _MOST_DIGITS:
            message = f"a number of {len(text):,} digits"
        elif text.lstrip("-").isdigit():
            return int(text)
        elif math.isfinite(value := float(text)):
            return value
        else:
            message = f"{shorten(text)} is beyond what a number can be"
        self.source.report(self._place(at), message, f'quote it: "{shorten(text)}"')
        return text

    def _bad_value(self, shown: str, at: int, *, is_number: bool) -> Exception:
        self._refuse_comment(at)
        place, text = at, shorten(shown)
        if shown == "'":
            return self._stop(place, "JSON knows no single quotes", 'use double quotes: "text"')
        if shown in ("]", "}", ",", ":"):
            return self._stop(place, f"a value is expected before '{text}'", "remove the extra mark, or write a value")
        if shown.lower() in ("true", "false", "null", "none"):
            right = {"none": "null"}.get(shown.lower(), shown.lower())
            return self._stop(place, f"{text} is no value of JSON", f"write {right}")
        if is_number or shown[0] in "+-.0123456789":
            return self._stop(place, f"{text} is no number of JSON", f'quote it: "{text}"')
        return self._stop(place, f"{text!r} is no value of JSON", "put texts in double quotes")
