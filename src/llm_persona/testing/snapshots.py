"""Prompt snapshots on disk: one file of exact bytes for every prompt, kept and compared by syrupy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from syrupy.assertion import AssertionResult, DiffMode, SnapshotAssertion
from syrupy.data import Snapshot, SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension
from syrupy.location import PyTestLocation

from ..prompts.prompt import Prompt
from .cases import PromptCase
from .file_names import ENDING

if TYPE_CHECKING:
    from syrupy.types import SerializedData, SnapshotIndex

# Which files the tests of a module keep, by the module's path: filled while tests are collected.
Claims = dict[str, dict[str, PromptCase]]
CLAIMS = pytest.StashKey[Claims]()
_LEFT = pytest.StashKey[dict[str, list[str]]]()  # by their folder
MISMATCH = pytest.StashKey[AssertionResult | None]()


class PromptSnapshots(SingleFileSnapshotExtension):
    """Keeps `__snapshots__/<test module>/<persona>@<version>.<template>.<case>.md`."""

    file_extension = ENDING.removeprefix(".")

    def serialize(self, data: object, **_: object) -> SerializedData:
        if not isinstance(data, str | Prompt):
            raise TypeError(f"prompt_snapshot compares a prompt or its text, not {type(data).__name__}")
        return str(data).encode()

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        # As its parent has it; but syrupy asks five times for every test, and pathlib takes a fifth of the run for it.
        folder, module = os.path.split(test_location.filepath)
        return os.path.join(folder, cls.snapshot_dirname, os.path.splitext(module)[0])

    @classmethod
    def discovery_dirname(cls, *, test_location: PyTestLocation) -> str:
        return os.path.dirname(cls.dirname(test_location=test_location))

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        if index:
            pytest.fail("prompt_snapshot keeps one prompt a test; compare with it once", pytrace=False)
        return case_of(test_location.item).stem

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        # All tests of a module own its whole folder: what no case of any of them claims is unused. Syrupy asks this for
        # every file and test until one says yes, so a test that knew its own file only would make a run quadratic.
        return os.path.dirname(snapshot_location) == cls.dirname(test_location=test_location)

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """Return the files that no case claims, and no others.

        Every case of a module is known when it is collected, whichever of them are run. So a run of some tests can
        neither report nor remove what the others keep, and a run of all pays nothing for what is in use.
        """
        found = SnapshotCollections()
        if self.file_extension not in (ignore_extensions or ()):
            claims = test_location.item.config.stash.get(CLAIMS, {})
            for path in _unclaimed(Path(self.discovery_dirname(test_location=test_location)), claims):
                collection = SnapshotCollection(location=path)
                collection.add(Snapshot(name=Path(path).name.removesuffix(ENDING)))
                found.add(collection)
        return found


def _unclaimed(root: Path, claims: Claims) -> Iterator[str]:
    """Yield the snapshots in the folders of modules that pin prompts, and of modules that are gone."""
    if not root.is_dir():
        return
    for folder in sorted(entry.name for entry in os.scandir(root) if entry.is_dir()):
        module = str(root.parent / f"{folder}.py")
        claimed = claims.get(module)
        if claimed is None and os.path.exists(module):
            continue
        yield from _of_nobody(str(root / folder), claimed or {})


def _of_nobody(folder: str, claimed: Mapping[str, PromptCase]) -> list[str]:
    used = {case.file for case in claimed.values()}
    with os.scandir(folder) as entries:
        files = [entry.name for entry in entries if entry.name.endswith(ENDING) and entry.name not in used]
    return [os.path.join(folder, name) for name in sorted(files)]


def left_behind(item: pytest.Item) -> list[str]:
    """Return the files of prompts that no test of the item's module has any more."""
    folder = PromptSnapshots.dirname(test_location=PyTestLocation(item))
    known = item.config.stash.setdefault(_LEFT, {})
    if folder not in known:
        claimed = item.config.stash.get(CLAIMS, {}).get(str(item.path.absolute()), {})
        known[folder] = _of_nobody(folder, claimed) if os.path.isdir(folder) else []
    return known[folder]


class PromptSnapshot(SnapshotAssertion):
    """What a test compares its prompt with; keeps the last difference for the failure to tell of."""

    def __eq__(self, other: object) -> bool:
        equal = super().__eq__(other)
        self.test_location.item.stash[MISMATCH] = None if equal else self.executions[self.num_executions - 1]
        return bool(equal)

    def get_assert_diff(self, *, diff_mode: DiffMode = DiffMode.DETAILED) -> list[str]:
        # Syrupy's own is difflib.ndiff, cubic in the worst case, and pytest cuts it after eight lines.
        return []


def prompt_snapshot_of(request: pytest.FixtureRequest) -> PromptSnapshot:
    # Not `snapshot.use_extension`: it would register an Amber assertion for every test as well, which takes all prompts
    # for files of nobody and looks for their owners one by one.
    option = request.config.option
    return PromptSnapshot(
        session=request.config._syrupy,  # type: ignore[attr-defined]  # where syrupy's own fixture has it from
        extension_class=PromptSnapshots,
        test_location=PyTestLocation(request.node),
        update_snapshots=option.update_snapshots,
        update_new_snapshots_only=getattr(option, "update_new_snapshots_only", False),
    )


def case_of(item: Any) -> PromptCase:
    """Return the case that a test was made for."""
    case = getattr(getattr(item, "callspec", None), "params", {}).get("prompt")
    if not isinstance(case, PromptCase):
        pytest.fail("prompt_snapshot goes with @prompt_matrix, which names its files; decorate the test", pytrace=False)
    return case
