from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from enum import IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.errors import InvalidValueError
from llm_persona.fingerprints import MAX_INTEGER, canonical, fingerprint, text_fingerprint

TEXTS = st.text(st.characters(codec="utf-8"))
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

# For other languages: kind, data, the exact preimage, and the fingerprint of it.
VECTORS = [
    (
        "definition",
        {"role": "Guide", "name": "Zoë", "capabilities": ["a/b", 'say "hi"\n']},
        '["llm-persona/fingerprint/2","definition",{"capabilities":["a/b","say \\"hi\\"\\n"],"name":"Zoë","role":"Guide"}]',
        "sha256:34df87af7a2f5b73c5505f3199e85b894c904d537f65c594eee639460358d417",
    ),
    (
        "template",
        {"\U0001f600": 1, "\ufb33": -2, "": None, "b": [True, False, []]},
        '["llm-persona/fingerprint/2","template",{"":null,"b":[true,false,[]],"\U0001f600":1,"\ufb33":-2}]',
        "sha256:7585d8693afe41ef4e267913c0bcfcf8e190b97c0bf22bf4e3d15cafd743b396",
    ),
]


@pytest.mark.parametrize(("kind", "data", "preimage", "expected"), VECTORS)
def test_vector(kind: str, data: object, preimage: str, expected: str) -> None:
    """The published vectors hold: preimage and fingerprint, as another language has to compute them."""
    assert f"sha256:{hashlib.sha256(preimage.encode()).hexdigest()}" == expected
    assert fingerprint(kind, data) == expected


def test_keys_sorted_as_in_the_rfc() -> None:
    """The example of RFC 8785, section 3.2.3, comes out in its order: by UTF-16 code units, not by code points."""
    data = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\x80": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical(data)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_texts_escaped_as_in_the_rfc() -> None:
    """Texts are escaped as RFC 8785, section 3.2.2.2, says, and no more than that."""
    assert canonical('€$\x0f\nA\'B"\\\\"/\x7f\u2028') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\u2028"'.encode()
    assert canonical("\b\t\n\f\r\0\x1f") == b'"\\b\\t\\n\\f\\r\\u0000\\u001f"'


@given(DATA)
def test_canonical_json_is_json(data: object) -> None:
    """Any canonical JSON reads back as the data it was made of."""
    assert json.loads(canonical(data)) == data


@given(st.lists(st.tuples(TEXTS, DATA), unique_by=lambda pair: pair[0]), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_count(pairs: list[tuple[str, object]], random: object) -> None:
    """A mapping has one canonical JSON, whatever order it was written in and whatever kind of mapping it is."""
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis calls its Random an object
    assert canonical(MappingProxyType(dict(shuffled))) == canonical(dict(pairs))


@given(DATA, DATA)
def test_other_data_have_another_fingerprint(one: object, other: object) -> None:
    """Two data share a fingerprint only if they have the same canonical JSON."""
    assert (fingerprint("k", one) == fingerprint("k", other)) == (canonical(one) == canonical(other))


@given(st.lists(TEXTS, min_size=2, max_size=2, unique=True), DATA)
def test_other_kind_has_another_fingerprint(kinds: list[str], data: object) -> None:
    """The same data of two kinds never share a fingerprint."""
    assert fingerprint(kinds[0], data) != fingerprint(kinds[1], data)


def test_list_and_tuple_are_one() -> None:
    """A tuple is fingerprinted as the list it is in a file; the order of its items counts."""
    assert canonical(("a", ("b",))) == canonical(["a", ["b"]]) == b'["a",["b"]]'
    assert canonical(["b", "a"]) != canonical(["a", "b"])


def test_truth_is_no_number() -> None:
    """`True` and `1`, which Python takes for equal, have different canonical JSON."""
    assert canonical([True, 1, False, 0]) == b"[true,1,false,0]"


def test_enums_of_text_and_number_are_their_values() -> None:
    """A subclass of str or int is written as the plain value it holds."""

    class Plan(StrEnum):
        FREE = "free"

    class Level(IntEnum):
        TWO = 2

    assert canonical([Plan.FREE, Level.TWO]) == b'["free",2]'


def test_unicode_is_not_normalised() -> None:
    """Two spellings of one letter are two texts."""
    assert canonical("e\u0301") != canonical("\u00e9")
    assert text_fingerprint("e\u0301") != text_fingerprint("\u00e9")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"a": [1, 1.5]},
            "a[2]: must be a text, a whole number, a truth value, null, a list or a mapping, not a number",
        ),
        ({"a": {"b": {1, 2}}}, "a.b: must be a text"),
        ({"a": b"x"}, "not bytes; write it as a text"),
        ([2**53], "[1]: a whole number beyond 2**53 - 1; write it as a text"),
        ([-(2**53)], "[1]: a whole number beyond 2**53 - 1"),
        ({"a": {1: "x"}}, "a: a key must be a text, not a number"),
        ({"a": ["x\ud800"]}, "a[1]: a text holds a lone surrogate, U+D800"),
        ({"\udfff": 1}, "a text holds a lone surrogate, U+DFFF"),
        ([object()], "[1]: must be a text"),
    ],
)
def test_refused(data: object, message: str) -> None:
    """What has no one canonical JSON is refused, with its place."""
    with pytest.raises(InvalidValueError) as caught:
        fingerprint("k", data)
    assert message in str(caught.value)


def test_value_that_holds_itself_is_refused() -> None:
    """A list inside itself is an error, not an endless loop or a stack overflow."""
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidValueError, match="more than 100 lists and mappings inside one another"):
        canonical(loop)


def test_depth_of_a_hundred_is_allowed() -> None:
    """A hundred lists inside one another are still data; one more is refused."""
    nested: list[object] = []
    for _ in range(99):
        nested = [nested]
    assert canonical(nested) == b"[" * 100 + b"]" * 100
    with pytest.raises(InvalidValueError, match="more than 100"):
        canonical([nested])


def test_text_fingerprint_is_that_of_the_bytes() -> None:
    """The fingerprint of a text is the SHA-256 of its UTF-8 bytes, as `sha256sum` prints it."""
    assert text_fingerprint("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert text_fingerprint("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert text_fingerprint("Zoë\r\n") == "sha256:" + hashlib.sha256(b"Zo\xc3\xab\r\n").hexdigest()


def test_text_that_is_no_unicode_is_refused() -> None:
    """A lone surrogate has no UTF-8 bytes: a text with one is refused."""
    with pytest.raises(InvalidValueError, match=r"lone surrogate, U\+DC00"):
        text_fingerprint("a\udc00")


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_same_in_another_process(seed: str) -> None:
    """Another process finds the same fingerprint, whatever its hash seed."""
    code = "from llm_persona.fingerprints import fingerprint; print(fingerprint('k', {c: [c] for c in 'dbca'}))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == fingerprint("k", {c: [c] for c in "abcd"})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: (inner,), lambda inner: {"a": inner}])
def test_how_deep_data_may_be(wrap: Callable[[object], object]) -> None:
    """A hundred lists or mappings inside one another are the most, and what holds itself ends there."""
    data: object = "x"
    for _ in range(100):
        data = wrap(data)
    assert canonical(data).count(b"x") == 1
    with pytest.raises(InvalidValueError, match="more than 100 lists and mappings inside one another"):
        canonical(wrap(data))


def test_the_largest_whole_number() -> None:
    """2**53 - 1, on either side of nought; a number with a fraction is told as one."""
    assert canonical([MAX_INTEGER, -MAX_INTEGER]) == b"[9007199254740991,-9007199254740991]"
    for number in (MAX_INTEGER + 1, -MAX_INTEGER - 1):
        with pytest.raises(InvalidValueError, match="beyond 2"):
            canonical(number)
    with pytest.raises(InvalidValueError, match="not a number with a fraction; write it as a text"):
        canonical(1.5)
