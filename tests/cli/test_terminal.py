"""Tests of where commands print: nothing acts on a terminal, and pipes and files get every character as it is."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO, cast

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from terminals import OWN_DEVICE, here_on_a_terminal, opened, until_closed

import llm_persona
from llm_persona import Persona, PersonaRegistry
from llm_persona.cli.main import COMMANDS, cli
from llm_persona.cli.progress import ERASE, Progress
from llm_persona.cli.terminal import Terminal, line, on_terminal, painted, write

EVIL = "x\x1b]0;title\x07\x1b[2J\x1b[8mhidden\x9b31m\x7f\x08\rgone\u202eback"
NAME = "we\x1b]0;title\x07ird"  # of files: a terminal would take a new title
COLOURED = re.compile(r"\x1b\[[0-9;]*m")  # what the commands themselves write
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

SHOWN: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("list", "--all"),
    ("list", "--format", "json"),
    ("show", "Maya"),
    ("show", "Maya", "--yaml"),
    ("show", "Maya", "--format", "json"),
    ("completion", "bash"),
    ("render", "Maya"),
    ("render", "Maya", "--explain"),
    ("render", "Maya", "--greeting"),
    ("render", "Maya", "--format", "json"),
    ("render", "Maya", "-t", "compact", "-s", f"unused{NAME}={EVIL}"),
    ("render", "Maya", "-t", f"no{NAME}"),
    ("render", f"No{NAME}"),
    ("check",),
    ("check", "--format", "github"),
    ("check", f"{NAME}.yaml"),
    ("diff", "Maya", "Alex"),
    ("diff", "Maya", "Alex", "--side-by-side"),
    ("diff", "personas.yaml", f"no{NAME}.yaml"),
    ("schema",),
    ("preview", "-o", "-"),
    ("preview", "-o", f"{NAME}.html"),
    ("import", f"{NAME}.md"),
    ("import", f"{NAME}.md", "-o", f"no/{NAME}"),
    ("import", f"broken{NAME}.md"),
    ("export", "Maya"),
    ("export", "Maya", "--format", "card"),
    ("export", "Maya", "-o", "/dev/stdout"),
    ("export", "Maya", "-o", OWN_DEVICE),
    ("init", NAME),
    ("publish", "memory://evil/current.json", "-m", EVIL),
    ("publish", f"no{NAME}://x/y.json"),
    ("batch", f"{NAME}.jsonl", "--as", "text", "-o", f"out{NAME}"),
    ("batch", f"no{NAME}.jsonl", "--as", "text", "-o", f"out{NAME}"),
    (f"no{NAME}",),
    ("list", f"--no{NAME}"),
    ("list", f"extra{NAME}"),
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every text, name and template would do something to a terminal."""
    folder = tmp_path_factory.mktemp("evil")
    (folder / "templates").mkdir()
    (folder / "templates" / "own.j2").write_text(
        f"{EVIL} {{{{ persona.name }}}} {{{{ persona.role }}}}", "utf-8", newline=""
    )
    fields = {"role": EVIL, "greeting": EVIL, "constraints": (EVIL,), "custom_sections": {"a": f"{EVIL}\n{EVIL}"}}
    registry = PersonaRegistry(folder / "templates")
    registry.define(Persona("Maya", template="own", **fields), Persona("Alex", **{**fields, "role": f"other {EVIL}"}))
    registry.to_yaml(folder / "personas.yaml")
    (folder / f"{NAME}.yaml").write_text(
        f'Maya:\n  role: "a"\n  "{NAME}": b # {EVIL}\n'.replace("\x1b", "\\e"), "utf-8"
    )
    (folder / f"{NAME}.md").write_text(f"---\nname: agent\n---\n{EVIL}", "utf-8", newline="")
    rows = [{"agent": "Maya", "user": EVIL}, {"agent": f"No{NAME}"}, {"agent": EVIL}]
    (folder / f"{NAME}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / f"broken{NAME}.md").write_text(f"---\nname: {EVIL}: x\n---\nHi", "utf-8", newline="")
    return folder


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_nothing_that_is_printed_acts_on_a_terminal(
    evil: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Whatever files, names and values hold, a terminal gets text, line feeds, and the commands' own colours."""
    monkeypatch.chdir(evil)
    shown = here_on_a_terminal(arguments)
    assert shown
    assert "Traceback" not in shown
    assert OBEYED.findall(COLOURED.sub("", shown.replace("\r\n", "\n"))) == []
    assert "\x1b[8m" not in shown


def test_every_command_is_shown() -> None:
    """The cases above hold every command."""
    assert COMMANDS.keys() <= {arguments[0] for arguments in SHOWN}


@pytest.mark.parametrize(
    "arguments", [("render", "Maya"), ("export", "Maya"), ("show", "Maya", "--yaml")], ids=" ".join
)
def test_a_pipe_gets_every_character(evil: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> None:
    """What is a text of its own, and no report, goes on exactly as it is."""
    monkeypatch.chdir(evil)
    printed = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout_bytes.decode()
    if arguments[0] == "render":
        assert printed == PersonaRegistry.from_file("personas.yaml").get("Maya").build_system_prompt() + "\n"
        assert EVIL in printed
    elif arguments[0] == "export":
        assert printed.count(EVIL) == 1  # its prompt; the front matter is YAML, which writes escapes
    else:
        (evil / "again.yaml").write_text(printed, "utf-8", newline="")
        again = PersonaRegistry.from_file("again.yaml", templates="templates").get("Maya")
        assert again == PersonaRegistry.from_file("personas.yaml").get("Maya")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8")) | st.sampled_from([EVIL, "\x1b[31m", "\x1b[0m"]), min_size=1)
)
def test_a_terminal_acts_on_our_colours_alone(texts: list[str]) -> None:
    """Painted or plain, any text reaches it without a code of its own; ours are there, in pairs."""
    screen = Screen()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", Terminal(cast(TextIO, screen)))
        for text in texts:
            line(f"{text} {painted(text, 'red', bold=True)}")
    sent = screen.getvalue()
    assert sent.count("\x1b") == 3 * len(texts) == sum(map(sent.count, ("\x1b[31m", "\x1b[1m", "\x1b[0m")))
    assert OBEYED.findall(COLOURED.sub("", sent)) == []


def test_what_is_no_terminal_gets_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """And every character as it is."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert not on_terminal()
    line(painted(EVIL, "red"))
    write(EVIL)
    assert out.getvalue() == f"{EVIL}\n{EVIL}"


def test_commands_print_through_one_place() -> None:
    """No command prints by itself, past what spells control characters on a terminal."""
    folder = Path(llm_persona.__file__).parent
    files = [path for path in folder.glob("cli/**/*.py") if path.name != "terminal.py"]
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"), (
                    path
                )


def test_long_work_is_told_on_a_terminal_until_it_prints(tmp_path: Path) -> None:
    """From a second on one line says how long it takes; it is erased before the first word of the command."""
    ours, theirs = opened()
    process = subprocess.Popen(
        [sys.executable, "-m", "llm_persona", "check", "-f", "-"],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(theirs)
    shown = b""
    while b"at work" not in shown:  # it waits for the file, as for a slow disk
        assert select.select([ours], [], [], 60)[0], "a minute of work, and nothing is told"
        shown += os.read(ours, 65_536)
    process.communicate(b"Maya: {role: Guide}")
    shown += b"".join(until_closed(ours))
    os.close(ours)
    text = shown.decode()
    assert re.search(r"\r\x1b\[Kat work: \d+ s", text)
    assert text.endswith("\r\x1b[Kno problems in 1 file\r\n")
    assert process.returncode == 0


def test_progress_says_how_far_it_is_and_ends_for_good() -> None:
    """After its end it writes nothing, whoever ends it and however often."""
    stream = io.StringIO()
    progress = Progress(stream, first=0, every=0)
    progress.reached = "file 3 of 12, "
    pause = threading.Event()
    assert any("file 3 of 12, 0 s" in stream.getvalue() or pause.wait(0.001) for _ in range(60_000))
    progress.end()
    ended = stream.getvalue()
    assert ended.endswith(ERASE)
    progress.end()
    threading.Event().wait(0.01)
    assert stream.getvalue() == ended


def test_what_is_quick_is_told_nothing() -> None:
    """What ends before the first pause leaves no trace."""
    stream = io.StringIO()
    Progress(stream, first=60).end()
    assert stream.getvalue() == ""
