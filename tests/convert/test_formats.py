"""Tests of the table of formats: a file in a format's folder is a case, with what comes of it beside it."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_agents import plain_texts, texts, values

from llm_persona import Persona, PersonaFileError, PersonaRegistry
from llm_persona.convert.codex import codex_agent, to_codex
from llm_persona.convert.crews import crew, to_crew
from llm_persona.convert.formats import FORMATS, Format, format_of
from llm_persona.convert.imports import Imported, import_files
from llm_persona.convert.toml import dump_toml
from llm_persona.files.reading import Document, parse
from llm_persona.files.writing import dump_yaml
from llm_persona.persona.resolution import written

FOLDER = Path(__file__).parent
UPDATE = "look at the difference; if it is meant: pytest tests/convert/test_formats.py --snapshot-update"


def cases(form: Format) -> list[Path]:
    return sorted(path for path in (FOLDER / form.name).iterdir() if path.suffix in form.endings)


each_case = pytest.mark.parametrize(
    "case", [case for form in FORMATS for case in cases(form)], ids=lambda case: f"{case.parent.name}/{case.name}"
)


def registry_of(found: Imported, folder: Path) -> PersonaRegistry:
    """The registry of a file that import would write of them."""
    (folder / "personas.yaml").write_text(dump_yaml({each.key: written(each) for each in found.personas}), newline="")
    return PersonaRegistry.from_file(folder / "personas.yaml")


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_has_cases(form: Format) -> None:
    """A format without a file of its own is one that nobody tried."""
    assert len(cases(form)) > 1


@each_case
def test_what_comes_of_a_file_is_as_reviewed(case: Path, request: pytest.FixtureRequest) -> None:
    """The warnings, then the personas as a persona file."""
    found = import_files(case)
    told = [str(problem).replace(str(case.parent), "") for problem in found.problems]
    text = "\n".join([*told, "", dump_yaml({each.key: written(each) for each in found.personas})])
    review = case.with_name(f"{case.name}.txt")
    if request.config.getoption("--snapshot-update"):
        review.write_text(text, encoding="utf-8", newline="")
    assert text == review.read_bytes().decode(), UPDATE


@each_case
def test_check_is_content_with_what_import_wrote(case: Path, tmp_path: Path) -> None:
    """No finding but of `{{user}}` at the beginning of a line, which is the card's; no prompt has what nobody wrote."""
    registry = registry_of(import_files(case), tmp_path)
    assert {problem.code for problem in registry.problems()} <= {"value-begins-line"}
    assert case.parent.name == "card" or registry.problems() == []
    for name in registry.list_names():
        persona = registry.get(name)
        prompt = persona.build_system_prompt(**persona.sample_session())
        assert persona.template == "verbatim"
        assert "Tone:" not in prompt


@each_case
def test_a_file_goes_through_a_persona_file_and_comes_back(case: Path, tmp_path: Path) -> None:
    """Import, YAML, registry, export, import: the personas are equal, and so is what another program reads."""
    found = import_files(case)
    form = format_of(str(case))
    assert form is not None
    form = form if form.write else FORMATS[-2]
    registry = registry_of(found, tmp_path)
    target = tmp_path / case.with_suffix(form.endings[0]).name
    target.write_text(
        "\n".join(
            form.text_of(registry.get(name), str(target), registry.definition(name)) for name in registry.list_names()
        ),
        newline="",
    )
    again = import_files(target)
    assert again.personas == found.personas
    assert "sha256:" not in target.read_text()
    assert case.suffix == ".png" or read_by_others(target, form) == read_by_others(case, form)


def read_by_others(path: Path, form: Format) -> object:
    """What a program that knows the format reads of a file, as far as another reader than ours is at hand."""
    import tomllib

    import yaml

    if form.name == "codex":
        return tomllib.loads(path.read_text())
    if path.read_bytes().startswith(b"+++"):
        return tomllib.loads(path.read_text().split("+++")[1]), path.read_text().split("+++")[2]
    if form.name == "crewai":
        data = yaml.safe_load(path.read_text())
        return {key: entry for key, entry in data.items() if "role" in entry}
    if form.name == "card" and path.suffix == ".json":
        return json.loads(path.read_text().replace("\\ud83d", "\ufffd"))
    return path.read_bytes().decode().split("\n---", 1)[-1] if form.name in ("agent", "cursor") else None


# Images


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def image(*texts: bytes) -> bytes:
    """A PNG image of one pixel with these chunks."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(texts) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def packed(card: dict[str, Any]) -> bytes:
    return base64.b64encode(json.dumps(card).encode())


V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {"name": "New", "description": "I am {{char}}."},
}
V2: dict[str, Any] = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Old", "description": "Old."}}


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ([chunk(b"tEXt", b"chara\0" + packed(V2))], "Old"),
        ([chunk(b"tEXt", b"chara\0" + packed(V2)), chunk(b"tEXt", b"ccv3\0" + packed(V3))], "New"),
        ([chunk(b"zTXt", b"Chara\0\0" + zlib.compress(packed(V2)))], "Old"),
        ([chunk(b"iTXt", b"chara\0\0\0en\0word\0" + packed(V2))], "Old"),
        ([chunk(b"iTXt", b"chara\0\1\0\0\0" + zlib.compress(packed(V2)))], "Old"),
        ([chunk(b"tEXt", b"Comment\0none"), chunk(b"tEXt", b"chara\0" + packed(V2))[:-2]], "Old"),
    ],
)
def test_a_card_is_found_in_every_kind_of_text_chunk(tmp_path: Path, chunks: list[bytes], name: str) -> None:
    """Packed or not, in whichever letters; of two the newer one counts."""
    (tmp_path / "x.png").write_bytes(image(*chunks))
    assert [persona.name for persona in import_files(tmp_path / "x.png").personas] == [name]


@given(st.binary(max_size=60), st.integers(0, 200))
@settings(max_examples=30)
def test_no_image_is_more_than_a_problem(tmp_path_factory: pytest.TempPathFactory, noise: bytes, cut: int) -> None:
    """Cut off, without a card, with one that is no base64 or no JSON, or no image at all."""
    path = tmp_path_factory.getbasetemp() / "noise.png"
    for content in (noise, image(chunk(b"tEXt", b"chara\0" + noise)), image(chunk(b"zTXt", b"ccv3\0\0" + noise))[:cut]):
        path.write_bytes(content)
        found = import_files(path)
        assert len(found.refused) == 1
        assert found.problems[0].path == str(path)


# Generated files

keys = st.sampled_from(["name", "description", "model", "tools", "mcp_servers"]) | plain_texts
tables = st.dictionaries(
    keys.filter(lambda key: key not in ("llm_persona", "developer_instructions")), values, max_size=5
)


def without_null(value: Any) -> Any:
    """Data as TOML can hold it."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value if item is not None] if isinstance(value, list) else value


@given(tables.map(without_null), texts)
@settings(max_examples=60)
def test_any_codex_agent_comes_back(front: dict[str, Any], prompt: str) -> None:
    """Its keys of any kind, its prompt of any characters that TOML holds."""
    persona = codex_agent(dump_toml({**front, "developer_instructions": prompt}), "x.toml")
    assert persona.build_system_prompt() == prompt
    text = to_codex(persona, "x.toml")
    assert codex_agent(text, "x.toml") == persona
    import tomllib

    assert tomllib.loads(text) == {**front, "developer_instructions": prompt}


pieces = st.lists(
    st.sampled_from(["{topic}", "{name}", "{user-name}", "{ü}", "{", "}", "{{", '{"a": 1}', "$", "text ", "\n"])
    | texts,
    max_size=5,
).map("".join)


@given(pieces, pieces, pieces, st.dictionaries(plain_texts, values, max_size=3))
@settings(max_examples=100)
def test_any_agent_of_a_crew_comes_back(role: str, goal: str, backstory: str, rest: dict[str, Any]) -> None:
    """What crewAI would fill is a variable, or nothing is; every brace besides is printed."""
    entry = {**rest, "role": role, "goal": goal, "backstory": backstory}
    entry.pop("llm_persona", None)
    (persona,) = crew(Document("agents.yaml", {"agent": entry}), _reading())
    values_of = {name: f"<{name}>" for name in persona.variables or ()}
    said = f"You are {role}. {backstory}\nYour personal goal is: {goal}"
    inputs = written(persona).get("metadata", {}).get("llm_persona", {}).get("inputs", {})  # type: ignore[attr-defined]
    for name in persona.variables or ():
        said = said.replace(f"{{{inputs.get(name, name)}}}", f"<{name}>")
    assert persona.build_system_prompt(**values_of) == said
    text = parse(to_crew(persona), "agents.yaml", kind="yaml")
    assert crew(Document("agents.yaml", text.data), _reading()) == (persona,)


def _reading() -> Any:
    from llm_persona.convert.foreign import Reading

    return Reading()


macros = st.lists(
    st.sampled_from(["{{char}}", "{{user}}", "{{User}}", "{{original}}", "{word}", "{", "}", "$", '{"a": 1}', "x "])
    | texts,
    max_size=5,
).map("".join)


@given(st.dictionaries(st.sampled_from(["description", "scenario", "first_mes", "mes_example"]), macros), st.booleans())
@settings(max_examples=100)
def test_the_macros_of_any_card_are_filled_or_all_are_kept(data: dict[str, Any], keep: bool) -> None:
    """What the prompt says is the card's text with both macros filled and every other brace as it was, or that text."""
    from llm_persona.convert.cards import SECTIONS, from_card, to_card

    card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Ann", **data}}
    persona = from_card(card, "x.json", keep_macros=keep)
    is_filled = "variables" not in written(persona) or bool(persona.variables)
    assert not (keep and is_filled)
    for field, title in SECTIONS.items():
        text = data.get(field, "")
        if is_filled:
            for macro, value in (("{{char}}", "Ann"), ("{{user}}", "Jo"), ("{{User}}", "Jo")):
                text = text.replace(macro, value)
        only = Persona("Ann", template="verbatim", **_section(persona, title))
        assert only.build_system_prompt(**dict.fromkeys(persona.variables or (), "Jo")) == text
    assert to_card(persona) == card


def _section(persona: Persona, title: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"variables": written(persona)["variables"]} if "variables" in written(persona) else {}
    return {**fields, "custom_sections": {title: persona.custom_sections.get(title, "")}}


# Folders


def test_every_file_of_a_folder_is_told_as_taken_or_left(tmp_path: Path) -> None:
    """What bears the marks of a format is taken; READMEs, licences, pages, packages and hidden folders are left."""
    files = {
        ".claude/agents/critic.md": "---\nname: critic\n---\nHi",
        ".claude/commands/git/commit.md": "Commit.",
        ".cursor/rules/ts.mdc": "---\nglobs: *.ts\n---\nTypes.",
        ".git/agents/x.md": "---\nname: x\n---\nno",
        "LICENSE.md": "MIT",
        "README.md": "---\nname: readme\n---\nRead me",
        "agents.yaml": "a: {role: r, goal: g, backstory: b}",
        "card.json": json.dumps(V2),
        "docs/guide.md": "---\ntitle: Guide\ndescription: How\n---\nRead",
        "docs/notes.md": "Notes",
        "docs/x.chatmode.md": "Chat.",
        "image.png": "x",
        "notes.txt": "no",
        "package.json": '{"name": "x"}',
        "pyproject.toml": "[project]\nname = 'x'",
        "r.toml": "developer_instructions = 'x'",
        "skills/a/SKILL.md": "---\nname: a\ndescription: b\n---\nDo",
        "ci.yml": "on: push",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "blank.png").write_bytes(image())
    (tmp_path / "image.png").write_bytes(image(chunk(b"tEXt", b"chara\0" + packed(V3))))
    found = import_files(tmp_path)
    told = {Path(seen.path).relative_to(tmp_path).as_posix(): seen.taken or seen.why_left for seen in found.seen}
    assert told == {
        ".claude/agents/critic.md": "agent",
        ".claude/commands/git/commit.md": "agent",
        ".cursor/rules/ts.mdc": "cursor",
        ".git": "a hidden folder",
        "LICENSE.md": "a file about the folder",
        "README.md": "a file about the folder",
        "agents.yaml": "crewai",
        "blank.png": "an image without a card",
        "card.json": "card",
        "ci.yml": "no YAML of a crew",
        "docs/guide.md": "its front matter has no key that agents have",
        "docs/notes.md": "no front matter",
        "docs/x.chatmode.md": "agent",
        "image.png": "png",
        "notes.txt": "no format that is known",
        "package.json": "no character card",
        "pyproject.toml": "no developer_instructions",
        "r.toml": "codex",
        "skills/a/SKILL.md": "a skill, which agents load",
    }
    assert (len(found.files), found.refused) == (8, ())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.prompty", "no format that is known ends so; known are .md, .markdown, .mdc"),
        ("missing.md", "there is no such file; check the path"),
        ("none.yaml", "no entry is an agent of crewAI's"),
        ("none.toml", "developer_instructions: is missing"),
    ],
)
def test_a_file_that_is_named_and_is_of_no_format_is_told_so(tmp_path: Path, name: str, words: str) -> None:
    """Nobody is told to rename it: renamed it would come in as prose."""
    if name != "missing.md":
        (tmp_path / name).write_text("" if name.endswith("toml") else "a: b\n")
    found = import_files(tmp_path / name)
    assert found.refused == (str(tmp_path / name),)
    assert words in str(found.problems[0])


def test_what_is_only_read_is_not_written() -> None:
    """It says so."""
    with pytest.raises(PersonaFileError.__mro__[1], match="png is read, and not written"):
        FORMATS[-1].text_of(Persona("Maya", "Guide"))
