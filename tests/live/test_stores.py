"""A fleet over a store: what is published reaches all, and what goes wrong with the store takes nothing from anybody."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from llm_persona import InvalidValueError, PersonaError, PersonaRegistry
from llm_persona.cli.main import cli
from llm_persona.live import LiveRegistry
from llm_persona.live.publishing import move_to, published
from llm_persona.live.stores import Pointer, Store

fsspec = pytest.importorskip("fsspec", reason="a store needs fsspec")

POLL = 0.05
TEXT = "$templates: t\n$default_template: d\n$tools: tools.json\nMaya: {role: Guide, version: 1, tools: [find]}\n"
TOOLS = '[{"name": "find", "description": "finds", "input_schema": {"type": "object"}}]'


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


@pytest.fixture
def personas(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "t").mkdir(parents=True)
    (folder / "t" / "d.j2").write_text("{{ persona.name }} the {{ persona.role }}")
    (folder / "tools.json").write_text(TOOLS)
    (folder / "personas.yaml").write_text(TEXT)
    return folder / "personas.yaml"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store of its own for each test."""
    return f"memory://{tmp_path.name}/current.json"


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["publish", *map(str, arguments)], standalone_mode=False)
    if isinstance(done.exception, Exception) and not isinstance(done.exception, SystemExit):
        return 1, str(done.exception)
    return done.exit_code if done.return_value is None else done.return_value, done.output


def edit(personas: Path, number: int) -> None:
    personas.write_text(TEXT.replace("Guide", f"Guide {number}").replace("version: 1", f"version: {number}"))


def kept(personas: Path, number: int, *before: int) -> None:
    """Edit, with a line for each version that goes."""
    edit(personas, number)
    with personas.open("a") as file:
        file.writelines(f"Maya@{each}: {{replaced_by: {number}}}\n" for each in before)


def live_of(url: str, tmp_path: Path, **options: Any) -> LiveRegistry:
    return LiveRegistry(url, poll=POLL, keep=tmp_path / "kept", **options)


def test_what_is_published_is_served_to_the_byte(personas: Path, url: str, tmp_path: Path) -> None:
    """A set in a store makes the prompts of its files, with their templates and tools, wherever they lie."""
    assert run("-f", personas, url, "-m", "first", "--by", "ana") == (0, f"{url}: {_pointer(url)['bundle']}\n")
    with live_of(url, tmp_path) as live:
        here = PersonaRegistry.from_file(personas)
        assert live.get("Maya").build_system_prompt() == here.get("Maya").build_system_prompt() == "Maya the Guide"
        assert live.current == here
        assert dict(live.status.release)["by"] == "ana"
        personas.with_name("tools.json").unlink()  # nothing of it is read from a disk again
        kept(personas, 2, 1)
        personas.with_name("tools.json").write_text(TOOLS)
        assert run("-f", personas, url)[0] == 0
        until(lambda: live.get("Maya").version == "2")
        assert run("--previous", url)[0] == 0
        until(lambda: live.get("Maya").version == "1")
        assert run("--previous", url)[0] == 0
        until(lambda: live.get("Maya").version == "2")


def _pointer(url: str) -> Any:
    with fsspec.open(url) as file:
        return json.load(file)


def _write(url: str, content: bytes) -> None:
    with fsspec.open(url, "wb") as file:
        file.write(content)


def test_arguments_are_published_too(personas: Path, url: str, tmp_path: Path) -> None:
    """What the command line passes for files that say nothing travels in the bundle."""
    personas.write_text("Maya: {role: Guide, tools: [find]}\n")
    folder = personas.parent
    given = ("--templates", folder / "t", "--default-template", "d", "--tools", folder / "tools.json")
    assert run("-f", personas, *given, url)[0] == 0
    with live_of(url, tmp_path) as live:
        assert live.get("Maya").build_system_prompt() == "Maya the Guide"


def test_nothing_is_published_that_would_not_hold(personas: Path, url: str) -> None:
    """What check finds, and what `diff --frozen` refuses against what is served, is not published."""
    assert run("-f", personas, url)[0] == 0
    before = _pointer(url)
    personas.write_text(TEXT.replace("Guide", "Other"))
    code, said = run("-f", personas, url)
    assert (code, "changed under an unchanged version" in said) == (1, True)
    edit(personas, 2)
    assert "leave a line" in run("-f", personas, url)[1]
    personas.write_text(TEXT.replace("role", "rol"))
    assert run("-f", personas, url)[0] == 1
    personas.write_text(TEXT)
    personas.with_name("t").joinpath("d.j2").write_text("{{ persona.nam }}")
    assert run("-f", personas, url)[0] == 1
    assert _pointer(url) == before


def test_a_set_that_cannot_be_read_is_held_until_somebody_says_so(personas: Path, url: str) -> None:
    """Nothing can be held against a broken bundle: the publisher says that it is so."""
    assert run("-f", personas, url)[0] == 0
    _write(url.replace("current.json", _pointer(url)["bundle"]), b"{}")
    kept(personas, 2, 1)
    code, said = run("-f", personas, url)
    assert (code, "cannot be read" in said, "--afresh" in said) == (1, True, True)
    assert run("-f", personas, "--afresh", url)[0] == 0


@pytest.mark.parametrize("what", ["half", "invalid", "wrong hash", "no bundle", "no pointer", "no JSON", "elsewhere"])
def test_what_is_wrong_in_a_store_is_not_served(personas: Path, url: str, tmp_path: Path, what: str) -> None:
    """Everybody goes on with the last good set, and says so; who starts then serves what was kept; and it ends with it."""
    run("-f", personas, url)
    good = fsspec.open(url).open().read()
    pointer = _pointer(url)
    with live_of(url, tmp_path) as live:
        store = fsspec.filesystem("memory")
        bundle = store.cat_file(url.replace("current.json", pointer["bundle"]))
        _break(url, pointer, bundle, what)
        until(lambda: live.status.refused)
        assert (live.status.ready, live.get("Maya").role) == (True, "Guide")
        with live_of(url, tmp_path) as late:
            assert (late.status.ready, bool(late.status.refused), late.get("Maya").role) == (True, True, "Guide")
            assert late.status.fingerprint == live.status.fingerprint
        with LiveRegistry(url, poll=POLL, keep=tmp_path / "none") as new:
            with pytest.raises(PersonaError):
                new.get("Maya")
            assert not new.status.ready
        _write(url, good)
        until(lambda: not live.status.refused)


def _break(url: str, pointer: dict[str, Any], bundle: bytes, what: str) -> None:
    from llm_persona.live.bundles import digest

    store = fsspec.filesystem("memory")
    changed = bundle.replace(b"Guide", b"Scout") if what != "invalid" else bundle.replace(b"role", b"rol")
    sha256 = digest(changed)
    name = "../bundle.json" if what == "elsewhere" else f"bundle-{sha256}.json"
    place = url.replace("current.json", f"bundle-{sha256}.json")
    content = {"half": changed[:-20], "wrong hash": bundle}.get(what, changed)
    if what != "no bundle":
        _write(place, content)
    if what == "no pointer":
        store.rm(url)
    elif what == "no JSON":
        _write(url, b'{"bundle": ')
    else:
        _write(url, json.dumps({**pointer, "bundle": name, "sha256": sha256}).encode())


def test_a_store_that_is_no_store_is_refused(personas: Path, tmp_path: Path) -> None:
    """A protocol that nobody knows, and arguments that belong to files."""
    with (
        live_of("nostore://a/current.json", tmp_path) as live,
        pytest.raises(PersonaError, match="the store cannot be used"),
    ):
        live.get("Maya")
    with pytest.raises(InvalidValueError, match="a store has whole sets"):
        LiveRegistry("memory://a/current.json", templates=personas.parent)
    assert run("-f", personas, "current.json")[1].startswith("'current.json' is no URL of a store")


def test_a_pointer_on_a_disk_is_moved_in_one_step(personas: Path, tmp_path: Path) -> None:
    """Whoever has it open goes on reading the one before, whole; nothing else stays behind."""
    url, folder = f"file://{tmp_path}/store/current.json", tmp_path / "store"
    assert "make the folder or the bucket first" in run("-f", personas, url)[1]
    folder.mkdir()
    assert run("-f", personas, url)[0] == 0
    with (folder / "current.json").open() as reader:
        kept(personas, 2, 1)
        assert run("-f", personas, url)[0] == 0
        assert json.load(reader)["previous"] is None
    names = {each.name for each in folder.iterdir()}
    pointer = _pointer(url)
    assert names == {"current.json", pointer["bundle"], pointer["previous"]["bundle"]}
    with live_of(url, tmp_path) as live:
        assert live.get("Maya").version == "2"


def test_publishing_the_same_set_again_keeps_the_way_back(personas: Path, url: str, tmp_path: Path) -> None:
    """And who serves it says who published it last."""
    assert run("-f", personas, url)[0] == 0
    kept(personas, 2, 1)
    assert run("-f", personas, url, "--by", "ana")[0] == 0
    with live_of(url, tmp_path) as live:
        assert run("-f", personas, url, "--by", "bo", "-m", "again")[0] == 0
        until(lambda: dict(live.status.release)["by"] == "bo")
        assert run("--previous", url)[0] == 0
        until(lambda: live.get("Maya").version == "1")


@pytest.mark.parametrize("content", ["{}", "", "1", '{"bundle": 5}', "[" * 100_000])
def test_what_is_no_pointer_is_put_in_order_afresh(personas: Path, url: str, content: str) -> None:
    _write(url, content.encode())
    code, said = run("-f", personas, url)
    assert (code, "put it in order with --afresh" in said) == (1, True)
    assert run("-f", personas, "--afresh", url)[0] == 0
    assert _pointer(url)["previous"] is None


def test_a_message_that_no_pointer_can_carry_moves_nothing(personas: Path, url: str) -> None:
    assert run("-f", personas, url)[0] == 0
    before = _pointer(url)
    kept(personas, 2, 1)
    assert "say less in the message" in run("-f", personas, url, "-m", "x" * 65_300)[1]
    assert "must be UTF-8" in run("-f", personas, url, "-m", "caf\udce9")[1]
    assert _pointer(url) == before


def test_a_kept_set_that_lacks_what_is_required_is_not_served(personas: Path, url: str, tmp_path: Path) -> None:
    """Nor is it raised: the store is away, which is what is said."""
    assert run("-f", personas, url)[0] == 0
    with live_of(url, tmp_path) as live:
        assert live.status.ready
    fsspec.filesystem("memory").rm(url)
    with live_of(url, tmp_path, require=["Leo"]) as live:
        assert not live.status.ready
        assert "the pointer is missing" in str(live.status.refused[0])


def test_a_kept_file_that_is_none_is_passed_by(personas: Path, url: str, tmp_path: Path) -> None:
    with live_of(url, tmp_path) as live:
        assert not live.status.ready
    assert run("-f", personas, url)[0] == 0
    with live_of(url, tmp_path):
        pass
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text("[" * 60_000)
    fsspec.filesystem("memory").rm(url)
    with live_of(url, tmp_path) as live:
        assert not live.status.ready


def test_what_cannot_be_kept_is_said_once(personas: Path, url: str, tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "kept").write_text("no folder")
    assert run("-f", personas, url)[0] == 0
    with live_of(url, tmp_path) as live:
        kept(personas, 2, 1)
        assert run("-f", personas, url)[0] == 0
        until(lambda: live.get("Maya").version == "2")
    assert [each.levelname for each in caplog.records if "cannot be kept" in each.message] == ["WARNING"]


def test_a_set_without_files_is_none(personas: Path, url: str, tmp_path: Path) -> None:
    """It would empty the fleet."""
    from llm_persona.live.bundles import digest

    assert run("-f", personas, url)[0] == 0
    pointer = _pointer(url)
    bundle = json.loads(fsspec.filesystem("memory").cat_file(url.replace("current.json", pointer["bundle"])))
    content = json.dumps({**bundle, "personas": {}}).encode()
    name = f"bundle-{digest(content)}.json"
    _write(url.replace("current.json", name), content)
    with live_of(url, tmp_path) as live:
        _write(url, json.dumps({**pointer, "bundle": name, "sha256": digest(content)}).encode())
        until(lambda: live.status.refused)
        assert live.get("Maya").role == "Guide"


def test_what_is_secret_in_a_url_is_not_said(tmp_path: Path) -> None:
    with live_of("memory://user:word@host/a.json?signature=abc", tmp_path) as live:
        assert live.status.source == "memory://host/a.json"
        assert "word" not in repr(live)
        assert "abc" not in repr(live)


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server that answers as it is told, and holds what it is asked while it hangs."""
    pytest.importorskip("aiohttp", reason="HTTP by fsspec is aiohttp's")
    told: dict[str, Any] = {"status": 200, "hangs": False, "files": {}, "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told["asked"] += 1
            if told["hangs"]:
                time.sleep(3)
            content = told["files"].get(self.path, b"")
            self.send_response(told["status"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815  # as http.server names them

        def log_message(self, *arguments: object) -> None:
            """Nothing: what is asked is nobody's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/current.json", told
    server.shutdown()
    server.server_close()


def test_a_web_server_that_hung_is_asked_again_at_once(
    personas: Path, url: str, web: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    """However often it was asked meanwhile; and what it answers is told as what it is."""
    assert run("-f", personas, url)[0] == 0
    pointer, bundle = (
        _pointer(url),
        fsspec.filesystem("memory").cat_file(url.replace("current.json", _pointer(url)["bundle"])),
    )
    address, told = web
    told["files"] = {"/current.json": json.dumps(pointer).encode(), f"/{pointer['bundle']}": bundle}
    with live_of(address, tmp_path, timeout=0.5) as live:
        until(lambda: live.status.ready)
        told["status"] = 500
        until(lambda: live.status.refused)
        assert "500" in str(live.status.refused[0])
        told["status"], told["hangs"] = 200, True
        until(lambda: "does not answer" in str(live.status.refused))
        asked = told["asked"]
        until(lambda: told["asked"] > asked + 8)
        told["hangs"] = False
        until(lambda: not live.status.refused, 6)


def test_a_bundle_is_the_same_wherever_it_is_made(personas: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Neither the folder nor the way to it is in it."""
    assert run("-f", personas, f"memory://{tmp_path.name}/a.json")[0] == 0
    monkeypatch.chdir(personas.parent)
    assert run(f"memory://{tmp_path.name}/b.json")[0] == 0
    first, second = (_pointer(f"memory://{tmp_path.name}/{name}.json")["bundle"] for name in "ab")
    assert first == second


class Store3(NamedTuple):
    """moto's S3 on loopback, behind what may come between a store and who asks it."""

    moto: Any
    between: ThreadingHTTPServer
    trouble: dict[str, Any]


@pytest.fixture
def s3() -> Iterator[Store3]:
    """A double of S3 that can be told to hang, to fail, and to go on saying an ETag of before."""
    server = pytest.importorskip("moto.server", reason="the double of S3 is moto's")
    pytest.importorskip("s3fs", reason="S3 by fsspec is s3fs")
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    address = moto.get_host_and_port()
    trouble: dict[str, Any] = {"how": None, "over": threading.Event(), "told": {}}

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if trouble["how"] == "is gone":
                self.close_connection = True
                return
            if trouble["how"] == "hangs":
                trouble["over"].wait(30)
            connection = HTTPConnection(*address, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            status = 500 if trouble["how"] == "answers 500" else answer.status
            self.send_response(status)
            told = dict(answer.getheaders())
            if self.command == "HEAD":
                told = trouble["told"].setdefault(self.path, told) if trouble["how"] == "stale" else told
                trouble["told"][self.path] = told
            else:
                told["Content-Length"] = str(len(content))
            for name, value in told.items():
                if name.lower() not in {"transfer-encoding", "connection", "date", "server"}:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815  # as http.server names them

        def log_message(self, *arguments: object) -> None:
            """Nothing: what is asked is nobody's output."""

    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    between.daemon_threads = True
    threading.Thread(target=between.serve_forever, daemon=True).start()
    yield Store3(moto, between, trouble)
    trouble["over"].set()
    between.shutdown()
    between.server_close()
    moto.stop()


@pytest.fixture
def bucket(s3: Store3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket that the command line and every process finds, as they do in a fleet: by the environment."""
    port = s3.between.server_address[1]
    for name, value in {"endpoint_url": f"http://127.0.0.1:{port}", "key": "x", "secret": "y"}.items():
        monkeypatch.setenv(f"FSSPEC_S3_{name.upper()}", value)
    from fsspec.config import conf, set_conf_env

    set_conf_env(conf)
    fsspec.filesystem("s3", skip_instance_cache=True).makedirs("fleet", exist_ok=True)
    yield f"s3://fleet/{tmp_path.name}/current.json"
    conf.pop("s3")


@pytest.mark.parametrize("how", ["hangs", "answers 500"])
def test_a_store_in_trouble_takes_nothing_from_who_is_served(
    personas: Path, bucket: str, s3: Store3, tmp_path: Path, how: str
) -> None:
    """The last good set is served and the trouble is said, also to who starts meanwhile; then what is new is served."""
    assert run("-f", personas, bucket)[0] == 0
    with live_of(bucket, tmp_path, timeout=1.5) as live:
        until(lambda: live.status.ready, 30)
        assert live.get("Maya").version == "1"
        s3.trouble["how"] = how
        until(lambda: live.status.refused)
        with live_of(bucket, tmp_path, timeout=1.5) as late:
            assert (late.get("Maya").version, late.status.ready, bool(late.status.refused)) == ("1", True, True)
        assert (live.get("Maya").version, live.status.ready) == ("1", True)
        s3.trouble["how"] = None
        s3.trouble["over"].set()
        kept(personas, 2, 1)
        assert run("-f", personas, bucket)[0] == 0
        until(lambda: live.get("Maya").version == "2" and not live.status.refused, 30)


def test_an_etag_of_before_hides_an_edit_for_ten_polls_at_most(
    personas: Path, bucket: str, s3: Store3, tmp_path: Path
) -> None:
    assert run("-f", personas, bucket)[0] == 0
    kept(personas, 2, 1)
    with LiveRegistry(bucket, poll=3600, timeout=5, keep=tmp_path / "kept") as live:
        assert live.get("Maya").version == "1"
        live.refresh()
        s3.trouble["how"] = "stale"
        assert run("-f", personas, bucket)[0] == 0
        seen = []
        for _ in range(10):
            live.refresh()
            seen.append(live.get("Maya").version)
    assert (seen[0], seen[-1]) == ("1", "2")


def _serve(url: str, keep: str, said: Any, stop: Any) -> None:
    """Serve in a process of a fleet, and tell each change of what is served."""
    with LiveRegistry(url, poll=POLL_OF_FLEET, timeout=5, keep=keep) as live:
        last = None
        while not stop.wait(0.02):
            now = live.get("Maya").version if live.status.ready else None, bool(live.status.refused)
            if now != last:
                said.put((os.getpid(), *now))
                last = now


def _told(said: Any, count: int, expected: tuple[object, ...], seconds: float) -> None:
    """Wait until each of so many processes told that it serves this."""
    end = time.monotonic() + seconds
    states: dict[int, tuple[object, ...]] = {}
    while [*states.values()].count(expected) < count:
        process, *now = said.get(timeout=max(0.01, end - time.monotonic()))
        states[process] = tuple(now)


def test_one_of_two_publishers_wins_and_the_other_is_told(personas: Path, bucket: str) -> None:
    """The second write is refused by S3 itself, also where it comes between the last look and the write."""
    assert run("-f", personas, bucket)[0] == 0
    store = Store(bucket)
    before = published(store)
    assert before is not None
    pointers: list[Pointer] = []
    lost: list[PersonaError] = []
    start = threading.Barrier(2)

    def publisher(name: str) -> None:
        mine = Store(bucket)
        start.wait()
        try:
            pointers.append(move_to(mine, before_bundle + name.encode(), before, "", name))
        except PersonaError as error:
            lost.append(error)

    before_bundle = store.bundle(before.pointer)
    threads = [threading.Thread(target=publisher, args=(name,)) for name in ("ana", "bo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(pointers), len(lost)) == (1, 1)
    assert f"moved meanwhile by {pointers[0].by}" in str(lost[0])
    assert published(store) == (pointers[0], pointers[0].content())
    assert pointers[0].previous == {"bundle": before.pointer.bundle, "sha256": before.pointer.sha256}


POLL_OF_FLEET = 1.0
FLEET = 3


def test_a_fleet_over_s3(personas: Path, bucket: str, s3: Store3, tmp_path: Path) -> None:
    """An edit and a roll-back reach every process; without its store the fleet goes on, and says so."""
    assert run("-f", personas, bucket)[0] == 0
    context = multiprocessing.get_context("spawn")
    said, stop = context.Queue(), context.Event()
    fleet = [
        context.Process(target=_serve, args=(bucket, str(tmp_path / str(n)), said, stop), daemon=True)
        for n in range(FLEET)
    ]
    for process in fleet:
        process.start()
    try:
        _told(said, FLEET, ("1", False), 60)
        kept(personas, 2, 1)
        assert run("-f", personas, bucket)[0] == 0
        _told(said, FLEET, ("2", False), 30)
        assert run("--previous", bucket)[0] == 0
        _told(said, FLEET, ("1", False), 30)
        s3.trouble["how"] = "is gone"
        _told(said, FLEET, ("1", True), 30)
    finally:
        stop.set()
        for process in fleet:
            process.join(20)
