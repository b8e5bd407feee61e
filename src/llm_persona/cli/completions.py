"""What a shell offers for a word that is not written yet: personas, templates and names of a session.

Files that are wrong, or not there, offer what can be read of them, and nobody is told: this runs at every press of a key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any

import click

from ..errors import PersonaError
from ..files.named import USUAL_FILE, persona_files
from ..files.reading import Document, read

EXTRA = "extra_sections"  # which every session may have, and no word of a shell gives

if TYPE_CHECKING:
    from ..registry.registry import PersonaRegistry


def personas(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the personas and versions that may be named here: abstract ones only where they can be shown."""
    names = (key for document in _documents(context) for key, entry in _entries(document) if _is_asked(entry, context))
    return _beginning(names, incomplete)


def templates(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from ..registry.registry import PersonaRegistry, state_of

    registry = _registry(context) or PersonaRegistry()
    names = (name for bound in state_of(registry).bounds for name in bound.templates.names())
    return _beginning(sorted(set(names)), incomplete)


def session_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return what the named persona, or else any of them, and its template ask of a session; where values are given, `name=`."""
    registry = _registry(context)
    if registry is None:
        return []
    named = context.params.get("name")
    keys = [named] if isinstance(named, str) and named in registry else registry.references()
    sign = "" if context.info_name == "check" else "="
    return _beginning(
        sorted({f"{name}{sign}" for key in keys for name in _asked_for(registry, key) - {EXTRA}}), incomplete
    )


def _asked_for(registry: PersonaRegistry, key: str) -> Set[str]:
    from ..persona.persona import texts_of
    from ..registry.registry import state_of

    persona, state = registry.complete(key), state_of(registry)
    bound = state.bounds.binding(state.lineages[persona.key])
    return texts_of(persona).names | bound.template(persona.template).session_names


def _entries(document: Document) -> Iterator[tuple[str, Any]]:
    return ((key, entry) for key, entry in document.data.items() if not key.startswith("$"))


def _is_asked(entry: Any, context: click.Context) -> bool:
    if not isinstance(entry, dict):
        return True
    return "replaced_by" not in entry and (entry.get("abstract") is not True or context.info_name == "show")


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _paths(context: click.Context) -> tuple[str, ...]:
    written = context.params.get("paths") or ((USUAL_FILE,) if os.path.exists(USUAL_FILE) else ())
    return tuple(path for path in persona_files(written) if path != "-")


def _documents(context: click.Context) -> list[Document]:
    try:
        return [read(path) for path in _paths(context)]
    except (PersonaError, OSError):
        return []


def _registry(context: click.Context) -> PersonaRegistry | None:
    from ..registry.registry import PersonaRegistry

    try:
        return PersonaRegistry.from_file(*_paths(context), templates=context.params.get("templates") or None)
    except (PersonaError, OSError, TypeError):  # no file at all is no argument
        return None
