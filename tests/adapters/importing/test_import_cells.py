"""Cells as exact numbers and times, and books around closes: laws that hold for every value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.importing.books import assumed_books, sizes, tick_of
from meva_adapters.importing.choices import Choices
from meva_adapters.importing.dialect import find_dialect
from meva_adapters.importing.numbers import Faults, Numbers, read_numbers
from meva_adapters.importing.symbols import symbol_in
from meva_adapters.importing.times import read_times
from meva_adapters.importing.zones import to_utc, zone_of
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_adapters.replay.format.stamps import iso_stamp
from meva_adapters.replay.recording.assumed import around
from meva_core.amounts import E8, LIMIT, format_e8, parse_e8
from meva_core.errors import BadInput

STEP = Decimal("1E-8")


def numbers(cells: list[str | None], **said: object) -> tuple[Numbers, Faults]:
    """Return cells of text as numbers, and what is wrong with them."""
    faults = Faults()
    choices = {"decimal": None, "round_cells": False, "integers": None, **said}
    return read_numbers(pa.array(cells, pa.string()), faults, what="x", **choices), faults  # type: ignore[arg-type]


@given(st.lists(st.decimals(0, 10**10, places=8), min_size=1))
def test_numbers_of_eight_places_are_exact_however_they_are_written(values: list[Decimal]) -> None:
    plain = numbers([f"{value:f}" for value in values])[0].e8.tolist()
    assert plain == [int(value * E8) for value in values]
    assert numbers([f"{value:E}" for value in values])[0].e8.tolist() == plain
    assert numbers([f" {value:f}000 " for value in values])[0].e8.tolist() == plain
    commas = [f"{value:,f}".replace(",", "_").replace(".", ",").replace("_", ".") for value in values]
    assert numbers(commas, decimal=",")[0].e8.tolist() == plain
    assert numbers([f"{value:,f}" for value in values], decimal=".")[0].e8.tolist() == plain


@given(st.lists(st.integers(1, 10**13), min_size=1))
def test_doubles_are_taken_by_their_shortest_text(units: list[int]) -> None:
    """Thirteen digits of which eight stand behind the point come back exactly."""
    doubles = pa.array([unit / E8 for unit in units])
    found = read_numbers(doubles, Faults(), decimal=None, round_cells=False, integers=None, what="x")
    assert found.e8.tolist() == units
    assert found.rounded == 0


@given(st.decimals("0.001", 10**9, places=17))
def test_what_is_finer_is_rounded_half_even_where_that_changes_next_to_nothing(value: Decimal) -> None:
    near = value.quantize(STEP, ROUND_HALF_EVEN)
    change = abs(near - value) / value
    found, faults = numbers([f"{value:f}"])
    if change <= Decimal("1E-9"):
        assert found.e8.tolist() == [int(near * E8)]
        assert found.change == change
        assert found.rounded == (1 if change else 0)
    else:
        assert "--round allows that" in faults.why[0][1]
        assert numbers([f"{value:f}"], round_cells=True)[0].e8.tolist() == [int(near * E8)]


def test_volumes_beyond_an_amount_are_whole_units_and_a_rest() -> None:
    found, faults = numbers(["123456789012345678.25", "9e40", "1"])
    assert (found.whole.tolist(), found.rest.tolist()) == ([123456789012345678, LIMIT, 1], [25_000_000, 0, 0])
    assert not faults.why


@pytest.mark.parametrize("cell", ["1,2,3", "1.2.3", "--1", "0x10", "1_000", "١", "1e", "."])
def test_what_is_no_number_is_named(cell: str) -> None:
    for decimal in (None, ".", ",") if "," not in cell else (".", ","):
        assert numbers([cell, "1"], decimal=decimal)[1].why.keys() == {0}


# -- Times --------------------------------------------------------------------------------------------

SECONDS = st.integers(10**9, 4 * 10**9)
UNITS = st.sampled_from([1, 10**3, 10**6, 10**9])


@given(st.lists(st.tuples(SECONDS, UNITS), min_size=1))
def test_the_unit_of_an_epoch_is_told_cell_by_cell(cells: list[tuple[int, int]]) -> None:
    texts = pa.array([str(second * unit) for second, unit in cells])
    found = read_times(texts, None, Faults(), Choices(), "x")
    assert found.micros.tolist() == [second * 10**6 for second, _ in cells]
    as_integers = read_times(
        pa.array([second * unit for second, unit in cells]), None, Faults(), Choices(), "x"
    )
    assert as_integers.micros.tolist() == found.micros.tolist()


FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%dT%H:%M:%S",
    "%Y%m%d%H%M%S",
    "%d.%m.%Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
]


@given(st.lists(SECONDS, min_size=1, max_size=5), st.sampled_from(FORMS))
def test_written_times_of_a_zone_are_utc_less_its_offset(seconds: list[int], form: str) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]
    texts = pa.array([moment.strftime(form) for moment in moments])
    for zone, hours in (("UTC", 0), ("+03:00", 3), ("-05:30", -5.5)):
        faults = Faults()
        found = read_times(texts, None, faults, Choices(tz=zone, dates="dmy"), "x")
        assert found.micros.tolist() == [(second - int(hours * 3600)) * 10**6 for second in seconds]
        assert not faults.why


@given(st.lists(SECONDS, min_size=1, max_size=20), st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_every_time_of_a_zone_comes_back_but_those_that_it_has_twice(seconds: list[int], name: str) -> None:
    zone = ZoneInfo(name)
    there = [datetime.fromtimestamp(second, zone) for second in seconds]
    local = np.array(
        [
            second * 10**6 + int(one.utcoffset().total_seconds()) * 10**6
            for second, one in zip(seconds, there, strict=True)
        ]
    )  # type: ignore[union-attr]
    found, wrong = to_utc(local, zone_of(name))
    for second, back, twice, one in zip(seconds, found.tolist(), wrong.tolist(), there, strict=True):
        assert twice == (one.replace(fold=0).utcoffset() != one.replace(fold=1).utcoffset())
        assert twice or back == second * 10**6


# -- Books --------------------------------------------------------------------------------------------

PRICES = st.integers(1, LIMIT // 4)
SPREADS = st.decimals(0, 500, places=4)


@given(st.lists(PRICES, min_size=1), SPREADS, st.sampled_from([1, 100, 10**6, 10**9]))
def test_books_by_the_column_are_those_of_one_close(closes: list[int], spread: Decimal, tick: int) -> None:
    def one(close: int) -> tuple[int, int] | None:
        try:
            return around(close, parse_e8(spread, "spread"), tick)
        except BadInput:
            return None

    expected = [one(close) for close in closes]
    if None in expected:
        with pytest.raises(BadInput, match="leaves no bid"):
            assumed_books(np.array(closes), spread, tick)
    else:
        bid, ask = assumed_books(np.array(closes), spread, tick)
        assert list(zip(bid.tolist(), ask.tolist(), strict=True)) == expected


@given(st.integers(1, LIMIT - 1), st.lists(st.integers(1, LIMIT - 1), min_size=1))
def test_sizes_are_the_depth_by_the_price_rounded_down(depth: int, prices: list[int]) -> None:
    expected = [min(depth * E8 // price, LIMIT - 1) for price in prices]
    assert sizes(depth, np.array(prices)).tolist() == expected


def test_a_tick_without_rules_is_the_step_that_prices_lie_on() -> None:
    assert tick_of(np.array([parse_e8("1.25"), parse_e8("3.5")])) == parse_e8("0.01")
    assert tick_of(np.array([parse_e8("500"), parse_e8("30")])) == E8
    assert tick_of(np.array([1, E8])) == 1


# -- Text ---------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 4 * 10**15), st.integers(0, LIMIT), st.integers(0, E8 - 1)), min_size=1)
)
def test_rendered_rows_are_the_numbers_again(rows: list[tuple[int, int, int]]) -> None:
    stamps, whole, rest = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    blocks = csv_blocks(stamps, [Column.of_e8(rest), Column.of_parts(whole, rest)], "us")
    lines = b"".join(blocks).decode().splitlines()
    for text, (stamp, units, part) in zip(lines, rows, strict=True):
        ts, amount, volume = text.split(",")
        assert datetime.fromisoformat(ts) == datetime.fromisoformat(iso_stamp(stamp))
        assert Decimal(amount) == Decimal(format_e8(part))
        assert Decimal(volume) == units + Decimal(part).scaleb(-8)


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("BTCUSDT-1m-2024-01.csv", "BTCUSDT"),
        ("BTC_USDT-5m.feather", "BTCUSDT"),
        ("BTC_USDT_USDT-1h-futures.feather", "BTCUSDT"),
        ("Binance_ETHUSDC_1h.csv", "ETHUSDC"),
        ("btctry.csv", "BTCTRY"),
        ("Bitstamp_BTCUSD_minute.csv", "BTCUSD"),
        ("1INCHTRY.csv", "1INCHTRY"),
        ("bitstampUSD_1-min_data_2012.csv", None),
        ("candles_2024.csv", None),
    ],
)  # fmt: skip
def test_a_file_name_tells_the_pair_or_nothing(name: str, pair: str | None) -> None:
    assert symbol_in(name) == pair


@pytest.mark.parametrize(
    ("head", "delimiter", "header", "first"),
    [
        ("1704067200,1,2,3,4", ",", False, 1),
        ("a;b;c;d\n1,5;2,5;3;4", ";", True, 2),
        ("# comment\n\na\tb\tc\n1\t2\t3", "\t", True, 4),
        ('"Jan 31, 2024","1,5","2,5"', ",", False, 1),
        ("https://example.org\nunix,date,symbol,open\n1,2024-01-01,BTC/USD,3", ",", True, 3),
    ],
)
def test_the_first_line_that_is_mostly_numbers_tells_the_dialect(
    head: str, delimiter: str, header: bool, first: int
) -> None:
    found = find_dialect(head, "x")
    assert (found.delimiter, found.header, found.first) == (delimiter, header, first)
