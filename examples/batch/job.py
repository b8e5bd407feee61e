"""A nightly job: a table of conversations in, prompts and request files out.

    python examples/batch/job.py work --rows 100000          # with pyarrow alone
    python examples/batch/job.py work --rows 100000 --ray    # with Ray Data, for more machines than one

Needs `pip install 'llm-persona[batch]'`, and `ray[data]` for the latter. A second run goes on where the first stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]  # it has no types
from pyarrow import parquet

from llm_persona.columns import BatchRenderer
from llm_persona.columns.jobs import Job
from llm_persona.columns.requests import SERVICES

PERSONAS = Path(__file__).parent / "personas.yaml"


def make_rows(path: Path, count: int) -> None:
    """Write the table that a product would have: one row a conversation, one in a thousand of a persona that is gone."""
    names = ("Maya", "Ben")
    table = {
        "id": list(range(count)),
        "agent": ["Nora" if number % 1_000 == 999 else names[number % 2] for number in range(count)],
        "user_name": [f"User {number}" for number in range(count)],
        "plan": [("pro", None, "team")[number % 3] for number in range(count)],
        "ticket": [f"Where is order {number}?" for number in range(count)],
    }
    parquet.write_table(pa.table(table), path)


def renderer() -> BatchRenderer:
    """Return what renders a batch; the key of a row is what a later run may leave it out by."""
    return BatchRenderer(PERSONAS, session_columns=["user_name", "plan"], fingerprint_column="prompt_key")


def with_arrow(rows: Path, prompts: Path) -> None:
    """Render the table a batch at a time: memory does not grow with its rows."""
    render = renderer()
    writer = None
    for batch in parquet.ParquetFile(rows).iter_batches(batch_size=4_096):
        made = render(batch)
        writer = writer or parquet.ParquetWriter(prompts, made.schema)
        writer.write_batch(made)
    if writer is not None:
        writer.close()


def with_ray(rows: Path, prompts: Path) -> None:
    """Render it on all processors, or machines, that Ray has. One processor would starve its reader."""
    import ray  # type: ignore[import-not-found,unused-ignore]  # of the extra engines

    ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False, ignore_reinit_error=True)
    data: Any = ray.data.read_parquet(str(rows))
    data.map_batches(renderer(), batch_format="pyarrow", batch_size=4_096).write_parquet(str(prompts))


def requests(rows: Path, folder: Path) -> str:
    """Make what OpenAI's batch service takes; as `llm-persona batch` does."""
    render = BatchRenderer(PERSONAS, session_columns=["user_name", "plan"])
    made = Job(str(rows), folder, render, SERVICES["openai"], "ticket", "gpt-5.6", 400).run(lambda row: None)
    return f"{made.requests:,} requests in {made.files} files, {made.errors:,} errors"


def main() -> None:
    arguments = argparse.ArgumentParser(description="Prompts and request files of a table.")
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--ray", action="store_true")
    chosen = arguments.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    rows = chosen.folder / "rows.parquet"
    if not rows.exists():
        make_rows(rows, chosen.rows)
    if chosen.ray:
        with_ray(rows, chosen.folder / "prompts")
    else:
        with_arrow(rows, chosen.folder / "prompts.parquet")
    print(requests(rows, chosen.folder / "requests"))


if __name__ == "__main__":
    main()
