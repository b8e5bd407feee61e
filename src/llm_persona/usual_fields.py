"""The fields of a persona that is usual: plain texts, lists and mappings of these, with which nothing is wrong.

They are looked at as a whole. What is not usual is checked field by field, and it is told there what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .frozen import FrozenDict

_TEXTS = frozenset(("name", "role", "company", "tone", "greeting"))
_LISTS = frozenset(("capabilities", "constraints"))
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_ONLY_TEXTS = {str}
_LONGEST_NAME = 128


def usual(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields as a persona keeps them; None where one of them is not usual."""
    kept: dict[str, Any] = {}
    texts: list[Any] = []
    for name, value in fields.items():
        kind = type(value)
        if kind is str and name in _TEXTS:
            texts.append(value)
            kept[name] = value
        elif kind is list and name in _LISTS:
            texts += value
            kept[name] = (*value,)
        elif kind is dict and name == "custom_sections":
            texts += value
            texts += value.values()
            kept[name] = FrozenDict(value)
        else:
            return None
    return kept if are_usual_names((kept.get("name", ""),)) and are_usual(texts) else None


def are_usual(texts: Sequence[Any]) -> bool:
    """Tell whether all are plain texts, none of them blank, with which nothing is wrong."""
    if {*map(type, texts)} != _ONLY_TEXTS or not all(texts) or any(map(str.isspace, texts)):
        return False
    whole = "".join(texts)
    return whole.isprintable() or not _REFUSED.search(whole)


def are_usual_names(names: Sequence[str]) -> bool:
    """Tell whether texts are names, and no references to versions."""
    whole = "".join(names)
    return (
        whole.isprintable()
        and not ("@" in whole or "/" in whole or "\\" in whole or "$" in whole)
        and all(names)
        and max(map(len, names), default=0) <= _LONGEST_NAME
    )
