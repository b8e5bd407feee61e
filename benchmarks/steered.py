"""What does a prompt cost whose template the session steers? As parts of plain Jinja2's time for the same template.

Such a template is run at every render. `alone` is one that extends none, `extending` fills a block of a bundled one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from harness import interleaved, report, versions
from products import GUIDE, SESSION, persona

from llm_persona import PersonaRegistry

CUSTOMER = """\
{% if session.plan == "pro" %}
{{ session.user_name }} has the pro plan: answer within the hour.
{% else %}
{{ session.user_name }} has the {{ session.plan }} plan.
{% endif %}
"""
SOURCES = {
    "alone": """\
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
"""
    + CUSTOMER,
    "extending": '{% extends "llm_persona/markdown.j2" %}\n{% block session %}\n## The customer\n\n'
    + CUSTOMER
    + "{% endblock %}\n",
}
BUNDLED = Path(__file__).parents[1] / "templates"
FIELDS: dict[str, Any] = persona(7)
# Plain Jinja2 prints `{user_name}` as it is written; the second persona's text is filled, in this library.
PERSONAS = {
    "no placeholders": FIELDS | {"custom_sections": {"guide": GUIDE}},
    "placeholders in its texts": FIELDS,
}


def pair(template: str, fields: dict[str, Any]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what renders the prompt with llm-persona, and with plain Jinja2."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{template}.j2").write_text(SOURCES[template], encoding="utf-8")
        registry = PersonaRegistry.from_dict({"Maya": fields}, templates=folder)
    ours = partial(registry.get("Maya").build_system_prompt, template, **SESSION)
    bundled = {f"llm_persona/{path.name}": path.read_text(encoding="utf-8") for path in BUNDLED.glob("*.j2")}
    loader = jinja2.DictLoader({**bundled, template: SOURCES[template]})
    plain = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True).get_template(template)
    given = {"persona": {"name": "Maya", **fields}, "session": {**SESSION, "extra_sections": {}}}
    words = str(ours()).split()
    assert words == plain.render(given).format_map(SESSION).split(), "they print different things"
    return ours, partial(plain.render, given)


def main() -> None:
    figures: dict[str, object] = {}
    for template in SOURCES:
        for said, fields in PERSONAS.items():
            ours, plain = pair(template, fields)
            times = interleaved({"ours": ours, "plain": plain})
            figures[f"{template}, {said}: llm-persona / Jinja2"] = times["ours"] / times["plain"]
    report("steered", figures, versions("llm-persona", "jinja2"))


if __name__ == "__main__":
    main()
