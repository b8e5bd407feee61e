"""A persona as the page shows it: its fields, each with the ancestor that gave it, its versions and their prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..errors import PersonaError, field_text
from ..fields import FILLED, TABLES
from ..frozen import ALL, thaw
from ..names import split_reference
from ..persona.inheritance import texts
from ..persona.persona import Persona
from ..persona.provenance import Explanation, Origin, Provenance, located
from ..registry.comparison import PersonaChange, compare
from ..registry.registry import PersonaRegistry, state_of
from .diffs import Row, side_by_side
from .findings import FileHistory, Finding
from .prompts import PromptBody, prompt_body, shown_place

COLOURS = 6  # the persona's own and five ancestors'; those above share the last


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One of those who gave a persona its values, itself included, and the number of its colour."""

    key: str
    colour: int
    anchor: str


# The fields for which a card has no place of its own, below the tone.
_ARRANGED = ("role", "company", "tone", "greeting", "capabilities", "constraints", "custom_sections", "tools")
_FURTHER = tuple(name for name in FILLED if name not in _ARRANGED)


@dataclass(frozen=True, slots=True)
class Value:
    """A text of a persona; `giver` is the ancestor that gave it, or None for the persona itself and for a default."""

    text: str
    giver: Ancestor | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A session variable and its default, or None where the session must give it."""

    name: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two versions differ, as words to show."""

    field: str
    kind: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a persona, with its prompt, or the reason why it has none; `share` is the percent of its rollout.

    A side version also has its differences from the served one: fields, and the prompts' lines side by side.
    """

    key: str
    anchor: str
    version: str | None
    served: bool
    share: int | None
    ancestors: tuple[Ancestor, ...]
    prompt: PromptBody | None
    error: str | None
    differences: tuple[Difference, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One name of a registry, with all its versions. The fields are the served one's.

    `place` is where it stands in its file, `written` what is known of that file, `findings` what `check` says of it.
    """

    name: str
    anchor: str
    place: str
    written: FileHistory | None
    findings: tuple[Finding, ...]
    abstract: bool
    parent: str | None
    role: Value | None
    company: Value | None
    tone: Value
    spoken_name: str | None
    greeting: Value | None
    description: str | None
    capabilities: tuple[Value, ...]
    constraints: tuple[Value, ...]
    sections: tuple[Value, ...]
    tools: tuple[Value, ...]
    variables: tuple[Variable, ...]
    template: str | None
    further: tuple[tuple[str, tuple[Value, ...]], ...]
    versions: tuple[Version, ...]

    @property
    def on_trial(self) -> tuple[Version, ...]:
        return tuple(version for version in self.versions if not version.served)


def anchor(key: str) -> str:
    """Return the id of a persona's card, or of a version in it: ASCII without blanks, and no name that the script knows."""
    return f"persona-{quote(key, safe='')}"


def cards(
    registry: PersonaRegistry,
    session: Mapping[str, object],
    files: Mapping[str, FileHistory],
    found: Mapping[str | None, Sequence[Finding]],
) -> Iterator[Card]:
    """Yield a card for every name, abstract ones included, in order of definition."""
    keys: dict[str, list[str]] = {}
    for key in registry.references(abstract=True):
        keys.setdefault(split_reference(key)[0], []).append(key)
    for name, each in keys.items():
        each.sort(key=lambda key: key != name)
        yield _card(registry, each, session, files, tuple(found.get(name, ())))


def _card(
    registry: PersonaRegistry,
    keys: Sequence[str],
    session: Mapping[str, object],
    files: Mapping[str, FileHistory],
    findings: tuple[Finding, ...],
) -> Card:
    key = keys[0]
    persona, explanation = registry.complete(key), registry.explain(key)
    stands = located(Origin(key), state_of(registry).places)
    givers = {ancestor.key: ancestor for ancestor in _ancestors(registry, key)[1:]}

    def value(text: str, origin: Provenance) -> Value:
        return Value(text, givers.get(origin.persona or ""))

    def text(field: str) -> Value | None:
        found = getattr(persona, field)
        return value(found, explanation.fields[field]) if found else None

    def items(field: str) -> tuple[Value, ...]:
        found = getattr(persona, field)
        return tuple(map(value, ("all",) if found is ALL else found, explanation.lists[field]))

    def values(field: str) -> Iterator[Value]:
        for path, found in texts(persona, fields=(field,)):
            yield value(f"{path[1]}: {found}" if field in TABLES else found, explanation.origin(path))

    return Card(
        name=persona.name,
        anchor=anchor(persona.name),
        place=shown_place(stands.path, stands.line),
        written=files.get(stands.path or ""),
        findings=findings,
        abstract=persona.abstract,
        parent=registry.definition(key).parent,
        role=text("role"),
        company=text("company"),
        tone=value(persona.tone, explanation.fields["tone"]),
        spoken_name=persona.display_name,
        greeting=text("greeting"),
        description=persona.description,
        capabilities=items("capabilities"),
        constraints=items("constraints"),
        sections=tuple(value(name, explanation.tables["custom_sections"][name]) for name in persona.custom_sections),
        tools=items("tools"),
        variables=tuple(Variable(name, default) for name, default in (persona.variables or {}).items()),
        template=persona.template,
        further=tuple((_title(name), found) for name in _FURTHER if (found := tuple(values(name)))),
        versions=tuple(_versions(registry, keys, session, explanation)),
    )


def _title(field: str) -> str:
    return field.replace("_", " ").capitalize()


def _ancestors(registry: PersonaRegistry, key: str) -> tuple[Ancestor, ...]:
    """Return a persona and its ancestors, the nearest first, each with its colour."""
    found: list[Ancestor] = []
    following: str | None = key
    while following is not None:
        definition = registry.definition(following)
        found.append(Ancestor(definition.key, min(len(found), COLOURS - 1), anchor(definition.key)))
        following = definition.parent
    return tuple(found)


def _versions(
    registry: PersonaRegistry, keys: Sequence[str], session: Mapping[str, object], of_served: Explanation
) -> Iterator[Version]:
    served = registry.complete(keys[0])
    rollout = registry.rollouts.get(served.name)
    shares = dict(rollout.weights) if rollout else {}
    for key in keys:
        persona = registry.complete(key)
        ancestors = _ancestors(registry, key)
        explanation = of_served if key == keys[0] else registry.explain(key)
        prompt, error = _prompt(persona, session, ancestors, explanation)
        change = compare(served, persona, session) if persona is not served and not served.abstract else None
        prompts = (change.prompt_before, change.prompt_after) if change else (None, None)
        yield Version(
            key=key,
            anchor=anchor(key),
            version=persona.version,
            served=key == served.name,
            share=shares.get(persona.version or "", 0 if shares else None),
            ancestors=ancestors,
            prompt=prompt,
            error=error,
            differences=tuple(_differences(change)) if change else (),
            rows=side_by_side(prompts[0].text, prompts[1].text) if prompts[0] and prompts[1] else (),
        )


def _prompt(
    persona: Persona, session: Mapping[str, object], ancestors: tuple[Ancestor, ...], explanation: Explanation
) -> tuple[PromptBody | None, str | None]:
    if persona.abstract:
        return None, None
    try:
        colours = tuple((ancestor.key, ancestor.colour) for ancestor in ancestors)
        return prompt_body(persona, session, colours, explanation), None
    except PersonaError as error:
        return None, str(error)


def _differences(change: PersonaChange) -> Iterator[Difference]:
    """Yield what differs of all that a version inherits: a description is each version's own."""
    for each in change.fields:
        if each.path != ("description",):
            yield Difference(field_text(each.path), each.kind, _shown(each.before), _shown(each.after))


def _shown(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple) and value is not ALL:
        return ", ".join(map(str, value))
    return str(thaw(value))
