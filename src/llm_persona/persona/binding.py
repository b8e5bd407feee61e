"""What a file lends the personas that it writes: templates, and what the product's tools are said to do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from ..frozen import FrozenDict
from ..prompts.alike import Alike
from ..prompts.budget import Budget
from ..templating.templates import Template, Templates


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The `$` keys of one file, or what stands for them: its templates with their default, and its tools.

    `naming` are the templates among which a persona's own template is looked up, where another file wrote its name.
    """

    templates: Templates
    tools: Mapping[str, str] | None = None  # name -> description; None where there is no catalogue
    precompile: bool = True
    budget: Budget = field(default_factory=Budget, repr=False)  # one for all of a registry
    alike: Alike = field(default_factory=Alike, repr=False)  # prompts of personas that no registry holds
    naming: Templates | None = None
    path: str | None = None  # of the file
    tools_path: str | None = None
    definitions: Sequence[Mapping[str, object]] | Mapping[str, Mapping[str, object]] | None = None  # that stand there
    start: str = ""  # the folder that its relative paths begin in, where it has any

    def found(self, path: str) -> str:
        """Return where a path of it leads, wherever the process went since."""
        return os.path.join(self.start, path)

    def __eq__(self, other: object) -> bool:
        """Tell whether both decide every prompt alike, wherever they were read from."""
        if not isinstance(other, Bound):
            return NotImplemented
        one, another = (self.templates, self.naming, self.tools), (other.templates, other.naming, other.tools)
        return self is other or one == another

    def template(self, own: str | None, named: str | None = None) -> Template:
        """Return the template that a call named, else a persona's own, else the file's default. Raises TemplateError."""
        if named is None and own is not None and self.naming is not None:
            return self.naming.get(own)
        return self.templates.get(self.template_name(own) if named is None else named)

    def template_name(self, own: str | None) -> str:
        """Return the name of the template that renders a persona where a call names none."""
        return self.templates.default if own is None else own


@cache
def bundled() -> Bound:
    """Return the bundled templates, for personas without a registry: the one state of this package."""
    return Bound(Templates(), FrozenDict())
