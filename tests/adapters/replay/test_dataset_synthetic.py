import csv
import hashlib
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.replay import open_dataset, validate, write_synthetic
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_adapters.replay.made_up.profiles import pair_of, profile_of
from meva_core.errors import BadInput

START = 1_704_067_200
MANY = ["BTCTRY", "ETHTRY", "SHIBTRY", "USDTTRY", "XRPTRY", "BTCUSDT", "ZZZTRY", "A1B2C"]


def make(path, **options):
    write_synthetic(
        path, **{"symbols": ["BTCTRY", "SHIBTRY"], "minutes": 600, "seed": 1, "start": START} | options
    )
    return path


def rows(path, kind, symbol):
    with open(path / kind / f"{symbol}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_one_seed_gives_the_same_bytes_everywhere(tmp_path):
    """The value holds for any machine and any version of the libraries; it changes only with the recipe."""
    dataset = open_dataset(make(tmp_path / "set", symbols=MANY, minutes=3000))
    assert dataset.sha256 == "de526796fde4e37cbb7b9b866fb46b26d3dcbd0b55a6f4dba71c89db6c57156b"


def test_another_seed_gives_other_data_and_a_symbol_does_not_depend_on_its_company(tmp_path):
    one = open_dataset(make(tmp_path / "one"))
    other = open_dataset(make(tmp_path / "other", seed=2))
    alone = open_dataset(make(tmp_path / "alone", symbols=["SHIBTRY"]))
    for kind in ("candles", "orderbook", "ticker"):
        name = f"{kind}/SHIBTRY.csv"
        assert one.files[name].sha256 != other.files[name].sha256
        assert one.files[name].sha256 == alone.files[name].sha256


@pytest.mark.parametrize("step", [1, 60, 300, 86_400])
def test_made_up_markets_have_nothing_to_report_but_their_gaps(tmp_path, step):
    root = make(tmp_path / "set", symbols=MANY, minutes=max(20, step * 400 // 60), step_seconds=step)
    report = validate(root)
    assert report.ok
    assert {fault.code for fault in report.warnings} <= {"gap"}
    assert open_dataset(root).step_seconds == step


def test_gaps_come_when_they_are_asked_for(tmp_path):
    whole = open_dataset(make(tmp_path / "whole", minutes=20_000, gaps=False))
    torn = open_dataset(make(tmp_path / "torn", minutes=20_000))
    assert {facts.rows for facts in whole.files.values()} == {20_000}
    assert all(19_000 < facts.rows < 20_000 for facts in torn.files.values())
    assert any(fault.code == "gap" for fault in torn.warnings)
    assert (whole.start, whole.end) == (torn.start, torn.end) == (START, START + 19_999 * 60)


def test_ticker_and_sizes_may_be_left_out(tmp_path):
    root = make(tmp_path / "set", ticker=False, sizes=False)
    assert not open_dataset(root).has_ticker
    assert list(rows(root, "orderbook", "BTCTRY")[0]) == ["ts", "best_bid", "best_ask"]


@pytest.mark.parametrize("symbol", MANY)
def test_prices_and_quantities_lie_on_the_grid_of_the_metadata(tmp_path, symbol):
    root = make(tmp_path / "set", symbols=[symbol])
    info = open_dataset(root).exchangeinfo
    assert info is not None
    (pair,) = info["data"]["symbols"]
    tick, lot = Decimal(pair["filters"][0]["tickSize"]), Decimal(1).scaleb(-pair["numeratorScale"])
    assert pair["numerator"] + pair["denominator"] == symbol
    for row in rows(root, "orderbook", symbol):
        assert Decimal(row["best_bid"]) % tick == Decimal(row["best_ask"]) % tick == 0
        assert 0 < Decimal(row["best_bid"]) < Decimal(row["best_ask"])
        assert Decimal(row["bid_qty"]) % lot == 0 < Decimal(row["ask_qty"])
    for row in rows(root, "candles", symbol):
        assert all(Decimal(row[name]) % tick == 0 for name in ("open", "high", "low", "close"))
        assert Decimal(row["low"]) <= min(Decimal(row["open"]), Decimal(row["close"]))
        assert Decimal(row["high"]) >= max(Decimal(row["open"]), Decimal(row["close"]))


def test_the_ticker_tells_the_last_day_of_its_candles(tmp_path):
    root = make(tmp_path / "set", symbols=["ETHTRY"], minutes=3000, gaps=False)
    candles, ticker = rows(root, "candles", "ETHTRY"), rows(root, "ticker", "ETHTRY")
    for i in (0, 1, 1439, 1440, 2999):
        day = candles[max(0, i - 1439) : i + 1]
        assert Decimal(ticker[i]["last"]) == Decimal(candles[i]["close"])
        assert Decimal(ticker[i]["high"]) == max(Decimal(row["high"]) for row in day)
        assert Decimal(ticker[i]["low"]) == min(Decimal(row["low"]) for row in day)
        assert Decimal(ticker[i]["volume"]) == sum(Decimal(row["volume"]) for row in day)
        exact = sum(Decimal(row["volume"]) * Decimal(row["close"]) for row in day)
        assert abs(Decimal(ticker[i]["quote_volume"]) - exact) <= Decimal("0.01") * len(day)


def test_markets_move_together_and_large_moves_follow_each_other(tmp_path):
    root = make(tmp_path / "set", symbols=["BTCTRY", "ETHTRY"], minutes=20_000, gaps=False)

    def returns(symbol):
        closes = np.array([float(row["close"]) for row in rows(root, "candles", symbol)])
        return np.diff(closes) / closes[:-1]

    one, two = returns("BTCTRY"), returns("ETHTRY")
    assert 0.2 < np.corrcoef(one, two)[0, 1] < 0.8
    assert np.corrcoef(np.abs(one[1:]), np.abs(one[:-1]))[0, 1] > 0.05
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.05


def test_spreads_widen_at_times(tmp_path):
    root = make(tmp_path / "set", symbols=["ETHTRY"], minutes=20_000)
    spreads = sorted(
        (Decimal(row["best_ask"]) / Decimal(row["best_bid"]) - 1) * 10_000
        for row in rows(root, "orderbook", "ETHTRY")
    )
    assert 1 < spreads[len(spreads) // 2] < 10
    assert spreads[-1] > 8 * spreads[len(spreads) // 2]


BAD = [
    {"symbols": []},
    {"symbols": ["btctry"]},
    {"symbols": ["../x"]},
    {"symbols": ["BTC_TRY"]},
    {"minutes": 1},
    {"minutes": 0},
    {"minutes": -5},
    {"step_seconds": 0},
    {"step_seconds": -60},
    {"minutes": 10**9, "step_seconds": 1},
    {"start": -1},
    {"start": 253_402_300_000},
]


@pytest.mark.parametrize("options", BAD, ids=str)
def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path, options):
    with pytest.raises(BadInput):
        make(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(BadInput, match=r"notes\.txt"):
        make(tmp_path / "notes.txt")


@given(st.from_regex(r"[A-Z0-9]{5,16}", fullmatch=True))
def test_every_symbol_has_a_market_that_can_be_written(symbol):
    profile = profile_of(symbol)
    assert 0 <= profile.price_places <= 8
    assert 0 <= profile.qty_places <= 8
    assert "".join(pair_of(symbol)) == symbol
    assert all(pair_of(symbol))
    assert profile.price * profile.tick > 0


columns = st.tuples(st.integers(0, 8), st.lists(st.integers(0, 10**17), min_size=3, max_size=3))


@given(st.lists(columns, min_size=1, max_size=4), st.integers(0, 200_000_000_000))
def test_numbers_are_written_exactly(parts, second):
    stamps = np.array([second, second, second + 1], dtype=np.int64)
    text = b"".join(
        csv_blocks(stamps, [Column(np.array(values), places) for places, values in parts])
    ).decode()
    lines = [line.split(",") for line in text.splitlines()]
    assert [line[0] for line in lines] == [f"{np.datetime64(int(stamp), 's')}Z" for stamp in stamps]
    for i, (places, values) in enumerate(parts, 1):
        assert [line[i] for line in lines] == [
            f"{Decimal(value).scaleb(-places):.{places}f}" for value in values
        ]


def test_the_bytes_are_hashed_as_they_are_written(tmp_path):
    root = make(tmp_path / "set")
    dataset = open_dataset(root)
    assert dataset.manifest is not None
    for name, entry in dataset.manifest.files.items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == entry.sha256
        if entry.rows is not None:
            assert (root / name).read_bytes().count(b"\n") == entry.rows + 1
    stamps = [row["ts"] for row in rows(root, "candles", "BTCTRY")]
    assert all(one < two for one, two in pairwise(stamps))
    assert (dataset.manifest.start, dataset.manifest.end) == (stamps[0], stamps[-1])
