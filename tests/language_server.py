"""yaml-language-server, spoken to by its protocol as an editor does: JSON-RPC over its standard input and output."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGES = Path(os.environ.get("EDITOR_PACKAGES") or Path(__file__).parent / "files" / "editor" / "node_modules")
PROGRAM = PACKAGES / "yaml-language-server" / "bin" / "yaml-language-server"
LONGEST = 120  # seconds that it is run for


def reason_to_skip() -> str | None:
    """Say why the server cannot be run here, if it cannot."""
    if shutil.which("node") is None:
        return "no node here, which runs yaml-language-server"
    if not PROGRAM.is_file():
        return "no yaml-language-server here: npm ci --prefix tests/files/editor"
    return None


class LanguageServer:
    """A running server that holds every file to one schema."""

    def __init__(self, schema: Path, folder: Path) -> None:
        # What it would fetch by itself, a catalogue of schemas, is turned off.
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): "*.yaml"},
                "schemaStore": {"enable": False},
                "completion": True,
                "hover": True,
                "validate": True,
            },
            "http": {"proxy": "", "proxyStrictSSL": False},
        }
        self._process = subprocess.Popen(
            ["node", str(PROGRAM), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "NODE_OPTIONS": ""},
        )
        self._end = threading.Timer(
            LONGEST, self._process.kill
        )  # what it says no more is an error, and no test that hangs
        self._end.start()
        self._folder = folder
        self._asked = 0
        self._told: dict[str, list[dict[str, Any]]] = {}
        self._opened = 0
        documentation = {"documentationFormat": ["markdown", "plaintext"], "snippetSupport": True}
        self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "capabilities": {
                    "workspace": {"configuration": True},
                    "textDocument": {
                        "completion": {"completionItem": documentation},
                        "hover": {"contentFormat": ["markdown"]},
                        "publishDiagnostics": {},
                    },
                },
            },
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": self._settings})
        self._wait_for_schema()

    def _wait_for_schema(self) -> None:
        """Wait until a list, which is no mapping of personas, is refused: before that nothing is known of the schema."""
        address = self.opened("- x\n")
        while not self._told.get(address):
            self._next()

    def close(self) -> None:
        """End the server as its protocol has it."""
        self.ask("shutdown", None)
        self._tell("exit", None)
        self._end.cancel()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(timeout=20)

    def opened(self, text: str) -> str:
        """Open a new file of this text, and return its address."""
        self._opened += 1
        address = (self._folder / f"personas{self._opened}.yaml").as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return address

    def messages(self, text: str) -> list[tuple[int, str]]:
        """Return what is told of a file: lines, from 1 on, with their messages."""
        address = self.opened(text)
        while address not in self._told:
            self._next()
        return [(each["range"]["start"]["line"] + 1, each["message"]) for each in self._told[address]]

    def completions(self, text: str) -> list[dict[str, Any]]:
        """Return what is offered where `|` stands in a text."""
        found = self.ask("textDocument/completion", self._place(text))
        return list(found["items"] if isinstance(found, Mapping) else found or [])

    def hover(self, text: str) -> str:
        """Return what is shown of the word at `|`."""
        found = self.ask("textDocument/hover", self._place(text))
        return str(found["contents"]["value"]) if found else ""

    def _place(self, text: str) -> dict[str, Any]:
        before, _, after = text.partition("|")
        address = self.opened(before + after)
        line = before.count("\n")
        position = {"line": line, "character": len(before) - before.rfind("\n") - 1}
        return {"textDocument": {"uri": address}, "position": position}

    def ask(self, method: str, parameters: object) -> Any:
        """Send a request and return its result."""
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, parameters: object) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: Mapping[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        """Read a message; answer what the server asks, and keep what it tells of files."""
        message = self._read()
        if message.get("method") == "textDocument/publishDiagnostics":
            self._told[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: Mapping[str, Any]) -> Sequence[object] | None:
        if message["method"] != "workspace/configuration":
            return None
        sections = [item.get("section", "") for item in message["params"]["items"]]
        return [self._settings.get(section, {}) for section in sections]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the server has ended"
        found: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return found
