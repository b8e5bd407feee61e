"""A command on a real pseudo-terminal, as tests of what it prints there need it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from llm_persona.cli.main import run

# Shown where a machine is slow, and taken away before anything is printed.
PROGRESS = re.compile(r"(\r\x1b\[Kat work: [^\r]*)+\r\x1b\[K")


def without_progress(sent: str) -> str:
    """Return what a terminal is sent, but for the line that says how long the work takes."""
    return PROGRESS.sub("", sent)


def on_a_terminal(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command in a process whose two streams are a terminal, and return what it is sent."""
    ours, theirs = opened()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "llm_persona", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm", "COLUMNS": "60", **environment},
    ) as process:
        os.close(theirs)
        text = b"".join(until_closed(ours)).decode()
        process.wait(60)
    os.close(ours)
    return without_progress(text)


OWN_DEVICE = "TERMINAL"  # in a command, stands for the terminal's own device


def here_on_a_terminal(arguments: Sequence[str]) -> str:
    """Run a command in this process, with both streams on a terminal, and return what it is sent."""
    ours, theirs = opened()
    sent: list[bytes] = []
    reader = threading.Thread(target=lambda: sent.extend(until_closed(ours)))
    reader.start()
    device = os.ttyname(theirs)
    with open(theirs, "w") as stream, pytest.MonkeyPatch.context() as patch:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        run([device if word == OWN_DEVICE else word for word in arguments])
    reader.join(60)
    os.close(ours)
    return without_progress(b"".join(sent).decode())


def opened() -> tuple[int, int]:
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal, which this system has not")
    ours, theirs = pty.openpty()
    return ours, theirs


def until_closed(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            read = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO where the other end is closed
            return
        if not read:
            return
        yield read
