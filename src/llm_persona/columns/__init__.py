"""Prompts for tables: one callable over batches of columns, which every engine for data takes as it is."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .renderer import BatchRenderer as BatchRenderer

__all__ = ["BatchRenderer"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(".renderer", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
