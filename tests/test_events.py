"""What a template yields: the text of pieces, and the template's own white space in them."""

from __future__ import annotations

from llm_persona.events import Pieces, tidy


def test_pieces_are_the_text_of_their_events() -> None:
    """Marks of blocks are no text; pieces within pieces are."""
    pieces = Pieces([("block", True), "a ", ("b",), Pieces([" c", ("d",)]), ("block", False)])
    assert pieces == "a b cd"
    assert isinstance(pieces.events[3], Pieces)


def test_pieces_are_tidied_inside_for_filters() -> None:
    """What a filter is given of a macro has the template's white space tidied; its two ends are kept."""
    assert Pieces([", "]).tidied() == ", "
    assert Pieces(["a  \n", ("",), "\n\n", "b", (" \n\n\n",), "\n"]).tidied() == "a\n\nb \n\n\n\n"


def test_a_template_writes_no_trailing_space_and_one_blank_line() -> None:
    """Spaces and tabs at the ends of lines go, and all blank lines in a row but one."""
    assert tidy("a \t\n\n \n\nb ") == "a\n\nb "
    assert tidy("a\n b") == "a\n b"
