"""`render`: the system prompt of a persona, or its greeting."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from ...errors import InvalidValueError, MissingVariableError, PersonaError, TemplateError, one_line
from ...kinds import is_text
from ...persona.persona import Persona
from ...prompts.prompt import Prompt
from ...registry.registry import PersonaRegistry
from ..completions import personas, templates
from ..explained import print_explained
from ..options import PersonaFiles, asked_for, persona_files, session, session_values, watch
from ..terminal import line, painted, print_json, write

_ABSENT = re.compile("session has no '([^']+)'; where it may be absent")  # what no name that is given is close to
FIND_IT = "take the commit that it was made with; docs/stamps.md has a recipe that finds it"


@click.command()
@click.argument("name", required=False, shell_complete=personas)
@click.option(
    "-t",
    "--template",
    metavar="NAME",
    shell_complete=templates,
    help="The template; else the persona's own, else the default one.",
)
@session_values
@click.option(
    "--unit", metavar="ID", help="Choose the version by the persona's rollout for this unit, such as a user's id."
)
@click.option(
    "--stamp",
    "stamp_path",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Print the prompt of this stamp, to the byte: it names persona and template; -s gives the values of its session.",
)
@click.option("--greeting", is_flag=True, help="Print the greeting, not the prompt.")
@click.option("--explain", is_flag=True, help="Say of each line where it comes from; with --format json, for tools.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "anthropic", "openai"]),
    default="text",
    show_default=True,
    help="text is the prompt and nothing else; json says all that is known of it; the others are what the SDKs take.",
)
@watch
@persona_files
def render(
    name: str | None,
    template: str | None,
    pairs: Sequence[tuple[str, object]],
    unit: str | None,
    stamp_path: str | None,
    greeting: bool,
    explain: bool,
    form: str,
    watch: bool,
    files: PersonaFiles,
) -> None:
    """Print the system prompt of the persona NAME (or NAME@VERSION) exactly as a model gets it.

    Where its last line does not end, text adds one line break; json has the prompt to the character.

    --stamp FILE prints the prompt that a stamp was made with, where these files would make it again; else it ends with 1
    and says which part of them changed since.

    With --watch it is printed anew at each save; what is wrong with a file is told on standard error.

    \b
    Example:
      llm-persona render Maya -t markdown -s user_name=Jo -s 'days:=14'
    """
    if greeting and (template is not None or form != "text"):
        raise click.UsageError("--greeting takes neither --template nor --format: a greeting is plain text")
    if (name is None) == (stamp_path is None):
        raise click.UsageError("name a persona, or give the file of a stamp: --stamp FILE")
    if stamp_path is not None and (template is not None or unit is not None or greeting or explain or form != "text"):
        raise click.UsageError("--stamp goes with -s and persona files alone: it says all else")
    if explain and (greeting or form not in ("text", "json")):
        raise click.UsageError("--explain goes with --format text or json, and not with --greeting")
    if watch and stamp_path is not None:
        raise click.UsageError("--watch follows files, and a stamp is of one moment")
    values = session(pairs)
    if stamp_path is not None:
        write(_prompt_of(stamp_path, files.registry(), values))
        return
    assert name is not None
    asked = Asked(name, unit, template, values, greeting, explain, form)
    if watch:
        from ..watching import follow

        follow(files, lambda registry: _show(registry, asked))
    else:
        _show(files.registry(), asked)


class Asked(NamedTuple):
    """What is to be printed, and how."""

    name: str
    unit: str | None
    template: str | None
    values: Mapping[str, object]
    greeting: bool
    explain: bool
    form: str


def _show(registry: PersonaRegistry, asked: Asked) -> None:
    name, unit, template, values, greeting, explain, form = asked
    persona = asked_for(registry, name, unit)
    with _saying_what_gives_it():
        if greeting:
            _print_text(_greeting(persona, values))
            return
        prompt = persona.render(template, **values)
    if explain:
        print_explained(prompt.explain(), form)
    else:
        _print_prompt(prompt, form)
    for unused in prompt.unused:
        _note(f"neither {prompt.ref} nor the template {prompt.template!r} uses the session variable {unused!r}")


def _note(text: str) -> None:
    line(f"{painted('note:', 'yellow', err=True)} {one_line(text)}", err=True)


def _prompt_of(path: str, registry: PersonaRegistry, values: Mapping[str, object]) -> Prompt:
    """Return the prompt that a stamp was made with. Raises PersonaError where these files and values make another one."""
    stamp = _stamp(path)
    changed = registry.verify(stamp)
    if changed:
        told = "the stamp is of another format" if changed == ("format",) else f"changed since: {', '.join(changed)}"
        ref = stamp.get("ref")
        raise PersonaError(
            f"these files make no prompt of this stamp: {told}", persona=ref if is_text(ref) else None, hint=FIND_IT
        )
    had, given = set(stamp["session"]), {name for name, value in values.items() if value is not None}
    if had != given:
        names = ", ".join(sorted(had)) or "no variable"
        raise PersonaError(f"the session of the stamp gave {names}", persona=stamp["ref"], hint="give the same with -s")
    prompt = registry.complete(stamp["ref"]).render(stamp["template"] if stamp["template_named"] else None, **values)
    if prompt.stamp()["stable_fingerprint"] != stamp["stable_fingerprint"]:
        raise PersonaError("these files make no prompt of this stamp: its stable part is another", persona=stamp["ref"])
    for name in prompt.folded:
        if name == "extra_sections":  # of which names alone are folded
            continue
        _note(
            f"{name!r} was made one line; where it was passed as multiline(...), write -s {shlex.quote(name + '|=')}…"
        )
    return prompt


def _stamp(path: str) -> dict[str, Any]:
    """Read a stamp, or the one in a line of a log that has it as `stamp`."""
    try:
        with click.open_file(path, encoding="utf-8") as file:
            stamp = json.load(file)
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        stamp = None
    if isinstance(stamp, dict) and isinstance(logged := stamp.get("stamp"), dict):
        stamp = logged
    if not isinstance(stamp, dict):
        raise InvalidValueError(f"{path} holds no stamp: it must be JSON, as prompt.stamp() makes it")
    return stamp


@contextlib.contextmanager
def _saying_what_gives_it() -> Iterator[None]:
    """Add to what is told of variables that the session lacks the options that give them."""
    try:
        yield
    except MissingVariableError as error:
        error.hint = _giving(error.names, error.hint)
        raise
    except TemplateError as error:
        if found := _ABSENT.search(error.message):
            error.hint = _giving((found[1],), error.hint)
        raise


def _giving(names: Sequence[str], hint: str | None) -> str:
    options = " ".join(f"-s {shlex.quote(f'{name}=')}…" for name in names)
    return f"{hint}; or give it: {options}" if hint else f"give it: {options}"


def _greeting(persona: Persona, values: Mapping[str, object]) -> str:
    text = persona.build_greeting(**values)
    if text is None:
        raise PersonaError(
            "has no greeting", persona=persona.key, field=("greeting",), hint="render its prompt, without --greeting"
        )
    return text


def _print_prompt(prompt: Prompt, form: str) -> None:
    if form == "text":
        _print_text(prompt.text)
    elif form == "json":
        print_json(description(prompt))
    else:
        print_json(prompt.anthropic_system() if form == "anthropic" else prompt.openai_input())


def _print_text(text: str) -> None:
    write(text if text.endswith("\n") else f"{text}\n")


def description(prompt: Prompt) -> dict[str, object]:
    """Return all that is known of a prompt, ready for JSON."""
    return {
        "text": prompt.text,
        "ref": prompt.ref,
        "template": prompt.template,
        "stable": prompt.stable,
        "rest": prompt.rest,
        "sections": dict(prompt.sections),
        "unused": list(prompt.unused),
        "folded": list(prompt.folded),
        "fingerprint": prompt.fingerprint,
        "stamp": prompt.stamp(),
    }
