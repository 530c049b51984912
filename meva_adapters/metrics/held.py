"""What a held book hangs on: its lease, its database, and the alerts that wait in it."""

from __future__ import annotations

import logging
from typing import Final

from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import ALERTS_WAITING, DATABASE, LEASE_EXPIRES, LEASE_HELD
from meva_adapters.sql import SqlStore
from meva_adapters.sql.lease import Heartbeat, Lease
from meva_adapters.system import events
from meva_core.alerts.outbox import counts
from meva_core.errors import StoreError

_LOG: Final = logging.getLogger(__name__)


class HeldMeters:
    """Tells of a book that this process holds. The lease is looked at by each scrape, without a question to
    the database; its size by `look`; alerts that wait once, whoever sends them tells what becomes of them."""

    def __init__(self, meters: Meters, store: SqlStore, lease: Lease, heart: Heartbeat) -> None:
        self._meters = meters
        self._store = store
        with store.read() as reads:
            meters.set(ALERTS_WAITING, counts(reads, lease.book).waiting)
        meters.set_by(LEASE_HELD, lambda: float(lease.expires is not None and heart.lost is None))
        meters.set_by(LEASE_EXPIRES, lambda: lease.expires.timestamp() if lease.expires else 0.0)
        self.look()

    def look(self) -> None:
        """Take in how large the database is. What keeps it from that is logged, and keeps nothing else from
        being done."""
        try:
            for part, size in self._store.sizes().items():
                self._meters.set(DATABASE, size, part=part)
        except (StoreError, OSError) as error:
            said = f"how large the database is could not be seen: {error}"
            events.METRICS_OLD.log(_LOG, said)
