"""The `$` keys of a file that decide its prompts, and the arguments that stand for them where a file has none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from ..arguments import is_path, items_of, path_of, text_of
from ..errors import InvalidValueError, PersonaFileError, Problem
from ..files.reading import NO_PATH, Document
from ..kinds import is_mapping, plain
from ..limits import DEFAULTS, Limits
from ..names import kind_of, nearest, shorten
from ..prompts.budget import Budget
from ..templating.folders import Sources, is_folder, plain_name
from ..templating.templates import Folder, Templates
from .binding import Bound, bundled
from .bindings import Bounds
from .tool_catalogue import Catalog, Catalogue, catalogue, read_catalogue

Folders = Folder | Iterable[Folder]
T = TypeVar("T")

MOST_NAMES = 1_000  # of a folder that are looked through for what may have been meant


class Held(NamedTuple):
    """What files name and what was read of it before; no other folder is there. `on_disk` is false where the files lie
    on none, and neither does what they name.
    """

    folders: Sources
    catalogues: Mapping[str, Catalogue]
    on_disk: bool = True


class Arguments(NamedTuple):
    """What a program passes for files that say nothing. None, or no folder, says nothing either."""

    templates: tuple[Folder, ...] = ()
    default_template: str | None = None
    tools: Catalogue | None = None
    limits: Limits | None = None
    precompile: bool = True  # keep what prompts are made of between calls
    held: Held | None = None  # what files name, where it was read before

    @classmethod
    def of(
        cls,
        templates: Folders | None,
        default_template: str | None,
        tools: Catalog | None,
        limits: Limits | None = None,
        precompile: bool = True,
    ) -> Arguments:
        """Raises InvalidValueError for an argument that cannot be one, and as `catalogue` does."""
        if limits is not None and type(limits) is not Limits:
            raise InvalidValueError(f"limits must be Limits, not {kind_of(limits)}", hint="pass Limits(nodes=...)")
        default = None if default_template is None else text_of(default_template, "default_template")
        described = None if tools is None else catalogue(tools, limits)
        return cls(_listed(templates), default, described, limits, precompile)

    def bound(self, budget: Budget) -> Bound:
        """Return what holds for personas that no file wrote. Raises TemplateError for a folder that is missing."""
        return _bound(self.templates, self.default_template, self.tools, None, self, budget)


def file_bounds(
    documents: Sequence[Document], arguments: Arguments
) -> tuple[Bounds, Mapping[str, Bound], list[Problem]]:
    """Return what holds for all documents, or, where they differ, for none, and that of each by its path.

    The problems are what is wrong with a document's keys: what they name is missing, or an argument says otherwise.
    """
    problems: list[Problem] = []
    budget = Budget()
    made: list[Bound] = []
    own: dict[str, Bound] = {}
    for document in documents:
        keys = _FileKeys(document, arguments, problems)
        parts = keys.folders(), keys.default(), keys.tools()
        alike = next((bound for bound in made if _alike(bound, *parts)), None)
        if alike is None:
            made.append(alike := _bound(*parts, document, arguments, budget))
        own[document.path] = alike
    if len(made) == 1:
        return Bounds(made[0]), {}, problems
    return Bounds(arguments.bound(budget)), own, problems


def _bound(
    folders: Iterable[Folder],
    default: str | None,
    tools: Catalogue | None,
    document: Document | None,
    arguments: Arguments,
    budget: Budget,
) -> Bound:
    chosen = tuple(dict.fromkeys(folders))
    default = plain_name(default or "default")
    limits, held = arguments.limits or DEFAULTS, arguments.held
    usual = not chosen and default == "default" and limits.of_templates() == DEFAULTS.of_templates()
    templates = bundled().templates if usual else Templates(chosen, default, limits, held and held.folders)
    path = None if document is None or document.path == NO_PATH else document.path
    tools_path = None if tools is None else tools.path
    relative = any(not os.path.isabs(each) for each in (*templates.folders, tools_path) if each is not None)
    return Bound(
        templates,
        None if tools is None else tools.descriptions,
        arguments.precompile,
        budget,
        path=path,
        tools_path=tools_path,
        definitions=None if tools is None or tools.path is None else tools.definitions,
        start=os.getcwd() if relative else "",
    )


def _alike(bound: Bound, folders: Iterable[Folder], default: str | None, tools: Catalogue | None) -> bool:
    """Tell whether a file with these keys says what another one does."""
    mine = bound.templates.default, bound.tools, bound.definitions
    its = (None, None) if tools is None else (tools.descriptions, None if tools.path is None else tools.definitions)
    return (_real(bound.templates.folders), *mine) == (_real(folders), plain_name(default or "default"), *its)


class _FileKeys:
    """Reads the keys of one document, and notes what is wrong with them."""

    def __init__(self, document: Document, arguments: Arguments, problems: list[Problem]) -> None:
        self._document = document
        self._arguments = arguments
        self._problems = problems

    def folders(self) -> tuple[str, ...]:
        named = self._document.data.get("$templates")
        names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
        found = [
            path
            for index, name in enumerate(names)
            if isinstance(name, str) and (path := self._folder(name, () if named == name else (index,)))
        ]
        given = tuple(os.fspath(folder) for folder in self._arguments.templates)
        if names and given and len(found) == len(names) and _real(found) != _real(given):
            self._disagrees("$templates", ", ".join(map(repr, names)), "templates", ", ".join(map(repr, given)))
        return tuple(found) if names else given

    def _folder(self, name: str, index: tuple[int, ...]) -> str | None:
        start = self._document.folder
        path = os.path.join(start, name)
        held = self._arguments.held
        if is_folder(path) if held is None else path in held.folders:
            return path
        what = "is not a folder" if held is None and os.path.exists(path) else "is missing"
        near = _near(name, start, folders=True) if held is None else None
        hint = near or ("it is looked for beside the file" if start or self._document.path != NO_PATH else None)
        self._note(f"template folder {shorten(name)!r} {what}", hint, "$templates", *index)
        return None

    def default(self) -> str | None:
        given, named = self._arguments.default_template, self._document.data.get("$default_template")
        if not isinstance(named, str) or not named.strip():
            return given
        if given is not None and plain_name(given) != plain_name(named):
            self._disagrees("$default_template", repr(shorten(named)), "default_template", repr(shorten(given)))
        return named

    def tools(self) -> Catalogue | None:
        given, named = self._arguments.tools, self._document.data.get("$tools")
        if not isinstance(named, str) or not named.strip():
            return given
        found = self._catalogue(named)
        if given is not None and found is not None and found.descriptions != given.descriptions:
            other = next(iter(_differing(found.descriptions, given.descriptions)))
            theirs = f"{'' if given.path is None else f'{given.path!r}, '}another {shorten(other)!r}"
            self._disagrees("$tools", repr(shorten(named)), "tools", theirs)
        return found

    def _catalogue(self, name: str) -> Catalogue | None:
        document, held = self._document, self._arguments.held
        path = os.path.join(document.folder, name)
        if held is not None and path in held.catalogues:
            return held.catalogues[path]
        if held is not None and not held.on_disk:
            self._note(f"tool catalogue {shorten(name)!r} is missing", None, "$tools")
            return None
        if document.path != NO_PATH and not lies_in(path, document.folder):
            hint = "keep it beside the file, or below"
            self._note(f"tool catalogue {shorten(name)!r} lies outside of the file's folder", hint, "$tools")
            return None
        try:
            return read_catalogue(path, self._arguments.limits)
        except PersonaFileError as error:
            for problem in error.problems:
                if os.path.isfile(path):
                    self._problems.append(problem)
                else:
                    near = _near(name, document.folder)
                    self._note(f"tool catalogue {shorten(name)!r}: {problem.message}", near or problem.hint, "$tools")
            return None

    def _disagrees(self, key: str, written: str, argument: str, passed: str) -> None:
        self._note(
            f"says {written}, and the argument {argument} says {passed}", "leave the argument out, or the key", key
        )

    def _note(self, message: str, hint: str | None, key: str, *path: int) -> None:
        location = self._document.location((key, *path))._replace(field=key)
        self._problems.append(location.problem(message, hint))


def _listed(folders: object) -> tuple[str, ...]:
    folders = plain(folders)
    if folders is None:
        return ()
    if is_mapping(folders):
        raise InvalidValueError(
            "templates must be the path of a folder, or a list of paths, not a mapping", hint=FROM_DICT
        )
    listed = (
        [folders] if is_path(folders) else items_of(folders, "templates", "the path of a folder, or a list of paths")
    )
    return tuple([path_of(folder, "the path of a template folder") for folder in listed])


FROM_DICT = "for a registry of data: PersonaRegistry.from_dict(data)"


def _near(name: str, folder: str, *, folders: bool = False) -> str | None:
    """Return the hint for what may have been meant by the path of a file or folder that is not there; None for nothing."""
    parent, last = os.path.split(name)
    try:
        with os.scandir(os.path.join(folder, parent) or os.curdir) as entries:
            known = [each.name for each in islice(entries, MOST_NAMES) if each.is_dir() is folders]
    except (OSError, ValueError):
        return None
    near = nearest(last, sorted(known))
    return None if near is None else f"did you mean {os.path.join(parent, near)!r}?"


def _real(folders: Iterable[Folder]) -> list[str]:
    return [os.path.realpath(os.fspath(folder)) for folder in folders]


def lies_in(path: str, folder: str) -> bool:
    """Tell whether a path leads into a folder or what is below it, links resolved."""
    root = os.path.realpath(folder or os.curdir)
    try:
        return os.path.commonpath((root, os.path.realpath(path))) == root
    except ValueError:  # another drive, or a name that no file can have
        return False


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """Yield the names that two catalogues do not describe alike."""
    return (name for name in (*one, *other) if one.get(name) != other.get(name))
