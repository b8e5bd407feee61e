"""YAML with merge keys and equal keys, as PyYAML reads it: what other programs write and persona files may not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import yaml

from ..errors import Problem
from .reading import Document

_MERGE, _EQUAL = "merge keys ", "duplicate key "
_PREFIX = "tag:yaml.org,2002:"
_Pair = tuple[yaml.Node, yaml.Node]


def read_plainly(document: Document, text: str) -> dict[str, object] | None:
    """Return the data of a document whose only problems are merge keys and equal keys; None for any other.

    Merge keys are written out, and of equal keys the last counts. What would be a date or no real number is the text.
    """
    if not _is_plain(document):
        return None
    try:
        found: dict[str, object] = yaml.load(text, _Loader)
    except yaml.YAMLError:  # a merge of what is no mapping
        return None
    return found


def _is_plain(document: Document) -> bool:
    """Tell whether all that is wrong with a document is what PyYAML takes."""
    return bool(document.data) and not document.more and all(map(_is_taken, document.problems))


def what_is_taken(document: Document) -> Iterator[tuple[Problem, str]]:
    """Yield what PyYAML takes, and how it is read."""
    for problem in document.problems:
        if _MERGE in problem.message:
            yield problem, "a merge key: the keys that it stands for are written out"
        elif _EQUAL in problem.message:
            yield problem, f"{problem.message}; the last one counts"


def _is_taken(problem: Problem) -> bool:
    misread = (problem.hint or "").startswith("quote it: ") and not problem.message.startswith("the key ")
    return misread or problem.message.startswith((_MERGE, _EQUAL))


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which keeps each key once while it merges: a chain of merges makes no more than it holds.

    What counts is that of https://yaml.org/type/merge.html: a mapping's own keys, then those of the mapping that is merged
    first. Versions of PyYAML differ there, and in the order of what they merge.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        merged: dict[object, _Pair] = {}
        own: dict[object, _Pair] = {}
        pairs, node.value = node.value, []  # a mapping that merges itself merges nothing
        for key, value in pairs:
            if key.tag == _PREFIX + "merge":
                merged |= self._merged(value)
                continue
            if key.tag == _PREFIX + "value":
                key.tag = _PREFIX + "str"
            own[_once(key)] = key, value
        node.value = list((merged | own).values())

    def _merged(self, node: yaml.Node) -> dict[object, _Pair]:
        found: dict[object, _Pair] = {}
        for mapping in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(mapping, yaml.MappingNode):
                raise yaml.YAMLError("a merge of what is no mapping")
            self.flatten_mapping(mapping)
            for pair in mapping.value:
                found.setdefault(_once(pair[0]), pair)
        return found


def _once(key: yaml.Node) -> object:
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def _real(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    value: Any = loader.construct_yaml_float(node)
    return value if math.isfinite(value) else node.value


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return node.value


_Loader.add_constructor(_PREFIX + "timestamp", _text)
_Loader.add_constructor(_PREFIX + "float", _real)
