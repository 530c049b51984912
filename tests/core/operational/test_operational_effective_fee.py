"""What a taking fill costs in truth."""

from __future__ import annotations

from operational_cases import e8

from meva_core.operational.effective_fee import MOST, effective_fee

SETTING = e8(24)


def fill(notional: str, fee: str) -> tuple[int, int]:
    return e8(notional), e8(fee)


def test_without_fills_it_is_the_setting():
    assert effective_fee(SETTING, []) == e8(24)


def test_the_third_highest_rate_counts_once_it_is_above_the_setting():
    dear, dearer, usual = fill("1000", "3"), fill("1000", "9"), fill("1000", "2.4")
    assert effective_fee(SETTING, [dear, dearer, usual]) == e8(24)
    assert effective_fee(SETTING, [dear, dearer, usual, dear]) == e8(30)


def test_it_is_rounded_up_to_a_hundredth_of_a_bp():
    # 0.25 / 103 is 24.27184... bps
    assert effective_fee(SETTING, [fill("103", "0.25")] * 3) == e8("24.28")
    assert effective_fee(SETTING, [fill("1000", "2.5")] * 3) == e8("25")


def test_small_fills_say_nothing_and_old_ones_are_forgotten():
    assert effective_fee(SETTING, [fill("99.99999999", "1")] * 9) == e8(24)
    assert effective_fee(SETTING, [fill("100", "1")] * 3) == e8(100)
    usual = [fill("1000", "1")] * 20
    assert effective_fee(SETTING, [fill("1000", "9")] * 3 + usual[:17]) == e8(90)
    assert effective_fee(SETTING, [fill("1000", "9")] * 3 + usual[:18]) == e8(24)
    small = [fill("50", "0.1")] * 30  # they take no place among the twenty
    assert effective_fee(SETTING, [fill("1000", "9")] * 3 + small) == e8(90)


def test_a_fee_of_all_or_more_stays_below_all():
    assert effective_fee(e8(20_000), []) == MOST < e8(10_000)
