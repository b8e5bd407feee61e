from __future__ import annotations

from pathlib import Path

import pytest

from llm_persona import PersonaFileError, PersonaRegistry, Problem, TemplateError, validate_file

PERSONAS = sorted(
    path for path in (Path(__file__).parents[1] / "personas").rglob("*.*") if path.suffix in (".yaml", ".json")
)


def warnings(tmp_path: Path, text: str, **templates: str) -> list[Problem]:
    """Return what is warned of in a file, whose templates are given by name."""
    path = tmp_path / "personas.yaml"
    path.write_text(text, encoding="utf-8")
    for name, source in templates.items():
        (tmp_path / f"{name}.j2").write_text(source, encoding="utf-8")
    problems = validate_file(path, templates=tmp_path)
    assert {problem.severity for problem in problems} <= {"warning"}, problems
    return problems


def fields(problems: list[Problem]) -> list[tuple[int | None, str | None, str | None]]:
    return [(problem.line, problem.persona, problem.field) for problem in problems]


@pytest.mark.parametrize("path", PERSONAS, ids=lambda path: path.name)
def test_validating_finds_the_errors_that_loading_raises(path: Path) -> None:
    """`validate_file` returns the very errors that `from_file` raises, and none where it raises nothing."""
    errors = [problem for problem in validate_file(path) if problem.severity == "error"]
    assert errors == _raised(path)


def _raised(path: Path) -> list[Problem]:
    try:
        PersonaRegistry.from_file(path)
    except PersonaFileError as error:
        return [problem for problem in error.problems if problem.severity == "error"]
    return []


def test_files_are_validated_as_one_registry(tmp_path: Path) -> None:
    """A parent may stand in another of the files; alone, the child's file is wrong."""
    (tmp_path / "base.yaml").write_text("Base: {role: Writer, abstract: true}")
    (tmp_path / "child.yaml").write_text("Child: {parent: Base}")
    assert validate_file(tmp_path / "child.yaml", tmp_path / "base.yaml") == []
    assert [problem.field for problem in validate_file(tmp_path / "child.yaml")] == ["parent"]


def test_missing_template_folder_is_raised(tmp_path: Path) -> None:
    """A folder that the caller names and that is missing is the caller's mistake, and no problem of the file."""
    (tmp_path / "a.yaml").write_text("A: {role: Writer}")
    with pytest.raises(TemplateError, match="missing"):
        validate_file(tmp_path / "a.yaml", templates=tmp_path / "nowhere")


def test_variant_named_by_its_key_is_warned_of(tmp_path: Path) -> None:
    """The child of a served persona that says nothing of its name would call itself by its key."""
    (warning,) = warnings(tmp_path, "Maya:\n  role: Writer\nMayaPremium:\n  parent: Maya\n")
    assert (warning.line, warning.column, warning.persona, warning.field) == (4, 11, "MayaPremium", "parent")
    assert 'will introduce itself as "MayaPremium", and its parent as "Maya"' in warning.message
    assert warning.hint == 'add display_name: "Maya", or its own name if that is meant'


@pytest.mark.parametrize(
    "text",
    [
        "Base: {role: x, abstract: true}\nMaya: {parent: Base}",
        "Maya: {role: x, version: 1}\nMaya@2: {parent: Maya}",
        "Maya: {role: x, version: 1}\nMaya@2: {parent: Maya@1}",
        "Maya: {role: x}\nMayaPremium: {parent: Maya, display_name: Maya}",
        "Maya: {role: x, display_name: May}\nMayaPremium: {parent: Maya}",
        "Maya: {role: x}\nSpecial: {parent: Maya, display_name: null}",
        "Maya: {role: x}\nPremiumBase: {parent: Maya, abstract: true}",
    ],
)
def test_name_that_somebody_has_thought_of_is_left_in_peace(tmp_path: Path, text: str) -> None:
    """No warning for children of abstract personas, for versions, or where a display_name, null included, was written."""
    assert warnings(tmp_path, text) == []


def test_unused_variable_is_warned_of_where_it_is_declared(tmp_path: Path) -> None:
    """A declared variable that neither a text nor the template names is reported at its declaration."""
    text = "Maya:\n  role: Writer\n  greeting: Hi {user}\n  variables:\n    user: null\n    spare: x\n    plan: free\n"
    found = warnings(tmp_path, f"{text}  template: own\n", own='{% extends "default.j2" %}{% block session %}{{ session.plan }}{% endblock %}')  # fmt: skip
    assert fields(found) == [(6, "Maya", "variables.spare")]


def test_variable_that_one_child_uses_is_used(tmp_path: Path) -> None:
    """A base declares for all its children: one of them that uses the variable is enough, and none is reported once."""
    base = "Base:\n  role: x\n  abstract: true\n  variables: {user: null, spare: x}\n"
    children = "A: {parent: Base, greeting: 'Hi {user}'}\nB: {parent: Base}\nC: {parent: Base}\n"
    assert fields(warnings(tmp_path, base + children)) == [(4, "Base", "variables.spare")]


def test_variable_of_a_template_that_asks_for_any_is_used(tmp_path: Path) -> None:
    """Where a template works out names while it renders, nothing can be said of any variable."""
    text = "Maya: {role: Writer, variables: {a: x, b: y}, template: own}"
    own = '{% extends "default.j2" %}{% block session %}{% for n in ["a", "b"] %}{{ session[n] }}{% endfor %}{% endblock %}'
    assert warnings(tmp_path, text, own=own) == []


def test_variables_of_abstract_personas_alone_are_left_in_peace(tmp_path: Path) -> None:
    """A base without children may declare what those to come will use."""
    assert warnings(tmp_path, "Base: {role: x, abstract: true, variables: {user: null}}") == []


def test_suspicions_and_oversights_stand_in_file_order(tmp_path: Path) -> None:
    """Warnings of the file and of the registry are one list, in the order of the file."""
    text = "Maya:\n  role: Writer\n  variables: {spare: x}\n  tone: '{% if x %}'\nmaya:\n  role: W\n"
    assert [problem.line for problem in warnings(tmp_path, text)] == [3, 4, 5]


def test_a_persona_without_a_version_below_one_that_has_some_is_warned_of(tmp_path: Path) -> None:
    """Its conversations are pinned to nothing, though what they are told moves on with the versions of another."""
    text = "Maya: {role: x, version: 1}\nMore: {parent: Maya, display_name: Maya}\nMost: {parent: More}\n"
    found = warnings(tmp_path, text)
    assert fields(found) == [(2, "More", "parent"), (3, "Most", "parent")]
    assert str(found[0]).partition(": ")[2] == (
        'warning: More.parent: "Maya" has versions and this has none, so its ref pins nothing; give it one: version: 1 '
        "[unpinned-ref]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Maya: {role: x, version: 1}\nMore: {parent: Maya, display_name: Maya, version: 1}",
        "Maya: {role: x, version: 1}\nMaya@2: {parent: Maya}",
        "Maya: {role: x, version: 1}\nMore: {parent: Maya, abstract: true}",
        "Maya: {role: x}\nMore: {parent: Maya, display_name: Maya}",
        "Maya: {role: x, version: 2}\nMaya@1: {replaced_by: 2}\nOld: {replaced_by: Maya}",
    ],
)
def test_a_ref_that_pins_or_need_not_is_left_in_peace(tmp_path: Path, text: str) -> None:
    """One with a version, a side version, a base, one whose ancestors have no versions, the lines of what is gone."""
    assert warnings(tmp_path, text) == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("{replace: [c]}", "2 of 2 of the parent's constraints are not in force here, nor will those be that it gains"),
        (
            "{replace: [b, c]}",
            "1 of 2 of the parent's constraints is not in force here, nor will those be that it gains",
        ),
        ("null", "2 of 2 of the parent's constraints are not in force here, nor will those be that it gains"),
        ("{replace: [b, a]}", None),
        ("{remove: [a]}", None),
        ("[c]", None),
    ],
)
def test_what_a_replace_keeps_out_is_warned_of(tmp_path: Path, edit: str, told: str | None) -> None:
    """Where it was written, also in a base; what a child removes by name, it has looked at."""
    text = f"Maya: {{role: x, constraints: [a, b]}}\nMore:\n  parent: Maya\n  abstract: true\n  constraints: {edit}\n"
    text += "Most: {parent: More, display_name: Maya}\n"
    found = warnings(tmp_path, text)
    assert [(each.line, each.field, each.message) for each in found] == ([(5, "constraints", told)] if told else [])
    if told:
        assert str(found[0]).endswith(
            "; write {add: [...], remove: [...]} to inherit the rest, or accept this where it is meant "
            "[constraints-kept-out]"
        )
        (tmp_path / "accepted.yaml").write_text(f"$accept: {{constraints-kept-out: [More]}}\n{text}", encoding="utf-8")
        assert PersonaRegistry.from_file(tmp_path / "accepted.yaml").problems() == []


def test_a_text_inside_a_line_that_ends_in_a_line_break_is_warned_of(tmp_path: Path) -> None:
    """Each once, where it was written: what goes on after it stands on a line of its own."""
    text = """\
Base: {abstract: true, tone: "calm\\n"}
Maya:
  parent: Base
  role: >
    Parameter
    Analyst
  company: |
    Acme
  display_name: "May \\n "
  variables: {plan: "free\\n", rules: "a\\nb\\n"}
  greeting: |
    {plan} {rules}
  capabilities: ["a\\nb", "c\\r\\n"]
  custom_sections:
    a: |
      A section may.
More: {parent: Maya, display_name: May}
"""
    found = warnings(tmp_path, text)
    assert {problem.code for problem in found} == {"ends-in-line-break"}
    sentence, line = "and a sentence goes on behind it", "and leaves an empty line behind it"
    assert [(p.line, p.persona, p.field, p.message.removeprefix("ends in a line break, ")) for p in found] == [
        (1, "Base", "tone", line),
        (4, "Maya", "role", sentence),
        (7, "Maya", "company", sentence),
        (9, "Maya", "display_name", sentence),
        (10, "Maya", "variables.plan", sentence),
        (13, "Maya", "capabilities[2]", line),
    ]
    assert {problem.hint for problem in found} == {"write >- for >, or |- for |"}
    (problem,) = PersonaRegistry.from_dict({"Maya": {"role": "Analyst\n"}}).problems()
    assert (problem.path, problem.hint) == (None, "take it off")
