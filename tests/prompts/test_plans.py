"""What is kept of prompts between calls: how much, for whom, and never a session's value."""

from __future__ import annotations

import dataclasses
import gc
import os
import pickle
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_persona import Persona, PersonaRegistry, multiline
from llm_persona.persona.binding import Bound
from llm_persona.prompts import prepared
from llm_persona.prompts.budget import Budget
from llm_persona.prompts.plans import MAX_CALLS, Plans
from llm_persona.prompts.prepared import unready
from llm_persona.templating.templates import Templates

FAMILIES = ["default", "markdown", "xml", "compact"]
PERSONA = Persona(
    name="Maya", role="Helper", tone="kind to {a}", capabilities=["one", "two {a}"], variables={"a": None, "b": "d"}
)


@pytest.fixture
def maya() -> Persona:
    registry = PersonaRegistry()
    registry.define(PERSONA)
    return registry.get("Maya")


def test_names_that_nothing_uses_make_no_plan(maya: Persona) -> None:
    """However many sets of session names there are, a persona keeps a bounded number of calls, and one plan for all."""
    for number in range(MAX_CALLS + 50):
        maya.build_system_prompt(**{"a": "Ana", f"other{number}x": "y"})
    plans = maya._planned()
    assert len(plans) == 1
    assert len(plans._calls) == MAX_CALLS
    assert maya.render(a="Ana", other5x="y").unused == ("other5x",)


def test_a_full_memo_gives_up_one_entry(maya: Persona) -> None:
    """The oldest, and not all: a hundred sets of names in turn stay prepared."""
    for number in range(MAX_CALLS + 1):
        maya.build_system_prompt(**{"a": "Ana", f"x{number}": "y"})
    kept = maya._planned()._calls
    assert (None, "a", "x0") not in kept
    assert (None, "a", "x1") in kept


def test_a_prompt_is_prepared_when_it_is_asked_for_again(maya: Persona) -> None:
    """One that is asked for once is run, and nothing of it is kept."""
    maya.build_system_prompt(a="Ana")
    (plan,) = maya._planned()._plans.values()
    assert plan.tree.leaves == 0
    maya.build_system_prompt(a="Bo")
    assert plan.tree.leaves == 1


@pytest.mark.parametrize("template", FAMILIES)
@pytest.mark.parametrize("value", [None, 0, -7, "", "a\nb", "x\xa0y", multiline("a\n\n\tb\r\n"), 5, "<b> & c"])
def test_what_has_a_text_is_filled_in_as_it_is_run(maya: Persona, template: str, value: object) -> None:
    """Null, numbers, empty and folded texts, lines: each by the function that was prepared, and to the same text."""
    ran = dataclasses.replace(maya, _bound=Bound(Templates(), precompile=False))
    for _ in range(3):
        prompt = maya.render(template, a="Ana", b=value)
        assert prompt == ran.render(template, a="Ana", b=value) == maya.build_system_prompt(template, a="Ana", b=value)
    call = maya._planned().ready[template]
    assert call.fill({"a": "Ana", "b": value}) == prompt
    assert call.fill({"a": "Ana", "c": value}) is call.fill({"a": "Ana"}) is None


def test_prompts_of_one_call_have_one_source(maya: Persona) -> None:
    """What is the same for all of them is worked out once; a stamp is a copy of its own."""
    one, other = maya.render(a="Ana", b=None), maya.render(a="Bo\nDi", b=None)
    assert one._source is other._source
    assert (one.folded, other.folded) == ((), ("a",))
    assert (one.session_names, one.stable) == (("a",), other.stable)
    stamp = one.stamp()
    stamp["session"].append("x")
    stamp["persona_fields"].clear()
    assert one.stamp() == other.stamp() != stamp


def test_names_that_nothing_uses_keep_the_order_of_their_call(maya: Persona) -> None:
    """Also where another call gave the same names in another order, some of them null."""
    for names in (("x", "a", "y"), ("y", "x", "a"), ("a", "y", "x")):
        for _ in range(3):
            assert maya.render(**dict.fromkeys(names, "Ana"), z=None).unused == tuple(n for n in names if n != "a")


@pytest.mark.parametrize("most", [0, 1, 3_000, 5_000, 9_000])
@pytest.mark.parametrize("template", [*FAMILIES, "run"])
def test_a_budget_that_is_too_small_for_anything_changes_no_prompt(template: str, most: int, tmp_path: Path) -> None:
    """What is given up while it is made is made for this one prompt."""
    (tmp_path / "run.j2").write_text("{{ persona.name }} {{ session.a|upper }}", encoding="utf-8")
    fields = {"role": "Helper of {a}"}
    usual, small = (PersonaRegistry.from_dict({"Maya": fields}, templates=tmp_path) for _ in range(2))
    small._state.bounds.usual.budget.most = most
    for who in ("Ana", "Bo", "Cy", "Di"):
        expected = usual.get("Maya").render(template, a=who)
        prompt = small.get("Maya").render(template, a=who)
        assert (prompt, prompt.stamp()) == (expected, expected.stamp())
        assert small.get("Maya").build_system_prompt(template, a=who) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_counts_what_it_keeps(maya: Persona) -> None:
    """A child process can render what its parent did not, whatever another thread was doing at the fork."""
    assert maya._bound is not None
    with maya._bound.budget._lock:
        child = os.fork()
        if child == 0:
            worker = threading.Thread(target=lambda: maya.build_system_prompt(a="Ana"), daemon=True)
            worker.start()
            worker.join(20)
            os._exit(1 if worker.is_alive() else 0)
    assert os.waitpid(child, 0)[1] == 0


def test_prepared_prompts_stay_within_the_budget() -> None:
    """The oldest are given up, one after the other, and made again when they are asked for."""
    personas = [dataclasses.replace(PERSONA, name=f"P{number}", tone=f"kind {number} to {{a}}") for number in range(40)]
    budget = Budget(100_000)
    plans = [Plans(persona._prepared(), budget, persona.own_template) for persona in personas]
    for _ in range(3):
        for persona, each in zip(personas, plans, strict=True):
            for who in ("Ana", "Bo"):
                text = each.text(None, {"a": who})
                assert text == persona.build_system_prompt(a=who)
                assert budget.used <= budget.most
    leaves = [plan.tree.leaves for each in plans for plan in each._plans.values()]
    assert 0 < sum(leaves) < len(plans)
    fills = [call.fill for each in plans for call in each._calls.values() if call.fill is not unready]
    assert len(fills) == sum(leaves)


def held_by_the_package() -> int:
    """Return the bytes that are held of what its lines, and the code that it made, have asked for."""
    ours = (tracemalloc.Filter(True, each) for each in ("*/llm_persona/*", "<string>"))
    snapshot = tracemalloc.take_snapshot().filter_traces(list(ours))
    return sum(each.size for each in snapshot.traces)


@pytest.mark.parametrize("precompile", [True, False])
@pytest.mark.parametrize("source", ["{{ session.a }}", "{{ session.a|upper }}", "{{ persona.tone }}"])
def test_whatever_the_traffic_what_is_kept_stays_within_the_budget(
    source: str, precompile: bool, tmp_path: Path
) -> None:
    """However many sets of names there are, prepared or run, used or not: what is kept grows no more."""
    (tmp_path / "t.j2").write_text(source, encoding="utf-8")
    names = [f"v{number}" for number in range(120)]
    fields = {"role": "Helper", "tone": "kind to {a}", "variables": {"a": None, **dict.fromkeys(names, "x")}}
    registry = PersonaRegistry.from_dict({"Maya": fields}, templates=tmp_path, precompile=precompile)
    maya = registry.get("Maya")
    maya.own_template("t")
    budget = registry._state.bounds.usual.budget
    budget.most = 100_000
    held: list[int] = []
    tracemalloc.start()
    try:
        for part in (names[:40], names[40:]):
            for name in part:
                for _ in range(3):
                    maya.build_system_prompt("t", a="Ana", **{name: "y"})
                    maya.build_system_prompt("t", a="Ana", **{f"{name}unused": "y"})
            prepared._maker.cache_clear()  # these are the process's, and bounded
            prepared._shared.cache_clear()
            gc.collect()
            held.append(held_by_the_package())
    finally:
        tracemalloc.stop()
    assert budget.used <= budget.most
    assert max(held) <= 2 * budget.most, held
    assert held[1] <= 1.03 * held[0], held  # a name in a compiled function stays for ever from Python 3.12 on


def test_all_files_of_a_registry_have_one_budget(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        text = f"$templates: {name}\n{name.upper()}: {{role: Helper, tone: 'kind to {{a}}'}}\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    registry = PersonaRegistry.from_file(tmp_path / "a.yaml", tmp_path / "b.yaml")
    for one in (registry, pickle.loads(pickle.dumps(registry))):
        for name in ("A", "B", "A", "B"):
            one.get(name).build_system_prompt(a="Ana")
        budgets = {id(bound.budget) for bound in one._state.bounds}
        assert len(budgets) == 1
        sizes = [plan.tree.size for name in "AB" for plan in one.get(name)._planned()._plans.values()]
        assert one._state.bounds.usual.budget.used >= sum(sizes) > 0


def test_calls_with_other_names_take_turns(maya: Persona) -> None:
    """What is ready for one set of names is not taken for another, whatever their order and number."""
    for _ in range(3):
        assert "kind to Ana" in maya.build_system_prompt(a="Ana")
        assert "kind to Bo" in maya.build_system_prompt(a="Bo", b="x")
        assert "kind to Cy" in maya.build_system_prompt(b="x", a="Cy")
        assert "kind to Di" in maya.build_system_prompt(a="Di", c="x")
        assert "kind to Ed" in maya.build_system_prompt("markdown", a="Ed", b=None)
        with pytest.raises(Exception, match="lacks 'a'"):
            maya.build_system_prompt(b="x")


def test_a_name_that_is_none_is_said_each_time(maya: Persona) -> None:
    """A template's name that is no text, or that there is not, is an error, also when prompts are ready."""
    maya.build_system_prompt(a="Ana")
    for _ in range(2):
        with pytest.raises(Exception, match="a template's name is a text, not a list"):
            maya.build_system_prompt(["default"], a="Ana")  # type: ignore[arg-type]
        with pytest.raises(Exception, match="there is no template 'defualt'"):
            maya.build_system_prompt("defualt", a="Ana")


def held(root: object) -> Iterator[object]:
    """Yield all that an object holds, as far as plain values and this package's own go."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        found = waiting.pop()
        if id(found) not in seen and not isinstance(found, type):
            seen[id(found)] = found
            if type(found).__module__.startswith("llm_persona") or isinstance(
                found, dict | list | tuple | set | frozenset
            ):
                waiting += gc.get_referents(found)
    yield from seen.values()


def test_plans_hold_no_session_value(maya: Persona) -> None:
    """What is kept between calls holds the names of a session's variables, and never a value."""
    for template in FAMILIES * 3:
        maya.build_system_prompt(template, a="secret-value", b="secret\ntoo")
        maya.render(template, a="secret-value", b="", extra_sections={"secret-name": "secret-text"})
    texts = [found for found in held(maya._planned()) if isinstance(found, str)]
    assert any("kind to " in text for text in texts), "plans were not looked into"
    assert [text for text in texts if "secret" in text] == []
