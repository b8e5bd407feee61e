"""What a registry lends its personas: templates, and what the product's tools are said to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from .frozen import FrozenDict
from .templates import Template, Templates

if TYPE_CHECKING:

    class Explainer(Protocol):
        """What knows where a registry's personas come from: the registry."""

        def explain_prompt(
            self, persona: Any, template: Template, session: Mapping[str, object]
        ) -> tuple[Any, ...]: ...


@dataclass(slots=True)
class Bound:
    templates: Templates
    tools: Mapping[str, str] | None = None  # name -> description, of the catalogue the registry was given
    precompile: bool = True
    registry: Explainer | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        # A persona that is sent to another process does not take all others with it.
        return Bound, (self.templates, self.tools, self.precompile)


@cache
def bundled() -> Bound:
    """Return the bundled templates, for personas without a registry: the one state of this package."""
    return Bound(Templates(), FrozenDict())
