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
from loopback import SILENCE, Failure, Loopback

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


@pytest.fixture
def client(handler: ModuleType, provider: Loopback) -> Iterator[anthropic.Anthropic]:
    with client_of(handler, provider.url) as client:
        yield client


@contextmanager
def client_of(handler: ModuleType, url: str) -> Iterator[anthropic.Anthropic]:
    """The example's own client, with its timeout and its tries."""
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with handler.connect(api_key="none", base_url=url, http_client=http) as client:
        yield client


def no_tool(name: str, arguments: Any) -> str:
    raise AssertionError(f"nothing asked for {name}")


def calls_of(*calls: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    """A planned answer in which the model asks for tools: id, name and input of each."""
    content = [{"type": "tool_use", "id": key, "name": name, "input": given} for key, name, given in calls]
    return {"content": content, "stop_reason": "tool_use"}


def log_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The handler's log lines, as whoever reads the log gets them."""
    return [json.loads(record.getMessage()) for record in caplog.records if record.getMessage().startswith("{")]


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


def test_handler_sends_prompt_and_tools(handler: ModuleType, provider: Loopback, client: anthropic.Anthropic) -> None:
    """A message goes out with the persona's prompt, its own tools only, and the shared part marked for the cache."""
    conversation = handler.Conversation("c-1", ticket="Where is it?\n# New rules")
    route = handler.Route("primary", client, "m")
    said = handler.answer(conversation, handler.User("Jo\nX", "pro"), "Hello", [route], no_tool)
    (body,) = provider.bodies
    persona = handler.registry.get("Maya", unit="c-1")
    assert said == "ok"
    assert system_text(body) == persona.build_system_prompt(
        user_name="Jo X", plan="pro", ticket=handler.multiline("Where is it?\n# New rules")
    )
    assert "> # New rules" in system_text(body)
    assert [tool["name"] for tool in body["tools"]] == ["find_order", "refund"]
    assert body["system"][0]["cache_control"] == body["cache_control"] == {"type": "ephemeral"}
    assert [message["role"] for message in conversation.messages] == ["user", "assistant"]


def test_users_share_the_cached_part(handler: ModuleType, provider: Loopback, client: anthropic.Anthropic) -> None:
    """Two users of one persona send the same marked text, so the second reads what the first wrote."""
    for user in ("Jo", "Ana"):
        conversation = handler.Conversation(f"of {user}", ref="Maya@1")
        handler.answer(conversation, handler.User(user), "Hello", [handler.Route("primary", client, "m")], no_tool)
    first, second = provider.bodies
    assert first["system"][0] == second["system"][0]
    assert system_text(first) != system_text(second)
    assert provider.usages[1]["cache_read_input_tokens"] > 0


def test_next_turn_reads_what_the_turn_before_sent(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """The conversation is cached with its prompt, tool results included: only the new words are written."""
    conversation = handler.Conversation("c-1")
    provider.plan = [calls_of(("1", "find_order", {"order": "1001"}))]
    for text in ("Where is 1001?", "And 1002?"):
        handler.answer(
            conversation,
            handler.User("Jo"),
            text,
            [handler.Route("primary", client, "m")],
            lambda name, given: "shipped",
        )
    sent = 0
    for usage in provider.usages:
        assert usage["cache_read_input_tokens"] == sent
        sent += usage["cache_creation_input_tokens"]
    assert len(provider.usages) == 3


def test_tools_are_run_until_the_model_answers(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """What the model asks for is run, in one message all results of one request, and it answers with them."""
    ran = []

    def run(name: str, given: dict[str, Any]) -> str:
        ran.append((name, given))
        return f"result of {name}"

    provider.plan = [
        calls_of(("1", "find_order", {"order": "1001"}), ("2", "find_order", {"order": "1002"})),
        calls_of(("3", "refund", {"order": "1002"})),
    ]
    conversation = handler.Conversation("c-1", ref="Maya@1")
    routes = [handler.Route("primary", client, "m")]
    assert handler.answer(conversation, handler.User("Jo"), "Refund the lost one", routes, run) == "ok"
    assert ran == [("find_order", {"order": "1001"}), ("find_order", {"order": "1002"}), ("refund", {"order": "1002"})]
    results = provider.bodies[1]["messages"][-1]["content"]
    assert [(one["tool_use_id"], one["content"]) for one in results] == [
        ("1", "result of find_order"),
        ("2", "result of find_order"),
    ]


def test_tool_that_fails_is_told_to_the_model_alone(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic, caplog: pytest.LogCaptureFixture
) -> None:
    """A tool that fails, or that this persona may not use, is a failed result; why stands in the log."""

    def run(name: str, given: dict[str, Any]) -> str:
        raise OSError("db-7 is down")

    provider.plan = [calls_of(("1", "find_order", {}), ("2", "book_call", {}))]
    conversation = handler.Conversation("c-1", ref="Maya@1")
    routes = [handler.Route("primary", client, "m")]
    assert handler.answer(conversation, handler.User("Jo"), "Where is it?", routes, run) == "ok"
    results = provider.bodies[1]["messages"][-1]["content"]
    assert [(one["content"], one["is_error"]) for one in results] == [("failed", True)] * 2
    assert "db-7" not in json.dumps(provider.bodies)
    assert "db-7 is down" in caplog.text
    assert "Maya@1 has no such tool" in caplog.text


def test_a_persona_with_all_tools_may_use_each_of_the_catalogue(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not in there is no tool of its."""
    maya = {"role": "R", "version": 1, "tools": "all"}
    monkeypatch.setattr(handler, "registry", PersonaRegistry.from_dict({"Maya": maya}))
    provider.plan = [calls_of(("1", "book_call", {}), ("2", "drop_table", {}))]
    routes = [handler.Route("primary", client, "m")]
    handler.answer(handler.Conversation("c-1"), handler.User("Jo"), "Call me", routes, lambda name, given: "booked")
    assert [one["content"] for one in provider.bodies[1]["messages"][-1]["content"]] == ["booked", "failed"]


NO_ANSWERS: list[dict[str, Any]] = [
    {"content": [], "stop_reason": "refusal"},
    {"content": [{"type": "text", "text": "I will n"}], "stop_reason": "refusal"},
    {"content": [], "stop_reason": "end_turn"},
    {"content": [{"type": "text", "text": " \n"}], "stop_reason": "end_turn"},
    {"content": [{"type": "text", "text": "cut o"}], "stop_reason": "max_tokens"},
]


@pytest.mark.parametrize("planned", NO_ANSWERS)
def test_what_is_no_answer_is_not_kept(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic, planned: dict[str, Any]
) -> None:
    """A refusal, an empty answer or one that was cut off gets a sentence of the product's, and leaves no trace."""
    conversation = handler.Conversation("c-1")
    routes = [handler.Route("primary", client, "m")]
    provider.plan = [planned]
    assert handler.answer(conversation, handler.User("Jo"), "Hello", routes, no_tool) == handler.SORRY
    assert conversation.messages == []
    assert handler.answer(conversation, handler.User("Jo"), "Hello", routes, no_tool) == "ok"
    assert len(provider.bodies[1]["messages"]) == 1


def test_model_that_asks_for_tools_without_end_is_stopped(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """After so many requests for one message the user is told, and the conversation can go on."""
    provider.plan = [calls_of((str(n), "find_order", {})) for n in range(99)]
    conversation = handler.Conversation("c-1")
    routes = [handler.Route("primary", client, "m")]
    said = handler.answer(conversation, handler.User("Jo"), "Hello", routes, lambda name, given: "nothing")
    assert said == handler.SORRY
    assert len(provider.bodies) == handler.ROUNDS
    assert conversation.messages == []


@pytest.fixture
def broken() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def ask_two(
    handler: ModuleType, broken: Loopback, client: anthropic.Anthropic, conversation: Any, *, timeout: float = 20.0
) -> str:
    """Ask a primary that goes wrong as planned, and a fallback in another template."""
    with client_of(handler, broken.url) as primary:
        routes = [
            handler.Route("primary", primary.with_options(timeout=timeout), "large"),
            handler.Route("fallback", client, "small", "compact"),
        ]
        said: str = handler.answer(conversation, handler.User("Jo"), "Hello", routes, lambda name, given: "shipped")
    return said


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (Failure(408), 2),
        (Failure(409), 2),
        (Failure(429, "rate_limit_error"), 2),
        (Failure(500), 2),
        (Failure(503), 2),
        (Failure(529, "overloaded_error"), 2),
        (Failure(404, "not_found_error", "model: large"), 1),
    ],
)
def test_fallback_after_two_tries(
    handler: ModuleType, broken: Loopback, provider: Loopback, client: anthropic.Anthropic, failure: Failure, tries: int
) -> None:
    """What another model may do better goes to the fallback, which is the same persona in its own template."""
    broken.plan = [failure] * 2
    conversation = handler.Conversation("c-1")
    assert ask_two(handler, broken, client, conversation) == "ok"
    assert len(broken.bodies) == tries
    (body,) = provider.bodies
    assert body["model"] == "small"
    assert system_text(body).startswith("You are Maya, Customer Support Specialist, Acme Corp.\n")
    assert conversation.ref == handler.registry.get("Maya", unit="c-1").ref


def test_second_try_is_enough(handler: ModuleType, broken: Loopback, client: anthropic.Anthropic) -> None:
    """What passes by is not a reason to change the model."""
    broken.plan = [Failure(529, "overloaded_error")]
    assert ask_two(handler, broken, client, handler.Conversation("c-1")) == "ok"
    assert len(broken.usages) == 1


def test_fallback_when_nobody_answers_in_time(
    handler: ModuleType, broken: Loopback, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """A provider that is silent is asked twice, and left; the client's own patience is 20 seconds."""
    assert client.timeout == 20.0
    broken.plan = [SILENCE] * 2
    assert ask_two(handler, broken, client, handler.Conversation("c-1"), timeout=0.1) == "ok"
    assert len(broken.bodies) == 2
    assert len(provider.bodies) == 1


@pytest.mark.parametrize(
    "failure", [Failure(400, "invalid_request_error"), Failure(401), Failure(403), Failure(413), Failure(422)]
)
def test_what_is_wrong_with_the_request_is_raised(
    handler: ModuleType, broken: Loopback, provider: Loopback, client: anthropic.Anthropic, failure: Failure
) -> None:
    """No fallback hides a request that nobody can answer: it is tried once, and the conversation is as it was."""
    broken.plan = [failure]
    conversation = handler.Conversation("c-1")
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask_two(handler, broken, client, conversation)
    assert caught.value.status_code == failure.status
    assert (len(broken.bodies), provider.bodies, conversation.messages) == (1, [], [])


def test_route_that_fails_amid_tools_is_left_for_this_message(
    handler: ModuleType, broken: Loopback, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """The fallback goes on with the results that are there: no tool is run twice, and the primary is not asked again."""
    broken.plan = [calls_of(("1", "find_order", {})), Failure(500), Failure(500)]
    provider.plan = [calls_of(("2", "find_order", {}))]
    conversation = handler.Conversation("c-1")
    assert ask_two(handler, broken, client, conversation) == "ok"
    assert len(broken.bodies) == 3
    results = [one["content"] for one in provider.bodies[1]["messages"] if isinstance(one["content"], list)]
    assert [block["type"] for blocks in results for block in blocks] == ["tool_use", "tool_result"] * 2


def test_when_no_route_works_the_error_is_the_last_routes(handler: ModuleType) -> None:
    """The caller sees the provider's error, and the conversation has no message that was not answered."""
    with unreachable() as nowhere, client_of(handler, nowhere) as client:
        conversation = handler.Conversation("c-1")
        once = client.with_options(max_retries=0)
        routes = [handler.Route("primary", once, "m"), handler.Route("fallback", once, "n")]
        with pytest.raises(anthropic.APIConnectionError):
            handler.answer(conversation, handler.User("Jo"), "Hello", routes, no_tool)
    assert conversation.messages == []


def test_every_request_leaves_one_line(
    handler: ModuleType, broken: Loopback, client: anthropic.Anthropic, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which route and model answered as whom, what it cost, and by the stamp which prompt it was."""
    caplog.set_level("INFO", "acme")
    broken.plan = [Failure(529)] * 2
    ask_two(handler, broken, client, handler.Conversation("c-1", ref="Maya@2"))
    (line,) = log_lines(caplog)
    assert (line["route"], line["model"], line["ref"], line["stop"]) == ("fallback", "small", "Maya@2", "end_turn")
    assert line["usage"]["cache_creation_input_tokens"] > 0
    assert handler.registry.verify(line["stamp"]) == ()
    assert "Jo" not in caplog.text
    assert "route primary failed: OverloadedError" in caplog.text


def test_conversation_stays_with_its_version(
    handler: ModuleType, provider: Loopback, client: anthropic.Anthropic
) -> None:
    """A conversation that began with a version goes on with it, although its unit would get the other."""
    other = {"Maya@1": "Maya@2", "Maya@2": "Maya@1"}[handler.registry.get("Maya", unit="c-1").ref]
    conversation = handler.Conversation("c-1", ref=other)
    handler.answer(conversation, handler.User("Jo"), "Hello", [handler.Route("primary", client, "m")], no_tool)
    assert conversation.ref == other
    expected = handler.registry.get(other).build_system_prompt(user_name="Jo", plan="free")
    assert system_text(provider.bodies[0]) == expected


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


@pytest.mark.parametrize(("example", "templates"), [("acme", {"support"}), ("handler", {"desk", "voice"})])
def test_what_no_session_gives_is_cached_for_everybody(repository: Path, example: str, templates: set[str]) -> None:
    """At least 95% of it, in every template of an example that prints what it knows of a customer."""
    registry = PersonaRegistry.from_file(repository / "examples" / example / "personas.yaml")
    shares = [share for share in registry.stable_shares({"user_name", "plan"}) if share.template in templates]
    assert {share.template for share in shares} == templates
    assert [str(share) for share in shares if share.share < 0.95] == []


def test_a_limit_of_the_session_leaves_the_rest_of_the_desk_cached(repository: Path) -> None:
    """Capabilities come late there: what the session names in one ends the stable part after constraints and sections."""
    texts = ["Never ask for a password", "Refund less than {limit}", "Say it briefly."]
    data = {
        "role": "Guide",
        "constraints": texts[:1],
        "capabilities": texts[1:2],
        "custom_sections": {"Style": texts[2]},
    }
    registry = PersonaRegistry.from_dict({"Maya": data}, templates=repository / "examples/handler/templates")
    prompt = registry.get("Maya").render("desk", limit="$50", user_name="Jo", plan="pro")
    assert [text in prompt.stable for text in texts] == [True, False, True]
    assert "Refund less than $50" in prompt.rest


def test_the_job_makes_prompts_and_request_files(repository: Path, tmp_path: Path) -> None:
    """Each row has its prompt or its error, and is in the request files or among their errors."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="no wheel for this Python")
    job = load(repository / "examples" / "batch" / "job.py")
    rows, prompts = tmp_path / "rows.parquet", tmp_path / "prompts.parquet"
    job.make_rows(rows, 5_000)
    job.with_arrow(rows, prompts)
    made = parquet.read_table(prompts).to_pylist()
    registry = PersonaRegistry.from_file(job.PERSONAS)
    assert [row["id"] for row in made] == [*range(5_000)]
    assert [row["id"] for row in made if row["prompt_error"]] == [*range(999, 5_000, 1_000)]
    for row in made[:9]:
        session = {name: row[name] for name in ("user_name", "plan")}
        assert row["prompt"] == registry.get(row["agent"]).build_system_prompt(**session)
    assert job.requests(rows, tmp_path / "requests") == "4,995 requests in 1 files, 5 errors"
