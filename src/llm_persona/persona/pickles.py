"""What travels in a pickle of what a persona is bound to: the templates' sources and what its tools are said to do.

No path, no lock and nothing compiled, so equal contents are equal bytes. The bundled templates travel as a fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..errors import PersonaError, TemplateError
from ..frozen import ALL
from ..limits import DEFAULTS, Limits
from ..prompts.budget import Budget
from ..templating.folders import ENDING, Source
from ..templating.templates import BUNDLED_PREFIX, Templates
from .binding import Bound, bundled

FORMAT = "llm-persona/pickle/1"

Data = dict[str, Any]


def packed(data: Mapping[str, object]) -> bytes:
    """Return plain data as bytes, with the bundled templates that it was made with."""
    whole = {"format": FORMAT, "bundled": bundled().templates.bundled_fingerprint, **data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def unpacked(content: bytes) -> Data:
    """Return the data. Raises PersonaError where this library would make other prompts of it."""
    data: Data = json.loads(content)
    if data.get("format") != FORMAT:
        raise PersonaError(
            f"this pickle has the format {data.get('format')!r}, and not {FORMAT!r}",
            hint="use one version of llm-persona on both sides",
        )
    if data["bundled"] != bundled().templates.bundled_fingerprint:
        raise PersonaError(
            "this pickle was made with other bundled templates than this library has, so its prompts would differ",
            hint="use one version of llm-persona on both sides",
        )
    return data


def pack_bound(bound: Bound) -> Data:
    """Return all that a registry's file lends."""
    return {
        "templates": _pack(bound.templates),
        "tools": None if bound.tools is None else dict(sorted(bound.tools.items())),
        "precompile": bound.precompile,
    }


def pack_alone(bound: Bound, template: str | None, tools: Iterable[str]) -> Data:
    """Return what one persona takes along: its own template with all that it uses, and what its own tools do."""
    naming = bound.templates if bound.naming is None or template is None else bound.naming
    own = _used(naming, bound.template_name(template))
    used = sorted(bound.tools or () if tools is ALL else tools)
    known = None if bound.tools is None else {name: bound.tools[name] for name in used if name in bound.tools}
    data: Data = {
        "templates": _pack(bound.templates, own if naming is bound.templates else ()),
        "tools": known,
        "precompile": bound.precompile,
    }
    return data if naming is bound.templates else {**data, "naming": _pack(naming, own)}


def unpack_bound(data: Mapping[str, Any], budget: Budget) -> Bound:
    naming = _unpack(data["naming"]) if "naming" in data else None
    return Bound(_unpack(data["templates"]), data["tools"], data["precompile"], budget, naming=naming)


def _used(templates: Templates, name: str) -> Collection[str]:
    """Return the names of the product's templates that one consists of; of all, where it cannot be used."""
    try:
        return [each for each in templates.get(name).syntaxes if not each.startswith(BUNDLED_PREFIX)]
    except TemplateError:
        return templates.own_sources().keys()


def _pack(templates: Templates, names: Collection[str] | None = None) -> Data:
    """Return the sources of a product's templates, or of those with these names.

    Of the others only that they are there, where they have the name of a bundled one: what a call of that name means
    is not here.
    """
    own = templates.own_sources()
    carried = own if names is None else {name: own[name] for name in sorted(names)}
    left = () if names is None else sorted(own.keys() & templates.bundled_names() - carried.keys())
    sources = [[name, each.text, each.problem, each.line] for name, each in carried.items()]
    partial = templates.partial or len(carried) < len(own)
    packed_ = {"default": templates.default, "sources": sources, "left": list(left), "partial": partial}
    limits = templates.limits.of_templates()
    return packed_ if limits == DEFAULTS.of_templates() else {**packed_, "limits": limits}


def _unpack(data: Mapping[str, Any]) -> Templates:
    own = {name: Source(name + ENDING, text, problem, line) for name, text, problem, line in data["sources"]}
    left = "was not pickled with the persona: pickle its registry"
    own |= {name: Source(name + ENDING, problem=left) for name in data["left"]}
    if not own and data["default"] == "default" and not data["partial"] and "limits" not in data:
        return bundled().templates
    return Templates.of_sources(own, data["default"], data["partial"], Limits(**data.get("limits", {})))
