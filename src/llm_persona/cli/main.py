"""The command line: one group, its commands, and how they end.

A command is a module of `commands`, an import and an entry of COMMANDS. Exit codes: 0; 1 for a problem in what the
user gave; 2 for wrong usage; 128 and its number for a signal (130 when interrupted); 141 when whoever reads the
output has had enough.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import IO, Any

import click

from .. import __version__
from ..errors import PersonaError, let_through
from ..files.output import safe, told
from ..names import did_you_mean
from .commands.check import check
from .commands.diff import diff
from .commands.exporting import export_persona
from .commands.importing import import_personas
from .commands.init import init
from .commands.listing import list_personas
from .commands.preview import preview
from .commands.render import render
from .commands.schema import schema
from .commands.show import show
from .terminal import line, painted, speak_utf8

COMMANDS: tuple[click.Command, ...] = (
    init,
    render,
    list_personas,
    show,
    preview,
    check,
    diff,
    schema,
    import_personas,
    export_persona,
)


class RefusedError(click.ClickException):
    """A problem in what the user gave: told on standard error, without a traceback; exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        line(f"{painted('error:', 'red', bold=True, err=True)} {safe(self.message)}", err=True)


class Commands(click.Group):
    """A group that tells this package's errors in its own words, and guesses which command was meant."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # prints what --help and --version say
        try:
            return super().make_context(*arguments, **options)
        except BrokenPipeError:
            raise click.exceptions.Exit(_end_quietly()) from None

    def invoke(self, ctx: click.Context) -> Any:  # whatever a command returns
        try:
            return super().invoke(ctx)
        except PersonaError as error:
            raise RefusedError(str(error)) from None
        except BrokenPipeError:
            # Left to click it would end with a code of click's choice.
            raise click.exceptions.Exit(_end_quietly()) from None
        except OSError as error:
            let_through(error)
            if not error.filename:
                _end_quietly()  # what standard output did not take would be tried again at the end
            raise RefusedError(str(told(error))) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        hint = did_you_mean(name, self.list_commands(ctx)) or f"there are {', '.join(self.list_commands(ctx))}"
        raise click.UsageError(f"no command {name!r}; {hint}", ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=Commands,
    commands=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="llm-persona", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """One definition, many prompts: the personas of LLM agents, from files.

    \b
    Example:
      llm-persona render Maya -s user_name=Jo
    """
    if ctx.invoked_subcommand is None:
        line(ctx.get_help(), err=True)
        ctx.exit(2)


class EndedError(BaseException):  # like KeyboardInterrupt, nobody's to catch but for cleaning up
    """A signal asked the process to end."""


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    speak_utf8()
    try:
        with _ending_on_signals():
            code = cli.main(arguments, prog_name="llm-persona", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except EndedError as end:
        return 128 + int(end.args[0])
    except BrokenPipeError:
        return _end_quietly()
    except OSError as error:
        let_through(error)
        _end_quietly()
        RefusedError(str(told(error))).show()
        return 1


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let a signal that ends the process end it as Ctrl-C does: what is half-done is taken away first."""

    def end(number: int, frame: object) -> None:
        raise EndedError(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        mine = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
        for number in mine:
            signal.signal(number, end)
    except ValueError:  # only the main thread may say so
        mine = []
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _end_quietly() -> int:
    """Return the exit code for a reader who has had enough; what is still buffered goes nowhere."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # a stream in memory has no descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
