"""A fleet of processes over a double of S3: after how many polls an edit and a roll-back are served by all of them.

`python benchmarks/fleet.py [processes]` prints one figure a line. Needs moto's server and s3fs (the extra `dev`).
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from llm_persona.live import LiveRegistry
from llm_persona.live.local_files import LocalFiles
from llm_persona.live.publishing import draft, move_back, move_to, published
from llm_persona.live.stores import Store
from llm_persona.persona.file_keys import Arguments

PROCESSES = 20
POLL = 2.0  # seconds
ROUNDS = 5
URL = "s3://fleet/current.json"


def serve(keep: str, told: Any, stop: Any) -> None:
    """Serve in a process of the fleet, and tell each change of what is served, with its time."""
    with LiveRegistry(URL, poll=POLL, timeout=10, keep=keep) as live:
        last = None
        while not stop.wait(0.02):
            now = live.get("Maya").role if live.status.ready else None
            if now != last:
                told.put((os.getpid(), now, time.monotonic()))
                last = now


def reached(told: Any, processes: int, role: str, start: float) -> list[float]:
    """Return after how many polls each process told that it serves this role; only those that did within ten."""
    found: dict[int, float] = {}
    end = start + 10 * POLL
    while len(found) < processes and time.monotonic() < end:
        if not told.empty():
            process, now, at = told.get()
            if now == role:
                found[process] = (at - start) / POLL
        else:
            time.sleep(0.01)
    return sorted(found.values())


def publish(folder: Path, number: int) -> None:
    (folder / "personas.yaml").write_text(f"Maya: {{role: 'Guide {number}'}}\n")
    store = Store(URL)
    ready = draft(LocalFiles((str(folder / "personas.yaml"),), Arguments(), None))
    move_to(store, ready.bundle, published(store), "", "the benchmark")


def said(what: str, polls: list[list[float]], processes: int) -> None:
    late = sorted(each for round_ in polls for each in round_)
    lost = processes * len(polls) - len(late)
    within = sum(each <= 3 for each in late)
    print(
        f"{what}: {within} of {processes * len(polls)} within three polls, median {late[len(late) // 2]:.2f} polls, "
        f"worst {late[-1]:.2f}, never {lost}",
        flush=True,
    )


def main(processes: int) -> None:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs every request
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    told_by = {"ENDPOINT_URL": f"http://{host}:{port}", "KEY": "x", "SECRET": "y"}
    os.environ.update({f"FSSPEC_S3_{name}": value for name, value in told_by.items()})
    import fsspec

    fsspec.filesystem("s3").makedirs("fleet", exist_ok=True)
    context = multiprocessing.get_context("spawn")
    told, stop = context.Queue(), context.Event()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publish(folder, 0)
        fleet = [
            context.Process(target=serve, args=(str(folder / str(n)), told, stop), daemon=True)
            for n in range(processes)
        ]
        for process in fleet:
            process.start()
        if len(reached(told, processes, "Guide 0", time.monotonic())) < processes:
            raise SystemExit("not every process began to serve")
        edits, rollbacks = [], []
        for number in range(1, ROUNDS + 1):
            publish(folder, number)
            edits.append(reached(told, processes, f"Guide {number}", time.monotonic()))
            move_back(Store(URL), "", "the benchmark")
            rollbacks.append(reached(told, processes, f"Guide {number - 1}", time.monotonic()))
            move_back(Store(URL), "", "the benchmark")
            reached(told, processes, f"Guide {number}", time.monotonic())
        said("an edit", edits, processes)
        said("a roll-back", rollbacks, processes)
        stop.set()
        for process in fleet:
            process.join(20)
    moto.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PROCESSES)
