"""A set of persona files as it stood at one moment: with its templates and tools, whole or not at all."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import PersonaError, PersonaFileError, TemplateError, let_through, path_text
from ..files.named import beside, may_be_one
from ..files.reading import Document, parse_file, reached
from ..limits import DEFAULTS, Limits
from ..persona.file_keys import Arguments, Held, lies_in
from ..persona.loading import load_documents
from ..persona.tool_catalogue import Catalogue, read_catalogue
from ..registry.registry import PersonaRegistry, registry_of
from ..templating.folders import Source, read_folder, template_files
from .generations import Generation
from .links import Links

TRIES = 50  # to read a set that nobody changes meanwhile

Identity = tuple[int, int, int, int, int]  # device, inode, bytes, written at and changed at in nanoseconds


class Named(NamedTuple):
    """What files and arguments name beside them, each as the name leads to it."""

    folders: tuple[str, ...] = ()
    catalogues: tuple[str, ...] = ()


class Standing(NamedTuple):
    """A file without links, and what the system says of it; None where there is none."""

    real: str
    identity: Identity | None


class Observed(NamedTuple):
    """What lies at each path at one moment, and where the folders of templates are."""

    files: Mapping[str, Standing]
    roots: Mapping[str, str]
    missing: frozenset[str] = frozenset()  # of those folders


class FileSet(NamedTuple):
    """What was read: documents, and what they name."""

    documents: tuple[Document, ...]
    held: Held
    catalogue: Catalogue | None  # that of the arguments
    contents: Mapping[str, bytes]  # of the persona files


class LocalFiles:
    """Persona files by path, folder or pattern, with what a registry of them is given."""

    def __init__(self, paths: Sequence[str], arguments: Arguments, tools: str | None = None) -> None:
        """`tools` is the path of the arguments' catalogue, where that is a file."""
        self._paths = paths
        self.arguments = arguments
        self._templates = tuple(os.fspath(folder) for folder in arguments.templates)
        self._tools = tools
        self._limits = arguments.limits
        self._named = Named(self._templates, () if tools is None else (tools,))

    def look(self) -> Observed:
        """Return what is there now."""
        links = Links()
        roots = {folder: _real(links, folder) for folder in self._named.folders}
        files = {path: _standing(_real(links, path)) for path in (*self._candidates(), *self._named.catalogues)}
        for folder, root in roots.items():
            files |= {f"{folder}/{name}.j2": _standing(path) for path, name in _templates(root)}
        return Observed(files, roots, frozenset(each for each, root in roots.items() if not os.path.isdir(root)))

    def folders(self, seen: Observed) -> set[str]:
        """Return the folders in which something happens when one of the files changes."""
        ways = (*seen.files, *(standing.real for standing in seen.files.values()))
        named = {os.path.dirname(os.path.abspath(path)) for path in ways}
        around = {each for root in (*self._named.folders, *seen.roots.values()) for each in (os.path.abspath(root),)}
        own = {os.path.abspath(path) for path in self._paths}
        return {each for each in named | around | own | set(map(os.path.dirname, around)) if os.path.isdir(each)}

    def read(self) -> tuple[FileSet, Observed] | None:
        """Return the set as it stood at one moment; None where it changes faster than it can be read.

        Raises PersonaError where files are named that are not there.
        """
        for _ in range(TRIES):
            seen = self.look()
            found = self._read(seen)
            named = self._names(found.documents)
            if named == self._named and self._is_as(seen):
                return found, seen
            self._named = named
        return None

    def registry(self, found: FileSet) -> PersonaRegistry:
        """Return the registry of a set. Raises PersonaError for all that is wrong with it."""
        tools = self.arguments.tools if self._tools is None else found.catalogue
        arguments = self.arguments._replace(tools=tools, held=found.held)
        return registry_of(load_documents(found.documents, arguments), Generation)

    def _candidates(self) -> Iterator[str]:
        for path in self._paths:
            if os.path.isdir(path):
                yield from (os.path.join(path, name) for name in _listed(path) if may_be_one(name))
            elif glob.has_magic(path) and not os.path.lexists(path):
                yield from sorted(glob.glob(path, recursive=True))
            else:
                yield path

    def _read(self, seen: Observed) -> FileSet:
        limits = self._limits or DEFAULTS
        folders = {folder: _sources(folder, root, limits) for folder, root in seen.roots.items()}
        for folder in self._templates:
            if folders[folder] is None:  # no file says where it is: who loads it would look for what is not there
                folders[folder] = tuple(read_folder(Path(seen.roots[folder]), folder, limits))
        catalogues = dict(self._catalogues(seen))
        paths = list(dict.fromkeys(self._candidates()))
        contents = {path: reached(path, limits, seen.files[path].real) for path in paths if path in seen.files}
        documents = {path: parse_file(content, path, limits) for path, content in contents.items()}
        others = {os.path.normpath(each) for document in documents.values() for each in beside(document)}
        chosen = [path for path in documents if path in self._paths or os.path.normpath(path) not in others]
        if not chosen:
            raise PersonaError(
                f"no persona file is in {', '.join(self._paths)}", hint="they end in .yaml, .yml or .json"
            )
        held = Held({folder: found for folder, found in folders.items() if found is not None}, catalogues)
        own = None if self._tools is None else catalogues.get(self._tools)
        texts = {path: content for path in chosen if isinstance(content := contents[path], bytes)}
        return FileSet(tuple(documents[path] for path in chosen), held, own, texts)

    def _catalogues(self, seen: Observed) -> Iterator[tuple[str, Catalogue]]:
        for path in self._named.catalogues:
            try:
                yield path, read_catalogue(path, self._limits, seen.files[path].real)
            except PersonaFileError:
                if path == self._tools:
                    raise
                # What the file says of it is found again, and told at its place there.

    def _names(self, documents: Iterable[Document]) -> Named:
        folders, catalogues = dict.fromkeys(self._templates), dict.fromkeys([self._tools] if self._tools else [])
        for document in documents:
            folders |= dict.fromkeys(_paths(document, "$templates"))
            inside = (path for path in _paths(document, "$tools") if lies_in(path, document.folder))
            catalogues |= dict.fromkeys(inside)
        return Named(tuple(folders), tuple(catalogues))

    def _is_as(self, seen: Observed) -> bool:
        """Tell whether all that was read is still what it was, where it was."""
        same = all(_standing(each.real).identity == each.identity for each in seen.files.values())
        return same and all(
            {f"{folder}/{name}.j2" for _, name in _templates(root)} <= seen.files.keys()
            for folder, root in seen.roots.items()
        )


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        message = f"the folder {path_text(folder)} cannot be read: {(error.strerror or str(error)).lower()}"
        raise PersonaError(message, hint="check its permissions") from None


def _real(links: Links, path: str) -> str:
    try:
        return links.real(path)
    except OSError as error:
        let_through(error)
        return path


def _standing(path: str | Path) -> Standing:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        let_through(error)
        return Standing(str(path), None)
    changed = status.st_mtime_ns, status.st_ctime_ns
    return Standing(str(path), (status.st_dev, status.st_ino, status.st_size, *changed))


def _templates(root: str) -> list[tuple[Path, str]]:
    try:
        return list(template_files(Path(root)))
    except TemplateError:  # it is missing, or may not be read: who loads it says so
        return []


def _sources(folder: str, root: str, limits: Limits) -> tuple[tuple[str, Source], ...] | None:
    try:
        return tuple(read_folder(Path(root), folder, limits))
    except TemplateError:
        return None
    except OSError as error:  # it went away meanwhile
        let_through(error)
        return None


def _paths(document: Document, key: str) -> Iterator[str]:
    named = document.data.get(key)
    for name in named if isinstance(named, list) else [named]:
        if isinstance(name, str) and name.strip():
            yield os.path.join(document.folder, name)
