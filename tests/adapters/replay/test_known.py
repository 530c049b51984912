"""Rows with two times: aligned by when they were known, aged by their stamp."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import BOOK, CANDLES, TICKER, build
from strategies import examples

from meva_adapters import replay
from meva_adapters.replay import dataset as dataset_module
from meva_adapters.replay import open_dataset
from meva_core.amounts import ABSENT, E8
from meva_core.market import Market

START = 1_704_067_200  # 2024-01-01T00:00:00Z
MICROS = 10**6
DAY = 86_400


@frozen
class Row:
    """A row: stamp in microseconds, known in seconds, one whole number of which its cells are made."""

    ts: int
    known: int
    value: int


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Draw rows that became known one after the other, with stamps that may lie anywhere before."""
    known, found = START, []
    delays = st.one_of(st.integers(-2 * MICROS, 90 * MICROS), st.integers(0, 2 * DAY * MICROS))
    for place in range(draw(st.integers(2, 25))):
        known += draw(st.sampled_from((0, 1, 60, DAY // 2)))
        found.append(Row(max(0, known * MICROS - draw(delays)), known, place + 1))
    return found


def seen(table: list[Row], now: int) -> list[Row]:
    """Return what a cycle has seen of a table: each row that was newer than all before it when it came."""
    taken: list[Row] = []
    for row in table:
        if row.known <= now and (not taken or row.ts > taken[-1].ts):
            taken.append(row)
    return taken


def save(root: Path, kind: str, header: str, table: list[Row], cells: str) -> None:
    (root / kind).mkdir(exist_ok=True)
    lines = [f"{header},known"]
    for row in table:
        stamp, known = (f"{np.datetime64(at, 'us')}Z" for at in (row.ts, row.known * MICROS))
        lines.append(f"{stamp},{cells.format(v=row.value, w=row.value + 1)},{known.replace('.000000', '')}")
    (root / kind / "BTCTRY.csv").write_text("\n".join(lines) + "\n")


def market(root: Path, times: list[int], block: int, cycles: int) -> list[dict[str, int]]:
    """Return the cells of the one symbol at each time, read in small blocks and windows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK", block)
        patch.setattr(dataset_module, "_LEAST_BLOCK", 1)
        windows = open_dataset(root).windows(np.array(times), 3, cycles=cycles)
        return [
            {name: int(getattr(part, name)[c, 0]) for name in Market._fields[1:]}
            for part in windows
            for c in range(len(part.time))
        ]


@given(data=st.data())
@examples(0.8)
def test_a_cycle_sees_what_was_known_and_its_age_by_the_stamp(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("known")
    book, bars, ticker = data.draw(rows()), data.draw(rows()), data.draw(st.none() | rows())
    save(root, "orderbook", "ts,best_bid,best_ask", book, "{v},{w}")
    save(root, "candles", "ts,open,high,low,close,volume", bars, "{v},{w},{v},{v},1")
    if ticker is not None:
        save(root, "ticker", "ts,last,high,low,volume,quote_volume", ticker, "{v},{w},{v},1,7")
    every = [row.known for row in (*book, *bars, *(ticker or ()))]
    near = st.sampled_from(every).flatmap(lambda at: st.integers(at - 2, at + 2))
    times = sorted(data.draw(st.sets(near | st.integers(START, max(every) + 2 * DAY), min_size=1)))
    found = market(root, times, data.draw(st.integers(90, 400)), data.draw(st.integers(1, 9)))
    for now, cells in zip(times, found, strict=True):
        touch, closes = seen(book, now), seen(bars, now)
        assert cells["book_ts"] == (touch[-1].ts if touch else ABSENT)
        assert cells["bid"] == (touch[-1].value * E8 if touch else ABSENT)
        assert cells["close_ts"] == (closes[-1].ts if closes else ABSENT)
        assert cells["closes"] == min(3, len(closes))
        figures = seen(ticker, now) if ticker is not None else closes
        assert cells["ticker_ts"] == (figures[-1].ts if figures else ABSENT)
        assert cells["last"] == (figures[-1].value * E8 if figures else ABSENT)
        if ticker is None and closes:
            day = [row for row in closes if row.ts > (now - DAY) * MICROS]
            assert cells["quote_volume"] == len(day) * closes[-1].value * E8
            assert cells["low"] == (min(row.value for row in day) * E8 if day else ABSENT)
            assert cells["high"] == (max(row.value + 1 for row in day) * E8 if day else ABSENT)


def known_at_its_stamp(text: str) -> str:
    """Return a file with a last column that says of each row what counts without it."""
    header, *lines = text.splitlines()
    return "\n".join([f"{header},known", *(f"{line},{line.split(',')[0]}" for line in lines)]) + "\n"


def test_known_at_its_stamp_is_as_without_the_column(tmp_path: Path) -> None:
    without = build(tmp_path / "without")
    files = {"candles": CANDLES, "orderbook": BOOK, "ticker": TICKER}
    given = build(tmp_path / "with", **{kind: known_at_its_stamp(text) for kind, text in files.items()})
    mixed = build(tmp_path / "mixed", orderbook=known_at_its_stamp(BOOK))
    times = [START + second for second in range(55, 300)]
    expected = market(without, times, 200, 10)
    assert market(given, times, 200, 10) == market(mixed, times, 200, 10) == expected
    one, other = open_dataset(without), open_dataset(given)
    assert (one.start, one.end, one.step_seconds) == (other.start, other.end, other.step_seconds)
    assert one.sha256 != other.sha256
    assert [file.known for file in replay.info(given).files] == [True] * 3
    assert {file.file: file.known for file in replay.info(mixed).files} == {
        "candles/BTCTRY.csv": False,
        "orderbook/BTCTRY.csv": True,
        "ticker/BTCTRY.csv": False,
    }


def late(*lines: str) -> str:
    return "\n".join(["ts,best_bid,best_ask,known", *lines]) + "\n"


def test_a_dataset_begins_and_ends_where_its_books_were_known(tmp_path: Path) -> None:
    book = late("2024-01-01T00:01:00.5Z,1,2,2024-01-01T00:01:07Z", "1704067320,1,2,1704067329")
    dataset = open_dataset(build(tmp_path, orderbook=book))
    assert (dataset.start, dataset.end) == (START + 67, START + 129)
    assert (dataset.first_ts, dataset.last_ts) == (START * MICROS + 60_500_000, (START + 120) * MICROS)


FIRST = "2024-01-01T00:01:00Z,1,2,2024-01-01T00:01:02Z"


@pytest.mark.parametrize(
    ("line", "code", "column", "value"),
    [
        ("2024-01-01T00:02:00Z,1,2,2024-01-01T00:01:57Z", "known_too_early", "known", "2024-01-01T00:01:57Z"),
        (
            "2024-01-01T00:02:00.000001Z,1,2,2024-01-01T00:01:58Z",
            "known_too_early",
            "known",
            "2024-01-01T00:01:58Z",
        ),
        (
            "2024-01-01T00:02:00Z,1,2,2024-01-01T00:02:00.5Z",
            "known_fraction",
            "known",
            "2024-01-01T00:02:00.500000Z",
        ),
        ("2024-01-01T00:01:01Z,1,2,2024-01-01T00:01:01Z", "order", "known", "2024-01-01T00:01:01Z"),
        ("2024-01-01T00:02:00Z,1,2,soon", "timestamp", "known", "soon"),
        ("2024-01-01T00:02:00Z,1,2,", "timestamp", "known", ""),
    ],
)
def test_what_is_wrong_with_known_is_named(
    tmp_path: Path, line: str, code: str, column: str, value: str
) -> None:
    report = replay.validate(build(tmp_path, orderbook=late(FIRST, line)))
    (fault,) = report.errors
    assert (fault.code, fault.row, fault.column, fault.value) == (code, 3, column, value)


def test_two_seconds_ahead_of_known_is_no_fault(tmp_path: Path) -> None:
    book = late(FIRST, "2024-01-01T00:02:00Z,3,4,2024-01-01T00:01:58Z")
    found = market(build(tmp_path, orderbook=book), [START + 117, START + 118], 200, 2)
    assert [cells["book_ts"] for cells in found] == [(START + 60) * MICROS, (START + 120) * MICROS]


def test_both_readers_read_it(tmp_path: Path) -> None:
    """A cell with very many zeros is left to the reader that looks at every line."""
    plain = late(FIRST, "2024-01-01T00:02:00Z,3,4,1704067329")
    zeros = plain.replace(",3,", f",3.{'0' * 40},")
    times = [START + 61, START + 62, START + 128, START + 129]
    fast = market(build(tmp_path / "fast", orderbook=plain), times, 2**20, 9)
    assert [cells["bid"] for cells in fast] == [ABSENT, E8, E8, 3 * E8]
    assert market(build(tmp_path / "slow", orderbook=zeros), times, 2**20, 9) == fast


def test_order_holds_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meva_adapters.replay.checking.reading.BLOCK", 80)
    fine = "2024-01-01T00:0{0}:00Z,1,2,2024-01-01T00:0{0}:00Z"
    book = late(*(fine.format(n) for n in (1, 2, 3, 4, 5)), "2024-01-01T00:06:00Z,1,2,2024-01-01T00:04:59Z")
    codes = [(fault.code, fault.row) for fault in replay.validate(build(tmp_path, orderbook=book)).errors]
    assert codes == [("order", 7), ("known_too_early", 7)]


def test_a_row_that_says_nothing_new_is_passed_over_with_a_word(tmp_path: Path) -> None:
    book = late(
        FIRST,
        "2024-01-01T00:01:00Z,5,6,2024-01-01T00:01:03Z",
        "2024-01-01T00:00:59Z,7,8,2024-01-01T00:01:04Z",
        "2024-01-01T00:01:30Z,9,10,2024-01-01T00:01:31Z",
    )
    bars = known_at_its_stamp(CANDLES + "2024-01-01T00:04:00Z,1,1,1,1,1\n")
    root = build(tmp_path, orderbook=book, candles=bars)
    report = replay.validate(root)
    assert report.ok
    passed = [(fault.file, fault.row) for fault in report.warnings if fault.code == "not_later"]
    assert passed == [("candles/BTCTRY.csv", 6), ("orderbook/BTCTRY.csv", 3), ("orderbook/BTCTRY.csv", 4)]
    found = market(root, [START + 62, START + 64, START + 91, START + 240], 120, 2)
    assert [cells["bid"] // E8 for cells in found] == [1, 1, 9, 9]
    assert found[-1]["closes"] == 3
    (candles,) = open_dataset(root).candles("BTCTRY")
    assert len(candles.ts) == 4


def test_candles_that_say_when_they_were_known_are_stamped_at_their_close(tmp_path: Path) -> None:
    root = build(tmp_path, candles=known_at_its_stamp(CANDLES))
    (root / "manifest.json").write_text(json.dumps({"stamp": "open", "interval": 60}))
    (fault,) = replay.validate(root).errors
    assert (fault.code, fault.column, fault.value) == ("known_opening", "stamp", "candles/BTCTRY.csv")
