"""What does a request cost that is not the plainest one? As multiples of the floor of `warm_render`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

from harness import interleaved, multiples
from products import SESSION, persona
from warm_render import FLOOR, floor

from llm_persona import PersonaRegistry, multiline

FIELDS: dict[str, Any] = persona(7)
VERSIONS = {
    "$rollouts": {"Maya": {"2": 10}},
    "Maya": FIELDS | {"version": "1"},
    "Maya@2": {"parent": "Maya", "tone": "warm, brief, first names"},
}
OPTIONS = tuple(f"option_{number}" for number in range(7))
OPTIONAL = FIELDS | {
    "variables": FIELDS["variables"] | dict.fromkeys(OPTIONS, "no"),
    "custom_sections": FIELDS["custom_sections"] | {"options": " ".join(f"{{{name}}}" for name in OPTIONS)},
}
# A hundred sets of session names: the options that a number's bits choose.
SETS = [SESSION | {name: "yes" for bit, name in enumerate(OPTIONS) if number >> bit & 1} for number in range(100)]
HISTORY = {"Order history": "Two parcels, one of which is lost."}
LINES = "\n".join(f"{number}. The parcel has not come." for number in range(40))

Request = Callable[[], object]


def requests(*, precompile: bool = True) -> dict[str, Request]:
    """Return the requests. Without `precompile` the same are answered by running their templates."""
    one, two, optional = (
        PersonaRegistry.from_dict(data, precompile=precompile)
        for data in ({"Maya": FIELDS}, VERSIONS, {"Maya": OPTIONAL})
    )
    text, render, options = one.get("Maya").build_system_prompt, one.get("Maya").render, optional.get("Maya")
    units, sets = cycle([f"user-{number}" for number in range(1_000)]), cycle(SETS)
    return {
        "xml": lambda: text("xml", user_name="Ana", plan="pro"),
        "render() and anthropic_system()": lambda: render(user_name="Ana", plan="pro").anthropic_system(),
        "render() and stamp()": lambda: render(user_name="Ana", plan="pro").stamp(),
        "get(unit=…) with two versions, not rendered": lambda: two.get("Maya", unit=next(units)),
        "an empty value": lambda: text(user_name="Ana", plan=""),
        "a value of None": lambda: text(user_name="Ana", plan=None),
        "an int": lambda: text(user_name="Ana", plan=5),
        "a value of two lines, folded": lambda: text(user_name="Ana\nMaria", plan="pro"),
        "multiline of 40 lines": lambda: text(user_name="Ana", plan=multiline(LINES)),
        "one extra section": lambda: text(user_name="Ana", plan="pro", extra_sections=HISTORY),
        "a hundred sets of session names in turn": lambda: options.build_system_prompt(**next(sets)),
    }


def measure() -> dict[str, float]:
    functions = requests()
    for _ in range(3 * len(SETS)):  # until each set was asked for three times
        functions["a hundred sets of session names in turn"]()
    figures = multiples(interleaved({FLOOR: floor(), **functions}), FLOOR)
    return {name: figures[name] for name in functions}
