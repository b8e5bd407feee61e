"""The recipes of the page on frameworks, each with the framework itself: what is sent is the prompt, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import boto3
import openai
import pytest
import yaml
from botocore.config import Config
from google import genai
from google.genai.types import HttpOptions
from loopback import Loopback
from page_blocks import FILES, REPOSITORY, files, written

from llm_persona import Persona, PersonaRegistry

PAGE = (REPOSITORY / "docs/frameworks.md").read_text(encoding="utf-8")
MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "Where is it?"}]

# What frameworks warn of in their own code is not ours.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the recipes, and an environment without keys, proxies or anybody to report to."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "LANGSMITH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.chdir(written((FILES).read_text("utf-8"), tmp_path))
    return written(PAGE, tmp_path)


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def registry(folder: Path) -> PersonaRegistry:
    return PersonaRegistry.from_file("personas.yaml")


@pytest.fixture
def maya(registry: PersonaRegistry) -> Persona:
    return registry.get("Maya")


def recipe(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a file of the page, as the reader would."""
    monkeypatch.syspath_prepend(os.getcwd())
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


def marked(persona: Persona, **session: object) -> Any:
    """What Anthropic is sent of a prompt."""
    return json.loads(json.dumps(persona.render(**session).anthropic_system()))


def test_every_recipe_is_run() -> None:
    """A file of the page that no test names would be one that nobody tried."""
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in files(PAGE) if f'"{name.partition(".")[0]}"' not in source] == ["promptfooconfig.yaml"]


def test_openai(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both interfaces get the stable part, with its breakpoint, and the rest."""
    made = recipe("with_openai", monkeypatch)
    prompt = maya.render(user_name="Jo", plan="pro")
    with openai.OpenAI(api_key="none", base_url=provider.url) as client:
        made.ask(client, maya, "Where?", user_name="Jo", plan="pro")
        made.chat(client, maya, "Where?", user_name="Jo", plan="pro")
    sent = [provider.bodies[0]["input"][0], provider.bodies[1]["messages"][0]]
    for message in sent:
        assert message["role"] == "developer"
        assert "".join(part["text"] for part in message["content"]) == prompt
        assert message["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}


def test_litellm(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anthropic is sent the blocks with their marks."""
    pytest.importorskip("litellm", reason="the extra recipes is not installed")
    made = recipe("with_litellm", monkeypatch)
    options = {"api_base": provider.url, "api_key": "none"}
    made.ask(maya, MESSAGES, "anthropic/claude-opus-4-1", {"user_name": "Jo", "plan": "pro"}, **options)
    assert provider.bodies[0]["system"] == marked(maya, user_name="Jo", plan="pro")


def chat_anthropic(provider: Loopback) -> Any:
    module = pytest.importorskip("langchain_anthropic", reason="the extra recipes is not installed")
    return module.ChatAnthropic(model="claude-opus-5", base_url=provider.url, api_key="none", max_tokens=9)


def test_langchain(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anthropic is sent the blocks with their marks; a pair would break on a brace."""
    model = chat_anthropic(provider)
    model.invoke(recipe("with_langchain", monkeypatch).messages(maya, "Where?", user_name="Jo", plan="pro"))
    assert provider.bodies[0]["system"] == marked(maya, user_name="Jo", plan="pro")
    from langchain_core.prompts import ChatPromptTemplate

    braces = maya.build_system_prompt(user_name="Jo", plan='{"a": 1}')
    with pytest.raises((ValueError, KeyError)):
        ChatPromptTemplate.from_messages([("system", braces)]).invoke({})


def test_langgraph(registry: PersonaRegistry, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state keeps who answered, and a conversation that goes on is answered by the same version."""
    pytest.importorskip("langgraph", reason="the extra recipes is not installed")
    graph = recipe("with_langgraph", monkeypatch).graph_of(registry, chat_anthropic(provider))
    first = graph.invoke({"messages": [("user", "Where?")], "user_name": "Jo", "thread": "t-1"})
    other = {"Maya@1": "Maya@2", "Maya@2": "Maya@1"}[first["ref"]]
    again = graph.invoke({**first, "ref": other})
    assert again["ref"] == other
    sent = [body["system"] for body in provider.bodies]
    assert sent == [marked(registry.get(ref), user_name="Jo") for ref in (first["ref"], other)]


def test_pydantic_ai(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instructions are the prompt of the session that runs."""
    pytest.importorskip("pydantic_ai.models.anthropic", reason="the extra recipes is not installed")
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    made = recipe("with_pydantic_ai", monkeypatch)

    async def run() -> None:
        async with anthropic.AsyncAnthropic(api_key="none", base_url=provider.url) as client:
            model = AnthropicModel("claude-opus-5", provider=AnthropicProvider(anthropic_client=client))
            for name in ("Jo", "Ana"):
                await made.agent.run(
                    "Where?", deps=made.Session(maya, name), model=model, model_settings={"max_tokens": 9}
                )

    asyncio.run(run())
    sent = [body["system"] for body in provider.bodies]
    texts = [each if isinstance(each, str) else "".join(block["text"] for block in each) for each in sent]
    assert texts == [maya.build_system_prompt(user_name=name) for name in ("Jo", "Ana")]


def test_openai_agents(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instructions are the prompt of the context that the run was given."""
    agents = pytest.importorskip("agents", reason="the extra recipes is not installed")
    made = recipe("with_openai_agents", monkeypatch)

    async def run() -> None:
        async with openai.AsyncOpenAI(api_key="none", base_url=provider.url) as client:
            agent = made.agent_of(maya, agents.OpenAIResponsesModel("gpt-5.6", client))
            await agents.Runner.run(agent, "Where?", context={"user_name": "Jo"})

    asyncio.run(run())
    assert provider.bodies[0]["instructions"] == maya.build_system_prompt(user_name="Jo")


def test_strands(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is sent the blocks as they are, cache point included."""
    pytest.importorskip("strands", reason="the extra recipes is not installed")
    from strands.models import BedrockModel

    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    model = BedrockModel(model_id="anthropic.claude-opus-5", endpoint_url=provider.url, streaming=False)
    recipe("with_strands", monkeypatch).agent_of(maya, model, user_name="Jo", plan="pro")("Where?")
    assert provider.bodies[0]["system"] == maya.render(user_name="Jo", plan="pro").bedrock_system()


def test_gemini_and_bedrock(maya: Persona, provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemini gets the texts, Converse the blocks with the cache point after the stable one."""
    made = recipe("with_gemini_and_bedrock", monkeypatch)
    prompt = maya.render(user_name="Jo", plan="pro")
    with genai.Client(api_key="none", http_options=HttpOptions(base_url=provider.url)) as client:
        made.ask_gemini(client, maya, "Where?", user_name="Jo", plan="pro")
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
    client = boto3.client("bedrock-runtime", endpoint_url=provider.url, config=Config(proxies={}), **keys)
    said = [{"role": "user", "content": [{"text": "Where?"}]}]
    made.ask_bedrock(client, maya, said, user_name="Jo", plan="pro")
    client.close()
    to_gemini, to_bedrock = provider.bodies
    assert [part["text"] for part in to_gemini["systemInstruction"]["parts"]] == prompt.gemini_system()
    assert to_bedrock["system"] == prompt.bedrock_system()


def test_fastapi(registry: PersonaRegistry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request gets the prompt of its conversation, an unknown name 404, and a broken file stops the start."""
    pytest.importorskip("fastapi", reason="the extra recipes is not installed")
    from fastapi.testclient import TestClient

    made = recipe("with_fastapi", monkeypatch)
    with TestClient(made.app) as client:
        told = client.get("/agents/Maya/prompt", params={"user_name": "Jo", "conversation": "c-1"}).json()
        persona = registry.get("Maya", unit="c-1")
        assert told == {"ref": persona.ref, "system": marked(persona, user_name="Jo")}
        missing = client.get("/agents/Mya/prompt", params={"user_name": "Jo", "conversation": "c-1"})
        assert (missing.status_code, missing.json()) == (404, {"detail": "no persona 'Mya'; did you mean 'Maya'?"})
    (folder / "personas.yaml").write_text("Maya: {role: Guide, greeting: 'Hi {nobody_passes_it}', variables: [other]}")
    with pytest.raises(ValueError, match="nobody_passes_it"), TestClient(made.app):
        pass


def test_django(registry: PersonaRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view answers with the greeting of the conversation's version, in Django's lazy texts too."""
    django = pytest.importorskip("django", reason="the extra dev is not installed")
    from django.conf import settings
    from django.test import RequestFactory

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    made = recipe("with_django", monkeypatch)
    asked = RequestFactory().get("/", {"conversation": "c-1", "user_name": "Jo"})
    persona = registry.get("Maya", unit="c-1")
    answer = json.loads(made.greeting(asked, "Maya").content)
    assert answer == {"ref": persona.ref, "greeting": persona.build_greeting(user_name="Jo")}


def test_celery(registry: PersonaRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task makes the prompt that the caller would make, of what travels as JSON."""
    pytest.importorskip("celery", reason="the extra recipes is not installed")
    made = recipe("with_celery", monkeypatch)
    made.app.conf.update(task_always_eager=True, task_store_eager_result=False)
    told = made.prompt_of.delay("Maya@2", {"user_name": "Jo"}).get()
    assert told == {"ref": "Maya@2", "prompt": registry.get("Maya@2").build_system_prompt(user_name="Jo")}


def test_promptfoo(registry: PersonaRegistry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of the configuration gets messages whose first is the prompt of the persona that it names."""
    made = recipe("promptfoo_prompt", monkeypatch)
    config = yaml.safe_load((folder / "promptfooconfig.yaml").read_text("utf-8"))
    assert config["prompts"] == ["file://promptfoo_prompt.py:maya"]
    for test in config["tests"]:
        system, user = json.loads(json.dumps(made.maya({"vars": test["vars"]})))
        assert system["content"] == registry.get(test["vars"]["ref"]).build_system_prompt(user_name="Jo")
        assert user == {"role": "user", "content": "Where is my parcel?"}


def test_mcp_server() -> None:
    """The example, started by the protocol's own client, lists what is served and renders what it is asked for."""
    mcp = pytest.importorskip("mcp", reason="the extra recipes is not installed")
    server = REPOSITORY / "examples" / "mcp_server.py"
    acme = PersonaRegistry.from_file(REPOSITORY / "examples/acme/personas.yaml")

    async def talk() -> tuple[Any, Any, str]:
        parameters = mcp.StdioServerParameters(command=sys.executable, args=[str(server)])
        async with mcp.Client(parameters) as client:
            listed = (await client.list_prompts()).prompts
            made = await client.get_prompt("Maya", {"user_name": "Jo", "plan": "pro"})
            with pytest.raises(mcp.MCPError) as refused:
                await client.get_prompt("Maya", {"plan": "secret"})
            return listed, made, str(refused.value)

    listed, made, refused = asyncio.run(talk())
    assert [prompt.name for prompt in listed] == acme.list_names()
    assert [(each.name, each.required) for each in listed[0].arguments] == [
        ("user_name", True),
        ("plan", False),
        ("ticket", False),
    ]
    (message,) = made.messages
    assert message.content.text == acme.get("Maya").build_system_prompt(user_name="Jo", plan="pro")
    assert "lacks 'user_name'" in refused
    assert "secret" not in refused
