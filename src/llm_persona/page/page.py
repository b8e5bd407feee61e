"""A registry as one HTML page: no server, no network, and persona text is data there too."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError
from markupsafe import Markup

from ..errors import let_through
from ..files.invisible import runs
from ..files.reading import NO_PATH
from ..registry.registry import PersonaRegistry, state_of
from ..templating.jinja_internals import Unfolded
from .cards import Card, anchor, cards
from .findings import FileHistory, Finding, by_persona
from .tree import tree

_SCRIPTS = ("page.js", "prompts.js", "search.js", "compare.js")
_LEVEL = 9  # of zlib: a page is read more often than it is made


def preview(
    registry: PersonaRegistry, session: Mapping[str, Any] | None = None, files: Iterable[FileHistory] = ()
) -> str:
    """Return one self-contained HTML page of every persona, with its prompt and where each part of that comes from.

    Prompts are rendered with the session given; variables that it lacks are printed as they are written. `files` says
    what is known of the registry's files. The same registry always makes the same page.
    """
    found = by_persona(registry.problems())
    written = {each.path: each for each in files}
    shown = list(cards(registry, session or {}, written, found))
    style, script = _asset("page.css"), _script()
    return _template().render(
        cards=shown,
        findings=[each for name in found.keys() - {card.name for card in shown} for each in found[name]],
        files=[written.get(path) or FileHistory(path) for path in _paths(registry)],
        tree=tree(registry),
        counts=_counts(shown, found),
        replaced=dict(_replaced(registry)),
        prompts=_data_block([version.prompt.data() for version in _with_prompts(shown)]),
        numbers={version.key: number for number, version in enumerate(_with_prompts(shown))},
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )


def _paths(registry: PersonaRegistry) -> list[str]:
    paths = dict.fromkeys(document.path for document in state_of(registry).places.values())
    return [path for path in paths if path != NO_PATH]


def _with_prompts(shown: list[Card]) -> Iterator[Any]:
    return (version for card in shown for version in card.versions if version.prompt is not None)


def _replaced(registry: PersonaRegistry) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield what is gone, each with what `get` gives in its place and the id of that one's card; None for the retired."""
    for key in registry.replaced:
        yield key, (registry.complete(key).ref, anchor(registry.complete(key).key)) if key in registry else None


def _counts(shown: list[Card], found: Mapping[str | None, Sequence[Finding]]) -> dict[str, int]:
    levels = Counter(each.level for findings in found.values() for each in findings)
    further = {
        "abstract base": sum(card.abstract for card in shown),
        "side version": sum(len(card.on_trial) for card in shown),
        **{level: levels[level] for level in ("error", "warning")},
    }
    return {"persona": sum(not card.abstract for card in shown)} | {noun: n for noun, n in further.items() if n}


class _Environment(Environment):
    code_generator_class = Unfolded


def _template() -> Template:
    environment = _Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["pieces"] = pieces
    try:
        return environment.from_string(_asset("page.html.j2"))
    except TemplateSyntaxError as error:
        let_through(error)
        raise


def _script() -> str:
    """Return the page's script: one function, of which each asset is a part."""
    return "\n".join(['"use strict";', "(() => {", *map(_asset, _SCRIPTS), "})();", ""])


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text in pieces, each with the code points to show in its place where nobody would see it."""
    end = 0
    for run in runs(text):
        if end < run.start:
            yield text[end : run.start], ""
        yield run.characters, " ".join(f"U+{ord(ch):04X}" for ch in run.characters)
        end = run.start + len(run.characters)
    if end < len(text):
        yield text[end:], ""


def _data_block(data: object) -> Markup:
    """Return JSON as it may stand in a script element: compressed, in letters of base64 alone."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(base64.b64encode(zlib.compress(text.encode(), _LEVEL)).decode())


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: this style and this script, and no connection to anywhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
