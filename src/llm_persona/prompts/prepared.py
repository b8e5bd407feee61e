"""Prompts prepared for requests: what a template prints for the answers that it got, with places for the values.

A persona and a template do not change between requests. So a template is recorded for a set of session names, with
markers in the place of the values, and what is kept is the prompt in pieces with places. Where it asks something with
few answers (is there a text, is it true, is it equal to a constant), there is a prompt for each answer that came, in a
tree. No piece, question or answer holds a value of a session.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar, cast

from ..templating.assembly import Assembled, Section
from ..templating.cost import CHARACTERS, PIECES, running, spend
from ..templating.events import Watch, flat
from ..templating.markers import Machine, Marker, Unfollowed, answered, defaulted, token_of
from ..templating.session import Family, Record, at_once, escape, printable, shown
from ..templating.templates import Template
from ..templating.views import Filling, Ready, Text

MAX_LEAVES = 32  # prompts of one template and set of names; a template with more of them is run
MAX_NAMES = 32  # of a function of its own
MAX_SECTIONS = 4  # extra ones; a prompt with more is run
BRANCH_SIZE = 400  # bytes, roughly
SHORT = 64  # characters of a piece that is often the same for many personas

_CONSTANTS = (str, int, float, bool, type(None))
Key = (
    str | tuple[str, int, int]
)  # a variable's name; of an extra section the number, and 0 for its name, 1 for its text
Values = Mapping[Any, object]
T = TypeVar("T", str, tuple[str, ...])


Answer = bool | int | None


class Question(NamedTuple):
    """What a template asks of one value of the session."""

    kind: str
    key: Key
    operand: object = None
    type: type = type(None)  # of the operand: 1 and True are two questions

    def answer(self, values: Values) -> Answer:
        """Return the answer for neutralised values. Raises TypeError for what cannot be compared."""
        value = values[self.key]
        if self.kind == "count":
            return len(value)  # type: ignore[arg-type]  # extra sections
        if self.kind == "text":
            text = printable(value)
            return None if text is None else bool(text)
        return answered(self.kind, value, self.operand)


class Place(NamedTuple):
    """Where a value is printed."""

    key: Key


class Recording(Machine):
    """One run for a request: answers for the values of the session, and writes down what was asked."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[Question, Answer] = {}  # in the order in which they were asked
        self.made = 0  # texts that values are in

    @property
    def questions(self) -> Iterator[tuple[Question, Answer]]:
        return iter(self._known.items())

    def ask(self, kind: str, marker: Marker, operand: object = None) -> bool:
        token = token_of(marker)
        if isinstance(token, list):
            if kind != "bool":
                raise Unfollowed
            return any(flat(token))
        if kind == "contains" or type(operand) not in _CONSTANTS:
            raise Unfollowed
        return bool(self.answer(Question(kind, token, operand, type(operand))))

    def answer(self, question: Question) -> Answer:
        if question not in self._known:
            self._known[question] = question.answer(self._values)
        return self._known[question]

    def place(self, key: Key) -> Place | str:
        """Return what is printed for a value: an empty text leaves no trace."""
        has_text = self.answer(Question("text", key))
        if has_text is None:
            raise Unfollowed
        return Place(key) if has_text else ""

    def printed(self, environment: Any, marker: Marker) -> list[Any]:
        token = token_of(marker)
        return ["", *token, ""] if isinstance(token, list) else [self.place(token)]

    def caught(self, pieces: list[Any], concat: object = None) -> Marker:
        self.made += 1
        spend(running.get().ticks, len(pieces) // PIECES)
        return Marker(self, pieces)

    def joined(self, environment: Any, parts: tuple[object, ...]) -> Marker:
        if environment.escapes:
            raise Unfollowed
        return self.caught([piece for part in parts for piece in environment.printed(part)])

    def filter(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> object:
        if name in ("default", "d") and type(arguments[0]) is Marker:
            return defaulted(*arguments, **named)
        raise Unfollowed

    def arranged(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> object:
        return function(*arguments, **named)  # where there is a marker, it is not followed


class RecordedFilling(Filling):
    """Fills a persona's texts with places."""

    __slots__ = ("_recording",)

    def __init__(self, ready: Ready, values: Mapping[str, object], recording: Recording) -> None:
        super().__init__(ready.owner, values, Watch(ready.shared))
        self._recording = recording

    def fill(self, text: str | Text) -> Any:
        if not isinstance(text, Text):
            return text
        self.watch.touch(text.names)
        place = self._recording.place
        return self._recording.caught([part if isinstance(part, str) else place(part.name) for part in text.parts])


class _Sections(Record):
    """Extra sections whose names and texts are markers: a template may loop over them, and count them."""

    __slots__ = ("_pairs",)
    _pairs: list[tuple[Marker, Marker]]

    def __init__(self, machine: Recording, count: int) -> None:
        super().__init__({str(number): None for number in range(count)})
        pairs = [(Marker(machine, (EXTRA, n, 0)), Marker(machine, (EXTRA, n, 1))) for n in range(count)]
        object.__setattr__(self, "_pairs", pairs)

    def items(self) -> Any:
        return self._pairs

    def _unfollowed(self, *_: object) -> Any:
        raise Unfollowed

    __getitem__ = __iter__ = __contains__ = __eq__ = values = keys = get = _unfollowed
    __hash__ = None  # type: ignore[assignment]  # as a class with __eq__ has it


EXTRA = "extra_sections"


def flattened(values: Mapping[str, object]) -> Values:
    """Return neutralised values with the names and texts of extra sections beside them, each under a key of its own."""
    sections = values.get(EXTRA)
    if not sections:
        return values
    flat_: dict[Any, object] = dict(values)
    for number, pair in enumerate(sections.items()):  # type: ignore[attr-defined]  # a Record
        flat_[EXTRA, number, 0], flat_[EXTRA, number, 1] = pair
    return flat_


class Prepared:
    """A prompt with places for values."""

    __slots__ = ("_stable", "escapes", "most", "names", "pieces", "places", "spans")

    def __init__(self, assembled: Assembled, *, escapes: bool, most: int) -> None:
        parts: list[list[str]] = [[]]
        length = 0  # of the last of them
        places: list[Key] = []
        at: list[tuple[int, int]] = []  # where each piece of the recording begins
        for piece in assembled.pieces:
            at.append((len(places), length))
            if isinstance(piece, Place):
                places.append(piece.key)
                parts.append([])
                length = 0
            else:
                parts[-1].append(piece)
                length += len(piece)
        at.append((len(places), length))
        pieces = list(map("".join, parts))

        def merged(place: tuple[int, int]) -> int:
            piece, character = at[place[0]]
            return piece << 32 | character + place[1]

        # What is short is often the same for many personas, and kept once: less has to come into the processor's cache.
        self.pieces = tuple([_shared(piece) if len(piece) <= SHORT else piece for piece in pieces])
        self.places = tuple(places)
        self.names = _shared(tuple([name for name, _, _ in assembled.spans]))  # of its sections
        self.spans = array("Q", [merged(place) for _, *ends in assembled.spans for place in ends])  # and their places
        self.escapes = escapes
        # Characters of a prompt that a run surely stays within its limits with; a longer one is run.
        self.most = most
        end = assembled.stable
        self._stable = None if end is None else (merged((end.pieces, 0)), end)

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes."""
        return sum(map(len, self.pieces)) + 64 * len(self.pieces) + 400

    def filled(self, values: Values) -> list[str]:
        """Return the text in pieces, for neutralised values."""
        escapes = self.escapes
        filled = [""] * (2 * len(self.places) + 1)
        filled[::2] = self.pieces
        filled[1::2] = [
            value if type(value := values[key]) is str and not escapes else shown(value, escapes=escapes) or ""
            for key in self.places
        ]
        return filled

    def stable_length(self, filled: list[str]) -> int:
        """Return how many characters of a filled text are stable."""
        if self._stable is None:
            return sum(map(len, filled))
        place, end = self._stable
        before = 2 * (place >> 32)
        return end.length("".join([*filled[:before], filled[before][: place & 0xFFFFFFFF]]))

    def sections(self, filled: list[str]) -> tuple[Section, ...]:
        """Return each section's name, and where it begins and ends in a filled text."""
        begins = [0, *accumulate(map(len, filled))][::2]
        places = [begins[place >> 32] + (place & 0xFFFFFFFF) for place in self.spans]
        return tuple(zip(self.names, places[::2], places[1::2], strict=True))


@lru_cache(maxsize=4096)
def _shared(piece: T) -> T:
    """Return one text, or list of names, for all equal ones, so that less has to come into the processor's cache."""
    return piece


class Branch:
    """A question of a template, and what comes of each answer; None: the template is run."""

    __slots__ = ("answers", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.answers: dict[Answer, Branch | Prepared | None] = {}


class Tree:
    """The prompts of one template and set of names, by the answers to what it asks."""

    __slots__ = ("_answers", "leaves", "size")

    def __init__(self) -> None:
        self._answers: dict[Answer, Branch | Prepared | None] = {}  # of no question: only None is in it
        self.leaves = 0
        self.size = 0

    @property
    def root(self) -> Branch | Prepared | None:
        return self._answers.get(None)

    def find(self, values: Values) -> tuple[bool, Prepared | None]:
        """Return whether it is known what comes of these values, and the prompt; None where the template is run."""
        node = self._answers.get(None)
        while type(node) is Branch:
            try:
                answer = node.question.answer(values)
            except TypeError:  # the run says what cannot be compared
                return True, None
            if answer not in node.answers:
                return False, None
            node = node.answers[answer]
        return self.leaves > 0, node  # type: ignore[return-value]  # a prompt or None

    def add(self, recording: Recording, prompt: Prepared | None) -> None:
        """Keep what came of a recording. Where it is one too many, nothing is kept: the template is run."""
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            self._answers, self.size = {}, 0
            return
        answers, last = self._answers, None
        for question, answer in recording.questions:
            branch = answers.get(last)
            if type(branch) is not Branch:
                branch = answers[last] = Branch(question)
                self.size += BRANCH_SIZE
            answers, last = branch.answers, answer
        answers[last] = prompt
        self.size += 0 if prompt is None else prompt.size


def record(template: Template, ready: Ready, values: Values) -> tuple[Recording, Prepared | None]:
    """Record a template for neutralised and flattened values; None where it has to be run. Raises what Jinja2 raises."""
    recording = Recording(values)
    names = [name for name in values if type(name) is str]
    markers: dict[str, object] = {name: Marker(recording, name) for name in names}
    try:
        if EXTRA in values:
            count = recording.answer(Question("count", EXTRA))
            if count is None or count > MAX_SECTIONS:
                raise Unfollowed
            markers[EXTRA] = _Sections(recording, count)
        filling = RecordedFilling(ready, {**ready.defaults, **markers}, recording)
        session = template.session(filling, markers)
        assembled, _ = template.record(ready, filling, session, recording)
    except Unfollowed:
        return recording, None
    most = min(template.limits.size, (template.limits.steps - recording.spent) * CHARACTERS // (1 + recording.made))
    return recording, Prepared(assembled, escapes=template.family.escapes, most=most)


Fill = Callable[[Mapping[str, object]], str | None]


def unready(given: Mapping[str, object]) -> str | None:
    """Fill no prompt: what there is until one is prepared."""
    return None


def filler(tree: Tree, names: tuple[str, ...], nulls: tuple[str, ...], family: Family) -> Fill:
    """Return a function from values as a caller gives them, those under `nulls` null, to the prompt.

    The function returns None for other names, and for what is neither a text nor a number.
    """
    root = tree.root
    if EXTRA in names or len(names) > MAX_NAMES or root is None:
        return unready
    leaf, asked = _all_texts(root)
    if leaf is None:
        return partial(_steered, names, nulls, family, tree)
    places = cast("tuple[str, ...]", leaf.places)  # no extra sections here
    printed = tuple(dict.fromkeys(places))
    unprinted = [name for name in names if name not in printed]
    filled = tuple([name for name in unprinted if name in asked])
    others = tuple([name for name in unprinted if name not in asked])
    most = leaf.most - sum(map(len, leaf.pieces))
    make = _maker(tuple(map(printed.index, places)), len(filled), len(others), len(nulls), family)
    steered = partial(_steered, names, nulls, family, tree)
    return make(steered, most, *printed, *filled, *others, *nulls, *leaf.pieces)


def _all_texts(node: Branch | Prepared | None) -> tuple[Prepared | None, set[Key]]:
    """Return the prompt of values that all have a text, where nothing else is asked, and the values that are asked."""
    asked: set[Key] = set()
    while type(node) is Branch:
        if node.question.kind != "text":
            return None, asked
        asked.add(node.question.key)
        node = node.answers.get(True)
    return (node if isinstance(node, Prepared) else None), asked


def _steered(
    names: tuple[str, ...], nulls: tuple[str, ...], family: Family, tree: Tree, given: Mapping[str, object]
) -> str | None:
    """Fill the prompt of the answers that values of these names give."""
    if len(given) != len(names) + len(nulls) or (nulls and any(given.get(name, name) is not None for name in nulls)):
        return None
    values: dict[str, object] = {}
    for name in names:
        value = given.get(name)
        text = at_once(family, value)
        if text is None:
            return None
        values[name] = value if type(value) is int else text
    _, prompt = tree.find(values)
    if prompt is None:
        return None
    filled = prompt.filled(values)
    return "".join(filled) if sum(map(len, filled)) <= prompt.most else None


@lru_cache(maxsize=256)
def _maker(places: tuple[int, ...], filled: int, others: int, nulls: int, family: Family) -> Callable[..., Fill]:
    """Return what makes the filling function of names and pieces: Python for these places, one for all that have them.

    The places are the numbers of the names that are printed, which come first. What is `filled` is not printed, but a
    text in it is an answer on the way to the prompt. What has another answer is looked up in the tree.
    """
    printed = len(set(places))
    count = printed + filled + others + nulls
    lines = [f"if len(given) != {count}:", " return None", "try:", " pass"]
    lines += [f" v{number} = given[n{number}]" for number in range(count)]
    lines += ["except KeyError:", " return None"]  # no signal handler's: none is called within look-ups
    for number in range(count):
        v = f"v{number}"
        if number >= count - nulls:
            lines += [f"if {v} is not None:", " return None"]
            continue
        # What is printable is one line.
        lines += [f"if type({v}) is not str or not {v} or not {v}.isprintable():", f" {v} = at_once({v})"]
        lines += (
            [f" if {v} is None:", "  return None"]
            if number >= printed + filled
            else [f" if not {v}:", "  return steered(given)"]
        )
        if family.escapes and number < printed:
            lines += [f"if '&' in {v} or '<' in {v} or '>' in {v}:", f" {v} = escape({v})"]
    body = "{p0}" + "".join(f"{{v{number}}}{{p{i}}}" for i, number in enumerate(places, 1))
    if printed:
        lengths = [(f"len(v{number})", times) for number, times in Counter(places).items()]
        length = " + ".join(each if times == 1 else f"{times} * {each}" for each, times in lengths)
        lines += [f"if {length} > most:", " return None"]
    lines += [f"return f'{body}'"]
    names = [f"n{number}" for number in range(count)]
    arguments = ", ".join(["steered", "most", *names, *(f"p{i}" for i in range(len(places) + 1))])
    source = [f"def make({arguments}):", " def fill(given):", *(f"  {line}" for line in lines), " return fill"]
    made: dict[str, Any] = {"escape": escape, "at_once": partial(at_once, family), "__name__": __name__}
    exec("\n".join(source), made)  # numbers alone; names and texts are arguments
    return made["make"]  # type: ignore[no-any-return]  # the function that was written
