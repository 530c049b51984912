"""An audit of a recorded run: its books done again from the stored rows alone, in Decimals.

Nothing of Meva is imported but the table of legal order steps. Every fault is a sentence.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

from attrs import define, field
from stage7_runs import rows_of

from meva_core.orders import STEPS, TERMINAL, Event, Status

WIDE = Context(prec=80)
UNIT = Decimal("0.00000001")
ZERO = Decimal(0)


def cut(exact: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Round to eight places."""
    return exact.quantize(UNIT, rounding, WIDE)


def product(*factors: Decimal) -> Decimal:
    """Multiply without rounding."""
    found = Decimal(1)
    for factor in factors:
        found = WIDE.multiply(found, factor)
    return found


@define
class Book:
    """One account, done again from its fills."""

    cash: Decimal
    lots: dict[str, deque[list[Decimal]]] = field(factory=lambda: defaultdict(deque))
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    turnover: Decimal = ZERO
    peak: Decimal = ZERO
    fall: Decimal = ZERO

    def held(self, symbol: str) -> Decimal:
        return sum((qty for qty, _ in self.lots[symbol]), ZERO)

    def cost(self, symbol: str) -> Decimal:
        return sum((cost for _, cost in self.lots[symbol]), ZERO)

    def take(self, symbol: str, qty: Decimal) -> Decimal:
        """Take `qty` out of the lots, first in first out, and return its cost."""
        cost = ZERO
        while qty > 0:
            lot = self.lots[symbol][0]
            taken = min(qty, lot[0])
            share = lot[1] if taken == lot[0] else cut(product(lot[1], taken) / lot[0], ROUND_FLOOR)
            qty, lot[0], lot[1], cost = qty - taken, lot[0] - taken, lot[1] - share, cost + share
            if lot[0] == 0:
                self.lots[symbol].popleft()
        return cost


class Audit:
    """All of one run, read once; `faults` looks at it from every side."""

    def __init__(self, db: Path) -> None:
        (self.run,) = rows_of(db, "SELECT * FROM stage7_runs")
        self.settings = self.run["settings_json"]
        self.cycles = rows_of(
            db,
            "SELECT t.cycle_id, t.ts, t.market_json, t.account_json, m.* FROM stage7_cycle_trace t "
            "JOIN stage7_ledger_metrics m USING (cycle_id) ORDER BY t.ts",
        )
        self.fills = _by(rows_of(db, "SELECT * FROM ledger_events ORDER BY rowid"), "cycle_id")
        self.orders = {row["order_id"]: row for row in rows_of(db, "SELECT * FROM stage7_orders")}
        self.events = rows_of(db, "SELECT * FROM stage7_order_events ORDER BY rowid")
        self.intents = {
            row["client_order_id"]: row for row in rows_of(db, "SELECT * FROM stage7_order_intents")
        }
        self.stale_after = int(self.settings["STAGE7_MAX_DATA_AGE_SEC"])
        self.touch = self.run["fill_model"] == "touch"

    def faults(self) -> list[str]:
        """Return all that is wrong."""
        return [*self.books(), *self.fills_meet_their_market(), *self.order_lives(), *self.no_look_ahead()]

    # -- Money ----------------------------------------------------------------------------------------

    def books(self) -> Iterator[str]:
        """The ledger, done again, is the stored one in every cycle."""
        start = Decimal(self.run["starting_cash_try"])
        book, sums = Book(start, peak=start), defaultdict(lambda: (ZERO, ZERO, ZERO))
        for row in self.cycles:
            marks = dict(zip(row["market_json"]["symbols"], row["market_json"]["valuation"], strict=True))
            for fill in self.fills.get(row["cycle_id"], ()):
                for fault in self._post(book, fill, Decimal(marks[fill["symbol"]]), sums):
                    yield f"{fill['exchange_trade_id']}: {fault}"
            yield from (f"{row['cycle_id']}: {fault}" for fault in _stands(book, start, row, marks))

    def _post(self, book: Book, fill: dict[str, Any], mark: Decimal, sums: Any) -> Iterator[str]:
        price, qty, symbol = Decimal(fill["price"]), Decimal(fill["qty"]), fill["symbol"]
        order = self.orders[fill["exchange_order_id"]]
        exact, notional_before, fee_before = sums[order["order_id"]]
        exact += product(price, qty)
        notional_so_far = cut(exact)
        fee_so_far = cut(product(notional_so_far, Decimal(self.settings["STAGE7_FEES_BPS"])) / 10_000)
        sums[order["order_id"]] = exact, notional_so_far, fee_so_far
        notional, fee = notional_so_far - notional_before, fee_so_far - fee_before
        at_mark = cut(product(mark, qty))
        cost: Decimal | None = None
        if fill["side"] == "BUY":
            reference = min(notional, at_mark)
            book.lots[symbol].append([qty, reference])
            book.cash -= notional + fee
        else:
            if qty > book.held(symbol):
                yield f"sells {qty} of {book.held(symbol)} held"
                return
            reference = max(notional, at_mark)
            cost = book.take(symbol, qty)
            book.realized += reference - cost
            book.cash += notional - fee
        slippage = abs(notional - reference)
        book.fees, book.slippage = book.fees + fee, book.slippage + slippage
        book.turnover += notional
        if book.cash < 0:
            yield f"leaves {book.cash} TRY of cash"
        for name, value in (("notional_try", notional), ("fee", fee), ("reference_try", reference)):
            if Decimal(fill[name]) != value:
                yield f"{name} is {fill[name]}, not {value}"
        if Decimal(fill["slippage_try"]) != slippage:
            yield f"slippage_try is {fill['slippage_try']}, not {slippage}"
        if (None if fill["cost_try"] is None else Decimal(fill["cost_try"])) != cost:
            yield f"cost_try is {fill['cost_try']}, not {cost}"

    # -- Orders ---------------------------------------------------------------------------------------

    def order_lives(self) -> Iterator[str]:
        """Every order goes only where STEPS lets it, one event after the other, and is stored as it ended."""
        lives: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in self.events:
            lives[event["order_id"]].append(event)
        if lives.keys() != self.orders.keys():
            yield f"{len(lives)} orders have events, {len(self.orders)} are stored"
        filled = defaultdict(Decimal)
        for fills in self.fills.values():
            for fill in fills:
                filled[fill["exchange_order_id"]] += Decimal(fill["qty"])
        for name, life in lives.items():
            order = self.orders[name]
            yield from (f"{name}: {fault}" for fault in _life(order, life))
            if Decimal(order["filled_qty"]) != filled[name]:
                yield f"{name}: {order['filled_qty']} filled, but its fills sum to {filled[name]}"
            if (order["status"] == "FILLED") != (filled[name] == Decimal(order["qty"])):
                yield f"{name}: {order['status']} with {filled[name]} of {order['qty']} filled"
            if self.intents[order["client_order_id"]]["status"] != "PLANNED":
                yield f"{name}: of an intent that was not planned"

    # -- Market ---------------------------------------------------------------------------------------

    def fills_meet_their_market(self) -> Iterator[str]:
        """No fill is beyond its limit; at the touch each meets a usable row, newer than the one before."""
        met: dict[str, int] = {}
        used: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
        for row in self.cycles:
            market = _rows(row["market_json"])
            for fill in self.fills.get(row["cycle_id"], ()):
                order, seen = self.orders[fill["exchange_order_id"]], market[fill["symbol"]]
                found = self._meets(fill, order, seen, row["ts"])
                yield from (f"{fill['exchange_trade_id']}: {fault}" for fault in found)
                if self.touch and met.get(order["order_id"], -1) >= seen["book_ts"]:
                    yield f"{fill['exchange_trade_id']}: met the row of {seen['book_ts']} again"
                met[order["order_id"]] = seen["book_ts"]
                used[fill["symbol"], fill["side"], seen["book_ts"]] += Decimal(fill["qty"])
                size = seen["ask_qty" if fill["side"] == "BUY" else "bid_qty"]
                taken = used[fill["symbol"], fill["side"], seen["book_ts"]]
                if self.touch and size is not None and taken > Decimal(size):
                    yield f"{fill['exchange_trade_id']}: {taken} taken of a row of {size}"

    def _meets(
        self, fill: dict[str, Any], order: dict[str, Any], seen: dict[str, Any], ts: str
    ) -> Iterator[str]:
        price, limit = Decimal(fill["price"]), Decimal(order["price_try"])
        sign = 1 if fill["side"] == "BUY" else -1
        if (price - limit) * sign > 0:
            yield f"{fill['side']} at {price} beyond its limit {limit}"
        if ts < order["submitted_at"]:
            yield f"stamped {ts}, before its submission at {order['submitted_at']}"
        if not self.touch:
            return
        if seen["book_age"] > self.stale_after or seen["ask"] is None or seen["bid"] is None:
            yield "met a book that is stale or one-sided"
            return
        touch = Decimal(seen["ask" if sign == 1 else "bid"])
        if (touch - limit) * sign > 0:
            yield f"the touch {touch} had not reached its limit {limit}"
        resting = ts > order["submitted_at"]
        if (fill["liquidity"] == "resting") != resting:
            yield f"is {fill['liquidity']}"
        factor = 1 + sign * Decimal(self.settings["STAGE7_SLIPPAGE_BPS"]) / 10_000
        taking = min(sign * limit, sign * cut(product(touch, factor))) * sign
        if price != (limit if resting else taking):
            yield f"filled at {price}, touch {touch}, limit {limit}"

    def no_look_ahead(self) -> Iterator[str]:
        """No cycle saw anything stamped after it."""
        for row, time in zip(self.cycles, _micros(self.cycles), strict=True):
            for kind in ("book_ts", "ticker_ts", "close_ts"):
                if max(row["market_json"][kind]) > time:
                    yield f"{row['cycle_id']}: {kind} lies after the cycle"


def _stands(book: Book, start: Decimal, row: dict[str, Any], marks: dict[str, Any]) -> Iterator[str]:
    """Compare the book after a cycle with what was stored of it."""
    held = {symbol: book.held(symbol) for symbol in marks}
    values = {s: cut(product(qty, Decimal(marks[s]))) if qty else ZERO for s, qty in held.items()}
    unrealized = sum((values[s] - book.cost(s) for s in marks), ZERO)
    gross = book.realized + unrealized
    equity = book.cash + sum(values.values(), ZERO)
    if equity != start + gross - book.fees - book.slippage:
        yield f"equity {equity} is not starting cash + gross - fees - slippage"
    book.peak = max(book.peak, equity)
    book.fall = max(book.fall, cut((book.peak - equity) / book.peak, ROUND_DOWN))
    expected = {
        "cash_try": book.cash,
        "equity_try": equity,
        "gross_pnl_try": gross,
        "realized_pnl_try": book.realized,
        "unrealized_pnl_try": unrealized,
        "net_pnl_try": gross - book.fees - book.slippage,
        "fees_try": book.fees,
        "slippage_try": book.slippage,
        "turnover_try": book.turnover,
        "max_drawdown": book.fall,
        "max_drawdown_ratio": book.fall,
        "starting_cash_try": start,
    }
    for name, value in expected.items():
        if Decimal(row[name]) != value:
            yield f"{name} is {row[name]}, not {value}"
    account = row["account_json"]
    stored = dict(
        zip(
            account["symbols"],
            zip(account["qty"], account["value_try"], account["cost_try"], strict=True),
            strict=True,
        )
    )
    for symbol in marks:
        if tuple(map(Decimal, stored[symbol])) != (held[symbol], values[symbol], book.cost(symbol)):
            yield f"{symbol}: {stored[symbol]}, not {held[symbol]}, {values[symbol]}, {book.cost(symbol)}"


def _life(order: dict[str, Any], life: list[dict[str, Any]]) -> Iterator[str]:
    status, before = Status.PLANNED, ""
    for place, event in enumerate(life, 1):
        step = STEPS[status].get(Event[event["event_type"]])
        if step is None:
            yield f"{event['event_type']} in {status.name}"
            return
        status = step
        if event["payload_json"]["status"] != status.name:
            yield f"{event['event_type']} is said to lead to {event['payload_json']['status']}"
        if event["seq"] != place or event["ts"] < max(before, order["submitted_at"]):
            yield f"{event['event_type']} is number {event['seq']} at {event['ts']}"
        before = event["ts"]
    if order["status"] != status.name or order["last_update"] != before:
        yield f"stored as {order['status']} of {order['last_update']}, ended as {status.name} at {before}"
    if status is Status.CANCELED and order["end_reason"] is None:
        yield "canceled for no reason"
    if status not in TERMINAL and order["end_reason"] is not None:
        yield f"open, but ended by {order['end_reason']}"


def _by(rows: list[dict[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def _rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Turn columns by name into rows by symbol."""
    names = [name for name in document if name != "symbols"]
    return {
        symbol: {name: document[name][place] for name in names}
        for place, symbol in enumerate(document["symbols"])
    }


def _micros(cycles: list[dict[str, Any]]) -> Iterator[int]:
    for row in cycles:
        yield int(datetime.fromisoformat(row["ts"]).timestamp()) * 10**6
