"""The page of figures of a run or a book, made out of what is stored of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from meva_core.errors import StoreUnready
from meva_core.figures.cycles import Cycles, Opening, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.result import Figures
from meva_core.figures.trips import OrderName, RoundTrip, resting
from meva_core.ports import Reads
from meva_core.provenance import RECORDED, books_of
from meva_core.stages.accounts import Account
from meva_core.stages.codec import Codec
from meva_core.state import restore_state
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.stored import unsealed

_LEGACY: Final = "legacy"
"""The kind of the run that the earlier system's cycles are."""


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
    """Reckon the figures of an account out of its stored columns, one stretch in memory at a time.

    Raises StoreUnready for one that has none or not all of them, or of an unknown form; StoreCorrupt for
    damage.
    """
    reckoning, still_open = _reckoned(reads, account, codec, None)
    return _summary(account, codec, reckoning, still_open, cash_rate)


def _summary(
    account: Account, codec: Codec, reckoning: Reckoning, still_open: list[OrderName], cash_rate: float
) -> Summary:
    return Summary(
        account,
        recorded_run(account.runs[-1], codec.decode).quote,
        assumed_of(account.runs, codec.decode),
        reckoning.figures(cash_rate=cash_rate, still_open=still_open),
    )


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
        _summary(account, codec, reckoning, still_open, cash_rate),
        reckoning.round_trips(still_open),
        reckoning.curve.days.months(),
    )


def round_trips_of(reads: Reads, account: Account, codec: Codec) -> list[RoundTrip]:
    """Return the round trips of an account, in the order of their last fills. Raises as `summary_of` does."""
    reckoning, still_open = _reckoned(reads, account, codec, Motives())
    return reckoning.round_trips(still_open)


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
        for part in parts_of(reads, row, run, codec):
            reckoning.take(part)
            if look is not None:
                look(part)
    return reckoning, _resting(reads, runs[-1], codec)


def parts_of(reads: Reads, row: Mapping[str, Any], run: RecordedRun, codec: Codec) -> Iterator[Cycles]:
    """Yield all cycles of a run as columns. Raises StoreUnready where some have none."""
    columns, done = codec.columns(), 0
    versions = dict(reads.rows("stage7_forms", ("form", "code_version")))
    for stored in reads.stretches(run.run_id):
        if stored.seq != done:
            raise _without_columns(row, stored.seq - done)
        opened = run.opened(stored, columns, versions.get(stored.form))
        for span in opened.spans():
            yield Cycles(run.symbols, run.params, span.market, span.rules, span.out, 0, span.cycles)
        done += stored.cycles
    if done != row["cycles"] or not done:
        raise _without_columns(row, row["cycles"] - done)


def _without_columns(row: Mapping[str, Any], cycles: int) -> StoreUnready:
    if not row["cycles"]:
        return StoreUnready(f"run {row['run_id']} has no cycle yet", action="let it run, then ask again")
    return StoreUnready(
        f"{cycles} of the {row['cycles']} cycles of run {row['run_id']} were recorded in rows only, by "
        f"version {row['code_version']}: no figures can be made of them",
        action=f"`meva report --run {row['run_id']}` shows its cycles; recorded again into a database of its "
        "own, the run has figures",
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
    document, _ = unsealed(codec.decode(text), run.run_id, 0, link)
    return opening_of(restore_state(document, run.symbols), run.symbols)


def _resting(reads: Reads, run: RecordedRun, codec: Codec) -> list[OrderName]:
    """Return the SELL orders that rest after the last cycle of a run."""
    kept = reads.state(run.run_id)
    if kept is None:
        return []
    return resting(codec.decode(kept["state_json"])["state"]["orders"])


def assumed_of(runs: Sequence[Mapping[str, Any]], decode: Callable[[str], Any]) -> str:
    """Return what of the data of runs nobody recorded, as their manifests say it; empty where all was."""
    for row in runs:
        books = books_of(decode(row["manifest_json"]) if row["manifest_json"] else None)
        if books != RECORDED:
            return f"order books {books}"
    return ""
