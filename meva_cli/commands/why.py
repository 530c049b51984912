"""`meva why`: what let a cycle trade, or kept it from it; or many of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database, reading
from meva_cli.live_history.asked import BOOK, asked_live
from meva_cli.options import json_option
from meva_cli.render import as_text, counted, print_json, print_line, print_table
from meva_cli.summary import asked_account, assumed_data, say_assumed
from meva_cli.telling import telling_of
from meva_cli.window import asked_window, moment, named_time, window_options
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.history.explain import Explained, Fate
    from meva_core.history.explain_many import Held, Many
    from meva_core.history.touches import SeenTouch
    from meva_core.history.window import Window
    from meva_core.history.words import Telling
    from meva_core.live_history.books import Listed
    from meva_core.ports import Reads
    from meva_core.reasons import Reason


@click.command()
@click.argument("cycle", required=False)
@DB
@BOOK
@window_options(None)
@json_option
def why(
    cycle: str | None,
    db: str | None,
    book: str | None,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Say why a cycle did, or did not, trade.

    CYCLE is an id as `meva report --json` shows it, or a time: then it is the newest cycle up to it; of a
    book of Stages 3 and 4 it is the one that sent an order then, if one did, and an order's name does as
    well. Without it the last cycle is explained. Shown are the gates, the parts of the mode and which of them
    bound, every rule that fired and the fate of every symbol, each with its value, its limit, the setting or
    the rule of the exchange that is behind the limit, and what would have let it trade. A symbol that differs
    from its target by less than the least order is on target; with --json `code` is what is recorded, `told`
    what is told. Of a cycle on the live market it also shows the best prices that it saw, their age, and
    where they came from: an order book that answered, one of the stream, a ticker, or carried over where none
    was newer.

    With --last, --start or --end it says how often each reason held in these cycles.

    Of a book of Stages 3 and 4 (--book, or an id of its cycles) it shows what became of all that strategies
    asked for, which part of the mode bound, what is alarming, and which symbols nothing is submitted in.
    """
    many = not (last is None and start is None and end is None)
    if many and cycle is not None:
        raise BadInput(
            "CYCLE names one cycle, and --last, --start and --end name many", action="give one or the others"
        )
    from meva_core.live_book.names import cycle_named_in
    from meva_core.stages.accounts import account_of_run

    with reading(database(db)) as reads:
        cycle = cycle if cycle is None else cycle_named_in(cycle) or cycle
        listed = _live(reads, cycle, book, run_id)
        if listed is not None:
            from meva_cli.live_history.why import why_cycle, why_many

            if many:
                why_many(reads, listed, moment(start), moment(end), last, as_json=as_json)
            else:
                why_cycle(reads, listed, cycle, as_json=as_json)
            return
        if book is not None and run_id is None:
            run_id = asked_account(reads, None, book).run_ids[-1]
        if many:
            window = asked_window(reads, run_id, start, end, last)
        else:
            window = _window_of(reads, cycle, run_id)
        account = account_of_run(reads, window.run_id)
        if not as_json:
            say_assumed(account)
            if cycle is not None and (given := named_time(cycle)) is not None:
                print_line(f"The newest cycle up to {as_text(given)}:")
        report = (_many if many else _one)(reads, window, as_json)
    if as_json:
        print_json({**report, "assumed": assumed_data(account)})


def _live(reads: Reads, cycle: str | None, book: str | None, run_id: str | None) -> Listed | None:
    """Return the book of Stages 3 and 4 that is asked about, None for cycles of Stage 7."""
    if book is None and run_id is None and cycle is not None:
        from meva_core.live_history.books import pick
        from meva_core.live_history.cycles import cycle_named

        if (found := cycle_named(reads, cycle)) is not None:
            return pick(reads, found[0])
    return asked_live(reads, book, run_id)


def _window_of(reads: Reads, cycle: str | None, run_id: str | None) -> Window:
    from meva_cli.runs import nothing_recorded, pick_run
    from meva_core.history.explain import cycle_at, cycle_named

    if cycle is None:
        return asked_window(reads, run_id, None, None, 1)
    if not reads.runs():
        raise nothing_recorded(reads)
    given = named_time(cycle)
    if given is None:
        return cycle_named(reads, cycle, run_id)
    return cycle_at(reads, pick_run(reads, run_id), given)


# -- One cycle ------------------------------------------------------------------------------------------


def _one(reads: Reads, window: Window, as_json: bool) -> dict[str, Any]:
    from meva_adapters.codec import CODEC
    from meva_core.history.explain import explain_cycle

    found = explain_cycle(reads, window, CODEC.decode)
    touches = _touches(reads, window, found.kind)
    gates = gates_of(found.kind)
    telling = telling_of(found.kind, found.limits)
    if not as_json:
        print_cycle(found, gates, telling, touches)
    return cycle_document(found, gates, telling, touches)


def _touches(reads: Reads, window: Window, kind: str) -> Sequence[SeenTouch]:
    from meva_core.history.explain import BACKTEST
    from meva_core.history.window import LEGACY

    if kind in (BACKTEST, LEGACY):
        return ()  # without a look at columns, and all that this takes
    from meva_adapters.codec import CODEC
    from meva_core.history.touches import touches_of

    return touches_of(reads, window, CODEC.decode, CODEC.columns)


def gates_of(kind: str) -> dict[str, Any]:
    """Return what the gates mean for cycles of a kind of run, and how they stand in today's settings."""
    from meva_cli.load import settings_for
    from meva_core.gates import live_blocks, stage7_block
    from meva_core.settings import settings_texts, variables_of
    from meva_core.settings.general import Gates

    if kind == "backtest":
        return {"text": "a backtest needs no gate: its orders are simulated and reach no exchange"}
    settings = settings_for("gates", "exchange").settings
    texts = settings_texts(settings)
    block = stage7_block(settings.gates)
    return {
        "text": "Stage 7 never writes to an exchange: its orders are simulated, kill switch or not",
        "stage7_blocks_now": [block.code.value] if block else [],
        "live_blocks_now": [one.code.value for one in live_blocks(settings.gates, settings.exchange)],
        "now": {variable.name: texts[variable.name] for variable in variables_of(Gates).values()},
    }


def cycle_document(
    found: Explained, gates: Mapping[str, Any], telling: Telling, touches: Sequence[SeenTouch] = ()
) -> dict[str, Any]:
    """Return an explained cycle as JSON holds it."""
    import attrs

    mode = attrs.asdict(found.mode)
    if mode["strategy"] is None:
        del mode["strategy"]
    return {
        "run_id": found.run_id,
        "kind": found.kind,
        "cycle_id": found.cycle_id,
        "ts": found.ts,
        "trace": found.trace,
        "ordered": any(fate.ordered for fate in found.fates),
        "main_reason": found.main,
        "gates": dict(gates),
        "mode": {
            "final": mode.pop("final"),
            "bound_by": found.mode.binding(),
            "cooldown_until": mode.pop("cooldown_until"),
            "parts": mode,
            "inputs": [attrs.asdict(one) for one in found.inputs],
        },
        "reasons": [_reason_document(reason, telling) for reason in found.reasons],
        "symbols": [_fate_document(fate, telling) for fate in found.fates],
        "touches": [attrs.asdict(touch) for touch in touches],
        "orders": [attrs.asdict(order) for order in found.placed],
        "fills": [attrs.asdict(fill) for fill in found.filled],
        "ended": [attrs.asdict(one) for one in found.ended],
    }


def _reason_document(reason: Reason, telling: Telling) -> dict[str, Any]:
    import attrs

    from meva_core.history.recorded import told_code
    from meva_core.history.words import say

    bound = telling.limits.behind(reason)
    placed = bound is not None and bound.setting
    return {
        **attrs.asdict(reason),
        "told": told_code(reason, telling.limits.largest_position),
        "limit_from": {
            **attrs.asdict(bound),
            "setting": bound.setting or None,
            "place": telling.place(bound.setting, bound.value) if placed else None,
        }
        if bound
        else None,
        "text": say(reason, telling),
    }


def _fate_document(fate: Fate, telling: Telling) -> dict[str, Any]:
    return {
        "symbol": fate.reason.scope,
        "ordered": fate.ordered,
        **_reason_document(fate.reason, telling),
        "target_try": fate.target_try,
        "value_try": fate.value_try,
        "delta_try": fate.delta_try,
        **({"weight": fate.weight, "wish_try": fate.wish_try} if fate.wish_try is not None else {}),
    }


def print_cycle(
    found: Explained, gates: Mapping[str, Any], telling: Telling, touches: Sequence[SeenTouch] = ()
) -> None:
    """Print an explained cycle for people."""
    from meva_core.history.words import explain, say

    print_line(f"Cycle {found.cycle_id} at {as_text(found.ts)}, run {found.run_id} ({found.kind})")
    print_line(headline(found))
    print_line()
    for line in _gate_lines(gates):
        print_line(line)
    print_line()
    print_table(["part of the mode", "mode", "binds", "from"], list(_mode_rows(found)))
    print_line()
    print_line("Rules for the whole cycle:")
    for reason in found.reasons:
        print_line(f"  {say(reason, telling)}")
    print_line()
    print_table(
        ["symbol", "order", "step", "reason", "why"],
        [
            [fate.reason.scope, fate.ordered, fate.reason.step, fate.told, explain(fate.reason, telling)]
            for fate in found.fates
        ],
    )
    _print_wishes(found)
    _print_touches(touches)
    _print_trades(found)
    if found.trace == "legacy":
        print_line("A cycle of the earlier system: it recorded codes, but no limits or distances.")


def headline(found: Explained) -> str:
    """Return in one line whether a cycle placed orders, and what mainly kept it from it."""
    ordered = sum(fate.ordered for fate in found.fates)
    mode = f"mode {found.mode.final}"
    if binding := found.mode.binding():
        mode += f", bound by {' and '.join(binding)}"
    if ordered:
        return f"It placed orders for {ordered} of {counted(len(found.fates), 'symbol')}; {mode}."
    if found.main == "on_target":
        return f"It placed no order: what is held is on target within one least order; {mode}."
    return f"It placed no order, mainly because of {found.main}; {mode}."


def _gate_lines(gates: Mapping[str, Any]) -> Iterator[str]:
    yield f"Gates: {gates['text']}"
    if "now" in gates:
        yield "  now " + ", ".join(f"{name}={as_text(value)}" for name, value in gates["now"].items())
        for name, what in (("stage7_blocks_now", "Stage 7"), ("live_blocks_now", "live writes")):
            if gates[name]:
                yield f"  {what}: blocked by {', '.join(gates[name])}; `meva gates` says what to change"


def _mode_rows(found: Explained) -> Iterator[list[object]]:
    mode, binding = found.mode, found.mode.binding()
    notes = {
        one.name: one.note + ("" if one.age_seconds is None else f", {one.age_seconds} s old")
        for one in found.inputs
    }
    notes["rules"] = "the exchange's rules of selected and held symbols"
    notes["risk"] = "the rules of risk below, at this cycle"
    if mode.cooldown_until:
        notes["risk"] += f"; cooldown until {mode.cooldown_until.replace('.000000+00:00', 'Z')}"
    notes["strategy"] = "whether the strategy answered, and what it said could be used"
    parts = {"base": mode.base, "override": mode.override, "rules": mode.rules, "risk": mode.risk}
    parts |= {} if mode.strategy is None else {"strategy": mode.strategy}
    for name, part in parts.items():
        yield [name, part or "none", "yes" if name in binding else "", notes[name]]


def _print_wishes(found: Explained) -> None:
    """Print what the strategy wished for and what was made of it."""
    wished = [fate for fate in found.fates if fate.wish_try is not None]
    if wished:
        print_line()
        print_line("What the strategy wished for, and the target that was made of it:")
        print_table(
            ["symbol", "weight", "wish_try", "target_try", "value_try"],
            [
                [
                    fate.reason.scope,
                    "as decided" if fate.weight is None else fate.weight,
                    fate.wish_try,
                    fate.target_try,
                    fate.value_try,
                ]
                for fate in wished
            ],
        )


def _print_touches(touches: Sequence[SeenTouch]) -> None:
    if not touches:
        return
    print_line()
    print_line("Best prices that it saw; a size that nobody told limits no fill:")
    print_table(
        ["symbol", "bid", "ask", "bid_qty", "ask_qty", "age_s", "from"],
        [[t.symbol, t.bid, t.ask, t.bid_qty, t.ask_qty, t.age_seconds, t.source] for t in touches],
    )


def _print_trades(found: Explained) -> None:
    if found.placed:
        print_line()
        print_line("Orders placed, as they stand now:")
        print_table(
            ["symbol", "side", "qty", "price_try", "status", "filled", "avg_try", "end"],
            [
                [
                    o.symbol,
                    o.side,
                    o.qty,
                    o.price_try,
                    o.status,
                    o.filled_qty,
                    o.avg_fill_price_try,
                    o.end_reason,
                ]
                for o in found.placed
            ],
        )
    if found.filled:
        print_line()
        print_line("Fills in this cycle:")
        print_table(
            ["symbol", "side", "qty", "price_try", "fee_try", "slippage_try", "liquidity"],
            [
                [f.symbol, f.side, f.qty, f.price_try, f.fee_try, f.slippage_try, f.liquidity]
                for f in found.filled
            ],
        )
    if found.ended:
        print_line()
        print_line("Open orders that ended without a full fill:")
        print_table(
            ["order", "event", "reason"],
            [[one.client_order_id, one.event, one.reason] for one in found.ended],
        )


# -- Many cycles ------------------------------------------------------------------------------------------


def _many(reads: Reads, window: Window, as_json: bool) -> dict[str, Any]:
    from meva_adapters.codec import CODEC
    from meva_core.history.explain_many import explain_cycles

    found = explain_cycles(reads, [window], CODEC.decode)
    telling = telling_of(found.kind, found.limits)
    if not as_json:
        print_many(window, found, telling)
    return many_document(window, found, telling)


def many_document(window: Window, found: Many, telling: Telling) -> dict[str, Any]:
    """Return what many cycles say as JSON holds it."""
    return {
        "run_id": window.run_id,
        "first_ts": window.first_ts,
        "last_ts": window.last_ts,
        "cycles": found.cycles,
        "cycles_without_orders": found.idle,
        "cycles_on_target": found.on_target(),
        "blocked_by": found.blocked(),
        "reasons": [_held_document(held, telling) for held in found.of_cycles()],
        "symbols": [
            {
                "symbol": symbol,
                "cycles_ordered": found.ordered[symbol],
                "reasons": [_held_document(held, telling) for held in found.of_symbol(symbol)],
            }
            for symbol in found.symbols()
        ],
    }


def _held_document(held: Held, telling: Telling) -> dict[str, Any]:
    return {
        "code": held.nearest.code,
        "step": held.nearest.step,
        "cycles": held.cycles,
        "cycles_without_orders": held.idle,
        "first_ts": held.first_ts,
        "last_ts": held.last_ts,
        "nearest": _reason_document(held.nearest, telling),
    }


def print_many(window: Window, found: Many, telling: Telling) -> None:
    """Print what many cycles say for people."""
    from meva_adapters.texts.why_page import (
        CYCLE_COLUMNS,
        SYMBOL_COLUMNS,
        cycle_rows,
        head_lines,
        symbol_rows,
    )

    for line in head_lines(window, found):
        print_line(line)
    if rows := cycle_rows(found, telling):
        print_line()
        print_table(CYCLE_COLUMNS, rows)
    print_line()
    print_table(SYMBOL_COLUMNS, symbol_rows(found, telling))
