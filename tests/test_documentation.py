"""What README and `docs/` show is run, in its order, and prints what stands below it; what is made of the code is what it says."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import click
import openai
import pytest
import yaml
from click.testing import CliRunner
from loopback import Loopback
from packaging.requirements import Requirement
from page_blocks import FILES, README, Block, all_pages, blocks, files, written

from llm_persona import PersonaRegistry
from llm_persona.cli.main import cli

PAGES = all_pages()
COMMAND = re.compile(r"^(?:\$ )?(llm-persona [^#|>&\n]*)", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"|!\[[^\]]*\]\(([^)\s]+)\)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a page is run: it begins with the files that they all go on with."""
    monkeypatch.chdir(written(text_of(FILES), tmp_path))
    return tmp_path


@each_page
def test_what_a_page_shows_prints_what_it_says(page: Path, folder: Path) -> None:
    """Files are written, Python and commands run, one after the other: each prints the block below it, or nothing."""
    program: dict[str, object] = {}
    shown = blocks(text_of(page))
    for block, below in itertools.pairwise([*shown, Block("", "", 0)]):
        place = f"{page.name}:{block.line}"
        if block.file is not None:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and page.name != "python.md":  # whose blocks are signatures
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * block.line + block.text, str(page), "exec"), program)
            assert printed.getvalue() == (below.text if below.language == "text" else ""), place
        elif block.language == "console":
            for line, expected in _commands(block):
                result = CliRunner().invoke(cli, shlex.split(line)[1:], prog_name="llm-persona")
                assert (result.output, result.exit_code) == (expected, 0), f"{place}: {line}"


def _commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console with what is printed up to the next one."""
    for command in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, expected = command.partition("\n")
        assert line.startswith("llm-persona "), line
        yield line, expected


@each_page
def test_what_a_page_shows_is_what_it_says_it_is(page: Path) -> None:
    """Every file has its name in its first line; Python compiles, YAML loads, and commands have the options that they use."""
    for block in blocks(text_of(page)):
        place = f"{page.name}:{block.line}"
        assert block.file or block.language not in ("yaml", "jinja", "ini", "toml", "js"), f"{place}: names no file"
        if block.language == "python" and page.name != "python.md":
            compile(block.text, place, "exec")
        if block.language == "yaml":
            yaml.safe_load(block.text)
        if block.language in ("sh", "console"):
            for found in COMMAND.finditer(block.text):
                _parsed(shlex.split(found[1]), place)


def _parsed(words: list[str], place: str) -> None:
    """Parse a command as it would be run, and run nothing."""
    try:
        with cli.make_context(words[0], words[1:], resilient_parsing=False) as context:
            name, command, rest = context.command.resolve_command(context, context._protected_args + context.args)  # type: ignore[attr-defined]
            assert command is not None
            command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:  # --help
        pass
    except click.UsageError as error:
        raise AssertionError(f"{place}: {shlex.join(words)}: {error.format_message()}") from None


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page finds its file, and in it its heading."""
    for found in LINK.finditer(re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)):
        target = next(filter(None, found.groups()))
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{page.name}: {target}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_is_in_the_table_of_contents(repository: Path) -> None:
    """And what the table names is there."""
    tables = (block.text for block in blocks(text_of(repository / "docs/index.md").replace("{toctree}", "toctree")))
    listed = [name for table in tables for name in re.findall(r"^([\w-]+)$", table, re.MULTILINE)]
    assert sorted(listed) == sorted(path.stem for path in (repository / "docs").glob("*.md") if path.stem != "index")


def test_readme_is_short() -> None:
    """About 150 lines; what is longer belongs to a page."""
    assert len(text_of(README).splitlines()) <= 160


# What is made of the code


@pytest.fixture
def reference(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(repository / "docs")
    return importlib.import_module("reference")


def test_the_references_are_what_the_code_says(reference: Any) -> None:
    """A new name, option, filter or finding stands in its page, and what is gone does not."""
    outdated = [path.name for path in reference.pages() if reference.filled(text_of(path)) != text_of(path)]
    assert outdated == [], "run: python docs/reference.py"
    made = {name for path in reference.pages() for _, name, _ in reference.PART.findall(text_of(path))}
    assert made == set(reference.MADE)


# README


def test_both_commands_are_one_line_each() -> None:
    """`.ci/run` finds the two commands by how they begin."""
    first, second = re.findall(r"^python3 -m venv .*$", text_of(README), re.MULTILINE)
    assert "llm-persona render" in first
    assert "pytest" in second


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://git.example.com/team/p.git", "git+https://git.example.com/team/p.git"),
        ("ssh://git@git.example.com/team/p.git", "git+ssh://git@git.example.com/team/p.git"),
        ("git@git.example.com:team/p.git", "git+ssh://git@git.example.com/team/p.git"),
        ("/srv/git/p", "file:///srv/git/p"),  # pip before 24 takes no git+file
        ("file:///srv/git/p", "file:///srv/git/p"),
    ],
)
def test_the_line_that_installs_takes_the_address_of_the_clone(origin: str, expected: str, tmp_path: Path) -> None:
    """Run in a clone it names the repository that it came from, in pip's words, and the commit that is checked out."""
    (line,) = re.findall(r"^pip install .*git remote.*$", text_of(README), re.MULTILINE)
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (["init"], ["remote", "add", "origin", origin], [*identity, "commit", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    told = line.replace("pip install", "printf %s", 1)
    done = subprocess.run(["sh", "-c", told], cwd=tmp_path, capture_output=True, text=True, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True)
    at = f"@{commit.stdout.strip()}" if expected.startswith("git+") else ""
    assert done.stdout == f"llm-persona[cli,testing] @ {expected}{at}"
    assert Requirement(done.stdout).extras == {"cli", "testing"}


# Programs that pages show as files


def program_of(page: Path, name: str) -> dict[str, Any]:
    program: dict[str, Any] = {}
    exec(compile(files(text_of(page))[name], name, "exec"), program)
    return program


@contextlib.contextmanager
def clients(url: str) -> Iterator[tuple[anthropic.Anthropic, openai.OpenAI]]:
    claude = anthropic.Anthropic(
        api_key="none", base_url=url, http_client=anthropic.DefaultHttpxClient(trust_env=False)
    )
    gpt = openai.OpenAI(api_key="none", base_url=url, http_client=openai.DefaultHttpxClient(trust_env=False))
    with claude, gpt:
        yield claude, gpt


def test_readmes_call_reads_what_it_cached(folder: Path) -> None:
    """The second turn reads what the first one wrote: the prompt, and the conversation."""
    persona = PersonaRegistry.from_file("personas.yaml").get("Maya")
    ask = program_of(README, "ask.py")["ask"]
    messages: list[dict[str, str]] = []
    with Loopback() as provider, clients(provider.url) as (claude, _):
        for _turn in range(2):
            messages += [{"role": "user", "content": "Where is it?"}]
            ask(claude, persona, messages, user_name="Jo")
            messages += [{"role": "assistant", "content": "On its way."}]
    first, second = provider.usages
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 0


def test_answer_shown_caches_and_falls_back(folder: Path, repository: Path) -> None:
    """The second turn reads what the first one sent, and the fallback gets the same text with its own mark."""
    answer = program_of(repository / "docs/providers.md", "answer.py")["answer"]
    persona = PersonaRegistry.from_file("personas.yaml").get("Maya")
    messages: list[dict[str, str]] = []
    with Loopback() as provider, clients(provider.url) as (claude, gpt):
        nowhere = claude.with_options(base_url="http://127.0.0.1:9", max_retries=0)
        for model in (claude, claude, nowhere):
            messages += [{"role": "user", "content": "Where is it?"}]
            answer(persona, messages, model, gpt, user_name="Jo")
            messages += [{"role": "assistant", "content": "On its way."}]
    first, second, _ = provider.usages
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 0
    _, primary, fallback = provider.bodies
    assert fallback["model"] == "gpt-5.6"
    parts = fallback["input"][0]["content"]
    assert [part["text"] for part in parts] == [block["text"] for block in primary["system"]]
    assert ["prompt_cache_breakpoint" in part for part in parts] == [
        "cache_control" in block for block in primary["system"]
    ]


def test_prompt_test_writes_the_files_below_it(folder: Path, repository: Path) -> None:
    """The test that the page shows writes the snapshots that it lists, and passes with them."""
    page = text_of(repository / "docs/testing.md")
    written(page, folder)
    _, listed = next(pair for pair in itertools.pairwise(blocks(page)) if pair[0].file == "test_prompts.py")
    for more in (["--snapshot-update"], []):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, "test_prompts.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
    made = sorted(file.relative_to(folder).as_posix() for file in folder.glob("__snapshots__/*/*"))
    assert made == listed.text.splitlines()


@pytest.fixture
def templates(folder: Path, repository: Path) -> Path:
    return written(text_of(repository / "docs/templates.md"), folder)


def test_templates_shown_compile(templates: Path) -> None:
    """The templates that the page shows render, also those that no example names."""
    registry = PersonaRegistry.from_file("personas.yaml")
    prompt = registry.get("Maya").render("constraints_first", user_name="Jo")
    assert list(prompt.sections) == ["identity", "constraints", "capabilities"]
    assert prompt == (
        "You are Maya, a Customer Support Specialist at Acme Corp.\n\n"
        "Do not:\n- Never promise specific delivery dates\n\n"
        "You can:\n- Look up order status\n- Process refunds under $50"
    )


@pytest.mark.parametrize("template", ["support", "with_plan", "constraints_first"])
def test_templates_shown_are_checked(templates: Path, template: str) -> None:
    """`check` has nothing to say of a template that a page shows, but of what it leaves out on purpose."""
    data = PersonaRegistry.from_file("personas.yaml").to_dict()
    data["AcmeBase"]["template"] = template
    registry = PersonaRegistry.from_dict(data)
    registry.check({"user_name"}, optional={"plan"})
    left_out = {"text-never-printed", "unused-variable"} if template == "constraints_first" else set()
    assert {problem.code for problem in registry.problems({"user_name"}, {"plan"})} == left_out
