"""The order desk against an exchange that loses, doubles, delays, forgets and refuses, in a program that dies
anywhere.

The exchange keeps its own books, and the laws compare with those: no order is sent twice, none is there that
the database does not know, none of another's is taken for ours, nothing is sold twice, and once faults are
over and time has passed every order's fate is known. Bugs are planted to see that the laws find them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from tempfile import mkdtemp

import pytest
from attrs import define, evolve, field
from fresh_database import fresh_file
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from strategies import examples

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import IdTaken, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.live import inquiry as order_inquiry
from meva_core.live.desk import Desk, Grace, Settled
from meva_core.live.inquiry import Inquiry
from meva_core.live.live_orders import Record, records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import MAY_REST, UNSETTLED, Standing, reported
from meva_core.orders import Side
from meva_core.venue import Accepted, Balance, Method, NewOrder, OrderState, VenueFill, VenueOrder

SECOND = 1_000_000
GRACE, WATCH = 120, 86_400
HELD = Decimal(1000)


class Killed(BaseException):
    """The program ends here; what it did not store is gone."""


class Fate(Enum):
    """What happens to a write."""

    WELL = "done, and told so"
    TWICE = "done twice, and told so"
    TWICE_UNHEARD = "done twice, and nothing heard"
    WRONG_NUMBER = "done, and told so with a number that there is not"
    LOST_REPLY = "done, and nothing heard"
    LOST_REQUEST = "not done, and nothing heard"
    REFUSED = "not done, and told so"
    NO_FUNDS = "not done, for want of funds"
    TOO_OFTEN = "not done, by something before the exchange"
    LIE = "done, and refused by something before the exchange"
    CLOCK = "not done, for the time it was stamped with"
    UNSENT = "never left"
    KILLED_BEFORE = "the program ends before it is sent"
    KILLED_AFTER = "the program ends before it hears"


FATES = st.sampled_from([*Fate, *[Fate.LOST_REPLY] * 2, *[Fate.WELL] * 4, *[Fate.TWICE] * 2])
TWICE = [Fate.TWICE, Fate.TWICE_UNHEARD]
DONE = [Fate.WELL, Fate.LOST_REPLY, Fate.WRONG_NUMBER, Fate.LIE, Fate.KILLED_AFTER, *TWICE]
NOT_TAKEN = [Fate.TOO_OFTEN, Fate.LIE, Fate.CLOCK]


@define
class Exchange:
    """Venue, account and clock in one, with books of its own.

    Orders show `delay` after they were taken, their fills `fills_delay` after they happened. Names that are
    `deaf` get no answer.
    """

    now: int = 1_700_000_000 * SECOND
    fates: list[Fate] = field(factory=list)
    away: bool = False
    deaf: str | None = None
    delay: int = 0
    fills_delay: int = 0
    orders: dict[str, VenueOrder] = field(factory=dict)
    shown_at: dict[str, int] = field(factory=dict)
    fills: list[tuple[int, str, Decimal]] = field(factory=list)
    forgotten: set[str] = field(factory=set)
    foreign: set[str] = field(factory=set)

    def micros(self) -> int:
        return self.now

    def submit(self, order: NewOrder) -> Accepted:
        fate = self._fate()
        name = "0"
        for _ in range((fate in DONE) + (fate in TWICE)):
            name = self.take(order)
        self._tell(fate)
        return Accepted("77" if fate is Fate.WRONG_NUMBER else name, order.client_id, self.now)

    def take(self, order: NewOrder) -> str:
        name = str(1000 + len(self.orders))
        self.orders[name] = VenueOrder(
            name, order.client_id, order.symbol, order.side, Method.LIMIT, order.price, order.qty,
            order.qty, OrderState.OPEN, "Untouched", self.now, self.now,
        )  # fmt: skip
        self.shown_at[name] = self.now + self.delay
        return name

    def cancel(self, order_id: str) -> None:
        fate = self._fate()
        there = self.orders.get(order_id)
        rests = there is not None and not there.state.ended
        if fate in DONE and fate is not Fate.LIE and rests:
            self.end(order_id, OrderState.CANCELED)
        elif fate in (Fate.WELL, *TWICE, Fate.WRONG_NUMBER):
            raise Refused("it has ended", reason=VenueReason.UNKNOWN_ORDER)
        self._tell(fate)

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        self._answer(client_id)
        ours = [order for order in self.orders.values() if order.client_id == client_id]
        return [order for order in ours if order.symbol == symbol and self._is_shown(order.order_id)]

    def order(self, order_id: str) -> VenueOrder | None:
        found = self.orders.get(order_id)
        self._answer(found.client_id if found else None)
        return found if self._is_shown(order_id) else None

    def _is_shown(self, order_id: str) -> bool:
        return order_id not in self.forgotten and self.shown_at.get(order_id, self.now + 1) <= self.now

    def end(self, order_id: str, state: OrderState) -> None:
        self.orders[order_id] = evolve(self.orders[order_id], state=state)

    def fill(self, order_id: str, *, whole: bool) -> None:
        order = self.orders[order_id]
        assert order.left is not None
        part = order.left if whole else order.left / 2
        state = OrderState.FILLED if whole else OrderState.PARTIAL
        self.orders[order_id] = evolve(order, left=order.left - part, state=state)
        self.fills.append((self.now, order_id, part))

    def shown_fills(self, order_id: str) -> Decimal:
        until = self.now - self.fills_delay
        return sum((qty for at, name, qty in self.fills if name == order_id and at <= until), Decimal(0))

    def order_fills(self, order_id: str) -> list[VenueFill]:
        order, qty = self.orders[order_id], self.shown_fills(order_id)
        self._answer(order.client_id)
        assert order.price is not None
        fill = VenueFill(
            f"f{order_id}",
            order_id,
            None,
            order.symbol,
            order.side,
            order.price,
            qty,
            Decimal(0),
            "TRY",
            self.now,
        )
        return [fill] if qty else []

    def ours(self) -> list[VenueOrder]:
        return [order for name, order in self.orders.items() if name not in self.foreign]

    def _fate(self) -> Fate:
        return self.fates.pop(0) if self.fates else Fate.WELL

    def _answer(self, client_id: str | None) -> None:
        if self.away or (client_id is not None and client_id == self.deaf):
            raise Unavailable("nobody answers")

    def _tell(self, fate: Fate) -> None:
        match fate:
            case Fate.LOST_REPLY | Fate.LOST_REQUEST | Fate.TWICE_UNHEARD:
                raise OutcomeUnknown("silence")
            case Fate.REFUSED:
                raise Refused("no", reason=VenueReason.PRICE_SCALE)
            case Fate.NO_FUNDS:
                raise Refused("no funds", reason=VenueReason.INSUFFICIENT_FUNDS)
            case Fate.TOO_OFTEN | Fate.LIE:
                raise Refused("too many requests", reason=VenueReason.RATE_LIMITED)
            case Fate.CLOCK:
                raise Unavailable("Invalid Nonce", reason=VenueReason.CLOCK)
            case Fate.UNSENT:
                raise Unavailable("nothing was sent")
            case Fate.KILLED_BEFORE | Fate.KILLED_AFTER:
                raise Killed


class Trading(RuleBasedStateMachine):
    """A program that places, cancels, settles, books, dies and starts again."""

    grace = Grace(grace_seconds=GRACE, watch_seconds=WATCH)

    @initialize(
        delay=st.sampled_from([0, 0, 5, GRACE - 1, GRACE + 50, 2 * GRACE]),
        fills_delay=st.sampled_from([0, 60, 5 * GRACE]),
    )
    def start(self, delay: int, fills_delay: int) -> None:
        self.exchange = Exchange(delay=delay * SECOND, fills_delay=fills_delay * SECOND)
        self.path = fresh_file(Path(mkdtemp(prefix="meva-desk-")) / "live.db")
        self.names = 0
        self.unsent: list[NewOrder] = []
        self.doubled: set[str] = set()
        self.alarms: list[str] = []
        self.held, self.booked = HELD, {}  # the ledger
        self.store: SqlStore | None = None
        self._restart()

    def _restart(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = writer(self.path, durable=False)
        venue = self.exchange
        self.desk = Desk(venue, venue, self.store, venue, self._wait, self.grace)  # type: ignore[arg-type]

    def _wait(self, milliseconds: int) -> None:
        self.exchange.now += milliseconds * SECOND // 1000

    def _rows(self) -> dict[int | None, Record]:
        assert self.store is not None
        with self.store.read() as view:
            return {record.row: record for record in records(view, ACCOUNT)}

    def _known(self) -> dict[str, Record]:
        return {record.client_id: record for record in self._rows().values() if record.client_id}

    def _numbered(self) -> dict[str, Record]:
        return {record.order_id: record for record in self._rows().values() if record.order_id}

    @rule(fates=st.lists(FATES, min_size=1, max_size=2), sell=st.booleans())
    def place(self, fates: list[Fate], sell: bool) -> None:
        self.names += 1
        self._send(made(f"o-{self.names}", Side.SELL if sell else Side.BUY), fates)

    @rule(fate=st.sampled_from([Fate.LOST_REQUEST, Fate.LOST_REPLY, Fate.WELL]), sell=st.booleans())
    def place_under_a_name_that_another_has(self, fate: Fate, sell: bool) -> None:
        """Another program uses our names: its order asks something else."""
        self.names += 1
        order = made(f"o-{self.names}", Side.BUY)
        side, qty = (Side.SELL, order.qty) if sell else (Side.BUY, 2 * order.qty)
        self.exchange.foreign.add(self.exchange.take(evolve(order, side=side, qty=qty)))
        self._send(order, [fate])

    @precondition(lambda self: self.unsent)
    @rule(fate=st.sampled_from(Fate))
    def place_again_what_was_not_sent(self, fate: Fate) -> None:
        self._send(self.unsent.pop(), [fate])

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def place_under_a_name_that_was_used(self, data: st.DataObject) -> None:
        known = self._known()
        name = f"o-{data.draw(st.integers(1, self.names))}"
        if name in known and known[name].standing is not Standing.UNSENT:
            before = len(self.exchange.orders)
            with pytest.raises(IdTaken):
                self.desk.place(made(name, Side.BUY))
            assert len(self.exchange.orders) == before

    def _send(self, order: NewOrder, fates: list[Fate]) -> None:
        self.exchange.fates = list(fates)
        try:
            placed = self.desk.place(order)
        except Killed:
            assert self._known()[order.client_id].standing is Standing.SENDING
            self._restart()
        except IdTaken:  # two orders share a name: nothing is placed until one has ended
            assert self.doubled
        else:
            self._note(placed.alarm)
            assert placed.record == self._known()[order.client_id]
            if placed.record.standing is Standing.UNSENT:
                self.unsent.append(order)
        used = fates[: len(fates) - len(self.exchange.fates)]
        if set(used) & set(TWICE):
            self.doubled.add(order.client_id)
        self.exchange.fates = []

    @precondition(lambda self: self.names)
    @rule(data=st.data(), fate=st.sampled_from(Fate))
    def cancel(self, data: st.DataObject, fate: Fate) -> None:
        known = self._rows()
        if not known:
            return
        record = data.draw(st.sampled_from(list(known.values())))
        self.exchange.fates = [fate]
        try:
            if record.client_id is None:
                canceled = self.desk.cancel(order_id=record.order_id)
            else:
                canceled = self.desk.cancel(record.client_id)
        except Killed:
            self._restart()
        except Unavailable:
            assert fate is Fate.UNSENT
        else:
            self._note(canceled.alarm)
            assert canceled.record == self._rows()[record.row]
            if fate in NOT_TAKEN and not self.exchange.fates:
                assert "was not canceled" in canceled.alarm
                assert canceled.record.error
        self.exchange.fates = []

    @rule()
    def settle(self) -> None:
        settled = self.desk.settle()
        known = self._rows()
        assert all(known[one.record.row] == one.record for one in settled)
        for one in settled:
            self._note(one.alarm)
            order = self.exchange.orders.get(one.record.order_id)
            if self.exchange.away or (self.exchange.deaf == one.record.client_id and one.record.client_id):
                assert "nobody answers" in one.alarm or one.record.order_id == "77"
            elif order is not None and order.state.ended and order.order_id not in self.exchange.forgotten:
                late = self.exchange.delay and one.record.standing in (*MAY_REST, Standing.ABSENT)
                assert one.record.standing is reported(Standing.OPEN, order.state) or late

    def _note(self, alarm: str) -> None:
        if alarm:
            self.alarms.append(alarm)

    @rule(seconds=st.sampled_from([1, 30, GRACE, GRACE + 1, GRACE + 1]), away=st.booleans())
    def pass_time(self, seconds: int, away: bool) -> None:
        self.exchange.now += seconds * SECOND
        self.exchange.away = away

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def turn_a_deaf_ear(self, data: st.DataObject) -> None:
        names = [None, *(f"o-{number + 1}" for number in range(self.names))]
        self.exchange.deaf = data.draw(st.sampled_from(names))

    @rule(data=st.data(), whole=st.booleans())
    def trade(self, data: st.DataObject, whole: bool) -> None:
        resting = [order.order_id for order in self.exchange.ours() if not order.state.ended]
        if resting:
            self.exchange.fill(data.draw(st.sampled_from(resting)), whole=whole)

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """The exchange loses an order that it had: nothing of it is ever shown again."""
        numbered = self._numbered()
        open_there = [
            o for o in self.exchange.ours() if o.state is OrderState.OPEN and o.order_id in numbered
        ]
        if open_there:
            name = data.draw(st.sampled_from(open_there)).order_id
            self.exchange.end(name, OrderState.CANCELED)
            self.exchange.forgotten.add(name)

    @rule()
    def book(self) -> None:
        """Put the fills that show into the ledger, and tell the desk so in the same unit of work."""
        assert self.store is not None
        with self.store.unit() as work:
            for number, record in self._numbered().items():
                shown = self.exchange.shown_fills(number)
                more = shown - self.booked.get(number, Decimal(0))
                if more:
                    self.desk.book(work, record, shown)
                    self.booked[number] = shown
                    self.held += -more if record.side is Side.SELL else more
            work.commit()

    @invariant()
    def the_laws_hold(self) -> None:
        if hasattr(self, "exchange"):
            stored = self._rows().values()
            known = {record.client_id: record for record in stored if record.client_id}
            numbered = {record.order_id: record for record in stored if record.order_id}
            self._nothing_is_there_twice_or_unknown(known)
            self._what_is_taken_for_ours_asks_what_we_asked(numbered)
            pairs = [
                (order, numbered.get(order.order_id, known[order.client_id]))
                for order in self.exchange.ours()
            ]
            self._what_may_rest_there_is_never_taken_for_ended(pairs)
            self._nothing_is_sold_that_was_sold_before(pairs)

    def _nothing_is_there_twice_or_unknown(self, known: dict[str, Record]) -> None:
        there = [order.client_id for order in self.exchange.ours()]
        assert all(there.count(name) <= 1 + (name in self.doubled) for name in there)
        assert set(there) <= known.keys()

    def _what_is_taken_for_ours_asks_what_we_asked(self, numbered: dict[str, Record]) -> None:
        for number, record in numbered.items():
            assert number not in self.exchange.foreign
            if number in self.exchange.orders:
                order = self.exchange.orders[number]
                assert (order.symbol, order.side, order.price, order.qty) == record.content

    def _what_may_rest_there_is_never_taken_for_ended(self, pairs: list[tuple[VenueOrder, Record]]) -> None:
        for order, record in pairs:
            late = self.exchange.delay > GRACE * SECOND and record.standing is Standing.ABSENT
            unseen = record.order_id != order.order_id and (
                order.client_id in self.doubled or record.standing is Standing.REJECTED
            )
            assert order.state.ended or record.standing in MAY_REST or late or unseen

    def _nothing_is_sold_that_was_sold_before(self, pairs: list[tuple[VenueOrder, Record]]) -> None:
        gone = Decimal(0)
        for order, record in pairs:
            alone = record.order_id == order.order_id or order.client_id not in self.doubled
            counts = record.standing not in (Standing.ABSENT, Standing.REJECTED) and alone
            if order.side is Side.SELL and counts:
                filled = order.filled or Decimal(0)
                rests = Decimal(0) if order.state.ended else order.qty - filled
                gone += rests + filled - self.booked.get(order.order_id, Decimal(0))
        if gone:
            balance = Balance("BTC", 2 * HELD, Decimal(0))
            assert self.desk.sellable("BTCTRY", self.held, balance) <= self.held - gone

    def teardown(self) -> None:
        """Let the faults end: then every order's fate is known, and is the exchange's."""
        if not hasattr(self, "exchange"):
            return
        try:
            self.exchange.away, self.exchange.deaf = False, None
            before: dict[int | None, Record] = {}
            for turn in range(8):
                self.exchange.now += (2 * GRACE + 1) * SECOND
                self.settle()
                self.book()
                rows = self._rows()
                # By the fourth all that shows late has shown: what is settled then and stays is so for good.
                if turn >= 3 and rows == before and not any(r.standing in UNSETTLED for r in rows.values()):
                    break
                before = rows
            self._compare()
        finally:
            assert self.store is not None
            self.store.close()
            shutil.rmtree(self.path.parent)

    def _compare(self) -> None:
        known, numbered = self._known(), self._numbered()
        assert not [record for record in known.values() if record.standing in UNSETTLED]
        shown = [order for order in self.exchange.ours() if order.order_id not in self.exchange.forgotten]
        punctual = self.exchange.delay <= GRACE * SECOND
        for order in shown:
            if order.order_id in numbered:
                standing = numbered[order.order_id].standing
                assert standing is reported(Standing.OPEN, order.state)
            else:
                assert not punctual, "an order that nobody knows"
        for record in known.values():
            if record.standing in MAY_REST:
                assert record.order_id in {order.order_id for order in shown}
            elif record.standing is Standing.ABSENT and record.order_id is not None:
                assert any(f"{record.client_id} is not at the exchange" in alarm for alarm in self.alarms)
        for name in self.doubled:
            if sum(order.client_id == name for order in shown) == 2 and punctual:
                assert any(f"share the name {name}" in alarm for alarm in self.alarms)
        if punctual:
            booked = {record.order_id for record, _ in self.desk.unbooked()}
            assert booked <= {record.order_id for record in numbered.values() if record.standing in MAY_REST}


def made(name: str, side: Side) -> NewOrder:
    return NewOrder(name, "BTCTRY", side, Decimal(100), Decimal(1))


PHASES = set(Phase) - {Phase.shrink, Phase.explain}
Trading.TestCase.settings = examples(0.5, stateful_step_count=30, phases=PHASES)
TestTrading = Trading.TestCase


# -- Planted bugs -------------------------------------------------------------------------------------


def _send_again(self: Desk, order: NewOrder) -> Accepted:
    try:
        return self.venue.submit(order)
    except OutcomeUnknown:
        return self.venue.submit(order)


SEEDS = (2, 1, *range(3, 13))
"""As many searches as the best hidden of the bugs may take, those that find it soonest today first."""
# That what has filled is released before it is booked is held by an example: searches find it too rarely.
BUGS: dict[str, tuple[object, str, object]] = {
    "what was not heard of is sent again": (Desk, "_sent", _send_again),
    "twins are not looked for": (Inquiry, "is_check_due", lambda self, record, watch: False),
    "whatever has our name is ours": (order_inquiry, "is_same", lambda record, order: True),
    "one look in vain is proof": (Trading, "grace", Grace(0, WATCH, looks=1)),
    "no number of looks in vain is proof": (Trading, "grace", Grace(GRACE, WATCH, looks=10**9)),
    "a refused cancel is not told": (Desk, "_not_canceled", lambda self, record, error: Settled(record)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, planted = BUGS[bug]
    monkeypatch.setattr(place, name, planted)
    assert any(map(breaks_a_law, SEEDS))


def breaks_a_law(number: int) -> bool:
    """Whether a search finds a course of events that breaks one. Its seed is its own: without one it goes by
    the text of the class, and each edit is another search."""
    searching = settings(
        max_examples=60, stateful_step_count=30, deadline=None, database=None,
        phases={Phase.generate}, report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(seed(number)(type("Trading", (Trading,), {})), settings=searching)
    except AssertionError:
        return True
    return False
