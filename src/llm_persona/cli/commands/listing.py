"""`list`: the personas of a registry."""

from __future__ import annotations

import click

from ...names import split_reference
from ...registry.registry import PersonaRegistry
from ..options import PersonaFiles, persona_files
from ..terminal import line, print_json, print_table


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Abstract personas, side versions and what is gone too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@persona_files
def list_personas(everything: bool, form: str, files: PersonaFiles) -> None:
    """List the personas that are served: name, versions, parent and role.

    The served version comes first; one that a rollout is trying out stands with its percentage.

    \b
    Example:
      llm-persona list --all -f personas.yaml
    """
    registry = files.registry()
    keys = registry.references(abstract=True) if everything else registry.list_names()
    gone = registry.replaced if everything else {}
    if form == "json":
        entries = [_entry(registry, key) for key in keys]
        print_json([*entries, *(_gone_entry(key, successor) for key, successor in gone.items())])
    elif keys or gone:
        rows = [_row(registry, key) for key in keys]
        rows += [(f"{key} ({_gone(successor)})", "-", "-", "-") for key, successor in gone.items()]
        print_table(("NAME", "VERSIONS", "PARENT", "ROLE"), rows)
    else:
        line("no persona is served; --all lists abstract ones", err=True)


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
