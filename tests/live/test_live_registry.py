"""A live registry over files: what it takes up, what it refuses, and that it never serves half of anything."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_persona import InvalidValueError, PersonaError, PersonaFileError, PersonaRegistry, UnknownPersonaError
from llm_persona.live import LiveRegistry

SETTLE = 0.1


def put(path: Path, text: str) -> None:
    """Put a file in place in one step, as editors and deploys do."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text)
    beside.replace(path)


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds, and fail where it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "personas.yaml"
    put(found, "Maya: {role: Guide}\nDora: {role: Clerk}\n")
    return found


@pytest.fixture
def live(path: Path) -> Iterator[LiveRegistry]:
    with LiveRegistry(path, settle=SETTLE) as found:
        yield found


def role(live: LiveRegistry) -> str | None:
    return live.get("Maya").role


def test_it_serves_like_a_registry(live: LiveRegistry, path: Path) -> None:
    """What is asked of it is asked of the set of now."""
    registry = PersonaRegistry.from_file(path)
    assert live.current == registry
    assert live.list_names() == list(live) == ["Maya", "Dora"]
    assert len(live) == 2
    assert "Maya" in live
    assert live.get("Maya").build_system_prompt() == registry.get("Maya").build_system_prompt()
    assert live.verify(registry.get("Maya").render().stamp()) == ()
    assert live.versions("Maya") == []
    assert str(live.explain("Maya")) == str(registry.explain("Maya"))
    live.check()
    with pytest.raises(UnknownPersonaError, match="did you mean 'Maya'"):
        live.get("Mya")
    assert repr(live) == f"<LiveRegistry of {path}: ready>"


def test_an_edit_is_taken_up_whole(live: LiveRegistry, path: Path) -> None:
    """A file that is put in place is served soon, and the set that a request holds stays as it was."""
    before = live.current
    put(path, "Maya: {role: Scout}\n")
    until(lambda: role(live) == "Scout")
    assert before.get("Maya").role == "Guide"
    assert live.status.gone == ("Dora",)
    assert live.status.refused == ()
    assert "Dora" not in live


@pytest.mark.parametrize("watch", [True, False])
def test_templates_and_tools_belong_to_the_set(tmp_path: Path, watch: bool) -> None:
    """An edit of a template, of a new one that it includes, or of a catalogue is an edit of the set."""
    (tmp_path / "t").mkdir()
    put(tmp_path / "t" / "desk.j2", "one {{ persona.name }}")
    put(tmp_path / "tools.json", '[{"name": "find", "description": "finds", "input_schema": {"type": "object"}}]')
    text = "$templates: t\n$default_template: desk\n$tools: tools.json\nMaya: {role: Guide, tools: [find]}\n"
    put(tmp_path / "personas.yaml", text)
    with LiveRegistry(tmp_path / "personas.yaml", settle=SETTLE, watch=watch) as live:
        assert live.get("Maya").build_system_prompt() == "one Maya"
        put(tmp_path / "t" / "part.j2", "part")
        put(tmp_path / "t" / "desk.j2", "{{ persona.name }} {% include 'part' %}")
        until(lambda: live.get("Maya").build_system_prompt() == "Maya part")
        put(tmp_path / "tools.json", "[]")
        until(lambda: live.status.refused)
        assert "find" in live.status.refused[0].message
        assert live.get("Maya").build_system_prompt() == "Maya part"


def test_a_folder_is_a_set(tmp_path: Path) -> None:
    """A file that comes into the folder is taken up, one that goes is gone; what a file names is no persona file."""
    put(tmp_path / "a.yaml", "$tools: tools.json\nMaya: {role: Guide}\n")
    put(tmp_path / "tools.json", "[]")
    with LiveRegistry(tmp_path, require=["Maya"], settle=SETTLE) as live:
        assert live.list_names() == ["Maya"]
        put(tmp_path / "b.yaml", "Dora: {role: Clerk}\n")
        until(lambda: "Dora" in live)
        (tmp_path / "b.yaml").unlink()
        until(lambda: "Dora" not in live)


@pytest.mark.parametrize("broken", ["Maya: {rol: Guide}\n", "Dora: {role: Clerk}\n", "Maya: [", None])
def test_what_does_not_load_leaves_the_last_good_one(path: Path, caplog: pytest.LogCaptureFixture, broken: str) -> None:
    """A set that is wrong, lacks what is required, or is gone is told once, and what was served is served on."""
    caplog.set_level(logging.INFO, "llm_persona.live")
    with LiveRegistry(path, require=["Maya"], settle=SETTLE) as live:
        told: list[object] = []
        live.on_refused(told.append)
        good = live.current
        fingerprint = live.status.fingerprint
        if broken is None:
            path.unlink()
        else:
            put(path, broken)
        until(lambda: live.status.refused)
        live.refresh()
        assert live.current is good
        assert (live.status.ready, live.status.fingerprint) == (True, fingerprint)
        assert told == [live.status.refused]
        assert [each.levelname for each in caplog.records] == ["INFO", "WARNING"]
        put(path, "Maya: {role: Scout}\n")
        until(lambda: role(live) == "Scout")
        assert live.status.refused == ()


def test_who_listens_is_told_what_changed(live: LiveRegistry, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A listener gets the old set, the new one and their diff, once; one that fails is logged, and nobody else's matter."""
    told: list[tuple[PersonaRegistry, PersonaRegistry, tuple[str, ...]]] = []
    live.on_change(lambda old, new, change: 1 / 0)

    @live.on_change
    def note(old: PersonaRegistry, new: PersonaRegistry, change: object) -> None:
        told.append((old, new, tuple(each.after.key for each in change.changed)))  # type: ignore[attr-defined]

    old = live.current
    put(path, "Maya: {role: Scout}\nDora: {role: Clerk}\n")
    until(lambda: told)
    assert told == [(old, live.current, ("Maya",))]
    put(path, "# a remark\nMaya: {role: Scout}\nDora: {role: Clerk}\n")
    until(lambda: live.explain("Maya") is not None and live.current is not told[0][1])
    assert len(told) == 1
    assert "a listener of a live registry failed" in caplog.text


def test_before_the_first_set_there_is_what_was_wrong(path: Path) -> None:
    """Nothing is ready, and who asks gets the error of the last try; once the source loads, it is served."""
    put(path, "Maya: {rol: Guide}\n")
    with LiveRegistry(path, settle=SETTLE) as live:
        assert not live.status.ready
        for _ in range(2):
            with pytest.raises(PersonaFileError, match="did you mean 'role'"):
                live.get("Maya")
        with pytest.raises(PersonaFileError):
            _ = live.current
        assert live.status.to_dict()["refused"] == [str(live.status.refused[0])]
        put(path, "Maya: {role: Guide}\n")
        until(lambda: live.status.ready)
        assert role(live) == "Guide"


def test_nothing_is_defined_in_a_live_set(live: LiveRegistry) -> None:
    """What is served is a function of the source."""
    persona = live.get("Maya")
    with pytest.raises(PersonaError, match="comes from its source alone; edit the source"):
        live.current.define(persona, replace=True)


@pytest.mark.parametrize("source", ["", [], 3, [""]])
def test_a_source_that_can_be_none_is_refused(source: object) -> None:
    """An argument that says nothing is the caller's mistake, and raised."""
    with pytest.raises(InvalidValueError, match="source"):
        LiveRegistry(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("settle", [-1, "1", True, float("nan")])
def test_seconds_that_can_be_none_are_refused(path: Path, settle: object) -> None:
    """`settle` is a number of seconds."""
    with pytest.raises(InvalidValueError, match="settle must be seconds"):
        LiveRegistry(path, settle=settle)  # type: ignore[arg-type]


def test_a_closed_one_serves_on(live: LiveRegistry, path: Path) -> None:
    """`close` ends the looking and nothing else, and may be called again."""
    live.close()
    live.close()
    put(path, "Maya: {role: Scout}\n")
    assert not live._thread.is_alive()
    assert role(live) == "Guide"


NAMES = [f"P{number}" for number in range(6)]


def of_one_generation(registry: PersonaRegistry) -> bool:
    """Tell whether a set is one that was written: all personas are there, and say the same generation."""
    prompts = [registry.get(name).build_system_prompt() for name in registry]
    words = [word for prompt in prompts for word in prompt.split() if word.strip(".,").isdecimal()]
    return len(prompts) == len(NAMES) and len({word.strip(".,") for word in words}) == 1


def generation(number: int) -> str:
    return "".join(f"{name}: {{role: 'of {number} '}}\n" for name in NAMES)


@pytest.mark.parametrize("anew", [False, True])
def test_no_half_written_file_is_served(tmp_path: Path, anew: bool) -> None:
    """A file that is written in chunks, pauses between them, is taken up when it is quiet: in place, or deleted and
    written anew."""
    path = tmp_path / "personas.yaml"
    put(path, generation(0))
    sets: list[PersonaRegistry] = []
    with LiveRegistry(path, settle=1.0) as live:  # far more than a busy machine makes of 0.12
        live.on_change(lambda old, new, change: sets.append(new))
        for number in range(1, 5):
            text = generation(number)
            if anew:
                path.unlink()
            with open(path, "w") as file:
                for start in range(0, len(text), 60):  # where a persona ends, too
                    file.write(text[start : start + 60])
                    file.flush()
                    time.sleep(0.12)
            until(lambda number=number: str(number) in live.get("P5").build_system_prompt())
    assert len(sets) == 4
    assert all(map(of_one_generation, sets))


def test_a_set_that_is_being_written_at_the_start_waits(tmp_path: Path) -> None:
    """Who starts amid a write serves nothing of it."""
    path = tmp_path / "personas.yaml"
    path.write_text(generation(1)[:40])
    with LiveRegistry(path, settle=0.4) as live:
        assert live.status.ready  # it was quiet for so long
    path.write_text(generation(1)[:40])
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(0.05):
            path.write_text(generation(1)[:40])

    writer = threading.Thread(target=go_on)
    writer.start()
    with LiveRegistry(path, settle=1.5) as live:
        with pytest.raises(PersonaError, match=r"is being written; it is read when quiet for 1\.5 seconds"):
            live.get("P0")
        stop.set()
        writer.join()
        path.write_text(generation(1))
        until(lambda: live.status.ready)
        assert of_one_generation(live.current)


def swap(folder: Path, number: int) -> None:
    """Put a generation in place as the kubelet does: a new folder, one link moved, the old folder removed."""
    new = folder / f"..{number}"
    (new / "t").mkdir(parents=True)
    (new / "personas.yaml").write_text(f"$templates: t\n$default_template: d\n{generation(number)}")
    (new / "t" / "d.j2").write_text(f"template {number} {{{{ persona.name }}}} {{{{ persona.role }}}}")
    old = os.readlink(folder / "..data") if number else None
    (folder / "..tmp").symlink_to(new.name)
    (folder / "..tmp").replace(folder / "..data")
    if old is not None:
        for file in (folder / old).rglob("*.*"):
            file.unlink()
        (folder / old / "t").rmdir()
        (folder / old).rmdir()


def test_no_two_generations_are_mixed(tmp_path: Path) -> None:
    """Behind a link that is swapped all the time, each set is all of one generation, and the newest is served at last."""
    swap(tmp_path, 0)
    for name in ("personas.yaml", "t"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    stop = threading.Event()
    last = 0

    def go_on() -> None:
        nonlocal last
        while not stop.wait(0.003):
            last += 1
            swap(tmp_path, last)

    sets: dict[str | None, PersonaRegistry] = {}
    with LiveRegistry(tmp_path / "personas.yaml", settle=0) as live:
        swapper = threading.Thread(target=go_on)
        swapper.start()
        until(lambda: sets.setdefault(live.refresh().fingerprint, live.current) and len(sets) > 60)
        stop.set()
        swapper.join()
        until(lambda: f"template {last} " in live.get("P0").build_system_prompt())
    assert all(map(of_one_generation, sets.values()))


def test_who_serves_meanwhile_never_waits_and_never_sees_half(path: Path) -> None:
    """Threads and an event loop ask while edits arrive, a third of them broken: each prompt is of a set that was."""
    put(path, generation(0))
    wrong: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        if not of_one_generation(live.current):
            wrong.append(live.status)

    def serve() -> None:
        while not stop.is_set():
            ask()

    async def loop() -> None:
        while not stop.is_set():
            ask()
            await asyncio.sleep(0.001)

    with LiveRegistry(path, settle=SETTLE) as live:
        threads = [threading.Thread(target=serve) for _ in range(3)]
        threads.append(threading.Thread(target=lambda: asyncio.run(loop())))
        for thread in threads:
            thread.start()
        for number in range(1, 31):
            put(path, generation(number)[: -7 if number % 3 == 0 else None])
            time.sleep(0.005)
        put(path, generation(99))
        until(lambda: "99" in live.get("P0").build_system_prompt())
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_looks_for_itself(live: LiveRegistry, path: Path) -> None:
    """The child serves what its parent did, and takes up what comes later, though no thread came along."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert role(live) == "Guide"
            path.with_name("asked").touch()
            until(lambda: role(live) == "Scout")
            code = 0
        finally:
            os._exit(code)
    until(path.with_name("asked").exists)
    put(path, "Maya: {role: Scout}\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: role(live) == "Scout")


def test_whoever_is_let_go_ends(path: Path) -> None:
    """A live registry that nobody holds any more leaves no thread behind."""
    live = LiveRegistry(path, settle=SETTLE)
    thread = live._thread
    del live
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_listener_may_ask_for_what_everybody_may(live: LiveRegistry, path: Path) -> None:
    """It looks again, adds listeners, and has another thread look: nothing waits for it for ever."""
    seen: list[str | None] = []

    def ask(old: object, new: PersonaRegistry, change: object) -> None:
        live.on_change(lambda *told: seen.append("later"))
        live.refresh()
        other = threading.Thread(target=live.refresh)
        other.start()
        other.join()
        seen.append(new.get("Maya").role)

    live.on_change(ask)
    live.on_refused(lambda problems: live.refresh())
    put(path, "Maya: {role: Scout}\n")
    until(lambda: "Scout" in seen)
    put(path, "Maya: {rol: Scout}\n")
    until(lambda: live.status.refused)
    put(path, "Maya: {role: Pilot}\n")
    until(lambda: "Pilot" in seen and "later" in seen)


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), ValueError("no")], ids=repr)
def test_whatever_a_listener_raises_the_looking_goes_on(
    live: LiveRegistry, path: Path, raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*told: object) -> None:
        raise raised

    live.on_change(fail)
    for name in ("Scout", "Pilot"):
        put(path, f"Maya: {{role: {name}}}\n")
        until(lambda name=name: role(live) == name)  # type: ignore[misc]  # mypy cannot tell its type
    until(lambda: sum(each.exc_info is not None for each in caplog.records) >= 2)
    assert live._thread.is_alive()


def test_a_folder_of_templates_that_is_missing_is_told(path: Path, tmp_path: Path) -> None:
    """At the start, and when it goes away."""
    with LiveRegistry(path, templates=tmp_path / "no", settle=SETTLE) as live:
        assert "is missing" in str(live.status.refused[0])
    (tmp_path / "t").mkdir()
    with LiveRegistry(path, templates=tmp_path / "t", settle=SETTLE) as live:
        assert live.status.ready
        (tmp_path / "t").rename(tmp_path / "u")
        until(lambda: live.status.refused)
        assert "is missing" in str(live.status.refused[0])
        (tmp_path / "u").rename(tmp_path / "t")
        put(path, "Maya: {role: Scout}\n")
        until(lambda: role(live) == "Scout" and not live.status.refused)


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "personas"
    folder.mkdir()
    put(folder / "a.yaml", "Maya: {role: Guide}\n")
    real = os.listdir

    def refuse(path: object = ".") -> list[str]:
        if path == str(folder):
            raise PermissionError(13, "Permission denied", path)
        return real(path)  # type: ignore[call-overload]  # as it was asked

    with LiveRegistry(folder, settle=SETTLE) as live, monkeypatch.context() as patched:
        patched.setattr(os, "listdir", refuse)
        status = live.refresh()
        assert (status.ready, "cannot be read: permission denied" in str(status.refused[0])) == (True, True)


def test_an_error_of_nobody_is_told_too(live: LiveRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks whether all is well must not be told that it is."""

    def fail() -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(live._source, "take", fail)
    until(lambda: live.status.refused)
    assert (live.status.ready, "RuntimeError: odd" in str(live.status.refused[0])) == (True, True)


def test_a_line_that_goes_takes_a_name_away(path: Path) -> None:
    put(path, "Maya: {role: Guide, version: 2}\nMaya@1: {replaced_by: 2}\nLeo: {replaced_by: Maya}\n")
    with LiveRegistry(path, settle=SETTLE) as live:
        put(path, "Maya: {role: Guide, version: 2}\n")
        until(lambda: live.status.gone)
        assert set(live.status.gone) == {"Maya@1", "Leo"}


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"source": "p\0.yaml"}, "cannot be a path"),
        ({"source": "\ud800.yaml"}, "cannot be a path"),
        ({"source": "memory://a/b.json", "keep": "a\0b"}, "keep cannot be a path"),
        ({"source": "memory://a/b.json", "storage_options": 5}, "storage_options must be a mapping"),
        ({"source": "p.yaml", "settle": -1}, "a number from 0 to a day, not -1"),
    ],
)
def test_what_no_argument_can_be_is_refused(named: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidValueError, match=told):
        LiveRegistry(**named)  # type: ignore[arg-type]  # on purpose


def test_a_listener_that_nothing_would_await_is_refused(live: LiveRegistry) -> None:
    async def listener(*told: object) -> None:
        """Never run."""

    for register in (live.on_change, live.on_refused):
        with pytest.raises(InvalidValueError, match="a plain function"):
            register(listener)


def test_a_path_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with LiveRegistry(tmp_path / "personas") as live:
        assert "there is no such file" in str(live.status.refused[0])
