"""What shells offer: the words of the program, and of the files that it would read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from llm_persona.cli.main import cli, run

FILES = Path(__file__).parent / "files"


@pytest.fixture(autouse=True)
def _in_the_example_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)


class Shell(ShellComplete):
    """What a shell asks, without one."""

    name = "none"
    source_template = ""


def offered(*words: str) -> list[str]:
    """Return what is offered for the last of the words, the others being written."""
    shell = Shell(cli, {}, "llm-persona", "_LLM_PERSONA_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sh",), ["show"]),
        (("completion", "z"), ["zsh"]),
        (("render", ""), ["Maya", "Maya@2", "MayaPremium"]),
        (("show", "A"), ["AcmeBase"]),
        (("export", "-f", "short.yaml", ""), ["Dora"]),
        (("diff", "Maya", "Maya@"), ["Maya@2"]),
        (("render", "-f", "gone.yaml", ""), ["Maya"]),
        (("render", "Maya", "-t", "s"), ["support"]),
        (("render", "Maya", "-s", ""), ["plan=", "user_name="]),
        (("render", "-s", "u"), ["user_name="]),
        (("check", "-s", ""), ["plan", "user_name"]),
        (("list", "--format", "j"), ["json"]),
    ],
    ids=" ".join,
)
def test_what_is_offered(words: tuple[str, ...], expected: list[str]) -> None:
    """Commands, options' choices, personas, templates and what they ask of a session."""
    assert offered(*words) == expected


@pytest.mark.parametrize("path", ["missing.yaml", "templates", "-", "nothing-*.yaml"])
@pytest.mark.parametrize("words", [("render",), ("render", "-s"), ("render", "-t")], ids=" ".join)
def test_files_that_cannot_be_read_offer_nothing(path: str, words: tuple[str, ...]) -> None:
    """And nobody is told: a shell asks at every press of a key. The bundled templates are there without a file."""
    command, *option = words
    assert set(offered(command, "-f", path, *option, "")) <= {
        "base",
        "compact",
        "default",
        "markdown",
        "verbatim",
        "xml",
    }


def test_a_file_with_mistakes_offers_its_personas() -> None:
    """What stands in a file is known, whatever is wrong with it."""
    assert offered("show", "-f", "wrong.yaml", "") == ["Maya", "Dora"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_what_its_shell_takes(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by the shell itself, and asked for a persona by what the script asks."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    assert run(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    subprocess.run([program, "-n", script], check=True, capture_output=True)
    asked = {
        "bash": f"source {script}; COMP_WORDS=(llm-persona show D); COMP_CWORD=2; "
        "_llm_persona_completion llm-persona; printf '%s\\n' \"${COMPREPLY[@]}\"",
        "fish": f"source {script}; complete -C 'llm-persona show D'",
        "zsh": "env COMP_WORDS='llm-persona show D' COMP_CWORD=2 _LLM_PERSONA_COMPLETE=zsh_complete llm-persona",
    }
    (tmp_path / "llm-persona").write_text(f'#!/bin/sh\nexec {sys.executable} -m llm_persona "$@"\n')
    (tmp_path / "llm-persona").chmod(0o755)
    (tmp_path / "personas.yaml").write_text("Dora: {role: Writer}\nMaya: {role: Guide}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run([program, "-c", asked[shell]], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Dora" in done.stdout.split(), done
    assert "Maya" not in done.stdout


def test_every_name_of_a_persona_or_a_template_is_completed() -> None:
    """No command takes a persona or a template that it does not offer."""
    for name in ("render", "show", "export", "diff"):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        (argument, *_) = (each for each in command.params if isinstance(each, click.Argument))
        assert argument._custom_shell_complete is not None
