"""What a registry lends its personas: templates, and what the product's tools are said to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from .frozen import FrozenDict
from .templates import Templates


@dataclass(frozen=True, slots=True)
class Bound:
    templates: Templates
    tools: Mapping[str, str] | None = None  # name -> description, of the catalogue the registry was given
    precompile: bool = True


@cache
def bundled() -> Bound:
    """Return the bundled templates, for personas without a registry: the one state of this package."""
    return Bound(Templates(), FrozenDict())
