"""`render`: the system prompt of a persona, or its greeting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from ...errors import PersonaError, one_line
from ...persona.persona import Persona
from ...prompts.prompt import Prompt
from ..explained import print_explained
from ..options import PersonaFiles, asked_for, persona_files, session, session_values
from ..terminal import line, painted, print_json, write


@click.command(short_help="Print a persona's system prompt, or its greeting.")
@click.argument("name")
@click.option("-t", "--template", metavar="NAME", help="The template; else the persona's own, else the default one.")
@session_values
@click.option(
    "--unit", metavar="ID", help="Choose the version by the persona's rollout for this unit, such as a user's id."
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
@persona_files
def render(
    name: str,
    template: str | None,
    pairs: Sequence[tuple[str, object]],
    unit: str | None,
    greeting: bool,
    explain: bool,
    form: str,
    files: PersonaFiles,
) -> None:
    """Print the system prompt of the persona NAME (or NAME@VERSION) exactly as a model gets it.

    Where its last line does not end, text adds one line break; json has the prompt to the character.

    \b
    Example:
      llm-persona render Maya -t markdown -s user_name=Jo -s 'days:=14'
    """
    if greeting and (template is not None or form != "text"):
        raise click.UsageError("--greeting takes neither --template nor --format: a greeting is plain text")
    if explain and (greeting or form not in ("text", "json")):
        raise click.UsageError("--explain goes with --format text or json, and not with --greeting")
    values = session(pairs)
    persona = asked_for(files.registry(), name, unit)
    if greeting:
        _print_text(_greeting(persona, values))
        return
    prompt = persona.render(template, **values)
    if explain:
        print_explained(prompt.explain(), form)
    else:
        _print_prompt(prompt, form)
    for unused in prompt.unused:
        note = f"neither {prompt.ref} nor the template {prompt.template!r} uses the session variable {unused!r}"
        line(f"{painted('note:', 'yellow', err=True)} {one_line(note)}", err=True)


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
