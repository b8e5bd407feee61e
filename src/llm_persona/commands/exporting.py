"""`export`: a persona as agent Markdown or as a character card."""

from __future__ import annotations

import click

from ..agents import to_agent_markdown
from ..cards import to_card
from ..writing import dump_json, write_text
from .importing import check_output
from .options import PersonaFiles, asked_for, persona_files


@click.command("export")
@click.argument("name")
@click.option(
    "--format",
    "form",
    type=click.Choice(["agent", "card"]),
    default="agent",
    show_default=True,
    help="agent is Markdown with YAML front matter; card is a Character Card V3 in JSON.",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write the file in one step.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@persona_files
def export_persona(name: str, form: str, output: str | None, force: bool, files: PersonaFiles) -> None:
    """Export a persona, with its parents' fields, for programs that read agents or character cards.

    What was imported goes out as it came in; of any other persona the file holds the prompt, for others to read, and
    the whole definition, so that `import` gives the same persona.

    \b
    Example:
      llm-persona export Maya --format card -o maya.json
    """
    check_output(output, force)
    persona = asked_for(files.registry(), name)
    text = to_agent_markdown(persona) if form == "agent" else dump_json(to_card(persona))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)
