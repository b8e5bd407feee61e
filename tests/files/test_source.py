"""How large a file may be: what is ordinary loads, with its aliases, and what is made to be slow ends at once."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hits import share_of_hits
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaFileError, PersonaRegistry, validate_file
from llm_persona.files.reading import parse
from llm_persona.limits import Limits

SHARED = Path(__file__).parents[2] / ".." / "shared" / "bad-inputs"


def filled(number: int) -> dict[str, object]:
    """Return a persona of about 210 bytes, with 21 keys and values, its own key among them."""
    return {
        "role": f"Support {number}",
        "tone": "calm and brief",
        "capabilities": ["Look up orders", "Explain bills", "Take messages"],
        "constraints": ["Never promise dates", "Never share data"],
        "variables": {"plan": "free"},
        "version": "1",
    }


def counted(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(1 + counted(below) for below in value.values())
    return 1 + sum(map(counted, value)) if isinstance(value, list) else 1


def test_the_filled_persona_is_what_it_says() -> None:
    """21 keys and values, with its own key."""
    assert 1 + counted(filled(1)) == 21


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_hundred_thousand_personas_of_21_keys_and_values_are_read(kind: str) -> None:
    """And one more key or value than the limit says is not."""
    one = json.dumps(filled(0))
    text = "{" + ",\n".join(f'"P{number}": {one}' for number in range(100_000)) + "}"
    if kind == "json":
        assert parse(text, "x", kind="json").problems == ()
    most = Limits().most_nodes(0)
    assert most == 100_000 * 21 + 1
    assert Limits().most_nodes(64 * 2**20) > 3 * most
    few = "{" + ",\n".join(f'"P{number}": {one}' for number in range(100)) + "}"
    assert parse(few, "x", kind="yaml" if kind == "yaml" else "json", limits=Limits(nodes=2_101)).problems == ()
    assert parse(few, "x", kind="yaml" if kind == "yaml" else "json", limits=Limits(nodes=2_100)).problems != ()


def test_what_is_written_reads_back_whole(tmp_path: Path) -> None:
    """3,000 personas with all that people fill in, as we write them and as JSON has them."""
    data = {f"P{number}": filled(number) for number in range(3_000)}
    registry = PersonaRegistry.from_dict(data)
    registry.to_yaml(tmp_path / "personas.yaml")
    (tmp_path / "personas.json").write_text(json.dumps(data))
    for name in ("personas.yaml", "personas.json"):
        again = PersonaRegistry.from_file(tmp_path / name)
        assert again.list_names() == registry.list_names()
        assert all(again.get(name) == registry.get(name) for name in ("P0", "P1777", "P2999"))


def test_a_hundred_thousand_small_personas_go_to_a_file_and_come_back(tmp_path: Path) -> None:
    """The most that a file may have."""
    registry = PersonaRegistry.from_dict({f"P{number}": {"role": "R"} for number in range(100_000)})
    registry.to_yaml(tmp_path / "personas.yaml")
    assert len(PersonaRegistry.from_file(tmp_path / "personas.yaml")) == 100_000


def shared_lists(count: int) -> dict[str, object]:
    """Return personas that share two lists of five and a mapping of three."""
    can, never = ([f"{word} {number}" for number in range(5)] for word in ("Can", "Never"))
    sections = {"FAQ": "Ask.", "Style": "Plain.", "Sources": "Cite them."}
    fields = {"role": "R", "capabilities": can, "constraints": never, "custom_sections": sections}
    return {f"P{number}": dict(fields) for number in range(count)}


def test_a_thousand_personas_that_share_their_lists_load_as_they_are_dumped(tmp_path: Path) -> None:
    """As PyYAML writes them by default, with an alias in each."""
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(shared_lists(1_000)))
    assert path.read_text().count("*id00") == 3 * 999
    registry = PersonaRegistry.from_file(path)
    assert registry.get("P999").capabilities == tuple(f"Can {number}" for number in range(5))
    written_out = yaml.safe_load(yaml.safe_dump(shared_lists(1)))["P0"]
    assert registry.get("P999") == Persona("P999", **written_out)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=6
).filter(str.strip)


@st.composite
def sharing(draw: st.DrawFn) -> dict[str, object]:
    """Return personas whose lists and mappings are taken from a few that they share."""
    lists = draw(st.lists(st.lists(TEXTS, max_size=5), min_size=1, max_size=3))
    sections = draw(st.lists(st.dictionaries(TEXTS, TEXTS, max_size=3), min_size=1, max_size=2))
    edits = [{"replace": each} for each in lists]
    optional: dict[str, st.SearchStrategy[Any]] = {
        "capabilities": st.sampled_from(lists),
        "constraints": st.sampled_from(lists),
        "custom_sections": st.sampled_from(sections),
        "metadata": st.sampled_from([{"of": lists, "also": sections}, *sections]),
    }
    persona = st.fixed_dictionaries({"role": st.just("R"), "variables": st.just({})}, optional=optional)
    child = st.fixed_dictionaries({"parent": st.just("P0")}, optional={"constraints": st.sampled_from(edits)})
    sharing = {"role": "R", "variables": {}, "capabilities": lists[0], "constraints": lists[0]}
    personas = [draw(persona), sharing, *draw(st.lists(persona | child | st.just(draw(persona)), max_size=12))]
    return {f"P{number}": fields for number, fields in enumerate(personas)}


def personas(registry: PersonaRegistry) -> dict[str, Persona]:
    return {name: registry.get(name) for name in registry}


def test_shared_data_means_what_it_means_written_out(tmp_path: Path) -> None:
    """Whatever PyYAML dumps by default loads, and so does what we write of it: each persona as if it shared nothing."""
    path, again = tmp_path / "p.yaml", tmp_path / "again.yaml"
    with share_of_hits(0.95) as hits:

        @settings(max_examples=150)
        @given(sharing())
        def holds(data: dict[str, object]) -> None:
            path.write_text(yaml.safe_dump(data), encoding="utf-8")
            hits.count("*id0" in path.read_text("utf-8"))
            PersonaRegistry.from_file(path).to_yaml(again)
            # The dumper sorts keys, and their order counts.
            plain = personas(PersonaRegistry.from_dict(json.loads(json.dumps(data, sort_keys=True))))
            assert personas(PersonaRegistry.from_file(path)) == plain
            assert personas(PersonaRegistry.from_file(again)) == plain
            plain = personas(PersonaRegistry.from_dict(json.loads(json.dumps(data))))
            assert personas(PersonaRegistry.from_dict(data)) == plain

        holds()


def refused(make: Callable[[], object]) -> list[str]:
    with pytest.raises(PersonaFileError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("field", ["capabilities", "constraints", "tools", "custom_sections", "variables"])
def test_a_shared_mistake_is_told_once_and_none_of_its_personas_is_made(tmp_path: Path, field: str) -> None:
    """At the place where it is written; whoever else has it is not told again, and is no persona either."""
    wrong: Any = {"a": [1]} if field in ("custom_sections", "variables") else ["well", 7]
    data = {f"P{number}": {"role": "R", field: wrong} for number in range(50)}
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    (told,) = refused(lambda: PersonaRegistry.from_file(path))
    assert f": P0.{field}" in told
    (told,) = refused(lambda: PersonaRegistry.from_dict(data))
    assert f"P0.{field}" in told
    separate = refused(
        lambda: PersonaRegistry.from_dict(
            copy.deepcopy({"A": data["P0"], "B": {**data["P1"], field: copy.deepcopy(wrong)}})
        )
    )
    assert len(separate) == 2


def test_a_shared_suspicion_is_told_once_for_all_that_have_it(tmp_path: Path) -> None:
    """With those that it bears on."""
    path = tmp_path / "p.yaml"
    path.write_text("A: {role: R, constraints: &c ['run {{ x }}']}\nB: {role: R, constraints: *c}\n")
    (told,) = validate_file(path)
    assert str(told).startswith(f"{path}:1:31: warning: A.constraints[1]: '{{{{ x }}}}' looks like Jinja")
    assert "(for B)" in str(told)


BOMBS = {
    "laughs": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)),
    "laughs for ever": "a0: &a0 [x]\n"
    + "".join(f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 4_000)),
    "nested by aliases": "a0: &a0 [x]\n"
    + "".join(f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 9_000)),
    "one long list, often": "A:\n  role: r\n  metadata:\n    a: &a ["
    + "x," * 50_000
    + "]\n    b: ["
    + "*a," * 9_000
    + "]\n",
    "as many as may be": "A: {role: r, tools: &a ["
    + "x," * 20_000
    + "]}\n"
    + "".join(f"P{n}: {{role: r, tools: *a}}\n" for n in range(18)),
    "as many as may be below": "".join(
        f"P{number}: {{role: r, metadata: {{x: {'*a' if number else '&a [' + 'x,' * 20_000 + ']'}}}}}\n"
        for number in range(19)
    ),
    "as many wrong as may be": "A: {role: r, tools: &a ["
    + "1," * 20_000
    + "]}\n"
    + "".join(f"P{n}: {{role: r, tools: *a}}\n" for n in range(18)),
    "one long text, often": "A:\n  role: r\n  metadata:\n    a: &a "
    + "x" * 900_000
    + "\n    b: ["
    + "*a," * 30_000
    + "]\n",
    "personas": "A: &a {role: r, tools: [" + "x," * 20_000 + "]}\n" + "".join(f"P{n}: *a\n" for n in range(18)),
}

WITHIN_LIMITS = ("as many as may be", "as many as may be below", "personas")

CHILD = """
import json, re, resource, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from llm_persona import validate_file
validate_file(sys.argv[2])  # what is imported once is not the bomb's
before = time.process_time()
found = validate_file(sys.argv[1])
taken = time.process_time() - before
with open("/proc/self/status") as status:  # what getrusage tells may be the parent's
    most = int(re.search("VmHWM:\\s*([0-9]+)", status.read())[1]) / 1024
print(json.dumps([taken, most, len(found)]))
"""


def bombs() -> list[pytest.param]:  # type: ignore[valid-type]  # pytest has no public name for it
    own = [pytest.param(name, id=name) for name in BOMBS]
    names = (
        "y45-merge-bomb.yaml",
        "y46-billion-laughs.yaml",
        "y47-recursive-alias.yaml",
        "y61-deep-nesting.yaml",
        "j11-deep.json",
    )
    absent = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/bad-inputs")
    return [*own, *(pytest.param(SHARED / name, id=name, marks=absent) for name in names)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, to measure a process")
@pytest.mark.parametrize("bomb", bombs())
def test_a_bomb_ends_within_a_second_and_200_megabytes(tmp_path: Path, bomb: str | Path) -> None:
    """In a process of its own, which may take no more than ten seconds and a gigabyte."""
    path = tmp_path / "bomb.yaml" if isinstance(bomb, str) else bomb
    if isinstance(bomb, str):
        path.write_text(BOMBS[bomb])
    warm = tmp_path / "warm.yaml"
    warm.write_text("A: {role: 7}\n")
    for _ in range(3):  # a busy machine takes more of a processor's time for the same work
        done = subprocess.run([sys.executable, "-c", CHILD, path, warm], capture_output=True, text=True, check=True)
        seconds, megabytes, found = json.loads(done.stdout)
        if seconds < 1:
            break
    assert seconds < 1
    assert megabytes < 200
    assert bool(found) is (bomb not in WITHIN_LIMITS)
