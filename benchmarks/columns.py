"""`python benchmarks/columns.py`: rows a second of CPU time, in one run, from a Parquet file that is read each time.

Beside `BatchRenderer` stand an f-string over prepared parts in the same loop, plain Jinja2, and a loop over rows of the
library's own; for one persona a row, plain Jinja2 and `Persona(**row).build_system_prompt()`. Needs the extra `batch`.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as parquet

from llm_persona import Persona, PersonaRegistry
from llm_persona.columns import BatchRenderer

ROWS, ROUNDS, BATCH = 40_000, 5, 4_096
WORDS = [
    "look",
    "up",
    "order",
    "status",
    "process",
    "refunds",
    "escalate",
    "complex",
    "issues",
    "never",
    "promise",
    "dates",
    "warm",
    "helpful",
    "concise",
]
SESSION = ("user_name", "plan", "seats")
ONE_A_ROW = """You are {{ name }}, a {{ role }} at {{ company }}.

Tone: {{ tone }}

You can:
{% for each in capabilities %}- {{ each }}
{% endfor %}
Do not:
{% for each in constraints %}- {{ each }}
{% endfor %}"""
OF_A_REGISTRY = """You are {{ name }}, a Specialist at Acme.

Tone: helpful and professional

You can:
- Look orders up for {{ user_name }}
- Process what {{ plan or "free" }} has

Do not:
- Promise any of the {{ seats }} seats"""


def registry(count: int = 20) -> PersonaRegistry:
    """Return personas that speak of three variables, one with a default."""
    fields = {
        "role": "Specialist",
        "company": "Acme",
        "capabilities": ["Look orders up for {user_name}", "Process what {plan} has"],
        "constraints": ["Promise any of the {seats} seats"],
        "variables": {"user_name": None, "plan": "free", "seats": None},
    }
    return PersonaRegistry.from_dict({f"P{number}": fields for number in range(count)})


def sessions(*, as_texts: bool) -> dict[str, list[Any]]:
    """Return rows as they come: texts, a whole number and nulls; or as texts alone."""
    chance = random.Random(1)
    return {
        "agent": [f"P{chance.randrange(20)}" for _ in range(ROWS)],
        "user_name": [f"User {number}" for number in range(ROWS)],
        "plan": [chance.choice(["pro", "team", "small" if as_texts else None]) for _ in range(ROWS)],
        "seats": [str(number) if as_texts else number for number in range(ROWS)],
    }


def personas() -> dict[str, list[Any]]:
    chance = random.Random(2)

    def text(words: int) -> str:
        return " ".join(chance.choices(WORDS, k=words)).capitalize()

    rows = range(ROWS)
    return {
        "name": [f"Maya {number}" for number in rows],
        "role": [text(3) for _ in rows],
        "company": [text(1) for _ in rows],
        "tone": [text(3) for _ in rows],
        "capabilities": [[text(4) for _ in range(chance.randrange(2, 5))] for _ in rows],
        "constraints": [[text(5) for _ in range(chance.randrange(1, 4))] for _ in rows],
    }


Table = dict[str, list[Any]]


def in_arrow(render: BatchRenderer) -> Callable[[Path], list[str]]:
    def run(path: Path) -> list[str]:
        made = [render(batch).column("prompt") for batch in parquet.ParquetFile(path).iter_batches(BATCH)]
        return [prompt for column in made for prompt in column.to_pylist()]

    return run


def in_lists(function: Callable[[Table], list[str]]) -> Callable[[Path], list[str]]:
    """Return a function of columns as one of a file, which gives Arrow its columns back, as the others do."""

    def run(path: Path) -> list[str]:
        made = []
        for batch in parquet.ParquetFile(path).iter_batches(BATCH):
            prompts = function({name: batch.column(name).to_pylist() for name in batch.schema.names})
            table = batch.append_column("prompt", pa.array(prompts, pa.large_string()))
            table = table.append_column(
                "prompt_ref", pa.array(prompts and batch.column(0).to_pylist(), pa.large_string())
            )
            made.append(table.append_column("prompt_error", pa.nulls(len(prompts), pa.large_string())).column("prompt"))
        return [prompt for column in made for prompt in column.to_pylist()]

    return run


def f_strings() -> Callable[[Table], list[str]]:
    parts: dict[str, tuple[str, ...]] = {}
    for name in registry().list_names():
        text = registry().get(name).build_system_prompt(user_name="\N{BULLET}", plan="\N{BULLET}", seats="\N{BULLET}")
        parts[name] = tuple(text.split("\N{BULLET}"))

    def run(table: Table) -> list[str]:
        prompts = []
        for agent, user, plan, seats in zip(*table.values(), strict=True):
            one, two, three, four = parts[agent]
            prompts.append(f"{one}{user}{two}{'free' if plan is None else plan}{three}{seats}{four}")
        return prompts

    return run


def one_by_one(table: Table) -> list[str]:
    found = registry()
    rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
    return [found.get(row.pop("agent")).build_system_prompt(**row) for row in rows]


def by_jinja(source: str, **named: str) -> Callable[[Table], list[str]]:
    template = jinja2.Environment().from_string(source)
    names = {named.get(name, name): name for name in ("agent", *SESSION)} if named else None

    def run(table: Table) -> list[str]:
        columns = table if names is None else {name: table[column] for name, column in names.items()}
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return [template.render(row).rstrip("\n") for row in rows]

    return run


def each_persona(table: Table) -> list[str]:
    rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
    return [Persona(**row).build_system_prompt() for row in rows]


def questions() -> dict[str, tuple[Table, dict[str, Callable[[Path], list[str]]]]]:
    """Return each table with those that compete on it, the one that others are multiples of first."""
    registered = {
        "f-string": in_lists(f_strings()),
        "BatchRenderer": in_arrow(BatchRenderer(registry(), session_columns=SESSION)),
        "plain Jinja2": in_lists(by_jinja(OF_A_REGISTRY, agent="name")),
        "one by one": in_lists(one_by_one),
    }
    alone = {
        "plain Jinja2": in_lists(by_jinja(ONE_A_ROW)),
        "of_personas": in_arrow(BatchRenderer.of_personas()),
        "Persona(**row)": in_lists(each_persona),
    }
    return {
        "rows as they come": (sessions(as_texts=False), registered),
        "all texts": (sessions(as_texts=True), registered),
        "one persona a row": (personas(), alone),
    }


def measured(path: Path, functions: dict[str, Callable[[Path], list[str]]]) -> dict[str, float]:
    """Return the seconds of CPU that each takes, the best of some rounds in turn. Raises ValueError where prompts differ."""
    said = {name: function(path) for name, function in functions.items()}
    if any(prompts != next(iter(said.values())) for prompts in said.values()):
        raise ValueError("the prompts differ")
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            began = time.process_time()
            function(path)
            times[name].append(time.process_time() - began)
    return {name: min(each) for name, each in times.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for question, (table, functions) in questions().items():
            path = Path(folder) / "rows.parquet"
            parquet.write_table(pa.table(table), path)
            taken = measured(path, functions)
            unit = next(iter(taken.values()))
            print(question)
            for name, seconds in taken.items():
                print(f"  {name:16}{ROWS / seconds:12,.0f} rows a second of CPU{unit / seconds:8.2f}")


if __name__ == "__main__":
    main()
