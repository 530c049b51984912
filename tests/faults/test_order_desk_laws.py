"""The order desk against an exchange that loses, delays and refuses, in a program that dies anywhere.

The exchange keeps its own books, and the laws compare with those: no order is there twice, none is there that
the database does not know, and once faults are over and time has passed every order's fate is known.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from attrs import define, evolve, field
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meva_adapters.sql import migrate
from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import IdTaken, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.stages.desk import Desk, Patience
from meva_core.stages.live_orders import Record, records
from meva_core.standing import MAY_REST, UNSETTLED, Standing, reported
from meva_core.venue import Accepted, Method, NewOrder, OrderState, VenueOrder

SECOND = 1_000_000
GRACE, WATCH = 120, 86_400


class Killed(BaseException):
    """The program ends here; what it did not store is gone."""


class Fate(Enum):
    """What happens to a write."""

    WELL = "done, and told so"
    LOST_REPLY = "done, and nothing heard"
    LOST_REQUEST = "not done, and nothing heard"
    REFUSED = "not done, and told so"
    NO_FUNDS = "not done, for want of funds"
    UNSENT = "never left"
    KILLED_BEFORE = "the program ends before it is sent"
    KILLED_AFTER = "the program ends before it hears"


FATES = st.sampled_from([*Fate, *[Fate.LOST_REPLY] * 4])
DONE = [Fate.WELL, Fate.LOST_REPLY, Fate.KILLED_AFTER]


@define
class Exchange:
    """Venue, account and clock in one, with books of its own. Orders show `delay` after they were taken."""

    now: int = 1_700_000_000 * SECOND
    fates: list[Fate] = field(factory=list)
    away: bool = False
    delay: int = 0
    orders: dict[str, VenueOrder] = field(factory=dict)
    shown_at: dict[str, int] = field(factory=dict)

    def micros(self) -> int:
        return self.now

    def submit(self, order: NewOrder) -> Accepted:
        fate = self._fate()
        if fate in DONE:
            name = str(1000 + len(self.orders))
            state, word = OrderState.OPEN, "Untouched"
            self.orders[name] = VenueOrder(
                name, order.client_id, order.symbol, order.side, Method.LIMIT, order.price, order.qty,
                order.qty, state, word, self.now, self.now,
            )  # fmt: skip
            self.shown_at[name] = self.now + self.delay
        self._tell(fate)
        return Accepted(name, order.client_id, self.now)

    def cancel(self, order_id: str) -> None:
        fate = self._fate()
        if fate in DONE and self.orders[order_id].state is OrderState.OPEN:
            self.end(order_id, OrderState.CANCELED)
        elif fate is Fate.WELL:
            raise Refused("it has ended", reason=VenueReason.UNKNOWN_ORDER)
        self._tell(fate)

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        self._answer()
        ours = [order for order in self.orders.values() if order.client_id == client_id]
        return [
            order for order in ours if order.symbol == symbol and self.shown_at[order.order_id] <= self.now
        ]

    def order(self, order_id: str) -> VenueOrder | None:
        self._answer()
        found = self.orders.get(order_id)
        return found if found and self.shown_at[order_id] <= self.now else None

    def end(self, order_id: str, state: OrderState) -> None:
        self.orders[order_id] = evolve(self.orders[order_id], state=state)

    def _fate(self) -> Fate:
        return self.fates.pop(0) if self.fates else Fate.WELL

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("nobody answers")

    def _tell(self, fate: Fate) -> None:
        match fate:
            case Fate.LOST_REPLY | Fate.LOST_REQUEST:
                raise OutcomeUnknown("silence")
            case Fate.REFUSED:
                raise Refused("no", reason=VenueReason.PRICE_SCALE)
            case Fate.NO_FUNDS:
                raise Refused("no funds", reason=VenueReason.INSUFFICIENT_FUNDS)
            case Fate.UNSENT:
                raise Unavailable("nothing was sent")
            case Fate.KILLED_BEFORE | Fate.KILLED_AFTER:
                raise Killed


@cache
def template() -> Path:
    path = Path(mkdtemp(prefix="meva-desk-")) / "template.db"
    migrate.ensure(path)
    return path


class Trading(RuleBasedStateMachine):
    """A program that places, cancels, settles, dies and starts again."""

    @initialize(delay=st.sampled_from([0, 5, GRACE - 1, GRACE + 50, 2 * GRACE]))
    def start(self, delay: int) -> None:
        self.exchange = Exchange(delay=delay * SECOND)
        self.path = Path(mkdtemp(prefix="meva-desk-")) / "live.db"
        shutil.copy(template(), self.path)
        self.names = 0
        self.unsent: list[NewOrder] = []
        self.store: SqlStore | None = None
        self._restart()

    def _restart(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = writer(self.path, durable=False)
        venue = self.exchange
        patience = Patience(grace_seconds=GRACE, watch_seconds=WATCH)
        self.desk = Desk(venue, venue, self.store, venue, self._wait, patience)  # type: ignore[arg-type]

    def _wait(self, milliseconds: int) -> None:
        self.exchange.now += milliseconds * SECOND // 1000

    def _known(self) -> dict[str | None, Record]:
        assert self.store is not None
        with self.store.read() as view:
            return {record.client_id: record for record in records(view)}

    @rule(fates=st.lists(FATES, min_size=1, max_size=2), sell=st.booleans())
    def place(self, fates: list[Fate], sell: bool) -> None:
        self.names += 1
        side = Side.SELL if sell else Side.BUY
        order = NewOrder(f"o-{self.names}", "BTCTRY", side, Decimal(100), Decimal(1))
        self._send(order, fates)

    @precondition(lambda self: self.unsent)
    @rule(fate=st.sampled_from(Fate))
    def place_again_what_was_not_sent(self, fate: Fate) -> None:
        self._send(self.unsent.pop(), [fate])

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def place_under_a_name_that_was_used(self, data: st.DataObject) -> None:
        name = f"o-{data.draw(st.integers(1, self.names))}"
        if self._known()[name].standing is not Standing.UNSENT:
            before = len(self.exchange.orders)
            with pytest.raises(IdTaken):
                self.desk.place(NewOrder(name, "BTCTRY", Side.BUY, Decimal(100), Decimal(1)))
            assert len(self.exchange.orders) == before

    def _send(self, order: NewOrder, fates: list[Fate]) -> None:
        self.exchange.fates = fates
        try:
            placed = self.desk.place(order)
        except Killed:
            assert self._known()[order.client_id].standing is Standing.SENDING
            self._restart()
        else:
            assert placed.record == self._known()[order.client_id]
            if placed.record.standing is Standing.UNSENT:
                self.unsent.append(order)
        self.exchange.fates = []

    @precondition(lambda self: self.names)
    @rule(data=st.data(), fate=st.sampled_from(Fate))
    def cancel(self, data: st.DataObject, fate: Fate) -> None:
        self.exchange.fates = [fate]
        try:
            self.desk.cancel(f"o-{data.draw(st.integers(1, self.names))}")
        except Killed:
            self._restart()
        except Unavailable:
            assert fate is Fate.UNSENT or self.exchange.away
        self.exchange.fates = []

    @rule()
    def settle(self) -> None:
        try:
            settled = self.desk.settle()
        except Unavailable:
            assert self.exchange.away
        else:
            known = self._known()
            assert all(known[one.record.client_id] == one.record for one in settled)

    @rule(seconds=st.sampled_from([1, 30, GRACE, GRACE + 1, GRACE + 1]), away=st.booleans())
    def pass_time(self, seconds: int, away: bool) -> None:
        self.exchange.now += seconds * SECOND
        self.exchange.away = away

    @rule(data=st.data())
    def trade(self, data: st.DataObject) -> None:
        resting = [name for name, order in self.exchange.orders.items() if order.state is OrderState.OPEN]
        if resting:
            self.exchange.end(data.draw(st.sampled_from(resting)), OrderState.FILLED)

    @invariant()
    def nothing_is_there_twice_or_unknown(self) -> None:
        if hasattr(self, "exchange"):
            there = [order.client_id for order in self.exchange.orders.values()]
            assert len(there) == len(set(there))
            assert set(there) <= self._known().keys()

    @invariant()
    def what_may_rest_there_is_never_taken_for_ended(self) -> None:
        if hasattr(self, "exchange"):
            known = self._known()
            for order in self.exchange.orders.values():
                standing = known[order.client_id].standing
                late = self.exchange.delay > GRACE * SECOND and standing is Standing.ABSENT
                assert order.state.ended or standing in MAY_REST or late

    def teardown(self) -> None:
        """Let the faults end: then every order's fate is known, and is the exchange's."""
        if not hasattr(self, "exchange"):
            return
        self.exchange.away = False
        for _ in range(4):
            self.exchange.now += (2 * GRACE + 1) * SECOND
            self.desk.settle()
        known = self._known()
        there = {order.client_id: order.state for order in self.exchange.orders.values()}
        for name, record in known.items():
            assert record.standing not in UNSETTLED
            if name in there:
                assert record.standing is reported(Standing.OPEN, there[name])
            else:
                assert record.standing in (Standing.ABSENT, Standing.REJECTED, Standing.UNSENT)
        assert self.store is not None
        self.store.close()
        shutil.rmtree(self.path.parent)


Trading.TestCase.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain}
)
TestTrading = Trading.TestCase
