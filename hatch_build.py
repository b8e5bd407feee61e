"""The project's addresses, from the one place that knows them: the repository that a build is made in came from somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any
from urllib.parse import urlsplit

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Addresses(MetadataHookInterface):
    """Fills `urls` by where the clone came from. A build of a source archive has those of the archive."""

    def update(self, metadata: dict[str, Any]) -> None:
        metadata["urls"] = urls(_origin(self.root))


def urls(origin: str) -> dict[str, str]:
    """Return what a repository's page has; none for one that no browser reaches, and never a name or a password."""
    if re.match(r"[\w.-]+@[\w.-]+:", origin):  # as ssh has it
        origin = "ssh://" + origin.replace(":", "/", 1)
    parts = urlsplit(origin)
    if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
        return {}
    page = f"https://{parts.hostname}{parts.path.removesuffix('/').removesuffix('.git')}"
    at = f"{page}/blob/HEAD"
    return {
        "Source": page,
        "Documentation": f"{at}/docs/index.md",
        "Changes": f"{at}/CHANGELOG.md",
        "Security": f"{at}/SECURITY.md",
    }


def _origin(folder: str) -> str:
    if not os.path.exists(os.path.join(folder, ".git")):  # the repository that a folder lies in may be another's
        return ""
    try:
        words = ["git", "-C", folder, "config", "--get", "remote.origin.url"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:  # no git
        return ""
