"""The command line: one group, its commands, and how they end.

A command is a module of `commands` and an entry of COMMANDS; it is imported when it is asked for, and so is what it needs:
`--help` imports none. Exit codes: 0; 1 for a problem in what the
user gave; 2 for wrong usage; 128 and its number for a signal (130 when interrupted); 141 when whoever reads the
output has had enough.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

import click

from .. import __version__
from .terminal import line, painted, showing_progress, speak_utf8

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """A command that is imported when it is asked for: where it is, and what `--help` says of it."""

    module: str  # of `commands`
    function: str
    short: str


COMMANDS = {
    "init": Entry("init", "init", "Make a working start: personas, a template, a test with its snapshots."),
    "render": Entry("render", "render", "Print a persona's system prompt, or its greeting."),
    "list": Entry("listing", "list_personas", "List the personas of a registry."),
    "show": Entry("show", "show", "Show a persona, each value with who gave it."),
    "preview": Entry("preview", "preview", "Make a page of every persona, to look at in a browser."),
    "check": Entry("check", "check", "Check persona files and their templates."),
    "diff": Entry("diff", "diff", "Show what changed between versions, personas or files, or since a git reference."),
    "publish": Entry("publish", "publish", "Publish a checked set of personas to a store, for a fleet to take up."),
    "schema": Entry("schema", "schema", "Print the JSON Schema of persona files."),
    "import": Entry("importing", "import_personas", "Make a persona file of agents, rules, crews and character cards."),
    "export": Entry(
        "exporting",
        "export_personas",
        "Write personas as agents, rules, crews or character cards, or check those that are there.",
    ),
    "batch": Entry("batch", "batch", "Make request files for batch services of a file of rows."),
    "completion": Entry("completion", "completion", "Print what makes bash, zsh or fish complete these words."),
}


class RefusedError(click.ClickException):
    """A problem in what the user gave: told on standard error, without a traceback; exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        from ..files.output import safe

        line(f"{painted('error:', 'red', bold=True, err=True)} {safe(self.message)}", err=True)


def _refused(error: OSError) -> RefusedError:
    from ..files.output import told

    return RefusedError(str(told(error)))


class Commands(click.Group):
    """A group that tells this package's errors in its own words, and guesses which command was meant."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # prints what --help and --version say
        try:
            return super().make_context(*arguments, **options)
        except BrokenPipeError:
            raise click.exceptions.Exit(_end_quietly()) from None

    def invoke(self, ctx: click.Context) -> Any:  # whatever a command returns
        from ..errors import PersonaError, let_through

        try:
            with showing_progress():
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
            raise _refused(error) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        entry = COMMANDS[cmd_name]
        return cast(click.Command, getattr(import_module(f"{__package__}.commands.{entry.module}"), entry.function))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.short) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=each.short) for name, each in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or name in COMMANDS:
            return super().resolve_command(ctx, args)
        from ..names import did_you_mean

        hint = did_you_mean(name, COMMANDS) or f"there are {', '.join(COMMANDS)}"
        raise click.UsageError(f"no command {name!r}; {hint}", ctx)


@click.group(
    cls=Commands,
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
        from ..errors import let_through

        let_through(error)
        _end_quietly()
        _refused(error).show()
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
