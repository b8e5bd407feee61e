"""Where a text goes: in the place of a regular file in one step, or to a device, a pipe or a stream, as it is.

The one writer of the package. What a terminal would obey is spelled where the text goes to one, and nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import BinaryIO

from ..arguments import target_of
from ..errors import PersonaError, one_line, path_text
from .invisible import runs

Path = str | os.PathLike[str]
Input = Path | int  # a file that was read, or its descriptor

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(?P<process>\d+)(?:/task/\d+)?/fd")
_MOST_LINKS = 40
BEGUN = ".llm-persona."  # how the names of files begin that are written to be put in place
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)  # of file systems without hard links


def safe(text: str) -> str:
    """Spell what a terminal would act on, and what nobody would see there; tabs and line feeds stay."""
    text = _OBEYED.sub(lambda found: one_line(found[0]), text)
    for run in reversed(list(runs(text))):
        spelled = run.characters.encode("unicode_escape").decode()
        text = text[: run.start] + spelled + text[run.start + len(run.characters) :]
    return text


def write_file(path: Path, text: str, *, replace: bool = True, inputs: Iterable[Input] = ()) -> None:
    """Write a text to a path. A regular file is replaced, all or nothing: whoever reads meanwhile finds the old one or
    the new one, whole, and nothing else stays behind. A device, a pipe or an open descriptor (`/dev/stdout`) is written
    to and never replaced.

    A link is followed, not replaced; a file that is there keeps its permissions, and its owner where that may be. With
    `replace=False` nothing that is there is touched, and never one of the `inputs`, under whatever name. Raises
    PersonaError for those, and OSError, with the path in `filename`, for what the system refuses.
    """
    name = target_of(path, "the path of the file")
    content = text.encode()
    try:
        descriptor = open_descriptor(name)
        status = _status(name) if descriptor is None else os.fstat(descriptor)
        if status is not None:
            _refuse_input(name, status, inputs)
        if descriptor is not None:
            _write_to(os.dup(descriptor), text, content)
        elif status is None or stat.S_ISREG(status.st_mode):
            if not replace:
                refuse_existing(name)
            _replace(_landing(name), content, status, replace)
        else:
            if stat.S_ISBLK(status.st_mode) and not replace:  # a disk has a content, as a file has
                refuse_existing(name)
            _write_to(os.open(name, os.O_WRONLY | getattr(os, "O_NOCTTY", 0)), text, content)
    except FileExistsError:
        refuse_existing(name)
        raise
    except OSError as error:
        error.filename = name
        del error.filename2  # None would be told as a second name
        raise


def sweep(folder: Path) -> None:
    """Remove what was being written in a folder by who was killed meanwhile; nobody else may be writing there."""
    for name in os.listdir(folder):
        if name.startswith(BEGUN) and name.endswith(".tmp"):
            os.unlink(os.path.join(folder, name))


def refuse_existing(path: str) -> None:
    """Raise PersonaError where a regular file, or a link to nowhere, stands at the path."""
    status = _status(path)
    kept = os.path.lexists(path) if status is None else stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)
    if kept and open_descriptor(path) is None:
        raise PersonaError(f"{path} is there already", hint="name another file, or replace it with --force")


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder, each as `write_file` does. Raises PersonaError, before any, for one that a link leads
    out of the folder.
    """
    for path in texts:
        if leads_out(folder, path):
            raise PersonaError(f"{path} is a link to another place", hint="remove it, or name another folder")
    for path, text in texts.items():
        write_file(path, text)


def leads_out(folder: Path, path: Path) -> bool:
    """Whether a path below a folder leads, through links, to a place that is not in it."""
    return not PurePath(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _landing(path: str) -> str:
    """Return where a path leads, without links. Raises OSError where a folder on the way is not there.

    `os.path.realpath` would step over that one: `missing/../file` is `file` to it, and nothing to the system.
    """
    for _ in range(_MOST_LINKS):
        path = os.path.join(os.path.realpath(os.path.dirname(path), strict=True), os.path.basename(path))
        if not os.path.islink(path):
            return path
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def open_descriptor(path: str) -> int | None:
    """Return which of this process's open files a path means, such as `/dev/stdout`, `/dev/fd/3`; None for others."""
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(os.path.dirname(path))
        name = os.path.basename(path)
        found = _DESCRIPTORS.fullmatch(folder)
        if found is not None and found["process"] in (None, str(os.getpid())) and name.isdecimal():
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(os.path.join(folder, name)))
        except OSError:
            return None
    return None


def told(error: OSError) -> PersonaError:
    """Return what the system refused, in one sentence with the remedy."""
    place = path_text(os.fsdecode(error.filename)) if error.filename else "standard output"
    if error.errno == errno.ENOENT and error.filename:
        folder = os.path.dirname(place)
        while os.path.basename(folder) == os.pardir and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder or os.curdir):
            return PersonaError(f"{place}: there is no folder {folder!r}", hint="make it first, or name another one")
    message, hint = _SAID.get(error.errno or 0, ((error.strerror or str(error)).lower(), None))
    return PersonaError(f"{place}: {message}", hint=hint)


_SAID: dict[int, tuple[str, str | None]] = {
    errno.ENOENT: ("there is no such file", "check the path"),
    errno.EISDIR: ("is a folder", "name a file in it"),
    errno.ENOTDIR: ("goes through a file as if it were a folder", "check the path"),
    errno.EACCES: ("permission denied", "check who may write there"),
    errno.EPERM: ("permission denied", "check who may write there"),
    errno.EROFS: ("the file system is read-only", "name another place"),
    errno.ENOSPC: ("no space left on the disk", "make room and try again"),
    errno.EDQUOT: ("the disk quota is used up", "make room and try again"),
    errno.EFBIG: ("the file would be larger than is allowed here", "raise the limit (ulimit -f)"),
    errno.ENAMETOOLONG: ("the name is too long", "name another file"),
    errno.ELOOP: ("the links lead to one another", "check the path"),
    errno.ENXIO: ("is a socket or a device that cannot be opened", "name a file"),
    errno.EBADF: ("is not open", "name another file"),
}


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _refuse_input(name: str, status: os.stat_result, inputs: Iterable[Input]) -> None:
    """Raise PersonaError where a path leads to a file that was read: itself, a link to it, or its other name."""
    for each in inputs:
        with contextlib.suppress(OSError):
            read = os.stat(each)
            if os.path.samestat(status, read) and stat.S_ISREG(read.st_mode):
                raise PersonaError(
                    f"{name} was read to make this", hint="name another file; an input is never replaced"
                )


def _write_to(descriptor: int, text: str, content: bytes) -> None:
    for stream in (sys.stdout, sys.stderr):  # what was printed before comes before, if the descriptor is theirs
        if stream is not None:
            stream.flush()
    with open(descriptor, "wb", buffering=0) as file:
        rest = memoryview(safe(text).encode() if os.isatty(descriptor) else content)
        while rest:
            rest = rest[file.write(rest) :]


def _replace(target: str, content: bytes, status: os.stat_result | None, replace: bool) -> None:
    """Put a new file in the place of a regular one, or where none is."""
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f"{BEGUN}{secrets.token_hex(8)}.tmp")  # short: the target's may be full length
    if status is not None and not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            if status is not None:
                _take_over(file, status)
            os.fsync(file.fileno())
        if replace:
            os.replace(beside, target)
        else:
            _add(beside, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)
    _sync_folder(folder)


def _take_over(file: BinaryIO, status: os.stat_result) -> None:
    """Give a new file the owner and the permissions of the one that it replaces."""
    mode = stat.S_IMODE(status.st_mode)
    mine = os.fstat(file.fileno())
    if hasattr(os, "fchown") and (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(file.fileno(), status.st_uid, status.st_gid)
        except OSError:
            mode &= 0o777  # whose rights a file lends is its old owner's to say
    os.chmod(file.name, mode)


def _add(beside: str, target: str) -> None:
    """Give a new file its name. Raises FileExistsError where that is taken, by whoever was faster."""
    try:
        os.link(beside, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(beside, target)


def _sync_folder(folder: str) -> None:
    """Make the new name survive a power cut, where the system lets folders be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
