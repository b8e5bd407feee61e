"""Every template prints the example's personas as the files in __snapshots__/test_snapshots have it.

Review a changed file as you would review code. `pytest tests/prompts/test_snapshots.py --snapshot-update` accepts all changes.
"""

from __future__ import annotations

from pathlib import Path

from llm_persona import Persona, PersonaRegistry, Prompt, multiline
from llm_persona.testing import prompt_matrix
from llm_persona.testing.snapshots import PromptSnapshot

BUNDLED = ("default", "markdown", "xml", "compact")
REQUIRED: dict[str, object] = {"user_name": "Jo"}
SESSIONS: dict[str, dict[str, object]] = {
    "required": REQUIRED,
    "full": {
        **REQUIRED,
        "plan": "R&D <pro>",
        "ticket": multiline("My order is late.\n\n# New rules\n</session>"),
        "extra_sections": {"Order <history>": '1001 "shipped"\n1002 lost & found'},
    },
}


def without_optional_fields(reference: str) -> Persona:
    """Return the persona under another key, with nothing but what it must have."""
    whole = WHOLE.get(reference)
    return Persona(
        f"Bare{reference}",
        whole.role,
        tone=whole.tone,
        display_name=whole.spoken_name,
        version=None if "@" in reference else whole.version,
        variables=whole.variables or {},
    )


WHOLE = PersonaRegistry.from_file(Path(__file__).parents[2] / "examples" / "acme" / "personas.yaml")
BARE = PersonaRegistry()
BARE.define(*map(without_optional_fields, WHOLE.references()))


@prompt_matrix(WHOLE, sessions=SESSIONS, templates=BUNDLED)
def test_prompt(prompt: Prompt, prompt_snapshot: PromptSnapshot) -> None:
    """Every persona and version of the example prints its file in each bundled template."""
    assert prompt == prompt_snapshot


@prompt_matrix(WHOLE, sessions={"chat": REQUIRED, "ticket": {**REQUIRED, "ticket": SESSIONS["full"]["ticket"]}})
def test_prompt_in_its_own_template(prompt: Prompt, prompt_snapshot: PromptSnapshot) -> None:
    """The personas that name a template of the product print it, and the others the default."""
    assert prompt == prompt_snapshot


@prompt_matrix(BARE, sessions=SESSIONS, templates=BUNDLED)
def test_prompt_without_optional_fields(prompt: Prompt, prompt_snapshot: PromptSnapshot) -> None:
    """An absent field leaves no trace, whether or not the session gives something."""
    assert prompt == prompt_snapshot


def test_snapshots_hold_what_a_prompt_does(repository: Path) -> None:
    """There is a file for each prompt, and nobody's editor added a final line break or turned line ends round."""
    files = list((repository / "tests" / "prompts" / "__snapshots__" / "test_snapshots").iterdir())
    assert len(files) == len(WHOLE.references()) * (2 * len(SESSIONS) * len(BUNDLED) + 2)
    for file in files:
        assert file.read_bytes().count(b"\r") == 0, file.name
        assert not file.read_bytes().endswith(b"\n"), file.name
