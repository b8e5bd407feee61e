"""How long does one prompt take, once everything is loaded? As multiples of the floor.

One persona of about 2,400 characters, two session variables, the same bytes from everybody. The floor is an f-string over
text prepared beforehand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
from harness import interleaved, multiples
from products import LAST, SESSION, TEMPLATES, persona

from llm_persona import PersonaRegistry

FIELDS: dict[str, Any] = persona(7)
FLOOR = "floor: f-string over prepared text"


def registry() -> PersonaRegistry:
    return PersonaRegistry.from_dict({"Maya": FIELDS})


def expected() -> str:
    return registry().get("Maya").build_system_prompt(**SESSION)


def checked(render: Callable[[], object]) -> Callable[[], object]:
    assert str(render()) == expected(), f"{render} prints something else"
    return render


def floor() -> Callable[[], object]:
    head, _, rest = expected().partition("Ana")
    middle, _, tail = rest.partition("pro")

    def render(user_name: str = "Ana", plan: str = "pro") -> str:
        return f"{head}{user_name}{middle}{plan}{tail}"

    return checked(render)


def hand_written() -> Callable[[], object]:
    """What a product writes by hand: it builds the whole prompt each time."""

    def render(user_name: str = "Ana", plan: str = "pro") -> str:
        parts = [f"You are Maya, a {FIELDS['role']} at {FIELDS['company']}.", f"Tone: {FIELDS['tone']}"]
        parts.append("You can:\n" + "\n".join(f"- {capability}" for capability in FIELDS["capabilities"]))
        parts.append("Do not:\n" + "\n".join(f"- {constraint}" for constraint in FIELDS["constraints"]))
        for section in FIELDS["custom_sections"].values():
            parts.append(
                section.replace("{user_name}", " ".join(user_name.split())).replace("{plan}", " ".join(plan.split()))
            )
        return "\n\n".join(parts)

    return checked(render)


def raw_jinja() -> Callable[[], object]:
    template = jinja2.Environment(keep_trailing_newline=True).from_string(TEMPLATES["default"])
    return checked(lambda: template.render(persona={"name": "Maya", **FIELDS}, session=SESSION))


# The peers below get every field as a name of its own, which saves them looking into mappings.


def flat_source() -> str:
    return TEMPLATES["default"].replace("persona.custom_sections.", "").replace("persona.", "").replace("session.", "")


def flat_values() -> dict[str, object]:
    return {"name": "Maya", **FIELDS, "guide": FIELDS["custom_sections"]["guide"], **SESSION}


def flat_jinja() -> Callable[[], object]:
    template, values = jinja2.Environment(keep_trailing_newline=True).from_string(flat_source()), flat_values()
    return checked(lambda: template.render(**values))


def mini_jinja() -> Callable[[], object]:
    import minijinja

    environment, values = minijinja.Environment(templates={"prompt": flat_source()}), flat_values()
    return checked(lambda: environment.render_template("prompt", **values))


def banks_prompt() -> Callable[[], object]:
    from banks import Prompt

    prompt = Prompt(flat_source().replace("%}\n", "%}\n\n"))  # banks drops the line break after a tag
    values = flat_values()
    return checked(lambda: prompt.text(values))


def haystack() -> Callable[[], object]:
    from haystack.components.builders import PromptBuilder

    builder, values = PromptBuilder(flat_source(), required_variables=[]), flat_values()
    return checked(lambda: builder.run(template_variables=values)["prompt"])


def langchain_f_string() -> Callable[[], object]:
    from langchain_core.prompts import PromptTemplate

    text = expected().replace("{", "{{").replace("}", "}}")
    text = text.replace(LAST.format(**SESSION), LAST)
    prompt = PromptTemplate.from_template(text)
    return checked(lambda: prompt.format(**SESSION))


def langchain_jinja() -> Callable[[], object]:
    from langchain_core.prompts import PromptTemplate

    prompt, values = PromptTemplate.from_template(flat_source(), template_format="jinja2"), flat_values()
    return checked(lambda: prompt.format(**values))


def prompty() -> Callable[[], object]:
    import prompty as module

    front = "name: p\nmodel:\n  id: none\ntemplate:\n  format:\n    kind: jinja2\n  parser:\n    kind: prompty\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "p.prompty")
        path.write_text(f"---\n{front}---\n{flat_source()}", encoding="utf-8")
        prompt = module.load(str(path))
    values = flat_values()
    return checked(lambda: module.render(prompt, values))


PEERS = {
    "Jinja2": raw_jinja,
    "Jinja2, flat names": flat_jinja,
    "minijinja": mini_jinja,
    "banks": banks_prompt,
    "LangChain, f-string": langchain_f_string,
    "LangChain, Jinja2": langchain_jinja,
    "Haystack PromptBuilder": haystack,
    "Prompty": prompty,
}


def peers() -> dict[str, Callable[[], object]]:
    """Return the peers that are installed."""
    made: dict[str, Callable[[], object]] = {}
    for name, make in PEERS.items():
        try:
            made[name] = make()
        except ImportError as error:
            print(f"left out: {name}: {error}")
    return made


def measure() -> dict[str, float]:
    made = registry()
    held = made.get("Maya")
    taken = interleaved(
        {
            FLOOR: floor(),
            "llm-persona, persona held": lambda: held.build_system_prompt(user_name="Ana", plan="pro"),
            "llm-persona, registry.get each time": lambda: made.get("Maya").build_system_prompt(
                user_name="Ana", plan="pro"
            ),
            "llm-persona, render() with its Prompt": lambda: held.render(user_name="Ana", plan="pro"),
            "building by hand": hand_written(),
            **peers(),
        }
    )
    figures = multiples(taken, FLOOR)
    return {"nanoseconds of the floor": median(taken[FLOOR]) * 1e9} | dict(
        sorted(figures.items(), key=lambda each: each[1])
    )
