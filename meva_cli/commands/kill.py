"""`meva kill`: an end to all that is sent to an exchange, at once."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from meva_adapters.system import events
from meva_cli.database import DB, address_of, named_by, shown_database
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
_FILE: Final = "MEVA_KILL_FILE"
_DATABASE: Final = ("MEVA_DATABASE_URL", "STATE_DB_PATH")
"""What names the database, the one that wins first."""


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
    gates, the key, settings without a fault, and some 30 s at most. A loop that holds the book does it in
    this command's place, as soon as the call that it makes has ended: it is waited for as long as one of its
    orders changes within each minute, five minutes at most.

    A setting that cannot be read, in whatever file, keeps neither file nor row from being written.

    Exit code 0: nothing is sent any more. 1: neither file nor row could be written, it is not known where
    they are looked for, or orders are left.
    """
    from meva_core.operating.guards.kill import CANCEL_OPEN, Level

    places, reason = _places(db), " ".join(reason.split())
    document: dict[str, Any] = {"reason": reason}
    if cancel_open:
        document |= _stopped(places, Level.CANCELS, reason, milder_too=True, code=CANCEL_OPEN)
        canceled = _take_back(places.url) if places.url is not None and document["written"] else None
        document["canceled"] = list(canceled.ended) if canceled else []
        document["filled"] = list(canceled.filled) if canceled else []
        document["ended"] = list(canceled.elsewhere) if canceled else []
        document["left"] = [{"order": one.name, "why": one.why} for one in canceled.left] if canceled else []
    document |= _stopped(places, Level.ALL, reason)
    if not cancel_open:
        document["resting"] = _resting(places.url)
    document["not_known"] = list(places.not_known)
    for words in places.passed_over:
        say(events.SETTING_WARNED, f"{words}; passed over", before="warning: ")
    print_json(document) if as_json else _say(document, places)
    done = document["written"] and not document["not_known"] and not document.get("left")
    ctx.exit(0 if done else 1)


# -- Where it is written ----------------------------------------------------------------------------------


@attrs.frozen
class _Places:
    """The kill file and the database, as far as they are known, and why one is not; `not_known` are the files
    of settings that may name others, and could not be read, `passed_over` is what is wrong with settings."""

    path: Path | None
    url: URL | None
    faults: tuple[str, ...]
    not_known: tuple[str, ...]
    passed_over: tuple[str, ...]


def _places(db: str | None) -> _Places:
    """Return where the switch is to be written. No fault of any setting keeps it from being thrown: what else
    is wrong is passed over, and told once that is done."""
    from meva_cli.at_any_rate import readable_settings
    from meva_cli.operating.kill_switch import kill_path

    found = readable_settings("gates")
    faults, path, url = [], None, None
    if (fault := found.faults.get(_FILE)) is not None:
        faults.append(fault)
    try:
        path = kill_path(found.settings.gates)
    except RuntimeError as error:  # a home folder that nobody has
        faults.append(f"{_FILE}, {found.settings.gates.kill_file}: {error}")
    at_fault = [name for name in _DATABASE if name in found.faults]
    if not db and at_fault and (found.settings.state.database_url is None or at_fault[0] == _DATABASE[0]):
        faults.append(found.faults[at_fault[0]])
    else:
        try:
            url = address_of(db or named_by(found.settings.state))
        except (MevaError, OSError) as error:  # the folder of a path may be gone
            faults.append(f"the database: {error}")
    is_known = db or _DATABASE[0] in found.named  # nothing wins over these
    return _Places(path, url, tuple(faults), () if is_known else found.unread, found.passed_over)


# -- What they do -----------------------------------------------------------------------------------------


def _stopped(
    places: _Places, level: Level, reason: str, *, milder_too: bool = False, code: str = ""
) -> dict[str, Any]:
    """Write file and row; return where it stands now and what could not be written. Whatever fails in one of
    them, the other is written."""
    from meva_adapters.system.kill_file import write_kill_file

    written, failed = [], list(places.faults)
    if (path := places.path) is not None:
        try:
            write_kill_file(path, level, reason)
            written.append(f"{_FILE}, {path}")
        except (OSError, ValueError) as error:
            failed.append(f"{_FILE}, {path}: {getattr(error, 'strerror', None) or error}")
    if (url := places.url) is not None:
        from meva_adapters.sql import writer
        from meva_core.operating.guards.kill import Stored, store_kill

        try:
            with writer(url) as store, store.unit() as work:
                store_kill(work, Stored(level, reason, code), _now(), milder_too=milder_too)
                work.commit()
            written.append(f"{shown_database(url)}, op_state, kill_switch:meva")
        except MevaError as error:
            failed.append(str(error))
        except Exception as error:  # noqa: BLE001 - the file may be written, and that is to be said
            failed.append(f"{shown_database(url)}: {type(error).__name__}: {error}")
    return {"level": level.name.lower(), "written": written, "not_written": failed}


def _resting(url: URL | None) -> list[str]:
    """Return the names of our orders that may rest at the exchange; none where the database cannot be read,
    which has been said already."""
    if url is None:
        return []
    from meva_adapters.sql import reader
    from meva_core.operating.steps.cancelling import resting_of

    try:
        with reader(url) as looks, looks.read() as view:
            return resting_of(view)
    except StoreError:
        return []


def _take_back(url: URL) -> Canceled:
    """Cancel our own open orders, as far as the settings, the gates and the exchange let us."""
    from meva_core.operating.steps.cancelling import Canceled, Left

    try:
        return _canceled(_settings, url)
    except Exception as error:  # noqa: BLE001 - the switch at `all` is to follow, whatever this failed with
        why = "; ".join(str(error).splitlines()) or type(error).__name__
        return Canceled((), tuple(Left(name, why) for name in _resting(url) or ["our open orders"]))


def _settings() -> Settings:
    """Return all that canceling takes; only a process that holds the book needs it. Raises BadInput."""
    return settings_for("gates", "exchange", "live", warn=False).settings


def _canceled(settings: Callable[[], Settings], url: URL) -> Canceled:
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


def _say(document: dict[str, Any], places: _Places) -> None:
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
    if not document["written"]:
        print_line(f"nothing was written: {_otherwise(places)}")
    elif places.not_known:
        files = " and ".join(places.not_known)
        print_line(f"what {files} names could not be read: processes that trade may look elsewhere")
        print_line(f"name their database with --db; else {_otherwise(places)}")
    else:
        print_line("nothing is sent to the exchange any more; `meva arm --reason TEXT` lets it go on")
    for name in document.get("resting", ()):
        print_line(f"rests  {name}")
    if document.get("resting"):
        print_line("that may still fill: `meva kill --cancel-open` takes it back")


def _otherwise(places: _Places) -> str:
    """Return what ends it without this command."""
    touch = "" if places.path is None else f"`touch {shlex.quote(str(places.path))}` as somebody who may, "
    return f"{touch}set KILL_SWITCH=true in .env, or end the processes that trade"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
