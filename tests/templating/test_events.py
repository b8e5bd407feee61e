"""What a template writes: the text of pieces, and the template's own white space in them."""

from __future__ import annotations

from llm_persona.templating.events import Begin, End, Pieces, TemplateText, tidy


def test_pieces_are_their_text() -> None:
    """Marks of blocks are no text; what was caught before and printed is among the pieces."""
    inner = Pieces([TemplateText(" c"), "d"])
    pieces = Pieces([Begin("block"), TemplateText("a "), "b", "", *inner.pieces, "", End("block")])
    assert pieces == "a b cd"
    assert [type(piece) for piece in pieces.pieces[:3]] == [Begin, TemplateText, str]


def test_pieces_are_tidied_inside_for_filters() -> None:
    """What a filter is given of a macro has the template's white space tidied; its two ends are kept."""
    assert Pieces([TemplateText(", ")]).tidied() == ", "
    text = TemplateText
    assert Pieces([text("a  \n"), "", text("\n\n"), text("b"), " \n\n\n", text("\n")]).tidied() == "a\n\nb \n\n\n\n"


def test_a_template_writes_no_trailing_space_and_one_blank_line() -> None:
    """Spaces and tabs at the ends of lines go, and all blank lines in a row but one."""
    assert tidy("a \t\n\n \n\nb ") == "a\n\nb "
    assert tidy("a\n b") == "a\n b"
