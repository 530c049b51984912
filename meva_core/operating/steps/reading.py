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
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from meva_core.ids import cycle_id
from meva_core.live.desk import Desk
from meva_core.live.live_orders import Record, resting
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.attribution import Ours, Whose, doubted_by, hidden_by, of_order, order_alarms
from meva_core.live_book.book import LiveBook, added
from meva_core.live_book.ledger import QUOTE, Marks
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.windows import due
from meva_core.market import MICROS
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.file import File
from meva_core.operating.records.filled import Filled
from meva_core.operating.records.whose import desk_of, whose
from meva_core.operating.steps.assessing import assess
from meva_core.operating.steps.comparing import Compared, compare, read_balances
from meva_core.operating.steps.filling import FillReader, Fills
from meva_core.operating.steps.finding import ours_among
from meva_core.operating.steps.inputs_made import Learnt, Run, inputs_of
from meva_core.operating.steps.live_bars import LiveBars
from meva_core.operating.steps.looking_back import Lacked, LookingBack, to_look_at
from meva_core.operating.steps.measuring import Measured, Wanted, measure
from meva_core.operating.steps.settling import BY_NUMBER, ORDERS_UNREAD, Settling, settle
from meva_core.operational.inputs import Inputs
from meva_core.ports import MarketData, RulesSource
from meva_core.venue import Balance, UnreadOrder, VenueOrder

JUST_ADOPTED: Final = "just_adopted"
"""Why nothing is submitted: the book was taken over from the earlier system in this very cycle."""


@frozen(kw_only=True)
class Process:
    """What a process knows of its own run of cycles: the runs of its file, the time of its first cycle, in
    seconds, None before that, when it sent something last, in microseconds, the time of the book's newest
    cycle, in seconds, whoever made that, and how far the exchange's time was ahead of ours when it was last
    asked for, in microseconds, None if never."""

    runs: frozenset[str]
    first_cycle: int | None = None
    last_write: int | None = None
    newest: int = 0
    offset: int | None = None

    def after(self, time: int) -> Process:
        """Return what it knows after a cycle at a time, in seconds, is stored."""
        first = time if self.first_cycle is None else self.first_cycle
        return evolve(self, first_cycle=first, newest=time)


@frozen(kw_only=True)
class World:
    """What a cycle reads. `signals` gives the slowest call of the cycle so far, without our own waiting, and
    our clock less the exchange's, both in ms. `shown` is given the market once it is measured, before
    anything is asked of the account: a simulated exchange lets what rests there meet it. `at` is told the
    name of each step as it begins, and of steps 1 to 3 again between their calls; what it raises ends the
    cycle. `bars` is what the process knows of bars by now."""

    market: MarketData
    rules: RulesSource
    desk: Desk
    signals: Callable[[], tuple[int | None, int]] = lambda: (None, 0)
    shown: Callable[[Measured], None] = lambda _: None
    at: Callable[[str], None] = lambda _: None
    bars: LiveBars = field(factory=LiveBars)


@frozen(kw_only=True)
class Read:
    """A cycle that is ready to be decided: its inputs, the book and what the next one carries on with, as
    they stand.

    `current` is when marks were last known to be current (`Measured`). `foreign` counts the open orders that
    are not ours, `flows` what was booked that is no fill of ours; `orders` are ours that may move something,
    `marks` the valuation marks. `account_unread` says why there are no balances, where they could not be
    read; `notes`, for people, say it, too.
    """

    inputs: Inputs
    book: LiveBook
    carried: Carried
    current: Mapping[str, int] = field(factory=dict)
    fills_booked: int = 0
    filled: tuple[Filled, ...] = ()
    orders: tuple[OwnOrder, ...] = ()
    flows: int = 0
    foreign: int = 0
    marks: Marks = field(factory=dict)
    account_unread: str = ""
    notes: tuple[str, ...] = ()

    @property
    def account_read(self) -> bool:
        """Whether the balances could be read."""
        return not self.account_unread

    @property
    def ends(self) -> tuple[Alarm, ...]:
        """The open alarms after which a process that may send something ends."""
        return tuple(alarm for alarm in self.book.alarms if alarm.ends_process)


def read_cycle(
    world: World, run: Run, process: Process, book: LiveBook, carried: Carried, kill: str = ""
) -> Read:
    """Read all that a cycle decides by, and book it.

    `kill` is the kill switch as it stands. Raises Unavailable if no market could be read or the time lies
    behind, with nothing stored, or if the time proves to be wrong as the account is read, and StoreError:
    what was stored of orders and fills before that stays.
    """
    names = sorted({*run.limits.symbols, *_held(book), *_resting(world.desk)})
    wanted = Wanted(
        symbols=names,
        bars=run.bars,
        newest=process.newest,
        valuations=carried.valuations,
        by_last=run.by_last,
    )
    world.at("measure")
    clock, at_measure = world.desk.clock, partial(world.at, "measure")
    measured = measure(world.market, world.rules, clock, wanted, world.bars, at_measure)
    world.shown(measured)
    found = _book_account(world, run, process, book, measured, carried)
    world.at("assess")
    measured = measured.aged(world.desk.clock.micros())  # the account may have taken minutes to answer
    unread = set(found.fills.unread).difference(found.fills.by_number)
    stale = run.limits.stale_market_data_seconds
    assessed = assess(found.compared.book, found.orders, measured, found.alarms, unread, stale_seconds=stale)
    stalls = {symbol: carried.stalls.get(symbol, 0) + 1 for symbol in found.fills.unread}
    learnt = _learnt(world, run, carried, measured, found, stalls)
    after = evolve(
        carried,
        stalls=stalls,
        resting={name: left - 1 for name, left in sorted(carried.resting.items()) if left > 1},
        valuations=measured.valuations,
        unlooked=found.lacked.left,
    )
    notes = (
        *measured.notes, *found.settling.notes, *_notes(found), *found.lacked.notes, *found.fills.notes,
        found.unread, found.compared.note,
    )  # fmt: skip
    return Read(
        inputs=inputs_of(run, assessed, carried, learnt, kill),
        book=assessed,
        carried=after,
        current=measured.current,
        fills_booked=found.fills.booked,
        filled=found.fills.own,
        orders=tuple(found.orders),
        flows=found.fills.flows + found.compared.flows,
        foreign=found.foreign,
        marks=measured.valuations,
        account_unread=found.unread,
        notes=tuple(note for note in notes if note),
    )


@frozen(kw_only=True)
class _Account:
    """What steps 2 to 4 came to. `unread` says why there are no balances, if there are none; `foreign` and
    `hidden` are as in `_Rests`, `lacked` is what the file did."""

    file: File
    settling: Settling
    lacked: Lacked
    balances: Mapping[str, Balance] | None
    unread: str
    fills: Fills
    compared: Compared
    orders: Sequence[OwnOrder]
    alarms: Sequence[Alarm]
    foreign: int
    hidden: frozenset[str | None]


def _book_account(
    world: World, run: Run, process: Process, book: LiveBook, measured: Measured, carried: Carried
) -> _Account:
    """Steps 2 to 4: read the account, and book what happened there."""
    desk = desk_of(world.desk, book)
    marks, runs = measured.valuations, process.runs | {book.run}
    first = measured.time if process.first_cycle is None else process.first_cycle
    world.at("settle")
    settling = settle(desk, book.accepted, partial(world.at, "settle"))
    name = cycle_id(book.run, measured.time)
    file = BookFile(desk, whose(book), name, marks, _lots(measured), keeps=True)
    ours = partial(ours_among, file, runs=runs, first=first, accepted=book.accepted)
    lacked = _lacked(world, process, book, measured, carried, file, ours, settling.listed or ())
    book = added(book, lacked.alarms, desk.clock.micros())
    world.at("fills")
    balances, unread = read_balances(desk.account)
    read_at = desk.clock.micros()
    reader = FillReader(
        account=desk.account,
        clock=desk.clock,
        file=file,
        lookback_minutes=run.lookback_minutes,
        runs=runs, first_cycle=first,
        marks=marks,
        unasked=settling.unasked,
        look_ups=BY_NUMBER - settling.looked_up,
        between=partial(world.at, "fills"),
    )  # fmt: skip
    symbols = due(
        book,
        {*(one.name for one in measured.symbols), *_pairs(measured)},
        file.own_orders(),
        balances or {},
        run.limits.symbols,
        _tradable(carried.stalls, measured),
        starts=process.first_cycle is None,
    )
    fills = reader.read(book, symbols, balances or {})
    orders = file.own_orders()
    world.at("balances")
    compared = compare(
        desk.account, file, fills.book, orders, balances, read_at, marks, _last_write(process, orders),
        desk.clock.micros(), _tradable((*fills.unread, *fills.unasked, *lacked.unread), measured),
    )  # fmt: skip
    rests = _rests(file, settling, compared.book, runs, first)
    return _Account(
        file=file,
        settling=settling,
        lacked=lacked,
        balances=balances,
        unread=unread,
        fills=fills,
        compared=compared,
        orders=orders,
        alarms=[*lacked.alarms, *fills.alarms, *compared.alarms, *rests.alarms],
        foreign=rests.foreign,
        hidden=rests.hidden,
    )


def _lacked(
    world: World,
    process: Process,
    book: LiveBook,
    measured: Measured,
    carried: Carried,
    file: BookFile,
    ours: Callable[[Sequence[VenueOrder | UnreadOrder]], Ours],
    listed: Sequence[VenueOrder],
) -> Lacked:
    """Take in what the file lacks of what rests, and of what was made before this process began."""
    starts = process.first_cycle is None
    back = LookingBack(
        account=world.desk.account,
        file=file,
        ours=ours,
        time=measured.time,
        first=measured.time if process.first_cycle is None else process.first_cycle,
        between=partial(world.at, "settle"),
    )
    names = [one.name for one in measured.symbols]
    since = max(process.newest, book.opened // MICROS)
    pairs = to_look_at(carried.unlooked, names, since, measured.time, starts=starts)
    return back.lacked(listed, pairs, _tradable(pairs, measured))


def _last_write(process: Process, orders: Iterable[OwnOrder]) -> int:
    """Return when something was sent last. An earlier process may have sent it right before this one: rows
    say so, as far as they can."""
    is_new = process.last_write is None
    rows = (one.written if is_new else one.created for one in orders)
    return max([process.last_write or 0, *rows])


@frozen(kw_only=True)
class _Rests:
    """What the list of open orders says: `foreign` counts those of others; `hidden` are the symbols of which
    it does not say what rests, None among them for all."""

    alarms: Sequence[Alarm]
    foreign: int
    hidden: frozenset[str | None]


def _rests(file: BookFile, settling: Settling, book: LiveBook, runs: frozenset[str], first: int) -> _Rests:
    """Look at what rests at the exchange, and store which of it is of others."""
    listed, doubted = settling.listed or (), doubted_by(book.alarms)
    every: tuple[VenueOrder | UnreadOrder, ...] = (*listed, *settling.unread)
    ours = ours_among(file, every, runs, first, book.accepted, doubted)
    hidden = frozenset({None}) if settling.listed is None else hidden_by(settling.unread, ours)
    foreign = [one for one in listed if of_order(one, ours).whose is Whose.FOREIGN]
    if settling.listed is not None:
        file.store_foreign(foreign, {row.order_id for row in settling.unread})
    alarms = order_alarms(listed, ours, book.alarms, hidden)
    return _Rests(alarms=alarms, foreign=len(foreign), hidden=hidden)


def _learnt(
    world: World,
    run: Run,
    carried: Carried,
    measured: Measured,
    found: _Account,
    stalls: Mapping[str, int],
) -> Learnt:
    """Return what steps 1 to 4 came to, as inputs are made of it."""
    slowest, skew = world.signals()
    since = (measured.time - run.limits.cooldown_seconds) * MICROS
    adopted = JUST_ADOPTED if carried.adopted else ""
    blocked = _blocked(
        [symbol.name for symbol in measured.symbols],
        adopted or (ORDERS_UNREAD if None in found.hidden else "") or found.compared.why_not,
        measured.blocked,
        found.settling.blocked,
        dict.fromkeys(sorted(found.lacked.unread), ORDERS_UNREAD),
        dict.fromkeys(sorted(symbol for symbol in found.hidden if symbol is not None), ORDERS_UNREAD),
        found.fills.blocked,
    )
    return Learnt(
        measured=measured,
        orders=found.orders,
        meant=found.file.meant(found.orders),
        last_sent=found.file.last_sent(since),
        balances=found.balances,
        recovery=found.settling.alarms,
        blocked=blocked,
        stalls=stalls,
        looked=found.compared.looked,
        skew_ms=skew,
        slowest_call_ms=slowest,
    )


def _notes(found: _Account) -> list[str]:
    """Return what to tell of rows of open orders that cannot be read, where they may be ours."""
    unread = (row for row in found.settling.unread if row.symbol in found.hidden)
    return [f"an open order cannot be read, and may be ours: {row.why}" for row in unread]


def _pairs(measured: Measured) -> list[str]:
    """Return all TRY pairs that the exchange shows."""
    return [name for name in measured.pairs or () if name.endswith(QUOTE)]


def _tradable(names: Iterable[str], measured: Measured) -> list[str]:
    """Return those of some pairs in which something may have been traded, as far as the exchange says."""
    return [name for name in names if measured.pairs is None or name in measured.pairs]


def _held(book: LiveBook) -> list[str]:
    return [symbol for symbol, holding in book.ledger.holdings.items() if holding.qty]


def _resting(desk: Desk) -> set[str]:
    """Return the symbols in which orders of ours may rest."""
    with desk.store.read() as view:
        return {one.symbol for one in resting(view, desk.owner) if isinstance(one, Record)}


def _lots(measured: Measured) -> dict[str, Decimal]:
    lots = {one.name: one.rules.lot_size for one in measured.symbols}
    return {name: lot for name, lot in lots.items() if lot is not None}


def _blocked(names: Iterable[str], everywhere: str, *parts: Mapping[str, str]) -> dict[str, str]:
    """Return why nothing may be submitted, by symbol; `everywhere` is why in all of them, if anything is."""
    found = dict.fromkeys(names, everywhere) if everywhere else {}
    for part in reversed(parts):
        found |= part
    return found
