"""`meva demo`: a first backtest, out of what comes with Meva."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

import click

from meva_cli.backtest_told import PAGE_LATER
from meva_cli.lazy import load_command
from meva_cli.named import ALONE
from meva_cli.render import print_line

DEMO: Final[Mapping[str, str]] = {
    "DRY_RUN_TRY_BALANCE": "100000",
    "STAGE7_UNIVERSE_SIZE": "3",
    "STAGE7_ORDER_OFFSET_BPS": "-4",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MIN_ORDER_NOTIONAL_TRY": "100",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "25000",
    "MAX_POSITION_NOTIONAL_TRY": "40000",
    "STAGE7_MAX_DAILY_LOSS_TRY": "3000",
    "STAGE7_MAX_DATA_AGE_SEC": "120",
    "TTL_SECONDS": "300",
}
"""What it trades with: 100 000 TRY, the best three of five symbols, limits that cross a narrow spread."""


@click.command()
@click.option(
    "--db",
    default="demo.db",
    show_default=True,
    metavar="FILE-OR-URL",
    help="The database it is recorded in.",
)
@click.pass_context
def demo(ctx: click.Context, db: str) -> None:
    """Run a first backtest over the sample that comes with Meva, say why it did or did not trade, and what it
    came to.

    Each command is shown before it runs. Settings of this folder and of the environment do not count here, so
    the fingerprint is the one that the README shows. Nothing is asked of any network.
    """
    from meva_adapters.replay.sample import sample_folder

    ctx.meta[ALONE] = ctx.meta[PAGE_LATER] = True
    chosen = [word for name, text in DEMO.items() for word in ("--set", f"{name}={text}")]
    _run(ctx, "backtest", ["--data", str(sample_folder()), "--db", db, *chosen])
    print_line()
    _run(ctx, "why", ["--db", db, "--last", "720"])
    print_line()
    _run(ctx, "report", ["--db", db, "--summary"])
    print_line()
    print_line(
        f"Next: `meva report --db {shlex.quote(db)} --html report.html` makes a page with pictures of it,"
    )
    print_line("`meva prove` decides each cycle again, and `meva init DIR` makes a folder to work in.")


def _run(ctx: click.Context, name: str, arguments: Sequence[str]) -> None:
    """Show a command as it would be typed, and run it; what it ends with other than 0 ends this one."""
    click.echo(f"$ meva {shlex.join([name, *arguments])}", err=True)
    command = load_command(name)
    try:
        with command.make_context(name, list(arguments), parent=ctx) as inner:
            command.invoke(inner)
    except click.exceptions.Exit as end:
        if end.exit_code:
            raise
