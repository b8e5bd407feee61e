"""A registry that renews itself while it serves: from files of this machine, or from the store of a fleet."""

from .generations import Status
from .registry import LiveRegistry

__all__ = ["LiveRegistry", "Status"]
