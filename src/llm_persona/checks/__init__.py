"""What would go wrong later, found before the first request."""

__all__ = ["coverage", "files", "stable_shares"]
