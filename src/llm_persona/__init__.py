"""A named registry for the personas of LLM agents: one definition, many uses, no drift.

The map of the house. A room imports only from those above it, and a test holds that:

    errors names fields frozen fingerprints placeholders tools ...
                 words and values, here beside this file; `fields` is the table that all lists of fields are made of
    files/       a persona file as data with places, and as text again
    templating/  templates found, checked and run; knows no persona
    prompts/     fields, a template and a session make a prompt; recordings say where each part of it is from
    persona/     who an agent is: its fields, ancestors, versions and rollouts; how files are loaded
    checks/      what would go wrong later
    registry/    one name, one persona: the face of all above; what changed between two registries
    testing/     pinned prompts, and what a failing one says
    columns/     prompts for tables, a batch of rows at a time
    convert/     other programs' files
    page/        a registry to look at
    live/        a registry that renews itself while it serves
    cli/         the command line, a file for each command

How a file becomes a prompt:

    files.reading         text -> data, whose every value knows its line and column
    files.validation      data -> what is wrong with it, in its author's words
    persona.loading       data -> personas, as they were written
    persona.inheritance   a persona and its parents -> a complete one
    persona.resolution    all of them, and what does not fit together
    registry.registry     a name, a unit -> the complete persona that serves it
    prompts.plans         a persona, a template, a session -> the prompt: filled in, where it was prepared; else run
    templating.templates  a template -> what it prints, in pieces
    prompts.prompt        the text, which knows what it was made of

What people ask about a prompt (`check`, `explain`, the page, a failing test) is read from recordings of such runs, in
prompts.recordings and prompts.explorations: nothing else runs a template with stand-ins.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checks.files import validate_file as validate_file
    from .errors import DuplicatePersonaError as DuplicatePersonaError
    from .errors import InheritanceError as InheritanceError
    from .errors import InvalidValueError as InvalidValueError
    from .errors import MissingVariableError as MissingVariableError
    from .errors import PersonaError as PersonaError
    from .errors import PersonaFileError as PersonaFileError
    from .errors import Problem as Problem
    from .errors import TemplateError as TemplateError
    from .errors import UnknownPersonaError as UnknownPersonaError
    from .errors import UnknownVersionError as UnknownVersionError
    from .limits import Limits as Limits
    from .persona.persona import Persona as Persona
    from .prompts.prompt import Prompt as Prompt
    from .prompts.providers import mark_last_message as mark_last_message
    from .prompts.providers import mark_last_tool as mark_last_tool
    from .registry.registry import PersonaRegistry as PersonaRegistry
    from .templating.session import multiline as multiline
    from .templating.session import trusted as trusted

__version__ = "0.2.0"

# Imported when first asked for: a command line or a test that needs one part does not pay for the others.
_HOMES = {
    "errors": (
        "DuplicatePersonaError",
        "InheritanceError",
        "InvalidValueError",
        "MissingVariableError",
        "PersonaError",
        "PersonaFileError",
        "Problem",
        "TemplateError",
        "UnknownPersonaError",
        "UnknownVersionError",
    ),
    "checks.files": ("validate_file",),
    "persona.persona": ("Persona",),
    "prompts.prompt": ("Prompt",),
    "prompts.providers": ("mark_last_message", "mark_last_tool"),
    "limits": ("Limits",),
    "registry.registry": ("PersonaRegistry",),
    "templating.session": ("multiline", "trusted"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
