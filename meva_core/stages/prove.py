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

from meva_core.chains import Chain, chains_of
from meva_core.errors import BadInput, BrokenBooks, IllegalStep, StoreCorrupt, StoreUnready
from meva_core.fingerprint import NO_LINK, STEPS, CycleDigests, Digester
from meva_core.ids import cycle_id, stamp_text
from meva_core.loop import Loop
from meva_core.market import Market
from meva_core.params import columns_off
from meva_core.ports import Progress, Reads
from meva_core.stages.codec import Codec
from meva_core.stages.differing import Difference, differences, first_of, first_of_documents
from meva_core.stages.figures import Tally
from meva_core.stages.left_out import left_out, stray_states
from meva_core.stages.remembered import memory_in, memory_of, with_memory
from meva_core.stages.reweighed import Reweighing, refuse_another
from meva_core.stages.run import Book, Part, Stretch
from meva_core.stages.run import run as run_book
from meva_core.stages.run_row import faults_of, row_as_stored
from meva_core.state import as_version_1, restore_state, state_document
from meva_core.steps.inputs import Inputs
from meva_core.strategy.base import Strategy
from meva_core.strategy.watching import Watch, unwatched
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.groups import Bars
from meva_core.stretches.opened import Opened, Span, damaged, whole
from meva_core.stretches.recorded import UNREADABLE, RecordedRun, recorded_run
from meva_core.stretches.stored import ALL, RESTORE, unsealed

_DIGESTS: Final = tuple(f"{name}_sha256" for name in (*STEPS, "adapt", "link"))

_MOST_CELLS: Final = 50_000
"""So many cycles times symbols are decided at a time: with hundreds of symbols memory stays bounded."""


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


def prove(
    reads: Reads,
    run_id: str,
    codec: Codec,
    loop: Loop,
    progress: Progress,
    *,
    last: int | None = None,
    strategy: tuple[Strategy, Mapping[str, Any]] | None = None,
    watch: Watch = unwatched,
) -> Proof:
    """Decide a run again; or, for `last`, at least so many of its last cycles, from the newest stored state
    before them. The stored weights of its strategy count; given the strategy, with what it is, those of the
    same cycles are computed again, too, and compared.

    Raises BadInput if there is no such run, StoreUnready for one that is recorded in rows only or in a form
    that this version does not know, StoreCorrupt for what is damaged.
    """
    row = reads.run(run_id)
    if row is None:
        raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
    chains = chains_of(reads, run_id)
    if not chains:
        raise _in_rows_only(row)
    for fault in faults_of(row, row_as_stored(reads, run_id), codec.decode):
        raise StoreCorrupt(fault, action=RESTORE)
    run = recorded_run(row, codec.decode)
    prover = _Prover(reads, row, run, codec, loop, progress)
    if strategy is not None:
        asked, identity = strategy
        refuse_another(codec.decode(row["settings_json"]), identity)
        if len(chains) > 1 or chains[0][0].seq:
            raise StoreUnready(
                f"run {run_id} has no columns of some cycles: what a strategy saw of them is not known",
                action="prove it without asking the strategy again: the stored weights count then",
            )
        prover.reweighing = Reweighing(asked, run.symbols, run.params, watch)
    return prover.prove(chains, last)


def _in_rows_only(row: Mapping[str, Any]) -> StoreUnready:
    """Return the error for a run without columns, with what can be done about it; nobody goes on with the
    cycles of the earlier system."""
    action = "record it again, into a database of its own, or resume it: what comes then can be proved"
    if not row["settings_json"]:
        action = "`meva report` and `meva why` show what they recorded, `meva parity` compares it"
    return StoreUnready(
        f"run {row['run_id']} is recorded in rows only, by {row['code_version'] or 'the earlier system'}: "
        "without what its cycles saw they cannot be decided again",
        action=action,
    )


@define
class _Prover:
    """One proof under way."""

    reads: Reads
    row: Mapping[str, Any]
    run: RecordedRun
    codec: Codec
    loop: Loop
    progress: Progress
    reweighing: Reweighing | None = None
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

    def prove(self, chains: list[Chain], last: int | None) -> Proof:
        """Decide the cycles of chains of stretches again, and compare how the run stands after them."""
        gaps = tuple(left_out(self.reads, self.row, chains, self.codec.decode))
        for seq, state in self._states.items():
            if (type(seq), *map(type, state)) != (int, bytes, str):
                raise self._damaged(f"a row of stage7_states, of cycle {seq!r}")
        for chain in chains:
            if (seq := chain[0].seq) in self._states and not self._state(seq)[2]:
                raise self._damaged(f"the columns of the cycles before cycle {seq} are lost")
        for fault in stray_states(self._states, chains):
            raise self._damaged(fault)
        if last is not None:
            whole, chains = chains[-1], [self._last_of(chains[-1], last)]
            self._pass_over(whole[: len(whole) - len(chains[0])])
        self.progress.start(sum(chain[-1].stop - chain[0].seq for chain in chains), "prove")
        found, cycles = None, 0
        try:
            for chain in chains:
                book = self._book_before(chain[0].seq)
                found = self._decide(book, chain) or self._found()
                cycles += book.seq - chain[0].seq
                if found is not None:
                    break
            else:
                whole_run = len(chains) == 1 and not chains[0][0].seq
                found = self._difference_at_the_end(book, from_start=whole_run) or self._found()
        finally:
            self.progress.done()
        since, link = int(chains[0][0].start.timestamp()), self._digester.link.hex()
        return Proof(self.run.run_id, cycles, since, link, self.row["code_version"], gaps, found)

    def _last_of(self, chain: Chain, last: int) -> Chain:
        """Return the end of a chain, from a stored state on, with at least so many cycles if it has them."""
        wanted = chain[-1].stop - last
        begins = [kept.seq for kept in chain if kept.seq <= wanted and kept.seq in self._states]
        first = max(begins, default=chain[0].seq)
        return [kept for kept in chain if kept.seq >= first]

    def _pass_over(self, chain: Chain) -> None:
        """Show the strategy that is asked again what the cycles saw that are not decided."""
        if self.reweighing is None:
            return
        for opened in self._opened_of(chain):
            for span in opened.spans():
                self.reweighing.pass_over(span.market, span.inputs, span.bars)

    def _book_before(self, seq: int) -> Book:
        """Return the book before a cycle. Raises StoreCorrupt for a stored state that is not as it was."""
        symbols, params = self.run.symbols, self.run.params
        self._tally = Tally()
        memory = None
        if seq in self._states:
            link, document, _ = self._state(seq)
            try:
                state, memory = restore_state(document, symbols), memory_in(document)
            except UNREADABLE as error:
                raise self._damaged(f"the state before cycle {seq}: {error}") from error
        elif seq == 0:
            state, link = self.run.new_state(), NO_LINK
        else:
            raise self._damaged(f"the state before cycle {seq} is not there")
        self._digester = Digester(symbols, params, link)
        return Book(symbols, params, state, link, seq, memory)

    def _found(self) -> Difference | None:
        """Return what the strategy said otherwise first."""
        return None if self.reweighing is None else self.reweighing.found

    # -- Deciding -------------------------------------------------------------------------------------

    def _decide(self, book: Book, chain: Chain) -> Difference | None:
        """Decide the cycles of a chain, and return the first difference from what is stored of them."""
        time, stop = int(chain[0].start.timestamp()), chain[-1].stop
        decide = None if self.reweighing is None else self.reweighing.begin(book)
        try:
            for stretch in run_book(book, self._source(chain), self.loop, decide):
                time = int(stretch.market.time[stretch.stop - 1])
                found = self._compare(book, stretch)
                if found is not None:
                    return found
                self.progress.advance(stretch.stop - stretch.start)
        except BadInput as error:
            raise damaged(self._opened.stored, f"no cycle can have seen its columns: {error}") from error
        except (BrokenBooks, IllegalStep) as error:
            # Not a bug: a state or a column that is not as it was, and fits neither books nor orders.
            return Difference(time, "state", "the books", "as recorded", str(error))
        if book.seq != stop:
            raise self._damaged(f"its columns end before cycle {book.seq}, and should before {stop}")
        return None

    def _source(self, chain: Chain) -> Iterator[Part]:
        for kept, opened in zip(chain, self._opened_of(chain), strict=False):
            self._opened = opened
            pieces = range(0, kept.cycles, max(1, _MOST_CELLS // len(self.run.symbols)))
            for span in self._opened.spans({*pieces, *(seq - kept.seq for seq in self._states)}):
                self._span = span
                market, inputs = whole(span.market, Market), whole(span.inputs, Inputs)
                if self.reweighing is not None:
                    self.reweighing.take(market, inputs, whole(span.bars, Bars))
                yield market, inputs, span.rules

    def _opened_of(self, chain: Chain) -> Iterator[Opened]:
        """Yield the stretches of a chain, opened. Raises StoreCorrupt for one that is not where it was."""
        if not chain:
            return
        versions = dict(self.reads.rows("stage7_forms", ("form", "code_version")))
        since = chain[0].start if chain[0].seq else None
        stretches = self.reads.stretches(self.run.run_id, start=since, end=None)
        for kept, stored in zip(chain, stretches, strict=False):
            if (stored.seq, stored.cycles) != (kept.seq, kept.cycles):
                raise damaged(stored, f"cycle {kept.seq} was to be its first, not {stored.seq}")
            yield self.run.opened(stored, self._columns, versions.get(stored.form))

    def _compare(self, book: Book, stretch: Stretch) -> Difference | None:
        """Return the first difference of a stretch, and carry the chain of links and the counts along."""
        _, _, rules, out, start, stop, _ = stretch
        digests = list(self._digester.digest(stretch.market, rules, out, start, stop))
        book.link = self._digester.link
        self._tally.add(out, start, stop)
        found = first_of(self._differences(stretch, digests))
        return self._difference_of_state(book) if found is None else found

    def _differences(self, stretch: Stretch, digests: list[CycleDigests]) -> Iterator[Difference]:
        first = self._span.start + stretch.start
        times = stretch.market.time[stretch.start : stretch.stop].tolist()
        yield from differences(self._span.out, stretch, self.run.symbols, columns_off(self.run.params))
        for time, stored, decided in zip(times, self._opened.links()[first:], digests, strict=False):
            if stored != decided.link:
                yield Difference(time, "link", "link", stored.hex(), decided.link.hex())
        if self._opened.stored.rows == ALL:
            yield from self._of_digests(times, digests)

    def _of_digests(self, times: list[int], digests: list[CycleDigests]) -> Iterator[Difference]:
        """Yield what differs in the rows of digests that stand beside a stretch."""
        bounds = (datetime.fromtimestamp(time, UTC) for time in (times[0], times[-1]))
        start, end = bounds
        rows = self.reads.as_stored(
            "stage7_cycle_digests", ("ts", *_DIGESTS), run_id=self.run.run_id, start=start, end=end
        )
        there = {ts: stored for ts, *stored in rows}
        for time, decided in zip(times, digests, strict=True):
            made = [*decided.steps, decided.adapt, decided.link]
            found = there.get(stamp_text(time), [None] * len(made))
            for name, then, now in zip(_DIGESTS, found, made, strict=True):
                if then != now:
                    step = name.removesuffix("_sha256")
                    shown = then.hex() if isinstance(then, bytes) else then
                    yield Difference(time, step, f"digest of {step}", shown, now.hex())

    # -- States ---------------------------------------------------------------------------------------

    def _difference_of_state(self, book: Book) -> Difference | None:
        """Compare a stored state with the one decided, if one is stored after this cycle."""
        if book.seq not in self._states:
            return None
        link, document, _ = self._state(book.seq)
        self._compare_memory(book, document)
        decided = {"link": book.link.hex(), **_like(document, state_document(book.state, book.symbols))}
        return first_of_documents(book.last_time or 0, {**document, "link": link.hex()}, decided)

    def _difference_at_the_end(self, book: Book, *, from_start: bool) -> Difference | None:
        """Compare how the run stands with what was decided of all its cycles."""
        if book.seq < self.row["cycles"]:
            return None  # an earlier version went on without columns
        names = ("cycle_id", "ts", "state_json")
        kept = next(self.reads.as_stored("stage7_run_state", names, run_id=self.run.run_id), None)
        if kept is None:
            raise self._damaged("how it stands is not there")
        stored, time = self._read(kept[-1], "how it stands"), book.last_time
        assert time is not None, "it has cycles"
        state = stored.get("state")
        if isinstance(state, dict):
            memory_of(stored)
            self._compare_memory(book, state)
        decided: dict[str, Any] = {
            "link": book.link.hex(),
            "seq": book.seq,
            "last_time": time,
            "state": _like(state, state_document(book.state, book.symbols)),
        }
        if from_start:
            decided |= {"counts": self._tally.counts, "modes": self._tally.modes}
        then = {name: self.row[name] for name in ("cycles", "fingerprint")}
        then |= {"last_ts": stamp_text(int(self.row["last_ts"].timestamp()))} if self.row["last_ts"] else {}
        made = {"cycles": book.seq, "fingerprint": book.link.hex(), "last_ts": stamp_text(time)}
        standing = dict(zip(names[:2], kept, strict=False))
        where = {"cycle_id": cycle_id(self.run.run_id, time), "ts": stamp_text(time)}
        stored = {name: stored.get(name) for name in decided}
        return first_of_documents(time, then | standing | stored, made | where | decided)

    def _compare_memory(self, book: Book, stored: Mapping[str, Any]) -> None:
        """Have the strategy that is asked again compare what it has in mind with what is stored."""
        if self.reweighing is not None:
            self.reweighing.remembers(book.last_time or 0, memory_in(stored))

    def _state(self, seq: int) -> tuple[bytes, dict[str, Any], bool]:
        """Return the link and the state that are stored for good before a cycle, and whether columns may
        begin there."""
        link, text = self._states[seq]
        try:
            document = self._read(text, f"the state before cycle {seq}")
            return link, *unsealed(document, self.run.run_id, seq, link)
        except UNREADABLE as error:
            raise self._damaged(f"the state before cycle {seq}: {error}") from error

    def _read(self, text: str, what: str) -> dict[str, Any]:
        try:
            document = self.codec.decode(text)
        except UNREADABLE as error:
            raise self._damaged(f"{what} cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise self._damaged(f"{what} is no document")
        return document

    def _damaged(self, what: str) -> StoreCorrupt:
        return StoreCorrupt(f"what is stored of run {self.run.run_id} is damaged: {what}", action=RESTORE)


def _like(stored: Any, decided: dict[str, Any]) -> dict[str, Any]:
    """Return a state decided as a version that wrote one like `stored` would have written it: with what a
    strategy had in mind, which nobody but it can decide again."""
    if not isinstance(stored, dict):
        return decided
    like = as_version_1(decided) if stored.get("version") == 1 else decided
    return with_memory(like, memory_in(stored))
