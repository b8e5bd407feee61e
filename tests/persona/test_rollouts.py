from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from collections import Counter
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_persona.persona.rollouts as rollouts_module
from llm_persona import PersonaRegistry
from llm_persona.errors import InvalidValueError
from llm_persona.persona.rollouts import Rollout, bucket, problems

VERSIONS = st.sampled_from(["1", "2", "3", "1.4.0", "zoë"])


@st.composite
def rollouts(draw: st.DrawFn, salt: str | None = None) -> Rollout:
    """Any rollout of some five versions, zero percents and a served version without a share included."""
    served = draw(VERSIONS)
    others = draw(st.lists(VERSIONS.filter(lambda version: version != served), max_size=4, unique=True))
    percents: dict[str, int] = {}
    for version in others:
        percents[version] = draw(st.integers(0, 100 - sum(percents.values())))
    return Rollout("Maya", percents, served=served, salt=salt)


def units(count: int) -> list[str]:
    return [f"unit-{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("salt", "unit", "number", "ninety_ten", "halves"),
    [
        ("helper:tone-2026-10", "user-1", 3617091374123240, "1.4.0", "1.4.0"),
        ("helper:tone-2026-10", "user-2", 475811583938708, "1.4.0", "1.5.0"),
        ("helper:tone-2026-10", "zoë", 7727997177709390, "1.4.0", "1.4.0"),
        ("helper:tone-2026-11", "user-1", 25362080451651, "1.5.0", "1.5.0"),
    ],
)
def test_vector(salt: str, unit: str, number: int, ninety_ten: str, halves: str) -> None:
    """The published vectors hold: the number that 1.4.0 draws, and who serves at 90/10 and at 50/50."""
    assert bucket(salt, unit, "1.4.0") == number
    assert Rollout("helper", {"1.5.0": 10}, served="1.4.0", salt=salt).choose(unit) == ninety_ten
    assert Rollout("helper", {"1.5.0": 50}, served="1.4.0", salt=salt).choose(unit) == halves
    assert Rollout("helper", {"1.4.0": 50}, served="1.5.0", salt=salt).choose(unit) == halves


@given(*[st.text(st.characters(codec="utf-8"))] * 3)
def test_bucket_is_as_published(salt: str, unit: str, version: str) -> None:
    """Any bucket is the top 53 bits of the SHA-256 of the compact JSON array, control characters and all."""
    preimage = json.dumps(["llm-persona/bucket/1", salt, unit, version], ensure_ascii=False, separators=(",", ":"))
    assert bucket(salt, unit, version) == int(hashlib.sha256(preimage.encode()).hexdigest()[:16], 16) // 2**11


def test_units_are_shared_out_as_written() -> None:
    """Of 200,000 units, 90/10 gives each version its percentage within half a point."""
    rollout = Rollout("Maya", {"2": 10}, served="1")
    counts = Counter(map(rollout.choose, units(200_000)))
    assert abs(counts["1"] / 200_000 - 0.90) < 0.005
    assert abs(counts["2"] / 200_000 - 0.10) < 0.005


def test_reordering_moves_none() -> None:
    """The order in which versions are written means nothing."""
    one = Rollout("Maya", {"2": 25, "3": 40}, served="1")
    other = Rollout("Maya", {"3": 40, "2": 25}, served="1")
    assert one == other
    assert hash(one) == hash(other)
    swapped = Rollout("Maya", {"1": 35, "2": 25}, served="3")
    assert [one.choose(unit) for unit in units(2_000)] == [swapped.choose(unit) for unit in units(2_000)]


def test_change_moves_as_few_as_possible() -> None:
    """50/25/25 to 40/30/30 moves a tenth of the units, and not half a point more."""
    before = Rollout("Maya", {"2": 25, "3": 25}, served="1")
    after = Rollout("Maya", {"2": 30, "3": 30}, served="1")
    moved = sum(before.choose(unit) != after.choose(unit) for unit in units(20_000)) / 20_000
    assert 0.095 <= moved <= 0.105
    assert before.moved(after) == pytest.approx(0.10)


def test_ramp_only_adds() -> None:
    """A ramp from 0 to 100 percent keeps at each step all units that it had, and ends with all."""
    chosen: set[str] = set()
    for percent in (0, 1, 5, 10, 25, 50, 100):
        rollout = Rollout("Maya", {"2": percent}, served="1")
        now = {unit for unit in units(5_000) if rollout.choose(unit) == "2"}
        assert chosen <= now
        assert bool(now) == bool(percent)
        chosen = now
    assert len(chosen) == 5_000


@given(rollouts(), st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_version_without_a_share_is_never_chosen(rollout: Rollout, unit: str) -> None:
    """Any unit gets a version that has a share, and the same one each time."""
    version = rollout.choose(unit)
    assert dict(rollout.weights)[version] > 0
    assert pickle.loads(pickle.dumps(rollout)).choose(unit) == version


@given(rollouts(), rollouts())
def test_moved_is_a_share(one: Rollout, other: Rollout) -> None:
    """The share moved is the same in both directions, none for the same weights, and never less than it must be."""
    weights, others = dict(one.weights), dict(other.weights)
    least = sum(max(0, percent - others.get(version, 0)) for version, percent in weights.items()) / 100
    assert one.moved(one) == 0
    assert one.moved(other) == other.moved(one)
    assert least - 1e-12 <= one.moved(other) <= 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Rollout("Maya", {"2": 10}, served="1"), Rollout("Maya", {"3": 30}, served="2")),
        (Rollout("Maya", {"2": 10, "3": 20}, served="1"), Rollout("Maya", {"2": 25, "3": 5}, served="1")),
        (Rollout("Maya", {"2": 50}, served="1"), Rollout("Maya", {"2": 50}, served="1", salt="again")),
        (Rollout("Maya", {"2": 10}, served="1"), Rollout("Maya", {"2": 30}, served="1", salt="again")),
        (Rollout("Maya", {}, served="1"), Rollout("Maya", {"2": 7}, served="1")),
    ],
)
def test_moved_is_what_happens(before: Rollout, after: Rollout) -> None:
    """The share that `moved` computes is the share of units that do move, a changed salt included."""
    sample = units(10_000)
    moved = sum(before.choose(unit) != after.choose(unit) for unit in sample) / len(sample)
    assert moved == pytest.approx(before.moved(after), abs=0.015)


def test_another_salt_moves_units_by_chance() -> None:
    """With another salt half of the units of a 50/50 rollout move: those that stay do so by chance."""
    rollout = Rollout("Maya", {"2": 50}, served="1")
    assert rollout.moved(Rollout("Maya", {"2": 50}, served="1", salt="Maya@again")) == 0.5
    assert rollout.moved(Rollout("Maya", {"2": 50}, served="1", salt="Maya")) == 0


def test_no_unit_gets_the_served_version() -> None:
    """Without a unit the served version serves, even where it has no share."""
    assert Rollout("Maya", {"2": 100}, served="1").choose(None) == "1"


@pytest.mark.parametrize("unit", ["", " ", "\n\t"])
def test_an_empty_unit_is_refused(unit: str) -> None:
    """An id that is empty says of nobody who is served, with a rollout and without; and it is no missing unit."""
    registry = PersonaRegistry.from_dict({"Maya": {"role": "r"}})
    for ask in (Rollout("Maya", {"2": 100}, served="1").choose, lambda unit: registry.get("Maya", unit=unit)):
        with pytest.raises(InvalidValueError, match=r"^unit is empty; pass an id that is never empty, such as"):
            ask(unit)


@pytest.mark.parametrize("unit", [1, 0, True, False, b"user-1", ["user-1"], 1.0])
def test_unit_that_is_no_text_is_refused(unit: object) -> None:
    """A unit is a text: `1` and `"1"` would be two units, and False is not "no unit"."""
    with pytest.raises(InvalidValueError, match=r"^unit must be a text, not .*; pass str\(unit\), everywhere$"):
        Rollout("Maya", {"2": 10}, served="1").choose(unit)  # type: ignore[arg-type]  # what this test is about


def test_unit_with_a_lone_surrogate_is_refused() -> None:
    """A unit that has no UTF-8 bytes is refused, without its text in the message."""
    with pytest.raises(InvalidValueError, match=r"^unit: a text holds a lone surrogate, U\+D800$"):
        Rollout("Maya", {"2": 10}, served="1").choose("secret\ud800")


def test_value() -> None:
    """A rollout is a value: it says what it holds, hashes, pickles, and cannot be changed."""
    rollout = Rollout("Maya", {"2": 10, "10": 20}, served="1")
    assert rollout.weights == (("1", 70), ("10", 20), ("2", 10))
    assert rollout.percents == {"2": 10, "10": 20}
    assert rollout.salt == "Maya"
    assert pickle.loads(pickle.dumps(rollout)) == rollout
    assert len({rollout, Rollout("Maya", {"10": 20, "2": 10}, served="1")}) == 1
    assert rollout != Rollout("Maya", {"2": 10, "10": 20}, served="1", salt="x")
    with pytest.raises(AttributeError):
        rollout.salt = "x"  # type: ignore[misc]  # what this test is about


def test_same_choices_in_another_process() -> None:
    """Another process with another hash seed chooses the same versions."""
    code = (
        "from llm_persona.persona.rollouts import Rollout\n"
        "rollout = Rollout('Maya', {'3': 30, '2': 30}, served='1')\n"
        "print(''.join(rollout.choose(f'unit-{n}') for n in range(300)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "random"}, capture_output=True, text=True, check=True
    )
    rollout = Rollout("Maya", {"2": 30, "3": 30}, served="1")
    assert run.stdout.strip() == "".join(map(rollout.choose, units(300)))


def test_entry_of_a_file() -> None:
    """An entry holds versions with percents, whole numbers as their text, and `salt` where units are to be reshuffled."""
    entry = {2: 10, "3": 5, "salt": "tone-2026-11"}
    assert problems("Maya", entry, served="1", known=["1", "2", "3"]) == []
    assert Rollout.from_entry("Maya", entry, served="1") == Rollout(
        "Maya", {"2": 10, "3": 5}, served="1", salt="tone-2026-11"
    )
    assert Rollout.from_entry("Maya", {}, served="1") == Rollout("Maya", {}, served="1")


def test_percent_of_an_enum_is_its_number() -> None:
    """A whole number of a subclass of int counts as the number, and the rollout keeps the plain one."""

    class Share(IntEnum):
        TENTH = 10

    assert repr(Rollout("Maya", {"2": Share.TENTH}, served="1")) == repr(Rollout("Maya", {"2": 10}, served="1"))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            10,
            [
                '$rollouts.Maya: must be a mapping of versions to percents, not a number; write "{2: 10}" for 10 in 100 units'
            ],
        ),
        ({"2": 60, "3": 41}, ["$rollouts.Maya: the percents add up to 101; at most 100 are allowed"]),
        ({"2": True}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100, not a truth value (true)"]),
        ({"2": 100, "3": True}, ["$rollouts.Maya.3: must be a whole percent, 0 to 100, not a truth value (true)"]),
        ({"2": 10.0}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100, not a number with a fraction"]),
        ({"2": "10"}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100, not a text"]),
        ({"2": None}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100, not null"]),
        ({"2": -1}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100"]),
        ({"2": 101}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100"]),
        ({"2": 10**5000}, ["$rollouts.Maya.2: must be a whole percent, 0 to 100"]),
        ({"1": 90}, ["$rollouts.Maya.1: this is the served version, which gets what the others leave; leave it out"]),
        ({"beta-3": 5}, ["$rollouts.Maya.beta-3: there is no version 'beta-3'; did you mean 'beta-2'?"]),
        ({"9": 5}, ["$rollouts.Maya.9: there is no version '9'; define Maya@9"]),
        ({2: 5, "2": 6}, ["$rollouts.Maya.2: the version stands here twice"]),
        ({1.1: 5}, ["$rollouts.Maya: version must be a text, not a number; quote it"]),
        ({True: 5}, ["$rollouts.Maya: version must be a text, not a truth value (true); quote it"]),
        ({-1: 5}, ["$rollouts.Maya: version must be a text, not a number; quote it"]),
        ({0: 5}, ["$rollouts.Maya.0: there is no version '0'; define Maya@0"]),
        (
            {10**18 - 1: 5},
            [f"$rollouts.Maya.{10**18 - 1}: there is no version '{10**18 - 1}'; define Maya@{10**18 - 1}"],
        ),
        ({10**18: 5}, ["$rollouts.Maya: version must be a text, not a number; quote it"]),
        ({10**5000: 5}, ["$rollouts.Maya: version must be a text, not a number; quote it"]),
        ({"": 5}, ["$rollouts.Maya: version is empty; write one"]),
        ({"2": 5, "salt": 7}, ["$rollouts.Maya.salt: must be a text, not a number; quote it"]),
        ({"2": 5, "salt": ""}, ["$rollouts.Maya.salt: is empty; leave it out to use the name"]),
        ({"2": 5, "salt": "\ud800"}, ["$rollouts.Maya.salt: a text holds a lone surrogate, U+D800"]),
        (
            {"2": 5.5, "8": 200, "salt": None},
            [
                "$rollouts.Maya.2: must be a whole percent, 0 to 100, not a number with a fraction",
                "$rollouts.Maya.8: there is no version '8'; define Maya@8",
                "$rollouts.Maya.8: must be a whole percent, 0 to 100",
                "$rollouts.Maya.salt: must be a text, not null; quote it",
            ],
        ),
    ],
)
def test_problems(entry: object, expected: list[str]) -> None:
    """All that is wrong with an entry is told at once, each with its path in the file."""
    found = problems("Maya", entry, served="1", known=["1", "2", "3", "beta-2"])
    assert [str(problem) for problem in found] == expected
    if not any("there is no version" in message for message in expected):
        with pytest.raises(InvalidValueError) as caught:
            Rollout.from_entry("Maya", entry, served="1")
        assert str(caught.value) == expected[0]


def test_served_version_is_not_proposed() -> None:
    """The served version is never what a slip in a rollout meant: it would be refused there."""
    [problem] = problems("Maya", {"beta-3": 5}, served="beta-2", known=["beta-2", "x"])
    assert problem.hint == "define Maya@beta-3"


@pytest.mark.parametrize(
    ("percents", "served", "salt", "message"),
    [
        ({"2": 101}, "1", None, "$rollouts.Maya.2: must be a whole percent, 0 to 100"),
        ({"salt": 5}, "1", None, "$rollouts.Maya.salt: no version of a rollout may be called 'salt'"),
        ({"2": 10}, "", None, "version is empty"),
        ({"2": 10}, None, None, "version must be a text, not null"),
        ({"2": 10}, "1", "", "$rollouts.Maya.salt: is empty"),
        ([("2", 10)], "1", None, "$rollouts.Maya: must be a mapping of versions to percents, not a list"),
    ],
)
def test_refused(percents: dict[str, int], served: str, salt: str | None, message: str) -> None:
    """A rollout that is made in Python obeys the rules of the file."""
    with pytest.raises(InvalidValueError) as caught:
        Rollout("Maya", percents, served=served, salt=salt)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("draw", [0, 2**53 - 1])
def test_a_draw_at_the_edge_is_one_as_any_other(monkeypatch: pytest.MonkeyPatch, draw: int) -> None:
    """The least and the greatest number that can be drawn choose a version, neither divides by nought."""
    monkeypatch.setattr(rollouts_module, "_draw", lambda preimage: draw)
    assert Rollout("Maya", {"2": 10}, served="1").choose("unit") == "1"
    assert Rollout("Maya", {"2": 50}, served="1").choose("unit") == "1"


def test_a_rollout_holds_nothing_else() -> None:
    """Slots keep a slip from becoming an attribute."""
    assert not hasattr(Rollout("Maya", {"2": 10}, served="1"), "__dict__")
