"""Tests of `export` to folders, and of `export --check`: what was made from the registry cannot drift unseen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_persona.cli.main import cli
from llm_persona.convert.imports import import_files

FILE = """\
Maya: {role: Guide, greeting: "Hi {user}.", variables: {user: null}}
Base: {abstract: true, tone: brief}
Alex: {parent: Base, role: Clerk}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a persona file, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "personas.yaml").write_text(FILE)
    return tmp_path


def export(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["export", *arguments], prog_name="llm-persona")


@pytest.mark.parametrize("form", ["agent", "cursor", "codex", "card"])
def test_all_personas_are_written_into_a_folder_and_come_back(folder: Path, form: str) -> None:
    """The folder is made; bases for others are in no file; what was just written is what the registry would write."""
    assert export("--format", form, "-o", "out/agents/").exit_code == 0
    assert {path.stem for path in (folder / "out" / "agents").iterdir()} == {"Maya", "Alex"}
    found = import_files("out/agents")
    assert sorted(persona.key for persona in found.personas) == ["Alex", "Maya"]
    checked = export("--format", form, "-o", "out/agents", "--check")
    assert (checked.output, checked.exit_code) == ("2 files up to date\n", 0)


def test_a_crew_is_one_file(folder: Path) -> None:
    """In a folder it has the name that crewAI looks for."""
    (folder / "config").mkdir()
    assert export("--format", "crewai", "-o", "config").exit_code == 0
    assert [persona.key for persona in import_files("config/agents.yaml").personas] == ["Maya", "Alex"]
    assert export("--format", "crewai", "-o", "config/agents.yaml", "Maya", "Alex", "--check").exit_code == 0


def test_what_is_not_what_the_registry_would_write_is_told(folder: Path) -> None:
    """A persona that changed, one without a file, one that is gone; files that no export wrote are nobody's business."""
    export("-o", "agents/")
    (folder / "agents" / "own.md").write_text("---\nname: own\n---\nMine, sha256: no.")
    (folder / "personas.yaml").write_text(FILE.replace("Guide", "Pilot").replace("Alex", "Zoe"))
    before = {path: path.read_bytes() for path in (folder / "agents").iterdir()}
    found = export("-o", "agents", "--check")
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "agents/Maya.md: is not what the registry would write, from line 3 on",
        "agents/Zoe.md: is not there",
        "agents/Alex.md: is of a persona that the registry has not",
        "",
        "3 files not up to date: run the same command with --force in the place of --check",
    ]
    assert {path: path.read_bytes() for path in (folder / "agents").iterdir()} == before
    assert export("Maya", "-o", "agents/Maya.md", "--check").exit_code == 1
    assert export("Maya", "-o", "agents", "--force").exit_code == 0
    assert export("Maya", "-o", "agents", "--check").output == "1 file up to date\n"


def test_an_imported_file_goes_out_as_it_was_wherever_it_goes(folder: Path) -> None:
    """To standard output, into a folder, to a file of its name; under another one it says its own."""
    text = "---\ndescription: Use: it\n---\n\nYou are {b}.\n"
    (folder / "b.md").write_text(text)
    imported = CliRunner().invoke(cli, ["import", "b.md", "-o", "b.yaml"])
    assert imported.exit_code == 0
    assert export("b", "-f", "b.yaml").output == text
    export("-f", "b.yaml", "-o", "out/")
    assert (folder / "out" / "b.md").read_text() == text
    export("b", "-f", "b.yaml", "-o", "c.md")
    assert (folder / "c.md").read_text() == text.replace("it\n", "it\nllm_persona:\n  name: b\n")
    assert import_files("c.md").personas == import_files("b.md").personas


def test_macros_go_out_as_macros(folder: Path) -> None:
    """In the registry `{name}` is filled already; the card has it as it was."""
    card = (
        '{"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Ann", "description": "{{char}}, {{user}}"}}'
    )
    (folder / "ann.json").write_text(card)
    CliRunner().invoke(cli, ["import", "ann.json", "-o", "ann.yaml"])
    assert json.loads(export("Ann", "-f", "ann.yaml", "--format", "card").output) == json.loads(card)


def test_a_file_that_was_cut_off_or_is_no_text_is_not_up_to_date(folder: Path) -> None:
    """Whatever stands there: it is compared, and never raised."""
    export("Maya", "-o", "maya.md")
    whole = (folder / "maya.md").read_bytes()
    for content in (whole[:-1], whole + b"\n", b"", b"\xff", whole.replace(b"\n", b"\r\n")):
        (folder / "maya.md").write_bytes(content)
        assert export("Maya", "-o", "maya.md", "--check").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name a persona, or a folder"),
        (["Maya", "--check"], 2, "--check needs -o"),
        (["Maya", "Alex", "-o", "x.md"], 1, "agent holds one persona in a file; name a folder with -o"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(arguments: list[str], code: int, words: str) -> None:
    """Each says what to add."""
    found = export(*arguments)
    assert (found.exit_code, words in found.output) == (code, True)


def test_nothing_is_written_where_one_file_is_there(folder: Path) -> None:
    """Without --force all are kept, and the others are not begun."""
    (folder / "agents").mkdir()
    (folder / "agents" / "Alex.md").write_text("mine")
    assert "--force" in export("-o", "agents").output
    assert [path.name for path in (folder / "agents").iterdir()] == ["Alex.md"]


def test_what_is_left_out_and_what_is_lacking_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions beside those that are served, and templates that no file brings."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "own.j2").write_text("{{ persona.name }}")
    (tmp_path / "personas.yaml").write_text(
        "$templates: t\nMaya: {role: r, version: 1, template: own}\nMaya@2: {role: s}\nBen: {role: r, template: xml}\n"
    )
    monkeypatch.chdir(tmp_path)
    exported = export("-o", "agents/")
    assert "left out, as they are versions beside those that are served: Maya@2" in exported.stderr
    imported = CliRunner().invoke(cli, ["import", "agents", "-o", "imported.yaml"])
    assert "templates of your own are named, 'own': say $templates: FOLDER in the file" in imported.stderr
    assert "xml" not in imported.stderr
