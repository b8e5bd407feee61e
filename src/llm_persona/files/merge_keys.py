"""YAML with merge keys and equal keys, as PyYAML reads it: what other programs write and persona files may not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import yaml

from ..errors import Problem
from .reading import Document

_MERGE, _EQUAL = "merge keys ", "duplicate key "


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
    """PyYAML's safe loader, which keeps each key once while it merges: a chain of merges makes no more than it holds."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        last: dict[object, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            last[(key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)] = key, value
        node.value = list(last.values())


def _real(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    value: Any = loader.construct_yaml_float(node)
    return value if math.isfinite(value) else node.value


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.add_constructor("tag:yaml.org,2002:float", _real)
