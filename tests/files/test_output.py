"""Tests of the writer: a file is replaced whole or not at all; what is no file is written to; inputs are never touched."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import PersonaError, PersonaRegistry
from llm_persona.cli.main import run as main
from llm_persona.files.invisible import may_hide
from llm_persona.files.output import open_descriptor, safe, told, write_file

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may make devices and be another user"
)
PERSONAS = "$templates: templates\n$tools: tools.json\nMaya: {role: Guide, template: own}\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a persona file, a template, and an agent file to import; it is where commands are run."""
    folder = tmp_path / "shop"
    (folder / "templates").mkdir(parents=True)
    (folder / "personas.yaml").write_text(PERSONAS)
    (folder / "templates" / "own.j2").write_text("{{ persona.name }}, a {{ persona.role }}")
    (folder / "tools.json").write_text("[]")
    (folder / "agent.md").write_text("---\nname: agent\n---\nHi")
    monkeypatch.chdir(folder)
    return folder


class Done(NamedTuple):
    code: int
    out: bytes
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command in this process, and return its code and what it printed."""

    def run_here(*arguments: str) -> Done:
        capfdbinary.readouterr()
        code = main(list(arguments))
        out, err = capfdbinary.readouterr()
        return Done(code, out, err.decode())

    return run_here


def execute(*arguments: str, **streams: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "llm_persona", *arguments], timeout=60, **streams)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


COMMANDS = {"export": ("export", "Maya"), "preview": ("preview",), "import": ("import", "agent.md")}
each_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


# Regular files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new text stands in the file, byte for byte, with the old permissions, and nothing is left beside it."""
    path = tmp_path / "personas.yaml"
    write_file(path, "old\n")
    path.chmod(0o640)
    write_file(str(path), "new\r\né\n")
    assert path.read_bytes() == "new\r\né\n".encode()
    assert path.stat().st_mode & 0o7777 == 0o640
    assert os.listdir(tmp_path) == ["personas.yaml"]


def test_a_new_file_has_the_permissions_of_new_files(tmp_path: Path) -> None:
    """The umask decides, as for every program."""
    (tmp_path / "by_hand").write_text("x")
    write_file(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "by_hand").stat().st_mode


@AS_ROOT
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    """A file of somebody else's stays theirs, special bits included."""
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, 65534, 65534)
    path.chmod(0o2664)
    write_file(path, "new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (65534, 65534, 0o2664)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A text that cannot be encoded leaves the old file as it was, and nothing beside it."""
    path = tmp_path / "personas.yaml"
    write_file(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "\ud800")
    assert path.read_text() == "old\n"
    assert os.listdir(tmp_path) == ["personas.yaml"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
@pytest.mark.parametrize("there", [True, False])
def test_what_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, there: bool
) -> None:
    """Wherever it ends before its time, the old file stands, whole, and nothing beside it."""
    path = tmp_path / "x.html"
    if there:
        path.write_text("old")

    def stop(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(type(error)) as caught:
        write_file(path, "new")
    monkeypatch.undo()
    assert contents(tmp_path) == ({"x.html": b"old"} if there else {})
    assert getattr(caught.value, "filename", str(path)) == str(path)  # and no name that nobody gave


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Writing through a link changes the file that it names; the link stays."""
    path = tmp_path / "real.yaml"
    path.write_text("old\n")
    link = tmp_path / "link.yaml"
    link.symlink_to("real.yaml")
    write_file(link, "new\n")
    assert link.is_symlink()
    assert path.read_text() == "new\n"


def test_nothing_that_is_there_is_replaced_unasked(tmp_path: Path) -> None:
    """Neither a file, nor a link to one, nor a link to nowhere, unless it is said."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("file", "link", "dangling"):
        with pytest.raises(
            PersonaError, match=f"{name} is there already; name another file, or replace it with --force"
        ):
            write_file(tmp_path / name, "new", replace=False)
    assert contents(tmp_path) == {"file": b"mine", "link": b"mine"}
    write_file(tmp_path / "new", "new", replace=False)
    assert (tmp_path / "new").read_text() == "new"
    write_file(tmp_path / "dangling", "new")
    assert (tmp_path / "nowhere").read_text() == "new"


def test_of_several_that_make_a_new_file_one_does(tmp_path: Path) -> None:
    """Between looking and writing nothing can slip in: one wins, and the others are told."""
    path = tmp_path / "new"
    start = threading.Barrier(8)
    told: list[str] = []

    def make(number: int) -> None:
        start.wait()
        try:
            write_file(path, str(number) * 10_000, replace=False)
        except PersonaError as error:
            told.append(str(error))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 7
    assert len(set(path.read_text())) == 1
    assert os.listdir(tmp_path) == ["new"]


def test_a_disk_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT has none: a new file is made there too, and never over another."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_file(tmp_path / "new", "text", replace=False)
    with pytest.raises(PersonaError, match="is there already"):
        write_file(tmp_path / "new", "other", replace=False)
    assert contents(tmp_path) == {"new": b"text"}


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "日" * 85])
def test_names_may_be_as_long_as_the_disk_takes_them(tmp_path: Path, name: str) -> None:
    """What is made beside the file has a name of its own length."""
    write_file(tmp_path / name, "old")
    write_file(tmp_path / name, "new")
    assert contents(tmp_path) == {name: b"new"}


# What is no file


@AS_ROOT
def test_a_device_is_written_to(tmp_path: Path) -> None:
    """A device stays one, with and without --force, whatever was written to it."""
    device = tmp_path / "mynull"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_bytes(b"")
    except OSError:
        pytest.skip("no device may be made in this folder")
    before = device.stat()
    write_file(device, "text")
    write_file(device, "text", replace=False)
    after = device.stat()
    assert (before.st_ino, before.st_mode, before.st_rdev) == (after.st_ino, after.st_mode, after.st_rdev)
    assert os.listdir(tmp_path) == ["mynull"]


@each_command
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_a_pipe_is_written_to(run: Run, shop: Path, command: tuple[str, ...], force: tuple[str, ...]) -> None:
    """Whoever reads a FIFO gets what standard output would, and the FIFO stays."""
    os.mkfifo(shop / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((shop / "pipe").read_bytes()), daemon=True)
    reader.start()
    done = run(*command, "-o", "pipe", *force)
    reader.join(60)
    assert done.code == 0, done.err
    assert got == [run(*command, "-o", "-").out]
    assert stat.S_ISFIFO((shop / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_is_written_to_by_each_of_its_names(shop: Path, name: str) -> None:
    """In a file that the shell opened, what stood there before stays, and so does the file itself."""
    if name.startswith("/proc") and not os.path.exists(name):
        pytest.skip("this system has no /proc")
    (shop / "link").symlink_to("/dev/stdout")
    (shop / "out").write_bytes(b"before\n")
    inode = (shop / "out").stat().st_ino
    with open(shop / "out", "ab") as out:
        done = execute("export", "Maya", "-o", name, stdout=out, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    written = (shop / "out").read_bytes()
    assert written.startswith(b"before\n---\nname: Maya\n")
    assert written.count(b"---\n") == 2
    assert (shop / "out").stat().st_ino == inode
    assert not list(shop.glob(".*"))


def test_an_open_descriptor_is_written_to(tmp_path: Path) -> None:
    """`/dev/fd/N` is that open file, at the place where it is, and the file on the disk is the same as before."""
    with open(tmp_path / "log", "wb") as file:
        file.write(b"before\n")
        file.flush()
        assert open_descriptor(f"/dev/fd/{file.fileno()}") == file.fileno()
        write_file(f"/dev/fd/{file.fileno()}", "text\n", replace=False)
        file.write(b"after\n")
        number = file.fileno()
    assert (tmp_path / "log").read_bytes() == b"before\ntext\nafter\n"
    with pytest.raises(OSError, match="Bad file descriptor"):
        write_file(f"/dev/fd/{number}", "text")
    assert open_descriptor(str(tmp_path / "1")) is None


# Inputs


@each_command
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_an_input_is_never_written_over(run: Run, shop: Path, command: tuple[str, ...], force: tuple[str, ...]) -> None:
    """Neither under its own name nor by a link or a hard link, with --force too; a template and a catalogue of tools are inputs as well."""
    read = "agent.md" if command[0] == "import" else "personas.yaml"
    (shop / "soft").symlink_to(read)
    os.link(shop / read, shop / "hard")
    targets = [read, f"./templates/../{read}", "soft", "hard"]
    if command[0] != "import":
        targets += ["templates/own.j2", "tools.json"]
    before = contents(shop)
    for target in targets:
        done = run(*command, "-o", target, *force)
        assert done.code == 1
        assert f"error: {target} {'was read to make this' if force else 'is there already'}; name another" in done.err
        assert contents(shop) == before


def test_standard_input_is_an_input(shop: Path) -> None:
    """A file that comes in by standard input is not written over either."""
    before = contents(shop)
    with open("personas.yaml", "rb") as file:
        done = execute("export", "Maya", "-f", "-", "-o", "personas.yaml", "--force", stdin=file, capture_output=True)
    assert (done.returncode, contents(shop)) == (1, before)
    assert b"personas.yaml was read to make this" in done.stderr


@each_command
def test_no_way_through_a_missing_folder_leads_to_a_file(run: Run, shop: Path, command: tuple[str, ...]) -> None:
    """`missing/../file` is no file to the system, so it is none to replace: not by name, nor by what a link says."""
    read = "agent.md" if command[0] == "import" else "personas.yaml"
    (shop / "link").symlink_to(f"missing/../{read}")
    before = contents(shop)
    for target in (f"missing/../{read}", f"templates/missing/../../{read}", "missing/../new"):
        for force in ((), ("--force",)):
            folder = target.partition("/..")[0]
            hint = "make it first, or name another one"
            assert run(*command, "-o", target, *force) == (
                1, b"", f"error: {target}: there is no folder {folder!r}; {hint}\n"
            )  # fmt: skip
    assert run(*command, "-o", "link", "--force").code == 1
    with pytest.raises(OSError, match=r"^\[Errno 2\] No such file or directory: 'missing/\.\./personas\.yaml'$"):
        PersonaRegistry.from_file("personas.yaml").to_yaml("missing/../personas.yaml")
    assert contents(shop) == before


@each_command
def test_a_path_that_is_empty_is_told(run: Run, shop: Path, command: tuple[str, ...]) -> None:
    """A variable of a shell that was never set names no file."""
    before = contents(shop)
    for force in ((), ("--force",)):
        assert run(*command, "-o", "", *force) == (1, b"", "error: the path of the file is empty; name one\n")
    assert run("init", "") == (1, b"", "error: the path of the folder is empty; name one\n")
    assert contents(shop) == before


def test_what_the_system_says_names_the_file_once(tmp_path: Path) -> None:
    """In Python, `to_yaml` of a folder raises the system's own error, with the path as it was given."""
    with pytest.raises(IsADirectoryError, match=f"^{re.escape(f'[Errno 21] Is a directory: {str(tmp_path)!r}')}$"):
        PersonaRegistry().to_yaml(tmp_path)


def test_a_registry_may_be_written_over_its_own_file(shop: Path) -> None:
    """In Python who writes says where: `to_yaml(path)` is how an edited registry is kept."""
    registry = PersonaRegistry.from_file("personas.yaml")
    registry.to_yaml("personas.yaml")
    assert PersonaRegistry.from_file("personas.yaml") == registry


# What the system refuses


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow beyond ten bytes, as `ulimit -f` does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


REFUSED = {
    "missing folder": ("no/x", "there is no folder 'no'; make it first, or name another one"),
    "folder": ("templates", "is a folder; name a file in it"),
    "through a file": ("agent.md/x", "goes through a file as if it were a folder; check the path"),
    "too long": ("n" * 256, "the name is too long; name another file"),
    "circle": ("round", "the links lead to one another; check the path"),
    "socket": ("socket", "is a socket or a device that cannot be opened; name a file"),
    "closed": ("/dev/fd/77", "is not open; name another file"),
    "full disk": ("/dev/full", "no space left on the disk; make room and try again"),
}


@each_command
@pytest.mark.parametrize("case", REFUSED)
def test_what_the_system_refuses_is_told(run: Run, shop: Path, command: tuple[str, ...], case: str) -> None:
    """One clear message with the path as it was given, no traceback, and nothing half-done."""
    target, message = REFUSED[case]
    if target == "/dev/full" and not os.path.exists(target):
        pytest.skip("this system has no /dev/full")
    if (case, command[0]) == ("folder", "export"):
        pytest.skip("export writes into folders")
    (shop / "round").symlink_to("round")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
    kept = contents(shop)
    assert run(*command, "-o", target) == (1, b"", f"error: {target}: {message}\n")
    assert contents(shop) == kept


def test_a_file_that_may_not_grow_is_told(tmp_path: Path) -> None:
    """A limit of the shell's is met as a full disk is: the old file stands, and nothing beside it."""
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(OSError, match="File too large") as caught, small_files():
        write_file(path, "a longer text")
    assert str(told(caught.value)) == (
        f"{path}: the file would be larger than is allowed here; raise the limit (ulimit -f)"
    )
    assert contents(tmp_path) == {"x": b"old"}


@pytest.mark.parametrize("command", ["list", "render Maya", "export Maya", "preview -o -"])
def test_a_full_disk_behind_standard_output_is_told(shop: Path, command: str) -> None:
    """Also where the shell opened the file: one message, and no complaint of Python's at the end."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = execute(*command.split(), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"error: standard output: no space left on the disk; make room and try again\n"


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@AS_ROOT
@pytest.mark.parametrize("name", ["new", "kept", "shared/read_only"])
def test_what_may_not_be_written_is_told(name: str) -> None:
    """Permission denied, by the folder or by the file itself: who made a file read-only meant it."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own is closed to others
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "shared").mkdir()
        (folder / "shared").chmod(0o777)
        (folder / "kept").write_text("mine")
        (folder / "shared/read_only").write_text("mine")
        with somebody_else():
            write_file(folder / "shared/theirs", "x")
            with pytest.raises(PermissionError) as caught:
                write_file(folder / name, "x")
        assert str(told(caught.value)) == f"{folder / name}: permission denied; check who may write there"
        assert contents(folder) == {"kept": b"mine", "shared/read_only": b"mine", "shared/theirs": b"x"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_half_done(shop: Path, number: int) -> None:
    """A command that is ended while it writes takes away what it began, and says so by its code."""
    code = (
        "import os, signal, sys; from llm_persona.cli.main import run\n"
        # As a terminal starts it: what runs the tests may ignore the signal, and hand that on.
        f"signal.signal({int(number)}, {'signal.default_int_handler' if number == signal.SIGINT else 'signal.SIG_DFL'})\n"
        f"def stop(descriptor): os.kill(os.getpid(), {int(number)})\n"
        "os.fsync = stop\n"
        "sys.exit(run(['export', 'Maya', '-o', 'out.md']))"
    )
    before = contents(shop)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (128 + number, b"")
    assert contents(shop) == before


# Folders


def test_a_start_is_not_made_through_a_link_out_of_its_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the start that links to another place is in the way; one that links within it is not."""
    monkeypatch.chdir(tmp_path)
    Path("outside").mkdir()
    Path("new").mkdir()
    Path("new/templates").symlink_to("../outside")
    done = run("init", "new")
    assert done.code == 1
    assert done.err == (
        "error: nothing was written; move what is there already, or name another folder:\n"
        "  templates, a link to another place\n"
    )
    assert list(Path("outside").iterdir()) == []
    assert os.listdir("new") == ["templates"]
    Path("new/templates").unlink()
    Path("new/inside").mkdir()
    Path("new/templates").symlink_to("inside")
    assert run("init", "new").code == 0
    assert Path("new/inside/support.j2").is_file()


def test_a_registry_is_not_written_through_a_link_out_of_its_folder(tmp_path: Path) -> None:
    """Of a registry of several files none is written where one of them would land elsewhere."""
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.j2").write_text(name)
        (tmp_path / f"{name}.yaml").write_text(f"$templates: {name}\nMaya{name}: {{role: r}}\n")
    registry = PersonaRegistry.from_file(tmp_path / "a.yaml", tmp_path / "b.yaml")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b.yaml").symlink_to("../outside.yaml")
    with pytest.raises(PersonaError, match=r"new/b\.yaml is a link to another place; remove it"):
        registry.to_yaml(tmp_path / "new")
    assert os.listdir(tmp_path / "new") == ["b.yaml"]
    assert not (tmp_path / "outside.yaml").exists()
    (tmp_path / "new" / "b.yaml").unlink()
    registry.to_yaml(tmp_path / "new")
    assert sorted(os.listdir(tmp_path / "new")) == ["a.yaml", "b.yaml"]


# Terminals


@given(
    st.text() | st.text(st.characters(codec="latin-1") | st.sampled_from("\u202e\u2066\u200f\u2028\U000e0041\ufeff"))
)
def test_what_is_safe_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    """Controls, line separators and what turns the direction of reading are spelled, and nothing is lost that is seen."""
    shown = safe(text)
    assert [ch for ch in OBEYED.findall(shown) if ch not in "\u061c\u200e\u200f"] == []
    assert safe(shown) == shown
    if text.isprintable() and not may_hide(text):
        assert shown == text


def test_what_writing_needs_stays() -> None:
    """Joined emoji, Persian, wide spaces and line feeds are shown as they are."""
    for text in ("👩‍👩‍👧 ok\n\tx", "می‌خواهم", "a\u3000b\u00a0c", "❤️"):
        assert safe(text) == text
    assert safe("a\x1b]0;t\x07\r\x9b2J\u202eb") == r"a\x1b]0;t\x07\r\x9b2J\u202eb"
