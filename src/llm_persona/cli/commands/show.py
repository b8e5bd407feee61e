"""`show`: a complete persona, each value with who gave it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from ...fields import FIELDS, LISTS, TABLES
from ...files.output import safe
from ...files.writing import dump_yaml
from ...frozen import ALL, thaw
from ...persona.persona import Persona
from ...persona.provenance import Explanation, Provenance
from ...persona.resolution import written
from ...registry.registry import PersonaRegistry
from ..completions import personas
from ..options import PersonaFiles, asked_for, persona_files
from ..terminal import cells, columns, line, painted, print_json, write

Row = tuple[Provenance | None, str]


@click.command()
@click.argument("name", shell_complete=personas)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="text and json say where each value is from; yaml is the complete persona as a file would write it, without a parent.",
)
@click.option("--yaml", "form", flag_value="yaml", help="The same as --format yaml.")
@persona_files
def show(name: str, form: str, files: PersonaFiles) -> None:
    """Show the persona NAME (or NAME@VERSION) with its parents applied.

    Each value stands beside the place where it was written and the ancestor that gave it.

    \b
    Example:
      llm-persona show MayaPremium --yaml
    """
    registry = files.registry()
    persona = asked_for(registry, name)
    if form == "yaml":
        write(dump_yaml({persona.name: _written(persona)}))
        return
    if form == "json":
        print_json(_data(persona, registry.explain(name)))
        return
    rows = list(_rows(registry, name))
    margins = columns([_margin(origin) for origin, _ in rows])
    width = max(map(cells, margins))
    for margin, (_, text) in zip(margins, rows, strict=True):
        line(f"{painted(margin + ' ' * (width - cells(margin)), dim=True)}  {text}".rstrip())


def _written(persona: Persona) -> dict[str, Any]:
    """Return a complete persona so that it reads back on its own: a side version under its plain name."""
    fields = written(persona)
    if persona.version is not None:
        fields["version"] = persona.version
    return fields


def _data(persona: Persona, origins: Explanation) -> dict[str, object]:
    """Return a persona ready for JSON: its fields, and of each value that was given who gave it and where."""
    fields = _written(persona)
    told = {field: _origin(origins[field]) for field in fields}
    sections = {name: _origin(each) for name, each in origins.sections.items()}
    if sections:
        told["custom_sections"] = {**told["custom_sections"], **sections}
    return {"ref": persona.ref, "name": persona.name, "fields": thaw(fields), "origins": told}


def _origin(origin: Provenance | tuple[Provenance, ...] | Mapping[str, Provenance]) -> Any:
    if isinstance(origin, tuple):
        return [asdict(each) for each in origin]
    return {name: asdict(each) for name, each in origin.items()} if isinstance(origin, Mapping) else asdict(origin)


def _margin(origin: Provenance | None) -> tuple[str, str]:
    if origin is None:
        return "", ""
    place = "" if origin.path is None else f"{origin.path}:{origin.line}"
    return safe(place), safe(origin.persona or "(default)")


def _rows(registry: PersonaRegistry, name: str) -> Iterator[Row]:
    """Yield the lines of a persona's fields, in the order of a file, each with its origin."""
    persona, definition, origins = registry.complete(name), registry.definition(name), registry.explain(name)
    for field in FIELDS:
        value = getattr(definition if field == "parent" else persona, field)
        if field == "name":
            yield from _lines(None, "name", value)
        elif field in LISTS:
            yield from _list_rows(field, value, origins)
        elif field in TABLES:
            yield from _table_rows(field, value or {}, origins)
        elif value is not None and value != "" and value is not False:
            yield from _lines(origins.fields[field], field, value)


def _list_rows(field: str, texts: tuple[str, ...], origins: Explanation) -> Iterator[Row]:
    if texts is ALL:
        yield from _lines(origins.lists[field][0], field, "all")
        return
    if texts:
        yield None, f"{field}:"
    for origin, text in zip(origins.lists[field], texts, strict=True):
        yield from _lines(origin, "  -", text)


def _table_rows(field: str, entries: dict[str, object], origins: Explanation) -> Iterator[Row]:
    if entries:
        yield None, f"{field}:"
    for entry, value in entries.items():
        if field == "custom_sections" and isinstance(value, tuple):
            yield None, f"  {entry}:"
            for origin, text in zip(origins.sections[entry], value, strict=True):
                yield from _lines(origin, "    -", text)
            continue
        shown = "(required)" if field == "variables" and value is None else value
        yield from _lines(origins.tables[field][entry], f"  {entry}", shown)


def _lines(origin: Provenance | None, title: str, value: object) -> Iterator[Row]:
    """Yield a value behind its title; a text of several lines stands below it."""
    text = value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False)
    lead = title if title.endswith("-") else f"{title}:"
    first, *further = text.removesuffix("\n").split("\n")
    if not further:
        yield origin, f"{safe(lead)} {safe(first)}"
        return
    indent = " " * (len(title) - len(title.lstrip()) + 2)
    yield origin, f"{safe(lead)} |"
    for each in (first, *further):
        yield None, safe(f"{indent}{each}").rstrip()
