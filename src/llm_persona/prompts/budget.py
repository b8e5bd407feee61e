"""How much memory may be kept of prompts, all personas of a registry together."""

from __future__ import annotations

import weakref
from collections import deque

from ..locks import ForkedLock

BUDGET = 256_000_000  # bytes


class Keeper:
    """What keeps something of prompts, and can give it up."""

    __slots__ = ("__weakref__",)

    def forget(self) -> None:
        raise NotImplementedError


class Budget:
    """What may be kept of prompts, in bytes, roughly. What was kept first is given up first, one after the other."""

    def __init__(self, most: int = BUDGET) -> None:
        self.most = most
        self.used = 0
        self._kept: dict[weakref.ref[Keeper], int] = {}  # the first that kept something first
        self._gone: deque[weakref.ref[Keeper]] = deque()  # filled wherever the collector runs, so without the lock
        self._lock = ForkedLock()

    def __reduce__(self) -> tuple[object, ...]:
        return Budget, (self.most,)

    def take(self, keeper: Keeper, size: int) -> None:
        """Note that one keeps this many bytes more."""
        if not size:
            return
        with self._lock:
            while self._gone:
                self.used -= self._kept.pop(self._gone.popleft(), 0)
            kept = weakref.ref(keeper, self._gone.append)
            self._kept[kept] = self._kept.get(kept, 0) + size
            self.used += size
            while self.used > self.most:
                oldest = next(iter(self._kept))
                self.used -= self._kept.pop(oldest)
                if (given_up := oldest()) is not None:
                    given_up.forget()
