"""`preview`: a page of every persona, to look at in a browser."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from ...errors import PersonaError
from ...page.findings import FileHistory
from ...page.page import preview as page
from ..options import PersonaFiles, persona_files, session, session_values, watch
from ..outputs import Output, output_file
from ..revision import Repository
from ..terminal import line

DEFAULT_PAGE = "personas.html"


@click.command()
@output_file(DEFAULT_PAGE, "FILE.html")
@session_values
@watch
@persona_files
def preview(output: Output, pairs: Sequence[tuple[str, object]], watch: bool, files: PersonaFiles) -> None:
    """Write one HTML page of every persona, which needs no server and no network.

    It shows each persona with its prompts and where every part of them comes from, what check says of it, its versions
    side by side, and who builds on whom. Session variables that -s does not give are printed as they are written:
    {user_name}.

    With --watch the page is served on this machine alone, at the address that is printed, and loads itself again at each
    save of a file; what is wrong with a file stands above the last good page.

    \b
    Example:
      llm-persona preview -o personas.html -s user_name=Jo
    """
    if watch:
        from ..watching import serve

        values = session(pairs)
        serve(files, lambda registry: page(registry, values))
        return
    output.check()
    registry = files.registry()
    made = page(registry, session(pairs), map(_written, files.chosen()))
    output.write(made, files.inputs(registry))
    if not output.printed:
        line(output.path)


def _written(path: str) -> FileHistory:
    """Return what git knows of a file: nothing where there is no repository, or no git."""
    try:
        return FileHistory(path, *Repository(os.path.dirname(path)).last_change(path))
    except PersonaError:
        return FileHistory(path)
