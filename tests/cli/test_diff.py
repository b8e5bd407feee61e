"""`llm-persona diff` and `render --explain` with files of their own; reviewed cases are in tests/cli."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from product import FILE, PRODUCT, SUPPORT, write
from rich.cells import cell_len
from terminals import opened, until_closed, without_progress

from llm_persona import Persona, PersonaRegistry
from llm_persona.cli.columns import columns
from llm_persona.cli.main import cli


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose personas stand in a folder of their own; the command runs above it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "app", PRODUCT)
    return tmp_path


def diff(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["diff", *arguments], input=stdin, prog_name="llm-persona")


def edited(project: Path, before: str, after: str) -> Path:
    """Return the file in a copy of the project, edited once."""
    shutil.copytree(project / "app", project / "new", dirs_exist_ok=True)
    path = project / "new" / "personas.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    return path


# Standard input


@pytest.mark.parametrize("arguments", [("-", "app/personas.yaml"), ("app/personas.yaml", "-")])
def test_standard_input_lies_beside_the_other(project: Path, arguments: tuple[str, str]) -> None:
    """A file on standard input has the templates of the folder that the other file stands in."""
    result = diff(*arguments, "--frozen", stdin=FILE)
    assert (result.exit_code, result.output) == (0, "no difference\n")
    changed = diff(*arguments, stdin=FILE.replace("kind", "brisk"))
    signs = ("-", "+") if arguments[0] == "-" else ("+", "-")
    assert f"  {signs[0]}brisk\n" in changed.output
    assert f"  {signs[1]}kind\n" in changed.output


def test_standard_input_that_is_wrong_is_shown(project: Path) -> None:
    """What is wrong with the file on standard input is told with its line, and nothing is compared."""
    result = diff("-", "app/personas.yaml", stdin="Maya:\n  role: Guide\n  tne: kind\n")
    assert result.exit_code == 1
    assert "<stdin>:3:3: Maya: unknown field 'tne'" in result.output
    assert "  tne: kind" in result.output


# Frozen


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("tone: kind", "tone: brisk", "tone"),
        ("company: Acme", "company: Acne", "company"),
        ("role: Guide\n", "role: Guide\n  constraints: [Never lie]\n", "constraints"),
        ("role: Guide", "role: Chief\n  description: x", "role"),
        ("template: support", "template: markdown", "template"),
    ],
)
def test_frozen_version_that_changed(project: Path, before: str, after: str, what: str) -> None:
    """Content that changed under an unchanged version, an ancestor's too, ends with 1 and names what."""
    result = diff("app/personas.yaml", str(edited(project, before, after)), "--frozen")
    assert result.exit_code == 1
    assert result.stderr == f"frozen: Maya@1: {what} changed under an unchanged version; give it a new one\n"
    assert diff("app/personas.yaml", "new/personas.yaml").exit_code == 0


def test_frozen_version_whose_template_changed(project: Path) -> None:
    """An edit of a template, here the old one's and the new one's folder differ, is an edit of all that it renders."""
    edited(project, "kind", "kind")
    (project / "new" / "templates" / "support.j2").write_text(SUPPORT.replace("brief", "quick"))
    result = diff("app/personas.yaml", "new/personas.yaml", "--frozen")
    assert (result.exit_code, "frozen: Maya@1: its template changed" in result.stderr) == (1, True)
    assert "  -Be brief.\n  +Be quick.\n" in result.stdout
    assert "  ~ the template, or what it uses\n" in result.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tone: kind", "tone: kind\n  description: x\n  metadata: {a: 1}"),
        (
            "version: 1\n  role: Guide\n  tone: kind",
            "version: 2\n  role: Guide\n  tone: brisk\nMaya@1: {replaced_by: 2}",
        ),
        ("Max:", "Max: {replaced_by: Mox}\nMox:"),
        ("Max: {role: Helper}", "Max: {replaced_by: null}"),
        ("Maya:\n", "Maya@1: {parent: Base, role: Guide, tone: kind}\nMaya:\n  display_name: May\n"),
        ("  version: 1\n  role: Guide\n  tone: kind", "  role: Guide\nMaya@1: {replaced_by: null}"),
        ("Base: {abstract: true, company: Acme, template: support}", "Bose: {abstract: true}"),
    ],
    ids=["notes", "new-version", "renamed", "retired", "kept", "taken-off", "abstract"],
)
def test_frozen_holds(project: Path, before: str, after: str) -> None:
    """Notes for people, and whatever goes and leaves a line or is kept beside the new, are no violations."""
    path = edited(project, before, after)
    text = path.read_text()
    if "display_name" in after:
        path.write_text(text.replace("version: 1", "version: 2"))
    if "Bose" in after:
        path.write_text(text.replace("parent: Base", "template: support\n  company: Acme"))
    result = diff("app/personas.yaml", str(path), "--frozen")
    told = result.stderr.replace("note: changed, and not held, as without a version they promise nothing: Maya\n", "")
    assert (result.exit_code, told) == (0, "")


KEEP = "keep it, or leave a line"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("Max: {role: Helper}\n", "", f'Max: is gone; {KEEP}: "Max: {{replaced_by: NAME}}", null for none'),
        ("Max:", "Mox:", f'Max: is gone; {KEEP}: "Max: {{replaced_by: NAME}}", null for none'),
        ("version: 1", "version: 2", f'Maya@1: is gone; {KEEP}: "Maya@1: {{replaced_by: 2}}"'),
        (
            "version: 1\n  role: Guide",
            "role: CHANGED",
            f'Maya@1: is gone, as Maya has no version any more; {KEEP}: "Maya@1: {{replaced_by: null}}"',
        ),
        (
            "Max: {role: Helper}",
            "Max: {abstract: true}",
            "Max: is abstract now, and would serve nobody; make it a persona, or leave a line for another",
        ),
    ],
    ids=["gone", "renamed", "new-version", "taken-off", "abstract"],
)
def test_frozen_names_what_was_lost(project: Path, before: str, after: str, told: str) -> None:
    """A name or version that conversations may hold, and that is gone without a line, ends with 1 and says which line."""
    result = diff("app/personas.yaml", str(edited(project, before, after)), "--frozen")
    frozen = [each for each in result.stderr.splitlines() if not each.startswith("note: ")]
    assert (result.exit_code, frozen) == (1, [f"frozen: {told}"])
    assert diff("app/personas.yaml", "new/personas.yaml").exit_code == 0


def frozen(before: str, after: str) -> tuple[int, list[str]]:
    """Return how the comparison of two files ends, and what it says is not held."""
    Path("before.yaml").write_text(before)
    Path("after.yaml").write_text(after)
    result = diff("before.yaml", "after.yaml", "--frozen")
    return result.exit_code, [each for each in result.stderr.splitlines() if each.startswith("frozen: ")]


def test_side_versions_are_held(project: Path) -> None:
    """A version beside the served one is lost as that is; a name that goes with a line takes its versions with it."""
    both = "Maya: {role: x, version: 1}\nMaya@2: {role: y}\nDora: {role: z}\n"
    one = "Maya: {role: x, version: 1}\nDora: {role: z}\n"
    line = 'frozen: Maya@2: is gone; keep it, or leave a line: "Maya@2: {replaced_by: 1}"'
    assert frozen(both, one) == (1, [line])
    assert frozen(both, one + "Maya@2: {replaced_by: 1}\n") == (0, [])
    assert frozen(both, one + "Maya@2: {replaced_by: null}\n") == (0, [])
    gone = 'frozen: Maya: is gone; keep it, or leave a line: "Maya: {replaced_by: NAME}", null for none'
    assert frozen(both, "Dora: {role: z}\n") == (1, [gone])
    assert frozen(both, "Dora: {role: z}\nMaya: {replaced_by: Dora}\n") == (0, [])
    promoted = "Maya: {role: y, version: 2}\nMaya@1: {role: x}\nDora: {role: z}\n"
    assert frozen(both, promoted) == (0, [])


def test_a_line_is_held_too(project: Path) -> None:
    """Who was led somewhere is led somewhere for ever; a retired one was not, and its line may go."""
    maya, line = "Maya: {role: x, version: 2}\n", "Maya@1: {replaced_by: 2}\n"
    lost = 'frozen: Maya@1: is gone; keep it, or leave a line: "Maya@1: {replaced_by: 2}"'
    assert frozen(maya + line, maya) == (1, [lost])
    assert frozen(maya + line, "Maya: {role: x, version: 3}\nMaya@2: {replaced_by: 3}\n" + line) == (0, [])
    assert frozen(maya + "Zed: {replaced_by: null}\n", maya) == (0, [])


@pytest.mark.parametrize(
    ("line", "again", "back"),
    [
        ("Maya@1: {replaced_by: null}", "Maya@1: {role: old}", "Maya@1"),
        ("Maya@1: {replaced_by: 2}", "Maya@1: {role: old}", "Maya@1"),
        ("Maya@1: {replaced_by: null}", "Maya@1: {role: x}", "Maya@1"),
        ("Old: {replaced_by: Maya}", "Old: {role: x}", "Old"),
        ("Old: {replaced_by: null}", "Old: {role: x, version: 7}", "Old"),
        ("Old: {replaced_by: Ann}\nAnn: {replaced_by: null}", "Old: {role: x}\nAnn: {replaced_by: null}", "Old"),
        ("Maya@1: {replaced_by: 2}", "Maya@1: {role: x}", None),
    ],
)
def test_what_is_gone_does_not_come_back_as_something_else(
    project: Path, line: str, again: str, back: str | None
) -> None:
    """A conversation that was led elsewhere, or told that its persona was retired, gets no third prompt."""
    maya = "Maya: {role: x, version: 2}\n"
    told = "was gone, and is back as something else; keep its line, and take a name or version that was never used"
    held = frozen(maya + line, maya + again)
    assert held == ((1, [f"frozen: {back}: {told}"]) if back else (0, []))
    if back:
        shown = json.loads(diff("before.yaml", "after.yaml", "--format", "json").stdout)
        assert shown["revived"] == [back]


def test_names_that_require_a_unit_are_held(project: Path) -> None:
    """Dropping one is shown and not held; a new one is shown; one that is gone is told as that."""
    maya = "Maya: {role: x, version: 1}\nMax: {role: y}\n"
    required = "$require_unit: [Maya]\n" + maya
    assert frozen(required, maya) == (1, ["frozen: Maya: $require_unit does not name it any more; keep it there"])
    assert diff("before.yaml", "after.yaml").stdout == "~ Maya: $require_unit does not name it any more\n"
    assert frozen(maya, required) == (0, [])
    assert diff("before.yaml", "after.yaml").stdout == "~ Maya: $require_unit names it now\n"
    assert frozen(required, required) == (0, [])
    assert frozen(required, "Maya: {replaced_by: Max}\nMax: {role: y}\n") == (0, [])


def test_what_replaces_is_shown(project: Path) -> None:
    """What is gone stands with what is in its place, as text and as data; so do lines that lead elsewhere now."""
    old, new = Path("old.yaml"), Path("new.yaml")
    old.write_text("Maya: {role: x, version: 1}\nDora: {role: y}\nZed: {role: z}\nYan: {replaced_by: Zed}\n")
    new.write_text(
        "Maya: {role: x, version: 2}\nMaya@1: {replaced_by: 2}\nDora: {replaced_by: Maya}\nZed: {replaced_by: null}\n"
        "Yan: {replaced_by: Maya}\n"
    )
    shown = diff("old.yaml", "new.yaml").stdout
    assert shown.startswith(
        "+ Maya@2 is new\n- Maya@1 is gone; Maya@2 stands in its place\n- Dora is gone; Maya@2 stands in its place\n"
        "- Zed is gone; it was retired\n~ Yan: Maya@2 stands in its place\n"
    )
    data = json.loads(diff("old.yaml", "new.yaml", "--format", "json").stdout)
    assert data["replaced"] == {"Maya@1": "Maya@2", "Dora": "Maya@2", "Zed": None, "Yan": "Maya@2"}
    assert (data["removed"], data["lost"]) == (["Maya@1", "Dora", "Zed"], [])
    assert diff("new.yaml", "new.yaml", "--frozen").output == "no difference\n"
    assert diff("Dora", "Maya", "-f", "new.yaml").output == (
        "note: Dora is gone; Maya@2 stands in its place\nno difference\n"
    )


def test_unversioned_personas_are_not_held(project: Path) -> None:
    """A persona without a version that changed is no violation, and --frozen says once that it holds no such one."""
    path = edited(project, "{role: Helper}", "{role: Aide}\nZoe: {role: Helper}")
    result = diff("app/personas.yaml", str(path), "--frozen")
    note = "note: changed, and not held, as without a version they promise nothing: Max\n"
    assert (result.exit_code, result.stderr) == (0, note)
    assert diff("app/personas.yaml", str(path)).stderr == ""


# What is told


def test_json_has_all_of_it(project: Path) -> None:
    """JSON has what the text has: keys, fields, prompts, rollouts with the share that moves, and violations."""
    old = project / "old.json"
    new = project / "new.json"
    data: dict[str, Any] = {
        "Maya": {"role": "Guide", "version": "1"},
        "Maya@2": {"role": "Chief"},
        "Max": {"role": "x"},
    }
    old.write_text(json.dumps({"$rollouts": {"Maya": {"2": 10}}, **data}))
    data["Maya"]["variables"] = {"user": None}
    new.write_text(json.dumps({"$rollouts": {"Maya": {"2": 20}}, **{k: v for k, v in data.items() if k != "Max"}}))
    result = json.loads(diff(str(old), str(new), "--format", "json", "--frozen").stdout)
    assert (result["added"], result["removed"], result["unversioned"]) == ([], ["Max"], [])
    assert result["rollouts"] == [
        {"name": "Maya", "before": {"1": 90, "2": 10}, "after": {"1": 80, "2": 20}, "moved": pytest.approx(0.1)}
    ]
    (change,) = result["changed"]
    assert change["fields"] == [{"path": ["variables"], "kind": "added", "before": None, "after": {"user": None}}]
    assert change["prompt_before"] == change["prompt_after"]
    assert [each["ref"] for each in result["frozen_violations"]] == ["Maya@1"]
    assert "  the prompt is the same\n" in diff(str(old), str(new)).stdout


def test_prompt_that_cannot_be_rendered(project: Path) -> None:
    """A persona that cannot be rendered is compared by its fields, with the reason; --frozen holds it all the same."""
    bad = SUPPORT.replace("Be brief.", "{{ session.order.total }}")
    (project / "app" / "templates" / "support.j2").write_text(bad)
    path = edited(project, "tone: kind", "tone: brisk")
    result = diff("app/personas.yaml", str(path), "--frozen")
    assert result.exit_code == 1
    assert "  ~ tone: 'kind' -> 'brisk'\n  the prompts cannot be compared:\n    before: " in result.stdout
    assert "support.j2:3" in result.stdout
    rendered = diff("app/personas.yaml", str(path), "-s", 'order:={"total": 5}')
    assert "  -kind\n  +brisk\n" in rendered.stdout


def test_each_side_has_its_own_template(project: Path) -> None:
    """Each persona is rendered in its own template, which the prompt's heading names."""
    result = diff("Maya", "Max", "-f", "app/personas.yaml")
    assert "  --- Maya@1 in support\n  +++ Max in default\n" in result.stdout


def test_control_characters_do_not_act(project: Path) -> None:
    """No text of a file reaches the terminal as something that it obeys, whichever way the prompts are shown."""
    evil = project / "evil.json"
    fields = {"role": "a\x1b[2J", "tone": "t\x07", "custom_sections": {"\x1b]0;x\x07": "\x9b2J"}}
    evil.write_text(json.dumps({"A\u202eb": {"role": "x"}, "B": fields, "C": {**fields, "tone": "\x1b"}}))
    other = project / "other.json"
    other.write_text(json.dumps({"B": {"role": "y"}}))
    explained = CliRunner().invoke(cli, ["render", "B", "--explain", "-f", str(evil)])
    outputs = [explained.output] + [
        diff(*arguments).output
        for arguments in (
            ("B", "C", "-f", str(evil)),
            (str(evil), str(other)),
            (str(other), str(evil), "--side-by-side"),
        )
    ]
    for output in outputs:
        assert output
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", output)


# The terminal


def on_a_terminal(arguments: list[str], width: int = 60, **environment: str) -> str:
    ours, theirs = opened()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "llm_persona", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm", "COLUMNS": str(width), **environment},
    ) as process:
        os.close(theirs)
        read = b"".join(until_closed(ours))
        process.wait(60)
    os.close(ours)
    return without_progress(read.decode()).replace("\r\n", "\n")


COMMANDS = [
    ["diff", "app/personas.yaml", "new/personas.yaml", "--frozen"],
    ["diff", "Maya", "Max", "-f", "app/personas.yaml", "--side-by-side"],
    ["render", "Maya", "--explain", "-f", "app/personas.yaml"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_colours_are_for_terminals(project: Path, arguments: list[str]) -> None:
    """A terminal gets colours; with NO_COLOR, or in a pipe, the same text comes without one escape code."""
    edited(project, "tone: kind", "tone: brisk")
    coloured = on_a_terminal(arguments)
    plain = on_a_terminal(arguments, NO_COLOR="1")
    assert "\x1b[3" in coloured
    assert "\x1b[22m" not in coloured  # it would end the bold of the line that it stands in
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain
    piped = subprocess.run([sys.executable, "-m", "llm_persona", *arguments], capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout + piped.stderr
    assert piped.stdout


@pytest.mark.parametrize("width", [46, 60, 101])
def test_columns_fit_the_terminal(project: Path, width: int) -> None:
    """Both columns stay within the terminal, and where they begin, with wide characters and long lines too."""
    (project / "wide.json").write_text(
        json.dumps(
            {
                "A": {"role": "日本語の案内係" * 6, "tone": "x" * 100, "constraints": ["same 🎉"]},
                "B": {"role": "日本語" * 9, "tone": "y" * 30, "constraints": ["same 🎉", "more"]},
            }
        )
    )
    shown = on_a_terminal(["diff", "A", "B", "-f", "wide.json", "--side-by-side"], width, NO_COLOR="1")
    rows = shown[shown.index("  A in default") :].splitlines()
    assert max(map(cell_len, rows)) <= width
    column = (width - 5) // 2
    marked = [row for row in rows if re.search(r" [|<>] ", row) or row.endswith(" <")]
    assert marked
    for row in marked:
        found = {cell_len(row[: match.start()]) for match in re.finditer(r"(?<= )[|<>](?= |$)", row)}
        assert 2 + column + 1 in found


@pytest.mark.parametrize("width", [50, 80, 200])
def test_sources_stand_below_their_line_and_fit(project: Path, width: int) -> None:
    """Whatever is printed, no line of sources is wider than the terminal, where a source fits; a prompt's line is not cut."""
    made = PersonaRegistry()
    made.define(Persona("A", "案内係", constraints=["日本 🎉", "short", "long " * 20], constants={"a": "1"}))
    made.to_yaml(project / "wide.yaml")
    shown = on_a_terminal(["render", "A", "--explain", "-f", "wide.yaml"], width, NO_COLOR="1").splitlines()
    sources = [row for row in shown if row.startswith("    #")]
    assert max(map(cell_len, sources)) <= width
    assert "- " + "long " * 20 in shown
    assert [row for row in shown if row and row not in sources] == made.get("A").render().text.replace(
        "\n\n", "\n"
    ).split("\n")
    firsts = [row for row in sources if row.startswith("    # ") and row[6] != " "]
    assert len(firsts) == len(shown) - len(sources) - shown.count("")


def test_rows_of_both_columns_belong_together() -> None:
    """A line that is cut into several rows has the other side's line beside its first, and signs on all of them."""
    made = PersonaRegistry()
    made.define(Persona("A", "Guide", tone="x" * 200), Persona("B", "Guide", tone="y" * 90, constraints=["z"]))
    rows = list(columns(made.get("A").render(), made.get("B").render()))
    long = [row for row in rows if "xxx" in row]
    assert [row[78] for row in long] == ["|", "|", "|"]
    assert ["y" in row for row in long] == [True, True, False]
    assert [row[78:].split() for row in rows if "Do not:" in row or "- z" in row] == [
        [">", "Do", "not:"],
        [">", "-", "z"],
    ]
