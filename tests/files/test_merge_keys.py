"""Merge keys mean what YAML's page on them says, with each version of PyYAML."""

from __future__ import annotations

import pytest

from llm_persona.files.merge_keys import read_plainly
from llm_persona.files.reading import parse

ANCHORS = "one: &one {role name: first, goal: first}\ntwo: &two {role name: second, tone: second}\n"


@pytest.mark.parametrize(
    ("merged", "expected"),
    [
        ("<<: *one, goal: own", {"role name": "first", "goal": "own"}),
        ("goal: own, <<: *one", {"role name": "first", "goal": "own"}),
        ("<<: [*one, *two]", {"role name": "first", "goal": "first", "tone": "second"}),
        ("<<: [*two, *one]", {"role name": "second", "tone": "second", "goal": "first"}),
        ("<<: [*one, {<<: *two}], tone: own", {"role name": "first", "goal": "first", "tone": "own"}),
    ],
)
def test_own_keys_count_then_those_of_the_mapping_that_is_merged_first(merged: str, expected: dict[str, str]) -> None:
    """In the order in which they are merged."""
    text = f"{ANCHORS}three: {{{merged}}}\n"

    found = read_plainly(parse(text, "crew.yaml", kind="yaml"), text)

    assert found is not None
    assert list(found["three"].items()) == list(expected.items())  # type: ignore[attr-defined]  # a mapping
