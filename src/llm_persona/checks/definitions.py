"""What is legal in a registry, and was probably forgotten: a variant's name or version, an unused variable, a line's end."""

from __future__ import annotations

from collections.abc import Iterator, Set

from ..codes import finding
from ..errors import Location, Problem, TemplateError, field_text
from ..fields import those
from ..files.reading import NO_PATH
from ..names import split_reference
from ..persona.inheritance import Path, became, edit_of, find, standing, texts
from ..persona.persona import Persona, is_gone
from ..persona.provenance import Origin, Places, Provenance, explanation, located, origin_of
from ..persona.resolution import State
from ..placeholders import Placeholders
from ..wording import quoted

LINE_ENDS = ("\n", "\r")


def definition_findings(state: State, places: Places) -> Iterator[Problem]:
    """Yield each as a warning, at the place where it was written."""
    yield from _replaced_parents(state, places)
    yield from _variants_named_by_their_key(state, places)
    yield from _unused_variables(state, places)
    yield from _unpinned(state, places)
    yield from _ending_in_line_breaks(state, places)
    yield from _kept_out(state, places)


def _warning(code: str, origin: Provenance, field: str | None, message: str, hint: str) -> Problem:
    place = (None, None, None) if origin.path == NO_PATH else (origin.path, origin.line, origin.column)
    return finding(code, message, hint, Location(*place, origin.persona, field))


def _replaced_parents(state: State, places: Places) -> Iterator[Problem]:
    """Find the children of what is gone: they have another parent than the one that they name."""
    for key in state.lineages:
        definition = state.definitions[key]
        line = None if definition.parent is None else standing(state.definitions, definition.parent)
        if line is not None and is_gone(line):
            yield _warning(
                "parent-replaced",
                explanation(state.lineages[key], places).fields["parent"],
                "parent",
                f"parent {quoted(definition.parent or '')} {became(state.definitions, line)}, which is inherited instead",
                "name that one, or another",
            )


def _variants_named_by_their_key(state: State, places: Places) -> Iterator[Problem]:
    """Find the children of served personas that will call themselves by another name than their parent.

    A display_name anywhere in the chain, null included, says that somebody has thought of it.
    """
    for key, persona in state.complete.items():
        parent = _served_parent(state, key)
        if parent is None or persona.abstract or persona.display_name is not None:
            continue
        origins = explanation(state.lineages[key], places)
        if origins.fields["display_name"].persona is None:
            yield _warning(
                "unnamed-variant",
                origins.fields["parent"],
                "parent",
                f"the variant will introduce itself as {quoted(persona.name)}, and its parent as {quoted(parent)}",
                f"add display_name: {quoted(parent)}, or its own name if that is meant",
            )


def _served_parent(state: State, key: str) -> str | None:
    """Return the name of a persona's parent, if that is another persona and not abstract."""
    reference = state.definitions[key].parent
    if reference is None:
        return None
    name = split_reference(reference)[0]
    parent = find(state.definitions, reference) or state.definitions.get(name)
    own = split_reference(key)[0]
    return None if parent is None or parent.abstract or own in (name, parent.name) else parent.name


def _unpinned(state: State, places: Places) -> Iterator[Problem]:
    """Find the personas without a version below one that has some: their conversations are pinned to nothing."""
    for lineage in state.lineages.values():
        if lineage.persona.abstract or lineage.persona.version is not None:
            continue
        ancestor = lineage.inherited
        while ancestor is not None and ancestor.persona.version is None:
            ancestor = ancestor.inherited
        if ancestor is not None:
            yield _warning(
                "unpinned-ref",
                explanation(lineage, places).fields["parent"],
                "parent",
                f"{quoted(ancestor.persona.name)} has versions and this has none, so its ref pins nothing",
                "give it one: version: 1",
            )


def _kept_out(state: State, places: Places) -> Iterator[Problem]:
    """Find the definitions that replace their parent's constraints, or empty them: what those forbid is allowed here."""
    for key, lineage in state.lineages.items():
        if lineage.inherited is None or edit_of(lineage.definition, "constraints").replace is None:
            continue
        parent = lineage.inherited.persona
        kept_out = set(parent.constraints) - set(lineage.persona.constraints)
        if kept_out:
            whole = len(parent.constraints)
            are = "is" if len(kept_out) == 1 else "are"
            yield _warning(
                "constraints-kept-out",
                located(Origin(key, ("constraints",)), places),
                "constraints",
                f"{len(kept_out)} of {whole} of the parent's constraints {are} not in force here, nor will those be that it gains",
                "write {add: [...], remove: [...]} to inherit the rest, or accept this where it is meant",
            )


def _ending_in_line_breaks(state: State, places: Places) -> Iterator[Problem]:
    """Find the texts that stand inside a line of a prompt and end in a line break, as `role: >` gives them."""
    found: dict[Origin, str] = {}
    for lineage in state.lineages.values():
        if not lineage.persona.abstract:
            for path, text, goes_on in _inside_lines(lineage.persona):
                if text.rstrip(" \t")[-1:] in LINE_ENDS:
                    found.setdefault(origin_of(lineage, path), goes_on)
    for origin, goes_on in found.items():
        document = places.get(origin.persona or "")
        is_yaml = document is not None and document.path.endswith((".yaml", ".yml"))
        hint = "write >- for >, or |- for |" if is_yaml else "take it off"
        message = f"ends in a line break, {goes_on}"
        yield _warning("ends-in-line-break", located(origin, places), field_text(origin.path), message, hint)


def _inside_lines(persona: Persona) -> Iterator[tuple[Path, str, str]]:
    """Yield the texts of which templates print no line of its own, each with what a line break at its end does."""
    sentence, line = "and a sentence goes on behind it", "and leaves an empty line behind it"
    yield from ((path, text, sentence) for path, text in texts(persona, fields=those(place="sentence")))
    for path, text in texts(persona, fields=("variables",)):
        if len(text.splitlines()) == 1:  # of several lines, it is meant to
            yield path, text, sentence
    yield from ((path, text, line) for path, text in texts(persona, fields=those(place="line")))


def _unused_variables(state: State, places: Places) -> Iterator[Problem]:
    """Find the declarations that serve no persona: of none that inherits it do texts or template name the variable."""
    declaring = {key: set(persona.variables or ()) for key, persona in state.complete.items() if not persona.abstract}
    unused = {key: names - _names_used(state.complete[key], names) for key, names in declaring.items() if names}
    suspects = set().union(*unused.values())
    used: dict[tuple[Provenance, str], bool] = {}
    for key, names in declaring.items():
        if suspects & names:
            origins = explanation(state.lineages[key], places).tables["variables"]
            for name in origins.keys() & suspects:
                declaration = (origins[name], name)
                used[declaration] = used.get(declaration, False) or name not in unused[key]
    for (origin, name), is_used in used.items():
        if not is_used:
            yield _warning(
                "unused-variable",
                origin,
                f"variables.{name}",
                "nothing uses this variable: neither the persona's texts nor its template name it",
                f"write {{{name}}} where it belongs, or remove it",
            )


def _names_used(persona: Persona, names: Set[str]) -> Set[str]:
    """Return those of the names that a persona's texts or template use; all where that cannot be known."""
    try:
        template = persona.own_template()
    except TemplateError:
        return names
    if template.dynamic:
        return names
    placeholders = Placeholders(persona.variables, persona.constants)
    asked = (placeholders.names(text) for path, text in texts(persona, "{") if path[0] != "constants")
    return template.session_names.union(*asked) & names
