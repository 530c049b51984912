"""How the books of a simulated exchange change: orders come, meet the market, and go.

The model is Stage 7's, by the same kernels. `touch`: an order that crosses takes the touch, worsened by the
slippage but never beyond its limit; else, and for the rest, it rests, and fills at its limit when a newer row
reaches it. What a row has is used once, best price first, then older. `instant`: all of an order fills at the
mark, worsened likewise. No order fills against a stale row, nor takes or rests against a one-sided or crossed
one.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from meva_core.amounts import ABSENT, format_e8, mul_e8, scale
from meva_core.errors import Refused, VenueReason
from meva_core.orders import Side
from meva_core.rules import SymbolRules
from meva_core.settings import FillModel
from meva_core.simulated.books import QUOTE, Books
from meva_core.simulated.orders import Order
from meva_core.simulated.pairs import RulesBySymbol, columns_of, rules_of
from meva_core.simulated.refusals import check_funds, check_grammar, check_rules
from meva_core.simulated.terms import Terms
from meva_core.simulated.touches import Row, Touch, newest
from meva_core.steps.execute import content_draw, first_slice, taking_price
from meva_core.steps.settle import is_amount, reaches, whole_lots
from meva_core.venue import NewOrder


def submitted(books: Books, terms: Terms, rules: RulesBySymbol, given: NewOrder) -> tuple[Books, Order]:
    """Return the books after an order came, and the order as it stands then.

    Raises Refused, with the exchange's reason, for an order that it would not take, and BadInput for what is
    no order at all.
    """
    check_grammar(given)
    pair = rules_of(given.symbol, rules)
    price, qty = check_rules(given, pair)
    order = _made(books, terms, given, pair, price, qty)
    check_funds(books, given, order.asset, _needed(books, terms, order))
    books = books.added(order)
    books = _taken(books, terms, pair, order)
    return books, books.by_id[order.order_id]


def canceled(books: Books, order_id: str) -> Books:
    """Return the books after an order was canceled; Refused for one that has ended, or never was."""
    order = books.by_id.get(order_id)
    if order is None or order.canceled:
        raise Refused(f"no open order has the number {order_id}", reason=VenueReason.UNKNOWN_ORDER)
    if not order.is_open:
        raise Refused(f"order {order_id} has filled", reason=VenueReason.NOT_CANCELABLE)
    return books.changed(evolve(order, canceled=True, updated=books.now))


def met(books: Books, terms: Terms, rules: RulesBySymbol, time: int, touches: Iterable[Touch]) -> Books:
    """Return the books after their open orders met a market that was measured at a time, in seconds.

    A pair that has no row, or none newer than the one that it had, is met by nobody.
    """
    books = evolve(books, time=max(books.time, time))
    for touch in touches:
        books = books.with_row(newest(books.rows.get(touch.symbol), touch))
    allotted = []
    for order in sorted(books.open, key=_turn):
        row, pair = books.rows.get(order.symbol), rules.get(order.symbol)
        if row is None or pair is None or not pair.usable or not _meets(books, terms, row, order):
            continue
        books = books.changed(evolve(order, met=row.touch.ts))
        qty = order.left
        if terms.model is FillModel.TOUCH:
            qty = _reached(row, pair, order)
            books = books.with_row(row.used(order.side, qty))
        if qty:
            allotted.append((order.order_id, qty))
    for order_id, qty in sorted(allotted):  # as they came: numbers are of equal length
        order = books.by_id[order_id]
        if terms.model is FillModel.TOUCH:
            books = books.filled(order, order.price, qty, order.resting_rate, resting=True)
        else:
            books = _at_once(books, terms, rules[order.symbol], order, order.resting_rate)
    return books


def forgotten(books: Books, before: int) -> Books:
    """Return the books without orders that ended before a time in microseconds, and without their fills.

    For whoever has booked all of them, and asks for them no more: books of a long run would not end.
    """
    kept = tuple(order for order in books.orders if order.is_open or order.updated >= before)
    names = {order.order_id for order in kept}
    return evolve(books, orders=kept, fills=tuple(one for one in books.fills if one.order_id in names))


# -- Coming -------------------------------------------------------------------------------------------


def _made(books: Books, terms: Terms, given: NewOrder, pair: SymbolRules, price: int, qty: int) -> Order:
    """Return an order as it comes, not yet met by anyone."""
    quote = pair.quote or QUOTE
    row = books.rows.get(given.symbol)
    content = [given.client_id, given.symbol, given.side.name, format_e8(price), format_e8(qty)]
    return Order(
        order_id=str(books.next_number(content)),
        client_id=given.client_id,
        symbol=given.symbol,
        base=given.symbol.removesuffix(quote),
        quote=quote,
        side=given.side,
        price=price,
        qty=qty,
        resting_rate=terms.maker if terms.model is FillModel.TOUCH else terms.taker,
        created=books.now,
        updated=books.now,
        met=ABSENT if row is None else row.touch.ts,
    )


def _needed(books: Books, terms: Terms, order: Order) -> int:
    """Return how much has to be free for a new order: for a BUY that crosses, with the larger fee."""
    if order.side is Side.SELL:
        return order.qty
    rates = [order.resting_rate]
    row = books.rows.get(order.symbol)
    if row is not None and _crosses(books, terms, row, order):
        rates.append(terms.taker)
    notional = mul_e8(order.price, order.qty)
    return notional + scale(notional, max(rates))


def _taken(books: Books, terms: Terms, pair: SymbolRules, order: Order) -> Books:
    """Let a new order take what is there."""
    if terms.model is FillModel.INSTANT:
        return _at_once(books, terms, pair, order, terms.taker)
    row = books.rows.get(order.symbol)
    if row is None or not _crosses(books, terms, row, order):
        return books
    price = taking_price(order.side, row.opposite(order.side), order.price, terms.slippage)
    qty = _reached(row, pair, order)
    if qty == 0 or not is_amount(price, order.qty):
        return books
    books = books.with_row(row.used(order.side, qty))
    return books.filled(order, price, qty, terms.taker, resting=False)


def _at_once(books: Books, terms: Terms, pair: SymbolRules, order: Order, rate: int) -> Books:
    """Fill all that is left of an order at the mark, in one slice or two; nothing without a mark."""
    row = books.rows.get(order.symbol)
    mark = row.touch.mark(terms.mark) if row is not None and _is_fresh(books, terms, row) else None
    if mark is None:
        return books
    price = taking_price(order.side, mark, order.price, terms.slippage)
    if not is_amount(price, order.qty):
        return books
    drawn = content_draw(books.time, columns_of(pair), 0, order.side, order.price, order.qty, terms.seed)
    first = first_slice(order.left, drawn)
    for qty in (first, order.left - first):
        if qty:
            books = books.filled(books.by_id[order.order_id], price, qty, rate, resting=False)
    return books


# -- Meeting ------------------------------------------------------------------------------------------


def _turn(order: Order) -> tuple[int, int, int]:
    """Return what puts orders of a pair in their turn: BUYs, the better price, the older."""
    return order.side, -order.price if order.side is Side.BUY else order.price, int(order.order_id)


def _meets(books: Books, terms: Terms, row: Row, order: Order) -> bool:
    """Whether an order that rests meets a row: one that is newer than the row it met last."""
    if row.touch.ts <= order.met:
        return False
    if terms.model is FillModel.INSTANT:
        return _is_fresh(books, terms, row)
    return _is_usable(books, terms, row)


def _crosses(books: Books, terms: Terms, row: Row, order: Order) -> bool:
    """Whether an order trades with the touch, as far as that may be traded with."""
    return _is_usable(books, terms, row) and reaches(order.side, row.opposite(order.side), order.price)


def _reached(row: Row, pair: SymbolRules, order: Order) -> int:
    """Return how much of an order the touch of a usable row fills."""
    if not reaches(order.side, row.opposite(order.side), order.price):
        return 0
    return int(whole_lots(columns_of(pair), 0, order.left, row.size(order.side)))


def _is_usable(books: Books, terms: Terms, row: Row) -> bool:
    return row.touch.two_sided and _is_fresh(books, terms, row)


def _is_fresh(books: Books, terms: Terms, row: Row) -> bool:
    return row.is_fresh(books.time, terms.max_data_age)
