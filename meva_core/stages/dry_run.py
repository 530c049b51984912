"""A book of simulated money on the live market, cycle by cycle.

Each cycle measures, decides, and is committed with all that became known in it, so that any process can go on
after it and anyone can decide it again. Which run a cycle belongs to follows from settings, symbols, form and
version: when one of these changes, the next cycle begins a run that continues the book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import Any, Final

from attrs import define, field

from meva_core.ids import content_hash
from meva_core.live_market import BAR60, BOOK, TICKER, Asking, SeenRow
from meva_core.loop import Loop
from meva_core.ports import Alignment, LiveMarket, Reads, Store, UnitOfWork
from meva_core.rules import Rules
from meva_core.settings import Settings
from meva_core.stages.book_pairs import all_pairs, carried_pairs, grids, held, idle_pairs, left_pairs
from meva_core.stages.book_runs import (
    BookRow,
    book_as_left,
    goes_on_under,
    next_in_book,
    pick_book,
    require_open,
)
from meva_core.stages.book_seen import (
    Unseen,
    aside_of,
    insert_seen,
    last_columns,
    metadata_came,
    own_rows,
    said_rows,
    seen_rows,
    symbols_ever,
)
from meva_core.stages.codec import Codec
from meva_core.stages.dry_cycle import Measured, Outbox, Told, cycle_time
from meva_core.stages.levels import FULL
from meva_core.stages.live_weighing import FailedBefore, LiveStrategy, LiveWeighing, taken, weighing_in
from meva_core.stages.outside import Outside, outside
from meva_core.stages.parts import DECIDE, MEASURE, Marks, unmarked
from meva_core.stages.plan import Pairs, RunTerms
from meva_core.stages.record import Hold, Recorder
from meva_core.stages.resets import use_up
from meva_core.stages.run import Book
from meva_core.stages.run import run as run_book
from meva_core.stretches.stored import StoredStretch
from meva_core.venue import Metadata

DRY_RUN: Final = "dry_run"
KINDS: Final = (BOOK, TICKER, BAR60)


@define
class DryRun:
    """A book on the live market, which this process holds.

    `about` is what only people want to know of a run; `settings` have the book's own starting cash. A commit
    that failed is kept and may be tried again (`commit`); no other cycle begins before it is through.
    """

    store: Store
    codec: Codec
    market: LiveMarket
    alignment: Alignment
    hold: Hold
    loop: Loop
    about: Mapping[str, str]
    settings: Settings
    name: str
    adapt: bool = False
    seed: int = 0
    source: Mapping[str, Any] | None = None
    """Where the market comes from: `source` and `api_version`, as the manifest of a dataset has them."""
    outbox: Outbox | None = None
    marks: Marks = unmarked
    """Told of the parts of each cycle."""
    strategy: LiveStrategy | None = None
    """What says what is to be held; None for equal parts of the best."""
    _weighing: LiveWeighing | None = field(default=None, init=False)
    """The strategy at work in the run of the recorder."""
    _failed: FailedBefore = field(factory=FailedBefore, init=False)
    _left: Book | None = field(default=None, init=False)
    """The book as the process before this one left it."""
    _recorder: Recorder | None = field(default=None, init=False)
    _stands: int | None = field(default=None, init=False)
    """The time of the last cycle that is committed."""
    _told: Told | None = field(default=None, init=False)
    _waiting: Unseen = field(init=False)
    _pairs: Pairs | None = field(default=None, init=False)
    _rules: Rules | None = field(default=None, init=False)
    """The rules that hold: those of `_pairs`, or before metadata came, those of the last cycle stored."""
    _rules_of: int | None = field(default=None, init=False)
    """The time of the cycle that metadata came for last; None where they have to come before another one."""
    _learnt: int | None = field(default=None, init=False)
    """When what is stored of the exchange's clock was learnt."""
    _selected: tuple[str, ...] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        own = {} if self.strategy is None else self.strategy.kept
        self._waiting = Unseen(self.settings.stage7.vol_lookback, own)

    def open(self) -> None:
        """Go on where the book stands in the store, with all that it has seen.

        Raises BadInput for a book that is not there or is closed, and for a state that this version of Meva
        does not know.
        """
        with self.store.read() as reads:
            book = require_open(pick_book(reads, self.name))
            self._left = left = book_as_left(reads, self.codec, book)
            last = last_columns(reads, self.codec, self.name)
            if left is not None and last is not None:
                lookback = self.settings.stage7.vol_lookback
                symbols = symbols_ever(reads, self.codec, book)
                self.alignment.take(seen_rows(reads, self.name, symbols, lookback, self.codec))
                if self.strategy is not None:
                    self.strategy.take(own_rows(reads, self.name, symbols, self.strategy.kept, self.codec))
                self._stands = left.last_time
                if self._has_settings_of(reads, book):
                    self._rules_of = metadata_came(reads, self.name)
                *_, span = last.spans()
                self._rules = span.rules
                self._failed = FailedBefore(left.params.strategy, int(span.inputs.strategy_failed[-1]))
                self._selected = tuple(compress(left.symbols, span.out.select.selected[-1].tolist()))

    # -- A cycle --------------------------------------------------------------------------------------

    def cycle(self, deadline: float, now: int, wait: Callable[[float], None]) -> Told | None:
        """Measure, decide and commit one cycle; see `measure` and `decide`."""
        return self.decide(self.measure(deadline, now, wait))

    def measure(self, deadline: float, now: int, wait: Callable[[float], None]) -> Measured:
        """Ask the exchange for what a cycle needs, and return it with the cycle's time.

        `deadline` is in seconds from now, and `now` the time by our clock, in seconds; `wait` waits for so
        many seconds. Raises ClockBehind.
        """
        with self.marks(MEASURE):
            answers = self.market.measure(self._asking(deadline, now))
        self._waiting.add(answers.rows)
        return Measured(answers, cycle_time(answers, self._stands, self.name, wait))

    def decide(self, measured: Measured) -> Told | None:
        """Decide and commit one cycle; None if no symbol has a row, or no rules are known, yet.

        Raises errors of the store, before or after the cycle is decided (`is_undone`); BrokenBooks and
        IllegalStep for bugs.
        """
        with self.marks(DECIDE):
            return self._decided(measured)

    def _decided(self, measured: Measured) -> Told | None:
        answers, time = measured.answers, measured.time
        came = self._usable(answers.metadata)
        if came is not None:
            self._pairs, self._rules_of = self._choose(came.pairs, time), time
            self._rules = self._pairs.columns()
        if self._rules is None or not (self._waiting or any(map(self.alignment.since, KINDS))):
            return None
        terms = self._terms(self._pairs or carried_pairs(self._left))
        if self._pairs is None and not self._goes_on_under(terms):
            return None  # another run needs rules of its own
        recorder, began = self._go_on_with(terms)
        book = recorder.run.book
        with self.store.read() as reads:
            given = outside(reads, self.name, time, book.params, self.codec.decode)
            if self.outbox is not None:
                self.outbox.look(reads, self._stands, time)
        if not recorder.run.run_id:
            recorder.name(time)
        # Only now, as the cycle is certain: what it sees first is stored with it, known from then on.
        unseen = [row.known_at(time) for row in self._waiting.of(book.symbols)]
        rows = taken(self.alignment, self.strategy, unseen)
        self._waiting.clear()
        market, inputs = self.alignment.market(time, book.symbols), given.inputs(len(book.symbols))
        decide = None if self._weighing is None else self._weighing.weigh(market, inputs)
        [stretch] = run_book(book, [(market, inputs, self._rules)], self.loop, decide)
        failure = None if self._weighing is None else self._weighing.failure
        self._selected = tuple(compress(book.symbols, stretch.out.select.selected[0].tolist()))
        said = said_rows(answers, time, self._learnt, has_rules=came is not None)
        self._learnt = answers.learnt
        answered = bool(answers.rows) or answers.metadata is not None
        what = recorder.run.run_id, time, stretch, answers.failures, answered, began
        self._told = Told(*what, answers, book.params, self._stands, failure)
        queue = None if self.outbox is None else self.outbox.of_cycle(self._told)
        recorder.beside = partial(self._beside, [*rows, *said], given, queue)
        recorder.record(stretch, aside_of(answers, book.symbols))
        return self._committed()

    @property
    def is_undone(self) -> bool:
        """Whether a cycle is decided and not stored."""
        return self._recorder is not None and self._recorder.is_pending

    def commit(self) -> Told:
        """Try again to store the cycle that could not be stored, and return what it came to."""
        assert self._recorder is not None, "there is a cycle to be stored"
        self._recorder.commit()
        return self._committed()

    def note_interruption(self) -> None:
        """Say of the run that this process went on with that nobody does now; what keeps the store from that
        hides nothing."""
        if self._recorder is not None:
            self._recorder.note_interruption()

    def _committed(self) -> Told:
        assert self._told is not None, "the cycle that was committed"
        self._stands = self._told.time
        return self._told

    def _asking(self, deadline: float, now: int) -> Asking:
        book, symbols = self._book, self.settings.exchange.symbols
        lasts = self.settings.exchange.rules_cache_ttl_sec
        known = self._pairs.symbols if self._pairs else (book.symbols if book else ())
        return Asking(
            symbols=symbols,
            candidates=known,
            lookback=self.settings.stage7.vol_lookback,
            deadline_seconds=deadline,
            first=() if book is None else held(book),
            then=self._selected,
            last_bars=self.alignment.last(BAR60),
            own_bars=None if self.strategy is None else self.strategy.wanted(),
            touches_since=self.alignment.since(BOOK),
            grids=grids(known, self._rules),
            rules_due=self._rules_of is None or abs(now - self._rules_of) >= lasts,
            since_last_seconds=None if self._stands is None else max(0, now - self._stands),
            among=lambda told: self._all(told.pairs).symbols if self._usable(told) else known,
        )

    # -- Symbols, rules and runs ----------------------------------------------------------------------

    @property
    def _book(self) -> Book | None:
        """The book as it stands; None before its first cycle."""
        if self._recorder is not None:
            return self._recorder.run.book
        return self._left

    def _usable(self, metadata: Metadata | None) -> Metadata | None:
        """Return metadata that name pairs, or that there is a book for: all of its own are missing then."""
        return metadata if metadata is not None and (metadata.pairs or self._book is not None) else None

    def _all(self, named: Mapping[str, Any], without: Collection[str] = ()) -> Pairs:
        return all_pairs(named, self.settings, self._book, without)

    def _choose(self, named: Mapping[str, Any], time: int) -> Pairs:
        """Return the pairs of a cycle by metadata that came.

        A pair that they do not name any more, or that settings leave out, stays a while: metadata may
        flicker, and another symbol is another run. Where nothing is held or on order of it, it leaves with a
        run that begins anyway, or with the first cycle of a day once nothing was seen of it for a day.
        """
        pairs = self._all(named)
        idle = idle_pairs(pairs, named, self._book)
        if not idle:
            return pairs
        if not self._goes_on_under(self._terms(pairs)):
            return self._all(named, idle)
        seen = [self.alignment.since(kind) for kind in KINDS]
        newest = {symbol: max(stamps.get(symbol, 0) for stamps in seen) for symbol in idle}
        left = left_pairs(pairs, named, self._book, newest, time)
        return self._all(named, left) if left else pairs

    def _goes_on_under(self, terms: RunTerms) -> bool:
        """Whether the next cycle belongs to the run that the book is in."""
        if self._recorder is not None:
            return same_terms(self._recorder.run.terms, terms)
        with self.store.read() as reads:
            book = pick_book(reads, self.name)
            return goes_on_under(reads, self.codec, book, terms, self.about["code_version"])

    def _has_settings_of(self, reads: Reads, book: BookRow) -> bool:
        """Whether the last run of a book goes on, with nothing else that its rules were made with."""
        terms, row = self._terms(carried_pairs(self._left)), reads.run(book.run_id or "")
        goes_on = goes_on_under(reads, self.codec, book, terms, self.about["code_version"])
        return goes_on and row is not None and row["settings_sha256"] == terms.settings_sha256()

    def _terms(self, pairs: Pairs) -> RunTerms:
        return RunTerms(
            DRY_RUN,
            self.settings,
            pairs,
            step_seconds=None,
            source=f"book {self.name}",
            source_sha256=content_hash(["book", self.name]),
            manifest=self.source,
            seed=self.seed,
            adapt=self.adapt,
            strategy=None if self.strategy is None else self.strategy.identity,
        )

    def _go_on_with(self, terms: RunTerms) -> tuple[Recorder, bool]:
        """Return what records the cycles of the run of these terms, and whether it begins with the next."""
        if self._recorder is not None and same_terms(self._recorder.run.terms, terms):
            return self._recorder, False
        # The run before is complete with the first cycle of this one, in its unit of work.
        with self.store.read() as reads:
            book = require_open(pick_book(reads, self.name))
            run = next_in_book(reads, self.codec, book, terms, self.about["code_version"])
            self._weighing = weighing_in(self.strategy, reads, run, self._weighing or self._failed)
        self._recorder = recorder = Recorder(
            self.store,
            run,
            self.codec,
            self.about,
            FULL,
            cycles=1,
            beside=self._still_ours,
            hold=self.hold,
            has_aside=True,
            bars=None if self._weighing is None else self._weighing.seen_first,
            marks=self.marks,
        )
        return recorder, not run.stored

    def _still_ours(self, work: UnitOfWork, stretch: StoredStretch | None) -> None:
        self.hold(work, self._stands)

    def _beside(
        self,
        rows: Sequence[SeenRow],
        given: Outside,
        queue: Callable[[UnitOfWork], None] | None,
        work: UnitOfWork,
        stretch: StoredStretch | None,
    ) -> None:
        """Write what belongs to a cycle beside its own rows, after a look whether the book is still ours."""
        self._still_ours(work, stretch)
        if stretch is None:
            return
        insert_seen(work, self.codec, self.name, rows)
        use_up(work, given.resets, stretch.run_id)
        if queue is not None:
            queue(work)


def same_terms(some: RunTerms, others: RunTerms) -> bool:
    """Whether the next cycle of a run of some terms may have others."""
    return (some.params, some.pairs.symbols) == (others.params, others.pairs.symbols)
