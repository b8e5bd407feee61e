"""`BatchRenderer` in the engines themselves: `pytest -m engines`, with the extra `engines`."""

from __future__ import annotations

import importlib
import math
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_persona import PersonaRegistry
from llm_persona.columns import BatchRenderer

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]  # warnings there are the engines' own
ROWS = 400
PERSONAS = {
    "Maya": {
        "role": "Support for {user_name}",
        "variables": {"user_name": None, "plan": "free"},
        "capabilities": ["Serve {plan}"],
    },
    "Ben": {"role": "Guide", "version": 1, "template": "xml", "capabilities": ["Greet {user_name}"]},
}
# Ten kinds of row that cannot be rendered, as columns of texts can have them.
BAD = [
    {"agent": "Mya"},
    {"agent": ""},
    {"agent": None},
    {"agent": "Maya@9"},
    {"agent": "a/b"},
    {"agent": "$x"},
    {"agent": "M" * 200},
    {"user_name": None},
    {"user_name": "a\0b"},
    {"agent": "Maya ", "user_name": "\n"},
]


@pytest.fixture(scope="module")
def registry() -> PersonaRegistry:
    return PersonaRegistry.from_dict(PERSONAS)


@pytest.fixture(scope="module")
def render(registry: PersonaRegistry) -> BatchRenderer:
    return BatchRenderer(registry, session_columns=["user_name", "plan", "seats"], fingerprint_column="key")


def rows(count: int = ROWS) -> dict[str, list[Any]]:
    """Return a table of good rows with ten bad ones among them."""
    table: dict[str, list[Any]] = {
        "id": [*range(count)],
        "agent": [("Maya", "Ben")[number % 2] for number in range(count)],
        "user_name": [f"User {number}\n<b>" for number in range(count)],
        "plan": [("pro", None, "")[number % 3] for number in range(count)],
        "seats": [number % 7 for number in range(count)],
    }
    for number, changed in enumerate(BAD):
        for name, value in changed.items():
            table[name][number * 3] = value
    return table


def expected(render: BatchRenderer) -> dict[int, tuple[Any, ...]]:
    made = render(rows())
    assert sum(error is not None for error in made["prompt_error"]) == len(BAD)
    return {number: told for number, *told in zip(made["id"], *columns(made), strict=True)}  # type: ignore[misc]


def columns(table: Any) -> list[list[Any]]:
    return [[none_of(each) for each in table[name]] for name in ("prompt", "prompt_ref", "prompt_error", "key")]


def none_of(value: Any) -> Any:
    return (
        None if value is None or value is math.nan or type(value).__name__ == "NAType" or value != value else str(value)
    )


def check(table: Any, render: BatchRenderer) -> None:
    """Hold the rows that an engine gave, in whatever order, to those of a plain batch."""
    found = {int(number): told for number, *told in zip(table["id"], *columns(table), strict=True)}
    assert found == expected(render)


def test_pandas(render: BatchRenderer) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows())
    check(render(frame), render)
    check(frame.convert_dtypes().pipe(render), render)
    check(pandas.concat(render(part) for _, part in frame.groupby(frame["id"] // 90)), render)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_polars(render: BatchRenderer, engine: str) -> None:
    """A lazy frame gives its batches, streaming or not, where it is told what columns come."""
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(rows(), strict=False)
    check(frame.pipe(render), render)
    schema = {**frame.schema, **dict.fromkeys(("prompt", "prompt_ref", "prompt_error", "key"), polars.String)}
    lazy = frame.lazy().map_batches(render, schema=schema, streamable=True)
    check(lazy.collect(engine=engine), render)


def test_dask(render: BatchRenderer) -> None:
    dask, pandas = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    frame = dask.from_pandas(pandas.DataFrame(rows()), npartitions=5)
    check(frame.map_partitions(render).compute(scheduler="threads"), render)


def test_hugging_face_datasets(render: BatchRenderer, registry: PersonaRegistry, tmp_path: Path) -> None:
    """The second `map` finds what the first made, though prompts were rendered meanwhile, and in another renderer too."""
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict(rows()).save_to_disk(str(tmp_path / "rows"))
    data = datasets.load_from_disk(str(tmp_path / "rows"))
    first = data.map(render, batched=True, batch_size=64)
    check(first.to_dict(), render)
    again = BatchRenderer(registry, session_columns=["user_name", "plan", "seats"], fingerprint_column="key")
    second = datasets.load_from_disk(str(tmp_path / "rows")).map(again, batched=True, batch_size=64)
    assert second.cache_files == first.cache_files
    assert len(list((tmp_path / "rows").glob("cache-*.arrow"))) == 1
    arrow = data.with_format("arrow").map(render, batched=True, batch_size=64)
    check(arrow.with_format(None).to_dict(), render)


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray with two processors, as one starves its reader, and a small store."""
    ray = pytest.importorskip("ray", reason="no wheel for this Python")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.mark.parametrize("batch_format", ["default", "pyarrow", "pandas"])
def test_ray_data(ray: Any, render: BatchRenderer, batch_format: str) -> None:
    """Bad rows are errors in their rows, and the job ends with all others."""
    import pyarrow

    data = ray.data.from_arrow(pyarrow.table(rows())).repartition(4)
    check(collected(data.map_batches(render, batch_format=batch_format, batch_size=64)), render)


def collected(data: Any) -> dict[str, list[Any]]:
    taken = data.take_all()
    return {name: [row.get(name) for row in taken] for name in ("id", "prompt", "prompt_ref", "prompt_error", "key")}


def test_ray_goes_on_by_the_key(ray: Any, render: BatchRenderer, tmp_path: Path) -> None:
    """What was written before a job ended is left out by its key, and no row is lost or twice."""
    import pyarrow
    from pyarrow import dataset

    table = pyarrow.table(rows())
    half = ray.data.from_arrow(table.slice(0, 150)).map_batches(render, batch_format="pyarrow")
    half.write_parquet(str(tmp_path / "done"))
    done = {key for key in dataset.dataset(tmp_path / "done").to_table().column("key").to_pylist() if key}
    only_keys = BatchRenderer(
        PersonaRegistry.from_dict(PERSONAS), session_columns=["user_name", "plan", "seats"], fingerprint_column="key"
    )

    def left(batch: Any) -> Any:
        made = only_keys(batch)
        return made.filter(pyarrow.array([key not in done for key in made.column("key").to_pylist()]))

    rest = collected(ray.data.from_arrow(table).map_batches(left, batch_format="pyarrow"))
    good = [number for number, error in zip(rest["id"], rest["prompt_error"], strict=True) if error is None]
    before = {number for number, (_, _, error, _) in expected(render).items() if error is None and number < 150}
    assert sorted(good) == sorted({n for n, (_, _, error, _) in expected(render).items() if error is None} - before)


def test_ray_resumes_from_its_checkpoint_by_the_key(ray: Any, render: BatchRenderer, tmp_path: Path) -> None:
    """A job that died goes on with the rows that its checkpoint has not: each is written once, and few are made twice."""
    import pyarrow
    from pyarrow import dataset, parquet

    checkpoints = pytest.importorskip("ray.data.checkpoint", reason="this Ray has none")
    keyed = render(pyarrow.table(rows()))
    keyed = keyed.filter(keyed.column("key").is_valid()).select(["id", "agent", "user_name", "plan", "seats", "key"])
    (tmp_path / "keyed").mkdir()
    for start in range(0, ROWS, 50):
        parquet.write_table(keyed.slice(start, 50), tmp_path / "keyed" / f"{start:03}.parquet")
    mended, made = tmp_path / "mended", tmp_path / "made"
    made.mkdir()
    prompts = BatchRenderer(PersonaRegistry.from_dict(PERSONAS), session_columns=["user_name", "plan", "seats"])

    def rendered(batch: Any) -> Any:
        if ROWS - 20 in batch.column("id").to_pylist() and not mended.exists():
            time.sleep(3)  # the others are written meanwhile
            raise RuntimeError("the job dies")
        (made / uuid.uuid4().hex).write_text(str(batch.num_rows))
        return prompts(batch)

    def run() -> int:
        before = {*made.iterdir()}
        data = ray.data.read_parquet(str(tmp_path / "keyed")).repartition(8)
        data.map_batches(rendered, batch_format="pyarrow").write_parquet(str(tmp_path / "out"))
        return sum(int(each.read_text()) for each in made.iterdir() if each not in before)

    context = ray.data.DataContext.get_current()
    context.checkpoint_config = checkpoints.CheckpointConfig(
        id_column="key", checkpoint_path=str(tmp_path / "checkpoint"), delete_checkpoint_on_success=False
    )
    try:
        with pytest.raises(Exception, match="the job dies"):
            run()
        mended.touch()
        again = run()
    finally:
        context.checkpoint_config = None
    written = dataset.dataset(tmp_path / "out").to_table()
    assert sorted(written.column("key").to_pylist()) == sorted(keyed.column("key").to_pylist())
    assert 0 < again < keyed.num_rows


def test_the_example_runs_in_ray(ray: Any, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it writes with Ray is what it writes without."""
    from pyarrow import dataset

    monkeypatch.syspath_prepend(repository / "examples" / "batch")
    job = importlib.import_module("job")
    job.make_rows(tmp_path / "rows.parquet", 5_000)
    job.with_arrow(tmp_path / "rows.parquet", tmp_path / "alone.parquet")
    job.with_ray(tmp_path / "rows.parquet", tmp_path / "prompts")
    tables = [dataset.dataset(tmp_path / name).to_table().sort_by("id") for name in ("alone.parquet", "prompts")]
    names = ("id", "prompt", "prompt_ref", "prompt_error", "prompt_key")
    assert tables[0].select(names).to_pydict() == tables[1].select(names).to_pydict()


def test_daft(render: BatchRenderer) -> None:
    """A function of columns: the wrapper of docs/columns.md."""
    daft = pytest.importorskip("daft", reason="no wheel for this Python")
    struct = daft.DataType.struct(
        dict.fromkeys(("prompt", "prompt_ref", "prompt_error", "key"), daft.DataType.string())
    )

    @daft.func.batch(return_dtype=struct)
    def prompts(agent: Any, user_name: Any, plan: Any, seats: Any) -> Any:
        batch = {"agent": agent, "user_name": user_name, "plan": plan, "seats": seats}
        made = render({name: series.to_pylist() for name, series in batch.items()})
        names = ("prompt", "prompt_ref", "prompt_error", "key")
        return [dict(zip(names, row, strict=True)) for row in zip(*(made[name] for name in names), strict=True)]

    frame = daft.from_pydict(rows())
    names = ("agent", "user_name", "plan", "seats")
    made = frame.with_column("made", prompts(*(daft.col(name) for name in names))).to_pydict()
    check({"id": made["id"], **{n: [row[n] for row in made["made"]] for n in made["made"][0]}}, render)


def test_spark(render: BatchRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mapInArrow`: the wrapper of docs/columns.md."""
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    pytest.importorskip("pyspark", reason="no wheel for this Python")
    from pyspark.sql import SparkSession

    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = (
        builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    )
    try:
        columns_ = rows()
        table = [tuple(row) for row in zip(*columns_.values(), strict=True)]
        schema = "id long, agent string, user_name string, plan string, seats long"
        frame = spark.createDataFrame(table, schema)
        added = ", prompt string, prompt_ref string, prompt_error string, key string"
        made = frame.mapInArrow(lambda batches: map(render, batches), schema + added).collect()
        check(
            {name: [row[name] for row in made] for name in ("id", "prompt", "prompt_ref", "prompt_error", "key")},
            render,
        )
    finally:
        spark.stop()
