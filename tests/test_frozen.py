from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona import Persona
from llm_persona.frozen import FrozenDict, ListEdit, thaw

TEXTS = st.lists(st.text(), max_size=3).map(tuple)


def test_order_counts() -> None:
    """Two frozen mappings are equal when their entries are, in the same order."""
    one, other = FrozenDict({"a": 1, "b": 2}), FrozenDict({"b": 2, "a": 1})
    assert one != other
    assert one == FrozenDict({"a": 1, "b": 2})
    assert hash(one) == hash(FrozenDict({"a": 1, "b": 2}))
    assert one == {"b": 2, "a": 1}
    assert one != 5


def test_a_frozen_mapping_is_a_copy() -> None:
    """A change of what it was made from does not reach it."""
    source = {"a": 1}
    frozen = FrozenDict(source)
    source["b"] = 2
    assert frozen == {"a": 1}


def test_thaw() -> None:
    """Frozen data becomes plain dicts and lists, all the way down."""
    plain = thaw(FrozenDict({"a": (1, FrozenDict({"b": ()}))}))
    assert plain == {"a": [1, {"b": []}]}
    assert json.loads(json.dumps(plain)) == plain


def test_frozen_mapping_cannot_change() -> None:
    """Neither an entry nor an attribute can be set or deleted."""
    frozen: FrozenDict[int] = FrozenDict({"a": 1})
    with pytest.raises(TypeError):
        frozen["a"] = 2  # type: ignore[index]
    with pytest.raises(AttributeError, match="cannot be changed"):
        frozen._entries = {}
    with pytest.raises(AttributeError, match="cannot be changed"):
        del frozen._entries
    with pytest.raises(AttributeError):
        frozen.more = 1  # type: ignore[attr-defined]


@given(st.none() | TEXTS, TEXTS, TEXTS)
def test_list_edit_is_a_value(replace: tuple[str, ...] | None, remove: tuple[str, ...], add: tuple[str, ...]) -> None:
    """Any edit equals its copies, hashes alike, and as a tuple holds the texts it writes."""
    edit = ListEdit(replace, remove, add)
    for other in (ListEdit(replace, remove, add), pickle.loads(pickle.dumps(edit)), copy.deepcopy(edit)):
        assert other == edit
        assert (other != edit) is False
        assert hash(other) == hash(edit)
        assert (other.replace, other.remove, other.add) == (replace, remove, add)
    assert tuple(edit) == (replace or ()) + add


def test_list_edit_is_no_list() -> None:
    """An edit is not equal to the list of the texts that it adds."""
    assert ListEdit(add=("a",)) != ("a",)
    assert ListEdit(add=("a",)) != ListEdit(replace=("a",))


def test_list_edit_cannot_change() -> None:
    """An edit that a persona holds stays as it was written."""
    edit = ListEdit(add=("a",))
    with pytest.raises(AttributeError, match="cannot be changed"):
        edit.add = ()
    with pytest.raises(AttributeError, match="cannot be changed"):
        del edit.add
    assert edit.add == ("a",)


@pytest.mark.parametrize(
    ("edit", "written"),
    [
        (ListEdit(replace=()), None),
        (ListEdit(replace=("a",)), {"replace": ["a"]}),
        (ListEdit(remove=("a",), add=("b",)), {"remove": ["a"], "add": ["b"]}),
        (ListEdit(), {"add": []}),
    ],
)
def test_list_edit_as_a_file_has_it(edit: ListEdit, written: object) -> None:
    """An edit is written as a file has it; one that does nothing is still one that reads back."""
    assert edit.written() == written


@pytest.mark.parametrize("values", [(1, True), ([1], [True]), ({"b": [0]}, {"b": [False]}), (False, 0)])
def test_what_is_written_otherwise_is_not_equal(values: tuple[object, object]) -> None:
    """1 and true are equal in Python; a file writes them, and a fingerprint has them, as two things."""
    one, other = (Persona("Maya", "Guide", metadata={"a": value}) for value in values)
    assert one != other
    assert one == Persona("Maya", "Guide", metadata={"a": values[0]})
