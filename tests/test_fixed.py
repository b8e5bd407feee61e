"""What is kept of a template's fixed parts; that it changes no prompt is tested in test_precompiled."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from llm_persona import Persona
from llm_persona.bound import Bound
from llm_persona.fixed import MAX_KEPT, Fixed, Kept
from llm_persona.templates import Templates

STEERED = "{% extends 'markdown' %}{% block session %}{% if session.plan == 'pro' %}Pro{% else %}Free{% endif %}{% endblock %}"
MAYA = Persona(name="Maya", role="Helper", capabilities=["one", "two"], variables={"plan": "free"})


def persona(source: str, maya: Persona = MAYA) -> Persona:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.j2").write_text(source, encoding="utf-8")
        return dataclasses.replace(maya, _bound=Bound(Templates(folder)))


def kept(rendered: Persona) -> Kept:
    return rendered._prepared()._kept["t"]


def test_what_the_session_cannot_reach_is_kept_once() -> None:
    """The blocks before the first look at the session are one part, the same at every render."""
    maya = persona(STEERED)
    prompts = [maya.build_system_prompt("t", plan=plan) for plan in ("free", "pro", "free")]
    assert prompts[0] == prompts[2] == prompts[1].replace("Pro", "Free")
    assert len(kept(maya)) == 1
    assert kept(maya).moving == set()


def test_a_part_that_looks_at_the_session_is_run() -> None:
    """A text with a placeholder moves its part; what is fixed within that part is kept."""
    maya = persona(STEERED, dataclasses.replace(MAYA, constraints=["never for {plan}"]))
    for plan in ("free", "pro", "free"):
        assert f"- never for {plan}\n" in maya.build_system_prompt("t", plan=plan)
    assert kept(maya).moving
    assert len(kept(maya)) > 1


def test_what_is_kept_is_bounded() -> None:
    """White space that grows with the session gives ever new states: a full memo is emptied."""
    found = Kept()
    nothing = Fixed(text="", start=-1, line=-1, sections=(), pending="", joined=False, between=None)
    for number in range(3 * MAX_KEPT):
        found.keep(("0", True, False, "\n" * number, False, None), nothing)
        assert 0 < len(found) <= MAX_KEPT
    maya = persona("A{% for each in session.lines %}\n{% endfor %}{% if persona.company %}x{% endif %}B")
    for number in range(MAX_KEPT + 10):
        maya.build_system_prompt("t", lines=["x"] * number)
        assert len(kept(maya)) <= MAX_KEPT
