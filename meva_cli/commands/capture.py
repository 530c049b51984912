"""`meva replay capture`: record the live market."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meva_cli.exchange import exchange, source_of, streamed
from meva_cli.load import settings_for
from meva_cli.options import FOLDER, SYMBOLS, RealRange, json_option
from meva_cli.render import print_json, print_line, print_table

if TYPE_CHECKING:
    from meva_adapters.replay.recording.capture import Captured


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--symbols", type=SYMBOLS, help="Symbols, with commas.  [default: SYMBOLS of the settings]")
@click.option("--seconds", type=RealRange(min=0), help="How long.  [default: until Ctrl-C]")
@click.option(
    "--interval",
    type=RealRange(min=1),
    default=5.0,
    show_default=True,
    help="Seconds from poll to poll.",
)
@click.option("--stream/--no-stream", default=False, help="Take the books from the stream while it stands.")
@json_option
@click.pass_context
def capture(
    ctx: click.Context,
    folder: Path,
    symbols: tuple[str, ...] | None,
    seconds: float | None,
    interval: float,
    stream: bool,
    as_json: bool,
) -> None:
    """Record the exchange's order books, tickers and candles of the minute into DIR.

    A folder that holds a capture already is continued. The dataset can be used after every poll, whatever
    ends the program; a stop with Ctrl-C also writes the checksums. The exchange allows about 160 order
    books a minute: five symbols every two seconds.
    """
    from meva_adapters.replay.recording.capture import MINUTE, Pace
    from meva_adapters.replay.recording.capture import capture as record
    from meva_adapters.replay.recording.recording import Recording
    from meva_adapters.system.clock import SystemClock

    settings = settings_for("exchange", "stage7").settings
    chosen = symbols or settings.exchange.symbols
    recording = Recording(folder, source_of(settings), MINUTE, chosen, SystemClock())
    with exchange(settings) as opened, streamed(opened, settings, chosen if stream else ()) as market:
        pace = Pace(seconds, interval, time.monotonic, time.sleep, opened.client.patience.renew)
        captured = record(recording, market, opened.rules, pace)
    if as_json:
        print_json(_document(folder, captured))
    else:
        _print(folder, captured)
    ctx.exit(1 if captured.silent else 0)


def _document(folder: Path, captured: Captured) -> dict[str, Any]:
    return {
        "dataset": str(folder),
        "polls": captured.polls,
        "rows": captured.rows,
        "failures": dict(captured.failures),
        "answering": not captured.silent,
    }


def _print(folder: Path, captured: Captured) -> None:
    print_table(["file", "rows added"], captured.rows.items())
    if captured.failures:
        print_line("What failed, and how often: see the log for why.")
        print_table(["call", "failures"], sorted(captured.failures.items()))
    if captured.silent:
        print_line("The exchange no longer answered at the end.")
    print_line(f"{captured.polls} polls into {folder}; next: meva replay info {folder}")
