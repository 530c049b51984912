"""`meva risk show` and `reset` of books of Stages 3 and 4."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from meva_cli.live_history.asked import standing_of, texts
from meva_cli.render import as_text, print_json, print_line, print_pairs, print_table, to_the_second

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.live_history.books import Listed
    from meva_core.live_history.risk import Rule
    from meva_core.ports import Reads

_NEWEST: Final = 3
"""So many resets are shown; --json has all."""


def is_live_name(name: str) -> bool:
    """Whether a name is one of the books of Stages 3 and 4."""
    from meva_core.stages.book_runs import RESERVED

    return name in RESERVED


def show_risk(reads: Reads, listed: Listed, *, as_json: bool) -> None:
    """Show how a book stands with its limits."""
    from meva_core.live_history.risk import risk_of

    risk = risk_of(reads, standing_of(reads, listed), texts())
    found = risk.document()
    if as_json:
        print_json(found)
        return
    after = (
        "at its opening"
        if found["last_cycle"] is None
        else f"after its cycle of {as_text(found['last_cycle'])}"
    )
    print_line(f"Book {listed.name}, run {listed.run}, {after}:")
    names = (
        "mode",
        "equity_try",
        "day_result_try",
        "peak_try",
        "drawdown_try",
        "drawdown_pct",
        "fees_today_try",
    )
    degrade = (
        "none"
        if found["degrade_mode"] is None
        else (f"{found['degrade_mode']} until {as_text(found['degrade_until'])}")
    )
    print_pairs({name: found[name] for name in names} | {"degrade": degrade})
    if found["rules"]:
        print_line()
        columns = ["rule", "fired", "measured", "limit", "setting"]
        print_table(columns, [_row(one) for one in found["rules"]])
    if len(found["resets"]) > _NEWEST:
        print_line(f"It was reset {len(found['resets'])} times, the newest of them:")
    for one in found["resets"][-_NEWEST:]:
        peaks = f"{one['peak_before_try']} to {one['peak_try']} TRY"
        print_line(f"Reset on {to_the_second(one['ts'])}, peak {peaks}: {one['reason']}")
    _say_what_ends(listed.name, [one for one in risk.rules if one.fired])


def _say_what_ends(name: str, fired: Sequence[Rule]) -> None:
    """Say what ends each breach: a reset helps those alone that count from the peak."""
    from meva_core.live_history.words import ends

    for one in fired:
        if not one.of_peak and (said := ends(one.reason)):
            print_line(f"{one.reason.code} by {one.reason.setting}: {said}")
    if any(one.of_peak for one in fired):
        print_line(f"To do: `meva risk reset --book {name} --reason TEXT` lets the peak begin anew")


def _row(one: dict[str, Any]) -> list[object]:
    from meva_core.history.words import measure

    units = {"ratio": "ratio", "TRY": "TRY"}
    suffix = " %" if one["unit"] == "percent" else ""
    value, limit = (measure(one[name], units.get(one["unit"], "")) + suffix for name in ("value", "limit"))
    if one["limit"] is None:
        limit = "none"
    return [one["code"], one["fired"], value, limit, f"{one['setting']}={as_text(one['setting_value'])}"]


def reset_risk(url: URL, name: str, reason: str, *, as_json: bool) -> None:
    """Let a book's drawdown count from its last equity on.

    Raises LeaseHeld, naming the holder, while a process runs the book: it has its peak in hand.
    """
    from meva_adapters.sql import reader, writer
    from meva_adapters.sql.lease import Leases
    from meva_adapters.system.clock import SystemClock
    from meva_core.live_history.books import pick
    from meva_core.live_history.risk import reset_peak
    from meva_core.stages.resets import check_reason

    reason = check_reason(reason)
    with reader(url) as looks, looks.read() as reads:
        pick(reads, name)
    with writer(url) as store:
        lease = Leases(store, SystemClock()).take(name)
        try:
            with store.unit() as work:
                lease.renew(work)
                done = reset_peak(work, name, reason, int(time.time() * 10**6))
                work.commit()
        finally:
            lease.release()
    _say(name, done, as_json=as_json)


def _say(name: str, done: Any, *, as_json: bool) -> None:
    from meva_core.amounts import to_decimal

    if done is None:
        text = f"book {name} is at its peak: nothing was stored"
        print_json({"done": "at_its_peak", "book": name}) if as_json else print_line(text)
        return
    before, after = (to_decimal(one.book.figures.peak) for one in done)
    if as_json:
        print_json({"done": "reset", "book": name, "peak_before_try": before, "peak_try": after})
        return
    print_line(
        f"the peak of book {name} is {as_text(after)} TRY now, its last equity; it was {as_text(before)} TRY"
    )
    print_line("the kill switch stays as it is: `meva arm --reason TEXT` lets it go on where that was pulled")
