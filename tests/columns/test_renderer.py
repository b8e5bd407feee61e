"""Prompts of tables: row by row what a persona builds, in every kind of batch."""

from __future__ import annotations

import datetime
import math
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_persona import InvalidValueError, MissingVariableError, Persona, PersonaError, PersonaRegistry
from llm_persona import multiline as multiline_text
from llm_persona import trusted as trusted_text
from llm_persona.columns import BatchRenderer

PERSONAS = """
Maya:
  role: Support Specialist for {user_name}
  company: Acme <Corp>
  variables: {user_name: null, plan: free}
  capabilities: ["Serve {plan} plans"]
Ana: {role: Guide of {user_name}, template: xml}
Ben: {role: Guide, template: markdown, capabilities: ["Greet {user_name}, and {user_name} again"]}
Ida: {role: Judge, template: asks, variables: {user_name: null, plan: free}}
Sam: {role: Twin, version: 1}
Sam@2: {parent: Sam, tone: warm}
$rollouts: {Sam: {2: 50}}
$templates: templates
"""
ASKS = '{% extends "default.j2" %}{% block session %}{% if session.plan == "pro" %}VIP{% elif session.plan %}{{ session.plan }}{% endif %} {{ session.user_name }}{% endblock %}'


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PersonaRegistry:
    folder = tmp_path_factory.mktemp("columns")
    (folder / "templates").mkdir()
    (folder / "templates" / "asks.j2").write_text(ASKS)
    path = folder / "personas.yaml"
    path.write_text(PERSONAS.replace("role: Guide of {user_name}", 'role: "Guide of {user_name}"'))
    return PersonaRegistry.from_file(path)


def one_by_one(registry: PersonaRegistry, rows: list[dict[str, Any]], name: str = "agent") -> list[tuple[Any, Any]]:
    """Return the prompt and the error of each row, as a loop over rows comes to them."""
    return [one(registry, dict(row), name) for row in rows]


def one(registry: PersonaRegistry, row: dict[str, Any], name: str, template: str | None = None) -> tuple[Any, Any]:
    agent = row.pop(name)
    try:
        return registry.get(agent).build_system_prompt(
            template, **{k: v for k, v in row.items() if not missing(v)}
        ), None
    except PersonaError as error:
        error.persona = error.persona or (agent if isinstance(agent, str) else None)
        return None, str(error)


def missing(value: Any) -> bool:
    return (
        value is None or (isinstance(value, float | Decimal) and math.isnan(value)) or value is pd.NaT or value is pd.NA
    )


AGENTS = st.sampled_from(["Maya", "Maya", "Ana", "Ben", "Ida", "Sam@2", "Mya", "", 7, ["Maya"]])
TEXTS = st.sampled_from(["Jo", "pro", "", "a\nb", "\t", "<b>&", "{plan}", "\0", "\ud800", "'\u2028", "Zoë"]) | st.text(
    max_size=6
)
VALUES = TEXTS | st.sampled_from(
    [
        None,
        0,
        -1,
        2**70,
        10**5000,
        True,
        1.5,
        math.nan,
        math.inf,
        Decimal("1.50"),
        Decimal("nan"),
        b"x",
        ["a"],
        {"a": 1},
        object(),
        datetime.date(2026, 1, 2),
        datetime.datetime(2026, 1, 2, 3),
        UUID(int=7),
        pd.NA,
        pd.NaT,
        np.float32(0.1),
        np.int64(3),
        multiline_text("a\nb"),
        trusted_text("<b>\n"),
        np.datetime64("2026-01-02"),
    ]
)
KINDS = [TEXTS, TEXTS | st.none(), st.integers(0, 9), st.integers() | st.none(), st.floats(), st.booleans(), VALUES]
COLUMNS = st.sampled_from(KINDS).flatmap(lambda kind: st.lists(kind, min_size=12, max_size=12))


@pytest.mark.parametrize("template", ["default", "markdown", "xml", "compact", "verbatim"])
def test_a_value_that_is_marked_by_itself_is_set_off_as_its_template_does(template: str) -> None:
    """In a column that is not marked, beside values that are not, also once the rows are prepared."""
    found = PersonaRegistry.from_dict({"Ana": {"role": "Guide of {user_name}", "template": template}})
    values = [multiline_text("a\n<b>"), "Jo", trusted_text("<i>"), "a\nb", multiline_text("c")] * 4
    rows = [{"agent": "Ana", "user_name": value} for value in values]
    renderer = BatchRenderer(found, "agent", ["user_name"])
    for _ in range(2):
        table = renderer({"agent": ["Ana"] * len(values), "user_name": values})
        assert table["prompt"] == [prompt for prompt, _ in one_by_one(found, rows)]


@settings(max_examples=40, deadline=None)
@given(agents=st.lists(AGENTS, min_size=12, max_size=12), users=COLUMNS, plans=COLUMNS)
def test_prompts_are_those_of_the_rows_one_by_one(
    registry: PersonaRegistry, agents: list[Any], users: list[Any], plans: list[Any]
) -> None:
    """Whatever stands in a column: prompts to the byte, and what is wrong with a row in the words of its call."""
    renderer = BatchRenderer(registry, "agent", ["user_name", "plan"])
    for _ in range(2):  # the second time much of it is prepared
        table = renderer({"agent": agents * 3, "user_name": users * 3, "plan": plans * 3})
        rows = [
            {"agent": agent, "user_name": user, "plan": plan}
            for agent, user, plan in zip(agents, users, plans, strict=True)
        ]
        expected = one_by_one(registry, rows) * 3
        assert table["prompt"] == [prompt for prompt, _ in expected]
        assert [error is None for error in table["prompt_error"]] == [error is None for _, error in expected]
        assert [ref is None for ref in table["prompt_ref"]] == [prompt is None for prompt, _ in expected]
        for told, (_, error) in zip(table["prompt_error"], expected, strict=True):
            assert told == error or "names no persona" in told


def test_a_unit_chooses_by_the_rollout(registry: PersonaRegistry) -> None:
    """Each unit gets the version that `get` gives it; a row without one gets the served version."""
    units = [f"user-{number}" for number in range(40)] + [None, 7, " "]
    table = BatchRenderer(registry, unit_column="id")({"agent": ["Sam"] * 43, "id": units})
    expected = [registry.get("Sam", unit=unit) for unit in units[:40]] + [registry.get("Sam")]
    assert table["prompt"][:41] == [persona.build_system_prompt() for persona in expected]
    assert table["prompt_ref"][:41] == [persona.ref for persona in expected]
    assert {*table["prompt_ref"][:40]} == {"Sam@1", "Sam@2"}
    assert table["prompt_error"][41].startswith("Sam: unit must be a text")
    assert table["prompt_error"][42].startswith("Sam: unit is empty")


@pytest.mark.parametrize("template", ["default", "markdown", "xml", "compact"])
def test_columns_are_marked_and_extra_sections_are_columns(registry: PersonaRegistry, template: str) -> None:
    """`multiline`, `trusted` and `extra_sections` by column, as a call has them."""
    rows = [
        ("a\nb <x>", "<i>\nme", "one\ntwo"),
        ("one", "plain", None),
        ("", "", "x"),
        (None, None, ""),
        ("\0", "t", "u"),
    ]
    renderer = BatchRenderer(
        registry,
        session_columns={"user_name": "who", "plan": "what"},
        template=template,
        multiline=["user_name"],
        trusted=["plan"],
        extra_sections={"Order history": "orders"},
    )
    who, what, orders = zip(*rows * 4, strict=True)
    table = renderer({"agent": ["Maya"] * 20, "who": [*who], "what": [*what], "orders": [*orders]})
    for row, (user, plan, history) in enumerate(rows * 4):
        session: dict[str, Any] = {} if user is None else {"user_name": multiline_text(user)}
        session |= {} if plan is None else {"plan": trusted_text(plan)}
        session |= {} if history is None else {"extra_sections": {"Order history": history}}
        prompt, error = one(registry, {"agent": "Maya", **session}, "agent", template)
        assert (table["prompt"][row], table["prompt_error"][row]) == (prompt, error)


def test_without_a_column_for_errors_they_are_raised(registry: PersonaRegistry) -> None:
    renderer = BatchRenderer(registry, session_columns=["user_name"], error_column=None)
    with pytest.raises(MissingVariableError, match=r"^Maya: "):
        renderer({"agent": ["Sam", "Maya"], "user_name": [None, None]})
    assert [*renderer({"agent": ["Sam"], "user_name": [None]})] == ["agent", "user_name", "prompt", "prompt_ref"]


def test_no_value_of_a_session_stands_in_an_error(registry: PersonaRegistry) -> None:
    """Ten kinds of bad row: each is told of in its row, none of its values is said, and all others have their prompts."""
    bad = [
        b"secret",
        "secret\0",
        "secret\ud800",
        ["secret"],
        {"secret": 1},
        True,
        math.inf,
        object(),
        10**5000,
        {1: "secret"},
    ]
    values = [each for one in bad for each in ("Jo", one)]
    table = BatchRenderer(registry, session_columns=["user_name"])({"agent": ["Maya"] * 20, "user_name": values})
    assert [error is None for error in table["prompt_error"]] == [True, False] * 10
    assert [prompt is None for prompt in table["prompt"]] == [False, True] * 10
    assert all("Maya" in error and "secret" not in error for error in table["prompt_error"][1::2])


def test_a_fingerprint_says_what_a_row_is_made_from(registry: PersonaRegistry) -> None:
    """Equal for equal rows in any process and table; another for another value, kind of value, persona or template."""
    renderer = BatchRenderer(registry, session_columns=["user_name", "plan"], fingerprint_column="key")
    table = {
        "agent": ["Maya"] * 5 + ["Ben", "Maya"],
        "user_name": ["Jo", "Jo", "Jo", "1", 1, "Jo", None],
        "plan": ["pro", "pro", None] * 2 + ["x"],
    }
    keys = renderer(table)["key"]
    assert keys[0] == keys[1]
    assert keys[6] is None
    assert len({*keys[:6]}) == 5
    again = pickle.loads(pickle.dumps(renderer))
    assert again(pd.DataFrame(table))["key"].tolist() == keys
    other = PersonaRegistry()
    other.define(Persona("Maya", "Support of {user_name}"))
    assert BatchRenderer(other, session_columns=["user_name"], fingerprint_column="key")(table)["key"][0] != keys[0]


def test_arrays_and_frames_come_back_as_they_were_given(registry: PersonaRegistry) -> None:
    """The same kind of table with the same rows; what is missing in any of their ways is not given."""
    renderer = BatchRenderer(registry, session_columns=["user_name", "plan"])
    plain = renderer({"agent": ["Maya"] * 3, "user_name": ["Jo", "Ana", "Li"], "plan": ["pro", None, "x"]})
    frame = pd.DataFrame(
        {"agent": ["Maya"] * 3, "user_name": ["Jo", "Ana", "Li"], "plan": ["pro", pd.NA, "x"]}, index=[5, 6, 7]
    )
    for text_type in (object, "string", "category"):
        made = renderer(frame.astype({"plan": text_type, "agent": text_type}))
        assert made["prompt"].tolist() == plain["prompt"]
        assert made.index.tolist() == [5, 6, 7]
        assert made["prompt_error"].tolist() == [None] * 3
    arrays = renderer({name: frame[name].to_numpy() for name in frame})
    assert [type(column) for column in arrays.values()] == [np.ndarray] * 6
    assert arrays["prompt"].tolist() == plain["prompt"]
    assert renderer(frame[:0])["prompt"].tolist() == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (np.array([1, 2, 3], dtype=np.uint64), [1, 2, 3]),
        (np.array([0.1, math.nan, 1e6], dtype=np.float32), [np.float32(0.1), None, np.float32(1e6)]),
        (np.array([0.1, math.nan, 1e16]), [0.1, None, 1e16]),
        (np.array(["a", "b\n", ""]), ["a", "b\n", ""]),
        (
            np.array(["2026-01-02", "NaT", "2026-01-03"], dtype="datetime64[D]"),
            [datetime.date(2026, 1, 2), None, datetime.date(2026, 1, 3)],
        ),
        (
            pd.Series(pd.to_datetime(["2026-01-02", None, "2026-01-03"])),
            [datetime.datetime(2026, 1, 2), None, datetime.datetime(2026, 1, 3)],
        ),
        (
            np.array(["2026-01-02T03", "NaT", "2026-01-03"], dtype="datetime64[ns]"),
            [datetime.datetime(2026, 1, 2, 3), None, datetime.datetime(2026, 1, 3)],
        ),
        (pd.Series([1, None, 3], dtype="Int64"), [1, None, 3]),
        (pd.Series([1.5, None, 3], dtype="Float32"), [1.5, None, 3.0]),
        (pd.Series([1.5, None, 0.1], dtype="float32"), [1.5, None, np.float32(0.1)]),
        (pd.Series(["a", None, "b"], dtype="category"), ["a", None, "b"]),
    ],
)
def test_items_of_arrays_and_series_are_what_they_are_alone(
    registry: PersonaRegistry, column: Any, values: list[Any]
) -> None:
    expected = one_by_one(registry, [{"agent": "Ben", "user_name": value} for value in values])
    table = BatchRenderer(registry, session_columns=["user_name"])({"agent": ["Ben"] * 3, "user_name": column})
    assert [*table["prompt"]] == [prompt for prompt, _ in expected]


def test_what_a_renderer_is_told_has_to_say_something(registry: PersonaRegistry) -> None:
    for wrong, message in [
        ({"multiline": ["ticket"]}, "multiline has 'ticket', which is no session column"),
        ({"session_columns": "user_name"}, "session_columns must be a list of names, not a text"),
        ({"session_columns": ["a"], "multiline": ["a"], "trusted": ["a"]}, "'a' is both multiline and trusted"),
        ({"prompt_column": "prompt_ref"}, "prompt_column and ref_column are both 'prompt_ref'"),
        ({"persona_column": 7}, "persona_column must be a text"),
        ({"extra_sections": ["a"]}, "extra_sections must be a mapping of names"),
    ]:
        with pytest.raises(InvalidValueError, match=message):
            BatchRenderer(registry, **wrong)  # type: ignore[arg-type]  # that is what is refused
    with pytest.raises(InvalidValueError, match="the source is a registry or a path, not a list"):
        BatchRenderer([])  # type: ignore[arg-type]  # as above
    renderer = BatchRenderer(registry, session_columns=["user_name"])
    with pytest.raises(InvalidValueError, match="the batch has no column 'user_name'; did you mean 'user_nam'"):
        renderer({"agent": ["Maya"], "user_nam": ["Jo"]})
    with pytest.raises(InvalidValueError, match="the column 'user_name' has 1 values, and another 2"):
        renderer({"agent": ["Maya"] * 2, "user_name": ["Jo"]})
    with pytest.raises(InvalidValueError, match="the batch has 2 columns 'agent'"):
        renderer(pd.DataFrame([["Maya", "Maya", "Jo"]], columns=["agent", "agent", "user_name"]))
    with pytest.raises(InvalidValueError, match="a batch is a table, not a text"):
        renderer("Maya")


def test_a_renderer_is_what_its_registry_was_when_it_was_made(registry: PersonaRegistry) -> None:
    """What is defined later reaches new renderers, so that all workers of a job say the same."""
    own = PersonaRegistry()
    own.define(Persona("Maya", "Guide"))
    renderer = BatchRenderer(own)
    own.define(Persona("Maya", "Judge"), replace=True)
    assert renderer({"agent": ["Maya"]})["prompt"][0].startswith("You are Maya, a Guide")
    assert BatchRenderer(own)({"agent": ["Maya"]})["prompt"][0].startswith("You are Maya, a Judge")


def test_equal_renderers_are_equal_bytes_whatever_was_rendered(registry: PersonaRegistry) -> None:
    """Caches key on a callable's pickle."""
    table = {"agent": ["Maya"] * 9, "user_name": ["Jo"] * 9}
    renderer = BatchRenderer(registry, session_columns=["user_name"], multiline=["user_name"])
    before = pickle.dumps(renderer)
    prompts = renderer(table)["prompt"]
    same = BatchRenderer(registry, session_columns=[*("user_name",)], multiline=("user_name",))
    assert before == pickle.dumps(renderer) == pickle.dumps(same) == pickle.dumps(pickle.loads(before))
    assert pickle.loads(before)(table)["prompt"] == prompts
    assert before != pickle.dumps(BatchRenderer(registry, session_columns=["user_name"]))


def test_a_renderer_takes_the_path_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "personas.yaml"
    path.write_text("Maya: {role: Guide}\n")
    assert BatchRenderer(path)({"agent": ["Maya"]})["prompt_ref"] == ["Maya"]


def test_arrow_tables_and_record_batches_come_back_as_they_were_given(registry: PersonaRegistry) -> None:
    """Every type of Arrow's that stands for a text, a number or a time; chunks and metadata stay."""
    arrow = pytest.importorskip("pyarrow", reason="no wheel for this Python")
    renderer = BatchRenderer(registry, session_columns=["user_name"])
    day = datetime.datetime(2026, 1, 2)
    for column in [
        arrow.array(["Jo", None]),
        arrow.array(["Jo", None], arrow.large_string()),
        arrow.array(["Jo", None]).dictionary_encode(),
        arrow.array([1, None]),
        arrow.array([1.5, None]),
        arrow.array([0.1, math.nan], arrow.float32()),
        arrow.array([Decimal("1.50"), None]),
        arrow.array([day.date(), None]),
        arrow.array([day, None], arrow.timestamp("ns")),
        arrow.array([True, None]),
        arrow.array([b"a", None]),
        arrow.array([["a"], None]),
        arrow.array([None, None], arrow.null()),
    ]:
        table = arrow.table({"agent": ["Ben", "Maya"], "user_name": column}).replace_schema_metadata({"a": "b"})
        expected = one_by_one(registry, [dict(row) for row in table.to_pylist()])
        made = renderer(table)
        assert made.column("prompt").to_pylist() == [prompt for prompt, _ in expected]
        assert made.column("prompt_error").to_pylist() == [error for _, error in expected]
        assert made.schema.metadata == {b"a": b"b"}
        batch = renderer(table.to_batches()[0])
        assert type(batch) is arrow.RecordBatch
        assert batch.column("prompt").to_pylist() == made.column("prompt").to_pylist()
        again = renderer(made)  # its own columns are replaced
        assert again.schema == made.schema
        assert again.column("prompt") == made.column("prompt")
