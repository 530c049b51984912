"""What restricts a world in which nothing goes wrong any more: no mode is left of what has passed.

I17  a mode other than NORMAL is of something that stands, and a limit that is passed restricts

The record names what a cycle was restricted by. Whether that stands is told by what is true: the exchange's
orders and balances, the switches as they are, and losses and values at the exchange's own prices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import QUOTE
from meva_adapters.rehearsal.violations import Violated
from meva_core.amounts import E8
from meva_core.modes import Mode
from meva_core.operational.limits import Limits, limits_from
from meva_core.settings import build_settings

_CENT: Final = 10**6
_DAY: Final = 86_400 * SECOND
CAUSES: Final[Mapping[str, tuple[Fault, ...]]] = {
    "K4": (Fault.TWICE,),
    "K5": (Fault.STRAY, Fault.RESTORED),
    "K6": (Fault.TOO_LATE, Fault.LACKS_NEWEST, Fault.LACKS_PAGE, Fault.REFUSED_YET_TAKEN, Fault.FORGOTTEN),
    "K1": (Fault.TOO_LATE, Fault.TWICE, Fault.REFUSED_YET_TAKEN, Fault.BY_HAND, Fault.FLOW_UNLISTED),
    "file_behind_exchange": (Fault.RESTORED,),
}
"""What may have led to an alarm that stays until a person has accepted it. One without its cause is a fault
of ours."""
_ODD_SECONDS: Final = 1800
"""For how long an anomaly restricts at most."""
_STILL_ODD: Final = frozenset({"ORDER_REJECT_SPIKE", "PNL_DIVERGENCE"})
"""Anomalies that there may be where every call is answered at once, and no clock is off."""


def check_causes(of: Rehearsal) -> None:
    """An alarm that ends the process, and that a person has accepted, had its cause."""
    for key in of.seen:
        code = key.removeprefix("accepted_")
        if key.startswith("accepted_K") and not _is_caused(of, code):
            raise Violated("I17", f"alarm {code} was raised, and nothing that leads to it has happened")


def check_mode(of: Rehearsal) -> None:
    """The newest cycle was carried out; whatever restricted it stands, and what had to restrict it did."""
    cycle, status, _ = of.audit.file.newest_cycle()
    said = next(line for line in reversed(of.log) if not line.startswith("ended by"))
    if status != "done" or not said.endswith(" done"):
        raise Violated("I17", f"nothing goes wrong any more, and cycle {cycle} is {status}, the last {said}")
    [row] = of.audit.file.all("SELECT decision_json FROM risk_decisions WHERE decision_id = ?", cycle)
    account, parts = _account(of), json.loads(row["decision_json"])["parts"]
    for part in parts:
        code, about = part["reason"]["code"], part["reason"]["scope"]
        if part["mode"] != Mode.NORMAL.name and not _stands(of, account, part["part"], code, about):
            what = " ".join(filter(None, (part["part"], code, about)))
            raise Violated("I17", f"cycle {cycle} is {part['mode']} by {what}, which does not stand")
    [budget] = [Mode[part["mode"]] for part in parts if part["part"] == "budget"]
    if budget < (least := account.least()):
        raise Violated("I17", f"the budget of cycle {cycle} is {budget.name}, {account} need {least.name}")


# -- Losses and values ------------------------------------------------------------------------------------


@frozen
class _Account:
    """What the book comes to at the exchange's prices, e8 TRY, against what its settings allow. Reckoned by
    itself, it may be a cent off."""

    equity: int
    drawdown: int
    day_loss: int
    values: tuple[int, ...]
    fees: int
    limits: Limits = field(repr=False)

    def __str__(self) -> str:
        """Say what it comes to."""
        lost, held = max(self.drawdown, self.day_loss), sum(self.values)
        return f"{lost} e8 TRY that are lost and {held} that are held"

    def is_lost(self, spare: int = _CENT) -> bool:
        """Whether as much is lost as ends trading."""
        limits = self.limits
        return (
            self.drawdown + spare >= limits.risk_max_drawdown_try
            or self.day_loss + spare >= limits.risk_max_daily_drawdown_try
        )

    def is_exposed(self, spare: int = _CENT) -> bool:
        """Whether more is held than may be, in all or of one symbol."""
        largest, part = max(self.values, default=0), self.limits.risk_max_position_pct
        return sum(self.values) + spare > self.limits.risk_max_gross_exposure_try or (
            largest > 0 and largest + spare > max(0, self.equity) * part // E8
        )

    def is_charged(self) -> bool:
        """Whether fees of the day come to more than they may."""
        most = self.limits.risk_max_fee_try_per_day
        return most is not None and self.fees + _CENT > most

    def least(self) -> Mode:
        """Return how much is restricted at least; fees of what the cycle itself has sent are none of it."""
        if self.is_lost(-_CENT):
            return Mode.OBSERVE_ONLY
        return Mode.REDUCE_RISK_ONLY if self.is_exposed(-_CENT) else Mode.NORMAL


def _account(of: Rehearsal) -> _Account:
    ledger, peaks = of.audit.book().ledger, of.peaks
    pairs = of.truth.pairs
    values = tuple(
        holding.qty * (pairs[name].bid + pairs[name].ask) // (2 * E8)
        for name, holding in ledger.holdings.items()
    )
    equity = ledger.cash + sum(values)
    point = equity - ledger.flows
    today = (one.fee for one in of.truth.fills if one.is_ours and one.ts // _DAY == peaks.day)
    return _Account(
        equity=equity, drawdown=peaks.peak - point, day_loss=peaks.day_open - point, values=values,
        fees=sum(today) // 10**10, limits=limits_from(build_settings(of.world.settings)),
    )  # fmt: skip


# -- What else restricts ----------------------------------------------------------------------------------


def _stands(of: Rehearsal, account: _Account, part: str, code: str, about: str) -> bool:
    """Whether what restricts a cycle is so. A word of which nothing is known here stands never."""
    if part == "degrade":
        return _is_odd(of)
    if code in CAUSES:
        return _is_caused(of, code)
    stands: Mapping[str, Callable[[], bool]] = {
        "KILL_SWITCH": lambda: bool(of.operator.killed()),
        "DRAWDOWN_LIMIT": account.is_lost,
        "EXPOSURE_LIMIT": account.is_exposed,
        "FEE_BUDGET": account.is_charged,
        "absent": lambda: all(order.state.ended for order in of.truth.of_name(about)),
        "balance_unexplained": lambda: _is_lacking(of, about),
        "fills_missing": lambda: _is_incomplete(of, about),
        "strategy_failed": lambda: True,  # whoever wrote it may know
        "observe": lambda: of.machine.observes,
    }
    return code in stands and stands[code]()


def _is_caused(of: Rehearsal, code: str) -> bool:
    return any(of.faults.counts[one] for one in CAUSES.get(code, ()))


def _is_odd(of: Rehearsal) -> bool:
    """Whether something was odd not long ago that may be where every call is answered."""
    since = of.truth.time.now // SECOND - _ODD_SECONDS
    rows = of.audit.file.all("SELECT code, ts FROM anomaly_events WHERE book IS NULL")
    return any(
        row["code"] in _STILL_ODD and datetime.fromisoformat(row["ts"]).timestamp() > since for row in rows
    )


def _is_lacking(of: Rehearsal, asset: str) -> bool:
    """Whether the exchange has less of an asset than the book."""
    ledger, there = of.audit.book().ledger, of.truth.there.get(asset, 0)
    if asset == QUOTE:
        return there // 10**10 < ledger.cash
    return there // 100 < ledger.holding(asset + QUOTE).qty + ledger.foreign.get(asset, 0)


def _is_incomplete(of: Rehearsal, name: str) -> bool:
    """Whether fills of an order are not in the file."""
    booked = {fill.split(":")[0] for fill in of.audit.fills}
    return any(str(fill.number) not in booked for one in of.truth.of_name(name) for fill in one.fills)
