"""The composition root of metrics: what watches a book, where the options ask for that."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import attrs
import click

from meva_adapters.system import events
from meva_cli.notes import say

if TYPE_CHECKING:
    from meva_adapters.btcturk import Observer
    from meva_adapters.metrics.cycles import CycleMeters
    from meva_adapters.metrics.held import HeldMeters
    from meva_adapters.metrics.live_cycles import LiveCycleMeters
    from meva_adapters.metrics.meters import Meters
    from meva_adapters.sql import SqlStore
    from meva_adapters.sql.lease import Heartbeat, Lease
    from meva_core.alerts.outbox import Counted
    from meva_core.stages.dry_loop import Missed
    from meva_core.stages.parts import Marks

LOOPBACK: Final = "127.0.0.1"
STAGE7: Final = "stage7"
_ADDRESS: Final = re.compile(r"(?:(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>[0-9]{1,5})", re.ASCII)


class Address(NamedTuple):
    """Where scrapes are answered."""

    host: str
    port: int


class AddressParam(click.ParamType[Address]):
    """HOST:PORT, or a port of this machine alone."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read an address, or fail with what was expected."""
        if isinstance(value, Address):
            return value
        found = _ADDRESS.fullmatch(value)
        if found is None or int(found["port"]) > 65535:
            self.fail(
                f"{value!r} is no address; expected HOST:PORT such as 0.0.0.0:9751 or [::1]:9751, or a port",
                param,
                ctx,
            )
        return Address((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))


def metrics_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--metrics` and `--metrics-file`."""
    to_file = click.option(
        "--metrics-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the metrics of single cycles to this file (*.prom), for node_exporter.",
    )
    scraped = click.option(
        "--metrics",
        type=AddressParam(),
        metavar="[HOST:]PORT",
        help="Answer Prometheus' scrapes of a loop at /metrics; without HOST on this machine alone.",
    )
    return scraped(to_file(command))


@attrs.frozen
class Watch:
    """What hears of a book: `observer` of calls, `marks` of the parts of cycles, `missed` of points without
    one, `tell` of each cycle that is stored, `counted` of alerts; once `holds` of the book that is held and
    the engine that decides, and `waits` of what says how many alerts wait."""

    observer: Observer | None
    marks: Marks
    missed: Callable[[Missed, int], None]
    tell: Callable[[Any], None]
    holds: Callable[[Held, str], None]
    counted: Counted
    waits: Callable[[Callable[[], int]], None]


class Held(Protocol):
    """A book that this process holds."""

    @property
    def store(self) -> SqlStore:
        """Its database."""

    @property
    def lease(self) -> Lease:
        """Its lease."""

    @property
    def heart(self) -> Heartbeat:
        """What moves the lease on."""


@contextmanager
def watching(
    name: str, address: Address | None, file: Path | None, interval: int | None, stage: str = STAGE7
) -> Iterator[Watch]:
    """Watch a book of a stage where it is asked for, by a scrape at an address or a file; `interval` is a
    loop's.

    Raises BadInput for an address or a file that cannot be had, before anything else is begun.
    """
    if address is None and file is None:
        yield _nobody()
        return
    from meva_adapters.metrics.meters import Meters

    meters = Meters(name, process=file is None)
    watched = _Watched(meters, name, interval, stage)
    if address is not None:
        from meva_adapters.metrics.serving import serving

        with serving(meters, *address) as page:
            say(events.METRICS_SHOWN, f"metrics of book {name}: {page}", page=page)
            yield watched.watch
    if file is not None:
        from meva_adapters.metrics.textfile import check_file

        check_file(file, name)
        try:
            yield watched.watch
        finally:
            watched.write(file)


def _nobody() -> Watch:
    from meva_core.alerts.outbox import uncounted
    from meva_core.stages.dry_loop import unheard
    from meva_core.stages.parts import unmarked

    def ignore(*what: object) -> None:
        """Take no notice: nobody wants to know."""

    return Watch(None, unmarked, unheard, ignore, ignore, uncounted, ignore)


def _cycle_meters(meters: Meters, stage: str) -> CycleMeters | LiveCycleMeters:
    if stage == STAGE7:
        from meva_adapters.metrics.cycles import CycleMeters

        return CycleMeters(meters, stage)
    from meva_adapters.metrics.live_cycles import LiveCycleMeters

    return LiveCycleMeters(meters, stage)


class _Watched:
    """The meters of a book, and what feeds them."""

    def __init__(self, meters: Meters, name: str, interval: int | None, stage: str) -> None:
        from meva_adapters.btcturk import endpoints
        from meva_adapters.metrics.alerts import AlertMeters
        from meva_adapters.metrics.calls import CountedCalls
        from meva_adapters.metrics.parts import Stopwatch
        from meva_adapters.metrics.vocabulary import INTERVAL

        public = (endpoints.SERVER_TIME, endpoints.EXCHANGE_INFO, endpoints.TICKER, endpoints.BOOK)
        self._meters, self._name = meters, name
        self._cycles = _cycle_meters(meters, stage)
        self._held: HeldMeters | None = None
        alerts = AlertMeters(meters)
        if interval is not None:
            meters.set(INTERVAL, interval)
        self.watch = Watch(
            CountedCalls(meters, (*public, endpoints.KLINES)),
            Stopwatch(meters).mark,
            self._cycles.missed,
            self._tell,
            self._holds,
            alerts.counted,
            alerts.waits,
        )

    def _holds(self, held: Held, engine: str) -> None:
        from meva_adapters.metrics.held import HeldMeters
        from meva_adapters.metrics.vocabulary import BUILD
        from meva_core import __version__

        self._meters.only(BUILD, version=__version__, python=platform.python_version(), engine=engine)
        self._held = HeldMeters(self._meters, held.store, held.lease, held.heart)

    def _tell(self, told: Any) -> None:
        self._cycles.tell(told)
        if self._held is not None:
            self._held.look()

    def write(self, file: Path) -> None:
        """Write what there is to tell, of a book that was held; one that another process holds is its own.

        The cycle is stored, whatever becomes of the file: that it cannot be written is said.
        """
        from meva_adapters.metrics.textfile import write_file

        if self._held is None:
            return
        try:
            write_file(file, self._meters)
        except OSError as error:
            why = error.strerror or str(error)
            say(events.METRICS_NOT_WRITTEN, f"the metrics are not written: {file}: {why}", file=str(file))
