"""What is checked in the moment in which something is sent, against what is true and what the file says then.

I1   no order twice          I24  the mode, the gates, the lease and the canary allow it, and it is planned by
I10  it is on disk first          what is known, and was a short while ago
I18  it sells what it has    I25  no kill switch is on
I27  what is not ours is     I26  what it replaces has ended, with all its fills on record
     left alone              I31  the first cycle of a book that was taken over sends nothing
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from attrs import define, field

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.file_there import FileThere
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import Q, Truth, decimal_of
from meva_adapters.rehearsal.violations import Violated
from meva_core.operating.guards.permit import Canary
from meva_core.orders import Side
from meva_core.venue import NewOrder

_MOST_OFF: Final = Decimal("0.05")
_OLDEST_PLAN: Final = 30
"""Seconds from the end of what a cycle reads to what it sends."""
_READ_FIRST: Final = ("open_orders", "balances")
"""Without them nothing is submitted in a cycle."""
_UNIT: Final = 100
_DAY_SECONDS: Final = 86_400
_CLOCKS_OFF: Final = 300
"""Seconds within which an order may count for the day before."""


@define
class Sent:
    """Watches what leaves. `killed` is the strictest level that any switch has by now, as it is, not as it is
    read; `calls` are those of the process that sends, `stale` is how many seconds its setting lets a price
    be old, `canary` what the program is held to, `adopted` says that the book was taken over."""

    truth: Truth
    file: FileThere
    calls: Calls
    killed: Callable[[], str]
    stale: int
    canary: Canary | None = None
    adopted: bool = False
    bought: dict[str, tuple[int, Decimal]] = field(factory=dict)
    """When each BUY left that was not refused, and its notional, TRY."""
    may_be_there: set[str] = field(factory=set)
    submits: int = 0
    cancels: int = 0

    def submit(self, order: NewOrder, shut: str) -> None:
        """An order leaves now; `shut` says which gate, or the lease, is shut, empty for none."""
        self.submits += 1
        name = order.client_id
        if name in self.may_be_there:
            raise Violated("I1", f"{name} is sent, and may be at the exchange from before")
        self.may_be_there.add(name)
        self._open("submit", name, shut)
        row = self.file.order(name)
        if row is None or row["status"] != "sending":
            stands = "is not in the file" if row is None else f"stands as {row['status']} in the file"
            raise Violated("I10", f"{name} is sent and {stands}")
        if self.killed():
            raise Violated("I25", f"{name} is sent while the kill switch is at {self.killed()}")
        self._adoption(name)
        self._known(order)
        self._mode(order)
        self._canary(order)
        self._collar(order, row["decision_mark_try"])
        self._holds(order)
        self._replaces(name)

    def refused(self, name: str) -> None:
        """The exchange said no to an order, and that was heard: it may be sent again."""
        self.may_be_there.discard(name)
        self.bought.pop(name, None)

    def restored(self, made: int) -> None:
        """A backup of a time took the place of the file, which knows nothing of what was sent after it."""
        self.bought = {name: one for name, one in self.bought.items() if one[0] < made}

    def cancel(self, number: int, shut: str) -> None:
        """A cancel leaves now."""
        self.cancels += 1
        self._open("cancel", str(number), shut)
        if self.killed() == "all":
            raise Violated("I25", f"order {number} is canceled while the kill switch is at all")
        order = self.truth.orders.get(number)
        if order is not None and not self.truth.is_ours(order):
            raise Violated("I27", f"order {number} is canceled, and is not ours: {order.name}")

    # -- One invariant each -------------------------------------------------------------------------------

    def _open(self, kind: str, name: str, shut: str) -> None:
        if shut:
            raise Violated("I24", f"{kind} {name} is sent while {shut}")

    def _adoption(self, name: str) -> None:
        """Another cycle is on record than the one that sends."""
        before = "SELECT 1 FROM live_cycles WHERE book = 'live' LIMIT 1 OFFSET 1"
        if self.adopted and self.file.one(before) is None:
            raise Violated("I31", f"{name} is sent in the first cycle of a book that was taken over")

    def _known(self, order: NewOrder) -> None:
        """What it was planned by was answered in this cycle, and is of a short while ago, as the exchange
        knows it: the account, and what the pair trades at."""
        name, now, arrived = order.client_id, self.truth.time.now, self.calls.arrived
        if lacking := [read for read in _READ_FIRST if read not in arrived.answered]:
            raise Violated("I24", f"{name} is sent in a cycle in which {lacking} had no answer")
        if (age := now - arrived.read_at) > _OLDEST_PLAN * SECOND:
            raise Violated("I24", f"{name} is sent {age / SECOND:.1f} s after all was read that planned it")
        told = arrived.books.get(order.symbol)
        if told is None:
            raise Violated("I24", f"{name} is sent in a cycle in which the pair's book had no answer")
        if (age := now - told) > self.stale * SECOND:
            raise Violated("I24", f"{name} is sent by a book that was told {age / SECOND:.1f} s ago")

    def _mode(self, order: NewOrder) -> None:
        cycle, status, mode = self.file.newest_cycle()
        named = order.client_id.split(":")[1]
        if (named, status) != (cycle, "decided"):
            raise Violated("I24", f"{order.client_id} is sent in cycle {cycle}, which is {status}")
        most = ("NORMAL",) if order.side is Side.BUY else ("NORMAL", "REDUCE_RISK_ONLY")
        if mode not in most:
            raise Violated("I24", f"{order.side.name} {order.client_id} is sent in {mode}")

    def _canary(self, order: NewOrder) -> None:
        if self.canary is None or order.side is not Side.BUY:
            return
        now = self.truth.time.now
        self.bought[order.client_id] = now, order.price * order.qty
        since = now - (_DAY_SECONDS - _CLOCKS_OFF) * SECOND
        day = [notional for at, notional in self.bought.values() if at > since]
        if len(day) > self.canary.count or sum(day) > self.canary.notional_try:
            raise Violated("I24", f"{order.client_id} is BUY {len(day)} of a day, for {sum(day)} TRY in all")

    def _collar(self, order: NewOrder, mark: str | None) -> None:
        if mark is None:
            raise Violated("I24", f"{order.client_id} is sent without a mark to hold its limit against")
        off = (order.price - Decimal(mark)) / Decimal(mark) * (1 if order.side is Side.BUY else -1)
        if off > _MOST_OFF:
            raise Violated("I24", f"{order.client_id} is sent at {order.price}, the mark being {mark}")

    def _holds(self, order: NewOrder) -> None:
        """What our own fills have brought, less what may still be sold of it, covers a SELL."""
        if order.side is Side.BUY or order.symbol in self.truth.excused:
            return
        ours = [one for one in self.truth.ours() if one.pair.name == order.symbol and one.side is Side.SELL]
        resting = sum(one.left for one in ours if not one.state.ended)
        qty = int(order.qty * Q)
        held = self.truth.position(order.symbol) - resting
        # What an order sold is booked in whole units of 10^-8, rounded down.
        if qty > held + _UNIT * len(ours):
            raise Violated(
                "I18",
                f"{order.client_id} sells {order.qty}, and of {order.symbol} {decimal_of(held, 10)} is ours",
            )

    def _replaces(self, name: str) -> None:
        row = self.file.replacement(name)
        if row is None:
            return
        for old in json.loads(row["old_client_order_ids_json"]):
            for place, order in enumerate(self.truth.of_name(old)):
                if place and not self.file.has_number(order.number):
                    continue  # the exchange made it by itself, and no list has shown it so far
                if not order.state.ended:
                    raise Violated("I26", f"{name} is sent, and {old}, which it replaces, rests")
                unseen = sum(one.qty for one in order.fills if one.shown_at > self.truth.time.now)
                if unseen > _UNIT * order.pair.lot:  # which an exchange may round by what it says is filled
                    raise Violated("I26", f"{name} is sent, and fills of {old} are not shown yet")
