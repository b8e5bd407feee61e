"""A named registry for the personas of LLM agents: one definition, many uses, no drift."""

from .errors import (
    DuplicatePersonaError,
    InheritanceError,
    InvalidValueError,
    MissingVariableError,
    PersonaError,
    PersonaFileError,
    Problem,
    TemplateError,
    UnknownPersonaError,
    UnknownVersionError,
)
from .persona import Persona
from .prompt import Prompt
from .reading import Limits
from .registry import PersonaRegistry
from .session import multiline, trusted

__version__ = "0.1.0"

__all__ = [
    "DuplicatePersonaError",
    "InheritanceError",
    "InvalidValueError",
    "Limits",
    "MissingVariableError",
    "Persona",
    "PersonaError",
    "PersonaFileError",
    "PersonaRegistry",
    "Problem",
    "Prompt",
    "TemplateError",
    "UnknownPersonaError",
    "UnknownVersionError",
    "multiline",
    "trusted",
]
