"""The command line: the group, what its commands share, and in `commands` a file for each command."""

__all__ = ["main"]
