"""Recording the live market: what is written, what a stop leaves, what a failure costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from paper_exchange import NOON, SOURCE, PaperExchange, new_recording

from meva_adapters import replay
from meva_adapters.replay.recording.capture import GIVE_UP_SECONDS, SETTLE_SECONDS, Captured, Pace, capture
from meva_adapters.replay.recording.recording import Recording
from meva_core.errors import BadInput, Refused, Unavailable, VenueReason
from meva_core.venue import Level, Ticker


@pytest.fixture
def exchange() -> PaperExchange:
    return PaperExchange()


def record(
    root: Path,
    exchange: PaperExchange,
    seconds: float | None = 30,
    *,
    before_poll: Callable[[], None] = lambda: None,
) -> Captured:
    pace = Pace(seconds, 5.0, exchange.monotonic, exchange.sleep, before_poll)
    return capture(new_recording(root, exchange), exchange, exchange, pace)


def test_a_capture_is_a_dataset_with_its_provenance(tmp_path: Path, exchange: PaperExchange) -> None:
    captured = record(tmp_path, exchange)
    assert (captured.polls, captured.silent, dict(captured.failures)) == (6, False, {})
    data = replay.open_dataset(tmp_path)
    assert data.symbols == ("BTCTRY", "ETHTRY")
    assert data.warnings == ()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["source"] == SOURCE.name
    assert manifest["server_time"] == "2025-10-09T12:00:00Z"
    assert manifest["local_time"] == "2025-10-09T11:59:59.750000Z"
    assert manifest["interval"] == 60
    assert len(manifest["files"]) == 7
    assert "books" not in manifest


def test_rows_hold_what_the_exchange_said(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    book = (tmp_path / "orderbook" / "BTCTRY.csv").read_text().splitlines()
    assert book[0] == "ts,best_bid,best_ask,bid_qty,ask_qty,known"
    assert book[1] == "2025-10-09T12:00:00Z,99.95,100.05,1.5,2.12345678,2025-10-09T12:00:00Z"
    assert len(book) == 7
    ticker = (tmp_path / "ticker" / "BTCTRY.csv").read_text().splitlines()
    assert ticker[1] == "2025-10-09T12:00:00Z,100,105,95,123456789012.5,2025-10-09T12:00:00Z"


def known(root: Path, kind: str, symbol: str = "BTCTRY") -> list[tuple[str, str]]:
    """Return stamp and known of each row of a file, their times of day."""
    rows = [line.split(",") for line in (root / kind / f"{symbol}.csv").read_text().splitlines()]
    assert rows[0][-1] == "known"
    return [(row[0][11:-1], row[-1][11:-1]) for row in rows[1:]]


def test_a_row_is_known_from_the_poll_that_had_it_in_whole_seconds_up(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.seconds += 0.25
    record(tmp_path, exchange, 10)
    assert known(tmp_path, "orderbook") == [("12:00:00.250000", "12:00:01"), ("12:00:05.250000", "12:00:06")]
    assert known(tmp_path, "ticker") == known(tmp_path, "orderbook")
    bars = known(tmp_path, "candles")
    assert len(bars) == 120
    assert {at for _, at in bars} == {"12:00:01"}  # the bars of two hours came with the first answer
    assert replay.open_dataset(tmp_path).start == NOON + 1


def test_a_row_stamped_well_after_it_arrived_is_left_out_and_counted(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    """It would look fresh, and shut out what follows; two seconds are what clocks differ by."""
    polls: list[int] = []

    def move_stamps() -> None:
        polls.append(1)
        exchange.ahead = {2: 2.0, 4: 2.25}.get(len(polls), 0.0)

    captured = record(tmp_path, exchange, 30, before_poll=move_stamps)
    assert captured.failures == {f"orderbook {symbol}": 1 for symbol in exchange.symbols}
    assert known(tmp_path, "orderbook") == [
        ("12:00:00", "12:00:00"),
        ("12:00:07", "12:00:05"),
        ("12:00:10", "12:00:10"),
        ("12:00:20", "12:00:20"),
        ("12:00:25", "12:00:25"),
    ]
    assert replay.validate(tmp_path).ok


def without_known(path: Path) -> None:
    """Make a file one of before the column."""
    lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")


def test_a_capture_of_before_the_column_goes_on_without_it(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    for path in tmp_path.glob("*/*.csv"):
        without_known(path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"files": {}}))
    exchange.seconds += 60
    record(tmp_path, exchange)
    data = replay.open_dataset(tmp_path)
    assert data.files["orderbook/BTCTRY.csv"].rows == 12
    assert not any(facts.has_known for facts in data.files.values())


def test_bars_of_the_time_before_come_first_and_new_ones_when_they_are_complete(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    record(tmp_path, exchange, SETTLE_SECONDS + 130)
    lines = (tmp_path / "candles" / "BTCTRY.csv").read_text().splitlines()[1:]
    assert lines[0].startswith("2025-10-09T09:58:00Z,")
    assert lines[-1].startswith("2025-10-09T12:02:00Z,")
    assert len(lines) == 125
    assert exchange.asked.count("candles BTCTRY") == 6  # at first, and once each minute


def test_a_capture_goes_on_where_one_ended(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.csv")}
    exchange.seconds += 600
    record(tmp_path, exchange)
    for path, content in before.items():
        assert path.read_bytes().startswith(content)
    data = replay.open_dataset(tmp_path)
    assert data.files["orderbook/BTCTRY.csv"].rows == 12
    stamps = [line.split(",")[0] for line in (tmp_path / "candles" / "ETHTRY.csv").read_text().split()[1:]]
    assert len(set(stamps)) == len(stamps) == 130


class Stop(BaseException):
    """A stop from outside, as Ctrl-C is."""


@pytest.mark.parametrize("polls", [3, 4])
def test_a_stop_leaves_a_dataset_with_checksums(tmp_path: Path, exchange: PaperExchange, polls: int) -> None:
    def stop() -> None:
        exchange.asked.append("poll")
        if exchange.asked.count("poll") == polls:
            raise Stop

    with pytest.raises(Stop):
        record(tmp_path, exchange, None, before_poll=stop)
    assert replay.validate(tmp_path).ok
    assert len(json.loads((tmp_path / "manifest.json").read_text())["files"]) == 7


def test_the_dataset_can_be_used_between_any_two_polls(tmp_path: Path, exchange: PaperExchange) -> None:
    looked = []

    def look() -> None:
        if len(looked) >= 2:
            report = replay.validate(tmp_path)
            assert report.ok, report.errors
            assert json.loads((tmp_path / "manifest.json").read_text())["files"] == {}
        looked.append(1)

    record(tmp_path, exchange, before_poll=look)
    assert len(looked) == 6


def test_half_a_line_that_a_power_cut_left_is_cut_off(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    path = tmp_path / "orderbook" / "BTCTRY.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + b"2025-10-09T12:00:30Z,99.9")
    exchange.seconds += 60
    record(tmp_path, exchange)
    assert path.read_bytes().startswith(whole)
    assert replay.validate(tmp_path).ok


def test_a_symbol_that_fails_costs_its_own_rows_only(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.failing["book ETHTRY"] = Unavailable("gone")
    captured = record(tmp_path, exchange)
    assert captured.failures == {"orderbook ETHTRY": 6}
    report = replay.validate(tmp_path)
    assert (report.ok, report.symbols) == (True, ("BTCTRY",))


def spoilt(exchange: PaperExchange, change: dict[str, object], poll: int) -> Callable[[], None]:
    """Return what changes the books of one poll."""

    def spoil() -> None:
        exchange.changes = change if exchange.asked.count("tickers") == poll else {}

    return spoil


def test_a_book_that_no_row_can_hold_is_left_out(tmp_path: Path, exchange: PaperExchange) -> None:
    change = {"bids": (Level(Decimal("1e-9"), Decimal(1)),)}
    captured = record(tmp_path, exchange, before_poll=spoilt(exchange, change, 3))
    assert captured.failures == {"orderbook BTCTRY": 1, "orderbook ETHTRY": 1}
    assert replay.open_dataset(tmp_path).files["orderbook/BTCTRY.csv"].rows == 5


@pytest.mark.parametrize(("side", "column"), [("bids", 1), ("asks", 2)])
def test_an_empty_side_is_a_row_that_says_so(
    tmp_path: Path, exchange: PaperExchange, side: str, column: int
) -> None:
    captured = record(tmp_path, exchange, before_poll=spoilt(exchange, {side: ()}, 3))
    assert captured.failures == {}
    lines = (tmp_path / "orderbook" / "BTCTRY.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in lines]
    assert [row[column] == row[column + 2] == "" for row in rows] == [False] * 3 + [True] + [False] * 2
    assert replay.validate(tmp_path).errors == ()


def test_a_file_without_known_has_no_row_for_an_empty_side(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    for path in tmp_path.glob("*/*.csv"):
        without_known(path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"files": {}}))
    exchange.seconds += 60
    polls = exchange.asked.count("tickers")
    captured = record(tmp_path, exchange, before_poll=spoilt(exchange, {"bids": ()}, polls + 1))
    assert captured.failures == {"orderbook BTCTRY": 1, "orderbook ETHTRY": 1}
    assert replay.validate(tmp_path).errors == ()


def silence(exchange: PaperExchange) -> None:
    for call in ("book BTCTRY", "book ETHTRY", "tickers", "candles BTCTRY", "candles ETHTRY"):
        exchange.failing[call] = Unavailable("no answer")


def test_an_exchange_that_falls_silent_is_said_to_be_and_nothing_is_lost(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    def fall_silent() -> None:
        if exchange.seconds >= NOON + 20:
            silence(exchange)

    captured = record(tmp_path, exchange, before_poll=fall_silent)
    assert captured.silent
    assert replay.open_dataset(tmp_path).files["orderbook/BTCTRY.csv"].rows == 4


def test_a_silence_that_passes_is_only_a_gap(tmp_path: Path, exchange: PaperExchange) -> None:
    def falter() -> None:
        exchange.failing.clear()
        if NOON + 10 <= exchange.seconds < NOON + 20:
            silence(exchange)

    captured = record(tmp_path, exchange, before_poll=falter)
    assert not captured.silent
    assert replay.open_dataset(tmp_path).files["orderbook/BTCTRY.csv"].rows == 4


def test_nobody_waits_for_ever_for_an_exchange_that_is_gone(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    silence(exchange)
    began = exchange.seconds
    assert record(tmp_path, exchange, None).silent
    assert GIVE_UP_SECONDS < exchange.seconds - began < GIVE_UP_SECONDS + 20


def test_without_a_second_book_there_is_no_dataset(tmp_path: Path, exchange: PaperExchange) -> None:
    with pytest.raises(BadInput, match="no dataset"):
        record(tmp_path, exchange, 3)
    assert list(tmp_path.glob("*/*.csv")) == []


def test_nothing_is_made_when_the_exchange_does_not_answer(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.failing["metadata"] = Refused("no")
    with pytest.raises(Refused):
        record(tmp_path / "new", exchange)
    assert not (tmp_path / "new").exists()


def test_a_symbol_that_the_exchange_lacks_is_refused_at_the_start(tmp_path: Path) -> None:
    exchange = PaperExchange(symbols=("BTCTRY",))
    with pytest.raises(BadInput, match="ETHTRY"):
        record(tmp_path / "new", exchange)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"interval": 300}, "candles of 300 s"),
        ({"stamp": "open"}, "stamped with their opening"),
        ({"source": "synthetic"}, "another source"),
        ({"books": "assumed from the closes"}, "assumed from the closes"),
        ({"interval": "often"}, "whole number"),
    ],
)
def test_data_of_another_kind_are_not_mixed_in(
    tmp_path: Path, exchange: PaperExchange, manifest: dict[str, object], message: str
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=message):
        record(tmp_path, exchange)
    assert list(tmp_path.iterdir()) == [tmp_path / "manifest.json"]


def test_another_port_of_the_same_host_is_the_same_source(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    exchange.seconds += 60
    other = type(SOURCE)("btcturk http://127.0.0.1:99", "v2")
    recording = Recording(tmp_path, other, 60, ("BTCTRY",), exchange)
    capture(recording, exchange, exchange, Pace(10, 5.0, exchange.monotonic, exchange.sleep))
    assert replay.validate(tmp_path).ok


@pytest.mark.parametrize(
    ("file", "header"),
    [("ticker/BTCTRY.csv", "ts,last,high,low,volume,quote_volume"), ("orderbook/ETHTRY.csv", "time,bid")],
)
def test_a_file_with_other_columns_is_refused_at_the_start(
    tmp_path: Path, exchange: PaperExchange, file: str, header: str
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"source": SOURCE.name, "interval": 60}))
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(f"{header}\n")
    with pytest.raises(BadInput, match="header"):
        record(tmp_path, exchange)
    assert (tmp_path / file).read_text() == f"{header}\n"


def test_a_file_without_quantities_stays_without(tmp_path: Path, exchange: PaperExchange) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"source": SOURCE.name, "interval": 60}))
    (tmp_path / "orderbook").mkdir()
    (tmp_path / "orderbook" / "BTCTRY.csv").write_text("ts,best_bid,best_ask\n1760000000,1,2\n")
    record(tmp_path, exchange)
    lines = (tmp_path / "orderbook" / "BTCTRY.csv").read_text().splitlines()
    assert lines[2] == "2025-10-09T12:00:00Z,99.95,100.05"
    assert replay.validate(tmp_path).ok


def test_a_minute_without_trades_is_not_asked_for_at_every_poll(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.missing_bars = set(range(NOON - SETTLE_SECONDS + 60, NOON + 600, 60))
    record(tmp_path, exchange, 120)
    assert exchange.asked.count("candles BTCTRY") == 2


def test_a_bar_that_no_row_can_hold_costs_itself_and_is_counted(
    tmp_path: Path, exchange: PaperExchange, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.broken = {NOON - 600}
    exchange.closes = {NOON - 1200: Decimal("100.123456789"), NOON - 1800: Decimal("100.0500000000000007")}
    captured = record(tmp_path, exchange)
    assert captured.failures == {"candles BTCTRY": 2, "candles ETHTRY": 2}
    assert "the bar of 2025-10-09T11:50:00Z is left out: close: expected a number" in caplog.text
    assert "the bar of 2025-10-09T11:40:00Z is left out: price: 100.123456789 has more than" in caplog.text
    lines = (tmp_path / "candles" / "BTCTRY.csv").read_text().splitlines()[1:]
    assert len(lines) == 120 - 2
    (mended,) = [line for line in lines if line.startswith("2025-10-09T11:30:00Z")]
    assert mended.split(",")[4] == "100.05"


class LowHigh(PaperExchange):
    """An exchange that has one ticker wrong."""

    def tickers(self) -> dict[str, Ticker]:
        found = dict(PaperExchange.tickers(self))
        return {**found, "BTCTRY": evolve(found["BTCTRY"], high=Decimal(1))}


def test_a_ticker_that_no_row_can_hold_costs_no_other(tmp_path: Path) -> None:
    captured = record(tmp_path, LowHigh())
    assert captured.failures == {"ticker BTCTRY": 6}
    assert replay.open_dataset(tmp_path).files["ticker/ETHTRY.csv"].rows == 6


def test_an_exchange_that_says_to_wait_is_waited_for(tmp_path: Path, exchange: PaperExchange) -> None:
    record(tmp_path, exchange)
    silence(exchange)
    wait = Unavailable("no call may be made for another 600 s", reason=VenueReason.RATE_LIMITED)
    exchange.failing = dict.fromkeys(exchange.failing, wait)
    seconds = 2 * GIVE_UP_SECONDS
    began = exchange.seconds
    record(tmp_path, exchange, seconds)
    assert exchange.seconds - began >= seconds - 5
