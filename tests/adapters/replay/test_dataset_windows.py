"""Reading in windows gives what a naive reader gives, cell by cell, whatever the window and the block."""

import json
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import BOOK, CANDLES, build
from strategies import examples

from meva_adapters.replay import dataset as dataset_module
from meva_adapters.replay import open_dataset
from meva_core.amounts import ABSENT, LIMIT
from meva_core.blocks import in_blocks
from meva_core.errors import BadInput
from meva_core.market import CLOSES_BASE, CLOSES_PRIME, SCORE, SCORE_LIMIT, Market

WIDE = Context(prec=120)
DAY = 86400
START = 1_704_067_200


# -- The naive reader ---------------------------------------------------------------------------------


def e8(number: Decimal) -> int:
    return int(number.scaleb(8, WIDE).to_integral_exact(ROUND_HALF_EVEN, WIDE))


def volume_in_quote(volume: Decimal, last: Decimal) -> tuple[int, int]:
    exact = e8(WIDE.multiply(volume, last))
    return (exact, 0) if exact < LIMIT else (LIMIT - 1, 1)


def measures(closes: list[int]) -> dict[str, int]:
    """Count, check number and deviation of a window of closes, by plain loops over floats."""
    check = 0
    for close in closes:
        check = (check * CLOSES_BASE + close % CLOSES_PRIME + close // CLOSES_PRIME) % CLOSES_PRIME
    prices = [float(close) for close in closes]
    returns = [(b - a) / a for a, b in pairwise(prices)]
    deviation = ABSENT
    if returns:
        total = 0.0
        for r in returns:
            total += r
        mean = total / len(returns)
        squares = 0.0
        for r in returns:
            squares += (r - mean) * (r - mean)
        deviation = round(min(sqrt(squares / len(returns)) * SCORE, float(SCORE_LIMIT)))
    return {"closes": len(closes), "closes_check": check, "deviation": deviation}


@define
class Recorded:
    """Rows of one symbol: (stamp in microseconds, cells)."""

    candles: list[tuple[int, list[Decimal]]] | None
    book: list[tuple[int, list[Decimal]]]
    ticker: list[tuple[int, list[Decimal]]] | None
    shift: int = 0

    def at(self, second: int, lookback: int) -> dict[str, int]:
        """All cells of a cycle at `second`."""
        cells = dict.fromkeys(Market._fields[1:], ABSENT) | dict.fromkeys(
            ("volume_saturated", "closes", "closes_check"), 0
        )
        now = second * 10**6
        if known := [row for row in self.book if row[0] <= now]:
            stamp, values = known[-1]
            names = ("bid", "ask", "bid_qty", "ask_qty")[: len(values)]
            cells |= {"book_ts": stamp} | dict(zip(names, map(e8, values), strict=True))
        candles = [(stamp + self.shift, values) for stamp, values in self.candles or ()]
        candles = [row for row in candles if row[0] <= now]
        if candles:
            cells |= {"close_ts": candles[-1][0]}
            cells |= measures([e8(values[3]) for _, values in candles[-lookback:]])
        if self.ticker is None:
            cells |= self._day(candles, now) if candles else {}
        elif known := [row for row in self.ticker if row[0] <= now]:
            stamp, (last, high, low, volume, *quote) = known[-1]
            figures = (e8(quote[0]), 0) if quote else volume_in_quote(volume, last)
            cells |= {"ticker_ts": stamp, "last": e8(last), "high": e8(high), "low": e8(low)}
            cells |= dict(zip(("quote_volume", "volume_saturated"), figures, strict=True))
        return cells

    @staticmethod
    def _day(candles: list[tuple[int, list[Decimal]]], now: int) -> dict[str, int]:
        stamp, (*_, last, _) = candles[-1]
        day = [values for stamp, values in candles if stamp > now - DAY * 10**6]
        volume = Decimal(0)
        for *_, part in day:
            volume = WIDE.add(volume, part)
        quote, saturated = volume_in_quote(volume, last)
        return {
            "ticker_ts": stamp,
            "last": e8(last),
            "high": max((e8(values[1]) for values in day), default=ABSENT),
            "low": min((e8(values[2]) for values in day), default=ABSENT),
            "quote_volume": quote,
            "volume_saturated": saturated,
        }


# -- Generated datasets -------------------------------------------------------------------------------

amounts = st.one_of(st.integers(1, 10**6), st.integers(1, LIMIT - 1)).map(
    lambda e: Decimal(e).scaleb(-8, WIDE)
)
volumes = st.one_of(st.integers(0, 10**10), st.integers(0, 10**36)).map(lambda e: Decimal(e).scaleb(-8, WIDE))
steps = st.one_of(st.just(60 * 10**6), st.integers(0, 120 * 10**6), st.integers(0, 2 * DAY * 10**6))
# Strategies are made once: to make and check them anew for each cell costs more than to draw from them.
starts = st.integers(0, 3 * 10**6)
distances = {least: st.lists(steps, min_size=least, max_size=25) for least in (1, 2)}
prices = {count: st.lists(amounts, min_size=count, max_size=count) for count in (2, 3, 4)}


@st.composite
def table(draw, cells, *, strictly: bool = False, least: int = 2):
    """Rows with stamps that never, or strictly not, decrease."""
    stamp, rows = START * 10**6 + draw(starts), []
    for distance in draw(distances[least]):
        rows.append((stamp, draw(cells)))
        stamp += distance + strictly
    return rows


@st.composite
def candle_cells(draw):
    low, *middle, high = sorted(draw(prices[4]))
    return [middle[0], high, low, middle[1], draw(volumes)]


@st.composite
def ticker_cells(draw, *, quoted: bool):
    low, last, high = sorted(draw(prices[3]))
    return [last, high, low, draw(volumes), *([draw(amounts)] if quoted else [])]


@cache
def recorded(*, ticker: bool):
    book = st.one_of(table(prices[2]), table(prices[4]))
    figures = st.one_of(*(table(ticker_cells(quoted=quoted), least=1) for quoted in (False, True)))
    return st.builds(
        Recorded,
        candles=st.one_of(st.none(), table(candle_cells(), strictly=True)),
        book=book,
        ticker=figures if ticker else st.none(),
        shift=st.sampled_from([0, 60 * 10**6]),
    )


def write(root: Path, symbol: str, rows: Recorded) -> None:
    def save(kind: str, header: str, lines: list[tuple[int, list[Decimal]]]) -> None:
        (root / kind).mkdir(exist_ok=True)
        text = [header]
        for stamp, cells in lines:
            moment = str(np.datetime64(stamp, "us")) + "Z"
            text.append(",".join([moment, *(f"{cell:f}" for cell in cells)]))
        (root / kind / f"{symbol}.csv").write_text("\n".join(text) + "\n")

    (root / "candles").mkdir(exist_ok=True)
    if rows.candles is not None:
        save("candles", "ts,open,high,low,close,volume", rows.candles)
    sized = ",bid_qty,ask_qty" if len(rows.book[0][1]) == 4 else ""
    save("orderbook", "ts,best_bid,best_ask" + sized, rows.book)
    if rows.ticker is not None:
        quoted = ",quote_volume" if len(rows.ticker[0][1]) == 5 else ""
        save("ticker", "ts,last,high,low,volume" + quoted, rows.ticker)


@define
class Case:
    """Symbols, cycle times and how they are read."""

    symbols: dict[str, Recorded]
    times: list[int]
    lookback: int
    cycles: int
    block: int
    root: Path = field(default=Path())


@st.composite
def cases(draw, *, ticker: bool):
    symbols = {
        name: draw(recorded(ticker=ticker))
        for name in draw(st.sampled_from([["BTCTRY"], ["BTCTRY", "ETHTRY"]]))
    }
    shift = draw(st.sampled_from([0, 60 * 10**6]))
    for rows in symbols.values():
        rows.shift = shift
    stamps = [
        stamp
        for rows in symbols.values()
        for stamp, _ in rows.book + (rows.candles or []) + (rows.ticker or [])
    ]
    near = st.sampled_from(stamps).flatmap(lambda stamp: st.integers(-2, 2).map(lambda d: stamp // 10**6 + d))
    anywhere = st.integers(min(stamps) // 10**6 - 5, max(stamps) // 10**6 + 2 * DAY)
    times = sorted(draw(st.sets(st.one_of(near, anywhere), min_size=1, max_size=30)))
    return Case(
        symbols, times, draw(st.integers(1, 6)), draw(st.integers(1, 12)), draw(st.integers(200, 700))
    )


def read(case: Case) -> list[dict[str, dict[str, int]]]:
    """The market at each time: cells by symbol and column."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK", case.block)
        patch.setattr(dataset_module, "_LEAST_BLOCK", 1)
        dataset = open_dataset(case.root)
        markets = list(dataset.windows(np.array(case.times), case.lookback, cycles=case.cycles))
    assert [time for market in markets for time in market.time.tolist()] == case.times
    assert all(len(market.time) == case.cycles for market in markets[:-1])
    return [
        {
            symbol: {name: int(getattr(market, name)[i, j]) for name in Market._fields[1:]}
            for j, symbol in enumerate(dataset.symbols)
        }
        for market in markets
        for i in range(len(market.time))
    ]


def expected(case: Case) -> list[dict[str, dict[str, int]]]:
    return [
        {symbol: rows.at(time, case.lookback) for symbol, rows in sorted(case.symbols.items())}
        for time in case.times
    ]


@pytest.mark.parametrize("ticker", [True, False])
@given(data=st.data())
@examples(0.8)
def test_windows_are_what_a_naive_reader_finds(tmp_path_factory, ticker, data):
    case = data.draw(cases(ticker=ticker))
    case.root = tmp_path_factory.mktemp("case")
    for symbol, rows in case.symbols.items():
        write(case.root, symbol, rows)
    if any(rows.shift for rows in case.symbols.values()):
        (case.root / "manifest.json").write_text(json.dumps({"stamp": "open", "interval": 60}))
    assert read(case) == expected(case)


@given(data=st.data())
@examples(0.7)
def test_what_comes_after_a_cycle_does_not_change_it(tmp_path_factory, data):
    """Rows behind the cycle's time are cut off; what the cycle sees stays."""
    case = data.draw(cases(ticker=data.draw(st.booleans())))
    case.root = tmp_path_factory.mktemp("whole")
    for symbol, rows in case.symbols.items():
        rows.shift = 0
        write(case.root, symbol, rows)
    whole = read(case)
    now = case.times[data.draw(st.integers(0, len(case.times) - 1))]
    cut = Case(
        case.symbols, [time for time in case.times if time <= now], case.lookback, case.cycles, case.block
    )
    cut.root = tmp_path_factory.mktemp("cut")
    for symbol, rows in case.symbols.items():
        parts = [rows.candles, rows.book, rows.ticker]
        known = [part and [row for row in part if row[0] <= now * 10**6] for part in parts]
        if any(part is not None and len(part) < 2 for part in known):
            return  # too short to be a dataset
        write(cut.root, symbol, Recorded(*known))
    assert read(cut) == whole[: len(cut.times)]


# -- Examples -----------------------------------------------------------------------------------------


def only_market(root: Path, *times: int, lookback: int = 20, **options) -> Market:
    (market,) = open_dataset(root).windows(np.array(times), lookback, **options)
    return market


def test_a_dataset_knows_its_span_and_step(tmp_path):
    build(tmp_path)
    build(
        tmp_path,
        "ETHTRY",
        orderbook=BOOK.replace("00:04:00Z", "00:05:00.25Z").replace("00:01:00Z", "00:00:30.5Z"),
    )
    dataset = open_dataset(tmp_path)
    assert dataset.symbols == ("BTCTRY", "ETHTRY")
    assert (dataset.first_ts, dataset.last_ts) == (1_704_067_230_500_000, 1_704_067_500_250_000)
    assert (dataset.start, dataset.end, dataset.step_seconds) == (1_704_067_231, 1_704_067_501, 60)
    assert dataset.has_ticker
    assert dataset.exchangeinfo is None
    assert dataset.manifest is None


def test_a_row_is_known_from_its_own_second_on(tmp_path):
    market = only_market(build(tmp_path), 1_704_067_259, 1_704_067_260, 1_704_067_319, 1_704_067_320)
    assert market.bid[:, 0].tolist() == [ABSENT, 10_090_000_000, 10_090_000_000, 10_190_000_000]
    assert market.closes[:, 0].tolist() == [0, 1, 1, 2]


def test_a_candle_stamped_at_its_opening_is_known_when_it_closed(tmp_path):
    build(tmp_path)
    (tmp_path / "manifest.json").write_text('{"stamp": "open", "interval": 300}')
    market = only_market(tmp_path, 1_704_067_260 + 299, 1_704_067_260 + 300)
    assert market.close_ts[:, 0].tolist() == [ABSENT, (1_704_067_260 + 300) * 10**6]
    (tmp_path / "manifest.json").write_text('{"stamp": "open"}')
    market = only_market(tmp_path, 1_704_067_260 + 59, 1_704_067_260 + 60)
    assert market.close_ts[:, 0].tolist() == [ABSENT, (1_704_067_260 + 60) * 10**6]


def test_of_rows_with_one_stamp_the_last_counts(tmp_path):
    book = BOOK + "2024-01-01T00:04:00Z,7,8,1,1\n2024-01-01T00:04:00Z,9,10,1,1\n"
    assert only_market(build(tmp_path, orderbook=book), 1_704_067_440).bid.tolist() == [[900_000_000]]


@pytest.mark.parametrize("block", range(60, 260, 10))
def test_of_rows_with_one_stamp_the_last_counts_even_in_another_block(tmp_path, monkeypatch, block):
    stamps = (0, 0, 1, 1, 1, 1, 2, 2, 2)
    lines = [f"2024-01-01T00:00:0{stamp}Z,{bid},20" for bid, stamp in enumerate(stamps, 1)]
    build(tmp_path, orderbook="ts,best_bid,best_ask\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(dataset_module, "BLOCK", block)
    monkeypatch.setattr(dataset_module, "_LEAST_BLOCK", 1)
    windows = open_dataset(tmp_path).windows(np.array([START, START + 1, START + 2, START + 3]), 20, cycles=2)
    assert [bid // 10**8 for market in windows for bid in market.bid[:, 0].tolist()] == [2, 6, 9, 9]


def test_a_day_without_candles_has_no_range_and_no_volume(tmp_path):
    root = build(tmp_path)
    (root / "ticker" / "BTCTRY.csv").unlink()
    market = only_market(root, 1_704_067_440, 1_704_067_440 + DAY)
    assert market.last[:, 0].tolist() == [10_300_000_000] * 2
    assert market.high[:, 0].tolist() == [10_400_000_000, ABSENT]
    assert market.quote_volume[1, 0] == 0
    assert not open_dataset(root).has_ticker


def test_a_symbol_that_the_dataset_lacks_has_nothing_in_its_columns(tmp_path):
    root = build(tmp_path)
    market = only_market(root, 1_704_067_440, symbols=["XRPTRY", "BTCTRY"])
    assert market.bid.tolist() == [[10_290_000_000, ABSENT]]
    assert market.closes.tolist() == [[4, 0]]


def test_columns_are_what_the_engine_takes(tmp_path):
    market = only_market(build(tmp_path), 1_704_067_380, 1_704_067_440, symbols=["BTCTRY", "XRPTRY"])
    for column in market:
        assert column.dtype == np.int64
        assert column.flags.writeable
    assert in_blocks(market) is market  # no copy of it is made


@pytest.mark.parametrize("times", [[2, 1], [1, 1]])
def test_times_must_strictly_increase(tmp_path, times):
    with pytest.raises(ValueError, match="strictly increase"):
        next(open_dataset(build(tmp_path)).windows(np.array(times), 20))


def test_no_times_give_no_windows(tmp_path):
    assert list(open_dataset(build(tmp_path)).windows(np.array([], dtype=np.int64), 20)) == []


def test_a_file_that_changes_while_it_is_read_stops_the_reading(tmp_path):
    root = build(tmp_path)
    dataset = open_dataset(root)
    dataset.recheck()
    windows = dataset.windows(np.array([1_704_067_260, 1_704_067_440]), 20, cycles=1)
    next(windows)
    (root / "candles" / "BTCTRY.csv").write_text(CANDLES.replace("103,7", "103,8"))
    with pytest.raises(BadInput, match=r"candles/BTCTRY\.csv.*changed"):
        list(windows)
    with pytest.raises(BadInput, match="changed"):
        dataset.recheck()
    with pytest.raises(BadInput, match="changed"):
        list(dataset.windows(np.array([1_704_067_260]), 20))
    (root / "candles" / "BTCTRY.csv").unlink()
    with pytest.raises(BadInput, match=r"candles/BTCTRY\.csv"):
        dataset.recheck()


# -- The content hash ---------------------------------------------------------------------------------


def test_equal_data_have_one_hash_wherever_they_lie(tmp_path):
    one, two = build(tmp_path / "one"), build(tmp_path / "two")
    (two / "README.md").write_text("x")
    (two / "manifest.json").write_text('{"source": "elsewhere"}')
    assert open_dataset(one).sha256 == open_dataset(two).sha256


def test_any_other_data_have_another_hash(tmp_path):
    root = build(tmp_path)
    seen = {open_dataset(root).sha256}
    (root / "exchangeinfo.json").write_text('{"symbols": []}')
    seen.add(open_dataset(root).sha256)
    for manifest in (
        '{"stamp": "open"}',
        '{"stamp": "open", "interval": 60}',
        '{"stamp": "open", "interval": 300}',
    ):
        (root / "manifest.json").write_text(manifest)
        seen.add(open_dataset(root).sha256)
    (root / "ticker" / "BTCTRY.csv").rename(root / "ticker" / "ETHTRY.csv")
    build(tmp_path, "ETHTRY")
    seen.add(open_dataset(root).sha256)
    build(tmp_path, "ETHTRY", orderbook=BOOK.replace("3,3", "3,4"))
    seen.add(open_dataset(root).sha256)
    assert len(seen) == 7


def test_the_exchanges_numbers_stay_exact(tmp_path):
    build(tmp_path)
    (tmp_path / "exchangeinfo.json").write_text('{"data": {"symbols": [{"name": "BTCTRY", "x": 0.10}]}}')
    info = open_dataset(tmp_path).exchangeinfo
    assert info is not None
    value = info["data"]["symbols"][0]["x"]
    assert isinstance(value, Decimal)
    assert str(value) == "0.10"
