"""Rollouts: which version of a persona serves a unit. Sticky without any state, the same on every machine.

Weighted rendezvous hashing (Thaler and Ravishankar, 1998): each version draws a number from the unit's hash, and the
best by weight wins. So the order of the versions means nothing, and raising a percentage only ever adds units.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from math import log
from struct import Struct

from ..arguments import unit_of
from ..errors import FieldPath, InvalidValueError
from ..fingerprints import canonical
from ..kinds import plain
from ..names import check_name, did_you_mean, kind_of, spelled

FORMAT = "llm-persona/bucket/1"
_FIRST = Struct(">Q").unpack_from  # of a digest, the first 8 bytes
SALT = "salt"  # the one key of an entry that is not a version, so a version of that name has no rollout


def bucket(salt: str, unit: str, version: str) -> int:
    """Return the whole number in 0..2**53 - 1 that a version draws for a unit.

    SHA-256 of the canonical JSON `["llm-persona/bucket/1",salt,unit,version]`, the first 8 bytes big-endian, shifted
    right by 11. Raises InvalidValueError for a lone surrogate.
    """
    return _draw(_begin(salt) + canonical(unit) + _end(version))


def _begin(salt: str) -> bytes:
    """Return what the preimages of all units and versions begin with: the canonical array without its last two items."""
    return canonical((FORMAT, salt))[:-1] + b","


def _end(version: str) -> bytes:
    return b"," + canonical(version) + b"]"


def _draw(preimage: bytes) -> int:
    return int(_FIRST(sha256(preimage).digest())[0]) >> 11


@dataclass(frozen=True, slots=True, init=False)
class Rollout:
    """How the units of one persona are shared out among its versions.

    `weights` holds each version with its percent, in order of version; they add up to 100, as the served version gets
    what the others leave. `salt` is the name unless given; another salt shares all units out anew.
    """

    name: str
    served: str
    weights: tuple[tuple[str, int], ...]
    salt: str
    # What never changes of preimages: their begin; for each version that serves anybody, the end, percent and version.
    _drawn: tuple[bytes, tuple[tuple[bytes, int, str], ...]] = field(compare=False, repr=False)

    def __init__(self, name: str, percents: Mapping[str, int], *, served: str, salt: str | None = None) -> None:
        """Raise InvalidValueError for the first thing that is wrong with the percents or the salt."""
        check_name(served, "version")
        _raise_first(_percents_problems(name, percents, served, None))
        if salt is not None:
            _raise_first(_salt_problems(name, salt))
        plain = {version: int(percent) for version, percent in percents.items()}
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "served", served)
        object.__setattr__(self, "weights", tuple(sorted({**plain, served: 100 - sum(plain.values())}.items())))
        object.__setattr__(self, "salt", name if salt is None else salt)
        ends = tuple([(_end(version), percent, version) for version, percent in self.weights if percent])
        object.__setattr__(self, "_drawn", (_begin(self.salt), ends))

    @classmethod
    def from_entry(cls, name: str, entry: object, *, served: str) -> Rollout:
        """Make the rollout of an entry of `$rollouts`: versions with their percents, and perhaps `salt`.

        A version written as a whole number is its text. Raises InvalidValueError for the first of its `problems`.
        """
        _raise_first(problems(name, entry, served=served))
        assert isinstance(entry, Mapping)
        percents = {str(key): percent for key, percent in entry.items() if key != SALT}
        return cls(name, percents, served=served, salt=entry.get(SALT))

    @property
    def percents(self) -> dict[str, int]:
        """The percents as written: without the served version, which gets the rest."""
        return {version: percent for version, percent in self.weights if version != self.served}

    def choose(self, unit: str | None) -> str:
        """Return the version that serves this unit: always the same one, on every machine.

        The version with the smallest `-ln(u) / percent`, where `u` is `(bucket + 0.5) / 2**53`; the first by name where
        two are equal. No unit gets the served version. Raises InvalidValueError for a unit that is no text (`1` and
        `"1"` would be two units), that is empty, or that holds a lone surrogate.
        """
        if plain(unit) is None:
            return self.served
        unit = unit_of(unit)
        begin, ends = self._drawn
        try:
            head = begin + canonical(unit)
        except InvalidValueError as error:
            raise InvalidValueError(f"unit: {error.message}") from None
        return min([(-log((_draw(head + end) + 0.5) / 2**53) / percent, version) for end, percent, version in ends])[1]

    def moved(self, other: Rollout) -> float:
        """Return the share of units, 0 to 1, that another rollout serves with another version than this one.

        Exact over all possible units, so a sample differs by chance. With one salt, a version keeps a unit that it wins
        under both weightings: its share of those is one over the sum of the larger ratios (Moulton and Jiang, 2018,
        "Maximally Consistent Sampling and the Jaccard Index of Probability Distributions"). With another salt all units
        are shared out anew, and those that stay do so by chance.
        """
        old, new = dict(self.weights), dict(other.weights)
        both = [version for version, percent in old.items() if percent and new.get(version)]
        if self.salt != other.salt:
            return float(1 - sum(Fraction(old[version] * new[version], 100 * 100) for version in both))
        versions = old.keys() | new.keys()
        return float(1 - sum(1 / sum(_ratios(old, new, version, versions)) for version in both))


def _ratios(
    old: Mapping[str, int], new: Mapping[str, int], version: str, versions: Iterable[str]
) -> Iterator[Fraction]:
    for other in versions:
        yield max(Fraction(old.get(other, 0), old[version]), Fraction(new.get(other, 0), new[version]))


def problems(name: str, entry: object, *, served: str, known: Collection[str] | None = None) -> list[InvalidValueError]:
    """Return all that is wrong with an entry of `$rollouts`, each as an error whose `field` is its path in the file.

    `known` are the versions that are defined; without them, unknown versions are not looked for.
    """
    if not isinstance(entry, Mapping):
        return list(_percents_problems(name, entry, served, known))
    percents = {key: percent for key, percent in entry.items() if key != SALT}
    found = list(_percents_problems(name, percents, served, known))
    return [*found, *_salt_problems(name, entry[SALT])] if SALT in entry else found


def _raise_first(found: Iterable[InvalidValueError]) -> None:
    for problem in found:
        raise problem


def _salt_problems(name: str, salt: object) -> Iterator[InvalidValueError]:
    path = ("$rollouts", name, SALT)
    if not isinstance(salt, str):
        yield InvalidValueError(f"must be a text, not {kind_of(salt)}", field=path, hint="quote it")
    elif not salt:
        yield InvalidValueError("is empty", field=path, hint="leave it out to use the name")
    else:
        try:
            canonical(salt)
        except InvalidValueError as error:
            yield InvalidValueError(error.message, field=path)


def _percents_problems(
    name: str, percents: object, served: str, known: Collection[str] | None
) -> Iterator[InvalidValueError]:
    path = ("$rollouts", name)
    if not isinstance(percents, Mapping):
        message = f"must be a mapping of versions to percents, not {kind_of(percents)}"
        yield InvalidValueError(message, field=path, hint='write "{2: 10}" for 10 in 100 units')
        return
    seen: dict[str, int] = {}
    for key, percent in percents.items():
        try:
            version = check_name(_version(key), "version")
        except InvalidValueError as error:
            yield InvalidValueError(error.message, field=path, hint=error.hint)
            continue
        if version in seen:
            yield InvalidValueError("the version stands here twice", field=(*path, version))
        yield from _version_problems(version, served, known, (*path, version))
        yield from _percent_problems(percent, (*path, version))
        seen[version] = percent if _is_percent(percent) else 0
    if sum(seen.values()) > 100:
        yield InvalidValueError(f"the percents add up to {sum(seen.values())}; at most 100 are allowed", field=path)


def _version(key: object) -> object:
    """Return the text of a version that was written as a plain whole number of at most 18 digits."""
    return str(key) if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < 10**18 else key


def _version_problems(
    version: str, served: str, known: Collection[str] | None, path: FieldPath
) -> Iterator[InvalidValueError]:
    if version == SALT:
        yield InvalidValueError(f"no version of a rollout may be called {SALT!r}", field=path)
    elif version == served:
        hint = "leave it out"
        yield InvalidValueError("this is the served version, which gets what the others leave", field=path, hint=hint)
    elif known is not None and version not in known:
        others = [other for other in known if other != served]
        hint = did_you_mean(version, others) or f"define {path[1]}@{version}"
        yield InvalidValueError(f"there is no version {spelled(version)}", field=path, hint=hint)


def _percent_problems(percent: object, path: FieldPath) -> Iterator[InvalidValueError]:
    if isinstance(percent, bool) or not isinstance(percent, int):
        kind = "a number with a fraction" if isinstance(percent, float) else kind_of(percent)
        yield InvalidValueError(f"must be a whole percent, 0 to 100, not {kind}", field=path)
    elif not _is_percent(percent):
        yield InvalidValueError("must be a whole percent, 0 to 100", field=path)


def _is_percent(percent: object) -> bool:
    return isinstance(percent, int) and not isinstance(percent, bool) and 0 <= percent <= 100
