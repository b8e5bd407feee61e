"""Who an agent is: a persona, its ancestors, its versions and rollouts, and how all of it is loaded from files."""

__all__ = [
    "acceptances",
    "binding",
    "bindings",
    "file_keys",
    "inheritance",
    "loading",
    "persona",
    "pickles",
    "prompt_lines",
    "provenance",
    "resolution",
    "rollouts",
    "tool_catalogue",
]
