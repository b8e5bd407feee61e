"""All that can be known of a registry before the first request: personas, templates and the session together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from ..arguments import items_of, mapping_of
from ..codes import Found, finding
from ..errors import InvalidValueError, Location, PersonaError, Problem, TemplateError
from ..kinds import is_mapping, is_text, plain
from ..names import kind_of
from ..persona.acceptances import Acceptances
from ..persona.provenance import Origin, origin_of
from ..persona.resolution import State
from ..prompts.parts import Line
from ..templating.session import neutralise
from ..templating.templates import BUNDLED_PREFIX, Template, Templates
from .borrowed_names import check_borrowed_names
from .characters import character_findings
from .definitions import definition_findings
from .findings import Findings
from .lines import check_line_starts, includes_that_run_on, indented_includes, lines_that_run_on
from .near_placeholders import check_near_misses
from .rehearsals import Rehearsal, SessionSample
from .repeats import check_repeats
from .session_names import Asking, check_constants, check_defaults, check_names, check_slips
from .spoken_names import check_spoken_name
from .stable_shares import Least, StableShare, check_stable_part, stable_share
from .unprinted_texts import check_unprinted_texts

MAX_SHAPES = 1_024  # of personas whose recordings are kept for others
SessionNames = Mapping[str, Any] | Iterable[str]

SAMPLE_IT = "if the session gives no text there, give a sample of what it gives: -s NAME:=JSON"


def check(
    state: State,
    session: SessionNames | None = None,
    optional: Iterable[str] = (),
    accepted: Acceptances | None = None,
) -> list[Problem]:
    """Return what is wrong between personas, their templates and the session that the handler passes, in file order.

    `session` has the names, or sample values by name, which are then tried out; `optional` the names that are passed
    only sometimes. Without both nothing is said of names. Left out is what the registry's files accept, or `accepted`.
    Raises InvalidValueError for what is neither.
    """
    sample, problems = _sample(session, optional)
    files = dict.fromkeys(state.places.values())
    findings = Findings(state.places, Acceptances.of(state.accepted, files), accepted)
    for problem in (*problems, *chain.from_iterable(map(character_findings, files)), *_template_problems(state)):
        findings.add(problem)
    for problem in definition_findings(state, state.places):
        findings.add(problem)
    check_borrowed_names(state, findings)
    check_repeats(state, findings)
    lacking: set[str] = set()
    asking: list[Asking] = []
    for rehearsal in _rehearsals(state, sample):  # none is kept: each has all of its recordings
        asking.append((rehearsal.texts, rehearsal.template))
        check_unprinted_texts(rehearsal, findings)
        check_spoken_name(rehearsal, findings)
        check_line_starts(rehearsal, findings)
        check_near_misses(rehearsal, state.places, findings)
        if sample.names is None:
            _check_any_run(rehearsal, findings)
            continue
        check_constants(rehearsal, sample.names, findings)
        check_defaults(rehearsal, sample.names, findings)
        check_stable_part(rehearsal, findings)
        lacked = check_names(rehearsal, sample.names, findings)
        lacking |= lacked
        if not problems and not lacked - rehearsal.greeting_only:
            _check_runs(rehearsal, findings)
        _check_greeting(rehearsal, findings)
    if sample.names is not None:
        check_slips(asking, sample.names | sample.optional, lacking, findings)
    return findings.problems(looked_for(session, optional))


def looked_for(session: SessionNames | None, optional: Iterable[str] = ()) -> list[Found]:
    """Return the kinds of findings that `check` looks for with such a session."""
    always: list[Found] = ["in files", "in templates"]
    return always if session is None and not optional else [*always, "with a session"]


def stable_shares(state: State, session: SessionNames | None = None, optional: Iterable[str] = ()) -> list[StableShare]:
    """Return the stable share of every prompt that can be rendered, in order of definition."""
    sample, _ = _sample(session, optional)
    shares = (stable_share(each, state.places) for each in _rehearsals(state, sample))
    return [share for share in shares if share is not None]


def check_bill(
    state: State, shares: Iterable[StableShare], least: Least, accepted: Acceptances | None = None
) -> list[Problem]:
    """Return which prompts fall short of what is asked of all, those aside for which that is accepted."""
    findings = Findings(state.places, Acceptances.of(state.accepted, dict.fromkeys(state.places.values())), accepted)
    keys = {persona.ref: key for key, persona in state.complete.items()}
    for share in shares:
        for problem in least.problems(share, keys[share.persona]):
            findings.add(problem)
    return findings.problems(["with a least"])


def _sample(session: SessionNames | None, optional: Iterable[str] = ()) -> tuple[SessionSample, list[Problem]]:
    """Return what the handler passes, and what no session may hold. Raises InvalidValueError for no such thing."""
    sometimes = _names(optional, "optional", "a set of names")
    if session is None and not sometimes:
        return SessionSample(), []
    names = _names(() if session is None else session, "session", "a set of names or a mapping")
    given = dict(mapping_of(session, "session")) if is_mapping(session) else {}
    problems = list(_unfit({**dict.fromkeys(sorted((names | sometimes) - {"extra_sections"}), "x"), **given}))
    # Null counts as not given. What cannot be held is passed all the same: its name is not missing.
    given = {name: value for name, value in given.items() if plain(value) is not None}
    always = frozenset(given) if is_mapping(session) else names
    return SessionSample(always - sometimes, {} if problems else given, sometimes), problems


def _names(names: object, argument: str, what: str) -> frozenset[str]:
    found = [plain(name) for name in items_of(names, argument, what)]
    for name in found:
        if not is_text(name):
            raise InvalidValueError(f"{argument} must hold names, which are texts, not {kind_of(name)}")
    return frozenset(map(str, found))


def _unfit(values: Mapping[str, object]) -> Iterator[Problem]:
    for name, value in values.items():
        try:
            neutralise({name: value})
        except InvalidValueError as error:
            yield finding("session-refused", error.message, error.hint)


def _rehearsals(state: State, sample: SessionSample) -> Iterator[Rehearsal]:
    alike: dict[Hashable, Rehearsal] = {}
    cut: Counter[int] = Counter()
    for key, persona in state.complete.items():
        if persona.abstract:
            continue
        try:
            template = persona.own_template()
        except TemplateError:
            continue
        yield Rehearsal(persona, state.lineages[key], template, sample, alike, cut)
        if len(alike) > MAX_SHAPES:
            del alike[next(iter(alike))]


def _template_problems(state: State) -> Iterator[Problem]:
    """Yield what is wrong with templates: errors in those that a persona is rendered with, warnings in the others."""
    used: dict[int, set[str]] = {}
    for persona in state.complete.values():
        if not persona.abstract:
            used.setdefault(id(persona.naming), set()).add(persona.template_name)
    for templates in {id(bound.templates): bound.templates for bound in state.bounds}.values():
        yield from _problems_of(templates, used.get(id(templates), set()))


def _problems_of(templates: Templates, used: set[str]) -> Iterator[Problem]:
    good: dict[str, Template] = {}
    broken: list[tuple[str, TemplateError]] = []
    for name in sorted({*used, *_own_names(templates)}):
        try:
            good[name] = templates.get(name)
        except TemplateError as problem:
            broken.append((name, problem))
    syntaxes = {name: syntax for template in good.values() for name, syntax in template.syntaxes.items()}
    for name, error in broken:
        if name in used or name not in syntaxes:  # a part of others need not stand alone
            code = "template-broken" if name in used else "template-broken-unused"
            yield from (_problem(each, code) for each in (error, *error.others))
    sources = {name: syntax.source for name, syntax in syntaxes.items()}
    for name, syntax in syntaxes.items():
        if not name.startswith(BUNDLED_PREFIX):
            yield from indented_includes(syntax, sources)
            yield from includes_that_run_on(syntax, sources)
            yield from lines_that_run_on(syntax)


def _own_names(templates: Templates) -> list[str]:
    """Return the names of the product's own templates, those that cannot be read included."""
    return [name for name in templates.sources() if not name.startswith(BUNDLED_PREFIX)]


def _problem(error: TemplateError, code: str) -> Problem:
    return finding(code, error.message, error.hint, Location(error.path, error.line, error.column))


def _check_any_run(rehearsal: Rehearsal, findings: Findings) -> None:
    """Note what goes wrong when the persona is rendered, whatever the session holds."""
    if (failure := rehearsal.like.failure) is not None:
        _note(failure, rehearsal, findings)


def _check_runs(rehearsal: Rehearsal, findings: Findings) -> None:
    """Note all that goes wrong for some session that the handler may pass."""
    errors, always = rehearsal.like.failures
    for error in errors:
        _note(error, rehearsal, findings, "" if always else "for some sessions: ")
    for line in rehearsal.like.doubts:
        _note_doubt(line, rehearsal, findings)
    for line in rehearsal.like.halted:
        _note_doubt(line, rehearsal, findings, halted=True)


def _check_greeting(rehearsal: Rehearsal, findings: Findings) -> None:
    """Note that the greeting cannot be built with the samples. The prompt can, so it is for who greets to know."""
    texts, samples = rehearsal.texts, rehearsal.session.given
    try:
        texts.greet({name: samples.get(name, "x") for name in texts.greeting_needs}, lambda: rehearsal.template)
    except PersonaError as error:
        origin = origin_of(rehearsal.lineage, ("greeting",))
        findings.add(findings.at(origin, "greeting-fails", error.message, error.hint), rehearsal.persona.key)


def _note_doubt(line: Line | None, rehearsal: Rehearsal, findings: Findings, *, halted: bool = False) -> None:
    """Note that it is not known whether every session that the handler may pass can be rendered."""
    template = rehearsal.template
    name = str(template.compiled.name) if line is None else line.template
    place = Location(template.syntaxes[name].path, None if line is None else line.number)
    if halted:
        message = "what this line does with a value cannot be followed, so nothing behind it was tried"
    elif line is not None:
        message = "whether this renders for every session cannot be told"
    else:
        message = f"template {template.name!r} asks too much of the session for all of it to be tried"
    hint = "ask less of the session, or accept this where it is meant"
    findings.add(finding("check-incomplete", message, hint, place), rehearsal.persona.key)


def _note(error: PersonaError, rehearsal: Rehearsal, findings: Findings, when: str = "") -> None:
    key = rehearsal.persona.key
    if isinstance(error, TemplateError):
        place = Location(error.path, error.line, error.column)
        hint = error.hint or (SAMPLE_IT if error.message.startswith("a text has no ") else None)
        findings.add(finding("render-fails", f"{when}{error.message}", hint, place), key)
    elif isinstance(error, InvalidValueError) and not error.field:  # of a name, whatever its value
        findings.add(finding("session-slip", error.message, error.hint), key)
    else:
        origin = origin_of(rehearsal.lineage, error.field) if error.field else Origin(key)
        findings.add(findings.at(origin, "render-fails", f"{when}{error.message}", error.hint), key)
