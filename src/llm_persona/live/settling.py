"""When what lies at a path is whole: at once where it was put there in one step, after a quiet while where it is written."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping

from .local_files import Standing

NOTHING: Mapping[str, Standing] = {}


class Settling:
    """Follows the files of one source; `settle` are the seconds after which a file that was written in place is whole."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._last: Mapping[str, Standing] = NOTHING
        self._written: dict[str, float] = {}  # when each was seen to change, by the monotonic clock

    def left(self, files: Mapping[str, Standing], deleted: Collection[str] = ()) -> float:
        """Return for how many seconds more nothing may change until all of it is whole.

        `deleted` are paths of which the system told meanwhile that they were taken away.
        """
        now = time.monotonic()
        for path, standing in files.items():
            before = self._last.get(path)
            if before == standing:
                continue
            if _is_whole(before, standing, _is_told(path, standing, deleted)):
                self._written.pop(path, None)
            else:
                self._written[path] = now - _age(standing, self._settle)
        self._last = files
        since = max((self._written[path] for path in self._written.keys() & files.keys()), default=now - self._settle)
        return max(0.0, since + self._settle - now)


def _is_told(path: str, standing: Standing, deleted: Collection[str]) -> bool:
    return os.path.abspath(path) in deleted or standing.real in deleted


def _is_whole(before: Standing | None, now: Standing, deleted: bool) -> bool:
    """Tell whether a file was put in place in one step: it is another than before, and was renamed or linked to."""
    if now.identity is None:  # who deletes a file to write it anew is not done
        return False
    written, changed = now.identity[3:]
    if changed > written and (before is None or before.identity is None or before.identity[:2] != now.identity[:2]):
        return True  # something was done to it after it was written: it got its name
    if before is None or before.identity is None or deleted:
        return False
    return before.real != now.real or before.identity[:2] != now.identity[:2]


def _age(standing: Standing, most: float) -> float:
    """Return for how many seconds a file was quiet already, none where its clock is ahead of ours."""
    if standing.identity is None:
        return 0.0
    age = time.time() - standing.identity[3] / 1e9
    return min(age, most) if age > 0 else 0.0
