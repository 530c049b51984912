"""What `meva run stage3` and `stage4` say: one line a cycle, one for each alarm, kill and blocked symbol."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from meva_adapters.system import events
from meva_cli.notes import log_only, say
from meva_cli.render import as_text, counted, print_json, print_line
from meva_core.amounts import format_e8, to_decimal
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_history.block_words import BLOCKS

if TYPE_CHECKING:
    from meva_adapters.strategies.listed import AtHand
    from meva_cli.operating.plan import AtWork, Plan
    from meva_core.operating.adopting import Opened
    from meva_core.operating.runner import Told
    from meva_core.settings import Settings

_KURUS: Final = Decimal("0.01")
_SECONDS: Final = re.compile(r"\b[0-9]+(?:\.[0-9]+)? s\b", re.ASCII)
_LOOKS_ON: Final = "; a live run ends after it, and this one goes on looking"


def cycle_told(told: Told) -> dict[str, Any]:
    """Return a cycle as `--json` shows it; amounts are Decimals."""
    found, ran, assessed = told.inputs, told.ran, told.cycle.decisions.assessed
    mode = told.cycle.decisions.mode
    return {
        "book": found.book,
        "stage": f"stage{found.stage}",
        "cycle_id": found.cycle,
        "cycle_ts": datetime.fromtimestamp(found.time, UTC),
        "dry": found.dry,
        "mode": mode.mode.name,
        "bound": None if mode.bound is None else {"part": mode.bound.part, "code": mode.bound.reason.code},
        "symbols": len(found.symbols),
        "fills": len(ran.fills),
        "submitted": ran.submitted + ran.simulated,
        "canceled": ran.canceled,
        "rejected": ran.rejected,
        "unknown": ran.unknown,
        "blocked": ran.blocked + ran.blocked_by_policy,
        "unknown_orders": sum(not order.known for order in found.orders),
        "open_orders": sum(order.rests for order in found.orders),
        "equity_try": to_decimal(assessed.equity),
        "day_result_try": to_decimal(assessed.day_pnl),
        "account_read": told.read.account_read,
        "alarms": [alarm.pair for alarm in told.book.alarms],
        "link": told.link,
    }


def line_of(document: dict[str, Any]) -> str:
    """Return the line of a cycle for people."""
    day = _kurus(document["day_result_try"])
    parts = [
        f"{document['stage']} {document['cycle_id']} {document['mode']}",
        counted(document["symbols"], "symbol"),
        f"fills {document['fills']}",
        f"sent {document['submitted']} canceled {document['canceled']}",
        *([f"rejected {document['rejected']}"] if document["rejected"] else []),
        *([f"blocked {document['blocked']}"] if document["blocked"] else []),
        f"unknown {document['unknown_orders']}",
        f"equity {_kurus(document['equity_try'])} TRY",
        f"day {'+' if not day.startswith('-') else ''}{day}",
    ]
    if not document["account_read"]:
        parts.append("(account not read: equity is of the last read)")
    if document["bound"]:
        parts.append(f"({document['bound']['part']}: {document['bound']['code']})")
    return "  ".join(parts)


@define
class Teller:
    """Tells of cycles as they are done. What stands from one cycle to the next is said when it begins, and
    when it ends."""

    as_json: bool = False
    _alarms: frozenset[str] = frozenset()
    _blocked: dict[str, str] = field(factory=dict)
    _notes: frozenset[str] = frozenset()
    _stood: str = ""
    _shut: tuple[str, ...] = ()

    def tell(self, told: Told) -> None:
        """Tell of a cycle."""
        document = cycle_told(told)
        events.bind(run_id=told.book.run, cycle_id=told.inputs.cycle)
        line = line_of(document)
        self._tell_alarms(told)
        self._tell_blocked(told)
        self._tell_switch(told)
        self._tell_gates(told)
        for outcome in told.executed.outcomes:
            if outcome.text and outcome.verdict.value in ("rejected", "unknown", "blocked"):
                say(events.ORDER_NOT_SENT, f"{outcome.verdict.value}: {outcome.text}", code=outcome.code)
        self._tell_notes(told)
        if told.killed is not None:
            words = f"the kill switch was pulled ({told.killed.level.name.lower()}): {told.killed.reason}"
            say(events.KILLED, words, colour="red", reason=told.killed.reason)
        if told.unmeasured is not None:
            say(events.METRICS_OLD, f"how the cycle ran was not stored: {told.unmeasured}")
        log_only(events.LIVE_CYCLE, line, **_plain(document))
        print_json(document) if self.as_json else print_line(line)

    def _tell_alarms(self, told: Told) -> None:
        open_now = {alarm.pair: alarm for alarm in told.book.alarms}
        new = sorted(open_now.keys() - self._alarms)
        ending = [pair for pair in new if told.inputs.observe and open_now[pair].ends_process]
        for pair in new:
            alarm = open_now[pair]
            numbers = "".join(f", {name} {value}" for name, value in sorted(alarm.numbers.items()))
            words = f"alarm {pair}{numbers}{_LOOKS_ON if pair in ending[:1] else ''}"
            say(events.ALARM, words, colour="red", alarm=str(alarm.code), about=alarm.about)
        for pair in sorted(self._alarms - open_now.keys()):
            is_money = pair.startswith(f"{AlarmCode.BALANCE_UNEXPLAINED}:")
            booked = "; `meva fills --flows` shows what was booked" if is_money else ""
            say(events.ALARM_OVER, f"alarm {pair} has ended{booked}", alarm=pair)
        self._alarms = frozenset(open_now)

    def _tell_switch(self, told: Told) -> None:
        now = "" if told.stood is None else str(told.stood)
        if now and now != self._stood:
            say(events.KILL_STANDS, f"the kill switch is on: {now}", colour="red", reason=now)
        elif self._stood and not now:
            say(events.KILL_LIFTED, "the kill switch is off again")
        self._stood = now

    def _tell_gates(self, told: Told) -> None:
        for shut in told.shut:
            if shut not in self._shut:
                words = f"a gate is shut, and nothing is sent: {shut}"
                say(events.GATE_SHUT, words, colour="red", reason=shut)
        if self._shut and not told.shut:
            say(events.GATES_OPEN, "all gates are open again")
        self._shut = told.shut

    def _tell_blocked(self, told: Told) -> None:
        now = dict(told.inputs.blocked)
        for symbol, why in sorted(now.items()):
            if self._blocked.get(symbol) != why:
                words = BLOCKS[why].why if why in BLOCKS else why
                say(events.SYMBOL_BLOCKED, f"{symbol}: nothing is submitted: {words}", symbol=symbol, why=why)
        for symbol in sorted(self._blocked.keys() - now.keys()):
            say(events.SYMBOL_FREE, f"{symbol}: orders may be submitted again", symbol=symbol)
        self._blocked = now

    def _tell_notes(self, told: Told) -> None:
        """Say what could not be read, unless it could not be in the last cycle either, for the same reason:
        how many seconds something still lasts makes no other one."""
        notes = {_SECONDS.sub("", note): note for note in (*told.read.notes, *told.executed.notes)}
        for reason, note in notes.items():
            if reason not in self._notes:
                say(events.READ_FAILED, note)
        self._notes = frozenset(notes)


def tell_armed(plan: Plan, work: AtWork, settings: Settings) -> None:
    """Say what a run begins with: what is armed, what its caps are, what rests already."""
    from meva_core.live.live_orders import Record, resting

    with work.desk.store.read() as view:
        open_orders = sum(isinstance(one, Record) for one in resting(view, work.desk.owner))
    names = ", ".join(f"{one.id}:{one.weight}" for one in work.strategies.listed) or "none"
    lines = [
        f"{plan.way.value} of stage {plan.stage}, book {work.taken.book.name}, run {work.taken.book.run}"
    ]
    if work.account:
        lines.append(f"account {work.account}")
    lines += [
        f"symbols {', '.join(settings.exchange.symbols)}",
        f"strategies {names}",
        *_without_anchor(work.strategies, settings),
        _caps(plan.stage, settings),
    ]
    if plan.canary is not None:
        lines.append(
            f"canary: {plan.canary.count} BUYs of {as_text(plan.canary.notional_try)} TRY in 24 hours"
        )
    lines.append(f"open orders of ours: {open_orders}")
    for line in lines:
        say(events.LIVE_BEGINS, line)


def _without_anchor(strategies: AtHand, settings: Settings) -> list[str]:
    """Return what a mean reversion does that was given nothing to revert to, where one is listed: it looks
    armed, and would hold what it bought for ever."""
    from meva_core.strategy.built_in import BaselineMeanReversionV1

    does = "buys first positions" if settings.live.stage4_bootstrap_intents else "buys nothing"
    return [
        f"{name} has no anchor: it {does} and never sells; set anchor, a price or closes:SECONDS:N, under "
        f"[strategies.{name}] of meva.toml"
        for name, one in strategies.chosen.items()
        if isinstance(one.strategy, BaselineMeanReversionV1) and not one.strategy.anchor
    ]


def _caps(stage: int, settings: Settings) -> str:
    """Return what a stage keeps to of how much is traded."""
    live, risk = settings.live, settings.risk
    position, order = live.max_position_try_per_symbol, ""
    if stage == 4:  # Stage 3 bounds cycles and positions, and so orders
        position = min(position, live.max_position_notional_try)
        order = f"{as_text(risk.max_order_notional_try)} TRY an order, "
    orders = counted(live.max_orders_per_cycle, "order")
    cycle = f"{as_text(live.notional_cap_try_per_cycle)} TRY and {orders} a cycle"
    in_all = as_text(risk.max_gross_exposure_try)
    return f"caps: {cycle}, {order}{as_text(position)} TRY a symbol, {in_all} TRY in all"


def tell_left(work: AtWork) -> None:
    """Say which of our orders rest still, and the line that cancels them; or that it could not be read.

    That raises nothing: what ends the run is to be told, and its exit code, not what failed after it.
    """
    from meva_core.errors import StoreError
    from meva_core.live.live_orders import Record, resting

    try:
        with work.desk.store.read() as view:
            left = [one for one in resting(view, work.desk.owner) if isinstance(one, Record)]
    except StoreError as error:
        words = f"which of our orders rest still could not be read: {error}"
        say(events.ORDERS_LEFT, f"{words}; `meva orders --open` shows them once it can", order="")
        return
    for one in left:
        asks = f"{one.side.name} {one.qty:f} {one.symbol} at {one.price:f}" if one.asks else "its name alone"
        words = f"open still: {one.label}, {asks}, {one.standing}"
        say(events.ORDERS_LEFT, words, order=one.label)
    if left and work.account:
        say(events.ORDERS_LEFT, '`meva kill --cancel-open --reason "..."` cancels them', order="")


def tell_opening(found: Opened) -> None:
    """Say what a book of an account begins with, and where what was known of it disagrees."""
    book = found.book
    say(events.BOOK_OPENS, f"book {book.name}, run {book.run}: {format_e8(book.ledger.cash)} TRY", account="")
    for symbol, holding in sorted(book.ledger.holdings.items()):
        words = f"  {symbol}: {format_e8(holding.qty)}, cost {format_e8(holding.paid)} TRY"
        say(events.BOOK_OPENS, words, account="")
    for asset, amount in sorted(book.ledger.foreign.items()):
        words = f"  {asset}: {format_e8(amount)} are not the book's: they are left alone"
        say(events.BOOK_OPENS, words, account="")
    for row in found.adoption.disagreements:
        said = ", ".join(f"{name} {value}" for name, value in row.said.items())
        say(events.BOOK_OPENS, f"  {row.about}: {said}; {row.taken} counts", account="")
    if (peak := found.old_peak) is not None:
        when = f" of {peak.date}" if peak.date else ""
        ours = f"the book's begins at its equity, {format_e8(book.figures.peak)} TRY"
        words = f"  the earlier system's peak was {as_text(peak.equity)} TRY{when}; {ours}"
        say(events.BOOK_OPENS, f"{words}: flows since are not known", account="")
    if found.adopted:
        say(
            events.BOOK_OPENS,
            "taken over from the earlier system: the first cycle submits nothing",
            account="",
        )


def _kurus(amount: Decimal) -> str:
    return f"{amount.quantize(_KURUS, ROUND_HALF_EVEN):f}"


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    names = ("stage", "mode", "fills", "submitted", "canceled", "unknown_orders", "equity_try")
    return {
        name: as_text(document[name]) if isinstance(document[name], Decimal) else document[name]
        for name in names
    }
