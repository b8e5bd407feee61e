"""What a terminal is told of work that takes longer than a second: one line, which goes when anything is printed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

FIRST, EVERY = 1.0, 0.5  # seconds
ERASE = "\r\x1b[K"

T = TypeVar("T")


class Progress:
    """A line on a terminal that says how long something takes, and how far it is where that is known."""

    def __init__(self, stream: TextIO, first: float = FIRST, every: float = EVERY) -> None:
        self.reached = ""
        self._stream = stream
        self._pauses = (first, every)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._is_shown = False
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Take the line away, for good. May be called again, by any thread."""
        with self._lock:
            self._ended.set()
            if self._is_shown:
                self._say(ERASE)
            self._is_shown = False

    def _run(self) -> None:
        pause, every = self._pauses
        while not self._ended.wait(pause):
            pause = every
            with self._lock:
                if not self._ended.is_set():
                    self._is_shown = True
                    self._say(f"{ERASE}at work: {self.reached}{time.monotonic() - self._began:.0f} s")

    def _say(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal is gone, which the next print of the command will tell
            self._ended.set()


def reached(row: int, of: int | None, noun: str) -> None:
    """Say on the terminal, where there is one, how far work is."""
    progress: Progress | None = getattr(sys.stderr, "progress", None)
    if progress is not None:
        progress.reached = f"{noun} {row:,}, " if of is None else f"{noun} {row:,} of {of:,}, "


def going_through(items: Sequence[T], noun: str) -> Iterator[T]:
    """Yield the items; the progress on the terminal, where there is one, says at which of them it is."""
    progress: Progress | None = getattr(sys.stderr, "progress", None)
    for number, item in enumerate(items, 1):
        if progress is not None:
            progress.reached = f"{noun} {number:,} of {len(items):,}, "
        yield item
