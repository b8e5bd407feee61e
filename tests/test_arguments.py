"""Arguments of a wrong type: every public callable says in our words what it takes, and raises nothing else.

What Python itself says of a call, an unknown or a missing argument, stays Python's TypeError: it names the function and
the argument.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pandas as pd
import pytest
from werkzeug.local import Local

import llm_persona
from llm_persona import InvalidValueError, Persona, PersonaError, PersonaRegistry, Prompt, TemplateError, validate_file
from llm_persona.cli.starting import start
from llm_persona.convert.agents import load_agent
from llm_persona.convert.cards import load_card
from llm_persona.convert.imports import import_files
from llm_persona.files.output import write_file
from llm_persona.testing.cases import PromptMatrix


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


class NoPath:
    """What says that it is a path, and is a number."""

    def __fspath__(self) -> int:
        return 5


ODD: list[Any] = [
    None, True, 5, -1, 10**5000, 1.5, float("nan"), 1j, Decimal("1E+999999999"), "", " ", "a\0b", "\ud800", "no such", "x" * 5000,
    b"", b"x", bytearray(b"x"), [], [5], ["a", ["b"]], (), {}, {5: 5}, {"a": 5}, {"a": {"b": object}}, {"a"}, frozenset(), range(3),
    object(), object, len, lambda: None, iter("ab"), Unhashable(), Mock(), Mock(spec=str), MagicMock(spec=dict), MagicMock(spec=Persona),
    MagicMock(spec=PersonaRegistry), pd.NA, pd.NaT, np.array([1, 2]), np.int64(3), Local()("user"), Path("no such folder"), NoPath(), ValueError("x"),
]  # fmt: skip


@pytest.fixture
def ways(tmp_path: Path) -> dict[str, tuple[Callable[..., object], list[Any], dict[str, Any]]]:
    """Every public callable with arguments that it takes, positional ones first."""
    path = tmp_path / "p.yaml"
    path.write_text(
        "$rollouts: {Maya: {2: 10}}\nMaya: {role: r, greeting: 'Hi {u}', version: 1, tools: [look]}\nMaya@2: {parent: Maya}\n"
    )
    registry = PersonaRegistry.from_file(path)
    persona = registry.get("Maya")
    prompt = persona.render(u="Jo")
    tools = [{"name": "look", "description": "d"}]
    known: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "Limits": ([], {}),
        "Persona": (["Maya", "r"], {}),
        "PersonaRegistry": ([], {}),
        "multiline": (["a"], {}),
        "trusted": (["a"], {}),
        "validate_file": ([path], {}),
        "PersonaRegistry.from_file": ([path], {}),
        "PersonaRegistry.from_dict": ([{"Maya": {"role": "r"}}], {}),
        "persona.build_system_prompt": (["default"], {"u": "Jo"}),
        "persona.render": (["default"], {"u": "Jo", "extra_sections": {}}),
        "persona.build_greeting": ([], {"u": "Jo"}),
        "persona.select_tools": ([tools], {}),
        "persona.own_template": (["default"], {}),
        "persona.sample_session": (["default"], {}),
        "persona.with_session": ([], {"u": "Jo"}),
        "registry.define": ([Persona("Alex", "r")], {}),
        "registry.get": (["Maya"], {}),
        "registry.versions": (["Maya"], {}),
        "registry.definition": (["Maya"], {}),
        "registry.explain": (["Maya"], {}),
        "registry.verify": ([prompt.stamp()], {}),
        "registry.check": ([{"u"}], {}),
        "registry.problems": ([{"u"}], {}),
        "registry.stable_shares": ([{"u"}], {}),
        "registry.diff": ([registry], {"session": {"u": "Jo"}}),
        "registry.to_yaml": ([], {}),
        "registry.to_json": ([], {}),
        "prompt.message": (["system"], {}),
        "prompt.anthropic_system": ([], {}),
        "prompt.openai_input": ([], {}),
        "prompt.anthropic_prewarm": ([], {"model": "m"}),
    }
    return {
        name: (_callable(name, persona, registry, prompt), *arguments)
        for name, arguments in known.items()
        if _callable(name, persona, registry, prompt)
    }


def _callable(name: str, persona: Persona, registry: PersonaRegistry, prompt: Prompt) -> Callable[..., object]:
    owner, dot, method = name.partition(".")
    if not dot:
        return getattr(llm_persona, name)
    return getattr(
        {"persona": persona, "registry": registry, "prompt": prompt, "PersonaRegistry": PersonaRegistry}[owner],
        method,
        None,
    )


def _calls(
    function: Callable[..., object], given: list[Any], named: dict[str, Any], odd: Any
) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Yield the call with the odd value in the place of each argument in turn, declared ones that are not given too."""
    for index in range(len(given)):
        yield f"argument {index}", [*given[:index], odd, *given[index + 1 :]], named
    for name in named:
        yield name, given, {**named, name: odd}
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield "one more", [*given, odd], named
        elif (
            parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            and index >= len(given)
            and parameter.name[0] != "_"
        ):
            yield parameter.name, given, {**named, parameter.name: odd}


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_odd_values_are_told_in_our_words(
    ways: dict[str, Any], odd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the place of an argument is taken, or told with a PersonaError of one clear line."""
    monkeypatch.chdir(tmp_path)
    wrong = []
    for way, (function, given, named) in ways.items():
        for where, arguments, options in _calls(function, given, named, odd):
            told = _told(function, arguments, options)
            if told is not None and (not told or re.search(r"object at 0x|<class|Error\(", told)):
                wrong.append(f"{way}, {where}, {type(odd).__name__}: {told[:150]}")
    assert not wrong, "\n".join(wrong)


def _told(function: Callable[..., object], arguments: list[Any], options: dict[str, Any]) -> str | None:
    """Return what a call's error says, None for one that goes well; the repr of what is none of ours."""
    try:
        function(*arguments, **options)
    except PersonaError as error:
        return str(error)
    except OSError as error:  # what the system says of a path that is written to
        return None if "to_" in function.__name__ else repr(error)
    except BaseException as error:
        return repr(error)
    return None


SAID: list[tuple[Callable[[], object], type[PersonaError], str]] = [
    (lambda: PersonaRegistry.from_file(5), InvalidValueError, "the path of a persona file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry.from_file(None), InvalidValueError, "the path of a persona file must be a path, which is a text, not null"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry.from_file("p.yaml", 5), InvalidValueError, "the path of a persona file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: validate_file({"p.yaml"}), InvalidValueError, "the path of a persona file must be a path, which is a text, not a set"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry.from_file(NoPath()), InvalidValueError, "the path of a persona file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry(NoPath()), InvalidValueError, "the path of a template folder must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry(tools=NoPath()), InvalidValueError, "the path of a tool catalogue must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().to_yaml(NoPath()), InvalidValueError, "the path of the file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: load_agent(NoPath()), InvalidValueError, "the path of an agent file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: load_card(NoPath()), InvalidValueError, "the path of a card must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: import_files(NoPath()), InvalidValueError, "the path of a file to import must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: start(NoPath()), InvalidValueError, "the path of the folder must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: write_file(NoPath(), "x"), InvalidValueError, "the path of the file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PromptMatrix(NoPath(), {}, None).cases(Path(), {}), InvalidValueError, "what prompt_matrix takes must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().to_yaml(""), InvalidValueError, "the path of the file is empty; name one"),
    (lambda: PersonaRegistry().to_yaml("p.JSON"), InvalidValueError, "what ends in .json is not read as YAML, which this writes; name a file that ends in .yaml, or call to_json"),
    (lambda: PersonaRegistry().to_json("p.yml"), InvalidValueError, "what ends in .yml is not read as JSON, which this writes; name a file that ends in .json, or call to_yaml"),
    (lambda: PersonaRegistry().to_yaml("a\0.yaml"), InvalidValueError, "the path of the file holds a character that no path can hold"),
    (lambda: validate_file("p.yaml", limits=5), InvalidValueError, "limits must be Limits, not a number; pass Limits(nodes=...)"),  # type: ignore[arg-type]
    (lambda: llm_persona.Limits(depth="a"), InvalidValueError, "the limit 'depth' must be a whole number, not 'a'"),  # type: ignore[arg-type]
    (
        lambda: PersonaRegistry("personas.yaml"),
        TemplateError,
        "the template folder 'personas.yaml' is missing; for a file of personas: PersonaRegistry.from_file('personas.yaml')",
    ),
    (
        lambda: PersonaRegistry({"Maya": {"role": "r"}}),  # type: ignore[arg-type]
        InvalidValueError,
        "templates must be the path of a folder, or a list of paths, not a mapping; for a registry of data: PersonaRegistry.from_dict(data)",
    ),
    (lambda: PersonaRegistry([Persona("Maya", "r")]), InvalidValueError, "the path of a template folder must be a path, which is a text, not a Persona"),  # type: ignore[list-item]
    (lambda: PersonaRegistry(default_template=5), InvalidValueError, "default_template must be a text, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry(tools={"look"}), InvalidValueError, "a tool definition must be a mapping, not a text"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().diff(5), InvalidValueError, "diff takes a registry, not a number"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().diff(PersonaRegistry(), session={"a"}), InvalidValueError, "session must be a mapping of names to values, not a set"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().check(optional="a"), InvalidValueError, "optional must be a set of names, not a text"),
    (lambda: PersonaRegistry().define({"name": "Maya"}), InvalidValueError, "define takes personas, not a mapping; pass Persona(name=...)"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().define(replace="no"), InvalidValueError, "replace must be true or false, not a text"),  # type: ignore[arg-type]
    (lambda: PersonaRegistry().to_yaml(5), InvalidValueError, "the path of the file must be a path, which is a text, not a number"),  # type: ignore[arg-type]
    (lambda: Persona("Maya", {"r"}), InvalidValueError, "Maya.role: must be a text, not a set"),  # type: ignore[arg-type]
    (lambda: Persona("Maya", "r", capabilities={"a"}), InvalidValueError, "Maya.capabilities: must be a list of texts, not a set"),  # type: ignore[arg-type]
    (lambda: Persona("Maya", "r").render(x={"a"}), InvalidValueError, "session variable 'x' is a set, which a session cannot hold; pass a text or a number"),
    (lambda: Persona("Maya", "r").render(["a"]), TemplateError, "a template's name is a text, not a list; names are letters"),  # type: ignore[arg-type]
    (lambda: Persona("Maya", "r").render().anthropic_system(cache=0), InvalidValueError, "cache must be true or false, not a number"),  # type: ignore[arg-type]
    (lambda: Persona("Maya", "r").render().anthropic_system(ttl=5), InvalidValueError, "ttl must be None, '5m' or '1h', not 5"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "said"), SAID)
def test_what_is_said_of_a_wrong_argument(
    call: Callable[[], object], kind: type[PersonaError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the argument, what it may be and what it is; and the way to what was meant."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as raised:
        call()
    assert type(raised.value) is kind
    assert str(raised.value).startswith(said)


def test_unknown_arguments_are_pythons_own_affair() -> None:
    """A slip in the name of an argument is told by Python, which names it."""
    with pytest.raises(TypeError, match="'nam'"):
        Persona(nam="Maya")  # type: ignore[call-arg]
