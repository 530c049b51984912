"""Settings: names and defaults that stay, bounds on both sides, every fault at once, secrets that hide."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.errors import BadInput
from meva_core.settings import (
    GROUPS,
    VARIABLES,
    Degrade,
    Exchange,
    FillModel,
    Live,
    ScoreWeights,
    Secret,
    Settings,
    Stage7,
    Variable,
    build_settings,
    operating_document,
    settings_document,
    settings_texts,
    variables_of,
    with_later,
)
from meva_core.settings.kinds import Choice, Codes, Flag, Hidden, Listing, Number, Symbols, Weights, Whole
from meva_core.settings.receivers import Receivers

CANARY = "canary-7f3a9"

DEFAULTS = """
KILL_SWITCH=true DRY_RUN=true LIVE_TRADING=false LIVE_TRADING_ACK=empty STAGE7_ENABLED=false
MEVA_KILL_FILE=none STRATEGY_TIMEOUT_SEC=2
BTCTURK_API_KEY=none BTCTURK_API_SECRET=none BTCTURK_BASE_URL=https://api.btcturk.com
BTCTURK_GRAPH_URL=https://graph-api.btcturk.com BTCTURK_WS_URL=wss://ws-feed-pro.btcturk.com
BTCTURK_ALLOW_HOSTS=empty
SYMBOLS=BTCTRY,ETHTRY,SOLTRY RULES_CACHE_TTL_SEC=300 FILLS_POLL_LOOKBACK_MINUTES=30
MEVA_DATABASE_URL=none STATE_DB_PATH=btcbot_state.db MEVA_REPLAY_DATASET=none LOG_LEVEL=INFO
TARGET_TRY=300 OFFSET_BPS=20 TTL_SECONDS=120 MIN_ORDER_NOTIONAL_TRY=10 DRY_RUN_TRY_BALANCE=1000
MAX_ORDERS_PER_CYCLE=2 MAX_OPEN_ORDERS_PER_SYMBOL=1 COOLDOWN_SECONDS=60 NOTIONAL_CAP_TRY_PER_CYCLE=1000
MIN_PROFIT_BPS=30 MAX_POSITION_TRY_PER_SYMBOL=5000 ENABLE_AUTO_KILL_SWITCH=true MAX_OPEN_ORDERS=5
MAX_POSITION_NOTIONAL_TRY=5000 MAX_DAILY_LOSS_TRY=1000 MAX_DRAWDOWN_PCT=10 FEE_BPS_MAKER=12 FEE_BPS_TAKER=24
SLIPPAGE_BPS_BUFFER=10 TRY_CASH_TARGET=300 TRY_CASH_MAX=600 STAGE4_BOOTSTRAP_INTENTS=true
STAGE3_STRATEGIES=profit_aware_v1 STAGE4_STRATEGIES=baseline_mean_reversion_v1
RISK_MAX_DAILY_DRAWDOWN_TRY=1000 RISK_MAX_DRAWDOWN_TRY=3000 RISK_MAX_GROSS_EXPOSURE_TRY=10000
RISK_MAX_POSITION_PCT=0.3 RISK_MAX_ORDER_NOTIONAL_TRY=3000 RISK_MIN_CASH_TRY=none
RISK_MAX_FEE_TRY_PER_DAY=none
STALE_MARKET_DATA_SECONDS=30 REJECT_SPIKE_THRESHOLD=3 LATENCY_SPIKE_MS=2000 CURSOR_STALL_CYCLES=5
PNL_DIVERGENCE_TRY_WARN=50 PNL_DIVERGENCE_TRY_ERROR=200 DEGRADE_WARN_WINDOW_CYCLES=10 DEGRADE_WARN_THRESHOLD=3
DEGRADE_WARN_CODES_CSV=STALE_MARKET_DATA,ORDER_REJECT_SPIKE,PNL_DIVERGENCE CLOCK_SKEW_SECONDS_THRESHOLD=30
UNIVERSE_QUOTE_CURRENCY=TRY UNIVERSE_MAX_SIZE=20 UNIVERSE_MIN_NOTIONAL_TRY=50 UNIVERSE_MAX_SPREAD_BPS=200
UNIVERSE_MAX_EXCHANGE_MIN_TOTAL_TRY=1000000 UNIVERSE_ALLOW_SYMBOLS=empty UNIVERSE_DENY_SYMBOLS=empty
UNIVERSE_REQUIRE_ACTIVE=true UNIVERSE_REQUIRE_TRY_QUOTE=true
STAGE7_SLIPPAGE_BPS=25 STAGE7_FEES_BPS=20 STAGE7_MARK_PRICE_SOURCE=mid STAGE7_FILL_MODEL=touch
STAGE7_UNIVERSE_SIZE=20 STAGE7_UNIVERSE_QUOTE_CCY=TRY STAGE7_UNIVERSE_WHITELIST=empty
STAGE7_UNIVERSE_BLACKLIST=empty STAGE7_MIN_QUOTE_VOLUME_TRY=0 STAGE7_MAX_SPREAD_BPS=1000000
STAGE7_VOL_LOOKBACK=20 STAGE7_ORDER_OFFSET_BPS=5 STAGE7_RULES_FALLBACK_TICK_SIZE=0.01
STAGE7_RULES_FALLBACK_LOT_SIZE=0.00000001 STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY=10
STAGE7_RULES_REQUIRE_METADATA=true STAGE7_RULES_INVALID_METADATA_POLICY=skip_symbol
STAGE7_MAX_DRAWDOWN_PCT=0.25
STAGE7_MAX_DAILY_LOSS_TRY=500 STAGE7_MAX_CONSECUTIVE_LOSSES=3 STAGE7_MAX_DATA_AGE_SEC=60
STAGE7_SPREAD_SPIKE_BPS=300 STAGE7_RISK_COOLDOWN_SEC=900 STAGE7_CONCENTRATION_TOP_N=3
STAGE7_LOSS_GUARDRAIL_MODE=reduce_risk_only STAGE7_SIM_REJECT_PROB_BPS=0 STAGE7_RATE_LIMIT_RPS=5
STAGE7_RATE_LIMIT_BURST=5 STAGE7_RETRY_MAX_ATTEMPTS=3 STAGE7_RETRY_BASE_DELAY_MS=100
STAGE7_RETRY_MAX_DELAY_MS=1000 STAGE7_REJECT_SPIKE_THRESHOLD=3 STAGE7_RETRY_ALERT_THRESHOLD=5
STAGE7_REBALANCE_BAND_BPS=0
MEVA_ALERT_URLS=empty MEVA_ALERT_SUMMARY_HOUR=none STRATEGY=none STRATEGY_PARAMS={} MEVA_STRATEGY_PATH=none
"""

ABOVE_ZERO = """
STRATEGY_TIMEOUT_SEC
TTL_SECONDS MIN_ORDER_NOTIONAL_TRY MAX_DRAWDOWN_PCT RISK_MAX_DAILY_DRAWDOWN_TRY RISK_MAX_DRAWDOWN_TRY
RISK_MAX_GROSS_EXPOSURE_TRY RISK_MAX_ORDER_NOTIONAL_TRY RISK_MAX_FEE_TRY_PER_DAY STALE_MARKET_DATA_SECONDS
PNL_DIVERGENCE_TRY_WARN PNL_DIVERGENCE_TRY_ERROR CLOCK_SKEW_SECONDS_THRESHOLD STAGE7_RULES_FALLBACK_TICK_SIZE
STAGE7_RULES_FALLBACK_LOT_SIZE STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY STAGE7_RATE_LIMIT_RPS
"""

AT_LEAST_ONE = """
MAX_ORDERS_PER_CYCLE MAX_OPEN_ORDERS_PER_SYMBOL REJECT_SPIKE_THRESHOLD LATENCY_SPIKE_MS CURSOR_STALL_CYCLES
DEGRADE_WARN_WINDOW_CYCLES DEGRADE_WARN_THRESHOLD STAGE7_UNIVERSE_SIZE STAGE7_MAX_CONSECUTIVE_LOSSES
STAGE7_MAX_DATA_AGE_SEC STAGE7_CONCENTRATION_TOP_N STAGE7_RATE_LIMIT_BURST STAGE7_RETRY_MAX_ATTEMPTS
STAGE7_REJECT_SPIKE_THRESHOLD STAGE7_RETRY_ALERT_THRESHOLD
"""


def one(name: str, text: str) -> Any:
    """Return the value that one variable gets from a text."""
    # The one setting that another bounds from below.
    settings = build_settings({"PNL_DIVERGENCE_TRY_WARN": "0.00000001", name: text})
    for group in GROUPS:
        for attribute, variable in variables_of(GROUPS[group]).items():
            if variable.name == name:
                return getattr(getattr(settings, group), attribute)
    raise AssertionError(name)


# -- Strategies that are listed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("", ()),
        ("own", (("own", 100),)),
        ("own:7, other:0", (("own", 7), ("other", 0))),
        ('["own:1000"]', (("own", 1000),)),
    ],
)
def test_strategies_are_listed_by_id_with_a_weight_of_100_unless_given(text: str, listed: Any) -> None:
    assert one("STAGE4_STRATEGIES", text) == listed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Own", "'Own' is no id"),
        ("own:1001", "'1001' is no weight from 0 to 1000"),
        ("own:", "'' is no weight"),
        ("own:-1", "'-1' is no weight"),
        ("own,own:7", "listed twice"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        one("STAGE4_STRATEGIES", text)


# -- Names and defaults -----------------------------------------------------------------------------------


def test_names_and_defaults_are_those_that_users_already_have() -> None:
    expected = dict(item.split("=", 1) for item in DEFAULTS.split())
    weights = VARIABLES["STAGE7_SCORE_WEIGHTS"]
    found = {name: variable.default_text for name, variable in VARIABLES.items() if variable is not weights}
    assert found == expected
    assert weights.default == ScoreWeights(Decimal("0.5"), Decimal("0.3"), Decimal("0.2"))


def test_attributes_are_the_lower_case_names_without_their_groups_prefix() -> None:
    odd = {"DEGRADE_WARN_CODES_CSV": "warn_codes"}
    prefixes = {"exchange": ("BTCTURK_",), "state": ("MEVA_", "STATE_"), "live": (), "gates": ("MEVA_",)}
    prefixes |= {"alerts": ("MEVA_ALERT_",), "strategy": ("MEVA_STRATEGY_", "STRATEGY_")}
    for name, group in GROUPS.items():
        for attribute, variable in variables_of(group).items():
            short = variable.name
            for prefix in prefixes.get(name, (f"{name.upper()}_",)):
                short = short.removeprefix(prefix)
            assert attribute == odd.get(variable.name, short.lower())


def test_nothing_given_is_all_defaults() -> None:
    assert build_settings({}) == build_settings({"PATH": "/bin", "stage7_fees_bps": "x"}) == Settings()


def test_a_group_that_is_not_asked_for_is_not_looked_at() -> None:
    values = {"KILL_SWITCH": "perhaps", "STAGE7_FEES_BPS": "7"}
    settings = build_settings(values, groups=("stage7",))
    assert settings == Settings(stage7=Stage7(fees_bps=Decimal(7)))
    with pytest.raises(BadInput, match="KILL_SWITCH"):
        build_settings(values, groups=("gates",))


# -- Bounds -----------------------------------------------------------------------------------------------


def edges() -> list[tuple[str, Decimal, bool]]:
    """Return, for every bound of every variable, numbers at and beside it, and whether they are inside."""
    found = []
    for name, variable in VARIABLES.items():
        if not isinstance(variable.kind, Number | Whole):
            continue
        bound = variable.kind.bound
        step = Decimal(1) if isinstance(variable.kind, Whole) else Decimal("0.00000001")
        if bound.low is not None:
            found += [(name, bound.low - step, False), (name, bound.low, not bound.open_low)]
            found += [(name, bound.low + step, True)]
        if bound.high is not None:
            found += [(name, bound.high + step, False), (name, bound.high, not bound.open_high)]
            found += [(name, bound.high - step, True)]
    return found


@pytest.mark.parametrize(("name", "value", "inside"), edges())
def test_a_bound_refuses_just_outside_and_takes_just_inside(name: str, value: Decimal, inside: bool) -> None:
    text = f"{value:f}"
    if inside:
        assert one(name, text) == value
    else:
        with pytest.raises(BadInput, match=rf"^{name}: '{text}'.*expected"):
            build_settings({name: text})


def test_the_bounds_are_those_of_the_contract() -> None:
    bounds = {n: str(v.kind.bound) for n, v in VARIABLES.items() if isinstance(v.kind, Number | Whole)}
    assert bounds["STAGE7_SLIPPAGE_BPS"] == bounds["STAGE7_FEES_BPS"] == "0 <= x < 10000"
    assert bounds["STAGE7_ORDER_OFFSET_BPS"] == "-1000 < x < 10000"
    assert bounds["STAGE7_SIM_REJECT_PROB_BPS"] == "0 <= x <= 10000"
    assert bounds["STAGE7_MAX_DRAWDOWN_PCT"] == bounds["RISK_MAX_POSITION_PCT"] == "0 < x <= 1"
    assert bounds["STAGE7_VOL_LOOKBACK"] == ">= 2"
    assert bounds["RISK_MIN_CASH_TRY"] == ""
    assert {name for name, bound in bounds.items() if bound == "> 0"} == set(ABOVE_ZERO.split())
    assert {name for name, bound in bounds.items() if bound == ">= 1"} == set(AT_LEAST_ONE.split())


def test_an_error_divergence_below_the_warning_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"PNL_DIVERGENCE_TRY_ERROR: 49\.99 is below PNL_DIVERGENCE_TRY_WARN=50"
    ):
        build_settings({"PNL_DIVERGENCE_TRY_ERROR": "49.99"})
    with pytest.raises(BadInput, match="PNL_DIVERGENCE_TRY_ERROR"):
        Degrade(pnl_divergence_try_warn=Decimal(201))
    assert Degrade(pnl_divergence_try_warn=Decimal(200)).pnl_divergence_try_error == 200


# -- How values are written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1e3",
        "NaN",
        "Infinity",
        "-0x1",
        "1_000",
        "1,5",
        "+5",
        ".5",
        "5.",
        "٥",
        "1 0",
        "0.000000001",
        "92000000000",
    ],
)
def test_a_number_that_is_not_plain_digits_or_fits_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="STAGE7_MAX_DAILY_LOSS_TRY"):
        build_settings({"STAGE7_MAX_DAILY_LOSS_TRY": text})


@pytest.mark.parametrize("text", ["", "2.0", "2.5", "1e1", "2_0", "٢", "0x2", "92000000000", "9" * 5000])
def test_a_whole_number_takes_plain_digits_only(text: str) -> None:
    with pytest.raises(BadInput, match="TTL_SECONDS"):
        build_settings({"TTL_SECONDS": text})


def test_a_whole_number_that_is_too_large_is_told_how_large_it_may_be() -> None:
    with pytest.raises(BadInput, match=r"TTL_SECONDS: '92000000000'.*below 92000000000"):
        build_settings({"TTL_SECONDS": "92000000000"})


def test_numbers_stay_exact_and_blanks_around_them_do_not_count() -> None:
    assert one("STAGE7_FEES_BPS", " 0.00000001\t") == Decimal("1E-8")
    assert one("DRY_RUN_TRY_BALANCE", "91999999999.99999999") == Decimal("91999999999.99999999")
    assert one("TTL_SECONDS", " 7 ") == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("off", False), (" 0 ", False)],
)
def test_a_flag_is_written_in_the_usual_ways(text: str, value: bool) -> None:
    assert one("KILL_SWITCH", text) is value


@pytest.mark.parametrize("text", ["", "2", "ja", "truе"])
def test_a_flag_that_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"KILL_SWITCH: .*expected true or false"):
        build_settings({"KILL_SWITCH": text})


@pytest.mark.parametrize("text", ["btc_try, ETH-TRY,,BTCTRY", '["btc_try", "ETHTRY", "BTC/TRY"]'])
def test_symbols_are_canonical_in_their_order_and_each_once(text: str) -> None:
    assert one("SYMBOLS", text) == ("BTCTRY", "ETHTRY")


@pytest.mark.parametrize(
    "text", ["BTCTRY,x", "lınktry", '["BTCTRY"', '["BTCTRY", 1]', '{"a": 1}', "[" * 100_000]
)
def test_a_list_with_anything_but_symbols_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"SYMBOLS: .*expected pair symbols"):
        build_settings({"SYMBOLS": text})


def test_a_list_may_be_empty() -> None:
    assert one("STAGE7_UNIVERSE_WHITELIST", "") == one("STAGE7_UNIVERSE_WHITELIST", "[]") == ()


def test_optional_values_take_nothing_or_none() -> None:
    for name in ("RISK_MIN_CASH_TRY", "LATENCY_SPIKE_MS", "MEVA_DATABASE_URL"):
        assert one(name, "") is one(name, "None") is None


def test_weights_are_exact_whether_numbers_or_texts() -> None:
    assert one("STAGE7_SCORE_WEIGHTS", "none") == one("STAGE7_SCORE_WEIGHTS", "") == Stage7().score_weights
    weights = one("STAGE7_SCORE_WEIGHTS", '{"spread": 0.3, "volatility": "0", "liquidity": 2}')
    assert weights == ScoreWeights(Decimal(2), Decimal("0.3"), Decimal(0))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "0.5",
        '{"liquidity": 1}',
        '{"liquidity": 0, "spread": 0, "volatility": 0}',
        '{"liquidity": -1, "spread": 1, "volatility": 1}',
        '{"liquidity": NaN, "spread": 1, "volatility": 1}',
        '{"liquidity": 1e2, "spread": 1, "volatility": 1}',
        '{"liquidity": [1], "spread": 1, "volatility": 1}',
        '{"liquidity": 1, "spread": 1, "volatility": 1, "luck": 1}',
        '{"liquidity": 1, "liquidity": 1, "spread": 1, "volatility": 1}',
        '{"a":' * 100_000,
    ],
)
def test_weights_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"STAGE7_SCORE_WEIGHTS: .*expected a JSON object"):
        build_settings({"STAGE7_SCORE_WEIGHTS": text})


@pytest.mark.parametrize(
    "text",
    ["ftp://a", "api.btcturk.com", "https://user:pw@host", "https://a b", "http://[", "https://[::1", "https://[::g]",
     "https://h:99999", "https://h:0", "https://h:", "https://h:80x", "https://a..b", "https://-a",
     "https://" + "a" * 64],
)  # fmt: skip
def test_an_address_that_is_none_or_carries_a_user_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"BTCTURK_BASE_URL: .*without a user name"):
        build_settings({"BTCTURK_BASE_URL": text})


@pytest.mark.parametrize(
    "text",
    ["https://api.btcturk.com", "http://127.0.0.1:8080/api/", "https://[::1]:65535", "http://localhost:1"],
)
def test_an_address_of_a_host_is_taken(text: str) -> None:
    assert build_settings({"BTCTURK_BASE_URL": text}).exchange.base_url == text


def test_signs_that_unicode_folds_into_letters_are_no_letters() -> None:
    # U+212A KELVIN SIGN is a small k when it is lowered.
    with pytest.raises(BadInput, match="DEGRADE_WARN_CODES_CSV"):
        build_settings({"DEGRADE_WARN_CODES_CSV": "CLOC\N{KELVIN SIGN}_SKEW"})


def test_unknown_codes_are_named() -> None:
    with pytest.raises(BadInput, match=r"DEGRADE_WARN_CODES_CSV: .*'luck' is not one"):
        build_settings({"DEGRADE_WARN_CODES_CSV": "clock_skew,luck"})


@given(st.sampled_from(sorted(VARIABLES)), st.text(max_size=40))
def test_any_text_gives_a_value_or_one_problem_that_names_the_variable(name: str, text: str) -> None:
    problems = ()
    try:
        VARIABLES[name].parse(text)
    except BadInput as error:
        problems = error.problems
        message = str(error)
    assert [problem.where for problem in problems] in ([], [name])
    assert not problems or "\n" not in message


# -- Everything at once -----------------------------------------------------------------------------------


def test_every_fault_is_reported_with_variable_value_origin_and_what_was_expected() -> None:
    values = {
        "KILL_SWITCH": "maybe",
        "SYMBOLS": "x",
        "BTCTURK_API_KEY": f"{CANARY} with blanks",
        "STAGE7_FEES_BPS": "10000",
        "PNL_DIVERGENCE_TRY_ERROR": "1",
    }
    with pytest.raises(BadInput) as caught:
        build_settings(values, {"STAGE7_FEES_BPS": ".env line 3", "BTCTURK_API_KEY": "the environment"})
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "KILL_SWITCH",
        "BTCTURK_API_KEY",
        "SYMBOLS",
        "PNL_DIVERGENCE_TRY_ERROR",
        "STAGE7_FEES_BPS",
    ]
    assert (
        lines[-1]
        == "STAGE7_FEES_BPS: '10000' from .env line 3; expected a plain decimal number, 0 <= x < 10000"
    )
    assert lines[1].startswith("BTCTURK_API_KEY: <secret> from the environment; expected")
    assert len(caught.value.problems) == 5
    assert CANARY not in repr(caught.value.problems)


def test_a_group_made_by_hand_is_checked_in_full() -> None:
    with pytest.raises(BadInput) as caught:
        Stage7(
            slippage_bps=2.5,  # type: ignore[arg-type]
            fees_bps=Decimal(-1),
            universe_size=0,
            rate_limit_burst=True,
        )
    assert [problem.where for problem in caught.value.problems] == [
        "STAGE7_SLIPPAGE_BPS",
        "STAGE7_FEES_BPS",
        "STAGE7_UNIVERSE_SIZE",
        "STAGE7_RATE_LIMIT_BURST",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ("btctry",)},
        {"symbols": ["BTCTRY"]},
        {"symbols": ("BTCTRY", "BTCTRY")},
        {"api_key": "plain"},
    ],
)
def test_values_of_another_type_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Exchange(**wrong)


# -- Round trips ------------------------------------------------------------------------------------------

decimals = st.decimals(min_value=0, max_value=10**9, places=8).map(abs)


def texts_of(variable: Variable) -> st.SearchStrategy[str]:
    """Return texts that are a value of the variable."""
    kind = variable.kind
    if isinstance(kind, Number):
        bound = kind.bound
        low = Decimal(0) if bound.low is None else bound.low
        high = low + 10**6 if bound.high is None else bound.high
        return st.decimals(low, high, places=8).filter(lambda x: x in bound).map(lambda x: f"{x:f}")
    if isinstance(kind, Whole):
        bound = kind.bound
        return st.integers(0, 10**4).filter(lambda x: x in bound).map(str)
    symbols = st.lists(st.from_regex(r"[A-Z0-9]{5,16}", fullmatch=True), max_size=4).map(",".join)
    by_kind: dict[type, st.SearchStrategy[str]] = {
        Flag: st.sampled_from(["true", "false", "on", "0"]),
        Symbols: symbols,
        Listing: st.lists(st.sampled_from(["a", "b_2:0", "c:1000"]), unique=True).map(",".join),
        Receivers: st.lists(st.sampled_from([f"json://h/{CANARY}?a=1,2", f"ntfy://{CANARY}"])).map(", ".join),
        Hidden: st.just("sqlite://x" if variable.name == "MEVA_DATABASE_URL" else CANARY),
        Weights: st.tuples(decimals, decimals).map(
            lambda pair: json.dumps(
                {"liquidity": "1", "spread": f"{pair[0]:f}", "volatility": f"{pair[1]:f}"}
            )
        ),
    }
    if isinstance(kind, Choice):
        return st.sampled_from(list(kind.members))
    if isinstance(kind, Codes):
        return st.lists(st.sampled_from(kind.known)).map(",".join)
    return by_kind[type(kind)] if type(kind) in by_kind else st.just(str(variable.default or "text"))


any_texts = st.fixed_dictionaries({}, optional={name: texts_of(v) for name, v in VARIABLES.items()})


def as_written(plain: Any) -> str:
    """Return a plain value as the environment would hold it."""
    return plain if isinstance(plain, str) else "" if plain is None else json.dumps(plain)


@given(any_texts)
def test_settings_written_out_and_read_back_are_the_same(texts: dict[str, str]) -> None:
    texts.pop("PNL_DIVERGENCE_TRY_ERROR", None)
    texts.pop("PNL_DIVERGENCE_TRY_WARN", None)
    settings = build_settings(texts)
    written = {name: as_written(plain) for name, plain in settings_texts(settings).items()}
    for name in [name for name, variable in VARIABLES.items() if variable.secret]:
        written[name] = texts.get(name, "")
    assert build_settings(written) == settings


# -- The document of a run --------------------------------------------------------------------------------


def test_the_document_of_a_run_is_sorted_json_of_plain_texts() -> None:
    document = settings_document(Settings())
    assert list(document) == sorted(document)
    assert json.loads(json.dumps(document)) == document
    assert document["STAGE7_RATE_LIMIT_RPS"] == "5"
    assert document["STAGE7_RULES_FALLBACK_LOT_SIZE"] == "0.00000001"
    assert document["TTL_SECONDS"] == 120
    assert document["SYMBOLS"] == ["BTCTRY", "ETHTRY", "SOLTRY"]


def test_equal_values_written_differently_give_one_document() -> None:
    one_way = build_settings(
        {"STAGE7_RATE_LIMIT_RPS": "5.00", "STAGE7_FILL_MODEL": "INSTANT", "SYMBOLS": "btc_try"}
    )
    other = build_settings(
        {"STAGE7_RATE_LIMIT_RPS": "5", "STAGE7_FILL_MODEL": "instant", "SYMBOLS": '["BTCTRY"]'}
    )
    assert settings_document(one_way) == settings_document(other)
    assert one_way.stage7.fill_model is FillModel.INSTANT


@pytest.mark.parametrize("name", ["SYMBOLS", "STAGE7_UNIVERSE_WHITELIST", "STAGE7_UNIVERSE_BLACKLIST"])
def test_names_in_another_order_or_twice_give_one_document(name: str) -> None:
    documents = [
        settings_document(build_settings({name: text}))
        for text in ("ETHTRY,BTCTRY", "BTCTRY,ETHTRY", "btc_try,ETHTRY,BTCTRY")
    ]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0][name] == ["BTCTRY", "ETHTRY"]


def test_every_list_in_the_document_is_a_set_of_names() -> None:
    lists = {name for name, value in settings_document(Settings()).items() if isinstance(value, list)}
    assert lists == {"SYMBOLS", "STAGE7_UNIVERSE_WHITELIST", "STAGE7_UNIVERSE_BLACKLIST"}
    assert {type(VARIABLES[name].kind) for name in lists} == {Symbols}


@pytest.fixture
def fee_came_later() -> Iterator[None]:
    """Mark the fee as a setting that came after the first form."""
    fee = VARIABLES["STAGE7_FEES_BPS"]
    object.__setattr__(fee, "later", True)
    yield
    object.__setattr__(fee, "later", False)


def test_a_setting_that_came_later_is_in_the_document_only_away_from_its_default(
    fee_came_later: None,
) -> None:
    at_default = settings_document(build_settings({"STAGE7_FEES_BPS": "20.0"}))
    assert "STAGE7_FEES_BPS" not in at_default
    others = {"STAGE7_REBALANCE_BAND_BPS": "0"}
    assert with_later(at_default) == at_default | others | {"STAGE7_FEES_BPS": "20"}
    away = settings_document(build_settings({"STAGE7_FEES_BPS": "21"}))
    assert away == at_default | {"STAGE7_FEES_BPS": "21"}
    assert with_later(away) == away | others
    assert with_later({}) == {}


def test_the_document_changes_with_what_stage_7_reads_and_with_nothing_else() -> None:
    base = settings_document(Settings())
    assert settings_document(Settings(live=Live(ttl_seconds=121))) != base
    assert settings_document(Settings(stage7=Stage7(retry_alert_threshold=6))) != base
    assert (
        settings_document(Settings(live=Live(fee_bps_taker=Decimal(1)), degrade=Degrade(warn_threshold=9)))
        == base
    )
    secrets = Settings(exchange=Exchange(api_key=Secret(CANARY), api_secret=Secret(CANARY)))
    assert settings_document(secrets) == base


# -- Secrets ----------------------------------------------------------------------------------------------


def test_a_secret_shows_itself_nowhere() -> None:
    settings = build_settings(
        {
            "BTCTURK_API_KEY": CANARY,
            "BTCTURK_API_SECRET": CANARY,
            "MEVA_DATABASE_URL": f"postgresql://u:{CANARY}@h/d",
            "MEVA_ALERT_URLS": f"json://h/{CANARY} ntfy://{CANARY}",
        }
    )
    secret = settings.exchange.api_key
    assert secret is not None
    shown = [
        repr(settings),
        str(secret),
        f"{secret} {secret:>20} {secret!s} {secret!r}",
        "%s %r" % (secret, [secret]),  # noqa: UP031 - one more way to show it
        json.dumps(attrs.asdict(settings), default=str),
        json.dumps(settings_texts(settings)),
        repr(pickle.loads(pickle.dumps(settings)).exchange),
        pickle.dumps(settings).decode("latin-1"),
        repr(vars(Secret)),
    ]
    assert all(CANARY not in text for text in shown)
    assert all("<secret>" in text for text in shown[:6])
    assert secret.reveal() == CANARY
    assert settings.exchange.has_credentials


@pytest.mark.parametrize("name", ["BTCTURK_BASE_URL", "BTCTURK_GRAPH_URL", "BTCTURK_WS_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "https://u:{}@x",
        "https://{}@x/",
        "wss://u:a/{}@x",
        "ws://u:a@b\n{}@x",
        "u:{}@x",
        "https://x/?password={}",
        "wss://x?key={}",
        "ftp://x/#?{}",
    ],
)
def test_a_refused_address_shows_no_password(name: str, address: str) -> None:
    with pytest.raises(BadInput) as refused:
        VARIABLES[name].parse(address.format(CANARY), "the environment")
    (problem,) = refused.value.problems
    assert CANARY not in f"{problem} {refused.value} {problem!r} {refused.value.action}"
    assert "***" in str(problem)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("ntfy://a", ["ntfy://a"]),
        ("mailto://u:p@h.org?to=a@h.org,b@h.org, json://h/x?a=1", ["mailto://u:p@h.org?to=a@h.org,b@h.org", "json://h/x?a=1"]),
        ("json://h/x\n  tgram://1:a/2,", ["json://h/x", "tgram://1:a/2"]),
        ('["json://h/x", "json://h/x", "ntfys://h/t"]', ["json://h/x", "ntfys://h/t"]),
    ],
)  # fmt: skip
def test_receivers_are_read_each_once_and_may_hold_commas(text: str, urls: list[str]) -> None:
    found = build_settings({"MEVA_ALERT_URLS": text}).alerts.urls
    assert [url.reveal() for url in found] == urls


@pytest.mark.parametrize(
    "text", [CANARY, f"json://h/{CANARY} x", f"{CANARY},json://h", f'["{CANARY}"', f"://{CANARY}"]
)
def test_what_is_no_address_is_refused_unseen(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        build_settings({"MEVA_ALERT_URLS": text}, {"MEVA_ALERT_URLS": ".env line 2"})
    assert str(refused.value).startswith("MEVA_ALERT_URLS: <secret> from .env line 2")
    assert CANARY not in f"{refused.value} {refused.value.action} {refused.value.problems!r}"


def test_a_secret_survives_a_copy_and_compares_by_its_text() -> None:
    secret = Secret(CANARY)
    assert copy.deepcopy([secret])[0].reveal() == copy.copy(secret).reveal() == CANARY
    assert secret == Secret(CANARY) != Secret("other")
    assert secret != CANARY
    assert len({secret, Secret(CANARY)}) == 1


def test_both_credentials_are_needed() -> None:
    assert not Exchange(api_key=Secret("a")).has_credentials
    assert not Exchange(api_secret=Secret("a")).has_credentials


def test_cycles_of_stages_3_and_4_record_what_they_are_under_and_no_secret():
    given = build_settings({"KILL_SWITCH": "true", "TTL_SECONDS": "150", "BTCTURK_API_KEY": "hush"})
    document = operating_document(given)
    assert (document["KILL_SWITCH"], document["TTL_SECONDS"]) == (True, 150)
    assert {"RISK_MAX_DRAWDOWN_TRY", "SYMBOLS", "MEVA_KILL_FILE", "STAGE4_STRATEGIES"} <= document.keys()
    assert not [name for name in document if VARIABLES[name].secret]
    assert "STAGE7_FEES_BPS" not in document
