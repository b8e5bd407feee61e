"""A lock that survives a fork."""

from __future__ import annotations

import os
import threading


class ForkedLock:
    """A lock of which each process has its own: one that another thread held at a fork would stay locked in the child
    for ever."""

    __slots__ = ("_holders", "_locks")

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}
        self._holders: dict[int, int] = {}  # threads that asked by `acquire`, by process

    def __enter__(self) -> None:
        self._locks.setdefault(os.getpid(), threading.Lock()).acquire()

    def acquire(self, seconds: float) -> bool:
        """Take it, waiting so long for another thread at most; false where it is held then, or by this thread."""
        lock = self._locks.setdefault(os.getpid(), threading.Lock())
        if self._holders.get(os.getpid()) == threading.get_ident():
            return False
        taken = lock.acquire(timeout=seconds)
        if taken:
            self._holders[os.getpid()] = threading.get_ident()
        return taken

    def release(self) -> None:
        self._holders.pop(os.getpid(), None)
        self._locks[os.getpid()].release()

    def __exit__(self, *_: object) -> None:
        self._locks[os.getpid()].release()
