"""The rows of a run: whole, decodable, the same however rendered, and brief where nothing happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import worlds

from meva_core.amounts import format_e8, join_pair, parse_e8
from meva_core.fingerprint import Digester
from meva_core.ids import canonical_json
from meva_core.reasons import fired_codes
from meva_core.state import open_gross
from meva_core.trace import COLUMNS, ORDER_CHANGES, Names, Rendered, Renderer
from meva_core.trace.documents import FLAGS
from meva_core.trace.happenings import average_price
from meva_core.trace.texts import reason_row
from meva_core.why import cycle_reasons

PER_CYCLE = ("stage7_cycle_trace", "stage7_ledger_metrics", "stage7_run_metrics", "stage7_cycle_digests")
DOCUMENTS = [name for name in COLUMNS["stage7_cycle_trace"] if name.endswith("_json")]


def stretches(
    world: World, rows: int = 4096, **options: Any
) -> Iterator[tuple[Any, Any, int, int, Rendered]]:
    """Run a world and yield market, out, start, stop and rows of each stretch, out as it then stands."""
    engine, market, rules = engine_of(world, rows=rows), market_of(world), rules_of(world)
    digester = Digester(world.symbols, engine.params)
    names = Names("abcdefg", tuple(world.symbols))
    renderer = Renderer(names, engine.params, "1000", **options)
    for start, stop, out in engine.advance(market, inputs_of(world), rules):
        digests = digester.digest(market, rules, out, start, stop)
        yield market, out, start, stop, renderer.render(market, rules, out, start, stop, digests)


def rendered(world: World, rows: int = 4096, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a world's run as dicts by table, changes of orders applied."""
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}
    for *_, part in stretches(world, rows, **options):
        for table, lines in part.rows.items():
            found[table] += [dict(zip(COLUMNS[table], line, strict=True)) for line in lines]
        orders = {row["order_id"]: row for row in found["stage7_orders"]}
        for name, *values in part.order_changes:
            orders[name] |= zip(ORDER_CHANGES, values, strict=True)
    return found


@settings(max_examples=40)
@given(world=worlds())
def test_rows_do_not_depend_on_the_stretches(world: World) -> None:
    assert rendered(world, rows=40) == rendered(world)


@settings(max_examples=40)
@given(world=worlds())
def test_every_cycle_has_its_rows_and_every_document_decodes(world: World) -> None:
    tables = rendered(world)
    cycles = [row["cycle_id"] for row in tables["stage7_cycle_trace"]]
    assert len(set(cycles)) == len(world.cycles)
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


@settings(max_examples=40)
@given(world=worlds())
def test_brief_traces_keep_metrics_reasons_and_digests_of_quiet_cycles(world: World) -> None:
    full, brief = rendered(world, level="full"), rendered(world, level="changes")
    assert full.keys() == brief.keys()
    for table in full.keys() - {"stage7_cycle_trace", "stage7_risk_decisions"}:
        assert full[table] == brief[table], table
    happened = {
        row["cycle_id"] for table in ("stage7_order_intents", "stage7_order_events") for row in full[table]
    }
    mode = ""
    decided = {row["cycle_id"] for row in brief["stage7_risk_decisions"]}
    rows = zip(
        full["stage7_cycle_trace"], brief["stage7_cycle_trace"], full["stage7_run_metrics"], strict=True
    )
    for whole, short, metrics in rows:
        cycle = whole["cycle_id"]
        changed = whole["param_change_json"] != "{}"
        quiet = cycle not in happened and metrics["mode_final"] == mode and not changed
        mode = metrics["mode_final"]
        assert short["reasons_json"] == whole["reasons_json"]
        assert (cycle in decided) == (not quiet)
        if quiet:
            assert {short[name] for name in DOCUMENTS} <= {"[]", "{}", None, short["reasons_json"]}
            assert sum(len(str(value)) for value in short.values()) < 1_500 + len(short["reasons_json"])
        else:
            assert short == whole


@settings(max_examples=40)
@given(world=worlds())
def test_what_is_rendered_is_what_the_columns_say(world: World) -> None:
    for market, out, start, stop, part in stretches(world):
        engine = engine_of(world)
        tables = {
            t: [dict(zip(COLUMNS[t], row, strict=True)) for row in rows] for t, rows in part.rows.items()
        }
        for c in range(start, stop):
            trace, money, metrics = (tables[table][c - start] for table in PER_CYCLE[:3])
            own = [reason_row(r) for r in cycle_reasons(c, market, out, rules_of(world), engine.params)]
            reasons = json.loads(trace["reasons_json"])
            assert reasons[: len(own)] == own
            assert [row[2] for row in reasons[len(own) :]] == list(world.symbols)
            account = out.account
            for name, column in (("equity", "equity_try"), ("fees", "fees_try"), ("gross", "gross_pnl_try")):
                pair = (int(getattr(account, f"{name}_{half}")[c]) for half in ("whole", "rest"))
                assert money[column] == metrics[column] == format_e8(join_pair(*pair))
            kinds = [
                e["event_type"] for e in tables["stage7_order_events"] if e["cycle_id"] == trace["cycle_id"]
            ]
            quality, alerts = flags_by_hand(c, market, out, kinds, engine.params)
            assert json.loads(metrics["quality_flags_json"]) == dict.fromkeys(quality, True)
            assert json.loads(metrics["alert_flags_json"]) == dict.fromkeys(alerts, True)


@settings(max_examples=60)
@given(world=worlds(), rows=st.sampled_from([40, 4096]))
def test_an_average_price_is_the_exact_average_of_the_fills(world: World, rows: int) -> None:
    tables = rendered(world, rows)
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


@settings(max_examples=40)
@given(world=worlds())
def test_another_process_may_take_over_after_any_stretch(world: World) -> None:
    engine, market, rules = engine_of(world, rows=40), market_of(world), rules_of(world)
    digester = Digester(world.symbols, engine.params)
    whole = list(stretches(world, rows=40))
    place, mode = 0, -1
    gross: dict[tuple[int, int], int] = {}
    for (start, stop, out), (*_, expected) in zip(
        engine.advance(market, inputs_of(world), rules), whole, strict=True
    ):
        renderer = Renderer(
            Names("abcdefg", tuple(world.symbols)),
            engine.params,
            "1000",
            seq=place,
            last_mode=mode,
            gross=gross,
        )
        digests = digester.digest(market, rules, out, start, stop)
        assert renderer.render(market, rules, out, start, stop, digests) == expected
        place, mode, gross = renderer.seq, renderer.last_mode, open_gross(engine.state)


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


@pytest.mark.parametrize("level", ["full", "changes"])
@settings(max_examples=20)
@given(world=worlds())
def test_the_link_does_not_depend_on_the_level(level: str, world: World) -> None:
    links = [row["link_sha256"] for row in rendered(world, level=level)["stage7_cycle_digests"]]
    engine, market, rules = engine_of(world), market_of(world), rules_of(world)
    digester = Digester(world.symbols, engine.params)
    [(start, stop, out)] = engine.advance(market, inputs_of(world), rules)
    assert links == [digest.link for digest in digester.digest(market, rules, out, start, stop)]
