"""The page of figures, for people: a line a subject, and a table of symbols.

Amounts and ratios are rounded here, and here alone; `--json` has them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from meva_adapters.texts.layout import drawn_lines, texts_lines
from meva_adapters.texts.words import as_text, counted, duration, signed, visible
from meva_core.provenance import MODEL

_ENOUGH: Final = 1000
"""Equities from here on are shown to the hundredth."""
_FROM_30_DAYS: Final = "from 30 whole days on"
_YEARLY: Final = {
    "volatility_ratio": "volatility",
    "sharpe_ratio": "Sharpe",
    "sortino_ratio": "Sortino",
    "calmar_ratio": "Calmar",
}

_NOT_HELD: Final = {"no_columns": "not told by rows alone", "no_equity": "there was nothing to hold it with"}
"""Why there is nothing to compare with, where it is not for want of a mark."""

Document = Mapping[str, Any]


def page_text(document: Document, width: int) -> str:
    """Return the page of a document of figures (`summary_document`) as lines of at most `width` places."""
    lines = [
        line
        for name, parts in page_lines(document)
        for line in texts_lines(name, list(map(visible, parts)), width)
    ]
    rows = list(symbol_rows(document))
    table = [*drawn_lines(SYMBOL_COLUMNS, rows, width), SYMBOLS_NOTE] if rows else []
    return "\n".join([*lines, *table])


def title(document: Document) -> str:
    """Return what the figures are of."""
    runs = len(document["runs"])
    of = f"book {document['book']}" if document["book"] else f"run {document['run_id']}"
    several = f", {counted(runs, 'run')}" if runs > 1 else ""
    return f"{of}{several}: {span(document)}"


def span(document: Document) -> str:
    """Return over how many cycles the figures are, and when these were."""
    begun, ended = document["start"], document["end"]
    return f"{counted(document['cycles'], 'cycle')}, {_moment(begun)} to {_moment(ended, begun)} UTC"


def page_lines(document: Document) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of the page: what each is about, and its parts."""
    if document["assumed"]:
        yield "Assumed", [f"{MODEL}: {document['assumed']}"]
    yield "Equity", _equity(document)
    yield "Risk", _risk(document)
    yield "Costs", _costs(document)
    yield "Trades", _trades(document)
    yield "Modes", _modes(document)


# -- The lines ----------------------------------------------------------------------------------------


def _equity(d: Document) -> list[str]:
    opening, final = _amount(d, d["opening_equity_try"]), _amount(d, d["final_equity_try"])
    year = f", {_percent(d['annual_return_ratio'])} a year" if d["annual_return_ratio"] is not None else ""
    parts = [f"{opening} -> {final} {d['quote']}", _percent(d["return_ratio"]) + year]
    if d.get("flows_try"):  # of a book that money or coins came to, or left
        parts.append(f"came and went {_signed(d, d['flows_try'])}")
    if d["equal_parts_return_ratio"] is None:
        why = _NOT_HELD.get(d["undefined"].get("equal_parts_return_ratio", ""), "nothing had a mark")
        return [*parts, f"holding: {why}"]
    best = f"{d['best_pair']} {_percent(d['best_pair_return_ratio'])}"
    held = f"equal parts held: {_percent(d['equal_parts_return_ratio'])}"
    return [*parts, held, f"best pair in hindsight: {best}"]


def _risk(d: Document) -> list[str]:
    parts = ["no fall"]
    if d["max_drawdown_try"]:
        since, low = d["drawdown_start"], d["drawdown_low"]
        recovered = d["drawdown_recovered"]
        until = f"recovered {_moment(recovered, low)}" if recovered else "not recovered"
        span = f"{_moment(since, d['start'])} to {_moment(low, since)}"
        fall = _percent(-d["max_drawdown_ratio"])
        deep = fall if fall.startswith("-") else "of less than 0.01 %"
        parts = [f"worst fall {deep}, {span}, {until}"]
    if d["exposure_ratio"] is not None:
        parts.append(f"invested {d['exposure_ratio']:.0%}".replace("%", " %"))
    if d["worst_day"] is not None:
        parts.append(f"worst day {_percent(d['worst_day_ratio'])}, {d['worst_day']}")
    return [*parts, _yearly(d)]


def _yearly(d: Document) -> str:
    """Return what is reckoned for a year, or from when on it is."""
    if d["undefined"].get("volatility_ratio") == "too_few_days":
        return f"{', '.join(_YEARLY.values())}: {_FROM_30_DAYS}"
    found = []
    for name, called in _YEARLY.items():
        value = d[name]
        if value is None:
            found.append(f"{called} - ({_why(d, name)})")
        else:
            found.append(
                f"{called} {_percent(value, '')}" if name == "volatility_ratio" else f"{called} {value:.2f}"
            )
    return f"{', '.join(found)} (cash at {_percent(d['cash_rate_ratio'], '')} a year)"


def _costs(d: Document) -> list[str]:
    costs, fees, slippage = (_amount(d, d[name], 2) for name in ("costs_try", "fees_try", "slippage_try"))
    parts = [f"{costs} = fees {fees} + slippage {slippage}"]
    if d["costs_bps"] is None:
        return [*parts, "nothing was traded"]
    turned = "turnover"
    if d["turnover_a_day_times"] is not None:
        turned = f"turnover {_times(d['turnover_a_day_times'])} a day"
    elif d["turnover_times"] is not None:
        turned = f"turnover {_times(d['turnover_times'])} in all"
    return [*parts, f"{turned}, costs {d['costs_bps']:.1f} bps of it"]


def _trades(d: Document) -> list[str]:
    count = d["round_trips"]
    if not count:
        return ["no round trip: nothing was sold"]
    parts = [counted(count, "round trip"), f"won {_percent(d['won_ratio'], '', 0)}"]
    factor = d["profit_factor_ratio"]
    parts.append("profit factor " + ("- (no loss)" if factor is None else f"{factor:.2f}"))
    means = (d["mean_win_try"], d["mean_loss_try"])
    parts.append("mean " + " / ".join("-" if one is None else _signed(d, one) for one in means))
    if d["held_median_seconds"] is not None:
        parts.append(f"held {duration(d['held_median_seconds'])} in the middle")
    return [", ".join(parts)]


def _modes(d: Document) -> list[str]:
    ratios = {name: ratio for name, ratio in d["mode_ratios"].items() if ratio}
    parts = [", ".join(f"{name} {_percent(ratio, '', 0)}" for name, ratio in ratios.items())]
    if d["mostly"] is not None:
        setting = d["mostly_setting"]
        behind = f" ({setting}={as_text(d['mostly_setting_value'])})" if setting else ""
        parts.append(f"mostly: {d['mostly']}{behind}")
    return parts


SYMBOL_COLUMNS: Final = ("symbol", "fills", "realized", "unrealized", "fees", "slippage", "net", "share_%")


SYMBOLS_NOTE: Final = "Realized and unrealized are before fees and slippage, net is after them."


def symbol_rows(d: Document) -> Iterator[Sequence[object]]:
    """Yield a row of the table for each symbol."""
    names = ("realized_try", "unrealized_try", "fees_try", "slippage_try", "net_try")
    for row in d["symbols"]:
        share = row["share_ratio"]
        shown = None if share is None else Decimal(f"{100 * share:.1f}")
        yield row["symbol"], row["fills"], *(_rounded(d, row[name]) for name in names), shown


# -- Words --------------------------------------------------------------------------------------------


def _rounded(d: Document, amount: Decimal) -> Decimal:
    """Return an amount to the hundredth, or of an account of little as it is; nothing is below zero."""
    return (round(amount, 2) if d["opening_equity_try"] >= _ENOUGH else amount) + 0


def _amount(d: Document, amount: Decimal, places: int = 0) -> str:
    """Return an amount in digits by threes, with its fraction where it has one or `places` ask for it."""
    text = f"{_rounded(d, amount):,f}".replace(",", " ")
    return text.removesuffix(".00") if places == 0 else text


def _signed(d: Document, amount: Decimal) -> str:
    return ("+" if amount > 0 else "") + _amount(d, amount, 2)


def _times(ratio: float) -> str:
    """Return a multiple with a digit behind the point, or, of less than one, with two that count."""
    if 0 < ratio < 0.001:
        return "less than 0.001x"
    return f"{ratio:.1f}x" if ratio >= 0.995 or not ratio else f"{ratio:.2g}x"


def _percent(ratio: Any, sign: str = "+", places: int = 2) -> str:
    if ratio is None:
        return "-"
    text = signed(100 * float(ratio), places)
    return f"{text if sign else text.removeprefix('+')} %"


def _why(d: Document, name: str) -> str:
    return str(d["undefined"].get(name, "")).replace("_", " ")


def _moment(moment: datetime, beside: datetime | None = None) -> str:
    """Return a time to the minute; without its day where it stands beside another of that day."""
    moment = moment.astimezone(UTC)
    same = beside is not None and beside.astimezone(UTC).date() == moment.date()
    return f"{moment:%H:%M}" if same else f"{moment:%Y-%m-%d %H:%M}"
