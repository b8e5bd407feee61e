"""Pinned prompts: a pytest plugin (extra `testing`) that keeps every prompt of a registry as a file to review.

@prompt_matrix("personas.yaml", sessions={"free": {"user_name": "Jo"}})
def test_prompt(prompt, prompt_snapshot):
    assert prompt == prompt_snapshot
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plugin import prompt_matrix as prompt_matrix

__all__ = ["prompt_matrix"]


# Pytest takes this package for a plugin, and then its plugin. What else is in the room, such as the cases of a
# matrix, is of use without pytest.
pytest_plugins = ("llm_persona.testing.plugin",)


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(".plugin", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
