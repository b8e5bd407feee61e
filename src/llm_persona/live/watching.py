"""Waiting until something may have changed: told by the system where watchfiles is there, else for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles.main import FileChange

STEP = 20  # milliseconds: how often it is looked whether the system has told of anything
TURN = 100  # milliseconds: how long one wait lasts
POLL = 0.25  # seconds between two looks where the system does not tell


class Vigil:
    """Waits for changes in folders. Folders are watched, not files: a file is deaf once another was put in its place."""

    def __init__(self, stop: threading.Event, *, told: bool) -> None:
        """`told` is whether the system is asked to tell."""
        self._stop = stop
        self._told = told
        self._folders: set[str] | None = None
        self._changes: Iterator[set[FileChange]] | None = None

    def wait(self, folders: set[str]) -> set[str] | None:
        """Return what was deleted where anything changed; None where nothing is known to have, after a tenth of a second.

        Without the system's help everything may have changed, each time.
        """
        if folders != self._folders:
            self._begin(folders)
            return set()
        if self._changes is None:
            self._stop.wait(POLL)
            return set()
        try:
            return self._deleted(next(self._changes))
        except (StopIteration, OSError, RuntimeError):  # it was stopped, or a folder is not there any more
            self._changes, self._folders = None, None
            self._stop.wait(TURN / 1000)
            return set()

    def _deleted(self, changes: set[FileChange]) -> set[str] | None:
        from watchfiles import Change

        return {path for change, path in changes if change is Change.deleted} if changes else None

    def _begin(self, folders: set[str]) -> None:
        """Vigil these folders; what happened before is found by whoever looks after this."""
        self._folders = folders
        self._changes = None
        if not (self._told and folders):
            return
        try:
            from watchfiles import watch
        except ImportError:
            self._told = False
            return
        self._changes = watch(
            *folders,
            watch_filter=None,
            debounce=STEP,
            step=STEP,
            stop_event=self._stop,
            rust_timeout=TURN,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
