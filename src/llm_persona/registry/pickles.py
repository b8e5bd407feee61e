"""A registry as bytes and back: its definitions, and what each file lends them. Equal registries are equal bytes."""

from __future__ import annotations

from dataclasses import replace

from ..frozen import FrozenDict
from ..persona.bindings import Bounds
from ..persona.inheritance import LateLineages
from ..persona.persona import read_entry
from ..persona.pickles import pack_bound, packed, unpack_bound, unpacked
from ..persona.resolution import Complete, State
from ..persona.rollouts import Rollout
from ..prompts.budget import Budget


def pack_state(state: State) -> bytes:
    """Return all that decides what a registry says; neither what was rendered, nor where anything was written."""
    others = sorted(state.bounds.others.items())
    bounds = {id(bound): bound for bound in (state.bounds.usual, *(bound for _, bound in others))}
    numbers = {identity: number for number, identity in enumerate(bounds)}
    return packed(
        {
            "bounds": [pack_bound(bound) for bound in bounds.values()],
            "others": {key: numbers[id(bound)] for key, bound in others},
            "definitions": [persona.to_dict() for persona in state.definitions.values()],
            "rollouts": {
                name: [rollout.served, rollout.percents, rollout.salt]
                for name, rollout in sorted(state.rollouts.items())
            },
            "require_unit": sorted(state.require_unit),
            "accepted": {code: list(personas) for code, personas in sorted(state.accepted.items())},
        }
    )


def unpack_state(content: bytes) -> State:
    """Return the state, its lineages to be made anew. Raises PersonaError as `unpacked` does."""
    data = unpacked(content)
    budget = Budget()
    made = [unpack_bound(each, budget) for each in data["bounds"]]
    bounds = Bounds(made[0], {key: made[number] for key, number in data["others"].items()})
    read = (read_entry(fields.pop("name"), fields) for fields in data["definitions"])
    definitions = {persona.key: persona for persona in read}
    lineages = LateLineages(definitions)
    return replace(
        State.empty(bounds),
        definitions=definitions,
        lineages=lineages,
        complete=Complete(lineages, bounds, {}),
        rollouts={
            name: Rollout(name, percents, served=served, salt=salt)
            for name, (served, percents, salt) in data["rollouts"].items()
        },
        require_unit=dict.fromkeys(data["require_unit"]),
        accepted=FrozenDict({code: tuple(personas) for code, personas in data["accepted"].items()}),
    )
