"""A small product as the tests of `diff` have it: a file of personas, its template, and one that it extends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILE = """\
$templates: templates
Base: {abstract: true, company: Acme, template: support}
Maya:
  parent: Base
  version: 1
  role: Guide
  tone: kind
Max: {role: Helper}
Mia: {role: Writer, version: 3}
"""
SUPPORT = '{% extends "shared/base.j2" %}\n{% block session %}\nBe brief.\n{% endblock %}\n'
SHARED = '{% extends "markdown.j2" %}\n'
PRODUCT = {"personas.yaml": FILE, "templates/support.j2": SUPPORT, "templates/shared/base.j2": SHARED}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
