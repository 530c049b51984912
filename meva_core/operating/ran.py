"""What was carried out of a cycle, counted, and what became of the orders that it touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from meva_core.live.live_orders import plain
from meva_core.operating.records.done_rows import NotDone, Outcome, Ran
from meva_core.operating.records.file import File
from meva_core.operating.records.outcomes import Executed, Verdict
from meva_core.operating.steps.reading import Read


def outcomes_of(file: File, executed: Executed) -> tuple[Outcome, ...]:
    """Return where the orders stand that a cycle sent, or asked to end, and how much of each was filled by
    the exchange's word. What was refused without a call has no row."""
    actions = [one.action for one in executed.outcomes]
    labels = {name for one in actions for name in (one.client_id, one.cancels) if name}
    numbers = {one.exchange_id for one in actions if one.exchange_id}
    if not labels:
        return ()
    return tuple(
        Outcome(order.label, str(order.standing), plain(order.filled or order.sums.qty))
        for order in file.own_orders(numbers, labels)
        if order.label in labels
    )


def ran_of(read: Read, executed: Executed, outcomes: tuple[Outcome, ...], *, dry: bool) -> Ran:
    """Return what a cycle did: what was placed at a simulated exchange is simulated."""
    placed = executed.count(Verdict.SUBMITTED)
    blocked = [one for one in executed.outcomes if one.verdict is Verdict.BLOCKED]
    rejected = (one.code for one in executed.outcomes if one.verdict is Verdict.REJECTED)
    return Ran(
        outcomes=outcomes,
        submitted=0 if dry else placed,
        simulated=placed if dry else 0,
        canceled=executed.count(Verdict.CANCELED),
        unknown=executed.count(Verdict.UNKNOWN),
        blocked=sum(not one.forbidden for one in blocked),
        blocked_by_policy=sum(one.forbidden for one in blocked),
        rejects=Counter(rejected),
        not_done=tuple(_not_done(executed)),
        refusals=executed.refusals,
        foreign=read.foreign,
        flows=read.flows,
        fills=read.filled,
        notes=(*read.notes, *executed.notes),
        account_unread=read.account_unread,
    )


def _not_done(executed: Executed) -> Iterator[NotDone]:
    """Yield the actions that were refused, were not sent, or of which that is not known."""
    for one in executed.outcomes:
        if one.verdict not in (Verdict.SUBMITTED, Verdict.CANCELED):
            action = one.action
            named = action.client_id or action.cancels or action.exchange_id or ""
            yield NotDone(str(action.kind), action.symbol, named, str(one.verdict), one.code, one.text)
