"""One source read to the end: its table recognised, its rows exact and stamped when they were complete."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
from attrs import define, field

from meva_adapters.importing.binary_tables import (
    of_arrow,
    read_feather,
    read_json,
    read_json_lines,
    read_parquet,
)
from meva_adapters.importing.choices import TRADES_INTERVAL, Choices
from meva_adapters.importing.joining import in_order
from meva_adapters.importing.recognise import BOOKS, CANDLES, TRADES, Taken, recognise
from meva_adapters.importing.series import Reading, Repairs, Series
from meva_adapters.importing.sources import Source
from meva_adapters.importing.stamping import complete
from meva_adapters.importing.symbols import symbol_for
from meva_adapters.importing.table import Table
from meva_adapters.importing.text_tables import read_text
from meva_adapters.importing.trades import to_candles
from meva_adapters.importing.words import columns_of
from meva_adapters.replay.format.stamps import MICROS
from meva_core.errors import BadInput

_READERS: Final = {
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".feather": read_feather,
    ".arrow": read_feather,
    ".ipc": read_feather,
    ".parquet": read_parquet,
    ".pq": read_parquet,
}
_MOST_SYMBOLS: Final = 500
NO_VOLUME: Final = (
    "none: a symbol without volume is never selected where STAGE7_MIN_QUOTE_VOLUME_TRY is above 0"
)


@define
class Part:
    """What one table has of one symbol. `interval` is 0 where it has no candles, `shift` how much later than
    their stamps these were complete, in microseconds; `told` are pairs of what it was taken for, and why."""

    symbol: str
    rows: int
    told: list[tuple[str, str]]
    candles: Series | None = None
    books: Series | None = None
    interval: int = 0
    shift: int = 0
    repairs: Repairs = field(factory=Repairs)


def read_table(source: Source) -> Table:
    """Return a source's table, by the ending of its name."""
    if source.frame is not None:
        table = of_arrow(source.frame, source.name, "a frame in memory")
    else:
        reader = _READERS.get(Path(source.table).suffix.lower(), read_text)
        table = reader(source.read(), source.name)
    if not len(table.row):
        raise BadInput(f"{source.name}: holds no row", action="fetch it again, or leave it out")
    return table


def read_parts(source: Source, number: int, choices: Choices) -> list[Part]:
    """Return what a source has, a part a symbol. Raises BadInput, naming file and row, for what is
    refused."""
    table = read_table(source)
    return [_part(one, source, found, number, choices) for found, one in _by_symbol(table, choices)]


def _by_symbol(table: Table, choices: Choices) -> list[tuple[str | None, Table]]:
    """Return the table cut by its column of symbols; whole, without a symbol, where it has none."""
    named = choices.columns.get("symbol")
    names = [named] if named in table.names else []
    if table.header and not names:
        names = columns_of("symbol", table.names)
    if not names:
        return [(None, table)]
    symbols = pc.cast(table.columns[names[0]], "string")
    found = [text for text in pc.unique(symbols).to_pylist() if text]
    if not 0 < len(found) <= _MOST_SYMBOLS or not all(text[:1].isalpha() for text in found):
        return [(None, table)]
    if len(found) == 1:
        return [(found[0], table)]
    parts = []
    for text in sorted(found):
        mask = pc.fill_null(pc.equal(symbols, text), False)
        columns = {name: column.filter(mask) for name, column in table.columns.items()}
        row = table.row[mask.to_numpy(zero_copy_only=False)]
        odd = table.odd if text == min(found) else ()
        parts.append(
            (
                text,
                Table(table.name, columns, row, table.header, table.told, table.format, table.comment, odd),
            )
        )
    return parts


def _part(table: Table, source: Source, found: str | None, number: int, choices: Choices) -> Part:
    symbol, why = symbol_for(found, source.table, choices)
    taken = recognise(table, symbol, choices)
    told = [("file", table.told), ("symbol", f"{symbol}: {why}"), *taken.told]
    read = partial(Reading, table, taken, choices, number)
    part = Part(symbol, len(table.row), told)
    if CANDLES in taken.kinds:
        _take_candles(part, read(), taken, choices, source.name)
    elif TRADES in taken.kinds:
        _take_trades(part, read(), choices, source.name)
    if BOOKS in taken.kinds:
        _take_books(part, read(), source.name)
    return part


def _take_candles(part: Part, reading: Reading, taken: Taken, choices: Choices, name: str) -> None:
    candles = _in_order(reading, reading.candles(), name)
    stamping = complete(candles, reading, taken, choices, name)
    part.candles, part.interval, part.repairs = candles, stamping.interval, reading.repairs
    part.shift = stamping.interval * MICROS if stamping.stamp == "open" else 0
    part.told += [
        ("times", reading.told),
        ("stamp", f"{stamping.stamp}: {stamping.stamp_why}"),
        ("interval", f"{stamping.interval} s: {stamping.interval_why}"),
    ]
    if "volume" not in taken.roles:
        derived = "quote_volume" in taken.roles
        part.told.append(("volume", "the quote volume by the close, down to 1e-8" if derived else NO_VOLUME))


def _take_trades(part: Part, reading: Reading, choices: Choices, name: str) -> None:
    trades = _in_order(reading, reading.trades(), name)
    part.interval, part.repairs = choices.interval or TRADES_INTERVAL, reading.repairs
    part.candles = to_candles(trades, part.interval)
    made = f"{len(trades.ts)} trades made into {len(part.candles.ts)} candles of {part.interval} s"
    part.told += [("times", reading.told), ("trades", made)]


def _take_books(part: Part, reading: Reading, name: str) -> None:
    part.books = _in_order(reading, reading.books(), name)
    # In a row with a candle they may be those of its end: a cycle sees them with the candle, not before.
    part.books.ts = part.books.ts + part.shift
    if part.candles is None:
        part.repairs = reading.repairs
        part.told.append(("times", reading.told))
    part.told.append(("order books", f"{len(part.books.ts)} rows of best bid and ask, as recorded"))


def _in_order(reading: Reading, series: Series, name: str) -> Series:
    if not len(series.ts):
        raise BadInput(f"{name}: no row of it can be taken", action="look at the file, or leave it out")
    return in_order(series, reading.repairs)
