"""A million prompts over 1,000 personas and 4 templates: how many a second, beside raw Jinja2, and at what memory?"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

import jinja2
from files import personas
from harness import report, versions
from warm_render import jinja_source

from llm_persona import PersonaRegistry

TEMPLATES = ("default", "markdown", "xml", "compact")
PERSONAS = 1_000


def ours() -> Callable[[int], object]:
    registry = PersonaRegistry.from_dict(personas(PERSONAS))
    names = registry.list_names()

    def render(number: int) -> object:
        persona = registry.get(names[number % PERSONAS])
        return persona.build_system_prompt(TEMPLATES[number // PERSONAS % 4], user_name=f"user {number}", plan="pro")

    return render


def raw_jinja() -> Callable[[int], object]:
    environment = jinja2.Environment(keep_trailing_newline=True)
    templates = [environment.from_string(jinja_source() + " " * number) for number in range(4)]
    fields = [
        {"name": name, **persona, "guide": persona["custom_sections"]["guide"]}  # type: ignore[index]
        for name, persona in personas(PERSONAS).items()
    ]

    def render(number: int) -> object:
        given = fields[number % PERSONAS]
        return templates[number // PERSONAS % 4].render(**given, user_name=f"user {number}", plan="pro")

    return render


def a_second(render: Callable[[int], object], count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        render(number)
    return count / (time.perf_counter() - start)


def peak() -> int:
    """Return this process's peak memory in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def worker(count: int) -> tuple[float, float]:
    render = ours()
    a_second(render, 4 * PERSONAS)
    start = time.time()
    for number in range(count):
        render(number)
    return start, time.time()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    render, jinja = ours(), raw_jinja()
    a_second(render, 8 * PERSONAS)
    before = peak()
    tenth = count // 10
    ratios, speed = [], []
    for _ in range(10):  # in turns, as the machine's speed drifts
        mine = a_second(render, tenth)
        ratios.append(mine / a_second(jinja, max(tenth // 20, 1_000)))
        speed.append(mine)
    grown = peak() - before
    one = worker(count // 4)
    with multiprocessing.Pool(2) as pool:
        spans = pool.map(worker, [count // 4, count // 4], chunksize=1)
    alone = (count // 4) / (one[1] - one[0])
    together = (count // 2) / (max(end for _, end in spans) - min(start for start, _ in spans))
    figures: dict[str, object] = {
        "prompts a second / raw Jinja2's (median of 10 turns)": sorted(ratios)[5],
        "peak memory grown while rendering, MB": grown / 1e6,
        "two processes / one": together / alone,
    }
    report("scale", figures, versions("llm-persona", "jinja2"))


if __name__ == "__main__":
    main()
