"""`render --stamp`: the prompt of a stamp again, to the byte, and the commit that made it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llm_persona import PersonaRegistry, multiline
from llm_persona.cli.main import cli

FILE = """\
$templates: templates
Maya:
  version: 1
  role: Guide
  tone: kind
  template: desk
  variables: {user_name: null, plan: free}
"""
DESK = "{% extends 'default.j2' %}{% block session %}\nFor {{ session.user_name }}, {{ session.plan }}\n{% endblock %}"
VALUES = {"user_name": "Jo", "plan": "pro"}


@pytest.fixture(autouse=True)
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/desk.j2").write_text(DESK, encoding="utf-8")
    (tmp_path / "personas.yaml").write_text(FILE, encoding="utf-8")
    stamp(VALUES)
    return tmp_path


def stamp(values: dict[str, Any], template: str | None = None) -> str:
    prompt = PersonaRegistry.from_file("personas.yaml").get("Maya").render(template, **values)
    Path("stamp.json").write_text(json.dumps(prompt.stamp()), encoding="utf-8")
    return prompt.text


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, ["render", *arguments], **more)


GIVEN = ("-s", "user_name=Jo", "-s", "plan=pro")


@pytest.mark.parametrize("template", [None, "desk", "xml"])
def test_the_prompt_is_printed_to_the_byte(template: str | None) -> None:
    """In the template that the call named, or the persona's own; no line break is added."""
    text = stamp({"user_name": "Jo <é>", "plan": "pro"}, template)
    done = run("--stamp", "stamp.json", "-s", "user_name=Jo <é>", "-s", "plan=pro")
    assert (done.exit_code, done.stdout_bytes) == (0, text.encode())
    again = run("--stamp", "-", "-s", "user_name=Jo <é>", "-s", "plan=pro", input=Path("stamp.json").read_bytes())
    assert again.stdout_bytes == text.encode()


@pytest.mark.parametrize("ticket", ["lost", "lost\n# New rules\n"])
def test_a_text_whose_lines_were_kept_is_printed_as_it_was(ticket: str) -> None:
    """`NAME|=TEXT` is `multiline(TEXT)`; a plain text that is made one line may be another prompt's, which is said."""
    Path("templates/desk.j2").write_text(DESK.replace("{% endblock", "{{ session.ticket }}\n{% endblock"))
    text = stamp({**VALUES, "ticket": multiline(ticket)})
    kept = run("--stamp", "stamp.json", *GIVEN, "-s", f"ticket|={ticket}")
    assert (kept.exit_code, kept.stdout_bytes, kept.stderr) == (0, text.encode(), "")
    plain = run("--stamp", "stamp.json", *GIVEN, "-s", f"ticket={ticket}")
    assert plain.stdout_bytes != text.encode()
    note = "note: 'ticket' was made one line; where it was passed as multiline(...), write -s 'ticket|='…\n"
    assert plain.stderr == (note if "\n" in ticket else "")


def test_sections_of_a_call_are_printed_again() -> None:
    text = stamp({**VALUES, "extra_sections": {"Order\nhistory": "1001\n1002"}})
    done = run("--stamp", "stamp.json", *GIVEN, "-s", 'extra_sections:={"Order\\nhistory": "1001\\n1002"}')
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, text.encode(), "")


def test_a_line_of_a_log_has_the_stamp_in_it() -> None:
    text = stamp(VALUES)
    line = {"route": "primary", "stamp": json.loads(Path("stamp.json").read_text(encoding="utf-8"))}
    done = run("--stamp", "-", *GIVEN, input=json.dumps(line))
    assert (done.exit_code, done.stdout_bytes) == (0, text.encode())


def test_what_changed_since_is_named() -> None:
    Path("personas.yaml").write_text(FILE.replace("kind", "dry"), encoding="utf-8")
    done = run("--stamp", "stamp.json", *GIVEN)
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        "Maya@1: these files make no prompt of this stamp: changed since: persona.tone, stable; take the" in done.stderr
    )
    Path("personas.yaml").write_text(FILE, encoding="utf-8")
    Path("templates/desk.j2").write_text(DESK.replace("For", "To"), encoding="utf-8")
    assert "changed since: template;" in run("--stamp", "stamp.json", *GIVEN).stderr
    Path("personas.yaml").write_text(FILE.replace("Maya", "Dora"), encoding="utf-8")
    assert "no persona 'Maya'" in run("--stamp", "stamp.json", *GIVEN).stderr


def test_what_reaches_no_prompt_does_not_count() -> None:
    Path("personas.yaml").write_text(f"{FILE}  description: d\nDora: {{role: Guide}}\n", encoding="utf-8")
    assert run("--stamp", "stamp.json", *GIVEN).exit_code == 0


@pytest.mark.parametrize("given", [GIVEN[:2], (*GIVEN, "-s", "ticket=x"), ()])
def test_the_session_must_give_the_same_names(given: tuple[str, ...]) -> None:
    """What is not given has its default, and whether it is given may decide what is printed."""
    done = run("--stamp", "stamp.json", *given)
    assert done.exit_code == 1
    assert "Maya@1: the session of the stamp gave plan, user_name; give the same with -s" in done.stderr


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"', "[" * 100_000])
def test_what_is_no_stamp_is_told(content: str) -> None:
    Path("stamp.json").write_text(content, encoding="utf-8")
    done = run("--stamp", "stamp.json", *GIVEN)
    assert done.exit_code == 1
    assert "stamp.json holds no stamp: it must be JSON, as prompt.stamp() makes it" in done.stderr
    assert "cannot be read" in run("--stamp", "missing.json").stderr
    Path("stamp.json").write_text('{"format": "llm-persona/stamp/1"}', encoding="utf-8")
    told = run("--stamp", "stamp.json").stderr
    assert told.startswith("error: these files make no prompt of this stamp: the stamp is of another format; ")


@pytest.mark.parametrize(
    "more", [["Maya"], ["-t", "xml"], ["--unit", "u"], ["--greeting"], ["--format", "json"], ["--explain"]]
)
def test_a_stamp_says_all_else(more: list[str]) -> None:
    assert run("--stamp", "stamp.json", *more).exit_code == 2
    assert run().exit_code == 2


def test_the_recipe_finds_the_commit(product: Path, repository: Path) -> None:
    """Of several that changed the files, the one whose files make the prompt; as the documentation writes it."""

    def git(*arguments: str) -> str:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *arguments], env={**os.environ, **own, **who}, capture_output=True, check=True)
        return done.stdout.decode().strip()

    text, commits = stamp(VALUES), {}
    git("init", "-q")
    for tone in ("stern", "kind", "dry"):
        (product / "personas.yaml").write_text(FILE.replace("kind", tone), encoding="utf-8")
        git("add", "personas.yaml", "templates")
        git("commit", "-qm", tone)
        commits[tone] = git("rev-parse", "HEAD")
    page = (repository / "docs/stamps.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^```sh\n(then=.*?)^```$", page, re.MULTILINE | re.DOTALL)
    program = product / "bin" / "llm-persona"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llm_persona "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    found = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-euc", recipe], env=found, capture_output=True, check=True)
    assert done.stdout.decode().split() == [commits["kind"]]
    assert (product / "prompt.txt").read_bytes() == text.encode()
