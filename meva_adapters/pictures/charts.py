"""The charts of a report, each a picture of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from meva_adapters.pictures.buckets import Buckets
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.pictures.scales import Scale, around, ticks, time_ticks, value_texts
from meva_adapters.pictures.svg import SERIES, Picture
from meva_core.figures.trips import Fill
from meva_core.modes import Mode
from meva_core.orders import Side

WIDTH: Final = 960
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 26, 24
POINTS: Final = 500
"""Buckets that a line is drawn through: a picture is half as wide."""
CANDLES: Final = 160
MARKS: Final = 400
"""Fills that are marked at most: the largest."""
BANDS: Final = {Mode.REDUCE_RISK_ONLY: "reduce", Mode.OBSERVE_ONLY: "observe"}
"""How the times of a restricted mode are coloured."""


def equity_chart(told: Gathered, quote: str, *, alone: bool = False) -> Picture:
    """Draw equity over time with the modes as bands and the fills as marks, and below it how far it fell."""
    equity, fall = told.equity.fewer(POINTS), told.fall.fewer(POINTS)
    marked = _largest(told.fills)
    about = (
        f"Equity from {told.opening:,.2f} to {equity.carried()[-1]:,.2f} {quote}; "
        f"it was {np.nanmax(fall.greatest):.2f} percent below its highest at worst."
    )
    picture = Picture("equity", WIDTH, 420, "Equity and drawdown", about, alone=alone)
    across = _across(told)
    times, values = equity.line()
    up = around(min(values.min(), told.opening), max(values.max(), told.opening), 276, TOP)
    _bands(picture, told, across, 396)
    _frame(picture, across, up, f"Equity, {quote}")
    _legend(picture, told)
    picture.line(across(times), up(values), "line")
    at = up(np.interp([fill.time for fill in marked], times, values)) if marked else []
    _mark(picture, marked, across, at)
    down = Scale(0, max(float(np.nanmax(fall.greatest)), 0.01) * 1.05, 316, 396)
    _frame(picture, across, down, "Below the highest, %", most=4, top=316)
    xs = across(fall.middles())
    deep = down(np.nan_to_num(fall.greatest))
    picture.area(xs, deep, np.full(len(xs), 316.0), "area")
    _time_axis(picture, told, across, 396)
    return picture


def candles_chart(told: Gathered, symbol: str, quote: str, name: str, *, alone: bool = False) -> Picture:
    """Draw the marks of a symbol as candles, with its fills at their prices."""
    marks = told.marks[symbol].fewer(CANDLES)
    fills = [fill for fill in told.fills if fill.symbol == symbol]
    marked = _largest(fills)
    about = f"Marks of {symbol} with {len(fills)} fills" + (
        f", of which the largest {len(marked)} are marked." if len(marked) < len(fills) else "."
    )
    picture = Picture(name, WIDTH, 300, f"{symbol}, {quote}", about, alone=alone)
    across = _across(told)
    there = np.flatnonzero(np.isfinite(marks.last))
    if not len(there):
        picture.text(WIDTH / 2, 150, "no mark in all this time", "middle")
        return picture
    prices = [fill.price / 10**8 for fill in marked]
    low = min([float(marks.least[there].min()), *prices])
    high = max([float(marks.greatest[there].max()), *prices])
    up = around(low, high, 276, TOP)
    _frame(picture, across, up, f"{symbol}, {quote}")
    for kind, places in (
        ("rose", there[marks.last[there] >= marks.first[there]]),
        ("fell", there[marks.last[there] < marks.first[there]]),
    ):
        picture.path(_candles(marks, places, across, up), kind)
    _mark(picture, marked, across, [float(up(price)) for price in prices])
    _time_axis(picture, told, across, 276)
    return picture


def holdings_chart(told: Gathered, quote: str) -> Picture:
    """Draw what is held of each symbol over the cash, as layers that add up to the equity."""
    held = {
        symbol: np.nan_to_num(series.fewer(POINTS).carried())
        for symbol, series in sorted(told.values.items())
    }
    order = sorted((s for s in held if held[s].any()), key=lambda s: -float(held[s].sum()))
    layers = {symbol: held[symbol] for symbol in order[: len(SERIES)]}
    kinds = dict(zip(layers, SERIES, strict=False))
    if rest := order[len(SERIES) :]:
        layers[f"{len(rest)} more"] = sum(held[symbol] for symbol in rest)
        kinds[f"{len(rest)} more"] = "rest"
    cash = told.cash.fewer(POINTS)
    layers = {"cash": np.nan_to_num(cash.carried()), **layers}
    kinds["cash"] = "cash"
    picture = Picture(
        "holdings",
        WIDTH,
        300,
        "Holdings over time",
        f"Cash and the value of {len(order)} symbols in {quote}, one over the other.",
    )
    across, total = _across(told), sum(layers.values())
    up = Scale(0, max(float(np.max(total)), 1.0) * 1.05, 276, TOP + 18)
    _frame(picture, across, up, f"Holdings, {quote}", top=TOP)
    xs, below = across(cash.middles()), np.zeros(cash.count)
    at = float(LEFT)
    for name, values in layers.items():
        picture.area(xs, up(below + values), up(below), kinds[name])
        below = below + values
        picture.box(at, TOP + 2, 10, 10, kinds[name])
        picture.text(at + 14, TOP + 11, name)
        at += 30 + 8 * len(name)
    _time_axis(picture, told, across, 276)
    return picture


def costs_chart(told: Gathered, quote: str) -> Picture:
    """Draw fees, and fees with slippage, as they add up."""
    fees, slippage = told.fees.fewer(POINTS), told.slippage.fewer(POINTS)
    paid = np.nan_to_num(fees.carried())
    both = paid + np.nan_to_num(slippage.carried())
    picture = Picture(
        "costs",
        WIDTH,
        220,
        "Costs over time",
        f"Fees of {paid[-1]:,.2f} {quote}, with slippage {both[-1]:,.2f} {quote}.",
    )
    across = _across(told)
    up = Scale(
        min(0.0, float(both.min())), max(float(both.max()), float(paid.max()), 0.01) * 1.05, 196, TOP + 4
    )
    _frame(picture, across, up, f"Costs, {quote}", most=4)
    xs = across(fees.middles())
    picture.line(xs, up(paid), "line")
    picture.line(xs, up(both), "second")
    for n, (name, kind) in enumerate((("fees", "line"), ("fees + slippage", "second"))):
        picture.rule(LEFT + 90 * n + 110, TOP - 12, LEFT + 90 * n + 130, TOP - 12, kind)
        picture.text(LEFT + 90 * n + 134, TOP - 8, name)
    _time_axis(picture, told, across, 196)
    return picture


def results_chart(results: Sequence[float], quote: str) -> Picture:
    """Draw how many round trips gained or lost how much."""
    picture = Picture(
        "results",
        WIDTH,
        220,
        "Results of round trips",
        f"{len(results)} round trips, of which {sum(r > 0 for r in results)} gained.",
    )
    if not results:
        picture.text(WIDTH / 2, 110, "no round trip", "middle")
        return picture
    edges = _edges(min(results), max(results))
    counts, _ = np.histogram(results, edges)
    across = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    up = Scale(0, float(counts.max()) * 1.1, 196, TOP)
    _frame(picture, across, up, f"Round trips by result, {quote}", most=4, whole=True)
    for count, low, high in zip(counts.tolist(), edges, edges[1:], strict=False):
        if count:
            x, y = float(across(low)), float(up(count))
            picture.box(x + 1, y, float(across(high)) - x - 2, 196 - y, "up" if low >= 0 else "down")
    values = ticks(edges[0], edges[-1], 8)
    for value, text in zip(values, value_texts(values), strict=True):
        picture.text(float(across(value)), 212, text, "middle")
    return picture


def _edges(low: float, high: float) -> list[float]:
    """Return where bars begin and end, about forty; one begins at zero, which parts gain from loss."""
    values = ticks(min(low, 0.0), max(high, 0.0) or 1.0, 40)
    step = values[1] - values[0]
    first, last = math.floor(min(low, 0.0) / step), math.floor(max(high, 0.0) / step) + 1
    return [n * step for n in range(first, last + 1)]


# -- Parts of a chart ---------------------------------------------------------------------------------


def _across(told: Gathered) -> Scale:
    return Scale(told.start, told.stop + 1, LEFT, WIDTH - RIGHT)


def _frame(
    picture: Picture,
    across: Scale,
    up: Scale,
    title: str,
    *,
    most: int = 5,
    top: float | None = None,
    whole: bool = False,
) -> None:
    """Draw the lines of an axis of values and its title."""
    values = [v for v in ticks(up.low, up.high, most) if not whole or v == int(v)]
    for value, text in zip(values, value_texts(values), strict=True):
        y = float(up(value))
        picture.rule(across.begin, y, across.end, y)
        picture.text(LEFT - 8, y + 4, text, "end")
    picture.text(8, (min(up.begin, up.end) if top is None else top) - 10, title, "title")


def _time_axis(picture: Picture, told: Gathered, across: Scale, y: float) -> None:
    for time, text in time_ticks(told.start, told.stop, 10):
        x = float(across(time))
        picture.rule(x, y, x, y + 4)
        picture.text(x, y + 18, text, "middle")


def _bands(picture: Picture, told: Gathered, across: Scale, bottom: float) -> None:
    """Fill the times in which the mode was restricted."""
    for since, until, mode in told.bands():
        if mode in BANDS:
            x = float(across(since))
            picture.box(x, TOP, float(across(until)) - x, bottom - TOP, BANDS[mode])


def _legend(picture: Picture, told: Gathered) -> None:
    """Name the bands and the marks, from the right."""
    at = float(WIDTH - RIGHT)
    for mode in (Mode.OBSERVE_ONLY, Mode.REDUCE_RISK_ONLY):
        if (told.mode == mode).any():
            at -= 8 * len(mode.name) + 8
            picture.box(at, TOP - 22, 12, 12, BANDS[mode])
            picture.text(at + 16, TOP - 12, mode.name)
            at -= 16
    for name, down in (("sell", True), ("buy", False)):
        if told.fills:
            at -= 44
            picture.triangles([at], [TOP - 11.0 if down else TOP - 21.0], name, down=down, size=10)
            picture.text(at + 10, TOP - 12, name)


def _largest(fills: Sequence[Fill]) -> list[Fill]:
    """Return the fills that are marked, in the order of their times."""
    if len(fills) <= MARKS:
        return list(fills)
    largest = sorted(fills, key=lambda fill: -fill.notional)[:MARKS]
    return sorted(largest, key=lambda fill: fill.time)


def _mark(picture: Picture, fills: Sequence[Fill], across: Scale, ys: Any) -> None:
    for side, kind in ((Side.BUY, "buy"), (Side.SELL, "sell")):
        places = [n for n, fill in enumerate(fills) if fill.side == side]
        xs = [float(across(fills[n].time)) for n in places]
        picture.triangles(xs, [float(ys[n]) for n in places], kind, down=side == Side.SELL, size=9)


def _candles(marks: Buckets, places: Any, across: Scale, up: Scale) -> Iterator[str]:
    width = max(1.0, (across.end - across.begin) / marks.count * 0.6)
    xs = across(marks.middles())
    for n in places.tolist():
        x, low, high = float(xs[n]), float(up(marks.least[n])), float(up(marks.greatest[n]))
        ends = sorted((float(up(marks.first[n])), float(up(marks.last[n]))))
        body = f"h{width:.1f}v{max(0.8, ends[1] - ends[0]):.1f}h-{width:.1f}Z"
        yield f"M{x:.1f} {high:.1f}V{low:.1f}M{x - width / 2:.1f} {ends[0]:.1f}{body}"
