"""Templates found, checked and run. No persona is known here, and no other room knows Jinja2."""

__all__ = [
    "assembly",
    "cost",
    "events",
    "filters",
    "folders",
    "jinja_internals",
    "markers",
    "recorder",
    "session",
    "shared_values",
    "syntax",
    "templates",
    "views",
]
