"""How a book of Stages 3 and 4 stands with its limits of risk, and a person's word that resets its peak."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve, frozen

from meva_core.amounts import E8, to_decimal
from meva_core.ids import canonical_json
from meva_core.live.live_orders import stamp
from meva_core.live_book import figures as measured
from meva_core.live_history.books import Standing, pick, standing
from meva_core.live_history.cycles import Opened, cycles_in, opened
from meva_core.operating.records.recording import saved
from meva_core.operational.because import Because, Cause, because
from meva_core.operational.budget import PEAK
from meva_core.operational.filters_stage4 import fallen_percent
from meva_core.ports import Reads, TextCodec, UnitOfWork

_STEP: Final = "risk"
RESET: Final = "risk_reset"
_REACHED: Final = frozenset({Cause.DRAWDOWN_LIMIT, Cause.MAX_DAILY_LOSS, Cause.MAX_DRAWDOWN})
"""Limits that are breached once they are reached; the others once they are passed."""
_OF_PEAK: Final = frozenset({"RISK_MAX_DRAWDOWN_TRY", "MAX_DRAWDOWN_PCT"})
_OF_STAGE4: Final = frozenset({Cause.MAX_DAILY_LOSS, Cause.MAX_DRAWDOWN})
"""Limits that Stage 3 does not look at."""


@frozen
class Rule:
    """A limit, what stood against it in the last cycle, and whether that breached it."""

    fired: bool
    reason: Because

    @property
    def of_peak(self) -> bool:
        """Whether it counts from the peak, which a person may reset; DRAWDOWN_LIMIT is that of a day's loss,
        too, which ends with the day."""
        return self.reason.setting in _OF_PEAK


@frozen
class Reset:
    """A reset on record, amounts as stored text."""

    ts: datetime
    reason: str
    before: str
    after: str


@frozen
class Risk:
    """A book and its limits; `cycle` is the last one, None before the first."""

    standing: Standing
    cycle: Opened | None
    rules: tuple[Rule, ...]
    resets: tuple[Reset, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it; the keys that Stage 7's has as well mean the same."""
        figures, book = self.standing.book.figures, self.standing.book
        degrade, today = self.standing.carried.degrade, book.ledger.day(figures.day)
        percent = fallen_percent(figures.peak_percent, figures.equity)
        ratio = figures.drawdown * E8 // figures.peak if figures.peak > 0 else 0
        return {
            "book": self.standing.name,
            "run_id": book.run,
            "last_cycle": self.standing.listed.last,
            "mode": None if self.cycle is None else self.cycle.decisions.mode.mode.name,
            "equity_try": to_decimal(figures.equity),
            "day_result_try": to_decimal(figures.day_pnl),
            "peak_try": to_decimal(figures.peak),
            "peak_ever_try": to_decimal(figures.peak_ever),
            "drawdown_try": to_decimal(figures.drawdown),
            "drawdown_ratio": to_decimal(ratio),
            "percent_peak_try": to_decimal(figures.peak_percent),
            "drawdown_pct": to_decimal(percent),
            "fees_today_try": to_decimal(today.fees),
            "realized_today_try": to_decimal(today.realized),
            "degrade_mode": degrade.override.name if degrade.override else None,
            "degrade_until": _second(degrade.until) if degrade.override else None,
            "rules": [self._rule(one) for one in self.rules],
            "resets": [
                {"ts": one.ts, "reason": one.reason, "peak_before_try": one.before, "peak_try": one.after}
                for one in self.resets
            ],
        }

    def _rule(self, one: Rule) -> dict[str, Any]:
        settings: Mapping[str, Any] = {} if self.cycle is None else self.cycle.settings
        return {
            "code": one.reason.code,
            "fired": one.fired,
            "value": one.reason.value,
            "limit": one.reason.limit,
            "unit": one.reason.unit,
            "setting": one.reason.setting or None,
            "setting_value": settings.get(one.reason.setting),
        }


def risk_of(reads: Reads, book: Standing, texts: TextCodec) -> Risk:
    """Return how a book stands with its limits."""
    cycle = None
    if book.book.cycles:
        [(_, name)] = cycles_in(reads, book.listed, last=1)
        cycle = opened(reads, book.listed, texts, name)
    rules = () if cycle is None else tuple(rules_of(cycle))
    return Risk(book, cycle, rules, tuple(resets_of(reads, book)))


def rules_of(cycle: Opened) -> Iterator[Rule]:
    """Yield every limit of loss and of size that the cycle's stage keeps, with what it measured, breached or
    not."""
    limits, found, risk = cycle.inputs.limits, cycle.decisions.assessed, cycle.inputs.risk
    day_loss, realized = max(0, -found.day_pnl), max(0, -risk.realized_today)
    percent = fallen_percent(risk.percent_peak, found.equity)
    largest, most, unit = found.largest, limits.risk_max_position_pct, "ratio"
    if found.equity > 0:
        largest = -(-largest * E8 // found.equity)  # up: above the limit where the budget finds it above
    else:
        most, unit = 0, "TRY"  # nothing has no shares: whatever is held is too much
    rows = (
        ("RISK_MAX_DRAWDOWN_TRY", Cause.DRAWDOWN_LIMIT, found.drawdown, limits.risk_max_drawdown_try, "TRY"),
        (
            "RISK_MAX_DAILY_DRAWDOWN_TRY", Cause.DRAWDOWN_LIMIT, day_loss,
            limits.risk_max_daily_drawdown_try, "TRY",
        ),
        (
            "RISK_MAX_GROSS_EXPOSURE_TRY", Cause.EXPOSURE_LIMIT, found.exposure,
            limits.risk_max_gross_exposure_try, "TRY",
        ),
        ("RISK_MAX_POSITION_PCT", Cause.EXPOSURE_LIMIT, largest, most, unit),
        (
            "RISK_MAX_FEE_TRY_PER_DAY", Cause.FEE_BUDGET, risk.fees_today,
            limits.risk_max_fee_try_per_day, "TRY",
        ),
        ("MAX_DAILY_LOSS_TRY", Cause.MAX_DAILY_LOSS, realized, limits.max_daily_loss_try, "TRY"),
        ("MAX_DRAWDOWN_PCT", Cause.MAX_DRAWDOWN, percent, limits.max_drawdown_pct, "percent"),
    )  # fmt: skip
    for setting, code, value, limit, unit in rows:
        if cycle.inputs.stage == 3 and code in _OF_STAGE4:
            continue
        reaches = code in _REACHED
        breached = limit is not None and value > 0 and (value >= limit if reaches else value > limit)
        yield Rule(breached, because(code, _STEP, "", value, limit, unit=unit, setting=setting))


def resets_of(reads: Reads, book: Standing) -> Iterator[Reset]:
    """Yield the resets of a book, oldest first."""
    columns = ("ts", "counts_json", "decisions_json")
    for ts, counts, said in reads.rows("cycle_audit", columns, run_id=book.book.run):
        if RESET in json.loads(counts):
            found = json.loads(said)
            yield Reset(ts, found["reason"], found["peak_before_try"], found["peak_try"])


def reset_peak(work: UnitOfWork, name: str, reason: str, now: int) -> tuple[Standing, Standing] | None:
    """Let a book's drawdown count from its last equity on, and leave a row of who wanted it, why and when, in
    microseconds; whoever asks holds the book's lease. Return the book before and after; None, and nothing is
    stored, where it is at its peak.

    Raises BadInput for what is no name of a book, StoreUnready for one that was never opened.
    """
    before = standing(work, pick(work, name))
    book, carried = before.book, before.carried
    after = measured.reset(book.figures)
    if after == book.figures:
        return None
    risk = carried.risk
    if risk is not None:
        # The switch that was pulled at the old peak may be pulled at the new one again.
        breached = tuple(one for one in risk.breached if one != PEAK)
        carried = evolve(carried, risk=evolve(risk, breached=breached, killed_at_peak=False))
    changed = evolve(before, book=evolve(book, figures=after), carried=carried)
    saved(work, changed.book, carried)
    of = before.whose
    peaks = {
        "peak_before_try": f"{to_decimal(book.figures.peak):f}",
        "peak_try": f"{to_decimal(after.peak):f}",
        "percent_peak_before_try": f"{to_decimal(book.figures.peak_percent):f}",
    }
    values = {
        "cycle_id": of.key(f"{RESET}-{now}"),
        "ts": stamp(now),
        "counts_json": canonical_json({RESET: 1}),
        "decisions_json": canonical_json({"reason": reason, **peaks}),
        "envelope_json": canonical_json({"book": name, "dry": not of.is_live}),
        "book": of.column,
        "run_id": of.run,
    }
    work.insert("cycle_audit", tuple(values), [tuple(values.values())])
    return before, changed


def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
