"""Reading persona files: bytes to data with places, and problems instead of exceptions for all that a file can hold.

YAML or JSON by the file's ending; `yaml_syntax` and `json_syntax` know the two, nothing else does.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Sequence
from typing import Literal

from ..arguments import path_of
from ..errors import Location, PersonaFileError, Problem, let_through
from ..limits import Limits, setting
from .source import LINE_BREAK, Nodes, Position, Source, SyntaxStop, at, where

__all__ = ["Document", "parse", "read", "read_bytes", "read_text"]

Kind = Literal["yaml", "json"]
STANDARD_INPUT = "<stdin>"  # what it is called in messages
NO_PATH = "<data>"  # the path of data that came from no file

_KINDS: dict[str, Kind] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
ENDINGS = tuple(_KINDS)
_OTHER_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

_Step = tuple[str | int, dict[str | int, tuple[object, int]]]  # a part of a path, and what stands beside it


class Document:
    """The data of one file and the places of all that is in it: small, picklable, not to be changed.

    `path` is as the caller gave it (`<stdin>` for `-`), `folder` where the relative names in it start. `data` holds plain Python values only, and is empty where a
    problem ended the reading. `problems` are in file order, and `more` of them are only counted. Where a value was
    refused and the reading went on, `data` has its text as written; of two equal keys it has the first. `warnings` are
    findings that only the text shows, and `more_warnings` of them are only counted.
    """

    def __init__(
        self,
        path: str,
        data: dict[str, object],
        problems: Sequence[Problem] = (),
        *,
        more: int = 0,
        warnings: Sequence[Problem] = (),
        more_warnings: int = 0,
        shares: bool = False,
        nodes: Nodes | None = None,
        source: bytes | None = None,
        folder: str | None = None,
    ) -> None:
        """Take the places of the data, or the JSON source from which they are made when first asked for."""
        self.path = path
        self.folder = _folder_of(path) if folder is None else folder
        self.data = data
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        self.more = more
        self.warnings = tuple(warnings)
        self.more_warnings = more_warnings
        self._shares = shares
        self._nodes = nodes
        self._source = source
        self._trail: tuple[_Step, ...] = ()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_trail": ()}

    def lying_in(self, folder: str) -> Document:
        """Return the same document, whose relative paths begin in a folder: standard input lies in none of its own."""
        return Document(
            self.path,
            self.data,
            self.problems,
            more=self.more,
            warnings=self.warnings,
            more_warnings=self.more_warnings,
            shares=self._shares,
            nodes=self._nodes,
            source=self._source,
            folder=folder,
        )

    @property
    def has_aliases(self) -> bool:
        """Whether some lists and mappings of the data are one and the same."""
        return self._shares or (self._nodes is not None and bool(self._nodes.aliases))

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return the line and the column, 1-based and in characters, of the value at a path, or of its key.

        A path that leads nowhere gives the nearest place on the way to it. Of an alias it is the alias's own place,
        and of what is inside it the place where that is written.
        """
        nodes = self._places()
        if not nodes:
            return 1, 1
        node, depth = self._find(path)
        is_key = key and 0 < depth == len(path) and isinstance(path[-1], str)
        return nodes.place(node - 1 if is_key else node)

    def location(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """Return where the value at a path is, or its key, for what is wrong with it; data has no file to name."""
        if self.path == NO_PATH:
            return Location(None, None, None, *where(path))
        return at(self.path, self.locate(path, key=key), path)

    def written(self, path: Sequence[str | int]) -> str | None:
        """Return the text, as the file has it, of a plain value that was read as a number, truth value or null."""
        nodes = self._places()
        node, depth = self._find(path) if nodes else (0, 0)
        return nodes.written_for(nodes.aliases.get(node, node)) if depth == len(path) else None

    def _find(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Return the node at a path, or the last one on the way, and how many parts of the path led to it.

        What is inside each value on the way is kept for the next question, which is mostly about a neighbour.
        """
        value: object = self.data
        node = 0
        before = self._trail  # never changed in place: another thread may be asking
        trail: list[_Step] = []
        same, reached = True, 0
        for depth, part in enumerate(path):
            if same and depth < len(before):
                children = before[depth][1]
                same = before[depth][0] == part
            else:
                same = False
                children = {name: (child, at) for name, child, at in self._places().children(value, node)}
            trail.append((part, children))
            found = children.get(part)
            if found is None:
                break
            value, node = found
            reached += 1
        if not same:
            self._trail = tuple(trail)
        return node, reached

    def _places(self) -> Nodes:
        source = self._source
        if self._nodes is None and source is not None:
            from .json_syntax import locate_json

            self._nodes = locate_json(source.decode())
            self._source = None  # only now: another thread may be asking
        return self._nodes or Nodes()


def _folder_of(path: str) -> str:
    return "" if path == STANDARD_INPUT else os.path.dirname(path)


def read(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Document:
    """Read a file; whatever is wrong with it, or with getting at it, is a problem of the document and never raised.

    `-` is standard input, read as JSON where it begins with `{` and as YAML otherwise. Only regular files are read:
    a FIFO or a device could block for ever.
    """
    limits = limits or Limits()
    name = path_of(path, "the path of a persona file")
    if name == "-":
        content = sys.stdin.buffer.read(limits.file_bytes + 1)
        starts_json = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{"
        return parse(content, STANDARD_INPUT, kind="json" if starts_json else "yaml", limits=limits)
    content = reached(name, limits) if name.lower().endswith(ENDINGS) else b""
    return parse_file(content, name, limits)


def parse_file(content: bytes | Document, path: str, limits: Limits) -> Document:
    """Return the document of what was reached at a path; YAML or JSON by the path's ending."""
    kind = _KINDS.get(os.path.splitext(path)[1].lower())
    if kind is None:
        if os.path.isdir(path):
            return _refused(path, "is a folder", "name a file in it; on the command line, -f takes folders")
        if isinstance(content, Document):
            return content
        return _refused(path, "a persona file must end in .yaml, .yml or .json", "rename it")
    return content if isinstance(content, Document) else parse(content, path, kind=kind, limits=limits)


def read_bytes(path: str, limits: Limits, at: str | None = None) -> bytes:
    """Return the bytes of a regular file, one beyond the limit at most. Raises PersonaFileError with what is wrong."""
    content = reached(path, limits, at)
    if isinstance(content, Document):
        raise PersonaFileError(content.problems)
    return content


def read_text(path: str, limits: Limits, at: str | None = None) -> str:
    """Return the text of a regular UTF-8 file that is no persona file. Raises PersonaFileError with what is wrong."""
    decoded = _decoded(read_bytes(path, limits, at), path, limits)
    if isinstance(decoded, Document):
        raise PersonaFileError(decoded.problems)
    return decoded[1]


def reached(name: str, limits: Limits, at: str | None = None) -> bytes | Document:
    """Return what a file holds, which lies `at` another path where one is given; a document of what is wrong with it."""
    try:
        return content_of(at or name, limits)
    except FileNotFoundError:
        is_pattern = any(mark in name for mark in "*?[")
        hint = "on the command line, -f takes patterns" if is_pattern else "check the path"
        return _refused(name, "there is no such file", hint)
    except PermissionError:
        return _refused(name, "the file may not be read", "check its permissions")
    except (OSError, ValueError) as error:
        let_through(error)
        reason = getattr(error, "strerror", None) or str(error)
        return _refused(name, f"the file cannot be read: {reason.lower()}", "check the path")


class _NotRegularError(ValueError):
    pass


def content_of(name: str, limits: Limits) -> bytes:
    """Return the bytes of a regular file, and never more than one beyond the limit."""
    mode = os.stat(name).st_mode
    if not stat.S_ISREG(mode):
        raise _NotRegularError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")
    # Should a FIFO take the file's place meanwhile, opening it must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with open(os.open(name, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _NotRegularError("it is not a regular file")
        return file.read(limits.file_bytes + 1)


def parse(source: bytes | str, path: str, *, kind: Kind, limits: Limits | None = None) -> Document:
    """Read YAML or JSON that is at hand; `path` is the name that its problems give it."""
    limits = limits or Limits()
    content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    decoded = _decoded(content, path, limits)
    if isinstance(decoded, Document):
        return decoded
    content, text = decoded
    if kind == "json":
        return _parse_json(path, content, text, limits)
    return _parse_yaml(path, text, len(content), limits)


def _decoded(content: bytes, path: str, limits: Limits) -> tuple[bytes, str] | Document:
    """Return the bytes without a BOM, and their text."""
    if len(content) > limits.file_bytes:
        message = f"the file has more than {limits.file_bytes:,} bytes"
        return _refused(path, message, f"split it, or set {setting('file_bytes')}")
    content = content.removeprefix(codecs.BOM_UTF8)
    encoding = _other_encoding(content)
    if encoding:
        return _refused(path, f"the file is {encoding}, not UTF-8", "save it as UTF-8")
    try:
        return content, content.decode()
    except UnicodeDecodeError as error:
        return _refused(path, *_not_utf8(content, error.start))


def _parse_yaml(path: str, text: str, size: int, limits: Limits) -> Document:
    from .yaml_syntax import read_yaml

    source = Source(path, text, limits, size)
    try:
        data, nodes = read_yaml(source)
    except SyntaxStop:
        return Document(path, {}, source.problems, more=source.more)
    return Document(
        path,
        data,
        source.problems,
        more=source.more,
        warnings=source.warnings,
        more_warnings=source.more_warnings,
        nodes=nodes,
    )


def _parse_json(path: str, content: bytes, text: str, limits: Limits) -> Document:
    from .json_syntax import load_json

    data = load_json(text, limits, len(content))
    if data is not None:
        return Document(path, data, source=content)
    source = Source(path, text, limits, len(content))
    from .json_reader import JsonReader

    reader = JsonReader(source)
    try:
        data = reader.document()
    except SyntaxStop:
        return Document(path, {}, source.problems, more=source.more)
    return Document(path, data, source.problems, more=source.more, nodes=reader.nodes)


def _refused(path: str, message: str, hint: str, place: Position = (1, 1)) -> Document:
    return Document(path, {}, [Location(path, *place).problem(message, hint)])


def _other_encoding(content: bytes) -> str | None:
    for mark, encoding in _OTHER_MARKS:
        if content.startswith(mark):
            return encoding
    return "UTF-16" if len(content) > 1 and 0 in content[:2] and content[:2] != b"\0\0" else None


def _not_utf8(content: bytes, start: int) -> tuple[str, str, Position]:
    """Say which byte is the first that is not UTF-8, and where it is."""
    lines = LINE_BREAK.split(content[:start].decode())
    message = f"the byte 0x{content[start]:02X} is not UTF-8"
    return message, "save the file as UTF-8", (len(lines), len(lines[-1]) + 1)
