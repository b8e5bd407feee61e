"""The prompts of one persona: all that is known of each before the values of a session come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary, ref

from ..errors import TemplateError, let_through
from ..templating.assembly import Assembled, Section
from ..templating.session import Session, neutralise
from ..templating.shared_values import SharedValues
from ..templating.templates import Template
from ..templating.views import Ready
from .budget import Budget, Keeper
from .prepared import Fill, Prepared, Tree, filler, flattened, record, unready
from .prompt import Facts, Own, Prompt, Source
from .texts import PersonaTexts

MAX_CALLS = 1_024  # of one persona: templates times sets of session names
CALL_SIZE = 4_000  # bytes, roughly, that a call takes with its function


class Plan(Keeper):
    """What is known of the prompts of a template, for the names of a session's variables: all but their values.

    A prompt is prepared when it is asked for the second time: most that are asked for once never come again.
    """

    __slots__ = ("_memory", "_of", "_ready", "calls", "names", "shared", "shared_length", "tree")

    def __init__(
        self,
        texts: PersonaTexts,
        template: Template,
        names: tuple[str, ...],
        budget: Budget,
        shared: frozenset[str] = frozenset(),
        *,
        precompile: bool,
    ) -> None:
        self._of = texts, template, precompile
        self._memory = budget
        self.shared = shared.intersection(names)  # those that `with_session` gave
        self._ready: Ready | None = None  # where the template is run
        self.tree = Tree()
        self.names = names
        self.shared_length: int | None = None  # until a prompt was made: it is the same in all of them
        self.calls: list[ref[Call]] = []

    def forget(self) -> None:
        """Give up what is prepared, and the functions that were made of it."""
        self.tree, self._ready = Tree(), None
        for each in self.calls[:]:
            if (call := each()) is not None:
                call.unprepare()

    def assemble(self, values: Mapping[str, object]) -> Assembled | Filled:
        """Return the prompt for neutralised values.

        Raises TemplateError or InvalidValueError where a value is misused.
        """
        texts, template, precompile = self._of
        if precompile and self.shared_length is not None:
            flat = flattened(values)
            known, prompt = self.tree.find(flat)
            if not known:
                prompt = self._record(values)
            if prompt is not None:
                filled = prompt.filled(flat)
                if sum(map(len, filled)) <= prompt.most:
                    return Filled(prompt, filled)
        ready = self._ready
        if ready is None:
            ready = self._ready = texts.ready_for(template.family, self.names, self.shared)
            self._memory.take(self, texts.size)  # which may be too much to keep, and forget it again
        assembled = template.run(ready, values)
        if self.shared_length is None:
            self.shared_length = assembled.shared_length
        return assembled

    def _record(self, values: Mapping[str, object]) -> Prepared | None:
        texts, template, _ = self._of
        tree = self.tree
        used = flattened({name: values[name] for name in self.names})  # what is unused is another call's to lack
        try:
            recording, prompt = record(template, texts.ready_for(template.family, self.names, self.shared), used)
        except Exception as error:  # what is wrong, if anything is, the plain run says
            let_through(error)
            return None
        before = tree.size
        tree.add(recording, prompt)
        if prompt is not None:
            self._ready = None
        self._memory.take(self, max(tree.size - before, 0))
        return prompt


class Filled(NamedTuple):
    """A prepared prompt with the values of one call."""

    prompt: Prepared
    pieces: list[str]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def stable_length(self) -> int:
        return self.prompt.stable_length(self.pieces)

    @property
    def sections(self) -> tuple[Section, ...]:
        return self.prompt.sections(self.pieces)


class Call(Keeper, Source):
    """A plan with the names of one call, some of which may be unused, and those of what is null in it."""

    __slots__ = ("_facts", "_of", "_seen", "fill", "key", "names", "nulls", "plan", "template", "unused")

    def __init__(
        self,
        plans: Plans,
        key: Key,
        plan: Plan,
        template: Template,
        names: tuple[str, ...],
        nulls: tuple[str, ...],
        unused: tuple[str, ...],
        *,
        named: bool,
    ) -> None:
        self._of = plans, named  # by the call
        self._facts: Facts | None = None
        self._seen = 0  # prompts, that `fill` was made of
        self.fill: Fill = unready
        self.key = key
        self.names = names
        self.nulls = nulls
        self.plan = plan
        self.template = template
        self.unused = unused
        plan.calls.append(ref(self, plan.calls.remove))

    def prepare(self) -> None:
        """Make the function that fills the prompt, where the plan has something new to make it of."""
        tree = self.plan.tree
        if tree.leaves != self._seen:
            self._seen, self.fill = tree.leaves, filler(tree, self.names, self.nulls, self.template.family)
            if tree is not self.plan.tree:  # it was given up meanwhile
                self.unprepare()

    def unprepare(self) -> None:
        self._seen, self.fill = 0, unready

    def forget(self) -> None:
        """Be given up: a plan goes with the last of its calls."""
        plans, _ = self._of
        plans.give_up(self)

    def facts(self) -> Facts:
        """Return what is the same for all prompts of this call."""
        if self._facts is None:
            plans, named = self._of
            texts, template, persona = plans.texts, self.template, plans.texts.persona
            self._facts = Facts(
                persona=persona.name,
                version=persona.version,
                template=template.name,
                shared_length=self.plan.shared_length or 0,
                unused=self.unused,
                session_names=tuple(sorted(self.names)),
                persona_fingerprint=texts.fingerprint(template),
                template_fingerprint=template.fingerprint,
                key=persona.key,
                template_named=named,
                goes_on=bool(self.plan.shared),
                fields=partial(texts.field_fingerprints, template),
            )
        return self._facts

    def own(self, given: Mapping[str, object]) -> Own:
        """Return what is known of the prompt of these values alone."""
        session = neutralise(given, self.template.family)
        return self.told(session, self.plan.assemble(session.values))

    def told(self, session: Session, assembled: Assembled | Filled) -> Own:
        explain = self._of[0].explain
        lines = None if explain is None else partial(explain, self.template, session.values)
        return Own(session.folded, assembled.sections, lines, assembled.stable_length if self.plan.shared else None)


class FillsWithin:
    """The calls that fill their prompts at once, for a persona that has some of the values, and holds this with them."""

    __slots__ = ("_ready", "_shared")

    def __init__(self, ready: Mapping[str | None, Call], shared: SharedValues) -> None:
        self._ready = ready
        self._shared = shared

    def __getitem__(self, name: str | None) -> FillWithin:
        return FillWithin(self._ready[name].fill, self._shared)


class FillWithin(NamedTuple):
    """What fills the prompt of a call that gives the other values."""

    whole: Fill
    shared: SharedValues

    def fill(self, given: Mapping[str, object]) -> str | None:
        return self.whole(self.shared.with_session(given))


# What is asked for the lines of a prompt; it may know none.
Explained = Callable[[Template, Mapping[str, object]], tuple[Any, ...] | None]


# The template that a call named, and the names of its session, each that is null in a tuple.
Key = tuple[str | tuple[str] | None, ...]


class Plans:
    """Makes the prompts of one complete persona. A full memo gives up its oldest entry; no session value is kept."""

    __slots__ = (
        "_budget",
        "_calls",
        "_plans",
        "_precompile",
        "_shared",
        "_template",
        "_within",
        "explain",
        "ready",
        "texts",
    )

    def __init__(
        self,
        texts: PersonaTexts,
        budget: Budget,
        template: Callable[[str | None], Template],
        explain: Explained | None = None,
        shared: frozenset[str] = frozenset(),
        *,
        precompile: bool = True,
    ) -> None:
        self.texts = texts
        self.explain = explain
        self._budget = budget
        self._precompile = precompile  # else every prompt is run
        self._template = template  # that is meant where a call names one, or none
        self._shared = shared  # the names that `with_session` gave
        self._within: dict[frozenset[str], Plans] = {}  # by these names, whatever their values
        self._calls: dict[Key, Call] = {}
        self._plans: WeakValueDictionary[Key, Plan] = WeakValueDictionary()  # those of calls
        self.ready: dict[str | None, Call] = {}  # the newest that can be filled, by the template that a call named

    def __len__(self) -> int:
        return len(self._plans)

    def within(self, shared: frozenset[str]) -> Plans:
        """Return the plans of the same persona for sessions that share the values of these names, among them ours."""
        found = self._within.get(shared)
        if found is None:
            own = self.texts, self._budget, self._template, self.explain, shared
            found = Plans(*own, precompile=self._precompile)
            found._within = self._within
            if len(self._within) >= MAX_CALLS:
                self._within.clear()
            self._within[shared] = found
        return found

    def text(self, name: str | None, given: Mapping[str, object]) -> str:
        """Return the prompt's text in a template, which the call named so; raises as `Persona.render` does."""
        call = self._calls.get((name, *given))
        fill = unready if call is None else call.fill
        text = fill(given)
        if call is None or text is None:
            call, text, _ = self._make(name, given)
        self.ready[name] = call
        return text

    def tree(self, name: str | None, given: Iterable[str]) -> Tree | None:
        """Return what is prepared for sessions that give these names, in this order; None where nothing is."""
        call = self._calls.get((name, *given))
        return None if call is None else call.plan.tree

    def render(self, name: str | None, given: Mapping[str, object]) -> Prompt:
        """Return the prompt in a template, which the call named so; raises as `Persona.render` does."""
        call = self._calls.get((name, *given))
        fill = unready if call is None else call.fill
        text = fill(given)
        if call is not None and text is not None:
            return Prompt.late(text, call, given)
        call, text, made = self._make(name, given)
        return Prompt.late(text, call, given if made is None else call.told(*made))

    def _make(
        self, name: str | None, given: Mapping[str, object]
    ) -> tuple[Call, str, tuple[Session, Assembled | Filled] | None]:
        """Return a call and its text, and where that could not be filled in, what it was made of."""
        key: Key = (name, *[each if given[each] is not None else (each,) for each in given])
        call = self._calls.get(key)
        if call is not None and call.nulls:
            text = call.fill(given)
            if text is not None:
                return call, text, None
        template = self._template(name) if call is None else call.template
        session = neutralise(given, template.family)
        if call is None or len(session.values) != len(call.names):  # a lazy value may be null
            key = (name, *[each if each in session.values else (each,) for each in given])
            call = self._calls.get(key)
            if call is None:
                call = self._calls[key] = self._new_call(name, key, template, session, given)
                self._budget.take(call, CALL_SIZE)
                if len(self._calls) > MAX_CALLS:
                    self.give_up(list(self._calls.values())[0])  # noqa: RUF015 - other threads add some meanwhile
        try:
            assembled = call.plan.assemble(session.values)
        except TemplateError as error:
            raise self.texts.without_role(error) from None
        call.prepare()
        self.ready[name] = call
        return call, assembled.text, (session, assembled)

    def give_up(self, call: Call) -> None:
        """Forget one call; who holds it may still use it."""
        self._calls.pop(call.key, None)
        for name, each in [*self.ready.items()]:
            if each is call:
                self.ready.pop(name, None)

    def _new_call(
        self, name: str | None, key: Key, template: Template, session: Session, given: Mapping[str, object]
    ) -> Call:
        """Return the call of these names, checked once; names that nothing uses make no prompt of their own."""
        unused = self.texts.check_names(template, session.values, given)
        used = tuple([each for each in session.values if each not in unused])
        plan = self._plans.get((name, *used))
        if plan is None:
            plan = Plan(self.texts, template, used, self._budget, self._shared, precompile=self._precompile)
            self._plans[(name, *used)] = plan
        nulls = tuple([each for each in given if each not in session.values])
        return Call(self, key, plan, template, tuple(session.values), nulls, unused, named=name is not None)
