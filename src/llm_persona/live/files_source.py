"""Persona files as the source of a live registry: looked at when something changed, read when all is whole."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from ..errors import PersonaError
from ..registry.registry import PersonaRegistry
from .local_files import LocalFiles, Observed
from .settling import Settling
from .watching import Vigil

LOOK = 5.0  # seconds after which everything is looked at, whatever the system told
YOUNG = 0.1  # seconds: a file that was written so lately may be written again without a new time


Release = tuple[tuple[str, str], ...]  # who published a set, when and why


class Taken(NamedTuple):
    """A set that a source has now, and what is said of it."""

    registry: PersonaRegistry
    release: Release = ()


class FilesSource:
    """Files and folders of this machine."""

    is_current = False  # a look that finds nothing new says nothing of what was refused before
    release: Release = ()

    def __init__(self, files: LocalFiles, name: str, settle: float, *, told: bool = True) -> None:
        self.name = name
        self._files = files
        self._settle = settle
        self._settling = Settling(settle)
        self._told = told
        self._watch: Vigil | None = None
        self._seen: Observed | None = None  # what was taken up or refused last
        self._folders: set[str] = set()  # that something happens in
        self._deleted: set[str] = set()
        self._at = 0.0  # when it is time to look, by the monotonic clock
        self._again = False  # what was read is to be read once more

    def wait(self, stop: threading.Event) -> None:
        """Return when it is time to look."""
        if self._watch is None:
            self._watch = Vigil(stop, told=self._told)
        while not stop.is_set():
            deleted = self._watch.wait(self._folders)
            if deleted is not None:
                self._deleted |= deleted
                return
            if time.monotonic() >= self._at:
                return

    def left(self) -> float:
        """Return after how many seconds a source that is not whole yet may be."""
        return max(0.0, self._at - time.monotonic())

    def take(self) -> Taken | None:
        """Return the set that is there now; None where it is the one of last time, or is being written.

        Raises PersonaError for a set that cannot be taken up.
        """
        seen = self._files.look()
        self._folders = self._files.folders(seen)
        left = self._settling.left(seen.files, self._deleted)
        self._deleted = set()
        self._at = time.monotonic() + LOOK
        if left > 0:
            self._at = time.monotonic() + left
            return None
        if seen == self._seen and not self._again:
            return None
        return self._read(seen)

    def _read(self, looked: Observed) -> Taken | None:
        self._seen, self._again = looked, False
        found = self._files.read()
        if found is None:
            self._seen, self._at = None, 0.0
            return None
        files, self._seen = found
        if self._settling.left(self._seen.files) > 0:  # another was begun, or what it names is new to us
            self._seen, self._at = None, time.monotonic() + self._settling.left(found[1].files)
            return None
        if _is_young(self._seen):
            self._again, self._at = True, time.monotonic() + max(self._settle, YOUNG)
        return Taken(self._files.registry(files))

    def writing(self) -> PersonaError:
        """Return what is wrong while nothing was whole yet."""
        return PersonaError(f"{self.name} is being written", hint=f"it is read when quiet for {self._settle:g} seconds")

    def kept(self) -> Taken | None:
        """Nothing is kept of files: they are there."""
        return None

    def accepted(self) -> None:
        """Nothing is kept of files: they are there."""


def _is_young(seen: Observed) -> bool:
    now = time.time()
    written = (each.identity[3] / 1e9 for each in seen.files.values() if each.identity is not None)
    return any(abs(now - at) < YOUNG for at in written)
