"""What a live run saw, written out, and decided again with the same fingerprint; or by other settings."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import exported_books
import pytest
from exported_books import ABOUT, FIRST, SYMBOLS, Live, Meva, equal, live, meva, minutes, new_live, recorded
from played_market import Played
from stage7_runs import START, make_dataset
from stage7_runs import rows_of as stored

from meva_adapters import notebook
from meva_adapters.replay import info
from meva_adapters.sql import writer
from meva_cli import app
from meva_core.live_market import TICKER, Answers, Asking
from meva_core.modes import Mode
from meva_core.stages import record
from meva_core.stages.dry_cycle import Told

__all__ = ["equal", "live", "meva", "recorded"]


# -- Runs of a book ---------------------------------------------------------------------------------------


def test_a_books_first_run(live: Live, recorded: Any, equal: Any, tmp_path: Path) -> None:
    live.run(Played(*recorded, now=START), minutes(40))
    [figures] = equal()
    assert figures["fills"] > 5
    [run] = live.runs()
    folder = tmp_path / "out" / run["run_id"]
    assert not (folder / "genesis.json").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == "a played market"
    assert (manifest["api_version"], manifest["stand_ins"]) == ("v2", False)
    assert manifest["symbols"] == SYMBOLS.split(",")
    assert manifest["run"]["run_id"] == run["run_id"]
    known = (folder / "candles" / "BTCTRY.csv").read_text().splitlines()
    assert known[0] == "ts,open,high,low,close,volume,known"
    assert len(known) == 1 + 31 + 39  # those that the first cycle was told, and one for each cycle after it
    assert (info(folder).run_id, info(folder).cycles) == (run["run_id"], 40)


def test_a_run_of_one_cycle(live: Live, recorded: Any, equal: Any) -> None:
    live.run(Played(*recorded, now=START), minutes(1))
    assert [figures["cycles"] for figures in equal()] == [1]


def test_a_run_that_continues_with_other_settings_and_symbols(
    live: Live, recorded: Any, equal: Any, tmp_path: Path
) -> None:
    rows, pairs = recorded
    fewer = {name: entry for name, entry in pairs.items() if name != "XRPTRY"}
    live.run(Played(rows, fewer, now=START), minutes(12), STAGE7_ORDER_OFFSET_BPS="40", TTL_SECONDS="9000")
    live.run(Played(*recorded, now=START), minutes(12, FIRST + 720), STAGE7_FEES_BPS="30")
    live.run(Played(*recorded, now=START), minutes(12, FIRST + 1440), STAGE7_VOL_LOOKBACK="7")
    runs = live.runs()
    assert [run["continues"] for run in runs] == [None, *(run["run_id"] for run in runs[:-1])]
    [before, after, _] = [run["symbols_json"] for run in runs]
    assert (len(before), len(after)) == (3, 4)
    assert stored(live.db, "SELECT 1 FROM stage7_order_events WHERE payload_json LIKE '%run_changed%'")
    figures = equal()
    begun = json.loads((tmp_path / "out" / runs[1]["run_id"] / "genesis.json").read_text())
    assert (begun["link"], begun["genesis"]) == (runs[0]["fingerprint"], runs[1]["genesis"])
    assert len({one["run_id"] for one in figures} | {run["run_id"] for run in runs}) == 6


def test_a_run_that_continues_with_other_code_keeps_its_orders(
    live: Live, recorded: Any, equal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = {"STAGE7_ORDER_OFFSET_BPS": "20", "TTL_SECONDS": "900", "STAGE7_UNIVERSE_SIZE": "5"}
    live.run(Played(*recorded, now=START), minutes(2), **resting)
    monkeypatch.setattr(exported_books, "ABOUT", {**ABOUT, "code_version": "later"})
    live.run(Played(*recorded, now=START), minutes(20, FIRST + 120))
    later = live.runs()[1]["run_id"]
    ended = "SELECT 1 FROM stage7_order_events WHERE order_id NOT LIKE ? AND run_id = ?"
    assert stored(live.db, ended, f"s7o:{later}%", later), "an order of the run before met a later book"
    equal()


def test_a_pair_that_left_and_came_back_is_seen_as_it_was(live: Live, recorded: Any, equal: Any) -> None:
    for number, symbols in enumerate((SYMBOLS, "BTCTRY,ETHTRY", SYMBOLS)):
        listed = {"SYMBOLS": symbols, "STAGE7_UNIVERSE_WHITELIST": symbols, "STAGE7_VOL_LOOKBACK": "30"}
        # Nothing is bought, so that what the second run leaves out may leave.
        times = minutes(5, FIRST + 300 * number)
        live.run(
            Played(*recorded, now=START), times, TRY_CASH_TARGET="1000000", TRY_CASH_MAX="1000000", **listed
        )
    assert [len(run["symbols_json"]) for run in live.runs()] == [4, 2, 4]
    equal()


@attrs.define
class Moving(Played):
    """Metadata whose bounds of prices are others each time they are asked for, as the exchange's are."""

    def measure(self, asking: Asking) -> Answers:
        last = Decimal(next(row for row in self.rows if row.kind == TICKER).cells[0])
        bounds = {
            "minimumLimitOrderPrice": str(last * (self.now % 7 + 1) / 100),
            "maximumLimitOrderPrice": str(last * (100 + self.now % 11)),
        }
        answers = super().measure(asking)
        if answers.metadata is None:
            return answers
        moved = {
            name: {**entry, **(bounds if name == "BTCTRY" else {})} for name, entry in self.pairs.items()
        }
        return attrs.evolve(answers, metadata=attrs.evolve(answers.metadata, pairs=moved))


def test_bounds_that_move_with_each_metadata(live: Live, recorded: Any, equal: Any, tmp_path: Path) -> None:
    live.run(Moving(*recorded, now=START), minutes(30), RULES_CACHE_TTL_SEC="120")
    equal()
    [run] = live.runs()
    lines = (tmp_path / "out" / run["run_id"] / "rules.csv").read_text().splitlines()
    assert len(lines) == 1 + 4 + 14, "all symbols' at first, then a row for each change of one"


def test_modes_of_other_stages_and_a_reset(live: Live, recorded: Any, equal: Any, tmp_path: Path) -> None:
    market = Played(*recorded, now=START)
    live.run(market, minutes(10))
    at, until = (datetime.fromtimestamp(FIRST + later, UTC) for later in (610, 850))
    texts = dict.fromkeys(("signals_json", "limits_json", "decision_json"), "{}")
    live.write(
        "risk_decisions", decision_id="1", ts=at, mode="REDUCE_RISK_ONLY", reasons_json='["X"]', **texts
    )
    degraded = {"current_override_mode": "OBSERVE_ONLY", "cooldown_until": until, "updated_at": at}
    live.write("degrade_state_current", state_id=1, **degraded)
    live.write("stage7_risk_resets", ts=at, book="main", reason="seen", equity_try="1")
    live.run(market, minutes(20, FIRST + 600))
    equal()
    [run] = live.runs()
    with (tmp_path / "out" / run["run_id"] / "cycles.csv").open() as file:
        cycles = list(csv.DictReader(file))
    assert [c["base_mode"] for c in cycles] == ["normal"] * 11 + ["reduce_risk_only"] * 15 + ["normal"] * 4
    assert [c["override_mode"] for c in cycles[9:16]] == ["normal", *["observe_only"] * 5, "normal"]
    assert [c["reset"] for c in cycles].index("1") == 10
    assert sum(c["reset"] == "1" for c in cycles) == 1


def test_parameters_that_adapt(live: Live, recorded: Any, equal: Any) -> None:
    live.run(Played(*recorded, now=START), minutes(40), adapt=True)
    assert stored(live.db, "SELECT 1 FROM stage7_param_changes")
    equal()


# -- Other settings, and what is refused ------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(recorded: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Live, Path]:
    """A book of two runs, the second written out, which began with orders that rest; not to be changed."""
    root = tmp_path_factory.mktemp("second")
    live = new_live(root)
    resting = {"STAGE7_ORDER_OFFSET_BPS": "20", "STAGE7_UNIVERSE_SIZE": "5", "TTL_SECONDS": "900"}
    live.run(Played(*recorded, now=START), minutes(4), **resting)
    live.run(Played(*recorded, now=START), minutes(20, FIRST + 240), STAGE7_FEES_BPS="30")
    later = live.runs()[1]["run_id"]
    assert app.run(["replay", "export", "--db", str(live.db), "--run", later, str(root / "second")]) == 0
    return live, root / "second"


@pytest.fixture
def folder(live: Live, second: tuple[Live, Path], tmp_path: Path) -> Path:
    """A copy of that run's folder; `live` is a copy of its book."""
    book, written = second
    for file in book.db.parent.glob(f"{book.db.name}*"):
        shutil.copy(file, tmp_path)
    live.settings.update(book.settings)
    return Path(shutil.copytree(written, tmp_path / "second"))


def test_other_settings_meet_the_same_market_and_are_named(
    folder: Path, live: Live, meva: Meva, tmp_path: Path
) -> None:
    own = [f"--set={name}={value}" for name, value in {**live.settings, "STAGE7_FEES_BPS": "5"}.items()]
    base = ("backtest", "--data", folder, "--db", tmp_path / "other.db", "--json")
    result = meva(*base, *own).document
    assert result["cycles"] == 20
    assert "STAGE7_FEES_BPS is 5, and the run was recorded with 30" in result["warnings"]
    assert not any("TTL_SECONDS is" in line for line in result["warnings"])
    query = "SELECT 1 FROM stage7_order_events WHERE run_id = ? AND payload_json LIKE '%run_changed%'"
    assert stored(tmp_path / "other.db", query, result["run_id"]), (
        "it goes on as a book whose settings change"
    )
    assert meva("prove", "--db", tmp_path / "other.db").code == 0
    part = meva(*base, *own, "--start", "2026-01-01T00:40:00Z", "--cycles", 5).document
    assert part.get("cycles") == 5, part
    every = meva(*base, *own, "--step", 30).document
    assert (every["cycles"], every["step_seconds"]) == (39, 30)


def test_a_strategy_meets_the_same_market_and_is_named_in_words(
    folder: Path, live: Live, meva: Meva, tmp_path: Path
) -> None:
    own = [f"--set={name}={value}" for name, value in live.settings.items()]
    given = ("--strategy", "buy_and_hold", "--no-strategy-check", "--json")
    result = meva("backtest", "--data", folder, "--db", tmp_path / "wished.db", *own, *given).document
    noted = [line for line in result["warnings"] if line.startswith("strategy is ")]
    assert len(noted) == 1
    assert noted[0].startswith("strategy is buy_and_hold version 1 (source ")
    assert noted[0].endswith("), and the run was recorded with (none)")


def test_a_notebook_runs_over_the_same_market(folder: Path, live: Live) -> None:
    [_, run] = live.runs()
    own = dict(live.settings)
    same = notebook.backtest(folder, engine="interpreted", **own)
    assert same.fingerprint == run["fingerprint"]
    assert same.summary["starting_cash_try"] == Decimal(1_000_000)
    recorded = notebook.open_run(live.db, run["run_id"])
    reasons = [one.why(None).table.drop_columns("text") for one in (same, recorded)]
    assert reasons[0].equals(reasons[1])
    assert same.positions.equals(recorded.positions)
    assert same.intents.to_pylist() == recorded.intents.to_pylist() != []
    with pytest.warns(UserWarning, match="STAGE7_FEES_BPS is 5, and the run was recorded with 30"):
        other = notebook.backtest(folder, engine="interpreted", **{**own, "STAGE7_FEES_BPS": "5"})
    assert other.fingerprint != run["fingerprint"]


def test_a_fresh_book_begins_with_the_settings_own_cash(folder: Path, live: Live, meva: Meva) -> None:
    own = [f"--set={name}={value}" for name, value in {**live.settings, "DRY_RUN_TRY_BALANCE": "500"}.items()]
    [gone, fresh] = [
        meva("backtest", "--data", folder, "--db", "both.db", *own, *more, "--json").document
        for more in ([], ["--fresh"])
    ]
    cash = "SELECT starting_cash_try, genesis IS NULL AS new FROM stage7_runs WHERE run_id = ?"
    [one], [other] = (stored(Path("both.db"), cash, run["run_id"]) for run in (gone, fresh))
    assert (one["starting_cash_try"], one["new"]) == ("1000000", 0)
    assert (other["starting_cash_try"], other["new"]) == ("500", 1)
    for run in (gone, fresh):
        assert meva("prove", "--db", "both.db", "--run", run["run_id"]).code == 0


def test_a_run_that_was_interrupted_goes_on_to_the_same_fingerprint(
    folder: Path, meva: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meva_core.stages.backtest.COMMIT", 7)
    monkeypatch.setattr("meva_core.stages.backtest.WINDOW", 7)
    whole = record.Recorder.commit
    commits: list[int] = []

    def stops(recorder: record.Recorder) -> None:
        whole(recorder)
        commits.append(1)
        if len(commits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(record.Recorder, "commit", stops)
    command = ("backtest", "--data", folder, "--as-recorded", "--db", "again.db", "--json")
    assert meva(*command).code == 130
    assert meva(*command).code == 2, "it is there in part"
    done = meva(*command, "--resume").document
    assert (done["equal_to_recorded"], done["cycles"]) == (True, 20)
    assert meva("prove", "--db", "again.db").code == 0
    assert meva(*command).document["already_recorded"] is True


def test_nothing_is_written_over_and_a_backtest_is_not_written_out(
    folder: Path, live: Live, meva: Meva, tmp_path: Path
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    again = meva("replay", "export", "--db", live.db, folder)
    assert (again.code, "nothing is written over" in again.err) == (2, True)
    assert meva("backtest", "--data", folder, "--as-recorded", "--db", "again.db").code == 0
    refused = meva("replay", "export", "--db", "again.db", "elsewhere")
    assert (refused.code, "is no run on the live market" in refused.err) == (2, True)
    assert meva("replay", "export", "--db", live.db, "--book", "none", "elsewhere").code == 2
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("again.db")) == before


def test_a_run_of_which_a_stretch_is_lost_is_not_written_out_as_a_shorter_one(
    folder: Path, live: Live, meva: Meva
) -> None:
    """Its rows still tell of the cycle; what it saw was in the stretch."""
    run = live.runs()[1]["run_id"]
    moment = datetime.fromtimestamp(FIRST + 600, UTC)
    with writer(live.db, durable=False) as store, store.unit() as work:
        assert work.delete("stage7_stretches", run_id=run, start=moment, end=moment) == 1
        work.commit()
    refused = meva("replay", "export", "--db", live.db, "--run", run, "elsewhere")
    assert refused.code == 2
    assert f"stretches of run {run} are lost: there are no columns of cycle 6" in refused.err
    assert meva("report", "--db", live.db, "--run", run, "--json").document["totals"]["cycles"] == 20


@pytest.mark.parametrize(
    "option", [["--seed", "1"], ["--start", "2026-01-01T00:40:00Z"], ["--fresh"], ["--step", "60"]]
)
def test_a_run_as_recorded_takes_no_choice(folder: Path, meva: Meva, option: list[str]) -> None:
    refused = meva("backtest", "--data", folder, "--as-recorded", *option, "--db", "again.db")
    assert (refused.code, option[0] in refused.err) == (2, True)


def test_any_other_dataset_has_no_run(meva: Meva) -> None:
    make_dataset(Path("data"), minutes=10)
    for option in ("--as-recorded", "--fresh"):
        refused = meva("backtest", "--data", "data", option, "--db", "x.db")
        assert (refused.code, "holds no recorded run" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("cycles.csv", "normal", "quiet", "base_mode: 'quiet' is none of"),
        ("cycles.csv", "00:35:00Z", "00:34:00Z", "not after the cycle before"),
        ("rules.csv", ",ok,", ",fine,", "status: 'fine' is none of"),
        ("rules.csv", "BTCTRY", "BTCUSD", "none of the manifest's"),
        ("settings.json", '"seed"', '"sead"', "cannot be read"),
        ("genesis.json", '"link": "', '"link": "00', "genesis is not the SHA-256"),
    ],
)
def test_what_lies_beside_the_market_is_checked(
    folder: Path, meva: Meva, name: str, old: str, new: str, said: str
) -> None:
    file = folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    (folder / "manifest.json").write_text(
        json.dumps({**json.loads((folder / "manifest.json").read_text()), "files": {}})
    )
    found = meva("replay", "validate", folder, "--json")
    assert found.code == 2
    assert any(said in fault["message"] and fault["file"] == name for fault in found.document["errors"])


@pytest.mark.parametrize("name", ["cycles.csv", "rules.csv", "settings.json", "genesis.json"])
def test_a_changed_byte_beside_the_market_is_found(folder: Path, meva: Meva, name: str) -> None:
    file = folder / name
    file.write_text(file.read_text().replace("\n", "\r\n", 1))
    found = meva("replay", "validate", folder, "--json").document
    assert [fault["code"] for fault in found["errors"]] == ["checksum"]


def test_a_longer_lookback_holds_from_its_first_cycle_on_with_bars_of_before(
    live: Live, recorded: Any, equal: Any
) -> None:
    market = Played(*recorded, now=START)
    live.run(market, minutes(3), STAGE7_VOL_LOOKBACK="5")
    later = minutes(6, FIRST + 180)
    market.is_silent_on_rules = True  # a run of other settings needs rules of its own: it waits for them
    assert live.run(market, later[:3], STAGE7_VOL_LOOKBACK="30") == []
    market.is_silent_on_rules = False
    with live.process(market) as dry:
        market.now = later[3]
        told = dry.cycle(20, market.now, lambda seconds: None)
        assert told is not None
        assert told.stretch.market.closes[0].tolist() == [30] * 4
    live.run(market, later[4:])
    assert len(equal()) == 2


@attrs.frozen
class Before:
    """A part that lets something else happen before one of its methods is called."""

    part: Any
    method: str
    happens: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        if name == self.method:
            self.happens()
        return getattr(self.part, name)


@pytest.mark.parametrize(
    ("when", "first"), [("while it measures", 1), ("while it is decided", 2), ("while it is stored", 2)]
)
def test_what_comes_from_outside_during_a_cycle_is_whole_in_it_or_in_the_next(
    live: Live, recorded: Any, equal: Any, when: str, first: int
) -> None:
    market, told = Played(*recorded, now=START), list[Told]()
    at, until = (datetime.fromtimestamp(FIRST + more, UTC) for more in (0, 900))

    def happens() -> None:
        """Let another process change all of it in the second cycle, through connections of its own."""
        if len(told) != 1 or stored(live.db, "SELECT 1 FROM stage7_risk_resets"):
            return
        texts = dict.fromkeys(("signals_json", "limits_json", "decision_json"), "{}")
        live.write(
            "risk_decisions", decision_id="1", ts=at, mode="REDUCE_RISK_ONLY", reasons_json="[]", **texts
        )
        degraded = {"current_override_mode": "OBSERVE_ONLY", "cooldown_until": until, "updated_at": at}
        live.write("degrade_state_current", state_id=1, **degraded)
        live.write("stage7_risk_resets", ts=at, book="main", reason="seen", equity_try="1")

    with live.process(market) as dry:
        loop = dry.loop

        def decided(*arguments: Any, **more: Any) -> Any:
            happens()
            return loop(*arguments, **more)

        if when == "while it measures":
            dry.market = Before(market, "measure", happens)
        elif when == "while it is decided":
            dry.loop = decided
        else:
            dry.store = Before(dry.store, "unit", happens)
        for number, market.now in enumerate(minutes(4)):
            cycle = dry.cycle(20, market.now, lambda seconds: None)
            assert cycle is not None
            told.append(cycle)
            inputs = cycle.stretch.inputs
            seen = [inputs.base_mode[0], inputs.override_mode[0], inputs.reset[0]]
            modes = [Mode.REDUCE_RISK_ONLY, Mode.OBSERVE_ONLY] if number >= first else [Mode.NORMAL] * 2
            assert seen == [*modes, number == first]
            used = stored(live.db, "SELECT run_id FROM stage7_risk_resets WHERE run_id IS NOT NULL")
            assert len(used) == (number >= first), "used up by the cycle that took it in, and by no other"
    equal()
