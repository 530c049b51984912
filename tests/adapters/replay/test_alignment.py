"""Rows pushed as they become known give the market that a file of the same rows gives, at every time."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples
from test_dataset_windows import e8, measures, volume_in_quote

from meva_adapters.replay import dataset as dataset_module
from meva_adapters.replay import open_dataset, validate
from meva_adapters.replay.alignment import Alignment
from meva_core.amounts import ABSENT, format_e8
from meva_core.errors import BadInput
from meva_core.live_market import BAR60, BOOK, TICKER, SeenRow
from meva_core.market import MICROS, Market

START = 1_704_067_200
LOOKBACK = 3
SYMBOLS = ("BTCTRY", "ETHTRY")
HEADERS = {
    BOOK: ("orderbook", "ts,best_bid,best_ask,bid_qty,ask_qty,known"),
    TICKER: ("ticker", "ts,last,high,low,volume,known"),
    BAR60: ("candles", "ts,open,high,low,close,volume,known"),
}
Cells = dict[str, int]

# -- Rows as a market shows them ----------------------------------------------------------------------

amounts = st.one_of(st.integers(1, 10**6), st.integers(1, 91 * 10**17)).map(format_e8)
maybe = st.one_of(amounts, st.just(""))
volumes = st.one_of(st.integers(0, 10**10), st.integers(0, 10**36)).map(format_e8)


@st.composite
def cells(draw: st.DrawFn, kind: str) -> tuple[str, ...]:
    """Draw the cells of a row: sides that are empty, books that are crossed, volumes that no amount holds."""
    if kind == BOOK:
        return draw(st.tuples(maybe, maybe, maybe, maybe))
    prices = sorted(draw(st.lists(st.integers(1, 10**12), min_size=4, max_size=4)))
    low, one, other, high = map(format_e8, prices)
    volume = draw(volumes)
    return (one, high, low, volume) if kind == TICKER else (one, high, low, other, volume)


@st.composite
def markets(draw: st.DrawFn) -> list[SeenRow]:
    """Draw the rows of some cycles; any symbol may lack any kind, stamps lie anywhere before, and repeat."""
    lines = st.tuples(st.sampled_from((BOOK, TICKER, BAR60)), st.sampled_from(SYMBOLS))
    delay = st.one_of(st.integers(-2, 90), st.sampled_from((0, 60, 86_400)))
    known, found = START, []
    for _ in range(draw(st.integers(1, 8))):
        known += draw(st.sampled_from((1, 2, 5, 60)))
        for kind, symbol in draw(st.lists(lines, max_size=8)):
            stamp = (known - draw(delay)) * MICROS
            found.append(SeenRow(known, kind, symbol, stamp, draw(cells(kind))))
    return found


def naive(rows: list[SeenRow], symbol: str, now: int) -> Cells:
    """Return what a cycle sees of a symbol, by plain loops over all rows."""
    found = dict.fromkeys(Market._fields[1:], ABSENT)
    found |= dict.fromkeys(("volume_saturated", "closes", "closes_check"), 0)
    closes: list[int] = []
    newest: dict[str, int] = {}
    for row in rows:
        if row.symbol != symbol or row.known > now or row.stamp <= newest.get(row.kind, -1):
            continue
        newest[row.kind] = row.stamp
        values = [ABSENT if cell == "" else cell for cell in row.cells]
        if row.kind == BOOK:
            whole = [value if value == ABSENT else amount(value) for value in values]
            names = ("bid", "ask", "bid_qty", "ask_qty")
            found |= {"book_ts": row.stamp, **dict(zip(names, whole, strict=True))}
        elif row.kind == TICKER:
            last, high, low = map(amount, row.cells[:3])
            volume, saturated = volume_in_quote(Decimal(row.cells[3]), Decimal(row.cells[0]))
            found |= {"ticker_ts": row.stamp, "last": last, "high": high, "low": low}
            found |= {"quote_volume": volume, "volume_saturated": saturated}
        else:
            closes.append(amount(row.cells[3]))
            found |= {"close_ts": row.stamp, **measures(closes[-LOOKBACK:])}
    return found


def amount(text: str) -> int:
    return e8(Decimal(text))


# -- Three ways to read them --------------------------------------------------------------------------


def of(market: Market, cycle: int = 0) -> dict[str, Cells]:
    return {
        symbol: {name: int(getattr(market, name)[cycle, at]) for name in Market._fields[1:]}
        for at, symbol in enumerate(SYMBOLS)
    }


def exported(root: Path, rows: list[SeenRow]) -> Path:
    """Write the rows as a dataset in which nothing stands in."""
    for kind, (folder, header) in HEADERS.items():
        for symbol in SYMBOLS:
            if lines := [row for row in rows if (row.kind, row.symbol) == (kind, symbol)]:
                (root / folder).mkdir(exist_ok=True)
                text = [header, *(",".join((iso(r.stamp), *r.cells, str(r.known))) for r in lines)]
                (root / folder / f"{symbol}.csv").write_text("\n".join(text) + "\n")
    (root / "manifest.json").write_text(json.dumps({"symbols": SYMBOLS, "stand_ins": False}))
    return root


def iso(stamp: int) -> str:
    return f"{np.datetime64(stamp, 'us')}Z"


def from_files(root: Path, times: list[int], block: int, cycles: int) -> list[dict[str, Cells]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK", block)
        patch.setattr(dataset_module, "_LEAST_BLOCK", 1)
        windows = open_dataset(root).windows(np.array(times), LOOKBACK, cycles=cycles)
        return [of(part, cycle) for part in windows for cycle in range(len(part.time))]


@given(data=st.data())
@examples(1.2)
def test_pushed_or_read_the_market_is_the_same_and_what_a_plain_loop_finds(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows = data.draw(markets())
    near = st.integers(START, max((row.known for row in rows), default=START) + 100)
    times = sorted(data.draw(st.sets(near, min_size=1, max_size=8)) | {row.known for row in rows})
    expected = [{symbol: naive(rows, symbol, now) for symbol in SYMBOLS} for now in times]

    ahead, stepwise, one_by_one = Alignment(LOOKBACK), Alignment(LOOKBACK), Alignment(LOOKBACK)
    taken = ahead.take(rows)  # long before any time is asked for
    pushed = []
    for now in times:
        fresh = [row for row in rows if row.known <= now][len(pushed) :]
        pushed += fresh
        kept = stepwise.take(fresh)
        assert [row for one in fresh for row in one_by_one.take([one])] == kept
        assert [row for row in taken if row in kept] == kept
        assert of(stepwise.market(now, SYMBOLS)) == expected[times.index(now)]
        assert of(one_by_one.market(now, SYMBOLS)) == expected[times.index(now)]
        assert of(ahead.market(now, SYMBOLS)) == expected[times.index(now)]

    root = exported(tmp_path_factory.mktemp("rows"), rows)
    assert validate(root).errors == ()
    block, cycles = data.draw(st.sampled_from((200, 300, 2**20))), data.draw(st.integers(1, 9))
    assert from_files(root, times, block, cycles) == expected


@given(rows=markets(), data=st.data())
def test_one_filled_with_what_was_taken_goes_on_as_the_first(
    rows: list[SeenRow], data: st.DataObject
) -> None:
    """As a process that begins anew in the middle: only what was taken before is in the database."""
    cycles = [list(group) for _, group in groupby(rows, key=lambda row: row.known)]
    cut = data.draw(st.integers(0, len(cycles)))
    first, second = Alignment(LOOKBACK), Alignment(LOOKBACK)
    kept = [row for cycle in cycles[:cut] for row in first.take(cycle)]
    second.take(kept)
    assert first.since(BAR60) == second.since(BAR60)
    for cycle in cycles[cut:]:
        now = cycle[0].known
        assert first.take(cycle) == second.take(cycle)
        assert of(first.market(now, SYMBOLS)) == of(second.market(now, SYMBOLS))


# -- Examples -----------------------------------------------------------------------------------------


def book(known: int, *given: str, stamp: int | None = None) -> SeenRow:
    return SeenRow(known, BOOK, "BTCTRY", (known if stamp is None else stamp) * MICROS, given)


def test_an_empty_side_is_never_the_old_touch_again() -> None:
    alignment = Alignment(LOOKBACK)
    alignment.take([book(100, "10", "11", "1", "2")])
    alignment.take([book(105, "", "11.5", "", "3")])
    found = of(alignment.market(106, SYMBOLS))["BTCTRY"]
    assert (found["bid"], found["bid_qty"]) == (ABSENT, ABSENT)
    assert (found["ask"], found["ask_qty"]) == (1_150_000_000, 300_000_000)
    assert found["book_ts"] == 105 * MICROS


def test_of_two_rows_with_one_stamp_the_first_counts() -> None:
    alignment = Alignment(LOOKBACK)
    first = book(100, "10", "11", "1", "2", stamp=99)
    assert alignment.take([first, book(100, "12", "13", "1", "2", stamp=99)]) == [first]
    assert alignment.take([book(101, "14", "15", "1", "2", stamp=99)]) == []
    assert of(alignment.market(101, SYMBOLS))["BTCTRY"]["bid"] == 10 * 10**8
    assert alignment.since(BOOK) == {"BTCTRY": 99 * MICROS}


def test_rows_may_begin_and_end_to_have_a_quote_volume() -> None:
    volumes = [("5",), ("5", "70"), ("6",), ("6", "80"), ("7",)]
    rows = [
        SeenRow(100 + at, TICKER, "BTCTRY", (100 + at) * MICROS, ("10", "11", "9", *given))
        for at, given in enumerate(volumes)
    ]
    alignment = Alignment(LOOKBACK)
    assert alignment.take(rows) == rows
    found = [of(alignment.market(100 + at, SYMBOLS))["BTCTRY"]["quote_volume"] for at in range(5)]
    assert found == [volume * 10**8 for volume in (50, 70, 60, 80, 70)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (book(100, "10", "1e1", "1", "2"), "book of BTCTRY.*best_ask.*not a plain number"),
        (
            book(100, "10", "11", "1"),
            "book: 3 cells; expected best_bid, best_ask or best_bid, best_ask, bid_qty",
        ),
        (SeenRow(100, TICKER, "BTCTRY", 1, ("1", "1", "", "1")), "ticker of BTCTRY.*low.*empty"),
        (SeenRow(100, "trade", "BTCTRY", 1, ()), "'trade' is no kind of row"),
        (book(89, "10", "11", "1", "2"), "known at 89 s, before the row that was known at 90 s"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_whole(row: SeenRow, message: str) -> None:
    alignment = Alignment(LOOKBACK)
    alignment.take([book(90, "1", "2", "3", "4")])
    other = SeenRow(100, TICKER, "ETHTRY", 100 * MICROS, ("1", "2", "1", "5"))
    before = of(alignment.market(95, SYMBOLS))
    with pytest.raises(BadInput, match=message):
        alignment.take([other, row])
    assert of(alignment.market(101, SYMBOLS)) == before
    assert alignment.take([other]) == [other]
