"""A registry that renews itself while it serves: from files and folders of this machine."""

from .generations import Status
from .registry import LiveRegistry

__all__ = ["LiveRegistry", "Status"]
