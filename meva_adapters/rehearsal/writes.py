"""The port `Venue`: what is sent to the simulated exchange, and what becomes of it and of the reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.pairs import Pair
from meva_adapters.rehearsal.sent import Sent
from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import Order, State, Truth, units
from meva_core.errors import OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.ports import Permit
from meva_core.venue import Accepted, NewOrder, VenueOrder

_REFUSALS: Final = (
    (Fault.REFUSED_FUNDS, VenueReason.INSUFFICIENT_FUNDS),
    (Fault.REFUSED_MINIMUM, VenueReason.BELOW_MINIMUM),
    (Fault.REFUSED_429, VenueReason.RATE_LIMITED),
    (Fault.REFUSED_401, VenueReason.UNAUTHORIZED),
)
LATE_SECONDS: Final = 90
TOO_LATE_SECONDS: Final = 600


@define
class Writes:
    """What one process may send. `permit` is asked right before anything leaves; `watch` checks
    what does; `shut` says why this process may send nothing, in truth."""

    truth: Truth
    shown: Shown
    calls: Calls
    faults: Faults
    permit: Permit
    watch: Sent
    shut: Callable[[], str]
    hidden: int = 0
    """For how many microseconds lists lack what was just taken."""

    # -- Submits ----------------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> Accepted:
        """Place an order."""
        self.permit.submit(order)
        with self.calls.call("submit"):
            if self.faults.happens(Fault.NOT_SENT):
                raise Unavailable("no connection", reason=VenueReason.UNREACHABLE)
            # The switch may have been thrown in the moment in which the call began.
            self.permit.submit(order)
            self.watch.submit(order, self.shut())
            try:
                taken = self._taken(order)
            except Refused:
                self.watch.refused(order.client_id)
                raise
        return Accepted(str(taken.number), order.client_id, self.truth.time.now)

    def _taken(self, order: NewOrder) -> Order:
        """Take an order, or do whatever else happens to it."""
        happens, time = self.faults.happens, self.truth.time
        for fault, reason in _REFUSALS:
            if happens(fault):
                if fault is Fault.REFUSED_429 and happens(Fault.REFUSED_YET_TAKEN):
                    self.truth.excused.add(self._checked(order).pair.name)
                raise Refused(f"refused: {reason}", reason=reason)
        if happens(Fault.LOST):
            time.passes(5 * SECOND)
            raise OutcomeUnknown("no reply")
        if happens(Fault.LATE):
            self._later(order, self.truth.random.randint(1, LATE_SECONDS))
        if happens(Fault.TOO_LATE):
            self.truth.excused.add(order.symbol)
            self._later(order, self.truth.random.randint(LATE_SECONDS, TOO_LATE_SECONDS))
        taken = self._checked(order)
        if happens(Fault.TWICE):
            self._again(order)
        if happens(Fault.UNHEARD):
            time.passes(5 * SECOND)
            raise OutcomeUnknown("no reply")
        return taken

    def _later(self, order: NewOrder, seconds: int) -> None:
        pair, price, qty = self._read(order)
        now = self.truth.time.now
        self.truth.late.append((now + seconds * SECOND, order.client_id, pair, order.side, price, qty, now))
        raise OutcomeUnknown("no reply")

    def _again(self, order: NewOrder) -> None:
        pair, price, qty = self._read(order)
        if self.truth.affords(pair, order.side, price, qty):
            self.truth.excused.add(pair.name)
            self.truth.takes(order.client_id, pair, order.side, price, qty, self.hidden)

    def _checked(self, order: NewOrder) -> Order:
        """Take an order as an exchange does that finds nothing wrong with it, or refuse it."""
        pair, price, qty = self._read(order)
        if price % pair.tick or qty % (100 * pair.lot):
            raise Refused("the price is not on the grid", reason=VenueReason.PRICE_SCALE)
        if price * qty < pair.minimum * 10**10:
            raise Refused("below the minimum", reason=VenueReason.BELOW_MINIMUM)
        if not self.truth.affords(pair, order.side, price, qty):
            raise Refused("not enough funds", reason=VenueReason.INSUFFICIENT_FUNDS)
        return self.truth.takes(order.client_id, pair, order.side, price, qty, self.hidden)

    def _read(self, order: NewOrder) -> tuple[Pair, int, int]:
        pair = self.truth.pairs[order.symbol]
        if not pair.listed:
            raise Refused("no such pair", reason=VenueReason.UNKNOWN_SYMBOL)
        return pair, units(order.price, 8), units(order.qty, 10)

    # -- Cancels ----------------------------------------------------------------------------------------

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""
        self.permit.cancel(order_id)
        with self.calls.call("cancel"):
            self.permit.cancel(order_id)
            number = int(order_id)
            self.watch.cancel(number, self.shut())
            self._cancel(number)

    def _cancel(self, number: int) -> None:
        order, happens = self.truth.orders.get(number), self.faults.happens
        if order is None or order.state is State.FORGOTTEN:
            raise Refused("no such order", reason=VenueReason.UNKNOWN_ORDER)
        if order.state.ended:
            raise Refused("it has ended", reason=VenueReason.NOT_CANCELABLE)
        if happens(Fault.CANCEL_REFUSED):
            raise Refused("refused", reason=VenueReason.RATE_LIMITED)
        if happens(Fault.CANCEL_LOST):
            raise OutcomeUnknown("no reply")
        if happens(Fault.CANCEL_IGNORED):
            return
        if happens(Fault.CANCEL_SLOW):
            order.ends_at = self.truth.time.now + self.truth.random.randint(1, 60) * SECOND
        else:
            self.truth.cancels(order)
        if happens(Fault.CANCEL_UNHEARD):
            raise OutcomeUnknown("no reply")

    # -- Looked for -------------------------------------------------------------------------------------

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Return the orders under a client id."""
        return self.shown.find(symbol, client_id, since)
