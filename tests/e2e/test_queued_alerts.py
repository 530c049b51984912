"""What people are told of a book on the live market: queued with its cycles, by any process the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from played_market import Played
from stage7_runs import START
from stage7_runs import rows_of as stored
from test_dry_loop import HandPace, Watched, _failing, watched
from test_dry_run import BOOK, db, new_book, no_wait, proved, recorded, session, settings_of

from meva_adapters.sql import SqlStore, ensure, writer
from meva_core.alerts.herald import Herald
from meva_core.alerts.message import Alert
from meva_core.errors import LeaseLost, StoreBusy, Unavailable, VenueReason
from meva_core.stages.dry_run import DryRun

__all__ = ["db", "recorded"]
FIRST = START + 1800
RECEIVERS = ("JSON 127.0.0.1:1", "Telegram")
ROWS = (
    "SELECT book, run_id, ts, kind, text, key, sent_at, attempts, next_at, lost "
    "FROM stage7_alerts ORDER BY id"
)
STRICT = {
    "STAGE7_MAX_DAILY_LOSS_TRY": "40",
    "STAGE7_RISK_COOLDOWN_SEC": "240",
    "STAGE7_MAX_DATA_AGE_SEC": "90",
}


@define
class Heard:
    """A herald, and what it sent past the queue; `grown` counts how often the queue did."""

    herald: Herald
    straight: list[Alert] = field(factory=list)
    grown: int = 0


def heard(
    dry: DryRun, store: SqlStore, receivers: Sequence[str] = RECEIVERS, hour: int | None = None
) -> Heard:
    found = Heard(Herald(store, dry.hold, BOOK, receivers, lambda one: None, lambda: None, hour))
    found.herald.straight = found.straight.append

    def grew() -> None:
        found.grown += 1

    found.herald.queued = grew
    dry.outbox = found.herald
    return found


def run_cycles(
    store: SqlStore, market: Played, times: Sequence[int], hour: int | None = None, **more: str
) -> None:
    """Run cycles as one process; the market is silent in every seventh minute."""
    dry = session(store, market, settings_of(**{**STRICT, **more}))
    found = heard(dry, store, hour=hour)
    for market.now in times:
        market.fails = market.now // 60 % 7 == 0
        told = dry.cycle(20, market.now, no_wait)
        assert told is not None
        found.herald.stored(told)


def with_alerts(
    dry: DryRun, pace: HandPace, interval: int, store: SqlStore, **more: Any
) -> tuple[Watched, Heard]:
    """Return a loop whose herald hears of its troubles."""
    found = heard(dry, store)
    going = watched(dry, pace, interval, **more)
    tell = going.loop.tell

    def tell_both(told: Any) -> None:
        tell(told)
        found.herald.stored(told.time)

    going.loop.tell = tell_both
    going.loop.trouble = found.herald.trouble
    return going, found


def keys(path: Path) -> list[str]:
    """What was queued for the first receiver, in order."""
    return [row["key"].partition(" @")[0] for row in stored(path, ROWS) if row["key"].endswith(RECEIVERS[0])]


def test_one_process_and_one_for_each_cycle_queue_the_same(db: Path, tmp_path: Path, recorded: Any) -> None:
    times, other = range(FIRST, FIRST + 60 * 20, 60), tmp_path / "other.db"
    ensure(other)
    for path, sessions in ((db, [times]), (other, [[at] for at in times])):
        with writer(path, durable=False) as store:
            new_book(store, settings_of(**STRICT))
            for part in sessions:
                run_cycles(store, Played(*recorded, now=START), part)
    found = stored(db, ROWS)
    assert found == stored(other, ROWS)
    told = keys(db)
    assert {"no_answer=on", "no_answer=over", "cooldown_enforced=on"} <= set(told)
    assert any(key.startswith("mode=") and key != "mode=NORMAL" for key in told)
    assert len(found) == 2 * len(told)
    assert {row["key"].partition(" @")[2] for row in found} == set(RECEIVERS)
    [run] = stored(db, "SELECT run_id, fingerprint FROM stage7_runs")
    assert proved(db, run["run_id"]) == run["fingerprint"]


def test_an_alert_says_what_was_measured_when_and_under_which_id(db: Path, recorded: Any) -> None:
    with writer(db, durable=False) as store:
        new_book(store, settings_of(**STRICT))
        run_cycles(store, Played(*recorded, now=START), range(FIRST, FIRST + 60 * 20, 60))
    found = stored(db, ROWS)
    breaches = [each for each in found if each["key"].startswith("daily_loss_breach=on")]
    row = breaches[0]
    title, words, last = row["text"].splitlines()
    assert (row["kind"], title) == ("risk", "Meva, book main: daily loss breach")
    assert words.startswith("today's loss is ")
    assert words.endswith("the limit is 40 TRY")
    assert last.startswith(f"{row['ts'][:10]} {row['ts'][11:19]} UTC, equity ")
    same = [each for each in breaches if each["ts"] == row["ts"]]
    assert len(same) == 2
    assert len({each["text"] for each in same}) == 1
    ids = {each["text"].rpartition("alert ")[2] for each in found}
    assert len(ids) == len(found) // 2


def test_alerts_are_stored_with_their_cycle_or_not_at_all(db: Path, recorded: Any) -> None:
    with writer(db, durable=False) as store:
        new_book(store, settings_of(**STRICT))
        market = Played(*recorded, now=FIRST, fails=False)
        dry = session(store, market, settings_of(**STRICT))
        pace = HandPace(market)
        dry.hold = _failing(lambda: StoreBusy("the database is busy"), [0, 3])
        going, found = with_alerts(dry, pace, 60, store, cycles=1)
        going.loop.run()
        market.fails, going.loop.cycles = True, 2
        going.loop.run()
    assert [(one.kind, one.state) for one in found.straight] == [("database", "on"), ("database", "over")]
    assert found.straight[0].text.splitlines()[:2] == ["Meva, book main: database", "the database is busy"]
    assert found.grown == 1  # the first cycle had none
    assert keys(db).count("no_answer=on") == 1
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 2
    proved(db, run["run_id"])


def test_a_clock_behind_the_book_is_queued_without_a_cycle_and_is_over_with_the_next(
    db: Path, recorded: Any
) -> None:
    market = Played(*recorded, now=FIRST)
    with writer(db, durable=False) as store:
        new_book(store, settings_of())
        pace = HandPace(market)
        going, found = with_alerts(session(store, market, settings_of()), pace, 60, store, cycles=1)
        going.loop.run()
        market.now -= 100
        with pytest.raises(Unavailable) as behind:
            session(store, market, settings_of()).measure(20, int(pace.now), no_wait)
        for _ in range(2):  # another process finds it told
            single = heard(session(store, market, settings_of()), store)
            single.herald.begin(FIRST + 60)
            single.herald.trouble(behind.value, int(pace.now))
        assert keys(db) == ["clock_behind=on"]
        going.loop.cycles, market.now = 2, FIRST
        pace.behind = 0
        later, _ = with_alerts(session(store, market, settings_of()), pace, 60, store, cycles=1)
        later.loop.run()
    assert keys(db) == ["clock_behind=on", "clock_behind=over"]
    rows = stored(db, ROWS)
    assert [row["run_id"] is None for row in rows] == [True, True, False, False]
    assert (found.straight, single.straight) == ([], [])


def test_what_cannot_be_queued_goes_straight(db: Path, recorded: Any) -> None:
    market = Played(*recorded, now=FIRST)

    def lost(work: Any, last: int | None) -> None:
        raise LeaseLost("another process has it")

    with writer(db, durable=False) as store:
        new_book(store, settings_of())
        dry = session(store, market, settings_of())
        dry.hold = lost
        found = heard(dry, store)
        error = Unavailable("no answer", reason=VenueReason.CLOCK)
        found.herald.trouble(error, FIRST)
        found.herald.trouble(error, FIRST + 60)
        found.herald.halted(LeaseLost("another process has it"), FIRST + 61)
    kinds = [(str(one.kind), one.about) for one in found.straight]
    assert kinds == [("clock", "exchange_time"), ("lease", "lease_lost"), ("halt", "no_more_cycles")]
    assert stored(db, ROWS) == []


def test_what_the_measure_lacked_is_told(db: Path, recorded: Any) -> None:
    @define
    class Limited:
        """A market that refuses some calls, and whose time cannot be asked."""

        market: Played

        def measure(self, asking: Any) -> Any:
            failures = {"book:rate_limited": 3, "ticker:rate_limited": 1, "bars:unreachable": 2}
            return evolve(self.market.measure(asking), failures=failures, offset_is_old=True)

    with writer(db, durable=False) as store:
        new_book(store, settings_of())
        market = Played(*recorded, now=FIRST)
        dry = session(store, market, settings_of())
        dry.market = Limited(market)
        heard(dry, store, RECEIVERS[:1])
        assert dry.cycle(20, FIRST, no_wait) is not None
    assert keys(db) == ["exchange_time=on", "too_many_calls=on"]
    assert "(429): book, ticker" in stored(db, ROWS)[1]["text"]


@pytest.mark.parametrize("hour", [0, 9])
def test_a_day_is_summed_up_by_the_first_cycle_after_its_end(db: Path, recorded: Any, hour: int) -> None:
    market = Played(*recorded, now=START)
    end = START + 86_400 + hour * 3600
    # It begins within the day that ends, or before it.
    times = [*range(FIRST, FIRST + 60 * 12, 60), end - 3600, end - 60, end, end + 60]
    with writer(db, durable=False) as store:
        new_book(store, settings_of())
        more = {"STAGE7_MAX_DAILY_LOSS_TRY": "60000", "STAGE7_MAX_DATA_AGE_SEC": "500000"}
        run_cycles(store, market, times[:9], hour, **more)
        run_cycles(store, market, times[9:], hour, **more, STAGE7_FEES_BPS="20")  # another run
    found = [row for row in stored(db, ROWS) if row["kind"] == "summary"]
    assert [row["key"].partition(" @")[0] for row in found[::2]] == _ends(end, hour)
    text = found[-1]["text"].splitlines()
    cycles = stored(
        db,
        "SELECT ts, equity_try, fees_try, oms_submitted_count AS orders, fills_written_count AS fills "
        "FROM stage7_run_metrics WHERE ts >= ? AND ts < ? ORDER BY ts",
        _text(end - 86_400), _text(end),
    )  # fmt: skip
    before = stored(
        db, "SELECT equity_try, fees_try FROM stage7_run_metrics WHERE ts < ? ORDER BY ts DESC LIMIT 1",
        _text(end - 86_400),
    )  # fmt: skip
    [began] = before or [{"equity_try": "1000000", "fees_try": "0"}]
    gained = Decimal(cycles[-1]["equity_try"]) - Decimal(began["equity_try"])
    fees = Decimal(cycles[-1]["fees_try"]) - Decimal(began["fees_try"])
    assert text[0].startswith(f"Meva, book main: {'+' if gained >= 0 else ''}{gained} TRY (")
    orders, fills = (sum(row[name] for row in cycles) for name in ("orders", "fills"))
    assert text[3] == f"{orders} orders, {fills} fills, fees {fees:f} TRY"
    assert text[4].startswith(f"{len(cycles)} cycles: ")


def _ends(end: int, hour: int) -> list[str]:
    days = [end] if hour == 0 else [end - 86_400, end]
    return [f"day={datetime.fromtimestamp(day, UTC):%Y-%m-%dT%H}" for day in days]


def _text(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds")
