"""`$require_unit`: a persona that no path may ask for without a unit or a version."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from llm_persona import InvalidValueError, Persona, PersonaFileError, PersonaRegistry
from llm_persona.cli.main import cli
from llm_persona.page.page import preview

FILE = """\
$require_unit: [Maya]
$rollouts: {Maya: {2: 10}}
Maya: {role: Guide, version: 1}
Maya@2: {parent: Maya, tone: brief}
Kid: {parent: Maya}
May: {replaced_by: Maya}
"""
MESSAGE = r"^Maya: a unit or a version is required: \$require_unit says so.*; pass unit="


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "personas.yaml"
    file.write_text(FILE)
    return file


def test_a_path_that_forgets_the_unit_is_told(path: Path) -> None:
    """`get` of that name needs a unit or a version, before anything was rendered and after, whatever name led there."""
    registry = PersonaRegistry.from_file(path)
    for _ in range(2):
        for name in ("Maya", "May"):
            with pytest.raises(InvalidValueError, match=MESSAGE):
                registry.get(name)
            with pytest.raises(InvalidValueError, match=r"^unit is empty; "):
                registry.get(name, unit="")  # nobody's id
        assert registry.get("Maya", unit="u1").ref in ("Maya@1", "Maya@2")
        assert registry.get("Maya@1").ref == registry.get("Maya", version=1).ref == "Maya@1"
        assert registry.get("Kid").ref == "Kid"
        assert registry.complete("Maya").render() == registry.get("Maya@1").render()
    assert registry.require_unit == ("Maya",)


def test_who_serves_nobody_needs_no_unit(path: Path) -> None:
    """Iteration, `check`, `diff`, the page, `show`, `list` and `render` look at Maya, and mean the served one."""
    registry = PersonaRegistry.from_file(path)
    registry.check(session=set())
    assert not registry.diff(PersonaRegistry.from_file(path))
    assert "Maya@1" in preview(registry)
    assert registry.explain("Maya").persona == registry.definition("Maya").key == "Maya"
    stamp = registry.get("Maya@1").render().stamp()
    assert registry.verify(stamp) == ()
    for arguments in (["render", "Maya"], ["show", "Maya"], ["list"], ["check"], ["diff", "Maya", "Maya@2"]):
        done = CliRunner().invoke(cli, [*arguments, "-f", str(path)])
        assert done.exit_code == 0, done.output


def test_it_goes_wherever_the_registry_goes(path: Path, tmp_path: Path) -> None:
    """Files, data and pickles keep it, and a registry without it is another one."""
    registry = PersonaRegistry.from_file(path)
    registry.to_yaml(tmp_path / "again.yaml")
    others = [
        PersonaRegistry.from_file(tmp_path / "again.yaml"),
        PersonaRegistry.from_dict(registry.to_dict()),
        pickle.loads(pickle.dumps(registry)),
    ]
    for other in others:
        assert other == registry
        with pytest.raises(InvalidValueError, match=MESSAGE):
            other.get("Maya")
    path.write_text(FILE.replace("$require_unit: [Maya]\n", ""))
    assert PersonaRegistry.from_file(path) != registry


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("[Mya]", "1:17: $require_unit[1]: there is no persona 'Mya'; did you mean 'Maya'?"),
        ("[Maya, Maya@2]", "1:23: $require_unit[2]: there is no persona 'Maya@2'; did you mean 'Maya'?"),
        ("[May]", "1:17: $require_unit[1]: 'May' is replaced by 'Maya': it serves nobody; write 'Maya' in its place"),
        ("[Base]", "1:17: $require_unit[1]: 'Base' is abstract: it serves nobody; name its children"),
        ("Maya", '1:16: $require_unit: must be a list of texts, not a text; write "- Maya"'),
        ("{Maya: 1}", "1:16: $require_unit: must be a list of texts, not a mapping; "),
    ],
)
def test_what_cannot_require_a_unit(path: Path, names: str, message: str) -> None:
    """A name that serves nobody is told at its place."""
    path.write_text(FILE.replace("[Maya]", names, 1) + "Base: {abstract: true}\n")
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(path)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_what_is_defined_later_serves_somebody(path: Path) -> None:
    """A persona that requires a unit cannot become abstract; anything else about it may change."""
    registry = PersonaRegistry.from_file(path)
    registry.define(Persona("May", "Guide"), replace=True)
    with pytest.raises(InvalidValueError, match=r"Maya: is abstract, and"):
        registry.define(Persona("Maya", "Guide", version="1", abstract=True), replace=True)
    registry.define(Persona("Maya", "Chief", version="1"), replace=True)
    with pytest.raises(InvalidValueError, match=MESSAGE):
        registry.get("Maya")
