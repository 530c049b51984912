"""The books: FIFO lots, cash and totals, changed by fills and by flows, and by nothing else.

For a fill of notional N with fee F the reference notional R is what it would have cost at the mark, limited
so that slippage is never negative: BUY R = min(N, R), slippage N - R; SELL R = max(N, R), slippage R - N.
Lots carry R, so with gross = realized + unrealized and net = gross - fees - slippage the identity

    starting cash + flows + net = cash + sum(quantity x mark)

holds exactly, in integers, after every fill and at any marks. Beside the lots stands what was paid for the
holding at average cost, N + F of its BUYs, which is what positions are judged by.

What a simulated fill costs (`priced`) is one thing, what given amounts do to the books (`book`) another: a
fill of a real exchange brings its amounts along and is booked the same way. A `flow` is money that its owner
brings or takes away; simulated books have none.
"""

from __future__ import annotations

from meva_core.amounts import E8, LIMIT, half_even, mul_e8, pair_add, product_parts, scale
from meva_core.kernel import kernel
from meva_core.orders import Side
from meva_core.state import (
    CASH,
    DAY_OPEN,
    EQUITY,
    FEES,
    FLOWS,
    LAST_EQUITY,
    LOW,
    PEAK,
    PEAK_EVER,
    REALIZED,
    SLIPPAGE,
    TURNOVER,
    State,
)


@kernel
def take_lots(s: State, i: int, qty: int) -> int:
    """Take `qty` of symbol i out of its lots, oldest first, and return the cost of what was taken.

    Of a partly taken lot that is floor(cost x taken / quantity); the last piece takes all that is left.
    """
    room = s.lot_qty.shape[1]
    left = qty
    cost = 0
    while left > 0 and s.lot_count[i] > 0:
        oldest = s.lot_first[i]
        lot = s.lot_qty[i, oldest]
        if lot <= left:
            part = s.lot_cost[i, oldest]
            left -= lot
            s.lot_first[i] = (oldest + 1) % room
            s.lot_count[i] -= 1
        else:
            part = share_of(s.lot_cost[i, oldest], left, lot)
            s.lot_qty[i, oldest] = lot - left
            s.lot_cost[i, oldest] -= part
            left = 0
        cost += part
    s.cost[i] -= cost
    return cost


@kernel
def share_of(amount: int, part: int, whole: int) -> int:
    """Return floor(amount * part / whole) for 0 <= part <= whole, 0 < whole, without a product that could
    wrap.

    Where the product is too large: long division, the bits of `part` from the top, remainders below `whole`.
    """
    if part == 0 or amount <= LIMIT // part:
        return amount * part // whole
    step = amount // whole
    step_rest = amount - step * whole
    share = 0
    rest = 0
    for bit in range(62, -1, -1):
        share += share
        if rest >= whole - rest:
            rest -= whole - rest
            share += 1
        else:
            rest += rest
        if (part >> bit) & 1:
            share += step
            if rest >= whole - step_rest:
                rest -= whole - step_rest
                share += 1
            else:
                rest += step_rest
    return share


@kernel
def add_lot(s: State, i: int, qty: int, cost: int) -> None:
    """Append a lot; the engine has made sure that there is room."""
    room = s.lot_qty.shape[1]
    newest = (s.lot_first[i] + s.lot_count[i]) % room
    s.lot_qty[i, newest] = qty
    s.lot_cost[i, newest] = cost
    s.lot_count[i] += 1
    s.cost[i] += cost


@kernel
def pay(s: State, i: int, amount: int) -> None:
    """Add `amount` to what was paid for symbol i; what no amount could hold stays at the largest."""
    s.paid[i] = LIMIT if amount >= LIMIT - s.paid[i] else s.paid[i] + amount


@kernel
def take_paid(s: State, i: int, qty: int) -> None:
    """Take out of what was paid for symbol i the part of `qty`, which is still among what is held: that is
    floor(paid x qty / held), and the last takes all."""
    if qty >= s.qty[i]:
        s.paid[i] = 0
    else:
        s.paid[i] -= share_of(s.paid[i], qty, s.qty[i])


@kernel
def priced(s: State, k: int, price: int, qty: int, fee_rate: int) -> tuple[int, int]:
    """Return what a fill of order k costs, `qty` at `price`, as (notional, fee); `fee_rate` is in 1e-12 of
    notional.

    Notional and fee of an order are cumulative, each rounded once; a fill has their increases. The order's
    exact sum takes the fill in, so this is asked once for a fill, before it is booked.
    """
    whole, rest = product_parts(price, qty)
    rest += s.order_gross_rest[k]
    whole += s.order_gross[k]
    if rest >= E8:
        rest -= E8
        whole += 1
    s.order_gross[k] = whole
    s.order_gross_rest[k] = rest
    notional_so_far = half_even(whole, rest, E8)
    fee_so_far = scale(notional_so_far, fee_rate)
    return notional_so_far - s.order_notional[k], fee_so_far - s.order_fee[k]


@kernel
def book(s: State, k: int, qty: int, notional: int, fee: int, mark: int) -> tuple[int, int]:
    """Book a fill of order k, of given amounts in e8, at the mark of its time.

    The amounts are those of `priced`, or what an exchange charged (`live.booking.Entry`). Returns the fill's
    (reference, cost of the lots a SELL took).
    """
    i = s.order_symbol[k]
    s.order_notional[k] += notional
    s.order_fee[k] += fee
    s.order_filled[k] += qty
    reference = mul_e8(mark, qty)
    cost = 0
    if s.order_side[k] == Side.BUY:
        if reference < 0 or reference > notional:
            reference = notional
        if qty > 0:  # an exchange may match less than a unit, and its part comes with a later fill
            add_lot(s, i, qty, reference)
        s.qty[i] += qty
        if s.qty[i] > 0:  # what was paid for nothing is a loss, no cost
            pay(s, i, notional)
            pay(s, i, fee)
        pair_add(s.money, CASH, -notional)
        pair_add(s.money, SLIPPAGE, notional - reference)
    else:
        reference = max(reference, notional)
        cost = take_lots(s, i, qty)
        take_paid(s, i, qty)
        s.qty[i] -= qty
        s.order_result[k] += notional - fee - cost
        pair_add(s.money, CASH, notional)
        pair_add(s.money, SLIPPAGE, reference - notional)
        pair_add(s.money, REALIZED, reference - cost)
    pair_add(s.money, CASH, -fee)
    pair_add(s.money, FEES, fee)
    pair_add(s.money, TURNOVER, notional)
    return reference, cost


@kernel
def flow(s: State, amount: int) -> None:
    """Book a deposit, or a withdrawal (below 0, of no more than the cash), in e8 and between two cycles.

    Whatever equity is measured from or was measured at moves along, so it is neither profit nor loss nor
    drawdown.
    """
    for place in (CASH, FLOWS, EQUITY, LAST_EQUITY, DAY_OPEN, PEAK, PEAK_EVER, LOW):
        pair_add(s.money, place, amount)
    if s.money[PEAK] < 0:
        # The last fills made the book worth more than the peak, which follows in the next cycle, and all of
        # that was withdrawn: of a peak of nothing no drawdown is reckoned.
        s.money[PEAK] = 0
        s.money[PEAK + 1] = 0
