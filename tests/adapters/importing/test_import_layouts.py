"""The same candles in the layouts that people have them in become the same dataset."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from candle_files import START, Bar, bars, binance, cryptodatadownload, iso, line, plain, text, written
from imported import as_rows, candles_of, imported, put, told
from pyarrow import feather, parquet

from meva_adapters.replay import open_dataset

BARS = bars(60)


def arrow(rows: list[Bar], *, unit: str = "ms", **columns: Any) -> pa.Table:
    """Return candles as freqtrade keeps them: doubles, and times in UTC, in the unit of its pandas."""
    parts = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    dates = pa.array([bar.ts * parts for bar in rows], pa.timestamp(unit, tz="UTC"))
    doubles = {name: [float(getattr(bar, name)) for bar in rows] for name in Bar._fields[1:]}
    return pa.table({"date": dates, **doubles, **columns})


def in_memory(write: Callable[[Any, Any], None], table: pa.Table) -> bytes:
    """Return what a writer of Arrow's makes of a table."""
    sink = io.BytesIO()
    write(table, sink)
    return sink.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    """Return a zip archive with one file."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, data)
    return sink.getvalue()


LISTS = json.dumps([[bar.ts * 1000, *map(float, bar.prices), float(bar.volume)] for bar in BARS]).encode()
KLINES = json.dumps(
    [
        [bar.ts * 1000, *map(str, bar.prices), str(bar.volume), bar.ts * 1000 + 59_999, "1", 9, "1", "1", "0"]
        for bar in BARS
    ]
).encode()
COLUMNS = json.dumps(
    {"s": "ok", **{name[0]: [str(getattr(bar, name)) for bar in BARS] for name in Bar._fields[1:]}}
    | {"t": [bar.ts for bar in BARS]}
).encode()

TELL_THE_STAMP = {
    "BTCUSDT-1m-2024-01.csv": binance(BARS),
    "BTCUSDT-1m-2024-02.csv": binance(BARS, header=True),
    "BTCUSDT-1m-2025-01.csv": binance(BARS, unit=10**6),
    "BTCUSDT-1m.zip": zipped("BTCUSDT-1m-2024-01.csv", binance(BARS)),
    "BTCUSDT-1m.csv.gz": gzip.compress(binance(BARS)),
    "Binance_BTCUSDT_1m.csv": cryptodatadownload(BARS),
    "gemini_BTCUSDT_1m.csv": cryptodatadownload(BARS, comment=False),
    "mixed_BTCUSDT.csv": cryptodatadownload(BARS, mixed=True),
    "BTC_USDT-1m.feather": in_memory(feather.write_feather, arrow(BARS)),
    "BTC_USDT-1m.parquet": in_memory(parquet.write_table, arrow(BARS)),
    "BTC_USDT-1m.json": LISTS,
    "BTC_USDT-1m.json.gz": gzip.compress(LISTS),
    "BTC_USDT_USDT-1m-futures.feather": in_memory(feather.write_feather, arrow(BARS, unit="ns")),
    "BTC_USDT-1m-us.feather": in_memory(feather.write_feather, arrow(BARS, unit="us")),
    "BTCUSDT-1m-2025-02.zip": zipped("BTCUSDT-1m-2025-02.csv", binance(BARS, header=True, unit=10**6)),
    "klines-BTCUSDT.json": KLINES,
}


@pytest.mark.parametrize("name", TELL_THE_STAMP)
def test_a_layout_that_tells_its_stamp_needs_no_word(name: str, tmp_path: Path) -> None:
    found = imported(put(tmp_path, name, TELL_THE_STAMP[name]), into=tmp_path / "data")
    assert candles_of(tmp_path / "data", "BTCUSDT") == as_rows(BARS)
    assert told(found, "stamp").startswith("open: ")
    assert found.interval == 60


LINES = plain(BARS).decode().splitlines()[1:]
NEED_THE_STAMP = {
    "seconds": (plain(BARS), {}),
    "iso with Z": (written(BARS, "%Y-%m-%dT%H:%M:%SZ"), {}),
    "an offset": (written(BARS, "%Y-%m-%d %H:%M:%S+00:00"), {}),
    "naive": (written(BARS, "%Y-%m-%d %H:%M:%S"), {"tz": "UTC"}),
    "digits alone": (written(BARS, "%Y%m%d %H%M%S"), {"tz": "UTC"}),
    "twelve hours": (written(BARS, "%Y-%m-%d %I:%M:%S %p"), {"tz": "UTC"}),
    "the month's name": (written(BARS, "%d %b %Y %H:%M"), {"tz": "UTC"}),
    "day first": (written(bars(60, start=1_705_276_800), "%d/%m/%Y %H:%M"), {"tz": "UTC"}),
    "month first": (written(bars(60, start=1_705_276_800), "%m/%d/%Y %H:%M"), {"tz": "UTC"}),
    "semicolons": (written(BARS, "%Y.%m.%d %H:%M", mark=";"), {"tz": "UTC"}),
    "tabs": (written(BARS, "%Y.%m.%d %H:%M", mark="\t"), {"tz": "UTC"}),
    "columns by name in JSON": (COLUMNS, {}),
    "date and time apart, no header": (
        text(line(iso(bar.ts, "%Y.%m.%d"), iso(bar.ts, "%H:%M"), *bar.prices, bar.volume) for bar in BARS),
        {"tz": "UTC"},
    ),
    "byte order mark and CRLF": (b"\xef\xbb\xbf" + plain(BARS).replace(b"\n", b"\r\n"), {}),
    "UTF-16": (plain(BARS).decode().encode("utf-16"), {}),
    "blank lines": (plain(BARS).replace(b"\n", b"\n\n"), {}),
    "a column of row numbers": (
        text([",date,open,high,low,close,volume", *(f"{i},{one}" for i, one in enumerate(LINES))]),
        {},
    ),
    "German words": (plain(BARS, header="Datum,Open,High,Low,Close,Volumen"), {}),
    "Turkish words": (plain(BARS, header="Tarih,Açılış,Yüksek,Düşük,Kapanış,Hacim"), {}),
    "seconds with a point": (
        text(["Timestamp,Open,High,Low,Close,Volume", *(one.replace(",", ".0,", 1) for one in LINES)]),
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NEED_THE_STAMP)
def test_a_layout_is_recognised_and_told_its_stamp(what: str, tmp_path: Path) -> None:
    data, said = NEED_THE_STAMP[what]
    name = "BTCTRY.json" if data.startswith(b"{") else "BTCTRY.csv"
    imported(put(tmp_path, name, data), into=tmp_path / "data", stamp="open", **said)
    expected = bars(60, start=1_705_276_800) if what in ("day first", "month first") else BARS
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(expected)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson"])
def test_lines_of_json_are_taken_as_a_list_of_them(suffix: str, tmp_path: Path) -> None:
    roles = ("time", "open", "high", "low", "close", "volume")
    rows = [dict(zip(roles, (bar.ts, *map(str, bar.prices), str(bar.volume)), strict=True)) for bar in BARS]
    path = put(tmp_path, f"BTCTRY.{suffix}", b"\n".join(json.dumps(row).encode() for row in rows) + b"\n\n")
    imported(path, into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_closes_are_taken_as_they_are_stamped(tmp_path: Path) -> None:
    imported(put(tmp_path, "BTCTRY.csv", plain(BARS)), into=tmp_path / "data", stamp="close")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS, step=0)


def test_decimal_commas_and_separators_of_thousands(tmp_path: Path) -> None:
    lines = ["date;open;high;low;close;volume"]
    for bar in BARS:
        cells = [f"{value:,.5f}".replace(",", " ").replace(".", ",").replace(" ", ".") for value in bar[1:]]
        lines.append(line(bar.ts, *cells, mark=";"))
    path = put(tmp_path, "BTCTRY.csv", text(lines))
    imported(path, into=tmp_path / "data", stamp="open", decimal=",")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_quoted_cells_with_separators_of_thousands(tmp_path: Path) -> None:
    lines = ['"Date","Price","Open","High","Low","Vol."']
    for bar in BARS:
        prices = (bar.close, bar.open, bar.high, bar.low)
        lines.append(",".join(f'"{cell}"' for cell in (bar.ts, *(f"{one:,}" for one in prices), bar.volume)))
    path = put(tmp_path, "BTCTRY.csv", text(lines))
    imported(path, into=tmp_path / "data", stamp="open", decimal=".")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_prices_in_another_order_without_a_header_are_told_by_what_must_hold(tmp_path: Path) -> None:
    rows = (
        line(bar.ts, bar.close, bar.low, bar.volume, bar.high, bar.quote_volume, bar.open) for bar in BARS
    )
    found = imported(put(tmp_path, "BTCTRY.csv", text(rows)), into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)
    assert "open column 7, high column 5, low column 3, close column 2" in told(found, "columns")
    assert "from the close before" in told(found, "open, high, low, close")


@pytest.mark.parametrize(
    "order", [(1, 2, 3, 4), (2, 3, 1, 4), (1, 4, 2, 3)], ids=["ccxt", "coinbase", "bitfinex"]
)
def test_lists_of_six_are_held_against_their_order(order: tuple[int, ...], tmp_path: Path) -> None:
    """Several exchanges give lists of six values, each in its own order."""
    places = {1: "open", 2: "high", 3: "low", 4: "close"}
    names = [places[place] for place in order]
    if order == (2, 3, 1, 4):
        names = ["low", "high", "open", "close"]
    tree = [[bar.ts, *(float(getattr(bar, name)) for name in names), float(bar.volume)] for bar in BARS]
    path = put(tmp_path, "BTC_USD.json", json.dumps(tree).encode())
    imported(path, into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCUSD") == as_rows(BARS)


def test_a_file_of_the_mornings_of_january_is_read_by_its_even_step(tmp_path: Path) -> None:
    """No number is above 12; read the other way round, days are months apart."""
    rows = bars(12, step=86_400)
    path = put(tmp_path, "BTCTRY.csv", written(rows, "%d/%m/%Y"))
    found = imported(path, into=tmp_path / "data", stamp="open", tz="UTC")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(rows, step=86_400)
    assert told(found, "times").startswith("day, month, year: so 0 of 12 rows are unevenly apart")


def test_trades_are_made_into_candles(tmp_path: Path) -> None:
    lines = []
    for number, bar in enumerate(BARS):
        path = (bar.open, bar.high, bar.low, bar.close)
        for place, price in enumerate(path):
            at = bar.ts * 10**6 + place * 10**7
            lines.append(
                line(number * 4 + place, price, bar.volume / 4, price * bar.volume / 4, at, "True", "True")
            )
    found = imported(put(tmp_path, "BTCUSDT-trades-2025-01.csv", text(lines)), into=tmp_path / "data")
    assert candles_of(tmp_path / "data", "BTCUSDT") == as_rows(BARS)
    assert told(found, "trades") == "240 trades made into 60 candles of 60 s"


def test_aggregated_trades_and_three_bare_columns_are_trades_too(tmp_path: Path) -> None:
    aggregated = [
        line(i, bar.close, bar.volume, i, i, bar.ts * 1000, "False", "True") for i, bar in enumerate(BARS)
    ]
    bare = [line(bar.ts, bar.close, bar.volume) for bar in BARS]
    one = imported(put(tmp_path, "BTCUSDT-aggTrades-2024-01.csv", text(aggregated)), into=tmp_path / "a")
    two = imported(put(tmp_path, "BTCUSD.csv", text(bare)), into=tmp_path / "b")
    assert candles_of(tmp_path / "a", "BTCUSDT") == candles_of(tmp_path / "b", "BTCUSD")
    assert one.interval == two.interval == 60


def test_bids_and_asks_of_a_file_become_order_books(tmp_path: Path) -> None:
    half = Decimal("0.5")
    lines = ["timestamp,open,high,low,close,volume,bid,ask,bid_size,ask_size"]
    for bar in BARS:
        cells = (*bar.prices, bar.volume, bar.close - half, bar.close + half, 3, 4)
        lines += [line(bar.ts, *cells)]
    found = imported(put(tmp_path, "BTCTRY.csv", text(lines)), into=tmp_path / "data", stamp="close")
    book = (tmp_path / "data/orderbook/BTCTRY.csv").read_text().splitlines()
    first = BARS[0]
    assert book[0] == "ts,best_bid,best_ask,bid_qty,ask_qty"
    assert [Decimal(cell) for cell in book[1].split(",")[1:]] == [
        first.close - half,
        first.close + half,
        3,
        4,
    ]
    assert told(found, "order books") == "60 rows of best bid and ask, as recorded"
    imported(tmp_path / "BTCTRY.csv", into=tmp_path / "opened", stamp="open")
    later = (tmp_path / "opened/orderbook/BTCTRY.csv").read_text().splitlines()
    assert later[1].split(",")[0] == "2024-01-01T00:01:00Z"  # with the candle of its row, not before


def test_a_folder_is_one_file_a_symbol_and_a_month_may_be_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    put(folder, "BTCUSDT-1m-1.csv", binance(BARS[:30]))
    put(folder, "BTCUSDT-1m-2.csv", binance(BARS[30:]))
    put(folder, "deeper/ETHUSDT-1m.csv", binance(BARS))
    put(folder, "README.md", b"what these are")
    put(folder, ".hidden.csv", b"nothing")
    found = imported(folder, into=tmp_path / "data")
    assert (
        candles_of(tmp_path / "data", "BTCUSDT") == candles_of(tmp_path / "data", "ETHUSDT") == as_rows(BARS)
    )
    assert found.passed_over == ("README.md",)


def test_a_file_of_many_pairs_is_cut_by_its_column_of_symbols(tmp_path: Path) -> None:
    lines = ["timestamp,symbol,open,high,low,close,volume"]
    lines += [line(bar.ts, name, *bar.prices, bar.volume) for bar in BARS for name in ("BTC/TRY", "ETH/TRY")]
    found = imported(put(tmp_path, "all.csv", text(lines)), into=tmp_path / "data", stamp="open")
    assert [pair.symbol for pair in found.pairs] == ["BTCTRY", "ETHTRY"]
    assert candles_of(tmp_path / "data", "ETHTRY") == as_rows(BARS)
    assert told(found, "symbols") == "2: BTCTRY, ETHTRY"


def test_an_okx_file_tells_its_pair_by_row_and_has_the_quote_volume_of_the_quote(tmp_path: Path) -> None:
    """`vol_ccy` is the quote's in files of spot and the base's in those of contracts; `vol_quote` is not."""
    lines = [
        line("BTC-USDT", *bar.prices, bar.volume, bar.volume, bar.quote_volume, bar.ts * 1000, 1)
        for bar in reversed(BARS)
    ]
    header = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
    path = put(tmp_path, "candles.csv", text([header, *lines]))
    found = imported(path, into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCUSDT") == as_rows(BARS)
    assert "quote_volume 'vol_quote', volume 'vol'" in told(found, "columns")
    assert told(found, "symbol") == "BTCUSDT: its own column says it"


def test_volumes_are_told_by_the_currencies_in_their_names(tmp_path: Path) -> None:
    lines = ["unix,open,high,low,close,Volume USDT,Volume BTC"]
    lines += [line(bar.ts, *bar.prices, bar.quote_volume, bar.volume) for bar in BARS]
    imported(put(tmp_path, "BTCUSDT.csv", text(lines)), into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCUSDT") == as_rows(BARS)


def test_without_a_volume_the_manifest_says_that_nobody_told_it(tmp_path: Path) -> None:
    rows = text(["time,open,high,low,close", *(line(bar.ts, *bar.prices) for bar in BARS)])
    found = imported(put(tmp_path, "BTCTRY.csv", rows), into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS, volume=False)
    manifest = open_dataset(tmp_path / "data").manifest
    assert manifest is not None
    assert manifest.without_volume == ("BTCTRY",)
    assert "never selected where STAGE7_MIN_QUOTE_VOLUME_TRY is above 0" in told(found, "volume")


def test_integers_of_a_binary_file_are_taken_as_was_said(tmp_path: Path) -> None:
    cents = {name: pa.array([int(getattr(bar, name) * 10**8) for bar in BARS]) for name in Bar._fields[1:]}
    table = pa.table({"ts": pa.array([bar.ts for bar in BARS]), **cents})
    path = put(tmp_path, "BTCTRY.parquet", in_memory(parquet.write_table, table))
    imported(path, into=tmp_path / "data", stamp="open", integers="e8")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_a_time_of_closing_alone_is_where_a_candle_was_complete(tmp_path: Path) -> None:
    lines = ["close_time,open,high,low,close,volume"]
    lines += [line((bar.ts + 60) * 1000 - 1, *bar.prices, bar.volume) for bar in BARS]
    found = imported(put(tmp_path, "BTCTRY.csv", text(lines)), into=tmp_path / "data")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)
    assert told(found, "stamp") == "close: it is a time of closing, one unit before the full second"


def test_two_written_times_prove_the_stamp(tmp_path: Path) -> None:
    lines = ["timeOpen;timeClose;name;open;high;low;close;volume"]
    for bar in BARS:
        first, last = iso(bar.ts, "%Y-%m-%dT%H:%M:%S.000Z"), iso(bar.ts + 59, "%Y-%m-%dT%H:%M:%S.999Z")
        lines += [line(f'"{first}"', f'"{last}"', 2781, *bar.prices, bar.volume, mark=";")]
    found = imported(put(tmp_path, "BTC_USD.csv", text(lines)), into=tmp_path / "data")
    assert candles_of(tmp_path / "data", "BTCUSD") == as_rows(BARS)
    assert told(found, "stamp").startswith("open: its times of closing")


def test_volumes_in_thousands_and_millions_are_what_they_say(tmp_path: Path) -> None:
    lines = ['"Date","Price","Open","High","Low","Vol.","Change %"']
    for place, bar in enumerate(BARS):
        prices = (f"{one:,}" for one in (bar.close, bar.open, bar.high, bar.low))
        day = iso(START + 86_400 * place, "%b %d, %Y")
        lines.append(",".join(f'"{cell}"' for cell in (day, *prices, "1.25K" if place % 2 else "2M", "1%")))
    path = put(tmp_path, "BTC_TRY Historical Data.csv", text([lines[0], *reversed(lines[1:])]))
    imported(path, into=tmp_path / "data", stamp="open", tz="UTC", decimal=".")
    candles = candles_of(tmp_path / "data", "BTCTRY")
    assert [cells[1:5] for cells in candles] == [bar.prices for bar in BARS]
    assert [cells[5] for cells in candles[:2]] == [2_000_000, 1250]


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    """Also where columns are told by how candles follow each other."""
    rows = [line(bar.ts, bar.close, bar.high, bar.low, bar.open, bar.volume) for bar in BARS]
    shuffled = random.Random(1).sample(rows, len(rows))
    for number, lines in enumerate((rows, rows[::-1], shuffled)):
        found = imported(
            put(tmp_path, f"{number}/BTCTRY.csv", text(lines)),
            into=tmp_path / str(number) / "data",
            stamp="open",
        )
        assert candles_of(tmp_path / str(number) / "data", "BTCTRY") == as_rows(BARS)
        assert found.pairs[0].repairs.falling == (number == 1)


def test_trades_of_a_falling_file_are_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    """Also those of one time: the last line is the first trade."""
    prices = [100, 105, 95, 102]
    lines = [line(START + 60 * minute, price, 1 + minute) for minute in range(3) for price in prices]
    imported(
        put(tmp_path, "BTCTRY.csv", text(lines)), into=tmp_path / "rising", columns={"price": "2", "qty": "3"}
    )
    path = put(tmp_path, "falling/BTCTRY.csv", text(lines[::-1]))
    found = imported(path, into=tmp_path / "data", columns={"price": "2", "qty": "3"})
    assert found.pairs[0].repairs.falling
    candles = candles_of(tmp_path / "data", "BTCTRY")
    assert candles == candles_of(tmp_path / "rising", "BTCTRY")
    assert candles[0][1:] == (100, 105, 95, 102, 4)
