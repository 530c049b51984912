"""What a run is before it begins: its pairs, its times, and its name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from meva_core.errors import BadInput
from meva_core.fingerprint import form_of
from meva_core.params import COLUMNS_IF_SET, Params
from meva_core.rules import FallbackRules
from meva_core.settings import Settings, Stage7, build_settings
from meva_core.stages.plan import BACKTEST, RunPlan, choose_pairs, cycle_times, fallback_of

AVAILABLE = ("SOLTRY", "BTCTRY", "BTCUSDT", "ETHTRY")


def planned(settings: Settings | None = None, **changes: Any) -> RunPlan:
    settings = settings or Settings()
    given: dict[str, Any] = {
        "kind": BACKTEST,
        "settings": settings,
        "pairs": choose_pairs(AVAILABLE, None, settings, None),
        "times": np.array([60, 120, 180], dtype=np.int64),
        "step_seconds": 60,
        "source": "data",
        "source_sha256": "ab" * 32,
    }
    return RunPlan(**(given | changes))


def test_the_fallback_is_what_the_settings_say_and_its_defaults_are_theirs() -> None:
    settings = {
        "STAGE7_RULES_FALLBACK_TICK_SIZE": "0.5",
        "STAGE7_RULES_FALLBACK_LOT_SIZE": "0.25",
        "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY": "20",
        "STAGE7_RULES_REQUIRE_METADATA": "false",
    }
    expected = FallbackRules(Decimal("0.5"), Decimal("0.25"), Decimal(20), require_metadata=False)
    assert fallback_of(build_settings(settings)) == expected
    assert fallback_of(Settings()) == FallbackRules()


@given(
    start=st.integers(0, 10**10),
    length=st.integers(0, 10**5),
    step=st.integers(1, 10**4),
    most=st.integers(1, 50),
)
def test_cycle_times_are_every_step_from_start_to_end_inclusive(
    start: int, length: int, step: int, most: int
) -> None:
    expected = list(range(start, start + length + 1, step))
    assert cycle_times(start, start + length, step).tolist() == expected
    assert cycle_times(start, start + length, step, most).tolist() == expected[:most]


@pytest.mark.parametrize(
    ("end", "step", "named"),
    [
        (9, 60, "ends, 1970-01-01T00:00:09Z, before it starts, 1970-01-01T00:00:10Z"),
        (20, 0, "step: 0"),
        (20, -5, "step: -5"),
    ],
)
def test_times_that_cannot_be_are_refused(end: int, step: int, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        cycle_times(10, end, step)


@pytest.mark.parametrize(
    ("start", "end", "step", "named"),
    [
        (-1, 10, 60, "before 1970"),
        (0, 10**9, 10**23, "step: 1000"),
        (0, 20_000_000, 1, "20000001 cycles of 1 s; a run has at most 20000000"),
    ],
)
def test_windows_that_no_machine_should_try_are_refused(start: int, end: int, step: int, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        cycle_times(start, end, step)


def test_a_long_window_of_few_cycles_is_fine() -> None:
    assert cycle_times(0, 10**10, 1, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", [-1, 2**31 + 1])
def test_a_seed_that_is_out_of_range_is_named(seed: int) -> None:
    with pytest.raises(BadInput, match=f"seed: {seed}"):
        planned(seed=seed)


def test_a_run_without_a_cycle_is_refused() -> None:
    with pytest.raises(BadInput, match="no cycle"):
        planned(times=np.array([], dtype=np.int64))


def test_pairs_are_sorted_and_candidates_have_the_quote_currency() -> None:
    pairs = choose_pairs(AVAILABLE, None, Settings(), None)
    assert pairs.symbols == ("BTCTRY", "BTCUSDT", "ETHTRY", "SOLTRY")
    assert pairs.candidates == {"BTCTRY", "ETHTRY", "SOLTRY"}
    assert pairs.configured == set(AVAILABLE)
    assert [rule.symbol for rule in pairs.rules] == list(pairs.symbols)


@pytest.mark.parametrize(
    ("variables", "configured", "symbols", "candidates"),
    [
        ({"STAGE7_UNIVERSE_WHITELIST": "BTCTRY,DOGETRY"}, ["ETHTRY"], ("BTCTRY", "ETHTRY"), {"BTCTRY"}),
        ({"STAGE7_UNIVERSE_BLACKLIST": "BTCTRY"}, [], ("ETHTRY", "SOLTRY"), {"ETHTRY", "SOLTRY"}),
        ({"STAGE7_UNIVERSE_QUOTE_CCY": "USDT"}, ["BTCTRY", "XXXTRY"], ("BTCTRY", "BTCUSDT"), {"BTCUSDT"}),
    ],
)
def test_lists_choose_candidates_and_named_symbols_are_watched(
    variables: dict[str, str], configured: list[str], symbols: tuple[str, ...], candidates: set[str]
) -> None:
    pairs = choose_pairs(AVAILABLE, None, build_settings(variables), configured)
    assert (pairs.symbols, set(pairs.candidates)) == (symbols, candidates)
    assert pairs.configured == set(configured) & set(AVAILABLE)


def test_lists_that_leave_no_candidate_are_refused_with_what_there_is() -> None:
    settings = build_settings({"STAGE7_UNIVERSE_WHITELIST": "DOGETRY"})
    with pytest.raises(BadInput, match=r"BTCTRY, BTCUSDT, ETHTRY, SOLTRY.*STAGE7_UNIVERSE_WHITELIST"):
        choose_pairs(AVAILABLE, None, settings, None)


def test_the_order_in_which_symbols_come_does_not_matter() -> None:
    assert choose_pairs(AVAILABLE, None, Settings(), None) == choose_pairs(
        AVAILABLE[::-1] * 2, None, Settings(), None
    )


def test_a_run_is_named_by_settings_rules_data_start_step_and_options() -> None:
    fee = Settings(stage7=Stage7(fees_bps=Decimal("20.00000001")))
    others = [
        planned(fee),
        planned(source_sha256="cd" * 32),
        planned(times=np.array([61, 121], dtype=np.int64)),
        planned(step_seconds=None),
        planned(seed=1),
        planned(adapt=True),
        planned(kind="dry_run"),
        planned(pairs=choose_pairs(AVAILABLE, None, Settings(), ["BTCTRY"])),
        planned(pairs=choose_pairs(AVAILABLE[1:], None, Settings(), None)),
        planned(pairs=choose_pairs(AVAILABLE, {}, Settings(), None)),
    ]
    names = {plan.run_id for plan in others}
    assert len(names) == len(others)
    assert planned().run_id not in names


def test_a_run_keeps_its_name_when_it_grows_or_its_folder_is_renamed() -> None:
    assert (
        planned(times=np.array([60], dtype=np.int64), source="elsewhere", manifest={"a": 1}).run_id
        == planned().run_id
    )
    same = Settings(stage7=Stage7(fees_bps=Decimal("20.0")))
    assert planned(same).settings_sha256() == planned().settings_sha256()
    assert evolve(planned(), seed=3).params.seed == 3


LISTS = ("STAGE7_UNIVERSE_WHITELIST", "STAGE7_UNIVERSE_BLACKLIST", "SYMBOLS")


@given(data=st.data())
def test_lists_of_names_in_another_order_are_the_same_run(data: st.DataObject) -> None:
    names = {
        "STAGE7_UNIVERSE_WHITELIST": ["BTCTRY", "ETHTRY", "SOLTRY"],
        "STAGE7_UNIVERSE_BLACKLIST": ["DOGETRY", "XRPTRY", "BTCUSDT"],
        "SYMBOLS": ["AVAXTRY", "BTCTRY", "ETHTRY"],
    }
    texts = {}
    for name, listed in names.items():
        shuffled = data.draw(st.permutations(listed))
        texts[name] = ",".join([*shuffled, data.draw(st.sampled_from(listed))])
    written = {name: ",".join(listed) for name, listed in names.items()}
    plans = [planned(build_settings(given)) for given in (texts, written)]
    assert plans[0].run_id == plans[1].run_id
    assert plans[0].params == plans[1].params
    assert plans[0].settings_sha256() == plans[1].settings_sha256()


@pytest.mark.parametrize("name", LISTS)
def test_other_names_in_a_list_are_another_run(name: str) -> None:
    one, other = (planned(build_settings({name: text})) for text in ("BTCTRY,ETHTRY", "BTCTRY,SOLTRY"))
    assert one.run_id != other.run_id


def test_a_run_of_another_form_is_another_run_and_the_first_form_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = planned()
    assert "form" not in first.identity()
    # As if the column had come with the seed: without a seed it is in no tag.
    monkeypatch.setitem(COLUMNS_IF_SET, "seed", ("plan.share",))
    monkeypatch.setitem(Params._field_defaults, "seed", 0)
    assert "form" not in planned(seed=1).identity()
    other = planned()
    assert other.identity()["form"] == form_of(other.params).hex()
    assert other.run_id != first.run_id


def test_the_record_of_settings_has_no_secret_and_no_path() -> None:
    record = planned().settings_record()
    assert {"seed", "include_adaptation", "step_seconds"} < record.keys()
    assert not [
        name for name in record if "KEY" in name or "SECRET" in name or "PATH" in name or "URL" in name
    ]
