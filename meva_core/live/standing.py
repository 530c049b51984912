"""Where an order that was meant for an exchange stands, as far as we can know.

Rule 1: an order is on disk as SENDING before it is sent. Whatever ends the program then, it is looked up.
Rule 2: silence is a standing of its own (UNKNOWN), left by looking the order up and by nothing else.
Rule 3: only what proves that nothing rests at the exchange (UNSENT, REJECTED) permits another attempt.
Rule 4: one answer is no proof that an order is gone. What was accepted and is not shown is looked for by both
its names, several times over a while, before it is called ABSENT.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from meva_core.choices import member_of
from meva_core.errors import IllegalStep
from meva_core.venue import Balance, OrderState


class Standing(StrEnum):
    """The words are what the database holds; those that the earlier system had, it had in the same sense."""

    SENDING = "sending"
    """Recorded, and perhaps on its way: what a crash in the middle leaves."""
    UNSENT = "unsent"
    """Nothing was sent, or what was sent never arrived: it may be sent under the same name."""
    UNKNOWN = "unknown"
    """Sent; whether the exchange took it is not known."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_REQUESTED = "cancel_requested"
    """The exchange was asked to cancel it. Fills may still come."""
    ABSENT = "unknown_closed"
    """The exchange did not show it within the grace period. Presumed never to have arrived."""
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


_RESTS: Final = frozenset({Standing.OPEN, Standing.PARTIALLY_FILLED})
_SEEN: Final = frozenset({Standing.OPEN, Standing.PARTIALLY_FILLED, Standing.FILLED, Standing.CANCELED})
_LATER: Final = frozenset(
    {Standing.PARTIALLY_FILLED, Standing.CANCEL_REQUESTED, Standing.FILLED, Standing.CANCELED}
)

STEPS: Final[Mapping[Standing, frozenset[Standing]]] = {
    Standing.SENDING: _SEEN | {Standing.UNSENT, Standing.UNKNOWN, Standing.REJECTED, Standing.ABSENT},
    Standing.UNSENT: frozenset({Standing.SENDING}),
    Standing.UNKNOWN: _SEEN | {Standing.CANCEL_REQUESTED, Standing.REJECTED, Standing.ABSENT},
    Standing.OPEN: _LATER | {Standing.REJECTED, Standing.ABSENT},
    Standing.PARTIALLY_FILLED: _LATER | {Standing.ABSENT},
    Standing.CANCEL_REQUESTED: _SEEN | {Standing.REJECTED, Standing.ABSENT},
    # It showed up after all: a reason to be alarmed, none to look away.
    Standing.ABSENT: _SEEN | {Standing.REJECTED},
    Standing.FILLED: frozenset(),
    Standing.CANCELED: frozenset({Standing.FILLED}),  # the fill that won the race is told after the cancel
    Standing.REJECTED: _SEEN,  # a refusal that proved nothing: the same
}

UNSETTLED: Final = frozenset({Standing.SENDING, Standing.UNKNOWN, Standing.CANCEL_REQUESTED})
"""What has to be asked for before anything else is decided."""

MAY_REST: Final = UNSETTLED | {Standing.OPEN, Standing.PARTIALLY_FILLED}
"""What may rest at the exchange now, and so ties up funds there."""

CANCELABLE: Final = MAY_REST - {Standing.SENDING}
"""What the exchange may be asked to cancel, once its number there is known."""

ENDED: Final = frozenset({Standing.FILLED, Standing.CANCELED, Standing.REJECTED})
"""What the exchange said has ended, late fills that are under way aside."""

_STANDINGS: Final[Mapping[OrderState, Standing]] = {
    OrderState.OPEN: Standing.OPEN,
    OrderState.PARTIAL: Standing.PARTIALLY_FILLED,
    OrderState.FILLED: Standing.FILLED,
    OrderState.CANCELED: Standing.CANCELED,
    OrderState.REJECTED: Standing.REJECTED,
}


def after(standing: Standing | str, news: Standing | str) -> Standing:
    """Return where an order stands after news of it; the same again changes nothing.

    Both may be given as the database's words. Raises IllegalStep for what cannot follow, BadInput for a word
    that is no standing.
    """
    standing, news = member_of(Standing, standing, "standing"), member_of(Standing, news, "news")
    if news is standing:
        return standing
    if news not in STEPS[standing]:
        raise IllegalStep(f"{standing.name} cannot become {news.name}")
    return news


def reported(standing: Standing | str, state: OrderState | str, *, overdue: bool = False) -> Standing:
    """Return where an order stands after the exchange said this of it.

    A word that we do not know changes nothing. An open order that we asked to be canceled is one whose
    cancel has not come through yet, until that is `overdue`: then it never arrived. What has ended does not
    open again because a read lags behind. Raises BadInput for what is no standing or no state.
    """
    standing, state = member_of(Standing, standing, "standing"), member_of(OrderState, state, "state")
    news = _STANDINGS.get(state, standing)
    if standing is Standing.CANCEL_REQUESTED and not (state.ended or overdue):
        return standing
    if standing in ENDED and news in _RESTS:
        return standing
    return news if news in STEPS[standing] else standing


def sellable(held: Decimal, balance: Balance | None, resting: Decimal) -> Decimal:
    """Return how much may be sold: what our books and the exchange both say is there.

    `held` is what the ledger holds, `resting` what sells of ours that may rest at the exchange would take
    of it. The exchange's balance may lag behind fills, and the ledger behind fills that were not read yet:
    the smaller one counts. Never below zero; nothing where no balance, or one below zero, was shown.
    """
    free = balance.free if balance is not None and balance.is_sound else Decimal(0)
    return max(Decimal(0), min(held - resting, free))
