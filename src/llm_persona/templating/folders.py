"""The files of template folders: which there are, and what each says. Nothing outside of a folder is ever read."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import TemplateError, let_through, path_text
from ..kinds import is_text
from ..limits import DEFAULTS, Limits, setting
from ..names import did_you_mean, kind_of, shorten

ENDING = ".j2"
_OF_PERSONAS = (".yaml", ".yml", ".json")
MAX_TEMPLATES = 10_000  # files in one folder
MAX_FOLDERS = 32  # folders within one another

_OPENING = re.compile(r"\{[{%#]")
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|[^\w\s]")
_PART = re.compile(r"[A-Za-z0-9_.-]+")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # names that Windows opens as devices


class Source(NamedTuple):
    """The text of one file, or what forbids to use it, and on which line."""

    path: str
    text: str = ""
    problem: str | None = None
    line: int | None = None


Sources = Mapping[str, Sequence[tuple[str, Source]]]  # by folder, the name and the source of each template


def read_folder(folder: Path, shown: str, limits: Limits = DEFAULTS) -> Iterator[tuple[str, Source]]:
    """Yield the name and the source of every template below a folder.

    Raises TemplateError where the folder is missing.
    """
    if not is_folder(folder):
        there = "not a folder" if os.path.exists(folder) else "missing"
        hint = (
            f"for a file of personas: PersonaRegistry.from_file({path_text(shown)!r})"
            if shown.lower().endswith(_OF_PERSONAS)
            else did_you_mean(folder.name, _beside(folder))
        )
        raise TemplateError(f"the template folder {path_text(shown)!r} is {there}", hint=hint)
    root = folder.resolve(strict=True)
    for count, (path, name) in enumerate(template_files(root), 1):
        if count > MAX_TEMPLATES:
            raise TemplateError(f"the template folder {shown!r} holds more than {MAX_TEMPLATES:,} templates")
        yield name, _read_source(path, root, f"{shown}/{name}{ENDING}", limits)


def _beside(folder: Path) -> list[str]:
    """Return the folders that stand where this one does not."""
    try:
        return [entry.name for entry in os.scandir(folder.parent) if entry.is_dir()]
    except OSError as error:
        let_through(error)
        return []


def is_folder(path: str | Path) -> bool:
    """Tell whether a path is a folder. `os.path.isdir` would answer no for what a signal handler raises meanwhile."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        let_through(error)
        return False


def template_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder, its own links resolved, that may be templates, and their names."""
    return _files(root, "", (root,))


def _files(folder: Path, prefix: str, within: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder that may be templates, and their names; `within` is the way to it, links resolved.

    Names that begin with a dot are not templates: Kubernetes keeps its copies under names that begin with two, and
    mounts links to them. A link to a folder is followed within the root, and never in a circle.
    """
    for entry in sorted(_entries(folder), key=lambda entry: entry.name):
        name = prefix + entry.name
        if entry.name.startswith(".") or name_problem(name):
            continue
        path = folder / entry.name
        if _is_folder(entry):
            real = path.resolve()
            if real.is_relative_to(within[0]) and real not in within and len(within) < MAX_FOLDERS:
                yield from _files(path, f"{name}/", (*within, real))
        elif entry.name.endswith(ENDING):
            yield path, name.removesuffix(ENDING)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        let_through(error)
        raise TemplateError(f"the template folder {str(folder)!r} cannot be read: {error.strerror}") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link to itself
        let_through(error)
        return False


def _read_source(path: Path, root: Path, shown: str, limits: Limits) -> Source:
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root):
            return Source(shown, problem="links to a place outside of its folder")
        with open(real, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Source(shown, problem="is not a regular file")
            data = file.read(limits.template_bytes + 1)
    except OSError as error:
        let_through(error)
        return Source(shown, problem=f"cannot be read: {error.strerror}")
    except RuntimeError as error:  # before Python 3.13, a link that leads to itself
        let_through(error)
        return Source(shown, problem="cannot be read: it links to itself")
    if len(data) > limits.template_bytes:
        problem = f"is larger than {limits.template_bytes:,} bytes; split it, or set {setting('template_bytes')}"
        return Source(shown, problem=problem, line=1)
    return _decoded(data, shown)


def _decoded(data: bytes, shown: str) -> Source:
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return Source(shown, problem="is not UTF-8", line=data[: error.start].count(b"\n") + 1)
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    if "\0" in text:
        return Source(
            shown, problem="holds NUL, which no prompt can carry", line=text[: text.index("\0")].count("\n") + 1
        )
    return Source(shown, text)


def within_tokens(sources: dict[str, Source], limits: Limits) -> dict[str, Source]:
    """Return the sources by name, those without which the others have more tokens than may be compiled as unusable.

    They are counted before anything is compiled, so that it is the same templates for whoever asks for whichever first.
    """
    if sum(len(each.text) for each in sources.values()) <= limits.template_tokens:
        return sources
    counted = sorted((sum(count for _, count in _tokens(each.text)), name) for name, each in sources.items())
    left, found = limits.template_tokens, dict(sources)
    for count, name in counted:  # the smallest are kept, so that one that is too large forbids no other
        left -= count
        if left < 0:
            path, line = sources[name].path, _line_of_token(sources[name].text, left + count)
            problem = (
                f"has {count:,} names, constants and signs within braces, and with the smaller templates of its folder"
                f" more than {limits.template_tokens:,}; write fewer, or set {setting('template_tokens')}"
            )
            found[name] = Source(path, problem=problem, line=line)
    return found


def _line_of_token(text: str, most: int) -> int:
    """Return the line on which a template has more than so many tokens."""
    for line, count in _tokens(text):
        most -= count
        if most < 0:
            return line
    return 1


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield the line where braces open, and how many tokens stand within them."""
    line = 1
    before, *parts = _OPENING.split(text)
    line += before.count("\n")
    for part in parts:
        end = min((at for at in (part.find("}}"), part.find("%}")) if at >= 0), default=len(part))
        yield line, 2 + sum(map(_count, _TOKEN.findall(part, 0, end)))
        line += part.count("\n")


def _count(token: str) -> int:
    """Return how many tokens one counts as: a very long name or number takes long to read."""
    return 1 if token[0] in "'\"" else 1 + len(token) // 16


def plain_name(name: str) -> str:
    """Return the one form of a template's name, which may be written with its ending or without."""
    stem = name.removesuffix(ENDING)
    return name if stem.endswith(ENDING) else stem  # of x.j2.j2, nobody would find x.j2 as x.j2


def name_problem(name: object) -> str | None:
    """Say why a name can be no template's, before anything looks for it."""
    if not is_text(name):
        return f"a template's name is a text, not {kind_of(name)}"
    return None if _is_name(str.__str__(name)) else f"{shorten(name)!r} cannot be a template's name"


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    parts = name.removesuffix(ENDING).split("/")
    return all(_PART.fullmatch(part) and part.strip(".") and not _DEVICES.match(part) for part in parts)
