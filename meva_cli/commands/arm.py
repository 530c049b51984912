"""`meva arm`: a person's word that what was ended may go on, and which alarms of a book are accepted."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database
from meva_cli.load import settings_for
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.sql import SqlStore
    from meva_core.live_book.alarms import Alarm
    from meva_core.operating.guards.kill import Kill
    from meva_core.settings import Gates

LIVE: Final = "live"
SWITCH: Final = "KILL_SWITCH"


@click.command()
@click.option("--reason", default="", help="What was looked into, and why trading may go on.")
@click.option(
    "--accept",
    "pairs",
    metavar="ALARM",
    multiple=True,
    is_flag=False,
    flag_value="",
    help="Accept an open alarm, named as CODE:OBJECT, or as CODE where one alone has that code; may be given "
    "more than once. Without ALARM: show them.",
)
@click.option("--book", metavar="NAME", default=LIVE, show_default=True, help="Whose alarms.")
@DB
@json_option
@click.pass_context
def arm(
    ctx: click.Context, reason: str, pairs: tuple[str, ...], book: str, db: str | None, as_json: bool
) -> None:
    """Take back what `meva kill`, or Meva by itself, has ended.

    The kill file and every row of the switch are cleared, those of the earlier system among them; the reason
    is stored. Settings stay: where KILL_SWITCH is true, that is said. While an alarm of the account's own
    books is open (K1 to K6, K10), nothing is cleared: look into it, then accept it with --accept. The same
    alarm of the same object is not raised again; the next cycle does what accepting it means, as docs/live.md
    says. Of the book of a dry run alarms are accepted only: it has no part in the switch.

    Exit code 0: the switch is off everywhere. 1: it still stands somewhere, or such an alarm is open. 2: an
    alarm to accept is not open, or several have the code that was given alone.
    """
    from meva_adapters.sql import writer
    from meva_core.operating.accepting import open_alarms

    loaded, reason = settings_for("gates"), " ".join(reason.split())
    gates, origin = loaded.settings.gates, loaded.origin.get(SWITCH, "")
    if book != LIVE and not pairs:
        raise click.UsageError(f"--book {book} goes with --accept: a dry run has no part in the kill switch")
    with writer(database(db)) as store:
        if "" in pairs:
            with store.read() as view:
                _ask_which(open_alarms(view, book), book)
        if not reason:
            raise click.UsageError("--reason is missing: say what was looked into")
        accepted = _accept(store, book, pairs, reason)
        with store.read() as view:
            alarms = open_alarms(view, book)
        barring = [alarm for alarm in alarms if alarm.ends_process]
        lifted, failed = ([], []) if barring or book != LIVE else _lift(store, gates, reason)
        stands = _standing(store, gates, origin) if book == LIVE else []
    document = {
        "accepted": [alarm.pair for alarm in accepted],
        "open": [_alarm(alarm) for alarm in alarms],
        "lifted": [_kill(one) for one in lifted],
        "not_lifted": failed,
        "stands": [_kill(one) for one in stands],
    }
    if as_json:
        print_json(document)
    else:
        _say(accepted, alarms, barring, lifted, failed, stands, origin, is_live=book == LIVE)
    ctx.exit(1 if stands or barring else 0)


# -- What it does -----------------------------------------------------------------------------------------


def _ask_which(alarms: tuple[Alarm, ...], book: str) -> None:
    """Name what may be accepted. Raises BadInput: nobody said which."""
    from meva_core.live_book.alarms import ACCEPTABLE

    for alarm in alarms:
        ends = "" if alarm.code in ACCEPTABLE else "; it ends by itself"
        print_line(f"open  {_line(alarm)}{ends}")
    raise BadInput(
        f"--accept names no alarm; book {book} has {len(alarms)} open",
        action="give one as it is named above: `meva arm --accept CODE:OBJECT --reason TEXT`"
        if alarms
        else "",
    )


def _accept(store: SqlStore, book: str, pairs: tuple[str, ...], reason: str) -> list[Alarm]:
    """Accept all of these alarms, or none of them."""
    from meva_core.operating.accepting import accept, named, open_alarms

    if not pairs:
        return []
    with store.unit() as work:
        # All are named by what is open now: a code alone must not come to mean what another one left of it.
        alarms = open_alarms(work, book)
        asked = dict.fromkeys(named(alarms, text, book).pair for text in pairs)
        found = [accept(work, book, pair, reason, _now()) for pair in asked]
        work.commit()
    return found


def _lift(store: SqlStore, gates: Gates, reason: str) -> tuple[list[Kill], list[str]]:
    """Clear rows and file, and return what they said, and what could not be cleared."""
    from meva_adapters.system.kill_file import read_kill_file, remove_kill_file
    from meva_cli.operating.kill_switch import kill_path
    from meva_core.operating.guards.kill import lift_kills

    with store.unit() as work:
        lifted = lift_kills(work, reason, _now())
        work.commit()
    # The file last: a row that could not be cleared leaves it there.
    path = kill_path(gates)
    in_file = read_kill_file(path) if path else None
    if path is None or in_file is None:
        return lifted, []
    try:
        remove_kill_file(path)
    except OSError as error:
        return lifted, [f"{in_file.where}: it cannot be taken away: {error.strerror}"]
    return [*lifted, in_file], []


def _standing(store: SqlStore, gates: Gates, origin: str) -> list[Kill]:
    from meva_cli.operating.kill_switch import KillSwitch

    return list(KillSwitch(gates, Path.cwd(), store.read, origin).kills())


# -- What it says -----------------------------------------------------------------------------------------


def _say(
    accepted: list[Alarm],
    alarms: tuple[Alarm, ...],
    barring: list[Alarm],
    lifted: list[Kill],
    failed: list[str],
    stands: list[Kill],
    origin: str,
    *,
    is_live: bool,
) -> None:
    for alarm in accepted:
        print_line(f"accepted  {alarm.pair}: the next cycle takes it in")
    for alarm in alarms:
        print_line(f"open  {_line(alarm)}")
    for one in lifted:
        print_line(f"lifted  {one}")
    for line in failed:
        print_line(f"not lifted  {line}")
    for one in stands:
        print_line(f"stands  {one}")
    if any(one.where == SWITCH for one in stands):
        where = (
            f"set {SWITCH}=false: {origin}" if origin else f"it is on by default: add {SWITCH}=false to .env"
        )
        print_line(f"{where}; a loop that began with it is to be begun anew")
    if barring:
        asked = " ".join(f"--accept {shlex.quote(alarm.pair)}" for alarm in barring)
        print_line(
            f"nothing is lifted while that is open: look into it, then `meva arm {asked} --reason TEXT`"
        )
    elif is_live:
        print_line("the kill switch is off" if not stands else "the kill switch is still on")


def _line(alarm: Alarm) -> str:
    """Return an alarm with what was measured, for people."""
    from meva_core.live.live_orders import stamp

    since = stamp(alarm.since)[:19].replace("T", " ")
    numbers = "".join(f", {name} {value}" for name, value in sorted(alarm.numbers.items()) if value)
    symbol = f", {alarm.symbol}" if alarm.symbol and alarm.symbol != alarm.about else ""
    return f"{alarm.pair}{symbol}{numbers}, since {since}"


def _alarm(alarm: Alarm) -> dict[str, Any]:
    from meva_core.live.live_orders import stamp

    return {
        "alarm": alarm.pair,
        "symbol": alarm.symbol,
        "mode": alarm.mode.name,
        "numbers": dict(alarm.numbers),
        "since": stamp(alarm.since),
    }


def _kill(kill: Kill) -> dict[str, str]:
    return {"level": kill.level.name.lower(), "where": kill.where, "reason": kill.reason}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
