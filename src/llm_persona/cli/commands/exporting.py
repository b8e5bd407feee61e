"""`export`: personas as other programs' files."""

from __future__ import annotations

import click

from ...convert.formats import WRITTEN
from ..completions import personas
from ..options import PersonaFiles, asked_for, persona_files
from ..outputs import Output, output_file


@click.command("export")
@click.argument("name", shell_complete=personas)
@click.option(
    "--format",
    "form",
    type=click.Choice([*WRITTEN]),
    default="agent",
    show_default=True,
    help="Which program reads it: agent is Markdown with YAML front matter, card a Character Card in JSON.",
)
@output_file()
@persona_files
def export_persona(name: str, form: str, output: Output, files: PersonaFiles) -> None:
    """Export a persona, with its parents' fields, for other programs.

    What was imported goes out as it came in; of any other persona the file holds the prompt, for others to read, and
    the whole definition, so that `import` gives the same persona.

    \b
    Example:
      llm-persona export Maya --format card -o maya.json
    """
    output.check()
    registry = files.registry()
    persona = asked_for(registry, name)
    text = WRITTEN[form].text_of(persona, None if output.printed else output.path)
    output.write(text, files.inputs(registry))
