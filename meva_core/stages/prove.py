"""A run decided again out of what is stored of it: the proof that it was decided so.

The engine runs over the stored columns of market and inputs under the stored rules, from the state before
them, and everything that it puts out is compared with what is stored: columns, journal, digests, links,
states, counts. With other room the loop stops elsewhere, so what is compared is cycles, never stretches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, field, frozen

from meva_core.errors import BadInput, BrokenBooks, IllegalStep, StoreCorrupt, StoreUnready
from meva_core.fingerprint import NO_LINK, STEPS, CycleDigests, Digester
from meva_core.ids import cycle_id, stamp_text
from meva_core.loop import Loop
from meva_core.market import Market
from meva_core.ports import Progress, Reads
from meva_core.stages.codec import Codec
from meva_core.stages.differing import Difference, differences, first_of
from meva_core.stages.figures import Tally
from meva_core.stages.run import Book, Part, Stretch
from meva_core.stages.run import run as run_book
from meva_core.state import restore_state, state_document
from meva_core.steps.inputs import Inputs
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened, Span, whole
from meva_core.stretches.recorded import UNREADABLE, RecordedRun, faults_of, recorded_run
from meva_core.stretches.stored import ALL

_DIGESTS: Final = tuple(f"{name}_sha256" for name in (*STEPS, "adapt", "link"))


@frozen
class Proof:
    """What came of it: how many cycles were decided again, and the first difference, if there is one.

    `since` is the time of the first of them, seconds; `left_out` says which cycles were not, and why.
    `fingerprint` is the last link decided, in hex, `code_versions` Meva's that recorded the run.
    """

    run_id: str
    cycles: int
    since: int
    fingerprint: str
    code_versions: str
    left_out: tuple[str, ...] = ()
    difference: Difference | None = None


@frozen
class _Kept:
    """Where a stored stretch lies: the place of its first cycle in the run, its cycles, their first time."""

    seq: int
    cycles: int
    start: datetime

    @property
    def stop(self) -> int:
        """The place of the cycle after it."""
        return self.seq + self.cycles


def prove(
    reads: Reads, run_id: str, codec: Codec, loop: Loop, progress: Progress, *, last: int | None = None
) -> Proof:
    """Decide a run again; or, for `last`, at least so many of its last cycles, from the newest stored state
    before them.

    Raises BadInput if there is no such run, StoreUnready for one that is recorded in rows only or in a form
    that this version does not know, StoreCorrupt for columns or states that are damaged.
    """
    row = reads.run(run_id)
    if row is None:
        raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
    found = reads.rows("stage7_stretches", ("seq", "cycles", "start_ts"), run_id=run_id)
    chains = _chains([_Kept(*kept) for kept in found])
    if not chains:
        raise StoreUnready(
            f"run {run_id} is recorded in rows only, by {row['code_version'] or 'the earlier system'}: "
            "without what its cycles saw they cannot be decided again",
            action="record it again, into a database of its own, or resume it: what comes then can be proved",
        )
    fault = next(faults_of(row, codec.decode), None)
    if fault is not None:
        raise StoreCorrupt(fault, action="keep the file and restore a backup")
    prover = _Prover(reads, row, recorded_run(row, codec.decode), codec, loop, progress)
    return prover.prove(chains, last)


def _chains(stretches: list[_Kept]) -> list[list[_Kept]]:
    """Return stretches in chains without a gap."""
    chains: list[list[_Kept]] = []
    for kept in stretches:
        if chains and chains[-1][-1].stop == kept.seq:
            chains[-1].append(kept)
        else:
            chains.append([kept])
    return chains


@define
class _Prover:
    """One proof under way."""

    reads: Reads
    row: Mapping[str, Any]
    run: RecordedRun
    codec: Codec
    loop: Loop
    progress: Progress
    _columns: ColumnCodec = field(init=False)
    _states: Mapping[int, tuple[bytes, str]] = field(init=False)
    _digester: Digester = field(init=False)
    _tally: Tally = field(init=False)
    _opened: Opened = field(init=False)
    _span: Span = field(init=False)

    def __attrs_post_init__(self) -> None:
        columns = ("seq", "link", "state_json")
        self._columns = self.codec.columns()
        self._states = {
            seq: (link, text)
            for seq, link, text in self.reads.rows("stage7_states", columns, run_id=self.run.run_id)
        }

    def prove(self, chains: list[list[_Kept]], last: int | None) -> Proof:
        """Decide the cycles of chains of stretches again, and compare how the run stands after them."""
        left_out = [*self._gaps(chains)]
        if last is not None:
            chains = [self._last_of(chains[-1], last)]
        self.progress.start(sum(chain[-1].stop - chain[0].seq for chain in chains), "prove")
        found, cycles = None, 0
        try:
            for chain in chains:
                book = self._book_before(chain[0].seq)
                found = self._decide(book, chain)
                cycles += book.seq - chain[0].seq
                if found is not None:
                    break
            else:
                found = self._difference_at_the_end(
                    book, from_start=len(chains) == 1 and not chains[0][0].seq
                )
        finally:
            self.progress.done()
        since, link = int(chains[0][0].start.timestamp()), self._digester.link.hex()
        versions = self.row["code_version"]
        return Proof(self.run.run_id, cycles, since, link, versions, tuple(left_out), found)

    def _gaps(self, chains: list[list[_Kept]]) -> Iterator[str]:
        """Yield which cycles have no columns, and why."""
        total, at = self.row["cycles"], 0
        for chain in chains:
            if chain[0].seq > at:
                yield _without_columns(at, chain[0].seq)
            at = chain[-1].stop
        if total > at:
            yield _without_columns(at, total)

    def _last_of(self, chain: list[_Kept], last: int) -> list[_Kept]:
        """Return the end of a chain, from a stored state on, with at least so many cycles if it has them."""
        wanted = chain[-1].stop - last
        begins = [kept.seq for kept in chain if kept.seq <= wanted and kept.seq in self._states]
        first = max(begins, default=chain[0].seq)
        return [kept for kept in chain if kept.seq >= first]

    def _book_before(self, seq: int) -> Book:
        """Return the book before a cycle. Raises StoreCorrupt for a stored state that is not as it was."""
        symbols, params = self.run.symbols, self.run.params
        self._tally = Tally()
        if seq in self._states:
            link, text = self._states[seq]
            try:
                state = restore_state(self.codec.decode(text), symbols)
            except UNREADABLE as error:
                raise _damaged_state(self.run.run_id, seq, str(error)) from error
        elif seq == 0:
            state, link = self.run.new_state(), NO_LINK
        else:
            raise _damaged_state(self.run.run_id, seq, "it is not there")
        self._digester = Digester(symbols, params, link)
        return Book(symbols, params, state, link, seq)

    # -- Deciding -------------------------------------------------------------------------------------

    def _decide(self, book: Book, chain: list[_Kept]) -> Difference | None:
        """Decide the cycles of a chain, and return the first difference from what is stored of them."""
        time, stop = int(chain[0].start.timestamp()), chain[-1].stop
        try:
            for stretch in run_book(book, self._source(chain), self.loop):
                time = int(stretch.market.time[stretch.stop - 1])
                found = self._compare(book, stretch)
                if found is not None:
                    return found
                self.progress.advance(stretch.stop - stretch.start)
        except (BrokenBooks, IllegalStep) as error:
            # Not a bug: a state or a column that is not as it was, and fits neither books nor orders.
            return Difference(time, "state", "the books", "as recorded", str(error))
        assert book.seq == stop, "the source gives all cycles"
        return None

    def _source(self, chain: list[_Kept]) -> Iterator[Part]:
        run = self.run
        versions = dict(self.reads.rows("stage7_forms", ("form", "code_version")))
        stretches = self.reads.stretches(run.run_id, start=chain[0].start, end=None)
        for _, stored in zip(chain, stretches, strict=False):
            self._opened = run.opened(stored, self._columns, versions.get(stored.form))
            for span in self._opened.spans():
                self._span = span
                yield whole(span.market, Market), whole(span.inputs, Inputs), span.rules

    def _compare(self, book: Book, stretch: Stretch) -> Difference | None:
        """Return the first difference of a stretch, and carry the chain of links and the counts along."""
        _, _, rules, out, start, stop, _ = stretch
        digests = list(self._digester.digest(stretch.market, rules, out, start, stop))
        book.link = self._digester.link
        self._tally.add(out, start, stop)
        found = first_of(self._differences(stretch, digests))
        if found is None and self._span.start + stop == self._opened.stored.cycles:
            found = self._difference_of_state(book)
        return found

    def _differences(self, stretch: Stretch, digests: list[CycleDigests]) -> Iterator[Difference]:
        first = self._span.start + stretch.start
        times = stretch.market.time[stretch.start : stretch.stop].tolist()
        yield from differences(self._span.out, stretch, self.run.symbols)
        for time, stored, decided in zip(times, self._opened.links()[first:], digests, strict=False):
            if stored != decided.link:
                yield Difference(time, "link", "link", stored.hex(), decided.link.hex())
        if self._opened.stored.rows == ALL:
            yield from self._of_digests(times, digests)

    def _of_digests(self, times: list[int], digests: list[CycleDigests]) -> Iterator[Difference]:
        """Yield what differs in the rows of digests that stand beside a stretch."""
        bounds = (datetime.fromtimestamp(time, UTC) for time in (times[0], times[-1]))
        start, end = bounds
        rows = self.reads.rows(
            "stage7_cycle_digests", ("ts", *_DIGESTS), run_id=self.run.run_id, start=start, end=end
        )
        there = {int(ts.timestamp()): stored for ts, *stored in rows}
        for time, decided in zip(times, digests, strict=True):
            made = [*decided.steps, decided.adapt, decided.link]
            for name, then, now in zip(_DIGESTS, there.get(time, [None] * len(made)), made, strict=True):
                if then != now:
                    step = name.removesuffix("_sha256")
                    yield Difference(time, step, f"digest of {step}", then and then.hex(), now.hex())

    # -- States ---------------------------------------------------------------------------------------

    def _difference_of_state(self, book: Book) -> Difference | None:
        """Compare a stored state with the one decided, if one is stored after this cycle."""
        if book.seq not in self._states:
            return None
        link, text = self._states[book.seq]
        stored = {"link": link.hex(), **self._read(text)}
        decided = {"link": book.link.hex(), **state_document(book.state, book.symbols)}
        return self._first_of_documents(book, stored, decided)

    def _difference_at_the_end(self, book: Book, *, from_start: bool) -> Difference | None:
        """Compare how the run stands with what was decided of all its cycles."""
        if book.seq < self.row["cycles"]:
            return None  # an earlier version went on without columns
        kept = self.reads.state(self.run.run_id)
        if kept is None:
            raise _damaged_state(self.run.run_id, book.seq, "it is not there")
        stored, time = self._read(kept["state_json"]), book.last_time
        assert time is not None
        decided: dict[str, Any] = {
            "link": book.link.hex(),
            "seq": book.seq,
            "last_time": time,
            "state": state_document(book.state, book.symbols),
        }
        if from_start:
            decided |= {"counts": self._tally.counts, "modes": self._tally.modes}
        row = {name: self.row[name] for name in ("cycles", "fingerprint", "last_cycle_id")}
        row |= {"last_ts": stamp_text(int(self.row["last_ts"].timestamp()))}
        made = {
            "cycles": book.seq,
            "fingerprint": book.link.hex(),
            "last_cycle_id": cycle_id(self.run.run_id, time),
            "last_ts": stamp_text(time),
        }
        stored = {name: stored.get(name) for name in decided}
        return self._first_of_documents(book, row | stored, made | decided)

    def _read(self, text: str) -> dict[str, Any]:
        try:
            document = self.codec.decode(text)
        except ValueError as error:
            raise _damaged_state(self.run.run_id, None, str(error)) from error
        return document if isinstance(document, dict) else {"state": document}

    def _first_of_documents(
        self, book: Book, stored: Mapping[str, Any], decided: Mapping[str, Any]
    ) -> Difference | None:
        for name in sorted(stored.keys() | decided.keys()):
            then, now = stored.get(name), decided.get(name)
            if then != now:
                return Difference(book.last_time or 0, "state", name, then, now)
        return None


def _without_columns(first: int, stop: int) -> str:
    return f"cycles {first} to {stop - 1} were recorded by a version that kept no columns"


def _damaged_state(run_id: str, seq: int | None, what: str) -> StoreCorrupt:
    where = "" if seq is None else f" before cycle {seq}"
    return StoreCorrupt(
        f"the stored state of run {run_id}{where} is damaged: {what}",
        action="keep the file and restore a backup; `meva db check --deep` names all that is damaged",
    )
