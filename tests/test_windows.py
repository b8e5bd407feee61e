"""What differs on Windows, tried on any system: line ends, the locale's encoding, separators of paths."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from llm_persona import PersonaRegistry
from llm_persona.cli.main import cli
from llm_persona.cli.problems import in_repository
from llm_persona.cli.starting import start
from llm_persona.cli.terminal import speak_utf8

SESSION = {"user_name": "Jo", "plan": "pro"}
FILES = ("personas.yaml", "tools.json", "templates/support.j2")


@pytest.fixture
def with_crlf(repository: Path, tmp_path: Path) -> Path:
    """The example product as git checks it out where `core.autocrlf` is on."""
    folder = tmp_path / "acme"
    shutil.copytree(repository / "examples/acme", folder)
    for name in FILES:
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return folder


def test_line_ends_of_files_change_no_prompt(with_crlf: Path, acme: PersonaRegistry) -> None:
    """Personas, templates and tools with CRLF print the same bytes, and are the same to stamps and fingerprints."""
    other = PersonaRegistry.from_file(with_crlf / "personas.yaml")
    for ref in acme.references():
        for template in acme.templates.names():
            mine, theirs = (each.complete(ref).render(template, **SESSION) for each in (acme, other))
            assert theirs.text == mine.text
            assert b"\r" not in theirs.text.encode()
            assert theirs.stamp() == mine.stamp()
    assert other == acme


def test_places_of_mistakes_are_the_same(with_crlf: Path, repository: Path) -> None:
    """Line and column do not count the line ends that came along."""
    told = []
    for folder in (repository / "examples/acme", with_crlf):
        text = (folder / "personas.yaml").read_bytes().replace(b"tone: helpful", b"tne: helpful")
        assert text != (folder / "personas.yaml").read_bytes()
        result = CliRunner().invoke(cli, ["check", "-f", "-"], input=text)
        assert result.exit_code == 1
        told.append(result.output)
    assert told[0] == told[1]


def test_what_is_written_has_the_line_ends_of_unix(with_crlf: Path) -> None:
    """Whatever came in: a file that one machine writes is the one that another does, byte for byte."""
    registry = PersonaRegistry.from_file(with_crlf / "personas.yaml")
    registry.to_yaml(with_crlf / "one.yaml")
    registry.to_json(with_crlf / "one.json")
    for name in ("one.yaml", "one.json"):
        assert b"\r" not in (with_crlf / name).read_bytes()
        assert PersonaRegistry.from_file(with_crlf / name) == registry


def test_what_is_printed_has_the_line_ends_of_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream as Windows opens it, with its line ends and its encoding, gets UTF-8 and line feeds."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n"))
    speak_utf8()
    sys.stdout.write("Zoë\n日本\n")
    sys.stdout.flush()
    assert raw.getvalue() == "Zoë\n日本\n".encode()


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "check -s user_name -s plan",
        "render Maya -s user_name=Jo",
        "preview -o page.html",
        "schema",
        "init made",
    ],
)
def test_nothing_is_read_or_written_in_the_encoding_of_the_locale(
    command: str, repository: Path, tmp_path: Path
) -> None:
    """That of Windows is mostly not UTF-8: whoever opens a text says which encoding it has."""
    shutil.copytree(repository / "examples/acme", tmp_path / "acme")
    words = [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning", "-m", "llm_persona"]
    done = subprocess.run([*words, *command.split()], cwd=tmp_path / "acme", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_paths_for_github_have_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's annotations know a file by its path with slashes alone."""
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.setattr(os, "sep", "\\")
    assert in_repository("services\\chat\\personas.yaml") == "services/chat/personas.yaml"


def test_a_start_writes_paths_with_slashes(tmp_path: Path) -> None:
    """What it writes into a workflow and a hook is for runners that are no Windows, too."""
    (tmp_path / ".git").mkdir()
    start(tmp_path / "services" / "chat")
    workflow = (tmp_path / ".github/workflows/prompts-services-chat.yml").read_text("utf-8")
    hooks = (tmp_path / ".pre-commit-config.yaml").read_text("utf-8")
    assert 'working-directory: "services/chat"' in workflow
    assert "check -f services/chat/personas.yaml" in hooks
    assert "\\" not in workflow
