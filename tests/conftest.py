"""What several test modules share: where things are, and the examples' personas."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_persona import PersonaRegistry

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"


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
