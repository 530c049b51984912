"""A strategy that decides cycle by cycle, in whatever way it is run: what it sees, what it keeps in mind, and
that the same idea written either way trades the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import decided
import pytest
from stage7_runs import BUSY, SYMBOLS, make_dataset, rows_of

from meva_adapters.notebook import Backtest, backtest
from meva_core.strategy import Strategy
from meva_core.strategy.built_in import BuyAndHold, FixedWeights, InverseVolatility, Momentum

Meva = Callable[..., Any]
TWINS: dict[str, tuple[type[Strategy], type[Strategy], dict[str, Any]]] = {
    "buy and hold": (BuyAndHold, decided.BuyAndHoldByHand, {}),
    "fixed weights": (FixedWeights, decided.FixedWeightsByHand, {"rebalance": "15m"}),
    "momentum": (Momentum, decided.MomentumByHand, {"closes": 5, "count": 1}),
    "inverse volatility": (
        InverseVolatility,
        decided.InverseVolatilityByHand,
        {"closes": 5, "rebalance": "15m"},
    ),
}
STOPPING = f"{decided.__file__}:Stopping"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=90)


@pytest.fixture
def run(meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch) -> Meva:
    """Return what records a run of a strategy over the data."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)

    def record(*arguments: str, db: str = "a.db") -> Any:
        given = ("--data", data, "--db", db, "--engine", "interpreted", "--json")
        return meva("backtest", *given, *arguments)

    return record


def columns_of(found: Backtest) -> list[bytes]:
    """Return the columns of a run, packed."""
    with found._look() as reads:
        return [stretch.body for stretch in reads.stretches(found.summary["run_id"])]


def prove(meva: Meva, db: str, *more: str) -> Any:
    return meva("prove", "--db", db, "--engine", "interpreted", *more, "--json").document


@pytest.mark.parametrize("name", TWINS)
def test_the_same_idea_written_either_way_trades_the_same(data: Path, name: str) -> None:
    given, by_hand, parameters = TWINS[name]
    some, other = (
        backtest(data, engine="interpreted", strategy=kind(**parameters), **BUSY) for kind in (given, by_hand)
    )
    assert len(some.fills) > 0
    assert columns_of(some) == columns_of(other)  # all that was seen, weighed, decided, filled and booked
    assert some.fingerprint != other.fingerprint  # identity and source are in it


def test_it_is_one_run_whole_in_pieces_and_in_a_notebook(meva: Meva, run: Meva, data: Path) -> None:
    whole = run("--strategy", STOPPING).document
    run("--strategy", STOPPING, "--cycles", "1", db="b.db")
    for cycles in ("30", "31"):
        run("--strategy", STOPPING, "--cycles", cycles, "--resume", db="b.db")
    pieces = run("--strategy", STOPPING, "--resume", "--trace", "columns", db="b.db").document
    noted = backtest(data, engine="interpreted", strategy=STOPPING, **BUSY)
    assert whole["cycles"] == 90
    assert {whole["fingerprint"]} == {pieces["fingerprint"], noted.fingerprint}
    for db in ("a.db", "b.db"):
        plain, asked = prove(meva, db), prove(meva, db, "--strategy", STOPPING)
        assert plain == asked
        assert (plain["proved"], plain["fingerprint"]) == (True, whole["fingerprint"])
    assert memory_in("a.db") == memory_in("b.db")
    assert json.loads(memory_in("a.db"))["high"].keys() <= set(SYMBOLS)
    assert {"BUY", "SELL"} == set(noted.fills["side"].to_pylist())  # it bought, and was stopped


def memory_in(db: str) -> str:
    """Return the text of what a strategy has in mind after the last cycle."""
    [row] = rows_of(Path(db), "SELECT state_json FROM stage7_run_state")
    memory: str = row["state_json"]["state"]["memory"]
    return memory
