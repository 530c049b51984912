"""`meva alerts`: cycles that raised an alert or a flag on the quality of their data; what was told."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import newest_of, say_beside
from meva_cli.live_history.asked import BOOK, asked_live, head_of, standing_of
from meva_cli.load import settings_for
from meva_cli.options import json_option
from meva_cli.render import counted, print_json, print_line, print_table, to_the_second
from meva_cli.stage4 import STAGE, every_row, is_cut, stage4_rows
from meva_cli.summary import asked_account
from meva_cli.window import asked_window, moment, window_options
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from meva_core.history.summaries import Alerts, Raised
    from meva_core.live_history.books import Listed
    from meva_core.ports import Reads

SHOWN: Final = 20
"""So many cycles are listed for people; --json has all."""


@click.command()
@DB
@BOOK
@window_options(None)
@STAGE
@click.option("--outbox", "of_outbox", is_flag=True, help="Show what people were told, or wait to be told.")
@click.option(
    "--test", "is_test", is_flag=True, help="Send a message to every receiver, and say who took it."
)
@json_option
@click.pass_context
def alerts(
    ctx: click.Context,
    db: str | None,
    book: str | None,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    stage: str,
    of_outbox: bool,
    is_test: bool,
    as_json: bool,
) -> None:
    """Show which cycles raised an alert or a quality flag, and how often each was raised.

    Looks at all cycles of the run unless told otherwise. With --stage stage4 it shows the anomalies that the
    earlier system recorded, too.

    Of a book of Stages 3 and 4 it shows the alarms that are open, with what ends each and the command that
    accepts it, then every alarm and oddity of its cycles, the newest first.

    With --outbox it shows the newest alerts (--last, default 20) that the receivers of MEVA_ALERT_URLS were
    told, or wait to be told. With --test it sends one message to each of them; exit code 1: somebody did not
    take it.
    """
    if of_outbox and is_test:
        raise click.UsageError("--outbox and --test are two things: leave one of them out")
    if is_test:
        ctx.exit(0 if _test(as_json) else 1)
    if of_outbox:
        _outbox(db, last or SHOWN, as_json)
        return
    with reading(database(db)) as reads:
        if stage == "stage4":
            _anomalies(reads, run_id, start, end, last, as_json)
            return
        live = asked_live(reads, book, run_id)
        if live is not None:
            _of_book(reads, live, moment(start), moment(end), last, as_json=as_json)
            return
        if book is not None and run_id is None:
            run_id = asked_account(reads, None, book).run_ids[-1]
        window = asked_window(reads, run_id, start, end, last)
        from meva_adapters.codec import CODEC
        from meva_core.history.summaries import Alerts

        found = Alerts()
        listed: deque[Raised] = deque(found.look(reads, window, CODEC.decode), None if as_json else SHOWN)
        of_book = (reads.run(window.run_id) or {}).get("book")
    if as_json:
        print_json({"run_id": window.run_id, **alerts_document(found, listed)})
    else:
        print_alerts(window.run_id, found, listed)
        if of_book:
            print_line("What people were told of books, `meva alerts --outbox` shows")


def _of_book(
    reads: Reads,
    listed: Listed,
    start: datetime | None,
    end: datetime | None,
    last: int | None,
    *,
    as_json: bool,
) -> None:
    """Show what is alarming about a book of Stages 3 and 4, and what was."""
    from meva_core.live_history.cycles import cycles_in
    from meva_core.live_history.raised import alerts_of, meaning

    try:
        cycles = cycles_in(reads, listed, start, end, last)
    except StoreUnready:  # it has alarms all the same, of a key of another account for one
        cycles = []
    found = alerts_of(reads, standing_of(reads, listed), cycles)
    if as_json:
        document = {
            "open": [dict(one) for one in found.open_now],
            "accepted": list(found.accepted),
            "kill_switch": [str(one) for one in found.kills],
        }
        raised = [one.document() for one in found.raised]
        print_json({**head_of(listed), "cycles": found.cycles, **document, "raised": raised})
        return
    for one in found.open_now:
        numbers = "".join(f", {name} {value}" for name, value in sorted(one["numbers"].items()))
        print_line(
            f"! {one['alarm']} since {to_the_second(one['since'])}: {one['means']}; {one['ends']}{numbers}"
        )
        if one["accept"]:
            print_line(f"    once it is looked into: {one['accept']}")
        elif one["waits"]:
            print_line("    accepted: the next cycle takes it in")
    for kill in found.kills:
        print_line(f"! the kill switch is on: {kill}")
    if found.kills:
        print_line("    once its cause is looked into: meva arm --reason TEXT")
    if not found.open_now:
        print_line(f"Book {listed.name}: no alarm is open.")
    if found.raised:
        print_line()
        rows = [[one.kind, one.what, one.cycles, one.first, one.last, meaning(one)] for one in found.raised]
        print_table(["kind", "what", "cycles", "first", "last", "meaning"], rows)
    print_line(f"Looked at {counted(found.cycles, 'cycle')}. docs/live.md says what to do about each.")


def _test(as_json: bool) -> bool:
    """Try all receivers; return whether all took the message."""
    import attrs

    from meva_cli.told_alerts import trial_rows, try_receivers

    trials = try_receivers(settings_for("alerts").settings.alerts)
    if as_json:
        print_json({"receivers": [attrs.asdict(trial) for trial in trials]})
    else:
        print_table(["receiver", "message", "after", "why"], trial_rows(trials))
    return all(trial.arrived for trial in trials)


def _outbox(db: str | None, last: int, as_json: bool) -> None:
    from meva_cli.told_alerts import outbox

    with reading(database(db)) as reads:
        entries = outbox(reads, last)
    if as_json:
        print_json({"alerts": entries})
        return
    columns = ["ts", "book", "receiver", "state", "failed_tries", "text"]
    rows = [[entry[name] for name in columns[:-1]] + [_one_line(entry["text"])] for entry in entries]
    print_table(["time", "book", "receiver", "state", "failed tries", "text"], rows)


def _one_line(text: str) -> str:
    return " | ".join(text.splitlines())


def alerts_document(found: Alerts, listed: deque[Raised]) -> dict[str, Any]:
    """Return what was raised as JSON holds it."""
    import attrs

    return {
        "cycles": found.cycles,
        "cycles_raised": found.raised,
        "cycles_without_flags_recorded": found.unrecorded,
        "flags": [attrs.asdict(count) for count in found.counts()],
        "raised": [attrs.asdict(cycle) for cycle in listed],
    }


def print_alerts(run_id: str, found: Alerts, listed: deque[Raised]) -> None:
    """Print what was raised for people: how often, then the newest cycles."""
    print_line(
        f"Run {run_id}: {found.raised} of {counted(found.cycles, 'cycle')} raised an alert or a quality flag"
    )
    if found.unrecorded:
        print_line(f"Of {found.unrecorded} of them no flags were recorded: what they raised is not known")
    if not found.raised:
        return
    columns = ["kind", "flag", "cycles", "first", "last"]
    print_table(
        columns,
        [[count.kind, count.flag, count.cycles, count.first_ts, count.last_ts] for count in found.counts()],
    )
    print_line()
    if found.raised > len(listed):
        print_line(f"The newest {len(listed)} of them; --json has all:")
    print_table(
        ["time", "cycle", "mode", "alerts", "quality"],
        [[cycle.ts, cycle.cycle_id, cycle.mode, cycle.alerts, cycle.quality] for cycle in listed],
    )


def _anomalies(
    reads: Reads, run_id: str | None, start: int | None, end: int | None, last: int | None, as_json: bool
) -> None:
    from meva_core.history.summaries import ANOMALY_COLUMNS

    rows = stage4_rows(reads, "anomaly_events", ANOMALY_COLUMNS, run_id, start, end, last)
    if as_json:
        print_json({"anomalies": [dict(zip(ANOMALY_COLUMNS, row, strict=True)) for row in rows]})
    else:
        print_table(list(ANOMALY_COLUMNS), rows)
        if is_cut(start, end, last):
            say_beside(newest_of(len(rows), every_row(reads, "anomaly_events")))
