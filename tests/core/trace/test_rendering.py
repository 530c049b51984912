"""The rows of a run: whole, decodable, the same however rendered, and brief where nothing happened."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from golden_worlds import KINDS
from nightly import every
from recorded import CASH, ENOUGH, ROOM, Recorded, golden

from meva_core.amounts import format_e8, join_pair, parse_e8
from meva_core.ids import canonical_json
from meva_core.reasons import fired_codes
from meva_core.trace import COLUMNS, ORDER_CHANGES, Renderer
from meva_core.trace.documents import FLAGS
from meva_core.trace.happenings import average_price
from meva_core.trace.texts import reason_row
from meva_core.why import cycle_reasons

PER_CYCLE = ("stage7_cycle_trace", "stage7_ledger_metrics", "stage7_run_metrics", "stage7_cycle_digests")


def renderer_of(stretch: Recorded, **options: Any) -> Renderer:
    return Renderer(stretch.names, stretch.params, CASH, **options)


@cache
def rendered(name: str, room: int = ENOUGH, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a world's run as dicts by table, changes of orders applied. Not to be changed."""
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}
    whole = golden(name, room)
    renderer = renderer_of(whole[0], **options)
    for s in whole:
        part = renderer.render(s.market, s.rules, s.out, s.start, s.stop, s.digests)
        for table, lines in part.rows.items():
            found[table] += [dict(zip(COLUMNS[table], line, strict=True)) for line in lines]
        orders = {row["order_id"]: row for row in found["stage7_orders"]}
        for order, *values in part.order_changes:
            orders[order] |= zip(ORDER_CHANGES, values, strict=True)
    return found


@pytest.mark.parametrize("name", every(2, [*KINDS], 1))
def test_rows_do_not_depend_on_the_stretches(name: str) -> None:
    assert rendered(name, ROOM) == rendered(name)


@pytest.mark.parametrize("name", KINDS)
def test_every_cycle_has_its_rows_and_every_document_decodes(name: str) -> None:
    tables = rendered(name)
    cycles = [row["cycle_id"] for row in tables["stage7_cycle_trace"]]
    assert len(set(cycles)) == KINDS[name].cycles
    assert cycles == sorted(cycles)
    for table in (*PER_CYCLE, "stage7_risk_decisions"):
        assert [row["cycle_id"] for row in tables[table]] == cycles
    assert [row["seq"] for row in tables["stage7_cycle_digests"]] == list(range(len(cycles)))
    for lines in tables.values():
        for row in lines:
            for name, value in row.items():
                if name.endswith("_json") and value is not None:
                    assert canonical_json(json.loads(value)) == value
    for intent in tables["stage7_order_intents"]:
        assert json.loads(intent["intent_json"])["client_order_id"] == intent["client_order_id"]
    planned = {
        row["client_order_id"]: row for row in tables["stage7_order_intents"] if row["status"] == "PLANNED"
    }
    assert planned.keys() == {row["client_order_id"] for row in tables["stage7_orders"]}
    assert {f"submit:{name}" for name in planned} == {row["key"] for row in tables["stage7_idempotency_keys"]}
    for order in tables["stage7_orders"]:
        text = planned[order["client_order_id"]]["intent_json"]
        assert order["intent_hash"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", KINDS)
def test_what_is_rendered_is_what_the_columns_say(name: str) -> None:
    for s in golden(name, ENOUGH):
        market, out, start, params = s.market, s.out, s.start, s.params
        part = renderer_of(s).render(market, s.rules, out, start, s.stop, s.digests)
        tables = {
            t: [dict(zip(COLUMNS[t], row, strict=True)) for row in rows] for t, rows in part.rows.items()
        }
        for c in range(start, s.stop):
            trace, money, metrics = (tables[table][c - start] for table in PER_CYCLE[:3])
            own = [reason_row(r) for r in cycle_reasons(c, market, out, s.rules, params)]
            reasons = json.loads(trace["reasons_json"])
            assert reasons[: len(own)] == own
            assert [row[2] for row in reasons[len(own) :]] == list(s.names.symbols)
            account = out.account
            for name, column in (("equity", "equity_try"), ("fees", "fees_try"), ("gross", "gross_pnl_try")):
                pair = (int(getattr(account, f"{name}_{half}")[c]) for half in ("whole", "rest"))
                assert money[column] == metrics[column] == format_e8(join_pair(*pair))
            kinds = [
                e["event_type"] for e in tables["stage7_order_events"] if e["cycle_id"] == trace["cycle_id"]
            ]
            quality, alerts = flags_by_hand(c, market, out, kinds, params)
            assert json.loads(metrics["quality_flags_json"]) == dict.fromkeys(quality, True)
            assert json.loads(metrics["alert_flags_json"]) == dict.fromkeys(alerts, True)


@pytest.mark.parametrize("room", [ROOM, ENOUGH])
@pytest.mark.parametrize("name", KINDS)
def test_an_average_price_is_the_exact_average_of_the_fills(name: str, room: int) -> None:
    tables = rendered(name, room)
    fills: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for row in tables["ledger_events"]:
        fills.setdefault(row["exchange_order_id"], []).append((Decimal(row["price"]), Decimal(row["qty"])))
    for order in tables["stage7_orders"]:
        own = fills.get(order["order_id"], [])
        if not own:
            assert order["avg_fill_price_try"] is None
            continue
        average = Decimal(order["avg_fill_price_try"])
        exact = sum(Fraction(p) * Fraction(q) for p, q in own) / sum(Fraction(q) for _, q in own)
        assert abs(Fraction(average) - exact) <= Fraction(1, 2 * 10**8)
        prices = [price for price, _ in own]
        assert min(prices) <= average <= max(prices)  # so one fill's average is its price


@pytest.mark.parametrize(
    ("fills", "average"),
    [
        # A cent of quantity: the rounded notional over it would be 120 and 80.
        ([("100.00000001", "0.00000001")], "100.00000001"),
        ([("3", "1"), ("4", "1")], "3.5"),
        ([("1", "2"), ("2", "1")], "1.33333333"),
        ([("0.00000001", "1"), ("0.00000002", "1")], "0.00000002"),  # a tie, to even
        ([("0.00000002", "1"), ("0.00000003", "1")], "0.00000002"),
        ([("90000000000", "90000000000"), ("90000000000", "0.00000001")], "90000000000"),
    ],
)
def test_an_average_is_rounded_once(fills: list[tuple[str, str]], average: str) -> None:
    gross = sum(parse_e8(price) * parse_e8(qty) for price, qty in fills)
    assert average_price(gross, sum(parse_e8(qty) for _, qty in fills)) == average


@pytest.mark.parametrize("name", every(2, [*KINDS]))
def test_another_process_may_take_over_after_any_stretch(name: str) -> None:
    whole = golden(name)
    going_on = renderer_of(whole[0])
    place = 0
    gross: dict[tuple[int, int], int] = {}
    for s in whole:
        stretch = (s.market, s.rules, s.out, s.start, s.stop, s.digests)
        renderer = renderer_of(s, seq=place, gross=gross)
        assert renderer.render(*stretch) == going_on.render(*stretch)
        place, gross = renderer.seq, dict(s.gross)


def flags_by_hand(c: int, market: Any, out: Any, kinds: list[str], params: Any) -> tuple[set[str], set[str]]:
    """The flags of one cycle, symbol by symbol and event by event."""
    fired = {code.text for code in fired_codes(int(out.assess.fired[c]))}
    quality = {"stale_data"} if "stale_market_data" in fired else set()
    for flags, stamp in zip(out.measure.flags[c], market.book_ts[c], strict=True):
        quality |= {name for bit, name in FLAGS.items() if stamp >= 0 and flags & bit}
    quality |= {"spread_spike"} if out.assess.wide[c] else set()
    quality |= {"missing_data"} if out.assess.fresh[c] == 0 else set()
    troubles = {
        "THROTTLED": "throttled",
        "RETRY_SCHEDULED": "retry_scheduled",
        "RETRY_GIVEUP": "retry_giveup",
    }
    quality |= {name for kind, name in troubles.items() if kind in kinds}
    alerts = quality & {"missing_data", "throttled", "retry_giveup"}
    alerts |= {"drawdown_breach"} if "max_drawdown_breach" in fired else set()
    alerts |= {"reject_spike"} if kinds.count("REJECTED") >= params.reject_spike else set()
    alerts |= {"retry_excess"} if kinds.count("RETRY_SCHEDULED") >= params.retry_alert else set()
    return quality, alerts
