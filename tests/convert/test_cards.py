"""Tests of character cards, and of the commands `import` and `export`: nothing is dropped, what goes out comes back."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_agents import AGENTS, PROMPTS, personas, plain_texts, texts, values

from llm_persona import Persona, PersonaFileError, PersonaRegistry
from llm_persona.convert.agents import load_agent
from llm_persona.convert.cards import from_card, load_card, to_card
from llm_persona.convert.imports import import_files
from llm_persona.files.writing import dump_json
from llm_persona.persona.resolution import written

CASES = Path(__file__).parent / "card"

FIELDS = (
    *("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes", "system_prompt"),
    *("post_history_instructions", "alternate_greetings", "tags", "creator", "character_version", "extensions"),
    *("assets", "nickname", "group_only_greetings", "creation_date", "character_book"),
)
datas = st.dictionaries(st.sampled_from(FIELDS) | plain_texts, texts | values, max_size=8)


def case(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((CASES / name).read_text())
    return data


def strings(value: object) -> list[str]:
    """All texts and numbers of some data, as JSON has them."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    return [text for item in value for text in strings(item)] if isinstance(value, list) else [json.dumps(value)]


def test_what_a_v2_card_says_to_its_model_becomes_sections_word_for_word() -> None:
    """CRLF stays; the greeting, the version and the notes have fields. `{{original}}` keeps all macros as they are."""
    card, persona = case("v2.json"), load_card(CASES / "v2.json")
    assert (persona.name, persona.role, persona.version) == ("Captain Ferro", "", "1.10")
    assert dict(persona.custom_sections) == {
        "System prompt": card["data"]["system_prompt"],
        "Description": card["data"]["description"],
        "Personality": "dry, patient",
        "Example dialogue": card["data"]["mes_example"],
    }
    assert persona.greeting == persona.build_greeting() == card["data"]["first_mes"]
    assert persona.description == card["data"]["creator_notes"]
    assert card["data"]["description"] in persona.build_system_prompt()
    assert card["data"]["creator_notes"] not in persona.build_system_prompt()


def test_what_has_no_field_is_metadata() -> None:
    """Lists, books, extensions, unknown keys, and keys of an older format beside the data: all are kept."""
    card, metadata = case("v2.json"), written(load_card(CASES / "v2.json"))["metadata"]
    kept = ("alternate_greetings", "character_book", "tags", "creator", "extensions", "unknown")
    assert {name: metadata[name] for name in kept} == {name: card["data"][name] for name in kept}  # type: ignore[index]
    assert metadata["llm_persona"] == {  # type: ignore[index]
        "spec": "chara_card_v2",
        "beside": {"name": "Captain Ferro", "avatar": "none"},
    }


def test_a_v3_card_may_have_a_name_that_no_persona_can_have() -> None:
    """The nickname is spoken, the name kept; a version that is no version stays what it was."""
    persona = load_card(CASES / "v3.json")
    assert (persona.name, persona.spoken_name, persona.version) == ("Mira-2 -home", "Mira", None)
    assert (persona.metadata["name"], persona.metadata["character_version"]) == ("Mira/2 @home", "a/b")


@pytest.mark.parametrize("name", ["v1.json", "v2.json", "v3.json"])
def test_a_card_is_exported_as_it_was(name: str) -> None:
    """Field by field, keys of older versions beside the data too, and nothing is added."""
    assert to_card(load_card(CASES / name)) == case(name)


@pytest.mark.parametrize("name", ["v2.json", "v3.json"])
def test_cards_come_back_equal(name: str, tmp_path: Path) -> None:
    """Import, export, import is the identity, through a file, and every value of the card is in what is exported."""
    persona = load_card(CASES / name)
    (tmp_path / "x.json").write_text(dump_json(to_card(persona)), newline="")
    assert load_card(tmp_path / "x.json") == persona
    lost = set(strings(case(name)["data"])) - set(strings(to_card(persona)))
    assert lost == set()


@given(st.sampled_from(["chara_card_v2", "chara_card_v3"]), datas, st.dictionaries(plain_texts, values, max_size=2))
@example("chara_card_v3", {"name": "a/b", "nickname": "a/b", "extensions": None}, {"spec_version": "3.1"})
@example("chara_card_v2", {"name": None, "tags": [], "description": None, "extensions": {"x": 1}}, {"first_mes": "x"})
@example("chara_card_v3", {"name": "a", "nickname": "b", "character_version": ""}, {})
@example("chara_card_v2", {"nickname": " "}, {})
def test_import_export_import_is_the_identity(spec: str, data: dict[str, Any], beside: dict[str, Any]) -> None:
    """Of any card, whatever its fields hold: the persona comes back equal, and no value of the data is lost."""
    card = {**beside, "spec": spec, "data": data}
    before = copy.deepcopy(card)
    persona = from_card(card, "file.json")
    exported = to_card(persona)
    assert from_card(json.loads(dump_json(exported)), "elsewhere.json") == persona
    assert card == before
    assert set(strings(data)) <= set(strings(exported))
    assert {**exported, "data": None} == {**card, "data": None}


@given(personas())
def test_any_persona_comes_back_from_a_card(persona: Persona) -> None:
    """Nothing of a definition is lost."""
    found = from_card(json.loads(dump_json(to_card(persona))), "elsewhere.json")
    assert found == persona
    assert written(found) == written(persona)


@given(personas())
def test_an_exported_card_has_what_v3_asks_for(persona: Persona) -> None:
    """Every mandatory field is there and of its kind."""
    data: Any = to_card(persona)["data"]
    for field in ("name", "description", "mes_example", "system_prompt", "post_history_instructions", "first_mes"):
        assert isinstance(data[field], str)
    assert {"tags", "creator", "extensions", "alternate_greetings", "group_only_greetings"} <= data.keys()


def test_an_exported_card_that_was_edited_is_not_silently_ignored() -> None:
    """The definition counts and the description only shows it, so a changed one is an error."""
    card: Any = to_card(Persona("Maya", "Specialist"))
    assert card["data"]["description"] == Persona("Maya", "Specialist").build_system_prompt()
    card["data"]["description"] += " Be rude."
    with pytest.raises(PersonaFileError, match=r"data\.extensions\.llm_persona: the file was changed since"):
        from_card(card)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "x"}', "x.json:1:1: spec: is missing; a Character Card V2 or V3 has 'chara_card_v2'"),
        ('{\n "spec": "chara_card_v9"}', "x.json:2:10: spec: is 'chara_card_v9'; a Character"),
        ('{"spec": "chara_card_v2"}', "x.json:1:1: data: is missing; write"),
        ('{"spec": "chara_card_v2",\n "data": []}', "x.json:2:10: data: must be a mapping, not a list"),
        ('{"spec": "chara_card_v2", "data": {"name": "a",\n "b": b}}', "x.json:2:7: data.b: "),
        ("[]", "x.json:1:1: the file must be a character card, not a list"),
    ],
)
def test_what_is_no_card_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    """Each with line, column and remedy."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(PersonaFileError) as raised:
        load_card(tmp_path / "x.json")
    assert str(raised.value).replace(f"{tmp_path}/", "").startswith(words)


@pytest.mark.skipif(not PROMPTS.is_file(), reason="the real prompts are not here: ../shared/data/ai-personas.json")
def test_real_prompts_go_through_a_card_word_for_word() -> None:
    """1,561 prompts as descriptions of V2 cards, out as V3 and back."""
    prompts = json.loads(PROMPTS.read_bytes())
    assert len(prompts) == 1_561
    for name, entry in prompts.items():
        persona = from_card(
            {"spec": "chara_card_v2", "data": {"name": name, "description": entry["prompt"]}}, "file.json"
        )
        assert persona.custom_sections["Description"] == entry["prompt"]
        exported: Any = json.loads(dump_json(to_card(persona)))
        assert exported["data"]["description"] == entry["prompt"]
        assert from_card(exported, "elsewhere.json") == persona


@pytest.mark.skipif(not AGENTS.is_dir(), reason="the real agent files are not here: ../shared/data/agents")
def test_real_agents_go_through_a_card_and_back() -> None:
    """What an agent file says survives the other format too."""
    personas = import_files(AGENTS).personas
    assert len(personas) == 178
    for persona in personas:
        assert from_card(json.loads(dump_json(to_card(persona))), "elsewhere.json") == persona


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "llm_persona", *arguments], cwd=folder, capture_output=True)


def test_the_command_line_imports_a_folder_and_exports_it_again(tmp_path: Path) -> None:
    """Agents and cards become one persona file that loads; each goes out equal, also through standard output."""
    paths = (CASES.parent / "agent" / "reviewer.md", CASES / "v2.json")
    done = run(tmp_path, "import", *map(str, paths), "-o", "personas.yaml")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.endswith(b"2 files imported\n")
    registry = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    assert registry.list_names() == ["code-reviewer", "Captain Ferro"]
    assert run(tmp_path, "export", "code-reviewer", "-o", "x.md").returncode == 0
    assert load_agent(tmp_path / "x.md") == load_agent(CASES.parent / "agent" / "reviewer.md")
    card = run(tmp_path, "export", "Captain Ferro", "--format", "card")
    assert from_card(json.loads(card.stdout)) == load_card(CASES / "v2.json")


def test_the_command_line_leaves_nothing_half_done(tmp_path: Path) -> None:
    """A refused file is named with its line and ends with 1; only --partial writes the others; no file is overwritten."""
    (tmp_path / "good.md").write_text("---\nname: good\n---\n\nHi")
    (tmp_path / "bad.md").write_text("---\nname: x\nHi")
    done = run(tmp_path, "import", "bad.md", "good.md", "-o", "out.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith(b"bad.md:1:1: the front matter")
    assert not (tmp_path / "out.yaml").exists()
    assert run(tmp_path, "import", ".", "-o", "out.json", "--partial").returncode == 1
    assert PersonaRegistry.from_file(tmp_path / "out.json").list_names() == ["good"]
    before = (tmp_path / "out.json").read_bytes()
    assert b"--force" in run(tmp_path, "import", "good.md", "-o", "out.json").stderr
    assert b"--force" in run(tmp_path, "export", "good", "-f", "out.json", "-o", "out.json").stderr
    assert (tmp_path / "out.json").read_bytes() == before
    assert run(tmp_path, "import", "good.md", "-o", "out.json", "--force").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.md", "good.md", "out.json"]


@pytest.mark.skipif(not AGENTS.is_dir(), reason="the real agent files are not here: ../shared/data/agents")
def test_the_command_line_imports_the_real_agents(tmp_path: Path) -> None:
    """All 178 files, into a file that the registry then reads back, and with which `check` is content."""
    done = run(tmp_path, "import", str(AGENTS), "-o", "personas.yaml")
    assert done.returncode == 0
    assert b"178 files imported" in done.stderr
    loaded = PersonaRegistry.from_file(tmp_path / "personas.yaml")
    assert [loaded.get(name) for name in loaded.list_names()] == list(import_files(AGENTS).personas)
