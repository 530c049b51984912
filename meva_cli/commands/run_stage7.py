"""`meva run stage7`: Stage 7 on the live market, with simulated money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from meva_adapters.system import events
from meva_adapters.system.notify import supervisor
from meva_cli.alerting import alerting
from meva_cli.cycles import cycle_document, cycle_texts
from meva_cli.database import DB, database
from meva_cli.dry.book import live_book, strategy_beside
from meva_cli.dry.heard import Heard
from meva_cli.dry.held import held_book
from meva_cli.dry.universe import UniverseNote
from meva_cli.exchange import exchange, streamed_books
from meva_cli.load import Loaded, settings_for
from meva_cli.metering import Address, Watch, metrics_options, watching
from meva_cli.notes import log_only, say
from meva_cli.options import COUNT, ENGINE, TIME, json_option
from meva_cli.pace import EMULATOR, SYSTEM, ClockPace, timepiece
from meva_cli.render import as_text, counted, print_json, print_line
from meva_cli.signals import Whole
from meva_cli.strategies.options import strategy_of, strategy_options

if TYPE_CHECKING:
    from meva_adapters.sql import SqlStore
    from meva_adapters.system.clock import Timepiece
    from meva_core.errors import MevaError
    from meva_core.settings import Settings
    from meva_core.stages.dry_cycle import Told
    from meva_core.stages.dry_run import DryRun
    from meva_core.strategy.asking import Failure

SINGLE_DEADLINE: Final = 20.0
"""Seconds that the measure of a single cycle takes at most."""


@attrs.frozen(kw_only=True)
class Asked:
    """What the command line asks for; times in seconds, None where an option was not given."""

    db: str | None
    name: str
    loop: bool
    interval: int
    cycles: int | None
    until: int | None
    stream: bool
    adapt: bool
    clock_kind: str
    engine: str
    strategy: str | None
    parameters: tuple[str, ...]
    metrics: Address | None
    metrics_file: Path | None
    as_json: bool


@click.command()
@DB
@click.option("--book", "name", default="main", show_default=True, help="The book of simulated money.")
@click.option("--loop", is_flag=True, help="Go on, a cycle at each multiple of --interval.")
@click.option("--interval", type=COUNT, default=60, show_default=True, help="Seconds between cycles.")
@click.option("--cycles", type=COUNT, help="End the loop after so many cycles.")
@click.option("--until", type=TIME, help="Begin no cycle of the loop after this time.")
@click.option("--stream", is_flag=True, help="Take the books of the loop from the stream where it has them.")
@click.option("--dry-run", is_flag=True, expose_value=False, help="Say what holds anyway: it is always dry.")
@click.option(
    "--include-adaptation/--no-include-adaptation", "adapt", default=False, help="Let parameters adapt."
)
@click.option(
    "--clock",
    "clock_kind",
    type=click.Choice([SYSTEM, EMULATOR]),
    default=SYSTEM,
    show_default=True,
    help="Whose time it goes by. emulator: one served with --clock manual; waiting moves it.",
)
@ENGINE
@strategy_options
@metrics_options
@json_option
@click.pass_context
def stage7(ctx: click.Context, /, **given: Any) -> None:
    """Run Stage 7 on the live market: one cycle, as cron would, or a loop with --loop.

    Nothing is ever written to an exchange, no private endpoint is asked and no key is needed: orders are
    simulated against what the exchange shows. All that a cycle saw is stored with what it decided, so `meva
    prove` decides it again. The book keeps its money, holdings and open orders over runs and processes; one
    process holds it at a time. With a signal to end, the cycle that runs is stored whole or not at all.

    With --stream the order books come as they change, over one connection that the loop keeps, and only those
    that it does not have are asked for. It needs the extra: pip install 'meva[stream]'.

    A strategy (--strategy) runs in a process of its own. One that raises, answers with what can be no
    weights, or takes longer than STRATEGY_TIMEOUT_SEC costs no cycle: nothing is bought then, and after three
    failures in a row nothing is traded until it answers again.

    Exit code 0: done. 1: a single cycle had no answer, or a loop could not go on. 2: not begun, such as for a
    gate that is shut or a book that another process holds.
    """
    from meva_cli.checks.doctor import preflight

    asked = Asked(**given)
    _check_options(asked)
    settings = preflight(lambda: _settings(asked.strategy), asked.db, asked.interval, asked.parameters)
    ctx.exit(0 if _run(asked, settings) else 1)


def _run(asked: Asked, settings: Settings) -> bool:
    """Run what is asked for; return whether it came to its end as it should."""
    chosen = strategy_of(settings, asked.parameters, warn=False)  # the preflight has said all
    loop, name = asked.loop, asked.name
    url, watcher = database(asked.db), supervisor()
    beat, interval = watcher.alive, asked.interval if loop else None
    with (
        events.bound(book=name),
        watching(name, asked.metrics, asked.metrics_file, interval) as watch,
        timepiece(asked.clock_kind, settings.exchange.base_url) as clock,
        held_book(url, name, settings, beat if loop else None) as held,
        alerting(
            url, held.store, held.lease, settings.alerts, clock, loop=loop, beat=beat, watch=watch
        ) as herald,
    ):
        run = attrs.evolve(held.settings, exchange=settings.exchange)
        about = name, asked.adapt, asked.engine, loop, clock, beat
        with (
            exchange(run, clock=clock, observer=watch.observer) as opened,
            streamed_books(opened, run) if asked.stream else nullcontext() as books,
            strategy_beside(chosen, settings, beat) as strategy,
            live_book(held, opened, run, *about, books, watch.marks, strategy) as dry,
        ):
            watch.holds(held, dry.about["engine"])
            _bind_last(held.store, name)
            heard = Heard(watch, herald)
            tell = _json_line if asked.as_json else _line
            noted = UniverseNote(held.store, name, run.stage7.universe_size)
            dry.outbox, shown = herald, _shower(held.store, name, tell, heard, noted)
            if loop:
                return _loop(dry, asked, shown, ClockPace(watcher, clock), heard)
            return _once(dry, shown, clock, heard)


def _settings(strategy: str | None) -> Loaded:
    said = {"STRATEGY": strategy}
    return settings_for("state", "gates", "exchange", "live", "stage7", "alerts", "strategy", options=said)


def _check_options(asked: Asked) -> None:
    """Refuse options that do not go together."""
    loop, stream = asked.loop, asked.stream
    if not loop and (asked.cycles is not None or asked.until is not None):
        raise click.UsageError("--cycles and --until go with --loop")
    if stream and not loop:
        raise click.UsageError("--stream goes with --loop: a single cycle is over before a stream has begun")
    if stream and asked.clock_kind == EMULATOR:
        raise click.UsageError("--stream goes by this machine's clock: it comes when it comes")
    if stream:
        from meva_adapters.btcturk.stream import require_websockets

        require_websockets()
    if asked.metrics is not None and not loop:
        raise click.UsageError("--metrics goes with --loop; a single cycle has --metrics-file")
    if asked.metrics_file is not None and loop:
        raise click.UsageError("--metrics-file is for single cycles; a loop has --metrics")


def _once(dry: DryRun, shown: Callable[[Told], None], clock: Timepiece, heard: Heard) -> bool:
    """Run one cycle; return whether there was one with an answer."""
    from meva_core.market import MICROS
    from meva_core.stages.dry_loop import NothingKnown

    with _missed_by(heard.watch):
        measured = dry.measure(SINGLE_DEADLINE, clock.micros() // MICROS, clock.sleep)
    with Whole():
        with _missed_by(heard.watch):
            told = dry.decide(measured)
        if told is None:
            nothing = NothingKnown()
            heard.lacks(nothing, clock.micros() // MICROS)
            say(events.NO_CYCLE, f"no cycle: {nothing}", code=nothing.code)
            return False
        shown(told)
        return bool(told.answered)


@contextmanager
def _missed_by(watch: Watch) -> Iterator[None]:
    """Let whoever watches know why there is no cycle, and end with that."""
    from meva_core.errors import LeaseLost, StoreError, Unavailable
    from meva_core.stages.dry_loop import not_stored, why_missed

    try:
        yield
    except LeaseLost:
        raise
    except StoreError as error:
        watch.missed(why_missed(error), 1)
        raise not_stored(error) from error
    except Unavailable as error:
        watch.missed(why_missed(error), 1)
        raise


def _loop(dry: DryRun, asked: Asked, shown: Callable[[Told], None], pace: ClockPace, heard: Heard) -> bool:
    from meva_core.stages.dry_loop import DryLoop

    def note(words: str, error: MevaError) -> None:
        if dry.is_undone:
            say(events.CYCLE_NOT_STORED, words, code=error.code, seconds=asked.interval)
        else:
            say(events.NO_CYCLE, words, code=error.code)

    pace.supervisor.ready()
    when = asked.cycles, asked.until
    going = DryLoop(dry, pace, asked.interval, shown, note, *when, Whole, heard.trouble, heard.watch.missed)
    going.run()
    if going.skipped:
        points = counted(going.skipped, "point of time", "points of time")
        words = f"skipped: {points} that passed without a cycle"
        say(events.POINTS_SKIPPED, words, points=going.skipped)
    return True


# -- One line a cycle -------------------------------------------------------------------------------------


def _shower(
    store: SqlStore, name: str, tell: Callable[[dict[str, Any]], None], heard: Heard, noted: UniverseNote
) -> Callable[[Told], None]:
    """Return what shows each cycle, as it is stored, to whoever hears of it and to whoever reads."""
    from meva_adapters.codec import CODEC
    from meva_core.history.last_cycle import last_cycle
    from meva_core.history.limits import Limits, limits_of
    from meva_core.ids import cycle_id

    limits: dict[str, Limits] = {}

    def show(told: Told) -> None:
        events.bind(run_id=told.run_id, cycle_id=cycle_id(told.run_id, told.time))
        heard.stored(told)
        noted.stored(told)
        if told.failure is not None:
            _say_failure(told.failure, int(told.stretch.inputs.strategy_failed[told.stretch.start]))
        run_id = told.run_id
        with store.read() as reads:
            if run_id not in limits:
                limits[run_id] = limits_of(run_id, reads.run(run_id), CODEC.decode)
            cycle = last_cycle(reads, run_id, limits[run_id], CODEC.decode)
        if cycle is None:
            return  # somebody took its rows away meanwhile
        more = {"began_run": told.began, "failures": dict(told.failures)}
        document = {**cycle_document(name, cycle), **more}
        _log_cycle(document, " ".join(cycle_texts(cycle)))
        tell({**document, "line": cycle_texts(cycle)})

    return show


def _say_failure(failure: Failure, times: int) -> None:
    """Say that the strategy failed, how often in a row, and with which traceback."""
    told = "\n".join(filter(None, (failure.message, failure.traceback)))
    fields: dict[str, Any] = {
        "times": times,
        "action": failure.action,
        "traceback": failure.traceback,
    }
    say(events.STRATEGY_FAILED, told, before=f"strategy failed ({times} in a row): ", **fields)


def _bind_last(store: SqlStore, name: str) -> None:
    """Let what is logged before the first cycle of this process bear the last one of the book."""
    from meva_core.stages.book_runs import pick_book

    with store.read() as reads:
        run_id = pick_book(reads, name).run_id
        row = None if run_id is None else reads.run(run_id)
    if row is not None:
        events.bind(run_id=row["run_id"], cycle_id=row["last_cycle_id"])


def _log_cycle(cycle: dict[str, Any], line: str) -> None:
    """Let the logs have the cycle, too, where they are for machines; its name, run and book are bound."""
    fields = {name: cycle[name] for name in events.CYCLE.fields}
    texts = {name: as_text(value) for name, value in fields.items() if isinstance(value, Decimal | datetime)}
    log_only(events.CYCLE, line, **{**fields, **texts})


def _json_line(cycle: dict[str, Any]) -> None:
    print_json({name: value for name, value in cycle.items() if name != "line"})


def _line(cycle: dict[str, Any]) -> None:
    if cycle["began_run"]:
        print_line(f"run {cycle['run_id']} of book {cycle['book']}")
    failures = ", ".join(f"{what} {count}" for what, count in sorted(cycle["failures"].items()))
    print_line("  ".join([*cycle["line"], *([f"({failures})"] if failures else [])]))
