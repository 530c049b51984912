"""What a cycle of Stages 3 and 4 decides by: one canonical document.

Amounts are e8 integers, times seconds of the exchange's clock unless they say otherwise. Everything with a
name is kept sorted by it, so the order in which things were read changes no digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

from attrs import Factory, field, frozen
from attrs.validators import in_

from meva_core.amounts import midpoint
from meva_core.modes import Mode
from meva_core.operational.documents import Amount
from meva_core.operational.limits import Limits
from meva_core.orders import Side
from meva_core.rules import SymbolRules

T = TypeVar("T")
QUOTE: Final = "TRY"
MICROS: Final = 10**6
UNKNOWN: Final = frozenset({"sending", "unknown"})
"""Standings of orders that may or may not be there (`live.standing.Standing`)."""
CANCELABLE: Final = frozenset({"open", "partially_filled"})
"""Standings of orders that rest, as far as we know, and were not asked to end."""
RESTS: Final = UNKNOWN | CANCELABLE | {"cancel_requested"}
"""Standings of orders that may rest at the exchange."""


def _by(*names: str) -> Any:
    """Return a field of things sorted by their attributes."""

    def ordered(values: Iterable[T]) -> tuple[T, ...]:
        return tuple(sorted(values, key=lambda value: [getattr(value, name) for name in names]))

    return field(converter=ordered, factory=tuple)


# -- The market ---------------------------------------------------------------------------------------


@frozen(kw_only=True)
class SymbolView:
    """One pair as this cycle measured it; None where there is no value.

    `mark` is this cycle's, `valuation` the last one that there was, `age` of its book in seconds, none
    without a book. `last`, `high`, `low` and `quote_volume` are the ticker's, of 24 hours, `ticker_age` its
    seconds. Ages are those at the time at which it is decided. `listed` is false for what the exchange no
    longer has.
    """

    name: str
    rules: SymbolRules
    bid: Amount | None = None
    ask: Amount | None = None
    bid_size: Amount | None = None
    ask_size: Amount | None = None
    mark: Amount | None = None
    valuation: Amount | None = None
    last: Amount | None = None
    high: Amount | None = None
    low: Amount | None = None
    quote_volume: Amount | None = None
    age: int | None = None
    ticker_age: int | None = None
    listed: bool = True

    @property
    def mid(self) -> int | None:
        """The middle of the book, HALF_EVEN; None for one that is one-sided or crossed."""
        if not self.bid or not self.ask or self.bid > self.ask:
            return None
        return midpoint(self.bid, self.ask)

    @property
    def base(self) -> str:
        """The asset that is traded."""
        return self.name.removesuffix(self.rules.quote or QUOTE)

    def data_age(self, *, by_last: bool) -> int | None:
        """How old what its mark is made of is, in seconds: its book, and its ticker where that is the last
        price (`by_last`, or without a middle); None where it lacks."""
        ages = (self.age, self.ticker_age) if by_last or self.mid is None else (self.age,)
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) else None


@frozen(kw_only=True)
class Bars:
    """Finished bars of one interval, oldest first; prices and volumes [bars][symbols], None where there was
    no candle. `time` is when each was complete, `known` from when on it was seen, seconds."""

    symbols: tuple[str, ...]
    time: tuple[int, ...]
    known: tuple[int, ...]
    open: tuple[tuple[Amount | None, ...], ...]
    high: tuple[tuple[Amount | None, ...], ...]
    low: tuple[tuple[Amount | None, ...], ...]
    close: tuple[tuple[Amount | None, ...], ...]
    volume: tuple[tuple[Amount | None, ...], ...]


# -- The account --------------------------------------------------------------------------------------


@frozen
class Position:
    """What the book holds of a symbol: quantity, what it cost in all with fees (average cost), and its value
    at the valuation mark."""

    symbol: str
    qty: Amount
    cost: Amount
    value: Amount


@frozen
class BookView:
    """The live book as it stands after settling, fills and balances."""

    cash: Amount
    positions: tuple[Position, ...] = _by("symbol")

    @cached_property
    def equity(self) -> int:
        """Cash and all values."""
        return self.cash + self.exposure

    @cached_property
    def exposure(self) -> int:
        """All values."""
        return sum(position.value for position in self.positions)


@frozen
class Balances:
    """What the exchange shows, by asset: `free`; and `unexplained`, its total less what our books say. An
    asset that it did not show is in neither."""

    free: Mapping[str, Amount] = Factory(dict)
    unexplained: Mapping[str, Amount] = Factory(dict)


@frozen(kw_only=True)
class OwnOrder:
    """An order of ours that may rest, or whose fills are not all booked.

    `left` is what is not booked of its quantity or, ended, of its filled quantity. `standing` is the word of
    the database, `created` microseconds. `decision_mark` is none for an adopted order.
    """

    client_id: str
    exchange_id: str | None
    symbol: str
    side: Side
    price: Amount
    qty: Amount
    left: Amount
    standing: str
    created: int
    decision_mark: Amount | None = None
    purpose: str = ""
    strategy: str = ""

    @property
    def known(self) -> bool:
        """Whether it is known where it stands."""
        return self.standing not in UNKNOWN

    @property
    def rests(self) -> bool:
        """Whether it may rest at the exchange."""
        return self.standing in RESTS

    @property
    def cancelable(self) -> bool:
        """Whether it rests, and nothing has been asked of it yet."""
        return self.standing in CANCELABLE


@frozen
class Sent:
    """When the last order of a symbol and side was made that was neither unsent nor rejected;
    microseconds."""

    symbol: str
    side: Side
    created: int


# -- What is carried from cycle to cycle ------------------------------------------------------------------


@frozen(kw_only=True)
class RiskState:
    """What equity is measured against, as it stands with this cycle's equity taken in (`live_book.figures`).

    `peak` is that of the risk budget, `percent_peak` that of the percent rule. `day` counts UTC days since
    1970, `day_open` is the equity after the last cycle before it. Fees and realized profit of the day
    (average cost) are the book's. `breached` are the limits of loss that were breached in the cycle before
    (`day`, `peak`), of the day `breached_day`; `killed_day` and `killed_at_peak` say for which the switch was
    set already.
    """

    peak: Amount
    percent_peak: Amount
    day: int
    day_open: Amount
    fees_today: Amount = 0
    realized_today: Amount = 0
    breached: tuple[str, ...] = ()
    breached_day: int | None = None
    killed_day: int | None = None
    killed_at_peak: bool = False


@frozen(kw_only=True)
class DegradeState:
    """The override of degrade, until when it holds, and what it counts: for each of the last cycles, newest
    last, whether it had a warning that counts; whether a shortfall of the warning's size stood in the last
    one; since when shortfalls stand at the error's size, and in how many looks."""

    override: Mode = Mode.NORMAL
    until: int = 0
    warned: tuple[bool, ...] = ()
    diverged: bool = False
    divergence_since: int | None = None
    divergence_looks: int = 0


# -- What happened ----------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Signals:
    """What anomalies are seen by: the slowest call of this cycle without our own waiting, the exchange's
    refusals in the cycle before, for each due symbol in how many cycles running its fills were unread, our
    clock less the exchange's; and of each asset what stands as missing, with whether balances were looked at
    in this cycle."""

    slowest_call_ms: int | None = None
    refusals: int = 0
    stalls: Mapping[str, int] = Factory(dict)
    skew_ms: int = 0
    shortfalls: Mapping[str, Amount] = Factory(dict)
    looked: bool = False


@frozen
class Alarm:
    """An alarm that stands, or what this cycle's own reading lacked: its code, what it is about, and the most
    that may be done meanwhile."""

    code: str
    about: str = ""
    mode: Mode = Mode.OBSERVE_ONLY


@frozen
class Failure:
    """A strategy that failed in this cycle, and how, in one word and in a sentence."""

    strategy: str
    code: str
    text: str


@frozen
class Listed:
    """A strategy that is listed: its weight (larger goes first), and what identifies it."""

    id: str
    weight: int = 100
    identity: Mapping[str, Any] = Factory(dict)


@frozen(kw_only=True)
class Inputs:
    """All that a decision follows from.

    `cycle` is its id. `kill` is the kill switch: empty, `cancels` or `all`; a dry run does not look at it.
    `effective_fee` is in bps, e8. `blocked` says of a symbol why nothing may be submitted; `recovery` what
    this cycle's own reading lacked. `memories` are canonical JSON by strategy, `wanted` the quantities last
    wished for by symbol, `failed` in how many cycles running before this one a strategy failed, `failures`
    those that failed in this one. `before` is when these very strategies were asked last, seconds, None where
    they were not. `bars` are by interval in seconds, as text.
    """

    book: str
    stage: int = field(validator=in_((3, 4)))
    cycle: str
    time: int
    dry: bool = False
    observe: bool = False
    kill: str = field(default="", validator=in_(("", "cancels", "all")))
    limits: Limits
    effective_fee: Amount
    symbols: tuple[SymbolView, ...] = _by("name")
    positions: BookView
    balances: Balances
    orders: tuple[OwnOrder, ...] = _by("symbol", "side", "created", "client_id")
    last_sent: tuple[Sent, ...] = _by("symbol", "side")
    risk: RiskState
    degrade: DegradeState = DegradeState()
    signals: Signals = Signals()
    alarms: tuple[Alarm, ...] = _by("code", "about")
    recovery: tuple[Alarm, ...] = _by("code", "about")
    blocked: Mapping[str, str] = Factory(dict)
    strategies: tuple[Listed, ...] = _by("id")
    before: int | None = None
    memories: Mapping[str, str] = Factory(dict)
    wanted: Mapping[str, Amount] = Factory(dict)
    failed: Mapping[str, int] = Factory(dict)
    failures: tuple[Failure, ...] = _by("strategy")
    bars: Mapping[str, Bars] = Factory(dict)
    marks_are_last: bool = False

    @property
    def kill_switch(self) -> str:
        """The kill switch as far as this run heeds it."""
        return "" if self.dry else self.kill
