"""What does a prompt cost whose template works with what the session gives? As parts of plain Jinja2's time.

Both run the same sources and print the same bytes. A text of the persona that has placeholders is filled in this library,
and given to plain Jinja2 as it is when filled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from harness import interleaved, multiples
from products import persona

from llm_persona import PersonaRegistry

SESSION = {"user_name": "Ana", "plan": "pro"}
ORDERS = {"orders": ["A-1", "A-2", "A-3"]}
FIELDS: dict[str, Any] = persona(7)
FILLED = {name: text.format_map(SESSION) for name, text in FIELDS["custom_sections"].items()}
PERSONA = {"name": "Maya", **FIELDS, "custom_sections": FILLED}
HOUSE = """\
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

{% block texts %}
{{ persona.custom_sections.guide }}
{{ persona.custom_sections.customer }}{% endblock %}


CUSTOMER
"""
CUSTOMERS = {
    "equality": '{% if session.plan == "pro" %}Answer within the hour.{% else %}Answer.{% endif %}',
    "truth": "{% if session.plan %}{{ session.user_name }} has the {{ session.plan }} plan.{% else %}No plan.{% endif %}",
    "filter": "The customer is {{ session.user_name|upper }}.",
    "default-filter": 'The customer is {{ session.user_name|default("a guest") }}.',
    "loop": "{% for order in session.orders %}\n- {{ order }}\n{% endfor %}\nThat is all.",
    "macro": "{% macro line(label, value) %}{{ label }}: {{ value }}{% endmacro %}\n"
    '{{ line("Customer", session.user_name) }}, {{ line("plan", session.plan) }}',
    "plain": "The customer is {{ session.user_name }}, on the {{ session.plan }} plan.",
}
SOURCES = {name: HOUSE.replace("CUSTOMER", customer) for name, customer in CUSTOMERS.items()} | {
    "super": '{% extends "plain" %}\n{% block texts %}\n{{ super() }}\nMention {{ session.plan }}.{% endblock %}'
}


def pair(template: str, *, precompile: bool = True) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what renders the prompt with llm-persona, and with plain Jinja2."""
    session = SESSION | (ORDERS if template == "loop" else {})
    with tempfile.TemporaryDirectory() as folder:
        for name, source in SOURCES.items():
            Path(folder, f"{name}.j2").write_text(source, encoding="utf-8")
        registry = PersonaRegistry.from_dict({"Maya": FIELDS}, templates=folder, precompile=precompile)
        ours = partial(registry.get("Maya").build_system_prompt, template, **session)
        ours()  # which reads the template
    loader = jinja2.DictLoader(SOURCES)
    plain = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True).get_template(template)
    return ours, partial(plain.render, persona=PERSONA, session=session)


def measure() -> dict[str, float]:
    figures = {}
    for said, template, precompile in (
        *((template, template, True) for template in SOURCES),
        ("plain, recording off", "plain", False),
        ("equality, recording off", "equality", False),
    ):
        ours, plain = pair(template, precompile=precompile)
        taken = interleaved({"ours": ours, "plain": plain})
        figures[f"{said}: time / plain Jinja2's"] = multiples(taken, "plain")["ours"]
    return figures
