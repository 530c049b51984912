"""`meva report --html` in a real browser: it shows what the commands say, and asks nobody for anything."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import SIZES
from nightly import every

from meva_cli.app import run

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database and its report."""
    made = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        assert run(["demo"]) == 0
        assert run(["report", "--db", "demo.db", "--html", "report.html"]) == 0
    return made


@pytest.fixture
def figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    """What `meva report --summary --json` says."""
    capsys.readouterr()
    assert run(["report", "--db", str(folder / "demo.db"), "--summary", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("size", "scheme"), every(3, [*product(SIZES, ("light", "dark"))]))
def test_it_is_drawn_within_its_width_without_a_complaint(tab, folder, scheme, size):
    page = tab.show(folder / "report.html", SIZES[size], scheme)
    page.wait_for_selector("[data-charts] canvas")
    assert page.locator("canvas").count() == 7  # equity, drawdown, five symbols
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert tab.said == [(folder / "report.html").as_uri()]
    assert Axe().run(page).violations_count == 0


def test_its_tables_say_what_the_commands_say(tab, folder, figures):
    page = tab.show(folder / "report.html")
    told = dict(
        page.locator("#figures tbody tr").evaluate_all(
            "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
        )
    )
    exact = [name for name, value in figures.items() if isinstance(value, str | int) and value is not True]
    assert {name: told[name] for name in exact} == {name: str(figures[name]) for name in exact}
    symbols = page.locator("#symbols tbody tr td:first-child").all_text_contents()
    assert symbols == [row["symbol"] for row in figures["symbols"]]
    trips = page.locator("#trades tbody tr").count()
    assert trips == figures["round_trips"]


def test_the_chart_holds_the_equity_that_the_run_ended_with(tab, folder, figures):
    last = tab.show(folder / "report.html").evaluate(
        """() => {
          const told = JSON.parse(document.getElementById("data").textContent);
          const packed = told.charts.equity.series[0].values;
          const bytes = Uint8Array.from(atob(packed.int32), (letter) => letter.charCodeAt(0));
          return packed.base + packed.step * new Int32Array(bytes.buffer).at(-1);
        }"""
    )
    assert last == pytest.approx(float(figures["final_equity_try"]), abs=1e-3)


def test_without_scripts_pictures_and_tables_are_all_there(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.locator("svg[role=img]").count() == 9
    assert page.locator("svg[role=img]").first.is_visible()
    assert page.get_by_text("daily_loss_breach").first.is_visible()
    context.close()


def test_on_paper_the_pictures_stand_for_what_scripts_drew(tab, folder):
    page = tab.show(folder / "report.html")
    page.wait_for_selector("[data-charts] canvas")
    page.emulate_media(media="print")
    assert not page.locator("canvas").first.is_visible()
    assert page.locator("svg[role=img]").first.bounding_box()["width"] > 300


def test_it_is_one_small_file_that_only_its_owner_reads(folder):
    file = folder / "report.html"
    assert file.stat().st_size < 1_000_000
    assert file.stat().st_mode & 0o077 == 0
