"""What is installed is what the checkout has: the wheel carries the templates, the schema and the types."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import llm_persona


@pytest.fixture(scope="module")
def dist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist and wheel, the wheel from the sdist, with the build backend's own interface."""
    pytest.importorskip("hatchling", reason="the build backend is not installed here; .ci/run builds with its own")
    folder = tmp_path_factory.mktemp("dist")
    backend = "import sys, hatchling.build as backend; getattr(backend, sys.argv[1])(sys.argv[2])"
    run = [sys.executable, "-c", backend]
    subprocess.run([*run, "build_sdist", folder], cwd=repository, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        sdist.extractall(folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    subprocess.run([*run, "build_wheel", folder], cwd=unpacked, check=True, capture_output=True)
    return folder


def test_wheel_built_from_the_sdist_has_every_template(dist: Path, repository: Path) -> None:
    """The files of `templates/` are in the wheel, byte for byte, beside the schema and the mark of the types."""
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        bundled = {
            Path(name).name: archive.read(name)
            for name in archive.namelist()
            if name.startswith("llm_persona/bundled/")
        }
        names = archive.namelist()
    assert bundled == {file.name: file.read_bytes() for file in (repository / "templates").iterdir()}
    assert {"llm_persona/py.typed", "llm_persona/files/persona.schema.json"} <= set(names)
    assert all(name.startswith("llm_persona") for name in names)


def test_wheel_alone_renders_each_bundled_template(dist: Path, tmp_path: Path) -> None:
    """Unpacked far from the checkout, the package finds the templates that it carries, and prints what this one does."""
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import llm_persona\n"
        "assert llm_persona.__file__.startswith(sys.path[0]), llm_persona.__file__\n"
        "persona = llm_persona.Persona('Maya', 'Guide', 'Acme', constraints=['Guess'])\n"
        "print('\\n----\\n'.join(map(persona.build_system_prompt, ('default', 'markdown', 'xml', 'compact'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    here = llm_persona.Persona("Maya", "Guide", "Acme", constraints=("Guess",))
    expected = [here.build_system_prompt(name) for name in ("default", "markdown", "xml", "compact")]
    assert done.stdout == "\n----\n".join(expected) + "\n"


def test_core_needs_three_packages(repository: Path) -> None:
    """Everything beyond Jinja2, PyYAML and jsonschema-rs is behind an extra, and the version is the package's."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [requirement.partition(">")[0] for requirement in project["dependencies"]] == [
        "jinja2",
        "pyyaml",
        "jsonschema-rs",
    ]
    assert sorted(project["optional-dependencies"]) == [
        "batch",
        "bench",
        "cli",
        "dev",
        "docs",
        "engines",
        "live",
        "recipes",
        "store",
        "testing",
    ]
    assert version("llm-persona") == llm_persona.__version__


def test_the_oldest_versions_allowed_can_be_tried(repository: Path) -> None:
    """Each need of the core gives a lower bound first, which `.ci/run` makes a constraint of; Jinja2 ends below 3.2."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert all(re.match(r"[\w-]+>=[\d.]+(,|$)", requirement) for requirement in project["dependencies"])
    assert "jinja2>=3.1.6,<3.2" in project["dependencies"]


def test_installing_adds_the_command_and_the_pytest_plugin() -> None:
    """An installation, an editable one included, has the script `llm-persona` and the fixtures for prompt tests."""
    (script,) = entry_points(group="console_scripts", name="llm-persona")
    (plugin,) = entry_points(group="pytest11", name="llm_persona.testing")
    assert callable(script.load())
    assert plugin.load().prompt_matrix is not None


# What an index and a mirror would show


def metadata_of(dist: Path) -> Message:
    """The metadata of the built wheel."""
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return message_from_string(archive.read(name).decode())


def test_the_distributions_are_as_an_index_takes_them(dist: Path) -> None:
    """README is rendered without a warning, and the metadata are whole, by the strict check."""
    pytest.importorskip("twine", reason="the extra dev is not installed")
    files = [*dist.glob("*.whl"), *dist.glob("*.tar.gz")]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_classifiers_name_what_is_supported(dist: Path, repository: Path) -> None:
    """Each is one that indexes know, and the Pythons are those from the oldest on that the package asks for."""
    classifiers = metadata_of(dist).get_all("Classifier") or []
    known = pytest.importorskip("trove_classifiers", reason="the build backend is not installed here").classifiers
    assert set(classifiers) <= known
    assert "Programming Language :: Python :: 3.11" in classifiers
    assert metadata_of(dist)["Requires-Python"] == ">=3.11"


ADDRESSES = {
    "https://git.example.com/team/p.git": "https://git.example.com/team/p",
    "https://user:secret@git.example.com/team/p": "https://git.example.com/team/p",
    "ssh://git@git.example.com:22/team/p.git": "https://git.example.com/team/p",
    "git@git.example.com:team/p.git": "https://git.example.com/team/p",
    "/srv/git/p": None,
    "file:///srv/git/p": None,
    "": None,
}


@pytest.mark.parametrize(("origin", "page"), ADDRESSES.items(), ids=list(ADDRESSES))
def test_addresses_are_those_of_the_repository_that_was_cloned(
    origin: str, page: str | None, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come from the one place, `git remote get-url origin`; no name and no password goes along."""
    pytest.importorskip("hatchling", reason="the build backend is not installed here")
    monkeypatch.syspath_prepend(repository)
    urls = importlib.import_module("hatch_build").urls(origin)
    assert urls.get("Source") == page
    assert all(url.startswith(str(page)) for url in urls.values())
    for url in list(urls.values())[1:]:
        assert (repository / url.partition("/blob/HEAD/")[2]).is_file()


def test_the_source_archive_tests_itself(dist: Path) -> None:
    """It has what its tests read: those of the documentation and of the prompts pass in it, on its own code."""
    (unpacked,) = (dist / "sdist").iterdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(unpacked / "src")
    tests = ["tests/test_documentation.py", "tests/prompts/test_snapshots.py"]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", "link or reference or contents or snapshots"]
    for words in (["-c", "import llm_persona; print(llm_persona.__file__)"], ["-m", "pytest", *options, *tests]):
        done = subprocess.run(
            [sys.executable, *words], cwd=unpacked, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert str(unpacked) in done.stdout or "passed" in done.stdout
    listed = {path.relative_to(unpacked).parts[0] for path in unpacked.rglob("*") if path.is_file()}
    assert {
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "hatch_build.py",
        "docs",
        "tests",
        "examples",
    } <= listed


def test_the_changelog_begins_with_what_users_must_do(repository: Path) -> None:
    """The newest version is the package's, and its first part says what to do."""
    headings = re.findall(r"^##+ (.+)$", (repository / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == llm_persona.__version__
    assert headings[1].startswith("What you must do")
