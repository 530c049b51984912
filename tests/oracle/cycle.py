"""The chain of one cycle, and a record of everything that it decided."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from meva_core.reasons import Code
from oracle.account import Account
from oracle.market import Measure, Score, candidates, measure, ranking, score
from oracle.planning import Intent, Plan, Planner
from oracle.risk import Assessment, RiskState, assess, deepest_fall
from oracle.tuning import Tuner, own
from oracle.venue import Sizes, Venue, burst
from oracle.wishes import Wishes
from oracle.world import CycleInput, World, bps, e8


class Oracle:
    """A book and its world; `step` runs one cycle and returns what it decided."""

    def __init__(self, world: World) -> None:
        settings = world.settings
        starting = e8(settings.live.dry_run_try_balance)
        self.world = world
        self.account = Account(len(world.symbols), starting, bps(settings.stage7.fees_bps))
        self.risk = RiskState(starting, starting, starting)
        sizes = [Sizes() for _ in world.symbols]
        self.venue = Venue(world, self.account, sizes, burst(world))
        self.tuner = Tuner(world, own(world), own(world))
        self.highest = starting
        self.falls: list[tuple[int, int]] = []
        self.wanted: list[int | None] = [None for _ in world.symbols]

    def go_on_in(self, world: World) -> None:
        """Go on with the same book in a world of the same symbols and other settings."""
        self.world = self.venue.world = world
        self.account.fee_rate = bps(world.settings.stage7.fees_bps)
        self.venue.tokens = min(self.venue.tokens, burst(world))
        self.venue.outdated = True
        self.tuner = Tuner(world, own(world), own(world))

    def step(self, given: CycleInput) -> dict[str, Any]:
        """Run one cycle."""
        account, tuned = self.account, self.tuner.tuned
        before = (self.tuner.version, tuned)
        net_before = self._net()
        account.events, account.fills = [], []
        seen = measure(self.world, account, given)
        self.venue.settle(given, seen)
        settled = (len(account.events), len(account.fills))
        verdict = assess(self.world, account, self.risk, given, seen)
        at_verdict = evolve(self.risk), account.streak
        scores = score(self.world, given, seen, tuned.max_spread, tuned.min_volume)
        order = ranking(scores)
        selected = [i for i in order if scores[i].code is Code.OK][: tuned.universe_size]
        planner = Planner(self.world, account, given, seen, tuned)
        wishes = None
        if self.world.strategy:
            wishes = Wishes(self.wanted, given, scores, planner.investable(), account)
            selected = wishes.select(order, tuned.universe_size)
        plan = planner.plan(verdict, selected, wishes)
        planned = len(account.events)
        intents = planner.build(plan)
        self.venue.execute(given, seen, intents)
        account.orders = account.open_orders()
        self._close_books()
        if self.world.adapt:
            missing = any(seen[i].mark is None for i in candidates(self.world, given))
            lost = net_before - self._net()
            self.tuner.adapt(account, self.risk, plan.mode, account.events[planned:], lost, missing)
        return {
            "measure": self._measured(seen, given),
            "assess": self._assessed(verdict, *at_verdict),
            "select": self._selected(scores, order, selected, wishes),
            "plan": self._planned(plan, given),
            "intents": [self._intent(intent) for intent in intents],
            "settle_events": account.events[: settled[0]],
            "plan_events": account.events[settled[0] : planned],
            "execute_events": account.events[planned:],
            "settle_fills": account.fills[: settled[1]],
            "execute_fills": account.fills[settled[1] :],
            "account": self._accounted(),
            "adapt": self._adapted(*before),
        }

    # -- The books -------------------------------------------------------------------------------------

    def _net(self) -> int:
        account = self.account
        unrealized = sum(account.value(i) - account.cost(i) for i in range(len(self.world.symbols)))
        return account.realized + unrealized - account.fees - account.slippage

    def _close_books(self) -> None:
        equity = self.account.equity()
        assert self.account.starting + self._net() == equity, "the oracle's own books are broken"
        self.risk.last_equity = equity
        self.highest = max(self.highest, equity)
        self.falls.append((self.highest, equity))

    # -- The record ------------------------------------------------------------------------------------

    def _measured(self, seen: list[Measure], given: CycleInput) -> list[dict[str, Any]]:
        account = self.account
        return [
            {
                "mark": one.mark,
                "valuation": account.valuation[i],
                "valuation_age": None
                if account.valuation[i] is None
                else given.time - account.valuation_time[i],
                "book_age": one.book_age,
                "stale": one.stale,
                "two_sided": one.two_sided,
                "skewed": one.skewed,
            }
            for i, one in enumerate(seen)
        ]

    def _assessed(self, verdict: Assessment, risk: RiskState, streak: int) -> dict[str, Any]:
        return {
            "equity": verdict.equity,
            "peak": risk.peak,
            "day_pnl": verdict.day_pnl,
            "streak": streak,
            "feed_age": verdict.feed_age,
            "fresh": verdict.fresh,
            "wide": verdict.wide,
            "volume": verdict.volume,
            "latched": risk.latched,
            "fired": verdict.fired,
            "floor": risk.floor,
            "until": risk.until,
            "verdict": verdict.verdict,
        }

    def _selected(
        self,
        scores: dict[int, Score],
        order: list[int],
        selected: list[int],
        wishes: Wishes | None = None,
    ) -> dict[str, dict[str, Any]]:
        record = {}
        for place, i in enumerate(order):
            one = scores[i]
            full = one.code is Code.OK and i not in selected and (wishes is None or wishes.amounts[i] > 0)
            record[self.world.symbols[i]] = {
                "liquidity": one.liquidity,
                "spread": one.spread,
                "volatility": one.volatility,
                "total": one.total,
                "rank": place,
                "selected": i in selected,
                "code": Code.UNIVERSE_FULL if full else one.code,
            }
        return record

    def _planned(self, plan: Plan, given: CycleInput) -> dict[str, Any]:
        names = ("target", "value", "open_value", "delta", "amount", "code")
        return {
            "mode": plan.mode,
            "base_mode": given.base_mode,
            "override_mode": given.override_mode,
            "rules_mode": plan.rules_mode,
            "strategy_failed": given.strategy_failed,
            "investable": plan.investable,
            "shares": plan.shares,
            "share": plan.share,
            "cap_left": plan.cap_left,
            "cycle_code": plan.cycle_code,
            "symbols": [{name: getattr(entry, name) for name in names} for entry in plan.entries],
        }

    def _intent(self, intent: Intent) -> dict[str, Any]:
        return {
            "symbol": intent.symbol,
            "side": intent.side,
            "code": intent.code,
            "amount": intent.amount,
            "mark": intent.mark,
            "price": intent.price,
            "qty": intent.qty,
            "reserved": intent.reserved,
        }

    def _accounted(self) -> dict[str, Any]:
        account = self.account
        symbols = range(len(self.world.symbols))
        unrealized = sum(account.value(i) - account.cost(i) for i in symbols)
        gross = account.realized + unrealized
        return {
            "cash": account.cash,
            "equity": account.equity(),
            "realized": account.realized,
            "unrealized": unrealized,
            "gross": gross,
            "net": gross - account.fees - account.slippage,
            "fees": account.fees,
            "slippage": account.slippage,
            "turnover": account.turnover,
            "max_drawdown": deepest_fall(self.falls),
            "symbols": [
                {"qty": account.qty(i), "value": account.value(i), "cost": account.cost(i)} for i in symbols
            ],
        }

    def final(self) -> dict[str, Any]:
        """Return what is left for a next cycle."""
        account = self.account
        return {
            "streak": account.streak,
            "tokens": int(self.venue.tokens * 10**6),
            "lots": [[(lot.qty, lot.cost) for lot in lots] for lots in account.lots],
            "orders": [
                (o.time, o.n, o.symbol, o.side, o.limit, o.qty, o.filled, o.met) for o in account.orders
            ],
        }

    def _adapted(self, version: int, tuned: Any) -> dict[str, Any]:
        tuner = self.tuner
        return {
            "version_before": version,
            "version": tuner.version,
            "outcome": tuner.outcome,
            "why": tuner.why,
            "became_good": tuner.became_good,
            "universe_size": tuned.universe_size,
            "order_offset_bps": int(tuned.order_offset * 10**12),
            "turnover_cap_try": tuned.turnover_cap,
            "max_orders": tuned.max_orders,
            "max_spread_bps": int(tuned.max_spread * 10**12),
            "min_volume_try": tuned.min_volume,
        }
