"""What the README shows is what the demo gives."""

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from meva_cli.commands.demo import DEMO

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    plain = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-m", "meva_cli", "backtest", "--data", str(ROOT / "replay/sample"), "--json"]
    done = subprocess.run(
        [*command, "--db", str(folder / "demo.db"), "--engine", "interpreted"],
        env=plain | DEMO,
        cwd=folder,
        capture_output=True,
        check=True,
    )
    page = [sys.executable, "-m", "meva_cli", "report", "--summary", "--db", "demo.db"]
    shown = subprocess.run(page, env=plain, cwd=folder, capture_output=True, check=True, text=True).stdout
    return {**json.loads(done.stdout), "page": shown}


def test_the_demo_shows_the_page_that_the_readme_shows(demo):
    title, *page = demo["page"].splitlines()
    assert title == "run x1yi6vf: 720 cycles, 2024-01-01 00:00 to 11:59 UTC"
    words = re.sub("─+", "", README).split()
    assert page[0].startswith("Equity")
    assert " ".join(" ".join(page).split()) in " ".join(words)


def test_the_demo_ends_with_the_figures_that_the_readme_quotes(demo):
    shown = dict(re.findall(r"^(\w+)\t(\S+)$", README, re.MULTILINE))
    assert shown
    assert {name: str(demo[name]) for name in shown} == shown


def test_the_demo_keeps_its_id(demo):
    assert demo["run_id"] == "x1yi6vf"


def test_the_demo_shows_what_it_promises(demo):
    assert demo["fills_resting"] > 0
    assert demo["fills_taking"] > 0
    assert all(demo["modes"][mode] > 0 for mode in ("NORMAL", "REDUCE_RISK_ONLY", "OBSERVE_ONLY"))
    assert Decimal(demo["max_drawdown_ratio"]) > 0
    assert Decimal(demo["fees_try"]) > 0
    assert Decimal(demo["slippage_try"]) > 0


def test_the_demo_adds_up(demo):
    start, gross, fees, slippage, equity = (
        Decimal(demo[name])
        for name in ("starting_cash_try", "gross_pnl_try", "fees_try", "slippage_try", "final_equity_try")
    )
    assert start + gross - fees - slippage == equity


def test_every_path_that_the_readme_links_to_is_there():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


# -- The band -----------------------------------------------------------------------------------------

SAID = re.compile(r"^meva (backtest|report|why) (.*?band\.db.*?) +# (.*)$", re.MULTILINE)


def test_the_band_does_what_the_readme_says(tmp_path):
    [exported] = re.findall(r"^export (DRY_RUN_TRY_BALANCE=.*)$", README, re.MULTILINE)
    given = dict(pair.split("=") for pair in exported.split())
    plain = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}

    def meva(*arguments):
        words = [str(ROOT / word) if word == "replay/sample" else word for word in arguments]
        command = [sys.executable, "-m", "meva_cli", *words]
        done = subprocess.run(
            command, env=plain | given, cwd=tmp_path, capture_output=True, check=True, text=True
        )
        return done.stdout

    commands = [(name, words.split(), said) for name, words, said in SAID.findall(README)]
    assert [name for name, _, _ in commands] == ["backtest", "backtest", "report", "why"]
    for name, words, said in commands:
        if name == "backtest":
            found = json.loads(meva(name, *words, "--engine", "interpreted", "--json"))
            equity = round(Decimal(found["final_equity_try"]), 2)
            assert f"{found['orders']} orders, {found['fills']} fills, {equity} TRY" == said
        elif name == "why":
            assert said.partition(":")[0] in meva(name, *words)
        else:
            assert f"figure\t{words[-2]}\t{words[-1]}\n" in meva(name, *words)
