"""`meva replay import`: anyone's candles, made into a dataset."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from meva_cli.options import AMOUNT, COUNT, FOLDER, json_option
from meva_cli.progress import make_progress
from meva_cli.render import counted, print_json, print_line, print_pairs
from meva_core.amounts import to_decimal
from meva_core.errors import BadInput
from meva_core.symbols import canonical_symbol

if TYPE_CHECKING:
    from meva_adapters.importing.choices import Choices
    from meva_adapters.importing.importing import Import


@click.command("import")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=FOLDER)
@click.option("--into", metavar="DIR", required=True, type=FOLDER, help="The dataset: a new or empty folder.")
@click.option("--symbol", metavar="BTCTRY", help="The pair, where the files do not tell it.")
@click.option("--as", "names", metavar="OLD=NEW", multiple=True, help="Import a pair under another symbol.")
@click.option(
    "--stamp",
    type=click.Choice(["open", "close"]),
    help="Which end of a candle its time is, where the files do not tell it.",
)
@click.option(
    "--interval", type=COUNT, help="Seconds of a candle.  [default: as the rows are apart; of trades: 60]"
)
@click.option(
    "--columns", metavar="ROLE=COLUMN,...", help="Which column is what, by name or number; - for none."
)
@click.option(
    "--tz", metavar="ZONE", help="The zone of times without an offset: UTC, +03:00, Europe/Istanbul."
)
@click.option("--dates", type=click.Choice(["dmy", "mdy"]), help="Whether the day or the month comes first.")
@click.option(
    "--decimal", type=click.Choice([".", ","]), help="The decimal mark; the other separates thousands."
)
@click.option(
    "--integers",
    type=click.Choice(["whole", "e8"]),
    help="The unit of plain integers in Parquet and Feather.",
)
@click.option(
    "--spread-bps",
    type=AMOUNT,
    default="10",
    show_default=True,
    help="How far apart the assumed bid and ask lie.",
)
@click.option(
    "--depth-try", type=AMOUNT, help="Size of the assumed books, an amount a side.  [default: no sizes]"
)
@click.option("--exchangeinfo", type=FOLDER, help="Exchange metadata (JSON) to use instead of BTCTurk's.")
@click.option("--round", "round_cells", is_flag=True, help="Round what has more than 8 decimal places.")
@click.option("--drop-bad", is_flag=True, help="Leave rows out that cannot be taken, and count them.")
@click.option("--dry-run", is_flag=True, help="Say what the files are taken for, and write nothing.")
@json_option
def import_(
    sources: tuple[Path, ...],
    into: Path,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Make a dataset of candles as people have them: files, folders, zip and gz.

    CSV of exchanges and archives, with or without a header, in any order of rows; Parquet, Feather and Arrow;
    JSON lists as ccxt and freqtrade write them. Files with trades are made into candles, best bids and asks
    become order books. What every file is taken for is said with the reason, and what leaves two answers is
    refused with what to type.

    Where no order books are recorded they are assumed from the closes, half the spread to each side, and
    manifest.json says so. Fills against such books are a model, not a record.
    """
    from meva_adapters.importing.importing import look
    from meva_adapters.importing.unsaid import AllUnsaid
    from meva_adapters.importing.writing import refuse_taken, write

    choices = _choices(said)
    refuse_taken(into)
    progress = make_progress()
    progress.start(None, "reading")
    try:
        found = look(sources, choices, lambda name: progress.advance(1))
    except AllUnsaid as error:
        command = shlex.join(
            ["meva", "replay", "import", *_typed(error.answers), *chain(*error.answers.items())]
        )
        raise BadInput(str(error), action=f"type this, each as it is in truth: {command}") from error
    finally:
        progress.done()
    if not as_json:
        _say_what_it_is(found)
    if not dry_run:
        write(found, into)
    if as_json:
        print_json(_document(found, into, written=not dry_run))
        return
    _say_what_was_done(found, into, written=not dry_run)


def _typed(but: Collection[str]) -> list[str]:
    """Return the words that this command was called with, but for some options."""
    words: list[str] = []
    ctx = click.get_current_context()
    for parameter in ctx.command.get_params(ctx):
        name: str = str(parameter.name)
        value: Any = ctx.params.get(name)
        given_there = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given_there or parameter.opts[0] in but:
            continue
        if isinstance(parameter, click.Argument):
            words += map(str, value or ())
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            words.append(parameter.opts[0])
        else:
            given: tuple[Any, ...] = value if parameter.multiple else (value,)
            for one in given:
                words += [parameter.opts[0], f"{one:f}" if isinstance(one, Decimal) else str(one)]
    return words


def _choices(said: dict[str, Any]) -> Choices:
    """Return the choices of the command line. Raises BadInput for one that is none."""
    from meva_adapters.importing.choices import Choices, parse_columns, parse_names

    columns, names, symbol = (said.pop(name) for name in ("columns", "names", "symbol"))
    spread, depth = said["spread_bps"], said["depth_try"]
    if not 0 <= spread < 20_000:
        raise BadInput(f"--spread-bps: {spread} is not a spread", action="give 0 <= bps < 20000")
    if depth is not None and depth <= 0:
        raise BadInput(f"--depth-try: {depth} is no size", action="leave it out for books without sizes")
    return Choices(
        columns=parse_columns(columns) if columns else {},
        names=parse_names(names),
        symbol=canonical_symbol(symbol, "--symbol") if symbol else None,
        **said,
    )


def _say_what_it_is(found: Import) -> None:
    for looked in found.files:
        print_line(looked.source.name)
        print_pairs({f"  {what}": why for what, why in looked.told})
    for name in found.passed_over:
        print_line(f"{name}: not read, it is no table")


def _say_what_was_done(found: Import, into: Path, *, written: bool) -> None:
    from meva_adapters.importing.importing import repairs_told
    from meva_adapters.importing.writing import books_told

    for pair in found.pairs:
        first, last = _span(pair.candles.ts)
        print_line(
            f"{pair.symbol}: {counted(len(pair.candles.ts), 'candle')}, complete from {first} to {last}"
        )
        for repair in repairs_told(pair):
            print_line(f"  repaired: {repair}")
    other = [pair.symbol for pair in found.pairs if not pair.symbol.endswith(found.quote)]
    if other:
        print_line(f"no candidates beside pairs of {found.quote}: {', '.join(other)}")
    if books := books_told(found):
        print_line(f"order books: {books}; fills are a model, not a record")
        for line in _wider(found):
            print_line(f"  {line}")
    print_line(f"rules: {found.rules.told}")
    if not written:
        print_line("nothing was written (--dry-run)")
        return
    print_line(f"made {into}")
    print_line(f"next: {next_command(found, into)}")


def _wider(found: Import) -> Iterator[str]:
    from meva_adapters.importing.writing import widths

    for symbol, wide in widths(found):
        tick = to_decimal(found.tick_of(symbol))
        yield f"{symbol}: ticks of {tick:f} make them {wide:.0f} bps wide in the middle"


def _span(stamps: Any) -> tuple[str, str]:
    from meva_adapters.replay.format.stamps import iso_stamp

    return iso_stamp(int(stamps[0])), iso_stamp(int(stamps[-1]))


def next_command(found: Import, into: Path) -> str:
    """Return the command that runs the dataset as it is, with the settings that its pairs need."""
    from meva_adapters.importing.needed import needed_settings

    named = [part for name, value in needed_settings(found).items() for part in ("--set", f"{name}={value}")]
    return shlex.join(["meva", "backtest", "--data", str(into), "--db", f"{into}.db", *named])


def _document(found: Import, into: Path, *, written: bool) -> dict[str, Any]:
    from meva_adapters.importing.importing import repairs_told
    from meva_adapters.importing.writing import books_told

    return {
        "dataset": str(into),
        "written": written,
        "interval_seconds": found.interval,
        "quote": found.quote,
        "files": [
            {
                "file": looked.source.name,
                "sha256": looked.source.sha256,
                "rows": looked.rows,
                "symbols": list(looked.symbols),
                "taken_for": dict(looked.told),
            }
            for looked in found.files
        ],
        "passed_over": list(found.passed_over),
        "symbols": {
            pair.symbol: {
                "candles": len(pair.candles.ts),
                **dict(zip(("first", "last"), _span(pair.candles.ts), strict=True)),
                "repairs": repairs_told(pair),
            }
            for pair in found.pairs
        },
        "books": books_told(found) or "recorded",
        "rules": found.rules.told,
        "next": next_command(found, into) if written else None,
    }
