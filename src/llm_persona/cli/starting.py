"""A start for somebody's own personas: a file, a template, a test with its snapshots, and a CI snippet that pass."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath

from ..arguments import target_of
from ..errors import PersonaError
from ..files.output import leads_out, write_file
from ..testing.cases import PromptMatrix
from ..testing.file_names import ENDING

SOURCES = {
    "personas.yaml": "cli/start/personas.yaml",
    "persona.schema.json": "files/persona.schema.json",
    "templates/support.j2": "cli/start/support.j2",
    "tests/test_prompts.py": "cli/start/test_prompts.py.txt",  # named so that no tool takes it for this project's code
    ".github/workflows/prompts.yml": "cli/start/prompts.yml",
    ".gitattributes": "cli/start/gitattributes",
}
SNAPSHOTS = "tests/__snapshots__/test_prompts"
SESSIONS = {"free": {"user_name": "Jo"}, "pro": {"user_name": "Ana", "plan": "pro"}}  # as the test file has them


def start(folder: str | os.PathLike[str]) -> list[str]:
    """Write a working start into a folder, which is made if it is not there, and return its files, relative to it.

    Nothing is overwritten: raises PersonaError with all that stands in the way, and OSError for what cannot be written.
    Either way nothing half-done stays behind.
    """
    target = Path(target_of(folder, "the path of the folder"))
    contents = _contents()
    if obstacles := _obstacles(target, contents):
        listed = "".join(f"\n  {obstacle}" for obstacle in obstacles)
        raise PersonaError(f"nothing was written; move what is there already, or name another folder:{listed}")
    _write(target, contents)
    return list(contents)


def _contents() -> dict[str, str]:
    """Return every file of the start; its snapshots are what the templates print now."""
    package = files("llm_persona")
    contents = {name: package.joinpath(source).read_text("utf-8") for name, source in SOURCES.items()}
    with tempfile.TemporaryDirectory() as scratch:
        _write(Path(scratch), contents)
        cases = PromptMatrix(Path(scratch, "personas.yaml"), SESSIONS, None).cases(Path(scratch), {})
        prompts = {f"{SNAPSHOTS}/{case.stem}{ENDING}": str(case.render()) for case in cases}
    return contents | prompts


def _obstacles(target: Path, contents: Mapping[str, str]) -> list[str]:
    """Return what is there and would have to go: files, what is no folder where a folder must be, and links that lead
    out of the target, where nothing is ours to write."""
    if os.path.lexists(target) and not target.is_dir():
        return [str(target)]
    found = {name: None for name in contents if os.path.lexists(target / name)}
    for name in contents:
        for folder in PurePosixPath(name).parents:
            if os.path.lexists(target / folder) and not (target / folder).is_dir():
                found[str(folder)] = None
            elif leads_out(target, target / folder):
                found[f"{folder}, a link to another place"] = None
    return sorted(found)


def _write(target: Path, contents: Mapping[str, str]) -> None:
    """Write new files, all or none: whatever stops it, what it made is taken away again."""
    made: list[Path] = []
    try:
        for name, content in contents.items():
            path = target / name
            for folder in reversed(list(_missing(path.parent))):
                folder.mkdir()
                made.append(folder)
            write_file(path, content, replace=False)
            made.append(path)
    except BaseException:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise


def _missing(folder: Path) -> Iterator[Path]:
    while not folder.exists():
        yield folder
        folder = folder.parent
