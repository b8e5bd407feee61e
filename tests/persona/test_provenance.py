from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_persona import Persona, PersonaRegistry, UnknownPersonaError
from llm_persona.persona.provenance import Explanation, Provenance

YAML = """\
Base:
  abstract: true
  company: Acme
  constraints: [one, two]
  custom_sections:
    a: A
    b: B
  metadata: {m: 1}
Maya:
  parent: Base
  version: 1
  role: Support
  constraints:
    - three
  custom_sections: {a: own}
  variables: {u: null}
Maya@2:
  parent: Maya
  constraints: {remove: [one], add: [four]}
  variables: {u: x}
"""


def lines(explanation: Explanation) -> dict[str, object]:
    """Return each value's ancestor with its line."""

    def at(found: Provenance) -> str:
        return f"{found.persona}:{found.line}"

    return {
        **{name: at(found) for name, found in explanation.fields.items() if found.persona is not None},
        **{name: [at(found) for found in items] for name, items in explanation.lists.items() if items},
        **{name: {k: at(v) for k, v in table.items()} for name, table in explanation.tables.items() if table},
    }


def test_yaml(tmp_path: Path) -> None:
    """Every field, list item, edit and entry is told with the ancestor, the file and the line it came from."""
    path = tmp_path / "p.yaml"
    path.write_text(YAML)
    explanation = PersonaRegistry.from_file(path).explain("Maya@2")
    assert (
        lines(explanation)
        == {
            "parent": "Maya@2:18",
            "version": "Maya@2:17",
            "role": "Maya:12",
            "company": "Base:3",
            "constraints": ["Base:4", "Maya:14", "Maya@2:19"],
            "custom_sections": {"a": "Maya:15", "b": "Base:7"},
            "metadata": {"m": "Base:8"},
            "variables": {"u": "Maya@2:20"},
        }
        or lines(explanation)["version"] == "Maya@2:18"
    )
    assert explanation.lists["constraints"][0] == Provenance("Base", str(path), 4, 22)
    assert str(explanation["company"]) == f"Base ({path}:3)"
    assert str(explanation["tone"]) == "default"


def test_json(tmp_path: Path) -> None:
    """JSON has lines too."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"Base": {"role": "r", "tools": ["t"]}, "Kim": {"parent": "Base"}}, indent=1))
    explanation = PersonaRegistry.from_file(path).explain("Kim")
    assert lines(explanation) == {"parent": "Kim:9", "role": "Base:3", "tools": ["Base:5"]}


def test_two_files(tmp_path: Path) -> None:
    """Each value is found in the file it was written in."""
    (tmp_path / "a.yaml").write_text("Kim: {parent: Base}\n")
    (tmp_path / "b.yaml").write_text("\nBase: {role: r}\n")
    explanation = PersonaRegistry.from_file(tmp_path / "a.yaml", tmp_path / "b.yaml").explain("Kim")
    role, parent = explanation["role"], explanation["parent"]
    assert role == Provenance("Base", str(tmp_path / "b.yaml"), 2, 14)
    assert parent == Provenance("Kim", str(tmp_path / "a.yaml"), 1, 15)


def test_without_a_file() -> None:
    """What was defined in Python has an ancestor and no place, and what replaced a file's has none either."""
    registry = PersonaRegistry()
    registry.define(Persona("Base", "r", capabilities=("a",)), Persona("Kim", parent="Base", capabilities=("b", "a")))
    explanation = registry.explain("Kim")
    assert explanation["capabilities"] == (Provenance("Base"), Provenance("Kim"))
    assert str(explanation["role"]) == "Base"
    assert explanation.origin(("capabilities", 1)) == Provenance("Kim")
    assert explanation.origin(("role",)) == Provenance("Base")


def test_replacing_forgets_the_place(tmp_path: Path) -> None:
    """A definition that was replaced in Python is not said to be in the file."""
    path = tmp_path / "p.yaml"
    path.write_text(YAML)
    registry = PersonaRegistry.from_file(path)
    registry.define(
        Persona("Base", abstract=True, company="Initech"),
        Persona("Maya@2", parent="Maya"),
        Persona("Maya", "r", version="1"),
        replace=True,
    )
    assert registry.explain("Maya@2")["role"] == Provenance("Maya")


def test_explanation_names_every_field() -> None:
    """An explanation has all fields but the name, whether given or not, and no others."""
    registry = PersonaRegistry()
    registry.define(Persona("Kim", "r"))
    explanation = registry.explain("Kim")
    assert len(list(explanation)) == 17
    assert explanation["capabilities"] == ()
    assert explanation["metadata"] == {}
    with pytest.raises(KeyError):
        explanation["name"]
    with pytest.raises(UnknownPersonaError):
        registry.explain("Zoe")


def test_a_replaced_list_is_all_the_childs(tmp_path: Path) -> None:
    """Of a replaced list each item is at its own place in the edit."""
    path = tmp_path / "p.yaml"
    path.write_text("Base: {role: r, tools: [a]}\nKim:\n  parent: Base\n  tools:\n    replace:\n      - b\n      - c\n")
    assert lines(PersonaRegistry.from_file(path).explain("Kim"))["tools"] == ["Kim:6", "Kim:7"]
