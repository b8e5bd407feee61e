"""Tests of reading: what a file means, where everything in it is, and what its author is told when it is malformed."""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hits import share_of_hits
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import broken_files

from llm_persona.files.json_reader import JsonReader
from llm_persona.files.json_syntax import load_json, locate_json
from llm_persona.files.reading import Document, parse, read
from llm_persona.files.source import Nodes, Source
from llm_persona.limits import Limits

CASES = Path(__file__).parents[1] / "personas" / "syntax"
SHARED = Path(__file__).parents[2] / ".." / "shared" / "bad-inputs"
UPDATE = "UPDATE_MESSAGES=1 python -m pytest tests/files/test_reading.py"

MAYA = """\
# all personas
Maya: &maya
  role: Guide
  version: 1.10
  "tone": warm
  tools: [a, b,
    'c']
  metadata:
    abstract: no
    empty:
    again: *tools
""".replace("*tools", "&x {k: [1, 2]}\n    alias: *x")


def case_files() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.suffix in (".yaml", ".json"))


def told(document: Document) -> str:
    """Write a document's problems a line each, as they are snapshotted: without the path."""
    return "".join(str(problem).removeprefix(f"{document.path}:") + "\n" for problem in document.problems)


def shared_cases() -> Iterator[dict[str, object]]:
    index = SHARED / "index.json"
    if index.exists():
        yield from json.loads(index.read_text(encoding="utf-8"))["cases"]


# What a malformed file is told


def test_there_are_cases() -> None:
    """The folder of malformed files is found and full, so that none of its tests passes by being absent."""
    assert len(case_files()) > 100


@pytest.mark.parametrize("path", case_files(), ids=lambda path: path.name)
def test_a_malformed_file_is_told_in_the_authors_words(path: Path) -> None:
    """Each malformed file gives exactly the messages that are kept beside it."""
    kept = path.with_name(path.name + ".txt")
    found = told(read(path))
    if os.environ.get("UPDATE_MESSAGES"):
        kept.write_text(found, encoding="utf-8")
    assert found, "a case must have a problem"
    assert kept.exists(), f"no messages are kept; run: {UPDATE}"
    assert found == kept.read_text(encoding="utf-8"), f"if this is meant, run: {UPDATE}"


SYNTAX = {"y01", "y03", "y22", "y23", "y26", "y29", *(f"y{n}" for n in range(30, 59)), "y61", "y80", "y86"}
SYNTAX |= {"j02", "j03", "j04", "j06", "j09", "j11", "j16", "j19", "j20"}


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/bad-inputs")
def test_the_shared_malformed_files_are_told_where_and_what() -> None:
    """Each syntax defect of the shared sample is reported on its line and with its words."""
    failures = []
    for case in shared_cases():
        if str(case["file"])[:3] not in SYNTAX:
            continue
        document = read(SHARED / str(case["file"]))
        text = told(document).lower()
        words, any_of = (case["words"], case["any_of"])
        assert isinstance(words, list)
        assert isinstance(any_of, list)
        fits = all(word.lower() in text for word in words) and (not any_of or any(w.lower() in text for w in any_of))
        lines = case["lines_ok"]
        assert isinstance(lines, list)
        if not fits or document.problems[0].line not in lines:
            failures.append((case["file"], text))
    assert failures == []


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/bad-inputs")
def test_the_shared_good_files_are_read_exactly() -> None:
    """The good files of the shared sample give exactly the data they should; U+0000 alone is refused."""
    for case in json.loads((SHARED / "accept" / "index.json").read_text(encoding="utf-8"))["cases"]:
        document = read(SHARED / "accept" / case["file"])
        if "\\u0000" in json.dumps(case["expect"]):
            assert "U+0000" in told(document)
            continue
        assert document.problems == ()
        for name, fields in case["expect"].items():
            found = document.data[name]
            assert isinstance(found, dict)
            assert {field: found.get(field) for field in fields} == fields


def test_problems_are_reported_all_and_in_file_order() -> None:
    """What can be read on from is collected: a file with four such problems names four, from top to bottom."""
    text = "Maya:\n  role: 2026-01-01\n  role: b\n  tone: !x calm\n  version: .nan\n"
    document = parse(text, "x.yaml", kind="yaml")
    assert [problem.line for problem in document.problems] == [2, 3, 4, 5]
    assert [problem.field for problem in document.problems] == ["role", "role", "tone", "version"]
    assert document.data == {"Maya": {"role": "2026-01-01", "tone": "calm", "version": ".nan"}}


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_of_a_flood_of_problems_the_first_are_noted_and_all_counted(kind: str) -> None:
    """Beyond a thousand they are a number: their list must not outgrow the file."""
    text = "{" + ",\n".join(['"a": 1'] * 5_000) + "}"
    document = parse(text, "x", kind="yaml" if kind == "yaml" else "json")
    assert len(document.problems) == 1_000
    assert document.problems[-1].line == 1_001
    assert document.more == 3_999
    assert document.data == {"a": 1}


# What a file means


@pytest.mark.parametrize(
    "text",
    [
        *("no", "On", "YES", "~", "null", "", "1.10", "010", "0o10", "0x1F", "0b11", "12:30", "1_000", "1e3", "1.5e+3"),
        *("+1", "-0", ".5", "5.", "190:20:30.15", "y", "n", "nullable", "truest", "offline", "-a", "+a", "1.2.3", "9a"),
        *("=", "<"),
    ],
)
def test_plain_texts_mean_what_the_safe_loader_makes_of_them(text: str) -> None:
    """An unquoted value has the value and the type that PyYAML's safe loader gives it."""
    if text == "=":  # the safe loader has no meaning for it and refuses
        assert parse("a: =", "x", kind="yaml").data == {"a": "="}
        return
    lines = f"a: [{text}]\nb: {text}\n"
    found, expected = parse(lines, "x", kind="yaml"), yaml.load(lines, yaml.CSafeLoader)
    assert found.problems == ()
    assert repr(found.data) == repr(expected)


YAML_TEXTS = st.text("ab01 \n\t:-#'\"\\|>{}[],&*!%@é~.?=<_+y\r", max_size=30) | st.text(max_size=30)
JSON_TEXTS = st.text("{}[]\",:\\ \n01.-+eEtrufalsn'/u\x00\ud800", max_size=25)


def with_texts_for_keys(value: object) -> object:
    """Return data in which a whole number that is a key is its text, as it is below the file's own keys."""
    if isinstance(value, dict):
        return {str(key): with_texts_for_keys(below) for key, below in value.items()}
    return [with_texts_for_keys(item) for item in value] if isinstance(value, list) else value


def test_yaml_agrees_with_the_safe_loader() -> None:
    """A text is a document with problems or without, and never an exception; without, the safe loader gives the same."""
    with share_of_hits(0.2) as hits:

        @settings(max_examples=600)
        @given(broken_files(".yaml") | YAML_TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
        def holds(content: bytes) -> None:
            document = parse(content, "x", kind="yaml")
            if not hits.count(not document.problems):
                return
            try:
                expected = yaml.load(content, yaml.CSafeLoader)
            except yaml.constructor.ConstructorError:  # a value that is `=` or `<<` has no meaning there
                assert b"=" in content or b"<<" in content
                return
            assert repr(document.data) == repr(with_texts_for_keys(expected))

        holds()


@given(st.binary(max_size=40), st.sampled_from(["yaml", "json"]))
@settings(max_examples=500)
def test_any_bytes_are_a_document(content: bytes, kind: str) -> None:
    """Any bytes give a document, with a place and a message for every problem."""
    document = parse(content, "x", kind="yaml" if kind == "yaml" else "json")
    assert all(problem.line and problem.column and problem.message for problem in document.problems)
    assert document.data or document.problems or content.strip() in (b"{}", b"{ }")


GOOD = MAYA.encode() + b"Dora:\n  greeting: \"Hi, {name}\\n\"\n  custom_sections: {a: 'b'}\n  text: |\n    x\n    y\n"


@pytest.mark.hits(0.25)
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(b"aZ09 .-_#") | st.integers(0, 255))
@settings(max_examples=600)
def test_one_changed_byte_gives_data_or_problems(at: int, byte: int) -> bool:
    """One byte changed in a good file gives what the safe loader gives, or problems with a place."""
    content = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    document = parse(content, "x", kind="yaml")
    if document.problems:
        assert all(problem.line and problem.column and problem.message for problem in document.problems)
        return False
    assert repr(document.data) == repr(yaml.load(content, yaml.CSafeLoader))
    return True


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4), st.sampled_from([None, 2]), st.booleans())
@settings(max_examples=400)
def test_the_quick_and_the_careful_json_reader_agree(data: dict[str, object], indent: int | None, escape: bool) -> bool:
    """What the quick reader takes, the careful one reads as the same data, with the same places and written texts."""
    text = json.dumps(data, indent=indent, ensure_ascii=escape)
    quick = load_json(text, Limits(), len(text))
    careful = JsonReader(Source("x", text, Limits(), len(text)))
    read_carefully = careful.document()
    if quick is None:
        assert "\\u0000" in text or "\\\\" in text
        return False
    assert repr(quick) == repr(read_carefully)
    located = locate_json(text)
    for name in Nodes.__slots__:
        assert getattr(located, name) == getattr(careful.nodes, name)
    return True


def test_json_agrees_with_the_standard_parser() -> None:
    """A text that reads without problems is JSON, and the standard parser gives the same."""
    with share_of_hits(0.2) as hits:

        @settings(max_examples=600)
        @given(broken_files(".json") | JSON_TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
        def holds(content: bytes) -> None:
            document = parse(content, "x", kind="json")
            if hits.count(not document.problems):
                assert repr(document.data) == repr(json.loads(content.decode("utf-8-sig")))

        holds()


def test_what_the_standard_parser_refuses_is_told() -> None:
    """No text that is no JSON is read."""
    with share_of_hits(0.2) as refused, share_of_hits(0.2) as taken:

        @settings(max_examples=600)
        @given(broken_files(".json"))
        def holds(content: bytes) -> None:
            document = parse(content, "x", kind="json")
            try:
                data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=lambda pairs: pairs)
            except (ValueError, RecursionError):
                data = None
            taken.count(data is not None)
            if refused.count(data is None):
                assert document.problems

        holds()


def test_of_two_equal_keys_the_first_is_kept() -> None:
    """The value of a duplicate key is read for its problems and dropped, with its anchors' places."""
    text = "a:\n  x: 1\n  x: &y [no, {z: 2, z: 3}]\n  w: *y\nb: on\n"
    document = parse(text, "x", kind="yaml")
    assert [problem.line for problem in document.problems] == [3, 3]
    assert document.data == {"a": {"x": 1, "w": [False, {"z": 2}]}, "b": True}
    assert document.locate(["b"]) == (5, 4)
    assert document.written(["b"]) == "on"
    assert document.locate(["a", "w", 1]) == (4, 6)


def test_whole_numbers_are_keys_of_the_files_own_sections() -> None:
    """Under a `$` key a whole number is its text; elsewhere it must be quoted."""
    assert parse("$rollouts: {Maya: {2: 10}}", "x", kind="yaml").data == {"$rollouts": {"Maya": {"2": 10}}}
    problem = parse("Maya: {2: 10}", "x", kind="yaml").problems[0]
    assert (problem.field, problem.message, problem.hint) == ("2", "the key 2 is read as a number", 'quote it: "2"')


def test_equal_texts_are_held_once() -> None:
    """Keys and short texts that repeat are one object."""
    data = parse("a: {role: Guide}\nb: {role: Guide}\n", "x", kind="yaml").data
    (first_key, first), (second_key, second) = (next(iter(value.items())) for value in data.values())  # type: ignore[attr-defined]
    assert first_key is second_key
    assert first is second


# Where everything is


def compose_places(
    node: yaml.Node, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], bool, int, int]]:
    yield path, False, node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), True, key.start_mark.line + 1, key.start_mark.column + 1
            yield from compose_places(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from compose_places(value, (*path, position))


def test_places_are_those_of_the_yaml_composer() -> None:
    """Every key and value is found where PyYAML's composer has it, in any order of asking."""
    text = GOOD.decode().replace("    alias: *x\n", "")
    document = parse("\ufeff" + text, "x", kind="yaml")
    places = list(compose_places(yaml.compose(text, yaml.CSafeLoader)))
    assert len(places) > 30
    for path, key, line, column in [*places, *reversed(places)]:
        assert document.locate(path, key=key) == (line, column)


def test_places_count_characters() -> None:
    """A column counts characters, not bytes, and a line ends as an editor ends it."""
    document = parse("é👩: x\r\nb: [é, 👩, y]\rc: z\n", "x", kind="yaml")
    assert document.locate(["é👩"]) == (1, 5)
    assert document.locate(["b", 2]) == (2, 11)
    assert document.locate(["c"]) == (3, 4)
    document = parse('{"é👩": "\u2028", "b": [\r\n"x"]}', "x", kind="json")
    assert document.locate(["b"], key=True) == (1, 13)
    assert document.locate(["b", 0]) == (2, 1)


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_path_that_is_not_there_gives_the_nearest_place(kind: str) -> None:
    """What is missing is looked for where it should stand: in the innermost value that is there."""
    document = parse('{"a":\n {"b": [1, 2]}}', "x", kind="yaml" if kind == "yaml" else "json")
    assert document.locate(["a", "role"]) == document.locate(["a", "role"], key=True) == (2, 2)
    assert document.locate(["a", "b", 7]) == (2, 8)
    assert document.locate(["a", "b", 0, "x", 1]) == (2, 9)
    assert document.locate(["z"]) == document.locate([]) == (1, 1)
    assert document.written(["a", "b", 7]) is None


def test_an_alias_has_a_place_of_its_own() -> None:
    """An alias is where it is written; what is inside it, where the anchor has it."""
    document = parse(MAYA, "x", kind="yaml")
    assert document.locate(["Maya", "metadata", "alias"]) == (12, 12)
    assert document.locate(["Maya", "metadata", "alias", "k", 1]) == (11, 23)
    assert document.written(["Maya", "metadata", "alias", "k", 1]) == "2"


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_what_was_written_is_known(kind: str) -> None:
    """Of a value that was read as a number, truth value or null the text as written is known; of a text it is None."""
    body = '{"a": [1.10, true, null, 1e3], "b": {"c": -0, "d": "no"}}'
    document = parse(body if kind == "json" else body.replace("true", "on").replace("null", "~"), "x", kind=kind)  # type: ignore[arg-type]
    words = ["true", "null"] if kind == "json" else ["on", "~"]
    assert [document.written(["a", position]) for position in range(3)] == ["1.10", *words]
    assert document.written(["b", "c"]) == "-0"
    assert document.written(["b", "d"]) is None
    assert document.written(["b"]) is None


PLAIN = st.lists(
    st.sampled_from(["ab", " ", "  ", "\t", "#", "##", " #", " #c", "😀", "'", '"', "-", ","]), max_size=9
).map("".join)


@pytest.mark.parametrize("form", ["A:\n  - {}\n  - next\n", "A:\n  k: {}\n  next: x\n", "A: {}\nB: x", "A: &a {}"])
def test_no_text_is_cut_in_silence(form: str) -> None:
    """What stands behind a plain text on its line is a comment with a blank after its `#`, or there is a warning."""
    cut = 0

    @given(st.sampled_from(["ab", "é", ""]), PLAIN)
    def check(first: str, more: str) -> None:
        nonlocal cut
        line = f"{first}{more}".strip()
        document = parse(form.format(line), "a.yaml", kind="yaml")
        read = document.data.get("A")
        value = read[0] if isinstance(read, list) else read["k"] if isinstance(read, dict) else read
        if line[:1] in ("'", '"') or not isinstance(value, str) or document.problems:
            return
        rest = line.removeprefix(value).lstrip()
        assert line.startswith(value)
        assert len(document.warnings) == (rest[:2].strip() not in ("", "#"))
        if document.warnings:
            (warning,) = document.warnings
            cut += 1
            found = form.format(line).split("\n")[(warning.line or 0) - 1][(warning.column or 0) - 1 :]
            assert found == rest
            assert warning.code == "cut-at-hash"

    settings(max_examples=300)(check)()
    assert cut > 15, "the property was hardly tried"


@pytest.mark.parametrize(
    ("form", "least"),
    [
        ("A:\n  - {}\n  - next\n", 3),
        ("A:\n- {}\n- next\n", 1),
        ("A:\n  k: {}\n  next: x\n", 3),
        ("A: {}\nB: x", 1),
        ("A:\n  - - x\n    - {}\n", 5),
    ],
)
@given(
    st.lists(st.sampled_from(["cd", "e f", "#", "", " "]), max_size=4),
    st.integers(0, 8),
    st.sampled_from(["# c", "#c", "##", "#- c"]),
)
@settings(max_examples=60)
def test_no_line_of_a_text_is_cut_in_silence(
    form: str, least: int, lines: list[str], indent: int, comment: str
) -> None:
    """A line that would go on with the text above is a comment with a blank after its `#`, or there is a warning."""
    before = "\n".join(["ab", *(" " * 9 + line.replace("#", "g") for line in lines)])
    document = parse(form.format(f"{before}\n{' ' * indent}{comment}"), "a.yaml", kind="yaml")
    assert document.problems == ()
    told = [(warning.code, warning.line, warning.column) for warning in document.warnings]
    line = form.partition("{}")[0].count("\n") + len(lines) + 2
    assert told == ([("cut-at-hash", line, indent + 1)] if indent >= least and comment != "# c" else [])


@pytest.mark.parametrize(
    "text", ['"a" #b', "'a' #b", "|\n    a #b", ">-\n    a #b", "|- #b\n    a", "3 #b", "[a] #b", "a # b", "a #", "a#b"]
)
def test_what_is_not_cut_is_not_warned_of(text: str) -> None:
    """Quoted texts, blocks, numbers and lists end where they end; a comment with a blank is one."""
    document = parse(f"A:\n  k: {text}\n  #next: x\n#C: x\n", "a.yaml", kind="yaml")
    assert (document.problems, document.warnings) == ((), ())


def test_a_document_without_data_has_its_beginning() -> None:
    """After a fatal problem every path is at the file's beginning."""
    document = parse("[", "x", kind="yaml")
    assert document.data == {}
    assert document.locate(["Maya", "role"]) == (1, 1)
    assert document.written(["Maya"]) is None


@pytest.mark.parametrize(("kind", "text"), [("yaml", MAYA), ("json", '{"Maya": {"role": "Guide", "n": 1.10}}')])
def test_a_document_pickles(kind: str, text: str) -> None:
    """A document goes to another process with its data, problems and places, used or not."""
    document = parse(text, "x", kind=kind)  # type: ignore[arg-type]
    before = pickle.loads(pickle.dumps(document))
    place = document.locate(["Maya", "role"])
    after = pickle.loads(pickle.dumps(document))
    assert before.data == after.data == document.data
    assert before.locate(["Maya", "role"]) == after.locate(["Maya", "role"]) == place


def test_threads_may_ask_one_document() -> None:
    """Threads that locate in one document at once all get the right places."""
    text = "".join(f"p{number}:\n  role: r\n  tools: [a, b]\n" for number in range(200))
    for kind, content in (("yaml", text), ("json", json.dumps(yaml.load(text, yaml.CSafeLoader), indent=1))):
        document = parse(content, "x", kind=kind)  # type: ignore[arg-type]
        paths = [(f"p{number}", "tools", position) for number in range(200) for position in range(2)]
        fresh = parse(content, "x", kind=kind)  # type: ignore[arg-type]
        expected = [fresh.locate(path) for path in paths]
        wrong: list[object] = []

        def ask(
            seed: int,
            document: Document = document,
            paths: list[tuple[str, str, int]] = paths,
            expected: list[tuple[int, int]] = expected,
            wrong: list[object] = wrong,
        ) -> None:
            for at in range(len(paths)):
                at = (at * 7 + seed * 31) % len(paths)
                if document.locate(paths[at]) != expected[at]:
                    wrong.append(paths[at])

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


# Limits


@given(
    st.lists(
        st.sampled_from(["\\ud83d", "\\ude00", "\\\\", "u", "d83d", "\\uDBFF", "\\u0041", "x", "\\uDC00"]), max_size=6
    )
)
@settings(max_examples=500)
def test_no_lone_surrogate_slips_through(parts: list[str]) -> None:
    """However halves of characters and backslashes follow one another, only text that can be encoded is accepted."""
    document = parse('{"a": "' + "".join(parts) + '"}', "x", kind="json")
    if not document.problems:
        str(document.data["a"]).encode()


def test_escaped_emoji_are_read_the_quick_way() -> None:
    """A pair of surrogate escapes is one character, and no reason to read slowly."""
    text = json.dumps({"a": "👩‍👩‍👧 \\u"})
    assert load_json(text, Limits(), len(text)) == {"a": "👩‍👩‍👧 \\u"}


@pytest.mark.parametrize("kind", ["yaml", "json"])
@pytest.mark.parametrize(
    ("limits", "data", "word"),
    [
        (Limits(file_bytes=20), {"a": "x" * 20}, "file_bytes"),
        (Limits(depth=3), {"a": [[["x"]]]}, "depth"),
        (Limits(nodes=6), {"a": 1, "b": 2, "c": 3}, "nodes"),
        (Limits(personas=2), {"a": {}, "$x": {}, "b": {}, "c": {}}, "personas"),
        (Limits(text_characters=9), {"a": {"b": "x" * 10}}, "text_characters"),
    ],
)
def test_every_limit_is_named_in_its_error(kind: str, limits: Limits, data: object, word: str) -> None:
    """Beyond a limit the file is refused by its name; the same file is fine without it."""
    document = parse(json.dumps(data), "x", kind=kind, limits=limits)  # type: ignore[arg-type]
    assert f"Limits({word}=...)" in told(document)
    assert parse(json.dumps(data), "x", kind=kind).problems == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_file_at_its_limits_is_read(kind: str) -> None:
    """What just keeps every limit is accepted."""
    text = '{"a": {"b": [1, "xyz"]}, "$c": 2}'
    limits = Limits(file_bytes=len(text), depth=3, nodes=9, personas=1, text_characters=3)
    assert parse(text, "x", kind=kind, limits=limits).problems == ()  # type: ignore[arg-type]


def test_aliases_come_to_no_more_than_the_limit() -> None:
    """Aliases are counted as if they were written out, and a text that they repeat by its length too."""
    text = "a: &a [x, y]\nb: [*a, *a]\n"
    assert parse(text, "x", kind="yaml").data == {"a": ["x", "y"], "b": [["x", "y"], ["x", "y"]]}
    assert parse(text, "x", kind="yaml", limits=Limits(expanded_nodes=13)).problems == ()
    document = parse(text, "x", kind="yaml", limits=Limits(expanded_nodes=10))
    assert "with its aliases, of which this is the first, the file comes to more than 10 keys" in told(document)
    assert (document.problems[0].line, document.problems[0].column) == (2, 5)
    long = (
        "a: &a " + "x" * 900 + "\nb: [" + "*a, " * 50 + "]\n"
    )  # 55 nodes; 45,000 characters, 20 times the file is 22,340
    assert parse(long, "x", kind="yaml", limits=Limits(expanded_nodes=55 + 23)).problems == ()
    assert parse(long, "x", kind="yaml", limits=Limits(expanded_nodes=55 + 21)).problems != ()


HOSTILE = {
    "one key in braces": "{" + "a," * 500_000,
    "many keys in braces": "{" + ",".join(f"a{number}" for number in range(140_000)),
    "items": "a: [" + "a," * 500_000,
    "brackets": "a: " + "[" * 1_000_000,
    "braces": "{" * 1_000_000,
    "documents": "---\n" * 250_000,
    "documents after a mapping": "a: 1\n" + "---\n" * 250_000,
    "tag directives": "".join(f"%TAG !a{number}! tag:x\n" for number in range(45_000)) + "---\na: 1",
    "tag directives after the end": "a: 1\n...\n" + "".join(f"%TAG !a{number}! tag:x\n" for number in range(45_000)),
    "anchors": "a: [" + ",".join(f"&a{number} x" for number in range(90_000)),
    "anchors of one value": "a: " + "&a " * 330_000,
    "dashes": "- " * 500_000,
    "question marks": "? " * 500_000,
    "duplicates": "".join(f"a{number // 2}: 1\n" for number in range(100_000)),
    "late duplicates": "".join(f"a{number % 27_000}: 1\n" for number in range(90_000)),
    "sexagesimal": "a: " + "1:" * 500_000 + "1",
    "digits": "a: " + "9" * 1_000_000,
    "aliases of a long text": "a: &a " + "x" * 900_000 + "\nb: [" + ",".join(["*a"] * 30_000) + "]",
    "merge keys": "a: &a {x: 1}\n" + "b: {<<: *a}\n" * 80_000,
    "line breaks": "a: x" + "\n" * 1_000_000 + " y",
    "control characters": "\x01" * 1_000_000,
    "comments": "a: 1\n" + "#\n" * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_does_not_crash_or_hang(name: str) -> None:
    """A megabyte that is made to be slow is read or refused: it returns, in a thread with a small stack too."""
    found: list[Document] = []
    size = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(parse(HOSTILE[name], "x", kind="yaml")))
        thread.start()
    finally:
        threading.stack_size(size)
    thread.join(timeout=60)
    assert found
    assert found[0].problems or name == "comments"


# Getting at the file


def message_at(document: Document) -> str:
    return document.problems[0].message


def message_of(path: str | Path, limits: Limits | None = None) -> str:
    document = read(path, limits=limits)
    assert document.data == {}
    assert [(problem.path, problem.line, problem.column) for problem in document.problems] == [(str(path), 1, 1)]
    return document.problems[0].message


def test_what_is_no_readable_file_is_a_problem(tmp_path: Path) -> None:
    """A file that is missing, not a file, or of another kind is a problem of the document."""
    assert message_of(tmp_path / "none.yaml") == "there is no such file"
    assert message_of(tmp_path / "personas.toml") == "a persona file must end in .yaml, .yml or .json"
    assert message_of("personas\0.yaml").startswith("the file cannot be read")
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    assert message_of(folder) == "the file cannot be read: it is a folder"
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert message_of(loop).startswith("the file cannot be read")
    assert message_of(tmp_path / ("x" * 300 + ".yaml")).startswith("the file cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_or_device_is_refused_and_does_not_block(tmp_path: Path) -> None:
    """A FIFO without a writer, and a device without an end, are refused at once."""
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    assert message_of(fifo) == "the file cannot be read: it is not a regular file"
    zero = tmp_path / "zero.yaml"
    zero.symlink_to("/dev/zero")
    assert message_of(zero) == "the file cannot be read: it is not a regular file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who may not read everything")
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    """A lack of permission is told as one."""
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    assert message_of(path) == "the file may not be read"


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    """A file beyond the limit of bytes is refused without being held in memory."""
    path = tmp_path / "large.json"
    with open(path, "wb") as file:
        file.truncate(2**40)
    assert message_of(path, Limits(file_bytes=1_000)) == "the file has more than 1,000 bytes"


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "A.YAML"])
def test_the_ending_decides_the_kind(name: str, tmp_path: Path) -> None:
    """YAML's endings are read as YAML, JSON's as JSON and never as YAML; links are followed."""
    path = tmp_path / name
    path.write_text("Maya: {role: Guide}\n")
    assert read(path).data == {"Maya": {"role": "Guide"}}
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert message_at(read(link)) == "'Maya' is no value of JSON"


@pytest.mark.parametrize(
    "text", ['{"Maya": {"role": "Guide"}}', "\ufeff Maya:\n   role: Guide", "Maya:\n  role: Guide\n"]
)
def test_standard_input_is_read(text: str) -> None:
    """`-` is standard input: JSON where it begins with a brace, else YAML."""
    program = "from llm_persona.files.reading import read; d = read('-'); print(d.path, d.data, d.problems)"
    done = subprocess.run([sys.executable, "-c", program], input=text.encode(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "<stdin> {'Maya': {'role': 'Guide'}} ()"


def test_yaml_needs_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML has no libyaml, YAML is refused with the remedy, and JSON is read."""
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert "libyaml" in message_at(parse("a: 1", "x", kind="yaml"))
    assert parse('{"a": 1}', "x", kind="json").data == {"a": 1}


def test_numbers_of_json_are_finite() -> None:
    """A JSON number beyond a float is a problem in a list and in a mapping, whatever its sign."""
    document = parse('{"a": [1e999, -1e999, 1e308]}', "x", kind="json")
    assert len(document.problems) == 2
    assert document.data == {"a": ["1e999", "-1e999", 1e308]}
    assert math.isfinite(1e308)
