"""What pictures show of cycles: costs of these cycles alone, and a book of nothing, too."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from stage7_runs import BUSY, make_dataset

from meva_adapters.pictures.charts import costs_chart, equity_chart
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.system.compiled import choose
from meva_core.amounts import E8
from meva_core.figures.cycles import Cycles, Opening, opening_of
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.run import run

PAID = Opening(equity=0, fees=7 * E8, slippage=-2 * E8)


def told(folder: Path, paid: Opening, **settings: str) -> Gathered:
    """Gather a short run whose book had paid that much before."""
    dataset = open_dataset(make_dataset(folder, minutes=40))
    plan = plan_backtest(dataset, build_settings({**BUSY, **settings}), configured=None)
    book = plan.new_book()
    began = evolve(opening_of(book.state, book.symbols), fees=paid.fees, slippage=paid.slippage)
    found = Gathered(int(plan.times[0]), int(plan.times[-1]), began)
    for market, _, rules, out, start, stop, _ in run(
        book, recorded(plan, dataset, plan.times, 16), choose("interpreted", 0).loop
    ):
        found.take(Cycles(book.symbols, book.params, market, rules, out, start, stop))
    return found


def test_what_a_book_paid_before_is_no_cost_of_these_cycles(tmp_path: Path) -> None:
    new, older = told(tmp_path / "a", Opening(equity=0)), told(tmp_path / "b", PAID)
    assert new.fees.carried()[-1] > 0
    assert new.fees.carried() - older.fees.carried() == pytest.approx(7)
    assert new.slippage.carried() - older.slippage.carried() == pytest.approx(-2)
    assert str(costs_chart(new, "TRY")) != str(costs_chart(older, "TRY"))


def test_a_book_of_nothing_never_fell_and_is_drawn(tmp_path: Path) -> None:
    found = told(tmp_path, Opening(equity=0), DRY_RUN_TRY_BALANCE="0")
    assert np.nanmax(found.fall.greatest) == 0
    assert "0.00 percent below" in str(equity_chart(found, "TRY"))
