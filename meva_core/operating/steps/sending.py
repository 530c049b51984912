"""One write through the desk, and what it came to: an order that fails costs itself alone."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from meva_core.amounts import E8, to_decimal
from meva_core.errors import IdTaken, MevaError, StoreError, Unavailable, VenueReason
from meva_core.live.desk import Desk
from meva_core.live.inquiry import Settled
from meva_core.live.standing import Standing
from meva_core.live_book.book import LiveBook
from meva_core.operating.guards.permit import NotPermitted
from meva_core.operating.records.outcomes import Outcome, Verdict
from meva_core.operating.records.recording import noted
from meva_core.operational.actions import Action
from meva_core.ports import UnitOfWork
from meva_core.rules import SymbolRules
from meva_core.venue import NewOrder

NO_RULES = "missing_exchange_rules"
BELOW_MINIMUM = "min_notional_violation"
_TAKEN = frozenset(
    {Standing.OPEN, Standing.PARTIALLY_FILLED, Standing.FILLED, Standing.CANCELED, Standing.CANCEL_REQUESTED}
)


@frozen
class Sender:
    """Sends the writes of one cycle. `rules` are the exchange's as they were measured, by symbol.

    Whether a write is permitted the venue asks itself, right before it is sent.
    """

    desk: Desk
    book: LiveBook
    rules: Mapping[str, SymbolRules]

    def submit(self, action: Action) -> Outcome:
        """Send an order. Raises StoreError where it, or what became of it, could not be recorded."""
        if (why := self._breach(action)) is not None:
            return Outcome(action, Verdict.REJECTED, *why)
        assert action.client_id is not None
        order = NewOrder(
            action.client_id, action.symbol, action.side, to_decimal(action.price), to_decimal(action.qty)
        )

        def note(work: UnitOfWork) -> None:
            noted(
                work, order.client_id, book=self.book, decision_mark=action.mark,
                strategy=action.strategy, purpose=action.purpose,
            )  # fmt: skip

        try:
            return _submitted(action, self.desk.place(order, note))
        except IdTaken as error:  # of this order, or of this symbol: the database is well
            return Outcome(action, Verdict.BLOCKED, error.code, str(error))
        except StoreError:
            raise
        except MevaError as error:
            return _not_sent(action, error)

    def cancel(self, action: Action) -> Outcome:
        """Ask for an order to be canceled. Raises StoreError where what became of it could not be
        recorded."""
        number = action.exchange_id
        try:
            if number is not None:
                return _canceled(action, self.desk.cancel(order_id=number))
            return _canceled(action, self.desk.cancel(action.cancels))
        except StoreError:
            raise
        except MevaError as error:
            return _not_sent(action, error)

    def _breach(self, action: Action) -> tuple[str, str] | None:
        """Return what of the exchange's rules an order would break: the code, and a sentence."""
        rules = self.rules.get(action.symbol)
        if rules is None or not rules.usable:
            return NO_RULES, f"{action.symbol}: there are no rules of the exchange to send it by"
        if action.least is not None and action.price * action.qty < action.least * E8:
            worth, least = to_decimal(action.price * action.qty // E8), to_decimal(action.least)
            return BELOW_MINIMUM, f"{action.symbol}: {worth:f} TRY is below the least order of {least:f} TRY"
        return None


def is_rate_limited(outcome: Outcome) -> bool:
    """Whether the exchange said that there were too many requests."""
    return VenueReason.RATE_LIMITED in (outcome.code, outcome.reason)


def _submitted(action: Action, settled: Settled) -> Outcome:
    record, code = settled.record, str(settled.reason or "")
    assert record is not None
    said = record.error or settled.alarm
    if record.standing is Standing.REJECTED:
        return Outcome(action, Verdict.REJECTED, code, said, record, refused=True)
    if record.standing is Standing.UNSENT:
        return Outcome(action, Verdict.BLOCKED, code, said, record)
    reason = settled.reason
    if record.standing in _TAKEN:
        return Outcome(action, Verdict.SUBMITTED, "", settled.alarm, record, reason=reason)
    return Outcome(action, Verdict.UNKNOWN, "outcome_unknown", said, record, reason=reason)


def _canceled(action: Action, settled: Settled) -> Outcome:
    record = settled.record
    assert record is not None
    if record.standing in (Standing.CANCEL_REQUESTED, Standing.CANCELED):
        if settled.alarm:
            return Outcome(
                action, Verdict.UNKNOWN, "outcome_unknown", settled.alarm, record, reason=settled.reason
            )
        return Outcome(action, Verdict.CANCELED, record=record)
    if record.standing in (Standing.UNKNOWN, Standing.SENDING):
        said = settled.alarm or f"{record.label}: its number at the exchange is not known"
        return Outcome(action, Verdict.BLOCKED, "outcome_unknown", said, record)
    said = settled.alarm or f"{record.label} stands as {record.standing}"
    is_limited = settled.reason is VenueReason.RATE_LIMITED
    code = str(settled.reason) if is_limited else "not_canceled"
    return Outcome(
        action, Verdict.REJECTED, code, said, record, refused=bool(settled.alarm), reason=settled.reason
    )


def _not_sent(action: Action, error: MevaError) -> Outcome:
    if isinstance(error, NotPermitted):
        return Outcome(action, Verdict.BLOCKED, error.why, str(error), forbidden=True)
    code = str(error.reason) if isinstance(error, Unavailable) else error.code
    return Outcome(action, Verdict.BLOCKED, code, str(error))
