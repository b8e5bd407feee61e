"""Where a command writes its text: the option -o, and what it may never write over."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from ..files.output import Input, open_descriptor, refuse_existing, write_file
from .terminal import write

STANDARD_OUTPUT = 1  # its descriptor

Command = Callable[..., None]  # click passes what the options of a command say


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command writes its text: `-o FILE`, or standard output."""

    path: str = "-"
    force: bool = False

    def check(self) -> None:
        """Raise PersonaError where a file would be replaced that nobody said might be."""
        if not self.printed and not self.force:
            refuse_existing(self.path)

    @property
    def printed(self) -> bool:
        """Whether it goes to standard output, by whichever of its names."""
        return self.path == "-" or open_descriptor(self.path) == STANDARD_OUTPUT

    def write(self, text: str, inputs: Iterable[Input]) -> None:
        """Write the text; never over one of the files that it was made of."""
        if self.printed:
            write(text)
        else:
            write_file(self.path, text, replace=self.force, inputs=inputs)


def output_file(default: str = "-", metavar: str = "FILE") -> Callable[[Command], Command]:
    """Add -o and --force, and hand them to the command as `output`."""

    def decorate(command: Command) -> Command:
        @click.option(
            "-o",
            "--output",
            "path",
            metavar=metavar,
            default=default,
            show_default=default != "-",
            type=click.Path(allow_dash=True),
            help="Where to write: a file in one step, a device or a pipe as it is; - is standard output.",
        )
        @click.option("--force", is_flag=True, help=f"Replace {metavar} if it is there; never one that was read.")
        @functools.wraps(command)
        def with_output(path: str, force: bool, **arguments: Any) -> None:
            command(output=Output(path, force), **arguments)

        return with_output

    return decorate
