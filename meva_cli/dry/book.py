"""A book on the live market, put together: market, alignment, engine and store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meva_adapters.system.events import ENDED
from meva_cli.exchange import source_of
from meva_cli.notes import log_only
from meva_core.stages.parts import Marks, unmarked

if TYPE_CHECKING:
    from meva_adapters.btcturk import Btcturk
    from meva_adapters.measuring import StreamedBooks
    from meva_adapters.strategies.loading import Chosen
    from meva_cli.dry.held import HeldBook
    from meva_core.loop import Loop
    from meva_core.ports import Clock
    from meva_core.settings import Settings
    from meva_core.stages.dry_run import DryRun
    from meva_core.stages.live_weighing import LiveStrategy


@contextmanager
def live_book(
    held: HeldBook,
    opened: Btcturk,
    settings: Settings,
    name: str,
    adapt: bool,
    engine: str,
    loop: bool,
    clock: Clock,
    beat: Callable[[], None],
    streamed: StreamedBooks | None = None,
    marks: Marks = unmarked,
    strategy: LiveStrategy | None = None,
) -> Iterator[DryRun]:
    """Open a book that this process holds, on the live market of an exchange that is `opened`.

    `beat` is called while it measures, `marks` marks the parts of each cycle. Books that are good in
    `streamed` are not asked for.
    """
    from meva_adapters.codec import CODEC
    from meva_adapters.measuring import MeasuredMarket, StoredOffset
    from meva_adapters.replay.alignment import Alignment
    from meva_cli.wiring import AboutRun
    from meva_core.stages.book_seen import stored_offset
    from meva_core.stages.dry_run import DryRun

    speed, kind = _engine(engine, loop)
    store, hold = held.store, held.lease.check
    with store.read() as reads:
        kept = stored_offset(reads, CODEC, name)
    offset = None if kept is None else StoredOffset(*kept)
    market = MeasuredMarket(opened, clock, stored=offset, streamed=streamed, beat=beat)
    try:
        alignment = Alignment(settings.stage7.vol_lookback)
        about = AboutRun(lambda: kind)
        given = store, CODEC, market, alignment, hold, speed, about, settings, name, adapt
        dry = DryRun(*given, marks=marks, strategy=strategy)
        of = source_of(settings)
        dry.source = {"source": of.name, "api_version": of.api_version}
        dry.open()
        try:
            yield dry
        except BaseException as error:  # a signal, or what it could not go on with
            dry.note_interruption()
            code = getattr(error, "code", type(error).__name__)
            log_only(ENDED, str(error) or code, code=code, action=getattr(error, "action", ""))
            raise
    finally:
        market.close()


@contextmanager
def strategy_beside(
    chosen: Chosen | None, settings: Settings, beat: Callable[[], None]
) -> Iterator[LiveStrategy | None]:
    """Have a strategy at work in a process of its own, which is begun here and ended at the end; None for
    none. `beat` is called while it is waited for."""
    if chosen is None:
        yield None
        return
    from meva_adapters.asking import AskedBeside
    from meva_adapters.asking.at_work import at_work

    spec = settings.strategy.strategy or chosen.strategy.name()
    asker = AskedBeside(spec, chosen, float(settings.strategy.timeout_sec), beat)
    try:
        asker.begin()
        yield at_work(chosen, asker)
    finally:
        asker.close()


def _engine(engine: str, loop: bool) -> tuple[Loop, str]:
    """Return what runs the cycles: compiled only in a loop, and where that costs no waiting."""
    from meva_adapters.system.compiled import CACHED_FROM, choose, is_cached

    cycles = CACHED_FROM if loop and engine == "auto" and is_cached() else 0
    speed = choose(engine, cycles)
    return speed.loop, speed.name
