"""The figures of a book of Stages 3 and 4, reckoned from what its cycles stored.

What came and went is no profit: return is that of each day, one after the other, a day's being its last
equity to the one before it and what flowed. So is the worst fall, which a flow neither makes nor mends.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
from attrs import field, frozen

from meva_core.amounts import to_decimal
from meva_core.errors import StoreCorrupt, StoreUnready
from meva_core.figures import named
from meva_core.figures.by_symbol import SymbolFigures
from meva_core.figures.curve import Curve
from meva_core.figures.drawdown import Drawdown
from meva_core.figures.exact import mean_of
from meva_core.figures.held import bought
from meva_core.figures.ratios import DAY, quotient
from meva_core.figures.result import Figures, Pair, Undefined
from meva_core.figures.trips import RoundTrip
from meva_core.live_book.ledger import Ledger, Marks
from meva_core.live_book.postings import FILLS, Posting, lasting
from meva_core.live_history.books import Standing
from meva_core.live_history.cycles import Opened, opened
from meva_core.live_history.fills import postings_with_cycles, units
from meva_core.live_history.orders import orders_of
from meva_core.live_history.trips import LiveTrips
from meva_core.live_history.words import is_behind
from meva_core.modes import Mode
from meva_core.operational.scene import scene_of
from meva_core.ports import Reads, TextCodec

_LOOKED_AT: Final = 20
"""So many first cycles are looked at for the first mark of a symbol that the first had none of."""


@frozen
class Point:
    """A book after one of its cycles, amounts in e8; `flow` is what came less what went in it."""

    ts: datetime
    cycle: str
    equity: int
    cash: int
    flow: int
    mode: str
    bound: Mapping[str, Any] | None

    @property
    def time(self) -> int:
        """Its time in seconds."""
        return int(self.ts.timestamp())

    @property
    def reason(self) -> tuple[str, str] | None:
        """The code and the setting of what bound its mode, None where nothing did."""
        return (self.bound["reason"]["code"], self.bound["reason"]["setting"]) if self.bound else None


@frozen
class BookSummary:
    """Figures of a book, with what lies behind them. `chained` is the equity of each point as if nothing had
    flowed, e8; `months` are UTC months with that before and at their end."""

    standing: Standing
    figures: Figures
    flows: int
    setting: str
    setting_value: Any
    points: Sequence[Point] = field(repr=False)
    chained: Sequence[int] = field(repr=False)
    trips: Sequence[RoundTrip] = field(repr=False)
    months: Sequence[tuple[str, int, int]] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """Return the figures as JSON holds them, under the names that those of Stage 7 have."""
        document = self.figures.document()
        undefined = document.pop("undefined")
        is_dry = self.standing.name != "live"
        return {
            "run_id": self.standing.book.run,
            "runs": [self.standing.book.run],
            "book": self.standing.name,
            "kind": "dry" if is_dry else "live",
            "data": None,
            "assumed": "those of a simulated exchange" if is_dry else None,
            "quote": "TRY",
            **document,
            "flows_try": to_decimal(self.flows),
            "mostly_setting": self.setting or None,
            "mostly_setting_value": self.setting_value,
            "undefined": undefined,
        }


def summary_of(reads: Reads, standing: Standing, texts: TextCodec, *, cash_rate: float = 0) -> BookSummary:
    """Reckon the figures of a book.

    Raises StoreUnready for one without a cycle that is done, StoreCorrupt for rows that cannot be read.
    """
    points = points_of(reads, standing)
    if not points:
        raise StoreUnready(
            f"book {standing.name} has no cycle that is done", action="let it run, then ask again"
        )
    first = opened(reads, standing.listed, texts, points[0].cycle)
    marks = {one.name: one.valuation for one in first.inputs.symbols if one.valuation is not None}
    began = standing.opening.equity(marks)
    chained = chain(began, points)
    curve, real = _curve(began, points, chained), _curve(began, points, [point.equity for point in points])
    curve.invested = real.invested
    postings = [posting for _, posting in postings_with_cycles(reads, standing.listed)]
    trips = LiveTrips.after(standing.opening)
    for posting in lasting(postings):
        trips.take(posting)
    done = trips.done(orders_of(reads, standing.listed))
    ledger, flows = standing.book.ledger, sum(point.flow for point in points)
    symbols = named.symbol_rows(_symbols(standing, marks, postings))
    bound = Counter(one.reason for one in points if one.reason is not None)
    figures = Figures(
        start=points[0].time,
        end=points[-1].time,
        cycles=len(points),
        days=quotient(curve.seconds, DAY),
        whole_days=len(curve.days.whole()),
        **{
            **named.equity_figures(curve),
            "final_equity_try": points[-1].equity,
            "net_pnl_try": points[-1].equity - began - flows,
        },
        **_benchmarks(reads, standing, texts, points, first, began),
        **{**named.drawdown_figures(curve.drawdown), "max_drawdown_try": _fall(began, points)},
        **named.risk_figures(curve, cash_rate),
        **named.cost_figures(real, ledger.fees, ledger.slippage, ledger.turnover),
        fills=sum(row.fills for row in symbols),
        **named.trip_figures(done),
        open_cost_try=trips.trips.open_cost,
        **_modes(points, bound),
        symbols=symbols,
    )
    setting, value = _mostly_setting(reads, standing, texts, points, bound)
    return BookSummary(standing, figures, flows, setting, value, points, chained, done, curve.days.months())


# -- What cycles stored -----------------------------------------------------------------------------------


def points_of(reads: Reads, standing: Standing) -> list[Point]:
    """Return a book after each of its cycles that are done, oldest first."""
    run = standing.book.run
    cash = dict(reads.rows("account_snapshots", ("cycle_id", "cash_try"), run_id=run))
    modes = dict(reads.rows("cycle_audit", ("cycle_id", "envelope_json"), run_id=run))
    flows: Counter[str] = Counter()
    for cycle, value in reads.rows("live_flows", ("cycle_id", "value_try"), where={"book": standing.name}):
        flows[cycle] += units(value)
    waiting, found = sorted(flows), []
    for ts, cycle, equity in reads.rows("pnl_snapshots", ("ts", "cycle_id", "total_equity_try"), run_id=run):
        flow = 0
        while waiting and waiting[0] <= cycle:  # also what a cycle booked that came to no end
            flow += flows[waiting.pop(0)]
        envelope = _envelope(modes.get(cycle), cycle)
        found.append(
            Point(ts, cycle, units(equity), units(cash[cycle]), flow, envelope["mode"], envelope["bound"])
        )
    return found


def _envelope(text: str | None, cycle: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "")
        return {"mode": found["mode"], "bound": found["bound"]}
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"cycle_audit, {cycle}: cannot be read", action="keep the database, and restore a backup"
        ) from error


def chain(began: int, points: Sequence[Point]) -> list[int]:
    """Return the equity after each point as if nothing had flowed, e8: within a day it goes as equity goes to
    what the day began with and what flowed since; the next day goes on from there."""
    found: list[int] = []
    before, level = began, began
    for _, of_day in groupby(points, key=lambda point: point.time // DAY):
        base, start = before, level
        for point in of_day:
            base += point.flow
            level = mean_of(start * point.equity, base) if base > 0 and start > 0 else level
            found.append(level)
            before = point.equity
    return found


def _curve(began: int, points: Sequence[Point], equity: Sequence[int]) -> Curve:
    curve = Curve(began)
    times = np.array([point.time for point in points], dtype=np.int64)
    cash = [
        point.cash if one == point.equity else mean_of(point.cash * one, point.equity) if point.equity else 0
        for point, one in zip(points, equity, strict=True)
    ]
    curve.add(times, _column(equity), _column(cash))
    curve.drawdown.end()
    return curve


def _fall(began: int, points: Sequence[Point]) -> int:
    """Return the largest fall in TRY, e8, of equity less all that flowed."""
    found, flowed, less = Drawdown(began), 0, []
    for point in points:
        flowed += point.flow
        less.append(point.equity - flowed)
    found.take(np.array([point.time for point in points], dtype=np.int64), _column(less))
    return 0 if found.deepest is None else found.deepest.peak - found.deepest.low


def _column(amounts: Sequence[int]) -> Any:
    fits = max(map(abs, amounts)) < 2**63
    return np.array(amounts, dtype=np.int64 if fits else object)


# -- What is made of it -----------------------------------------------------------------------------------


def _symbols(standing: Standing, marks: Marks, postings: Sequence[Posting]) -> list[SymbolFigures]:
    """Return what each symbol did since the opening, the best first."""
    fills = Counter(one.symbol for one in postings if one.kind in FILLS)
    before = _gains(standing.opening, marks)
    found = [
        SymbolFigures(
            symbol,
            fills[symbol],
            held.realized,
            held.value(standing.marks.get(symbol)) - held.cost - before.get(symbol, 0),
            held.fees,
            held.slippage,
        )
        for symbol, held in standing.book.ledger.holdings.items()
    ]
    return sorted(found, key=lambda one: (-one.net, one.symbol))


def _gains(ledger: Ledger, marks: Marks) -> dict[str, int]:
    return {name: held.value(marks.get(name)) - held.cost for name, held in ledger.holdings.items()}


def _mostly(bound: Mapping[tuple[str, str], int]) -> str | None:
    """Return the code that bound most cycles, whichever of its settings it came from."""
    by_code: Counter[str] = Counter()
    for (code, _), count in bound.items():
        by_code[code] += count
    return min(by_code, key=lambda code: (-by_code[code], code), default=None)


def _mostly_setting(
    reads: Reads,
    standing: Standing,
    texts: TextCodec,
    points: Sequence[Point],
    bound: Mapping[tuple[str, str], int],
) -> tuple[str, Any]:
    """Return the setting behind what bound most cycles, with the value that it had in the last of them;
    nothing where no setting was."""
    code = _mostly(bound)
    keys = [key for key in bound if key[0] == code]
    if code is None or not keys:
        return "", None
    setting = min(keys, key=lambda key: (-bound[key], key))[1]
    last = next(one for one in reversed(points) if one.reason == (code, setting))
    settings = opened(reads, standing.listed, texts, last.cycle).settings
    value = settings.get(setting)
    return (setting, value) if value is not None and is_behind(setting, settings) else ("", None)


def _modes(points: Sequence[Point], bound: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    counts = {mode.name: sum(point.mode == mode.name for point in points) for mode in Mode}
    mostly = _mostly(bound)
    return {
        "modes": counts,
        "mode_ratios": {name: quotient(count, len(points)) for name, count in counts.items()},
        "mostly": Undefined.NO_RESTRICTION if mostly is None else mostly,
        "mostly_unit": "",
        "mostly_cycles": sum(count for (code, _), count in bound.items() if code == mostly),
    }


def _benchmarks(
    reads: Reads, standing: Standing, texts: TextCodec, points: Sequence[Point], first: Opened, began: int
) -> dict[str, Any]:
    """Return what holding the configured symbols would have come to, each bought at its first mark with the
    taker's fee and never sold, at the last valuation marks."""
    names = sorted(set(first.inputs.limits.symbols))
    pending, wholes, parts = set(names), dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    seen: set[str] = set()
    part = began // len(names) if names else 0
    for point in points[:_LOOKED_AT]:
        if not pending:
            break
        cycle = first if point is points[0] else opened(reads, standing.listed, texts, point.cycle)
        scene = scene_of(cycle.inputs)
        for name in sorted(pending):
            one = scene.symbol(name)
            if one is None or not one.mark:
                continue
            pending.discard(name)
            seen.add(name)
            place, fee = scene.place[name], cycle.inputs.effective_fee
            terms = (
                one.mark, fee, scene.rules.lot[place], scene.rules.min_notional[place],
                scene.rules.min_qty[place],
            )  # fmt: skip
            for money, into in ((began, wholes), (part, parts)):
                buy = bought(money, *terms) if one.rules.usable else None
                into[name] = _worth(money, buy, standing.marks.get(name, one.mark))
    none = Undefined.NO_MARK
    if not seen or began <= 0:
        unknown = none if began > 0 else Undefined.NO_EQUITY
        return dict.fromkeys(
            ("equal_parts_return_ratio", "best_pair", "best_pair_return_ratio", "pairs_held"), unknown
        )
    equal = began - part * len(names) + sum(parts[name] if name in seen else part for name in names)
    best = min(seen, key=lambda name: (-wholes[name], name))
    return {
        "equal_parts_return_ratio": named.gained(equal, began),
        "best_pair": best,
        "best_pair_return_ratio": named.gained(wholes[best], began),
        "pairs_held": tuple(
            Pair(name, named.gained(wholes[name], began) if name in seen else none) for name in names
        ),
    }


def _worth(money: int, buy: Any, mark: int) -> int:
    """Return what is left of money, and what it bought, at a mark."""
    from meva_core.live_book.holdings import product

    return money if buy is None else money - buy.paid + product(buy.qty, mark)
