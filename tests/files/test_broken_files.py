"""Files that went wrong by accident: whatever is left of them is read or refused in words, by every door alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hits import share_of_hits
from hypothesis import given, settings
from mutations import broken_files, good_files

from llm_persona import PersonaFileError, PersonaRegistry, validate_file
from llm_persona.files.reading import parse


def refused(make: Callable[[], object]) -> tuple[str, ...]:
    """Return what is told where a registry is refused; () where it is not. Any other error is a defect."""
    try:
        make()
    except PersonaFileError as error:
        return tuple(str(problem) for problem in error.problems) or ("refused without a word",)
    return ()


def with_templates(folder: Path) -> Path:
    """Put the templates into a folder that the good files name."""
    for name in ("templates/acme", "a", "b"):
        (folder / name).mkdir(parents=True)
    (folder / "templates" / "acme" / "support.j2").write_text("{{ persona.name }}")
    return folder


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_a_broken_file_is_read_or_refused_by_every_door_alike(ending: str, tmp_path: Path) -> None:
    """Nothing but PersonaFileError comes out, `validate_file` tells what `from_file` raises, and `from_dict` takes or
    refuses the same data."""
    path = with_templates(tmp_path) / f"personas{ending}"

    with share_of_hits(0.1) as well, share_of_hits(0.6) as told, share_of_hits(0.3) as as_data:

        @settings(max_examples=300)
        @given(broken_files(ending))
        def holds(content: bytes) -> None:
            path.write_bytes(content)
            found = validate_file(path)
            errors = tuple(str(problem) for problem in found if problem.severity == "error")
            assert all("\n" not in str(problem) for problem in found)
            assert refused(lambda: PersonaRegistry.from_file(path)) == errors
            well.count(not errors)
            told.count(bool(errors))
            document = parse(content, path.name, kind="yaml" if ending == ".yaml" else "json")
            if as_data.count(not document.problems and "$templates" not in document.data):
                assert bool(refused(lambda: PersonaRegistry.from_dict(document.data))) is bool(errors)

        holds()


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_the_files_are_good_before_they_break(ending: str, tmp_path: Path) -> None:
    """So that what the tests here find is due to the accidents."""
    path = with_templates(tmp_path) / f"personas{ending}"
    for content in good_files(ending):
        path.write_bytes(content)
        assert refused(lambda: PersonaRegistry.from_file(path)) == ()
