"""`meva doctor --for stage3|stage4`: what it takes to trade with money, of settings, clock, rules and key."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_exchange import LocalExchange, start_emulator, stop_emulator
from test_doctor_command import checks, doctor

from meva_cli.checks.check import PURPOSES
from meva_cli.checks.exchange import certificate

Meva = Callable[..., Any]
ARMED = {
    "STAGE7_ENABLED": "false",
    "DRY_RUN": "false",
    "KILL_SWITCH": "false",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_ACK": "I_UNDERSTAND",
}
DRY = {"STAGE7_ENABLED": "false"}
KEY = ("BTCTURK_API_KEY", "BTCTURK_API_SECRET")


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    emulator = start_emulator()
    emulator.connect().client.clock.sync()
    yield emulator
    stop_emulator(emulator)


@pytest.fixture
def address(exchange: LocalExchange, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The emulator's addresses and key, its faults taken away afterwards."""
    yield {**exchange.environment, "MEVA_CACHE_DIR": str(tmp_path / "none"), "SYMBOLS": "BTCTRY"}
    exchange.control("DELETE", "faults")
    exchange.control("POST", "policy", clock_skew_ms=0)


def without_key(address: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in address.items() if name not in KEY}


# -- Settings and gates -----------------------------------------------------------------------------------


def test_settings_that_are_armed_ask_for_stage_4(meva: Meva) -> None:
    key = {"BTCTURK_API_KEY": "k", "BTCTURK_API_SECRET": base64.b64encode(b"s").decode()}
    assert doctor(meva, "--offline", **ARMED, **key).document["for"] == "stage4"
    assert doctor(meva, "--offline", **DRY).document["for"] == "backtest"
    assert set(PURPOSES) == {"stage7", "stage3", "stage4", "backtest"}


@pytest.mark.parametrize("stage", ["stage3", "stage4"])
def test_a_dry_run_needs_neither_gate_nor_key(meva: Meva, stage: str) -> None:
    ended = doctor(meva, "--for", stage, "--offline", **DRY)
    assert checks(ended, "fail") == {}
    found = checks(ended)
    assert f"{stage} runs dry; nothing is written to an exchange" in found["gates", "live"]["message"]
    assert "none is needed" in found["keys", "credentials"]["message"]
    name = {"stage3": "profit_aware_v1", "stage4": "baseline_mean_reversion_v1"}[stage]
    assert found["strategy", "policy"]["message"].startswith(f"{name}, version 1, ")
    assert found["strategy", "bars"]["message"] == "no bars"


def test_strategies_that_a_stage_lists_are_loaded_and_each_that_cannot_be_is_named(
    meva: Meva, tmp_path: Path
) -> None:
    (tmp_path / "calm.py").write_text("""
from meva_core.strategy import Strategy

class Calm(Strategy):
    bars = "1h"

    def needs(self):
        return 24

    def decide(self, view, memory):
        return {}
""")
    own = {**DRY, "MEVA_STRATEGY_PATH": str(tmp_path), "STAGE4_STRATEGIES": "calm,momentum"}
    found = checks(doctor(meva, "--for", "stage4", "--offline", **own))
    assert found["strategy", "bars"]["message"] == (
        "they look at the newest 61 of 60 s, 24 of 3600 s of each symbol"
    )
    assert found["strategy", "time"]["message"].startswith("1 of your own: each has 2 s")
    slow = checks(doctor(meva, "--for", "stage4", "--offline", "--interval", "3", **own), "warn")
    assert slow["strategy", "time"]["message"].startswith("1 may take 2 s each of 3 s")
    wrong = doctor(meva, "--for", "stage4", "--offline", **{**own, "STAGE4_STRATEGIES": "clam,none"})
    failed = [one["message"] for one in wrong.document["checks"] if one["category"] == "strategy"]
    assert [text[:50] for text in failed] == [
        f"STAGE4_STRATEGIES: there is no strategy {name!r}; the"[:50] for name in ("clam", "none")
    ]
    none = checks(doctor(meva, "--for", "stage4", "--offline", **{**own, "STAGE4_STRATEGIES": ""}), "warn")
    assert none["strategy", "policy"]["message"].startswith("none is listed")


def test_orders_with_money_need_every_gate_and_both_parts_of_the_key(meva: Meva) -> None:
    ended = doctor(meva, "--for", "stage3", "--offline", **{**DRY, "DRY_RUN": "false"})
    failed = [check for check in ended.document["checks"] if check["status"] == "fail"]
    assert {(check["category"], check["name"]) for check in failed} == {
        ("gates", "live"),
        ("keys", "credentials"),
    }
    lines = "; ".join(check["action"] for check in failed if check["category"] == "gates")
    for name in ("KILL_SWITCH=false", "LIVE_TRADING=true", "LIVE_TRADING_ACK=I_UNDERSTAND", *KEY):
        assert f"set {name}" in lines
    half = doctor(meva, "--for", "stage3", "--offline", **{**DRY, "DRY_RUN": "false", KEY[0]: "k"})
    assert checks(half, "fail")["keys", "credentials"]["message"].startswith(f"{KEY[1]} not set")


@pytest.mark.parametrize(
    ("stage", "values", "name", "said"),
    [
        ("stage3", {"NOTIONAL_CAP_TRY_PER_CYCLE": "0"}, "turnover", "no new order is placed"),
        ("stage3", {"MAX_POSITION_TRY_PER_SYMBOL": "9"}, "position", "nothing is ever bought"),
        ("stage3", {"RISK_MIN_CASH_TRY": "1000"}, "cash", "RISK_MIN_CASH_TRY=1000 is not below DRY_RUN"),
        ("stage3", {"DEGRADE_WARN_THRESHOLD": "11"}, "warnings", "warnings never restrict trading"),
        ("stage3", {"UNIVERSE_MAX_SIZE": "0"}, "universe", "no pair is traded"),
        ("stage3", {"SYMBOLS": ""}, "universe", "SYMBOLS is empty: no pair is traded"),
        ("stage4", {"SYMBOLS": ""}, "universe", "SYMBOLS is empty: no pair is traded"),
        ("stage4", {"RISK_MIN_CASH_TRY": "1000"}, "cash", "RISK_MIN_CASH_TRY=1000 is not below DRY_RUN"),
        ("stage4", {"MAX_OPEN_ORDERS": "0"}, "orders", "no new order is placed"),
        ("stage4", {"MAX_POSITION_TRY_PER_SYMBOL": "9"}, "position", "nothing is ever bought"),
        ("stage3", {"TTL_SECONDS": "59"}, "interval", "has not filled by the next cycle is canceled in it"),
        ("stage4", {"MAX_POSITION_NOTIONAL_TRY": "9"}, "position", "nothing is ever bought"),
        ("stage4", {"RISK_MAX_ORDER_NOTIONAL_TRY": "9"}, "order", "nothing is ever bought"),
        ("stage4", {"TRY_CASH_TARGET": "700"}, "cash", "is above TRY_CASH_MAX=600"),
        (
            "stage4",
            {"UNIVERSE_ALLOW_SYMBOLS": "BTCTRY,ETHTRY", "UNIVERSE_DENY_SYMBOLS": "BTCTRY"},
            "universe",
            "BTCTRY: on UNIVERSE_ALLOW_SYMBOLS and on UNIVERSE_DENY_SYMBOLS",
        ),
        ("stage4", {"UNIVERSE_QUOTE_CURRENCY": "USDT"}, "universe", "UNIVERSE_REQUIRE_TRY_QUOTE is true"),
        ("stage4", {"DEGRADE_WARN_THRESHOLD": "11"}, "warnings", "warnings never restrict trading"),
    ],
)
def test_values_that_cancel_each_other_are_told_for_the_stage_that_goes_by_them(
    meva: Meva, stage: str, values: dict[str, str], name: str, said: str
) -> None:
    asked = ("--for", stage, "--offline")
    assert not [check for check in checks(doctor(meva, *asked, **DRY), "warn") if check[0] == "settings"]
    warned = checks(doctor(meva, *asked, **DRY, **values), "warn")["settings", name]
    assert said in warned["message"]
    assert warned["action"]


@pytest.mark.parametrize(
    "values",
    [
        {"MAX_OPEN_ORDERS": "0"},
        {"TARGET_TRY": "1000"},  # of the sweep, which is only recorded
        {"RISK_MAX_ORDER_NOTIONAL_TRY": "9"},
        {"MAX_POSITION_NOTIONAL_TRY": "9"},
        {"TRY_CASH_TARGET": "1000"},
    ],
)
def test_stage_3_is_not_warned_of_what_it_does_not_go_by(meva: Meva, values: dict[str, str]) -> None:
    warned = checks(doctor(meva, "--for", "stage3", "--offline", **DRY, **values), "warn")
    assert not [name for name in warned if name[0] == "settings"]


def test_a_stage_is_not_told_of_what_only_another_goes_by(meva: Meva) -> None:
    values = {"STAGE7_RISK_COOLDOWN_SEC": "5", "STAGE7_UNIVERSE_WHITELIST": "BTCTRY"}
    found = checks(doctor(meva, "--for", "stage4", "--offline", **DRY, **values), "warn")
    assert not [name for category, name in found if category == "settings"]
    spoiled = {"RISK_MAX_ORDER_NOTIONAL_TRY": "none"}
    assert checks(doctor(meva, "--for", "stage7", "--offline", **spoiled), "fail") == {}
    assert ("settings", "read") in checks(doctor(meva, "--for", "stage4", "--offline", **spoiled), "fail")


# -- The key ----------------------------------------------------------------------------------------------


def test_what_a_key_may_do_is_asked_once_each_and_only_for_stages_that_have_an_account(
    meva: Meva, exchange: LocalExchange, address: dict[str, str]
) -> None:
    exchange.fault("late", "GET /api/v1/*", seconds=0.001)

    def asked() -> int:
        happened: int = exchange.control("GET", "state")["happened"].get("late", 0)
        return happened

    before = asked()
    found = checks(doctor(meva, "--for", "stage4", **address, **ARMED))
    assert asked() - before == 3
    for right, said in (("balances", "read balances"), ("orders", "cancel orders"), ("fills", "read fills")):
        assert (found["keys", right]["status"], said in found["keys", right]["message"]) == ("pass", True)
    assert "withdraw" in found["keys", "limits"]["message"]
    assert ("exchange", "budget") not in found, "which is reckoned for Stage 7's measures"
    assert found["rules", "BTCTRY"]["status"] == "pass"
    warned = checks(doctor(meva, "--for", "stage7", **address), "warn")
    assert "nothing private is asked" in warned["keys", "credentials"]["message"]
    assert asked() - before == 3


def test_a_key_without_a_permission_fails_for_what_it_may_not_do(
    meva: Meva, exchange: LocalExchange, address: dict[str, str]
) -> None:
    secret = base64.b64encode(b"c4n4ry" * 4).decode()
    exchange.control("POST", "accounts", key="c4n4ry", secret=secret, permissions=["balances"])
    narrow = {**address, KEY[0]: "c4n4ry", KEY[1]: secret}
    exchange.fault("late", "GET /api/v2/*", seconds=0.001)
    before = exchange.control("GET", "state")["happened"].get("late", 0)
    ended = doctor(meva, "--for", "stage4", **narrow, **ARMED)
    assert exchange.control("GET", "state")["happened"]["late"] - before == 4, "a refused key asks no time"
    failed = checks(ended, "fail")
    assert {name for category, name in failed if category == "keys"} == {"orders", "fills"}
    assert "it needs Trade" in failed["keys", "orders"]["action"]
    assert "it needs Account" in failed["keys", "fills"]["action"]
    assert checks(ended)["keys", "balances"]["status"] == "pass"
    dry = checks(doctor(meva, "--for", "stage4", **narrow, **DRY), "warn")
    assert ("keys", "orders") in dry
    assert "not needed while DRY_RUN is true" in dry["keys", "credentials"]["message"]
    for text in ("c4n4ry", secret):
        assert text not in ended.out + ended.err


def test_a_key_that_is_none_or_is_unknown_fails_and_is_not_shown(meva: Meva, address: dict[str, str]) -> None:
    spoiled = doctor(meva, "--for", "stage3", **{**address, KEY[1]: "c4n4ry!"}, **ARMED)
    failed = checks(spoiled, "fail")
    assert failed["keys", "account"]["message"] == "BTCTURK_API_SECRET: not Base64 text"
    assert ("exchange", "tickers") in checks(spoiled)
    unknown = doctor(meva, "--for", "stage3", **{**address, KEY[0]: "c4n4ry"}, **ARMED)
    assert {name for category, name in checks(unknown, "fail") if category == "keys"} == {
        *("balances", "orders", "fills"),
    }
    assert "c4n4ry" not in spoiled.out + spoiled.err + unknown.out + unknown.err


def test_a_key_is_not_sent_to_a_host_that_may_not_have_it(meva: Meva, address: dict[str, str]) -> None:
    foreign = {**address, "BTCTURK_BASE_URL": "http://192.0.2.1"}  # which no request is made to, either
    failed = checks(doctor(meva, "--for", "stage4", **foreign, **ARMED), "fail")
    assert "are not sent to 192.0.2.1" in failed["keys", "account"]["message"]
    assert "begins with https://" in failed["exchange", "answers"]["message"]


# -- Clock and rules --------------------------------------------------------------------------------------


def test_a_clock_half_a_minute_off_fails_where_orders_are_signed_by_it(
    meva: Meva, exchange: LocalExchange, address: dict[str, str]
) -> None:
    exchange.control("POST", "policy", clock_skew_ms=-31_000)
    failed = checks(doctor(meva, "--for", "stage4", **without_key(address), **DRY), "fail")
    assert re.search(r"clock is 3\d{4} ms ahead of", failed["exchange", "clock"]["message"])
    warned = checks(doctor(meva, "--for", "stage7", **without_key(address)), "warn")
    assert "cycles go by the exchange's" in warned["exchange", "clock"]["message"]
    exchange.control("POST", "policy", clock_skew_ms=3_000)
    assert ("exchange", "clock") in checks(
        doctor(meva, "--for", "stage4", **without_key(address), **DRY), "warn"
    )


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("status", "DELISTED", "the exchange's status of it is DELISTED, expected TRADING"),
        ("orderMethods", ["MARKET"], "no LIMIT orders"),
        ("filters", [], "the metadata names none"),
    ],
)
def test_rules_fail_for_money_and_where_metadata_are_required(
    meva: Meva, exchange: LocalExchange, address: dict[str, str], member: str, value: Any, said: str
) -> None:
    exchange.fault("edit", "GET /api/v2/server/exchangeinfo", path=f"data.symbols.0.{member}", value=value)
    listed = exchange.connect().rules.metadata().pairs
    broken = next(name for name, entry in listed.items() if entry.get(member) == value)
    own = {**address, "SYMBOLS": broken}
    loose = {"STAGE7_RULES_REQUIRE_METADATA": "false"}
    for status, asked, more in (
        ("fail", "stage4", {**ARMED, **loose}),
        ("fail", "stage7", {}),
        ("warn", "stage7", loose),
    ):
        found = checks(doctor(meva, "--for", asked, **own, **more))["rules", broken]
        assert (found["status"], said in found["message"]) == (status, True), found


# -- The certificate --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "status"), [(90, "pass"), (10, "warn")])
def test_how_long_a_certificate_is_good_is_told(tmp_path: Path, days: int, status: str) -> None:
    key, made = tmp_path / "key.pem", tmp_path / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days)]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *subject, "-keyout", key, "-out", made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        answering = threading.Thread(target=_greet, args=(server, context))
        answering.start()
        [check] = certificate(f"https://localhost:{port}", str(made))
        answering.join()
    assert check.status == status
    assert check.message == f"the exchange's certificate is good for {days - 1} days"


def _greet(server: socket.socket, context: ssl.SSLContext) -> None:
    line, _ = server.accept()
    with context.wrap_socket(line, server_side=True) as secure:
        secure.recv(1)
