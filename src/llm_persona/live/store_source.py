"""A store as the source of a live registry: polled, checked to the byte, and kept on disk for when it is away."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import threading

from ..errors import PersonaError, PersonaFileError, let_through
from ..files.output import write_file
from ..files.reading import read_text
from ..limits import Limits
from .bundles import digest, unpack
from .files_source import Release, Taken
from .stores import MOST_BUNDLE, Pointer, Store, read_pointer

log = logging.getLogger("llm_persona.live")

IN_FULL = 10  # every so many polls the pointer is read whatever its ETag says
KEPT_BYTES = Limits(file_bytes=2 * MOST_BUNDLE)


class StoreSource:
    """A pointer in a store, and the bundle that it names."""

    def __init__(
        self, store: Store, poll: float, keep: str | None, limits: Limits | None = None, precompile: bool = True
    ) -> None:
        self.name = store.name
        self._store = store
        self._poll = poll
        self._limits = limits
        self._precompile = precompile
        self._kept = keep and os.path.join(keep, f"{hashlib.sha256(store.url.encode()).hexdigest()[:16]}.json")
        self._polls = 0
        self._mark: object = None  # of the pointer that was taken up
        self._sha256: str | None = None
        self._read: tuple[object, Pointer, bytes] | None = None  # what may be taken up
        self.is_current = False  # the last poll found what is served
        self.release: Release = ()  # of that
        self._cannot_keep = False  # which is said once

    def wait(self, stop: threading.Event) -> None:
        """Wait until the next poll. A fleet does not poll in step."""
        stop.wait(self._poll * random.uniform(0.8, 1.2))

    def left(self) -> float:
        return 0.0

    def take(self) -> Taken | None:
        """Return the set that the pointer names; None where it is served already. Raises PersonaError."""
        self.is_current = False
        self._polls += 1
        mark = self._store.mark()
        if mark is not None and mark == self._mark and self._polls % IN_FULL:
            self.is_current = True
            return None
        found = self._store.pointer()
        if found is None:
            raise PersonaError("the pointer is missing", hint="publish a set: llm-persona publish")
        pointer = found[0]
        if pointer.sha256 == self._sha256:
            self._mark, self.is_current, self.release = mark, True, pointer.release()
            return None
        bundle = self._store.bundle(pointer)
        taken = Taken(unpack(bundle, self._limits, self._precompile), pointer.release())
        self._read = mark, pointer, bundle  # kept, and not asked for again, once it is taken up
        return taken

    def writing(self) -> PersonaError:
        return PersonaError(f"{self.name} was not read yet")

    def accepted(self) -> None:
        """Remember what was taken up last, on disk too."""
        if self._read is None:
            return
        self._mark, pointer, bundle = self._read
        self._sha256, self._read, self.release = pointer.sha256, None, pointer.release()
        if self._kept is not None:
            whole = {"pointer": json.loads(pointer.content()), "bundle": bundle.decode()}
            try:
                os.makedirs(os.path.dirname(self._kept), mode=0o700, exist_ok=True)
                write_file(self._kept, json.dumps(whole))
            except (OSError, PersonaError) as error:  # a disk that is full takes nothing from who is served
                let_through(error)
                if not self._cannot_keep:
                    log.warning("%s cannot be kept on this machine for when the store is away: %s", self.name, error)
                self._cannot_keep = True

    def kept(self) -> Taken | None:
        """Return the set that was taken up last on this machine; None where there is none, or not as it was."""
        if self._kept is None:
            return None
        try:
            whole = json.loads(read_text(self._kept, KEPT_BYTES))
            pointer = read_pointer(json.dumps(whole["pointer"]).encode(), self.name)
            bundle = whole["bundle"].encode()
            if digest(bundle) != pointer.sha256:
                return None
            return Taken(unpack(bundle, self._limits, self._precompile), pointer.release())
        except (
            PersonaFileError,
            PersonaError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ) as error:
            let_through(error)
            return None
