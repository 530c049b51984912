"""Markets by which a live run and its replay differ if "the newest row known by then" does in anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from exported_books import FIRST, Live, Meva, equal, live, meva, minutes, recorded
from nightly import every
from played_market import MICROS, Played
from stage7_runs import START

from meva_core.amounts import ABSENT
from meva_core.live_market import BAR60, BOOK, TICKER, Answers, Asking, SeenRow
from meva_core.market import Market
from meva_core.venue import Metadata

__all__ = ["Meva", "equal", "live", "meva", "recorded"]


@attrs.define
class Arriving:
    """The port `LiveMarket`, which shows each row from a second of its own on: `rows` with these seconds.

    As a measure does, it brings of books and tickers the last that came, and of bars all that are newer than
    those known, whenever they came.
    """

    rows: list[tuple[int, SeenRow]]
    pairs: Mapping[str, Mapping[str, Any]]
    now: int = START
    silent: frozenset[int] = frozenset()
    """When nothing answers."""

    def measure(self, asking: Asking) -> Answers:
        """Return what has come by now."""
        came = [row for at, row in self.rows if at <= self.now] if self.now not in self.silent else []
        touches = {(row.kind, row.symbol): row for row in came if row.kind != BAR60}
        bars = [row for row in came if row.kind == BAR60 and row.stamp > asking.bar_since(row.symbol)]
        due = asking.rules_due and self.now not in self.silent
        return Answers(
            time=self.now,
            rows=(*touches.values(), *sorted(bars, key=lambda row: row.stamp)),
            offset=0,
            round_trip=1000,
            learnt=self.now * MICROS,
            metadata=Metadata(self.now * MICROS, self.pairs, b"{}") if due else None,
        )


Change = Callable[[SeenRow], Iterable[tuple[int, SeenRow]]]
"""When a row comes, and as which; it may not come at all."""


def second_of(row: SeenRow) -> int:
    return row.stamp // MICROS


def bars_after_their_minute(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    late = 0 if row.kind != BAR60 else 3 + 40 * (second_of(row) // 60 % 4)
    yield second_of(row) + late, row


def answers_after_the_deadline(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    late = 60 if (second_of(row) // 60 + len(row.kind) + ord(row.symbol[0])) % 3 == 0 else 0
    yield second_of(row) + late, row


def books_stamped_with_their_last_change(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    # Of three minutes one changes the book, and the exchange shows it with that stamp in all.
    if row.kind != BOOK or second_of(row) // 60 % 3 == 0:
        yield second_of(row), row


def stamps_between_seconds(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    moved = row.stamp + (0 if row.kind == BAR60 else 412_345)
    yield second_of(row) + 1, attrs.evolve(row, stamp=moved)


def stamps_ahead_and_back(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    # For ten minutes the exchange's stamps lead by ten seconds: what arrives is still in its future by two
    # at most, as a measure lets pass, and when they go back the rows say nothing later for a while.
    leads = row.kind != BAR60 and FIRST + 300 <= second_of(row) < FIRST + 900
    yield second_of(row) + (8 if leads else 0), attrs.evolve(row, stamp=row.stamp + 10 * MICROS * leads)


def without(kind: str, symbol: str) -> Change:
    def change(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
        if (row.kind, row.symbol) != (kind, symbol):
            yield second_of(row), row

    return change


def nothing_of_one_pair(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    if row.symbol != "XRPTRY":
        yield second_of(row), row


def a_saturated_volume(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    huge = row.kind == TICKER and row.symbol == "ETHTRY" and second_of(row) // 60 % 2
    cells = (*row.cells[:3], "98765432109876543210.12345678") if huge else row.cells[:4]
    yield second_of(row), attrs.evolve(row, cells=cells) if row.kind == TICKER else row


def crossed_and_one_sided_books(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    if row.kind != BOOK:
        yield second_of(row), row
        return
    bid, ask, *sizes = row.cells
    shapes = [
        row.cells,
        (ask, bid, *sizes),
        ("", ask, "", sizes[1]),
        (bid, "", sizes[0], ""),
        ("", "", "", ""),
        (bid, ask, "", ""),
    ]
    yield second_of(row), attrs.evolve(row, cells=shapes[(second_of(row) // 60 + ord(row.symbol[0])) % 6])


def no_history(row: SeenRow) -> Iterable[tuple[int, SeenRow]]:
    if row.kind != BAR60 or second_of(row) > FIRST:
        yield second_of(row), row


MARKETS = {
    "bars after their minute": bars_after_their_minute,
    "answers after the deadline": answers_after_the_deadline,
    "books stamped with their last change": books_stamped_with_their_last_change,
    "stamps between seconds": stamps_between_seconds,
    "stamps ahead and back": stamps_ahead_and_back,
    "a pair without tickers": without(TICKER, "BTCTRY"),
    "a pair without books": without(BOOK, "BTCTRY"),
    "a pair without bars": without(BAR60, "BTCTRY"),
    "a pair of which nothing is known": nothing_of_one_pair,
    "a saturated volume": a_saturated_volume,
    "crossed and one-sided books": crossed_and_one_sided_books,
    "a first cycle without history": no_history,
}


def market_of(recorded: Any, change: Change, **more: Any) -> Arriving:
    rows, pairs = recorded
    arriving = sorted((found for row in rows for found in change(row)), key=lambda found: found[0])
    return Arriving(arriving, pairs, **more)


@pytest.mark.parametrize("name", every(3, [*MARKETS]))
def test_a_live_run_equals_its_replay(name: str, live: Live, recorded: Any, equal: Any) -> None:
    market = market_of(recorded, MARKETS[name])
    first = FIRST + 8 * (name == "stamps ahead and back")
    told = [*live.run(market, minutes(9, first)), *live.run(market, minutes(9, first + 540))]
    [figures] = equal()
    assert figures["cycles"] == 18
    seen = [one.stretch.market for one in told]
    expected = SEEN.get(name)
    assert expected is None or any(expected(market) for market in seen), (
        "the market was as awkward as it says"
    )


SEEN: Mapping[str, Callable[[Market], Any]] = {
    "bars after their minute": lambda market: (market.close_ts < market.time * MICROS - 60 * MICROS).any(),
    "answers after the deadline": lambda market: (market.book_ts < market.time * MICROS).any(),
    "stamps ahead and back": lambda market: (market.book_ts == (market.time + 2) * MICROS).any(),
    "a pair without tickers": lambda market: market.last[0, 0] == ABSENT,
    "a pair without books": lambda market: market.bid[0, 0] == ABSENT,
    "a pair without bars": lambda market: not market.closes[0, 0],
    "a saturated volume": lambda market: market.volume_saturated[0, 1] == 1,
    "crossed and one-sided books": lambda market: (market.bid > market.ask).any(),
    "a first cycle without history": lambda market: (market.closes == 0).all(),
}
"""What shows that a market is what its name says: symbols are in order, BTCTRY and ETHTRY first."""


def test_two_cycles_in_two_seconds(live: Live, recorded: Any, equal: Any) -> None:
    times = [time + more for time in minutes(10) for more in (0, 1, 2, 30)]
    live.run(market_of(recorded, bars_after_their_minute), times)
    assert [figures["cycles"] for figures in equal()] == [40]


def test_a_clock_that_jumps_ahead_and_back(live: Live, recorded: Any, equal: Any) -> None:
    # Ten seconds ahead for a while: when it goes back, cycles are three seconds later than it shows.
    times = [time + (10 if 5 <= at < 10 else 0) for at, time in enumerate(minutes(20))]
    back = [times[9] - 3, times[9] - 1]
    live.run(market_of(recorded, stamps_between_seconds), [*times[:10], *back, *times[10:]])
    [figures] = equal()
    assert figures["cycles"] == 22


def test_cycles_without_an_answer(live: Live, recorded: Any, equal: Any) -> None:
    silent = frozenset(minutes(20)[3:9])
    live.run(market_of(recorded, bars_after_their_minute, silent=silent), minutes(20))
    equal()


def test_a_run_that_no_row_became_known_in(live: Live, recorded: Any, equal: Any) -> None:
    live.run(Played(*recorded, now=START), minutes(5))
    ends = market_of(recorded, lambda row: [(second_of(row), row)] if second_of(row) <= FIRST + 240 else [])
    live.run(ends, minutes(5, FIRST + 300), STAGE7_FEES_BPS="9")
    assert [figures["cycles"] for figures in equal()] == [5, 5]


def test_what_no_cycle_of_a_run_saw_is_not_written(
    live: Live, recorded: Any, equal: Any, tmp_path: Path
) -> None:
    live.run(Played(*recorded, now=START), minutes(30))
    live.run(Played(*recorded, now=START), minutes(3, FIRST + 1800), STAGE7_VOL_LOOKBACK="4")
    equal()
    folder = tmp_path / "out" / live.runs()[1]["run_id"]
    lines = {path.parent.name: path.read_text().splitlines() for path in folder.glob("*/BTCTRY.csv")}
    assert {name: len(found) - 1 for name, found in lines.items()} == {
        "candles": 4 + 3,
        "orderbook": 1 + 3,
        "ticker": 1 + 3,
    }
