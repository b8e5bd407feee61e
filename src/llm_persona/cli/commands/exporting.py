"""`export`: a persona as agent Markdown or as a character card."""

from __future__ import annotations

import click

from ...convert.agents import to_agent_markdown
from ...convert.cards import to_card
from ...files.writing import dump_json
from ..completions import personas
from ..options import PersonaFiles, asked_for, persona_files
from ..outputs import Output, output_file


@click.command("export")
@click.argument("name", shell_complete=personas)
@click.option(
    "--format",
    "form",
    type=click.Choice(["agent", "card"]),
    default="agent",
    show_default=True,
    help="agent is Markdown with YAML front matter; card is a Character Card V3 in JSON.",
)
@output_file()
@persona_files
def export_persona(name: str, form: str, output: Output, files: PersonaFiles) -> None:
    """Export a persona, with its parents' fields, for programs that read agents or character cards.

    What was imported goes out as it came in; of any other persona the file holds the prompt, for others to read, and
    the whole definition, so that `import` gives the same persona.

    \b
    Example:
      llm-persona export Maya --format card -o maya.json
    """
    output.check()
    registry = files.registry()
    persona = asked_for(registry, name)
    text = to_agent_markdown(persona) if form == "agent" else dump_json(to_card(persona))
    output.write(text, files.inputs(registry))
