"""Persona files of any size to measure with: about 2.5 kB a persona, as product teams write them."""

from __future__ import annotations

import json
from pathlib import Path

from warm_render import CAPABILITIES, CONSTRAINTS, GUIDE


def personas(count: int) -> dict[str, dict[str, object]]:
    """Return the data of `count` personas."""
    return {
        f"Agent{number}": {
            "role": f"Specialist number {number}",
            "company": "Acme Corp",
            "tone": "helpful, concise, empathetic",
            "capabilities": CAPABILITIES,
            "constraints": CONSTRAINTS,
            "greeting": "Hi {user_name}, I'm {name} from {company} support.",
            "custom_sections": {"guide": GUIDE, "customer": "The customer is {user_name}, on the {plan} plan."},
            "variables": {"user_name": None, "plan": "free"},
        }
        for number in range(count)
    }


def write_yaml(path: Path, count: int) -> Path:
    """Write them as YAML, in block style, with quotes where YAML wants them."""
    lines: list[str] = []
    for name, fields in personas(count).items():
        lines.append(f"{name}:")
        for field, value in fields.items():
            if isinstance(value, str):
                lines.append(f"  {field}: {json.dumps(value)}" if "{" in value else f"  {field}: {value}")
            elif isinstance(value, list):
                lines.append(f"  {field}:")
                lines += [f"    - {item}" for item in value]
            elif isinstance(value, dict):
                lines.append(f"  {field}:")
                for key, text in value.items():
                    lines.append(f"    {key}: {'null' if text is None else json.dumps(text)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_json(path: Path, count: int) -> Path:
    path.write_text(json.dumps(personas(count), indent=2), encoding="utf-8")
    return path
