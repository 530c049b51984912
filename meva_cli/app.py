"""The entry point: the root command, and the one way out of the program."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from meva_cli.context import Invocation
from meva_cli.lazy import LazyGroup

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(package_name="meva", prog_name="meva")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of logs.",
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.pass_context
def app(ctx: click.Context, log_format: str, debug: bool) -> None:
    """Decide, simulate and, behind gates, execute a spot portfolio on BTCTurk.

    Settings come from options, the environment, .env and meva.toml in this folder, in this order.
    """
    ctx.obj = Invocation(log_format=log_format, debug=debug)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0, 1, 2 or 130."""
    from meva_cli.errors import end_of

    return end_of(lambda: app.main(list(arguments), prog_name="meva", standalone_mode=False), arguments)


def main() -> NoReturn:
    """Run the command line of this process. A termination request ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    _take_closed_streams()
    sys.exit(run(sys.argv[1:]))


def _take_closed_streams() -> None:
    """Keep the numbers of stderr and stdout from the files that are opened next: a database among them would
    get what is printed. Nobody reads messages without a stderr; without a stdout nothing is done.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    if sys.stdout is None:
        sys.stderr.write("Error: stdout is closed\nTo do: redirect it, to /dev/null if nobody reads it\n")
        sys.exit(2)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
