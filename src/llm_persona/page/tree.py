"""The inheritance tree of a registry: who builds on whom, abstract bases and side versions included."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..registry.registry import PersonaRegistry
from .cards import anchor


@dataclass(frozen=True, slots=True)
class Node:
    """A definition and those that build on it, in order of definition. `share` is the percent of its rollout."""

    key: str
    anchor: str
    abstract: bool
    share: int | None
    children: list[Node] = field(default_factory=list)


def tree(registry: PersonaRegistry) -> list[Node]:
    """Return the definitions that have no parent, each with all that build on it."""
    nodes: dict[str, Node] = {}
    keys = registry.references(abstract=True)
    for key in keys:
        nodes[key] = Node(key, anchor(key), registry.complete(key).abstract, _share(registry, key))
    roots: list[Node] = []
    for key in keys:
        parent = registry.definition(key).parent
        siblings = roots if parent is None else nodes[registry.definition(parent).key].children
        siblings.append(nodes[key])
    return roots


def _share(registry: PersonaRegistry, key: str) -> int | None:
    persona = registry.complete(key)
    rollout = registry.rollouts.get(persona.name)
    return rollout.percents.get(persona.version or "") if rollout and key != persona.name else None
