"""A rendered prompt: its text, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from .. import __version__
from ..errors import InvalidValueError, PersonaError
from ..fingerprints import keyed_fingerprint, text_fingerprint
from ..names import join_reference, kind_of
from . import providers

if TYPE_CHECKING:
    from .providers import (
        TTL,
        DeveloperMessage,
        InputMessage,
        OpenAITTL,
        Role,
        SDKTexts,
        SystemContentBlock,
        SystemMessage,
        TextBlock,
    )

STAMP_FORMAT = "llm-persona/stamp/2"
STAMP_TEXTS = ("ref", "template", "persona_fingerprint", "template_fingerprint", "stable_fingerprint")


@dataclass(slots=True)
class Facts:
    """What is known of prompts beside their texts: the same for one persona and template, and sessions of the same names."""

    persona: str
    version: str | None
    template: str
    shared_length: int = 0  # characters
    unused: tuple[str, ...] = ()
    session_names: tuple[str, ...] = ()
    persona_fingerprint: str = ""
    template_fingerprint: str = ""
    key: str = ""  # what the registry calls the persona
    template_named: bool = True  # by the call; else it is the persona's own, or the default one
    goes_on: bool = False  # what is stable goes on over values that `with_session` gave: it is each prompt's own
    # The beginning of the fingerprint of each of the persona's fields, worked out when it is asked for.
    fields: Callable[[], Mapping[str, str]] = dict
    stamp: dict[str, Any] | None = None  # likewise

    def facts(self) -> Facts:
        return self


class Own(NamedTuple):
    """What is known of one prompt alone."""

    folded: tuple[str, ...] = ()
    spans: tuple[tuple[str, int, int], ...] = ()  # a section's name, where it begins and ends
    explain: Callable[[], tuple[Any, ...] | None] | None = None
    stable_length: int | None = None  # None: that of what is shared


class Source:
    """What knows the facts of a prompt."""

    __slots__ = ()

    def facts(self) -> Facts:
        raise NotImplementedError

    def own(self, given: Mapping[str, object]) -> Own:
        """Return what is known of the prompt of these values alone."""
        raise NotImplementedError


class Prompt(str):
    """A system prompt: a str, its text, that knows where it came from. Every method of str gives a plain str.

    `stable` and `rest` are its two parts, `stable + rest == text`: the first was written before a value that the call
    gives was looked at, so it is the same for every session that gives the same names. Where `with_session` gave values,
    `stable` goes on over them, and begins with `shared`, which is the same for everybody; else the two are one. `unused` names session variables
    that neither persona nor template mentions, `folded` those whose text was made one line. What is beside the text is
    worked out when it is first asked for. No session value is kept but in the text and, in this process and until then
    or for `explain`, as it was passed. Attributes cannot be set.
    """

    __slots__ = ("_own", "_source")
    _own: Own | Mapping[str, object]  # or the session that it is worked out of
    _source: Facts | Source

    def __new__(
        cls,
        text: str,
        persona: str,
        version: str | None,
        template: str,
        stable_length: int = 0,
        unused: tuple[str, ...] = (),
        folded: tuple[str, ...] = (),
        session_names: tuple[str, ...] = (),
        persona_fingerprint: str = "",
        template_fingerprint: str = "",
        key: str = "",
        template_named: bool = True,
        _spans: tuple[tuple[str, int, int], ...] = (),
        _fields: Mapping[str, str] | None = None,
        shared_length: int | None = None,
    ) -> Prompt:
        facts = Facts(
            persona,
            version,
            template,
            stable_length if shared_length is None else shared_length,
            unused,
            session_names,
            persona_fingerprint,
            template_fingerprint,
            key,
            template_named,
            shared_length is not None,
            partial(dict, _fields or {}),
        )
        return cls.late(text, facts, Own(folded, _spans, None, stable_length))

    @classmethod
    def late(cls, text: str, source: Facts | Source, own: Own | Mapping[str, object]) -> Prompt:
        """Return a prompt of a text, of which all else is worked out when it is asked for."""
        prompt = _new(cls, text)
        _set_source(prompt, source)
        _set_own(prompt, own)
        return prompt

    def _alone(self) -> Own:
        own, source = self._own, self._source
        if not isinstance(own, Own):
            assert not isinstance(source, Facts)
            own = source.own(own)
            _set_own(self, own)
        return own

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a prompt cannot be changed: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a prompt cannot be changed: {name!r} cannot be deleted")

    def __reduce__(self) -> tuple[object, ...]:
        facts, own = self._source.facts(), self._alone()  # but for `explain`: it holds the session's values
        return Prompt, (
            self.text,
            facts.persona,
            facts.version,
            facts.template,
            self.stable_length,
            facts.unused,
            own.folded,
            facts.session_names,
            facts.persona_fingerprint,
            facts.template_fingerprint,
            facts.key,
            facts.template_named,
            own.spans,
            dict(facts.fields()),
            facts.shared_length if facts.goes_on else None,
        )

    def __copy__(self) -> Prompt:
        return self

    def __deepcopy__(self, memo: object) -> Prompt:
        return self

    # Those of str's methods that give the text itself back where there is nothing to fill in.

    def format(self, *arguments: object, **named: object) -> str:
        return self.text.format(*arguments, **named)

    def format_map(self, mapping: Any, /) -> str:
        return self.text.format_map(mapping)

    def __mod__(self, value: Any, /) -> str:
        return str.__mod__(self.text, value)

    @property
    def text(self) -> str:
        return str.__str__(self)

    @property
    def persona(self) -> str:
        """The persona's name, without its version."""
        return self._source.facts().persona

    @property
    def version(self) -> str | None:
        return self._source.facts().version

    @property
    def template(self) -> str:
        return self._source.facts().template

    @property
    def stable_length(self) -> int:
        """How many characters of the text are stable."""
        facts = self._source.facts()
        own = self._alone().stable_length if facts.goes_on else None
        return facts.shared_length if own is None else own

    @property
    def shared_length(self) -> int:
        """How many characters of the text are the same for everybody."""
        return self._source.facts().shared_length

    @property
    def unused(self) -> tuple[str, ...]:
        return self._source.facts().unused

    @property
    def folded(self) -> tuple[str, ...]:
        return self._alone().folded

    @property
    def session_names(self) -> tuple[str, ...]:
        return self._source.facts().session_names

    @property
    def persona_fingerprint(self) -> str:
        return self._source.facts().persona_fingerprint

    @property
    def template_fingerprint(self) -> str:
        return self._source.facts().template_fingerprint

    @property
    def key(self) -> str:
        """What the registry calls the persona: its name, or `Maya@2` for a version beside the served one."""
        return self._source.facts().key

    @property
    def template_named(self) -> bool:
        """Whether the call named the template; else it is the persona's own, or the default one."""
        return self._source.facts().template_named

    @property
    def ref(self) -> str:
        """The persona with its version, if it has one: `Maya@1`. Keep it with the conversation."""
        return join_reference(self.persona, self.version)

    @property
    def shared(self) -> str:
        return self[: self.shared_length]

    @property
    def stable(self) -> str:
        return self[: self.stable_length]

    @property
    def rest(self) -> str:
        return self[self.stable_length :]

    @property
    def sections(self) -> dict[str, str]:
        """The text of each block of the template, by name and in order; all that it printed where one is printed twice."""
        found: dict[str, str] = {}
        for name, start, end in self._alone().spans:
            text = self.text[start:end]
            found[name] = f"{found[name]}\n\n{text}" if name in found else text
        return found

    @property
    def fingerprint(self) -> str:
        """`sha256:` and the hex digest of the text's UTF-8 bytes."""
        return text_fingerprint(self.text)

    def explain(self) -> tuple[Any, ...]:
        """Return the prompt's lines, each with its spans: the template's file and line, the persona's field, the
        ancestor that gave it, and whether session text is in it (see `prompt_lines.Line`).

        Renders once more. Raises PersonaError for a prompt of no registry, or one that was pickled.
        """
        explain = self._alone().explain
        lines = None if explain is None else explain()
        if lines is None:
            raise PersonaError(
                "only a prompt that a registry's persona rendered, in this process, can be explained", persona=self.ref
            )
        return lines

    def stamp(self) -> dict[str, Any]:
        """Return a JSON-ready record of what made this prompt, without any session value; `registry.verify` reads it.

        `library` is the version of this package, for people: it is not compared.
        """
        facts = self._source.facts()
        stamp = facts.stamp
        if stamp is None:  # another thread may make it, too: the same
            stamp = facts.stamp = {
                "format": STAMP_FORMAT,
                "library": __version__,
                "ref": self.ref,
                "template": facts.template,
                "template_named": facts.template_named,
                "session": facts.session_names,
                "persona_fingerprint": facts.persona_fingerprint,
                "persona_fields": dict(facts.fields()),
                "template_fingerprint": facts.template_fingerprint,
                "stable_fingerprint": text_fingerprint(self.shared),
            }
        return {**stamp, "session": list(stamp["session"]), "persona_fields": dict(stamp["persona_fields"])}

    def otel_attributes(self, key: str | bytes | None = None) -> dict[str, str]:
        """Return attributes for an OpenTelemetry span, without any session value.

        `gen_ai.prompt.name` and `gen_ai.prompt.version` as the GenAI semantic conventions (in development) name them;
        fingerprints, for which they have no name, under `llm_persona.`. That of the whole prompt is there only with a
        `key`, as an HMAC: whoever reads the traces knows the rest of the prompt, and can hash it with each first name
        and plan there is until a fingerprint without a key matches. Raises InvalidValueError for an empty key.
        """
        attributes = {"gen_ai.prompt.name": self.persona}
        if self.version is not None:
            attributes["gen_ai.prompt.version"] = self.version
        if key is not None:
            attributes["llm_persona.prompt.fingerprint"] = keyed_fingerprint(self.text, key)
        return attributes | {
            "llm_persona.template": self.template,
            "llm_persona.persona.fingerprint": self.persona_fingerprint,
            "llm_persona.template.fingerprint": self.template_fingerprint,
        }

    def _parts(self) -> tuple[str, ...]:
        """Return the text in the parts that providers are sent: a cache ends after each but the last."""
        facts = self._source.facts()
        length = facts.shared_length
        if not facts.goes_on:
            return self[:length], self[length:]
        stable = self.stable_length
        return self[:length], self[length:stable], self[stable:]

    def message(
        self,
        role: Role = "system",
        *,
        cache: Literal["openai", "anthropic"] | None = None,
        ttl: Literal["5m", "1h", "30m", "12h"] | None = None,
    ) -> SystemMessage | DeveloperMessage:
        """Return the prompt as one message for OpenAI-style chats.

        With `cache` its content is text parts, the stable one marked: "openai" for Chat Completions (from gpt-5.6 on),
        "anthropic" for LiteLLM and others that pass Anthropic's markers on. `ttl` is "30m" or "12h" there, "5m" or "1h"
        here. Raises InvalidValueError for another role, cache or ttl, and for a blank prompt.
        """
        return providers.message(*self._parts(), role=role, cache=cache, ttl=ttl)

    def anthropic_system(self, *, cache: bool = True, ttl: TTL | None = None) -> list[TextBlock]:
        """Return the blocks for Anthropic's `system`, the stable part marked for the cache.

        `ttl` is "5m" (the provider's default) or "1h". Raises InvalidValueError for another one or a blank prompt.
        """
        return providers.anthropic_blocks(self._parts(), cache, ttl)

    def openai_input(self, *, cache: bool = True, ttl: OpenAITTL | None = None) -> list[InputMessage]:
        """Return the prompt for OpenAI's Responses `input`: a developer message, a cache breakpoint after its stable part.

        Models before gpt-5.6 refuse the breakpoint: `cache=False` leaves it out. `ttl` is "30m" or "12h", else that of
        the request. Raises InvalidValueError for another one or a blank prompt.
        """
        return providers.openai_input(*self._parts(), cache=cache, ttl=ttl)

    def bedrock_system(self, *, cache: bool = True, ttl: TTL | None = None) -> list[SystemContentBlock]:
        """Return the blocks for `system` of Bedrock's Converse, a cache point after the stable part.

        `ttl` is "5m" (the provider's default) or "1h". Raises InvalidValueError for another one or a blank prompt.
        """
        return providers.bedrock_system(*self._parts(), cache=cache, ttl=ttl)

    def gemini_system(self) -> SDKTexts:
        """Return the texts for Gemini's `system_instruction`, the stable part first: it caches what begins alike by itself.

        Raises InvalidValueError for a blank prompt.
        """
        return providers.gemini_system(*self._parts())

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
        return providers.anthropic_prewarm(
            self.anthropic_system(ttl=ttl), model=model, tools=tools, **same_as_real_traffic
        )

    def __repr__(self) -> str:
        return f"<Prompt {self.ref} in {self.template!r}: {self._sizes()}>"

    def _sizes(self) -> str:
        return f"{len(self.text)} characters, {self.stable_length} stable"

    def _repr_html_(self) -> str:
        """Return what notebooks show: the text, with a bar beside its stable part. It is text there, whatever it says."""
        from .notebooks import prompt_html

        return prompt_html(self.ref, f"in {self.template}: {self._sizes()}", self.stable, self.rest)

    def _repr_markdown_(self) -> str:
        """Return what notebooks without HTML show: the text, as a block of code."""
        from .notebooks import block, code

        return f"{code(self.ref)} in {code(self.template)}: {self._sizes()}\n\n{block(self.text)}"


_new = str.__new__
_set_own = Prompt.__dict__["_own"].__set__
_set_source = Prompt.__dict__["_source"].__set__


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
