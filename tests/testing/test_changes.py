from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import AssertionResult

from llm_persona import PersonaRegistry
from llm_persona.testing.cases import PromptCase, PromptMatrix
from llm_persona.testing.changes import mismatch

PERSONAS = """\
$templates: templates
Base:
  abstract: true
  company: Acme Corp
  template: support
  constraints: [Never promise delivery dates, Never swear]
Maya:
  parent: Base
  version: 1
  role: Support Specialist
  tone: warm
  capabilities: ["Refund up to {limit}", Look up orders]
  variables: {user: null, limit: $50}
Dora:
  parent: Base
  role: Guide
  template: default
"""
SUPPORT = (
    '{% extends "markdown.j2" %}\n{% block session %}\n## Customer\n\n- Name: {{ session.user }}\n{% endblock %}\n'
)
COMMAND = "pytest 'tests/test_prompts.py::test_prompt[Maya@1.support.free]' --snapshot-update"


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "templates").mkdir()
        self.personas, self.support, self.session = PERSONAS, SUPPORT, {"user": "Jo"}

    def case(self, key: str = "Maya") -> PromptCase:
        (self.folder / "personas.yaml").write_bytes(self.personas.encode())
        (self.folder / "templates" / "support.j2").write_bytes(self.support.encode())
        registry = PersonaRegistry.from_file("personas.yaml")
        cases = PromptMatrix(registry, {"free": self.session}, None).cases(self.folder, {})
        return next(case for case in cases if case.key == key)

    def report(self, old: str | None, case: PromptCase, **result: object) -> str:
        location = str(self.folder / "snapshots" / case.file)
        values: dict[str, object] = {
            "snapshot_location": location,
            "snapshot_name": "test_prompt",
            "asserted_data": str(case.render()).encode(),
            "recalled_data": None if old is None else old.encode(),
            "created": False,
            "updated": False,
            "success": False,
            "exception": None,
            "test_location": None,
        }
        return mismatch(case, AssertionResult(**{**values, **result}), COMMAND).report  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def changed(project: Project, persona: str, *edits: tuple[str, str], template: tuple[str, str] = ("", "")) -> str:
    """Return what is said of a persona's prompt after edits of the file and of the template."""
    old = str(project.case(persona).render())
    for before, after in edits:
        assert before in project.personas
        project.personas = project.personas.replace(before, after)
    assert template[0] in project.support
    project.support = project.support.replace(*template)
    return project.report(old, project.case(persona))


def test_a_prompt_that_changed_under_its_version_says_so_first(project: Project) -> None:
    """The version comes first, then the difference, then what made it, and the command last."""
    report = changed(project, "Maya", ("tone: warm", "tone: brisk"))
    assert report.startswith("Maya@1 changed under an unchanged version: ")
    assert re.search(r"\n--- snapshots/Maya@1\.support\.free\.md\n\+\+\+ Maya@1 .*\n@@ .*@@\n", report)
    assert "\n-warm\n+brisk\n" in report
    assert "\n- Maya@1.tone (personas.yaml:11), printed by llm_persona/markdown.j2:11 (line 7)\n" in report
    assert report.splitlines()[-1] == COMMAND


def test_a_prompt_without_a_version_is_told_without_one(project: Project) -> None:
    """No version is made up for a persona that has none."""
    report = changed(project, "Dora", ("role: Guide", "role: Scout"))
    assert report.startswith("Dora changed in 'default', session 'free'")
    assert "- Dora.role (personas.yaml:16), printed by llm_persona/base.j2:5 (line 1)" in report


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (("Never swear", "Never curse"), "Base.constraints[2] (personas.yaml:6)"),
        (("company: Acme Corp", "company: Acme Inc"), "Base.company (personas.yaml:4)"),
        (("limit: $50", "limit: $75"), "Maya@1.variables.limit (personas.yaml:13) in Maya@1.capabilities[1]"),
        (("Refund up to", "Pay back up to"), "Maya@1.capabilities[1] (personas.yaml:12)"),
        (("  tone: warm\n", ""), "tone (the default)"),
        (("role: Support Specialist", "role: Support Lead"), "Maya@1.role (personas.yaml:10)"),
        (("Look up orders]", "Look up orders, Open tickets]"), "Maya@1.capabilities[3] (personas.yaml:12)"),
        (("version: 1\n", "version: 1\n  display_name: May\n"), "Maya@1.display_name (personas.yaml:10)"),
    ],
)
def test_a_change_names_the_field_and_the_ancestor_that_made_it(
    project: Project, edit: tuple[str, str], cause: str
) -> None:
    """Whatever field was edited, in whichever ancestor, is named with its file and line."""
    assert f"\n- {cause}" in changed(project, "Maya", edit)


def test_a_change_names_the_template_line_that_made_it(project: Project) -> None:
    """A heading and a bullet of the template are its own lines, not the persona's."""
    report = changed(project, "Maya", template=("## Customer", "## Your customer"))
    assert "\n- the template's line templates/support.j2:3 (line " in report
    report = changed(project, "Maya", template=("- Name: ", "- Called: "))
    assert "\n- the template's line templates/support.j2:5 (line " in report


def test_a_change_of_the_tests_session_is_no_persona_change(project: Project) -> None:
    """The value that the test gives is named as such."""
    old = str(project.case().render())
    project.session = {"user": "Ana"}
    assert "\n- 'user' of the test's session 'free', printed by templates/support.j2:5" in project.report(
        old, project.case()
    )


def test_a_template_that_drops_the_constraints_is_told(project: Project) -> None:
    """What the persona says still and the template prints no more is named, line by line."""
    emptied = ("{% block session %}", "{% block constraints %}{% endblock %}\n{% block session %}")
    report = changed(project, "Maya", template=emptied)
    assert (
        "'- Never swear' is gone: Base.constraints[2] (personas.yaml:6) says it still, and the template 'support' does "
        "not print it"
    ) in report


def test_a_child_that_takes_away_what_it_inherits_is_told(project: Project) -> None:
    """A line that an ancestor has and the persona removes names both."""
    report = changed(project, "Maya", ("  tone: warm\n", "  tone: warm\n  constraints: {remove: [Never swear]}\n"))
    assert "'- Never swear' is gone: Base.constraints[2] (personas.yaml:6) says it, and Maya@1 takes it away" in report
    report = changed(project, "Maya", ("Look up orders]", "]"))
    assert "'- Look up orders' is gone: no field and no template says it any more" in report


def test_a_new_version_is_told_by_what_sets_it_apart(project: Project) -> None:
    """A version without a snapshot is compared with the one that has one, and with one that is gone from the file."""
    old = str(project.case().render())
    (project.folder / "snapshots").mkdir()
    (project.folder / "snapshots" / project.case().file).write_bytes(old.encode())
    project.personas += "Maya@2:\n  parent: Maya\n  tone: brisk\n"
    report = project.report(None, project.case("Maya@2"))
    assert report.startswith("Maya@2 in 'support', session 'free' has no snapshot yet")
    assert "This is what sets it apart from Maya@1:\n" in report
    assert "\n-warm\n+brisk\n" in report
    assert "\n- Maya@2.tone (personas.yaml:20)" in report
    project.personas = PERSONAS.replace("version: 1", "version: 3")
    report = project.report(None, project.case())
    assert "Maya@1 is not defined any more" in report


def test_a_first_snapshot_shows_the_prompt(project: Project) -> None:
    """A persona that has no snapshot at all is shown, and how to keep it."""
    report = project.report(None, project.case())
    assert "has no snapshot yet (snapshots/Maya@1.support.free.md):\n\n# Maya\n" in report
    assert report.endswith(f"\n\nTo accept it:\n{COMMAND}")


def test_what_cannot_be_seen_is_made_visible(project: Project) -> None:
    """Trailing spaces, carriage returns and invisible characters show in the difference."""
    report = changed(project, "Maya", ("tone: warm", 'tone: "warm \\u200b\\r\\nand calm  "'))
    assert "\n+warm \\u200b␍\n+and calm··\n" in report


def test_line_ends_that_git_changed_are_told_as_such(project: Project) -> None:
    """A checkout with CRLF is no change of the persona; the message says what to do."""
    case = project.case()
    report = project.report(str(case.render()).replace("\n", "\r\n"), case)
    assert "Only the ends of lines differ" in report
    assert "**/__snapshots__/** -text" in report


def test_a_huge_change_stays_readable(project: Project) -> None:
    """The difference of a text of thousands of lines is cut, and the command still comes last."""
    lines = "\n".join(f"    line {number}" for number in range(5_000))
    report = changed(project, "Maya", ("  tone: warm\n", f"  tone: |\n{lines}\n"))
    assert len(report.splitlines()) < 260
    assert "more lines" in report
    assert report.splitlines()[-1] == COMMAND


def test_what_is_no_prompt_is_refused(project: Project) -> None:
    """Comparing something else than a prompt says so, and nothing else."""
    error = TypeError("prompt_snapshot compares a prompt or its text, not list")
    assert project.report(None, project.case(), asserted_data=None, exception=error) == str(error)
