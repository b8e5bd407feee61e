"""`init`: a working start for somebody's own personas."""

from __future__ import annotations

import os

import click

from ..starting import start
from ..terminal import line


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=True))
def init(folder: str) -> None:
    """Write a working start into DIR: personas.yaml with its schema for editors, a template that extends a bundled
    one, a test with its snapshots, and a workflow for GitHub Actions. Nothing is overwritten.

    \b
    Example:
      llm-persona init acme
      cd acme
      pip install 'llm-persona[testing]'
      pytest
    """
    for name in start(folder):
        line(os.path.join(folder, *name.split("/")))
    line()
    line("Its prompts are pinned: run pytest there, change a line of personas.yaml, and run it again.")
