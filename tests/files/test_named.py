"""The persona files that a path, a pattern or a folder names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm_persona import PersonaError
from llm_persona.files.named import persona_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two persona files, and beside them what is none."""
    (tmp_path / "b.yaml").write_text("$tools: ./tools.json\nMaya: {role: R}")
    (tmp_path / "a.JSON").write_text('{"$schema": "persona.schema.json", "Dora": {"role": "R"}}')
    for name in ("tools.json", "persona.schema.json", ".hidden.yaml", "notes.md"):
        (tmp_path / name).write_text("[]")
    (tmp_path / "more.yaml").mkdir()
    (tmp_path / "more.yaml" / "c.yml").write_text("Sam: {role: R}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_stands_for_the_persona_files_in_it(folder: Path) -> None:
    """Not for what they name as tools or schema, for what is hidden, nor for what lies in folders below."""
    assert persona_files(["."]) == (os.path.join(".", "a.JSON"), os.path.join(".", "b.yaml"))
    assert persona_files([str(folder)]) == (str(folder / "a.JSON"), str(folder / "b.yaml"))


def test_a_pattern_stands_for_the_files_that_match(folder: Path) -> None:
    """Folders that match are none of them, and `**` goes through all below."""
    assert persona_files(["*.yaml"]) == ("b.yaml",)
    assert persona_files(["**/*.y*ml"]) == ("b.yaml", os.path.join("more.yaml", "c.yml"))


def test_each_file_is_named_once_in_the_order_of_the_paths(folder: Path) -> None:
    """A path that is none of these stays as it is, for whoever reads it to say so; a name is first taken as it stands."""
    (folder / "[a].yaml").write_text("Zed: {role: R}")
    assert persona_files(["b.yaml", "*.yaml", "-", "gone.yaml"]) == ("b.yaml", "[a].yaml", "-", "gone.yaml")
    assert persona_files(["[a].yaml"]) == ("[a].yaml",)


@pytest.mark.parametrize("path", ["nothing-*.yaml", "empty"])
def test_what_names_no_file_is_told(folder: Path, path: str) -> None:
    """A folder and a pattern name at least one file."""
    (folder / "empty").mkdir()
    with pytest.raises(PersonaError, match=r"no file matches 'nothing-\*|'empty' has no persona file"):
        persona_files([path])
