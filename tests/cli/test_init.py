from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from llm_persona import PersonaError, PersonaFileError, PersonaRegistry
from llm_persona.cli.commands.init import init
from llm_persona.cli.installed import Requirement, requirement
from llm_persona.cli.starting import start
from llm_persona.files.validation import schema

MADE = [
    ".github/workflows/prompts.yml",
    ".pre-commit-config.yaml",
    "README.md",
    "persona.schema.json",
    "personas.yaml",
    "templates/support.j2",
    "tests/.gitattributes",
    "tests/__snapshots__/test_prompts/Maya@1.support.free.md",
    "tests/__snapshots__/test_prompts/Maya@1.support.pro.md",
    "tests/__snapshots__/test_prompts/MayaPremium@1.support.free.md",
    "tests/__snapshots__/test_prompts/MayaPremium@1.support.pro.md",
    "tests/requirements.txt",
    "tests/test_prompts.py",
]


def files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if "__pycache__" not in name)


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120)


def test_its_tests_pass_as_made_and_fail_when_a_persona_changes(tmp_path: Path) -> None:
    """A start works where it stands; an edit fails, and passes after the command that the failure printed."""
    folder = tmp_path / "mine"
    start(folder)
    result = run_pytest(folder)
    assert result.returncode == 0, result.stdout
    assert "4 snapshots passed." in result.stdout
    personas = folder / "personas.yaml"
    personas.write_text(personas.read_text("utf-8").replace("concise, ", ""), "utf-8")
    result = run_pytest(folder, "-k", "Premium and support.pro")
    assert result.returncode == 1
    assert "What made it:\n- Maya@1.tone (personas.yaml:16), printed by llm_persona/markdown.j2:11" in result.stdout
    command = next(line for line in result.stdout.splitlines() if line.startswith("pytest "))
    environment = {**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    subprocess.run(["sh", "-c", command], cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    assert run_pytest(folder, "-k", "Premium and support.pro").returncode == 0


@pytest.mark.parametrize("name", ["new", "a b", "Zoë's", "deep/er", "-dash"])
def test_the_command_makes_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every file is named; spaces, other scripts and missing parents are no trouble."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(init, ["--", name])
    assert result.exit_code == 0, result.output
    assert files(tmp_path / name) == MADE
    for made in MADE:
        assert os.path.join(name, *made.split("/")) in result.output


def test_an_empty_folder_and_one_with_other_files_will_do(tmp_path: Path) -> None:
    """What is there and not in the way stays."""
    start(tmp_path / ".")
    assert files(tmp_path) == MADE
    other = tmp_path / "other"
    (other / "tests").mkdir(parents=True)
    (other / "tests" / "test_mine.py").write_text("mine")
    start(other)
    assert files(other) == sorted([*MADE, "tests/test_mine.py"])
    assert (other / "tests" / "test_mine.py").read_text() == "mine"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """All that stands in the way is listed, dangling links too, and nothing is written."""
    (tmp_path / "personas.yaml").write_text("mine")
    (tmp_path / "templates").write_text("a file")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_prompts.py").symlink_to("nowhere")
    with pytest.raises(PersonaError) as caught:
        start(tmp_path)
    listed = str(caught.value).splitlines()[1:]
    assert [line.strip() for line in listed] == ["personas.yaml", "templates", "tests/test_prompts.py"]
    assert files(tmp_path) == ["personas.yaml", "templates"]
    assert (tmp_path / "personas.yaml").read_text() == "mine"


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    """DIR itself may be no file."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(PersonaError, match="taken"):
        start(tmp_path / "taken")


def test_what_cannot_be_finished_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk gives up half-way, no file and no folder stays behind."""
    (tmp_path / "kept").mkdir()
    real_mkdir = Path.mkdir

    def full(self: Path) -> None:
        if self.name == "test_prompts" and tmp_path in self.parents:
            raise OSError(28, "No space left on device", str(self))
        real_mkdir(self)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left"):
        start(tmp_path / "kept" / "new")
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]


@pytest.mark.parametrize("names", [{"plan"}, {"user_nam"}, set()])
def test_check_tells_what_its_prompts_would_miss(names: set[str], tmp_path: Path) -> None:
    """A name that greeting and template both ask for is the prompt's, too: what `check` lets pass renders."""
    start(tmp_path)
    registry = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    with pytest.raises(PersonaFileError) as refused:
        registry.check(names)
    assert {problem.code for problem in refused.value.problems} == {"session-lacks"}
    assert {problem.persona for problem in refused.value.problems} == {"Maya"}
    with pytest.raises(PersonaFileError, match="may lack 'user_name'"):
        registry.check({"plan"}, optional={"user_name"})


def test_its_files_say_what_they_should(tmp_path: Path) -> None:
    """The editor's schema stands beside the file, the README is short, and the file has no problems."""
    start(tmp_path)
    text = (tmp_path / "personas.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=persona.schema.json\n")
    assert yaml.safe_load((tmp_path / "persona.schema.json").read_text("utf-8")) == schema()
    assert len((tmp_path / "README.md").read_text("utf-8").splitlines()) <= 12
    registry = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    assert registry.list_names() == ["Maya", "MayaPremium"]
    registry.check({"user_name", "plan"})
    for name in MADE:
        assert b"\r" not in (tmp_path / name).read_bytes()


def steps_of(workflow: Path) -> list[str]:
    """Return what a workflow runs, one after the other."""
    steps = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]["prompts"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def run_step(step: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner of GitHub's does, with this PATH before the usual one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "GIT_"))}
    environment = {**clean, "PATH": f"{path}{os.pathsep}{clean['PATH']}", "GITHUB_BASE_REF": "main"}
    words = ["bash", "-e", "-c", step]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository_of_services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a repository whose main branch has a start in a folder of its own."""
    origin = tmp_path_factory.mktemp("origin")
    git(origin, "init")
    start(origin / "services" / "chat")
    git(origin, "add", "-A")
    git(origin, "commit", "-m", "A start")
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", str(origin), ".")
    return clone


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="installs for half a minute: the oldest Python does it for all")
def test_its_workflow_passes_where_it_is_put(repository_of_services: Path, tmp_path: Path) -> None:
    """Its steps run in a fresh environment, in the folder that it says, and from the source that this one came from."""
    workflow = repository_of_services / ".github/workflows/prompts-services-chat.yml"
    folder = (
        repository_of_services / yaml.safe_load(workflow.read_text("utf-8"))["defaults"]["run"]["working-directory"]
    )
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    install, *steps = steps_of(workflow)
    path = str(tmp_path / "env" / "bin")
    installed = run_step(f"{install} --quiet", folder, path)
    if "NewConnectionError" in installed.stderr:
        pytest.skip("no package index can be reached, which the first step needs")
    assert installed.returncode == 0, installed.stderr
    for step in steps:
        done = run_step(step, folder, path)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    assert len(steps) == 3


def test_its_workflow_holds_what_it_is_there_for(repository_of_services: Path, tmp_path: Path) -> None:
    """A broken persona, a lost version and a changed prompt each end the step that looks for them."""
    workflow = repository_of_services / ".github/workflows/prompts-services-chat.yml"
    folder = tmp_path / "chat"
    git(tmp_path, "clone", str(repository_of_services), "chat")
    folder /= "services/chat"
    check, frozen, tests = steps_of(workflow)[1:]
    personas = folder / "personas.yaml"
    written = personas.read_text("utf-8")
    here = os.path.dirname(sys.executable)
    personas.write_text(written.replace("helpful, concise", "brisk"), "utf-8")
    assert [run_step(step, folder, here).returncode for step in (check, frozen, tests)] == [0, 1, 1]
    personas.write_text(written.replace("tone:", "tne:"), "utf-8")
    assert run_step(check, folder, here).stdout.startswith("::error title=persona file,file=")


def test_its_hook_checks_when_something_of_it_changes(repository_of_services: Path) -> None:
    """The entry runs at the repository's root, and the files that call for it are personas and templates of the start."""
    (local,) = yaml.safe_load((repository_of_services / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (hook,) = local["hooks"]
    done = run_step(hook["entry"], repository_of_services, os.path.dirname(sys.executable))
    assert (done.returncode, done.stdout) == (0, "no problems in 1 file\n")
    names = ["services/chat/personas.yaml", "services/chat/templates/support.j2", "services/mail/personas.yaml", "x.py"]
    assert [re.search(hook["files"], name) is not None for name in names] == [True, True, False, False]


def test_what_a_repository_has_already_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks and a README that are there are kept, and what belongs to the hooks is printed."""
    git(tmp_path, "init")
    (tmp_path / ".pre-commit-config.yaml").write_text("repos: []\n")
    (tmp_path / "README.md").write_text("ours\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(init, ["."])
    assert result.exit_code == 0, result.output
    assert (tmp_path / ".pre-commit-config.yaml").read_text() == "repos: []\n"
    assert (tmp_path / "README.md").read_text() == "ours\n"
    assert "add to it:\n\nrepos:\n  - repo: local\n" in result.output
    assert files(tmp_path / ".github") == ["workflows/prompts.yml"]


COMMIT = "4c1b1a2f4c1b1a2f4c1b1a2f4c1b1a2f4c1b1a2f"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, Requirement("llm-persona[cli]==9.8.7", True)),
        (
            {"url": "https://git.example.com/x.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            Requirement(f"llm-persona[cli] @ git+https://git.example.com/x.git@{COMMIT}", True),
        ),
        (
            {"url": "ssh://git@h/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}, "subdirectory": "py"},
            Requirement(f"llm-persona[cli] @ git+ssh://git@h/x@{COMMIT}#subdirectory=py", True),
        ),
        (
            {"url": "https://example.com/x.whl", "archive_info": {"hashes": {"sha256": "00ff", "md5": "1"}}},
            Requirement("llm-persona[cli] @ https://example.com/x.whl#sha256=00ff", True),
        ),
        (
            {"url": "file:///home/x", "dir_info": {"editable": True}},
            Requirement("llm-persona[cli] @ file:///home/x", False),
        ),
        (
            {"url": "file:///home/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            Requirement("llm-persona[cli] @ file:///home/x", False),
        ),
    ],
    ids=["index", "git", "subdirectory", "archive", "folder", "own-repository"],
)
def test_what_is_required_is_what_is_installed(
    origin: dict[str, Any] | None, expected: Requirement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of PEP 610 in pip's words; without one it came from an index, and what only this machine has is told."""
    record = tmp_path / "llm_persona-9.8.7.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-persona\nVersion: 9.8.7\n")
    if origin is not None:
        (record / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert requirement("cli") == expected
    start(tmp_path / "made")
    needs = (tmp_path / "made" / "tests" / "requirements.txt").read_text().splitlines()
    assert needs[-1].startswith(expected.text.replace("[cli]", "[cli,testing]"))
    assert any(line.startswith("# FILL IN:") for line in needs) == (not expected.everywhere)
