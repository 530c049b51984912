"""Taking back all that rests at an exchange, as far as it can be taken back in a given time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import frozen

from meva_core.errors import MevaError, StoreError
from meva_core.live.desk import Desk
from meva_core.live.live_orders import Record, records, resting
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.operating.guards.permit import NotPermitted
from meva_core.ports import Reads


@frozen
class Left:
    """An order of ours, or a row that cannot be read as one, that may rest at the exchange still; and why."""

    name: str
    why: str


@frozen
class Canceled:
    """What came of it: the names of orders that were canceled, what may rest still, and the names of those
    that had filled before they could be; `elsewhere` are those that another process has seen to."""

    ended: tuple[str, ...]
    left: tuple[Left, ...]
    filled: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


_CUT_SHORT: Final = "the program was told to end before this was asked for"


def cancel_open(desk: Desk, waits: Callable[[], bool], stops: Callable[[], bool] = lambda: False) -> Canceled:
    """Ask for every order of ours that may rest to be canceled, again and again, until none may.

    `waits` waits a moment between two rounds, and returns False once there is no more time; `stops` says,
    once the outcome of a call is stored, that no other one is to be made. Each order is asked for by itself,
    unless one may not be: then none may. Raises StoreError where what comes of it cannot be recorded.
    """
    before = {record.stored: record.label for record in _resting(desk)}
    why: dict[str, str] = {}
    while True:
        # Asked first: an order whose fate is not known has no number to cancel it by.
        found = desk.settle()
        why |= {one.record.label: one.alarm for one in found if one.record is not None and one.alarm}
        may_send = True
        for record in _resting(desk):
            if may_send and stops():
                may_send, why = False, {one.label: _CUT_SHORT for one in _resting(desk)} | why
            if may_send and record.standing is not Standing.CANCEL_REQUESTED:
                kept, may_send = _asked(desk, record)
                why[record.label] = kept
        unread = [Left("a row that cannot be read", one.alarm) for one in found if one.record is None]
        left = {record.label for record in _resting(desk)}
        if not left or not may_send or not waits():
            break
    shown = (Left(name, why.get(name) or "the exchange has not said that it ended") for name in sorted(left))
    filled = _filled(desk, before)
    ended = set(before.values()) - left - filled
    return Canceled(tuple(sorted(ended)), (*shown, *unread), tuple(sorted(filled)))


def resting_of(view: Reads) -> list[str]:
    """Return the names of the orders of the account that may rest at the exchange."""
    return sorted(found.label for found in resting(view, ACCOUNT) if isinstance(found, Record))


def _filled(desk: Desk, rows: Iterable[int]) -> set[str]:
    """Return the names of those orders that have filled whole."""
    with desk.store.read() as view:
        found = [record for row in rows for record in records(view, desk.owner, id=row)]
    return {record.label for record in found if record.standing is Standing.FILLED}


def _asked(desk: Desk, record: Record) -> tuple[str, bool]:
    """Ask for one order to be canceled; return what kept it, and whether another may be asked for."""
    if record.client_id is None and record.order_id is None:
        return "neither our name for it nor the exchange's number is on record", True
    try:
        asked = desk.cancel(record.client_id, order_id=None if record.client_id else record.order_id)
    except StoreError:
        raise
    except MevaError as error:
        return str(error), not isinstance(error, NotPermitted)
    return asked.alarm, True


def _resting(desk: Desk) -> list[Record]:
    with desk.store.read() as view:
        return [found for found in resting(view, desk.owner) if isinstance(found, Record)]
