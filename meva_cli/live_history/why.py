"""`meva why` of books of Stages 3 and 4: one cycle, or many of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from meva_cli.live_history.asked import texts
from meva_cli.render import as_text, counted, print_json, print_line, print_table
from meva_cli.window import named_time

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed
    from meva_core.live_history.cycles import Opened
    from meva_core.live_history.explain import Explained, Fate
    from meva_core.live_history.many import Many
    from meva_core.operational.because import Because
    from meva_core.ports import Reads


def why_cycle(reads: Reads, listed: Listed, cycle: str | None, *, as_json: bool) -> None:
    """Explain the cycle with this id, the one that sent an order at this time, else the newest up to it, or
    the last one."""
    from meva_core.live_history.cycles import opened
    from meva_core.live_history.explain import document, explained

    name, which = _named(reads, listed, cycle)
    found = explained(opened(reads, listed, texts(), name))
    told = {**document(found), "gates": _gates(found.cycle), "orders_now": _orders_now(reads, listed, found)}
    if as_json:
        print_json(told)
        return
    if which:
        print_line(which)
    _print(found, told)


def _named(reads: Reads, listed: Listed, cycle: str | None) -> tuple[str, str]:
    """Return the id of a cycle, and in words which one it is where a time named it."""
    from meva_core.live_history.at import cycle_at
    from meva_core.live_history.cycles import cycles_in

    if cycle is None:
        return cycles_in(reads, listed, last=1)[0][1], ""
    given = named_time(cycle)
    return (cycle, "") if given is None else cycle_at(reads, listed, texts(), given)


def _gates(cycle: Opened) -> dict[str, Any]:
    """Return what the gates mean for a book, and how they stand in today's settings."""
    from meva_cli.load import settings_for
    from meva_core.gates import live_blocks

    if cycle.is_dry:
        return {"text": "a dry run: its orders are simulated and reach no exchange, kill switch or not"}
    settings = settings_for("gates", "exchange", warn=False).settings
    blocks = [one.code.value for one in live_blocks(settings.gates, settings.exchange)]
    return {
        "text": "a live book: every gate is asked again right before each order and each cancel",
        "live_blocks_now": blocks,
    }


def _orders_now(reads: Reads, listed: Listed, found: Explained) -> list[dict[str, Any]]:
    """Return the orders that a cycle sent, as they stand now, with what was said of them."""
    from meva_core.live_history.orders import order_named

    names = [one.client_id for one in found.cycle.decisions.actions if one.client_id is not None]
    orders = [one for name in names if (one := order_named(reads, listed, name)) is not None]
    return [
        {
            "client_order_id": one.client_id,
            "symbol": one.symbol,
            "side": one.side,
            "qty": one.qty,
            "price_try": one.price,
            "filled_qty": one.booked,
            "status": one.status,
            "error": one.error,
        }
        for one in orders
    ]


# -- One cycle, for people --------------------------------------------------------------------------------


def _print(found: Explained, told: Mapping[str, Any]) -> None:
    cycle, settings = found.cycle, found.cycle.settings
    print_line(
        f"Cycle {cycle.cycle} at {as_text(cycle.ts)}, Stage {cycle.stage} of book {cycle.book}"
        + ("" if cycle.status == "done" else f"; it was {cycle.status}")
    )
    print_line(_headline(found))
    print_line()
    print_line(f"Gates: {told['gates']['text']}")
    if blocks := told["gates"].get("live_blocks_now"):
        print_line(f"  live writes: blocked now by {', '.join(blocks)}; `meva gates` says what to change")
    print_line()
    print_table(["part of the mode", "mode", "binds", "why"], list(_parts(found)))
    for title, lines in (
        ("What could not be read:", list(cycle.notes)),
        ("Alarms that are open:", list(_alarms(cycle))),
        (
            "What was odd:",
            [f"{one.severity} {_say(one.reason, settings)}" for one in cycle.decisions.anomalies],
        ),
        ("Strategies that failed:", [f"{one.strategy}: {one.text}" for one in cycle.inputs.failures]),
        ("The kill switch was set by itself:", _kill(cycle)),
    ):
        _section(title, lines)
    print_line()
    print_table(
        ["symbol", "side", "asked_try", "allocated_try", "order", "reason", "why"],
        [_row(fate, settings) for fate in found.fates],
    )
    _section("Not to be bought:", [_say(one, settings) for one in cycle.decisions.universe.dropped])
    _section("Nothing may be submitted in:", list(_blocked(found)))
    _section("Canceled:", list(_canceling(cycle)))
    _print_orders(told["orders_now"])
    if cycle.decisions.sweep:
        plan = ", ".join(f"{one['symbol']} {as_text(one['qty'])}" for one in told["sweep_plan"])
        _section("What the cash above its target would buy; it is recorded, never sent:", [plan])


def _headline(found: Explained) -> str:
    from meva_core.live_history.explain import mostly

    mode = found.cycle.decisions.mode
    tail = f"mode {mode.mode.name}"
    if mode.bound is not None:
        tail += f", bound by {mode.bound.part}: {mode.bound.reason.code}"
    parts = [counted(n, what) for n, what in ((found.ordered, "order"), (found.canceled, "cancel")) if n]
    if found.ordered:
        if unsent := len(found.refused):
            codes = mostly(one.code or one.verdict for one in found.refused)
            tail = f"{unsent} of {found.ordered} came to nothing, mainly because of {codes}; {tail}"
        return f"It decided on {' and '.join(parts)}; {tail}."
    after = f", {parts[0]}" if parts else ""
    why = "nothing was asked for" if found.main == "nothing_asked" else f"mainly because of {found.main}"
    return f"It placed no order, {why}{after}; {tail}."


def _parts(found: Explained) -> Iterator[list[object]]:
    from meva_core.live_history.words import explain

    mode, settings = found.cycle.decisions.mode, found.cycle.settings
    for part in mode.parts:
        yield [part.part, part.mode.name, "yes" if part == mode.bound else "", explain(part.reason, settings)]


def _row(fate: Fate, settings: Mapping[str, Any]) -> list[object]:
    from meva_core.amounts import to_decimal

    asked, action = fate.asked, fate.action
    why = fate.why(settings)
    if fate.not_done is not None:
        why = "; ".join(filter(None, (fate.not_done.text, why)))
    elif fate.code == "nothing_asked":
        why = "no strategy asked for anything of it"
    elif asked is not None and not why:
        is_all = fate.allocated is not None and fate.allocated > asked.request
        why = "all of it: less than the least order would be left" if is_all else asked.reason
    return [
        fate.symbol,
        None if asked is None else asked.side.name,
        None if asked is None else to_decimal(asked.request),
        None if fate.allocated is None else to_decimal(fate.allocated),
        None if action is None else f"{action.kind}, {fate.standing or 'not known'}",
        fate.code,
        why,
    ]


def _alarms(cycle: Opened) -> Iterator[str]:
    from meva_core.live_history.words import alarm_words

    for one in cycle.inputs.alarms:
        restricts = "" if one.mode.name == "NORMAL" else f", {one.mode.name}"
        yield f"{one.code}:{one.about}{restricts}: {alarm_words(one.code)}"


def _kill(cycle: Opened) -> list[str]:
    kill = cycle.decisions.kill
    return [] if kill is None else [f"{kill.code}: {_say(kill.reason, cycle.settings)}"]


def _blocked(found: Explained) -> Iterator[str]:
    from meva_core.live_history.block_words import BLOCKS

    for symbol, code in sorted(found.blocked.items()):
        yield f"{symbol}: {code}: {BLOCKS[code].why}; {BLOCKS[code].end}"


def _canceling(cycle: Opened) -> Iterator[str]:
    from meva_core.live_history.words import explain

    for one in cycle.decisions.cancels:
        held = "" if one.held_back is None else f"; held back: {explain(one.held_back, cycle.settings)}"
        order = f"{one.order.symbol} {one.order.side.name} {one.order.client_id}"
        not_done = cycle.not_done.get(one.order.client_id)
        ended = "" if not_done is None else f"; {not_done.verdict}: {not_done.code}: {not_done.text}"
        yield f"{order}: {one.reason.code}: {explain(one.reason, cycle.settings)}{held}{ended}"


def _print_orders(orders: Sequence[Mapping[str, Any]]) -> None:
    if not orders:
        return
    print_line()
    print_line("Orders that it decided on, as they stand now:")
    columns = ["symbol", "side", "qty", "price_try", "filled_qty", "status", "error"]
    print_table(columns, [[one[name] for name in columns] for one in orders])


def _section(title: str, lines: Sequence[str]) -> None:
    if lines:
        print_line()
        print_line(title)
        for line in lines:
            print_line(f"  {line}")


def _say(reason: Because, settings: Mapping[str, Any]) -> str:
    from meva_core.live_history.words import say

    return say(reason, settings)


# -- Many cycles ------------------------------------------------------------------------------------------


def why_many(
    reads: Reads,
    listed: Listed,
    start: datetime | None,
    end: datetime | None,
    last: int | None,
    *,
    as_json: bool,
) -> None:
    """Say how often each reason held in the cycles of a window."""
    from meva_core.live_history.cycles import cycles_in, each_opened
    from meva_core.live_history.explain import explained, reason_document
    from meva_core.live_history.many import many_of

    names = cycles_in(reads, listed, start, end, last)
    many = many_of(map(explained, each_opened(reads, listed, texts(), names)))
    if not as_json:
        _print_many(listed, names, many)
        return
    print_json(
        {
            "book": listed.name,
            "run_id": listed.run,
            "first_ts": names[0][0],
            "last_ts": names[-1][0],
            "cycles": many.cycles,
            "cycles_without_orders": many.cycles - many.ordered,
            "modes": dict(many.modes.most_common()),
            "bound_by": dict(many.bound.most_common()),
            "main_reasons": dict(many.main.most_common()),
            "orders": dict(sorted(many.sent.items())),
            "not_done": dict(many.not_done.most_common()),
            "reasons": [
                {"cycles": one.cycles, **reason_document(one.last, one.settings)} for one in many.held()
            ],
            "not_done_by_symbol": [
                {"symbol": one.last.symbol, "code": one.code, "cycles": one.cycles, "text": one.last.text}
                for one in many.left_undone()
            ],
        }
    )


def _print_many(listed: Listed, names: Sequence[tuple[datetime, str]], many: Many) -> None:
    from meva_core.live_history.many import COLUMNS

    span = f"{as_text(names[0][0])} to {as_text(names[-1][0])}"
    print_line(f"Book {listed.name}: {counted(many.cycles, 'cycle')} from {span}")
    for line in many.lines():
        print_line(line)
    if rows := many.rows():
        print_line()
        print_table(COLUMNS, rows)
