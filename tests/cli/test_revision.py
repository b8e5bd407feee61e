"""`diff --against`: files of a git reference, in real repositories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from product import FILE, PRODUCT, SHARED, SUPPORT, write

from llm_persona.cli.main import cli
from llm_persona.cli.starting import start


@pytest.fixture(autouse=True)
def _own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine's git is told to do by its user bears on no test."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")


def git(*arguments: str, at: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(repository: Path) -> None:
    git("add", "-A", at=repository)
    git("commit", "-q", "--allow-empty", "-m", "as it is", at=repository)


def new_repository(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True)
    git("init", "-q", "-b", "main", at=folder)
    write(folder, files)
    commit(folder)
    return folder


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose branch main has personas, a template, and one that it extends; the command runs in it."""
    made = new_repository(tmp_path / "product", PRODUCT)
    monkeypatch.chdir(made)
    return made


def against(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["diff", "--against", *arguments], prog_name="llm-persona")


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


# What is held


EDITS = {
    "own": ("personas.yaml", "tone: kind", "tone: brisk", "tone"),
    "parent": ("personas.yaml", "company: Acme", "company: Acne", "company"),
    "template": ("templates/support.j2", "brief", "quick", "its template"),
    "extended": ("templates/shared/base.j2", '"markdown.j2"', '"xml.j2"', "its template"),
    "folder": ("personas.yaml", "$templates: templates", "$templates: others", "its template"),
    "default": ("personas.yaml", "$templates:", "$default_template: compact\n$templates:", "its template"),
}


def held(result: Result) -> str:
    """Return what a command said is not kept, without its notes."""
    return "".join(line for line in result.stderr.splitlines(keepends=True) if not line.startswith("note: "))


@pytest.mark.parametrize("kind", EDITS)
def test_what_a_version_prints_is_held(repository: Path, kind: str) -> None:
    """A field of its own, a parent's, a template, one that it extends, the file's folder or its default: each is told."""
    assert (against("main", "--frozen").exit_code, against("main", "--frozen").output) == (0, "no difference\n")
    name, before, after, what = EDITS[kind]
    write(repository, {"others/support.j2": SHARED})
    edit(repository / name, before, after)
    result = against("main", "--frozen")
    ref = "Mia@3" if kind == "default" else "Maya@1"
    told = f"frozen: {ref}: {what} changed under an unchanged version; give it a new one\n"
    assert (result.exit_code, held(result)) == (1, told)
    assert against("main").exit_code == 0
    commit(repository)
    assert against("main", "--frozen").exit_code == 0
    assert held(against("main~1", "--frozen")) == told


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("Max: {role: Helper}\n", "", "Max: {replaced_by: Maya}\n"),
        ("version: 1", "version: 2", "Maya@1: {replaced_by: 2}\n"),
        ("  version: 1\n", "", "Maya@1: {replaced_by: null}\n"),
    ],
)
def test_what_goes_leaves_a_line(repository: Path, before: str, after: str, line: str) -> None:
    """A name that is gone, a version that is gone or taken off: it ends with 1, and with 0 where the line stands."""
    edit(repository / "personas.yaml", before, after)
    assert against("main", "--frozen").exit_code == 1
    with open("personas.yaml", "a") as file:
        file.write(line)
    assert against("main", "--frozen").exit_code == 0


def test_tools_are_those_of_then(repository: Path) -> None:
    """A catalogue that the file names is taken from the reference: what a tool was said to do is what prompts said."""
    write(
        repository,
        {"tools.json": '[{"name": "look", "description": "Look."}]', "personas.yaml": "$tools: tools.json\n"},
    )
    write(
        repository,
        {
            "personas.yaml": "$tools: tools.json\n$templates: templates\nMaya: {role: x, version: 1, tools: [look], template: told}\n",
            "templates/told.j2": "{{ persona.name }}{% for name, text in persona.tool_descriptions|items %}{{ text }}{% endfor %}",
        },
    )
    commit(repository)
    write(repository, {"tools.json": '[{"name": "look", "description": "Look twice."}]'})
    result = against("main", "--frozen")
    assert (result.exit_code, result.stderr.startswith("frozen: Maya@1: its prompt changed")) == (1, True)
    assert "  -MayaLook.\n  +MayaLook twice.\n" in result.stdout
    edit(repository / "personas.yaml", "$tools: tools.json\n", "")
    commit(repository)
    write(repository, {"tools.json": '[{"name": "look", "description": "Look thrice."}]'})
    result = against("main", "--frozen", "--tools", "tools.json")
    assert (result.exit_code, "  -MayaLook twice.\n  +MayaLook thrice.\n" in result.stdout) == (1, True)


def test_templates_of_the_command_line_are_those_of_then(repository: Path) -> None:
    """A folder that the command line names is taken from the reference too, wherever the command runs."""
    write(repository, {"personas.yaml": "Maya: {role: x, version: 1, template: support}\n"})
    commit(repository)
    edit(repository / "templates" / "support.j2", "brief", "quick")
    result = against("main", "--frozen", "--templates", "templates")
    assert (result.exit_code, "  -Be brief.\n  +Be quick.\n" in result.stdout) == (1, True)
    write(repository, {"more/other.j2": "x"})
    assert against("main", "--frozen", "--templates", "templates", "--templates", "more").exit_code == 1


def test_a_catalogue_that_no_prompt_looks_at_is_not_held(repository: Path) -> None:
    """What tools are said to do matters to the prompts that say it: a new catalogue changes no other."""
    edit(repository / "personas.yaml", "  tone: kind", "  tone: kind\n  tools: [look]")
    commit(repository)
    write(repository, {"tools.json": '[{"name": "look", "description": "Look."}]'})
    edit(repository / "personas.yaml", "$templates:", "$tools: tools.json\n$templates:")
    assert against("main", "--frozen").output == "no difference\n"


def test_each_file_has_its_own_templates_of_then(repository: Path) -> None:
    """Two files of one registry have each the folder that it names, in the reference as now."""
    write(repository, {"a/a.yaml": "$templates: t\nAnn: {role: x, version: 1, template: own}\n", "a/t/own.j2": "Ann"})
    write(repository, {"b/b.yaml": "$templates: t\nBob: {role: x, version: 1, template: own}\n", "b/t/own.j2": "Bob"})
    commit(repository)
    files = ("-f", "a/a.yaml", "-f", "b/b.yaml")
    assert against("main", "--frozen", *files).output == "no difference\n"
    write(repository, {"b/t/own.j2": "Bobby"})
    assert [line.split()[1] for line in against("main", "--frozen", *files).stderr.splitlines()] == ["Bob@1:"]


# Which files


def test_a_new_file_is_new_with_all_that_is_in_it(repository: Path) -> None:
    """A base that has no persona file, or no file at all, holds nothing: that is said, and ends with 0."""
    git("checkout", "-q", "--orphan", "empty", at=repository)
    git("rm", "-rq", "--cached", ".", at=repository)
    git("commit", "-q", "--allow-empty", "-m", "nothing", at=repository)
    result = against("empty", "--frozen")
    assert (result.exit_code, result.stdout) == (0, "+ Maya is new\n+ Max is new\n+ Mia is new\n")
    assert result.stderr == "note: personas.yaml is not in empty: all that is in it is new\n"
    write(repository, {"more.yaml": "Ann: {role: x}\n"})
    both = against("main", "--frozen", "-f", "personas.yaml", "-f", "more.yaml")
    assert (both.exit_code, both.stdout) == (0, "+ Ann is new\n")
    assert both.stderr == "note: more.yaml is not in main: all that is in it is new\n"


def test_a_file_that_is_gone_is_told(repository: Path) -> None:
    """A file that the command names and that is not there any more is an error, and no pass."""
    (repository / "personas.yaml").unlink()
    result = against("main", "--frozen")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: there is no personas.yaml in this folder; name the file: -f FILE\n",
    )
    assert against("main", "--frozen", "personas.yaml").exit_code == 1


@pytest.mark.parametrize("how", [("p/a.yaml",), ("-f", "p/a.yaml")])
def test_a_persona_file_beside_that_is_gone_is_held(repository: Path, how: tuple[str, ...]) -> None:
    """Its names and versions are found again in the files that are named, or it fails; so do versions that changed."""
    files = {"p/a.yaml": "Ann: {role: x, version: 1}\n", "p/b.yaml": "Bob: {role: y, version: 1}\n", "p/c.json": "[1]"}
    write(repository, files)
    commit(repository)
    assert against("main", "--frozen", *how).output == "no difference\n"
    (repository / "p/b.yaml").unlink()
    lost = against("main", "--frozen", *how)
    note = "note: p/b.yaml is gone: what it had is looked for in the files that are there\n"
    told = 'frozen: Bob: is gone; keep it, or leave a line: "Bob: {replaced_by: NAME}", null for none\n'
    assert (lost.exit_code, lost.stderr) == (1, note + told)
    assert "p/b.yaml:\n- Bob is gone\n" in lost.stdout
    write(repository, {"p/a.yaml": files["p/a.yaml"] + "Bob: {replaced_by: Ann}\n"})
    assert against("main", "--frozen", *how).exit_code == 0
    write(repository, {"p/a.yaml": files["p/a.yaml"] + files["p/b.yaml"]})
    assert against("main", "--frozen", *how).exit_code == 0
    write(repository, {"p/a.yaml": files["p/a.yaml"] + files["p/b.yaml"].replace("y", "z")})
    assert "frozen: Bob@1: role changed" in against("main", "--frozen", *how).stderr
    git("checkout", "-q", ".", at=repository)
    (repository / "p/c.json").unlink()
    other = against("main", "--frozen", *how)
    note = "note: p/c.json is gone, and was no persona file by itself: it is not held\n"
    assert (other.exit_code, other.stderr) == (0, note)


def test_a_persona_file_that_is_renamed_is_compared_by_names(repository: Path) -> None:
    """What stands in the new file as it stood in the old one is held; what does not fails."""
    write(repository, {"p/a.yaml": "Ann: {role: x, version: 1}\nBob: {role: y}\n"})
    commit(repository)
    git("mv", "p/a.yaml", "p/b.yaml", at=repository)
    assert against("main", "--frozen", "p/b.yaml").exit_code == 0
    edit(repository / "p/b.yaml", "role: x", "role: z")
    edit(repository / "p/b.yaml", "Bob", "Max")
    told = against("main", "--frozen", "p/b.yaml").stderr
    assert "frozen: Bob: is gone;" in told
    assert "frozen: Ann@1: role changed" in told


def test_several_files_are_one_registry_or_one_each(repository: Path) -> None:
    """Files of -f are one registry, those beside it one each, under their names; JSON lists them."""
    write(repository, {"a.yaml": "Ann: {role: x, version: 1}\n", "b.json": '{"Bob": {"role": "x", "version": 1}}'})
    commit(repository)
    write(repository, {"a.yaml": "Bob: {role: x, version: 1}\n", "b.json": '{"Ann": {"role": "x", "version": 1}}'})
    assert against("main", "--frozen", "-f", "a.yaml", "-f", "b.json").output == "no difference\n"
    each = against("main", "--frozen", "a.yaml", "b.json")
    assert each.exit_code == 1
    assert each.stdout == "a.yaml:\n+ Bob is new\n- Ann is gone\nb.json:\n+ Ann is new\n- Bob is gone\n"
    assert [line[:17] for line in each.stderr.splitlines()] == ["frozen: Ann: is g", "frozen: Bob: is g"]
    listed = json.loads(against("main", "a.yaml", "b.json", "--format", "json").stdout)
    assert [(change["file"], change["lost"]) for change in listed] == [("a.yaml", ["Ann"]), ("b.json", ["Bob"])]
    assert json.loads(against("main", "a.yaml", "--format", "json").stdout)["lost"] == ["Ann"]


@pytest.mark.parametrize("folder", ["app", "app/deep/er"])
def test_it_works_from_subfolders(repository: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Files are those that the command names from where it runs, and `..` leads within the repository."""
    write(
        repository, {f"{folder}/agents.yaml": FILE.replace(": templates", f": {os.path.relpath('templates', folder)}")}
    )
    commit(repository)
    monkeypatch.chdir(repository / folder)
    assert against("main", "--frozen", "agents.yaml").output == "no difference\n"
    edit(repository / "templates" / "support.j2", "brief", "quick")
    for named in ("agents.yaml", str(Path("agents.yaml").absolute())):
        result = against("HEAD", "--frozen", "-f", named)
        assert (result.exit_code, "its template" in result.stderr) == (1, True)
    monkeypatch.chdir(repository.parent)
    assert against("HEAD", "--frozen", f"product/{folder}/agents.yaml").exit_code == 1


def test_it_works_in_worktrees_and_hooks(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worktree has its files and the references of all; in a hook, what git says of the repository is not in the way."""
    git("worktree", "add", "-q", "-b", "side", "../side", at=repository)
    monkeypatch.chdir(repository.parent / "side")
    edit(Path("personas.yaml"), "kind", "brisk")
    assert against("main", "--frozen").exit_code == 1
    monkeypatch.chdir(repository)
    assert against("side", "--frozen").output == "no difference\n"
    (repository / "sub").mkdir()
    write(repository, {"sub/agents.yaml": "Ann: {role: x}\n"})
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m llm_persona diff --against HEAD --frozen personas.yaml sub/agents.yaml\n'
    )
    hook.chmod(0o755)
    commit(repository)
    edit(Path("personas.yaml"), "kind", "brisk")
    refused = subprocess.run(["git", "commit", "-qam", "x"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "frozen: Maya@1: tone changed" in refused.stderr) == (1, True)
    assert git("status", "--short", at=repository) == " M personas.yaml\n"


def test_nothing_of_the_repository_changes(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither index nor working tree nor references are touched, and no folder stays behind."""
    edit(repository / "personas.yaml", "kind", "brisk")
    before = {path: path.read_bytes() for path in (repository / ".git").rglob("*") if path.is_file()}
    left = tmp_path_factory.mktemp("left")
    monkeypatch.setattr(tempfile, "tempdir", str(left))
    assert against("main", "--frozen").exit_code == 1
    assert before == {path: path.read_bytes() for path in (repository / ".git").rglob("*") if path.is_file()}
    assert [*left.iterdir()] == []


def test_links_are_followed(repository: Path) -> None:
    """A persona file, a folder and a template that are links, within the repository, are what they were linked to."""
    write(repository, {"real/agents.yaml": FILE, "real/more/x.j2": "x", "elsewhere/support.j2": SUPPORT})
    write(repository, {"elsewhere/shared/base.j2": SHARED})
    os.symlink("real/agents.yaml", "agents.yaml")
    (repository / "templates" / "support.j2").unlink()
    os.symlink("shared/../was.j2", "templates/support.j2")
    write(repository, {"templates/was.j2": SUPPORT})
    os.symlink("around", "templates/around")
    os.symlink("loop/x", "loop")
    commit(repository)
    assert against("main", "--frozen", "agents.yaml").output == "no difference\n"
    edit(repository / "templates" / "was.j2", "brief", "quick")
    assert "its template" in against("main", "--frozen", "agents.yaml").stderr
    git("checkout", "-q", ".", at=repository)
    git("mv", "templates", "old", at=repository)
    os.symlink("old", "templates")
    assert against("main", "--frozen", "agents.yaml").output == "no difference\n"
    commit(repository)
    (repository / "templates").unlink()
    os.symlink("elsewhere", "templates")
    edit(repository / "elsewhere" / "support.j2", "brief", "quick")
    assert "its template" in against("main", "--frozen", "agents.yaml").stderr
    edit(repository / "elsewhere" / "support.j2", "quick", "brief")
    assert against("main", "--frozen", "agents.yaml").output == "no difference\n"


def test_line_ends_and_attributes_are_those_of_a_checkout(repository: Path) -> None:
    """What git rewrites on the way to the working tree, and what an archive would leave out, makes no difference."""
    write(repository, {".gitattributes": "*.yaml eol=crlf\n*.j2 ident export-ignore\n"})
    edit(repository / "templates" / "support.j2", "Be brief.", "Be brief. {# $Id$ #}")
    commit(repository)
    git("rm", "-rq", "--cached", ".", at=repository)
    git("reset", "-q", "--hard", at=repository)
    assert b"\r\n" in (repository / "personas.yaml").read_bytes()
    assert b"$Id: " in (repository / "templates" / "support.j2").read_bytes()
    assert against("main", "--frozen").output == "no difference\n"


# Outside


def test_a_file_outside_of_the_repository_is_told(repository: Path, tmp_path: Path) -> None:
    """Files of one registry lie in one repository."""
    write(tmp_path, {"other.yaml": "Ann: {role: x}\n"})
    result = against("main", "-f", "personas.yaml", "-f", "../other.yaml")
    told = f"error: ../other.yaml lies outside of the git repository '{repository}'; --against compares files that git keeps\n"
    assert (result.exit_code, result.stderr) == (1, told)


def test_templates_outside_of_the_repository_are_told(repository: Path, tmp_path: Path) -> None:
    """A folder that git does not keep is as it is now on both sides, and what has versions fails, as it is not held."""
    write(tmp_path, {"shared/base.j2": SHARED, "far/far.j2": "{{ persona.name }}"})
    names = f"$templates: [templates, ../shared, {tmp_path}/far]\nFar: {{role: x, version: 1, template: far}}\n"
    edit(repository / "personas.yaml", "$templates: templates\n", names)
    commit(repository)
    result = against("main", "--frozen")
    note = "is not in main: it is taken as it is now, and not held"
    assert (result.exit_code, result.stdout) == (1, "no difference\n")
    fails = "is in no reference of this repository, so what it makes of a prompt cannot be held; keep it here"
    assert result.stderr.splitlines() == [
        f"note: {tmp_path}/shared {note}",
        f"note: {tmp_path}/far {note}",
        f"frozen: {tmp_path}/shared {fails}",
        f"frozen: {tmp_path}/far {fails}",
    ]
    assert against("main").exit_code == 0
    write(repository, {"plain.yaml": "Far: {role: x, version: 1, template: far}\n"})
    commit(repository)
    result = against("main", "--frozen", "plain.yaml", "--templates", "../far")
    assert (result.exit_code, result.stderr) == (1, f"note: ../far {note}\nfrozen: ../far {fails}\n")
    write(repository, {"plain.yaml": "Far: {role: x, template: far}\n"})
    commit(repository)
    result = against("main", "--frozen", "plain.yaml", "--templates", "../far")
    assert (result.exit_code, result.output) == (0, f"note: ../far {note}\nno difference\n")


def test_a_submodule_is_held_as_a_whole(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are not in this repository's references: one that is as it was is held, another fails. For a persona file
    in it, its own references count."""
    inner = new_repository(
        tmp_path / "inner", {"inner.j2": "{{ persona.name }}", "inner.yaml": FILE.replace("$t", "#")}
    )
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "vendor", at=repository)
    edit(repository / "personas.yaml", "$templates: templates", "$templates: [templates, vendor]")
    write(repository / "vendor", {"inner.yaml": "Ann: {role: x, version: 1}\n"})
    commit(repository / "vendor")
    commit(repository)
    assert (against("HEAD", "--frozen").exit_code, against("HEAD", "--frozen").output) == (0, "no difference\n")
    write(repository / "vendor", {"new.j2": "x"})
    result = against("HEAD", "--frozen")
    assert (result.exit_code, result.stdout) == (1, "no difference\n")
    assert result.stderr == (
        f"note: {repository}/vendor is not in HEAD: it is taken as it is now, and not held\n"
        f"frozen: {repository}/vendor is in no reference of this repository, so what it makes of a prompt cannot be held; "
        "keep it here\n"
    )
    edit(repository / "vendor" / "inner.yaml", "x", "y")
    assert against("HEAD", "--frozen", "vendor/inner.yaml").exit_code == 1


# One line of CI


def workflow() -> dict[str, str]:
    """Return the commands of the workflow that `init` writes, by when they run."""
    steps = yaml.safe_load(Path(".github/workflows/prompts.yml").read_text())["jobs"]["prompts"]["steps"]
    (checkout,) = (step for step in steps if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"] == {"fetch-depth": 0}
    return {step["run"].split()[1]: step["run"] for step in steps if step.get("run", "").startswith("llm-persona")}


def run_in_workflow(command: str, base: str = "main") -> subprocess.CompletedProcess[str]:
    """Run a step as a pull request's workflow does, with this checkout's command line."""
    here = command.replace("llm-persona", f'"{sys.executable}" -m llm_persona', 1)
    environment = {**os.environ, "GITHUB_BASE_REF": base}
    return subprocess.run(["bash", "-ec", here], env=environment, capture_output=True, text=True, check=False)


def test_the_workflow_of_init_holds_its_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes in the pull request that brings the first persona file, and ends with 1 in one that loses a prompt."""
    origin = new_repository(tmp_path / "origin", {"README.md": "x"})
    clone = tmp_path / "clone"
    git("clone", "-q", str(origin), str(clone), at=tmp_path)
    monkeypatch.chdir(clone)
    git("checkout", "-q", "-b", "first", at=clone)
    start(clone)
    commit(clone)
    commands = workflow()
    assert list(commands) == ["check", "diff"]
    first = run_in_workflow(commands["diff"])
    assert (first.returncode, first.stdout) == (0, "+ Maya is new\n+ MayaPremium is new\n"), first.stderr
    git("push", "-q", "origin", "first:main2", at=clone)
    assert run_in_workflow(commands["diff"], "main2").stdout == "no difference\n"
    edit(clone / "templates" / "support.j2", "Plan", "Their plan")
    changed = run_in_workflow(commands["diff"], "main2")
    assert (changed.returncode, "frozen: Maya@1: its template changed" in changed.stderr) == (1, True)


# What goes wrong


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git on the path there is no reference to compare with."""
    monkeypatch.setenv("PATH", str(repository))
    result = against("main")
    told = "error: there is no git here; install it, or compare two files: diff A B\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", told)


def test_no_repository(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is in no repository is named; so is one where no files are checked out."""
    write(tmp_path / "plain", {"personas.yaml": "Ann: {role: x}\n"})
    monkeypatch.chdir(tmp_path / "plain")
    told = f"error: the folder '{tmp_path}/plain' is in no git repository; compare two files: diff A B\n"
    assert (against("main").exit_code, against("main").stderr) == (1, told)
    write(repository / ".git", {"personas.yaml": "Ann: {role: x}\n"})
    monkeypatch.chdir(repository / ".git")
    assert "is in no git repository" in against("main").stderr


def test_a_repository_that_git_does_not_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that another user owns, as in a container, is told with what git wants to hear; what is damaged, in its words."""
    blob = git("rev-parse", "main:personas.yaml", at=repository).strip()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told = (
        f"error: git does not read the folder '{repository}', which another user owns; "
        f"git config --global --add safe.directory {repository}\n"
    )
    assert (against("main").exit_code, against("main").stderr) == (1, told)
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    result = against("main")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: git cannot read that: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("mian", "there is no 'mian' in this git repository; did you mean 'main'?"),
        ("origin/main~900", "there is no 'origin/main~900' in this git repository; "),
        ("", "there is no '' in this git repository; "),
        ("--output=x", "there is no '--output=x' in this git repository; "),
        ("main:personas.yaml", "there is no 'main:personas.yaml' in this git repository; "),
        ("0" * 40, f"there is no '{'0' * 40}' in this git repository; "),
    ],
)
def test_unknown_references(repository: Path, reference: str, told: str) -> None:
    """What is no commit is named, with one that may have been meant or where it may come from."""
    result = against(reference)
    assert (result.exit_code, result.stdout) == (1, "")
    if not told.endswith("?"):
        told += "name a branch, a tag or a commit that git fetch has brought"
    assert result.stderr == f"error: {told}\n"
    assert sorted(path.name for path in repository.iterdir()) == [".git", "personas.yaml", "templates"]


def test_a_repository_without_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first commit there is nothing to compare with."""
    (tmp_path / "new").mkdir()
    git("init", "-q", at=tmp_path / "new")
    write(tmp_path / "new", {"personas.yaml": "Ann: {role: x}\n"})
    monkeypatch.chdir(tmp_path / "new")
    result = against("HEAD")
    assert (result.exit_code, "there is no 'HEAD' in this git repository" in result.stderr) == (1, True)


def test_a_shallow_clone_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a workflow's checkout leaves out is what most often is not there: how to have it is said; with it, it works."""
    edit(repository / "personas.yaml", "kind", "brisk")
    commit(repository)
    clone = repository.parent / "clone"
    git("clone", "-q", "--depth", "1", f"file://{repository}", str(clone), at=repository)
    monkeypatch.chdir(clone)
    result = against("origin/main~1")
    told = (
        "error: there is no 'origin/main~1' in this git repository; the clone is shallow: fetch all of it "
        "(fetch-depth: 0 of actions/checkout, or git fetch --unshallow)\n"
    )
    assert (result.exit_code, result.stderr) == (1, told)
    git("fetch", "-q", "--unshallow", at=clone)
    assert against("origin/main~1", "--frozen").exit_code == 1
    assert against("origin/main", "--frozen").exit_code == 0


def test_what_was_wrong_then_is_shown_then(repository: Path) -> None:
    """A file that did not load is shown with its line of then, under the reference's name; nothing is compared."""
    edit(repository / "personas.yaml", "tone: kind", "tne: kind")
    commit(repository)
    edit(repository / "personas.yaml", "tne: kind", "tone: kind")
    result = against("main", "--frozen")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "main:personas.yaml:7:3: Maya: unknown field 'tne'; did you mean 'tone'?\n      tne: kind\n"
    )
    git("checkout", "-q", ".", at=repository)
    edit(repository / "personas.yaml", "tne: kind", "tone: kind")
    edit(repository / "templates" / "support.j2", "Be brief.", "{{ persona.nme }}")
    commit(repository)
    edit(repository / "templates" / "support.j2", "{{ persona.nme }}", "Be brief.")
    result = against("main")
    assert "llm-persona-" not in result.output
    assert "main:templates/support.j2:3" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("main", "-f", "-"), "standard input has no history; --against compares files: .yaml, .yml or .json"),
        (("main", "Maya"), "'Maya' is no persona file; --against compares files: .yaml, .yml or .json"),
        (("main", "a.yaml", "-f", "b.yaml"), "name files with -f, for one registry of all, or without, for one each"),
    ],
)
def test_wrong_usage(repository: Path, arguments: tuple[str, ...], told: str) -> None:
    """What is compared are files, named in one way."""
    result = against(*arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {told}")


@pytest.mark.parametrize("names", [(), ("Maya",), ("a.yaml", "b.yaml", "c.yaml")])
def test_two_are_compared(repository: Path, names: tuple[str, ...]) -> None:
    """Without a reference, two are named."""
    result = CliRunner().invoke(cli, ["diff", *names])
    told = "Error: name two personas or two files, A and B, or a git reference: --against REF"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, told)
