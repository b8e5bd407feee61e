"""`init`: a working start for somebody's own personas."""

from __future__ import annotations

import os

import click

from ..installed import requirement
from ..starting import PRE_COMMIT, REQUIREMENTS, start
from ..terminal import line


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=True))
def init(folder: str) -> None:
    """Write a working start into DIR: personas.yaml with its schema for editors, a template that extends a bundled
    one, a test with its snapshots, what they need, and a README; and, where the repository begins that DIR lies in, a
    workflow for GitHub Actions and a hook of pre-commit. Nothing is overwritten.

    \b
    Example:
      llm-persona init acme
      cd acme
      pip install -r tests/requirements.txt
      pytest tests
    """
    made = start(folder)
    for name in made.written:
        line(os.path.relpath(os.path.join(made.root, *name.split("/"))))
    line()
    for name, text in made.kept.items():
        line(f"{name} was there, and stays as it is" + (f"; add to it:\n\n{text}" if name == PRE_COMMIT else "."))
    if not requirement("cli").everywhere:
        line(f"{REQUIREMENTS} names a place of this machine alone: say there where others can install it from.")
    line("Its prompts are pinned: run pytest there, change a line of personas.yaml, and run it again.")
