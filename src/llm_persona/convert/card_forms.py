"""Which version a card has, which fields that version asks for, and what a card has beside its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..persona.persona import Persona
from .foreign import form_of

V1: Final = "v1"
V1_FIELDS: Final = ("name", "description", "personality", "scenario", "first_mes", "mes_example")

_VERSIONS = {"chara_card_v2": "2.0", "chara_card_v3": "3.0"}
_NEWEST: Final = "chara_card_v3"
_FEWEST: Final = 3  # fields of V1 without which a file is no card


@dataclass(slots=True)
class Form:
    """How a card was written: `beside` has its keys of older versions, `absent` the mandatory fields that it lacks.

    `macros` is "kept" where they were left as they are, or how each was spelled, text by text.
    """

    spec: str = _NEWEST
    spec_version: object = _VERSIONS[_NEWEST]
    beside: dict[str, object] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    macros: object = None

    @classmethod
    def of(cls, persona: Persona) -> Form:
        """Return what the metadata of an imported persona says; the form of a new card for all others."""
        said = form_of(persona)
        form = cls(macros=said.get("macros"))
        if said.get("spec") in (V1, *_VERSIONS):
            form.spec = str(said["spec"])
        if isinstance(beside := said.get("beside"), dict):
            form.beside = beside
        if isinstance(absent := said.get("absent"), list):
            form.absent = [each for each in absent if isinstance(each, str)]
        form.spec_version = said.get("spec_version", _VERSIONS.get(form.spec))
        return form

    def written(self) -> dict[str, object]:
        """Return what the metadata has to say: what a new card would not be like."""
        usual: dict[str, object] = {
            "spec": _NEWEST,
            "spec_version": _VERSIONS.get(self.spec),
            "beside": {},
            "absent": [],
            "macros": None,
        }
        return {name: value for name, as_new in usual.items() if (value := getattr(self, name)) != as_new}

    def head(self) -> dict[str, object]:
        version = {} if "spec_version" in self.absent else {"spec_version": self.spec_version}
        return {**self.beside, "spec": self.spec, **version}


def is_v1(card: Mapping[str, object]) -> bool:
    """Whether a card is flat, as V1 has it: the fields that every version has, and neither `spec` nor `data`."""
    texts = sum(isinstance(card.get(name), str) for name in V1_FIELDS)
    return "spec" not in card and not isinstance(card.get("data"), dict) and texts >= _FEWEST


def mandatory(spec: str) -> dict[str, object]:
    """Return the mandatory fields of a version, as a card has them that says nothing in them."""
    texts: tuple[str, ...] = V1_FIELDS
    lists: tuple[str, ...] = ()
    if spec != V1:
        texts += ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
        lists = ("alternate_greetings", "tags", *(("group_only_greetings",) if spec == _NEWEST else ()))
    extensions: dict[str, object] = {} if spec == V1 else {"extensions": {}}
    return {**dict.fromkeys(texts, ""), **{name: [] for name in lists}, **extensions}


def says_nothing(spec: str, name: str, value: object) -> bool:
    """Whether a field is mandatory and empty."""
    empty = mandatory(spec).get(name)
    return name != "name" and type(value) is type(empty) and empty is not None and value == empty


def form_of_card(card: Mapping[str, object], data: Mapping[str, object]) -> Form:
    """Return how a card is written."""
    form = Form(V1, None) if is_v1(card) else Form(str(card["spec"]))
    form.absent = [name for name in mandatory(form.spec) if name not in data]
    if form.spec == V1:
        return form
    form.beside = {key: value for key, value in card.items() if key not in ("spec", "spec_version", "data")}
    form.spec_version = card.get("spec_version", _VERSIONS[form.spec])
    form.absent += [] if "spec_version" in card else ["spec_version"]
    return form
