"""All that a decision follows from, out of what the steps before it learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, field, frozen

from meva_core.ids import cycle_id
from meva_core.live.booking import units
from meva_core.live.standing import MAY_REST
from meva_core.live_book.balances import gaps, missing
from meva_core.live_book.book import LiveBook
from meva_core.live_book.own_orders import OwnOrder
from meva_core.modes import Mode
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.file import Meant
from meva_core.operating.steps.measuring import Measured
from meva_core.operational import inputs as given
from meva_core.operational.effective_fee import effective_fee
from meva_core.operational.limits import Limits
from meva_core.venue import Balance

_UP: Final = "ROUND_CEILING"
_DOWN: Final = "ROUND_FLOOR"
RESTING: Final = "min_notional_violation"
"""Why nothing is submitted in a symbol: the exchange refused an order there as below its minimum."""


@frozen(kw_only=True)
class Run:
    """What a run of cycles is started with. `taker_fee` is the setting, in bps, e8; `bars` are those that
    strategies have to see, the newest so many of so many seconds. With `by_last` marks are last prices.
    Fills are asked for again over `lookback_minutes`."""

    stage: int
    limits: Limits
    taker_fee: int
    strategies: tuple[given.Listed, ...] = ()
    bars: Mapping[int, int] = field(factory=dict)
    dry: bool = False
    observe: bool = False
    by_last: bool = False
    lookback_minutes: int = 30


@frozen(kw_only=True)
class Learnt:
    """What the steps before a decision learnt. `balances` is None where they could not be read."""

    measured: Measured
    orders: Sequence[OwnOrder]
    meant: Mapping[str, Meant]
    last_sent: Sequence[given.Sent]
    balances: Mapping[str, Balance] | None
    recovery: Sequence[given.Alarm]
    blocked: Mapping[str, str]
    stalls: Mapping[str, int]
    looked: bool
    skew_ms: int = 0
    slowest_call_ms: int | None = None


def inputs_of(run: Run, book: LiveBook, before: Carried, learnt: Learnt, kill: str = "") -> given.Inputs:
    """Return the inputs of a cycle; `book` is as it stands after step 5."""
    measured, ledger = learnt.measured, book.ledger
    resting = dict.fromkeys((name for name, left in before.resting.items() if left > 0), RESTING)
    alarmed = {alarm.blocks: str(alarm.code) for alarm in book.alarms if alarm.blocks is not None}
    charged = [(one.notional, one.fee) for one in ledger.charged]
    return given.Inputs(
        book=book.name,
        stage=run.stage,
        cycle=cycle_id(book.run, measured.time),
        time=measured.time,
        dry=run.dry,
        observe=run.observe,
        kill=kill,
        limits=run.limits,
        effective_fee=effective_fee(run.taker_fee, charged),
        symbols=measured.symbols,
        positions=_positions(book, measured.valuations),
        balances=_balances(book, learnt.balances),
        orders=tuple(_order(order, learnt.meant) for order in learnt.orders if _is_open(order)),
        last_sent=tuple(learnt.last_sent),
        risk=_risk(book, before.risk),
        degrade=before.degrade,
        signals=given.Signals(
            slowest_call_ms=learnt.slowest_call_ms,
            refusals=before.refusals,
            stalls=learnt.stalls,
            skew_ms=learnt.skew_ms,
            shortfalls=missing(book, measured.time * given.MICROS),
            looked=learnt.looked,
        ),
        alarms=tuple(given.Alarm(str(one.code), one.about, one.mode) for one in book.alarms),
        recovery=tuple(alarm for alarm in learnt.recovery if alarm.mode > Mode.NORMAL),
        blocked={**resting, **alarmed, **learnt.blocked},
        strategies=run.strategies,
        before=before.before(run.strategies),
        memories=before.memories_for(run.strategies, book.memories),
        wanted=before.wanted_by(run.strategies, book.wanted),
        failed=before.failed,
        bars=measured.bars,
        marks_are_last=run.by_last,
    )


def _positions(book: LiveBook, marks: Mapping[str, int]) -> given.BookView:
    held = (
        given.Position(symbol, one.qty, one.paid, one.value(marks.get(symbol)))
        for symbol, one in book.ledger.holdings.items()
        if one.qty
    )
    return given.BookView(book.ledger.cash, tuple(held))


def _balances(book: LiveBook, balances: Mapping[str, Balance] | None) -> given.Balances:
    """Return what may be used of each asset: nothing of one that makes no sense or was not shown."""
    if balances is None:
        return given.Balances()
    free = {
        asset: units(balance.free, _DOWN) if balance.is_sound else 0
        for asset, balance in sorted(balances.items())
    }
    return given.Balances(free, gaps(book, balances))


def _is_open(order: OwnOrder) -> bool:
    """Whether an order may rest, or has fills that are not booked."""
    return order.standing in MAY_REST or order.left > 0


def _order(order: OwnOrder, meant: Mapping[str, Meant]) -> given.OwnOrder:
    why = meant.get(order.label, Meant())
    return given.OwnOrder(
        client_id=order.label,
        exchange_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        price=units(order.price),
        qty=units(order.qty),
        left=units(order.left, _UP),
        standing=str(order.standing),
        created=order.created,
        decision_mark=order.mark,
        purpose=why.purpose,
        strategy=why.strategy,
    )


def _risk(book: LiveBook, before: given.RiskState | None) -> given.RiskState:
    """Return what equity is measured against, with what the last decision remembers of its limits."""
    figures = book.figures
    today = book.ledger.day(figures.day)
    now = given.RiskState(
        peak=figures.peak,
        percent_peak=figures.peak_percent,
        day=figures.day,
        day_open=figures.day_open,
        fees_today=today.fees,
        realized_today=today.realized,
    )
    if before is None:
        return now
    return evolve(
        now,
        breached=before.breached,
        breached_day=before.breached_day,
        killed_day=before.killed_day,
        killed_at_peak=before.killed_at_peak,
    )
