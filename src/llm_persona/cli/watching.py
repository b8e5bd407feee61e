"""`--watch`: anew at each save, until it is interrupted; problems are shown, and the last good one is kept."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click

from ..errors import PersonaError, Problem
from ..live.registry import LiveRegistry
from ..registry.registry import PersonaRegistry
from .options import PersonaFiles
from .problems import Lines, print_problems
from .terminal import line, painted

# The page itself connects to nowhere: what asks for changes stands around it.
AROUND = """<!doctype html>
<meta charset="utf-8">
<title>personas</title>
<style>body { margin: 0 } pre { margin: 0; padding: 1em; background: #fdd } pre:empty { display: none }
iframe { border: 0; width: 100%; height: 100vh }</style>
<pre role="alert"></pre>
<iframe src="/page" title="personas"></iframe>
<script>
let shown = LOADED;
async function look() {
  try {
    const now = await (await fetch("/state")).json();
    document.querySelector("pre").textContent = now.refused.join("\\n");
    if (shown !== now.loaded_at) document.querySelector("iframe").src = "/page";
    shown = now.loaded_at;
  } catch (gone) {}
  setTimeout(look, 300);
}
look();
</script>
"""


def watched(files: PersonaFiles) -> LiveRegistry:
    """Return the registry of these files, which tells on standard error what it cannot take up."""
    if "-" in files.chosen():
        raise click.UsageError("--watch follows files, and standard input is none")
    live = LiveRegistry(
        files.chosen(),
        settle=0.2,
        templates=files.templates or None,
        default_template=files.default_template,
        tools=files.tools,
        limits=files.limits,
    )
    if live.status.refused:
        _tell(live.status.refused)
    live.on_refused(_tell)
    return live


def _tell(problems: tuple[Problem, ...]) -> None:
    print_problems(problems, Lines(None), err=True)


def follow(files: PersonaFiles, show: Callable[[PersonaRegistry], None]) -> None:
    """Show what the files have now, and after each change."""
    changed = threading.Event()
    with watched(files) as live:
        live.on_change(lambda old, new, change: changed.set())
        if live.status.ready:
            _show(live, show)
        while True:
            changed.wait()
            changed.clear()
            _show(live, show)


def _show(live: LiveRegistry, show: Callable[[PersonaRegistry], None]) -> None:
    """Show it; what cannot be shown now may be at the next save."""
    try:
        show(live.current)
    except PersonaError as error:
        line(f"{painted('error:', 'red', bold=True, err=True)} {error}", err=True)
    if sys.stdout is not None:
        sys.stdout.flush()


def serve(files: PersonaFiles, made: Callable[[PersonaRegistry], str]) -> None:
    """Serve a page on loopback that loads itself again when what it shows changed."""
    with watched(files) as live, served(live, made) as server:
        line(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever(poll_interval=0.05)


def served(live: LiveRegistry, made: Callable[[PersonaRegistry], str]) -> ThreadingHTTPServer:
    """Return the server of the page, on loopback alone."""
    return ThreadingHTTPServer(("127.0.0.1", 0), _handler(live, made))


def _handler(live: LiveRegistry, made: Callable[[PersonaRegistry], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = f"127.0.0.1:{self.connection.getsockname()[1]}"
            if self.headers.get("Host") not in (own, own.replace("127.0.0.1", "localhost")):
                self.send_error(403)  # a page of elsewhere, under a name that leads here
            elif self.path == "/state":
                self._answer(json.dumps(live.status.to_dict()), "application/json")
            elif self.path == "/":
                self._answer(AROUND.replace("LOADED", json.dumps(live.status.to_dict()["loaded_at"])), "text/html")
            elif self.path == "/page":
                self._answer(made(live.current) if live.status.ready else "", "text/html")
            else:
                self.send_error(404)

        def _answer(self, text: str, kind: str) -> None:
            content = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing of a request."""

    return Handler
