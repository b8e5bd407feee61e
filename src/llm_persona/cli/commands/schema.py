"""`schema`: the JSON Schema of persona files."""

from __future__ import annotations

import click

from ...files.validation import schema as persona_schema
from ..terminal import print_json


@click.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of persona files, for editors.

    \b
    Example:
      llm-persona schema > persona.schema.json
    """
    print_json(persona_schema())
