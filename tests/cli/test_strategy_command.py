"""`meva strategy new` and `list`, and where strategies and their parameters are found."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import BUSY, make_dataset

Meva = Callable[..., Any]
OF_REAL_PROCESSES = (
    "test_a_new_strategy_runs_as_it_is_and_passes_its_check",
    "test_one_of_an_installed_distribution_is_found_by_its_entry_point_also_by_the_process_beside",
    "test_what_one_of_a_named_folder_or_a_distribution_reads_is_named_with_its_line",
)
RISING = '''
from meva_core.strategy import Strategy, change, param, top


class Rising(Strategy):
    """Hold what rose."""

    version = 3
    closes = param(2, least=1, most=50, doc="bars")
    share = param(0.5, least=0.0, most=1.0)

    def needs(self):
        return self.closes + 1

    def weights(self, h):
        return h.on_cycles(top(change(h.close, self.closes), 1) * self.share)
'''

ORDERS = """
from meva_core.strategy import Intent, Side, Strategy

class Dips(Strategy):
    def decide(self, view, memory):
        return [Intent(s.name, Side.BUY, 150) for s in view.symbols if not s.has_open(Side.BUY)]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=30)


@pytest.fixture
def run(meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch) -> Meva:
    """Return what runs a strategy over the data and gives the strategy that was recorded."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)
    given = ("--data", data, "--db", "a.db", "--engine", "interpreted", "--no-strategy-check", "--json")
    return lambda *arguments: meva("backtest", *given, *arguments)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that MEVA_STRATEGY_PATH names, with a strategy in it."""
    folder = tmp_path / "ideas"
    folder.mkdir()
    (folder / "rising.py").write_text(RISING)
    monkeypatch.setenv("MEVA_STRATEGY_PATH", str(folder))
    return folder


# -- new --------------------------------------------------------------------------------------------------


def test_a_new_strategy_runs_as_it_is_and_passes_its_check(meva: Meva, run: Meva, data: Path) -> None:
    ended = meva("strategy", "new", "my_idea.py")
    assert ended.code == 0
    assert "meva backtest --data DIR --strategy my_idea.py:MyIdea" in ended.out
    assert f"export MEVA_STRATEGY_PATH={Path.cwd()} STAGE4_STRATEGIES=my_idea" in ended.out
    closes = ("-p", "closes=5", "-p", "rebalance=5m")
    ran = run("--strategy", "my_idea.py:MyIdea", *closes).document
    assert (ran["strategy"]["id"], ran["orders"] > 0) == ("my_idea", True)
    assert meva("strategy", "check", "my_idea.py:MyIdea", "--data", data, *closes).code == 0


def test_it_leaves_a_file_that_is_there_as_it_is(meva: Meva, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("kept")
    ended = meva("strategy", "new", "mine.py")
    assert ended.code == 2
    assert "mine.py is there already" in ended.err
    assert (tmp_path / "mine.py").read_text() == "kept"


@pytest.mark.parametrize("name", ["idea.txt", "2nd.py", "no way.py", "none/idea.py"])
def test_a_name_that_makes_no_class_or_no_file_is_refused(meva: Meva, name: str) -> None:
    ended = meva("strategy", "new", name)
    assert ended.code == 2
    assert "Error:" in ended.err


# -- list -------------------------------------------------------------------------------------------------


def test_all_are_listed_with_parameters_and_bounds(meva: Meva, place: Path) -> None:
    (place / "broken.py").write_text("import nothing_of_this_name\nclass Broken(Strategy): pass\n")
    (place / "plain.py").write_text("class Plain(dict): pass\n")
    ended = meva("strategy", "list", "--json")
    rows = {row["id"]: row for row in ended.document["strategies"]}
    assert rows.keys() >= {"equal_weight", "momentum", "buy_and_hold", "rising", "broken"}
    assert "plain" not in rows
    assert rows["profit_aware_v1"]["from"] == "built in, for Stages 3 and 4"
    assert rows["rising"]["from"] == f"{place / 'rising.py'}:Rising"
    assert rows["rising"]["version"] == 3
    closes, share = rows["rising"]["parameters"]
    assert (closes["name"], closes["default"], closes["least"], closes["most"]) == ("closes", 2, 1, 50)
    assert share["expected"] == "a number >= 0.0 and <= 1.0"
    assert "No module named 'nothing_of_this_name'" in ended.err
    row = "rising\t3\t\tcloses=2 (a whole number >= 1 and <= 50); share=0.5 (a number >= 0.0 and <= 1.0)"
    assert row in meva("strategy", "list").out


def test_how_each_answers_is_listed(meva: Meva, place: Path) -> None:
    (place / "dips.py").write_text(ORDERS)
    rows = {row["id"]: row["answers"] for row in meva("strategy", "list", "--json").document["strategies"]}
    assert (rows["rising"], rows["dips"], rows["profit_aware_v1"]) == ("weights", "decide", "orders")
    assert rows["equal_weight"] is None


# -- Those that answer with orders ------------------------------------------------------------------------


def test_one_that_answers_with_orders_is_said_to_be_for_the_stages_that_take_them(
    meva: Meva, run: Meva, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "dips.py").write_text(ORDERS)
    ended = meva("strategy", "check", "dips.py:Dips", "--data", data)
    assert ended.code == 1
    said = "answered with a list of Intent or Target for the cycle at"
    assert said in ended.out
    assert "which Stages 3 and 4 take; backtests and Stage 7 take a dict of weights by symbol" in ended.out
    ran = run("--strategy", "dips.py:Dips")
    error = ran.document["error"]
    assert (ran.code, said in error["message"]) == (1, True)
    assert "list it in STAGE4_STRATEGIES" in error["action"]


def test_those_of_meva_that_do_are_refused_elsewhere_and_it_is_said_where_they_belong(
    meva: Meva, run: Meva, data: Path
) -> None:
    checked, ran = (
        meva("strategy", "check", "profit_aware_v1", "--data", data),
        run("--strategy", "profit_aware_v1"),
    )
    assert (checked.code, ran.code) == (2, 2)
    for message in (checked.err, ran.document["error"]["message"]):
        assert "strategy profit_aware_v1 answers with orders, which Stages 3 and 4 take" in message


# -- Found by id ------------------------------------------------------------------------------------------


def test_one_under_the_path_is_found_by_its_id_and_proved_by_it(meva: Meva, run: Meva, place: Path) -> None:
    ran = run("--strategy", "rising").document
    assert ran["strategy"]["parameters"] == {"closes": 2, "share": 0.5}
    assert meva("prove", "--db", "a.db", "--strategy", "rising").code == 0


def test_nothing_is_found_by_chance_in_the_working_folder(run: Meva, tmp_path: Path) -> None:
    (tmp_path / "rising.py").write_text(RISING)
    ended = run("--strategy", "rising")
    assert ended.code == 2
    assert "there is no strategy 'rising'; there are buy_and_hold," in ended.document["error"]["message"]


@pytest.mark.parametrize(
    ("text", "said"), [("ideas", "is not a whole path"), ("/nowhere/at/all", "no folder")]
)
def test_a_path_that_depends_on_the_folder_or_is_not_there_is_refused(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setenv("MEVA_STRATEGY_PATH", text)
    ended = meva("strategy", "list")
    assert ended.code == 2
    assert said in ended.err


def test_the_path_is_taken_from_no_file_of_the_working_folder(meva: Meva, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"MEVA_STRATEGY_PATH={tmp_path}\n")
    ended = meva("strategy", "list")
    assert ended.code == 2
    assert "MEVA_STRATEGY_PATH is not taken from a file" in ended.err


def test_a_file_that_cannot_be_parsed_keeps_no_other_from_being_found(run: Meva, place: Path) -> None:
    (place / "torn.py").write_text("class Torn(:")
    text = RISING.replace("Rising(Strategy):", 'Other(Strategy):\n    id: str = "own_id"')
    (place / "other.py").write_text(text)
    assert run("--strategy", "own_id").document["strategy"]["id"] == "own_id"
    ended = run("--strategy", "torn")
    assert ended.code == 2
    assert "torn.py cannot be loaded: SyntaxError" in ended.document["error"]["message"]


def test_an_id_that_two_have_names_none_of_them(run: Meva, place: Path) -> None:
    (place / "momentum.py").write_text(RISING.replace("Rising", "Momentum"))
    ended = run("--strategy", "momentum")
    assert ended.code == 2
    message = ended.document["error"]["message"]
    assert message == f"there are 2 strategies 'momentum': built in and {place / 'momentum.py'}:Momentum"


# -- Parameters -------------------------------------------------------------------------------------------


def test_the_command_line_wins_over_the_environment_over_the_file(
    run: Meva, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parameters(*arguments: str) -> Any:
        return run("--strategy", "rising", *arguments).document["strategy"]["parameters"]

    (tmp_path / "meva.toml").write_text("[strategies.rising]\ncloses = 5\nshare = 0.25\n")
    assert parameters() == {"closes": 5, "share": 0.25}
    monkeypatch.setenv("STRATEGY_PARAMS", '{"closes": 6}')
    assert parameters() == {"closes": 6, "share": 0.25}
    assert parameters("-p", "closes=7") == {"closes": 7, "share": 0.25}


def test_a_parameter_that_is_given_two_values_is_refused(run: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run("--strategy", "rising", "-p", "closes=5", "-p", "closes=6")
    assert (ended.code, "-p closes is given twice, '5' and '6'" in str(ended.document)) == (2, True)
    monkeypatch.setenv("STRATEGY_PARAMS", '{"closes": 5, "closes": 6}')
    ended = run("--strategy", "rising")
    assert (ended.code, "has a name twice" in str(ended.document)) == (2, True)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[strategies.rising]\nclosed = 5", "[strategies.rising]: strategy rising has no parameter 'closed'"),
        ("[strategies.rising]\ncloses = 51", "[strategies.rising]: strategy rising: parameter closes: 51"),
        (
            '[strategies.rising]\ncloses = "4_8"',
            "[strategies.rising]: strategy rising: parameter closes: '4_8'",
        ),
        ("[strategies.rising]\nshare = nan", "[strategies.rising]: strategy rising: parameter share: 'nan'"),
        ("[strategies.rising]\ncloses = [1]", "[strategies.rising]: closes is neither a number"),
        ("[strategies]\nrising = 5", "[strategies.rising]: is no heading"),
    ],
)
def test_a_wrong_parameter_in_the_file_is_named_with_its_heading(
    run: Meva, place: Path, tmp_path: Path, table: str, said: str
) -> None:
    (tmp_path / "meva.toml").write_text(table)
    ended = run("--strategy", "rising")
    assert ended.code == 2
    assert said in ended.document["error"]["message"]


MISTYPED = (
    "warning: meva.toml [strategies.risin]: no id here is risin, so nothing goes by what stands there; "
    "did you mean [strategies.rising]?\n"
)


def test_a_heading_of_no_strategy_is_warned_of_wherever_one_is_loaded_with_the_nearest_id(
    meva: Meva, run: Meva, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "meva.toml").write_text("[strategies.risin]\ncloses = 5\n[strategies.momentum]\ncloses = 5\n")
    ran = run("--strategy", "rising")
    assert (ran.code, ran.document["strategy"]["parameters"]["closes"]) == (0, 2)
    ways = (
        ("strategy", "list"),
        ("prove", "--db", "a.db", "--strategy", "rising"),
        ("run", "stage7", "--strategy", "rising"),
    )
    for ended in (ran, *(meva(*way) for way in ways)):
        assert ended.err.replace("warning: strategy: ", "warning: ").count(MISTYPED) == 1
    assert MISTYPED not in run().err  # without a strategy nothing goes by any of them


def test_that_of_one_in_a_file_that_is_named_is_its_own(run: Meva, place: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(RISING.replace("Rising", "Falling"))
    (tmp_path / "meva.toml").write_text("[strategies.falling]\ncloses = 5\n")
    ran = run("--strategy", "own.py:Falling")
    assert (ran.document["strategy"]["parameters"]["closes"], "strategies.falling" in ran.err) == (5, False)
    assert "[strategies.falling]: no id here is falling" in run("--strategy", "rising").err


def test_stages_that_list_strategies_warn_of_it_too(
    meva: Meva, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meva.toml").write_text("[strategies.risin]\ncloses = 5\n")
    monkeypatch.setenv("STAGE4_STRATEGIES", "rising")
    begun = meva("run", "stage4", "--observe")
    assert (begun.code, begun.err.count(MISTYPED)) == (2, 1)
    assert meva("rehearse", "--set", "SYMBOLS=BTCUSDT").err.count(MISTYPED) == 1
    rows = meva("doctor", "--offline", "--for", "stage4", "--json").document["checks"]
    [found] = [row for row in rows if row["name"] == "parameters"]
    assert (found["category"], found["status"]) == ("strategy", "warn")
    assert "did you mean [strategies.rising]?" in found["message"]


# -- Installed --------------------------------------------------------------------------------------------


def wheel(folder: Path) -> Path:
    """Write a small distribution with one strategy and its entry point, as its wheel."""
    info = "ideas_of_mine-1.2.dist-info"
    files = {
        "ideas_of_mine.py": RISING,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: ideas-of-mine\nVersion: 1.2\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[meva.strategies]\nrising = ideas_of_mine:Rising\n",
    }
    record = "".join(f"{name},,\n" for name in files)
    path = folder / "ideas_of_mine-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return path


def test_one_of_an_installed_distribution_is_found_by_its_entry_point_also_by_the_process_beside(
    meva: Meva, run: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel(tmp_path)) as archive:
        archive.extractall(tmp_path / "installed")  # what installing it to a folder does
    monkeypatch.syspath_prepend(tmp_path / "installed")
    rows = {row["id"]: row for row in meva("strategy", "list", "--json").document["strategies"]}
    assert rows["rising"]["from"] == "ideas-of-mine 1.2"
    ran = run("--strategy", "rising", "--strategy-check").document
    assert ran["strategy"]["distribution"] == "ideas-of-mine"
    assert ran["strategy"]["distribution_version"] == "1.2"
    assert "strategy_doubt" not in ran


def test_what_one_of_a_named_folder_or_a_distribution_reads_is_named_with_its_line(
    meva: Meva, place: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = f"import pathlib\nTEXT = pathlib.Path({str(place / 'rising.py')!r}).read_bytes()\n"
    (place / "reading.py").write_text(RISING.replace("Rising", "Reading") + reads.replace(".py'", ".txt'"))
    (place / "rising.txt").write_text("learnt")
    ended = meva("strategy", "check", "reading", "--data", data)
    assert ended.code == 1
    assert "rising.txt') at reading.py:18" in ended.out
    package = tmp_path / "lib" / "ideas_of_hers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "learnt.txt").write_text("learnt")
    source = "import pathlib\nTEXT = pathlib.Path(__file__).with_name('learnt.txt').read_text()\n" + RISING
    (package / "rising.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    ended = meva("strategy", "check", "ideas_of_hers.rising:Rising", "--data", data)
    assert ended.code == 1
    assert "learnt.txt') at rising.py:2" in ended.out
