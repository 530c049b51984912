"""Built-in strategies over real HTTP: a loop and single cycles on the emulator, and whoever decides them
again, interpreted, compiled, resumed, out of the database or of a recording, have one fingerprint. Every
other one of the strategies is looked at, in nightly runs all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from local_exchange import LocalExchange, start_emulator, stop_emulator
from nightly import every
from stage7_runs import rows_of
from test_run_stage7 import TRADING

from meva_core.strategy.built_in import BUILT_IN

__all__ = ["meva"]
Meva = Callable[..., Any]
PARAMETERS = {
    "momentum": {"closes": 3, "count": 2},
    "inverse_volatility": {"closes": 5, "rebalance": "5m"},
    "fixed_weights": {"shares": "BTCTRY=0.5,ETHTRY=0.2"},
}
HANGS = """
from meva_core.strategy import History, Strategy, param

class Hanging(Strategy):
    bars = "5m"
    share = param(0.1)

    def needs(self) -> int:
        return 3

    def weights(self, h: History):
        while h.seconds[-1] // 60 % 2:
            pass
        return h.on_cycles(h.close * 0 + self.share)
"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    running = start_emulator("--clock", "manual", "--begin", "2026-01-01T00:00:40Z")
    try:
        yield running
    finally:
        stop_emulator(running)


@pytest.fixture
def trading(exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    addresses = {name: url for name, url in exchange.environment.items() if name.endswith("_URL")}
    own = {"STAGE7_UNIVERSE_WHITELIST": "BTCTRY,ETHTRY,LTCTRY,XRPTRY", "STAGE7_UNIVERSE_SIZE": "4"}
    given = {**addresses, **TRADING, **own}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def given_of(name: str) -> list[str]:
    pairs = [f"{key}={value}" for key, value in PARAMETERS.get(name, {}).items()]
    return ["--strategy", name, *(part for pair in pairs for part in ("-p", pair))]


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("name", every(2, sorted(BUILT_IN), 1))
def test_a_strategy_has_one_fingerprint_live_and_wherever_it_is_decided_again(
    meva: Meva, trading: dict[str, str], machine_cache: None, name: str
) -> None:
    said = given_of(name)
    run = ("run", "stage7", "--clock", "emulator", "--db", "a.db", "--json", *said)
    looped = meva(*run, "--loop", "--interval", "60", "--cycles", "5")
    assert looped.code == 0, looped.err
    once = meva(*run)  # a process of its own goes on with the run
    assert (once.code, once.document["began_run"]) == (0, False), once.err
    [record] = rows_of(Path("a.db"), "SELECT run_id, fingerprint, cycles, settings_json FROM stage7_runs")
    assert (record["cycles"], record["settings_json"]["strategy"]["id"]) == (6, name)
    for more in ((), ("--engine", "interpreted", *said)):
        proved = meva("prove", "--db", "a.db", "--json", *more).document
        assert (proved["proved"], proved["fingerprint"]) == (True, record["fingerprint"])
    assert meva("replay", "export", "--db", "a.db", "market").code == 0
    data = ("backtest", "--data", "market", "--json")
    found = [
        meva(*data, "--as-recorded", "--engine", engine, "--db", f"{engine}.db").document
        for engine in ("interpreted", "compiled")
    ]
    assert [one["equal_to_recorded"] for one in found] == [True, True]
    assert meva(*data, *said, "--cycles", "3", "--db", "resumed.db").code == 0
    found.append(meva(*data, *said, "--resume", "--db", "resumed.db").document)
    assert {one["fingerprint"] for one in found} == {record["fingerprint"]}
    both = ("parity", "a.db", "interpreted.db", "--include-adaptation", "--json")
    assert meva(*both).document["equal"] is True


def test_that_the_universe_is_smaller_than_what_is_wished_for_is_said_once_a_run(
    meva: Meva, trading: dict[str, str]
) -> None:
    run = ("run", "stage7", "--clock", "emulator", "--db", "a.db", "--strategy", "buy_and_hold")
    loop = ("--loop", "--interval", "60", "--cycles", "2")
    note = (
        "warning: the strategy wishes for up to 4 symbols at a time, of which STAGE7_UNIVERSE_SIZE=2 keeps "
        "the largest: the others are universe_full, and what is held of them is sold; which these are "
        "changes with prices\n"
    )
    ended = [meva(*run, "--set", "STAGE7_UNIVERSE_SIZE=2", *more) for more in (loop, ())]
    assert [one.code for one in ended] == [0, 0], ended[0].err
    assert [one.err.count(note) for one in ended] == [1, 0]
    assert [row["cycles"] for row in rows_of(Path("a.db"), "SELECT cycles FROM stage7_runs")] == [3]


def test_a_strategy_that_hangs_holds_up_no_loop_and_is_asked_again(
    meva: Meva, trading: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATEGY_TIMEOUT_SEC", "0.3")
    Path("own.py").write_text(HANGS)
    named = ("--strategy", "own.py:Hanging")
    said = (*named, "-p", "share=0.123")  # a fraction is the same double in a recording
    run = ("run", "stage7", "--clock", "emulator", "--db", "a.db", *said)
    looped = meva(*run, "--loop", "--interval", "60", "--cycles", "4", "--json")
    assert looped.code == 0, looped.err
    told = [json.loads(line) for line in looped.out.splitlines()]
    assert sorted(one["mode"] for one in told) == ["NORMAL"] * 2 + ["REDUCE_RISK_ONLY"] * 2
    assert {one["main_reason"] for one in told if one["mode"] != "NORMAL"} == {"strategy_failed"}
    assert "did not answer within 0.3 s" in looped.err
    for more in ((), said):  # what hung is not asked again
        assert meva("prove", "--db", "a.db", "--json", *more).document["proved"] is True
    assert meva("replay", "export", "--db", "a.db", "market").code == 0
    again = meva("backtest", "--data", "market", "--as-recorded", "--db", "b.db", "--json", *named)
    assert again.document["equal_to_recorded"] is True
