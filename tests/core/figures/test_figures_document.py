"""The reference page says of every figure what it is, and its worked example is what comes out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from documented_book import blocks, book, examples, moment, text
from small_books import columns_of

from meva_core.amounts import format_e8, join_pair
from meva_core.figures.cycles import Opening
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.result import Undefined


def document() -> dict[str, Any]:
    """Return the figures of the example."""
    columns = columns_of(book())
    reckoning = Reckoning(Opening(1000 * 10**8))
    reckoning.take(columns)
    return reckoning.figures(cash_rate=0.1).document()


def flat(found: dict[str, Any]) -> dict[str, Any]:
    """Return figures with those of the first symbol and the first pair by names of their own."""
    rows = {f"symbols.{name}": value for name, value in found["symbols"][0].items()}
    pairs = {f"pairs_held.{name}": value for name, value in found["pairs_held"][0].items()}
    inside = {"symbols", "pairs_held", "modes", "mode_ratios", "undefined"}
    modes = {f"{name}.NORMAL": found[name]["NORMAL"] for name in ("modes", "mode_ratios")}
    return {name: value for name, value in found.items() if name not in inside} | rows | pairs | modes


def shown(value: Any) -> str:
    """Return a value as the page shows it: seven significant digits of a ratio, amounts exactly."""
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else "null" if value is None else str(value)


def test_every_figure_is_on_the_page_with_what_comes_out_of_the_example():
    assert examples() == {name: shown(value) for name, value in flat(document()).items()}


def test_the_example_is_a_book_that_adds_up():
    days, _ = blocks()
    columns = columns_of(book())
    account = columns.out.account
    equity = map(join_pair, account.equity_whole.tolist(), account.equity_rest.tolist())
    assert [row["equity"] for row in days] == [format_e8(one) for one in equity]
    assert columns.times().tolist() == [int(moment(row["day"]).timestamp()) for row in days]


def test_every_reason_for_a_figure_that_is_not_defined_is_on_the_page():
    missing = [reason.value for reason in Undefined if f"`{reason.value}`" not in text()]
    assert not missing
