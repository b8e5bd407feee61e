"""Tests of agent Markdown: foreign prompts come in word for word, and what goes out comes back equal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_persona import InheritanceError, Persona, PersonaFileError, PersonaRegistry
from llm_persona.convert.agents import SECTION, agent, load_agent, to_agent_markdown
from llm_persona.convert.foreign import safe_name
from llm_persona.convert.imports import load_agents
from llm_persona.files.writing import dump_yaml
from llm_persona.names import check_name
from llm_persona.persona.resolution import written

CASES = Path(__file__).parent / "agent"
DATA = Path(__file__).parents[3] / "shared" / "data"
AGENTS = DATA / "agents"
PROMPTS = DATA / "ai-personas.json"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
plain_texts = texts.filter(str.strip)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_texts, inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["name", "description", "tools", "model", "color", "skills", "version"]) | plain_texts
fronts = st.dictionaries(keys.filter(lambda key: key != "llm_persona"), values | texts, max_size=6)
bodies = texts | st.lists(st.sampled_from(["\n", "\r\n", "---", "---\n", "{name}", "{{x}}", " ", "ü"])).map("".join)


@st.composite
def personas(draw: st.DrawFn) -> Persona:
    """Any persona that a registry could hand out."""
    fields: dict[str, Any] = {"role": draw(plain_texts)}
    optional = {
        "company": st.none() | texts,
        "tone": plain_texts,
        "capabilities": st.lists(plain_texts, max_size=3) | st.none(),
        "constraints": st.lists(plain_texts, max_size=2),
        "greeting": texts,
        "custom_sections": st.dictionaries(plain_texts | st.just(SECTION), texts, max_size=2),
        "display_name": st.just("") | plain_texts,  # blank ones are refused
        "version": st.sampled_from(["1", "1.10", "2026-01-01", 3]),
        "variables": st.sampled_from([{}, {"user": None, "plan": "free"}, ["user"]]),
        "template": st.sampled_from(["markdown", "xml", None]),
        "tools": st.lists(plain_texts | st.sampled_from(["Read", "a, b", "*"]), max_size=3),
        "description": st.none() | texts,
        "metadata": st.dictionaries(keys | st.just("llm_persona"), values, max_size=3),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        fields[name] = draw(optional[name])
    name = draw(st.sampled_from(["Maya", "code-reviewer", "Zoë & Co: 1", "no", " a"]))
    return Persona(name if "version" in fields or draw(st.booleans()) else f"{name}@2", **fields)


def imported(text: str, path: str = "agent.md") -> Persona:
    return agent(text, path)


def again(persona: Persona, path: str = "agent.md") -> Persona:
    """The persona that comes of an exported one, from a file of this path."""
    return agent(to_agent_markdown(persona, path), path)


def body_of(text: str) -> str:
    """The prompt of a file by the rule that people know: all below the second `---` line and one blank line."""
    return re.split(r"^---[ \t]*\r?\n", text, maxsplit=2, flags=re.MULTILINE)[2].removeprefix("\n")


def test_an_agent_keeps_its_prompt_its_tools_and_all_other_keys() -> None:
    """Name, description and tools have fields; model, colour, numbers, nulls and nested hooks are metadata, in order."""
    persona = load_agent(CASES / "reviewer.md")
    assert (persona.name, persona.role, persona.template) == ("code-reviewer", "", "verbatim")
    assert persona.description == "Reviews changes: finds defects, says why."
    assert persona.tools == ("Read", "Bash(git log, git diff)")
    assert persona.custom_sections == {SECTION: body_of((CASES / "reviewer.md").read_text())}
    assert {k: v for k, v in written(persona)["metadata"].items() if k in ("model", "color", "maxTurns", "hooks")} == {  # type: ignore[attr-defined]
        "model": "inherit",
        "color": "purple",
        "maxTurns": 12,
        "hooks": {"PreToolUse": [{"matcher": "Bash", "timeout": 1.5}], "Stop": None},
    }


def test_no_placeholder_of_a_foreign_prompt_is_active() -> None:
    """`{line}` and `{{name}}` are rendered as they are written."""
    prompt = load_agent(CASES / "reviewer.md").build_system_prompt()
    assert prompt == body_of((CASES / "reviewer.md").read_text())


def test_the_order_of_unusual_front_matter_comes_back() -> None:
    """Keys of an exported agent stand in the order they were imported in."""
    text = to_agent_markdown(load_agent(CASES / "reviewer.md"))
    assert re.findall(r"^(\w+):", text.split("\n---\n")[0], re.MULTILINE) == [
        *("name", "model", "description", "tools", "color", "maxTurns", "hooks"),
    ]
    assert "llm_persona" not in text


@pytest.mark.parametrize(
    "text",
    [
        "---\nname: a\n---\nbody",
        "---\nname: a\n---\n\nbody\n",
        "---\nname: a\n---\n\n\nbody \n\n",
        "---\r\nname: a\r\n---\r\n\r\none\r\ntwo",
        "---\r\nname: a\r\n---\r\none\ntwo\r\n",
        "---\nname: a\n---\n\nabove\n---\nbelow\n---\n",
        "---\nname: a\ndescription: b\nmodel: c\n---\n\n\ufeffbody",
    ],
)
def test_a_plain_file_is_exported_byte_for_byte(text: str) -> None:
    """Line breaks, blank lines, `---` in the prompt and a missing final newline survive import and export."""
    assert to_agent_markdown(imported(text)) == text


def test_a_mark_of_utf_8_is_no_part_of_the_file(tmp_path: Path) -> None:
    """A BOM does not hide the front matter."""
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf---\r\nname: b\r\n---\r\nhi")
    assert load_agent(tmp_path / "a.md").name == "b"


def test_a_file_without_front_matter_is_a_prompt_named_after_its_file() -> None:
    """The whole text is the prompt; `---` further down is a part of it."""
    persona = imported("Be kind.\n---\nAlways.", "folder/kind-helper.md")
    assert (persona.name, persona.tools) == ("kind-helper", "all")
    assert persona.custom_sections == {SECTION: "Be kind.\n---\nAlways."}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a/b", "a-b"),
        ("Maya@2", "Maya-2"),
        ("$x", "x"),
        ("x" * 200, "x" * 128),
        ("a\tb", "a-b"),
        (5, "5"),
        (True, "file"),
        (None, "file"),
        ("", "file"),
        ("  ", "file"),
        (["a"], "file"),
        ("\u2028", "file"),
    ],
)
def test_a_name_that_no_persona_can_have_is_kept_beside_a_safe_one(name: object, key: str) -> None:
    """The safe name is the key, metadata has the original, and a text is what the persona calls itself."""
    persona = imported(f"---\n{dump_yaml({'name': name})}---\n\nHi", "file.md")
    assert persona.name == key
    assert written(persona)["metadata"] == {"name": name}
    assert persona.spoken_name == (name if isinstance(name, str) and name.strip() else key)
    assert again(persona, "elsewhere.md") == persona


@given(texts | st.text("$-/\t \u00a0\u3000a"))
@example("\u00a0" * 128 + "a")
@example("$\u00a0")
def test_of_any_name_a_name_is_left_or_nothing(name: str) -> None:
    """What is blank to a reader is no name, whichever blanks it is made of and wherever it is cut."""
    found = safe_name(name)
    assert found == "" or check_name(found) == found


@given(fronts, bodies, st.sampled_from(["\n", "\r\n"]), st.booleans())
@example({"name": "\u00a0"}, "", "\n", False)
@example({"tools": "Read,Write"}, "x", "\n", True)
@example({"tools": ["Read", "a, b"]}, "x", "\n", False)
@example({"tools": "*"}, "x", "\n", True)
@example({"description": "", "name": 1.0, "tools": None}, "", "\r\n", True)
@example({"model": "b", "description": "c"}, "\nx", "\n", False)
def test_import_export_import_is_the_identity(front: dict[str, Any], body: str, line_break: str, blank: bool) -> bool:
    """Of any agent file: the persona comes back equal, its prompt word for word, and every key with its value."""
    head = f"---\n{dump_yaml(front) if front else ''}---\n".replace("\n", line_break)
    try:
        found = imported(head + (line_break if blank else "") + body)
    except PersonaFileError:
        assert not front
        assert not body.strip()
        return False
    assert again(found) == again(found, "elsewhere.md") == found
    text = to_agent_markdown(found)
    assert text.endswith(body)
    assert found.build_system_prompt() == (body if blank else body.removeprefix(line_break))
    kept = written(found).get("metadata", {})
    for key, value in front.items():
        field = {"name": found.name, "description": found.description, "tools": ", ".join(found.tools)}.get(key)
        assert json.dumps(kept.get(key, field)) == json.dumps(value)  # type: ignore[attr-defined]
    return True


@given(personas())
def test_any_persona_comes_back_from_an_agent_file(persona: Persona) -> None:
    """Nothing of a definition is lost: versions, variables, what was given and what was not, and the order."""
    found = imported(to_agent_markdown(persona), "elsewhere.md")
    assert found == persona
    assert written(found) == written(persona)


def test_an_exported_persona_can_be_read_by_others() -> None:
    """The body is the rendered prompt; defaults are filled in, and what only a session knows is left as it is."""
    persona = Persona(
        "Maya",
        "Specialist",
        tools=["Read", "Grep"],
        custom_sections={"A": "Hi {user}, {plan}."},
        variables={"user": None, "plan": "free"},
        metadata={"model": "opus"},
    )
    head, body = to_agent_markdown(persona).split("\n---\n", 1)
    assert head.startswith("---\nname: Maya\ndescription: Specialist\ntools: Read, Grep\nmodel: opus\nllm_persona:\n")
    assert body == f"\n{persona.build_system_prompt(user='{user}')}\n"


def test_an_exported_file_that_was_edited_is_not_silently_ignored() -> None:
    """The definition counts and the body only shows it, so a changed body is an error that says what to do."""
    text = to_agent_markdown(Persona("Maya", "Specialist"))
    assert imported(text.replace("\n", "\r\n")).tone == "helpful and professional"
    with pytest.raises(PersonaFileError, match="remove 'llm_persona'") as raised:
        agent(text + "Be rude.\n", "maya.md")
    assert str(raised.value).startswith("maya.md:4:1: llm_persona: the file was changed since it was exported")


def test_a_persona_with_a_parent_has_to_come_from_a_registry() -> None:
    """Half a persona is not exported; from the registry it goes out with its parent's fields."""
    child = Persona("B", parent="A")
    with pytest.raises(InheritanceError, match=r"registry\.get"):
        to_agent_markdown(child)
    registry = PersonaRegistry()
    registry.define(Persona("A", "Specialist"), child)
    assert imported(to_agent_markdown(registry.get("B"))) == registry.get("B")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"+++\nname = a\n+++\nx", "a.md:2:8: this is no TOML: invalid value"),
        (
            b"+++\nname = 'a'\n",
            "a.md:1:1: the front matter that begins here has no end; close it with a line of its own: +++",
        ),
        (b"---\nname: a\nx", "a.md:1:1: the front matter that begins here has no end; close it"),
        (b"---\nname: a\n---\n\n a\0", "a.md:5:3: holds U+0000, which no prompt can carry; remove it"),
        (b"---\nname: a\n---\nx \xff", "a.md:4:3: the byte 0xFF is not UTF-8; save the file as UTF-8"),
        (b"---\nname: a\nm: {'': 1}\n---\nx", "a.md:3:4: m: has an empty name"),
        (b"---\nllm_persona: x\n---\nx", "a.md:2:1: llm_persona: must be what an export writes, not a text"),
        (b"", "a.md:1:1: the file is empty; write a prompt in it"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_place(tmp_path: Path, content: bytes, words: str) -> None:
    """Lines and columns are those of the Markdown file, not of its front matter."""
    (tmp_path / "a.md").write_bytes(content)
    with pytest.raises(PersonaFileError) as raised:
        load_agent(tmp_path / "a.md")
    assert str(raised.value).replace(f"{tmp_path}/", "").startswith(words)


def test_a_bad_file_does_not_keep_the_others_of_its_folder_out(tmp_path: Path) -> None:
    """Every file is imported or refused; taken names get a number and keep what they were; hidden files are left out."""
    (tmp_path / "sub").mkdir()
    for name, text in {
        "a.md": "---\nname: twin\n---\n\nA",
        "b.md": "---\nname: x\nB",
        "sub/c.MD": "---\nname: twin\n---\n\nC",
        ".hidden.md": "no",
        "notes.txt": "no",
    }.items():
        (tmp_path / name).write_text(text)
    found = load_agents(tmp_path)
    assert [persona.name for persona in found.personas] == ["twin", "twin-2"]
    assert found.personas[1].spoken_name == "twin"
    assert found.personas[1].metadata["name"] == "twin"
    assert imported(to_agent_markdown(found.personas[1])) == found.personas[1]
    assert [Path(path).name for path in (*found.files, *found.refused)] == ["a.md", "c.MD", "b.md"]
    assert [problem.line for problem in found.problems] == [1]


def test_what_yaml_cuts_from_front_matter_is_told(tmp_path: Path) -> None:
    """The file comes in, with a warning at the place in the Markdown file; its prompt is no YAML, and is whole."""
    text = (
        "---\nname: Dora\ndescription: Handles tickets #support only\nhooks:\n  - run\n    #2\n---\nIn chat #support\n"
    )
    (tmp_path / "a.md").write_text(text)
    found = load_agents(tmp_path / "a.md")
    assert [persona.name for persona in found.personas] == ["Dora"]
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in found.problems] == [
        (
            'a.md:3:30: warning: description: the text ends before "#support only": YAML takes the rest of the line for a '
            'comment; quote the whole text: "Handles tickets #support only", or put a blank after the # of a comment '
            "[cut-at-hash]"
        ),
        (
            'a.md:6:5: warning: hooks[1]: the text ends before "#2": YAML takes the line for a comment; quote the whole '
            'text: "run #2", or put a blank after the # of a comment [cut-at-hash]'
        ),
    ]


@pytest.mark.parametrize("name", ["absent.md", "folder.md", "empty", "a.png"])
def test_a_path_that_gives_no_agent_is_a_problem(tmp_path: Path, name: str) -> None:
    """A missing file, an empty folder and another kind of file are refused, not passed over."""
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "empty").mkdir()
    found = load_agents(tmp_path / name)
    assert found.refused == (str(tmp_path / name),)
    assert len(found.problems) == 1


def test_a_very_long_list_of_tools_takes_no_time() -> None:
    """A million commas are divided in one pass, with and without brackets."""
    assert imported(f'---\ntools: "{"," * 999_000}"\n---\nx').tools == ()
    assert imported(f'---\ntools: "a{"(" * 499_000}{"," * 499_000}"\n---\nx').tools[0].startswith("a(((")


@pytest.mark.skipif(not AGENTS.is_dir(), reason="the real agent files are not here: ../shared/data/agents")
def test_real_agent_files_come_in_word_for_word_and_none_is_lost() -> None:
    """All 178 come in, their prompts word for word; the lines of 5 that are no YAML are named; `check` is content."""
    found = load_agents(AGENTS)
    assert (len(found.files), len(found.refused)) == (178, 0)
    assert len(found.problems) == 5
    for problem in found.problems:
        assert problem.line is not None
        assert Path(str(problem.path)).read_text().split("\n")[problem.line - 1].startswith(f"{problem.field}: ")
    for path, persona in zip(found.files, found.personas, strict=True):
        text = Path(path).read_bytes().decode()
        assert persona.build_system_prompt() == body_of(text)
        exported = to_agent_markdown(persona)
        assert exported.endswith(text[text.index("\n---") :])
        assert imported(exported, "elsewhere.md") == persona
    registry = PersonaRegistry()
    registry.define(*found.personas)
    assert PersonaRegistry.from_dict(registry.to_dict()) == registry
    assert registry.problems() == []


@pytest.mark.skipif(not PROMPTS.is_file(), reason="the real prompts are not here: ../shared/data/ai-personas.json")
def test_real_prompts_go_through_an_agent_file_word_for_word() -> None:
    """1,561 prompts with braces, control characters and 69,721 characters in one."""
    prompts = json.loads(PROMPTS.read_bytes())
    assert len(prompts) == 1_561
    for name, entry in prompts.items():
        text = f"---\n{dump_yaml({'name': name})}---\n\n{entry['prompt']}"
        persona = imported(text)
        assert persona.custom_sections[SECTION] == entry["prompt"]
        assert persona.spoken_name == name
        assert imported(to_agent_markdown(persona), "elsewhere.md") == persona
