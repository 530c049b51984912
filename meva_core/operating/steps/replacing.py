"""A replacement: a cancel that has to be confirmed with all its fills before the new order is sent.

    INIT, CANCEL_SENT, CANCEL_CONFIRMED, SUBMIT_SENT, SUBMIT_CONFIRMED
    BLOCKED_RECONCILE   the old order may rest, or fill, still: nothing is sent, the next cycle plans afresh
    BLOCKED_UNKNOWN     whether the new one was taken is not known
    FAILED              nothing of the new one rests

Each state is stored before what it names is done. Nothing is ever resumed: the plan is old by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import reduce
from typing import Any, Final

from attrs import evolve, frozen

from meva_core.amounts import E8, parse_e8
from meva_core.errors import BadInput, VenueError
from meva_core.live.booking import units
from meva_core.live.live_orders import records, stamp
from meva_core.live.standing import ENDED
from meva_core.live_book.own_orders import OwnOrder
from meva_core.operating.records.file import File
from meva_core.operating.records.outcomes import Outcome, Verdict
from meva_core.operating.records.whose import Whose, whose
from meva_core.operating.steps.sending import Sender
from meva_core.operational.actions import Action
from meva_core.ports import Store

_TABLE: Final = "stage4_replace_transactions"
LOOKS: Final = 3
PAUSE_MS: Final = 500
BY_FILL: Final = "replaced_by_fill"
NOT_CONFIRMED: Final = "cancel_not_confirmed"


class State(StrEnum):
    """How far a replacement has come. The words are what the database holds."""

    INIT = "INIT"
    CANCEL_SENT = "CANCEL_SENT"
    CANCEL_CONFIRMED = "CANCEL_CONFIRMED"
    SUBMIT_SENT = "SUBMIT_SENT"
    SUBMIT_CONFIRMED = "SUBMIT_CONFIRMED"
    BLOCKED_RECONCILE = "BLOCKED_RECONCILE"
    BLOCKED_UNKNOWN = "BLOCKED_UNKNOWN"
    FAILED = "FAILED"


_UNDER_WAY: Final = (State.INIT, State.CANCEL_SENT, State.CANCEL_CONFIRMED, State.SUBMIT_SENT)


def abandon(store: Store, of: Whose, now: int) -> int:
    """Say of a book's replacements that an earlier process left under way that they failed; return how many.
    Those of the earlier system are the live book's."""
    with store.unit() as work:
        left = [
            key
            for state in _UNDER_WAY
            for (key,) in work.rows(
                _TABLE, ("replace_tx_id",), where={"state": str(state), "book": of.column}
            )
        ]
        values = ("FAILED", "left under way by an earlier process", stamp(now))
        names = ("state", "last_error", "last_updated_at")
        work.update(_TABLE, "replace_tx_id", names, [(key, *values) for key in left])
        work.commit()
    return len(left)


@frozen
class Replacer:
    """Carries out replacements. `file` has what was booked of the old orders by the time of the plan."""

    sender: Sender
    file: File

    def replace(self, action: Action, why_not: Callable[[], str] = lambda: "") -> tuple[Outcome, ...]:
        """Cancel, confirm, submit; returns the outcome of the cancel, and of the new order.

        `why_not` is asked once the cancel is confirmed: why no submit may be sent any more, if so. Raises
        StoreError: nothing more may be sent then.
        """
        number = action.exchange_id
        if number is None:
            return (Outcome(action, Verdict.BLOCKED, "outcome_unknown", "the old order has no number"),)
        self._store(action, State.INIT, is_new=True)
        self._store(action, State.CANCEL_SENT)
        canceled = self.sender.cancel(action)
        if canceled.verdict is Verdict.BLOCKED:
            return self._ended(action, State.FAILED, canceled)
        old = self._confirmed(number)
        if isinstance(old, str):
            said = f"{action.cancels} is not known to have ended with all its fills: {old}"
            blocked = Outcome(action, Verdict.BLOCKED, NOT_CONFIRMED, said, canceled.record)
            return self._ended(action, State.BLOCKED_RECONCILE, canceled, blocked)
        self._store(action, State.CANCEL_CONFIRMED)
        smaller = self._smaller(action, old)
        if smaller is None:
            said = f"{action.cancels} filled meanwhile; what is left to order is below the minimum"
            by_fill = Outcome(action, Verdict.REJECTED, BY_FILL, said)
            return self._ended(action, State.FAILED, canceled, by_fill)
        if why := why_not():
            said = f"{action.cancels} is canceled, and no submit is sent any more: {why}"
            return self._ended(action, State.FAILED, canceled, Outcome(action, Verdict.BLOCKED, why, said))
        self._store(action, State.SUBMIT_SENT)
        submitted = self.sender.submit(smaller)
        state = {
            Verdict.SUBMITTED: State.SUBMIT_CONFIRMED,
            Verdict.UNKNOWN: State.BLOCKED_UNKNOWN,
        }.get(submitted.verdict, State.FAILED)
        return self._ended(action, state, canceled, submitted)

    def _confirmed(self, number: str) -> tuple[OwnOrder, OwnOrder] | str:
        """Return the old order as it is booked, and with all its fills, once it has ended and they are there;
        why not, if that was not seen in time."""
        desk, why = self.sender.desk, ""
        for look in range(LOOKS):
            if look:
                desk.pause(PAUSE_MS)
            with desk.store.read() as view:
                (record,) = records(view, desk.owner, exchange_order_id=number)
            if record.standing not in ENDED:
                why = desk.ask(record, check=False).alarm or "it has not ended"
            order = next(one for one in self.file.own_orders({number}) if one.order_id == number)
            if order.standing not in ENDED:
                continue
            try:
                fills = desk.account.order_fills(number)
            except (VenueError, BadInput) as error:
                why = f"its fills cannot be read: {error}"
                continue
            known = self.file.known(fills)
            after = reduce(OwnOrder.plus, (fill for fill in fills if fill.fill_id not in known), order)
            if after.missing == 0:
                return order, after
            why = "its fills do not add up to what the exchange says was filled"
        return why

    def _smaller(self, action: Action, old: tuple[OwnOrder, OwnOrder]) -> Action | None:
        """Return the new order less what the old one filled since the plan; None if too little is left."""
        booked, after = old
        filled = units(after.sums.qty, "ROUND_CEILING") - units(booked.sums.qty, "ROUND_FLOOR")
        rules = self.sender.rules.get(action.symbol)
        lot = 1 if rules is None or rules.lot_size is None else parse_e8(rules.lot_size)
        qty = max(0, action.qty - filled)
        qty -= qty % lot
        if qty <= 0 or (action.least is not None and action.price * qty < action.least * E8):
            return None
        return evolve(action, qty=qty)

    def _ended(self, action: Action, state: State, *outcomes: Outcome) -> tuple[Outcome, ...]:
        self._store(action, state, error=outcomes[-1].text)
        return outcomes

    def _store(self, action: Action, state: State, *, is_new: bool = False, error: str = "") -> None:
        assert action.client_id is not None
        desk = self.sender.desk
        now = stamp(desk.clock.micros())
        values: dict[str, Any] = {"state": str(state), "last_error": error or None, "last_updated_at": now}
        with desk.store.unit() as work:
            if is_new:
                book, run = whose(self.sender.book).columns
                values |= {
                    "replace_tx_id": action.client_id,
                    "symbol": action.symbol,
                    "side": action.side.name,
                    "old_client_order_ids_json": json.dumps([action.cancels]),
                    "new_client_order_id": action.client_id,
                    "created_at": now,
                    "book": book,
                    "run_id": run,
                }
                work.insert(_TABLE, tuple(values), [tuple(values.values())])
            else:
                work.update(_TABLE, "replace_tx_id", tuple(values), [(action.client_id, *values.values())])
            work.commit()
