"""Many cycles explained together: the counts add up, and the nearest miss is the nearest."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meva_core.history.explain_many import Many
from meva_core.history.limits import Limits
from meva_core.reasons import Reason

REASONS = st.builds(
    Reason,
    st.sampled_from(["ok", "min_notional", "dust", "on_target"]),
    st.just("plan"),
    st.sampled_from(["BTCTRY", "ETHTRY"]),
    distance=st.one_of(st.none(), st.decimals(0, 1000, places=8).map(lambda d: f"{d:f}")),
    unit=st.just("TRY"),
)
CYCLES = st.lists(
    st.tuples(st.booleans(), st.lists(REASONS, max_size=2, unique_by=lambda reason: reason.scope)),
    max_size=30,
)


@given(CYCLES)
def test_every_cycle_and_every_reason_is_counted_once(cycles: list[tuple[bool, list[Reason]]]) -> None:
    many = Many()
    for place, (idle, reasons) in enumerate(cycles):
        many.add(place, idle, reasons)
    assert many.cycles == len(cycles)
    assert many.idle == sum(idle for idle, _ in cycles) == many.blocked_by.total()
    assert many.on_target() + sum(many.blocked().values()) == many.idle
    assert "min_notional" not in many.blocked()
    for symbol in ("BTCTRY", "ETHTRY"):
        own = [(place, r) for place, (_, reasons) in enumerate(cycles) for r in reasons if r.scope == symbol]
        held = many.of_symbol(symbol)
        assert many.ordered[symbol] == sum(reason.code == "ok" for _, reason in own)
        assert sum(one.cycles for one in held) + many.ordered[symbol] == len(own)
        for one in held:
            same = [(place, reason) for place, reason in own if reason.code == one.nearest.code]
            assert (one.first_ts, one.last_ts) == (same[0][0], same[-1][0])
            distances = [Decimal(reason.distance) for _, reason in same if reason.distance is not None]
            if distances:
                assert one.nearest.distance is not None
                assert Decimal(one.nearest.distance) == min(distances)


def test_reasons_are_listed_by_how_often_they_held() -> None:
    many = Many()
    for code in ("dust", "on_target", "on_target"):
        many.add(0, True, [Reason(code, "plan", "BTCTRY")])
    assert [held.nearest.code for held in many.of_symbol("BTCTRY")] == ["on_target", "dust"]
    assert many.symbols() == ["BTCTRY"]
    assert many.of_cycles() == []


def too_old(distance: str) -> Reason:
    return Reason("stale_market_data", "plan", "BTCTRY", "100", "60", distance, "s")


def test_a_reason_goes_with_the_limits_of_the_run_that_it_came_nearest_in() -> None:
    earlier, later = (Limits({"STAGE7_MAX_DATA_AGE_SEC": age}) for age in (60, 90))
    many = Many(limits=earlier)
    many.add("08:00", True, [too_old("5")])
    many.limits = later
    many.add("09:00", True, [too_old("9")])
    [held] = many.of_symbol("BTCTRY")
    assert (held.cycles, held.nearest.distance, held.limits) == (2, "5", earlier)
    many.add("10:00", True, [too_old("5")])
    [held] = many.of_symbol("BTCTRY")
    assert (held.cycles, held.limits) == (3, later), "the newest of equals"
