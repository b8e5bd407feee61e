"""`export`: personas as other programs' files, and whether the files that are there are what would be written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import click

from ...convert.foreign import file_of
from ...convert.formats import WRITTEN, Format
from ...convert.imports import exported_in
from ...errors import PersonaError, PersonaFileError, one_line, path_text
from ...files.reading import read_text
from ...limits import Limits
from ...persona.persona import Persona
from ...registry.registry import PersonaRegistry
from ..completions import personas
from ..options import PersonaFiles, asked_for, persona_files
from ..outputs import Output, output_file
from ..terminal import counted, line


@click.command("export")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=personas)
@click.option(
    "--format",
    "form",
    type=click.Choice([*WRITTEN]),
    default="agent",
    show_default=True,
    help="Which program reads it: agent is Markdown with YAML front matter, card a Character Card in JSON.",
)
@click.option("--check", is_flag=True, help="Write nothing; end with 1 where a file is not what would be written.")
@output_file()
@persona_files
def export_personas(names: tuple[str, ...], form: str, check: bool, output: Output, files: PersonaFiles) -> None:
    """Export personas, with their parents' fields, for other programs.

    What was imported goes out as it came in; of any other persona the file holds the prompt, for others to read, and
    the whole definition, so that `import` gives the same persona. With -o FOLDER each is a file in it, and where no NAME
    is given, all are.

    \b
    Example:
      llm-persona export Maya --format card -o maya.json
    """
    folder = _folder(output)
    if not names and folder is None and not output.printed:
        raise click.UsageError(f"there is no folder {path_text(output.path)}; end its name with / to make it")
    if not names and folder is None:
        raise click.UsageError("name a persona, or a folder with -o for all of them")
    if check and output.printed:
        raise click.UsageError("--check needs -o: the file, or the folder, to compare")
    registry = files.registry()
    chosen = [asked_for(registry, name) for name in names or registry.list_names()]
    texts = _texts(WRITTEN[form], chosen, registry, output)
    if check:
        _compare(texts, _left_over(folder, texts) if not names else ())
    else:
        _write(texts, output, files, registry)
        served = {*registry.list_names()}
        beside = [] if names else [each for each in registry.references() if each not in served]
        if beside:
            line(f"left out, as they are versions beside those that are served: {', '.join(beside)}", err=True)


def _folder(output: Output) -> str | None:
    """Return the folder that -o names: one that is there, or a path that ends as folders do."""
    is_folder = output.path.endswith(("/", os.sep)) or os.path.isdir(output.path)
    return output.path if is_folder else None


def _texts(form: Format, chosen: list[Persona], registry: PersonaRegistry, output: Output) -> dict[str, str]:
    """Return the texts to write, by their paths. Raises PersonaError where two would be one file."""
    folder = _folder(output)

    def text(persona: Persona, path: str) -> str:
        return form.text_of(persona, None if output.printed else path, registry.definition(persona.ref))

    if form.joins or folder is None:
        if len(chosen) > 1 and not form.joins:
            raise PersonaError(f"{form.name} holds one persona in a file", hint="name a folder with -o")
        target = output.path if folder is None else os.path.join(folder, form.file_name)
        return {target: "\n".join(text(persona, target) for persona in chosen)}
    targets = [os.path.join(folder, file_of(persona, form.endings[0])) for persona in chosen]
    if twice := next((path for path, count in Counter(targets).items() if count > 1), None):
        raise PersonaError(
            f"two personas would be written to {path_text(twice)}", hint="export one of them by its name"
        )
    return {path: text(persona, path) for path, persona in zip(targets, chosen, strict=True)}


def _write(texts: Mapping[str, str], output: Output, files: PersonaFiles, registry: PersonaRegistry) -> None:
    outputs = {path: replace(output, path=path) for path in texts}
    for each in outputs.values():
        each.check()
    if _folder(output) is not None:
        os.makedirs(output.path, exist_ok=True)
    for path, text in texts.items():
        outputs[path].write(text, files.inputs(registry))


def _compare(texts: Mapping[str, str], left_over: Iterator[str] | tuple[str, ...]) -> None:
    """Say which files are not what would be written, and end with 1 where there are any."""
    differing = [f"{path_text(path)}: {why}" for path, text in texts.items() if (why := _difference(path, text))]
    differing += [f"{path_text(path)}: is of a persona that the registry has not" for path in left_over]
    for each in differing:
        line(one_line(each))
    if differing:
        line(
            f"\n{counted(len(differing), 'file')} not up to date: run the same command with --force in the place of --check"
        )
        raise click.exceptions.Exit(1)
    line(f"{counted(len(texts), 'file')} up to date")


def _difference(path: str, text: str) -> str | None:
    """Return in what the file at a path differs from a text; None where it does not."""
    if not os.path.lexists(path):
        return "is not there"
    try:
        found = read_text(path, Limits())
    except PersonaFileError as error:
        return error.problems[0].message
    if found == text:
        return None
    both = zip(found.splitlines(True), text.splitlines(True), strict=False)
    common = next((number for number, (one, other) in enumerate(both) if one != other), None)
    ends = min(len(found.splitlines()), len(text.splitlines()))
    return f"is not what the registry would write, from line {(ends if common is None else common) + 1} on"


def _left_over(folder: str | None, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the files of a folder that an export wrote, and this one would not."""
    if folder is not None and os.path.isdir(folder):
        yield from (path for path in exported_in(folder) if path not in texts)
