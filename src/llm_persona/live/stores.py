"""A store for a fleet: a small pointer that moves, and immutable bundles beside it. Any file system of fsspec's."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ..errors import PersonaError, let_through, one_line, shorten
from ..files.output import write_file
from .bundles import digest

MOST_POINTER = 65_536  # bytes
MOST_BUNDLE = 256 * 2**20
_NOT_THERE = (404, 410)  # of HTTP
MOST_HANGING = 4  # calls that did not come back, before no other is made

_MARKS = ("ETag", "etag", "LastModified", "last_modified", "mtime", "created", "generation", "md5Hash", "content_md5")

# What of a URL is nobody else's: user and password, and what signs it.
_SECRET = re.compile(r"(?<=://)[^/@?#]*@|\?.*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says: which bundle, who moved it there, when and why, and where it was before."""

    bundle: str
    sha256: str
    by: str
    at: str
    message: str
    previous: Mapping[str, str] | None = None

    def content(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    def release(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, getattr(self, name)) for name in ("bundle", "by", "at", "message"))


class Store:
    """What stands at a URL, and beside it. No call takes longer than `timeout` seconds; each raises PersonaError."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None, timeout: float = 10.0) -> None:
        self.url = url
        self.name = one_line(_SECRET.sub("", url))  # as it is told
        self._options = dict(options or {})
        self._timeout = timeout
        self._made: tuple[int, Any, str] | None = None  # of which process, the file system and the path
        self._hanging: list[threading.Thread] = []

    def mark(self) -> object:
        """Return what changes with the pointer, such as its ETag; None where the store has nothing of the kind."""
        found = self._asked(lambda: self._system()[0].info(self._system()[1], **self._limit(self._system()[0])))
        told = tuple(str(found[key]) for key in _MARKS if found.get(key) is not None)
        return (*told, found.get("size")) if told else None

    def pointer(self) -> tuple[Pointer, bytes] | None:
        """Return what the pointer says, and its bytes; None where there is none."""
        content = self.content()
        return None if content is None else (read_pointer(content, self.name), content)

    def content(self) -> bytes | None:
        """Return what stands where the pointer is; None where nothing does."""
        return self._asked(lambda: self._content(None, MOST_BUNDLE))

    def bundle(self, pointer: Pointer | Mapping[str, str]) -> bytes:
        """Return a bundle's bytes. Raises PersonaError where they are not those that the pointer names."""
        name, sha256 = _named(pointer)
        content = self._asked(lambda: self._content(name, MOST_BUNDLE))
        if content is None:
            raise PersonaError(f"the bundle {name} is missing")
        if digest(content) != sha256:
            raise PersonaError(f"the bundle {name} is not what the pointer names: its SHA-256 differs")
        return content

    def add(self, name: str, content: bytes) -> None:
        """Write a bundle, unless it is there as it should be."""
        there = self._asked(lambda: self._content(name, MOST_BUNDLE))
        if there != content:
            self._asked(lambda: self._add(self._beside(name), content))

    def _add(self, path: str, content: bytes) -> None:
        system, _ = self._system()
        _put(system, path, content, self._limit(system))

    def move(self, pointer: Pointer, before: bytes | None) -> None:
        """Write the pointer where it still says what it did before.

        Raises PersonaError where somebody else moved it meanwhile: by the store's own word where it has conditional
        writes, else as it is seen right before and right after.
        """
        content = pointer.content()
        if len(content) > MOST_POINTER:
            raise PersonaError(
                f"the pointer would have more than {MOST_POINTER:,} bytes", hint="say less in the message"
            )
        try:
            self._asked(lambda: self._move(content, before))
        except PersonaError as error:
            self._compare(before, error)
            raise
        self._compare(content)

    def _move(self, content: bytes, before: bytes | None) -> None:
        system, path = self._system()
        if before is None:
            _put(system, path, content, self._limit(system), replace=False)
        elif "s3" in _protocols(system):
            # What is there now is what was read, or the write is refused: the ETag is of the content that was compared.
            etag = system.info(path, **self._limit(system))["ETag"]
            self._is_still(before)
            system.pipe_file(path, content, IfMatch=etag, **self._limit(system))
        else:
            self._is_still(before)
            _put(system, path, content, self._limit(system))

    def _is_still(self, before: bytes) -> None:
        if self._content(None, MOST_BUNDLE) != before:
            raise PersonaError("the pointer is another than before")

    def _compare(self, expected: bytes | None, error: PersonaError | None = None) -> None:
        """Raise where the pointer says what neither we nor who was before us wrote."""
        content = self._asked(lambda: self._content(None, MOST_BUNDLE))
        if content != expected:
            other = "" if content is None else f" by {read_pointer(content, self.name).by}"
            raise PersonaError(
                f"{self.name}: moved meanwhile{other}", hint="look at what it serves now, and publish again"
            )
        if error is not None:
            raise error

    def _content(self, name: str | None, most: int) -> bytes | None:
        system, path = self._system()
        place = path if name is None else self._beside(name)
        try:
            content: bytes = system.cat_file(place, **self._limit(system))
        except FileNotFoundError:
            return None
        if len(content) > most:
            raise PersonaError(f"{name or 'the pointer'} has more than {most:,} bytes")
        return content

    def _limit(self, system: Any) -> dict[str, float]:
        """Return how long a call of a file system may take, for those that can be told: they wait for no answer longer."""
        return {"timeout": self._timeout} if getattr(system, "async_impl", False) and self._timeout else {}

    def _beside(self, name: str) -> str:
        path = self._system()[1]
        return f"{path.rpartition('/')[0]}/{name}" if "/" in path else name

    def _system(self) -> tuple[Any, str]:
        """Return the file system and the path: of this process, with no list of what was there once."""
        if self._made is None or self._made[0] != os.getpid():
            try:
                from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it has no types
            except ImportError:
                hint = "pip install 'llm-persona[store]', and what fsspec needs for this one"
                raise PersonaError("a store needs fsspec", hint=hint) from None
            options = {"skip_instance_cache": True, "use_listings_cache": False, **self._options}
            self._made = os.getpid(), *url_to_fs(self.url, **options)
        return self._made[1:]

    def _asked(self, call: Callable[[], T]) -> T:
        """Return what a call returns that may hang, and may raise anything."""
        self._hanging = [each for each in self._hanging if each.is_alive()]
        if len(self._hanging) >= MOST_HANGING:
            raise self._silent()
        ended: list[T] = []
        failed: list[Exception] = []

        def run() -> None:
            try:
                ended.append(call())
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=run, daemon=True, name="llm-persona-store")
        thread.start()
        thread.join(self._timeout)
        if ended:
            return ended[0]
        if failed:
            raise self._told(failed[0]) from None
        self._hanging.append(thread)
        if self._made is not None and not self._limit(self._made[1]):
            self._made = None  # the next call waits for nothing that this one holds
        raise self._silent()

    def _silent(self) -> PersonaError:
        return PersonaError(f"the store does not answer within {self._timeout:g} seconds")

    def _told(self, error: Exception) -> PersonaError:
        if isinstance(error, PersonaError):
            return error
        if isinstance(error, FileNotFoundError) and (cause := _over_http(error)) is not None:
            return self._told(cause)
        if type(error).__name__ == "FSTimeoutError":
            return self._silent()
        if isinstance(error, FileNotFoundError):
            return PersonaError("the pointer is missing", hint="publish a set: llm-persona publish")
        if isinstance(error, ImportError):
            return PersonaError(
                "fsspec lacks a package for this store", hint=f"install {error.name or 'what it names'}"
            )
        said = shorten(one_line(str(error)), 200)
        return PersonaError(f"the store cannot be used: {type(error).__name__}: {said}")


def _over_http(error: FileNotFoundError) -> Exception | None:
    """Return what went wrong over HTTP, where everything is told as a file that is not there; None where it is not."""
    cause = error.__cause__
    is_other = type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", None) not in _NOT_THERE
    return cause if is_other and isinstance(cause, Exception) else None


def _put(system: Any, path: str, content: bytes, limit: Mapping[str, float], *, replace: bool = True) -> None:
    """Write what stands at a path, whole or not at all: a store's own write is so, that of a disk in place is not."""
    try:
        if "file" in _protocols(system):
            write_file(path, content.decode(), replace=replace)
        else:
            system.pipe_file(path, content, mode="overwrite" if replace else "create", **limit)
    except FileNotFoundError:
        raise PersonaError("there is no such place to write to", hint="make the folder or the bucket first") from None


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def read_pointer(content: bytes, url: str) -> Pointer:
    """Return what a pointer says. Raises PersonaError for what is none."""
    try:
        if len(content) > MOST_POINTER:
            raise ValueError(len(content))
        data = json.loads(content)
        previous = data["previous"] and dict(zip(("bundle", "sha256"), _named(data["previous"]), strict=True))
        name, sha256 = _named(data)
        return Pointer(name, sha256, str(data["by"]), str(data["at"]), str(data["message"]), previous)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        let_through(error)
        raise PersonaError(f"{url} is no pointer to a bundle", hint="publish a set: llm-persona publish") from None


def _named(pointer: Pointer | Mapping[str, str]) -> tuple[str, str]:
    """Return a bundle's name, which leads nowhere else, and its SHA-256. Raises ValueError for others."""
    each = {"bundle": pointer.bundle, "sha256": pointer.sha256} if isinstance(pointer, Pointer) else pointer
    name, sha256 = each["bundle"], each["sha256"]
    if not isinstance(sha256, str) or name != bundle_name(sha256):
        raise ValueError(name)
    return name, sha256


def bundle_name(sha256: str) -> str:
    """Return the name of the bundle with this digest. Raises ValueError for what is none."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(sha256)
    return f"bundle-{sha256}.json"
