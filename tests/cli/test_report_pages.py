"""`meva report --html` and `--compare`: what goes together, and what is told."""

import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from command_line import Ended
from fresh_database import fresh_file
from played_books import FIRST, recorded_market, run_book
from stage7_runs import BUSY, make_dataset

from meva_cli.app import run
from meva_core.settings import VARIABLES

Meva = Callable[..., Ended]


@pytest.fixture(scope="module")
def both_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two runs over one market whose fees differ."""
    folder = tmp_path_factory.mktemp("both")
    data, db = make_dataset(folder / "data", minutes=30), fresh_file(folder / "x.db")
    command = ("backtest", "--data", data, "--db", db, "--engine", "interpreted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for settings in (BUSY, {**BUSY, "STAGE7_FEES_BPS": "30"}):
            chosen = [word for name, text in settings.items() for word in ("--set", f"{name}={text}")]
            assert run([str(word) for word in (*command, *chosen)]) == 0
    return db


@pytest.fixture
def two_runs(meva: Meva, both_runs: Path, tmp_path: Path) -> list[str]:
    """The names of two runs, which are in x.db."""
    shutil.copy(both_runs, tmp_path / "x.db")
    return [one["run_id"] for one in meva("runs", "--db", "x.db", "--json").document["runs"]]


@pytest.mark.parametrize("name", ["x.db", "x.db-wal", "link"])
def test_no_page_is_written_over_the_database_it_shows(meva, two_runs, tmp_path, name):
    (tmp_path / "link").symlink_to("x.db")
    before = (tmp_path / "x.db").read_bytes()
    ended = meva("report", "--db", "x.db", "--html", name)
    assert (ended.code, ended.out) == (2, "")
    assert f"{name} belongs to the database" in ended.err
    assert ended.err.endswith("To do: name another file with --html\n")
    assert (tmp_path / "x.db").read_bytes() == before


def test_runs_stand_side_by_side_with_the_settings_that_differ(meva, two_runs):
    done = meva("report", "--db", "x.db", "--compare", *two_runs, "--json")
    assert [run["run_id"] for run in done.document["runs"]] == two_runs
    assert done.document["settings_apart"] == {"STAGE7_FEES_BPS": ["12.25", "30"]}
    costs = [run["fees_try"] for run in done.document["runs"]]
    told = meva("report", "--db", "x.db", "--compare", *two_runs).out
    assert "\t".join(["figure", *two_runs]) in told
    assert "\t".join(["fees_try", *costs]) in told
    assert "\t".join(["STAGE7_FEES_BPS", "12.25", "30"]) in told


@pytest.mark.parametrize("named", [[], ["one"], ["one", "one"]])
def test_fewer_than_two_different_runs_are_not_compared(meva, two_runs, named):
    runs = [two_runs[0] for _ in named]
    done = meva("report", "--db", "x.db", "--compare", *runs)
    assert done.code == 2
    assert "at least two different runs" in done.err


def test_a_report_names_its_run_and_how_it_is_proved(meva, two_runs):
    done = meva("report", "--db", "x.db", "--run", two_runs[0], "--html", "r.html")
    assert done.out == "r.html\n"
    page = Path("r.html").read_text(encoding="utf-8")
    assert f"<title>Run {two_runs[0]}</title>" in page
    assert f"meva prove --db x.db --run {two_runs[0]}" in page


def test_the_page_counts_the_reasons_that_why_tells(meva, two_runs):
    """A difference below the least order is recorded as `min_notional`, and told as `on_target`."""
    meva("report", "--db", "x.db", "--run", two_runs[0], "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    [body] = re.findall(r"<caption>By symbol</caption>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    shown = [
        [unescape(re.sub("<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[dh].*?</t[dh]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]
    told = meva("why", "--db", "x.db", "--run", two_runs[0], "--last", 30).out
    rows = [line.split("\t") for line in told.partition("\nsymbol\t")[2].splitlines()[1:]]
    assert ["on_target", "plan"] in [row[1:3] for row in rows]
    assert [row[:5] for row in shown] == [row[:5] for row in rows]


def test_the_page_of_a_book_tells_reasons_of_all_its_runs_and_that_nothing_was_sold(meva, tmp_path):
    market = recorded_market(tmp_path)
    run_book(tmp_path / "x.db", market, range(FIRST, FIRST + 180, 60), STAGE7_MAX_DATA_AGE_SEC="1")
    run_book(
        tmp_path / "x.db", market, range(FIRST + 180, FIRST + 300, 60), "main", STAGE7_MAX_DATA_AGE_SEC="2"
    )
    assert meva("report", "--db", "x.db", "--book", "main", "--html", "r.html").code == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert "Of 5 cycles of its 2 runs 5 placed orders and 0 did not." in page
    assert "None: nothing was sold." in page
    assert "Round trips by result" not in page


def test_the_same_run_gives_the_same_page(meva, two_runs):
    pages = []
    for name in ("a.html", "b.html"):
        meva("report", "--db", "x.db", "--html", name)
        pages.append(Path(name).read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--summary", "--html", "r.html"),
        ("--html", "r.html", "--compare", "a", "b"),
        ("a", "b"),
        ("--open",),
        ("--html", "r.html", "--last", "5"),
        ("--compare", "a", "b", "--book", "main"),
        ("--html", "r.html", "--stage", "stage4"),
    ],
)
def test_what_does_not_go_together_is_said_and_nothing_written(meva, arguments):
    done = meva("report", "--db", "x.db", *arguments)
    assert done.code == 2
    assert "Error: " in done.err
    assert not Path("r.html").exists()


def test_a_page_that_cannot_be_written_says_so(meva, two_runs):
    done = meva("report", "--db", "x.db", "--html", "no/such/folder/r.html")
    assert (done.code, done.err) == (
        2, "Error: there is no folder no/such/folder\nTo do: mkdir -p no/such/folder\n"
    )  # fmt: skip
    assert meva("report", "--db", "x.db", "--html", ".").err.endswith("To do: name a file in it\n")


def test_a_book_of_nothing_has_a_page_too(meva, tmp_path):
    data = make_dataset(tmp_path / "data", minutes=10)
    meva("backtest", "--data", data, "--db", "x.db", "--set", "DRY_RUN_TRY_BALANCE=0")
    assert "holding: there was nothing to hold it with" in meva("report", "--db", "x.db", "--summary").out
    assert meva("report", "--db", "x.db", "--html", "r.html").code == 0
