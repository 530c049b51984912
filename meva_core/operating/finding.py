"""Orders of ours that the exchange shows and our file does not have: a backup was restored. They are taken
in, and nothing more is placed until a person has looked."""

from __future__ import annotations

from collections.abc import Iterable

from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.attribution import Ours, Whose, of_order
from meva_core.operating.file import File
from meva_core.venue import VenueOrder


def found_again(file: File, orders: Iterable[VenueOrder], ours: Ours) -> list[Alarm]:
    """Take those of some orders at the exchange into the file that are ours and are not there, and return
    the alarms of it. Raises StoreError."""
    alarms = []
    for order in orders:
        if of_order(order, ours).whose is not Whose.BEHIND or order.price is None:
            continue
        names = {"order": order.order_id, "name": order.client_id or ""}
        alarm = Alarm(AlarmCode.FILE_BEHIND, order.order_id, order.symbol, names)
        file.adopt(order, alarm)
        alarms.append(alarm)
    return alarms
