"""`meva report --html` of a book of Stages 3 and 4 in a real browser: it says what the commands say."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import SIZES
from nightly import every
from told_books import dry_file, live_file

from meva_cli.app import run

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module", params=["live", "stage4-dry"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a book, beside its database."""
    made = tmp_path_factory.mktemp("live_report")
    (live_file if request.param == "live" else dry_file)(made / "meva.db")
    page = made / f"{request.param}.html"
    asked = ["report", "--db", str(made / "meva.db"), "--book", request.param]
    assert run([*asked, "--html", str(page)]) == 0
    return page


@pytest.mark.parametrize(("size", "scheme"), every(3, [*product(SIZES, ("light", "dark"))]))
def test_it_is_drawn_within_its_width_without_a_complaint(tab, page_file, scheme, size):
    page = tab.show(page_file, SIZES[size], scheme)
    page.wait_for_selector("[data-charts] canvas")
    assert tab.said == [page_file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert Axe().run(page).violations_count == 0


def test_its_figures_are_those_of_the_summary(tab, page_file, capsys):
    capsys.readouterr()
    asked = ["report", "--db", str(page_file.parent / "meva.db"), "--book", page_file.stem]
    assert run([*asked, "--summary", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    cells = (
        tab.show(page_file)
        .locator("#figures tbody tr")
        .evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    )
    told = dict(cells)
    texts = (str, int)
    exact = [name for name, value in figures.items() if type(value) in texts and name in told]
    assert len(exact) > 10
    assert {name: told[name] for name in exact} == {name: str(figures[name]) for name in exact}
