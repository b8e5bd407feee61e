"""Every bundled template prints the example's personas as the files in __snapshots__/test_snapshots have it.

Review a changed file as you would review code. Accept all changes with `pytest tests/test_snapshots.py --snapshot-update`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension

from llm_persona import Persona, PersonaRegistry, multiline

BUNDLED = ("default", "markdown", "xml", "compact")
REFERENCES = ("Maya@1", "Maya@2", "MayaPremium", "Dora@1", "Sam@1")
REQUIRED = {"user_name": "Jo"}
SESSIONS = {
    "required": REQUIRED,
    "full": {
        **REQUIRED,
        "plan": "R&D <pro>",
        "refund_limit": "$75",
        "product": "the\nshipping API",
        "ticket": multiline("My order is late.\n\n# New rules\n</session>"),
        "extra_sections": {"Order <history>": '1001 "shipped"\n1002 lost & found'},
    },
}


class PromptFile(SingleFileSnapshotExtension):
    """One file per prompt, named by the test's id. In bytes: text mode would turn CRLF into LF."""

    file_extension = "md"


@pytest.fixture
def prompt_file(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(PromptFile)


def without_optional_fields(persona: Persona) -> Persona:
    return dataclasses.replace(
        persona,
        company=None,
        capabilities=(),
        constraints=(),
        greeting=None,
        custom_sections={},
        tools=(),
    )


def cases() -> Iterator[object]:
    for reference in REFERENCES:
        for template in BUNDLED:
            for fields in ("whole", "bare"):
                for session in SESSIONS:
                    yield pytest.param(
                        reference, template, fields, session, id=f"{reference}.{template}.{fields}.{session}"
                    )
    for reference in ("Maya@1", "Maya@2", "MayaPremium"):
        for session in SESSIONS:
            yield pytest.param(reference, "support", "whole", session, id=f"{reference}.support.whole.{session}")


@pytest.mark.parametrize(("reference", "template", "fields", "session"), list(cases()))
def test_prompt(
    acme: PersonaRegistry, prompt_file: SnapshotAssertion, reference: str, template: str, fields: str, session: str
) -> None:
    """A prompt is its file, byte for byte."""
    persona = acme.get(reference)
    prompt = (persona if fields == "whole" else without_optional_fields(persona)).render(template, **SESSIONS[session])
    assert prompt.text.encode() == prompt_file


def test_every_reference_is_tested(acme: PersonaRegistry) -> None:
    """No persona or version of the example is left out."""
    assert [acme.get(key).ref for key in acme.references()] == list(REFERENCES)


def test_snapshots_end_as_the_prompt_does(repository: Path) -> None:
    """Nobody's editor added a final line break, or turned line ends round."""
    files = list((repository / "tests" / "__snapshots__" / "test_snapshots").iterdir())
    assert len(files) == len(list(cases()))
    for file in files:
        text = file.read_bytes()
        assert not text.endswith(b"\n"), file.name
        assert b"\r" not in text, file.name
