"""Names near a setting's: a misspelt one is found, and what belongs to others is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_cli.names import ENVIRONMENT_ONLY, known_names, near_name
from meva_core.settings import VARIABLES

OTHERS = """
PATH HOME PWD USER SHELL LANG LC_ALL TERM HOSTNAME LOGNAME EDITOR TMPDIR TZ PYTHONPATH VIRTUAL_ENV
XDG_CACHE_HOME SSH_AUTH_SOCK AWS_MAX_ATTEMPTS AWS_SECRET_ACCESS_KEY DATABASE_URL TEST_DATABASE_URL API_KEY
API_SECRET BASE_URL LOG_FORMAT RUST_LOG TARGET TARGET_ARCH OFFSET TTL COOLDOWN MAX_OPEN_FILES DB_PATH
RETRY_MAX_ATTEMPTS RATE_LIMIT_BURST BINANCE_API_KEY BTCTURK_TELEGRAM_TOKEN NUMBA_CACHE_DIR HTTPS_PROXY
KUBERNETES_SERVICE_PORT_HTTPS DEBUG RISK STRATEGY
"""
NAMES = st.sampled_from(sorted(VARIABLES))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("STAGE7_FEE_BPS", "STAGE7_FEES_BPS"),
        ("KILLSWITCH", "KILL_SWITCH"),
        ("kill_switch", "KILL_SWITCH"),
        ("KILL-SWITCH", "KILL_SWITCH"),
        ("KILL_SWICTH", "KILL_SWITCH"),
        ("DRYRUN", "DRY_RUN"),
        ("LIVE_TRADE", "LIVE_TRADING"),
        ("MAX_DAILY_LOSS", "MAX_DAILY_LOSS_TRY"),
        ("COOLDOWN_SEC", "COOLDOWN_SECONDS"),
        ("RISK_MAX_EXPOSURE_TRY", "RISK_MAX_GROSS_EXPOSURE_TRY"),
        ("BTCTURK_SECRET", "BTCTURK_API_SECRET"),
        ("BTCTURK_ALLOWED_HOSTS", "BTCTURK_ALLOW_HOSTS"),
        ("MEVA_DB", "MEVA_DATABASE_URL"),
        ("MEVA_CACHE", "MEVA_CACHE_DIR"),
        ("BTCBOT_REPLAY_DATASET", "BTCTBOT_REPLAY_DATASET"),
    ],
)
def test_a_misspelt_name_is_told_what_it_was_meant_to_be(written: str, meant: str) -> None:
    assert near_name(written) == meant


@pytest.mark.parametrize(
    "name",
    sorted(OTHERS.split()),
)
def test_what_others_call_theirs_is_near_none(name: str) -> None:
    assert near_name(name) is None


@given(NAMES, st.data())
def test_a_name_with_one_slip_is_never_taken_for_somebody_elses(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("AEQX_7"))
    slipped = data.draw(
        st.sampled_from(
            [
                name[:place] + name[place + 1 :],
                name[:place] + letter + name[place:],
                name[:place] + letter + name[place + 1 :],
                name.lower(),
                name.replace("_", ""),
            ]
        )
    )
    assert slipped in known_names() or near_name(slipped) in known_names()


@given(st.sampled_from(["STAGE7_", "MEVA_"]), st.text("ABCDEFGHIJ_", max_size=12))
def test_what_begins_with_our_own_prefix_is_ours(prefix: str, rest: str) -> None:
    name = prefix + rest
    assert name in known_names() or near_name(name) in known_names()


def test_a_known_name_is_near_none() -> None:
    assert {near_name(name) for name in (*VARIABLES, *ENVIRONMENT_ONLY, "BTCTBOT_REPLAY_DATASET")} == {None}
