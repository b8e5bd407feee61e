"""Fields, a template and a session make a prompt; and what one run of a template says, for people who ask."""

__all__ = [
    "alike",
    "budget",
    "explorations",
    "notebooks",
    "parts",
    "plans",
    "prompt",
    "providers",
    "rows",
    "shapes",
    "texts",
]
