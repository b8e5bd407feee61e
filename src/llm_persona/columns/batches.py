"""Batches as the libraries of tables have them: columns taken out as Python's own values, and new ones put in.

No library is imported: a batch brings its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from itertools import accumulate
from typing import Any

from ..errors import InvalidValueError
from ..names import did_you_mean, kind_of, shorten

# Kinds of numpy's types whose `tolist` says what an item says; so does float64's.
_TAKEN_AS_THEY_ARE = frozenset("biuU")


class Batch:
    """Columns by name, of one length."""

    def __init__(
        self,
        table: Any,
        names: Iterable[str],
        column: Callable[[Any, str], Sequence[object]],
        length: int | None = None,
    ) -> None:
        self.table = table
        self.names = [*names]
        self._column = column
        self._length = length

    def column(self, name: str) -> list[object]:
        """Return the values of a column, each as its library has an item.

        Raises InvalidValueError for a name that no column has, or two, and for columns that are not of one length.
        """
        found = self.names.count(name)
        if not found:
            known = [each for each in self.names if isinstance(each, str)]
            hint = did_you_mean(name, known) or f"there are {', '.join(map(shorten, known[:8])) or 'none'}"
            raise InvalidValueError(f"the batch has no column {shorten(name)!r}", hint=hint)
        if found > 1:
            raise InvalidValueError(f"the batch has {found} columns {shorten(name)!r}", hint="rename all but one")
        column = [*self._column(self.table, name)]
        if len(column) != len(self):
            message = f"the column {shorten(name)!r} has {len(column)} values, and another {len(self)}"
            raise InvalidValueError(message, hint="columns of a batch are of one length")
        return column

    def __len__(self) -> int:
        """Return how many rows it has."""
        if self._length is None:
            return len(next(iter(self.table.values()), ()))
        return self._length


def opened(table: Any) -> Batch:
    """Return a batch to read. Raises InvalidValueError for what is none."""
    library = type(table).__module__.partition(".")[0]
    if isinstance(table, Mapping):
        return Batch(table, table, lambda columns, name: _plain_items(columns[name]))
    if library == "pyarrow" and hasattr(table, "schema"):
        names = table.schema.names
        return Batch(table, names, lambda _, name: _arrow_items(table.column(names.index(name))), table.num_rows)
    if library == "pandas" and hasattr(table, "columns"):
        return Batch(table, table.columns, lambda frame, name: _pandas_items(frame[name]), len(table))
    if library == "polars" and hasattr(table, "columns") and hasattr(table, "with_columns"):
        return Batch(table, table.columns, lambda frame, name: frame[name].to_list(), len(table))
    hint = "pass a dict of columns, an Arrow table or record batch, or a pandas or polars frame"
    raise InvalidValueError(f"a batch is a table, not {kind_of(table)}", hint=hint)


def with_texts(batch: Batch, columns: Mapping[str, list[str | None]]) -> Any:
    """Return the table with these columns of texts, in the place of others that have their names."""
    table = batch.table
    if isinstance(table, Mapping):
        return {**table, **_like_others(table, columns)}
    library = type(table).__module__.partition(".")[0]
    if library == "pandas":
        pandas = sys.modules["pandas"]
        return table.assign(
            **{n: pandas.Series(texts, index=table.index, dtype=object) for n, texts in columns.items()}
        )
    if library == "polars":
        polars = sys.modules["polars"]
        return table.with_columns([polars.Series(n, texts, dtype=polars.String) for n, texts in columns.items()])
    return _arrow_with(table, columns)


def _like_others(table: Mapping[str, object], columns: Mapping[str, list[str | None]]) -> Mapping[str, object]:
    """Return lists among lists, and arrays among numpy's."""
    if any(_is_array(each) for each in table.values()):
        return {name: sys.modules["numpy"].array(texts, dtype=object) for name, texts in columns.items()}
    return columns


def _arrow_with(table: Any, columns: Mapping[str, list[str | None]]) -> Any:
    arrow = sys.modules["pyarrow"]
    # A column of more than 2 GB of text needs wide offsets, and one type for all batches.
    arrays = {name: arrow.array(texts, arrow.large_string()) for name, texts in columns.items()}
    kept = {name: table.column(number) for number, name in enumerate(table.schema.names) if name not in columns}
    fields = [field for field in table.schema if field.name not in columns]
    fields += [arrow.field(name, arrow.large_string()) for name in columns]
    schema = arrow.schema(fields, metadata=table.schema.metadata)
    return type(table).from_arrays([*kept.values(), *arrays.values()], schema=schema)


def _is_array(column: object) -> bool:
    return type(column).__module__ == "numpy" and hasattr(column, "dtype")


def _plain_items(column: Any) -> Sequence[object]:
    library = type(column).__module__.partition(".")[0]
    if _is_array(column):
        return _array_items(column)
    if library == "pyarrow":
        return _arrow_items(column)
    if library == "pandas":
        return _pandas_items(column)
    return column.to_list() if library == "polars" else column  # type: ignore[no-any-return]  # a sequence


def _array_items(array: Any) -> Sequence[object]:
    kind = array.dtype.kind
    if kind == "M":  # its items are numpy's own dates, which print as nothing else does
        unit = "D" if str(array.dtype) == "datetime64[D]" else "us"
        return array.astype(f"datetime64[{unit}]").tolist()  # type: ignore[no-any-return]  # a list
    if kind in _TAKEN_AS_THEY_ARE or str(array.dtype) == "float64":
        return array.tolist()  # type: ignore[no-any-return]  # a list
    return [*map(_item, array)]


def _item(item: Any) -> object:
    return item.tolist() if _is_array(item) and item.ndim else item


def _arrow_items(column: Any) -> Sequence[object]:
    arrow = sys.modules["pyarrow"]
    if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":  # which Python's dates have not
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    if arrow.types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in column.to_pylist()]
    if arrow.types.is_list(column.type) or arrow.types.is_large_list(column.type):
        return _arrow_lists(column)
    return column.to_pylist()  # type: ignore[no-any-return]  # a list


def _arrow_lists(column: Any) -> Sequence[object]:
    """Return lists cut from their items, which is several times as fast as to ask Arrow for each."""
    compute = import_module("pyarrow.compute")
    items = _arrow_items(compute.list_flatten(column))
    lengths = compute.list_value_length(column).to_pylist()
    ends = [*accumulate([length or 0 for length in lengths])]
    return [None if length is None else items[end - length : end] for length, end in zip(lengths, ends, strict=True)]


def _pandas_items(series: Any) -> Sequence[object]:
    dtype = series.dtype
    if type(dtype).__module__.partition(".")[0] == "numpy" and dtype.kind in "fO":
        return _array_items(series.to_numpy())
    return series.tolist()  # type: ignore[no-any-return]  # a list
