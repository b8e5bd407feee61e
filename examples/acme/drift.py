"""Two code paths, one persona: run `python examples/acme/drift.py` and compare the names.

The first half is what many products have: each path holds its own text, and somebody edited one of them. In the second
half both paths ask the registry, each for the template that suits its model.
"""

from pathlib import Path

from llm_persona import PersonaRegistry

PRIMARY_PROMPT = "You are Alex, a Customer Support Specialist at Acme Corp."  # renamed in spring
FALLBACK_PROMPT = "You are Maya, a Customer Support Specialist at Acme Corp."  # forgotten

registry = PersonaRegistry.from_file(Path(__file__).with_name("personas.yaml"))


def primary_prompt(user_name: str) -> str:
    """The path that most requests take."""
    return registry.get("Maya").build_system_prompt(user_name=user_name)


def fallback_prompt(user_name: str) -> str:
    """The path for when the first model does not answer: a smaller model, a shorter template."""
    return registry.get("Maya").build_system_prompt("compact", user_name=user_name)


def introduction(prompt: str) -> str:
    """Return the line in which a prompt says who it is."""
    return next(line for line in prompt.splitlines() if line.startswith("You are "))


def main() -> None:
    print("Each path with its own text:")
    print("  primary  ", PRIMARY_PROMPT)
    print("  fallback ", FALLBACK_PROMPT)
    print("Both paths from the registry:")
    print("  primary  ", introduction(primary_prompt("Jo")))
    print("  fallback ", introduction(fallback_prompt("Jo")))
    print("Both greet with:", registry.get("Maya").build_greeting(user_name="Jo"))


if __name__ == "__main__":
    main()
