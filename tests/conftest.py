"""What several test modules share: where things are, and the examples' personas."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from hits import LEAST, counted
from hypothesis import is_hypothesis_test, settings

from llm_persona import PersonaRegistry

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"

# How long an example takes says how busy the machine is. All else stays as hypothesis has it, under CI too.
settings.register_profile("unhurried", settings(deadline=None))
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with more real data, beside the repository; what needs it is skipped without."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder {SHARED.name!r} with more data beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def acme(repository: Path) -> PersonaRegistry:
    """The registry of examples/acme."""
    return PersonaRegistry.from_file(repository / "examples" / "acme" / "personas.yaml")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "hits(least): the share of a property's examples that reach what it is about")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Hold that every property reaches what it is about."""
    if not is_hypothesis_test(pyfuncitem.obj):
        return (yield)
    marker = pyfuncitem.get_closest_marker("hits")
    with counted(pyfuncitem.obj, marker.args[0] if marker else LEAST):
        return (yield)
