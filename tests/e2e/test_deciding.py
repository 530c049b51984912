"""A strategy that decides cycle by cycle, in whatever way it is run: what it sees, what it keeps in mind, and
that the same idea written either way trades the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import decided
import pytest
from stage7_runs import BUSY, SYMBOLS, make_dataset, rows_of

from meva_adapters.notebook import Backtest, backtest
from meva_core.strategy import Strategy
from meva_core.strategy.built_in import BuyAndHold, FixedWeights, InverseVolatility, Momentum
from meva_core.stretches import stored

Meva = Callable[..., Any]
SETTINGS = {**BUSY, "STAGE7_UNIVERSE_SIZE": "4"}
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
    for name, value in SETTINGS.items():
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
        backtest(data, engine="interpreted", strategy=kind(**parameters), **SETTINGS)
        for kind in (given, by_hand)
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
    noted = backtest(data, engine="interpreted", strategy=STOPPING, **SETTINGS)
    assert whole["cycles"] == 90
    assert {whole["fingerprint"]} == {pieces["fingerprint"], noted.fingerprint}
    for db in ("a.db", "b.db"):
        plain, asked = prove(meva, db), prove(meva, db, "--strategy", STOPPING)
        assert plain == asked
        assert (plain["proved"], plain["fingerprint"]) == (True, whole["fingerprint"])
    assert memory_in("a.db") == memory_in("b.db")
    assert json.loads(memory_in("a.db"))["high"].keys() <= set(SYMBOLS)
    assert {"BUY", "SELL"} == set(noted.fills["side"].to_pylist())  # it bought, and was stopped


@pytest.mark.parametrize("strategy", [STOPPING, "momentum", "buy_and_hold"])
def test_its_last_cycles_are_asked_for_again_as_all_are(
    meva: Meva, run: Meva, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setattr(stored, "STATES_APART", 30)
    given = ["--strategy", strategy, *(["-p", "closes=12"] if strategy == "momentum" else [])]
    run(*given, "--cycles", "30")
    for more in (["--cycles", "61"], []):
        run(*given, *more, "--resume")
    found = prove(meva, "a.db", "--last", "20", *given)
    assert (found["proved"], found["cycles"]) == (True, 29), "from the state after 61 cycles on"
    assert found["fingerprint"] == prove(meva, "a.db")["fingerprint"]


def test_what_it_says_otherwise_of_its_last_cycles_is_found(
    meva: Meva, run: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "STATES_APART", 30)
    Path("own.py").write_text(IMPURE.replace('["n"] == 7', '["n"] == 70').replace("(1, 7)", "(1, 70)"))
    impure = ["--strategy", "own.py:Impure", "-p", "what=weight"]
    run(*impure, "--cycles", "30")
    for more in (["--cycles", "61"], []):
        run(*impure, *more, "--resume")
    Path("switch").touch()
    found = prove(meva, "a.db", "--last", "5", *impure)
    assert (found["proved"], found["cycles"]) == (False, 29)
    difference = found["difference"]
    assert (difference["field"], difference["cycle_ts"]) == ("weight of BTCTRY", "2026-01-01T01:09:00Z")


def memory_in(db: str) -> str:
    """Return the text of what a strategy has in mind after the last cycle."""
    [row] = rows_of(Path(db), "SELECT state_json FROM stage7_run_state")
    memory: str = row["state_json"]["state"]["memory"]["json"]
    return memory


IMPURE = '''
from pathlib import Path

from meva_core.strategy import Strategy, param

class Impure(Strategy):
    """Look at a file, which nothing here forbids."""

    what = param("")

    def decide(self, view, memory):
        here = Path("switch").exists()
        memory["n"] = memory.get("n", 0) + 1
        if self.what == "memory" and memory["n"] == 40:
            memory["here"] = here
        wish = here if self.what == "weight" and memory["n"] == 7 else 0.5
        return {view.symbols[0].name: wish} if memory["n"] in (1, 7) else {}
'''


def test_a_weight_that_comes_out_otherwise_is_named(meva: Meva, run: Meva) -> None:
    Path("own.py").write_text(IMPURE)
    run("--strategy", "own.py:Impure", "-p", "what=weight")
    Path("switch").touch()
    assert prove(meva, "a.db")["proved"]
    found = prove(meva, "a.db", "--strategy", "own.py:Impure", "-p", "what=weight")
    assert (found["proved"], found["cycles"]) == (False, 90)
    assert found["difference"] == {
        "cycle_ts": "2026-01-01T00:06:00Z",
        "step": "strategy",
        "field": "weight of BTCTRY",
        "stored": "0",
        "decided": "1",
        "by": "1",
    }


def test_a_memory_that_comes_out_otherwise_is_named(meva: Meva, run: Meva) -> None:
    Path("own.py").write_text(IMPURE)
    run("--strategy", "own.py:Impure", "-p", "what=memory")
    Path("switch").touch()
    found = prove(meva, "a.db", "--strategy", "own.py:Impure", "-p", "what=memory")
    assert not found["proved"]
    difference = found["difference"]
    assert (difference["step"], difference["field"]) == ("strategy", "memory.here")
    assert (difference["stored"], difference["decided"]) == (False, True)


def test_a_stored_memory_that_was_changed_is_damage_to_all_who_need_it(meva: Meva, run: Meva) -> None:
    run("--strategy", STOPPING, "--cycles", "40")
    with closing(sqlite3.connect("a.db")) as db:
        [(text,)] = db.execute("SELECT state_json FROM stage7_run_state").fetchall()
        place = text.index("high") + 20
        digit = next(at for at in range(place, len(text)) if text[at].isdigit())
        changed = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
        db.execute("UPDATE stage7_run_state SET state_json = ?", (changed,))
        db.commit()
    proved = prove(meva, "a.db")
    assert not proved["proved"]
    assert "its strategy's memory has another SHA-256" in proved["damage"]
    resumed = run("--strategy", STOPPING, "--resume")
    assert (resumed.code, resumed.document["error"]["code"]) == (2, "store_corrupt")


FAILING = {
    "raises": ("1 / 0", "failing raised ZeroDivisionError: division by zero (own.py:9)"),
    "unknown": (
        '{"BTCTR": 0.5}',
        "weight 0.5 for 'BTCTR', which is none of its symbols; did you mean BTCTRY?",
    ),
    "text": ('{"BTCTRY": "half"}', "2026-01-01T00:29:00Z, BTCTRY: weight 'half' is a str"),
    "memory": ("memory.update(x=view) or {}", "memory['x']: View("),
}


@pytest.mark.parametrize("name", FAILING)
def test_one_that_fails_stops_the_run_and_all_cycles_before_are_recorded(
    meva: Meva, run: Meva, name: str
) -> None:
    answer, said = FAILING[name]
    Path("own.py").write_text(
        f"""
from meva_core.strategy import Strategy

class Failing(Strategy):
    def decide(self, view, memory):
        memory["n"] = memory.get("n", 0) + 1
        if memory["n"] < 30:
            return {{"BTCTRY": 0.25}}
        return {answer}
"""
    )
    failed = run("--strategy", "own.py:Failing")
    assert failed.code == 1
    error = failed.document["error"]
    assert error["code"] == "strategy_failed"
    assert said in error["message"]
    assert "2026-01-01T00:29:00" in error["message"]
    [row] = rows_of(Path("a.db"), "SELECT cycles, status FROM stage7_runs")
    assert row == {"cycles": 29, "status": "interrupted"}
    assert (prove(meva, "a.db")["proved"], memory_in("a.db")) == (True, '{"n":29}')
    assert len(meva("why", "--db", "a.db", "--json").document["symbols"]) == 4
    again = run("--strategy", "own.py:Failing", "--resume").document["error"]
    assert again == error  # it goes on after what is recorded, and fails at the same cycle
