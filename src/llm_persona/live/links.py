"""Where paths lead, each link on the way read once: what lies behind one link is all of one moment."""

from __future__ import annotations

import errno
import os

MOST_LINKS = 40  # on the way to one file


class Links:
    """Kubernetes and deploy scripts put a new generation in place by moving one link: who reads it once reads one
    generation."""

    def __init__(self) -> None:
        self._targets: dict[str, str | None] = {}

    def real(self, path: str) -> str:
        """Return the path without links. Raises OSError where they lead to one another."""
        drive, rest = os.path.splitdrive(os.path.join(os.getcwd(), path))
        at, parts, followed = drive + os.sep, _parts(rest), 0
        while parts:
            part = parts.pop()
            if part == os.pardir:
                at = os.path.dirname(at)
                continue
            target = self._target(os.path.join(at, part))
            if target is None:
                at = os.path.join(at, part)
                continue
            followed += 1
            if followed > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            at = drive + os.sep if os.path.isabs(target) else at
            parts += _parts(target)
        return at

    def _target(self, path: str) -> str | None:
        if path not in self._targets:
            try:
                self._targets[path] = os.readlink(path)
            except OSError:  # no link, or not there
                self._targets[path] = None
        return self._targets[path]


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the last first."""
    return [part for part in reversed(path.split(os.sep)) if part not in ("", os.curdir)]
