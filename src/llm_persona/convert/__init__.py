"""Personas from other formats and for them: agent Markdown and character cards."""

__all__ = ["agents", "cards", "imports"]
