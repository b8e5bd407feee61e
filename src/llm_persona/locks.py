"""A lock that survives a fork."""

from __future__ import annotations

import os
import threading


class ForkedLock:
    """A lock of which each process has its own: one that another thread held at a fork would stay locked in the child
    for ever."""

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def __enter__(self) -> None:
        self._locks.setdefault(os.getpid(), threading.Lock()).acquire()

    def __exit__(self, *_: object) -> None:
        self._locks[os.getpid()].release()
