"""`meva doctor`: whether what is needed is there and right, before anything runs."""

from __future__ import annotations

import click
from attrs import asdict

from meva_cli.database import DB
from meva_cli.load import Loaded, settings_for
from meva_cli.options import COUNT, json_option
from meva_cli.render import counted, print_json, print_line, print_table
from meva_cli.strategies.options import strategy_options


@click.command()
@DB
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["stage7", "stage3", "stage4", "backtest"]),
    help="What is to be run.  [default: stage7 where the settings open it, stage4 where they ask for live, "
    "else backtest]",
)
@click.option("--interval", type=COUNT, default=60, show_default=True, help="Seconds between cycles.")
@click.option("--stream", is_flag=True, help="For a loop of Stage 7 with --stream: try that, too.")
@click.option("--offline", is_flag=True, help="Ask the exchange nothing.")
@strategy_options
@click.option(
    "--no-strategy", "leave_strategy", is_flag=True, help="Do not load the strategy: that runs its code."
)
@click.option(
    "--deep",
    is_flag=True,
    help="Go through a database of any size, and ask strategies about the dataset of MEVA_REPLAY_DATASET, as "
    "`meva strategy check` does: that may take minutes.",
)
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    db: str | None,
    purpose: str | None,
    interval: int,
    stream: bool,
    offline: bool,
    strategy: str | None,
    parameters: tuple[str, ...],
    leave_strategy: bool,
    deep: bool,
    as_json: bool,
) -> None:
    """Look at what a run needs, from settings to system, and say of each thing what to do.

    Each check passes, warns or fails. `meva run` makes those of settings, gates, database, data and strategy
    before it starts, and does not start where one of them fails; whether the exchange answers, only its first
    measure can tell. Looking changes nothing: no file, no row, no lock is made, and the exchange is asked at
    most four public questions; for Stages 3 and 4, where a key is set, also for balances, open orders and
    fills, to see what it may do. For a loop it reckons how many books, bars and requests a minute the
    exchange's budgets allow with --interval, and how old the oldest book gets; with --stream it looks whether
    the library is there and the stream tells one book, and reckons with it.

    Exit code 0: nothing failed. 1: something did.
    """
    from meva_cli.checks.check import STAGE7, Status
    from meva_cli.checks.doctor import look_around

    def load(*more: str) -> Loaded:
        said = {"STRATEGY": strategy}
        return settings_for(
            "gates", "exchange", "live", "stage7", "alerts", "strategy", *more, options=said, warn=False
        )

    if stream and purpose not in (None, STAGE7):
        raise click.UsageError("--stream is for Stage 7: nothing else has a loop with the stream")
    purpose = STAGE7 if stream else purpose
    world, found = look_around(
        load,
        db,
        purpose,
        interval,
        offline=offline,
        deep=deep,
        stream=stream,
        parameters=parameters,
        loads_strategy=not leave_strategy,
    )
    failed = [check for check in found if check.status is Status.FAIL]
    if as_json:
        checks = [{**asdict(check), "status": str(check.status)} for check in found]
        print_json({"ok": not failed, "for": world.purpose, "checks": checks})
    else:
        rows = [[c.category, c.name, str(c.status), c.message, c.action] for c in found]
        print_table(["category", "check", "status", "seen", "to do"], rows)
        warned = sum(check.status is Status.WARN for check in found)
        counts = f"{len(failed)} failed, {counted(warned, 'warning')}, {counted(len(found), 'check')}"
        print_line(f"for {world.purpose}: {counts}")
    ctx.exit(1 if failed else 0)
