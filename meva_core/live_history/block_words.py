"""What keeps a symbol from submits, what is alarming, and what keeps a write from being sent, in words.

Each has a paragraph of its own in docs/live.md, which a test holds against these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from meva_core.errors import VenueReason
from meva_core.live_book.alarms import ACCEPTABLE, AlarmCode
from meva_core.operating.steps.comparing import BALANCES_UNREAD, FLOWS_UNREAD, RESTS
from meva_core.operating.steps.executing import INTERRUPTED
from meva_core.operating.steps.filling import UNREAD, WAITS
from meva_core.operating.steps.inputs_made import RESTING
from meva_core.operating.steps.live_bars import NO_BARS
from meva_core.operating.steps.measuring import NO_MARK
from meva_core.operating.steps.reading import JUST_ADOPTED
from meva_core.operating.steps.replacing import BY_FILL, NOT_CONFIRMED
from meva_core.operating.steps.sending import BELOW_MINIMUM, NO_RULES
from meva_core.operating.steps.settling import NOT_AS_THOUGHT, NOT_ASKED, ORDERS_UNREAD, UNREADABLE

UNKNOWN_ORDER: Final = "unknown_order"
"""Why nothing is submitted in a symbol: nobody knows what became of an order there (`operational.draft`)."""


class Told(NamedTuple):
    """Why something does not happen, and what ends that."""

    why: str
    end: str


_LOOKED_UP: Final = "it ends when the exchange has said so"
_ACCEPTED: Final = "it stays until `meva arm --accept` names it"

ALARMS: Final[Mapping[AlarmCode, Told]] = {
    AlarmCode.OVERSELL: Told("a sale of ours goes beyond what the book holds", _ACCEPTED),
    AlarmCode.FOLD: Told("the stored book is not what its rows add up to", _ACCEPTED),
    AlarmCode.FILL_DIFFERS: Told(
        "a fill is shown with other figures than are booked, or than its order can have", _ACCEPTED
    ),
    AlarmCode.SHARED_NAME: Told("two orders bear one name of ours", _ACCEPTED),
    AlarmCode.STRAY: Told("an order is named as ours are, and this file did not send it", _ACCEPTED),
    AlarmCode.ABSENT_FILLED: Told("an order that had been given up was filled", _ACCEPTED),
    AlarmCode.LOSS: Told(
        "the limit of loss was breached in two cycles running", "it ends with its condition"
    ),
    AlarmCode.FILLS_LOST: Told("fills of an ended order are missing for a day", _ACCEPTED),
    AlarmCode.ABSENT: Told(
        "an order that had been at the exchange is not shown any more",
        "it ends after a day of watching, or with `meva arm --accept`",
    ),
    AlarmCode.FILE_BEHIND: Told("the exchange knows orders of ours that this file does not", _ACCEPTED),
    AlarmCode.LOOKS_LIKE_OURS: Told(
        "an order of nobody we know asks what one of ours asks whose fate is not known",
        "it ends when that is known, when the order rests no longer, or with `meva arm --accept`",
    ),
    AlarmCode.DELISTED: Told(
        "a pair that is held is not listed any more", "it ends when it is, or with `meva arm --accept`"
    ),
    AlarmCode.FEE_ASSET: Told("a fee was charged in something other than TRY", _ACCEPTED),
    AlarmCode.TRANSFER_OUT: Told(
        "coins of the book went otherwise than by a sale of ours", "it is told once"
    ),
    AlarmCode.BALANCE_UNEXPLAINED: Told(
        "the exchange shows less than the book, and nothing explains it yet",
        "it ends when a flow explains it, or after two minutes, when it is booked as one",
    ),
    AlarmCode.FILLS_INCOMPLETE: Told("an ended order's fills are not all there", "it ends when they are"),
    AlarmCode.FILLS_MISSING: Told(
        "an ended order's fills have not been there for ten minutes", "it ends when they are"
    ),
    AlarmCode.UNKNOWN_ORDERS: Told("of three orders or more nobody knows what became", _LOOKED_UP),
    AlarmCode.OTHER_ACCOUNT: Told(
        "the key is of an account that the book was not opened with", "it ends with `meva arm --accept`"
    ),
}

BLOCKS: Final[Mapping[str, Told]] = {
    NO_MARK: Told("its book could not be read", "it ends when it can"),
    NO_BARS: Told("its candles could not be read, and a strategy looks at them", "it ends when they can"),
    NOT_ASKED: Told("what became of an order there could not be asked", _LOOKED_UP),
    NOT_AS_THOUGHT: Told("an order there is not as it was thought", "it ends when two looks agree"),
    ORDERS_UNREAD: Told("which orders of ours are at the exchange could not be read", "it ends when it can"),
    UNREADABLE: Told("a row of an order cannot be read", "it ends when the row is mended"),
    UNREAD: Told("its fills could not be read", "it ends when they can"),
    WAITS: Told("a fill was read that cannot be booked yet", "it ends when it is booked, or becomes K1"),
    BALANCES_UNREAD: Told("the balances could not be read", "it ends when they can"),
    FLOWS_UNREAD: Told("the lists of deposits and withdrawals could not be read", "it ends when they can"),
    RESTS: Told("our own orders have kept balances from being compared for half an hour", "it is this cycle"),
    JUST_ADOPTED: Told("the book was taken over from the earlier system in this cycle", "it is this cycle"),
    RESTING: Told("the exchange's least order is larger than we thought", "it ends after ten cycles"),
    UNKNOWN_ORDER: Told("nobody knows what became of an order there", _LOOKED_UP),
    **{str(code): told for code, told in ALARMS.items()},
}
"""Why nothing is submitted in a symbol, by what follows `symbol_blocked:`; alarms among them."""

NOT_SENT: Final[Mapping[str, Told]] = {
    "kill_switch": Told("the kill switch is on", "`meva arm --reason TEXT` takes it back"),
    "gates": Told("the gates could not be read, and so are shut", "it ends when they can"),
    "dry_run": Told("DRY_RUN is true", "`meva gates` names the line"),
    "live_not_armed": Told("live trading is not armed", "`meva gates` names the lines"),
    "lease": Told("the book was not surely ours", "one process at a time holds it: `meva books`"),
    "clock": Told("the exchange's time could not be told", "it ends when it can"),
    "plan": Told("no cycle had planned it", "the next cycle plans afresh"),
    "plan_too_old": Told("it was planned more than 30 s before", "the next cycle plans afresh"),
    "stale_market_data": Told(
        "what its mark is made of was older than STALE_MARKET_DATA_SECONDS by then",
        "the next cycle plans afresh",
    ),
    "mode": Told("the mode of the cycle forbids it", "`meva why` names what bound it"),
    "price_collar": Told("its limit was more than 5 % on the wrong side of the mark", "look at the market"),
    "canary": Told("the canary's orders or TRY of 24 hours were used up", "they come back as a day passes"),
    "observe": Told("the run only observes", "`meva run stage3` and `stage4` send without --observe"),
    INTERRUPTED: Told("the process was told to end", "the next cycle plans afresh"),
    NO_RULES: Told("the exchange has no rules for it", "it ends when it has"),
    BELOW_MINIMUM: Told("it is below the exchange's least order", "the next cycle plans afresh"),
    NOT_CONFIRMED: Told(
        "the order that it replaces was not seen to have ended", "the next cycle plans afresh"
    ),
    BY_FILL: Told("the order that it replaces filled meanwhile", "nothing is left to do"),
    str(VenueReason.RATE_LIMITED): Told("the exchange said that there are too many calls", "the next cycle"),
    str(VenueReason.INSUFFICIENT_FUNDS): Told("the exchange says that the funds lack", "the next cycle"),
}
"""Why something that was decided was not sent, or not taken."""

ODD: Final[Mapping[str, str]] = {
    "STALE_MARKET_DATA": "more than half of the watched books were old",
    "EXCHANGE_LATENCY_SPIKE": "a call to the exchange took long",
    "ORDER_REJECT_SPIKE": "the exchange refused several orders in one cycle",
    "CURSOR_STALL": "the fills of a symbol could not be read for several cycles",
    "CLOCK_SKEW": "this machine's clock and the exchange's lie apart",
    "PNL_DIVERGENCE": "the exchange shows less than the book",
}
"""What the oddities of a cycle mean."""

MAY_BE_ACCEPTED: Final = ACCEPTABLE
"""Alarms that `meva arm --accept` takes."""
