"""No leak: nothing that is kept holds a value of a session, and no prompt another user's."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_rehearsals import NAMES, personas, registry, templates

from llm_persona import Persona, PersonaError, PersonaRegistry, multiline, trusted

# Each value that is given has one of its own: whose it is, and which.
CANARY = re.compile(r"kanari[12]x\d{6}|(?<!\d)7177[12]\d{6}(?!\d)")
OURS = ("llm_persona", "jinja2", "markupsafe")
TEMPLATES = (None, "default", "markdown", "xml", "compact")
numbers = count(100_000)


def text(user: int) -> str:
    return f"kanari{user}x{next(numbers)}"


KINDS: dict[str, Any] = {
    "text": text,
    "folded": lambda user: f"{text(user)}\n# {text(user)}\x07",
    "int": lambda user: int(f"7177{user}{next(numbers)}"),
    "list": lambda user: [text(user), text(user)],
    "mapping": lambda user: {text(user): text(user), "id": text(user)},
    "mappings": lambda user: [{"id": text(user)}, {"id": int(f"7177{user}{next(numbers)}")}],
    "multiline": lambda user: multiline(f"{text(user)}\n{text(user)}"),
    "trusted": lambda user: trusted(f"{text(user)}\n<b>{text(user)}</b>"),
}
SECTIONS = {
    "none": lambda user: {},
    "one": lambda user: {"extra_sections": {text(user): f"{text(user)}\n{text(user)}"}},
    "many": lambda user: {"extra_sections": {text(user): text(user) for _ in range(6)}},
}
HOWS = ("build_system_prompt", "render", "build_greeting", "stamp", "explain", "with_session")
# Few kinds in one example, so that the calls of two users often share what is prepared.
CALLS = st.fixed_dictionaries({name: st.sampled_from(["text", *KINDS]) for name in NAMES}).flatmap(
    lambda kinds: st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.sampled_from(HOWS),
            st.sampled_from(TEMPLATES[:2]) | st.sampled_from(TEMPLATES),
            st.sampled_from([kinds, kinds, dict.fromkeys(NAMES, "text")]),
            st.sampled_from(["none", *SECTIONS]),
        ),
        min_size=4,
        max_size=10,
    )
)


def call(persona: Persona, user: int, how: str, template: str | None, values: dict[str, Any]) -> str:
    """Return all that a user sees of one call; some of the values may be given beforehand."""
    if how == "with_session":
        shared = {name: values.pop(name) for name in sorted(values)[::2]}
        persona = persona.with_session(**shared)
        assert not CANARY.search(repr(persona))
        assert not CANARY.search(repr(persona.to_dict()))
        return call(persona, user, "build_system_prompt", template, values) + call(
            persona, user, "stamp", template, values
        )
    if how == "build_greeting":
        values.pop("extra_sections", None)
        return persona.build_greeting(**values) or ""
    if how == "build_system_prompt":
        return persona.build_system_prompt(template, **values)
    prompt = persona.render(template, **values)
    if how == "stamp":
        assert not CANARY.search(repr(prompt.stamp()))
    if how == "explain":
        return "\n".join(line.text for line in prompt.explain())
    return prompt.stable + prompt.rest + repr(prompt.sections)


def holders(roots: Iterable[object], within: tuple[str, ...] = ()) -> list[str]:
    """Return the kept texts and numbers that have a canary in them, found by all that the roots lead to, and through
    modules of these packages alone."""
    others = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] not in within]
    waiting, found = list(roots), []
    seen = {id(KINDS), id(sys.modules), *map(id, others), *(id(vars(module)) for module in others)}
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, FrameType):
            continue
        if isinstance(each, type | FunctionType) and str(each.__module__).partition(".")[0] not in OURS:
            continue  # the interpreter's, pytest's and hypothesis's own
        seen.add(id(each))
        if isinstance(each, str | int | bytes):
            shown = (
                each.decode("latin-1")
                if isinstance(each, bytes)
                else str(each % 10**4_000 if isinstance(each, int) else each)
            )
            if CANARY.search(shown.casefold()):
                found.append(f"{type(each).__name__} {shown[:60]!r}")
        else:
            waiting += gc.get_referents(each)
    return found


def modules() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in OURS]


def test_nothing_kept_holds_a_value_and_no_prompt_anothers(tmp_path: Path) -> None:
    """Two users with values of every kind, in any order of calls: neither the registry nor anything of the modules and
    their caches holds one of them afterwards, and whatever is printed for one user holds nothing of the other."""
    counts = {"prompts": 0, "of both": 0, "prepared": 0}

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(personas(), templates(), CALLS)
    def property_of(fields: dict[str, Any], sources: dict[str, str], calls: list[Any]) -> None:
        try:
            made = registry(tmp_path, fields, sources)
        except PersonaError:
            return
        maya, users = made.get("Maya"), set()
        for user, how, template, kinds, sections in calls:
            values = {name: KINDS[kind](user) for name, kind in kinds.items()} | SECTIONS[sections](user)
            try:
                printed = call(maya, user, how, template, values)
            except PersonaError as error:
                printed = str(error)
                assert not CANARY.search(printed.casefold())
            counts["prompts"] += bool(CANARY.search(printed.casefold()))
            users |= {user} if CANARY.search(printed.casefold()) else set()
            other = 3 - user
            assert not re.search(f"kanari{other}x|7177{other}", printed.casefold())
            del printed, values
        counts["of both"] += len(users) == 2
        counts["prepared"] += any(plan.tree.leaves for plan in maya._planned()._plans.values())
        assert holders([made, maya]) == []

    property_of()
    gc.collect()
    assert holders(modules(), within=OURS) == []
    assert counts["prompts"] > 60, counts
    assert counts["of both"] > 5, counts
    assert counts["prepared"] > 5, counts


@pytest.mark.parametrize("kind", KINDS)
def test_the_walk_finds_what_is_kept(kind: str) -> None:
    """Whatever a value is, wherever a prompt keeps it: a prompt that somebody holds has its own values."""
    maya = PersonaRegistry.from_dict({"Maya": {"role": "Pilot {a}"}}).get("Maya")
    value = KINDS[kind](1)
    assert holders([maya]) == []
    assert holders([{"kept": value}])
    if kind in ("text", "folded", "int", "multiline", "trusted"):
        for _ in range(3):
            prompt = maya.render(a=value)
        assert holders([prompt])
        assert holders([maya]) == []
