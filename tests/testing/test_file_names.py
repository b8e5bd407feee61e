from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_persona.testing.file_names import ENDING, file_stem, shared_name

PARTS = st.text(st.characters(exclude_characters="@"), max_size=130)
TRIPLES = st.tuples(PARTS, PARTS, PARTS)


@pytest.mark.parametrize(
    ("parts", "stem"),
    [
        (("Maya@1", "support", "free"), "Maya@1.support.free"),
        (("Maya", "acme/support", "a:b"), "Maya.acme%2Fsupport.a%3Ab"),
        (("A.b", "c", "d"), "A%2Eb.c.d"),
        (("A", "b.c", "d"), "A.b%2Ec.d"),
        (("../x", "..", "."), "%2E%2E%2Fx.%2E%2E.%2E"),
        (("NUL", "con", "com1"), "%4EUL.%63on.%63om1"),
        (("Zoë", "100%", "日本"), "Zoë.100%25.日本"),
        ((" Code Reviewer ", "x", " "), "%20Code Reviewer%20.x.%20"),
        (("Maya@a@b", "x", "a@b"), "Maya@a%40b.x.a%40b"),
        (("a\u202eb", "e\u0301", ""), "a%E2%80%AEb.e%CC%81.%"),
    ],
)
def test_a_file_is_named_as_a_person_reads_it(parts: tuple[str, str, str], stem: str) -> None:
    """Parts are kept as they are where every disk takes them, and percent-encoded elsewhere."""
    assert file_stem(*parts) == stem


def test_a_long_part_is_cut_and_ends_in_a_digest() -> None:
    """Two long names that begin alike keep two files."""
    one, other = (file_stem("x" * 100 + end, "t", "s") for end in "ab")
    assert one != other
    assert one.partition(".")[0].startswith("x" * 72)
    assert len(one.partition(".")[0]) == 80
    assert len(file_stem("日" * 128, "日" * 128, "日" * 128).encode()) + len(ENDING) <= 255


@given(TRIPLES)
def test_no_name_can_leave_its_folder(parts: tuple[str, str, str]) -> None:
    """No name holds a separator, a control or a reserved character, is hidden, a device, or too long for a disk."""
    name = file_stem(*parts) + ENDING
    assert not set(name) & set('/\\:*?"<>|')
    assert name.isprintable()
    assert name[0] not in ". "
    assert name.count(".") == 3
    assert not any(part.endswith((" ", ".")) for part in name.split("."))
    assert name.split(".")[0].casefold() not in ("con", "prn", "aux", "nul", "com1", "lpt9")
    assert len(name.encode()) <= 255


@given(TRIPLES, TRIPLES)
def test_different_prompts_have_different_files(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Two triples share a file only if they are the same."""
    assert (file_stem(*one) == file_stem(*other)) == (one == other)


@given(st.text(st.characters(exclude_characters="@", exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_short_part_can_be_read_back(part: str) -> None:
    """Percent-decoding gives the part."""
    assert unquote(file_stem(part, "t", "s").removesuffix(".t.s")) == part


@pytest.mark.parametrize(
    ("one", "other"), [("Maya", "MAYA"), ("Zoë", "Zoe\u0308"), ("ΣΑΣ", "σας"), ("가", "\u1100\u1161")]
)
def test_names_that_a_disk_may_take_for_one_are_known(one: str, other: str) -> None:
    """Names that differ by case or normalisation only have one shared name; others have not."""
    assert shared_name(one, "t", "s") == shared_name(other, "t", "s")
    assert shared_name(one, "t", "s") != shared_name(one + "x", "t", "s")
    assert unicodedata.normalize("NFC", one).casefold() == unicodedata.normalize("NFC", other).casefold()
