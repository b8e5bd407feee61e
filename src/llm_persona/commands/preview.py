"""`preview`: a page of every persona, to look at in a browser."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..page import preview as page
from ..terminal import line, safe
from ..writing import write_text
from .options import PersonaFiles, persona_files, session, session_values

DEFAULT_PAGE = "personas.html"


@click.command(short_help="Make a page of every persona, to look at in a browser.")
@click.option(
    "-o",
    "--output",
    metavar="FILE.html",
    default=DEFAULT_PAGE,
    show_default=True,
    type=click.Path(allow_dash=True),
    help="Where to write the page; - is standard output.",
)
@session_values
@persona_files
def preview(output: str, pairs: Sequence[tuple[str, object]], files: PersonaFiles) -> None:
    """Write one HTML page of every persona, which needs no server and no network.

    It shows each persona with its prompts and where every part of them comes from, its versions side by side, and who
    builds on whom. Session variables that -s does not give are printed as they are written: {user_name}.

    \b
    Example:
      llm-persona preview -o personas.html -s user_name=Jo
    """
    values = session(pairs)
    text = page(files.registry(), values)
    if output == "-":
        click.echo(text.encode(), nl=False)
        return
    write_text(output, text)
    line(safe(output))
