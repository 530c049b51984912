"""The page of figures of a run or a book, made out of what is stored of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, compress
from typing import Any, Final

import numpy as np
from attrs import evolve, frozen

from meva_core.chains import refuse_lost
from meva_core.errors import StoreCorrupt, StoreError, StoreUnready
from meva_core.figures.cycles import Cycles, Opening, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.result import Figures
from meva_core.figures.trips import OrderName, RoundTrip, Trips, resting
from meva_core.ports import Reads
from meva_core.stages.accounts import Account, assumed_of
from meva_core.stages.codec import Codec
from meva_core.stages.summary_of_rows import figures_of_rows, fills_of_rows
from meva_core.state import State, restore_state
from meva_core.stretches.kept_state import standing_of, state_of, state_read
from meva_core.stretches.opened import Span, made_of, together
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.stored import StoredStretch, unsealed

_LEGACY: Final = "legacy"
"""The kind of the run that the earlier system's cycles are."""
_CELLS: Final = 2**16
"""Cycles are reckoned so many at a time, by symbols: what a part costs by itself is then no matter."""


@frozen
class Summary:
    """Figures, with what they are of. `assumed` says which of the data nobody recorded, and is empty where
    all were."""

    account: Account
    quote: str
    assumed: str
    figures: Figures

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it, but for amounts and times, which are Decimals and datetimes."""
        account = self.account
        return {
            "run_id": account.runs[-1]["run_id"],
            "runs": account.run_ids,
            "book": account.book,
            "kind": account.runs[-1]["kind"],
            "data": account.runs[-1]["dataset"],
            "assumed": self.assumed or None,
            "quote": self.quote,
            **self.figures.document(),
        }


def summary_of(reads: Reads, account: Account, codec: Codec, *, cash_rate: float = 0) -> Summary:
    """Reckon the figures of an account out of its stored columns, some thousand cycles in memory at a time.

    Raises StoreUnready for one that has none or not all of them, or of an unknown form; StoreCorrupt for
    damage.
    """
    if _has_rows_only(reads, account):
        figures = _figures_of_rows(reads, account.runs[-1], codec, cash_rate)
    else:
        reckoning, still_open = _reckoned(reads, account, codec, None)
        figures = reckoning.figures(cash_rate=cash_rate, still_open=still_open)
    return _summary(account, codec, figures)


def _summary(account: Account, codec: Codec, figures: Figures) -> Summary:
    quote = recorded_run(account.runs[-1], codec.decode).quote
    return Summary(account, quote, assumed_of(account.runs, codec.decode), figures)


@frozen
class Retold:
    """A summary with what lies behind it: the round trips, and each UTC month with the equity before it and
    at its end, e8."""

    summary: Summary
    trips: list[RoundTrip]
    months: list[tuple[str, int, int]]


def retold(
    reads: Reads,
    account: Account,
    codec: Codec,
    also: Callable[[Opening], Callable[[Cycles], None]],
    *,
    cash_rate: float = 0,
) -> Retold:
    """Reckon an account, and let somebody else look at all its cycles, too: `also` is given what it began
    with, and returns what takes the cycles. Raises as `summary_of` does."""
    reckoning, still_open = _reckoned(reads, account, codec, Motives(), also)
    return Retold(
        _summary(account, codec, reckoning.figures(cash_rate=cash_rate, still_open=still_open)),
        reckoning.round_trips(still_open),
        reckoning.curve.days.months(),
    )


def round_trips_of(reads: Reads, account: Account, codec: Codec) -> list[RoundTrip]:
    """Return the round trips of an account, in the order of their last fills. Raises as `summary_of` does.

    Out of rows they come without the reason why something was sold.
    """
    if not _has_rows_only(reads, account):
        reckoning, still_open = _reckoned(reads, account, codec, Motives())
        return reckoning.round_trips(still_open)
    row = account.runs[-1]
    trips = Trips.after(_opening(reads, _run_of(row, codec), codec))
    for fill, _ in fills_of_rows(reads, row["run_id"]):
        trips.take(fill)
    return trips.done(resting(_last_state(reads, row, codec)))


def _has_rows_only(reads: Reads, account: Account) -> bool:
    """Whether an account is a run with cycles that have no columns, but rows: an earlier version kept none,
    and had no books. Raises StoreCorrupt where some have neither."""
    for run in account.runs:
        refuse_lost(reads, run["run_id"])
    [row, *others] = account.runs[::-1]
    kept = reads.rows("stage7_stretches", ("cycles",), run_id=row["run_id"])
    return not others and 0 < row["cycles"] != sum(cycles for (cycles,) in kept)


def _figures_of_rows(reads: Reads, row: Mapping[str, Any], codec: Codec, cash_rate: float) -> Figures:
    run, state = _run_of(row, codec), _last_state(reads, row, codec)
    return figures_of_rows(
        reads,
        row,
        _opening(reads, run, codec),
        state,
        run.symbols,
        cash_rate=cash_rate,
        still_open=resting(state),
    )


def _reckoned(
    reads: Reads,
    account: Account,
    codec: Codec,
    motives: Motives | None,
    also: Callable[[Opening], Callable[[Cycles], None]] | None = None,
) -> tuple[Reckoning, list[OrderName]]:
    """Return what came of all cycles, and the orders that rest after the last."""
    runs = [_run_of(row, codec) for row in account.runs]
    opening = _opening(reads, runs[0], codec)
    reckoning, look = Reckoning(opening, motives), None if also is None else also(opening)
    for row, run in zip(account.runs, runs, strict=True):
        for stored, part in parts_of(reads, row, run, codec):
            with made_of(stored):
                reckoning.take(part)
                if look is not None:
                    look(part)
    return reckoning, resting(_last_state(reads, account.runs[-1], codec))


def parts_of(
    reads: Reads, row: Mapping[str, Any], run: RecordedRun, codec: Codec
) -> Iterator[tuple[StoredStretch, Cycles]]:
    """Yield all cycles of a run as columns, in parts of some thousand cycles in which the same rules held.
    Each has a stretch that bears its run and its times, to be named where something is wrong with it. Raises
    StoreUnready where some have no columns."""
    kept: list[tuple[StoredStretch, Span]] = []
    for stored, span in _spans_of(reads, row, run, codec):
        cells = sum(one.cycles for _, one in kept) * len(run.symbols)
        if kept and (cells >= _CELLS or kept[-1][1].rules is not span.rules):
            yield _together(kept, run)
            kept = []
        kept.append((stored, span))
    yield _together(kept, run)


def _together(kept: Sequence[tuple[StoredStretch, Span]], run: RecordedRun) -> tuple[StoredStretch, Cycles]:
    part = _joined([span for _, span in kept], run)
    return evolve(kept[0][0], end=kept[-1][0].end), part


def _joined(spans: Sequence[Span], run: RecordedRun) -> Cycles:
    """Return spans that follow each other as cycles, which can be narrowed to some of the spans."""
    whole = together(spans)
    bounds = np.array([0, *accumulate(span.cycles for span in spans)])

    def narrowed(cycles: Any) -> Cycles:
        inside = np.diff(np.searchsorted(cycles, bounds)) > 0
        return _cycles(whole if inside.all() else together(list(compress(spans, inside))), run)

    return _cycles(whole, run)._replace(narrowed=narrowed)


def _cycles(span: Span, run: RecordedRun) -> Cycles:
    return Cycles(run.symbols, run.params, span.market, span.rules, span.out, 0, span.cycles)


def _spans_of(
    reads: Reads, row: Mapping[str, Any], run: RecordedRun, codec: Codec
) -> Iterator[tuple[StoredStretch, Span]]:
    """Yield all cycles of a run, each span with the stretch that it is of."""
    columns, done = codec.columns(), 0
    versions = dict(reads.rows("stage7_forms", ("form", "code_version")))
    for stored in reads.stretches(run.run_id):
        if stored.seq != done:
            raise _without_columns(reads, row, stored.seq - done)
        for span in run.opened(stored, columns, versions.get(stored.form)).spans():
            yield stored, span
        done += stored.cycles
    if done != row["cycles"] or not done:
        raise _without_columns(reads, row, row["cycles"] - done)


def _without_columns(reads: Reads, row: Mapping[str, Any], cycles: int) -> StoreError:
    """Return the error for cycles without columns: that they are lost, or that they have rows only."""
    run_id = row["run_id"]
    if not row["cycles"]:
        return StoreUnready(f"run {run_id} has no cycle yet", action="let it run, then ask again")
    try:
        refuse_lost(reads, run_id)
    except StoreCorrupt as error:
        return error
    told = "`meva report` shows" if row["book"] else "`meva report --summary` shows"
    return StoreUnready(
        f"{cycles} of the {row['cycles']} cycles of run {run_id} have no columns, of which this is made",
        action=f"{told} what their rows tell; `meva db check --deep` says whether something is lost",
    )


def _run_of(row: Mapping[str, Any], codec: Codec) -> RecordedRun:
    if row["kind"] == _LEGACY:
        raise StoreUnready(
            "the cycles of the earlier system have no figures: fills of its dry runs never reached cash, "
            "holdings or profit",
            action="`meva report` and `meva why` show what they recorded",
        )
    return recorded_run(row, codec.decode)


def _opening(reads: Reads, run: RecordedRun, codec: Codec) -> Opening:
    """Return the book before the first cycle of a run: the state that it began with, if it went on with
    another one, else its starting cash."""
    where = {"run_id": run.run_id, "seq": 0}
    stored = next(reads.rows("stage7_states", ("link", "state_json"), where=where), None)
    if stored is None:
        return opening_of(run.new_state(), run.symbols)
    link, text = stored
    with state_read(run.run_id, "the state that it began with"):
        document, _ = unsealed(codec.decode(text), run.run_id, 0, link)
        return opening_of(restore_state(document, run.symbols), run.symbols)


def _last_state(reads: Reads, row: Mapping[str, Any], codec: Codec) -> State:
    """Return the state after the last cycle of a run."""
    kept = reads.state(row["run_id"])
    if kept is None:
        raise StoreUnready(f"run {row['run_id']} has no cycle yet", action="let it run, then ask again")
    run = recorded_run(row, codec.decode)
    return state_of(standing_of(kept, run.run_id, codec.decode), run.run_id, run.symbols)
