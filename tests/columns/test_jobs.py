"""Request files of a file of rows: each row in one of them or among the errors, once, however often it was stopped."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llm_persona import PersonaError, PersonaRegistry
from llm_persona.cli.main import cli
from llm_persona.columns import BatchRenderer
from llm_persona.columns.jobs import Job
from llm_persona.columns.requests import SERVICES, Service
from llm_persona.columns.tables import ROWS, batches
from llm_persona.files.output import BEGUN

COUNT = ROWS + 100
PERSONAS = {"Maya": {"role": "Guide of {user_name}", "version": 1}, "Ben": {"role": "Judge", "company": "Zoë & Co"}}


def rows(count: int = COUNT) -> list[dict[str, Any]]:
    """Return rows of two personas in turn, each seventh of one that is not there."""
    names = ["Maya", "Ben", "Maya", "Ben", "Maya", "Ben", "Nobody"]
    return [{"agent": names[n % 7], "user_name": f"User {n}", "ticket": f"Where is\nnumber {n}?"} for n in range(count)]


def written(path: Path, table: list[dict[str, Any]]) -> str:
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
    elif path.suffix == ".parquet":
        arrow = pytest.importorskip("pyarrow", reason="no wheel for this Python")
        import pyarrow.parquet

        pyarrow.parquet.write_table(arrow.Table.from_pylist(table), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    return str(path)


def job(path: str, folder: Path, form: str | Service = "openai", **more: Any) -> Job:
    renderer = BatchRenderer(PersonaRegistry.from_dict(PERSONAS), session_columns=["user_name"])
    made = SERVICES[form] if isinstance(form, str) else form
    return Job(path, folder, renderer, made, "ticket", "some-model", 100, **more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def outcome(folder: Path) -> tuple[list[int], dict[str, bytes]]:
    """Return the rows of all requests and errors, and what every file holds, but for what was noted of the job."""
    found = [told["row"] for told in lines(folder / "rows.jsonl")] + [
        told["row"] for told in lines(folder / "errors.jsonl")
    ]
    return sorted(found), {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "job.json"}


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_each_row_is_a_request_or_an_error_and_those_of_a_persona_stand_together(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"rows.{ending}", rows())
    made = job(path, tmp_path / "out").run(lambda _: None)
    assert (made.requests + made.errors, made.files, made.resumed_at) == (COUNT, 1, 0)
    found, files = outcome(tmp_path / "out")
    assert found == [*range(COUNT)]
    assert sorted(files) == ["errors.jsonl", "requests-00001.jsonl", "rows.jsonl"]
    requests, mapping = lines(tmp_path / "out" / "requests-00001.jsonl"), lines(tmp_path / "out" / "rows.jsonl")
    registry = PersonaRegistry.from_dict(PERSONAS)
    table = rows()
    for request, told in zip(requests, mapping, strict=True):
        row = table[told["row"]]
        assert request["custom_id"] == told["custom_id"]
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", request["custom_id"])
        developer, user = request["body"]["messages"]
        assert developer["content"] == registry.get(row["agent"]).build_system_prompt(user_name=row["user_name"])
        assert user == {"role": "user", "content": row["ticket"]}
    assert [told["ref"] for told in mapping] == sorted((told["ref"] for told in mapping), reverse=True)
    assert {told["error"] for told in lines(tmp_path / "out" / "errors.jsonl")} == {
        "Nobody: no persona 'Nobody'; there are 'Maya', 'Ben'"
    }


class Stopped(Exception):  # noqa: N818 - it stands for a signal
    pass


@pytest.mark.parametrize("after", [1, 2])
def test_a_job_that_was_killed_goes_on_without_a_row_lost_or_twice(tmp_path: Path, after: int) -> None:
    """Wherever it was: what it had begun to write is cut off, and what comes out is what one run makes."""
    path = written(tmp_path / "rows.jsonl", rows())
    job(path, tmp_path / "whole").run(lambda _: None)
    calls = 0

    def stop(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Stopped

    with pytest.raises(Stopped):
        job(path, tmp_path / "out").run(stop)
    spool = tmp_path / "out" / ".spool"
    for begun in [*spool.iterdir(), spool / "7"]:  # what the next batch had written before it was noted
        with open(begun, "ab") as file:
            file.write(b'{"custom_id":"row-1","half of')
    (tmp_path / "out" / "requests-00001.jsonl").write_bytes(b"begun")
    told: list[int] = []
    made = job(path, tmp_path / "out").run(told.append)
    assert made.resumed_at == min(after * ROWS, COUNT)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "whole")
    again = job(path, tmp_path / "out").run(told.append)
    assert (again.requests, again.resumed_at) == (made.requests, COUNT)


def test_a_process_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed when its first batch is noted, and when the files are being put together; nothing of either stays behind."""
    path = written(tmp_path / "rows.jsonl", rows(2 * ROWS))
    (tmp_path / "personas.json").write_text(json.dumps(PERSONAS))
    options = ["-f", str(tmp_path / "personas.json"), "--as", "openai", "--model", "some-model", "--max-tokens", "100"]
    command = [sys.executable, "-m", "llm_persona", "batch", path, *options, "-s", "user_name", "--message", "ticket"]
    out, killed = tmp_path / "out", 0
    for sign in ("job.json", "requests-00001.jsonl"):
        with subprocess.Popen([*command, "-o", str(out)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            while process.poll() is None and not (out / sign).exists():
                time.sleep(0.001)
            process.kill()
        killed += process.returncode == -signal.SIGKILL
    (out / f"{BEGUN}0123456789abcdef.tmp").write_text('{"key": "')  # as one that was killed while it noted a batch
    done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, check=False)
    assert (killed > 0, done.returncode) == (True, 1), done.stderr  # 1: some rows are in error
    assert job(path, tmp_path / "whole").run(lambda _: None).requests
    assert outcome(out) == outcome(tmp_path / "whole")
    assert outcome(out)[0] == [*range(2 * ROWS)]


def test_a_job_that_was_killed_before_its_first_batch_begins_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", rows(3))
    (tmp_path / "out" / ".spool").mkdir(parents=True)
    (tmp_path / "out" / ".spool" / "0").write_bytes(b"half")
    assert job(path, tmp_path / "out").run(lambda _: None).requests == 3


def test_files_are_split_at_what_a_service_takes(tmp_path: Path) -> None:
    """By requests and by bytes, the end of a file counted."""
    path = written(tmp_path / "rows.jsonl", rows(100))
    job(path, tmp_path / "a", "openai").run(lambda _: None)
    whole = (tmp_path / "a" / "requests-00001.jsonl").read_bytes()
    for name, form in [
        ("b", SERVICES["openai"]._replace(most=30)),
        ("c", SERVICES["openai"]._replace(most_bytes=5_000)),
    ]:
        job(path, tmp_path / name, form).run(lambda _: None)
        parts = sorted((tmp_path / name).glob("requests-*.jsonl"))
        assert len(parts) > 2
        assert b"".join(part.read_bytes() for part in parts) == whole
        assert all(len(lines(part)) <= 30 for part in parts) or name == "c"
        assert all(part.stat().st_size <= 5_000 for part in parts) or name == "b"
        files = {told["custom_id"]: told["file"] for told in lines(tmp_path / name / "rows.jsonl")}
        assert all(files[request["custom_id"]] == part.name for part in parts for request in lines(part))


def test_a_folder_is_of_one_job(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", rows(5))
    job(path, tmp_path / "out").run(lambda _: None)
    with pytest.raises(PersonaError, match="holds what was made of other rows or personas"):
        job(written(tmp_path / "others.jsonl", rows(4)), tmp_path / "out").run(lambda _: None)
    with pytest.raises(PersonaError, match="holds other files"):
        job(path, tmp_path).run(lambda _: None)
    with pytest.raises(PersonaError, match="is no folder; name one"):
        job(path, Path(path)).run(lambda _: None)


def test_two_runs_at_once_are_told_of_each_other(tmp_path: Path) -> None:
    """The one that came later changes nothing of what the first makes."""
    pytest.importorskip("fcntl", reason="no such locks here")
    path = written(tmp_path / "rows.jsonl", rows(5))
    refused: list[str] = []

    def meanwhile(_: int) -> None:
        with pytest.raises(PersonaError) as caught:
            job(path, tmp_path / "out").run(lambda _: None)
        refused.append(str(caught.value))

    assert job(path, tmp_path / "out").run(meanwhile).requests == 5
    assert refused == [f"another run is at work in {tmp_path / 'out'}; wait until it ends, or name another folder"]
    job(path, tmp_path / "whole").run(lambda _: None)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"key": 1}', "\0"])
def test_what_was_noted_of_a_job_and_changed_since_is_told(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "rows.jsonl", rows(5))
    job(path, tmp_path / "out").run(lambda _: None)
    before = outcome(tmp_path / "out")
    (tmp_path / "out" / "job.json").write_text(content)
    with pytest.raises(PersonaError, match="is not as it was written"):
        job(path, tmp_path / "out").run(lambda _: None)
    assert outcome(tmp_path / "out") == before


def test_anthropic_and_vllm_get_what_they_take(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", rows(5))
    job(path, tmp_path / "a", "anthropic").run(lambda _: None)
    body = json.loads((tmp_path / "a" / "requests-00001.json").read_bytes())
    persona = PersonaRegistry.from_dict(PERSONAS).get("Maya")
    assert body["requests"][0] == {
        "custom_id": "row-0",
        "params": {
            "model": "some-model",
            "max_tokens": 100,
            "system": persona.render(user_name="User 0").anthropic_system(),
            "messages": [{"role": "user", "content": "Where is\nnumber 0?"}],
        },
    }
    job(path, tmp_path / "v", "vllm").run(lambda _: None)
    assert lines(tmp_path / "v" / "requests-00001.jsonl")[0]["body"]["messages"][0]["role"] == "system"


@pytest.mark.parametrize("form", ["openai", "anthropic", "vllm"])
def test_a_row_whose_prompt_is_blank_is_an_error_and_the_job_goes_on(tmp_path: Path, form: str) -> None:
    """No service takes such a prompt; its row is told, and all others have their requests."""
    persona = {"Maya": {"template": "verbatim", "custom_sections": {"A": "{user_name}"}}}
    renderer = BatchRenderer(PersonaRegistry.from_dict(persona), session_columns=["user_name"])
    table = [{"agent": "Maya", "user_name": name, "ticket": "Hi"} for name in ("Ana", "", "Bo")]
    path = written(tmp_path / "rows.jsonl", table)
    found = Job(path, tmp_path / "out", renderer, SERVICES[form], "ticket", "some-model", 100).run(lambda _: None)
    assert (found.requests, found.errors) == (2, 1)
    (told,) = lines(tmp_path / "out" / "errors.jsonl")
    assert told["row"] == 1
    assert told["error"].startswith("Maya: ")
    assert [each["row"] for each in lines(tmp_path / "out" / "rows.jsonl")] == [0, 2]


def test_rows_that_cannot_be_read_are_told_with_their_line(tmp_path: Path) -> None:
    for name, text, message in [
        ("a.jsonl", '{"a": 1}\n{', "a.jsonl:2: is no JSON"),
        ("b.jsonl", "[1]", "b.jsonl:1: is not an object but a list"),
        ("c.csv", "a,b\n1,2,3\n", "c.csv:2: has more values than the first line has names"),
        ("d.txt", "", "rows are in Parquet, CSV or JSON lines"),
        ("e.parquet", "", "is no Parquet file"),
    ]:
        (tmp_path / name).write_text(text)
        with pytest.raises(PersonaError, match=re.escape(message)):
            [*batches(str(tmp_path / name))]


def test_the_command_line_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it made and what could not be, and then ends with 1; what a service needs, it asks for."""
    monkeypatch.chdir(tmp_path)
    Path("personas.yaml").write_text("Maya: {role: 'Guide of {user_name}'}\nBen: {role: Judge}\n")
    table = [
        {"agent": "Maya", "name": "Jo", "ticket": "Hi"},
        {"agent": "Ben", "name": "", "ticket": ""},
        {"agent": "Maya", "name": "", "ticket": "x"},
    ]
    written(Path("rows.csv"), table)
    call = ["batch", "rows.csv", "--as", "openai", "-s", "user_name=name", "--message", "ticket", "-o", "out"]
    asked = CliRunner().invoke(cli, call)
    assert (asked.exit_code, "--as openai needs --model" in asked.output) == (2, True)
    done = CliRunner().invoke(cli, [*call, "--model", "m"])
    assert done.exit_code == 1
    assert done.output == "1 request in 1 file: out\n2 rows could not be rendered: out/errors.jsonl\n"
    assert lines(Path("out/errors.jsonl")) == [
        {"row": 1, "error": "Ben: the row has no text in 'ticket'; a request says something to the model"},
        {"row": 2, "error": "Maya: the session lacks 'user_name' (role)"},
    ]
    again = CliRunner().invoke(cli, [*call, "--model", "m"])
    assert again.output.startswith("3 rows were there already\n")
