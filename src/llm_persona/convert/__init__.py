"""Personas from other programs' files and for them: `formats` is the table of them."""

__all__ = ["foreign", "formats", "imports"]
