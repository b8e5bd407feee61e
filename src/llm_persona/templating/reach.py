"""What a template can come to: the parts of its ancestors that none of its blocks takes the place of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import nodes

from .syntax import Syntax, asked_of


def names_in_reach(name: str, chain: Mapping[str, Syntax]) -> frozenset[str]:
    """Return the names that a run of a template may ask the session for, of all that it and what it uses ask for.

    A block that is overridden, and that no `super()` calls, is left out with the blocks in it. What is included or
    imported counts whole.
    """
    lineage = [chain[name]]
    while (extended := lineage[-1].extends) is not None:
        lineage.append(chain[lineage[-1].uses[extended]])
    walk = _Walk(lineage)
    for syntax in lineage:
        walk.through(syntax.tree, syntax is lineage[-1])
    ancestors = {syntax.name for syntax in lineage}
    others = (syntax.session_names for used, syntax in chain.items() if used not in ancestors)
    return frozenset(walk.names).union(*others)


class _Walk:
    """A walk through the blocks of a lineage, from the youngest definition of each."""

    def __init__(self, lineage: Sequence[Syntax]) -> None:
        self.names: set[str] = set()
        self._written = [{block.name: block for block in each.find_all(nodes.Block)} for each in lineage]
        self._entered: set[tuple[str, int]] = set()

    def enter(self, block: str, above: int = 0) -> None:
        """Go through the youngest definition of a block, from so many generations above on."""
        level = next((each for each in range(above, len(self._written)) if block in self._written[each]), None)
        if level is not None and (block, level) not in self._entered:
            self._entered.add((block, level))
            self.through(self._written[level][block], True, block, level)

    def through(self, node: nodes.Node, blocks: bool, block: str = "", level: int = 0) -> None:
        """Note what is asked for in a node; the blocks in it are entered where they are printed there."""
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Block):
                if blocks:
                    self.enter(child.name)
                continue
            self.names.update(name for name, _ in asked_of("session", (child,)))
            if isinstance(child, nodes.Name) and child.name == "super":
                self.enter(block, level + 1)
            elif isinstance(child, nodes.Name) and child.name == "self":
                self._enter_all()
            self.through(child, blocks, block, level)

    def _enter_all(self) -> None:
        """Enter every block: which of them `self` means is not looked for."""
        for each in {name for level in self._written for name in level}:
            self.enter(each)
