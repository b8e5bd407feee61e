"""A job over a file of rows: request files in a folder, each row in one of them or among the errors, once.

Rows are rendered in batches, and what comes of them lies sorted by persona in `.spool`, a file each, until all are there.
After each batch it is written down how long these files are: a job that was killed cuts them back to that, and goes on
with the next batch. Then the request files are put together, the rows of a persona one after the other, so that a
provider's cache finds their beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import InvalidValueError, PersonaError
from ..files.output import sweep, write_file
from .rendered import of_row
from .renderer import BatchRenderer
from .requests import Request, Service
from .tables import batches, with_all

STATE, SPOOL = "job.json", ".spool"
ERRORS, MAPPING = "errors.jsonl", "rows.jsonl"
KEPT = ("sizes", "refs", "done", "requests", "errors")  # of a job, after each batch
Told = Callable[[int], None]


class Outcome(NamedTuple):
    """What a job came to."""

    requests: int
    errors: int
    files: int
    resumed_at: int  # rows that were there before


@dataclass
class Job:
    """What is made of which rows, and where."""

    rows: str
    folder: Path
    renderer: BatchRenderer
    form: Service
    message: str | None = None
    model: str | None = None
    max_tokens: int | None = None
    sizes: dict[str, int] = field(default_factory=dict)  # of the spool's files, by their names
    refs: dict[str, str] = field(default_factory=dict)  # of personas, each with the name of its file there
    done: int = 0  # rows
    requests: int = 0
    errors: int = 0

    def run(self, told: Told) -> Outcome:
        """Make all that is not there yet. Raises PersonaError for a folder that holds something else, or is at work."""
        key = self._key()
        if self.folder.exists() and not self.folder.is_dir():
            raise PersonaError(f"{self.folder} is no folder", hint="name one, or one that is not there yet")
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder):
            return self._run(key, told)

    def _run(self, key: str, told: Told) -> Outcome:
        state = self._state(key)
        if state.get("files") is not None:
            shutil.rmtree(self.folder / SPOOL, ignore_errors=True)
            return Outcome(self.requests, self.errors, state["files"], self.done)
        before = self.done
        self._render(key, told)
        files = self._put_together()
        self._keep(key, files)
        shutil.rmtree(self.folder / SPOOL)
        return Outcome(self.requests, self.errors, files, before)

    def _key(self) -> str:
        """Return what tells this job from others: its rows, their personas, and what is made of them."""
        with open(self.rows, "rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        told = json.dumps([self.form.name, self.message, self.model, self.max_tokens])
        digest.update(pickle.dumps(self.renderer, protocol=4) + told.encode())
        return digest.hexdigest()

    def _state(self, key: str) -> dict[str, Any]:
        path = self.folder / STATE
        sweep(self.folder)
        if not path.exists():
            if any(each.name != SPOOL for each in self.folder.iterdir()):
                raise PersonaError(f"{self.folder} holds other files", hint="name an empty folder, or a new one")
            shutil.rmtree(self.folder / SPOOL, ignore_errors=True)
            (self.folder / SPOOL).mkdir()
            return {}
        try:
            state: dict[str, Any] = json.loads(path.read_bytes())
            kept = {name: state[name] for name in KEPT}
            is_same = state["key"] == key
        except (ValueError, TypeError, KeyError):
            message = f"{path} is not as it was written, so it is not known what was made"
            raise PersonaError(message, hint="name another folder, or remove this one") from None
        if not is_same:
            message = f"{self.folder} holds what was made of other rows or personas, or in another way"
            raise PersonaError(message, hint="name another folder, or remove it")
        self.__dict__.update(kept)
        return state

    def _keep(self, key: str, files: int | None = None) -> None:
        state = {"key": key, **{name: getattr(self, name) for name in KEPT}, "files": files}
        write_file(self.folder / STATE, json.dumps(state) + "\n")

    # ---- rendering

    def _render(self, key: str, told: Told) -> None:
        for name in os.listdir(self.folder / SPOOL):
            os.truncate(self.folder / SPOOL / name, self.sizes.get(name, 0))
        first = 0
        columns = (*self.renderer.columns, *(() if self.message is None else (self.message,)))
        for table in batches(self.rows):
            batch = with_all(table, columns)
            count = len(next(iter(batch.values()))) if isinstance(batch, dict) else batch.num_rows
            if first >= self.done:
                self._spool(self._lines(batch, first))
                self.done = first + count
                self._keep(key)
            first += count
            told(first)

    def _lines(self, batch: Any, first: int) -> dict[str, list[bytes]]:
        """Return what comes of a batch by the spool's file that it goes to."""
        lines: dict[str, list[bytes]] = defaultdict(list)
        for number, (prompt, message, error) in enumerate(self.renderer.prompts(batch, self.message), first):
            if prompt is not None:
                request = Request(f"row-{number}", prompt, message, self.model, self.max_tokens)
                try:
                    line = self.form.written(request)
                except InvalidValueError as refused:
                    error = str(of_row(refused, prompt.persona))
                else:
                    self.requests += 1
                    lines[self._number(prompt.ref)].append(line)
                    continue
            self.errors += 1
            lines["errors"].append(json.dumps({"row": number, "error": error}, ensure_ascii=False).encode())
        return lines

    def _number(self, ref: str) -> str:
        return self.refs.setdefault(ref, str(len(self.refs)))

    def _spool(self, lines: dict[str, list[bytes]]) -> None:
        for name, each in lines.items():
            with open(self.folder / SPOOL / name, "ab") as file:
                file.write(b"\n".join(each) + b"\n")
                self.sizes[name] = file.tell()

    # ---- putting together

    def _put_together(self) -> int:
        """Write the request files, and which row is where; return how many there are."""
        parts = _Parts(self.folder, self.form)
        with open(self.folder / MAPPING, "wb") as mapping:
            for ref, number in self.refs.items():
                for line in self._spooled(number):
                    name = parts.add(line)
                    custom_id = line.partition(b'"custom_id":"')[2].partition(b'"')[0].decode()
                    told = {"custom_id": custom_id, "row": int(custom_id[4:]), "ref": ref, "file": name}
                    mapping.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        parts.close()
        with open(self.folder / ERRORS, "wb") as errors:
            errors.writelines(line + b"\n" for line in self._spooled("errors"))
        return parts.count

    def _spooled(self, name: str) -> Iterator[bytes]:
        path = self.folder / SPOOL / name
        if path.exists():
            with open(path, "rb") as file:
                yield from (line.removesuffix(b"\n") for line in file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder for one process, for as long as it lives. Raises PersonaError where another holds it.

    It is a lock of the system's, so none is left by a process that was killed; where the system has none, nothing is held.
    """
    try:
        import fcntl  # not on Windows
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another run is at work in {folder}"
            raise PersonaError(message, hint="wait until it ends, or name another folder") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(held)


class _Parts:
    """Request files, each within what its service takes."""

    def __init__(self, folder: Path, form: Service) -> None:
        self.count = 0
        self._folder = folder
        self._form = form
        self._file: BinaryIO | None = None
        self._name = ""
        self._requests = self._bytes = 0

    def add(self, line: bytes) -> str:
        """Write a request; return the name of its file."""
        form = self._form
        size = len(line) + len(form.between) + len(form.end)
        full = self._requests == form.most or (form.most_bytes is not None and self._bytes + size > form.most_bytes)
        if self._file is None or full:
            self.close()
            self.count += 1
            self._name = f"requests-{self.count:05}{form.ending}"
            self._file = open(self._folder / self._name, "wb")  # noqa: SIM115 - closed when it is full
            self._requests, self._bytes = 0, self._file.write(form.begin.encode())
        self._bytes += self._file.write(form.between.encode() * bool(self._requests) + line)
        self._requests += 1
        return self._name

    def close(self) -> None:
        """End the file that is open."""
        if self._file is not None:
            self._file.write(self._form.end.encode())
            self._file.close()
            self._file = None
