"""Prompts of tables with one persona a row: what `Persona(**row)` builds, without making one."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import InvalidValueError, Persona, PersonaError, TemplateError
from llm_persona import multiline as multiline_text
from llm_persona.columns import BatchRenderer

TEXTS = st.sampled_from(["Guide", "two\nlines ", "<b> & co", "{user_name}", "{name}", "{", "", " ", "\0", "a\u2028b"])
ODD = st.sampled_from([None, math.nan, 7, b"x", ["a"], {"a": "b"}])
NAMES = st.sampled_from(["Maya", "Ana 2", "Maya@2", "$x", "a/b", "", "M" * 129, None, 7])
LISTS = st.lists(TEXTS, max_size=2) | st.just(["a", "b"])
SECTIONS = st.dictionaries(st.sampled_from(["a", "<b>", ""]), TEXTS | st.none() | st.just(["x", "y"]), max_size=2)


def column(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return columns of six rows: all usual, or with some that are not."""
    return st.sampled_from([usual, usual | odd]).flatmap(lambda each: st.lists(each, min_size=6, max_size=6))


TABLES = st.fixed_dictionaries(
    {"name": column(st.just("Maya"), NAMES), "role": column(st.just("Guide"), TEXTS | ODD)},
    optional={
        "company": column(st.just("Acme"), TEXTS | ODD),
        "tone": column(st.just("warm"), TEXTS | ODD),
        "greeting": column(st.just("Hi"), TEXTS | ODD),
        "capabilities": column(st.just(["a", "b"]), LISTS | ODD),
        "constraints": column(st.just(["c"]), LISTS | ODD),
        "custom_sections": column(st.just({"x": "y"}), SECTIONS | ODD),
        "user_name": column(st.just("Jo"), st.sampled_from(["", None, "a\nb", 7, 1.5, True, "<b>"])),
    },
)


def one(row: dict[str, Any], template: str | None, names: list[str]) -> tuple[Any, Any]:
    """Return the prompt of a row and what is wrong with it, as a loop over rows comes to them."""
    given = {name: value for name, value in row.items() if value is not None and value is not math.nan}
    session = {name: given.pop(name) for name in names if name in given}
    if type(given.get("custom_sections")) is dict:
        given["custom_sections"] = {name: text for name, text in given["custom_sections"].items() if text is not None}
    try:
        return Persona(**given).build_system_prompt(template, **session), None
    except PersonaError as error:
        return None, error.message
    except TypeError:  # without a name
        return None, "the row gives no name"


@settings(max_examples=60, deadline=None)
@given(table=TABLES, template=st.sampled_from([None, "xml", "markdown", "compact", "verbatim"]))
def test_prompts_are_those_of_the_rows_one_by_one(table: dict[str, list[Any]], template: str | None) -> None:
    """Whatever stands in a column: prompts to the byte, and an error where the row's persona has one."""
    names = ["user_name"] if "user_name" in table else []
    made = BatchRenderer.of_personas(template, session_columns=names)(table)
    for number in range(6):
        row = {name: values[number] for name, values in table.items()}
        prompt, error = one(row, template, names)
        assert made["prompt"][number] == prompt
        told = made["prompt_error"][number]
        assert (told is None) == (error is None)
        assert told is None or error in told
        assert (made["prompt_ref"][number] is None) == (prompt is None)


def test_fields_are_columns_of_any_name() -> None:
    """What is named has to be there; of the others, what a batch has is read."""
    renderer = BatchRenderer.of_personas(
        "markdown", name="who", role="job", capabilities="skills", version="v", display_name="says"
    )
    table = {
        "who": ["Maya", "Ana"],
        "job": ["Guide", "Judge"],
        "skills": [["a"], None],
        "tone": ["warm", None],
        "v": [None, "2"],
        "says": [None, "Annie"],
    }
    made = renderer(table)
    first = Persona("Maya", "Guide", tone="warm", capabilities=["a"])
    second = Persona("Ana", "Judge", version="2", display_name="Annie")
    assert made["prompt"] == [each.build_system_prompt("markdown") for each in (first, second)]
    assert made["prompt_ref"] == ["Maya", "Ana@2"]
    with pytest.raises(InvalidValueError, match="the batch has no column 'skills'"):
        renderer({name: values for name, values in table.items() if name != "skills"})
    with pytest.raises(InvalidValueError, match="a persona has no field 'rol'; did you mean 'role'"):
        BatchRenderer.of_personas(rol="job")
    with pytest.raises(TemplateError, match="there is no template 'markdwn'"):
        BatchRenderer.of_personas("markdwn")


def test_a_product_has_templates_of_its_own(tmp_path: Path) -> None:
    """What they ask of a persona's text is run; what they take of a session, filled or run."""
    (tmp_path / "asks.j2").write_text(
        "{% if persona.role == 'Guide' %}guide{% else %}{{ persona.role }}{% endif %}: {{ session.note }}"
    )
    (tmp_path / "fills.j2").write_text("{{ persona.name }}: {{ session.note }} {{ persona.capabilities|length }}")
    table = {"name": ["Maya"] * 3, "role": ["Guide", "Judge", "Guide"], "note": ["a\nb", "c", None]}
    renderer = BatchRenderer.of_personas("asks", templates=tmp_path, session_columns=["note"])
    made = renderer(table)
    assert made["prompt"] == ["guide: a b", "Judge: c", None]
    assert "session has no 'note'" in made["prompt_error"][2]
    assert pickle.loads(pickle.dumps(renderer))(table)["prompt"] == made["prompt"]
    fills = BatchRenderer.of_personas("fills", templates=tmp_path, session_columns=["note"], multiline=["note"])
    assert fills(table)["prompt"][:2] == ["Maya:     a\n    b 0", "Maya:     c 0"]
    assert str(multiline_text("c")) == "c"


def test_lists_of_arrays_and_frames_are_lists() -> None:
    """Arrow's lists, numpy's arrays in an array or a frame: a field of texts takes them all."""
    arrow = pytest.importorskip("pyarrow", reason="no wheel for this Python")
    rows = {
        "name": ["Maya", "Ana"],
        "role": ["r", "s"],
        "capabilities": [["a", "b"], []],
        "custom_sections": [{"x": "y"}, {"x": None}],
    }
    renderer = BatchRenderer.of_personas(fingerprint_column="key")
    expected = renderer(rows)
    assert expected["prompt_error"] == [None, None]
    table = arrow.table(rows)
    assert renderer(table).column("prompt").to_pylist() == expected["prompt"]
    assert renderer(table).column("key").to_pylist() == expected["key"]
    frame = pd.DataFrame({**rows, "capabilities": [np.array(["a", "b"]), np.array([])]})
    assert renderer(frame)["prompt"].tolist() == expected["prompt"]
    assert renderer({name: frame[name].to_numpy() for name in frame})["prompt"].tolist() == expected["prompt"]


def test_equal_renderers_are_equal_bytes_whatever_was_rendered() -> None:
    renderer = BatchRenderer.of_personas("xml", session_columns=["x"])
    before = pickle.dumps(renderer)
    renderer({"name": ["Maya"], "role": ["r"], "x": ["1"]})
    assert before == pickle.dumps(renderer) == pickle.dumps(BatchRenderer.of_personas("xml", session_columns=("x",)))
    assert before == pickle.dumps(pickle.loads(before))
