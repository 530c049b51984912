"""What pictures show of a book of Stages 3 and 4, gathered from what its cycles stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from meva_adapters.pictures.gathered import Gathered
from meva_core.amounts import E8
from meva_core.figures.cycles import Opening
from meva_core.figures.trips import Fill
from meva_core.live_book.postings import FILLS, Posting
from meva_core.live_history.books import Standing
from meva_core.live_history.cycles import opened
from meva_core.live_history.fills import Booked, booked_fills, postings_with_cycles, units
from meva_core.live_history.summary import BookSummary, Point
from meva_core.modes import Mode
from meva_core.ports import Reads, TextCodec

LOOKED_AT: Final = 1_000
"""Of so many cycles at most, evenly chosen, marks and holdings are looked at: each is a document to open."""


def gathered_of(reads: Reads, summary: BookSummary, texts: TextCodec) -> Gathered:
    """Return what pictures show of a book; how far it fell is of its equity as if nothing had flowed."""
    standing, points = summary.standing, summary.points
    began = summary.figures.opening_equity_try
    told = Gathered(points[0].time, points[-1].time, Opening(began))
    times = np.array([point.time for point in points], dtype=np.int64)
    places = told.equity.places(times)
    told.equity.take(places, _lira(point.equity for point in points))
    told.cash.take(places, _lira(point.cash for point in points))
    told.fall.take(places, _falls(began, summary.chained))
    fees, slippage = _costs(points, postings_with_cycles(reads, standing.listed))
    told.fees.take(places, _lira(fees))
    told.slippage.take(places, _lira(slippage))
    modes = np.array([int(Mode[point.mode]) for point in points], dtype=np.int64)
    here = places.of[places.begins]
    told.mode[here] = np.maximum(told.mode[here], np.maximum.reduceat(modes, places.begins))
    _marks(told, reads, standing, texts, points)
    told.fills.extend(map(_fill, booked_fills(reads, standing.listed)))
    return told


def _lira(amounts: Iterable[int]) -> Any:
    return np.array([amount / E8 for amount in amounts], dtype=np.float64)


def _falls(began: int, levels: Sequence[int]) -> Any:
    peaks = np.maximum.accumulate(_lira([began, *levels]))[1:]
    return (peaks - _lira(levels)) / np.where(peaks > 0, peaks, np.inf) * 100


def _costs(points: Sequence[Point], postings: list[tuple[str, Posting]]) -> tuple[list[int], list[int]]:
    """Return fees and slippage since the opening after each point, e8."""
    fees, slippage, place, found = 0, 0, 0, ([], [])  # type: ignore[var-annotated]
    for point in points:
        while place < len(postings) and postings[place][0] <= point.cycle:
            posting = postings[place][1]
            if posting.kind in FILLS:
                fees += posting.fee
                slippage += abs(posting.notional - posting.reference)
            place += 1
        found[0].append(fees)
        found[1].append(slippage)
    return found


def _marks(
    told: Gathered, reads: Reads, standing: Standing, texts: TextCodec, points: Sequence[Point]
) -> None:
    step = -(-len(points) // LOOKED_AT)
    chosen = [*points[::step], *([] if (len(points) - 1) % step == 0 else points[-1:])]
    places = told.equity.places(np.array([point.time for point in chosen], dtype=np.int64))
    cycles = [opened(reads, standing.listed, texts, point.cycle).inputs for point in chosen]
    held = [{one.symbol: one.value for one in inputs.positions.positions} for inputs in cycles]
    for name in sorted({one.name for inputs in cycles for one in inputs.symbols}):
        marks = [next((one.mark for one in inputs.symbols if one.name == name), None) for inputs in cycles]
        shown = np.array([np.nan if not mark else mark / E8 for mark in marks], dtype=np.float64)
        told.series(told.marks, name, ends=False).take(places, shown)
        told.series(told.values, name, ends=True).take(places, _lira(one.get(name, 0) for one in held))


def _fill(one: Booked) -> Fill:
    return Fill(
        time=one.posting.ts // 10**6,
        symbol=one.fill.symbol,
        side=int(one.fill.side),
        submitted=0,
        n=one.posting.seq,
        resting=0,
        price=units(one.fill.price),
        qty=one.qty,
        notional=one.notional,
        fee=one.fee,
        reference=one.posting.reference,
    )
