"""What a plain YAML text means: what PyYAML's safe loader makes of it, or why it must be quoted."""

from __future__ import annotations

import math
from typing import NamedTuple

from yaml.constructor import SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from ..kinds import TOO_LONG, too_long
from ..names import shorten

_FIRSTS: list[str] = list(Resolver.yaml_implicit_resolvers)
_FIRST_OF_WORDS = frozenset(first for first in _FIRSTS if first.isalpha())
_FIRST_OF_OTHERS = frozenset(first for first in _FIRSTS if not first.isalpha())  # the empty text is one of them
_LONGEST_WORD = len("false")
_LONGEST_NUMBER = 4_300  # digits: what Python itself turns into an int
_LONGEST_SEXAGESIMAL = 64  # characters; the safe loader takes a minute for a megabyte of `1:1:1`
_TAG = "tag:yaml.org,2002:"
_RESOLVER = Resolver()
_CONSTRUCTOR = SafeConstructor()


class Misread(NamedTuple):
    why: str


def may_be_no_text(text: str) -> bool:
    """Tell, quickly, whether a plain text may be read as something else."""
    first = text[:1]
    return first in _FIRST_OF_OTHERS or (len(text) <= _LONGEST_WORD and first in _FIRST_OF_WORDS)


def resolve(text: str) -> object:
    """Return what PyYAML's safe loader makes of a plain text, or why it cannot stand in a file."""
    tag: str = _RESOLVER.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # has no stubs
    tag = tag.removeprefix(_TAG)
    if tag not in ("null", "bool", "int", "float", "timestamp"):
        return text
    if tag == "timestamp":
        return Misread("is read as a date")
    if len(text) > _LONGEST_NUMBER or (":" in text and len(text) > _LONGEST_SEXAGESIMAL):
        return Misread(f"is a number of {len(text):,} digits")
    try:
        node = ScalarNode(_TAG + tag, text)
        value: object = getattr(_CONSTRUCTOR, f"construct_yaml_{tag}")(node)
    except ValueError:
        return Misread("is read as a number, and is none")
    if isinstance(value, int) and too_long(value):  # in another base
        return Misread(TOO_LONG)
    if isinstance(value, float) and not math.isfinite(value):
        return Misread("is not a finite number")
    return value


def why(value: object) -> str:
    if isinstance(value, Misread):
        return value.why
    if value is None:
        return "is read as null"
    return "is read as a truth value" if isinstance(value, bool) else "is read as a number"


def quote(text: str) -> str:
    return f'quote it: "{shorten(text)}"'
