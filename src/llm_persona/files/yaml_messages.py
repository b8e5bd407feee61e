"""What libyaml complains of, in the words of somebody who writes a persona file: what is wrong, where, what to do."""

from __future__ import annotations

import re

from yaml.error import MarkedYAMLError

from ..names import shorten
from ..wording import quoted
from .source import Position

Explanation = tuple[Position, str, str | None]

# A key with a `#` after a blank: `Channel #support: where`.
_CUT_KEY = re.compile(r"\s*(?:- )*([^\s\"'#][^#\"']*?)([ \t]+)(#\S[^:]*)(?=:(\s|$))")
_OTHER_SPACE = re.compile("[ \t]*([\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000])")
_CONFLICT = re.compile(r"(<{7}|>{7})(\s|$)|={7}$|\|{7}(\s|$)")


def conflict_mark(lines: list[str]) -> Position | None:
    """Return the place of the first mark that a merge left behind."""
    found = [number for number, line in enumerate(lines, 1) if _CONFLICT.match(line)]
    return (found[0], 1) if found else None


def cut_key(line: str) -> tuple[int, str, str] | None:
    """Return the column, what is wrong and what to do, where YAML takes the end of a key and its colon for a comment."""
    found = _CUT_KEY.match(line)
    if found is None or re.search(r":\s", found[1]):
        return None
    message = f"the key ends before {quoted(found[3], 30)}: YAML takes the rest of the line for a comment"
    return found.start(3) + 1, message, f"quote the key: {quoted(found[1] + found[2] + found[3])}"


def explain(error: MarkedYAMLError, lines: list[str], last: Position) -> Explanation:
    """Say what a libyaml error means; `last` is where the value or key before it began."""
    return _Message(error, lines, last).explain()


class _Message:
    def __init__(self, error: MarkedYAMLError, lines: list[str], last: Position) -> None:
        mark = error.problem_mark or error.context_mark
        start = error.context_mark or mark
        self.problem = error.problem or ""
        self.context = error.context or ""
        self.lines = lines
        self.last = last
        self.place: Position = (mark.line + 1, mark.column + 1) if mark else last
        self.start: Position = (start.line + 1, start.column + 1) if start else self.place
        self.line = self.line_at(self.place)
        self.before = self.line[: self.place[1] - 1]
        self.rest = self.line[self.place[1] - 1 :]
        self.at_end = self.place[0] >= len(lines) and not self.rest

    def line_at(self, place: Position) -> str:
        return self.lines[place[0] - 1] if place[0] <= len(self.lines) else ""

    def character_at(self, place: Position) -> str:
        return self.line_at(place)[place[1] - 1 : place[1]]

    def line_above(self) -> tuple[int, str] | None:
        """Return the nearest line above that has something on it, and its number."""
        above = ((number, self.lines[number - 1]) for number in range(self.place[0] - 1, 0, -1))
        return next((found for found in above if found[1].strip()), None)

    def explain(self) -> Explanation:
        mark = conflict_mark(self.lines[: self.place[0] + 1])
        if mark:
            return mark, "a merge conflict was left in the file", "keep one side, and remove the marks"
        for number in dict.fromkeys((self.place[0], *(self.line_above() or ())[:1])):
            if space := _OTHER_SPACE.match(self.line_at((number, 1))):
                message = f"a space that is none of YAML's (U+{ord(space[1]):04X}) is used to indent this line"
                return (number, space.start(1) + 1), message, "use spaces"
        for fragment, answer in _ANSWERS:
            if fragment in self.problem or fragment in self.context:
                if fragment in _LACKS_A_COLON and (found := self.key_cut()):
                    return found
                return answer(self)
        return self.place, "this cannot be read as YAML", "look at the quotes, colons and spaces around it"

    def key_cut(self) -> Explanation | None:
        """Find a key above that lost its colon to a `#`, of which the error is the consequence."""
        above = self.line_above()
        for number in dict.fromkeys((self.place[0], self.start[0], self.last[0], *(above or ())[:1])):
            found = cut_key(self.line_at((number, 1)))
            if found is not None:
                return (number, found[0]), *found[1:]
        return None

    def wrong_start(self) -> Explanation:
        character = self.rest[:1]
        if character == "\t":
            return self.tab()
        message = f"a text cannot begin with '{character}'"
        return self.place, message, f'quote it: "{shorten(self.rest.strip())}"'

    def tab(self) -> Explanation:
        line, column = self.place
        leading = re.match(r"[ \t]*", self.line)
        if leading and "\t" in leading[0]:
            column = leading[0].index("\t") + 1
        return (line, column), "a tab is used to indent this line", "use spaces"

    def alias_name(self) -> Explanation:
        character = self.character_at(self.start)
        text = self.line_at(self.start)[self.start[1] - 1 :].strip()
        return self.start, f"a text cannot begin with '{character}'", f'quote it: "{shorten(text)}"'

    def tag(self) -> Explanation:
        text = self.line_at(self.start)[self.start[1] - 1 :].strip()
        message = f"{shorten(text)!r} begins with '!', which makes it a tag, and tags are not allowed"
        return self.start, message, "quote the text"

    def colon(self) -> Explanation:
        """A second colon on a line, or a key that is indented as if it went on with the text above."""
        above = self.line_above()
        if above and not re.search(r":\s", self.before):
            return self.misplaced_key(*above)
        key, value = _key_and_value(self.line)
        message = "a colon followed by a space stands inside a text"
        hint = f"quote the whole text: {key}{_quoted(value)}" if key and "\n" not in value else "quote the whole text"
        return self.place, message, hint

    def misplaced_key(self, number: int, above: str) -> Explanation:
        indent, text = _indent(self.line), above.strip()
        if re.search(r":(\s|$)", above) or text.startswith("- "):
            message = f"an indent of {indent} fits no line above"
            return (self.place[0], indent + 1), message, "indent the key as the others beside it"
        place = number, _indent(above) + 1
        if ":" in text:
            return place, f"{shorten(text)!r} has no space after its colon", "write one"
        return place, f"{shorten(text)!r} has no colon", "write a colon after it"

    def list_item(self) -> Explanation:
        hint = f"begin the list on a line of its own, or quote the text: {_quoted(self.rest.strip())}"
        return self.place, "a list item ('- ') cannot begin here", hint

    def question_mark(self) -> Explanation:
        return self.place, "a text cannot begin with '? '", f"quote it: {_quoted(self.rest.strip())}"

    def no_colon(self) -> Explanation:
        text = self.line_at(self.start)[self.start[1] - 1 :].strip()
        message = f"expected ':' after {shorten(text)!r}"
        after = [line for line in self.lines[self.start[0] :] if line.strip()]
        if not after:
            return self.start, message, "the file may have been cut off here"
        return self.start, message, "write a colon after the key, or indent a text that goes on from the line above"

    def quote(self) -> Explanation:
        mark = self.character_at(self.start)
        name = "double" if mark == '"' else "single"
        return self.start, f"the {name} quote that opens here is never closed", f"close it with {mark}"

    def escape(self) -> Explanation:
        line, column = self.place
        while column > 1 and self.character_at((line, column)) != "\\":
            column -= 1
        shown = self.line_at((line, column))[column - 1 : column + 1]
        message = f"{shown!r} is no escape that double quotes know".replace("\\\\", "\\")
        return (line, column), message, "write two backslashes (\\\\) for one, or use single quotes"

    def code_point(self) -> Explanation:
        line, column = self.place
        column = self.line.rfind("\\", 0, column) + 1 or column
        code = re.match(r"\\[xuU]([0-9A-Fa-f]+)", self.line[column - 1 :])
        name = f"U+{code[1].upper():0>4}" if code else "this escape"
        message = f"{name} is no character that a text can hold (a lone surrogate, or beyond Unicode)"
        return (line, column), message, "write the character itself"

    def block_header(self) -> Explanation:
        mark = self.character_at(self.start)
        message = f"text cannot follow '{mark}' on its line"
        return (
            self.start,
            message,
            f"begin the text on the next line, indented, or quote a text that begins with '{mark}'",
        )

    def indent_zero(self) -> Explanation:
        return self.place, "the indent given after '|' or '>' must be 1 to 9", "leave it out"

    def expected_key(self) -> Explanation:
        """Where a line should go on or end: after a quote or a bracket, or with an indent that fits nothing."""
        before = self.before.rstrip()
        opener = self.character_at(self.last)
        if before.endswith(("'", '"')) and before[-1] == opener:
            return self.after_quote(opener)
        if before.endswith(("}", "]")):
            opening = "{" if before[-1] == "}" else "["
            found = self.before.find(opening) + 1
            place = (self.place[0], found) if found else self.place
            text = self.line[found - 1 :].strip() if found else self.rest
            message = f"text follows '{before[-1]}': a text that begins with '{opening}' must be in quotes"
            return place, message, f"quote it: {_quoted(text)}"
        if self.rest[:1] in ("}", "]"):
            return self.place, f"'{self.rest[0]}' has no opening bracket", "remove it, or quote the text"
        if opener in ("|", ">") and self.place[0] > self.last[0]:
            message = f"this line is indented less than the text that begins on line {self.last[0]}"
            return self.place, message, "indent it as the lines of the text above"
        if self.rest.startswith("- "):
            return self.place, "a list item ('- ') does not fit here", "indent it below the key of its list"
        if "'-' indicator" in self.problem:
            return self.place, "a key cannot stand among the items of a list", "begin the line with '- ', or indent it"
        indent = _indent(self.line)
        message = f"an indent of {indent} fits no line above"
        if indent == 0 or self.before.strip():
            return self.place, "a key and a colon are expected here", "look at the quotes and spaces before it"
        return self.place, message, "indent it as the keys beside it"

    def after_quote(self, mark: str) -> Explanation:
        if self.last[0] < self.place[0]:
            message = f"the quote that opens on line {self.last[0]} ends only here"
            return (
                self.last,
                message.replace("here", f"on line {self.place[0]}"),
                f"close it with {mark} where its text ends",
            )
        message = f"text follows the closing quote ({mark})"
        if mark == "'":
            return self.place, message, "write an apostrophe twice ('') inside single quotes, or use double quotes"
        return self.place, message, 'write \\" for a quote inside double quotes, or put the whole text in single quotes'

    def flow(self) -> Explanation:
        opening = self.character_at(self.start)
        closing = "]" if opening == "[" else "}"
        if self.at_end:
            return self.start, f"the '{opening}' that opens here is never closed", f"close it with '{closing}'"
        before = self.before.rstrip()
        if before.endswith(("'", '"')) and before[-1] == self.character_at(self.last) and self.last[0] == self.place[0]:
            return self.after_quote(before[-1])
        if self.start[0] < self.place[0]:
            message = f"the '{opening}' that opens here is not closed before line {self.place[0]}"
            return self.start, message, f"close it with '{closing}', or quote a text that begins with '{opening}'"
        message = f"expected ',' or '{closing}' here"
        return self.place, message, f"close the '{opening}' before it, or quote the text"

    def content(self) -> Explanation:
        if self.at_end:
            opener = self.character_at(self.last)
            if opener in ("[", "{"):
                return self.last, f"the '{opener}' that opens here is never closed", "the file may have been cut off"
            return self.place, "the file ends before a '[' or '{' is closed", "it may have been cut off"
        character = self.rest[:1]
        if character in (",", "]", "}"):
            hint = "remove the extra comma, or quote the text" if character == "," else "quote the text"
            return self.place, f"a value is expected before '{character}'", hint
        return self.place, "a value is missing here", "write one, or quote the text"

    def after_end(self) -> Explanation:
        message = f"{shorten(self.rest.strip(), 30)!r} follows the end of the file's mapping"
        return self.place, message, "remove it, or mend the brackets before it"

    def directive(self) -> Explanation:
        return self.place, "a line that begins with '%' is not allowed here", "remove it, or quote the text"

    def too_deep(self) -> Explanation:
        return self.place, "lists and mappings are nested too deep", "use fewer levels"


_ANSWERS = (
    ("directive", _Message.directive),
    ("incompatible YAML document", _Message.directive),
    ("found a tab character", _Message.tab),
    ("cannot start any token", _Message.wrong_start),
    ("an alias", _Message.alias_name),
    ("an anchor", _Message.alias_name),
    ("tag", _Message.tag),
    ("mapping values are not allowed", _Message.colon),
    ("block sequence entries", _Message.list_item),
    ("mapping keys are not allowed", _Message.question_mark),
    ("expected ':'", _Message.no_colon),
    ("unexpected end of stream", _Message.quote),
    ("unexpected document indicator", _Message.quote),
    ("unknown escape", _Message.escape),
    ("hexdecimal", _Message.escape),
    ("Unicode character escape", _Message.code_point),
    ("expected comment or line break", _Message.block_header),
    ("indentation indicator", _Message.indent_zero),
    ("expected key", _Message.expected_key),
    ("'-' indicator", _Message.expected_key),
    ("expected ','", _Message.flow),
    ("node content", _Message.content),
    ("<document start>", _Message.after_end),
    ("depth", _Message.too_deep),
)

_LACKS_A_COLON = ("expected ':'", "expected key", "<document start>", "mapping values are not allowed")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _key_and_value(line: str) -> tuple[str, str]:
    found = re.match(r"(\s*(?:- )*(?:[^:]*:\s+)?)(.*)", line)
    return (found[1].strip() + " ", found[2]) if found and found[1].strip() else ("", line.strip())


def _quoted(text: str) -> str:
    text = shorten(text)
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"
