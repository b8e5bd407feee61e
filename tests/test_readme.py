"""README's examples run, in their order, and print what it says."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from loopback import Loopback

from llm_persona import PersonaRegistry

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:# |\{#- )([\w./]+\.(?:yaml|j2|py))(?: -#\})?\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and its line in README."""

    language: str
    text: str
    line: int


def blocks(readme: str) -> list[Block]:
    return [Block(found[1], found[2], readme[: found.start()].count("\n") + 1) for found in FENCE.finditer(readme)]


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def product(readme: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files that README shows, each under the name in its first line."""
    folder = tmp_path_factory.mktemp("product")
    for block in blocks(readme):
        named = FILE_NAME.match(block.text)
        assert named or block.language not in ("yaml", "jinja"), f"README:{block.line}: the first line names no file"
        if named:
            (folder / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / named[1]).write_text(block.text, encoding="utf-8")
    return folder


def python_blocks(readme: str) -> Iterator[tuple[Block, str]]:
    """Yield each block of Python with what is printed below it."""
    for block, below in zip(blocks(readme), [*blocks(readme)[1:], Block("", "", 0)], strict=True):
        if block.language == "python" and not FILE_NAME.match(block.text):
            assert below.language == "text", f"README:{block.line}: no output below"
            yield block, below.text


def test_python_prints_what_is_below_it(readme: str, product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of Python run one after the other, in one program and beside README's files."""
    monkeypatch.chdir(product)
    program: dict[str, object] = {}
    examples = list(python_blocks(readme))
    for block, expected in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * block.line + block.text, "README.md", "exec"), program)
        assert printed.getvalue() == expected, f"README:{block.line}"
    assert len(examples) >= 8


def test_commands_print_what_is_below_them(readme: str, product: Path) -> None:
    """Each `$ llm-persona ...` prints the lines up to the next one."""
    commands = [
        command for block in blocks(readme) if block.language == "console" for command in block.text.split("$ ")[1:]
    ]
    assert commands
    for command in commands:
        line, _, expected = command.partition("\n")
        program, *arguments = shlex.split(line)
        assert program == "llm-persona"
        done = subprocess.run(
            [sys.executable, "-m", "llm_persona", *arguments], cwd=product, capture_output=True, text=True, timeout=60
        )
        assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0), line


def test_prompt_test_writes_the_files_below_it(readme: str, product: Path) -> None:
    """The test that README shows writes the snapshots that README lists, and passes with them."""
    _, listed = next(pair for pair in itertools.pairwise(blocks(readme)) if "# test_prompts.py" in pair[0].text)
    for more in (["--snapshot-update"], []):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, "test_prompts.py"],
            cwd=product,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
    written = sorted(file.relative_to(product).as_posix() for file in product.glob("__snapshots__/*/*"))
    assert written == listed.text.splitlines()


def test_answer_shown_caches_and_falls_back(product: Path) -> None:
    """The second turn reads what the first one sent, and the fallback gets the same text with its own mark."""
    program: dict[str, Any] = {}
    exec((product / "answer.py").read_text(encoding="utf-8"), program)
    persona = PersonaRegistry.from_file(product / "personas.yaml").get("Maya")
    messages: list[dict[str, str]] = []
    with Loopback() as provider:
        claude = anthropic.Anthropic(
            api_key="none", base_url=provider.url, http_client=anthropic.DefaultHttpxClient(trust_env=False)
        )
        gpt = openai.OpenAI(
            api_key="none", base_url=provider.url, http_client=openai.DefaultHttpxClient(trust_env=False)
        )
        nowhere = claude.with_options(base_url="http://127.0.0.1:9", max_retries=0)
        with claude, gpt:
            for model in (claude, claude, nowhere):
                messages += [{"role": "user", "content": "Where is it?"}]
                program["answer"](persona, messages, model, gpt, user_name="Jo")
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


def test_templates_shown_compile(product: Path) -> None:
    """The templates that README shows render, also those that no example names."""
    registry = PersonaRegistry.from_file(product / "personas.yaml")
    prompt = registry.get("Maya").render("constraints_first", user_name="Jo")
    assert list(prompt.sections) == ["identity", "constraints", "capabilities"]
    assert prompt == (
        "You are Maya, a Customer Support Specialist at Acme Corp.\n\n"
        "Do not:\n- Never promise specific delivery dates\n\n"
        "You can:\n- Look up order status\n- Process refunds under $50"
    )


@pytest.mark.parametrize("template", ["support", "constraints_first"])
def test_templates_shown_are_checked(product: Path, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` has nothing to say of a template that README shows, but of what it leaves out on purpose."""
    monkeypatch.chdir(product)
    data = PersonaRegistry.from_file("personas.yaml").to_dict()
    data["AcmeBase"]["template"] = template
    registry = PersonaRegistry.from_dict(data)
    registry.check({"user_name"}, optional={"plan"})
    left_out = {"text-never-printed", "unused-variable"} if template == "constraints_first" else set()
    assert {problem.code for problem in registry.problems({"user_name"}, {"plan"})} == left_out


def test_both_commands_are_one_line_each(readme: str) -> None:
    """`.ci/run` finds the two commands by how they begin."""
    first, second = re.findall(r"^python3 -m venv .*$", readme, re.MULTILINE)
    assert "llm-persona render" in first
    assert "pytest" in second
