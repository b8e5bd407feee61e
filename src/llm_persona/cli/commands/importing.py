"""`import`: a persona file made of other programs' files."""

from __future__ import annotations

import click

from ...convert.imports import Imported, import_files
from ...errors import PersonaFileError
from ...files.reading import parse
from ...files.writing import dump_json, dump_yaml
from ...limits import Limits
from ...persona.binding import bundled
from ...persona.persona import Persona
from ...persona.resolution import written
from ..options import file_limits
from ..outputs import Output, output_file
from ..problems import Lines, print_problems
from ..terminal import counted, line


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@output_file()
@file_limits
@click.option("--partial", is_flag=True, help="Give the personas of the files that are valid, though others are not.")
@click.option("--keep-macros", is_flag=True, help="Leave {{char}} and {{user}} of cards as they are written.")
def import_personas(
    paths: tuple[str, ...], output: Output, limits: Limits | None, partial: bool, keep_macros: bool
) -> None:
    """Import agents, rules, crews and character cards, files and folders, as a persona file.

    It reads agent Markdown (Claude Code, GitHub Copilot, OpenCode), Cursor's rules, crewAI's agents.yaml, Codex agents
    and Character Cards V1 to V3 in JSON and PNG. The prompts come in word for word. Of a folder each file is told as
    taken or left. Where a file is refused, nothing is written, unless --partial is given; the command ends with 1 in
    both cases.

    \b
    Example:
      llm-persona import .claude/agents -o personas.yaml
    """
    output.check()
    imported = import_files(*paths, limits=limits, keep_macros=keep_macros)
    for seen in imported.seen:
        line(str(seen), err=True)
    print_problems(imported.problems, Lines(), err=True)
    if partial or not imported.refused:
        output.write(_persona_file(imported.personas, output.path), (*imported.files, *imported.refused))
    own = _own_templates(imported.personas)
    if own:
        line(
            f"templates of your own are named, {', '.join(map(repr, own))}: say $templates: FOLDER in the file",
            err=True,
        )
    line(_summary(imported, written=partial or not imported.refused), err=True)
    if imported.refused:
        raise click.exceptions.Exit(1)


def _own_templates(personas: tuple[Persona, ...]) -> list[str]:
    """Return the templates that personas name and this package does not bring."""
    known = bundled().templates.bundled_names()
    return sorted({each.template for each in personas if each.template is not None} - known)


def _persona_file(personas: tuple[Persona, ...], output: str) -> str:
    """Return the text of a persona file. Raises PersonaFileError where it could not be read back."""
    data = {persona.key: written(persona) for persona in personas}
    kind = "json" if output.lower().endswith(".json") else "yaml"
    text = dump_json(data) if kind == "json" else dump_yaml(data)
    problems = (
        parse(text, "<stdout>" if output == "-" else output, kind="json" if kind == "json" else "yaml").problems
        if personas
        else ()
    )
    if problems:
        raise PersonaFileError(problems)
    return text


def _summary(imported: Imported, *, written: bool) -> str:
    files = counted(len(imported.files) + len(imported.refused), "file")
    if not imported.refused:
        return f"{files} imported"
    kept = f"{len(imported.personas):,} imported" if written else "nothing written: --partial gives the others"
    return f"{len(imported.refused):,} of {files} refused; {kept}"
