"""What has to be asked for before anything else is decided."""

from __future__ import annotations

from attrs import frozen

from meva_core.live.inquiry import Settled
from meva_core.live.live_orders import Record


@frozen
class DueOrder:
    """An order that has to be asked for; `check` says that its name has to be looked for, too, and `asked`
    since when it has waited for that, where not all were asked for, in microseconds."""

    record: Record
    check: bool = False
    asked: int = 0


@frozen
class Due:
    """What has to be asked for, oldest first, and the rows that cannot be read, and so not be asked for."""

    orders: tuple[DueOrder, ...]
    unreadable: tuple[Settled, ...] = ()
