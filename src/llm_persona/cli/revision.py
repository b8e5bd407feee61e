"""The files of a git reference: git itself is asked for them, and they are written into a folder as they stood there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ..errors import PersonaError, PersonaFileError, Problem
from ..files.reading import ENDINGS, read
from ..names import did_you_mean, shorten
from ..registry.comparison import PersonaChange, RegistryChange
from ..registry.registry import PersonaRegistry
from ..templating.folders import ENDING
from .options import PersonaFiles
from .problems import Lines, print_problems

LINK, SUBMODULE = "120000", "160000"  # what git calls them
MOST_LINKS = 40  # that lead to one another
# Hooks of git set these for the repository that they run in: each file here is asked for in its own.
_SET_BY_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class Repository:
    """The repository that a folder lies in. Raises PersonaError where there is no git, or no repository."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.root = self._found()

    def _found(self) -> str:
        done = self._ran("rev-parse", "--show-toplevel")
        said = done.stderr.decode(errors="replace")
        if done.returncode == 0:
            return os.path.realpath(os.fsdecode(done.stdout).removesuffix("\n"))
        where = f"the folder {os.path.abspath(self._folder)!r}"
        if "dubious ownership" in said:
            hint = f"git config --global --add safe.directory {os.path.abspath(self._folder)}"
            raise PersonaError(f"git does not read {where}, which another user owns", hint=hint)
        if "not a git repository" in said or "must be run in a work tree" in said:
            raise PersonaError(f"{where} is in no git repository", hint="compare two files: diff A B")
        raise _refused(said)

    def commit(self, reference: str) -> str:
        """Return the commit that a reference means. Raises PersonaError, with what to do, where there is none."""
        if reference and not reference.startswith("-"):
            done = self._ran("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.decode().strip()
        raise PersonaError(f"there is no {shorten(reference)!r} in this git repository", hint=self._meant(reference))

    def _meant(self, reference: str) -> str:
        if self._told("rev-parse", "--is-shallow-repository").strip() == "true":
            return (
                "the clone is shallow: fetch all of it (fetch-depth: 0 of actions/checkout, or git fetch --unshallow)"
            )
        known = self._told("for-each-ref", "--format=%(refname:short)").split()
        return did_you_mean(reference, known) or "name a branch, a tag or a commit that git fetch has brought"

    def entries(self, commit: str) -> dict[str, str]:
        """Return the path of every file of a commit, links and submodules too, with its mode."""
        listed = self._read("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        parts = (os.fsdecode(entry).split("\t", 1) for entry in listed if entry)
        return {path: about.split(" ", 1)[0] for about, path in parts}

    def object(self, commit: str, path: str) -> str:
        """Return the name of what stands under a path of a commit: of a submodule, its commit."""
        return self._told("rev-parse", f"{commit}:{path}").strip()

    def is_at(self, commit: str) -> bool:
        """Tell whether that commit is checked out, and no file differs from it."""
        return self._told("rev-parse", "HEAD").strip() == commit and not self._read("status", "--porcelain")

    def last_change(self, path: str) -> tuple[str, str, bool]:
        """Return the commit that changed a file last and its date, both short, and whether the file differs from it now.

        Before a first commit of it both are empty.
        """
        whole = os.path.abspath(path)
        commit, _, date = self._told("log", "-1", "--format=%h %cs", "--", whole).strip().partition(" ")
        return commit, date, bool(self._read("status", "--porcelain", "--", whole))

    def content(self, commit: str, path: str) -> bytes:
        """Return a file as a checkout of that commit would have it."""
        return self._read("cat-file", "--filters", f"{commit}:{path}")

    def _told(self, *arguments: str) -> str:
        return self._read(*arguments).decode(errors="replace")

    def _read(self, *arguments: str) -> bytes:
        done = self._ran(*arguments)
        if done.returncode:
            raise _refused(done.stderr.decode(errors="replace"))
        return done.stdout

    def _ran(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = {name: value for name, value in os.environ.items() if name not in _SET_BY_HOOKS}
        environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self._folder or ".",
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise PersonaError("there is no git here", hint="install it, or compare two files: diff A B") from None


def _refused(said: str) -> PersonaError:
    last = (said.strip().splitlines() or ["it says nothing"])[-1].removeprefix("fatal: ").removeprefix("error: ")
    return PersonaError(f"git cannot read that: {last}")


class Revision:
    """A commit, with those of its files that are asked for in a folder of its own, until it is closed.

    There each file stands under its full path, so that the relative names in it lead where they led; what lies outside
    of the repository is as it is now, and `outside` names it.
    """

    def __init__(self, reference: str, near: str) -> None:
        """Find the reference in the repository that the folder `near` lies in. Raises PersonaError."""
        self._repository = Repository(near)
        self._reference = reference
        self._commit = self._repository.commit(reference)
        self._entries = self._repository.entries(self._commit)
        self._kept = TemporaryDirectory(prefix="llm-persona-")
        self._folder = os.path.realpath(self._kept.name)
        self._root = self._folder + os.path.splitdrive(self._repository.root)[1]
        self._taken: set[str] = set()
        self.outside: dict[str, None] = {}

    def close(self) -> None:
        self._kept.cleanup()

    def registry(self, files: PersonaFiles) -> PersonaRegistry:
        """Return the registry that the files were; an empty one where none of them was there.

        A file that is refused ends the command, as one of now does. Raises PersonaError.
        """
        try:
            return self._read(files)
        except PersonaFileError as error:
            print_problems(map(self._named_problem, error.problems), _Lines(self), err=True)
            raise click.exceptions.Exit(1) from None
        except PersonaError as error:
            raise PersonaError(self._named(str(error))) from None

    def _read(self, files: PersonaFiles) -> PersonaRegistry:
        paths = [self._file(path) for path in files.chosen()]
        there = tuple(path for path in paths if path is not None)
        if not there:
            return PersonaRegistry()
        folders = tuple(folder for each in files.templates if (folder := self._argument(each)) is not None)
        tools = None if files.tools is None else self._argument(files.tools)
        return replace(files, paths=there, templates=folders, tools=tools).read()

    def gone_beside(self, paths: Sequence[str]) -> Iterator[str]:
        """Yield the files with the ending of a persona file that lay in the folders of these, and are gone now."""
        for folder in dict.fromkeys(map(os.path.dirname, paths)):
            beside = os.path.dirname(self._within(os.path.join(folder, "x")) or "x")
            for entry in self._entries:
                path = os.path.join(folder, os.path.basename(entry))
                if os.path.dirname(entry) == beside and entry.lower().endswith(ENDINGS) and not os.path.lexists(path):
                    yield path

    def persona_file(self, path: str, files: PersonaFiles) -> PersonaRegistry | None:
        """Return the registry that a file was, alone or with the others; None where it was no persona file."""
        for paths in ((path,), (*files.chosen(), path)):
            try:
                return self._read(replace(files, paths=paths))
            except PersonaError:
                continue
        return None

    def holds(self, path: str) -> bool:
        """Whether a persona file was there. Raises PersonaError for one outside of the repository."""
        within = self._within(path)
        if within is None:
            hint = "--against compares files that git keeps"
            raise PersonaError(f"{path} lies outside of the git repository {self._repository.root!r}", hint=hint)
        return within in self._entries

    def named(self, change: RegistryChange) -> RegistryChange:
        """Return the change with the files of then called by the reference: `origin/main:personas.yaml`."""

        def each(persona: PersonaChange) -> PersonaChange:
            return replace(persona, why_not=persona.why_not and self._named(persona.why_not))

        return replace(change, changed=tuple(map(each, change.changed)), thawed=tuple(map(each, change.thawed)))

    def _named_problem(self, problem: Problem) -> Problem:
        path, hint = problem.path and self._named(problem.path), problem.hint and self._named(problem.hint)
        return replace(problem, path=path, message=self._named(problem.message), hint=hint)

    def _named(self, text: str) -> str:
        return text.replace(f"{self._root}{os.sep}", f"{self._reference}:").replace(self._folder, "")

    def place(self, shown: str) -> str:
        """Return where a file stands that `named` calls by the reference."""
        prefix = f"{self._reference}:"
        within = shown.removeprefix(prefix)
        return self._at(within) if shown.startswith(prefix) else shown

    def _at(self, within: str) -> str:
        return os.path.join(self._root, within)

    def _within(self, path: str) -> str | None:
        """Return a path within the repository, with `/`; None for one outside."""
        lexical = os.path.abspath(path)
        resolved = os.path.join(os.path.realpath(os.path.dirname(lexical)), os.path.basename(lexical))
        for each in (lexical, resolved):
            within = os.path.relpath(each, self._repository.root)
            if within != os.pardir and not within.startswith(os.pardir + os.sep):
                return within.replace(os.sep, "/")
        return None

    def _file(self, path: str) -> str | None:
        """Write a persona file, with the templates and tools that it names, and return where it stands."""
        if not self.holds(path):
            return None
        within = self._within(path) or ""
        self._take(within)
        data = read(self._at(within)).data
        for key in ("$templates", "$tools"):
            named = data.get(key)
            for name in named if isinstance(named, list) else [named]:
                if isinstance(name, str) and os.path.isabs(name):
                    self.outside[name] = None
                elif isinstance(name, str):
                    self._take_named(os.path.join(self._repository.root, os.path.dirname(within), name))
        return self._at(within)

    def _argument(self, path: str) -> str | None:
        """Write what the command line names beside the files, and return where it stands: None where it was not there."""
        within = self._within(path)
        if within is None:
            self.outside[path] = None
            return path
        self._take(within)
        return self._at(within) if os.path.exists(self._at(within)) else None

    def _take_named(self, path: str, links: int = 0) -> None:
        within = self._within(path)
        submodule = next((part for part in _ways(within or "") if self._entries.get(part) == SUBMODULE), None)
        if within is not None and submodule is None:
            self._take(within, links)
            return
        if submodule is None or not self._is_as_it_was(submodule):
            self.outside[os.path.normpath(path)] = None
        beside = Path(self._folder + os.path.splitdrive(os.path.normpath(path))[1])
        if not os.path.lexists(beside):
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.symlink_to(path)

    def _is_as_it_was(self, submodule: str) -> bool:
        """Tell whether a submodule is checked out at the commit that the reference has of it, with nothing changed."""
        at = os.path.join(self._repository.root, submodule)
        if not os.path.isdir(at):
            return False
        inner = Repository(at)
        return inner.root == os.path.realpath(at) and inner.is_at(self._repository.object(self._commit, submodule))

    def _take(self, within: str, links: int = 0) -> None:
        """Write a file, or the templates of a folder, and what links on the way lead to."""
        if within in self._taken or links > MOST_LINKS:
            return
        self._taken.add(within)
        for way in _ways(within):
            if self._entries.get(way) == LINK:
                self._link(way, within[len(way) :], links + 1)
                return
        if within in self._entries:
            self._write(within)
            return
        prefix = "" if within == "." else f"{within}/"
        below = [path for path in self._entries if path.startswith(prefix)]
        if below:
            os.makedirs(self._at(within), exist_ok=True)
        for path in below:
            if path.endswith(ENDING) or self._entries[path] == LINK:
                self._take(path, links)

    def _link(self, way: str, rest: str, links: int) -> None:
        target = os.fsdecode(self._repository.content(self._commit, way))
        at = Path(self._at(way))
        if not os.path.lexists(at):
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(target)
        self._take_named(os.path.join(self._repository.root, os.path.dirname(way), target + rest), links)

    def _write(self, within: str) -> None:
        at = Path(self._at(within))
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(self._repository.content(self._commit, within))


def _ways(within: str) -> Iterator[str]:
    """Yield a path's folders, the outermost first, and itself."""
    parts: Sequence[str] = within.split("/")
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])


class _Lines(Lines):
    """The lines of files of a reference."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self._revision = revision

    def of(self, problem: Problem) -> str | None:
        return super().of(replace(problem, path=self._revision.place(problem.path or "")) if problem.path else problem)
