"""A registry that renews itself: it serves from memory, and takes up what its source has while it runs."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..arguments import is_path, items_of, mapping_of, path_of
from ..errors import InvalidValueError, PersonaError, Problem, UnknownPersonaError, one_line, path_text
from ..limits import Limits
from ..locks import ForkedLock
from ..names import shown
from ..persona.file_keys import Arguments, Folders
from ..persona.persona import Persona
from ..persona.tool_catalogue import Catalog
from ..registry.comparison import RegistryChange
from ..registry.registry import PersonaRegistry, fingerprint_of
from .files_source import FilesSource, Taken
from .generations import Status, problems_of
from .local_files import LocalFiles
from .store_source import StoreSource
from .stores import Store

if TYPE_CHECKING:
    from ..persona.provenance import Explanation

Changed = Callable[[PersonaRegistry, PersonaRegistry, RegistryChange], object]
Refused = Callable[[tuple[Problem, ...]], object]
Source = str | os.PathLike[str]
F = TypeVar("F", bound=Callable[..., object])

WAIT_FOR_LISTENERS = 1.0  # seconds, for those of another thread

log = logging.getLogger("llm_persona.live")
log.addHandler(logging.NullHandler())  # nothing is printed where a program set up no logging


class LiveRegistry:
    """A registry of what its source has now: files, folders and patterns of this machine, or a store of a fleet.

    Every set that loads whole and has the names of `require` is taken up, in one step; what does not load leaves the last
    good one serving, for as long as it takes, and `status` says so. A file that was put in place whole is taken up at
    once, one that is written in place when it was quiet for `settle` seconds. `templates`, `default_template`, `tools`,
    `limits` and `precompile` are those of PersonaRegistry. The system is asked to tell of changes where watchfiles is
    installed and `watch` is not false; else the files are looked at four times a second.

    A store is the URL of a pointer that `llm-persona publish` moves, such as `s3://bucket/current.json`. It is asked every
    `poll` seconds, and waited for at most `timeout`; `storage_options` are fsspec's. The last good set is kept in the
    folder `keep` (the user's cache, where none is named), and serves where a process starts and the store is away.

    Safe for threads, event loops and forks: nobody who is served waits for anything. A thread of its own looks; `close()`
    ends it, and what was served last goes on being served. Raises InvalidValueError for arguments that cannot be any, and
    nothing for a source: that is for `current`, `get` and `status` to say.
    """

    def __init__(
        self,
        source: Source | Iterable[Source],
        require: Iterable[str] = (),
        settle: float = 0.5,
        *,
        templates: Folders | None = None,
        default_template: str | None = None,
        tools: Catalog | None = None,
        limits: Limits | None = None,
        precompile: bool = True,
        watch: bool = True,
        poll: float = 10.0,
        timeout: float = 10.0,
        keep: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._require = tuple(str(name) for name in items_of(require, "require", "names"))
        self._lock = ForkedLock()
        self._untold: deque[Callable[[], None]] = deque()
        self._telling = ForkedLock()
        self._listeners: tuple[Changed, ...] = ()
        self._objectors: tuple[Refused, ...] = ()
        settle = _seconds(settle, "settle")
        paths = tuple(_listed(source))
        arguments = Arguments.of(templates, default_template, None if _is_file(tools) else tools, limits, precompile)
        path = path_of(tools, "tools") if _is_file(tools) else None

        if is_store(paths[0]) and (len(paths) > 1 or arguments[:3] != ((), None, None)):
            raise InvalidValueError("a store has whole sets", hint="pass its one URL, and neither templates nor tools")
        storage_options = None if storage_options is None else mapping_of(storage_options, "storage_options")
        poll, timeout = _seconds(poll, "poll"), _seconds(timeout, "timeout")
        kept = path_of(keep, "keep") if keep is not None else _cache()
        _check_path(kept, "keep")

        def opened() -> FilesSource | StoreSource:
            if is_store(paths[0]):
                store = Store(paths[0], storage_options, timeout)
                return StoreSource(store, poll, kept, limits, precompile)
            files = LocalFiles(paths, arguments, path)
            return FilesSource(files, ", ".join(paths), settle, told=watch)

        self._opened = opened
        self._source = opened()
        self._status = Status(self._source.name)
        self._error: PersonaError = self._source.writing()
        self._last: PersonaRegistry | None = None
        self._serving: PersonaRegistry | None = None  # None, too, in a process that was forked and not asked yet
        self._closed = False
        self._first()
        self._start()

    def _first(self) -> None:
        """Take up what is there, and where it is being written wait for that, but not for ever."""
        self.refresh()
        until = time.monotonic() + self._source.left() if self._is_waiting() else 0.0
        while self._is_waiting() and time.monotonic() <= until:
            time.sleep(min(0.01, self._source.left()))
            self.refresh()

    def _is_waiting(self) -> bool:
        return self._last is None and not self._status.refused

    def _start(self) -> None:
        self._process = os.getpid()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=_follow, args=(weakref.ref(self), self._stop), daemon=True)
        self._thread.name = "llm-persona-live"
        self._serve(self._last)
        _open.add(self)
        if not self._closed:
            self._thread.start()

    def close(self) -> None:
        """Stop looking; what was served last is still served."""
        self._closed = True
        if self._process != os.getpid():
            return
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def current(self) -> PersonaRegistry:
        """The registry of now: one set, which never changes, for a whole request. Raises what the last try raised before
        there is any."""
        return self._awake() if self._serving is None else self._serving

    def _awake(self) -> PersonaRegistry:
        self._start_again()
        if self._last is None:
            raise copy(self._error)
        return self._last

    @property
    def status(self) -> Status:
        """What is served, and what could not be taken up."""
        self._start_again()
        return self._status

    def _start_again(self) -> None:
        """Begin to look in a process that was forked: its parent's thread did not come along."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process != os.getpid():
                self._source = self._opened()
                self._start()

    def get(self, name: str, *, version: str | int | None = None, unit: str | None = None) -> Persona:
        """Return a complete persona of the set of now, as PersonaRegistry.get does."""
        return self.current.get(name, version=version, unit=unit)

    def __contains__(self, name: object) -> bool:
        return name in self.current

    def __iter__(self) -> Iterator[str]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)

    def list_names(self) -> list[str]:
        """Return the names that are served now, as PersonaRegistry.list_names does."""
        return self.current.list_names()

    def versions(self, name: str) -> list[str]:
        """Return the versions of a persona, as PersonaRegistry.versions does."""
        return self.current.versions(name)

    def explain(self, name: str) -> Explanation:
        """Return where each part of a persona comes from, as PersonaRegistry.explain does."""
        return self.current.explain(name)

    def verify(self, stamp: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what changed since a stamp was made, as PersonaRegistry.verify does."""
        return self.current.verify(stamp)

    def check(self, session: Mapping[str, Any] | Iterable[str] | None = None, optional: Iterable[str] = ()) -> None:
        """Check the set of now, as PersonaRegistry.check does."""
        self.current.check(session, optional)

    def on_change(self, listener: F) -> F:
        """Call `listener(old, new, diff)` after each change of what is served, in the thread that looks; return it.

        What it raises is logged. Before the first set, the old one is an empty registry.
        """
        listener = _plain(listener)
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return listener

    def on_refused(self, listener: F) -> F:
        """Call `listener(problems)` when the source has something that cannot be taken up, once for each; return it."""
        listener = _plain(listener)
        with self._lock:
            self._objectors = (*self._objectors, listener)
        return listener

    def refresh(self) -> Status:
        """Look at the source now, and take up what it has; return the status then. Nothing is raised for the source."""
        with self._lock:
            try:
                self._look()
            except PersonaError as error:
                self._without(error)
        self._tell_all()
        return self._status

    def _look(self) -> None:
        taken = self._source.take()
        if taken is not None:
            self._take_up(taken)
        elif self._source.is_current:
            if self._status.refused:
                log.info("%s is served as it is, again", self._source.name)
            self._status = replace(self._status, refused=(), release=self._source.release)

    def _without(self, error: PersonaError) -> None:
        """Go on without what the source has now: with what was kept of it, where nothing else is served."""
        if self._last is None and (kept := self._source.kept()) is not None:
            with contextlib.suppress(UnknownPersonaError):  # it lacks what is required now
                self._take_up(kept)
        self._refuse(error)

    def _failed(self, error: BaseException) -> None:
        """Say that the source could not be looked at, for a reason that is nobody's."""
        with self._lock:
            self._refuse(PersonaError(f"it could not be looked at: {type(error).__name__}: {one_line(str(error))}"))

    def _tell_all(self) -> None:
        """Call the listeners for all that happened, in order, with nothing held that one of them may ask for."""
        while self._untold:
            if not self._telling.acquire(WAIT_FOR_LISTENERS):
                return  # who is telling, this thread perhaps, tells this too
            try:
                while self._untold:
                    self._untold.popleft()()
            finally:
                self._telling.release()

    def _take_up(self, taken: Taken) -> None:
        lacking = [name for name in self._require if name not in taken.registry]
        if lacking:
            names = ", ".join(map(repr, lacking))
            raise UnknownPersonaError(f"the set lacks {names}, which is required", hint="put it back, or a line for it")
        self._source.accepted()
        old, new = self._last, taken.registry
        status = Status(
            self._source.name, True, fingerprint_of(new), datetime.now(UTC), release=taken.release, gone=_gone(old, new)
        )
        if old is not None and status.fingerprint == self._status.fingerprint:
            status = replace(status, gone=self._status.gone)
        else:
            log.info("%s", one_line(_said(status, new)))
        self._last = new
        self._serve(new)
        before, self._status = self._status, status
        if before.fingerprint != status.fingerprint:
            self._tell(old, new)

    def _tell(self, old: PersonaRegistry | None, new: PersonaRegistry) -> None:
        if self._listeners:
            before = PersonaRegistry() if old is None else old
            listeners = self._listeners

            def tell() -> None:
                change = before.diff(new)
                for listener in listeners:
                    _called(listener, before, new, change)

            self._untold.append(tell)

    def _refuse(self, error: PersonaError) -> None:
        problems = problems_of(error, self._source.name)
        self._error = error.with_traceback(None)
        if problems == self._status.refused:
            return
        self._status = replace(self._status, refused=problems)
        serving = "the last good set is served" if self._last is not None else "there is none to serve"
        log.warning("%s refused, %s: %s", self._source.name, serving, "; ".join(map(str, problems[:5])))
        for listener in self._objectors:
            self._untold.append(partial(_called, listener, problems))

    def _serve(self, registry: PersonaRegistry | None) -> None:
        """Let questions be answered by a set; by none, where it is to be seen to first."""
        self._serving = registry
        if registry is None:
            self.__dict__.pop("get", None)
        else:  # who asks most does not go by way of this class
            self.__dict__["get"] = registry.get

    def _forked(self) -> None:
        self._serve(None)

    def __repr__(self) -> str:
        state = "ready" if self._status.ready else "not ready"
        return f"<LiveRegistry of {one_line(self._source.name)}: {state}>"


# All that may have a thread; a process that ends stops them before Python is gone.
_open: weakref.WeakSet[LiveRegistry] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for live in list(_open):
        live.close()


def _after_fork() -> None:
    for live in list(_open):
        live._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _follow(reference: weakref.ref[LiveRegistry], stop: threading.Event) -> None:
    """Look whenever it is time, until it is stopped or nobody holds the registry any more."""
    while not stop.is_set():
        live = reference()
        if live is None:
            return
        source = live._source
        try:
            live.refresh()
        except BaseException as error:  # whatever it was, the last good set is served, and the next look is due
            log.exception("%s could not be looked at", source.name)
            live._failed(error)
        del live
        source.wait(stop)


def _called(listener: Callable[..., object], *arguments: object) -> None:
    try:
        listener(*arguments)
    except (Exception, SystemExit):
        log.exception("a listener of a live registry failed")


def _said(status: Status, registry: PersonaRegistry) -> str:
    gone = f"; gone: {', '.join(status.gone)}" if status.gone else ""
    return f"{status.source} serves {len(registry)} personas, {status.fingerprint}{gone}"


def _gone(old: PersonaRegistry | None, new: PersonaRegistry) -> tuple[str, ...]:
    known = () if old is None else (*old.references(), *(name for name in old.replaced if name in old))
    return tuple(name for name in known if name not in new)


def is_store(source: str) -> bool:
    """Tell whether a source is a URL of a store, and no path."""
    return "://" in source


def _cache() -> str:
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(folder, "llm-persona")


def _is_file(tools: object) -> bool:
    return tools is not None and is_path(tools)


def _listed(source: object) -> Iterator[str]:
    listed = [source] if is_path(source) else items_of(source, "source", "a path, or a list of paths")
    found = [path_of(each, "the source of a live registry") for each in listed]
    for each in found:
        _check_path(each, "the source of a live registry")
    if not found or "" in found:
        raise InvalidValueError("the source of a live registry is empty", hint="name a file, a folder or a pattern")
    return iter(found)


def _check_path(path: str, what: str) -> None:
    """Raise InvalidValueError for what the system takes for no path."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise InvalidValueError(f"{what} cannot be a path: {path_text(path)}")


def _plain(listener: F) -> F:
    if inspect.iscoroutinefunction(listener):
        raise InvalidValueError(
            "a listener is a plain function", hint="it is called in a thread, where nothing awaits it"
        )
    return listener


def _seconds(value: object, what: str) -> float:
    if type(value) not in (int, float) or not 0 <= value < 86_400:  # type: ignore[operator]  # it is one of the two
        raise InvalidValueError(f"{what} must be seconds, a number from 0 to a day, not {shown(value)}")
    return float(value)  # type: ignore[arg-type]  # it is one of the two
