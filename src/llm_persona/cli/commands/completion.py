"""`completion`: what makes a shell complete commands, options, personas, templates and names of sessions."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from ..terminal import write

PROGRAM = "llm-persona"
VARIABLE = "_LLM_PERSONA_COMPLETE"  # what the shell asks the program by: click's name for it


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete this program's words: commands, options, the personas and templates of the files
    that -f names or of personas.yaml, and what they ask of a session.

    \b
    bash  in ~/.bashrc:  eval "$(llm-persona completion bash)"
    zsh   in ~/.zshrc:   eval "$(llm-persona completion zsh)"    (after compinit)
    fish  once:          llm-persona completion fish > ~/.config/fish/completions/llm-persona.fish

    \b
    Example:
      llm-persona completion bash
    """
    found = get_completion_class(shell)
    assert found is not None
    # Not the class's own `source`: for bash it would start one and ask for its version.
    write(ShellComplete.source(found(context.find_root().command, {}, PROGRAM, VARIABLE)))
