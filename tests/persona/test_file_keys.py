"""What decides a prompt is in the file, holds for what that file writes, and no argument says otherwise."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Limits, Persona, PersonaRegistry, validate_file
from llm_persona.cli.main import cli
from llm_persona.errors import InvalidValueError, PersonaError, PersonaFileError, TemplateError

FIND = {"name": "find", "description": "Finds an order", "input_schema": {"type": "object"}}
DESCRIBING = "{{ persona.name }}:{% for n, d in persona.tool_descriptions|items %} {{ n }} {{ d }}{% endfor %}"


def wrote(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def prompts(registry: PersonaRegistry) -> dict[str, str]:
    return {key: registry.get(key).build_system_prompt() for key in registry.references()}


def refused(*paths: Path, **arguments: Any) -> list[str]:
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(*paths, **arguments)
    assert [str(p) for p in validate_file(*paths, **arguments) if p.severity == "error"] == str(caught.value).split(
        "\n"
    )
    return [str(problem).replace(f"{paths[0].parent}/", "") for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wrote(tmp_path, "t/support.j2", "Support: {{ persona.name }}")
    wrote(tmp_path, "t/tools.j2", DESCRIBING)
    wrote(tmp_path, "tools.json", json.dumps([FIND]))
    return tmp_path


# The default template


def test_the_default_template_is_in_the_file(folder: Path) -> None:
    """A persona is rendered with its own template, else an ancestor's, else its file's default, in every path."""
    path = wrote(
        folder,
        "p.yaml",
        "$templates: t\n$default_template: support\nA: {role: r}\nB: {role: r, template: compact}\nC: {parent: B}\nD: {parent: A}\n",
    )
    registry = PersonaRegistry.from_file(path)
    assert [registry.get(name).render().template for name in "ABCD"] == ["support", "compact", "compact", "support"]
    assert registry.get("A").template_name == "support"
    assert registry.get("A").render("default").template == "default"
    assert CliRunner().invoke(cli, ["render", "A", "-f", str(path)]).output == "Support: A\n"
    again = PersonaRegistry.from_dict({**registry.to_dict()})
    assert prompts(again) == prompts(registry)
    assert again == registry
    assert PersonaRegistry.from_file(path, default_template="support.j2") == registry


def test_registries_with_other_defaults_differ(folder: Path) -> None:
    """Two registries are equal only where they say the same: the default template and the templates' texts count."""
    persona = {"A": {"role": "r"}}
    assert PersonaRegistry.from_dict(persona) == PersonaRegistry.from_dict(persona, default_template="default")
    assert PersonaRegistry.from_dict(persona) != PersonaRegistry.from_dict(persona, default_template="compact")
    one = PersonaRegistry.from_dict(persona, templates=folder / "t")
    wrote(folder, "t/support.j2", "Other")
    assert one != PersonaRegistry.from_dict(persona, templates=folder / "t")
    assert one == PersonaRegistry.from_dict({"A": {"role": "r"}}, templates=_copied(folder, one))
    assert PersonaRegistry(default_template="compact").to_dict() == {"$default_template": "compact"}


def _copied(folder: Path, registry: PersonaRegistry) -> Path:
    copy = shutil.copytree(folder / "t", folder / "copy")
    (copy / "support.j2").write_text("Support: {{ persona.name }}")
    return copy


def test_a_default_template_that_is_not_there(folder: Path) -> None:
    """A default that a file names must be there, whether a persona needs it or not; what is wrong in it is told there."""
    path = wrote(folder, "p.yaml", "$templates: t\n$default_template: suport\nA: {role: r, template: support}\n")
    (problem,) = refused(path)
    assert problem == "p.yaml:2:20: $default_template: there is no template 'suport'; did you mean 'support'?"
    wrote(folder, "p.yaml", "$default_template: [support]\nA: {role: r}\n")
    assert refused(path)[0].startswith("p.yaml:1:20: $default_template: must be a text, not a list")
    wrote(folder, "t/support.j2", "{% if %}")
    wrote(folder, "p.yaml", "$templates: t\n$default_template: support\nA: {role: r}\n")
    (problem,) = refused(path)
    assert problem.startswith("t/support.j2:1")


# Every file for itself


def two_files(root: Path) -> tuple[Path, Path]:
    """Two teams, each with a support.j2, a default and a catalogue of its own; B's Kid has a parent in A."""
    for team in "ab":
        wrote(root, f"{team}/t/support.j2", f"{team} supports {{{{ persona.name }}}}")
        wrote(root, f"{team}/t/usual.j2", f"{team} usual {{{{ persona.name }}}}")
        wrote(root, f"{team}/t/tools.j2", f"{team} {DESCRIBING}")
        wrote(root, f"{team}/tools.json", json.dumps([{**FIND, "description": f"{team} finds"}]))
    keys = "$templates: t\n$default_template: usual\n$tools: tools.json\n"
    first = wrote(
        root,
        "a/personas.yaml",
        f"{keys}$rollouts: {{A: {{2: 10}}}}\nA: {{role: r, version: 1, template: support, tools: [find]}}\nA@2: {{parent: A}}\nPlain: {{role: r}}\n"
        "Told: {role: r, tools: [find], template: tools}\n",
    )
    second = wrote(
        root,
        "b/personas.yaml",
        f"{keys}B: {{role: r, template: support}}\nKid: {{parent: A}}\nOwn: {{parent: Plain}}\n"
        "Both: {parent: Told, tools: {add: []}}\n",
    )
    return first, second


def test_a_files_keys_hold_for_what_it_writes(tmp_path: Path) -> None:
    """Whatever else is loaded, and in whatever order, a persona says what its file's keys make of it."""
    first, second = two_files(tmp_path)
    registry = PersonaRegistry.from_file(first, second)
    assert prompts(registry) == {
        "A": "a supports A",
        "A@2": "a supports A",
        "Plain": "a usual Plain",
        "Told": "a Told: find a finds",
        "B": "b supports B",
        "Kid": "a supports Kid",  # A's file wrote the template's name
        "Own": "b usual Own",
        "Both": "a Both: find a finds",  # A's file wrote the template's name, and the tool's
    }
    assert registry.get("Kid").build_system_prompt("support") == "b supports Kid"  # a call's: the persona's file
    assert {name: PersonaRegistry.from_file(first).get(name).build_system_prompt() for name in ("A", "Plain")} == {
        "A": "a supports A",
        "Plain": "a usual Plain",
    }
    turned = PersonaRegistry.from_file(second, first)
    assert prompts(turned) == {key: prompts(registry)[key] for key in turned.references()}
    assert not [problem for problem in registry.problems() if problem.severity == "error" and problem.persona is None]


def test_what_is_defined_later_goes_by_its_key(tmp_path: Path) -> None:
    """What takes the place of a file's persona keeps its file's keys; what is new has the arguments'."""
    registry = PersonaRegistry.from_file(*two_files(tmp_path))
    registry.define(Persona("B", "q", template="support"), Persona("New", "r"), replace=True)
    assert prompts(registry)["B"] == "b supports B"
    assert registry.get("New").render().template == "default"


def test_files_that_differ_are_written_one_by_one(tmp_path: Path) -> None:
    """A folder gets one file for each; a file's path, or none, is an error that names the files."""
    first, second = two_files(tmp_path)
    registry = PersonaRegistry.from_file(first, second)
    for call in (registry.to_yaml, registry.to_dict, lambda: registry.to_json(tmp_path / "all.json")):
        with pytest.raises(
            InvalidValueError, match=r"files differ in .*: .*a/personas.yaml, .*b/personas.yaml; give a"
        ):
            call()
    wrote(tmp_path, "sub/x", "")
    with pytest.raises(InvalidValueError, match=r"catalogue '.*a/tools.json' lies outside"):
        registry.to_yaml(tmp_path / "sub")
    registry.define(Persona("New", "r"))
    registry.to_yaml(tmp_path)
    names = [tmp_path / "personas.yaml", tmp_path / "personas-2.yaml", tmp_path / "personas-3.yaml"]
    assert [path.exists() for path in names] == [True] * 3
    again = PersonaRegistry.from_file(*names)
    assert again == registry
    assert prompts(again) == prompts(registry)
    assert again.rollouts == registry.rollouts
    elsewhere = PersonaRegistry.from_dict({"A": {"role": "r"}})
    assert elsewhere.to_yaml(tmp_path / "new.yaml") == (tmp_path / "new.yaml").read_text()
    registry.to_json(tmp_path)
    assert prompts(PersonaRegistry.from_file(*(path.with_suffix(".json") for path in names))) == prompts(registry)


def test_files_that_agree_are_one(folder: Path) -> None:
    """Files whose keys say the same, however they write the folder, are written as one."""
    first = wrote(folder, "p.yaml", "$templates: t\nA: {role: r}\n")
    second = wrote(folder, "q.yaml", "$templates: [./t]\nB: {role: r}\n")
    registry = PersonaRegistry.from_file(first, second)
    registry.to_yaml(folder / "one.yaml")
    assert PersonaRegistry.from_file(folder / "one.yaml") == registry


TEXTS = st.sampled_from(["one", "two"])


@pytest.mark.hits(0.5)
@settings(max_examples=40)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), min_size=2, max_size=3), st.data())
def test_no_file_changes_anothers_prompts(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, str, bool]], data: st.DataObject
) -> None:
    """Whatever files are loaded together, each one's personas say what they say when it is loaded alone."""
    root = tmp_path_factory.mktemp("files")
    paths = []
    for number, (text, default, describes) in enumerate(files):
        wrote(root, f"{number}/t/one.j2", f"{text} {{{{ persona.name }}}}")
        wrote(root, f"{number}/t/two.j2", f"two of {number}")
        wrote(
            root, f"{number}/tools.json", json.dumps({"find": {**FIND, "description": f"{number if describes else 0}"}})
        )
        wrote(root, f"{number}/t/tools.j2", DESCRIBING)
        keys = f"$templates: t\n$default_template: {default}\n$tools: tools.json\n"
        body = f"P{number}: {{role: r}}\nQ{number}: {{role: r, template: tools, tools: [find]}}\n"
        paths.append(wrote(root, f"{number}/p.yaml", keys + body))
    together = prompts(PersonaRegistry.from_file(*data.draw(st.permutations(paths))))
    alone = [prompts(PersonaRegistry.from_file(path)) for path in paths]
    assert together == {key: text for each in alone for key, text in each.items()}


# Arguments


def test_arguments_are_for_files_that_say_nothing(folder: Path) -> None:
    """An argument holds for the files that have no such key, and for no others."""
    first = wrote(folder, "p.yaml", "A: {role: r, tools: [find], template: tools}\nB: {role: r}\n")
    arguments = {"templates": folder / "t", "default_template": "support", "tools": [FIND]}
    expected = {"A": "A: find Finds an order", "B": "Support: B"}
    assert prompts(PersonaRegistry.from_file(first, **arguments)) == expected
    assert prompts(PersonaRegistry.from_file(first, **{**arguments, "tools": folder / "tools.json"})) == expected
    shown = CliRunner().invoke(
        cli, ["render", "A", "-f", str(first), "--templates", f"{folder}/t", "--tools", f"{folder}/tools.json"]
    )
    assert shown.output == "A: find Finds an order\n"
    wrote(folder, "p.yaml", first.read_text() + "$templates: t\n$default_template: support\n$tools: tools.json\n")
    assert prompts(PersonaRegistry.from_file(first)) == expected
    assert prompts(PersonaRegistry.from_file(first, **arguments)) == expected


def test_an_argument_that_says_otherwise_is_an_error(folder: Path) -> None:
    """What an argument and a file say differently is told with both, and with the line of the file."""
    path = wrote(folder, "p.yaml", "$templates: t\n$default_template: support\n$tools: tools.json\nA: {role: r}\n")
    wrote(folder, "u/support.j2", "Other")
    other = folder / "u"
    assert refused(path, templates=other) == [
        "p.yaml:1:13: $templates: says 't', and the argument templates says 'u'; leave the argument out, or the key"
    ]
    (problem,) = refused(path, default_template="compact")
    assert problem.startswith(
        "p.yaml:2:20: $default_template: says 'support', and the argument default_template says 'compact'; leave"
    )
    (problem,) = refused(path, tools=[{**FIND, "description": "Lies"}])
    assert problem.startswith(
        "p.yaml:3:9: $tools: says 'tools.json', and the argument tools says another 'find'; leave"
    )
    with pytest.raises(PersonaFileError, match=r"^\$default_template: says 'compact', and the argument"):
        PersonaRegistry.from_dict({"$default_template": "compact", "A": {"role": "r"}}, default_template="xml")
    done = CliRunner().invoke(cli, ["check", "-f", str(path), "--default-template", "compact"])
    assert done.exit_code == 1
    assert "the argument default_template says 'compact'" in done.output.replace("\n", " ")


# Tools


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, "p.yaml:1:9: $tools: tool catalogue 'none.json': there is no such file; check the path"),
        ("t", None, "p.yaml:1:9: $tools: tool catalogue 't': a tool catalogue must be a .json file; write it as JSON"),
        ("d.json", "DIR", "p.yaml:1:9: $tools: tool catalogue 'd.json': the file cannot be read: it is a folder; check the path"),
        ("x.json", '[{"name": "find"}\n{', "x.json:2:1: this is no JSON: Expecting ',' delimiter"),
        ("x.json", "[" * 200_000, "x.json: holds lists and mappings too deep inside one another; make it flatter"),
        ("x.json", "[" + "9" * 5_000 + "]", "x.json: holds a number with too many digits; write it as a text"),
        ("x.json", "3", "x.json: the tool catalogue must be a list or a mapping, not a number"),
        ("x.json", '[{"name": "a"}, {"name": "a"}]', "x.json: the tool catalogue defines 'a' twice"),
        ("../out.json", "[]", "p.yaml:1:9: $tools: tool catalogue '../out.json' lies outside of the file's folder; keep it beside the file, or below"),
        ("link.json", "LINK", "p.yaml:1:9: $tools: tool catalogue 'link.json' lies outside of the file's folder; keep it beside the file, or below"),
    ],
)  # fmt: skip
def test_a_catalogue_that_cannot_be_read(folder: Path, name: str, content: str | None, message: str) -> None:
    """A catalogue is read as files are: regular, within limits, inside of the file's folder; all else is told."""
    home = folder / "home"
    path = wrote(home, "p.yaml", f"$tools: {name}\nA: {{role: r}}\n")
    if content == "DIR":
        (home / name).mkdir()
    elif content == "LINK":
        (home / name).symlink_to(folder / "tools.json")
    elif content is not None:
        wrote(home, name, content)
    assert refused(path) == [message]


def test_a_catalogue_within_limits(folder: Path) -> None:
    """The limit of a file's bytes holds for its catalogue too, and nothing but a regular file is opened."""
    path = wrote(folder, "p.yaml", "$tools: tools.json\nA: {role: r}\n")
    assert "tools.json:1:1: the file has more than 60 bytes" in refused(path, limits=Limits(file_bytes=60))[0]
    os.mkfifo(folder / "pipe.json")
    wrote(folder, "p.yaml", "$tools: pipe.json\nA: {role: r}\n")
    assert "it is not a regular file" in refused(path)[0]


def test_tools_of_the_file_are_checked(folder: Path) -> None:
    """Every tool that a file names is in the file's catalogue; a reader that passes none finds the same."""
    path = wrote(folder, "p.yaml", "$tools: tools.json\nA: {role: r, tools: [find, fnd]}\n")
    assert refused(path) == ["p.yaml:2:28: A.tools[2]: there is no tool 'fnd'; did you mean 'find'?"]


def test_descriptions_without_a_catalogue_are_an_error(folder: Path) -> None:
    """A template that asks what tools do where nobody says it fails, in `check` and in every render; never silence."""
    path = wrote(folder, "p.yaml", "$templates: t\nA: {role: r, tools: [find], template: tools}\nB: {role: r}\n")
    registry = PersonaRegistry.from_file(path)
    message = r"tools.j2:1:?\d*: persona.tool_descriptions: there is no catalogue that describes 'find'( \(for A\))?; name it in"
    for call in (registry.get("A").render, registry.get("A").build_system_prompt, registry.check):
        with pytest.raises(PersonaError, match=message):
            call()
    assert registry.get("B").build_system_prompt("tools") == "B:"  # no tools, nothing to describe
    bare = Persona("A", "r", tools=["find"])
    assert bare.build_system_prompt("markdown")
    wrote(folder, "p.yaml", "$tools: tools.json\n" + path.read_text())
    PersonaRegistry.from_file(path).check()
    assert prompts(PersonaRegistry.from_file(path))["A"] == "A: find Finds an order"


def test_a_catalogue_is_written_beside(folder: Path) -> None:
    """`to_yaml` names the catalogue that was read; one that was passed as data is passed again."""
    path = wrote(folder, "p.yaml", "$templates: t\n$tools: tools.json\nA: {role: r, tools: [find], template: tools}\n")
    registry = PersonaRegistry.from_file(path)
    assert '"$tools": tools.json\n' in registry.to_yaml(folder / "again.yaml")
    assert PersonaRegistry.from_file(folder / "again.yaml") == registry
    assert PersonaRegistry.from_dict(registry.to_dict()) == registry
    passed = PersonaRegistry.from_dict({"A": {"role": "r", "tools": ["find"]}}, tools=[FIND])
    assert "$tools" not in passed.to_dict()
    assert PersonaRegistry.from_dict(passed.to_dict(), tools=[FIND]) == passed
    with pytest.raises(InvalidValueError, match=r"catalogue '.*tools.json' lies outside of the folder of the file"):
        registry.to_yaml(folder / "t" / "p.yaml")


def test_templates_of_two_files_are_checked_apart(tmp_path: Path) -> None:
    """`check` tries each file's personas in that file's template, where two have one name."""
    for team, body in (("a", "{{ persona.name }} {{ session.u }}"), ("b", "{{ persona.name }}")):
        wrote(tmp_path, f"{team}/t/one.j2", body)
        wrote(tmp_path, f"{team}/p.yaml", f"$templates: t\n{team.upper()}: {{role: r, template: one}}\n")
    registry = PersonaRegistry.from_file(tmp_path / "a/p.yaml", tmp_path / "b/p.yaml")
    (problem,) = [problem for problem in registry.problems({"x"}) if problem.severity == "error"]
    assert "(for B)" not in str(problem)
    with pytest.raises(TemplateError):
        registry.get("A").render()
    assert registry.get("B").render() == "B"


def test_a_rollout_is_written_once(tmp_path: Path) -> None:
    """A version in another file takes neither the rollout nor what requires a unit along; both read back from one."""
    for team, text in {
        "a": "$rollouts: {Maya: {2: 10}}\n$require_unit: [Maya]\nMaya: {role: r, version: 1}\n",
        "b": "$default_template: markdown\nMaya@2: {parent: Maya}\n",
    }.items():
        wrote(tmp_path, f"{team}.yaml", text)
    registry = PersonaRegistry.from_file(tmp_path / "a.yaml", tmp_path / "b.yaml")
    (tmp_path / "again").mkdir()
    registry.to_yaml(tmp_path / "again")
    written = sorted((tmp_path / "again").iterdir())
    assert ["$rollouts" in each.read_text() for each in written if each.name in ("a.yaml", "b.yaml")] == [True, False]
    again = PersonaRegistry.from_file(*written)
    assert (again.rollouts, again.require_unit) == (registry.rollouts, registry.require_unit)
    assert again == registry


def test_where_the_process_went_since_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths of a file lead to where they led when it was read."""
    wrote(tmp_path, "a/tpl/support.j2", "{{ persona.name }} supports")
    wrote(tmp_path, "a/tools.json", json.dumps([FIND]))
    wrote(
        tmp_path, "a/p.yaml", "$templates: tpl\n$tools: tools.json\nMaya: {role: r, template: support, tools: [find]}\n"
    )
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path)
    registry = PersonaRegistry.from_file("a/p.yaml")
    assert registry.to_dict()["$templates"] == os.path.join("a", "tpl")
    monkeypatch.chdir(tmp_path / "b")
    registry.to_yaml("../zz.yaml")
    assert '"$templates": a/tpl\n' in (tmp_path / "zz.yaml").read_text()
    assert PersonaRegistry.from_file("../zz.yaml") == registry
    assert PersonaRegistry.from_dict(registry.to_dict()) == registry


def test_a_default_template_has_one_form(tmp_path: Path) -> None:
    """`markdown.j2` and `markdown` are one default: equal, and written alike; a name that ends in .j2 twice stays."""
    one, other = (
        PersonaRegistry.from_dict({"$default_template": name, "A": {"role": "r"}})
        for name in ("markdown.j2", "markdown")
    )
    assert one == other
    assert one.to_yaml() == other.to_yaml()
    wrote(tmp_path, "t/x.j2.j2", "{{ persona.name }}")
    twice = PersonaRegistry(tmp_path / "t", "x.j2.j2")
    twice.define(Persona("Maya", "Guide"))
    assert twice.get("Maya").build_system_prompt() == "Maya"


def test_a_default_template_that_is_passed_has_to_be_there() -> None:
    """A slip is told when the registry is made, and not by the first prompt."""
    with pytest.raises(TemplateError, match=r"^there is no template 'markdwn'; did you mean 'markdown'\?$"):
        PersonaRegistry(None, "markdwn")
