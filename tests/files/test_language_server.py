"""Persona files in an editor that speaks to yaml-language-server: what it offers, shows and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from language_server import LanguageServer, reason_to_skip

from llm_persona.fields import FIELDS
from llm_persona.files.validation import schema
from llm_persona.files.writing import dump_json


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    if reason := reason_to_skip():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("editor")
    path = folder / "persona.schema.json"
    path.write_text(dump_json(schema()), encoding="utf-8")
    server = LanguageServer(path, folder)
    yield server
    server.close()


def test_every_field_is_offered_once_with_what_it_means(server: LanguageServer) -> None:
    """Below a name, and with the words of the schema."""
    offered = [item for item in server.completions("Maya:\n  |") if item["label"] in FIELDS]
    assert sorted(item["label"] for item in offered) == sorted(FIELDS[1:])
    fields = schema()["$defs"]["persona"]["properties"]  # type: ignore[index]  # the schema's own shape
    for item in offered:
        assert item["documentation"] == {"kind": "markdown", "value": fields[item["label"]]["markdownDescription"]}


@pytest.mark.parametrize("text", ["Maya:\n  role: x\n  template: |", "$default_template: |"])
def test_the_bundled_templates_are_offered(server: LanguageServer, repository: Path, text: str) -> None:
    """Where a template is named: those that print a prompt, and not the base of all."""
    offered = {item["label"] for item in server.completions(text)} - {"null"}
    assert offered == {path.stem for path in (repository / "templates").glob("*.j2")} - {"base"}


def test_a_field_that_is_pointed_at_says_what_it_means(server: LanguageServer) -> None:
    """With an example of it."""
    shown = server.hover("Maya:\n  capab|ilities: [x]\n")
    assert "What the persona can do, one text each." in shown
    assert "- Look up order status" in shown


def test_nothing_is_said_of_a_good_file(server: LanguageServer, repository: Path) -> None:
    """The example is well, here too."""
    text = (repository / "examples" / "acme" / "personas.yaml").read_text(encoding="utf-8")
    assert server.messages(text[text.index("\n") :]) == []  # without the line that names the schema


QUOTE = 'Must be a text; quote what YAML takes for something else, as "5" or "yes".'
LIST = "Must be a list of texts, each on a line of its own, after a dash; or add, remove and replace, which edit the parent's."
NO_PARENT = "Without a parent there is no list to edit: write the list itself, or name a parent."


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("Maya:\n  role: 5\n", 2, QUOTE),
        ("Maya:\n  role: x\n  greeting: 2026-01-01\n  company: yes\n  display_name: true\n", 5, QUOTE),
        ("Maya:\n  role: ''\n", 2, "Is empty: write a text, or remove the line."),
        ("Maya:\n  role: x\n  capabilities: Look up\n", 3, LIST),
        ("Maya:\n  role: x\n  version: 1.10\n", 3, 'Must be a text: quote it, as "1.10".'),
        ("Maya:\n  role: x\n  constraints: {add: [Wait]}\n", 3, NO_PARENT),
        ("Maya:\n  role: x\n  abstract: maybe\n", 3, "Must be true or false."),
        ("Maya:\n  role: x\n  metadata: [x]\n", 3, "Must be a mapping of names to values."),
        ("Maya: {replaced_by: 2, role: x}\n", 1, "What is replaced or retired has no fields but replaced_by and a description."),
        ("A: {role: x}\nMaya: {parent: A/B}\n", 2, "Must be the name of a persona, as Maya, or one of its versions, as Maya@1."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_words(server: LanguageServer, text: str, line: int, message: str) -> None:
    """On its line, and by what to write."""
    assert server.messages(text) == [(line, message)]


@pytest.mark.parametrize("text", ["Maya:\n  role: x\n  capabilites: [x]\n", "Maya: a guide\n"])
def test_what_is_no_field_is_told_which_there_are(server: LanguageServer, text: str) -> None:
    """All of them, in their order."""
    (message,) = [message for _, message in server.messages(text)]
    assert message == f"A persona is a mapping of these fields, and of no others: {', '.join(FIELDS[1:])}."
