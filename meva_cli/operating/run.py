"""The composition root of `meva run stage3` and `stage4`: settings and options in, a runner out.

A live run, and one that observes, hold the account (by a lock of this host) and its book (by the database's
lease). A live run asks a permit before each write, one that observes has nothing to write with. A dry run
holds its own book, asks nothing private and reads no key: its desk is over a simulated exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from meva_adapters.system import events
from meva_cli.notes import say
from meva_cli.operating.plan import AtWork, Plan, Way
from meva_cli.strategies.options import say_unknown_headings
from meva_core.errors import BadInput
from meva_core.market import MICROS

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_adapters.btcturk import Btcturk
    from meva_adapters.btcturk.observed import Slowest
    from meva_adapters.sql import SqlStore
    from meva_adapters.sql.lease import Lease
    from meva_adapters.strategies.listed import AtHand
    from meva_adapters.system.clock import Timepiece
    from meva_core.live.desk import Desk
    from meva_core.operating.guards.permit import Canary
    from meva_core.operating.runner import Runner
    from meva_core.operating.starting import TakenUp
    from meva_core.operating.steps.inputs_made import Run
    from meva_core.settings import Settings
    from meva_core.strategy.asking import Failure

GROUPS: Final = (
    "gates", "exchange", "live", "risk", "degrade", "universe", "stage7", "alerts", "strategy",
)  # fmt: skip
"""The groups of settings that these stages read."""
_TRIES: Final = 3
"""So often the exchange is asked for its time before a run begins."""


@contextmanager
def at_work(
    plan: Plan, settings: Settings, url: URL, clock: Timepiece, stops: Callable[[], bool]
) -> Iterator[AtWork]:
    """Put a run together, and hold its book while it lasts; `stops` says that the program is to end.

    Raises BadInput for what may not begin: strategies that are not there, no key, another account, one that
    is traded already; LeaseHeld while another process has the book; and what a store or an exchange raises.
    """
    from meva_adapters.asking import calls_beside
    from meva_adapters.strategies.listed import of_stage

    strategies = of_stage(plan.stage, settings)
    say_unknown_headings(settings, strategies.chosen)
    seconds, beat = float(settings.strategy.timeout_sec), plan.waits or _unheard
    with ExitStack() as stack:
        call = calls_beside([*strategies.chosen.values()], seconds, beat, _say_failure)
        asked = stack.enter_context(call)  # first, so that they are loaded while the rest is opened
        opens = _dry if plan.way is Way.DRY else _live
        work = opens(stack, plan, settings, url, clock, strategies, stops)
        work.runner.call = asked
        yield work


def _unheard() -> None:
    """Nobody waits to hear that the program goes on."""


def _say_failure(strategy: str, failure: Failure) -> None:
    """Say that a strategy failed in this cycle, with the traceback of what it raised."""
    told = "\n".join(filter(None, (failure.message, failure.traceback)))
    say(
        events.STRATEGY_FAILED, told, before="strategy failed: ",
        strategy=strategy, action=failure.action, traceback=failure.traceback,
    )  # fmt: skip


# -- The account ------------------------------------------------------------------------------------------


def _live(
    stack: ExitStack, plan: Plan, settings: Settings, url: URL, clock: Timepiece, strategies: AtHand,
    stops: Callable[[], bool],
) -> AtWork:  # fmt: skip
    from meva_adapters.sql import reader
    from meva_cli.exchange import exchange
    from meva_cli.operating.gate_files import GateFiles
    from meva_cli.operating.held_account import LiveDoors
    from meva_cli.operating.kill_switch import KillSwitch
    from meva_core.live.desk import Desk
    from meva_core.live_book.opening import account_of
    from meva_core.operating.guards.observing import Observed
    from meva_core.operating.guards.permit import Permits
    from meva_core.operating.starting import check_account

    if settings.exchange.api_key is None:
        raise BadInput(
            "BTCTURK_API_KEY is not set: there is no account",
            action="set it, or add --dry-run, which needs none",
        )
    account = account_of(settings.exchange.api_key.reveal())
    _hold_account(stack, account)
    store, lease, heart = _held(stack, plan, url)
    looks = stack.enter_context(reader(url))
    switch = KillSwitch(settings.gates, Path.cwd(), looks.read)
    doors = LiveDoors(GateFiles(settings, Path.cwd()), switch, heart, clock, looks.read)
    permits, slowest = Permits(doors), _metered(plan)
    opened = stack.enter_context(
        exchange(settings, with_account=True, permit=permits, clock=clock, observer=slowest)
    )
    if opened.account is None or opened.venue is None:
        raise BadInput("there is no account without a key")
    doors.clock = opened.client.clock
    held = _held_store(store, lease.require)
    venue = Observed(opened.venue) if plan.way is Way.OBSERVE else opened.venue
    desk = Desk(venue, opened.account, held, opened.client.clock, _pausing(clock))
    now = _time_of(opened)
    _open_account(desk, opened, plan.book, account, settings, store, url)
    taken = _taken_up(desk, plan.book, now)
    book = check_account(held, opened.account, taken.book, account, now)
    runner = _runner(plan, settings, opened, desk, strategies, clock, slowest, stops)
    runner.process, runner.permits, runner.canary = taken.process, permits, plan.canary
    runner.kill, runner.gates = switch.strictest, doors.gates
    return AtWork(
        runner=runner, desk=desk, lease=lease, heart=heart, store=store,
        taken=attrs.evolve(taken, book=book), strategies=strategies, renew=opened.client.patience.renew,
        permits=permits, account=account,
    )  # fmt: skip


def _hold_account(stack: ExitStack, account: str) -> None:
    from meva_adapters.system.account_lock import locked_account
    from meva_adapters.system.compiled import shelf

    folder = shelf()
    if folder is None:
        raise BadInput(
            "there is no folder in which this host could know that the account is traded",
            action="set HOME or MEVA_CACHE_DIR",
        )
    stack.enter_context(locked_account(folder, account))


def _open_account(
    desk: Desk, opened: Btcturk, name: str, account: str, settings: Settings, store: SqlStore, url: URL
) -> None:
    """Open the book of the account where there is none, and say what it begins with. Raises StoreCorrupt for
    a damaged file: its book may be there."""
    from meva_adapters.sql.check import require_whole
    from meva_cli.operating.told import tell_opening
    from meva_core.operating.adopting import open_account
    from meva_core.operating.answered import answered
    from meva_core.operating.records.stored import stored_book
    from meva_core.operating.steps.measuring import Wanted, measure
    from meva_core.operational.limits import limits_from

    with store.read() as view:
        if stored_book(view, name) is not None:
            return
    require_whole(url)

    def value(symbols: Any) -> dict[str, int]:
        wanted = Wanted(symbols=tuple(symbols))
        return measure(opened.market, opened.rules, desk.clock, wanted).valuations if symbols else {}

    symbols = limits_from(settings).symbols
    say(events.BOOK_OPENS, f"book {name} is opened: two reads of the balances, 30 s apart", account=account)
    with answered():
        found = open_account(desk, name, account, symbols, value)
    tell_opening(found)


# -- A simulated account ----------------------------------------------------------------------------------


def _dry(
    stack: ExitStack, plan: Plan, settings: Settings, url: URL, clock: Timepiece, strategies: AtHand,
    stops: Callable[[], bool],
) -> AtWork:  # fmt: skip
    from meva_cli.dry.held import say_what_cash_counts
    from meva_cli.exchange import exchange
    from meva_core.amounts import parse_e8, to_decimal
    from meva_core.live.desk import Desk
    from meva_core.operating.adopting import open_simulated
    from meva_core.operating.dry import SIMULATED, forgets, meets, venue_of
    from meva_core.operating.records.stored import opening, stored_book
    from meva_core.operating.records.whose import whose
    from meva_core.simulated.terms import terms_of

    store, lease, heart = _held(stack, plan, url)
    slowest = _metered(plan)
    opened = stack.enter_context(exchange(settings, clock=clock, observer=slowest))
    held, name, now = _held_store(store, lease.require), plan.book, _time_of(opened)
    cash = parse_e8(settings.live.dry_run_try_balance, "DRY_RUN_TRY_BALANCE")
    venue = venue_of(held, name, cash, terms_of(settings), opened.client.clock)
    with store.read() as view:
        found = stored_book(view, name)
    if found is None:
        book = open_simulated(held, name, SIMULATED, venue.balances(), now)
        amount = f"{settings.live.dry_run_try_balance:f}"
        words = f"book {name} is made with {amount} TRY"
        say(events.BOOK_MADE, words, cash_try=amount, database=str(store.name))
    else:
        book, _ = found
        with store.read() as view:
            began = to_decimal(opening(view, name).opening_cash)
        say_what_cash_counts(store, name, began, settings.live.dry_run_try_balance)
    owner = whose(book).owner
    desk = Desk(venue, venue, held, opened.client.clock, _pausing(clock), owner=owner)
    taken = _taken_up(desk, name, now)
    runner = _runner(plan, settings, opened, desk, strategies, clock, slowest, stops)
    runner.process = taken.process
    runner.world = attrs.evolve(runner.world, shown=meets(venue))
    runner.after = forgets(venue, runner.run.lookback_minutes)
    return AtWork(
        runner=runner, desk=desk, lease=lease, heart=heart, store=store, taken=taken, strategies=strategies,
        renew=opened.client.patience.renew,
    )  # fmt: skip


def _metered(plan: Plan) -> Slowest:
    """Return what hears of each call: whoever meters them, and whoever supervises this process. A cycle may
    take long, call by call; one that makes no progress hangs within a call."""
    from meva_adapters.btcturk.observed import Beating, Slowest

    return Slowest(Beating(plan.observer, plan.waits or _unheard))


def _time_of(opened: Btcturk) -> int:
    """Return the exchange's time, microseconds. One answer that came too late is no reason not to begin."""
    from meva_core.errors import Unavailable

    for _ in range(_TRIES - 1):
        try:
            return opened.client.clock.micros()
        except Unavailable:
            continue
    return opened.client.clock.micros()


# -- What both have ---------------------------------------------------------------------------------------


def _held(stack: ExitStack, plan: Plan, url: URL) -> tuple[SqlStore, Lease, Any]:
    """Hold the book of a run; return its store, its lease, and the heartbeat."""
    from meva_adapters.sql import ensure, writer
    from meva_adapters.sql.lease import held, named
    from meva_adapters.system.clock import SystemClock
    from meva_cli.dry.held import waiting_for

    ensure(url)
    store = stack.enter_context(writer(url))
    waiting = None if plan.waits is None else waiting_for(plan.waits)
    lease, heart = stack.enter_context(held(url, plan.book, SystemClock(), waiting=waiting))
    if lease.took_over is not None:
        words = f"book {plan.book} is taken over from a process that did not give it back"
        say(events.BOOK_TAKEN_OVER, words, process=named(lease.took_over.process))
    return store, lease, heart


def _held_store(store: SqlStore, hold: Callable[[Any], None]) -> Any:
    from meva_core.operating.held_store import HeldStore

    return HeldStore(store, hold)


def _taken_up(desk: Desk, name: str, now: int) -> TakenUp:
    from meva_core.operating.starting import taken_up

    taken = taken_up(desk.store, name, now)
    for cycle in taken.interrupted:
        say(events.CYCLE_INTERRUPTED, f"cycle {cycle} was decided and not done: its orders are looked for")
    if taken.abandoned:
        words = f"{taken.abandoned} replacements were left under way: they are not resumed"
        say(events.CYCLE_INTERRUPTED, words)
    return taken


def _runner(
    plan: Plan, settings: Settings, opened: Btcturk, desk: Desk, strategies: AtHand, clock: Timepiece,
    slowest: Slowest, stops: Callable[[], bool],
) -> Runner:  # fmt: skip
    from meva_adapters.text_codec import ZstdTexts
    from meva_core import __version__
    from meva_core.operating.runner import About, Runner
    from meva_core.operating.steps.reading import Process, World
    from meva_core.settings import operating_document

    venue_clock = opened.client.clock

    def begin() -> int:
        slowest.begin()
        opened.client.patience.renew(plan.interval)
        venue_clock.sync()
        return venue_clock.skew_micros

    def signals() -> tuple[int | None, int]:
        return slowest.milliseconds, -venue_clock.skew_micros // 1000

    world = World(market=opened.market, rules=opened.rules, desk=desk, signals=signals)
    return Runner(
        name=plan.book,
        world=world,
        run=_run(plan, settings, strategies),
        store=desk.store,
        texts=ZstdTexts(),
        about=About(settings=operating_document(settings), code_version=__version__),
        process=Process(runs=frozenset()),
        strategies=strategies.strategies,
        begin=begin,
        stops=stops,
        ticks=lambda: int(clock.monotonic() * MICROS),
    )


def _run(plan: Plan, settings: Settings, strategies: AtHand) -> Run:
    from meva_core.amounts import parse_e8
    from meva_core.operating.steps.inputs_made import Run
    from meva_core.operational.limits import limits_from
    from meva_core.settings import MarkSource

    return Run(
        stage=plan.stage,
        limits=limits_from(settings),
        taker_fee=parse_e8(settings.live.fee_bps_taker, "FEE_BPS_TAKER"),
        strategies=strategies.listed,
        bars=strategies.bars,
        dry=plan.way is Way.DRY,
        observe=plan.way is Way.OBSERVE,
        by_last=settings.stage7.mark_price_source is MarkSource.LAST,
        lookback_minutes=settings.exchange.fills_poll_lookback_minutes,
    )


def _pausing(clock: Timepiece) -> Callable[[int], None]:
    return lambda milliseconds: clock.sleep(milliseconds / 1000)


def canary_of(given: tuple[int, Decimal] | None) -> Canary | None:
    """Return what `--canary N TRY` allows. Raises BadInput for what allows nothing."""
    from meva_core.operating.guards.permit import Canary

    if given is None:
        return None
    count, notional = given
    if count < 1 or notional <= 0:
        raise BadInput(f"--canary {count} {notional:f} allows nothing", action="give a count and TRY above 0")
    return Canary(count, notional)
