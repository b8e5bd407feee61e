"""Moving a store's pointer: to a new bundle, or back to the one before."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import NamedTuple

from ..errors import PersonaError
from ..limits import Limits
from ..registry.registry import PersonaRegistry
from .bundles import digest, pack, unpack
from .local_files import FileSet, LocalFiles
from .stores import Pointer, Store, bundle_name, read_pointer


class Draft(NamedTuple):
    """A set that is ready to be published."""

    found: FileSet
    registry: PersonaRegistry
    bundle: bytes


class Published(NamedTuple):
    """What a store has now: where its pointer leads, and what it held when that was read.

    None where what it held is no pointer.
    """

    pointer: Pointer | None
    content: bytes


def draft(files: LocalFiles, limits: Limits | None = None) -> Draft:
    """Read a set whole, and pack it. Raises PersonaError for what is wrong with it, or where it is being changed."""
    read = files.read()
    if read is None:
        raise PersonaError("the files change faster than they can be read", hint="try again when they are at rest")
    registry = files.registry(read[0])
    bundle = pack(read[0], files.arguments)
    if unpack(bundle, limits) != registry:
        raise PersonaError("the bundle would say something else than the files", hint="keep what they name beside them")
    return Draft(read[0], registry, bundle)


def published(store: Store, *, afresh: bool = False) -> Published | None:
    """Return what the store has; None where nothing was published yet.

    Raises PersonaError, also for what is no pointer, unless a set is published `afresh`.
    """
    content = store.content()
    if content is None:
        return None
    try:
        return Published(read_pointer(content, store.name), content)
    except PersonaError as error:
        if not afresh:
            raise PersonaError(error.message, hint="put it in order with --afresh") from None
        return Published(None, content)


def move_to(store: Store, bundle: bytes, before: Published | None, message: str, by: str | None) -> Pointer:
    """Add a bundle, and move the pointer to it from where it was before. Raises PersonaError where somebody else moved it."""
    sha256 = digest(bundle)
    now = None if before is None else before.pointer
    if now is not None and now.sha256 == sha256:
        previous = now.previous  # the same set once more: the way back is that of before
    else:
        previous = None if now is None else {"bundle": now.bundle, "sha256": now.sha256}
    pointer = Pointer(bundle_name(sha256), sha256, _said(by or _user()), _now(), _said(message), previous)
    store.add(pointer.bundle, bundle)
    store.move(pointer, None if before is None else before.content)
    return pointer


def move_back(store: Store, message: str, by: str | None) -> Pointer:
    """Move the pointer to where it was before; twice is where it was. Raises PersonaError where there is no such set."""
    before = published(store)
    own = None if before is None else before.pointer
    if before is None or own is None or own.previous is None:
        raise PersonaError(f"{store.name}: nothing was published before", hint="publish a set")
    unpack(store.bundle(own.previous))
    pointer = Pointer(
        own.previous["bundle"],
        own.previous["sha256"],
        _said(by or _user()),
        _now(),
        _said(message) or f"back from {own.sha256[:12]}",
        {"bundle": own.bundle, "sha256": own.sha256},
    )
    store.move(pointer, before.content)
    return pointer


def _said(text: str) -> str:
    """Return what somebody said of a set. Raises PersonaError for what no pointer can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PersonaError(
            "what is said of a set must be UTF-8", hint="write it anew, in a terminal of UTF-8"
        ) from None
    return text


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # nobody in particular, as in a container
        return "unknown"
