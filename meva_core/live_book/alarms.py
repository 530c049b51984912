"""What people have to be told of a book, and what it keeps from happening until then.

An alarm is a value: code, object, numbers. A pair of code and object that a person has accepted is not raised
again; what accepting means stands with each code. Every other alarm ends with its condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from meva_core.modes import Mode


class AlarmCode(StrEnum):
    """What is alarming. The words are stored, and named to `meva arm --accept`."""

    OVERSELL = "K1"
    """A SELL of ours beyond what is held. Accepted: the excess counts as a foreign SELL."""
    FOLD = "K2"
    """The stored book is not what its rows fold to, or an identity fails. Accepted: the fold is the book."""
    FILL_DIFFERS = "K3"
    """A fill id with another order, side, price or quantity, or a fill that its order cannot have. Accepted:
    ours stays, and what is new is booked."""
    SHARED_NAME = "K4"
    """Two orders under one client id. Accepted: all are own."""
    STRAY = "K5"
    """An order in our grammar that this file did not send, or a fill of one. Accepted: it is foreign."""
    ABSENT_FILLED = "K6"
    """An order that was called absent had filled. Accepted: it is booked."""
    LOSS = "K8"
    """Day loss or drawdown of the risk budget in two cycles running."""
    FILLS_LOST = "K10"
    """Own fills missing for 24 h. Accepted: the order is complete with the fills that came."""

    ABSENT = "absent"
    """An order that had been at the exchange is not shown any more."""
    FILE_BEHIND = "file_behind_exchange"
    """The exchange knows orders of ours that the file does not: a backup was restored."""
    LOOKS_LIKE_OURS = "looks_like_ours"
    """A foreign open order asks what one of ours asks whose fate is not known."""
    DELISTED = "delisted"
    FEE_ASSET = "fee_asset"
    """A fee was charged in an asset other than TRY."""
    TRANSFER_OUT = "transfer_out"
    """Coins of the book went otherwise than by an own trade."""
    BALANCE_UNEXPLAINED = "balance_unexplained"
    FILLS_INCOMPLETE = "fills_incomplete"
    """An ended order's fills are not all there."""
    FILLS_MISSING = "fills_missing"
    """They have not been for 10 minutes."""
    UNKNOWN_ORDERS = "unknown_orders"
    """Three or more orders of unknown fate at once."""
    OTHER_ACCOUNT = "other_account"
    """The key is of an account that the book was not opened with."""


INTEGRITY: Final = frozenset(
    {
        AlarmCode.OVERSELL,
        AlarmCode.FOLD,
        AlarmCode.FILL_DIFFERS,
        AlarmCode.SHARED_NAME,
        AlarmCode.STRAY,
        AlarmCode.ABSENT_FILLED,
        AlarmCode.FILLS_LOST,
    }
)
"""They end the process, and keep submits shut until they are accepted."""

LASTING: Final = INTEGRITY | {AlarmCode.FILE_BEHIND, AlarmCode.FEE_ASSET}
"""They are of something that has happened, and stay until a person accepts them."""

ACCEPTABLE: Final = LASTING | {
    AlarmCode.ABSENT,
    AlarmCode.LOOKS_LIKE_OURS,
    AlarmCode.DELISTED,
    AlarmCode.OTHER_ACCOUNT,
}
"""What a person may accept. What does not last ends with its condition, accepted or not."""

MODES: Final[Mapping[AlarmCode, Mode]] = {
    **dict.fromkeys(INTEGRITY, Mode.OBSERVE_ONLY),
    AlarmCode.LOSS: Mode.OBSERVE_ONLY,
    AlarmCode.FILE_BEHIND: Mode.OBSERVE_ONLY,
    AlarmCode.UNKNOWN_ORDERS: Mode.OBSERVE_ONLY,
    AlarmCode.OTHER_ACCOUNT: Mode.OBSERVE_ONLY,
    AlarmCode.ABSENT: Mode.REDUCE_RISK_ONLY,
    AlarmCode.BALANCE_UNEXPLAINED: Mode.REDUCE_RISK_ONLY,
    AlarmCode.FILLS_MISSING: Mode.REDUCE_RISK_ONLY,
}
"""The most that should be done while an alarm is open; those that are not here restrict no mode."""

BLOCKING: Final = frozenset(
    {
        AlarmCode.ABSENT,
        AlarmCode.LOOKS_LIKE_OURS,
        AlarmCode.DELISTED,
        AlarmCode.FEE_ASSET,
        AlarmCode.FILLS_INCOMPLETE,
        AlarmCode.FILLS_MISSING,
    }
)
"""They keep submits from their symbol."""

_KILL: Final = frozenset({*INTEGRITY, AlarmCode.LOSS})


@frozen
class Alarm:
    """What is alarming about which object: an order, a fill, an asset, a symbol.

    `numbers` are its measured values as text; `since` is when it was raised first, in microseconds.
    """

    code: AlarmCode
    about: str
    symbol: str | None = None
    numbers: Mapping[str, str] = field(factory=dict)
    since: int = 0

    @property
    def pair(self) -> str:
        """What accepting it names."""
        return f"{self.code}:{self.about}"

    @property
    def mode(self) -> Mode:
        """The most that should be done while it is open."""
        return MODES.get(self.code, Mode.NORMAL)

    @property
    def blocks(self) -> str | None:
        """The symbol that it keeps submits from."""
        return self.symbol if self.code in BLOCKING else None

    @property
    def kills(self) -> bool:
        """Whether it sets the kill switch where that may be set by itself."""
        return self.code in _KILL

    @property
    def ends_process(self) -> bool:
        """Whether the process ends after it, with exit code 1."""
        return self.code in INTEGRITY
