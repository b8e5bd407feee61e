"""Templates that session values steer, in llm-persona and in plain Jinja2: the same source, run at every render."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jinja2
from warm_render import CAPABILITIES, CONSTRAINTS, FIELDS, GUIDE, SESSION

from llm_persona import Persona, PersonaRegistry

ALONE = """\
You are {{ persona.name }}, a {{ persona.role }} at {{ persona.company }}.

Tone: {{ persona.tone }}

You can:
{% for capability in persona.capabilities %}
- {{ capability }}
{% endfor %}

Do not:
{% for constraint in persona.constraints %}
- {{ constraint }}
{% endfor %}

{% for name, text in persona.custom_sections|items %}
## {{ name }}

{{ text }}

{% endfor %}
{% if session.plan == "pro" %}
{{ session.user_name }} has the pro plan: answer within the hour.
{% else %}
{{ session.user_name }} has the {{ session.plan }} plan.
{% endif %}
"""
EXTENDING = """\
{% extends "llm_persona/markdown.j2" %}
{% block session %}
## The customer

{% if session.plan == "pro" %}
{{ session.user_name }} has the pro plan: answer within the hour.
{% else %}
{{ session.user_name }} has the {{ session.plan }} plan.
{% endif %}
{% endblock %}
"""
SECTIONS = {f"Guide {number}": GUIDE for number in range(8)}
BUNDLED = Path(__file__).parents[1] / "templates"


def pairs() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return by what is rendered: llm-persona without precompiled prompts, and plain Jinja2 of the same template."""
    folder = tempfile.mkdtemp()
    sources = {"alone.j2": ALONE, "extending.j2": EXTENDING}
    for name, source in sources.items():
        Path(folder, name).write_text(source, encoding="utf-8")
    registry = PersonaRegistry(templates=folder, precompile=False)
    registry.define(Persona("Maya", **FIELDS, custom_sections=SECTIONS))  # type: ignore[arg-type]
    maya = registry.get("Maya")
    bundled = {f"llm_persona/{path.name}": path.read_text(encoding="utf-8") for path in BUNDLED.glob("*.j2")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({**bundled, **sources}), trim_blocks=True, lstrip_blocks=True
    )
    persona = {"name": "Maya", **FIELDS, "capabilities": CAPABILITIES, "constraints": CONSTRAINTS}
    given = {"persona": {**persona, "custom_sections": SECTIONS}, "session": {**SESSION, "extra_sections": {}}}
    found: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
    for name in sources:
        ours = partial(maya.build_system_prompt, name.removesuffix(".j2"), **SESSION)
        plain = partial(environment.get_template(name).render, given)
        assert str(ours()).split() == str(plain()).split()
        found[name] = (ours, plain)
    return found


def main() -> None:
    from harness import interleaved

    for name, (ours, plain) in pairs().items():
        times = interleaved({"ours": ours, "plain": plain}, rounds=11)
        print(
            f"{name}: {times['ours'] / times['plain']:.2f}  ({times['ours'] * 1e6:.1f} µs, {times['plain'] * 1e6:.1f} µs)"
        )


if __name__ == "__main__":
    main()
