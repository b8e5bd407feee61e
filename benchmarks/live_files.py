"""What a live registry does while its files are written in every way: torn sets, mixed generations, and how late it is.

`python benchmarks/live_files.py [edits]` prints one figure a line.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from llm_persona import PersonaRegistry
from llm_persona.live import LiveRegistry

EDITS = 1_000
NAMES = [f"P{number}" for number in range(12)]


def personas(generation: int) -> str:
    """Return a file whose every persona says the generation, so that a prefix or a mixture shows."""
    return "$templates: .\n$default_template: t\n" + "".join(
        f"{name}: {{role: 'generation {generation}', tone: 'of {generation}'}}\n" for name in NAMES
    )


def template(generation: int) -> str:
    return f"{{{{ persona.name }}}} of template {generation}, {{{{ persona.role }}}}\n"


def write(folder: Path, generation: int) -> None:
    folder.mkdir()
    (folder / "personas.yaml").write_text(personas(generation))
    (folder / "t.j2").write_text(template(generation))


def fault(registry: PersonaRegistry, *, one_template: bool = False) -> str | None:
    """Say what is torn or mixed in a set."""
    prompts = [registry.get(name).build_system_prompt() for name in registry]
    words = {word for prompt in prompts for word in prompt.replace(",", " ").split() if word.isdecimal()}
    if len(prompts) != len(NAMES):
        return f"{len(prompts)} of {len(NAMES)} personas"
    most = 2 if one_template else 1
    return f"generations {sorted(words)} in one set" if len(words) > most else None


def written_in_place(edits: int) -> tuple[int, int]:
    """Return how many sets were taken up of files that are written in chunks, pauses of up to 200 ms between them, and how
    many of those were torn. Several files are written at a time, each by a writer of its own."""
    writers = 25
    with tempfile.TemporaryDirectory() as name:
        sets: list[PersonaRegistry] = []
        lives = []
        for number in range(writers):
            folder = Path(name, str(number))
            write(folder, 0)
            live = LiveRegistry(folder / "personas.yaml")
            live.on_change(lambda old, new, change: sets.append(new))
            lives.append((live, folder / "personas.yaml"))
        threads = [threading.Thread(target=_writes, args=(path, edits // writers)) for _, path in lives]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1)
        late = sum(live.status.fingerprint is None or bool(live.status.refused) for live, _ in lives)
        for live, _ in lives:
            live.close()
        torn = [said for each in sets if (said := fault(each, one_template=True))]
        return len(sets), len(torn) + late


def _writes(path: Path, edits: int) -> None:
    for generation in range(1, edits + 1):
        text = personas(generation)
        with open(path, "w") as file:
            for chunk in _chunks(text):
                file.write(chunk)
                file.flush()
                time.sleep(random.uniform(0, 0.2))
        time.sleep(random.choice((0.0, 0.8)))


def _chunks(text: str) -> Iterator[str]:
    cuts = sorted(random.sample(range(1, len(text)), 3))
    for start, end in zip((0, *cuts), (*cuts, len(text)), strict=True):
        yield text[start:end]


def swapped(loads: int) -> tuple[int, int]:
    """Return how many sets were loaded behind a link that is swapped every few milliseconds, and how many were mixed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stop = threading.Event()
        _swap(folder, 0)
        for file in ("personas.yaml", "t.j2"):
            (folder / file).symlink_to(f"..data/{file}")
        live = LiveRegistry(folder / "personas.yaml", settle=0)
        swapper = threading.Thread(target=_swaps, args=(folder, stop))
        swapper.start()
        mixed = done = 0
        last = None
        until = time.monotonic() + 120
        while done < loads and time.monotonic() < until:
            status = live.refresh()
            if status.fingerprint != last:
                last = status.fingerprint
                done += 1
                mixed += fault(live.current) is not None
        stop.set()
        swapper.join()
        live.close()
        return done, mixed


def _swap(folder: Path, generation: int) -> None:
    write(folder / f"..{generation}", generation)
    (folder / "..data_tmp").symlink_to(f"..{generation}")
    before = os.readlink(folder / "..data") if generation else None
    os.replace(folder / "..data_tmp", folder / "..data")
    if before is not None:  # as the kubelet does
        for file in (folder / before).iterdir():
            file.unlink()
        (folder / before).rmdir()


def _swaps(folder: Path, stop: threading.Event) -> None:
    generation = 0
    while not stop.is_set():
        generation += 1
        _swap(folder, generation)
        time.sleep(random.uniform(0.001, 0.006))


def renamed(edits: int) -> list[float]:
    """Return after how many seconds each of so many files was served that were put in place in one step."""
    late = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "personas.yaml")
        path.write_text("Maya: {role: '0'}\n")
        with LiveRegistry(path) as live:
            for number in range(1, edits + 1):
                beside = path.with_suffix(".tmp")
                beside.write_text(f"Maya: {{role: '{number}'}}\n")
                os.replace(beside, path)
                start = time.monotonic()
                while live.get("Maya").role != str(number) and time.monotonic() - start < 5:
                    time.sleep(0.001)
                late.append(time.monotonic() - start)
                time.sleep(random.uniform(0, 0.05))
    return sorted(late)


def price() -> float:
    """Return what `live.get(name).build_system_prompt(...)` costs, a registry's being 1."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "personas.yaml")
        path.write_text("Maya: {role: Guide, capabilities: ['Help {user_name}'], tone: kind}\n")
        with LiveRegistry(path) as live:
            registry = live.current
            pairs = [(_seconds(live), _seconds(registry)) for _ in range(15)]
    mine, theirs = (min(each) for each in zip(*pairs, strict=True))
    return mine / theirs


def _seconds(registry: LiveRegistry | PersonaRegistry) -> float:
    start = time.thread_time()
    for _ in range(20_000):
        registry.get("Maya").build_system_prompt(user_name="Jo")
    return time.thread_time() - start


def served_meanwhile(edits: int) -> tuple[int, int, int, float]:
    """Return how many prompts eight threads and an event loop were given while so many edits arrived, a third of them
    broken; how many prompts were of a set that never was; how many generations were seen; and what the memory in use after
    all edits is, that after a third of them being 1."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "set", 0)
        path, beside = folder / "set" / "personas.yaml", folder / "set" / "personas.tmp"
        stop = threading.Event()
        prompts: Counter[str] = Counter()
        strange: list[str] = []

        def serve_once() -> None:
            registry = live.current
            said = {
                word for each in NAMES for word in registry.get(each).build_system_prompt().split() if word.isdecimal()
            }
            prompts.update(said)
            if len(said) != 1 or int(min(said)) % 3 == 2:
                strange.append(" ".join(said))

        async def loop() -> None:
            while not stop.is_set():
                serve_once()
                await asyncio.sleep(0.001)

        def serve() -> None:
            while not stop.is_set():
                serve_once()
                time.sleep(0.001)

        (folder / "set" / "t.j2").write_text("{{ persona.name }} {{ persona.role }}\n")
        with LiveRegistry(path) as live:
            threads = [threading.Thread(target=serve) for _ in range(8)]
            threads.append(threading.Thread(target=lambda: asyncio.run(loop())))
            for thread in threads:
                thread.start()
            early = 0
            for number in range(1, edits + 1):
                text = personas(number)
                beside.write_text(text.replace("role:", "rol:", 1) if number % 3 == 2 else text)
                os.replace(beside, path)
                time.sleep(0.05)
                if number == edits // 3:
                    gc.collect()
                    early = _in_use()
            gc.collect()
            late = _in_use()
            stop.set()
            for thread in threads:
                thread.join()
    return prompts.total(), len(strange), len(prompts), late / early


def _in_use() -> int:
    """Return the pages of memory that this process has in use, as Linux counts them."""
    return int(Path("/proc/self/statm").read_text().split()[1])


if __name__ == "__main__":
    edits = int(sys.argv[1]) if len(sys.argv) > 1 else EDITS
    print(f"price of a prompt, the registry's being 1: {price():.3f}", flush=True)
    late = renamed(edits // 5)
    quick = sum(each <= 0.15 for each in late) / len(late)
    print(
        f"put in place: {quick:.1%} within 150 ms, median {late[len(late) // 2] * 1000:.0f} ms, worst {late[-1]:.3f} s"
    )
    print("behind a link that is swapped: {} sets, {} mixed".format(*swapped(edits)), flush=True)
    print("written in place: {} sets, {} torn".format(*written_in_place(edits)), flush=True)
    total, strange, generations, growth = served_meanwhile(edits)
    print(
        f"served meanwhile: {total} times of {generations} generations, {strange} of a set that never was; memory {growth:.3f}"
    )
