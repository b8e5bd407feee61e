"""The prompts of one persona: all that is known of each before the values of a session come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .assembly import Assembled
from .precompiled import Precompiled, Precompiler
from .prompt import Prompt
from .session import Session, neutralise
from .templates import Template
from .texts import PersonaTexts

MAX_PLANS = 64  # of one persona: templates times sets of session names

Explain = Callable[[Mapping[str, object]], tuple[Any, ...]]


class Plan:
    """What is known of the prompts of a template, for the names of a session's variables: all but their values."""

    __slots__ = ("_of", "_precompiler", "names", "prompt", "unused")

    def __init__(
        self,
        texts: PersonaTexts,
        template: Template,
        names: tuple[str, ...],
        unused: tuple[str, ...],
        *,
        precompiling: bool,
    ) -> None:
        self._of = texts, template, names if precompiling else None
        self._precompiler: Precompiler | None = None  # made where the template is run, which most never are
        self.names = tuple(sorted(names))
        self.unused = unused
        # None where the session steers the template. Extra sections are no texts to fill in.
        self.prompt = Precompiler(*self._of).whole() if precompiling and "extra_sections" not in names else None

    def assemble(self, values: Mapping[str, object]) -> Assembled:
        """Return the prompt for neutralised values. Raises TemplateError or InvalidValueError where one is misused."""
        assembled = None if self.prompt is None else self.prompt.assembled(values)
        if assembled is not None:
            return assembled
        if self._precompiler is None:
            self._precompiler = Precompiler(*self._of)
        return self._precompiler.run(values)


class Plans:
    """Makes the prompts of one complete persona. Plans are kept, a full memo is emptied; no session value is kept."""

    __slots__ = ("_plans", "_precompiling", "ready", "texts")

    def __init__(self, texts: PersonaTexts, *, precompiling: bool) -> None:
        self.texts = texts
        self._precompiling = precompiling
        self._plans: dict[tuple[str | None, ...], Plan] = {}
        self.ready: dict[str | None, Precompiled] = {}  # the newest, by the template that a call named

    def __len__(self) -> int:
        return len(self._plans)

    def text(self, template: Template, given: Mapping[str, object], name: str | None) -> str:
        """Return the prompt's text in a template, which the call named so; raises as `Persona.render` does."""
        # What is ready may be for other names.
        plan = self._plans.get((name, *given)) if name in self.ready else None
        text = None if plan is None or plan.prompt is None else plan.prompt.fill(given)
        return self._assemble(template, given, name)[2].text if text is None else text

    def render(
        self, template: Template, given: Mapping[str, object], name: str | None, explain: Explain | None = None
    ) -> Prompt:
        """Return the prompt in a template, which the call named so; raises as `Persona.render` does."""
        plan, session, assembled = self._assemble(template, given, name)
        persona = self.texts.persona
        return Prompt(
            text=assembled.text,
            persona=persona.name,
            version=persona.version,
            template=template.name,
            stable_length=assembled.stable,
            unused=plan.unused,
            folded=session.folded,
            session_names=plan.names,
            persona_fingerprint=self.texts.fingerprint(template),
            template_fingerprint=template.fingerprint,
            key=persona.key,
            template_named=name is not None,
            _spans=assembled.spans,
            _fields=partial(self.texts.field_fingerprints, template),
            _explain=None if explain is None else partial(explain, session.values),
        )

    def _assemble(
        self, template: Template, given: Mapping[str, object], name: str | None
    ) -> tuple[Plan, Session, Assembled]:
        session = neutralise(given, template.family)
        key = (name, *session.values)
        plan = self._plans.get(key)
        if plan is None:
            unused = self.texts.check_names(template, session.values, given)
            plan = Plan(self.texts, template, tuple(session.values), unused, precompiling=self._precompiling)
            self._keep(key, plan)
        return plan, session, plan.assemble(session.values)

    def _keep(self, key: tuple[str | None, ...], plan: Plan) -> None:
        if len(self._plans) >= MAX_PLANS:
            self._plans = {}
            self.ready.clear()  # its persona holds it too
        self._plans[key] = plan
        if plan.prompt is not None:
            self.ready[key[0]] = plan.prompt
