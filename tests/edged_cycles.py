"""Inputs of cycles of Stages 3 and 4 where limits are met exactly, missed by a unit, or passed by one."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from attrs import evolve, frozen
from edged_draws import E8, LEAST, Draw, plain
from operational_cases import CYCLE, TIME
from oracle.operational import FAILED, decided
from oracle.operational.funds import Funds
from oracle.operational.sums import bps, with_fee, worth
from oracle.operational.trouble import shortfall

from meva_core.modes import Mode
from meva_core.operational.inputs import Alarm, BookView, Inputs, Listed, OwnOrder
from meva_core.orders import Side
from meva_core.strategy import Intent, Target
from meva_core.strategy.intents import Purpose


@frozen
class Case:
    """Inputs, and what each strategy answers; `FAILED` for one that raises."""

    inputs: Inputs
    answers: dict[str, Any]


def edged(seed: int) -> Case:
    """Return the case of a seed: mostly with limits at what is decided without them."""
    draw = CaseDraw(seed)
    given = draw.inputs()
    answers = {one.id: draw.answer(given) for one in given.strategies}
    given = draw.tightened(given)
    return Case(draw.sharpened(given, answers) if draw.random.random() < 0.7 else given, answers)


class CaseDraw(Draw):
    """One case in the making, and what strategies answer to it."""

    def inputs(self) -> Inputs:
        one, stage = self.one, self.one(3, 4, 4)
        market = [self.symbol(name) for name in self.names]
        positions = [p for seen in market if self.random.random() < 0.6 for p in self.position(seen)]
        orders = [self.order(seen, n, stage) for seen in market for n in range(one(0, 0, 0, 0, 1, 1, 2))]
        cash = one(0, 15_050_000_000, 900 * E8, 2_500 * E8, *[10_000 * E8] * 3, 100_000 * E8 + 1)
        book = BookView(cash, positions)
        listed = [Listed("says", one(100, 100, 5))]
        if self.random.random() < 0.3:
            listed += [Listed("adds", one(100, 250)), *([Listed("zeta", 0)] if self.rarely() else [])]
        return Inputs(
            book="live",
            stage=stage,
            cycle=CYCLE,
            time=TIME,
            limits=self.limits(),
            dry=self.random.random() < 0.15,
            observe=self.rarely(0.5),
            kill=one("cancels", "all") if self.rarely() else "",
            effective_fee=one(0, 1_250_000_000, 24 * E8, 2_400_000_001),
            symbols=market,
            positions=book,
            balances=self.balances(book),
            orders=orders,
            last_sent=self.last_sent(),
            risk=self.risk(book.equity),
            degrade=self.degrade(),
            signals=self.signals(),
            alarms=[Alarm(one("absent", "K1"), "7", one(*Mode))] if self.rarely() else [],
            recovery=[Alarm("flows_unread", "", one(*Mode))] if self.rarely(0.5) else [],
            blocked={one(*self.names): "looks_like_ours"} if self.rarely() else {},
            strategies=listed,
            memories={"says": '{"asked":7}'},
            wanted={one(*self.names): one(0, 10**6, 5 * E8)} if self.random.random() < 0.3 else {},
            failed={one("says", "adds"): one(1, 2, 3)} if self.rarely() else {},
            marks_are_last=self.rarely(),
        )

    def tightened(self, given: Inputs) -> Inputs:
        """Return the inputs with some limits at, or a unit beside, what they are held against."""
        book, risk, lacks = given.positions, given.risk, shortfall(Funds(given))
        largest = max((position.value for position in book.positions), default=0)
        edges = {
            "risk_max_gross_exposure_try": book.exposure,
            "risk_max_drawdown_try": risk.peak - book.equity,
            "risk_max_daily_drawdown_try": risk.day_open - book.equity,
            "risk_max_position_pct": min(E8, -(-largest * E8 // max(1, book.equity))),
            "max_daily_loss_try": -risk.realized_today,
            "max_drawdown_pct": (risk.percent_peak - book.equity) * 100 * E8 // max(1, risk.percent_peak),
            "risk_max_fee_try_per_day": risk.fees_today,
            "risk_min_cash_try": Funds(given).cash_for_buys - self.one(0, 100 * E8, LEAST),
            "pnl_divergence_try_warn": lacks,
            "pnl_divergence_try_error": lacks,
        }
        found = {
            name: max(1, self.near(edge)) for name, edge in edges.items() if edge > 0 and self.rarely(0.7)
        }
        limits = evolve(given.limits, **found)
        error = max(limits.pnl_divergence_try_error, limits.pnl_divergence_try_warn)
        return evolve(given, limits=evolve(limits, pnl_divergence_try_error=error))

    def sharpened(self, given: Inputs, answers: dict[str, Any]) -> Inputs:
        """Return the inputs with a limit or two at, or a unit beside, what was decided without that."""
        found, funds = decided(given, answers), Funds(given)
        sent = [action for action in found.actions if action.client_id]
        got = [share.allocated for share in found.allocation if share.allocated > 0]
        edges = self.edges_of_shares(funds, got) if got else {}
        if sent:
            action = self.one(*sent)
            edges |= self.edges_of_order(funds, action.symbol, action.price, action.qty)
        counts = {
            "max_orders_per_cycle": max(1, len(sent) - self.one(0, 1, 1)),
            "max_open_orders": sum(order.rests for order in given.orders) + self.one(0, 1),
            "max_open_orders_per_symbol": self.one(1, 2),
            "universe_max_size": max(1, len(found.universe) - self.one(0, 1)),
        }
        some = self.random.sample([*edges], min(len(edges), self.one(1, 1, 2, 3)))
        chosen = {name: max(1, self.near(edges[name])) for name in some}
        chosen |= {name: count for name, count in counts.items() if self.random.random() < 0.15}
        return evolve(given, limits=evolve(given.limits, **chosen))

    def edges_of_shares(self, funds: Funds, got: list[int]) -> dict[str, int]:
        """Return the caps at which all of what was allocated, or some of it, just fits."""
        spent = funds.given.positions.exposure + funds.all_open_buys + sum(got)
        return {
            "notional_cap_try_per_cycle": sum(got[: self.random.randint(1, len(got))]),
            "risk_max_order_notional_try": self.one(*got),
            "try_cash_target": funds.cash_for_buys - with_fee(sum(got), funds.given.effective_fee),
            "risk_max_gross_exposure_try": -(-spent * 10 // 9),
        }

    def edges_of_order(self, funds: Funds, name: str, price: int, qty: int) -> dict[str, int]:
        """Return the limits that an order just keeps."""
        given, notional, position = funds.given, worth(qty, price), funds.held(name)
        after = position.value + funds.open_buys(name) + notional
        equity, fee = max(1, given.positions.equity), given.effective_fee
        edges = {
            "max_position_notional_try": after,
            "max_position_try_per_symbol": after,
            "risk_max_position_pct": min(E8 - 1, after * 10 * E8 // (9 * equity)),
            "min_order_notional_try": notional,
            "risk_max_order_notional_try": notional,
            "notional_cap_try_per_cycle": notional,
            "risk_min_cash_try": funds.cash_for_buys - with_fee(notional, fee),
        }
        if position.cost:
            gain = Fraction(price * position.qty, position.cost * E8) - 1
            edges["min_profit_bps"] = int(gain * 10_000 * E8) - fee - given.limits.slippage_bps_buffer
        return edges

    # -- Answers ---------------------------------------------------------------------------------------

    def answer(self, given: Inputs) -> Any:
        """Return what a strategy answers: nothing, shares by symbol, or orders and values."""
        if self.rarely(0.5):
            return self.one(FAILED, None)
        names = self.random.sample(self.names, self.random.randint(0, len(self.names)))
        if self.random.random() < 0.25:
            shares = {name: self.one(0.0, 0.05, 0.1, 1 / 7, 0.3, float("nan")) for name in names}
            return shares if sum(share for share in shares.values() if share == share) <= 1 else {}
        if self.rarely(3):
            names.append(self.one(*self.names))
        asked = [self.asked(given, name) for name in names]
        if self.rarely():
            asked.append(self.one(Intent("NONETRY", Side.BUY, 150), Target("NONETRY", value_try=150)))
        return asked

    def asked(self, given: Inputs, name: str) -> Intent | Target:
        one, funds = self.one, Funds(given)
        mark, held = funds.market[name].mark or funds.market[name].last or 1, funds.held(name)
        ours = [order for order in given.orders if order.symbol == name]
        if ours and self.random.random() < 0.5:
            return self.much_the_same(one(*ours))
        amount = one(0, 10, 60, 99, 100, 120, 150, 250, 300, 400, 2500, 4000) * E8
        amount = max(0, one(amount, amount, LEAST) + one(0, 0, 1, -1))
        limit = one(None, None, None, mark, max(1, mark * 101 // 100), max(1, mark * 99 // 100), mark + 1)
        price, kind = None if limit is None else plain(limit), self.random.random()
        if kind < 0.2:
            wished = one(amount, held.value, self.near(held.value + LEAST), held.value * 101 // 100)
            return Target(name, value_try=plain(wished))
        if kind < 0.25:
            return Target(name, weight=one(0, 0.1, 0.25))
        if kind < 0.6:
            return Intent(name, Side.BUY, plain(amount), limit=price)
        purpose = one(Purpose.PROFIT, Purpose.REDUCE)
        if purpose is Purpose.PROFIT and held.cost and self.random.random() < 0.5:
            price = plain(max(1, self.near(least_price(funds, name))))
        if kind < 0.8:
            leaves = self.near(max(1, held.value - LEAST))
            return Intent(
                name, Side.SELL, plain(one(amount, held.value, leaves)), limit=price, purpose=purpose
            )
        qty = max(0, one(amount * E8 // mark, held.qty, held.qty - 1, held.qty + 1, held.qty // 4))
        return Intent(name, Side.SELL, qty=plain(qty), limit=price, purpose=purpose)

    def much_the_same(self, order: OwnOrder) -> Intent:
        """Return what an order of ours asks for already, or what is just too far from it for that."""
        one = self.one
        price = max(1, self.near(one(order.price, order.price * 10_000 // one(10_005, 9_995))))
        qty = max(1, self.near(one(order.left, order.left * 100 // one(101, 99))))
        if order.side is Side.SELL:
            return Intent(order.symbol, Side.SELL, qty=plain(qty), limit=plain(price), purpose=Purpose.REDUCE)
        return Intent(order.symbol, Side.BUY, plain(qty * price // E8 + 1), limit=plain(price))


def least_price(funds: Funds, name: str) -> int:
    """Return the lowest price at which a SELL leaves the least profit."""
    held, limits = funds.held(name), funds.given.limits
    rates = funds.given.effective_fee + limits.slippage_bps_buffer + limits.min_profit_bps
    return ceil(Fraction(held.cost * E8, held.qty) * (1 + bps(rates)))
