"""Candles stamped at their opening: told by the order books, warned of, mended by the line that is named."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters import replay
from meva_adapters.replay.checking.stamping import Votes, count_votes
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.stamps import MICROS

STEP = 60


def restamped(root: Path, seconds: int) -> None:
    """Move the stamps of all candles, as a source with other stamps would have them."""
    for path in (root / "candles").glob("*.csv"):
        header, *rows = path.read_text().splitlines()
        moved = []
        for row in rows:
            stamp, rest = row.split(",", 1)
            moved.append(f"{(datetime.fromisoformat(stamp) + timedelta(seconds=seconds)).isoformat()},{rest}")
        path.write_text("\n".join([header, *moved]) + "\n")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = replay.init(tmp_path / "data", symbols=("BTCTRY", "ETHTRY"), minutes=200, seed=3)
    (root / "manifest.json").unlink()
    return root


def told(root: Path) -> list[replay.Fault]:
    return [fault for fault in replay.validate(root).warnings if fault.code == "opening_stamps"]


def test_candles_stamped_at_their_close_are_not_warned_of(dataset: Path) -> None:
    assert told(dataset) == []


def test_candles_stamped_at_their_opening_are_warned_of_first_and_the_line_named_is_what_helps(
    dataset: Path,
) -> None:
    restamped(dataset, -STEP)
    (fault,) = told(dataset)
    assert replay.validate(dataset).warnings[0] == fault
    assert fault.value == "BTCTRY, ETHTRY"
    assert "closes fit the order book 60 s later" in fault.message
    line = fault.action.partition("write ")[2].partition(" into")[0]
    (dataset / "manifest.json").write_text(f"{{{line}}}")
    assert told(dataset) == []
    assert replay.open_dataset(dataset).manifest is not None


def test_a_manifest_that_says_close_is_held_against_the_books_too(dataset: Path) -> None:
    restamped(dataset, -STEP)
    (dataset / "manifest.json").write_text(json.dumps({"stamp": "close"}))
    (fault,) = told(dataset)
    assert fault.message.startswith("the manifest says that stamps are closes, but")


def test_one_symbol_of_another_source_is_named_alone(dataset: Path) -> None:
    other = dataset.parent / "other"
    replay.init(other, symbols=("BTCTRY",), minutes=200, seed=3)
    restamped(other, -STEP)
    (other / "candles" / "BTCTRY.csv").replace(dataset / "candles" / "BTCTRY.csv")
    (fault,) = told(dataset)
    assert fault.value == "BTCTRY"


def test_info_says_what_is_assumed(dataset: Path) -> None:
    found = replay.info(dataset)
    assert found.stamp == "close"
    assert found.assumed[0] == "stamp: a candle's time is its close (there is no manifest.json)"
    assert any(line.startswith("source: unknown") for line in found.assumed)
    (dataset / "manifest.json").write_text('{"stamp": "close", "interval": 60, "source": "me"}')
    assert replay.info(dataset).assumed == ()
    (dataset / "manifest.json").write_text('{"books": "assumed from the closes, 10 bps apart"}')
    assert "order books: assumed from the closes, 10 bps apart" in replay.info(dataset).assumed


# -- The count ----------------------------------------------------------------------------------------


def walk(seed: int, minutes: int) -> np.ndarray:
    """Return a price for every second of so many minutes."""
    draws = np.random.default_rng(seed).integers(-5, 6, minutes * STEP)
    return 10_000_000 + np.cumsum(draws)


def candles_of(price: np.ndarray, shift: int) -> Rows:
    """Return bars of a minute, stamped `shift` seconds after their end."""
    ends = np.arange(STEP, len(price), STEP)
    return Rows(ends, (ends + shift) * MICROS, {"close": price[ends]})


def books_of(price: np.ndarray, every: int, phase: int, spread: int = 8) -> Rows:
    at = np.arange(phase, len(price), every)
    values = {"best_bid": price[at] - spread // 2, "best_ask": price[at] + spread // 2}
    return Rows(at, at * MICROS, values)


@given(seed=st.integers(0, 999), every=st.sampled_from([1, 5, 17, 30]), phase=st.integers(0, 29))
def test_whenever_the_books_were_looked_at_the_stamps_are_told(seed: int, every: int, phase: int) -> None:
    price = walk(seed, 300)
    books = books_of(price, every, phase % every)
    closing, opening = candles_of(price, 0), candles_of(price, -STEP)
    assert not count_votes(closing, books, STEP).say_opening
    assert count_votes(opening, books, STEP).say_opening


@pytest.mark.parametrize("phase", [0, 1, 15, 30, 45, 59])
def test_books_of_once_a_minute_tell_at_whatever_second_they_were_looked_at(phase: int) -> None:
    price = walk(7, 3000)
    books = books_of(price, 60, phase)
    assert not count_votes(candles_of(price, 0), books, STEP).say_opening
    assert count_votes(candles_of(price, -STEP), books, STEP).say_opening


@given(seed=st.integers(0, 999), other=st.integers(1000, 1999))
def test_books_of_another_market_say_nothing(seed: int, other: int) -> None:
    votes = count_votes(candles_of(walk(seed, 300), 0), books_of(walk(other, 300), 60, 0), STEP)
    assert not votes.say_opening


def test_books_too_far_apart_say_nothing() -> None:
    price = walk(1, 300)
    assert count_votes(candles_of(price, -STEP), books_of(price, 600, 0), STEP) == Votes(0, 0)


def test_a_price_that_stands_still_has_no_vote() -> None:
    price = np.full(300 * STEP, 10_000_000)
    assert count_votes(candles_of(price, -STEP), books_of(price, 5, 0), STEP) == Votes(0, 0)


@pytest.mark.parametrize(
    ("votes", "opening"),
    [((0, 19), False), ((0, 20), True), ((40, 60), False), ((420, 580), False), ((40, 160), True)],
)
def test_a_few_closes_or_a_slight_lead_are_no_proof(votes: tuple[int, int], opening: bool) -> None:
    assert Votes(*votes).say_opening is opening
