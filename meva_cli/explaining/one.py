"""One cycle: what let it trade, or kept it from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meva_cli.explaining.reasons import reason_document
from meva_cli.render import as_text, counted, print_line, print_table
from meva_cli.telling import telling_of

if TYPE_CHECKING:
    from meva_core.history.explain import Explained, Fate
    from meva_core.history.touches import SeenTouch
    from meva_core.history.window import Window
    from meva_core.history.words import Telling
    from meva_core.ports import Reads


def explain_one(reads: Reads, window: Window, *, as_json: bool) -> dict[str, Any]:
    """Explain one cycle, for people where no JSON is asked for; return what JSON holds."""
    from meva_adapters.codec import CODEC
    from meva_core.history.explain import explain_cycle

    found = explain_cycle(reads, window, CODEC.decode)
    touches = _touches(reads, window, found.kind)
    gates = _gates_of(found.kind)
    telling = telling_of(found.kind, found.limits)
    if not as_json:
        _print_cycle(found, gates, telling, touches)
    return _cycle_document(found, gates, telling, touches)


def _touches(reads: Reads, window: Window, kind: str) -> Sequence[SeenTouch]:
    from meva_core.history.explain import BACKTEST
    from meva_core.history.window import LEGACY

    if kind in (BACKTEST, LEGACY):
        return ()  # without a look at columns, and all that this takes
    from meva_adapters.codec import CODEC
    from meva_core.history.touches import touches_of

    return touches_of(reads, window, CODEC.decode, CODEC.columns)


def _gates_of(kind: str) -> dict[str, Any]:
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


def _cycle_document(
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
        "reasons": [reason_document(reason, telling) for reason in found.reasons],
        "symbols": [_fate_document(fate, telling) for fate in found.fates],
        "touches": [attrs.asdict(touch) for touch in touches],
        "orders": [attrs.asdict(order) for order in found.placed],
        "fills": [attrs.asdict(fill) for fill in found.filled],
        "ended": [attrs.asdict(one) for one in found.ended],
    }


def _fate_document(fate: Fate, telling: Telling) -> dict[str, Any]:
    return {
        "symbol": fate.reason.scope,
        "ordered": fate.ordered,
        **reason_document(fate.reason, telling),
        "target_try": fate.target_try,
        "value_try": fate.value_try,
        "delta_try": fate.delta_try,
        **({"weight": fate.weight, "wish_try": fate.wish_try} if fate.wish_try is not None else {}),
    }


def _print_cycle(
    found: Explained, gates: Mapping[str, Any], telling: Telling, touches: Sequence[SeenTouch] = ()
) -> None:
    """Print an explained cycle for people."""
    from meva_core.history.words import explain, say

    print_line(f"Cycle {found.cycle_id} at {as_text(found.ts)}, run {found.run_id} ({found.kind})")
    print_line(_headline(found))
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


def _headline(found: Explained) -> str:
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
