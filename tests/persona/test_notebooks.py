"""What a notebook shows of personas and prompts: their texts, as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_persona import Persona, PersonaRegistry, multiline
from llm_persona.prompts.notebooks import block, code, text_html

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
ALLOWED = {"div", "p", "b", "small", "pre", "bdi", "table", "tbody", "tr", "th", "td", "ul", "li", "span", "i"}


class Shown(HTMLParser):
    """The elements of some HTML, and its texts without the code points that stand beside hidden characters."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "small" not in self._open:
            self.text += data


@settings(max_examples=60)
@given(text=TEXTS)
@example("</pre><script>alert(1)</script>")
@example("a\r\nb")
@example('"><img src=x onerror=alert(1)>')
def test_every_text_is_text(text: str) -> None:
    """Whatever it says: no element of its own, no attribute, and every character is there."""
    persona = Persona("Ann", text, capabilities=[text], variables={}, metadata={"note": text}, greeting=text)
    for html in (persona._repr_html_(), persona.render()._repr_html_()):
        shown = Shown(html)
        assert set(shown.elements) <= ALLOWED
        assert shown.attributes <= {"style", "scope", "title"}
        assert text in shown.text
    assert Shown(text_html(text)).text == text


@settings(max_examples=60)
@given(text=st.text("`~ab \n", min_size=1))
def test_no_text_ends_its_block_of_code(text: str) -> None:
    """A fence is longer than any in it."""
    first, *lines, last = block(text).split("\n")
    assert first.removesuffix("text") == last
    assert not any(line.lstrip().startswith(last) for line in lines)
    inner = code(text)
    marks = inner[: len(inner) - len(inner.lstrip("`"))]
    assert marks not in inner[len(marks) : -len(marks)].replace(f"`{marks}", "")


def test_a_prompt_shows_what_it_is_and_its_text() -> None:
    """Who it is of, in which template, how long, and how much of it is stable, which has a bar of its own."""
    persona = Persona("Maya", "Guide", version="1", greeting="Hi", template="markdown", variables={"user": None})
    prompt = persona.render(user="Jo", extra_sections={"Note": multiline("one\ntwo")})
    note = f"{len(prompt)} characters, {prompt.stable_length} stable"
    html = prompt._repr_html_()
    assert html.count("<pre") == 2
    assert f"in markdown: {note}" in html
    assert "Maya@1" in Shown(html).text
    assert prompt._repr_markdown_() == f"` Maya@1 ` in ` markdown `: {note}\n\n```text\n{prompt.text}\n```"


def test_a_persona_shows_its_fields(acme: PersonaRegistry) -> None:
    """As a table; in Markdown as they stand in a file, which reads back as the same persona."""
    persona = acme.get("MayaPremium")
    shown = Shown(persona._repr_html_())
    assert "Never promise specific delivery dates" in shown.text
    assert "refund_limit" in shown.text
    written = re.fullmatch(r"```yaml\n(.*)\n```", persona._repr_markdown_(), re.DOTALL)
    assert written is not None
    assert yaml.safe_load(written[1]) == {"MayaPremium": {k: v for k, v in persona.to_dict().items() if k != "name"}}


@pytest.mark.parametrize("show", ["_repr_html_", "_repr_markdown_"])
def test_no_value_of_a_session_is_shown_with_a_persona(show: str) -> None:
    """As in its repr: what a tenant shares is in its prompts alone."""
    persona = Persona("Maya", "Guide", greeting="Hi {user}", variables={"user": None}).with_session(user="Secret Jo")
    assert "Secret" not in getattr(persona, show)()


def test_hidden_characters_are_spelled() -> None:
    """Nobody overlooks them."""
    html = Persona("Maya", "Guide\u202e")._repr_html_()
    assert "<small>U+202E</small>" in html
