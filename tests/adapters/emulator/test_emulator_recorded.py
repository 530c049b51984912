"""A recorded market moves books and trades, at a speed or on command, and its candles are the history."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from emulator_server import E8, Emulator, HandClock, options, running

from meva_adapters.emulator.markets.bars import RESOLUTIONS, Bars, coarser
from meva_adapters.emulator.markets.metadata import listing_of, read_document
from meva_adapters.emulator.markets.prices import PricePath
from meva_adapters.replay import write_synthetic
from meva_core.errors import BadInput

START = 1_704_067_200
ROWS = (
    # time, open, high, low, close, bid, ask
    (60, 100, 102, 99, 101, "100.50", "101.50"),
    (120, 101, 103, 100, 102, "101.50", "102.50"),
    (180, 102, 104, 90, 91, "90.50", "91.50"),
    (240, 91, 95, 90, 94, "93.50", "94.50"),
)


def write_rows(root: Path) -> Path:
    """Write a dataset of one pair that nobody has metadata for."""
    tables: dict[str, list[str]] = {
        "candles": ["ts,open,high,low,close,volume"],
        "orderbook": ["ts,best_bid,best_ask,bid_qty,ask_qty"],
        "ticker": ["ts,last,high,low,volume,quote_volume"],
    }
    for after, opened, high, low, close, bid, ask in ROWS:
        tables["candles"].append(f"{START + after},{opened},{high},{low},{close},2.5")
        tables["orderbook"].append(f"{START + after},{bid},{ask},3,4")
        tables["ticker"].append(f"{START + after},{close},104,90,10,1000")
    for folder, lines in tables.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "DEMOTRY.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "data")


def on_command(dataset: Path) -> Emulator:
    given = options(data=dataset, speed=Fraction(0))
    return running(given, still=True, clock=HandClock())  # type: ignore[return-value]


def touch(emulator: Emulator) -> tuple[list[str], list[str]]:
    data = emulator.get("/api/v2/orderbook?pairSymbol=DEMOTRY&limit=1").json()["data"]
    return data["bids"][0], data["asks"][0]


def test_rows_come_on_command_with_their_sizes(dataset: Path) -> None:
    with on_command(dataset) as emulator:
        seen = [touch(emulator)]
        for _ in range(4):
            emulator.control("POST", "forward", json={"seconds": 60})
            seen.append(touch(emulator))
        expected = [(bid, ask) for *_, bid, ask in ROWS]
        shown = [(bid[0], ask[0]) for bid, ask in seen]
        assert [(Decimal(a), Decimal(b)) for a, b in shown] == [
            (Decimal(a), Decimal(b)) for a, b in [*expected, expected[-1]]
        ]
        assert all(Decimal(bid[1]) == 3 and Decimal(ask[1]) == 4 for bid, ask in seen)
        assert emulator.control("GET", "state").json()["broken"] == []


def test_tickers_show_the_recorded_day_and_the_tape_the_last_price(dataset: Path) -> None:
    with on_command(dataset) as emulator:
        emulator.control("POST", "forward", json={"seconds": 120})
        reply = emulator.get("/api/v2/ticker?pairSymbol=DEMOTRY").json(parse_float=Decimal)
        row = reply["data"][0]
        assert (row["last"], row["high"], row["low"]) == (91, 104, 90)
        assert row["volume"] == pytest.approx(Decimal(1000) / 91, abs=Decimal("1e-7"))
        trade = emulator.get("/api/v2/trades?pairSymbol=DEMOTRY&last=1").json()["data"][0]
        assert (trade["price"], trade["side"]) == ("91", "sell")


def test_a_recorded_move_fills_what_it_goes_through_whatever_its_size(dataset: Path) -> None:
    with on_command(dataset) as emulator:
        fields = {"pairSymbol": "DEMOTRY", "orderType": "buy", "orderMethod": "limit"}
        through = emulator.order(**fields, price="95", quantity="1000").json()["data"]["id"]
        touched = emulator.order(**fields, price="91.5", quantity="1000").json()["data"]["id"]
        below = emulator.order(**fields, price="91.4", quantity="1000").json()["data"]["id"]
        emulator.control("POST", "forward", json={"seconds": 120})
        rows = {number: emulator.read(f"/api/v1/order/{number}") for number in (through, touched, below)}
        assert [rows[number]["status"] for number in (through, touched, below)] == [
            "Closed", "Partial", "Untouched",
        ]  # fmt: skip
        # At the touch itself only what was recorded there trades.
        assert rows[touched]["leftAmount"] == "996"
        fills = emulator.read("/api/v1/users/transactions/trade", orderId=through)
        assert {fill["price"] for fill in fills} == {"95"}


def test_recorded_candles_are_served_under_their_opening_time(dataset: Path) -> None:
    with on_command(dataset) as emulator:
        url = f"/v1/klines/history?symbol=DEMOTRY&from={START}&to={START + 300}"
        reply = emulator.get(url + "&resolution=1").json()
        assert reply["t"] == [START + after - 60 for after, *_ in ROWS]
        assert reply["c"] == [row[4] for row in ROWS]
        assert reply["v"] == [2.5] * 4
        joined = emulator.get(url + "&resolution=5").json()
        assert (joined["t"], joined["o"], joined["h"], joined["l"], joined["c"], joined["v"]) == (
            [START], [100], [104], [90], [94], [10],
        )  # fmt: skip


def test_minutes_right_before_now_are_made_up_near_the_first_price(dataset: Path) -> None:
    with on_command(dataset) as emulator:
        now = emulator.clock() // 1000
        url = f"/v1/klines/history?symbol=DEMOTRY&resolution=1&from={now - 3600}&to={now}"
        reply = emulator.get(url).json()
        assert len(reply["t"]) >= 59
        assert all(80 < close < 120 for close in reply["c"][:-1])


def test_a_recording_passes_at_its_speed(dataset: Path) -> None:
    with running(options(data=dataset, speed=Fraction(120)), still=True, clock=HandClock()) as emulator:
        seen = []
        for milliseconds in (0, 499, 1, 499, 1, 499, 1, 60_000):
            emulator.forward(milliseconds)
            emulator.control("POST", "forward")
            seen.append(touch(emulator)[0][0])
    first, second, third, fourth = (bid for *_, bid, _ in ROWS)
    expected = [first, first, second, second, third, third, fourth, fourth]  # half a second for each minute
    assert [Decimal(bid) for bid in seen] == [Decimal(bid) for bid in expected]


def test_a_speed_of_nothing_waits_for_a_command(dataset: Path) -> None:
    with running(options(data=dataset, speed=Fraction(0)), still=True, clock=HandClock()) as emulator:
        emulator.forward(3_600_000)
        emulator.control("POST", "forward")
        assert Decimal(touch(emulator)[0][0]) == Decimal(ROWS[0][5])


def test_several_recorded_pairs_move_together_and_stay_whole(tmp_path: Path) -> None:
    symbols = ["BTCTRY", "ETHTRY", "SOLTRY"]
    write_synthetic(tmp_path, symbols=symbols, minutes=600, seed=3, start=START)
    with running(options(data=tmp_path, speed=Fraction(0)), still=True) as emulator:
        names = [row["pair"] for row in emulator.get("/api/v2/ticker").json()["data"]]
        assert sorted(names) == symbols
        for _ in range(10):
            emulator.control("POST", "forward", json={"seconds": 3600})
        state = emulator.control("GET", "state").json()
        assert (state["broken"], state["position"]) == ([], START + 36_000)


def test_a_bad_dataset_is_refused_with_its_fault(dataset: Path) -> None:
    (dataset / "candles" / "DEMOTRY.csv").write_text("ts,open\n1,2\n")
    with pytest.raises(BadInput, match="header"), running(options(data=dataset)):
        pass


def test_a_pair_without_candles_is_named(dataset: Path) -> None:
    for path in (dataset / "candles").glob("*.csv"):
        path.unlink()
    with pytest.raises(BadInput, match="DEMOTRY: no candles"), running(options(data=dataset)):
        pass


def test_metadata_that_no_order_can_be_checked_with_names_the_pair(tmp_path: Path) -> None:
    path = tmp_path / "info.json"
    path.write_text('{"data": {"symbols": [{"name": "XTRY", "hasFraction": true, "denominatorScale": 12}]}}')
    with pytest.raises(BadInput, match=r"'XTRY'.*scale 12"):
        listing_of(read_document(path), {}, "info.json")
    path.write_text('{"data": []}')
    with pytest.raises(BadInput, match="list 'symbols'"):
        read_document(path)


def test_a_seeded_path_is_one_however_it_is_asked_for() -> None:
    path = PricePath(4, "BTCTRY", 3_000_000 * E8, E8)
    minutes = path.minutes(START, START + 86_400, 10 * E8)
    assert all(int(minutes.open[i]) == path.price(START + 60 * i) for i in range(0, 1440, 97))
    assert list(minutes.open[1:]) == list(minutes.close[:-1])
    assert (minutes.low > 0).all()
    assert len(set(minutes.close.tolist())) > 1000
    other = PricePath(5, "BTCTRY", 3_000_000 * E8, E8).minutes(START, START + 86_400, 10 * E8)
    assert list(other.close) != list(minutes.close)


@pytest.fixture(scope="module")
def minutes() -> Bars:
    """Return bars of forty days."""
    return PricePath(1, "X", 100 * E8, 1).minutes(START, START + 40 * 86_400 - 60, E8)


@pytest.mark.parametrize("resolution", sorted(RESOLUTIONS))
def test_joining_candles_keeps_extremes_and_volume(minutes: Bars, resolution: str) -> None:
    bars = coarser(minutes, resolution)
    assert int(bars.volume.sum()) == int(minutes.volume.sum())
    assert (int(bars.high.max()), int(bars.low.min())) == (int(minutes.high.max()), int(minutes.low.min()))
    assert (int(bars.open[0]), int(bars.close[-1])) == (int(minutes.open[0]), int(minutes.close[-1]))
    assert (bars.time[1:] > bars.time[:-1]).all()
