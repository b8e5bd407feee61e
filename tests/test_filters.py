"""Filters take what may be printed, and no more."""

from __future__ import annotations

from decimal import Decimal

import pytest
from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import UndefinedError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from llm_persona.errors import TemplateError
from llm_persona.events import Pieces
from llm_persona.filters import (
    FILTERS,
    TESTS,
    XML_FILTERS,
    indent,
    items,
    joined,
    replace,
    text_of,
    title,
    xml_attribute,
)
from llm_persona.session import SessionText, Verbatim


@pytest.mark.parametrize("value", [None, True, object(), ["a"], ("a",), {"a": 1}, b"x", 1j, range(3), iter("a"), len])
@pytest.mark.parametrize(
    "name",
    [
        "string",
        "upper",
        "lower",
        "title",
        "trim",
        "capitalize",
        "indent",
        "wordcount",
        "e",
        "xml_attribute",
        "forceescape",
    ],
)
def test_only_what_may_be_printed_becomes_text(name: str, value: object) -> None:
    """No filter makes a text of an object, a list or nothing."""
    for filters in (FILTERS, XML_FILTERS):
        with pytest.raises(TemplateError):
            filters[name](value)


def test_what_is_not_there_is_said() -> None:
    """A missing value is an error wherever it is used; an inline `if` without `else` gives nothing."""
    with pytest.raises(UndefinedError):
        text_of(StrictUndefined(name="x"))
    with pytest.raises(UndefinedError):
        list(items(StrictUndefined(name="x")))
    assert text_of(Undefined()) == ""


def test_joining_escapes_what_is_joined_to_persona_text() -> None:
    """`~` in an xml template: persona text as it is, the rest escaped; without persona text all is escaped later."""
    both = joined([Verbatim("<p>"), SessionText("<s>"), "<c>", 1, Decimal("1.5"), Pieces(["a"])])
    assert isinstance(both, Verbatim)
    assert both == "<p>&lt;s&gt;&lt;c&gt;11.5a"
    plain = joined([SessionText("<s>"), "a"])
    assert type(plain) is str
    assert plain == "<s>a"


def test_replacing_never_reads_what_was_escaped() -> None:
    """A replacement that is persona text changes the session's text, not the entities made of it."""
    assert replace(SessionText("<a>"), "a", Verbatim("<P>")) == "&lt;<P>&gt;"
    assert replace(Verbatim("<a>"), "a", SessionText("<s>")) == "<&lt;s&gt;>"
    assert type(replace(SessionText("<a>"), "a", "b")) is str


def test_indenting_keeps_authors_text() -> None:
    """Only line feeds begin lines; CR and other breaks stay; the prefix of a session is escaped."""
    assert indent("a\r\n\nb\u2028c", 2) == "a\r\n\n  b\u2028c"
    assert indent("a\nb", "> ", first=True) == "> a\n> b"
    assert indent("a\n\nb", 1, blank=True) == "a\n \n b"
    assert indent(Verbatim("<a>\nb"), SessionText("<")) == "<a>\n&lt;b"
    with pytest.raises(TemplateError):
        indent("a", 201)


def test_an_attribute_has_no_quotes() -> None:
    """All that could end an attribute in double quotes is escaped, persona text's quotes too."""
    assert xml_attribute('a"<&') == "a&quot;&lt;&amp;"
    assert xml_attribute(Verbatim('a"<')) == "a&quot;<"
    assert type(title(Verbatim("r&d"))) is Verbatim


def test_every_name_is_known_to_jinja_or_ours() -> None:
    """The same names in both environments; none that varies, pads or reaches into objects."""
    assert FILTERS.keys() == XML_FILTERS.keys()
    assert FILTERS.keys() - {"xml_attribute"} <= JINJA_FILTERS.keys()
    assert JINJA_TESTS.keys() >= TESTS
    for name in (
        "attr",
        "random",
        "format",
        "center",
        "pprint",
        "safe",
        "striptags",
        "tojson",
        "batch",
        "slice",
        "wordwrap",
        "urlize",
        "xmlattr",
        "filesizeformat",
    ):
        assert name not in FILTERS
    assert not TESTS & {"callable", "sameas", "filter", "test", "escaped"}
