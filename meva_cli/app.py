"""The entry point: the root command, and the one way out of the program."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from meva_cli.context import Invocation
from meva_cli.lazy import LazyGroup
from meva_cli.signals import leave_at_once, raise_interrupt

if TYPE_CHECKING:
    from meva_adapters.system.logs import LogFormat
    from meva_core.settings import Settings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_MADE = 10_000
"""So many objects are made before Python looks for circles: importing makes ten times that, and all stay."""


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(package_name="meva", prog_name="meva")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of logs.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback with an error.")
@click.pass_context
def app(ctx: click.Context, log_format: LogFormat) -> None:
    """Decide, simulate and, behind gates, execute a spot portfolio on BTCTurk.

    Settings come from options, the environment, .env and meva.toml in this folder, in this order.
    """
    ctx.obj = Invocation(settled=lambda settings: _log(log_format, settings))


def _log(form: LogFormat, settings: Settings) -> None:
    """Send logs where they go. A command that reads no settings only shows something: it has none."""
    from meva_adapters.system.logs import set_up_logs
    from meva_core.settings import secrets_in

    set_up_logs(form, settings.state.log_level.value, secrets_in(settings))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0, 1, 2 or 130."""
    from meva_cli.errors import end_of

    return end_of(lambda: _command(arguments), arguments)


def _command(arguments: Sequence[str]) -> Any:
    return app.main(list(arguments), prog_name="meva", standalone_mode=False)


def main() -> NoReturn:
    """Run the command line of this process, which signals may end."""
    gc.set_threshold(_MADE)
    _take_closed_streams()
    _take_narrow_streams()
    from meva_cli.errors import end_of

    arguments = sys.argv[1:]
    code = end_of(lambda: _interruptible(arguments), arguments)
    gc.freeze()  # or Python looks through all of it again before it ends
    sys.exit(code)


def _interruptible(arguments: Sequence[str]) -> Any:
    """Run a command that a signal interrupts; what says how it ended is not interrupted a second time."""
    try:
        raise_interrupt()
        return _command(arguments)
    finally:
        leave_at_once()


def _take_closed_streams() -> None:
    """Keep the numbers of stderr and stdout from the files that are opened next: a database among them would
    get what is printed. Nobody reads messages without a stderr; without a stdout nothing is done.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    if sys.stdout is None:
        sys.stderr.write("Error: stdout is closed\nTo do: redirect it, to /dev/null if nobody reads it\n")
        sys.exit(2)


def _take_narrow_streams() -> None:
    """Spell out letters that the output's encoding lacks: a command that is done is not to fail over one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
