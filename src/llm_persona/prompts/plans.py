"""The prompts of one persona: all that is known of each before the values of a session come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol
from weakref import ref

from ..errors import let_through
from ..templating.assembly import Assembled, Section
from ..templating.session import Session, neutralise
from ..templating.templates import Template
from ..templating.views import Ready
from .budget import Budget
from .prepared import Fill, Prepared, Tree, filler, flattened, record
from .prompt import Facts, Prompt
from .texts import PersonaTexts

MAX_CALLS = 1_024  # of one persona: templates times sets of session names


class Plan:
    """What is known of the prompts of a template, for the names of a session's variables: all but their values.

    A prompt is prepared when it is asked for the second time: most that are asked for once never come again.
    """

    __slots__ = ("__weakref__", "_of", "_ready", "_tree", "_used", "calls", "names")

    def __init__(self, texts: PersonaTexts, template: Template, names: tuple[str, ...], budget: Budget | None) -> None:
        self._of = texts, template, budget
        self._tree = Tree()
        self._ready: Ready | None = None  # where the template is run
        self._used = False
        self.names = names
        self.calls: list[ref[Call]] = []

    @property
    def tree(self) -> Tree:
        return self._tree

    def forget(self) -> None:
        """Give up what is prepared, and the functions that were made of it."""
        self._tree = Tree()
        for each in self.calls[:]:
            if (call := each()) is not None:
                call.forget()

    def assemble(self, values: Mapping[str, object]) -> Assembled | Filled:
        """Return the prompt for neutralised values.

        Raises TemplateError or InvalidValueError where a value is misused.
        """
        texts, template, budget = self._of
        if budget is not None and self._used:
            flat = flattened({name: values[name] for name in self.names})  # what is unused is another call's to lack
            known, prompt = self._tree.find(flat)
            if not known:
                prompt = self._record(flat, budget)
            if prompt is not None:
                return Filled(prompt, prompt.filled(flat))
        self._used = True
        if self._ready is None:
            self._ready = texts.ready_for(template.family, self.names)
        return template.run(self._ready, values)

    def _record(self, values: Mapping[Any, object], budget: Budget) -> Prepared | None:
        texts, template, _ = self._of
        tree = self._tree
        try:
            recording, prompt = record(template, texts.ready_for(template.family, self.names), values)
        except Exception as error:  # what is wrong, if anything is, the plain run says
            let_through(error)
            return None
        before = tree.size
        tree.add(recording, prompt)
        if prompt is not None:
            self._ready = None
        budget.take(self, max(tree.size - before, 0))
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
        stable = self.prompt.stable
        return len(self.text) if stable is None else stable

    @property
    def sections(self) -> tuple[Section, ...]:
        return self.prompt.sections(self.pieces)


class Call:
    """A plan with the names of one call, some of which may be unused."""

    __slots__ = ("__weakref__", "fill", "named", "plan", "seen", "session_names", "template", "unused")

    def __init__(
        self, plan: Plan, template: Template, names: tuple[str, ...], unused: tuple[str, ...], *, named: bool
    ) -> None:
        self.plan = plan
        self.template = template
        self.named = named  # by the call
        self.session_names = tuple(sorted(names))
        self.unused = unused
        self.seen: Tree | None = None  # what `fill` was made of
        self.fill: Fill | None = None
        plan.calls.append(ref(self, plan.calls.remove))

    def prepare(self, names: tuple[str, ...]) -> None:
        """Make the function that fills the prompt, where the plan has something new to make it of."""
        if self.plan.tree is not self.seen and self.plan.tree.leaves:
            self.seen = self.plan.tree
            self.fill = filler(self.seen, names)

    def forget(self) -> None:
        self.seen = self.fill = None


class Explained(Protocol):
    """What is asked for the lines of a prompt."""

    def __call__(self, template: Template, session: Mapping[str, object]) -> tuple[Any, ...]: ...


Key = tuple[str | None, ...]  # the template that a call named, and the names of its session


class Plans:
    """Makes the prompts of one complete persona. A full memo gives up its oldest entry; no session value is kept."""

    __slots__ = ("_budget", "_calls", "_plans", "ready", "texts")

    def __init__(self, texts: PersonaTexts, budget: Budget | None) -> None:
        self.texts = texts
        self._budget = budget  # None: every prompt is run
        self._calls: dict[Key, Call] = {}
        self._plans: dict[Key, Plan] = {}
        self.ready: dict[str | None, Call] = {}  # the newest that can be filled, by the template that a call named

    def __len__(self) -> int:
        return len(self._plans)

    def text(self, name: str | None, template: Callable[[], Template], given: Mapping[str, object]) -> str:
        """Return the prompt's text in a template, which the call named so; raises as `Persona.render` does."""
        call, given = self._call(name, given)
        if call is not None and (fill := call.fill) is not None:
            text = fill(given)
            if text is not None:
                self.ready[name] = call
                return text
        return self._assemble(name, template, call, given)[2].text

    def render(
        self, name: str | None, template: Callable[[], Template], given: Mapping[str, object], explain: Explained | None
    ) -> Prompt:
        """Return the prompt in a template, which the call named so; raises as `Persona.render` does."""
        call, given = self._call(name, given)
        if call is not None and (fill := call.fill) is not None:
            text = fill(given)
            if text is not None:
                self.ready[name] = call
                return self.late(call, text, given, explain)
        call, session, assembled = self._assemble(name, template, call, given)
        return Prompt.late(assembled.text, partial(self._facts, call, session, assembled, explain))

    def late(self, call: Call, text: str, given: Mapping[str, object], explain: Explained | None) -> Prompt:
        """Return the prompt of a text that a call's function filled in."""
        return Prompt.late(text, partial(self._late_facts, call, call.seen, given, explain))

    def _late_facts(
        self, call: Call, tree: Tree | None, given: Mapping[str, object], explain: Explained | None
    ) -> Facts:
        session = neutralise(given, call.template.family)
        prompt = None if tree is None else tree.find(session.values)[1]
        if prompt is None:  # it was filled, and then given up, or had one answer too many
            return self._facts(call, session, call.plan.assemble(session.values), explain)
        return self._facts(call, session, Filled(prompt, prompt.filled(session.values)), explain)

    def _facts(self, call: Call, session: Session, assembled: Assembled | Filled, explain: Explained | None) -> Facts:
        persona = self.texts.persona
        return Facts(
            persona=persona.name,
            version=persona.version,
            template=call.template.name,
            stable_length=assembled.stable_length,
            unused=call.unused,
            folded=session.folded,
            session_names=call.session_names,
            persona_fingerprint=self.texts.fingerprint(call.template),
            template_fingerprint=call.template.fingerprint,
            key=persona.key,
            template_named=call.named,
            spans=assembled.sections,
            fields=partial(self.texts.field_fingerprints, call.template),
            explain=None if explain is None else partial(explain, call.template, session.values),
        )

    def _call(self, name: str | None, given: Mapping[str, object]) -> tuple[Call | None, Mapping[str, object]]:
        """Return what is known of a call; what is null in it is not given."""
        call = self._calls.get((name, *given))
        if call is None and any(value is None for value in given.values()):
            given = {each: value for each, value in given.items() if value is not None}
            call = self._calls.get((name, *given))
        return call, given

    def _assemble(
        self, name: str | None, template: Callable[[], Template], call: Call | None, given: Mapping[str, object]
    ) -> tuple[Call, Session, Assembled | Filled]:
        chosen = template() if call is None else call.template
        session = neutralise(given, chosen.family)
        names = tuple(session.values)
        if call is None or len(names) != len(given):
            call = self._calls.get((name, *names)) or self._new_call(name, chosen, session, given)
        assembled = call.plan.assemble(session.values)
        call.prepare(names)
        if call.fill is not None:
            self.ready[name] = call
        return call, session, assembled

    def _new_call(self, name: str | None, template: Template, session: Session, given: Mapping[str, object]) -> Call:
        """Return the call of these names, checked once; names that nothing uses make no prompt of their own."""
        unused = self.texts.check_names(template, session.values, given)
        used = tuple([each for each in session.values if each not in unused])
        plan = self._plans.get((name, *used))
        if plan is None:
            plan = Plan(self.texts, template, used, self._budget)
            _keep(self._plans, (name, *used), plan)
        call = Call(plan, template, tuple(session.values), unused, named=name is not None)
        _keep(self._calls, (name, *session.values), call)
        return call


def _keep(memo: dict[Key, Any], key: Key, value: object) -> None:
    if len(memo) >= MAX_CALLS:
        memo.pop(next(iter(memo)), None)
    memo[key] = value
