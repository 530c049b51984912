"""The runs of a book decided again, in order, and each genesis reckoned out of the run before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from meva_core.errors import BadInput
from meva_core.loop import Loop
from meva_core.params import STRATEGY
from meva_core.ports import Progress, Reads
from meva_core.stages.book_runs import BookRow, begun_with, runs_of
from meva_core.stages.books import Terms
from meva_core.stages.codec import Codec
from meva_core.stages.differing import Difference
from meva_core.stages.prove import Proof, prove
from meva_core.stages.remembered import described
from meva_core.stages.reweighed import refuse_another
from meva_core.strategy.base import Strategy
from meva_core.strategy.watching import Watch, unwatched
from meva_core.stretches.recorded import recorded_run
from meva_core.stretches.stored import unsealed


def prove_book(
    reads: Reads,
    book: BookRow,
    codec: Codec,
    loop: Loop,
    progress: Progress,
    strategy: tuple[Strategy, Mapping[str, Any]] | None = None,
    watch: Watch = unwatched,
    *,
    last: int | None = None,
) -> Iterator[Proof]:
    """Yield the proof of each run of a book, the oldest first, up to the first that differs; or, for `last`,
    of those that at least so many of its last cycles lie in, the first of them from a stored state on.

    What a run began with belongs to its proof, where that reaches back so far: the state that `carried` makes
    of what the run before left, and the hash over that and its last link. Given a strategy, with what it is,
    the weights of the runs that were recorded with that very one are computed again. Raises as `prove` does,
    StoreCorrupt for a broken chain, and BadInput for a strategy that none of these runs was recorded with.
    """
    parts = _parts(reads, book, last)
    rows = [row for row, *_ in parts]
    weighed = {row["run_id"] for row in rows if strategy is not None and _is_of(row, codec, strategy[1])}
    if strategy is not None and rows and not weighed:
        refuse_another(codec.decode(rows[-1]["settings_json"]), strategy[1])
    for row, before, newest in parts:
        asked = strategy if row["run_id"] in weighed else None
        found = prove(reads, row["run_id"], codec, loop, progress, last=newest, strategy=asked, watch=watch)
        if newest is None or found.cycles == row["cycles"]:
            apart = _first_apart(reads, codec, before, row)
            if apart is not None:  # it comes before all that the run decided
                found = evolve(found, difference=apart)
        yield found
        if found.difference is not None:
            return


def _parts(
    reads: Reads, book: BookRow, last: int | None
) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None, int | None]]:
    """Return the runs that the last cycles of a book lie in, the oldest first: each with the run before it,
    and how many of its own cycles these are, None for all."""
    rows = [*runs_of(reads, book)]
    left = sum(row["cycles"] for row in rows) if last is None else last
    parts = []
    for row, before in zip(rows, [*rows[1:], None], strict=False):  # without a row there is none before
        if left > 0:
            parts.append((row, before, left if left < row["cycles"] else None))
        left -= row["cycles"]
    return parts[::-1]


def _is_of(row: Mapping[str, Any], codec: Codec, identity: Mapping[str, Any]) -> bool:
    recorded: Mapping[str, Any] = codec.decode(row["settings_json"])
    return recorded.get(STRATEGY) == identity


def _first_apart(
    reads: Reads, codec: Codec, before: Mapping[str, Any] | None, row: Mapping[str, Any]
) -> Difference | None:
    """Return what is stored otherwise of what a run began with than the run before gives."""
    time = int(row["start_ts"].timestamp())
    columns, where = ("link", "state_json"), {"run_id": row["run_id"], "seq": 0}
    stored = next(reads.rows("stage7_states", columns, where=where), None)
    if before is None:
        return _first(time, {"genesis": row["genesis"], "state": stored}, {"genesis": None, "state": None})
    run = recorded_run(row, codec.decode)
    try:
        strategy = codec.decode(row["settings_json"]).get(STRATEGY)
        begun = begun_with(reads, codec, before, Terms(run.symbols, run.params), strategy)
    except BadInput as error:
        return Difference(time, "state", "what the book was carried over to", "as recorded", str(error))
    there: dict[str, Any] = {"genesis": row["genesis"], "link": None}
    if stored is not None:
        link, text = stored
        state_there, _ = unsealed(codec.decode(text), row["run_id"], 0, link)  # proved before: it is its own
        there |= {"link": link.hex(), **state_there}
    made = {"genesis": begun.link.hex(), **described(begun)["state"], "link": begun.link.hex()}
    return _first(time, there, made)


def _first(time: int, there: Mapping[str, Any], made: Mapping[str, Any]) -> Difference | None:
    for name in sorted(there.keys() | made.keys()):
        if there.get(name) != made.get(name):
            return Difference(time, "genesis", name, there.get(name), made.get(name))
    return None
