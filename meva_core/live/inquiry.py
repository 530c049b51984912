"""Asking an exchange what became of an order, by its number and by our name for it, and recording that.

An answer is looked at before it is believed: what is shown under our name may be another's, or be there
twice; what is not shown may be late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from meva_core.errors import BadInput, MevaError, NotShown, Refused, Unavailable, VenueError, VenueReason
from meva_core.live.booking import sum_of
from meva_core.live.live_orders import Record, add, change, is_number, records
from meva_core.live.matching import Alarm, Look, is_same, under_one_name
from meva_core.live.owner import Owner
from meva_core.live.standing import ENDED, MAY_REST, Standing, after, reported
from meva_core.live.watch import Watch, Watches, has_namesake, load, save, unbooked
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.ports import Account, Clock, Store, UnitOfWork, Venue
from meva_core.venue import OrderState, VenueOrder


@frozen
class Grace:
    """How long what is not seen is believed to be on its way.

    An order that was not found `grace_seconds` after it was sent, or first missed, and was looked for `looks`
    times counts as absent, and is looked for even then for `watch_seconds`. As long it is believed to be
    there if nobody could look, as its pair was refused. `pause_ms` pass before funds that an order which
    just ended may still tie up are asked for once more.
    """

    grace_seconds: int = 120
    watch_seconds: int = 86_400
    pause_ms: int = 150
    looks: int = 3


@frozen
class Settled:
    """What asking for an order brought. `mode` is the most that should be done until a person has looked.

    With an alarm nothing should be placed in the order's symbol. `record` is None for a row of the database
    that cannot be read. `reason` is what an answer to something sent was about that was no acceptance,
    whether it proved something or not. `asked` says that asking brought an answer: without one the order
    stands as before. `is_absence` says that its being absent is all there is to the alarm.
    """

    record: Record | None
    alarm: str = ""
    mode: Mode = Mode.NORMAL
    reason: VenueReason | None = None
    asked: bool = True
    is_absence: bool = False


@frozen
class Inquiry:
    """Where orders of an owner are asked for, and where what they became is recorded. `shared` are names
    of which a person has said that more than one order may have them."""

    venue: Venue
    account: Account
    store: Store
    clock: Clock
    grace: Grace
    owner: Owner
    shared: frozenset[str] = frozenset()

    def settled(self, record: Record, *, check: bool = True) -> Settled:
        """Ask what became of an order. What keeps it from being asked for is named in the alarm.

        Without `check` its name is looked for only where its number is not enough. Raises StoreError if what
        it became could not be recorded.
        """
        with self.store.read() as view:
            watch = load(view, self.owner).of(record)
        try:
            look = self._look(record, is_check=check and self.is_check_due(record, watch))
        except (VenueError, BadInput) as error:
            mode = Mode.REDUCE_RISK_ONLY if isinstance(error, Unavailable) else Mode.OBSERVE_ONLY
            alarmed = _alarmed(record, [(f"{record.label} cannot be asked for: {error}", mode)])
            return evolve(alarmed, asked=False)
        return self._taken(record, watch, look)

    def shown(self, record: Record, order: VenueOrder) -> Settled:
        """Take what a list of orders says of an order, by its number, without asking for it.

        Raises StoreError if it could not be recorded.
        """
        with self.store.read() as view:
            watch = load(view, self.owner).of(record)
        return self._taken(record, watch, self._sorted(record, [order], [], is_check=False))

    def named(self, record: Record, orders: Sequence[VenueOrder]) -> Settled:
        """Take what lists of all orders of a symbol say of one there, by its number and its name, without
        asking for it. Raises StoreError if it could not be recorded."""
        with self.store.read() as view:
            watch = load(view, self.owner).of(record)
        of_name = record.name is not None
        found = [
            order
            for order in orders
            if (of_name and order.client_id == record.name)
            or (record.order_id is not None and order.order_id == record.order_id)
        ]
        return self._taken(record, watch, self._sorted(record, found, [], is_check=True))

    def is_check_due(self, record: Record, watch: Watch) -> bool:
        """Whether to look for twins, and for words that changed: at once, and again after a while."""
        if record.standing is Standing.ABSENT:
            return True
        if watch.checks == 0:
            return True
        return watch.checks == 1 and self._is_older(record, self.grace.grace_seconds)

    def is_due(self, record: Record, watch: Watch) -> bool:
        """Whether an order that no longer rests is to be asked for all the same."""
        if record.standing is Standing.ABSENT:
            is_watched = not _is_made_up(record, watch) and not self._is_older(
                record, self.grace.watch_seconds
            )
            return watch.once or is_watched
        return record.standing in ENDED and self.is_check_due(record, watch)

    def recorded(
        self,
        record: Record,
        standing: Standing,
        *,
        order_id: str | None = None,
        error: MevaError | None = None,
        watch: Watch | None = None,
    ) -> Record:
        """Record where an order stands now; `watch` replaces what is remembered of it."""
        changed = self._changed(record, standing, order_id, error)
        with self.store.unit() as work:
            watches = load(work, self.owner)
            self._store(work, changed, watches.of(record) if watch is None else watch, watches)
            work.commit()
        return changed

    def is_over(self, record: Record, watch: Watch) -> bool:
        """Whether nothing more is expected of an order."""
        if record.standing in MAY_REST:
            return False
        if record.standing is Standing.ABSENT:
            return not self.is_due(record, watch) and not unbooked(record, watch)
        checked = record.standing is Standing.UNSENT or watch.checks >= 2
        more_came = watch.filled is not None and watch.booked > watch.filled and not watch.complete
        return checked and not more_came and not unbooked(record, watch)

    # -- Looking --------------------------------------------------------------------------------------

    def _look(self, record: Record, *, is_check: bool) -> Look:
        """Look an order up by its number; by its name, too, if that is due, or if it is not there."""
        try:
            return self._shown_of(record, is_check=is_check)
        except NotShown as error:
            # It was there, and has filled; as far as orders go, that is a look in vain.
            number = error.order_ids[0] if len(error.order_ids) == 1 else None
            return Look(None, is_check=is_check, number=record.order_id or number)

    def _shown_of(self, record: Record, *, is_check: bool) -> Look:
        named, notes = self._by_name(record) if is_check or record.order_id is None else (None, [])
        is_refused = bool(notes) and record.order_id is None
        found = {order.order_id: order for order in named or ()}
        if record.order_id is not None and record.order_id not in found:
            order, more = self._by_number(record.order_id)
            notes += more
            if order is not None:
                found[order.order_id] = order
        own = found.get(record.order_id or "")
        if named is None and (own is None or not is_same(record, own)):
            named, more = self._by_name(record)
            notes += more
            found |= {order.order_id: order for order in named}
        look = self._sorted(record, list(found.values()), notes, is_check)
        return evolve(look, is_refused=is_refused)

    def _by_name(self, record: Record) -> tuple[list[VenueOrder], list[Alarm]]:
        if record.name is None:
            return [], []
        try:
            # Before it was recorded it was not sent; a minute covers clocks that were read apart.
            since = max(0, record.created // MICROS - 60)
            return list(self.venue.find(record.symbol, record.name, since)), []
        except Refused as error:
            if error.reason is not VenueReason.UNKNOWN_SYMBOL:
                raise
            return [], [(str(error), Mode.REDUCE_RISK_ONLY)]

    def _by_number(self, order_id: str) -> tuple[VenueOrder | None, list[Alarm]]:
        try:
            return self.account.order(order_id), []
        except BadInput as error:
            if is_number(order_id):
                raise
            return None, [(str(error), Mode.OBSERVE_ONLY)]

    def _sorted(
        self, record: Record, found: Sequence[VenueOrder], notes: Sequence[Alarm], is_check: bool
    ) -> Look:
        """Tell the order itself from its twins and from strangers."""
        same = [order for order in found if is_same(record, order)]
        strangers = [order for order in found if order not in same]
        own = next((order for order in same if order.order_id == record.order_id), None)
        if own is None and record.standing not in (Standing.FILLED, Standing.CANCELED):
            with self.store.read() as view:
                free = (o for o in same if not records(view, self.owner, exchange_order_id=o.order_id))
                own = next(free, None)
        return Look(own, [order for order in same if order is not own], strangers, notes, is_check)

    # -- Taking over ----------------------------------------------------------------------------------

    def _taken(self, record: Record, watch: Watch, look: Look) -> Settled:
        """Record what a look brought, and say what is alarming about it."""
        alarms = [(f"{record.label} cannot be asked for: {note}", mode) for note, mode in look.notes]
        before = watch
        if look.own is None:
            missed = record if look.number is None else evolve(record, order_id=look.number)
            changed, watch, more = self._missed(missed, watch, look)
        else:
            changed, watch, more = self._seen(record, watch, look.own)
        if _begins(record, changed):
            watch = evolve(watch, checks=0)
        elif look.is_check and (not look.is_refused or self._is_older(record, self.grace.watch_seconds)):
            watch = evolve(watch, checks=watch.checks + 1)
        is_new = False
        if look.twins or changed != record or watch != before:
            with self.store.unit() as work:
                watches = load(work, self.owner)
                now = watches.of(record)  # what was booked meanwhile stays booked
                grew = watch.filled is not None and watch.filled > max(before.filled or 0, now.booked)
                is_complete = now.complete and not grew and changed.standing not in MAY_REST
                kept = evolve(watch, booked=now.booked, complete=is_complete)
                self._store(work, changed, kept, watches)
                is_new = self._add_twins(work, changed, look.twins)
                work.commit()
        alarms += [*more, *self._namesakes(changed, watch)]
        if record.name not in self.shared:
            alarms += under_one_name(record, look, is_new)
        is_absence = changed.standing is Standing.ABSENT and bool(more) and alarms == more
        return evolve(_alarmed(changed, alarms), is_absence=is_absence)

    def _namesakes(self, record: Record, watch: Watch) -> list[Alarm]:
        """Say that a second order of a name and the first may both rest."""
        if watch.twin_of is None:
            return []
        with self.store.read() as view:
            is_open = has_namesake(view, load(view, self.owner), record, self.shared)
        text = f"{record.label} is a second order under the name {watch.twin_of}"
        return [(text, Mode.OBSERVE_ONLY)] if is_open else []

    def _seen(self, record: Record, watch: Watch, own: VenueOrder) -> tuple[Record, Watch, list[Alarm]]:
        overdue = self._is_older(record, self.grace.grace_seconds)
        if not record.asks:
            record = record.asking(own.qty, own.price)
        was = Standing.UNKNOWN if record.standing is Standing.REJECTED else record.standing
        news = reported(was, own.state, overdue=overdue)
        if news is Standing.UNKNOWN:  # from a word that is not known
            news = record.standing if record.standing is not Standing.SENDING else news
        alarms: list[Alarm] = []
        if record.order_id not in (None, own.order_id):
            text = f"{record.label} has the number {own.order_id} at the exchange, not {record.order_id}"
            alarms.append((text, Mode.REDUCE_RISK_ONLY))
        if record.standing is Standing.ABSENT and not (watch.once and own.state.ended):
            text = f"{record.label} was taken for absent, and is at the exchange"
            alarms.append((text, Mode.REDUCE_RISK_ONLY))
        if record.standing is Standing.REJECTED and own.state is not OrderState.REJECTED:
            text = f"{record.label} was taken for refused, and is at the exchange"
            alarms.append((text, Mode.REDUCE_RISK_ONLY))
        if record.standing is Standing.CANCEL_REQUESTED and news in (
            Standing.OPEN,
            Standing.PARTIALLY_FILLED,
        ):
            text = f"{record.label} was to be canceled, and rests at the exchange: cancel it again"
            alarms.append((text, Mode.REDUCE_RISK_ONLY))
        if own.state is OrderState.UNKNOWN:
            text = f"{record.label} is {own.status[:60]!r} at the exchange, a word that is not known"
            alarms.append((text, Mode.REDUCE_RISK_ONLY))
        filled = own.qty if own.filled is None and own.state is OrderState.FILLED else own.filled
        known = [amount for amount in (watch.filled, filled) if amount is not None]
        watch = evolve(
            watch, looks=0, missing=None, known=True, once=False, filled=max(known) if known else None
        )
        return self._changed(record, news, own.order_id), watch, alarms

    def _missed(self, record: Record, watch: Watch, look: Look) -> tuple[Record, Watch, list[Alarm]]:
        """Count a look in vain. Only several of them, over a while, make an order absent; a refusal
        is none, and gives an order up only after a whole watch of it."""
        known = watch.known or record.adopted or record.standing not in (Standing.SENDING, Standing.UNKNOWN)
        if record.standing not in MAY_REST:
            still = record.standing is Standing.ABSENT and watch.known and not (watch.once or watch.filled)
            alarms = [(f"{record.label} is not at the exchange", Mode.REDUCE_RISK_ONLY)] if still else []
            return record, evolve(watch, once=False), alarms
        if look.number is None and _is_made_up(record, watch):
            return self._changed(record, Standing.ABSENT), Watch(), []
        now = self.clock.micros()
        missing = now if watch.missing is None else watch.missing
        looks = watch.looks + (not look.is_refused)
        watch = evolve(watch, looks=looks, missing=missing, known=known)
        never_seen = record.standing in (Standing.SENDING, Standing.UNKNOWN) and not watch.known
        # A stamp may be of a clock that was ahead; what was missed was missed since then at the latest.
        waited = now - (min(record.updated, missing) if never_seen else missing)
        enough = self.grace.watch_seconds if look.is_refused else self.grace.grace_seconds
        if (look.is_refused or looks >= self.grace.looks) and waited >= enough * MICROS:
            return self._gone(record, watch)
        return self._still_missed(record), watch, []

    def _gone(self, record: Record, watch: Watch) -> tuple[Record, Watch, list[Alarm]]:
        """Give up an order that was missed often and long enough, unless its fills cannot be read. One that
        has filled is no reason for alarm: all of it, and that was its end; else it ends with their sum."""
        try:
            fills = [] if record.order_id is None else self.account.order_fills(record.order_id)
        except (VenueError, BadInput) as error:
            text = f"{record.label} is not at the exchange, and its fills cannot be asked for: {error}"
            return self._still_missed(record), watch, [(text, Mode.REDUCE_RISK_ONLY)]
        filled = max([sum_of(fill.qty for fill in fills), watch.booked, watch.filled or watch.booked])
        watch = evolve(watch, filled=filled or watch.filled)
        if filled and filled >= record.qty:
            return self._changed(record, Standing.FILLED), watch, []
        text = f"{record.label} is not at the exchange, and was {record.standing.name}"
        alarms = [(text, Mode.REDUCE_RISK_ONLY)] if watch.known and not filled else []
        return self._changed(record, Standing.ABSENT), watch, alarms

    def _still_missed(self, record: Record) -> Record:
        news = Standing.UNKNOWN if record.standing is Standing.SENDING else record.standing
        return self._changed(record, news)

    # -- Recording ------------------------------------------------------------------------------------

    def _store(self, work: UnitOfWork, record: Record, watch: Watch, watches: Watches) -> None:
        """Store an order and what is remembered of it, as long as more is expected of it; `watches` are those
        of all orders as the unit of work has them."""
        change(work, record, watch.filled, complete=watch.complete)
        kept = watches.having(record.stored, None if self.is_over(record, watch) else watch)
        if kept != watches:
            save(work, kept, self.clock.micros())

    def _add_twins(self, work: UnitOfWork, record: Record, twins: Iterable[VenueOrder]) -> bool:
        """Keep further orders of a name, so that they are asked for and their fills are counted.

        Returns whether there was any that was not kept already.
        """
        now = self.clock.micros()
        new = [order for order in twins if not records(work, self.owner, exchange_order_id=order.order_id)]
        for order in new:
            standing = reported(Standing.UNKNOWN, order.state)
            error = f"a second order under the name {record.name}"
            add(work, self.owner, [Record(
                None, order.symbol, order.side, record.price, order.qty, standing, order.order_id, error,
                record.created, now,
            )])  # fmt: skip
            (twin,) = records(work, self.owner, exchange_order_id=order.order_id)
            watch = Watch(known=True, twin_of=record.name, filled=order.filled)
            save(work, load(work, self.owner).having(twin.stored, watch), now)
        return bool(new)

    def _changed(
        self, record: Record, standing: Standing, order_id: str | None = None, error: MevaError | None = None
    ) -> Record:
        moved = standing is not record.standing
        return evolve(
            record,
            standing=after(record.standing, standing),
            order_id=order_id or record.order_id,
            error=record.error if error is None else str(error),
            updated=self.clock.micros() if moved else record.updated,
        )

    def _is_older(self, record: Record, seconds: int) -> bool:
        """Whether an order has stood as it does for longer. Look-ups in vain change nothing."""
        return self.clock.micros() - record.updated > seconds * MICROS


def _is_made_up(record: Record, watch: Watch) -> bool:
    """Whether a row of the earlier system has a number that no exchange gave it: it is of a rehearsal, and
    ends with the first look in vain. What was at the exchange has whatever number that gave it."""
    return record.order_id is not None and not is_number(record.order_id) and not watch.known


def _begins(before: Record, now: Record) -> bool:
    """Whether an order was accepted, or ended, or found to be another: it is to be checked anew."""
    if now.order_id != before.order_id:
        return True
    if now.standing is before.standing:
        return False
    return now.standing in ENDED or before.standing not in MAY_REST or before.standing is Standing.SENDING


def _alarmed(record: Record, alarms: Sequence[Alarm]) -> Settled:
    text = "; ".join(dict.fromkeys(text for text, _ in alarms))
    alarm = f"{record.symbol}: {text}" if text else ""
    return Settled(record, alarm, max((mode for _, mode in alarms), default=Mode.NORMAL))
