"""adapt: rollback first, then the rules that tune."""

from __future__ import annotations

import math
from fractions import Fraction

from attrs import define, evolve, field, frozen

from meva_core.modes import Mode
from meva_core.orders import Event
from oracle.account import Account
from oracle.risk import RiskState, fallen_by
from oracle.world import E8, LIMIT, World, bps, e8

BP = Fraction(1, 10_000)


@frozen
class Tuned:
    """The parameters that may change; offset and spread as ratios, amounts in 1e-8."""

    universe_size: int
    order_offset: Fraction
    turnover_cap: int
    max_orders: int
    max_spread: Fraction
    min_volume: int


def own(world: World) -> Tuned:
    """Return the user's own values; counts above a million make no difference."""
    s7, live = world.settings.stage7, world.settings.live
    return Tuned(
        min(s7.universe_size, 10**6),
        bps(s7.order_offset_bps),
        e8(live.notional_cap_try_per_cycle),
        min(live.max_orders_per_cycle, 10**6),
        bps(s7.max_spread_bps),
        e8(s7.min_quote_volume_try),
    )


@define
class Tuner:
    """Versions of the parameters, and what was seen in the last cycles."""

    world: World
    tuned: Tuned
    good: Tuned
    version: int = 0
    last_version: int = 0
    good_version: int = 0
    clean: int = 0
    healthy: int = 0
    throttled: int = 0
    losing: int = 0
    rest: int = 0  # cycles that a restored version still runs untouched
    outcome: str = field(default="", init=False)
    why: frozenset[str] = field(default=frozenset(), init=False)
    became_good: bool = field(default=False, init=False)

    def adapt(
        self,
        account: Account,
        risk: RiskState,
        mode: Mode,
        events: list[dict[str, object]],
        lost: int,
        missing_marks: bool,
    ) -> None:
        """Look at the cycle that has just ended; `lost` is by how much net PnL fell in it."""
        self.outcome, self.why, self.became_good = "", frozenset(), False
        seen = self._look(account, risk, mode, events, lost, missing_marks)
        triggers = seen & {"drawdown", "reject_spike"}
        triggers |= {"throttling"} if self.throttled >= 3 else set()
        triggers |= {"losing"} if self.losing >= 3 else set()
        self._judge(bool(triggers))
        if self.rest > 0:
            self.rest -= 1
        elif triggers and self.version != self.good_version:
            self.tuned, self.version, self.rest = self.good, self.good_version, 5
            self.clean = self.healthy = 0
            self.outcome, self.why = "ROLLED_BACK", frozenset(triggers)
        elif mode is Mode.NORMAL:
            self._tune(seen)

    def _look(
        self,
        account: Account,
        risk: RiskState,
        mode: Mode,
        events: list[dict[str, object]],
        lost: int,
        missing_marks: bool,
    ) -> set[str]:
        s7, equity = self.world.settings.stage7, account.equity()
        rejected = sum(event["kind"] is Event.REJECTED for event in events)
        throttled = any(event["kind"] is Event.THROTTLED for event in events)
        losing = lost > Fraction(equity, 2000)
        near = Fraction(math.floor(Fraction(s7.max_drawdown_pct) * E8 * 4 / 5), E8)
        seen = {
            name
            for name, there in {
                "drawdown": fallen_by(risk.peak, equity, Fraction(s7.max_drawdown_pct)),
                "near_drawdown": fallen_by(risk.peak, equity, near),
                "reject_spike": rejected >= s7.reject_spike_threshold,
                "throttling": throttled,
                "missing_marks": missing_marks,
            }.items()
            if there
        }
        self.throttled = self.throttled + 1 if throttled else 0
        self.losing = self.losing + 1 if losing else 0
        well = mode is Mode.NORMAL and not seen and not rejected and not losing
        self.healthy = self.healthy + 1 if well else 0
        return seen

    def _judge(self, triggered: bool) -> None:
        self.clean = 0 if triggered else self.clean + 1
        if self.clean >= 5 and self.good_version != self.version:
            self.good_version, self.good, self.became_good = self.version, self.tuned, True

    def _tune(self, seen: set[str]) -> None:
        changed: list[str] = []
        theirs = own(self.world)

        def move(why: str, name: str, wanted: object, low: object, high: object) -> None:
            mine = getattr(theirs, name)
            value = min(max(wanted, min(low, mine)), max(high, mine))
            if len(changed) < 3 and value != getattr(self.tuned, name):
                self.tuned = evolve(self.tuned, **{name: value})
                changed.append(why)

        now, least = self.tuned, self._smallest_order()
        if "reject_spike" in seen:
            move("reject_spike", "order_offset", now.order_offset - 2 * BP, 0, 50 * BP)
        if "throttling" in seen:
            move("throttling", "max_orders", now.max_orders - 1, 1, 20)
        if "near_drawdown" in seen:
            move("near_drawdown", "turnover_cap", now.turnover_cap * 95 // 100, least, theirs.turnover_cap)
        if "missing_marks" in seen:
            move("missing_marks", "max_spread", now.max_spread - 10 * BP, 10 * BP, 500 * BP)
            move("missing_marks", "min_volume", now.min_volume + 100 * E8, 0, LIMIT - 1)
        if not seen and self.healthy >= 3:
            move("healthy", "universe_size", now.universe_size + 1, 5, 50)
            move("healthy", "turnover_cap", now.turnover_cap * 105 // 100, least, theirs.turnover_cap)
            self.healthy = 0
        if changed:
            self.last_version += 1
            self.version, self.clean = self.last_version, 0
            self.outcome, self.why = "APPLIED", frozenset(changed)

    def _smallest_order(self) -> int:
        """Return the smallest order of any candidate, but not more than the user's own cap."""
        floor = e8(self.world.settings.live.min_order_notional_try)
        sizes = [
            max(floor, e8(rules.min_notional_try))
            for rules in self.world.rules
            if rules.symbol in self.world.candidates and rules.usable
        ]
        return min([*sizes, own(self.world).turnover_cap])
