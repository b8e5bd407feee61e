"""A start for somebody's own personas: a file, a template, a test with its snapshots, a workflow and a hook that pass."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..arguments import target_of
from ..errors import PersonaError
from ..files.output import leads_out, write_file
from ..testing.cases import PromptMatrix
from ..testing.file_names import ENDING
from .installed import requirement

SOURCES = {
    "personas.yaml": "cli/start/personas.yaml",
    "persona.schema.json": "files/persona.schema.json",
    "templates/support.j2": "cli/start/support.j2",
    "tests/test_prompts.py": "cli/start/test_prompts.py.txt",  # named so that no tool takes it for this project's code
    "tests/.gitattributes": "cli/start/gitattributes.txt",
}
REQUIREMENTS = "tests/requirements.txt"
README = "README.md"
WORKFLOW = ".github/workflows/prompts.yml"
PRE_COMMIT = ".pre-commit-config.yaml"
SNAPSHOTS = "tests/__snapshots__/test_prompts"
SESSIONS = {"free": {"user_name": "Jo"}, "pro": {"user_name": "Ana", "plan": "pro"}}  # as the test file has them
FILL_IN = """\
# FILL IN: where others can install it from too, a CI service among them; this is a place of one machine. For example:
# llm-persona[cli,testing] @ git+https://git.example.com/your-team/llm-persona.git@COMMIT
"""


class Start(NamedTuple):
    """The files of a start that were written, relative to the repository's folder, and the text of those that stay as
    they were, where a file of that name was there."""

    root: str
    written: tuple[str, ...]
    kept: Mapping[str, str]


def start(folder: str | os.PathLike[str]) -> Start:
    """Write a working start into a folder, which is made if it is not there.

    What a repository has once, its workflows and its hooks, is written where the repository begins that the folder lies in.
    Nothing is overwritten: raises PersonaError with all that stands in the way, and OSError for what cannot be written.
    Either way nothing half-done stays behind.
    """
    target = Path(os.path.realpath(target_of(folder, "the path of the folder")))
    if os.path.lexists(target) and not target.is_dir():
        raise PersonaError(f"{os.fspath(folder)} is no folder", hint="name another one: nothing was written")
    root = next((each for each in (target, *target.parents) if (each / ".git").exists()), target)
    within = target.relative_to(root).as_posix()
    contents = {str(PurePosixPath(within, name)): text for name, text in _contents().items()} | _shared(within)
    kept = {
        name: contents.pop(name) for name in (PRE_COMMIT, str(PurePosixPath(within, README))) if (root / name).exists()
    }
    if obstacles := _obstacles(root, contents):
        listed = "".join(f"\n  {obstacle}" for obstacle in obstacles)
        raise PersonaError(f"nothing was written; move what is there already, or name another folder:{listed}")
    _write(root, contents)
    return Start(str(root), tuple(contents), kept)


def _contents() -> dict[str, str]:
    """Return every file of the start that lies in its folder; its snapshots are what the templates print now."""
    contents = {name: _source(source) for name, source in SOURCES.items()}
    with tempfile.TemporaryDirectory() as scratch:
        _write(Path(scratch), contents)
        cases = PromptMatrix(Path(scratch, "personas.yaml"), SESSIONS, None).cases(Path(scratch), {})
        prompts = {f"{SNAPSHOTS}/{case.stem}{ENDING}": str(case.render()) for case in cases}
    written, everywhere = requirement("cli,testing")
    needs = {REQUIREMENTS: f"{'' if everywhere else FILL_IN}{written}\n", README: _source("cli/start/README.md")}
    return contents | prompts | needs


def _shared(within: str) -> dict[str, str]:
    """Return what a repository has once, for a start in this folder of it."""
    here = within == "."
    name = WORKFLOW if here else WORKFLOW.replace("prompts", f"prompts-{within.replace('/', '-')}")
    workflow = _source("cli/start/prompts.yml").replace("FOLDER", json.dumps(within, ensure_ascii=False))
    words = {
        "FILE": shlex.quote(str(PurePosixPath(within, "personas.yaml"))),
        "PATTERN": "" if here else re.escape(f"{within}/"),
    }
    hooks = _source("cli/start/pre-commit.yaml")
    for word, text in words.items():
        hooks = hooks.replace(word, text)
    return {name: workflow, PRE_COMMIT: hooks}


def _source(name: str) -> str:
    return files("llm_persona").joinpath(name).read_text("utf-8")


def _obstacles(target: Path, contents: Mapping[str, str]) -> list[str]:
    """Return what is there and would have to go: files, what is no folder where a folder must be, and links that lead
    out of the target, where nothing is ours to write."""
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
