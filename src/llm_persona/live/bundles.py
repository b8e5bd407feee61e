"""A set of persona files as one immutable text, named by its SHA-256: personas, templates and tools."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from ..errors import PersonaError, let_through
from ..files.reading import Document, parse_file
from ..limits import DEFAULTS, Limits
from ..persona.file_keys import Arguments, Held
from ..persona.loading import load_documents
from ..persona.tool_catalogue import parse_catalogue
from ..registry.registry import PersonaRegistry, registry_of
from ..templating.folders import Source
from .generations import Generation
from .local_files import FileSet

FORMAT = "llm-persona/bundle/1"


def pack(found: FileSet, arguments: Arguments) -> bytes:
    """Return the bundle of a set: the same for the same content, on any machine and in any folder."""
    base = os.path.commonpath([os.path.abspath(document.folder) for document in found.documents])
    paths = {document.path: os.path.relpath(document.path, base).replace(os.sep, "/") for document in found.documents}
    folders, tools = (dict(_named(found, paths, key)) for key in ("$templates", "$tools"))
    given = [folders.setdefault(os.path.realpath(each), f"given/{n}") for n, each in enumerate(arguments.templates)]
    sources = {folders[os.path.realpath(folder)]: each for folder, each in found.held.folders.items()}
    catalogues = {
        tools[os.path.realpath(p)]: c for p, c in found.held.catalogues.items() if os.path.realpath(p) in tools
    }
    passed = arguments.tools if found.catalogue is None else found.catalogue
    data = {
        "format": FORMAT,
        "personas": {paths[path]: content.decode("utf-8-sig") for path, content in found.contents.items()},
        "templates": {
            folder: [[name, source.text, source.problem, source.line] for name, source in each]
            for folder, each in sorted(sources.items())
        },
        "tools": {path: each.definitions for path, each in sorted(catalogues.items())},
        "given": {
            "templates": given,
            "default_template": arguments.default_template,
            "tools": None if passed is None else passed.definitions,
        },
    }
    return json.dumps(data, ensure_ascii=False, indent=1).encode()


def _named(found: FileSet, paths: dict[str, str], key: str) -> Iterator[tuple[str, str]]:
    """Yield where what a key names lies here, and how it is named in the bundle."""
    for document in found.documents:
        named = document.data.get(key)
        for name in named if isinstance(named, list) else [named]:
            if isinstance(name, str):
                here = os.path.realpath(os.path.join(document.folder, name))
                yield here, os.path.join(os.path.dirname(paths[document.path]), name)


def digest(bundle: bytes) -> str:
    return hashlib.sha256(bundle).hexdigest()


def unpack(bundle: bytes, limits: Limits | None = None, precompile: bool = True) -> PersonaRegistry:
    """Return the registry of a bundle: the rules are those of files. Raises PersonaError for all that is wrong with it."""
    try:
        data = json.loads(bundle)
        if data["format"] != FORMAT:
            raise PersonaError("the bundle has another format", hint="use one version of llm-persona on both sides")
        documents, arguments = _read(data, limits, precompile)
        if not documents:
            raise PersonaError("the bundle holds no persona file", hint="publish it again")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        let_through(error)
        if isinstance(error, PersonaError):
            raise
        raise PersonaError("this is no bundle of personas", hint="publish it again") from None
    return registry_of(load_documents(documents, arguments), Generation)


def _read(data: Any, limits: Limits | None, precompile: bool) -> tuple[list[Document], Arguments]:
    documents = [parse_file(text.encode(), path, limits or DEFAULTS) for path, text in data["personas"].items()]
    folders = {folder: [_source(folder, *each) for each in found] for folder, found in data["templates"].items()}
    catalogues = {path: parse_catalogue(json.dumps(each), path) for path, each in data["tools"].items()}
    given = data["given"]
    tools = None if given["tools"] is None else parse_catalogue(json.dumps(given["tools"]), "tools.json")
    held = Held(folders, catalogues, on_disk=False)
    return documents, Arguments(
        tuple(given["templates"]), given["default_template"], tools, limits, precompile, held=held
    )


def _source(folder: str, name: str, text: str, problem: str | None, line: int | None) -> tuple[str, Source]:
    return name, Source(f"{folder}/{name}.j2", text, problem, line)
