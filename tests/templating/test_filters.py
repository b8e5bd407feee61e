"""Filters take what may be printed, and no more."""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import UndefinedError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from llm_persona import Persona, PersonaRegistry
from llm_persona.errors import InvalidValueError, TemplateError
from llm_persona.templating.events import Pieces
from llm_persona.templating.filters import (
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
from llm_persona.templating.session import MAX_DIGITS, SessionText, Verbatim


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


# Decimals

_OPERATIONS = [
    "{x}|int", "{x}|float", "{x}|round", "{x}|round(2)", "{x}|round(30)", "{x}|round(-3)", "{x}|round(1, 'ceil')",
    "{x}|abs", "-{x}", "+{x}", "{x}|string", "{x} ~ {y}", "{x}|int|string", "{x}|int|float", "{x}|int - {y}|int",
    "{x} + {y}", "{x} - {y}", "{x} * {y}", "{x} / {y}", "{x} // {y}", "{x} % {y}", "[{x}, {y}]|sum", "[{x}, {y}]|max",
    "[{x}, {y}]|sort|first", "[{x}, {y}]|unique|list|length", "'a' if {x} > {y}", "'a' if {x} == {y}", "'a' if {x} in [1, {y}]",
    "'a' if {x} is divisibleby {y}", "'a' if {x} is even", "{x} + 1", "{x} - 1.5", "2 * {x}", "{x} // 7", "{x} % 7",
    "{x} > 1.5 and 'a' or 'b'", "{x} ** 2", "range({x}|int)|length", "{x}|truncate(9)", "{x}|default('a')",
]  # fmt: skip


@pytest.fixture(scope="module")
def calculating(tmp_path_factory: pytest.TempPathFactory) -> Persona:
    folder = tmp_path_factory.mktemp("calculating")
    for index, operation in enumerate(_OPERATIONS):
        (folder / f"t{index}.j2").write_text("\n{{ " + operation.format(x="session.x", y="session.y") + " }}")
    registry = PersonaRegistry(folder)
    registry.define(Persona(name="Maya", role="r"))
    return registry.get("Maya")


def _outcome(persona: Persona, template: str, x: Decimal, y: Decimal) -> str:
    told: TemplateError | None = None
    try:
        return persona.build_system_prompt(template, x=x, y=y)
    except TemplateError as error:
        told = error
    assert (told.template, told.line) == (template, 2)
    assert "decimal." not in str(told)
    assert "[" not in told.message
    return told.message


def _decimals() -> st.SearchStrategy[Decimal]:
    """Numbers of any size that a session holds, and near both of its ends."""
    exponents = st.sampled_from([-MAX_DIGITS, -400, -30, -2, 0, 1, 28, 400, MAX_DIGITS - 1]) | st.integers(-4000, 3999)
    digits = st.sampled_from([0, 1, 3, 15, 10**28 - 1, 10**28 + 1, 10 ** (MAX_DIGITS - 1)]) | st.integers(0, 10**40)
    made = st.builds(
        lambda d, e, sign: Decimal(d).scaleb(e, _WIDE).copy_sign(Decimal(sign)),
        digits,
        exponents,
        st.sampled_from([1, -1]),
    )
    return made.filter(lambda number: number.adjusted() < MAX_DIGITS and number.as_tuple().exponent >= -MAX_DIGITS)  # type: ignore[operator]


_WIDE = Context(prec=2 * MAX_DIGITS, Emin=-999_999, Emax=999_999)


@given(st.sampled_from(range(len(_OPERATIONS))), _decimals(), _decimals(), st.integers(1, 60), st.booleans())
@settings(deadline=10_000)
def test_decimals_end_and_are_told_in_our_words(
    calculating: Persona, index: int, x: Decimal, y: Decimal, precision: int, traps: bool
) -> None:
    """Whatever a template works out of Decimals, it ends at once: in a text, or in an error with file and line.

    What the caller's thread has set for its own Decimals changes nothing.
    """
    name = f"t{index}"
    found = _outcome(calculating, name, x, y)
    with localcontext(Context(prec=precision, rounding=ROUND_UP, capitals=0, traps=None if traps else [])):
        assert _outcome(calculating, name, x, y) == found


@pytest.mark.parametrize(
    "written", ["1E+999999999", "-1E+999999999", "1E-999999999", "0E+999999999", "1E+4000", "1E-4001"]
)
def test_decimals_of_any_length_are_refused_at_the_call(written: str) -> None:
    """A number that takes more than 4,000 digits to write out is no session value; the error says so."""
    with pytest.raises(InvalidValueError, match="'x' is a number of more than 4,000 digits before or after its point"):
        Persona(name="Maya", role="r").render(x=Decimal(written))
