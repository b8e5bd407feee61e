"""Prompts prepared for requests: what a template prints for the answers that it got, with places for the values.

A persona and a template do not change between requests. So a template is recorded for a set of session names, with
markers in the place of the values, and what is kept is the prompt in pieces with places. Where it asks something with
few answers (is there a text, is it true, is it equal to a constant), there is a prompt for each answer that came, in a
tree. No piece, question or answer holds a value of a session.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

from ..templating.assembly import Assembled, Section
from ..templating.events import Watch, flat
from ..templating.markers import Marker, Unfollowed, answered, defaulted, token_of
from ..templating.session import Record, escape, printable, shown
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


class Recording:
    """One run for a request: answers for the values of the session, and writes down what was asked."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[Question, Answer] = {}  # in the order in which they were asked

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

    def unfollowed(self, *_: object, **__: object) -> Any:
        raise Unfollowed

    test = count = each = derive = item = operate = unfollowed


class RecordedFilling(Filling):
    """Fills a persona's texts with places."""

    __slots__ = ("_recording",)

    def __init__(self, owner: str, values: Mapping[str, object], recording: Recording) -> None:
        super().__init__(owner, values, Watch())
        self._recording = recording

    def fill(self, text: str | Text) -> Any:
        if not isinstance(text, Text):
            return text
        self.watch.touch()
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
    __hash__ = None  # type: ignore[assignment]


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

    __slots__ = ("escapes", "names", "pieces", "places", "spans", "stable", "stable_fingerprint")

    def __init__(self, assembled: Assembled, *, escapes: bool) -> None:
        pieces: list[str] = [""]
        places: list[Key] = []
        at: list[tuple[int, int]] = []  # where each piece of the recording begins
        for piece in assembled.pieces:
            at.append((len(places), len(pieces[-1])))
            if isinstance(piece, Place):
                places.append(piece.key)
                pieces.append("")
            else:
                pieces[-1] += piece
        at.append((len(places), len(pieces[-1])))

        def merged(place: tuple[int, int]) -> int:
            piece, character = at[place[0]]
            return piece << 32 | character + place[1]

        # What is short is often the same for many personas, and kept once: less has to come into the processor's cache.
        self.pieces = tuple([_shared(piece) if len(piece) <= SHORT else piece for piece in pieces])
        self.places = tuple(places)
        self.names = _shared(tuple([name for name, _, _ in assembled.spans]))  # of its sections
        self.spans = array("Q", [merged(place) for _, *ends in assembled.spans for place in ends])  # and their places
        # No value was printed before the session was looked at: the stable prefix ends in the first piece.
        self.stable = None if assembled.stable is None else merged(assembled.stable)
        self.escapes = escapes
        self.stable_fingerprint: str | None = None  # worked out when it is asked for

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes."""
        return sum(map(len, self.pieces)) + 64 * len(self.pieces) + 400

    def filled(self, values: Values) -> list[str]:
        """Return the text in pieces, for neutralised values."""
        filled = [self.pieces[0]]
        for key, piece in zip(self.places, self.pieces[1:], strict=True):
            value = values[key]
            # In an xml prompt no value is just a str.
            filled.append(value if type(value) is str else shown(value, escapes=self.escapes) or "")
            filled.append(piece)
        return filled

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
        filling = RecordedFilling(ready.owner, {**ready.defaults, **markers}, recording)
        session = template.session(filling, markers)
        assembled, _ = template.record(ready, filling, session, recording)
    except Unfollowed:
        return recording, None
    return recording, Prepared(assembled, escapes=template.family.escapes)


Fill = Callable[[Mapping[str, object]], str | None]


def filler(tree: Tree, names: tuple[str, ...]) -> Fill | None:
    """Return a function from values as a caller gives them to the prompt.

    The function returns None for what is no plain text. There is none where a call gives more than variables.
    """
    root = tree.root
    if EXTRA in names or len(names) > MAX_NAMES or root is None:
        return None
    leaf, asked = _all_texts(root)
    if leaf is None:
        return _steered(tree, names)
    unprinted = [name for name in names if name not in leaf.places]
    filled = tuple([name for name in unprinted if name in asked])
    others = tuple([name for name in unprinted if name not in asked])
    return _maker(leaf.places, filled, others, leaf.escapes)(*leaf.pieces)


def _all_texts(node: Branch | Prepared | None) -> tuple[Prepared | None, set[Key]]:
    """Return the prompt of values that all have a text, where nothing else is asked, and the values that are asked."""
    asked: set[Key] = set()
    while type(node) is Branch:
        if node.question.kind != "text":
            return None, asked
        asked.add(node.question.key)
        node = node.answers.get(True)
    return (node if isinstance(node, Prepared) else None), asked


def _steered(tree: Tree, names: tuple[str, ...]) -> Fill:
    count = len(names)

    def fill(given: Mapping[str, object]) -> str | None:
        if len(given) != count:
            return None
        for name in names:
            value = given[name]
            if type(value) is not str or not value.isprintable():
                return None
        _, prompt = tree.find(given)
        if prompt is None:
            return None
        pieces = [prompt.pieces[0]]
        for key, piece in zip(prompt.places, prompt.pieces[1:], strict=True):
            value = given[key]  # type: ignore[index]  # no extra sections here
            pieces.append(escape(value) if prompt.escapes else value)  # type: ignore[arg-type]
            pieces.append(piece)
        return "".join(pieces)

    return fill


@lru_cache(maxsize=256)
def _maker(
    places: tuple[Key, ...], filled: tuple[str, ...], others: tuple[str, ...], escapes: bool
) -> Callable[..., Fill]:
    """Return what makes the filling function of pieces: Python for these places, one for all prompts that have them.

    What is `filled` is not printed, but a text in it is an answer on the way to the prompt.
    """
    printed = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(places))}
    unempty = dict(printed) | {name: f"u{number}" for number, name in enumerate(filled)}
    unprinted = {name: f"w{number}" for number, name in enumerate(others)}
    # What is printable has no line break, control character or surrogate: nothing to fold.
    tests = [f"type({v}) is str and {v} and {v}.isprintable()" for v in unempty.values()]
    tests += [f"type({w}) is str and {w}.isprintable()" for w in unprinted.values()]
    value = "{escape(%s)}" if escapes else "{%s}"
    body = "{p0}" + "".join(value % printed[name] + f"{{p{i}}}" for i, name in enumerate(places, 1))
    lines = [f"def make({', '.join(f'p{i}' for i in range(len(places) + 1))}):", " def fill(given):"]
    lines += [f"  if len(given) != {len(unempty) + len(unprinted)}:", "   return None"]
    lines += [f"  {variable} = given[{name!r}]" for name, variable in (*unempty.items(), *unprinted.items())]
    lines += [f"  if {' and '.join(tests) or 'True'}:", f"   return f'{body}'", "  return None", " return fill"]
    made: dict[str, Any] = {"escape": escape, "__name__": __name__}
    exec("\n".join(lines), made)  # names are written by repr, texts are arguments
    return made["make"]  # type: ignore[no-any-return]
