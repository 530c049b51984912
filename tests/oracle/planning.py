"""plan and build: targets, what stops them, and the orders that remain."""

from __future__ import annotations

import math
from fractions import Fraction

from attrs import Factory, define, frozen

from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import FillModel, InvalidRules
from oracle.account import Account
from oracle.market import Measure
from oracle.risk import Assessment
from oracle.tuning import Tuned
from oracle.wishes import Wishes
from oracle.world import E8, LIMIT, CycleInput, World, bps, e8, is_amount


@define
class Entry:
    """What the plan says of one symbol."""

    target: int
    value: int
    open_value: int
    delta: int
    amount: int
    code: Code
    whole: bool = False

    @property
    def side(self) -> Side:
        return Side.BUY if self.delta > 0 else Side.SELL


@define
class Plan:
    """The plan of one cycle; `queue` holds the symbols for which orders are built, in order."""

    mode: Mode
    rules_mode: Mode
    investable: int = 0
    shares: int = 0
    share: int = 0
    cap_left: int = 0
    cycle_code: Code = Code.OK
    entries: list[Entry] = Factory(list)
    queue: list[int] = Factory(list)


@frozen
class Intent:
    """An order to be, or why it is not to be."""

    symbol: int
    side: Side
    code: Code
    amount: int
    mark: int
    price: int | None
    qty: int
    reserved: int


class Planner:
    """One cycle's view of everything that plan and build read."""

    def __init__(
        self, world: World, account: Account, given: CycleInput, seen: list[Measure], tuned: Tuned
    ) -> None:
        self.world, self.account, self.given, self.seen, self.tuned = world, account, given, seen, tuned
        self.s7, self.live = world.settings.stage7, world.settings.live
        self.own_minimum = e8(self.live.min_order_notional_try)

    # -- plan ------------------------------------------------------------------------------------------

    def plan(self, verdict: Assessment, selected: list[int], wishes: Wishes | None = None) -> Plan:
        """Plan the cycle; `selected` in the order of their ranks, by a strategy's wishes if there is one."""
        self.wishes = wishes
        account, count = self.account, len(self.world.symbols)
        rules_mode = Mode.NORMAL
        if self.s7.rules_invalid_metadata_policy is InvalidRules.OBSERVE_ONLY_CYCLE and any(
            not self.rules(i).usable and (i in selected or account.held(i)) for i in range(count)
        ):
            rules_mode = Mode.OBSERVE_ONLY
        failed = self.given.strategy_failed
        of_strategy = Mode.OBSERVE_ONLY if failed >= 3 else Mode.REDUCE_RISK_ONLY if failed else Mode.NORMAL
        mode = max(verdict.verdict, self.given.base_mode, self.given.override_mode, rules_mode, of_strategy)
        plan = Plan(mode, rules_mode)
        if mode > Mode.NORMAL:
            code = Code.OBSERVE_ONLY if mode is Mode.OBSERVE_ONLY else Code.MODE_REDUCE_RISK_ONLY
            for order in account.open_orders(side=Side.BUY):
                account.cancel(order, code)
        targets = self._targets(plan, selected) if wishes is None else self._wished(plan, selected, wishes)
        for i in range(count):
            value, open_value = account.value(i), self._open_value(i)
            if self.given.strategy_failed:
                targets[i] = value + open_value
            delta = targets[i] - value - open_value
            plan.entries.append(Entry(targets[i], value, open_value, delta, abs(delta), Code.OK))
        for i, entry in enumerate(plan.entries):
            entry.code = self._examine(i, entry, mode, i in selected)
        plan.queue = sorted(
            (i for i, entry in enumerate(plan.entries) if entry.code is Code.OK),
            key=lambda i: (plan.entries[i].side is Side.BUY, -plan.entries[i].amount, i),
        )
        if mode is Mode.REDUCE_RISK_ONLY and not plan.queue:
            plan.cycle_code = Code.NOTHING_TO_REDUCE
        self._allocate(plan)
        return plan

    def rules(self, i: int) -> SymbolRules:
        return self.world.rules[i]

    def minimum(self, i: int) -> int:
        own = self.rules(i).min_notional_try
        return max(self.own_minimum, 0 if own is None else e8(own))

    def _open_value(self, i: int) -> int:
        mark, total = self.account.valuation[i], 0
        for order in self.account.open_orders(i):
            value = round(Fraction(order.rest * mark, E8))
            total += value if order.side is Side.BUY else -value
        return total

    def investable(self) -> int:
        equity = min(self.account.equity(), LIMIT - 1)
        cash_target = e8(min(self.live.try_cash_target, self.live.try_cash_max))
        return math.floor(max(0, equity - cash_target) / (1 + bps(self.s7.fees_bps)))

    def _wished(self, plan: Plan, selected: list[int], wishes: Wishes) -> list[int]:
        """Return what a strategy wishes for, as far as lists, filters and the largest position allow."""
        plan.investable, plan.shares = self.investable(), len(selected)
        targets = []
        for i, wish in enumerate(wishes.amounts):
            target = min(wish, e8(self.live.max_position_notional_try))
            if wishes.code(i) in (Code.NOT_A_CANDIDATE, Code.UNIVERSE_FULL):
                target = 0
            elif wishes.is_refused(i):
                buys = self.account.open_orders(i, Side.BUY)
                mark = self.account.valuation[i] or 0
                here = self.account.value(i) + sum(round(Fraction(o.rest * mark, E8)) for o in buys)
                target = min(target, here)
            targets.append(target)
        return targets

    def _of_wish(self, i: int, entry: Entry, wishes: Wishes) -> Code:
        if self.given.strategy_failed:
            return Code.NO_OPINION
        if not self.account.held(i):
            if entry.target == 0 and wishes.nothing_said(i):
                return Code.NO_OPINION
            if 0 < entry.target < self.minimum(i):
                return Code.SHARE_BELOW_MINIMUM
        elif entry.delta == 0 and wishes.is_refused(i) and entry.target < wishes.amounts[i]:
            return wishes.code(i)
        return Code.OK

    def _targets(self, plan: Plan, selected: list[int]) -> list[int]:
        plan.investable = self.investable()
        for n in range(1, len(selected) + 1):
            if all(plan.investable // n >= self.minimum(i) for i in selected[:n]):
                plan.shares = n
        if plan.shares:
            plan.share = min(plan.investable // plan.shares, e8(self.live.max_position_notional_try))
        with_share = selected[: plan.shares]
        return [plan.share if i in with_share else 0 for i in range(len(self.world.symbols))]

    def _examine(self, i: int, entry: Entry, mode: Mode, selected: bool) -> Code:
        account, seen = self.account, self.seen[i]
        if self.wishes is not None and (code := self._of_wish(i, entry, self.wishes)) is not Code.OK:
            return code
        if entry.target == 0 and not account.held(i):
            return Code.SHARE_BELOW_MINIMUM if selected else Code.NOT_SELECTED
        if entry.delta == 0:
            return Code.ON_TARGET
        if self._within_band(i, entry):
            return Code.WITHIN_BAND
        if mode is Mode.OBSERVE_ONLY:
            return Code.OBSERVE_ONLY
        if mode is Mode.REDUCE_RISK_ONLY and entry.delta > 0:
            return Code.MODE_REDUCE_RISK_ONLY
        if not self.rules(i).usable:
            missing = self.rules(i).status is RuleStatus.MISSING
            return Code.RULES_MISSING if missing else Code.RULES_INVALID
        if seen.mark is None:
            return Code.MISSING_MARK_PRICE
        if seen.stale:
            return Code.STALE_MARKET_DATA
        return self._examine_buy(i, entry) if entry.delta > 0 else self._examine_sell(i, entry)

    def _within_band(self, i: int, entry: Entry) -> bool:
        opens, closes = not self.account.held(i), entry.target == 0
        largest = e8(self.live.max_position_notional_try)
        brings_back = entry.delta < 0 and entry.value + entry.open_value > largest
        equity = max(0, min(self.account.equity(), LIMIT - 1))
        near = abs(entry.delta) < bps(self.s7.rebalance_band_bps) * equity
        return near and not (opens or closes or brings_back)

    def _examine_buy(self, i: int, entry: Entry) -> Code:
        if entry.delta < self.minimum(i):
            return Code.MIN_NOTIONAL
        return self._supersede(i, Side.SELL)

    def _examine_sell(self, i: int, entry: Entry) -> Code:
        closing = entry.target == 0
        # An open BUY of a symbol that is to go is in the way however small the difference is.
        if (closing or -entry.delta >= self.minimum(i)) and self._supersede(i, Side.BUY) is not Code.OK:
            return Code.SUPERSEDED
        free = self.account.free_qty(i)
        if free <= 0:
            return Code.NOTHING_FREE_TO_SELL
        free_value = round(Fraction(free * self.seen[i].mark, E8))
        entry.amount = free_value if closing else min(-entry.delta, free_value)
        if entry.amount < self.minimum(i):
            return Code.DUST if closing else Code.MIN_NOTIONAL
        if closing and free < e8(self.rules(i).lot_size):
            return Code.DUST
        entry.whole = closing
        return Code.OK

    def _supersede(self, i: int, side: Side) -> Code:
        opposite = self.account.open_orders(i, side)
        for order in opposite:
            self.account.cancel(order, Code.SUPERSEDED)
        return Code.SUPERSEDED if opposite else Code.OK

    def _allocate(self, plan: Plan) -> None:
        """Keep what fits into turnover cap and slots; what is no order anyway stays and uses neither."""
        cap, slots, kept = self.tuned.turnover_cap, self.tuned.max_orders, []
        for i in plan.queue:
            entry = plan.entries[i]
            if self.shape(i, entry, entry.amount, entry.whole)[2] is not Code.OK:
                kept.append(i)
                continue
            scaled = min(entry.amount, cap)
            if scaled < self.minimum(i):
                entry.code = Code.TURNOVER_CAP
            elif slots == 0:
                entry.code = Code.MAX_ORDERS
            elif scaled < entry.amount and self.shape(i, entry, scaled, False)[2] is not Code.OK:
                entry.code = Code.TURNOVER_CAP
            else:
                entry.whole = entry.whole and scaled == entry.amount
                entry.amount = scaled
                cap -= scaled
                slots -= 1
                kept.append(i)
        plan.queue = kept
        plan.cap_left = cap

    # -- build -----------------------------------------------------------------------------------------

    def shape(self, i: int, entry: Entry, amount: int, whole: bool) -> tuple[int | None, int, Code]:
        """Return (limit, quantity, code) of an order for so much TRY."""
        mark, rules = self.seen[i].mark, self.rules(i)
        price, code = self._limit(entry.side, mark, e8(rules.tick_size))
        qty: int = amount * E8 // mark
        if entry.side is Side.SELL:
            free = self.account.free_qty(i)
            qty = free if whole else min(qty, free)
        if qty // E8 >= LIMIT // E8:  # no amount
            return price, 0, Code.MAX_QTY
        qty -= qty % e8(rules.lot_size)
        if code is Code.OK:
            code = self.check(i, price, qty)
        return price, qty, code

    def _limit(self, side: Side, mark: int, tick: int) -> tuple[int | None, Code]:
        buying = side is Side.BUY
        if self.s7.fill_model is FillModel.INSTANT:
            slippage = bps(self.s7.slippage_bps)
            worst = math.ceil(mark * (1 + slippage)) if buying else math.floor(mark * (1 - slippage))
            return (worst, Code.OK) if is_amount(worst) else (None, Code.PRICE_OUT_OF_RANGE)
        offset = self.tuned.order_offset
        exact = round(mark * (1 - offset if buying else 1 + offset))
        if not is_amount(exact):
            return None, Code.PRICE_OUT_OF_RANGE
        price = exact // tick * tick if buying else -(-exact // tick) * tick
        if price == 0:
            return 0, Code.PRICE_ROUNDS_TO_ZERO
        if not is_amount(price):
            return None, Code.PRICE_OUT_OF_RANGE
        if abs(price - exact) > Fraction(mark, 100):
            return price, Code.TICK_TOO_COARSE
        return price, Code.OK

    def check(self, i: int, price: int, qty: int) -> Code:
        rules = self.rules(i)
        if price == 0:
            return Code.PRICE_ROUNDS_TO_ZERO
        if rules.min_price is not None and price < e8(rules.min_price):
            return Code.PRICE_OUT_OF_RANGE
        if rules.max_price is not None and price > e8(rules.max_price):
            return Code.PRICE_OUT_OF_RANGE
        if qty == 0:
            return Code.QTY_ROUNDS_TO_ZERO
        if rules.max_qty is not None and qty > e8(rules.max_qty):
            return Code.MAX_QTY
        if rules.min_qty is not None and qty < e8(rules.min_qty):
            return Code.MIN_QTY
        notional = round(Fraction(price * qty, E8))
        if not is_amount(notional):
            return Code.MAX_QTY
        return Code.MIN_NOTIONAL if notional < self.minimum(i) else Code.OK

    def build(self, plan: Plan) -> list[Intent]:
        """Build the queue in order; what BUYs reserve is gone for those after them."""
        cash, intents = self.account.free_cash(), []
        for i in plan.queue:
            intent = self._build_one(i, plan.entries[i], cash)
            cash -= intent.reserved
            intents.append(intent)
        return intents

    def _build_one(self, i: int, entry: Entry, cash: int) -> Intent:
        price, qty, code = self.shape(i, entry, entry.amount, entry.whole)
        mark, reserved = self.seen[i].mark, 0
        if code is Code.OK and entry.side is Side.BUY:
            code = self._holdable(i, price, qty, mark)
            if code is Code.OK:
                qty, code = self._afford(i, price, qty, cash)
            if code is Code.OK:
                reserved = self.cost(price, qty)
        return Intent(i, entry.side, code, entry.amount, mark, price, qty, reserved)

    def cost(self, price: int, qty: int) -> int:
        notional = round(Fraction(price * qty, E8))
        return notional + round(notional * bps(self.s7.fees_bps))

    def _holdable(self, i: int, price: int, qty: int, mark: int) -> Code:
        """Whether what the account may come to hold can still be written as amounts."""
        account = self.account
        after = account.potential_qty(i) + qty
        committed = sum(order.cash_held for order in account.open_orders(i, Side.BUY))
        fits = (
            is_amount(after)
            and is_amount(round(Fraction(after * max(mark, price), E8)))
            and is_amount(account.cost(i) + committed + round(Fraction(price * qty, E8)))
        )
        return Code.OK if fits else Code.MAX_QTY

    def _afford(self, i: int, price: int, qty: int, cash: int) -> tuple[int, Code]:
        """Reduce a BUY to the whole lots that its cash pays."""
        if self.cost(price, qty) <= cash:
            return qty, Code.OK
        lot = e8(self.rules(i).lot_size)
        low, high = 0, qty // lot + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.cost(price, middle * lot) <= cash else (low, middle)
        qty = low * lot
        return qty, Code.OK if self.check(i, price, qty) is Code.OK else Code.INSUFFICIENT_CASH
