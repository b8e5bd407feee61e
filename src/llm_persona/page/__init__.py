"""A registry as one HTML page to look at."""

__all__ = ["findings", "page"]
