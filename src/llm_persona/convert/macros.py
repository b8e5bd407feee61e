"""Places that other programs fill, as `{placeholder}`s, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..placeholders import Parts, Placeholder, Placeholders

_PRINTED = re.compile(r"(?<![{$])\{([^\W\d]\w*)\}(?!\})")


def split_at(text: str, macro: re.Pattern[str], name: Callable[[re.Match[str]], str]) -> Parts:
    """Split a text at what a program fills, each by the name of the variable that it is here."""
    return tuple(_pieces(text, macro, name))


def _pieces(text: str, macro: re.Pattern[str], name: Callable[[re.Match[str]], str]) -> Iterator[str | Placeholder]:
    end = 0
    for found in macro.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        yield Placeholder(name(found))
        end = found.end()
    if end < len(text):
        yield text[end:]


def written_with(parts: Sequence[str | Placeholder]) -> str | None:
    """Return a persona's text that prints these pieces; None where braces beside one another cannot be written so."""
    text = "".join(
        f"{{{part.name}}}" if isinstance(part, Placeholder) else _PRINTED.sub(r"{{\1}}", part) for part in parts
    )
    return text if Placeholders(None).parse(text) == tuple(parts) else None


def filled_back(text: str, spelled: Callable[[str], str | None]) -> str | None:
    """Return a persona's text with each placeholder as another program spells it; None where it knows one not."""
    parts = [part if isinstance(part, str) else spelled(part.name) for part in Placeholders(None).parse(text)]
    return None if None in parts else "".join(filter(None, parts))
