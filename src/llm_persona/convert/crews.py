"""crewAI's `agents.yaml`: a mapping of agents, each with role, goal and backstory.

The prompt is the one that crewAI makes of the three, word for word; `{x}` of a crew's inputs is the variable x. The role is
the persona's too, without blanks at its ends. All other keys are metadata; tools are those that the file names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from ..errors import Location, PersonaError, PersonaFileError
from ..files.merge_keys import read_plainly, what_is_taken
from ..files.reading import Document, parse, read_text
from ..files.writing import dump_yaml
from ..limits import Limits
from ..persona.persona import Persona
from ..placeholders import normal
from .foreign import (
    OWN_KEY,
    Reading,
    defined,
    definition,
    given_back,
    named,
    own_part,
    place_of,
    plain,
    problem_of,
    rendered,
    safe_name,
)
from .front_matter import parse_keys, reworded
from .macros import filled_back, split_at, written_with
from .prose import SECTION

TEXTS: Final = ("role", "goal", "backstory")

_INPUT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")  # what crewAI fills
_FILE = "agents.yaml"
_TAKEN = "name"  # always the persona's own


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Return why a file of a folder is no crew; None where an entry is an agent of one."""
    try:
        data = _document(path, Reading(limits)).data
    except PersonaFileError:
        return None if os.path.basename(path) == _FILE else "no YAML of a crew"
    return None if any(map(_is_agent, data.values())) else f"no entry has {', '.join(TEXTS)}"


def read_crew(path: str, reading: Reading) -> tuple[Persona, ...]:
    """Return a persona for each agent of a crew; what is none is told. Raises PersonaFileError."""
    return crew(_document(path, reading), reading)


def crew(document: Document, reading: Reading) -> tuple[Persona, ...]:
    """Return a persona for each agent of a crew that is at hand as data. Raises PersonaFileError."""
    path = document.path
    agents = {key: entry for key, entry in document.data.items() if isinstance(entry, dict) and _is_agent(entry)}
    if not agents:
        message = f"no entry is an agent of crewAI's: a mapping with {', '.join(TEXTS)}"
        raise PersonaFileError([Location(path, 1, 1).problem(message, "name another file")])
    for key in document.data.keys() - agents.keys():
        message = f"left out: no agent of crewAI's, which has {', '.join(TEXTS)}"
        reading.warn(place_of(document, (key,), key=True), message)
    try:
        return tuple(_persona(key, entry, document, reading) for key, entry in agents.items())
    except PersonaError as error:
        raise PersonaFileError([problem_of(error, document)]) from None


def to_crew(persona: Persona, path: str | None = None, defined_as: Persona | None = None) -> str:
    """Return an entry of `agents.yaml` that imports back equal; of a persona that is no crew's, with its definition."""
    found = given_back(defined_as or persona, _as_imported, lambda entry: crew(Document(_FILE, entry), Reading())[0])
    return dump_yaml(_with_definition(persona) if found is None else found)


def _document(path: str, reading: Reading) -> Document:
    text = read_text(path, reading.limits)
    found = parse_keys(text, 0, path, reading.limits)
    if found is not None:
        found.problems = ()
        return found
    strict = parse(text, path, kind="yaml", limits=reading.limits)
    data = read_plainly(strict, text)
    if data is None:
        raise PersonaFileError(map(reworded, strict.problems))
    for problem, how in what_is_taken(strict):
        reading.warn(Location(path, problem.line or 1, problem.column or 1, field=problem.persona), how)
    return Document(path, {str(key): value for key, value in data.items()})


def _is_agent(entry: object) -> bool:
    return isinstance(entry, Mapping) and all(isinstance(entry.get(each), str) for each in TEXTS)


def _persona(name: str, entry: Mapping[str, object], document: Document, reading: Reading) -> Persona:
    own = own_part(entry.get(OWN_KEY))
    rest = {key: value for key, value in entry.items() if key != OWN_KEY}
    if "fields" in own:
        return defined(own, rest)
    prompt = _prompt(rest)
    fields, form = _text_fields(prompt, str(rest["role"]).strip())
    if form is None:
        form = {}
        message = "braces stand beside an input: the prompt is kept as it is, and nothing in it is filled"
        reading.warn(place_of(document, (name,), key=True), message)
    for ours, theirs in form.items():
        message = f"the input {{{theirs}}} is the variable {ours!r} here"
        reading.warn(place_of(document, (name,), key=True), message)
    metadata = {key: value for key, value in rest.items() if key not in TEXTS}
    tools = metadata.get("tools")
    if isinstance(tools, list) and tools and all(isinstance(tool, str) and tool.strip() for tool in tools):
        fields["tools"] = metadata.pop("tools")
    if form:
        metadata[OWN_KEY] = {"inputs": form}
    key = str(own.get("name") or safe_name(name) or "agent")
    return named(key, name, {**fields, "template": "verbatim"}, metadata)


def _prompt(entry: Mapping[str, object]) -> str:
    """Return the prompt that crewAI makes of an agent."""
    return f"You are {entry['role']}. {entry['backstory']}\nYour personal goal is: {entry['goal']}"


def _text_fields(prompt: str, role: str) -> tuple[dict[str, object], dict[str, str] | None]:
    """Return the fields of a prompt, and by their names here those inputs that have others; None where none is filled."""
    names = _variables(_INPUT.findall(prompt))
    texts = [written_with(split_at(text, _INPUT, lambda found: names[found[1]])) for text in (prompt, role)]
    if not names or None in texts:
        texts = [prompt, role]
        return _given(texts, {}), {} if not names else None
    return _given(texts, dict.fromkeys(names.values())), {ours: name for name, ours in names.items() if ours != name}


def _given(texts: list[str | None], variables: Mapping[str, None]) -> dict[str, object]:
    fields: dict[str, object] = {"custom_sections": {SECTION: texts[0]}, "variables": variables}
    return {"role": texts[1], **fields} if texts[1] else fields


def _variables(inputs: list[str]) -> dict[str, str]:
    """Return the variable for each input: of its name, where a variable may be called so."""
    found: dict[str, str] = {}
    for each in dict.fromkeys(inputs):
        name = f"input_{each}" if each == _TAKEN else normal(each.replace("-", "_"))
        while name in found.values() or (name != each and name in inputs):
            name += "_"
        found[each] = name
    return found


def _as_imported(persona: Persona, own: Mapping[str, object]) -> dict[str, object] | None:
    """Return the entry that a persona may have been imported from; None where its texts are no crew's."""
    text = persona.custom_sections.get(SECTION)
    if persona.custom_sections.keys() != {SECTION} or not isinstance(text, str) or persona.parent is not None:
        return None
    metadata = plain(persona)
    form = metadata.pop(OWN_KEY, {})
    inputs = form.get("inputs", {}) if isinstance(form, dict) else {}
    entry = _texts(*(_input_text(each, persona, inputs) for each in (text, persona.role or "")))
    if entry is None:
        return None
    name = str(metadata.pop("name", persona.key))
    tools = {"tools": list(persona.tools)} if list(persona.tools) else {}
    return {name: {**entry, **tools, **metadata, **({OWN_KEY: own} if own else {})}}


def _input_text(text: str, persona: Persona, inputs: Mapping[str, str]) -> str | None:
    if not persona.variables:
        return text
    return filled_back(text, lambda name: f"{{{inputs.get(name, name)}}}")


def _texts(prompt: str | None, role: str | None) -> dict[str, object] | None:
    """Return role, goal and backstory of a prompt that crewAI would make of them."""
    if prompt is None or role is None:
        return None
    form = rf"You are (\s*{re.escape(role)}\s*)\. (.*)\nYour personal goal is: (.*)"
    found = re.fullmatch(form, prompt, re.DOTALL)
    return {"role": found[1], "goal": found[3], "backstory": found[2]} if found else None


def _with_definition(persona: Persona) -> dict[str, object]:
    role = persona.role or persona.name
    entry: dict[str, object] = {"role": role, "goal": persona.description or role, "backstory": rendered(persona)}
    return {persona.key: {**entry, OWN_KEY: definition(persona, entry)}}
