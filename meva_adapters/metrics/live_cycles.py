"""What a cycle of Stages 3 and 4 came to, read off into meters. Here amounts become floats."""

from __future__ import annotations

from typing import Final

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.cycles import ANSWERED, OUTCOMES, UNANSWERED, begin_live_gauges
from meva_adapters.metrics.meters import Meters
from meva_core.amounts import E8
from meva_core.errors import VenueReason
from meva_core.live_book.alarms import AlarmCode
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Level
from meva_core.operating.runner import Told
from meva_core.operating.steps.replacing import BY_FILL
from meva_core.operating.steps.sending import BELOW_MINIMUM, NO_RULES
from meva_core.operational.because import Cause
from meva_core.operational.draft import blocked_symbols
from meva_core.operational.scene import scene_of
from meva_core.orders import Side
from meva_core.stages.dry_loop import Missed

OTHER: Final = "other"
SENT: Final = ("submitted", "canceled", "rejected", "unknown", "blocked")
"""What an action came to: taken, a cancel that was taken, refused, sent and not heard of, not sent."""
REFUSALS: Final = (*map(str, VenueReason), NO_RULES, BELOW_MINIMUM, BY_FILL)
"""Why an order was refused, by the exchange or by its rules as we know them."""
BUDGET: Final = tuple(
    str(code)
    for code in (
        Cause.KILL_SWITCH, Cause.DRAWDOWN_LIMIT, Cause.EXPOSURE_LIMIT, Cause.FEE_BUDGET, Cause.MARK_UNKNOWN,
    )
)  # fmt: skip
"""The rules of the risk budget: of several that are breached the first is told."""
LEVELS: Final = tuple(level.name.lower() for level in Level if level is not Level.NONE)
STEPS: Final = {
    "measure": "measure", "settle": "settle", "fills": "fills", "balances": "balances", "assess": "assess",
    "decide": "decide", "execute": "execute", "record": "store",
}  # fmt: skip
"""The steps of a cycle, by what they are called as parts: what is the same in all stages has one name."""
UNTOLD: Final = "untold"
"""Whether a fill rested or took: the exchange does not say."""


class LiveCycleMeters:
    """Tells the cycles of one book."""

    def __init__(self, meters: Meters, stage: str) -> None:
        self._meters = meters
        self._stage = stage
        self._begin()

    def _begin(self) -> None:
        """Let all that is counted begin with 0: an increase from nothing would not be seen."""
        meters = self._meters
        for outcome in OUTCOMES:
            meters.add(v.CYCLES, 0, outcome=outcome)
        for why in Missed:
            meters.add(v.MISSED, 0, reason=why)
        for outcome in SENT:
            meters.add(v.ORDERS, 0, outcome=outcome)
        for reason in REFUSALS:
            meters.add(v.REJECTS, 0, reason=reason)
        for side in Side:
            meters.add(v.TURNOVER, 0, side=side.name)
            meters.add(v.FILLS, 0, side=side.name, liquidity=UNTOLD)
        meters.add(v.FEES, 0)
        meters.add(v.STRATEGY_FAILURES, 0)
        meters.set(v.UNKNOWN_ORDERS, 0)
        begin_live_gauges(meters)

    def missed(self, why: Missed, points: int) -> None:
        """Count points of time without a cycle."""
        self._meters.add(v.MISSED, points, reason=why)

    def tell(self, told: Told) -> None:
        """Tell a cycle that is stored."""
        meters, inputs = self._meters, told.inputs
        meters.add(v.CYCLES, outcome=ANSWERED if told.read.account_read else UNANSWERED)
        meters.set(v.LAST_CYCLE, inputs.time)
        meters.only(v.RUN, stage=self._stage, run_id=told.book.run)
        meters.add(v.STRATEGY_FAILURES, len(inputs.failures))
        for step, milliseconds in told.ran.step_ms.items():
            meters.observe(v.CYCLE_SECONDS, milliseconds / 1000, part=STEPS[step])
        self._tell_risk(told)
        self._tell_money(told)
        self._tell_orders(told)

    # -- The parts of a cycle -----------------------------------------------------------------------------

    def _tell_risk(self, told: Told) -> None:
        meters, found = self._meters, told.cycle.decisions
        meters.choose(v.MODE, "mode", found.mode.mode.name, (mode.name for mode in Mode))
        for code in BUDGET:
            meters.set(v.RULES_FIRED, code == found.budget.reason.code, rule=code)
        switch = "" if told.killed is None else told.killed.level.name.lower()
        for level in LEVELS:
            meters.set(v.KILL_SWITCH, level in (switch, told.inputs.kill), level=level)
        codes = [alarm.code for alarm in told.book.alarms]
        for code in AlarmCode:
            meters.set(v.ALARMS, codes.count(code), code=code)
        meters.set(v.BLOCKED, len(blocked_symbols(scene_of(told.inputs))))

    def _tell_money(self, told: Told) -> None:
        meters, ledger, marks = self._meters, told.book.ledger, told.read.marks
        found, peak = told.cycle.decisions.assessed, told.inputs.risk.peak
        meters.set(v.EQUITY, found.equity / E8)
        meters.set(v.CASH, ledger.cash / E8)
        meters.set(v.DAY_PNL, found.day_pnl / E8)
        meters.set(v.NET_PNL, ledger.net(marks) / E8)
        cost = sum(holding.cost for holding in ledger.holdings.values())
        meters.set(v.UNREALIZED_PNL, (ledger.values(marks) - cost) / E8)
        meters.set(v.DRAWDOWN, found.drawdown / peak if peak > 0 else 0.0)
        meters.set(v.POSITIONS, sum(holding.qty > 0 for holding in ledger.holdings.values()))

    def _tell_orders(self, told: Told) -> None:
        meters, ran = self._meters, told.ran
        counts = (
            ran.submitted + ran.simulated, ran.canceled, ran.rejected, ran.unknown,
            ran.blocked + ran.blocked_by_policy,
        )  # fmt: skip
        for outcome, count in zip(SENT, counts, strict=True):
            meters.add(v.ORDERS, count, outcome=outcome)
        for reason, count in ran.rejects.items():
            meters.add(v.REJECTS, count, reason=reason if reason in REFUSALS else OTHER)
        for one in ran.fills:
            side = one.fill.side.name
            meters.add(v.FILLS, side=side, liquidity=UNTOLD)
            meters.add(v.TURNOVER, one.posting.notional / E8, side=side)
            meters.add(v.FEES, one.posting.fee / E8)
        orders = told.inputs.orders
        meters.set(v.OPEN_ORDERS, sum(order.rests for order in orders) + counts[0])
        meters.set(v.UNKNOWN_ORDERS, sum(not order.known for order in orders) + ran.unknown)
