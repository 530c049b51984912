"""The order desk: the one place that submits and cancels.

    desk.place(order)    recorded, then sent once, then recorded again
    desk.cancel(name)    an acceptance only; `settle` says what became of it
    desk.settle()        asks the exchange what became of every order that has not ended

A program that starts settles first: what it did not live to see was recorded before it was sent. Whether
writing is allowed at all is asked by the venue itself, right before each write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.errors import BadInput, IdTaken, MevaError, OutcomeUnknown, Refused, VenueError, VenueReason
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.ports import Account, Clock, Reads, Store, Venue
from meva_core.stages.live_orders import Record, add, change, records
from meva_core.standing import CANCELABLE, MAY_REST, UNSETTLED, Standing, after, reported, sellable
from meva_core.venue import Accepted, Balance, NewOrder, VenueOrder

_TWIN: Final = "a second order under the name "


@frozen
class Patience:
    """How long what is not seen is believed to be on its way.

    An order that was not found `grace_seconds` after it was sent counts as absent, and is looked for even
    then for `watch_seconds`. `pause_ms` pass before funds that an order which just ended may still tie up are
    asked for once more.
    """

    grace_seconds: int = 120
    watch_seconds: int = 86_400
    pause_ms: int = 150


@frozen
class Settled:
    """What asking for an order brought. `mode` is the most that should be done until a person has looked."""

    record: Record
    alarm: str = ""
    mode: Mode = Mode.NORMAL


@frozen
class Desk:
    """Orders on their way to an exchange, and what is known of them.

    `clock` is the exchange's, `pause` waits for so many milliseconds.
    """

    venue: Venue
    account: Account
    store: Store
    clock: Clock
    pause: Callable[[int], None]
    patience: Patience = field(factory=Patience)

    def place(self, order: NewOrder) -> Settled:
        """Send an order, once, and return where it stands; that it failed is in its standing and error.

        Raises IdTaken, with nothing sent, for a name under which something may have been sent before, or a
        symbol of which two orders share a name; what the venue's gates raise; and StoreError, with nothing
        sent, if the order could not be recorded.
        """
        record = self._recorded(order)
        try:
            accepted = self._sent(order)
        except Refused as error:
            return Settled(self._became(record, Standing.REJECTED, error=error))
        except OutcomeUnknown as error:
            return self._looked_up(self._became(record, Standing.UNKNOWN, error=error))
        except VenueError as error:
            return Settled(self._became(record, Standing.UNSENT, error=error))
        except MevaError as error:
            self._became(record, Standing.UNSENT, error=error)
            raise
        return Settled(self._became(record, Standing.OPEN, order_id=accepted.order_id))

    def cancel(self, client_id: str) -> Settled:
        """Ask for an order of ours to be canceled, and return where it stands.

        Nothing is sent for an order that has ended, nor for one of which the exchange's name is not known:
        that one is looked up. Raises KeyError for a name that we do not have, Unavailable if nothing was
        sent, and what the venue's gates raise.
        """
        with self.store.read() as view:
            found = records(view, client_order_id=client_id)
        if not found:
            raise KeyError(client_id)
        record = found[0]
        if record.order_id is None and record.standing in UNSETTLED:
            return self._settled(record)
        if record.order_id is None or record.standing not in CANCELABLE:
            return Settled(record)
        try:
            self.venue.cancel(record.order_id)
        except Refused as error:
            return self._asked(evolve(record, error=str(error)))
        except OutcomeUnknown as error:
            return Settled(self._became(record, Standing.CANCEL_REQUESTED, error=error))
        return Settled(self._became(record, Standing.CANCEL_REQUESTED))

    def settle(self) -> list[Settled]:
        """Ask for every order that has not ended, and for those that were given up not long ago.

        Returns them as they stand then; one of which the answer cannot be read stands as before, with an
        alarm, and keeps none of the others waiting. Raises Unavailable where the exchange does not answer:
        what was settled before that stays settled.
        """
        with self.store.read() as view:
            asked = sorted(MAY_REST | {Standing.ABSENT})
            known = [record for standing in asked for record in records(view, status=str(standing))]
        return [self._read_or_alarmed(record) for record in known if self._is_worth_asking(record)]

    def sellable(self, symbol: str, held: Decimal, balance: Balance | None) -> Decimal:
        """Return how much of a symbol may be sold, `held` being what the ledger says.

        Sells of ours that may rest at the exchange, those of unknown fate among them, count as sold.
        """
        with self.store.read() as view:
            sells = [record for record in _resting(view, symbol) if record.side is Side.SELL]
        return sellable(held, balance, sum((record.qty for record in sells), Decimal(0)))

    # -- Sending --------------------------------------------------------------------------------------

    def _sent(self, order: NewOrder) -> Accepted:
        """Submit; once more if funds looked tied up, as they do for a moment after an order has ended."""
        try:
            return self.venue.submit(order)
        except Refused as error:
            if error.reason is not VenueReason.INSUFFICIENT_FUNDS:
                raise
        self.pause(self.patience.pause_ms)
        return self.venue.submit(order)

    def _recorded(self, order: NewOrder) -> Record:
        """Record that an order is about to be sent. From here on it may be at the exchange."""
        now = self.clock.micros()
        made = Record(
            order.client_id, order.symbol, order.side, order.price, order.qty,
            Standing.SENDING, None, None, now, now,
        )  # fmt: skip
        with self.store.unit() as work:
            _check_single(work, order.symbol)
            earlier = records(work, client_order_id=order.client_id)
            if not earlier:
                add(work, [made])
            elif earlier[0].standing is Standing.UNSENT and earlier[0].content == made.content:
                made = evolve(made, created=earlier[0].created)
                change(work, made)
            else:
                raise IdTaken(
                    f"{order.client_id}: an order of this name is {earlier[0].standing.name} already",
                    action="give a new order a new name",
                )
            work.commit()
        return made

    # -- Asking ---------------------------------------------------------------------------------------

    def _is_worth_asking(self, record: Record) -> bool:
        return (
            record.standing is not Standing.ABSENT
            or self._age(record) <= self.patience.watch_seconds * MICROS
        )

    def _read_or_alarmed(self, record: Record) -> Settled:
        try:
            return self._settled(record)
        except BadInput as error:
            name = record.client_id or record.order_id
            return Settled(record, f"{record.symbol}: {name} cannot be asked for: {error}", Mode.OBSERVE_ONLY)

    def _looked_up(self, record: Record) -> Settled:
        """Look up an order that was just sent; if the exchange does not answer, `settle` will."""
        try:
            return self._settled(record)
        except (VenueError, BadInput):
            return Settled(record)

    def _settled(self, record: Record) -> Settled:
        """Ask what became of an order, by the exchange's name for it or else by ours."""
        if record.order_id is not None or record.client_id is None:
            return self._asked(record)
        # Before it was recorded it was not sent; a minute covers clocks that were read apart.
        found = self.venue.find(record.symbol, record.client_id, record.created // MICROS - 60)
        if found:
            return self._found(record, found)
        if record.standing in UNSETTLED and self._age(record) > self.patience.grace_seconds * MICROS:
            return Settled(self._became(record, Standing.ABSENT))
        return Settled(
            self._became(record, Standing.UNKNOWN) if record.standing is Standing.SENDING else record
        )

    def _asked(self, record: Record) -> Settled:
        order = None if record.order_id is None else self.account.order(record.order_id)
        if order is None:
            return Settled(record)
        overdue = self._age(record) > self.patience.grace_seconds * MICROS
        news = reported(record.standing, order.state, overdue=overdue)
        return Settled(record if news is record.standing else self._became(record, news))

    def _found(self, record: Record, found: Sequence[VenueOrder]) -> Settled:
        """Take over what the exchange has under our name, further orders of that name among it."""
        first, *others = found
        known = self._changed(record, reported(record.standing, first.state), first.order_id)
        with self.store.unit() as work:
            change(work, known)
            add(work, [self._twin(known, other) for other in others])
            work.commit()
        if others:
            alarm = f"{record.symbol}: {len(found)} orders at the exchange share the name {record.client_id}"
            return Settled(known, alarm, Mode.OBSERVE_ONLY)
        if record.standing is Standing.ABSENT:
            alarm = f"{record.symbol}: {record.client_id} was taken for absent, and is at the exchange"
            return Settled(known, alarm, Mode.REDUCE_RISK_ONLY)
        return Settled(known)

    def _twin(self, record: Record, other: VenueOrder) -> Record:
        """Return a further order of a name, kept so that its fills are counted and nothing else is placed."""
        standing, now = reported(Standing.UNKNOWN, other.state), self.clock.micros()
        error = f"{_TWIN}{record.client_id}"
        price = other.price or Decimal(0)
        return Record(
            None, other.symbol, other.side, price, other.qty, standing, other.order_id, error, now, now
        )

    # -- Recording ------------------------------------------------------------------------------------

    def _age(self, record: Record) -> int:
        """Return for how many microseconds an order has stood as it does. Look-ups in vain change nothing."""
        return self.clock.micros() - record.updated

    def _became(
        self,
        record: Record,
        standing: Standing,
        *,
        order_id: str | None = None,
        error: MevaError | None = None,
    ) -> Record:
        changed = self._changed(record, standing, order_id, error)
        with self.store.unit() as work:
            change(work, changed)
            work.commit()
        return changed

    def _changed(
        self, record: Record, standing: Standing, order_id: str | None = None, error: MevaError | None = None
    ) -> Record:
        return evolve(
            record,
            standing=after(record.standing, standing),
            order_id=order_id or record.order_id,
            error=record.error if error is None else str(error),
            updated=self.clock.micros(),
        )


def _resting(view: Reads, symbol: str) -> list[Record]:
    """Return the orders of a symbol that may rest at the exchange, by the index of standings: they are few,
    however long the history."""
    return [r for standing in sorted(MAY_REST) for r in records(view, status=str(standing), symbol=symbol)]


def _is_twin(record: Record) -> bool:
    return record.client_id is None and (record.error or "").startswith(_TWIN)


def _check_single(view: Reads, symbol: str) -> None:
    """Raise IdTaken while two orders of a symbol share a name and the second has not ended."""
    for record in _resting(view, symbol):
        if _is_twin(record):
            raise IdTaken(
                f"{symbol}: order {record.order_id} at the exchange is {record.error}",
                action="cancel one of the two at the exchange's web site; until then nothing is placed here",
            )
