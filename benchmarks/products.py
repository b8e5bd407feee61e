"""What the benchmarks measure with: personas as product teams write them, and the prompts they write by hand.

`TEMPLATES` print with plain Jinja2, byte for byte, what the bundled templates print.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

GUIDE = (
    "Answer in short sentences. Ask one question at a time. When you are not sure, say so and offer to ask a colleague. "
    * 4
)
LAST = "The customer is {user_name}, on the {plan} plan."
SESSION = {"user_name": "Ana", "plan": "pro"}

IDENTITY = "You are {{ persona.name }}, a {{ persona.role }} at {{ persona.company }}."
CUSTOMER = "The customer is {{ session.user_name }}, on the {{ session.plan }} plan."
CAPABILITIES = "{% for capability in persona.capabilities %}- {{ capability }}\n{% endfor %}"
CONSTRAINTS = "{% for constraint in persona.constraints %}- {{ constraint }}\n{% endfor %}"
TEMPLATES = {
    "default": f"{IDENTITY}\n\nTone: {{{{ persona.tone }}}}\n\nYou can:\n{CAPABILITIES}\nDo not:\n{CONSTRAINTS}\n"
    f"{{{{ persona.custom_sections.guide }}}}\n\n{CUSTOMER}",
    "markdown": f"# {{{{ persona.name }}}}\n\n{IDENTITY}\n\n## Tone\n\n{{{{ persona.tone }}}}\n\n"
    f"## What you can do\n\n{CAPABILITIES}\n## What you must not do\n\n{CONSTRAINTS}\n"
    f"## guide\n\n{{{{ persona.custom_sections.guide }}}}\n\n## customer\n\n{CUSTOMER}",
    "xml": f"<identity>\n{IDENTITY}\n</identity>\n\n<tone>\n{{{{ persona.tone }}}}\n</tone>\n\n"
    f"<capabilities>\n{CAPABILITIES}</capabilities>\n\n<constraints>\n{CONSTRAINTS}</constraints>\n\n"
    f'<section name="guide">\n{{{{ persona.custom_sections.guide }}}}\n</section>\n\n'
    f'<section name="customer">\n{CUSTOMER}\n</section>',
    "compact": "You are {{ persona.name }}, {{ persona.role }}, {{ persona.company }}.\nTone: {{ persona.tone }}\n\n"
    f"Can:\n{CAPABILITIES}\nNever:\n{CONSTRAINTS}\n{{{{ persona.custom_sections.guide }}}}\n\n{CUSTOMER}",
}


def persona(number: int) -> dict[str, object]:
    """Return the data of one persona, of about 2,400 characters; each has texts of its own."""
    return {
        "role": f"Customer Support Specialist {number}",
        "company": "Acme Corp",
        "tone": "helpful, concise, empathetic",
        "capabilities": [
            f"Look up the status of order type {number}-{each} in the warehouse and explain it to the customer"
            for each in range(12)
        ],
        "constraints": [
            f"Never promise a delivery date for goods of class {number}-{each} that the warehouse has not confirmed"
            for each in range(9)
        ],
        "greeting": "Hi {user_name}, I'm {name} from {company} support.",
        "custom_sections": {"guide": f"{GUIDE}({number})", "customer": LAST},
        "variables": {"user_name": None, "plan": "free"},
    }


def personas(count: int) -> dict[str, dict[str, object]]:
    """Return the data of this many personas by name."""
    return {f"Agent{number}": persona(number) for number in range(count)}


def write_yaml(path: Path, count: int) -> Path:
    """Write them as YAML, in block style, with quotes where YAML wants them."""
    written = yaml.dump(personas(count), Dumper=yaml.CSafeDumper, sort_keys=False, width=10_000)
    path.write_text(written, encoding="utf-8")
    return path


def write_json(path: Path, count: int) -> Path:
    path.write_text(json.dumps(personas(count), indent=2), encoding="utf-8")
    return path
