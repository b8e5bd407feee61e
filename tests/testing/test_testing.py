"""The plugin, run as its users run it: pytest in a project of theirs, warnings as errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from llm_persona import PersonaRegistry
from llm_persona.testing.cases import PromptMatrix
from llm_persona.testing.plugin import OLDEST_SYRUPY

PERSONAS = """\
$templates: templates
Base:
  abstract: true
  company: Acme Corp
  template: support
  constraints: [Never promise delivery dates]
Maya:
  parent: Base
  version: 1
  role: Support Specialist
  variables: {user_name: null, plan: free}
Maya@2: {parent: Maya, tone: warm}
Dora: {role: Guide}
"""
SUPPORT = '{% extends "markdown.j2" %}\n{% block session %}\n- Plan: {{ session.plan }}\n{% endblock %}\n'
TEST = """\
from llm_persona.testing import prompt_matrix

@prompt_matrix("../personas.yaml", sessions={"free": {"user_name": "Jo"}, "pro": {"user_name": "Ana", "plan": "pro"}})
def test_prompt(prompt, prompt_snapshot):
    assert prompt == prompt_snapshot
"""
MANY = """\
from llm_persona.testing import prompt_matrix

@prompt_matrix("../personas.json", sessions={"plain": {}})
def test_prompt(prompt, prompt_snapshot):
    assert prompt == prompt_snapshot
"""
# They take a second to load, and one of them warns of processes.
NOT_NEEDED = tuple(f"-pno:{plugin}" for plugin in ("anyio", "hypothesispytest", "langsmith_plugin", "benchmark"))
FILES = [
    f"{persona}.{session}.md"
    for persona in ("Dora.default", "Maya@1.support", "Maya@2.support")
    for session in ("free", "pro")
]


class Project:
    """A folder with personas and the three-line test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshots = folder / "tests" / "__snapshots__" / "test_prompts"
        self.write("personas.yaml", PERSONAS)
        self.write("templates/support.j2", SUPPORT)
        self.write("tests/test_prompts.py", TEST)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(text.encode())

    def edit(self, name: str, before: str, after: str) -> None:
        text = (self.folder / name).read_text("utf-8")
        assert before in text
        self.write(name, text.replace(before, after))

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.snapshots.iterdir())

    def run(self, *options: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *NOT_NEEDED, *options]
        return self._run(words, folder)

    def run_printed(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a shell, as somebody does who copies it."""
        return self._run(["sh", "-c", command], ".")

    def _run(self, words: list[str], folder: str) -> subprocess.CompletedProcess[str]:
        scripts = os.path.dirname(sys.executable)
        environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"], "PYTHONUTF8": "1"}
        environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
        return subprocess.run(
            words, cwd=self.folder / folder, env=environment, capture_output=True, encoding="utf-8", timeout=300
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "prömpts of Acme's"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def pinned(project: Project) -> Project:
    result = project.run("--snapshot-update")
    assert result.returncode == 0, result.stdout
    return project


def test_three_lines_pin_every_persona_and_version(project: Project) -> None:
    """Without snapshots every prompt fails with its text; an update keeps each in a file; then all pass."""
    first = project.run()
    assert first.returncode == 1
    assert "6 failed" in first.stdout
    assert "Dora in 'default', session 'pro' has no snapshot yet" in first.stdout
    assert project.run("--snapshot-update").returncode == 0
    assert project.kept() == FILES
    registry = PersonaRegistry.from_file(project.folder / "personas.yaml")
    text = str(registry.get("Maya@2").render(user_name="Ana", plan="pro"))
    assert (project.snapshots / "Maya@2.support.pro.md").read_bytes() == text.encode()
    again = project.run()
    assert again.returncode == 0
    assert "6 snapshots passed." in again.stdout


def test_a_change_fails_with_what_made_it_and_passes_after_the_printed_command(pinned: Project) -> None:
    """The failure's last line, run in a shell, accepts that prompt and touches no other."""
    pinned.edit("personas.yaml", "Never promise delivery dates", "Never promise a date")
    result = pinned.run("tests/test_prompts.py::test_prompt[Maya@1.support.pro]")
    assert result.returncode == 1
    failure = result.stdout.partition("= FAILURES =")[2].partition("snapshot report summary")[0]
    lines = [line for line in failure.splitlines() if line.strip("=_- ")]
    assert lines[1].startswith("Maya@1 changed under an unchanged version: ")
    assert "+- Never promise a date" in lines
    assert any("Base.constraints[1]" in line and "personas.yaml:6)" in line for line in lines)
    assert "Full output truncated" not in failure
    assert "Traceback" not in failure
    command = lines[-1]
    assert command.startswith("pytest ")
    assert command.endswith(" --snapshot-update")
    accepted = pinned.run_printed(command)
    assert accepted.returncode == 0, accepted.stdout
    assert "1 passed" in accepted.stdout
    assert pinned.kept() == FILES
    assert pinned.run("tests/test_prompts.py::test_prompt[Maya@1.support.pro]").returncode == 0
    assert "3 failed" in pinned.run().stdout


CAUSES = """\
what made prompts change
personas.yaml:6, Base.constraints[1] (4 prompts)
templates/support.j2:3, the template's line (4 prompts)
personas.yaml:13, Dora.role (2 prompts)

To accept all of it:
"""


def told_last(result: subprocess.CompletedProcess[str]) -> str:
    """Return the end of a run from its last title on, without the counts of pytest."""
    lines = result.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if "what made prompts change" in line)
    return "\n".join([lines[start].strip("= "), *lines[start + 1 : -1]])


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_a_failing_run_ends_with_its_causes_and_one_command(pinned: Project, processes: list[str]) -> None:
    """Each cause is one line with its place and how many prompts it changed; the command accepts just what failed."""
    pinned.edit("personas.yaml", "Never promise delivery dates", "Never promise a date")
    pinned.edit("personas.yaml", "role: Guide", "role: Scout")
    pinned.edit("templates/support.j2", "- Plan: ", "- Plan is: ")
    told = told_last(pinned.run(*processes))
    assert told == f"{CAUSES}pytest tests/test_prompts.py::test_prompt --snapshot-update"
    some = told_last(pinned.run("-k", "Maya and support.pro", *processes))
    command = some.splitlines()[-1]
    tests = [f"'tests/test_prompts.py::test_prompt[Maya@{version}.support.pro]'" for version in (1, 2)]
    assert command == f"pytest {' '.join(tests)} --snapshot-update"
    assert "Base.constraints[1] (2 prompts)" in some
    assert pinned.run_printed(command).returncode == 0
    left = pinned.run(*processes)
    assert "4 failed, 2 passed" in left.stdout
    assert pinned.run_printed(told_last(left).splitlines()[-1]).returncode == 0
    assert "what made prompts change" not in pinned.run().stdout


def test_new_prompts_are_a_cause(project: Project) -> None:
    """Prompts without a snapshot are told as one line, and the command keeps them all."""
    project.edit("tests/test_prompts.py", "    assert", "    assert prompt\n    assert")
    told = told_last(project.run())
    assert "\na prompt that has no snapshot yet (6 prompts)\n" in told
    assert project.run_printed(told.splitlines()[-1]).returncode == 0
    assert project.kept() == FILES


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_a_persona_by_another_name_is_compared_with_what_it_was(pinned: Project, processes: list[str]) -> None:
    """The run ends with the command that keeps the prompts by their new name, and with the one that deletes the old."""
    pinned.edit("personas.yaml", "Dora:", "Nora:")
    result = pinned.run(*processes)
    assert "Dora has one and is not defined any more. If it was renamed, this is what sets them apart:" in result.stdout
    told = told_last(result).splitlines()
    assert told[1:4] == ["Nora: a new name of Dora, or a new persona (2 prompts)", "", "To accept all of it:"]
    assert told[6] == "2 snapshots are of prompts that are no more. To delete them then:"
    assert pinned.run_printed(told[4]).returncode == 0
    assert len(pinned.kept()) == len(FILES) + 2
    assert pinned.run_printed(told[7]).returncode == 0
    assert pinned.kept() == sorted(name.replace("Dora", "Nora") for name in FILES)


def test_a_persona_that_is_unlike_those_that_are_gone_is_new(pinned: Project) -> None:
    pinned.edit("personas.yaml", "Dora: {role: Guide}", "Nora: {role: Pilot, tone: brisk, capabilities: [Fly, Land]}")
    result = pinned.run()
    assert "If it was renamed" not in result.stdout
    assert "a prompt that has no snapshot yet (2 prompts)" in result.stdout


def test_the_printed_command_runs_from_where_pytest_ran(pinned: Project) -> None:
    """Paths in it are relative to the working directory, not to pytest's root."""
    pinned.write("pytest.ini", "[pytest]\n")
    pinned.edit("personas.yaml", "role: Guide", "role: Scout")
    result = pinned.run("-k", "Dora.default.free", folder="tests")
    assert "\npytest 'test_prompts.py::test_prompt[Dora.default.free]' --snapshot-update\n" in result.stdout


def test_several_processes_see_the_same_tests(pinned: Project) -> None:
    """Under pytest-xdist all pass, unused files are found once, and an update removes them."""
    pinned.write("tests/__snapshots__/test_prompts/Sam.default.free.md", "gone")
    result = pinned.run("-n", "2")
    assert "6 passed" in result.stdout
    assert "1 snapshot unused." in result.stdout
    assert result.returncode == 1
    result = pinned.run("-n", "2", "--snapshot-update")
    assert result.returncode == 0, result.stdout
    assert pinned.kept() == FILES


def test_unused_snapshots_are_reported_and_removed_in_full_runs_only(pinned: Project) -> None:
    """A persona that is gone leaves files to report; a run of some tests neither reports nor removes any."""
    pinned.edit("personas.yaml", "Dora: {role: Guide}\n", "")
    for options in ([], ["tests"], ["tests/test_prompts.py"]):
        result = pinned.run(*options)
        assert result.returncode == 1
        assert "4 snapshots passed. 2 snapshots unused." in result.stdout
    some = pinned.run("tests/test_prompts.py::test_prompt[Maya@1.support.free]", "--snapshot-update")
    assert some.returncode == 0
    assert pinned.kept() == FILES
    deselected = "tests/test_prompts.py::test_prompt[Maya@1.support.free]"
    pinned.run("--deselect", deselected, "--snapshot-update")
    assert "Maya@1.support.free.md" in pinned.kept()
    assert pinned.run("--snapshot-update").returncode == 0
    assert pinned.kept() == FILES[2:]


def test_a_module_that_is_gone_leaves_unused_snapshots(pinned: Project) -> None:
    """Its folder is reported by the other modules' run, and removed by an update."""
    (pinned.folder / "tests" / "test_prompts.py").rename(pinned.folder / "tests" / "test_renamed.py")
    assert pinned.run("--snapshot-update").returncode == 0
    assert not pinned.snapshots.exists()
    assert len(list((pinned.snapshots.parent / "test_renamed").iterdir())) == 6


def test_a_session_that_lacks_a_variable_fails_that_test_alone(project: Project) -> None:
    """The test names the variable, and what to add; the others run."""
    project.edit("tests/test_prompts.py", '{"user_name": "Jo"}', "{}")
    result = project.run("--snapshot-update")
    assert result.returncode == 1
    assert "Maya@1 in 'support', session 'free': Maya: the session lacks 'user_name'" in result.stdout
    assert "add 'user_name': ... to sessions['free']" in result.stdout
    assert "4 passed, 2 errors" in result.stdout
    assert "During handling" not in result.stdout
    assert "Traceback" not in result.stdout


def test_a_broken_file_stops_the_collection_with_its_problems(project: Project) -> None:
    """Every problem of the file is told with its place, and no traceback."""
    project.edit("personas.yaml", "role: Guide", "rol: Guide")
    project.edit("personas.yaml", "tone: warm", "tone: [warm]")
    result = project.run()
    assert result.returncode == 2
    assert "personas.yaml:12:" in result.stdout
    assert "personas.yaml:13:" in result.stdout
    assert "did you mean 'role'?" in result.stdout
    assert "Traceback" not in result.stdout
    assert "prompt_cases.py" not in result.stdout


WRONG = {
    "'nowhere.yaml', sessions={'a': {}}": "there is no such file",
    "42, sessions={'a': {}}": "prompt_matrix takes a registry or a file, not a number",
    "R({}), sessions={'a': {}}": "prompt_matrix has nothing to pin",
    "R({'A': {'role': 'x'}}), sessions={}": "sessions must be a mapping of names to variables",
    "R({'A': {'role': 'x'}}), sessions={'a': 1}": "sessions['a'] must be a mapping",
    "R({'A': {'role': 'x'}}), sessions={'a': {}}, templates=[]": "templates must be a list",
    "R({'A': {'role': 'x'}, 'a': {'role': 'x'}}), sessions={'s': {}}": "'a.default.s.md' and 'A.default.s.md' differ only",
    "R({'A': {'role': 'x'}}), sessions={'s': {}, 'S': {}}": "rename a session",
}


def test_what_cannot_be_a_matrix_says_why(project: Project) -> None:
    """A wrong argument is a short error of its module's collection; the same prompt named twice is no error."""
    modules = {f"tests/test_{number}.py": call for number, call in enumerate(WRONG)}
    modules["tests/test_prompts.py"] = "R({'A': {'role': 'x'}}), sessions={'s': {}}, templates=['xml', 'xml.j2']"
    for name, call in modules.items():
        project.write(
            name,
            "from llm_persona import PersonaRegistry\nfrom llm_persona.testing import prompt_matrix\n"
            f"R = PersonaRegistry.from_dict\n@prompt_matrix({call})\n"
            "def test_prompt(prompt, prompt_snapshot):\n    assert prompt == prompt_snapshot\n",
        )
    result = project.run("--snapshot-update", "--continue-on-collection-errors")
    assert "2 passed, 8 errors" in result.stdout
    for number, words in enumerate(WRONG.values()):
        told = result.stdout.partition(f"ERROR collecting tests/test_{number}.py")[2].partition("\n____")[0]
        assert words in told
    assert "Traceback" not in result.stdout
    assert project.kept() == ["A.xml.s.md"]


def test_templates_that_are_named_take_the_place_of_each_ones_own(project: Project) -> None:
    """Every persona is pinned in every template named, from a registry as from a file."""
    project.edit("tests/test_prompts.py", 'plan": "pro"}}', 'plan": "pro"}}, templates=["xml", "compact"]')
    assert project.run("--snapshot-update").returncode == 0
    assert len(project.kept()) == 12
    assert "Dora.compact.free.md" in project.kept()


def test_fixtures_that_are_used_alone_say_what_they_need(project: Project) -> None:
    """Without @prompt_matrix, without the argument, compared twice, or without syrupy, the message says what to do."""
    project.edit("tests/test_prompts.py", "    assert", "    assert prompt == prompt_snapshot\n    assert")
    project.write("tests/test_alone.py", "def test_a(prompt): pass\ndef test_b(prompt_snapshot): pass\n")
    result = project.run("--snapshot-update")
    assert "prompt comes from @prompt_matrix" in result.stdout
    assert "prompt_snapshot goes with @prompt_matrix" in result.stdout
    assert "prompt_snapshot keeps one prompt a test" in result.stdout
    assert "needs syrupy; pip install 'llm-persona[testing]'" in project.run("-p", "no:syrupy").stdout
    project.edit("tests/test_prompts.py", "(prompt, prompt_snapshot)", "()")
    assert "write def test_prompt(prompt, ...)" in project.run().stdout


def test_an_older_syrupy_is_told(project: Project, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that pip would not have taken is named with the one that is needed; tests of `prompt` alone go on."""
    project.write("site/syrupy-6.9.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: syrupy\nVersion: 6.9.2\n")
    monkeypatch.setenv("PYTHONPATH", str(project.folder / "site"))
    project.write("tests/test_alone.py", TEST.replace(", prompt_snapshot", "").replace("== prompt_snapshot", "== 'x'"))
    result = project.run()
    told = "prompt_snapshot needs syrupy 7 or newer, not 6.9.2; pip install 'llm-persona[testing]'"
    lines = result.stdout.splitlines()  # a summary, which is not cut under CI, repeats them
    assert lines.count(told) == len(FILES)
    assert sum(line.startswith("E       AssertionError: assert <Prompt") for line in lines) == len(FILES)
    assert "Traceback" not in result.stdout
    extras = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert f"syrupy>={OLDEST_SYRUPY}.0" in extras["testing"]


def test_persona_text_is_kept_to_the_byte(project: Project) -> None:
    """Windows line ends, trailing spaces and no end of line come back as they are."""
    project.write("personas.yaml", '$templates: templates\nMaya: {role: x, tone: "a \\r\\nb  \\r\\n", template: raw}\n')
    project.write("templates/raw.j2", "{{ persona.tone }}")
    assert project.run("--snapshot-update").returncode == 0
    assert (project.snapshots / "Maya.raw.free.md").read_bytes() == b"a \r\nb  \r\n"
    assert project.run().returncode == 0


def test_snapshots_of_others_are_left_alone(pinned: Project) -> None:
    """Syrupy's own snapshots of the same module, and foreign files of another one, are neither reported nor removed."""
    pinned.write("tests/test_prompts.py", TEST + "\ndef test_other(snapshot):\n    assert [1] == snapshot\n")
    pinned.write("tests/test_foreign.py", "def test_nothing(): pass\n")
    pinned.write("tests/__snapshots__/test_foreign/kept.md", "x")
    assert pinned.run("--snapshot-update", "tests/test_prompts.py").returncode == 0
    result = pinned.run("tests/test_prompts.py")
    assert result.returncode == 0, result.stdout
    assert "7 snapshots passed." in result.stdout
    assert (pinned.folder / "tests/__snapshots__/test_foreign/kept.md").exists()


def test_hostile_names_stay_inside_the_folder(project: Project, shared: Path) -> None:
    """The naughty strings as names of personas and of sessions make files in the folder, and nowhere else."""
    naughty = json.loads((shared / "data" / "session-values.json").read_text("utf-8"))["naughty_strings"]
    names = ["../../evil", "C:evil", "..", "CON", "a.md", "x" * 128, *map(str, naughty)]
    project.write("names.json", json.dumps(names))
    project.write(
        "tests/test_prompts.py",
        "import json, pathlib\nfrom llm_persona import Persona, PersonaError, PersonaRegistry\n"
        "from llm_persona.testing.file_names import shared_name\nfrom llm_persona.testing import prompt_matrix\n"
        "names = json.loads((pathlib.Path(__file__).parents[1] / 'names.json').read_text('utf-8'))\n"
        "names = list({shared_name(name.partition('@')[0], '', ''): name for name in names}.values())\n"
        "registry = PersonaRegistry()\n"
        "for name in names:\n    try: registry.define(Persona(name, role='x'))\n    except PersonaError: pass\n"
        "assert len(registry) > 100\n"
        "sessions = {name: {} for name in list({shared_name('', '', name): name for name in names}.values())}\n"
        "@prompt_matrix(registry, sessions={'s': {}})\n"
        "def test_personas(prompt, prompt_snapshot): assert prompt == prompt_snapshot\n"
        "@prompt_matrix(PersonaRegistry.from_dict({'A': {'role': 'x'}}), sessions=sessions)\n"
        "def test_sessions(prompt, prompt_snapshot): assert prompt == prompt_snapshot\n",
    )
    before = {path for path in project.folder.parent.rglob("*") if path.is_file()}
    made = project.run("--snapshot-update", "-q")
    assert made.returncode == 0, made.stdout[-3000:]
    after = {path for path in project.folder.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert len(after - before) > 300
    assert {path.parent for path in after - before} == {project.snapshots}
    assert project.run("-q").returncode == 0


def test_many_snapshots_take_no_longer_than_pytest(project: Project, shared: Path) -> None:
    """1,561 real prompts in one run, named by its path: what syrupy would do once a pair would take minutes."""
    prompts = json.loads((shared / "data" / "ai-personas.json").read_text("utf-8"))
    data = {
        f"P{number}": {"role": "assistant", "variables": {}, "custom_sections": {"prompt": _plain(entry["prompt"])}}
        for number, entry in enumerate(prompts.values())
    }
    project.write("personas.json", json.dumps(data))
    project.write("tests/test_prompts.py", MANY)
    for case in PromptMatrix("personas.json", {"plain": {}}, None).cases(project.folder, {}):
        project.write(f"tests/__snapshots__/test_prompts/{case.file}", str(case.render()))
    result = project.run("-q", "tests/test_prompts.py")
    assert "1561 snapshots passed." in result.stdout
    assert result.returncode == 0


def _plain(text: str) -> str:
    return "".join(ch for ch in text if ch in "\t\n\r" or (ch >= " " and not "\x7f" <= ch < "\xa0"))


def test_the_plugin_is_cheap_to_load() -> None:
    """Importing it, as every pytest run does, imports neither syrupy nor Jinja2 nor a parser."""
    code = "import sys, llm_persona.testing; print(sorted({'syrupy', 'jinja2', 'yaml', 'jsonschema_rs'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
