"""`meva kill`: an end to all that is sent to an exchange, at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from meva_adapters.system import events
from meva_cli.database import DB, database, shown_database
from meva_cli.load import settings_for
from meva_cli.notes import say
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line
from meva_core.errors import LeaseHeld, MevaError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.operating.guards.kill import Level
    from meva_core.operating.steps.cancelling import Canceled
    from meva_core.settings import Settings

STILL_SECONDS: Final = 60.0
"""So long a process that holds the book is waited for while none of its orders changes: longer than any call
that it has to end before it hears of it."""
HOLDER_SECONDS: Final = 300.0
"""So long it is waited for at most."""


@click.command()
@click.option("--cancel-open", is_flag=True, help="Take our open orders back first.")
@click.option("--reason", default="", help="Why; it is stored with the switch.")
@DB
@json_option
@click.pass_context
def kill(ctx: click.Context, cancel_open: bool, reason: str, db: str | None, as_json: bool) -> None:
    """Keep everything from being sent to the exchange, from now on.

    It writes the file of MEVA_KILL_FILE, then a row of the database; one of the two is enough, and each is
    looked at before every order and cancel, by every process. Reading and booking go on. What rests at the
    exchange rests on, and may fill: it is named. --cancel-open first lets nothing but cancels be sent, asks
    for all our own open orders to be canceled, says what is left, and then ends cancels, too. That takes open
    gates and the key, and some 30 s at most. A loop that holds the book does it in this command's place, as
    soon as the call that it makes has ended: it is waited for as long as one of its orders changes within
    each minute, five minutes at most.

    Exit code 0: nothing is sent any more. 1: neither file nor row could be written, or orders are left.
    """
    from meva_core.operating.guards.kill import CANCEL_OPEN, Level

    settings = settings_for("gates", "exchange", "live", warn=False).settings
    url, reason = database(db), " ".join(reason.split())
    document: dict[str, Any] = {"reason": reason}
    if cancel_open:
        document |= _stopped(settings, url, Level.CANCELS, reason, milder_too=True, code=CANCEL_OPEN)
        canceled = _take_back(settings, url) if document["written"] else None
        document["canceled"] = list(canceled.ended) if canceled else []
        document["filled"] = list(canceled.filled) if canceled else []
        document["ended"] = list(canceled.elsewhere) if canceled else []
        document["left"] = [{"order": one.name, "why": one.why} for one in canceled.left] if canceled else []
    document |= _stopped(settings, url, Level.ALL, reason)
    if not cancel_open:
        document["resting"] = _resting(url)
    print_json(document) if as_json else _say(document)
    ctx.exit(0 if document["written"] and not document.get("left") else 1)


# -- What they do -----------------------------------------------------------------------------------------


def _stopped(
    settings: Settings, url: URL, level: Level, reason: str, *, milder_too: bool = False, code: str = ""
) -> dict[str, Any]:
    """Write file and row; return where it stands now and what could not be written."""
    from meva_adapters.sql import writer
    from meva_adapters.system.kill_file import write_kill_file
    from meva_cli.operating.kill_switch import kill_path
    from meva_core.operating.guards.kill import Stored, store_kill

    written, failed = [], []
    if (path := kill_path(settings.gates)) is not None:
        try:
            write_kill_file(path, level, reason)
            written.append(f"MEVA_KILL_FILE, {path}")
        except OSError as error:
            failed.append(f"MEVA_KILL_FILE, {path}: {error.strerror}")
    try:
        with writer(url) as store, store.unit() as work:
            store_kill(work, Stored(level, reason, code), _now(), milder_too=milder_too)
            work.commit()
        written.append(f"{shown_database(url)}, op_state, kill_switch:meva")
    except StoreError as error:
        failed.append(str(error))
    return {"level": level.name.lower(), "written": written, "not_written": failed}


def _resting(url: URL) -> list[str]:
    """Return the names of our orders that may rest at the exchange; none where the database cannot be read,
    which has been said already."""
    from meva_adapters.sql import reader
    from meva_core.operating.steps.cancelling import resting_of

    try:
        with reader(url) as looks, looks.read() as view:
            return resting_of(view)
    except StoreError:
        return []


def _take_back(settings: Settings, url: URL) -> Canceled:
    """Cancel our own open orders, as far as the gates and the exchange let us."""
    from meva_core.operating.steps.cancelling import Canceled, Left

    try:
        return _canceled(settings, url)
    except MevaError as error:
        return Canceled((), (Left("our open orders", str(error)),))


def _canceled(settings: Settings, url: URL) -> Canceled:
    """Cancel our own open orders, or, while another process holds the book, wait for that one to do it."""
    from meva_adapters.sql import reader
    from meva_cli.operating.held_account import LIVE, held_desk
    from meva_cli.operating.taking_back import PAUSE_SECONDS, taken_back_in_time
    from meva_core.operating.steps.cancelling import Canceled, Left, Progress, how_they_rest
    from meva_core.operating.steps.finding import find_resting

    began, said = time.monotonic(), ""
    progress = Progress(STILL_SECONDS, HOLDER_SECONDS, began)
    with reader(url) as looks:
        with looks.read() as view:
            before = {*how_they_rest(view)}
        while True:
            try:
                with held_desk(settings, url) as desk:
                    done = taken_back_in_time(desk, partial(find_resting, desk, LIVE))
                    elsewhere = before - {*done.ended, *done.filled, *(one.name for one in done.left)}
                    return attrs.evolve(done, elsewhere=tuple(sorted(elsewhere)))
            except LeaseHeld as error:
                held = str(error)
            with looks.read() as view:
                left = how_they_rest(view)
            if not left or not progress.goes_on(left, time.monotonic()):
                waited = f"in {time.monotonic() - began:.0f} s"
                why = f"the process that holds the book has not canceled it {waited}: {held}"
                shown = (Left(name, why) for name in left)
                return Canceled((), tuple(shown), elsewhere=tuple(sorted(before - {*left})))
            if not said:
                said = f"another process holds book {LIVE}, and is asked to cancel our open orders: waiting, "
                say(events.BOOK_WAITED_FOR, f"{said}{HOLDER_SECONDS:.0f} s at most")
            time.sleep(PAUSE_SECONDS)


# -- What they say ----------------------------------------------------------------------------------------


def _say(document: dict[str, Any]) -> None:
    for name in document.get("canceled", ()):
        print_line(f"canceled  {name}")
    for name in document.get("filled", ()):
        print_line(f"filled  {name}")
    for name in document.get("ended", ()):
        print_line(f"ended  {name}, by the process that holds the book")
    for one in document.get("left", ()):
        print_line(f"left  {one['order']}: {one['why']}")
    for where in document["written"]:
        print_line(f"written  {where}: {document['level']}")
    for what in document["not_written"]:
        print_line(f"not written  {what}")
    if document["written"]:
        print_line("nothing is sent to the exchange any more; `meva arm --reason TEXT` lets it go on")
    else:
        print_line("nothing was written: end the processes that trade, or set KILL_SWITCH=true in .env")
    for name in document.get("resting", ()):
        print_line(f"rests  {name}")
    if document.get("resting"):
        print_line("that may still fill: `meva kill --cancel-open` takes it back")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
