"""A cycle of a dry run in the database of a live book: it asks nothing private, and takes nothing from live.

I31  a dry run changes no row that live reads
I15  and it opens nothing that needs a key
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Any, Final

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Faults
from meva_adapters.rehearsal.machine import Machine
from meva_adapters.rehearsal.process_there import VERSION, Trader
from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.time_there import MachineClock
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World, stream
from meva_adapters.sql.store import writer
from meva_adapters.text_codec import ZstdTexts
from meva_core.amounts import parse_e8
from meva_core.errors import Unavailable
from meva_core.live.desk import Desk
from meva_core.operating.adopting import open_simulated
from meva_core.operating.dry import SIMULATED, forgets, meets, venue_of
from meva_core.operating.held_store import HeldStore
from meva_core.operating.records.stored import stored_book
from meva_core.operating.records.whose import whose
from meva_core.operating.runner import About, Runner
from meva_core.operating.starting import taken_up
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.reading import World as Read
from meva_core.operational.limits import limits_from
from meva_core.settings import build_settings
from meva_core.simulated.terms import terms_of

_PUBLIC: Final = frozenset({"now", "tickers", "book", "candles", "rules", "metadata"})
_OF_PROCESSES: Final = frozenset({"process_instances", "sqlite_sequence"})
_TEXTS: Final = ZstdTexts()
_PROCESS: Final = 10**6
"""The number of its process: none that trades live has it."""
Rows = dict[str, set[tuple[Any, ...]]]


def dry_cycle(world: World, machine: Machine, trader: Trader) -> None:
    """Run a cycle, in a process of its own beside the live one, to which nothing happens. Raises Violated."""
    before, calls, real = _rows(machine), _undisturbed(world, machine), writer(machine.path, durable=False)
    try:
        lease = machine.leases(real, _PROCESS).take(_book(world))
        runner = _runner(world, machine, trader, HeldStore(real, lease.require), calls)
        with suppress(Unavailable):  # the pair that it looks at may be gone
            runner.cycle()
        lease.release()
    finally:
        real.close()
    if private := set(calls.arrived.counts) - _PUBLIC:
        raise Violated("I15", f"a dry run asked for {sorted(private)}")
    after, ours = _rows(machine), _names(machine, _book(world))
    for table in before.keys() - _OF_PROCESSES:
        for row in before[table] - after[table]:
            if not any(name in text for name in ours for text in row if isinstance(text, str)):
                raise Violated("I31", f"a dry run changed or took a row of {table}: {row}")


def _rows(machine: Machine) -> Rows:
    """Return all rows of the database."""
    with closing(sqlite3.connect(f"file:{machine.path}?mode=ro", uri=True, isolation_level=None)) as there:
        tables = [name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: set(there.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608


def _names(machine: Machine, book: str) -> tuple[str, ...]:
    """Return what a row of the dry book names: it, or its run."""
    run = machine.file.one("SELECT run_id FROM live_books WHERE book = ?", book)
    return (book,) if run is None else (book, run["run_id"])


def _undisturbed(world: World, machine: Machine) -> Calls:
    random = stream(world.seed, f"dry {machine.time.now}")
    return Calls(machine.time, random, Faults(random, {}))


def _runner(world: World, machine: Machine, trader: Trader, held: HeldStore, calls: Calls) -> Runner:
    """Return what runs cycles of the dry book, as `meva run --dry-run` puts it together."""
    name, settings = _book(world), build_settings(dict(machine.settings()))
    shown = Shown(machine.shown.truth, calls, calls.faults, calls.random)
    clock = MachineClock(machine.time, -machine.time.off)
    cash = parse_e8(settings.live.dry_run_try_balance)
    venue = venue_of(held, name, cash, terms_of(settings), clock)
    with held.read() as view:
        found = stored_book(view, name)
    book = (
        open_simulated(held, name, SIMULATED, venue.balances(), clock.micros()) if found is None else found[0]
    )
    desk = Desk(venue, venue, held, clock, machine.time.pause, owner=whose(book).owner)
    run = Run(
        stage=world.stage, limits=limits_from(settings), taker_fee=parse_e8(settings.live.fee_bps_taker),
        strategies=trader.listed, bars=trader.bars, dry=True,
        lookback_minutes=settings.exchange.fills_poll_lookback_minutes,
    )  # fmt: skip
    return Runner(
        name=name,
        world=Read(
            market=shown, rules=shown, desk=desk, signals=lambda: (None, 0), shown=meets(venue)
        ),
        run=run, store=held, texts=_TEXTS, about=About(settings=machine.settings(), code_version=VERSION),
        process=taken_up(held, name, clock.micros()).process, strategies=trader.strategies,
        begin=lambda: 0, ticks=lambda: machine.time.monotonic,
        after=forgets(venue, run.lookback_minutes),
    )  # fmt: skip


def _book(world: World) -> str:
    return f"stage{world.stage}-dry"
