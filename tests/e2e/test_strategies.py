"""A strategy in whatever way it is run: one fingerprint, proved by its weights, which are computed again; and
what is said of one that fails."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import BUSY, make_dataset, rows_of

from meva_adapters.notebook import backtest
from meva_core.strategy.built_in import BUILT_IN, Momentum

Meva = Callable[..., Any]
OWN = '''
from meva_core.strategy import History, Strategy, change, param, top

class Rising(Strategy):
    """Hold what rose."""

    version = 3
    bars = "5m"
    closes = param(2, least=1, most=50)

    def needs(self) -> int:
        return self.closes + 1

    def weights(self, h: History):
        return h.on_cycles(top(change(h.close, self.closes), 1))
'''
PARAMETERS = {"momentum": {"closes": 5, "count": 1}, "inverse_volatility": {"closes": 5, "rebalance": "15m"}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=90)


@pytest.fixture
def run(meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch) -> Meva:
    """Return what records a run of a strategy over the data."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)

    def record(*arguments: str, db: str = "a.db") -> Any:
        given = ("--data", data, "--db", db, "--engine", "interpreted", "--json", "--no-strategy-check")
        return meva("backtest", *given, *arguments)

    return record


def given(name: str) -> list[str]:
    pairs = [f"{key}={value}" for key, value in PARAMETERS.get(name, {}).items()]
    return ["--strategy", name, *(part for pair in pairs for part in ("-p", pair))]


@pytest.mark.filterwarnings("ignore:the strategy wishes for up to")  # as it is: the universe holds fewer
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_strategy_has_one_fingerprint_in_whatever_way_it_is_run(
    meva: Meva, run: Meva, data: Path, name: str
) -> None:
    whole = run(*given(name)).document
    assert whole["orders"] > 0
    assert whole["strategy"]["parameters"].items() >= PARAMETERS.get(name, {}).items()
    run(*given(name), "--cycles", "37", "--trace", "columns", db="b.db")
    pieces = run(*given(name), "--resume", "--trace", "columns", db="b.db").document
    made = BUILT_IN[name](**PARAMETERS.get(name, {}))
    noted = backtest(data, engine="interpreted", strategy=made, **BUSY)
    assert {whole["fingerprint"]} == {pieces["fingerprint"], noted.fingerprint}
    assert {whole["run_id"]} == {pieces["run_id"], noted.summary["run_id"]}
    for db in ("a.db", "b.db"):
        proved = meva("prove", "--db", db, "--engine", "interpreted", *given(name), "--json").document
        assert (proved["proved"], proved["fingerprint"]) == (True, whole["fingerprint"])


def test_without_a_strategy_nothing_is_recorded_of_one(run: Meva) -> None:
    plain, equal = run().document, run("--strategy", "equal_weight").document
    assert plain["run_id"] == equal["run_id"]
    assert "strategy" not in plain
    [row] = rows_of(Path("a.db"), "SELECT settings_json, form FROM stage7_runs")
    assert "strategy" not in row["settings_json"]
    assert row["form"] is None


def test_a_file_is_named_by_its_source_and_what_it_imports_beside_it(run: Meva) -> None:
    Path("own.py").write_text(OWN.replace("closes, 1)", "closes, 1)") + "\nimport beside\n")
    Path("beside.py").write_text("X = 1\n")
    first = run("--strategy", "own.py:Rising").document
    assert (first["strategy"]["id"], first["strategy"]["version"]) == ("rising", 3)
    assert run("--strategy", "own.py:Rising").document["already_recorded"]
    Path("beside.py").write_text("X = 2\n")
    other = run("--strategy", "own.py:Rising").document
    assert other["run_id"] != first["run_id"]
    assert run("--strategy", "own.py:Rising", "-p", "closes=3").document["run_id"] != other["run_id"]


def test_an_edit_in_a_package_beside_it_is_another_run_of_other_weights(run: Meva) -> None:
    answer = "h.on_cycles(top(change(h.close, self.closes), 1) * SHARE)"
    text = OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", answer)
    Path("own.py").write_text("from signals.core import SHARE\n" + text)
    Path("signals").mkdir()
    runs = []
    for share in ("0.1", "0.9"):
        Path("signals/core.py").write_text(f"SHARE = {share}\n")
        runs.append(run("--strategy", "own.py:Rising").document)
    assert runs[0]["run_id"] != runs[1]["run_id"]
    assert float(runs[0]["turnover_try"]) < float(runs[1]["turnover_try"])


def test_the_code_that_runs_is_that_of_the_source_that_is_named(run: Meva) -> None:
    stamp = 1_700_000_000
    versions = []
    for version in (3, 4):  # of one size, and of one second
        Path("own.py").write_text(OWN.replace("version = 3", f"version = {version}"))
        os.utime("own.py", (stamp, stamp))
        versions.append(run("--strategy", "own.py:Rising", "--cycles", "2").document["strategy"]["version"])
    assert versions == [3, 4]
    assert not Path("__pycache__").exists()


def test_settings_name_it_too_and_the_command_line_wins(run: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATEGY", "momentum")
    monkeypatch.setenv("STRATEGY_PARAMS", '{"closes": 7, "count": 1}')
    assert run().document["strategy"]["parameters"] == {"closes": 7, "count": 1}
    assert run("-p", "closes=8").document["strategy"]["parameters"] == {"closes": 8, "count": 1}


def test_stored_weights_are_what_counts_and_the_first_that_differs_is_named(meva: Meva, run: Meva) -> None:
    Path("own.py").write_text(OWN)
    run("--strategy", "own.py:Rising")
    text = OWN.replace("self.closes), 1)", "self.closes), 2) / 2")
    with closing(sqlite3.connect("a.db")) as db:  # as if its source had been this one
        Path("own.py").write_text(text)
        proved = meva("prove", "--db", "a.db", "--engine", "interpreted", "--strategy", "own.py:Rising")
        assert proved.code == 2
        assert "source_sha256" in proved.err
        assert db.execute("SELECT count(*) FROM stage7_runs").fetchone() == (1,)
    assert meva("prove", "--db", "a.db", "--engine", "interpreted").code == 0


def test_the_first_weight_that_comes_out_otherwise_is_named_and_by_how_much(
    meva: Meva, run: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy that looks outside gives other weights than it gave: nothing else of its run differs."""
    answer = "np.where(h.seconds % 600 == 0, float(os.environ['SHARE']), 0.25)[:, None] * [1, 0, 0, 1]"
    head = "import os\nimport numpy as np\n"
    Path("own.py").write_text(head + OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", answer))
    monkeypatch.setenv("SHARE", "0.5")
    run("--strategy", "own.py:Rising")
    stamps = [row["ts"] for row in rows_of(Path("a.db"), "SELECT ts FROM stage7_cycle_digests ORDER BY ts")]
    prove = ("prove", "--db", "a.db", "--engine", "interpreted", "--strategy", "own.py:Rising", "--json")
    assert meva(*prove).document["proved"] is True
    monkeypatch.setenv("SHARE", "0.499999")
    found = meva(*prove)
    first = next(ts for ts in map(datetime.fromisoformat, stamps) if ts.timestamp() % 600 == 0)
    assert found.code == 1
    assert found.document["difference"] == {
        "cycle_ts": first.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "step": "strategy",
        "field": "weight of BTCTRY",
        "stored": "0.5",
        "decided": "0.499999",
        "by": "-0.000001",
    }


FAILING = {
    "raises": ("1 / 0", "rising raised ZeroDivisionError"),
    "negative": ("h.on_cycles(change(h.close, self.closes)) * 0 - 0.5", "weight -0.5; expected 0 to 1"),
    "too much": ("h.on_cycles(top(h.close, 2))", "the weights sum up to 2.0; expected at most 1"),
    "another shape": ("h.close[-1]", "returned float64"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_strategy_that_fails_stops_the_run_and_what_was_recorded_stays(run: Meva, name: str) -> None:
    Path("own.py").write_text(OWN)
    kept = run("--strategy", "own.py:Rising", "--cycles", "20").document
    answer, said = FAILING[name]
    Path("own.py").write_text(OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", answer))
    failed = run("--strategy", "own.py:Rising", db="b.db")
    assert failed.code == 1
    error = json.loads(failed.out)["error"]
    assert error["code"] == "strategy_failed"
    assert said in error["message"]
    assert kept["cycles"] == 20


def test_what_its_code_sets_for_all_and_prints_leaves_figures_and_stdout_alone(meva: Meva, run: Meva) -> None:
    Path("own.py").write_text(OWN)
    plain = run("--strategy", "own.py:Rising").document
    lines = ["decimal.getcontext().prec = 2", "numpy.seterr(all='raise')", "print('said')"]
    first = "\n".join(["import decimal, numpy", *lines])
    then = "".join(f"        {line}\n" for line in lines)
    answer = "        return h.on_cycles"
    Path("own.py").write_text(first + OWN.replace(answer, then + answer))
    other = run("--strategy", "own.py:Rising", db="b.db").document
    assert other["fingerprint"] != plain["fingerprint"]  # its source is in it
    same = ("final_equity_try", "turnover_try", "fees_try", "max_drawdown_ratio", "fills")
    assert [other[name] for name in same] == [plain[name] for name in same]
    assert meva("prove", "--db", "b.db", "--strategy", "own.py:Rising", "--json").document["proved"]


def test_one_that_would_end_the_process_as_if_all_were_done_is_not_begun(run: Meva) -> None:
    Path("own.py").write_text(
        "import os\n" + OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", "os._exit(0)")
    )
    ended = run("--strategy", "own.py:Rising", "--strategy-check")
    assert ended.code == 1
    assert "own.py:Rising was asked ended by itself" in json.loads(ended.out)["error"]["message"]


@pytest.mark.parametrize("bound", [False, True], ids=["os._exit", "_exit"])
def test_one_that_would_end_the_process_has_failed_though_nobody_looked_before(
    run: Meva, bound: bool
) -> None:
    first, call = ("from os import _exit\n", "_exit(0)") if bound else ("import os\n", "os._exit(0)")
    Path("own.py").write_text(first + OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", call))
    ended = run("--strategy", "own.py:Rising")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["code"]) == (1, "strategy_failed")
    assert "rising raised EndedProcess: os._exit(0) ends the process that asks it" in error["message"]


def test_one_that_is_waited_for_is_named(run: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATEGY_TIMEOUT_SEC", "0.001")
    answer = "        return h.on_cycles"
    Path("own.py").write_text("import time\n" + OWN.replace(answer, f"        time.sleep(1)\n{answer}"))
    ended = run("--strategy", "own.py:Rising")
    assert ended.code == 0
    assert "note: waiting for strategy rising for 0.001 s, which is asked for the cycles from" in ended.err


def test_a_strategy_that_needs_more_memory_than_there_is_is_named(run: Meva) -> None:
    Path("own.py").write_text(
        OWN.replace("h.on_cycles(top(change(h.close, self.closes), 1))", "[0.0] * 2**60")
    )
    error = json.loads(run("--strategy", "own.py:Rising").out)["error"]
    assert error["code"] == "strategy_failed"
    assert "rising raised MemoryError" in error["message"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--strategy", "leaves.py:Rising"], "leaves.py cannot be loaded: SystemExit: 0 (leaves.py:2)"),
        (["--strategy", "picky.py:Rising"], "cannot be loaded: ValueError: no such idea (picky.py:"),
        (
            ["--strategy", "unsure.py:Rising"],
            "needs() raised IndexError: list index out of range (unsure.py:17)",
        ),
        (["--strategy", "mine.py"], "mine.py is a file, and may hold several strategies"),
        (["--strategy", "momentun"], "there is no strategy 'momentun'; there are buy_and_hold"),
        (["--strategy", "none.py:Rising"], "there is no such file"),
        (["--strategy", "own.py:Falling"], "there is no 'Falling' in it; it has Rising"),
        (["--strategy", "momentum", "-p", "close=9"], "has no parameter 'close'; did you mean closes?"),
        (["--strategy", "momentum", "-p", "closes=many"], "closes: 'many'; expected a whole number >= 1"),
        (["--strategy", "momentum", "-p", "closes=4_8"], "closes: '4_8'; expected a whole number >= 1"),
        (["--strategy", "momentum", "-p", "closes=٤٨"], "closes: '٤٨'; expected a whole number >= 1"),
        (["--strategy", "own.py:Rising", "-p", "share=nan"], "share: 'nan'; expected a number >= 0.0"),
        (["--strategy", "own.py:Rising", "-p", "share=0_1.5"], "share: '0_1.5'; expected a number >= 0.0"),
        (["--strategy", "momentum", "-p", "closes=0"], "closes: 0; expected a whole number >= 1"),
        (["-p", "closes=9"], "parameters of a strategy were given, but no strategy"),
        (["--strategy", "broken.py:Rising"], "broken.py cannot be loaded: SyntaxError"),
        (["--strategy", "odd.py:Rising"], "bars of 90s (90 s)"),
    ],
)
def test_what_may_not_start_is_said_before_anything_is_written(
    run: Meva, arguments: list[str], said: str
) -> None:
    Path("own.py").write_text(OWN + "    share = param(0.5, least=0.0)\n")
    Path("broken.py").write_text("class Rising(:")
    Path("odd.py").write_text(OWN.replace('"5m"', '"90s"'))
    Path("leaves.py").write_text("import sys\nsys.exit(0)\n")
    picky = "    def __attrs_post_init__(self):\n        raise ValueError('no such idea')\n"
    Path("picky.py").write_text(OWN + picky)
    Path("unsure.py").write_text(OWN + "    def needs(self):\n        return [][0]\n")
    done = run(*arguments)
    assert done.code == 2
    assert said in json.loads(done.out)["error"]["message"]


def test_why_tells_what_was_wished_for_and_what_was_made_of_it(meva: Meva, run: Meva) -> None:
    run(*given("momentum"))
    found = meva("why", "--db", "a.db", "--json").document["symbols"]
    assert sorted(one["weight"] for one in found) == ["0", "0", "0", "1"]
    assert all(one["wish_try"] is not None for one in found)
    assert "What the strategy wished for" in meva("why", "--db", "a.db").out


def test_a_strategy_written_where_its_source_is_not_at_hand_is_refused(data: Path) -> None:
    assert Momentum(closes=9).parameters()["closes"] == 9
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(OWN, space)
    with pytest.raises(Exception, match="its source is not at hand"):
        backtest(data, engine="interpreted", strategy=space["Rising"]())


# -- What a user may have got wrong -----------------------------------------------------------------------


def test_an_edit_is_named_where_a_run_is_to_be_resumed(run: Meva) -> None:
    Path("own.py").write_text(OWN)
    run("--strategy", "own.py:Rising", "--cycles", "30")
    Path("own.py").write_text(OWN.replace("version = 3", "version = 4"))
    ended = run("--strategy", "own.py:Rising", "--resume")
    said = "which is what these settings, these data and this strategy, as it is now, give"
    assert (ended.code, said in json.loads(ended.out)["error"]["message"]) == (2, True)


def test_data_that_are_shorter_than_what_it_has_to_see_are_said_to_be(run: Meva) -> None:
    said = "strategy momentum needs 1001 bars of 60 s before a cycle, and the data have 90 in all"
    noted = run("--strategy", "momentum", "-p", "closes=1000").document["warnings"]
    assert [note for note in noted if said in note], noted
    noted = run("--strategy", "momentum", "-p", "closes=60").document["warnings"]
    assert not [note for note in noted if "before a cycle" in note]


# -- More wishes than the universe holds ------------------------------------------------------------------


def test_a_run_says_once_that_the_universe_is_smaller_than_what_is_wished_for(
    run: Meva, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        "the strategy wishes for up to 4 symbols at a time, of which STAGE7_UNIVERSE_SIZE=3 keeps the largest"
    )
    noted = [note for note in run("--strategy", "buy_and_hold").document["warnings"] if said in note]
    assert len(noted) == 1
    with pytest.warns(UserWarning, match="wishes for up to 4 symbols"):
        backtest(data, engine="interpreted", strategy="buy_and_hold", **BUSY)
    monkeypatch.setenv("STAGE7_UNIVERSE_SIZE", "4")
    assert not [note for note in run("--strategy", "buy_and_hold").document["warnings"] if "wishes" in note]
    monkeypatch.setenv("STAGE7_UNIVERSE_SIZE", "1")
    assert not [note for note in run().document["warnings"] if "wishes" in note]
