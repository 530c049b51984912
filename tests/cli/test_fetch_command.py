"""`meva replay fetch` against a candle host with the faults that such hosts have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from candle_host import ERROR, HTML, CandleHost, candle_host

from meva_adapters import replay
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_adapters.replay.recording.capture import SETTLE_SECONDS
from meva_cli.commands import fetch

START = 1_767_225_600  # 2026-01-01T00:00:00Z
DAY = ("--from", "2026-01-01", "--to", "2026-01-02T16:00:00Z")  # 2 400 minutes, three pages
MINUTES = 2400


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, meva: Callable[..., Any]) -> Iterator[CandleHost]:
    with candle_host() as running:
        monkeypatch.setenv("BTCTURK_BASE_URL", running.url)
        monkeypatch.setenv("BTCTURK_GRAPH_URL", running.url)
        monkeypatch.setattr(fetch, "wait", lambda seconds: None)
        yield running


@pytest.fixture
def bring(meva: Callable[..., Any], host: CandleHost) -> Callable[..., Any]:
    def call(*arguments: str) -> Any:
        return meva("replay", "fetch", "data", "--symbols", "BATTRY", *(arguments or DAY), "--json")

    return call


def rows(folder: Path) -> list[str]:
    return (folder / "data" / "candles" / "BATTRY.csv").read_text().splitlines()[1:]


def sometimes(at: int) -> bool:
    """Trade in four minutes of five, as if at random."""
    return at // 60 * 7919 % 100 >= 20


@pytest.mark.parametrize(
    ("period", "told"),
    [
        (
            ("--from", "2026-01-02", "--to", "2026-01-01T12:00:00+03:00"),
            "the period ends, 2026-01-01T09:00:00Z, before it begins, 2026-01-02T00:00:00Z",
        ),
        (("--from", "2026-01-02", "--to", "2026-01-02"), "begins and ends at 2026-01-02T00:00:00Z"),
        (("--from", "1960-01-01", "--to", "2026-01-02"), "begins before 1970"),
    ],
)
def test_a_period_that_cannot_be_is_told_with_its_times(
    bring: Callable[..., Any], host: CandleHost, period: tuple[str, ...], told: str
) -> None:
    ended = bring(*period)
    assert (ended.code, host.asked) == (2, [])
    assert told in ended.document["error"]["message"]


def test_minutes_without_trades_are_answered_for_once(bring: Callable[..., Any], host: CandleHost) -> None:
    host.traded = sometimes
    first = bring()
    assert (first.code, first.document["absent"]) == (0, {"BATTRY": MINUTES // 5})
    assert len(host.asked) == 3
    again = bring()
    assert (again.code, again.document["added"]) == (0, {"BATTRY": 0})
    assert len(host.asked) == 3
    assert bring("--again", *DAY).code == 0
    assert len(host.asked) == 6


def test_a_price_with_binary_noise_is_the_one_that_was_meant(
    bring: Callable[..., Any], host: CandleHost, tmp_path: Path
) -> None:
    host.price = lambda at: 6.0229997634888
    assert bring().code == 0
    assert {tuple(row.split(",")[1:5]) for row in rows(tmp_path)} == {("6.023",) * 4}


def test_a_price_that_no_row_can_hold_costs_its_bar_and_is_named(
    bring: Callable[..., Any], host: CandleHost, tmp_path: Path
) -> None:
    host.price = lambda at: 6.0234997634888 if at == START + 600 else 6
    ended = bring()
    assert (ended.code, ended.document["added"], ended.document["faulty"]) == (
        0,
        {"BATTRY": MINUTES - 1},
        {"BATTRY": 1},
    )
    assert ended.document["faults"] == [
        "BATTRY 2026-01-01T00:11:00Z: price: 6.0234997634888 has more than 8 decimal places"
    ]
    assert replay.validate(tmp_path / "data").ok


@pytest.mark.parametrize("body", [ERROR, HTML], ids=["error", "html"])
def test_a_passing_fault_with_a_good_status_passes(
    bring: Callable[..., Any], host: CandleHost, tmp_path: Path, body: str
) -> None:
    host.spoil = lambda page: body if page % 2 else None
    assert bring().code == 0
    assert len(rows(tmp_path)) == MINUTES


@pytest.mark.parametrize(
    ("body", "said"),
    [(ERROR, "the exchange answered 'error': 'internal error'"), (HTML, "not a JSON document")],
    ids=["error", "html"],
)
def test_a_fault_that_stays_is_said_and_what_came_is_kept(
    bring: Callable[..., Any], host: CandleHost, tmp_path: Path, body: str, said: str
) -> None:
    host.spoil = lambda page: body if page > 2 else None
    ended = bring()
    assert ended.code == 1
    assert ended.document["error"]["code"] == "unavailable"
    assert said in ended.document["error"]["message"]
    assert "2000 candles were fetched, and kept" in ended.err
    assert len(rows(tmp_path)) == 2000
    assert replay.validate(tmp_path / "data").ok
    host.spoil = lambda page: None
    assert bring().document["added"] == {"BATTRY": MINUTES - 2000}


def test_bars_that_still_change_are_not_stored(
    bring: Callable[..., Any], host: CandleHost, tmp_path: Path
) -> None:
    host.settles = 180
    before = int(time.time())
    assert bring("--from", iso_stamp((before - 3600) * MICROS)).code == 0
    assert {row.split(",")[5] for row in rows(tmp_path)} == {"50"}
    last = replay.open_dataset(tmp_path / "data").last_ts // MICROS
    assert last <= time.time() - SETTLE_SECONDS
    assert last > before - SETTLE_SECONDS - 60


def test_a_budget_is_waited_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    fetch.wait(0.5)
    fetch.wait(41.2)
    assert slept == [0.5, 41.2]
    assert capsys.readouterr().err == "waiting 41 s: the exchange takes no more calls until then\n"


def test_data_of_no_known_origin_are_not_vouched_for(
    bring: Callable[..., Any], meva: Callable[..., Any], host: CandleHost, tmp_path: Path
) -> None:
    (tmp_path / "data" / "candles").mkdir(parents=True)
    foreign = (
        "ts,open,high,low,close,volume\n2026-01-01T00:01:00Z,1,1,1,1,1\n2026-01-01T00:02:00Z,1,1,1,1,1\n"
    )
    (tmp_path / "data" / "candles" / "BATTRY.csv").write_text(foreign)
    for command in (("fetch",), ("capture", "--seconds", "1")):
        ended = meva("replay", *command, "data", "--symbols", "BATTRY", "--json")
        assert ended.code == 2
        assert "holds data (candles/BATTRY.csv) and no manifest.json" in ended.document["error"]["message"]
        assert "another folder" in ended.document["error"]["action"]
    assert host.asked == []
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["candles"]
    # What the message says is what helps.
    stated = ended.document["error"]["action"].partition("write ")[2].partition(" into")[0]
    (tmp_path / "data" / "manifest.json").write_text(stated.replace("SECONDS", "60"))
    assert bring().document["known"] == {"BATTRY": 2}
