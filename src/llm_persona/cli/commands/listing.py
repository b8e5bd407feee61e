"""`list`: the personas of a registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click

from ...names import split_reference
from ...registry.registry import PersonaRegistry
from ..options import PersonaFiles, persona_files
from ..terminal import line, print_json, print_table

TITLES = ("NAME", "VERSIONS", "PARENT", "ROLE")


@click.command("list")
@click.argument("each", nargs=-1, metavar="[FILES]...", type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Abstract personas, side versions and what is gone too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@persona_files
def list_personas(each: tuple[str, ...], everything: bool, form: str, files: PersonaFiles) -> None:
    """List the personas that are served: name, versions, parent and role.

    The served version comes first; one that a rollout is trying out stands with its percentage. FILES are listed each by
    itself, those of -f as one registry.

    \b
    Example:
      llm-persona list --all -f personas.yaml
    """
    if each and files.paths:
        raise click.UsageError("give FILES, each a registry of its own, or the files of one registry with -f: not both")
    registries = {path: replace(files, paths=(path,)).registry() for path in each} or {"": files.registry()}
    if form == "json":
        print_json([_in_file(path) | entry for path, one in registries.items() for entry in _entries(one, everything)])
        return
    rows = [(path, *row) for path, one in registries.items() for row in _rows(one, everything)]
    skipped = 0 if len(registries) > 1 else 1  # one registry needs no column that says which
    if rows:
        print_table(("FILE", *TITLES)[skipped:], [row[skipped:] for row in rows])
    else:
        line("no persona is served; --all lists abstract ones", err=True)


def _in_file(path: str) -> dict[str, object]:
    return {"file": path} if path else {}


def _keys(registry: PersonaRegistry, everything: bool) -> list[str]:
    return registry.references(abstract=True) if everything else registry.list_names()


def _entries(registry: PersonaRegistry, everything: bool) -> Iterator[dict[str, object]]:
    yield from (_entry(registry, key) for key in _keys(registry, everything))
    yield from (_gone_entry(key, successor) for key, successor in registry.replaced.items() if everything)


def _rows(registry: PersonaRegistry, everything: bool) -> Iterator[tuple[str, ...]]:
    yield from (_row(registry, key) for key in _keys(registry, everything))
    gone = registry.replaced.items() if everything else ()
    yield from ((f"{key} ({_gone(successor)})", "-", "-", "-") for key, successor in gone)


def _entry(registry: PersonaRegistry, key: str) -> dict[str, object]:
    name, side = split_reference(key)
    persona = registry.complete(key)
    return {
        "name": name,
        "version": persona.version,
        "versions": registry.versions(name),
        "rollout": {} if side or name not in registry.rollouts else dict(registry.rollouts[name].percents),
        "parent": registry.definition(key).parent,
        "role": persona.role or None,
        "abstract": persona.abstract,
        "template": persona.template,
        "description": registry.definition(key).description,
    }


def _gone(successor: str | None) -> str:
    return "retired" if successor is None else f"replaced by {successor}"


def _gone_entry(key: str, successor: str | None) -> dict[str, object]:
    name, version = split_reference(key)
    return {"name": name, "version": version, "replaced_by": successor}


def _row(registry: PersonaRegistry, key: str) -> tuple[str, str, str, str]:
    persona = registry.complete(key)
    shown = f"{key} (abstract)" if persona.abstract else key
    return shown, _versions(registry, key), registry.definition(key).parent or "-", persona.role or "-"


def _versions(registry: PersonaRegistry, key: str) -> str:
    name, side = split_reference(key)
    if side is not None:
        return side
    percents = registry.rollouts[name].percents if name in registry.rollouts else {}
    shown = [
        f"{version} ({percents[version]}%)" if version in percents else version for version in registry.versions(name)
    ]
    return ", ".join(shown) or "-"
