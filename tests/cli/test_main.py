from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import IO, cast

import click
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from terminals import on_a_terminal

from llm_persona import Persona, PersonaRegistry
from llm_persona.cli.commands.check import check
from llm_persona.cli.commands.diff import diff
from llm_persona.cli.commands.listing import list_personas
from llm_persona.cli.commands.render import render
from llm_persona.cli.commands.schema import schema
from llm_persona.cli.commands.show import show
from llm_persona.cli.main import COMMANDS, Commands, cli, run
from llm_persona.cli.problems import annotation, snippet
from llm_persona.cli.terminal import columns
from llm_persona.errors import Problem
from llm_persona.files.output import safe

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent
FILES = CASES / "files"
UPDATE = "look at the difference; if it is meant: pytest tests/cli/test_main.py --snapshot-update"


@pytest.fixture(autouse=True)
def _in_the_example_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin, prog_name="llm-persona")


def execute(
    *arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None, code: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    start = ["-m", "llm_persona"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *start, *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, **(environment or {})},
    )


# What is said


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_output_is_as_reviewed(case: Path, request: pytest.FixtureRequest) -> None:
    """Each file in tests/cli is a command, all that it prints, and how it ends; a new file is a new case."""
    command = case.read_text(encoding="utf-8").partition("\n")[0]
    result = invoke(*shlex.split(command.removeprefix("$ llm-persona")))
    text = f"{command}\n{result.output}[exit {result.exit_code}]\n"
    if request.config.getoption("--snapshot-update"):
        case.write_text(text, encoding="utf-8", newline="\n")
    assert text == case.read_text(encoding="utf-8"), UPDATE
    assert result.exception is None or isinstance(result.exception, SystemExit)


def examples(command: click.Command) -> list[str]:
    return re.findall(r"^ *llm-persona (.+)$", (command.help or "").partition("Example:\n")[2], re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_has_an_example(name: str) -> None:
    """The help of every command ends with an example, and the group lists it under the name that it has itself."""
    command = cast(Commands, cli).get_command(click.Context(cli), name)
    assert command is not None
    assert examples(command)
    assert command.name == name


STARTING = """
import sys
from llm_persona.cli.main import run
run(["--help"])
print(sorted(name for name in sys.modules if name.split(".")[0] in ("jinja2", "yaml", "jsonschema_rs", "rich")))
print(sorted(name for name in sys.modules if name.startswith("llm_persona.")))
"""


def test_help_imports_nothing_that_it_does_not_print() -> None:
    """What starts the command line is click and three modules of this package; each command brings what it needs."""
    ours = [f"llm_persona.cli{name}" for name in ("", ".main", ".progress", ".terminal")]
    assert execute(code=STARTING).stdout.decode().splitlines()[-2:] == ["[]", str(ours)]


@pytest.mark.parametrize(
    "command", [cli, render, list_personas, show, schema, check, diff], ids=lambda command: command.name
)
def test_examples_run(command: click.Command) -> None:
    """The examples of help texts do what they say with the personas of the documentation."""
    assert examples(command)
    for example in examples(command):
        if "--against" in example:
            continue  # test_revision has a repository for it
        result = invoke(*shlex.split(example.partition(" > ")[0]))
        assert (result.exit_code, bool(result.output)) == (0, True), result.output


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "check",
        "check personas.yaml",
        "show Maya",
        "render Maya",
        "diff Maya Maya",
        "preview",
        "export Maya",
        "import agent.md",
    ],
)
def test_every_command_that_reads_persona_files_takes_limits(command: str, tmp_path: Path) -> None:
    """What meets the limit is refused by its name; under a higher one the same is read."""
    (tmp_path / "agent.md").write_text("---\nname: critic\ndescription: d\n---\nBe blunt.\n")
    (tmp_path / "personas.yaml").write_text("Maya: {role: R, template: markdown, tone: t}\n")
    os.chdir(tmp_path)
    met = invoke(*command.split(), "--limit", "nodes=4")
    assert met.exit_code == 1
    assert "--limit nodes=..." in met.output
    large = invoke("check", "--limit", f"nodes={'9' * 100}")
    assert large.exit_code == 2
    assert f"'nodes={'9' * 53}…' has a number of more than 18 digits; write a smaller one" in large.output
    assert invoke(*command.split(), "--limit", "nodes=4", "--limit", "nodes=400").output.count("--limit") == 0


# Without the extra


@pytest.mark.parametrize(("missing", "line"), [("click", "list"), ("rich", "diff Maya Maya@2 --side-by-side")])
def test_missing_extra_is_named(missing: str, line: str) -> None:
    """Without click, or where rich is needed, the command line says what to install, with exit code 1 and no traceback."""
    code = f"import sys; sys.modules[{missing!r}] = None; from llm_persona.__main__ import main; sys.exit(main())"
    done = execute(*line.split(), code=code)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        "the command line needs click and rich: pip install 'llm-persona[cli]'"
    ]


@pytest.mark.parametrize("module", ["click", "llm_persona.cli.main", "llm_persona.cli.commands.schema"])
def test_an_interruption_of_the_imports_is_quiet(module: str) -> None:
    """Ctrl-C before the first command is found ends as it does later: with 130, and without a traceback."""
    code = (
        "import os, signal, sys\n"
        "class Interrupted:\n"
        "    def find_spec(name, *_):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupted)\n"
        "from llm_persona.__main__ import main\n"
        "sys.exit(main())"
    )
    done = execute("schema", code=code)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, b"", b"")


def test_library_needs_neither_click_nor_rich() -> None:
    """The library, all its public names asked for, imports nothing of the command line's."""
    code = (
        "import sys, llm_persona; [getattr(llm_persona, name) for name in llm_persona.__all__];"
        "print([m for m in sys.modules if m.split('.')[0] in ('click', 'rich')])"
    )
    done = execute(code=code)
    assert (done.returncode, done.stdout.strip()) == (0, b"[]"), done.stderr.decode()


# The exact text


@settings(max_examples=25)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_render_prints_the_prompt_to_the_byte(text: str) -> None:
    """What render prints is the prompt's text in UTF-8, and a line break only where its last line has none."""
    registry = PersonaRegistry()
    registry.define(Persona("Maya", "Writer", custom_sections={"a": text}, variables={}))
    prompt = registry.get("Maya").render().text
    result = invoke("render", "Maya", "-f", "-", stdin=registry.to_json().encode())
    assert result.stdout_bytes == prompt.encode() + (b"" if prompt.endswith("\n") else b"\n")
    result = invoke("render", "Maya", "-f", "-", "--format", "json", stdin=registry.to_json().encode())
    assert json.loads(result.stdout_bytes)["text"] == prompt


@pytest.mark.parametrize("name", ["Maya", "Maya@2", "MayaPremium"])
def test_yaml_of_show_reads_back(name: str, tmp_path: Path) -> None:
    """`show --yaml` is a file by itself, and what is read from it renders the same prompt."""
    path = tmp_path / "personas.yaml"
    path.write_bytes(invoke("show", name, "--yaml").stdout_bytes)
    again = PersonaRegistry.from_file(path, templates="templates/acme").get(name.partition("@")[0])
    before = PersonaRegistry.from_file("personas.yaml").get(name)
    assert again.render(user_name="Jo").stamp() == before.render(user_name="Jo").stamp()
    assert again.build_greeting(user_name="Jo") == before.build_greeting(user_name="Jo")


def test_schema_is_the_packaged_one() -> None:
    """`schema` prints the schema that ships in the package."""
    packaged = (ROOT / "src" / "llm_persona" / "files" / "persona.schema.json").read_text(encoding="utf-8")
    assert json.loads(invoke("schema").stdout) == json.loads(packaged)


def test_unit_chooses_as_the_registry_does() -> None:
    """`--unit` prints the version that the registry chooses for that unit: both versions occur."""
    registry = PersonaRegistry.from_file("personas.yaml")
    units = {registry.get("Maya", unit=f"u{number}").ref: f"u{number}" for number in range(100)}
    shown = {
        json.loads(invoke("render", "Maya", "--unit", u, "--format", "json").stdout)["ref"]: u for u in units.values()
    }
    assert shown == units
    assert set(shown) == {"Maya@1", "Maya@2"}


def test_session_values_may_be_anything_of_json() -> None:
    """`key:=JSON` passes numbers, lists and mappings; `key=value` the text as it is written, equals signs included."""
    arguments = ("-s", "user_name=a=b", "-s", "plan:=3", "-s", 'extra_sections:={"Order": "late"}')
    done = json.loads(invoke("render", "Maya", "--format", "json", *arguments).stdout)
    assert "- Plan: 3" in done["text"]
    assert "> late" in done["text"]
    assert invoke("render", "Maya", "--greeting", *arguments).stdout.startswith("Hi a=b,")


# Standard input


def test_standard_input_is_a_file() -> None:
    """`-f -` reads standard input, as YAML or as JSON."""
    assert "Writer" in invoke("list", "-f", "-", stdin=b"Maya: {role: Writer}").stdout
    assert "Writer" in invoke("list", "-f", "-", stdin=b'{"Maya": {"role": "Writer"}}').stdout


@pytest.mark.parametrize("command", [("check", "-"), ("check", "-f", "-"), ("list", "-f", "-")], ids=" ".join)
def test_lines_of_standard_input_are_shown(command: tuple[str, ...]) -> None:
    """A mistake in standard input is shown with its line, though it can be read only once."""
    result = invoke(*command, stdin=b"Maya:\n  role: Writer\n  tne: kind\n")
    assert result.exit_code == 1
    assert "<stdin>:3:3: Maya: unknown field 'tne'" in result.output
    assert "      tne: kind\n      ^\n" in result.output


def test_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A FIFO is refused: neither reading it nor showing its lines waits for a writer."""
    fifo = tmp_path / "personas.yaml"
    os.mkfifo(fifo)
    done = execute("check", str(fifo))
    assert done.returncode == 1
    assert b"not a regular file" in done.stdout


# Where it prints


def test_output_is_utf8_on_any_locale() -> None:
    """Output is UTF-8 whatever the locale says, errors included."""
    source = 'Zoë: {role: "Übersetzerin 日本語 🎉"}'.encode()
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    listed = execute("list", "-f", "-", stdin=source, environment=ascii_only)
    assert "Zoë   -         -       Übersetzerin 日本語 🎉" in listed.stdout.decode()
    refused = execute("render", "Zoe", "-f", "-", stdin=source, environment=ascii_only)
    assert (refused.returncode, refused.stderr.decode()) == (1, "error: no persona 'Zoe'; did you mean 'Zoë'?\n")


@pytest.mark.parametrize("arguments", [("list",), ("show", "Imp"), ("check",), ("render", "Nobody\x1b[2J")])
def test_control_characters_do_not_act(arguments: tuple[str, ...]) -> None:
    """What a terminal would obey is spelled wherever names, values and lines of files are shown."""
    result = invoke(*arguments, "-f", "control.yaml")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", result.output)


@pytest.mark.parametrize("arguments", [["list"], ["show", "Maya"], ["check", "warnings.yaml"], ["render", "Nobody"]])
def test_colours_are_for_terminals_that_want_them(arguments: list[str]) -> None:
    """A terminal gets colours; with NO_COLOR, or where there is no terminal, no escape code is printed."""
    assert "\x1b[" in on_a_terminal(arguments, {})
    assert "\x1b" not in on_a_terminal(arguments, {"NO_COLOR": "1"})
    assert "\x1b" not in on_a_terminal(arguments, {"FORCE_COLOR": "0"})
    assert b"\x1b" not in (done := execute(*arguments, environment={"FORCE_COLOR": ""})).stdout + done.stderr


@pytest.mark.parametrize("arguments", [["list"], ["check", "warnings.yaml"], ["render", "Nobody"]])
def test_colours_can_be_had_where_no_terminal_is(arguments: list[str]) -> None:
    """FORCE_COLOR brings them through a pipe, whatever TERM says; NO_COLOR is stronger."""
    forced = {"FORCE_COLOR": "1", "TERM": "dumb"}
    done = execute(*arguments, environment=forced)
    assert b"\x1b[" in done.stdout + done.stderr
    plain = execute(*arguments, environment={**forced, "NO_COLOR": "1"})
    assert b"\x1b" not in plain.stdout + plain.stderr
    painted = re.compile(rb"\x1b\[[0-9;]*m")
    assert painted.sub(b"", done.stdout + done.stderr) == plain.stdout + plain.stderr


def test_a_prompt_is_never_painted() -> None:
    """What is a text of its own goes out to the byte, with FORCE_COLOR too."""
    environment = {"FORCE_COLOR": "1"}
    prompt = execute("render", "Maya", "-s", "user_name=Jo", environment=environment).stdout
    assert prompt == execute("render", "Maya", "-s", "user_name=Jo").stdout


def test_table_fits_a_terminal_and_is_never_cut_elsewhere() -> None:
    """On a terminal the columns fold into its width; in a pipe every persona is one whole line."""
    narrow = on_a_terminal(["list", "-f", "control.yaml"], {"NO_COLOR": "1", "COLUMNS": "30"})
    assert max(map(len, narrow.splitlines())) <= 30
    assert execute("list", "-f", "control.yaml", environment={"COLUMNS": "30"}).stdout.decode().splitlines()[1:] == [
        r"Imp   -         -       clears \x1b[2J the\nscreen"
    ]


# How it ends


def test_reader_who_stops_early_is_no_error(tmp_path: Path) -> None:
    """When whoever reads the output has had enough, it ends quietly with 141, as other programs do."""
    path = tmp_path / "personas.yaml"
    path.write_text("\n".join(f"Maya{number}: {{role: {'writer ' * 20}}}" for number in range(2_000)))
    with subprocess.Popen(
        [sys.executable, "-m", "llm_persona", "list", "-f", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        stdout, stderr = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
        stdout.read(1)
        stdout.close()
        assert stderr.read() == b""
        assert process.wait(60) == 141


def test_interrupting_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends it with 130, without a traceback."""

    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted()))
    assert run(["list", "-f", "-"]) == 130
    assert "Traceback" not in capsys.readouterr().err


PRINTING = [
    "--help",
    "--version",
    "render --help",
    "list",
    "list --format json",
    "render Maya -s user_name=Jo",
    "show Maya",
    "check",
    "diff personas.yaml next/personas.yaml",
    "schema",
    "preview -o -",
    "export Maya",
]


@pytest.mark.skipif(os.name != "posix", reason="these streams are those of a Unix shell")
@pytest.mark.parametrize("line", PRINTING)
def test_an_output_that_takes_nothing(line: str) -> None:
    """Closed, broken or full: a code of our own, at most one line of words, and never a traceback."""
    program = f"{shlex.quote(sys.executable)} -m llm_persona {line}"
    ways = {"closed": f"{program} >&-", "broken": f"({program}; echo $? >&2) | true", "full": f"{program} >/dev/full"}
    if not os.path.exists("/dev/full"):
        del ways["full"]
    done = {
        way: subprocess.run(["sh", "-c", command], capture_output=True, timeout=60) for way, command in ways.items()
    }
    for way, ended in done.items():
        assert b"Traceback" not in ended.stderr
        assert b"Exception ignored" not in ended.stderr, way
        assert len(ended.stderr.splitlines()) <= 1
    assert done["closed"].returncode == (0 if line[-4:] in ("help", "sion") else 1)
    assert done["broken"].stderr == b"141\n"
    assert "full" not in done or done["full"].returncode == 1


@pytest.mark.parametrize(("arguments", "code"), [(["list"], 0), (["render", "Nobody"], 1), (["list", "--nonsense"], 2)])
def test_exit_codes(arguments: list[str], code: int) -> None:
    """0 when all is well, 1 for a problem in what the user gave, 2 for wrong usage; in a process as in a call."""
    done = execute(*arguments)
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False)
    assert run(arguments) == code


def test_default_file_is_missed_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file is named and there is no personas.yaml, the message says what to do."""
    monkeypatch.chdir(tmp_path)
    result = invoke("list")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: there is no personas.yaml in this folder; name the file: -f FILE\n",
    )


# The parts


def test_caret_stands_below_its_column() -> None:
    """The caret stands below the character meant: tabs, wide and invisible characters before it count as they show."""
    assert snippet("role: x", 7) == ["role: x", "      ^"]
    assert snippet("\ta: x", 2) == ["    a: x", "    ^"]
    assert snippet("日本: x", 5) == ["日本: x", "      ^"]
    assert snippet("a\u200b: x", 5) == ["a\\u200b: x", "         ^"]
    assert snippet("a\ufe00\U000e0100: ❤\ufe0f", 4) == ["a\\ufe00\\U000e0100: ❤\ufe0f", " " * 17 + "^"]
    assert snippet("role:", 9) == ["role:", "     ^"]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 500))
def test_snippet_is_two_short_lines(text: str, column: int) -> None:
    """A snippet is two lines whatever the source line holds, and the second one has only the caret."""
    shown, caret = snippet(text * 3, column)
    assert len(re.findall("[^ ]", caret)) == 1
    assert shown == safe(shown)
    assert "\n" not in shown


def test_long_line_is_cut_around_its_column() -> None:
    """Of a very long line, such as JSON on one, what stands around the mistake is shown."""
    shown, caret = snippet("a" * 5000 + "X" + "b" * 5000, 5001)
    assert len(shown) < 130
    assert shown[caret.index("^")] == "X"


def test_columns_count_wide_characters_twice() -> None:
    """Columns line up where East Asian characters and emoji take two cells."""
    assert columns([["日本", "x"], ["abcd", "y"], ["a", "z"]]) == ["日本  x", "abcd  y", "a     z"]


def test_annotation_escapes_what_github_would_read() -> None:
    """A workflow command cannot be broken out of by what a file holds."""
    problem = Problem("a,b:c%.yaml", 1, 2, "M::error::", "x,y", "50% off\n::error::gone", None, "warning")
    assert annotation(problem) == (
        r"::warning title=persona file,file=a%2Cb%3Ac%25.yaml,line=1,col=2::M::error::.x,y: 50%25 off\n::error::gone"
    )


@pytest.mark.parametrize("workspace", ["", "repository", "elsewhere"])
def test_annotations_name_files_as_the_repository_has_them(
    workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the folder that Actions checked out, wherever the command runs; a file outside of it is named as it was."""
    folder = tmp_path / "repository" / "services" / "chat"
    folder.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (folder / "personas.yaml").write_text("Maya: {role: Guide, tne: kind}")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / workspace) if workspace else "")
    named = "services/chat/personas.yaml" if workspace == "repository" else "personas.yaml"
    for path in ("personas.yaml", "../chat/personas.yaml")[: 2 if workspace == "repository" else 1]:
        assert f"title=persona file,file={named},line=1" in invoke("check", path, "--format", "github").stdout


# The pre-commit hook


def test_hook_installs_what_the_extra_needs() -> None:
    """The pre-commit hook runs a command that exists, on the files it is for, with what the extra requires."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hook["additional_dependencies"] == project["optional-dependencies"]["cli"]
    assert invoke(*shlex.split(hook["entry"])[1:], "personas.yaml", "short.yaml").exit_code == 0
    chosen = [name for name in ("personas.yaml", "a/personas.yml", "b/personas.json", "t/x.j2", "mypersonas.yaml", "personas.yaml.bak")
              if re.search(hook["files"], name)]  # fmt: skip
    assert chosen == ["personas.yaml", "a/personas.yml", "b/personas.json", "t/x.j2"]
