"""What became of cycles and their symbols, as stored reasons, column by column.

The step that stopped it, what was measured, the limit, and what would have let it through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT, E8
from meva_core.cycle import Out
from meva_core.market import Market
from meva_core.params import Params
from meva_core.reasons import Code, Reason
from meva_core.rules import Rules
from meva_core.steps.plan import band_of
from meva_core.trace.documents import CODES_IN_JSON
from meva_core.trace.texts import AMOUNT_PLACES, Texts, reason_row
from meva_core.why import cycle_reasons, spread_bps

NO_NUMBER: Final = -(2**63)
"""Stands where a reason has no value, no limit or no distance: no amount is as low."""
_UNRESTRICTED: Final = reason_row(Reason(Code.OK.text, "assess"))
"""What `cycle_reasons` gives where no rule fired and every mode is NORMAL."""
_OF_SELECT: Final = (Code.ABOVE_MAX_SPREAD, Code.BELOW_MIN_VOLUME)
_UNITS: Final = ("", "TRY", "bps", "rank", "s", "orders")
_UNITS_IN_JSON: Final = tuple(f'"{unit}"' for unit in _UNITS)
_STEPS: Final = ('"plan"', '"select"')


class Fates:
    """Why symbols did not get as far as an intent, in some cycles of a stretch."""

    def __init__(self, market: Market, out: Out, cycles: Any, least: Any, p: Params) -> None:
        """`cycles` are places of rows, a slice or int64 [cycles]; `least` is the smallest order of each
        symbol, int64 [symbols]."""
        self.market, self.out, self.cycles = market, out, cycles
        self.least, self.params = least, p
        plan, select = out.plan.code[cycles], out.select.code[cycles]
        # What a filter refuses to buy more of stays, and is told with the filter's code.
        unselected = (plan == Code.NOT_SELECTED) & (select != Code.OK)
        self._unselected = unselected | np.isin(plan, _OF_SELECT)
        self.codes = np.where(unselected, select, plan)
        """What stopped each symbol before there was an intent, int64 [cycles, symbols]."""

    def cells(self, symbols: Sequence[str], texts: Texts) -> Any:
        """Return the reasons as a column of JSON, cycle by cycle and symbol by symbol; `symbols` are JSON."""
        shape = self.codes.shape
        self._value, self._limit = np.full(shape, NO_NUMBER), np.full(shape, NO_NUMBER)
        self._unit = np.zeros(shape, dtype=np.int64)
        self._present = frozenset(np.flatnonzero(np.bincount(self.codes.reshape(-1))).tolist())
        self._selection()
        self._planning()
        both = (self._value != NO_NUMBER) & (self._limit != NO_NUMBER)
        distance = np.where(both, np.abs(self._value - np.where(both, self._limit, 0)), NO_NUMBER)

        def number(column: Any) -> Any:
            return texts.quoted(texts.fixed(column.reshape(-1), AMOUNT_PLACES, none=NO_NUMBER))

        count, width = self.codes.shape
        steps = self._unselected.astype(np.int64)
        parts = (
            texts.chosen(CODES_IN_JSON, self.codes.reshape(-1)),
            texts.chosen(_STEPS, steps.reshape(-1)),
            texts.chosen(symbols, np.tile(np.arange(width), count)),
            number(self._value),
            number(self._limit),
            number(distance),
            texts.chosen(_UNITS_IN_JSON, self._unit.reshape(-1)),
        )
        commas = [piece for part in parts for piece in (",", part)]
        return texts.joined("[", *commas[1:], "]")

    def _selection(self) -> None:
        """Note the numbers of symbols that were not selected."""
        market, tuned, at = self.market, self.out.adapt, self.cycles
        note = partial(self._note, self._unselected)

        def spreads() -> Any:
            found = np.zeros(self.codes.shape, dtype=np.int64)
            wide = self._unselected & (self.codes == Code.ABOVE_MAX_SPREAD)
            books = zip(market.bid[at][wide].tolist(), market.ask[at][wide].tolist(), strict=True)
            found[wide] = [spread_bps(bid, ask) for bid, ask in books]  # its products need more than 63 bits
            return found, _each(tuned.max_spread_bps[at])

        def volumes() -> Any:
            return np.maximum(0, market.quote_volume[at]), _each(tuned.min_volume_try[at])

        def places() -> Any:
            return (self.out.select.rank[at] + 1) * E8, _each(tuned.universe_size[at] * E8)

        note("TRY", volumes, Code.BELOW_MIN_VOLUME)
        note("bps", spreads, Code.ABOVE_MAX_SPREAD)

        def wishes() -> Any:
            chosen = self.out.select
            kept = np.where(chosen.selected[at] == 1, chosen.wish[at], np.iinfo(np.int64).max)
            return chosen.wish[at], _each(kept.min(axis=1))

        if self.params.strategy:
            note("TRY", wishes, Code.UNIVERSE_FULL)
        else:
            note("rank", places, Code.UNIVERSE_FULL)

    def _planning(self) -> None:
        """Note the numbers of symbols whose difference from the target did not become an intent."""
        out, plan, at, least = self.out, self.out.plan, self.cycles, self.least
        note = partial(self._note, ~self._unselected)

        def left() -> Any:
            amount, cap = plan.amount[at], _each(plan.cap_left[at])
            # What is left may be enough for the minimum and yet not make whole lots of it.
            return cap, np.where(cap < least, least, amount)

        def share() -> Any:
            if self.params.strategy:
                return plan.target[at], least
            return _each(plan.investable[at] // (plan.shares[at] + 1)), least

        def ages() -> Any:
            age = out.measure.book_age[at]
            return np.where(age == ABSENT, NO_NUMBER, age * E8), self.params.max_data_age * E8

        def orders() -> Any:
            most = _each(out.adapt.max_orders[at])
            return (most + 1) * E8, most * E8

        note("TRY", lambda: (plan.amount[at], least), Code.MIN_NOTIONAL, Code.DUST)

        def bands() -> Any:
            money = zip(
                out.assess.equity_whole[at].tolist(), out.assess.equity_rest[at].tolist(), strict=True
            )
            found = [band_of(whole, rest, self.params.rebalance_band) for whole, rest in money]
            return np.abs(plan.delta[at]), _each(np.array(found, dtype=np.int64))

        note("TRY", bands, Code.WITHIN_BAND)
        note("TRY", left, Code.TURNOVER_CAP)
        note("TRY", share, Code.SHARE_BELOW_MINIMUM)
        note("s", ages, Code.STALE_MARKET_DATA)
        note("orders", orders, Code.MAX_ORDERS)
        note("TRY", lambda: (plan.delta[at], NO_NUMBER), Code.OBSERVE_ONLY, Code.MODE_REDUCE_RISK_ONLY)

    def _note(self, among: Any, unit: str, numbers: Callable[[], Any], *codes: Code) -> None:
        """Note values and limits, which have the shape of the cells or go with it, where a code stands."""
        if self._present.isdisjoint(codes):
            return
        at = among & np.isin(self.codes, codes)
        values, limits = numbers()
        self._value[at] = np.broadcast_to(values, at.shape)[at]
        self._limit[at] = np.broadcast_to(limits, at.shape)[at]
        self._unit[at] = _UNITS.index(unit)


def own_reasons(
    market: Market, out: Out, cycles: Any, at: Any, rules: Rules, p: Params, encode: Callable[[Any], str]
) -> list[str]:
    """Return what applies to the whole of each of some cycles, in JSON, without the array's ends; `cycles`
    are places of rows, int64 [cycles], and `at` the same or the slice that they make up."""
    plan = out.plan
    restricting = plan.base_mode[at] | plan.override_mode[at] | plan.rules_mode[at]
    restricting = restricting | plan.strategy_failed[at]
    restricted = (out.assess.fired[at] | restricting | plan.cycle_code[at]) != 0
    found = [encode(_UNRESTRICTED)] * len(restricted)
    for k in np.flatnonzero(restricted).tolist():
        reasons = cycle_reasons(int(cycles[k]), market, out, rules, p)
        found[k] = ",".join(encode(reason_row(reason)) for reason in reasons)
    return found


def commonest(codes: Any) -> Any:
    """Return the code that most symbols of each cycle share, the first of equals; int64 [cycles]."""
    cycles, most = np.arange(len(codes))[:, np.newaxis], int(codes.max()) + 1
    counts = np.bincount((cycles * most + codes).reshape(-1), minlength=len(codes) * most)
    shared = counts.reshape(-1, most)[cycles, codes]
    return codes[cycles[:, 0], shared.argmax(axis=1)]


def _each(column: Any) -> Any:
    """Return a column with one value a cycle as one that goes with those by symbol."""
    return column[:, np.newaxis]
