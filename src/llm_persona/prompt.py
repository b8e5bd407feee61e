"""A rendered prompt: its text, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from . import __version__
from .errors import InvalidValueError, PersonaError
from .fingerprints import text_fingerprint
from .names import join_reference, kind_of

if TYPE_CHECKING:
    from .providers import TTL, DeveloperMessage, InputMessage, SystemMessage, TextBlock

STAMP_FORMAT = "llm-persona/stamp/2"
STAMP_TEXTS = ("ref", "template", "persona_fingerprint", "template_fingerprint", "stable_fingerprint")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Prompt:
    """A system prompt. It compares as its text does, with another prompt and with a str; `str(prompt)` is its text.

    `stable` and `rest` are its two parts, `stable + rest == text`: the first was written before the session was looked
    at, so it is the same for every session. `unused` names session variables that neither persona nor template mentions, `folded` those whose text was
    made one line. No session value is kept but in the text and, in this process and for `explain`
    alone, as templates saw it.
    """

    text: str
    persona: str
    version: str | None
    template: str
    stable_length: int = 0  # characters
    unused: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    session_names: tuple[str, ...] = ()
    persona_fingerprint: str = ""
    template_fingerprint: str = ""
    key: str = ""  # what the registry calls the persona
    template_named: bool = True  # by the call; else it is the persona's own, or the default one
    _spans: tuple[tuple[str, int, int], ...] = ()  # a section's name, where it begins and ends
    # The beginning of the fingerprint of each of the persona's fields, worked out when it is asked for.
    _fields: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None
    _explain: Callable[[], tuple[Any, ...]] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        kept = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name != "_explain"
        }  # it holds the session's values
        return Prompt, tuple({**kept, "_fields": self._field_fingerprints()}.values())

    def _field_fingerprints(self) -> Mapping[str, str]:
        return (self._fields() if callable(self._fields) else self._fields) or {}

    @property
    def ref(self) -> str:
        """The persona with its version, if it has one: `Maya@1`. Keep it with the conversation."""
        return join_reference(self.persona, self.version)

    @property
    def stable(self) -> str:
        return self.text[: self.stable_length]

    @property
    def rest(self) -> str:
        return self.text[self.stable_length :]

    @property
    def sections(self) -> dict[str, str]:
        """The text of each block of the template, by name and in order; all that it printed where one is printed twice."""
        found: dict[str, str] = {}
        for name, start, end in self._spans:
            text = self.text[start:end]
            found[name] = f"{found[name]}\n\n{text}" if name in found else text
        return found

    @property
    def fingerprint(self) -> str:
        """`sha256:` and the hex digest of the text's UTF-8 bytes."""
        return text_fingerprint(self.text)

    def explain(self) -> tuple[Any, ...]:
        """Return the prompt's lines, each with its spans: the template's file and line, the persona's field, the
        ancestor that gave it, and whether session text is in it (see `explaining.Line`).

        Renders once more. Raises PersonaError for a prompt of no registry, or one that was pickled.
        """
        if self._explain is None:
            raise PersonaError(
                "only a prompt that a registry's persona rendered, in this process, can be explained", persona=self.ref
            )
        return self._explain()

    def stamp(self) -> dict[str, Any]:
        """Return a JSON-ready record of what made this prompt, without any session value; `registry.verify` reads it.

        `library` is the version of this package, for people: it is not compared.
        """
        return {
            "format": STAMP_FORMAT,
            "library": __version__,
            "ref": self.ref,
            "template": self.template,
            "template_named": self.template_named,
            "session": list(self.session_names),
            "persona_fingerprint": self.persona_fingerprint,
            "persona_fields": dict(self._field_fingerprints()),
            "template_fingerprint": self.template_fingerprint,
            "stable_fingerprint": text_fingerprint(self.stable),
        }

    def otel_attributes(self) -> dict[str, str]:
        """Return attributes for an OpenTelemetry span, without any session value.

        `gen_ai.prompt.name` and `gen_ai.prompt.version` as the GenAI semantic conventions (in development) name them;
        fingerprints, for which they have no name, under `llm_persona.`.
        """
        attributes = {"gen_ai.prompt.name": self.persona}
        if self.version is not None:
            attributes["gen_ai.prompt.version"] = self.version
        return attributes | {
            "llm_persona.template": self.template,
            "llm_persona.prompt.fingerprint": self.fingerprint,
            "llm_persona.persona.fingerprint": self.persona_fingerprint,
            "llm_persona.template.fingerprint": self.template_fingerprint,
        }

    def message(self, role: Literal["system", "developer"] = "system") -> SystemMessage | DeveloperMessage:
        """Return the prompt as one message for OpenAI-style chats; InvalidValueError for another role or a blank prompt."""
        from .providers import message

        return message(self.text, role)

    def anthropic_system(self, *, cache: bool = True, ttl: TTL | None = None) -> list[TextBlock]:
        """Return the blocks for Anthropic's `system`, the stable part marked for the cache.

        `ttl` is "5m" (the provider's default) or "1h". Raises InvalidValueError for another one or a blank prompt.
        """
        from .providers import anthropic_system

        return anthropic_system(self.stable, self.rest, cache=cache, ttl=ttl)

    def openai_input(self, *, cache: bool = True) -> list[InputMessage]:
        """Return the prompt for OpenAI's Responses `input`: a developer message, a cache breakpoint after its stable part.

        Models before gpt-5.6 refuse the breakpoint: `cache=False` leaves it out. Raises InvalidValueError for a blank
        prompt.
        """
        from .providers import openai_input

        return openai_input(self.stable, self.rest, cache=cache)

    def anthropic_prewarm(
        self,
        *,
        model: str,
        tools: Sequence[Mapping[str, Any]] | None = None,
        ttl: TTL | None = None,
        **same_as_real_traffic: Any,
    ) -> dict[str, Any]:
        """Return the arguments of one `client.messages.create` that fills the cache and generates nothing.

        Pass what real requests pass, and nothing else. Raises InvalidValueError for what the API refuses with it, and
        where the prompt has no stable part.
        """
        from .providers import anthropic_prewarm

        return anthropic_prewarm(self.anthropic_system(ttl=ttl), model=model, tools=tools, **same_as_real_traffic)

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Prompt):
            return self.text == other.text
        return self.text == other if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __contains__(self, text: str) -> bool:
        return text in self.text

    def __repr__(self) -> str:
        return f"<Prompt {self.ref} in {self.template!r}: {len(self.text)} characters, {self.stable_length} stable>"


def check_stamp(stamp: object) -> Mapping[str, Any] | None:
    """Return the stamp, or None for one of another format, older or unknown: what it holds means something else.

    Raises InvalidValueError for what is no stamp, or one that is malformed.
    """
    if not isinstance(stamp, Mapping):
        raise InvalidValueError(f"a stamp is a mapping, as prompt.stamp() makes it, not {kind_of(stamp)}")
    form = stamp.get("format")
    if not isinstance(form, str) or not form:
        raise InvalidValueError(
            f"a stamp's 'format' must be a text, not {kind_of(form)}", hint="pass what prompt.stamp() returned"
        )
    if form != STAMP_FORMAT:
        return None
    for name in STAMP_TEXTS:
        if not isinstance(stamp.get(name), str) or not stamp[name]:
            raise InvalidValueError(f"the stamp's {name!r} must be a text, not {kind_of(stamp.get(name))}")
    session = stamp.get("session")
    if not isinstance(session, list | tuple) or not all(isinstance(name, str) for name in session):
        raise InvalidValueError("the stamp's 'session' must be a list of names")
    if not isinstance(stamp.get("template_named"), bool):
        raise InvalidValueError("the stamp's 'template_named' must be true or false")
    printed = stamp.get("persona_fields")
    if not isinstance(printed, Mapping) or not all(isinstance(text, str) for pair in printed.items() for text in pair):
        raise InvalidValueError("the stamp's 'persona_fields' must be a mapping of names to fingerprints")
    return stamp
