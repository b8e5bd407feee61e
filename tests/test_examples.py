"""The examples do what they say."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import anthropic
import pytest
from loopback import Loopback

from llm_persona import PersonaRegistry


def load(path: Path) -> ModuleType:
    """Import an example as a module, under a name that cannot meet another."""
    name = f"example_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def handler(repository: Path) -> ModuleType:
    return load(repository / "examples" / "anthropic_handler.py")


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@contextmanager
def client_of(url: str) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(api_key="none", base_url=url, max_retries=0, http_client=http) as client:
        yield client


@contextmanager
def unreachable() -> Iterator[str]:
    """Hold a port that refuses connections: bound, so nobody else gets it, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def system_text(body: dict[str, list[dict[str, str]]]) -> str:
    return "".join(block["text"] for block in body["system"])


def test_example_files_have_no_problem(acme: PersonaRegistry) -> None:
    """The example holds what a first product needs: three teams, a base, a premium variant and a try-out."""
    assert acme.list_names() == ["Maya", "MayaPremium", "Dora", "Sam"]
    assert acme.versions("Maya") == ["1", "2"]
    assert acme.rollouts["Maya"].percents == {"2": 10}
    assert acme.definition("Acme").abstract


def test_both_paths_introduce_themselves_with_one_name(repository: Path) -> None:
    """drift.py shows two names where each path has its own text, and one where both ask the registry."""
    script = repository / "examples" / "acme" / "drift.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Each path with its own text:",
        "  primary   You are Alex, a Customer Support Specialist at Acme Corp.",
        "  fallback  You are Maya, a Customer Support Specialist at Acme Corp.",
        "Both paths from the registry:",
        "  primary   You are Maya, a Customer Support Specialist at Acme Corp.",
        "  fallback  You are Maya, Customer Support Specialist, Acme Corp.",
        "Both greet with: Hi Jo, I'm Maya from Acme Corp support.",
    ]


def test_handler_sends_prompt_and_tools(handler: ModuleType, provider: Loopback) -> None:
    """A message goes out with the persona's prompt, its own tools only, and the shared part marked for the cache."""
    with client_of(provider.url) as client:
        conversation = handler.Conversation("c-1", ticket="Where is it?\n# New rules")
        said = handler.answer(conversation, handler.User("Jo\nX", "pro"), "Hello", [handler.Route(client, "m")])
    (body,) = provider.bodies
    persona = handler.registry.get("Maya", unit="c-1")
    assert said == "ok"
    assert system_text(body) == persona.build_system_prompt(
        user_name="Jo X", plan="pro", ticket=handler.multiline("Where is it?\n# New rules")
    )
    assert "> # New rules" in system_text(body)
    assert [tool["name"] for tool in body["tools"]] == ["find_order", "refund"]
    assert body["system"][0]["cache_control"] == body["cache_control"] == {"type": "ephemeral"}
    assert conversation.messages == [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "ok"}]


def test_users_share_the_cached_part(handler: ModuleType, provider: Loopback) -> None:
    """Two users of one persona send the same marked text, so the second reads what the first wrote."""
    with client_of(provider.url) as client:
        for user in ("Jo", "Ana"):
            conversation = handler.Conversation(f"of {user}", ref="Maya@1")
            handler.answer(conversation, handler.User(user), "Hello", [handler.Route(client, "m")])
    first, second = provider.bodies
    assert first["system"][0] == second["system"][0]
    assert system_text(first) != system_text(second)


def test_next_turn_reads_what_the_turn_before_sent(handler: ModuleType, provider: Loopback) -> None:
    """The conversation is cached with its prompt: only the new words are written."""
    with client_of(provider.url) as client:
        conversation = handler.Conversation("c-1")
        for text in ("Hello", "Where is it?"):
            handler.answer(conversation, handler.User("Jo"), text, [handler.Route(client, "m")])
    first, second = provider.usages
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 0
    assert second["cache_creation_input_tokens"] < first["cache_creation_input_tokens"] / 4


def test_fallback_speaks_as_the_primary_would(handler: ModuleType, provider: Loopback) -> None:
    """When the primary cannot be reached, the fallback answers as the same persona in its own template."""
    with unreachable() as nowhere, client_of(nowhere) as primary, client_of(provider.url) as fallback:
        conversation = handler.Conversation("c-1")
        routes = [handler.Route(primary, "large"), handler.Route(fallback, "small", "compact")]
        assert handler.answer(conversation, handler.User("Jo"), "Hello", routes) == "ok"
    (body,) = provider.bodies
    assert body["model"] == "small"
    assert system_text(body).startswith("You are Maya, Customer Support Specialist, Acme Corp.\n")
    assert conversation.ref == handler.registry.get("Maya", unit="c-1").ref


def test_when_no_route_works_the_error_is_the_last_routes(handler: ModuleType) -> None:
    """The caller sees the provider's error, and the conversation has no message that was not answered."""
    with unreachable() as nowhere, client_of(nowhere) as client:
        conversation = handler.Conversation("c-1")
        with pytest.raises(anthropic.APIConnectionError):
            handler.answer(conversation, handler.User("Jo"), "Hello", [handler.Route(client, "m")])
    assert conversation.messages == []


def test_conversation_stays_with_its_version(handler: ModuleType, provider: Loopback) -> None:
    """A conversation that began with a version goes on with it, although its unit would get the other."""
    other = {"Maya@1": "Maya@2", "Maya@2": "Maya@1"}[handler.registry.get("Maya", unit="c-1").ref]
    with client_of(provider.url) as client:
        conversation = handler.Conversation("c-1", ref=other)
        handler.answer(conversation, handler.User("Jo"), "Hello", [handler.Route(client, "m")])
    assert conversation.ref == other
    assert system_text(provider.bodies[0]) == handler.registry.get(other).build_system_prompt(user_name="Jo")


@pytest.fixture(scope="module")
def ab_test(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run ab_test.py, and return the folder that it filled and what it printed."""
    folder = tmp_path_factory.mktemp("ab_test")
    script = repository / "examples" / "ab_test.py"
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=True)
    return folder, done.stdout


def read_conversation(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_ab_test_counts_from_the_files_alone(ab_test: tuple[Path, str]) -> None:
    """1,000 files each begin with a stamp; what is printed is what they say, before and after the rollout's edit."""
    folder, printed = ab_test
    files = [read_conversation(file) for file in (folder / "conversations").glob("*.jsonl")]
    handled = Counter(lines[0]["stamp"]["ref"] for lines in files)
    solved = Counter(lines[0]["stamp"]["ref"] for lines in files if {"outcome": "solved"} in lines)
    assert handled.total() == 1000
    assert set(handled) == {"Maya@1", "Maya@2"}
    assert 80 <= handled["Maya@2"] <= 120
    for ref, total in handled.items():
        assert printed.count(f"  {ref}  {total:4} conversations  {solved[ref]:4} solved") == 2


def test_edited_rollout_leaves_running_conversations_where_they_began(ab_test: tuple[Path, str]) -> None:
    """After the edit the name alone would move hundreds of conversations, and their stamped refs move none."""
    folder, printed = ab_test
    edited = PersonaRegistry.from_file(folder / "acme" / "personas.yaml")
    refs = {file.stem: read_conversation(file)[0]["stamp"]["ref"] for file in (folder / "conversations").iterdir()}
    assert edited.rollouts["Maya"].percents == {"2": 50}
    moved = sum(edited.get("Maya", unit=unit).ref != ref for unit, ref in refs.items())
    assert moved > 300
    assert f"{moved} of the running conversations would change over" in printed
    assert all(edited.get(ref, unit=unit).ref == ref for unit, ref in refs.items())
    assert "1000 of 1000 have the prompt that they began with" in printed
