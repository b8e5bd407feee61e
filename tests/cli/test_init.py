from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from llm_persona import PersonaError, PersonaFileError, PersonaRegistry
from llm_persona.cli.commands.init import init
from llm_persona.cli.starting import start
from llm_persona.files.validation import schema

MADE = [
    ".gitattributes",
    ".github/workflows/prompts.yml",
    "persona.schema.json",
    "personas.yaml",
    "templates/support.j2",
    "tests/__snapshots__/test_prompts/Maya@1.support.free.md",
    "tests/__snapshots__/test_prompts/Maya@1.support.pro.md",
    "tests/__snapshots__/test_prompts/MayaPremium@1.support.free.md",
    "tests/__snapshots__/test_prompts/MayaPremium@1.support.pro.md",
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
    """The editor's schema stands beside the file, the workflow is YAML, and the file has no problems."""
    start(tmp_path)
    text = (tmp_path / "personas.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=persona.schema.json\n")
    assert yaml.safe_load((tmp_path / "persona.schema.json").read_text("utf-8")) == schema()
    steps = yaml.safe_load((tmp_path / ".github/workflows/prompts.yml").read_text("utf-8"))["jobs"]["prompts"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-1] == "pytest tests"
    registry = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    assert registry.list_names() == ["Maya", "MayaPremium"]
    registry.check({"user_name", "plan"})
    for name in MADE:
        assert b"\r" not in (tmp_path / name).read_bytes()
