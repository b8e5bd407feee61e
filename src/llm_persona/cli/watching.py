"""`--watch`: anew at each save, until it is interrupted; problems are shown, and the last good one is kept."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click

from ..errors import Problem
from ..live.registry import LiveRegistry
from ..registry.registry import PersonaRegistry
from .options import PersonaFiles
from .problems import Lines, print_problems
from .terminal import line

RELOADING = """<script>
(async () => {
  const first = await (await fetch("/state")).text();
  setInterval(async () => {
    try { if (await (await fetch("/state")).text() !== first) location.reload(); } catch (gone) {}
  }, 300);
})();
</script>"""

watch = click.option("--watch", is_flag=True, help="Do it anew at each save of a file, until Ctrl-C.")


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
            show(live.current)
        while True:
            changed.wait()
            changed.clear()
            show(live.current)


def serve(files: PersonaFiles, made: Callable[[PersonaRegistry], str]) -> None:
    """Serve a page on loopback that loads itself again when what it shows changed."""
    with watched(files) as live, ThreadingHTTPServer(("127.0.0.1", 0), _handler(live, made)) as server:
        line(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever(poll_interval=0.05)


def _handler(live: LiveRegistry, made: Callable[[PersonaRegistry], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = f"127.0.0.1:{self.connection.getsockname()[1]}"
            if self.headers.get("Host") not in (own, own.replace("127.0.0.1", "localhost")):
                self.send_error(403)  # a page of elsewhere, under a name that leads here
            elif self.path == "/state":
                self._answer(repr((live.status.fingerprint, live.status.refused)), "text/plain")
            elif self.path == "/":
                self._answer(_page(live, made), "text/html")
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


def _page(live: LiveRegistry, made: Callable[[PersonaRegistry], str]) -> str:
    problems = "\n".join(map(str, live.status.refused))
    told = f"<pre role='alert'>{html.escape(problems)}</pre>" if problems else ""
    return f"{told}{made(live.current) if live.status.ready else ''}{RELOADING}"
