"""Which file's `$` keys hold for which persona: those of the file that writes it, whatever else is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import FieldPath
from ..frozen import ALL
from ..templating.folders import ENDING
from ..templating.templates import Templates
from .binding import Bound
from .inheritance import Lineage
from .provenance import origin_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """The `$` keys that hold for each definition. Never changed.

    `usual` are those of all files where they agree; else those of the arguments, which hold for what no file wrote.
    """

    usual: Bound
    others: Mapping[str, Bound] = field(default_factory=dict)  # a definition's key -> its file's, where files differ

    def of(self, key: str | None) -> Bound:
        return self.usual if key is None else self.others.get(key, self.usual)

    def __iter__(self) -> Iterator[Bound]:
        """Yield each once."""
        return iter({id(each): each for each in (self.usual, *self.others.values())}.values())

    def files(self) -> Iterator[str | Path]:
        """Yield the files that these keys name and that were read: templates, and catalogues of tools."""
        for bound in self:
            for folder in bound.templates.folders:
                yield from Path(bound.found(folder)).rglob(f"*{ENDING}")
            if bound.tools_path is not None:
                yield bound.found(bound.tools_path)

    def binding(self, lineage: Lineage) -> Bound:
        """Return what a complete persona is bound to: a name that an ancestor's file wrote is looked up there."""
        own = self.of(lineage.persona.key)
        if not self.others:
            return own
        naming, tools = self.naming(lineage), self._descriptions(lineage)
        if naming is own.templates and tools == own.tools:
            return own
        return replace(own, naming=naming, tools=tools)

    def naming(self, lineage: Lineage) -> Templates:
        """Return the templates among which the persona's own template is looked up."""
        if lineage.persona.template is None or not self.others:
            return self.of(lineage.persona.key).templates
        return self.of(origin_of(lineage, ("template",)).persona).templates

    def tools(self, lineage: Lineage, path: FieldPath) -> Mapping[str, str] | None:
        """Return the catalogue of the file that wrote a tool, else that of the persona's own file."""
        own = self.of(lineage.persona.key)
        if not self.others:
            return own.tools
        theirs = self.of(origin_of(lineage, path).persona).tools
        return own.tools if theirs is None else theirs

    def _descriptions(self, lineage: Lineage) -> Mapping[str, str] | None:
        """Return what the persona's tools are said to do; None where there is no catalogue at all."""
        own = self.of(lineage.persona.key).tools
        if lineage.persona.tools is ALL:
            return self.tools(lineage, ("tools", 0))
        found = [(tool, self.tools(lineage, ("tools", index))) for index, tool in enumerate(lineage.persona.tools)]
        if all(catalogue is own for _, catalogue in found):
            return own
        return {tool: catalogue[tool] for tool, catalogue in found if catalogue is not None and tool in catalogue}
