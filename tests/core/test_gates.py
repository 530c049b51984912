"""The gates: of all combinations one opens, and doing what a block says opens it."""

from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve

from meva_core.errors import BadInput
from meva_core.gates import BlockCode, check_gates, live_blocks, stage7_block
from meva_core.settings import Exchange, Gates, Secret, Settings, build_settings

FLAGS = (False, True)
OPEN = Gates(kill_switch=False, dry_run=False, live_trading=True, live_trading_ack="I_UNDERSTAND")
ACCOUNT = Exchange(api_key=Secret("key"), api_secret=Secret("secret"))


def combinations() -> list[tuple[Gates, Exchange]]:
    """Return every setting of the live gates, acknowledgements and keys being right, wrong or missing."""
    acks = ("", "i_understand", "I_UNDERSTAND ", "I_UNDERSTAND")
    exchanges = [Exchange(api_key=k, api_secret=s) for k in (None, Secret("k")) for s in (None, Secret("s"))]
    return [
        (Gates(kill_switch=kill, dry_run=dry, live_trading=live, live_trading_ack=ack), exchange)
        for kill, dry, live, ack, exchange in product(FLAGS, FLAGS, FLAGS, acks, exchanges)
    ]


def test_one_combination_of_all_opens_live() -> None:
    allowed = [gates for gates, exchange in combinations() if not list(live_blocks(gates, exchange))]
    assert allowed == [OPEN]


def test_the_first_block_is_the_kill_switch_then_the_dry_run_then_arming() -> None:
    for gates, exchange in combinations():
        block = next(live_blocks(gates, exchange), None)
        if gates.kill_switch:
            expected = BlockCode.KILL_SWITCH
        elif gates.dry_run:
            expected = BlockCode.DRY_RUN
        else:
            expected = BlockCode.LIVE_NOT_ARMED
        assert block is None or block.code is expected


def test_doing_what_the_blocks_say_opens_the_gate() -> None:
    for gates, exchange in combinations():
        changes = {c.name: c.wanted for block in live_blocks(gates, exchange) for c in block.changes}
        if exchange.api_key is None:
            assert "BTCTURK_API_KEY" in changes
        keys = {name: changes.pop(name) and "x" for name in list(changes) if name.startswith("BTCTURK_")}
        changed = build_settings({**changes, **keys})
        after = evolve(
            gates,
            kill_switch=gates.kill_switch and changed.gates.kill_switch,
            dry_run=gates.dry_run and changed.gates.dry_run,
            live_trading=gates.live_trading or changed.gates.live_trading,
            live_trading_ack=changed.gates.live_trading_ack or gates.live_trading_ack,
        )
        account = Exchange(
            api_key=exchange.api_key or changed.exchange.api_key,
            api_secret=exchange.api_secret or changed.exchange.api_secret,
        )
        assert not list(live_blocks(after, account))


@pytest.mark.parametrize(
    ("gates", "code", "names"),
    [
        (Gates(), BlockCode.STAGE7_DISABLED, ["STAGE7_ENABLED"]),
        (Gates(stage7_enabled=True), None, []),
        (Gates(stage7_enabled=True, dry_run=False), BlockCode.STAGE7_NOT_DRY_RUN, ["DRY_RUN"]),
        (
            Gates(stage7_enabled=True, dry_run=False, live_trading=True),
            BlockCode.STAGE7_NOT_DRY_RUN,
            ["DRY_RUN", "LIVE_TRADING"],
        ),
    ],
)
def test_stage_7_runs_enabled_and_dry_only(gates: Gates, code: BlockCode | None, names: list[str]) -> None:
    block = stage7_block(gates)
    assert (block and block.code) == code
    assert [change.name for change in (block.changes if block else ())] == names


def test_the_defaults_and_each_consistent_use_pass_the_check() -> None:
    check_gates(Settings())
    check_gates(Settings(gates=Gates(stage7_enabled=True)))
    check_gates(Settings(gates=OPEN, exchange=ACCOUNT))


def test_live_against_every_other_gate_lists_all_contradictions() -> None:
    with pytest.raises(BadInput) as caught:
        check_gates(Settings(gates=Gates(live_trading=True, stage7_enabled=True)))
    assert [problem.where for problem in caught.value.problems] == [
        "LIVE_TRADING",
        "KILL_SWITCH",
        "DRY_RUN",
        "LIVE_TRADING_ACK",
        "BTCTURK_API_KEY",
        "BTCTURK_API_SECRET",
    ]
    assert "KILL_SWITCH: is true, but LIVE_TRADING=true needs false" in str(caught.value)
    assert caught.value.action == "set LIVE_TRADING=false (it is true), or set STAGE7_ENABLED=false"


def test_stage_7_without_the_dry_run_is_a_contradiction() -> None:
    with pytest.raises(BadInput, match="DRY_RUN: is false, but STAGE7_ENABLED=true needs true"):
        check_gates(Settings(gates=Gates(stage7_enabled=True, dry_run=False)))
