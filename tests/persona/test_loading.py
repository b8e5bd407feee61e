from __future__ import annotations

import datetime
import decimal
import json
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import broken_files

from llm_persona import Persona, PersonaError, PersonaFileError, PersonaRegistry, Problem, TemplateError, validate_file

NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.dates()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.one_of(NAMES, st.integers(), st.none()), inner, max_size=3)
        | st.tuples(inner)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=6,
)


def problems(data: Any) -> list[str]:
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_dict(data)
    return [str(problem) for problem in caught.value.problems]


def refused(path: Path, *more: Path, **options: Any) -> list[Problem]:
    with pytest.raises(PersonaFileError) as caught:
        PersonaRegistry.from_file(path, *more, **options)
    return list(caught.value.problems)


def wrote(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; write personas in it"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n", "must be a mapping of names to personas, not a list"),
        ("just text\n", "must be a mapping of names to personas, not a text"),
        (b"A: {role: \xff}\n", "the byte 0xFF is not UTF-8; save the file as UTF-8"),
        ("A: [\n", "is never closed"),
        ("A: {role: r}\nA: {role: s}\n", "duplicate key 'A'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str | bytes, message: str) -> None:
    """A file that is empty, not a mapping, not UTF-8 or not YAML is one clear problem with its place."""
    (problem,) = refused(wrote(tmp_path, "p.yaml", text))
    assert message in str(problem)
    assert problem.line is not None


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A missing file, a folder and an unknown ending are told as such, each file of several."""
    found = refused(tmp_path / "a.yaml", tmp_path / "b.json")
    assert [problem.message for problem in found] == ["there is no such file"] * 2
    (tmp_path / "c.yaml").mkdir()
    assert "it is a folder" in str(refused(tmp_path / "c.yaml")[0])
    assert "must end in .yaml, .yml or .json" in str(refused(wrote(tmp_path, "d.txt", "A: {role: r}"))[0])


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Everything that is wrong is told at once, in the order of the file, nobody blamed for another's mistake."""
    path = wrote(
        tmp_path,
        "p.yaml",
        "$templates: nope\n"
        "$rollouts: {Zoe: {2: 5}, Kim: {2: 60, 3: 50}}\n"
        "Bad: {role: 5}\n"
        "Child: {parent: Bad, constraints: {remove: [x]}}\n"
        "Odd: {parent: Nobody}\n"
        "Grand: {parent: Odd}\n"
        "Kim: {role: r, version: 1, tempate: x}\n"
        "Ann: {role: r, template: suport}\n"
        "Bea: {role: '{x}', variables: [y]}\n"
        "Cat@2: {role: r}\n",
    )
    found = refused(path)
    assert [(problem.line, problem.persona, problem.field) for problem in found] == [
        (1, None, "$templates"),
        (2, None, "$rollouts.Zoe"),
        (3, "Bad", "role"),
        (5, "Odd", "parent"),
        (7, "Kim", None),
        (8, "Ann", "template"),
        (9, "Bea", "role"),
        (10, "Cat@2", None),
    ]
    assert all(problem.hint for problem in found if problem.field != "$rollouts.Zoe")


def test_parents_across_files(tmp_path: Path) -> None:
    """Several files are one registry: parents may be in any of them, YAML or JSON."""
    first = wrote(tmp_path, "a.yaml", "Kim: {parent: Base}\n")
    second = wrote(tmp_path, "b.json", '{"Base": {"role": "r", "version": 1}, "Base@2": {"role": "s"}}')
    registry = PersonaRegistry.from_file(first, second)
    assert registry.get("Kim").role == "r"
    assert registry.list_names() == ["Kim", "Base"]


def test_a_name_in_two_files(tmp_path: Path) -> None:
    """A name that two files define is a problem that names both places."""
    first, second = wrote(tmp_path, "a.yaml", "\nA: {role: r}\n"), wrote(tmp_path, "b.yaml", "A: {role: r}\n")
    (problem,) = refused(first, second)
    assert str(problem) == f"{second}:1:1: A: is defined already, in {first}:2; rename or remove one"
    assert len(refused(first, first)) == 1


def test_templates_belong_to_their_files_folder(tmp_path: Path) -> None:
    """Relative template folders are looked for beside the file that names them, and hold for what it writes."""
    for name in ("one", "two"):
        (tmp_path / name / "t").mkdir(parents=True)
        (tmp_path / name / "t" / "mine.j2").write_text(name)
        (tmp_path / name / "t" / f"{name}.j2").write_text(f"only {name}")
        wrote(tmp_path / name, "p.yaml", f"$templates: [t]\nP{name}: {{role: r, template: mine}}\n")
    registry = PersonaRegistry.from_file(tmp_path / "one" / "p.yaml", tmp_path / "two" / "p.yaml")
    assert registry.get("Pone").build_system_prompt() == "one"
    assert registry.get("Ptwo").build_system_prompt() == "two"
    assert registry.get("Ptwo").build_system_prompt("two") == "only two"
    with pytest.raises(TemplateError, match="there is no template 'one'"):
        registry.get("Ptwo").build_system_prompt("one")


def test_a_template_folder_that_is_missing(tmp_path: Path) -> None:
    """A missing folder, or a file in its place, is a problem now and not at the first prompt."""
    wrote(tmp_path, "file", "")
    path = wrote(tmp_path, "p.yaml", "$templates: [nope, file]\nA: {role: r}\n")
    assert [str(problem) for problem in refused(path)] == [
        f"{path}:1:14: $templates: template folder 'nope' is missing; it is looked for beside the file",
        f"{path}:1:20: $templates: template folder 'file' is not a folder; it is looked for beside the file",
    ]


def test_what_may_have_been_meant_by_a_folder_or_a_catalogue_that_is_missing(tmp_path: Path) -> None:
    """Of what lies there: folders for templates, files for tools."""
    (tmp_path / "shared" / "templates").mkdir(parents=True)
    wrote(tmp_path / "shared", "template", "")
    wrote(tmp_path / "shared", "tools.json", "[]")
    path = wrote(tmp_path, "p.yaml", "$templates: shared/templatse\n$tools: shared/tool.json\nA: {role: r}\n")
    assert [str(problem) for problem in refused(path)] == [
        f"{path}:1:13: $templates: template folder 'shared/templatse' is missing; did you mean 'shared/templates'?",
        f"{path}:2:9: $tools: tool catalogue 'shared/tool.json': there is no such file; did you mean 'shared/tools.json'?",
    ]


def test_a_template_that_does_not_compile(tmp_path: Path) -> None:
    """What is wrong with a template is told once, in the template, however many personas use it."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "bad.j2").write_text("fine\n{% if %}\n")
    path = wrote(
        tmp_path, "p.yaml", "$templates: t\nA: {role: r, template: bad}\nB: {parent: A}\nC: {role: r, template: bad}\n"
    )
    (problem,) = refused(path)
    assert (problem.path, problem.line) == (f"{tmp_path}/t/bad.j2", 2)


def test_a_default_template_that_is_not_there(tmp_path: Path) -> None:
    """The default template is looked up at once, if any persona needs it."""
    path = wrote(tmp_path, "p.yaml", "A: {role: r}\n")
    (problem,) = refused(path, default_template="suport")
    assert "there is no template 'suport'" in problem.message
    wrote(tmp_path, "p.yaml", "A: {role: r, template: markdown}\n")
    assert PersonaRegistry.from_file(path, default_template="suport").list_names() == ["A"]


@pytest.mark.parametrize(
    ("rollouts", "message"),
    [
        ("{Maya: {3: 10}}", "$rollouts.Maya.3: there is no version '3'"),
        ("{Mya: {2: 10}}", "$rollouts.Mya: there is no persona 'Mya'; did you mean 'Maya'?"),
        ("{Maya: {2: 101}}", "$rollouts.Maya.2: must be a whole number from 0 to 100"),
        ("{Maya: {2: 50, 4: 51}}", "$rollouts.Maya: the percents add up to 101; at most 100 are allowed"),
        ("{Maya: {1: 10}}", "this is the served version"),
        ("{Maya: {5: 10}}", "$rollouts.Maya.5: Maya@5 is abstract: it serves nobody"),
        ("{Base: {2: 10}}", "'Base' is abstract: it serves nobody; name its children"),
        ("{Plain: {2: 10}}", "'Plain' has no version, so there is nothing to choose from; give it one: version: 1"),
        ("{Maya@2: {2: 10}}", "$rollouts.Maya@2: name 'Maya@2' holds '@', which no name may; write the name alone"),
    ],
)
def test_bad_rollouts(tmp_path: Path, rollouts: str, message: str) -> None:
    """A rollout of what is not there, abstract, without a version, or beyond 100 in sum is a problem with its place."""
    people = (
        "Maya: {role: r, version: 1}\nMaya@2: {role: r}\nMaya@4: {role: r}\nMaya@5: {role: r, abstract: true}\n"
        "Base: {role: r, abstract: true, version: 1}\nBase@2: {role: r}\nPlain: {role: r}\n"
    )
    (problem,) = refused(wrote(tmp_path, "p.yaml", f"$rollouts: {rollouts}\n{people}"))
    assert message in str(problem)
    assert problem.line == 1


def test_a_rollout_in_two_files(tmp_path: Path) -> None:
    """One rollout for a persona: a second, in another file, names the first."""
    first = wrote(tmp_path, "a.yaml", "$rollouts: {Maya: {2: 10}}\nMaya: {role: r, version: 1}\nMaya@2: {role: s}\n")
    second = wrote(tmp_path, "b.yaml", "$rollouts: {Maya: {2: 20}}\nZoe: {role: r}\n")
    (problem,) = refused(first, second)
    assert str(problem) == f"{second}:1:13: $rollouts.Maya: the rollout of 'Maya' stands in {first} already; keep one"


ENDLESS: dict[str, Any] = {"role": "r"}
ENDLESS["metadata"] = {"a": [ENDLESS]}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], ["must be a mapping of names to personas, not a list"]),
        (None, ["must be a mapping of names to personas, not null"]),
        ({5: {"role": "r"}}, ["has the key 5, which is not a text; quote it"]),
        ({"A": None}, ["A: "]),
        (
            {"A": Persona("A", "r")},
            ["A: must be a mapping of fields, not a Persona"],
        ),
        ({"A": {"role": "r", 5: "x"}}, ["A: has the key 5, which is not a text; quote it"]),
        ({"A": {"role": datetime.date(2026, 1, 1)}}, ["A.role: must be a text, a number, true"]),
        (
            {"A": {"role": b"r"}},
            ["A.role: must be a text, a number, true, false, null, a list or a mapping, not bytes"],
        ),
        ({"A": {"role": "r", "tools": {"t"}}}, ["A.tools: must be a text, a number, true"]),
        ({"A": {"role": "r", "metadata": {"n": float("nan")}}}, ["A.metadata.n: nan is no number of a file"]),
        ({"A": {"role": "r", "metadata": {"n": decimal.Decimal(1)}}}, ["A.metadata.n: must be"]),
        ({"A": {"role": "r", "capabilities": ["a", b"b"]}}, ["A.capabilities[2]: must be"]),
        ({"A": ENDLESS}, ["A.metadata.a[1]: holds itself"]),
        ({"A": {"role": "\ud800"}}, ["A.role: holds a lone surrogate, which no prompt can carry; remove it"]),
    ],
)
def test_data_that_no_file_could_hold(data: Any, told: list[str]) -> None:
    """Data from elsewhere is refused for what no file could hold, each thing once, where it stands."""
    found = problems(data)
    assert len(found) == len(told)
    assert all(text.startswith(expected) for text, expected in zip(found, told, strict=True)), found


def test_shared_data_that_grows_without_bound() -> None:
    """Aliases that make small data large beyond measure end in a problem, and soon."""
    bomb: list[Any] = ["x"]
    for _ in range(40):
        bomb = [bomb, bomb]
    (told,) = problems({"A": {"role": "r", "metadata": {"a": bomb}}})
    assert told.startswith("with what stands in several places, the data comes to more than 11,800 keys and values")


def test_tuples_and_other_mappings_are_data() -> None:
    """A tuple is a list, and any mapping a mapping."""
    data = types.MappingProxyType({"A": types.MappingProxyType({"role": "r", "tools": ("a", "b")})})
    assert PersonaRegistry.from_dict(data).get("A").tools == ("a", "b")


@pytest.mark.hits(0.2)
@given(ANYTHING)
def test_any_data(data: Any) -> bool:
    """Whatever the data is, a registry comes of it, or one PersonaFileError that can be printed."""
    loaded = 0
    for whole in (
        data,
        {"A": data},
        {"A": {"role": "r", "metadata": {"x": data}}},
        {"$rollouts": data, "A": {"role": "r"}},
    ):
        try:
            registry = PersonaRegistry.from_dict(whole)
        except PersonaFileError as error:
            str(error).encode()
        else:
            assert PersonaRegistry.from_dict(registry.to_dict()) == registry
            loaded += bool(registry.references(abstract=True))
    return bool(loaded)


ANY_BYTES = st.binary(max_size=60) | st.text(st.sampled_from("Ab:{}[],'\"\n -@$&*|>#!%?1"), max_size=40).map(str.encode)


@pytest.mark.parametrize("text", ["---", "---\n", "# x\n---\n"])
def test_a_document_of_nothing_is_an_empty_file(tmp_path: Path, text: str) -> None:
    """A document that begins at the end of the file stands on no line of it."""
    assert [str(each).partition(": ")[2] for each in validate_file(wrote(tmp_path, "p.yaml", text))] == [
        "the file is empty; write personas in it"
    ]


@settings(max_examples=200)
@pytest.mark.hits(0.05)
@given(ANY_BYTES | broken_files(".yaml") | broken_files(".json") | broken_files(".yaml"))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> bool:
    """Whatever a file holds, a registry comes of it, or one PersonaFileError."""
    folder = tmp_path_factory.mktemp("bytes")
    loaded = 0
    for name in ("any.yaml", "any.json"):
        path = wrote(folder, name, content)
        try:
            registry = PersonaRegistry.from_file(path)
        except PersonaFileError as error:
            str(error.problems[0]).encode()
        else:
            loaded += bool(registry.references(abstract=True))
    return bool(loaded)


@pytest.fixture(scope="session")
def bad_inputs(shared: Path) -> Path:
    return shared / "bad-inputs"


def test_bad_files(bad_inputs: Path) -> None:
    """Each file of the collection has its outcome: refused with line and words, or loaded with the text as written."""
    cases = json.loads((bad_inputs / "index.json").read_text())["cases"]
    assert len(cases) > 50
    for case in cases:
        path = bad_inputs / case["file"]
        error = None
        try:
            registry = PersonaRegistry.from_file(path)
        except PersonaFileError as refusal:
            error = refusal
        if error is not None:
            text = str(error).replace(str(path), "").casefold()
            assert case["outcome"] in ("reject", "reject_or_literal"), (case["file"], text)
            assert all(word.casefold() in text for word in case["words"]), (case["file"], text)
            assert not case["any_of"] or any(word.casefold() in text for word in case["any_of"]), (case["file"], text)
            assert {p.line for p in error.problems} & set(case.get("lines_ok") or [case["line"]]), (case["file"], text)
        else:
            assert case["outcome"] != "reject", case["file"]
            if "literal" in case:
                name, field, value = case["literal"]
                got = getattr(registry.get(name), field)
                assert (list(got) if isinstance(got, tuple) else got) == value, case["file"]


def test_nul(tmp_path: Path) -> None:
    """A NUL is refused in either kind of file."""
    assert "U+0000" in str(refused(wrote(tmp_path, "p.json", '{"A": {"role": "\\u0000"}}'))[0])
    assert "U+0000" in str(refused(wrote(tmp_path, "p.yaml", 'A: {role: "\\0"}'))[0])


def test_a_broken_version_is_told_once(tmp_path: Path) -> None:
    """A rollout is not blamed for the version that is wrong in itself."""
    text = "$rollouts: {Maya: {2: 10}}\nMaya: {role: r, version: 1}\nMaya@2: {role: 5}\n"
    (problem,) = refused(wrote(tmp_path, "p.yaml", text))
    assert problem.persona == "Maya@2"


def test_good_files(bad_inputs: Path) -> None:
    """Each valid file of the collection loads exactly."""
    cases = json.loads((bad_inputs / "accept" / "index.json").read_text())["cases"]
    assert cases
    for case in cases:
        if case["file"].startswith("a27"):
            continue  # holds a NUL, which no prompt can carry: see test_nul
        registry = PersonaRegistry.from_file(bad_inputs / "accept" / case["file"])
        for name, fields in case["expect"].items():
            persona = registry.get(name)
            got = {field: getattr(persona, field) for field in fields}
            assert {f: list(v) if isinstance(v, tuple) else v for f, v in got.items()} == fields, case["file"]


def test_real_prompts(shared: Path, tmp_path: Path) -> None:
    """Each of 1,561 real prompts comes back unchanged through YAML and JSON, and out of `default` word for word."""
    prompts = json.loads((shared / "data" / "ai-personas.json").read_text())
    texts = [entry["prompt"] if isinstance(entry, dict) else entry for entry in prompts.values()]
    assert len(texts) == 1_561
    registry = PersonaRegistry()
    registry.define(*(Persona(f"P{n}", "r", custom_sections={"t": text}, variables={}) for n, text in enumerate(texts)))
    registry.to_yaml(tmp_path / "p.yaml")
    registry.to_json(tmp_path / "p.json")
    for other in (PersonaRegistry.from_file(tmp_path / "p.yaml"), PersonaRegistry.from_file(tmp_path / "p.json")):
        assert other == registry
        assert [other.get(f"P{n}").custom_sections["t"] for n in range(len(texts))] == texts
    for n, text in enumerate(texts):
        head = f"You are P{n}, a r.\n\nTone: helpful and professional"
        assert registry.get(f"P{n}").build_system_prompt() == (f"{head}\n\n{text}" if text else head)


# Very many problems, and odd names


def test_cuts_beyond_a_thousand_are_counted(tmp_path: Path) -> None:
    """What does not fit the list is in its last line, beside what else is wrong; one more is no plural."""
    cuts = "".join(f"    - a{number} #b\n" for number in range(1_500))
    (tmp_path / "p.yaml").write_text(f"Maya:\n  role: r\n  company: >\n    c\n  capabilities:\n{cuts}")
    *listed, last = validate_file(tmp_path / "p.yaml")
    assert len(listed) == 1_000
    assert str(last) == "warning: and 501 more problems; mend these first"
    (tmp_path / "p.yaml").write_text(f"Maya:\n  role: r\n  capabilities:\n{cuts[: cuts.index('a1001')]}c\n")
    assert str(validate_file(tmp_path / "p.yaml")[-1]) == "warning: and 1 more problem; mend these first"


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500])
def test_a_list_of_problems_is_capped_and_says_how_many_more(tmp_path: Path, count: int) -> None:
    """Whatever finds them: the schema, or the reader, or both. The same from every door."""
    fields = {"role": "R", "prompt": "x"}
    path = wrote(tmp_path, "p.json", json.dumps({f"P{number}": fields for number in range(count)}))
    assert refused(path) == validate_file(path)
    check_capped(refused(path), count)
    twice = "".join(f"P{number}: {{role: R, role: R}}\n" for number in range(count))
    check_capped(refused(wrote(tmp_path, "p.yaml", twice)), count)
    orphans = "".join(f"P{number}: {{parent: Nobody}}\n" for number in range(count))
    check_capped(refused(wrote(tmp_path, "p.yaml", orphans)), count)
    with pytest.raises(PersonaFileError) as error:
        PersonaRegistry.from_dict({f"P{number}": fields for number in range(count)})
    check_capped(list(error.value.problems), count)


def check_capped(problems: list[Problem], count: int) -> None:
    if count <= 1_000:
        assert len(problems) == count
        return
    assert len(problems) == 1_001
    assert str(problems[-1]) == f"and {count - 1_000:,} more problem{'s' * (count > 1_001)}; mend these first"


def test_long_texts_of_an_author_are_cut_in_messages(tmp_path: Path) -> None:
    """A name or path of 100,000 characters says no more than its beginning."""
    long = "r" * 100_000
    everything = {
        "role": f"{{{long}}}",
        "variables": [long, long],
        "custom_sections": {long: 5},
        "metadata": {long: {long: object()}},
        "tools": [long],
    }
    tries: list[Callable[[], object]] = [
        *(partial(PersonaRegistry.from_dict, {"A": {"role": "r", name: value}}) for name, value in everything.items()),
        partial(PersonaRegistry.from_dict, {"A": {"role": f"{{{long}}}", "variables": {"x": None}}}),
        partial(PersonaRegistry.from_dict, {"A": {"role": "r"}, "$rollouts": {long: {2: 1}}, "$accept": {long: ["A"]}}),
        partial(PersonaRegistry.from_dict, {"A": {"role": "r"}, "$rollouts": {"A": {long: 1}}}),
        partial(PersonaRegistry.from_file, long),
        partial(PersonaRegistry, templates=long),
        partial(Persona("A", "r", tools=[long]).select_tools, []),
        partial(Persona("A", "{x}").render, **{long: "a"}),
        partial(Persona("A", f"{{{long}}}").render),
        partial(Persona("A", "r").render, **{f"_{long}": "a"}),
        partial(PersonaRegistry().get, f"A@{long}", version="1"),
        partial(PersonaRegistry.from_file, wrote(tmp_path, "p.yaml", f"A: {{role: *{long}}}\n")),
        partial(PersonaRegistry.from_file, wrote(tmp_path, "q.yaml", f"A: {{role: r, version: 1.{'1' * 4_000}}}\n")),
    ]
    told: list[str] = []
    for attempt in tries:
        try:
            attempt()
        except PersonaError as error:
            told.append(str(error))
    assert [text[:200] for text in told if len(text) > 4_500] == []
    assert len(told) == len(tries) - 2  # any text may be a placeholder or a tool's name


def test_warnings_give_way_to_errors_where_not_all_fit(tmp_path: Path) -> None:
    """An error that stands behind a thousand warnings is told."""
    hidden = "".join(f'P{number}: {{role: "a\\u200bb"}}\n' for number in range(1_500))
    found = validate_file(wrote(tmp_path, "p.yaml", hidden + "Last: {rolle: x}\n"))
    assert [problem.persona for problem in found if problem.severity == "error"] == ["Last"]
    assert str(found[-1]) == "warning: and 501 more problems; mend these first"


@pytest.mark.parametrize(
    "character", ["\\0", "\\a", "\\e", "\\u0085", "\\u200b", "\\u2028", "\\u202e", "\\ufeff", "\\U000e0041"]
)
@pytest.mark.parametrize(
    "text", ['"{}k": {{a: b}}', '"{}k": {{role: R}}', 'k: {{"{}": b}}', 'k: {{role: R, metadata: {{"{}k": 1}}}}']
)
def test_names_that_are_not_printable_are_told_once_a_place(tmp_path: Path, text: str, character: str) -> None:
    """Each by one message at its place, which spells the character and is one printable line."""
    path = wrote(tmp_path, "p.yaml", text.format(character))
    found = validate_file(path)
    errors = [problem for problem in found if problem.severity == "error"]
    assert found
    assert not errors or refused(path) == errors
    assert all(str(problem).isprintable() for problem in found)
    spelled = [(problem.line, problem.column) for problem in found if "U+" in problem.message]
    assert spelled
    assert len(set(spelled)) == len(spelled)
