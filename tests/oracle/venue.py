"""settle and execute: the simulated venue."""

from __future__ import annotations

from fractions import Fraction

from attrs import define

from meva_core.orders import Event, Side, Status
from meva_core.reasons import Code
from meva_core.settings import FillModel
from oracle.account import Account, Order
from oracle.market import Measure
from oracle.planning import Intent
from oracle.world import E8, CycleInput, Row, World, bps, e8, is_amount

PRIME = 2**31 - 1
RATE_LIMIT, TIMEOUT, UNAVAILABLE, NON_RETRYABLE, CONFLICT = 1, 2, 3, 4, 5


@define
class Sizes:
    """What is left of the newest row of one book; None: no size was recorded."""

    ts: int = -1
    bid: int | None = None
    ask: int | None = None


def burst(world: World) -> Fraction:
    """Return how many tokens the bucket holds; more than a million make no difference."""
    return Fraction(min(world.settings.stage7.rate_limit_burst, 10**6))


def draw(time: int, symbol: str, side: Side, price: int, qty: int, seed: int) -> int:
    """Return the draw of an order: chance out of its own content."""
    x = 1
    for v in (time, *symbol.encode(), int(side), price, qty, seed, 0, 0, 0):
        x = (x * 48271 + v % PRIME) % PRIME
    return x


@define
class Venue:
    """The venue of one book: sizes of rows, and the bucket that submits pass (in tokens)."""

    world: World
    account: Account
    sizes: list[Sizes]
    tokens: Fraction
    tokens_time: int = 0
    outdated: bool = False
    """Whether the open orders were reckoned with other settings."""

    # -- settle ----------------------------------------------------------------------------------------

    def settle(self, given: CycleInput, seen: list[Measure]) -> None:
        """Open orders meet this cycle's books, then the time to live ends some."""
        for sizes, row in zip(self.sizes, given.rows, strict=True):
            if row.book_ts is not None and row.book_ts > sizes.ts:
                sizes.ts, sizes.bid, sizes.ask = row.book_ts, row.bid_qty, row.ask_qty
        if self.outdated:
            for order in self.account.open_orders():
                self.account.cancel(order, Code.RUN_CHANGED)
        self.outdated = False
        orders = self.account.open_orders()
        allotted = {}
        for i, row in enumerate(given.rows):
            if seen[i].stale or not seen[i].two_sided:
                continue
            meeting = [order for order in orders if order.symbol == i and row.book_ts > order.met]
            for side in Side:
                ours = [order for order in meeting if order.side is side]
                for order in sorted(
                    ours, key=lambda o: (-o.limit if o.side is Side.BUY else o.limit, o.time, o.n)
                ):
                    order.met = row.book_ts
                    if crosses(order, row):
                        allotted[id(order)] = self._take(order, order.rest)
        for order in orders:
            qty = allotted.get(id(order), 0)
            if qty > 0:
                self._fill(order, order.limit, qty, self.account.valuation[order.symbol], resting=True)
            if order.is_open and given.time - order.time >= self.world.settings.live.ttl_seconds:
                self.account.cancel(order, Code.TTL_EXPIRED)

    def _take(self, order: Order, wanted: int) -> int:
        """Take size off the opposite side: all that is wanted, or whole lots."""
        sizes = self.sizes[order.symbol]
        there = sizes.ask if order.side is Side.BUY else sizes.bid
        if there is None:
            return wanted
        lot = e8(self.world.rules[order.symbol].lot_size)
        taken = wanted if wanted <= there else there // lot * lot
        if order.side is Side.BUY:
            sizes.ask = there - taken
        else:
            sizes.bid = there - taken
        return taken

    def _fill(self, order: Order, price: int, qty: int, mark: int, *, resting: bool = False) -> None:
        self.account.fill(order, price, qty, mark, resting)

    # -- execute ---------------------------------------------------------------------------------------

    def execute(self, given: CycleInput, seen: list[Measure], intents: list[Intent]) -> None:
        """Submit the built orders in plan order."""
        built = [(n, intent) for n, intent in enumerate(intents) if intent.code is Code.OK]
        if not built:
            return
        s7 = self.world.settings.stage7
        # Levels are kept in millionths of a token, and so is the rate.
        rate = max(Fraction(1, 10**6), Fraction(int(Fraction(s7.rate_limit_rps) * 10**6), 10**6))
        self.tokens = min(burst(self.world), self.tokens + rate * (given.time - self.tokens_time))
        self.tokens_time = given.time
        faults = [given.fault_kind] * given.fault_count if given.fault_kind else []
        for n, intent in built:
            row = given.rows[intent.symbol]
            order = Order(
                given.time,
                n,
                intent.symbol,
                intent.side,
                intent.price,
                intent.qty,
                intent.reserved,
                row.book_ts,
            )
            self.account.orders.append(order)
            if self._submitted(order, faults):
                self.account.note(order, Event.ACKED, Status.ACKED)
                if s7.fill_model is FillModel.INSTANT:
                    self._fill_at_once(order, seen[intent.symbol].mark)
                else:
                    self._take_touch(order, row, seen[intent.symbol])

    def _draw(self, order: Order) -> int:
        symbol = self.world.symbols[order.symbol]
        return draw(order.time, symbol, order.side, order.limit, order.qty, self.world.seed)

    def _submitted(self, order: Order, faults: list[int]) -> bool:
        account, s7 = self.account, self.world.settings.stage7
        account.note(order, Event.SUBMIT_REQUESTED, Status.SUBMITTED)
        arrived = False
        for attempt in range(1, s7.retry_max_attempts + 1):
            if self.tokens < 1:
                account.note(order, Event.THROTTLED, Status.SUBMITTED, Code.THROTTLED, attempt=attempt)
                account.cancel(order, Code.THROTTLED)
                return False
            self.tokens -= 1
            fault = faults.pop() if faults else None
            if fault is None:
                if arrived:
                    account.note(order, Event.DUPLICATE_IGNORED, Status.SUBMITTED, attempt=attempt)
                if self._draw(order) % 10_000 < s7.sim_reject_prob_bps:
                    account.note(order, Event.REJECTED, Status.REJECTED, Code.SIM_REJECT)
                    return False
                return True
            if fault == CONFLICT:
                code = Code.IDEMPOTENCY_CONFLICT
                account.note(order, Event.IDEMPOTENCY_CONFLICT, Status.SUBMITTED, code, attempt=attempt)
                account.note(order, Event.REJECTED, Status.REJECTED, code, attempt=attempt)
                return False
            if fault == NON_RETRYABLE:
                account.note(order, Event.REJECTED, Status.REJECTED, Code.NON_RETRYABLE, attempt=attempt)
                return False
            arrived = arrived or fault == TIMEOUT
            if attempt < s7.retry_max_attempts:
                account.note(order, Event.RETRY_SCHEDULED, Status.SUBMITTED, attempt=attempt)
        account.note(
            order, Event.RETRY_GIVEUP, Status.SUBMITTED, Code.RETRY_GIVEUP, attempt=s7.retry_max_attempts
        )
        account.cancel(order, Code.RETRY_GIVEUP)
        return False

    def _take_touch(self, order: Order, row: Row, seen: Measure) -> None:
        if seen.stale or not seen.two_sided or not crosses(order, row):
            return
        slippage = bps(self.world.settings.stage7.slippage_bps)
        if order.side is Side.BUY:
            price = min(order.limit, round(row.ask * (1 + slippage)))
        else:
            price = max(order.limit, round(row.bid * (1 - slippage)))
        if not is_amount(round(Fraction(price * order.qty, E8))):
            return  # a sell so far above its limit that its proceeds are no amount
        qty = self._take(order, order.qty)
        if qty > 0:
            self._fill(order, price, qty, seen.mark)

    def _fill_at_once(self, order: Order, mark: int) -> None:
        slippage = bps(self.world.settings.stage7.slippage_bps)
        price = round(mark * (1 + slippage if order.side is Side.BUY else 1 - slippage))
        first = 0
        if order.qty > 10**4 and self._draw(order) % 2 == 0:
            first = round(Fraction(order.qty * 6, 10))
            self._fill(order, price, first, mark)
        self._fill(order, price, order.qty - first, mark)


def crosses(order: Order, row: Row) -> bool:
    """Whether the opposite touch reaches an order's limit; equality does."""
    return row.ask <= order.limit if order.side is Side.BUY else row.bid >= order.limit
