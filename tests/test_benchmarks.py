"""What the benchmarks compare prints the same, and their pages say what was measured. No test measures time."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jinja2
import pytest

from llm_persona import PersonaRegistry

MODULES = (
    "products",
    "warm_render",
    "kinds_of_request",
    "steered",
    "scale",
    "loading",
    "cold_start",
    "command_line",
    "pages",
    "harness",
    "cache_bill",
    "columns",
)
NAMES = re.compile(r"^\| (?!`|-)([^|\n]+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def benchmarks(repository: Path) -> Iterator[dict[str, Any]]:
    """The modules of the benchmarks by name."""
    sys.path.insert(0, str(repository / "benchmarks"))
    yield {name: import_module(name) for name in MODULES}
    sys.path.remove(str(repository / "benchmarks"))


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_the_files_hold_the_personas(benchmarks: dict[str, Any], tmp_path: Path, suffix: str) -> None:
    """Both kinds of file say what `personas` returns."""
    products = benchmarks["products"]
    path = getattr(products, f"write_{suffix}")(tmp_path / f"p.{suffix}", 3)
    assert PersonaRegistry.from_file(path) == PersonaRegistry.from_dict(products.personas(3))


def test_plain_jinja_prints_the_same_bytes(benchmarks: dict[str, Any]) -> None:
    """The templates for plain Jinja2 print what the bundled ones print, and the persona is as long as is said."""
    products = benchmarks["products"]
    registry = PersonaRegistry.from_dict(products.personas(2))
    for name, source in products.TEMPLATES.items():
        template = jinja2.Environment(keep_trailing_newline=True).from_string(source)
        for key, fields in products.personas(2).items():
            text = template.render(persona={"name": key, **fields}, session=products.SESSION)
            assert registry.get(key).build_system_prompt(name, **products.SESSION) == text
            assert 2_300 <= len(text) <= 2_700
    assert set(products.TEMPLATES) == {"default", "markdown", "xml", "compact"}


@pytest.mark.filterwarnings("default")  # of packages that are not ours
def test_every_peer_prints_the_same_bytes(benchmarks: dict[str, Any]) -> None:
    """The floor, the prompt by hand and every peer that is installed print what this library prints."""
    warm = benchmarks["warm_render"]
    made = {"floor": warm.floor(), "by hand": warm.hand_written(), **warm.peers()}
    assert {name: str(render()) for name, render in made.items()} == dict.fromkeys(made, warm.expected())
    assert {"Jinja2", "Jinja2, flat names"} <= made.keys()


def test_requests_of_each_kind_print_what_their_template_prints(benchmarks: dict[str, Any]) -> None:
    """Prepared or run, a request of each kind is answered alike; that of no prompt gives the same versions."""
    kinds = benchmarks["kinds_of_request"]
    prepared, run = kinds.requests(), kinds.requests(precompile=False)
    for name, request in prepared.items():
        turns = range(3 * len(kinds.SETS) if "sets" in name else 9)
        assert [request() for _ in turns] == [run[name]() for _ in turns], name


def test_templates_that_are_steered_print_the_same_bytes(benchmarks: dict[str, Any]) -> None:
    """Each of them prints what plain Jinja2 prints, prepared or run."""
    steered = benchmarks["steered"]
    for name in steered.SOURCES:
        for precompile in (True, False):
            ours, plain = steered.pair(name, precompile=precompile)
            assert [ours(), ours(), ours()] == [plain()] * 3


def test_a_thousand_personas_print_the_same_bytes(benchmarks: dict[str, Any], tmp_path: Path) -> None:
    """Personas of a file take turns in four templates as they do in plain Jinja2, and in the floor."""
    scale, products = benchmarks["scale"], benchmarks["products"]
    path = products.write_yaml(tmp_path / "p.yaml", 3)
    ours, plain = scale.ours(PersonaRegistry.from_file(path)), scale.raw_jinja(path)
    floor = scale.prepared(plain, 3)
    for number in range(24):
        assert ours(number) == plain(number) == floor(number)


def test_the_pages_say_what_was_measured(benchmarks: dict[str, Any]) -> None:
    """Every row of their tables is a figure of `benchmarks/results`, as it was measured, and every figure is there."""
    pages = benchmarks["pages"]
    figures = pages.all_figures()
    assert len(figures) == sum(map(len, benchmarks["harness"].results().values())), "two figures have one name"
    (page,) = (path.read_text(encoding="utf-8") for path in pages.PAGES)
    assert pages.filled(page, figures) == page
    assert sorted(NAMES.findall(page)) == sorted(figures)


def test_the_page_gives_a_reason_for_each_figure_that_is_not_reached(benchmarks: dict[str, Any]) -> None:
    """Its last section names them, those and no others."""
    page = benchmarks["pages"].PAGES[0].read_text(encoding="utf-8")
    reasons = page.partition("## What is not reached")[2]
    missed = re.findall(r"^\| ([^|\n]+) \|[^|\n]*\|[^|\n]*\|[^|\n]*: not reached \|", page, re.MULTILINE)
    assert sorted(re.findall(r"\*\*(.+?)\*\*", reasons)) == sorted(missed)


def test_a_row_says_whether_a_figure_that_is_wanted_is_reached(benchmarks: dict[str, Any]) -> None:
    """More than `at most`, and less than `at least`, is not reached; what is no figure is left alone."""
    filled = benchmarks["pages"].filled
    figures = {"a": {"median": 3.36, "least": 1, "most": 1234.5}}
    assert filled("| a | | |\n", figures) == "| a | 3.4 | 1.00 to 1,234 |\n"
    assert filled("| a | | | at most 3.3 |", figures) == "| a | 3.4 | 1.00 to 1,234 | at most 3.3: not reached |"
    assert filled("| a | | | at most 4: not reached |", figures) == "| a | 3.4 | 1.00 to 1,234 | at most 4 |"
    assert filled("| a | | | at least 4 |", figures) == "| a | 3.4 | 1.00 to 1,234 | at least 4: not reached |"
    assert filled("| b | | | at most 4 |", figures) == "| b | | | at most 4 |"


def asked(bill: Any, cache: Any, time: float, talk: int, head: dict[str, int], message: int, **more: Any) -> float:
    """Return what a request costs whose head blocks are all marked."""
    prefixes = [hash(tuple(head)[: end + 1]) for end in range(len(head))]
    sums = [sum([*head.values(), message][: end + 1]) for end in range(len(head) + 1)]
    markers = {**dict.fromkeys(range(len(head)), "5m"), **more}
    return float(cache.cost(bill.Request(time, prefixes, sums, markers, 2.0, [len(head)]), talk))


def test_the_bill_follows_anthropics_rules(benchmarks: dict[str, Any]) -> None:
    """Written at markers for 1.25 times, read for a tenth once the response began, renewed by use, lost after 5 minutes."""
    bill = benchmarks["cache_bill"]
    cache = bill.Anthropic()
    whole = {"tools": 1000, "persona": 1000}
    assert asked(bill, cache, 0, 1, whole, 100) == 2000 * 1.25 + 100
    assert asked(bill, cache, 1, 2, whole, 100) == 2000 * 1.25 + 100  # nothing of the first can be read yet
    assert asked(bill, cache, 10, 3, whole, 100) == 2000 * 0.1 + 100
    assert asked(bill, cache, 305, 4, whole, 100) == 2000 * 0.1 + 100
    assert asked(bill, cache, 606, 5, whole, 100) == 2000 * 1.25 + 100
    assert (
        asked(bill, cache, 610, 6, {"tools": 1000, "other": 500}, 100) == 1500 * 1.25 + 100
    )  # 1,000 tools are too few
    assert asked(bill, bill.Anthropic(), 0, 1, {"tools": 600, "persona": 400}, 100) == 1100


def test_the_bill_follows_openais_rules(benchmarks: dict[str, Any]) -> None:
    """Breakpoints and the newest message are written; before them, whatever begins alike is read in steps of 128."""
    bill = benchmarks["cache_bill"]
    new, old = bill.OpenAI(), bill.OlderOpenAI()
    whole = {"tools": 1000, "persona": 1000}
    assert asked(bill, new, 0, 1, whole, 100) == 2100 * 1.25
    assert asked(bill, new, 10, 1, whole, 100) == 2100 * 0.1
    assert asked(bill, new, 20, 2, whole, 100) == 2000 * 0.1 + 100 * 1.25
    assert asked(bill, old, 0, 1, whole, 100) == 2100
    assert asked(bill, old, 10, 2, whole, 100) == 1920 * 0.1 + 180


def test_the_best_order_has_the_same_characters(benchmarks: dict[str, Any]) -> None:
    """None is left out: the heads are of one length, but for the rounding of each block."""
    bill = benchmarks["cache_bill"]
    for make in bill.PRODUCTS.values():
        product = make()
        for talk in bill.day(product, 30)[0]:
            sizes = [
                sum(block.tokens for block in way.head(product, talk)) for way in (*bill.WAYS.values(), *bill.ORDERS)
            ]
            assert max(sizes) - min(sizes) <= 3
            assert 0 < talk.own < len(talk.prompt)


def test_readmes_call_costs_hardly_more_than_the_best_order(benchmarks: dict[str, Any], repository: Path) -> None:
    """As the page says for a day of 10,000 conversations, and by the rules of a cache in which few are enough."""
    bill = benchmarks["cache_bill"]
    page = (repository / "docs/caching.md").read_text(encoding="utf-8")
    for provider in bill.PROVIDERS:
        rows = page.partition(f"<!-- {provider} -->")[2].partition("<!-- end -->")[0]
        (row,) = re.findall(rf"^\| {bill.LETTER} \| (.+) \|$", rows, re.MULTILINE)
        support, cut, voice, document = map(float, row.split(" | "))
        assert max(support, voice, document) <= 1.05
        assert cut <= 1.10
    for product in bill.PRODUCTS:
        costs = bill.bills(product, 150, "GPT-5.6")
        assert 0.99 <= costs[bill.LETTER] / costs[bill.BEST] <= (1.10 if "," in product else 1.05)
        assert costs[bill.UNMARKED] > 1.2 * costs[bill.BEST]


def test_tables_come_to_the_same_prompts(
    benchmarks: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An f-string, plain Jinja2, a loop over rows and a renderer of batches say the same of each row."""
    columns = benchmarks["columns"]
    monkeypatch.setattr(columns, "ROWS", 60)
    monkeypatch.setattr(columns, "ROUNDS", 1)
    for table, functions in columns.questions().values():
        path = tmp_path / "rows.parquet"
        columns.parquet.write_table(columns.pa.table(table), path)
        assert columns.measured(path, functions).keys() == functions.keys()
