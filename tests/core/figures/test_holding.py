"""The benchmarks: what holding would have come to, recomputed by hand on a small market."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meva_core.amounts import ABSENT, E8, parse_e8, to_decimal
from meva_core.figures.cycles import Cycles
from meva_core.figures.held import Held
from meva_core.rules import RuleStatus

D = Decimal
UNIT = D("1E-8")


def e8(*texts: str) -> list[int]:
    """Return amounts in e8; nothing is no mark."""
    return [parse_e8(text) if text else ABSENT for text in texts]


def part(
    symbols: tuple[str, ...], marks: list[list[str]], lots: tuple[str, ...], least: str = "10", **other: Any
) -> Cycles:
    """Return cycles with these marks, a row a cycle, under a fee of 12.5 bps."""
    columns = np.array([e8(*row) for row in marks], dtype=np.int64)
    count = len(symbols)
    rules = SimpleNamespace(
        candidate=np.array(other.get("candidates", [1] * count)),
        status=np.array([other.get("status", RuleStatus.OK)] * count),
        lot=np.array(e8(*lots)),
        min_notional=np.array(e8(*[least] * count)),
        min_qty=np.zeros(count, dtype=np.int64),
    )
    valuation = columns.copy()
    for row in range(1, len(valuation)):
        valuation[row] = np.where(valuation[row] == ABSENT, valuation[row - 1], valuation[row])
    out = SimpleNamespace(measure=SimpleNamespace(mark=columns, valuation=valuation))
    params = SimpleNamespace(fee=1250 * E8 // 100)
    return Cycles(symbols, params, None, rules, out, 0, len(marks))  # type: ignore[arg-type]


def by_hand(money: D, mark: str, last: str, lot: str) -> D:
    """Return what money comes to that buys a pair at one mark and holds it to another."""
    qty = (money * 10_000 / (10_000 + D("12.5")) / D(mark)).quantize(D(lot), ROUND_DOWN)
    paid = (qty * D(mark)).quantize(UNIT, ROUND_HALF_EVEN)
    fee = (paid * D("12.5") / 10_000).quantize(UNIT, ROUND_HALF_EVEN)
    return money - paid - fee + (qty * D(last)).quantize(UNIT, ROUND_HALF_EVEN)


MARKS = [["101.5", "", "7"], ["102", "0.31", "7.1"], ["99.75", "0.3333", ""]]
LOTS = ("0.001", "1", "0.01")
NAMES = ("AAATRY", "BBBTRY", "CCCTRY")


def test_equal_parts_are_bought_at_first_marks_with_their_fees_and_valued_at_the_last():
    held = Held(parse_e8("1000"))
    held.take(part(NAMES, MARKS, LOTS))
    share = D("333.33333333")
    parts = [
        by_hand(share, "101.5", "99.75", "0.001"),
        by_hand(share, "0.31", "0.3333", "1"),
        by_hand(share, "7", "7.1", "0.01"),
    ]
    assert to_decimal(held.equal_parts()) == sum(parts) + UNIT  # and what three parts leave


def test_each_pair_alone_gets_all_of_the_money():
    held = Held(parse_e8("1000"))
    held.take(part(NAMES, MARKS, LOTS))
    alone = {pair.symbol: to_decimal(pair.equity) for pair in held.pairs()}
    assert alone == {
        "AAATRY": by_hand(D(1000), "101.5", "99.75", "0.001"),
        "BBBTRY": by_hand(D(1000), "0.31", "0.3333", "1"),
        "CCCTRY": by_hand(D(1000), "7", "7.1", "0.01"),
    }


def test_cycles_may_come_in_parts():
    held = Held(parse_e8("1000"))
    for row in MARKS[:2]:
        held.take(part(NAMES, [row], LOTS))
    held.take(part(NAMES, [["99.75", "0.3333", "7.1"]], LOTS))
    whole = Held(parse_e8("1000"))
    whole.take(part(NAMES, MARKS, LOTS))
    assert held.equal_parts() == whole.equal_parts()
    assert held.pairs() == whole.pairs()


def test_what_never_had_a_mark_or_is_below_the_minimum_stays_cash():
    held = Held(parse_e8("25"))
    held.take(part(("AAATRY", "BBBTRY"), [["5", ""]], ("1", "1"), least="12.6"))
    assert held.equal_parts() == parse_e8("25")
    assert [pair.equity is None for pair in held.pairs()] == [False, True]


@pytest.mark.parametrize("status", [RuleStatus.MISSING, RuleStatus.INVALID])
def test_a_pair_without_usable_rules_stays_cash(status):
    held = Held(parse_e8("25"))
    held.take(part(("AAATRY",), [["5"], ["6"]], ("1",), status=status))
    assert held.equal_parts() == parse_e8("25")


def test_a_pair_that_is_no_candidate_gets_no_part():
    held = Held(parse_e8("1000"))
    held.take(part(NAMES, MARKS, LOTS, candidates=[0, 1, 0]))
    assert to_decimal(held.equal_parts()) == by_hand(D(1000), "0.31", "0.3333", "1")
    assert [pair.symbol for pair in held.pairs()] == ["BBBTRY"]


def test_a_pair_that_a_later_run_leaves_out_keeps_its_last_mark():
    held = Held(parse_e8("1000"))
    held.take(part(NAMES[:2], [["101.5", "0.31"], ["110", "0.31"]], LOTS[:2]))
    held.take(part(NAMES[1:], [["0.3333", "7"]], LOTS[1:]))
    by_name = {pair.symbol: to_decimal(pair.equity) for pair in held.pairs()}
    assert by_name["AAATRY"] == by_hand(D(1000), "101.5", "110", "0.001")
    assert set(by_name) == {"AAATRY", "BBBTRY"}


def test_a_pair_that_is_worth_more_than_an_amount_holds_is_counted_whole():
    held = Held(parse_e8("90000000000"))
    held.take(part(("AAATRY",), [["1"], ["1000"]], ("1",)))
    [pair] = held.pairs()
    assert pair.equity == parse_e8("90000000000") + _gain()
    assert pair.equity > 8 * 10**21


def _gain() -> int:
    qty = int(D(90_000_000_000) * 10_000 / (10_000 + D("12.5")))
    fee = (D(qty) * D("12.5") / 10_000).quantize(UNIT, ROUND_HALF_EVEN)
    return int((qty * 999 - fee).scaleb(8))
