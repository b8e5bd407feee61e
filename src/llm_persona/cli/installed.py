"""Where this package was installed from, as PEP 610 has it, in the words of a requirements file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NamedTuple

NAME = "llm-persona"


class Requirement(NamedTuple):
    """What pip installs the same package by; `everywhere` is false for a place that only this machine has."""

    text: str
    everywhere: bool


def requirement(extras: str) -> Requirement:
    """Return what installs this package, with these extras, from where it was installed: a commit, an archive, a folder, or
    else this version from a package index."""
    try:
        found = distribution(NAME)
    except PackageNotFoundError:
        return Requirement(f"{NAME}[{extras}]", False)
    origin = found.read_text("direct_url.json")
    if origin is None:
        return Requirement(f"{NAME}[{extras}]=={found.version}", True)
    url = _url(json.loads(origin))
    return Requirement(f"{NAME}[{extras}] @ {url}", "file:" not in url)


def _url(origin: Mapping[str, Any]) -> str:
    """Return the URL that pip takes: of a repository with the commit, of an archive with its hash."""
    url = str(origin["url"])
    control = origin.get("vcs_info")
    if control and not url.startswith("file:"):  # pip before 24 takes no git+file
        url = f"{control['vcs']}+{url}@{control['commit_id']}"
    fragments = [f"subdirectory={origin['subdirectory']}"] if origin.get("subdirectory") else []
    hashes = (origin.get("archive_info") or {}).get("hashes") or {}
    fragments += [f"{name}={value}" for name, value in sorted(hashes.items()) if name == "sha256"]
    return f"{url}#{'&'.join(fragments)}" if fragments else url
