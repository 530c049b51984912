"""What must be so in the moment in which something is sent: asked anew for each write, once it is signed.

| asked in this order                      | BUY     | SELL                | cancel  |
|------------------------------------------|---------|---------------------|---------|
| kill switch at `all`; at `cancels`       | no; no  | no; no              | no; yes |
| gates, key and secret                    | open    | open                | open    |
| lease ours, its heartbeat fresh          | yes     | yes                 | yes     |
| planned a short while ago at most        | yes     | yes                 | -       |
| its mark current a short while ago       | yes     | yes                 | -       |
| the cycle's mode                         | NORMAL  | to REDUCE_RISK_ONLY | any     |
| the limit near the mark                  | yes     | yes                 | -       |
| canary: count and sum of a day's BUYs    | within  | -                   | -       |

What cannot be read is shut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum
from typing import Final, Protocol, TypeVar

from attrs import define, field, frozen

from meva_core.errors import MevaError
from meva_core.gates import Block
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Kill, Level
from meva_core.orders import Side
from meva_core.venue import EXACT, NewOrder

T = TypeVar("T")

BEAT_SECONDS: Final = 15
"""A heartbeat this old proves no lease."""
PLAN_SECONDS: Final = 30
"""A plan older than this is not carried out."""
COLLAR: Final = Decimal("0.05")
"""How far on the wrong side of the mark a limit may be, of the mark."""
DAY_SECONDS: Final = 86_400


class Write(Enum):
    """What is about to be sent."""

    BUY = "BUY"
    SELL = "SELL"
    CANCEL = "cancel"


class NotPermitted(MevaError):
    """Something that was about to be sent may not be: nothing was sent. `why` is the rule that forbids it."""

    code = "not_permitted"

    def __init__(self, message: str, *, why: str, action: str = "") -> None:
        super().__init__(message, action=action)
        self.why = why


@frozen
class Canary:
    """So many BUYs, for so much in all, in 24 hours; and what the file has of them by now."""

    count: int
    notional_try: Decimal


@frozen
class Current:
    """When the marks were last known to be current, in microseconds of the exchange's clock, by symbol; and
    for how many seconds they are good for an order."""

    at: Mapping[str, int]
    seconds: int


@frozen
class Plan:
    """What a cycle decided that its writes are bound to: when (microseconds of the exchange's clock, and of a
    clock that nobody sets), how much it may do, the marks of its symbols, and how long they are good for:
    None where no order is planned by them."""

    time: int
    monotonic: int
    mode: Mode
    marks: Mapping[str, Decimal] = field(factory=dict)
    canary: Canary | None = None
    current: Current | None = None


class Doors(Protocol):
    """What is looked at before each write, anew each time. Whatever cannot be read raises MevaError."""

    def kill(self) -> Kill | None:
        """Return what wants writes to end, the strictest."""

    def gates(self) -> Sequence[Block]:
        """Return the gates that are shut, the kill switch aside."""

    def lease(self) -> str:
        """Return why the lease of the book does not hold: it is another's, or its heartbeat is older than
        `BEAT_SECONDS` by either clock. Nothing while it holds."""

    def now(self) -> tuple[int, int]:
        """Return microseconds of the exchange's clock, and of a clock that nobody sets."""

    def bought(self, since: int) -> tuple[int, Decimal]:
        """Return count and notional of our own BUYs since a time, in microseconds, that were sent or may have
        been; the one that is about to be sent is among them."""


@frozen
class Permit:
    """Whether something may be sent now. Raises NotPermitted, naming the first rule that forbids it."""

    doors: Doors
    plan: Plan

    def submit(self, order: NewOrder) -> None:
        """Ask for an order, which is on record as about to be sent."""
        kind = Write.BUY if order.side is Side.BUY else Write.SELL
        what = f"{order.client_id}, {kind.value} of {order.symbol}"
        self._ask_doors(kind, what)
        age = self._ask_age(what)
        self._ask_marks(order.symbol, age, what)
        self._ask_mode(kind, what)
        self._ask_collar(order, what)
        if kind is Write.BUY:
            self._ask_canary(what)

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""
        self._ask_doors(Write.CANCEL, f"cancel of order {order_id}")

    def _ask_doors(self, kind: Write, what: str) -> None:
        kill = self._read("kill_switch", what, self.doors.kill)
        if kill is not None and (kill.level is Level.ALL or kind is not Write.CANCEL):
            action = "`meva arm --reason TEXT` lets it go on, once its cause is understood"
            raise NotPermitted(
                f"{what}: not sent, the kill switch is on: {kill}", why="kill_switch", action=action
            )
        for block in self._read("gates", what, self.doors.gates):
            changes = "; ".join(map(str, block.changes))
            raise NotPermitted(f"{what}: not sent, {block.code.value}: {changes}", why=block.code.value)
        if lacking := self._read("lease", what, self.doors.lease):
            raise NotPermitted(f"{what}: not sent, the book is not surely ours: {lacking}", why="lease")

    def _ask_age(self, what: str) -> int:
        """Return how long ago it was planned, in microseconds."""
        time, monotonic = self._read("clock", what, self.doors.now)
        age = max(time - self.plan.time, monotonic - self.plan.monotonic)
        if age > PLAN_SECONDS * MICROS:
            raise NotPermitted(
                f"{what}: not sent, it was planned {age // MICROS} s ago; expected at most {PLAN_SECONDS} s",
                why="plan_too_old",
            )
        return age

    def _ask_marks(self, symbol: str, age: int, what: str) -> None:
        """Ask for the age that the mark has by now, `age` after it was planned by."""
        current = self.plan.current
        if current is None:
            return
        at = current.at.get(symbol)
        passed = None if at is None else max(0, self.plan.time - at) + age
        if passed is None or passed > current.seconds * MICROS:
            when = "at no known time" if passed is None else f"{-(-passed // MICROS)} s ago"
            raise NotPermitted(
                f"{what}: not sent, its mark was current {when}; expected at most {current.seconds} s ago",
                why="stale_market_data",
            )

    def _ask_mode(self, kind: Write, what: str) -> None:
        most = Mode.NORMAL if kind is Write.BUY else Mode.REDUCE_RISK_ONLY
        if self.plan.mode > most:
            raise NotPermitted(f"{what}: not sent, the mode is {self.plan.mode.name}", why="mode")

    def _ask_collar(self, order: NewOrder, what: str) -> None:
        mark = self.plan.marks.get(order.symbol)
        if mark is None:
            raise NotPermitted(
                f"{what}: not sent, there is no mark to hold its limit against", why="price_collar"
            )
        is_buy = order.side is Side.BUY
        edge = EXACT.multiply(mark, 1 + COLLAR if is_buy else 1 - COLLAR)
        if order.price > edge if is_buy else order.price < edge:
            word = "above" if is_buy else "below"
            raise NotPermitted(
                f"{what}: not sent, its limit {order.price:f} is {word} {edge:f}, which is 5 % from the mark "
                f"{mark:f}",
                why="price_collar",
                action="look at the market: nobody meant to pay that",
            )

    def _ask_canary(self, what: str) -> None:
        canary = self.plan.canary
        if canary is None:
            return
        time, _ = self._read("clock", what, self.doors.now)
        count, notional = self._read("canary", what, lambda: self.doors.bought(time - DAY_SECONDS * MICROS))
        if count > canary.count or notional > canary.notional_try:
            raise NotPermitted(
                f"{what}: not sent, with it {count} BUYs of {notional:f} TRY would have been sent in 24 "
                f"hours; the canary may send {canary.count} of {canary.notional_try:f} TRY",
                why="canary",
            )

    @staticmethod
    def _read(name: str, what: str, look: Callable[[], T]) -> T:
        """Look at one thing; what cannot be read is shut."""
        try:
            return look()
        except MevaError as error:
            raise NotPermitted(f"{what}: not sent, {name} cannot be read: {error}", why=name) from error


@define
class Permits:
    """The permits of a run of cycles: each plans once it is decided, and takes that back at its end.

    Outside a plan nothing is sent.
    """

    doors: Doors
    plan: Plan | None = None

    def moment(self) -> tuple[int, int] | None:
        """Return what a plan counts from, if now is when all was known that it is made by; None where the
        time cannot be told."""
        try:
            return Permit._read("clock", "the plan of the cycle", self.doors.now)
        except NotPermitted:
            return None

    @contextmanager
    def planned(
        self,
        mode: Mode,
        at: tuple[int, int] | None,
        marks: Mapping[str, Decimal] | None = None,
        canary: Canary | None = None,
        current: Current | None = None,
    ) -> Iterator[None]:
        """Permit what is planned by what was known `at` a moment, as far as the rules do. Without one there
        is no plan, and each write says so."""
        self.plan = None if at is None else Plan(*at, mode, marks or {}, canary, current)
        try:
            yield
        finally:
            self.plan = None

    def submit(self, order: NewOrder) -> None:
        """Ask for an order, which is on record as about to be sent. Raises NotPermitted."""
        self._permit(order.client_id).submit(order)

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled. Raises NotPermitted."""
        self._permit(f"cancel of order {order_id}").cancel(order_id)

    def _permit(self, what: str) -> Permit:
        if self.plan is None:
            raise NotPermitted(f"{what}: not sent, no cycle has planned it", why="plan")
        return Permit(self.doors, self.plan)
