"""What a template sees of a persona and a session, and when it has looked at the session."""

from __future__ import annotations

import pytest

from llm_persona.errors import InvalidValueError, TemplateError
from llm_persona.fields import FIELDS, TEMPLATE_FIELDS
from llm_persona.placeholders import Placeholder
from llm_persona.templating.events import Watch
from llm_persona.templating.session import Record, SessionText, Verbatim
from llm_persona.templating.views import Filling, PersonaView, SessionView, Table, Text, Texts, TextTable


def filling(**values: object) -> Filling:
    return Filling("Maya", values, Watch())


def test_texts_are_filled_when_they_are_reached() -> None:
    """A list's length, and items before the first that names the session, look at nothing."""
    fill = filling(u="U")
    texts = Texts(("a", Text((Placeholder("u"), "!"), ("capabilities", 1)), "c"), fill)
    assert len(texts) == 3
    assert bool(texts)
    assert texts[0] == "a"
    assert texts[2] == "c"
    assert fill.watch.looks == 0
    assert texts[1] == "U!"
    assert fill.watch.looks == 1
    assert list(texts) == ["a", "U!", "c"] == list(texts[:])
    assert texts == ["a", "U!", "c"]
    assert texts != ["a"]
    assert "U!" in texts
    assert (texts.index("c"), texts.count("a")) == (2, 1)
    with pytest.raises(IndexError):
        texts[3]


def test_a_table_is_filled_value_by_value() -> None:
    """Its names and its length look at nothing."""
    fill = filling(u="U")
    table = Table({"A": "a", "B": Text((Placeholder("u"),), ("custom_sections", "B"))}, fill)
    assert (list(table), len(table), table["A"], "B" in table) == (["A", "B"], 2, "a", True)
    entries = iter(table.items())
    assert next(entries) == ("A", "a")
    assert fill.watch.looks == 0
    assert next(entries) == ("B", "U")
    assert fill.watch.looks == 1


def test_a_field_is_its_value() -> None:
    """Texts, lists, tables, or None where it is absent; any other name is an error with what was meant."""
    fields = {"name": "Maya", "company": None, "tools": ("a",)}
    waiting = {"tone": Text((Placeholder("u"),), ("tone",)), "custom_sections": TextTable({}), "constraints": ("b",)}
    view = PersonaView(fields, waiting, filling(u="U"))
    assert (view.lookup("name"), view.lookup("company"), view.lookup("tone")) == ("Maya", None, "U")
    assert (view.name, view.tools, view.tone) == ("Maya", ("a",), "U")
    assert isinstance(view.lookup("constraints"), Texts)
    assert isinstance(view.lookup("custom_sections"), Table)
    with pytest.raises(TemplateError, match="persona has no 'nmae'; did you mean 'name'"):
        view.lookup("nmae")
    for name in FIELDS:
        if name in TEMPLATE_FIELDS:
            continue
        with pytest.raises(TemplateError, match="never rendered"):
            view.lookup(name)


def session(fill: Filling, given: set[str]) -> SessionView:
    return SessionView(fill.values, given, fill.watch, lambda message, name: (message, name))


def test_asking_for_what_the_session_gives_is_looking_at_it() -> None:
    """A default that it does not override, and whether a name is there, are the same for all that give these names."""
    fill = filling(u="U", d="default")
    view = session(fill, {"u"})
    assert (view.lookup("d"), view.lookup("extra_sections")) == ("default", Record())
    assert (view.has("u"), view.has("d"), view.has("absent"), view.has("extra_sections")) == (True, True, False, True)
    assert fill.watch.looks == 0
    assert view.lookup("u") == "U"
    assert (fill.watch.looks, fill.watch.at) == (1, 0)


def test_an_absent_variable_is_told_with_what_was_meant() -> None:
    """Or with how a template may ask for it."""
    view = session(filling(user_name="Jo"), {"user_name"})
    assert view.lookup("usr_name") == ("session has no 'usr_name'; did you mean 'user_name'?", "usr_name")
    where = "session has no 'zzz'; where it may be absent, test 'session.zzz is defined' first"
    assert view.lookup("zzz") == (where, "zzz")
    assert "session['a-b']" in str(view.lookup("a-b"))
    assert "begin with '_'" in str(view.lookup("__class__"))


@pytest.mark.parametrize("value", [True, ("a",), Record({})])
def test_what_cannot_be_printed_is_told_with_its_field(value: object) -> None:
    """The persona, the field and the variable; never the value."""
    with pytest.raises(
        InvalidValueError, match=r"Maya\.capabilities\[2\]: session variable 'u' is .*cannot be printed"
    ):
        filling(u=value).fill(Text((Placeholder("u"),), ("capabilities", 1)))


def test_persona_text_in_xml_is_filled_with_escaped_values() -> None:
    """Its own text stays as it is."""
    fill = Filling("Maya", {"s": SessionText("<s>"), "d": Verbatim("<d>"), "n": 5}, Watch(), Verbatim)
    filled = fill.fill(Text(("<p>", Placeholder("s"), Placeholder("d"), Placeholder("n")), ("tone",)))
    assert type(filled) is Verbatim
    assert filled == "<p>&lt;s&gt;<d>5"
