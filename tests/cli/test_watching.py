"""`--watch`: what is shown follows the files, and what is wrong with them is shown beside the last good one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

from llm_persona.cli.watching import served
from llm_persona.live import LiveRegistry
from llm_persona.page.page import preview


def put(path: Path, text: str) -> None:
    beside = path.with_name("beside.tmp")
    beside.write_text(text)
    beside.replace(path)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def got(port: int, path: str, host: str | None = None) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_page_follows_its_files(tmp_path: Path) -> None:
    """The page is the last good one, its state says what is wrong, and nobody of elsewhere gets it."""
    path = tmp_path / "personas.yaml"
    put(path, "Maya: {role: Guide}\n")
    with LiveRegistry(path, settle=0.1) as live, served(live, preview) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        port = server.server_port
        assert server.server_address[0] == "127.0.0.1"
        assert 'src="/page"' in got(port, "/")[1]
        assert ">Guide<" in got(port, "/page")[1]
        put(path, "Maya: {role: Scout}\n")
        until(lambda: ">Scout<" in got(port, "/page")[1])
        put(path, "Maya: {rol: Scout}\n")
        until(lambda: json.loads(got(port, "/state")[1])["refused"])
        assert ">Scout<" in got(port, "/page")[1]
        assert [got(port, "/other")[0], got(port, "/page", "evil.example")[0]] == [404, 403]
        server.shutdown()


def test_a_prompt_is_printed_at_each_save(tmp_path: Path) -> None:
    """`render --watch` prints the prompt, then each new one, and tells problems on standard error."""
    path = tmp_path / "personas.yaml"
    put(path, "Maya: {role: Guide, greeting: I guide.}\n")
    command = [sys.executable, "-m", "llm_persona", "render", "Maya", "--greeting", "--watch", "-f", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "I guide.\n"
        put(path, "Maya: {rol: Scout}\n")
        assert process.stderr.readline().startswith(f"{path}:1:8: Maya: unknown field 'rol'; did you mean 'role'?")
        put(path, "Maya: {role: Scout, greeting: I scout.}\n")
        assert process.stdout.readline() == "I scout.\n"
        process.terminate()
        process.communicate()
