"""`batch`: request files of a file of rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ...columns.jobs import ERRORS, Job
from ...columns.renderer import BatchRenderer
from ...columns.requests import SERVICES
from ...columns.tables import row_count
from ..options import PersonaFiles, persona_files
from ..progress import reached
from ..terminal import counted, line


@click.command()
@click.argument("rows", type=click.Path())
@click.option(
    "--as", "form", type=click.Choice([*SERVICES]), default="text", show_default=True, help="What is made of a row."
)
@click.option("-o", "--output", "folder", metavar="DIR", required=True, type=click.Path(), help="A folder of its own.")
@click.option("--persona", metavar="COLUMN", default="agent", show_default=True, help="The column that names personas.")
@click.option(
    "-s", "--session", "session", metavar="NAME[=COLUMN]", multiple=True, help="A session variable, and its column."
)
@click.option("--unit", metavar="COLUMN", help="The column that rollouts choose by.")
@click.option("--message", metavar="COLUMN", help="The column with the user's message.")
@click.option("-t", "--template", metavar="TEMPLATE", help="The template for all rows.")
@click.option("--model", help="The model that requests name.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="How many tokens an answer may have.")
@persona_files
def batch(
    rows: str,
    form: str,
    folder: str,
    persona: str,
    session: tuple[str, ...],
    unit: str | None,
    message: str | None,
    template: str | None,
    model: str | None,
    max_tokens: int | None,
    files: PersonaFiles,
) -> None:
    """Make request files for batch services of ROWS, a file in Parquet, CSV or JSON lines: one request for each row.

    Files are split at what the service takes, and the rows of a persona stand together, for its cache. rows.jsonl says
    which row is which request; what is wrong with a row is in errors.jsonl, and the command ends with 1. A second run
    goes on where the first stopped.

    \b
    Example:
      llm-persona batch tickets.parquet --as openai --model gpt-5.6 -s user_name --message ticket -o out
    """
    chosen = SERVICES[form]
    _check(form, message, model, max_tokens)
    variables = dict(_variable(each) for each in session)
    renderer = BatchRenderer(files.registry(), persona, variables, unit, template)
    job = Job(rows, Path(folder), renderer, chosen, message, model, max_tokens)
    made = job.run(partial(reached, of=row_count(rows), noun="row"))
    if made.resumed_at:
        line(f"{made.resumed_at:,} rows were there already", err=True)
    line(f"{counted(made.requests, 'request')} in {counted(made.files, 'file')}: {folder}", err=True)
    if made.errors:
        line(f"{counted(made.errors, 'row')} could not be rendered: {Path(folder) / ERRORS}", err=True)
        raise click.exceptions.Exit(1)


def _variable(written: str) -> tuple[str, str]:
    name, equals, column = written.partition("=")
    return name, column if equals else name


def _check(form: str, message: str | None, model: str | None, max_tokens: int | None) -> None:
    """Refuse a call that lacks what each request has to have."""
    needed = {"--message": message, "--model": model} if SERVICES[form].sends else {}
    needed |= {"--max-tokens": None if max_tokens is None else str(max_tokens)} if SERVICES[form].limits_tokens else {}
    lacks = [option for option, value in needed.items() if not value]
    if lacks:
        raise click.UsageError(f"--as {form} needs {' and '.join(lacks)}")
