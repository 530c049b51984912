"""What was alarming, or odd, over the cycles of a book, and what is open now."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any, Final

from attrs import define, frozen

from meva_core.live_history.block_words import ALARMS, MAY_BE_ACCEPTED, ODD
from meva_core.live_history.books import Standing
from meva_core.live_history.status import alarm_document
from meva_core.operating.accepting import acceptances
from meva_core.operating.guards.kill import Kill, stored_kills
from meva_core.ports import Reads

ALARM: Final = "alarm"
KILL: Final = "kill"
ANOMALY: Final = "anomaly"


@define
class Raised:
    """Something that was so in some cycles: an alarm by code and object, an oddity by its code, or a limit of
    loss that pulled the kill switch, by code and limit."""

    kind: str
    what: str
    cycles: int
    first: datetime
    last: datetime
    is_open: bool

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "kind": self.kind,
            "flag": self.what,
            "cycles": self.cycles,
            "first_ts": self.first,
            "last_ts": self.last,
            "open": self.is_open,
        }


@frozen
class Alerts:
    """All of it: the alarms that are open, as `status.alarm_document` has them, with the command that accepts
    each, or that it was accepted and waits for the next cycle; what was raised, the newest first; the alarms
    that a person has accepted; and where the database has the kill switch of the account thrown."""

    open_now: Sequence[Mapping[str, Any]]
    raised: Sequence[Raised]
    accepted: Sequence[str]
    cycles: int
    kills: Sequence[Kill] = ()


def alerts_of(reads: Reads, standing: Standing, cycles: Sequence[tuple[datetime, str]]) -> Alerts:
    """Return what was raised in some cycles of a book, which follow each other, and what is open now."""
    given = acceptances(reads, standing.book.name)
    waiting = {one.pair for one in given if one.taken_in is None}
    open_now = [_with_command(alarm_document(one), waiting) for one in standing.book.alarms]
    pairs = {one["alarm"] for one in open_now}
    found: dict[tuple[str, str], Raised] = {}
    for ts, kind, what in _all(reads, standing, cycles):
        one = found.get((kind, what))
        if one is None:
            found[kind, what] = Raised(kind, what, 1, ts, ts, kind == ALARM and what in pairs)
        else:
            one.cycles, one.last = one.cycles + 1, ts
    listed = sorted(found.values(), key=lambda one: (one.kind, -one.last.timestamp(), one.what))
    accepted = sorted({*standing.book.accepted, *(one.pair for one in given)})
    kills = stored_kills(reads) if standing.whose.is_live else ()
    return Alerts(open_now, listed, accepted, len(cycles), kills)


def _with_command(alarm: dict[str, Any], waiting: Collection[str]) -> dict[str, Any]:
    waits = alarm["alarm"] in waiting
    may = not waits and any(str(code) == alarm["code"] for code in MAY_BE_ACCEPTED)
    command = f"meva arm --accept {quote(alarm['alarm'])} --reason TEXT" if may else None
    return {**alarm, "accept": command, "waits": waits}


def _all(
    reads: Reads, standing: Standing, cycles: Sequence[tuple[datetime, str]]
) -> Iterator[tuple[datetime, str, str]]:
    if not cycles:
        return
    bounds: dict[str, Any] = {
        "run_id": standing.book.run, "start": cycles[0][0], "end": cycles[-1][0],
    }  # fmt: skip
    for ts, flags in reads.rows("account_snapshots", ("ts", "flags_json"), **bounds):
        for pair in json.loads(flags):
            yield ts, ALARM, pair
    for ts, code in reads.rows("anomaly_events", ("ts", "code"), **bounds):
        yield ts, ANOMALY, code
    for ts, decision in reads.rows("risk_decisions", ("ts", "decision_json"), **bounds):
        kill = json.loads(decision).get("kill")
        if kill is not None:
            yield ts, KILL, f"{kill['code']}:{kill['reason']['code']}"


def meaning(raised: Raised) -> str:
    """Return what it means, in words."""
    if raised.kind == ANOMALY:
        return ODD.get(raised.what, "")
    code = raised.what.partition(":")[0]
    return next((told.why for known, told in ALARMS.items() if str(known) == code), "")
