"""The comparison of two commits sees what differs, and takes nothing that differs for the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from same_prompts import REPOSITORY, compared, rendered_file

ACME = REPOSITORY / "examples" / "acme"


def test_nothing_differs_from_itself() -> None:
    """Each persona and version is rendered in five templates for three sessions, and all of it is the same."""
    then = {"acme": rendered_file(str(ACME / "personas.yaml"), None)}
    figures = compared(then, then, {})
    assert figures.differences == []
    assert (figures.files, figures.prompts) == (1, 5 * 5 * 3)
    assert figures.greetings > 0
    assert all("text" in one for one in then["acme"].values())


@pytest.mark.parametrize(
    ("file", "old", "new", "parts"),
    [
        ("templates/support.j2", "- Plan:", "- Plan :", {"rest", "text"}),
        ("personas.yaml", "from {company} support", "of {company} support", {"greeting"}),
        ("personas.yaml", "role: Customer Support Specialist", "role: Support", {"stable", "text"}),
        (
            "templates/support.j2",
            "{% block session %}",
            "{% block session %}{{ session.user_name[:0] }}",
            {"rest", "stable"},
        ),
    ],
)
def test_what_differs_is_told(tmp_path: Path, file: str, old: str, new: str, parts: set[str]) -> None:
    """One byte of a template, a greeting or a field is found, at its part; one that only looks at the session earlier too."""
    shutil.copytree(ACME, tmp_path / "acme")
    edited = tmp_path / "acme" / file
    assert old in edited.read_text("utf-8")
    edited.write_text(edited.read_text("utf-8").replace(old, new), "utf-8")
    sides = [{"acme": rendered_file(str(root / "personas.yaml"), None)} for root in (ACME, tmp_path / "acme")]
    told = compared(*sides, {}).differences
    assert {each.splitlines()[0].rpartition(": ")[2] for each in told} == parts


def test_a_file_that_only_one_side_reads() -> None:
    """The older side's own file takes the place of one that it cannot read; a file that is refused now differs."""
    read = {"Maya own required": {"text": "a"}}
    refused = {"refused": "unknown key"}
    assert compared({"f": refused}, {"f": read}, {"f": read}).prompts == 1
    assert compared({"f": refused}, {"f": read}, {}).prompts == 0
    other = {"Maya own required": {"text": "b"}}
    assert len(compared({"f": refused}, {"f": read}, {"f": other}).differences) == 1
    assert compared({"f": read}, {"f": refused}, {}).differences == ["f: refused now: unknown key"]
    assert len(compared({"f": read}, {"f": {}}, {}).differences) == 1
    assert compared({"f": refused}, {"f": refused}, {}) == (0, 1, 0, 0, [])
