"""Files of rows, read in batches: Parquet by way of pyarrow (extra `batch`), CSV and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import PersonaError, let_through
from ..names import kind_of

ROWS = 4_096  # of a batch


def batches(path: str) -> Iterator[Any]:
    """Yield the rows of a file in batches of columns. Raises PersonaError for what cannot be read, and OSError.

    In CSV every value is a text, and an empty one is not given. A JSON line is an object.
    """
    read = _READERS.get(Path(path).suffix.lower())
    if read is None:
        raise PersonaError(f"{path}: rows are in Parquet, CSV or JSON lines", hint=f"name it {', '.join(_READERS)}")
    return read(path)


def row_count(path: str) -> int | None:
    """Return how many rows a file has, where that is known without reading it."""
    if Path(path).suffix.lower() != ".parquet":
        return None
    return int(_parquet(path).metadata.num_rows)


def _parquet(path: str) -> Any:
    try:
        from pyarrow import ArrowInvalid, parquet  # type: ignore[import-untyped,unused-ignore]  # it has no types
    except ImportError:
        raise PersonaError("Parquet needs pyarrow", hint="pip install 'llm-persona[batch]'") from None
    try:
        return parquet.ParquetFile(path)
    except ArrowInvalid:
        raise PersonaError(f"{path}: is no Parquet file") from None


def _parquet_batches(path: str) -> Iterator[Any]:
    return _parquet(path).iter_batches(batch_size=ROWS)  # type: ignore[no-any-return]  # record batches


def _csv_batches(path: str) -> Iterator[Any]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        names = [name for name in rows.fieldnames or () if name]
        for part in _parts(_checked(path, rows)):
            yield {name: [row.get(name) or None for row in part] for name in names}


def _checked(path: str, rows: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    try:
        for row in rows:
            if None in row:
                raise PersonaError(f"{path}:{rows.line_num}: has more values than the first line has names")
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        let_through(error)
        raise PersonaError(f"{path}:{rows.line_num + 1}: is no CSV in UTF-8") from None


def _json_batches(path: str) -> Iterator[Any]:
    with open(path, "rb") as file:
        for part in _parts(_objects(path, file)):
            names = dict.fromkeys(name for row in part for name in row)
            yield _Lines({name: [row.get(name) for row in part] for name in names}, len(part))


class _Lines(dict[str, list[Any]]):
    """Rows of JSON lines: one that no object of a batch has is not given in any."""

    def __init__(self, columns: dict[str, list[Any]], count: int) -> None:
        super().__init__(columns)
        self._count = count

    def with_columns(self, names: Iterable[str]) -> dict[str, list[Any]]:
        return {**dict.fromkeys(names, [None] * self._count), **self}


def with_all(batch: Any, names: Iterable[str]) -> Any:
    """Return a batch with columns of these names, where none of its rows gives a value and its file need not say so."""
    return batch.with_columns(names) if isinstance(batch, _Lines) else batch


def _objects(path: str, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            let_through(error)
            raise PersonaError(f"{path}:{number}: is no JSON") from None
        if not isinstance(row, dict):
            raise PersonaError(f"{path}:{number}: is not an object but {kind_of(row)}")
        yield row


def _parts(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := [*islice(rows, ROWS)]:
        yield part


_READERS = {".parquet": _parquet_batches, ".csv": _csv_batches, ".jsonl": _json_batches, ".ndjson": _json_batches}
