"""Strategies that each do one thing that no strategy may, and honest ones beside them.

They look at bars of a quarter of an hour; `tests/recorded_tapes.py` makes the market that they are asked
about.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd

from meva_core.strategy import (
    History,
    Strategy,
    change,
    ema,
    every,
    param,
    rank,
    rolling_max,
    rolling_mean,
    rolling_std,
    shift,
    top,
)


def one_of(score: Any) -> Any:
    """Return all of what can be invested in the best of each row."""
    return top(score, 1)


# -- What looks ahead -------------------------------------------------------------------------------------


class NextClose(Strategy):
    """Knows the next close."""

    def weights(self, h: History) -> Any:
        ahead = np.roll(h.close, -1, axis=0)
        ahead[-1] = h.close[-1]
        return h.on_cycles(one_of(ahead / h.close))


class OneAfterNext(Strategy):
    """Compares two closes to come: a constant factor upon both leaves that as it is."""

    def weights(self, h: History) -> Any:
        padded = np.concatenate((h.close, h.close[-1:], h.close[-1:]))
        rises = padded[2:] > padded[1:-1]
        return h.on_cycles(np.where(rises, 1 / len(h.symbols), 0.0))


class OutBeforeACrash(Strategy):
    """Holds all, but what falls by a twelfth in the next bar: in most markets that is never."""

    def weights(self, h: History) -> Any:
        after = np.vstack((h.close[1:], h.close[-1:]))
        return h.on_cycles((after > h.close * 11 / 12) / len(h.symbols))


class NormalisesOverAll(Strategy):
    """Takes mean and deviation of the whole window."""

    def weights(self, h: History) -> Any:
        score = (h.close - np.nanmean(h.close, axis=0)) / np.nanstd(h.close, axis=0)
        return h.on_cycles(np.where(score < 0, 1 / len(h.symbols), 0.0))


class FitsOnAll(Strategy):
    """Fits one line through all of it, and holds what lies below."""

    def weights(self, h: History) -> Any:
        found = np.zeros(h.close.shape)
        rows = np.arange(len(h.close))
        for i in range(len(h.symbols)):
            there = ~np.isnan(h.close[:, i])
            if there.sum() > 2:
                slope, level = np.polyfit(rows[there], h.close[there, i], 1)
                found[:, i] = h.close[:, i] < slope * rows + level
        return h.on_cycles(found / len(h.symbols))


class HoursByTheirBeginning(Strategy):
    """Stamps what an hour came to with its beginning."""

    def weights(self, h: History) -> Any:
        hours = pd.DataFrame(h.close, index=h.bar_time).resample("1h").last()
        at = pd.DataFrame(index=pd.DatetimeIndex(h.time).floor("1h"))
        known = at.join(hours).to_numpy()
        return one_of(known / h.on_cycles(h.close))


class FillsBackwards(Strategy):
    """Takes what is missing from later."""

    def weights(self, h: History) -> Any:
        close = pd.DataFrame(h.close).bfill().to_numpy()
        return h.on_cycles(one_of(change(close, 2)))

    def needs(self) -> int:
        return 3


class OnceADay(Strategy):
    """Looks once a day at how the day ends."""

    def weights(self, h: History) -> Any:
        found = np.full((len(h.time), len(h.symbols)), np.nan)
        days = h.seconds // 86_400
        for first in np.flatnonzero(np.diff(days, prepend=-1)):
            last = np.flatnonzero(days == days[first])[-1]
            found[first] = one_of((h.mark[last] / h.mark[first])[np.newaxis])[0]
        return found


class AliveAtTheEnd(Strategy):
    """Picks in its first cycle what is still there in the last."""

    def weights(self, h: History) -> Any:
        alive = ~np.isnan(h.mark[-1])
        found = np.full((len(h.time), len(h.symbols)), np.nan)
        if h.before is None:
            found[0] = alive / max(1, alive.sum())
        return found


class LastTenth(Strategy):
    """Does something else in the last tenth of what it is shown."""

    def weights(self, h: History) -> Any:
        found = np.full((len(h.time), len(h.symbols)), 1 / len(h.symbols))
        found[len(found) - len(found) // 10 :] = 0.0
        return found


KEPT: dict[tuple[str, int], float] = {}


class RemembersTheFuture(Strategy):
    """Keeps in a global what it once saw, and looks there for what comes next."""

    def weights(self, h: History) -> Any:
        for i, name in enumerate(h.symbols):
            for row, second in enumerate(h.bar_seconds.tolist()):
                KEPT[name, second] = h.close[row, i]
        score = np.zeros(h.close.shape)
        for i, name in enumerate(h.symbols):
            for row, second in enumerate(h.bar_seconds.tolist()):
                score[row, i] = KEPT.get((name, second + 900), 0.0) > h.close[row, i]
        return h.on_cycles(score / len(h.symbols))


class FitsOnce(Strategy):
    """Fits a model to all that it is shown first, and keeps that."""

    def weights(self, h: History) -> Any:
        change = np.nan_to_num(h.close[1:] / h.close[:-1] - 1)
        now, then = change[:-1].ravel(), change[1:].ravel()
        slope = KEPT.setdefault(("slope", 0), float(now @ then / max(now @ now, 1e-12)))
        found = np.zeros(h.close.shape)
        found[1:] = np.clip(0.5 + 100 * change * slope, 0.0, 1.0) / len(h.symbols)
        return h.on_cycles(found)


class BestShown(Strategy):
    """Holds what rises most over all that it is shown first."""

    def weights(self, h: History) -> Any:
        rise = np.nan_to_num(h.mark[-1] / h.mark[0])
        best = KEPT.setdefault(("best", 0), float(np.argmax(rise)))
        found = np.zeros((len(h.time), len(h.symbols)))
        found[:, int(best)] = 1.0
        return found


# -- What answers one question in two ways ----------------------------------------------------------------


class DatesByHeart(Strategy):
    """Knows which days were good."""

    def weights(self, h: History) -> Any:
        good = np.isin(h.time.astype("datetime64[D]"), np.array(["2026-01-03"], dtype="datetime64[D]"))
        return np.where(good[:, np.newaxis], 1 / len(h.symbols), 0.0) * np.ones(len(h.symbols))


class NeedsTooLittle(Strategy):
    """Says 10 and takes 60."""

    def needs(self) -> int:
        return 10

    def weights(self, h: History) -> Any:
        mean = pd.DataFrame(h.close).rolling(60, min_periods=2).mean().to_numpy()
        return h.on_cycles(np.where(h.close > mean, 1 / len(h.symbols), 0.0))


class Draws(Strategy):
    """Throws dice."""

    def weights(self, h: History) -> Any:
        return np.array([[random.random() / len(h.symbols) for _ in h.symbols] for _ in h.time])


class ByWindowLength(Strategy):
    """Holds less of all the longer the window is."""

    def weights(self, h: History) -> Any:
        return np.full((len(h.time), len(h.symbols)), 1 / len(h.symbols) / (1 + len(h.time)))


class CountsCycles(Strategy):
    """Looks back on cycles, of which there are none before a window."""

    def weights(self, h: History) -> Any:
        rises = h.mark > shift(h.mark, 3)
        return np.where(rises, 1 / len(h.symbols), 0.0)


class FirstInLine(Strategy):
    """Holds the first symbol, whichever that is."""

    def weights(self, h: History) -> Any:
        found = np.zeros((len(h.time), len(h.symbols)))
        found[:, 0] = 1.0
        return found


# -- Honest ones ------------------------------------------------------------------------------------------


class Indicators(Strategy):
    """Holds what is above its mean, not far below its highest, the calmer the more."""

    closes = param(20, least=2)

    def needs(self) -> int:
        return int(self.closes) + 1

    def weights(self, h: History) -> Any:
        above = (h.close > rolling_mean(h.close, self.closes)) & (h.close > 0.98 * rolling_max(h.close, 5))
        calm = 1 / (1 + 100 * rolling_std(change(h.close), self.closes))
        return h.on_cycles(np.where(above, calm, 0.0) / len(h.symbols))


class Averages(Strategy):
    """Holds what is above its exponential mean."""

    def needs(self) -> int:
        return 40

    def weights(self, h: History) -> Any:
        return h.on_cycles(np.where(h.close > ema(h.close, 10, 40), 1 / len(h.symbols), 0.0))


class Ranked(Strategy):
    """Holds more of what ranks higher, decided once an hour."""

    def needs(self) -> int:
        return 9

    def weights(self, h: History) -> Any:
        place = rank(change(h.close, 8))
        shares = np.where(np.isnan(place), 0.0, 1 / (1 + place)) / 4
        return every("1h", h.on_cycles(shares), h)


class HoldsAll(Strategy):
    """Buys equal parts of all in the first cycle, and goes on with them."""

    def weights(self, h: History) -> Any:
        found = np.full((len(h.time), len(h.symbols)), np.nan)
        if h.before is None:
            found[0] = 1 / len(h.symbols)
        return found


class EvenDays(Strategy):
    """Holds on some days of the month only."""

    calendar = True

    def weights(self, h: History) -> Any:
        day = pd.DatetimeIndex(h.time).day.to_numpy()
        return np.where((day % 2 == 0)[:, np.newaxis], 1 / len(h.symbols), 0.0) * np.ones(len(h.symbols))
