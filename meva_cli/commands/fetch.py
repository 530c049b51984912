"""`meva replay fetch`: candle history of a period."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meva_cli.exchange import exchange, now_seconds, source_of
from meva_cli.load import settings_for
from meva_cli.options import AMOUNT, FOLDER, SYMBOLS, TIME, json_option
from meva_cli.progress import make_progress
from meva_cli.render import print_json, print_line, print_table
from meva_core.counting import counted, were
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.btcturk import Manners
    from meva_adapters.replay.recording.fetch import Fetched, Period

DAY = 86_400
LONG_WAIT = 3.0
"""So many seconds of waiting are said."""


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--symbols", type=SYMBOLS, help="Symbols, with commas.  [default: SYMBOLS of the settings]")
@click.option("--from", "start", type=TIME, help="Beginning, ISO 8601.  [default: a day before the end]")
@click.option("--to", "end", type=TIME, help="End, ISO 8601.  [default: now]")
@click.option(
    "--interval",
    type=click.Choice(["60", "300", "900", "1800", "3600", "14400", "86400"]),
    default="60",
    show_default=True,
    help="Seconds of a candle.",
)
@click.option(
    "--spread-bps",
    type=AMOUNT,
    default="10",
    show_default=True,
    help="How far apart the assumed bid and ask lie.",
)
@click.option("--again", is_flag=True, help="Ask also for what the exchange answered to have no candles for.")
@click.option("--no-books", is_flag=True, help="Assume no order books; the dataset then cannot be run.")
@json_option
@click.pass_context
def fetch(
    ctx: click.Context,
    folder: Path,
    symbols: tuple[str, ...] | None,
    start: int | None,
    end: int | None,
    interval: str,
    spread_bps: Decimal,
    again: bool,
    no_books: bool,
    as_json: bool,
) -> None:
    """Bring the exchange's candle history of a period into DIR.

    Candles that are there already, and minutes that the exchange answered to have none for, are not asked for
    again, so a fetch that was stopped goes on where it was. Bars are taken three minutes after their end,
    when they no longer change. The exchange keeps no history of order books: where none were recorded they
    are assumed from the closes, half the spread to each side, and manifest.json says so. Fills against such
    books are a model, not a record.
    """
    from meva_adapters.replay.recording.fetch import Fetched
    from meva_adapters.replay.recording.fetch import fetch as bring
    from meva_adapters.replay.recording.recording import Recording
    from meva_adapters.system.clock import SystemClock
    from meva_core.errors import VenueError

    settings = settings_for("exchange", "stage7").settings
    if not 0 <= spread_bps < 20_000:
        raise BadInput(f"--spread-bps: {spread_bps} is not a spread", action="give 0 <= bps < 20000")
    chosen = symbols or settings.exchange.symbols
    fetched = Fetched()
    _period(start, end, int(interval), now_seconds())
    recording = Recording(folder, source_of(settings), int(interval), chosen, SystemClock())
    with exchange(settings, manners=patient_manners()) as opened:
        try:
            bring(
                recording,
                opened.market,
                opened.rules,
                _period(start, end, int(interval), opened.market.now() // 1_000_000),
                make_progress(),
                spread_bps=None if no_books else spread_bps,
                again=again,
                before_page=opened.client.patience.renew,
                fetched=fetched,
            )
        except VenueError:
            _say_kept(fetched)
            raise
    _show(folder, fetched, as_json=as_json)
    ctx.exit(1 if len(fetched.empty) == len(chosen) else 0)


def _period(start: int | None, end: int | None, interval: int, now: int) -> Period:
    """Return the period asked for; by default the day before now, of bars that no longer change."""
    from meva_adapters.replay.recording.capture import SETTLE_SECONDS
    from meva_adapters.replay.recording.fetch import Period
    from meva_core.ids import told_time

    end = now - SETTLE_SECONDS if end is None else end
    start = end - DAY if start is None else start
    if start < 0:
        raise BadInput("the period begins before 1970", action="check --from and --to")
    if start >= end:
        raise BadInput(
            f"the period ends, {told_time(end)}, before it begins, {told_time(start)}"
            if start > end
            else f"the period begins and ends at {told_time(end)}",
            action="give the earlier time with --from, the later one with --to",
        )
    return Period(start, end, interval)


def patient_manners() -> Manners:
    """Return the patience of someone who has nothing else to do: budgets are waited out, faults pass."""
    from meva_adapters.btcturk import Manners
    from meva_adapters.btcturk.limits import MAX_BLOCK_SECONDS

    return Manners(attempts=5, backoff=0.5, patience=2 * MAX_BLOCK_SECONDS, sleep=wait)


def wait(seconds: float) -> None:
    """Wait, and say so where somebody may wonder."""
    if seconds >= LONG_WAIT:
        click.echo(f"waiting {seconds:.0f} s: the exchange takes no more calls until then", err=True)
    time.sleep(seconds)


def _say_kept(fetched: Fetched) -> None:
    kept = sum(fetched.added.values())
    said = f"{counted(kept, 'candle')} {were(kept)} fetched, and kept"
    click.echo(f"{said}; the same command goes on from there", err=True)
    _say_faults(fetched)


def _say_faults(fetched: Fetched) -> None:
    """Name the bars that could not be taken."""
    for symbol, faults in fetched.faults.items():
        for fault in faults:
            click.echo(f"left out: {fault}", err=True)
        if (more := fetched.faulty[symbol] - len(faults)) > 0:
            click.echo(f"left out: {more} more bars of {symbol}", err=True)


def _show(folder: Path, fetched: Fetched, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "dataset": str(folder),
                "added": fetched.added,
                "known": fetched.known,
                "absent": fetched.absent,
                "faulty": fetched.faulty,
                "faults": [fault for faults in fetched.faults.values() for fault in faults],
                "empty": fetched.empty,
                "books": fetched.books or None,
            }
        )
        return
    _say_faults(fetched)
    rows = [
        (s, added, fetched.known[s], fetched.absent[s], fetched.faulty[s])
        for s, added in fetched.added.items()
    ]
    print_table(["symbol", "candles added", "known before", "not to be had", "left out"], rows)
    for symbol in fetched.empty:
        print_line(f"{symbol}: the exchange has too few candles in this period; there is no file for it")
    if fetched.books:
        print_line(f"order books: {fetched.books}; the exchange has no history of them")
    print_line("no tickers: 24 hours' figures come from the candles")
    print_line(f"next: meva replay info {folder}")
