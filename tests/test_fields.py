from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_persona
from llm_persona import InheritanceError, InvalidValueError, Persona, PersonaError, PersonaFileError, PersonaRegistry
from llm_persona.errors import field_text
from llm_persona.fields import DEFAULTS, FIELDS, checked
from llm_persona.frozen import FrozenDict, ListEdit, thaw

WRONG: list[object] = [
    5,
    1.5,
    True,
    None,
    "",
    "  ",
    "x",
    [],
    ["x"],
    [5],
    [""],
    [None],
    [["x"]],
    ["a", "a"],
    ["name"],
    ["1a"],
    ["_x"],
    {},
    {"a": "b"},
    {"a": 5},
    {"a": None},
    {"": "x"},
    {"add": "x"},
    {"add": ["x"]},
    {"add": []},
    {"ad": ["x"]},
    {"remove": [5]},
    {"add": ["x"], "replace": ["y"]},
    {"replace": []},
    {"na me": None},
    {"_x": None},
    -1,
    8,
    10**18,
    "a/b",
    "$x",
    "a@b@c",
    "x" * 129,
    "a\nb",
]
ENCODABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ENCODABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ENCODABLE.filter(str.strip), inner, max_size=3),
    max_leaves=8,
)
ELSEWHERE = re.compile("is not defined|there is no template|cannot be a template's name")  # found by the registry only

# Python has one value for null and a replacement by nothing, which a file tells apart where there is no parent.
TOLD_APART: dict[str, list[object]] = {
    "capabilities": [{"replace": []}],
    "constraints": [{"replace": []}],
    "tools": [{"replace": []}],
    "variables": [[""]],  # named a bad name here, and empty there
}


def in_python(field: str, value: object) -> tuple[str, str] | None:
    """Return the field and the message with which Persona refuses a value."""
    try:
        Persona("Maya", **{"role": "r", field: value})  # type: ignore[arg-type]
    except PersonaError as error:
        return f"{error.persona}.{field_text(error.field)}", error.message
    return None


def in_data(field: str, value: object) -> tuple[str, str] | None:
    """Return the field and the message with which a file's reader refuses it."""
    try:
        PersonaRegistry.from_dict({"Maya": {"role": "r", field: value}})
    except PersonaFileError as error:
        problem = error.problems[0]
        if ELSEWHERE.search(problem.message):
            return None
        return f"{problem.persona}.{problem.field or ''}", problem.message
    return None


@pytest.mark.parametrize("field", DEFAULTS)
def test_python_refuses_in_the_words_of_the_reader(field: str) -> None:
    """Whatever is wrong with a field's value, Python and a file say so in the same words, of the same place."""
    refused = 0
    for value in WRONG:
        told = in_python(field, value)
        if value not in TOLD_APART.get(field, []):
            assert told == in_data(field, value), value
        refused += told is not None
    assert refused > 5


def test_fields_are_the_readers() -> None:
    """Persona has the fields that a file may have, in one order."""
    assert ("name", *DEFAULTS) == FIELDS


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("role", 5, "Maya.role: must be a text, not a number; quote it"),
        ("role", "", "Maya.role: is empty"),
        ("tone", False, "Maya.tone: must be a text, not a truth value (false); quote it"),
        ("tone", None, "Maya.tone: must be a text, not null"),
        ("capabilities", "Look up", 'Maya.capabilities: must be a list of texts, not a text; write "- Look up"'),
        ("capabilities", ["a", " "], "Maya.capabilities[2]: is empty"),
        ("capabilities", {"ad": ["x"]}, "Maya.capabilities: unknown edit 'ad'; did you mean 'add'?"),
        (
            "custom_sections",
            {"a": 5},
            "Maya.custom_sections.a: must be a text or a list of texts, not a number; quote it",
        ),
        ("custom_sections", {5: "a"}, "Maya.custom_sections: has the name 5, which is not a text; quote it"),
        ("version", 1.1, "Maya.version: must be a text, not a number; quote it"),
        ("version", "1/2", "Maya.version: version '1/2' holds '/', which no version may"),
        ("parent", "a@", "Maya.parent: version is empty"),
        ("variables", {"a-b": None}, "variable 'a-b' is not a name that a placeholder can have"),
        ("variables", ["name"], "variable 'name' cannot be declared: it is kept for the persona's own; rename it"),
        ("abstract", "yes", "Maya.abstract: must be true or false, not a text"),
        (
            "metadata",
            {"a": {1, 2}},
            "Maya.metadata.a: must be a text, a number, true, false, null, a list or a mapping",
        ),
        ("role", "a\x00b", "Maya.role: holds U+0000, which no prompt can carry; remove it"),
        ("custom_sections", {"a": "\ud800"}, "Maya.custom_sections.a: holds U+D800"),
        ("metadata", {"a": ["\ud800"]}, "Maya.metadata.a[1]: holds U+D800"),
    ],
)
def test_messages(field: str, value: object, message: str) -> None:
    """A refused value is told with the persona, the field, what is wrong and what to do."""
    with pytest.raises(InvalidValueError) as caught:
        Persona("Maya", **{"role": "r", field: value})  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given_", "kept"), [(2, "2"), (0, "0"), ("1.10", "1.10"), ("010", "010"), (10**18 - 1, "9" * 18)]
)
def test_versions(given_: object, kept: str) -> None:
    """A version is a text; a plain whole number of up to 18 digits is taken as its text."""
    assert checked("version", given_, "Maya") == kept


@pytest.mark.parametrize("value", [True, 1.10, -1, 10**18, "", " ", "a@b", "$1"])
def test_bad_versions(value: object) -> None:
    """Neither truth values, numbers with fractions, signs or many digits, nor texts that no reference can hold."""
    with pytest.raises(InvalidValueError):
        checked("version", value, "Maya")


def test_variables_in_all_forms() -> None:
    """A list requires all of its names, a mapping gives defaults, and a name is what Python makes of it."""
    assert checked("variables", ["a", "b"], "M") == FrozenDict({"a": None, "b": None})
    assert checked("variables", {"a": None, "b": "x"}, "M") == FrozenDict({"a": None, "b": "x"})
    assert checked("variables", {}, "M") == FrozenDict()
    assert checked("variables", ["ﬁ", "company"], "M") == FrozenDict({"fi": None, "company": None})


@pytest.mark.parametrize("value", [["ﬁ", "fi"], {"ﬁ": "a", "fi": "b"}])
def test_variables_that_python_takes_for_one(value: object) -> None:
    """Two spellings of one keyword would silently become one variable: they are refused."""
    with pytest.raises(InvalidValueError, match="fi"):
        checked("variables", value, "Maya")


@pytest.mark.parametrize(
    ("value", "edit"),
    [
        (None, ListEdit(replace=())),
        ({"add": ["a"]}, ListEdit(add=("a",))),
        ({"remove": ["a"], "add": ("b",)}, ListEdit(remove=("a",), add=("b",))),
        ({"replace": ["a"]}, ListEdit(replace=("a",))),
        ({"add": []}, ListEdit()),
    ],
)
def test_list_edits(value: object, edit: ListEdit) -> None:
    """An edit in Python is the mapping that a file has; null empties."""
    assert checked("capabilities", value, "Maya") == edit


def test_empty_optional_texts_count_as_absent() -> None:
    """An empty company, greeting or display name is none."""
    for field in ("company", "greeting", "display_name", "description"):
        assert checked(field, "", "Maya") is None


def test_a_blank_name_to_speak_is_refused() -> None:
    """A persona cannot call itself by blanks, and no template or version is blank."""
    for field in ("display_name", "template", "version", "parent"):
        with pytest.raises(InvalidValueError, match="is empty"):
            checked(field, "  ", "Maya")


class Loud(str):
    """A text of another type, which prints as something else."""

    def __str__(self) -> str:
        return "LOUD"

    def __format__(self, spec: str) -> str:
        return "LOUD"


def test_text_subclasses_become_plain_text() -> None:
    """Only the characters of a text count, in every field: no type comes along that could print something else."""
    persona = Persona(
        Loud("Maya"),
        Loud("r"),
        capabilities=[Loud("a")],  # type: ignore[arg-type]
        custom_sections={Loud("s"): Loud("t")},
        variables={Loud("v"): Loud("d")},
        metadata={Loud("m"): [Loud("n")]},
        version=Loud("1"),
        parent=Loud("P"),
    )
    seen: list[object] = [persona.name, persona.role, *persona.capabilities, persona.version, persona.parent]
    for mapping in (persona.custom_sections, persona.variables or {}):
        seen += [*mapping, *mapping.values()]
    seen += [*persona.metadata, *persona.metadata["m"]]
    assert [type(text) for text in seen] == [str] * len(seen)
    assert seen == ["Maya", "r", "a", "1", "P", "s", "t", "v", "d", "m", "n"]


def test_metadata_that_holds_itself() -> None:
    """Metadata without an end is refused, not followed."""
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(InvalidValueError, match="nested too deeply"):
        Persona("Maya", "r", metadata=endless)


ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
    lambda x: st.lists(x) | st.dictionaries(st.text() | st.integers(), x),
    max_leaves=5,
)
SOME_TEXT = st.text(min_size=1).filter(str.strip)
FITTING: dict[str, st.SearchStrategy[object]] = {
    "abstract": st.booleans(),
    **dict.fromkeys(("capabilities", "constraints", "tools"), st.lists(SOME_TEXT, min_size=1)),
    **dict.fromkeys(("custom_sections", "metadata"), st.dictionaries(SOME_TEXT, SOME_TEXT, min_size=1)),
    **dict.fromkeys(("variables", "constants"), st.dictionaries(st.text("ab", min_size=1), SOME_TEXT)),
}
GIVEN = st.sampled_from(sorted(DEFAULTS)).flatmap(
    lambda field: st.tuples(st.just(field), ANY_VALUE | FITTING.get(field, SOME_TEXT))
)


@pytest.mark.hits(0.2)
@given(GIVEN)
def test_nothing_but_our_errors(given: tuple[str, object]) -> bool:
    """Whatever is given for a field, Persona takes it or raises one of the package's errors."""
    field, value = given
    try:
        persona = Persona("Maya", **{"role": "r", field: value})  # type: ignore[arg-type]
    except (InvalidValueError, InheritanceError):
        return False
    hash(persona)
    assert field in persona.given()
    assert pickle.loads(pickle.dumps(persona)) == persona
    return True


@given(st.dictionaries(ENCODABLE.filter(str.strip), PLAIN, max_size=3))
def test_metadata_is_kept(data: dict[str, Any]) -> None:
    """Any plain data is metadata, hashable as it is kept and the same when it is thawed."""
    persona = Persona("Maya", "r", metadata=data)
    hash(persona)
    assert thaw(persona.metadata) == data


LINE = '    motto: str | None = _field(Kind.TEXT, _optional_text, None, Words.FILLED, "line")' + "\n"
ABOVE = "    abstract: bool = "  # in the table
FILE = """\
$templates: mottos
Acme: {abstract: true, company: Acme Corp, motto: "{company} {verb}"}
Maya: {parent: Acme, role: Guide, version: 1, template: loud}
Maya@2: {parent: Maya, motto: "{name} sings", template: default}
Dora: {parent: Acme, role: Guide, motto: null}
"""
USED = """
import pickle
from llm_persona import Persona, PersonaError, PersonaRegistry

registry = PersonaRegistry.from_file("personas.yaml")
maya = registry.get("Maya")
assert (maya.motto, registry.get("Dora").motto) == ("Acme Corp {verb}", None)
assert maya.build_system_prompt(verb="helps") == "I am Maya: Acme Corp helps."
try:
    maya.build_system_prompt()
except PersonaError as error:
    print("missing:", error)
place = registry.explain("Maya").fields["motto"]
assert (place.persona, place.path, place.line) == ("Acme", "personas.yaml", 2), place
spans = maya.render(verb="helps").explain()[0].spans
assert ("Acme Corp ", "motto") in [(span.text, span.field) for span in spans], spans
assert registry.get("Maya", version="2").motto == "Maya sings"
for again in (pickle.loads(pickle.dumps(registry)), PersonaRegistry.from_dict({"Maya": maya.to_dict()}, templates="mottos")):
    assert again.get("Maya").motto == maya.motto
registry.to_yaml("written.yaml")
assert PersonaRegistry.from_file("written.yaml").get("Maya").motto == maya.motto
stamp = maya.render(verb="helps").stamp()
changed = PersonaRegistry.from_dict({"Maya": {**maya.to_dict(), "motto": "No."}}, templates="mottos")
print("changed:", changed.verify(stamp))
"""


def test_a_field_is_one_line_of_the_table_and_its_entry_of_the_schema(tmp_path: Path) -> None:
    """All else follows: files, inheritance, placeholders, templates, origins, differences, pages, import and export."""
    source = _with_a_motto(tmp_path / "house")
    (tmp_path / "personas.yaml").write_text(FILE)
    (tmp_path / "mottos").mkdir()
    (tmp_path / "mottos" / "loud.j2").write_text("I am {{ persona.name }}: {{ persona.motto }}.\n")

    def run(code: str, *arguments: str, ends: int = 0) -> str:
        found = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(source)!r})\n{code}", *arguments]
        done = subprocess.run(found, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == ends, done.stdout + done.stderr
        return done.stdout + done.stderr

    def command(*arguments: str, ends: int = 0) -> str:
        return run("from llm_persona.__main__ import main; sys.exit(main())", *arguments, ends=ends)

    told = run(USED)
    assert "motto" in told.partition("missing:")[2].partition("\n")[0], told
    assert "persona.motto" in told.partition("changed:")[2], told
    assert "motto: Acme Corp {verb}" in command("show", "Maya")
    difference = json.loads(command("diff", "Maya", "Maya@2", "-s", "verb=x", "--format", "json"))
    assert ["motto"] in [each["path"] for each in difference["changed"][0]["fields"]], difference
    command("preview", "-o", "page.html", "-s", "verb=x")
    assert "<dt>Motto</dt>" in (tmp_path / "page.html").read_text()
    command("export", "Maya@2", "-o", "maya.md")
    command("import", "maya.md", "-o", "imported.yaml")
    assert "motto: Maya sings" in (tmp_path / "imported.yaml").read_text()
    (tmp_path / "near.yaml").write_text("Maya: {role: Guide, moto: No}\n")
    assert "unknown field 'moto'; did you mean 'motto'?" in command("check", "near.yaml", ends=1)
    (tmp_path / "wrong.yaml").write_text("Maya: {role: Guide, motto: [No]}\n")
    assert "wrong.yaml:1:28: Maya.motto: must be a text, not a list" in command("check", "wrong.yaml", ends=1)


def _with_a_motto(house: Path) -> Path:
    """Copy the package and its templates, add the line and the entry, and return the folder that holds the package."""
    root = Path(llm_persona.__file__).resolve().parents[2]
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "src", house / "src", ignore=ignored)
    shutil.copytree(root / "templates", house / "templates")
    table = house / "src" / "llm_persona" / "fields.py"
    before, above, after = table.read_text().partition(ABOVE)
    table.write_text(before + LINE + above + after)
    schema = next((house / "src").rglob("persona.schema.json"))
    data = json.loads(schema.read_text())
    entry = {"$ref": "#/$defs/text_or_null", "title": "motto", "description": "What it lives by."}
    data["$defs"]["persona"]["properties"]["motto"] = entry
    schema.write_text(json.dumps(data))
    return house / "src"
