"""One name, one persona: the face of all rooms above; and what changed between two registries."""

__all__ = ["comparison", "registry"]
