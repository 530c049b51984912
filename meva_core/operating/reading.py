"""Steps 1 to 5 of a cycle: the market, our orders, their fills, the balances, and what it all comes to.

    step 1  measure         the market, and with it the cycle's time
    step 2  settle          what became of our orders
    step 3  balances, fills  balances first: what they show beyond the fills came later
    step 4  compare         balances against the book
    step 5  assess          figures and alarms, and the inputs of a decision

What fails alone costs itself alone. Every change is stored when its step is done; nothing is submitted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from attrs import evolve, frozen

from meva_core.ids import cycle_id
from meva_core.live.desk import Desk
from meva_core.live.live_orders import Record, resting
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.attribution import Ours, Whose, of_order, order_alarms
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import QUOTE
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.windows import due
from meva_core.market import MICROS
from meva_core.operating.assessing import assess
from meva_core.operating.book_file import BookFile
from meva_core.operating.carried import Carried
from meva_core.operating.comparing import Compared, compare, read_balances
from meva_core.operating.file import File
from meva_core.operating.filling import FillReader
from meva_core.operating.inputs_made import Learnt, Run, inputs_of
from meva_core.operating.measuring import Measured, Wanted, measure
from meva_core.operating.settling import BY_NUMBER, settle
from meva_core.operating.whose import whose
from meva_core.operational.inputs import Inputs
from meva_core.ports import MarketData, RulesSource
from meva_core.venue import VenueOrder


@frozen(kw_only=True)
class Process:
    """What a process knows of its own run of cycles: the runs of its file, the time of its first cycle, in
    seconds, None before that, when it sent something last, in microseconds, and the time of the book's newest
    cycle, in seconds, whoever made that."""

    runs: frozenset[str]
    first_cycle: int | None = None
    last_write: int | None = None
    newest: int = 0


@frozen(kw_only=True)
class World:
    """What a cycle reads. `signals` gives the slowest call of the cycle so far, without our own waiting, and
    our clock less the exchange's, both in ms. `shown` is given the market once it is measured, before
    anything is asked of the account: a simulated exchange lets what rests there meet it."""

    market: MarketData
    rules: RulesSource
    desk: Desk
    signals: Callable[[], tuple[int | None, int]] = lambda: (None, 0)
    shown: Callable[[Measured], None] = lambda _: None


@frozen(kw_only=True)
class Read:
    """A cycle that is ready to be decided: its inputs, the book and what the next one carries on with, as
    they stand. `foreign` counts the open orders that are not ours; `notes` are for people."""

    inputs: Inputs
    book: LiveBook
    carried: Carried
    fills_booked: int = 0
    foreign: int = 0
    notes: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[Alarm, ...]:
        """The open alarms after which the process ends."""
        return tuple(alarm for alarm in self.book.alarms if alarm.ends_process)


def read_cycle(
    world: World, run: Run, process: Process, book: LiveBook, carried: Carried, kill: str = ""
) -> Read:
    """Read all that a cycle decides by, and book it.

    `kill` is the kill switch as it stands. Raises Unavailable if no market could be read or the time lies
    behind, with nothing stored, and StoreError: what was stored before that stays.
    """
    desk, configured = world.desk, run.limits.symbols
    names = sorted({*configured, *_held(book), *_resting(desk)})
    wanted = Wanted(
        symbols=names,
        bars=run.bars,
        newest=process.newest,
        valuations=carried.valuations,
        by_last=run.by_last,
    )
    measured = measure(world.market, world.rules, desk.clock, wanted)
    world.shown(measured)
    marks, starts = measured.valuations, process.first_cycle is None
    first = measured.time if process.first_cycle is None else process.first_cycle
    file = BookFile(desk, whose(book), cycle_id(book.run, measured.time), marks, _lots(measured))
    settling = settle(desk)
    balances, unread = read_balances(desk.account)
    pairs = {*names, *(name for name in measured.pairs or () if name.endswith(QUOTE))}
    symbols = due(book, pairs, file.own_orders(), balances or {}, configured, starts=starts)
    reader = FillReader(
        account=desk.account,
        clock=desk.clock,
        file=file,
        lookback_minutes=run.lookback_minutes,
        runs=process.runs | {book.run},
        first_cycle=first,
        marks=marks,
        unasked=settling.unasked,
        look_ups=BY_NUMBER - settling.looked_up,
    )
    fills = reader.read(book, symbols, balances or {})
    orders = file.own_orders()
    last_write = max([process.last_write or 0, *(one.created for one in orders)])
    compared = compare(
        desk.account, file, fills.book, orders, balances, marks, last_write, desk.clock.micros()
    )
    listed = settling.listed or ()
    ours = Ours(tuple(_among(file, listed)), process.runs | {book.run}, first, compared.book.accepted)
    found = [*fills.alarms, *compared.alarms, *order_alarms(listed, ours)]
    assessed = assess(compared.book, orders, measured, found)
    slowest, skew = world.signals()
    stalls = {symbol: carried.stalls.get(symbol, 0) + 1 for symbol in fills.unread}
    learnt = Learnt(
        measured=measured,
        orders=orders,
        meant=file.meant(orders),
        last_sent=file.last_sent((measured.time - run.limits.cooldown_seconds) * MICROS),
        balances=balances,
        recovery=settling.alarms,
        blocked=_blocked(names, compared, measured.blocked, settling.blocked, fills.blocked),
        stalls=stalls,
        looked=compared.looked,
        skew_ms=skew,
        slowest_call_ms=slowest,
    )
    after = evolve(
        carried,
        stalls=stalls,
        resting={name: left - 1 for name, left in sorted(carried.resting.items()) if left > 1},
        valuations=marks,
    )
    notes = (*measured.notes, *settling.notes, *fills.notes, unread, compared.note)
    return Read(
        inputs=inputs_of(run, assessed, carried, learnt, kill),
        book=assessed,
        carried=after,
        fills_booked=fills.booked,
        foreign=sum(of_order(one, ours).whose is Whose.FOREIGN for one in listed),
        notes=tuple(note for note in notes if note),
    )


def _held(book: LiveBook) -> list[str]:
    return [symbol for symbol, holding in book.ledger.holdings.items() if holding.qty]


def _resting(desk: Desk) -> set[str]:
    """Return the symbols in which orders of ours may rest."""
    with desk.store.read() as view:
        return {one.symbol for one in resting(view) if isinstance(one, Record)}


def _lots(measured: Measured) -> dict[str, Decimal]:
    lots = {one.name: one.rules.lot_size for one in measured.symbols}
    return {name: lot for name, lot in lots.items() if lot is not None}


def _among(file: File, listed: Sequence[VenueOrder]) -> Sequence[OwnOrder]:
    """Return our orders that may be among those that rest at the exchange."""
    numbers = {order.order_id for order in listed}
    return file.own_orders(numbers, {order.client_id for order in listed if order.client_id is not None})


def _blocked(names: Iterable[str], compared: Compared, *parts: Mapping[str, str]) -> dict[str, str]:
    """Return why nothing may be submitted, by symbol: all of them where balances say so."""
    found = dict.fromkeys(names, compared.why_not) if compared.why_not else {}
    for part in reversed(parts):
        found |= part
    return found
