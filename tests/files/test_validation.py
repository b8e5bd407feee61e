"""What a file may say, and in which words it is refused: one case a file in `personas/`, its messages beside it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from hits import share_of_hits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_persona import PersonaFileError, PersonaRegistry, validate_file
from llm_persona.checks.characters import character_findings
from llm_persona.errors import Problem
from llm_persona.fields import FIELDS
from llm_persona.files.reading import Document, parse, read
from llm_persona.files.validation import check_document, schema
from llm_persona.names import MAX_NAME

CASES = Path(__file__).parents[1] / "personas"
SHARED = Path(__file__).parents[3] / "shared" / "bad-inputs"
REWRITE = "REWRITE_MESSAGES"  # set it to write the messages of all cases anew, then review the difference


def cases(folder: str) -> list[Path]:
    found = sorted(path for path in (CASES / folder).iterdir() if path.suffix in (".yaml", ".json"))
    assert found, f"{CASES / folder} has no cases: the run would prove nothing"
    return found


def problems_of(path: Path) -> list[Problem]:
    document = read(path)
    found = [*document.problems, *check_document(document).problems, *character_findings(document)]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def parsed(text: str) -> Document:
    return parse(text, "personas.yaml", kind="yaml")


def data_problems(data: object) -> list[Problem]:
    return check_document(parse(json.dumps(data), "personas.json", kind="json")).problems


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", cases("bad"), ids=named)
def test_a_bad_file_is_told_what_is_wrong_and_what_to_write(path: Path) -> None:
    """Every message is as it was reviewed: REWRITE_MESSAGES=1 pytest tests/files/test_validation.py writes them anew."""
    told = "".join(f"{problem}\n" for problem in problems_of(path)).replace(str(path), path.name)
    expected = path.with_name(f"{path.name}.txt")
    if os.environ.get(REWRITE):
        expected.write_text(told, encoding="utf-8")
    assert told, "a bad file went through"
    assert told == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", cases("good"), ids=named)
def test_a_good_file_gives_neither_error_nor_warning(path: Path) -> None:
    """What is allowed is allowed in silence."""
    assert problems_of(path) == []


def test_every_messages_file_belongs_to_a_case() -> None:
    """A message whose case is gone does not stay behind."""
    texts = {path.stem for path in (CASES / "bad").glob("*.txt")}
    assert texts == {path.name for path in cases("bad")}


def test_the_schema_is_valid_draft_2020_12() -> None:
    """Editors and validators take the schema as it is."""
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.Draft202012Validator(schema())
    assert jsonschema_rs.meta.is_valid(schema())


def parts(value: object, place: str = "#") -> list[tuple[str, dict[str, object]]]:
    if isinstance(value, dict):
        below = [part for key, item in value.items() if key != "examples" for part in parts(item, f"{place}/{key}")]
        return [(place, value), *below]
    return []


def test_every_example_in_the_schema_validates() -> None:
    """An editor offers nothing that the reader refuses."""
    whole = schema()
    checked = 0
    for place, part in parts(whole):
        if place.endswith(("/properties", "/$defs")):  # names of fields, not words of the schema
            continue
        only = {key: value for key, value in part.items() if key not in ("examples", "$id", "$defs", "$schema")}
        validator = jsonschema_rs.validator_for({**only, "$schema": whole["$schema"], "$defs": whole["$defs"]})
        examples = part.get("examples", [])
        assert isinstance(examples, list)
        for shown in examples:
            assert validator.is_valid(shown), (place, shown)
            checked += 1
    assert checked > 20


def test_places_in_the_schema_are_plain() -> None:
    """What stands below a pattern is a reference: a pattern in a place would come back percent-encoded."""
    assert any("patternProperties" in part for _, part in parts(schema()))
    for place, part in parts(schema()):
        patterns = part.get("patternProperties", {})
        assert isinstance(patterns, dict)
        assert all(below is True or set(below) == {"$ref"} for below in patterns.values()), place


def test_every_field_has_a_title_a_description_and_an_example() -> None:
    """Somebody who never saw the documentation can write a file in an editor."""
    defs = schema()["$defs"]
    assert isinstance(defs, dict)
    fields = defs["persona"]["properties"]
    assert list(fields) == list(FIELDS[1:])
    for name, field in fields.items():
        assert field["title"] == name
        assert field["description"]
        assert field["examples"]


def test_what_an_editor_shows_says_what_the_schema_means() -> None:
    """Formatted, wherever there is a description; and whatever may be refused has words for it, fields by name."""
    described = [part for _, part in parts(schema()) if "description" in part and isinstance(part["description"], str)]
    assert len(described) > 30
    assert all(part["markdownDescription"] == part["description"] for part in described)
    defs = schema()["$defs"]
    assert isinstance(defs, dict)
    assert [name for name, part in defs.items() if "errorMessage" not in part] == []
    assert ", ".join(FIELDS[1:]) in defs["persona"]["errorMessage"]


def test_the_examples_of_a_template_are_the_bundled_ones(repository: Path) -> None:
    """All that print a prompt: the base of them prints none of its own."""
    whole = schema()
    bundled = {path.stem for path in (repository / "templates").glob("*.j2")} - {"base"}
    for place in (whole["properties"]["$default_template"], whole["$defs"]["persona"]["properties"]["template"]):  # type: ignore[index]  # its shape
        assert set(place["examples"]) == bundled


def test_the_schema_is_not_shared() -> None:
    """Changing what was returned changes nothing for anybody else."""
    schema().clear()
    assert schema()["$defs"]


def test_blank_means_the_same_to_the_schema_and_to_python() -> None:
    """Every character that str.strip removes is blank in a role, and no other is."""
    blanks = [chr(point) for point in range(0x110000) if chr(point).isspace()]
    assert all(data_problems({"Maya": {"role": blank}}) for blank in blanks)
    others = [chr(point) for point in range(0x21, 0xD800) if not chr(point).isspace()]
    assert data_problems({f"P{number}": {"role": other} for number, other in enumerate(others)}) == []


@pytest.mark.parametrize("length", [1, MAX_NAME, MAX_NAME + 1])
def test_names_have_a_longest(length: int) -> None:
    """128 characters are a name, and of a version too; one more is an error."""
    refused = length > MAX_NAME
    assert bool(data_problems({"x" * length: {"role": "a"}})) is refused
    assert bool(data_problems({f"x@{'1' * length}": {"role": "a"}})) is refused


def test_only_the_readers_problem_is_told_where_both_see_one() -> None:
    """One mistake is reported once: a date is refused by the reader, and its place is not refused again."""
    document = parsed("Maya:\n  role: 2026-01-01\n  tone: 7\n")
    assert [problem.field for problem in document.problems] == ["role"]
    assert [problem.field for problem in check_document(document).problems] == ["tone"]


def test_a_lone_surrogate_hides_no_other_mistake() -> None:
    """The validator cannot take such a text; everything else in the file is still checked."""
    document = Document("<data>", {"Maya": {"role": "\ud800", "tone": 7}})
    assert [problem.field for problem in check_document(document).problems] == ["tone"]


def test_very_many_mistakes_end_with_a_word_on_the_rest() -> None:
    """The first thousand are told, the others counted, and every entry that has one is known as broken."""
    data = {f"P{number}": {"role": "a", "capabilities": [None]} for number in range(2_000)}
    checked = check_document(parse(json.dumps(data), "personas.json", kind="json"))
    assert len(checked.problems) == checked.more == 1_000
    assert checked.broken == set(data)


def test_keys_that_look_like_numbers_keep_their_text() -> None:
    """A section called 007 is not section 7."""
    found = data_problems({"Maya": {"role": "a", "custom_sections": {"007": 3, "7": "a", "+5": 1, "a/b~c": 2}}})
    assert sorted(problem.field or "" for problem in found) == [
        "custom_sections.+5",
        "custom_sections.007",
        "custom_sections.a/b~c",
    ]


def test_problems_come_in_file_order() -> None:
    """As an author reads the file, whatever the schema sees first."""
    found = check_document(parsed("B:\n  tone: 7\n  rolle: a\nA:\n  version: 1.10\n  role:\n")).problems
    places = [(problem.line, problem.column) for problem in found]
    assert len(places) == 4
    assert places == sorted(places)


FIELD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODD = st.text(max_size=3) | st.sampled_from(
    ["Maya", "Maya@2", "0@0", "@", "salt", "1", "\x07", "\ufb01", "_x", "replace", "a/b"]
)
BELOW = FIELD_VALUES | st.dictionaries(ODD, FIELD_VALUES, max_size=2)
PERSONAS = st.dictionaries(st.sampled_from([*FIELDS, "rolle", ""]), BELOW, max_size=5)
WELL = st.fixed_dictionaries(
    {"role": st.just("a")},
    optional={
        "custom_sections": st.dictionaries(ODD, st.text()),
        "variables": st.dictionaries(ODD, st.text()) | st.lists(ODD),
    },
)
ROLLOUTS = st.dictionaries(
    ODD, st.dictionaries(ODD, st.integers(-1, 101) | FIELD_VALUES, max_size=2) | FIELD_VALUES, max_size=2
)
NAMES = ODD | st.sampled_from(["$rollouts", "$templates", "$schema"])
FILES = (
    st.dictionaries(NAMES, PERSONAS | WELL | FIELD_VALUES, max_size=3)
    | st.fixed_dictionaries({"$rollouts": ROLLOUTS})
    | st.dictionaries(st.sampled_from(["Maya", "Dora"]), WELL, min_size=1)
    | st.dictionaries(st.sampled_from(["Maya", "Dora"]), WELL, min_size=1)
)


def test_whatever_the_schema_refuses_is_told() -> None:
    """No file is refused in silence and no message names a Python type; a file that is well gives nothing."""
    with share_of_hits(0.6) as refused, share_of_hits(0.15) as well:

        @settings(max_examples=500)
        @example({"$rollouts": {"0@0": None}})
        @given(FILES)
        def holds(data: dict[str, object]) -> None:
            document = Document("<data>", data)
            found = check_document(document).problems
            character_findings(document)
            assert refused.count(bool(found)) is not well.count(jsonschema_rs.is_valid(schema(), data))
            for problem in found:
                assert problem.severity == "error"
                python = [word for word in ("dict", "NoneType", "str'", "bool", "float") if word not in str(data)]
                assert not any(word in problem.message for word in python)

        holds()


def shared_cases() -> list[pytest.param]:  # type: ignore[valid-type]  # pytest has no public name for it
    if not (SHARED / "index.json").exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {SHARED}: more real data is not run"))]
    return [pytest.param(case, id=case["file"]) for case in json.loads((SHARED / "index.json").read_text())["cases"]]


@pytest.mark.parametrize("case", shared_cases())
def test_shared_bad_files_are_told_at_their_line(case: dict[str, object]) -> None:
    """Each message stands at the line of the defect and holds the words that its author needs."""
    path = SHARED / str(case["file"])
    found = problems_of(path) or validate_file(path)  # that a role is missing shows in a complete persona
    outcome, words, any_of = str(case["outcome"]), case["words"], case["any_of"]
    assert isinstance(words, list)
    assert isinstance(any_of, list)
    errors = [problem for problem in found if problem.severity == "error"]
    if outcome in ("literal", "literal_and_flag") or (outcome == "reject_or_literal" and not errors):
        assert errors == []
    if outcome == "literal" or (outcome == "reject_or_literal" and not errors):
        return
    told = "\n".join(str(problem) for problem in found if problem.line in case["lines_ok"])  # type: ignore[operator]
    assert all(word in told for word in words)
    assert not any_of or any(word in told for word in any_of)


@pytest.mark.parametrize("path", sorted((SHARED / "accept").glob("a*.*")), ids=named)
def test_shared_good_files_are_well(path: Path) -> None:
    """Odd names, flags, joined emoji, Persian: all of it is allowed in silence (U+0000 may be refused)."""
    if path.name.startswith("a27"):
        pytest.skip("it holds control characters, which are refused or warned of")
    assert problems_of(path) == []


def test_importing_the_package_imports_no_validator() -> None:
    """The schema library is imported when the first file is checked."""
    import subprocess

    code = "import llm_persona.files.validation, sys; print('jsonschema_rs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_wrapper_around_personas_is_to_go() -> None:
    """The remedy is not to make a field of the persona in it."""
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict({"personas": {"Maya": {"role": "Guide"}}})
    assert "unknown field 'Maya'; a persona stands at the top of the file: take 'personas' away" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"), [("folder", "is a folder"), ("*.yaml", "-f takes patterns"), ("a.yaml", "check the path")]
)
def test_what_is_no_file_is_told(tmp_path: Path, name: str, told: str) -> None:
    """A folder is not to be renamed, and a pattern is no path that is wrong."""
    (tmp_path / "folder").mkdir()
    (problem,) = validate_file(tmp_path / name)
    assert told in f"{problem.message}; {problem.hint}"


def test_a_version_beside_a_persona_that_is_refused_is_not_blamed(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("Maya: {role: Guide, version: 1, tone: [x]}\nMaya@2: {role: Guide}\nBen@2: {role: Guide}\n")
    assert [(problem.persona, problem.field) for problem in validate_file(path)] == [("Maya", "tone"), ("Ben@2", None)]
