"""`meva run stage3` and `meva run stage4`: cycles that may trade live, behind gates."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import click

from meva_adapters.system import events
from meva_adapters.system.notify import supervisor
from meva_cli.alerting import alerting
from meva_cli.database import DB, database
from meva_cli.load import settings_for
from meva_cli.metering import Address, metrics_options, watching
from meva_cli.notes import say
from meva_cli.operating.heard import Heard
from meva_cli.operating.plan import Plan, Way
from meva_cli.operating.run import GROUPS, at_work, canary_of
from meva_cli.operating.taking_back import is_asked_to_cancel, take_back
from meva_cli.operating.told import Teller, tell_armed, tell_left
from meva_cli.options import AMOUNT, COUNT, TIME, json_option
from meva_cli.pace import EMULATOR, SYSTEM, ClockPace, timepiece
from meva_cli.render import counted, print_json
from meva_cli.signals import Ending

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_cli.operating.plan import AtWork
    from meva_core.errors import MevaError
    from meva_core.live_book.alarms import Alarm
    from meva_core.operating.runner import Told
    from meva_core.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_NAMED: Final = 3
"""So many alarms are named at the end; all were, when they were raised."""


@attrs.frozen(kw_only=True)
class Asked:
    """What the command line asks for; times in seconds, None where an option was not given."""

    db: str | None
    dry_run: bool
    live: bool
    observe: bool
    canary: tuple[int, Decimal] | None
    loop: bool
    interval: int
    cycles: int | None
    until: int | None
    cancel_on_exit: bool
    metrics: Address | None
    metrics_file: Path | None
    clock_kind: str
    as_json: bool


def _options(command: F) -> F:
    for option in reversed(
        (
            DB,
            click.option("--dry-run", is_flag=True, help="Simulate all orders, whatever the settings say."),
            click.option(
                "--live", is_flag=True, help="Refuse to run unless every gate is open. It opens none."
            ),
            click.option("--observe", is_flag=True, help="Read and book the account; send nothing."),
            click.option(
                "--canary",
                type=(COUNT, AMOUNT),
                metavar="N TRY",
                help="Send at most N BUYs, for TRY in all, in 24 hours.",
            ),
            click.option("--loop", is_flag=True, help="Go on, a cycle at each multiple of --interval."),
            click.option(
                "--interval", type=COUNT, default=60, show_default=True, help="Seconds between cycles."
            ),
            click.option("--cycles", type=COUNT, help="End the loop after so many cycles."),
            click.option("--until", type=TIME, help="Begin no cycle of the loop after this time."),
            click.option("--cancel-on-exit", is_flag=True, help="Cancel our own open orders at the end."),
            click.option(
                "--clock",
                "clock_kind",
                type=click.Choice([SYSTEM, EMULATOR]),
                default=SYSTEM,
                show_default=True,
                help="Whose time it goes by. emulator: one served with --clock manual; waiting moves it.",
            ),
            json_option,
            click.pass_context,
        )
    ):
        command = option(command)
    return command


@click.command()
@_options
@metrics_options
def stage3(ctx: click.Context, /, **given: Any) -> None:
    """Run Stage 3: careful profits, order by order, dry or live.

    DRY_RUN decides which, unless an option does. Live takes all of DRY_RUN=false, LIVE_TRADING=true,
    LIVE_TRADING_ACK, the key, the secret and a kill switch that is off; each is looked at again before every
    order. `meva gates` shows them, docs/live.md the way from observing to trading.

    Exit code 0: done, whatever was rejected or blocked. 1: no market or account could be read, an integrity
    alarm, which ends a loop unless it only observes, or a store that failed. 2: it may not begin. 130:
    interrupted; the cycle was finished first.
    """
    ctx.exit(_run(3, Asked(**given)))


@click.command()
@_options
@metrics_options
def stage4(ctx: click.Context, /, **given: Any) -> None:
    """Run Stage 4: allocation, order lifecycle, replacement, dry or live.

    DRY_RUN decides which, unless an option does. Live takes all of DRY_RUN=false, LIVE_TRADING=true,
    LIVE_TRADING_ACK, the key, the secret and a kill switch that is off; each is looked at again before every
    order. `meva gates` shows them, docs/live.md the way from observing to trading.

    Exit code 0: done, whatever was rejected or blocked. 1: no market or account could be read, an integrity
    alarm, which ends a loop unless it only observes, or a store that failed. 2: it may not begin. 130:
    interrupted; the cycle was finished first.
    """
    ctx.exit(_run(4, Asked(**given)))


def _run(stage: int, asked: Asked) -> int:
    from meva_cli.checks.doctor import preflight
    from meva_core.gates import check_gates

    _check_options(asked)
    settings = preflight(
        lambda: settings_for("state", *GROUPS), asked.db, asked.interval, purpose=f"stage{stage}"
    )
    way, url = _way(asked, settings), database(asked.db)
    if asked.canary is not None and way is Way.DRY:
        raise click.UsageError("--canary goes with a live run, and DRY_RUN is true: this would be a dry one")
    if way is Way.LIVE and (blocks := _blocks(settings, url)):
        return _blocked(stage, url, blocks, as_json=asked.as_json)
    if way is not Way.OBSERVE:
        check_gates(settings)
    watcher = supervisor()
    interval = asked.interval if asked.loop else None
    plan = Plan(
        stage=stage, way=way, canary=canary_of(asked.canary), interval=interval,
        waits=watcher.alive if asked.loop else None,
    )  # fmt: skip
    ending, teller = Ending(), Teller(as_json=asked.as_json)
    with (
        events.bound(book=plan.book),
        watching(plan.book, asked.metrics, asked.metrics_file, interval, f"stage{stage}") as watch,
        timepiece(asked.clock_kind, settings.exchange.base_url) as clock,
        at_work(attrs.evolve(plan, observer=watch.observer), settings, url, clock, ending.stops) as work,
        alerting(
            url, work.store, work.lease, settings.alerts, clock, loop=asked.loop, beat=watcher.alive,
            watch=watch, hold=lambda unit, _: work.lease.require(unit),
        ) as herald,
    ):  # fmt: skip
        watch.holds(work, "interpreted")
        tell_armed(plan, work, settings)
        heard = Heard(herald, watch, work.runner.process.newest)
        work.runner.tells = heard.tells
        try:
            return _cycles(asked, work, teller, heard, ClockPace(watcher, clock), ending)
        finally:
            try:
                if asked.cancel_on_exit:
                    taking = Ending()
                    with taking:  # a signal ends it once the call that is under way is stored
                        take_back(work, clock, taking.stops)
            finally:
                tell_left(work)


def _check_options(asked: Asked) -> None:
    """Refuse options that do not go together."""
    if sum((asked.dry_run, asked.live, asked.observe)) > 1:
        raise click.UsageError("--dry-run, --live and --observe exclude each other")
    if not asked.loop and (asked.cycles is not None or asked.until is not None):
        raise click.UsageError("--cycles and --until go with --loop")
    if asked.metrics is not None and not asked.loop:
        raise click.UsageError("--metrics goes with --loop; a single cycle has --metrics-file")
    if asked.metrics_file is not None and asked.loop:
        raise click.UsageError("--metrics-file is for single cycles; a loop has --metrics")
    if asked.canary is not None and (asked.dry_run or asked.observe):
        raise click.UsageError("--canary goes with a live run")
    if asked.cancel_on_exit and asked.observe:
        raise click.UsageError("--cancel-on-exit sends cancels, and --observe sends nothing")


def _way(asked: Asked, settings: Settings) -> Way:
    if asked.observe:
        return Way.OBSERVE
    if asked.dry_run or (settings.gates.dry_run and not asked.live):
        return Way.DRY
    return Way.LIVE


def _cycles(asked: Asked, work: AtWork, teller: Teller, heard: Heard, pace: ClockPace, ending: Ending) -> int:
    """Run one cycle, or many; return the exit code."""
    from meva_core.market import MICROS
    from meva_core.operating.looping import CycleLoop

    alarms: Sequence[Alarm] = ()

    def tell(told: Told) -> None:
        nonlocal alarms
        alarms = told.read.ends
        heard.stored(told)
        teller.tell(told)

    if not asked.loop:
        with ending:
            told = _single(work, heard)
            tell(told)
        _tell_ends(alarms, observes=asked.observe)
        heard.ended(told.ends, pace.micros() // MICROS)
        return 1 if alarms or not told.read.account_read else 0

    def is_asked() -> bool:
        return work.permits is not None and not asked.observe and is_asked_to_cancel(work)

    def heeds() -> None:
        if is_asked():
            take_back(work, pace.clock)

    def note(error: MevaError) -> None:
        say(events.NO_CYCLE, f"no cycle: {error}", code=error.code)
        heard.trouble(error, pace.micros() // MICROS)

    pace.supervisor.ready()
    loop = CycleLoop(
        runner=work.runner, pace=pace, interval=asked.interval, tell=tell, note=note,
        cycles=asked.cycles, until=asked.until, whole=lambda: ending, missed=heard.watch.missed, heeds=heeds,
        cuts=is_asked,
    )  # fmt: skip
    ends = loop.run()
    if loop.skipped:
        points = counted(loop.skipped, "point of time", "points of time")
        words = f"skipped: {points} that passed without a cycle"
        say(events.POINTS_SKIPPED, words, points=loop.skipped)
    _tell_ends(alarms, observes=asked.observe)
    heard.ended(ends, pace.micros() // MICROS)
    return 1 if alarms else 0


def _single(work: AtWork, heard: Heard) -> Told:
    """Run one cycle; why there is none, whoever watches is told, too."""
    from meva_core.errors import StoreError, Unavailable
    from meva_core.stages.dry_loop import why_missed

    try:
        return work.runner.cycle()
    except (Unavailable, StoreError) as error:
        heard.watch.missed(why_missed(error), 1)
        raise


def _tell_ends(alarms: Sequence[Alarm], *, observes: bool) -> None:
    """Say which open alarms have ended the run, or would end one that may send something."""
    before = "open still, and ends a live run: " if observes else "ended by "
    for alarm in alarms[:_NAMED]:
        accept = f"meva arm --accept {shlex.quote(alarm.pair)} --reason TEXT"
        words = f"{before}{alarm.pair}: a person has to look at it; then `{accept}`"
        say(events.ENDED, words, colour="red", code=str(alarm.code), action="")
    if (more := len(alarms) - _NAMED) > 0:
        say(events.ENDED, f"and {more} more", colour="red", code=str(alarms[-1].code), action="")


# -- Blocked ----------------------------------------------------------------------------------------------


def _blocks(settings: Settings, url: URL) -> list[tuple[str, str]]:
    """Return the codes of the gates that are shut, each with the line that says what opens it."""
    from meva_adapters.sql import ensure, reader
    from meva_cli.operating.kill_switch import KillSwitch
    from meva_core.gates import BlockCode, live_blocks

    shut = []
    ensure(url)
    with reader(url) as looks:
        kill = KillSwitch(settings.gates, Path.cwd(), looks.read).strictest()
    if kill is not None and not settings.gates.kill_switch:
        line = f"{kill}; `meva arm --reason TEXT` lets it go on"
        shut.append((BlockCode.KILL_SWITCH.value, line))
    gates = live_blocks(settings.gates, settings.exchange)
    return [*shut, *((block.code.value, "; ".join(map(str, block.changes))) for block in gates)]


def _blocked(stage: int, url: URL, blocks: Sequence[tuple[str, str]], *, as_json: bool) -> int:
    """Say what keeps a live run from beginning, and leave a row of it."""
    from meva_adapters.sql import writer
    from meva_core.operating.records.recording import blocked_by_policy

    now = datetime.now(UTC)
    with writer(url) as store, store.unit() as work:
        blocked_by_policy(work, stage, [code for code, _ in blocks], int(now.timestamp() * 10**6))
        work.commit()
    for code, line in blocks:
        say(events.BLOCKED, f"blocked, {code}: {line}", code=code)
    if as_json:
        message = f"a live run may not begin: {', '.join(code for code, _ in blocks)}"
        action = "; ".join(line for _, line in blocks)
        print_json({"error": {"code": "blocked_by_policy", "message": message, "action": action}})
    return 2
