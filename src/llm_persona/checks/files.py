"""What is wrong with persona files, and what is suspicious in them, in file order."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import Problem
from ..files.reading import Document, read
from ..limits import Limits
from ..persona.acceptances import Acceptances
from ..persona.file_keys import Arguments, Folders
from ..persona.loading import Loaded, in_file_order, load_documents
from ..persona.tool_catalogue import Catalog
from .borrowed_names import check_borrowed_names
from .characters import character_findings
from .definitions import definition_findings
from .findings import Findings
from .repeats import check_repeats


def validate_file(
    path: str | os.PathLike[str],
    *more: str | os.PathLike[str],
    templates: Folders | None = None,
    default_template: str | None = None,
    tools: Catalog | None = None,
    limits: Limits | None = None,
) -> list[Problem]:
    """Return all that is wrong with persona files, and what is suspicious in them as warnings, in file order.

    Several files are checked as one registry; `-` is standard input; [] says that all is well. Whatever a file holds is
    a problem and never raised. Raises TemplateError for a folder of `templates` that is missing, and what is wrong with
    the `tools` that were passed.
    """
    arguments = Arguments.of(templates, default_template, tools, limits)
    return inspect_documents([read(each, limits=limits) for each in (path, *more)], arguments).told()


def inspect_documents(
    documents: Iterable[Document], arguments: Arguments | None = None, accepted: Acceptances | None = None
) -> Loaded:
    """Return what `load_documents` does, with warnings among the problems, but for what the files or `accepted` accept."""
    documents = list(documents)
    loaded = load_documents(documents, arguments)
    loaded.more_warnings = sum(document.more_warnings for document in documents)
    # A character that is an error is not suspicious too.
    spelled = {(problem.path, problem.line, problem.column) for problem in loaded.problems if "U+" in problem.message}
    findings = Findings(loaded.places, Acceptances.of(loaded.state.accepted, documents), accepted)
    firsts: dict[tuple[object, ...], Problem] = {}  # what several personas share is told once
    for document in documents:
        for warning in character_findings(document):
            place = (warning.path, warning.line, warning.column)
            if "U+" not in warning.message or place not in spelled:
                first = firsts.setdefault((*place, warning.message), warning)
                findings.add(first, warning.persona)
    for warning in definition_findings(loaded.state, loaded.places):
        findings.add(warning)
    check_borrowed_names(loaded.state, findings)
    check_repeats(loaded.state, findings)
    warnings = findings.problems([] if loaded.problems else ["in files"])  # what is broken is not looked at
    loaded.problems = in_file_order([*loaded.problems, *warnings], documents)
    return loaded
