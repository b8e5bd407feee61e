"""What is accepted: for whom, where it is written, what may not be, and what is told of an acceptance without a finding."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import InvalidValueError, Persona, PersonaFileError, PersonaRegistry, validate_file
from llm_persona.checks.findings import Findings
from llm_persona.codes import CODES, finding
from llm_persona.persona.acceptances import UNMATCHED, Acceptance, Acceptances

SILENT = "You are {{ persona.name }}, {{ persona.role }}."
NEVER = "constraint-never-printed"
TEAM = """\
$templates: .
Maya: {role: Writer, template: silent, constraints: [Never lie]}
Dora: {parent: Maya, display_name: Dora}
"""


def registry(folder: Path, text: str = TEAM, **templates: str) -> PersonaRegistry:
    for name, source in {"silent": SILENT, **templates}.items():
        (folder / f"{name}.j2").write_text(source, encoding="utf-8")
    (folder / "personas.yaml").write_text(text, encoding="utf-8")
    return PersonaRegistry.from_file(folder / "personas.yaml")


def told(problems: Iterable[object], folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in problems]


def test_a_finding_is_told_for_those_who_do_not_accept_it(tmp_path: Path) -> None:
    """It bears on two; accepted for one, it is told of the other; accepted for both, `check` passes."""
    found = registry(tmp_path, f"$accept: {{{NEVER}: [Maya]}}\n{TEAM}")
    assert told(found.problems(), tmp_path) == [
        (
            f"personas.yaml:3:54: Maya.constraints[1]: template 'silent' never prints it (for Dora); "
            f"print each: {{% for constraint in persona.constraints %}}- {{{{ constraint }}}} [{NEVER}]"
        )
    ]
    assert found.problems(accept=[f"{NEVER}:Dora"]) == []
    registry(tmp_path, f"$accept: {{{NEVER}: [Maya, Dora]}}\n{TEAM}").check()
    registry(tmp_path).check(accept=[NEVER])


def test_what_matches_nothing_is_a_warning_where_it_is_written(tmp_path: Path) -> None:
    """So an acceptance goes when its finding does; each is judged where its kind of finding is looked for."""
    text = "$accept:\n  constraint-cut: [Maya]\n  unused-variable: [Maya]\n  session-unused: [Maya]\n  greeting-lacks: [Dora]\n"
    found = registry(tmp_path, text + TEAM)
    warning = "warning: $accept.{}[1]: no finding '{}' bears on '{}': there is nothing to accept; take it out [{}]"

    def expected(line: int, column: int, code: str, whom: str) -> str:
        return f"personas.yaml:{line}:{column}: " + warning.format(code, code, whom, UNMATCHED)

    accept = [NEVER]
    always = [expected(2, 20, "constraint-cut", "Maya"), expected(3, 21, "unused-variable", "Maya")]
    assert told(found.problems(accept=accept), tmp_path) == always
    assert told(found.problems({"x"}, accept=accept), tmp_path) == [
        *always,
        expected(4, 20, "session-unused", "Maya"),
        expected(5, 20, "greeting-lacks", "Dora"),
    ]
    assert told(validate_file(tmp_path / "personas.yaml"), tmp_path) == [expected(3, 21, "unused-variable", "Maya")]
    assert told(found.problems(accept=[NEVER, "text-cut", UNMATCHED]), tmp_path) == [
        f"warning: no finding 'text-cut' bears on any persona: there is nothing to accept; take it out [{UNMATCHED}]"
    ]


def test_what_a_file_may_not_accept_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    """A code that is none, one of what would not render, a persona that is not there, or that another file writes."""
    (tmp_path / "other.yaml").write_text("Sam: {role: Pilot}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(
        "$accept:\n  text-cutt: [Maya]\n  render-fails: [Maya]\n  text-cut: [Maja, Sam, $accept]\nMaya: {role: Pilot}\n",
        encoding="utf-8",
    )
    with pytest.raises(PersonaFileError) as refused:
        PersonaRegistry.from_file(tmp_path / "a.yaml", tmp_path / "other.yaml")
    assert told(refused.value.problems, tmp_path) == [
        "a.yaml:2:3: $accept.text-cutt: no finding has the code 'text-cutt'; did you mean 'text-cut'?",
        (
            "a.yaml:3:3: $accept.render-fails: 'render-fails' cannot be accepted: the prompt would not render; "
            "mend what it tells of"
        ),
        "a.yaml:4:14: $accept.text-cut[1]: there is no persona 'Maja'; did you mean 'Maya'?",
        "a.yaml:4:20: $accept.text-cut[2]: 'Sam' is not written in this file; accept it in other.yaml",
        "a.yaml:4:25: $accept.text-cut[3]: there is no persona '$accept'",
    ]


def test_what_is_accepted_stays_with_the_registry(tmp_path: Path) -> None:
    """In its YAML and its JSON, in a copy and a pickle, in data, and when another persona is defined."""
    found = registry(tmp_path, f"$accept: {{{NEVER}: [Maya, Dora]}}\n{TEAM}")
    found.define(Persona("Sam", "Pilot"))
    found.to_yaml(tmp_path / "again.yaml")
    found.to_json(tmp_path / "again.json")
    for kept in (
        found,
        PersonaRegistry.from_file(tmp_path / "again.yaml"),
        PersonaRegistry.from_file(tmp_path / "again.json"),
        PersonaRegistry.from_dict(found.to_dict()),
    ):
        assert pickle.loads(pickle.dumps(kept)).problems() == []
        assert kept.to_dict()["$accept"] == {NEVER: ["Maya", "Dora"]}
        assert kept.problems() == []


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        (["text-cutt"], "no finding has the code 'text-cutt'; did you mean 'text-cut'?"),
        (["session-lacks:Maya"], "'session-lacks' cannot be accepted: the prompt would not render"),
        (["text-cut", 3], "accept must hold texts, CODE or CODE:PERSONA, not a number"),
        ("text-cut", "accept must be a list of CODE or CODE:PERSONA, not a text"),
        (3, "accept must be a list of CODE or CODE:PERSONA, not a number"),
    ],
)
def test_what_a_caller_may_not_accept_is_refused(accept: list[str], message: str) -> None:
    """At once, and not when there happens to be a finding."""
    with pytest.raises(InvalidValueError) as refused:
        PersonaRegistry().check(accept=accept)
    assert message in str(refused.value)


BEARERS = st.lists(st.sampled_from(["Maya", "Dora", "Sam"]), min_size=1, unique=True)
ENTRIES = st.lists(st.tuples(st.sampled_from(sorted(CODES)), BEARERS), max_size=4)
WANTED = st.lists(st.builds(Acceptance, st.sampled_from(sorted(CODES)), st.none() | st.sampled_from(["Maya", "Dora"])))


@given(ENTRIES, WANTED)
def test_a_finding_is_told_for_exactly_those_without_an_acceptance(
    entries: list[tuple[str, list[str]]], wanted: list[Acceptance]
) -> None:
    """Whatever was found and whatever is accepted; and what was met for nothing is known."""
    accepted = Acceptances(wanted)
    findings = Findings({}, accepted)
    for number, (code, bearers) in enumerate(entries):
        for bearer in bearers:
            findings.add(finding(code, f"{number}"), bearer)
    left = {
        str(number): [b for b in bearers if not {(code, None), (code, b)} & {(w.code, w.persona) for w in wanted}]
        for number, (code, bearers) in enumerate(entries)
    }
    assert {problem.message.partition(" ")[0] for problem in findings.problems()} == {n for n, b in left.items() if b}
    met = {(code, whom) for code, bearers in entries for whom in (*bearers, None)}
    unmatched = list(accepted.unmatched(["in files", "in templates", "with a session", "with a least"]))
    assert len(unmatched) == sum((w.code, w.persona) not in met and w.code != UNMATCHED for w in wanted)
