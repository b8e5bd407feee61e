"""The example with OpenFeature's SDK: a flag decides the version, and a flag that says nothing useful decides nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from llm_persona import PersonaRegistry
from llm_persona.live import LiveRegistry

api = pytest.importorskip("openfeature.api", reason="the example needs openfeature-sdk")


@pytest.fixture(scope="module")
def example(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("openfeature_flags", repository / "examples/openfeature_flags.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_provider() -> Iterator[None]:
    yield
    api.clear_providers()


def test_the_flag_decides_who_is_met(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that the flag names meet version 2, everybody else whom the file's rollout gives them."""
    example.main()
    served = PersonaRegistry.from_file(example.PERSONAS).get("Maya", unit="sam").ref
    assert capsys.readouterr().out == f"beta-jo Maya@2\nsam {served}\n"


@pytest.mark.parametrize("says", ["17", None])
def test_a_flag_that_helps_nobody_decides_nothing(example: ModuleType, says: str | None) -> None:
    """A version that is not there, or no flag at all, leaves the rollout of the file in charge."""
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    flags = {} if says is None else {example.FLAG: InMemoryFlag("only", {"only": says})}
    api.set_provider(InMemoryProvider(flags))
    with LiveRegistry(example.PERSONAS) as live:
        for user in ("a", "b", "c"):
            expected = live.get("Maya", unit=user).ref
            assert example.persona_for(live, api.get_client(), user).ref == expected
