"""Sessions that a handler may pass, tried out by the code that renders: whatever fails here fails for a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from itertools import combinations, islice, product

from .errors import PersonaError, TemplateError
from .plans import Plans
from .precompiled import Precompiler
from .session import Multiline, Trusted
from .templates import Template
from .texts import PersonaTexts

MAX_ATTEMPTS = 128  # of one persona and set of names, where that is all there are
MAX_PAIRS = 32  # otherwise, beside each variant of each value by itself
MAX_SUBSETS = 32  # of the names that are passed only sometimes
MAX_VARIANTS = 24  # of one value

# Words, blanks, and what filters make odd numbers of.
TEXTS = ("x", "1", "0", "-5", "9" * 12, "inf", " ", ",", "Ana Maria Lopez " * 20)
EXTRA = {"x": "x"}  # extra sections


@dataclass(frozen=True, slots=True)
class SessionSample:
    """What a handler passes: the names, and values for trying them out where there are some. None: nobody knows."""

    names: frozenset[str] | None = None  # that are always passed
    given: Mapping[str, object] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()  # that are passed only sometimes


def failures(texts: PersonaTexts, template: Template, session: SessionSample) -> tuple[list[PersonaError], bool]:
    """Return what goes wrong with values of the samples' kinds, or any texts, the first at each place; and whether all does."""
    render = Plans(texts, precompiling=False)
    found: dict[object, PersonaError] = {}
    always = True
    for values in _sessions(texts, template, session):
        try:
            render.text(template, values, None)
            always = False
        except PersonaError as error:
            found.setdefault(_place(error), error)
    return list(found.values()), always


def _place(error: PersonaError) -> object:
    """Return where an error is, or all that it says: what else it says may hang on the value that was tried."""
    return (error.path, error.line) if isinstance(error, TemplateError) else error.field or str(error)


def _sessions(texts: PersonaTexts, template: Template, session: SessionSample) -> Iterator[dict[str, object]]:
    always = session.names or frozenset()
    steering = texts.names | template.session_names
    for chosen in _subsets(sorted(session.optional & steering if not template.dynamic else session.optional)):
        names = sorted(always.union(chosen))
        kinds = {name: session.given.get(name, EXTRA if name == "extra_sections" else "x") for name in names}
        only_texts = all(type(value) is str for value in kinds.values())
        if only_texts and Precompiler(texts, template, tuple(names)).whole() is not None:
            yield kinds  # it only prints them, so any text will do
        else:
            asked = [name for name in names if template.dynamic or name in steering]
            yield from _assignments(kinds, asked, lambda value: _variants(value, _constants(template)))


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield no names, all of them, and then what lies between, the smallest and the largest first."""
    sizes = sorted(range(len(names) + 1), key=lambda size: min(size, len(names) - size))
    return islice((each for size in sizes for each in combinations(names, size)), MAX_SUBSETS)


def _assignments(
    kinds: Mapping[str, object], names: list[str], variants: Callable[[object], list[object]]
) -> Iterator[dict[str, object]]:
    """Yield sessions in which each name has each of its variants at least once; all there are, where they are few."""
    of_names = {name: variants(kinds[name]) for name in names}
    total = 1
    for each in of_names.values():
        total *= len(each)
    if total <= MAX_ATTEMPTS:
        for values in product(*of_names.values()):
            yield {**kinds, **dict(zip(names, values, strict=True))}
        return
    widest = max(map(len, of_names.values()))
    yield from ({**kinds, **{n: each[i % len(each)] for n, each in of_names.items()}} for i in range(widest))
    yield from ({**kinds, name: value} for name, each in of_names.items() for value in each)
    pairs = (
        {**kinds, one: first, other: second}
        for one, other in combinations(names, 2)
        for first, second in product(of_names[one], of_names[other])
    )
    yield from islice(pairs, MAX_PAIRS)


def _constants(template: Template) -> list[object]:
    """Return what the product's templates compare with: texts, and numbers with their neighbours."""
    found = set().union(*(syntax.constants for syntax in template.syntaxes.values()))
    numbers = {n + step for n in found if type(n) is int for step in (-1, 0, 1)}
    return [*sorted(text for text in found if isinstance(text, str) and text), *sorted(numbers)]


def _variants(value: object, constants: Iterable[object]) -> list[object]:
    """Return values of the kind of one, itself first."""
    constants = list(constants)
    unique = {(type(each), repr(each)): each for each in _alike(value, constants)}
    return list(islice(unique.values(), MAX_VARIANTS))


def _alike(value: object, constants: list[object]) -> Iterator[object]:
    yield value
    if isinstance(value, Enum):
        yield from type(value)
    elif isinstance(value, str):
        kind = type(value) if isinstance(value, Multiline | Trusted) else str
        yield from map(kind, (*TEXTS, *map(str, constants)))
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float | Decimal):
        yield from map(type(value), (0, -1, 1, *(each for each in constants if isinstance(each, int))))
    elif isinstance(value, Mapping):
        yield from ({**value, name: other} for name, each in value.items() for other in _alike(each, constants))
    elif isinstance(value, list | tuple):
        yield []
        yield from ([other] for other in (_alike(value[0], constants) if value else ()))
